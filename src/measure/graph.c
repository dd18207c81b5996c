#define TOMBOLA_REAL 64
#include "measure/measure.h"

#include "model/model.h"
#include "num/blas.h"
#include "num/mask.h"

#include <math.h>
#include <string.h>

/* Units stand in layers, inputs first; matrix i of the layout, (out, in), joins layer i to layer i + 1. */

struct graph_config {
    double k;
    int scope;
};
static const struct field fields[] = {
    FIELD_NUMBER(
        graph_config, k, REAL, "0", "[0, 1)", "1",
        "prune rate of the magnitude mask whose weights are the edges; 0: the job's mask (all weights if dense)"),
    FIELD_CHOSEN(graph_config, scope, CHOICE, "global", scope_names,
                 "with k: prune over all weights together or tensor by tensor"),
    FIELD_END,
};

enum { PATH_LENGTH, CLUSTERING, COMPONENTS, LARGEST, EDGES, DEGREE };
enum { MEAN, STD, LEAST, MOST, ISOLATED, STATISTICS };

/* ---- the layers ---- */

static bool is_matrix(const struct tensor *t)
{
    return t->rank == 2;
}

/* Does it stand as (in, out)? */
static bool is_turned(const struct measure_site *at, const struct tensor *t)
{
    return at->model->symbols && !strcmp(t->name, at->model->symbols->unembed);
}

static size_t side(const struct measure_site *at, const struct tensor *t, bool out)
{
    return (size_t)t->dim[out == is_turned(at, t)];
}

static size_t layers(const struct measure_site *at)
{
    size_t count = 1;
    for (int i = 0; i < at->layout->count; i++) count += is_matrix(&at->layout->tensor[i]);
    return count;
}

static size_t layers_and_statistics(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[0] = layers(at);
    length[1] = STATISTICS;
    return 2;
}

static void label_statistics(const struct measure_site *at, struct buf *out)
{
    (void)at;
    buf_text(out, "mean,std,min,max,isolated");
}

static const struct measure_column columns[] = {
    [PATH_LENGTH] = { .name = "path_length",
                      .unit = "edge",
                      .help = "mean length of the shortest path between two units, over all pairs that a path joins; "
                              "edges have no direction; NaN without edges" },
    [CLUSTERING] = { .name = "clustering",
                     .unit = "1",
                     .help =
                         "4 (cycles of 4 edges) / (paths of 3 edges), Robins and Alexander's for bipartite graphs; "
                         "the share of closed triangles is 0 in every layered graph; NaN without such paths" },
    [COMPONENTS] = { .name = "components", .unit = "1", .help = "connected components, a unit without edges is one" },
    [LARGEST] = { .name = "largest", .unit = "unit", .help = "units of the largest connected component" },
    [EDGES] = { .name = "edges", .unit = "edge", .help = "kept weights of the matrices; biases are no edges" },
    [DEGREE] = { "degree", "edge",
                 "edges of a unit, over the units of a layer (inputs first, outputs last); std: of the population; "
                 "isolated: the number of units without any",
                 "layer, statistic", layers_and_statistics, label_statistics },
    { .name = NULL },
};

static int fits(const struct measure_site *at, struct err *e)
{
    size_t before = 0;
    for (int i = 0; i < at->layout->count; i++) {
        const struct tensor *t = &at->layout->tensor[i];
        if (t->rank == 1) continue;
        if (!is_matrix(t) || (before && side(at, t, false) != before))
            return err_set(e, ERR_SPEC, "units of model %s do not stand in layers, each joined to the next",
                           at->model->kind.name);
        before = side(at, t, true);
    }
    return before ? 0 : err_set(e, ERR_SPEC, "model %s has no matrices", at->model->kind.name);
}

#ifdef TOMBOLA_IGRAPH
#include <igraph/igraph.h>

struct units {
    size_t count, edges, first[LAYOUT_TENSORS + 2]; /* of layer i; the last is the count */
    igraph_vector_int_t ends;                       /* of the edges, two each            */
    double *degree, *joined;                        /* [count]; (count, count): 1 where there is an edge */
};

static const uint8_t *kept(const struct measure_probe *p)
{
    const struct graph_config *c = p->at.options;
    const size_t n = p->at.layout->n;
    if (c->k == 0) return p->mask;
    double *score = ARENA_NEW(p->scratch, n, double);
    uint8_t *mask = ARENA_NEW(p->scratch, n, uint8_t);
    for (size_t i = 0; i < n; i++) score[i] = fabs(p->theta[i]);
    mask_from_scores(mask, score, p->at.layout, c->k, (enum scope)c->scope);
    return mask;
}

static void join(struct units *u, size_t a, size_t b)
{
    igraph_vector_int_push_back(&u->ends, (igraph_integer_t)a);
    igraph_vector_int_push_back(&u->ends, (igraph_integer_t)b);
    u->joined[a * u->count + b] = u->joined[b * u->count + a] = 1;
    u->degree[a]++;
    u->degree[b]++;
    u->edges++;
}

static void open_units(struct units *u, const struct measure_probe *p)
{
    const struct layout *l = p->at.layout;
    *u = (struct units){ .count = 0 };
    size_t layer = 0;
    for (int i = 0; i < l->count; i++) {
        if (!is_matrix(&l->tensor[i])) continue;
        if (layer == 0) u->count = side(&p->at, &l->tensor[i], false);
        u->first[++layer] = u->count;
        u->count += side(&p->at, &l->tensor[i], true);
    }
    u->first[layer + 1] = u->count;
    u->degree = ARENA_NEW(p->scratch, u->count, double);
    u->joined = ARENA_NEW(p->scratch, u->count * u->count, double);
    igraph_vector_int_init(&u->ends, 0);
}

static void join_all(struct units *u, const struct measure_probe *p)
{
    const struct layout *l = p->at.layout;
    const uint8_t *mask = kept(p);
    size_t layer = 0;
    for (int i = 0; i < l->count; i++) {
        const struct tensor *t = &l->tensor[i];
        if (!is_matrix(t)) continue;
        const size_t columns_of = (size_t)t->dim[1];
        const bool turned = is_turned(&p->at, t);
        for (size_t j = 0; j < t->size; j++)
            if (mask[t->offset + j])
                join(u, u->first[layer] + (turned ? j / columns_of : j % columns_of),
                     u->first[layer + 1] + (turned ? j % columns_of : j / columns_of));
        layer++;
    }
}

/* Common neighbours of two units: each pair of them closes a cycle, which is found from both of its diagonals. */
static int clustering(double *out, const struct units *u, const struct measure_probe *p, struct err *e)
{
    enum { STRIP = 64 };
    const size_t n = u->count;
    double *common = ARENA_NEW(p->scratch, STRIP * n, double), cycles = 0, paths = 0;
    for (size_t a = 0; a < n; a++) {
        const double *row = common + a % STRIP * n;
        if (a % STRIP == 0) {
            if (measure_tick(p, e)) return -1;
            blas_gemm_nn(common, u->joined + a * n, u->joined, n - a < STRIP ? n - a : STRIP, n, n, 0);
        }
        for (size_t b = a + 1; b < n; b++) {
            cycles += row[b] * (row[b] - 1) / 4;
            if (u->joined[a * n + b] > 0) paths += (u->degree[a] - 1) * (u->degree[b] - 1);
        }
    }
    *out = paths > 0 ? 4 * cycles / paths : (double)NAN;
    return 0;
}

/* igraph asks from time to time whether to go on; one measure runs at a time. */
static struct {
    const struct measure_probe *probe;
    struct err *e;
} asked;

static igraph_error_t on_question(void *nothing)
{
    (void)nothing;
    if (!measure_tick(asked.probe, asked.e)) return IGRAPH_SUCCESS;
    IGRAPH_FINALLY_FREE();
    return IGRAPH_INTERRUPTED;
}

/* A call that fails otherwise ends the program: it runs out of memory, like ours. */
static void on_error(const char *reason, const char *file, int line, igraph_error_t error)
{
    if (error != IGRAPH_INTERRUPTED) igraph_error_handler_abort(reason, file, line, error);
}

static void degrees(const double *degree, size_t count, double out[STATISTICS])
{
    double sum = 0, squares = 0;
    out[LEAST] = (double)INFINITY;
    out[MOST] = out[ISOLATED] = 0;
    for (size_t i = 0; i < count; i++) {
        sum += degree[i];
        out[LEAST] = fmin(out[LEAST], degree[i]);
        out[MOST] = fmax(out[MOST], degree[i]);
        out[ISOLATED] += degree[i] == 0;
    }
    out[MEAN] = sum / (double)count;
    for (size_t i = 0; i < count; i++) squares += (degree[i] - out[MEAN]) * (degree[i] - out[MEAN]);
    out[STD] = sqrt(squares / (double)count);
}

static int look(const struct units *u, const struct measure_probe *p, double *const *out, struct err *e)
{
    igraph_t graph;
    igraph_vector_int_t sizes;
    igraph_integer_t components;
    igraph_create(&graph, &u->ends, (igraph_integer_t)u->count, IGRAPH_UNDIRECTED);
    igraph_vector_int_init(&sizes, 0);
    asked.probe = p;
    asked.e = e;
    igraph_set_error_handler(on_error);
    igraph_set_interruption_handler(on_question);
    const bool stopped = igraph_connected_components(&graph, NULL, &sizes, &components, IGRAPH_WEAK) ||
                         igraph_average_path_length(&graph, out[PATH_LENGTH], NULL, IGRAPH_UNDIRECTED, true);
    igraph_set_interruption_handler(NULL);
    if (!stopped) {
        out[COMPONENTS][0] = (double)components;
        out[LARGEST][0] = (double)igraph_vector_int_max(&sizes);
        out[EDGES][0] = (double)u->edges;
    }
    igraph_vector_int_destroy(&sizes);
    igraph_destroy(&graph);
    return stopped ? -1 : 0;
}

static int run(const struct measure_probe *p, double *const *out, struct err *e)
{
    struct units u;
    open_units(&u, p);
    join_all(&u, p);
    const int rc = look(&u, p, out, e);
    igraph_vector_int_destroy(&u.ends);
    if (rc || clustering(out[CLUSTERING], &u, p, e)) return -1;
    for (size_t layer = 0; layer < layers(&p->at); layer++)
        degrees(u.degree + u.first[layer], u.first[layer + 1] - u.first[layer], out[DEGREE] + layer * STATISTICS);
    return 0;
}
#define MISSING NULL
#define RUN     run
#else
#define RUN     NULL
#define MISSING "built without igraph (Debian: apt-get install libigraph-dev, then make; elsewhere IGRAPH_DIR=...)"
#endif

const struct measure_kind measure_graph = {
    .kind = { .name = "graph",
              .summary = "the kept weights as edges of a layered graph: paths, clustering, degrees, components",
              .source = "igraph; Robins and Alexander, Small Worlds Among Interlocking Directors (2004)",
              .fields = fields,
              .config_size = sizeof(struct graph_config) },
    .columns = columns,
    .missing = MISSING,
    .fits = fits,
    .run = RUN,
};
