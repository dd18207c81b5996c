/* store/import: arrays from other people's HDF5 files. */
#include "store_fixture.h"

#include "disk/import.h"

static void put(hid_t file, const char *path, hid_t type, hid_t memory, int rank, const hsize_t *dim,
                const void *data)
{
    hid_t space = rank ? H5Screate_simple(rank, dim, NULL) : H5Screate(H5S_SCALAR);
    hid_t set = H5Dcreate2(file, path, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0);
    assert_true(H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

static int setup(void **state)
{
    if (folder_setup(state)) return -1;
    h5_start();
    hid_t file = H5Fcreate(file_in(state, "x.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const int32_t whole[6] = { 0, -1, 2, 3, 4, 5 };
    const double real[2] = { 0.1, -1e300 };
    const int8_t truth[3] = { 1, 0, 1 };
    const hsize_t five[5] = { 1, 1, 1, 1, 1 };
    hid_t text = H5Tcopy(H5T_C_S1), boolean = H5Tenum_create(H5T_NATIVE_INT8);
    H5Tset_size(text, 8);
    H5Tenum_insert(boolean, "FALSE", &(int8_t){ 0 });
    H5Tenum_insert(boolean, "TRUE", &(int8_t){ 1 });
    H5Gclose(H5Gcreate2(file, "init", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    put(file, "init/weights", H5T_STD_I16BE, H5T_NATIVE_INT32, 2, (hsize_t[]){ 2, 3 }, whole);
    put(file, "real", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, 1, (hsize_t[]){ 2 }, real);
    put(file, "mask", boolean, boolean, 1, (hsize_t[]){ 3 }, truth);
    put(file, "scalar", H5T_NATIVE_FLOAT, H5T_NATIVE_DOUBLE, 0, NULL, &(double){ 0.5 });
    put(file, "text", text, text, 1, (hsize_t[]){ 1 }, "hello\0\0");
    put(file, "five", H5T_NATIVE_INT32, H5T_NATIVE_INT32, 5, five, whole);
    H5Tclose(boolean);
    H5Tclose(text);
    return H5Fclose(file) < 0 ? -1 : 0;
}

static int read_from(struct import_array *x, const char *file, const char *dataset, struct arena *a, struct err *e)
{
    struct import_file *f;
    if (import_open(&f, file, e)) return -1;
    const int rc = import_read(x, f, dataset, NULL, NULL, a, e);
    import_close(f);
    return rc;
}

static void numbers_of_any_type(void **state)
{
    struct import_array x;
    struct arena a = { 0 };
    struct err e = { 0 };
    const char *file = file_in(state, "x.h5");
    assert_int_equal(read_from(&x, file, "init/weights", &a, &e), 0);
    assert_int_equal(x.rank, 2);
    assert_int_equal(x.dim[0], 2);
    assert_int_equal(x.dim[1], 3);
    assert_true(x.value[1] == -1 && x.value[5] == 5);
    assert_int_equal(read_from(&x, file, "/real", &a, &e), 0);
    assert_true(x.rank == 1 && x.value[0] == 0.1 && x.value[1] == -1e300);
    assert_int_equal(read_from(&x, file, "mask", &a, &e), 0);
    assert_true(x.rank == 1 && x.dim[0] == 3 && x.value[0] == 1 && x.value[1] == 0 && x.value[2] == 1);
    assert_int_equal(read_from(&x, file, "scalar", &a, &e), 0);
    assert_true(x.rank == 0 && x.value[0] == 0.5);
    arena_release(&a);
}

static void expect_error(const char *file, const char *dataset, const char *want)
{
    struct import_array x;
    struct arena a = { 0 };
    struct err e = { 0 };
    assert_int_equal(read_from(&x, file, dataset, &a, &e), -1);
    assert_int_equal(e.kind, ERR_SPEC);
    assert_string_equal(e.file, file);
    if (!strstr(e.text, want)) fail_msg("'%s' does not say '%s'", e.text, want);
    arena_release(&a);
}

static void errors(void **state)
{
    char file[256];
    snprintf(file, sizeof file, "%s", file_in(state, "x.h5"));
    expect_error(file, "init/weigths", "has no dataset 'init/weigths'; it has: ");
    expect_error(file, "init/weigths", "did you mean 'init/weights'?");
    expect_error(file, "init", "has no dataset 'init'");
    expect_error(file, "no/such/group", "has no dataset");
    expect_error(file, "text", "dataset 'text' is not numeric");
    expect_error(file, "five", "has 5 dimensions, and at most 4 are read");
    expect_error(file_in(state, "none.h5"), "x", "No such file");
    snprintf(file, sizeof file, "%s", file_in(state, "text.h5"));
    FILE *text = fopen(file, "wb");
    fputs("not HDF5", text);
    fclose(text);
    expect_error(file, "x", "cannot be read as an HDF5, .npz or .safetensors file");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(numbers_of_any_type), cmocka_unit_test(errors) };
    return cmocka_run_group_tests_name("import", tests, setup, folder_teardown);
}
