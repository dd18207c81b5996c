/* The sweep floor: a sweep made of several files.  What is refused about them is in tests/bad. */
#include "base/buf.h"
#include "sweep_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MODELS "models: {mlp: {kind: embed_mlp}}\ntraining: {adamw: {epochs: 10}}\n"
#define REST   "model: mlp, training: adamw"

struct folder {
    char path[64];
    struct arena arena;
    struct err_list errors;
};

static void in_folder(const struct folder *f, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", f->path, name);
}

static void put(const struct folder *f, const char *name, const char *text)
{
    char path[128];
    in_folder(f, name, path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static int open_folder(void **state)
{
    struct folder *f = *state = calloc(1, sizeof *f);
    char inner[128];
    assert_non_null(f);
    snprintf(f->path, sizeof f->path, "/tmp/tombola-test-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    in_folder(f, "inner", inner);
    return mkdir(inner, 0700);
}

static int close_folder(void **state)
{
    struct folder *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", f->path);
    arena_release(&f->arena);
    err_list_release(&f->errors);
    const int rc = system(command);
    free(f);
    return rc;
}

static struct sweep *load(struct folder *f, const char *name)
{
    char path[128], line[1000];
    in_folder(f, name, path);
    struct sweep *s = sweep_load(path, &test_schema, &f->arena, &f->errors);
    for (size_t i = 0; i < f->errors.count; i++)
        print_message("%s\n", err_text(&f->errors.item[i], line, sizeof line));
    return s;
}

static int print_point(void *ctx, const struct sweep_point *p)
{
    struct buf *out = ctx;
    const struct sweep_part *record = &p->part[RECORD];
    for (size_t i = 0; i < p->part[TASK].count; i++)
        if (!strcmp(p->part[TASK].value[i].field->key, "p")) buf_print(out, "p=%s", p->part[TASK].value[i].text);
    for (size_t i = 0; i < record->count; i++)
        buf_print(out, ",%s=%s", record->value[i].field->key, record->value[i].text);
    buf_text(out, " ");
    return 0;
}

/* "file:grid:what its points are": the file's own name first, then the grid's. */
static void check(const struct sweep *s, size_t grid, const char *want)
{
    struct buf text = { 0 };
    buf_print(&text, "%s:%s: ", sweep_grid_file(s, grid)->name, sweep_grid_name(s, grid));
    assert_int_equal(sweep_expand(s, grid, print_point, &text), 0);
    assert_string_equal(buf_chars(&text), want);
    buf_release(&text);
}

/* Every file has a block `add` and a record of its own, and nothing of them is seen elsewhere. */
static void files_keep_to_themselves(void **state)
{
    struct folder *f = *state;
    struct sweep_part block;
    put(f, "all.yaml",
        "include: [inner/first.yaml, second.yaml]\ntasks: {add: {kind: modular, expr: a, p: 2}}\n" MODELS
        "grids: [{name: own, task: add, " REST ", record: {threshold: 0.5}}]\n");
    put(f, "inner/first.yaml",
        "name: one\ninclude: [last.yaml]\ntasks: {add: {kind: modular, expr: a, p: 3}}\n" MODELS
        "record: {eval_every: 7}\ngrids: [{task: add, " REST ", seed: [1, 2]}]\n");
    put(f, "inner/last.yaml",
        "name: last\ntasks: {add: {kind: modular, expr: a, p: 5}}\n" MODELS "grids: [{name: last, task: add, " REST
        "}]\n");
    put(f, "second.yaml",
        "tasks: {add: {kind: modular, expr: a, p: 7}, more: {kind: nothing}}\n" MODELS
        "record: {eval_every: 9}\ngrids: [{name: x, task: add, " REST "}]\n");
    const struct sweep *s = load(f, "all.yaml");
    assert_non_null(s);
    assert_string_equal(sweep_name(s), "all");
    assert_int_equal(sweep_grids(s), 4);
    check(s, 0, "all:own: p=2,threshold=0.5 ");
    check(s, 1, "one:grid1: p=3,eval_every=7 p=3,eval_every=7 ");
    check(s, 2, "last:last: p=5 ");
    check(s, 3, "second:x: p=7,eval_every=9 ");
    assert_int_equal(sweep_grid_points(s, 1), 2);
    assert_int_equal(sweep_grid_mark(s, 2).line, 5);
    assert_false(sweep_block(s, 2, "tasks", "more", &block));
    assert_true(sweep_block(s, 3, "tasks", "more", &block));
    assert_int_equal(sweep_files(s), 4);
    assert_string_equal(sweep_file(s, 0)->name, "all");
    assert_string_equal(sweep_file(s, 1)->name, "one");
    assert_true(!strncmp(sweep_file(s, 2)->text, "name: last\n", 11));
    assert_non_null(strstr(sweep_file(s, 2)->path, "/inner/last.yaml"));
    assert_ptr_equal(sweep_grid_file(s, 3), sweep_file(s, 3));
}

/* An anchor is of its file, and an absolute path starts nowhere. */
static void files_without_grids(void **state)
{
    struct folder *f = *state;
    struct buf text = { 0 };
    buf_print(&text, "name: all\ninclude:\n- %s/inner/../first.yaml\n", f->path);
    put(f, "all.yaml", buf_chars(&text));
    put(f, "first.yaml",
        "x-a: &a {kind: modular, expr: a, p: 3}\ntasks: {add: *a}\n" MODELS "grids: [{name: x, task: add, " REST
        "}]\n");
    const struct sweep *s = load(f, "all.yaml");
    assert_non_null(s);
    check(s, 0, "first:x: p=3 ");
    buf_release(&text);
}

static void expect(struct folder *f, size_t errors, const char *text)
{
    assert_null(load(f, "all.yaml"));
    assert_int_equal(f->errors.seen, errors);
    assert_non_null(strstr(f->errors.item[errors - 1].text, text));
    err_list_release(&f->errors);
}

static void chain(struct folder *f, int first, int last, const char *more)
{
    for (int i = first; i < last; i++) {
        char name[32], text[256];
        snprintf(name, sizeof name, "f%d.yaml", i);
        snprintf(text, sizeof text, "include: [f%d.yaml]\n%s", i + 1, more);
        put(f, i ? name : "all.yaml", text);
    }
}

static void limits(void **state)
{
    struct folder *f = *state;
    chain(f, 0, 100, "");
    expect(f, 1, "more than 100 files");
    put(f, "f99.yaml", "tasks: {add: {kind: modular, expr: a, p: 3}}\n" MODELS "grids: [{task: add, " REST "}]\n");
    assert_non_null(load(f, "all.yaml"));

    struct buf text = { 0 };
    buf_text(&text, "include: [first.yaml, second.yaml]\n");
    put(f, "all.yaml", buf_chars(&text));
    buf_clear(&text);
    buf_text(&text,
             "tasks: {add: {kind: modular, expr: a, p: 3}}\n" MODELS "grids: [{name: x, task: add, " REST "}]\n");
    for (int i = 0; i < 10000; i++)
        buf_text(&text, "# a comment that makes a file of half a MiB, sixty letters a line\n");
    put(f, "first.yaml", buf_chars(&text));
    put(f, "second.yaml", buf_chars(&text));
    expect(f, 1, "longer than 1024 KiB, with the files before");

    buf_clear(&text);
    buf_text(&text, "x-0: &a [");
    for (int i = 0; i < 1000; i++) buf_text(&text, "1,");
    buf_text(&text, "]\nx-1: [");
    for (int i = 0; i < 600; i++) buf_text(&text, "*a,");
    buf_text(&text, "]\ntasks: {add: {kind: modular, expr: a, p: 3}}\n" MODELS "grids: [{task: add, " REST "}]\n");
    put(f, "first.yaml", buf_chars(&text));
    put(f, "second.yaml", buf_chars(&text));
    expect(f, 1, "more than 1000000 values");

    for (int file = 0; file < 2; file++) {
        buf_clear(&text);
        buf_text(&text, "tasks: {add: {kind: modular, expr: a, p: 3}}\n" MODELS "grids:\n");
        for (int i = 0; i < 5001; i++) buf_print(&text, "- {name: %d-%d, task: add, " REST "}\n", file, i);
        put(f, file ? "second.yaml" : "first.yaml", buf_chars(&text));
    }
    expect(f, 1, "more than 10000 grids");
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_keep_to_themselves, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(files_without_grids, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(limits, open_folder, close_folder),
    };
    return cmocka_run_group_tests_name("sweep_files", tests, NULL, NULL);
}
