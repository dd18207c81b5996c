#include "num/formula.h"

#include <math.h>

static double least(const double *x, int count)
{
    double found = x[0];
    for (int i = 1; i < count; i++) found = fmin(found, x[i]);
    return found;
}

static double largest(const double *x, int count)
{
    double found = x[0];
    for (int i = 1; i < count; i++) found = fmax(found, x[i]);
    return found;
}

#define OF_ONE(name, function)                                                                                       \
    static double name(const double *x, int count)                                                                   \
    {                                                                                                                \
        (void)count;                                                                                                 \
        return function(x[0]);                                                                                       \
    }
OF_ONE(absolute, fabs)
OF_ONE(root, sqrt)
OF_ONE(exponential, exp)
OF_ONE(logarithm, log)
OF_ONE(down, floor)
OF_ONE(up, ceil)

const struct formula_function formula_functions[] = {
    { "min", 2, 8, least },  { "max", 2, 8, largest },     { "abs", 1, 1, absolute },
    { "sqrt", 1, 1, root },  { "exp", 1, 1, exponential }, { "log", 1, 1, logarithm },
    { "floor", 1, 1, down }, { "ceil", 1, 1, up },         { .name = NULL },
};

int formula_takes(const struct formula_step *s)
{
    switch (s->op) {
    case FORMULA_CONSTANT:
    case FORMULA_NAME: return 0;
    case FORMULA_NEGATIVE:
    case FORMULA_ODD:
    case FORMULA_NOT: return 1;
    case FORMULA_CHOOSE: return 3;
    case FORMULA_CALL: return s->count;
    default: return 2;
    }
}

static double compute(const struct formula_step *s, const double *x, const double *name)
{
    switch (s->op) {
    case FORMULA_CONSTANT: return s->value;
    case FORMULA_NAME: return name[s->which];
    case FORMULA_NEGATIVE: return -x[0];
    case FORMULA_ADD: return x[0] + x[1];
    case FORMULA_SUBTRACT: return x[0] - x[1];
    case FORMULA_MULTIPLY: return x[0] * x[1];
    case FORMULA_DIVIDE: return x[0] / x[1];
    case FORMULA_REMAINDER: return x[0] - x[1] * floor(x[0] / x[1]);
    case FORMULA_POWER: return pow(x[0], x[1]);
    case FORMULA_LESS: return x[0] < x[1];
    case FORMULA_LESS_EQUAL: return x[0] <= x[1];
    case FORMULA_GREATER: return x[0] > x[1];
    case FORMULA_GREATER_EQUAL: return x[0] >= x[1];
    case FORMULA_EQUAL: return x[0] == x[1];
    case FORMULA_UNEQUAL: return x[0] != x[1];
    case FORMULA_ODD: return fabs(fmod(x[0], 2)) == 1;
    case FORMULA_NOT: return x[0] == 0;
    case FORMULA_AND: return x[0] != 0 && x[1] != 0;
    case FORMULA_OR: return x[0] != 0 || x[1] != 0;
    case FORMULA_CHOOSE: return x[1] != 0 ? x[0] : x[2];
    case FORMULA_CALL: return formula_functions[s->which].value(x, s->count);
    case FORMULA_OPS: break;
    }
    BUG("no such operation");
}

double formula_value(const struct formula *f, const double *name)
{
    double stack[FORMULA_STEPS + 1];
    int top = 0;
    for (const struct formula_step *s = f->step; s < f->step + f->steps; s++) {
        top -= formula_takes(s);
        stack[top] = compute(s, &stack[top], name);
        top++;
    }
    MUST(top == 1);
    return stack[0];
}

static int64_t power_modulo(int64_t base, int64_t exponent, int64_t p)
{
    int64_t result = 1 % p;
    for (; exponent > 0; exponent /= 2) {
        if (exponent % 2) result = result * base % p;
        base = base * base % p;
    }
    return result;
}

/* Fermat's inverse is why p must be prime where one divides. */
static int64_t compute_residue(const struct formula_step *s, const int64_t *x, const int64_t *name, int64_t p)
{
    switch (s->op) {
    case FORMULA_CONSTANT: return (int64_t)s->value % p;
    case FORMULA_NAME: return name[s->which] % p;
    case FORMULA_NEGATIVE: return (p - x[0]) % p;
    case FORMULA_ADD: return (x[0] + x[1]) % p;
    case FORMULA_SUBTRACT: return (x[0] - x[1] + p) % p;
    case FORMULA_MULTIPLY: return x[0] * x[1] % p;
    case FORMULA_DIVIDE: return x[1] == 0 ? -1 : x[0] * power_modulo(x[1], p - 2, p) % p;
    default: {
        double place[3] = { (double)x[0], 0, 0 };
        for (int i = 1; i < formula_takes(s); i++) place[i] = (double)x[i];
        return (int64_t)compute(s, place, NULL); /* a truth, of residues */
    }
    }
}

int64_t formula_residue(const struct formula *f, const int64_t *name, int64_t p)
{
    int64_t stack[FORMULA_STEPS + 1];
    int top = 0;
    for (const struct formula_step *s = f->step; s < f->step + f->steps; s++) {
        top -= formula_takes(s);
        int64_t *x = &stack[top++];
        bool lost = false;
        for (int i = 0; i < formula_takes(s); i++) lost |= x[i] < 0 && s->op != FORMULA_CHOOSE;
        if (s->op == FORMULA_CHOOSE)
            x[0] = x[1] < 0 ? -1 : x[1] ? x[0] : x[2]; /* a branch that is not taken may divide by 0 */
        else if (s->op == FORMULA_POWER)
            x[0] =
                lost ? -1 : power_modulo(x[0], (int64_t)s[-1].value, p); /* its exponent is a constant, no residue */
        else
            x[0] = lost ? -1 : compute_residue(s, x, name, p);
    }
    MUST(top == 1);
    return stack[0];
}

bool formula_has(const struct formula *f, enum formula_op op)
{
    for (int i = 0; i < f->steps; i++)
        if (f->step[i].op == op) return true;
    return false;
}
