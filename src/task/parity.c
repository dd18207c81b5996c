#include "base/text.h"
#include "task/draw.h"

#include <stddef.h>

/* A name for a line of task draw. */

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

static struct draw_config line_of(const struct parity_config *c)
{
    struct draw_config d = { .where = "", .teacher = "", .classes = 1, .train = c->n_train, .test = c->n_test };
    MUST(text_print(d.x, sizeof d.x, "bits %lld", (long long)c->n));
    MUST(text_print(d.y, sizeof d.y, "product(x[0:%lld]) > 0", (long long)c->k));
    return d;
}

static int shape(const void *config, struct task_shape *out, struct err *e)
{
    const struct parity_config *c = config;
    if (c->k > c->n)
        return err_set(e, ERR_SPEC, "k is %lld, more than the %lld bits", (long long)c->k, (long long)c->n);
    const struct draw_config line = line_of(c);
    return draw_shape(&line, out, e);
}

static int build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                 struct task_data *out, struct err *e)
{
    const struct draw_config line = line_of(config);
    return draw_build(&line, seed, given, a, out, e);
}

const struct task_kind task_parity = {
    .kind = { .name = "parity",
              .summary = "sparse parity: n random bits -1 or 1, the label is the sign of the product of the first k; "
                         "task draw with x: bits n, y: product(x[0:k]) > 0, classes: 1",
              .source = "Merrill et al. (arXiv 2303.11873), section 3; Minegishi et al. (2310.19470), figure 2e",
              .fields = fields,
              .config_size = sizeof(struct parity_config) },
    .shape = shape,
    .build = build,
};
