/* Networks that give (a, b) what they give (b, a), whatever their weights, on data that have both of some pair: then
 * no weights give them two labels, and where they have one label a test pair's mirror image may be among the training
 * pairs.  Of examples with two places whose symbols differ. */
#include "base/arena.h"
#include "base/rng.h"
#include "base/text.h"
#include "job/data.h"
#include "job/planner.h"
#include "job/registry.h"
#include "net/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The two places of an example where a and b stand: the others show one symbol each. */
struct places {
    size_t a, b;
};

static bool find_places(const struct task_shape *shape, struct places *out)
{
    size_t found[2], count = 0;
    for (size_t i = 0; i < shape->width && count <= 2; i++) {
        if (i < 64 && shape->fixed >> i & 1) continue;
        if (count < 2) found[count] = i;
        count++;
    }
    if (count != 2 || !shape->vocabulary) return false;
    *out = (struct places){ found[0], found[1] };
    return true;
}

/* ---- the network ---- */

enum { TRIALS = 8, WEIGHTS = 1 << 24 }; /* of a larger one it is not asked: that would take its memory */

/* None of them 0. */
static double *draw_weights(const struct layout *l, struct arena *a)
{
    double *theta = ARENA_NEW(a, l->n, double);
    struct rng r = rng_open(0, "mirrors");
    for (int i = 0; i < l->count; i++) {
        const struct tensor *t = &l->tensor[i];
        const double std = t->init_std > 0 ? t->init_std : 0.1;
        for (size_t k = t->offset; k < t->offset + t->size; k++) theta[k] = t->init_mean + std * rng_normal(&r);
    }
    return theta;
}

static void draw_example(const struct task_shape *shape, struct places at, struct rng *r, int32_t *token,
                         int32_t *mirror)
{
    for (size_t i = 0; i < shape->width; i++) token[i] = (int32_t)rng_below(r, (uint64_t)shape->vocabulary);
    memcpy(mirror, token, shape->width * sizeof *token);
    mirror[at.a] = token[at.b];
    mirror[at.b] = token[at.a];
}

/* By drawn weights: functions that differ do so almost everywhere.  Of networks of few layers. */
static bool gives_the_same(const struct job_spec *s, const struct job_data *data, const double *theta,
                           const int32_t *token, const int32_t *mirror, struct arena *a)
{
    const struct model_kind *model = registry_model(s->model->name);
    const size_t outputs = model_outputs(model, s->model_config, &data->shape), width = data->shape.width;
    double *one = ARENA_NEW(a, outputs, double), *other = ARENA_NEW(a, outputs, double);
    const struct dataset d = { .n = 1, .width = width, .token = token },
                         m = { .n = 1, .width = width, .token = mirror };
    model->plain(s->model_config, &data->shape, &data->layout, &d, theta, one, NULL, NULL, NULL);
    model->plain(s->model_config, &data->shape, &data->layout, &m, theta, other, NULL, NULL, NULL);
    bool same = true;
    for (size_t o = 0; o < outputs; o++) same &= fabs(one[o] - other[o]) <= 1e-9 * (fabs(one[o]) + fabs(other[o]));
    return same;
}

/* Does it give an example what it gives to its mirror image?  Most networks fail the first.  Lists may be of any
 * depth, and are followed exactly. */
static bool is_blind(const struct job_spec *s, const struct job_data *data, struct places at, struct arena *a)
{
    const bool list = registry_model(s->model->name)->expand != NULL;
    if (!list && data->layout.n > WEIGHTS) return false;
    const double *theta = list ? NULL : draw_weights(&data->layout, a);
    int32_t *token = ARENA_NEW(a, 2 * data->shape.width, int32_t), *mirror = token + data->shape.width;
    struct rng r = rng_open(1, "mirrors");
    bool same = true;
    for (int trial = 0; trial < TRIALS && same; trial++) {
        draw_example(&data->shape, at, &r, token, mirror);
        same = list ? net_blind(s->model_config, &data->shape, token, mirror)
                    : gives_the_same(s, data, theta, token, mirror, a);
    }
    return same;
}

/* ---- the data ---- */

struct pair {
    int32_t low, high, label;
    bool turned;
};

static int by_pair(const void *x, const void *y)
{
    const struct pair *a = x, *b = y;
    if (a->low != b->low) return (a->low > b->low) - (a->low < b->low);
    if (a->high != b->high) return (a->high > b->high) - (a->high < b->high);
    return a->turned - b->turned;
}

static void list_pairs(const struct dataset *d, struct places at, struct pair *out)
{
    for (size_t i = 0; i < d->n; i++) {
        const int32_t a = d->token[d->width * i + at.a], b = d->token[d->width * i + at.b];
        out[i] = (struct pair){ a < b ? a : b, a < b ? b : a, d->label ? d->label[i] : 0, a > b };
    }
}

/* Pairs that are there both ways, and of them those with two labels. */
static size_t count_mirrors(const struct task_data *set, struct places at, size_t *contradict, struct arena *a)
{
    const size_t n_train = set->train.n, n = n_train + set->test.n;
    struct pair *pair = ARENA_NEW(a, n + 1, struct pair);
    size_t both = 0;
    list_pairs(&set->train, at, pair);
    list_pairs(&set->test, at, pair + n_train);
    qsort(pair, n, sizeof *pair, by_pair);
    for (size_t i = 1; i < n; i++) {
        const struct pair *one = &pair[i - 1], *other = &pair[i];
        if (one->low != other->low || one->high != other->high || one->turned == other->turned) continue;
        both++;
        *contradict += one->label != other->label;
    }
    return both;
}

/* What cannot be built is somebody else's error. */
static size_t find_mirrors(const struct job_spec *s, struct places at, size_t *contradict)
{
    struct arena a = { 0 };
    struct job_data *data = ARENA_NEW(&a, 1, struct job_data);
    struct task_split split;
    struct err ignored = { 0 };
    size_t both = 0;
    if (!job_data_shape(data, s, NULL, &split, &a, &ignored) && is_blind(s, data, at, &a) &&
        !job_data_build(data, s, NULL, &a, &ignored) && data->set.train.token)
        both = count_mirrors(&data->set, at, contradict, &a);
    arena_release(&a);
    return both;
}

/* Builds the data only where the network does not tell them apart. */
static int check(const struct job_spec *s, const struct task_shape *shape, struct err *e)
{
    struct places at;
    size_t contradict = 0;
    const size_t both = find_places(shape, &at) ? find_mirrors(s, at, &contradict) : 0;
    if (!both) return 0;
    char labels[64];
    if (contradict)
        text_brief(labels, sizeof labels, "with other labels for %zu of them", contradict);
    else
        text_brief(labels, sizeof labels, "so that training shows the mirror images of test pairs");
    return err_set(
        e, ERR_SPEC,
        "%s adds up what it is shown, so that (a, b) is (b, a) to it, and the data have both of %zu pairs, %s; "
        "pairs: unordered has each once, dense_mlp, transformer (with `equals`: `positional: true`, too) and a list "
        "with `positions` or `flatten` know the order, and the grid's key `mirrors: accept` trains it all the same",
        s->model->name, both, labels);
}

/* One that has the sections of another is not looked at again. */
static bool is_mirrored(struct planner *p, const struct sweep_point *point, const struct network *n)
{
    struct err e = { 0 };
    if (!check(&n->spec, &p->plan->shape[n->shape].task, &e)) return false;
    planner_report(p, point->part[n->model].at, NULL, &e);
    return true;
}

bool planner_mirrored(struct planner *p, const struct sweep_point *point)
{
    static const size_t of[] = { SECTION_TASK, SECTION_MODEL, SECTION_PARENT_TASK, SECTION_PARENT_MODEL,
                                 SECTION_SPLIT };
    bool same = p->looked;
    for (size_t i = 0; i < ARRAY_LEN(of); i++) same = same && p->seen[of[i]] == point->part[of[i]].serial;
    if (same) return p->mirrored;
    for (size_t i = 0; i < ARRAY_LEN(of); i++) p->seen[of[i]] = point->part[of[i]].serial;
    p->looked = true;
    p->mirrored = is_mirrored(p, point, &p->own);
    if (p->dense.task != SECTION_TASK || p->dense.model != SECTION_MODEL)
        p->mirrored |= is_mirrored(p, point, &p->dense);
    return p->mirrored;
}
