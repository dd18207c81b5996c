/* The named blocks of a file, and the kinds that they are of. */
#include "base/text.h"
#include "sweep/private.h"

#include <stdlib.h>
#include <string.h>

const struct kind *library_kind(const struct sweep_section *s, const char *name)
{
    for (size_t i = 0; s->kinds[i]; i++)
        if (!strcmp(s->kinds[i]->name, name)) return s->kinds[i];
    return NULL;
}

struct library *library_of(const struct loader *l, const char *name)
{
    for (size_t i = 0; i < l->libraries; i++)
        if (!strcmp(l->library[i].name, name)) return &l->library[i];
    BUG("there is no library '%s'", name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named_block *)a)->entry->key, ((const struct named_block *)b)->entry->key);
}

void library_sort(struct library *lib)
{
    qsort(lib->item, lib->count, sizeof *lib->item, by_name);
}

struct named_block *library_find(const struct library *lib, const char *name)
{
    struct node_entry key = { .key = name };
    struct named_block want = { .entry = &key };
    return lib->count ? bsearch(&want, lib->item, lib->count, sizeof want, by_name) : NULL;
}

static struct mark mark_of_word(const struct node *n, const char *word)
{
    for (size_t i = 0; n->type == NODE_LIST && i < n->count; i++)
        if (!strcmp(n->entry[i].value->text, word)) return n->entry[i].value->at;
    return n->at;
}

bool library_knows(struct loader *l, const struct field *f, const struct sweep_value *v)
{
    const struct library *lib = library_of(l, f->blocks);
    struct names known = { .count = 0 };
    char word[FIELD_WORD];
    bool all = true;
    for (size_t i = 0; i < lib->count; i++) names_add(&known, lib->item[i].entry->key);
    for (size_t i = 0; lib->section->kinds[i]; i++) names_add(&known, lib->section->kinds[i]->name);
    for (const char *s = v->text; field_next_word(&s, word);) {
        if (lib->bad || library_find(lib, word) || library_kind(lib->section, word)) continue;
        report_names(&l->to, mark_of_word(v->node, word), v->path, word, "known", &known, "unknown %s '%s'",
                     lib->section->name, text_shown(word, 80));
        all = false;
    }
    return all;
}
