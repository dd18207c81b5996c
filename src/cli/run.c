#include "base/clock.h"
#include "base/text.h"
#include "cli/launch.h"
#include "cli/limits.h"
#include "cli/measurer.h"
#include "cli/room.h"
#include "cli/session.h"
#include "cli/work.h"
#include "num/blas.h"
#include "par/par.h"
#include "stamp.h"

#include <errno.h>
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

/* Only the default folder is made; any other must be there, because a typo is likelier than a wish. */
static int make_results_folder(const struct cli *c, struct err *e)
{
    if (cli_value(c, "store") || !mkdir("results", 0777) || errno == EEXIST) return 0;
    return err_set(e, ERR_IO, "cannot make the folder 'results': %s", strerror(errno));
}

static int begin(struct session *s, const struct cli *c)
{
    const char *failures = cli_value(c, "max-failures");
    struct err e = { 0 };
    const int code = sheet_plan(&s->sheet, c);
    if (code) return code;
    s->max_failures = SIZE_MAX;
    s->retry_failed = cli_value(c, "retry-failed") != NULL;
    s->sheet.retrain = cli_value(c, "retrain") != NULL;
    s->resume_every = limits_span(c, "resume-every", 60, &e);
    s->commit_every = limits_span(c, "commit-every", 1, &e);
    s->left = limits_left(c, &e);
    if (failures && !parse_failures(failures, s->sheet.plan.jobs, &s->max_failures))
        err_set(&e, ERR_SPEC, "--max-failures is '%s'; allowed: a number of jobs, or a percentage like 5%%",
                failures);
    if (e.kind || make_results_folder(c, &e) || room_for_files(s->sheet.store, &e)) return cli_fail(&e);
    return 0;
}

/* ---- rank 0, under the lock ---- */

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

static int prepare(struct session *session, const struct cli *c, struct err *e)
{
    struct sheet *s = &session->sheet;
    const struct plan *p = &s->plan;
    if (sheet_look(s, e) || room_in_memory(s, session->ranks_here, e) || room_on_disk(s, session->ranks, e))
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
                               .retry = session->retry_failed,
                               .provenance = provenance(c),
                               .lock = session->lock };
    spec_store(&need.specs);
    struct id *id = ARENA_NEW(&s->arena, p->jobs + 1, struct id);
    for (size_t i = 0; i < p->jobs; i++) {
        id[i] = p->job[i].id;
        p->family[p->job[i].family].rows += s->state[i] == JOB_UNUSED || s->fate[i];
    }
    need.id = id;
    session->row = ARENA_NEW(&s->arena, p->jobs + 1, uint32_t);
    return store_prepare(s->store, &need, session->row, e) || measurer_prepare(session, e) ? -1 : 0;
}

/* ---- the command ---- */

static int work(struct session *session, const struct cli *c)
{
    (void)c;
    return work_on(session);
}

static int run_run(const struct cli *c)
{
    static const struct session_command does = { begin, prepare, work };
    static struct session session;
    return session_run(&session, c, &does);
}

static const struct cli_option options[] = {
    { "store", "FILE", "the store (default: results/NAME.h5)" },
    { "only", "GRIDS", "the jobs of these grids (names between commas), and what they are made from" },
    { "where", "SQL",
      "the jobs for which that is so, as seed < 3 AND training.lr = 0.01, and what they are made from" },
    { "time-left", "D", "stop early and exactly resumable after D: seconds, or 30m, 2h, 1d" },
    { "margin", "D", "leave so long before the Slurm job ends, unless --time-left says when (default: 60)" },
    { "resume-every", "D", "write a resume point of each running job so often (default: 60; 0: as often as it can)" },
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
