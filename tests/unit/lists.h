/* The networks of tests/net, which are lists. */
#ifndef TOMBOLA_TESTS_LISTS_H
#define TOMBOLA_TESTS_LISTS_H

#include "engine.h"

#include "net/graph.h"
#include "sweep/tree.h"

#include <stdlib.h>

struct lists {
    struct arena arena;
    const struct node *root;
};

static inline void lists_open(struct lists *l, const char *path)
{
    struct buf text = { 0 };
    struct err_list errors = { 0 };
    size_t nodes = 0;
    memset(l, 0, sizeof *l);
    if (!buf_read_file(&text, path)) fail_msg("no %s", path);
    l->root = tree_load(path, buf_chars(&text), text.length, &l->arena, &nodes, &errors);
    assert_int_equal(errors.count, 0);
    buf_release(&text);
}

static inline int64_t number(const struct node *net, const char *key)
{
    const struct node_entry *e = node_find(net, key);
    return e ? strtoll(e->value->text, NULL, 10) : 0;
}

static inline struct task_shape shape_of(const struct node *net)
{
    struct task_shape s = {
        .n_train = 1000, .n_test = 500, .classes = number(net, "classes"), .fixed = (uint64_t)number(net, "fixed")
    };
    const char *x = node_find(net, "x")->value->text;
    long a, b, c;
    if (sscanf(x, "tokens %ld", &a) == 1) {
        s.width = (size_t)a;
        s.vocabulary = number(net, "vocab");
    } else if (sscanf(x, "image %ld %ld %ld", &a, &b, &c) == 3) {
        s.width = (size_t)(a * b * c);
        s.image[0] = a;
        s.image[1] = b;
        s.image[2] = c;
    } else {
        assert_int_equal(sscanf(x, "numbers %ld", &a), 1);
        s.width = (size_t)a;
    }
    return s;
}

/* Its weights; the canonical text, if it is wanted. */
static inline size_t read_list(const struct node *net, const struct task_shape *shape, struct buf *text)
{
    static struct layout layout;
    struct arena a = { 0 };
    struct net_graph g;
    struct err e = { 0 };
    const struct net_source from = { .list = node_find(net, "net")->value, .shape = shape };
    memset(&layout, 0, sizeof layout);
    if (net_read(&g, &layout, text, &from, &a, &e)) fail_msg("%d:%d: %s", e.at.line, e.at.col, e.text);
    arena_release(&a);
    return layout_weights(&layout);
}

#endif
