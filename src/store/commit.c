#include "store/commit.h"
#include "base/clock.h"
#include "base/vec.h"
#include "store/annex.h"
#include "store/family.h"
#include "store/lock.h"
#include "store/orphans.h"
#include "store/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A row says "done" only when what it vouches for is on the disk.  Bringing it there takes milliseconds, so that a
 * rank does it once for all that it has finished in a while: until then the row says "pending", and after a crash its
 * job is trained again to the same bits. */

enum { ASK_EVERY = 50 }; /* milliseconds between two looks at the lock, where no commit follows */

struct waiting {
    uint32_t row;
    struct store_row r;
    const char *annex; /* whose word is due; NULL: the row's own */
};

static int may_write(struct store *s, bool now, struct err *e)
{
    if (s->disk.failed)
        return err_at(e, ERR_DISK, s->disk.path, NOWHERE, NULL,
                      "a read or write has failed; what came of it is not kept");
    if (!s->run || (!now && clock_wall() < s->asked + ASK_EVERY * 1e-3)) return 0;
    s->asked = clock_wall();
    return lock_check(s->disk.fd, s->table[TABLE_OWNER].raw.at, s->disk.path, s->run, e);
}

/* The row's own word goes first, so that nothing vouches for data that are about to change. */
int store_begin(struct store *s, uint32_t row, struct store_row *r, bool resuming, struct err *e)
{
    const struct family *f = family_of_row(s, r, e);
    if (!f || may_write(s, false, e)) return -1;
    r->state = JOB_RUNNING;
    r->attempts++;
    r->data_sum = 0;
    s->own_row = row;
    if (store_write_row(s, row, r, e)) return -1;
    if (resuming) return 0;
    struct arena a = { 0 };
    uint64_t *none = ARENA_NEW(&a, f->parts, uint64_t);
    int rc = sums_write(s, f, (size_t)r->family_row, 0, f->parts, none, e);
    arena_release(&a);
    return rc;
}

int store_progress(struct store *s, uint32_t row, struct store_row *r, struct err *e)
{
    return may_write(s, false, e) ? -1 : store_write_row(s, row, r, e);
}

static int vouch(struct store *s, struct store_row *r, struct err *e)
{
    const struct family *f = family_of_row(s, r, e);
    if (!f) return -1;
    struct arena a = { 0 };
    uint64_t *sums = ARENA_NEW(&a, f->parts, uint64_t);
    int rc = sums_read(s, f, (size_t)r->family_row, 0, f->parts, sums, e);
    r->data_sum = sums_sum(f, sums);
    arena_release(&a);
    return rc;
}

/* What stood there before is nobody's now. */
static int commit_row(struct store *s, uint32_t row, struct store_row *r, struct err *e)
{
    struct store_row old = { .family = COLUMN_NO_INT };
    const bool replaces = r->again && (r->state == JOB_DONE || r->state == JOB_FAILED);
    if (replaces && store_read_row(s, row, &old, NULL, e)) return -1;
    if (store_write_row(s, row, r, e)) return -1;
    if (replaces) orphans_release_row(s, &old);
    return 0;
}

int store_commit(struct store *s, uint32_t row, struct store_row *r, struct err *e)
{
    const int rc = vouch(s, r, e) || may_write(s, true, e) || commit_row(s, row, r, e) ? -1 : 0;
    s->own_row = NO_ROW;
    return rc;
}

/* ---- what waits for the disk ---- */

void store_settle_every(struct store *s, double seconds)
{
    s->settle_every = seconds;
}

static void wait_in_line(struct store *s, uint32_t row, const struct store_row *r, const char *annex)
{
    if (s->waits == 0) s->due = clock_wall() + s->settle_every;
    *VEC_MORE(s->waiting, s->waits) = (struct waiting){ row, *r, annex };
}

/* Its process is no longer at work on it: if that dies now, the job is trained again and nobody is suspected. */
static int leave_row(struct store *s, uint32_t row, const struct store_row *r, struct err *e)
{
    struct store_row left = *r;
    left.state = JOB_PENDING;
    left.data_sum = 0;
    left.attempts--;
    return store_progress(s, row, &left, e);
}

int store_commit_soon(struct store *s, uint32_t row, struct store_row *r, struct err *e)
{
    const int rc = vouch(s, r, e) || leave_row(s, row, r, e) ? -1 : 0;
    s->own_row = NO_ROW;
    if (rc) return rc;
    wait_in_line(s, row, r, NULL);
    return store_settle(s, false, e);
}

int commit_annex_soon(struct store *s, const struct store_row *r, const char *annex, struct err *e)
{
    wait_in_line(s, 0, r, annex);
    return store_settle(s, false, e);
}

static int disk_sync_store(struct store *s, struct err *e)
{
    if (!fdatasync(s->disk.fd)) return 0;
    const int code = errno;
    s->disk.failed = true;
    return err_at(e, err_kind_of(code), s->disk.path, NOWHERE, NULL, "cannot be brought to disk: %s", strerror(code));
}

static int commit_waiting(struct store *s, struct waiting *w, struct err *e)
{
    if (w->annex) return annex_vouch(s, &w->r, w->annex, e);
    if (commit_row(s, w->row, &w->r, e)) return -1;
    if (w->r.state == JOB_DONE && !w->r.keeps) store_discard(s, &w->r); /* its resume points */
    return 0;
}

int store_settle(struct store *s, bool now, struct err *e)
{
    if (s->waits == 0 || (!now && clock_wall() < s->due)) return 0;
    int rc = disk_sync_store(s, e) || may_write(s, true, e) ? -1 : 0;
    for (size_t i = 0; i < s->waits && !rc; i++) rc = commit_waiting(s, &s->waiting[i], e);
    s->waits = 0;
    return rc;
}

int store_finish(struct store *s, struct err *e)
{
    return store_settle(s, true, e) || disk_sync_store(s, e) ? -1 : 0;
}

int store_annex_commit(struct store *s, const struct store_row *r, const char *path, struct err *e)
{
    const struct annex *a = annex_find(s, (size_t)r->family, path);
    MUST(a);
    return commit_annex_soon(s, r, a->path, e);
}
