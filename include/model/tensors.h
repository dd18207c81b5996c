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

#include "base/buf.h"
#include "base/field.h"
#include "num/layout.h"

struct node; /* sweep/tree.h */

/** The keys of a rule, for help and near names. */
extern const struct field tensor_fields[];

/** Append what the rules, a map of the sweep file, make of the tensors: each that becomes another than it was, in the
 * order of the table, with what is new of it; nothing if none does.  So rules that say the same give the same text.
 *  ERR_SPEC with the place: a pattern that names nothing, an unknown key, a value that is wrong. */
CHECKED int tensors_expand(const struct node *rules, const char *file, const struct layout *layout, struct buf *out,
                           struct err *e);

/** Change the table as such a text says.  ERR_SPEC if it does not belong to these tensors. */
CHECKED int tensors_apply(struct layout *layout, const char *text, struct err *e);

#endif
