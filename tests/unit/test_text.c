/* Texts in arrays: they fit, or it is told, or it is seen. */
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_print(void **state)
{
    (void)state;
    char to[8] = "before", big[4];
    assert_true(text_print(to, sizeof to, "%d", 1234567));
    assert_string_equal(to, "1234567");
    assert_false(text_print(to, sizeof to, "%d", 12345678));
    assert_string_equal(to, "");
    assert_true(text_print(big, 1, "%s", ""));
    assert_false(text_print(big, 1, "x"));
}

/* The source need not end where it is read to. */
static void test_copy(void **state)
{
    (void)state;
    const char four[4] = { 'a', 'b', 'c', 'd' };
    char to[5] = "....", small[4];
    assert_true(text_copy(to, sizeof to, four, 4));
    assert_string_equal(to, "abcd");
    assert_true(text_copy(to, sizeof to, four, 2));
    assert_string_equal(to, "ab");
    assert_true(text_copy(to, sizeof to, "x", 100));
    assert_string_equal(to, "x");
    assert_false(text_copy(small, sizeof small, four, 4));
    assert_string_equal(small, "");
}

/* "äöü€" in every size: whole characters and dots, never more than there is room for. */
static void test_brief(void **state)
{
    (void)state;
    const char *const text = "\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac";
    const char *const want[] = { "...",
                                 "...",
                                 "\xc3\xa4...",
                                 "\xc3\xa4...",
                                 "\xc3\xa4\xc3\xb6...",
                                 "\xc3\xa4\xc3\xb6...",
                                 "\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac" };
    for (size_t size = 4; size <= 10; size++) {
        char to[10];
        text_brief(to, size, "%s", text);
        assert_string_equal(to, want[size - 4]);
    }
}

static void test_path(void **state)
{
    (void)state;
    char to[12];
    text_brief_path(to, sizeof to, "/a/bcd/e.h5");
    assert_string_equal(to, "/a/bcd/e.h5");
    text_brief_path(to, sizeof to, "/a/bcde/f.h5");
    assert_string_equal(to, "...cde/f.h5");
    text_brief_path(to, sizeof to,
                    "/a/\xe2\x82\xac"
                    "d/f.h5");
    assert_string_equal(to, "...d/f.h5");
}

static void test_shown(void **state)
{
    (void)state;
    const char *const text = "twelve chars";
    assert_ptr_equal(text_shown(text, 12), text);
    assert_string_equal(text_shown(text, 6), "twelve...");
    assert_string_equal(text_shown("a\xe2\x82\xac", 3), "a...");
    const char *first = text_shown(text, 1), *second = text_shown(text, 2);
    for (size_t i = 3; i <= 8; i++) text_shown(text, i);
    assert_string_equal(first, "t...");
    assert_string_equal(second, "tw...");
}

static void test_shell(void **state)
{
    (void)state;
    const char *const plain = "/scratch/a-b_c/quick.yaml";
    assert_ptr_equal(text_shell(plain), plain);
    assert_string_equal(text_shell("my store.h5"), "'my store.h5'");
    assert_string_equal(text_shell("it's $HOME"), "'it'\\''s $HOME'");
    assert_string_equal(text_shell(""), "''");
}

/* An error keeps the end of a long path, the beginning of a long text, and says so. */
static void test_err(void **state)
{
    (void)state;
    char path[2000], text[1024];
    struct err e = { 0 };
    memset(path, 'p', sizeof path - 1);
    memcpy(path + sizeof path - 6, "/s.h5", 6);
    err_at(&e, ERR_IO, path, NOWHERE, path, "%s", path);
    err_text(&e, text, sizeof text);
    assert_int_equal(strncmp(text, "...p", 4), 0);
    assert_non_null(strstr(text, "/s.h5: p"));
    assert_string_equal(e.path + sizeof e.path - 5, "p...");
    assert_string_equal(e.text + sizeof e.text - 5, "p...");
    assert_string_equal(text + strlen(text) - 4, "p...");
}

static void test_times(void **state)
{
    (void)state;
    const double no_time[] = { NAN, INFINITY, -INFINITY, 1e300, -1e18 };
    char out[32];
    assert_string_equal(clock_iso(0, out), "1970-01-01T00:00:00Z");
    for (size_t i = 0; i < ARRAY_LEN(no_time); i++) assert_string_equal(clock_iso(no_time[i], out), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print), cmocka_unit_test(test_copy),  cmocka_unit_test(test_brief),
        cmocka_unit_test(test_path),  cmocka_unit_test(test_shown), cmocka_unit_test(test_err),
        cmocka_unit_test(test_times), cmocka_unit_test(test_shell),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
