/* Losses and optimisers against numbers that PyTorch gives. */
#include "engine.h"

#include "num/blas.h"
#include "num/loss.h"
#include "num/real.h"
#include "train/train.h"

enum { MOST = 6 };
static const struct known {
    const char *what;
    struct loss loss;
    size_t outputs, n;
    bool targets;
    double logits[MOST], value, gradient[MOST], accuracy;
} known[] = {
    /* torch.nn.functional.mse_loss of one-hot labels, and of targets */
    { "mse of labels",
      { .kind = LOSS_MSE },
      2,
      3,
      false,
      { 0.5, -1.25, 2, 1.5, 0.25, -0.75 },
      2.1145833333333335,
      { 1.0 / 6, -0.75, 2.0 / 3, 1.0 / 6, 1.0 / 12, -0.5833333333333333 },
      1.0 / 3 },
    { "mse",
      { .kind = LOSS_MSE },
      2,
      3,
      true,
      { 0.5, -1.25, 2, 1.5, 0.25, -0.75 },
      3.0625,
      { 0, -1.0833333333333333, 1.0 / 3, 0.8333333333333333, 0, -0.25 },
      NAN },
    /* One output; labels 1, 0, 1. */
    { "mse of signs",
      { .kind = LOSS_MSE },
      1,
      3,
      false,
      { 0.5, -1.25, 1 },
      0.10416666666666667,
      { -1.0 / 3, -1.0 / 6, 0 },
      1 },
    { "hinge, which passes at its kink",
      { .kind = LOSS_HINGE },
      1,
      3,
      false,
      { 0.5, -1.25, 1 },
      1.0 / 6,
      { -1.0 / 3, 0, -1.0 / 3 },
      1 },
    { "hinge of 0 is wrong",
      { .kind = LOSS_HINGE },
      1,
      3,
      false,
      { 0, 0, 0 },
      1,
      { -1.0 / 3, 1.0 / 3, -1.0 / 3 },
      0 },
    { "binary_cross_entropy_with_logits",
      { .kind = LOSS_BINARY_CROSS_ENTROPY },
      1,
      3,
      false,
      { 0.5, -1.25, 1 },
      0.3464225843479008,
      { -0.1258468895993818, 0.07423337960843628, -0.08964714045666504 },
      1 },
    { "the same in float32",
      { .kind = LOSS_BINARY_CROSS_ENTROPY, .precision = LOSS_FLOAT32 },
      1,
      3,
      false,
      { 0.5, -1.25, 1 },
      0.3464225843479008,
      { -0.1258468895993818, 0.07423337960843628, -0.08964714045666504 },
      1 },
    { "far out",
      { .kind = LOSS_BINARY_CROSS_ENTROPY },
      1,
      3,
      false,
      { -2000, -2000, 2000 },
      2000.0 / 3,
      { -1.0 / 3, 0, 0 },
      2.0 / 3 },
    { "cross_entropy in float32",
      { .kind = LOSS_CROSS_ENTROPY, .precision = LOSS_FLOAT32 },
      2,
      3,
      false,
      { 0.5, -1.25, 2, 1.5, 0.25, -0.75 },
      1.608880877494812,
      { 0.08964714407920837, -0.2725248336791992, 0.31330445408821106, -0.08964713662862778, 0.2725248336791992,
        -0.31330445408821106 },
      1.0 / 3 },
};

static void losses_are_pytorchs(void **state)
{
    (void)state;
    const int32_t label[] = { 1, 0, 1 };
    const double target[] = { 0.5, -1, 2, 0.25, 1, 0 };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        const struct known *k = &known[i];
        const struct dataset d = { .n = k->n,
                                   .label = k->targets ? NULL : label,
                                   .target = k->targets ? target : NULL };
        const double tolerance = IS_DOUBLE && k->loss.precision == LOSS_DOUBLE ? 1e-15 : 1e-6;
        real x[MOST];
        for (size_t j = 0; j < k->outputs * k->n; j++) x[j] = (real)k->logits[j];
        struct loss_value v = loss_evaluate(&k->loss, x, &d, k->outputs);
        struct loss_value same = loss_gradient(&k->loss, x, &d, k->outputs);
        assert_true(v.loss == same.loss && (isnan(v.accuracy) || v.accuracy == same.accuracy));
        close_to(v.loss, k->value, tolerance * fmax(1, k->value), k->what);
        if (isnan(k->accuracy))
            assert_true(isnan(v.accuracy));
        else
            close_to(v.accuracy, k->accuracy, 1e-15, k->what);
        for (size_t j = 0; j < k->outputs * k->n; j++) close_to((double)x[j], k->gradient[j], tolerance, k->what);
    }
}

/* A lead of 20: in float no gradient is left at all, in double a small one. */
static void a_float_softmax_collapses(void **state)
{
    (void)state;
    const int32_t label[] = { 0 };
    const struct dataset d = { .n = 1, .label = label };
    for (int precision = LOSS_DOUBLE; precision <= LOSS_FLOAT32; precision++) {
        const struct loss loss = { .kind = LOSS_CROSS_ENTROPY, .precision = precision };
        real x[] = { 20, 0 };
        double value = loss_gradient(&loss, x, &d, 2).loss;
        assert_true(precision == LOSS_FLOAT32 ? value == 0 && x[0] == 0 : value > 0 && x[0] < 0);
    }
}

static void a_loss_says_what_it_can_take(void **state)
{
    (void)state;
    const struct {
        struct loss loss;
        size_t outputs;
        bool regression, good;
    } asked[] = {
        { { .kind = LOSS_CROSS_ENTROPY }, 2, false, true },
        { { .kind = LOSS_CROSS_ENTROPY, .precision = 1 }, 2, false, true },
        { { .kind = LOSS_CROSS_ENTROPY }, 1, false, false },
        { { .kind = LOSS_CROSS_ENTROPY }, 2, true, false },
        { { .kind = LOSS_MSE }, 1, true, true },
        { { .kind = LOSS_MSE }, 1, false, true },
        { { .kind = LOSS_MSE }, 10, false, true },
        { { .kind = LOSS_MSE, .precision = 1 }, 10, false, false },
        { { .kind = LOSS_HINGE }, 1, false, true },
        { { .kind = LOSS_HINGE }, 2, false, false },
        { { .kind = LOSS_HINGE }, 1, true, false },
        { { .kind = LOSS_HINGE, .precision = 1 }, 1, false, false },
        { { .kind = LOSS_BINARY_CROSS_ENTROPY, .precision = 1 }, 1, false, true },
        { { .kind = LOSS_BINARY_CROSS_ENTROPY }, 3, false, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct err e = { 0 };
        int rc = loss_check(&asked[i].loss, asked[i].outputs, asked[i].regression, &e);
        assert_int_equal(rc, asked[i].good ? 0 : -1);
        assert_int_equal(e.kind, asked[i].good ? ERR_NONE : ERR_SPEC);
    }
}

/* Three steps from (1, -2, 0.5) with the gradients (0.3 s, -0.1, 1 / s) of step s; weights that do not decay, and a
 * masked one, stand behind. */
static void optimizers_are_pytorchs(void **state)
{
    (void)state;
    const struct {
        const struct optimizer_kind *kind;
        const char *settings;
        double want[3];
    } tried[] = {
        { &optimizer_sgd,
          "lr=0.1 momentum=0.9 weight_decay=0.01",
          { 0.709268769, -1.932737588, 0.09829396616666668 } },
        { &optimizer_adam,
          "lr=0.1 weight_decay=0.5 betas=[0.9,0.98]",
          { 0.7008362345982959, -1.7004709507796678, 0.21448415993263703 } },
    };
    for (size_t i = 0; i < ARRAY_LEN(tried); i++) {
        struct arena a = { 0 };
        struct layout l = { 0 };
        LAYOUT_ADD(&l, "w", 1, 3);
        LAYOUT_ADD(&l, "free", 1, 1)->decay = 0;
        LAYOUT_ADD(&l, "masked", 1, 1);
        const void *config = config_of(&a, &tried[i].kind->kind, tried[i].settings);
        const uint8_t mask[] = { 1, 1, 1, 1, 0 };
        real theta[] = { 1, -2, (real)0.5, 3, 0 }, first[5] = { 0 }, second[5] = { 0 };
        real *const moment[] = { first, second };
        for (int64_t s = 1; s <= 3; s++) {
            const real g[] = { (real)(0.3 * (double)s), (real)-0.1, (real)(1 / (double)s), 0, 1 };
            tried[i].kind->step(config, s, 1, &l, theta, g, moment, mask);
        }
        for (size_t j = 0; j < 3; j++)
            close_to((double)theta[j], tried[i].want[j], IS_DOUBLE ? 1e-15 : 1e-6, tried[i].kind->kind.name);
        assert_true(theta[3] == 3 && theta[4] == 0 && first[4] == 0 && second[4] == 0);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_pytorchs),
        cmocka_unit_test(a_float_softmax_collapses),
        cmocka_unit_test(a_loss_says_what_it_can_take),
        cmocka_unit_test(optimizers_are_pytorchs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
