/** num/dataset.h: inputs and labels as tasks make them and models read them; precision-free, read-only once built. */
#ifndef TOMBOLA_NUM_DATASET_H
#define TOMBOLA_NUM_DATASET_H

#include "base/stored.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Numbers as a file has them, [rows, width], row-major: example i is row row[i], and of a number v of it the input
 * is (v - shift[j]) / unit[j]. */
struct dataset_stored {
    const void *at; /* NULL: none */
    enum stored_type type;
    const uint32_t *row;        /* [n]; NULL: example i is row i */
    const double *shift, *unit; /* [width]; both NULL: v itself  */
};

/** One of token, x and stored.at is set (x, too, once convert_data has made it of stored), and exactly one of label
 * and target.  Models read x_real; in a batch x is NULL. */
struct dataset {
    size_t n;                     /* examples                                          */
    size_t width;                 /* symbols or numbers per example                    */
    const int32_t *token;         /* [n, width], 0..vocabulary-1                       */
    const double *x;              /* [n, width]                                        */
    struct dataset_stored stored; /* the same, where it is large                       */
    const void *x_real;           /* the same in the run's precision, by num/convert.h */
    const int32_t *label;         /* [n], 0..classes-1                                 */
    const double *target;         /* [n, classes], of regression tasks                 */
};

/** New examples, as many as one likes: who asks has room for them. */
struct dataset_room {
    double *x; /* [n, width];           of symbols: token */
    int32_t *token;
    int32_t *label; /* [n];                  of a regression: target */
    double *target; /* [n, classes] */
};
struct err;
struct dataset_source {
    const void *ctx;
    /** Fill n rows, which depend on the stream of the seed and nothing else; -1 with *e filled. */
    int (*fill)(const void *ctx, uint64_t seed, const char *stream, size_t n, const struct dataset_room *room,
                struct err *e);
};

/** What a step of training does to each image that it sees: it is cut out of itself with `crop` pixels of 0 around
 * it, at one of the (2 crop + 1)^2 places, and turned left to right or not. */
struct dataset_augment {
    int64_t crop;
    bool flip;
    int64_t image[3]; /* channels, height, width; 0: nothing is done */
};

/** A part of the examples that has a loss and an accuracy of its own. */
struct dataset_part {
    const char *name;
    bool of_test; /* of the test set, not of the training set */
    size_t n;
    const uint32_t *row;  /* [n], ascending */
    const int32_t *label; /* of all examples of the set, in the place of its labels; NULL: these */
};

/** A number of an example, as it is in double precision. */
double dataset_number(const struct dataset *d, size_t example, size_t place);

struct task_data {
    struct dataset train, test;
    int64_t vocabulary; /* 0 for tasks on numbers */
    int64_t classes;    /* rows of the logits; 1: one output, whose sign tells label 0 from label 1, or a target */
    size_t plane;       /* so many inputs that follow one another are of one sort, and are scaled alike; 0: one */
    const struct dataset_source *source; /* every step of training has new examples; NULL: those of train */
    struct dataset_augment augment;
    const struct dataset_part *part;
    size_t parts;
    const int32_t *own_label; /* [train.n] before some were replaced; NULL: none was */
};

/** What a layout may depend on, known without building the data. */
struct task_shape {
    size_t n_train, n_test, width;
    int64_t vocabulary, classes;
    int64_t image[3];  /* of a task on images: its numbers are channels x height x width; 0 elsewhere */
    uint64_t fixed;    /* bit p: at position p every example shows one symbol */
    size_t batch;      /* examples of a step of training; 0: all */
    bool regression;   /* targets, not labels */
    bool fresh;        /* new examples at every step of training */
    const char *parts; /* names of struct dataset_part, "clean,corrupted", of base/intern.h; NULL: none */
    bool corrupted;    /* some of its training labels are replaced */
};

#endif
