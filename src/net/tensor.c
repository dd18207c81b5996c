/* What operations have in common: tensors, and sums of columns. */
#include "net/operation.h"

#include "base/text.h"
#include "num/clones.h"
#include "num/real.h"
#include "num/sums.h"

#include <math.h>
#include <string.h>

static struct net_tie *find_tie(const struct net_build *b, const char *name)
{
    for (size_t i = 0; i < b->ties; i++)
        if (!strcmp(b->tie[i].name, name)) return &b->tie[i];
    return NULL;
}

static struct tensor *share(struct net_build *b, struct net_node *n, int at, struct net_tie *tie, const int64_t *dims,
                            struct err *e)
{
    const struct tensor *other = layout_find(b->layout, tie->other);
    int rank = 0;
    bool fits = true;
    tie->used = true;
    if (!other) {
        err_set(e, ERR_SPEC, "%s is tied to %s, and before it there is no such tensor that is none but itself",
                tie->name, tie->other);
        return NULL;
    }
    for (; dims[rank]; rank++)
        fits = fits && rank < other->rank && (rank ? dims[rank] == other->dim[rank] : dims[0] <= other->dim[0]);
    if (!fits || rank != other->rank || other->state) {
        err_set(e, ERR_SPEC, "%s is tied to %s, which has another shape, or is no weight", tie->name, tie->other);
        return NULL;
    }
    n->tensor[at] = (ptrdiff_t)other->offset;
    b->layout->tensor[other - b->layout->tensor].tied = true;
    b->spare = *other;
    return &b->spare;
}

struct tensor *net_tensor(struct net_build *b, struct net_node *n, int at, const char *letter, double bound,
                          const int64_t *dims, struct err *e)
{
    char name[LAYOUT_NAME];
    MUST(at < NET_TENSORS);
    if (!text_print(name, sizeof name, "%s.%s", b->name, letter)) {
        err_set(e, ERR_SPEC, "the name %s.%s has more than %d characters; as=NAME gives a shorter one", b->name,
                letter, LAYOUT_NAME - 1);
        return NULL;
    }
    struct net_tie *tie = find_tie(b, name);
    if (tie) return share(b, n, at, tie, dims, e);
    if (b->layout->count == LAYOUT_TENSORS) {
        err_set(e, ERR_SPEC, "the network has more than %d tensors", LAYOUT_TENSORS);
        return NULL;
    }
    double size = (double)b->layout->n;
    double own = 1;
    for (const int64_t *d = dims; *d; d++) own *= (double)*d;
    if (size + own > 1e9) {
        err_set(e, ERR_SPEC, "the network has more than 1e9 weights: %s alone has %.4g", name, own);
        return NULL;
    }
    n->tensor[at] = (ptrdiff_t)b->layout->n;
    struct tensor *t = layout_add(b->layout, name, bound / sqrt(3), dims);
    t->draw = DRAW_UNIFORM;
    t->prunable = t->rank > 1;
    return t;
}

struct net_node *net_part(struct net_build *b, int op, const void *keys, const char *place, const int *input,
                          int inputs)
{
    struct net_graph *g = b->graph;
    MUST(g->nodes < NET_NODES + NET_PARTS);
    struct net_node *n = &g->node[g->nodes++];
    *n = (struct net_node){ .op = op, .keys = keys, .place = place, .inputs = inputs };
    int *list = ARENA_SMALL(b->arena, (size_t)inputs + 1, int);
    if (inputs) {
        memcpy(list, input, (size_t)inputs * sizeof *list);
        n->in = n->out = g->node[input[0]].out;
    }
    n->input = list;
    for (int i = 0; i < NET_TENSORS; i++) n->tensor[i] = NET_ABSENT;
    return n;
}

CLONES void net_add_columns(real *restrict x, const real *restrict b, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns)
        for (size_t j = 0; j < columns; j++) x[j] += b[j];
}

/* Row after row, so that the sums have one order. */
CLONES void net_sum_columns(real *restrict b, const real *restrict d, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, d += columns)
        for (size_t j = 0; j < columns; j++) b[j] += d[j];
}

CLONES void net_add_rows(real *restrict x, const real *restrict b, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns)
        for (size_t j = 0; j < columns; j++) x[j] += b[r];
}

CLONES void net_sum_rows(real *restrict b, const real *restrict d, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++) b[r] += sums_row(d + r * columns, columns);
}

void net_take_lines(real *restrict out, const real *restrict in, size_t rows, size_t columns, size_t line)
{
    for (size_t r = 0; r < rows; r++) memcpy(out + r * columns, in + r * line, columns * sizeof *out);
}

CLONES void net_add_lines(real *restrict out, const real *restrict in, size_t rows, size_t columns, size_t line)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < columns; j++) out[r * line + j] += in[r * columns + j];
}
