/* Floor 0: memory, texts, hashes, random streams, fields, errors. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/field.h"
#include "base/hash.h"
#include "base/number.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- arena ---- */

static void test_arena(void **state)
{
    (void)state;
    struct arena a = { 0 };
    char *first = arena_alloc(&a, 1);
    assert_int_equal((uintptr_t)first % 64, 0);
    assert_int_equal(first[0], 0);
    struct arena_mark m = arena_mark(&a);
    size_t used = a.used;
    for (size_t bytes = 1; bytes < 1 << 20; bytes *= 3) {
        unsigned char *p = arena_alloc(&a, bytes);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < bytes; i++) assert_int_equal(p[i], 0);
        memset(p, 0xA5, bytes);
    }
    size_t peak = a.peak;
    assert_true(a.used == peak && peak > 1 << 19);
    arena_rewind(&a, m);
    assert_int_equal(a.used, used);
    assert_int_equal(a.peak, peak);
    char *again = arena_alloc(&a, 1000); /* memory that was used before comes back zeroed */
    for (size_t i = 0; i < 1000; i++) assert_int_equal(again[i], 0);
    assert_string_equal(arena_text(&a, "hello world", 5), "hello");
    double *d = ARENA_NEW(&a, 3, double);
    assert_true(d[0] == 0 && d[2] == 0);
    used = a.used;
    char *small = ARENA_SMALL(&a, 3, char);
    for (int i = 0; i < 1000; i++) {
        uint64_t *next = ARENA_SMALL(&a, 1, uint64_t);
        assert_int_equal((uintptr_t)next % 8, 0);
        assert_int_equal(*next, 0);
        *next = UINT64_MAX;
    }
    assert_true(small[0] == 0 && a.used == used + 8 * 1001); /* no gaps */
    assert_int_equal((uintptr_t)arena_alloc(&a, 1) % 64, 0);
    arena_release(&a);
    assert_int_equal(a.used, 0);
    arena_rewind(&a, arena_mark(&a)); /* an empty arena may be marked and rewound */
}

/* ---- buf ---- */

static void test_buf(void **state)
{
    (void)state;
    struct buf b = { 0 };
    assert_string_equal(buf_chars(&b), "");
    for (int i = 0; i < 1000; i++) buf_print(&b, "%d,", i % 10);
    assert_int_equal(b.length, 2000);
    assert_memory_equal(b.bytes + 1990, "5,6,7,8,9,", 11);
    buf_clear(&b);
    assert_string_equal(buf_chars(&b), "");
    buf_add(&b, "a\0b", 3);
    assert_int_equal(b.length, 3);
    buf_release(&b);
    assert_int_equal(b.length, 0);
}

static void check_real(double value, const char *want)
{
    struct buf b = { 0 };
    buf_real(&b, value);
    assert_string_equal(buf_chars(&b), want);
    buf_release(&b);
}

static size_t digits_of(const char *text)
{
    size_t n = 0;
    for (; *text && *text != 'e'; text++) n += *text >= '0' && *text <= '9';
    return n;
}

static void test_reals(void **state)
{
    (void)state;
    check_real(0.1, "0.1");
    check_real(1e-3, "0.001");
    check_real(-0.0, "0");
    check_real(30000, "30000");
    check_real(1e15, "1e+15");
    check_real(999999999999999, "999999999999999");
    check_real(0.1 + 0.2, "0.30000000000000004");
    check_real(1.0 / 3, "0.3333333333333333");
    check_real(5e-324, "5e-324");
    check_real(1.7976931348623157e308, "1.7976931348623157e+308");
    struct rng r = rng_open(1, "reals");
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = rng_u64(&r);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value) || value == 0 || (value == floor(value) && fabs(value) < 1e15)) continue;
        struct buf b = { 0 };
        buf_real(&b, value);
        assert_true(strtod(buf_chars(&b), NULL) == value); /* reads back to the same bits ... */
        char shorter[40];
        size_t digits = digits_of(buf_chars(&b));
        if (fabs(value) < 1e-4 || fabs(value) > 1e17) { /* ... and one digit less would not */
            snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, value);
            assert_true(digits == 1 || strtod(shorter, NULL) != value);
        }
        buf_release(&b);
    }
}

/* ---- hash ---- */

static void test_hash(void **state)
{
    (void)state;
    char text[ID_CHARS + 1];
    struct id id = id_of("", 0), back;
    /* the known answers of XXH3 for the empty input */
    assert_string_equal(id_text(id, text), "99aa06d3014798d86001c324468d497f");
    assert_true(hash_sum("", 0) == UINT64_C(0x2D06800538D394C2));
    assert_true(id_parse(text, &back) && id_equal(id, back));
    assert_false(id_parse("99aa06d3014798d86001c324468d497x", &back));
    assert_false(id_parse("0000000000000000x001c324468d4970", &back));
    assert_true(id_equal(id, back)); /* what is none fills nothing */
    assert_false(id_equal(id_of("a", 1), id_of("b", 1)));
    assert_false(id_equal(id_of("a", 1), id_of("a", 2)));
}

/* ---- rng ---- */

/* A stream is a counter (position, name) under a key (seed), so the known answers of Random123's Philox4x32-10
 * (tests/kat_vectors) can be asked of it. */
static void test_philox(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } known[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
          { UINT32_MAX, UINT32_MAX },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        const uint32_t *c = known[i].counter;
        struct rng r = { .key = { known[i].key[0], known[i].key[1] },
                         .name = { c[2], c[3] },
                         .block = (uint64_t)c[1] << 32 | c[0] };
        for (int j = 0; j < 4; j++) assert_int_equal(rng_u32(&r), known[i].want[j]);
    }
}

static void test_streams(void **state)
{
    (void)state;
    struct rng a = rng_open(7, "init"), again = rng_open(7, "init"), name = rng_open(7, "split"),
               seed = rng_open(8, "init");
    int same_name = 0, same_seed = 0;
    double correlation = 0;
    for (int i = 0; i < 10000; i++) {
        uint32_t have = rng_u32(&a), by_name = rng_u32(&name), by_seed = rng_u32(&seed);
        assert_int_equal(have, rng_u32(&again)); /* a stream is its name, its seed and a position; nothing else */
        same_name += have == by_name;
        same_seed += have == by_seed;
        correlation += ((double)have * 0x1p-32 - 0.5) * ((double)by_name * 0x1p-32 - 0.5) * 12;
    }
    assert_true(same_name < 3 && same_seed < 3);
    assert_true(fabs(correlation / 10000) < 0.05); /* five standard errors */
    struct rng high = rng_open(UINT64_C(7) << 32, "init"), low = rng_open(7, "init");
    assert_int_not_equal(rng_u64(&high), rng_u64(&low)); /* all 64 bits of a seed count */
}

static void test_uniform(void **state)
{
    (void)state;
    enum { N = 100000, BINS = 7 };
    struct rng r = rng_open(3, "uniform");
    double sum = 0, bins[BINS] = { 0 };
    for (int i = 0; i < N; i++) {
        double u = rng_uniform(&r);
        assert_true(u >= 0 && u < 1 && u * 0x1p53 == floor(u * 0x1p53));
        sum += u;
        uint64_t draw = rng_below(&r, BINS);
        assert_true(draw < BINS);
        bins[draw]++;
    }
    assert_true(fabs(sum / N - 0.5) < 5 * sqrt(1.0 / 12 / N));
    double chi = 0;
    for (int i = 0; i < BINS; i++)
        chi += (bins[i] - (double)N / BINS) * (bins[i] - (double)N / BINS) / ((double)N / BINS);
    assert_true(chi < 30); /* 6 degrees of freedom: p < 4e-5 */
    assert_int_equal(rng_below(&r, 1), 0);
    for (int i = 0; i < 1000; i++) assert_true(rng_below(&r, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
}

static void test_normal(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct rng r = rng_open(5, "normal");
    double moment[5] = { 0 };
    for (int i = 0; i < N; i++) {
        double x = rng_normal(&r), power = 1;
        assert_true(isfinite(x));
        for (int j = 0; j < 5; j++, power *= x) moment[j] += power / N;
    }
    /* the moments of a standard normal, each within five standard errors */
    assert_true(fabs(moment[1]) < 5 * sqrt(1.0 / N));
    assert_true(fabs(moment[2] - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(moment[3]) < 5 * sqrt(15.0 / N));
    assert_true(fabs(moment[4] - 3) < 5 * sqrt(96.0 / N));
}

static void test_shuffle(void **state)
{
    (void)state;
    struct rng r = rng_open(9, "shuffle");
    int seen[6] = { 0 };
    for (int i = 0; i < 6000; i++) {
        uint32_t order[3] = { 0, 1, 2 };
        rng_shuffle(&r, order, 3);
        assert_int_equal(1u << order[0] | 1u << order[1] | 1u << order[2], 7);
        seen[2 * order[0] + (order[1] > order[2])]++;
    }
    for (int i = 0; i < 6; i++) assert_true(abs(seen[i] - 1000) < 150); /* five standard deviations */
    rng_shuffle(&r, NULL, 0);
}

/* ---- field ---- */

static void test_near_names(void **state)
{
    (void)state;
    static const char *const names[] = { "weight_decay", "lr", "betas", "epochs", "k", NULL };
    assert_string_equal(names_near("wieght_decay", names), "weight_decay"); /* a swap costs one */
    assert_string_equal(names_near("weight_decya", names), "weight_decay");
    assert_string_equal(names_near("epoch", names), "epochs");
    assert_string_equal(names_near("ls", names), "lr");
    assert_null(names_near("momentum", names));
    assert_null(names_near("x", names)); /* every one-letter name is one letter away */
    assert_null(names_near("", names));
    char endless[200];
    memset(endless, 'e', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_null(names_near(endless, names));
}

/* ---- err ---- */

static void check_text(const struct err *e, const char *want)
{
    char out[1000];
    assert_string_equal(err_text(e, out, sizeof out), want);
}

static void test_err(void **state)
{
    (void)state;
    struct err e = { 0 };
    assert_int_equal(err_exit_code(&e), 0);
    assert_int_equal(err_at(&e, ERR_SPEC, "a.yaml", (struct mark){ 7, 13 }, "grids[0].k", "'k' is %d", 3), -1);
    check_text(&e, "a.yaml:7:13: grids[0].k: 'k' is 3");
    err_set(&e, ERR_FULL, "later"); /* the first error wins */
    check_text(&e, "a.yaml:7:13: grids[0].k: 'k' is 3");
    assert_int_equal(err_exit_code(&e), 2);
    e = (struct err){ 0 };
    err_at(&e, ERR_IO, "a.h5", NOWHERE, NULL, "gone");
    check_text(&e, "a.h5: gone");
    e = (struct err){ 0 };
    err_set(&e, ERR_STOPPED, "stopped");
    check_text(&e, "stopped");
    assert_int_equal(err_exit_code(&e), 75);
    e = (struct err){ .kind = ERR_SPEC, .at = { 2, 1 }, .text = "no file" };
    check_text(&e, "2:1: no file");
    err_set(NULL, ERR_SPEC, "nobody listens");
}

static void test_err_list(void **state)
{
    (void)state;
    struct err_list list = { 0 };
    for (int i = 0; i < ERR_LIST_LIMIT + 20; i++) {
        struct err e = { 0 };
        err_set(&e, ERR_SPEC, "error %d", i);
        err_list_add(&list, &e);
        assert_int_equal(e.kind, ERR_NONE);
    }
    assert_int_equal(list.count, ERR_LIST_LIMIT);
    assert_int_equal(list.seen, ERR_LIST_LIMIT + 20);
    assert_string_equal(list.item[99].text, "error 99");
    err_list_release(&list);
    assert_int_equal(list.seen, 0);
}

static void test_unknown(void **state)
{
    (void)state;
    static const char *const names[] = { "lr", "epochs", NULL };
    struct err e = { 0 }, none = { 0 };
    assert_int_equal(names_unknown(&e, "a.yaml", "epoch", names, "no key '%s'; it has", "epoch"), -1);
    assert_string_equal(e.text, "no key 'epoch'; it has: lr, epochs; did you mean 'epochs'?");
    assert_string_equal(e.file, "a.yaml");
    names_unknown(&none, NULL, "epoch", NULL, "no key; it has");
    assert_string_equal(none.text, "no key; it has: none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),      cmocka_unit_test(test_buf),    cmocka_unit_test(test_reals),
        cmocka_unit_test(test_hash),       cmocka_unit_test(test_philox), cmocka_unit_test(test_streams),
        cmocka_unit_test(test_uniform),    cmocka_unit_test(test_normal), cmocka_unit_test(test_shuffle),

        cmocka_unit_test(test_near_names), cmocka_unit_test(test_err),    cmocka_unit_test(test_err_list),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
