#include "base/vec.h"
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

bool corpus_next_word(struct word_reader *r)
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

static uint32_t number_of(struct gathering *g, const char *word)
{
    const size_t length = strlen(word);
    const uint32_t number = map_number(&g->number, id_of(word, length));
    if (number < g->words) return number;
    *VEC_MORE(g->word, g->words) = g->letters.length;
    buf_add(&g->letters, word, length + 1);
    return number;
}

void corpus_gather_text(struct gathering *g, const char *text, size_t length, int32_t label)
{
    *VEC_MORE(g->text, g->texts) = (struct said_text){ g->all, label };
    g->reader.at = text;
    g->reader.end = text + length;
    while (corpus_next_word(&g->reader)) *VEC_MORE(g->said, g->all) = number_of(g, buf_chars(&g->reader.word));
}
