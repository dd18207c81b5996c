#include "base/vec.h"
#include "disk/archive_private.h"

#include <stdlib.h>
#include <string.h>

/* The length of a JSON text, 8 bytes; the text, {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
 * ...}; the numbers, to which the offsets point.  "__metadata__" is a map of texts. */

enum { LENGTH = 8 };

static const char *const dtype_name[STORED_TYPES] = {
    [STORED_F64] = "F64", [STORED_F32] = "F32", [STORED_F16] = "F16", [STORED_I64] = "I64",
    [STORED_I32] = "I32", [STORED_I16] = "I16", [STORED_I8] = "I8",   [STORED_U64] = "U64",
    [STORED_U32] = "U32", [STORED_U16] = "U16", [STORED_U8] = "U8",   [STORED_BOOL] = "BOOL",
};

struct tensor {
    const char *name, *dtype;
    size_t name_length, dtype_length, rank, offsets;
    uint64_t dim[ARCHIVE_RANK], place[ARCHIVE_RANK]; /* place: the first byte and the one behind the last */
};
struct span {
    uint64_t from, to;
};

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && !memcmp(text, word, length);
}

/* Each key once, and no other. */
static bool read_tensor(struct archive_cursor *at, struct tensor *t)
{
    unsigned seen = 0;
    if (!archive_skip(at, '{')) return false;
    for (int i = 0; i < 3; i++) {
        const char *key;
        size_t length;
        bool ok = (!i || archive_skip(at, ',')) && archive_text(at, '"', &key, &length) && archive_skip(at, ':');
        if (!ok) return false;
        if (is_word(key, length, "dtype"))
            ok = archive_text(at, '"', &t->dtype, &t->dtype_length), seen |= 1;
        else if (is_word(key, length, "shape"))
            ok = archive_list(at, '[', ']', t->dim, &t->rank), seen |= 2;
        else if (is_word(key, length, "data_offsets"))
            ok = archive_list(at, '[', ']', t->place, &t->offsets) && t->offsets == 2, seen |= 4;
        if (!ok) return false;
    }
    return seen == 7 && archive_skip(at, '}');
}

static bool read_metadata(struct archive_cursor *at)
{
    const char *text;
    size_t length;
    if (!archive_skip(at, '{')) return false;
    for (bool first = true; !archive_skip(at, '}'); first = false)
        if ((!first && !archive_skip(at, ',')) || !archive_text(at, '"', &text, &length) || !archive_skip(at, ':') ||
            !archive_text(at, '"', &text, &length))
            return false;
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

static int check_spans(const struct archive_source *s, struct span *span, size_t count, uint64_t data)
{
    if (count) qsort(span, count, sizeof *span, by_place);
    for (size_t i = 0; i < count; i++) {
        if (span[i].from > span[i].to || span[i].to > data)
            return ARCHIVE_UNSOUND(s, "an array has data_offsets [%llu, %llu], and there are %llu bytes",
                                   (unsigned long long)span[i].from, (unsigned long long)span[i].to,
                                   (unsigned long long)data);
        if (i && span[i].from < span[i - 1].to)
            return ARCHIVE_UNSOUND(s, "two arrays overlap at data_offset %llu", (unsigned long long)span[i].from);
    }
    return 0;
}

struct header {
    const struct archive_source *s;
    struct archive_names names;
    struct buf text;
    struct span *span;
    size_t spans;
    struct tensor wanted; /* name: NULL if it has not been seen */
};

/* One entry of the map. */
static int read_entry(struct header *h, struct archive_cursor *at)
{
    const struct archive_source *s = h->s;
    struct tensor t = { 0 };
    bool ok = archive_text(at, '"', &t.name, &t.name_length) && archive_skip(at, ':');
    if (ok && is_word(t.name, t.name_length, "__metadata__")) {
        if (read_metadata(at)) return 0;
        ok = false;
    }
    if (!ok || !read_tensor(at, &t))
        return ARCHIVE_UNSOUND(s, "its header is no list of arrays, from byte %zu of it on",
                               (size_t)(at->at - h->text.bytes));
    *VEC_MORE(h->span, h->spans) = (struct span){ t.place[0], t.place[1] };
    archive_note(s, &h->names, t.name, t.name_length);
    if (!is_word(t.name, t.name_length, s->wish->name)) return 0;
    if (h->wanted.name) return ARCHIVE_UNSOUND(s, "it has two arrays '%s'", s->wish->name);
    h->wanted = t;
    return 0;
}

static int read_header(struct header *h, uint64_t data)
{
    struct archive_cursor at = { h->text.bytes, h->text.bytes + h->text.length };
    if (!archive_skip(&at, '{')) return ARCHIVE_UNSOUND(h->s, "its header does not begin with a brace");
    for (bool first = true; !archive_skip(&at, '}'); first = false) {
        if (!first && !archive_skip(&at, ',')) return ARCHIVE_UNSOUND(h->s, "its header lacks a comma or a brace");
        if (read_entry(h, &at)) return -1;
    }
    archive_skip(&at, ' ');
    if (at.at != at.end) return ARCHIVE_UNSOUND(h->s, "there is something behind the closing brace of its header");
    return check_spans(h->s, h->span, h->spans, data);
}

static int take(const struct archive_source *s, const struct tensor *t, uint64_t data, struct archive_array *out)
{
    if (archive_shape(s, t->dim, t->rank, out)) return -1;
    for (int i = 0; i < STORED_TYPES; i++)
        if (is_word(t->dtype, t->dtype_length, dtype_name[i])) {
            const struct archive_place at = { .known = true, .type = (enum stored_type)i, .at = data + t->place[0] };
            if (archive_room(s, out, &at, t->place[1] - t->place[0])) return -1;
            double *value = (double *)(uintptr_t)out->data;
            return value ? archive_read_at(s->fd, s->what, &at, archive_size(out), value, s->e) : 0;
        }
    return archive_no_type(s, t->dtype, t->dtype_length);
}

int archive_safetensors_find(const struct archive_source *s, struct archive_array *out)
{
    uint64_t length;
    struct header h = { .s = s };
    if (archive_bytes(s, 0, &length, LENGTH)) return -1;
    if (length > s->size - LENGTH || length > ARCHIVE_HEAD)
        return ARCHIVE_UNSOUND(s, "its header is said to have %llu bytes, and at most %d are read",
                               (unsigned long long)length, ARCHIVE_HEAD);
    const uint64_t data = LENGTH + length;
    int rc = archive_bytes(s, LENGTH, buf_room(&h.text, (size_t)length), (size_t)length);
    if (!rc) rc = read_header(&h, s->size - data);
    if (!rc) rc = h.wanted.name ? take(s, &h.wanted, data, out) : archive_no_array(s, &h.names);
    buf_release(&h.text);
    free(h.span);
    return rc;
}
