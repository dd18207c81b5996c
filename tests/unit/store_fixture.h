/** store_fixture.h: a need with two families and jobs that nobody trains, for the tests of the store. */
#ifndef TOMBOLA_TESTS_STORE_FIXTURE_H
#define TOMBOLA_TESTS_STORE_FIXTURE_H

#include "base/buf.h"
#include "base/map.h"
#include "disk/convert.h"
#include "disk/h5.h"
#include "disk/links.h"
#include "disk/shape.h"
#include "disk/types.h"
#include "store/add.h"
#include "store/annex.h"
#include "store/create.h"
#include "store/family.h"
#include "store/grow.h"
#include "store/intake.h"
#include "store/journal.h"
#include "store/open.h"
#include "store/repair.h"
#include "store/row.h"
#include "store/slots.h"
#include "store/state.h"
#include "store/structure.h"
#include "store/sweeps.h"
#include "store/tables.h"

#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POINTS = 7, CHECKPOINTS = 3, WEIGHTS = 10, SCRATCH = 50, MAX_JOBS = 4096 };
enum { A_LOSS, A_CHECKPOINTS, A_EPOCH, A_MASK, A_NORMS, A_RESUME, ARRAYS };

struct spec {
    int64_t width;
    double rate;
    char kind[24];
    uint8_t precision;
};
static const char *const precisions[] = { "float", "double", NULL };
static const struct column spec_columns[] = {
    { "width", COLUMN_I64, offsetof(struct spec, width), 0, NULL, "1", "hidden units" },
    { "rate", COLUMN_F64, offsetof(struct spec, rate), 0, NULL, "1/step", "step size" },
    { "kind", COLUMN_TEXT, offsetof(struct spec, kind), 24, NULL, "", "of model" },
    { "precision", COLUMN_ENUM, offsetof(struct spec, precision), 0, precisions, "", "of the numbers" },
    COLUMN_END,
};

static const struct store_array arrays[ARRAYS] = {
    [A_LOSS] = { "series/loss", COLUMN_F32, 0, 1, { POINTS }, false, "nat", "train loss", NULL },
    [A_CHECKPOINTS] = { "checkpoints", COLUMN_F32, CHECKPOINTS, 1, { WEIGHTS }, false, "1", "weights", NULL },
    [A_EPOCH] = { "checkpoint_epoch", COLUMN_I64, CHECKPOINTS, 0, { 0 }, false, "epoch", "of checkpoints", NULL },
    [A_MASK] = { "mask", COLUMN_U8, 0, 1, { WEIGHTS }, false, "", "1: kept", NULL },
    [A_NORMS] = { "measures/norms", COLUMN_F64, CHECKPOINTS, 2, { 2, 2 }, false, "1", "norms", "l1,l2" },
    [A_RESUME] = { "resume", COLUMN_U8, 2, 1, { SCRATCH }, true, "", "resume slots", NULL },
};

struct tensor {
    char name[16];
    int64_t offset, size, rank, dim;
};
static const struct column tensor_columns[] = {
    { "name", COLUMN_TEXT, offsetof(struct tensor, name), 16, NULL, "", "of the tensor" },
    { "offset", COLUMN_I64, offsetof(struct tensor, offset), 0, NULL, "1", "in the vector" },
    { "size", COLUMN_I64, offsetof(struct tensor, size), 0, NULL, "1", "elements" },
    { "rank", COLUMN_I64, offsetof(struct tensor, rank), 0, NULL, "1", "axes" },
    { "dim0", COLUMN_I64, offsetof(struct tensor, dim), 0, NULL, "1", "" },
    COLUMN_END,
};
static const struct tensor tensors[] = { { "W_in", 0, 6, 1, 6 }, { "W_out", 6, 4, 1, 4 } };
static const int64_t epochs[POINTS] = { 0, 1, 2, 4, 8, 16, 32 };
static const struct store_constant constants[] = {
    { "tensors", tensor_columns, 0, sizeof(struct tensor), ARRAY_LEN(tensors), tensors, "where each tensor is",
      NULL },
    { "epoch", NULL, COLUMN_I64, 0, POINTS, epochs, "x axis of the series", "epoch" },
};

/* Job i: every third one is a child of the one before it; families alternate. */
struct fixture {
    struct store_need need;
    struct store_family family[2];
    struct store_use use[MAX_JOBS];
    struct store_grid_name grid[2];
    struct store_text sweep;
    struct id id[MAX_JOBS];
    uint32_t row[MAX_JOBS];
    size_t first, described;
    const char *inputs;
    struct spec spec;
    char canonical[64];
};

static inline struct id job_id(size_t i)
{
    char text[64];
    int length = snprintf(text, sizeof text, "tombola/1 job=%zu", i);
    return id_of(text, (size_t)length);
}

static inline void describe_job(void *ctx, size_t i, struct store_job *out)
{
    struct fixture *f = ctx;
    char text[ID_CHARS + 1];
    i += f->first;
    f->described++;
    snprintf(f->canonical, sizeof f->canonical, "tombola/1 job=%zu", i);
    f->spec = (struct spec){ .width = (int64_t)i, .rate = 0.5 * (double)i, .kind = "mlp", .precision = i % 2 };
    memset(out, 0, sizeof *out);
    columns_blank(store_columns, &out->row);
    if (i % 3 == 2) memcpy(out->row.parent, id_text(job_id(i - 1), text), ID_CHARS);
    memcpy(out->row.control, i % 3 == 2 ? "ticket" : "dense", 5 + (i % 3 == 2));
    out->row.seed = (int64_t)i;
    out->row.family = (int64_t)(f->need.families > 1 ? i % 2 : 0);
    out->spec = &f->spec;
    out->canonical = f->canonical;
    out->inputs = f->inputs;
}

/** A sweep `name` with grid "even" and "odd" over jobs first .. first + count - 1. */
static inline struct fixture *fixture_new(const char *name, size_t first, size_t count)
{
    static const char *const provenance[] = { "tombola", "0.1 test", "git", "0123abc", NULL };
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_true(count <= MAX_JOBS);
    f->first = first;
    f->family[0] =
        (struct store_family){ "small", "about=small", arrays, ARRAYS, constants, ARRAY_LEN(constants), 0 };
    f->family[1] = (struct store_family){ "masks", "about=masks", &arrays[A_MASK], 1, NULL, 0, 0 };
    f->grid[0] = (struct store_grid_name){ name, "even" };
    f->grid[1] = (struct store_grid_name){ name, "odd" };
    f->sweep = (struct store_text){ name, "name: test\ngrids: []\n" };
    for (size_t i = 0; i < count; i++) {
        f->id[i] = job_id(first + i);
        f->use[i] = (struct store_use){ (uint32_t)((first + i) % 2), (uint32_t)i, 0.95, 10, "epoch", "", 0 };
    }
    f->need = (struct store_need){ .specs = { .column = spec_columns, .size = sizeof(struct spec) },
                                   .family = f->family,
                                   .families = 2,
                                   .jobs = count,
                                   .id = f->id,
                                   .ctx = f,
                                   .job = describe_job,
                                   .grid = f->grid,
                                   .grids = 2,
                                   .use = f->use,
                                   .uses = count,
                                   .sweep = &f->sweep,
                                   .sweeps = 1,
                                   .command_line = "tombola run test.yaml",
                                   .provenance = provenance };
    return f;
}

static inline void prepare(const char *path, struct fixture *f)
{
    struct err e = { 0 };
    if (store_prepare(path, &f->need, f->row, &e)) fail_msg("prepare: %s", e.text);
}

static inline struct store *open_store(const char *path, bool writing)
{
    struct err e = { 0 };
    struct store *s = NULL;
    if (store_open_serial(&s, path, writing, &e)) fail_msg("open: %s", e.text);
    return s;
}

/** Bytes that depend on job, array, part and version, so that no part can stand for another. */
static inline void part_bytes(const struct store_array *a, size_t job, size_t array, size_t part, unsigned version,
                              unsigned char *out)
{
    for (size_t i = 0; i < store_part_bytes(a); i++)
        out[i] = (unsigned char)(job * 31 + array * 7 + part * 3 + version * 101 + i);
}

#define DONE_SECONDS 12.5

/** Run a job, or its next training: begin, write every part, commit as done. */
static inline void run_job(struct store *s, size_t job, uint32_t row, unsigned version)
{
    struct store_row r;
    struct err e = { 0 };
    unsigned char data[512];
    assert_int_equal(store_read_row(s, row, &r, NULL, &e), 0);
    store_next(&r);
    assert_int_equal(store_begin(s, row, &r, false, &e), 0);
    const struct store_family *f = store_family(s, (size_t)r.family);
    for (size_t a = 0; a < f->arrays; a++)
        for (size_t p = 0; p < (f->array[a].parts ? f->array[a].parts : 1); p++) {
            part_bytes(&f->array[a], job, a, p, version, data);
            assert_int_equal(store_put(s, &r, a, p, data, store_part_bytes(&f->array[a]), &e), 0);
        }
    r.state = JOB_DONE;
    r.seconds = DONE_SECONDS;
    r.epochs_done = version;
    if (store_commit(s, row, &r, &e)) fail_msg("commit: %s", e.text);
}

/** NULL, or what is wrong with a job that run_job has written. */
static inline const char *check_job(struct store *s, size_t job, uint32_t row, unsigned version)
{
    struct store_row r;
    struct err e = { 0 };
    static char what[700];
    unsigned char want[512], have[512];
    char id[ID_CHARS + 1];
    struct arena a = { 0 };
    char *spec = arena_alloc(&a, store_spec_size(s));
    int64_t width = -7;
    if (store_read_row(s, row, &r, spec, &e)) return snprintf(what, sizeof what, "%s", e.text), what;
    const struct column *c = columns_find(store_spec_columns(s), "width");
    if (c) memcpy(&width, spec + c->offset, sizeof width);
    arena_release(&a);
    if (memcmp(r.id, id_text(job_id(job), id), ID_CHARS) != 0) return "another id";
    if (width != (int64_t)job || r.seed != (int64_t)job) return "other spec columns";
    if (r.state != JOB_DONE || r.seconds != DONE_SECONDS) return "not done";
    const struct store_family *f = store_family(s, (size_t)r.family);
    for (size_t i = 0; i < s->family[r.family].own_arrays; i++)
        for (size_t p = 0; p < (f->array[i].parts ? f->array[i].parts : 1); p++) {
            part_bytes(&f->array[i], job, i, p, version, want);
            if (store_get(s, &r, i, p, have, store_part_bytes(&f->array[i]), &e))
                return snprintf(what, sizeof what, "%s", e.text), what;
            if (memcmp(want, have, store_part_bytes(&f->array[i])) != 0) return "other data";
        }
    return NULL;
}

/** Every job of f is pending, and just as the need describes it. */
static inline void check_fresh(const char *path, const struct fixture *f)
{
    struct store *s = open_store(path, false);
    struct store_row r;
    struct spec spec;
    struct err e = { 0 };
    char want[64], id[ID_CHARS + 1];
    struct buf canonical = { 0 };
    for (size_t i = 0; i < f->need.jobs; i++) {
        size_t job = f->first + i;
        assert_int_equal(store_read_row(s, f->row[i], &r, &spec, &e), 0);
        assert_memory_equal(r.id, id_text(job_id(job), id), ID_CHARS);
        assert_int_equal(r.state, JOB_PENDING);
        assert_int_equal(r.attempts, 0);
        assert_int_equal(r.t_mem, COLUMN_NO_INT);
        assert_true(isnan(r.tau_grok));
        assert_int_equal(spec.width, (int64_t)job);
        assert_string_equal(spec.kind, "mlp");
        assert_int_equal(spec.precision, job % 2);
        assert_int_equal(store_read_texts(s, f->row[i], &canonical, NULL, &e), 0);
        snprintf(want, sizeof want, "tombola/1 job=%zu", job);
        assert_string_equal(buf_chars(&canonical), want);
        for (size_t a = 0; a < store_family(s, (size_t)r.family)->arrays; a++) assert_false(store_has(s, &r, a, 0));
    }
    buf_release(&canonical);
    store_close(s);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/** A folder of its own for a test program, and the path of a store in it. */
static inline int folder_setup(void **state)
{
    char name[] = "/tmp/tombola-test-XXXXXX";
    if (!mkdtemp(name)) return -1;
    *state = strdup(name);
    return 0;
}

static inline int folder_teardown(void **state)
{
    nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return 0;
}

static inline const char *file_in(void **state, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, name);
    return path;
}

#endif
