#include "store/journal.h"
#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/vec.h"
#include "store/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* PATH.undo: the head, then {from, size, bytes} for every stretch of the file that is not raw data, then the checksum
 * of all of that.  Raw data need no saving: a change of structure never writes into datasets that exist. */

#define JOURNAL_MAGIC UINT64_C(0x314F444E55424D54) /* "TMBUNDO1" */

struct extent {
    uint64_t from, size;
};
struct head {
    uint64_t magic, file_size, extents;
    uint64_t control_from;  /* which store this is, and at which change of its structure: the record of /control, */
    struct control control; /* with a number drawn for the change, which must still be there                      */
};

struct raw { /* raw extents of the datasets, ascending once sorted */
    struct extent *extent;
    size_t count;
    uint64_t control_from;
};

static void journal_name(struct buf *out, const char *path, const char *suffix)
{
    path_follow(out, path);
    buf_print(out, ".undo%s", suffix);
}

bool journal_exists(const char *path)
{
    struct buf name = { 0 };
    journal_name(&name, path, "");
    bool exists = !access(buf_chars(&name), F_OK);
    buf_release(&name);
    return exists;
}

static void add_raw(struct raw *raw, uint64_t from, uint64_t size)
{
    *VEC_MORE(raw->extent, raw->count) = (struct extent){ from, size };
}

static herr_t find_raw(hid_t root, const char *name, const H5L_info_t *info, void *ctx)
{
    (void)info;
    struct raw *raw = ctx;
    hid_t object = H5Oopen(root, name, H5P_DEFAULT);
    if (object < 0) return -1;
    if (H5Iget_type(object) == H5I_DATASET) {
        haddr_t from = H5Dget_offset(object);
        hsize_t size = H5Dget_storage_size(object);
        if (from != HADDR_UNDEF && size > 0) add_raw(raw, from, size);
        if (!strcmp(name, table_kinds[TABLE_CONTROL].path)) raw->control_from = from;
    }
    H5Oclose(object);
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct extent *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

static int list_raw(struct raw *raw, const char *path, struct err *e)
{
    hid_t file = h5_open(path, READING, e);
    if (file < 0) return -1;
    int rc = 0;
    if (H5Lvisit(file, H5_INDEX_NAME, H5_ITER_INC, find_raw, raw) < 0)
        rc = h5_error(e, ERR_STORE, path, "cannot list its datasets");
    H5Fclose(file);
    if (raw->count) qsort(raw->extent, raw->count, sizeof *raw->extent, by_place);
    return rc;
}

static bool read_at(int fd, uint64_t from, void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(fd, (char *)bytes + done, size - done, (off_t)(from + done));
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) errno = 0; /* the file ends before */
        if (got <= 0) return false;
        done += (size_t)got;
    }
    return true;
}

static bool write_at(int fd, uint64_t from, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = pwrite(fd, (const char *)bytes + done, size - done, (off_t)(from + done));
        if (put < 0 && errno == EINTR) continue;
        if (put == 0) errno = ENOSPC;
        if (put <= 0) return false;
        done += (size_t)put;
    }
    return true;
}

static bool save_extent(struct buf *out, int fd, uint64_t from, uint64_t to, uint64_t *extents)
{
    if (to <= from) return true;
    struct extent x = { from, to - from };
    buf_add(out, &x, sizeof x);
    struct arena a = { 0 };
    void *bytes = arena_alloc(&a, x.size);
    bool ok = read_at(fd, from, bytes, x.size);
    buf_add(out, bytes, x.size);
    arena_release(&a);
    (*extents)++;
    return ok;
}

/* No other store has this number, nor has this one at another time: a backup, say, from before the change. */
static bool mark(int fd, uint64_t at)
{
    struct control c;
    if (!read_at(fd, at, &c, sizeof c)) return false;
    c.sequence = hash_draw();
    c.sum = table_record_sum(&c, sizeof c);
    return write_at(fd, at, &c, sizeof c) && !fsync(fd);
}

/* The journal as bytes. */
static bool compose(struct buf *out, int fd, const struct raw *raw)
{
    struct stat st;
    if (fstat(fd, &st)) return false;
    struct head head = { .magic = JOURNAL_MAGIC,
                         .file_size = (uint64_t)st.st_size,
                         .control_from = raw->control_from };
    bool ok = read_at(fd, raw->control_from, &head.control, sizeof head.control);
    buf_add(out, &head, sizeof head);
    uint64_t at = 0;
    for (size_t i = 0; i < raw->count && ok; i++) {
        ok = save_extent(out, fd, at, raw->extent[i].from, &head.extents);
        at = raw->extent[i].from + raw->extent[i].size;
    }
    ok = ok && save_extent(out, fd, at, head.file_size, &head.extents);
    memcpy(out->bytes, &head, sizeof head);
    uint64_t sum = hash_sum(out->bytes, out->length);
    buf_add(out, &sum, sizeof sum);
    return ok;
}

static int write_durably(const char *path, const struct buf *bytes, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool ok = fd >= 0 && write_at(fd, 0, bytes->bytes, bytes->length) && !fsync(fd);
    int reason = errno;
    if (fd >= 0 && close(fd) && ok) {
        reason = errno;
        ok = false;
    }
    if (ok) return 0;
    unlink(path);
    return err_at(e, err_kind_of(reason), path, NOWHERE, NULL, "cannot be written: %s", strerror(reason));
}

static int publish(const char *path, const struct buf *bytes, struct err *e)
{
    struct buf name = { 0 }, temporary = { 0 };
    journal_name(&name, path, "");
    journal_name(&temporary, path, ".tmp");
    int rc = write_durably(buf_chars(&temporary), bytes, e);
    if (!rc && rename(buf_chars(&temporary), buf_chars(&name)))
        rc = err_at(e, err_kind_of(errno), buf_chars(&name), NOWHERE, NULL, "cannot be written: %s", strerror(errno));
    if (rc) unlink(buf_chars(&temporary));
    if (!rc) rc = file_sync_folder(path, e);
    buf_release(&temporary);
    buf_release(&name);
    return rc;
}

int journal_begin(const char *path, struct err *e)
{
    struct raw raw = { 0 };
    struct buf bytes = { 0 };
    int rc = file_sync(path, e) || list_raw(&raw, path, e) ? -1 : 0;
    int fd = rc ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (!rc && (fd < 0 || !mark(fd, raw.control_from) || !compose(&bytes, fd, &raw)))
        rc = err_at(e, err_kind_of(errno), path, NOWHERE, NULL, "cannot be made larger: %s", strerror(errno));
    if (fd >= 0) close(fd);
    if (!rc) rc = publish(path, &bytes, e);
    buf_release(&bytes);
    free(raw.extent);
    return rc;
}

static int forget(const char *path, const char *suffix, struct err *e)
{
    struct buf name = { 0 };
    journal_name(&name, path, suffix);
    int rc = 0;
    if (unlink(buf_chars(&name)) && errno != ENOENT)
        rc = err_at(e, err_kind_of(errno), buf_chars(&name), NOWHERE, NULL, "cannot be removed: %s", strerror(errno));
    buf_release(&name);
    return rc;
}

int journal_set_aside(const char *path, struct err *e)
{
    struct buf name = { 0 }, aside = { 0 };
    int rc = forget(path, ".tmp", e);
    journal_name(&name, path, "");
    const bool there = !rc && !access(buf_chars(&name), F_OK);
    for (int i = 1; there && (!aside.length || !access(buf_chars(&aside), F_OK)); i++) {
        buf_clear(&aside);
        buf_print(&aside, "%s.%d", buf_chars(&name), i);
    }
    if (there && rename(buf_chars(&name), buf_chars(&aside)))
        rc = err_at(e, err_kind_of(errno), buf_chars(&name), NOWHERE, NULL, "cannot be renamed: %s", strerror(errno));
    else if (there)
        log_warn(
            "'%s' is of a store that was here before, and is '%s' now: should that store still be somewhere, it is "
            "mended if the file lies beside it under the old name",
            buf_chars(&name), buf_chars(&aside));
    buf_release(&aside);
    buf_release(&name);
    return rc;
}

int journal_end(const char *path, struct err *e)
{
    return file_sync(path, e) || forget(path, "", e) || file_sync_folder(path, e) ? -1 : 0;
}

/* Every stretch lies in the journal and in the file that it is of. */
static bool extents_sound(const char *at, const char *end, const struct head *head)
{
    struct extent x;
    for (uint64_t i = 0; i < head->extents; i++) {
        if ((size_t)(end - at) < sizeof x) return false;
        memcpy(&x, at, sizeof x);
        at += sizeof x;
        if (x.size > (size_t)(end - at) || x.from > head->file_size || x.size > head->file_size - x.from)
            return false;
        at += x.size;
    }
    return at == end;
}

static bool sound(const struct buf *journal, struct head *head)
{
    if (journal->length < sizeof *head + sizeof(uint64_t)) return false;
    uint64_t sum;
    size_t body = journal->length - sizeof sum;
    memcpy(&sum, journal->bytes + body, sizeof sum);
    memcpy(head, journal->bytes, sizeof *head);
    return head->magic == JOURNAL_MAGIC && sum == hash_sum(journal->bytes, body) && head->file_size <= INT64_MAX &&
           extents_sound(journal->bytes + sizeof *head, journal->bytes + body, head);
}

/* Most stretches are as they were. */
static bool differs(int fd, const struct extent *x, const char *bytes)
{
    struct arena a = { 0 };
    void *now = arena_alloc(&a, x->size);
    const bool same = read_at(fd, x->from, now, x->size) && !memcmp(now, bytes, x->size);
    arena_release(&a);
    return !same;
}

static bool put_back(int fd, const struct buf *journal, const struct head *head)
{
    const char *at = journal->bytes + sizeof *head;
    for (uint64_t i = 0; i < head->extents; i++) {
        struct extent x;
        memcpy(&x, at, sizeof x);
        if (differs(fd, &x, at + sizeof x) && !write_at(fd, x.from, at + sizeof x, x.size)) return false;
        at += sizeof x + x.size;
    }
    return !ftruncate(fd, (off_t)head->file_size) && !fsync(fd);
}

static int restore(const char *path, const struct buf *journal, struct err *e)
{
    struct head head;
    struct control now = { .magic = 0 };
    if (!sound(journal, &head))
        return err_at(
            e, ERR_STORE, path, NOWHERE, NULL,
            "its undo journal '%s.undo' is damaged: move that file away, and if `tombola verify` then finds nothing, "
            "nothing was lost; otherwise `tombola merge` makes a store of what is sound",
            path);
    int fd = open(path, O_RDWR | O_CLOEXEC), rc = 0;
    if (fd < 0)
        rc = err_at(e, err_kind_of(errno), path, NOWHERE, NULL, "cannot be repaired from its undo journal: %s",
                    strerror(errno));
    else if (!read_at(fd, head.control_from, &now, sizeof now) && errno)
        rc = err_at(e, err_kind_of(errno), path, NOWHERE, NULL, "cannot be read: %s", strerror(errno));
    else if (memcmp(&now, &head.control, sizeof now) != 0)
        rc = err_at(
            e, ERR_STORE, path, NOWHERE, NULL,
            "'%s.undo' is of another store, or of this one at another time: move it away, or put the store back "
            "that it is of",
            path);
    else if (!put_back(fd, journal, &head))
        rc = err_at(e, err_kind_of(errno), path, NOWHERE, NULL, "cannot be repaired from its undo journal: %s",
                    strerror(errno));
    if (fd >= 0) close(fd);
    return rc;
}

int journal_replay(const char *path, struct err *e)
{
    if (!journal_exists(path)) return 0;
    struct buf name = { 0 }, journal = { 0 };
    journal_name(&name, path, "");
    int rc = 0;
    if (!buf_read_file(&journal, buf_chars(&name)))
        rc = err_at(e, err_kind_or(errno, ERR_STORE), buf_chars(&name), NOWHERE, NULL, "cannot be read: %s",
                    strerror(errno));
    if (!rc) rc = restore(path, &journal, e);
    if (!rc) rc = journal_end(path, e);
    buf_release(&journal);
    buf_release(&name);
    return rc;
}
