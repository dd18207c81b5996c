#include "base/text.h"
#include "train/popup.h"

#include "base/rng.h"
#include "num/real.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int train_vectors(const struct optimizer_kind *weights, const struct optimizer_kind *scores)
{
    return 1 + (weights ? weights->vectors : 0) + (scores ? 1 + scores->vectors : 0);
}

static real *add_vector(struct train_state *s, size_t n, struct arena *a)
{
    MUST(s->vectors < TRAIN_VECTORS);
    return s->vector[s->vectors++] = ARENA_NEW(a, n, real);
}

static void state_open(struct trainer *t, size_t n, struct arena *a)
{
    struct train_state *s = &t->state;
    *s = (struct train_state){ .epoch = 0 };
    s->network = s->theta = add_vector(s, n, a);
    for (int i = 0; t->optimizer && i < t->optimizer->vectors; i++) s->moment[i] = add_vector(s, n, a);
    if (!t->popup) return;
    popup_open(t->popup, n, a);
    s->network = t->popup->network;
    s->scores = add_vector(s, n, a);
    for (int i = 0; i < t->popup->optimizer->vectors; i++) s->score_moment[i] = add_vector(s, n, a);
}

void train_open(struct trainer *t, struct arena *a)
{
    const struct dataset *train = &t->data->train;
    size_t n = t->layout->n, classes = (size_t)t->data->classes;
    size_t most = train->n > t->data->test.n ? train->n : t->data->test.n;
    MUST(t->batch >= 0 && t->record.every[0].every != 0);
    state_open(t, n, a);
    t->net = t->model->open(t->model_config, t->layout, t->shape, most, a);
    t->outputs = model_outputs(t->model, t->model_config, t->shape);
    t->noisy = t->model->noisy && t->model->noisy(t->model_config, t->shape);
    t->examples = examples_open(t->data, t->batch && (size_t)t->batch < train->n ? (size_t)t->batch : train->n, a);
    t->noisy |= t->examples != NULL;
    t->parts = parts_open(t->data, t->outputs, a);
    t->logits = ARENA_NEW(a, most * t->outputs, real);
    t->gradient = ARENA_NEW(a, n, real);
    if (t->batch > 0) shuffled_open(&t->shuffled, train, classes, (size_t)t->batch, a);
    const int64_t steps = t->batch ? ((int64_t)train->n + t->batch - 1) / t->batch : 1;
    lr_schedule_clock(&t->schedule, steps, t->by_step ? t->length : steps * t->length);
}

void train_hold(struct trainer *t, const uint8_t *mask, struct arena *a)
{
    MUST(!t->popup);
    t->mask = mask;
    if (t->model->hold) t->model->hold(t->net, mask, a);
}

static int check_loss(const struct trainer *t, const char *which, double loss, struct err *e)
{
    if (isfinite(loss)) return 0;
    return err_set(e, ERR_DIVERGED, "%s loss is %g at %s %lld", which, fabs(loss), t->by_step ? "step" : "epoch",
                   (long long)t->state.at);
}

/* Bind the network that the weights, and the scores, make now. */
static void prepare(struct trainer *t)
{
    if (t->popup) popup_network(t->popup, t->layout, t->state.theta, t->state.scores);
    t->model->prepare(t->net, t->state.network);
}

static struct loss_value evaluate(struct trainer *t, const struct dataset *d)
{
    t->model->forward(t->net, d, t->logits);
    if (t->parts) parts_evaluate(t->parts, &t->loss, d, t->logits);
    return loss_evaluate(&t->loss, t->logits, d, t->outputs);
}

/* d becomes what the next step sees in its place. */
static int look_at_step(struct trainer *t, struct dataset *d, struct err *e)
{
    return t->examples ? examples_take(t->examples, t->seed, t->state.step, d, e) : 0;
}

/* Leaves the gradient in t->gradient, or that by the logits in t->logits and the activations on d in the net. */
static struct loss_value evaluate_for_step(struct trainer *t, const struct dataset *d)
{
    if (t->model->learn) {
        const struct model_step step = { t->seed, t->state.step };
        return t->model->learn(t->net, d, &t->loss, &step, NULL, t->gradient);
    }
    t->model->forward(t->net, d, t->logits);
    return loss_gradient(&t->loss, t->logits, d, t->outputs);
}

/* What a network remembers of the step stands where its gradient would. */
static void remember(const struct layout *l, real *theta, real *gradient)
{
    for (int i = 0; i < l->count; i++) {
        const struct tensor *t = &l->tensor[i];
        if (!t->state) continue;
        memcpy(theta + t->offset, gradient + t->offset, t->size * sizeof *theta);
        memset(gradient + t->offset, 0, t->size * sizeof *gradient);
    }
}

static void step(struct trainer *t, const struct dataset *d)
{
    struct train_state *s = &t->state;
    struct popup *p = t->popup;
    const double factor = lr_schedule_factor(&t->schedule, s->step);
    if (!t->model->learn) t->model->backward(t->net, d, t->logits, t->gradient);
    s->step++;
    remember(t->layout, s->theta, t->gradient);
    if (p) popup_gradients(p, s->theta, s->scores, t->gradient, t->layout->n);
    if (t->optimizer)
        t->optimizer->step(t->optimizer_config, s->step, factor, t->layout, s->theta, t->gradient, s->moment,
                           t->mask);
    if (p)
        p->optimizer->step(p->optimizer_config, s->step, factor, t->layout, s->scores, p->gradient, s->score_moment,
                           NULL);
}

/* What is due now is measured and reported.  With full batches the training set comes last: the forward
 * pass that gives its loss is also the first half of the step, unless the step sees another network. */
static int observe(struct trainer *t, const struct train_hooks *hooks, bool due, bool last, struct err *e)
{
    struct train_metrics m = { .at = t->state.at, .part = t->parts ? t->parts->value : NULL };
    const bool stepping = t->batch == 0 && !last;
    if (due) m.test = evaluate(t, &t->data->test);
    if (due && (t->noisy || !stepping || (t->parts && t->parts->of_train))) m.train = evaluate(t, &t->data->train);
    if (stepping) {
        t->now = t->data->train;
        if (look_at_step(t, &t->now, e)) return -1;
        const struct loss_value v = evaluate_for_step(t, &t->now);
        if (!t->noisy) m.train = v;
        if (check_loss(t, "training", v.loss, e)) return -1;
    }
    if (check_loss(t, "training", m.train.loss, e) || check_loss(t, "test", m.test.loss, e)) return -1;
    return due && hooks->evaluated ? hooks->evaluated(hooks->ctx, &t->state, &m, e) : 0;
}

/* The order of an epoch depends on nothing but the seed and the epoch, so that a resumed run needs no history. */
static void shuffle(struct trainer *t)
{
    char stream[32];
    MUST(text_print(stream, sizeof stream, "batch/%lld", (long long)t->state.epoch));
    const struct rng rng = rng_open(t->seed, stream);
    if (t->replace)
        shuffled_draw_any(&t->shuffled, rng);
    else
        shuffled_draw(&t->shuffled, rng);
}

/* A step of an epoch, which a resumed run may have begun already. */
static int minibatch(struct trainer *t, struct err *e)
{
    struct train_state *s = &t->state;
    if (t->shuffled_for != s->epoch) shuffle(t);
    t->shuffled_for = s->epoch;
    struct dataset d = shuffled_slice(&t->shuffled, (size_t)s->seen);
    if (look_at_step(t, &d, e)) return -1;
    prepare(t);
    const struct loss_value v = evaluate_for_step(t, &d);
    if (check_loss(t, "training", v.loss, e)) return -1;
    step(t, &d);
    s->seen += (int64_t)d.n;
    return 0;
}

static int advance(struct trainer *t, struct err *e)
{
    struct train_state *s = &t->state;
    if (t->batch == 0)
        step(t, &t->now);
    else if (minibatch(t, e))
        return -1;
    if (t->batch == 0 || s->seen == (int64_t)t->data->train.n) {
        s->seen = 0;
        s->epoch++;
    }
    s->at = t->by_step ? s->step : s->epoch;
    return 0;
}

static bool wants_checkpoint(const struct trainer *t, const struct train_hooks *hooks)
{
    return hooks->checkpoint && hooks->want_checkpoint && hooks->want_checkpoint(hooks->ctx, t->state.at);
}

/* What is known and kept of the weights between two steps. */
static int look(struct trainer *t, const struct train_hooks *hooks, bool last, struct err *e)
{
    struct train_state *s = &t->state;
    bool due = last;
    for (size_t i = 0; i < SPACINGS && !due; i++) due = spacing_holds(t->record.every[i], s->at);
    if (due || !t->batch || wants_checkpoint(t, hooks)) prepare(t);
    if (observe(t, hooks, due, last, e)) return -1;
    return wants_checkpoint(t, hooks) ? hooks->checkpoint(hooks->ctx, s, e) : 0; /* now that mem and gen are known */
}

int train_run(struct trainer *t, const struct train_hooks *hooks, struct err *e)
{
    struct train_state *s = &t->state;
    s->at = t->by_step ? s->step : s->epoch;
    t->shuffled_for = -1;
    MUST(s->at <= t->length);
    for (;;) {
        const bool last = s->at == t->length, looks = t->by_step || s->seen == 0;
        if (looks && look(t, hooks, last, e)) return -1;
        if (last || (looks && hooks->is_over && hooks->is_over(hooks->ctx))) return 0;
        if (advance(t, e) || (hooks->tick && hooks->tick(hooks->ctx, s, e))) return -1;
    }
}
