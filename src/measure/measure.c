#define TOMBOLA_REAL 64
#include "measure/measure.h"

#include "model/model.h"

size_t measure_values(const struct measure_column *c, const struct measure_site *at)
{
    size_t length[MEASURE_RANK], values = 1;
    for (size_t i = 0, rank = c->shape ? c->shape(at, length) : 0; i < rank; i++) values *= length[i];
    return values;
}

size_t measure_whole_and_tensors(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[0] = 1 + (size_t)at->layout->count;
    return 1;
}

void measure_label_tensors(const struct measure_site *at, struct buf *out)
{
    buf_text(out, "all");
    for (int i = 0; i < at->layout->count; i++) buf_print(out, ",%s", at->layout->tensor[i].name);
}

static void forward(const struct measure_probe *p, const double *theta, const struct dataset *d)
{
    MUST(p->net && "a measure that evaluates the network says runs_net");
    p->at.model->prepare(p->net, theta);
    p->at.model->forward(p->net, d, p->logits);
}

static size_t outputs(const struct measure_probe *p)
{
    return model_outputs(p->at.model, p->at.model_config, p->at.shape);
}

struct loss_value measure_evaluate(const struct measure_probe *p, const double *theta, const struct dataset *d)
{
    forward(p, theta, d);
    return loss_evaluate(&p->at.loss, p->logits, d, outputs(p));
}

struct loss_value measure_gradient(const struct measure_probe *p, const double *theta, const struct dataset *d,
                                   double *gradient)
{
    forward(p, theta, d);
    const struct loss_value v = loss_gradient(&p->at.loss, p->logits, d, outputs(p));
    p->at.model->backward(p->net, d, p->logits, gradient);
    return v;
}

int measure_tick(const struct measure_probe *p, struct err *e)
{
    return p->leave && p->leave(p->ctx) ? err_set(e, ERR_STOPPED, "stopped while measuring") : 0;
}
