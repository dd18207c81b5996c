#include "net/words.h"

#include "base/number.h"
#include "base/text.h"
#include "num/formula.h"

#include <string.h>

static const struct field no_fields[] = { FIELD_END };

static const struct kind combinators[] = {
    { .name = "residual",
      .summary =
          "{residual: [...]}: what goes in plus what the list makes of it; with shortcut: [...], what that makes "
          "of it in place of what goes in",
      .source = "He et al. (arXiv 1512.03385)",
      .fields = no_fields },
    { .name = "sum",
      .summary = "{sum: [[...], [...]]}: what each list makes of what goes in, added up",
      .source = "",
      .fields = no_fields },
    { .name = "product",
      .summary = "{product: [[...], [...]]}: the same, multiplied number by number",
      .source = "",
      .fields = no_fields },
    { .name = "concat",
      .summary = "{concat: [[...], [...]]}: the same, side by side",
      .source = "",
      .fields = no_fields },
    { .name = "repeat",
      .summary = "{repeat: 2, net: [...]}: the list so often, one after the other, each with weights of its own",
      .source = "",
      .fields = no_fields },
};

const struct kind *const *net_words_kinds(void)
{
    static const struct kind *kinds[NET_OPS + ARRAY_LEN(combinators) + 1];
    size_t count = 0;
    for (int i = 0; i < NET_OPS; i++)
        if (net_operations[i]->takes) kinds[count++] = &net_operations[i]->kind;
    for (size_t i = 0; i < ARRAY_LEN(combinators); i++) kinds[count++] = &combinators[i];
    return kinds;
}

const char *const *net_words_known(void)
{
    static const char *names[NET_OPS + ARRAY_LEN(combinators) + 1];
    for (size_t i = 0; net_words_kinds()[i]; i++) names[i] = net_words_kinds()[i]->name;
    return names;
}

/* Where a word of an entry stands: those of quoted text, or over several lines, begin with the entry. */
struct word {
    char text[NET_WORD];
    struct mark at;
};

/* The next word; *s moves on.  0: there is none, -1: it is too long. */
static int next_word(const char **s, const struct node *n, struct word *out)
{
    *s += strspn(*s, " ");
    const size_t length = strcspn(*s, " ");
    out->at = (struct mark){ n->at.line, n->at.col + (int)(*s - n->text) };
    if (!length) return 0;
    const bool fits = text_copy(out->text, NET_WORD, *s, length);
    *s += length;
    return fits ? 1 : -1;
}

/* ---- values: $key, and arithmetic ---- */

/* The value of $NAME at *s, which moves on behind it.  NULL: there is none; *name says of what. */
static const char *value_of(const char **s, const struct net_source *from, char name[NET_WORD], char number[24])
{
    const struct {
        const char *name;
        int64_t value;
    } of_task[] = { { "classes", from->shape->classes },
                    { "symbols", from->shape->vocabulary },
                    { "width", (int64_t)from->shape->width } };
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const size_t length = strspn(*s + 1, letters);
    MUST(text_copy(name, NET_WORD, *s + 1, length));
    *s += 1 + length;
    for (size_t i = 0; from->key && from->key[i]; i++)
        if (!strcmp(from->key[i], name)) {
            from->used[i] = true;
            return from->value[i];
        }
    for (size_t i = 0; i < ARRAY_LEN(of_task); i++)
        if (!strcmp(of_task[i].name, name)) {
            MUST(text_print(number, 24, "%lld", (long long)of_task[i].value));
            return number;
        }
    return NULL;
}

#define unknown(e, from, place, word, ...)                                                                           \
    (names_unknown((e), (from)->file, (word), __VA_ARGS__), (e)->at = (place), -1)

static int unknown_key(const char *name, const struct net_source *from, struct mark at, struct err *e)
{
    const char *known[128];
    size_t count = 0;
    for (; from->key && from->key[count] && count < ARRAY_LEN(known) - 1; count++) known[count] = from->key[count];
    known[count] = NULL;
    return unknown(e, from, at, name, known,
                   "'$%s' is neither $classes, $symbols nor $width nor a key of the block, which has", name);
}

/* The word with the values of its keys, and computed if it is arithmetic. */
static int evaluate(const char *word, char out[NET_WORD], const struct net_source *from, struct mark at,
                    struct err *e)
{
    static const char *const no_names[] = { NULL };
    static const struct formula_place place = { .what = "a number", .names = no_names, .type = FORMULA_NUMBER };
    struct buf text = { 0 };
    const bool single = word[0] == '$' && !strpbrk(word + 1, "$+-*/^()");
    bool keys = false;
    for (const char *s = word; *s;) {
        char name[NET_WORD], number[24];
        if (*s != '$') {
            buf_add(&text, s++, 1);
            continue;
        }
        keys = true;
        const char *value = value_of(&s, from, name, number);
        if (!value) {
            buf_release(&text);
            return unknown_key(name, from, at, e);
        }
        buf_print(&text, single ? "%s" : "(%s)", value);
    }
    struct formula f;
    struct err why = { 0 };
    char canonical[256];
    double plain;
    int rc = 0;
    const bool arithmetic = !single && strpbrk(buf_chars(&text), "+-*/^()") && !number_real(buf_chars(&text), &plain);
    if (arithmetic && (keys || strpbrk(word, "0123456789"))) {
        rc = formula_parse(&f, buf_chars(&text), &place, canonical, sizeof canonical, &why);
        buf_clear(&text);
        if (!rc) buf_real(&text, formula_value(&f, NULL));
    }
    if (!rc) MUST(text_copy(out, NET_WORD, buf_chars(&text), NET_WORD));
    if (rc) err_at(e, ERR_SPEC, from->file, at, NULL, "'%s': %s", word, why.text);
    buf_release(&text);
    return rc;
}

int net_words_number(int64_t *out, const char *what, const struct node *n, const struct net_source *from,
                     struct err *e)
{
    char text[NET_WORD];
    struct word word;
    const char *s = n->type == NODE_SCALAR ? n->text : "";
    if (next_word(&s, n, &word) != 1 || *s)
        return err_at(e, ERR_SPEC, from->file, n->at, NULL, "'%s' must be a whole number", what);
    if (evaluate(word.text, text, from, word.at, e)) return -1;
    if (number_int(text, out) && *out >= 1 && *out <= 1000) return 0;
    return err_at(e, ERR_SPEC, from->file, n->at, NULL, "'%s' is '%s'; allowed: 1 to 1000", what, text);
}

/* ---- keys ---- */

static int unknown_word(const struct net_words *w, const char *key, const struct net_source *from, struct mark at,
                        struct err *e)
{
    const char *known[32];
    size_t count = 0;
    for (const struct field *f = w->op->kind.fields; f && f->key; f++) known[count++] = f->key;
    known[count++] = "as";
    known[count] = NULL;
    return unknown(e, from, at, key, known, "%s has no key '%s'; it has", w->op->kind.name, key);
}

static int set_name(struct net_words *w, const char *name, const struct net_source *from, struct mark at,
                    struct err *e)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    if (name[0] && !name[strspn(name, letters)]) return text_copy(w->as, sizeof w->as, name, NET_WORD) ? 0 : -1;
    return err_at(e, ERR_SPEC, from->file, at, NULL, "as=%s: a name is made of letters, digits and _", name);
}

/* A word behind the operation: KEY=VALUE, or the value of the next key that may stand so. */
static int read_key(struct net_words *w, struct word *word, int *alone, const struct net_source *from, struct err *e)
{
    const struct field *f = w->op->kind.fields;
    char value[NET_WORD], *equals = strchr(word->text, '=');
    struct err why = { 0 };
    if (equals) {
        *equals = '\0';
        if (!strcmp(word->text, "as")) return set_name(w, equals + 1, from, word->at, e);
        f = field_find(f, word->text);
        if (!f) return unknown_word(w, word->text, from, word->at, e);
    } else if (*alone == w->op->words) {
        return err_at(e, ERR_SPEC, from->file, word->at, NULL, "%s takes %d %s without a key, and '%s' is one more",
                      w->op->kind.name, w->op->words, w->op->words == 1 ? "word" : "words", word->text);
    } else {
        f += (*alone)++;
    }
    if (evaluate(equals ? equals + 1 : word->text, value, from, word->at, e)) return -1;
    const bool yes = !strcmp(value, "yes"), no = !strcmp(value, "no");
    if (f->type == FIELD_BOOL && !yes && !no)
        err_set(&why, ERR_SPEC, "'%s' is yes or no, not '%s'", f->key, value);
    else if (!field_set(f, w->keys, f->type != FIELD_BOOL ? value : yes ? "true" : "false", &why))
        return 0;
    return err_at(e, ERR_SPEC, from->file, word->at, NULL, "%s: %s", w->op->kind.name, why.text);
}

static int find_operation(struct net_words *w, const char *name, const struct net_source *from, struct mark at,
                          struct err *e)
{
    for (w->id = 0; w->id < NET_OPS; w->id++) {
        w->op = net_operations[w->id];
        if (w->op->takes && !strcmp(w->op->kind.name, name)) return 0;
    }
    return unknown(e, from, at, name, net_words_known(), "unknown operation '%s'; known", name);
}

static int must_have(const struct net_words *w, const bool *given, const struct node *n,
                     const struct net_source *from, struct err *e)
{
    for (const struct field *f = w->op->kind.fields; f && f->key; f++)
        if (!f->standard && !given[f - w->op->kind.fields])
            return err_at(e, ERR_SPEC, from->file, n->at, NULL, "%s: '%s' must be given (%s)", w->op->kind.name,
                          f->key, f->help);
    return 0;
}

int net_words_read(struct net_words *w, const struct node *n, const struct net_source *from, struct arena *a,
                   struct err *e)
{
    const char *s = n->text;
    struct word word;
    bool given[32] = { false };
    int alone = 0, more = next_word(&s, n, &word);
    *w = (struct net_words){ .op = NULL };
    if (more == 0) return err_at(e, ERR_SPEC, from->file, n->at, NULL, "an operation has no name");
    if (more == 1 && find_operation(w, word.text, from, word.at, e)) return -1;
    if (more == 1) w->keys = arena_alloc(a, w->op->kind.config_size + 1);
    if (more == 1) field_defaults(w->op->kind.fields, w->keys);
    while (more == 1 && (more = next_word(&s, n, &word)) == 1) {
        const char *equals = strchr(word.text, '=');
        const size_t before = (size_t)alone;
        char key[NET_WORD];
        if (equals && text_copy(key, sizeof key, word.text, (size_t)(equals - word.text))) {
            const struct field *f = field_find(w->op->kind.fields, key);
            if (f) given[f - w->op->kind.fields] = true;
        }
        if (read_key(w, &word, &alone, from, e)) return -1;
        if ((size_t)alone > before) given[before] = true;
    }
    if (more < 0)
        return err_at(e, ERR_SPEC, from->file, word.at, NULL, "a word of more than %d characters", NET_WORD - 1);
    return must_have(w, given, n, from, e);
}

void net_words_print(const struct net_words *w, struct buf *out)
{
    int alone = 0;
    bool gap = false; /* once a key was left out, those behind it need their names */
    buf_text(out, w->op->kind.name);
    for (const struct field *f = w->op->kind.fields; f && f->key; f++, alone++) {
        if (field_is_default(f, w->keys)) {
            gap = true;
            continue;
        }
        buf_text(out, " ");
        if (gap || alone >= w->op->words) buf_print(out, "%s=", f->key);
        if (f->type == FIELD_BOOL)
            buf_text(out, *(const bool *)((const char *)w->keys + f->offset) ? "yes" : "no");
        else
            field_print(f, w->keys, out);
    }
    if (w->as[0]) buf_print(out, " as=%s", w->as);
}
