#include "task/corpus_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- words of a text ---- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Bytes of "<br>", "<br/>", "<br />" at text; 0 if there is none. */
static size_t line_break(const char *text, const char *end)
{
    const char *s = text;
    if (end - s < 4 || strncasecmp(s, "<br", 3)) return 0;
    for (s += 3; s < end && is_blank(*s);) s++;
    if (s < end && *s == '/') s++;
    return s < end && *s == '>' ? (size_t)(s + 1 - text) : 0;
}

bool word_next(struct word_reader *r)
{
    buf_clear(&r->word);
    while (r->at < r->end) {
        const size_t br = line_break(r->at, r->end);
        const char c = *r->at, lower = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        r->at += br ? br : 1;
        if (br || is_blank(c)) {
            if (r->word.length) return true;
        } else if ((lower >= 'a' && lower <= 'z') || (unsigned char)c >= 0x80)
            buf_add(&r->word, &lower, 1);
    }
    return r->word.length > 0;
}

/* ---- gathering ---- */

size_t gathered(const struct buf *b, size_t size)
{
    return b->length / size;
}

const char *gathered_word(const struct gathering *g, size_t i)
{
    size_t start;
    memcpy(&start, g->words.bytes + i * sizeof start, sizeof start);
    return g->letters.bytes + start;
}

static uint32_t *find_slot(const struct gathering *g, const char *word)
{
    size_t at = checksum(word, strlen(word)) & (g->slots - 1);
    while (g->slot[at] && strcmp(gathered_word(g, g->slot[at] - 1), word)) at = (at + 1) & (g->slots - 1);
    return &g->slot[at];
}

static void grow_slots(struct gathering *g)
{
    const size_t words = gathered(&g->words, sizeof(size_t));
    if (2 * words < g->slots) return;
    free(g->slot);
    g->slots = g->slots ? 2 * g->slots : 1 << 16;
    g->slot = calloc(g->slots, sizeof *g->slot);
    if (!g->slot) die("out of memory: %zu words", words);
    for (size_t i = 0; i < words; i++) *find_slot(g, gathered_word(g, i)) = (uint32_t)i + 1;
}

static uint32_t number_of(struct gathering *g, const char *word)
{
    grow_slots(g);
    uint32_t *slot = find_slot(g, word);
    if (*slot == 0) {
        const size_t start = g->letters.length;
        buf_add(&g->letters, word, strlen(word) + 1);
        buf_add(&g->words, &start, sizeof start);
        *slot = (uint32_t)gathered(&g->words, sizeof start);
    }
    return *slot - 1;
}

void gather_text(struct gathering *g, const char *text, size_t length, int32_t label)
{
    const size_t start = gathered(&g->said, sizeof(uint32_t));
    buf_add(&g->starts, &start, sizeof start);
    buf_add(&g->labels, &label, sizeof label);
    g->reader.at = text;
    g->reader.end = text + length;
    while (word_next(&g->reader)) {
        const uint32_t word = number_of(g, buf_chars(&g->reader.word));
        buf_add(&g->said, &word, sizeof word);
    }
}
