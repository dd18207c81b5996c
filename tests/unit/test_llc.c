#define TOMBOLA_REAL 64
#include "measures.h"
#include "sanitized.h"

#include "job/registry.h"
#include "measure/llc.h"
#include "measure/sgld.h"

#include <stdlib.h>

/* Walks against devinterp's own, with its noise; the noise against libm; laws of the estimate. */

static void open_walk(struct look *l, const char *options)
{
    *l = (struct look){ .out = { NULL } };
    bench_open(&l->bench, "expr=a+b p=13 train_fraction=0.5", "d_embed=8 d_hidden=6", 1, NULL);
    look_open(l, &model_embed_mlp, false);
    double *theta = ARENA_NEW(&l->bench.arena, l->bench.layout.n, double);
    model_init(theta, &l->bench.layout, 1);
    l->probe.theta = l->probe.initial = theta;
    l->probe.at.options = config_of(&l->bench.arena, &measure_llc.kind, options);
}

/* ---- devinterp ---- */

struct golden_noise {
    const float *tensor[4]; /* (steps, size) */
    const struct layout *layout;
    float *flat; /* room */
};

/* The tensors' noise of a step as one flat vector. */
static const float *stored(const void *ctx, int64_t step, uint64_t chunk, float *room)
{
    const struct golden_noise *g = ctx;
    (void)room;
    for (int i = 0; i < 4; i++) {
        const struct tensor *t = &g->layout->tensor[i];
        memcpy(g->flat + t->offset, g->tensor[i] + (size_t)step * t->size, t->size * sizeof(float));
    }
    return g->flat + chunk * NOISE_CHUNK;
}

static const struct chain {
    const char *name;
    double epsilon, gamma, noise, weight_decay;
} golden_chains[] = { { "chain_A", 1e-5, 100, 1, 0 },
                      { "chain_B", 1e-4, 1, 1, 3e-7 },
                      { "chain_C", 2e-5, 10, 0.5, 0 } };

static void check_chain(const struct look *l, const struct golden_noise *noise, const struct chain *c, hid_t file,
                        int64_t draws)
{
    struct arena *a = l->probe.scratch;
    const double n = (double)l->bench.data.train.n, nbeta = n / log(n);
    struct sgld s = { .probe = &l->probe,
                      .epsilon = c->epsilon,
                      .gamma = c->gamma,
                      .noise = c->noise,
                      .weight_decay = c->weight_decay,
                      .nbeta = nbeta,
                      .bound = (double)INFINITY,
                      .steps = draws,
                      .stream = "",
                      .draw = stored,
                      .ctx = noise };
    double losses[301], *last = ARENA_NEW(a, l->bench.layout.n, double), estimate[LLC_ESTIMATES];
    char name[64];
    struct err e = { 0 };
    int64_t left;
    snprintf(name, sizeof name, "%s/losses", c->name);
    const double *want = golden(file, name, H5T_NATIVE_DOUBLE, 301, a);
    assert_int_equal(sgld_walk_f64(&s, l->probe.at.model, losses, &left, last, &e), 0);
    assert_int_equal(left, -1);
    for (int64_t i = 0; i <= draws; i++) close_to(losses[i], want[i], 1e-9, name);
    llc_estimates(estimate, draws == 300 ? losses : want, 0, 300, losses[0], nbeta);
    if (draws == 300) {
        static const char *const part[] = { "devinterp", "post_update", "second_half" };
        for (int i = 0; i < LLC_ESTIMATES; i++) {
            snprintf(name, sizeof name, "%s/lambda_hat_%s", c->name, part[i]);
            close_to(estimate[i], *(double *)golden(file, name, H5T_NATIVE_DOUBLE, 1, a), 1e-9, name);
        }
        snprintf(name, sizeof name, "%s/w_final", c->name);
        const double *end = golden_theta(file, name, &l->bench.layout, a);
        for (size_t i = 0; i < l->bench.layout.n; i++) close_to(last[i], end[i], 1e-9, name);
    } else {
        snprintf(name, sizeof name, "%s/estimates", c->name);
        const double *all = golden(file, name, H5T_NATIVE_DOUBLE, LLC_ESTIMATES, a);
        for (int i = 0; i < LLC_ESTIMATES; i++) close_to(estimate[i], all[i], 1e-9, name);
    }
}

static void check_walks(const char *path, int64_t draws)
{
    hid_t fixture = H5Fopen("tests/fixtures/rlct.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    struct look l = { .out = { NULL } };
    bench_golden_model(&l.bench, fixture, "expr=a+b p=17", &model_embed_mlp, "d_embed=16 d_hidden=12");
    look_open(&l, &model_embed_mlp, false);
    const struct layout *layout = &l.bench.layout;
    l.probe.theta = golden_theta(file, "w0", layout, &l.bench.arena);
    struct golden_noise noise = { .layout = layout,
                                  .flat = ARENA_NEW(&l.bench.arena, layout->n + NOISE_CHUNK, float) };
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "noise/%s", layout->tensor[i].name);
        noise.tensor[i] =
            golden(file, name, H5T_NATIVE_FLOAT, (size_t)draws * layout->tensor[i].size, &l.bench.arena);
    }
    for (size_t i = 0; i < ARRAY_LEN(golden_chains); i++) check_chain(&l, &noise, &golden_chains[i], file, draws);
    look_close(&l);
    H5Fclose(file);
    H5Fclose(fixture);
}

static void walks_are_devinterps(void **state)
{
    (void)state;
    check_walks("tests/fixtures/rlct.h5", 30);
}

/* To the end, and where they end, where the reference data are. */
static void whole_walks_are_devinterps(void **state)
{
    (void)state;
    if (SANITIZED) return; /* they have seen the beginning, above */
    const char *const path = "../shared/reference/rlct.h5";
    FILE *there = fopen(path, "rb");
    if (!there) {
        skip();
        return;
    }
    fclose(there);
    check_walks(path, 300);
}

/* ---- the noise ---- */

static void noise_is_box_and_mullers(void **state)
{
    (void)state;
    struct rng r = rng_open(5, "measure/llc/100/2/noise");
    float out[NOISE_CHUNK];
    const uint64_t chunk = 0x1800003;
    noise_chunk(out, &r, chunk);
    for (size_t b = 0; b < 256; b++) {
        uint32_t w[4];
        r.block = chunk * 256 + b;
        r.left = 0;
        for (size_t i = 0; i < 4; i++) w[i] = rng_u32(&r);
        for (size_t i = 0; i < 2; i++) {
            const double u = (floor(w[2 * i] / 2) + 0.5) * 0x1p-31, radius = sqrt(-2 * log(u));
            float c, s;
            noise_angle(w[2 * i + 1], &c, &s);
            close_to(pow((double)noise_radius(w[2 * i]), 2), radius * radius, 3e-7 * (1 + radius * radius), "radius");
            close_to((double)c * (double)c + (double)s * (double)s, 1, 4e-7, "on the circle");
            assert_true(out[512 * i + b] == noise_radius(w[2 * i]) * c);
            assert_true(out[512 * i + 256 + b] == noise_radius(w[2 * i]) * s);
        }
    }
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Angles on a grid of words are the grid of angles. */
static void angles_go_round_the_circle(void **state)
{
    (void)state;
    enum { STEPS = 1024 };
    static double turn[STEPS];
    for (uint32_t i = 0; i < STEPS; i++) {
        float c, s;
        noise_angle((i / 4) << 24 | 1U << 23 | i % 4, &c, &s);
        turn[i] = atan2((double)s, (double)c);
    }
    qsort(turn, STEPS, sizeof *turn, ascending);
    for (size_t i = 0; i < STEPS; i++) close_to(turn[i], 2 * M_PI * (((double)i + 0.5) / STEPS - 0.5), 1e-6, "angle");
}

static void noise_is_normal(void **state)
{
    (void)state;
    enum { CHUNKS = 2000 };
    const struct rng r = rng_open(1, "x");
    double power[5] = { 0 }, neighbour = 0;
    float out[NOISE_CHUNK];
    for (uint64_t c = 0; c < CHUNKS; c++) {
        noise_chunk(out, &r, c);
        for (size_t i = 0; i < NOISE_CHUNK; i++) {
            const double z = (double)out[i];
            double product = z / CHUNKS / NOISE_CHUNK;
            for (int k = 1; k < 5; k++, product *= z) power[k] += product;
            neighbour += z * (double)out[(i + 256) % NOISE_CHUNK] / CHUNKS / NOISE_CHUNK;
        }
    }
    close_to(power[1], 0, 4e-3, "mean"); /* 5 standard errors and more */
    close_to(power[2], 1, 6e-3, "variance");
    close_to(power[3], 0, 2e-2, "skewness");
    close_to(power[4], 3, 5e-2, "kurtosis");
    close_to(neighbour, 0, 4e-3, "correlation");
}

/* ---- laws ---- */

static void a_chain_is_the_same_alone_and_beside_others(void **state)
{
    (void)state;
    struct look l;
    open_walk(&l, "");
    look_run(&l, &measure_llc, "draws=20 chains=3 burn_in=0");
    const double *many = look_at(&l, &measure_llc, "loss");
    look_run(&l, &measure_llc, "draws=10 chains=2 burn_in=0");
    const double *few = look_at(&l, &measure_llc, "loss");
    for (size_t chain = 0; chain < 2; chain++)
        assert_memory_equal(few + 11 * chain, many + 21 * chain, 11 * sizeof(double));
    assert_true(many[0] == many[21] && many[1] != many[22]);
    assert_true(many[0] == look_at(&l, &measure_llc, "initial_loss")[0]);
    l.probe.epoch = 7;
    look_run(&l, &measure_llc, "draws=10 chains=2 burn_in=0");
    assert_true(look_at(&l, &measure_llc, "loss")[0] == few[0] && look_at(&l, &measure_llc, "loss")[1] != few[1]);
    look_close(&l);
}

/* Without noise a walk descends; float and double then agree. */
static void a_walk_without_noise_descends(void **state)
{
    (void)state;
    struct look l;
    open_walk(&l, "");
    look_run(&l, &measure_llc, "draws=50 chains=2 burn_in=0 noise=0 gamma=0 epsilon=1e-3");
    const double *loss = look_at(&l, &measure_llc, "loss");
    for (size_t i = 0; i < 50; i++) assert_true(loss[i + 1] < loss[i]);
    assert_true(look_at(&l, &measure_llc, "llc_std")[0] == 0 && look_at(&l, &measure_llc, "llc")[0] < 0);
    l.probe.at.single = registry_model_f32("embed_mlp");
    look_run(&l, &measure_llc, "draws=50 chains=2 burn_in=0 noise=0 gamma=0 epsilon=1e-3");
    const double *single = look_at(&l, &measure_llc, "loss");
    assert_true(single[50] != loss[50]);
    close_to(single[50], loss[50], 1e-5, "in float");
    look_close(&l);
}

static void masked_weights_stay_where_they_are(void **state)
{
    (void)state;
    struct look l;
    open_walk(&l, "");
    const size_t n = l.bench.layout.n;
    double *last = ARENA_NEW(&l.bench.arena, n, double), losses[11];
    uint8_t *mask = ARENA_NEW(&l.bench.arena, n, uint8_t);
    double *theta = ARENA_NEW(&l.bench.arena, n, double);
    for (size_t i = 0; i < n; i++) theta[i] = (mask[i] = i % 3 > 0) ? l.probe.theta[i] : 0;
    l.probe.mask = mask;
    l.probe.theta = theta;
    struct sgld s = {
        .probe = &l.probe, .epsilon = 1e-4, .noise = 1, .nbeta = 10, .bound = 1e9, .steps = 10, .stream = "s"
    };
    struct err e = { 0 };
    int64_t left;
    assert_int_equal(sgld_walk_f64(&s, l.probe.at.model, losses, &left, last, &e), 0);
    for (size_t i = 0; i < n; i++) assert_true((last[i] == theta[i]) == !mask[i]);
    look_close(&l);
}

static void a_walk_that_leaves_is_reported(void **state)
{
    (void)state;
    struct look l;
    for (int single = 0; single < 2; single++) {
        open_walk(&l, "");
        if (single) l.probe.at.single = registry_model_f32("embed_mlp");
        look_run(&l, &measure_llc, "draws=100 chains=2 burn_in=0 epsilon=1 gamma=100");
        const double *left = look_at(&l, &measure_llc, "diverged"), *loss = look_at(&l, &measure_llc, "loss");
        for (size_t chain = 0; chain < 2; chain++) {
            assert_true(left[chain] > 0 && left[chain] < 100);
            assert_true(isnan(look_at(&l, &measure_llc, "chain")[3 * chain]));
            assert_true(isfinite(loss[101 * chain]) && isnan(loss[101 * chain + (size_t)left[chain] + 1]));
        }
        for (size_t i = 0; i < 3; i++) assert_true(isnan(look_at(&l, &measure_llc, "llc")[i]));
        look_close(&l);
    }
}

/* The noise of minibatches is in the trace, and each pass sees every example once: losses of a pass at one place have
 * the whole set's loss as their mean. */
static void minibatches_are_a_partition(void **state)
{
    (void)state;
    struct look l;
    open_walk(&l, "");
    const size_t n = l.bench.data.train.n, batch = n / 5;
    double losses[64], sum = 0;
    struct sgld s = { .probe = &l.probe, .bound = 1e9, .steps = 20, .batch = (int64_t)batch, .stream = "s" };
    struct err e = { 0 };
    int64_t left;
    const size_t batches = (n + batch - 1) / batch;
    assert_int_equal(sgld_walk_f64(&s, l.probe.at.model, losses, &left, NULL, &e), 0);
    for (size_t i = 0; i < batches; i++)
        sum += losses[i] * (double)(i + 1 < batches || n % batch == 0 ? batch : n % batch);
    assert_true(losses[0] != losses[1] && losses[0] != losses[batches]); /* another order in the next pass */
    s.batch = s.steps = 0;
    assert_int_equal(sgld_walk_f64(&s, l.probe.at.model, losses, &left, NULL, &e), 0);
    close_to(sum / (double)n, losses[0], 1e-12, "mean of the batches");
    look_close(&l);
}

static void estimates_count_what_they_say(void **state)
{
    (void)state;
    const double losses[] = { 100, 100, 1, 2, 3, 4, 5 }; /* two of burn-in, four draws */
    double out[LLC_ESTIMATES];
    llc_estimates(out, losses, 2, 4, 1, 10);
    assert_true(out[LLC_DEVINTERP] == 15 && out[LLC_POST_UPDATE] == 25 && out[LLC_SECOND_HALF] == 35);
}

/* y = beta.x, learned by `width` linear neurons of which the output is the mean. */
static void open_linear(struct look *l, int d, int width)
{
    struct bench *b = &l->bench;
    struct err e = { 0 };
    char task[128], model[128];
    snprintf(task, sizeof task, "d=%d degree=1 n_train=450", d);
    snprintf(model, sizeof model, "d_hidden=%d readout=mean activation=quadratic epsilon=0 biases=false", width);
    *l = (struct look){ .out = { NULL } };
    b->task_config = config_of(&b->arena, &task_polynomial.kind, task);
    b->model_config = config_of(&b->arena, &model_dense_mlp.kind, model);
    if (task_polynomial.shape(b->task_config, &b->shape, &e) ||
        task_polynomial.build(b->task_config, 1, NULL, &b->arena, &b->data, &e) ||
        model_dense_mlp.layout(b->model_config, &b->shape, &b->layout, &e))
        fail_msg("%s", e.text);
    convert_data(&b->data, &b->arena);
    look_open(l, &model_dense_mlp, false);
    l->probe.at.task = &task_polynomial.kind;
    l->probe.at.task_config = b->task_config;
    l->probe.at.loss.kind = LOSS_MSE;
    l->probe.theta = l->probe.initial = ARENA_NEW(&b->arena, b->layout.n, double);
}

/* What is known: of a regular model it is half the number of parameters, and weights that only add to one another are
 * one parameter.  Here a hundred, of 100 and of 300 weights; and few, about which walks stray far by chance. */
static void a_linear_network_has_half_its_dimensions(void **state)
{
    (void)state;
    static double descent[4001];
    static const struct {
        int d, width;
        const char *walk;
    } of[] = { { 100, 1, "epsilon=5e-2 gamma=0 draws=3000 burn_in=1000" },
               { 100, 3, "epsilon=5e-2 gamma=0 draws=3000 burn_in=1000" },
               { 5, 1, "epsilon=2.5e-3 gamma=0 draws=20000 burn_in=1000" } };
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        struct look l;
        open_linear(&l, of[i].d, of[i].width);
        double *minimum = ARENA_NEW(&l.bench.arena, l.bench.layout.n, double);
        struct sgld s = { .probe = &l.probe, .nbeta = 15, .bound = 1e9, .steps = 4000, .stream = "s" };
        s.epsilon = of[i].d / 100.0; /* the curvature is 1 / d */
        struct err e = { 0 };
        int64_t left;
        assert_int_equal(sgld_walk_f64(&s, l.probe.at.model, descent, &left, minimum, &e), 0);
        assert_true(descent[4000] < 1e-20);
        l.probe.theta = minimum;
        look_run(&l, &measure_llc, of[i].walk);
        close_to(look_at(&l, &measure_llc, "llc")[1], of[i].d / 2.0, 0.05 * of[i].d / 2, "llc");
        look_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_are_devinterps),
        cmocka_unit_test(whole_walks_are_devinterps),
        cmocka_unit_test(noise_is_box_and_mullers),
        cmocka_unit_test(angles_go_round_the_circle),
        cmocka_unit_test(noise_is_normal),
        cmocka_unit_test(a_chain_is_the_same_alone_and_beside_others),
        cmocka_unit_test(a_walk_without_noise_descends),
        cmocka_unit_test(masked_weights_stay_where_they_are),
        cmocka_unit_test(a_walk_that_leaves_is_reported),
        cmocka_unit_test(minibatches_are_a_partition),
        cmocka_unit_test(estimates_count_what_they_say),
        cmocka_unit_test(a_linear_network_has_half_its_dimensions),
    };
    return cmocka_run_group_tests_name("llc", tests, NULL, NULL);
}
