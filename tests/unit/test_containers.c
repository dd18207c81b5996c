/* Floor 0: what grows, what is sorted, what is looked up. */
#include "base/map.h"
#include "base/order.h"
#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_vec(void **state)
{
    (void)state;
    struct arena a = { 0 };
    int *array = NULL, *small = NULL;
    size_t count = 0, smalls = 0;
    for (int i = 0; i < 1000; i++) {
        *VEC_MORE(array, count) = i;
        int *zero = VEC_MORE_IN(&a, small, smalls);
        assert_int_equal(*zero, 0);
        *zero = i;
        if (i % 100 == 99) count -= 50; /* what falls below a power of two passes it again */
    }
    assert_int_equal(count, 500);
    assert_int_equal(array[0], 0);
    assert_int_equal(array[499], 949);
    for (int i = 0; i < 1000; i++) assert_int_equal(small[i], i);
    free(array);
    arena_release(&a);
}

static void test_order(void **state)
{
    (void)state;
    int64_t list[] = { 3, INT64_MIN, 3, INT64_MAX, -1, INT64_MIN };
    double a = 1, b = 2;
    assert_int_equal(order_unique(list, 6), 4);
    assert_true(list[0] == INT64_MIN && list[1] == -1 && list[2] == 3 && list[3] == INT64_MAX);
    assert_int_equal(order_unique(list, 0), 0);
    assert_true(order_double(&a, &b) < 0 && order_double(&b, &a) > 0 && order_double(&a, &a) == 0);
}

static void test_map(void **state)
{
    (void)state;
    struct map m = { 0 };
    uint32_t value;
    assert_false(map_find(&m, (struct id){ 0 }, &value));
    for (uint32_t i = 0; i < 1000; i++) assert_int_equal(map_number(&m, id_of(&i, sizeof i)), i);
    for (uint32_t i = 0; i < 1000; i++) assert_int_equal(map_number(&m, id_of(&i, sizeof i)), i);
    assert_false(map_add(&m, id_of(&(uint32_t){ 7 }, sizeof value), 9));
    assert_true(map_find(&m, id_of(&(uint32_t){ 7 }, sizeof value), &value) && value == 7);
    map_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vec),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_map),
    };
    return cmocka_run_group_tests_name("containers", tests, NULL, NULL);
}
