#include "base/buf.h"
#include "disk/h5.h"
#include "store/family.h"
#include "store/orphans.h"
#include "store/row.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int piece_move(struct store *s, const struct family *f, const struct sums *in, size_t row, size_t first,
                      size_t count, uint64_t *sums, bool writing, struct err *e)
{
    const uint64_t at = (row * in->stride + first - in->first) * sizeof *sums;
    const size_t bytes = count * sizeof *sums;
    if (writing ? raw_write(&s->disk, &in->raw, at, sums, bytes) : raw_read(&s->disk, &in->raw, at, sums, bytes))
        return 0;
    return h5_error(e, writing ? ERR_FULL : ERR_STORE, s->disk.path, "cannot %s /families/%s/%s",
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
    uint64_t sum = hash_sum(buf_chars(&vouched), vouched.length);
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
    return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "/families/%s%s%s %s", f->is.name, path[0] ? "/" : "",
                  path, what);
}

/* The family of a row, which is a row of it; NULL with *e filled. */
const struct family *family_of_row(const struct store *s, const struct store_row *r, struct err *e)
{
    if (r->family < 0 || (uint64_t)r->family >= s->families) {
        err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "there is no family %lld", (long long)r->family);
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
    return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "/families/%s/%s[%zu], part %zu: %s", p->family->is.name,
                  p->is->path, p->row, p->part, what);
}

static int part_read(struct store *s, const struct place *p, void *data, struct err *e)
{
    if (raw_read(&s->disk, &p->array->raw, part_at(p), data, p->array->bytes)) return 0;
    return h5_error(e, ERR_STORE, s->disk.path, "cannot read /families/%s/%s", p->family->is.name, p->is->path);
}

static int part_write(struct store *s, const struct place *p, const void *data, struct err *e)
{
    if (raw_write(&s->disk, &p->array->raw, part_at(p), data, p->array->bytes)) return 0;
    return h5_error(e, ERR_FULL, s->disk.path, "cannot write /families/%s/%s", p->family->is.name, p->is->path);
}

/* ---- writing: data first, then all of their checksums at once ---- */

struct putting { /* some parts of one row */
    struct store *s;
    const struct family *family;
    size_t row, count;
    struct place *place; /* [count]                                            */
    const struct store_part *part;
    uint64_t *sum;  /* [count] of the bytes to come                       */
    uint64_t *sums; /* [end - first] the row's checksums from column first */
    size_t first, end;
};

static size_t column_of(const struct putting *p, size_t i)
{
    return p->place[i].array->first + p->place[i].part;
}

static uint64_t *sum_in_row(const struct putting *p, size_t i)
{
    return &p->sums[column_of(p, i) - p->first];
}

static int find_places(struct putting *p, const struct store_row *r, struct err *e)
{
    p->first = SIZE_MAX;
    for (size_t i = 0; i < p->count; i++) {
        const struct store_part *part = &p->part[i];
        if (place_of(p->s, r, part->array, part->part, part->bytes, &p->place[i], e)) return -1;
        p->sum[i] = hash_sum(part->data, part->bytes);
        if (column_of(p, i) < p->first) p->first = column_of(p, i);
        if (column_of(p, i) >= p->end) p->end = column_of(p, i) + 1;
    }
    p->family = p->place[0].family;
    p->row = p->place[0].row;
    return 0;
}

static int move_sums(const struct putting *p, bool writing, struct err *e)
{
    return sums_move(p->s, p->family, p->row, p->first, p->end - p->first, p->sums, writing, e);
}

/* Rewriting a part with the bytes it has (a resumed job repeats its steps) never makes it unreadable for others. */
static int clear_others(const struct putting *p, struct err *e)
{
    bool any = false;
    for (size_t i = 0; i < p->count; i++) {
        uint64_t *have = sum_in_row(p, i);
        any = any || (*have && *have != p->sum[i]);
        if (*have != p->sum[i]) *have = 0;
    }
    return any ? move_sums(p, true, e) : 0;
}

static int write_sums(const struct putting *p, struct err *e)
{
    bool any = false;
    for (size_t i = 0; i < p->count; i++) {
        any = any || *sum_in_row(p, i) != p->sum[i];
        *sum_in_row(p, i) = p->sum[i];
    }
    return any ? move_sums(p, true, e) : 0;
}

static int put_all(struct putting *p, const struct store_row *r, struct arena *a, struct err *e)
{
    p->place = ARENA_NEW(a, p->count, struct place);
    p->sum = ARENA_NEW(a, p->count, uint64_t);
    if (find_places(p, r, e)) return -1;
    p->sums = ARENA_NEW(a, p->end - p->first, uint64_t);
    if (move_sums(p, false, e) || clear_others(p, e)) return -1;
    for (size_t i = 0; i < p->count; i++)
        if (part_write(p->s, &p->place[i], p->part[i].data, e)) return -1;
    return write_sums(p, e);
}

int store_put_all(struct store *s, const struct store_row *r, const struct store_part *part, size_t count,
                  struct err *e)
{
    struct putting p = { .s = s, .part = part, .count = count };
    struct arena a = { 0 };
    const int rc = count ? put_all(&p, r, &a, e) : 0;
    arena_release(&a);
    return rc;
}

int store_put(struct store *s, const struct store_row *r, size_t array, size_t part, const void *data, size_t bytes,
              struct err *e)
{
    return store_put_all(s, r, &(struct store_part){ array, part, data, bytes }, 1, e);
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
        if (hash_sum(data, p.array->bytes) == sum) return 0;
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

/* The checksums go first: what they vouch for reads as zeros once the file system has taken the space back.  sums: of
 * the parts. */
static void discard_parts(struct store *s, const struct family *f, size_t row, size_t array, size_t first,
                          size_t count, uint64_t *sums)
{
    const struct stored_array *a = &f->array[array];
    struct err ignored = { 0 };
    bool any = false;
    for (size_t part = 0; part < count; part++) any = any || sums[part];
    if (!any) return;
    memset(sums, 0, count * sizeof *sums);
    if (!sums_write(s, f, row, a->first + first, count, sums, &ignored) && s->disk.fd >= 0)
        (void)fallocate(s->disk.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                        (off_t)(a->raw.at + (row * store_parts(&f->is.array[array]) + first) * a->bytes),
                        (off_t)(count * a->bytes));
}

/* All of the row's arrays, or those alone that a commit needs no more. */
static void discard(struct store *s, const struct store_row *r, bool all)
{
    struct err ignored = { 0 };
    const struct family *f = family_of_row(s, r, &ignored);
    if (!f) return;
    struct arena a = { 0 };
    uint64_t *sums = ARENA_NEW(&a, f->parts, uint64_t);
    const bool known = !sums_read(s, f, (size_t)r->family_row, 0, f->parts, sums, &ignored);
    for (size_t i = 0; i < f->is.arrays && known; i++)
        if (all || f->is.array[i].scratch)
            discard_parts(s, f, (size_t)r->family_row, i, 0, store_parts(&f->is.array[i]), sums + f->array[i].first);
    for (size_t i = 0; i < f->annexes && known && all; i++)
        UNLOOKED(sums_write(s, f, (size_t)r->family_row, f->annex[i].first + f->annex[i].parts, 1, &(uint64_t){ 0 },
                            &ignored)); /* what stays is found by its checksum */
    arena_release(&a);
}

void store_discard(struct store *s, const struct store_row *r)
{
    discard(s, r, false);
}

void store_discard_part(struct store *s, const struct store_row *r, size_t array, size_t part)
{
    struct err ignored = { 0 };
    struct place p = { 0 };
    uint64_t sum;
    if (place_of(s, r, array, part, SIZE_MAX, &p, &ignored) ||
        sums_read(s, p.family, p.row, p.array->first + part, 1, &sum, &ignored))
        return;
    discard_parts(s, p.family, p.row, array, part, 1, &sum);
}

void orphans_release_row(struct store *s, const struct store_row *r)
{
    discard(s, r, true);
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
    for (size_t i = 0; i < f->own_arrays && s->disk.fd >= 0; i++) {
        const struct stored_array *a = &f->array[i];
        const size_t whole = a->bytes * store_parts(&f->is.array[i]);
        const off_t from = (off_t)(a->raw.at + (size_t)r->family_row * whole);
        if (!f->is.array[i].scratch && !a->raw.packed) bytes += holes(s->disk.fd, from, from + (off_t)whole);
    }
    return bytes;
}
