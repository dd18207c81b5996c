#include "disk/archive.h"
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

size_t archive_size(const struct archive_array *a)
{
    size_t size = 1;
    for (size_t i = 0; i < a->rank; i++) size *= a->dim[i];
    return size;
}

static size_t bytes_of(const struct archive_array *a)
{
    return archive_size(a) * column_size(a->type, 0);
}

static const struct {
    const char *numpy, *safetensors;
} type_name[COLUMN_TYPES] = { [COLUMN_F64] = { "<f8", "F64" },
                              [COLUMN_F32] = { "<f4", "F32" },
                              [COLUMN_I64] = { "<i8", "I64" },
                              [COLUMN_U64] = { "<u8", "U64" },
                              [COLUMN_U8] = { "|u1", "U8" } };

static void put_number(struct buf *out, uint64_t value, size_t bytes)
{
    buf_add(out, &value, bytes);
}

static void pad(struct buf *out, size_t from, size_t to)
{
    while ((out->length - from) % to) buf_text(out, " ");
}

/* ---- NumPy ---- */

enum { NPY_ALIGN = 64, NPY_PREFIX = 10 };

void archive_npy(struct buf *out, const struct archive_array *a)
{
    struct buf head = { 0 };
    buf_print(&head, "{'descr': '%s', 'fortran_order': False, 'shape': (", type_name[a->type].numpy);
    for (size_t i = 0; i < a->rank; i++) buf_print(&head, "%zu,%s", a->dim[i], i + 1 < a->rank ? " " : "");
    buf_text(&head, "), }");
    while ((NPY_PREFIX + head.length + 1) % NPY_ALIGN) buf_text(&head, " ");
    buf_text(&head, "\n");
    buf_add(out, "\x93NUMPY\x01", 7);
    put_number(out, 0, 1);
    put_number(out, head.length, 2);
    buf_add(out, head.bytes, head.length);
    buf_add(out, a->data, bytes_of(a));
    buf_release(&head);
}

/* ---- .npz: a zip file whose members are stored as they are ---- */

struct member {
    const char *name;
    uint64_t at, bytes;
    uint32_t crc;
};

/* What 32 bits do not hold stands in a field of Zip64 behind the name, with these in its place. */
enum { ZIP_VERSION = 20, ZIP64_VERSION = 45, LARGE = 3 };
#define ELSEWHERE UINT32_MAX

static size_t list_large(const struct member *m, bool with_place, uint64_t limit, uint64_t large[LARGE])
{
    size_t count = 0;
    if (m->bytes > limit) large[count++] = m->bytes; /* as it is, */
    if (m->bytes > limit) large[count++] = m->bytes; /* and as it is stored */
    if (with_place && m->at > limit) large[count++] = m->at;
    return count;
}

static void put_large(struct buf *out, const uint64_t *large, size_t count)
{
    if (!count) return;
    put_number(out, 1, 2);
    put_number(out, count * sizeof *large, 2);
    for (size_t i = 0; i < count; i++) put_number(out, large[i], sizeof *large);
}

/* What the local header and the central directory have in common. */
static void put_member(struct buf *out, const struct member *m, uint64_t limit, size_t large)
{
    const uint64_t bytes = m->bytes > limit ? ELSEWHERE : m->bytes;
    put_number(out, large ? ZIP64_VERSION : ZIP_VERSION, 2); /* of zip that can read it */
    put_number(out, 0, 2);                                   /* flags                   */
    put_number(out, 0, 2);                                   /* stored                  */
    put_number(out, 0, 2);                                   /* time                    */
    put_number(out, 0x21, 2);                                /* 1980-01-01              */
    put_number(out, m->crc, 4);
    put_number(out, bytes, 4);
    put_number(out, bytes, 4);
    put_number(out, strlen(m->name), 2);
    put_number(out, large ? 4 + large * sizeof(uint64_t) : 0, 2);
}

/* Where the directory is, in 64 bits, and where that stands. */
static void put_end64(struct buf *out, size_t start, uint64_t at, uint64_t bytes, size_t count)
{
    const uint64_t here = out->length - start;
    buf_add(out, "PK\x06\x06", 4);
    put_number(out, 44, 8); /* bytes that follow */
    put_number(out, ZIP64_VERSION, 2);
    put_number(out, ZIP64_VERSION, 2);
    put_number(out, 0, 8); /* disks */
    put_number(out, count, 8);
    put_number(out, count, 8);
    put_number(out, bytes, 8);
    put_number(out, at, 8);
    buf_add(out, "PK\x06\x07", 4);
    put_number(out, 0, 4); /* disk */
    put_number(out, here, 8);
    put_number(out, 1, 4); /* disks */
}

static void put_directory(struct buf *out, size_t start, const struct member *member, size_t count, uint64_t limit)
{
    const uint64_t at = out->length - start;
    for (size_t i = 0; i < count; i++) {
        uint64_t large[LARGE];
        const size_t larges = list_large(&member[i], true, limit, large);
        buf_add(out, "PK\x01\x02", 4);
        put_number(out, larges ? ZIP64_VERSION : ZIP_VERSION, 2); /* of zip that wrote it */
        put_member(out, &member[i], limit, larges);
        put_number(out, 0, 2); /* comment             */
        put_number(out, 0, 2); /* disk                */
        put_number(out, 0, 2); /* internal attributes */
        put_number(out, 0, 4); /* external attributes */
        put_number(out, member[i].at > limit ? ELSEWHERE : member[i].at, 4);
        buf_text(out, member[i].name);
        put_large(out, large, larges);
    }
    const uint64_t bytes = out->length - start - at;
    const bool large = at > limit || bytes > limit || count >= UINT16_MAX;
    if (large) put_end64(out, start, at, bytes, count);
    buf_add(out, "PK\x05\x06", 4);
    put_number(out, 0, 4); /* disks */
    put_number(out, large ? UINT16_MAX : count, 2);
    put_number(out, large ? UINT16_MAX : count, 2);
    put_number(out, large ? ELSEWHERE : bytes, 4);
    put_number(out, large ? ELSEWHERE : at, 4);
    put_number(out, 0, 2); /* comment */
}

void archive_npz_large(struct buf *out, const struct archive_array *a, size_t count, uint64_t limit)
{
    const size_t start = out->length;
    struct arena arena = { 0 };
    struct member *member = ARENA_NEW(&arena, count, struct member);
    struct buf npy = { 0 }, name = { 0 };
    for (size_t i = 0; i < count; i++) {
        struct member *m = &member[i];
        uint64_t large[LARGE];
        buf_clear(&npy);
        archive_npy(&npy, &a[i]);
        buf_clear(&name);
        buf_print(&name, "%s.npy", a[i].name);
        m->name = arena_text(&arena, name.bytes, name.length);
        m->at = out->length - start;
        m->bytes = npy.length;
        m->crc = (uint32_t)crc32_z(0, (const Bytef *)npy.bytes, npy.length);
        const size_t larges = list_large(m, false, limit, large);
        buf_add(out, "PK\x03\x04", 4);
        put_member(out, m, limit, larges);
        buf_text(out, m->name);
        put_large(out, large, larges);
        buf_add(out, npy.bytes, npy.length);
    }
    put_directory(out, start, member, count, limit);
    buf_release(&npy);
    buf_release(&name);
    arena_release(&arena);
}

void archive_npz(struct buf *out, const struct archive_array *a, size_t count)
{
    archive_npz_large(out, a, count, ELSEWHERE - 1);
}

/* ---- safetensors: the length of a JSON text, the text, the numbers ---- */

void archive_safetensors(struct buf *out, const struct archive_array *a, size_t count)
{
    struct buf head = { 0 };
    size_t at = 0;
    json_open(&head, NULL, '{');
    for (size_t i = 0; i < count; i++) {
        json_open(&head, a[i].name, '{');
        json_text(&head, "dtype", type_name[a[i].type].safetensors);
        json_open(&head, "shape", '[');
        for (size_t d = 0; d < a[i].rank; d++) json_count(&head, NULL, a[i].dim[d]);
        json_close(&head, ']');
        json_open(&head, "data_offsets", '[');
        json_count(&head, NULL, at);
        json_count(&head, NULL, at += bytes_of(&a[i]));
        json_close(&head, ']');
        json_close(&head, '}');
    }
    json_close(&head, '}');
    pad(&head, 0, 8);
    put_number(out, head.length, 8);
    buf_add(out, head.bytes, head.length);
    for (size_t i = 0; i < count; i++) buf_add(out, a[i].data, bytes_of(&a[i]));
    buf_release(&head);
}

/* ---- CSV ---- */

/* Shortest digits of the number's own type; a missing one is an empty cell. */
static void put_value(struct buf *out, const struct archive_array *a, size_t i)
{
    switch (a->type) {
    case COLUMN_F64:
        if (!isnan(((const double *)a->data)[i])) buf_real(out, ((const double *)a->data)[i]);
        break;
    case COLUMN_F32:
        if (!isnan(((const float *)a->data)[i])) buf_print(out, "%.9g", (double)((const float *)a->data)[i]);
        break;
    case COLUMN_I64: buf_print(out, "%" PRId64, ((const int64_t *)a->data)[i]); break;
    case COLUMN_U64: buf_print(out, "%" PRIu64, ((const uint64_t *)a->data)[i]); break;
    default: buf_print(out, "%u", ((const uint8_t *)a->data)[i]);
    }
}

static bool are_columns(const struct archive_array *a, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i].rank != 1 || a[i].dim[0] != a[0].dim[0]) return false;
    return count > 1;
}

static void put_columns(struct buf *out, const struct archive_array *a, size_t count)
{
    for (size_t i = 0; i < count; i++) buf_print(out, "%s%s", i ? "," : "", a[i].name);
    buf_text(out, "\n");
    for (size_t row = 0; row < a[0].dim[0]; row++)
        for (size_t i = 0; i < count; i++) {
            put_value(out, &a[i], row);
            buf_text(out, i + 1 < count ? "," : "\n");
        }
}

static void put_lines(struct buf *out, const struct archive_array *a, size_t rank)
{
    for (size_t i = 0; i < archive_size(a); i++) {
        size_t below = archive_size(a), rest = i;
        buf_text(out, a->name);
        for (size_t d = 0; d < rank; d++) {
            buf_text(out, ",");
            if (d >= a->rank) continue;
            below /= a->dim[d];
            buf_print(out, "%zu", rest / below);
            rest %= below;
        }
        buf_text(out, ",");
        put_value(out, a, i);
        buf_text(out, "\n");
    }
}

void archive_csv(struct buf *out, const struct archive_array *a, size_t count)
{
    size_t rank = 0;
    if (are_columns(a, count)) {
        put_columns(out, a, count);
        return;
    }
    for (size_t i = 0; i < count; i++) rank = a[i].rank > rank ? a[i].rank : rank;
    buf_text(out, "name");
    for (size_t d = 0; d < rank; d++) buf_print(out, ",%c", "ijkl"[d]);
    buf_text(out, ",value\n");
    for (size_t i = 0; i < count; i++) put_lines(out, &a[i], rank);
}
