/* The language of lists: what a list comes to, its canonical text, and what is refused. */
#include "lists.h"

#include "net/operation.h"

#include <unistd.h>

static void counts_of(const char *path, size_t nets)
{
    struct lists l;
    lists_open(&l, path);
    assert_int_equal(l.root->count, nets);
    for (size_t i = 0; i < l.root->count; i++) {
        const struct node *net = l.root->entry[i].value;
        const struct task_shape shape = shape_of(net);
        const size_t n = read_list(net, &shape, NULL);
        if (n != (size_t)number(net, "parameters"))
            fail_msg("%s has %zu weights, not %ld", l.root->entry[i].key, n, (long)number(net, "parameters"));
    }
    arena_release(&l.arena);
}

static void networks_of_the_field_have_their_weights(void **state)
{
    (void)state;
    static const char other[] = "../shared/field/nets.yaml";
    counts_of("tests/net/field.yaml", 17);
    if (access(other, R_OK) == 0)
        counts_of(other, 17);
    else
        print_message("# %s is not there: the lists of tests/net alone\n", other);
}

/* No list has it: a rewritten graph does. */
static bool is_rewritten(int op)
{
    return op == NET_OP_matrix || op == NET_OP_through || (op >= NET_OP_weigh && op <= NET_OP_mix);
}

static void every_operation_is_in_a_small_list(void **state)
{
    (void)state;
    struct lists l;
    bool seen[NET_OPS] = { false };
    lists_open(&l, "tests/net/small.yaml");
    for (size_t i = 0; i < l.root->count; i++) {
        static struct layout layout;
        const struct node *net = l.root->entry[i].value;
        const struct task_shape shape = shape_of(net);
        const struct net_source from = { .list = node_find(net, "net")->value, .shape = &shape };
        struct net_graph g;
        struct err e = { 0 };
        memset(&layout, 0, sizeof layout);
        if (net_read(&g, &layout, NULL, &from, &l.arena, &e)) fail_msg("%s", e.text);
        for (int j = 0; j < g.nodes; j++) seen[g.node[j].op] = true;
    }
    for (int i = 0; i < NET_OPS; i++)
        if (!seen[i] && !net_operations[i]->parts && !is_rewritten(i))
            fail_msg("no list with %s", net_operations[i]->kind.name);
    arena_release(&l.arena);
}

/* A canonical text is its own canonical text. */
static void check_canonical(const struct node *list)
{
    struct buf text = { 0 }, again = { 0 };
    struct err_list errors = { 0 };
    struct arena a = { 0 };
    size_t nodes = 0;
    const struct task_shape shape = shape_of(list);
    const size_t n = read_list(list, &shape, &text);
    const struct node_entry entry = { .key = "net",
                                      .value = tree_load("", buf_chars(&text), text.length, &a, &nodes, &errors) };
    const struct node net = { .type = NODE_MAP, .count = 1, .entry = &entry };
    assert_int_equal(read_list(&net, &shape, &again), n);
    assert_string_equal(buf_chars(&again), buf_chars(&text));
    buf_release(&text);
    buf_release(&again);
    arena_release(&a);
}

static void two_spellings_are_one_network(void **state)
{
    (void)state;
    struct lists l;
    lists_open(&l, "tests/net/small.yaml");
    for (size_t i = 0; i < l.root->count; i++) check_canonical(l.root->entry[i].value);
    arena_release(&l.arena);
    static const char *const spelt[] = {
        "{x: tokens 3, vocab: 9, classes: 7, net: [embed 4*2, positions learned, {residual: [attention mask=causal "
        "heads=1]}, at last, dense $classes bias=yes]}",
        "{x: tokens 3, vocab: 9, classes: 7, net: [ embed width=8, positions, { residual: [attention] }, 'at  last', "
        "dense "
        "units=7 ]}",
    };
    struct buf text[2] = { { 0 }, { 0 } };
    struct arena a = { 0 };
    for (size_t i = 0; i < 2; i++) {
        struct err_list errors = { 0 };
        size_t nodes = 0;
        const struct node *net = tree_load("", spelt[i], strlen(spelt[i]), &a, &nodes, &errors);
        const struct task_shape shape = shape_of(net);
        read_list(net, &shape, &text[i]);
    }
    assert_string_equal(buf_chars(&text[0]), buf_chars(&text[1]));
    assert_string_equal(buf_chars(&text[0]), "[embed 8,positions,{residual: [attention]},at last,dense 7]");
    for (size_t i = 0; i < 2; i++) buf_release(&text[i]);
    arena_release(&a);
}

/* What nobody reads is not computed. */
static void unread_positions_are_dropped(void **state)
{
    (void)state;
    struct lists l;
    lists_open(&l, "tests/net/field.yaml");
    static struct layout layout;
    const struct node *net = node_find(l.root, "mamay")->value;
    const struct task_shape shape = shape_of(net);
    const struct net_source from = { .list = node_find(net, "net")->value, .shape = &shape };
    struct net_graph g;
    struct err e = { 0 };
    memset(&layout, 0, sizeof layout);
    if (net_read(&g, &layout, NULL, &from, &l.arena, &e)) fail_msg("%s", e.text);
    int keys_and_values = 0; /* of which all positions are read */
    for (int i = 1; i < g.nodes; i++) {
        const bool sees_all = strstr(g.node[i].place, "repeat1.2.") && g.node[i].live.count == 4;
        const bool second = strstr(g.node[i].place, "repeat1.2.") && !sees_all;
        keys_and_values += sees_all;
        const bool sequence = g.node[i].out.form == NET_SEQUENCE;
        if (sequence) assert_int_equal(g.node[i].live.count, second ? 1 : 4);
        if (sequence && second) assert_int_equal(g.node[i].live.first, 3);
    }
    assert_int_equal(keys_and_values, 2);
    arena_release(&l.arena);
}

/* What no sweep file in tests/bad says: images, and words of unusual length. */
static void refuse(const char *x, const char *list, const char *said)
{
    static const char *const key[] = { "d", NULL };
    static const char *const value[] = { "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee", NULL };
    struct buf text = { 0 };
    struct err_list errors = { 0 };
    struct arena a = { 0 };
    struct err e = { 0 };
    struct net_graph g;
    size_t nodes = 0;
    bool used[1];
    static struct layout layout;
    buf_print(&text, "{x: %s, vocab: 9, classes: 3, net: %s}", x, list);
    const struct node *net = tree_load("", buf_chars(&text), text.length, &a, &nodes, &errors);
    assert_int_equal(errors.count, 0);
    const struct task_shape shape = shape_of(net);
    const struct net_source from = {
        .list = node_find(net, "net")->value, .shape = &shape, .key = key, .value = value, .used = used
    };
    memset(&layout, 0, sizeof layout);
    assert_int_equal(net_read(&g, &layout, NULL, &from, &a, &e), -1);
    if (!strstr(e.text, said)) fail_msg("%s: '%s', not '%s'", list, e.text, said);
    assert_int_equal(e.at.line, 1);
    buf_release(&text);
    arena_release(&a);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    refuse("image 1 2 2", "[maxpool 3, flatten, dense 3]",
           "a window of 3 x 3 does not fit into an image of 1 x 2 x 2");
    refuse("image 1 2 2", "[avgpool 0, flatten, dense 3]", "avgpool: a window has no pixels");
    refuse("image 1 2 2", "[conv 2, norm, flatten, dense 3]", "norm layer takes no image");
    refuse("image 1 2 2", "[conv 2, dense 3]", "and here are an image of 2 x 2 x 2");
    refuse("tokens 2", "['', flatten, dense 3]", "an operation has no name");
    refuse("tokens 2", "[embed 123456789012345678901234567890123456789012345678901234567890123456789]",
           "a word of more than 63 characters");
    refuse("tokens 2", "[embed $d$d]", "column 2: found 'aaaaaaaaaabbbbb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_of_the_field_have_their_weights),
        cmocka_unit_test(every_operation_is_in_a_small_list),
        cmocka_unit_test(two_spellings_are_one_network),
        cmocka_unit_test(unread_positions_are_dropped),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests_name("net_lists", tests, NULL, NULL);
}
