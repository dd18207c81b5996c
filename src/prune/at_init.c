/* Pruning at initialisation: scores of theta_0 on the training set -> mask, at once or in rounds. */
#include "num/real.h"
#include "prune/control.h"
#include "prune/scores.h"

#include <math.h>

struct at_init {
    int64_t rounds;
    int schedule;
    double temperature; /* of grasp; the others have 1 */
};

enum schedule { SCHEDULE_LINEAR, SCHEDULE_EXPONENTIAL };
static const char *const schedule_names[] = { "linear", "exponential", NULL };

static struct plain_problem problem_of(const struct control_input *in, double temperature)
{
    return (struct plain_problem){ .plain = in->model->plain,
                                   .dual = in->model->dual,
                                   .config = in->model_config,
                                   .shape = in->shape,
                                   .layout = in->layout,
                                   .data = in->train,
                                   .outputs = model_outputs(in->model, in->model_config, in->shape),
                                   .loss = in->loss->kind,
                                   .temperature = temperature,
                                   .guard = in->guard };
}

/* The fraction removed after round r of n: kept is 1 - k r/n, or (1 - k)^(r/n). */
static double rate_after(const struct at_init *c, double k, int64_t round)
{
    double part = (double)round / (double)c->rounds;
    if (round == c->rounds) return k;
    return c->schedule == SCHEDULE_LINEAR ? k * part : 1 - pow(1 - k, part);
}

/* Each round scores the network that the one before has left; what is pruned stays pruned. */
static bool prune(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch,
                  score_weights *scores, double temperature)
{
    const struct at_init *c = in->config;
    const struct plain_problem problem = problem_of(in, temperature);
    size_t n = in->layout->n;
    double *weights = ARENA_NEW(scratch, n, double), *score = ARENA_NEW(scratch, n, double);
    for (int64_t round = 1; round <= c->rounds; round++) {
        struct arena_mark m = arena_mark(scratch);
        for (size_t i = 0; i < n; i++) weights[i] = mask[i] ? (double)theta[i] : 0;
        scores(score, &problem, weights, mask, scratch);
        for (size_t i = 0; i < n; i++) score[i] = mask[i] ? score[i] : (double)-INFINITY;
        const struct cut cut = { rate_after(c, in->k, round), in->scope, in->ties, in->seed };
        mask_cut_f64(mask, score, in->layout, &cut);
        arena_rewind(scratch, m);
    }
    mask_apply(theta, mask, n);
    return true;
}

static bool apply_snip(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    return prune(in, theta, mask, scratch, scores_snip, 1);
}

static bool apply_grasp(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    return prune(in, theta, mask, scratch, scores_grasp, ((const struct at_init *)in->config)->temperature);
}

static bool apply_synflow(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    return prune(in, theta, mask, scratch, scores_synflow, 1);
}

#define ROUNDS                                                                                                       \
    FIELD_NUMBER(at_init, rounds, INT, "1", "[1, 10000]", "1",                                                       \
                 "how often scores are made, each time of the network that is left; 1: all is pruned at once"),      \
        FIELD_CHOSEN(at_init, schedule, CHOICE, "exponential", schedule_names,                                       \
                     "the fraction kept after round r of n is 1 - k r/n, or (1 - k)^(r/n)")
static const struct field fields[] = { ROUNDS, FIELD_END };
static const struct field grasp_fields[] = {
    ROUNDS,
    FIELD_NUMBER(at_init, temperature, REAL, "200", "(0, 1e6]", "1", "the logits are divided by it before the loss"),
    FIELD_END,
};

const struct control_kind REAL_NAME(control_snip) = {
    .kind = { .name = "snip",
              .summary = "theta_0 * m, m = largest |w dL/dw| at theta_0 over the training set, scored in double",
              .source = "Lee et al., SNIP (arXiv 1810.02340); as in Minegishi et al. (arXiv 2310.19470)",
              .fields = fields,
              .config_size = sizeof(struct at_init) },
    .uses = USES_K | USES_SCOPE | USES_TIES,
    .apply = apply_snip,
};

const struct control_kind REAL_NAME(control_grasp) = {
    .kind = { .name = "grasp",
              .summary =
                  "theta_0 * m, m = largest w (H g), gradient g and an exact Hessian product at theta_0 over the "
                  "training set, scored in double",
              .source = "Wang et al., GraSP (arXiv 2002.07376); as in Minegishi et al. (arXiv 2310.19470)",
              .fields = grasp_fields,
              .config_size = sizeof(struct at_init) },
    .uses = USES_K | USES_SCOPE | USES_TIES,
    .apply = apply_grasp,
};

const struct control_kind REAL_NAME(control_synflow) = {
    .kind = { .name = "synflow",
              .summary = "theta_0 * m, m = largest |w| dR/d|w|, R = sum of the logits of the training set under |w|, "
                         "scored in double; rounds: 100 is its authors' way",
              .source = "Tanaka et al., SynFlow (arXiv 2006.05467); as in Minegishi et al. (arXiv 2310.19470)",
              .fields = fields,
              .config_size = sizeof(struct at_init) },
    .uses = USES_K | USES_SCOPE | USES_TIES,
    .apply = apply_synflow,
};
