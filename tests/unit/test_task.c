#include "engine.h"

static int64_t mod(int64_t x, int64_t p)
{
    return (x % p + p) % p;
}

/* Every pair of the kind stands in exactly one of the sets, with its label. */
static void check_pairs(const struct task_data *d, int64_t p, bool (*wanted)(int64_t a, int64_t b))
{
    static int seen[1000 * 1000];
    memset(seen, 0, sizeof seen);
    const struct dataset *const sets[] = { &d->train, &d->test };
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < sets[s]->n; i++) {
            int64_t a = sets[s]->token[2 * i], b = sets[s]->token[2 * i + 1];
            seen[a * p + b]++;
            assert_int_equal(sets[s]->label[i], mod(a + b, p));
        }
    for (int64_t a = 0; a < p; a++)
        for (int64_t b = 0; b < p; b++) assert_int_equal(seen[a * p + b], wanted(a, b));
}

static bool unordered(int64_t a, int64_t b)
{
    return a <= b;
}

static bool distinct(int64_t a, int64_t b)
{
    return a < b;
}

static bool ordered(int64_t a, int64_t b)
{
    (void)a, (void)b;
    return true;
}

static void open_task(struct bench *b, const char *settings, uint64_t seed)
{
    bench_open(b, settings, "d_embed=1 d_hidden=1", seed, NULL);
}

static void pairs_are_counted_as_in_the_paper(void **state)
{
    (void)state;
    const struct {
        const char *pairs;
        size_t n, n_train;
        bool (*wanted)(int64_t a, int64_t b);
    } cases[] = { { "unordered", 2278, 911, unordered },
                  { "unordered_distinct", 2211, 884, distinct },
                  { "ordered", 4489, 1795, ordered } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b = { 0 };
        char settings[64];
        snprintf(settings, sizeof settings, "expr=a+b p=67 pairs=%s train_fraction=0.4", cases[i].pairs);
        open_task(&b, settings, 3);
        assert_int_equal(b.shape.n_train + b.shape.n_test, cases[i].n);
        assert_int_equal(b.shape.n_train, cases[i].n_train);
        assert_int_equal(b.data.train.n, cases[i].n_train);
        assert_int_equal(b.data.test.n, cases[i].n - cases[i].n_train);
        assert_int_equal(b.data.vocabulary, 67);
        assert_int_equal(b.data.classes, 67);
        check_pairs(&b.data, 67, cases[i].wanted);
        arena_release(&b.arena);
    }
}

static void a_split_depends_on_the_seed_alone(void **state)
{
    (void)state;
    struct bench b[4] = { 0 };
    open_task(&b[0], "expr=a+b p=31", 1);
    open_task(&b[1], "expr=a*b p=31", 1);
    open_task(&b[2], "expr=a+b p=31", 2);
    open_task(&b[3], "expr=a+b p=31 train_fraction=0.5", 1);
    size_t bytes = 2 * b[0].data.train.n * sizeof(int32_t);
    assert_memory_equal(b[0].data.train.token, b[1].data.train.token, bytes);
    assert_memory_not_equal(b[0].data.train.token, b[2].data.train.token, bytes);
    assert_memory_equal(b[0].data.train.token, b[3].data.train.token, bytes); /* more training data adds to the old */
    for (size_t i = 0; i < ARRAY_LEN(b); i++) arena_release(&b[i].arena);
}

static void division_leaves_out_pairs_without_a_value(void **state)
{
    (void)state;
    struct bench b = { 0 };
    open_task(&b, "expr=a/b p=67 pairs=ordered", 0);
    assert_int_equal(b.shape.n_train + b.shape.n_test, 67 * 66);
    for (size_t i = 0; i < b.data.train.n; i++) {
        const int32_t *t = b.data.train.token + 2 * i;
        assert_int_equal(mod((int64_t)b.data.train.label[i] * t[1], 67), t[0]);
    }
    arena_release(&b.arena);
}

static void random_labels_belong_to_the_pair(void **state)
{
    (void)state;
    struct bench some = { 0 }, all = { 0 }, other = { 0 };
    open_task(&some, "expr=random p=29", 5);
    open_task(&all, "expr=random p=29 pairs=ordered train_fraction=0.9", 5);
    open_task(&other, "expr=random p=29", 6);
    int32_t label[29 * 29] = { 0 };
    size_t differ = 0, count[29] = { 0 };
    for (size_t i = 0; i < all.data.train.n; i++) {
        const int32_t *t = all.data.train.token + 2 * i;
        label[t[0] * 29 + t[1]] = 1 + all.data.train.label[i];
        count[all.data.train.label[i]]++;
    }
    for (size_t i = 0; i < some.data.train.n; i++) {
        const int32_t *t = some.data.train.token + 2 * i;
        int32_t known = label[t[0] * 29 + t[1]];
        assert_true(known == 0 || known == 1 + some.data.train.label[i]);
        differ += some.data.train.label[i] != other.data.train.label[i];
    }
    assert_true(differ > some.data.train.n / 2);
    for (size_t i = 0; i < 29; i++) assert_in_range(count[i], 5, 60); /* 26 expected */
    arena_release(&some.arena);
    arena_release(&all.arena);
    arena_release(&other.arena);
}

/* The labels of all pairs, [order, order]; order: of the group. */
static int32_t *group_table(const char *settings, int64_t *order, struct arena *a)
{
    struct err e = { 0 };
    struct task_data d;
    if (task_permutation.build(config_of(a, &task_permutation.kind, settings), 1, NULL, a, &d, &e))
        fail_msg("%s", e.text);
    *order = d.classes;
    assert_int_equal(d.train.n + d.test.n, d.classes * d.classes);
    int32_t *label = ARENA_NEW(a, (size_t)(d.classes * d.classes), int32_t);
    const struct dataset *const half[] = { &d.train, &d.test };
    for (size_t h = 0; h < 2; h++)
        for (size_t i = 0; i < half[h]->n; i++)
            label[half[h]->token[2 * i] * d.classes + half[h]->token[2 * i + 1]] = half[h]->label[i];
    return label;
}

/* Laws of a group, with the identity first; and one product by hand: (1, 0, 2) after (0, 2, 1) is (1, 2, 0). */
static void permutations_are_a_group(void **state)
{
    (void)state;
    struct arena arena = { 0 };
    int64_t n;
    const int32_t *three = group_table("n=3", &n, &arena);
    assert_int_equal(three[2 * n + 1], 3);
    const int32_t *ab = group_table("", &n, &arena), *conjugate = group_table("operation=aba^-1", &n, &arena);
    const int32_t *aba = group_table("operation=aba", &n, &arena);
    assert_int_equal(n, 120);
    for (int64_t a = 0; a < n; a++) {
        assert_int_equal(ab[a], a);
        bool seen[120] = { false };
        for (int64_t b = 0; b < n; b++) {
            const int32_t product = ab[a * n + b];
            seen[product] = true;
            assert_int_equal(ab[product * n + a], aba[a * n + b]);
            assert_int_equal(ab[conjugate[a * n + b] * n + a], product);
            assert_int_equal(ab[product * n + 7], ab[a * n + ab[b * n + 7]]);
        }
        for (int64_t b = 0; b < n; b++) assert_true(seen[b]);
    }
    arena_release(&arena);
}

/* Bits are -1 or 1, half and half; the label is the product of the first k; halves differ, seeds too. */
static void parity_is_the_product_of_the_first_bits(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct err e = { 0 };
    struct task_data d[2];
    const void *config = config_of(&a, &task_parity.kind, "n=12 k=4 n_train=2000 n_test=300");
    for (uint64_t seed = 0; seed < 2; seed++)
        assert_int_equal(task_parity.build(config, seed, NULL, &a, &d[seed], &e), 0);
    double ones = 0, positive = 0;
    for (size_t i = 0; i < d[0].train.n; i++) {
        const double *x = d[0].train.x + 12 * i;
        for (size_t j = 0; j < 12; j++) {
            assert_true(x[j] == 1 || x[j] == -1);
            ones += x[j] > 0;
        }
        assert_int_equal(d[0].train.label[i], x[0] * x[1] * x[2] * x[3] > 0);
        positive += d[0].train.label[i];
    }
    close_to(ones / 24000, 0.5, 0.02, "ones");
    close_to(positive / 2000, 0.5, 0.06, "labels");
    assert_int_equal(d[0].test.n, 300);
    assert_memory_not_equal(d[0].train.x, d[0].test.x, 300 * 12 * sizeof(double));
    assert_memory_not_equal(d[0].train.x, d[1].train.x, 300 * 12 * sizeof(double));
    const int32_t bits[] = { 1, -1, 1, 1, 0, 1 };
    const struct task_split split = { bits, bits, 1, 1, 3 }, wrong = { bits + 3, bits, 1, 1, 3 },
                            narrow = { bits, bits, 1, 1, 2 };
    config = config_of(&a, &task_parity.kind, "n=3 k=2");
    assert_int_equal(task_parity.build(config, 0, &split, &a, d, &e), 0);
    assert_true(d->train.n == 1 && d->train.label[0] == 0 && d->train.x[1] == -1);
    assert_int_equal(task_parity.build(config, 0, &wrong, &a, d, &e), -1);
    assert_string_equal(e.text, "example 0 of the given split is not what 'bits 3' can be");
    e = (struct err){ 0 };
    assert_int_equal(task_parity.build(config, 0, &narrow, &a, d, &e), -1);
    assert_string_equal(e.text, "the given split has 2 columns; examples have 3");
    arena_release(&a);
}

/* The degree 1 task of the same seed tells beta.x; |beta|^2 = d and x_i of variance 1 / d give it variance 1. */
static void polynomial_targets_depend_on_one_direction(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct err e = { 0 };
    struct task_data line, cube, sphere;
    const char *const settings[] = { "d=5 degree=1 n_train=4000 n_test=10", "d=5 degree=3 n_train=4000 n_test=10",
                                     "d=5 inputs=sphere n_train=4000 n_test=10" };
    struct task_data *const data[] = { &line, &cube, &sphere };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(
            task_polynomial.build(config_of(&a, &task_polynomial.kind, settings[i]), 9, NULL, &a, data[i], &e), 0);
    double squares = 0;
    for (size_t i = 0; i < 4000; i++) {
        double dot = line.train.target[i];
        close_to(cube.train.target[i], dot * dot * dot / 6, 1e-12, "cube");
        squares += dot * dot;
        const double *x = sphere.train.x + 5 * i;
        const double length = x[0] * x[0] + x[1] * x[1] + x[2] * x[2] + x[3] * x[3] + x[4] * x[4];
        close_to(length, 1, 1e-12, "sphere");
        assert_true(sphere.train.target[i] >= 0 && sphere.train.target[i] <= 2.5 * (1 + 1e-12));
    }
    close_to(squares / 4000, 1, 0.1, "variance of beta.x");
    assert_memory_equal(line.train.x, cube.train.x, 20000 * sizeof(double));
    assert_true(line.train.label == NULL && line.classes == 1);
    arena_release(&a);
}

static void a_given_split_is_used_as_it_is(void **state)
{
    (void)state;
    const int32_t train[] = { 4, 1, 0, 0 }, test[] = { 2, 3 };
    const struct task_split split = { .train = train, .test = test, .n_train = 2, .n_test = 1, .width = 2 };
    struct bench b = { 0 };
    bench_open(&b, "expr=a-b p=5", "d_embed=1 d_hidden=1", 0, &split);
    assert_int_equal(b.data.train.n, 2);
    assert_memory_equal(b.data.train.token, train, sizeof train);
    assert_int_equal(b.data.train.label[0], 3);
    assert_int_equal(b.data.test.n, 1);
    assert_int_equal(b.data.test.label[0], 4);
    arena_release(&b.arena);
}

static void refuse(const char *settings, const struct task_split *split, const char *text)
{
    struct arena a = { 0 };
    struct err e = { 0 };
    struct task_shape s;
    struct task_data d;
    const void *c = config_of(&a, &task_modular.kind, settings);
    int rc = split ? task_modular.build(c, 0, split, &a, &d, &e) : task_modular.shape(c, &s, &e);
    assert_int_equal(rc, -1);
    assert_int_equal(e.kind, ERR_SPEC);
    assert_string_equal(e.text, text);
    arena_release(&a);
}

static void what_cannot_be_built_is_refused(void **state)
{
    (void)state;
    const int32_t wrong[] = { 0, 1, 5, 2 }, zero[] = { 1, 0 }, fine[] = { 1, 2 };
    refuse("expr=a/b p=66", NULL, "expr 'a/b' divides, so p must be a prime; 66 is not");
    refuse("expr=a+b p=2 train_fraction=0.1", NULL, "train_fraction 0.1 of 3 pairs leaves no training examples");
    refuse("expr=a/5 p=5", NULL, "train_fraction 0.4 of 0 pairs leaves no training examples");
    refuse("expr=a+b p=5", &(struct task_split){ wrong, fine, 2, 1, 2 },
           "training pair 1 of the given split is (5, 2); allowed are 0 to 4");
    refuse("expr=a/b p=5", &(struct task_split){ fine, zero, 1, 1, 2 },
           "test pair 0 of the given split is (1, 0), where expr divides by 0");
    refuse("expr=a+b p=5", &(struct task_split){ fine, fine, 1, 0, 2 }, "the given split has no test pairs");
    refuse("expr=a+b p=5", &(struct task_split){ fine, fine, 1, 1, 3 },
           "the given split has 3 columns; pairs (a, b) have 2");
}

static void nothing_gives_data_that_a_model_can_take(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct err e = { 0 };
    struct task_shape s;
    struct task_data d;
    const struct nothing_config *c = config_of(&a, &task_nothing.kind, "seconds=0.5 fail_every=7");
    assert_true(c->seconds == 0.5 && c->fail_every == 7 && c->die_on == -1);
    assert_int_equal(task_nothing.shape(c, &s, &e), 0);
    assert_int_equal(task_nothing.build(c, 1, NULL, &a, &d, &e), 0);
    assert_true(d.train.n == s.n_train && d.test.n == s.n_test && d.train.width == s.width);
    for (size_t i = 0; i < d.train.n * d.train.width; i++) assert_in_range(d.train.token[i], 0, s.vocabulary - 1);
    for (size_t i = 0; i < d.train.n; i++) assert_in_range(d.train.label[i], 0, s.classes - 1);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_counted_as_in_the_paper),
        cmocka_unit_test(a_split_depends_on_the_seed_alone),
        cmocka_unit_test(division_leaves_out_pairs_without_a_value),
        cmocka_unit_test(random_labels_belong_to_the_pair),
        cmocka_unit_test(permutations_are_a_group),
        cmocka_unit_test(parity_is_the_product_of_the_first_bits),
        cmocka_unit_test(polynomial_targets_depend_on_one_direction),
        cmocka_unit_test(a_given_split_is_used_as_it_is),
        cmocka_unit_test(what_cannot_be_built_is_refused),
        cmocka_unit_test(nothing_gives_data_that_a_model_can_take),
    };
    return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
