#include "job/stop.h"
#include "base/number.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The names of a moment, then those of the values. */
static const char *const names[] = {
    [MOMENT_MEM] = "mem", [MOMENT_GEN] = "gen", [MOMENT_FINAL] = "final", "train_loss",
    "train_accuracy",     "test_loss",          "test_accuracy",          NULL,
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
static int cut_hold(char text[RULE], struct count *hold, struct err *e)
{
    static const struct field f = { .key = "for" };
    char *at = (char *)find_for(text);
    struct err not = { 0 };
    *hold = (struct count){ 0 };
    if (!at) return 0;
    const char *count = at + strlen(" for ");
    if (!strchr(count, ' ') || clock_set_length(&f, hold, count, &not ) || hold->number < 1)
        return err_set(e, ERR_SPEC,
                       "stop '%s': behind 'for' must stand how long, as in: test_accuracy > 0.95 for "
                       "2000 epochs",
                       text_shown(text, 80));
    *at = '\0';
    return 0;
}

static int set_condition(struct stop_rule *r, const char *canonical, struct err *e)
{
    if (formula_names(&r->condition, 0, MOMENT_NAMES) ||
        formula_names(&r->condition, ARRAY_LEN(names) - 1, ARRAY_LEN(names)))
        return err_set(
            e, ERR_SPEC,
            "stop '%s': a condition is one on train_loss, train_accuracy, test_loss and test_accuracy; mem "
            "and gen stand in rules of their own, as gen + 2000",
            text_shown(canonical, 80));
    r->moment = moment_none;
    const char *unit = r->hold.steps ? "steps" : "epochs";
    const bool fits =
        r->hold.number ? text_print(r->text, sizeof r->text, "%s for %" PRId64 " %s", canonical, r->hold.number, unit)
                       : text_print(r->text, sizeof r->text, "%s", canonical);
    return fits ? 0
                : err_set(e, ERR_SPEC, "stop '%s' is longer than %d characters", text_shown(canonical, 80),
                          STORE_RULE - 1);
}

static int set_moment(struct stop_rule *r, const char *text, struct err *e)
{
    static const struct field stop = { .key = "stop" };
    if (r->hold.number)
        return err_set(e, ERR_SPEC, "stop '%s': a condition holds for some epochs, a moment just comes: gen + 2000",
                       text_shown(text, 80));
    if (moment_set(&stop, &r->moment, text, e)) return -1;
    MUST(text_copy(r->text, sizeof r->text, r->moment.text, sizeof r->moment.text));
    return 0;
}

static int read_rule(struct stop_rule *r, char text[RULE], struct err *e)
{
    const struct formula_place place = {
        .what = "stop", .names = names, .unit = "step", .plain = "epoch", .type = FORMULA_EITHER
    };
    char canonical[RULE];
    if (cut_hold(text, &r->hold, e) || formula_parse(&r->condition, text, &place, canonical, sizeof canonical, e))
        return -1;
    return r->condition.type == FORMULA_TRUTH ? set_condition(r, canonical, e) : set_moment(r, text, e);
}

bool stop_has_come(const struct stop_rule *r, clock_steps clock, int64_t epoch, int64_t due, const double *value,
                   int64_t *since)
{
    double of[MOMENT_NAMES + STOP_VALUES + 1] = { 0 };
    if (r->moment.text[0]) return due >= 0 && due <= epoch;
    memcpy(&of[MOMENT_NAMES], value, STOP_VALUES * sizeof *value);
    if (!(formula_value(&r->condition, of) > 0))
        *since = -1;
    else if (*since < 0)
        *since = epoch;
    return *since >= 0 && epoch - *since >= clock_at(clock, r->hold);
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

bool stop_in_steps(const char *text)
{
    struct stop s;
    bool is = false;
    stop_read(&s, text);
    for (size_t i = 0; i < s.rules; i++) is |= s.rule[i].hold.steps || moment_in_steps(&s.rule[i].moment);
    return is;
}

int stop_resolve(char text[STORE_STOP], struct count final, int64_t epoch_steps, bool regression, struct err *e)
{
    struct stop s;
    stop_read(&s, text);
    for (size_t i = 0; i < s.rules; i++) {
        struct stop_rule *r = &s.rule[i];
        const int accuracy = MOMENT_NAMES + 1;
        if (regression && !r->moment.text[0] &&
            (formula_names(&r->condition, accuracy, accuracy + 1) ||
             formula_names(&r->condition, accuracy + 2, accuracy + 3)))
            return err_set(e, ERR_SPEC,
                           "stop '%s': a regression has no accuracy; its losses are train_loss and "
                           "test_loss",
                           r->text);
        if (!r->moment.text[0]) continue;
        if (moment_resolve(&r->moment, "stop", final, epoch_steps, e)) return -1;
        MUST(text_copy(r->text, sizeof r->text, r->moment.text, sizeof r->moment.text));
    }
    return print_list(&s, text, STORE_STOP, e);
}
