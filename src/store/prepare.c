#include "base/regular.h"
#include "store/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int close_written(struct store *s, struct err *e)
{
    int rc = H5Fflush(s->file, H5F_SCOPE_LOCAL) < 0 ? h5_error(e, ERR_FULL, s->path, "cannot be written") : 0;
    store_close(s);
    return rc;
}

int change_structure(const char *path, bool journaled, maker *make, const void *what, struct err *e)
{
    if (!journaled) return make(path, what, e);
    if (journal_begin(path, e)) return -1;
    if (!make(path, what, e)) return journal_end(path, e);
    struct err ignored = { 0 };
    journal_replay(path, &ignored);
    return -1;
}

static int change_open(struct store **s, const char *path, bool journaled, maker *make, const struct intake *in,
                       struct err *e)
{
    store_close(*s);
    *s = NULL;
    return change_structure(path, journaled, make, in, e) || store_open_serial(s, path, WRITING, e) ? -1 : 0;
}

static int sweep_up(struct store **s, const char *path, bool journaled, struct err *e)
{
    return grow_left_over(*s) ? change_open(s, path, journaled, grow_sweep_up, NULL, e) : 0;
}

/* Bring the store at path to what need asks for. */
static int fill(const char *path, bool journaled, const struct store_need *need, uint32_t *row, struct err *e)
{
    struct store *s;
    struct intake in = { .need = need };
    if (store_open_serial(&s, path, WRITING, e)) return -1;
    int rc = sweep_up(&s, path, journaled, e) || (need->repair && repair_rows(s, need, e)) ||
                     intake_take(&in, s, need, row, e)
                 ? -1
                 : 0;
    if (!rc && grow_needed(s, &in))
        rc = change_open(&s, path, journaled, grow_build, &in, e) || sweep_up(&s, path, journaled, e) ? -1 : 0;
    if (!rc) rc = add_intake(s, &in, e);
    if (!rc)
        rc = close_written(s, e) || disk_sync(path, e) ? -1 : 0;
    else
        store_close(s);
    arena_release(&in.arena);
    return rc;
}

static int check_folder(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) return 0;
    struct buf folder = { 0 };
    buf_add(&folder, path, (size_t)(slash - path));
    int rc = 0;
    if (access(buf_chars(&folder), W_OK | X_OK))
        rc = err_at(e, ERR_IO, path, NOWHERE, NULL, "cannot be created in folder '%s': %s", buf_chars(&folder),
                    strerror(errno));
    buf_release(&folder);
    return rc;
}

/* A new store appears under its name only when it is whole. */
static int create(const char *path, const struct store_need *need, uint32_t *row, struct err *e)
{
    struct buf temporary = { 0 }, journal = { 0 };
    if (check_folder(path, e)) return -1;
    buf_print(&temporary, "%s.tmp", path);
    buf_print(&journal, "%s.undo", path);
    unlink(buf_chars(&journal)); /* of a store that was deleted */
    int rc =
        create_empty(buf_chars(&temporary), need, e) || fill(buf_chars(&temporary), false, need, row, e) ? -1 : 0;
    if (!rc && rename(buf_chars(&temporary), path))
        rc = err_at(e, ERR_IO, path, NOWHERE, NULL, "cannot be created: %s", strerror(errno));
    if (rc && !regular_or_none(buf_chars(&temporary), ERR_IO, NULL)) unlink(buf_chars(&temporary));
    buf_release(&journal);
    buf_release(&temporary);
    return rc ? rc : disk_sync_folder(path, e);
}

/* Somebody who has it open for writing through HDF5 holds an exclusive lock; readers do not. */
int guard_take(const char *path, struct err *e)
{
    int fd = regular_open(path, O_RDONLY, ERR_IO, NULL);
    if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK)
        err_at(e, ERR_LOCKED, path, NOWHERE, NULL, "is open for writing in another program");
    return fd;
}

static int extend(const char *path, const struct store_need *need, uint32_t *row, struct err *e)
{
    int fd = guard_take(path, e), rc = e->kind ? -1 : 0;
    if (!rc) rc = store_inspect(path, e) || fill(path, true, need, row, e) ? -1 : 0;
    if (fd >= 0) close(fd);
    return rc;
}

int store_prepare(const char *path, const struct store_need *need, uint32_t *row, struct err *e)
{
    bool exists;
    h5_start();
    if (store_exists(path, &exists, e)) return -1;
    return exists ? extend(path, need, row, e) : create(path, need, row, e);
}
