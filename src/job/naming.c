#include "job/naming.h"

#include "base/buf.h"
#include "base/names.h"
#include "base/text.h"
#include "sweep/tree.h"

#include <string.h>

enum { FILE_MOST = 1 << 20 };

struct reader {
    struct naming *out;
    const char *file;
    const char *const *known;
    struct arena *arena;
    struct err *e;
};

/* "W_U", or "T(W_U)". */
static const char *tensor_of(const struct reader *r, const char *text, bool *turned)
{
    const size_t length = strlen(text);
    *turned = length > 3 && !strncmp(text, "T(", 2) && text[length - 1] == ')';
    return *turned ? arena_text(r->arena, text + 2, length - 3) : text;
}

static int add_tensor(struct reader *r, struct naming_array *a, const struct node *n, bool stacked)
{
    bool turned = false, known = false;
    size_t place;
    const char *name = n->type == NODE_SCALAR ? tensor_of(r, n->text, &turned) : NULL;
    if (!name || (stacked && turned))
        return err_at(r->e, ERR_SPEC, r->file, n->at, NULL, "'%s' must be a tensor, T(TENSOR) or a list of tensors",
                      text_shown(a->name, 60));
    for (size_t i = 0; r->known[i] && !known; i++) known = !strcmp(r->known[i], name);
    if (!known) {
        names_unknown(r->e, r->file, name, r->known, "the network has no tensor '%s'; it has", text_shown(name, 60));
        r->e->at = n->at;
        return -1;
    }
    if (naming_find(r->out, name, &place))
        return err_at(r->e, ERR_SPEC, r->file, n->at, NULL, "two arrays hold '%s'", name);
    a->turned = turned;
    a->tensor[a->tensors++] = name;
    return 0;
}

static int add_array(struct reader *r, const struct node_entry *entry)
{
    const struct node *n = entry->value;
    const bool stacked = n->type == NODE_LIST;
    struct naming_array *a = &r->out->array[r->out->arrays++];
    *a = (struct naming_array){ .name = entry->key };
    a->tensor = ARENA_NEW(r->arena, stacked ? n->count : 1, const char *);
    if (strlen(entry->key) >= NAMING_NAME)
        return err_at(r->e, ERR_SPEC, r->file, entry->key_at, NULL, "a name of more than %d characters",
                      NAMING_NAME - 1);
    if (!stacked) return add_tensor(r, a, n, false);
    for (size_t i = 0; i < n->count; i++)
        if (add_tensor(r, a, n->entry[i].value, true)) return -1;
    return 0;
}

static int read_map(struct reader *r, const char *text, size_t length)
{
    struct err_list errors = { 0 };
    size_t nodes = 0;
    const struct node *map = tree_load(r->file, text, length, r->arena, &nodes, &errors);
    if (errors.count) *r->e = errors.item[0];
    err_list_release(&errors);
    if (r->e->kind) return -1;
    if (!map || map->type != NODE_MAP)
        return err_at(r->e, ERR_SPEC, r->file, NOWHERE, NULL, "must be a map from names of arrays to tensors");
    r->out->array = ARENA_NEW(r->arena, map->count, struct naming_array);
    for (size_t i = 0; i < map->count; i++)
        if (add_array(r, &map->entry[i])) return -1;
    return 0;
}

int naming_read(struct naming *out, const char *file, const char *const *known, struct arena *a, struct err *e)
{
    struct reader r = { out, file, known, a, e };
    struct buf text = { 0 };
    *out = (struct naming){ .arrays = 0 };
    if (!file[0]) return 0;
    int rc = buf_read_given(&text, file, FILE_MOST, ERR_SPEC, e);
    if (!rc) rc = read_map(&r, buf_chars(&text), text.length);
    buf_release(&text);
    if (!rc || !e->at.line) return rc;
    const struct err why = *e; /* whoever reports it has a place of its own */
    *e = (struct err){ 0 };
    return err_set(e, ERR_SPEC, "'%s', line %d, column %d: %s", file, why.at.line, why.at.col, why.text);
}

const struct naming_array *naming_find(const struct naming *n, const char *tensor, size_t *place)
{
    for (size_t i = 0; i < n->arrays; i++)
        for (*place = 0; *place < n->array[i].tensors; ++*place)
            if (!strcmp(n->array[i].tensor[*place], tensor)) return &n->array[i];
    return NULL;
}
