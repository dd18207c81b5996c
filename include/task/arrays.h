/** task/arrays.h: inputs and answers as arrays of somebody's files: .npz, .npy, .safetensors, HDF5, .csv.
 *
 *  x is [examples, ...], y one answer or a vector of answers for each.  Test examples are arrays of their own, or
 *  there are none, and whoever asks splits the others.  Numbers that lie in a file as they are stay there: they are
 *  mapped, and processes of one host share them.
 */
#ifndef TOMBOLA_TASK_ARRAYS_H
#define TOMBOLA_TASK_ARRAYS_H

#include "base/err.h"
#include "base/hash.h"
#include "base/stored.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arrays_role { ARRAYS_X, ARRAYS_Y, ARRAYS_TEST_X, ARRAYS_TEST_Y, ARRAYS_ROLES };
enum { ARRAYS_RANK = 4 };

/** Where they are.  A file that is "" is that of x; for the test's y that of the test's x. */
struct arrays_place {
    const char *file[ARRAYS_ROLES];
    /** "[x,y]" or "[x,y,test x,test y]".  "[]": x_train, y_train, x_test and y_test, or x and y.  Of a CSV file
     * columns: the last is y, the others are x. */
    const char *names;
};

struct arrays_array {
    const char *file, *name; /* for messages                                            */
    size_t rank, dim[ARRAYS_RANK];
    size_t n, width; /* examples, and numbers of each; n 0: there is no such array */
    enum stored_type type;
    const void *at;   /* [n, width], row-major; may lie at any byte              */
    bool whole;       /* all are whole numbers,                                  */
    double low, high; /* between these                                           */
    struct id id;     /* of its bytes                                            */
};

struct arrays {
    struct arrays_array array[ARRAYS_ROLES];
};

/** Opened and looked through once a process, as long as the files stay the same; valid until others have been opened
 * since.  ERR_SPEC names the file and the array: none of that name, no numbers, empty, not finite, more than the
 * memory, x and y of different lengths, training and test examples of different shapes. */
CHECKED int arrays_open(const struct arrays_place *place, const struct arrays **out, struct err *e);
/** What they say, wherever and in whichever format: numbers, their types, and how many an example has. */
struct id arrays_digest(const struct arrays *a);

/** The keys of task arrays: src/task/arrays.c says what they mean. */
enum { ARRAYS_PATH = 400, ARRAYS_NAMES = 264, ARRAYS_FORM = 32 };
enum { ARRAYS_DRAWN, ARRAYS_FIRST };
struct arrays_config {
    char file[ARRAYS_PATH], y_file[ARRAYS_PATH], test_file[ARRAYS_PATH], test_y_file[ARRAYS_PATH],
        names[ARRAYS_NAMES];
    char x[ARRAYS_FORM], y[ARRAYS_FORM];
    int64_t train, test;
    double train_fraction;
    int choose;
};

/** "array 'x' holds 3.5, its number 7 of 100": for errors about the first number that `wrong` says is. */
CHECKED int arrays_refuse(const struct arrays_array *x, bool (*wrong)(double number, const void *ctx),
                          const void *ctx, const char *allowed, struct err *e);

#endif
