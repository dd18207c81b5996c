/* store/: more jobs, more families, more columns than a store was made for, and rows that are damaged. */
#include "store_fixture.h"

#include "store/verify.h"

#include <sys/stat.h>

/* What somebody sees who has had the store open since before it grew: the old table, row for row. */
struct old {
    uint64_t at;
    char row[8 * PAGE];
    size_t bytes;
};

static struct old remember(struct store *s)
{
    struct old old = { .at = s->table[TABLE_JOBS].raw.at, .bytes = 8 * s->form.bytes };
    struct err e = { 0 };
    assert_true(old.bytes <= sizeof old.row);
    assert_int_equal(table_read(s, TABLE_JOBS, 0, 8, old.row, &e), 0);
    return old;
}

static void check_old(const struct old *old, const char *path)
{
    char now[sizeof old->row];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)old->at, SEEK_SET), 0);
    assert_int_equal(fread(now, 1, old->bytes, file), old->bytes);
    fclose(file);
    assert_memory_equal(now, old->row, old->bytes);
}

/* 8 jobs done, then growth in reserve, then far past it: tables are replaced, families get siblings. */
static void growth(void **state)
{
    const char *path = file_in(state, "growth.h5");
    struct fixture *f = fixture_new("s1", 0, 8), *g = fixture_new("s2", 8, 20), *h = fixture_new("s3", 28, 700);
    prepare(path, f);
    struct store *s = open_store(path, true);
    for (size_t i = 0; i < 8; i++) run_job(s, i, f->row[i], 1);
    size_t capacity = s->table[TABLE_JOBS].capacity;
    struct old old = remember(s);
    store_close(s);
    prepare(path, g);
    s = open_store(path, true);
    assert_int_equal(s->table[TABLE_JOBS].capacity, capacity);
    run_job(s, 20, g->row[12], 1);
    store_close(s);
    prepare(path, h);
    assert_false(journal_exists(path));
    check_fresh(path, h);
    s = open_store(path, true);
    assert_true(s->table[TABLE_JOBS].capacity >= 728);
    assert_int_equal(store_rows(s), 728);
    assert_int_equal(store_families(s), 4);
    assert_string_equal(store_family(s, 2)->name, "small.2");
    assert_string_equal(store_family(s, 3)->name, "masks.2");
    for (size_t i = 0; i < 8; i++) assert_null(check_job(s, i, f->row[i], 1));
    assert_null(check_job(s, 20, g->row[12], 1));
    run_job(s, 727, h->row[699], 3);
    assert_null(check_job(s, 727, h->row[699], 3));
    store_close(s);
    struct fixture *t = fixture_new("s4", 728, 900); /* siblings of siblings */
    prepare(path, t);
    s = open_store(path, false);
    assert_int_equal(store_rows(s), 1628);
    for (size_t i = 0; i < 8; i++) assert_null(check_job(s, i, f->row[i], 1));
    assert_true(s->family[2].capacity >= 2 * s->family[0].capacity);
    assert_true(old.at != s->table[TABLE_JOBS].raw.at);
    check_old(&old, path);
    struct verify_totals totals;
    struct err e = { 0 };
    assert_int_equal(store_verify(s, NULL, NULL, &totals, &e), 0);
    assert_int_equal(totals.faults, 0);
    store_close(s);
    free(f);
    free(g);
    free(h);
    free(t);
}

static void a_new_family(void **state)
{
    const char *path = file_in(state, "newfamily.h5");
    struct fixture *f = fixture_new("s1", 0, 4), *g = fixture_new("s2", 4, 4);
    prepare(path, f);
    struct store *s = open_store(path, true);
    run_job(s, 2, f->row[2], 1);
    store_close(s);
    struct store_array wide = {
        "series/loss", COLUMN_F64, 0, 1, { 90 }, false, "nat", "train loss", NULL, NULL, NULL
    };
    g->family[0] = (struct store_family){ "double", "about=double", &wide, 1, NULL, 0, 0 };
    prepare(path, g);
    s = open_store(path, false);
    assert_int_equal(store_families(s), 3);
    assert_string_equal(store_family(s, 2)->name, "double");
    struct store_row r;
    struct err e = { 0 };
    assert_int_equal(store_read_row(s, g->row[0], &r, NULL, &e), 0);
    assert_int_equal(r.family, 2);
    assert_int_equal(r.family_row, 0);
    assert_null(check_job(s, 2, f->row[2], 1));
    store_close(s);
    g->family[0].name = "small"; /* the same name for other arrays is a lie */
    assert_int_equal(store_prepare(path, &g->need, g->row, &e), -1);
    assert_int_equal(e.kind, ERR_STORE);
    assert_non_null(strstr(e.text, "family 'small' has other arrays"));
    free(f);
    free(g);
}

/* Without data, but not without an answer. */
static void decide(struct store *s, uint32_t row, enum job_state state, const char *why)
{
    struct store_row r;
    struct err e = { 0 };
    assert_int_equal(store_read_row(s, row, &r, NULL, &e), 0);
    r.state = (uint8_t)state;
    snprintf(r.error, sizeof r.error, "%s", why);
    assert_int_equal(store_commit(s, row, &r, &e), 0);
}

/* Begun, with its first checkpoint and a resume point. */
static void stop_job(struct store *s, uint32_t row)
{
    struct store_row r;
    struct err e = { 0 };
    static const unsigned char data[512];
    assert_int_equal(store_read_row(s, row, &r, NULL, &e), 0);
    assert_int_equal(store_begin(s, row, &r, false, &e), 0);
    for (size_t a = 0; a < ARRAYS; a++)
        assert_int_equal(store_put(s, &r, a, 0, data, store_part_bytes(&arrays[a]), &e), 0);
    r.state = JOB_PENDING;
    r.epochs_done = 5;
    assert_int_equal(store_progress(s, row, &r, &e), 0);
}

static struct store_row row_of(struct store *s, uint32_t row)
{
    struct store_row r;
    struct err e = { 0 };
    assert_int_equal(store_read_row(s, row, &r, NULL, &e), 0);
    return r;
}

static void check_sound(struct store *s)
{
    struct verify_totals totals;
    struct err e = { 0 };
    assert_int_equal(store_verify(s, NULL, NULL, &totals, &e), 0);
    assert_int_equal(totals.faults, 0);
}

/* A later version's families have an array more: what has finished stays where it is, the rest goes to a sibling. */
static void a_new_array(void **state)
{
    const char *path = file_in(state, "newarray.h5");
    struct fixture *f = fixture_new("s1", 0, 12), *g = fixture_new("s2", 0, 16);
    struct store_array more[ARRAYS + 1];
    uint64_t old_sums[64], zero[64] = { 0 };
    struct err e = { 0 };
    memcpy(more, arrays, sizeof arrays);
    more[ARRAYS] = (struct store_array){
        .path = "series/later", .type = COLUMN_F64, .rank = 1, .dim = { POINTS }, .unit = "nat", .help = "new"
    };
    prepare(path, f);
    struct store *s = open_store(path, true);
    for (size_t i = 0; i < 4; i++) run_job(s, i, f->row[i], 1);
    stop_job(s, f->row[4]);
    decide(s, f->row[6], JOB_SKIPPED, "its parent never reached t = mem");
    decide(s, f->row[8], JOB_BLOCKED, "its parent failed");
    decide(s, f->row[10], JOB_FAILED, "for good");
    const struct store_row done = row_of(s, f->row[2]), stopped = row_of(s, f->row[4]),
                           failed = row_of(s, f->row[10]);
    store_close(s);
    g->family[0].array = more;
    g->family[0].arrays = ARRAYS + 1;
    prepare(path, g);
    s = open_store(path, true);
    assert_int_equal(store_families(s), 3); /* the other family has what it needs */
    assert_string_equal(store_family(s, 2)->name, "small.2");
    assert_int_equal(store_family(s, 2)->arrays, ARRAYS + 1);
    for (size_t i = 0; i < 4; i++) assert_null(check_job(s, i, f->row[i], 1));
    struct store_row now = row_of(s, f->row[2]);
    assert_memory_equal(&now, &done, sizeof now);
    now = row_of(s, f->row[10]);
    assert_memory_equal(&now, &failed, sizeof now);
    for (size_t i = 4; i < 16; i++) {
        now = row_of(s, g->row[i]);
        assert_int_equal(now.family, i == 10 ? 0 : i % 2 ? 1 : 2);
    }
    now = row_of(s, f->row[4]); /* from the beginning, and nothing is left behind */
    assert_int_equal(now.state, JOB_PENDING);
    assert_int_equal(now.epochs_done, 0);
    assert_int_equal(sums_read(s, &s->family[0], (size_t)stopped.family_row, 0, s->family[0].parts, old_sums, &e), 0);
    assert_memory_equal(old_sums, zero, s->family[0].parts * sizeof *zero);
    assert_int_equal(row_of(s, f->row[6]).state, JOB_SKIPPED); /* answers stay, and are vouched for */
    assert_int_not_equal(row_of(s, f->row[6]).data_sum, 0);
    assert_int_equal(row_of(s, f->row[8]).state, JOB_BLOCKED);
    assert_int_not_equal(row_of(s, f->row[8]).data_sum, 0);
    check_sound(s);
    for (size_t i = 4; i < 16; i += 4) run_job(s, i, g->row[i], 2);
    for (size_t i = 4; i < 16; i += 4) assert_null(check_job(s, i, g->row[i], 2));
    check_sound(s);
    store_close(s);
    prepare(path, g); /* and now it has all */
    s = open_store(path, false);
    assert_int_equal(store_families(s), 3);
    for (size_t i = 4; i < 16; i += 4) assert_null(check_job(s, i, g->row[i], 2));
    store_close(s);
    free(f);
    free(g);
}

struct wider {
    double momentum;
    uint8_t precision;
    int64_t width;
};
static const char *const more_precisions[] = { "half", "float", "double", NULL };
static const struct column wider_columns[] = {
    { "momentum", COLUMN_F64, offsetof(struct wider, momentum), 0, NULL, "1", "new" },
    { "precision", COLUMN_ENUM, offsetof(struct wider, precision), 0, more_precisions, "", "one more" },
    { "width", COLUMN_I64, offsetof(struct wider, width), 0, NULL, "1", "hidden units" },
    COLUMN_END,
};
static const struct wider wider_spec = { .momentum = 0.9, .precision = 0, .width = 77 };

static void describe_wider(void *ctx, size_t i, struct store_job *out)
{
    describe_job(ctx, i, out);
    out->spec = &wider_spec;
}

static const void *spec_place(const struct store *s, const char *spec, const char *name, const char **word)
{
    const struct column *c = columns_find(store_spec_columns(s), name);
    assert_non_null(c);
    if (word) *word = c->names[(uint8_t)spec[c->offset]];
    return spec + c->offset;
}

static void new_columns(void **state)
{
    const char *path = file_in(state, "columns.h5"), *word;
    struct fixture *f = fixture_new("s1", 0, 300), *g = fixture_new("s2", 300, 3);
    struct err e = { 0 };
    struct store_row before, after;
    double number;
    char spec[2048];
    prepare(path, f);
    struct store *s = open_store(path, true);
    run_job(s, 7, f->row[7], 1);
    assert_int_equal(store_read_row(s, f->row[7], &before, NULL, &e), 0);
    size_t damaged = f->row[9]; /* and one row is damaged on the way */
    assert_int_equal(table_read(s, TABLE_JOBS, damaged, 1, s->image, &e), 0);
    ((char *)s->image)[300] ^= 1;
    assert_int_equal(table_write(s, TABLE_JOBS, damaged, 1, s->image, &e), 0);
    store_close(s);
    g->need.specs = (struct store_specs){ .column = wider_columns, .size = sizeof(struct wider) };
    g->need.job = describe_wider;
    prepare(path, g);
    s = open_store(path, false);
    assert_null(check_job(s, 7, f->row[7], 1));
    assert_int_equal(store_read_row(s, f->row[7], &after, spec, &e), 0);
    before.row_sum = after.row_sum; /* over more bytes now */
    assert_memory_equal(&before, &after, sizeof after);
    memcpy(&number, spec_place(s, spec, "momentum", NULL), sizeof number);
    assert_true(isnan(number));
    memcpy(&number, spec_place(s, spec, "rate", NULL), sizeof number);
    assert_true(number == 3.5);
    spec_place(s, spec, "precision", &word);
    assert_string_equal(word, "double");
    assert_string_equal(spec_place(s, spec, "kind", NULL), "mlp");
    assert_int_equal(store_read_row(s, g->row[1], &after, spec, &e), 0);
    memcpy(&number, spec_place(s, spec, "momentum", NULL), sizeof number);
    assert_true(number == 0.9);
    memcpy(&number, spec_place(s, spec, "rate", NULL), sizeof number);
    assert_true(isnan(number));
    spec_place(s, spec, "precision", &word);
    assert_string_equal(word, "half");
    assert_int_equal(store_read_row(s, f->row[9], &after, NULL, &e), -1); /* a damaged row is not made whole */
    assert_non_null(strstr(e.text, "row 9 of /jobs is damaged"));
    store_close(s);
    /* The older program still works on the wider table, and changes no structure. */
    struct fixture *again = fixture_new("s1", 0, 9);
    struct stat st[2];
    stat(path, &st[0]);
    prepare(path, again);
    stat(path, &st[1]);
    assert_int_equal(st[0].st_size, st[1].st_size);
    free(f);
    free(g);
    free(again);
}

static void damaged_rows(void **state)
{
    const char *path = file_in(state, "damaged.h5");
    struct fixture *f = fixture_new("s1", 0, 5), *g = fixture_new("s1", 0, 5);
    struct err e = { 0 };
    struct store_row all[6], r;
    size_t bad;
    prepare(path, f);
    struct store *s = open_store(path, true);
    assert_int_equal(table_read(s, TABLE_JOBS, 2, 1, s->image, &e), 0);
    ((char *)s->image)[100] ^= 1;
    assert_int_equal(table_write(s, TABLE_JOBS, 2, 1, s->image, &e), 0);
    assert_int_equal(store_read_rows(s, all, NULL, &bad, &e), 0);
    assert_int_equal(bad, 1);
    assert_int_equal(all[2].state, JOB_UNUSED);
    assert_int_equal(store_read_row(s, 2, &r, NULL, &e), -1);
    assert_int_equal(e.kind, ERR_STORE);
    memset(&e, 0, sizeof e);
    assert_int_equal(store_write_row(s, 2, &all[1], &e), -1);
    store_close(s);
    prepare(path, g); /* it is still its job's, which its canonical text tells, and is left alone */
    assert_int_equal(g->row[2], 2);
    s = open_store(path, false);
    memset(&e, 0, sizeof e);
    assert_int_equal(store_rows(s), 5);
    assert_int_equal(store_read_rows(s, all, NULL, &bad, &e), 0);
    assert_int_equal(bad, 1);
    store_close(s);
    free(f);
    free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth),      cmocka_unit_test(a_new_family), cmocka_unit_test(a_new_array),
        cmocka_unit_test(new_columns), cmocka_unit_test(damaged_rows),
    };
    return cmocka_run_group_tests_name("growth", tests, folder_setup, folder_teardown);
}
