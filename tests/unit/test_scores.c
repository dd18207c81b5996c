/* Pruning at initialisation: against the published code's scores and masks, and by its laws. */
#include "engine.h"
#include "sanitized.h"

#include "model/embed_mlp.h"
#include "num/blas.h"
#include "num/loss.h"
#include "num/mask.h"
#include "prune/control.h"
#include "prune/scores.h"

#include <unistd.h>

#define REFERENCE "../shared/reference/masks.h5" /* the golden data in full, where they are */

static const struct method {
    const char *name;
    score_weights *scores;
    double temperature;
    const struct control_kind *control;
} methods[] = { { "snip", scores_snip, 1, &control_snip },
                { "grasp", scores_grasp, 200, &control_grasp },
                { "synflow", scores_synflow, 1, &control_synflow } };

static const struct {
    const char *name;
    double k;
    enum scope scope;
} masks[] = { { "mask_global_keep0.40", 0.6, SCOPE_GLOBAL },
              { "mask_global_keep0.19", 0.81, SCOPE_GLOBAL },
              { "mask_local_keep0.40", 0.6, SCOPE_TENSOR },
              { "mask_local_keep0.19", 0.81, SCOPE_TENSOR } };

/* A network of the published codes with some weights, and everything that scores need. */
struct network {
    struct bench b;
    hid_t file, scores, reference; /* reference < 0: not there */
    const struct model_kind *model;
    double *theta, *score;
    uint8_t *ones, *mask;
    struct plain_problem problem;
};

static void network_open(struct network *g, const char *file, const struct model_kind *model, const char *settings,
                         const char *weights)
{
    struct arena *a = &g->b.arena;
    memset(g, 0, sizeof *g);
    g->model = model;
    g->file = H5Fopen(file, H5F_ACC_RDONLY, H5P_DEFAULT);
    g->scores = H5Fopen("tests/fixtures/scores.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    g->reference = access(REFERENCE, R_OK) ? -1 : H5Fopen(REFERENCE, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(g->file >= 0 && g->scores >= 0);
    bench_golden_model(&g->b, g->file, "expr=a+b p=67", model, settings);
    size_t n = g->b.layout.n;
    g->theta = golden_theta(g->file, weights, &g->b.layout, a);
    g->score = ARENA_NEW(a, n, double);
    g->mask = ARENA_NEW(a, n, uint8_t);
    g->ones = ARENA_NEW(a, n, uint8_t);
    memset(g->ones, 1, n);
    g->problem = (struct plain_problem){ .plain = model->plain,
                                         .dual = model->dual,
                                         .config = g->b.model_config,
                                         .layout = &g->b.layout,
                                         .data = &g->b.data.train,
                                         .outputs = 67,
                                         .loss = LOSS_CROSS_ENTROPY };
}

static void network_close(struct network *g)
{
    H5Fclose(g->file);
    H5Fclose(g->scores);
    if (g->reference >= 0) H5Fclose(g->reference);
    arena_release(&g->b.arena);
}

static void check_sums(const struct network *g, const char *group)
{
    char name[96];
    snprintf(name, sizeof name, "%s/checksum", group);
    size_t tensors = (size_t)g->b.layout.count;
    const double *want = golden(g->scores, name, H5T_NATIVE_DOUBLE, 5 * tensors, (struct arena *)&g->b.arena);
    for (size_t i = 0; i < tensors; i++, want += 5) {
        const struct tensor *t = &g->b.layout.tensor[i];
        double got[5] = { 0 };
        for (size_t j = 0; j < t->size; j++) sums_add(got, g->score[t->offset + j], j);
        sums_close_to(got, want, 1e-11, t->name);
    }
}

/* Stored with 16 significand bits. */
static void check_some_scores(struct network *g, const char *group)
{
    char name[96];
    size_t n = g->b.layout.n, some = (n - 1) / 101 + 1;
    snprintf(name, sizeof name, "%s/some_scores", group);
    const double *want = golden(g->scores, name, H5T_NATIVE_DOUBLE, some, &g->b.arena);
    for (size_t i = 0; i < some; i++) close_to(g->score[i * 101], want[i], 1e-5 * fabs(want[i]), name);
    if (g->reference < 0) return;
    snprintf(name, sizeof name, "%s/scores", group);
    want = golden_theta(g->reference, name, &g->b.layout, &g->b.arena);
    for (size_t i = 0; i < n; i++) close_to(g->score[i], want[i], 1e-5 * fabs(want[i]), name);
}

/* How many each tensor keeps, and the sum of their places in it; every bit where the reference is there. */
static void check_mask(struct network *g, const char *group, size_t which)
{
    char name[96];
    const struct layout *l = &g->b.layout;
    snprintf(name, sizeof name, "%s/%s", group, masks[which].name);
    mask_from_scores_f64(g->mask, g->score, l, masks[which].k, masks[which].scope);
    const int64_t *want = golden(g->scores, name, H5T_NATIVE_INT64, 2 * (size_t)l->count, &g->b.arena);
    for (int i = 0; i < l->count; i++) {
        int64_t got[2] = { 0 };
        for (size_t j = 0; j < l->tensor[i].size; j++)
            if (g->mask[l->tensor[i].offset + j]) got[0]++, got[1] += (int64_t)j;
        if (got[0] != want[2 * i] || got[1] != want[2 * i + 1])
            fail_msg("%s/%s: keeps %lld, wanted %lld", name, l->tensor[i].name, (long long)got[0],
                     (long long)want[2 * i]);
    }
    if (g->reference < 0) return;
    const double *bits = golden_theta(g->reference, name, l, &g->b.arena);
    for (size_t i = 0; i < l->n; i++)
        if (g->mask[i] != (bits[i] > 0)) fail_msg("%s differs at %zu", name, i);
}

static void check_network(const char *file, const struct model_kind *model, const char *settings, const char *weights,
                          const char *group)
{
    struct network g;
    network_open(&g, file, model, settings, weights);
    for (size_t m = 0; m < ARRAY_LEN(methods); m++) {
        char name[64];
        snprintf(name, sizeof name, "%s/%s", group, methods[m].name);
        g.problem.temperature = methods[m].temperature;
        methods[m].scores(g.score, &g.problem, g.theta, g.ones, &g.b.arena);
        check_some_scores(&g, name);
        check_sums(&g, name);
        for (size_t i = 0; i < ARRAY_LEN(masks); i++) check_mask(&g, name, i);
    }
    network_close(&g);
}

static void scores_and_masks_of_the_mlp_are_the_published_ones(void **state)
{
    (void)state;
    check_network("tests/fixtures/step_mlp.h5", &model_embed_mlp, "d_embed=500 d_hidden=48", "init", "mlp/init");
    if (SANITIZED) return;
    check_network("tests/fixtures/step_mlp.h5", &model_embed_mlp, "d_embed=500 d_hidden=48", "after_100",
                  "mlp/after_100");
}

static void scores_and_masks_of_the_transformer_are_the_published_ones(void **state)
{
    (void)state;
    check_network("tests/fixtures/step_transformer.h5", &model_transformer, "", "init", "transformer/init");
}

/* ---- laws ---- */

static double sum_of(const struct network *g, const struct tensor *t)
{
    double sum = 0;
    for (size_t j = 0; j < t->size; j++) sum += g->score[t->offset + j];
    return sum;
}

/* R is linear in each tensor of a ReLU network whose weights are not negative: sum of w dR/dw = R, layer by layer. */
static void synaptic_flow_is_conserved(void **state)
{
    (void)state;
    struct network g;
    network_open(&g, "tests/fixtures/step_mlp.h5", &model_embed_mlp, "d_embed=500 d_hidden=48", "init");
    size_t size = g.b.data.train.n * 67;
    double *logits = ARENA_NEW(&g.b.arena, size, double), R = 0;
    for (size_t i = 0; i < g.b.layout.n; i++) g.theta[i] = fabs(g.theta[i]);
    embed_mlp_plain(g.b.model_config, NULL, &g.b.layout, &g.b.data.train, g.theta, logits, NULL, NULL, NULL);
    for (size_t i = 0; i < size; i++) R += logits[i];
    scores_synflow(g.score, &g.problem, g.theta, g.ones, &g.b.arena);
    for (int i = 0; i < g.b.layout.count; i++) close_to(sum_of(&g, &g.b.layout.tensor[i]), R, 1e-12 * R, "R");
    network_close(&g);
}

/* Some weights that are never pruned, and one loss after another. */
struct small {
    struct bench b;
    const struct model_kind *model;
    struct loss loss;
    float *theta;
    uint8_t *mask;
    size_t kept;
};

static void small_open(struct small *s)
{
    memset(s, 0, sizeof *s);
    s->model = &model_transformer;
    bench_open_model(&s->b, "expr=a+b p=7", s->model, "d_model=6 d_mlp=18 heads=3 biases=true", 1, NULL);
    s->theta = ARENA_NEW(&s->b.arena, s->b.layout.n, float);
    s->mask = ARENA_NEW(&s->b.arena, s->b.layout.n, uint8_t);
}

static void small_prune(struct small *s, const struct method *m, const char *settings, double k, enum scope scope)
{
    size_t n = s->b.layout.n;
    const struct control_input in = { .config = config_of(&s->b.arena, &m->control->kind, settings),
                                      .layout = &s->b.layout,
                                      .k = k,
                                      .scope = scope,
                                      .model = s->model,
                                      .model_config = s->b.model_config,
                                      .shape = &s->b.shape,
                                      .train = &s->b.data.train,
                                      .loss = &s->loss };
    model_init(s->theta, &s->b.layout, 1);
    memset(s->mask, 1, n);
    assert_true(m->control->apply(&in, s->theta, s->mask, &s->b.arena));
    s->kept = 0;
    for (size_t i = 0; i < n; i++) s->kept += s->mask[i];
}

/* The same, one call a round: scores of what is left, -infinity for what is gone. */
static void prune_by_hand(struct small *s, const struct method *m, const double *rates, uint8_t *mask)
{
    size_t n = s->b.layout.n;
    double *theta = ARENA_NEW(&s->b.arena, n, double), *score = ARENA_NEW(&s->b.arena, n, double);
    const struct plain_problem problem = { .plain = s->model->plain,
                                           .dual = s->model->dual,
                                           .config = s->b.model_config,
                                           .layout = &s->b.layout,
                                           .data = &s->b.data.train,
                                           .outputs = 7,
                                           .loss = s->loss.kind,
                                           .temperature = m->temperature };
    model_init(s->theta, &s->b.layout, 1);
    memset(mask, 1, n);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < n; i++) theta[i] = mask[i] ? (double)s->theta[i] : 0;
        m->scores(score, &problem, theta, mask, &s->b.arena);
        for (size_t i = 0; i < n; i++) score[i] = mask[i] ? score[i] : (double)-INFINITY;
        mask_from_scores_f64(mask, score, &s->b.layout, rates[round], SCOPE_GLOBAL);
    }
}

static void rounds_score_what_is_left(void **state)
{
    (void)state;
    static const double linear[] = { 0.3, 0.6, 0.9 };
    const double exponential[] = { 1 - cbrt(0.1), 1 - cbrt(0.01), 0.9 };
    struct small s;
    small_open(&s);
    size_t n = s.b.layout.n, prunable = layout_prunable(&s.b.layout);
    uint8_t *want = ARENA_NEW(&s.b.arena, n, uint8_t);
    for (size_t m = 0; m < ARRAY_LEN(methods); m++) {
        small_prune(&s, &methods[m], "rounds=3 schedule=linear", 0.9, SCOPE_GLOBAL);
        prune_by_hand(&s, &methods[m], linear, want);
        assert_memory_equal(s.mask, want, n);
        small_prune(&s, &methods[m], "rounds=3 schedule=exponential", 0.9, SCOPE_GLOBAL);
        assert_memory_not_equal(s.mask, want, n);
        prune_by_hand(&s, &methods[m], exponential, want);
        assert_memory_equal(s.mask, want, n);
        small_prune(&s, &methods[m], "", 0.9, SCOPE_GLOBAL);
        assert_memory_not_equal(s.mask, want, n);
        assert_int_equal(s.kept, n - (size_t)(0.9 * (double)prunable));
    }
    arena_release(&s.b.arena);
}

static void scope_and_loss_are_heeded(void **state)
{
    (void)state;
    struct small s;
    small_open(&s);
    size_t n = s.b.layout.n;
    uint8_t *global = ARENA_NEW(&s.b.arena, n, uint8_t);
    for (size_t m = 0; m < ARRAY_LEN(methods); m++) {
        s.loss.kind = LOSS_CROSS_ENTROPY;
        small_prune(&s, &methods[m], "", 0.5, SCOPE_GLOBAL);
        memcpy(global, s.mask, n);
        small_prune(&s, &methods[m], "", 0.5, SCOPE_TENSOR);
        for (int i = 0; i < s.b.layout.count; i++) {
            const struct tensor *t = &s.b.layout.tensor[i];
            size_t kept = 0;
            for (size_t j = t->offset; j < t->offset + t->size; j++) {
                kept += s.mask[j];
                assert_true(s.mask[j] || s.theta[j] == 0);
            }
            assert_int_equal(kept, t->prunable ? t->size - t->size / 2 : t->size);
        }
        s.loss.kind = LOSS_MSE;
        small_prune(&s, &methods[m], "", 0.5, SCOPE_GLOBAL);
        assert_true(!memcmp(s.mask, global, n) == (methods[m].scores == scores_synflow)); /* it asks no labels */
    }
    arena_release(&s.b.arena);
}

int main(void)
{
    blas_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_and_masks_of_the_mlp_are_the_published_ones),
        cmocka_unit_test(scores_and_masks_of_the_transformer_are_the_published_ones),
        cmocka_unit_test(synaptic_flow_is_conserved),
        cmocka_unit_test(rounds_score_what_is_left),
        cmocka_unit_test(scope_and_loss_are_heeded),
    };
    return cmocka_run_group_tests_name("scores", tests, NULL, NULL);
}
