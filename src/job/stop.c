#include "job/stop.h"
#include "base/number.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The names of a moment, then those of the values. */
static const char *const names[] = {
    [MOMENT_MEM] = "mem", [MOMENT_GEN] = "gen", [MOMENT_FINAL] = "final",
    "train_loss",         "train_accuracy",     "test_loss",
    "test_accuracy",      NULL,
};
_Static_assert(ARRAY_LEN(names) == MOMENT_NAMES + STOP_VALUES + 1, "a name for each");

/* ---- one rule ---- */

enum { RULE = 2 * STORE_RULE }; /* as somebody has typed it */

static const char *find_for(const char *text)
{
    const char *last = NULL;
    for (const char *at = text; (at = strstr(at, " for ")); at++) last = at;
    return last;
}

/* "CONDITION for 2000 epochs": the condition alone stays. */
static int cut_hold(char text[RULE], int64_t *hold, struct err *e)
{
    char *at = (char *)find_for(text), number[32];
    *hold = 0;
    if (!at) return 0;
    const char *count = at + strlen(" for "), *unit = count + strcspn(count, " ");
    if (!text_copy(number, sizeof number, count, (size_t)(unit - count)) || !number_int(number, hold) || *hold < 1 ||
        *hold > 1000000000 || (strcmp(unit, " epochs") != 0 && strcmp(unit, " epoch") != 0))
        return err_set(e, ERR_SPEC, "stop '%s': behind 'for' must stand how long, as in: test_accuracy > 0.95 for "
                                    "2000 epochs",
                       text_shown(text, 80));
    *at = '\0';
    return 0;
}

static bool uses(const struct formula *f, int first, int end)
{
    bool any = false;
    for (int i = 0; i < f->steps; i++)
        any |= f->step[i].op == FORMULA_NAME && f->step[i].which >= first && f->step[i].which < end;
    return any;
}

static int set_condition(struct stop_rule *r, const char *canonical, struct err *e)
{
    if (uses(&r->condition, 0, MOMENT_NAMES))
        return err_set(e, ERR_SPEC,
                       "stop '%s': a condition is one on train_loss, train_accuracy, test_loss and test_accuracy; mem "
                       "and gen stand in rules of their own, as gen + 2000",
                       text_shown(canonical, 80));
    r->moment = moment_none;
    const bool fits = r->hold ? text_print(r->text, sizeof r->text, "%s for %" PRId64 " epochs", canonical, r->hold)
                              : text_print(r->text, sizeof r->text, "%s", canonical);
    return fits ? 0
                : err_set(e, ERR_SPEC, "stop '%s' is longer than %d characters", text_shown(canonical, 80),
                          STORE_RULE - 1);
}

static int set_moment(struct stop_rule *r, const char *text, struct err *e)
{
    static const struct field stop = { .key = "stop" };
    if (r->hold)
        return err_set(e, ERR_SPEC, "stop '%s': a condition holds for some epochs, a moment just comes: gen + 2000",
                       text_shown(text, 80));
    if (moment_set(&stop, &r->moment, text, e)) return -1;
    MUST(text_copy(r->text, sizeof r->text, r->moment.text, sizeof r->moment.text));
    return 0;
}

static int read_rule(struct stop_rule *r, char text[RULE], struct err *e)
{
    const struct formula_place place = { .what = "stop", .names = names, .type = FORMULA_EITHER };
    char canonical[RULE];
    if (cut_hold(text, &r->hold, e) ||
        formula_parse(&r->condition, text, &place, canonical, sizeof canonical, e))
        return -1;
    return r->condition.type == FORMULA_TRUTH ? set_condition(r, canonical, e) : set_moment(r, text, e);
}

bool stop_has_come(const struct stop_rule *r, int64_t epoch, const struct moment_known *known, const double *value,
                   int64_t *since)
{
    double of[MOMENT_NAMES + STOP_VALUES] = { 0 };
    if (r->moment.text[0]) {
        const int64_t due = moment_epoch(&r->moment, known);
        return due >= 0 && due <= epoch;
    }
    memcpy(&of[MOMENT_NAMES], value, STOP_VALUES * sizeof *value);
    if (!(formula_value(&r->condition, of) > 0))
        *since = -1;
    else if (*since < 0)
        *since = epoch;
    return *since >= 0 && epoch - *since >= r->hold;
}

/* ---- lists ---- */

static int add_rule(struct stop *s, char text[RULE], struct err *e)
{
    if (s->rules == STOP_RULES) return err_set(e, ERR_SPEC, "'stop' has more than %d rules", STOP_RULES);
    struct stop_rule *r = &s->rule[s->rules];
    if (read_rule(r, text, e)) return -1;
    for (size_t i = 0; i < s->rules; i++)
        if (!strcmp(s->rule[i].text, r->text)) return 0;
    s->rules++;
    return 0;
}

static int read_list(struct stop *s, const char *text, struct err *e)
{
    char rule[RULE];
    *s = (struct stop){ .rules = 0 };
    while (moment_list_item(&text, rule, sizeof rule))
        if (add_rule(s, rule, e)) return -1;
    return 0;
}

static int print_list(const struct stop *s, char *out, size_t size, struct err *e)
{
    struct buf text = { 0 };
    for (size_t i = 0; i < s->rules; i++) buf_print(&text, "%s%s", i ? ", " : "", s->rule[i].text);
    const bool fits = text_copy(out, size, buf_chars(&text), text.length);
    buf_release(&text);
    return fits ? 0 : err_set(e, ERR_SPEC, "'stop' is longer than %zu characters", size - 1);
}

int stop_check(const char *text, char *canonical, size_t size, struct err *e)
{
    struct stop s;
    return read_list(&s, text, e) || print_list(&s, canonical, size, e) ? -1 : 0;
}

void stop_read(struct stop *out, const char *text)
{
    struct err e = { 0 };
    if (read_list(out, text, &e)) BUG("%s", e.text);
}

int stop_resolve(char text[STORE_STOP], int64_t final, bool regression, struct err *e)
{
    struct stop s;
    stop_read(&s, text);
    for (size_t i = 0; i < s.rules; i++) {
        struct stop_rule *r = &s.rule[i];
        const int accuracy = MOMENT_NAMES + 1;
        if (regression && !r->moment.text[0] &&
            (uses(&r->condition, accuracy, accuracy + 1) || uses(&r->condition, accuracy + 2, accuracy + 3)))
            return err_set(e, ERR_SPEC, "stop '%s': a regression has no accuracy; its losses are train_loss and "
                                        "test_loss",
                           r->text);
        if (!r->moment.text[0]) continue;
        if (moment_resolve(&r->moment, "stop", final, e)) return -1;
        MUST(text_copy(r->text, sizeof r->text, r->moment.text, sizeof r->moment.text));
    }
    return print_list(&s, text, STORE_STOP, e);
}
