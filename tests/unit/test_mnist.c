/* task mnist: IDX files as published, gzipped or not, and every way in which they can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "task/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { SIDE = 3, WIDTH = SIDE * SIDE, N_TRAIN = 12, N_TEST = 5 };

static char folder[400] = "/tmp/tombola-mnist-XXXXXX";

static uint8_t pixel(size_t image, size_t place)
{
    return (uint8_t)(37 * image + 11 * place);
}

/* An IDX file of n records of `size` bytes, or its first `bytes`. */
static void write_idx(const char *name, size_t n, size_t rank, uint8_t (*value)(size_t, size_t), bool zipped,
                      size_t bytes)
{
    char path[480];
    uint8_t file[4096] = { 0, 0, 8, (uint8_t)rank, 0, 0, 0, (uint8_t)n, 0, 0, 0, SIDE, 0, 0, 0, SIDE };
    const size_t head = 4 + 4 * rank, size = rank == 1 ? 1 : WIDTH, whole = head + n * size;
    for (size_t i = 0; i < n * size; i++) file[head + i] = value(i / size, i % size);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
    snprintf(path, sizeof path, "%s/%s.gz", folder, name);
    unlink(path);
    if (!zipped) path[strlen(path) - 3] = '\0';
    gzFile f = gzopen(path, zipped ? "wb" : "wbT");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, file, (unsigned)(bytes ? bytes : whole)), bytes ? bytes : whole);
    gzclose(f);
}

static uint8_t label(size_t image, size_t place)
{
    return (uint8_t)((7 * image + place) % 10);
}

static uint8_t test_pixel(size_t image, size_t place)
{
    return pixel(image + 100, place);
}

static void write_all(bool zipped)
{
    write_idx("train-images-idx3-ubyte", N_TRAIN, 3, pixel, zipped, 0);
    write_idx("train-labels-idx1-ubyte", N_TRAIN, 1, label, zipped, 0);
    write_idx("t10k-images-idx3-ubyte", N_TEST, 3, test_pixel, zipped, 0);
    write_idx("t10k-labels-idx1-ubyte", N_TEST, 1, label, zipped, 0);
}

static _Alignas(16) char config[1024];

static void set(const char *key, const char *value)
{
    struct err e = { 0 };
    if (field_set(field_find(task_mnist.kind.fields, key), config, value, &e)) fail_msg("%s", e.text);
}

static int setup(void **state)
{
    (void)state;
    assert_true(task_mnist.kind.config_size <= sizeof config);
    field_defaults(task_mnist.kind.fields, config);
    set("folder", folder);
    set("train", "10");
    set("test", "5");
    write_all(false);
    return 0;
}

static struct task_data build(uint64_t seed, struct arena *a)
{
    struct task_data out;
    struct err e = { 0 };
    if (task_mnist.build(config, seed, NULL, a, &out, &e)) fail_msg("%s", e.text);
    return out;
}

static struct id digest(void)
{
    struct id id;
    struct err e = { 0 };
    if (task_mnist.digest(config, &id, &e)) fail_msg("%s", e.text);
    return id;
}

static void images_are_numbers_from_0_to_1(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct task_shape s;
    struct err e = { 0 };
    assert_int_equal(task_mnist.shape(config, &s, &e), 0);
    assert_int_equal(s.n_train, 10);
    assert_int_equal(s.n_test, N_TEST);
    assert_int_equal(s.width, WIDTH);
    assert_int_equal(s.classes, 10);
    const struct task_data d = build(1, &a);
    assert_int_equal(d.train.n, 10);
    for (size_t i = 0; i < d.train.n; i++) {
        assert_int_equal(d.train.label[i], label(i, 0));
        for (size_t j = 0; j < WIDTH; j++) assert_true(d.train.x[i * WIDTH + j] == pixel(i, j) / 255.0);
    }
    assert_true(d.test.x[WIDTH] == test_pixel(1, 0) / 255.0);
    arena_release(&a);
}

static void gzipped_files_are_the_same_data(void **state)
{
    (void)state;
    const struct id plain = digest();
    write_all(true);
    assert_true(id_equal(digest(), plain));
    struct arena a = { 0 };
    assert_true(build(1, &a).train.x[5] == pixel(0, 5) / 255.0);
    arena_release(&a);
    write_idx("t10k-labels-idx1-ubyte", N_TEST, 1, test_pixel, true, 0);
    assert_false(id_equal(digest(), plain));
}

static void drawn_images_depend_on_the_seed_alone(void **state)
{
    (void)state;
    struct arena a = { 0 };
    set("choose", "drawn");
    set("train", "12");
    const struct task_data one = build(1, &a), again = build(1, &a), other = build(2, &a);
    bool seen[N_TRAIN] = { false };
    assert_memory_equal(one.train.x, again.train.x, N_TRAIN * WIDTH * sizeof(double));
    assert_memory_not_equal(one.train.x, other.train.x, N_TRAIN * WIDTH * sizeof(double));
    for (size_t i = 0; i < N_TRAIN; i++) {
        size_t image = 0;
        while (image < N_TRAIN && one.train.x[i * WIDTH] != pixel(image, 0) / 255.0) image++;
        assert_true(image < N_TRAIN && !seen[image]);
        assert_int_equal(one.train.label[i], label(image, 0));
        seen[image] = true;
    }
    arena_release(&a);
}

static void expect_error(const char *what)
{
    struct arena a = { 0 };
    struct task_shape s;
    struct task_data d;
    struct err e = { 0 };
    if (!task_mnist.shape(config, &s, &e)) assert_int_equal(task_mnist.build(config, 0, NULL, &a, &d, &e), -1);
    assert_int_equal(e.kind, ERR_SPEC);
    if (!strstr(e.text, what)) fail_msg("'%s' does not say '%s'", e.text, what);
    arena_release(&a);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    set("train", "13");
    expect_error("has 12 training images");
    set("train", "10");
    set("test", "6");
    expect_error("has 5 test images");
    set("test", "5");
    write_idx("train-images-idx3-ubyte", N_TRAIN, 3, pixel, false, 40);
    expect_error("train-images-idx3-ubyte' ends before the 108 bytes");
    write_idx("train-images-idx3-ubyte", N_TRAIN, 3, pixel, false, 9);
    expect_error("is no IDX file of bytes in 3 dimensions");
    write_idx("train-images-idx3-ubyte", N_TRAIN - 1, 3, pixel, false, 0);
    expect_error("labels 12 images, and there are 11");
    write_idx("train-images-idx3-ubyte", N_TRAIN, 3, pixel, true, 0);
    write_idx("train-labels-idx1-ubyte", N_TRAIN, 1, pixel, false, 0);
    expect_error("image 1 has the label 37");
    set("folder", "/nowhere");
    expect_error("cannot open '/nowhere/train-images-idx3-ubyte'");
}

static int start(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    char command[480];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(images_are_numbers_from_0_to_1, setup),
        cmocka_unit_test_setup(gzipped_files_are_the_same_data, setup),
        cmocka_unit_test_setup(drawn_images_depend_on_the_seed_alone, setup),
        cmocka_unit_test_setup(what_is_wrong_is_said, setup),
    };
    return cmocka_run_group_tests_name("mnist", tests, start, end);
}
