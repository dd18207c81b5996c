/* Model net: lists of tests/net against their formulas and differences. */
#include "lists.h"

#include "base/intern.h"
#include "base/rng.h"
#include "net/net.h"
#include "net/operation.h"
#include "net/plan.h"
#include "num/loss.h"
#include "num/loss_plain.h"
#include "num/real.h"

#define model_net REAL_NAME(model_net)

struct problem {
    struct arena arena;
    const char *name;
    struct net_config config;
    struct task_shape shape;
    struct layout layout;
    struct dataset data;
    struct net *net;
    size_t outputs; /* logits of all examples */
    real *theta, *logits, *gradient;
    double *wide; /* theta */
};

static void draw_data(struct problem *q, size_t n)
{
    const size_t width = q->shape.width;
    struct rng r = rng_open(n, "test");
    int32_t *token = ARENA_NEW(&q->arena, n * width, int32_t), *label = ARENA_NEW(&q->arena, n, int32_t);
    double *x = ARENA_NEW(&q->arena, n * width, double);
    real *x_real = ARENA_NEW(&q->arena, n * width, real);
    for (size_t i = 0; i < n * width; i++) {
        x_real[i] = (real)(float)rng_normal(&r);
        x[i] = (double)x_real[i];
        if (q->shape.vocabulary) token[i] = (int32_t)rng_below(&r, (uint64_t)q->shape.vocabulary);
        if (q->shape.fixed >> i % width & 1) token[i] = 1 + (int32_t)(i % width);
    }
    for (size_t i = 0; i < n; i++)
        label[i] = (int32_t)rng_below(&r, q->shape.classes == 1 ? 2 : (uint64_t)q->shape.classes);
    q->data = (struct dataset){ .n = n, .width = width, .label = label };
    if (q->shape.vocabulary)
        q->data.token = token;
    else {
        q->data.x = x;
        q->data.x_real = x_real;
    }
}

static bool is_state(const struct layout *l, size_t at)
{
    int i = 0;
    while (at >= l->tensor[i].offset + l->tensor[i].size) i++;
    return l->tensor[i].state;
}

/* Weights away from what they are drawn from: biases and gains that are not all alike. */
static unsigned off; /* rules that are not used */
static void problem_open(struct problem *q, const struct node_entry *entry, size_t n)
{
    struct buf text = { 0 };
    struct err e = { 0 };
    memset(q, 0, sizeof *q);
    q->name = entry->key;
    q->shape = shape_of(entry->value);
    read_list(entry->value, &q->shape, &text);
    q->config.net = intern(buf_chars(&text));
    q->config.off = off;
    buf_release(&text);
    if (model_net.layout(&q->config, &q->shape, &q->layout, &e)) fail_msg("%s: %s", q->name, e.text);
    draw_data(q, n);
    q->outputs = n * (size_t)q->shape.classes;
    q->net = model_net.open(&q->config, &q->layout, &q->shape, n, &q->arena);
    q->theta = ARENA_NEW(&q->arena, q->layout.n, real);
    q->wide = ARENA_NEW(&q->arena, q->layout.n, double);
    q->gradient = ARENA_NEW(&q->arena, q->layout.n, real);
    q->logits = ARENA_NEW(&q->arena, q->outputs, real);
    model_init(q->theta, &q->layout, 1);
    struct rng r = rng_open(2, "test");
    for (size_t i = 0; i < q->layout.n; i++) {
        q->theta[i] += (real)(0.3F * (float)rng_normal(&r));
        if (is_state(&q->layout, i)) q->theta[i] = (real)fabs((double)q->theta[i]); /* a variance, maybe */
        q->wide[i] = (double)q->theta[i];
    }
    model_net.prepare(q->net, q->theta);
}

static void each_small_list(void (*check)(struct problem *q), size_t n)
{
    struct lists l;
    lists_open(&l, "tests/net/small.yaml");
    assert_true(l.root->count >= 12);
    for (size_t i = 0; i < l.root->count; i++) {
        struct problem q;
        problem_open(&q, &l.root->entry[i], n);
        check(&q);
        arena_release(&q.arena);
    }
    arena_release(&l.arena);
}

static double *widened(struct arena *a, const real *x, size_t n)
{
    double *out = ARENA_NEW(a, n, double);
    for (size_t i = 0; i < n; i++) out[i] = (double)x[i];
    return out;
}

static double largest_of(const double *x, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(x[i]));
    return largest;
}

/* Like all_close_to, with room for longer chains of operations. */
static void near(const real *got, const double *want, size_t n, double largest, const struct problem *q,
                 const char *what)
{
    char text[160];
    snprintf(text, sizeof text, "%s: %s", q->name, what);
    for (size_t i = 0; i < n; i++) close_to((double)got[i], want[i], (IS_DOUBLE ? 1e-12 : 3e-5) * largest, text);
}

static void tensors_near(const real *got, const double *want, const struct problem *q)
{
    const double largest = largest_of(want, q->layout.n); /* that by a bias of keys is 0 */
    for (int t = 0; t < q->layout.count; t++) {
        const struct tensor *w = &q->layout.tensor[t];
        near(got + w->offset, want + w->offset, w->size, largest, q, w->name);
    }
}

/* A network is seen as it is in evaluation, and each logit is what forward says, to the bit. */
static void check_learning(struct problem *q)
{
    const size_t classes = (size_t)q->shape.classes;
    double *slope = ARENA_NEW(&q->arena, q->layout.n, double);
    const struct loss loss = { .kind = classes == 1 ? LOSS_MSE : LOSS_CROSS_ENTROPY };
    const struct plain_problem p = { .plain = net_plain,
                                     .dual = net_dual,
                                     .config = &q->config,
                                     .shape = &q->shape,
                                     .layout = &q->layout,
                                     .data = &q->data,
                                     .outputs = classes,
                                     .loss = loss.kind,
                                     .temperature = 1 };
    real *logits = ARENA_NEW(&q->arena, q->outputs, real);
    plain_gradient(&p, q->wide, slope, &q->arena);
    model_net.learn(q->net, &q->data, &loss, &(const struct model_step){ 1, 2 }, logits, q->gradient);
    assert_memory_equal(logits, q->logits, q->outputs * sizeof(real));
    tensors_near(q->gradient, slope, q);
}

static void check_formula(struct problem *q)
{
    double *want = ARENA_NEW(&q->arena, q->outputs, double), *slope = ARENA_NEW(&q->arena, q->layout.n, double);
    model_net.forward(q->net, &q->data, q->logits);
    net_plain(&q->config, &q->shape, &q->layout, &q->data, q->wide, want, NULL, NULL, NULL);
    near(q->logits, want, q->outputs, largest_of(want, q->outputs), q, "logits");

    struct rng r = rng_open(3, "dlogits");
    real *d = ARENA_NEW(&q->arena, q->outputs, real);
    for (size_t i = 0; i < q->outputs; i++) d[i] = (real)(float)rng_normal(&r);
    model_net.backward(q->net, &q->data, d, q->gradient);
    net_plain(&q->config, &q->shape, &q->layout, &q->data, q->wide, want, widened(&q->arena, d, q->outputs), slope,
              NULL);
    tensors_near(q->gradient, slope, q);

    if (!model_net.noisy(&q->config, &q->shape)) check_learning(q);
}

/* Two chunks, of which the last is not full; and one example. */
static void chunks_are_what_the_formula_says(void **state)
{
    (void)state;
    for (off = 0; off < NET_RULES; off++) {
        each_small_list(check_formula, 150);
        each_small_list(check_formula, 5);
        each_small_list(check_formula, 1);
    }
    off = 0;
}

/* Logits are the same to the bit in any company; those of few examples show few symbols. */
static void check_company(struct problem *q)
{
    const size_t n = q->data.n, classes = (size_t)q->shape.classes, width = q->data.width;
    real *few = ARENA_NEW(&q->arena, q->outputs, real);
    model_net.forward(q->net, &q->data, q->logits);
    for (size_t first = 0, count = 1; first < n; first += count, count = count % 7 + 3) {
        if (count > n - first) count = n - first;
        struct dataset d = q->data;
        d.n = count;
        if (d.token) d.token += first * width;
        if (d.x_real) d.x_real = (const real *)d.x_real + first * width;
        model_net.forward(q->net, &d, few);
        for (size_t c = 0; c < classes; c++)
            if (memcmp(few + c * count, q->logits + c * n + first, count * sizeof(real)))
                fail_msg("%s: logit %zu of examples %zu to %zu is another among all", q->name, c, first,
                         first + count - 1);
    }
}

static void logits_are_the_same_in_any_company(void **state)
{
    (void)state;
    for (off = 0; off <= NET_NO_CACHE; off += NET_NO_CACHE) each_small_list(check_company, 150);
    off = 0;
}

static double loss_at(struct problem *q, const double *theta)
{
    const size_t n = q->data.n, classes = (size_t)q->shape.classes;
    double *f = ARENA_NEW(&q->arena, q->outputs, double), sum = 0;
    net_plain(&q->config, &q->shape, &q->layout, &q->data, theta, f, NULL, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        double all = 0;
        for (size_t c = 0; c < classes; c++) all += exp(f[c * n + i]);
        sum +=
            classes == 1 ? pow(f[i] - (2 * q->data.label[i] - 1), 2) : log(all) - f[(size_t)q->data.label[i] * n + i];
    }
    return sum / (double)n;
}

/* The gradient by differences of the loss, H v by differences of the gradient, along a direction. */
static void check_differences(struct problem *q)
{
    const size_t n = q->layout.n;
    const double h = 1e-5;
    double *v = ARENA_NEW(&q->arena, n, double), *moved = ARENA_NEW(&q->arena, n, double);
    double *g[3], *product = ARENA_NEW(&q->arena, n, double), along = 0, largest = 0;
    struct rng r = rng_open(5, "direction");
    const struct plain_problem p = { .plain = net_plain,
                                     .dual = net_dual,
                                     .config = &q->config,
                                     .shape = &q->shape,
                                     .layout = &q->layout,
                                     .data = &q->data,
                                     .outputs = (size_t)q->shape.classes,
                                     .loss = q->shape.classes == 1 ? LOSS_MSE : LOSS_CROSS_ENTROPY,
                                     .temperature = 1 };
    double value[3];
    for (size_t i = 0; i < n; i++) v[i] = is_state(&q->layout, i) ? 0 : rng_normal(&r);
    for (int side = -1; side <= 1; side++) {
        for (size_t i = 0; i < n; i++) moved[i] = q->wide[i] + side * h * v[i];
        g[side + 1] = ARENA_NEW(&q->arena, n, double);
        value[side + 1] = loss_at(q, moved);
        plain_gradient(&p, moved, g[side + 1], &q->arena);
    }
    for (size_t i = 0; i < n; i++) along += g[1][i] * v[i];
    close_to(along, (value[2] - value[0]) / (2 * h), 1e-6 * (1 + fabs(along)), q->name);
    plain_hessian_vector(&p, q->wide, v, product, &q->arena);
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(product[i]));
    for (size_t i = 0; i < n; i++) close_to(product[i], (g[2][i] - g[0][i]) / (2 * h), 1e-5 * (1 + largest), q->name);
}

/* The mean loss of a step, whose noise is that of (seed, step). */
static double noisy_loss(struct problem *q, const struct model_step *step, real *gradient)
{
    const struct loss loss = { .kind = LOSS_CROSS_ENTROPY };
    model_net.prepare(q->net, q->theta);
    model_net.learn(q->net, &q->data, &loss, step, q->logits, gradient);
    return loss_evaluate(&loss, q->logits, &q->data, (size_t)q->shape.classes).loss;
}

/* The same examples again: mean and variance go on as far as before. */
static void check_memory(struct problem *q, const real *after)
{
    const size_t n = q->layout.n;
    real *still = ARENA_NEW(&q->arena, n, real), *twice = ARENA_NEW(&q->arena, n, real);
    bool moved = false;
    memcpy(still, q->theta, n * sizeof *still);
    for (size_t i = 0; i < n; i++)
        if (is_state(&q->layout, i)) q->theta[i] = after[i];
    noisy_loss(q, &(const struct model_step){ 3, 4 }, twice);
    for (size_t i = 0; i < n; i++) {
        if (!is_state(&q->layout, i)) continue;
        const double was = (double)still[i], once = (double)after[i], now = (double)twice[i];
        close_to(now - once, 0.9 * (once - was), (IS_DOUBLE ? 1e-12 : 1e-5) * (1 + fabs(was)), q->name);
        moved |= fabs(once - was) > 1e-3;
    }
    assert_true(moved);
    for (size_t i = 0; i < n; i++)
        if (!is_state(&q->layout, i)) close_to((double)twice[i], (double)q->gradient[i], 0, q->name);
    memcpy(q->theta, still, n * sizeof *still);
}

static void check_noise(struct problem *q)
{
    if (!model_net.noisy(&q->config, &q->shape)) return;
    const size_t n = q->layout.n;
    const bool remembers = layout_weights(&q->layout) < n;
    const double h = IS_DOUBLE ? 1e-5 : 1e-2;
    const struct model_step step = { 3, 4 }, later = { 3, 5 };
    real *unused = ARENA_NEW(&q->arena, n, real), *still = ARENA_NEW(&q->arena, n, real);
    double along = 0, side[2];
    struct rng r = rng_open(5, "direction");
    const double loss = noisy_loss(q, &step, q->gradient);
    if (remembers)
        check_memory(q, q->gradient);
    else
        assert_true(noisy_loss(q, &later, unused) != loss); /* another step, other noise */
    memcpy(still, q->theta, n * sizeof *still);
    double *v = ARENA_NEW(&q->arena, n, double);
    for (size_t i = 0; i < n; i++) {
        v[i] = is_state(&q->layout, i) ? 0 : rng_normal(&r);
        along += (double)q->gradient[i] * v[i];
    }
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < n; i++) q->theta[i] = (real)((double)still[i] + (k ? h : -h) * v[i]);
        side[k] = noisy_loss(q, &step, unused);
    }
    close_to(along, (side[1] - side[0]) / (2 * h), (IS_DOUBLE ? 1e-6 : 2e-2) * (1 + fabs(along)), q->name);
    memcpy(q->theta, still, n * sizeof *still);
    if (remembers) return;
    /* An example's noise is its own: half the batch is what it was in the whole. */
    real *half = ARENA_NEW(&q->arena, q->outputs, real);
    noisy_loss(q, &step, unused);
    memcpy(half, q->logits, q->outputs * sizeof *half);
    const size_t whole = q->data.n;
    q->data.n = whole / 2;
    noisy_loss(q, &step, unused);
    for (size_t c = 0; c < (size_t)q->shape.classes; c++)
        for (size_t i = 0; i < q->data.n; i++)
            close_to((double)q->logits[c * q->data.n + i], (double)half[c * whole + i], 0, "half the batch");
    q->data.n = whole;
}

static void steps_see_other_networks(void **state)
{
    (void)state;
    each_small_list(check_noise, 300);
}

static void derivatives_are_those_of_the_loss(void **state)
{
    (void)state;
    each_small_list(check_differences, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_the_same_in_any_company),
        cmocka_unit_test(chunks_are_what_the_formula_says),
        cmocka_unit_test(derivatives_are_those_of_the_loss),
        cmocka_unit_test(steps_see_other_networks),
    };
    return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
