#include "num/layout.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

struct tensor *layout_add(struct layout *l, const char *name, double init_std, const int64_t *dims)
{
    MUST(l->count < LAYOUT_TENSORS && strlen(name) < LAYOUT_NAME && !layout_find(l, name));
    struct tensor *t = &l->tensor[l->count++];
    *t = (struct tensor){ .offset = l->n, .size = 1, .init_std = init_std, .prunable = true, .decay = 1, .lr = 1 };
    MUST(text_copy(t->name, sizeof t->name, name, LAYOUT_NAME));
    for (; *dims; dims++) {
        MUST(t->rank<LAYOUT_RANK && * dims> 0);
        t->dim[t->rank++] = *dims;
        t->size *= (size_t)*dims;
    }
    l->n += t->size;
    return t;
}

size_t layout_prunable(const struct layout *l)
{
    size_t n = 0;
    for (int i = 0; i < l->count; i++) n += l->tensor[i].prunable ? l->tensor[i].size : 0;
    return n;
}

size_t layout_weights(const struct layout *l)
{
    size_t n = 0;
    for (int i = 0; i < l->count; i++) n += l->tensor[i].state ? 0 : l->tensor[i].size;
    return n;
}

const struct tensor *layout_find(const struct layout *l, const char *name)
{
    for (int i = 0; i < l->count; i++)
        if (!strcmp(l->tensor[i].name, name)) return &l->tensor[i];
    return NULL;
}
