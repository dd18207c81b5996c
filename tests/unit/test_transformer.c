#include "engine.h"
#include "sanitized.h"

#include "base/rng.h"
#include "model/transformer.h"
#include "num/blas.h"
#include "num/loss.h"
#include "num/mask.h"
#include "num/real.h"
#include "train/train.h"

#include <stdlib.h>

#define PAPER_ADAMW "lr=1e-3 weight_decay=1 betas=[0.9,0.98]"

/* ---- the published codes ---- */

/* What the published code did, and how it is said here. */
struct published {
    const char *file, *task, *model;
    int64_t warmup, steps;
    const char *after[4]; /* groups of checksums: after_STEPS */
};
static const struct published tickets = { .file = "tests/fixtures/step_transformer.h5",
                                          .task = "expr=a+b p=67",
                                          .model = "",
                                          .steps = 100,
                                          .after = { "after_1", "after_10", "after_100" } };
static const struct published nanda = {
    .file = "tests/fixtures/step_nanda.h5",
    .task = "expr=a+b p=113 pairs=ordered",
    .model = "heads=4 d_mlp=512 equals=true positional=true biases=true equals_logit=true",
    .warmup = 10,
    .steps = 5,
    .after = { "after_5" }
};

/* Such a run, at the weights of the file. */
struct golden_run {
    const struct published *of;
    hid_t file;
    struct bench b;
    struct trainer t;
    double *init;
    struct train_metrics metrics[128];
};

static int on_evaluated(void *ctx, const struct train_state *s, const struct train_metrics *m, struct err *e)
{
    (void)s, (void)e;
    struct golden_run *g = ctx;
    g->metrics[m->at] = *m;
    return 0;
}

static void run_open(struct golden_run *g, const struct published *of)
{
    memset(g, 0, sizeof *g);
    g->of = of;
    g->file = H5Fopen(of->file, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(g->file >= 0);
    bench_golden_model(&g->b, g->file, of->task, &model_transformer, of->model);
    g->init = golden_theta(g->file, "init", &g->b.layout, &g->b.arena);
    g->t = (struct trainer){ .model = &model_transformer,
                             .model_config = g->b.model_config,
                             .layout = &g->b.layout,
                             .shape = &g->b.shape,
                             .data = &g->b.data,
                             .optimizer = &optimizer_adamw,
                             .optimizer_config = config_of(&g->b.arena, &optimizer_adamw.kind, PAPER_ADAMW),
                             .schedule = { .warmup = of->warmup },
                             .record = { { { 1, 1 } } } };
    train_open(&g->t, &g->b.arena);
    for (size_t i = 0; i < g->b.layout.n; i++) g->t.state.theta[i] = (real)g->init[i];
}

static void run_close(struct golden_run *g)
{
    H5Fclose(g->file);
    arena_release(&g->b.arena);
}

static void run_to(struct golden_run *g, int64_t epoch)
{
    struct err e = { 0 };
    const struct train_hooks hooks = { .ctx = g, .evaluated = on_evaluated };
    g->t.length = epoch;
    if (train_run(&g->t, &hooks, &e)) fail_msg("%s", e.text);
}

/* Logits of the first 100 training examples; then the gradient of the mean cross-entropy. */
static void check_start(const struct published *of)
{
    static struct golden_run g;
    run_open(&g, of);
    const struct dataset *d = &g.b.data.train;
    size_t c = g.t.outputs;
    const double *want = golden(g.file, "init_logits", H5T_NATIVE_DOUBLE, 100 * c, &g.b.arena);
    model_transformer.prepare(g.t.net, g.t.state.theta);
    model_transformer.forward(g.t.net, d, g.t.logits);
    for (size_t i = 0; i < 100; i++)
        for (size_t k = 0; k < c; k++) /* logits are of the order of 1 */
            close_to((double)g.t.logits[k * d->n + i], want[i * c + k], IS_DOUBLE ? 2e-12 : 1e-5, "logit");
    softmax_cross_entropy_gradient(g.t.logits, d->label, d->n, c);
    model_transformer.backward(g.t.net, d, g.t.logits, g.t.gradient);
    golden_sums(g.file, "checksum/init_grad", &g.b.layout, g.t.gradient, IS_DOUBLE ? 1e-12 : 1e-5, &g.b.arena);
    run_close(&g);
}

static void the_first_logits_and_gradients_are_pytorchs(void **state)
{
    (void)state;
    check_start(&tickets);
    check_start(&nanda);
}

static void check_trajectory(struct golden_run *g)
{
    const char *const names[] = { "train_loss", "test_loss", "train_acc", "test_acc" };
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        char name[64];
        snprintf(name, sizeof name, "trajectory/%s", names[k]);
        const double *want = golden(g->file, name, H5T_NATIVE_DOUBLE, (size_t)g->of->steps + 1, &g->b.arena);
        for (int64_t i = 0; i <= g->t.length; i++) {
            const struct train_metrics *m = &g->metrics[i];
            const double got[] = { m->train.loss, m->test.loss, m->train.accuracy, m->test.accuracy };
            close_to(got[k], want[i], (IS_DOUBLE ? 1e-9 : 8e-3) * (k < 2 ? want[i] : 1), name);
        }
    }
}

static void check_training(const struct published *of)
{
    static struct golden_run g;
    run_open(&g, of);
    for (size_t i = 0; of->after[i] && !(SANITIZED && i > 1); i++) {
        run_to(&g, strtol(of->after[i] + strlen("after_"), NULL, 10));
        char group[48];
        snprintf(group, sizeof group, "checksum/%s", of->after[i]);
        golden_sums(g.file, group, &g.b.layout, g.t.state.theta, IS_DOUBLE ? 1e-9 : 5e-3, &g.b.arena);
    }
    check_trajectory(&g);
    run_close(&g);
}

static void the_first_steps_are_pytorchs(void **state)
{
    (void)state;
    check_training(&tickets);
    check_training(&nanda);
}

/* With warm-up the first step moves nothing, though Adam's moments have begun. */
static void a_warm_up_begins_at_zero(void **state)
{
    (void)state;
    static struct golden_run g;
    run_open(&g, &nanda);
    run_to(&g, 1);
    for (size_t i = 0; i < g.b.layout.n; i++) assert_true(g.t.state.theta[i] == (real)g.init[i]);
    double size = 0;
    for (size_t i = 0; i < g.b.layout.n; i++) size += fabs((double)g.t.state.moment[0][i]);
    assert_true(size > 0);
    run_close(&g);
}

static void magnitude_masks_are_the_published_ones(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double k;
        enum scope scope;
    } masks[] = { { "masks/init_global_keep0.40", 0.6, SCOPE_GLOBAL },
                  { "masks/init_global_keep0.19", 0.81, SCOPE_GLOBAL },
                  { "masks/init_local_keep0.40", 0.6, SCOPE_TENSOR },
                  { "masks/init_local_keep0.19", 0.81, SCOPE_TENSOR } };
    static struct golden_run g;
    run_open(&g, &tickets);
    size_t n = g.b.layout.n;
    real *score = ARENA_NEW(&g.b.arena, n, real);
    uint8_t *mask = ARENA_NEW(&g.b.arena, n, uint8_t);
    for (size_t i = 0; i < n; i++) score[i] = (real)fabs(g.init[i]);
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        mask_from_scores(mask, score, &g.b.layout, masks[i].k, masks[i].scope);
        assert_memory_equal(mask, golden_mask(g.file, masks[i].name, n, &g.b.arena), n);
    }
    run_close(&g);
}

/* ---- against the plain implementation ---- */

static struct dataset random_tokens(size_t n, size_t width, int64_t p, int64_t c, struct arena *a)
{
    int32_t *token = ARENA_NEW(a, n * width, int32_t), *label = ARENA_NEW(a, n, int32_t);
    struct rng r = rng_open(n, "test");
    for (size_t i = 0; i < n * width; i++) token[i] = (int32_t)rng_below(&r, (uint64_t)p);
    for (size_t i = 0; i < n; i++) label[i] = (int32_t)rng_below(&r, (uint64_t)c);
    return (struct dataset){ .n = n, .width = width, .token = token, .label = label };
}

struct problem {
    struct arena arena;
    const struct transformer_config *config;
    struct task_shape shape;
    struct layout layout;
    struct dataset data;
    struct net *net;
    size_t outputs;
    real *theta, *logits, *gradient;
    double *plain_theta;
};

static void problem_open(struct problem *q, const char *settings, const struct task_shape *shape)
{
    struct err e = { 0 };
    size_t n = shape->n_train;
    memset(q, 0, sizeof *q);
    q->shape = *shape;
    q->config = config_of(&q->arena, &model_transformer.kind, settings);
    if (model_transformer.layout(q->config, shape, &q->layout, &e)) fail_msg("%s", e.text);
    q->data = random_tokens(n, shape->width, shape->vocabulary, shape->classes, &q->arena);
    q->net = model_transformer.open(q->config, &q->layout, shape, n, &q->arena);
    q->outputs = model_outputs(&model_transformer, q->config, shape);
    q->theta = ARENA_NEW(&q->arena, q->layout.n, real);
    q->gradient = ARENA_NEW(&q->arena, q->layout.n, real);
    q->logits = ARENA_NEW(&q->arena, n * q->outputs, real);
    q->plain_theta = ARENA_NEW(&q->arena, q->layout.n, double);
    struct rng r = rng_open(5, "theta"); /* biases too: at their initial 0 they would not be seen */
    for (size_t i = 0; i < q->layout.n; i++) {
        q->theta[i] = (real)(0.4 * rng_normal(&r));
        q->plain_theta[i] = (double)q->theta[i];
    }
}

static void compare(const real *got, const double *want, size_t n, const char *what)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(want[i]));
    for (size_t i = 0; i < n; i++)
        close_to((double)got[i], want[i], IS_DOUBLE ? 1e-12 * largest : 1e-4 * largest + 1e-9, what);
}

static void check_against_plain(const char *settings, const struct task_shape *shape)
{
    struct problem q;
    problem_open(&q, settings, shape);
    size_t size = q.data.n * q.outputs;
    double *want = ARENA_NEW(&q.arena, size, double), *dlogits = ARENA_NEW(&q.arena, size, double);
    double *slope = ARENA_NEW(&q.arena, q.layout.n, double);
    model_transformer.prepare(q.net, q.theta);
    model_transformer.forward(q.net, &q.data, q.logits);
    transformer_plain(q.config, NULL, &q.layout, &q.data, q.plain_theta, want, NULL, NULL, NULL);
    compare(q.logits, want, size, settings);
    softmax_cross_entropy_gradient(q.logits, q.data.label, q.data.n, q.outputs);
    for (size_t i = 0; i < size; i++) dlogits[i] = (double)q.logits[i];
    transformer_plain(q.config, NULL, &q.layout, &q.data, q.plain_theta, want, dlogits, slope, NULL);
    model_transformer.backward(q.net, &q.data, q.logits, q.gradient);
    for (int i = 0; i < q.layout.count; i++) {
        const struct tensor *t = &q.layout.tensor[i];
        char what[256];
        snprintf(what, sizeof what, "%s: %s", settings, t->name);
        compare(q.gradient + t->offset, slope + t->offset, t->size, what);
    }
    arena_release(&q.arena);
}

static const char *const sizes[] = {
    "d_model=5 d_mlp=7 heads=1",
    "d_model=6 d_mlp=19 heads=3 activation=gelu",
    "d_model=7 d_mlp=33 heads=2 d_head=5 activation=tanh",
    "d_model=1 d_mlp=1 heads=1",
    "d_model=12 d_mlp=130 heads=4",
};

/* Every combination of the keys that change the form, on odd sizes. */
static void factored_equals_plain(void **state)
{
    (void)state;
    const struct task_shape shapes[] = {
        { .n_train = 83, .width = 2, .vocabulary = 13, .classes = 11 },
        { .n_train = 7, .width = 1, .vocabulary = 5, .classes = 1 },
        { .n_train = 41, .width = 3, .vocabulary = 3, .classes = 20 },
    };
    for (size_t s = 0; s < ARRAY_LEN(shapes); s++)
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
            for (unsigned bits = 0; bits < 16; bits++) {
                char settings[160];
                if (bits & 8 && !(bits & 1)) continue; /* equals_logit needs equals */
                snprintf(settings, sizeof settings, "%s equals=%s positional=%s biases=%s equals_logit=%s", sizes[i],
                         bits & 1 ? "true" : "false", bits & 2 ? "true" : "false", bits & 4 ? "true" : "false",
                         bits & 8 ? "true" : "false");
                check_against_plain(settings, &shapes[s]);
            }
}

/* Many symbols and many rounds: the order of the examples and its remainders. */
static void large_sets_equal_plain(void **state)
{
    (void)state;
    const struct task_shape many = { .n_train = 1500, .width = 2, .vocabulary = 1200, .classes = 3 };
    check_against_plain("d_model=4 d_mlp=300 heads=2 positional=true", &many);
    check_against_plain("d_model=4 d_mlp=300 heads=2 equals=true biases=true", &many);
}

/* Scores far apart must neither overflow nor divide 0 by 0. */
static void large_scores_stay_finite(void **state)
{
    (void)state;
    struct problem q;
    const struct task_shape shape = { .n_train = 50, .width = 2, .vocabulary = 9, .classes = 9 };
    problem_open(&q, "d_model=4 d_mlp=8 equals=true", &shape);
    const struct tensor *W_K = layout_find(&q.layout, "W_K");
    for (size_t i = 0; i < W_K->size; i++) q.theta[W_K->offset + i] *= 1000000;
    for (size_t i = 0; i < q.layout.n; i++) q.plain_theta[i] = (double)q.theta[i];
    double *want = ARENA_NEW(&q.arena, 9 * 50, double);
    transformer_plain(q.config, NULL, &q.layout, &q.data, q.plain_theta, want, NULL, NULL, NULL);
    model_transformer.prepare(q.net, q.theta);
    model_transformer.forward(q.net, &q.data, q.logits);
    compare(q.logits, want, 9 * 50, "logits");
    arena_release(&q.arena);
}

/* ---- laws and errors ---- */

/* Without '=' and without positions the order of all but the last token is of no account, and that of the last is. */
static void only_the_last_of_the_tokens_is_special(void **state)
{
    (void)state;
    struct problem q;
    const struct task_shape shape = { .n_train = 3, .width = 3, .vocabulary = 9, .classes = 4 };
    problem_open(&q, "d_model=8 d_mlp=8 heads=2", &shape);
    const int32_t token[] = { 1, 2, 3, 2, 1, 3, 1, 3, 2 };
    const struct dataset d = { .n = 3, .width = 3, .token = token };
    model_transformer.prepare(q.net, q.theta);
    model_transformer.forward(q.net, &d, q.logits);
    for (size_t k = 0; k < 4; k++) {
        const real *logit = q.logits + 3 * k;
        close_to((double)logit[1], (double)logit[0], 1e-6, "swapped");
        assert_true(fabs((double)logit[2] - (double)logit[0]) > 1e-3);
    }
    arena_release(&q.arena);
}

static void a_smaller_batch_may_follow_a_larger_one(void **state)
{
    (void)state;
    struct problem q;
    real first[10], again[10];
    const struct task_shape shape = { .n_train = 40, .width = 2, .vocabulary = 9, .classes = 10 };
    problem_open(&q, "d_model=8 d_mlp=8 heads=2 equals=true", &shape);
    struct dataset one = q.data;
    one.n = 1;
    model_transformer.prepare(q.net, q.theta);
    model_transformer.forward(q.net, &one, first);
    model_transformer.forward(q.net, &q.data, q.logits);
    model_transformer.forward(q.net, &one, again);
    assert_memory_equal(first, again, sizeof first);
    for (size_t k = 0; k < 10; k++) close_to((double)first[k], (double)q.logits[40 * k], 1e-5, "logit");
    arena_release(&q.arena);
}

struct wanted {
    const char *name;
    int64_t dim[3];
    double std;
    bool prunable;
};

static void check_layout(const char *settings, int64_t p, const struct wanted *want, int count)
{
    struct arena a = { 0 };
    struct err e = { 0 };
    struct layout l = { 0 };
    const struct task_shape shape = { .n_train = 1, .width = 2, .vocabulary = p, .classes = p };
    assert_int_equal(model_transformer.layout(config_of(&a, &model_transformer.kind, settings), &shape, &l, &e), 0);
    assert_int_equal(l.count, count);
    for (int i = 0; i < count; i++) {
        const struct tensor *t = &l.tensor[i];
        assert_string_equal(t->name, want[i].name);
        for (int k = 0; k < 3; k++) assert_int_equal(t->dim[k], want[i].dim[k]);
        close_to(t->init_std, want[i].std, 1e-15, t->name);
        assert_true(t->prunable == want[i].prunable && t->decay == 1);
    }
    arena_release(&a);
}

static void tensors_are_those_of_the_papers(void **state)
{
    (void)state;
    const double std = 2 / sqrt(128);
    const struct wanted minegishi[] = {
        { "W_E", { 128, 67 }, 2 / sqrt(67), true }, { "W_K", { 1, 128, 128 }, std, true },
        { "W_Q", { 1, 128, 128 }, std, true },      { "W_V", { 1, 128, 128 }, std, true },
        { "W_O", { 128, 128 }, std, true },         { "W_in", { 128, 128 }, std, true },
        { "W_out", { 128, 128 }, std, true },       { "W_U", { 128, 67 }, std, true },
    };
    check_layout("init_scale=2", 67, minegishi, ARRAY_LEN(minegishi));
    const struct wanted with_equals[] = {
        { "W_E", { 128, 114 }, std, true },           { "W_pos", { 3, 128 }, std, true },
        { "W_K", { 4, 32, 128 }, std, true },         { "W_Q", { 4, 32, 128 }, std, true },
        { "W_V", { 4, 32, 128 }, std, true },         { "W_O", { 128, 128 }, std, true },
        { "W_in", { 512, 128 }, std, true },          { "b_in", { 512 }, 0, false },
        { "W_out", { 128, 512 }, std, true },         { "b_out", { 128 }, 0, false },
        { "W_U", { 128, 114 }, 2 / sqrt(114), true },
    };
    char settings[160];
    snprintf(settings, sizeof settings, "%s init_scale=2", nanda.model);
    check_layout(settings, 113, with_equals, ARRAY_LEN(with_equals));
}

static void what_cannot_be_built_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *settings, *text;
        int64_t vocabulary;
    } wrong[] = {
        { "", "model transformer needs a task on symbols; this task gives numbers", 0 },
        { "d_model=10 heads=4", "d_model 10 is no multiple of 4 heads; give d_head", 5 },
        { "equals_logit=true", "equals_logit needs equals: true", 5 },
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct arena a = { 0 };
        struct err e = { 0 };
        struct layout l = { 0 };
        const struct task_shape shape = { .n_train = 2, .width = 2, .vocabulary = wrong[i].vocabulary, .classes = 5 };
        const void *c = config_of(&a, &model_transformer.kind, wrong[i].settings);
        assert_int_equal(model_transformer.layout(c, &shape, &l, &e), -1);
        assert_int_equal(e.kind, ERR_SPEC);
        assert_string_equal(e.text, wrong[i].text);
        arena_release(&a);
    }
}

int main(void)
{
    blas_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_logits_and_gradients_are_pytorchs),
        cmocka_unit_test(the_first_steps_are_pytorchs),
        cmocka_unit_test(a_warm_up_begins_at_zero),
        cmocka_unit_test(magnitude_masks_are_the_published_ones),
        cmocka_unit_test(factored_equals_plain),
        cmocka_unit_test(large_sets_equal_plain),
        cmocka_unit_test(large_scores_stay_finite),
        cmocka_unit_test(only_the_last_of_the_tokens_is_special),
        cmocka_unit_test(a_smaller_batch_may_follow_a_larger_one),
        cmocka_unit_test(tensors_are_those_of_the_papers),
        cmocka_unit_test(what_cannot_be_built_is_refused),
    };
    return cmocka_run_group_tests_name("transformer", tests, NULL, NULL);
}
