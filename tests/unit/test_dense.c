/* dense_mlp: gradients under every loss, the plain twin, its tensors, and two epochs of the published parity run. */
#include "engine.h"

#include "base/rng.h"
#include "model/dense_mlp.h"
#include "num/blas.h"
#include "num/convert.h"
#include "num/loss.h"
#include "num/real.h"
#include "train/train.h"

#include <stdlib.h>

enum data_form { SYMBOLS, NUMBERS };
static const struct setting {
    const char *settings;
    enum data_form form;
    size_t outputs;
    bool targets;
    struct loss loss;
} cases[] = {
    { "d_hidden=9", NUMBERS, 4, false, { .kind = LOSS_CROSS_ENTROPY } },
    { "d_hidden=9 layers=3 activation=tanh", NUMBERS, 4, false, { .kind = LOSS_MSE } },
    { "d_hidden=8 biases=false activation=gelu", NUMBERS, 1, false, { .kind = LOSS_MSE } },
    { "d_hidden=8 output_bias=false layers=2", NUMBERS, 1, false, { .kind = LOSS_HINGE } },
    { "d_hidden=5 init=normal output_scale=2", SYMBOLS, 1, false, { .kind = LOSS_BINARY_CROSS_ENTROPY } },
    { "d_hidden=6 layers=2 activation=gelu", SYMBOLS, 3, true, { .kind = LOSS_MSE } },
    { "d_hidden=21 biases=false readout=mean activation=quadratic epsilon=0.3 output_scale=0.5",
      NUMBERS,
      1,
      true,
      { .kind = LOSS_MSE } },
    { "d_hidden=7 layers=2 readout=mean activation=quadratic", SYMBOLS, 1, true, { .kind = LOSS_MSE } },
};
enum { N = 37, WIDTH = 3, VOCABULARY = 11 };

struct problem {
    struct arena arena;
    const struct setting *is;
    const void *config;
    struct task_shape shape;
    struct layout layout;
    struct task_data data;
    struct net *net;
    real *theta, *logits, *gradient;
};

static void problem_open(struct problem *q, const struct setting *is)
{
    struct err e = { 0 };
    struct rng r = rng_open(1, "test");
    memset(q, 0, sizeof *q);
    struct arena *a = &q->arena;
    int32_t *token = ARENA_NEW(a, N * WIDTH, int32_t), *label = ARENA_NEW(a, N, int32_t);
    double *x = ARENA_NEW(a, N * WIDTH, double), *target = ARENA_NEW(a, N * is->outputs, double);
    for (size_t i = 0; i < N * WIDTH; i++) token[i] = (int32_t)rng_below(&r, VOCABULARY), x[i] = rng_normal(&r);
    for (size_t i = 0; i < N; i++) label[i] = (int32_t)rng_below(&r, is->outputs == 1 ? 2 : is->outputs);
    for (size_t i = 0; i < N * is->outputs; i++) target[i] = rng_normal(&r);
    q->is = is;
    q->config = config_of(a, &model_dense_mlp.kind, is->settings);
    q->shape = (struct task_shape){ .n_train = N,
                                    .n_test = N,
                                    .width = WIDTH,
                                    .vocabulary = is->form == SYMBOLS ? VOCABULARY : 0,
                                    .classes = (int64_t)is->outputs };
    q->data.train = (struct dataset){ .n = N,
                                      .width = WIDTH,
                                      .token = is->form == SYMBOLS ? token : NULL,
                                      .x = is->form == NUMBERS ? x : NULL,
                                      .label = is->targets ? NULL : label,
                                      .target = is->targets ? target : NULL };
    q->data.test = q->data.train;
    convert_data(&q->data, a);
    if (model_dense_mlp.layout(q->config, &q->shape, &q->layout, &e) ||
        loss_check(&is->loss, is->outputs, is->targets, &e))
        fail_msg("%s", e.text);
    q->net = model_dense_mlp.open(q->config, &q->layout, &q->shape, N, a);
    q->theta = ARENA_NEW(a, q->layout.n, real);
    q->gradient = ARENA_NEW(a, q->layout.n, real);
    q->logits = ARENA_NEW(a, N * is->outputs, real);
    model_init(q->theta, &q->layout, 3);
}

static struct loss_value problem_value(struct problem *q)
{
    model_dense_mlp.prepare(q->net, q->theta);
    model_dense_mlp.forward(q->net, &q->data.train, q->logits);
    return loss_evaluate(&q->is->loss, q->logits, &q->data.train, q->is->outputs);
}

static struct loss_value problem_gradient(struct problem *q)
{
    model_dense_mlp.prepare(q->net, q->theta);
    model_dense_mlp.forward(q->net, &q->data.train, q->logits);
    struct loss_value v = loss_gradient(&q->is->loss, q->logits, &q->data.train, q->is->outputs);
    model_dense_mlp.backward(q->net, &q->data.train, q->logits, q->gradient);
    return v;
}

/* Weight by weight, so that no error can hide behind another; a kink that the step crosses would show, and none does.
 */
static void gradients_are_those_of_finite_differences(void **state)
{
    (void)state;
    const double h = 1e-6;
    for (size_t i = 0; IS_DOUBLE && i < ARRAY_LEN(cases); i++) {
        struct problem q;
        problem_open(&q, &cases[i]);
        struct loss_value v = problem_gradient(&q);
        for (size_t w = 0; w < q.layout.n; w++) {
            const real at = q.theta[w];
            double loss[2];
            for (int side = 0; side < 2; side++) {
                q.theta[w] = at + (real)(side ? -h : h);
                loss[side] = problem_value(&q).loss;
            }
            q.theta[w] = at;
            close_to((loss[0] - loss[1]) / (2 * h), (double)q.gradient[w], 1e-8, cases[i].settings);
        }
        struct loss_value same = problem_value(&q);
        assert_true(same.loss == v.loss && isnan(v.accuracy) == cases[i].targets);
        assert_true(isnan(v.accuracy) || (same.accuracy == v.accuracy && v.accuracy > 0 && v.accuracy < 1));
        arena_release(&q.arena);
    }
}

static void fast_equals_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct problem q;
        problem_open(&q, &cases[i]);
        const size_t logits = cases[i].outputs * N;
        double *theta = ARENA_NEW(&q.arena, q.layout.n, double), *slope = ARENA_NEW(&q.arena, q.layout.n, double);
        double *want = ARENA_NEW(&q.arena, logits, double), *dlogits = ARENA_NEW(&q.arena, logits, double);
        for (size_t w = 0; w < q.layout.n; w++) theta[w] = (double)q.theta[w];
        problem_value(&q);
        dense_mlp_plain(q.config, NULL, &q.layout, &q.data.train, theta, want, NULL, NULL, NULL);
        all_close_to(q.logits, want, logits, cases[i].settings);
        problem_gradient(&q);
        for (size_t j = 0; j < logits; j++) dlogits[j] = (double)q.logits[j];
        dense_mlp_plain(q.config, NULL, &q.layout, &q.data.train, theta, want, dlogits, slope, NULL);
        all_close_to(q.gradient, slope, q.layout.n, cases[i].settings);
        arena_release(&q.arena);
    }
}

static void layout_of(struct layout *l, const char *settings, struct err *e, struct arena *a)
{
    const struct task_shape shape = { .n_train = 1, .n_test = 1, .width = 40, .classes = 1 };
    memset(l, 0, sizeof *l);
    model_dense_mlp.layout(config_of(a, &model_dense_mlp.kind, settings), &shape, l, e);
}

static void tensors_are_prunable_and_decayed_by_choice(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct layout l;
    struct err e = { 0 };
    layout_of(&l, "layers=2 d_hidden=5 prune=[weights] decay=[W_2,b_out]", &e, &a);
    assert_int_equal(e.kind, ERR_NONE);
    const char *const name[] = { "W_1", "b_1", "W_2", "b_2", "W_out", "b_out" };
    const bool decayed[] = { false, false, true, false, false, true };
    assert_int_equal(l.count, ARRAY_LEN(name));
    for (int i = 0; i < l.count; i++) {
        assert_string_equal(l.tensor[i].name, name[i]);
        assert_int_equal(l.tensor[i].prunable, i % 2 == 0);
        assert_true(l.tensor[i].decay == (decayed[i] ? 1 : 0));
    }
    layout_of(&l, "decay=[]", &e, &a);
    for (int i = 0; i < l.count; i++) assert_true(l.tensor[i].prunable && l.tensor[i].decay == 0);
    layout_of(&l, "layers=2 prune=[W_3]", &e, &a);
    assert_string_equal(e.text, "'prune' names W_3, which this network does not have");
    arena_release(&a);
}

/* Mean, variance and bounds of PyTorch's default, and zeros for the biases of the Gaussian. */
static void initial_weights_are_pytorchs_or_gaussian(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct layout l;
    struct err e = { 0 };
    layout_of(&l, "init_scale=8", &e, &a);
    real *theta = ARENA_NEW(&a, l.n, real);
    model_init(theta, &l, 5);
    const double bound[] = { 8 / sqrt(40), 8 / sqrt(40), 8 / sqrt(1000), 8 / sqrt(1000) };
    for (int i = 0; i < l.count; i++) {
        double sum = 0, squares = 0, n = (double)l.tensor[i].size;
        for (size_t j = 0; j < l.tensor[i].size; j++) {
            double w = (double)theta[l.tensor[i].offset + j] / bound[i];
            assert_true(fabs(w) <= 1 + 1e-6);
            sum += w;
            squares += w * w;
        }
        close_to(sum / n, 0, 5 / sqrt(3 * n), "mean");
        if (n > 1) close_to(squares / n, 1.0 / 3, 5 * sqrt(4.0 / 45 / n), "variance");
    }
    layout_of(&l, "init=normal", &e, &a);
    model_init(theta, &l, 5);
    for (size_t j = 0; j < 1000; j++) assert_true(theta[l.tensor[1].offset + j] == 0);
    close_to(l.tensor[0].init_std, 1 / sqrt(40), 1e-15, "W_1");
    arena_release(&a);
}

/* ---- the published parity run ---- */

struct parity {
    struct bench b;
    hid_t file;
    struct trainer t;
};

static void parity_open(struct parity *p)
{
    memset(p, 0, sizeof *p);
    struct arena *a = &p->b.arena;
    struct err e = { 0 };
    p->file = H5Fopen("tests/fixtures/parity.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    struct task_split split = { .width = 40, .n_train = 1000, .n_test = 100 };
    split.train = golden(p->file, "data/train_pairs", H5T_NATIVE_INT32, 40000, a);
    split.test = golden(p->file, "data/test_pairs", H5T_NATIVE_INT32, 4000, a);
    struct bench *b = &p->b;
    b->task_config = config_of(a, &task_parity.kind, "");
    b->model_config = config_of(a, &model_dense_mlp.kind, "d_hidden=200 output_bias=false");
    if (task_parity.shape(b->task_config, &b->shape, &e) ||
        task_parity.build(b->task_config, 0, &split, a, &b->data, &e) ||
        model_dense_mlp.layout(b->model_config, &b->shape, &b->layout, &e))
        fail_msg("%s", e.text);
    convert_data(&b->data, a);
    p->t = (struct trainer){ .model = &model_dense_mlp,
                             .model_config = b->model_config,
                             .layout = &b->layout,
                             .shape = &b->shape,
                             .data = &b->data,
                             .optimizer = &optimizer_sgd,
                             .optimizer_config = config_of(a, &optimizer_sgd.kind, "lr=0.1 weight_decay=0.01"),
                             .loss = { .kind = LOSS_HINGE, .precision = LOSS_DOUBLE },
                             .record = { { { 1, 1 } } } };
    train_open(&p->t, a);
    const double *init = golden_theta(p->file, "init", &b->layout, a);
    for (size_t i = 0; i < b->layout.n; i++) p->t.state.theta[i] = (real)init[i];
}

/* The examples first..first+n-1 of an order, as the trainer would hand them to the model. */
static struct dataset batch_of(struct parity *p, const int32_t *order, size_t n)
{
    const struct dataset *d = &p->b.data.train;
    real *x = ARENA_NEW(&p->b.arena, n * d->width, real);
    int32_t *label = ARENA_NEW(&p->b.arena, n, int32_t);
    for (size_t i = 0; i < n; i++) {
        memcpy(x + i * d->width, (const real *)d->x_real + (size_t)order[i] * d->width, d->width * sizeof *x);
        label[i] = d->label[order[i]];
    }
    return (struct dataset){ .n = n, .width = d->width, .x_real = x, .label = label };
}

static double parity_step(struct parity *p, const struct dataset *d)
{
    struct trainer *t = &p->t;
    t->model->prepare(t->net, t->state.theta);
    t->model->forward(t->net, d, t->logits);
    struct loss_value v = loss_gradient(&t->loss, t->logits, d, 1);
    t->model->backward(t->net, d, t->logits, t->gradient);
    t->optimizer->step(t->optimizer_config, ++t->state.step, 1, t->layout, t->state.theta, t->gradient,
                       t->state.moment, NULL);
    return v.loss;
}

/* [train loss, train accuracy, test loss, test accuracy] */
static void check_losses(struct parity *p, const char *when)
{
    char name[64];
    snprintf(name, sizeof name, "losses/%s", when);
    const double *want = golden(p->file, name, H5T_NATIVE_DOUBLE, 4, &p->b.arena);
    const struct dataset *const set[] = { &p->b.data.train, &p->b.data.test };
    p->t.model->prepare(p->t.net, p->t.state.theta);
    for (size_t i = 0; i < 2; i++) {
        p->t.model->forward(p->t.net, set[i], p->t.logits);
        struct loss_value v = loss_evaluate(&p->t.loss, p->t.logits, set[i], 1);
        close_to(v.loss, want[2 * i], IS_DOUBLE ? 1e-12 : 1e-5, when);
        close_to(v.accuracy, want[2 * i + 1], IS_DOUBLE ? 1e-12 : 1e-2, when);
    }
}

static void check_sums(struct parity *p, const char *when)
{
    char group[48];
    snprintf(group, sizeof group, "checksum/%s", when);
    golden_sums(p->file, group, &p->b.layout, p->t.state.theta, IS_DOUBLE ? 1e-12 : 1e-5, &p->b.arena);
}

static void two_epochs_of_parity_are_the_published_ones(void **state)
{
    (void)state;
    static struct parity p;
    parity_open(&p);
    struct arena *a = &p.b.arena;
    const int32_t *order = golden(p.file, "minibatch_order", H5T_NATIVE_INT32, 2000, a);
    const double *loss = golden(p.file, "minibatch_loss", H5T_NATIVE_DOUBLE, 64, a);
    const int32_t *y = golden(p.file, "data/train_y", H5T_NATIVE_INT32, 1000, a);
    for (size_t i = 0; i < 1000; i++) assert_int_equal(p.b.data.train.label[i], y[i] > 0);
    for (size_t step = 0; step < 64; step++) {
        size_t first = step % 32 * 32;
        struct dataset d = batch_of(&p, order + step / 32 * 1000 + first, first + 32 <= 1000 ? 32 : 1000 - first);
        close_to(parity_step(&p, &d), loss[step], IS_DOUBLE ? 1e-12 : 1e-5, "minibatch loss");
        const char *const after = step == 0 ? "after_step1" : step == 31 ? "after_epoch1" : NULL;
        if (after) check_sums(&p, after), check_losses(&p, after);
    }
    check_losses(&p, "after_epoch2");
    const double *end = golden_theta(p.file, "after_epoch2", &p.b.layout, a);
    all_close_to(p.t.state.theta, end, p.b.layout.n, "after_epoch2");
    H5Fclose(p.file);
    arena_release(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_finite_differences),
        cmocka_unit_test(fast_equals_plain),
        cmocka_unit_test(tensors_are_prunable_and_decayed_by_choice),
        cmocka_unit_test(initial_weights_are_pytorchs_or_gaussian),
        cmocka_unit_test(two_epochs_of_parity_are_the_published_ones),
    };
    blas_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
