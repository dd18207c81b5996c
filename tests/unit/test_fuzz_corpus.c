/* What the fuzzer of sweep files has found worth keeping (tests/fuzz), the bad sweep files, and the sweeps: each is
 * planned, or refused with errors.  The sanitizers look on when this is built for them.
 */
#include "../fuzz/fuzz_sweep.h"
#include "base/buf.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static size_t replay(const char *pattern)
{
    glob_t found;
    if (glob(pattern, 0, NULL, &found)) fail_msg("there is no %s", pattern);
    const size_t files = found.gl_pathc;
    for (size_t i = 0; i < files; i++) {
        struct buf text = { 0 };
        if (!buf_read_file(&text, found.gl_pathv[i])) fail_msg("%s cannot be read", found.gl_pathv[i]);
        assert_int_equal(LLVMFuzzerTestOneInput((const uint8_t *)buf_chars(&text), text.length), 0);
        buf_release(&text);
    }
    globfree(&found);
    return files;
}

static void corpus(void **state)
{
    (void)state;
    assert_true(replay("tests/fuzz/corpus/*") > 50);
}

static void sweeps(void **state)
{
    (void)state;
    replay("tests/bad/*.yaml");
    replay("sweeps/*.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(corpus), cmocka_unit_test(sweeps) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
