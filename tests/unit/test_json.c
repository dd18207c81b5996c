/* Floor 0: JSON. */
#include "base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check(const char *text, const char *want)
{
    struct buf b = { 0 };
    json_text(&b, NULL, text);
    assert_string_equal(buf_chars(&b), want);
    buf_release(&b);
}

static void test_texts(void **state)
{
    (void)state;
    check(NULL, "null");
    check("a\"b\\c/\n\x7F", "\"a\\\"b\\\\c/\\u000a\\u007f\"");
    check("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8E\xB2", "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8E\xB2\"");
    check("\xC3", "\"\\ufffd\"");                       /* cut short   */
    check("\xC0\x80", "\"\\ufffd\\ufffd\"");            /* overlong    */
    check("\xE0\x80\x80", "\"\\ufffd\\ufffd\\ufffd\""); /* overlong    */
    check("\xED\xA0\x80", "\"\\ufffd\\ufffd\\ufffd\""); /* a surrogate */
    check("\xF4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

/* Texts that end with what opens something else take a comma all the same. */
static void test_commas(void **state)
{
    (void)state;
    struct buf b = { 0 };
    json_open(&b, NULL, '{');
    JSON_TEXTS(&b, "a{", "[", "b", ":", "c", NULL);
    JSON_COUNTS(&b, { "jobs", 3 }, { "most", UINT64_MAX });
    json_open(&b, "list", '[');
    json_int(&b, NULL, INT64_MIN);
    json_real(&b, NULL, 0.5);
    json_real(&b, NULL, (double)NAN);
    json_real(&b, NULL, -(double)INFINITY);
    json_open(&b, NULL, '[');
    json_close(&b, ']');
    json_open(&b, NULL, '{');
    json_close(&b, '}');
    json_close(&b, ']');
    json_raw(&b, "yes", "true");
    json_close(&b, '}');
    assert_string_equal(buf_chars(&b),
                        "{\"a{\":\"[\",\"b\":\":\",\"c\":null,\"jobs\":3,\"most\":18446744073709551615,"
                        "\"list\":[-9223372036854775808,0.5,null,null,[],{}],\"yes\":true}");
    buf_text(&b, "\n");
    json_open(&b, NULL, '{');
    assert_string_equal(b.bytes + b.length - 2, "\n{");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_commas),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
