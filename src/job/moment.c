#include "job/moment.h"
#include "base/column.h"
#include "base/number.h"
#include "base/text.h"
#include "num/formula.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const moment_names[] = {
    [MOMENT_MEM] = "mem", [MOMENT_GEN] = "gen", [MOMENT_FINAL] = "final", [MOMENT_NAMES] = NULL
};
const struct moment moment_none = { .epoch = -1 };
const struct moment moment_mem = { .epoch = -1, .text = "mem" };
const struct moment moment_gen = { .epoch = -1, .text = "gen" };

#define LATEST 1e15           /* epochs or steps; as a double it is still exact */
enum { STEP = MOMENT_NAMES }; /* the place of its length in epochs, among the values of the names */

struct moment moment_of(struct count c)
{
    struct moment m = { .epoch = c.number };
    struct buf text = { 0 };
    clock_print(&c, &text);
    MUST(text_copy(m.text, sizeof m.text, buf_chars(&text), text.length));
    buf_release(&text);
    return m;
}

struct count moment_number(const struct moment *m)
{
    return (struct count){ m->epoch, strchr(m->text, ' ') != NULL };
}

struct moment moment_at(int64_t epoch)
{
    return moment_of((struct count){ epoch, false });
}

bool moment_is_rule(const struct moment *m)
{
    return m->epoch < 0 && m->text[0];
}

/* ---- text ---- */

static const uint32_t no_truths = 1U << FORMULA_LESS | 1U << FORMULA_LESS_EQUAL | 1U << FORMULA_GREATER |
                                  1U << FORMULA_GREATER_EQUAL | 1U << FORMULA_EQUAL | 1U << FORMULA_UNEQUAL |
                                  1U << FORMULA_ODD | 1U << FORMULA_NOT | 1U << FORMULA_AND | 1U << FORMULA_OR |
                                  1U << FORMULA_CHOOSE;

static int parse(struct formula *f, const char *text, const char *key, char canonical[MOMENT_TEXT], struct err *e)
{
    const struct formula_place place = { .what = key,
                                         .names = moment_names,
                                         .unit = "step",
                                         .plain = "epoch",
                                         .without = no_truths | 1U << FORMULA_REMAINDER,
                                         .type = FORMULA_NUMBER };
    return formula_parse(f, text, &place, canonical, MOMENT_TEXT, e);
}

/* With the number of epochs that a step is. */
static void put_step(struct formula *f, int64_t epoch_steps)
{
    for (struct formula_step *s = f->step; s < f->step + f->steps; s++)
        if (s->op == FORMULA_NAME && s->which == STEP)
            *s = (struct formula_step){ .op = FORMULA_CONSTANT, .value = 1 / (double)epoch_steps };
}

/* Of a moment, whose text was read before. */
static void parse_again(struct formula *f, const struct moment *m)
{
    char canonical[MOMENT_TEXT];
    struct err e = { 0 };
    if (parse(f, m->text, "moment", canonical, &e)) BUG("%s", e.text);
}

/* The next whole number; what is whole but for rounding is not moved. */
static int64_t round_up(double number)
{
    return (int64_t)ceil(number - 1e-9 * fmax(1, number));
}

static int set_number(struct moment *m, const char *key, double value, bool steps, const char *text, struct err *e)
{
    if (!(value >= 0 && value <= LATEST))
        return err_set(e, ERR_SPEC, "%s is '%s'; completed %s are 0, 1, 2, ...", key, text_shown(text, 80),
                       steps ? "steps" : "epochs");
    *m = moment_of((struct count){ round_up(value), steps });
    return 0;
}

/* "500 steps", and nothing more; *number comes with a fraction. */
static bool is_steps(const struct formula *f, double *number)
{
    const struct formula_step *s = f->step;
    const bool is = f->steps == 3 && s[0].op == FORMULA_CONSTANT && s[1].op == FORMULA_NAME && s[1].which == STEP &&
                    s[2].op == FORMULA_MULTIPLY;
    if (is) *number = s[0].value;
    return is;
}

int moment_set(const struct field *f, void *place, const char *text, struct err *e)
{
    struct moment m = { .epoch = -1 };
    struct formula read;
    double number;
    if (parse(&read, text, f->key, m.text, e)) return -1;
    const bool steps = is_steps(&read, &number), epochs = read.steps == 1 && read.step[0].op == FORMULA_CONSTANT;
    if (epochs) number = read.step[0].value;
    if ((steps || epochs) && number != floor(number))
        return err_set(e, ERR_SPEC, "%s is '%s'; completed %s are 0, 1, 2, ...", f->key, text_shown(text, 80),
                       steps ? "steps" : "epochs");
    const bool constant = !formula_has(&read, FORMULA_NAME);
    if (constant && set_number(&m, f->key, formula_value(&read, NULL), false, text, e)) return -1;
    if (steps && set_number(&m, f->key, number, true, text, e)) return -1;
    memcpy(place, &m, sizeof m);
    return 0;
}

void moment_print(const void *place, struct buf *out)
{
    buf_text(out, ((const struct moment *)place)->text);
}

/* ---- lists ---- */

enum { LIST = 256 };

bool moment_list_item(const char **text, char *item, size_t size)
{
    int depth = 0;
    size_t length = 0;
    *text += strspn(*text, "[, ");
    for (const char *s = *text; s[length] && (depth > 0 || !strchr(",]", s[length])); length++)
        depth += (s[length] == '(') - (s[length] == ')');
    if (length == 0) return false;
    if (!text_copy(item, size, *text, length)) MUST(text_copy(item, size, "?", 1)); /* no moment */
    *text += length;
    return true;
}

bool moment_list_next(const char **text, struct moment *out)
{
    static const struct field of_list = { .key = "moment" };
    char item[MOMENT_TEXT];
    struct err e = { 0 };
    if (!moment_list_item(text, item, sizeof item)) return false;
    if (moment_set(&of_list, out, item, &e)) BUG("%s", e.text);
    return true;
}

static int compare_moments(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    if ((x->epoch < 0) != (y->epoch < 0)) return x->epoch < 0 ? 1 : -1;
    if (moment_in_steps(x) != moment_in_steps(y)) return moment_in_steps(x) ? 1 : -1;
    if (x->epoch != y->epoch) return x->epoch < y->epoch ? -1 : 1;
    return strcmp(x->text, y->text);
}

int moment_list_check(const char *text, char *canonical, size_t size, struct err *e)
{
    static const struct field of_list = { .key = "at" };
    static struct moment list[LIST];
    struct buf out = { 0 };
    char item[2 * MOMENT_TEXT];
    size_t count = 0;
    for (const char *s = text; moment_list_item(&s, item, sizeof item); count++) {
        if (count == LIST) return err_set(e, ERR_SPEC, "'at' has more than %d moments", LIST);
        if (moment_set(&of_list, &list[count], item, e)) return -1;
    }
    qsort(list, count, sizeof *list, compare_moments);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || compare_moments(&list[i - 1], &list[i]) != 0)
            buf_print(&out, "%s%s", out.length ? "," : "[", list[i].text);
    buf_text(&out, out.length ? "]" : "[]");
    const bool fits = text_copy(canonical, size, buf_chars(&out), out.length);
    buf_release(&out);
    return fits ? 0 : err_set(e, ERR_SPEC, "'at' is longer than %zu characters", size - 1);
}

bool moment_uses(const struct moment *m, enum moment_name name)
{
    struct formula f;
    if (!moment_is_rule(m)) return false;
    parse_again(&f, m);
    return formula_names(&f, (int)name, (int)name + 1);
}

bool moment_in_steps(const struct moment *m)
{
    struct formula f;
    if (!moment_is_rule(m)) return moment_number(m).steps;
    parse_again(&f, m);
    return formula_names(&f, STEP, STEP + 1);
}

enum moment_name moment_alone(const struct moment *m)
{
    enum moment_name name = MOMENT_MEM;
    while (name < MOMENT_NAMES && strcmp(m->text, moment_names[name]) != 0) name++;
    return name;
}

/* ---- can it lie before the evaluation that reveals it? ---- */

/* What is known of a value before mem and gen are: both lie between 0 and final. */
struct bounds {
    double least, most;
    double over[MOMENT_FINAL]; /* the value is at least that name and this                                      */
    double lag;                /* where a name that has come changes the value: at least the epoch and this     */
    bool rises;                /* with each name, or stays                                                      */
    bool used[MOMENT_FINAL];
};
#define NOBODY_KNOWS 1e300
#define ALWAYS_KNOWN 1e200

static bool is_constant(const struct bounds *b)
{
    return !b->used[MOMENT_MEM] && !b->used[MOMENT_GEN];
}

static struct bounds constant(double value, double final)
{
    return (struct bounds){ value, value, { value - final, value - final }, ALWAYS_KNOWN, true, { false, false } };
}

static struct bounds name_alone(enum moment_name name, double final)
{
    struct bounds b = { 0, final, { -final, -final }, 0, true, { false, false } };
    b.over[name] = 0;
    b.used[name] = true;
    return b;
}

static struct bounds unknown(const struct bounds *a, const struct bounds *b)
{
    struct bounds r = { -NOBODY_KNOWS, NOBODY_KNOWS, { -NOBODY_KNOWS, -NOBODY_KNOWS }, -NOBODY_KNOWS, false, { 0 } };
    for (int n = 0; n < MOMENT_FINAL; n++) r.used[n] = a->used[n] || b->used[n];
    return r;
}

/* Known with the last name in it, the value does not lie before if it is at least every one of them.  So it is with
 * all that may fall where a name rises: these wait for all names. */
static void see_lag(struct bounds *b)
{
    double all = ALWAYS_KNOWN;
    for (int n = 0; n < MOMENT_FINAL; n++)
        if (b->used[n]) all = fmin(all, b->over[n]);
    b->lag = b->rises ? fmax(b->lag, all) : all;
}

static struct bounds sum(const struct bounds *a, const struct bounds *b)
{
    struct bounds r = unknown(a, b);
    r.least = a->least + b->least;
    r.most = a->most + b->most;
    for (int n = 0; n < MOMENT_FINAL; n++) r.over[n] = fmax(a->over[n] + b->least, b->over[n] + a->least);
    r.lag = fmin(a->lag + b->least, b->lag + a->least);
    r.rises = a->rises && b->rises;
    see_lag(&r);
    return r;
}

static struct bounds negative(const struct bounds *a, double final)
{
    struct bounds r = unknown(a, a);
    r.least = -a->most;
    r.most = -a->least;
    r.over[MOMENT_MEM] = r.over[MOMENT_GEN] = r.least - final;
    if (is_constant(a)) r = constant(-a->least, final);
    return r;
}

static struct bounds times(const struct bounds *a, double factor, double final)
{
    struct bounds r = *a;
    if (factor < 0) {
        r = negative(a, final);
        return times(&r, -factor, final);
    }
    if (is_constant(a)) return constant(factor * a->least, final);
    if (factor == 0) return unknown(a, a);                     /* 0 times infinity, for a while */
    const double lost = factor < 1 ? (1 - factor) * final : 0; /* of an epoch up to final */
    r.least = factor * a->least;
    r.most = factor * a->most;
    for (int n = 0; n < MOMENT_FINAL; n++) r.over[n] = factor * a->over[n] - lost;
    r.lag = factor * a->lag - lost;
    see_lag(&r);
    return r;
}

/* The larger or the smaller one of two. */
static struct bounds choose(const struct bounds *a, const struct bounds *b, double (*which)(double, double))
{
    struct bounds r = unknown(a, b);
    r.least = which(a->least, b->least);
    r.most = which(a->most, b->most);
    for (int n = 0; n < MOMENT_FINAL; n++) r.over[n] = which(a->over[n], b->over[n]);
    r.rises = a->rises && b->rises;
    r.lag = fmin(a->lag, b->lag);
    see_lag(&r);
    return r;
}

static struct bounds call(const struct formula_step *s, const struct bounds *x, double final)
{
    const struct formula_function *f = &formula_functions[s->which];
    double value[8];
    struct bounds r = x[0];
    bool constants = true;
    MUST(s->count <= (int)ARRAY_LEN(value));
    for (int i = 0; i < s->count; i++) {
        constants = constants && is_constant(&x[i]);
        value[i] = x[i].least;
    }
    if (constants) return constant(f->value(value, s->count), final);
    if (!strcmp(f->name, "ceil")) return r;
    for (int i = 1; i < s->count; i++) r = choose(&r, &x[i], strcmp(f->name, "max") ? fmin : fmax);
    return strcmp(f->name, "max") && strcmp(f->name, "min") ? unknown(&x[0], &x[0]) : r;
}

static struct bounds compute(const struct formula_step *s, const struct bounds *x, double final)
{
    struct bounds other;
    switch (s->op) {
    case FORMULA_CONSTANT: return constant(s->value, final);
    case FORMULA_NAME: return name_alone((enum moment_name)s->which, final);
    case FORMULA_NEGATIVE: return negative(&x[0], final);
    case FORMULA_ADD: return sum(&x[0], &x[1]);
    case FORMULA_SUBTRACT: other = negative(&x[1], final); return sum(&x[0], &other);
    case FORMULA_MULTIPLY:
        if (is_constant(&x[0])) return times(&x[1], x[0].least, final);
        return is_constant(&x[1]) ? times(&x[0], x[1].least, final) : unknown(&x[0], &x[1]);
    case FORMULA_DIVIDE:
        return is_constant(&x[1]) && x[1].least != 0 ? times(&x[0], 1 / x[1].least, final) : unknown(&x[0], &x[1]);
    case FORMULA_CALL: return call(s, x, final);
    default:
        if (s->op == FORMULA_POWER && is_constant(&x[0]) && is_constant(&x[1]))
            return constant(pow(x[0].least, x[1].least), final);
        return unknown(&x[0], &x[1]);
    }
}

static struct bounds bounds_of(const struct formula *f, double final)
{
    struct bounds stack[FORMULA_STEPS + 1];
    int top = 0;
    for (const struct formula_step *s = f->step; s < f->step + f->steps; s++) {
        top -= formula_takes(s);
        stack[top] = compute(s, &stack[top], final);
        top++;
    }
    return stack[0];
}

/* ---- in a job ---- */

/* The text with a number in place of the word. */
static int put_final(struct moment *m, const char *key, struct count final, struct err *e)
{
    struct buf out = { 0 };
    for (const char *at = m->text, *word; *at; at = word) {
        word = strstr(at, moment_names[MOMENT_FINAL]); /* no other name holds it */
        if (!word) word = at + strlen(at);
        buf_add(&out, at, (size_t)(word - at));
        if (!*word) break;
        clock_print(&final, &out);
        word += strlen(moment_names[MOMENT_FINAL]);
    }
    const struct field f = { .key = key };
    const int rc = moment_set(&f, m, buf_chars(&out), e);
    buf_release(&out);
    return rc;
}

/* A number is called by whole epochs where it is such. */
static int settle_number(struct moment *m, const char *key, int64_t epoch_steps, struct err *e)
{
    struct formula f;
    char text[MOMENT_TEXT];
    memcpy(text, m->text, sizeof text);
    if (moment_is_rule(m)) {
        parse_again(&f, m);
        put_step(&f, epoch_steps);
        if (formula_has(&f, FORMULA_NAME)) return 0;
        if (set_number(m, key, formula_value(&f, NULL) * (double)epoch_steps, true, text, e)) return -1;
    }
    *m = moment_of(clock_whole(moment_number(m), epoch_steps));
    return 0;
}

static double in_epochs(struct count c, int64_t epoch_steps)
{
    return c.steps ? (double)c.number / (double)epoch_steps : (double)c.number;
}

int moment_resolve(struct moment *m, const char *key, struct count final, int64_t epoch_steps, struct err *e)
{
    struct formula f;
    const double end = in_epochs(final, epoch_steps);
    if (moment_uses(m, MOMENT_FINAL) && put_final(m, key, final, e)) return -1;
    if (settle_number(m, key, epoch_steps, e)) return -1;
    if (!moment_is_rule(m)) return 0;
    parse_again(&f, m);
    put_step(&f, epoch_steps);
    const struct bounds b = bounds_of(&f, end);
    const double slack = 1e-9 * fmax(1, end);
    if (!(b.least >= -slack && b.lag >= -slack))
        return err_set(
            e, ERR_SPEC,
            "%s is %s, which can lie before the evaluation that shows it; gen + 500, 2 * mem, max(gen, 1000) "
            "and min(gen, 5000) cannot",
            key, m->text);
    return 0;
}

bool moment_is_beyond(const struct moment *m, clock_steps clock, int64_t final)
{
    struct formula f;
    const double end = (double) final / (double)clock_epoch(clock);
    if (!moment_is_rule(m)) return clock_at(clock, moment_number(m)) > final;
    parse_again(&f, m);
    put_step(&f, clock_epoch(clock));
    return bounds_of(&f, end).least > end + 1e-9 * fmax(1, end);
}

int64_t moment_place(const struct moment *m, const struct moment_known *known, clock_steps clock, bool whole)
{
    struct formula f;
    const double epoch = (double)clock_epoch(clock);
    double name[MOMENT_NAMES] = { INFINITY, INFINITY, (double)NAN };
    if (!moment_is_rule(m)) return m->epoch < 0 ? COLUMN_NO_INT : clock_at(clock, moment_number(m));
    bool all = true;
    parse_again(&f, m);
    whole = whole && !formula_names(&f, STEP, STEP + 1);
    put_step(&f, clock_epoch(clock));
    for (int n = 0; n < MOMENT_FINAL; n++) {
        if (known->epoch[n] >= 0) name[n] = (double)known->epoch[n] / epoch;
        all = all && (known->epoch[n] >= 0 || !formula_names(&f, n, n + 1));
    }
    if (!all && !bounds_of(&f, 0).rises) return COLUMN_NO_INT;
    const double value = formula_value(&f, name);
    if (!(value >= 0 && value * epoch <= LATEST)) return COLUMN_NO_INT;
    return whole ? round_up(value) * clock_epoch(clock) : round_up(value * epoch);
}
