/** measure/measure.h: what is computed from the weights at each checkpoint. */
#ifndef TOMBOLA_MEASURE_MEASURE_H
#define TOMBOLA_MEASURE_MEASURE_H

#include "base/arena.h"
#include "base/field.h"
#include "num/layout.h"
#include "num/real.h"

#define measure_kind  REAL_NAME(measure_kind)
#define measure_probe REAL_NAME(measure_probe)
#define measure_norms REAL_NAME(measure_norms)

struct measure_probe {
    const struct layout *layout;
    const real *theta;   /* at the checkpoint                                  */
    const uint8_t *mask; /* the job's mask, all ones if it has none            */
    int64_t epoch;
    struct arena *scratch; /* rewound by the caller                             */
};

/** One result of a measure: a dataset families/F/measures/MEASURE/NAME [rows, checkpoints, values]. */
struct measure_column {
    const char *name, *unit, *help;
    /** Values per checkpoint; NULL: one. */
    size_t (*values)(const struct layout *layout);
    /** What stands at each of the values: "all,W_E,..."; NULL: nothing to say.  Appends to out. */
    void (*labels)(const struct layout *layout, struct buf *out);
};

struct measure_kind {
    struct kind kind;
    const struct measure_column *columns; /* ends with name NULL */
    /** out[i] points to the values of columns[i]. */
    int (*run)(const struct measure_probe *p, double *const *out, struct err *e);
};

extern const struct measure_kind measure_norms; /* measure/norms.c */

#endif
