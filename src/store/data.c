#include "store/private.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int piece_move(struct store *s, const struct family *f, const struct sums *in, size_t row, size_t first,
                      size_t count, uint64_t *sums, bool writing, struct err *e)
{
    const uint64_t at = (row * in->columns + first - in->first) * sizeof *sums;
    const size_t bytes = count * sizeof *sums;
    if (writing ? raw_write(s, &in->raw, at, sums, bytes) : raw_read(s, &in->raw, at, sums, bytes)) return 0;
    return h5_error(e, writing ? ERR_FULL : ERR_STORE, s->path, "cannot %s /families/%s/%s",
                    writing ? "write" : "read", f->is.name, in->path);
}

/* A row of checksums lies in one dataset of the family and in one of each annex. */
static int sums_move(struct store *s, const struct family *f, size_t row, size_t first, size_t count, uint64_t *sums,
                     bool writing, struct err *e)
{
    MUST(row < f->capacity && first + count <= f->parts);
    int rc = 0;
    for (size_t i = 0; i <= f->annexes && !rc; i++) {
        const struct sums *in = &f->sums[i];
        const size_t from = first > in->first ? first : in->first, end = in->first + in->columns;
        const size_t to = first + count < end ? first + count : end;
        if (from < to) rc = piece_move(s, f, in, row, from, to - from, sums + (from - first), writing, e);
    }
    return rc;
}

int sums_read(struct store *s, const struct family *f, size_t row, size_t first, size_t count, uint64_t *sums,
              struct err *e)
{
    return sums_move(s, f, row, first, count, sums, false, e);
}

int sums_write(struct store *s, const struct family *f, size_t row, size_t first, size_t count, const uint64_t *sums,
               struct err *e)
{
    return sums_move(s, f, row, first, count, (uint64_t *)sums, true, e); /* only read when writing */
}

uint64_t sums_sum(const struct family *f, const uint64_t *sums)
{
    struct buf vouched = { 0 };
    for (size_t i = 0; i < f->own_arrays; i++) {
        const struct store_array *a = &f->is.array[i];
        if (!a->scratch) buf_add(&vouched, sums + f->array[i].first, store_parts(a) * sizeof *sums);
    }
    uint64_t sum = checksum(buf_chars(&vouched), vouched.length);
    buf_release(&vouched);
    return sum;
}

/* A part of an array of a row: the place that put, get and has talk about. */
struct place {
    const struct family *family;
    const struct store_array *is;
    const struct stored_array *array;
    size_t row, part;
};

static int no_place(const struct store *s, const struct family *f, const char *path, struct err *e, const char *what)
{
    return err_at(e, ERR_STORE, s->path, NOWHERE, NULL, "/families/%s%s%s %s", f->is.name, path[0] ? "/" : "", path,
                  what);
}

/* The family of a row, which is a row of it; NULL with *e filled. */
const struct family *family_of_row(const struct store *s, const struct store_row *r, struct err *e)
{
    if (r->family < 0 || (uint64_t)r->family >= s->families) {
        err_at(e, ERR_STORE, s->path, NOWHERE, NULL, "there is no family %lld", (long long)r->family);
        return NULL;
    }
    const struct family *f = &s->family[r->family];
    if (r->family_row >= 0 && (uint64_t)r->family_row < f->capacity) return f;
    no_place(s, f, "", e, "lacks the row that a job has in it");
    return NULL;
}

/* What a row of a file points at may not be there, and what is there may be of another size than the caller's:
 * SIZE_MAX is any. */
static int place_of(const struct store *s, const struct store_row *r, size_t array, size_t part, size_t bytes,
                    struct place *out, struct err *e)
{
    const struct family *f = family_of_row(s, r, e);
    if (!f) return -1;
    if (array >= f->is.arrays) return no_place(s, f, "", e, "lacks an array");
    const struct store_array *is = &f->is.array[array];
    if (part >= store_parts(is)) return no_place(s, f, is->path, e, "lacks a part");
    if (bytes != SIZE_MAX && bytes != f->array[array].bytes)
        return no_place(s, f, is->path, e, "has parts of another size than its jobs need");
    *out = (struct place){ f, is, &f->array[array], (size_t)r->family_row, part };
    return 0;
}

static uint64_t part_at(const struct place *p)
{
    return (p->row * store_parts(p->is) + p->part) * p->array->bytes;
}

static int place_error(const struct store *s, const struct place *p, struct err *e, const char *what)
{
    return err_at(e, ERR_STORE, s->path, NOWHERE, NULL, "/families/%s/%s[%zu], part %zu: %s", p->family->is.name,
                  p->is->path, p->row, p->part, what);
}

static int part_read(struct store *s, const struct place *p, void *data, struct err *e)
{
    if (raw_read(s, &p->array->raw, part_at(p), data, p->array->bytes)) return 0;
    return h5_error(e, ERR_STORE, s->path, "cannot read /families/%s/%s", p->family->is.name, p->is->path);
}

static int part_write(struct store *s, const struct place *p, const void *data, struct err *e)
{
    if (raw_write(s, &p->array->raw, part_at(p), data, p->array->bytes)) return 0;
    return h5_error(e, ERR_FULL, s->path, "cannot write /families/%s/%s", p->family->is.name, p->is->path);
}

/* Rewriting a part with the bytes it has (a resumed job repeats its steps) never makes it unreadable for others. */
int store_put(struct store *s, const struct store_row *r, size_t array, size_t part, const void *data, size_t bytes,
              struct err *e)
{
    struct place p;
    if (place_of(s, r, array, part, bytes, &p, e)) return -1;
    const size_t at = p.array->first + part;
    uint64_t have, sum = checksum(data, p.array->bytes), none = 0;
    if (sums_read(s, p.family, p.row, at, 1, &have, e)) return -1;
    if (have && have != sum && sums_write(s, p.family, p.row, at, 1, &none, e)) return -1;
    if (part_write(s, &p, data, e)) return -1;
    return have == sum ? 0 : sums_write(s, p.family, p.row, at, 1, &sum, e);
}

/* Somebody may be writing the part: look again for about 25 ms before calling it damaged. */
int store_get(struct store *s, const struct store_row *r, size_t array, size_t part, void *data, size_t bytes,
              struct err *e)
{
    struct place p;
    uint64_t sum = 0;
    double nap = 1e-4;
    if (place_of(s, r, array, part, bytes, &p, e)) return -1;
    do {
        if (sums_read(s, p.family, p.row, p.array->first + part, 1, &sum, e)) return -1;
        if (sum == 0) return place_error(s, &p, e, "was not written");
        if (part_read(s, &p, data, e)) return -1;
        if (checksum(data, p.array->bytes) == sum) return 0;
    } while (row_wait(s, &nap));
    return place_error(s, &p, e, "does not agree with its checksum");
}

uint64_t store_part_sum(struct store *s, const struct store_row *r, size_t array, size_t part)
{
    struct place p = { 0 };
    struct err e = { 0 };
    uint64_t sum;
    return place_of(s, r, array, part, SIZE_MAX, &p, &e) ||
                   sums_read(s, p.family, p.row, p.array->first + part, 1, &sum, &e)
               ? 0
               : sum;
}

bool store_has(struct store *s, const struct store_row *r, size_t array, size_t part)
{
    return store_part_sum(s, r, array, part) != 0;
}

bool store_sound(struct store *s, const struct store_row *r, size_t array, size_t part)
{
    struct arena a = { 0 };
    struct err ignored = { 0 };
    const struct family *f = family_of_row(s, r, &ignored);
    const size_t bytes = f && array < f->is.arrays ? f->array[array].bytes : 0;
    const bool sound =
        store_has(s, r, array, part) && !store_get(s, r, array, part, arena_alloc(&a, bytes), bytes, &ignored);
    arena_release(&a);
    return sound;
}

/* The checksums go first: what they vouch for reads as zeros once the file system has taken the space back. */
static void discard_array(struct store *s, const struct family *f, size_t row, size_t array, uint64_t *sums)
{
    const struct stored_array *a = &f->array[array];
    const size_t parts = store_parts(&f->is.array[array]), bytes = parts * a->bytes;
    struct err ignored = { 0 };
    bool any = false;
    for (size_t part = 0; part < parts; part++) any = any || sums[a->first + part];
    if (!any) return;
    memset(sums + a->first, 0, parts * sizeof *sums);
    if (!sums_write(s, f, row, a->first, parts, sums + a->first, &ignored) && s->fd >= 0)
        (void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(a->raw.at + row * bytes),
                        (off_t)bytes);
}

void store_discard(struct store *s, const struct store_row *r)
{
    struct err ignored = { 0 };
    const struct family *f = family_of_row(s, r, &ignored);
    if (!f) return;
    struct arena a = { 0 };
    uint64_t *sums = ARENA_NEW(&a, f->parts, uint64_t);
    const bool known = !sums_read(s, f, (size_t)r->family_row, 0, f->parts, sums, &ignored);
    for (size_t i = 0; i < f->is.arrays && known; i++)
        if (f->is.array[i].scratch) discard_array(s, f, (size_t)r->family_row, i, sums);
    arena_release(&a);
}

/* Bytes of [from, to) that are holes in the file; 0 where the file system cannot tell. */
static uint64_t holes(int fd, off_t from, off_t to)
{
    uint64_t bytes = 0;
    for (off_t at = from; at < to;) {
        const off_t hole = lseek(fd, at, SEEK_HOLE);
        if (hole < 0 || hole >= to) break;
        const off_t data = lseek(fd, hole, SEEK_DATA); /* -1: nothing but the hole up to the end */
        at = data < 0 || data > to ? to : data;
        bytes += (uint64_t)(at - hole);
    }
    return bytes;
}

uint64_t store_row_missing(struct store *s, const struct store_row *r)
{
    uint64_t bytes = 0;
    struct err ignored = { 0 };
    const struct family *f = family_of_row(s, r, &ignored);
    if (!f) return 0;
    for (size_t i = 0; i < f->own_arrays && s->fd >= 0; i++) {
        const struct stored_array *a = &f->array[i];
        const size_t whole = a->bytes * store_parts(&f->is.array[i]);
        const off_t from = (off_t)(a->raw.at + (size_t)r->family_row * whole);
        if (!f->is.array[i].scratch && !a->raw.packed) bytes += holes(s->fd, from, from + (off_t)whole);
    }
    return bytes;
}
