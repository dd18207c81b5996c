/* store/: a process killed before, in the middle of, or after any of its system calls leaves the old store or the new
 * one: a forked child dies at a chosen one (trap.h).  By default every STRIDEth call is tried, from another start
 * in each run; TOMBOLA_TEST_ALL=1 tries every one. */
#include "trap.h"

#include "store/verify.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* HDF5 1.10 loses a few bytes each time it refuses damaged metadata; the leak checker need not mind. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

enum { STRIDE = 5, OLD_JOBS = 6 };

/* ---- one trial ---- */

/* What measures of finished jobs need: two parts of two values, and one. */
static const struct store_array later_arrays[] = {
    { .path = "measures/later/a", .type = COLUMN_F64, .parts = 2, .rank = 1, .dim = { 2 }, .unit = "1", .help = "a" },
    { .path = "measures/later/b", .type = COLUMN_F64, .parts = 0, .rank = 1, .dim = { 1 }, .unit = "1", .help = "b" },
};
static const struct store_annex annex = { 0, "measures/later", "about=later", later_arrays, ARRAY_LEN(later_arrays) };

/* A NULL fixture: add the annex. */
static int grow(const char *path, struct fixture *f, struct err *e)
{
    return f ? store_prepare(path, &f->need, f->row, e) : store_add_annexes(path, &annex, 1, e);
}

static int child_prepares(const char *path, struct fixture *f, long at, enum when when, int full)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct err e = { 0 };
        trap.armed = true;
        trap.full = full;
        trap.left = at;
        trap.when = when;
        trap.path = path;
        int rc = grow(path, f, &e);
        if (rc && e.kind != ERR_FULL) print_error("%s: %s\n", e.file, e.text);
        _exit(rc ? (int)e.kind : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void copy_file(const char *from, const char *to)
{
    struct buf bytes = { 0 };
    assert_true(buf_read_file(&bytes, from));
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.bytes, 1, bytes.length, file), bytes.length);
    fclose(file);
    buf_release(&bytes);
}

static void remove_store(const char *path)
{
    char undo[320];
    snprintf(undo, sizeof undo, "%s.undo", path);
    unlink(path);
    unlink(undo);
}

/* What the dead has left can be read, or says that it will be repaired. */
static void readers_are_told(const char *path, size_t done)
{
    struct store *s;
    struct err e = { 0 };
    if (access(path, F_OK)) return;
    if (store_open_read(&s, path, &e)) {
        if (!strstr(e.text, "a growth was interrupted, by which nothing is lost")) fail_msg("%s", e.text);
        return;
    }
    if (!journal_exists(path))
        for (size_t i = 0; i < done && store_rows(s); i++) {
            const char *wrong = check_job(s, i, (uint32_t)i, 1);
            if (wrong) fail_msg("job %zu: %s", i, wrong);
        }
    store_close(s);
}

static void say_fault(void *ctx, uint32_t row, const char *id, const char *dataset, const char *what)
{
    (void)ctx;
    print_error("row %u (%s), %s: %s\n", row, id, dataset, what);
}

/* The next run finds every old row and all that it asks for. */
static void next_run_succeeds(const char *path, struct fixture *f, size_t rows, size_t done)
{
    struct err e = { 0 };
    struct verify_totals totals;
    if (store_prepare(path, &f->need, f->row, &e)) fail_msg("the next run: %s: %s", e.file, e.text);
    struct store *s = open_store(path, true);
    assert_int_equal(store_rows(s), rows);
    assert_false(journal_exists(path));
    for (size_t i = 0; i < done; i++) {
        const char *wrong = check_job(s, i, (uint32_t)i, 1);
        if (wrong) fail_msg("job %zu after the next run: %s", i, wrong);
    }
    run_job(s, f->first + 1, f->row[1], 1);
    assert_int_equal(store_verify(s, say_fault, NULL, &totals, &e), 0);
    assert_int_equal(totals.faults, 0);
    assert_int_equal(totals.rows, rows);
    store_close(s);
}

/* ---- scenarios ---- */

static long stride(void)
{
    return getenv("TOMBOLA_TEST_ALL") ? 1 : STRIDE;
}

static long first_call(void)
{
    return getenv("TOMBOLA_TEST_ALL") ? 0 : (long)(time(NULL) % STRIDE);
}

/* A store with OLD_JOBS jobs done. */
static void make_base(const char *base, size_t capacity)
{
    struct fixture *f = fixture_new("old", 0, OLD_JOBS);
    f->need.capacity = capacity;
    unlink(base);
    prepare(base, f);
    struct store *s = open_store(base, true);
    for (size_t i = 0; i < OLD_JOBS; i++) run_job(s, i, f->row[i], 1);
    store_close(s);
    free(f);
}

static void names(void **state, char base[300], char path[300])
{
    snprintf(base, 300, "%s/base.h5", (const char *)*state);
    snprintf(path, 300, "%s/x.h5", (const char *)*state);
}

/* Kill prepare(f) on a copy of base (NULL: without a store) at every chosen call. */
static long every_call(const char *base, const char *path, struct fixture *f, size_t rows)
{
    long trials = 0;
    for (enum when when = BEFORE; when < WHENS; when++)
        for (long at = first_call();; at += stride(), trials++) {
            remove_store(path);
            if (base) copy_file(base, path);
            int status = child_prepares(path, f, at, when, 0);
            assert_true(status == 0 || status == DIED);
            readers_are_told(path, base ? OLD_JOBS : 0);
            next_run_succeeds(path, f, rows, base ? OLD_JOBS : 0);
            if (status == 0) break;
        }
    return trials;
}

static void creation(void **state)
{
    char base[300], path[300];
    names(state, base, path);
    struct fixture *f = fixture_new("new", 0, 40);
    assert_true(every_call(NULL, path, f, 40) * stride() > 20);
    free(f);
}

static void growth_in_reserve(void **state)
{
    char base[300], path[300];
    names(state, base, path);
    make_base(base, 0);
    struct fixture *f = fixture_new("more", OLD_JOBS - 2, 10);
    assert_true(every_call(base, path, f, OLD_JOBS + 8) * stride() > 6);
    unlink(base);
    free(f);
}

/* Everything at once: tables replaced, new columns, siblings, a new family. */
static const struct column new_column[] = {
    { "width", COLUMN_I64, 0, 0, NULL, "1", "hidden units" },
    { "momentum", COLUMN_F64, 8, 0, NULL, "1", "new" },
    COLUMN_END,
};

static struct fixture *large_need(void)
{
    static const struct store_array wide = { "series/loss", COLUMN_F64, 0,    1,    { 20 }, false,
                                             "nat",         "loss",     NULL, NULL, NULL };
    struct fixture *f = fixture_new("large", OLD_JOBS - 2, 90);
    f->need.specs.column = new_column;
    f->family[1] = (struct store_family){ "wide", "about=wide", &wide, 1, constants, 2, 0 };
    return f;
}

static void growth_of_structure(void **state)
{
    char base[300], path[300];
    names(state, base, path);
    make_base(base, OLD_JOBS);
    struct fixture *f = large_need();
    long trials = every_call(base, path, f, OLD_JOBS + 88);
    assert_true(trials * stride() > 100);
    print_message("             %ld kills\n", trials);
    unlink(base);
    free(f);
}

/* The repair is killed as well. */
static void repair(void **state)
{
    char base[300], path[300], broken[300], undo[300], broken_undo[320];
    names(state, base, path);
    snprintf(broken, sizeof broken, "%s/broken.h5", (const char *)*state);
    snprintf(broken_undo, sizeof broken_undo, "%s.undo", broken);
    snprintf(undo, sizeof undo, "%s/x.h5.undo", (const char *)*state);
    make_base(base, OLD_JOBS);
    struct fixture *f = large_need();
    size_t repairs = 0;
    for (long at = 10 + first_call(); at < 200; at += 37) {
        copy_file(base, broken);
        if (child_prepares(broken, f, at, MIDDLE, 0) != DIED) break;
        if (!journal_exists(broken)) continue;
        for (long again = first_call(); again < 40; again += stride(), repairs++) {
            copy_file(broken, path);
            copy_file(broken_undo, undo);
            child_prepares(path, f, again, MIDDLE, 0);
            readers_are_told(path, OLD_JOBS);
            next_run_succeeds(path, f, OLD_JOBS + 88, OLD_JOBS);
        }
        unlink(broken_undo);
    }
    assert_true(repairs > 0);
    unlink(base);
    unlink(broken);
    free(f);
}

/* A full disk, quota or file is an error, not a death: the old store is put back at once. */
static void full_disk(void **state)
{
    char base[300], path[300];
    names(state, base, path);
    make_base(base, OLD_JOBS);
    struct fixture *f = large_need();
    static const int full[] = { ENOSPC, EDQUOT, EFBIG };
    int status = 1;
    size_t tries = 0;
    for (long at = first_call(); status; at += stride()) {
        remove_store(path);
        copy_file(base, path);
        status = child_prepares(path, f, at, BEFORE, full[tries++ % ARRAY_LEN(full)]);
        if (status && status != ERR_FULL) fail_msg("call %ld: error kind %d", at, status);
        readers_are_told(path, OLD_JOBS);
        next_run_succeeds(path, f, OLD_JOBS + 88, OLD_JOBS);
    }
    unlink(base);
    free(f);
}

/* Die at the at-th call of a put: true if the part is there afterwards. */
static bool put_killed(struct store *s, const char *path, const struct store_row *r, const void *data, long at)
{
    struct err e = { 0 };
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        trap.armed = true;
        trap.left = at;
        trap.when = MIDDLE;
        trap.path = path;
        UNLOOKED(store_put(s, r, 0, 0, data, 3 * PAGE, &e)); /* it ends in it */
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return store_has(s, r, 0, 0);
}

/* A part that is being overwritten is not there at all; one that is being repeated stays whole. */
static void torn_parts(void **state)
{
    static const struct store_array large = { "mask", COLUMN_U8, 0,    1,    { 3 * PAGE }, false,
                                              "",     "1: kept", NULL, NULL, NULL };
    static unsigned char old[3 * PAGE], new[3 * PAGE];
    struct fixture *f = fixture_new("s1", 0, 1);
    struct err e = { 0 };
    struct store_row r;
    char base[300], path[300];
    names(state, base, path);
    remove_store(path);
    f->family[0] = (struct store_family){ "large", "", &large, 1, NULL, 0, 0 };
    prepare(path, f);
    struct store *s = open_store(path, true);
    assert_int_equal(store_read_row(s, 0, &r, NULL, &e), 0);
    memset(old, 1, sizeof old);
    memset(new, 2, sizeof new);
    assert_int_equal(store_put(s, &r, 0, 0, old, sizeof old, &e), 0);
    for (long at = 0; at < 3; at++) assert_true(put_killed(s, path, &r, old, at));
    assert_true(put_killed(s, path, &r, new, 0)); /* before anything has happened */
    assert_false(put_killed(s, path, &r, new, 1));
    assert_int_equal(store_put(s, &r, 0, 0, new, sizeof new, &e), 0);
    assert_int_equal(store_get(s, &r, 0, 0, old, sizeof old, &e), 0);
    assert_memory_equal(old, new, sizeof old);
    store_close(s);
    free(f);
}

/* The annex is there, empty, for every row; what is put into it is vouched for by its own word, and forgotten when a
 * job starts anew. */
static void annex_is_sound(const char *path)
{
    struct err e = { 0 };
    struct verify_totals totals;
    if (store_add_annexes(path, &annex, 1, &e)) fail_msg("the next run: %s: %s", e.file, e.text);
    struct store *s = open_store(path, true);
    struct store_row r;
    const double values[2] = { 1, 2 };
    assert_false(journal_exists(path));
    assert_string_equal(store_annex_about(s, 0, "measures/later"), "about=later");
    assert_null(store_annex_about(s, 0, "measures/never"));
    const size_t a = store_array_find(s, 0, "measures/later/a"), b = store_array_find(s, 0, "measures/later/b");
    for (uint32_t row = 0; row < OLD_JOBS; row++) {
        const char *wrong = check_job(s, row, row, 1);
        if (wrong) fail_msg("job %u: %s", row, wrong);
        assert_int_equal(store_read_row(s, row, &r, NULL, &e), 0);
        if (r.family != 0) continue;
        assert_false(store_annex_done(s, &r, "measures/later") || store_has(s, &r, a, 1) || store_has(s, &r, b, 0));
        assert_int_equal(store_put(s, &r, a, 1, values, store_part_bytes(&store_family(s, 0)->array[a]), &e) ||
                             store_put(s, &r, b, 0, values, store_part_bytes(&store_family(s, 0)->array[b]), &e),
                         0);
        assert_false(store_annex_done(s, &r, "measures/later"));
        assert_int_equal(store_annex_commit(s, &r, "measures/later", &e), 0);
        assert_true(store_annex_done(s, &r, "measures/later"));
    }
    assert_int_equal(store_verify(s, say_fault, NULL, &totals, &e), 0);
    assert_int_equal(totals.faults, 0);
    assert_int_equal(store_read_row(s, 0, &r, NULL, &e), 0);
    assert_int_equal(store_begin(s, 0, &r, false, &e), 0);
    assert_false(store_annex_done(s, &r, "measures/later") || store_has(s, &r, a, 1));
    store_close(s);
}

static void annexes(void **state)
{
    char base[300], path[300];
    names(state, base, path);
    make_base(base, 0);
    long trials = 0;
    for (enum when when = BEFORE; when < WHENS; when++)
        for (long at = first_call();; at += stride(), trials++) {
            remove_store(path);
            copy_file(base, path);
            int status = child_prepares(path, NULL, at, when, 0);
            assert_true(status == 0 || status == DIED);
            readers_are_told(path, OLD_JOBS);
            annex_is_sound(path);
            if (status == 0) break;
        }
    assert_true(trials * stride() > 20);
    unlink(base);
}

static void journals_of_others(void **state)
{
    char base[300], path[300];
    names(state, base, path);
    char undo[320];
    struct err e = { 0 };
    snprintf(undo, sizeof undo, "%s.undo", path);
    make_base(base, 0);
    assert_int_equal(journal_begin(base, &e), 0);
    struct fixture *f = fixture_new("other", 0, 30);
    unlink(path);
    prepare(path, f);
    char base_undo[320];
    snprintf(base_undo, sizeof base_undo, "%s.undo", base);
    copy_file(base_undo, undo);
    assert_int_equal(store_prepare(path, &f->need, f->row, &e), -1);
    assert_int_equal(e.kind, ERR_STORE);
    assert_non_null(strstr(e.text, "is of another store"));
    memset(&e, 0, sizeof e);
    FILE *file = fopen(undo, "r+b");
    fseek(file, 100, SEEK_SET);
    fputc('!', file);
    fclose(file);
    assert_int_equal(store_prepare(path, &f->need, f->row, &e), -1);
    assert_non_null(strstr(e.text, "is damaged"));
    unlink(path); /* a new store has nothing to do with the journal of one that was moved, or deleted: it is kept */
    prepare(path, f);
    assert_false(journal_exists(path));
    strcat(undo, ".1");
    assert_int_equal(access(undo, F_OK), 0);
    unlink(undo);
    assert_int_equal(journal_replay(base, (memset(&e, 0, sizeof e), &e)), 0);
    next_run_succeeds(base, f, 30, 0);
    free(f);
}

/* A store with the same counts in /control, and this store as it was before the growth, say from a backup. */
static void journals_of_likes(void **state)
{
    char base[300], path[300], undo[320], kept[320];
    names(state, base, path);
    snprintf(undo, sizeof undo, "%s.undo", base);
    snprintf(kept, sizeof kept, "%s.kept", base);
    struct fixture *f = fixture_new("old", 0, OLD_JOBS);
    for (int twin = 0; twin < 2; twin++) {
        struct err e = { 0 };
        make_base(path, 0);
        make_base(base, 0);
        copy_file(twin ? path : base, kept);
        assert_int_equal(journal_begin(base, &e), 0);
        copy_file(kept, base);
        assert_int_equal(store_prepare(base, &f->need, f->row, &e), -1);
        assert_int_equal(e.kind, ERR_STORE);
        assert_non_null(strstr(e.text, "is of another store"));
        assert_true(journal_exists(base));
        unlink(undo);
        next_run_succeeds(base, f, OLD_JOBS, OLD_JOBS);
    }
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creation), cmocka_unit_test(growth_in_reserve),  cmocka_unit_test(growth_of_structure),
        cmocka_unit_test(repair),   cmocka_unit_test(full_disk),          cmocka_unit_test(torn_parts),
        cmocka_unit_test(annexes),  cmocka_unit_test(journals_of_others), cmocka_unit_test(journals_of_likes),
    };
    return cmocka_run_group_tests_name("journal", tests, folder_setup, folder_teardown);
}
