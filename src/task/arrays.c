#include "task/arrays.h"

#include "base/number.h"
#include "base/rng.h"
#include "base/text.h"
#include "task/task.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Anybody's arrays: what their numbers mean is said here, where they are in task/arrays.h. */

enum { MOST = 1000000 };

static const char *const choose_names[] = { [ARRAYS_DRAWN] = "drawn", [ARRAYS_FIRST] = "first", NULL };

/* ---- what x and y are ---- */

enum meaning { NUMBERS, SYMBOLS, IMAGE, LABELS, SIGN };
struct form {
    enum meaning meaning;
    int64_t size[3]; /* of symbols and labels how many there are, 0: as the numbers say; of an image C, H, W */
    int sizes;
};
static const struct word {
    const char *name;
    enum meaning meaning;
    int least, most; /* numbers behind it */
} x_words[] = { { "numbers", NUMBERS, 0, 0 }, { "symbols", SYMBOLS, 0, 1 }, { "image", IMAGE, 3, 3 } },
  y_words[] = { { "labels", LABELS, 0, 1 }, { "sign", SIGN, 0, 0 }, { "numbers", NUMBERS, 0, 0 } };

static bool read_form(const char *text, const struct word *words, size_t count, struct form *out)
{
    char word[24];
    size_t length = strcspn(text, " ");
    const struct word *w = NULL;
    for (size_t i = 0; i < count; i++)
        if (strlen(words[i].name) == length && !memcmp(words[i].name, text, length)) w = &words[i];
    if (!w) return false;
    *out = (struct form){ .meaning = w->meaning };
    for (text += length; *(text += strspn(text, " ")); text += length) {
        length = strcspn(text, " ");
        if (out->sizes == w->most || !text_copy(word, sizeof word, text, length) ||
            !number_int(word, &out->size[out->sizes]) || out->size[out->sizes] < 1 || out->size[out->sizes] > MOST)
            return false;
        out->sizes++;
    }
    return out->sizes >= w->least;
}

static int print_form(const char *text, const struct word *words, size_t count, char *canonical, size_t size,
                      const char *allowed, struct err *e)
{
    struct form form;
    struct buf b = { 0 };
    if (!read_form(text, words, count, &form))
        return err_set(e, ERR_SPEC, "'%s' is not what arrays can be; allowed: %s", text_shown(text, 40), allowed);
    buf_add(&b, text, strcspn(text, " "));
    for (int i = 0; i < form.sizes; i++) buf_print(&b, " %lld", (long long)form.size[i]);
    MUST(text_copy(canonical, size, buf_chars(&b), b.length));
    buf_release(&b);
    return 0;
}

static int check_x(const char *text, char *canonical, size_t size, struct err *e)
{
    return print_form(text, x_words, ARRAY_LEN(x_words), canonical, size,
                      "numbers, symbols, symbols N, image CHANNELS HEIGHT WIDTH", e);
}

static int check_y(const char *text, char *canonical, size_t size, struct err *e)
{
    return print_form(text, y_words, ARRAY_LEN(y_words), canonical, size, "labels, labels N, sign, numbers", e);
}

static struct form form_of(const char *text, const struct word *words, size_t count)
{
    struct form form;
    MUST(read_form(text, words, count, &form));
    return form;
}

#define X_FORM(c) form_of((c)->x, x_words, ARRAY_LEN(x_words))
#define Y_FORM(c) form_of((c)->y, y_words, ARRAY_LEN(y_words))

/* "[ a, b ]" as "[a,b]": none, two, four, or for the columns of a CSV file any number. */
static int check_names(const char *text, char *canonical, size_t size, struct err *e)
{
    struct buf b = { 0 };
    size_t count = 0;
    for (text += strspn(text, "[ "); *text && *text != ']'; text += strspn(text, ", ")) {
        size_t length = strcspn(text, ",]"), next = length;
        while (length && text[length - 1] == ' ') length--;
        if (length >= 64) break;
        buf_text(&b, count++ ? "," : "[");
        buf_add(&b, text, length);
        text += next;
    }
    buf_text(&b, count ? "]" : "[]");
    const bool fits = count != 1 && (*text == ']' || !*text) && b.length < size;
    if (fits) MUST(text_copy(canonical, size, buf_chars(&b), b.length));
    buf_release(&b);
    return fits ? 0
                : err_set(e, ERR_SPEC,
                          "'names' must be [x, y], [x, y, test x, test y], or the columns of a CSV file, "
                          "each of 63 characters and together of %zu at most",
                          size - 1);
}

static const struct field fields[] = {
    FIELD_CHARS(
        arrays_config, file, PATH, NULL,
        "an .npz, .npy, .safetensors, HDF5 or .csv file with x and y, [examples, ...]; a relative path starts at "
        "the sweep file's folder; what the arrays hold is part of a job's identity, where they lie is not"),
    FIELD_CHARS(arrays_config, y_file, PATH, "", "the file with y, if that is another one"),
    FIELD_CHARS(arrays_config, test_file, PATH, "", "the file with test examples, if that is another one"),
    FIELD_CHARS(arrays_config, test_y_file, PATH, "", "the file with their y, if that is another one"),
    { .key = "names",
      .type = FIELD_ARRAYS,
      .offset = offsetof(struct arrays_config, names),
      .count = ARRAYS_NAMES,
      .standard = "[]",
      .unit = "",
      .check = check_names,
      .help =
          "of the arrays: [x, y], or [x, y, test x, test y]; []: x_train, y_train, x_test and y_test if there is an "
          "x_train, else x and y, which are split. Of a CSV file the columns, of which the last is y; []: all" },
    { .key = "x",
      .type = FIELD_TEXT,
      .offset = offsetof(struct arrays_config, x),
      .count = ARRAYS_FORM,
      .standard = "numbers",
      .unit = "",
      .check = check_x,
      .help =
          "numbers; symbols N: whole numbers from 0 to N - 1, without N to the largest; image C H W: numbers of C "
          "channels, H rows and W columns" },
    { .key = "y",
      .type = FIELD_TEXT,
      .offset = offsetof(struct arrays_config, y),
      .count = ARRAYS_FORM,
      .standard = "labels",
      .unit = "",
      .check = check_y,
      .help = "labels N: whole numbers from 0 to N - 1, without N to the largest; sign: 1 and 0, or 1 and -1, for a "
              "network with one output; numbers: targets of a regression, one or several an example" },
    FIELD_NUMBER(arrays_config, train_fraction, REAL, "0.5", "(0, 1)", "1",
                 "part of the examples that is trained on, rounded down, where no arrays are there to test on"),
    FIELD_NUMBER(arrays_config, train, INT, "0", "[0, 1e9]", "example",
                 "training examples; 0: all, or as train_fraction says"),
    FIELD_NUMBER(arrays_config, test, INT, "0", "[0, 1e9]", "example", "test examples, the first ones; 0: all"),
    FIELD_CHOSEN(
        arrays_config, choose, CHOICE, "drawn", choose_names,
        "training examples, where train or train_fraction says how many: drawn by stream `split` of the seed, or the "
        "first ones of the file"),
    FIELD_END,
};

/* ---- shapes ---- */

static int open_config(const struct arrays_config *c, const struct arrays **out, struct err *e)
{
    const struct arrays_place place = { { c->file, c->y_file, c->test_file, c->test_y_file }, c->names };
    return arrays_open(&place, out, e);
}

struct bounds {
    double low, high;
};

static bool is_no_label(double v, const void *ctx)
{
    const struct bounds *b = ctx;
    return v != floor(v) || v < b->low || v > b->high;
}

static bool is_no_sign(double v, const void *ctx)
{
    return v != 1 && v != ((const struct bounds *)ctx)->low;
}

/* Whole numbers below `most`, 0: below MOST.  *count: how many there can be. */
static int check_labels(const struct arrays_array *x, int64_t most, int64_t *count, struct err *e)
{
    const struct bounds b = { 0, (double)(most ? most : MOST) - 1 };
    char allowed[64];
    MUST(text_print(allowed, sizeof allowed, "whole numbers from 0 to %.0f", b.high));
    if (!x->n) return 0;
    if (!x->whole || x->low < b.low || x->high > b.high) return arrays_refuse(x, is_no_label, &b, allowed, e);
    *count = most ? most : *count > (int64_t)x->high + 1 ? *count : (int64_t)x->high + 1;
    return 0;
}

/* One of the two sign values is 1, the other one 0 or -1. */
static int check_signs(const struct arrays_array *y, struct err *e)
{
    const struct bounds b = { y->low < 0 ? -1 : 0, 1 };
    double v;
    for (size_t i = 0; i < y->n; i++) {
        stored_convert(y->type, (const char *)y->at + i * stored_bytes(y->type), 1, &v);
        if (is_no_sign(v, &b)) return arrays_refuse(y, is_no_sign, &b, "1 and 0, or 1 and -1", e);
    }
    return 0;
}

/* [C, H, W], or [H, W] of one channel, or all in one row. */
static int check_image(const struct arrays_array *x, const int64_t size[3], struct err *e)
{
    struct buf have = { 0 };
    size_t want = 0;
    bool same = x->width == (size_t)(size[0] * size[1] * size[2]);
    for (size_t d = 1; d < x->rank; d++) {
        buf_print(&have, "%s%zu", d > 1 ? ", " : "", x->dim[d]);
        while (want < 3 && size[want] == 1 && x->dim[d] != 1) want++;
        if (x->rank > 2 && !(want < 3 && x->dim[d] == (size_t)size[want++])) same = false;
    }
    if (!same)
        err_at(e, ERR_SPEC, x->file, NOWHERE, NULL,
               "array '%s' has examples of [%s]; an image of %lld channels is [%lld, %lld, %lld], or all in one row "
               "(channels that come last: x.transpose(0, 3, 1, 2))",
               x->name, buf_chars(&have), (long long)size[0], (long long)size[0], (long long)size[1],
               (long long)size[2]);
    buf_release(&have);
    return same ? 0 : -1;
}

static int shape_x(const struct arrays_config *c, const struct arrays *a, struct task_shape *out, struct err *e)
{
    const struct form form = X_FORM(c);
    out->width = a->array[ARRAYS_X].width;
    if (form.meaning == IMAGE) memcpy(out->image, form.size, sizeof out->image);
    for (size_t role = ARRAYS_X; role <= ARRAYS_TEST_X; role += 2) {
        const struct arrays_array *x = &a->array[role];
        if (!x->n) continue;
        if (form.meaning == IMAGE && check_image(x, form.size, e)) return -1;
        if (form.meaning == SYMBOLS && check_labels(x, form.size[0], &out->vocabulary, e)) return -1;
    }
    return 0;
}

static int shape_y(const struct arrays_config *c, const struct arrays *a, struct task_shape *out, struct err *e)
{
    const struct form form = Y_FORM(c);
    out->classes = form.meaning == NUMBERS ? (int64_t)a->array[ARRAYS_Y].width : form.meaning == SIGN;
    for (size_t role = ARRAYS_Y; role <= ARRAYS_TEST_Y; role += 2) {
        const struct arrays_array *y = &a->array[role];
        if (form.meaning != NUMBERS && y->n && y->width != 1)
            return err_at(e, ERR_SPEC, y->file, NOWHERE, NULL,
                          "array '%s' has %zu numbers an example; a label is one (y: numbers are vectors)", y->name,
                          y->width);
        if (form.meaning == LABELS && check_labels(y, form.size[0], &out->classes, e)) return -1;
        if (form.meaning == SIGN && check_signs(y, e)) return -1;
    }
    if (form.meaning == LABELS && out->classes < 2)
        return err_at(e, ERR_SPEC, a->array[ARRAYS_Y].file, NOWHERE, NULL, "array '%s' has one label only, 0",
                      a->array[ARRAYS_Y].name);
    return 0;
}

/* How many of x are asked for. */
static int count(const char *key, int64_t asked, const struct arrays_array *x, size_t *out, struct err *e)
{
    *out = asked ? (size_t)asked : x->n;
    if (*out <= x->n) return 0;
    return err_at(e, ERR_SPEC, x->file, NOWHERE, NULL, "'%s' is %lld, and array '%s' has %zu examples", key,
                  (long long)asked, x->name, x->n);
}

static int shape(const void *config, struct task_shape *out, struct err *e)
{
    const struct arrays_config *c = config;
    const struct arrays *a;
    *out = (struct task_shape){ 0 };
    if (open_config(c, &a, e) || shape_x(c, a, out, e) || shape_y(c, a, out, e)) return -1;
    const struct arrays_array *train = &a->array[ARRAYS_X], *test = &a->array[ARRAYS_TEST_X];
    if (test->n)
        return count("train", c->train, train, &out->n_train, e) || count("test", c->test, test, &out->n_test, e);
    if (task_train_count(c->train, c->train_fraction, train->n, "examples", &out->n_train, e)) return -1;
    out->n_test = train->n - out->n_train;
    if (c->test > (int64_t)out->n_test)
        return err_set(e, ERR_SPEC, "test is %lld, and %zu of %zu examples are not trained on", (long long)c->test,
                       out->n_test, train->n);
    if (c->test) out->n_test = (size_t)c->test;
    return 0;
}

static bool regression(const void *config)
{
    return Y_FORM((const struct arrays_config *)config).meaning == NUMBERS;
}

static int digest(const void *config, struct id *out, struct err *e)
{
    const struct arrays *a;
    if (open_config(config, &a, e)) return -1;
    *out = arrays_digest(a);
    return 0;
}

/* ---- examples ---- */

/* Of the rows of an array, n from the first on. */
struct rows {
    size_t first, n;
    const uint32_t *order; /* NULL: as they stand */
};

static const void *place_of(const struct arrays_array *x, size_t row)
{
    return (const char *)x->at + row * x->width * stored_bytes(x->type);
}

static void read_row(const struct arrays_array *x, const struct rows *r, size_t i, double *out)
{
    const size_t row = r->order ? r->order[r->first + i] : r->first + i;
    stored_convert(x->type, place_of(x, row), x->width, out);
}

static int32_t *whole_numbers(const struct arrays_array *x, const struct rows *r, struct arena *a)
{
    int32_t *out = ARENA_NEW(a, r->n * x->width, int32_t);
    const struct arena_mark m = arena_mark(a);
    double *v = ARENA_NEW(a, x->width, double);
    for (size_t i = 0; i < r->n; i++) {
        read_row(x, r, i, v);
        for (size_t j = 0; j < x->width; j++) out[i * x->width + j] = (int32_t)v[j];
    }
    arena_rewind(a, m);
    return out;
}

static const int32_t *signs(const struct arrays_array *y, const struct rows *r, struct arena *a)
{
    int32_t *out = whole_numbers(y, r, a);
    for (size_t i = 0; i < r->n; i++) out[i] = out[i] > 0;
    return out;
}

static const double *targets(const struct arrays_array *y, const struct rows *r, struct arena *a)
{
    double *out = ARENA_NEW(a, r->n * y->width, double);
    for (size_t i = 0; i < r->n; i++) read_row(y, r, i, out + i * y->width);
    return out;
}

static struct dataset examples(const struct arrays_config *c, const struct arrays_array *x, struct rows r,
                               struct arena *a)
{
    const struct arrays_array *y = x + 1;
    const enum meaning answer = Y_FORM(c).meaning;
    struct dataset d = { .n = r.n, .width = x->width };
    if (X_FORM(c).meaning == SYMBOLS)
        d.token = whole_numbers(x, &r, a);
    else
        d.stored = (struct dataset_stored){ .at = r.order ? x->at : place_of(x, r.first),
                                            .type = x->type,
                                            .row = r.order ? r.order + r.first : NULL };
    if (answer == NUMBERS)
        d.target = targets(y, &r, a);
    else
        d.label = answer == SIGN ? signs(y, &r, a) : whole_numbers(y, &r, a);
    return d;
}

static const uint32_t *shuffle_rows(size_t n, uint64_t seed, struct arena *a)
{
    uint32_t *row = ARENA_NEW(a, n, uint32_t);
    struct rng r = rng_open(seed, "split");
    for (size_t i = 0; i < n; i++) row[i] = (uint32_t)i;
    rng_shuffle(&r, row, n);
    return row;
}

static int build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                 struct task_data *out, struct err *e)
{
    const struct arrays_config *c = config;
    const struct form form = X_FORM(c);
    const struct arrays *from;
    struct task_shape s;
    if (given && given->train) return err_set(e, ERR_SPEC, "task arrays takes no split: its files have one");
    if (open_config(c, &from, e) || shape(c, &s, e)) return -1;
    const struct arrays_array *x = &from->array[ARRAYS_X], *test = &from->array[ARRAYS_TEST_X];
    const bool drawn = c->choose == ARRAYS_DRAWN && (c->train || !test->n);
    const uint32_t *row = drawn ? shuffle_rows(x->n, seed, a) : NULL;
    *out = (struct task_data){ .vocabulary = s.vocabulary, .classes = s.classes };
    if (form.meaning == IMAGE) out->plane = (size_t)(form.size[1] * form.size[2]);
    out->train = examples(c, x, (struct rows){ 0, s.n_train, row }, a);
    out->test = test->n ? examples(c, test, (struct rows){ 0, s.n_test, NULL }, a)
                        : examples(c, x, (struct rows){ s.n_train, s.n_test, row }, a);
    return 0;
}

const struct task_kind task_arrays = {
    .kind = { .name = "arrays",
              .summary = "anybody's data: arrays of inputs and answers from files, as NumPy saves them",
              .source = "",
              .fields = fields,
              .config_size = sizeof(struct arrays_config) },
    .regression = regression,
    .shape = shape,
    .digest = digest,
    .build = build,
};
