/* What rank 0 has found in files, told to all ranks: run with 1, 2, 3 and 4 ranks.  Prints TAP; the exit code is the
 * verdict. */
#include "../unit/store_fixture.h"
#include "tap.h"

#include "base/rng.h"
#include "job/input_table.h"

enum { FEW = 1000, MANY = 3000000, PIECES = 10 };

static char file[300], none[300];

struct dataset {
    const char *name;
    hid_t type; /* in the file */
    size_t count;
    bool packed, tame; /* tame: neither infinite nor NaN */
} dataset[9];
static size_t datasets;

/* Any bits are a number: of either sign, not normal, infinite, NaN; unless it is to be a tame float. */
static void fill(void *out, size_t bytes, bool tame, uint64_t seed)
{
    struct rng r = rng_open(seed, "numbers");
    for (size_t i = 0; i < bytes; i += sizeof(uint32_t)) {
        const uint32_t bits = rng_u32(&r) & (tame ? ~(1U << 23) : UINT32_MAX);
        memcpy((char *)out + i, &bits, sizeof bits);
    }
}

static void put(hid_t h5, const struct dataset *d, uint64_t seed)
{
    hid_t space = H5Screate_simple(1, (hsize_t[]){ d->count }, NULL), made = H5Pcreate(H5P_DATASET_CREATE);
    if (d->packed) H5Pset_chunk(made, 1, (hsize_t[]){ d->count / PIECES });
    hid_t set = H5Dcreate2(h5, d->name, d->type, space, H5P_DEFAULT, made, H5P_DEFAULT);
    void *bytes = malloc(d->count * H5Tget_size(d->type));
    MUST(set >= 0 && bytes);
    fill(bytes, d->count * H5Tget_size(d->type), d->tame, seed);
    MUST(H5Dwrite(set, d->tame ? H5T_NATIVE_FLOAT : d->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0);
    free(bytes);
    H5Dclose(set);
    H5Pclose(made);
    H5Sclose(space);
}

static void make_file(void)
{
    hid_t h5 = H5Fcreate(file, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (size_t i = 0; i < datasets; i++) put(h5, &dataset[i], i);
    MUST(H5Fclose(h5) >= 0);
}

static void list_datasets(void)
{
    const struct dataset list[] = {
        { "f64", H5T_IEEE_F64LE, FEW, false, false },     { "f32", H5T_IEEE_F32LE, FEW, false, false },
        { "i64", H5T_STD_I64LE, FEW, false, false },      { "u64", H5T_STD_U64LE, FEW, false, false },
        { "i16", H5T_STD_I16LE, FEW, false, false },      { "f32be", H5T_IEEE_F32BE, FEW, false, true },
        { "f32pieces", H5T_IEEE_F32LE, FEW, true, true }, { "f64be", H5T_IEEE_F64BE, FEW, false, false },
        { "many", H5T_IEEE_F64LE, MANY, true, false },
    };
    datasets = ARRAY_LEN(list);
    memcpy(dataset, list, sizeof list);
}

/* Only datasets of the right length are wanted. */
static int accept_length(const void *ctx, size_t dims, const size_t *dim, struct err *e)
{
    const size_t *count = ctx;
    return dims == 1 && dim[0] == *count ? 0 : err_set(e, ERR_SPEC, "is not of %zu", *count);
}

static struct input_table *table_of(size_t limit, bool stopped)
{
    struct input_table *t = input_table_new(limit);
    const size_t one = 1;
    for (size_t i = 0; rank == 0 && i < 2 * datasets; i++)
        input_table_add(t, file, dataset[i % datasets].name, accept_length, &dataset[i % datasets].count);
    if (rank == 0) {
        input_table_add(t, none, "f64", NULL, NULL);
        input_table_add(t, file, "nothing", NULL, NULL);
        input_table_add(t, file, "/f64", accept_length, &one);
        if (stopped) input_table_stop(t);
    }
    input_table_share(t, MPI_COMM_WORLD);
    return t;
}

/* From the table the same bits as from the file. */
static bool same_numbers(const struct input_table *t, const struct dataset *d)
{
    struct arena a = { 0 };
    struct err e = { 0 };
    struct import_array want, have;
    struct input_reader plain = input_reader_of(file, NULL), told = input_reader_of(file, t);
    bool same = !input_reader_get(&plain, d->name, accept_length, &d->count, &want, &a, &e) &&
                !input_reader_get(&told, d->name, accept_length, &d->count, &have, &a, &e) && have.rank == 1 &&
                have.dim[0] == d->count && !memcmp(want.value, have.value, d->count * sizeof(double));
    if (!same) printf("# rank %d: %s: %s\n", rank, d->name, e.text);
    input_reader_close(&plain);
    input_reader_close(&told);
    arena_release(&a);
    return same;
}

static bool fails(const struct input_table *t, const char *path, const char *name, size_t count, enum err_kind kind,
                  const char *says)
{
    struct arena a = { 0 };
    struct err e = { 0 };
    struct import_array array;
    struct input_reader r = input_reader_of(path, t);
    const bool failed = input_reader_get(&r, name, accept_length, &count, &array, &a, &e) != 0;
    if (!failed || e.kind != kind || !strstr(e.text, says)) printf("# rank %d: %s\n", rank, e.text);
    input_reader_close(&r);
    arena_release(&a);
    return failed && e.kind == kind && strstr(e.text, says);
}

static void numbers(void)
{
    struct input_table *t = table_of(SIZE_MAX, false);
    const struct input_table_facts f = input_table_facts(t);
    check(f.datasets == datasets + 3 && f.sent == 4 && f.unsent == 0, "each dataset once, and only packed ones sent");
    check(f.bytes == 2 * FEW * sizeof(float) + (FEW + MANY) * sizeof(double), "as float where that loses nothing");
    for (size_t i = 0; i < datasets; i++) check(same_numbers(t, &dataset[i]), dataset[i].name);
    check(fails(t, none, "f64", 1, ERR_SPEC, "No such file"), "a file that is not there is missed by all");
    check(fails(t, file, "nothing", 1, ERR_SPEC, "has no dataset 'nothing'"), "a dataset that is not there, too");
    check(fails(t, file, "/f64", 1, ERR_SPEC, "is not of 1"), "a shape that rank 0 has refused");
    check(fails(t, file, "f64", FEW + 1, ERR_SPEC, "is not of 1001"), "a shape that a job refuses");
    check(fails(t, file, "other", 1, ERR_JOB, "was not looked for"), "what nobody has looked for");
    input_table_free(t);
}

static void limited(void)
{
    struct input_table *t = table_of(FEW * sizeof(float), true);
    const struct input_table_facts f = input_table_facts(t);
    check(f.sent == 1 && f.unsent == 3 && f.bytes == FEW * sizeof(float), "no more is kept than the limit");
    for (size_t i = 0; i < datasets; i++) check(same_numbers(t, &dataset[i]), dataset[i].name);
    check(fails(t, file, "other", 1, ERR_STOPPED, "stopped"), "what was not looked at for a stop");
    input_table_free(t);
}

static void shrunken(void)
{
    struct input_table *t = table_of(SIZE_MAX, false);
    MPI_MUST(MPI_Barrier(MPI_COMM_WORLD));
    if (rank == 0) MUST(!truncate(file, 0));
    MPI_MUST(MPI_Barrier(MPI_COMM_WORLD));
    check(fails(t, file, "f64", FEW, ERR_SPEC, "became shorter"), "a file that is shorter than it was");
    if (rank == 0) MUST(!unlink(file));
    MPI_MUST(MPI_Barrier(MPI_COMM_WORLD));
    check(fails(t, file, "f64", FEW, ERR_SPEC, "No such file"), "a file that is gone");
    input_table_free(t);
}

int main(int argc, char **argv)
{
    MPI_MUST(MPI_Init(&argc, &argv));
    MPI_MUST(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI_MUST(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    const char *folder = getenv("SCRATCH");
    snprintf(file, sizeof file, "%s/brought.h5", folder ? folder : "/tmp");
    snprintf(none, sizeof none, "%s/none.h5", folder ? folder : "/tmp");
    h5_start();
    list_datasets();
    if (rank == 0) make_file();
    MPI_MUST(MPI_Barrier(MPI_COMM_WORLD));
    numbers();
    limited();
    shrunken();
    if (rank == 0) printf("1..%d\n", tests);
    MPI_MUST(MPI_Finalize());
    return failed_tests ? EXIT_FAILURE : EXIT_SUCCESS;
}
