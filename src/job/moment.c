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

#define LATEST 1e15 /* epochs; as a double it is still exact */

struct moment moment_at(int64_t epoch)
{
    struct moment m = { .epoch = epoch };
    MUST(text_print(m.text, sizeof m.text, "%" PRId64, epoch));
    return m;
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
    const struct formula_place place = {
        .what = key, .names = moment_names, .without = no_truths | 1U << FORMULA_REMAINDER, .type = FORMULA_NUMBER
    };
    return formula_parse(f, text, &place, canonical, MOMENT_TEXT, e);
}

/* Of a moment, whose text was read before. */
static void parse_again(struct formula *f, const struct moment *m)
{
    char canonical[MOMENT_TEXT];
    struct err e = { 0 };
    if (parse(f, m->text, "moment", canonical, &e)) BUG("%s", e.text);
}

/* The next whole epoch; what is whole but for rounding is not moved. */
static int64_t round_up(double epoch)
{
    return (int64_t)ceil(epoch - 1e-9 * fmax(1, epoch));
}

static int set_number(struct moment *m, const char *key, double value, const char *text, struct err *e)
{
    if (!(value >= 0 && value <= LATEST))
        return err_set(e, ERR_SPEC, "%s is '%s'; completed epochs are 0, 1, 2, ...", key, text_shown(text, 80));
    *m = moment_at(round_up(value));
    return 0;
}

int moment_set(const struct field *f, void *place, const char *text, struct err *e)
{
    struct moment m = { .epoch = -1 };
    struct formula read;
    double number;
    if (parse(&read, text, f->key, m.text, e)) return -1;
    if (number_real(text, &number) && number != floor(number))
        return err_set(e, ERR_SPEC, "%s is '%s'; completed epochs are 0, 1, 2, ...", f->key, text_shown(text, 80));
    const bool constant = !formula_has(&read, FORMULA_NAME);
    if (constant && set_number(&m, f->key, formula_value(&read, NULL), text, e)) return -1;
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

static bool has_name(const struct formula *f, enum moment_name name)
{
    bool has = false;
    for (int i = 0; i < f->steps; i++) has |= f->step[i].op == FORMULA_NAME && f->step[i].which == (int)name;
    return has;
}

bool moment_uses(const struct moment *m, enum moment_name name)
{
    struct formula f;
    if (!moment_is_rule(m)) return false;
    parse_again(&f, m);
    return has_name(&f, name);
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
static int put_final(struct moment *m, const char *key, int64_t final, struct err *e)
{
    struct buf out = { 0 };
    for (const char *at = m->text, *word; *at; at = word) {
        word = strstr(at, moment_names[MOMENT_FINAL]); /* no other name holds it */
        if (!word) word = at + strlen(at);
        buf_add(&out, at, (size_t)(word - at));
        if (!*word) break;
        buf_int(&out, final);
        word += strlen(moment_names[MOMENT_FINAL]);
    }
    const struct field f = { .key = key };
    const int rc = moment_set(&f, m, buf_chars(&out), e);
    buf_release(&out);
    return rc;
}

int moment_resolve(struct moment *m, const char *key, int64_t final, struct err *e)
{
    struct formula f;
    if (moment_uses(m, MOMENT_FINAL) && put_final(m, key, final, e)) return -1;
    if (!moment_is_rule(m)) return 0;
    parse_again(&f, m);
    const struct bounds b = bounds_of(&f, (double) final);
    const double slack = 1e-9 * fmax(1, (double) final);
    if (!(b.least >= -slack && b.lag >= -slack))
        return err_set(
            e, ERR_SPEC,
            "%s is %s, which can lie before the evaluation that shows it; gen + 500, 2 * mem, max(gen, 1000) "
            "and min(gen, 5000) cannot",
            key, m->text);
    return 0;
}

bool moment_is_beyond(const struct moment *m, int64_t final)
{
    struct formula f;
    if (!moment_is_rule(m)) return m->epoch > final;
    parse_again(&f, m);
    return bounds_of(&f, (double) final).least > (double) final;
}

int64_t moment_epoch(const struct moment *m, const struct moment_known *known)
{
    struct formula f;
    double name[MOMENT_NAMES] = { INFINITY, INFINITY, (double)NAN };
    if (!moment_is_rule(m)) return m->epoch;
    bool all = true;
    parse_again(&f, m);
    for (int n = 0; n < MOMENT_FINAL; n++) {
        if (known->epoch[n] >= 0) name[n] = (double)known->epoch[n];
        all = all && (known->epoch[n] >= 0 || !has_name(&f, (enum moment_name)n));
    }
    if (!all && !bounds_of(&f, 0).rises) return COLUMN_NO_INT;
    const double value = formula_value(&f, name);
    return value >= 0 && value <= LATEST ? round_up(value) : COLUMN_NO_INT;
}
