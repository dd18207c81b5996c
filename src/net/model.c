#include "net/net.h"

#include "base/intern.h"
#include "base/vec.h"
#include "model/model.h"
#include "model/tensors.h"
#include "net/describe.h"
#include "net/graph.h"
#include "net/operation.h"
#include "net/run.h"
#include "net/words.h"
#include "num/real.h"

#include <stddef.h>

static const struct field fields[] = {
    FIELD_ROW(
        net_config, net, TREE, NULL, .unit = "",
        .help =
            "a list of operations, in the order in which numbers go through them: [embed $d, flatten, dense "
            "100, relu, dense $classes]; `tombola kinds net/dense` explains each. $NAME is a key of the "
            "block, of any name, and so an axis of a grid; $classes, $symbols and $width are the task's. In "
            "a list stand, too, {residual: [...], shortcut: [...]}, {sum: [[...], [...]]}, {product: ...}, "
            "{concat: ...} and {repeat: 2, net: [...]}; at its end, perhaps, {tied: {dense1.W: embed1.E}}: a tensor "
            "that is another, or its first rows"),
    FIELD_END,
};

/* Rules that tie tensors, each of those whose names are like its key. */
static int list_ties(struct net_source *from, const struct node *rules, struct arena *a, struct err *e)
{
    struct layout *layout = ARENA_NEW(a, 1, struct layout);
    struct net_graph g;
    struct net_tie *tie = NULL;
    if (!tensors_tie(rules)) return 0;
    if (net_read(&g, layout, NULL, from, a, e)) return -1;
    for (size_t i = 0; i < rules->count; i++) {
        size_t before = from->ties;
        if (!tensors_is_tie(&rules->entry[i])) continue;
        for (int k = 0; k < layout->count; k++) {
            const char *other = tensors_tied_to(&rules->entry[i], layout->tensor[k].name, a);
            if (!other) continue;
            *VEC_MORE_IN(a, tie, from->ties) =
                (struct net_tie){ layout->tensor[k].name, other, rules->entry[i].key_at, false };
        }
        if (before == from->ties)
            *VEC_MORE_IN(a, tie, from->ties) =
                (struct net_tie){ rules->entry[i].key, "", rules->entry[i].key_at, false };
    }
    from->tie = tie;
    return 0;
}

static int expand(void *config, const struct model_given *given, const struct task_shape *shape, struct err *e)
{
    struct net_config *c = config;
    struct net_source from = { .list = given->tree,
                               .file = given->file,
                               .shape = shape,
                               .key = given->key,
                               .value = given->value,
                               .used = given->used };
    struct arena a = { 0 };
    struct net_graph g;
    struct layout layout = { .count = 0 };
    struct buf text = { 0 };
    int rc =
        list_ties(&from, given->rules, &a, e) || net_read(&g, &layout, &text, &from, &a, e) || net_check(&g, shape, e)
            ? -1
            : 0;
    if (!rc) c->net = intern(buf_chars(&text));
    buf_release(&text);
    arena_release(&a);
    return rc;
}

static int layout(const void *config, const struct task_shape *shape, struct layout *out, struct err *e)
{
    const struct net_config *c = config;
    struct arena a = { 0 };
    struct net_graph g;
    if (!c->net) return err_set(e, ERR_SPEC, "a network without a list");
    const int rc = net_read_text(&g, out, c->net, shape, &a, e) || net_check(&g, shape, e) ? -1 : 0;
    arena_release(&a);
    return rc;
}

static bool noisy(const void *config, const struct task_shape *shape)
{
    const struct net_config *c = config;
    struct arena a = { 0 };
    struct net_graph g;
    struct layout *layout = ARENA_NEW(&a, 1, struct layout);
    struct err e = { 0 };
    bool any = false;
    if (net_read_text(&g, layout, c->net, shape, &a, &e)) BUG("%s", e.text);
    for (int i = 0; i < g.nodes; i++) any |= net_operations[g.node[i].op]->noisy;
    arena_release(&a);
    return any;
}

const struct model_kind REAL_NAME(model_net) = {
    .kind = { .name = "net",
              .summary = "a network that is written as a list of operations",
              .source = "",
              .fields = fields,
              .config_size = sizeof(struct net_config),
              .parts = net_words_kinds,
              .own_keys = true },
    .expand = expand,
    .layout = layout,
    .open = net_open,
    .prepare = net_prepare,
    .forward = net_forward,
    .backward = net_backward,
    .learn = net_learn,
    .noisy = noisy,
    .describe = net_describe,
    .plan = net_plan_of,
    .plain = net_plain,
    .dual = net_dual,
};
