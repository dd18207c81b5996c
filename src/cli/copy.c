#include "copy/copy.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/room.h"
#include "job/plan.h"
#include "job/recording.h"
#include "store/lock.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { LISTED = 20 };

/* Damage is named in full, the rest by example. */
static void on_event(void *ctx, enum copy_event event, const char *text)
{
    size_t *said = ctx;
    if (event == COPY_DAMAGED)
        log_warn("damaged: %s", text);
    else if (said[event]++ < LISTED)
        log_run("%s%s", text, event == COPY_MEASURED ? ": measured with other options, and left out" : "");
}

static void judge(const struct store_family *family, double *threshold, int64_t *spacing)
{
    struct arena a = { 0 };
    struct watch w;
    struct err ignored = { 0 };
    if (!watch_parse(&w, family, &a, &ignored)) {
        *threshold = w.judge[0].threshold;
        *spacing = clock_spacing_number(w.clock, w.judge[0].eval_every);
    }
    arena_release(&a);
}

static int check_places(const struct cli *c, const char *out, size_t stores, struct err *e)
{
    struct stat st, from[CLI_ARGS];
    const bool there = !stat(out, &st);
    for (size_t i = 0; i < stores; i++) {
        bool same = false;
        if (stat(c->arg[i], &from[i])) continue; /* opening it will say why */
        for (size_t j = 0; j < i; j++)
            same = same || (from[j].st_ino == from[i].st_ino && from[j].st_dev == from[i].st_dev);
        if (same) return err_set(e, ERR_SPEC, "'%s' is given twice", c->arg[i]);
        if (there && st.st_ino == from[i].st_ino && st.st_dev == from[i].st_dev)
            return err_set(e, ERR_SPEC, "'%s' cannot be copied to itself", c->arg[i]);
    }
    if (there && !S_ISREG(st.st_mode)) return err_set(e, ERR_SPEC, "'%s' is not a regular file", out);
    if (there && !cli_value(c, "force"))
        return err_set(e, ERR_SPEC, "'%s' is there already; --force replaces it", out);
    return there ? 0 : room_for_files(out, e);
}

static double megabytes(const char *path)
{
    struct stat st;
    return stat(path, &st) ? 0 : (double)st.st_blocks * 512 / 1e6;
}

static void say_chosen(const struct copy_totals *t)
{
    log_run("chosen: %zu of %zu jobs; with them, since they are made from these: %zu", t->chosen, t->of, t->along);
    log_run("left out: %zu jobs (%zu finished), %zu of %zu grids, %zu of %zu sweep files", t->left, t->left_finished,
            t->grids - t->grids_kept, t->grids, t->sweeps - t->sweeps_kept, t->sweeps);
}

static void sum_up(const char *out, const struct copy_wish *wish, const struct copy_totals *t)
{
    double from = 0;
    for (size_t i = 0; i < wish->stores; i++) from += megabytes(wish->from[i]);
    if (wish->grids || wish->where) say_chosen(t);
    log_run("%s: %zu jobs, %zu finished, %.1f MB from %.1f MB", out, t->jobs, t->finished, megabytes(out), from);
    if (t->unfinished) log_run("%zu jobs that had not finished are not in it", t->unfinished);
    if (t->shared)
        log_run("%zu jobs were done in more than one store, %zu of them with other bits, %zu recorded otherwise; the "
                "first store's are kept",
                t->shared, t->event[COPY_DIFFERENT], t->event[COPY_RECORDED]);
    if (t->event[COPY_DAMAGED]) log_warn("%zu damaged places were left out", t->event[COPY_DAMAGED]);
}

static int copy(const struct cli *c, bool archive)
{
    const char *out = cli_value(c, "output");
    size_t stores = 0, said[COPY_EVENTS] = { 0 };
    while (stores < CLI_ARGS && c->arg[stores]) stores++;
    struct buf where = { 0 };
    struct copy_wish wish = { .from = c->arg,
                              .stores = stores,
                              .archive = archive,
                              .grids = cli_value(c, "grid"),
                              .ctx = said,
                              .say = on_event,
                              .judge = judge,
                              .check = family_verify };
    spec_store(&wish.specs);
    struct copy_totals totals;
    struct lock *lock = NULL;
    struct err e = { 0 };
    if (cli_value(c, "where")) {
        plan_condition(cli_value(c, "where"), &where);
        wish.where = buf_chars(&where);
    }
    if (!out)
        err_set(&e, ERR_SPEC, "%s needs --output FILE", c->command->name);
    else if (!check_places(c, out, stores, &e) && !lock_take_any(&lock, out, &e)) {
        wish.replace = lock_has_file(lock);
        if (!copy_store(lock_path(lock), &wish, &totals, &e)) {
            lock_verified(lock); /* what could be doubted was replaced */
            sum_up(out, &wish, &totals);
        }
    }
    lock_release(lock);
    buf_release(&where);
    return e.kind ? cli_fail(&e) : totals.event[COPY_DAMAGED] ? EXIT_DAMAGE : EXIT_DONE;
}

static int run_compact(const struct cli *c)
{
    return copy(c, true);
}

static int run_merge(const struct cli *c)
{
    return copy(c, false);
}

static const struct cli_option options[] = {
    { "output", "FILE", "where the copy goes" },
    { "force", NULL, "replace the file that is there" },
    { "grid", "GRIDS", "only the jobs of these grids (names between commas), and what they are made from" },
    { "where", "SQL",
      "only the jobs for which that is so, as state = 'done' AND t_gen > 1000, and what they are made from" },
    { .name = NULL },
};

const struct command command_compact = {
    .name = "compact",
    .args = "STORE --output FILE",
    .summary = "a compressed copy of what has finished, for keeping",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .help =
        "The archive has the jobs that are done, failed, blocked or skipped, with all of their data, and the "
        "sweeps;\n"
        "every command that reads a store reads it, and so does h5py.  Jobs that have not finished are left\n"
        "out, except parents of finished ones, which stay as pending.  Nothing can be run into it; `tombola\n"
        "merge` makes a store of it again.  A run may go on meanwhile.  Every checksum is checked: what is\n"
        "damaged is named and left out (exit code 5).  FILE appears when it is whole.\n"
        "--grid and --where leave the rest of the store out.  The condition is over the table jobs of `tombola\n"
        "query`, results too, or has names of the sweep file, like training.lr.  What the chosen jobs are made "
        "from\n"
        "comes along, for `show`, `measure` and later runs; of the grids only those of --grid stay, "
        "and\n"
        "of the sweep files those of which a job is left.  What that leaves out is said in numbers; if it leaves\n"
        "nothing, nothing is written (exit code 2).\n",
    .run = run_compact,
};

const struct command command_merge = {
    .name = "merge",
    .args = "STORE [STORE ...] --output FILE",
    .summary = "one store of several, or of an archive, that can be run on",
    .min_args = 1,
    .max_args = CLI_ARGS,
    .options = options,
    .help = "Every job once, by its id: a finished one is preferred to one that is not, else that which was\n"
            "trained longest, else that of the first store.  A job that is done in two stores with different\n"
            "bits (on another type of machine), or recorded otherwise, is named.  All grids and sweeps are\n"
            "kept.  What no store has finished goes on from its last resume point with the next `tombola run` (from\n"
            "the beginning, if it is of store format 1, which this makes format 2 of);\n"
            "what is damaged in every store that has it (exit code 5) begins anew.  Runs may go on meanwhile.\n"
            "FILE appears when it is whole.  --grid and --where choose as in compact, finished or not; it is enough\n"
            "if the condition holds in one of the stores.\n",
    .run = run_merge,
};
