#include "base/field.h"
#include "job/plan.h"
#include "query/query.h"

#include <ctype.h>
#include <string.h>

/* ---- --only: grids by name ---- */

/* Of names between commas. */
static int mark_grids(const struct plan *p, const char *list, bool *grid, struct arena *a, struct err *e)
{
    const size_t grids = sweep_grids(p->sweep);
    const char **names = ARENA_NEW(a, grids + 1, const char *);
    struct err said = { 0 };
    for (size_t g = 0; g < grids; g++) names[g] = p->grid[g].name;
    if (!list) memset(grid, true, grids);
    if (list && names_mark(list, "grid", names, grid, &said))
        return err_set(e, said.kind, "--only: the sweep has %s", said.text);
    return 0;
}

/* ---- --where: a condition over the jobs ---- */

/* The name in SQL of a key of the sweep file: "training.lr" is training_lr, "training.optimizer" training_kind. */
static bool add_key(struct buf *out, const char *section, size_t length, const char *key, size_t key_length)
{
    const struct sweep_schema *schema = plan_schema();
    for (size_t i = 0; i < schema->sections; i++) {
        const struct sweep_section *s = &schema->section[i];
        if (strlen(s->name) != length || strncmp(s->name, section, length)) continue;
        const bool kind = s->kind_key && strlen(s->kind_key) == key_length && !strncmp(s->kind_key, key, key_length);
        if (!s->shared) buf_print(out, "%.*s_", (int)length, section);
        buf_print(out, "%.*s", kind ? (int)strlen("kind") : (int)key_length, kind ? "kind" : key);
        return true;
    }
    return false;
}

static size_t word_length(const char *text)
{
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_') n++;
    return n;
}

/* A word outside quotes.  `t` is a number where it is known before the training, else what the file says. */
static size_t add_word(struct buf *out, const char *at)
{
    const size_t length = word_length(at), key = at[length] == '.' ? word_length(at + length + 1) : 0;
    if (key && add_key(out, at, length, at + length + 1, key)) return length + 1 + key;
    if (length == 1 && at[0] == 't' && at[1] != '.')
        buf_text(out, "coalesce(t, t_asked)");
    else
        buf_add(out, at, length);
    return length;
}

void plan_condition(const char *where, struct buf *out)
{
    while (*where) {
        const char *end = *where == '\'' || *where == '"' ? strchr(where + 1, *where) : NULL;
        const size_t rest = strlen(where), quoted = end ? (size_t)(end - where) + 1 : rest;
        if (*where == '\'' || *where == '"') {
            buf_add(out, where, quoted);
            where += quoted;
        } else if (*where == '.') {
            const size_t column = 1 + word_length(where + 1);
            buf_add(out, where, column);
            where += column;
        } else if (word_length(where)) {
            where += add_word(out, where);
        } else {
            buf_add(out, where++, 1);
        }
    }
}

static int mark_matching(struct plan *p, const char *where, bool *match, struct err *e)
{
    struct buf sql = { 0 };
    struct store_jobs jobs = { .count = p->jobs, .ctx = p, .job = plan_describe };
    jobs.spec = spec_columns(&jobs.spec_size);
    plan_condition(where, &sql);
    struct err said = { 0 };
    if (store_where(&jobs, buf_chars(&sql), match, &said)) err_set(e, said.kind, "--where: %s", said.text);
    buf_release(&sql);
    return e->kind ? -1 : 0;
}

/* ---- what they need ---- */

static bool keep_one(bool *keep, uint32_t job)
{
    const bool more = job != PLAN_NONE && !keep[job];
    if (more) keep[job] = true;
    return more;
}

/* A job needs its ancestors, and a probe all that its search asks before it, whether they are asked for otherwise or
 * not. */
static void keep_needed(const struct plan *p, bool *keep, bool *probe)
{
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = p->jobs; i-- > 0;) {
            const struct plan_job *job = &p->job[i];
            if (!keep[i]) continue;
            more |= keep_one(keep, job->parent);
            probe[i] = probe[i] || plan_is_gated(job);
            if (!probe[i] || job->gate.after == PLAN_NONE) continue;
            more |= keep_one(keep, job->gate.after) || !probe[job->gate.after];
            probe[job->gate.after] = true;
        }
    }
}

static void keep_grids(const struct plan *p, const bool *grid, bool *keep, bool *probe)
{
    for (size_t i = 0; i < p->uses; i++)
        if (grid[p->use[i].grid]) keep[p->use[i].job] = true;
    keep_needed(p, keep, probe);
}

/* ---- a plan of these alone ---- */

enum { UNSEEN = UINT32_MAX };

static uint32_t moved(uint32_t old, const uint32_t *place)
{
    return old == PLAN_NONE ? PLAN_NONE : place[old];
}

/* The places of the numbers that are left, in the order of their first use. */
static uint32_t *list_new(struct arena *a, size_t count)
{
    uint32_t *list = ARENA_NEW(a, count + 1, uint32_t);
    memset(list, 0xFF, (count + 1) * sizeof *list);
    return list;
}

static void drop_jobs(struct plan *p, const bool *keep, struct arena *a)
{
    uint32_t *place = list_new(a, p->jobs);
    struct plan_job *job = ARENA_NEW(a, p->jobs, struct plan_job);
    size_t kept = 0;
    for (size_t i = 0; i < p->jobs; i++)
        if (keep[i]) place[i] = (uint32_t)kept++;
    for (size_t i = 0; i < p->jobs; i++) {
        if (!keep[i]) continue;
        struct plan_job *to = &job[place[i]];
        *to = p->job[i];
        to->parent = moved(to->parent, place);
        to->gate.after = moved(to->gate.after, place);
    }
    p->job = job;
    p->jobs = kept;
    size_t uses = 0;
    for (size_t i = 0; i < p->uses; i++) {
        p->use[uses] = p->use[i];
        p->use[uses].job = place[p->use[i].job];
        uses += p->use[uses].job != PLAN_NONE;
    }
    p->uses = uses;
}

static void drop_uses(struct plan *p, const bool *grid)
{
    size_t uses = 0;
    for (size_t i = 0; i < p->uses; i++)
        if (grid[p->use[i].grid]) p->use[uses++] = p->use[i];
    p->uses = uses;
}

static void drop_shapes(struct plan *p, struct arena *a)
{
    uint32_t *shape_at = list_new(a, p->shapes), *family_at = list_new(a, p->families);
    struct plan_shape *shape = ARENA_NEW(a, p->shapes, struct plan_shape);
    struct store_family *family = ARENA_NEW(a, p->families, struct store_family);
    size_t shapes = 0, families = 0;
    for (size_t i = 0; i < p->jobs; i++) {
        struct plan_job *job = &p->job[i];
        if (shape_at[job->shape] == UNSEEN) {
            shape[shapes] = p->shape[job->shape];
            shape_at[job->shape] = (uint32_t)shapes++;
        }
        if (family_at[job->family] == UNSEEN) {
            family[families] = p->family[job->family];
            family_at[job->family] = (uint32_t)families++;
        }
        job->shape = shape_at[job->shape];
        job->family = family_at[job->family];
    }
    p->shape = shape;
    p->shapes = shapes;
    p->family = family;
    p->families = families;
}

static void count_points(struct plan *p, const bool *grid)
{
    p->points = 0;
    for (size_t g = 0; g < sweep_grids(p->sweep); g++)
        if (grid[g]) p->points += sweep_grid_points(p->sweep, g);
}

int plan_choose(struct plan *p, const char *only, const char *where, struct arena *a, struct err *e)
{
    bool *grid = ARENA_NEW(a, sweep_grids(p->sweep) + 1, bool), *keep = ARENA_NEW(a, p->jobs + 1, bool),
         *probe = ARENA_NEW(a, p->jobs + 1, bool), *match = ARENA_NEW(a, p->jobs + 1, bool);
    size_t left = 0;
    if (mark_grids(p, only, grid, a, e)) return -1;
    keep_grids(p, grid, keep, probe);
    memset(match, !where, p->jobs);
    if (where && mark_matching(p, where, match, e)) return -1;
    for (size_t i = 0; i < p->jobs; i++) {
        keep[i] = keep[i] && match[i];
        left += keep[i];
    }
    if (!left)
        return err_set(e, ERR_SPEC, "--where: the condition holds for none of the %zu jobs%s", p->jobs,
                       only ? " of these grids" : "");
    memset(probe, false, p->jobs);
    keep_needed(p, keep, probe);
    drop_uses(p, grid);
    drop_jobs(p, keep, a);
    drop_shapes(p, a);
    count_points(p, grid);
    return 0;
}
