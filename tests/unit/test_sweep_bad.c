/* The sweep floor: what is refused, and how.  The files of tests/bad hold one mistake each and the message it must
 * cause.
 */
#include "base/clock.h"
#include "sweep_schema.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOCKS                                                                                                       \
    "tasks: {add: {kind: modular, expr: a, p: 3}}\n"                                                                 \
    "models: {mlp: {kind: embed_mlp}}\n"                                                                             \
    "training: {adamw: {epochs: 10}}\n"
#define GRID "grids:\n- task: add\n  model: mlp\n  training: adamw\n"

static struct sweep *load_file(const char *path, struct arena *a, struct err_list *errors)
{
    return sweep_load(path, &test_schema, a, errors);
}

static struct sweep *load_bytes(const void *bytes, size_t length, struct arena *a, struct err_list *errors)
{
    char path[] = "/tmp/tombola-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), (ssize_t)length);
    close(fd);
    struct sweep *s = load_file(path, a, errors);
    unlink(path);
    return s;
}

/* ---- the table of bad files ---- */

static void print_errors(const struct err_list *errors, struct buf *out)
{
    for (size_t i = 0; i < errors->count; i++) {
        char line[1000];
        buf_print(out, "%s\n", err_text(&errors->item[i], line, sizeof line));
    }
}

/* Every expected text in its order; a line for each error, and lines for hints.  An error of another file than the
 * table's own begins with that file. */
static int compare_expected(const char *path, const struct err_list *errors)
{
    struct buf text = { 0 }, said = { 0 };
    size_t placed = 0, expected = 0;
    int wrong = 0;
    assert_true(buf_read_file(&text, path));
    print_errors(errors, &said);
    const char *from = buf_chars(&said);
    for (char *line = text.bytes; !strncmp(line, "# expect: ", 10);
         line += strcspn(line, "\n"), line += *line == '\n') {
        char want[600];
        snprintf(want, sizeof want, "%.*s", (int)strcspn(line + 10, "\n"), line + 10);
        const char *found = strstr(from, want);
        if (!found) print_message("%s: missing: %s\n", path, want);
        wrong |= !found;
        if (found) from = found + strlen(want);
        expected++;
        placed += (want[0] >= '0' && want[0] <= '9') || !strncmp(want, "parts/", 6);
    }
    if (expected == 0 || placed != errors->seen || wrong) {
        print_message("%s: %zu errors, %zu expected:\n%s", path, errors->seen, placed, buf_chars(&said));
        wrong = 1;
    }
    buf_release(&text);
    buf_release(&said);
    return wrong;
}

static void test_bad_files(void **state)
{
    (void)state;
    glob_t found;
    int wrong = 0;
    assert_int_equal(glob("tests/bad/*.yaml", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 50);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct arena a = { 0 };
        struct err_list errors = { 0 };
        assert_null(load_file(found.gl_pathv[i], &a, &errors));
        wrong += compare_expected(found.gl_pathv[i], &errors);
        for (size_t j = 0; j < errors.count; j++) {
            const char *file = errors.item[j].file;
            assert_true(!strcmp(file, found.gl_pathv[i]) || !strncmp(file, "tests/bad/parts/", 16));
            assert_int_equal(err_exit_code(&errors.item[j]), 2);
        }
        err_list_release(&errors);
        arena_release(&a);
    }
    globfree(&found);
    assert_int_equal(wrong, 0);
}

/* ---- files that cannot be read ---- */

static void check_unreadable(const char *path, const char *want)
{
    struct arena a = { 0 };
    struct err_list errors = { 0 };
    char line[1000];
    assert_null(load_file(path, &a, &errors));
    assert_int_equal(errors.seen, 1);
    assert_int_equal(errors.item[0].kind, ERR_IO);
    assert_string_equal(err_text(&errors.item[0], line, sizeof line), want);
    err_list_release(&errors);
    arena_release(&a);
}

static void test_unreadable(void **state)
{
    (void)state;
    check_unreadable("tests/bad/no-such-file.yaml",
                     "tests/bad/no-such-file.yaml: cannot be read: No such file or directory");
    check_unreadable("tests/bad", "tests/bad: cannot be read: Is a directory");
}

/* ---- hostile files: an error at once, in little memory ---- */

#ifdef __SANITIZE_ADDRESS__
enum { MOST_SECONDS = 10 };
#else
enum { MOST_SECONDS = 2 };
#endif

static void check_hostile(const struct buf *text, const char *want)
{
    struct arena a = { 0 };
    struct err_list errors = { 0 };
    double start = clock_cpu();
    struct sweep *s = load_bytes(text->bytes, text->length, &a, &errors);
    double seconds = clock_cpu() - start;
    assert_null(s);
    assert_true(errors.count > 0 && errors.count <= ERR_LIST_LIMIT);
    if (!strstr(errors.item[0].text, want)) print_message("%s\n", errors.item[0].text);
    assert_non_null(strstr(errors.item[0].text, want));
    if (seconds > MOST_SECONDS / 2 || a.peak > 64u << 20)
        print_message("%s: %.2f s, %zu bytes\n", want, seconds, a.peak);
    assert_true(seconds < MOST_SECONDS);
    assert_true(a.peak < 64u << 20);
    err_list_release(&errors);
    arena_release(&a);
}

static void repeat(struct buf *b, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++) buf_text(b, text);
}

static void test_hostile_yaml(void **state)
{
    (void)state;
    struct buf b = { 0 };
    repeat(&b, "k", 10 << 20);
    buf_text(&b, ": 1\n");
    check_hostile(&b, "longer than 1024 KiB");

    buf_clear(&b);
    repeat(&b, "k", 1000000);
    buf_text(&b, ": 1\n");
    check_hostile(&b, "");

    buf_clear(&b);
    buf_text(&b, "name: '");
    repeat(&b, "k", 1000000);
    buf_text(&b, "'\n" BLOCKS GRID);
    check_hostile(&b, "'name' may have at most 63 bytes, not 1000000");

    static const char *const nests[] = { "[", "{a: ", "- ", "? ", "!!seq [" };
    for (size_t i = 0; i < ARRAY_LEN(nests); i++) {
        buf_clear(&b);
        repeat(&b, nests[i], 100000);
        check_hostile(&b, "nested more than 64 deep");
    }

    buf_clear(&b);
    for (int i = 0; i < 20000; i++) buf_print(&b, "x-%d: &a%d 1\n", i, i);
    check_hostile(&b, "more than 1000 anchors");

    buf_clear(&b);
    buf_text(&b, "x-0: &m {");
    for (int i = 0; i < 1000; i++) buf_print(&b, "k%d: 1, ", i);
    buf_text(&b, "}\nx-1: [");
    repeat(&b, "{<<: *m}, ", 10000);
    buf_text(&b, "]\n");
    check_hostile(&b, "more than 1000000 values");
    buf_release(&b);
}

static void test_hostile_sweeps(void **state)
{
    (void)state;
    struct buf b = { 0 };
    buf_text(&b, BLOCKS GRID "  seed: [");
    repeat(&b, "0,", 400000);
    buf_text(&b, "]\n");
    check_hostile(&b, "0 is given twice");

    buf_clear(&b);
    buf_text(&b, BLOCKS GRID);
    for (int i = 0; i < 60000; i++) buf_print(&b, "  key%d: 0\n", i);
    check_hostile(&b, "unknown key 'key0'");

    buf_clear(&b);
    buf_text(&b, "tasks:\n");
    for (int i = 0; i < 15000; i++) buf_print(&b, "  b%d: {kind: nothing}\n", i);
    buf_text(&b, "models: {mlp: {kind: embed_mlp}}\ntraining: {adamw: {epochs: 10}}\ngrids:\n");
    for (int i = 0; i < 9000; i++) buf_print(&b, "- {task: q%d, model: mlp, training: adamw}\n", i);
    check_hostile(&b, "'q0' is not in 'tasks'");

    buf_clear(&b);
    buf_text(&b, "tasks: {add: {kind: nothing}}\nmodels: {mlp: {kind: embed_mlp}}\ntraining:\n");
    for (int i = 0; i < 30000; i++) buf_print(&b, "  b%d: {use: b%d}\n", i, (i + 1) % 30000);
    buf_text(&b, "grids: [{task: add, model: mlp, training: b7}]\n");
    check_hostile(&b, "more than 32 blocks use one another");

    buf_clear(&b);
    buf_text(&b, BLOCKS GRID
             "  seed: {from: 0, to: 999999, step: 1}\n  k: {from: 0, to: 0.999999, step: 1e-6}\n  exclude:\n");
    for (int i = 0; i < 9999; i++) buf_print(&b, "  - {seed: %d, k: 0.%06d}\n", i, i);
    buf_text(&b, "  - {k: 2}\n");
    check_hostile(&b, "'k' is 2, outside [0, 1)");

    buf_clear(&b);
    buf_text(&b, BLOCKS GRID "  seed: [0, 1]\n  exclude:\n");
    repeat(&b, "  - {seed: 0}\n", 10001);
    check_hostile(&b, "10001 entries; at most 10000 are allowed");

    buf_clear(&b);
    buf_text(&b, BLOCKS
             "grids: [{task: add, model: [mlp, {kind: wide}], training: adamw, model.activation: [relu, gelu]}]");
    check_hostile(&b, "'activation' is one list for one block and several values for another");

    /* every choice of seed, k, learning rate and decay leaves another set of entries to the last axis */
    static const char *const axis[] = { "seed", "k", "training.lr", "training.weight_decay" };
    buf_clear(&b);
    buf_text(&b, BLOCKS GRID
             "  control: [dense, ticket]\n  seed: {from: 0, to: 999, step: 1}\n"
             "  k: {from: 0, to: 0.999, step: 0.001}\n  training.lr: {from: 0, to: 0.999, step: 0.001}\n"
             "  training.weight_decay: {from: 0, to: 999, step: 1}\n  scope: [global, tensor]\n  exclude:\n");
    for (int i = 0; i < 200; i++)
        for (size_t j = 0; j < ARRAY_LEN(axis); j++)
            buf_print(&b, "  - {%s: %s%0*d, scope: global}\n", axis[j], j % 3 ? "0." : "", j % 3 ? 3 : 0, i);
    check_hostile(&b, "the entries overlap in too many ways to count what they leave");
    buf_release(&b);
}

/* Many entries that overlap: each alone cuts one plane out of a large grid. */
static void test_overlapping_excludes(void **state)
{
    (void)state;
    struct buf b = { 0 };
    struct arena a = { 0 };
    struct err_list errors = { 0 };
    buf_text(&b, BLOCKS GRID
             "  seed: {from: 0, to: 9999, step: 1}\n  k: {from: 0, to: 0.9999, step: 1e-4}\n  exclude:\n");
    for (int i = 0; i < 1000; i++) buf_print(&b, "  - {seed: %d}\n  - {k: 0.%04d}\n", i, i);
    double start = clock_cpu();
    struct sweep *s = load_bytes(b.bytes, b.length, &a, &errors);
    assert_true(clock_cpu() - start < 2);
    assert_non_null(s);
    assert_int_equal(sweep_grid_points(s, 0), 81000000);
    arena_release(&a);
    buf_release(&b);
}

/* ---- mutated files: any verdict, no crash ---- */

static uint32_t next_random(uint32_t *r)
{
    *r = *r * 1664525 + 1013904223;
    return *r >> 8;
}

static int visit_some(void *ctx, const struct sweep_point *p)
{
    for (size_t i = 0; i < p->keys; i++) assert_true(strlen(p->key[i].text) > 0 && p->key[i].at.line > 0);
    return ++*(int *)ctx > 1000;
}

static void mutate(struct buf *b, uint32_t *r)
{
    static const char *const pieces[] = { "[",
                                          "]",
                                          "{",
                                          "}",
                                          ": ",
                                          "- ",
                                          ",",
                                          "\n",
                                          "  ",
                                          "&a ",
                                          "*a",
                                          "<<",
                                          "zip",
                                          "'",
                                          "\"",
                                          "exclude",
                                          "1e9",
                                          "-1",
                                          "model.d_hidden",
                                          "use: adamw",
                                          "~",
                                          "from",
                                          "step",
                                          "!!str ",
                                          "\xff",
                                          "#",
                                          "include: [{k: 0.5}]",
                                          "|",
                                          "%" };
    size_t at = next_random(r) % (b->length + 1), cut = next_random(r) % 12;
    struct buf out = { 0 };
    if (cut > b->length - at) cut = b->length - at;
    buf_add(&out, b->bytes, at);
    if (next_random(r) % 3) buf_text(&out, pieces[next_random(r) % ARRAY_LEN(pieces)]);
    if (next_random(r) % 2) cut = 0;
    buf_add(&out, b->bytes + at + cut, b->length - at - cut);
    buf_release(b);
    *b = out;
}

static void test_mutations(void **state)
{
    (void)state;
    static const char rich[] =
        "x-b: &b {task: add, model: mlp, training: {use: adamw, lr: 0.5}}\n" BLOCKS
        "record: {eval_every: 5, measures: [norms]}\ngrids:\n- <<: *b\n  name: one\n  zip: [[seed, t], [k, "
        "model.d_hidden]]\n"
        "  seed: [1, 2]\n  t: [mem, 5]\n  k: {from: 0, to: 0.2, step: 0.1}\n  model.d_hidden: [1, 2, 3]\n"
        "  control: [dense, ticket, l1]\n  exclude: [{seed: 1, control: l1}, {k: 0.1}]\n"
        "  include: [{k: [0.5, 0.6], record: {threshold: 0.5}}, {model: {kind: wide}, model.width: 3}]\n";
    uint32_t r = 2026;
    size_t accepted = 0;
    for (int round = 0; round < 3000; round++) {
        struct buf b = { 0 };
        struct arena a = { 0 };
        struct err_list errors = { 0 };
        buf_text(&b, round % 2 ? rich : paper_text);
        for (unsigned n = 1 + next_random(&r) % 4; n > 0; n--) mutate(&b, &r);
        struct sweep *s = load_bytes(b.bytes, b.length, &a, &errors);
        assert_true(!s == (errors.seen > 0));
        for (size_t g = 0, visited = 0; s && g < sweep_grids(s); g++)
            sweep_expand(s, g, visit_some, &(int){ (int)visited });
        accepted += s != NULL;
        err_list_release(&errors);
        arena_release(&a);
        buf_release(&b);
    }
    assert_true(accepted > 100 && accepted < 2500); /* both verdicts were tried */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_hostile_yaml),
        cmocka_unit_test(test_hostile_sweeps),
        cmocka_unit_test(test_overlapping_excludes),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests_name("sweep_bad", tests, NULL, NULL);
}
