/* Floor 1: formulas. */
#include "num/formula.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 65 };
static const char *const pair[] = { "a", "b", NULL }, *const moments[] = { "mem", "gen", "final", NULL };
static const struct formula_place of_pair = {
    .what = "expr", .names = pair, .without = 1 << FORMULA_CALL | 1 << FORMULA_REMAINDER, .largest = 1e9
};
static const struct formula_place of_moments = { .what = "t", .names = moments };
static const struct formula_place whether = { .what = "stop", .names = moments, .type = FORMULA_TRUTH };

/* x is a vector of 4, u another of 4 that is the same for all examples, v one of 2, c a number. */
static const char *const names_of_vectors[] = { "x", "u", "v", "c", NULL };
static const size_t lengths[] = { 4, 4, 2, 0 }, some[] = { FORMULA_SOME, FORMULA_SOME, 0, 0 };
static const struct formula_place
    of_vectors = { .what = "y", .names = names_of_vectors, .length = lengths },
    any_vector = { .what = "y", .names = names_of_vectors, .length = lengths, .vector = true },
    not_known = { .what = "hit", .names = names_of_vectors, .length = some, .vector = true, .type = FORMULA_TRUTH };

static struct formula read(const char *text, const struct formula_place *place, char canonical[SIZE])
{
    struct formula f;
    struct err e = { 0 };
    if (formula_parse(&f, text, place, canonical, SIZE, &e)) fail_msg("%s", e.text);
    return f;
}

static void test_canonical(void **state)
{
    (void)state;
    const struct {
        const struct formula_place *place;
        const char *text, *canonical;
    } cases[] = {
        { &of_pair, "a+b", "a + b" },
        { &of_pair, "  a\t+ b ", "a + b" },
        { &of_pair, "a^2+a * b+b ^ 2+a", "a^2 + a*b + b^2 + a" },
        { &of_pair, "a/b", "a/b" },
        { &of_pair, "-a - -b", "-a - -b" },
        { &of_pair, "(a+b)*( a-b )", "(a + b)*(a - b)" },
        { &of_pair, "007*a", "7*a" },
        { &of_pair, "a/b if b  odd else a-b", "a/b if b odd else a - b" },
        { &of_pair, "a if a<b and not b==0 or a odd else 1 if b>=2 else 0",
          "a if a < b and not b == 0 or a odd else 1 if b >= 2 else 0" },
        { &of_moments, "gen+4000", "gen + 4000" },
        { &of_moments, "min(gen,2e3 ) % .5e1", "min(gen, 2000)%5" },
        { &of_moments, "1e-7*gen^-2", "1e-07*gen^-2" },
        { &whether, "mem<gen", "mem < gen" },
        { &not_known, "abs(x-u[7])<.5 and max(x)<1", "abs(x - u[7]) < 0.5 and max(x) < 1" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char once[SIZE], twice[SIZE];
        read(cases[i].text, cases[i].place, once);
        assert_string_equal(once, cases[i].canonical);
        read(once, cases[i].place, twice);
        assert_string_equal(once, twice);
    }
}

static int64_t mod(int64_t x, int64_t p)
{
    return (x % p + p) % p;
}

static int64_t residue(const char *text, int64_t a, int64_t b, int64_t p)
{
    char canonical[SIZE];
    const struct formula f = read(text, &of_pair, canonical);
    return formula_residue(&f, (const int64_t[]){ a, b }, p);
}

static void test_residues(void **state)
{
    (void)state;
    const int64_t p = 13;
    for (int64_t a = 0; a < p; a++)
        for (int64_t b = 0; b < p; b++) {
            assert_int_equal(residue("a + b", a, b, p), mod(a + b, p));
            assert_int_equal(residue("a - b", a, b, p), mod(a - b, p));
            assert_int_equal(residue("a * b", a, b, p), mod(a * b, p));
            assert_int_equal(residue("a^2 + a*b + b^2 + a", a, b, p), mod(a * a + a * b + b * b + a, p));
            assert_int_equal(residue("a^3 + a*b", a, b, p), mod(a * a * a + a * b, p));
            assert_int_equal(residue("-a^2", a, b, p), mod(-(a * a), p));
            assert_int_equal(residue("2 - 3*(a - 40)*-b", a, b, p), mod(2 + 3 * (a - 40) * b, p));
            assert_int_equal(residue("a - b - 1", a, b, p), mod(a - b - 1, p));
            assert_int_equal(residue("(a + b)^0", a, b, p), 1);
            int64_t ratio = residue("a / b", a, b, p);
            assert_int_equal(b ? mod(ratio * b, p) : ratio, b ? a : -1);
            ratio = residue("a / b if b odd else a - b", a, b, p);
            assert_int_equal(b % 2 ? mod(ratio * b, p) : ratio, b % 2 ? a : mod(a - b, p));
            assert_int_equal(residue("1 - a / b if 2*a odd else a", a, b, p),
                             2 * a < p ? a
                             : b       ? mod(1 - residue("a / b", a, b, p), p)
                                       : -1);
            assert_int_equal(residue("a / b / 2", a, b, p), b ? residue("a / (2*b)", a, b, p) : -1);
            assert_int_equal(residue("1 if a < b and not b == 2 or a + b odd else 0", a, b, p),
                             (a < b && b != 2) || mod(a + b, p) % 2);
            assert_int_equal(residue("1 if a/b > 3 else 0", a, b, p), b ? residue("a/b", a, b, p) > 3 : -1);
        }
    assert_int_equal(residue("a^1000000000", 2, 0, 997), residue("a^64", 2, 0, 997)); /* Fermat: 10^9 mod 996 = 64 */
}

static void test_values(void **state)
{
    (void)state;
    const double name[] = { 30, 700, 4000 };
    const struct {
        const char *text;
        double value;
    } cases[] = {
        { "gen + 4000", 4700 },
        { "2 + 3*4 - 5", 9 },
        { "2^3^2", 512 },
        { "-2^2", -4 },
        { "2^-1", 0.5 },
        { "-7 % 3", 2 },
        { "10 - 4 - 3", 3 },
        { "100/5/2", 10 },
        { "min(gen, final, 12.5)", 12.5 },
        { "max(mem, gen)*2", 1400 },
        { "sqrt(abs(-16)) + log(exp(2)) + floor(2.5) + ceil(2.5)", 11 },
        { "gen if mem < gen else final", 700 },
        { "gen if mem > gen else final if mem == 30 else 1", 4000 },
        { "1 if not mem > gen and gen != final or mem odd else 0", 1 },
        { "1 if mem > gen or gen >= 700 and final <= 3999 else 0", 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char canonical[SIZE];
        const struct formula f = read(cases[i].text, &of_moments, canonical),
                             again = read(canonical, &of_moments, canonical);
        const double value = formula_value(&f, name);
        if (fabs(value - cases[i].value) > 1e-12) fail_msg("%s is %g", cases[i].text, value);
        assert_true(formula_value(&again, name) == value);
    }
}

static const double u_of[] = { 1, -2, 0.5, 3 };
#define OF(name, value)                                                                                              \
    static double name(const double *x, double c, int j)                                                             \
    {                                                                                                                \
        (void)x, (void)c, (void)j;                                                                                   \
        return value;                                                                                                \
    }
OF(third, x[2])
OF(third_times_c, x[2] * c)
OF(product_of_three, x[0] * x[1] * x[2])
OF(dot_and_sum, x[0] - 2 * x[1] + 0.5 * x[2] + 3 * x[3] + x[0] + x[1] + x[2] + x[3])
OF(nothing, 0)
OF(affine, x[j] * c + u_of[j])
OF(affine_part, x[j + 1] * c + u_of[j + 1])
OF(larger, x[j] > c ? x[j] : c)
OF(count_larger, (x[0] > 1) + (x[1] > -2) + (x[2] > 0.5) + (x[3] > 3))
OF(chosen, c > 0 ? -x[j] : (x[j] > 0) - (x[j] < 0))

static double largest_place(const double *x, double c, int j)
{
    (void)c, (void)j;
    int best = 0;
    for (int i = 1; i < 4; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

static double spread(const double *x, double c, int j)
{
    double low = x[0], high = x[0];
    (void)c, (void)j;
    for (int i = 1; i < 4; i++) {
        low = fmin(low, x[i]);
        high = fmax(high, x[i]);
    }
    return high - low;
}

static void test_vectors(void **state)
{
    (void)state;
    enum { N = 150 }; /* more than a block */
    static double x[N][4], c[N], out[N][4];
    const double u[] = { 1, -2, 0.5, 3 }, v[] = { 7, -7 };
    const struct formula_input in[] = { { &x[0][0], true }, { u, false }, { v, false }, { c, true } };
    for (int i = 0; i < N; i++) {
        c[i] = i - 70;
        for (int j = 0; j < 4; j++) x[i][j] = (i * 37 + j * 11) % 17 - 8;
    }
    const struct {
        const char *text, *canonical;
        size_t length;
        double (*want)(const double *x, double c, int j);
    } cases[] = {
        { "x[ 2 ]", "x[2]", 0, third },
        { "x[1:4][1]*c", "x[1:4][1]*c", 0, third_times_c },
        { "product(x[0:3])", "product(x[0:3])", 0, product_of_three },
        { "dot(x,u)+sum( x)", "dot(x, u) + sum(x)", 0, dot_and_sum },
        { "mean(x^2)-norm(x)^2/4", "mean(x^2) - norm(x)^2/4", 0, nothing },
        { "max(x)-min(x)", "max(x) - min(x)", 0, spread },
        { "argmax(x)", "argmax(x)", 0, largest_place },
        { "x*c + u", "x*c + u", 4, affine },
        { "(x*c + u)[1:3]", "(x*c + u)[1:3]", 2, affine_part },
        { "max(x,c)", "max(x, c)", 4, larger },
        { "sum(1 if x > u else 0)", "sum(1 if x > u else 0)", 0, count_larger },
        { "-x if c > 0 else sign(x)", "-x if c > 0 else sign(x)", 4, chosen },
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        char canonical[SIZE], again[SIZE];
        const struct formula f = read(cases[k].text, &any_vector, canonical);
        const size_t length = f.length ? f.length : 1;
        assert_string_equal(canonical, cases[k].canonical);
        read(canonical, &any_vector, again);
        assert_string_equal(canonical, again);
        assert_int_equal(f.length, cases[k].length);
        formula_examples(&f, in, N, &out[0][0]);
        for (int i = 0; i < N; i++)
            for (size_t j = 0; j < length; j++) {
                const double have = (&out[0][0])[(size_t)i * length + j], want = cases[k].want(x[i], c[i], (int)j);
                if (!(fabs(have - want) < 1e-12)) fail_msg("%s, example %d: %g, not %g", canonical, i, have, want);
            }
    }
}

static void test_errors(void **state)
{
    (void)state;
    const struct {
        const struct formula_place *place;
        const char *text, *error;
    } cases[] = {
        { &of_pair, "", "expr '', column 1: found the end where a, b, a whole number, '-' or '(' must stand" },
        { &of_pair, "a + c", "expr 'a + c', column 5: found 'c' where a, b, a whole number, '-' or '(' must stand" },
        { &of_pair, "a + b)",
          "column 6: found ')' where an operator (or and <= >= < > == != odd + - * / ^), 'if' or the end must "
          "stand" },
        { &of_pair, "(a + b", "column 7: found the end where an operator (" },
        { &of_pair, "a b", "column 3: found 'b' where an operator (" },
        { &of_pair, "a ^ b", "column 5: found 'b' where a whole number (an exponent is a constant, 0 or more) must" },
        { &of_pair, "a^-1", "column 3: found '-' where a whole number (an exponent is a constant, 0 or more) must" },
        { &of_pair, "a if b", "column 6: a truth, such as a comparison, must stand here, and 'b' is a number" },
        { &of_pair, "a if b odd a", "column 12: found 'a' where 'else' must stand" },
        { &of_pair, "a if b odd else a < b", "column 17: a number must stand here, and 'a < b' is a truth" },
        { &of_pair, "a + (a < b)", "column 5: a number must stand here, and '(a < b)' is a truth" },
        { &of_pair, "a < b", "column 1: a number must stand here, and 'a < b' is a truth" },
        { &of_pair, "not a if b odd else b", "column 5: a truth, such as a comparison, must stand here, and 'a'" },
        { &of_pair, "a < b < 1", "column 7: found '<' where an operator" },
        { &of_pair, "a % 2",
          "column 3: found '%' where an operator (or and <= >= < > == != odd + - * / ^), 'if' or" },
        { &of_pair, "min(a, b)", "column 1: found 'min' where a, b," },
        { &of_pair, "a + 5000000000", "expr 'a + 5000000000', column 5: constants go up to 1000000000" },
        { &of_pair, "a + 1.5", "column 5: found '1' where a whole number must stand" },
        { &of_pair, "a+b+a+b+a+b+a+b+a+b+a+b+a+b+a+b+a", "is longer than 64 characters" },
        { &of_pair, "((((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))))", "nests too deeply" },
        { &of_pair, "----------------------------------------a", "nests too deeply" },
        { &of_pair, "a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a",
          "has more than 64 operations" },
        { &of_moments, "gne + 4000",
          "column 1: found 'gne' where mem, gen, final, a number, '-' or '(' must stand; did "
          "you mean 'gen'?" },
        { &of_moments, "min(gen)", "column 1: min takes 2 to 8 numbers, not 1" },
        { &of_moments, "abs(gen, 2)", "column 1: abs takes 1 to 1 numbers, not 2" },
        { &of_moments, "min gen", "column 5: found 'gen' where '(' must stand" },
        { &of_moments, "min(gen, 2", "found the end where an operator (" },
        { &of_moments, "1e", "column 1: this is no number" },
        { &of_moments, "1.2.3", "column 1: this is no number" },
        { &of_moments, "1e999", "column 1: this is no number" },
        { &of_moments, "gen + \x01", "column 7: found '?' where" },
        { &of_vectors, "x[4]", "y 'x[4]', column 2: there is no such part of 4 numbers, 0 to 3" },
        { &of_vectors, "x[2:2]", "column 2: there is no such part of 4 numbers" },
        { &of_vectors, "x[0:5]", "column 2: there is no such part of 4 numbers" },
        { &of_vectors, "x[-1]", "column 3: found '-' where a whole number must stand" },
        { &of_vectors, "x[0", "column 4: found the end where ':' or ']' must stand" },
        { &of_vectors, "x[0:2", "column 6: found the end where ']' must stand" },
        { &of_vectors, "1 + c[0]", "column 6: 'c' is one number, which has no parts" },
        { &of_vectors, "x + 1", "column 1: a vector, where one number must be; sum, mean, max and others make" },
        { &of_vectors, "dot(x, v)", "column 8: this has 2 numbers, and what it goes with 4" },
        { &of_vectors, "dot(x, 2)", "column 1: dot takes two vectors, not 2 values" },
        { &of_vectors, "sum(c)", "column 1: sum takes a vector, not 1 number" },
        { &of_vectors, "sum(x, u)", "column 1: sum takes a vector, not 2 values" },
        { &of_vectors, "min(c)", "column 1: min takes 2 to 8 numbers or a vector, not 1 number" },
        { &of_vectors, "sum(x*v)", "column 7: this has 2 numbers, and what it goes with 4" },
        { &of_vectors, "sum(x if v > 0 else u)", "column 10: this has 2 numbers, and what it goes with 4" },
        { &of_vectors, "sum(x > 0)", "column 5: a number must stand here, and 'x > 0' is a truth" },
        { &of_vectors, "c < 1", "column 1: a number must stand here, and 'c < 1' is a truth" },
        { &not_known, "abs(x - y) < 1", "column 9: found 'y' where x, u, v, c, a number, '-' or '(' must stand" },
        { &of_moments, "sum(gen)", "column 1: found 'sum' where mem, gen, final, a number, '-' or '(' must stand" },
        { &of_moments, "gen[0]", "column 4: found '[' where an operator (" },
        { &whether, "gen + 1",
          "stop 'gen + 1', column 1: a truth, such as a comparison, must stand here, and 'gen + 1'" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct formula f;
        struct err e = { 0 };
        char canonical[SIZE];
        if (!formula_parse(&f, cases[i].text, cases[i].place, canonical, SIZE, &e))
            fail_msg("'%s' is read", cases[i].text);
        assert_int_equal(e.kind, ERR_SPEC);
        if (!strstr(e.text, cases[i].error)) fail_msg("'%s' gave: %s", cases[i].text, e.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical), cmocka_unit_test(test_residues), cmocka_unit_test(test_values),
        cmocka_unit_test(test_vectors),   cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests_name("formula", tests, NULL, NULL);
}
