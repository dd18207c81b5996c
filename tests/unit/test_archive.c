/* Floor 0: files of arrays, from one end to the other. */
#include "disk/archive.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LONG = 40 };
static double numbers[LONG];
static const int64_t whole[] = { -1, 1 };
static const struct archive_array arrays[] = {
    { .name = "long", .type = COLUMN_F64, .rank = 2, .dim = { 8, 5 }, .data = numbers },
    { .name = "short", .type = COLUMN_I64, .rank = 1, .dim = { 2 }, .data = whole },
};

static int accept(const void *ctx, size_t rank, const size_t *dim, struct err *e)
{
    (void)ctx, (void)rank, (void)dim, (void)e;
    return 0;
}

/* The file holds the arrays, each at its place, too. */
static void check(const struct buf *file, uint64_t limit)
{
    struct arena arena = { 0 };
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(fwrite(file->bytes, 1, file->length, f), file->length);
    fflush(f);
    for (size_t i = 0; i < ARRAY_LEN(arrays); i++) {
        struct archive_place place;
        struct archive_wish wish = { .name = arrays[i].name, .accept = accept };
        struct archive_array found;
        struct err e = { 0 };
        const size_t count = archive_size(&arrays[i]);
        double again[LONG];
        if (archive_find(&found, fileno(f), "it", &wish, &arena, &e)) fail_msg("%d: %s", (int)limit, e.text);
        assert_int_equal(found.rank, arrays[i].rank);
        assert_memory_equal(found.dim, arrays[i].dim, found.rank * sizeof *found.dim);
        const double *have = found.data;
        for (size_t j = 0; j < count; j++) assert_true(have[j] == (i ? (double)whole[j] : numbers[j]));
        wish.place = &place;
        assert_int_equal(archive_find(&found, fileno(f), "it", &wish, &arena, &e), 0);
        assert_int_equal(archive_read_at(fileno(f), "it", &place, count, again, &e), 0);
        assert_memory_equal(again, have, count * sizeof *again);
    }
    fclose(f);
    arena_release(&arena);
}

/* Whatever does not fit: a place, a size, the directory's place, its size; everything. */
static void test_zip64(void **state)
{
    (void)state;
    const uint64_t limits[] = { UINT32_MAX - 1, 800, 600, 460, 200, 130, 100, 0 };
    size_t last = 0;
    for (size_t i = 0; i < LONG; i++) numbers[i] = sqrt((double)i);
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct buf file = { 0 };
        archive_npz_large(&file, arrays, ARRAY_LEN(arrays), limits[i]);
        check(&file, limits[i]);
        assert_true(file.length >= last);
        last = file.length;
        buf_release(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zip64),
    };
    return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
