#include "base/rng.h"
#include "task/task.h"

#include <stddef.h>

/* Symbols: padding, "not", the positive words, the negative words, the neutral words. */
enum { PADDING, NOT, FIRST_WORD };

struct sentiment_config {
    int64_t polar, neutral, length, shortest, longest, n_train, n_test;
    double density, negation;
};

static const struct field fields[] = {
    FIELD_NUMBER(sentiment_config, polar, INT, "20", "[1, 1e6]", "word",
                 "words that are positive, and as many that are negative"),
    FIELD_NUMBER(sentiment_config, neutral, INT, "58", "[1, 1e6]", "word", "words that say nothing"),
    FIELD_NUMBER(sentiment_config, length, INT, "24", "[1, 100000]", "token", "texts are padded on the left to this"),
    FIELD_NUMBER(sentiment_config, shortest, INT, "6", "[1, 100000]", "token",
                 "length of the shortest texts; all lengths from it to longest are as likely"),
    FIELD_NUMBER(sentiment_config, longest, INT, "24", "[1, 100000]", "token", "length of the longest texts"),
    FIELD_NUMBER(sentiment_config, density, REAL, "0.3", "[0.01, 1]", "1",
                 "probability that a word is polar; its sign is a fair coin's"),
    FIELD_NUMBER(sentiment_config, negation, REAL, "0.3", "[0, 1]", "1",
                 "probability that 'not' stands before a polar word and turns it round"),
    FIELD_NUMBER(sentiment_config, n_train, INT, "1000", "[1, 1e8]", "example", "training examples"),
    FIELD_NUMBER(sentiment_config, n_test, INT, "1000", "[1, 1e8]", "example", "test examples"),
    FIELD_END,
};

static int shape(const void *config, struct task_shape *out, struct err *e)
{
    const struct sentiment_config *c = config;
    if (c->shortest > c->longest || c->longest > c->length)
        return err_set(e, ERR_SPEC, "shortest, longest and length must not descend: they are %lld, %lld and %lld",
                       (long long)c->shortest, (long long)c->longest, (long long)c->length);
    *out = (struct task_shape){ .n_train = (size_t)c->n_train,
                                .n_test = (size_t)c->n_test,
                                .width = (size_t)c->length,
                                .vocabulary = FIRST_WORD + 2 * c->polar + c->neutral,
                                .classes = 1 };
    return 0;
}

/* A polar word, or two tokens if it is negated and there is room; returns how many. */
static size_t draw_polar(const struct sentiment_config *c, struct rng *r, int32_t *token, size_t room, int64_t *score)
{
    const bool negative = rng_below(r, 2), negated = rng_uniform(r) < c->negation && room > 1;
    if (negated) *token++ = NOT;
    *token = (int32_t)(FIRST_WORD + negative * c->polar + (int64_t)rng_below(r, (uint64_t)c->polar));
    *score += negative == negated ? 1 : -1;
    return 1 + negated;
}

/* A text of its own length at the right end of token; returns the sum of what its polar words say. */
static int64_t draw_text(const struct sentiment_config *c, struct rng *r, int32_t *token)
{
    const size_t length = (size_t)c->length;
    size_t at = length - (size_t)c->shortest - (size_t)rng_below(r, (uint64_t)(c->longest - c->shortest + 1));
    int64_t score = 0;
    for (size_t i = 0; i < at; i++) token[i] = PADDING;
    while (at < length)
        if (rng_uniform(r) < c->density)
            at += draw_polar(c, r, token + at, length - at, &score);
        else
            token[at++] = (int32_t)(FIRST_WORD + 2 * c->polar + (int64_t)rng_below(r, (uint64_t)c->neutral));
    return score;
}

static struct dataset draw_texts(const struct sentiment_config *c, struct rng *r, size_t n, struct arena *a)
{
    const size_t width = (size_t)c->length;
    int32_t *token = ARENA_NEW(a, n * width, int32_t), *label = ARENA_NEW(a, n, int32_t);
    for (size_t i = 0; i < n; i++) {
        int64_t score;
        do score = draw_text(c, r, token + i * width);
        while (score == 0);
        label[i] = score > 0;
    }
    return (struct dataset){ .n = n, .width = width, .token = token, .label = label };
}

static int build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                 struct task_data *out, struct err *e)
{
    const struct sentiment_config *c = config;
    struct task_shape s = { 0 };
    if (given && given->train) return err_set(e, ERR_SPEC, "task sentiment takes no split");
    if (shape(config, &s, e)) return -1;
    struct rng r = rng_open(seed, "split");
    *out = (struct task_data){ .vocabulary = s.vocabulary, .classes = s.classes };
    out->train = draw_texts(c, &r, s.n_train, a);
    out->test = draw_texts(c, &r, s.n_test, a);
    return 0;
}

const struct task_kind task_sentiment = {
    .kind = { .name = "sentiment",
              .summary =
                  "made-up texts: which polar words prevail, when each 'not' turns the next word round; label 1 if "
                  "the positive ones do, texts in balance are drawn again",
              .source = "",
              .fields = fields,
              .config_size = sizeof(struct sentiment_config) },
    .shape = shape,
    .build = build,
};
