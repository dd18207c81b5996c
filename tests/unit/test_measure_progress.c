#define TOMBOLA_REAL 64
#include "measures.h"

/* Against the numbers of Chen's code on its own networks, and laws. */

enum { P = 31, FREQUENCIES = 15, NEURONS = 128 };
static const char *const nanda = "d_model=64 heads=4 d_head=16 d_mlp=128 equals=true positional=true biases=true "
                                 "equals_logit=true";

static const double *column(struct look *l, const char *name)
{
    return look_at(l, &measure_progress, name);
}

struct golden_group {
    hid_t file;
    const char *name;
    struct look *look;
};

static void same(const struct golden_group *g, const double *got, const char *name, size_t n)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", g->name, name);
    const double *want = golden(g->file, path, H5T_NATIVE_DOUBLE, n, &g->look->bench.arena);
    for (size_t i = 0; i < n; i++) {
        if (isnan(want[i]))
            assert_true(isnan(got[i]));
        else
            close_to(got[i], want[i], 1e-9 * fmax(1, fabs(want[i])), path);
    }
}

/* The list of key frequencies, but for the published code's -1, against those of the file. */
static void same_keys(const struct golden_group *g, const char *name, bool counts_dead)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", g->name, name);
    const size_t n = golden_rows(g->file, path);
    const int32_t *want =
        n ? golden(g->file, path, H5T_NATIVE_INT32, n, &g->look->bench.arena) : &(const int32_t){ 0 };
    const double *key = column(g->look, "key");
    size_t live = 0, found = 0;
    for (size_t i = 0; i < n; i++) {
        live += want[i] > 0;
        assert_true(want[i] < 0 || key[want[i] - 1] == 1);
    }
    for (size_t f = 0; f < FREQUENCIES; f++) found += key[f] > 0;
    assert_int_equal(found, live);
    assert_true(column(g->look, "keys")[0] == (double)(counts_dead ? n : live));
}

static void same_losses(const struct golden_group *g, const char *keys)
{
    static const char *const set[] = { "all", "train", "test" };
    char name[64];
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s/restricted_loss_%s", keys, set[i]);
        same(g, column(g->look, "restricted_loss") + i, name, 1);
        snprintf(name, sizeof name, "%s/excluded_all_key_at_once_%s", keys, set[i]);
        same(g, column(g->look, "excluded_keys_loss") + i, name, 1);
    }
    snprintf(name, sizeof name, "%s/%s/excluded_loss_train", g->name, keys);
    const size_t n = golden_rows(g->file, name);
    const double *loss = golden(g->file, name, H5T_NATIVE_DOUBLE, n, &g->look->bench.arena);
    double mean = 0;
    for (size_t i = 0; i < n; i++) mean += loss[i] / (double)n;
    close_to(column(g->look, "excluded_mean_loss")[1], mean, 1e-9 * fmax(1, mean), name);
}

static void same_everywhere(const struct golden_group *g)
{
    struct look *l = g->look;
    same(g, column(l, "loss") + 1, "train_loss_p_columns", 1);
    same(g, column(l, "loss") + 2, "test_loss_p_columns", 1);
    same(g, column(l, "excluded_loss"), "excluded_loss_every_freq", FREQUENCIES * 3);
    same(g, column(l, "cosine"), "cosine_coefficients", FREQUENCIES);
    same(g, column(l, "explained"), "neuron_frac_explained", NEURONS * FREQUENCIES);
    same(g, column(l, "embed_norm"), "fourier_norm_W_E", P);
    same(g, column(l, "unembed_norm"), "fourier_norm_W_U", P);
    same(g, column(l, "embed_gini"), "gini_W_E_components", 1);
    same(g, column(l, "embed_gini") + 1, "gini_W_E_frequencies", 1);
    same(g, column(l, "unembed_gini"), "gini_W_U_components", 1);
    same(g, column(l, "unembed_gini") + 1, "gini_W_U_frequencies", 1);
}

static void check_group(struct look *l, hid_t file, const char *name, hid_t fixture)
{
    const struct golden_group g = { file, name, l };
    char weights[64];
    snprintf(weights, sizeof weights, "%s/weights", name);
    l->probe.theta = golden_theta(file, weights, &l->bench.layout, &l->bench.arena);
    look_run(l, &measure_progress, "rule=published");
    same_everywhere(&g);
    same_keys(&g, "key_freqs_published", true);
    same_losses(&g, "key_published");
    look_run(l, &measure_progress, "threshold=0.85");
    same_keys(&g, "key_freqs_over_0.85", false);
    look_run(l, &measure_progress, "");
    same_everywhere(&g);
    same_keys(&g, "key_freqs_all", false);
    if (column(l, "dead")[0] == 0) {
        same_losses(&g, "key_all");
    } else { /* the reference has dead neurons in this list too */
        const struct golden_group live = { fixture, "init/key_live", l };
        assert_string_equal(name, "init");
        same(&live, column(l, "restricted_loss"), "restricted", 3);
        same(&live, column(l, "excluded_keys_loss"), "excluded", 3);
    }
}

static hid_t open_golden(struct look *l)
{
    hid_t fixture = H5Fopen("tests/fixtures/progress.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    bench_golden_model(&l->bench, fixture, "expr=a+b p=31 pairs=ordered", &model_transformer, nanda);
    look_open(l, &model_transformer, false);
    return fixture;
}

static void progress_is_chens(void **state)
{
    (void)state;
    struct look l = { 0 };
    hid_t fixture = open_golden(&l);
    check_group(&l, fixture, "init", fixture);
    check_group(&l, fixture, "last", fixture);
    look_close(&l);
    H5Fclose(fixture);
}

static void all_checkpoints_agree_with_the_reference(void **state)
{
    (void)state;
    static const char *const group[] = { "init", "memorised", "mid", "last" };
    const char *const path = "../shared/reference/progress.h5";
    FILE *there = fopen(path, "rb");
    if (!there) {
        skip();
        return;
    }
    fclose(there);
    struct look l = { 0 };
    hid_t fixture = open_golden(&l), reference = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    for (size_t i = 0; i < ARRAY_LEN(group); i++) check_group(&l, reference, group[i], fixture);
    look_close(&l);
    H5Fclose(fixture);
    H5Fclose(reference);
}

/* ---- laws ---- */

/* More pairs than a transformer takes in one round. */
static void hidden_neurons_do_not_depend_on_the_other_pairs(void **state)
{
    (void)state;
    static const struct {
        const struct model_kind *model;
        const char *config;
        size_t neurons;
    } tried[] = { { &model_embed_mlp, "d_embed=8 d_hidden=6 layers=2", 6 },
                  { &model_transformer, "d_model=8 d_mlp=130 heads=2", 130 },
                  { &model_transformer, "d_model=8 d_mlp=130 heads=2 equals=true positional=true biases=true",
                    130 } };
    for (size_t t = 0; t < ARRAY_LEN(tried); t++) {
        struct bench b = { 0 };
        const struct model_kind *m = tried[t].model;
        bench_open_model(&b, "expr=a+b p=43 pairs=ordered", m, tried[t].config, 1, NULL);
        struct net *net = m->open(b.model_config, &b.layout, &b.shape, b.data.test.n, &b.arena);
        const size_t n = b.data.test.n, h = tried[t].neurons;
        double *theta = ARENA_NEW(&b.arena, b.layout.n, double), *all = ARENA_NEW(&b.arena, n * h, double);
        double *one = ARENA_NEW(&b.arena, h, double);
        model_init(theta, &b.layout, 4);
        m->prepare(net, theta);
        m->hidden(net, &b.data.test, all);
        for (size_t i = 0; i < n; i += 31) {
            const struct dataset pair = { 1, 2, .token = b.data.test.token + 2 * i };
            m->hidden(net, &pair, one);
            for (size_t j = 0; j < h; j++) close_to(all[j * n + i], one[j], 1e-14, tried[t].config);
        }
        arena_release(&b.arena);
    }
}

/* A network that adds by one rotation: relu is linear where all inputs are positive, so the only function of pairs
 * that it can make is a sum of one of a and one of b. */
static void open_sum(struct look *l, size_t frequency)
{
    struct bench *b = &l->bench;
    bench_open(b, "expr=a+b p=13 train_fraction=0.5", "d_embed=4 d_hidden=4", 1, NULL);
    look_open(l, &model_embed_mlp, false);
    double *theta = ARENA_NEW(&b->arena, b->layout.n, double);
    for (size_t i = 0; i < 4; i++) {
        theta[layout_find(&b->layout, "W_inproj")->offset + 5 * i] = i != 3;
        theta[layout_find(&b->layout, "W_outproj")->offset + 5 * i] = 1;
        for (size_t x = 0; x < 13; x++) {
            const double angle = 2 * M_PI * (double)(frequency * x) / 13 + (double)i;
            theta[layout_find(&b->layout, "W_E")->offset + i * 13 + x] = 2 + cos(angle);
            theta[layout_find(&b->layout, "W_U")->offset + i * 13 + x] = sin(angle) + (double)i;
        }
    }
    l->probe.theta = theta;
}

static void a_neuron_of_one_wave_is_explained_by_it(void **state)
{
    (void)state;
    for (size_t f = 1; f <= 6; f++) {
        struct look l = { 0 };
        open_sum(&l, f);
        look_run(&l, &measure_progress, "");
        for (size_t i = 0; i < 3; i++)
            for (size_t g = 1; g <= 6; g++)
                close_to(column(&l, "explained")[i * 6 + g - 1], f == g, 1e-12, "the wave of the neuron");
        assert_true(isnan(column(&l, "explained")[3 * 6]) && isnan(column(&l, "best")[3])); /* never active */
        assert_true(column(&l, "dead")[0] == 1 && column(&l, "keys")[0] == 1 && column(&l, "key")[f - 1] == 1);
        close_to(column(&l, "embed_gini")[1], 1 - 1.0 / 6, 1e-12, "one frequency of six");
        /* cos and sin of a + b take no part in sums of functions of a and of b. */
        for (size_t s = 0; s < 3; s++) {
            close_to(column(&l, "excluded_keys_loss")[s], column(&l, "loss")[s], 1e-12, "nothing to exclude");
            close_to(column(&l, "excluded_loss")[(f - 1) * 3 + s], column(&l, "loss")[s], 1e-12, "nor by itself");
        }
        close_to(column(&l, "cosine")[f - 1], 0, 1e-12, "no rotation");
        look_close(&l);
    }
}

/* With p odd the published rule never sees the last frequency. */
static void the_published_rule_misses_the_last_frequency(void **state)
{
    (void)state;
    struct look l = { 0 };
    open_sum(&l, 6);
    look_run(&l, &measure_progress, "rule=published");
    assert_true(column(&l, "key")[5] == 0);
    look_close(&l);
}

/* Of unordered pairs the loss over all of them takes the mirrored ones too: twice the sum, less the diagonal. */
static void all_pairs_are_all_pairs(void **state)
{
    (void)state;
    struct look l = { 0 };
    bench_open(&l.bench, "expr=a+b p=7 train_fraction=0.5", "d_embed=8 d_hidden=6", 3, NULL);
    look_open(&l, &model_embed_mlp, true);
    double *theta = ARENA_NEW(&l.bench.arena, l.bench.layout.n, double);
    model_init(theta, &l.bench.layout, 5);
    l.probe.theta = theta;
    look_run(&l, &measure_progress, "");
    double sum = 0;
    const struct dataset *const set[] = { &l.bench.data.train, &l.bench.data.test };
    for (size_t s = 0; s < 2; s++) {
        close_to(column(&l, "loss")[1 + s], measure_evaluate(&l.probe, theta, set[s]).loss, 1e-13, "the job's loss");
        for (size_t i = 0; i < set[s]->n; i++) {
            const struct dataset one = { 1, 2, .token = set[s]->token + 2 * i, .label = set[s]->label + i };
            sum += (one.token[0] == one.token[1] ? 1 : 2) * measure_evaluate(&l.probe, theta, &one).loss;
        }
    }
    close_to(column(&l, "loss")[0], sum / 49, 1e-13, "49 pairs");
    look_close(&l);
}

static void fits_only_sums_of_odd_p(void **state)
{
    (void)state;
    static const struct {
        const char *task;
        bool fits;
    } tried[] = { { "expr=a+b p=7", true },
                  { "expr=b+a p=7", true },
                  { "expr=a-b p=7 pairs=ordered", false },
                  { "expr=a+b p=8", false },
                  { "expr=a+b p=211", false } };
    for (size_t i = 0; i < ARRAY_LEN(tried); i++) {
        struct look l = { 0 };
        struct err e = { 0 };
        bench_open(&l.bench, tried[i].task, "d_embed=4 d_hidden=4", 1, NULL);
        look_open(&l, &model_embed_mlp, false);
        assert_int_equal(measure_progress.fits(&l.probe.at, &e), tried[i].fits ? 0 : -1);
        look_close(&l);
    }
}

static bool stop(void *ctx)
{
    return --*(int *)ctx < 0;
}

static void it_leaves_when_told(void **state)
{
    (void)state;
    struct look l = { 0 };
    struct err e = { 0 };
    open_sum(&l, 2);
    look_run(&l, &measure_progress, "");
    int left = 3;
    l.probe.leave = stop;
    l.probe.ctx = &left;
    assert_int_equal(measure_progress.run(&l.probe, l.out, &e), -1);
    assert_int_equal(e.kind, ERR_STOPPED);
    look_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_is_chens),
        cmocka_unit_test(all_checkpoints_agree_with_the_reference),
        cmocka_unit_test(hidden_neurons_do_not_depend_on_the_other_pairs),
        cmocka_unit_test(a_neuron_of_one_wave_is_explained_by_it),
        cmocka_unit_test(the_published_rule_misses_the_last_frequency),
        cmocka_unit_test(all_pairs_are_all_pairs),
        cmocka_unit_test(fits_only_sums_of_odd_p),
        cmocka_unit_test(it_leaves_when_told),
    };
    return cmocka_run_group_tests_name("measure_progress", tests, NULL, NULL);
}
