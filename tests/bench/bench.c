/* The in-process half of `make bench`: told by lines on stdin, it answers each with a line of numbers.
 *
 *      models        the names of the settings below
 *      peak          GFLOP/s of the core: the best of OpenBLAS and our own loops on a large product
 *      epoch NAME    train for about half a second, evaluating train and test set every epoch:
 *                    ms an epoch, ms of it in matrix products, MFLOP of these
 *      lists         the names of the settings of networks that are written as lists
 *      list NAME K   ms an epoch of it and of the network beside it, or of itself without tables; with a random
 *                    fraction K of the weights masked, unless it is 0
 *      llc           ms of an epoch of embed_mlp without any evaluation, and of a draw of measure llc on it
 *      tickets       the names of the settings below, and of those that only tickets are timed on
 *      ticket NAME K ms an epoch, dense and with a random fraction K of the weights masked
 *      families N PATH
 *                    ms of processor time to make a group with the datasets, attributes and dimension scales of a
 * small family, by calls of HDF5 and nothing else; of N such groups in a new file at PATH, closing included
 *
 *  The linker sends the products of the model through here (--wrap), so that they are counted without a word about it
 *  in the program. */
#include "base/rng.h"
#include "measure/sgld.h"
#include "net/net.h"
#include "net/plan.h"
#include "num/blas.h"
#include "num/convert.h"
#include "num/gemm.h"
#include "num/mask.h"
#include "settings.h"
#include "sweep/tree.h"

#include <cblas.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What runs beside us on a shared machine does not count: seconds of the processor, not of the wall. */
static double clock_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- products, counted ---- */

static struct {
    bool on;
    double flop, seconds;
} products;

typedef void product(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta);

static void count(product *gemm, real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta)
{
    double start = products.on ? clock_cpu() : 0;
    gemm(out, A, B, m, n, k, beta);
    if (!products.on) return;
    products.seconds += clock_cpu() - start;
    products.flop += 2 * (double)m * (double)n * (double)k;
}

#define WRAP(name)                                                                                                   \
    product __real_##name, __wrap_##name;                                                                            \
    void __wrap_##name(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta)             \
    {                                                                                                                \
        count(__real_##name, out, A, B, m, n, k, beta);                                                              \
    }
WRAP(blas_gemm_nn_f32)
WRAP(blas_gemm_nt_f32)
WRAP(blas_gemm_tn_f32)
WRAP(blas_gemm_tt_f32)

/* ---- the peak ---- */

enum { SIDE = 768 };
static float left[SIDE * SIDE], right[SIDE * SIDE], out[SIDE * SIDE];

static double rate(bool own)
{
    double best = 0;
    for (int i = 0; i < 5; i++) {
        double start = clock_cpu();
        if (own)
            gemm_tiles(tile_best(), &(const struct matrices){ out, left, right, SIDE, SIDE, SIDE, false, false, 0 });
        else
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1, left, SIDE, right, SIDE, 0,
                        out, SIDE);
        double gflops = 2e-9 * SIDE * SIDE * SIDE / (clock_cpu() - start);
        if (gflops > best) best = gflops;
    }
    return best;
}

static void answer_peak(void)
{
    for (size_t i = 0; i < SIDE * SIDE; i++) left[i] = right[i] = (float)(i % 7) - 3;
    double own = tile_best()->quick ? rate(true) : 0, blas = rate(false);
    printf("%.1f %.1f\n", own, blas);
}

/* ---- an epoch ---- */

/* settings: "key=value key=value". */
static void *configure(struct arena *a, const struct kind *kind, const char *settings_text)
{
    void *config = arena_alloc(a, kind->config_size);
    struct err e = { 0 };
    field_defaults(kind->fields, config);
    for (const char *s = settings_text; *s; s += strspn(s, " ")) {
        size_t key = strcspn(s, "="), length = strcspn(s, " ");
        const struct field *f = field_find(kind->fields, arena_text(a, s, key));
        if (!f || field_set(f, config, arena_text(a, s + key + 1, length - key - 1), &e)) BUG("%s: %s", s, e.text);
        s += length;
    }
    return config;
}

struct timer {
    double began, start, end, budget; /* start: after the caches are warm; 0: they are not yet */
    int64_t epochs;
};

static int on_tick(void *ctx, const struct train_state *s, struct err *e)
{
    struct timer *t = ctx;
    if (s->seen > 0) return 0; /* between two batches of an epoch */
    t->end = clock_cpu();
    if (t->start == 0) {
        if (t->end - t->began < t->budget / 8) return 0;
        products.flop = products.seconds = 0;
        t->start = t->end;
        return 0;
    }
    t->epochs++;
    return t->end - t->start > t->budget ? err_set(e, ERR_STOPPED, "enough") : 0;
}

struct workplace {
    const struct setting *is;
    const void *task, *model;
    struct task_shape shape;
    struct task_data data;
    struct layout layout;
};

/* off: rules that are not used. */
static void *read_list(struct arena *a, const struct setting *s, const struct task_shape *shape, unsigned off)
{
    struct net_config *config = ARENA_NEW(a, 1, struct net_config);
    struct err_list errors = { 0 };
    struct err e = { 0 };
    size_t nodes = 0;
    const struct model_given given = { .tree = tree_load("", s->network, strlen(s->network), a, &nodes, &errors) };
    if (errors.count || s->model->expand(config, &given, shape, &e)) BUG("%s: %s", s->name, e.text);
    config->off = off;
    return config;
}

static void set_up(struct workplace *w, const struct setting *s, unsigned off, struct arena *a)
{
    struct err e = { 0 };
    *w = (struct workplace){ .is = s, .task = configure(a, &s->task->kind, s->data) };
    if (s->task->shape(w->task, &w->shape, &e)) BUG("%s", e.text);
    w->shape.batch = (size_t)s->batch;
    w->model = s->beside ? read_list(a, s, &w->shape, off) : configure(a, &s->model->kind, s->network);
    if (s->task->build(w->task, 0, NULL, a, &w->data, &e) || s->model->layout(w->model, &w->shape, &w->layout, &e))
        BUG("%s", e.text);
    convert_data(&w->data, a);
}

static void hold_random(struct trainer *t, double k, struct arena *a)
{
    const size_t n = t->layout->n;
    real *score = ARENA_NEW(a, n, real);
    uint8_t *mask = ARENA_NEW(a, n, uint8_t);
    struct rng r = rng_open(0, "mask");
    for (size_t i = 0; i < n; i++) score[i] = (real)rng_uniform(&r);
    mask_from_scores(mask, score, t->layout, k, SCOPE_TENSOR);
    mask_apply(t->state.theta, mask, n);
    train_hold(t, mask, a);
}

static struct timer train_for(double budget, const struct workplace *w, int64_t eval_every, bool counting, double k,
                              struct arena *a)
{
    const struct setting *s = w->is;
    struct err e = { 0 };
    struct trainer t = { .model = s->model,
                         .model_config = w->model,
                         .layout = &w->layout,
                         .shape = &w->shape,
                         .data = &w->data,
                         .optimizer = s->optimizer,
                         .optimizer_config = configure(a, &s->optimizer->kind, s->step),
                         .loss = { .kind = (int)s->loss },
                         .batch = s->batch,
                         .length = 1000000,
                         .record = { { { eval_every, 1 } } } };
    train_open(&t, a);
    model_init(t.state.theta, &w->layout, 0);
    if (k > 0) hold_random(&t, k, a);
    struct timer timer = { .began = clock_cpu(), .budget = budget };
    products.on = counting;
    if (!train_run(&t, &(const struct train_hooks){ .ctx = &timer, .tick = on_tick }, &e) || e.kind != ERR_STOPPED)
        BUG("%s: it ended before its time: %s", s->name, e.text);
    products.on = false;
    return timer;
}

static struct timer train(const struct workplace *w, int64_t eval_every, bool counting, double k, struct arena *a)
{
    return train_for(0.4, w, eval_every, counting, k, a);
}

static double milliseconds(const struct timer *t)
{
    return 1e3 * (t->end - t->start) / (double)t->epochs;
}

/* A chain of so many draws, set-up included. */
static double walk(const struct workplace *w, int64_t draws, struct arena *a)
{
    const size_t n = w->layout.n;
    float *init = ARENA_NEW(a, n, float);
    double *theta = ARENA_NEW(a, n, double), *losses = ARENA_NEW(a, (size_t)draws + 1, double);
    uint8_t *mask = ARENA_NEW(a, n, uint8_t);
    model_init(init, &w->layout, 0);
    for (size_t i = 0; i < n; i++) theta[i] = (double)init[i];
    memset(mask, 1, n);
    const struct measure_probe probe = { .at = { .model_config = w->model, .layout = &w->layout, .shape = &w->shape },
                                         .data = &w->data,
                                         .mask = mask,
                                         .theta = theta,
                                         .scratch = a };
    const struct sgld s = { .probe = &probe,
                            .epsilon = 1e-5,
                            .gamma = 100,
                            .noise = 1,
                            .nbeta = 130,
                            .bound = INFINITY,
                            .steps = draws,
                            .stream = "bench" };
    int64_t ended;
    struct err e = { 0 };
    const double start = clock_cpu();
    if (sgld_walk_f32(&s, w->is->model, losses, &ended, NULL, &e)) BUG("%s", e.text);
    return 1e3 * (clock_cpu() - start) / (double)draws;
}

static void answer_llc(void)
{
    struct arena a = { 0 };
    struct workplace w;
    set_up(&w, &settings[0], 0, &a);
    const struct timer epochs = train(&w, 1000000, false, 0, &a);
    printf("%.6f %.6f\n", milliseconds(&epochs), walk(&w, 1000, &a));
    arena_release(&a);
}

static const struct setting *find(const char *name)
{
    const struct setting *s = settings;
    while (s < settings + ARRAY_LEN(settings) && strcmp(s->name, name)) s++;
    if (s == settings + ARRAY_LEN(settings)) BUG("no setting '%s'", name);
    return s;
}

enum { MODELS_ALONE, WITH_TICKETS, LISTS };
static void answer_names(int which)
{
    for (size_t i = 0, n = 0; i < ARRAY_LEN(settings); i++)
        if (which == LISTS ? settings[i].beside != NULL
                           : !settings[i].beside && (which == WITH_TICKETS || !settings[i].ticket))
            printf("%s%s", n++ ? " " : "", settings[i].name);
    printf("\n");
}

static void answer_ticket(const char *name, double k)
{
    struct arena a = { 0 };
    struct workplace w;
    set_up(&w, find(name), 0, &a);
    const struct timer dense = train(&w, 1, false, 0, &a), ticket = train(&w, 1, false, k, &a);
    printf("%.6f %.6f\n", milliseconds(&dense), milliseconds(&ticket));
    arena_release(&a);
}

/* Time without the clock readings around the products, then the products alone. */
static void answer_epoch(const char *name)
{
    struct arena a = { 0 };
    struct workplace w;
    set_up(&w, find(name), 0, &a);
    const struct timer whole = train(&w, 1, false, 0, &a), part = train(&w, 1, true, 0, &a);
    arena_release(&a);
    printf("%.6f %.6f %.3f\n", milliseconds(&whole), 1e3 * products.seconds / (double)part.epochs,
           1e-6 * products.flop / (double)part.epochs);
}

/* Short turns, many of which the caller asks for: what is compared sees the same machine. */
static double epoch_of(const char *name, unsigned off, double k)
{
    struct arena a = { 0 };
    struct workplace w;
    set_up(&w, find(name), off, &a);
    const struct timer t = train_for(0.1, &w, 1, false, k, &a);
    arena_release(&a);
    return milliseconds(&t);
}

static void answer_list(const char *name, double k)
{
    const char *beside = find(name)->beside;
    const double with = epoch_of(name, 0, k);
    printf("%.6f %.6f\n", with, strcmp(beside, name) ? epoch_of(beside, 0, k) : epoch_of(name, NET_NO_TABLES, k));
}

/* ---- a family by HDF5 alone: nothing is asked twice, nothing is looked up ---- */

enum { SCALES = 8, SETS = 10 };
static const struct {
    const char *name;
    hsize_t length;
} scales[SCALES] = { { "job", 16 },      { "part", 512 },   { "slot", 4 },  { "slot_2", 2 },
                     { "weight", 1000 }, { "byte", 12288 }, { "epoch", 2 }, { "tensor", 4 } };
static const struct {
    const char *name;
    int rank, scale[3];
} sets[SETS] = { { "checkpoint_epoch", 2, { 0, 2 } },
                 { "checkpoints", 3, { 0, 2, 4 } },
                 { "masks", 2, { 0, 4 } },
                 { "resume", 3, { 0, 3, 5 } },
                 { "series/test_accuracy", 2, { 0, 6 } },
                 { "series/test_loss", 2, { 0, 6 } },
                 { "series/train_accuracy", 2, { 0, 6 } },
                 { "series/train_loss", 2, { 0, 6 } },
                 { "sums", 2, { 0, 1 } },
                 { "tensors", 1, { 7 } } };
struct back {
    hobj_ref_t set;
    int axis;
};
struct lists {
    hid_t link, group, data, mere, scalar, refs, backs; /* how things are made, and the types of the two lists */
};

static void put(hid_t object, const char *name, hid_t type, hid_t space, const void *value)
{
    hid_t a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (H5Awrite(a, type, value) < 0 || H5Aclose(a) < 0) BUG("HDF5 cannot write '%s'", name);
}

static void put_word(const struct lists *l, hid_t object, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(text) + 1);
    put(object, name, type, l->scalar, text);
    H5Tclose(type);
}

static void put_list(hid_t object, const char *name, hid_t type, hsize_t count, const void *list)
{
    hid_t space = H5Screate_simple(1, &count, NULL);
    put(object, name, type, space, list);
    H5Sclose(space);
}

static void make_family(const struct lists *l, hid_t group)
{
    hid_t scale[SCALES];
    hobj_ref_t at[SCALES];
    struct back back[SCALES][SETS] = { { { 0, 0 } } };
    hsize_t backs[SCALES] = { 0 };
    for (int i = 0; i < SCALES; i++) {
        hid_t space = H5Screate_simple(1, &scales[i].length, NULL);
        scale[i] = H5Dcreate2(group, scales[i].name, H5T_NATIVE_UINT8, space, H5P_DEFAULT, l->mere, H5P_DEFAULT);
        H5Sclose(space);
        put_word(l, scale[i], "CLASS", "DIMENSION_SCALE");
        put_word(l, scale[i], "NAME", "This is a netCDF dimension but not a netCDF variable.       1000");
        H5Rcreate(&at[i], scale[i], ".", H5R_OBJECT, H5I_INVALID_HID);
    }
    for (int i = 0; i < SETS; i++) {
        const uint64_t number = 1;
        hsize_t dim[3];
        hvl_t axis[3];
        hobj_ref_t self;
        for (int k = 0; k < sets[i].rank; k++) {
            dim[k] = scales[sets[i].scale[k]].length;
            axis[k] = (hvl_t){ 1, &at[sets[i].scale[k]] };
        }
        hid_t space = H5Screate_simple(sets[i].rank, dim, NULL);
        hid_t set = H5Dcreate2(group, sets[i].name, H5T_NATIVE_FLOAT, space, l->link, l->data, H5P_DEFAULT);
        H5Sclose(space);
        put(set, "first_sum", H5T_NATIVE_UINT64, l->scalar, &number);
        put(set, "parts", H5T_NATIVE_UINT64, l->scalar, &number);
        put(set, "scratch", H5T_NATIVE_UINT64, l->scalar, &number);
        put_word(l, set, "about", "what it is, in a line");
        put_word(l, set, "units", "1");
        put_list(set, "DIMENSION_LIST", l->refs, (hsize_t)sets[i].rank, axis);
        H5Rcreate(&self, set, ".", H5R_OBJECT, H5I_INVALID_HID);
        for (int k = 0; k < sets[i].rank; k++)
            back[sets[i].scale[k]][backs[sets[i].scale[k]]++] = (struct back){ self, k };
        H5Dclose(set);
    }
    for (int i = 0; i < SCALES; i++) {
        put_list(scale[i], "REFERENCE_LIST", l->backs, backs[i], back[i]);
        H5Dclose(scale[i]);
    }
}

static struct lists open_lists(void)
{
    struct lists l = { .link = H5Pcreate(H5P_LINK_CREATE),
                       .group = H5Pcreate(H5P_GROUP_CREATE),
                       .data = H5Pcreate(H5P_DATASET_CREATE),
                       .mere = H5Pcreate(H5P_DATASET_CREATE),
                       .scalar = H5Screate(H5S_SCALAR),
                       .refs = H5Tvlen_create(H5T_STD_REF_OBJ),
                       .backs = H5Tcreate(H5T_COMPOUND, sizeof(struct back)) };
    H5Tinsert(l.backs, "dataset", offsetof(struct back, set), H5T_STD_REF_OBJ);
    H5Tinsert(l.backs, "dimension", offsetof(struct back, axis), H5T_NATIVE_INT);
    H5Pset_create_intermediate_group(l.link, 1);
    H5Pset_link_phase_change(l.group, 96, 96);
    H5Pset_obj_track_times(l.group, false);
    H5Pset_alloc_time(l.data, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(l.data, H5D_FILL_TIME_NEVER);
    H5Pset_obj_track_times(l.data, false);
    H5Pset_attr_phase_change(l.data, 32, 32);
    H5Pset_fill_time(l.mere, H5D_FILL_TIME_NEVER);
    H5Pset_obj_track_times(l.mere, false);
    return l;
}

static void answer_families(int count, const char *path)
{
    const struct lists l = open_lists();
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
    H5Pset_alignment(access, 4096, 4096);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    const clock_t start = clock();
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "families/%d", i);
        hid_t group = H5Gcreate2(file, name, l.link, l.group, H5P_DEFAULT);
        make_family(&l, group);
        H5Gclose(group);
    }
    if (file < 0 || H5Fclose(file) < 0) BUG("HDF5 cannot make '%s'", path);
    printf("%.4f\n", 1e3 * (double)(clock() - start) / CLOCKS_PER_SEC / count);
}

int main(void)
{
    char line[400], word[300];
    int count;
    double k;
    blas_open();
    while (fgets(line, sizeof line, stdin)) {
        if (!strcmp(line, "models\n") || !strcmp(line, "tickets\n") || !strcmp(line, "lists\n"))
            answer_names(line[0] == 'm' ? MODELS_ALONE : line[0] == 't' ? WITH_TICKETS : LISTS);
        else if (!strcmp(line, "peak\n"))
            answer_peak();
        else if (sscanf(line, "families %d %299s", &count, word) == 2)
            answer_families(count, word);
        else if (sscanf(line, "epoch %63s", word) == 1)
            answer_epoch(word);
        else if (sscanf(line, "list %63s %lf", word, &k) == 2)
            answer_list(word, k);
        else if (!strcmp(line, "llc\n"))
            answer_llc();
        else if (sscanf(line, "ticket %63s %lf", word, &k) == 2)
            answer_ticket(word, k);
        else
            BUG("what is '%s'?", line);
        fflush(stdout);
    }
    return 0;
}
