#include "model/tensors.h"

#include "base/arena.h"
#include "base/names.h"
#include "base/text.h"
#include "num/formula.h"
#include "sweep/tree.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rule {
    char init[128];
    double lr, decay;
    bool frozen, prune;
    char tied[LAYOUT_NAME];
};

const struct field tensor_fields[] = {
    FIELD_CHARS(rule, init, TEXT, "",
                "initial values: normal STD, uniform BOUND (within it of 0), constant C, signed C (C or -C), "
                "orthogonal GAIN, "
                "times F (those of the network, times F), zeros, ones, glorot normal, glorot uniform, kaiming "
                "normal, kaiming "
                "uniform; each number may be a formula of fan_in, fan_out and size, as uniform 1/sqrt(fan_in)"),
    FIELD_NUMBER(rule, lr, REAL, "1", "[0, 1e6]", "1", "factor on the learning rate"),
    FIELD_FLAG(rule, frozen, "false", "never changed, whatever lr says: the same as lr: 0"),
    FIELD_NUMBER(rule, decay, REAL, "1", "[0, 1e6]", "1", "factor on weight_decay; 0: none"),
    FIELD_FLAG(rule, prune, "true", "is it pruned, and does it count among the weights of which k are removed?"),
    FIELD_CHARS(rule, tied, TEXT, "",
                "of kind: net, alone in its rule: another tensor that this one is, or whose first rows it is "
                "({dense1.W: {tied: embed1.E}}); a * stands for what the * of the name stands for "
                "({repeat1.2.*: {tied: repeat1.1.*}})"),
    FIELD_END,
};

/* ---- initial values ---- */

enum { FAN_IN, FAN_OUT, SIZE };
static const char *const sizes[] = { [FAN_IN] = "fan_in", [FAN_OUT] = "fan_out", [SIZE] = "size", NULL };

enum init { NORMAL, UNIFORM, CONSTANT, SIGNED, ORTHOGONAL, TIMES, INITS };
/* Those behind TIMES are presets. */
static const char *const inits[] = {
    "normal", "uniform",       "constant",       "signed",         "orthogonal",      "times", "zeros",
    "ones",   "glorot normal", "glorot uniform", "kaiming normal", "kaiming uniform", NULL
};

static const struct {
    const char *name, *means;
} presets[] = {
    { "zeros", "constant 0" },
    { "ones", "constant 1" },
    { "orthogonal", "orthogonal 1" },
    { "glorot normal", "normal sqrt(2 / (fan_in + fan_out))" },
    { "glorot uniform", "uniform sqrt(6 / (fan_in + fan_out))" },
    { "kaiming normal", "normal sqrt(2 / fan_in)" },
    { "kaiming uniform", "uniform sqrt(6 / fan_in)" },
};

static const enum tensor_draw draws[] = { [NORMAL] = DRAW_NORMAL,
                                          [UNIFORM] = DRAW_UNIFORM,
                                          [CONSTANT] = DRAW_NORMAL,
                                          [SIGNED] = DRAW_SIGNED,
                                          [ORTHOGONAL] = DRAW_ORTHOGONAL };

/* What a file gives is 1: what is the standard deviation? */
static double unit_std(const struct tensor *t, enum tensor_draw draw)
{
    const double rows = (double)t->dim[0], columns = (double)t->size / rows;
    return draw == DRAW_UNIFORM ? 1 / sqrt(3) : draw == DRAW_ORTHOGONAL ? 1 / sqrt(fmax(rows, columns)) : 1;
}

/* A tensor while rules are read. */
struct ruled {
    struct tensor *t, own; /* own: as the network has it */
    bool frozen;
};

static void set_init(const struct ruled *r, enum init what, double x)
{
    struct tensor *t = r->t;
    if (what == TIMES) {
        t->draw = r->own.draw;
        t->init_std = r->own.init_std * x;
        t->init_mean = r->own.init_mean * x;
        return;
    }
    t->draw = draws[what];
    t->init_std = what == CONSTANT ? 0 : x * unit_std(t, t->draw);
    t->init_mean = what == CONSTANT ? x : 0;
}

/* The shortest number that set_init makes the same of. */
static void print_init(const struct tensor *t, struct buf *out)
{
    const double unit = unit_std(t, t->draw);
    char text[40] = "";
    if (!(t->init_std > 0)) {
        buf_text(out, "constant ");
        buf_real(out, t->init_mean);
        return;
    }
    int what = 0;
    while (what == CONSTANT || draws[what] != t->draw) what++;
    for (int digits = 1; digits <= 17 && !(strtod(text, NULL) * unit == t->init_std); digits++)
        MUST(text_print(text, sizeof text, "%.*g", digits, t->init_std / unit));
    buf_print(out, "%s ", inits[what]);
    buf_real(out, strtod(text, NULL));
}

/* As PyTorch counts: an output has fan_in inputs, an input reaches fan_out outputs. */
static int read_init(const struct ruled *r, const char *text, struct err *e)
{
    const struct tensor *t = r->t;
    static const struct formula_place place = { .what = "init", .names = sizes, .type = FORMULA_NUMBER };
    char canonical[128], word[FIELD_WORD];
    struct formula f;
    for (size_t i = 0; i < ARRAY_LEN(presets); i++)
        if (!strcmp(presets[i].name, text)) return read_init(r, presets[i].means, e);
    const size_t length = strcspn(text, " ");
    int what = 0;
    if (!text_copy(word, sizeof word, text, length)) word[0] = '\0';
    while (what < INITS && strcmp(inits[what], word)) what++;
    if (what == INITS) return names_unknown(e, NULL, text, inits, "init is '%s'; allowed", text_shown(text, 60));
    if (!text[length]) return err_set(e, ERR_SPEC, "init is '%s' without a number, as %s 0.02", word, word);
    if (formula_parse(&f, text + length + 1, &place, canonical, sizeof canonical, e)) return -1;
    if (t->rank < 2 && (formula_names(&f, FAN_IN, SIZE) || what == ORTHOGONAL))
        return err_set(e, ERR_SPEC,
                       "init is '%s', and '%s' is a vector: fan_in, fan_out and orthogonal are of matrices", text,
                       t->name);
    const double x =
        formula_value(&f, (const double[]){ [FAN_IN] = (double)t->size / (double)t->dim[0],
                                            [FAN_OUT] = t->rank < 2 ? 0 : (double)t->size / (double)t->dim[1],
                                            [SIZE] = (double)t->size });
    if (!isfinite(x) || fabs(x) > 1e6 || (x < 0 && what != CONSTANT))
        return err_set(e, ERR_SPEC, "init is '%s', which is %g for '%s'; allowed: %s 1e6", text, x, t->name,
                       what == CONSTANT ? "-1e6 to" : "0 to");
    set_init(r, (enum init)what, x);
    return 0;
}

/* ---- rules ---- */

static int apply(struct ruled *r, const char *key, const char *text, struct err *e)
{
    struct tensor *t = r->t;
    const struct field *f = field_find(tensor_fields, key);
    struct rule rule = { .lr = 1 };
    if (field_set(f, &rule, text, e)) return -1;
    if (!strcmp(key, "init")) return read_init(r, rule.init, e);
    if (!strcmp(key, "lr")) t->lr = rule.lr;
    if (!strcmp(key, "frozen")) r->frozen = rule.frozen;
    if (!strcmp(key, "decay")) t->decay = rule.decay;
    if (!strcmp(key, "prune")) t->prunable = rule.prune;
    return 0;
}

static int fail(struct err *e, const char *file, struct mark at, const char *path, const struct err *why)
{
    return err_at(e, ERR_SPEC, file, at, NULL, "tensors.%s: %s", text_shown(path, 60), why->text);
}

/* ---- ties ---- */

bool tensors_is_tie(const struct node_entry *rule)
{
    const struct node_entry *tied = rule->value->type == NODE_MAP ? node_find(rule->value, "tied") : NULL;
    return tied && tied->value->type == NODE_SCALAR;
}

bool tensors_tie(const struct node *rules)
{
    for (size_t i = 0; rules && rules->type == NODE_MAP && i < rules->count; i++)
        if (tensors_is_tie(&rules->entry[i])) return true;
    return false;
}

const char *tensors_tied_to(const struct node_entry *rule, const char *name, struct arena *a)
{
    const char *other = node_find(rule->value, "tied")->value->text, *star = strchr(other, '*');
    const char *own = strchr(rule->key, '*');
    if (fnmatch(rule->key, name, 0)) return NULL;
    if (!star || !own) return other;
    struct buf b = { 0 };
    const size_t before = (size_t)(own - rule->key), behind = strlen(own + 1);
    buf_add(&b, other, (size_t)(star - other));
    buf_add(&b, name + before, strlen(name) - before - behind);
    buf_text(&b, star + 1);
    const char *text = arena_text(a, buf_chars(&b), b.length);
    buf_release(&b);
    return text;
}

/* What is left to be said of a rule that is one. */
static int check_tie(const struct node_entry *rule, bool ties, const char *file, struct err *e)
{
    struct err why = { 0 };
    if (ties && rule->value->count == 1) return 0;
    err_set(&why, ERR_SPEC,
            ties ? "'tied' stands alone: what else there is to say is said of the other tensor"
                 : "'tied' is of kind: net");
    return fail(e, file, rule->value->at, rule->key, &why);
}

/* The tensors whose names are like the entry's key; at least one. */
static int apply_rule(const struct layout *layout, struct ruled *ruled, const struct node_entry *rule,
                      const char *file, struct err *e)
{
    const char *names[LAYOUT_TENSORS + 1] = { 0 }, *keys[8] = { 0 };
    const struct node *n = rule->value;
    struct err why = { 0 };
    size_t found = 0;
    for (int i = 0; i < layout->count; i++) names[i] = layout->tensor[i].name;
    for (int i = 0; tensor_fields[i].key; i++) keys[i] = tensor_fields[i].key;
    if (n->type != NODE_MAP || !n->count)
        return err_set(&why, ERR_SPEC, "must be keys and values, as {init: normal 0.02}"),
               fail(e, file, n->at, rule->key, &why);
    for (int i = 0; i < layout->count; i++) {
        if (layout->tensor[i].state || fnmatch(rule->key, names[i], 0)) continue;
        found++;
        for (size_t k = 0; k < n->count; k++) {
            const struct node_entry *entry = &n->entry[k];
            if (!field_find(tensor_fields, entry->key)) {
                names_unknown(&why, NULL, entry->key, keys, "unknown key '%s'; allowed", text_shown(entry->key, 40));
                return fail(e, file, entry->key_at, rule->key, &why);
            }
            if (entry->value->type != NODE_SCALAR)
                err_set(&why, ERR_SPEC, "'%s' must be one value here", entry->key);
            else if (!apply(&ruled[i], entry->key, entry->value->text, &why))
                continue;
            return fail(e, file, entry->value->at, rule->key, &why);
        }
    }
    if (found) return 0;
    names_unknown(&why, NULL, rule->key, names, "the network has no tensor of that name; it has");
    return fail(e, file, rule->key_at, rule->key, &why);
}

/* What is frozen may be set free by a later rule, and has then the learning rate that it would have had. */
static int apply_rules(struct layout *layout, const struct node *rules, bool ties, const char *file, struct err *e)
{
    struct ruled ruled[LAYOUT_TENSORS];
    for (int i = 0; i < layout->count; i++)
        ruled[i] = (struct ruled){ .t = &layout->tensor[i], .own = layout->tensor[i] };
    for (size_t i = 0; i < rules->count; i++) {
        const struct node_entry *rule = &rules->entry[i];
        if (tensors_is_tie(rule) ? check_tie(rule, ties, file, e) : apply_rule(layout, ruled, rule, file, e))
            return -1;
    }
    for (int i = 0; i < layout->count; i++)
        if (ruled[i].frozen) layout->tensor[i].lr = 0;
    return 0;
}

/* ---- the canonical text: what has become of each tensor ---- */

static void print_key(struct buf *out, size_t *keys, const char *key)
{
    buf_print(out, "%s%s: ", (*keys)++ ? ", " : "", key);
}

static void print_tensor(const struct tensor *is, const struct tensor *was, struct buf *out)
{
    size_t keys = 0;
    if (is->draw != was->draw || is->init_std != was->init_std || is->init_mean != was->init_mean) {
        print_key(out, &keys, "init");
        print_init(is, out);
    }
    if (is->lr != was->lr) {
        print_key(out, &keys, "lr");
        buf_real(out, is->lr);
    }
    if (is->decay != was->decay) {
        print_key(out, &keys, "decay");
        buf_real(out, is->decay);
    }
    if (is->prunable != was->prunable) {
        print_key(out, &keys, "prune");
        buf_text(out, is->prunable ? "true" : "false");
    }
}

int tensors_expand(const struct node *rules, const char *file, const struct layout *layout, bool ties,
                   struct buf *out, struct err *e)
{
    struct layout is = *layout;
    struct buf text = { 0 };
    size_t tensors = 0;
    const int rc = apply_rules(&is, rules, ties, file, e);
    for (int i = 0; i < is.count && !rc; i++) {
        buf_clear(&text);
        print_tensor(&is.tensor[i], &layout->tensor[i], &text);
        if (text.length) buf_print(out, "%s%s: {%s}", tensors++ ? ", " : "{", is.tensor[i].name, buf_chars(&text));
    }
    if (tensors) buf_text(out, "}");
    buf_release(&text);
    return rc;
}

int tensors_apply(struct layout *layout, const char *text, struct err *e)
{
    struct arena a = { 0 };
    if (!*text) return 0;
    const struct node *rules = tree_value(text, &a);
    const int rc = rules && rules->type == NODE_MAP
                       ? apply_rules(layout, rules, false, "", e)
                       : err_set(e, ERR_SPEC, "rules of tensors cannot be read: '%s'", text_shown(text, 80));
    arena_release(&a);
    return rc;
}
