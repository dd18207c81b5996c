#include "cli/room.h"
#include "base/buf.h"
#include "base/text.h"
#include "job/registry.h"
#include "job/trainer.h"
#include "store/tables.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/quota.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ROW_OVERHEAD: a job's records in /jobs, /texts/canonical and /grids. */
enum {
    ROW_OVERHEAD = 4096 + STORE_CANONICAL + sizeof(struct grid_record),
    STORE_OVERHEAD = 1 << 18,
    QUOTA_BLOCK = 1024
};

/* ---- files ---- */

static void folder_of(struct buf *out, const char *path)
{
    const char *slash = strrchr(path, '/');
    buf_add(out, slash ? path : ".", slash ? (size_t)(slash - path) + (slash == path) : 1);
}

int room_for_files(const char *store, struct err *e)
{
    struct buf folder = { 0 };
    struct stat st;
    folder_of(&folder, store);
    const char *name = buf_chars(&folder);
    int rc = 0;
    if (stat(name, &st) && errno == ENOENT)
        rc = err_at(e, ERR_IO, store, NOWHERE, NULL, "cannot be created: there is no folder '%s'", name);
    else if (access(name, W_OK | X_OK))
        rc = err_at(e, ERR_IO, store, NOWHERE, NULL, "the folder '%s' cannot be written: %s", name, strerror(errno));
    else if (!access(store, F_OK) && access(store, R_OK | W_OK))
        rc = err_at(e, ERR_IO, store, NOWHERE, NULL, "cannot be written: %s", strerror(errno));
    buf_release(&folder);
    return rc;
}

/* ---- disk ---- */

static uint64_t row_bytes(const struct store_family *f, bool scratch)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < f->arrays; i++)
        if (f->array[i].scratch == scratch)
            bytes += (uint64_t)store_part_bytes(&f->array[i]) * (f->array[i].parts ? f->array[i].parts : 1);
    return bytes;
}

/* A row's resume points last as long as its job, so there are at most as many as ranks; its end state may stay. */
static uint64_t bytes_left(const struct sheet *s, int ranks)
{
    uint64_t bytes = s->store_exists ? 0 : STORE_OVERHEAD, most = 0, jobs = 0;
    for (size_t i = 0; i < s->plan.jobs; i++) {
        const struct store_family *f = &s->plan.family[s->plan.job[i].family];
        if (s->state[i] == JOB_DONE || s->state[i] == JOB_SKIPPED) continue;
        if (s->state[i] == JOB_UNUSED || s->fate[i])
            bytes += row_bytes(f, false) + store_sums_bytes(f) + ROW_OVERHEAD;
        if (sheet_may_leave_end(s, i)) bytes += family_end_bytes(f);
        if (row_bytes(f, true) > most) most = row_bytes(f, true);
        jobs++;
    }
    return bytes + s->bytes_missing + most * ((uint64_t)ranks < jobs ? (uint64_t)ranks : jobs);
}

static int check_limit(const struct sheet *s, struct err *e)
{
    struct rlimit size;
    struct stat st;
    if (getrlimit(RLIMIT_FSIZE, &size) || size.rlim_cur == RLIM_INFINITY || stat(s->store, &st)) return 0;
    if ((uint64_t)st.st_size <= size.rlim_cur) return 0;
    return err_at(e, ERR_FULL, s->store, NOWHERE, NULL,
                  "is %" PRIu64 " bytes long, but this process may write files of %" PRIu64 " bytes (ulimit -f)",
                  (uint64_t)st.st_size, (uint64_t)size.rlim_cur);
}

/* The source of the mount that a device number belongs to, as quotactl wants it.  False: there is none. */
static bool mounted_from(dev_t device, char out[256])
{
    struct buf text = { 0 };
    char source[256];
    unsigned major_part, minor_part;
    bool found = false;
    if (buf_read_file(&text, "/proc/self/mountinfo"))
        for (const char *line = buf_chars(&text); line && !found; line = strchr(line, '\n')) {
            line += *line == '\n';
            const char *behind = strstr(line, " - ");
            found = behind && sscanf(line, "%*u %*u %u:%u", &major_part, &minor_part) == 2 &&
                    major_part == major(device) && minor_part == minor(device) &&
                    sscanf(behind, " - %*s %255s", source) == 1 && text_copy(out, 256, source, sizeof source);
        }
    buf_release(&text);
    return found;
}

/* Quotas of the user and of the group of what is written in a folder. */
static void look_at_quota(const char *folder, struct room *room)
{
    struct stat st;
    char source[256];
    if (stat(folder, &st) || !mounted_from(st.st_dev, source)) return;
    const struct {
        int type;
        unsigned id;
    } who[] = { { USRQUOTA, geteuid() }, { GRPQUOTA, getegid() } };
    for (size_t i = 0; i < ARRAY_LEN(who); i++) {
        struct dqblk q = { .dqb_bhardlimit = 0 };
        const int get =
            (int)((unsigned)Q_GETQUOTA << SUBCMDSHIFT | (unsigned)who[i].type); /* QCMD shifts into the sign */
        if (quotactl(get, source, (int)who[i].id, (caddr_t)&q) || !q.dqb_bhardlimit) continue;
        const uint64_t limit = q.dqb_bhardlimit * QUOTA_BLOCK;
        const uint64_t left = limit > q.dqb_curspace ? limit - q.dqb_curspace : 0;
        if (left >= room->have) continue;
        room->have = left;
        room->quota = true;
    }
}

struct room room_of_disk(const struct sheet *s, int ranks)
{
    struct buf folder = { 0 };
    struct statvfs fs;
    struct room room = { .need = bytes_left(s, ranks), .have = UINT64_MAX };
    folder_of(&folder, s->store);
    const char *name = access(buf_chars(&folder), F_OK) ? "." : buf_chars(&folder); /* run makes results/ */
    if (!statvfs(name, &fs) && fs.f_blocks > 0) room.have = (uint64_t)fs.f_bavail * (uint64_t)fs.f_frsize;
    look_at_quota(name, &room);
    buf_release(&folder);
    return room;
}

int room_on_disk(const struct sheet *s, int ranks, struct err *e)
{
    const struct room room = room_of_disk(s, ranks);
    if (check_limit(s, e)) return -1;
    if (room.need <= room.have) return 0;
    return err_at(e, ERR_FULL, s->store, NOWHERE, NULL,
                  "%s: the jobs that are left will write %.1f MB, and there are %.1f MB; nothing was written; make "
                  "room, use another store, or run a part of the sweep (--only, --where)",
                  room.quota ? "the quota is too small" : "the disk is too full", (double)room.need / 1e6,
                  (double)room.have / 1e6);
}

/* ---- memory ---- */

/* The vectors of the trainer's state, the gradient (with scores: theirs too, and the masked weights) and the mask;
 * two resume points, which are read together; the examples and the outputs for all of the larger set. */
uint64_t room_of_job(const struct plan *p, size_t i)
{
    const struct plan_shape *shape = &p->shape[p->job[i].shape];
    const struct store_family *f = &p->family[p->job[i].family];
    const struct job_spec *spec = &shape->example;
    const uint64_t size = spec_real_size(spec), n = shape->layout.n;
    const uint64_t vectors = (uint64_t)trainer_vectors(spec) + (spec_uses(spec) & USES_SCORES ? 3 : 1);
    const uint64_t train = shape->task.n_train, test = shape->task.n_test;
    return n * (size * vectors + 1) + row_bytes(f, true) +
           (train + test) * (uint64_t)(shape->task.width + 1) * sizeof(int32_t) +
           (train > test ? train : test) * (uint64_t)shape->task.classes * size;
}

/* MemAvailable of /proc/meminfo, UINT64_MAX where there is none. */
static uint64_t memory_available(void)
{
    struct buf text = { 0 };
    uint64_t kilobytes = UINT64_MAX / 1024;
    const bool ok = buf_read_file(&text, "/proc/meminfo");
    const char *line = ok ? strstr(buf_chars(&text), "MemAvailable:") : NULL;
    if (line) kilobytes = strtoull(line + strlen("MemAvailable:"), NULL, 10);
    buf_release(&text);
    return kilobytes * 1024;
}

size_t room_for_inputs(int ranks_here)
{
    return (size_t)(memory_available() / 4 / (uint64_t)ranks_here);
}

uint64_t room_of_rank(const struct sheet *s)
{
    uint64_t most = 0;
    for (size_t i = 0; i < s->plan.jobs; i++) {
        const uint64_t bytes = room_of_job(&s->plan, i);
        if (s->state[i] != JOB_DONE && bytes > most) most = bytes;
    }
    return most;
}

int room_in_memory(const struct sheet *s, int ranks_here, struct err *e)
{
    const uint64_t most = room_of_rank(s), have = memory_available();
    if (most <= have / (uint64_t)ranks_here) return 0;
    return err_set(e, ERR_SPEC,
                   "not enough memory: the largest network needs at least %.1f GB a rank, %d rank%s run here, and "
                   "%.1f GB are available; use fewer ranks a host",
                   (double)most / 1e9, ranks_here, ranks_here == 1 ? "" : "s", (double)have / 1e9);
}
