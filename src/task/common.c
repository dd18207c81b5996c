/* What every task can do with its data: labels that are wrong, numbers on one scale. */
#include "base/rng.h"
#include "task/task.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const char *const scale_names[] = {
    [TASK_SCALE_NONE] = "none", [TASK_SCALE_STANDARD] = "standard", [TASK_SCALE_UNIT] = "unit", NULL
};

const struct field task_fields[] = {
    FIELD_NUMBER(
        task_common, corrupt, REAL, "0", "[0, 1]", "1",
        "share of the training examples, rounded down, that get another label than their own; which ones and "
        "which labels, stream `corrupt` of the seed draws"),
    FIELD_CHOSEN(
        task_common, scale, CHOICE, "none", scale_names,
        "of inputs that are numbers. standard: less their mean over the training examples, in units of their "
        "standard deviation, each input, or each channel of an image, by itself; unit: bytes by 255, other "
        "numbers so that the least of the training examples becomes 0 and the largest 1"),
    FIELD_END,
};

bool task_is_regression(const struct task_kind *kind, const void *config)
{
    return kind->regression && kind->regression(config);
}

int task_train_count(int64_t train, double fraction, size_t n, const char *what, size_t *n_train, struct err *e)
{
    *n_train = train ? (size_t)train : (size_t)(fraction * (double)n);
    if (*n_train && *n_train < n) return 0;
    if (train)
        return err_set(e, ERR_SPEC, "train is %lld, and there are %zu %s; at least one must be left to test on",
                       (long long)train, n, what);
    return err_set(e, ERR_SPEC, "train_fraction %g of %zu %s leaves no %s examples", fraction, n, what,
                   *n_train ? "test" : "training");
}

int task_measure(const struct task_kind *kind, const void *config, const struct task_common *c,
                 struct task_shape *out, struct err *e)
{
    if (kind->shape(config, out, e)) return -1;
    out->regression = task_is_regression(kind, config);
    if (c->corrupt > 0 && out->regression)
        return err_set(e, ERR_SPEC, "'corrupt' is of tasks with labels; task %s has targets", kind->kind.name);
    if (c->corrupt > 0 && c->corrupt * (double)out->n_train < 1)
        return err_set(e, ERR_SPEC, "corrupt %g of %zu training examples is none", c->corrupt, out->n_train);
    if (c->scale != TASK_SCALE_NONE && out->vocabulary)
        return err_set(e, ERR_SPEC, "'scale' is of tasks on numbers; the inputs of task %s are symbols",
                       kind->kind.name);
    return 0;
}

/* ---- corrupt ---- */

static void corrupt(struct task_data *data, double share, uint64_t seed, struct arena *a)
{
    struct dataset *d = &data->train;
    const uint64_t labels = data->classes > 1 ? (uint64_t)data->classes : 2;
    int32_t *label = ARENA_NEW(a, d->n, int32_t);
    memcpy(label, d->label, d->n * sizeof *label);
    struct arena_mark m = arena_mark(a);
    uint32_t *order = ARENA_NEW(a, d->n, uint32_t);
    struct rng r = rng_open(seed, "corrupt");
    for (size_t i = 0; i < d->n; i++) order[i] = (uint32_t)i;
    rng_shuffle(&r, order, d->n);
    for (size_t i = 0; i < (size_t)(share * (double)d->n); i++) {
        const int32_t other = (int32_t)rng_below(&r, labels - 1);
        label[order[i]] = other + (other >= label[order[i]]);
    }
    arena_rewind(a, m);
    data->own_label = d->label;
    d->label = label;
}

/* ---- scale ---- */

/* x as any other numbers that lie somewhere. */
static struct dataset_stored stored_of(const struct dataset *d)
{
    return d->stored.at ? d->stored : (struct dataset_stored){ .at = d->x, .type = STORED_F64 };
}

static void read_example(const struct dataset *d, const struct dataset_stored *s, size_t i, double *out)
{
    const size_t bytes = d->width * stored_bytes(s->type);
    stored_convert(s->type, (const char *)s->at + (s->row ? s->row[i] : i) * bytes, d->width, out);
}

/* Means, then deviations, of each plane of inputs. */
static void find_standard(const struct dataset *d, size_t plane, double *shift, double *unit, struct arena *scratch)
{
    const struct dataset_stored s = stored_of(d);
    const size_t planes = d->width / plane;
    double *x = ARENA_NEW(scratch, d->width, double), *mean = ARENA_NEW(scratch, planes, double),
           *square = ARENA_NEW(scratch, planes, double);
    for (size_t i = 0; i < d->n; i++) {
        read_example(d, &s, i, x);
        for (size_t j = 0; j < d->width; j++) mean[j / plane] += x[j];
    }
    for (size_t p = 0; p < planes; p++) mean[p] /= (double)(d->n * plane);
    for (size_t i = 0; i < d->n; i++) {
        read_example(d, &s, i, x);
        for (size_t j = 0; j < d->width; j++)
            square[j / plane] += (x[j] - mean[j / plane]) * (x[j] - mean[j / plane]);
    }
    for (size_t j = 0; j < d->width; j++) {
        const double deviation = sqrt(square[j / plane] / (double)(d->n * plane));
        shift[j] = mean[j / plane];
        unit[j] = deviation > 0 ? deviation : 1;
    }
}

static void find_unit(const struct dataset *d, double *shift, double *unit, struct arena *scratch)
{
    const struct dataset_stored s = stored_of(d);
    double low = 0, high = 255, *x = ARENA_NEW(scratch, d->width, double);
    if (s.type != STORED_U8) {
        low = DBL_MAX;
        high = -DBL_MAX;
        for (size_t i = 0; i < d->n; i++) {
            read_example(d, &s, i, x);
            for (size_t j = 0; j < d->width; j++) {
                low = fmin(low, x[j]);
                high = fmax(high, x[j]);
            }
        }
    }
    for (size_t j = 0; j < d->width; j++) {
        shift[j] = low;
        unit[j] = high > low ? high - low : 1;
    }
}

static void rescale(struct dataset *d, const double *shift, const double *unit)
{
    d->stored = stored_of(d);
    d->stored.shift = shift;
    d->stored.unit = unit;
    d->x = NULL;
}

static void scale(struct task_data *data, enum task_scale how, struct arena *a)
{
    const size_t width = data->train.width;
    double *shift = ARENA_NEW(a, width, double), *unit = ARENA_NEW(a, width, double);
    const struct arena_mark m = arena_mark(a);
    if (how == TASK_SCALE_STANDARD)
        find_standard(&data->train, data->plane ? data->plane : 1, shift, unit, a);
    else
        find_unit(&data->train, shift, unit, a);
    arena_rewind(a, m);
    rescale(&data->train, shift, unit);
    rescale(&data->test, shift, unit);
}

int task_build(const struct task_kind *kind, const void *config, const struct task_common *c, uint64_t seed,
               const struct task_split *given, struct arena *a, struct task_data *out, struct err *e)
{
    if (kind->build(config, seed, given, a, out, e)) return -1;
    if (c->corrupt > 0) corrupt(out, c->corrupt, seed, a);
    if (c->scale != TASK_SCALE_NONE) scale(out, (enum task_scale)c->scale, a);
    return 0;
}
