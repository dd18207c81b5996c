#include "base/field.h"
#include "base/intern.h"
#include "base/number.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct range range_parse(const char *text)
{
    struct range r = { -INFINITY, INFINITY, true, true };
    if (!text) return r;
    char *end;
    r.low_open = text[0] == '(';
    r.low = strtod(text + 1, &end);
    MUST(*end == ',');
    r.high = strtod(end + 1, &end);
    MUST(*end == ')' || *end == ']');
    r.high_open = *end == ')';
    return r;
}

static bool in_range(double value, const char *range)
{
    struct range r = range_parse(range);
    return (r.low_open ? value > r.low : value >= r.low) && (r.high_open ? value < r.high : value <= r.high);
}

static int outside(const struct field *f, const char *text, struct err *e)
{
    return err_set(e, ERR_SPEC, "'%s' is %s, outside %s", f->key, text_shown(text, 80), f->range);
}

enum { ITEM = FIELD_WORD };

static int set_int(const struct field *f, void *place, const char *text, struct err *e)
{
    int64_t value;
    if (!number_int(text, &value))
        return err_set(e, ERR_SPEC, "'%s' must be a whole number, not '%s'", f->key, text_shown(text, 80));
    if (!in_range((double)value, f->range)) return outside(f, text, e);
    *(int64_t *)place = value;
    return 0;
}

/* "50 %" */
static bool read_percent(const char *text, double *percent)
{
    char number[ITEM];
    const size_t length = strcspn(text, " %");
    if (!text_copy(number, sizeof number, text, length) || !number_real(number, percent)) return false;
    text += length + strspn(text + length, " ");
    return !strcmp(text, "%") && *percent > 0 && *percent <= 100;
}

/* "min(512, 50 %)" */
static bool read_smaller(const char *text, struct field_amount *out)
{
    char number[ITEM], share[ITEM];
    if (strncmp(text, "min(", 4) != 0 || text[strlen(text) - 1] != ')') return false;
    text += 4 + strspn(text + 4, " ");
    const size_t first = strcspn(text, " ,)"), comma = first + strspn(text + first, " ");
    if (text[comma] != ',') return false;
    const char *second = text + comma + 1 + strspn(text + comma + 1, " ");
    return text_copy(number, sizeof number, text, first) &&
           text_copy(share, sizeof share, second, strcspn(second, ")")) && number_int(number, &out->number) &&
           out->number > 0 && read_percent(share, &out->percent);
}

static int set_amount(const struct field *f, void *place, const char *text, struct err *e)
{
    struct field_amount amount = { 0 };
    if (!number_int(text, &amount.number) && !read_percent(text, &amount.percent) && !read_smaller(text, &amount))
        return err_set(
            e, ERR_SPEC,
            "'%s' must be a whole number, a share like 50 %%, or min(512, 50 %%), in braces with quotes, not '%s'",
            f->key, text_shown(text, 80));
    if (!in_range((double)amount.number, f->range)) return outside(f, text, e);
    memcpy(place, &amount, sizeof amount);
    return 0;
}

static int set_index(const struct field *f, void *place, const char *text, struct err *e)
{
    struct buf names = { 0 };
    int64_t value;
    for (int i = 0; f->choices[i]; i++)
        if (!strcmp(f->choices[i], text)) {
            *(int64_t *)place = -1 - i;
            return 0;
        }
    if (number_int(text, &value) && value >= 0) {
        *(int64_t *)place = value;
        return 0;
    }
    for (size_t i = 0; f->choices[i]; i++)
        buf_print(&names, "%s%s", f->choices[i + 1] ? ", " : " or ", f->choices[i]);
    err_set(e, ERR_SPEC, "'%s' is '%s'; allowed: 0, 1, 2, ...%s", f->key, text_shown(text, 40), buf_chars(&names));
    buf_release(&names);
    return -1;
}

static int set_code(const struct field *f, void *place, const char *text, struct err *e)
{
    return f->set(f, place, text, e);
}

static int set_real(const struct field *f, void *place, const char *text, struct err *e)
{
    double value;
    if (!number_real(text, &value))
        return err_set(e, ERR_SPEC, "'%s' must be a number, not '%s'", f->key, text_shown(text, 80));
    if (!in_range(value, f->range)) return outside(f, text, e);
    *(double *)place = value;
    return 0;
}

static int set_bool(const struct field *f, void *place, const char *text, struct err *e)
{
    if (strcmp(text, "true") && strcmp(text, "false"))
        return err_set(e, ERR_SPEC, "'%s' must be true or false, not '%s'", f->key, text_shown(text, 80));
    *(bool *)place = text[0] == 't';
    return 0;
}

static int set_choice(const struct field *f, void *place, const char *text, struct err *e)
{
    for (int i = 0; f->choices[i]; i++)
        if (!strcmp(f->choices[i], text)) {
            *(int *)place = i;
            return 0;
        }
    names_unknown(e, NULL, text, f->choices, "unknown %s '%s'; known", f->key, text_shown(text, 80));
    return -1;
}

static int set_text(const struct field *f, void *place, const char *text, struct err *e)
{
    if (f->check) return f->check(text, place, f->count, e);
    if (strlen(text) >= f->count)
        return err_set(e, ERR_SPEC, "'%s' is longer than %zu characters", f->key, f->count - 1);
    MUST(text_copy(place, f->count, text, f->count));
    return 0;
}

/* The next item of "[a, b, c]" (brackets and blanks are optional); false at the end.  *s moves on.  What stands
 * behind the bracket is an item too, and one that is too long comes out as "?": neither is ever a number or a name.
 */
static bool next_item(const char **s, char item[ITEM])
{
    *s += strspn(*s, "[, ");
    size_t length = **s == ']' && (*s)[1] ? strlen(*s) : strcspn(*s, ",] ");
    bool fits = length < ITEM;
    MUST(text_copy(item, ITEM, fits ? *s : "?", fits ? length : 1));
    *s += length;
    return length > 0;
}

static int set_reals(const struct field *f, void *place, const char *text, struct err *e)
{
    double value[16];
    size_t n = 0;
    char item[ITEM];
    MUST(f->count <= ARRAY_LEN(value));
    for (const char *s = text; next_item(&s, item); n++) {
        if (n == f->count || !number_real(item, &value[n])) {
            n = SIZE_MAX;
            break;
        }
        if (!in_range(value[n], f->range)) return outside(f, item, e);
    }
    if (n != f->count)
        return err_set(e, ERR_SPEC, "'%s' must be %zu numbers in brackets, not '%s'", f->key, f->count,
                       text_shown(text, 80));
    memcpy(place, value, n * sizeof *value);
    return 0;
}

static int set_names(const struct field *f, void *place, const char *text, struct err *e)
{
    uint64_t set = 0;
    char item[ITEM];
    for (const char *s = text; next_item(&s, item);) {
        int one;
        if (set_choice(f, &one, item, e)) return -1;
        set |= UINT64_C(1) << one;
    }
    memcpy(place, &set, sizeof set);
    return 0;
}

bool field_next_word(const char **text, char word[FIELD_WORD])
{
    return next_item(text, word);
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int set_words(const struct field *f, void *place, const char *text, struct err *e)
{
    enum { WORDS = 64 };
    char word[WORDS][ITEM];
    struct buf list = { 0 };
    size_t n = 0;
    for (const char *s = text; n < WORDS && next_item(&s, word[n]);) n++;
    qsort(word, n, sizeof *word, compare_words);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(word[i - 1], word[i]) != 0) buf_print(&list, "%s%s", i ? "," : "", word[i]);
    const bool fits = n < WORDS && list.length + 3 <= f->count;
    if (fits) MUST(text_print(place, f->count, "[%s]", buf_chars(&list)));
    buf_release(&list);
    return fits ? 0 : err_set(e, ERR_SPEC, "'%s' is too long a list of words", f->key);
}

static int set_tree(const struct field *f, void *place, const char *text, struct err *e)
{
    (void)f, (void)e;
    *(const char **)place = intern(text);
    return 0;
}

typedef int setter(const struct field *f, void *place, const char *text, struct err *e);
static setter *const set_type[] = {
    [FIELD_INT] = set_int,     [FIELD_REAL] = set_real,   [FIELD_BOOL] = set_bool,     [FIELD_CHOICE] = set_choice,
    [FIELD_TEXT] = set_text,   [FIELD_PATH] = set_text,   [FIELD_REALS] = set_reals,   [FIELD_NAMES] = set_names,
    [FIELD_WORDS] = set_words, [FIELD_LINES] = set_text,  [FIELD_AMOUNT] = set_amount, [FIELD_TREE] = set_tree,
    [FIELD_TABLE] = set_tree,  [FIELD_INDEX] = set_index, [FIELD_CODE] = set_code,     [FIELD_ARRAYS] = set_text,
};
_Static_assert(ARRAY_LEN(set_type) == FIELD_TYPES, "parse the new field type");

int field_set(const struct field *f, void *config, const char *text, struct err *e)
{
    return set_type[f->type](f, (char *)config + f->offset, text, e);
}

bool field_is_called(const struct field *f, const char *name)
{
    return !strcmp(f->key, name) || (f->also && !strcmp(f->also, name));
}

const struct field *field_find(const struct field *fields, const char *key)
{
    for (const struct field *f = fields; f && f->key; f++)
        if (field_is_called(f, key)) return f;
    return NULL;
}

void field_defaults(const struct field *fields, void *config)
{
    for (const struct field *f = fields; f && f->key; f++) {
        struct err e = { 0 };
        if (f->standard && field_set(f, config, f->standard, &e)) BUG("default of '%s': %s", f->key, e.text);
    }
}

int64_t field_amount_of(const struct field_amount *a, int64_t whole)
{
    const int64_t part = (int64_t)ceil(a->percent * (double)whole / 100 - 1e-9);
    return a->percent > 0 && (!a->number || part < a->number) ? part : a->number;
}

static void print_amount(const struct field_amount *a, struct buf *out)
{
    if (!(a->percent > 0)) {
        buf_int(out, a->number);
        return;
    }
    if (a->number) buf_print(out, "min(%lld, ", (long long)a->number);
    buf_real(out, a->percent);
    buf_text(out, a->number ? " %)" : " %");
}

static void print_index(const struct field *f, int64_t value, struct buf *out)
{
    if (value >= 0)
        buf_int(out, value);
    else
        buf_text(out, f->choices[-1 - value]);
}

static void print_reals(const double *value, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        buf_text(out, i ? "," : "[");
        buf_real(out, value[i]);
    }
    buf_text(out, "]");
}

static void print_names(const struct field *f, uint64_t set, struct buf *out)
{
    const char *between = "[";
    for (size_t i = 0; f->choices[i]; i++)
        if (set >> i & 1) {
            buf_print(out, "%s%s", between, f->choices[i]);
            between = ",";
        }
    buf_text(out, between[0] == '[' ? "[]" : "]");
}

void field_print(const struct field *f, const void *config, struct buf *out)
{
    const void *place = (const char *)config + f->offset;
    switch (f->type) {
    case FIELD_INT: buf_int(out, *(const int64_t *)place); break;
    case FIELD_AMOUNT: print_amount(place, out); break;
    case FIELD_REAL: buf_real(out, *(const double *)place); break;
    case FIELD_BOOL: buf_text(out, *(const bool *)place ? "true" : "false"); break;
    case FIELD_CHOICE: buf_text(out, f->choices[*(const int *)place]); break;
    case FIELD_WORDS:
    case FIELD_LINES:
    case FIELD_ARRAYS:
    case FIELD_TEXT:
    case FIELD_PATH: buf_text(out, place); break;
    case FIELD_TREE:
    case FIELD_TABLE: buf_text(out, *(const char *const *)place ? *(const char *const *)place : ""); break;
    case FIELD_REALS: print_reals(place, f->count, out); break;
    case FIELD_NAMES: print_names(f, *(const uint64_t *)place, out); break;
    case FIELD_INDEX: print_index(f, *(const int64_t *)place, out); break;
    case FIELD_CODE: f->print(place, out); break;
    case FIELD_TYPES: BUG("no such field type");
    }
}

bool field_is_default(const struct field *f, const void *config)
{
    if (!f->standard) return false;
    struct buf have = { 0 }, want = { 0 };
    union {
        char text[4096];
        double align;
    } place = { { 0 } };
    MUST(!(field_is_text(f) || f->type == FIELD_CODE) || f->count <= sizeof place);
    struct field moved = *f;
    moved.offset = 0;
    struct err e = { 0 };
    if (field_set(&moved, &place, f->standard, &e)) BUG("default of '%s': %s", f->key, e.text);
    field_print(&moved, &place, &want);
    field_print(f, config, &have);
    bool same = !strcmp(buf_chars(&have), buf_chars(&want));
    buf_release(&have);
    buf_release(&want);
    return same;
}
