#include "job/inputs.h"
#include "base/text.h"
#include "store/import.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct field input_fields[] = {
    { "file", FIELD_TEXT, offsetof(struct input, file), sizeof((struct input *)0)->file, NULL, .unit = "",
      .help = "an HDF5, .npz or .safetensors file; a relative path starts at the sweep file's folder" },
    { "group", FIELD_TEXT, offsetof(struct input, group), sizeof((struct input *)0)->group, "", .unit = "",
      .help =
          "the group in an HDF5 file that holds init/TENSOR, or data/train_pairs and data/test_pairs; the arrays of "
          "the others are called TENSOR, train_pairs and test_pairs" },
    FIELD_END,
};

static void dataset_name(char out[160], const struct input *in, const char *folder, const char *name)
{
    MUST(text_print(out, 160, "%s%s%s/%s", in->group, in->group[0] ? "/" : "", folder, name));
}

/* Trailing dimensions of 1 do not count: a vector may come as [n] or [n, 1]. */
static bool same_shape(const struct import_array *a, const struct tensor *t)
{
    for (size_t d = 0; d < a->rank || d < (size_t)t->rank; d++) {
        int64_t have = d < a->rank ? (int64_t)a->dim[d] : 1, want = d < (size_t)t->rank ? t->dim[d] : 1;
        if (have != want) return false;
    }
    return true;
}

static int wrong_shape(const struct import_array *a, const struct tensor *t, const char *file, const char *name,
                       struct err *e)
{
    struct buf have = { 0 }, want = { 0 };
    for (size_t d = 0; d < a->rank; d++) buf_print(&have, "%s%" PRIu64, d ? ", " : "", a->dim[d]);
    for (int d = 0; d < t->rank; d++) buf_print(&want, "%s%" PRId64, d ? ", " : "", t->dim[d]);
    err_set(e, ERR_SPEC, "'%s': dataset '%s' is [%s], the model's %s is [%s]", file, name, buf_chars(&have), t->name,
            buf_chars(&want));
    buf_release(&have);
    buf_release(&want);
    return -1;
}

int input_weights(struct input *in, const struct layout *layout, double *theta, struct arena *scratch, struct err *e)
{
    for (int i = 0; i < layout->count; i++) {
        const struct tensor *t = &layout->tensor[i];
        struct arena_mark m = arena_mark(scratch);
        struct import_array array;
        char name[160];
        dataset_name(name, in, "init", t->name);
        int rc = import_read(&array, in->file, name, scratch, e);
        if (!rc && !same_shape(&array, t)) rc = wrong_shape(&array, t, in->file, name, e);
        if (!rc) memcpy(theta + t->offset, array.value, t->size * sizeof *theta);
        arena_rewind(scratch, m);
        if (rc) return -1;
    }
    id_text(id_of(theta, layout->n * sizeof *theta), in->digest);
    return 0;
}

static int read_tokens(const struct input *in, const char *name, const int32_t **out, size_t *rows, size_t *width,
                       struct arena *a, struct err *e)
{
    struct import_array array;
    char dataset[160];
    dataset_name(dataset, in, "data", name);
    if (import_read(&array, in->file, dataset, a, e)) return -1;
    if (array.rank != 2 || array.dim[0] == 0)
        return err_set(e, ERR_SPEC, "'%s': dataset '%s' must be [examples, width], with one example at least",
                       in->file, dataset);
    size_t count = array.dim[0] * array.dim[1];
    int32_t *token = ARENA_NEW(a, count, int32_t);
    for (size_t i = 0; i < count; i++) {
        if (array.value[i] != floor(array.value[i]) || fabs(array.value[i]) > INT32_MAX)
            return err_set(e, ERR_SPEC, "'%s': dataset '%s' holds %g, which is no token", in->file, dataset,
                           array.value[i]);
        token[i] = (int32_t)array.value[i];
    }
    *out = token;
    *rows = array.dim[0];
    *width = array.dim[1];
    return 0;
}

int input_split(struct input *in, struct task_split *out, struct arena *a, struct err *e)
{
    size_t width;
    if (read_tokens(in, "train_pairs", &out->train, &out->n_train, &out->width, a, e)) return -1;
    if (read_tokens(in, "test_pairs", &out->test, &out->n_test, &width, a, e)) return -1;
    if (width != out->width)
        return err_set(e, ERR_SPEC, "'%s': train_pairs and test_pairs differ in width", in->file);
    struct id half[2] = { id_of(out->train, out->n_train * width * sizeof *out->train),
                          id_of(out->test, out->n_test * width * sizeof *out->test) };
    id_text(id_of(half, sizeof half), in->digest);
    return 0;
}
