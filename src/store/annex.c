#include "store/annex.h"
#include "base/file.h"
#include "store/family.h"
#include "store/state.h"

#include <string.h>

/* An annex is a group families/F/PATH: its arrays, with the attribute annex_sum, and their checksums, which stand in
 * a row of sums behind those of the family: a column for each part, then one that vouches for them, 0 until then. */

/* ---- in a store that is open ---- */

const struct annex *annex_find(const struct store *s, size_t family, const char *path)
{
    const struct family *f = family < s->families ? &s->family[family] : NULL;
    for (size_t i = 0; f && i < f->annexes; i++)
        if (!strcmp(f->annex[i].path, path)) return &f->annex[i];
    return NULL;
}

const char *store_annex_about(const struct store *s, size_t family, const char *path)
{
    const struct annex *a = annex_find(s, family, path);
    return a ? a->about : NULL;
}

void annex_arrays(const struct family *f, const struct annex *a, size_t *first, size_t *end)
{
    *first = f->own_arrays;
    while (*first < f->is.arrays && f->array[*first].first < a->first) ++*first;
    *end = *first;
    while (*end < f->is.arrays && f->array[*end].first < a->first + a->parts) ++*end;
}

uint64_t annex_sum(const struct annex *a, const uint64_t *sums)
{
    return hash_sum(sums + a->first, a->parts * sizeof *sums);
}

bool store_annex_done(struct store *s, const struct store_row *r, const char *path)
{
    const struct annex *a = annex_find(s, (size_t)r->family, path);
    struct err ignored = { 0 };
    uint64_t word = 0;
    return a && (uint64_t)r->family_row < s->family[r->family].capacity &&
           !sums_read(s, &s->family[r->family], (size_t)r->family_row, a->first + a->parts, 1, &word, &ignored) &&
           word != 0;
}

int annex_vouch(struct store *s, const struct store_row *r, const char *path, struct err *e)
{
    const struct annex *a = annex_find(s, (size_t)r->family, path);
    if (!a || (uint64_t)r->family_row >= s->family[r->family].capacity)
        return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "has no room for %s of a job", path);
    const struct family *f = &s->family[r->family];
    struct arena arena = { 0 };
    uint64_t *sums = ARENA_NEW(&arena, f->parts, uint64_t);
    int rc = sums_read(s, f, (size_t)r->family_row, 0, f->parts, sums, e);
    uint64_t word = annex_sum(a, sums);
    if (!rc) rc = sums_write(s, f, (size_t)r->family_row, a->first + a->parts, 1, &word, e);
    arena_release(&arena);
    return rc;
}
