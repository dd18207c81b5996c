/* cli/launch.h: what a run can know about how it was started. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "n1:0-1" may run on cores 0 and 1 of n1. */
static struct launch_rank on(const char *host, int first, int last)
{
    struct launch_rank r = { .program = 7, .threads = 1 };
    snprintf(r.host, sizeof r.host, "%s", host);
    for (int i = first; i <= last; i++) r.core[i / 64] |= UINT64_C(1) << i % 64;
    return r;
}

static void test_crowded(void **state)
{
    (void)state;
    const struct launch_rank bound[] = { on("n1", 0, 0), on("n1", 1, 1), on("n2", 0, 0), on("n2", 63, 64) };
    assert_int_equal(launch_crowded(bound, 4), -1);
    const struct launch_rank same[] = { on("n1", 5, 5), on("n2", 5, 5), on("n1", 6, 6), on("n1", 5, 5) };
    assert_int_equal(launch_crowded(same, 4), 3);
    assert_int_equal(launch_crowded(same, 3), -1);
    const struct launch_rank free_to_move[] = { on("n1", 0, 2), on("n1", 0, 2), on("n1", 0, 2), on("n1", 0, 2) };
    assert_int_equal(launch_crowded(free_to_move, 3), -1);
    assert_int_equal(launch_crowded(free_to_move, 4), 3);
    struct launch_rank unknown[2] = { on("n1", 0, -1), on("n1", 0, -1) };
    assert_int_equal(launch_crowded(unknown, 2), -1);
}

static void test_same_program(void **state)
{
    (void)state;
    struct launch_rank all[] = { on("n1", 0, 0), on("n1", 1, 1), on("n2", 0, 0) };
    struct err e = { 0 };
    assert_int_equal(launch_same_program(all, 3, &e), 0);
    all[1].program = 0;
    assert_int_equal(launch_same_program(all, 3, &e), 0);
    all[2].program = 8;
    assert_int_equal(launch_same_program(all, 3, &e), -1);
    assert_int_equal(err_exit_code(&e), 2);
    assert_non_null(strstr(e.text, "rank 2 on 'n2' runs another tombola than rank 0 on 'n1'"));
}

static void check_text(const struct launch_rank *all, int ranks, const char *want)
{
    struct buf text = { 0 };
    launch_describe(&text, all, ranks);
    assert_string_equal(buf_chars(&text), want);
    buf_release(&text);
}

static void test_describe(void **state)
{
    (void)state;
    const struct launch_rank all[] = { on("n1", 0, 0), on("n1", 1, 1), on("n2", 9, 9), on("n2", 1, 4) };
    check_text(all, 1, "1 rank on 1 host, each bound to 1 core, 1 BLAS thread each");
    check_text(all, 3, "3 ranks on 2 hosts, each bound to 1 core, 1 BLAS thread each");
    check_text(all, 4, "4 ranks on 2 hosts, each free to use 1 to 4 cores, 1 BLAS thread each");
    check_text(all + 3, 1, "1 rank on 1 host, each free to use 4 cores, 1 BLAS thread each");
}

static void test_look(void **state)
{
    (void)state;
    struct launch_rank self;
    launch_look(&self);
    assert_true(self.host[0]);
    assert_true(self.program != 0);
    assert_true(self.threads >= 1);
    uint64_t any = 0;
    for (size_t i = 0; i < ARRAY_LEN(self.core); i++) any |= self.core[i];
    assert_true(any != 0);
}

static void test_file_systems(void **state)
{
    (void)state;
    static const unsigned long nfs[] = { 0x6969, 0xFF534D42, 0xFE534D42, 0x517B }, others[] = { 0xEF53, 0x0BD00BD0 };
    struct err e = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(nfs); i++) {
        assert_int_equal(launch_check_place("s.h5", nfs[i], false, &e), 0);
        memset(&e, 0, sizeof e);
        assert_int_equal(launch_check_place("s.h5", nfs[i], true, &e), -1);
        assert_int_equal(err_exit_code(&e), 2);
        assert_non_null(strstr(e.text, "tombola merge"));
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(launch_check_place("s.h5", others[i], true, &e), 0);
    memset(&e, 0, sizeof e);
    assert_int_equal(launch_check_place("s.h5", 0x01021994, true, &e), -1);
    assert_non_null(strstr(e.text, "tmpfs"));
}

static void test_slurm_job(void **state)
{
    (void)state;
    unsetenv("SLURM_JOB_ID");
    assert_string_equal(launch_slurm_job(), "none");
    setenv("SLURM_JOB_ID", "4711", 1);
    setenv("SLURM_JOB_NAME", "full", 1);
    assert_string_equal(launch_slurm_job(), "4711 (full)");
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_JOB_NAME");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crowded), cmocka_unit_test(test_same_program), cmocka_unit_test(test_describe),
        cmocka_unit_test(test_look),    cmocka_unit_test(test_file_systems), cmocka_unit_test(test_slurm_job),
    };
    return cmocka_run_group_tests_name("launch", tests, NULL, NULL);
}
