/* cli/deadline: spans of time as people and Slurm write them. */
#include "base/clock.h"
#include "base/err.h"
#include "cli/deadline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void spans(void **state)
{
    static const struct {
        const char *text;
        double seconds;
    } good[] = { { "0", 0 },     { "90", 90 },    { "90s", 90 }, { "1.5m", 90 },
                 { "2h", 7200 }, { "1d", 86400 }, { "1e2", 100 } };
    static const char *const bad[] = { "", "x", "5x", "-1", "5 m", "5mm", "inf", "nan", "1d2h" };
    double seconds;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(deadline_parse_span(good[i].text, &seconds));
        assert_true(seconds == good[i].seconds);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (deadline_parse_span(bad[i], &seconds)) fail_msg("'%s' was taken for %g s", bad[i], seconds);
}

static void as_squeue_says_it(void **state)
{
    static const struct {
        const char *text;
        double seconds;
    } good[] = {
        { "0:00", 0 },           { "3:04\n", 184 },          { "  59:59\n", 3599 },      { "2:03:04\n", 7384 },
        { "1-02:03:04", 93784 }, { "30-00:00:00", 2592000 }, { "UNLIMITED\n", INFINITY }
    };
    static const char *const bad[] = { "",          "\n",    "INVALID\n",
                                       "NOT_SET\n", "17",    "1-2",
                                       "1:2:3:4",   "-1:00", "slurm_load_jobs error" };
    double seconds;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (!deadline_parse_slurm(good[i].text, &seconds)) fail_msg("'%s' was not understood", good[i].text);
        assert_true(seconds == good[i].seconds);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (deadline_parse_slurm(bad[i], &seconds)) fail_msg("'%s' was taken for %g s", bad[i], seconds);
}

/* A squeue of our own on the PATH. */
static void make_squeue(const char *folder, const char *script)
{
    char path[256];
    snprintf(path, sizeof path, "%s/squeue", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s\n", script);
    fclose(f);
    assert_int_equal(chmod(path, 0755), 0);
}

static void asking_slurm(void **state)
{
    char folder[] = "/tmp/tombola-test-XXXXXX", text[1 << 14]; /* a PATH may be long */
    double seconds;
    (void)state;
    unsetenv("SLURM_JOB_END_TIME");
    unsetenv("SLURM_JOB_ID");
    assert_true(deadline_of_slurm(&seconds) && isinf(seconds));
    assert_non_null(mkdtemp(folder));
    snprintf(text, sizeof text, "%s:%s", folder, getenv("PATH"));
    setenv("PATH", text, 1);
    setenv("SLURM_JOB_ID", "4711", 1);
    make_squeue(folder, "[ \"$*\" = '-h -j 4711 -o %L' ] && echo 1:30:00");
    assert_true(deadline_of_slurm(&seconds) && seconds == 5400);
    make_squeue(folder, "echo INVALID");
    assert_false(deadline_of_slurm(&seconds));
    make_squeue(folder, "echo 'slurm is down' >&2; exit 1");
    assert_false(deadline_of_slurm(&seconds));
    snprintf(text, sizeof text, "%.0f", clock_unix() + 1000);
    setenv("SLURM_JOB_END_TIME", text, 1);
    assert_true(deadline_of_slurm(&seconds) && fabs(seconds - 1000) < 5);
    snprintf(text, sizeof text, "%s/squeue", folder);
    unlink(text);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans),
        cmocka_unit_test(as_squeue_says_it),
        cmocka_unit_test(asking_slurm),
    };
    return cmocka_run_group_tests_name("deadline", tests, NULL, NULL);
}
