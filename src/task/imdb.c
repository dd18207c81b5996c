#include "base/rng.h"
#include "base/text.h"
#include "task/corpus.h"
#include "task/task.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct imdb_config {
    char data[400];
    int64_t vocabulary, length, reviews;
    double test_fraction;
    bool stop_words;
    int pad, keep;
};

enum { PAD_LEFT, PAD_RIGHT };
enum { KEEP_START, KEEP_END };
static const char *const pad_names[] = { "left", "right", NULL };
static const char *const keep_names[] = { "start", "end", NULL };

static const struct field fields[] = {
    FIELD_CHARS(imdb_config, data, PATH, NULL,
                "the folder aclImdb, or Kaggle's CSV file: PATH.npz is read, which `python3 analysis/data.py imdb "
                "PATH` makes "
                "of it; a relative path starts at the sweep file's folder; what the reviews say is part of a job's "
                "identity, the path is not"),
    FIELD_NUMBER(imdb_config, vocabulary, INT, "1000", "[1, 1e6]", "word",
                 "the words that are most frequent in the training reviews, of equally frequent ones those whose "
                 "bytes come first; others are dropped; symbol 0 is padding, symbol 1 the most frequent word"),
    FIELD_NUMBER(imdb_config, length, INT, "500", "[1, 100000]", "token",
                 "reviews are padded or cut to this many words of the vocabulary"),
    FIELD_CHOSEN(imdb_config, pad, CHOICE, "left", pad_names, "side on which short reviews are padded"),
    FIELD_CHOSEN(imdb_config, keep, CHOICE, "start", keep_names, "what stays of a review that is too long"),
    FIELD_FLAG(imdb_config, stop_words, "false",
               "true: words like 'the' and 'not' may be in the vocabulary; false: NLTK's English stop words are not"),
    FIELD_NUMBER(imdb_config, reviews, INT, "0", "[0, 1e9]", "review",
                 "training and test reviews together, drawn from all; 0: all"),
    FIELD_NUMBER(imdb_config, test_fraction, REAL, "0.25", "(0, 1)", "1",
                 "part of them that is tested on, rounded down"),
    FIELD_END,
};

/* NLTK's English list, without the words that have an apostrophe: these come out of the tokeniser as other words. */
static const char *const stop_words[] = {
    "a",     "about",    "above",      "after",  "again",     "against",    "ain",     "all",     "am",     "an",
    "and",   "any",      "are",        "aren",   "as",        "at",         "be",      "because", "been",   "before",
    "being", "below",    "between",    "both",   "but",       "by",         "can",     "couldn",  "d",      "did",
    "didn",  "do",       "does",       "doesn",  "doing",     "don",        "down",    "during",  "each",   "few",
    "for",   "from",     "further",    "had",    "hadn",      "has",        "hasn",    "have",    "haven",  "having",
    "he",    "her",      "here",       "hers",   "herself",   "him",        "himself", "his",     "how",    "i",
    "if",    "in",       "into",       "is",     "isn",       "it",         "its",     "itself",  "just",   "ll",
    "m",     "ma",       "me",         "mightn", "more",      "most",       "mustn",   "my",      "myself", "needn",
    "no",    "nor",      "not",        "now",    "o",         "of",         "off",     "on",      "once",   "only",
    "or",    "other",    "our",        "ours",   "ourselves", "out",        "over",    "own",     "re",     "s",
    "same",  "shan",     "she",        "should", "shouldn",   "so",         "some",    "such",    "t",      "than",
    "that",  "the",      "their",      "theirs", "them",      "themselves", "then",    "there",   "these",  "they",
    "this",  "those",    "through",    "to",     "too",       "under",      "until",   "up",      "ve",     "very",
    "was",   "wasn",     "we",         "were",   "weren",     "what",       "when",    "where",   "which",  "while",
    "who",   "whom",     "why",        "will",   "with",      "won",        "wouldn",  "y",       "you",    "your",
    "yours", "yourself", "yourselves",
};

static int shape(const void *config, struct task_shape *out, struct err *e)
{
    const struct imdb_config *c = config;
    const struct corpus *corpus;
    if (corpus_open(c->data, &corpus, e)) return -1;
    const size_t n = c->reviews ? (size_t)c->reviews : corpus->texts, n_test = (size_t)(c->test_fraction * (double)n);
    if (n > corpus->texts)
        return err_set(e, ERR_SPEC, "'%s' holds %zu reviews, not %zu", text_shown(c->data, 300), corpus->texts, n);
    if (n_test == 0 || n_test == n)
        return err_set(e, ERR_SPEC, "test_fraction %g of %zu reviews leaves no %s examples", c->test_fraction, n,
                       n_test ? "training" : "test");
    *out = (struct task_shape){ .n_train = n - n_test,
                                .n_test = n_test,
                                .width = (size_t)c->length,
                                .vocabulary = 1 + c->vocabulary,
                                .classes = 1 };
    return 0;
}

static int digest(const void *config, struct id *out, struct err *e)
{
    const struct corpus *corpus;
    if (corpus_open(((const struct imdb_config *)config)->data, &corpus, e)) return -1;
    *out = corpus->digest;
    return 0;
}

/* ---- the vocabulary ---- */

/* A word by frequency: the order of these numbers is that of the words in the vocabulary. */
static uint64_t by_frequency(uint32_t count, size_t word)
{
    return (uint64_t)(UINT32_MAX - count) << 32 | word;
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint32_t *count_words(const struct imdb_config *c, const struct corpus *corpus, const uint32_t *text, size_t n,
                             struct arena *a)
{
    uint32_t *count = ARENA_NEW(a, corpus->words, uint32_t);
    for (size_t i = 0; i < n; i++)
        for (size_t j = corpus->start[text[i]]; j < corpus->start[text[i] + 1]; j++) count[corpus->said[j]]++;
    for (size_t i = 0; !c->stop_words && i < ARRAY_LEN(stop_words); i++) {
        const size_t word = corpus_find(corpus, stop_words[i]);
        if (word != SIZE_MAX) count[word] = 0;
    }
    return count;
}

/* The symbol of each word of the corpus, 0 for those that are dropped; from the frequencies in the given texts. */
static int32_t *number_words(const struct imdb_config *c, const struct corpus *corpus, const uint32_t *text, size_t n,
                             struct arena *a)
{
    int32_t *symbol = ARENA_NEW(a, corpus->words, int32_t);
    struct arena_mark m = arena_mark(a);
    const uint32_t *count = count_words(c, corpus, text, n, a);
    uint64_t *word = ARENA_NEW(a, corpus->words, uint64_t);
    size_t found = 0;
    for (size_t i = 0; i < corpus->words; i++)
        if (count[i]) word[found++] = by_frequency(count[i], i);
    qsort(word, found, sizeof *word, compare);
    for (size_t i = 0; i < found && i < (size_t)c->vocabulary; i++) symbol[(uint32_t)word[i]] = (int32_t)i + 1;
    arena_rewind(a, m);
    return symbol;
}

/* ---- examples ---- */

static size_t count_known(const struct corpus *corpus, const int32_t *symbol, uint32_t text)
{
    size_t known = 0;
    for (size_t j = corpus->start[text]; j < corpus->start[text + 1]; j++) known += symbol[corpus->said[j]] > 0;
    return known;
}

/* token: zeros. */
static void encode(const struct imdb_config *c, const struct corpus *corpus, const int32_t *symbol, uint32_t text,
                   int32_t *token)
{
    const size_t length = (size_t)c->length, known = count_known(corpus, symbol, text);
    const size_t kept = known < length ? known : length, skipped = c->keep == KEEP_END ? known - kept : 0;
    int32_t *out = token + (c->pad == PAD_LEFT ? length - kept : 0);
    for (size_t j = corpus->start[text], seen = 0; j < corpus->start[text + 1]; j++) {
        const int32_t s = symbol[corpus->said[j]];
        if (s == 0) continue;
        if (seen >= skipped && seen < skipped + kept) *out++ = s;
        seen++;
    }
}

static struct dataset examples(const struct imdb_config *c, const struct corpus *corpus, const int32_t *symbol,
                               const uint32_t *text, size_t n, struct arena *a)
{
    const size_t width = (size_t)c->length;
    int32_t *token = ARENA_NEW(a, n * width, int32_t), *label = ARENA_NEW(a, n, int32_t);
    for (size_t i = 0; i < n; i++) {
        encode(c, corpus, symbol, text[i], token + i * width);
        label[i] = corpus->label[text[i]];
    }
    return (struct dataset){ .n = n, .width = width, .token = token, .label = label };
}

static int build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                 struct task_data *out, struct err *e)
{
    const struct imdb_config *c = config;
    const struct corpus *corpus;
    struct task_shape s;
    if (given && given->train) return err_set(e, ERR_SPEC, "task imdb takes no split");
    if (corpus_open(c->data, &corpus, e) || shape(config, &s, e)) return -1;
    uint32_t *text = ARENA_NEW(a, corpus->texts, uint32_t);
    for (size_t i = 0; i < corpus->texts; i++) text[i] = (uint32_t)i;
    struct rng r = rng_open(seed, "split");
    rng_shuffle(&r, text, corpus->texts);
    const int32_t *symbol = number_words(c, corpus, text, s.n_train, a);
    *out = (struct task_data){ .train = examples(c, corpus, symbol, text, s.n_train, a),
                               .test = examples(c, corpus, symbol, text + s.n_train, s.n_test, a),
                               .vocabulary = s.vocabulary,
                               .classes = s.classes };
    return 0;
}

const struct task_kind task_imdb = {
    .kind = { .name = "imdb",
              .summary = "film reviews; label 1 if positive",
              .source = "Maas et al., Learning Word Vectors for Sentiment Analysis (ACL 2011); words, vocabulary and "
                        "padding as Liu et al. (arXiv 2210.01117) and Minegishi et al. (2310.19470)",
              .fields = fields,
              .config_size = sizeof(struct imdb_config) },
    .shape = shape,
    .digest = digest,
    .build = build,
};
