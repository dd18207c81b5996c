/** sweep/merge.h: the entries of YAML maps while they are read: merge keys and duplicates. */
#ifndef TOMBOLA_SWEEP_MERGE_H
#define TOMBOLA_SWEEP_MERGE_H

#include "sweep/report.h"
#include "sweep/tree.h"

struct entry_stack {
    struct node_entry *item;
    size_t count;
};

void merge_push(struct entry_stack *s, struct node_entry e);
void entry_stack_release(struct entry_stack *s);

/** Turn the entries from base on, one map's, into what the map means: `<<` replaced in its place by the entries of
 *  the maps it names (own keys win, then earlier maps), of two equal own keys the first kept and the second reported.
 */
void merge_entries(struct entry_stack *s, size_t base, const struct sink *to);

#endif
