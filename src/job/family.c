#include "base/text.h"
#include "job/measures.h"
#include "job/recording.h"
#include "job/registry.h"
#include "job/trainer.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the about text ---- */

/* Curves of earlier versions may have fewer points than evaluations: these say series_every, which is the first
 * judge's eval_every now, as long as there is no other. */
static void print_judges(struct buf *out, const struct watch *w)
{
    const struct judge *first = &w->judge[0];
    buf_print(out, "epochs=%" PRId64 "\neval_every=%" PRId64, w->epochs, first->eval_every);
    if (w->judges == 1) buf_print(out, "\nseries_every=%" PRId64, first->eval_every);
    buf_print(out, "\n%s=", w->by_loss ? "loss_bound" : "threshold");
    buf_real(out, first->threshold);
    for (size_t j = 1; j < w->judges; j++) {
        buf_print(out, "%s%" PRId64 ":", j == 1 ? "\nalso=" : ",", w->judge[j].eval_every);
        buf_real(out, w->judge[j].threshold);
    }
}

/* "EVERY:THRESHOLD:FORMULA;...": behind the regular checkpoints. */
static void print_moments(struct buf *out, const struct watch *w)
{
    for (size_t i = 0; i < w->moments; i++) {
        const struct judge *judge = &w->judge[w->moment[i].judge];
        buf_print(out, "%s%" PRId64 ":", i ? ";" : "\nmoments=", judge->eval_every);
        buf_real(out, judge->threshold);
        buf_print(out, ":%s", w->moment[i].t.text);
    }
}

static void print_about(struct buf *out, const struct job_spec *s, const struct layout *l, const struct watch *w,
                        const char *parts)
{
    buf_print(out, "model=%s\nprecision=%s\nweights=%zu\n", s->model->name,
              s->training.precision == PRECISION_DOUBLE ? "double" : "float", l->n);
    print_judges(out, w);
    buf_print(out, "\nstate_vectors=%d", trainer_vectors(s) - 1);
    buf_text(out, "\ncheckpoints=");
    for (size_t i = 0; i < w->checkpoints; i++) buf_print(out, "%s%" PRId64, i ? "," : "", w->checkpoint[i]);
    print_moments(out, w);
    if (parts) buf_print(out, "\nparts=%s", parts);
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

/* A whole number, up to the end of its line, in [low, high]. */
static bool about_int(const char *about, const char *key, int64_t low, int64_t high, int64_t *out)
{
    char *end;
    const char *s = about_find(about, key);
    if (!s || !isdigit((unsigned char)*s)) return false;
    *out = strtoll(s, &end, 10);
    return *end == '\n' && *out >= low && *out <= high;
}

/* Ascending from 0 to the last epoch. */
static bool read_checkpoints(struct watch *w, const char *list, struct arena *a)
{
    size_t count = 1;
    const size_t length = strcspn(list, "\n");
    for (size_t i = 0; i < length; i++) count += list[i] == ',';
    int64_t *epoch = ARENA_NEW(a, count, int64_t);
    w->checkpoint = epoch;
    w->checkpoints = count;
    for (size_t i = 0; i < count; i++) {
        char *end;
        if (!isdigit((unsigned char)*list)) return false;
        epoch[i] = strtoll(list, &end, 10);
        if (*end != (i + 1 < count ? ',' : '\n') || (i && epoch[i] <= epoch[i - 1])) return false;
        list = end + 1;
    }
    return epoch[0] == 0 && epoch[count - 1] == w->epochs;
}

/* "eval_every:threshold", between commas. */
static bool read_judges(struct watch *w, const char *list)
{
    while (list && w->judges < JUDGES) {
        char *end;
        struct judge *j = &w->judge[w->judges++];
        j->eval_every = strtoll(list, &end, 10);
        if (j->eval_every < 1 || *end != ':') return false;
        j->threshold = strtod(end + 1, &end);
        if (*end != ',') return *end == '\n';
        list = end + 1;
    }
    return !list;
}

/* "EVERY:THRESHOLD:FORMULA", between semicolons; the judges are known. */
static bool read_moments(struct watch *w, const char *list, struct arena *a)
{
    static const struct field formula = { .key = "moment" };
    struct err e = { 0 };
    if (!list) return true;
    for (;;) {
        struct judge judge;
        struct moment t;
        char *end, text[MOMENT_TEXT];
        judge.eval_every = strtoll(list, &end, 10);
        if (*end != ':') return false;
        judge.threshold = strtod(end + 1, &end);
        const char *from = end + 1;
        if (*end != ':' || !text_copy(text, sizeof text, from, strcspn(from, ";\n"))) return false;
        if (moment_set(&formula, &t, text, &e) || !moment_is_rule(&t) || moment_uses(&t, MOMENT_FINAL) ||
            !watch_has_judge(w, &judge) || watch_keep(w, &t, &judge, a, &e))
            return false;
        list = from + strcspn(from, ";\n");
        if (*list++ != ';') return true;
    }
}

/* "clean,corrupted", to the end of the line or the text. */
static size_t count_names(const char *list)
{
    size_t count = list != NULL;
    for (; list && *list && *list != '\n'; list++) count += *list == ',';
    return count;
}

size_t recording_parts(const struct store_family *family)
{
    return count_names(about_find(family->about, "parts"));
}

static bool read_about(struct watch *w, const char *about, struct arena *a)
{
    enum { MOST = 1000000000, VECTORS = 16 };
    const char *bound = about_find(about, "loss_bound"), *list = about_find(about, "checkpoints");
    const char *threshold = bound ? bound : about_find(about, "threshold");
    const char *precision = about_find(about, "precision"), *masks = about_find(about, "masks");
    int64_t weights = 0, vectors = 0;
    *w = (struct watch){ .judge = { { 0, threshold ? strtod(threshold, NULL) : 0 } },
                         .judges = 1,
                         .by_loss = bound != NULL };
    const char *also = about_find(about, "also");
    int64_t *every = &w->judge[0].eval_every;
    const bool whole = list && precision && about_int(about, "epochs", 0, MOST, &w->epochs) &&
                       about_int(about, "eval_every", 1, MOST, every) &&
                       (also ? read_judges(w, also) : about_int(about, "series_every", 1, MOST, &w->series_every)) &&
                       about_int(about, "weights", 0, MOST, &weights) &&
                       about_int(about, "state_vectors", 0, VECTORS, &vectors) && read_checkpoints(w, list, a) &&
                       read_moments(w, about_find(about, "moments"), a);
    const bool thinned = w->series_every > *every;
    const bool spaced = !whole || w->series_every % *every == 0;
    if (!thinned) w->series_every = 0;
    w->family = (struct family_kind){ .n = (size_t)weights,
                                      .twice = precision && !strncmp(precision, "double\n", 7),
                                      .scores = masks && !strncmp(masks, "checkpoints\n", 12),
                                      .parts = count_names(about_find(about, "parts")),
                                      .vectors = (size_t)vectors + 1,
                                      .slots = watch_slots(w),
                                      .points = whole ? watch_points(w) : 0 };
    return whole && spaced;
}

/* ---- the arrays ---- */

size_t recording_resume_bytes(size_t n, size_t vectors, size_t real_size, size_t points, size_t parts)
{
    return sizeof(struct resume_head) + vectors * n * real_size + (4 + PART_CURVES * parts) * points * sizeof(double);
}

static size_t whole_pages(size_t bytes)
{
    enum { PAGE = 4096 };
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

static size_t family_resume_bytes(const struct family_kind *f)
{
    return recording_resume_bytes(f->n, f->vectors, f->twice ? sizeof(double) : sizeof(float), f->points, f->parts);
}

enum { FIXED = ARRAY_MEASURES + 1 }; /* those of every family, and the resume points */

/* `length` numbers a part; 0: one. */
static struct store_array array_of(const char *path, enum column_type type, size_t parts, size_t length,
                                   const char *unit, const char *help)
{
    return (struct store_array){ path, type, parts, length > 0, { length }, .unit = unit, .help = help };
}

static void fixed_arrays(const struct family_kind *f, struct store_array out[FIXED])
{
    const enum column_type weight = f->twice ? COLUMN_F64 : COLUMN_F32;
    const size_t points = f->points, slots = f->slots;
    out[ARRAY_TRAIN_LOSS] = array_of("series/train_loss", COLUMN_F64, 0, points, "nat",
                                     "mean training loss of the weights after `epoch` epochs");
    out[ARRAY_TRAIN_ACCURACY] =
        array_of("series/train_accuracy", COLUMN_F64, 0, points, "1", "fraction of the training set that is right");
    out[ARRAY_TEST_LOSS] = array_of("series/test_loss", COLUMN_F64, 0, points, "nat", "mean test loss");
    out[ARRAY_TEST_ACCURACY] =
        array_of("series/test_accuracy", COLUMN_F64, 0, points, "1", "fraction of the test set that is right");
    out[ARRAY_CHECKPOINTS] = array_of("checkpoints", weight, slots, f->n, "1",
                                      "flat weights; the last two slots are those at t_mem and t_gen");
    out[ARRAY_CHECKPOINT_EPOCH] = array_of("checkpoint_epoch", COLUMN_I64, slots, 0, "epoch",
                                           "completed epochs of each slot; -1: never reached");
    out[ARRAY_MASK] = array_of("masks", COLUMN_U8, f->scores ? slots : 0, f->n, "",
                               f->scores ? "1 = kept, at each checkpoint: the network is checkpoints * masks"
                                         : "1 = kept; only of jobs that train under a mask");
    out[ARRAY_MEASURES] =
        array_of("resume", COLUMN_U8, 2, whole_pages(family_resume_bytes(f)), "",
                 "optimiser state of an unfinished job, two alternating slots, or of a finished one at its end");
    out[ARRAY_MEASURES].scratch = true;
}

const char *const recording_part_curves[PART_CURVES] = { "series/part_loss", "series/part_accuracy" };

/* How many they are. */
static size_t part_arrays(const struct family_kind *f, const char *names, struct store_array *out)
{
    for (size_t i = 0; i < PART_CURVES && names; i++)
        out[i] = (struct store_array){ .path = recording_part_curves[i],
                                       .type = COLUMN_F64,
                                       .rank = 2,
                                       .dim = { f->points, f->parts },
                                       .unit = i == PART_LOSS ? "nat" : "1",
                                       .help = i == PART_LOSS ? "mean loss of each part of the data"
                                                              : "fraction of each part of the data that is right",
                                       .labels = names,
                                       .axes = "epoch, part" };
    return names ? PART_CURVES : 0;
}

/* The arrays are found by their places, so each must be there, as the family's jobs write it.  Who trains on finds
 * the resume points behind the measures, by their path, as later versions find what they add behind these. */
static int check_arrays(const struct store_family *family, const struct family_kind *kind, struct err *e)
{
    struct store_array want[FIXED];
    fixed_arrays(kind, want);
    bool same = true;
    size_t i = 0;
    for (; i < ARRAY_MEASURES && same; i += same)
        same = i < family->arrays && store_array_same(&family->array[i], &want[i]);
    if (same) return 0;
    return err_set(e, ERR_STORE, "/families/%s/%s is not the array that the family's jobs need", family->name,
                   want[i].path);
}

static int read_family(struct watch *out, const struct store_family *family, struct arena *a, struct err *e)
{
    if (read_about(out, family->about, a)) return check_arrays(family, &out->family, e);
    return err_set(e, ERR_STORE, "the about text of /families/%s is broken", family->name);
}

int watch_parse(struct watch *out, const struct store_family *family, struct arena *a, struct err *e)
{
    if (read_family(out, family, a, e)) return -1;
    return measure_parse(family->about, &out->measure, &out->measures, a, e);
}

const struct watch *watch_of(struct watch **known, const struct store *s, size_t family, struct arena *a,
                             struct err *e)
{
    if (known[family]) return known[family];
    struct watch *w = ARENA_NEW(a, 1, struct watch);
    if (watch_parse(w, store_family(s, family), a, e)) return NULL;
    known[family] = w;
    return w;
}

int family_check(const struct store_family *family, struct err *e)
{
    struct arena a = { 0 };
    struct watch w;
    const int rc = read_family(&w, family, &a, e);
    arena_release(&a);
    return rc;
}

/* "W_E:16x13,b:8", to the end of the line. */
static bool read_layout(struct layout *out, const char *list)
{
    while (list && out->count < LAYOUT_TENSORS) {
        const size_t length = strcspn(list, ":\n");
        char name[LAYOUT_NAME], *end;
        int64_t dims[LAYOUT_RANK + 1] = { 0 };
        if (list[length] != ':' || !text_copy(name, sizeof name, list, length) || layout_find(out, name))
            return false;
        list += length;
        for (int d = 0; d < LAYOUT_RANK && (d == 0 || *list == 'x'); d++, list = end) {
            dims[d] = strtoll(list + 1, &end, 10);
            if (dims[d] < 1) return false;
        }
        layout_add(out, name, 0, dims);
        if (*list != ',') return *list == '\n';
        list++;
    }
    return false;
}

int recording_layout(struct layout *out, const struct store_family *family, struct err *e)
{
    *out = (struct layout){ .count = 0 };
    return read_layout(out, about_find(family->about, "tensors"))
               ? 0
               : err_set(e, ERR_STORE, "/families/%s does not say which tensors it has", family->name);
}

int watch_check(const struct watch *w, const struct job_spec *spec, const struct layout *layout, struct err *e)
{
    const struct family_kind *f = &w->family;
    if (w->epochs != spec->training.epochs || f->twice != (spec->training.precision == PRECISION_DOUBLE) ||
        f->scores != ((spec_uses(spec) & USES_SCORES) != 0) || f->vectors != (size_t)trainer_vectors(spec) ||
        (layout && layout->n != f->n))
        return err_set(e, ERR_STORE,
                       "a job of seed %llu stands in a family of other jobs: its arrays are not its own",
                       (unsigned long long)spec->seed);
    return 0;
}

static void add_arrays(struct store_family *out, const struct job_spec *s, const struct layout *l,
                       const struct watch *w, const struct measure_setup *measure, const char *parts, struct arena *a)
{
    struct store_array fixed[FIXED];
    const struct family_kind kind = { .n = l->n,
                                      .twice = s->training.precision == PRECISION_DOUBLE,
                                      .scores = (spec_uses(s) & USES_SCORES) != 0,
                                      .vectors = (size_t)trainer_vectors(s),
                                      .parts = count_names(parts),
                                      .slots = watch_slots(w),
                                      .points = watch_points(w) };
    size_t count = ARRAY_MEASURES;
    fixed_arrays(&kind, fixed);
    for (size_t i = 0; i < w->measures; i++) count += measure_arrays(&measure[i], kind.slots, NULL, a);
    struct store_array *array = ARENA_NEW(a, count + PART_CURVES + 1, struct store_array);
    memcpy(array, fixed, ARRAY_MEASURES * sizeof *array);
    count = ARRAY_MEASURES;
    for (size_t i = 0; i < w->measures; i++) count += measure_arrays(&measure[i], kind.slots, array + count, a);
    count += part_arrays(&kind, parts, array + count);
    array[count++] = fixed[ARRAY_MEASURES];
    out->array = array;
    out->arrays = count;
}

/* ---- the constants ---- */

/* A row is a name and these.  Names have the room that they always had, or, if one is longer, all that there is. */
struct tensor_numbers {
    int64_t offset, size, rank, dim[LAYOUT_RANK];
};
enum { SHORT_NAME = 24 };
static const struct column tensor_columns[] = {
    { "name", COLUMN_TEXT, 0, SHORT_NAME, NULL, "", "as in the paper's code" },
    { "offset", COLUMN_I64, offsetof(struct tensor_numbers, offset), 0, NULL, "element", "in the flat vector" },
    { "size", COLUMN_I64, offsetof(struct tensor_numbers, size), 0, NULL, "element", "number of weights" },
    { "rank", COLUMN_I64, offsetof(struct tensor_numbers, rank), 0, NULL, "1", "number of dimensions, row-major" },
    { "dim0", COLUMN_I64, offsetof(struct tensor_numbers, dim[0]), 0, NULL, "element", "" },
    { "dim1", COLUMN_I64, offsetof(struct tensor_numbers, dim[1]), 0, NULL, "element", "" },
    { "dim2", COLUMN_I64, offsetof(struct tensor_numbers, dim[2]), 0, NULL, "element", "" },
    { "dim3", COLUMN_I64, offsetof(struct tensor_numbers, dim[3]), 0, NULL, "element", "" },
    COLUMN_END,
};

static struct store_constant tensor_table(const struct layout *l, struct arena *a)
{
    size_t name = SHORT_NAME;
    for (int i = 0; i < l->count; i++)
        if (strlen(l->tensor[i].name) >= SHORT_NAME) name = LAYOUT_NAME;
    struct column *column = ARENA_NEW(a, ARRAY_LEN(tensor_columns), struct column);
    memcpy(column, tensor_columns, sizeof tensor_columns);
    column[0].size = name;
    for (size_t i = 1; column[i].name; i++) column[i].offset += name;
    const size_t bytes = name + sizeof(struct tensor_numbers);
    char *row = arena_array(a, (size_t)l->count, bytes);
    for (int i = 0; i < l->count; i++) {
        const struct tensor *t = &l->tensor[i];
        struct tensor_numbers numbers = { .offset = (int64_t)t->offset, .size = (int64_t)t->size, .rank = t->rank };
        memcpy(numbers.dim, t->dim, (size_t)t->rank * sizeof *t->dim);
        memcpy(row + (size_t)i * bytes, t->name, strlen(t->name));
        memcpy(row + (size_t)i * bytes + name, &numbers, sizeof numbers);
    }
    return (struct store_constant){ .path = "tensors",
                                    .columns = column,
                                    .row_size = bytes,
                                    .count = (size_t)l->count,
                                    .data = row,
                                    .help = "where each tensor lies in a flat vector" };
}

static void add_constants(struct store_family *out, const struct layout *l, const struct watch *w, struct arena *a)
{
    size_t points = watch_points(w);
    int64_t *epoch = ARENA_NEW(a, points, int64_t);
    watch_list_points(w, epoch);
    struct store_constant *c = ARENA_NEW(a, 2, struct store_constant);
    c[0] = (struct store_constant){ .path = "epoch",
                                    .type = COLUMN_I64,
                                    .row_size = sizeof *epoch,
                                    .count = points,
                                    .data = epoch,
                                    .unit = "epoch",
                                    .help = "the x axis of series/*, in completed epochs" };
    c[1] = tensor_table(l, a);
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
    print_about(&about, spec, layout, watch, shape->parts);
    for (size_t i = 0; i < watch->measures; i++) {
        measure_set_up(&measure[i], &watch->measure[i], spec, layout, shape, a);
        print_values(&about, &measure[i]);
    }
    for (size_t i = 0; i < watch->absents; i++) measure_print_absent(&watch->absent[i], &about);
    MUST(text_print(name, sizeof name, "%s-%zu-%08x", spec->model->name, layout->n,
                    (unsigned)id_of(about.bytes, about.length).low));
    memset(out, 0, sizeof *out);
    out->name = arena_text(a, name, strlen(name));
    out->about = arena_text(a, about.bytes, about.length);
    add_arrays(out, spec, layout, watch, measure, shape->parts, a);
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

uint64_t family_end_bytes(const struct store_family *f)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < f->arrays; i++)
        if (f->array[i].scratch) bytes += store_part_bytes(&f->array[i]);
    return bytes;
}

int family_verify(struct store *s, size_t family, struct err *e)
{
    struct arena a = { 0 };
    const struct store_family *f = store_family(s, family);
    int rc = family_check(f, e);
    const size_t points = rc ? 0 : f->array[ARRAY_TRAIN_LOSS].dim[0];
    int64_t *epoch = ARENA_NEW(&a, points, int64_t);
    struct store_tensor *tensor;
    size_t tensors;
    if (!rc) rc = store_read_tensors(s, family, &a, &tensor, &tensors, e);
    if (!rc) rc = store_read_constant(s, family, "epoch", epoch, points * sizeof *epoch, e);
    arena_release(&a);
    return rc;
}
