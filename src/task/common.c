/* What every task can do with its data: labels that are wrong, numbers on one scale. */
#include "base/intern.h"
#include "base/number.h"
#include "base/rng.h"
#include "base/text.h"
#include "num/formula.h"
#include "task/task.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const char *const scale_names[] = {
    [TASK_SCALE_NONE] = "none", [TASK_SCALE_STANDARD] = "standard", [TASK_SCALE_UNIT] = "unit", NULL
};

/* ---- hit ---- */

static const char *const hit_names[] = { "y", "target", NULL };

/* outputs: of a network; FORMULA_SOME: not known. */
static int read_hit(const char *text, size_t outputs, struct formula *out, char *canonical, size_t size,
                    struct err *e)
{
    const size_t length = outputs == 1 ? 0 : outputs, lengths[] = { length, length, 0 };
    const struct formula_place place = {
        .what = "hit", .names = hit_names, .type = FORMULA_TRUTH, .length = lengths, .vector = true
    };
    return formula_parse(out, text, &place, canonical, size, e);
}

static int check_hit(const char *text, char *canonical, size_t size, struct err *e)
{
    struct formula f;
    if (*text) return read_hit(text, FORMULA_SOME, &f, canonical, size, e);
    *canonical = '\0';
    return 0;
}

const struct formula *task_hit(const struct task_common *c, const struct task_shape *shape, struct arena *a)
{
    char canonical[sizeof c->hit];
    struct err e = { 0 };
    if (!c->hit[0]) return NULL;
    struct formula *f = ARENA_NEW(a, 1, struct formula);
    if (read_hit(c->hit, (size_t)shape->classes, f, canonical, sizeof canonical, &e)) BUG("%s", e.text);
    return f;
}

/* ---- augment ---- */

enum { CROP = 100 };

/* "[crop 4,flip]", each at most once; false: it is none. */
static bool read_augment(const char *text, struct dataset_augment *out)
{
    char word[FIELD_WORD];
    *out = (struct dataset_augment){ .crop = 0 };
    while (field_next_word(&text, word)) {
        if (!strcmp(word, "flip") && !out->flip)
            out->flip = true;
        else if (strcmp(word, "crop") != 0 || out->crop || !field_next_word(&text, word) ||
                 !number_int(word, &out->crop) || out->crop < 1 || out->crop > CROP)
            return false;
    }
    return true;
}

static int check_augment(const char *text, char *canonical, size_t size, struct err *e)
{
    struct dataset_augment how;
    char crop[16] = "";
    if (!read_augment(text, &how))
        return err_set(e, ERR_SPEC, "'augment' is '%s'; allowed: [crop N], N from 1 to %d, [flip], [crop N, flip]",
                       text_shown(text, 40), CROP);
    if (how.crop) MUST(text_print(crop, sizeof crop, "crop %lld", (long long)how.crop));
    MUST(text_print(canonical, size, "[%s%s%s]", crop, how.crop && how.flip ? "," : "", how.flip ? "flip" : ""));
    return 0;
}

static bool has_augment(const struct task_common *c)
{
    return c->augment[0] && strcmp(c->augment, "[]") != 0;
}

static struct dataset_augment augment_of(const struct task_common *c, const struct task_shape *s)
{
    struct dataset_augment how;
    MUST(read_augment(c->augment, &how));
    if (how.crop || how.flip) memcpy(how.image, s->image, sizeof how.image);
    return how;
}

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
    { .key = "hit",
      .type = FIELD_TEXT,
      .offset = offsetof(struct task_common, hit),
      .count = sizeof((struct task_common *)0)->hit,
      .standard = "",
      .unit = "",
      .check = check_hit,
      .help =
          "of targets: a formula of the output y and the target, true where an answer is right: abs(y - target) < "
          "0.03; of several outputs for all of them, or max(abs(y - target)) < 0.03. Then there is an accuracy, and "
          "t_mem and t_gen are by `threshold`, not by `loss_bound`" },
    FIELD_ROW(task_common, augment, LINES, "[]", .count = sizeof((struct task_common *)0)->augment, .unit = "",
              .check = check_augment,
              .help =
                  "what each step of training does to the images that it sees, by stream `augment/STEP`: [crop 4, "
                  "flip] cuts an image out of itself with 4 pixels of 0 around it, at any place, and turns half of "
                  "them left to right. Evaluations see them as they are"),
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

static int check_corrupt(const struct task_common *c, const char *name, const struct task_shape *s, struct err *e)
{
    if (s->regression)
        return TASK_WRONG(e, "corrupt", "'corrupt' is of tasks with labels; task %s has targets", name);
    if (c->corrupt * (double)s->n_train < 1)
        return TASK_WRONG(e, "corrupt", "corrupt %g of %zu training examples is none", c->corrupt, s->n_train);
    return 0;
}

int task_measure(const struct task_kind *kind, const void *config, const struct task_common *c,
                 const struct task_teacher *teacher, struct task_shape *out, struct err *e)
{
    const char *list = kind->teacher ? kind->teacher(config) : NULL, *name = kind->kind.name;
    char canonical[sizeof c->hit];
    struct formula hit;
    if (kind->shape(config, out, e)) return -1;
    out->regression = task_is_regression(kind, config);
    out->corrupted = c->corrupt > 0;
    if (out->corrupted) out->parts = intern("clean,corrupted,restored");
    if (list && teacher->outputs(list, out, &out->classes, e)) return -1;
    if (c->corrupt > 0 && check_corrupt(c, name, out, e)) return -1;
    if (c->scale != TASK_SCALE_NONE && out->vocabulary)
        return TASK_WRONG(e, "scale", "'scale' is of tasks on numbers; the inputs of task %s are symbols", name);
    if (out->fresh && (c->corrupt > 0 || c->scale != TASK_SCALE_NONE))
        return TASK_WRONG(e, c->corrupt > 0 ? "corrupt" : "scale", "'%s' is of a training set, and 'fresh' has none",
                          c->corrupt > 0 ? "corrupt" : "scale");
    if (has_augment(c) && !out->image[0])
        return TASK_WRONG(e, "augment", "'augment' is of images, and task %s gives none here", name);
    if (!c->hit[0]) return 0;
    if (!out->regression) return TASK_WRONG(e, "hit", "'hit' is of tasks with targets; task %s has labels", name);
    struct err why = { 0 };
    return read_hit(c->hit, (size_t)out->classes, &hit, canonical, sizeof canonical, &why)
               ? TASK_WRONG(e, "hit", "%s", why.text)
               : 0;
}

/* ---- teachers ---- */

struct taught {
    const struct task_teacher *teacher;
    struct net *net;
    const struct dataset_source *pupils;
    size_t width, outputs;
    bool regression;
};

static int32_t label_of(const double *y, size_t outputs)
{
    size_t best = 0;
    if (outputs == 1) return y[0] > 0;
    for (size_t i = 1; i < outputs; i++)
        if (y[i] > y[best]) best = i;
    return (int32_t)best;
}

static void answer(const struct taught *t, const struct dataset *d, int32_t *label, double *target)
{
    struct arena a = { 0 };
    double *y = target ? target : ARENA_NEW(&a, d->n * t->outputs, double);
    t->teacher->answer(t->net, d, y);
    for (size_t i = 0; label && i < d->n; i++) label[i] = label_of(y + i * t->outputs, t->outputs);
    arena_release(&a);
}

static int fill_taught(const void *ctx, uint64_t seed, const char *stream, size_t n, const struct dataset_room *room,
                       struct err *e)
{
    const struct taught *t = ctx;
    if (t->pupils->fill(t->pupils->ctx, seed, stream, n, room, e)) return -1;
    const struct dataset d = { .n = n, .width = t->width, .token = room->token, .x = room->x };
    answer(t, &d, room->label, room->target);
    return 0;
}

static void answer_all(const struct taught *t, struct dataset *d, struct arena *a)
{
    int32_t *label = t->regression ? NULL : ARENA_NEW(a, d->n, int32_t);
    double *target = t->regression ? ARENA_NEW(a, d->n * t->outputs, double) : NULL;
    answer(t, d, label, target);
    d->label = label;
    d->target = target;
}

static void teach(struct task_data *data, const struct task_teacher *teacher, const char *list,
                  const struct task_shape *shape, uint64_t seed, struct arena *a)
{
    struct taught *t = ARENA_NEW(a, 1, struct taught);
    *t = (struct taught){ .teacher = teacher,
                          .net = teacher->open(list, shape, seed, a),
                          .pupils = data->source,
                          .width = shape->width,
                          .outputs = (size_t)shape->classes,
                          .regression = shape->regression };
    data->classes = shape->classes;
    answer_all(t, &data->train, a);
    answer_all(t, &data->test, a);
    if (!data->source) return;
    struct dataset_source *source = ARENA_NEW(a, 1, struct dataset_source);
    *source = (struct dataset_source){ t, fill_taught };
    data->source = source;
}

/* ---- corrupt ---- */

/* Rows that have been corrupted, or those that have not; label: their labels, NULL: those that are trained on. */
static struct dataset_part part_of(const char *name, const bool *replaced, bool which, size_t n, const int32_t *label,
                                   struct arena *a)
{
    struct dataset_part part = { .name = name, .label = label };
    uint32_t *row = ARENA_NEW(a, n, uint32_t);
    for (size_t i = 0; i < n; i++)
        if (replaced[i] == which) row[part.n++] = (uint32_t)i;
    part.row = row;
    return part;
}

static void corrupt(struct task_data *data, double share, uint64_t seed, struct arena *a)
{
    struct dataset *d = &data->train;
    const uint64_t labels = data->classes > 1 ? (uint64_t)data->classes : 2;
    int32_t *label = ARENA_NEW(a, d->n, int32_t);
    bool *replaced = ARENA_NEW(a, d->n, bool);
    struct dataset_part *part = ARENA_NEW(a, 3, struct dataset_part);
    memcpy(label, d->label, d->n * sizeof *label);
    struct arena_mark m = arena_mark(a);
    uint32_t *order = ARENA_NEW(a, d->n, uint32_t);
    struct rng r = rng_open(seed, "corrupt");
    for (size_t i = 0; i < d->n; i++) order[i] = (uint32_t)i;
    rng_shuffle(&r, order, d->n);
    for (size_t i = 0; i < (size_t)(share * (double)d->n); i++) {
        const int32_t other = (int32_t)rng_below(&r, labels - 1);
        label[order[i]] = other + (other >= label[order[i]]);
        replaced[order[i]] = true;
    }
    arena_rewind(a, m);
    data->own_label = d->label;
    d->label = label;
    part[0] = part_of("clean", replaced, false, d->n, NULL, a);
    part[1] = part_of("corrupted", replaced, true, d->n, NULL, a);
    part[2] = part_of("restored", replaced, true, d->n, data->own_label, a);
    data->part = part;
    data->parts = 3;
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

int task_build(const struct task_kind *kind, const void *config, const struct task_common *c,
               const struct task_teacher *teacher, uint64_t seed, const struct task_split *given, struct arena *a,
               struct task_data *out, struct err *e)
{
    const char *list = kind->teacher ? kind->teacher(config) : NULL;
    struct task_shape shape;
    const bool augments = has_augment(c);
    if ((list || augments) && task_measure(kind, config, c, teacher, &shape, e)) return -1;
    if (kind->build(config, seed, given, a, out, e)) return -1;
    if (list) teach(out, teacher, list, &shape, seed, a);
    if (augments) out->augment = augment_of(c, &shape);
    if (c->corrupt > 0) corrupt(out, c->corrupt, seed, a);
    if (c->scale != TASK_SCALE_NONE) scale(out, (enum task_scale)c->scale, a);
    return 0;
}
