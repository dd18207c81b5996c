#include "store/add.h"
#include "store/create.h"
#include "store/fresh.h"
#include "store/grow.h"
#include "store/intake.h"
#include "store/journal.h"
#include "store/lock.h"
#include "store/open.h"
#include "store/repair.h"
#include "store/structure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int change_open(struct store **s, const char *path, bool journaled, maker *make, const struct intake *in,
                       struct err *e)
{
    store_close(*s);
    *s = NULL;
    return structure_change(path, journaled, make, in, e) || store_open_rows(s, path, e) ? -1 : 0;
}

/* Bring the store at path to what need asks for.  Only a change of structure opens it for writing through HDF5. */
static int fill(const char *path, bool journaled, const struct store_need *need, uint32_t *row, struct err *e)
{
    struct store *s;
    struct intake in = { .need = need };
    if (store_open_rows(&s, path, e)) return -1;
    int rc = store_can_run(s, e) || intake_families(s, need, e) || (need->repair && repair_rows(s, need, e)) ||
                     intake_take(&in, s, need, row, e)
                 ? -1
                 : 0;
    if (!rc && grow_needed(s, &in)) rc = change_open(&s, path, journaled, grow_build, &in, e);
    if (!rc) rc = add_intake(s, &in, e) || store_finish(s, e) ? -1 : 0;
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
        rc = err_at(e, err_kind_of(errno), path, NOWHERE, NULL, "cannot be created in folder '%s': %s",
                    buf_chars(&folder), strerror(errno));
    buf_release(&folder);
    return rc;
}

/* A new store appears under its name only when it is whole, and locked. */
static int create(const char *path, const struct store_need *need, uint32_t *row, struct err *e)
{
    struct fresh made;
    if (check_folder(path, e)) return -1;
    int rc = fresh_begin(&made, path, e);
    const char *name = buf_chars(&made.name);
    if (!rc)
        rc = create_empty(name, need, e) || fill(name, false, need, row, e) ||
                     (need->lock && lock_adopt(need->lock, made.fd, e)) || fresh_publish(&made, path, false, e)
                 ? -1
                 : 0;
    fresh_end(&made);
    return rc;
}

int store_prepare(const char *path, const struct store_need *need, uint32_t *row, struct err *e)
{
    h5_start();
    if (access(path, F_OK) && errno == ENOENT) return create(path, need, row, e);
    if (need->lock && lock_check_present(need->lock, e)) return -1;
    return journal_replay(path, e) || fill(path, true, need, row, e) ? -1 : 0;
}
