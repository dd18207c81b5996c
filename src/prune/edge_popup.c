#include "prune/edge_popup.h"
#include "base/rng.h"
#include "base/text.h"
#include "num/real.h"
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#if TOMBOLA_REAL == 32
#define NAME(name) #name,
const char *const edge_popup_optimizers[] = { OPTIMIZERS(NAME) NULL };
#endif
static const char *const weights_names[] = { "frozen", "trained", NULL };
static const char *const scores_names[] = { "magnitude", "kaiming", "random", NULL };
static const char *const gradient_names[] = { "plain", "through_abs", NULL };

static const struct field fields[] = {
    FIELD_CHOSEN(edge_popup_config, weights, CHOICE, "frozen", weights_names,
                 "frozen: only the scores are trained; trained: the weights too, as `training:` says; those outside "
                 "the mask get no gradient, but decay"),
    FIELD_CHOSEN(edge_popup_config, scores, CHOICE, "magnitude", scores_names,
                 "to begin with: |theta_t|; kaiming: uniform in +-1/sqrt(fan-in), fan-in = size / first dimension; "
                 "random: standard normal; both from the streams scores/TENSOR"),
    FIELD_CHOSEN(
        edge_popup_config, gradient, CHOICE, "through_abs", gradient_names,
        "by a score: plain: d(loss)/d(theta m) * theta; through_abs: that times sign(score), as autograd has it"),
    FIELD_CHOSEN(edge_popup_config, score_optimizer, CHOICE, "sgd", edge_popup_optimizers,
                 "of the scores; keys that are not given here: its defaults"),
    FIELD_NUMBER(edge_popup_config, score_lr, REAL, "0.1", "[0, 10]", "1/step", "learning rate of the scores"),
    FIELD_NUMBER(edge_popup_config, score_momentum, REAL, "0", "[0, 1)", "1", "of sgd"),
    FIELD_NUMBER(edge_popup_config, score_weight_decay, REAL, "0", "[0, 1000]", "1",
                 "of the scores, as their optimiser has it"),
    FIELD_END,
};

static bool apply(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    (void)mask, (void)scratch;
    memcpy(theta, in->theta_t, in->layout->n * sizeof *theta);
    return false;
}

static void draw(real *score, const struct tensor *t, uint64_t seed, bool kaiming)
{
    char stream[LAYOUT_NAME + 8];
    MUST(text_print(stream, sizeof stream, "scores/%s", t->name));
    struct rng r = rng_open(seed, stream);
    const double bound = 1 / sqrt((double)t->size / (double)t->dim[0]);
    for (size_t j = 0; j < t->size; j++)
        score[j] = (real)(float)(kaiming ? (2 * rng_uniform(&r) - 1) * bound : rng_normal(&r));
}

static void scores(const struct control_input *in, real *score)
{
    const struct edge_popup_config *c = in->config;
    const struct layout *l = in->layout;
    for (int i = 0; i < l->count; i++) {
        const struct tensor *t = &l->tensor[i];
        const real *w = in->theta_t + t->offset;
        real *s = score + t->offset;
        if (c->scores != EDGE_POPUP_MAGNITUDE)
            draw(s, t, in->seed, c->scores == EDGE_POPUP_KAIMING);
        else
            for (size_t j = 0; j < t->size; j++) s[j] = w[j] < 0 ? -w[j] : w[j];
    }
}

const struct control_kind REAL_NAME(control_edge_popup) = {
    .kind = { .name = "edge_popup",
              .summary =
                  "theta_t * m, m the largest |scores| of each tensor; the scores are trained, straight through m",
              .source = "Ramanujan et al. (arXiv 1911.13299); Minegishi et al. (arXiv 2310.19470), table 1",
              .fields = fields,
              .config_size = sizeof(struct edge_popup_config) },
    .uses = USES_PARENT | USES_PART | USES_K | USES_SCORES,
    .apply = apply,
    .scores = scores,
};
