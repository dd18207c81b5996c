#include "base/file.h"
#include "store/annex.h"
#include "store/family.h"
#include "store/open.h"
#include "store/scales.h"
#include "store/structure.h"
#include "store/tables.h"

#include <string.h>

/* Space that a killed growth has used may hold old words; holes stay holes. */
static bool clear_block(hid_t set, hid_t space, const hsize_t start[2], const hsize_t n[2], uint64_t *words)
{
    const hid_t memory = H5Screate_simple(2, n, NULL);
    const size_t bytes = n[0] * n[1] * sizeof *words;
    bool old = H5Dget_offset(set) == HADDR_UNDEF; /* packed: what was never written is not there */
    bool ok = H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, n, NULL) >= 0 &&
              (old || H5Dread(set, H5T_NATIVE_UINT64, memory, space, H5P_DEFAULT, words) >= 0);
    for (size_t i = 0; ok && !old && i < n[0] * n[1]; i++) old = words[i] != 0;
    if (ok && old) ok = H5Dwrite(set, H5T_NATIVE_UINT64, memory, space, H5P_DEFAULT, memset(words, 0, bytes)) >= 0;
    H5Sclose(memory);
    return ok;
}

static bool clear(hid_t set, size_t rows, size_t columns)
{
    struct arena a = { 0 };
    const hsize_t block = rows < BLOCK ? rows : BLOCK;
    uint64_t *words = arena_array(&a, block * columns, sizeof *words);
    hid_t space = H5Dget_space(set);
    bool ok = space >= 0;
    for (hsize_t first = 0; first < rows && ok; first += block) {
        const hsize_t start[2] = { first, 0 }, n[2] = { rows - first < block ? rows - first : block, columns };
        ok = clear_block(set, space, start, n, words);
    }
    if (space >= 0) H5Sclose(space);
    arena_release(&a);
    return ok;
}

static bool fill(hid_t group, const struct store_annex *annex, size_t index, size_t rows)
{
    const size_t skip = strlen(annex->path) + 1;
    struct scales s = { .group = group, .array = annex->array, .arrays = annex->arrays, .skip = skip };
    hid_t sums = H5I_INVALID_HID;
    for (size_t i = 0; i < annex->arrays; i++)
        MUST(!strncmp(annex->array[i].path, annex->path, skip - 1) && !annex->array[i].scratch);
    bool ok = h5_set_number(group, "annex", index) && h5_set_text(group, "about", annex->about);
    const size_t parts = ok ? family_create_arrays(&s, "annex_sum", rows) : SIZE_MAX;
    if (parts != SIZE_MAX)
        sums = sums_create(&s, ANNEX_SUMS, rows, parts + 1,
                           "XXH3-64 of every part of every array; 0: not written. The last one is that of "
                           "those before it; 0: not complete");
    ok = scales_end(&s, sums >= 0) && clear(sums, rows, sums_stride(parts + 1));
    if (sums >= 0) H5Dclose(sums);
    return ok;
}

/* made: how many have been made before it; their order is that of their indices. */
static int make(struct store *s, const struct store_annex *annex, size_t made, struct err *e)
{
    const struct family *f = &s->family[annex->family];
    hid_t group = h5_group(f->group, annex->path);
    bool ok = group >= 0 && fill(group, annex, f->annexes + made, f->capacity);
    if (group >= 0) H5Gclose(group);
    return ok ? 0 : h5_error(e, ERR_FULL, s->disk.path, "cannot make /families/%s/%s", f->is.name, annex->path);
}

int annex_make_all(const char *path, const void *what, struct err *e)
{
    const struct annex_wish *wish = what;
    struct store *s;
    if (store_open_serial(&s, path, wish->use, e)) return -1;
    int rc = 0;
    for (size_t i = 0; i < wish->count && !rc; i++)
        if (!annex_find(s, wish->annex[i].family, wish->annex[i].path)) rc = make(s, &wish->annex[i], i, e);
    if (!rc) return structure_close(s, e);
    store_close(s);
    return -1;
}

int store_add_annexes(const char *path, const struct store_annex *annex, size_t count, struct err *e)
{
    const struct annex_wish wish = { annex, count, WRITING };
    h5_start();
    if (store_inspect(path, e)) return -1;
    return count && (structure_change(path, true, annex_make_all, &wish, e) || file_sync(path, e)) ? -1 : 0;
}
