#include "cli/work.h"
#include "cli/dispatch.h"
#include "cli/measurer.h"
#include "cli/results.h"
#include "farm/farm.h"
#include "job/ending.h"
#include "job/run.h"
#include "par/par.h"

#include <string.h>

/* What every rank does with one job, and what comes of all of them. */

static enum farm_verdict run_job(void *ctx, struct farm *farm, struct farm_label label)
{
    struct session *session = ctx;
    static struct arena arena;
    struct arena_mark m = arena_mark(&arena);
    const struct job_hooks hooks = session_hooks(farm);
    const struct job_run run = { .store = session->store,
                                 .row = label.row,
                                 .parent_row = label.from,
                                 .donor = label.donor,
                                 .end_state = (int)label.keep,
                                 .until = session->until[label.until],
                                 .rank = session->rank,
                                 .resume_every = session->resume_every,
                                 .hooks = &hooks,
                                 .inputs = session->inputs,
                                 .arena = &arena };
    struct err e = { 0 };
    int rc = job_run(&run, &e);
    arena_rewind(&arena, m);
    return rc ? session_verdict(session, run.row, &e) : FARM_DONE;
}

/* Of each watch, one text behind the other. */
static void print_ends(const struct plan *p, struct buf *out)
{
    for (size_t i = 0; i < p->watches; i++) {
        endings_print(&p->watch[i], out);
        buf_add(out, "", 1);
    }
}

/* Every rank knows what the jobs of rank 0's plan are trained to. */
static void share_ends(struct session *s)
{
    struct buf text = { 0 };
    if (s->rank == 0) print_ends(&s->sheet.plan, &text);
    uint64_t told[] = { text.length, s->rank == 0 ? s->sheet.plan.watches : 0 };
    MPI_MUST(MPI_Bcast(told, ARRAY_LEN(told), MPI_UINT64_T, 0, MPI_COMM_WORLD));
    char *at = arena_alloc(&s->sheet.arena, told[0] + 1);
    if (s->rank == 0) memcpy(at, buf_chars(&text), told[0]);
    MPI_MUST(MPI_Bcast(at, (int)told[0], MPI_CHAR, 0, MPI_COMM_WORLD));
    s->until = ARENA_NEW(&s->sheet.arena, told[1] + 1, const char *);
    for (size_t i = 0; i < told[1]; i++, at += strlen(at) + 1) s->until[i] = at;
    buf_release(&text);
}

int work_on(struct session *session)
{
    struct farm_plan plan = { 0 };
    bool stopped;
    size_t failures;
    int code = 0;
    if (session->rank == 0) {
        dispatch_open(session, &plan);
        dispatch_find_inputs(&plan);
    }
    session_share_inputs(session);
    share_ends(session);
    const struct farm_work work = { session, run_job, session_should_stop, session_tend };
    farm_run(MPI_COMM_WORLD, session->rank == 0 ? &plan : NULL, &work, &stopped, &failures);
    if (session->rank == 0) code = dispatch_code(&plan, stopped);
    code = session_close_work(session, code);
    if (session->rank == 0) {
        struct err e = { 0 };
        if ((code == EXIT_DONE || code == EXIT_LACKING) && results_settle(session, &e)) code = cli_fail(&e);
        if (code == EXIT_DONE && session->sheet.shortfall.behind) code = EXIT_LACKING;
        dispatch_sum_up(&plan, stopped, code);
    }
    code = measurer_make_up(session, code);
    if (session->rank == 0) code = measurer_code(session, code);
    MPI_MUST(MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD));
    return code;
}
