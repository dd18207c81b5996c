/* The plans of the networks of tests/net. */
#include "lists.h"

#include "net/operation.h"
#include "net/rewrite.h"

static void append_plan(struct buf *out, const char *name, const struct node *net)
{
    struct arena a = { 0 };
    struct layout *layout = ARENA_NEW(&a, 1, struct layout);
    const struct task_shape shape = shape_of(net);
    const struct net_source from = { .list = node_find(net, "net")->value, .shape = &shape };
    struct net_graph g;
    struct net_plan plan;
    struct err e = { 0 };
    double flop[2] = { 0, 0 };
    if (net_read(&g, layout, NULL, &from, &a, &e)) fail_msg("%s: %s", name, e.text);
    net_rewrite(&plan, &g, &shape, 0, &a);
    buf_print(out, "%s: ", name);
    net_plan_print(&plan, out);
    for (int i = 1; i < plan.graph->nodes; i++) {
        flop[0] += net_plan_flop(&plan, &shape, 0, i);
        flop[1] += net_plan_flop(&plan, &shape, 32, i);
    }
    buf_print(out, "%.6g MFLOP an epoch, %.6g in steps of 32\n\n", 1e-6 * flop[0], 1e-6 * flop[1]);
    arena_release(&a);
}

/* A plan that changes changes the numbers: it does so on purpose, with another NET_PLAN_VERSION. */
static void plans_are_those_of_the_file(void **state)
{
    (void)state;
    static const char *const lists[] = { "tests/net/field.yaml", "tests/net/small.yaml" },
                             plans[] = "tests/net/plans.txt";
    struct buf got = { 0 }, want = { 0 };
    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        struct lists l;
        lists_open(&l, lists[k]);
        for (size_t i = 0; i < l.root->count; i++) append_plan(&got, l.root->entry[i].key, l.root->entry[i].value);
        arena_release(&l.arena);
    }
    if (!buf_read_file(&want, plans)) fail_msg("no %s", plans);
    if (strcmp(buf_chars(&got), buf_chars(&want))) {
        const char *now = getenv("PLANS"); /* where to write what they are now */
        FILE *f = now ? fopen(now, "w") : NULL;
        if (f) fputs(buf_chars(&got), f);
        if (f) fclose(f);
        size_t same = 0;
        while (buf_chars(&got)[same] == buf_chars(&want)[same]) same++;
        fail_msg("%s has other plans, from byte %zu on; with PLANS=FILE they are written there", plans, same);
    }
    buf_release(&got);
    buf_release(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(plans_are_those_of_the_file) };
    return cmocka_run_group_tests_name("net_plan", tests, NULL, NULL);
}
