#define TOMBOLA_REAL 64
#include "measures.h"

/* Against the numbers of Merrill et al.'s code on its own networks, and laws. */

enum { WIDTH = 200 };

static double *column(struct look *l, const char *name)
{
    return look_at(l, &measure_subnetwork, name);
}

static void follow_back(struct look *l)
{
    struct err e = { 0 };
    assert_int_equal(measure_subnetwork.look_back(&l->probe, &l->probe.found, &e), 0);
}

static void open_golden(struct look *l, hid_t file)
{
    struct task_split split = { .width = 40, .n_train = 1000, .n_test = 100 };
    split.train = golden(file, "data/train_pairs", H5T_NATIVE_INT32, 40000, &l->bench.arena);
    split.test = golden(file, "data/test_pairs", H5T_NATIVE_INT32, 4000, &l->bench.arena);
    look_open_parity(l, "", "d_hidden=200 output_bias=false", &split);
}

/* As many values as the file has. */
static void same(struct look *l, hid_t file, const char *group, const char *name, const char *mine, double tolerance)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", group, name);
    const size_t n = golden_rows(file, path);
    const double *want = golden(file, path, H5T_NATIVE_DOUBLE, n, &l->bench.arena), *got = column(l, mine);
    for (size_t i = 0; i < n; i++) close_to(got[i], want[i], tolerance, path);
}

static void check_members(struct look *l, hid_t file, const char *group)
{
    char path[64];
    snprintf(path, sizeof path, "%s/linear_indices", group);
    const size_t n = golden_rows(file, path);
    const int32_t *want = golden(file, path, H5T_NATIVE_INT32, n, &l->bench.arena);
    double members = 0;
    for (size_t i = 0; i < WIDTH; i++) members += column(l, "member")[i];
    assert_true(members == (double)n);
    for (size_t i = 0; i < n; i++) assert_true(column(l, "member")[want[i]] == 1);
}

static void check_numbers(struct look *l, hid_t file, const char *group)
{
    static const struct {
        const char *column;
        size_t at;
    } mine[] = { { "linear_size", 0 },       { "binary_size", 0 },       { "train_accuracy", 0 },
                 { "train_accuracy", 1 },    { "train_accuracy", 2 },    { "test_accuracy", 0 },
                 { "test_accuracy", 1 },     { "test_accuracy", 2 },     { "train_faithfulness", 0 },
                 { "test_faithfulness", 0 }, { "train_sensitivity", 0 }, { "train_sensitivity", 1 },
                 { "train_sensitivity", 2 }, { "test_sensitivity", 0 },  { "test_sensitivity", 1 },
                 { "test_sensitivity", 2 } };
    char path[64];
    snprintf(path, sizeof path, "%s/circuit", group);
    const double *want = golden(file, path, H5T_NATIVE_DOUBLE, ARRAY_LEN(mine), &l->bench.arena);
    for (size_t i = 0; i < ARRAY_LEN(mine); i++)
        close_to(column(l, mine[i].column)[mine[i].at], want[i], 1e-12, mine[i].column);
}

static void the_subnetwork_is_merrills(void **state)
{
    (void)state;
    static const char *const group[] = { "memorising", "generalising" };
    hid_t file = H5Fopen("tests/fixtures/parity.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    struct look l = { 0 };
    open_golden(&l, file);
    for (size_t i = 0; i < ARRAY_LEN(group); i++) {
        l.probe.theta = golden_theta(file, group[i], &l.bench.layout, &l.bench.arena);
        follow_back(&l);
        look_run(&l, &measure_subnetwork, "");
        same(&l, file, group[i], "neuron_norms", "norm", 1e-12);
        same(&l, file, group[i], "train_acc_of_top_k", "top_accuracy", 1e-12);
        same(&l, file, group[i], "arity_published", "arity_published", 0);
        same(&l, file, group[i], "arity_rank", "arity", 0);
        check_members(&l, file, group[i]);
        check_numbers(&l, file, group[i]);
    }
    look_close(&l);
    H5Fclose(file);
}

/* The sparse circuit of the end among the neurons of the time when the network had memorised. */
static void the_last_subnetwork_is_followed_back(void **state)
{
    (void)state;
    hid_t file = H5Fopen("tests/fixtures/parity.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    struct look l = { 0 };
    open_golden(&l, file);
    l.probe.theta = golden_theta(file, "generalising", &l.bench.layout, &l.bench.arena);
    follow_back(&l);
    look_run(&l, &measure_subnetwork, "");
    const double *member = column(&l, "member"), grown = column(&l, "circuit_norm")[0];
    assert_true(column(&l, "circuit_test_accuracy")[0] == 1);
    assert_true(column(&l, "circuit_train_accuracy")[0] == column(&l, "train_accuracy")[1]);
    assert_true(column(&l, "circuit_train_accuracy")[1] == column(&l, "train_accuracy")[2]);
    l.probe.theta = golden_theta(file, "memorising", &l.bench.layout, &l.bench.arena);
    look_run(&l, &measure_subnetwork, "");
    double mean[2] = { 0 };
    for (size_t i = 0; i < WIDTH; i++) mean[member[i] != 1] += column(&l, "norm")[i];
    close_to(column(&l, "circuit_norm")[0], mean[0] / 11, 1e-12, "of the eleven");
    close_to(column(&l, "circuit_norm")[1], mean[1] / 189, 1e-12, "of the others");
    assert_true(column(&l, "circuit_norm")[0] < grown && column(&l, "circuit_test_accuracy")[0] < 1);
    look_close(&l);
    H5Fclose(file);
}

/* ---- laws ---- */

static double *tensor_of(struct look *l, double *theta, const char *name)
{
    return theta + layout_find(&l->bench.layout, name)->offset;
}

/* Two neurons are enough for x0 = sign(x0), their norms the largest; a third takes nothing from them. */
static void a_planted_subnetwork_is_found(void **state)
{
    (void)state;
    struct look l = { 0 };
    look_open_parity(&l, "n=6 k=1 n_train=40 n_test=30", "d_hidden=5", NULL);
    double *theta = ARENA_NEW(&l.bench.arena, l.bench.layout.n, double);
    double *W = tensor_of(&l, theta, "W_1"), *out = tensor_of(&l, theta, "W_out");
    W[1 * 6] = 3;
    W[3 * 6] = -2;
    W[4 * 6 + 2] = 1; /* looks at another bit, too weakly to count */
    out[1] = 1;
    out[3] = -1;
    out[4] = 0.5;
    l.probe.theta = theta;
    follow_back(&l);
    look_run(&l, &measure_subnetwork, "");
    assert_true(column(&l, "linear_size")[0] == 2 && column(&l, "binary_size")[0] == 2);
    for (size_t i = 0; i < 5; i++) assert_true(column(&l, "member")[i] == (i == 1 || i == 3));
    static const char *const perfect[] = { "train_accuracy", "test_accuracy" };
    for (size_t i = 0; i < 2; i++)
        assert_true(column(&l, perfect[i])[0] == 1 && column(&l, perfect[i])[1] == 1 &&
                    column(&l, perfect[i])[2] < 1);
    assert_true(column(&l, "train_faithfulness")[0] == 1 && column(&l, "train_sensitivity")[0] == 1);
    assert_true(column(&l, "train_sensitivity")[2] == 1); /* of the rest: bit 2 between output 0 and 0.5 */
    static const double arity[] = { 0, 1, 0, 1, 0 };
    for (size_t i = 0; i < 5; i++) assert_true(column(&l, "arity")[i] == arity[i]);
    look_close(&l);
}

/* The outputs are those of the model, biases and all. */
static void the_whole_is_the_network(void **state)
{
    (void)state;
    static const char *const model[] = { "d_hidden=30", "d_hidden=30 activation=gelu init_scale=3",
                                         "d_hidden=30 activation=tanh biases=false" };
    for (size_t i = 0; i < ARRAY_LEN(model); i++) {
        struct look l = { 0 };
        look_open_parity(&l, "n=7 k=3 n_train=300 n_test=70", model[i], NULL);
        double *theta = ARENA_NEW(&l.bench.arena, l.bench.layout.n, double);
        model_init(theta, &l.bench.layout, 3);
        l.probe.theta = theta;
        follow_back(&l);
        look_run(&l, &measure_subnetwork, "");
        const double train = measure_evaluate(&l.probe, theta, &l.bench.data.train).accuracy;
        close_to(column(&l, "train_accuracy")[0], train, 1e-12, model[i]);
        close_to(column(&l, "top_accuracy")[29], train, 1e-12, model[i]);
        close_to(column(&l, "test_accuracy")[0], measure_evaluate(&l.probe, theta, &l.bench.data.test).accuracy,
                 1e-12, model[i]);
        look_close(&l);
    }
}

/* All the neurons are needed: no part of them is the subnetwork, and nothing is said of it. */
static void none_is_found_where_there_is_none(void **state)
{
    (void)state;
    struct look l = { 0 };
    look_open_parity(&l, "n=4 k=1 n_train=40 n_test=30", "d_hidden=1", NULL);
    double *theta = ARENA_NEW(&l.bench.arena, l.bench.layout.n, double);
    *tensor_of(&l, theta, "W_1") = *tensor_of(&l, theta, "W_out") = 1;
    l.probe.theta = theta;
    follow_back(&l);
    look_run(&l, &measure_subnetwork, "");
    assert_true(isnan(column(&l, "linear_size")[0]) && isnan(column(&l, "binary_size")[0]));
    assert_true(isnan(column(&l, "train_accuracy")[1]) && isnan(column(&l, "circuit_norm")[0]));
    assert_true(!isnan(column(&l, "train_accuracy")[0]) && !isnan(column(&l, "train_sensitivity")[0]));
    look_close(&l);
}

static void fits_one_hidden_layer_on_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        bool fits;
    } tried[] = { { "d_hidden=4", true },
                  { "d_hidden=4 layers=2", false },
                  { "d_hidden=4 readout=mean", false },
                  { "d_hidden=4 activation=quadratic", false } };
    for (size_t i = 0; i < ARRAY_LEN(tried); i++) {
        struct look l = { 0 };
        struct err e = { 0 };
        look_open_parity(&l, "n=4 k=1 n_train=9 n_test=5", tried[i].model, NULL);
        assert_int_equal(measure_subnetwork.fits(&l.probe.at, &e), tried[i].fits ? 0 : -1);
        look_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_subnetwork_is_merrills),        cmocka_unit_test(the_last_subnetwork_is_followed_back),
        cmocka_unit_test(a_planted_subnetwork_is_found),     cmocka_unit_test(the_whole_is_the_network),
        cmocka_unit_test(none_is_found_where_there_is_none), cmocka_unit_test(fits_one_hidden_layer_on_numbers),
    };
    return cmocka_run_group_tests_name("measure_subnetwork", tests, NULL, NULL);
}
