#include "job/inputs.h"
#include "base/text.h"
#include "disk/import.h"
#include "job/naming.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct field input_fields[] = {
    FIELD_CHARS(input, file, TEXT, NULL,
                "an HDF5, .npz or .safetensors file; a relative path starts at the sweep file's folder"),
    FIELD_CHARS(input, group, TEXT, "",
                "the group in an HDF5 file that holds init/TENSOR, mask/TENSOR, or data/train_pairs and "
                "data/test_pairs; the arrays of the others are called TENSOR, train_pairs and test_pairs"),
    FIELD_CHARS(input, names, TEXT, "",
                "a YAML file {ARRAY: TENSOR} that says what other names tensors have in the file, as net.0.weight: "
                "dense1.W; T(TENSOR) is transposed, a list of tensors stands one above the other"),
    FIELD_END,
};

static void dataset_name(char out[160], const struct input *in, const char *folder, const char *name)
{
    MUST(text_print(out, 160, "%s%s%s/%s", in->group, in->group[0] ? "/" : "", folder, name));
}

struct expected { /* of a dataset */
    const struct tensor *tensor;
    const char *file, *name;
};

/* Trailing dimensions of 1 do not count: a vector may come as [n] or [n, 1]. */
static bool same_shape(size_t rank, const size_t *dim, const struct tensor *t)
{
    for (size_t d = 0; d < rank || d < (size_t)t->rank; d++) {
        const int64_t want = d < (size_t)t->rank ? t->dim[d] : 1;
        if ((d < rank ? dim[d] : 1) != (size_t)want) return false;
    }
    return true;
}

static int accept_weights(const void *ctx, size_t rank, const size_t *dim, struct err *e)
{
    const struct expected *x = ctx;
    const struct tensor *t = x->tensor;
    struct buf have = { 0 }, want = { 0 };
    if (same_shape(rank, dim, t)) return 0;
    for (size_t d = 0; d < rank; d++) buf_print(&have, "%s%zu", d ? ", " : "", dim[d]);
    for (int d = 0; d < t->rank; d++) buf_print(&want, "%s%" PRId64, d ? ", " : "", t->dim[d]);
    err_set(e, ERR_SPEC, "'%s': dataset '%s' is [%s], the model's %s is [%s]", x->file, x->name, buf_chars(&have),
            t->name, buf_chars(&want));
    buf_release(&have);
    buf_release(&want);
    return -1;
}

/* The array of the file that a tensor is in. */
struct found {
    char name[160];
    struct tensor whole; /* its shape */
    size_t first;        /* row of the array, or column if it is turned */
    bool turned;
};

static int read_naming(struct naming *out, const struct input *in, const struct layout *l, struct arena *a,
                       struct err *e)
{
    const char **known = ARENA_NEW(a, (size_t)l->count + 1, const char *);
    for (int i = 0; i < l->count; i++) known[i] = l->tensor[i].name;
    return naming_read(out, in->names, known, a, e);
}

static struct found find_array(const struct naming *naming, const struct input *in, const char *folder,
                               const struct layout *l, const struct tensor *t)
{
    struct found f = { .whole = *t };
    size_t place;
    const struct naming_array *a = naming_find(naming, t->name, &place);
    dataset_name(f.name, in, folder, a ? a->name : t->name);
    if (!a) return f;
    f.whole.dim[0] = 0;
    for (size_t i = 0; i < a->tensors; i++) {
        const int64_t rows = layout_find(l, a->tensor[i])->dim[0];
        f.first += i < place ? (size_t)rows : 0;
        f.whole.dim[0] += rows;
    }
    f.turned = a->turned && t->rank == 2;
    if (f.turned) {
        f.whole.dim[0] = t->dim[1];
        f.whole.dim[1] = t->dim[0];
    }
    return f;
}

static void take(double *to, const double *from, const struct found *f, const struct tensor *t)
{
    const size_t rows = (size_t)t->dim[0], columns = t->size / rows;
    if (!f->turned) memcpy(to, from + f->first * columns, t->size * sizeof *to);
    for (size_t i = 0; i < rows && f->turned; i++)
        for (size_t j = 0; j < columns; j++) to[i * columns + j] = from[j * rows + i];
}

static int read_tensor(struct input_reader *r, const struct input *in, const struct found *f, const struct tensor *t,
                       double *theta, struct arena *scratch, struct err *e)
{
    struct arena_mark m = arena_mark(scratch);
    struct import_array array;
    const struct expected expected = { &f->whole, in->file, f->name };
    const int rc = input_reader_get(r, f->name, accept_weights, &expected, &array, scratch, e);
    if (!rc) take(theta + t->offset, array.value, f, t);
    arena_rewind(scratch, m);
    return rc;
}

static const char init_folder[] = "init", mask_folder[] = "mask";

static int read_tensors(const struct input *in, const char *folder, const struct layout *layout,
                        const struct input_table *table, double *value, struct arena *scratch, struct err *e)
{
    struct input_reader r = input_reader_of(in->file, table);
    struct naming naming;
    int rc = read_naming(&naming, in, layout, scratch, e);
    for (int i = 0; i < layout->count && !rc; i++) {
        const struct found f = find_array(&naming, in, folder, layout, &layout->tensor[i]);
        rc = read_tensor(&r, in, &f, &layout->tensor[i], value, scratch, e);
    }
    input_reader_close(&r);
    return rc;
}

static int check_numbers(const struct input *in, const struct layout *layout, const double *theta, struct err *e)
{
    char name[160];
    for (int i = 0; i < layout->count; i++) {
        const struct tensor *t = &layout->tensor[i];
        size_t at = 0;
        while (at < t->size && isfinite(theta[t->offset + at])) at++;
        if (at == t->size) continue;
        dataset_name(name, in, init_folder, t->name);
        return err_set(e, ERR_SPEC, "'%s': dataset '%s' holds %g, its number %zu of %zu; allowed: what is finite",
                       in->file, name, theta[t->offset + at], at + 1, t->size);
    }
    return 0;
}

int input_weights(struct input *in, const struct layout *layout, const struct input_table *table, double *theta,
                  struct arena *scratch, struct err *e)
{
    if (read_tensors(in, init_folder, layout, table, theta, scratch, e) || check_numbers(in, layout, theta, e))
        return -1;
    id_text(id_of(theta, layout->n * sizeof *theta), in->digest);
    return 0;
}

/* ---- masks ---- */

static int take_mask(const struct input *in, const struct tensor *t, const double *value, uint8_t *mask,
                     struct err *e)
{
    size_t removed = 0;
    char name[160];
    dataset_name(name, in, mask_folder, t->name);
    for (size_t i = 0; i < t->size; i++) {
        if (value[i] != 0 && value[i] != 1)
            return err_set(e, ERR_SPEC,
                           "'%s': dataset '%s' holds %g, its number %zu of %zu; allowed in a mask: 1 (kept) and 0 "
                           "(removed)",
                           in->file, name, value[i], i + 1, t->size);
        mask[i] = value[i] != 0;
        removed += value[i] == 0;
    }
    if (t->prunable || !removed) return 0;
    return err_set(
        e, ERR_SPEC,
        "'%s': dataset '%s' removes %zu of %zu weights of %s, which is never pruned in this model; allowed "
        "there: 1",
        in->file, name, removed, t->size, t->name);
}

int input_mask(struct input *in, const struct layout *layout, const struct input_table *table, uint8_t *mask,
               struct arena *scratch, struct err *e)
{
    const struct arena_mark m = arena_mark(scratch);
    double *value = ARENA_NEW(scratch, layout->n, double);
    int rc = read_tensors(in, mask_folder, layout, table, value, scratch, e);
    for (int i = 0; i < layout->count && !rc; i++) {
        const struct tensor *t = &layout->tensor[i];
        rc = take_mask(in, t, value + t->offset, mask + t->offset, e);
    }
    arena_rewind(scratch, m);
    if (!rc) id_text(id_of(mask, layout->n), in->digest);
    return rc;
}

/* ---- splits ---- */

enum { TOKENS_MOST = 1 << 24 };

static int accept_tokens(const void *ctx, size_t rank, const size_t *dim, struct err *e)
{
    const struct expected *x = ctx;
    if (rank != 2 || dim[0] == 0 || dim[1] == 0)
        return err_set(e, ERR_SPEC, "'%s': dataset '%s' must be [examples, width], with one example at least",
                       x->file, x->name);
    if (dim[0] > TOKENS_MOST / dim[1])
        return err_set(e, ERR_SPEC, "'%s': dataset '%s' has %zu examples of %zu tokens; at most %d tokens are read",
                       x->file, x->name, dim[0], dim[1], TOKENS_MOST);
    return 0;
}

static int read_tokens(struct input_reader *r, const struct input *in, const char *name, const int32_t **out,
                       size_t *rows, size_t *width, struct arena *a, struct err *e)
{
    struct import_array array;
    char dataset[160];
    dataset_name(dataset, in, "data", name);
    const struct expected expected = { NULL, in->file, dataset };
    if (input_reader_get(r, dataset, accept_tokens, &expected, &array, a, e)) return -1;
    size_t count = array.dim[0] * array.dim[1];
    int32_t *token = ARENA_NEW(a, count, int32_t);
    for (size_t i = 0; i < count; i++) {
        if (array.value[i] != floor(array.value[i]) || !(fabs(array.value[i]) <= INT32_MAX))
            return err_set(e, ERR_SPEC, "'%s': dataset '%s' holds %g, which is no token", in->file, dataset,
                           array.value[i]);
        token[i] = (int32_t)array.value[i];
    }
    *out = token;
    *rows = array.dim[0];
    *width = array.dim[1];
    return 0;
}

static const char train_pairs[] = "train_pairs", test_pairs[] = "test_pairs";

int input_split(struct input *in, struct task_split *out, const struct input_table *table, struct arena *a,
                struct err *e)
{
    size_t width;
    struct input_reader r = input_reader_of(in->file, table);
    const int rc = read_tokens(&r, in, train_pairs, &out->train, &out->n_train, &out->width, a, e) ||
                   read_tokens(&r, in, test_pairs, &out->test, &out->n_test, &width, a, e);
    input_reader_close(&r);
    if (rc) return -1;
    if (width != out->width)
        return err_set(e, ERR_SPEC, "'%s': train_pairs and test_pairs differ in width", in->file);
    struct id half[2] = { id_of(out->train, out->n_train * width * sizeof *out->train),
                          id_of(out->test, out->n_test * width * sizeof *out->test) };
    id_text(id_of(half, sizeof half), in->digest);
    return 0;
}

/* ---- labels that a split may bring, to be compared with the task's ---- */

struct half { /* of a split */
    const char *pairs, *labels;
    const struct dataset *data; /* as the task builds it */
    const int32_t *own;         /* its labels before some were replaced; NULL: none was */
};

static int accept_labels(const void *ctx, size_t rank, const size_t *dim, struct err *e)
{
    const struct half *h = ctx;
    size_t count = 1;
    for (size_t d = 0; d < rank; d++) count *= dim[d];
    if (rank > 0 && dim[0] == h->data->n && count == dim[0]) return 0;
    return err_set(e, ERR_SPEC, "%s must hold one label for each of the %zu rows of %s", h->labels, h->data->n,
                   h->pairs);
}

static int report_label(const struct half *h, size_t row, double says, const char *rule, struct err *e)
{
    struct buf example = { 0 };
    const struct dataset *d = h->data;
    for (size_t i = 0; i < d->width && i < 8; i++)
        buf_print(&example, "%s%d", i ? ", " : "",
                  d->token ? (int)d->token[row * d->width + i] : (int)d->x[row * d->width + i]);
    err_set(e, ERR_SPEC, "row %zu of %s says %g, but %s of (%s%s) is %d%s; rows of %s and %s go together", row,
            h->labels, says, rule, buf_chars(&example), d->width > 8 ? ", ..." : "", (int)d->label[row],
            h->own ? " after `corrupt` of this seed" : "", h->pairs, h->labels);
    buf_release(&example);
    return -1;
}

static size_t first_other(const double *says, const int32_t *label, size_t n)
{
    size_t i = 0;
    while (i < n && says[i] == (double)label[i]) i++;
    return i;
}

static int check_half(struct import_file *f, const struct input *in, const struct half *h, const char *rule,
                      struct arena *scratch, struct err *e)
{
    struct import_array array;
    char dataset[160];
    dataset_name(dataset, in, "data", h->labels);
    if (import_try(&array, f, dataset, accept_labels, h, scratch, e)) return -1;
    if (!array.value) return 0;
    const size_t differs = first_other(array.value, h->data->label, h->data->n);
    if (differs == h->data->n || (h->own && first_other(array.value, h->own, h->data->n) == h->data->n)) return 0;
    return report_label(h, differs, array.value[differs], rule, e);
}

int input_split_labels(const struct input *in, const struct task_data *built, const char *rule, struct arena *scratch,
                       struct err *e)
{
    const struct half half[] = { { train_pairs, "train_labels", &built->train, built->own_label },
                                 { test_pairs, "test_labels", &built->test, NULL } };
    const struct arena_mark m = arena_mark(scratch);
    struct import_file *f = NULL;
    int rc = built->train.label ? import_open(&f, in->file, e) : 0;
    for (size_t i = 0; f && i < ARRAY_LEN(half) && !rc; i++) rc = check_half(f, in, &half[i], rule, scratch, e);
    import_close(f);
    arena_rewind(scratch, m);
    return rc;
}

/* ---- pairs that stand in a split more than once ---- */

struct given_pair {
    int32_t a, b;
    size_t row; /* training pairs come first */
};

static int by_pair_and_row(const void *x, const void *y)
{
    const struct given_pair *p = x, *q = y;
    if (p->a != q->a) return p->a < q->a ? -1 : 1;
    if (p->b != q->b) return p->b < q->b ? -1 : 1;
    return p->row < q->row ? -1 : p->row > q->row;
}

static int report_repeated(const struct task_split *s, const struct given_pair *one, const struct given_pair *two,
                           struct err *e)
{
    const bool in_train = one->row < s->n_train, both = in_train == (two->row < s->n_train);
    const size_t first = in_train ? one->row : one->row - s->n_train;
    const size_t second = two->row < s->n_train ? two->row : two->row - s->n_train;
    const char *where = in_train ? train_pairs : test_pairs, *again = both && in_train ? train_pairs : test_pairs;
    return err_set(e, ERR_SPEC, "row %zu of %s is (%d, %d), and so is row %zu of %s; %s", first, where, (int)one->a,
                   (int)one->b, second, again,
                   both ? "each pair may stand there once" : "what is tested must not be trained on");
}

int input_split_check(const struct task_split *s, struct arena *scratch, struct err *e)
{
    const struct arena_mark m = arena_mark(scratch);
    const size_t n = s->n_train + s->n_test;
    struct given_pair *pair = ARENA_NEW(scratch, n, struct given_pair);
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        const int32_t *token = i < s->n_train ? s->train + 2 * i : s->test + 2 * (i - s->n_train);
        pair[i] = (struct given_pair){ token[0], token[1], i };
    }
    qsort(pair, n, sizeof *pair, by_pair_and_row);
    for (size_t i = 1; i < n && !rc; i++)
        if (pair[i].a == pair[i - 1].a && pair[i].b == pair[i - 1].b)
            rc = report_repeated(s, &pair[i - 1], &pair[i], e);
    arena_rewind(scratch, m);
    return rc;
}

/* ---- what is there to be read ---- */

static void add_tokens(struct input_table *t, const struct input *in, const char *name)
{
    char dataset[160];
    dataset_name(dataset, in, "data", name);
    const struct expected expected = { NULL, in->file, dataset };
    input_table_add(t, in->file, dataset, accept_tokens, &expected);
}

/* Names that cannot be read are the error of who reads the arrays. */
static void add_tensors(struct input_table *t, const struct input *in, const char *folder, const struct layout *l)
{
    struct arena a = { 0 };
    struct naming naming;
    struct err ignored = { 0 };
    const bool named = !read_naming(&naming, in, l, &a, &ignored);
    for (int i = 0; i < l->count && named; i++) {
        const struct found f = find_array(&naming, in, folder, l, &l->tensor[i]);
        const struct expected expected = { &f.whole, in->file, f.name };
        input_table_add(t, in->file, f.name, accept_weights, &expected);
    }
    arena_release(&a);
}

void input_add(struct input_table *t, const struct job_spec *s, const struct layout *layout)
{
    if (layout && s->init.digest[0]) add_tensors(t, &s->init, init_folder, layout);
    if (layout && s->mask.digest[0]) add_tensors(t, &s->mask, mask_folder, layout);
    if (!s->split.digest[0]) return;
    add_tokens(t, &s->split, train_pairs);
    add_tokens(t, &s->split, test_pairs);
}
