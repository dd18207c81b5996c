#include "base/text.h"
#include "job/measures.h"
#include "job/recording.h"
#include "job/registry.h"
#include "job/trainer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the about text ---- */

static void print_about(struct buf *out, const struct job_spec *s, const struct layout *l, const struct watch *w)
{
    buf_print(out, "model=%s\nprecision=%s\nweights=%zu\n", s->model->name,
              s->training.precision == PRECISION_DOUBLE ? "double" : "float", l->n);
    buf_print(out, "epochs=%" PRId64 "\neval_every=%" PRId64 "\nseries_every=%" PRId64 "\n%s=", w->epochs,
              w->eval_every, w->series_every, w->by_loss ? "loss_bound" : "threshold");
    buf_real(out, w->threshold);
    buf_print(out, "\nstate_vectors=%d", trainer_vectors(s) - 1);
    buf_text(out, "\ncheckpoints=");
    for (size_t i = 0; i < w->checkpoints; i++) buf_print(out, "%s%" PRId64, i ? "," : "", w->checkpoint[i]);
    if (spec_uses(s) & USES_SCORES) buf_text(out, "\nmasks=checkpoints");
    buf_text(out, "\ntensors=");
    for (int i = 0; i < l->count; i++) {
        buf_print(out, "%s%s", i ? "," : "", l->tensor[i].name);
        for (int d = 0; d < l->tensor[i].rank; d++) buf_print(out, "%c%" PRId64, d ? 'x' : ':', l->tensor[i].dim[d]);
    }
    buf_text(out, "\n");
}

/* The text behind "key=" at the start of a line; NULL if there is none. */
static const char *about_find(const char *about, const char *key)
{
    size_t length = strlen(key);
    for (const char *s = about; s && *s; s = strchr(s, '\n')) {
        s += *s == '\n';
        if (!strncmp(s, key, length) && s[length] == '=') return s + length + 1;
    }
    return NULL;
}

static int64_t about_int(const char *about, const char *key)
{
    const char *s = about_find(about, key);
    return s ? strtoll(s, NULL, 10) : 0;
}

int watch_parse(struct watch *out, const char *about, struct arena *a, struct err *e)
{
    const char *bound = about_find(about, "loss_bound"), *list = about_find(about, "checkpoints");
    const char *threshold = bound ? bound : about_find(about, "threshold");
    *out = (struct watch){ .epochs = about_int(about, "epochs"),
                           .eval_every = about_int(about, "eval_every"),
                           .series_every = about_int(about, "series_every"),
                           .threshold = threshold ? strtod(threshold, NULL) : 0,
                           .by_loss = bound != NULL };
    if (!list || out->epochs < 1 || out->eval_every < 1 || out->series_every < 1)
        return err_set(e, ERR_STORE, "a family's about text is broken");
    size_t count = 1;
    for (const char *s = list; *s && *s != '\n'; s++) count += *s == ',';
    int64_t *epoch = ARENA_NEW(a, count, int64_t);
    for (size_t i = 0; i < count; i++) {
        char *end;
        epoch[i] = strtoll(list, &end, 10);
        list = end + 1;
    }
    out->checkpoint = epoch;
    out->checkpoints = count;
    return measure_parse(about, &out->measure, &out->measures, a, e);
}

/* ---- the arrays ---- */

size_t resume_bytes(size_t n, size_t vectors, size_t real_size, size_t points)
{
    return sizeof(struct resume_head) + vectors * n * real_size + 4 * points * sizeof(double);
}

static void add_arrays(struct store_family *out, const struct job_spec *s, const struct layout *l,
                       const struct watch *w, const struct measure_setup *measure, struct arena *a)
{
    size_t points = watch_points(w), slots = watch_slots(w);
    enum column_type type = s->training.precision == PRECISION_DOUBLE ? COLUMN_F64 : COLUMN_F32;
    size_t vectors = (size_t)trainer_vectors(s);
    bool scores = spec_uses(s) & USES_SCORES;
    const struct store_array fixed[] = {
        [ARRAY_TRAIN_LOSS] = { "series/train_loss",
                               COLUMN_F64,
                               0,
                               1,
                               { points },
                               .unit = "nat",
                               .help = "mean training loss of the weights after `epoch` epochs" },
        [ARRAY_TRAIN_ACCURACY] = { "series/train_accuracy",
                                   COLUMN_F64,
                                   0,
                                   1,
                                   { points },
                                   .unit = "1",
                                   .help = "fraction of the training set that is right" },
        [ARRAY_TEST_LOSS] = { "series/test_loss",
                              COLUMN_F64,
                              0,
                              1,
                              { points },
                              .unit = "nat",
                              .help = "mean test loss" },
        [ARRAY_TEST_ACCURACY] = { "series/test_accuracy",
                                  COLUMN_F64,
                                  0,
                                  1,
                                  { points },
                                  .unit = "1",
                                  .help = "fraction of the test set that is right" },
        [ARRAY_CHECKPOINTS] = { "checkpoints",
                                type,
                                slots,
                                1,
                                { l->n },
                                .unit = "1",
                                .help = "flat weights; the last two slots are those at t_mem and t_gen" },
        [ARRAY_CHECKPOINT_EPOCH] = { "checkpoint_epoch",
                                     COLUMN_I64,
                                     slots,
                                     0,
                                     { 0 },
                                     .unit = "epoch",
                                     .help = "completed epochs of each slot; -1: never reached" },
        [ARRAY_MASK] = { "masks",
                         COLUMN_U8,
                         scores ? slots : 0,
                         1,
                         { l->n },
                         .unit = "",
                         .help = scores ? "1 = kept, at each checkpoint: the network is checkpoints * masks"
                                        : "1 = kept; only of jobs that train under a mask" },
    };
    const struct store_array resume = { "resume",
                                        COLUMN_U8,
                                        2,
                                        1,
                                        { resume_bytes(l->n, vectors, spec_real_size(s), points) },
                                        .scratch = true,
                                        .unit = "",
                                        .help = "optimiser state of an unfinished job, two alternating slots" };
    size_t count = ARRAY_MEASURES;
    for (size_t i = 0; i < w->measures; i++) count += measure_arrays(&measure[i], slots, NULL, a);
    struct store_array *array = ARENA_NEW(a, count + 1, struct store_array);
    memcpy(array, fixed, sizeof fixed);
    count = ARRAY_MEASURES;
    for (size_t i = 0; i < w->measures; i++) count += measure_arrays(&measure[i], slots, array + count, a);
    array[count++] = resume;
    out->array = array;
    out->arrays = count;
}

/* ---- the constants ---- */

struct tensor_row {
    char name[LAYOUT_NAME];
    int64_t offset, size, rank, dim[LAYOUT_RANK];
};
static const struct column tensor_columns[] = {
    { "name", COLUMN_TEXT, offsetof(struct tensor_row, name), LAYOUT_NAME, NULL, "", "as in the paper's code" },
    { "offset", COLUMN_I64, offsetof(struct tensor_row, offset), 0, NULL, "element", "in the flat vector" },
    { "size", COLUMN_I64, offsetof(struct tensor_row, size), 0, NULL, "element", "number of weights" },
    { "rank", COLUMN_I64, offsetof(struct tensor_row, rank), 0, NULL, "1", "number of dimensions, row-major" },
    { "dim0", COLUMN_I64, offsetof(struct tensor_row, dim[0]), 0, NULL, "element", "" },
    { "dim1", COLUMN_I64, offsetof(struct tensor_row, dim[1]), 0, NULL, "element", "" },
    { "dim2", COLUMN_I64, offsetof(struct tensor_row, dim[2]), 0, NULL, "element", "" },
    { "dim3", COLUMN_I64, offsetof(struct tensor_row, dim[3]), 0, NULL, "element", "" },
    COLUMN_END,
};

static struct tensor_row *tensor_rows(const struct layout *l, struct arena *a)
{
    struct tensor_row *row = ARENA_NEW(a, (size_t)l->count, struct tensor_row);
    for (int i = 0; i < l->count; i++) {
        const struct tensor *t = &l->tensor[i];
        row[i] = (struct tensor_row){ .offset = (int64_t)t->offset, .size = (int64_t)t->size, .rank = t->rank };
        memcpy(row[i].name, t->name, LAYOUT_NAME);
        memcpy(row[i].dim, t->dim, (size_t)t->rank * sizeof *t->dim);
    }
    return row;
}

static void add_constants(struct store_family *out, const struct layout *l, const struct watch *w, struct arena *a)
{
    size_t points = watch_points(w);
    int64_t *epoch = ARENA_NEW(a, points, int64_t);
    for (size_t i = 0; i < points; i++) epoch[i] = watch_point_epoch(w, i);
    struct store_constant *c = ARENA_NEW(a, 2, struct store_constant);
    c[0] = (struct store_constant){ .path = "epoch",
                                    .type = COLUMN_I64,
                                    .row_size = sizeof *epoch,
                                    .count = points,
                                    .data = epoch,
                                    .help = "the x axis of series/*, in completed epochs" };
    c[1] = (struct store_constant){ .path = "tensors",
                                    .columns = tensor_columns,
                                    .row_size = sizeof(struct tensor_row),
                                    .count = (size_t)l->count,
                                    .data = tensor_rows(l, a),
                                    .help = "where each tensor lies in a flat vector" };
    out->constant = c;
    out->constants = 2;
}

/* What may differ between two families of the same tensors and the same measures: a task's sizes are in the shapes.
 */
static void print_values(struct buf *out, const struct measure_setup *m)
{
    measure_print(m->is, out);
    for (const struct measure_column *c = m->kind->columns; c->name; c++) {
        size_t length[MEASURE_RANK], rank = c->shape ? c->shape(&m->site, length) : 0;
        buf_print(out, "values=%s/%s", m->is->name, c->name);
        for (size_t i = 0; i < rank; i++) buf_print(out, "%c%zu", i ? 'x' : ':', length[i]);
        buf_text(out, "\n");
    }
}

void family_describe(struct store_family *out, const struct job_spec *spec, const struct layout *layout,
                     const struct task_shape *shape, const struct watch *watch, struct arena *a)
{
    struct buf about = { 0 };
    char name[64];
    struct measure_setup *measure = ARENA_NEW(a, watch->measures, struct measure_setup);
    print_about(&about, spec, layout, watch);
    for (size_t i = 0; i < watch->measures; i++) {
        measure_set_up(&measure[i], &watch->measure[i], spec, layout, shape, a);
        print_values(&about, &measure[i]);
    }
    MUST(text_print(name, sizeof name, "%s-%zu-%08x", spec->model->name, layout->n,
                    (unsigned)id_of(about.bytes, about.length).low));
    memset(out, 0, sizeof *out);
    out->name = arena_text(a, name, strlen(name));
    out->about = arena_text(a, about.bytes, about.length);
    add_arrays(out, spec, layout, watch, measure, a);
    add_constants(out, layout, watch, a);
    buf_release(&about);
}

uint64_t family_row_bytes(const struct store_family *f)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < f->arrays; i++)
        bytes += (uint64_t)store_part_bytes(&f->array[i]) * (f->array[i].parts ? f->array[i].parts : 1);
    return bytes;
}
