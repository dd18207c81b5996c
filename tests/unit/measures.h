/* What the tests of measures share: a probe of a network with given weights, and room for what a measure says. */
#ifndef TESTS_UNIT_MEASURES_H
#define TESTS_UNIT_MEASURES_H

#include "engine.h"

#include "measure/measure.h"
#include "num/convert.h"

struct look {
    struct bench bench;
    struct measure_probe probe;
    double *out[MEASURE_COLUMNS];
};

/* The network of the bench, which is open; weights are the caller's. */
static inline void look_open(struct look *l, const struct model_kind *model, bool runs_net)
{
    struct bench *b = &l->bench;
    l->probe = (struct measure_probe){ .at = { .model = model,
                                               .model_config = b->model_config,
                                               .task = &task_modular.kind,
                                               .task_config = b->task_config,
                                               .layout = &b->layout,
                                               .shape = &b->shape },
                                       .data = &b->data,
                                       .scratch = &b->arena };
    uint8_t *mask = ARENA_NEW(&b->arena, b->layout.n, uint8_t);
    memset(mask, 1, b->layout.n);
    l->probe.mask = mask;
    if (!runs_net) return;
    const size_t most = b->data.train.n > b->data.test.n ? b->data.train.n : b->data.test.n;
    l->probe.net = model->open(b->model_config, &b->layout, &b->shape, most, &b->arena);
    l->probe.logits = ARENA_NEW(&b->arena, most * model_outputs(model, b->model_config, &b->shape), double);
}

/* A dense_mlp on bits, of the split or drawn. */
static inline void look_open_parity(struct look *l, const char *bits, const char *model,
                                    const struct task_split *split)
{
    struct bench *b = &l->bench;
    struct err e = { 0 };
    b->task_config = config_of(&b->arena, &task_parity.kind, bits);
    b->model_config = config_of(&b->arena, &model_dense_mlp.kind, model);
    if (task_parity.shape(b->task_config, &b->shape, &e) ||
        task_parity.build(b->task_config, 1, split, &b->arena, &b->data, &e) ||
        model_dense_mlp.layout(b->model_config, &b->shape, &b->layout, &e))
        fail_msg("%s", e.text);
    convert_data(&b->data, &b->arena);
    look_open(l, &model_dense_mlp, true);
    l->probe.at.task = &task_parity.kind;
    l->probe.at.task_config = b->task_config;
    l->probe.at.loss.kind = LOSS_HINGE;
}

/* Run a measure with options "key=value ..."; its values are in l->out, each NaN that it did not give. */
static inline void look_run(struct look *l, const struct measure_kind *m, const char *options)
{
    struct err e = { 0 };
    l->probe.at.options = config_of(&l->bench.arena, &m->kind, options);
    for (size_t c = 0; m->columns[c].name; c++) {
        const size_t values = measure_values(&m->columns[c], &l->probe.at);
        l->out[c] = ARENA_NEW(&l->bench.arena, values + 1, double);
        for (size_t i = 0; i < values; i++) l->out[c][i] = (double)NAN;
        l->out[c][values] = 1234;
    }
    if (m->run(&l->probe, l->out, &e)) fail_msg("%s", e.text);
    for (size_t c = 0; m->columns[c].name; c++)
        assert_true(l->out[c][measure_values(&m->columns[c], &l->probe.at)] == 1234); /* no more than it has said */
}

static inline double *look_at(struct look *l, const struct measure_kind *m, const char *column)
{
    for (size_t c = 0; m->columns[c].name; c++)
        if (!strcmp(m->columns[c].name, column)) return l->out[c];
    fail_msg("no column '%s'", column);
    return NULL;
}

static inline void look_close(struct look *l)
{
    arena_release(&l->bench.arena);
}

#endif
