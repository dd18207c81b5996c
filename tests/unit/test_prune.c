#include "engine.h"

#include "base/hash.h"
#include "num/blas.h"
#include "num/mask.h"
#include "num/real.h"
#include "prune/control.h"

/* The paper's network with the published code's weights. */
struct golden_net {
    struct bench b;
    hid_t file;
    real *init, *after, *theta; /* theta: a copy of init to work on */
    uint8_t *mask;
    _Alignas(16) char config[256]; /* of the control at hand, where it has keys */
};

static void configure(struct golden_net *g, const struct control_kind *control, const char *key, const char *value)
{
    struct err e = { 0 };
    field_defaults(control->kind.fields, g->config);
    if (key) assert_int_equal(field_set(field_find(control->kind.fields, key), g->config, value, &e), 0);
}

static real *rounded(const double *value, size_t n, struct arena *a)
{
    real *out = ARENA_NEW(a, n, real);
    for (size_t i = 0; i < n; i++) out[i] = (real)value[i];
    return out;
}

static int open_golden(void **state)
{
    static struct golden_net g;
    struct arena *a = &g.b.arena;
    g.file = H5Fopen("tests/fixtures/step_mlp.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    bench_golden(&g.b, g.file);
    size_t n = g.b.layout.n;
    g.init = rounded(golden_theta(g.file, "init", &g.b.layout, a), n, a);
    g.after = rounded(golden_theta(g.file, "after_100", &g.b.layout, a), n, a);
    g.theta = ARENA_NEW(a, n, real);
    g.mask = ARENA_NEW(a, n, uint8_t);
    *state = &g;
    return 0;
}

static int close_golden(void **state)
{
    struct golden_net *g = *state;
    H5Fclose(g->file);
    arena_release(&g->b.arena);
    return 0;
}

static bool apply(struct golden_net *g, const struct control_kind *control, const real *theta_t, double k,
                  enum scope scope, uint64_t seed)
{
    struct arena scratch = { 0 };
    struct control_input in = {
        .config = g->config, .layout = &g->b.layout, .theta_t = theta_t, .k = k, .scope = scope, .seed = seed
    };
    memcpy(g->theta, g->init, g->b.layout.n * sizeof *g->theta);
    memset(g->mask, 1, g->b.layout.n);
    bool held = control->apply(&in, g->theta, g->mask, &scratch);
    arena_release(&scratch);
    return held;
}

/* What the published pruner made of the same weights. */
static const struct {
    const char *name;
    bool after;
    enum scope scope;
    double k, l2_of_tensors; /* its mean of per-tensor L2 norms, of the ticket over that of theta_0 */
} masks[] = {
    { "masks/init_global_keep0.40", false, SCOPE_GLOBAL, 0.6, 0.9316423815317307 },
    { "masks/init_global_keep0.19", false, SCOPE_GLOBAL, 0.81, 0.761965856757379 },
    { "masks/init_local_keep0.40", false, SCOPE_TENSOR, 0.6, 0.9340254658935222 },
    { "masks/init_local_keep0.19", false, SCOPE_TENSOR, 0.81, 0.7968702088745432 },
    { "masks/after_100_global_keep0.40", true, SCOPE_GLOBAL, 0.6, 0.8793403196346399 },
    { "masks/after_100_global_keep0.19", true, SCOPE_GLOBAL, 0.81, 0.7602016482826832 },
    { "masks/after_100_local_keep0.40", true, SCOPE_TENSOR, 0.6, 0.8641630987647733 },
    { "masks/after_100_local_keep0.19", true, SCOPE_TENSOR, 0.81, 0.7422040152816957 },
};

/* after_100 are doubles; rounding them to float can only tie a weight with the threshold. */
static void a_tickets_mask_is_the_published_one(void **state)
{
    struct golden_net *g = *state;
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        const uint8_t *want = golden_mask(g->file, masks[i].name, g->b.layout.n, &g->b.arena);
        assert_true(apply(g, &control_ticket, masks[i].after ? g->after : g->init, masks[i].k, masks[i].scope, 0));
        size_t differ = 0;
        for (size_t j = 0; j < g->b.layout.n; j++) {
            differ += g->mask[j] != want[j];
            assert_true(g->theta[j] == (g->mask[j] ? g->init[j] : 0));
        }
        if (differ > (masks[i].after && !IS_DOUBLE ? 4 : 0)) fail_msg("%s: %zu differ", masks[i].name, differ);
    }
}

static double attribute(hid_t file, const char *dataset, const char *name)
{
    double value = NAN;
    hid_t id = H5Aopen_by_name(file, dataset, name, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(id >= 0 && H5Aread(id, H5T_NATIVE_DOUBLE, &value) >= 0);
    H5Aclose(id);
    return value;
}

static void norm_matched_networks_have_the_published_ratios(void **state)
{
    struct golden_net *g = *state;
    const struct {
        const struct control_kind *control;
        const char *norm_of, *attribute; /* NULL: l2_of_tensors */
    } controls[] = { { &control_l1, "vector", "r1_flat" },
                     { &control_l1, "tensors", "r1_flat" },
                     { &control_l2, "vector", "r2_flat" },
                     { &control_l2, "tensors", NULL } };
    for (size_t i = 0; i < ARRAY_LEN(masks); i++)
        for (size_t c = 0; c < ARRAY_LEN(controls); c++) {
            const struct control_kind *control = controls[c].control;
            configure(g, control, "norm_of", controls[c].norm_of);
            assert_false(apply(g, control, masks[i].after ? g->after : g->init, masks[i].k, masks[i].scope, 0));
            double want = controls[c].attribute ? attribute(g->file, masks[i].name, controls[c].attribute)
                                                : masks[i].l2_of_tensors;
            for (size_t j = 0; j < g->b.layout.n; j++) {
                double w = (double)g->init[j];
                close_to((double)g->theta[j], want * w, (IS_DOUBLE ? 1e-13 : 1e-6) * fabs(w), control->kind.name);
            }
        }
}

static void dense_changes_nothing(void **state)
{
    struct golden_net *g = *state;
    assert_false(apply(g, &control_dense, NULL, 0.6, SCOPE_GLOBAL, 0));
    assert_memory_equal(g->theta, g->init, g->b.layout.n * sizeof *g->theta);
    for (size_t j = 0; j < g->b.layout.n; j++) assert_true(g->mask[j]);
}

static size_t kept_in(const uint8_t *mask, const struct tensor *t)
{
    size_t n = 0;
    for (size_t j = t->offset; j < t->offset + t->size; j++) n += mask[j];
    return n;
}

static void random_masks_keep_exactly_what_is_asked(void **state)
{
    struct golden_net *g = *state;
    const struct layout *l = &g->b.layout;
    assert_true(apply(g, &control_random, NULL, 0.6, SCOPE_TENSOR, 5));
    for (int i = 0; i < l->count; i++) assert_int_equal(kept_in(g->mask, &l->tensor[i]), l->tensor[i].size * 4 / 10);
    assert_true(apply(g, &control_random, NULL, 0.6, SCOPE_GLOBAL, 5));
    size_t all = 0;
    for (int i = 0; i < l->count; i++) {
        double n = (double)l->tensor[i].size;
        close_to((double)kept_in(g->mask, &l->tensor[i]) / n, 0.4, 5 * sqrt(0.24 / n), "fraction kept of a tensor");
        all += kept_in(g->mask, &l->tensor[i]);
    }
    assert_int_equal(all, 46000);
    for (size_t j = 0; j < l->n; j++) assert_true(g->theta[j] == (g->mask[j] ? g->init[j] : 0));
}

static void random_masks_depend_on_the_seed_alone(void **state)
{
    struct golden_net *g = *state;
    size_t n = g->b.layout.n;
    apply(g, &control_random, NULL, 0.6, SCOPE_GLOBAL, 5);
    uint64_t first = hash_sum(g->mask, n);
    apply(g, &control_random, NULL, 0.6, SCOPE_GLOBAL, 6);
    assert_true(hash_sum(g->mask, n) != first);
    apply(g, &control_random, g->after, 0.6, SCOPE_GLOBAL, 5);
    assert_true(hash_sum(g->mask, n) == first);
    assert_int_equal(first, UINT64_C(0x66d198315956695c)); /* the same in both precisions, and for ever */
}

/* What becomes of the ticket's mask; the ticket is applied first. */
static uint8_t *tickets_mask(struct golden_net *g, enum scope scope)
{
    uint8_t *mask = ARENA_NEW(&g->b.arena, g->b.layout.n, uint8_t);
    apply(g, &control_ticket, g->after, 0.6, scope, 5);
    memcpy(mask, g->mask, g->b.layout.n);
    return mask;
}

static void shuffle_keeps_as_many_in_each_tensor_and_others(void **state)
{
    struct golden_net *g = *state;
    for (enum scope scope = SCOPE_GLOBAL; scope <= SCOPE_TENSOR; scope++) {
        const uint8_t *ticket = tickets_mask(g, scope);
        assert_true(apply(g, &control_shuffle, g->after, 0.6, scope, 5));
        const uint64_t first = hash_sum(g->mask, g->b.layout.n);
        for (int i = 0; i < g->b.layout.count; i++) {
            const struct tensor *t = &g->b.layout.tensor[i];
            double n = (double)t->size, share = (double)kept_in(ticket, t) / n;
            size_t both = 0;
            for (size_t j = t->offset; j < t->offset + t->size; j++) both += g->mask[j] && ticket[j];
            assert_int_equal(kept_in(g->mask, t), kept_in(ticket, t));
            close_to((double)both / n, share * share, 5 / sqrt(n), "kept by both, as chance has it");
        }
        for (size_t j = 0; j < g->b.layout.n; j++) assert_true(g->theta[j] == (g->mask[j] ? g->init[j] : 0));
        apply(g, &control_shuffle, g->after, 0.6, scope, 6);
        assert_true(hash_sum(g->mask, g->b.layout.n) != first);
        apply(g, &control_shuffle, g->after, 0.6, scope, 5);
        assert_true(hash_sum(g->mask, g->b.layout.n) == first);
    }
}

static void reinit_has_the_tickets_mask_and_other_weights(void **state)
{
    struct golden_net *g = *state;
    const struct layout *l = &g->b.layout;
    const uint8_t *ticket = tickets_mask(g, SCOPE_GLOBAL);
    assert_true(apply(g, &control_reinit, g->after, 0.6, SCOPE_GLOBAL, 5));
    assert_memory_equal(g->mask, ticket, l->n);
    real *fresh = ARENA_NEW(&g->b.arena, l->n, real), *drawn = ARENA_NEW(&g->b.arena, l->n, real);
    model_draw(fresh, l, 5, "reinit");
    model_init(drawn, l, 5);
    for (int i = 0; i < l->count; i++) {
        const struct tensor *t = &l->tensor[i];
        double squares = 0, products = 0, n = (double)t->size, variance = t->init_std * t->init_std;
        for (size_t j = t->offset; j < t->offset + t->size; j++) {
            assert_true(g->theta[j] == (ticket[j] ? fresh[j] : 0));
            squares += (double)fresh[j] * (double)fresh[j];
            products += (double)fresh[j] * (double)drawn[j];
        }
        close_to(squares / n, variance, 7 * variance / sqrt(n), "variance of the fresh weights");
        close_to(products / n, 0, 5 * variance / sqrt(n), "and they know nothing of theta_0");
    }
}

static void invert_keeps_what_the_ticket_removes(void **state)
{
    struct golden_net *g = *state;
    for (enum scope scope = SCOPE_GLOBAL; scope <= SCOPE_TENSOR; scope++) {
        const uint8_t *ticket = tickets_mask(g, scope);
        assert_true(apply(g, &control_invert, g->after, 0.6, scope, 5));
        for (size_t j = 0; j < g->b.layout.n; j++) {
            assert_true(g->mask[j] == !ticket[j]);
            assert_true(g->theta[j] == (g->mask[j] ? g->init[j] : 0));
        }
    }
}

/* A tensor that is not prunable stays whole whatever is done to the mask. */
static void what_is_not_prunable_stays(void **state)
{
    struct golden_net *g = *state;
    static const struct control_kind *const controls[] = { &control_ticket, &control_shuffle, &control_reinit,
                                                           &control_invert, &control_random };
    struct tensor *t = &g->b.layout.tensor[1];
    t->prunable = false;
    for (size_t c = 0; c < ARRAY_LEN(controls); c++) {
        apply(g, controls[c], g->after, 0.6, SCOPE_GLOBAL, 5);
        assert_int_equal(kept_in(g->mask, t), t->size);
    }
    t->prunable = true;
}

/* What a round has removed is 0 in its weights, so the next round removes it too: masks are nested, and the count is
 * that of one step at the same rate. */
static void rounds_of_pruning_are_nested(void **state)
{
    struct golden_net *g = *state;
    size_t n = g->b.layout.n;
    uint8_t *before = ARENA_NEW(&g->b.arena, n, uint8_t);
    real *weights = ARENA_NEW(&g->b.arena, n, real);
    for (enum scope scope = SCOPE_GLOBAL; scope <= SCOPE_TENSOR; scope++) {
        memcpy(weights, g->after, n * sizeof *weights);
        memset(before, 1, n);
        for (int round = 1; round <= 4; round++) {
            size_t left = 0;
            double k = 1 - pow(0.4, round / 4.0);
            apply(g, &control_ticket, weights, k, scope, 0);
            for (size_t j = 0; j < n; j++) {
                assert_true(before[j] || !g->mask[j]);
                left += g->mask[j];
                weights[j] = g->mask[j] ? g->after[(j + (size_t)round * 7919) % n] : 0; /* "trained" */
            }
            close_to((double)left / (double)n, 1 - k, 1e-4, "kept after a round");
            memcpy(before, g->mask, n);
        }
    }
}

int main(void)
{
    blas_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tickets_mask_is_the_published_one),
        cmocka_unit_test(norm_matched_networks_have_the_published_ratios),
        cmocka_unit_test(dense_changes_nothing),
        cmocka_unit_test(random_masks_keep_exactly_what_is_asked),
        cmocka_unit_test(random_masks_depend_on_the_seed_alone),
        cmocka_unit_test(shuffle_keeps_as_many_in_each_tensor_and_others),
        cmocka_unit_test(reinit_has_the_tickets_mask_and_other_weights),
        cmocka_unit_test(invert_keeps_what_the_ticket_removes),
        cmocka_unit_test(what_is_not_prunable_stays),
        cmocka_unit_test(rounds_of_pruning_are_nested),
    };
    return cmocka_run_group_tests_name("prune", tests, open_golden, close_golden);
}
