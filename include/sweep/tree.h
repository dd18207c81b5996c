/** sweep/tree.h: a YAML file as nodes that remember their line and column (libyaml). */
#ifndef TOMBOLA_SWEEP_TREE_H
#define TOMBOLA_SWEEP_TREE_H

#include "base/arena.h"
#include "base/err.h"

enum node_type { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node;
struct node_entry {
    const char *key; /* of a map entry; NULL in a list */
    struct mark key_at;
    const struct node *value;
    bool merged; /* came in through a merge key `<<` */
};
struct node {
    enum node_type type;
    struct mark at;
    const char *text; /* of a scalar: as written, quotes and escapes resolved */
    size_t count;     /* entries of a list or map                             */
    const struct node_entry *entry;
};

/** Parse text (the content of `file`, whose name only appears in errors) into nodes in the arena.
 *  Anchors, aliases and merge keys are resolved; own keys win over merged ones.  Errors, all appended to `errors`:
 *  YAML syntax, duplicate keys, keys that are no scalars, more than one document, a tag that is not a plain YAML one,
 *  invalid UTF-8, nesting deeper than 64, an alias to something that contains it, more than 1 000 000 nodes after
 *  alias expansion (nodes behind an alias are shared, not copied), those of earlier texts, which *nodes counts,
 *  among them.  Returns NULL if there is nothing to go on with.
 */
const struct node *tree_load(const char *file, const char *text, size_t length, struct arena *a, size_t *nodes,
                             struct err_list *errors);

/** The same of one value in flow style that the program itself has written; NULL if the text is none. */
const struct node *tree_value(const char *text, struct arena *a);

/** The entry of that key, NULL if there is none. */
const struct node_entry *node_find(const struct node *map, const char *key);

#endif
