#include "engine.h"

#include "base/rng.h"
#include "num/blas.h"
#include "num/layout.h"
#include "num/loss.h"
#include "num/loss_plain.h"
#include "num/mask.h"
#include "num/real.h"
#include "num/shuffled.h"

#include <complex.h>
#include <float.h>
#include <stdlib.h>

static void fill(real *x, size_t n, uint64_t seed, double scale)
{
    struct rng r = rng_open(seed, "test");
    for (size_t i = 0; i < n; i++) x[i] = (real)(rng_normal(&r) * scale);
}

static void layout_lists_tensors_one_after_the_other(void **state)
{
    (void)state;
    struct layout l = { 0 };
    LAYOUT_ADD(&l, "W", 0.5, 3, 4);
    struct tensor *b = LAYOUT_ADD(&l, "b", 0, 7);
    b->prunable = false;
    LAYOUT_ADD(&l, "K", 1, 2, 3, 4, 5);
    assert_int_equal(l.n, 12 + 7 + 120);
    assert_int_equal(l.tensor[1].offset, 12);
    assert_int_equal(l.tensor[2].offset, 19);
    assert_int_equal(l.tensor[2].rank, 4);
    assert_true(l.tensor[0].prunable && l.tensor[0].decay == 1 && l.tensor[1].lr == 1);
    assert_int_equal(layout_prunable(&l), 132);
    assert_ptr_equal(layout_find(&l, "b"), b);
    assert_null(layout_find(&l, "c"));
}

enum { MOST = 70 };
struct product {
    void (*gemm)(real *, const real *, const real *, size_t, size_t, size_t, real);
    bool ta, tb;
};

/* Three loops, in double. */
static double entry(const struct product *p, const real *A, const real *B, size_t i, size_t j, size_t m, size_t n,
                    size_t k)
{
    double sum = 0;
    for (size_t l = 0; l < k; l++)
        sum += (double)(p->ta ? A[l * m + i] : A[i * k + l]) * (double)(p->tb ? B[j * k + l] : B[l * n + j]);
    return sum;
}

static void products_are_those_of_three_loops(void **state)
{
    (void)state;
    const struct product products[] = {
        { blas_gemm_nn, 0, 0 }, { blas_gemm_nt, 0, 1 }, { blas_gemm_tn, 1, 0 }, { blas_gemm_tt, 1, 1 }
    };
    const size_t sizes[][3] = { { 1, 1, 1 }, { 3, 7, 5 }, { 64, 48, 70 }, { 67, 1, 33 } };
    static real A[MOST * MOST], B[MOST * MOST], out[MOST * MOST];
    fill(A, MOST * MOST, 1, 1);
    fill(B, MOST * MOST, 2, 1);
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
        for (size_t p = 0; p < ARRAY_LEN(products); p++) {
            size_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
            for (size_t i = 0; i < m * n; i++) out[i] = (real)NAN; /* beta 0 must not read out */
            products[p].gemm(out, A, B, m, n, k, 0);
            products[p].gemm(out, A, B, m, n, k, 2);
            for (size_t i = 0; i < m * n; i++)
                close_to((double)out[i], 3 * entry(&products[p], A, B, i / n, i % n, m, n, k),
                         (IS_DOUBLE ? 1e-15 : 1e-6) * 10 * (double)k, "product");
        }
}

static void denormals_are_flushed(void **state)
{
    (void)state;
    volatile double tiny = DBL_MIN;
    volatile float tiny_float = FLT_MIN;
    assert_true(tiny / 4 == 0);
    assert_true(tiny_float / 4 == 0);
    assert_int_equal(strncmp(blas_version(), "OpenBLAS 0.", 11), 0);
    assert_non_null(strchr(blas_version() + 9, ' '));
}

/* Row by row with libm's exp. */
static struct loss_value plain_loss(const real *x, const int32_t *label, size_t n, size_t c, double *gradient)
{
    struct loss_value v = { 0, 0 };
    for (size_t i = 0; i < n; i++) {
        size_t best = 0, at = (size_t)label[i];
        double sum = 0;
        for (size_t k = 1; k < c; k++) best = x[k * n + i] > x[best * n + i] ? k : best;
        for (size_t k = 0; k < c; k++) sum += exp((double)x[k * n + i] - (double)x[best * n + i]);
        v.loss += (log(sum) - ((double)x[at * n + i] - (double)x[best * n + i])) / (double)n;
        v.accuracy += best == at ? 1.0 / (double)n : 0;
        for (size_t k = 0; k < c; k++) {
            double softmax = exp((double)x[k * n + i] - (double)x[best * n + i]) / sum;
            gradient[k * n + i] = (softmax - (k == at)) / (double)n;
        }
    }
    return v;
}

static void cross_entropy_agrees_with_libm(void **state)
{
    (void)state;
    const size_t sizes[][2] = { { 1, 1 }, { 1, 2 }, { 7, 3 }, { 63, 10 }, { 64, 67 }, { 65, 67 }, { 200, 113 } };
    const double scales[] = { 0.01, 1, 30, 1000 };
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
        for (size_t q = 0; q < ARRAY_LEN(scales); q++) {
            size_t n = sizes[s][0], c = sizes[s][1];
            struct arena a = { 0 };
            real *x = ARENA_NEW(&a, n * c, real);
            double *want = ARENA_NEW(&a, n * c, double);
            int32_t *label = ARENA_NEW(&a, n, int32_t);
            fill(x, n * c, s, scales[q]);
            for (size_t i = 0; i < n; i++) label[i] = (int32_t)(i * i % c);
            struct loss_value v = plain_loss(x, label, n, c, want);
            struct loss_value value = softmax_cross_entropy(x, label, n, c);
            struct loss_value same = softmax_cross_entropy_gradient(x, label, n, c);
            close_to(value.loss, v.loss, 4e-15 * fmax(1, v.loss), "loss");
            close_to(value.accuracy, v.accuracy, 1e-12, "accuracy");
            assert_true(value.loss == same.loss && value.accuracy == same.accuracy);
            double unit = IS_DOUBLE ? 0x1p-52 : 0x1p-23;
            for (size_t i = 0; i < n * c; i++)
                close_to((double)x[i], want[i], fabs(want[i]) * 4 * unit + 0x1p-51 / (double)n, "gradient");
            arena_release(&a);
        }
}

static void the_first_of_equal_maxima_wins(void **state)
{
    (void)state;
    /* a column an example: (1 1 0), (0 1 1), (1 1 1) */
    const real x[] = { 1, 0, 1, 1, 1, 1, 0, 1, 1 };
    const int32_t first[] = { 0, 1, 0 }, second[] = { 1, 2, 2 };
    assert_true(softmax_cross_entropy(x, first, 3, 3).accuracy == 1);
    assert_true(softmax_cross_entropy(x, second, 3, 3).accuracy == 0);
}

static void a_confident_gradient_does_not_cancel(void **state)
{
    (void)state;
    real x[] = { 20, 0 }; /* 1 - softmax is a thirtieth of a float's last place */
    const int32_t label[] = { 0 };
    struct loss_value v = softmax_cross_entropy_gradient(x, label, 1, 2);
    double want = exp(-20.0);
    close_to(v.loss, want, 1e-6 * want, "loss");
    close_to((double)x[0], -want, 1e-6 * want, "gradient at the label");
    close_to((double)x[1], want, 1e-6 * want, "gradient elsewhere");
}

/* One kind of loss on one kind of data: the plain gradient is the fast one, its dual part the difference of two. */
static void check_plain_loss(int kind, const struct dataset *d, size_t c)
{
    enum { ROOM = 35 };
    real x[ROOM];
    double f[ROOM], v[ROOM], g[ROOM], side[2][ROOM];
    dual moving[ROOM], slope[ROOM];
    size_t size = d->n * c;
    const double h = 1e-6;
    assert_true(size <= ROOM);
    fill(x, size, 3, 2);
    for (size_t i = 0; i < size; i++) {
        f[i] = (double)x[i];
        v[i] = cos((double)i);
        moving[i] = CMPLX(f[i], DUAL_STEP * v[i]);
    }
    loss_gradient_plain(kind, g, f, d, c);
    loss_gradient_dual(kind, slope, moving, d, c);
    loss_gradient(&(struct loss){ .kind = kind }, x, d, c);
    for (int s = 0; s < 2; s++) {
        double there[ROOM];
        for (size_t i = 0; i < size; i++) there[i] = f[i] + (s ? -h : h) * v[i];
        loss_gradient_plain(kind, side[s], there, d, c);
    }
    for (size_t i = 0; i < size; i++) {
        close_to((double)x[i], g[i], IS_DOUBLE ? 1e-15 : 1e-7, loss_name[kind]);
        close_to(creal(slope[i]), g[i], 1e-15, loss_name[kind]);
        close_to(cimag(slope[i]) / DUAL_STEP, (side[0][i] - side[1][i]) / (2 * h), 1e-9, loss_name[kind]);
    }
}

static void plain_losses_are_the_fast_ones(void **state)
{
    (void)state;
    const int32_t label[] = { 2, 0, 4, 1, 1, 3, 0 }, sign[] = { 1, 0, 0, 1, 1, 0, 1 };
    double target[35];
    for (size_t i = 0; i < 35; i++) target[i] = sin((double)i);
    const struct dataset many = { .n = 7, .label = label }, two = { .n = 7, .label = sign };
    const struct dataset numbers = { .n = 7, .target = target };
    check_plain_loss(LOSS_CROSS_ENTROPY, &many, 5);
    check_plain_loss(LOSS_MSE, &many, 5);
    check_plain_loss(LOSS_MSE, &two, 1);
    check_plain_loss(LOSS_MSE, &numbers, 5);
    check_plain_loss(LOSS_HINGE, &two, 1);
    check_plain_loss(LOSS_BINARY_CROSS_ENTROPY, &two, 1);
}

static void a_loss_of_broken_logits_is_not_finite(void **state)
{
    (void)state;
    const double bad[] = { NAN, INFINITY, -INFINITY };
    const int32_t label[] = { 1, 1, 1 };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        for (size_t at = 0; at < 6; at++) {
            real x[6] = { 0 };
            x[at] = (real)bad[i];
            bool harmless = i == 2 && at / 3 == 0; /* -inf away from the label is a probability of 0 */
            assert_int_equal(isfinite(softmax_cross_entropy(x, label, 3, 2).loss) != 0, harmless);
        }
}

static int compare(const void *a, const void *b)
{
    real x = *(const real *)a, y = *(const real *)b;
    return (x > y) - (x < y);
}

/* The rule by sorting. */
static void plain_mask(uint8_t *mask, const real *score, size_t n, double k)
{
    real *sorted = malloc(n * sizeof *sorted);
    memcpy(sorted, score, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    double keep = 1.0 - k;
    size_t pruned = (size_t)((1.0 - keep) * (double)n);
    for (size_t i = 0; i < n; i++) mask[i] = pruned < 1 || score[i] > sorted[pruned - 1];
    free(sorted);
}

static void masks_are_those_of_a_sort(void **state)
{
    (void)state;
    const double rates[] = { 0, 0.001, 0.1, 0.6, 0.81, 0.999, 1 };
    struct layout l = { 0 };
    LAYOUT_ADD(&l, "A", 1, 31, 37);
    LAYOUT_ADD(&l, "B", 1, 5);
    LAYOUT_ADD(&l, "C", 1, 611);
    static real score[2000];
    uint8_t got[2000], want[2000];
    fill(score, l.n, 3, 1);
    for (size_t i = 0; i < l.n; i += 3)
        score[i] = (real)(floor((double)score[i] * 4) / 4); /* ties, and negative ones */
    for (size_t q = 0; q < ARRAY_LEN(rates); q++) {
        mask_from_scores(got, score, &l, rates[q], SCOPE_GLOBAL);
        plain_mask(want, score, l.n, rates[q]);
        assert_memory_equal(got, want, l.n);
        mask_from_scores(got, score, &l, rates[q], SCOPE_TENSOR);
        for (int i = 0; i < l.count; i++)
            plain_mask(want + l.tensor[i].offset, score + l.tensor[i].offset, l.tensor[i].size, rates[q]);
        assert_memory_equal(got, want, l.n);
    }
}

static void ties_at_the_threshold_are_all_pruned(void **state)
{
    (void)state;
    struct layout l = { 0 };
    LAYOUT_ADD(&l, "A", 1, 6);
    const real score[] = { 2, 1, 1, 1, 3, 0 };
    const uint8_t want[] = { 1, 0, 0, 0, 1, 0 };
    uint8_t mask[6];
    mask_from_scores(mask, score, &l, 0.4, SCOPE_GLOBAL); /* two asked for, the second smallest is a 1 */
    assert_memory_equal(mask, want, 6);
}

/* Of any scores: prune >= draw = q >= keep, and they differ in nothing but ties.  Weights of -infinity always go. */
static void ties_go_stay_or_are_drawn(void **state)
{
    (void)state;
    enum { N = 500, SEEDS = 400 };
    struct layout l = { 0 };
    LAYOUT_ADD(&l, "A", 1, 300);
    LAYOUT_ADD(&l, "B", 1, 200);
    static real score[N];
    static uint8_t mask[3][N];
    size_t times[N] = { 0 };
    fill(score, N, 5, 1);
    for (size_t i = 0; i < N; i++) score[i] = i % 7 ? (real)(floor((double)score[i] * 3) / 3) : (real)-INFINITY;
    for (double k = 0.01; k < 1; k += 0.07)
        for (int scope = SCOPE_GLOBAL; scope <= SCOPE_TENSOR; scope++) {
            size_t pruned[3] = { 0 }, gone = 0, asked = 0;
            for (int ties = TIES_PRUNE; ties <= TIES_DRAW; ties++) {
                mask_cut(mask[ties], score, &l, &(struct cut){ k, (enum scope)scope, (enum ties)ties, 3 });
                pruned[ties] = mask_count(mask[ties], &l).pruned;
            }
            for (int i = 0; i < (scope == SCOPE_GLOBAL ? 1 : l.count); i++)
                asked += (size_t)((1 - (1 - k)) * (double)(scope == SCOPE_GLOBAL ? l.n : l.tensor[i].size));
            for (size_t i = 0; i < N; i++) {
                gone += score[i] == (real)-INFINITY;
                assert_true(mask[TIES_PRUNE][i] <= mask[TIES_DRAW][i] && mask[TIES_DRAW][i] <= mask[TIES_KEEP][i]);
                if (score[i] == (real)-INFINITY) assert_false(mask[TIES_KEEP][i]);
            }
            assert_true(pruned[TIES_PRUNE] >= asked && pruned[TIES_KEEP] <= (asked > gone ? asked : gone));
            assert_int_equal(pruned[TIES_DRAW], asked > gone ? asked : gone);
        }
    for (size_t i = 0; i < N; i++) score[i] = i < 100 ? 0 : 1;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        mask_cut(mask[0], score, &l, &(struct cut){ 0.05, SCOPE_GLOBAL, TIES_DRAW, seed });
        for (size_t i = 0; i < N; i++) times[i] += !mask[0][i];
    }
    for (size_t i = 0; i < N; i++) /* 25 of the first hundred: 100 times of 400, give or take five deviations */
        assert_true(i < 100 ? times[i] > 56 && times[i] < 144 : times[i] == 0);
}

static void what_is_not_prunable_is_kept_and_not_counted(void **state)
{
    (void)state;
    struct layout l = { 0 };
    LAYOUT_ADD(&l, "bias", 1, 4)->prunable = false;
    LAYOUT_ADD(&l, "W", 1, 4);
    const real score[] = { 0, 0, 0, 0, 1, 2, 3, 4 };
    const uint8_t want[] = { 1, 1, 1, 1, 0, 0, 1, 1 };
    uint8_t mask[8];
    for (int scope = SCOPE_GLOBAL; scope <= SCOPE_TENSOR; scope++) {
        mask_from_scores(mask, score, &l, 0.5, (enum scope)scope);
        assert_memory_equal(mask, want, 8);
    }
    real theta[] = { 1, 2, 3, 4, 5, 6, (real)NAN, 8 };
    mask[6] = 0;
    mask_apply(theta, mask, 8);
    assert_true(theta[3] == 4 && theta[4] == 0 && theta[6] == 0 && theta[7] == 8);
}

/* Each row stays whole; without replacement each comes once, with it so many are left out as chance leaves out: 1/e,
 * with a variance of n (1/e - 2/e^2). */
static void rows_of_an_epoch_with_replacement_and_without(void **state)
{
    (void)state;
    enum { N = 4000 };
    static int32_t token[2 * N], label[N];
    struct arena a = { 0 };
    for (int i = 0; i < N; i++) {
        label[i] = i;
        token[2 * i] = i + 1;
        token[2 * i + 1] = i + 2;
    }
    const struct dataset d = { .n = N, .width = 2, .token = token, .label = label };
    struct shuffled s;
    shuffled_open(&s, &d, N, N, &a);
    for (int replace = 0; replace < 2; replace++) {
        static uint8_t seen[N];
        double distinct = 0;
        memset(seen, 0, sizeof seen);
        if (replace)
            shuffled_draw_any(&s, rng_open(1, "rows"));
        else
            shuffled_draw(&s, rng_open(1, "rows"));
        const struct dataset all = shuffled_slice(&s, 0);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(all.token[2 * i], all.label[i] + 1);
            assert_int_equal(all.token[2 * i + 1], all.label[i] + 2);
            distinct += !seen[all.label[i]]++;
        }
        if (replace)
            assert_true(fabs(distinct - N * (1 - exp(-1))) < 5 * sqrt(N * (exp(-1) - 2 * exp(-2))));
        else
            assert_true(distinct == N);
    }
    arena_release(&a);
}

int main(void)
{
    blas_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_lists_tensors_one_after_the_other),
        cmocka_unit_test(products_are_those_of_three_loops),
        cmocka_unit_test(denormals_are_flushed),
        cmocka_unit_test(cross_entropy_agrees_with_libm),
        cmocka_unit_test(the_first_of_equal_maxima_wins),
        cmocka_unit_test(a_confident_gradient_does_not_cancel),
        cmocka_unit_test(plain_losses_are_the_fast_ones),
        cmocka_unit_test(a_loss_of_broken_logits_is_not_finite),
        cmocka_unit_test(masks_are_those_of_a_sort),
        cmocka_unit_test(ties_at_the_threshold_are_all_pruned),
        cmocka_unit_test(ties_go_stay_or_are_drawn),
        cmocka_unit_test(rows_of_an_epoch_with_replacement_and_without),
        cmocka_unit_test(what_is_not_prunable_is_kept_and_not_counted),
    };
    return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
