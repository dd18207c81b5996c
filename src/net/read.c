/* The list -> the graph, the tensors and the canonical text, in one walk. */
#include "net/graph.h"

#include "base/text.h"
#include "base/vec.h"
#include "net/operation.h"
#include "net/words.h"
#include "sweep/tree.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    const struct net_source *from;
    struct net_build build;
    struct arena *arena;
    struct buf *text; /* canonical; NULL: not wanted, or written by an earlier turn of a repeat */
    bool *picture;    /* [nodes]: an image that stands there as numbers, each of them from one of the data's */
    int depth;
    struct err *e;
};

static int fail(struct reader *r, struct mark at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int fail(struct reader *r, struct mark at, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    text_brief_args(text, sizeof text, format, args);
    va_end(args);
    err_at(r->e, ERR_SPEC, r->from->file, at, NULL, "%s", text);
    return -1;
}

static void print(struct reader *r, const char *text)
{
    if (r->text) buf_text(r->text, text);
}

/* ---- nodes ---- */

static bool is_picture(const struct reader *r, const struct net_node *n)
{
    const struct net_operation *op = net_operations[n->op];
    if (n->op == NET_OP_data) return r->from->shape->image[0] > 0;
    if (op->shape && n->op != NET_OP_add && n->op != NET_OP_times) return false;
    bool all = n->inputs > 0;
    for (int i = 0; i < n->inputs; i++) all = all && r->picture[n->input[i]];
    return all;
}

static int add_node(struct reader *r, int op, const void *keys, const char *place, const int *input, int inputs,
                    struct mark at)
{
    const struct net_operation *is = net_operations[op];
    struct net_graph *g = r->build.graph;
    struct err why = { 0 };
    int rc = 0;
    if (g->nodes >= NET_NODES) return fail(r, at, "the network has more than %d operations", NET_NODES);
    r->build.name = place;
    if (is->parts) {
        rc = is->parts(&r->build, keys, place, input[0], &why);
    } else {
        struct net_node *n = net_part(&r->build, op, keys, place, input, inputs);
        if (is->shape) rc = is->shape(&r->build, n, &why);
        r->picture[g->nodes - 1] = is_picture(r, n);
    }
    return rc < 0 ? fail(r, at, "%s: %s, at net.%s", is->kind.name, why.text, place) : g->nodes - 1;
}

/* What forms an operation takes, in words. */
static const char *takes_text(unsigned takes)
{
    static const char *const form[] = { [NET_SYMBOLS] = "symbols",
                                        [NET_SEQUENCE] = "numbers at several positions",
                                        [NET_IMAGE] = "an image",
                                        [NET_ROW] = "numbers without a position" };
    static char text[160];
    struct buf b = { 0 };
    for (int i = 0; i <= NET_ROW; i++)
        if (takes >> i & 1) buf_print(&b, "%s%s", b.length ? " or " : "", form[i]);
    text_brief(text, sizeof text, "%s", buf_chars(&b));
    buf_release(&b);
    return text;
}

static int as_image(struct reader *r, int in, struct mark at)
{
    return add_node(r, NET_OP_image, NULL, "image", &in, 1, at);
}

/* Images come as numbers; who takes images alone sees them as such. */
static int fit_input(struct reader *r, const struct net_operation *op, int in, const char *place, struct mark at)
{
    const struct net_shape *s = &r->build.graph->node[in].out;
    char text[NET_SHAPE_TEXT];
    if (op->takes >> s->form & 1) return in;
    if (r->picture[in] && op->takes >> NET_IMAGE & 1) return as_image(r, in, at);
    return fail(r, at, "%s takes %s, and here are %s, at net.%s", op->kind.name, takes_text(op->takes),
                net_shape_text(s, text), place);
}

/* What is put together with an image is seen as one, too. */
static int put_together(struct reader *r, int op, const char *place, int *input, int inputs, struct mark at)
{
    bool image = false;
    for (int i = 0; i < inputs; i++) image = image || r->build.graph->node[input[i]].out.form == NET_IMAGE;
    for (int i = 0; i < inputs && image; i++)
        if (r->picture[input[i]] && (input[i] = as_image(r, input[i], at)) < 0) return -1;
    return add_node(r, op, NULL, place, input, inputs, at);
}

/* ---- names ---- */

/* Of one list: how many there were of each operation and combinator, and which names users gave. */
enum { COMBINATORS = 5 };
struct names_of_list {
    int count[NET_OPS + COMBINATORS];
    const char **as;
    size_t given;
};

static const char *join(struct reader *r, const char *list, const char *name, int number)
{
    struct buf b = { 0 };
    buf_print(&b, "%s%s%s", list, list[0] ? "." : "", name);
    if (number) buf_int(&b, number);
    const char *text = arena_text(r->arena, buf_chars(&b), b.length);
    buf_release(&b);
    return text;
}

/* A user's name must not be one that another entry of the list has or gets. */
static int check_name(struct reader *r, struct names_of_list *names, const struct net_words *w, struct mark at)
{
    const size_t length = strcspn(w->as, "0123456789");
    for (const char *const *known = net_words_known(); *known; known++)
        if (strlen(*known) == length && !strncmp(*known, w->as, length))
            return fail(r, at, "as=%s: names like this are those that the list gives itself", w->as);
    for (size_t i = 0; i < names->given; i++)
        if (!strcmp(names->as[i], w->as))
            return fail(r, at, "as=%s: another entry of this list has that name", w->as);
    *VEC_MORE_IN(r->arena, names->as, names->given) = arena_text(r->arena, w->as, strlen(w->as));
    return 0;
}

/* ---- entries ---- */

static int read_list(struct reader *r, const struct node *list, const char *place, int in);

static int read_operation(struct reader *r, const struct node *n, const char *list, struct names_of_list *names,
                          int in)
{
    struct net_words w;
    if (net_words_read(&w, n, r->from, r->arena, r->e)) return -1;
    names->count[w.id]++;
    if (w.as[0] && check_name(r, names, &w, n->at)) return -1;
    const char *place = w.as[0] ? join(r, list, w.as, 0) : join(r, list, w.op->kind.name, names->count[w.id]);
    if (r->text) net_words_print(&w, r->text);
    in = fit_input(r, w.op, in, place, n->at);
    return in < 0 ? -1 : add_node(r, w.id, w.keys, place, &in, 1, n->at);
}

/* Of sum, product and concat: the lists whose results are put together. */
static int read_branches(struct reader *r, const struct node *n, const char *place, int op, int in)
{
    if (n->type != NODE_LIST || n->count == 0) return fail(r, n->at, "it must be a list of lists, at net.%s", place);
    int *input = ARENA_SMALL(r->arena, n->count, int);
    for (size_t i = 0; i < n->count; i++) {
        print(r, i ? "," : "[");
        input[i] = read_list(r, n->entry[i].value, join(r, place, "", (int)i + 1), in);
        if (input[i] < 0) return -1;
    }
    print(r, "]");
    return put_together(r, op, place, input, (int)n->count, n->at);
}

static int read_residual(struct reader *r, const struct node *n, const struct node *map, const char *place, int in)
{
    const struct node_entry *way = node_find(map, "shortcut");
    int *input = ARENA_SMALL(r->arena, 2, int);
    input[0] = in;
    input[1] = read_list(r, n, place, in);
    if (input[1] < 0) return -1;
    if (way) {
        print(r, ",shortcut: ");
        input[0] = read_list(r, way->value, join(r, place, "shortcut", 0), in);
        if (input[0] < 0) return -1;
    }
    return put_together(r, NET_OP_add, place, input, 2, map->at);
}

static int read_repeat(struct reader *r, const struct node *n, const struct node *map, const char *place, int in)
{
    const struct node_entry *net = node_find(map, "net");
    struct buf *text = r->text;
    int64_t count;
    if (net_words_number(&count, "repeat", n, r->from, r->e)) return -1;
    if (!net) return fail(r, map->at, "'repeat' lacks 'net': what is repeated, at net.%s", place);
    if (text) buf_print(text, "%lld,net: ", (long long)count);
    for (int64_t i = 0; i < count && in >= 0; i++) {
        in = read_list(r, net->value, join(r, place, "", (int)i + 1), in);
        r->text = NULL;
    }
    r->text = text;
    return in;
}

static int read_map(struct reader *r, const struct node *n, const char *list, struct names_of_list *names, int in)
{
    static const struct {
        const char *name, *with;
        int op;
    } of[COMBINATORS] = { { "residual", "shortcut", 0 },
                          { "repeat", "net", 0 },
                          { "sum", "", NET_OP_add },
                          { "product", "", NET_OP_times },
                          { "concat", "", NET_OP_join } };
    static const char *const words[] = { "residual", "shortcut", "repeat", "net", "sum", "product", "concat", NULL };
    int which = -1, out;
    for (int i = 0; i < COMBINATORS; i++)
        if (node_find(n, of[i].name) && which < 0) which = i;
    for (size_t i = 0; i < n->count; i++) {
        const struct node_entry *e = &n->entry[i];
        if (which >= 0 && (!strcmp(e->key, of[which].name) || !strcmp(e->key, of[which].with))) continue;
        if (which >= 0) return fail(r, e->key_at, "'%s' does not go with '%s'", e->key, of[which].name);
        names_unknown(r->e, r->from->file, e->key, words, "unknown key '%s' in a list; known", e->key);
        r->e->at = e->key_at;
        return -1;
    }
    if (which < 0) return fail(r, n->at, "an empty map in a list");
    const char *place = join(r, list, of[which].name, ++names->count[NET_OPS + which]);
    const struct node *value = node_find(n, of[which].name)->value;
    if (r->text) buf_print(r->text, "{%s: ", of[which].name);
    if (which == 0)
        out = read_residual(r, value, n, place, in);
    else if (which == 1)
        out = read_repeat(r, value, n, place, in);
    else
        out = read_branches(r, value, place, of[which].op, in);
    print(r, "}");
    return out;
}

/* What a whole list may end with. */
static const struct node *find_ties(const struct node *list)
{
    const struct node *last = list->type == NODE_LIST && list->count ? list->entry[list->count - 1].value : NULL;
    const struct node_entry *ties =
        last && last->type == NODE_MAP && last->count == 1 ? node_find(last, "tied") : NULL;
    return ties ? ties->value : NULL;
}

/* The node of what the list gives; -1 with an error.  An empty list gives what it gets. */
static int read_list(struct reader *r, const struct node *list, const char *place, int in)
{
    struct names_of_list names = { .given = 0 };
    if (list->type != NODE_LIST) return fail(r, list->at, "it must be a list of operations, at net.%s", place);
    if (++r->depth > NET_DEPTH) return fail(r, list->at, "lists in lists, more than %d deep", NET_DEPTH);
    print(r, "[");
    const size_t count = list->count - (list == r->from->list && find_ties(list));
    for (size_t i = 0; i < count && in >= 0; i++) {
        const struct node *n = list->entry[i].value;
        if (i) print(r, ",");
        if (n->type == NODE_LIST)
            return fail(r, n->at, "a list stands in a list; sum, product, concat, residual and repeat take lists");
        in = n->type == NODE_SCALAR ? read_operation(r, n, place, &names, in) : read_map(r, n, place, &names, in);
    }
    print(r, "]");
    r->depth--;
    return in;
}

/* ---- ties ---- */

static int collect_ties(struct reader *r)
{
    const struct node *own = find_ties(r->from->list);
    struct net_build *b = &r->build;
    b->tie = ARENA_NEW(r->arena, r->from->ties + (own ? own->count : 0), struct net_tie);
    for (; b->ties < r->from->ties; b->ties++) b->tie[b->ties] = r->from->tie[b->ties];
    if (own && own->type != NODE_MAP) return fail(r, own->at, "'tied' must be a map: {dense1.W: embed1.E}");
    for (size_t i = 0; own && i < own->count; i++) {
        const struct node_entry *entry = &own->entry[i];
        if (entry->value->type != NODE_SCALAR)
            return fail(r, entry->value->at, "'%s' must be tied to one tensor", text_shown(entry->key, 60));
        b->tie[b->ties++] = (struct net_tie){ entry->key, entry->value->text, entry->key_at, false };
    }
    return 0;
}

/* In the order of their names: two spellings are one. */
static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct net_tie *)a)->name, ((const struct net_tie *)b)->name);
}

static int finish_ties(struct reader *r)
{
    struct net_build *b = &r->build;
    if (b->ties) qsort(b->tie, b->ties, sizeof *b->tie, by_name);
    for (size_t i = 0; i < b->ties; i++) {
        const char *names[LAYOUT_TENSORS + 1] = { 0 };
        if (b->tie[i].used) continue;
        for (int k = 0; k < b->layout->count; k++) names[k] = b->layout->tensor[k].name;
        names_unknown(r->e, r->from->file, b->tie[i].name, names, "tied: the network has no tensor '%s'; it has",
                      text_shown(b->tie[i].name, 60));
        r->e->at = b->tie[i].at;
        return -1;
    }
    if (!r->text || !b->ties) return 0;
    buf_cut(r->text, r->text->length - 1);
    for (size_t i = 0; i < b->ties; i++)
        buf_print(r->text, "%s%s: %s", i ? "," : ",{tied: {", b->tie[i].name, b->tie[i].other);
    buf_text(r->text, "}}]");
    return 0;
}

/* ---- the whole ---- */

/* The positions that each value is read at, from the end to the beginning. */
void net_find_live(struct net_graph *g)
{
    for (int i = 0; i < g->nodes; i++) g->node[i].live = (struct net_range){ 0, 0 };
    g->node[g->nodes - 1].live.count = g->node[g->nodes - 1].out.positions;
    for (int i = g->nodes - 1; i > 0; i--) {
        const struct net_node *n = &g->node[i];
        for (int j = 0; j < n->inputs && n->live.count; j++) {
            const struct net_range need = net_needs(n, n->live, j);
            struct net_range *have = &g->node[n->input[j]].live;
            const size_t end = need.first + need.count, had = have->first + have->count;
            if (!have->count) *have = need;
            const size_t first = have->first < need.first ? have->first : need.first;
            const size_t last = had > end ? had : end;
            *have = (struct net_range){ first, last - first };
        }
    }
}

int net_read(struct net_graph *out, struct layout *layout, struct buf *canonical, const struct net_source *from,
             struct arena *a, struct err *e)
{
    *out = (struct net_graph){ .node = ARENA_NEW(a, NET_NODES + NET_PARTS, struct net_node) };
    struct reader r = { .from = from,
                        .build = { .graph = out, .layout = layout, .task = from->shape, .arena = a },
                        .arena = a,
                        .text = canonical,
                        .picture = ARENA_NEW(a, NET_NODES + NET_PARTS, bool),
                        .e = e };
    int last = add_node(&r, NET_OP_data, NULL, "data", NULL, 0, from->list->at);
    if (last < 0 || collect_ties(&r)) return -1;
    last = read_list(&r, from->list, "", last);
    if (last < 0 || finish_ties(&r)) return -1;
    out->nodes = last + 1; /* an operation that gives what it gets stands last */
    net_find_live(out);
    return 0;
}

int net_read_text(struct net_graph *out, struct layout *layout, const char *text, const struct task_shape *shape,
                  struct arena *a, struct err *e)
{
    const struct net_source from = { .list = tree_value(text, a), .shape = shape };
    if (!from.list) return err_set(e, ERR_SPEC, "a network cannot be read: '%s'", text_shown(text, 80));
    return net_read(out, layout, NULL, &from, a, e);
}

int net_check(const struct net_graph *g, const struct task_shape *shape, struct err *e)
{
    const struct net_shape *end = &g->node[g->nodes - 1].out;
    char text[NET_SHAPE_TEXT];
    size_t tensors = 0;
    for (int i = 0; i < g->nodes; i++) {
        for (int k = 0; k < NET_TENSORS; k++) tensors += g->node[i].tensor[k] >= 0 && g->node[i].live.count;
    }
    if (!tensors) return err_set(e, ERR_SPEC, "the network has no weights");
    if (end->form == NET_ROW && end->columns == (size_t)shape->classes) return 0;
    return err_set(e, ERR_SPEC,
                   "the network ends with %s, and the task wants %lld number%s%s; 'dense $classes' is the usual end",
                   net_shape_text(end, text), (long long)shape->classes, shape->classes == 1 ? "" : "s",
                   end->form == NET_ROW || end->form == NET_SYMBOLS
                       ? ""
                       : ", for the whole example: at, mean or flatten leave one position");
}
