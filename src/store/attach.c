#include "base/buf.h"
#include "base/clock.h"
#include "base/regular.h"
#include "par/par.h"
#include "store/journal.h"
#include "store/layout.h"
#include "store/lock.h"
#include "store/open.h"
#include "store/row.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Stores that others may be at work on: for readers, and for all ranks of a run. */

enum { GROWTH_PATIENCE = 10 }; /* seconds */

/* What has begun to grow cannot be read until a run has undone that, or it has ended. */
static int half_grown(const char *path, struct err *e)
{
    struct lock_seen run;
    memset(e, 0, sizeof *e);
    if (lock_look(&run, path))
        return err_at(e, ERR_STORE, path, NOWHERE, NULL, "is being grown by a run at this moment; try again");
    return err_at(e, ERR_STORE, path, NOWHERE, NULL,
                  "a growth was interrupted, by which nothing is lost: the next `tombola run` or `measure` mends it");
}

/* Somebody else's, who may be changing its structure. */
static bool is_at_work(const char *path)
{
    struct lock_seen run;
    return lock_look(&run, path) && atol(run.pid) != (long)getpid();
}

/* A store that grows can be read again in a moment. */
int store_open_read(struct store **out, const char *path, struct err *e)
{
    const double end = clock_wall() + GROWTH_PATIENCE;
    while (store_open_serial(out, path, READING, e)) {
        if (e->kind != ERR_STORE || clock_wall() > end || !is_at_work(path))
            return e->kind == ERR_STORE && journal_exists(path) ? half_grown(path, e) : -1;
        memset(e, 0, sizeof *e);
        clock_sleep(0.05);
    }
    return 0;
}

/* Rank 0 opens the file with HDF5, to see whether it can be trusted and where everything lies; nobody else does. */
static int look_at_layout(const char *path, struct buf *layout, struct err *e)
{
    struct store *s;
    if (journal_replay(path, e) || store_open_serial(&s, path, READING, e)) return -1;
    const int rc = store_can_run(s, e);
    if (!rc) layout_write(s, layout);
    store_close(s);
    return rc;
}

static void share(MPI_Comm comm, int rank, struct buf *bytes)
{
    uint64_t size = bytes->length;
    MPI_MUST(MPI_Bcast(&size, 1, MPI_UINT64_T, 0, comm));
    MUST(size <= INT_MAX);
    MPI_MUST(MPI_Bcast(rank == 0 ? bytes->bytes : buf_room(bytes, (size_t)size), (int)size, MPI_BYTE, 0, comm));
}

static int open_rows_of(struct store **out, const char *path, const struct buf *layout, struct err *e)
{
    struct store *s = *out = store_new(path);
    MUST(layout_read(s, layout->bytes, layout->length) && store_form(s));
    s->disk.fd = regular_open(path, O_RDWR, ERR_IO, e);
    return s->disk.fd < 0 ? -1 : lock_share(s->disk.fd, path, e);
}

int store_open(struct store **out, MPI_Comm comm, const char *path, uint64_t run, struct err *e)
{
    int rank;
    struct buf layout = { 0 };
    struct store *s = NULL;
    MPI_MUST(MPI_Comm_rank(comm, &rank));
    *out = NULL;
    if (rank == 0) look_at_layout(path, &layout, e); /* said once */
    bool failed = par_agree(comm, e);
    if (!failed) {
        share(comm, rank, &layout);
        open_rows_of(&s, path, &layout, e);
        failed = par_agree(comm, e);
    }
    buf_release(&layout);
    if (failed) {
        store_close(s);
        return -1;
    }
    s->run = run;
    *out = s;
    return 0;
}
