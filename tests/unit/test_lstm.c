#include "engine.h"

#include "base/rng.h"
#include "model/lstm.h"
#include "num/blas.h"
#include "num/loss.h"
#include "num/real.h"
#include "num/sigmoid.h"
#include "num/tile.h"
#include "train/train.h"

enum { SYMBOLS = 9 };

/* The model on texts of random length, padded with 0 on the left. */
struct problem {
    struct arena arena;
    const void *config;
    struct task_shape shape;
    struct layout layout;
    struct dataset data;
    struct net *net;
    real *theta, *logits, *gradient;
};

static void problem_open(struct problem *q, const char *settings, size_t n, size_t width, int64_t classes)
{
    struct err e = { 0 };
    memset(q, 0, sizeof *q);
    q->config = config_of(&q->arena, &model_lstm.kind, settings);
    q->shape =
        (struct task_shape){ .n_train = n, .n_test = 1, .width = width, .vocabulary = SYMBOLS, .classes = classes };
    if (model_lstm.layout(q->config, &q->shape, &q->layout, &e)) fail_msg("%s", e.text);
    int32_t *token = ARENA_NEW(&q->arena, n * width, int32_t);
    struct rng r = rng_open(n, "test");
    for (size_t i = 0; i < n; i++)
        for (size_t t = (size_t)rng_below(&r, width); t < width; t++)
            token[i * width + t] = 1 + (int32_t)rng_below(&r, SYMBOLS - 1);
    q->data = (struct dataset){ .n = n, .width = width, .token = token };
    q->net = model_lstm.open(q->config, &q->layout, &q->shape, n, &q->arena);
    q->theta = ARENA_NEW(&q->arena, q->layout.n, real);
    q->gradient = ARENA_NEW(&q->arena, q->layout.n, real);
    q->logits = ARENA_NEW(&q->arena, n * (size_t)classes, real);
    model_init(q->theta, &q->layout, 1);
    model_lstm.prepare(q->net, q->theta);
}

/* Any gradient by the logits will do. */
static void draw(real *out, size_t n)
{
    struct rng r = rng_open(n, "dlogits");
    for (size_t i = 0; i < n; i++) out[i] = (real)(float)rng_normal(&r);
}

static double *widened(struct arena *a, const real *x, size_t n)
{
    double *out = ARENA_NEW(a, n, double);
    for (size_t i = 0; i < n; i++) out[i] = (double)x[i];
    return out;
}

/* Few examples and many: of those there are three chunks, of which backward finds but the last. */
static void it_is_what_its_formula_says(void **state)
{
    (void)state;
    const struct {
        const char *config;
        size_t n, width;
        int64_t classes;
    } of[] = { { "d_embed=5 d_hidden=3 layers=1", 1, 1, 1 },
               { "d_embed=4 d_hidden=7", 37, 5, 3 },
               { "d_embed=3 d_hidden=17 layers=3 init_scale=3", 11, 6, 1 },
               { "d_embed=4 d_hidden=5", 300, 9, 1 } };
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        struct problem q;
        problem_open(&q, of[i].config, of[i].n, of[i].width, of[i].classes);
        size_t outputs = of[i].n * (size_t)of[i].classes;
        const double *theta = widened(&q.arena, q.theta, q.layout.n);
        double *want = ARENA_NEW(&q.arena, outputs, double), *slope = ARENA_NEW(&q.arena, q.layout.n, double);
        model_lstm.forward(q.net, &q.data, q.logits);
        model_lstm.plain(q.config, NULL, &q.layout, &q.data, theta, want, NULL, NULL, NULL);
        all_close_to(q.logits, want, outputs, "logits");
        draw(q.logits, outputs);
        model_lstm.plain(q.config, NULL, &q.layout, &q.data, theta, want, widened(&q.arena, q.logits, outputs), slope,
                         NULL);
        model_lstm.backward(q.net, &q.data, q.logits, q.gradient);
        for (int t = 0; t < q.layout.count; t++) {
            const struct tensor *w = &q.layout.tensor[t];
            all_close_to(q.gradient + w->offset, slope + w->offset, w->size, w->name);
        }
        arena_release(&q.arena);
    }
}

/* Laws: what an example gives depends neither on its place nor on its company; to the last bit where products are our
 * own. */
static void examples_do_not_know_of_each_other(void **state)
{
    (void)state;
    struct problem q;
    enum { N = 200, WIDTH = 8 };
    static int32_t turned[N * WIDTH];
    real alone, logits[N];
    const double tolerance = tile_best()->quick ? 0 : 1e-5;
    problem_open(&q, "d_embed=4 d_hidden=6", N, WIDTH, 1);
    model_lstm.forward(q.net, &q.data, q.logits);
    for (size_t i = 0; i < N; i++)
        memcpy(turned + i * WIDTH, q.data.token + (N - 1 - i) * WIDTH, WIDTH * sizeof *turned);
    struct dataset other = q.data;
    other.token = turned;
    model_lstm.forward(q.net, &other, logits);
    for (size_t i = 0; i < N; i++) close_to((double)logits[i], (double)q.logits[N - 1 - i], tolerance, "turned");
    other.n = 1;
    for (size_t i = 0; i < N; i += 17) {
        other.token = q.data.token + i * WIDTH;
        model_lstm.forward(q.net, &other, &alone);
        close_to((double)alone, (double)q.logits[i], tolerance, "alone");
    }
    arena_release(&q.arena);
}

static void tensors_are_pytorchs(void **state)
{
    (void)state;
    struct problem q;
    problem_open(&q, "init_scale=2", 3, 2, 1);
    const double bound = 2 / sqrt(128);
    const struct {
        const char *name;
        int64_t rows, columns; /* 0: a vector */
    } want[] = { { "embedding.weight", SYMBOLS, 64 },
                 { "lstm.weight_ih_l0", 512, 64 },
                 { "lstm.weight_hh_l0", 512, 128 },
                 { "lstm.bias_ih_l0", 512, 0 },
                 { "lstm.bias_hh_l0", 512, 0 },
                 { "lstm.weight_ih_l1", 512, 128 },
                 { "lstm.weight_hh_l1", 512, 128 },
                 { "lstm.bias_ih_l1", 512, 0 },
                 { "lstm.bias_hh_l1", 512, 0 },
                 { "fc.weight", 1, 128 },
                 { "fc.bias", 1, 0 } };
    assert_int_equal(q.layout.count, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const struct tensor *t = &q.layout.tensor[i];
        double largest = 0;
        assert_string_equal(t->name, want[i].name);
        assert_true(t->dim[0] == want[i].rows && t->dim[1] == want[i].columns);
        assert_true(t->prunable == (want[i].columns > 0) && t->decay == 1);
        for (size_t j = 0; j < t->size; j++) largest = fmax(largest, fabs((double)q.theta[t->offset + j]));
        if (i == 0)
            assert_true(largest > 4 && t->init_std == 2);
        else
            assert_true(largest < bound && (largest > 0.9 * bound || t->size == 1));
    }
    arena_release(&q.arena);
}

static void a_task_on_numbers_is_refused(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct err e = { 0 };
    struct layout l = { 0 };
    const struct task_shape numbers = { .n_train = 2, .n_test = 2, .width = 784, .classes = 10 };
    assert_int_equal(model_lstm.layout(config_of(&a, &model_lstm.kind, ""), &numbers, &l, &e), -1);
    assert_string_equal(e.text, "model lstm needs a task on symbols; this task gives numbers");
    arena_release(&a);
}

/* ---- the squashing functions ---- */

static void sigmoid_and_tanh_are_accurate(void **state)
{
    (void)state;
    const double unit = IS_DOUBLE ? 0x1p-52 : 0x1p-23;
    for (int sign = -1; sign <= 1; sign += 2)
        for (double size = 1e-30; size < 80; size *= 1.003) {
            const real x = (real)(sign * size);
            const double want = tanh((double)x), s = 1 / (1 + exp(-(double)x));
            close_to((double)tanh_of(x), want, 3 * unit * fabs(want), "tanh");
            close_to((double)sigmoid_of(x), s, 3 * unit * s, "sigmoid");
        }
    assert_true(tanh_of(0) == 0 && sigmoid_of(0) == (real)0.5);
    assert_true(tanh_of((real)1e30) == 1 && tanh_of((real)-1e30) == -1);
    assert_true(sigmoid_of((real)1e30) == 1 && sigmoid_of((real)-1e30) < (real)1e-37);
    assert_true(isnan((double)tanh_of((real)NAN)) && isnan((double)sigmoid_of((real)NAN)));
}

/* ---- PyTorch's own numbers ---- */

enum { GOLDEN_N = 20, GOLDEN_WIDTH = 7, GOLDEN_STEPS = 5 };

static const char golden_file[] = "tests/fixtures/lstm.h5";

struct followed {
    double loss[GOLDEN_STEPS + 1];
    const double *after;
    const struct layout *layout;
};

static int on_evaluated(void *ctx, const struct train_state *s, const struct train_metrics *m, struct err *e)
{
    (void)e;
    struct followed *f = ctx;
    f->loss[s->epoch] = m->train.loss;
    for (size_t i = 0; s->epoch == GOLDEN_STEPS && i < f->layout->n; i++)
        close_to((double)s->theta[i], f->after[i], IS_DOUBLE ? 1e-9 : 1e-5, "weights");
    return 0;
}

static void golden_open(struct problem *q, struct task_data *data, hid_t file)
{
    memset(q, 0, sizeof *q);
    struct err e = { 0 };
    q->data = (struct dataset){ .n = GOLDEN_N, .width = GOLDEN_WIDTH };
    q->data.token = golden(file, "token", H5T_NATIVE_INT32, GOLDEN_N * GOLDEN_WIDTH, &q->arena);
    q->data.label = golden(file, "label", H5T_NATIVE_INT32, GOLDEN_N, &q->arena);
    q->config = config_of(&q->arena, &model_lstm.kind, "d_embed=5 d_hidden=6");
    q->shape = (struct task_shape){
        .n_train = GOLDEN_N, .n_test = GOLDEN_N, .width = GOLDEN_WIDTH, .vocabulary = 11, .classes = 1
    };
    if (model_lstm.layout(q->config, &q->shape, &q->layout, &e)) fail_msg("%s", e.text);
    *data = (struct task_data){ .train = q->data, .test = q->data, .vocabulary = 11, .classes = 1 };
}

static void follow(const struct optimizer_kind *optimizer, const char *name)
{
    struct problem q;
    struct task_data data;
    struct err e = { 0 };
    char place[32];
    hid_t file = H5Fopen(golden_file, H5F_ACC_RDONLY, H5P_DEFAULT);
    golden_open(&q, &data, file);
    struct trainer t = { .model = &model_lstm,
                         .model_config = q.config,
                         .layout = &q.layout,
                         .shape = &q.shape,
                         .data = &data,
                         .optimizer = optimizer,
                         .optimizer_config = config_of(&q.arena, &optimizer->kind, "lr=1e-3 weight_decay=1e-3"),
                         .loss = { .kind = LOSS_BINARY_CROSS_ENTROPY },
                         .length = GOLDEN_STEPS,
                         .record = { { { 1, 1 } } } };
    train_open(&t, &q.arena);
    const double *init = golden_theta(file, "init", &q.layout, &q.arena);
    for (size_t i = 0; i < q.layout.n; i++) t.state.theta[i] = (real)init[i];
    snprintf(place, sizeof place, "%s/after", name);
    struct followed f = { .layout = &q.layout, .after = golden_theta(file, place, &q.layout, &q.arena) };
    assert_int_equal(train_run(&t, &(const struct train_hooks){ .ctx = &f, .evaluated = on_evaluated }, &e), 0);
    snprintf(place, sizeof place, "%s/loss", name);
    const double *loss = golden(file, place, H5T_NATIVE_DOUBLE, GOLDEN_STEPS, &q.arena);
    for (size_t i = 0; i < GOLDEN_STEPS; i++) close_to(f.loss[i], loss[i], IS_DOUBLE ? 1e-13 : 1e-6, "loss");
    H5Fclose(file);
    arena_release(&q.arena);
}

static void steps_are_pytorchs(void **state)
{
    (void)state;
    follow(&optimizer_adam, "adam");
    follow(&optimizer_adamw, "adamw");
}

static void the_first_gradient_is_pytorchs(void **state)
{
    (void)state;
    struct problem q;
    struct task_data data;
    hid_t file = H5Fopen(golden_file, H5F_ACC_RDONLY, H5P_DEFAULT);
    golden_open(&q, &data, file);
    const double *init = golden_theta(file, "init", &q.layout, &q.arena);
    const double *want = golden_theta(file, "gradient", &q.layout, &q.arena);
    real *theta = ARENA_NEW(&q.arena, q.layout.n, real), *gradient = ARENA_NEW(&q.arena, q.layout.n, real);
    real logits[GOLDEN_N];
    for (size_t i = 0; i < q.layout.n; i++) theta[i] = (real)init[i];
    struct net *net = model_lstm.open(q.config, &q.layout, &q.shape, GOLDEN_N, &q.arena);
    model_lstm.prepare(net, theta);
    model_lstm.forward(net, &q.data, logits);
    all_close_to(logits, golden(file, "logits", H5T_NATIVE_DOUBLE, GOLDEN_N, &q.arena), GOLDEN_N, "logits");
    loss_gradient(&(const struct loss){ .kind = LOSS_BINARY_CROSS_ENTROPY }, logits, &q.data, 1);
    model_lstm.backward(net, &q.data, logits, gradient);
    all_close_to(gradient, want, q.layout.n, "gradient");
    H5Fclose(file);
    arena_release(&q.arena);
}

int main(void)
{
    blas_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_what_its_formula_says),    cmocka_unit_test(examples_do_not_know_of_each_other),
        cmocka_unit_test(tensors_are_pytorchs),           cmocka_unit_test(a_task_on_numbers_is_refused),
        cmocka_unit_test(sigmoid_and_tanh_are_accurate),  cmocka_unit_test(steps_are_pytorchs),
        cmocka_unit_test(the_first_gradient_is_pytorchs),
    };
    return cmocka_run_group_tests_name("lstm", tests, NULL, NULL);
}
