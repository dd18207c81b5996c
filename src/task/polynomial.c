#include "base/rng.h"
#include "task/task.h"

#include <math.h>
#include <stddef.h>

struct polynomial_config {
    int64_t d, degree, n_train, n_test;
    int inputs;
};

enum inputs { GAUSSIAN, SPHERE };
static const char *const inputs_names[] = { [GAUSSIAN] = "gaussian", [SPHERE] = "sphere", NULL };

static const struct field fields[] = {
    FIELD_NUMBER(polynomial_config, d, INT, "100", "[1, 100000]", "1", "numbers of an example"),
    FIELD_NUMBER(polynomial_config, degree, INT, "2", "[1, 10]", "1",
                 "q of the target y = (beta.x)^q / q!, beta drawn uniformly from the sphere of radius sqrt(d)"),
    FIELD_CHOSEN(polynomial_config, inputs, CHOICE, "gaussian", inputs_names,
                 "gaussian: each number of variance 1 / d; sphere: uniform on the unit sphere"),
    FIELD_NUMBER(polynomial_config, n_train, INT, "450", "[1, 1e8]", "example", "training examples"),
    FIELD_NUMBER(polynomial_config, n_test, INT, "1000", "[1, 1e8]", "example", "test examples"),
    FIELD_END,
};

static bool always(const void *config)
{
    (void)config;
    return true;
}

static int shape(const void *config, struct task_shape *out, struct err *e)
{
    const struct polynomial_config *c = config;
    (void)e;
    *out = (struct task_shape){
        .n_train = (size_t)c->n_train, .n_test = (size_t)c->n_test, .width = (size_t)c->d, .classes = 1
    };
    return 0;
}

/* x is a point of the sphere of that radius, uniformly. */
static void draw_point(struct rng *r, double *x, size_t d, double radius)
{
    double squares = 0;
    for (size_t i = 0; i < d; i++) {
        x[i] = rng_normal(r);
        squares += x[i] * x[i];
    }
    for (size_t i = 0; i < d; i++) x[i] *= radius / sqrt(squares);
}

static double target(const struct polynomial_config *c, const double *beta, const double *x)
{
    double dot = 0, y = 1;
    for (size_t i = 0; i < (size_t)c->d; i++) dot += beta[i] * x[i];
    for (int64_t q = 1; q <= c->degree; q++) y *= dot / (double)q;
    return y;
}

static struct dataset draw(const struct polynomial_config *c, const double *beta, uint64_t seed, const char *stream,
                           size_t n, struct arena *a)
{
    const size_t d = (size_t)c->d;
    double *x = ARENA_NEW(a, n * d, double), *y = ARENA_NEW(a, n, double);
    struct rng r = rng_open(seed, stream);
    for (size_t i = 0; i < n; i++) {
        double *example = x + i * d;
        if (c->inputs == SPHERE)
            draw_point(&r, example, d, 1);
        else
            for (size_t j = 0; j < d; j++) example[j] = rng_normal(&r) / sqrt((double)d);
        y[i] = target(c, beta, example);
    }
    return (struct dataset){ .n = n, .width = d, .x = x, .target = y };
}

static int build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                 struct task_data *out, struct err *e)
{
    const struct polynomial_config *c = config;
    if (given && given->train) return err_set(e, ERR_SPEC, "task polynomial takes no split");
    double *beta = ARENA_NEW(a, (size_t)c->d, double);
    struct rng r = rng_open(seed, "labels");
    draw_point(&r, beta, (size_t)c->d, sqrt((double)c->d));
    *out = (struct task_data){ .classes = 1 };
    out->train = draw(c, beta, seed, "split/train", (size_t)c->n_train, a);
    out->test = draw(c, beta, seed, "split/test", (size_t)c->n_test, a);
    return 0;
}

const struct task_kind task_polynomial = {
    .kind = { .name = "polynomial",
              .summary = "regression on a polynomial of one direction beta of the inputs",
              .source = "Kumar et al. (arXiv 2310.06110), section 4; Minegishi et al. (2310.19470), figure 2d",
              .fields = fields,
              .config_size = sizeof(struct polynomial_config) },
    .regression = always,
    .shape = shape,
    .build = build,
};
