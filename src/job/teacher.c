/* A teacher computes in double whatever the job does: its answers are the task's. */
#define TOMBOLA_REAL 64
#include "job/teacher.h"

#include "base/intern.h"
#include "base/text.h"
#include "job/registry.h"
#include "net/graph.h"
#include "net/net.h"
#include "net/plan.h"

#include <string.h>

enum { CHUNK = 1024 };

/* No tables and no rewriting: what it answers does not depend on how many examples there are. */
struct teacher {
    struct net *net;
    size_t outputs;
    struct net_config config;
    struct task_shape shape;
    struct layout layout;
    double *theta, *logits;
};

static int end_of(const struct net_graph *g, struct task_shape *shape, struct err *e)
{
    if (!shape->classes) shape->classes = (int64_t)g->node[g->nodes - 1].out.columns;
    return net_check(g, shape, e);
}

int teacher_expand(const struct node *list, const char *file, const struct task_shape *shape, struct buf *out,
                   struct err *e)
{
    static const char *const none[] = { NULL };
    const struct net_source from = { .list = list, .file = file, .shape = shape, .key = none, .value = none };
    struct task_shape whole = *shape;
    struct arena a = { 0 };
    struct net_graph g;
    struct layout layout = { .count = 0 };
    const int rc = net_read(&g, &layout, out, &from, &a, e) || end_of(&g, &whole, e) ? -1 : 0;
    arena_release(&a);
    return rc;
}

static int outputs(const char *list, const struct task_shape *shape, int64_t *out, struct err *e)
{
    struct task_shape whole = *shape;
    struct arena a = { 0 };
    struct net_graph g;
    struct layout layout = { .count = 0 };
    const int rc = net_read_text(&g, &layout, list, shape, &a, e) || end_of(&g, &whole, e) ? -1 : 0;
    arena_release(&a);
    if (!rc) *out = whole.classes;
    return rc;
}

static struct net *open_teacher(const char *list, const struct task_shape *shape, uint64_t seed, struct arena *a)
{
    const struct model_kind *model = registry_model("net");
    struct teacher *t = ARENA_NEW(a, 1, struct teacher);
    struct err e = { 0 };
    *t = (struct teacher){ .outputs = (size_t)shape->classes,
                           .config = { .net = intern(list), .off = NET_NO_TABLES | NET_NO_REWRITING },
                           .shape = *shape };
    t->shape.n_train = t->shape.n_test = CHUNK;
    if (model->layout(&t->config, &t->shape, &t->layout, &e)) BUG("%s", e.text);
    t->theta = ARENA_NEW(a, t->layout.n, double);
    t->logits = ARENA_NEW(a, CHUNK * t->outputs, double);
    model_draw(t->theta, &t->layout, seed, "labels/teacher");
    t->net = model->open(&t->config, &t->layout, &t->shape, CHUNK, a);
    model->prepare(t->net, t->theta);
    return (struct net *)t; /* to whoever has it, nothing that he knows */
}

static void answer(struct net *net, const struct dataset *d, double *out)
{
    const struct teacher *t = (const void *)net;
    for (size_t first = 0; first < d->n; first += CHUNK) {
        struct dataset part = { .n = d->n - first < CHUNK ? d->n - first : CHUNK, .width = d->width };
        if (d->token) part.token = d->token + first * d->width;
        if (d->x) part.x = d->x + first * d->width;
        part.x_real = part.x;
        registry_model("net")->forward(t->net, &part, t->logits);
        for (size_t i = 0; i < part.n; i++)
            for (size_t c = 0; c < t->outputs; c++) out[(first + i) * t->outputs + c] = t->logits[c * part.n + i];
    }
}

const struct task_teacher teacher_nets = { outputs, open_teacher, answer };
