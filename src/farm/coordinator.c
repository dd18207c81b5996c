#include "farm/coordinator.h"
#include "farm/schedule.h"

struct post { /* a rank's books */
    uint32_t job;
    int64_t trained; /* as last heard             */
    int64_t before;  /* of it in jobs before this */
};

struct coordinator {
    const struct farm_plan *plan;
    struct mouth mouth;
    struct arena arena;
    struct schedule schedule;
    struct post *post;      /* [ranks] */
    struct farm_seat *seat; /* [ranks] */
    int *idle;              /* a stack of ranks without a job, rank 0 never in it */
    int idles;
    bool stopping; /* every rank has been told to leave its job          */
    bool draining; /* no more jobs are handed out, running ones go on    */
    bool halted;
    bool apart; /* a job runs alone, and has not said yet that others may run beside it */
    int left;
    double epochs, cost_total, cost_done;
    double progress_due;
};

static double now(const struct coordinator *c)
{
    return c->mouth.clock(c->mouth.ctx);
}

struct coordinator *coordinator_open(const struct farm_plan *plan, struct mouth mouth)
{
    struct arena arena = { 0 };
    struct coordinator *c = ARENA_NEW(&arena, 1, struct coordinator);
    const size_t ranks = (size_t)mouth.ranks;
    c->plan = plan;
    c->mouth = mouth;
    c->post = ARENA_NEW(&arena, ranks, struct post);
    c->seat = ARENA_NEW(&arena, ranks, struct farm_seat);
    c->idle = ARENA_NEW(&arena, ranks, int);
    c->arena = arena;
    schedule_open(&c->schedule, plan->job, plan->count);
    for (int rank = mouth.ranks - 1; rank > 0; rank--) c->idle[c->idles++] = rank;
    for (size_t j = 0; j < plan->count; j++) c->cost_total += plan->job[j].cost;
    c->progress_due = now(c) + plan->progress_every;
    return c;
}

void coordinator_close(struct coordinator *c)
{
    struct arena arena = c->arena;
    schedule_close(&c->schedule);
    arena_release(&arena);
}

bool coordinator_is_alone(const struct coordinator *c)
{
    return c->left == c->mouth.ranks;
}

static void say(struct coordinator *c, int to, const struct message *m)
{
    c->mouth.say(c->mouth.ctx, to, m);
}

static void say_to_all(struct coordinator *c, const struct message *m)
{
    for (int rank = 0; rank < c->mouth.ranks; rank++) say(c, rank, m);
}

/* --- what is told to the caller --- */

/* The part of its job's cost that a rank has spent in this run; a resumed job's cost is that of its rest. */
static double cost_spent(const struct coordinator *c, int rank)
{
    const double did = (double)(c->post[rank].trained - c->post[rank].before);
    const double rest = (double)(c->seat[rank].epochs - c->seat[rank].epoch);
    return did > 0 ? c->plan->job[c->post[rank].job].cost * did / (did + (rest > 0 ? rest : 0)) : 0;
}

static void show_progress(struct coordinator *c)
{
    const size_t *tally = c->schedule.tally;
    struct farm_progress p = {
        .total = c->plan->count,
        .done = tally[SCHEDULE_DONE],
        .failed = tally[SCHEDULE_FAILED],
        .blocked = tally[SCHEDULE_BLOCKED],
        .running = tally[SCHEDULE_RUNNING],
        .epochs = c->epochs,
        .cost_total = c->cost_total,
        .cost_done = c->cost_done,
        .seat = c->seat,
        .ranks = c->mouth.ranks,
        .stopping = c->stopping || c->draining,
    };
    for (int rank = 0; rank < c->mouth.ranks; rank++)
        if (c->seat[rank].busy) p.cost_done += cost_spent(c, rank);
    c->plan->progress(c->plan->ctx, &p);
    c->progress_due = now(c) + c->plan->progress_every;
}

static void tell_blocked(void *ctx, size_t job)
{
    struct coordinator *c = ctx;
    c->cost_total -= c->plan->job[job].cost;
    c->plan->blocked(c->plan->ctx, job);
}

/* --- what is heard --- */

static void on_mark(struct coordinator *c, int from, const struct message *m)
{
    (void)from;
    schedule_mark(&c->schedule, m->job, m->milestone);
}

static void count_epochs(struct coordinator *c, int from, int64_t trained)
{
    c->epochs += (double)(trained - c->post[from].trained);
    c->post[from].trained = trained;
}

static void on_tick(struct coordinator *c, int from, const struct message *m)
{
    count_epochs(c, from, m->trained);
    c->seat[from].epoch = m->epoch;
    c->seat[from].epochs = m->epochs;
}

static void on_wish(struct coordinator *c, int from, const struct message *m)
{
    (void)from, (void)m;
    if (c->stopping || c->halted) return;
    c->stopping = true;
    say_to_all(c, &(struct message){ .tag = MSG_STOP });
}

static void on_clear(struct coordinator *c, int from, const struct message *m)
{
    (void)from, (void)m;
    c->apart = false;
}

/* What a job that failed had left to do will never be done. */
static void count_cost(struct coordinator *c, int from, enum farm_verdict verdict)
{
    const double cost = c->plan->job[c->post[from].job].cost;
    const double spent = verdict == FARM_DONE ? cost : cost_spent(c, from);
    c->cost_done += spent;
    if (verdict == FARM_FAILED) c->cost_total -= cost - spent;
}

static void on_end(struct coordinator *c, int from, const struct message *m)
{
    const enum farm_verdict verdict = m->verdict;
    on_tick(c, from, m);
    count_cost(c, from, verdict);
    c->seat[from].busy = c->apart = false;
    if (from > 0) c->idle[c->idles++] = from;
    c->plan->finished(c->plan->ctx, m->job, verdict, from);
    schedule_end(&c->schedule, m->job, verdict, tell_blocked, c);
    if (verdict == FARM_STOPPED) on_wish(c, from, m);
    if (c->schedule.tally[SCHEDULE_FAILED] > c->plan->max_failures) c->draining = true;
}

static void on_left(struct coordinator *c, int from, const struct message *m)
{
    (void)from, (void)m;
    c->left++;
}

void coordinator_hear(struct coordinator *c, int from, const struct message *m)
{
    static void (*const handle[MSG_COUNT])(struct coordinator *, int from, const struct message *) = {
        [MSG_MARK] = on_mark, [MSG_TICK] = on_tick, [MSG_CLEAR] = on_clear,
        [MSG_END] = on_end,   [MSG_WISH] = on_wish, [MSG_LEFT] = on_left
    };
    const bool of_a_job = m->tag == MSG_MARK || m->tag == MSG_TICK || m->tag == MSG_CLEAR || m->tag == MSG_END;
    MUST(handle[m->tag]);
    MUST(!of_a_job || (c->seat[from].busy && c->post[from].job == m->job));
    handle[m->tag](c, from, m);
}

/* --- what is done --- */

static void hand_to(struct coordinator *c, int rank, uint32_t job)
{
    const struct farm_label label = c->plan->job[job].label;
    c->seat[rank] = (struct farm_seat){ .label = label, .since = now(c), .busy = true };
    c->post[rank].job = job;
    c->post[rank].before = c->post[rank].trained;
    say(c, rank, &(struct message){ .tag = MSG_JOB, .job = job, .label = label });
}

static int idle_rank(struct coordinator *c)
{
    return c->idles > 0 ? c->idle[--c->idles]
                        : 0; /* rank 0 comes last: while it trains, the others wait for its ticks */
}

/* Those that are to run alone come first where nothing runs yet, and else when nothing runs any more. */
static void hand_out(struct coordinator *c)
{
    const size_t *tally = c->schedule.tally;
    if (c->apart) return;
    if (tally[SCHEDULE_APART] > 0 && tally[SCHEDULE_RUNNING] == 0) {
        c->apart = true;
        hand_to(c, idle_rank(c), schedule_take_apart(&c->schedule));
        return;
    }
    while (tally[SCHEDULE_READY] > 0 && (c->idles > 0 || !c->seat[0].busy))
        hand_to(c, idle_rank(c), schedule_take(&c->schedule));
}

static void halt(struct coordinator *c)
{
    const size_t *tally = c->schedule.tally;
    const size_t ended = tally[SCHEDULE_DONE] + tally[SCHEDULE_FAILED] + tally[SCHEDULE_BLOCKED];
    const bool left_over = ended < c->plan->count;
    MUST(!left_over || c->stopping || c->draining);
    c->halted = true;
    say_to_all(c, &(struct message){ .tag = MSG_HALT, .left_over = left_over, .failures = tally[SCHEDULE_FAILED] });
    show_progress(c);
}

void coordinator_act(struct coordinator *c)
{
    if (c->halted) return;
    if (!c->stopping && !c->draining) hand_out(c);
    if (c->schedule.tally[SCHEDULE_RUNNING] == 0)
        halt(c);
    else if (now(c) >= c->progress_due)
        show_progress(c);
}
