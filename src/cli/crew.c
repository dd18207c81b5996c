#include "cli/crew.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/launch.h"
#include "cli/room.h"
#include "farm/farm.h"
#include "job/data.h"
#include "par/par.h"
#include "store/crash.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- stops ---- */

static volatile sig_atomic_t stop_asked, interrupts;
static struct lock *volatile lock_at_work; /* rank 0 */

static void on_signal(int signal)
{
    stop_asked = signal;
    if (signal != SIGINT || ++interrupts < 2) return;
    if (lock_at_work) lock_disown(lock_at_work); /* its end says nothing about its jobs */
    _exit(EXIT_INTERRUPTED);                     /* as safe as a kill */
}

void crew_catch_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    struct sigaction before;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (!sigaction(SIGHUP, NULL, &before) && before.sa_handler != SIG_IGN) /* as nohup wants it */
        sigaction(SIGHUP, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is then an error of one write */
}

bool crew_should_stop(void *crew)
{
    const struct crew *c = crew;
    return stop_asked || c->error.kind || clock_wall() > c->deadline;
}

/* ---- the store ---- */

int crew_take_store(struct crew *crew, struct err *e)
{
    if (launch_check_store(crew->sheet.store, crew->ranks_here < crew->ranks, e)) return -1;
    if (lock_take(&crew->lock, crew->sheet.store, e)) return -1;
    lock_at_work = crew->lock;
    if (sheet_set_store(&crew->sheet, lock_path(crew->lock), e)) return -1;
    return store_recover(crew->sheet.store, crew->lock, e);
}

int crew_open_store(struct crew *crew, struct err *e)
{
    uint64_t run = crew->rank == 0 ? lock_run(crew->lock) : 0;
    MPI_MUST(MPI_Bcast(crew->sheet.store, sizeof crew->sheet.store, MPI_CHAR, 0, MPI_COMM_WORLD));
    MPI_MUST(MPI_Bcast(&run, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD));
    if (store_open(&crew->store, MPI_COMM_WORLD, crew->sheet.store, run, e)) return -1;
    if (crew->rank == 0) UNLOOKED(lock_beat(crew->lock, e)); /* from now on the file keeps its size */
    if (par_agree(MPI_COMM_WORLD, e)) return -1;
    store_settle_every(crew->store, crew->commit_every);
    crash_watch(crew->store);
    return 0;
}

void crew_leave_store(struct crew *crew)
{
    input_table_free(crew->inputs);
    crash_forget();
    store_close(crew->store);
    lock_at_work = NULL;
    lock_release(crew->lock);
}

/* ---- input files ---- */

void crew_open_inputs(struct crew *crew)
{
    const uint64_t mine = room_for_inputs(crew->ranks_here);
    uint64_t least;
    MPI_Request request;
    MPI_MUST(MPI_Iallreduce(&mine, &least, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD, &request));
    par_wait(&request);
    crew->inputs = input_table_new((size_t)least);
}

bool crew_inputs_stop(struct crew *crew)
{
    static double beaten;
    if (clock_wall() - beaten > 1) {
        crew_beat(crew);
        beaten = clock_wall();
    }
    const bool stop = crew_should_stop(crew);
    if (stop) input_table_stop(crew->inputs);
    return stop;
}

void crew_share_inputs(struct crew *crew)
{
    input_table_share(crew->inputs, MPI_COMM_WORLD);
    const struct input_table_facts f = input_table_facts(crew->inputs);
    if (crew->rank == 0 && f.unsent)
        log_warn("%zu datasets of input files are packed, and there is no memory to send them to every rank: ranks "
                 "open these files job by job; saved without compression, in one piece, they are read in place",
                 f.unsent);
}

void crew_tend(void *ctx)
{
    struct crew *crew = ctx;
    if (!crew->error.kind) UNLOOKED(store_settle(crew->store, false, &crew->error)); /* crew_close_work looks at it */
}

/* ---- one job ---- */

char *crew_job_text(struct crew *crew, uint32_t row, char *out, size_t size)
{
    struct store_row r;
    struct job_spec spec;
    struct err e = { 0 };
    char label[64] = "";
    if (store_read_row(crew->store, row, &r, NULL, &e)) {
        text_brief(out, size, "in row %u, which cannot be read", (unsigned)row);
        return out;
    }
    if (!job_spec_read(&spec, crew->store, row, r.id, &e)) spec_label(&spec, label, sizeof label);
    text_brief(out, size, "%.8s %s, %.*s, %.*s, %.*s", r.id, label, STORE_NAME, r.task, STORE_NAME, r.model,
               STORE_NAME, r.training);
    return out;
}

enum farm_verdict crew_verdict(struct crew *crew, uint32_t row, const struct err *e)
{
    char text[1024], name[CREW_JOB];
    if (e->kind == ERR_STOPPED) return FARM_STOPPED;
    if (e->kind == ERR_DIVERGED || e->kind == ERR_JOB || e->kind == ERR_SPEC) {
        log_warn("job %s, failed: %s", crew_job_text(crew, row, name, sizeof name), err_text(e, text, sizeof text));
        return FARM_FAILED;
    }
    if (!crew->error.kind) crew->error = *e; /* the store cannot be written: nobody can go on, so everybody stops */
    return FARM_STOPPED;
}

void crew_look_at_pace(const struct crew *crew, struct pace *out)
{
    const size_t rows = store_rows(crew->store), families = store_families(crew->store);
    struct store_row *row = calloc(rows + 1, sizeof *row);
    struct pace_group *group = calloc(families + 1, sizeof *group);
    struct err e = { 0 };
    size_t bad;
    if (row && group && !store_read_rows(crew->store, row, NULL, &bad, &e)) {
        for (size_t i = 0; i < crew->sheet.plan.jobs; i++) pace_add(group, &row[crew->row[i]]);
        *out = pace_of(group, families);
    }
    free(row);
    free(group);
}

void crew_beat(const struct crew *crew)
{
    struct err e = { 0 };
    if (!lock_beat(crew->lock, &e)) return;
    MPI_Abort(MPI_COMM_WORLD, cli_fail(&e));
}

int crew_close_work(struct crew *crew, int code)
{
    struct err *e = &crew->error;
    if (!e->kind) UNLOOKED(store_finish(crew->store, e)); /* par_agree looks at *e */
    bool trouble = par_agree(MPI_COMM_WORLD, e);
    if (!trouble) {
        if (crew->rank == 0) UNLOOKED(lock_beat(crew->lock, e));
        trouble = par_agree(MPI_COMM_WORLD, e);
    }
    if (trouble && crew->rank == 0) {
        code = cli_fail(e);
        if (e->kind == ERR_IO) code = EXIT_DAMAGE;
        if (e->kind == ERR_FULL)
            log_error("the disk is full; what is committed is safe: make room, and the same command goes on");
    }
    MPI_MUST(MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD));
    return code;
}

void crew_end_mpi(const struct crew *crew, int code)
{
    int broken = crew->rank == 0 && store_left_open();
    MPI_MUST(MPI_Bcast(&broken, 1, MPI_INT, 0, MPI_COMM_WORLD));
    if (!broken) {
        MPI_MUST(MPI_Finalize());
        return;
    }
    MPI_MUST(MPI_Barrier(MPI_COMM_WORLD));
    fflush(NULL);
    _exit(code);
}
