/* YAML as nodes: values, places, anchors, merge keys, and what is refused. */
#include "base/buf.h"
#include "sweep/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct err_list errors;
    const struct node *root;
};

static void load(struct fixture *f, const char *text)
{
    size_t nodes = 0;
    memset(f, 0, sizeof *f);
    f->root = tree_load("t.yaml", text, strlen(text), &f->arena, &nodes, &f->errors);
}

static void unload(struct fixture *f)
{
    err_list_release(&f->errors);
    arena_release(&f->arena);
}

/* {a:1@1:4,b:[x,y]}: merged entries carry a '+'. */
static void print_node(const struct node *n, struct buf *out)
{
    if (n->type == NODE_SCALAR) {
        buf_text(out, n->text);
        return;
    }
    buf_text(out, n->type == NODE_LIST ? "[" : "{");
    for (size_t i = 0; i < n->count; i++) {
        const struct node_entry *e = &n->entry[i];
        if (i) buf_text(out, ",");
        if (n->type == NODE_MAP) buf_print(out, "%s%s:", e->merged ? "+" : "", e->key);
        print_node(e->value, out);
    }
    buf_text(out, n->type == NODE_LIST ? "]" : "}");
}

static void check(const char *text, const char *want)
{
    struct fixture f;
    struct buf out = { 0 };
    load(&f, text);
    assert_int_equal(f.errors.seen, 0);
    assert_non_null(f.root);
    print_node(f.root, &out);
    assert_string_equal(buf_chars(&out), want);
    buf_release(&out);
    unload(&f);
}

/* want: the one error, without the file's name; goes_on: whether there is still a tree. */
static void check_error(const char *text, const char *want, bool goes_on)
{
    struct fixture f;
    char line[1000];
    load(&f, text);
    assert_int_equal(f.errors.seen, 1);
    assert_string_equal(err_text(&f.errors.item[0], line, sizeof line), want);
    assert_int_equal(f.root != NULL, goes_on);
    unload(&f);
}

static void test_values(void **state)
{
    (void)state;
    check("a: 1e-3\nb: [yes, ~, 'it''s', \"tab\\t\", 0x10]\nc: {}\nd: []\ne:\nf: |\n  two\n  lines\n",
          "{a:1e-3,b:[yes,~,it's,tab\t,0x10],c:{},d:[],e:,f:two\nlines\n}");
    check("word", "word");
    check("[a, {b: c}]", "[a,{b:c}]");
    check("a: !!str 5\nb: !!float 1\nc: ! x\n", "{a:5,b:1,c:x}");
    check("\xEF\xBB\xBF"
          "a: \xC3\xA9\n",
          "{a:\xC3\xA9}");
    check("%YAML 1.1\n---\na: 1\n...\n", "{a:1}");
}

static void check_mark(struct mark at, int line, int col)
{
    assert_int_equal(at.line, line);
    assert_int_equal(at.col, col);
}

static void test_marks(void **state)
{
    (void)state;
    struct fixture f;
    load(&f, "# head\n\xC3\xA9: &x [1,\n    22]\nk: *x\n");
    assert_non_null(f.root);
    check_mark(f.root->at, 2, 1);
    check_mark(f.root->entry[0].key_at, 2, 1);
    check_mark(f.root->entry[0].value->at, 2, 4);
    check_mark(f.root->entry[0].value->entry[0].value->at, 2, 8); /* columns count characters, not bytes */
    check_mark(f.root->entry[0].value->entry[1].value->at, 3, 5);
    assert_ptr_equal(f.root->entry[1].value, f.root->entry[0].value); /* shared, not copied */
    unload(&f);
}

static void test_find(void **state)
{
    (void)state;
    struct fixture f;
    load(&f, "{a: 1, b: [2]}");
    assert_string_equal(node_find(f.root, "a")->value->text, "1");
    assert_null(node_find(f.root, "c"));
    assert_null(node_find(node_find(f.root, "b")->value, "a"));
    unload(&f);
}

static void test_anchors(void **state)
{
    (void)state;
    check("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", "{a:1,b:1,c:2,d:2}"); /* the nearest before */
    check("a: &x {k: &y [1]}\nb: [*x, *y]\n", "{a:{k:[1]},b:[{k:[1]},[1]]}");
    check("a: &k key\n*k : 1\n", "{a:key,key:1}");
}

static void test_merges(void **state)
{
    (void)state;
    check("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3, z: 4}\n", "{a:{x:1,y:2},b:{+x:1,y:3,z:4}}");
    check("a: &a {x: 1, y: 2}\nb: {y: 3, <<: *a}\n", "{a:{x:1,y:2},b:{y:3,+x:1}}");
    check("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b], z: 0}\n", "{a:{x:1},b:{x:2,y:2},c:{+x:1,+y:2,z:0}}");
    check("a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, x: 9}\n", "{a:{x:1},b:{+x:1,y:2},c:{+y:2,x:9}}");
    check("{<<: {x: 1}}", "{+x:1}");
    check("{<<: []}", "{}");
}

static void test_errors(void **state)
{
    (void)state;
    check_error("", "t.yaml:1:1: the file is empty", false);
    check_error("# only this\n", "t.yaml:1:1: the file is empty", false);
    check_error("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: duplicate key 'a'; first given at line 1", true);
    check_error("a: &a 1\nb: {<<: *a}\n", "t.yaml:2:5: '<<' merges a map or a list of maps", true);
    check_error("a: &a {x: 1}\nb: {<<: *a, <<: *a}\n", "t.yaml:2:13: '<<' is given twice; merge a list: [*a, *b]",
                true);
    check_error("{[a]: 1}", "t.yaml:1:2: a key must be a single word, not a list", true);
    check_error("a: !x 1", "t.yaml:1:4: unknown tag '!x'; only plain YAML is read", true);
    check_error("a: !!set {}", "t.yaml:1:4: unknown tag 'tag:yaml.org,2002:set'; only plain YAML is read", true);
    check_error("a: &a {b: *a}", "t.yaml:1:11: '*a' stands inside what it refers to", false);
    check_error("a: *b", "t.yaml:1:4: unknown anchor 'b': no '&b' stands before", false);
    check_error("a: 1\n---\nb: 1\n", "t.yaml:2:1: a second document begins here; a sweep is one document", false);
    check_error("a: [1\n",
                "t.yaml:2:1: not valid YAML: did not find expected ',' or ']', while parsing a flow sequence that "
                "began at line 1",
                false);
    check_error("a: \"\\0\"\n", "t.yaml:1:4: a text may not hold a NUL character", true);
    check_error("ok: \xC3\xA9\nx: \xC0\x80\n",
                "t.yaml:2:4: not a text file in UTF-8: invalid length of a UTF-8 sequence", false);
    check_error("x: \xED\xA0\x80\n", "t.yaml:1:4: not a text file in UTF-8: invalid Unicode character", false);
    check_error("x: \x01\n", "t.yaml:1:4: not a text file in UTF-8: control characters are not allowed", false);
}

/* One mistake does not hide the next. */
static void test_all_errors(void **state)
{
    (void)state;
    struct fixture f;
    load(&f, "a: !x 1\na: *nobody\n{b: 1}: 2\n");
    assert_int_equal(f.errors.seen, 4); /* tag, anchor, key, duplicate */
    assert_null(f.root);
    unload(&f);
}

static void repeat(struct buf *b, const char *text, int times)
{
    for (int i = 0; i < times; i++) buf_text(b, text);
}

static void test_limits(void **state)
{
    (void)state;
    struct buf b = { 0 };
    repeat(&b, "[", 64);
    repeat(&b, "]", 64);
    check(buf_chars(&b), buf_chars(&b));
    buf_clear(&b);
    repeat(&b, "[", 65);
    check_error(buf_chars(&b), "t.yaml:1:65: nested more than 64 deep", false);
    buf_clear(&b);
    buf_text(&b, "- &a [1,1,1,1,1,1,1,1,1]\n");
    for (char c = 'b'; c < 'g'; c++) { /* c: an order of magnitude more */
        buf_print(&b, "- &%c [", c);
        for (int i = 0; i < 10; i++) buf_print(&b, "*%c,", c - 1);
        buf_text(&b, "]\n");
    }
    check_error(buf_chars(&b), "t.yaml:6:34: more than 1000000 values, counting what stands behind aliases", false);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_marks),  cmocka_unit_test(test_find),
        cmocka_unit_test(test_anchors),    cmocka_unit_test(test_merges), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_all_errors), cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
