#include "job/input_table.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/regular.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the table ---- */

/* What is known of a dataset: that its numbers lie in the file, or among the data; why it cannot be read; or nothing:
 * who needs it reads it. */
enum known { IN_FILE, IN_DATA, UNREADABLE, UNSENT };

/* As it is sent: one binary serves all ranks. */
struct entry {
    struct id key; /* of file and dataset */
    uint64_t dim[ARCHIVE_RANK];
    uint64_t at; /* byte of the file, or of the data */
    uint32_t rank;
    uint8_t known, type, unused[2]; /* enum stored_type */
};

struct input_table {
    struct buf entries, data; /* data: numbers as they are sent, and struct err */
    struct map index;         /* key -> which entry */
    size_t limit;             /* bytes of numbers among the data, at most */
    size_t kept;              /* bytes of numbers among the data */
    bool stopped, full;       /* full: something was beyond the limit */
    /* rank 0, while it adds */
    struct import_file *opened;
    struct buf opened_name;
    struct arena scratch;
};

struct input_table *input_table_new(size_t limit)
{
    struct input_table *t = calloc(1, sizeof *t);
    if (!t) die("out of memory");
    t->limit = limit;
    return t;
}

static void close_file(struct input_table *t)
{
    import_close(t->opened);
    t->opened = NULL;
}

void input_table_free(struct input_table *t)
{
    if (!t) return;
    close_file(t);
    buf_release(&t->entries);
    buf_release(&t->data);
    buf_release(&t->opened_name);
    arena_release(&t->scratch);
    map_release(&t->index);
    free(t);
}

static struct entry *entry_of(const struct input_table *t, size_t i)
{
    return (struct entry *)(void *)t->entries.bytes + i;
}

static size_t count_of(const struct input_table *t)
{
    return t->entries.length / sizeof(struct entry);
}

static struct id key_of(const char *file, const char *dataset)
{
    const struct id part[] = { id_of(file, strlen(file)), id_of(dataset, strlen(dataset)) };
    return id_of(part, sizeof part);
}

static const struct entry *find(const struct input_table *t, struct id key)
{
    uint32_t at;
    return map_find(&t->index, key, &at) ? entry_of(t, at) : NULL;
}

struct input_table_facts input_table_facts(const struct input_table *t)
{
    struct input_table_facts f = { .datasets = count_of(t), .bytes = t->kept };
    for (size_t i = 0; i < f.datasets; i++) {
        f.sent += entry_of(t, i)->known == IN_DATA;
        f.unsent += entry_of(t, i)->known == UNSENT;
    }
    return f;
}

/* ---- rank 0 fills it ---- */

static bool all_are_floats(const double *value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const double again = (double)(float)value[i];
        if (memcmp(&again, &value[i], sizeof again) != 0) return false;
    }
    return true;
}

static void keep_numbers(struct input_table *t, struct entry *x, const double *value, size_t count)
{
    x->type = all_are_floats(value, count) ? STORED_F32 : STORED_F64;
    const size_t bytes = count * stored_bytes((enum stored_type)x->type);
    t->full = bytes > t->limit - t->kept;
    if (t->full) return;
    x->known = IN_DATA;
    x->at = t->data.length;
    t->kept += bytes;
    char *out = buf_room(&t->data, bytes);
    if (x->type == STORED_F64) memcpy(out, value, bytes);
    for (size_t i = 0; i < count && x->type == STORED_F32; i++) {
        const float number = (float)value[i];
        memcpy(out + i * sizeof number, &number, sizeof number);
    }
}

static int look(struct input_table *t, const char *file, const char *dataset, archive_accept *accept, const void *ctx,
                struct import_array *out, struct err *e)
{
    if (t->opened && strcmp(buf_chars(&t->opened_name), file) != 0) close_file(t);
    if (!t->opened && import_open(&t->opened, file, e)) return -1;
    buf_clear(&t->opened_name);
    buf_text(&t->opened_name, file);
    return import_find(out, t->opened, dataset, accept, ctx, t->full, &t->scratch, e);
}

static size_t size_of(const struct import_array *a)
{
    size_t size = 1;
    for (size_t i = 0; i < a->rank; i++) size *= a->dim[i];
    return size;
}

void input_table_add(struct input_table *t, const char *file, const char *dataset, archive_accept *accept,
                     const void *ctx)
{
    struct err e = { 0 };
    struct import_array array;
    struct entry x = { .key = key_of(file, dataset), .known = UNSENT };
    const struct arena_mark m = arena_mark(&t->scratch);
    if (find(t, x.key)) return;
    if (look(t, file, dataset, accept, ctx, &array, &e)) {
        x.known = UNREADABLE;
        x.at = t->data.length;
        buf_add(&t->data, &e, sizeof e);
    } else {
        x.rank = (uint32_t)array.rank;
        for (size_t i = 0; i < array.rank; i++) x.dim[i] = array.dim[i];
        if (array.place.known) {
            x.known = IN_FILE;
            x.type = (uint8_t)array.place.type;
            x.at = array.place.at;
        } else if (array.value) {
            keep_numbers(t, &x, array.value, size_of(&array));
        }
    }
    arena_rewind(&t->scratch, m);
    buf_add(&t->entries, &x, sizeof x);
    map_number(&t->index, x.key);
}

void input_table_stop(struct input_table *t)
{
    t->stopped = true;
}

/* ---- all ranks get it ---- */

enum { PIECE = 1 << 24 }; /* MPI counts by int */

/* Early ranks wait idly. */
static void share_bytes(char *bytes, uint64_t length, MPI_Comm comm)
{
    MPI_Request request;
    for (uint64_t done = 0, some; done < length; done += some) {
        some = length - done < PIECE ? length - done : PIECE;
        MPI_MUST(MPI_Ibcast(bytes + done, (int)some, MPI_BYTE, 0, comm, &request));
        par_wait(&request);
    }
}

static void share_buf(struct buf *b, uint64_t length, MPI_Comm comm)
{
    if (b->length != length) {
        buf_clear(b);
        buf_room(b, (size_t)length);
    }
    share_bytes(b->bytes, length, comm);
}

void input_table_share(struct input_table *t, MPI_Comm comm)
{
    uint64_t size[] = { t->entries.length, t->data.length, t->kept, t->stopped };
    close_file(t);
    arena_release(&t->scratch);
    share_bytes((char *)size, sizeof size, comm);
    share_buf(&t->entries, size[0], comm);
    share_buf(&t->data, size[1], comm);
    t->kept = (size_t)size[2];
    t->stopped = size[3] != 0;
    for (size_t i = 0; i < count_of(t); i++) map_number(&t->index, entry_of(t, i)->key);
}

/* ---- a job reads ---- */

struct input_reader input_reader_of(const char *file, const struct input_table *table)
{
    return (struct input_reader){ .file = file, .table = table, .fd = -1 };
}

static int read_file(struct input_reader *r, const char *dataset, archive_accept *accept, const void *ctx,
                     struct import_array *out, struct arena *a, struct err *e)
{
    if (!r->opened && import_open(&r->opened, r->file, e)) return -1;
    return import_read(out, r->opened, dataset, accept, ctx, a, e);
}

static int read_place(struct input_reader *r, const struct entry *x, struct import_array *out, struct err *e)
{
    const struct archive_place place = { .known = true, .type = (enum stored_type)x->type, .at = x->at };
    if (r->fd < 0) r->fd = regular_open(r->file, O_RDONLY, ERR_SPEC, e);
    return r->fd < 0 ? -1 : archive_read_at(r->fd, r->file, &place, size_of(out), out->value, e);
}

static int unknown(const struct input_reader *r, const char *dataset, struct err *e)
{
    if (r->table->stopped) return err_set(e, ERR_STOPPED, "stopped before '%s' was looked at", r->file);
    return err_at(e, ERR_JOB, r->file, NOWHERE, NULL, "dataset '%s' was not looked for when the run began", dataset);
}

int input_reader_get(struct input_reader *r, const char *dataset, archive_accept *accept, const void *ctx,
                     struct import_array *out, struct arena *a, struct err *e)
{
    const struct input_table *t = r->table;
    const struct entry *x = t ? find(t, key_of(r->file, dataset)) : NULL;
    if (t && !x) return unknown(r, dataset, e);
    if (!t || x->known == UNSENT) return read_file(r, dataset, accept, ctx, out, a, e);
    if (x->known == UNREADABLE) {
        memcpy(e, t->data.bytes + x->at, sizeof *e);
        return -1;
    }
    *out = (struct import_array){ .rank = x->rank };
    for (size_t i = 0; i < out->rank; i++) out->dim[i] = (size_t)x->dim[i];
    if (accept && accept(ctx, out->rank, out->dim, e)) return -1;
    out->value = ARENA_NEW(a, size_of(out), double);
    if (x->known == IN_FILE) return read_place(r, x, out, e);
    stored_convert((enum stored_type)x->type, t->data.bytes + x->at, size_of(out), out->value);
    return 0;
}

void input_reader_close(struct input_reader *r)
{
    import_close(r->opened);
    if (r->fd >= 0) close(r->fd);
}
