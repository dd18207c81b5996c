/** base/checked.h: what a function returns when it may fail must be looked at, by the compiler's word. */
#ifndef TOMBOLA_BASE_CHECKED_H
#define TOMBOLA_BASE_CHECKED_H

/** Before the declaration of a function that tells by its result whether there is anything in what it was to fill:
 * every one in a header that takes a `struct err *`, or that returns int or bool and takes a pointer to write to. */
#define CHECKED __attribute__((warn_unused_result))

/** Around the call of such a function where nobody need look, for a reason that stands beside it. */
#define UNLOOKED(call)                                                                                               \
    do {                                                                                                             \
        if (call) {                                                                                                  \
        }                                                                                                            \
    } while (0)

#endif
