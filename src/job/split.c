/* A split from a file beside the task whose examples it names. */
#include "job/inputs.h"
#include "job/planner.h"
#include "job/registry.h"
#include "job/teacher.h"
#include "task/task.h"

enum { PAIR = 2 }; /* symbols of an example that is one */

static int report(struct planner *p, const struct job_spec *s, struct mark at, const struct err *why)
{
    struct err e = { 0 };
    err_set(&e, why->kind, "'%s': %s", s->split.file, why->text);
    return planner_report(p, at, NULL, &e);
}

static int build(const struct job_spec *s, const struct task_split *split, struct arena *a, struct task_data *out,
                 struct err *e)
{
    return task_build(registry_task(s->task->name), s->task_config, &s->common, &teacher_nets, s->seed, split, a, out,
                      e);
}

int planner_split(struct planner *p, const struct job_spec *s, const struct task_split *split,
                  const struct task_shape *shape, struct mark at)
{
    struct err why = { 0 };
    struct task_data data;
    const struct arena_mark m = arena_mark(p->arena);
    if (split->width != shape->width)
        err_set(&why, ERR_SPEC, "the split has %zu tokens an example, the task %zu", split->width, shape->width);
    else if (!build(s, split, p->arena, &data, &why) && shape->width == PAIR && shape->vocabulary)
        UNLOOKED(input_split_check(split, p->arena, &why));
    arena_rewind(p->arena, m);
    p->labels_looked = false;
    return why.kind ? report(p, s, at, &why) : 0;
}

/* What a task's labels are made by, in words. */
static const char *rule_of(const struct job_spec *s)
{
    const struct field *expr = field_find(s->task->fields, "expr");
    return expr && field_is_text(expr) ? s->task_config + expr->offset : "the task's label";
}

static int look_at_labels(struct planner *p, const struct job_spec *s, struct mark at)
{
    struct err why = { 0 };
    struct input in = s->split;
    struct task_split split;
    struct task_data data;
    const struct arena_mark m = arena_mark(p->arena);
    if (!input_split(&in, &split, NULL, p->arena, &why) && !build(s, &split, p->arena, &data, &why))
        UNLOOKED(input_split_labels(&in, &data, rule_of(s), p->arena, &why));
    arena_rewind(p->arena, m);
    return why.kind ? report(p, s, at, &why) : 0;
}

int planner_split_labels(struct planner *p, const struct job_spec *s, struct mark at)
{
    if (!s->split.file[0] || (p->labels_looked && p->labels_seed == s->seed)) return 0;
    p->labels_looked = true;
    p->labels_seed = s->seed;
    return look_at_labels(p, s, at);
}
