/** num/layout.h: theta, gradient, moments, mask and scores are flat vectors under one table of tensors. */
#ifndef TOMBOLA_NUM_LAYOUT_H
#define TOMBOLA_NUM_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LAYOUT_TENSORS = 256, LAYOUT_RANK = 4, LAYOUT_NAME = 64 };

/** Uniform: within sqrt(3) init_std of the mean.  Signed: init_std or -init_std.  Orthogonal: the rows of a matrix
 * (dim[0], the rest), or its columns where there are fewer of these, stand at right angles. */
enum tensor_draw { DRAW_NORMAL, DRAW_UNIFORM, DRAW_SIGNED, DRAW_ORTHOGONAL };

struct tensor {
    char name[LAYOUT_NAME]; /* the papers' own name: "W_E"                    */
    int rank;
    int64_t dim[LAYOUT_RANK]; /* row-major                                      */
    size_t offset, size;      /* in elements, in the flat vector                */
    double init_std;          /* of what it is drawn from; 0: constant          */
    double init_mean;         /* 0 unless the model says so                     */
    enum tensor_draw draw;    /* from a Gaussian unless the model says so */
    bool prunable;
    bool tied;  /* another tensor of the network is this one, or a part of it */
    bool state; /* no weight: what a network remembers of its steps.  Its gradient is 0, but for that of a step of
                   training: the value that it has after it */
    double decay, lr; /* factors on the optimiser's weight decay and learning rate: 1 unless somebody says so */
};

struct layout {
    struct tensor tensor[LAYOUT_TENSORS];
    int count;
    size_t n; /* elements of a flat vector */
};

/** Append a tensor.  dims ends with 0.  Returns it, so that the caller can set what differs from prunable,
 * decay and lr. */
struct tensor *layout_add(struct layout *l, const char *name, double init_std, const int64_t *dims);
#define LAYOUT_ADD(l, name, std, ...) layout_add((l), (name), (std), (const int64_t[]){ __VA_ARGS__, 0 })

size_t layout_prunable(const struct layout *l);
/** Elements that are weights. */
size_t layout_weights(const struct layout *l);
/** NULL if there is none of that name. */
const struct tensor *layout_find(const struct layout *l, const char *name);

#endif
