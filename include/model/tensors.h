/** model/tensors.h: what a sweep file says of single tensors, whichever kind of network they belong to.
 *
 *      tensors:
 *        W_E:   {init: normal 0.02, lr: 0.1}
 *        "*.b": {init: zeros, decay: 0}
 *
 *  A pattern names tensors, * and ? stand for letters as in a shell; of several that name a tensor the last one
 * counts, key by key.  tensor_fields says what there is to be said.
 */
#ifndef TOMBOLA_MODEL_TENSORS_H
#define TOMBOLA_MODEL_TENSORS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/field.h"
#include "num/layout.h"

struct node; /* sweep/tree.h */
struct node_entry;

/** The keys of a rule, for help and near names. */
extern const struct field tensor_fields[];

/** A rule {NAME: {tied: OTHER}} says that a tensor is another; a * in OTHER stands for what the * of NAME stands for.
 *  Such rules are of models that are read as lists, which follow them themselves. */
bool tensors_is_tie(const struct node_entry *rule);
/** Is any of the rules, a map or NULL, such a one? */
bool tensors_tie(const struct node *rules);
/** What the rule ties a tensor of that name to; NULL: its NAME is another. */
const char *tensors_tied_to(const struct node_entry *rule, const char *name, struct arena *a);

/** Append what the rules, a map of the sweep file, make of the tensors: each that becomes another than it was, in the
 * order of the table, with what is new of it; nothing if none does.  So rules that say the same give the same text.
 *  ERR_SPEC with the place: a pattern that names nothing, an unknown key, a value that is wrong, a tie unless `ties`:
 * they are followed already. */
CHECKED int tensors_expand(const struct node *rules, const char *file, const struct layout *layout, bool ties,
                           struct buf *out, struct err *e);

/** Change the table as such a text says.  ERR_SPEC if it does not belong to these tensors. */
CHECKED int tensors_apply(struct layout *layout, const char *text, struct err *e);

#endif
