#include "job/ending.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ending_open(struct ending *out, const struct watch *w, const struct judge *judge, const char *stop)
{
    *out = (struct ending){ .judge = *judge, .watch = w, .known = { { COLUMN_NO_INT, COLUMN_NO_INT } }, .epoch = -1 };
    stop_read(&out->stop, stop);
    MUST(text_copy(out->text, sizeof out->text, stop, sizeof out->text));
    for (size_t i = 0; i < STOP_RULES; i++) out->since[i] = -1;
    for (size_t i = 0; i < STOP_VALUES; i++) out->value[i] = (double)NAN;
}

static void reach(struct ending *g, enum moment_name name, int64_t epoch, double loss, double accuracy)
{
    if (g->known.epoch[name] < 0 && watch_passes(g->watch, &g->judge, loss, accuracy)) g->known.epoch[name] = epoch;
}

static int64_t due_of(const struct ending *g, const struct stop_rule *r)
{
    return r->moment.text[0] ? watch_place(g->watch, &g->judge, &r->moment, &g->known) : COLUMN_NO_INT;
}

void ending_see(struct ending *g, int64_t epoch, const double value[STOP_VALUES])
{
    if (g->epoch >= 0 || !watch_judges_at(g->watch, &g->judge, epoch)) return;
    memcpy(g->value, value, sizeof g->value);
    reach(g, MOMENT_MEM, epoch, value[0], value[1]);
    reach(g, MOMENT_GEN, epoch, value[2], value[3]);
    if (epoch == g->watch->epochs) g->epoch = epoch;
    for (size_t i = 0; i < g->stop.rules && epoch < g->watch->epochs; i++) {
        const bool come =
            stop_has_come(&g->stop.rule[i], g->watch->clock, epoch, due_of(g, &g->stop.rule[i]), value, &g->since[i]);
        if (!come || g->epoch >= 0) continue; /* of those that come together the first */
        g->epoch = epoch;
        memcpy(g->by, g->stop.rule[i].text, sizeof g->by);
    }
}

bool endings_over(const struct ending *g, size_t count)
{
    bool over = count > 0;
    for (size_t i = 0; i < count; i++) over = over && g[i].epoch >= 0;
    return over;
}

/* A line each: "EVERY:THRESHOLD:RULES". */
void endings_print(const struct watch *w, struct buf *out)
{
    for (size_t i = 0; i < w->ends; i++) {
        clock_write(w->end[i].judge.eval_every, out);
        buf_text(out, ":");
        buf_real(out, w->end[i].judge.threshold);
        buf_print(out, ":%s\n", w->end[i].stop);
    }
}

size_t endings_read(struct ending **out, const char *text, const struct watch *w, struct arena *a)
{
    size_t count = 0;
    for (const char *s = text; *s; s++) count += *s == '\n';
    *out = ARENA_NEW(a, count, struct ending);
    for (size_t i = 0; i < count; i++) {
        char *at, rules[STORE_STOP];
        struct judge judge;
        MUST(clock_read(&text, &judge.eval_every));
        judge.threshold = strtod(text + 1, &at);
        const size_t length = strcspn(++at, "\n");
        MUST(text_copy(rules, sizeof rules, at, length));
        ending_open(&(*out)[i], w, &judge, rules);
        text = at + length + 1;
    }
    return count;
}
