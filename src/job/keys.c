#include "job/keys.h"
#include "base/text.h"

#include <string.h>

static const char *const mirrors[] = { [MIRRORS_REFUSE] = "refuse", [MIRRORS_ACCEPT] = "accept", NULL };

static int check_id(const char *text, char *canonical, size_t size, struct err *e)
{
    struct id id;
    MUST(size > ID_CHARS);
    if (strlen(text) != ID_CHARS || !id_parse(text, &id))
        return err_set(e, ERR_SPEC, "'%s' is no id", text_shown(text, 40));
    id_text(id, canonical);
    return 0;
}

#define AT(member) .offset = offsetof(struct job_spec, member)
#define ID_FIELD   .type = FIELD_TEXT, .count = ID_CHARS + 1, .unit = "", .check = check_id
enum { ANY_MOMENT = USES_BOUND | USES_THRESHOLD };

const struct job_key job_keys[] = {
    { .field = { "seed", FIELD_INT, AT(seed), .standard = "0", .range = "[0, 1e15)", .unit = "",
                 .help = "of every random stream" },
      .places = KEY_GRID | KEY_TEXT },
    { .field = { "t", MOMENT_FIELD, AT(t),
                 .help =
                     "epoch of the parent that the ticket is drawn from: a number, mem, gen, final or a formula" },
      .places = KEY_GRID | KEY_TEXT,
      .uses = USES_PARENT,
      .missing = "the parent's epoch to draw from: a number, mem, gen, final or a formula of them",
      .takes = "epoch of the dense parent that it is made from" },
    { .field = { "k", FIELD_REAL, AT(k), .range = "[0, 1)", .unit = "1",
                 .help = "prune rate: the fraction of weights removed; {search: [low, high], step: s, until: gen | "
                         "mem} tries rates upwards and stops after the first whose job does not get there" },
      .places = KEY_GRID | KEY_TEXT,
      .uses = USES_K,
      .missing = "the fraction of weights to remove, in [0, 1)",
      .takes = "prune rate, the fraction removed" },
    { .field = { "scope", FIELD_CHOICE, AT(scope), .standard = "global", .choices = scope_names, .unit = "",
                 .help = "prune over all weights together or tensor by tensor" },
      .places = KEY_GRID | KEY_TEXT | KEY_COLUMN,
      .uses = USES_SCOPE,
      .before = "global",
      .takes = "global | tensor" },
    { .field = { "ties", FIELD_CHOICE, AT(ties), .standard = "draw", .choices = ties_names, .unit = "",
                 .help = "of weights whose scores are equal where k cuts: all go, so that more than k is removed "
                         "(prune: the published code's rule), all stay (keep), or as many as k says are drawn "
                         "(draw)" },
      .places = KEY_GRID | KEY_TEXT | KEY_COLUMN,
      .uses = USES_TIES,
      .before = "prune",
      .takes = "of equal scores where k cuts: prune | keep | draw" },
    { .field = { "mirrors", FIELD_CHOICE, AT(mirrors), .standard = "refuse", .choices = mirrors, .unit = "",
                 .help = "data that have (a, b) and (b, a), for a network that cannot tell them apart: an error "
                         "(refuse), or trained all the same (accept)" },
      .places = KEY_GRID },
    { .field = { "iterate", FIELD_INT, AT(iterate), .standard = "1", .range = "[1, 100]", .unit = "round",
                 .help = "iterative magnitude pruning: reach k in so many rounds, each a ticket of the round before, "
                         "trained, that removes the same fraction of what is left (1803.03635)" },
      .places = KEY_GRID,
      .uses = USES_ROUNDS,
      .before = "1",
      .takes = "rounds of pruning and training in which k is reached" },
    { .field = { "data", ID_FIELD, AT(data), .help = "digest of the task's files" },
      .places = KEY_DATA | KEY_COLUMN,
      .before = "" },
    { .field = { "init", ID_FIELD, AT(init), .help = "digest of the given initial weights" },
      .places = KEY_DATA | KEY_COLUMN | KEY_INPUT,
      .before = "" },
    { .field = { "split", ID_FIELD, AT(split), .help = "digest of the given split" },
      .places = KEY_DATA | KEY_COLUMN | KEY_INPUT,
      .before = "" },
    { .field = { "mask", ID_FIELD, AT(mask), .help = "digest of the given mask" },
      .places = KEY_DATA | KEY_COLUMN | KEY_INPUT,
      .uses = USES_MASK,
      .before = "",
      .takes = "section: the file that the mask comes from" },
    { .field = { "rewind", MOMENT_FIELD, AT(rewind), .standard = "0",
                 .help = "start from the dense job's weights after so many epochs, at most t, instead of theta_0 "
                         "(1912.05671); a moment that is later than t means t" },
      .places = KEY_GRID | KEY_TEXT | KEY_COLUMN,
      .uses = USES_REWIND,
      .before = "0",
      .takes = "epoch of the dense weights that it starts from" },
    { .field = { "parent_tensors", FIELD_TABLE, AT(parent_tensors), .standard = "", .unit = "",
                 .help = "start from some of the parent's tensors and let others be as they are initialised: a map "
                         "from the job's "
                         "names to the parent's, {W_E: W_E}; without it from all, which must be the same tensors" },
      .places = KEY_GRID | KEY_TEXT | KEY_COLUMN,
      .uses = USES_PART,
      .before = "",
      .takes = "tensors that come from the parent, where these are not all" },
    { .field = { "round", FIELD_INT, AT(round), .unit = "1",
                 .help = "of pruning: 1 = made from the dense job, 2 = from the first round, ..." },
      .places = KEY_COLUMN,
      .uses = USES_ROUNDS },
    { .field = { "parent", ID_FIELD, AT(parent) }, .places = KEY_TEXT, .uses = USES_PARENT },
    { .field = { "t.eval_every", FIELD_INT, AT(eval_every), .range = "[1, 1e9]" },
      .places = KEY_TEXT,
      .uses = ANY_MOMENT },
    { .field = { "t.threshold", FIELD_REAL, AT(threshold) }, .places = KEY_TEXT, .uses = USES_THRESHOLD },
    { .field = { "t.loss_bound", FIELD_REAL, AT(threshold) }, .places = KEY_TEXT, .uses = USES_BOUND },
    { .field = FIELD_END },
};

_Static_assert(ARRAY_LEN(job_keys) <= JOB_KEYS, "more room for keys");

const struct field *keys_of_grid(void)
{
    static struct field fields[ARRAY_LEN(job_keys)];
    size_t count = 0;
    for (const struct job_key *key = job_keys; key->field.key; key++)
        if (key->places & KEY_GRID) fields[count++] = key->field;
    return fields;
}

const struct job_key *key_find(const char *name, unsigned places)
{
    const struct job_key *key = job_keys;
    while (key->field.key && !(key->places & places && !strcmp(key->field.key, name))) key++;
    return key->field.key ? key : NULL;
}

struct input *key_input(const struct job_key *key, const struct job_spec *s)
{
    return (struct input *)((char *)s + key->field.offset); /* which begins with the digest */
}

unsigned keys_used(const struct job_spec *s)
{
    const unsigned used = spec_uses(s);
    if (!(used & USES_PARENT) || !(moment_is_rule(&s->t) || moment_is_rule(&s->rewind))) return used;
    return used | (spec_judges_by_loss(s) ? USES_BOUND : USES_THRESHOLD);
}

bool key_is_used(const struct job_key *key, unsigned used)
{
    return !key->uses || key->uses & used;
}

bool key_is_as_before(const struct job_key *key, const struct job_spec *s)
{
    struct buf text = { 0 };
    if (!key->before) return false;
    field_print(&key->field, s, &text);
    const bool same = !strcmp(buf_chars(&text), key->before);
    buf_release(&text);
    return same;
}

/* ---- from a grid ---- */

const struct sweep_value *key_value(const struct sweep_point *point, const char *key)
{
    for (size_t i = 0; i < point->keys; i++)
        if (!strcmp(point->key[i].field->key, key)) return &point->key[i];
    return NULL;
}

static int bind(const struct job_key *key, struct job_spec *s, const struct sweep_point *point, bool used,
                struct buf *lacks, struct err *e)
{
    const struct sweep_value *given = used ? key_value(point, key->field.key) : NULL;
    const char *text = given ? given->text : used ? key->field.standard : key->before;
    if (text) return field_set(&key->field, s, text, e);
    if (used && key->missing)
        buf_print(lacks, "%s'%s': %s", lacks->length ? "; and " : "", key->field.key, key->missing);
    return 0;
}

int keys_bind(struct job_spec *s, const struct sweep_point *point, struct err *e)
{
    const unsigned used = spec_uses(s);
    struct buf lacks = { 0 };
    int rc = 0;
    s->t = moment_none;
    for (const struct job_key *key = job_keys; key->field.key && !rc; key++)
        if (key->places & KEY_GRID) rc = bind(key, s, point, key_is_used(key, used), &lacks, e);
    if (!rc && lacks.length) rc = err_set(e, ERR_SPEC, "control '%s' needs %s", s->control->name, buf_chars(&lacks));
    buf_release(&lacks);
    return rc;
}
