/* store/verify: a flipped byte anywhere in a dataset is found; so are broken links. */
#include "store_fixture.h"

#include "store/verify.h"

#include <fcntl.h>

enum { JOBS = 9, DONE_JOBS = 5, FLIPS = 3 };

struct seen {
    size_t reports;
    uint32_t row;
    char id[ID_CHARS + 1], dataset[64], what[300];
};

static void note(void *ctx, uint32_t row, const char *id, const char *dataset, const char *what)
{
    struct seen *seen = ctx;
    if (seen->reports++) return;
    seen->row = row;
    snprintf(seen->id, sizeof seen->id, "%s", id);
    snprintf(seen->dataset, sizeof seen->dataset, "%s", dataset);
    snprintf(seen->what, sizeof seen->what, "%s", what);
}

static struct verify_totals verify(const char *path, struct seen *seen)
{
    struct verify_totals totals;
    struct err e = { 0 };
    memset(seen, 0, sizeof *seen);
    struct store *s = open_store(path, false);
    assert_int_equal(store_verify(s, note, seen, &totals, &e), 0);
    assert_int_equal(totals.faults, seen->reports);
    store_close(s);
    return totals;
}

static void make_store(const char *path)
{
    struct fixture *f = fixture_new("s1", 0, JOBS);
    f->inputs = "init=/data/a.h5";
    prepare(path, f);
    struct store *s = open_store(path, true);
    for (size_t i = 0; i < DONE_JOBS; i++) run_job(s, i, f->row[i], 1);
    store_close(s);
    free(f);
}

static void sound(void **state)
{
    const char *path = file_in(state, "sound.h5");
    struct seen seen;
    make_store(path);
    struct verify_totals t = verify(path, &seen);
    if (t.faults) fail_msg("%s: %s", seen.dataset, seen.what);
    assert_int_equal(t.rows, JOBS);
    assert_int_equal(t.committed, DONE_JOBS);
    /* Jobs 0, 2, 4 are "small": 1 + 3 + 3 + 1 + 3 parts and 2 of their end states; 1 and 3 have one mask each. */
    assert_int_equal(t.parts, 3 * 13 + 2);
    assert_int_equal(t.bytes, 3 * (28 + 120 + 24 + 10 + 96 + 2 * SCRATCH) + 2 * 10);
}

struct stretch { /* bytes of a dataset that something vouches for */
    char name[64];
    uint64_t from, size;
};
struct listing {
    struct stretch stretch[64];
    size_t count;
    struct store *s;
};

static void add(struct listing *l, const char *name, hid_t set, uint64_t size)
{
    assert_true(l->count < ARRAY_LEN(l->stretch));
    struct stretch *x = &l->stretch[l->count++];
    snprintf(x->name, sizeof x->name, "%s", name);
    x->from = H5Dget_offset(set);
    x->size = size;
}

static void list_all(struct listing *l, const char *path)
{
    struct store *s = open_store(path, false);
    for (enum table_id i = 0; i < TABLES; i++)
        if (table_used(s, i)) add(l, table_kinds[i].path, s->table[i].raw.set, table_used(s, i) * s->table[i].size);
    for (size_t i = 0; i < s->families; i++) {
        const struct family *f = &s->family[i];
        const size_t rows = i == 0 ? 3 : 2; /* done ones come first */
        add(l, "sums", f->sums[0].raw.set, f->sums[0].columns * sizeof(uint64_t));
        for (size_t a = 0; a < f->is.arrays; a++) {
            const struct store_array *is = &f->is.array[a];
            if (!is->scratch)
                add(l, is->path, f->array[a].raw.set, rows * (is->parts ? is->parts : 1) * f->array[a].bytes);
        }
    }
    hid_t constant = H5Dopen2(s->family[0].group, "tensors", H5P_DEFAULT);
    add(l, "tensors", constant, sizeof tensors);
    H5Dclose(constant);
    constant = H5Dopen2(s->family[0].group, "epoch", H5P_DEFAULT);
    add(l, "epoch", constant, sizeof epochs);
    H5Dclose(constant);
    store_close(s);
}

static void flip(const char *path, uint64_t at)
{
    unsigned char byte;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

/* A word of the scratch part of sums is vouched for by nobody. */
static bool is_scratch_sum(const struct stretch *x, uint64_t offset)
{
    enum { PARTS = 13, FIRST_SCRATCH = 11 };
    return !strcmp(x->name, "sums") && x->size == PARTS * 8 && offset / 8 % PARTS >= FIRST_SCRATCH;
}

static void every_flip_is_found(void **state)
{
    const char *path = file_in(state, "flip.h5");
    struct listing l = { .count = 0 };
    struct seen seen;
    make_store(path);
    list_all(&l, path);
    enum { EMPTY = 2 }; /* texts that no job has yet */
    assert_int_equal(l.count, TABLES - EMPTY + 2 + (ARRAYS - 1) + 1 + 2);
    for (size_t i = 0; i < l.count; i++) {
        const struct stretch *x = &l.stretch[i];
        assert_true(x->size > 0);
        for (uint64_t n = 0; n < FLIPS; n++) {
            uint64_t offset = n * (x->size - 1) / (FLIPS - 1);
            if (is_scratch_sum(x, offset)) offset -= 16;
            flip(path, x->from + offset);
            struct store *s = NULL;
            struct err e = { 0 };
            if (!strcmp(x->name, "control")) {
                assert_int_equal(store_open_read(&s, path, &e), -1);
                assert_string_equal(e.text, "/control is damaged");
            } else {
                if (verify(path, &seen).faults == 0)
                    fail_msg("a flipped byte %d of '%s' goes unnoticed", (int)offset, x->name);
                assert_string_equal(seen.dataset, x->name);
            }
            flip(path, x->from + offset);
        }
    }
    assert_int_equal(verify(path, &seen).faults, 0);
}

/* Rewrite a row as if a program had meant it. */
static void rewrite(const char *path, uint32_t row, void (*change)(struct store_row *r))
{
    struct store *s = open_store(path, true);
    struct store_row r;
    struct err e = { 0 };
    assert_int_equal(store_read_row(s, row, &r, NULL, &e), 0);
    change(&r);
    assert_int_equal(store_write_row(s, row, &r, &e), 0);
    store_close(s);
}

static void lose_parent(struct store_row *r)
{
    memset(r->parent, 'a', sizeof r->parent);
}

static void take_first_row(struct store_row *r)
{
    r->family_row = 0;
}

static void leave_family(struct store_row *r)
{
    r->family = 17;
}

static void claim_done(struct store_row *r)
{
    r->state = JOB_DONE;
}

static void other_id(struct store_row *r)
{
    r->id[0] = r->id[0] == 'f' ? '0' : 'f';
}

static void broken_links(void **state)
{
    static const struct {
        void (*change)(struct store_row *r);
        uint32_t row;
        const char *dataset, *what;
    } cases[] = {
        { lose_parent, 5, VERIFY_PARENT, "its parent aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa is not in the store" },
        { take_first_row, 8, "jobs", "row 0 of family 0 is that of job row 0 already" },
        { leave_family, 8, "jobs", "there is no row 4 of family 17" },
        { claim_done, 8, "jobs", "the job is done, but nothing vouches for its data" },
        { other_id, 8, "texts/canonical", "not the job's id" },
    };
    const char *path = file_in(state, "links.h5");
    struct seen seen;
    char id[ID_CHARS + 1];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unlink(path);
        make_store(path);
        rewrite(path, cases[i].row, cases[i].change);
        assert_int_equal(verify(path, &seen).faults, 1);
        assert_int_equal(seen.row, cases[i].row);
        assert_string_equal(seen.dataset, cases[i].dataset);
        if (!strstr(seen.what, cases[i].what)) fail_msg("'%s' does not say '%s'", seen.what, cases[i].what);
        if (cases[i].change != other_id) assert_string_equal(seen.id, id_text(job_id(cases[i].row), id));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound),
        cmocka_unit_test(every_flip_is_found),
        cmocka_unit_test(broken_links),
    };
    return cmocka_run_group_tests_name("verify", tests, folder_setup, folder_teardown);
}
