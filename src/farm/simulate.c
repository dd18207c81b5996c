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

/* Children with one need stand together. */
static void begin(struct simulate *s, int rank, uint32_t job)
{
    const uint32_t *child = s->schedule.child, first = s->schedule.first[job];
    struct simulate_event e = { .job = job, .rank = rank };
    for (uint32_t i = first; i < s->schedule.first[job + 1]; i++) {
        e.milestone = s->job[child[i]].need;
        if (e.milestone == FARM_ALWAYS || (i > first && e.milestone == s->job[child[i - 1]].need)) continue;
        e.at = s->now + s->release[child[i]];
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

double simulate_critical(const struct simulate *s, uint32_t *last)
{
    struct arena arena = { 0 };
    double *start = ARENA_NEW(&arena, s->count + 1, double), most = 0;
    *last = FARM_NO_PARENT;
    for (uint32_t j = 0; j < s->count; j++) {
        const uint32_t parent = s->job[j].parent;
        MUST(parent == FARM_NO_PARENT || parent < j);
        if (parent != FARM_NO_PARENT) start[j] = start[parent] + s->release[j];
        if (*last != FARM_NO_PARENT && start[j] + s->seconds[j] <= most) continue;
        most = start[j] + s->seconds[j];
        *last = j;
    }
    arena_release(&arena);
    return most;
}
