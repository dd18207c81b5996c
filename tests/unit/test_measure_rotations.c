#define TOMBOLA_REAL 64
#include "measures.h"
#include "sanitized.h"

/* Measure progress on networks that add modulo p by rotations and nothing else, whose losses can be written down:
 *
 *      Z[(a, b), c] = SCALE sum over the frequencies f of cos(2 pi f (a + b - c) / p)
 *
 *  For each f the embedding holds x = f a mod p, so that t = x_a + x_b = 0, ..., 2p - 2 tells f (a + b) mod p, and
 * any function of t is a sum of what 2p - 1 relu neurons make of t: two that are always active, and one with a kink
 * at each t between, on the side where it is active on the greater half. */

enum { MOST = 3 };
static const double scale = 4;

struct rotations {
    size_t count, f[MOST];
};

struct plan {
    const struct layout *layout;
    const struct model_symbols *name;
    double *theta;
    size_t p;
};

static void put(const struct plan *n, const char *name, size_t row, size_t column, double value)
{
    const struct tensor *t = layout_find(n->layout, name);
    n->theta[t->offset + row * (size_t)t->dim[t->rank - 1] + column] = value;
}

/* Row of the embedding that is 1/2 for every symbol, behind those of x; then come cos and sin of each frequency. */
static size_t output_row(const struct rotations *r, size_t i, size_t part)
{
    return r->count + 1 + 2 * i + part;
}

static double wave(size_t part, size_t at, size_t p)
{
    const double angle = 2 * M_PI * (double)(at % p) / (double)p;
    return part ? sin(angle) : cos(angle);
}

/* What neuron j of frequency i sees: slope t + offset. */
static void put_in(const struct plan *n, const struct rotations *r, size_t i, size_t j, double slope, double offset)
{
    const size_t neuron = i * (2 * n->p - 1) + j;
    put(n, n->name->in, neuron, i, slope);
    put(n, n->name->in, neuron, r->count, offset);
}

static void put_out(const struct plan *n, const struct rotations *r, size_t i, size_t j, size_t part, double value)
{
    put(n, n->name->out, output_row(r, i, part), i * (2 * n->p - 1) + j, scale * value);
}

/* cos and sin of 2 pi t / p: kinks as large as their second differences, then a line through the ends. */
static void put_wave(const struct plan *n, const struct rotations *r, size_t i, size_t part)
{
    const size_t p = n->p, end = 2 * p - 2;
    const double q = (double)(2 * p - 1);
    double first = wave(part, 0, p), last = wave(part, end, p);
    for (size_t s = 1; s < end; s++) {
        const double kink = wave(part, s + 1, p) - 2 * wave(part, s, p) + wave(part, s - 1, p);
        put_out(n, r, i, 1 + s, part, kink);
        first -= s < p ? 0 : kink * (double)s;
        last -= s < p ? kink * (double)(end - s) : 0;
    }
    put_out(n, r, i, 0, part, (last * q - first) / (q * q - 1));
    put_out(n, r, i, 1, part, (first * q - last) / (q * q - 1));
}

static void put_rotation(const struct plan *n, const struct rotations *r, size_t i)
{
    const size_t p = n->p;
    for (size_t a = 0; a < p; a++) {
        put(n, n->name->embed, i, a, (double)(r->f[i] * a % p));
        put(n, n->name->embed, r->count, a, 0.5);
        for (size_t part = 0; part < 2; part++)
            put(n, n->name->unembed, output_row(r, i, part), a, wave(part, r->f[i] * a, p));
    }
    put_in(n, r, i, 0, 1, 1);
    put_in(n, r, i, 1, -1, (double)(2 * p - 1));
    for (size_t s = 1; s < 2 * p - 2; s++) put_in(n, r, i, 1 + s, s < p ? 1 : -1, s < p ? -(double)s : (double)s);
    for (size_t part = 0; part < 2; part++) put_wave(n, r, i, part);
}

/* Attention that looks at '=' and both symbols alike: with W_O = 3 it adds them up. */
static void put_sum(const struct plan *n)
{
    const struct tensor *O = layout_find(n->layout, "W_O");
    for (size_t i = 0; O && i < (size_t)O->dim[0]; i++) {
        n->theta[layout_find(n->layout, "W_V")->offset + i * (size_t)O->dim[0] + i] = 1;
        put(n, "W_O", i, i, 3);
    }
}

static const double *make(struct look *l, const struct rotations *r)
{
    const struct plan n = { .layout = &l->bench.layout,
                            .name = l->probe.at.model->symbols,
                            .theta = ARENA_NEW(&l->bench.arena, l->bench.layout.n, double),
                            .p = (size_t)l->bench.shape.classes };
    for (size_t i = 0; i < r->count; i++) put_rotation(&n, r, i);
    put_sum(&n);
    return n.theta;
}

static double *column(struct look *l, const char *name)
{
    return look_at(l, &measure_progress, name);
}

/* The loss of the network with all its frequencies but one; without: 0, with all. */
static double loss_of(const struct rotations *r, size_t without, size_t p)
{
    double sum = 0, right = 0;
    for (size_t d = 0; d < p; d++) {
        double z = 0;
        for (size_t i = 0; i < r->count; i++) z += r->f[i] == without ? 0 : scale * wave(0, r->f[i] * d, p);
        sum += exp(z);
        if (d == 0) right = z;
    }
    return log(sum) - right;
}

static bool is_one_of(const struct rotations *r, size_t f)
{
    bool is = false;
    for (size_t i = 0; i < r->count; i++) is = is || r->f[i] == f;
    return is;
}

static void check_sets(struct look *l, const char *name, double want)
{
    for (size_t s = 0; s < 3; s++) close_to(column(l, name)[s], want, 1e-9, name);
}

static void check_frequencies(struct look *l, const struct rotations *r, size_t p)
{
    double mean = 0;
    for (size_t f = 1; f <= (p - 1) / 2; f++) {
        const bool is = is_one_of(r, f);
        const double loss = loss_of(r, f, p);
        mean += is ? loss / (double)r->count : 0;
        assert_true(column(l, "key")[f - 1] == (is ? 1 : 0));
        close_to(column(l, "cosine")[f - 1], is ? scale * sqrt(pow((double)p, 3) / 2) : 0, 1e-8, "cosine");
        close_to(column(l, "unembed_norm")[2 * f - 1], is ? sqrt((double)p / 2) : 0, 1e-9, "W_U along cos");
        close_to(column(l, "unembed_norm")[2 * f], is ? sqrt((double)p / 2) : 0, 1e-9, "W_U along sin");
        for (size_t s = 0; s < 3; s++) close_to(column(l, "excluded_loss")[3 * (f - 1) + s], loss, 1e-9, "excluded");
    }
    check_sets(l, "excluded_mean_loss", mean);
}

static void check_laws(const struct model_kind *model, const char *task, const char *config, size_t neurons,
                       const struct rotations *r)
{
    struct look l = { .out = { NULL } };
    bench_open_model(&l.bench, task, model, config, 1, NULL);
    look_open(&l, model, false);
    const size_t p = (size_t)l.bench.shape.classes;
    l.probe.theta = make(&l, r);
    look_run(&l, &measure_progress, "");
    check_sets(&l, "loss", loss_of(r, 0, p));
    check_sets(&l, "restricted_loss", loss_of(r, 0, p)); /* nothing else is there */
    check_sets(&l, "excluded_keys_loss", log((double)p));
    check_frequencies(&l, r, p);
    assert_true(column(&l, "keys")[0] == (double)r->count);
    assert_true(column(&l, "dead")[0] == (double)(neurons - r->count * (2 * p - 1)));
    close_to(column(&l, "unembed_gini")[1], 1 - 2 * (double)r->count / (double)(p - 1), 1e-9, "few frequencies");
    look_close(&l);
}

/* What follows is modulo 113, or under the sanitizers 31. */
static void rotations(void **state)
{
    (void)state;
    if (SANITIZED) {
        check_laws(&model_embed_mlp, "expr=a+b p=31 pairs=unordered", "d_embed=10 d_hidden=190", 190,
                   &(const struct rotations){ 3, { 4, 9, 14 } });
        return;
    }
    check_laws(&model_embed_mlp, "expr=a+b p=113 pairs=unordered", "d_embed=10 d_hidden=680", 680,
               &(const struct rotations){ 3, { 4, 31, 56 } });
}

/* Nanda's transformer. */
static void a_transformer_of_rotations(void **state)
{
    (void)state;
    if (SANITIZED) {
        check_laws(&model_transformer, "expr=a+b p=31 pairs=ordered train_fraction=0.3",
                   "d_model=32 heads=4 d_mlp=128 equals=true positional=true biases=true equals_logit=true", 128,
                   &(const struct rotations){ 2, { 5, 12 } });
        return;
    }
    check_laws(&model_transformer, "expr=a+b p=113 pairs=ordered train_fraction=0.3",
               "d_model=128 heads=4 d_mlp=512 equals=true positional=true biases=true equals_logit=true", 512,
               &(const struct rotations){ 2, { 14, 35 } });
}

/* The frequencies of the last checkpoint are looked for at an earlier one, which has others, or each has its own. */
static void key_frequencies_are_those_of_the_last_checkpoint(void **state)
{
    (void)state;
    enum { SMALL = 31 };
    const struct rotations last = { 2, { 3, 11 } }, now = { 2, { 3, 7 } }, common = { 1, { 3 } }, rest = { 1, { 7 } };
    struct look l = { .out = { NULL } };
    struct err e = { 0 };
    bench_open(&l.bench, "expr=a+b p=31 train_fraction=0.5", "d_embed=7 d_hidden=122", 1, NULL);
    look_open(&l, &model_embed_mlp, false);
    for (int own = 0; own < 2; own++) {
        const char *options = own ? "keys=own" : "";
        l.probe.theta = make(&l, &last);
        l.probe.at.options = config_of(&l.bench.arena, &measure_progress.kind, options);
        l.probe.found = NULL;
        assert_int_equal(measure_progress.look_back(&l.probe, &l.probe.found, &e), 0);
        l.probe.theta = make(&l, &now);
        look_run(&l, &measure_progress, options);
        check_sets(&l, "loss", loss_of(&now, 0, SMALL));
        check_sets(&l, "restricted_loss", loss_of(own ? &now : &common, 0, SMALL));
        check_sets(&l, "excluded_keys_loss", own ? log(SMALL) : loss_of(&rest, 0, SMALL));
        assert_true(column(&l, "key")[2] == 1 && column(&l, "key")[6] == 1 && column(&l, "keys")[0] == 2);
        check_sets(&l, "excluded_mean_loss", (loss_of(&now, 3, SMALL) + loss_of(&now, own ? 7 : 11, SMALL)) / 2);
    }
    look_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rotations),
        cmocka_unit_test(a_transformer_of_rotations),
        cmocka_unit_test(key_frequencies_are_those_of_the_last_checkpoint),
    };
    return cmocka_run_group_tests_name("measure_rotations", tests, NULL, NULL);
}
