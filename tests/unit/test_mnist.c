/* task mnist: bytes of a file of arrays, as numbers from 0 to 1. */
#define TOMBOLA_REAL 64
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arrays_fixture.h"
#include "num/convert.h"
#include "task/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 3, WIDTH = SIDE * SIDE, N_TRAIN = 12, N_TEST = 5 };

static char folder[400] = "/tmp/tombola-mnist-XXXXXX";

static uint8_t pixel(size_t image, size_t place)
{
    return (uint8_t)(37 * image + 11 * place);
}

static size_t highest = 10; /* labels are below it */

static uint8_t label(size_t image, size_t place)
{
    return (uint8_t)((7 * image + place) % highest);
}

static uint8_t test_pixel(size_t image, size_t place)
{
    return pixel(image + 100, place);
}

static void fill(uint8_t *out, size_t n, size_t size, uint8_t (*value)(size_t, size_t))
{
    for (size_t i = 0; i < n * size; i++) out[i] = value(i / size, i % size);
}

/* With so many training labels. */
static void write_all(size_t labels, size_t test_width)
{
    char path[480];
    uint8_t x[N_TRAIN * WIDTH], y[N_TRAIN], test_x[N_TEST * WIDTH], test_y[N_TEST];
    fill(x, N_TRAIN, WIDTH, pixel);
    fill(y, N_TRAIN, 1, label);
    fill(test_x, N_TEST, WIDTH, test_pixel);
    fill(test_y, N_TEST, 1, label);
    const struct archive_array array[] = {
        { .name = "x_train", .type = COLUMN_U8, .rank = 3, .dim = { N_TRAIN, SIDE, SIDE }, .data = x },
        { .name = "y_train", .type = COLUMN_U8, .rank = 1, .dim = { labels }, .data = y },
        { .name = "x_test", .type = COLUMN_U8, .rank = 2, .dim = { N_TEST, test_width }, .data = test_x },
        { .name = "y_test", .type = COLUMN_U8, .rank = 1, .dim = { N_TEST }, .data = test_y },
    };
    snprintf(path, sizeof path, "%s/mnist.npz", folder);
    write_npz(path, array, ARRAY_LEN(array));
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
    write_all(N_TRAIN, WIDTH);
    return 0;
}

static struct task_data build(uint64_t seed, struct arena *a)
{
    struct task_data out;
    struct err e = { 0 };
    if (task_mnist.build(config, seed, NULL, a, &out, &e)) fail_msg("%s", e.text);
    convert_data(&out, a);
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

/* Of the images and labels of both halves, as it was when they came in four files. */
static void the_digest_is_of_four_parts(void **state)
{
    (void)state;
    uint8_t x[N_TRAIN * WIDTH], y[N_TRAIN], test_x[N_TEST * WIDTH], test_y[N_TEST];
    fill(x, N_TRAIN, WIDTH, pixel);
    fill(y, N_TRAIN, 1, label);
    fill(test_x, N_TEST, WIDTH, test_pixel);
    fill(test_y, N_TEST, 1, label);
    const struct id part[] = { id_of(x, sizeof x), id_of(y, sizeof y), id_of(test_x, sizeof test_x),
                               id_of(test_y, sizeof test_y) };
    assert_true(id_equal(digest(), id_of(part, sizeof part)));
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
    expect_error("'train' is 13, and array 'x_train' has 12 examples");
    set("train", "10");
    set("test", "6");
    expect_error("'test' is 6, and array 'x_test' has 5 examples");
    set("test", "5");
    write_all(N_TRAIN - 1, WIDTH);
    expect_error("array 'x_train' has 12 examples, and array 'y_train' has 11");
    write_all(N_TRAIN, WIDTH - 1);
    expect_error("array 'x_test' has 8 numbers an example, and 'x_train', which is trained on, 9");
    highest = 11;
    write_all(N_TRAIN, WIDTH);
    expect_error("array 'y_train' holds 10, its number 4 of 12; allowed: whole numbers from 0 to 9");
    highest = 10;
    char deep[396];
    memset(deep, 'a', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    set("folder", deep);
    expect_error("mnist.npz' is too long");
    set("folder", "/nowhere");
    expect_error("there is no '/nowhere/mnist.npz': `make data-mnist` fetches it");
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
        cmocka_unit_test_setup(the_digest_is_of_four_parts, setup),
        cmocka_unit_test_setup(drawn_images_depend_on_the_seed_alone, setup),
        cmocka_unit_test_setup(what_is_wrong_is_said, setup),
    };
    return cmocka_run_group_tests_name("mnist", tests, start, end);
}
