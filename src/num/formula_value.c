#include "base/arena.h"
#include "num/formula.h"

#include <math.h>
#include <string.h>

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
OF_ONE(sine, sin)
OF_ONE(cosine, cos)
OF_ONE(hyperbolic, tanh)

static double sign(const double *x, int count)
{
    (void)count;
    return (x[0] > 0) - (x[0] < 0);
}

/* ---- of vectors: number j of example i at x[j * n + i] ---- */

#define REDUCE(name, begin, step, end)                                                                               \
    static void name(const double *x, const double *y, size_t length, size_t n, double *out)                         \
    {                                                                                                                \
        (void)y;                                                                                                     \
        for (size_t i = 0; i < n; i++) {                                                                             \
            double value = begin;                                                                                    \
            for (size_t j = 0; j < length; j++) value = step;                                                        \
            out[i] = end;                                                                                            \
        }                                                                                                            \
    }
REDUCE(sum_of, 0, value + x[j * n + i], value)
REDUCE(product_of, 1, value *x[j * n + i], value)
REDUCE(mean_of, 0, value + x[j * n + i], value / (double)length)
REDUCE(norm_of, 0, value + x[j * n + i] * x[j * n + i], sqrt(value))
REDUCE(least_of, (double)INFINITY, fmin(value, x[j * n + i]), value)
REDUCE(largest_of, -(double)INFINITY, fmax(value, x[j * n + i]), value)
REDUCE(argmax_of, 0, x[j * n + i] > x[(size_t)value * n + i] ? (double)j : value, value)
REDUCE(dot_of, 0, value + x[j * n + i] * y[j * n + i], value)

const struct formula_function formula_functions[] = {
    { "min", 2, 8, least, least_of, 1 },
    { "max", 2, 8, largest, largest_of, 1 },
    { "abs", 1, 1, absolute, NULL, 0 },
    { "sqrt", 1, 1, root, NULL, 0 },
    { "exp", 1, 1, exponential, NULL, 0 },
    { "log", 1, 1, logarithm, NULL, 0 },
    { "floor", 1, 1, down, NULL, 0 },
    { "ceil", 1, 1, up, NULL, 0 },
    { "sin", 1, 1, sine, NULL, 0 },
    { "cos", 1, 1, cosine, NULL, 0 },
    { "tanh", 1, 1, hyperbolic, NULL, 0 },
    { "sign", 1, 1, sign, NULL, 0 },
    { "sum", 1, 1, NULL, sum_of, 1 },
    { "product", 1, 1, NULL, product_of, 1 },
    { "mean", 1, 1, NULL, mean_of, 1 },
    { "norm", 1, 1, NULL, norm_of, 1 },
    { "argmax", 1, 1, NULL, argmax_of, 1 },
    { "dot", 2, 2, NULL, dot_of, 2 },
    { .name = NULL },
};

int formula_takes(const struct formula_step *s)
{
    switch (s->op) {
    case FORMULA_CONSTANT:
    case FORMULA_NAME: return 0;
    case FORMULA_NEGATIVE:
    case FORMULA_ODD:
    case FORMULA_PART:
    case FORMULA_NOT: return 1;
    case FORMULA_CHOOSE: return 3;
    case FORMULA_REDUCE:
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
    case FORMULA_REDUCE:
    case FORMULA_PART:
    case FORMULA_OPS: break;
    }
    BUG("no such operation of numbers");
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

/* ---- examples, block by block ---- */

/* A value on the stack: numbers j of example i of a block at at[j * n + i]. */
struct value {
    double *at;
    size_t length;
};

static size_t numbers_of(size_t length)
{
    return length ? length : 1;
}

/* The numbers that the stack holds at most, and one more value behind it. */
static size_t most_numbers(const struct formula *f)
{
    size_t length[FORMULA_STEPS + 1], most = 1, now = 0;
    int top = 0;
    for (const struct formula_step *s = f->step; s < f->step + f->steps; s++) {
        const size_t size = numbers_of(s->length);
        if (now + size > most) most = now + size;
        for (int i = 0; i < formula_takes(s); i++) now -= length[--top];
        length[top++] = size;
        now += size;
    }
    return most;
}

static void load(const struct formula_step *s, const struct formula_input *in, size_t first, size_t n, double *out)
{
    const struct formula_input *name = &in[s->which];
    const size_t row = numbers_of(s->whole);
    const double *x = name->at + s->first + (name->each ? first * row : 0);
    for (size_t j = 0; j < numbers_of(s->length); j++)
        for (size_t i = 0; i < n; i++) out[j * n + i] = x[(name->each ? i * row : 0) + j];
}

static void compute_all(const struct formula_step *s, const struct value *x, size_t n, double *out)
{
    const int count = formula_takes(s);
    double one[8];
    MUST(count <= 8);
    for (size_t j = 0; j < numbers_of(s->length); j++)
        for (size_t i = 0; i < n; i++) {
            for (int k = 0; k < count; k++) one[k] = x[k].at[(x[k].length ? j * n : 0) + i];
            out[j * n + i] = compute(s, one, NULL);
        }
}

/* What a step makes of examples first, first + 1, ..., into out. */
static void compute_step(const struct formula_step *s, const struct value *x, const struct formula_input *in,
                         size_t first, size_t n, double *out)
{
    switch (s->op) {
    case FORMULA_NAME: load(s, in, first, n, out); break;
    case FORMULA_REDUCE: formula_functions[s->which].reduce(x[0].at, x[1].at, x[0].length, n, out); break;
    case FORMULA_PART: memcpy(out, x[0].at + s->first * n, numbers_of(s->length) * n * sizeof *out); break;
    default: compute_all(s, x, n, out);
    }
}

static const double *compute_block(const struct formula *f, const struct formula_input *in, size_t first, size_t n,
                                   double *room)
{
    struct value stack[FORMULA_STEPS + 2] = { { room, 0 } };
    int top = 0;
    double *free = room;
    for (const struct formula_step *s = f->step; s < f->step + f->steps; s++) {
        const size_t size = numbers_of(s->length) * n;
        top -= formula_takes(s);
        compute_step(s, &stack[top], in, first, n, free);
        if (formula_takes(s))
            memmove(stack[top].at, free, size * sizeof *free);
        else
            stack[top].at = free;
        stack[top].length = s->length;
        free = stack[top++].at + size;
    }
    return room;
}

void formula_examples(const struct formula *f, const struct formula_input *in, size_t n, double *out)
{
    enum { BLOCK = 64, ROOM = 1 << 18 };
    const size_t most = most_numbers(f), length = numbers_of(f->length);
    const size_t fits = ROOM / most, block = fits < 1 ? 1 : fits < BLOCK ? fits : BLOCK;
    struct arena a = { 0 };
    double *room = ARENA_NEW(&a, most * block, double);
    for (size_t first = 0; first < n; first += block) {
        const size_t count = n - first < block ? n - first : block;
        const double *x = compute_block(f, in, first, count, room);
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < length; j++) out[(first + i) * length + j] = x[j * count + i];
    }
    arena_release(&a);
}

/* ---- residues ---- */

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

bool formula_names(const struct formula *f, int first, int end)
{
    bool any = false;
    for (int i = 0; i < f->steps; i++)
        any |= f->step[i].op == FORMULA_NAME && f->step[i].which >= first && f->step[i].which < end;
    return any;
}
