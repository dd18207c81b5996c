/* A libFuzzer target: any bytes are read as sweep files, expanded and planned, as `tombola plan` does.  See `make
 * fuzz`; tests/unit/test_fuzz_corpus.c runs what the fuzzer has found worth keeping in every check.
 *
 * Lines of "#%" divide the bytes into the files a, b, c, ... of all folders, of which the first is asked for: no
 * sweep file of this machine is ever opened.
 */
#include "fuzz_sweep.h"
#include "job/plan.h"
#include "sweep/private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { POINTS = 10000 }; /* a large grid is slow by right: only whether it is counted well is looked at */
enum { FILES = 26 };

/* ---- files in memory, in place of src/sweep/file.c ---- */

static struct {
    const uint8_t *bytes;
    size_t length;
} files[FILES];

static void divide(const uint8_t *bytes, size_t length)
{
    static const char line[] = "\n#%\n";
    const size_t width = sizeof line - 1;
    memset(files, 0, sizeof files);
    files[0].bytes = bytes;
    for (size_t i = 0, n = 0; i < length; i++) {
        if (n + 1 < FILES && length - i >= width && !memcmp(bytes + i, line, width)) {
            i += width - 1;
            files[++n].bytes = bytes + i + 1;
        } else {
            files[n].length++;
        }
    }
}

bool file_identify(const char *path, struct file_id *id, bool *plain)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t which = (size_t)(name[0] - 'a');
    *plain = name[0] != '\0';
    *id = (struct file_id){ 0, which };
    if (!*plain || (which < FILES && files[which].bytes && !name[1])) return true;
    errno = ENOENT;
    return false;
}

bool file_read(const char *path, size_t limit, struct buf *out)
{
    struct file_id id;
    bool plain;
    if (!file_identify(path, &id, &plain)) return false;
    const size_t length = files[id.number].length;
    buf_add(out, files[id.number].bytes, length < limit ? length : limit + 1);
    return true;
}

/* ---- the target ---- */

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
    divide(bytes, length);
    plan_file("/sweeps/a");
    return 0;
}
