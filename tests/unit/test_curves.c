/* Long runs from the published code's weights and split: when do they generalise? */
#include "engine.h"

#include "num/blas.h"
#include "num/select.h"
#include "train/train.h"

struct watch {
    int64_t t_mem, t_gen;
};

static int on_evaluated(void *ctx, const struct train_state *s, const struct train_metrics *m, struct err *e)
{
    struct watch *w = ctx;
    (void)s;
    if (w->t_mem < 0 && m->train.accuracy > 0.95) w->t_mem = m->epoch;
    if (w->t_gen < 0 && m->test.accuracy > 0.95) w->t_gen = m->epoch;
    return w->t_gen >= 0 ? err_set(e, ERR_STOPPED, "seen enough") : 0;
}

/* Train from the golden start until the test accuracy exceeds 0.95. */
static struct watch train_golden(int64_t epochs, bool ticket)
{
    struct bench b = { 0 };
    struct watch w = { -1, -1 };
    struct err e = { 0 };
    const struct train_hooks hooks = { .ctx = &w, .evaluated = on_evaluated };
    hid_t file = H5Fopen("tests/fixtures/curves_seed0.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    bench_golden(&b, file);
    const double *init = golden_theta(file, "init", &b.layout, &b.arena);
    const uint8_t *mask = ticket ? golden_mask(file, "ticket_mask", b.layout.n, &b.arena) : NULL;
    struct trainer t = { .model = &model_embed_mlp,
                         .model_config = b.model_config,
                         .layout = &b.layout,
                         .shape = &b.shape,
                         .data = &b.data,
                         .optimizer = &optimizer_adamw,
                         .optimizer_config =
                             config_of(&b.arena, &optimizer_adamw.kind, "lr=1e-3 weight_decay=1 betas=[0.9,0.98]"),
                         .epochs = epochs,
                         .mask = mask,
                         .record = { 1, 1 } };
    train_open(&t, &b.arena);
    for (size_t i = 0; i < b.layout.n; i++) t.state.theta[i] = (real)init[i];
    if (mask) mask_apply(t.state.theta, mask, b.layout.n);
    train_run(&t, &hooks, &e);
    if (e.kind && e.kind != ERR_STOPPED) fail_msg("%s", e.text);
    H5Fclose(file);
    arena_release(&b.arena);
    print_message("t_mem %lld, t_gen %lld\n", (long long)w.t_mem, (long long)w.t_gen);
    return w;
}

/* Published: 128 and 387 in both precisions and for any order of the examples. */
static void a_ticket_generalises_at_once(void **state)
{
    (void)state;
    struct watch w = train_golden(1000, true);
    close_to((double)w.t_mem, 128, 2, "t_mem");
    close_to((double)w.t_gen, 387, 20, "t_gen");
}

/* Published: 85, and 12094 to 12641 depending on rounding alone; OpenBLAS's kernels for five kinds of processor gave
 * 11644 to 12607. */
static void its_dense_network_generalises_late(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* minutes */
#endif
    struct watch w = train_golden(13500, false);
    close_to((double)w.t_mem, 85, 2, "t_mem");
    assert_in_range(w.t_gen, 11000, 13500);
}

int main(void)
{
    blas_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_generalises_at_once),
        cmocka_unit_test(its_dense_network_generalises_late),
    };
    return cmocka_run_group_tests_name("curves", tests, NULL, NULL);
}
