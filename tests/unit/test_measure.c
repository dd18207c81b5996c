#define TOMBOLA_REAL 64
#include "measures.h"

#include "job/registry.h"

enum { TENSORS = 3, VALUES = 1 + TENSORS };

static struct layout three_tensors(void)
{
    struct layout l = { 0 };
    LAYOUT_ADD(&l, "W", 1, 1, 2);
    LAYOUT_ADD(&l, "b", 1, 1);
    LAYOUT_ADD(&l, "U", 1, 2, 2);
    return l;
}

static int column(const char *name)
{
    for (int i = 0; measure_norms.columns[i].name; i++)
        if (!strcmp(measure_norms.columns[i].name, name)) return i;
    fail_msg("no column '%s'", name);
    return -1;
}

static void norms_are_those_of_pythagoras(void **state)
{
    (void)state;
    struct layout l = three_tensors();
    const double theta[] = { 3, -4, 12, 1, 2, -2, 4 };
    const uint8_t mask[] = { 1, 1, 0, 0, 1, 1, 0 };
    const struct {
        const char *column;
        double value[VALUES];
    } want[] = { { "l1", { 28, 7, 12, 9 } },
                 { "l2", { sqrt(25 + 144 + 25), 5, 12, 5 } },
                 { "sum_squares", { 25 + 144 + 25, 25, 144, 25 } },
                 { "sum_squares_masked", { 25 + 8, 25, 0, 8 } },
                 { "l1_masked", { 11, 7, 0, 4 } },
                 { "l2_masked", { sqrt(25 + 8), 5, 0, sqrt(8) } } };
    double value[6][VALUES], *out[6];
    for (size_t i = 0; i < 6; i++) out[i] = value[i];
    struct err e = { 0 };
    struct measure_probe p = { .at = { .layout = &l }, .theta = theta, .mask = mask };
    assert_int_equal(measure_norms.run(&p, out, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        for (size_t j = 0; j < VALUES; j++)
            close_to(value[column(want[i].column)][j], want[i].value[j], 1e-14, want[i].column);
    assert_null(measure_norms.columns[6].name);
}

static void every_value_has_a_label(void **state)
{
    (void)state;
    struct layout l = three_tensors();
    for (int i = 0; measure_norms.columns[i].name; i++) {
        struct buf text = { 0 };
        const struct measure_site at = { .layout = &l };
        assert_int_equal(measure_values(&measure_norms.columns[i], &at), VALUES);
        measure_norms.columns[i].labels(&at, &text);
        assert_string_equal(buf_chars(&text), "all,W,b,U");
        buf_release(&text);
    }
}

/* A float accumulator would stop growing at 2^24. */
static void sums_are_in_double(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct layout l = { 0 };
    const int64_t n = 20000000;
    LAYOUT_ADD(&l, "W", 1, n);
    double *theta = ARENA_NEW(&a, l.n, double);
    uint8_t *mask = ARENA_NEW(&a, l.n, uint8_t);
    for (size_t i = 0; i < l.n; i++) theta[i] = mask[i] = 1;
    double value[6][2], *out[6];
    for (size_t i = 0; i < 6; i++) out[i] = value[i];
    struct err e = { 0 };
    struct measure_probe p = { .at = { .layout = &l }, .theta = theta, .mask = mask };
    assert_int_equal(measure_norms.run(&p, out, &e), 0);
    assert_true(value[column("l1")][0] == (double)n);
    assert_true(value[column("l2_masked")][1] == sqrt((double)n));
    arena_release(&a);
}

/* ---- laws ---- */

static void open_small(struct look *l, bool runs_net)
{
    *l = (struct look){ .out = { NULL } };
    bench_open(&l->bench, "expr=a+b p=13 train_fraction=0.5", "d_embed=8 d_hidden=6", 1, NULL);
    look_open(l, &model_embed_mlp, runs_net);
    double *theta = ARENA_NEW(&l->bench.arena, l->bench.layout.n, double);
    model_init(theta, &l->bench.layout, 1);
    l->probe.theta = l->probe.initial = theta;
}

static double *tensor_of(struct look *l, double *theta, const char *name)
{
    return theta + layout_find(&l->bench.layout, name)->offset;
}

/* W_inproj = identity on two axes, W_E a wave: the first neuron hears one frequency and nothing else. */
static void a_pure_wave_has_no_entropy(void **state)
{
    (void)state;
    struct look l;
    open_small(&l, false);
    double *theta = ARENA_NEW(&l.bench.arena, l.bench.layout.n, double);
    for (size_t x = 0; x < 13; x++) tensor_of(&l, theta, "W_E")[x] = cos(2 * M_PI * 4 * (double)x / 13 + 0.3);
    tensor_of(&l, theta, "W_inproj")[0] = 2;
    l.probe.theta = theta;
    look_run(&l, &measure_fourier, "");
    close_to(look_at(&l, &measure_fourier, "in_entropy_from0")[0], 0, 1e-12, "entropy");
    close_to(look_at(&l, &measure_fourier, "in_share")[0], 1, 1e-12, "share");
    close_to(look_at(&l, &measure_fourier, "in_spectrum")[4], 13, 1e-12, "amplitude");
    assert_true(look_at(&l, &measure_fourier, "in_dominant")[0] == 4);
    assert_true(isnan(look_at(&l, &measure_fourier, "in_dominant")[1])); /* a dead neuron has no frequency */
    assert_true(look_at(&l, &measure_fourier, "in_entropy_from1")[1] == 0);
    look_close(&l);
}

static void an_impulse_has_all_frequencies(void **state)
{
    (void)state;
    struct look l;
    open_small(&l, false);
    double *theta = ARENA_NEW(&l.bench.arena, l.bench.layout.n, double);
    tensor_of(&l, theta, "W_U")[5] = 1;
    tensor_of(&l, theta, "W_outproj")[0] = 3;
    l.probe.theta = theta;
    look_run(&l, &measure_fourier, "");
    close_to(look_at(&l, &measure_fourier, "out_entropy_from0")[0], log(7), 1e-12, "over 0, ..., 6");
    close_to(look_at(&l, &measure_fourier, "out_entropy_from1")[0], log(6), 1e-12, "over 1, ..., 6");
    close_to(look_at(&l, &measure_fourier, "fe")[2], log(7) / 6, 1e-12, "mean over six neurons, five of them dead");
    look_close(&l);
}

static void jaccard_counts_what_is_kept(void **state)
{
    (void)state;
    struct look l;
    open_small(&l, false);
    look_run(&l, &measure_jaccard, "k=0.5");
    assert_true(isnan(look_at(&l, &measure_jaccard, "distance")[0])); /* nothing to compare with */
    l.probe.previous = l.probe.theta;
    look_run(&l, &measure_jaccard, "k=0.5");
    for (size_t i = 0; i < 5; i++) assert_true(look_at(&l, &measure_jaccard, "distance")[i] == 0);
    double *half = ARENA_NEW(&l.bench.arena, l.bench.layout.n, double);
    for (size_t i = 0; i < l.bench.layout.n; i++) half[i] = 1 / l.probe.theta[i]; /* what was large is small now */
    l.probe.previous = half;
    look_run(&l, &measure_jaccard, "k=0.5");
    close_to(look_at(&l, &measure_jaccard, "distance")[0], 1, 1e-12, "nothing in common");
    close_to(look_at(&l, &measure_jaccard, "kept")[0], (double)(l.bench.layout.n / 2), 1, "half is kept");
    look_close(&l);
}

static void accuracy_change_is_a_difference(void **state)
{
    (void)state;
    struct look l;
    open_small(&l, true);
    double *none = ARENA_NEW(&l.bench.arena, l.bench.layout.n, double);
    l.probe.previous = none; /* all logits 0: the first class wins */
    look_run(&l, &measure_accuracy_change, "");
    const double now = measure_evaluate(&l.probe, l.probe.theta, &l.bench.data.test).accuracy;
    const double before = measure_evaluate(&l.probe, none, &l.bench.data.test).accuracy;
    assert_true(now != before);
    assert_true(look_at(&l, &measure_accuracy_change, "test")[0] == now - before);
    look_close(&l);
}

/* Loss and gradient that measures get agree with finite differences. */
static void measures_get_the_gradient(void **state)
{
    (void)state;
    struct look l;
    open_small(&l, true);
    const size_t n = l.bench.layout.n;
    double *gradient = ARENA_NEW(&l.bench.arena, n, double), *moved = ARENA_NEW(&l.bench.arena, n, double);
    const struct dataset *d = &l.bench.data.train;
    const struct loss_value v = measure_gradient(&l.probe, l.probe.theta, d, gradient);
    assert_true(v.loss == measure_evaluate(&l.probe, l.probe.theta, d).loss);
    for (size_t i = 0; i < n; i += 17) {
        memcpy(moved, l.probe.theta, n * sizeof *moved);
        moved[i] += 1e-6;
        close_to((measure_evaluate(&l.probe, moved, d).loss - v.loss) / 1e-6, gradient[i], 1e-5, "slope");
    }
    look_close(&l);
}

static void histogram_counts_every_kept_weight(void **state)
{
    (void)state;
    struct look l;
    open_small(&l, false);
    const size_t n = l.bench.layout.n;
    uint8_t *mask = ARENA_NEW(&l.bench.arena, n, uint8_t);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) kept += mask[i] = i % 3 > 0;
    l.probe.mask = mask;
    look_run(&l, &measure_histogram, "bins=4 range=[-0.2,0.3]");
    const double *count = look_at(&l, &measure_histogram, "count"),
                 *outside = look_at(&l, &measure_histogram, "outside");
    double sum = 0, tensors = 0;
    for (size_t i = 0; i < 4; i++) sum += count[i];
    for (size_t i = 4; i < 20; i++) tensors += count[i];
    assert_true(sum + outside[0] + outside[1] == (double)kept && tensors == sum && outside[0] > 0 && outside[1] > 0);
    double *edge = ARENA_NEW(&l.bench.arena, n, double);
    edge[1] = 0.3;
    edge[2] = -0.2;
    l.probe.theta = edge;
    look_run(&l, &measure_histogram, "bins=4 range=[-0.2,0.3]");
    count = look_at(&l, &measure_histogram, "count");
    assert_true(count[0] == 1 && count[1] == (double)kept - 2 && count[2] == 0 && count[3] == 1);
    look_close(&l);
}

/* Embeddings on an ellipse in a plane of eight dimensions: two components explain all, the longer axis first. */
static void pca_finds_a_plane(void **state)
{
    (void)state;
    struct look l;
    open_small(&l, false);
    double *theta = ARENA_NEW(&l.bench.arena, l.bench.layout.n, double), *W_E = tensor_of(&l, theta, "W_E");
    for (size_t x = 0; x < 13; x++) {
        const double angle = 2 * M_PI * (double)x / 13;
        for (size_t j = 0; j < 8; j++) /* two orthogonal directions, and a mean */
            W_E[j * 13 + x] = 3 * cos(angle) * (j < 4 ? 0.5 : 0) - 2 * sin(angle) * (j < 4 ? 0 : 0.5) + (double)j;
    }
    l.probe.theta = theta;
    look_run(&l, &measure_pca, "");
    const double *at = look_at(&l, &measure_pca, "coordinate"), *share = look_at(&l, &measure_pca, "explained");
    close_to(share[0], 9.0 / 13, 1e-12, "share of the longer axis");
    close_to(share[0] + share[1], 1, 1e-12, "both");
    for (size_t x = 0; x < 13; x++) {
        close_to(at[x], 3 * cos(2 * M_PI * (double)x / 13), 1e-12, "first: its largest coordinate is positive");
        close_to(fabs(at[13 + x]), fabs(2 * sin(2 * M_PI * (double)x / 13)), 1e-12, "second");
    }
    assert_true(at[13 + 3] > 0); /* of two coordinates of the largest size the first */
    look_close(&l);
}

/* All weights kept, or none. */
static void open_graph(struct look *l, uint8_t kept)
{
    open_small(l, false); /* 13 symbols, 8, 6, 8, 13 classes */
    uint8_t *mask = ARENA_NEW(&l->bench.arena, l->bench.layout.n, uint8_t);
    memset(mask, kept, l->bench.layout.n);
    l->probe.mask = mask;
}

static void keep(struct look *l, const char *name, size_t row, size_t column_of)
{
    const struct tensor *t = layout_find(&l->bench.layout, name);
    ((uint8_t *)(uintptr_t)l->probe.mask)[t->offset + row * (size_t)t->dim[1] + column_of] = 1;
}

static double graph_value(struct look *l, const char *column_of)
{
    return look_at(l, &measure_graph, column_of)[0];
}

/* A path from a symbol to a class; then a star about one unit; then a cycle. */
static void graphs_made_by_hand(void **state)
{
    (void)state;
    if (measure_graph.missing) skip();
    struct look l;
    open_graph(&l, 0);
    look_run(&l, &measure_graph, "");
    assert_true(isnan(graph_value(&l, "path_length")) && graph_value(&l, "components") == 48);
    keep(&l, "W_E", 2, 5);
    keep(&l, "W_inproj", 1, 2);
    keep(&l, "W_outproj", 7, 1);
    keep(&l, "W_U", 7, 12);
    look_run(&l, &measure_graph, "");
    close_to(graph_value(&l, "path_length"), 2, 1e-12, "(4 1 + 3 2 + 2 3 + 1 4) / 10");
    assert_true(graph_value(&l, "largest") == 5 && graph_value(&l, "components") == 44);
    assert_true(graph_value(&l, "clustering") == 0 && graph_value(&l, "edges") == 4);
    keep(&l, "W_U", 7, 3);
    look_run(&l, &measure_graph, "");
    const double *last = look_at(&l, &measure_graph, "degree") + 4 * 5;
    close_to(last[0], 2.0 / 13, 1e-12, "mean degree of the classes");
    assert_true(last[2] == 0 && last[3] == 1 && last[4] == 11);
    look_close(&l);

    open_graph(&l, 0);
    for (size_t symbol = 0; symbol < 13; symbol++) keep(&l, "W_E", 4, symbol);
    look_run(&l, &measure_graph, "");
    close_to(graph_value(&l, "path_length"), (13 + 78 * 2) / 91.0, 1e-12, "a star of 13");
    assert_true(isnan(graph_value(&l, "clustering")) && graph_value(&l, "largest") == 14);
    for (size_t symbol = 0; symbol < 13; symbol++) keep(&l, "W_E", 5, symbol);
    look_run(&l, &measure_graph, "");
    close_to(graph_value(&l, "clustering"), 1, 1e-12, "two layers joined completely");
    look_close(&l);
}

static bool count_down(void *left)
{
    return --*(int *)left < 0;
}

/* Before the first path, between two of them, and among the cycles: what igraph holds is given back each time. */
static void a_graph_leaves_when_told(void **state)
{
    (void)state;
    if (measure_graph.missing) skip();
    struct look l;
    open_graph(&l, 1);
    look_run(&l, &measure_graph, "");
    int ticks = 1000;
    l.probe.leave = count_down;
    l.probe.ctx = &ticks;
    look_run(&l, &measure_graph, "");
    const double length = graph_value(&l, "path_length");
    for (int whole = 1000 - ticks, left = 0; left < whole; left++) {
        struct err e = { 0 };
        ticks = left;
        assert_int_equal(measure_graph.run(&l.probe, l.out, &e), -1);
        assert_int_equal(e.kind, ERR_STOPPED);
    }
    ticks = 1000;
    look_run(&l, &measure_graph, "");
    assert_true(graph_value(&l, "path_length") == length);
    look_close(&l);
}

static void a_complete_layered_graph(void **state)
{
    (void)state;
    if (measure_graph.missing) skip();
    static const double unit[] = { 13, 8, 6, 8, 13 };
    struct look l;
    double sum = 0, pairs = 0, paths = 0, cycles = 0;
    for (int a = 0; a < 5; a++)
        for (int b = a; b < 5; b++) {
            const double of = a == b ? unit[a] * (unit[a] - 1) / 2 : unit[a] * unit[b];
            sum += of * (a == b ? 2 : b - a);
            pairs += of;
        }
    for (int a = 0; a < 4; a++) {
        const double left = (a ? unit[a - 1] : 0) + unit[a + 1], right = unit[a] + (a < 3 ? unit[a + 2] : 0);
        paths += unit[a] * unit[a + 1] * (left - 1) * (right - 1);
        cycles += unit[a] * (unit[a] - 1) / 2 * unit[a + 1] * (unit[a + 1] - 1) / 2;
        if (a < 3) cycles += unit[a] * unit[a + 2] * unit[a + 1] * (unit[a + 1] - 1) / 2;
    }
    open_graph(&l, 1);
    look_run(&l, &measure_graph, "");
    close_to(graph_value(&l, "path_length"), sum / pairs, 1e-12, "path length");
    close_to(graph_value(&l, "clustering"), 4 * cycles / paths, 1e-12, "clustering");
    assert_true(graph_value(&l, "components") == 1 && graph_value(&l, "largest") == 48);
    look_run(&l, &measure_graph, "k=0.5");
    assert_true(graph_value(&l, "edges") == (double)(l.bench.layout.n / 2));
    look_close(&l);
}

/* ---- every row of the registry ---- */

static size_t count_labels(const struct measure_column *c, const struct measure_site *at)
{
    struct buf text = { 0 };
    c->labels(at, &text);
    size_t labels = text.length > 0;
    for (size_t i = 0; i < text.length; i++) labels += text.bytes[i] == ',';
    buf_release(&text);
    return labels;
}

static void check_columns(const struct measure_kind *m, const struct measure_site *at)
{
    for (size_t i = 0; m->columns[i].name; i++) {
        const struct measure_column *c = &m->columns[i];
        size_t length[MEASURE_RANK] = { 0 }, rank = c->shape ? c->shape(at, length) : 0;
        assert_true(i < MEASURE_COLUMNS && c->help && c->unit && rank <= MEASURE_RANK && !c->shape == !c->axes);
        size_t axes = c->axes != NULL;
        for (const char *s = c->axes; s && *s; s++) axes += *s == ',';
        assert_int_equal(axes, rank);
        if (c->labels) assert_int_equal(count_labels(c, at), length[rank - 1]);
    }
}

/* Twice, if it has a meaning here. */
static void run_twice(struct look *l, const struct measure_kind *m)
{
    struct err e = { 0 };
    double *theta[2], *first[MEASURE_COLUMNS];
    for (uint64_t i = 0; i < 2; i++) {
        theta[i] = ARENA_NEW(&l->bench.arena, l->bench.layout.n, double);
        model_init(theta[i], &l->bench.layout, i);
    }
    l->probe.theta = theta[0];
    l->probe.previous = l->probe.initial = theta[1];
    l->probe.epoch = 10;
    l->probe.at.options = config_of(&l->bench.arena, &m->kind, "");
    if (m->missing || (m->fits && m->fits(&l->probe.at, &e))) return;
    check_columns(m, &l->probe.at);
    if (m->look_back) assert_int_equal(m->look_back(&l->probe, &l->probe.found, &e), 0);
    look_run(l, m, "");
    memcpy(first, l->out, sizeof first);
    look_run(l, m, "");
    for (size_t c = 0; m->columns[c].name; c++)
        assert_memory_equal(first[c], l->out[c], measure_values(&m->columns[c], &l->probe.at) * sizeof(double));
}

static void run_on(const struct measure_kind *m, const struct model_kind *model, const char *config)
{
    struct look l = { .out = { NULL } };
    bench_open_model(&l.bench, "expr=a+b p=11 train_fraction=0.5", model, config, 3, NULL);
    look_open(&l, model, m->runs_net);
    run_twice(&l, m);
    look_close(&l);
}

static void run_on_parity(const struct measure_kind *m)
{
    struct look l = { .out = { NULL } };
    look_open_parity(&l, "n=9 k=2 n_train=50 n_test=20", "d_hidden=12", NULL);
    run_twice(&l, m);
    look_close(&l);
}

static void every_measure_describes_itself_and_repeats_its_bits(void **state)
{
    (void)state;
    for (size_t i = 0; registry_kinds(PLUGIN_MEASURE)[i]; i++) {
        const struct measure_kind *m = registry_measure(registry_kinds(PLUGIN_MEASURE)[i]->name);
        for (const struct field *f = m->kind.fields; f && f->key; f++) assert_non_null(f->standard);
        assert_true((m->run || m->missing) && m->kind.summary && m->kind.source);
        run_on(m, &model_embed_mlp, "d_embed=8 d_hidden=6");
        run_on(m, &model_transformer, "d_model=8 d_mlp=12 heads=2");
        run_on(m, &model_transformer, "d_model=8 d_mlp=12 heads=2 equals=true positional=true biases=true");
        run_on_parity(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_are_those_of_pythagoras),
        cmocka_unit_test(every_value_has_a_label),
        cmocka_unit_test(sums_are_in_double),
        cmocka_unit_test(a_pure_wave_has_no_entropy),
        cmocka_unit_test(an_impulse_has_all_frequencies),
        cmocka_unit_test(jaccard_counts_what_is_kept),
        cmocka_unit_test(accuracy_change_is_a_difference),
        cmocka_unit_test(measures_get_the_gradient),
        cmocka_unit_test(histogram_counts_every_kept_weight),
        cmocka_unit_test(pca_finds_a_plane),
        cmocka_unit_test(graphs_made_by_hand),
        cmocka_unit_test(a_graph_leaves_when_told),
        cmocka_unit_test(a_complete_layered_graph),
        cmocka_unit_test(every_measure_describes_itself_and_repeats_its_bits),
    };
    return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
