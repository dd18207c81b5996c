#include "num/real.h"
#include "prune/control.h"
#include "prune/magnitude.h"

#include <math.h>

enum norm_of { NORM_OF_VECTOR, NORM_OF_TENSORS };
static const char *const norm_of_names[] = { "vector", "tensors", NULL };

struct norm_match_config {
    int norm_of;
};

static const struct field fields[] = {
    FIELD_CHOSEN(norm_match_config, norm_of, CHOICE, "vector", norm_of_names,
                 "vector: the norm of all weights as one vector (the paper's formula); tensors: the mean of the "
                 "norms of the tensors (the published code), another number for l2"),
    FIELD_END,
};

struct norms {
    double kept, all; /* of theta m and of theta; of squares, before the root is taken */
};

static void add_tensor(struct norms *sum, const real *theta, const uint8_t *mask, const struct tensor *t,
                       bool squares)
{
    for (size_t i = t->offset; i < t->offset + t->size && !t->state; i++) {
        double size = squares ? (double)theta[i] * (double)theta[i] : fabs((double)theta[i]);
        sum->all += size;
        sum->kept += mask[i] ? size : 0;
    }
}

static double ratio_of_vector(const struct layout *l, const real *theta, const uint8_t *mask, bool squares)
{
    struct norms sum = { 0 };
    for (int i = 0; i < l->count; i++) add_tensor(&sum, theta, mask, &l->tensor[i], squares);
    if (!(sum.all > 0)) return 1;
    return squares ? sqrt(sum.kept / sum.all) : sum.kept / sum.all;
}

static double ratio_of_tensors(const struct layout *l, const real *theta, const uint8_t *mask, bool squares)
{
    struct norms total = { 0 };
    for (int i = 0; i < l->count; i++) {
        struct norms sum = { 0 };
        add_tensor(&sum, theta, mask, &l->tensor[i], squares);
        total.kept += squares ? sqrt(sum.kept) : sum.kept;
        total.all += squares ? sqrt(sum.all) : sum.all;
    }
    return total.all > 0 ? total.kept / total.all : 1;
}

/* r_p = ||theta_0 m||_p / ||theta_0||_p; theta_0 r_p has the norm of the ticket. */
static bool scale(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch, bool squares)
{
    const struct norm_match_config *c = in->config;
    magnitude_mask(in, mask, scratch);
    double r = (c->norm_of == NORM_OF_VECTOR ? ratio_of_vector : ratio_of_tensors)(in->layout, theta, mask, squares);
    for (int k = 0; k < in->layout->count; k++) {
        const struct tensor *t = &in->layout->tensor[k];
        for (size_t i = t->offset; i < t->offset + t->size && !t->state; i++) theta[i] = (real)((double)theta[i] * r);
    }
    return false;
}

static bool apply_l1(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    return scale(in, theta, mask, scratch, false);
}

static bool apply_l2(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    return scale(in, theta, mask, scratch, true);
}

const struct control_kind REAL_NAME(control_l1) = {
    .kind = { .name = "l1",
              .summary =
                  "dense theta_0 * r_1, r_1 = |theta_0 m|_1 / |theta_0|_1: the L1 norm of the ticket, no mask held",
              .source = "Minegishi et al. (arXiv 2310.19470), controlled dense networks",
              .fields = fields,
              .config_size = sizeof(struct norm_match_config) },
    .uses = USES_PARENT | USES_K | USES_SCOPE | USES_TIES | USES_ROUNDS | USES_REWIND,
    .apply = apply_l1,
};

const struct control_kind REAL_NAME(control_l2) = {
    .kind = { .name = "l2",
              .summary =
                  "dense theta_0 * r_2, r_2 = |theta_0 m|_2 / |theta_0|_2: the L2 norm of the ticket, no mask held",
              .source = "Minegishi et al. (arXiv 2310.19470), controlled dense networks",
              .fields = fields,
              .config_size = sizeof(struct norm_match_config) },
    .uses = USES_PARENT | USES_K | USES_SCOPE | USES_TIES | USES_ROUNDS | USES_REWIND,
    .apply = apply_l2,
};
