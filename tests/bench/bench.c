/* The in-process half of `make bench`: told by lines on stdin, it answers each with a line of numbers.
 *
 *      models        the names of the settings below
 *      peak          GFLOP/s of the core: the best of OpenBLAS and our own loops on a large product
 *      epoch NAME    train for about half a second, evaluating train and test set every epoch:
 *                    ms an epoch, ms of it in matrix products, MFLOP of these
 *
 *  The linker sends the products of the model through here (--wrap), so that they are counted without a word about it
 *  in the program. */
#include "model/embed_mlp.h"
#include "num/blas.h"
#include "num/gemm.h"
#include "task/task.h"
#include "train/train.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct setting {
    const char *name;
    const struct model_kind *model;
    const char *task, *network, *optimizer;
} settings[] = {
    { "embed_mlp", &model_embed_mlp, "expr=a+b p=67 pairs=unordered train_fraction=0.4", "d_embed=500 d_hidden=48",
      "weight_decay=1 betas=[0.9,0.98]" },
    { "transformer", &model_transformer, "expr=a+b p=67 pairs=unordered train_fraction=0.4", "d_model=128 d_mlp=128",
      "weight_decay=1 betas=[0.9,0.98]" },
    { "nanda", &model_transformer, "expr=a+b p=113 pairs=ordered train_fraction=0.3",
      "d_model=128 heads=4 d_mlp=512 equals=true positional=true biases=true equals_logit=true",
      "weight_decay=1 betas=[0.9,0.98]" },
};

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
WRAP(gemm_nn_f32)
WRAP(gemm_nt_f32)
WRAP(gemm_tn_f32)
WRAP(gemm_tt_f32)

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

enum { WARM = 20 };

struct timer {
    double start, end, budget;
    int64_t epochs;
};

static int on_tick(void *ctx, const struct train_state *s, struct err *e)
{
    struct timer *t = ctx;
    if (s->epoch == WARM) {
        products.flop = products.seconds = 0;
        t->start = clock_cpu();
    }
    if (s->epoch <= WARM) return 0;
    t->end = clock_cpu();
    t->epochs = s->epoch - WARM;
    return t->end - t->start > t->budget ? err_set(e, ERR_STOPPED, "enough") : 0;
}

static struct timer train(const struct setting *s, bool counting, struct arena *a)
{
    struct task_shape shape;
    struct task_data data;
    struct layout layout = { 0 };
    struct err e = { 0 };
    const void *task = configure(a, &task_modular.kind, s->task), *model = configure(a, &s->model->kind, s->network);
    if (task_modular.shape(task, &shape, &e) || task_modular.build(task, 0, NULL, a, &data, &e) ||
        s->model->layout(model, &shape, &layout, &e))
        BUG("%s", e.text);
    struct trainer t = { .model = s->model,
                         .model_config = model,
                         .layout = &layout,
                         .shape = &shape,
                         .data = &data,
                         .optimizer = &optimizer_adamw,
                         .optimizer_config = configure(a, &optimizer_adamw.kind, s->optimizer),
                         .epochs = 1000000,
                         .record = { 1, 1 } };
    train_open(&t, a);
    model_init(t.state.theta, &layout, 0);
    struct timer timer = { .budget = 0.4 };
    products.on = counting;
    train_run(&t, &(const struct train_hooks){ .ctx = &timer, .tick = on_tick }, &e);
    products.on = false;
    return timer;
}

/* Time without the clock readings around the products, then the products alone. */
static void answer_epoch(const char *name)
{
    const struct setting *s = NULL;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (!strcmp(settings[i].name, name)) s = &settings[i];
    if (!s) BUG("no setting '%s'", name);
    struct arena a = { 0 };
    struct timer whole = train(s, false, &a);
    arena_release(&a);
    struct timer part = train(s, true, &a);
    arena_release(&a);
    printf("%.6f %.6f %.3f\n", 1e3 * (whole.end - whole.start) / (double)whole.epochs,
           1e3 * products.seconds / (double)part.epochs, 1e-6 * products.flop / (double)part.epochs);
}

int main(void)
{
    char line[80], word[64];
    blas_open();
    while (fgets(line, sizeof line, stdin)) {
        if (!strcmp(line, "models\n"))
            for (size_t i = 0; i < ARRAY_LEN(settings); i++)
                printf("%s%c", settings[i].name, i + 1 < ARRAY_LEN(settings) ? ' ' : '\n');
        else if (!strcmp(line, "peak\n"))
            answer_peak();
        else if (sscanf(line, "epoch %63s", word) == 1)
            answer_epoch(word);
        else
            BUG("what is '%s'?", line);
        fflush(stdout);
    }
    return 0;
}
