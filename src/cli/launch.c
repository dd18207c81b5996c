#include "cli/launch.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "num/blas.h"
#include "par/par.h"
#include "stamp.h"

#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

/* ---- processes that do not know of each other ---- */

/* Of those, one is to speak. */
static bool is_first_of_launch(void)
{
    static const char *const names[] = { "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *text = getenv(names[i]);
        if (text) return !strcmp(text, "0");
    }
    return true;
}

static bool is_alone(int ranks)
{
    const int promised = par_promised_ranks();
    if (ranks > 1 || promised <= 1) return false;
    if (is_first_of_launch())
        log_error("the launcher started %d processes, but each is alone: it belongs to another MPI than tombola; use "
                  "the mpirun of %s%s",
                  promised, STAMP_MPI,
                  getenv("SLURM_STEP_NUM_TASKS") ? " instead of srun (LAUNCHER=mpirun in slurm/site.sh)" : "");
    return true;
}

/* ---- what each rank knows of itself ---- */

void launch_look(struct launch_rank *self)
{
    cpu_set_t set;
    struct buf program = { 0 };
    memset(self, 0, sizeof *self);
    MUST(text_copy(self->host, sizeof self->host, par_host(), sizeof self->host));
    if (!sched_getaffinity(0, sizeof set, &set))
        for (size_t i = 0; i < LAUNCH_CORES && i < CPU_SETSIZE; i++)
            if (CPU_ISSET(i, &set)) self->core[i / 64] |= UINT64_C(1) << i % 64;
    if (buf_read_file(&program, "/proc/self/exe")) self->program = hash_sum(program.bytes, program.length);
    buf_release(&program);
    self->threads = blas_threads();
}

/* ---- what rank 0 makes of it ---- */

static int count(const uint64_t *core)
{
    int n = 0;
    for (size_t i = 0; i < LAUNCH_CORES / 64; i++) n += __builtin_popcountll(core[i]);
    return n;
}

static bool same_host(const struct launch_rank *a, const struct launch_rank *b)
{
    return !strcmp(a->host, b->host);
}

static bool overlap(const struct launch_rank *a, const struct launch_rank *b)
{
    bool any = false;
    for (size_t i = 0; i < LAUNCH_CORES / 64; i++) any = any || (a->core[i] & b->core[i]);
    return any;
}

/* Masks are equal or apart in practice, so it is enough to count those that overlap this one, and their cores. */
static bool has_no_core_left(const struct launch_rank *all, int r)
{
    uint64_t cores[LAUNCH_CORES / 64] = { 0 };
    int sharing = 0;
    for (int i = 0; i <= r; i++) {
        if (!same_host(&all[i], &all[r]) || !overlap(&all[i], &all[r])) continue;
        sharing++;
        for (size_t w = 0; w < LAUNCH_CORES / 64; w++) cores[w] |= all[i].core[w];
    }
    return sharing > count(cores);
}

int launch_crowded(const struct launch_rank *all, int ranks)
{
    for (int r = 1; r < ranks; r++)
        if (has_no_core_left(all, r)) return r;
    return -1;
}

int launch_same_program(const struct launch_rank *all, int ranks, struct err *e)
{
    for (int r = 1; r < ranks; r++)
        if (all[r].program != all[0].program && all[r].program && all[0].program)
            return err_set(e, ERR_SPEC,
                           "rank %d on '%s' runs another tombola than rank 0 on '%s': put one binary where all hosts "
                           "find it, and do not rebuild it while a run starts",
                           r, all[r].host, all[0].host);
    return 0;
}

static const char *plural(int n)
{
    return n == 1 ? "" : "s";
}

void launch_describe(struct buf *out, const struct launch_rank *all, int ranks)
{
    int hosts = 0, least = LAUNCH_CORES, most = 0, threads = 0;
    for (int r = 0; r < ranks; r++) {
        bool known = false;
        for (int i = r - 1; i >= 0 && !known; i--) known = same_host(&all[i], &all[r]);
        const int cores = count(all[r].core);
        hosts += !known;
        least = cores < least ? cores : least;
        most = cores > most ? cores : most;
        threads = all[r].threads > threads ? all[r].threads : threads;
    }
    buf_print(out, "%d rank%s on %d host%s, ", ranks, plural(ranks), hosts, plural(hosts));
    if (most == 1)
        buf_print(out, "each bound to 1 core, ");
    else if (least == most)
        buf_print(out, "each free to use %d cores, ", most);
    else
        buf_print(out, "each free to use %d to %d cores, ", least, most);
    buf_print(out, "%d BLAS thread%s each", threads, plural(threads));
}

static int judge(const struct launch_rank *all, int ranks, struct err *e)
{
    struct buf text = { 0 };
    const int crowded = launch_crowded(all, ranks);
    if (launch_same_program(all, ranks, e)) return -1;
    launch_describe(&text, all, ranks);
    if (ranks > 1) log_run("%s", buf_chars(&text));
    buf_release(&text);
    if (crowded >= 0)
        log_warn(
            "rank %d shares a core with another one on '%s', so both are slow: start at most one rank a core and "
            "bind each to its own (mpirun --bind-to core, srun --cpu-bind=cores)",
            crowded, all[crowded].host);
    return 0;
}

int launch_check(int rank, int ranks)
{
    struct launch_rank self, *all = NULL;
    struct err e = { 0 };
    MPI_Request request;
    if (is_alone(ranks)) return EXIT_USAGE;
    launch_look(&self);
    if (rank == 0 && !(all = calloc((size_t)ranks, sizeof *all))) die("out of memory for %d ranks", ranks);
    MPI_MUST(MPI_Igather(&self, sizeof self, MPI_BYTE, all, sizeof self, MPI_BYTE, 0, MPI_COMM_WORLD, &request));
    par_wait(&request);
    if (rank == 0 && judge(all, ranks, &e)) log_error("%s", e.text);
    free(all);
    return par_agree(MPI_COMM_WORLD, &e) ? err_exit_code(&e) : EXIT_DONE;
}

/* ---- where the store lies ---- */

int launch_check_place(const char *path, unsigned long magic, bool many_hosts, struct err *e)
{
    const bool in_memory = magic == TMPFS_MAGIC || magic == RAMFS_MAGIC;
    if (file_magic_is_network(magic) && many_hosts)
        return err_set(
            e, ERR_SPEC,
            "the store '%s' is on NFS or CIFS, where hosts overwrite each other's pages, and this run's ranks are "
            "on more than one host: put the store on a parallel file system (Lustre, GPFS, BeeGFS), or run "
            "each host's part into a store of its own and join them with `tombola merge`",
            path);
    if (in_memory && many_hosts)
        return err_set(
            e, ERR_SPEC,
            "the store '%s' is in this host's memory (tmpfs), which the ranks on other hosts cannot see: put "
            "it on a file system that they share",
            path);
    if (in_memory) log_warn("the store '%s' is in this host's memory (tmpfs): it is gone after a reboot", path);
    return 0;
}

int launch_check_store(const char *path, bool many_hosts, struct err *e)
{
    const char *slash = strrchr(path, '/');
    struct buf folder = { 0 };
    struct statfs fs;
    buf_print(&folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    const int rc =
        statfs(buf_chars(&folder), &fs) ? 0 : launch_check_place(path, (unsigned long)fs.f_type, many_hosts, e);
    buf_release(&folder);
    return rc;
}

const char *launch_slurm_job(void)
{
    static char text[128];
    const char *id = getenv("SLURM_JOB_ID"), *name = getenv("SLURM_JOB_NAME");
    if (!id || !*id) return "none";
    text_brief(text, sizeof text, "%s (%s)", id, name ? name : "");
    return text;
}
