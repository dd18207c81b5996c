#include "base/log.h"
#include "base/regular.h"
#include "store/fresh.h"
#include "store/journal.h"
#include "store/lock.h"
#include "store/open.h"
#include "store/orphans.h"
#include "store/repair.h"
#include "store/row.h"

#include <errno.h>
#include <unistd.h>

/* What a run that did not end cleanly has left is put right here, before anything else is done with the store. */

struct traces {
    struct store *s;
    bool running; /* a row says that its job is being trained */
    double last;  /* when a row was written last              */
};

static void look_at(void *ctx, uint32_t row, void *image, bool intact)
{
    struct traces *t = ctx;
    struct store_row r = { .updated = 0 };
    (void)row;
    if (!intact) return;
    convert_run(&t->s->form.in, image, &r);
    t->running = t->running || r.state == JOB_RUNNING || r.next_state == NEXT_RUNNING;
    if (r.updated > t->last) t->last = r.updated;
}

/* Its lock says so, or, where that is gone, the rows of jobs that it was training. */
static bool ended_uncleanly(struct store *s, const struct lock_past *past, double *since, struct err *e)
{
    struct traces t = { .s = s };
    *since = past->since;
    if (past->unclean) return true;
    if (rows_each(s, look_at, &t, e)) return false;
    *since = t.last - LOCK_DOUBT;
    return t.running;
}

static int check_recent(struct store *s, struct lock *lock, struct err *e)
{
    double since;
    size_t damaged = 0;
    if (!ended_uncleanly(s, lock_past(lock), &since, e)) return e->kind ? -1 : 0;
    if (repair_recent(s, since, &damaged, e) || orphans_release(s, e) || store_finish(s, e)) return -1;
    if (damaged)
        log_warn(
            "%zu finished jobs of '%s' had lost data in the unclean end of the run before: they are trained again",
            damaged, s->disk.path);
    lock_verified(lock);
    return 0;
}

/* What is no regular file is none of ours: the next step that needs its name will say so. */
static void remove_half_made(const char *path)
{
    struct buf made = { 0 };
    fresh_sweep(path);
    buf_print(&made, "%s.undo.tmp", path);
    if (!regular_or_none(buf_chars(&made), ERR_IO, NULL)) unlink(buf_chars(&made));
    buf_release(&made);
}

int store_recover(const char *path, struct lock *lock, struct err *e)
{
    struct store *s;
    h5_start();
    if (access(path, F_OK) && errno == ENOENT) {
        lock_verified(lock);
        return 0;
    }
    if (lock_check_present(lock, e)) return -1;
    remove_half_made(path);
    if (journal_replay(path, e) || store_open_rows(&s, path, e)) return -1;
    const int rc = store_attribute(s, ARCHIVE)[0] ? 0 : check_recent(s, lock, e);
    store_close(s);
    return rc;
}
