#include "base/archive.h"

#include "base/field.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* The bytes of a file, read from the front, with zeros behind its end. */
struct reader {
    const char *bytes;
    size_t length;
    const char *what;
    struct arena *arena;
    struct err *e;
};

static uint64_t number_at(const struct reader *r, size_t at, size_t bytes)
{
    uint64_t value = 0;
    if (at <= r->length && bytes <= r->length - at) memcpy(&value, r->bytes + at, bytes);
    return value;
}

static int cut_off(const struct reader *r)
{
    return err_at(r->e, ERR_SPEC, r->what, NOWHERE, NULL, "is cut off, or is no .npz or .safetensors file");
}

/* ---- numbers of any type to double ---- */

enum number { F64, F32, F16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL, NUMBERS };
static const struct {
    const char *numpy, *safetensors;
    size_t bytes;
} number_type[NUMBERS] = {
    [F64] = { "f8", "F64", 8 }, [F32] = { "f4", "F32", 4 }, [F16] = { "f2", "F16", 2 }, [I64] = { "i8", "I64", 8 },
    [I32] = { "i4", "I32", 4 }, [I16] = { "i2", "I16", 2 }, [I8] = { "i1", "I8", 1 },   [U64] = { "u8", "U64", 8 },
    [U32] = { "u4", "U32", 4 }, [U16] = { "u2", "U16", 2 }, [U8] = { "u1", "U8", 1 },   [BOOL] = { "b1", "BOOL", 1 }
};

static double half(uint16_t h)
{
    const int exponent = h >> 10 & 31, fraction = h & 1023;
    const double size = exponent == 0    ? fraction * 0x1p-24
                        : exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
                                         : (1024 + fraction) * ldexp(1, exponent - 25);
    return h >> 15 ? -size : size;
}

static double number_value(enum number type, const char *place)
{
    union {
        double f64;
        float f32;
        uint16_t u16;
        int64_t i64;
        int32_t i32;
        int16_t i16;
        int8_t i8;
        uint64_t u64;
        uint32_t u32;
        uint8_t u8;
    } x = { .u64 = 0 };
    memcpy(&x, place, number_type[type].bytes);
    switch (type) {
    case F64: return x.f64;
    case F32: return (double)x.f32;
    case F16: return half(x.u16);
    case I64: return (double)x.i64;
    case I32: return x.i32;
    case I16: return x.i16;
    case I8: return x.i8;
    case U64: return (double)x.u64;
    case U32: return x.u32;
    case U16: return x.u16;
    default: return x.u8;
    }
}

/* out's shape is known: take its numbers from the file. */
static int convert(const struct reader *r, struct archive_array *out, enum number type, size_t at)
{
    const size_t size = archive_size(out), step = number_type[type].bytes;
    if (at > r->length || size > (r->length - at) / step) return cut_off(r);
    double *value = ARENA_NEW(r->arena, size, double);
    for (size_t i = 0; i < size; i++) value[i] = number_value(type, r->bytes + at + i * step);
    out->type = COLUMN_F64;
    out->data = value;
    return 0;
}

static int no_type(const struct reader *r, const char *name, const char *type, size_t length)
{
    return err_at(r->e, ERR_SPEC, r->what, NOWHERE, NULL, "array '%s' has the type '%.*s', which is not read", name,
                  (int)(length < 16 ? length : 16), type);
}

/* "(3, 4)" or "[3,4]" up to its closing bracket. */
static bool read_shape(const char *text, struct archive_array *out)
{
    size_t size = 1;
    out->rank = 0;
    for (text++; *text && !strchr(")]", *text);) {
        char *end;
        const uint64_t dim = strtoull(text, &end, 10);
        if (end == text || out->rank == ARCHIVE_RANK || (dim && size > (size_t)PTRDIFF_MAX / 8 / dim)) return false;
        out->dim[out->rank++] = (size_t)dim;
        size *= (size_t)dim;
        text = end + strspn(end, ", ");
    }
    return *text != '\0';
}

/* ---- .npy ---- */

static int read_npy(const struct reader *r, const char *name, struct archive_array *out)
{
    const bool wide = number_at(r, 6, 1) > 1;
    const size_t head = wide ? 12 : 10, length = (size_t)number_at(r, 8, wide ? 4 : 2);
    if (r->length < head || length > r->length - head || memcmp(r->bytes, "\x93NUMPY", 6)) return cut_off(r);
    const char *text = arena_text(r->arena, r->bytes + head, length), *type = strstr(text, "'descr': '"),
               *shape = strstr(text, "'shape': (");
    if (!type || !shape || !read_shape(shape + 9, out)) return cut_off(r);
    if (strstr(text, "'fortran_order': True"))
        return err_at(r->e, ERR_SPEC, r->what, NOWHERE, NULL, "array '%s' is in Fortran order; save a C-ordered one",
                      name);
    type += 10;
    for (int t = 0; t < NUMBERS; t++)
        if (strchr("<|", *type) && !strncmp(type + 1, number_type[t].numpy, 2))
            return convert(r, out, (enum number)t, head + length);
    return no_type(r, name, type, strcspn(type, "'"));
}

/* ---- .npz ---- */

enum { LOCAL = 30, CENTRAL = 46, END = 22, STORED = 0, DEFLATED = 8 };

struct names {
    struct buf list;
    const char **name; /* NULL-terminated, in the arena */
    size_t count;
};

static void note(const struct reader *r, struct names *n, const char *name, size_t length)
{
    if (n->count == 255) return;
    if (!n->name) n->name = ARENA_NEW(r->arena, 256, const char *);
    n->name[n->count++] = arena_text(r->arena, name, length);
}

static int no_array(const struct reader *r, struct names *n, const char *name)
{
    const char *near = n->count ? near_name(name, n->name) : NULL;
    if (n->count) names_print(&n->list, n->name);
    err_at(r->e, ERR_SPEC, r->what, NOWHERE, NULL, "has no array '%s'; it has: %s%s%s%s", name,
           text_shown(n->count ? buf_chars(&n->list) : "none", 300), near ? "; did you mean '" : "", near ? near : "",
           near ? "'?" : "");
    buf_release(&n->list);
    return -1;
}

/* The member whose entry in the central directory stands at `at`. */
static int read_member(const struct reader *r, size_t at, const char *name, struct archive_array *out)
{
    const size_t local = (size_t)number_at(r, at + 42, 4), packed = (size_t)number_at(r, at + 20, 4);
    const size_t bytes = (size_t)number_at(r, at + 24, 4), method = (size_t)number_at(r, at + 10, 2);
    const size_t from = local + LOCAL + (size_t)number_at(r, local + 26, 2) + (size_t)number_at(r, local + 28, 2);
    if (from > r->length || packed > r->length - from) return cut_off(r);
    struct reader npy = *r;
    npy.bytes = r->bytes + from;
    npy.length = packed;
    if (method == DEFLATED) {
        char *plain = arena_alloc(r->arena, bytes);
        z_stream z = { .next_in = (Bytef *)(uintptr_t)npy.bytes,
                       .avail_in = (uInt)packed,
                       .next_out = (Bytef *)plain,
                       .avail_out = (uInt)bytes };
        if (inflateInit2(&z, -MAX_WBITS) != Z_OK) die("zlib cannot start");
        const int rc = inflate(&z, Z_FINISH);
        inflateEnd(&z);
        if (rc != Z_STREAM_END) return cut_off(r);
        npy.bytes = plain;
        npy.length = bytes;
    } else if (method != STORED) {
        return err_at(r->e, ERR_SPEC, r->what, NOWHERE, NULL, "array '%s' is compressed in a way that is not read",
                      name);
    }
    return read_npy(&npy, name, out);
}

static int find_npz(const struct reader *r, const char *name, struct archive_array *out)
{
    size_t end = r->length < END ? 0 : r->length - END;
    struct names names = { 0 };
    while (end > 0 && memcmp(r->bytes + end, "PK\x05\x06", 4)) end--;
    if (end == 0) return cut_off(r);
    size_t at = (size_t)number_at(r, end + 16, 4);
    for (size_t count = (size_t)number_at(r, end + 10, 2); count--;) {
        const size_t length = (size_t)number_at(r, at + 28, 2);
        if (at + CENTRAL + length > r->length || memcmp(r->bytes + at, "PK\x01\x02", 4)) return cut_off(r);
        const char *have = r->bytes + at + CENTRAL;
        const size_t stem = length > 4 && !memcmp(have + length - 4, ".npy", 4) ? length - 4 : length;
        if (strlen(name) == stem && !memcmp(have, name, stem)) return read_member(r, at, name, out);
        note(r, &names, have, stem);
        at += CENTRAL + length + (size_t)number_at(r, at + 30, 2) + (size_t)number_at(r, at + 32, 2);
    }
    return no_array(r, &names, name);
}

/* ---- safetensors ---- */

/* Its JSON is flat: "NAME":{...} again and again, and no value of ours holds a brace or an escape. */
static int read_tensor(const struct reader *r, const char *entry, size_t data, const char *name,
                       struct archive_array *out)
{
    const char *close = strchr(entry, '}'), *type = strstr(entry, "\"dtype\""), *shape = strstr(entry, "\"shape\""),
               *place = strstr(entry, "\"data_offsets\"");
    if (!close || !type || !shape || !place || type > close || shape > close || place > close) return cut_off(r);
    type = strchr(type + 7, '"');
    shape = strchr(shape, '[');
    place = strchr(place, '[');
    if (!type || !shape || !place || !read_shape(shape, out)) return cut_off(r);
    const size_t length = strcspn(++type, "\"");
    for (int t = 0; t < NUMBERS; t++)
        if (strlen(number_type[t].safetensors) == length && !strncmp(type, number_type[t].safetensors, length))
            return convert(r, out, (enum number)t, data + (size_t)strtoull(place + 1, NULL, 10));
    return no_type(r, name, type, length);
}

static int find_safetensors(const struct reader *r, const char *name, struct archive_array *out)
{
    const size_t length = (size_t)number_at(r, 0, 8);
    struct names names = { 0 };
    if (r->length < 8 || length > r->length - 8) return cut_off(r);
    const char *text = arena_text(r->arena, r->bytes + 8, length), *at = strchr(text, '{');
    for (at = at ? at + 1 : NULL; at && (at = strchr(at, '"'));) {
        const size_t stem = strcspn(++at, "\"");
        const char *entry = strchr(at + stem, '{');
        if (!entry) return cut_off(r);
        const bool meta = stem == strlen("__metadata__") && !strncmp(at, "__metadata__", stem);
        if (strlen(name) == stem && !strncmp(at, name, stem)) return read_tensor(r, entry, 8 + length, name, out);
        if (!meta) note(r, &names, at, stem);
        at = strchr(entry, '}');
    }
    return no_array(r, &names, name);
}

/* ---- either ---- */

bool archive_is(const void *bytes, size_t length)
{
    const char *b = bytes;
    return length > 8 && (!memcmp(b, "PK\x03\x04", 4) || b[8] == '{');
}

int archive_find(struct archive_array *out, const struct buf *file, const char *what, const char *name,
                 struct arena *a, struct err *e)
{
    const struct reader r = { file->bytes, file->length, what, a, e };
    *out = (struct archive_array){ .name = name, .type = COLUMN_F64 };
    if (!archive_is(r.bytes, r.length)) return cut_off(&r);
    return (r.bytes[0] == 'P' ? find_npz : find_safetensors)(&r, name, out);
}
