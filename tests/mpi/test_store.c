/* The store opened by all ranks: run with 1, 2, 3 and 4 ranks.  Prints TAP; the exit code is the verdict.
 *
 *     test_store create STORE     a store with JOBS jobs
 *     test_store rewrite STORE    all ranks run the store's jobs over and over, until they are killed
 *     test_store check STORE      exit 0 if every row is sound and every finished job has the data it was given
 * are for tests/store/kill.py. */
#include "../unit/store_fixture.h"
#include "tap.h"

#include "par/par.h"
#include "store/verify.h"

enum { JOBS = 32 };

static int create(const char *path)
{
    struct fixture *f = fixture_new("s1", 0, JOBS);
    struct err e = { 0 };
    int rc = store_prepare(path, &f->need, f->row, &e);
    if (rc) fprintf(stderr, "%s\n", e.text);
    free(f);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

static struct store *open_together(const char *path)
{
    struct store *s = NULL;
    struct err e = { 0 };
    if (store_open(&s, MPI_COMM_WORLD, path, 0, &e)) {
        fprintf(stderr, "%s\n", e.text);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    return s;
}

static void rewrite(const char *path)
{
    struct store *s = open_together(path);
    printf("pid %ld\n", (long)getpid());
    fflush(stdout);
    for (unsigned version = (unsigned)getpid();; version++)
        for (uint32_t job = (uint32_t)rank; job < JOBS; job += (uint32_t)ranks) run_job(s, job, job, version % 251);
}

static void say_fault(void *ctx, uint32_t row, const char *id, const char *dataset, const char *what)
{
    (void)ctx;
    printf("row %u (%s), %s: %s\n", row, id, dataset, what);
}

/* Version v of a job's data is told by its row: right checksums over another version's data would be a lie. */
static int check_all(const char *path)
{
    struct store *s;
    struct store_row r;
    struct err e = { 0 };
    struct verify_totals totals = { 0 };
    size_t wrong = 0, done = 0;
    if (store_open_read(&s, path, &e) || store_verify(s, say_fault, NULL, &totals, &e)) {
        printf("%s\n", e.text);
        return EXIT_FAILURE;
    }
    for (uint32_t job = 0; job < JOBS; job++) {
        const char *what = store_read_row(s, job, &r, NULL, &e) ? "unreadable" : NULL;
        if (!what && r.state == JOB_DONE) {
            what = check_job(s, job, job, (unsigned)r.epochs_done);
            done++;
        }
        if (!what) continue;
        printf("job %u: %s\n", job, what);
        wrong++;
    }
    store_close(s);
    printf("%zu done, %zu wrong, %zu faults\n", done, wrong, totals.faults);
    return wrong || totals.faults ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Every rank runs its own jobs; then every rank sees those of all, without a word to the file system. */
static void test_rows(const char *path)
{
    struct store *s = open_together(path);
    bool fine = true;
    for (uint32_t job = (uint32_t)rank; job < JOBS; job += (uint32_t)ranks) run_job(s, job, job, 1);
    check(store_rows(s) == JOBS, "rows: all ranks have the store open");
    for (uint32_t job = 0; job < JOBS; job++) fine = fine && !check_job(s, job, job, 1);
    check(fine, "rows: what one rank has written the others read");
    fine = true;
    struct store *reader = open_store(path, false);
    for (uint32_t job = 0; job < JOBS; job++) fine = fine && !check_job(reader, job, job, 1);
    check(fine, "rows: and so does a reader while the store is open");
    store_close(reader);
    store_close(s);
}

static void test_again(const char *path)
{
    struct store *s = open_together(path);
    bool fine = true;
    for (uint32_t job = 0; job < JOBS; job++) fine = fine && !check_job(s, job, job, 1);
    check(fine, "again: everything is there after closing and opening");
    store_close(s);
}

static void test_errors(const char *path)
{
    struct store *s = (struct store *)(void *)&tests;
    struct err e = { 0 };
    char other[300];
    snprintf(other, sizeof other, "%s.none", path);
    int rc = store_open(&s, MPI_COMM_WORLD, other, 0, &e);
    check(rc == -1 && e.kind == ERR_IO && !s && strstr(e.text, "No such file"), "errors: no file, on all ranks");
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "create")) return create(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "check")) return check_all(argv[2]);
    MPI_MUST(MPI_Init(&argc, &argv));
    MPI_MUST(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI_MUST(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    if (argc == 3 && !strcmp(argv[1], "rewrite")) rewrite(argv[2]);
    char folder[] = "/tmp/tombola-test-XXXXXX", store[64];
    if (rank == 0) MUST(mkdtemp(folder));
    MPI_MUST(MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD));
    snprintf(store, sizeof store, "%s/x.h5", folder);
    check(rank > 0 || create(store) == EXIT_SUCCESS, "a store is created");
    test_rows(store);
    test_again(store);
    test_errors(store);
    if (rank == 0) {
        unlink(store);
        rmdir(folder);
        printf("1..%d\n", tests);
    }
    MPI_MUST(MPI_Finalize());
    return failed_tests ? EXIT_FAILURE : EXIT_SUCCESS;
}
