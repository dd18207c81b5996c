/* What inputs are drawn from. */
#include "base/number.h"
#include "base/rng.h"
#include "base/text.h"
#include "task/draw.h"

#include <math.h>
#include <string.h>

enum { NORMAL, UNIFORM, SPHERE, BITS, ONE_OF };
enum { MOST = 1000000 };
static const struct word {
    const char *name;
    int more; /* numbers that may stand behind the first */
} words[] = {
    [NORMAL] = { "normal", 1 }, [UNIFORM] = { "uniform", 1 }, [SPHERE] = { "sphere", 1 },
    [BITS] = { "bits", 2 },     [ONE_OF] = { "one of", 0 },
};

static bool next_word(const char **text, char word[FIELD_WORD])
{
    *text += strspn(*text, " ");
    const size_t length = strcspn(*text, " ");
    const bool any = length > 0 && text_copy(word, FIELD_WORD, *text, length);
    *text += length;
    return any;
}

static bool is_count(const char *word, int64_t *out)
{
    return number_int(word, out) && *out >= 1 && *out <= MOST;
}

/* "20 times 3" */
static bool read_symbols(const char *text, struct draw_form *out)
{
    char word[FIELD_WORD];
    int64_t times = 1;
    if (!next_word(&text, word) || !is_count(word, &out->symbols) || out->symbols < 2) return false;
    if (next_word(&text, word) && (strcmp(word, "times") != 0 || !next_word(&text, word) || !is_count(word, &times)))
        return false;
    out->n = (size_t)times;
    return !next_word(&text, word);
}

/* "5", "5 0.1" or, of bits, "5 0 1" */
static bool read_numbers(const char *text, struct draw_form *out)
{
    char word[FIELD_WORD];
    double more[2];
    int count = 0;
    int64_t n;
    if (!next_word(&text, word) || !is_count(word, &n)) return false;
    for (; next_word(&text, word); count++)
        if (count == words[out->kind].more || !number_real(word, &more[count]) || fabs(more[count]) > 1e9)
            return false;
    out->n = (size_t)n;
    out->scale = out->kind == BITS ? -1 : 1;
    out->high = 1;
    if (count) out->scale = more[0];
    if (count == 2) out->high = more[1];
    if (out->kind == BITS) return count != 1 && out->scale < out->high;
    return out->scale > 0;
}

bool draw_form_read(const char *text, struct draw_form *out)
{
    text += strspn(text, " ");
    for (int i = 0; i < (int)ARRAY_LEN(words); i++) {
        const size_t length = strlen(words[i].name);
        if (strncmp(text, words[i].name, length) != 0 || text[length] != ' ') continue;
        *out = (struct draw_form){ .kind = i };
        return i == ONE_OF ? read_symbols(text + length, out) : read_numbers(text + length, out);
    }
    return false;
}

void draw_form_print(const struct draw_form *form, struct buf *out)
{
    buf_print(out, "%s ", words[form->kind].name);
    if (form->kind == ONE_OF) {
        buf_int(out, form->symbols);
        if (form->n > 1) buf_print(out, " times %zu", form->n);
        return;
    }
    buf_print(out, "%zu", form->n);
    if (form->kind == BITS ? form->scale != -1 || form->high != 1 : form->scale != 1) {
        buf_text(out, " ");
        buf_real(out, form->scale);
    }
    if (form->kind == BITS && (form->scale != -1 || form->high != 1)) {
        buf_text(out, " ");
        buf_real(out, form->high);
    }
}

static double draw_one(const struct draw_form *form, struct rng *r)
{
    switch (form->kind) {
    case UNIFORM: return (2 * rng_uniform(r) - 1) * form->scale;
    case BITS: return rng_below(r, 2) ? form->high : form->scale;
    case ONE_OF: return (double)rng_below(r, (uint64_t)form->symbols);
    default: return rng_normal(r) * (form->kind == NORMAL ? form->scale : 1);
    }
}

void draw_fill(const struct draw_form *form, uint64_t seed, const char *stream, size_t n, double *x)
{
    struct rng r = rng_open(seed, stream);
    for (size_t i = 0; i < n; i++, x += form->n) {
        double squares = 0;
        for (size_t j = 0; j < form->n; j++) {
            x[j] = draw_one(form, &r);
            squares += x[j] * x[j];
        }
        for (size_t j = 0; j < form->n && form->kind == SPHERE; j++) x[j] *= form->scale / sqrt(squares);
    }
}

bool draw_may_be(const struct draw_form *form, const int32_t *row)
{
    bool may = form->kind == BITS || form->kind == ONE_OF;
    for (size_t j = 0; j < form->n && may; j++)
        may = form->kind == BITS ? row[j] == form->scale || row[j] == form->high
                                 : row[j] >= 0 && row[j] < form->symbols;
    return may;
}
