#define TOMBOLA_REAL 64
#include "job/replay.h"

#include "job/registry.h"
#include "num/convert.h"

/* Leaves the logits as models lay them out, (outputs, n), and the activations in the net that is returned. */
static struct net *forward(const struct job_spec *s, struct job_data *data, const double *theta,
                           const struct dataset *on, double **logits, struct arena *a)
{
    const struct model_kind *model = registry_model(s->model->name);
    convert_data(&data->set, a);
    struct net *net = model->open(s->model_config, &data->layout, &data->shape, on->n, a);
    *logits = ARENA_NEW(a, on->n * replay_outputs(s, data), double);
    model->prepare(net, theta);
    model->forward(net, on, *logits);
    return net;
}

size_t replay_outputs(const struct job_spec *s, const struct job_data *data)
{
    return model_outputs(registry_model(s->model->name), s->model_config, &data->shape);
}

void replay_logits(const struct job_spec *s, struct job_data *data, const double *theta, bool test, double *logits,
                   struct arena *scratch)
{
    const struct arena_mark m = arena_mark(scratch);
    const struct dataset *on = test ? &data->set.test : &data->set.train;
    const size_t outputs = replay_outputs(s, data);
    double *by_output;
    forward(s, data, theta, on, &by_output, scratch);
    for (size_t i = 0; i < on->n; i++)
        for (size_t c = 0; c < outputs; c++) logits[i * outputs + c] = by_output[c * on->n + i];
    arena_rewind(scratch, m);
}

void replay_gradient(const struct job_spec *s, struct job_data *data, const double *theta, double *gradient,
                     struct arena *scratch)
{
    const struct arena_mark m = arena_mark(scratch);
    const struct dataset *on = &data->set.train;
    double *logits;
    struct net *net = forward(s, data, theta, on, &logits, scratch);
    loss_gradient(&s->training.loss, logits, on, replay_outputs(s, data));
    registry_model(s->model->name)->backward(net, on, logits, gradient);
    arena_rewind(scratch, m);
}
