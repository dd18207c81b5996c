#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/crew.h"
#include "cli/launch.h"
#include "cli/limits.h"
#include "cli/measurer.h"
#include "cli/room.h"
#include "cli/work.h"
#include "num/blas.h"
#include "par/par.h"
#include "stamp.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what the options say ---- */

/* "5" or "5%" of the jobs. */
static bool parse_failures(const char *text, size_t jobs, size_t *out)
{
    char *end;
    double value = strtod(text, &end);
    bool percent = !strcmp(end, "%");
    if (end == text || (*end && !percent) || !(value >= 0) || value > 1e12) return false;
    *out = (size_t)(percent ? value / 100 * (double)jobs : value);
    return true;
}

/* Rank 0 reads them; what the others need to know is told to them. */
static int parse_options(const struct cli *c, struct crew *crew, double *left)
{
    const char *failures = cli_value(c, "max-failures");
    struct err e = { 0 };
    crew->max_failures = SIZE_MAX;
    crew->retry_failed = cli_value(c, "retry-failed") != NULL;
    crew->sheet.retrain = cli_value(c, "retrain") != NULL;
    crew->resume_every = limits_span(c, "resume-every", 60, &e);
    crew->commit_every = limits_span(c, "commit-every", 1, &e);
    *left = limits_left(c, &e);
    if (failures && !parse_failures(failures, crew->sheet.plan.jobs, &crew->max_failures))
        err_set(&e, ERR_SPEC, "--max-failures is '%s'; allowed: a number of jobs, or a percentage like 5%%",
                failures);
    return e.kind ? cli_fail(&e) : 0;
}

static void tell_options(struct crew *crew, double left)
{
    double told[] = { crew->resume_every, left, crew->commit_every };
    MPI_MUST(MPI_Bcast(told, ARRAY_LEN(told), MPI_DOUBLE, 0, MPI_COMM_WORLD));
    crew->resume_every = told[0];
    crew->deadline = clock_wall() + told[1];
    crew->commit_every = told[2];
}

/* ---- rank 0, before the others join ---- */

static const char *const *provenance(const struct cli *c)
{
    static char cpu[128] = "unknown", started[32], host[128], command[4096];
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "model name : %127[^\n]", cpu) == 1) break;
    if (f) fclose(f);
    text_brief(host, sizeof host, "%s", par_host());
    static const char *list[][2] = { { "git_changed", NULL },
                                     { "blas", NULL },
                                     { "command_line", NULL },
                                     { "slurm_job", NULL },
                                     { "tombola_version", STAMP_VERSION },
                                     { "git", STAMP_GIT },
                                     { "compiler", STAMP_COMPILER },
                                     { "compiler_flags", STAMP_CFLAGS },
                                     { "mpi", STAMP_MPI },
                                     { "hdf5", STAMP_HDF5 },
                                     { "libyaml", STAMP_YAML },
                                     { "cpu", cpu },
                                     { "host", host },
                                     { "created", started },
                                     { NULL, NULL } };
    list[0][1] = STAMP_DIRTY ? "yes" : "no";
    list[1][1] = blas_version();
    text_brief(command, sizeof command, "%s", c->command_line);
    list[2][1] = command;
    list[3][1] = launch_slurm_job();
    clock_iso(clock_unix(), started);
    return &list[0][0];
}

/* Only the default folder is made; any other must be there, because a typo is likelier than a wish. */
static int make_results_folder(const struct cli *c, struct err *e)
{
    if (cli_value(c, "store") || !mkdir("results", 0777) || errno == EEXIST) return 0;
    return err_set(e, ERR_IO, "cannot make the folder 'results': %s", strerror(errno));
}

static int prepare(struct crew *crew, const struct cli *c, struct err *e)
{
    struct sheet *s = &crew->sheet;
    const struct plan *p = &s->plan;
    if (make_results_folder(c, e) || room_for_files(s->store, e) || crew_take_store(crew, e) || sheet_look(s, e) ||
        room_in_memory(s, crew->ranks_here, e) || room_on_disk(s, crew->ranks, e))
        return -1;
    sheet_warn(s);
    struct store_text *sweep = ARENA_NEW(&s->arena, sweep_files(p->sweep), struct store_text);
    for (size_t i = 0; i < sweep_files(p->sweep); i++) {
        const struct sweep_file *file = sweep_file(p->sweep, i);
        sweep[i] = (struct store_text){ file->name, file->text };
    }
    struct store_need need = { .families = p->families,
                               .family = p->family,
                               .jobs = p->jobs,
                               .ctx = &s->plan,
                               .job = plan_describe,
                               .fate = s->fate,
                               .grid = p->grid,
                               .grids = sweep_grids(p->sweep),
                               .use = p->use,
                               .uses = p->uses,
                               .sweep = sweep,
                               .sweeps = sweep_files(p->sweep),
                               .command_line = c->command_line,
                               .repair = cli_value(c, "repair") != NULL,
                               .retry = crew->retry_failed,
                               .provenance = provenance(c),
                               .lock = crew->lock };
    need.spec = spec_columns(&need.spec_size);
    struct id *id = ARENA_NEW(&s->arena, p->jobs + 1, struct id);
    for (size_t i = 0; i < p->jobs; i++) {
        id[i] = p->job[i].id;
        p->family[p->job[i].family].rows += s->state[i] == JOB_UNUSED || s->fate[i];
    }
    need.id = id;
    crew->row = ARENA_NEW(&s->arena, p->jobs + 1, uint32_t);
    return store_prepare(s->store, &need, crew->row, e) || measurer_prepare(crew, e) ? -1 : 0;
}

static int open_all(struct crew *crew, const struct cli *c, struct err *e)
{
    crew_open_inputs(crew);
    if (crew->rank == 0) prepare(crew, c, e);
    return par_agree(MPI_COMM_WORLD, e) ? -1 : crew_open_store(crew, e);
}

/* ---- the command ---- */

static int sweep_it(struct crew *crew, const struct cli *c)
{
    struct err e = { 0 };
    int code = 0;
    if (open_all(crew, c, &e)) {
        code = err_exit_code(&e);
        if (crew->rank == 0) cli_fail(&e);
    } else {
        code = work_on(crew);
    }
    crew_leave_store(crew);
    return code;
}

static int run_run(const struct cli *c)
{
    static struct crew crew;
    double left = INFINITY;
    int code = 0;
    crew_catch_signals(); /* before all else: one that comes early is no kill */
    MPI_MUST(MPI_Init(NULL, NULL));
    MPI_MUST(MPI_Comm_rank(MPI_COMM_WORLD, &crew.rank));
    MPI_MUST(MPI_Comm_size(MPI_COMM_WORLD, &crew.ranks));
    crew.ranks_here = par_ranks_here(MPI_COMM_WORLD);
    log_join(crew.rank, crew.ranks);
    code = launch_check(crew.rank, crew.ranks);
    if (crew.rank == 0) {
        if (!code) code = sheet_plan(&crew.sheet, c);
        if (!code) code = parse_options(c, &crew, &left);
    }
    tell_options(&crew, left);
    MPI_MUST(MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD));
    if (!code) code = sweep_it(&crew, c);
    sheet_close(&crew.sheet);
    crew_end_mpi(&crew, code);
    return code;
}

static const struct cli_option options[] = {
    { "store", "FILE", "the store (default: results/NAME.h5)" },
    { "only", "GRIDS", "the jobs of these grids (names between commas), and what they are made from" },
    { "where", "SQL",
      "the jobs for which that is so, as seed < 3 AND training.lr = 0.01, and what they are made from" },
    { "time-left", "D", "stop early and exactly resumable after D: seconds, or 30m, 2h, 1d" },
    { "margin", "D", "leave so long before the Slurm job ends, unless --time-left says when (default: 60)" },
    { "resume-every", "D", "write a resume point of each running job so often (default: 60)" },
    { "commit-every", "D", "bring finished jobs to the disk so often (default: 1); a crash costs those since then" },
    { "max-failures", "N", "stop when more than N jobs, or N%, have failed" },
    { "retry-failed", NULL, "train failed jobs again" },
    { "retrain", NULL, "train finished jobs again that were recorded with less than the sweep file asks for now" },
    { "repair", NULL, "verify the store; train damaged jobs again, beside what is left of them" },
    { .name = NULL },
};

const struct command command_run = {
    .name = "run",
    .args = "SWEEP.yaml [--store S]",
    .summary = "train what the store does not hold yet",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .help =
        "Start it alone (one core) or under mpirun (a job per rank at a time):\n"
        "    mpirun -n 8 tombola run sweeps/quick.yaml\n"
        "The same command again goes on where it was stopped or killed, and trains only what is missing.\n"
        "--only and --where train a part of the sweep into the same store, the rest may come later: see `tombola "
        "plan\n"
        "--help`.\n"
        "USR1, TERM, HUP and INT make every rank write a resume point and leave (exit 75), as does the end of the\n"
        "Slurm job that it runs in, or --time-left; a second INT ends it at once (exit 130), as safely as a kill.\n"
        "Under nohup, HUP stays ignored.\n"
        "Where the store holds finished jobs with less than the file asks for now (evaluations less often, fewer\n"
        "checkpoints), t_mem and t_gen are found again from the curves, and measures from the checkpoints.  What "
        "cannot\n"
        "be had so is said, by `tombola plan` too; all else is done, the exit code is 3, and --retrain trains these\n"
        "jobs again, each beside its old results until it is done.\n"
        "Signals of a run under mpirun go to mpirun, whose own exit code is 1 after TERM, HUP or INT,\n"
        "and 75 after USR1.\n"
        "A job is done when its results are on the disk.  One whose process is known to have died 3 times in\n"
        "training it, without a resume point between, is failed; jobs made from a failed one wait until it has been\n"
        "trained.  After the third unclean end at which a job was being trained it is trained alone until its next\n"
        "resume point.\n",
    .run = run_run,
};
