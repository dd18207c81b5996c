/* store/repair: damaged jobs are trained again, finished ones beside what is left of them; what was made from them is
 * looked at again; nothing else changes. */
#include "store_fixture.h"

#include "store/verify.h"

enum { JOBS = 9 }; /* jobs 2, 5 and 8 are children of 1, 4 and 7; the others have no parent */

struct faults {
    size_t count;
    bool row[JOBS];
};

static void note(void *ctx, uint32_t row, const char *id, const char *dataset, const char *what)
{
    struct faults *f = ctx;
    (void)id, (void)dataset, (void)what;
    f->count++;
    if (row < JOBS) f->row[row] = true;
}

static struct faults faults_of(const char *path)
{
    struct faults f = { 0 };
    struct verify_totals totals;
    struct err e = { 0 };
    struct store *s = open_store(path, false);
    assert_int_equal(store_verify(s, note, &f, &totals, &e), 0);
    store_close(s);
    return f;
}

static struct fixture *make_store(const char *path)
{
    struct fixture *f = fixture_new("s1", 0, JOBS);
    unlink(path);
    prepare(path, f);
    struct store *s = open_store(path, true);
    for (size_t i = 0; i < JOBS; i++) run_job(s, i, f->row[i], 1);
    store_close(s);
    return f;
}

/* Change one byte of a record as a bad disk would. */
static void flip(const char *path, enum table_id which, size_t row, size_t byte)
{
    struct store *s = open_store(path, true);
    struct err e = { 0 };
    char *record = calloc(1, s->table[which].size);
    assert_int_equal(table_read(s, which, row, 1, record, &e), 0);
    record[byte] ^= 4;
    assert_int_equal(table_write(s, which, row, 1, record, &e), 0);
    free(record);
    store_close(s);
}

static void flip_data(const char *path, size_t row)
{
    struct store *s = open_store(path, true);
    struct store_row r;
    struct err e = { 0 };
    const uint64_t wrong = 12345;
    assert_int_equal(store_read_row(s, (uint32_t)row, &r, NULL, &e), 0);
    const struct family *f = &s->family[r.family];
    assert_int_equal(sums_write(s, f, (size_t)r.family_row, 0, 1, (uint64_t[]){ wrong }, &e), 0);
    store_close(s);
}

static void repair(const char *path, struct fixture *f)
{
    f->need.repair = true;
    prepare(path, f);
}

/* What repair has made of each job: `again` have results, `fresh` none, `doubtful` are as they were; of those of the
 * need each that may be trained has arrays for it. */
struct outcome {
    const char *again, *fresh, *doubtful;
    size_t known; /* jobs of the need: the first so many */
};

static bool is_in(const char *list, size_t i)
{
    return strchr(list, '0' + (char)i) != NULL;
}

static void check_row(struct store *s, size_t i, const struct outcome *o)
{
    struct store_row r;
    struct err e = { 0 };
    char id[ID_CHARS + 1], want[64];
    struct buf canonical = { 0 };
    assert_int_equal(store_read_row(s, (uint32_t)i, &r, NULL, &e), 0);
    assert_memory_equal(r.id, id_text(job_id(i), id), ID_CHARS);
    const bool next = is_in(o->again, i) || is_in(o->doubtful, i), fresh = is_in(o->fresh, i);
    assert_int_equal(r.state, fresh ? JOB_PENDING : JOB_DONE);
    assert_int_equal(r.next_state, !next ? NEXT_NONE : is_in(o->again, i) ? NEXT_PENDING : NEXT_CONFIRM);
    assert_int_equal(r.next_row >= 0, next && i < o->known);
    if (fresh) assert_int_equal(r.data_sum, 0);
    for (size_t a = 0; fresh && a < store_family(s, (size_t)r.family)->arrays; a++)
        assert_false(store_has(s, &r, a, 0));
    snprintf(want, sizeof want, "tombola/1 job=%zu", i);
    assert_int_equal(store_read_texts(s, (uint32_t)i, &canonical, NULL, &e), 0);
    assert_string_equal(buf_chars(&canonical), want);
    buf_release(&canonical);
    if (!fresh && !is_in(o->again, i)) assert_null(check_job(s, i, (uint32_t)i, 1));
}

/* Then all that is to be trained is, and every row is sound, in a place of its own. */
static void check(const char *path, const struct fixture *f, struct outcome o)
{
    struct store *s = open_store(path, true);
    assert_int_equal(store_rows(s), JOBS);
    for (size_t i = 0; i < JOBS; i++) {
        if (i < o.known) assert_int_equal(f->row[i], i);
        check_row(s, i, &o);
    }
    for (size_t i = 0; i < o.known; i++) {
        struct store_row before, after;
        struct err e = { 0 };
        if (!is_in(o.again, i) && !is_in(o.fresh, i)) continue;
        assert_int_equal(store_read_row(s, (uint32_t)i, &before, NULL, &e), 0);
        run_job(s, i, (uint32_t)i, 2);
        assert_null(check_job(s, i, (uint32_t)i, 2));
        assert_int_equal(store_stays(s, (uint32_t)i, &before), is_in(o.fresh, i));
        assert_int_equal(store_read_row(s, (uint32_t)i, &after, NULL, &e), 0);
        assert_int_equal(after.next_state, NEXT_NONE);
        assert_int_equal(after.next_row, COLUMN_NO_INT);
        for (size_t a = 0; is_in(o.again, i) && a < store_family(s, (size_t)before.family)->arrays; a++)
            assert_false(store_has(s, &before, a, 0)); /* the old place is nobody's */
    }
    store_close(s);
    if (o.known == JOBS) assert_int_equal(faults_of(path).count, 0);
}

static void sound_store(void **state)
{
    const char *path = file_in(state, "sound.h5");
    struct fixture *f = make_store(path);
    repair(path, f);
    check(path, f, (struct outcome){ "", "", "", JOBS });
    free(f);
}

static void bad_data(void **state)
{
    const char *path = file_in(state, "data.h5");
    struct fixture *f = make_store(path);
    flip_data(path, 1);
    flip_data(path, 5);
    flip_data(path, 6);
    assert_true(faults_of(path).row[1]);
    repair(path, f);
    check(path, f, (struct outcome){ "156", "", "2", JOBS }); /* 2 was made from 1; nothing was made from 5 or 6 */
    free(f);
}

static void bad_rows(void **state)
{
    const char *path = file_in(state, "rows.h5");
    struct fixture *f = make_store(path);
    flip(path, TABLE_JOBS, 4, 0);                                      /* its id */
    flip(path, TABLE_JOBS, 0, offsetof(struct store_row, row_sum));    /* its checksum */
    flip(path, TABLE_JOBS, 3, offsetof(struct store_row, family_row)); /* where its arrays are */
    repair(path, f);
    check(path, f, (struct outcome){ "", "034", "5", JOBS }); /* 5 was made from 4 */
    free(f);
}

static void bad_texts(void **state)
{
    const char *path = file_in(state, "texts.h5");
    struct fixture *f = make_store(path);
    flip(path, TABLE_CANONICAL, 3, 5);
    flip(path, TABLE_CANONICAL, 6, STORE_CANONICAL - 1); /* in its padding */
    repair(path, f);
    check(path, f, (struct outcome){ "36", "", "", JOBS });
    free(f);
}

/* Row and text: what is left of the id, or else the plan, says whose they were. */
static void both_gone(void **state)
{
    const char *path = file_in(state, "both.h5");
    struct fixture *f = make_store(path);
    flip(path, TABLE_JOBS, 8, offsetof(struct store_row, seconds));
    flip(path, TABLE_JOBS, 0, 1);
    flip(path, TABLE_JOBS, 3, 1);
    flip(path, TABLE_CANONICAL, 0, 5);
    flip(path, TABLE_CANONICAL, 3, 5);
    flip(path, TABLE_CANONICAL, 8, 5);
    repair(path, f);
    check(path, f, (struct outcome){ "", "038", "", JOBS });
    free(f);
}

/* Jobs that the sweep at hand does not name are reset all the same, but a row cannot be made up for them. */
static void other_sweeps(void **state)
{
    const char *path = file_in(state, "other.h5");
    struct fixture *f = make_store(path), *few = fixture_new("s1", 0, 3);
    flip_data(path, 7);
    repair(path, few);
    for (size_t i = 3; i < JOBS; i++) assert_int_equal(f->row[i], i);
    check(path, few, (struct outcome){ "7", "", "8", 3 });
    flip(path, TABLE_JOBS, 6, 0);
    repair(path, few);
    assert_true(faults_of(path).row[6]);
    repair(path, f);
    check(path, f, (struct outcome){ "7", "6", "8", JOBS });
    free(few);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_store), cmocka_unit_test(bad_data),  cmocka_unit_test(bad_rows),
        cmocka_unit_test(bad_texts),   cmocka_unit_test(both_gone), cmocka_unit_test(other_sweeps),
    };
    return cmocka_run_group_tests_name("repair", tests, folder_setup, folder_teardown);
}
