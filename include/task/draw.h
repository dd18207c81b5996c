/** task/draw.h: examples that are drawn, and answered by a formula or a network. */
#ifndef TOMBOLA_TASK_DRAW_H
#define TOMBOLA_TASK_DRAW_H

#include "task/task.h"

/** The keys of task draw: src/task/draw.c says what they mean. */
enum { DRAW_FORM = 64, DRAW_FORMULA = 256 };
struct draw_config {
    char x[DRAW_FORM], y[DRAW_FORMULA];
    const char *where, *teacher; /* of base/intern.h */
    int64_t classes, train, test;
    bool fresh;
};

/** The functions of struct task_kind, for tasks that are names of such lines. */
CHECKED int draw_shape(const void *config, struct task_shape *out, struct err *e);
CHECKED int draw_build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                       struct task_data *out, struct err *e);

/** What examples are drawn from: "normal 5", "uniform 5 2", "sphere 5", "bits 50 0 1", "one of 20 times 3". */
struct draw_form {
    int kind;
    size_t n;           /* numbers or symbols of an example */
    double scale, high; /* of bits the lower one and the higher one */
    int64_t symbols;    /* 0: numbers */
};
/** False: it is none. */
CHECKED bool draw_form_read(const char *text, struct draw_form *out);
void draw_form_print(const struct draw_form *form, struct buf *out);
/** Fill n rows of x, of symbols too, which are whole numbers. */
void draw_fill(const struct draw_form *form, uint64_t seed, const char *stream, size_t n, double *x);
/** Could an example be these whole numbers? */
bool draw_may_be(const struct draw_form *form, const int32_t *row);

#endif
