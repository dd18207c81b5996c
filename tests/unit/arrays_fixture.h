/* Files of arrays, for tests of tasks that read some. */
#ifndef TOMBOLA_TEST_ARRAYS_FIXTURE_H
#define TOMBOLA_TEST_ARRAYS_FIXTURE_H

#include "disk/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void write_npz(const char *path, const struct archive_array *array, size_t count)
{
    struct buf b = { 0 };
    archive_npz(&b, array, count);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_true(fwrite(b.bytes, 1, b.length, f) == b.length && fclose(f) == 0);
    buf_release(&b);
}

static inline int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* As analysis/data.py writes them: texts are words between blanks. */
static inline void write_corpus(const char *path, const char *const *text, const uint8_t *label, size_t texts)
{
    enum { MOST = 4096 };
    static char copy[MOST][64];
    const char *word[MOST], *sorted[MOST];
    uint64_t start[MOST] = { 0 }, said[MOST];
    struct buf letters = { 0 };
    size_t all = 0, words = 0;
    for (size_t i = 0; i < texts; i++) {
        for (const char *at = text[i]; *(at += strspn(at, " ")); at += strcspn(at, " "), all++) {
            snprintf(copy[all], sizeof copy[all], "%.*s", (int)strcspn(at, " "), at);
            word[all] = sorted[all] = copy[all];
        }
        start[i + 1] = all;
    }
    qsort(sorted, all, sizeof *sorted, compare_text);
    for (size_t i = 0; i < all; i++)
        if (!i || strcmp(sorted[i], sorted[words - 1]) != 0) sorted[words++] = sorted[i];
    for (size_t i = 0; i < words; i++) buf_add(&letters, sorted[i], strlen(sorted[i]) + 1);
    for (size_t i = 0; i < all; i++)
        said[i] = (uint64_t)((const char **)bsearch(&word[i], sorted, words, sizeof *sorted, compare_text) - sorted);
    const struct archive_array array[] = {
        { .name = "letters", .type = COLUMN_U8, .rank = 1, .dim = { letters.length }, .data = letters.bytes },
        { .name = "said", .type = COLUMN_U64, .rank = 1, .dim = { all }, .data = said },
        { .name = "start", .type = COLUMN_U64, .rank = 1, .dim = { texts + 1 }, .data = start },
        { .name = "label", .type = COLUMN_U8, .rank = 1, .dim = { texts }, .data = label },
    };
    write_npz(path, array, ARRAY_LEN(array));
    buf_release(&letters);
}

#endif
