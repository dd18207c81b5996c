/** num/formula.h: the one language of expressions: read, typed, with a canonical text.
 *
 *      formula = or [ "if" or "else" formula ]
 *      or      = and { "or" and }                      and   = not { "and" not }
 *      not     = "not" not | compare
 *      compare = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum | "odd" ]
 *      sum     = term { ("+" | "-") term }             term  = factor { ("*" | "/" | "%") factor }
 *      factor  = "-" factor | power                    power = part [ "^" factor ]
 *      part    = atom { "[" whole [ ":" whole ] "]" }
 *      atom    = number [ unit ] | name | function "(" formula { "," formula } ")" | "(" formula ")"
 *
 *  A formula is a number or a truth, or a vector of so many of these, known when it is read.  Operators and functions
 * of numbers go through vectors number by number; what is one number goes with each.  x[0] is the first number of x,
 * x[1:3] the two behind it; sum, product, mean, norm, min, max and argmax make one number of a vector, dot of two. It
 * has no loops and no recursion: it can cost time, never anything else.  Where it is computed decides what it means:
 * in double (formula_value, formula_examples), or modulo a prime (formula_residue).
 */
#ifndef TOMBOLA_NUM_FORMULA_H
#define TOMBOLA_NUM_FORMULA_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FORMULA_STEPS = 64 };

enum formula_type { FORMULA_NUMBER, FORMULA_TRUTH, FORMULA_EITHER }; /* no formula is EITHER: a place may take both */

enum formula_op {
    FORMULA_CONSTANT,
    FORMULA_NAME,
    FORMULA_NEGATIVE,
    FORMULA_ADD,
    FORMULA_SUBTRACT,
    FORMULA_MULTIPLY,
    FORMULA_DIVIDE,
    FORMULA_REMAINDER,
    FORMULA_POWER,
    FORMULA_LESS,
    FORMULA_LESS_EQUAL,
    FORMULA_GREATER,
    FORMULA_GREATER_EQUAL,
    FORMULA_EQUAL,
    FORMULA_UNEQUAL,
    FORMULA_ODD,
    FORMULA_NOT,
    FORMULA_AND,
    FORMULA_OR,
    FORMULA_CHOOSE, /* the first if the second is true, else the third */
    FORMULA_CALL,
    FORMULA_REDUCE, /* a function that makes one number of vectors */
    FORMULA_PART,   /* of a vector */
    FORMULA_OPS
};

struct formula_step {
    enum formula_op op;
    double value;  /* of a constant */
    int which;     /* name, or function of formula_functions */
    int count;     /* arguments of a function */
    size_t length; /* numbers of what it gives; 0: one, and no vector */
    size_t first;  /* of a name or a part: where it begins in the vector, */
    size_t whole;  /* of a name: which has so many numbers; 0: it is one  */
};

/** In postfix order. */
struct formula {
    struct formula_step step[FORMULA_STEPS];
    int steps;
    enum formula_type type;
    size_t length; /* of a vector; 0: none */
};

/** How many values a step takes from the stack; it leaves one. */
int formula_takes(const struct formula_step *s);

/** A place where formulas stand, and what they may be there. */
struct formula_place {
    const char *what;         /* "expr": how its errors begin                    */
    const char *const *names; /* NULL-terminated: what it is a formula of        */
    const char *unit;       /* "step": behind a number, it or its plural multiplies that by the value behind those */
                            /* of the names; NULL: there is none */
    const char *plain;      /* "epoch": likewise, and changes nothing       */
    uint32_t without;       /* bit i: formula_op i has no meaning there        */
    double largest;         /* constants are whole, up to this, and so are exponents; 0: any number */
    enum formula_type type; /* what it must be                             */
    const size_t *length;   /* of each name that is a vector, FORMULA_SOME if that is not known; 0: a number.
                               NULL: all are numbers, and there are no vectors */
    bool vector;            /* it may be one */
};
#define FORMULA_SOME SIZE_MAX

struct formula_function {
    const char *name;
    int least, most;                             /* arguments */
    double (*value)(const double *x, int count); /* NULL: it only reduces */
    /** Of `vectors` vectors: out[i] for each of n examples, of numbers j of them at x[j * n + i]; NULL: of none. */
    void (*reduce)(const double *x, const double *y, size_t length, size_t n, double *out);
    int vectors;
};
/** Ends with name NULL. */
extern const struct formula_function formula_functions[];

/** Read text; canonical (size bytes) gets it with blanks and numbers made uniform.  ERR_SPEC names the column (from
 *  1), what stands there and what is allowed. */
CHECKED int formula_parse(struct formula *out, const char *text, const struct formula_place *place, char *canonical,
                          size_t size, struct err *e);

/** The value for values of the names, in the order of place->names; a truth is 0 or 1. */
double formula_value(const struct formula *f, const double *name);

/** What a name is: a row for each example, or the same for all. */
struct formula_input {
    const double *at; /* [n, length], or [length] */
    bool each;
};
/** The value for each of n examples, out [n, length], a truth is 0 or 1; in: in the order of place->names. */
void formula_examples(const struct formula *f, const struct formula_input *in, size_t n, double *out);

/** The value modulo p, 0..p-1, for residues of the names; -1 if a divisor that counts is 0 modulo p.  Comparisons
 *  and `odd` look at residues.  Of formulas without functions and remainders, whose exponents are constants; p must
 * be prime if one divides. */
int64_t formula_residue(const struct formula *f, const int64_t *name, int64_t p);

bool formula_has(const struct formula *f, enum formula_op op);
/** Does it use a name from place->names[first] on, before `end`? */
bool formula_names(const struct formula *f, int first, int end);
/** Is that a word of formulas, which is no name of anything else? */
bool formula_reserves(const char *word);

#endif
