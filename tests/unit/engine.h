/* What the tests of the engine share: configs from texts, comparisons, and the golden files of tests/fixtures. */
#ifndef TESTS_UNIT_ENGINE_H
#define TESTS_UNIT_ENGINE_H

#include "base/arena.h"
#include "base/field.h"
#include "model/model.h"
#include "task/task.h"

#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* In this file's precision. */
#define model_embed_mlp    REAL_NAME(model_embed_mlp)
#define model_transformer  REAL_NAME(model_transformer)
#define model_dense_mlp    REAL_NAME(model_dense_mlp)
#define model_lstm         REAL_NAME(model_lstm)
#define optimizer_adamw    REAL_NAME(optimizer_adamw)
#define optimizer_adam     REAL_NAME(optimizer_adam)
#define optimizer_sgd      REAL_NAME(optimizer_sgd)
#define control_dense      REAL_NAME(control_dense)
#define control_ticket     REAL_NAME(control_ticket)
#define control_l1         REAL_NAME(control_l1)
#define control_l2         REAL_NAME(control_l2)
#define control_random     REAL_NAME(control_random)
#define control_shuffle    REAL_NAME(control_shuffle)
#define control_reinit     REAL_NAME(control_reinit)
#define control_invert     REAL_NAME(control_invert)
#define control_snip       REAL_NAME(control_snip)
#define control_grasp      REAL_NAME(control_grasp)
#define control_synflow    REAL_NAME(control_synflow)
#define control_edge_popup REAL_NAME(control_edge_popup)

#define IS_DOUBLE (sizeof(real) == sizeof(double))

/* |got - want| <= tolerance, with numbers when it is not. */
static inline void close_to(double got, double want, double tolerance, const char *what)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: got %.17g, want %.17g, off by %.3g > %.3g", what, got, want, fabs(got - want), tolerance);
}

/* Every number, as exactly as the largest is known. */
static inline void all_close_to(const real *got, const double *want, size_t n, const char *what)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(want[i]));
    for (size_t i = 0; i < n; i++) close_to((double)got[i], want[i], (IS_DOUBLE ? 1e-13 : 1e-5) * largest, what);
}

/* settings: "key=value key=value", values without blanks. */
static inline void *config_of(struct arena *a, const struct kind *kind, const char *settings)
{
    void *config = arena_alloc(a, kind->config_size);
    field_defaults(kind->fields, config);
    char text[512], *save = NULL;
    snprintf(text, sizeof text, "%s", settings);
    for (char *item = strtok_r(text, " ", &save); item; item = strtok_r(NULL, " ", &save)) {
        char *value = strchr(item, '=');
        struct err e = { 0 };
        assert_non_null(value);
        *value++ = '\0';
        const struct field *f = field_find(kind->fields, item);
        assert_non_null(f);
        if (field_set(f, config, value, &e)) fail_msg("%s", e.text);
    }
    return config;
}

/* A task with its data, a model with its layout.  Zeroed before it is opened; the arena is the caller's to release.
 */
struct bench {
    struct arena arena;
    const void *task_config, *model_config;
    struct task_shape shape;
    struct task_data data;
    struct layout layout;
};

static inline void bench_open_model(struct bench *b, const char *task, const struct model_kind *kind,
                                    const char *model, uint64_t seed, const struct task_split *split)
{
    struct err e = { 0 };
    b->task_config = config_of(&b->arena, &task_modular.kind, task);
    b->model_config = config_of(&b->arena, &kind->kind, model);
    if (task_modular.shape(b->task_config, &b->shape, &e) ||
        task_modular.build(b->task_config, seed, split, &b->arena, &b->data, &e) ||
        kind->layout(b->model_config, &b->shape, &b->layout, &e))
        fail_msg("%s", e.text);
}

static inline void bench_open(struct bench *b, const char *task, const char *model, uint64_t seed,
                              const struct task_split *split)
{
    bench_open_model(b, task, &model_embed_mlp, model, seed, split);
}

/* Read a dataset of `count` elements as `type`. */
static inline void *golden(hid_t file, const char *name, hid_t type, size_t count, struct arena *a)
{
    hid_t set = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(set);
    if (set < 0 || H5Sget_simple_extent_npoints(space) != (hssize_t)count) fail_msg("no '%s' of %zu", name, count);
    void *out = arena_array(a, count, H5Tget_size(type));
    assert_true(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);
    H5Sclose(space);
    H5Dclose(set);
    return out;
}

static inline size_t golden_rows(hid_t file, const char *name)
{
    hsize_t dim[4] = { 0 };
    hid_t set = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(set);
    assert_true(H5Sget_simple_extent_dims(space, dim, NULL) > 0);
    H5Sclose(space);
    H5Dclose(set);
    return (size_t)dim[0];
}

/* GROUP/NAME of every tensor, as one flat vector. */
static inline double *golden_theta(hid_t file, const char *group, const struct layout *l, struct arena *a)
{
    double *theta = ARENA_NEW(a, l->n, double);
    for (int i = 0; i < l->count; i++) {
        const struct tensor *t = &l->tensor[i];
        char name[128];
        snprintf(name, sizeof name, "%s/%s", group, t->name);
        memcpy(theta + t->offset, golden(file, name, H5T_NATIVE_DOUBLE, t->size, a), t->size * sizeof *theta);
    }
    return theta;
}

/* [sum w, sum w^2, sum w cos(i), sum |w|, max |w|]: one more number of a vector. */
static inline void sums_add(double sums[5], double w, size_t i)
{
    sums[0] += w;
    sums[1] += w * w;
    sums[2] += w * cos((double)i);
    sums[3] += fabs(w);
    sums[4] = fmax(sums[4], fabs(w));
}

/* tolerance: relative to sum |w|; of sum w^2 and max |w| to themselves. */
static inline void sums_close_to(const double got[5], const double want[5], double tolerance, const char *what)
{
    for (int k = 0; k < 5; k++) close_to(got[k], want[k], tolerance * want[k == 1 || k == 4 ? k : 3], what);
}

/* GROUP/NAME are the sums of every tensor. */
static inline void golden_sums(hid_t file, const char *group, const struct layout *l, const real *vector,
                               double tolerance, struct arena *a)
{
    for (int i = 0; i < l->count; i++) {
        const struct tensor *t = &l->tensor[i];
        char name[128];
        double got[5] = { 0 };
        snprintf(name, sizeof name, "%s/%s", group, t->name);
        for (size_t j = 0; j < t->size; j++) sums_add(got, (double)vector[t->offset + j], j);
        sums_close_to(got, golden(file, name, H5T_NATIVE_DOUBLE, 5, a), tolerance, name);
    }
}

/* A packed mask, a byte an element. */
static inline uint8_t *golden_mask(hid_t file, const char *name, size_t n, struct arena *a)
{
    const uint8_t *bits = golden(file, name, H5T_NATIVE_UINT8, (n + 7) / 8, a);
    uint8_t *mask = ARENA_NEW(a, n, uint8_t);
    for (size_t i = 0; i < n; i++) mask[i] = bits[i / 8] >> i % 8 & 1;
    return mask;
}

/* A task and a model with the split of the file. */
static inline void bench_golden_model(struct bench *b, hid_t file, const char *task, const struct model_kind *kind,
                                      const char *model)
{
    struct task_split split = { .width = 2,
                                .n_train = golden_rows(file, "data/train_pairs"),
                                .n_test = golden_rows(file, "data/test_pairs") };
    split.train = golden(file, "data/train_pairs", H5T_NATIVE_INT32, 2 * split.n_train, &b->arena);
    split.test = golden(file, "data/test_pairs", H5T_NATIVE_INT32, 2 * split.n_test, &b->arena);
    bench_open_model(b, task, kind, model, 0, &split);
}

static inline void bench_golden(struct bench *b, hid_t file)
{
    bench_golden_model(b, file, "expr=a+b p=67", &model_embed_mlp, "d_embed=500 d_hidden=48");
}

#endif
