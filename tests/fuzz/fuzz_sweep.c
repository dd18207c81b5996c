/* A libFuzzer target: any bytes are read as a sweep file, expanded and planned, as `tombola plan` does.  See `make
 * fuzz`; tests/unit/test_fuzz_corpus.c runs what the fuzzer has found worth keeping in every check.
 */
#include "fuzz_sweep.h"
#include "job/plan.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { POINTS = 10000 }; /* a large grid is slow by right: only whether it is counted well is looked at */

static uint64_t points_of(const struct sweep *s)
{
    uint64_t points = 0;
    for (size_t g = 0; s && g < sweep_grids(s); g++) {
        uint64_t more = sweep_grid_points(s, g);
        points = more > UINT64_MAX - points ? UINT64_MAX : points + more;
    }
    return points;
}

static void look_at_errors(const struct err_list *errors)
{
    char line[1000];
    for (size_t i = 0; i < errors->count; i++) MUST(err_text(&errors->item[i], line, sizeof line)[0]);
}

static void plan_file(const char *path)
{
    struct arena arena = { 0 };
    struct err_list errors = { 0 };
    const struct sweep *s = sweep_load(path, plan_schema(), &arena, &errors);
    MUST((s == NULL) == (errors.seen > 0) && "a sweep or errors");
    if (s && points_of(s) <= POINTS) {
        struct plan plan;
        int rc = plan_make(&plan, path, &arena, &errors);
        MUST((rc != 0) == (errors.seen > 0) && "a plan or errors");
        struct store_job job;
        for (size_t i = 0; rc == 0 && i < plan.jobs; i++) plan_describe(&plan, i, &job);
    }
    look_at_errors(&errors);
    err_list_release(&errors);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char path[32];
    int file = memfd_create("sweep", MFD_CLOEXEC);
    MUST(file >= 0 && write(file, bytes, length) == (ssize_t)length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    plan_file(path);
    close(file);
    return 0;
}
