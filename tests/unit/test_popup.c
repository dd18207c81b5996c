#include "engine.h"

#include "base/hash.h"
#include "job/registry.h"
#include "job/trainer.h"
#include "num/blas.h"
#include "num/real.h"
#include "prune/edge_popup.h"
#include "train/popup.h"

#include <unistd.h>

/* ---- the published code's own ten steps ---- */

static const char reference[] = "../shared/reference/edge_popup.h5"; /* also has the scores one by one */

struct golden_popup {
    struct bench b;
    hid_t weights, file, full; /* full: < 0 if it is not there */
    struct trainer t;
    struct popup popup;
    struct train_metrics metrics[11];
    const char *rule;
    size_t n;
};

static void check_sums(struct golden_popup *g, const real *vector, const char *what)
{
    char group[64];
    snprintf(group, sizeof group, "%s/%s", g->rule, what);
    golden_sums(g->file, group, &g->b.layout, vector, IS_DOUBLE ? 1e-9 : 1e-4, &g->b.arena);
}

/* A score that rounding puts on the other side of the threshold takes another one's place. */
static void check_mask(struct golden_popup *g, int64_t step)
{
    char name[96];
    snprintf(name, sizeof name, "%s/mask_step%d", g->rule, (int)step);
    if (H5Lexists(g->file, name, H5P_DEFAULT) <= 0) return;
    const uint8_t *want = golden_mask(g->file, name, g->n, &g->b.arena);
    size_t differ = 0;
    for (size_t i = 0; i < g->n; i++) differ += g->popup.mask[i] != want[i];
    if (differ > (IS_DOUBLE ? 0 : 4)) fail_msg("%s: %zu differ", name, differ);
}

static void check_scores(struct golden_popup *g, int64_t step)
{
    char group[48];
    snprintf(group, sizeof group, "checksum_scores_step%d", (int)step);
    check_sums(g, g->t.state.scores, group);
    if (g->full < 0 || strcmp(g->rule, "plain")) return;
    snprintf(group, sizeof group, "%s/scores_step%d", g->rule, (int)step);
    const double *want = golden_theta(g->full, group, &g->b.layout, &g->b.arena);
    for (size_t i = 0; i < g->n; i++)
        close_to((double)g->t.state.scores[i], want[i], 1e-5 * fabs(want[i]) + (IS_DOUBLE ? 0 : 1e-6), group);
}

static int on_evaluated(void *ctx, const struct train_state *s, const struct train_metrics *m, struct err *e)
{
    (void)e;
    struct golden_popup *g = ctx;
    g->metrics[s->epoch] = *m;
    check_mask(g, s->epoch);
    if (s->epoch == 1) check_sums(g, g->popup.gradient, "checksum_grad_step0");
    if (s->epoch == 1 || s->epoch == 10) check_scores(g, s->epoch);
    return 0;
}

static void check_curves(struct golden_popup *g)
{
    const char *const names[] = { "train_loss", "test_loss", "train_acc", "test_acc" };
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        char name[96];
        snprintf(name, sizeof name, "%s/%s", g->rule, names[k]);
        const double *want = golden(g->file, name, H5T_NATIVE_DOUBLE, 11, &g->b.arena);
        for (size_t i = 0; i <= 10; i++) {
            const struct train_metrics *m = &g->metrics[i];
            const double got[] = { m->train.loss, m->test.loss, m->train.accuracy, m->test.accuracy };
            close_to(got[k], want[i], (IS_DOUBLE ? 1e-9 : 1e-3) * (k < 2 ? want[i] : 1), name);
        }
    }
}

static void check_rule(const char *rule, bool through_abs, bool is_signed)
{
    static struct golden_popup g;
    struct arena *a = &g.b.arena;
    struct err e = { 0 };
    g = (struct golden_popup){ .rule = rule, .full = -1 };
    g.weights = H5Fopen("tests/fixtures/step_mlp.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    g.file = H5Fopen("tests/fixtures/edge_popup.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    if (!access(reference, R_OK)) g.full = H5Fopen(reference, H5F_ACC_RDONLY, H5P_DEFAULT);
    bench_golden(&g.b, g.weights);
    g.n = g.b.layout.n;
    const double *theta = golden_theta(g.weights, "after_100", &g.b.layout, a);
    const double *scores = golden_theta(g.file, "scores_init", &g.b.layout, a);
    const uint8_t *negative = golden_mask(g.file, "negative", g.n, a);
    g.popup = (struct popup){ .k = 0.6,
                              .through_abs = through_abs,
                              .optimizer = &optimizer_sgd,
                              .optimizer_config = config_of(a, &optimizer_sgd.kind, "lr=0.1") };
    g.t = (struct trainer){ .model = &model_embed_mlp,
                            .model_config = g.b.model_config,
                            .layout = &g.b.layout,
                            .shape = &g.b.shape,
                            .data = &g.b.data,
                            .popup = &g.popup,
                            .length = 10,
                            .record = { { { 1, 1 } } } };
    train_open(&g.t, a);
    for (size_t i = 0; i < g.n; i++) {
        g.t.state.theta[i] = (real)theta[i];
        g.t.state.scores[i] = (real)(is_signed && negative[i] ? -scores[i] : scores[i]);
    }
    const struct train_hooks hooks = { .ctx = &g, .evaluated = on_evaluated };
    if (train_run(&g.t, &hooks, &e)) fail_msg("%s", e.text);
    check_curves(&g);
    for (size_t i = 0; i < g.n; i++) assert_true(g.t.state.theta[i] == (real)theta[i]);
    H5Fclose(g.weights);
    H5Fclose(g.file);
    if (g.full >= 0) H5Fclose(g.full);
    arena_release(a);
}

static void ten_steps_are_the_published_codes(void **state)
{
    (void)state;
    check_rule("plain", false, false);
    check_rule("through_abs", true, false);
    check_rule("plain_signed", false, true);
    check_rule("through_abs_signed", true, true);
}

/* ---- laws ---- */

struct small {
    struct bench b;
    struct popup popup;
    struct trainer t;
};

/* weights: the settings of their AdamW; NULL: frozen. */
static void small_open(struct small *s, const char *weights, int64_t batch)
{
    struct arena *a = &s->b.arena;
    if (!s->b.layout.n) bench_open(&s->b, "expr=a+b p=11", "d_embed=9 d_hidden=8 activation=gelu", 0, NULL);
    s->popup = (struct popup){ .k = 0.5,
                               .through_abs = true,
                               .optimizer = &optimizer_sgd,
                               .optimizer_config = config_of(a, &optimizer_sgd.kind, "lr=0.5 momentum=0.9") };
    s->t = (struct trainer){ .model = &model_embed_mlp,
                             .model_config = s->b.model_config,
                             .layout = &s->b.layout,
                             .shape = &s->b.shape,
                             .data = &s->b.data,
                             .optimizer = weights ? &optimizer_adamw : NULL,
                             .optimizer_config = weights ? config_of(a, &optimizer_adamw.kind, weights) : NULL,
                             .popup = &s->popup,
                             .length = 40,
                             .batch = batch,
                             .seed = 4,
                             .record = { { { 10, 1 } } } };
    train_open(&s->t, a);
    model_init(s->t.state.theta, &s->b.layout, 4);
    model_init(s->t.state.scores, &s->b.layout, 5);
}

static double training_loss(struct small *s, const real *network)
{
    const struct dataset *d = &s->b.data.train;
    s->t.model->prepare(s->t.net, network);
    s->t.model->forward(s->t.net, d, s->t.logits);
    return softmax_cross_entropy(s->t.logits, d->label, d->n, s->t.outputs).loss;
}

/* Were m a number that could be moved, the loss of theta (m + h) would have the slope d(loss)/d(theta m) * theta. */
static void the_gradient_goes_straight_through_the_mask(void **state)
{
    (void)state;
    static struct small s;
    const struct train_hooks none = { .ctx = NULL };
    struct err e = { 0 };
    small_open(&s, NULL, 0);
    size_t n = s.b.layout.n;
    real *scores = ARENA_NEW(&s.b.arena, n, real), *moved = ARENA_NEW(&s.b.arena, n, real);
    memcpy(scores, s.t.state.scores, n * sizeof *scores);
    s.t.length = 1;
    assert_int_equal(train_run(&s.t, &none, &e), 0);
    popup_network(&s.popup, &s.b.layout, s.t.state.theta, scores); /* as it was when the gradient was taken */
    const double h = IS_DOUBLE ? 1e-6 : 1e-2;
    for (size_t i = 0; i < n; i += 7) {
        double loss[2], w = (double)s.t.state.theta[i], sign = scores[i] > 0 ? 1 : -1;
        for (int side = 0; side < 2; side++) {
            memcpy(moved, s.popup.network, n * sizeof *moved);
            moved[i] = (real)(w * (s.popup.mask[i] + (side ? -h : h)));
            loss[side] = training_loss(&s, moved);
        }
        close_to((double)s.popup.gradient[i], sign * (loss[0] - loss[1]) / (2 * h), IS_DOUBLE ? 1e-8 : 1e-3, "slope");
    }
    arena_release(&s.b.arena);
    s = (struct small){ .t = { 0 } };
}

/* Tensor by tensor, whatever the scores' signs. */
static void the_largest_scores_of_each_tensor_are_kept(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct layout l = { 0 };
    LAYOUT_ADD(&l, "A", 1, 4);
    LAYOUT_ADD(&l, "b", 1, 1)->prunable = false;
    LAYOUT_ADD(&l, "C", 1, 2);
    struct popup p = { .k = 0.5, .optimizer = &optimizer_sgd };
    popup_open(&p, l.n, &a);
    const real theta[] = { 1, 2, 3, 4, 5, 6, 7 }, scores[] = { -9, 1, -2, 3, 0, 100, -200 };
    popup_network(&p, &l, theta, scores);
    const real want[] = { 1, 0, 0, 4, 5, 0, 7 };
    const uint8_t mask[] = { 1, 0, 0, 1, 1, 0, 1 };
    assert_memory_equal(p.network, want, sizeof want);
    assert_memory_equal(p.mask, mask, sizeof mask);
    real gradient[] = { 1, 1, 1, 1, 1, 1, 1 };
    popup_gradients(&p, theta, scores, gradient, l.n);
    const real score_gradient[] = { 1, 2, 3, 4, 5, 6, 7 }, kept[] = { 1, 0, 0, 1, 1, 0, 1 };
    assert_memory_equal(p.gradient, score_gradient, sizeof score_gradient);
    assert_memory_equal(gradient, kept, sizeof kept);
    p.through_abs = true;
    popup_gradients(&p, theta, scores, gradient, l.n);
    const real signed_gradient[] = { -1, 0, 0, 4, 0, 0, -7 };
    for (size_t i = 0; i < l.n; i++) assert_true(p.gradient[i] == signed_gradient[i]);
    arena_release(&a);
}

/* Weights outside the mask get no gradient, but decay like all others. */
static void weights_outside_the_mask_only_decay(void **state)
{
    (void)state;
    static struct small s;
    const struct train_hooks none = { .ctx = NULL };
    struct err e = { 0 };
    small_open(&s, "lr=1e-2 weight_decay=2", 0);
    size_t n = s.b.layout.n, outside = 0;
    real *before = ARENA_NEW(&s.b.arena, n, real);
    memcpy(before, s.t.state.theta, n * sizeof *before);
    popup_network(&s.popup, &s.b.layout, s.t.state.theta, s.t.state.scores);
    uint8_t *mask = ARENA_NEW(&s.b.arena, n, uint8_t);
    memcpy(mask, s.popup.mask, n);
    s.t.length = 1;
    assert_int_equal(train_run(&s.t, &none, &e), 0);
    for (size_t i = 0; i < n; i++) {
        double decayed = (double)before[i] * (1 - 1e-2 * 2), now = (double)s.t.state.theta[i];
        outside += !mask[i];
        if (mask[i])
            assert_true(fabs(now - decayed) > 1e-3); /* Adam's first step is one of lr */
        else
            close_to(now, decayed, IS_DOUBLE ? 1e-16 : 1e-7, "outside");
    }
    assert_true(outside > n / 3);
    arena_release(&s.b.arena);
    s = (struct small){ .t = { 0 } };
}

static int stop_at_17(void *ctx, const struct train_state *s, struct err *e)
{
    (void)ctx;
    return s->epoch == 17 ? err_set(e, ERR_STOPPED, "asked to") : 0;
}

/* The state's vectors are all that a run goes on from. */
static void check_resuming(const char *weights, int64_t batch)
{
    static struct small whole, first, second;
    const struct train_hooks none = { .ctx = NULL }, stop = { .tick = stop_at_17 };
    struct err e = { 0 };
    small_open(&whole, weights, batch);
    small_open(&first, weights, batch);
    small_open(&second, weights, batch);
    size_t bytes = whole.b.layout.n * sizeof(real);
    real *start = ARENA_NEW(&whole.b.arena, whole.b.layout.n, real);
    memcpy(start, whole.t.state.theta, bytes);
    assert_int_equal(train_run(&whole.t, &none, &e), 0);
    assert_int_equal(train_run(&first.t, &stop, &e), -1);
    struct train_state *to = &second.t.state, *from = &first.t.state;
    to->epoch = from->epoch;
    to->step = from->step;
    assert_int_equal(to->vectors, train_vectors(second.t.optimizer, &optimizer_sgd));
    for (int i = 0; i < to->vectors; i++) memcpy(to->vector[i], from->vector[i], bytes);
    memset(&e, 0, sizeof e);
    assert_int_equal(train_run(&second.t, &none, &e), 0);
    for (int i = 0; i < to->vectors; i++) assert_memory_equal(to->vector[i], whole.t.state.vector[i], bytes);
    assert_memory_equal(second.popup.mask, whole.popup.mask, whole.b.layout.n);
    assert_true((memcmp(start, whole.t.state.theta, bytes) == 0) == !weights);
    struct small *all[] = { &whole, &first, &second };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        arena_release(&all[i]->b.arena);
        *all[i] = (struct small){ .t = { 0 } };
    }
}

static void a_resumed_run_ends_in_the_same_bits(void **state)
{
    (void)state;
    check_resuming(NULL, 0);
    check_resuming("weight_decay=1", 0);
    check_resuming("weight_decay=1", 7);
}

/* ---- the control ---- */

static void draw_scores(const char *settings, uint64_t seed, const struct layout *l, const real *theta, real *scores)
{
    struct arena a = { 0 };
    const struct control_input in = {
        .config = config_of(&a, &control_edge_popup.kind, settings), .layout = l, .theta_t = theta, .seed = seed
    };
    control_edge_popup.scores(&in, scores);
    arena_release(&a);
}

/* Kaiming's uniform as PyTorch's layers have it (a = sqrt 5): bound 1 / sqrt(fan-in). */
static void scores_begin_as_asked(void **state)
{
    (void)state;
    static struct layout l;
    static real theta[20010], score[20010], again[20010];
    LAYOUT_ADD(&l, "A", 1, 100, 200);
    LAYOUT_ADD(&l, "b", 1, 10);
    for (size_t i = 0; i < l.n; i++) theta[i] = (real)(i % 2 ? 0.5 : -0.25);
    draw_scores("", 1, &l, theta, score);
    for (size_t i = 0; i < l.n; i++) assert_true(score[i] == (real)(i % 2 ? 0.5 : 0.25));
    draw_scores("scores=random", 1, &l, theta, score);
    double sum = 0, squares = 0, largest = 0;
    for (size_t i = 0; i < l.n; i++) {
        sum += (double)score[i];
        squares += (double)score[i] * (double)score[i];
    }
    close_to(sum / (double)l.n, 0, 0.03, "mean of standard normals");
    close_to(squares / (double)l.n, 1, 0.05, "their variance");
    draw_scores("scores=kaiming", 1, &l, theta, score);
    squares = 0;
    for (size_t i = 0; i < 20000; i++) {
        largest = fmax(largest, fabs((double)score[i]));
        squares += (double)score[i] * (double)score[i];
    }
    assert_true(largest <= sqrt(1. / 200) && largest > 0.99 * sqrt(1. / 200));
    close_to(squares / 20000, 1. / 600, 5e-5, "variance of the uniform");
    draw_scores("scores=kaiming", 2, &l, theta, again);
    assert_memory_not_equal(score, again, l.n * sizeof *score);
    float drawn[8]; /* the same in both precisions, and for ever */
    for (size_t i = 0; i < ARRAY_LEN(drawn); i++) drawn[i] = (float)score[i];
    assert_int_equal(hash_sum(drawn, sizeof drawn), UINT64_C(0xbc11141dda7dd667));
}

/* The control's score_KEY is the optimiser's KEY; what the control has no key for is the optimiser's default. */
static void keys_reach_the_optimiser_of_the_scores(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct job_spec s = { .task = &task_modular.kind, .model = &model_embed_mlp.kind };
    struct err e = { 0 };
    s.optimizer = registry_find(PLUGIN_OPTIMIZER, "adamw");
    s.control = registry_find(PLUGIN_CONTROL, "edge_popup");
    s.k = 0.25;
    for (size_t i = 0; edge_popup_optimizers[i]; i++) {
        const char *settings[] = { "score_optimizer=adamw score_weight_decay=0.5 weights=trained",
                                   "score_optimizer=adam", "score_optimizer=sgd score_momentum=0.5 score_lr=2" };
        const char *const want[] = { "lr=0.1 weight_decay=0.5", "lr=0.1 weight_decay=0", "lr=2 momentum=0.5" };
        assert_true(i < ARRAY_LEN(settings));
        memcpy(s.control_config, config_of(&a, s.control, settings[i]), s.control->config_size);
        const struct trainer t = trainer_of(&s, &a);
        const struct kind *kind = &t.popup->optimizer->kind;
        assert_string_equal(kind->name, edge_popup_optimizers[i]);
        assert_memory_equal(t.popup->optimizer_config, config_of(&a, kind, want[i]), kind->config_size);
        assert_true(t.popup->k == 0.25 && t.popup->through_abs && !t.optimizer == (i > 0));
        assert_int_equal(trainer_vectors(&s), 2 + t.popup->optimizer->vectors + (i > 0 ? 0 : 2));
        assert_int_equal(trainer_check(&s, &e), 0);
    }
    memcpy(s.control_config, config_of(&a, s.control, "score_optimizer=adam score_momentum=0.5"),
           s.control->config_size);
    assert_int_equal(trainer_check(&s, &e), -1);
    assert_string_equal(e.text, "'score_momentum' has no meaning with score_optimizer 'adam', which has no such key");
    s.control = registry_find(PLUGIN_CONTROL, "continue");
    assert_null(trainer_of(&s, &a).popup);
    assert_int_equal(trainer_vectors(&s), 3);
    arena_release(&a);
}

int main(void)
{
    blas_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps_are_the_published_codes),
        cmocka_unit_test(the_gradient_goes_straight_through_the_mask),
        cmocka_unit_test(the_largest_scores_of_each_tensor_are_kept),
        cmocka_unit_test(weights_outside_the_mask_only_decay),
        cmocka_unit_test(a_resumed_run_ends_in_the_same_bits),
        cmocka_unit_test(scores_begin_as_asked),
        cmocka_unit_test(keys_reach_the_optimiser_of_the_scores),
    };
    return cmocka_run_group_tests_name("popup", tests, NULL, NULL);
}
