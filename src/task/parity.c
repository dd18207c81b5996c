#include "base/rng.h"
#include "task/task.h"

#include <stddef.h>

struct parity_config {
    int64_t n, k, n_train, n_test;
};

static const struct field fields[] = {
    FIELD_NUMBER(parity_config, n, INT, "40", "[1, 10000]", "1", "bits of an example, each -1 or 1"),
    FIELD_NUMBER(parity_config, k, INT, "3", "[1, 10000]", "1", "the product of the first k bits is the label"),
    FIELD_NUMBER(parity_config, n_train, INT, "1000", "[1, 1e8]", "example",
                 "training examples, drawn independently"),
    FIELD_NUMBER(parity_config, n_test, INT, "100", "[1, 1e8]", "example", "test examples, drawn independently"),
    FIELD_END,
};

static int shape(const void *config, struct task_shape *out, struct err *e)
{
    const struct parity_config *c = config;
    if (c->k > c->n)
        return err_set(e, ERR_SPEC, "k is %lld, more than the %lld bits", (long long)c->k, (long long)c->n);
    *out = (struct task_shape){
        .n_train = (size_t)c->n_train, .n_test = (size_t)c->n_test, .width = (size_t)c->n, .classes = 1
    };
    return 0;
}

/* Label 1 stands for the product 1, label 0 for -1. */
static struct dataset with_labels(const struct parity_config *c, const double *x, size_t n, struct arena *a)
{
    const size_t width = (size_t)c->n;
    int32_t *label = ARENA_NEW(a, n, int32_t);
    for (size_t i = 0; i < n; i++) {
        double product = 1;
        for (size_t j = 0; j < (size_t)c->k; j++) product *= x[i * width + j];
        label[i] = product > 0;
    }
    return (struct dataset){ .n = n, .width = width, .x = x, .label = label };
}

static struct dataset draw(const struct parity_config *c, uint64_t seed, const char *stream, size_t n,
                           struct arena *a)
{
    double *x = ARENA_NEW(a, n * (size_t)c->n, double);
    struct rng r = rng_open(seed, stream);
    for (size_t i = 0; i < n * (size_t)c->n; i++) x[i] = rng_below(&r, 2) ? 1 : -1;
    return with_labels(c, x, n, a);
}

static int take(const struct parity_config *c, const int32_t *bit, size_t n, struct arena *a, struct dataset *out,
                struct err *e)
{
    double *x = ARENA_NEW(a, n * (size_t)c->n, double);
    for (size_t i = 0; i < n * (size_t)c->n; i++) {
        if (bit[i] != 1 && bit[i] != -1)
            return err_set(e, ERR_SPEC, "the given split holds %d; bits are -1 or 1", (int)bit[i]);
        x[i] = bit[i];
    }
    *out = with_labels(c, x, n, a);
    return 0;
}

static int build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                 struct task_data *out, struct err *e)
{
    const struct parity_config *c = config;
    *out = (struct task_data){ .classes = 1 };
    if (!given || !given->train) {
        out->train = draw(c, seed, "split/train", (size_t)c->n_train, a);
        out->test = draw(c, seed, "split/test", (size_t)c->n_test, a);
        return 0;
    }
    if (given->width != (size_t)c->n)
        return err_set(e, ERR_SPEC, "the given split has %zu columns; examples have %lld bits", given->width,
                       (long long)c->n);
    return take(c, given->train, given->n_train, a, &out->train, e) ||
                   take(c, given->test, given->n_test, a, &out->test, e)
               ? -1
               : 0;
}

const struct task_kind task_parity = {
    .kind = { .name = "parity",
              .summary = "sparse parity: n random bits -1 or 1, the label is the sign of the product of the first k",
              .source = "Merrill et al. (arXiv 2303.11873), section 3; Minegishi et al. (2310.19470), figure 2e",
              .fields = fields,
              .config_size = sizeof(struct parity_config) },
    .shape = shape,
    .build = build,
};
