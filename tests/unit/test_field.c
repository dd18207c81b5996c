/* Floor 0: fields, each a key that is read, checked, printed. */
#include "base/err.h"
#include "base/field.h"
#include "base/number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const colours[] = { "red", "green", "blue", NULL };

static int even(const char *text, char *canonical, size_t size, struct err *e)
{
    int64_t value;
    if (!number_int(text, &value) || value % 2) return err_set(e, ERR_SPEC, "'%s' is not even", text);
    snprintf(canonical, size, "%lld", (long long)value);
    return 0;
}

struct config {
    int64_t whole;
    double real;
    bool flag;
    int colour;
    char text[8], checked[8];
    double pair[2];
    uint64_t set;
    struct field_amount amount;
};
enum { WHOLE, REAL, FLAG, COLOUR, TEXT, WITH_CHECK, PAIR, SET, AMOUNT };
#define PLACE(member) offsetof(struct config, member)
static const struct field fields[] = {
    [WHOLE] = { "whole", FIELD_INT, PLACE(whole), .standard = "3", .range = "[-5, 1e6)" },
    [REAL] = { "real", FIELD_REAL, PLACE(real), .standard = "1e-3", .range = "(0, 1]" },
    [FLAG] = { "flag", FIELD_BOOL, PLACE(flag), .standard = "true" },
    [COLOUR] = { "colour", FIELD_CHOICE, PLACE(colour), .standard = "green", .choices = colours },
    [TEXT] = { "text", FIELD_TEXT, PLACE(text), .count = 8, .standard = "" },
    [WITH_CHECK] = { "checked", FIELD_TEXT, PLACE(checked), .count = 8, .check = even },
    [PAIR] = { "pair", FIELD_REALS, PLACE(pair), .count = 2, .standard = "[0.9, 0.98]", .range = "[0, 1)" },
    [SET] = { "set", FIELD_NAMES, PLACE(set), .standard = "[]", .choices = colours },
    [AMOUNT] = { "amount", FIELD_AMOUNT, PLACE(amount), .standard = "0", .range = "[0, 1e6]" },
    FIELD_END,
};

/* The canonical text of what text stands for, which must stand for itself. */
static void check_field(int f, const char *text, const char *want)
{
    for (int round = 0; round < 2; round++, text = want) {
        struct config c = { 0 };
        struct buf b = { 0 };
        struct err e = { 0 };
        if (field_set(&fields[f], &c, text, &e)) print_message("%s\n", e.text);
        assert_int_equal(e.kind, ERR_NONE);
        field_print(&fields[f], &c, &b);
        assert_string_equal(buf_chars(&b), want);
        buf_release(&b);
    }
}

static void check_refused(int f, const char *text, const char *want)
{
    struct config c, before;
    struct err e = { 0 };
    memset(&c, 0x5A, sizeof c);
    before = c;
    assert_int_equal(field_set(&fields[f], &c, text, &e), -1);
    assert_int_equal(e.kind, ERR_SPEC);
    assert_string_equal(e.text, want);
    assert_memory_equal(&c, &before, sizeof c); /* nothing was written */
}

static void test_fields(void **state)
{
    (void)state;
    check_field(WHOLE, "1e4", "10000");
    check_field(WHOLE, "-5", "-5");
    check_field(WHOLE, "007", "7");
    check_field(REAL, "1e-3", "0.001");
    check_field(REAL, "1", "1");
    check_field(REAL, ".50", "0.5");
    check_field(FLAG, "false", "false");
    check_field(COLOUR, "blue", "blue");
    check_field(TEXT, "a + b", "a + b");
    check_field(WITH_CHECK, "1e1", "10");
    check_field(PAIR, "[0.90, 9.8e-1]", "[0.9,0.98]");
    check_field(SET, "[blue, red]", "[red,blue]");
    check_field(SET, "green", "[green]");
    check_field(AMOUNT, "512", "512");
    check_field(AMOUNT, "50%", "50 %");
    check_field(AMOUNT, "7 %", "7 %");
    check_field(AMOUNT, "57 %", "57 %");
    check_field(AMOUNT, "12.50 %", "12.5 %");
    check_field(AMOUNT, "min( 1e2 ,100 %)", "min(100, 100 %)");
}

static void test_amounts(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t whole, amount;
    } cases[] = {
        { "0", 10, 0 },
        { "7", 10, 7 },
        { "20", 10, 20 },
        { "50 %", 10, 5 },
        { "50 %", 11, 6 },
        { "30 %", 10, 3 },
        { "0.001 %", 10, 1 },
        { "100 %", 1000003, 1000003 },
        { "min(4, 50 %)", 10, 4 },
        { "min(4, 50 %)", 6, 3 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config c = { 0 };
        struct err e = { 0 };
        assert_int_equal(field_set(&fields[AMOUNT], &c, cases[i].text, &e), 0);
        assert_int_equal(field_amount_of(&c.amount, cases[i].whole), cases[i].amount);
    }
    const char *const wrong[] = { "",           "-1",          "50 % of it",  "0 %",          "101 %",        "-5 %",
                                  "min(5, 10)", "min(5 10 %)", "min(5, 10 %", "min(0, 10 %)", "max(5, 10 %)", "min()",
                                  "nan %",      "5 5 %" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct config c = { 0 };
        struct err e = { 0 };
        if (!field_set(&fields[AMOUNT], &c, wrong[i], &e)) fail_msg("'%s' is read", wrong[i]);
        assert_int_equal(e.kind, ERR_SPEC);
    }
}

static void test_refused(void **state)
{
    (void)state;
    check_refused(WHOLE, "1.5", "'whole' must be a whole number, not '1.5'");
    check_refused(WHOLE, "1e6", "'whole' is 1e6, outside [-5, 1e6)");
    check_refused(WHOLE, "99999999999999999999", "'whole' must be a whole number, not '99999999999999999999'");
    check_refused(WHOLE, "", "'whole' must be a whole number, not ''");
    check_refused(WHOLE, " 1", "'whole' must be a whole number, not ' 1'");
    check_refused(REAL, "0", "'real' is 0, outside (0, 1]");
    static const char *const no_numbers[] = { "inf", "nan", "0x1p-1", "1e999", "1,5", "0.5 ", "", "-", "e5", "1e" };
    for (size_t i = 0; i < ARRAY_LEN(no_numbers); i++) {
        char want[80];
        snprintf(want, sizeof want, "'real' must be a number, not '%s'", no_numbers[i]);
        check_refused(REAL, no_numbers[i], want);
    }
    check_refused(FLAG, "yes", "'flag' must be true or false, not 'yes'");
    check_refused(COLOUR, "gren", "unknown colour 'gren'; known: red, green, blue; did you mean 'green'?");
    check_refused(COLOUR, "xyzzy", "unknown colour 'xyzzy'; known: red, green, blue");
    check_refused(TEXT, "12345678", "'text' is longer than 7 characters");
    check_refused(WITH_CHECK, "3", "'3' is not even");
    check_refused(PAIR, "[0.9]", "'pair' must be 2 numbers in brackets, not '[0.9]'");
    check_refused(PAIR, "[0.9, 0.9, 0.9]", "'pair' must be 2 numbers in brackets, not '[0.9, 0.9, 0.9]'");
    check_refused(PAIR, "[0.9, 0.98]x", "'pair' must be 2 numbers in brackets, not '[0.9, 0.98]x'");
    check_refused(PAIR, "[0.9, 1]", "'pair' is 1, outside [0, 1)");
    check_refused(SET, "[red, bleu]", "unknown set 'bleu'; known: red, green, blue; did you mean 'blue'?");
    /* a number too long for an item is refused, not cut */
    char longer[80] = "[0.5, 1";
    memset(longer + 7, '0', 64);
    memcpy(longer + 71, "]", 2);
    struct config c;
    struct err e = { 0 };
    assert_int_equal(field_set(&fields[PAIR], &c, longer, &e), -1);
}

static void test_defaults(void **state)
{
    (void)state;
    struct config c = { 0 };
    struct err e = { 0 };
    field_defaults(fields, &c);
    assert_int_equal(c.whole, 3);
    assert_true(c.real == 1e-3 && c.flag && c.colour == 1 && c.pair[1] == 0.98);
    for (const struct field *f = fields; f->key; f++) assert_int_equal(field_is_default(f, &c), f->standard != NULL);
    assert_int_equal(field_set(&fields[REAL], &c, "0.0010", &e), 0);
    assert_true(field_is_default(&fields[REAL], &c));
    assert_int_equal(field_set(&fields[REAL], &c, "0.00100000000000001", &e), 0);
    assert_false(field_is_default(&fields[REAL], &c));
    assert_ptr_equal(field_find(fields, "pair"), &fields[PAIR]);
    assert_null(field_find(fields, "pairs"));
    assert_null(field_find(NULL, "pair"));
}

static void test_range(void **state)
{
    (void)state;
    struct range r = range_parse("(-inf, 2.5]");
    assert_true(isinf(r.low) && r.low < 0 && r.low_open && r.high == 2.5 && !r.high_open);
    r = range_parse("[0, 1)");
    assert_true(r.low == 0 && !r.low_open && r.high == 1 && r.high_open);
    r = range_parse(NULL);
    assert_true(isinf(r.low) && isinf(r.high));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),   cmocka_unit_test(test_amounts), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_range),
    };
    return cmocka_run_group_tests_name("field", tests, NULL, NULL);
}
