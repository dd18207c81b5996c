#include "train/lr_schedule.h"
#include "base/buf.h"
#include "base/number.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

enum { WARMUP, CONSTANT, LINEAR, COSINE, DROP_AT, DROP_EVERY };

/* Which words follow in which order: %N a length, %R a factor.  Of two forms of a part the one without N comes last.
 */
static const struct form {
    int kind;
    const char *words[5];
} forms[] = {
    { WARMUP, { "warmup", "%N" } },
    { CONSTANT, { "constant", "%N" } },
    { LINEAR, { "linear", "%N", "to", "%R" } },
    { LINEAR, { "linear", "to", "%R" } },
    { COSINE, { "cosine", "%N", "to", "%R" } },
    { COSINE, { "cosine", "to", "%R" } },
    { DROP_AT, { "drop", "%R", "at", "%N" } },
    { DROP_EVERY, { "drop", "%R", "every", "%N" } },
};
static const char allowed[] =
    "warmup N, constant N, linear [N] to R, cosine [N] to R, drop R at N, drop R every N; N is a "
    "number of steps, or as 'N epochs', and R a factor on lr from 0 to 1000";

static bool is_drop(const struct lr_schedule_part *p)
{
    return p->kind == DROP_AT || p->kind == DROP_EVERY;
}

/* ---- text ---- */

enum { WORD = 32, WORDS = 8 };

/* The words of a part, up to a comma or a bracket; *text moves behind it.  -1: there are too many, or too long ones.
 */
static int split(const char **text, char word[WORDS][WORD])
{
    int count = 0;
    const char *s = *text;
    const size_t length = strcspn(s, ",]");
    const char *end = s + length;
    *text = *end == ',' ? end + 1 : end;
    for (s += strspn(s, " "); s < end; s += strspn(s, " ")) {
        const size_t size = strcspn(s, " ,]");
        if (count == WORDS || !text_copy(word[count], WORD, s, size)) return -1;
        count++;
        s += size;
    }
    return count;
}

static bool read_length(struct lr_schedule_part *p, const char *word, const char *unit, int *used)
{
    static const char *const units[] = { "step", "steps", "epoch", "epochs" };
    if (!number_int(word, &p->length) || p->length < 1 || p->length > 1000000000) return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (unit && !strcmp(unit, units[i])) {
            p->in_epochs = i >= 2;
            ++*used;
        }
    return true;
}

static bool fits(const struct form *f, char word[WORDS][WORD], int count, struct lr_schedule_part *out)
{
    int at = 0;
    *out = (struct lr_schedule_part){ .kind = f->kind };
    for (size_t i = 0; i < ARRAY_LEN(f->words) && f->words[i]; i++, at++) {
        if (at == count) return false;
        const char *want = f->words[i], *have = word[at];
        if (!strcmp(want, "%N")) {
            if (!read_length(out, have, at + 1 < count ? word[at + 1] : NULL, &at)) return false;
        } else if (!strcmp(want, "%R")) {
            if (!number_real(have, &out->factor) || !(out->factor >= 0 && out->factor <= 1000)) return false;
        } else if (strcmp(want, have) != 0)
            return false;
    }
    return at == count;
}

static int read_part(struct lr_schedule *out, const char **text, struct err *e)
{
    char word[WORDS][WORD], said[LR_SCHEDULE_TEXT];
    struct lr_schedule_part part = { .kind = -1 };
    bool found = false;
    text_brief(said, sizeof said, "%.*s", (int)strcspn(*text, ",]"), *text);
    const int count = split(text, word);
    for (size_t i = 0; i < ARRAY_LEN(forms) && !found && count > 0; i++) found = fits(&forms[i], word, count, &part);
    if (!found)
        return err_set(e, ERR_SPEC, "'%s' is no part of a schedule; allowed: %s", text_shown(said, 40), allowed);
    if (out->parts == LR_SCHEDULE_PARTS)
        return err_set(e, ERR_SPEC, "a schedule of more than %d parts", LR_SCHEDULE_PARTS);
    for (int i = 0; i < out->parts && !is_drop(&part); i++)
        if (!is_drop(&out->part[i]) && !out->part[i].length)
            return err_set(e, ERR_SPEC, "what comes before '%s' lasts to the end of the job; give it a length",
                           text_shown(said, 40));
    if (part.kind == WARMUP && out->parts > 0) return err_set(e, ERR_SPEC, "a warm-up stands first in a schedule");
    out->part[out->parts++] = part;
    return 0;
}

int lr_schedule_parse(struct lr_schedule *out, const char *text, struct err *e)
{
    const char *s = text + strspn(text, "[ ");
    *out = (struct lr_schedule){ .parts = 0 };
    while (*s && *s != ']')
        if (read_part(out, &s, e)) return -1;
    return *s && s[1] ? err_set(e, ERR_SPEC, "'%s' stands behind the end of the schedule", text_shown(s + 1, 40)) : 0;
}

static void print_part(const struct lr_schedule_part *p, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        const struct form *f = &forms[i];
        const bool has_length = strcmp(f->words[1], "to") != 0;
        if (f->kind != p->kind || has_length != (p->length > 0)) continue;
        for (size_t w = 0; w < ARRAY_LEN(f->words) && f->words[w]; w++) {
            buf_text(out, w ? " " : "");
            if (!strcmp(f->words[w], "%N"))
                buf_print(out, "%lld%s", (long long)p->length, p->in_epochs ? " epochs" : "");
            else if (!strcmp(f->words[w], "%R"))
                buf_real(out, p->factor);
            else
                buf_text(out, f->words[w]);
        }
        return;
    }
}

bool lr_schedule_needs_end(const struct lr_schedule *s)
{
    bool needs = false;
    for (int i = 0; i < s->parts; i++) needs |= !s->part[i].length;
    return needs;
}

int lr_schedule_check(const char *text, char *canonical, size_t size, struct err *e)
{
    struct lr_schedule s;
    struct buf out = { 0 };
    if (lr_schedule_parse(&s, text, e)) return -1;
    buf_text(&out, "[");
    for (int i = 0; i < s.parts; i++) {
        buf_text(&out, i ? "," : "");
        print_part(&s.part[i], &out);
    }
    buf_text(&out, "]");
    const bool room = out.length < size;
    if (room) MUST(text_copy(canonical, size, buf_chars(&out), out.length));
    buf_release(&out);
    return room ? 0 : err_set(e, ERR_SPEC, "a schedule of more than %zu characters", size - 1);
}

int lr_schedule_share(int64_t *warmup, char *text, struct err *e)
{
    struct lr_schedule s;
    if (lr_schedule_parse(&s, text, e)) BUG("%s", e->text);
    if (!s.parts || s.part[0].kind != WARMUP) return 0;
    if (*warmup)
        return err_set(e, ERR_SPEC, "'warmup' and a schedule that begins with one: leave one of the two out");
    if (s.part[0].in_epochs) return 0;
    *warmup = s.part[0].length;
    const size_t behind = strcspn(text, ",]") + (s.parts > 1);
    memmove(text + 1, text + behind, strlen(text + behind) + 1);
    return 0;
}

/* ---- numbers ---- */

#define LONGEST INT64_C(100000000000000000) /* steps of a part: the sum of all stays a number */

void lr_schedule_clock(struct lr_schedule *s, int64_t epoch_steps, int64_t steps)
{
    int64_t start = s->warmup;
    for (struct lr_schedule_part *p = s->part; p < s->part + s->parts; p++) {
        if (p->in_epochs) p->length = p->length > LONGEST / epoch_steps ? LONGEST : p->length * epoch_steps;
        p->in_epochs = false;
        if (is_drop(p)) continue;
        if (!p->length) p->length = steps > start ? steps - start : 1;
        start += p->length;
    }
}

static double drop(const struct lr_schedule_part *p, int64_t completed)
{
    const int64_t times = completed / p->length;
    return p->kind == DROP_EVERY ? pow(p->factor, (double)times) : times ? p->factor : 1;
}

/* Where a part leads from a level, after this share of it. */
static double lead(const struct lr_schedule_part *p, double level, double share)
{
    switch (p->kind) {
    case WARMUP: return share;
    case LINEAR: return level + (p->factor - level) * share;
    case COSINE: return p->factor + (level - p->factor) * (1 + cos(M_PI * share)) / 2;
    default: return level;
    }
}

double lr_schedule_factor(const struct lr_schedule *s, int64_t completed)
{
    double level = 1, drops = 1;
    int64_t start = s->warmup;
    if (completed < s->warmup) level = (double)completed / (double)s->warmup;
    for (const struct lr_schedule_part *p = s->part; p < s->part + s->parts; p++) {
        if (is_drop(p)) {
            drops *= drop(p, completed);
            continue;
        }
        const int64_t done = completed - start;
        if (done >= 0) level = lead(p, level, fmin(1, (double)done / (double)p->length));
        start += p->length;
    }
    return level * drops;
}
