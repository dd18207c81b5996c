#include "farm/simulate.h"
#include "farm/coordinator.h"

#include <math.h>

/* A job marks what a child needs, or ends. */
struct simulate_event {
    double at;
    int64_t milestone;
    uint32_t job;
    int rank;
    bool end;
};

/* --- the heap of events --- */

/* What a job marks comes before its end; the rest of the order is only there to be always the same. */
static bool goes_before(const struct simulate_event *a, const struct simulate_event *b)
{
    if (a->at != b->at) return a->at < b->at;
    if (a->end != b->end) return b->end;
    return a->job < b->job;
}

static void put_event(struct simulate *s, struct simulate_event e)
{
    size_t hole = s->events++;
    for (; hole > 0 && goes_before(&e, &s->event[(hole - 1) / 2]); hole = (hole - 1) / 2)
        s->event[hole] = s->event[(hole - 1) / 2];
    s->event[hole] = e;
}

static struct simulate_event take_event(struct simulate *s)
{
    const struct simulate_event top = s->event[0], last = s->event[--s->events];
    size_t hole = 0;
    for (size_t below = 1; below < s->events; below = 2 * hole + 1) {
        if (below + 1 < s->events && goes_before(&s->event[below + 1], &s->event[below])) below++;
        if (!goes_before(&s->event[below], &last)) break;
        s->event[hole] = s->event[below];
        hole = below;
    }
    s->event[hole] = last;
    return top;
}

/* --- a rank that only pretends --- */

/* Those who wait for one thing stand together. */
static void begin(struct simulate *s, int rank, uint32_t job)
{
    struct simulate_event e = { .milestone = FARM_ENDED, .job = job, .rank = rank };
    for (uint32_t i = s->schedule.first[job]; i < s->schedule.first[job + 1]; i++) {
        const struct schedule_wait wait = schedule_wait(&s->schedule, s->schedule.wait[i]);
        const bool again = wait.need == e.milestone;
        e.milestone = wait.need;
        if (wait.need == FARM_ALWAYS || wait.need == FARM_ENDED || again) continue;
        e.at = s->now + s->release[wait.job];
        put_event(s, e);
    }
    e.at = s->now + s->seconds[job];
    e.end = true;
    put_event(s, e);
}

static void say(void *ctx, int to, const struct message *m)
{
    if (m->tag == MSG_JOB) begin(ctx, to, m->job);
}

static double clock_of_events(void *ctx)
{
    return ((const struct simulate *)ctx)->now;
}

static void on_finished(void *ctx, size_t job, enum farm_verdict verdict, int rank)
{
    (void)ctx, (void)job, (void)verdict, (void)rank;
}

static void on_progress(void *ctx, const struct farm_progress *p)
{
    (void)ctx, (void)p;
}

/* --- the whole farm --- */

void simulate_open(struct simulate *s, const struct farm_job *job, const double *seconds, const double *release,
                   size_t count)
{
    *s = (struct simulate){ .job = job, .seconds = seconds, .release = release, .count = count };
    schedule_open(&s->schedule, job, count);
    s->event = ARENA_NEW(&s->schedule.arena, 2 * count, struct simulate_event);
}

void simulate_close(struct simulate *s)
{
    schedule_close(&s->schedule);
}

double simulate_ranks(struct simulate *s, int ranks)
{
    const struct farm_plan plan = { .job = s->job,
                                    .count = s->count,
                                    .max_failures = SIZE_MAX,
                                    .progress_every = (double)INFINITY,
                                    .finished = on_finished,
                                    .progress = on_progress };
    struct coordinator *c = coordinator_open(&plan, (struct mouth){ say, clock_of_events, s, ranks });
    s->now = 0;
    coordinator_act(c);
    while (s->events > 0) {
        const struct simulate_event e = take_event(s);
        s->now = e.at;
        coordinator_hear(
            c, e.rank,
            &(struct message){
                .tag = e.end ? MSG_END : MSG_MARK, .job = e.job, .milestone = e.milestone, .verdict = FARM_DONE });
        coordinator_act(c);
    }
    coordinator_close(c);
    return s->now;
}

/* When job j can begin at the earliest, and which job it has waited for until then. */
static double earliest(const struct simulate *s, uint32_t j, const double *start, uint32_t *before)
{
    const uint32_t parent = s->job[j].parent, after = s->job[j].after;
    double begin = 0;
    *before = FARM_NO_PARENT;
    if (parent != FARM_NO_PARENT) {
        begin = start[parent] + s->release[j];
        *before = parent;
    }
    if (after != FARM_NO_PARENT && (*before == FARM_NO_PARENT || start[after] + s->seconds[after] > begin)) {
        begin = start[after] + s->seconds[after];
        *before = after;
    }
    return begin;
}

double simulate_critical(const struct simulate *s, uint32_t *last, uint32_t *before)
{
    struct arena arena = { 0 };
    double *start = ARENA_NEW(&arena, s->count + 1, double), most = 0;
    *last = FARM_NO_PARENT;
    for (size_t i = 0; i < s->count; i++) {
        const uint32_t j = s->schedule.order[i];
        start[j] = earliest(s, j, start, &before[j]);
    }
    for (uint32_t j = 0; j < s->count; j++) {
        if (*last != FARM_NO_PARENT && start[j] + s->seconds[j] <= most) continue;
        most = start[j] + s->seconds[j];
        *last = j;
    }
    arena_release(&arena);
    return most;
}
