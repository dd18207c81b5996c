#include "task/expression.h"

#include "base/buf.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct parser {
    const char *text, *at;
    struct expression *out;
    struct buf canonical;
    int depth; /* open parentheses and signs, which nest calls */
    struct err *e;
};

enum { CONSTANT_MAX = 1000000000, DEPTH_MAX = 32 };

static char peek(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t') p->at++;
    return *p->at;
}

static int fail(struct parser *p, const char *wanted)
{
    char found[16] = "the end";
    if (peek(p)) text_brief(found, sizeof found, "'%c'", isprint((unsigned char)*p->at) ? *p->at : '?');
    return err_set(p->e, ERR_SPEC, "expr '%s', column %d: found %s where %s must stand", text_shown(p->text, 80),
                   (int)(p->at - p->text) + 1, found, wanted);
}

static int add_op(struct parser *p, char what, int32_t value)
{
    struct expression *x = p->out;
    if (x->count == EXPRESSION_OPS)
        return err_set(p->e, ERR_SPEC, "expr '%s' has more than %d operations", text_shown(p->text, 80),
                       EXPRESSION_OPS);
    x->op[x->count++] = (struct expression_op){ what, value };
    x->divides |= what == '/';
    return 0;
}

static int number(struct parser *p, char what)
{
    int64_t value = 0;
    if (!isdigit((unsigned char)peek(p))) return fail(p, "a whole number (an exponent is a constant, 0 or more)");
    for (const char *start = p->at; isdigit((unsigned char)*p->at); p->at++) {
        value = 10 * value + (*p->at - '0');
        if (value <= CONSTANT_MAX) continue;
        return err_set(p->e, ERR_SPEC, "expr '%s', column %d: constants go up to %d", text_shown(p->text, 80),
                       (int)(start - p->text) + 1, CONSTANT_MAX);
    }
    buf_print(&p->canonical, "%lld", (long long)value);
    return add_op(p, what, (int32_t)value);
}

static int sum(struct parser *p);

static int parenthesis(struct parser *p)
{
    p->at++;
    buf_text(&p->canonical, "(");
    if (sum(p)) return -1;
    if (peek(p) != ')') return fail(p, "an operator (+ - * / ^) or ')'");
    p->at++;
    buf_text(&p->canonical, ")");
    return 0;
}

static int atom(struct parser *p)
{
    char c = peek(p);
    if (isdigit((unsigned char)c)) return number(p, '#');
    if (c == '(') return parenthesis(p);
    if (c != 'a' && c != 'b') return fail(p, "a, b, a whole number, '-' or '('");
    p->at++;
    buf_print(&p->canonical, "%c", c);
    return add_op(p, c, 0);
}

static int power(struct parser *p)
{
    if (atom(p)) return -1;
    if (peek(p) != '^') return 0;
    p->at++;
    buf_text(&p->canonical, "^");
    return number(p, '^');
}

static int factor(struct parser *p)
{
    if (p->depth == DEPTH_MAX) return err_set(p->e, ERR_SPEC, "expr '%s' nests too deeply", text_shown(p->text, 80));
    p->depth++;
    int rc;
    if (peek(p) == '-') {
        p->at++;
        buf_text(&p->canonical, "-");
        rc = factor(p) || add_op(p, '~', 0) ? -1 : 0;
    } else {
        rc = power(p);
    }
    p->depth--;
    return rc;
}

static int term(struct parser *p)
{
    if (factor(p)) return -1;
    for (char c = peek(p); c == '*' || c == '/'; c = peek(p)) {
        p->at++;
        buf_print(&p->canonical, "%c", c);
        if (factor(p) || add_op(p, c, 0)) return -1;
    }
    return 0;
}

static int sum(struct parser *p)
{
    if (term(p)) return -1;
    for (char c = peek(p); c == '+' || c == '-'; c = peek(p)) {
        p->at++;
        buf_print(&p->canonical, " %c ", c);
        if (term(p) || add_op(p, c, 0)) return -1;
    }
    return 0;
}

/* Go past this word if it comes next. */
static bool take_word(struct parser *p, const char *word)
{
    const size_t length = strlen(word);
    peek(p);
    if (strncmp(p->at, word, length) || isalnum((unsigned char)p->at[length])) return false;
    p->at += length;
    return true;
}

/* What follows "sum if". */
static int condition(struct parser *p)
{
    buf_text(&p->canonical, " if ");
    if (sum(p)) return -1;
    if (!take_word(p, "odd")) return fail(p, "an operator (+ - * / ^) or 'odd'");
    if (!take_word(p, "else")) return fail(p, "'else'");
    buf_text(&p->canonical, " odd else ");
    return sum(p) || add_op(p, '?', 0) ? -1 : 0;
}

static int whole(struct parser *p)
{
    if (take_word(p, "random")) {
        p->out->random = true;
        buf_text(&p->canonical, "random");
        return peek(p) ? fail(p, "the end, since the word random stands alone,") : 0;
    }
    if (sum(p)) return -1;
    const bool conditional = take_word(p, "if");
    if (conditional && condition(p)) return -1;
    if (!peek(p)) return 0;
    return fail(p, conditional ? "an operator (+ - * / ^) or the end" : "an operator (+ - * / ^), 'if' or the end");
}

int expression_parse(struct expression *out, const char *text, char *canonical, struct err *e)
{
    struct parser p = { .text = text, .at = text, .out = out, .e = e };
    *out = (struct expression){ .count = 0 };
    int rc = whole(&p);
    if (rc == 0 && p.canonical.length >= EXPRESSION_SIZE)
        rc = err_set(e, ERR_SPEC, "expr '%s' is longer than %d characters", buf_chars(&p.canonical),
                     EXPRESSION_SIZE - 1);
    if (rc == 0) MUST(text_copy(canonical, EXPRESSION_SIZE, buf_chars(&p.canonical), EXPRESSION_SIZE));
    buf_release(&p.canonical);
    return rc;
}

static int64_t power_mod(int64_t base, int64_t exponent, int64_t p)
{
    int64_t result = 1 % p;
    for (; exponent > 0; exponent /= 2) {
        if (exponent % 2) result = result * base % p;
        base = base * base % p;
    }
    return result;
}

/* x op y modulo p, -1 if there is no such value; Fermat's inverse is why p must be prime. */
static int64_t combine(char op, int64_t x, int64_t y, int64_t p)
{
    if (x < 0 || y < 0) return -1;
    switch (op) {
    case '+': return (x + y) % p;
    case '-': return (x - y + p) % p;
    case '*': return x * y % p;
    case '/': return y == 0 ? -1 : x * power_mod(y, p - 2, p) % p;
    default: BUG("no operation '%c'", op);
    }
}

int64_t expression_value(const struct expression *x, int64_t a, int64_t b, int64_t p)
{
    int64_t stack[EXPRESSION_OPS];
    int top = -1;
    for (int i = 0; i < x->count; i++) {
        struct expression_op op = x->op[i];
        switch (op.what) {
        case 'a': stack[++top] = a % p; break;
        case 'b': stack[++top] = b % p; break;
        case '#': stack[++top] = op.value % p; break;
        case '^': stack[top] = stack[top] < 0 ? -1 : power_mod(stack[top], op.value, p); break;
        case '~': stack[top] = stack[top] < 0 ? -1 : (p - stack[top]) % p; break;
        case '?':
            top -= 2;
            stack[top] = stack[top + 1] < 0 ? -1 : stack[top + 1] % 2 ? stack[top] : stack[top + 2];
            break;
        default: top--; stack[top] = combine(op.what, stack[top], stack[top + 1], p);
        }
    }
    MUST(top == 0);
    return stack[0];
}
