#include "train/parts.h"

#include "num/real.h"

struct parts_room *parts_open(const struct task_data *data, size_t outputs, struct arena *a)
{
    size_t most = 0;
    if (!data->parts) return NULL;
    struct parts_room *p = ARENA_NEW(a, 1, struct parts_room);
    for (size_t i = 0; i < data->parts; i++) {
        if (data->part[i].n > most) most = data->part[i].n;
        p->of_train |= !data->part[i].of_test;
    }
    p->data = data;
    p->outputs = outputs;
    p->logits = ARENA_NEW(a, most * outputs, real);
    p->label = ARENA_NEW(a, most, int32_t);
    p->target = data->train.target ? ARENA_NEW(a, most * outputs, double) : NULL;
    p->value = ARENA_NEW(a, data->parts, struct loss_value);
    return p;
}

static struct loss_value evaluate(const struct parts_room *p, const struct dataset_part *part,
                                  const struct loss *loss, const struct dataset *d, const real *logits)
{
    const size_t c = p->outputs;
    const int32_t *label = part->label ? part->label : d->label;
    for (size_t i = 0; i < part->n; i++) {
        const size_t row = part->row[i];
        for (size_t k = 0; k < c; k++) p->logits[k * part->n + i] = logits[k * d->n + row];
        if (label) p->label[i] = label[row];
        for (size_t k = 0; k < c && !label; k++) p->target[i * c + k] = d->target[row * c + k];
    }
    const struct dataset own = {
        .n = part->n, .width = d->width, .label = label ? p->label : NULL, .target = label ? NULL : p->target
    };
    return loss_evaluate(loss, p->logits, &own, c);
}

void parts_evaluate(struct parts_room *p, const struct loss *loss, const struct dataset *d, const real *logits)
{
    for (size_t i = 0; i < p->data->parts; i++) {
        const struct dataset_part *part = &p->data->part[i];
        if (part->n && d == (part->of_test ? &p->data->test : &p->data->train))
            p->value[i] = evaluate(p, part, loss, d, logits);
    }
}
