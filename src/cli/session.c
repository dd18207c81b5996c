#include "cli/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/launch.h"
#include "cli/room.h"
#include "farm/farm.h"
#include "job/data.h"
#include "par/par.h"
#include "store/crash.h"

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

static void catch_signals(void)
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

bool session_should_stop(void *ctx)
{
    const struct session *s = ctx;
    return stop_asked || s->error.kind || clock_wall() > s->deadline;
}

/* ---- the store ---- */

static int take_store(struct session *s, struct err *e)
{
    if (launch_check_store(s->sheet.store, s->ranks_here < s->ranks, e)) return -1;
    if (lock_take(&s->lock, s->sheet.store, e)) return -1;
    lock_at_work = s->lock;
    if (sheet_set_store(&s->sheet, lock_path(s->lock), e)) return -1;
    return store_recover(s->sheet.store, s->lock, e);
}

static int open_store(struct session *s, struct err *e)
{
    uint64_t run = s->rank == 0 ? lock_run(s->lock) : 0;
    MPI_MUST(MPI_Bcast(s->sheet.store, sizeof s->sheet.store, MPI_CHAR, 0, MPI_COMM_WORLD));
    MPI_MUST(MPI_Bcast(&run, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD));
    if (store_open(&s->store, MPI_COMM_WORLD, s->sheet.store, run, e)) return -1;
    if (s->rank == 0) UNLOOKED(lock_beat(s->lock, e)); /* from now on the file keeps its size */
    if (par_agree(MPI_COMM_WORLD, e)) return -1;
    store_settle_every(s->store, s->commit_every);
    crash_watch(s->store);
    return 0;
}

static void leave_store(struct session *s)
{
    input_table_free(s->inputs);
    crash_forget();
    store_close(s->store);
    lock_at_work = NULL;
    lock_release(s->lock);
}

/* ---- input files ---- */

void session_open_inputs(struct session *s)
{
    const uint64_t mine = room_for_inputs(s->ranks_here);
    uint64_t least;
    MPI_Request request;
    MPI_MUST(MPI_Iallreduce(&mine, &least, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD, &request));
    par_wait(&request);
    s->inputs = input_table_new((size_t)least);
}

bool session_inputs_stop(struct session *s)
{
    static double beaten;
    if (clock_wall() - beaten > 1) {
        session_beat(s);
        beaten = clock_wall();
    }
    const bool stop = session_should_stop(s);
    if (stop) input_table_stop(s->inputs);
    return stop;
}

void session_share_inputs(struct session *s)
{
    input_table_share(s->inputs, MPI_COMM_WORLD);
    const struct input_table_facts f = input_table_facts(s->inputs);
    if (s->rank == 0 && f.unsent)
        log_warn("%zu datasets of input files are packed, and there is no memory to send them to every rank: ranks "
                 "open these files job by job; saved without compression, in one piece, they are read in place",
                 f.unsent);
}

void session_tend(void *ctx)
{
    struct session *s = ctx;
    if (!s->error.kind) UNLOOKED(store_settle(s->store, false, &s->error)); /* session_close_work looks at it */
}

/* ---- one job ---- */

static void on_mark(void *farm, int64_t milestone)
{
    farm_mark(farm, milestone);
}

static void on_saved(void *farm)
{
    farm_clear(farm);
}

static bool on_tick(void *farm, int64_t epoch, int64_t epochs)
{
    return farm_tick(farm, epoch, epochs);
}

struct job_hooks session_hooks(struct farm *farm)
{
    return (struct job_hooks){ farm, on_mark, on_saved, on_tick };
}

char *session_job_text(struct session *s, uint32_t row, char *out, size_t size)
{
    struct store_row r;
    struct job_spec spec;
    struct err e = { 0 };
    char label[64] = "";
    if (store_read_row(s->store, row, &r, NULL, &e)) {
        text_brief(out, size, "in row %u, which cannot be read", (unsigned)row);
        return out;
    }
    if (!job_spec_read(&spec, s->store, row, r.id, &e)) spec_label(&spec, label, sizeof label);
    text_brief(out, size, "%.8s %s, %.*s, %.*s, %.*s", r.id, label, STORE_NAME, r.task, STORE_NAME, r.model,
               STORE_NAME, r.training);
    return out;
}

enum farm_verdict session_verdict(struct session *s, uint32_t row, const struct err *e)
{
    char text[1024], name[SESSION_JOB];
    if (e->kind == ERR_STOPPED) return FARM_STOPPED;
    if (e->kind == ERR_DIVERGED || e->kind == ERR_JOB || e->kind == ERR_SPEC) {
        log_warn("job %s, failed: %s", session_job_text(s, row, name, sizeof name), err_text(e, text, sizeof text));
        return FARM_FAILED;
    }
    if (!s->error.kind) s->error = *e; /* the store cannot be written: nobody can go on, so everybody stops */
    return FARM_STOPPED;
}

void session_look_at_pace(const struct session *s, struct pace *out)
{
    const size_t rows = store_rows(s->store), families = store_families(s->store);
    struct store_row *row = calloc(rows + 1, sizeof *row);
    struct pace_group *group = calloc(families + 1, sizeof *group);
    struct err e = { 0 };
    size_t bad;
    if (row && group && !store_read_rows(s->store, row, NULL, &bad, &e)) {
        pace_open(group, s->store);
        for (size_t i = 0; i < s->sheet.plan.jobs; i++) pace_add(group, &row[s->row[i]]);
        *out = pace_of(group, families);
    }
    free(row);
    free(group);
}

void session_beat(const struct session *s)
{
    struct err e = { 0 };
    if (!lock_beat(s->lock, &e)) return;
    MPI_Abort(MPI_COMM_WORLD, cli_fail(&e));
}

int session_close_work(struct session *s, int code)
{
    struct err *e = &s->error;
    if (!e->kind) UNLOOKED(store_finish(s->store, e)); /* par_agree looks at *e */
    bool trouble = par_agree(MPI_COMM_WORLD, e);
    if (!trouble) {
        if (s->rank == 0) UNLOOKED(lock_beat(s->lock, e));
        trouble = par_agree(MPI_COMM_WORLD, e);
    }
    if (trouble && s->rank == 0) {
        code = cli_fail(e);
        if (e->kind == ERR_IO) code = EXIT_DAMAGE;
        if (e->kind == ERR_FULL)
            log_error("the disk is full; what is committed is safe: make room, and the same command goes on");
    }
    MPI_MUST(MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD));
    return code;
}

/* A file that HDF5 could not finish stays in its books, and its part of MPI_Finalize would stumble over it: then all
 * ranks leave at once. */
static void end_mpi(const struct session *s, int code)
{
    int broken = s->rank == 0 && store_left_open();
    MPI_MUST(MPI_Bcast(&broken, 1, MPI_INT, 0, MPI_COMM_WORLD));
    if (!broken) {
        MPI_MUST(MPI_Finalize());
        return;
    }
    MPI_MUST(MPI_Barrier(MPI_COMM_WORLD));
    fflush(NULL);
    _exit(code);
}

/* ---- the whole ---- */

static void tell_all(struct session *s, int *code)
{
    double told[] = { s->left, s->resume_every, s->commit_every, *code };
    MPI_MUST(MPI_Bcast(told, ARRAY_LEN(told), MPI_DOUBLE, 0, MPI_COMM_WORLD));
    s->deadline = clock_wall() + told[0];
    s->resume_every = told[1];
    s->commit_every = told[2];
    *code = (int)told[3];
}

static int fail(const struct session *s, const struct err *e)
{
    int code = 0;
    if (s->rank == 0) code = s->errors && s->errors->count ? cli_fail_list(s->errors) : cli_fail(e);
    MPI_MUST(MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD));
    return code;
}

static int work_in_store(struct session *s, const struct cli *c, const struct session_command *command)
{
    struct err e = { 0 };
    session_open_inputs(s);
    if (s->rank == 0 && !take_store(s, &e)) UNLOOKED(command->prepare(s, c, &e)); /* par_agree looks at e */
    const bool open = !par_agree(MPI_COMM_WORLD, &e) && !open_store(s, &e);
    const int code = open ? command->work(s, c) : fail(s, &e);
    leave_store(s);
    return code;
}

int session_run(struct session *s, const struct cli *c, const struct session_command *command)
{
    catch_signals(); /* before all else: one that comes early is no kill */
    MPI_MUST(MPI_Init(NULL, NULL));
    MPI_MUST(MPI_Comm_rank(MPI_COMM_WORLD, &s->rank));
    MPI_MUST(MPI_Comm_size(MPI_COMM_WORLD, &s->ranks));
    s->ranks_here = par_ranks_here(MPI_COMM_WORLD);
    log_join(s->rank, s->ranks);
    int code = launch_check(s->rank, s->ranks);
    if (s->rank == 0 && !code) code = command->begin(s, c);
    tell_all(s, &code);
    if (!code) code = work_in_store(s, c, command);
    sheet_close(&s->sheet);
    end_mpi(s, code);
    return code;
}
