#include "disk/archive_private.h"

#include <stdlib.h>
#include <string.h>

/* A zip file (PKWARE's APPNOTE 6.3, with zip64): members, each behind a local header; the central directory, which
 * says where they are; the end record, which says where that is.  What is said twice must be the same. */

enum {
    LOCAL = 30,
    CENTRAL = 46,
    END = 22,
    LOCATOR = 20,
    END64 = 56,
    COMMENT = 65535,
    STORED = 0,
    DEFLATED = 8,
    ENCRYPTED = 1 | 1 << 6 | 1 << 13, /* bits of a member's flags */
    SIZES_BEHIND = 1 << 3,
    ZIP64 = 1, /* the extra field with the numbers that 32 bits cannot hold */
    NPY_HEAD = 1 << 16,
    AT_ONCE = 1 << 14
};
#define IN_ZIP64 UINT32_MAX

static uint64_t number_at(const char *place, size_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, place, bytes);
    return value;
}

/* ---- the end of the file ---- */

struct directory {
    uint64_t at, size, entries;
};

/* The end record's numbers are those of another one, before it: `before` is where the end record begins. */
static int read_end64(const struct archive_source *s, uint64_t before, struct directory *d)
{
    char locator[LOCATOR], end[END64];
    if (before < LOCATOR) return ARCHIVE_UNSOUND(s, "its zip64 locator is missing");
    if (archive_bytes(s, before - LOCATOR, locator, sizeof locator)) return -1;
    const uint64_t at = number_at(locator + 8, 8);
    if (memcmp(locator, "PK\x06\x07", 4) || at > before - LOCATOR || before - LOCATOR - at < END64)
        return ARCHIVE_UNSOUND(s, "its zip64 locator is damaged");
    if (archive_bytes(s, at, end, sizeof end)) return -1;
    if (memcmp(end, "PK\x06\x06", 4) || number_at(end + 16, 8) != 0)
        return ARCHIVE_UNSOUND(s, "its zip64 end record is damaged");
    *d = (struct directory){ number_at(end + 48, 8), number_at(end + 40, 8), number_at(end + 32, 8) };
    return 0;
}

static int read_end(const struct archive_source *s, const char *end, uint64_t at, struct directory *d)
{
    *d = (struct directory){ number_at(end + 16, 4), number_at(end + 12, 4), number_at(end + 10, 2) };
    if (number_at(end + 4, 4) || number_at(end + 8, 2) != d->entries)
        return ARCHIVE_UNSOUND(s, "it is one part of several");
    if ((d->at == IN_ZIP64 || d->size == IN_ZIP64 || d->entries == UINT16_MAX) && read_end64(s, at, d)) return -1;
    if (d->at > at || d->size > at - d->at || d->size > ARCHIVE_HEAD || d->entries > d->size / CENTRAL)
        return ARCHIVE_UNSOUND(s,
                               "its directory of %llu entries cannot be %llu bytes from byte %llu on; at most %d "
                               "bytes are read",
                               (unsigned long long)d->entries, (unsigned long long)d->size, (unsigned long long)d->at,
                               ARCHIVE_HEAD);
    return 0;
}

/* A comment may stand behind the end record. */
static int find_directory(const struct archive_source *s, struct directory *d)
{
    const size_t length = s->size < END + COMMENT ? (size_t)s->size : END + COMMENT;
    struct buf tail = { 0 };
    const char *bytes = buf_room(&tail, length);
    int rc =
        length < END ? ARCHIVE_UNSOUND(s, "it is too short") : archive_bytes(s, s->size - length, tail.bytes, length);
    for (size_t comment = 0; !rc; comment++) {
        const char *end = bytes + length - END - comment;
        if (comment + END > length) {
            rc = ARCHIVE_UNSOUND(s, "there is no directory at its end");
        } else if (!memcmp(end, "PK\x05\x06", 4) && number_at(end + 20, 2) == comment) {
            rc = read_end(s, end, s->size - END - comment, d);
            break;
        }
    }
    buf_release(&tail);
    return rc;
}

/* ---- one member ---- */

struct member {
    const char *name;
    size_t name_length;
    unsigned flags, method;
    uint32_t crc;
    uint64_t packed, bytes, at; /* at: of its local header, then of its data */
};

/* Numbers that 32 bits cannot hold stand in an extra field, in this order. */
static bool widen(const char *extra, size_t length, uint64_t *number[], size_t numbers)
{
    size_t wanted = 0;
    for (size_t i = 0; i < numbers; i++) wanted += *number[i] == IN_ZIP64;
    for (size_t size; wanted && length >= 4; extra += 4 + size, length -= 4 + size) {
        size = (size_t)number_at(extra + 2, 2);
        if (size > length - 4) return false;
        if (number_at(extra, 2) != ZIP64) continue;
        if (size < 8 * wanted) return false;
        for (size_t i = 0, at = 4; i < numbers; i++)
            if (*number[i] == IN_ZIP64) *number[i] = number_at(extra + at, 8), at += 8;
        return true;
    }
    return wanted == 0;
}

/* An entry of the directory; *length: its own. */
static bool read_central(const char *entry, size_t rest, struct member *m, size_t *length)
{
    if (rest < CENTRAL || memcmp(entry, "PK\x01\x02", 4)) return false;
    const size_t extra = (size_t)number_at(entry + 30, 2);
    *m = (struct member){ .name = entry + CENTRAL,
                          .name_length = (size_t)number_at(entry + 28, 2),
                          .flags = (unsigned)number_at(entry + 8, 2),
                          .method = (unsigned)number_at(entry + 10, 2),
                          .crc = (uint32_t)number_at(entry + 16, 4),
                          .packed = number_at(entry + 20, 4),
                          .bytes = number_at(entry + 24, 4),
                          .at = number_at(entry + 42, 4) };
    *length = CENTRAL + m->name_length + extra + (size_t)number_at(entry + 32, 2);
    return *length <= rest &&
           widen(m->name + m->name_length, extra, (uint64_t *[]){ &m->bytes, &m->packed, &m->at }, 3);
}

/* What stands in front of the data must say what the directory says. */
static bool same_member(const char *local, const char *rest, const struct member *m)
{
    uint64_t bytes = number_at(local + 22, 4), packed = number_at(local + 18, 4);
    const uint32_t crc = (uint32_t)number_at(local + 14, 4);
    if (number_at(local + 6, 2) != m->flags || number_at(local + 8, 2) != m->method ||
        memcmp(rest, m->name, m->name_length) != 0 ||
        !widen(rest + m->name_length, (size_t)number_at(local + 28, 2), (uint64_t *[]){ &bytes, &packed }, 2))
        return false;
    if (m->flags & SIZES_BEHIND && !crc && !bytes && !packed) return true;
    return crc == m->crc && bytes == m->bytes && packed == m->packed;
}

static int find_data(const struct archive_source *s, uint64_t directory, struct member *m)
{
    char local[LOCAL];
    if (m->at > directory || directory - m->at < LOCAL)
        return ARCHIVE_UNSOUND(s, "array '%s' lies outside of it", s->wish->name);
    if (archive_bytes(s, m->at, local, sizeof local)) return -1;
    const size_t names = (size_t)(number_at(local + 26, 2) + number_at(local + 28, 2));
    struct buf rest = { 0 };
    int rc = archive_bytes(s, m->at + LOCAL, buf_room(&rest, names), names);
    if (!rc && (memcmp(local, "PK\x03\x04", 4) || number_at(local + 26, 2) != m->name_length ||
                !same_member(local, rest.bytes, m)))
        rc = ARCHIVE_UNSOUND(s, "its directory and the header of array '%s' differ", s->wish->name);
    m->at += LOCAL + names;
    if (!rc && (m->at > directory || m->packed > directory - m->at))
        rc = ARCHIVE_UNSOUND(s, "array '%s' lies outside of it", s->wish->name);
    buf_release(&rest);
    return rc;
}

/* ---- its bytes, in their order ---- */

struct stream {
    const struct archive_source *s;
    uint64_t at, packed, plain; /* bytes that are left: in the file, and to be given */
    uint32_t crc;
    bool deflated, ended;
    z_stream z;
    char in[AT_ONCE];
};

static int damaged(const struct stream *t)
{
    return ARCHIVE_UNSOUND(t->s, "the compressed bytes of array '%s' are damaged", t->s->wish->name);
}

static int refill(struct stream *t)
{
    const size_t count = t->packed < sizeof t->in ? (size_t)t->packed : sizeof t->in;
    if (t->z.avail_in || !count) return 0;
    if (archive_bytes(t->s, t->at, t->in, count)) return -1;
    t->at += count;
    t->packed -= count;
    t->z.next_in = (Bytef *)t->in;
    t->z.avail_in = (uInt)count;
    return 0;
}

/* Up to `bytes` more; *got is smaller only at the end of what was compressed. */
static int inflate_some(struct stream *t, void *out, size_t bytes, size_t *got)
{
    t->z.next_out = out;
    t->z.avail_out = (uInt)bytes;
    while (t->z.avail_out && !t->ended) {
        if (refill(t)) return -1;
        const int rc = inflate(&t->z, Z_NO_FLUSH);
        if (rc == Z_MEM_ERROR) die("out of memory: zlib");
        if (rc != Z_OK && rc != Z_STREAM_END) return damaged(t);
        t->ended = rc == Z_STREAM_END;
    }
    *got = bytes - t->z.avail_out;
    return 0;
}

/* The next bytes, at most AT_ONCE. */
static int take(struct stream *t, void *out, size_t bytes)
{
    size_t got = bytes;
    if (bytes > t->plain) return ARCHIVE_UNSOUND(t->s, "array '%s' is cut off", t->s->wish->name);
    if (t->deflated ? inflate_some(t, out, bytes, &got) : archive_bytes(t->s, t->at, out, bytes)) return -1;
    if (got < bytes) return damaged(t);
    if (!t->deflated) t->at += bytes;
    t->plain -= bytes;
    t->crc = (uint32_t)crc32(t->crc, out, (uInt)bytes);
    return 0;
}

/* All has been given, and there is no more. */
static int check_end(struct stream *t, uint32_t crc)
{
    char more;
    size_t got = 0;
    if (t->deflated && inflate_some(t, &more, 1, &got)) return -1;
    if (got || (t->deflated && (t->packed || t->z.avail_in))) return damaged(t);
    return t->crc == crc
               ? 0
               : ARCHIVE_UNSOUND(t->s, "the bytes of array '%s' do not agree with their CRC-32", t->s->wish->name);
}

/* ---- .npy: a dict of Python in text, then the numbers ---- */

struct npy {
    const char *type;
    size_t type_length, rank;
    uint64_t dim[ARCHIVE_RANK];
    bool fortran;
};

static bool read_truth(struct archive_cursor *at, bool *out)
{
    *out = archive_skip(at, 'T');
    if (!*out && !archive_skip(at, 'F')) return false;
    const char *rest = *out ? "rue" : "alse";
    const size_t length = strlen(rest);
    if ((size_t)(at->end - at->at) < length || memcmp(at->at, rest, length) != 0) return false;
    at->at += length;
    return true;
}

/* Each key once, and no other. */
static bool read_dict(struct archive_cursor *at, struct npy *out)
{
    unsigned seen = 0;
    if (!archive_skip(at, '{')) return false;
    for (int i = 0; i < 3; i++) {
        const char *key;
        size_t length;
        bool ok = (!i || archive_skip(at, ',')) && archive_text(at, '\'', &key, &length) && archive_skip(at, ':');
        if (!ok) return false;
        if (length == 5 && !memcmp(key, "descr", 5))
            ok = archive_text(at, '\'', &out->type, &out->type_length), seen |= 1;
        else if (length == 5 && !memcmp(key, "shape", 5))
            ok = archive_list(at, '(', ')', out->dim, &out->rank), seen |= 2;
        else if (length == 13 && !memcmp(key, "fortran_order", 13))
            ok = read_truth(at, &out->fortran), seen |= 4;
        if (!ok) return false;
    }
    archive_skip(at, ',');
    return seen == 7 && archive_skip(at, '}');
}

static bool find_type(const struct npy *npy, enum stored_type *type)
{
    for (int i = 0; i < STORED_TYPES && npy->type_length == 3; i++)
        if (strchr("<|", npy->type[0]) && !memcmp(npy->type + 1, stored_name((enum stored_type)i), 2)) {
            *type = (enum stored_type)i;
            return true;
        }
    return false;
}

static int take_all(struct stream *t, char *out, size_t bytes)
{
    for (size_t done = 0, count; done < bytes; done += count) {
        count = bytes - done < AT_ONCE ? bytes - done : AT_ONCE;
        if (take(t, out + done, count)) return -1;
    }
    return 0;
}

static int read_npy_head(struct stream *t, struct archive_array *out, enum stored_type *type, bool *fortran)
{
    const struct archive_source *s = t->s;
    char head[10], more[2] = { 0 };
    struct npy npy = { 0 };
    if (take(t, head, sizeof head)) return -1;
    const bool wide = head[6] > 1;
    if (memcmp(head, archive_npy_magic, 6) || (wide && take(t, more, sizeof more)))
        return ARCHIVE_UNSOUND(s, "array '%s' is no .npy file", s->wish->name);
    const size_t length = (size_t)(number_at(head + 8, 2) | number_at(more, 2) << 16);
    if (length > t->plain || length > NPY_HEAD)
        return ARCHIVE_UNSOUND(s, "the .npy header of array '%s' is said to have %zu bytes", s->wish->name, length);
    char *text = arena_alloc(s->arena, length);
    if (take_all(t, text, length)) return -1;
    if (!read_dict(&(struct archive_cursor){ text, text + length }, &npy))
        return ARCHIVE_UNSOUND(s, "the .npy header of array '%s' does not say type, order and shape", s->wish->name);
    if (!find_type(&npy, type)) return archive_no_type(s, npy.type, npy.type_length);
    *fortran = npy.fortran && npy.rank > 1;
    return archive_shape(s, npy.dim, npy.rank, out);
}

static int take_numbers(struct stream *t, enum stored_type type, struct archive_array *out)
{
    char bytes[AT_ONCE];
    const size_t step = stored_bytes(type), size = archive_size(out), most = sizeof bytes / step;
    if (t->s->wish->native) return take_all(t, (char *)(uintptr_t)out->data, size * step);
    double *value = (double *)(uintptr_t)out->data;
    for (size_t i = 0, count; i < size; i += count) {
        count = size - i < most ? size - i : most;
        if (take(t, bytes, count * step)) return -1;
        stored_convert(type, bytes, count, value + i);
    }
    return 0;
}

/* From the first index fastest, as Fortran has it, to the last. */
static void turn_order(struct arena *a, struct archive_array *out, size_t bytes)
{
    const struct arena_mark m = arena_mark(a);
    const size_t size = archive_size(out);
    char *value = (char *)(uintptr_t)out->data, *from = arena_alloc(a, size * bytes);
    size_t index[ARCHIVE_RANK] = { 0 };
    if (size) memcpy(from, value, size * bytes);
    for (size_t i = 0; i < size; i++) {
        size_t to = 0;
        for (size_t d = 0; d < out->rank; d++) to = to * out->dim[d] + index[d];
        memcpy(value + to * bytes, from + i * bytes, bytes);
        for (size_t d = 0; d < out->rank && ++index[d] == out->dim[d]; d++) index[d] = 0;
    }
    arena_rewind(a, m);
}

/* m: of a zip file, or NULL.  What is in Fortran order does not lie in the file as it is wanted. */
static int read_npy(struct stream *t, const struct member *m, struct archive_array *out)
{
    enum stored_type type = STORED_F64;
    bool fortran = false;
    if (read_npy_head(t, out, &type, &fortran)) return -1;
    const struct archive_place at = { !t->deflated && !fortran, type, t->at, m != NULL, t->crc, m ? m->crc : 0 };
    if (archive_room(t->s, out, &at, t->plain)) return -1;
    if (!out->data) return 0;
    if (take_numbers(t, type, out) || (m && check_end(t, m->crc))) return -1;
    if (fortran) turn_order(t->s->arena, out, t->s->wish->native ? stored_bytes(type) : sizeof(double));
    return 0;
}

/* ---- the member that is wanted ---- */

static int read_member(const struct archive_source *s, uint64_t directory, struct member *m,
                       struct archive_array *out)
{
    if (m->flags & ENCRYPTED || (m->method != STORED && m->method != DEFLATED))
        return err_at(s->e, ERR_SPEC, s->what, NOWHERE, NULL,
                      "array '%s' is %s; what is read is stored or deflated, as np.savez and np.savez_compressed do",
                      s->wish->name, m->flags & ENCRYPTED ? "encrypted" : "compressed in a way that is not read");
    if (find_data(s, directory, m)) return -1;
    if (m->method == STORED && m->packed != m->bytes)
        return ARCHIVE_UNSOUND(s, "array '%s' is stored in another size than its own", s->wish->name);
    struct stream *t = ARENA_NEW(s->arena, 1, struct stream);
    *t = (struct stream){ s, m->at, m->packed, m->bytes, 0, m->method == DEFLATED, false, { 0 }, { 0 } };
    if (t->deflated && inflateInit2(&t->z, -MAX_WBITS) != Z_OK) die("zlib cannot start");
    const int rc = read_npy(t, m, out);
    if (t->deflated) inflateEnd(&t->z);
    return rc;
}

/* Its name with .npy, or as it is. */
static bool is_wanted(const struct member *m, const char *name, size_t *stem)
{
    *stem = m->name_length;
    if (*stem > 4 && !memcmp(m->name + *stem - 4, ".npy", 4)) *stem -= 4;
    return strlen(name) == *stem && !memcmp(m->name, name, *stem);
}

static int find_member(const struct archive_source *s, const struct buf *list, uint64_t entries, struct member *out)
{
    struct archive_names names = { 0 };
    bool found = false;
    size_t at = 0;
    for (uint64_t i = 0; i < entries; i++) {
        struct member m;
        size_t length, stem;
        if (!read_central(list->bytes + at, list->length - at, &m, &length))
            return ARCHIVE_UNSOUND(s, "entry %llu of its directory is damaged", (unsigned long long)i);
        at += length;
        const bool wanted = is_wanted(&m, s->wish->name, &stem);
        if (wanted && found) return ARCHIVE_UNSOUND(s, "it has two arrays '%s'", s->wish->name);
        if (wanted) *out = m;
        found = found || wanted;
        archive_note(s, &names, m.name, stem);
    }
    return found ? 0 : archive_no_array(s, &names);
}

int archive_npz_find(const struct archive_source *s, struct archive_array *out)
{
    struct directory d;
    struct member m = { 0 };
    struct buf list = { 0 };
    if (find_directory(s, &d)) return -1;
    int rc = archive_bytes(s, d.at, buf_room(&list, (size_t)d.size), (size_t)d.size);
    if (!rc) rc = find_member(s, &list, d.entries, &m);
    if (!rc && m.name) rc = read_member(s, d.at, &m, out);
    buf_release(&list);
    return rc;
}

/* ---- a file that is one array ---- */

int archive_npy_find(const struct archive_source *s, struct archive_array *out)
{
    struct archive_names names = { 0 };
    if (s->wish->name[0]) {
        archive_note(s, &names, "one without a name", 18);
        return archive_no_array(s, &names);
    }
    struct stream *t = ARENA_NEW(s->arena, 1, struct stream);
    *t = (struct stream){ .s = s, .plain = s->size };
    return read_npy(t, NULL, out);
}
