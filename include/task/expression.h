/** task/expression.h: integer expressions in a and b, evaluated modulo p.
 *
 *      whole  = "random" | sum [ "if" sum "odd" "else" sum ]
 *      sum    = term { ("+" | "-") term }          factor = "-" factor | power
 *      term   = factor { ("*" | "/") factor }      power  = atom [ "^" number ]
 *      atom   = "a" | "b" | number | "(" sum ")"
 */
#ifndef TOMBOLA_TASK_EXPRESSION_H
#define TOMBOLA_TASK_EXPRESSION_H

#include "base/err.h"

#include <stdint.h>

enum { EXPRESSION_SIZE = 65, EXPRESSION_OPS = 64 };

struct expression_op {
    char what;     /* 'a' 'b' '#' number; '+' '-' '*' '/' on two values; '^' number and '~' (negation) on one; '?' on
                      three: the first if the second is odd, else the third */
    int32_t value; /* of # and ^                                                                              */
};

/** Operations in postfix order.  `random` is the word random: no operations. */
struct expression {
    struct expression_op op[EXPRESSION_OPS];
    int count;
    bool random, divides;
};

/** Parse text; canonical (EXPRESSION_SIZE bytes) receives it with white space made uniform.  ERR_SPEC names the
 * column. */
CHECKED int expression_parse(struct expression *out, const char *text, char *canonical, struct err *e);

/** The value at (a, b) modulo p, 0..p-1; -1 if a divisor that counts is 0 modulo p; whether a value is odd
 * is asked of its residue.  p must be prime if the expression divides.
 */
int64_t expression_value(const struct expression *x, int64_t a, int64_t b, int64_t p);

#endif
