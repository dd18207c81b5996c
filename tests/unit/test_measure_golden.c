#define TOMBOLA_REAL 64
#include "measures.h"

/* Against another program's Fourier entropies and Jaccard distances: exact weights to 1e-9, float weights' spectra,
 * which are kept as floats, to 1e-6. */

struct golden_file {
    hid_t fourier, step, curves;
};

static struct golden_file open_fixtures(void)
{
    return (struct golden_file){ H5Fopen("tests/fixtures/fourier.h5", H5F_ACC_RDONLY, H5P_DEFAULT),
                                 H5Fopen("tests/fixtures/step_mlp.h5", H5F_ACC_RDONLY, H5P_DEFAULT),
                                 H5Fopen("tests/fixtures/curves_seed0.h5", H5F_ACC_RDONLY, H5P_DEFAULT) };
}

static void close_fixtures(const struct golden_file *g)
{
    H5Fclose(g->fourier);
    H5Fclose(g->step);
    H5Fclose(g->curves);
}

static void same(const double *got, hid_t file, const char *name, size_t n, double tolerance, struct arena *a)
{
    const double *want = golden(file, name, H5T_NATIVE_DOUBLE, n, a);
    for (size_t i = 0; i < n; i++) close_to(got[i], want[i], tolerance * fmax(1, fabs(want[i])), name);
}

enum { NEURONS = 48, FREQUENCIES = 34 };

/* names: NULL for those of the fixture, else the folder of the checkpoint in the whole reference. */
static void check_fourier(struct look *l, hid_t golden_at, const char *folder, const char *entropy, double tolerance)
{
    static const char *const side[] = { "input", "output" }, *const mine[] = { "in", "out" };
    static const char *const from[] = { "from0", "from1" };
    look_run(l, &measure_fourier, "");
    for (int s = 0; s < 2; s++) {
        char name[96], column[32];
        struct arena *a = &l->bench.arena;
        snprintf(column, sizeof column, "%s_spectrum", mine[s]);
        snprintf(name, sizeof name, "%s/%s_F", folder, side[s]);
        same(look_at(l, &measure_fourier, column), golden_at, name, (size_t)NEURONS * FREQUENCIES, tolerance, a);
        for (int f = 0; f < 2; f++) {
            snprintf(column, sizeof column, "%s_entropy_%s", mine[s], from[f]);
            snprintf(name, sizeof name, "%s/%s_%s_%s", folder, side[s], entropy, from[f]);
            same(look_at(l, &measure_fourier, column), golden_at, name, NEURONS, 1e-9, a);
            snprintf(name, sizeof name, "%s/FE_%s_%s", folder, side[s], from[f]);
            same(look_at(l, &measure_fourier, "fe") + 2 * s + f, golden_at, name, 1, 1e-9, a);
        }
    }
}

static void fourier_entropy_is_the_papers(void **state)
{
    (void)state;
    const struct golden_file g = open_fixtures();
    struct look l = { 0 };
    bench_golden(&l.bench, g.step);
    look_open(&l, &model_embed_mlp, false);
    l.probe.theta = golden_theta(g.step, "init", &l.bench.layout, &l.bench.arena);
    check_fourier(&l, g.fourier, "fourier/init", "entropy", 1e-9);
    l.probe.theta = golden_theta(g.step, "after_100", &l.bench.layout, &l.bench.arena);
    check_fourier(&l, g.fourier, "fourier/after_100", "entropy", 1e-9);
    l.probe.theta = golden_theta(g.fourier, "epoch2000", &l.bench.layout, &l.bench.arena);
    check_fourier(&l, g.fourier, "fourier/epoch2000", "entropy", 1e-6);
    look_close(&l);
    close_fixtures(&g);
}

static void jaccard_distance_is_the_papers(void **state)
{
    (void)state;
    const struct golden_file g = open_fixtures();
    struct look l = { 0 };
    bench_golden(&l.bench, g.curves);
    look_open(&l, &model_embed_mlp, false);
    l.probe.previous = golden_theta(g.curves, "init", &l.bench.layout, &l.bench.arena);
    l.probe.theta = golden_theta(g.fourier, "epoch2000", &l.bench.layout, &l.bench.arena);
    for (int tensorwise = 0; tensorwise < 2; tensorwise++) {
        look_run(&l, &measure_jaccard, tensorwise ? "k=0.6 scope=tensor" : "k=0.6");
        same(look_at(&l, &measure_jaccard, "distance"), g.fourier, tensorwise ? "jaccard/local" : "jaccard/global", 5,
             1e-12, &l.bench.arena);
        same(look_at(&l, &measure_jaccard, "kept") + 1, g.fourier, tensorwise ? "kept/local" : "kept/global", 4, 0,
             &l.bench.arena);
    }
    look_close(&l);
    close_fixtures(&g);
}

/* Every checkpoint of the whole reference data, where they are. */
static void all_checkpoints_agree_with_the_reference(void **state)
{
    (void)state;
    static const char *const epoch[] = { "epoch2000", "epoch10000", "epoch20000", "epoch30000", "epoch40000" };
    const char *const fourier_file = "../shared/reference/fourier.h5", *const curves_file =
                                                                           "../shared/reference/curves.h5";
    FILE *there = fopen(fourier_file, "rb");
    if (!there) {
        skip();
        return;
    }
    fclose(there);
    hid_t fourier = H5Fopen(fourier_file, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t curves = H5Fopen(curves_file, H5F_ACC_RDONLY, H5P_DEFAULT);
    const struct golden_file g = open_fixtures();
    struct look l = { 0 };
    bench_golden(&l.bench, g.curves);
    look_open(&l, &model_embed_mlp, false);
    l.probe.previous = golden_theta(curves, "seed0/init", &l.bench.layout, &l.bench.arena);
    for (size_t i = 0; i < ARRAY_LEN(epoch); i++) {
        char name[96];
        snprintf(name, sizeof name, "seed0/checkpoints/%s", epoch[i]);
        l.probe.theta = golden_theta(curves, name, &l.bench.layout, &l.bench.arena);
        snprintf(name, sizeof name, "curves_seed0/%s", epoch[i]);
        check_fourier(&l, fourier, name, "entropy_per_neuron", 1e-6);
        look_run(&l, &measure_jaccard, "k=0.6");
        snprintf(name, sizeof name, "curves_seed0/%s/jaccard_vs_previous_global/all", epoch[i]);
        same(look_at(&l, &measure_jaccard, "distance"), fourier, name, 1, 1e-12, &l.bench.arena);
        l.probe.previous = l.probe.theta;
    }
    look_close(&l);
    close_fixtures(&g);
    H5Fclose(fourier);
    H5Fclose(curves);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fourier_entropy_is_the_papers),
        cmocka_unit_test(jaccard_distance_is_the_papers),
        cmocka_unit_test(all_checkpoints_agree_with_the_reference),
    };
    return cmocka_run_group_tests_name("measure_golden", tests, NULL, NULL);
}
