#include "job/trainer.h"
#include "job/registry.h"
#include "num/real.h"
#include "prune/edge_popup.h"

#include <string.h>

/* ---- the optimiser of the scores: its key KEY is the control's score_KEY ---- */

static const char score_prefix[] = "score_", choice_key[] = "score_optimizer";

/* NULL: the job trains no scores. */
static const struct edge_popup_config *scores_of(const struct job_spec *s)
{
    return spec_uses(s) & USES_SCORES ? (const void *)s->control_config : NULL;
}

static const struct optimizer_kind *score_optimizer(const struct job_spec *s)
{
    const struct edge_popup_config *c = scores_of(s);
    return c ? registry_optimizer(edge_popup_optimizers[c->score_optimizer]) : NULL;
}

static const struct optimizer_kind *weight_optimizer(const struct job_spec *s)
{
    const struct edge_popup_config *c = scores_of(s);
    return c && c->weights == EDGE_POPUP_FROZEN ? NULL : registry_optimizer(s->optimizer->name);
}

static bool is_score_key(const struct field *f)
{
    return !strncmp(f->key, score_prefix, strlen(score_prefix)) && strcmp(f->key, choice_key);
}

/* Through the canonical text, so that neither struct need know the other. */
static void *score_config(const struct job_spec *s, const struct kind *optimizer, struct arena *a)
{
    void *config = arena_alloc(a, optimizer->config_size);
    field_defaults(optimizer->fields, config);
    for (const struct field *f = s->control->fields; f->key; f++) {
        const struct field *to =
            is_score_key(f) ? field_find(optimizer->fields, f->key + strlen(score_prefix)) : NULL;
        if (!to) continue;
        struct buf text = { 0 };
        struct err e = { 0 };
        field_print(f, s->control_config, &text);
        if (field_set(to, config, buf_chars(&text), &e)) BUG("control '%s': %s", s->control->name, e.text);
        buf_release(&text);
    }
    return config;
}

int trainer_check(const struct job_spec *s, struct err *e)
{
    const struct optimizer_kind *optimizer = score_optimizer(s);
    if (!optimizer) return 0;
    for (const struct field *f = s->control->fields; f->key; f++)
        if (is_score_key(f) && !field_is_default(f, s->control_config) &&
            !field_find(optimizer->kind.fields, f->key + strlen(score_prefix)))
            return err_set(e, ERR_SPEC, "'%s' has no meaning with %s '%s', which has no such key", f->key, choice_key,
                           optimizer->kind.name);
    return 0;
}

/* ---- the whole ---- */

int trainer_vectors(const struct job_spec *s)
{
    return train_vectors(weight_optimizer(s), score_optimizer(s));
}

static struct popup *popup_of(const struct job_spec *s, struct arena *a)
{
    const struct edge_popup_config *c = scores_of(s);
    if (!c) return NULL;
    struct popup *p = ARENA_NEW(a, 1, struct popup);
    *p = (struct popup){ .k = s->k,
                         .through_abs = c->gradient == EDGE_POPUP_THROUGH_ABS,
                         .optimizer = score_optimizer(s),
                         .optimizer_config = score_config(s, &score_optimizer(s)->kind, a) };
    return p;
}

static struct lr_schedule schedule_of(const struct training *t)
{
    struct lr_schedule s;
    struct err e = { 0 };
    if (lr_schedule_parse(&s, t->schedule, &e)) BUG("schedule: %s", e.text);
    s.warmup = t->warmup;
    return s;
}

struct trainer trainer_of(const struct job_spec *s, struct arena *a)
{
    return (struct trainer){ .model = registry_model(s->model->name),
                             .model_config = s->model_config,
                             .optimizer = weight_optimizer(s),
                             .optimizer_config = s->optimizer_config,
                             .popup = popup_of(s, a),
                             .loss = s->training.loss,
                             .length = s->training.epochs.number,
                             .by_step = s->training.epochs.steps,
                             .batch = s->training.batch.number,
                             .replace = s->training.replace,
                             .schedule = schedule_of(&s->training),
                             .seed = s->seed };
}
