#include "num/formula.h"
#include "base/buf.h"
#include "base/names.h"
#include "base/number.h"
#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum { DEPTH = 32, WORD = 64 };

struct parser {
    const char *text, *at;
    const struct formula_place *place;
    struct formula *out;
    struct buf canonical;
    int depth; /* open parentheses, signs and the like, which nest calls */
    struct err *e;
};

/* What is known of a value when it is read. */
struct is {
    enum formula_type type;
    size_t length; /* of a vector; 0: none */
};

/* Operators between two values, the loosest first; those of one level go from left to right. */
enum level { LEVEL_OR, LEVEL_AND, LEVEL_COMPARE, LEVEL_SUM, LEVEL_TERM, LEVELS };
static const struct infix {
    const char *word, *canonical;
    enum level level;
    enum formula_op op;
    enum formula_type takes, gives;
} operators[] = {
    { "or", " or ", LEVEL_OR, FORMULA_OR, FORMULA_TRUTH, FORMULA_TRUTH },
    { "and", " and ", LEVEL_AND, FORMULA_AND, FORMULA_TRUTH, FORMULA_TRUTH },
    { "<=", " <= ", LEVEL_COMPARE, FORMULA_LESS_EQUAL, FORMULA_NUMBER, FORMULA_TRUTH },
    { ">=", " >= ", LEVEL_COMPARE, FORMULA_GREATER_EQUAL, FORMULA_NUMBER, FORMULA_TRUTH },
    { "<", " < ", LEVEL_COMPARE, FORMULA_LESS, FORMULA_NUMBER, FORMULA_TRUTH },
    { ">", " > ", LEVEL_COMPARE, FORMULA_GREATER, FORMULA_NUMBER, FORMULA_TRUTH },
    { "==", " == ", LEVEL_COMPARE, FORMULA_EQUAL, FORMULA_NUMBER, FORMULA_TRUTH },
    { "!=", " != ", LEVEL_COMPARE, FORMULA_UNEQUAL, FORMULA_NUMBER, FORMULA_TRUTH },
    { "odd", " odd", LEVEL_COMPARE, FORMULA_ODD, FORMULA_NUMBER, FORMULA_TRUTH },
    { "+", " + ", LEVEL_SUM, FORMULA_ADD, FORMULA_NUMBER, FORMULA_NUMBER },
    { "-", " - ", LEVEL_SUM, FORMULA_SUBTRACT, FORMULA_NUMBER, FORMULA_NUMBER },
    { "*", "*", LEVEL_TERM, FORMULA_MULTIPLY, FORMULA_NUMBER, FORMULA_NUMBER },
    { "/", "/", LEVEL_TERM, FORMULA_DIVIDE, FORMULA_NUMBER, FORMULA_NUMBER },
    { "%", "%", LEVEL_TERM, FORMULA_REMAINDER, FORMULA_NUMBER, FORMULA_NUMBER },
};
static const char *const type_name[] = { "a number", "a truth, such as a comparison," };

/* ---- words ---- */

bool formula_reserves(const char *word)
{
    bool is = !strcmp(word, "not") || !strcmp(word, "if") || !strcmp(word, "else");
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) is = is || !strcmp(operators[i].word, word);
    for (const struct formula_function *f = formula_functions; f->name; f++) is = is || !strcmp(f->name, word);
    return is;
}

static bool is_allowed(const struct parser *p, enum formula_op op)
{
    return !(p->place->without >> op & 1);
}

static char peek(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t') p->at++;
    return *p->at;
}

static size_t word_length(const char *at)
{
    size_t length = 0;
    while (isalnum((unsigned char)at[length]) || at[length] == '_') length++;
    return length;
}

/* Go past this word or sign if it comes next. */
static bool take(struct parser *p, const char *word)
{
    const size_t length = strlen(word);
    peek(p);
    if (strncmp(p->at, word, length) != 0) return false;
    if (isalpha((unsigned char)*word) && word_length(p->at) != length) return false;
    p->at += length;
    return true;
}

/* ---- errors ---- */

static int complain(struct parser *p, const char *at, const char *why)
{
    return err_set(p->e, ERR_SPEC, "%s '%s', column %d: %s", p->place->what, text_shown(p->text, 80),
                   (int)(at - p->text) + 1, why);
}

static int fail(struct parser *p, const char *wanted, const char *const *names)
{
    struct buf why = { 0 };
    char found[WORD] = "the end";
    const size_t word = word_length(p->at);
    if (peek(p))
        text_brief(found, sizeof found, "'%.*s'", (int)(word ? word : 1),
                   isprint((unsigned char)*p->at) ? p->at : "?");
    buf_print(&why, "found %s where %s must stand", found, wanted);
    found[strlen(found) - 1] = '\0';
    if (names && word) names_suggest(&why, found + 1, names);
    const int rc = complain(p, p->at, buf_chars(&why));
    buf_release(&why);
    return rc;
}

static int fail_value(struct parser *p)
{
    struct buf wanted = { 0 };
    names_print(&wanted, p->place->names);
    buf_print(&wanted, "%s%s, '-' or '('", wanted.length ? ", " : "",
              p->place->largest > 0 ? "a whole number" : "a number");
    const int rc = fail(p, buf_chars(&wanted), p->place->names);
    buf_release(&wanted);
    return rc;
}

/* Where a formula could end, or go on. */
static int fail_operator(struct parser *p, const char *end)
{
    struct buf wanted = { 0 };
    buf_text(&wanted, "an operator (");
    for (size_t i = 0; i < ARRAY_LEN(operators); i++)
        if (is_allowed(p, operators[i].op)) buf_print(&wanted, "%s ", operators[i].word);
    buf_print(&wanted, "^)%s or %s", is_allowed(p, FORMULA_CHOOSE) ? ", 'if'" : "", end);
    const int rc = fail(p, buf_chars(&wanted), NULL);
    buf_release(&wanted);
    return rc;
}

/* From `at` to where the parser is. */
static int length_of(const struct parser *p, const char *at)
{
    size_t length = (size_t)(p->at - at);
    while (length && at[length - 1] == ' ') length--;
    return (int)length;
}

static int must_be(struct parser *p, const char *at, enum formula_type have, enum formula_type want)
{
    struct buf why = { 0 };
    if (have == want) return 0;
    buf_print(&why, "%s must stand here, and '%.*s' is %s", type_name[want], length_of(p, at), at,
              have == FORMULA_NUMBER ? "a number" : "a truth");
    const int rc = complain(p, at, buf_chars(&why));
    buf_release(&why);
    return rc;
}

/* Of two values that go together number by number: *length becomes that of both. */
static int join(struct parser *p, const char *at, size_t *length, size_t other)
{
    char why[WORD];
    if (!*length || *length == FORMULA_SOME) *length = other ? other : *length;
    if (!other || other == FORMULA_SOME || other == *length) return 0;
    text_brief(why, sizeof why, "this has %zu number%s, and what it goes with %zu", other, other == 1 ? "" : "s",
               *length);
    return complain(p, at, why);
}

/* ---- values ---- */

static int add(struct parser *p, struct formula_step step)
{
    struct formula *f = p->out;
    if (f->steps == FORMULA_STEPS)
        return err_set(p->e, ERR_SPEC, "%s '%s' has more than %d operations", p->place->what, text_shown(p->text, 80),
                       FORMULA_STEPS);
    f->step[f->steps++] = step;
    return 0;
}

static int parse_choice(struct parser *p, struct is *is);
static int parse_factor(struct parser *p, struct is *is);

/* As far as it looks like "1.5e-7". */
static size_t number_length(const char *at)
{
    size_t length = strspn(at, "0123456789.");
    if (!length || !at[length] || !strchr("eE", at[length])) return length;
    length++;
    if (at[length] && strchr("+-", at[length])) length++;
    return length + strspn(at + length, "0123456789");
}

static int parse_number(struct parser *p)
{
    char digits[WORD], why[WORD];
    double value = 0;
    const size_t length = number_length(p->at);
    if (!text_copy(digits, sizeof digits, p->at, length) || !number_real(digits, &value))
        return complain(p, p->at, "this is no number");
    const double largest = p->place->largest;
    if (largest > 0 && value != floor(value)) return fail(p, "a whole number", NULL);
    if (largest > 0 && value > largest) {
        text_brief(why, sizeof why, "constants go up to %.0f", largest);
        return complain(p, p->at, why);
    }
    p->at += length;
    buf_real(&p->canonical, value);
    return add(p, (struct formula_step){ .op = FORMULA_CONSTANT, .value = value });
}

static bool take_unit(struct parser *p, const char *unit)
{
    char plural[WORD];
    if (!unit) return false;
    text_brief(plural, sizeof plural, "%ss", unit);
    return take(p, plural) || take(p, unit);
}

static int parse_quantity(struct parser *p)
{
    int names = 0;
    if (parse_number(p)) return -1;
    const double value = p->out->step[p->out->steps - 1].value;
    if (take_unit(p, p->place->plain) || !take_unit(p, p->place->unit)) return 0;
    while (p->place->names[names]) names++;
    buf_print(&p->canonical, value == 1 ? " %s" : " %ss", p->place->unit);
    return add(p, (struct formula_step){ .op = FORMULA_NAME, .which = names }) ||
                   add(p, (struct formula_step){ .op = FORMULA_MULTIPLY })
               ? -1
               : 0;
}

static int parse_parenthesis(struct parser *p, struct is *is)
{
    p->at++;
    buf_text(&p->canonical, "(");
    if (parse_choice(p, is)) return -1;
    if (!take(p, ")")) return fail_operator(p, "')'");
    buf_text(&p->canonical, ")");
    return 0;
}

/* Of so many arguments, the longest of which has that length; vectors: so many of them. */
static int add_call(struct parser *p, int which, const char *start, int count, int vectors, struct is *is)
{
    const struct formula_function *f = &formula_functions[which];
    struct buf why = { 0 };
    const bool reduces = f->reduce && count == f->vectors && vectors == count;
    if (reduces || (f->value && count >= f->least && count <= f->most)) {
        is->length = reduces ? 0 : is->length;
        return add(p, (struct formula_step){ .op = reduces ? FORMULA_REDUCE : FORMULA_CALL,
                                             .which = which,
                                             .count = count,
                                             .length = is->length });
    }
    buf_print(&why, "%s takes ", f->name);
    if (f->value) buf_print(&why, "%d to %d numbers", f->least, f->most);
    if (f->reduce && p->place->length)
        buf_print(&why, "%s%s", f->value ? " or " : "", f->vectors == 1 ? "a vector" : "two vectors");
    buf_print(&why, ", not %d%s", count, f->value && !p->place->length ? "" : count == 1 ? " number" : " values");
    const int rc = complain(p, start, buf_chars(&why));
    buf_release(&why);
    return rc;
}

static int parse_call(struct parser *p, int which, struct is *is)
{
    const struct formula_function *f = &formula_functions[which];
    const char *const start = p->at;
    int count = 0, vectors = 0;
    buf_print(&p->canonical, "%s(", f->name);
    p->at += strlen(f->name);
    if (!take(p, "(")) return fail(p, "'('", NULL);
    do {
        struct is argument;
        peek(p);
        const char *at = p->at;
        if (count++) buf_text(&p->canonical, ", ");
        if (parse_choice(p, &argument) || must_be(p, at, argument.type, FORMULA_NUMBER) ||
            join(p, at, &is->length, argument.length))
            return -1;
        vectors += argument.length > 0;
    } while (take(p, ","));
    if (!take(p, ")")) return fail_operator(p, "',' or ')'");
    buf_text(&p->canonical, ")");
    return add_call(p, which, start, count, vectors, is);
}

static bool is_known(const struct parser *p, const struct formula_function *f)
{
    return is_allowed(p, FORMULA_CALL) && (f->value || p->place->length);
}

static int parse_atom(struct parser *p, struct is *is)
{
    const char c = peek(p);
    const size_t length = word_length(p->at);
    *is = (struct is){ FORMULA_NUMBER, 0 };
    if (isdigit((unsigned char)c) || c == '.') return parse_quantity(p);
    if (c == '(') return parse_parenthesis(p, is);
    for (int i = 0; length && p->place->names[i]; i++) {
        if (strlen(p->place->names[i]) != length || strncmp(p->place->names[i], p->at, length) != 0) continue;
        p->at += length;
        buf_text(&p->canonical, p->place->names[i]);
        if (p->place->length) is->length = p->place->length[i];
        return add(
            p, (struct formula_step){ .op = FORMULA_NAME, .which = i, .length = is->length, .whole = is->length });
    }
    for (int i = 0; length && formula_functions[i].name; i++)
        if (strlen(formula_functions[i].name) == length && !strncmp(formula_functions[i].name, p->at, length) &&
            is_known(p, &formula_functions[i]))
            return parse_call(p, i, is);
    return fail_value(p);
}

static int parse_whole(struct parser *p, size_t *out)
{
    char digits[WORD];
    peek(p);
    const size_t length = strspn(p->at, "0123456789");
    int64_t value;
    if (!length || !text_copy(digits, sizeof digits, p->at, length) || !number_int(digits, &value))
        return fail(p, "a whole number", NULL);
    p->at += length;
    *out = (size_t)value;
    return 0;
}

/* x[0] is a number, x[0:3] a vector of three.  A part of a name is read where the name is. */
static int parse_part(struct parser *p, const char *at, struct is *is)
{
    char why[2 * WORD];
    const char *start = p->at;
    size_t first, end;
    if (!take(p, "[")) return 0;
    if (!is->length) {
        text_brief(why, sizeof why, "'%.*s' is one number, which has no parts", (int)(start - at), at);
        return complain(p, start, why);
    }
    if (parse_whole(p, &first)) return -1;
    const bool many = take(p, ":");
    end = first + 1;
    if (many && parse_whole(p, &end)) return -1;
    if (!take(p, "]")) return fail(p, many ? "']'" : "':' or ']'", NULL);
    if (first >= end || end > is->length) {
        text_brief(why, sizeof why, "there is no such part of %zu numbers, 0 to %zu", is->length, is->length - 1);
        return complain(p, start, why);
    }
    buf_print(&p->canonical, "[%zu", first);
    if (many) buf_print(&p->canonical, ":%zu", end);
    buf_text(&p->canonical, "]");
    is->length = many ? end - first : 0;
    struct formula_step *last = &p->out->step[p->out->steps - 1];
    if (last->op != FORMULA_NAME)
        return add(p, (struct formula_step){ .op = FORMULA_PART, .first = first, .length = is->length });
    last->first += first;
    last->length = is->length;
    return 0;
}

static int parse_power(struct parser *p, struct is *is)
{
    peek(p);
    const char *const start = p->at;
    if (parse_atom(p, is)) return -1;
    while (p->place->length && peek(p) == '[')
        if (parse_part(p, start, is)) return -1;
    if (!take(p, "^")) return 0;
    struct is exponent = { FORMULA_NUMBER, 0 };
    buf_text(&p->canonical, "^");
    if (must_be(p, start, is->type, FORMULA_NUMBER)) return -1;
    peek(p);
    const char *at = p->at;
    if (p->place->largest > 0 && !isdigit((unsigned char)*at))
        return fail(p, "a whole number (an exponent is a constant, 0 or more)", NULL);
    if (p->place->largest > 0 ? parse_number(p)
                              : parse_factor(p, &exponent) || must_be(p, at, exponent.type, FORMULA_NUMBER))
        return -1;
    return join(p, at, &is->length, exponent.length) ||
                   add(p, (struct formula_step){ .op = FORMULA_POWER, .length = is->length })
               ? -1
               : 0;
}

/* What a sign or a word in front of a value makes of it. */
static int parse_after(struct parser *p, const char *canonical, enum formula_op op, enum formula_type want,
                       int (*parse)(struct parser *p, struct is *is), struct is *is)
{
    buf_text(&p->canonical, canonical);
    if (p->depth++ == DEPTH)
        return err_set(p->e, ERR_SPEC, "%s '%s' nests too deeply", p->place->what, text_shown(p->text, 80));
    peek(p);
    const char *at = p->at;
    const int rc = parse(p, is) || must_be(p, at, is->type, want) ||
                   add(p, (struct formula_step){ .op = op, .length = is->length });
    p->depth--;
    return rc ? -1 : 0;
}

static int parse_factor(struct parser *p, struct is *is)
{
    if (take(p, "-")) return parse_after(p, "-", FORMULA_NEGATIVE, FORMULA_NUMBER, parse_factor, is);
    return parse_power(p, is);
}

/* ---- operators ---- */

static const struct infix *take_operator(struct parser *p, enum level level)
{
    for (const struct infix *o = operators; o < operators + ARRAY_LEN(operators); o++)
        if (o->level == level && is_allowed(p, o->op) && take(p, o->word)) return o;
    return NULL;
}

static int parse_level(struct parser *p, enum level level, struct is *is);
static int parse_not(struct parser *p, struct is *is)
{
    if (is_allowed(p, FORMULA_NOT) && take(p, "not"))
        return parse_after(p, "not ", FORMULA_NOT, FORMULA_TRUTH, parse_not, is);
    return parse_level(p, LEVEL_COMPARE, is);
}

static int parse_next(struct parser *p, enum level level, struct is *is)
{
    if (level == LEVELS) return parse_factor(p, is);
    return level == LEVEL_COMPARE ? parse_not(p, is) : parse_level(p, level, is);
}

static int parse_level(struct parser *p, enum level level, struct is *is)
{
    const struct infix *o;
    peek(p);
    const char *left = p->at;
    if (parse_next(p, level + 1, is)) return -1;
    while ((o = take_operator(p, level))) {
        struct is right = { o->takes, 0 };
        buf_text(&p->canonical, o->canonical);
        if (must_be(p, left, is->type, o->takes)) return -1;
        peek(p);
        const char *at = p->at;
        if (o->op != FORMULA_ODD && (parse_next(p, level + 1, &right) || must_be(p, at, right.type, o->takes)))
            return -1;
        if (join(p, at, &is->length, right.length) ||
            add(p, (struct formula_step){ .op = o->op, .length = is->length }))
            return -1;
        is->type = o->gives;
        if (level == LEVEL_COMPARE) break; /* a < b < c is none */
    }
    return 0;
}

static int parse_choice(struct parser *p, struct is *is)
{
    if (p->depth++ == DEPTH)
        return err_set(p->e, ERR_SPEC, "%s '%s' nests too deeply", p->place->what, text_shown(p->text, 80));
    if (parse_level(p, LEVEL_OR, is)) return -1;
    if (is_allowed(p, FORMULA_CHOOSE) && take(p, "if")) {
        struct is condition, other;
        buf_text(&p->canonical, " if ");
        peek(p);
        const char *at = p->at;
        if (parse_level(p, LEVEL_OR, &condition) || must_be(p, at, condition.type, FORMULA_TRUTH) ||
            join(p, at, &is->length, condition.length))
            return -1;
        if (!take(p, "else")) return fail(p, "'else'", NULL);
        buf_text(&p->canonical, " else ");
        peek(p);
        at = p->at;
        if (parse_choice(p, &other) || must_be(p, at, other.type, is->type) ||
            join(p, at, &is->length, other.length) ||
            add(p, (struct formula_step){ .op = FORMULA_CHOOSE, .length = is->length }))
            return -1;
    }
    p->depth--;
    return 0;
}

int formula_parse(struct formula *out, const char *text, const struct formula_place *place, char *canonical,
                  size_t size, struct err *e)
{
    struct parser p = { .text = text, .at = text, .place = place, .out = out, .e = e };
    struct is is;
    *out = (struct formula){ .steps = 0 };
    int rc = parse_choice(&p, &is);
    if (!rc && peek(&p)) rc = fail_operator(&p, "the end");
    if (!rc && place->type != FORMULA_EITHER) rc = must_be(&p, text, is.type, place->type);
    if (!rc && is.length && !place->vector)
        rc = complain(&p, text, "a vector, where one number must be; sum, mean, max and others make one of it");
    if (!rc && p.canonical.length >= size)
        rc = err_set(e, ERR_SPEC, "%s '%s' is longer than %zu characters", place->what, text_shown(text, 80),
                     size - 1);
    if (!rc) MUST(text_copy(canonical, size, buf_chars(&p.canonical), size));
    buf_release(&p.canonical);
    if (rc) return -1;
    out->type = is.type;
    out->length = is.length;
    return 0;
}
