/** cli/lineage.h: what is made from what: the jobs of a plan in groups, the groups as a tree. */
#ifndef TOMBOLA_CLI_LINEAGE_H
#define TOMBOLA_CLI_LINEAGE_H

#include "base/buf.h"
#include "cli/sheet.h"

/** Append the tree, a line a group: what the jobs of a group share, at which t and k they are made, how many there
 *  are, how many the store holds, and why some are blocked. */
void lineage_print(const struct sheet *s, struct buf *out);
/** The same as JSON, "lineage":[...]; `parent` is an index into it, or null. */
void lineage_json(const struct sheet *s, struct buf *out);

/** Append the branch in front of an entry of a tree, "│  └─ ": open[d] says whether more follow at depth d. */
void lineage_branch(struct buf *out, const bool *open, size_t depth);

#endif
