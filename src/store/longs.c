#include "store/longs.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- a text -> its record and the values that stand elsewhere ---- */

/* Where the value of the line begins; its length is up to *end.  NULL: it has none. */
static const char *value_of(const char *line, const char **end)
{
    const size_t length = strcspn(line, "\n");
    const char *equals = memchr(line, '=', length);
    *end = line + length;
    return equals ? equals + 1 : NULL;
}

static bool is_taken(const struct longs_packed *p, const char *value)
{
    for (size_t i = 0; i < p->values; i++)
        if (p->value[i].text == value) return true;
    return false;
}

/* The longest value that is still in its place and longer than a digest. */
static bool take_longest(const char *text, struct longs_packed *p)
{
    struct longs_value best = { .length = ID_CHARS };
    for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
        const char *value = value_of(line, &end);
        if (!value || (size_t)(end - value) <= best.length || is_taken(p, value)) continue;
        best.text = value;
        best.length = (size_t)(end - value);
    }
    if (!best.text || p->values == LONGS_MOST) return false;
    best.digest = id_of(best.text, best.length);
    p->value[p->values++] = best;
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct longs_value *x = a, *y = b;
    return (x->text > y->text) - (x->text < y->text);
}

static void print_record(const char *text, struct longs_packed *p)
{
    char *to = p->record;
    for (size_t i = 0; i < p->values; i++) {
        const size_t before = (size_t)(p->value[i].text - 1 - text);
        char digest[ID_CHARS + 1];
        memcpy(to, text, before);
        to[before] = '@';
        memcpy(to + before + 1, id_text(p->value[i].digest, digest), ID_CHARS);
        to += before + 1 + ID_CHARS;
        text = p->value[i].text + p->value[i].length;
    }
    memcpy(to, text, strlen(text));
}

int longs_pack(const char *text, struct longs_packed *out, struct err *e)
{
    const size_t whole = strlen(text);
    size_t length = whole;
    memset(out, 0, sizeof *out);
    while (length >= STORE_CANONICAL && whole < STORE_TEXT && take_longest(text, out))
        length -= out->value[out->values - 1].length - ID_CHARS;
    if (whole >= STORE_TEXT)
        return err_set(e, ERR_SPEC, "a job's canonical text has %zu bytes, and fewer than %d fit: %s", whole,
                       STORE_TEXT, text_shown(text, 100));
    if (length >= STORE_CANONICAL)
        return err_set(e, ERR_SPEC, "a job's canonical text has too many lines: %s", text_shown(text, 100));
    qsort(out->value, out->values, sizeof *out->value, by_place);
    print_record(text, out);
    return 0;
}

/* ---- what a store has ---- */

static bool is_sound(const struct longs *l, const struct long_text_record *r, uint64_t room)
{
    struct id digest;
    return r->sum == table_record_sum(r, sizeof *r) && r->offset >= l->end && r->length < STORE_TEXT &&
           r->offset <= room && r->length <= room - r->offset && id_parse(r->digest, &digest);
}

static int by_offset(const void *a, const void *b)
{
    const struct long_text_record *const *x = a, *const *y = b;
    return ((*x)->offset > (*y)->offset) - ((*x)->offset < (*y)->offset);
}

/* Records that were written in the place of damaged ones have their texts behind the others'. */
static void find_places(struct longs *l, uint64_t room)
{
    struct arena a = { 0 };
    const struct long_text_record **sorted = ARENA_NEW(&a, l->count, const struct long_text_record *);
    for (size_t i = 0; i < l->count; i++) sorted[i] = &l->record[i];
    qsort(sorted, l->count, sizeof *sorted, by_offset);
    for (size_t i = 0; i < l->count; i++) {
        const struct long_text_record *r = sorted[i];
        struct id digest;
        if (!is_sound(l, r, room) || !id_parse(r->digest, &digest)) continue;
        if (map_add(&l->place, digest, (uint32_t)(r - l->record))) l->end = r->offset + r->length;
    }
    arena_release(&a);
}

int longs_open(struct store *s, const struct longs **out, struct err *e)
{
    if (!s->longs) {
        struct longs *l = ARENA_NEW(&s->arena, 1, struct longs);
        l->count = table_used(s, TABLE_LONG);
        l->record = ARENA_NEW(&s->arena, l->count, struct long_text_record);
        if (l->count && table_read(s, TABLE_LONG, 0, l->count, l->record, e)) return -1;
        find_places(l, s->table[TABLE_LONG_TEXT].capacity);
        s->longs = l;
    }
    *out = s->longs;
    return 0;
}

void longs_forget(struct store *s)
{
    if (s->longs) map_release(&s->longs->place);
    s->longs = NULL;
}

bool longs_sound(const struct longs *l, size_t i)
{
    struct id digest;
    uint32_t at;
    return id_parse(l->record[i].digest, &digest) && map_find(&l->place, digest, &at) && at == i;
}

int longs_text(struct store *s, const struct long_text_record *r, struct buf *out, bool *sound, struct err *e)
{
    struct id digest;
    char *to = buf_room(out, r->length);
    if (r->length && table_read(s, TABLE_LONG_TEXT, r->offset, r->length, to, e)) return -1;
    *sound = id_parse(r->digest, &digest) && id_equal(id_of(to, r->length), digest) && !memchr(to, '\0', r->length);
    return 0;
}

/* ---- a record -> the text ---- */

/* The digest of a line KEY@DIGEST, and where its value goes; false if it is none. */
static bool is_reference(const char *line, size_t length, struct id *digest, size_t *key)
{
    if (length <= ID_CHARS || memchr(line, '=', length)) return false;
    *key = length - ID_CHARS - 1;
    return line[*key] == '@' && id_parse(line + *key + 1, digest);
}

static int add_line(struct store *s, const char *line, size_t length, struct longs_whole *w, struct err *e)
{
    const struct longs *l;
    struct id digest;
    size_t key;
    uint32_t at;
    const size_t before = w->text.length;
    bool sound = false;
    if (!is_reference(line, length, &digest, &key)) {
        buf_add(&w->text, line, length);
        return 0;
    }
    if (longs_open(s, &l, e)) return -1;
    buf_add(&w->text, line, key);
    buf_text(&w->text, "=");
    if (map_find(&l->place, digest, &at) && longs_text(s, &l->record[at], &w->text, &sound, e)) return -1;
    if (sound && w->text.length < STORE_TEXT) return 0;
    buf_cut(&w->text, before);
    buf_add(&w->text, line, length);
    w->lost++;
    return 0;
}

int longs_read(struct store *s, uint32_t row, struct longs_whole *out, struct err *e)
{
    buf_clear(&out->text);
    out->lost = 0;
    if (table_read(s, TABLE_CANONICAL, row, 1, out->record, e)) return -1;
    const size_t used = strnlen(out->record, STORE_CANONICAL);
    out->padded = used < STORE_CANONICAL;
    for (size_t i = used; i < STORE_CANONICAL; i++) out->padded = out->padded && !out->record[i];
    for (size_t from = 0; from < used;) {
        const char *line = out->record + from, *end = memchr(line, '\n', used - from);
        const size_t length = end ? (size_t)(end - line) : used - from;
        if (add_line(s, line, length, out, e)) return -1;
        if (end) buf_text(&out->text, "\n");
        from += length + (end != NULL);
    }
    return 0;
}

bool longs_has_id(const struct longs_whole *w, struct id id)
{
    return w->padded && !w->lost && id_equal(id_of(buf_chars(&w->text), w->text.length), id);
}

int longs_write(struct store *s, const struct longs_value *v, uint64_t offset, struct err *e)
{
    struct long_text_record r = { .offset = offset, .length = v->length };
    char digest[ID_CHARS + 1];
    memcpy(r.digest, id_text(v->digest, digest), ID_CHARS);
    r.sum = table_record_sum(&r, sizeof r);
    return table_write(s, TABLE_LONG_TEXT, offset, v->length, v->text, e) ||
                   table_write(s, TABLE_LONG, v->at, 1, &r, e)
               ? -1
               : 0;
}
