#include "cli/lineage.h"
#include "base/json.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 6, DEPTH = 128, GROUPS = 200 };

/* The first few different values of a key in a group, as texts. */
struct list {
    char text[SHOWN][MOMENT_TEXT];
    size_t count;
    bool more;
};

/* Jobs that differ in seed, t, k and the values of their keys alone. */
struct group {
    const struct plan_job *first;
    size_t parent; /* index; SIZE_MAX: none */
    size_t jobs, held, failed, blocked, skipped;
    const struct moment *goal; /* of the search whose probes they are; NULL: of none */
    struct list t, k;
    const char *why; /* the first failed or blocked job's reason; NULL: there is none */
};

struct tree {
    const struct sheet *sheet;
    struct arena arena;
    struct group *group; /* [GROUPS]                             */
    size_t groups;
    size_t *group_of; /* [jobs]; SIZE_MAX: past the last group */
    size_t left_out;  /* jobs in no group                      */
};

static void add_text(struct list *l, const char *text)
{
    for (size_t i = 0; i < l->count; i++)
        if (!strcmp(l->text[i], text)) return;
    l->more |= l->count == SHOWN;
    if (l->count < SHOWN) MUST(text_print(l->text[l->count++], sizeof l->text[0], "%s", text));
}

static bool belongs(const struct group *g, const struct plan_job *job, size_t parent)
{
    const struct plan_job *f = g->first;
    return g->parent == parent && !g->goal == (job->gate.after == PLAN_NONE) && f->rewind == job->rewind &&
           !strcmp(f->control, job->control) && !strcmp(f->training, job->training) &&
           !strcmp(f->model, job->model) && !strcmp(f->task, job->task);
}

static size_t find_group(struct tree *t, const struct plan_job *job, size_t parent)
{
    for (size_t i = t->groups; i-- > 0;)
        if (belongs(&t->group[i], job, parent)) return i;
    if (t->groups == GROUPS) return SIZE_MAX;
    t->group[t->groups] = (struct group){ .first = job,
                                          .parent = parent,
                                          .goal = job->gate.after == PLAN_NONE ? NULL : job->gate.goal };
    return t->groups++;
}

static void add_job(struct tree *t, size_t i)
{
    const struct plan_job *job = &t->sheet->plan.job[i];
    const enum job_state state = t->sheet->state[i];
    const size_t parent = job->parent == PLAN_NONE ? SIZE_MAX : t->group_of[job->parent];
    const bool lost = job->parent != PLAN_NONE && parent == SIZE_MAX;
    t->group_of[i] = lost ? SIZE_MAX : find_group(t, job, parent);
    if (t->group_of[i] == SIZE_MAX) {
        t->left_out++;
        return;
    }
    struct group *g = &t->group[t->group_of[i]];
    const char *why = t->sheet->why[i];
    char text[24];
    g->jobs++;
    g->held += state == JOB_DONE;
    g->failed += state == JOB_FAILED;
    g->blocked += state == JOB_BLOCKED;
    g->skipped += state == JOB_SKIPPED;
    if (why && !g->why) g->why = why;
    if (job->parent != PLAN_NONE) add_text(&g->t, job->t->text);
    if (isnan(job->k)) return;
    MUST(text_print(text, sizeof text, "%g", job->k));
    add_text(&g->k, text);
}

static void open_tree(struct tree *t, const struct sheet *s)
{
    *t = (struct tree){ .sheet = s };
    t->group = ARENA_NEW(&t->arena, GROUPS, struct group);
    t->group_of = ARENA_NEW(&t->arena, s->plan.jobs + 1, size_t);
    for (size_t i = 0; i < s->plan.jobs; i++) add_job(t, i);
}

/* ---- as text ---- */

void lineage_branch(struct buf *out, const bool *open, size_t depth)
{
    for (size_t d = 1; d < depth; d++) buf_text(out, open[d] ? "│  " : "   ");
    if (depth) buf_text(out, open[depth] ? "├─ " : "└─ ");
}

static void print_list(struct buf *b, const char *name, const struct list *l)
{
    if (!l->count) return;
    buf_print(b, "%s = ", name);
    for (size_t i = 0; i < l->count; i++) buf_print(b, "%s%s", i ? ", " : "", l->text[i]);
    buf_text(b, l->more ? ", ...; " : "; ");
}

static void print_count(struct buf *b, size_t count, const char *word)
{
    if (count) buf_print(b, ", %zu %s", count, word);
}

static void print_group(const struct tree *t, const struct group *g, struct buf *b)
{
    const struct plan_job *f = g->first;
    const struct group *parent = g->parent == SIZE_MAX ? NULL : &t->group[g->parent];
    buf_print(b, "%s: ", f->control);
    if (!parent) buf_print(b, "task %s, model %s, training %s; ", f->task, f->model, f->training);
    if (parent && strcmp(parent->first->training, f->training)) buf_print(b, "training %s; ", f->training);
    print_list(b, "t", &g->t);
    if (g->goal) buf_print(b, "as far as %s is reached, ", g->goal->text);
    print_list(b, "k", &g->k);
    if (f->rewind->epoch)
        buf_print(b, "from the dense weights at %s%s; ",
                  moment_is_rule(f->rewind) || moment_in_steps(f->rewind) ? "" : "epoch ", f->rewind->text);
    buf_print(b, "%zu job%s", g->jobs, g->jobs == 1 ? "" : "s");
    print_count(b, g->held, "held");
    print_count(b, g->failed, "failed");
    print_count(b, g->blocked, "blocked");
    print_count(b, g->skipped, "skipped");
    if (g->why) buf_print(b, " (%s)", g->why);
    buf_text(b, "\n");
}

static size_t next_child(const struct tree *t, size_t parent, size_t from)
{
    while (from < t->groups && t->group[from].parent != parent) from++;
    return from;
}

static void print_below(const struct tree *t, size_t parent, bool *open, size_t depth, struct buf *b)
{
    if (depth == DEPTH) return;
    for (size_t i = next_child(t, parent, 0), next; i < t->groups; i = next) {
        next = next_child(t, parent, i + 1);
        open[depth] = next < t->groups;
        buf_text(b, "  ");
        lineage_branch(b, open, depth);
        print_group(t, &t->group[i], b);
        print_below(t, i, open, depth + 1, b);
    }
}

void lineage_print(const struct sheet *s, struct buf *out)
{
    struct tree t;
    bool open[DEPTH] = { false };
    open_tree(&t, s);
    print_below(&t, SIZE_MAX, open, 0, out);
    if (t.left_out) buf_print(out, "  and %zu more jobs in further groups\n", t.left_out);
    arena_release(&t.arena);
}

/* ---- as JSON ---- */

static void list_json(struct buf *b, const char *key, const struct list *l)
{
    json_open(b, key, '[');
    for (size_t i = 0; i < l->count; i++) json_text(b, NULL, l->text[i]);
    if (l->more) json_text(b, NULL, "...");
    json_close(b, ']');
}

static void group_json(struct buf *b, const struct group *g)
{
    json_open(b, NULL, '{');
    if (g->parent == SIZE_MAX)
        json_text(b, "parent", NULL);
    else
        json_count(b, "parent", g->parent);
    JSON_TEXTS(b, "control", g->first->control, "task", g->first->task, "model", g->first->model, "training",
               g->first->training);
    list_json(b, "t", &g->t);
    list_json(b, "k", &g->k);
    json_text(b, "until", g->goal ? g->goal->text : NULL);
    if (moment_is_rule(g->first->rewind) || moment_in_steps(g->first->rewind))
        json_text(b, "rewind", g->first->rewind->text);
    else
        json_int(b, "rewind", g->first->rewind->epoch);
    JSON_COUNTS(b, { "jobs", g->jobs }, { "held", g->held }, { "failed", g->failed }, { "blocked", g->blocked },
                { "skipped", g->skipped });
    json_text(b, "why", g->why);
    json_close(b, '}');
}

void lineage_json(const struct sheet *s, struct buf *out)
{
    struct tree t;
    open_tree(&t, s);
    json_open(out, "lineage", '[');
    for (size_t i = 0; i < t.groups; i++) group_json(out, &t.group[i]);
    json_close(out, ']');
    arena_release(&t.arena);
}
