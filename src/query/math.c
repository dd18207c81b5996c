#include "query/math.h"
#include "base/order.h"
#include "base/vec.h"

#include <math.h>
#include <stdlib.h>

/* Aggregates that SQLite lacks, over the numbers of a group; NULLs are passed over, a group without numbers is NULL.
 */

struct numbers { /* SQLite makes it zeroed, one a group */
    double *x;
    size_t count;
    double q; /* of quantile */
};

static double mean(struct numbers *n)
{
    double sum = 0;
    for (size_t i = 0; i < n->count; i++) sum += n->x[i];
    return sum / (double)n->count;
}

/* Of a sample: divided by the count less one; NULL for a single number. */
static double stddev(struct numbers *n)
{
    const double middle = mean(n);
    double sum = 0;
    for (size_t i = 0; i < n->count; i++) sum += (n->x[i] - middle) * (n->x[i] - middle);
    return sqrt(sum / ((double)n->count - 1));
}

/* Linear between the two nearest numbers, as numpy.quantile has it by default. */
static double quantile(struct numbers *n)
{
    if (!(n->q >= 0 && n->q <= 1)) return (double)NAN;
    qsort(n->x, n->count, sizeof *n->x, order_double);
    const double *x = n->x, place = n->q * (double)(n->count - 1);
    const size_t below = (size_t)place, above = place > (double)below ? below + 1 : below;
    return x[below] == x[above] ? x[below] : x[below] + (place - (double)below) * (x[above] - x[below]);
}

static double median(struct numbers *n)
{
    n->q = 0.5;
    return quantile(n);
}

static const struct aggregate {
    const char *name, *args, *help;
    int arguments;
    double (*value)(struct numbers *n);
} aggregates[] = {
    { "mean", "x", "the mean", 1, mean },
    { "median", "x", "the middle number; of median(ifnull(t_gen, 9e999)) those that never did are later than all", 1,
      median },
    { "stddev", "x", "standard deviation of a sample", 1, stddev },
    { "quantile", "x, q", "the number below which the fraction q lies", 2, quantile },
};

static void step(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    struct numbers *n = sqlite3_aggregate_context(context, sizeof *n);
    const int type = sqlite3_value_type(argv[0]);
    if (!n || (type != SQLITE_INTEGER && type != SQLITE_FLOAT)) return;
    *VEC_MORE(n->x, n->count) = sqlite3_value_double(argv[0]);
    if (argc > 1) n->q = sqlite3_value_double(argv[1]);
}

static void final(sqlite3_context *context)
{
    struct numbers *n = sqlite3_aggregate_context(context, sizeof *n);
    const struct aggregate *a = sqlite3_user_data(context);
    if (!n) return;
    if (n->count) sqlite3_result_double(context, a->value(n)); /* NaN is NULL */
    free(n->x);
}

int query_math_add(sqlite3 *db)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < ARRAY_LEN(aggregates) && rc == SQLITE_OK; i++)
        rc = sqlite3_create_function(db, aggregates[i].name, aggregates[i].arguments,
                                     SQLITE_UTF8 | SQLITE_DETERMINISTIC, (void *)(uintptr_t)&aggregates[i], NULL,
                                     step, final);
    return rc;
}

void query_math_describe(struct buf *out)
{
    buf_text(out, "\naggregates beside those of SQLite:\n");
    for (size_t i = 0; i < ARRAY_LEN(aggregates); i++)
        buf_print(out, "    %s(%s): %s\n", aggregates[i].name, aggregates[i].args, aggregates[i].help);
}
