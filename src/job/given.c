/* What is read as a tree: what a block says, on the task at hand. */
#include "base/intern.h"
#include "base/names.h"
#include "base/text.h"
#include "base/vec.h"
#include "job/planner.h"
#include "job/registry.h"
#include "job/teacher.h"
#include "model/tensors.h"

/* The value that is a tree of this type; NULL: none is given. */
static const struct sweep_value *find_tree(const struct sweep_part *part, enum field_type type)
{
    for (size_t i = 0; i < part->count; i++)
        if (part->value[i].node && part->value[i].field->type == type) return &part->value[i];
    return NULL;
}

int planner_task(const struct planner *p, const struct sweep_part *part, struct job_spec *s, struct err *e)
{
    const struct task_kind *task = registry_task(s->task->name);
    const struct sweep_value *tree = find_tree(part, FIELD_TREE);
    struct task_shape shape;
    struct buf text = { 0 };
    if (task->expand && task->expand(s->task_config, e)) return -1;
    if (!tree || !task->teacher || !task->teacher(s->task_config)) return 0;
    if (task->shape(s->task_config, &shape, e)) return -1;
    const int rc = teacher_expand(tree->node, p->file, &shape, &text, e);
    if (rc && !e->at.line) MUST(text_copy(e->path, sizeof e->path, tree->field->key, sizeof e->path));
    if (!rc && field_set(tree->field, s->task_config, buf_chars(&text), e)) BUG("%s", e->text);
    buf_release(&text);
    return rc;
}

/* The keys of the user's own, as the lists of struct model_given. */
struct own {
    const struct sweep_value **from;
    const char **key, **value;
    bool *used;
    size_t count;
};

static struct own own_keys(const struct sweep_part *part, struct arena *a)
{
    struct own own = { .from = ARENA_NEW(a, part->count + 1, const struct sweep_value *),
                       .key = ARENA_NEW(a, part->count + 1, const char *),
                       .value = ARENA_NEW(a, part->count + 1, const char *),
                       .used = ARENA_NEW(a, part->count + 1, bool) };
    for (size_t i = 0; i < part->count; i++) {
        const struct sweep_value *v = &part->value[i];
        if (field_find(part->kind->fields, v->field->key) || field_find(modelling_fields, v->field->key)) continue;
        own.from[own.count] = v;
        own.key[own.count] = v->field->key;
        own.value[own.count++] = v->text;
    }
    return own;
}

static int report_unused(struct planner *p, const struct sweep_part *part, const struct own *own)
{
    int rc = 0;
    for (size_t i = 0; i < own->count; i++) {
        struct err e = { 0 };
        const char *known[64];
        size_t count = 0;
        if (own->used[i]) continue;
        for (const struct field *f = part->kind->fields; f->key && count < ARRAY_LEN(known) - 1; f++)
            known[count++] = f->key;
        for (size_t j = 0; j < own->count && count < ARRAY_LEN(known) - 1; j++)
            if (own->used[j]) known[count++] = own->key[j];
        known[count] = NULL;
        names_unknown(&e, NULL, own->key[i], known, "unknown key '%s' for %s, whose list has no $%s; allowed",
                      text_shown(own->key[i], 40), part->kind->name, text_shown(own->key[i], 40));
        rc = planner_report(p, own->from[i]->at, own->from[i]->path, &e);
    }
    return rc;
}

int planner_expand(struct planner *p, const struct sweep_part *part, struct job_spec *s,
                   const struct task_shape *shape)
{
    const struct model_kind *model = registry_model(s->model->name);
    const struct arena_mark m = arena_mark(p->arena);
    const struct sweep_value *tree = find_tree(part, FIELD_TREE), *rules = find_tree(part, FIELD_TABLE);
    struct err e = { 0 };
    if (!model->expand) return 0;
    int rc = tree ? 0 : err_set(&e, ERR_SPEC, "'net' must be given");
    const struct own own = own_keys(part, p->arena);
    const struct model_given given = { .tree = tree ? tree->node : NULL,
                                       .rules = rules ? rules->node : NULL,
                                       .file = p->file,
                                       .key = own.key,
                                       .value = own.value,
                                       .used = own.used };
    if (!rc) rc = model->expand(s->model_config, &given, shape, &e);
    if (rc)
        rc = planner_report(p, tree ? tree->at : part->at, tree ? tree->path : NULL, &e);
    else
        rc = report_unused(p, part, &own);
    arena_rewind(p->arena, m);
    return rc;
}

int planner_tensors(struct planner *p, const struct sweep_part *part, struct job_spec *s,
                    const struct task_shape *shape)
{
    const struct sweep_value *rules = find_tree(part, FIELD_TABLE);
    struct layout layout = { .count = 0 };
    struct buf text = { 0 };
    struct err e = { 0 };
    s->modelling.tensors = "";
    if (!rules) return 0;
    if (spec_layout(s, shape, &layout, &e)) return planner_report(p, part->at, NULL, &e);
    const int rc =
        tensors_expand(rules->node, p->file, &layout, registry_model(s->model->name)->expand != NULL, &text, &e);
    s->modelling.tensors = intern(buf_chars(&text));
    buf_release(&text);
    return rc ? planner_report(p, rules->at, rules->path, &e) : 0;
}

uint32_t planner_add_watch(struct planner *p, const struct watch *w)
{
    struct plan *plan = p->plan;
    for (size_t i = 0; i < plan->watches; i++)
        if (watch_equal(&plan->watch[i], w)) return (uint32_t)i;
    *VEC_MORE_IN(p->arena, plan->watch, plan->watches) = *w;
    return (uint32_t)plan->watches - 1;
}
