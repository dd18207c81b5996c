#include "engine.h"

#include "base/rng.h"
#include "job/registry.h"
#include "model/embed_mlp.h"
#include "num/blas.h"
#include "num/loss.h"
#include "num/mask.h"
#include "num/real.h"

#include <stdlib.h>

/* Small configs of every kind in the registry, chosen odd so that a transposed product cannot pass. */
static const char *const embed_mlp_configs[] = {
    "d_embed=7 d_hidden=5",
    "d_embed=3 d_hidden=11 activation=gelu",
    "d_embed=6 d_hidden=4 activation=tanh init_scale=2",
    "d_embed=9 d_hidden=5 layers=2",
    "d_embed=5 d_hidden=6 layers=3 activation=gelu",
    "d_embed=8 d_hidden=3 layers=4 activation=tanh",
    "d_embed=1 d_hidden=1",
    "d_embed=140 d_hidden=64", /* whole registers and blocks, and what is left of them: num/sparse.h */
    NULL,
};
static const char *const transformer_configs[] = {
    "d_model=6 d_mlp=9",
    "d_model=6 d_mlp=18 heads=3 positional=true biases=true activation=gelu",
    "d_model=5 d_mlp=17 heads=2 d_head=3 equals=true biases=true activation=tanh",
    "d_model=8 d_mlp=11 heads=2 equals=true positional=true biases=true equals_logit=true init_scale=2",
    NULL,
};
static const char *const dense_mlp_configs[] = {
    "d_hidden=7",
    "d_hidden=5 layers=3 activation=gelu biases=false init=normal",
    "d_hidden=6 layers=2 activation=tanh output_bias=false init_scale=2 output_scale=3",
    "d_hidden=17 layers=2 activation=quadratic epsilon=0.5",
    NULL,
};
static const char *const lstm_configs[] = {
    "d_embed=7 d_hidden=5 layers=1",
    "d_embed=3 d_hidden=9",
    "d_embed=6 d_hidden=4 layers=3 init_scale=2",
    NULL,
};
static const struct {
    const char *model;
    const char *const *config;
} small[] = { { "embed_mlp", embed_mlp_configs },
              { "transformer", transformer_configs },
              { "dense_mlp", dense_mlp_configs },
              { "lstm", lstm_configs } };

static const char *const *configs_of(const char *model)
{
    for (size_t i = 0; i < ARRAY_LEN(small); i++)
        if (!strcmp(small[i].model, model)) return small[i].config;
    fail_msg("give small configs for model '%s'", model);
    return NULL;
}

/* A data set of random tokens: `width` of them an example, 0..p-1, and labels 0..c-1. */
static struct dataset random_tokens(size_t n, size_t width, int64_t p, int64_t c, uint64_t seed, struct arena *a)
{
    int32_t *token = ARENA_NEW(a, n * width, int32_t), *label = ARENA_NEW(a, n, int32_t);
    struct rng r = rng_open(seed, "test");
    for (size_t i = 0; i < n * width; i++) token[i] = (int32_t)rng_below(&r, (uint64_t)p);
    for (size_t i = 0; i < n; i++) label[i] = (int32_t)rng_below(&r, (uint64_t)c);
    return (struct dataset){ .n = n, .width = width, .token = token, .label = label };
}

/* A model on some data, at its initial weights. */
struct problem {
    struct arena arena;
    const struct model_kind *model;
    const void *config;
    struct task_shape shape;
    struct layout layout;
    struct dataset data;
    struct net *net;
    size_t outputs;
    real *theta, *logits, *gradient;
    uint8_t *mask; /* NULL: dense */
};

static const double mask_rates[] = { 0, 0.6, 0.95 }; /* what laws under masks are tried at */

static void problem_open(struct problem *q, const struct model_kind *model, const char *settings, size_t n,
                         size_t width)
{
    struct err e = { 0 };
    memset(q, 0, sizeof *q);
    q->model = model;
    q->config = config_of(&q->arena, &model->kind, settings);
    q->shape = (struct task_shape){ .n_train = n, .n_test = 1, .width = width, .vocabulary = 13, .classes = 10 };
    if (model->layout(q->config, &q->shape, &q->layout, &e)) fail_msg("%s", e.text);
    q->data = random_tokens(n, width, 13, 10, n + width, &q->arena);
    q->net = model->open(q->config, &q->layout, &q->shape, n, &q->arena);
    q->theta = ARENA_NEW(&q->arena, q->layout.n, real);
    q->gradient = ARENA_NEW(&q->arena, q->layout.n, real);
    q->outputs = model_outputs(model, q->config, &q->shape);
    q->logits = ARENA_NEW(&q->arena, n * q->outputs, real);
    model_init(q->theta, &q->layout, 1);
}

/* Train under a random mask from now on.  Biases of 0 would leave neurons without weights on the kink of relu. */
static void problem_hold(struct problem *q, double k)
{
    const size_t n = q->layout.n;
    if (k == 0) return;
    real *score = ARENA_NEW(&q->arena, n, real);
    struct rng r = rng_open(4, "mask");
    for (size_t i = 0; i < n; i++) score[i] = (real)rng_uniform(&r);
    q->mask = ARENA_NEW(&q->arena, n, uint8_t);
    mask_from_scores(q->mask, score, &q->layout, k, SCOPE_TENSOR);
    for (size_t i = 0; i < n; i++) q->theta[i] = q->theta[i] == 0 ? score[i] : q->theta[i];
    mask_apply(q->theta, q->mask, n);
    if (q->model->hold) q->model->hold(q->net, q->mask, &q->arena);
}

static double problem_loss(struct problem *q)
{
    q->model->prepare(q->net, q->theta);
    q->model->forward(q->net, &q->data, q->logits);
    return softmax_cross_entropy(q->logits, q->data.label, q->data.n, q->outputs).loss;
}

static void problem_gradient(struct problem *q)
{
    q->model->prepare(q->net, q->theta);
    q->model->forward(q->net, &q->data, q->logits);
    softmax_cross_entropy_gradient(q->logits, q->data.label, q->data.n, q->outputs);
    q->model->backward(q->net, &q->data, q->logits, q->gradient);
    if (q->mask) mask_apply(q->gradient, q->mask, q->layout.n);
}

/* Central differences along a random direction inside one tensor at a time: (L(+h) - L(-h)) / 2h = <gradient, v>. */
static void check_tensor(struct problem *q, const struct tensor *t, uint64_t seed)
{
    const double h = 1e-5;
    struct rng r = rng_open(seed, t->name);
    double slope = 0, loss[2], *v = malloc(t->size * sizeof *v);
    for (size_t i = 0; i < t->size; i++) {
        v[i] = !q->mask || q->mask[t->offset + i] ? rng_normal(&r) / sqrt((double)t->size) : 0;
        slope += v[i] * (double)q->gradient[t->offset + i];
    }
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < t->size; i++) q->theta[t->offset + i] += (real)((side ? -2 : 1) * h * v[i]);
        loss[side] = problem_loss(q);
    }
    for (size_t i = 0; i < t->size; i++) q->theta[t->offset + i] += (real)(h * v[i]);
    close_to((loss[0] - loss[1]) / (2 * h), slope, 1e-8 + 1e-6 * fabs(slope), t->name);
    free(v);
}

static void check_gradients(const char *model, const char *config, double k)
{
    struct problem q;
    problem_open(&q, registry_model(model), config, 37, 2);
    problem_hold(&q, k);
    problem_gradient(&q);
    double size = 0;
    for (size_t i = 0; i < q.layout.n; i++) size += fabs((double)q.gradient[i]);
    assert_true(size > 1e-3 || k > 0.9); /* a gradient of zeros would agree with a constant function */
    for (int i = 0; i < q.layout.count; i++)
        for (uint64_t seed = 0; seed < 3; seed++) check_tensor(&q, &q.layout.tensor[i], seed);
    arena_release(&q.arena);
}

static void gradients_are_those_of_finite_differences(void **state)
{
    (void)state;
    if (!IS_DOUBLE) return; /* differences of float losses say nothing; float is compared with the oracle below */
    for (const struct kind *const *m = registry_kinds(PLUGIN_MODEL); *m; m++)
        for (const char *const *c = configs_of((*m)->name); *c; c++)
            for (size_t k = 0; k < ARRAY_LEN(mask_rates); k++) check_gradients((*m)->name, *c, mask_rates[k]);
}

static void compare(const real *got, const double *want, size_t n, const char *what)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(want[i]));
    for (size_t i = 0; i < n; i++) close_to((double)got[i], want[i], (IS_DOUBLE ? 1e-13 : 1e-5) * largest, what);
}

static void check_factored(const char *config, size_t width, double k)
{
    struct problem q;
    problem_open(&q, &model_embed_mlp, config, 64 * width + 1, width);
    problem_hold(&q, k);
    size_t n = q.data.n, logits = 10 * n;
    double *theta = ARENA_NEW(&q.arena, q.layout.n, double), *want = ARENA_NEW(&q.arena, logits, double);
    double *dlogits = ARENA_NEW(&q.arena, logits, double), *slope = ARENA_NEW(&q.arena, q.layout.n, double);
    for (size_t i = 0; i < q.layout.n; i++) theta[i] = (double)q.theta[i];
    problem_loss(&q);
    embed_mlp_plain(q.config, NULL, &q.layout, &q.data, theta, want, NULL, NULL, NULL);
    compare(q.logits, want, logits, "logits");
    problem_gradient(&q);
    for (size_t i = 0; i < logits; i++) dlogits[i] = (double)q.logits[i];
    embed_mlp_plain(q.config, NULL, &q.layout, &q.data, theta, want, dlogits, slope, NULL);
    for (size_t i = 0; q.mask && i < q.layout.n; i++) slope[i] *= q.mask[i];
    for (int i = 0; i < q.layout.count; i++) {
        const struct tensor *t = &q.layout.tensor[i];
        compare(q.gradient + t->offset, slope + t->offset, t->size, t->name);
    }
    arena_release(&q.arena);
}

static void factored_equals_plain(void **state)
{
    (void)state;
    for (size_t width = 1; width <= 3; width++)
        for (const char *const *c = embed_mlp_configs; *c; c++)
            for (size_t k = 0; k < ARRAY_LEN(mask_rates); k++) check_factored(*c, width, mask_rates[k]);
}

/* Seen by what stays in the gradient where nobody asks for it. */
static void masked_weights_are_skipped(void **state)
{
    (void)state;
    struct problem q;
    problem_open(&q, &model_embed_mlp, "d_embed=140 d_hidden=64", 37, 2);
    problem_hold(&q, 0.6);
    for (size_t i = 0; i < q.layout.n; i++) q.gradient[i] = 7;
    problem_loss(&q);
    q.model->backward(q.net, &q.data, q.logits, q.gradient);
    for (int i = 0; i < q.layout.count; i++) {
        const struct tensor *t = &q.layout.tensor[i];
        const bool wide = !strcmp(t->name, "W_E") || !strcmp(t->name, "W_U");
        for (size_t j = t->offset; wide && j < t->offset + t->size; j++)
            assert_true((q.gradient[j] == 7) == !q.mask[j]);
    }
    arena_release(&q.arena);
}

/* ---- second derivatives, by dual numbers ---- */

static struct plain_problem plain_of(const struct problem *q, double temperature)
{
    return (struct plain_problem){ .plain = q->model->plain,
                                   .dual = q->model->dual,
                                   .config = q->config,
                                   .layout = &q->layout,
                                   .data = &q->data,
                                   .outputs = q->outputs,
                                   .loss = LOSS_CROSS_ENTROPY,
                                   .temperature = temperature };
}

static double *random_vector(struct problem *q, const char *name)
{
    double *v = ARENA_NEW(&q->arena, q->layout.n, double);
    struct rng r = rng_open(3, name);
    for (size_t i = 0; i < q->layout.n; i++) v[i] = rng_normal(&r);
    return v;
}

static double dot(const double *u, const double *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += u[i] * v[i];
    return sum;
}

/* Of a smooth function: (gradient(theta + h v) - gradient(theta - h v)) / 2h = H v + O(h^2). */
static void check_differences(struct problem *q, const struct plain_problem *p, const double *theta, const double *v,
                              const double *product)
{
    const double h = 1e-6;
    size_t n = q->layout.n;
    double *moved = ARENA_NEW(&q->arena, n, double), *side[2], largest = 0;
    for (int s = 0; s < 2; s++) {
        side[s] = ARENA_NEW(&q->arena, n, double);
        for (size_t i = 0; i < n; i++) moved[i] = theta[i] + (s ? -h : h) * v[i];
        plain_gradient(p, moved, side[s], &q->arena);
    }
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(product[i]));
    for (size_t i = 0; i < n; i++) close_to((side[0][i] - side[1][i]) / (2 * h), product[i], 1e-8 * largest, "H v");
}

static void check_hessian(struct problem *q, bool smooth, double temperature)
{
    size_t n = q->layout.n;
    const struct plain_problem p = plain_of(q, temperature);
    const double *u = random_vector(q, "u"), *v = random_vector(q, "v"), *theta = random_vector(q, "weights");
    double *Hu = ARENA_NEW(&q->arena, n, double), *Hv = ARENA_NEW(&q->arena, n, double);
    plain_hessian_vector(&p, theta, u, Hu, &q->arena);
    plain_hessian_vector(&p, theta, v, Hv, &q->arena);
    double uHv = dot(u, Hv, n), size = sqrt(dot(Hu, Hu, n) * dot(v, v, n));
    assert_true(size > 0 && isfinite(size));
    close_to(uHv, dot(v, Hu, n), 1e-13 * size, "u' H v");
    if (smooth) check_differences(q, &p, theta, v, Hv);
}

static void hessian_products_are_exact(void **state)
{
    (void)state;
    if (!IS_DOUBLE) return; /* plain networks are in double in both */
    for (const struct kind *const *m = registry_kinds(PLUGIN_MODEL); *m; m++) {
        int smooth = 0;
        for (const char *const *c = configs_of((*m)->name); *c; c++) {
            struct problem q;
            bool kinks = !strstr(*c, "tanh") && !strstr(*c, "gelu") && strcmp((*m)->name, "lstm");
            problem_open(&q, registry_model((*m)->name), *c, 23, 2);
            check_hessian(&q, !kinks, 1);
            check_hessian(&q, !kinks, 200);
            smooth += !kinks;
            arena_release(&q.arena);
        }
        if (!smooth) fail_msg("give a smooth config for model '%s'", (*m)->name);
    }
}

static void a_smaller_batch_may_follow_a_larger_one(void **state)
{
    (void)state;
    struct problem q;
    real first[10], again[10];
    problem_open(&q, &model_embed_mlp, "d_embed=7 d_hidden=5 layers=2", 40, 2);
    struct dataset one = q.data;
    one.n = 1;
    q.model->prepare(q.net, q.theta);
    q.model->forward(q.net, &one, first);
    q.model->forward(q.net, &q.data, q.logits);
    q.model->forward(q.net, &one, again);
    assert_memory_equal(first, again, sizeof first);
    for (size_t k = 0; k < 10; k++) close_to((double)first[k], (double)q.logits[40 * k], 1e-5, "logit");
    arena_release(&q.arena);
}

/* A law: hidden units have no order. */
static void permuting_hidden_units_changes_nothing(void **state)
{
    (void)state;
    struct problem q;
    problem_open(&q, &model_embed_mlp, "d_embed=7 d_hidden=5", 40, 2);
    double before = problem_loss(&q);
    real *in = q.theta + layout_find(&q.layout, "W_inproj")->offset;
    real *out = q.theta + layout_find(&q.layout, "W_outproj")->offset;
    for (size_t j = 0; j < 7; j++) {
        real swap = in[1 * 7 + j];
        in[1 * 7 + j] = in[4 * 7 + j];
        in[4 * 7 + j] = swap;
        swap = out[j * 5 + 1];
        out[j * 5 + 1] = out[j * 5 + 4];
        out[j * 5 + 4] = swap;
    }
    close_to(problem_loss(&q), before, IS_DOUBLE ? 1e-14 : 1e-6, "loss");
    arena_release(&q.arena);
}

static void tensors_are_those_of_the_paper(void **state)
{
    (void)state;
    struct bench b = { 0 };
    bench_open(&b, "expr=a+b p=67", "init_scale=3 layers=3", 0, NULL);
    const struct {
        const char *name;
        int64_t rows, columns;
        double std;
    } want[] = { { "W_E", 500, 67, 3 / sqrt(67) },       { "W_inproj", 48, 500, 3 / sqrt(500) },
                 { "W_h2", 48, 48, 3 / sqrt(48) },       { "W_h3", 48, 48, 3 / sqrt(48) },
                 { "W_outproj", 500, 48, 3 / sqrt(48) }, { "W_U", 500, 67, 3 / sqrt(500) } };
    assert_int_equal(b.layout.count, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const struct tensor *t = &b.layout.tensor[i];
        assert_string_equal(t->name, want[i].name);
        assert_true(t->rank == 2 && t->dim[0] == want[i].rows && t->dim[1] == want[i].columns);
        assert_true(t->prunable && t->decay == 1);
        close_to(t->init_std, want[i].std, 1e-15, t->name);
    }
    arena_release(&b.arena);
}

static void initial_weights_are_gaussian_floats(void **state)
{
    (void)state;
    struct bench b = { 0 };
    bench_open(&b, "expr=a+b p=67", "", 0, NULL);
    real *theta = ARENA_NEW(&b.arena, b.layout.n, real), *other = ARENA_NEW(&b.arena, b.layout.n, real);
    model_init(theta, &b.layout, 7);
    model_init(other, &b.layout, 8);
    for (int i = 0; i < b.layout.count; i++) {
        const struct tensor *t = &b.layout.tensor[i];
        double sum = 0, squares = 0, fourth = 0, n = (double)t->size;
        for (size_t j = t->offset; j < t->offset + t->size; j++) {
            double w = (double)theta[j] / t->init_std;
            assert_true((double)theta[j] == (double)(float)theta[j]);
            sum += w;
            squares += w * w;
            fourth += w * w * w * w;
        }
        close_to(sum / n, 0, 5 / sqrt(n), "mean");
        close_to(squares / n, 1, 5 * sqrt(2 / n), "variance");
        close_to(fourth / n, 3, 5 * sqrt(96 / n), "fourth moment");
        assert_memory_not_equal(theta + t->offset, other + t->offset, t->size * sizeof *theta);
    }
    /* A tensor has its own stream: it starts alike whatever stands before it. */
    struct layout alone = { 0 };
    LAYOUT_ADD(&alone, "W_U", b.layout.tensor[3].init_std, 5);
    model_init(other, &alone, 7);
    assert_memory_equal(other, theta + b.layout.tensor[3].offset, 5 * sizeof *theta);
    arena_release(&b.arena);
}

static void a_task_on_numbers_is_refused(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct err e = { 0 };
    struct layout l = { 0 };
    const void *c = config_of(&a, &model_embed_mlp.kind, "");
    const struct task_shape numbers = { .n_train = 2, .n_test = 2, .width = 784, .classes = 10 };
    assert_int_equal(model_embed_mlp.layout(c, &numbers, &l, &e), -1);
    assert_int_equal(e.kind, ERR_SPEC);
    assert_string_equal(e.text, "model embed_mlp needs a task on symbols; this task gives numbers");
    arena_release(&a);
}

/* [sum w, sum w^2, sum w cos(i), sum |w|, max |w|] against the published code's, relative to sum |w|. */
static void the_first_gradient_is_pytorchs(void **state)
{
    (void)state;
    struct bench b = { 0 };
    hid_t file = H5Fopen("tests/fixtures/step_mlp.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    bench_golden(&b, file);
    const double *init = golden_theta(file, "init", &b.layout, &b.arena);
    real *theta = ARENA_NEW(&b.arena, b.layout.n, real), *gradient = ARENA_NEW(&b.arena, b.layout.n, real);
    real *logits = ARENA_NEW(&b.arena, b.data.train.n * 67, real);
    for (size_t i = 0; i < b.layout.n; i++) theta[i] = (real)init[i];
    struct net *net = model_embed_mlp.open(b.model_config, &b.layout, &b.shape, b.data.train.n, &b.arena);
    model_embed_mlp.prepare(net, theta);
    model_embed_mlp.forward(net, &b.data.train, logits);
    softmax_cross_entropy_gradient(logits, b.data.train.label, b.data.train.n, 67);
    model_embed_mlp.backward(net, &b.data.train, logits, gradient);
    for (int i = 0; i < b.layout.count; i++) {
        const struct tensor *t = &b.layout.tensor[i];
        char name[64];
        double got[5] = { 0 };
        snprintf(name, sizeof name, "init_grad_checksum/%s", t->name);
        const double *want = golden(file, name, H5T_NATIVE_DOUBLE, 5, &b.arena);
        for (size_t j = 0; j < t->size; j++) {
            double g = (double)gradient[t->offset + j];
            got[0] += g;
            got[1] += g * g;
            got[2] += g * cos((double)j);
            got[3] += fabs(g);
            got[4] = fmax(got[4], fabs(g));
        }
        for (int k = 0; k < 5; k++) close_to(got[k], want[k], (IS_DOUBLE ? 1e-13 : 1e-6) * want[3], name);
    }
    H5Fclose(file);
    arena_release(&b.arena);
}

int main(void)
{
    blas_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_finite_differences),
        cmocka_unit_test(factored_equals_plain),
        cmocka_unit_test(masked_weights_are_skipped),
        cmocka_unit_test(hessian_products_are_exact),
        cmocka_unit_test(a_smaller_batch_may_follow_a_larger_one),
        cmocka_unit_test(permuting_hidden_units_changes_nothing),
        cmocka_unit_test(tensors_are_those_of_the_paper),
        cmocka_unit_test(initial_weights_are_gaussian_floats),
        cmocka_unit_test(a_task_on_numbers_is_refused),
        cmocka_unit_test(the_first_gradient_is_pytorchs),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
