#include "query/arrays.h"
#include "base/spacing.h"
#include "base/text.h"
#include "query/function.h"
#include "query/records.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The arrays of families as tables, by the names that DESIGN of the file gives them: series/NAME over the constant
 * `epoch`, measures/MEASURE/COLUMN and checkpoints over `checkpoint_epoch`, and the constant `tensors`. */

static size_t all_rows(struct query_table *t)
{
    return store_rows(t->query->s);
}

static void *scratch(struct query *q, size_t bytes)
{
    buf_clear(&q->scratch);
    return buf_room(&q->scratch, bytes);
}

/* The job at a row.  1: it is there, 0: it is not, or damaged, -1: the file cannot be read. */
static int read_job(struct query *q, size_t row, struct store_row *out)
{
    struct err e = { 0 };
    if (store_read_row(q->s, (uint32_t)row, out, NULL, &e)) {
        if (e.kind != ERR_STORE) *q->e = e;
        return e.kind == ERR_STORE ? 0 : -1;
    }
    return out->state != JOB_UNUSED && out->family >= 0;
}

/* One part of an array.  1: read, 0: not written (yet, or this moment), -1: damaged although it is vouched for. */
static int read_part(struct query *q, const struct store_row *r, size_t array, size_t part, void *out, size_t bytes)
{
    struct err e = { 0 };
    if (!store_has(q->s, r, array, part)) return 0;
    if (!store_get(q->s, r, array, part, out, bytes, &e)) return 1;
    if (r->state != JOB_DONE) return 0;
    *q->e = e;
    return -1;
}

/* What a job has to add to a scan. */
typedef int add_job(struct query *q, const struct store_row *r, struct query_scan *scan);

/* The next job.  A run may put other arrays in the place of those that were just read: then the job is read again. */
static int step_job(struct query *q, struct query_scan *scan, add_job *add)
{
    const size_t row = scan->at++, before = scan->rows.length;
    for (int i = 0; i < QUERY_TRIES; i++) {
        struct store_row r;
        const int there = read_job(q, row, &r);
        if (there <= 0) return there;
        const int rc = add(q, &r, scan);
        if (store_stays(q->s, (uint32_t)row, &r)) return rc;
        buf_cut(&scan->rows, before);
        *q->e = (struct err){ 0 };
    }
    return err_at(q->e, ERR_STORE, store_path(q->s), NOWHERE, NULL, "row %zu of /jobs never stays as it is", row);
}

static bool wanted(const struct query_scan *scan, const char *value)
{
    return !scan->only || !strcmp(scan->only, value);
}

enum { UNIT = sizeof((struct store_row *)0)->length_unit };
enum { NAME = 64 }; /* bytes of a name; those that sweeps and plug-ins give are shorter */

static int put_name(struct query *q, char to[NAME], const char *name, size_t length)
{
    if (text_copy(to, NAME, name, length)) return 0;
    return err_set(q->e, ERR_STORE, "a name has more than %d characters: '%s'", NAME - 1, text_shown(name, 200));
}

/* What the epochs of a job are. */
static void put_unit(const struct store_row *r, char to[UNIT])
{
    MUST(text_print(to, UNIT, "%s", store_unit(r->length_unit)));
}

/* ---- series ---- */

struct series_row {
    char job[ID_CHARS], name[NAME], part[NAME], unit[UNIT];
    int64_t epoch;
    double value;
};
static const struct column series_columns[] = {
    { "job", COLUMN_TEXT, offsetof(struct series_row, job), ID_CHARS, NULL, "", "id" },
    { "name", COLUMN_TEXT, offsetof(struct series_row, name), NAME, NULL, "",
      "train_loss, test_accuracy, ..., part_loss" },
    { "part", COLUMN_TEXT, offsetof(struct series_row, part), NAME, NULL, "",
      "of the data, of part_loss and part_accuracy: clean, corrupted, ..." },
    { "epoch", COLUMN_I64, offsetof(struct series_row, epoch), 0, NULL, "", "completed" },
    { "unit", COLUMN_TEXT, offsetof(struct series_row, unit), UNIT, NULL, "", "of epoch: epoch, or step" },
    { "value", COLUMN_F64, offsetof(struct series_row, value), 0, NULL, "", "measured then" },
    COLUMN_END,
};

static const char *after(const char *path, const char *prefix)
{
    const size_t length = strlen(prefix);
    return strncmp(path, prefix, length) ? NULL : path + length;
}

/* Curves of one family have one length; another one's is an error of the constant. */
static const int64_t *epochs_of(struct query *q, size_t family, size_t points)
{
    if (!q->epochs) q->epochs = ARENA_NEW(&q->arena, store_families(q->s), struct epochs);
    struct epochs *known = &q->epochs[family];
    if (known->epoch && known->points == points) return known->epoch;
    int64_t *epoch = ARENA_NEW(&q->arena, points, int64_t);
    if (store_read_constant(q->s, family, "epoch", epoch, points * sizeof *epoch, q->e)) return NULL;
    *known = (struct epochs){ epoch, points };
    return epoch;
}

static int add_series(struct query *q, const struct store_row *r, size_t array, const char *name, struct buf *out)
{
    const struct store_array *a = &store_family(q->s, (size_t)r->family)->array[array];
    const size_t points = a->dim[0], bytes = store_part_bytes(a), parts = a->rank == 2 ? a->dim[1] : 1;
    const int64_t *epoch = epochs_of(q, (size_t)r->family, points);
    double *value = scratch(q, bytes);
    const int rc = epoch ? read_part(q, r, array, 0, value, bytes) : -1;
    const char *label = a->rank == 2 && a->labels ? a->labels : "";
    struct series_row row = { .epoch = 0 };
    memcpy(row.job, r->id, sizeof row.job);
    put_unit(r, row.unit);
    if (put_name(q, row.name, name, strlen(name))) return -1;
    for (size_t k = 0; k < parts && rc > 0; k++) {
        if (put_name(q, row.part, label, strcspn(label, ","))) return -1;
        for (size_t i = 0; i < points; i++) {
            row.epoch = epoch[i];
            row.value = value[i * parts + k];
            if (!isnan(row.value)) buf_add(out, &row, sizeof row); /* not a number: not yet measured */
        }
        label += strcspn(label, ",");
        label += *label == ',';
    }
    return rc < 0 ? -1 : 0;
}

static int add_curves(struct query *q, const struct store_row *r, struct query_scan *scan)
{
    const struct store_family *f = store_family(q->s, (size_t)r->family);
    for (size_t i = 0; i < f->arrays; i++) {
        const char *name = after(f->array[i].path, "series/");
        if (!name || !wanted(scan, name)) continue;
        if (f->array[i].type != COLUMN_F64 || f->array[i].rank < 1 || f->array[i].rank > 2 || f->array[i].parts)
            return err_at(q->e, ERR_STORE, store_path(q->s), NOWHERE, NULL, "/families/%s/%s is no curve", f->name,
                          f->array[i].path);
        if (add_series(q, r, i, name, &scan->rows)) return -1;
    }
    return 0;
}

static int step_series(struct query_table *t, struct query_scan *scan)
{
    return step_job(t->query, scan, add_curves);
}

/* ---- checkpoints ---- */

struct checkpoint_row {
    char job[ID_CHARS], unit[UNIT];
    int64_t slot, epoch;
};
static const struct column checkpoint_columns[] = {
    { "job", COLUMN_TEXT, offsetof(struct checkpoint_row, job), ID_CHARS, NULL, "", "id" },
    { "slot", COLUMN_I64, offsetof(struct checkpoint_row, slot), 0, NULL, "",
      "second axis of checkpoints, measures" },
    { "epoch", COLUMN_I64, offsetof(struct checkpoint_row, epoch), 0, NULL, "", "completed" },
    { "unit", COLUMN_TEXT, offsetof(struct checkpoint_row, unit), UNIT, NULL, "", "of epoch: epoch, or step" },
    COLUMN_END,
};

/* The epoch of a slot.  1: it holds weights, 0: it does not, -1: damaged. */
static int slot_epoch(struct query *q, const struct store_row *r, size_t slot, int64_t *out)
{
    const size_t array = store_array_find(q->s, (size_t)r->family, "checkpoint_epoch");
    if (array == SIZE_MAX || slot >= store_family(q->s, (size_t)r->family)->array[array].parts) return 0;
    const int rc = read_part(q, r, array, slot, out, sizeof *out);
    return rc > 0 ? *out >= 0 : rc;
}

static int add_checkpoints(struct query *q, const struct store_row *r, struct query_scan *scan)
{
    const size_t array = store_array_find(q->s, (size_t)r->family, "checkpoints");
    const size_t slots = array == SIZE_MAX ? 0 : store_family(q->s, (size_t)r->family)->array[array].parts;
    for (size_t i = 0; i < slots; i++) {
        struct checkpoint_row row = { .slot = (int64_t)i };
        const int rc = store_has(q->s, r, array, i) ? slot_epoch(q, r, i, &row.epoch) : 0;
        if (rc < 0) return -1;
        memcpy(row.job, r->id, sizeof row.job);
        put_unit(r, row.unit);
        if (rc) buf_add(&scan->rows, &row, sizeof row);
    }
    return 0;
}

static int step_checkpoints(struct query_table *t, struct query_scan *scan)
{
    return step_job(t->query, scan, add_checkpoints);
}

/* ---- measures ---- */

struct measure_row {
    char job[ID_CHARS], measure[NAME], name[NAME], label[NAME], unit[UNIT];
    int64_t item, slot, epoch;
    double value;
};
static const struct column measure_columns[] = {
    { "job", COLUMN_TEXT, offsetof(struct measure_row, job), ID_CHARS, NULL, "", "id" },
    { "measure", COLUMN_TEXT, offsetof(struct measure_row, measure), NAME, NULL, "",
      "as `record: measures` names it" },
    { "name", COLUMN_TEXT, offsetof(struct measure_row, name), NAME, NULL, "", "one of its columns" },
    { "label", COLUMN_TEXT, offsetof(struct measure_row, label), NAME, NULL, "", "which value: all, W_E, ..." },
    { "item", COLUMN_I64, offsetof(struct measure_row, item), 0, NULL, "", "which value, counted from 0" },
    { "slot", COLUMN_I64, offsetof(struct measure_row, slot), 0, NULL, "", "as in checkpoints" },
    { "epoch", COLUMN_I64, offsetof(struct measure_row, epoch), 0, NULL, "", "completed" },
    { "unit", COLUMN_TEXT, offsetof(struct measure_row, unit), UNIT, NULL, "", "of epoch: epoch, or step" },
    { "value", COLUMN_F64, offsetof(struct measure_row, value), 0, NULL, "", "" },
    COLUMN_END,
};

/* The values of one slot; labels are "all,W_E,...", as many as the last axis is long, or none. */
static int add_values(struct query *q, const struct store_row *r, size_t array, struct measure_row *row,
                      struct buf *out)
{
    const struct store_array *a = &store_family(q->s, (size_t)r->family)->array[array];
    const size_t bytes = store_part_bytes(a);
    const char *const labels = a->labels ? a->labels : "", *label = labels;
    double *value = scratch(q, bytes);
    const int rc = read_part(q, r, array, (size_t)row->slot, value, bytes);
    for (size_t i = 0; i < bytes / sizeof *value && rc > 0; i++) {
        const size_t length = strcspn(label, ",");
        if (put_name(q, row->label, label, length)) return -1;
        label = label[length] ? label + length + 1 : labels;
        row->item = (int64_t)i;
        row->value = value[i];
        if (!isnan(row->value)) buf_add(out, row, sizeof *row);
    }
    return rc;
}

static int add_measure(struct query *q, const struct store_row *r, size_t array, struct measure_row *row,
                       struct buf *out)
{
    const struct store_array *a = &store_family(q->s, (size_t)r->family)->array[array];
    for (size_t slot = 0; slot < store_parts(a); slot++) {
        const int rc = slot_epoch(q, r, slot, &row->epoch);
        row->slot = (int64_t)slot;
        if (rc < 0 || (rc && add_values(q, r, array, row, out) < 0)) return -1;
    }
    return 0;
}

static int add_measures(struct query *q, const struct store_row *r, struct query_scan *scan)
{
    const struct store_family *f = store_family(q->s, (size_t)r->family);
    struct measure_row row = { .item = 0 };
    memcpy(row.job, r->id, sizeof row.job);
    put_unit(r, row.unit);
    for (size_t i = 0; i < f->arrays; i++) {
        const char *measure = after(f->array[i].path, "measures/"), *slash = measure ? strchr(measure, '/') : NULL;
        if (!slash || f->array[i].type != COLUMN_F64) continue;
        if (put_name(q, row.measure, measure, (size_t)(slash - measure)) ||
            put_name(q, row.name, slash + 1, strlen(slash + 1)))
            return -1;
        if (wanted(scan, row.name) && add_measure(q, r, i, &row, &scan->rows)) return -1;
    }
    return 0;
}

static int step_measures(struct query_table *t, struct query_scan *scan)
{
    return step_job(t->query, scan, add_measures);
}

/* ---- tensors ---- */

struct tensor_row {
    char job[ID_CHARS], name[32], shape[96];
    int64_t offset, size;
};
static const struct column tensor_columns[] = {
    { "job", COLUMN_TEXT, offsetof(struct tensor_row, job), ID_CHARS, NULL, "", "id" },
    { "name", COLUMN_TEXT, offsetof(struct tensor_row, name), 32, NULL, "", "W_E, ..." },
    { "shape", COLUMN_TEXT, offsetof(struct tensor_row, shape), 96, NULL, "", "48x500, row-major" },
    { "offset", COLUMN_I64, offsetof(struct tensor_row, offset), 0, NULL, "element", "in flat weights and masks" },
    { "size", COLUMN_I64, offsetof(struct tensor_row, size), 0, NULL, "element", "number of weights" },
    COLUMN_END,
};

static int step_tensors(struct query_table *t, struct query_scan *scan)
{
    struct query *q = t->query;
    struct store_row r;
    struct store_tensor *tensor;
    size_t count;
    const int there = read_job(q, scan->at++, &r);
    if (there <= 0) return there;
    struct arena_mark m = arena_mark(&q->arena);
    if (store_read_tensors(q->s, (size_t)r.family, &q->arena, &tensor, &count, q->e)) return -1;
    for (size_t i = 0; i < count; i++) {
        struct tensor_row row = { .offset = (int64_t)tensor[i].offset, .size = (int64_t)tensor[i].size };
        struct buf shape = { 0 };
        memcpy(row.job, r.id, sizeof row.job);
        memcpy(row.name, tensor[i].name, sizeof row.name);
        for (size_t d = 0; d < tensor[i].rank && d < ARRAY_LEN(tensor[i].dim); d++)
            buf_print(&shape, "%s%zu", d ? "x" : "", tensor[i].dim[d]);
        text_brief(row.shape, sizeof row.shape, "%s", buf_chars(&shape));
        buf_release(&shape);
        buf_add(&scan->rows, &row, sizeof row);
    }
    arena_rewind(&q->arena, m);
    return 0;
}

/* ---- the list of tables ---- */

void query_arrays(struct query *q, struct query_table out[QUERY_ARRAYS])
{
    (void)q;
    const struct query_table table[QUERY_ARRAYS] = {
        { .name = "series",
          .help = "the curves: a row a job, name and recorded epoch",
          .columns = series_columns,
          .stride = sizeof(struct series_row),
          .key = "job",
          .filter = "name",
          .extent = all_rows,
          .step = step_series },
        { .name = "checkpoints",
          .help = "the epochs whose weights are stored",
          .columns = checkpoint_columns,
          .stride = sizeof(struct checkpoint_row),
          .key = "job",
          .extent = all_rows,
          .step = step_checkpoints },
        { .name = "measures",
          .help = "what was measured at each checkpoint: a row a value",
          .columns = measure_columns,
          .stride = sizeof(struct measure_row),
          .key = "job",
          .filter = "name",
          .extent = all_rows,
          .step = step_measures },
        { .name = "tensors",
          .help = "what lies where in the flat weights and masks of a job",
          .columns = tensor_columns,
          .stride = sizeof(struct tensor_row),
          .key = "job",
          .extent = all_rows,
          .step = step_tensors },
    };
    memcpy(out, table, sizeof table);
}

/* ---- epoch_of(id, series, bound) ---- */

static bool has_curve(const struct store_family *f, const char *name)
{
    bool has = false;
    for (size_t i = 0; i < f->arrays && !has; i++) {
        const char *curve = after(f->array[i].path, "series/");
        has = curve && f->array[i].rank == 1 && !strcmp(curve, name);
    }
    return has;
}

static bool passes(const char *name, double value, double bound)
{
    return strstr(name, "loss") ? value < bound : value > bound;
}

/* 1: *out is the first epoch, 0: never, or no such job, -1 with *q->e filled. */
static int find_epoch(struct query *q, const char *id, const char *name, double bound, int64_t spacing, int64_t *out)
{
    size_t row;
    struct store_row r;
    int there = id && name ? query_find(q, id, &row) : 0;
    if (there > 0) there = read_job(q, row, &r);
    if (there <= 0) return there;
    if (!has_curve(store_family(q->s, (size_t)r.family), name))
        return err_set(q->e, ERR_SPEC,
                       "epoch_of: there is no curve '%s'; allowed: train_loss, train_accuracy, test_loss, "
                       "test_accuracy",
                       name);
    struct query_scan scan = { .at = row, .end = row + 1, .only = name };
    int rc = step_job(q, &scan, add_curves) ? -1 : 0;
    const struct series_row *point = (const void *)scan.rows.bytes;
    for (size_t i = 0; i < scan.rows.length / sizeof *point && !rc; i++) {
        if (!passes(name, point[i].value, bound) ||
            (!spacing_holds((struct spacing){ spacing, 1 }, point[i].epoch) && point[i].epoch != r.epochs))
            continue;
        *out = point[i].epoch;
        rc = 1;
    }
    buf_release(&scan.rows);
    return rc;
}

static int epoch_of(struct query *q, sqlite3_context *out, int argc, sqlite3_value **argv)
{
    const int64_t spacing = argc > 3 ? sqlite3_value_int64(argv[3]) : 1;
    int64_t epoch = 0;
    if (spacing == 0 || spacing == -1)
        return err_set(q->e, ERR_SPEC,
                       "epoch_of: the spacing of the epochs that count is 1 or more, or from -2 down");
    const int found =
        find_epoch(q, query_text(argv[0]), query_text(argv[1]), sqlite3_value_double(argv[2]), spacing, &epoch);
    if (found > 0) sqlite3_result_int64(out, epoch);
    return found;
}

const struct query_function query_epoch_of = {
    "epoch_of", 3, 4, epoch_of,
    "    epoch_of(id, series, bound): the first epoch at which that curve of job id is above bound, or, of a\n"
    "                   loss, below it; NULL: never.  epoch_of(id, series, bound, n): of the epochs that n\n"
    "                   divides, or with n = -20 of 20 a decade, and the last; of a job that counts steps, the step\n"
};
