#include "sweep/merge.h"
#include "base/arena.h"
#include "base/text.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

void merge_push(struct entry_stack *s, struct node_entry e)
{
    *VEC_MORE(s->item, s->count) = e;
}

void entry_stack_release(struct entry_stack *s)
{
    free(s->item);
    memset(s, 0, sizeof *s);
}

static void push_merged(struct entry_stack *s, const struct node *from, const struct sink *to, struct mark at)
{
    if (from->type != NODE_MAP) {
        report(to, at, NULL, "'<<' merges a map or a list of maps");
        return;
    }
    for (size_t i = 0; i < from->count; i++) {
        struct node_entry e = from->entry[i];
        e.merged = true;
        merge_push(s, e);
    }
}

/* Push the entries from base to end once more, merges in place of `<<`, then drop the first copy. */
static void expand(struct entry_stack *s, size_t base, const struct sink *to)
{
    size_t end = s->count;
    bool merged = false;
    for (size_t i = base; i < end; i++) {
        struct node_entry e = s->item[i];
        const struct node *v = e.value;
        if (strcmp(e.key, "<<")) {
            merge_push(s, e);
            continue;
        }
        if (merged) report(to, e.key_at, NULL, "'<<' is given twice; merge a list: [*a, *b]");
        merged = true;
        bool list = v->type == NODE_LIST;
        for (size_t j = 0; j < (list ? v->count : 1); j++) push_merged(s, list ? v->entry[j].value : v, to, e.key_at);
    }
    memmove(s->item + base, s->item + end, (s->count - end) * sizeof *s->item);
    s->count -= end - base;
}

/* By key; of equal keys the one that wins comes first. */
static int by_rank(const void *a, const void *b)
{
    const struct node_entry *x = *(struct node_entry *const *)a, *y = *(struct node_entry *const *)b;
    int order = strcmp(x->key, y->key);
    if (order) return order;
    if (x->merged != y->merged) return x->merged ? 1 : -1;
    return x < y ? -1 : x > y;
}

static void drop_losers(struct node_entry *entry, size_t *count, const struct sink *to)
{
    struct arena scratch = { 0 };
    struct node_entry **order = ARENA_NEW(&scratch, *count, struct node_entry *);
    for (size_t i = 0; i < *count; i++) order[i] = &entry[i];
    qsort(order, *count, sizeof *order, by_rank);
    const struct node_entry *winner = order[0];
    for (size_t i = 1; i < *count; i++) {
        struct node_entry *e = order[i];
        if (strcmp(e->key, winner->key)) {
            winner = e;
            continue;
        }
        if (!e->merged)
            report(to, e->key_at, NULL, "duplicate key '%s'; first given at line %d", text_shown(e->key, 80),
                   winner->key_at.line);
        e->value = NULL;
    }
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (entry[i].value) entry[kept++] = entry[i];
    *count = kept;
    arena_release(&scratch);
}

void merge_entries(struct entry_stack *s, size_t base, const struct sink *to)
{
    bool merges = false;
    for (size_t i = base; i < s->count && !merges; i++) merges = !strcmp(s->item[i].key, "<<");
    if (merges) expand(s, base, to);
    size_t count = s->count - base;
    if (count < 2) return;
    drop_losers(s->item + base, &count, to);
    s->count = base + count;
}
