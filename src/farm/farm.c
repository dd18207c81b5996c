#include "farm/farm.h"
#include "base/clock.h"
#include "farm/coordinator.h"
#include "farm/wire.h"
#include "par/par.h"

#include <sched.h>

#define SERVE_EVERY 0.2e-3 /* seconds between two looks at the messages while a job runs */
#define TICK_EVERY  1.0    /* seconds between two reports of a job                       */
#define STAY_AWAKE  0.1e-3 /* seconds after a job before the first nap: a nap is longer than the next job is away */

struct farm {
    const struct farm_work *work;
    MPI_Comm wire;
    int rank, ranks;
    struct coordinator *coordinator; /* rank 0 only */
    double served, reported, ended;  /* when last: looked at messages, told how far a job is, ended one */

    bool has_job;
    uint32_t job;
    struct farm_label label;
    int64_t epoch, epochs; /* of the job; epoch -1: it has not ticked yet */
    int64_t trained;       /* epochs in this run, over all jobs           */

    bool wished, told_to_stop, halted;
    bool left_over;
    uint64_t failures;
};

/* --- what a worker hears --- */

static void on_job(struct farm *f, const struct message *m)
{
    MUST(!f->has_job && !f->halted);
    f->has_job = true;
    f->job = m->job;
    f->label = m->label;
    f->epoch = -1;
    f->epochs = 0;
}

static void on_stop(struct farm *f, const struct message *m)
{
    (void)m;
    f->told_to_stop = true;
}

static void say(void *ctx, int to, const struct message *m);

static void on_halt(struct farm *f, const struct message *m)
{
    MUST(!f->has_job);
    f->halted = true;
    f->left_over = m->left_over;
    f->failures = m->failures;
    say(f, 0, &(struct message){ .tag = MSG_LEFT });
}

static void (*const handle[MSG_COUNT])(struct farm *, const struct message *) = {
    [MSG_JOB] = on_job, [MSG_STOP] = on_stop, [MSG_HALT] = on_halt
};

static void hear(struct farm *f, int from, const struct message *m)
{
    if (handle[m->tag])
        handle[m->tag](f, m);
    else
        coordinator_hear(f->coordinator, from, m);
}

/* Rank 0 hears itself at once, so that one rank alone sends no message. */
static void say(void *ctx, int to, const struct message *m)
{
    struct farm *f = ctx;
    if (to == f->rank)
        hear(f, f->rank, m);
    else
        wire_send(f->wire, to, m);
}

static double clock_of_ranks(void *ctx)
{
    (void)ctx;
    return clock_wall();
}

/* --- the life of a rank --- */

/* All that there is to do besides training; false if that was nothing. */
static bool serve(struct farm *f)
{
    bool heard = false;
    int from;
    struct message m;
    while (f->ranks > 1 && wire_receive(f->wire, &from, &m)) {
        hear(f, from, &m);
        heard = true;
    }
    if (!f->wished && !f->halted && f->work->should_stop && f->work->should_stop(f->work->ctx)) {
        f->wished = f->told_to_stop = true;
        say(f, 0, &(struct message){ .tag = MSG_WISH });
    }
    if (f->work->tend) f->work->tend(f->work->ctx);
    if (f->coordinator) coordinator_act(f->coordinator);
    f->served = clock_wall();
    return heard;
}

static struct message report(const struct farm *f, enum message_tag tag)
{
    return (struct message){
        .tag = (uint8_t)tag, .job = f->job, .epoch = f->epoch, .epochs = f->epochs, .trained = f->trained
    };
}

static void run_job(struct farm *f)
{
    f->reported = clock_wall();
    const enum farm_verdict verdict = f->told_to_stop ? FARM_STOPPED : f->work->run(f->work->ctx, f, f->label);
    struct message end = report(f, MSG_END);
    end.verdict = (uint8_t)verdict;
    f->has_job = false;
    say(f, 0, &end);
    f->ended = clock_wall();
}

void farm_run(MPI_Comm comm, const struct farm_plan *plan, const struct farm_work *work, bool *stopped,
              size_t *failures)
{
    struct farm f = { .work = work, .wire = wire_open(comm) };
    double nap = 0;
    MPI_MUST(MPI_Comm_rank(f.wire, &f.rank));
    MPI_MUST(MPI_Comm_size(f.wire, &f.ranks));
    if (f.rank == 0) f.coordinator = coordinator_open(plan, (struct mouth){ say, clock_of_ranks, &f, f.ranks });
    while (!f.halted || (f.coordinator && !coordinator_is_alone(f.coordinator))) {
        if (serve(&f) || f.has_job) nap = 0;
        if (f.has_job)
            run_job(&f);
        else if (f.served - f.ended < STAY_AWAKE)
            sched_yield();
        else
            par_nap(&nap);
    }
    *stopped = f.left_over;
    *failures = f.failures;
    if (f.coordinator) coordinator_close(f.coordinator);
    wire_close(&f.wire);
}

void farm_mark(struct farm *f, int64_t milestone)
{
    say(f, 0, &(struct message){ .tag = MSG_MARK, .job = f->job, .milestone = milestone });
}

void farm_clear(struct farm *f)
{
    say(f, 0, &(struct message){ .tag = MSG_CLEAR, .job = f->job });
}

bool farm_tick(struct farm *f, int64_t epoch, int64_t epochs)
{
    if (f->epoch >= 0 && epoch > f->epoch) f->trained += epoch - f->epoch;
    f->epoch = epoch;
    f->epochs = epochs;
    const double now = clock_wall();
    if (now - f->served < SERVE_EVERY) return f->told_to_stop;
    if (now - f->reported >= TICK_EVERY) {
        const struct message tick = report(f, MSG_TICK);
        say(f, 0, &tick);
        f->reported = now;
    }
    serve(f);
    return f->told_to_stop;
}
