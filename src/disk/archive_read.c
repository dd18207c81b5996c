#include "disk/archive_private.h"

#include "base/names.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the file ---- */

static int read_bytes(int fd, const char *what, uint64_t at, void *out, size_t bytes, struct err *e)
{
    for (size_t done = 0; done < bytes;) {
        const ssize_t got = pread(fd, (char *)out + done, bytes - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return err_at(e, err_kind_or(errno, ERR_SPEC), what, NOWHERE, NULL, "cannot be read: %s",
                          strerror(errno));
        if (got == 0) return err_at(e, ERR_SPEC, what, NOWHERE, NULL, "became shorter while it was read");
        done += (size_t)got;
    }
    return 0;
}

int archive_bytes(const struct archive_source *s, uint64_t at, void *out, size_t bytes)
{
    if (at > s->size || bytes > s->size - at)
        return ARCHIVE_UNSOUND(s, "it ends before its byte %llu", (unsigned long long)(at + bytes));
    return read_bytes(s->fd, s->what, at, out, bytes, s->e);
}

/* ---- names ---- */

enum { NAMES = 255, NAME_SHOWN = 80 };

void archive_note(const struct archive_source *s, struct archive_names *n, const char *name, size_t length)
{
    if (n->count == NAMES) return;
    if (!n->name) n->name = ARENA_NEW(s->arena, NAMES + 1, const char *);
    n->name[n->count++] = arena_text(s->arena, name, length < NAME_SHOWN ? length : NAME_SHOWN);
}

int archive_no_array(const struct archive_source *s, const struct archive_names *n)
{
    if (s->wish->optional) return 0;
    return names_unknown(s->e, s->what, s->wish->name, n->name, "has no array '%s'; it has", s->wish->name);
}

/* ---- numbers of any type to double ---- */

enum { READ_AT_ONCE = 1 << 14 };

bool archive_sum_agrees(const struct archive_place *place, const void *numbers, size_t bytes)
{
    return !place->summed || crc32_z(place->sum_before, numbers, bytes) == place->sum;
}

int archive_read_at(int fd, const char *what, const struct archive_place *place, size_t count, double *out,
                    struct err *e)
{
    char bytes[READ_AT_ONCE];
    const size_t step = stored_bytes(place->type), most = sizeof bytes / step;
    for (size_t i = 0, some; i < count; i += some) {
        some = count - i < most ? count - i : most;
        if (read_bytes(fd, what, place->at + i * step, bytes, some * step, e)) return -1;
        stored_convert(place->type, bytes, some, out + i);
    }
    return 0;
}

int archive_no_type(const struct archive_source *s, const char *type, size_t length)
{
    return err_at(
        s->e, ERR_SPEC, s->what, NOWHERE, NULL,
        "array '%s' has the type '%.*s', which is not read; what is: floats of 2, 4 and 8 bytes, whole numbers of 1 "
        "to 8 and booleans, in the order of this machine",
        s->wish->name, (int)(length < 16 ? length : 16), type);
}

/* ---- shapes ---- */

int archive_shape(const struct archive_source *s, const uint64_t *dim, size_t rank, struct archive_array *out)
{
    uint64_t size = 1;
    if (rank > ARCHIVE_RANK)
        return err_at(s->e, ERR_SPEC, s->what, NOWHERE, NULL,
                      "array '%s' has %zu dimensions, and at most %d are read", s->wish->name, rank, ARCHIVE_RANK);
    out->rank = rank;
    for (size_t i = 0; i < rank; i++) {
        if (dim[i] && size > (uint64_t)PTRDIFF_MAX / 8 / dim[i])
            return ARCHIVE_UNSOUND(s, "array '%s' is larger than any memory", s->wish->name);
        size *= dim[i];
        out->dim[i] = (size_t)dim[i];
    }
    return 0;
}

int archive_room(const struct archive_source *s, struct archive_array *out, const struct archive_place *at,
                 uint64_t bytes)
{
    const size_t size = archive_size(out);
    if (size * stored_bytes(at->type) != bytes)
        return ARCHIVE_UNSOUND(s, "array '%s' has %llu bytes for %zu numbers", s->wish->name,
                               (unsigned long long)bytes, size);
    if (s->wish->accept && s->wish->accept(s->wish->ctx, out->rank, out->dim, s->e)) return -1;
    out->type = COLUMN_F64;
    if (s->wish->place) *s->wish->place = *at;
    if (s->wish->place && (at->known || s->wish->leave_packed)) return 0;
    if (s->wish->most && bytes > s->wish->most)
        return err_at(
            s->e, ERR_SPEC, s->what, NOWHERE, NULL,
            "array '%s' is compressed, and has %.1f GB without; at most %.1f GB are unpacked: store it as it "
            "is, as np.savez does",
            s->wish->name, (double)bytes / 1e9, (double)s->wish->most / 1e9);
    out->data = s->wish->native ? arena_alloc(s->arena, (size_t)bytes) : ARENA_NEW(s->arena, size, double);
    return 0;
}

/* ---- texts ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool archive_skip(struct archive_cursor *at, char c)
{
    while (at->at < at->end && is_blank(*at->at)) at->at++;
    if (at->at == at->end || *at->at != c) return false;
    at->at++;
    return true;
}

bool archive_text(struct archive_cursor *at, char quote, const char **text, size_t *length)
{
    if (!archive_skip(at, quote)) return false;
    *text = at->at;
    for (; at->at < at->end && *at->at != quote; at->at++) {
        if ((unsigned char)*at->at < ' ') return false;
        if (*at->at == '\\' && ++at->at == at->end) return false;
    }
    *length = (size_t)(at->at - *text);
    return archive_skip(at, quote);
}

static bool read_number(struct archive_cursor *at, uint64_t *out)
{
    const char *from;
    while (at->at < at->end && is_blank(*at->at)) at->at++;
    for (from = at->at, *out = 0; at->at < at->end && *at->at >= '0' && *at->at <= '9'; at->at++) {
        const uint64_t digit = (uint64_t)(*at->at - '0');
        if (*out > (UINT64_MAX - digit) / 10) return false;
        *out = 10 * *out + digit;
    }
    return at->at > from;
}

bool archive_list(struct archive_cursor *at, char open, char close, uint64_t number[ARCHIVE_RANK], size_t *count)
{
    uint64_t value;
    if (!archive_skip(at, open)) return false;
    for (*count = 0; !archive_skip(at, close);) {
        if (*count && !archive_skip(at, ',')) return false;
        if (*count && archive_skip(at, close)) return true;
        if (!read_number(at, &value)) return false;
        if (*count < ARCHIVE_RANK) number[*count] = value;
        ++*count;
    }
    return true;
}

/* ---- which of them ---- */

const char archive_npy_magic[] = "\x93NUMPY";

bool archive_is(const void *bytes, size_t length)
{
    const char *b = bytes;
    return length > 8 && (!memcmp(b, "PK\x03\x04", 4) || !memcmp(b, archive_npy_magic, 6) || b[8] == '{');
}
