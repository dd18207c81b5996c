#include "task/draw.h"

#include "base/intern.h"
#include "base/names.h"
#include "base/rng.h"
#include "base/text.h"
#include "num/formula.h"
#include "sweep/tree.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

/* Examples that are drawn: what x can be stands in draw_form.c. */

static int check_x(const char *text, char *canonical, size_t size, struct err *e)
{
    struct draw_form form;
    struct buf b = { 0 };
    if (!draw_form_read(text, &form))
        return err_set(e, ERR_SPEC,
                       "'%s' is nothing that x can be; allowed: normal N [DEVIATION], uniform N [BOUND], sphere N "
                       "[RADIUS], bits N [LOW HIGH], one of SYMBOLS [times N]",
                       text_shown(text, 40));
    draw_form_print(&form, &b);
    MUST(text_copy(canonical, size, buf_chars(&b), b.length));
    buf_release(&b);
    return 0;
}

static const struct field fields[] = {
    { .key = "x",
      .type = FIELD_TEXT,
      .offset = offsetof(struct draw_config, x),
      .count = DRAW_FORM,
      .unit = "",
      .check = check_x,
      .help = "inputs: normal N, numbers of deviation 1, or normal N 0.1; uniform N, within 1 of 0, or uniform N 3; "
              "sphere N, on the sphere of radius 1, or sphere N 2; bits N, each -1 or 1, or bits N 0 1; one of K, a "
              "symbol, or one of K times N" },
    { .key = "y",
      .type = FIELD_TEXT,
      .offset = offsetof(struct draw_config, y),
      .count = DRAW_FORMULA,
      .standard = "",
      .unit = "",
      .help =
          "the answer, a formula of x and the vectors of `where`: x[0]*x[1], dot(x, w), sum(x[0:3]), with "
          "+ - * / ^, comparisons, A if C else B, min max abs sqrt exp log floor ceil sin cos tanh sign of numbers "
          "and sum product mean norm min max argmax dot of vectors. A number or a vector is a target, a comparison "
          "a label; in quotes where braces are around it" },
    FIELD_ROW(draw_config, where, TABLE, "", .unit = "",
              .help = "vectors that are drawn once, each by stream `labels/NAME` of the seed: {w: normal 5}, as x is "
                      "drawn"),
    FIELD_ROW(draw_config, teacher, TREE, "", .unit = "",
              .help =
                  "in the place of y, a network that answers, a list as of model net: [dense 100, tanh, dense 5]; "
                  "its weights are drawn as theirs are, by streams `labels/teacher/NAME` of the seed. Its outputs "
                  "are targets; with `classes` the largest is the label"),
    FIELD_NUMBER(
        draw_config, classes, INT, "0", "[0, 1e6]", "1",
        "0: as y says, 2 of a comparison, none of numbers. N: y is a label, a whole number below N, or the "
        "largest output of the teacher. 1: networks have one output, whose sign is the comparison, or that of "
        "the teacher's output"),
    FIELD_NUMBER(draw_config, train, INT, "1000", "[1, 1e8]", "example",
                 "training examples, drawn by stream `split/train` of the seed"),
    FIELD_NUMBER(draw_config, test, INT, "1000", "[1, 1e8]", "example",
                 "test examples, drawn by stream `split/test`"),
    FIELD_FLAG(
        draw_config, fresh, "false",
        "each step of training has new examples, of stream `fresh/STEP`: `train` of them, or a batch; an epoch "
        "is as many steps as it would be. Training loss and accuracy are those on the `train` examples that "
        "are drawn once, and not trained on"),
    FIELD_END,
};

/* ---- the rule ---- */

enum { VECTORS = 8 };
struct rule {
    struct draw_form x, drawn[VECTORS];
    const char *name[VECTORS + 2]; /* x, those of `where`, NULL */
    size_t length[VECTORS + 2], vectors;
    struct formula y; /* without a teacher */
    int64_t classes;
    bool labels;
};

static bool is_name(const char *s)
{
    bool is = isalpha((unsigned char)*s) != 0 && strlen(s) < FIELD_WORD;
    for (const char *c = s; *c; c++) is = is && (isalnum((unsigned char)*c) || *c == '_');
    return is && strcmp(s, "x") != 0 && !formula_reserves(s);
}

static int read_vector(struct rule *r, const struct node_entry *entry, struct err *e)
{
    struct draw_form *form = &r->drawn[r->vectors];
    if (r->vectors == VECTORS) return TASK_WRONG(e, "where", "more than %d vectors", VECTORS);
    if (!is_name(entry->key))
        return TASK_WRONG(e, "where", "'%s' is no name of a vector: letters, digits and _, and no word of formulas",
                          text_shown(entry->key, 40));
    if (entry->value->type != NODE_SCALAR || !draw_form_read(entry->value->text, form) || form->symbols)
        return TASK_WRONG(e, "where", "'%s' must be normal N, uniform N, sphere N or bits N, as x may be",
                          text_shown(entry->key, 40));
    r->name[1 + r->vectors] = intern(entry->key);
    r->length[1 + r->vectors++] = form->n;
    return 0;
}

/* where: if canonical is not NULL, appended to it. */
static int read_where(struct rule *r, const char *text, struct buf *canonical, struct err *e)
{
    struct arena a = { 0 };
    const struct node *map = *text ? tree_value(text, &a) : NULL;
    int rc =
        *text && (!map || map->type != NODE_MAP) ? TASK_WRONG(e, "where", "'%s' is no map", text_shown(text, 40)) : 0;
    for (size_t i = 0; map && i < map->count && !rc; i++) {
        rc = read_vector(r, &map->entry[i], e);
        if (rc || !canonical) continue;
        buf_print(canonical, "%s%s: ", i ? "," : "{", map->entry[i].key);
        draw_form_print(&r->drawn[i], canonical);
    }
    if (canonical && canonical->length) buf_text(canonical, "}");
    arena_release(&a);
    return rc;
}

/* What the answers are: labels of so many classes, or targets. */
static int read_classes(struct rule *r, const struct draw_config *c, struct err *e)
{
    const bool truth = r->y.type == FORMULA_TRUTH;
    r->labels = truth || c->classes > 0;
    r->classes = r->labels ? c->classes ? c->classes : 2 : r->y.length ? (int64_t)r->y.length : 1;
    if (r->labels && r->y.length)
        return TASK_WRONG(e, "y", "'%s' is a vector, and a label is one value: argmax, sum and others make one",
                          c->y);
    if (truth && c->classes > 2) return TASK_WRONG(e, "classes", "a comparison, '%s', has 2 values", c->y);
    if (!truth && c->classes == 1)
        return TASK_WRONG(e, "classes", "'%s' is a number; the sign of one output tells a comparison, as y > 0",
                          c->y);
    return 0;
}

static int read_rule(const struct draw_config *c, struct rule *r, char canonical[DRAW_FORMULA], struct buf *where,
                     struct err *e)
{
    *r = (struct rule){ .name = { "x" } };
    MUST(draw_form_read(c->x, &r->x));
    r->length[0] = r->x.n;
    if (read_where(r, c->where, where, e)) return -1;
    if (c->y[0] && c->teacher[0]) return TASK_WRONG(e, "teacher", "'y' is given, too; leave one of the two out");
    if (!c->y[0] && !c->teacher[0])
        return TASK_WRONG(e, NULL, "'y' must be given, a formula of x; or 'teacher', a network that answers");
    r->labels = c->classes > 0;
    r->classes = c->classes;
    if (c->teacher[0]) return r->vectors ? TASK_WRONG(e, "where", "vectors are for 'y', and 'teacher' answers") : 0;
    const struct formula_place place = {
        .what = "y", .names = r->name, .type = FORMULA_EITHER, .length = r->length, .vector = true
    };
    struct err why = { 0 };
    if (formula_parse(&r->y, c->y, &place, canonical, DRAW_FORMULA, &why)) return TASK_WRONG(e, "y", "%s", why.text);
    return read_classes(r, c, e);
}

static int expand(void *config, struct err *e)
{
    struct draw_config *c = config;
    struct rule r;
    struct buf where = { 0 };
    char canonical[DRAW_FORMULA] = "";
    const int rc = read_rule(c, &r, canonical, &where, e);
    if (!rc) {
        c->where = intern(buf_chars(&where));
        memcpy(c->y, canonical, sizeof c->y);
    }
    buf_release(&where);
    return rc;
}

static const char *teacher(const void *config)
{
    const struct draw_config *c = config;
    return c->teacher[0] ? c->teacher : NULL;
}

static bool regression(const void *config)
{
    const struct draw_config *c = config;
    struct rule r;
    struct err ignored = { 0 }; /* said by shape */
    char canonical[DRAW_FORMULA];
    return !read_rule(c, &r, canonical, NULL, &ignored) && !r.labels;
}

/* ---- answers ---- */

/* What examples are made by: all that a source needs. */
struct maker {
    struct rule rule;
    bool asks; /* nobody answers here: a teacher does */
    struct formula_input in[VECTORS + 1];
};

static void open_maker(struct maker *m, const struct draw_config *c, uint64_t seed, struct arena *a)
{
    char canonical[DRAW_FORMULA], stream[FIELD_WORD + 16];
    struct err e = { 0 };
    if (read_rule(c, &m->rule, canonical, NULL, &e)) BUG("%s", e.text);
    m->asks = c->teacher[0] != '\0';
    for (size_t i = 0; i < m->rule.vectors; i++) {
        double *v = ARENA_NEW(a, m->rule.drawn[i].n, double);
        MUST(text_print(stream, sizeof stream, "labels/%s", m->rule.name[1 + i]));
        draw_fill(&m->rule.drawn[i], seed, stream, 1, v);
        m->in[1 + i].at = v;
    }
}

static int bad_answer(const struct maker *m, double y, size_t example, struct err *e)
{
    const double shown = isnan(y) ? (double)NAN : y; /* whatever its sign */
    if (m->rule.labels)
        return TASK_WRONG(e, "y", "'y' is %g of example %zu; labels are whole numbers from 0 to %lld", shown, example,
                          (long long)m->rule.classes - 1);
    return TASK_WRONG(e, "y", "'y' is %g of example %zu, which is no target", shown, example);
}

/* The answers to n examples, in label or target. */
static int answer(const struct maker *m, const double *x, size_t n, int32_t *label, double *target, struct err *e)
{
    struct arena a = { 0 };
    struct formula_input in[VECTORS + 1];
    const size_t length = m->rule.labels ? 1 : (size_t)m->rule.classes;
    const double most = (double)(m->rule.classes < 2 ? 2 : m->rule.classes);
    double *y = target ? target : ARENA_NEW(&a, n, double);
    int rc = 0;
    memcpy(in, m->in, sizeof in);
    in[0] = (struct formula_input){ x, true };
    formula_examples(&m->rule.y, in, n, y);
    for (size_t i = 0; i < n * length && !rc; i++) {
        const bool good = m->rule.labels ? y[i] >= 0 && y[i] < most && y[i] == floor(y[i]) : isfinite(y[i]);
        if (!good)
            rc = bad_answer(m, y[i], i / length, e);
        else if (label)
            label[i] = (int32_t)y[i];
    }
    arena_release(&a);
    return rc;
}

static int fill(const void *ctx, uint64_t seed, const char *stream, size_t n, const struct dataset_room *room,
                struct err *e)
{
    const struct maker *m = ctx;
    struct arena a = { 0 };
    double *x = room->x ? room->x : ARENA_NEW(&a, n * m->rule.x.n, double);
    draw_fill(&m->rule.x, seed, stream, n, x);
    for (size_t i = 0; room->token && i < n * m->rule.x.n; i++) room->token[i] = (int32_t)x[i];
    const int rc = m->asks ? 0 : answer(m, x, n, room->label, room->target, e);
    arena_release(&a);
    return rc;
}

/* Some examples of a seed, so that most of what a formula gets wrong is known at once. */
static int try_rule(const struct draw_config *c, struct err *e)
{
    enum { TRIED = 64 };
    struct arena a = { 0 };
    struct maker *m = ARENA_NEW(&a, 1, struct maker);
    open_maker(m, c, 0, &a);
    const size_t length = m->rule.labels ? 1 : (size_t)m->rule.classes;
    const struct dataset_room room = { .x = ARENA_NEW(&a, TRIED * m->rule.x.n, double),
                                       .label = m->rule.labels ? ARENA_NEW(&a, TRIED, int32_t) : NULL,
                                       .target = m->rule.labels ? NULL : ARENA_NEW(&a, TRIED * length, double) };
    const int rc = fill(m, 0, "split/train", TRIED, &room, e);
    arena_release(&a);
    return rc;
}

int draw_shape(const void *config, struct task_shape *out, struct err *e)
{
    const struct draw_config *c = config;
    struct rule r;
    char canonical[DRAW_FORMULA];
    if (read_rule(c, &r, canonical, NULL, e)) return -1;
    *out = (struct task_shape){ .n_train = (size_t)c->train,
                                .n_test = (size_t)c->test,
                                .width = r.x.n,
                                .vocabulary = r.x.symbols,
                                .classes = r.classes,
                                .fresh = c->fresh };
    return c->teacher[0] ? 0 : try_rule(c, e);
}

/* ---- data ---- */

static struct dataset dataset_of(const struct maker *m, const struct dataset_room *room, size_t n)
{
    return (struct dataset){
        .n = n, .width = m->rule.x.n, .token = room->token, .x = room->x, .label = room->label, .target = room->target
    };
}

static struct dataset_room room_for(const struct maker *m, size_t n, struct arena *a)
{
    const struct rule *r = &m->rule;
    const bool labels = r->labels && !m->asks, targets = !r->labels && !m->asks;
    return (struct dataset_room){ .x = r->x.symbols ? NULL : ARENA_NEW(a, n * r->x.n, double),
                                  .token = r->x.symbols ? ARENA_NEW(a, n * r->x.n, int32_t) : NULL,
                                  .label = labels ? ARENA_NEW(a, n, int32_t) : NULL,
                                  .target = targets ? ARENA_NEW(a, n * (size_t)r->classes, double) : NULL };
}

static int draw(const struct maker *m, uint64_t seed, const char *stream, size_t n, struct arena *a,
                struct dataset *out, struct err *e)
{
    const struct dataset_room room = room_for(m, n, a);
    *out = dataset_of(m, &room, n);
    return fill(m, seed, stream, n, &room, e);
}

/* Rows of a split that is given. */
static int take(const struct maker *m, const int32_t *row, size_t n, struct arena *a, struct dataset *out,
                struct err *e)
{
    const size_t width = m->rule.x.n;
    const struct dataset_room room = room_for(m, n, a);
    struct arena own = { 0 };
    double *x = room.x ? room.x : ARENA_NEW(&own, n * width, double);
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        struct buf form = { 0 };
        draw_form_print(&m->rule.x, &form);
        for (size_t j = 0; j < width; j++) x[i * width + j] = row[i * width + j];
        if (!draw_may_be(&m->rule.x, row + i * width))
            rc = err_set(e, ERR_SPEC, "example %zu of the given split is not what '%s' can be", i, buf_chars(&form));
        buf_release(&form);
    }
    for (size_t i = 0; room.token && i < n * width; i++) room.token[i] = row[i];
    *out = dataset_of(m, &room, n);
    if (!rc && !m->asks) rc = answer(m, x, n, room.label, room.target, e);
    arena_release(&own);
    return rc;
}

int draw_build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
               struct task_data *out, struct err *e)
{
    const struct draw_config *c = config;
    struct maker *m = ARENA_NEW(a, 1, struct maker);
    open_maker(m, c, seed, a);
    *out = (struct task_data){ .vocabulary = m->rule.x.symbols, .classes = m->rule.classes };
    if (c->fresh) {
        struct dataset_source *source = ARENA_NEW(a, 1, struct dataset_source);
        *source = (struct dataset_source){ m, fill };
        out->source = source;
    }
    if (!given || !given->train)
        return draw(m, seed, "split/train", (size_t)c->train, a, &out->train, e) ||
                       draw(m, seed, "split/test", (size_t)c->test, a, &out->test, e)
                   ? -1
                   : 0;
    if (given->width != m->rule.x.n)
        return err_set(e, ERR_SPEC, "the given split has %zu columns; examples have %zu", given->width, m->rule.x.n);
    return take(m, given->train, given->n_train, a, &out->train, e) ||
                   take(m, given->test, given->n_test, a, &out->test, e)
               ? -1
               : 0;
}

const struct task_kind task_draw = {
    .kind = { .name = "draw",
              .summary = "drawn numbers, bits or symbols; the answer is a formula of them, or a network's",
              .source = "",
              .fields = fields,
              .config_size = sizeof(struct draw_config) },
    .regression = regression,
    .teacher = teacher,
    .expand = expand,
    .shape = draw_shape,
    .build = draw_build,
};
