#include "job/lineage.h"
#include "base/intern.h"
#include "base/number.h"
#include "job/inherit.h"
#include "job/keys.h"
#include "job/registry.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static struct link *add_link(struct lineage *l, const struct network *n)
{
    MUST(l->count < LINEAGE);
    struct link *link = &l->link[l->count++];
    link->spec = n->spec;
    link->network = n;
    link->shape = n->shape;
    link->watch = n->watch;
    link->keep = false;
    return link;
}

/* Under a control that has no keys of its own. */
static void set_control(struct link *link, const struct kind *control)
{
    link->spec.control = control;
    memset(link->spec.control_config, 0, sizeof link->spec.control_config);
    link->control = control->name;
}

/* Every round removes the same fraction of what is left, and the last ends at k.  Nine decimals are far more than a
 * mask needs, and few enough for rounds of two sweeps that mean the same rate to be the same job. */
static double round_rate(double k, int64_t round, int64_t rounds)
{
    return nearbyint((1 - pow(1 - k, (double)round / (double)rounds)) * 1e9) / 1e9;
}

static int say_unkept(struct planner *p, const char *key, const struct moment *t, struct err *e)
{
    struct buf every = { 0 };
    clock_print(&p->recording.every, &every);
    err_set(e, ERR_SPEC,
            "%s is %s, which is no checkpoint; add it to checkpoint.at, or let checkpoint.every (%s) divide it", key,
            t->text, buf_chars(&every));
    buf_release(&every);
    return -1;
}

/* What a point's value is for the parent, a link: a number must be an epoch whose weights that stores, at formulas it
 * will. */
static int resolve(struct planner *p, const struct sweep_value *v, struct moment *t, const struct link *parent)
{
    const char *key = v->field->key;
    const bool number = !moment_is_rule(t);
    const struct watch *w = &p->plan->watch[parent->watch];
    struct err e = { 0 };
    if (moment_resolve(t, key, watch_length(w), parent->network->epoch_steps, &e))
        return planner_report(p, v->at, v->path, &e);
    if (moment_is_beyond(t, w->clock, w->epochs))
        err_set(&e, ERR_SPEC, "%s is %s%s, but the parent trains for %" PRId64 " %ss", key, t->text,
                number && w->clock && !moment_in_steps(t) ? " epochs" : "", w->epochs, clock_unit(w->clock));
    else if (!number || watch_slot(w, t, NULL) != SIZE_MAX || !say_unkept(p, key, t, &e))
        return 0;
    return planner_report(p, v->at, v->path, &e);
}

/* A moment that is known late may be later than t, which is meant then. */
static int limit_rewind(struct moment *rewind, const struct moment *t, struct err *e)
{
    const struct field f = { .key = "rewind" };
    struct buf text = { 0 };
    if (!strcmp(rewind->text, t->text)) return 0;
    buf_print(&text, "min(%s, %s)", rewind->text, t->text);
    const int rc = moment_set(&f, rewind, buf_chars(&text), e);
    buf_release(&text);
    return rc;
}

/* The dense job has been there before t, so whoever may use its weights at t may use these. */
static int resolve_rewind(struct planner *p, const struct sweep_point *point, struct lineage *l)
{
    const struct sweep_value *v = key_value(point, "rewind");
    const struct watch *w = &p->plan->watch[l->link[0].watch];
    const struct moment t = l->link[1].spec.t;
    struct moment rewind = l->link[1].spec.rewind;
    struct err e = { 0 };
    if (rewind.epoch == 0) return 0;
    if (resolve(p, v, &rewind, &l->link[0])) return -1;
    if (!moment_is_rule(&rewind) && !moment_is_rule(&t) &&
        clock_at(w->clock, moment_number(&rewind)) > clock_at(w->clock, moment_number(&t)))
        err_set(&e, ERR_SPEC, "rewind is %s, which is later than t (%s)", rewind.text, t.text);
    else if (moment_is_rule(&rewind) && !limit_rewind(&rewind, &t, &e))
        UNLOOKED(moment_resolve(&rewind, v->field->key, watch_length(w), l->link[0].network->epoch_steps, &e));
    if (e.kind) return planner_report(p, v->at, v->path, &e);
    l->link[1].keep |= watch_slot(w, &rewind, &w->judge[0]) == SIZE_MAX;
    for (size_t i = 1; i < l->count; i++)
        if (spec_uses(&l->link[i].spec) & USES_REWIND) l->link[i].spec.rewind = rewind;
    return 0;
}

/* What t means for each parent.  An error if that keeps no weights at a number; at formulas it will. */
static int resolve_t(struct planner *p, const struct sweep_point *point, struct lineage *l)
{
    const struct sweep_value *v = key_value(point, "t");
    for (size_t i = 1; i < l->count; i++) {
        struct job_spec *s = &l->link[i].spec;
        const struct watch *w = &p->plan->watch[l->link[i - 1].watch];
        if (resolve(p, v, &s->t, &l->link[i - 1])) return -1;
        s->eval_every = w->judge[0].eval_every;
        s->threshold = w->judge[0].threshold;
        l->link[i].keep = watch_slot(w, &s->t, &w->judge[0]) == SIZE_MAX;
    }
    return 0;
}

/* What a point asks for counts steps if anything of it is said in steps. */
static int choose_clock(struct planner *p, struct lineage *l)
{
    bool in_steps = false;
    for (size_t i = 0; i < l->count; i++) {
        const struct job_spec *s = &l->link[i].spec;
        in_steps |= p->plan->watch[l->link[i].watch].clock != 0;
        in_steps |= i > 0 && (moment_in_steps(&s->t) || (spec_uses(s) & USES_REWIND && moment_in_steps(&s->rewind)));
    }
    for (size_t i = 0; i < l->count && in_steps; i++) {
        l->link[i].watch = planner_in_steps(p, l->link[i].network);
        if (l->link[i].watch == PLAN_NONE) return -1;
    }
    return 0;
}

/* A grid's own map, or the same tensors. */
static int check_weights(struct planner *p, const struct sweep_point *point, struct lineage *l)
{
    const struct sweep_value *v = key_value(point, "parent_tensors");
    for (size_t i = 1; i < l->count; i++) {
        struct job_spec *s = &l->link[i].spec;
        const struct layout *own = &p->plan->shape[l->link[i].shape].layout;
        const struct layout *parent = &p->plan->shape[l->link[i - 1].shape].layout;
        struct buf text = { 0 };
        struct err e = { 0 };
        int rc;
        if (v && spec_uses(s) & USES_PART) {
            rc = inherit_expand(v->node, p->file, own, parent, &text, &e);
            s->parent_tensors = intern(buf_chars(&text));
            buf_release(&text);
            if (rc) return planner_report(p, v->at, v->path, &e);
        } else if (l->link[i].shape != l->link[i - 1].shape && inherit_check(own, parent, &e))
            return planner_report(p, sweep_grid_mark(p->plan->sweep, p->grid), NULL, &e);
    }
    return 0;
}

static int bind_keys(struct planner *p, const struct sweep_point *point, struct job_spec *s)
{
    struct err e = { 0 };
    return keys_bind(s, point, &e) ? planner_report(p, sweep_grid_mark(p->plan->sweep, p->grid), NULL, &e) : 0;
}

/* The dense job, and the tickets of every round before the last. */
static int add_parents(struct planner *p, const struct sweep_point *point, const struct job_spec *own,
                       struct lineage *l)
{
    struct link *dense = add_link(l, &p->dense);
    set_control(dense, &REAL_NAME(control_dense).kind);
    if (bind_keys(p, point, &dense->spec)) return -1;
    l->first = 1;
    for (int64_t round = 1; round < own->iterate; round++) {
        struct link *ticket = add_link(l, &p->own);
        set_control(ticket, &REAL_NAME(control_ticket).kind);
        if (bind_keys(p, point, &ticket->spec)) return -1;
        ticket->spec.k = round_rate(own->k, round, own->iterate);
    }
    return 0;
}

int lineage_make(struct planner *p, const struct sweep_point *point, const char *k, struct lineage *out)
{
    const struct sweep_part *control = &point->part[SECTION_CONTROL];
    struct job_spec own = p->own.spec;
    out->count = out->first = 0;
    if (bind_keys(p, point, &own)) return -1;
    if (k) MUST(number_real(k, &own.k));
    if (spec_has_parent(&own) && add_parents(p, point, &own, out)) return -1;
    struct link *last = add_link(out, &p->own);
    last->spec = own;
    last->shape = p->scored_shape;
    last->control = control->name ? sweep_part_name(control) : own.control->name;
    if (!out->first) return 0;
    return choose_clock(p, out) || resolve_t(p, point, out) || resolve_rewind(p, point, out) ||
                   check_weights(p, point, out)
               ? -1
               : 0;
}
