/* store/: creation, rows, parts, and what a reader with h5py sees. */
#include "store_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

static void fresh_store(void **state)
{
    const char *path = file_in(state, "fresh.h5");
    struct fixture *f = fixture_new("s1", 0, 20);
    struct stat st;
    prepare(path, f);
    check_fresh(path, f);
    struct store *s = open_store(path, false);
    assert_int_equal(store_rows(s), 20);
    assert_int_equal(s->table[TABLE_JOBS].capacity, 80);
    assert_int_equal(s->form.bytes, 2048);
    assert_string_equal(store_path(s), path);
    assert_string_equal(store_attribute(s, "git"), "0123abc");
    assert_string_equal(store_attribute(s, "format"), "2");
    assert_string_equal(store_attribute(s, "no such thing"), "");
    assert_int_equal(store_spec_size(s), sizeof(struct spec));
    const struct column *c = columns_find(store_spec_columns(s), "rate");
    assert_non_null(c);
    assert_string_equal(c->unit, "1/step");
    assert_string_equal(c->help, "step size");
    assert_string_equal(columns_find(store_spec_columns(s), "precision")->names[1], "double");
    for (size_t i = 0; i < TABLES; i++) assert_int_equal(H5Dget_offset(s->table[i].raw.set) % PAGE, 0);
    store_close(s);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_blocks * 512 < 1 << 20); /* reserved capacity is holes */
    free(f);
}

static void families_read_back(void **state)
{
    const char *path = file_in(state, "families.h5");
    struct fixture *f = fixture_new("s1", 0, 4);
    struct err e = { 0 };
    prepare(path, f);
    struct store *s = open_store(path, false);
    assert_int_equal(store_families(s), 2);
    const struct store_family *small = store_family(s, 0);
    assert_string_equal(small->name, "small");
    assert_string_equal(small->about, "about=small");
    assert_true(family_same(&s->family[0], &f->family[0]));
    assert_string_equal(small->array[A_NORMS].labels, "l1,l2");
    assert_string_equal(small->array[A_LOSS].unit, "nat");
    assert_string_equal(small->array[A_LOSS].help, "train loss");
    assert_null(small->array[A_LOSS].labels);
    assert_true(small->array[A_RESUME].scratch);
    assert_int_equal(store_part_bytes(&small->array[A_NORMS]), 4 * sizeof(double));
    assert_int_equal(store_part_bytes(&small->array[A_EPOCH]), sizeof(int64_t));
    assert_int_equal(store_array_find(s, 0, "mask"), A_MASK);
    assert_int_equal(store_array_find(s, 0, "masks"), SIZE_MAX);
    struct tensor have[2];
    int64_t epoch[POINTS];
    assert_int_equal(store_read_constant(s, 0, "tensors", have, sizeof have, &e), 0);
    assert_memory_equal(have, tensors, sizeof have);
    assert_int_equal(store_read_constant(s, 0, "epoch", epoch, sizeof epoch, &e), 0);
    assert_memory_equal(epoch, epochs, sizeof epoch);
    assert_int_equal(store_read_constant(s, 0, "epoch", epoch, 8, &e), -1);
    assert_non_null(strstr(e.text, "has 56 bytes, not 8"));
    memset(&e, 0, sizeof e);
    assert_int_equal(store_read_constant(s, 1, "epoch", epoch, 8, &e), -1);
    assert_int_equal(e.kind, ERR_STORE);
    store_close(s);
    free(f);
}

static void round_trip(void **state)
{
    const char *path = file_in(state, "trip.h5");
    struct fixture *f = fixture_new("s1", 0, 9);
    prepare(path, f);
    struct store *s = open_store(path, true), *reader = open_store(path, false);
    for (size_t i = 0; i < 9; i++) run_job(s, i, f->row[i], 1);
    /* A reader that was there before sees every row at once: nothing is cached. */
    for (size_t i = 0; i < 9; i++) assert_null(check_job(reader, i, f->row[i], 1));
    for (size_t i = 0; i < 9; i++) run_job(s, i, f->row[i], 2);
    for (size_t i = 0; i < 9; i++) assert_null(check_job(reader, i, f->row[i], 2));
    struct store_row r, all[9];
    struct err e = { 0 };
    size_t bad = 7;
    assert_int_equal(store_read_row(reader, f->row[4], &r, NULL, &e), 0);
    assert_int_equal(r.attempts, 2);
    assert_int_equal(r.sequence, 4); /* two times running, two times done */
    assert_int_equal(store_read_rows(reader, all, NULL, &bad, &e), 0);
    assert_int_equal(bad, 0);
    assert_memory_equal(&all[f->row[4]], &r, sizeof r);
    store_close(reader);
    store_close(s);
    free(f);
}

static void attempts_and_parts(void **state)
{
    const char *path = file_in(state, "parts.h5");
    struct fixture *f = fixture_new("s1", 0, 2);
    struct err e = { 0 };
    struct store_row r;
    float weights[WEIGHTS] = { 1, 2, 3 }, have[WEIGHTS];
    prepare(path, f);
    struct store *s = open_store(path, true);
    assert_int_equal(store_read_row(s, 0, &r, NULL, &e), 0);
    assert_int_equal(store_get(s, &r, A_CHECKPOINTS, 1, have, sizeof have, &e), -1);
    assert_int_equal(e.kind, ERR_STORE);
    assert_non_null(strstr(e.text, "was not written"));
    memset(&e, 0, sizeof e);
    assert_int_equal(store_begin(s, 0, &r, false, &e), 0);
    assert_int_equal(store_put(s, &r, A_CHECKPOINTS, 1, weights, sizeof weights, &e), 0);
    assert_true(store_has(s, &r, A_CHECKPOINTS, 1));
    assert_false(store_has(s, &r, A_CHECKPOINTS, 0));
    assert_int_equal(store_begin(s, 0, &r, true, &e), 0); /* resuming keeps what there is */
    assert_int_equal(store_get(s, &r, A_CHECKPOINTS, 1, have, sizeof have, &e), 0);
    assert_memory_equal(have, weights, sizeof have);
    assert_int_equal(r.attempts, 2);
    r.state = JOB_FAILED;
    snprintf(r.error, sizeof r.error, "the loss is not finite");
    assert_int_equal(store_commit(s, 0, &r, &e), 0);
    assert_int_not_equal(r.data_sum, 0);
    uint64_t vouched = r.data_sum;
    unsigned char slot[SCRATCH] = { 9 };
    assert_int_equal(store_put(s, &r, A_RESUME, 0, slot, sizeof slot, &e), 0); /* scratch is not vouched for */
    assert_int_equal(store_commit(s, 0, &r, &e), 0);
    assert_int_equal(r.data_sum, vouched);
    assert_int_equal(store_begin(s, 0, &r, false, &e), 0);
    assert_int_equal(r.data_sum, 0);
    assert_false(store_has(s, &r, A_CHECKPOINTS, 1));
    assert_false(store_has(s, &r, A_RESUME, 0));
    struct store_row again;
    assert_int_equal(store_read_row(s, 0, &again, NULL, &e), 0);
    assert_memory_equal(&again, &r, sizeof r);
    store_close(s);
    free(f);
}

/* Whoever asks for what a row points at is told if that is not there. */
static void no_such_place(void **state)
{
    const char *path = file_in(state, "nowhere.h5");
    struct fixture *f = fixture_new("s1", 0, 2);
    struct err e = { 0 };
    struct store_row r;
    float have[WEIGHTS];
    prepare(path, f);
    struct store *s = open_store(path, false);
    assert_int_equal(store_read_row(s, 0, &r, NULL, &e), 0);
    struct store_row elsewhere = r, beyond = r;
    elsewhere.family = 2;
    beyond.family_row = (int64_t)s->family[r.family].capacity;
    const struct {
        const struct store_row *row;
        size_t array, part, bytes;
        const char *what;
    } asked[] = { { &elsewhere, A_CHECKPOINTS, 0, sizeof have, "there is no family 2" },
                  { &beyond, A_CHECKPOINTS, 0, sizeof have, "/families/small lacks the row that a job has in it" },
                  { &r, ARRAYS, 0, sizeof have, "/families/small lacks an array" },
                  { &r, A_CHECKPOINTS, CHECKPOINTS, sizeof have, "/families/small/checkpoints lacks a part" },
                  { &r, A_CHECKPOINTS, 0, 4, "checkpoints has parts of another size than its jobs need" } };
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        e = (struct err){ 0 };
        assert_int_equal(store_get(s, asked[i].row, asked[i].array, asked[i].part, have, asked[i].bytes, &e), -1);
        assert_int_equal(e.kind, ERR_STORE);
        assert_non_null(strstr(e.text, asked[i].what));
    }
    e = (struct err){ 0 };
    assert_int_equal(store_read_constant(s, 2, "epoch", have, sizeof have, &e), -1);
    assert_non_null(strstr(e.text, "has no family 2"));
    store_close(s);
    free(f);
}

static void same_need_twice(void **state)
{
    const char *path = file_in(state, "twice.h5");
    struct fixture *f = fixture_new("s1", 0, 10), *g = fixture_new("s1", 0, 10);
    struct buf before = { 0 }, after = { 0 };
    f->id[9] = f->id[3]; /* and a job that is named twice in one need */
    prepare(path, f);
    assert_int_equal(f->row[9], f->row[3]);
    assert_true(buf_read_file(&before, path));
    g->id[9] = g->id[3];
    g->need.uses = 9;
    prepare(path, g);
    assert_memory_equal(f->row, g->row, 10 * sizeof *f->row);
    assert_true(buf_read_file(&after, path));
    assert_int_equal(before.length, after.length);
    assert_memory_equal(before.bytes, after.bytes, before.length); /* nothing is written for nothing */
    struct store *s = open_store(path, false);
    assert_int_equal(store_rows(s), 9);
    store_close(s);
    buf_release(&before);
    buf_release(&after);
    free(f);
    free(g);
}

static void inputs_follow_the_need(void **state)
{
    const char *path = file_in(state, "inputs.h5");
    struct fixture *f = fixture_new("s1", 0, 3);
    struct err e = { 0 };
    char inputs[STORE_INPUTS];
    const char *const values[] = { NULL, "init=/data/a.h5", "init=/elsewhere/a.h5", "" };
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        f->inputs = values[i];
        prepare(path, f);
        struct store *s = open_store(path, false);
        assert_int_equal(store_read_texts(s, 1, NULL, inputs, &e), 0);
        assert_string_equal(inputs, values[i] ? values[i] : "");
        store_close(s);
    }
    free(f);
}

static void sweeps_and_uses(void **state)
{
    const char *path = file_in(state, "sweeps.h5");
    struct fixture *f = fixture_new("first", 0, 6), *g = fixture_new("second", 4, 6);
    struct arena a = { 0 };
    struct err e = { 0 };
    struct store_sweep *sweep;
    struct store_grid *use;
    size_t sweeps, uses;
    prepare(path, f);
    prepare(path, g);
    g->sweep.text = "edited\n";
    prepare(path, g);
    const struct store_text of_files[] = { { "whole", "include: []\n" }, g->sweep, { "part", "third\n" } };
    g->need.sweep = of_files;
    g->need.sweeps = ARRAY_LEN(of_files);
    g->grid[1].sweep = "part";
    prepare(path, g);
    struct store *s = open_store(path, false);
    assert_int_equal(store_rows(s), 10);
    assert_int_equal(store_read_sweeps(s, &a, &sweep, &sweeps, &e), 0);
    assert_int_equal(sweeps, 5); /* of the three files, the second was there */
    assert_string_equal(sweep[0].name, "first");
    assert_string_equal(sweep[1].text, "name: test\ngrids: []\n");
    assert_string_equal(sweep[2].text, "edited\n");
    assert_string_equal(sweep[2].command, "tombola run test.yaml");
    assert_string_equal(sweep[3].name, "whole");
    assert_string_equal(sweep[3].text, "include: []\n");
    assert_string_equal(sweep[4].name, "part");
    assert_string_equal(sweep[4].text, "third\n");
    assert_int_equal(strlen(sweep[0].time), 20);
    assert_int_equal(store_read_uses(s, &a, &use, &uses, &e), 0);
    assert_int_equal(uses, 15); /* 6 of each sweep; the edited text repeats the second's, and of the part 3 are new */
    assert_string_equal(use[12].sweep, "part");
    assert_string_equal(use[12].name, "odd");
    assert_string_equal(use[6].sweep, "second");
    assert_string_equal(use[6].name, "even");
    assert_int_equal(use[6].row, f->row[4]);
    store_close(s);
    arena_release(&a);
    free(f);
    free(g);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void expect_error(const char *path, enum err_kind kind, const char *text)
{
    struct store *s = NULL;
    struct err e = { 0 };
    assert_int_equal(store_open_read(&s, path, &e), -1);
    assert_null(s);
    assert_int_equal(e.kind, kind);
    if (!strstr(e.text, text)) fail_msg("'%s' does not say '%s'", e.text, text);
    assert_null(strchr(e.text, '\n'));
}

static void not_a_store(void **state)
{
    bool exists = true;
    struct err e = { 0 };
    const char *path = file_in(state, "none.h5");
    assert_int_equal(store_exists(path, &exists, &e), 0);
    assert_false(exists);
    expect_error(path, ERR_IO, "No such file");
    write_text(path, "name: not a store\n");
    expect_error(path, ERR_IO, "is not a Tombola store: it is no HDF5 file");
    assert_int_equal(store_exists(path, &exists, &e), 0);
    assert_true(exists);
    struct fixture *f = fixture_new("s1", 0, 3);
    memset(&e, 0, sizeof e);
    assert_int_equal(store_prepare(path, &f->need, f->row, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
    struct buf text = { 0 };
    assert_true(buf_read_file(&text, path));
    assert_string_equal(buf_chars(&text), "name: not a store\n"); /* left alone */
    buf_release(&text);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    expect_error(path, ERR_IO, "some other HDF5 file");
    memset(&e, 0, sizeof e);
    assert_int_equal(store_prepare(file_in(state, "no/such/x.h5"), &f->need, f->row, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.text, "folder"));
    path = file_in(state, "later.h5");
    prepare(path, f);
    file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    H5Adelete(file, "format");
    h5_set_number(file, "format", STORE_FORMAT + 1);
    H5Fclose(file);
    expect_error(path, ERR_STORE, "format 3");
    assert_int_equal(truncate(path, 6000), 0);
    expect_error(path, ERR_STORE, "is damaged");
    free(f);
}

static void too_long(void **state)
{
    struct fixture *f = fixture_new("s1", 0, 3);
    struct err e = { 0 };
    char inputs[STORE_INPUTS + 1];
    const char *path = file_in(state, "long.h5");
    memset(inputs, 'x', STORE_INPUTS);
    inputs[STORE_INPUTS] = '\0';
    f->inputs = inputs;
    assert_int_equal(store_prepare(path, &f->need, f->row, &e), -1);
    assert_int_equal(e.kind, ERR_SPEC);
    assert_int_equal(access(path, F_OK), -1); /* nothing is left behind */
    assert_int_equal(access(file_in(state, "long.h5.tmp"), F_OK), -1);
    free(f);
}

static const char reader_script[] =
    "import sys, h5py, numpy as np\n"
    "f = h5py.File(sys.argv[1], 'r')\n"
    "n = int(f['control']['rows'][0])\n"
    "jobs = f['jobs'][:n]\n"
    "assert n == 9 and f.attrs['format'] == 2 and f.attrs['git'] in ('0123abc', b'0123abc'), dict(f.attrs)\n"
    "states = h5py.check_enum_dtype(f['jobs'].dtype['state'])\n"
    "assert states['done'] == 3, states\n"
    "assert list(jobs['state']) == [3] * 5 + [1] * 4, jobs['state']\n"
    "assert jobs['control'][2].decode() == 'ticket' and jobs['width'][4] == 4 and jobs['kind'][1] == b'mlp'\n"
    "assert np.isnan(jobs['tau_grok']).all()\n"
    "assert 'tau_grok [1]: t_gen / t_mem' in str(f['jobs'].attrs['columns'])\n"
    "assert f['texts/canonical'][3].decode() == 'tombola/1 job=3'\n"
    "g = [v for v in f['families'].values() if v.attrs['index'] == jobs['family'][4]][0]\n"
    "r = jobs['family_row'][4]\n"
    "assert g['checkpoints'].shape[1:] == (3, 10) and g['series/loss'].shape[1:] == (7,)\n"
    "assert g['checkpoints'].attrs['units'] and g['measures/norms'].attrs['labels'] in ('l1,l2', b'l1,l2')\n"
    "want = np.array([(4 * 31 + 1 * 7 + 2 * 3 + 101 + i) % 256 for i in range(40)], dtype='u1').view('f4')\n"
    "assert (g['checkpoints'][r, 2].view('u4') == want.view('u4')).all()\n"
    "assert list(g['epoch'][:]) == [0, 1, 2, 4, 8, 16, 32] and g['tensors']['name'][1] == b'W_out'\n"
    "assert g['sums'].shape[1] == 512 and (g['sums'][r][:13] != 0).all() and not g['sums'][r][13:].any()\n"
    "u = f['grids'][:int(f['control']['grids'][0])]\n"
    "assert [x.decode() for x in u['grid'][:2]] == ['even', 'odd'] and list(u['row']) == list(range(9))\n"
    "s = f['sweeps'][0]\n"
    "assert f['sweep_text'][s['offset']:s['offset'] + s['length']].tobytes().decode().startswith('name: test')\n"
    "names = []\n"
    "f.visititems(lambda name, o: names.append(name) if isinstance(o, h5py.Dataset) else None)\n"
    "assert all(f[x].chunks is None for x in names), names\n";

static void h5py_reads_it(void **state)
{
    static const char *const pythons[] = { "python3", "/usr/bin/python3" };
    char path[256], command[600];
    const char *python = NULL;
    snprintf(path, sizeof path, "%s", file_in(state, "py.h5"));
    for (size_t i = 0; i < ARRAY_LEN(pythons) && !python; i++) {
        snprintf(command, sizeof command, "%s -c 'import h5py' 2>/dev/null", pythons[i]);
        if (!system(command)) python = pythons[i];
    }
    if (!python) {
        print_message("skipped: no python3 here can import h5py\n");
        skip();
    }
    struct fixture *f = fixture_new("s1", 0, 9);
    prepare(path, f);
    struct store *s = open_store(path, true); /* still open for writing while Python reads */
    for (size_t i = 0; i < 5; i++) run_job(s, i, f->row[i], 1);
    write_text(file_in(state, "read.py"), reader_script);
    snprintf(command, sizeof command, "%s %s/read.py %s", python, (const char *)*state, path);
    assert_int_equal(system(command), 0);
    store_close(s);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_store),     cmocka_unit_test(families_read_back),
        cmocka_unit_test(round_trip),      cmocka_unit_test(attempts_and_parts),
        cmocka_unit_test(same_need_twice), cmocka_unit_test(inputs_follow_the_need),
        cmocka_unit_test(sweeps_and_uses), cmocka_unit_test(not_a_store),
        cmocka_unit_test(too_long),        cmocka_unit_test(h5py_reads_it),
        cmocka_unit_test(no_such_place),
    };
    return cmocka_run_group_tests_name("store", tests, folder_setup, folder_teardown);
}
