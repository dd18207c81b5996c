#include "store/structure.h"
#include "store/journal.h"
#include "store/open.h"
#include "store/state.h"

#include <sys/stat.h>

/* Closing cuts the file to the size that HDF5 knows. */
static int check_size(const struct store *s, struct err *e)
{
    struct stat st;
    hsize_t size;
    if (H5Fget_filesize(s->disk.file, &size) < 0 || fstat(s->disk.fd, &st))
        return h5_error(e, ERR_DISK, s->disk.path, "cannot be looked at");
    if ((hsize_t)st.st_size <= size) return 0;
    return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL,
                  "was made longer by another program while it was written");
}

/* What could not be finished is left open: the process ends, and the journal undoes it. */
int structure_close(struct store *s, struct err *e)
{
    if (H5Fflush(s->disk.file, H5F_SCOPE_LOCAL) < 0) return h5_error(e, ERR_FULL, s->disk.path, "cannot be written");
    if (check_size(s, e)) return -1;
    return store_close_written(s, e);
}

int structure_change(const char *path, bool journaled, maker *make, const void *what, struct err *e)
{
    if (!journaled) return make(path, what, e);
    if (journal_begin(path, e)) return -1;
    if (!make(path, what, e)) return journal_end(path, e);
    struct err ignored = { 0 };
    UNLOOKED(
        journal_replay(path, &ignored)); /* the first error counts; the journal stays, and the next run replays it */
    return -1;
}
