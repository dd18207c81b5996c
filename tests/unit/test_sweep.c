/* The sweep floor: what a file means.  Errors are in test_sweep_bad.c. */
#include "base/clock.h"
#include "sweep_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Blocks that the tests' grids draw from. */
#define BLOCKS                                                                                                       \
    "tasks: {add: &add {kind: modular, expr: a + b, p: 3}, mul: {<<: *add, expr: a * b}}\n"                          \
    "models: {mlp: {kind: embed_mlp, d_hidden: 48}, wide: {kind: wide}}\n"                                           \
    "training: {adamw: {epochs: 10}}\n"
#define GRID "grids:\n- task: add\n  model: mlp\n  training: adamw\n"

struct fixture {
    char path[64];
    struct arena arena;
    struct err_list errors;
    struct sweep *sweep;
};

static void load(struct fixture *f, const char *text)
{
    memset(f, 0, sizeof *f);
    snprintf(f->path, sizeof f->path, "/tmp/tombola-test-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    f->sweep = sweep_load(f->path, &test_schema, &f->arena, &f->errors);
    unlink(f->path);
    for (size_t i = 0; i < f->errors.count; i++) {
        char line[1000];
        print_message("%s\n", err_text(&f->errors.item[i], line, sizeof line));
    }
    assert_non_null(f->sweep);
    assert_int_equal(f->errors.seen, 0);
}

static void unload(struct fixture *f)
{
    err_list_release(&f->errors);
    arena_release(&f->arena);
}

/* ---- points as text ---- */

struct dump {
    struct buf text;
    const char *keys; /* what to print of each point: "seed model.d_hidden model" */
    uint64_t points;
};

static void dump_word(struct dump *d, const struct sweep_point *p, const char *word, size_t length)
{
    const char *dot = memchr(word, '.', length);
    size_t head = dot ? (size_t)(dot - word) : length;
    for (size_t i = 0; i < p->keys; i++)
        if (strlen(p->key[i].field->key) == length && !memcmp(p->key[i].field->key, word, length))
            buf_text(&d->text, p->key[i].text);
    for (size_t s = 0; s < SECTIONS; s++) {
        const struct sweep_part *part = &p->part[s];
        if (strlen(schema_sections[s].name) != head || memcmp(schema_sections[s].name, word, head)) continue;
        if (!dot) buf_text(&d->text, part->name ? part->name : "-");
        for (size_t i = 0; dot && i < part->count; i++)
            if (strlen(part->value[i].field->key) == length - head - 1 &&
                !memcmp(part->value[i].field->key, dot + 1, length - head - 1))
                buf_text(&d->text, part->value[i].text);
    }
}

static int dump_point(void *ctx, const struct sweep_point *p)
{
    struct dump *d = ctx;
    if (d->points++) buf_text(&d->text, " | ");
    for (const char *s = d->keys; *s; s += strcspn(s, " "), s += strspn(s, " ")) {
        if (s != d->keys) buf_text(&d->text, ",");
        dump_word(d, p, s, strcspn(s, " "));
    }
    for (size_t i = 1; i < p->keys; i++) assert_true(strcmp(p->key[i - 1].field->key, p->key[i].field->key) < 0);
    return 0;
}

static void check_grid(const struct sweep *s, size_t grid, const char *keys, const char *want)
{
    struct dump d = { .keys = keys };
    assert_int_equal(sweep_expand(s, grid, dump_point, &d), 0);
    assert_string_equal(buf_chars(&d.text), want);
    assert_int_equal(d.points, sweep_grid_points(s, grid));
    buf_release(&d.text);
}

static void check(const char *text, const char *keys, const char *want)
{
    struct fixture f;
    load(&f, text);
    check_grid(f.sweep, 0, keys, want);
    unload(&f);
}

/* ---- tests ---- */

static void test_paper(void **state)
{
    (void)state;
    struct fixture f;
    load(&f, paper_text);
    assert_string_equal(sweep_name(f.sweep), "paper-fig5");
    assert_int_equal(sweep_files(f.sweep), 1);
    assert_string_equal(sweep_file(f.sweep, 0)->text, paper_text);
    assert_string_equal(sweep_file(f.sweep, 0)->path, f.path);
    assert_int_equal(sweep_grids(f.sweep), 3);
    assert_string_equal(sweep_grid_name(f.sweep, 2), "critical-k");
    assert_int_equal(sweep_grid_mark(f.sweep, 1).line, 19);
    assert_int_equal(sweep_grid_points(f.sweep, 0), 45);
    assert_int_equal(sweep_grid_points(f.sweep, 1), 12);
    check_grid(f.sweep, 2, "k training.weight_decay parent_training.weight_decay record.measures checkpoint.every",
               "0.8,0,1,[norms],2000 | 0.81,0,1,[norms],2000 | 0.82,0,1,[norms],2000 | 0.83,0,1,[norms],2000 | "
               "0.84,0,1,[norms],2000 | 0.85,0,1,[norms],2000 | 0.86,0,1,[norms],2000 | 0.87,0,1,[norms],2000 | "
               "0.88,0,1,[norms],2000 | 0.89,0,1,[norms],2000");
    unload(&f);
}

/* The parts of a point in full: kinds, given keys in order, places and paths. */
static int look_at_parts(void *ctx, const struct sweep_point *p)
{
    (void)ctx;
    const struct sweep_part *model = &p->part[MODEL], *training = &p->part[TRAINING];
    assert_ptr_equal(model->kind, &kind_mlp);
    assert_int_equal(model->count, 5 - 1);
    assert_string_equal(model->value[0].field->key, "activation");
    assert_string_equal(model->value[3].text, "1");
    assert_string_equal(model->value[3].path, "models.mlp.init_scale");
    assert_int_equal(model->value[3].at.line, 5);
    assert_int_equal(model->at.line, 29);
    assert_string_equal(training->name, "adamw");
    assert_string_equal(training->value[0].field->key, "betas");
    assert_string_equal(training->value[0].text, "[0.9,0.98]");
    assert_string_equal(training->value[4].path, "grids[2].training.weight_decay");
    assert_string_equal(p->part[PARENT].value[4].path, "training.adamw.weight_decay");
    assert_null(p->part[INIT].name);
    assert_non_null(p->part[RECORD].name);
    assert_string_equal(p->key[0].path, "grids[2].k");
    assert_int_equal(p->grid, 2);
    return 7;
}

static void test_parts(void **state)
{
    (void)state;
    struct fixture f;
    load(&f, paper_text);
    assert_int_equal(sweep_expand(f.sweep, 2, look_at_parts, NULL), 7); /* and stops */
    unload(&f);
}

static void test_kinds_may_stand_for_blocks(void **state)
{
    (void)state;
    check("controls: {mean: {kind: l2, norm_of: tensors}, l1: {kind: l1, norm_of: tensors}}\n" BLOCKS GRID
          "  control: [ticket, mean, l1, {use: l2, norm_of: vector}]\n",
          "control control.norm_of", "ticket, | mean,tensors | l1,tensors | l2,vector");
    check(BLOCKS GRID "  control: [l1, l2]\n  control.norm_of: [tensors, vector]\n  exclude: [{control: l1}]\n",
          "control control.norm_of", "l2,tensors | l2,vector");
}

static void test_order(void **state)
{
    (void)state;
    check(BLOCKS GRID "  seed: [2, 1]\n  scope: [tensor, global]\n  k: 0.5\n", "seed scope k",
          "2,tensor,0.5 | 2,global,0.5 | 1,tensor,0.5 | 1,global,0.5");
}

static void test_scalars_are_typed_by_the_schema(void **state)
{
    (void)state;
    check(BLOCKS GRID "  seed: [1e4, 007, '3']\n  k: [5e-1, .25, 0.10]\n  t: 2e3\n", "seed k t",
          "10000,0.5,2000 | 10000,0.25,2000 | 10000,0.1,2000 | 7,0.5,2000 | 7,0.25,2000 | 7,0.1,2000 | "
          "3,0.5,2000 | 3,0.25,2000 | 3,0.1,2000");
}

static void test_ranges(void **state)
{
    (void)state;
    check(BLOCKS GRID "  k: {from: 0.8, to: 0.9, step: 0.025}\n", "k", "0.8 | 0.825 | 0.85 | 0.875 | 0.9");
    check(BLOCKS GRID "  k: {from: 0.3, to: 0, step: -1e-1}\n", "k", "0.3 | 0.2 | 0.1 | 0");
    check(BLOCKS GRID "  k: {from: 1e-5, to: 3.5e-5, step: 1e-5}\n", "k", "1e-05 | 2e-05 | 3e-05");
    check(BLOCKS GRID "  seed: {from: 1e3, to: 1001, step: 1}\n", "seed", "1000 | 1001");
    check(BLOCKS GRID "  seed: {from: 4, to: 4, step: -3}\n", "seed", "4");
    check(BLOCKS GRID "  model.init_scale: {from: 0.5, to: 1.5, step: 0.5}\n", "model.init_scale", "0.5 | 1 | 1.5");
    check(BLOCKS GRID "  t: {from: 0, to: 200, step: 100}\n", "t", "0 | 100 | 200");
}

/* A search is a range whose points know what was tried before them. */
static int dump_search(void *ctx, const struct sweep_point *p)
{
    const struct sweep_value *k = &p->key[0];
    buf_print(ctx, "%s<%s:%s ", k->text, k->before ? k->before->text : "", k->goal ? k->goal : "");
    return 0;
}

static void check_search(const char *text, const char *want)
{
    struct fixture f;
    struct buf found = { 0 };
    load(&f, text);
    assert_int_equal(sweep_expand(f.sweep, 0, dump_search, &found), 0);
    assert_string_equal(buf_chars(&found), want);
    buf_release(&found);
    unload(&f);
}

static void test_search(void **state)
{
    (void)state;
    check_search(BLOCKS GRID "  k: {search: [0.8, 0.89], step: 0.03, until: mem}\n",
                 "0.8<:mem 0.83<0.8:mem 0.86<0.83:mem 0.89<0.86:mem ");
    check_search(BLOCKS GRID "  k: {search: [0, 0.1], step: 0.1}\n  seed: [0, 1]\n",
                 "0<:gen 0<:gen 0.1<0:gen 0.1<0:gen ");
    check_search(BLOCKS GRID "  k: {search: [0, 0.2], step: 0.1}\n  exclude: [{k: 0.1}]\n", "0<:gen 0.2<0.1:gen ");
    check_search(BLOCKS GRID "  k: {from: 0, to: 0.2, step: 0.1}\n", "0<: 0.1<: 0.2<: ");
}

static void test_dotted(void **state)
{
    (void)state;
    check(BLOCKS GRID "  model.d_hidden: [24, 48]\n  training.lr: [1e-2, 1e-3]\n", "model model.d_hidden training.lr",
          "mlp,24,0.01 | mlp,24,0.001 | mlp,48,0.01 | mlp,48,0.001");
    check(BLOCKS GRID "  training.betas: [0.9, 0.98]\n", "training.betas", "[0.9,0.98]");
    check(BLOCKS GRID "  training.betas: [[0.9, 0.98], [0.9, 0.999]]\n", "training.betas",
          "[0.9,0.98] | [0.9,0.999]");
    check(BLOCKS GRID "  record.eval_every: 5\n  record.measures: [norms, fourier]\n",
          "record.eval_every record.measures", "5,[norms,fourier]");
}

/* A dotted key means each kind's own field. */
static void test_dotted_over_kinds(void **state)
{
    (void)state;
    check(BLOCKS "grids:\n- task: add\n  training: adamw\n  model: [mlp, wide]\n  model.init_scale: [1, 2.0]\n",
          "model model.init_scale model.d_hidden", "mlp,1,48 | mlp,2,48 | wide,1, | wide,2,");
}

static void test_sections(void **state)
{
    (void)state;
    check(BLOCKS "grids:\n- task: [add, mul, {use: mul, p: 7}, {<<: *add, p: 5}]\n  model: mlp\n"
                 "  training: {epochs: 3}\n  init: {file: x.h5}\n",
          "task task.p task.expr training training.epochs init.file",
          "add,3,a + b,,3,x.h5 | mul,3,a * b,,3,x.h5 | mul,7,a * b,,3,x.h5 | ,5,a + b,,3,x.h5");
    check(BLOCKS GRID "  init: [{file: a.h5}, {file: b.h5}]\n", "init.file", "a.h5 | b.h5");
    check(BLOCKS GRID "  init.file: [a.h5, b.h5]\n", "init.file", "a.h5 | b.h5");
    /* a block may use a block, in any order, and complete one that is not complete */
    check("tasks: {t: {kind: nothing}}\ntraining: {b: {use: a, lr: 0.5}, a: {weight_decay: 1}}\nmodels: {m: {kind: "
          "wide}}\n"
          "grids:\n- {task: t, model: m, training: b, training.epochs: [1, 2]}\n",
          "training training.lr training.weight_decay training.epochs", "b,0.5,1,1 | b,0.5,1,2");
}

static void test_shared(void **state)
{
    (void)state;
    check(BLOCKS "record: {eval_every: 10, threshold: 0.9}\n" GRID "  record: {eval_every: 20}\n"
                 "  checkpoint: {at: [1, 5]}\n  include: [{record: {threshold: 0.5}}]\n",
          "record.eval_every record.threshold checkpoint.at", "20,0.9,[1,5] | 20,0.5,[1,5]");
}

static void test_zip(void **state)
{
    (void)state;
    check(BLOCKS GRID "  zip: [seed, t]\n  seed: [0, 1, 1]\n  k: [0.1, 0.2]\n  t: [5, mem, gen]\n", "seed k t",
          "0,0.1,5 | 0,0.2,5 | 1,0.1,mem | 1,0.2,mem | 1,0.1,gen | 1,0.2,gen");
    check(BLOCKS
          "grids:\n- zip: [[task, model.d_hidden], [seed, k]]\n  task: [add, mul]\n  model: mlp\n  training: adamw\n"
          "  model.d_hidden: [24, 48]\n  seed: {from: 0, to: 1, step: 1}\n  k: [0, 0.5]\n",
          "task model.d_hidden seed k", "add,24,0,0 | add,24,1,0.5 | mul,48,0,0 | mul,48,1,0.5");
}

static void test_exclude(void **state)
{
    (void)state;
    check(BLOCKS GRID "  seed: [0, 1]\n  k: [0.8, 0.9]\n  exclude: [{k: 0.90, seed: 1e0}]\n", "seed k",
          "0,0.8 | 0,0.9 | 1,0.8");
    check(BLOCKS
          "grids:\n- task: [add, mul]\n  model: mlp\n  training: adamw\n  seed: [0, 1]\n"
          "  model.init_scale: [1, 2]\n  exclude: [{task: mul, model.init_scale: 2.0}, {seed: 0, task: add}]\n",
          "task seed model.init_scale", "add,1,1 | add,1,2 | mul,0,1 | mul,1,1");
    /* constants may be named; tied keys match together; a range matches by number */
    check(BLOCKS GRID "  zip: [seed, t]\n  seed: [0, 0, 1]\n  t: [1, 2, 2]\n  k: {from: 0, to: 0.3, step: 0.1}\n"
                      "  exclude: [{task: add, k: 0.30}, {k: 0.2}, {seed: 0, t: 2}, {k: 1e-1}]\n",
          "seed t k", "0,1,0 | 1,2,0");
}

static void test_include(void **state)
{
    (void)state;
    check(BLOCKS GRID "  seed: [0, 1]\n  k: [0.1, 0.2]\n  exclude: [{k: 0.2}]\n"
                      "  include: [{k: [0.5, 0.6], seed: 7}, {model.d_hidden: 3, k: 0}, {model: wide}]\n",
          "seed k model model.d_hidden",
          "0,0.1,mlp,48 | 1,0.1,mlp,48 | 7,0.5,mlp,48 | 7,0.6,mlp,48 | 0,0,mlp,3 | 1,0,mlp,3 | "
          "0,0.1,wide, | 0,0.2,wide, | 1,0.1,wide, | 1,0.2,wide,");
    /* a replaced key leaves its zip; a dotted axis stays and means the new block's field */
    check(BLOCKS GRID "  zip: [seed, t]\n  seed: [0, 1]\n  t: [5, 6]\n  model.init_scale: [1, 2]\n"
                      "  include: [{seed: 9}, {model: wide, t: 3}]\n",
          "seed t model.init_scale model",
          "0,5,1,mlp | 0,5,2,mlp | 1,6,1,mlp | 1,6,2,mlp | 9,5,1,mlp | 9,5,2,mlp | 9,6,1,mlp | 9,6,2,mlp | "
          "0,3,1,wide | 0,3,2,wide | 1,3,1,wide | 1,3,2,wide");
}

static void test_anchors(void **state)
{
    (void)state;
    check("x-base: &base {task: add, model: mlp, training: &tr {use: adamw, lr: 0.5}}\n"
          "x-seeds: &seeds [3, 4]\n" BLOCKS "grids:\n- <<: *base\n  training: {<<: *tr, batch: 8}\n  seed: *seeds\n",
          "task training.lr training.batch seed", "add,0.5,8,3 | add,0.5,8,4");
}

static void test_names(void **state)
{
    (void)state;
    struct fixture f;
    load(&f, BLOCKS GRID
         "- {name: x, task: add, model: mlp, training: adamw}\n- {task: add, model: mlp, training: adamw}\n");
    assert_string_equal(sweep_grid_name(f.sweep, 0), "grid1");
    assert_string_equal(sweep_grid_name(f.sweep, 1), "x");
    assert_string_equal(sweep_grid_name(f.sweep, 2), "grid3");
    assert_string_equal(sweep_name(f.sweep), strrchr(f.path, '/') + 1);
    unload(&f);
}

/* ---- serials: equal serials promise equal parts, and parts that do not move keep theirs ---- */

struct serials {
    struct buf text[SECTIONS][64];
    size_t distinct[SECTIONS];
};

static int note_serials(void *ctx, const struct sweep_point *p)
{
    struct serials *seen = ctx;
    for (size_t s = 0; s < SECTIONS; s++) {
        const struct sweep_part *part = &p->part[s];
        struct buf text = { 0 };
        if (!part->name) continue;
        buf_print(&text, "%s(%s)", part->name, part->kind ? part->kind->name : "");
        for (size_t i = 0; i < part->count; i++)
            buf_print(&text, " %s=%s", part->value[i].field->key, part->value[i].text);
        assert_true(part->serial < 64);
        struct buf *known = &seen->text[s][part->serial];
        if (!known->length) {
            buf_text(known, buf_chars(&text));
            seen->distinct[s]++;
        }
        assert_string_equal(buf_chars(known), buf_chars(&text));
        buf_release(&text);
    }
    return 0;
}

static void test_serials(void **state)
{
    (void)state;
    struct fixture f;
    struct serials seen = { 0 };
    load(&f, BLOCKS "record: {eval_every: 2}\ngrids:\n- zip: [model.d_hidden, seed]\n  task: [add, mul]\n  model: "
                    "[mlp, {use: mlp, d_embed: 2}]\n"
                    "  training: adamw\n  model.d_hidden: [1, 2, 3]\n  seed: [1, 2, 3]\n  model.init_scale: [1, 2]\n"
                    "  include: [{seed: 3}, {model: {use: mlp, d_embed: 9}}, {training.lr: 1}]\n");
    assert_int_equal(sweep_expand(f.sweep, 0, note_serials, &seen), 0);
    assert_int_equal(seen.distinct[RECORD], 1);
    assert_int_equal(seen.distinct[TRAINING], 2);
    assert_true(seen.distinct[TASK] >= 2);
    assert_true(seen.distinct[MODEL] >= 12 + 6);
    for (size_t s = 0; s < SECTIONS; s++)
        for (size_t i = 0; i < 64; i++) buf_release(&seen.text[s][i]);
    unload(&f);
}

/* ---- counting ---- */

static int count_point(void *ctx, const struct sweep_point *p)
{
    (void)p;
    ++*(uint64_t *)ctx;
    return 0;
}

/* However entries overlap, the number that is told is the number that comes. */
static void test_counts(void **state)
{
    (void)state;
    uint32_t r = 1;
    for (int round = 0; round < 200; round++) {
        struct buf text = { 0 };
        buf_text(&text, BLOCKS GRID "  seed: {from: 0, to: 3, step: 1}\n  k: [0, 0.1, 0.2]\n  t: [mem, gen, 5]\n"
                                    "  control: [dense, ticket]\n  exclude:\n");
        for (int i = 0; i < 6; i++) {
            static const char *const k[] = { "0", "0.1", "0.20" }, *const t[] = { "mem", "gen", "5" };
            r = r * 1664525 + 1013904223;
            unsigned d = r >> 8;
            buf_print(&text, "  - {control: %s", d & 1 ? "dense" : "ticket");
            if (d & 2) buf_print(&text, ", seed: %u", d / 16 % 4);
            if (d & 4) buf_print(&text, ", k: %s", k[d / 64 % 3]);
            if (d & 8) buf_print(&text, ", t: %s", t[d / 256 % 3]);
            buf_text(&text, "}\n");
        }
        buf_text(&text, "  include: [{seed: 9, k: 0.9, t: 9}]\n");
        struct fixture f;
        load(&f, buf_chars(&text));
        uint64_t points = 0;
        sweep_expand(f.sweep, 0, count_point, &points);
        assert_int_equal(points, sweep_grid_points(f.sweep, 0));
        unload(&f);
        buf_release(&text);
    }
}

static void test_huge_grids_are_counted_at_once(void **state)
{
    (void)state;
    double start = clock_cpu();
    struct fixture f;
    load(&f, BLOCKS GRID
         "  seed: {from: 0, to: 999999, step: 1}\n  k: {from: 0, to: 0.999999, step: 1e-6}\n"
         "  exclude: [{seed: 5}, {k: 0.5, seed: 7}]\n"
         "- {task: add, model: mlp, training: adamw, seed: {from: 0, to: 9999999, step: 1}, k: {from: 0, to: "
         "0.9999999, step: 1e-7}, t: {from: 0, to: 9999999, step: 1}}\n");
    assert_int_equal(sweep_grid_points(f.sweep, 0), 1000000ULL * 1000000ULL - 1000000ULL - 1);
    assert_true(sweep_grid_points(f.sweep, 1) == UINT64_MAX);
    assert_true(f.arena.peak < 4 << 20);
    unload(&f);
    assert_true(clock_cpu() - start < 0.5);
}

static void test_speed(void **state)
{
    (void)state;
    struct fixture f;
    load(&f, BLOCKS GRID "  model.init_scale: [1, 2, 3]\n  seed: {from: 1, to: 1000, step: 1}\n"
                         "  k: {from: 0, to: 0.999, step: 0.001}\n");
    double start = clock_cpu();
    uint64_t points = 0;
    sweep_expand(f.sweep, 0, count_point, &points);
    double each = (clock_cpu() - start) / (double)points;
    assert_int_equal(points, 3000000);
    print_message("%.0f ns a point\n", 1e9 * each);
    assert_true(each < 1e-6);
    unload(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paper),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_kinds_may_stand_for_blocks),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_scalars_are_typed_by_the_schema),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_dotted),
        cmocka_unit_test(test_dotted_over_kinds),
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_zip),
        cmocka_unit_test(test_exclude),
        cmocka_unit_test(test_include),
        cmocka_unit_test(test_anchors),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_serials),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_huge_grids_are_counted_at_once),
        cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
