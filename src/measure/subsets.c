#define TOMBOLA_REAL 64
#include "measure/measure.h"

#include <string.h>

/* The training set in parts: the labels that `corrupt` has left alone, and those that it has replaced. */

enum subset { CLEAN, CORRUPTED, SUBSETS };
enum { LOSS, ACCURACY, RESTORED };

static size_t subset_shape(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    (void)at;
    length[0] = SUBSETS;
    return 1;
}

static void label_subsets(const struct measure_site *at, struct buf *out)
{
    (void)at;
    buf_text(out, "clean,corrupted");
}

static const struct measure_column columns[] = {
    [LOSS] = { "loss", "nat", "mean loss on these training examples, by the labels that are trained on", "subset",
               subset_shape, label_subsets },
    [ACCURACY] = { "accuracy", "1", "fraction of them that is right by these labels", "subset", subset_shape,
                   label_subsets },
    [RESTORED] = { .name = "restored",
                   .unit = "1",
                   .help = "fraction of the corrupted examples that the network gives their own label again" },
    { .name = NULL },
};

static int fits(const struct measure_site *at, struct err *e)
{
    if (!at->shape->regression && !at->shape->fresh) return 0;
    return err_set(e, ERR_SPEC, "needs a task with labels and a training set");
}

/* The examples of d whose labels are their own, or not; with these labels. */
static struct dataset subset_of(const struct dataset *d, const int32_t *own, enum subset which, const int32_t *label,
                                struct arena *a)
{
    int32_t *token = d->token ? ARENA_NEW(a, d->n * d->width, int32_t) : NULL, *said = ARENA_NEW(a, d->n, int32_t);
    double *x = d->token ? NULL : ARENA_NEW(a, d->n * d->width, double);
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) {
        if ((d->label[i] != own[i]) != (which == CORRUPTED)) continue;
        if (token) memcpy(token + n * d->width, d->token + i * d->width, d->width * sizeof *token);
        if (x) memcpy(x + n * d->width, d->x + i * d->width, d->width * sizeof *x);
        said[n++] = label[i];
    }
    return (struct dataset){ .n = n, .width = d->width, .token = token, .x = x, .x_real = x, .label = said };
}

static int run(const struct measure_probe *p, double *const *out, struct err *e)
{
    const struct dataset *train = &p->data->train;
    const int32_t *own = p->data->own_label;
    (void)e;
    for (enum subset s = 0; s < SUBSETS; s++) {
        const struct arena_mark m = arena_mark(p->scratch);
        const struct dataset d = subset_of(train, own ? own : train->label, s, train->label, p->scratch);
        if (d.n) {
            const struct loss_value v = measure_evaluate(p, p->theta, &d);
            out[LOSS][s] = v.loss;
            out[ACCURACY][s] = v.accuracy;
        }
        arena_rewind(p->scratch, m);
    }
    if (!own) return 0;
    const struct dataset restored = subset_of(train, own, CORRUPTED, own, p->scratch);
    out[RESTORED][0] = measure_evaluate(p, p->theta, &restored).accuracy;
    return 0;
}

const struct measure_kind measure_subsets = {
    .kind = { .name = "subsets",
              .summary = "loss and accuracy on the training examples with their own labels and on those whose labels "
                         "`corrupt` has replaced",
              .source = "Doshi et al., To grok or not to grok (arXiv 2310.13061)" },
    .columns = columns,
    .runs_net = true,
    .fits = fits,
    .run = run,
};
