#include "copy/plan.h"
#include "base/buf.h"
#include "base/text.h"
#include "base/vec.h"
#include "copy/choose.h"
#include "copy/records.h"
#include "copy/say.h"
#include "disk/links.h"
#include "store/annex.h"
#include "store/create.h"
#include "store/family.h"
#include "store/intake.h"
#include "store/row.h"

#include <stdio.h>
#include <string.h>

/* ---- which families there will be ---- */

/* Resume points of format 1 are none of ours: the family is one of an earlier version, without room for them. */
static struct store_family own_of(const struct source *from, const struct family *f, struct arena *a)
{
    struct store_array *array = ARENA_NEW(a, f->own_arrays, struct store_array);
    size_t arrays = 0;
    for (size_t i = 0; i < f->own_arrays; i++)
        if (from->s->format >= 2 || !f->is.array[i].scratch) array[arrays++] = f->is.array[i];
    return (struct store_family){ .name = f->base, .about = f->is.about, .array = array, .arrays = arrays };
}

static bool same_own(const struct store_family *a, const struct store_family *b)
{
    bool same = !strcmp(a->name, b->name) && a->arrays == b->arrays;
    for (size_t i = 0; i < a->arrays && same; i++) same = store_array_same(&a->array[i], &b->array[i]);
    return same;
}

static bool is_taken(const struct copy *c, const char *name)
{
    for (size_t i = 0; i < c->families; i++)
        if (!strcmp(c->family[i].name, name)) return true;
    return false;
}

static struct store_family without_scratch(const struct store_family *f, struct arena *a)
{
    struct store_family kept = *f;
    struct store_array *array = ARENA_NEW(a, f->arrays, struct store_array);
    kept.arrays = 0;
    for (size_t i = 0; i < f->arrays; i++)
        if (!f->array[i].scratch) array[kept.arrays++] = f->array[i];
    kept.array = array;
    return kept;
}

/* The one that has room for what a finished job has no more is the family of both, if the other has none at all. */
static bool joins(struct copied_family *have, const struct source *from, const struct family *f,
                  const struct store_family *own, struct arena *a)
{
    if (same_own(&have->own, own)) return true;
    const struct store_family mine = without_scratch(&have->own, a), its = without_scratch(own, a);
    const bool is_more = mine.arrays == have->own.arrays;
    if (!same_own(&mine, &its) || (!is_more && its.arrays != own->arrays)) return false;
    if (is_more) *have = (struct copied_family){ .like = f, .own = *own, .source = from, .name = have->name };
    return true;
}

/* The same name means the same arrays, unless another version of the program has made them. */
static uint32_t add_family(struct copy *c, const struct source *from, const struct family *f)
{
    const struct store_family own = own_of(from, f, &c->arena);
    for (size_t i = 0; i < c->families; i++)
        if (joins(&c->family[i], from, f, &own, &c->arena)) return (uint32_t)i;
    struct buf name = { 0 };
    buf_text(&name, f->base);
    for (size_t sibling = 2; is_taken(c, buf_chars(&name)); sibling++) {
        buf_clear(&name);
        buf_print(&name, "%s.%zu", f->base, sibling);
    }
    c->family[c->families] = (struct copied_family){ .like = f, .own = own, .source = from };
    c->family[c->families].name = arena_text(&c->arena, name.bytes, name.length);
    buf_release(&name);
    return (uint32_t)c->families++;
}

static void plan_families(struct copy *c)
{
    size_t most = 0;
    for (size_t k = 0; k < c->sources; k++) most += c->source[k].s->families;
    c->family = ARENA_NEW(&c->arena, most, struct copied_family);
    for (size_t k = 0; k < c->sources; k++) {
        struct source *from = &c->source[k];
        from->family = ARENA_NEW(&c->arena, from->s->families, uint32_t);
        for (size_t i = 0; i < from->s->families; i++) from->family[i] = add_family(c, from, &from->s->family[i]);
    }
}

/* ---- which jobs, and where they are ---- */

struct scan {
    struct copy *c;
    size_t source;
    struct map taken; /* family, row of it -> row */
};

/* Two jobs cannot have the same arrays: they are the first one's. */
static bool takes_place(struct scan *scan, const struct store_row *r, uint32_t row)
{
    const struct id place = { (uint64_t)r->family, (uint64_t)r->family_row };
    return map_add(&scan->taken, place, row);
}

static void see_row(void *ctx, uint32_t row, void *image, bool intact)
{
    struct scan *scan = ctx;
    struct copy *c = scan->c;
    const struct source *from = &c->source[scan->source];
    struct store_row r;
    struct id id;
    char what[80];
    row_unpack(&from->s->form, image, &r);
    if (!intact || !id_parse(r.id, &id) || !takes_place(scan, &r, row)) {
        MUST(text_print(what, sizeof what, "row %u of /jobs is damaged", (unsigned)row));
        copy_say(c, COPY_DAMAGED, from, "", what);
        return;
    }
    const uint32_t at = map_number(&c->index, id);
    if (at == c->items) {
        c->item[c->items++].id = id;
        if (!id_parse(r.parent, &c->item[at].parent)) c->item[at].parent = (struct id){ 0 };
    }
    struct spot *spot = &c->spot[at * c->sources + scan->source];
    if (spot->row != COPY_NOWHERE) return; /* twice in one store */
    *spot = (struct spot){ row, from->family[r.family] };
    c->item[at].finished |=
        r.state == JOB_DONE || r.state == JOB_FAILED || r.state == JOB_BLOCKED || r.state == JOB_SKIPPED;
}

/* Whichever source a job will come from. */
static void count_rows(struct copy *c)
{
    for (size_t i = 0; i < c->items; i++) {
        const struct spot *spot = &c->spot[i * c->sources];
        if (!copy_wants(c, &c->item[i])) continue;
        for (size_t k = 0; k < c->sources; k++) {
            bool fresh = spot[k].row != COPY_NOWHERE;
            for (size_t j = 0; j < k && fresh; j++)
                fresh = spot[j].row == COPY_NOWHERE || spot[j].family != spot[k].family;
            if (fresh) c->family[spot[k].family].rows++;
        }
    }
}

int copy_plan(struct copy *c, struct err *e)
{
    size_t rows = 0;
    plan_families(c);
    for (size_t k = 0; k < c->sources; k++) {
        struct source *from = &c->source[k];
        rows += store_rows(from->s);
        from->row = ARENA_NEW(&c->arena, store_rows(from->s), uint32_t);
        from->judged = ARENA_NEW(&c->arena, store_rows(from->s), struct judged);
        for (size_t i = 0; i < store_rows(from->s); i++) from->row[i] = COPY_NOWHERE;
    }
    c->item = ARENA_NEW(&c->arena, rows, struct item);
    c->spot = ARENA_NEW(&c->arena, rows * c->sources, struct spot);
    for (size_t i = 0; i < rows * c->sources; i++) c->spot[i].row = COPY_NOWHERE;
    for (size_t k = 0; k < c->sources; k++) {
        struct scan scan = { .c = c, .source = k };
        const int rc = rows_each(c->source[k].s, see_row, &scan, e);
        map_release(&scan.taken);
        if (rc) return -1;
    }
    if (copy_choose(c, e)) return -1;
    count_rows(c);
    return 0;
}

/* ---- the empty copy ---- */

/* The room of a new store that holds so many; an archive has none. */
static size_t room_for(const struct copy *c, size_t rows)
{
    const struct store_need usual = { .capacity = 0 };
    return !c->wish->archive ? intake_reserve(&usual, rows) : rows ? rows : 1;
}

static int make_blank(struct copy *c, const char *path, struct err *e)
{
    struct blank b = { .use = c->wish->archive ? PACKING : WRITING, .provenance = copy_provenance(c) };
    size_t used[TABLES] = { 0 };
    for (size_t k = 0; k < c->sources; k++)
        for (enum table_id i = TABLE_GRIDS; i < TABLES; i++) used[i] += table_used(c->source[k].s, i);
    used[TABLE_LONG] = used[TABLE_LONG_TEXT] = 0;
    if (copy_longs_count(c, &used[TABLE_LONG], &used[TABLE_LONG_TEXT], e)) return -1;
    used[TABLE_JOBS] = used[TABLE_CANONICAL] = used[TABLE_INPUTS] =
        c->items - c->totals->unfinished - c->totals->left;
    for (enum table_id i = 0; i < TABLES; i++)
        b.capacity[i] = i == TABLE_OWNER ? 1 : i == TABLE_CONTROL ? CONTROLS : room_for(c, used[i]);
    for (size_t k = 0; k < c->sources; k++) {
        b.columns = create_columns(c->source[k].s->form.spec, b.columns, &b.bytes, &c->arena);
        if (!b.columns)
            return err_at(e, ERR_SPEC, c->source[k].s->disk.path, NOWHERE, NULL,
                          "its columns and those of the stores before it take %zu bytes, and at most %d fit", b.bytes,
                          PAGE);
    }
    return create_blank(path, &b, e);
}

struct constants {
    const struct family *family;
    const char *path; /* of the store that it is in */
    struct arena *arena;
    struct store_constant *found;
    size_t count;
};

static int note_constant(void *ctx, const struct link_object *at, struct err *e)
{
    struct constants *c = ctx;
    struct constant_image is;
    if (!at->dataset || H5Aexists(at->object, "checksum") <= 0) return LINK_INTO;
    if (!family_read_constant(c->family->group, at->path, &is, c->arena))
        return err_at(e, ERR_STORE, c->path, NOWHERE, NULL, "%s of a family is damaged: a run of its sweep mends it",
                      at->path);
    *VEC_MORE_IN(c->arena, c->found, c->count) =
        (struct store_constant){ .path = arena_text(c->arena, at->path, strlen(at->path)),
                                 .columns = is.column,
                                 .type = is.type,
                                 .row_size = is.stride,
                                 .count = is.count,
                                 .data = is.row,
                                 .help = h5_get_text(at->object, "about", c->arena),
                                 .unit = h5_get_text(at->object, "units", c->arena) };
    return LINK_INTO;
}

/* H5Ocopy does not survive a disk that fails. */
static int make_family(struct copy *c, hid_t file, const char *path, const struct copied_family *f, struct err *e)
{
    const struct arena_mark m = arena_mark(&c->arena);
    struct constants constants = { .family = f->like, .path = f->source->s->disk.path, .arena = &c->arena };
    struct store_family whole = f->own;
    struct buf place = { 0 };
    buf_print(&place, "/families/%s/", f->like->is.name);
    int rc = links_walk(&f->source->s->disk, f->like->group, buf_chars(&place), note_constant, &constants, e);
    whole.constant = constants.found;
    whole.constants = constants.count;
    if (!rc) rc = c->wish->check(f->source->s, (size_t)(f->like - f->source->s->family), e);
    if (!rc) rc = family_create(file, path, &whole, f->name, f->index, room_for(c, f->rows), e);
    buf_release(&place);
    arena_rewind(&c->arena, m);
    return rc;
}

static int make_families(struct copy *c, const char *path, struct err *e)
{
    hid_t file = h5_open(path, c->wish->archive ? PACKING : WRITING, e);
    if (file < 0) return -1;
    int rc = 0;
    size_t index = 0;
    for (size_t i = 0; i < c->families && !rc; i++) {
        if (!c->family[i].rows) continue;
        c->family[i].index = index++;
        rc = make_family(c, file, path, &c->family[i], e);
    }
    if (H5Fclose(file) < 0 && !rc) rc = h5_error(e, ERR_FULL, path, "cannot be written");
    return rc;
}

/* ---- annexes of all sources, the first of each path ---- */

static bool has_annex(const struct store_annex *annex, size_t count, size_t family, const char *path)
{
    for (size_t i = 0; i < count; i++)
        if (annex[i].family == family && !strcmp(annex[i].path, path)) return true;
    return false;
}

static struct store_annex annex_of(const struct family *f, const struct annex *a, size_t family)
{
    size_t first, end;
    annex_arrays(f, a, &first, &end);
    return (struct store_annex){
        .family = family, .path = a->path, .about = a->about, .array = f->is.array + first, .arrays = end - first
    };
}

static int make_annexes(struct copy *c, const char *path, struct err *e)
{
    size_t most = 0, count = 0;
    for (size_t k = 0; k < c->sources; k++)
        for (size_t i = 0; i < c->source[k].s->families; i++) most += c->source[k].s->family[i].annexes;
    struct store_annex *annex = ARENA_NEW(&c->arena, most, struct store_annex);
    for (size_t k = 0; k < c->sources; k++)
        for (size_t i = 0; i < c->source[k].s->families; i++) {
            const struct family *f = &c->source[k].s->family[i];
            const struct copied_family *to = &c->family[c->source[k].family[i]];
            for (size_t j = 0; j < f->annexes && to->rows; j++)
                if (!has_annex(annex, count, to->index, f->annex[j].path))
                    annex[count++] = annex_of(f, &f->annex[j], to->index);
        }
    const struct annex_wish wish = { annex, count, c->wish->archive ? PACKING : WRITING };
    return count ? annex_make_all(path, &wish, e) : 0;
}

int copy_create(struct copy *c, const char *path, struct err *e)
{
    if (c->wish->archive && H5Zfilter_avail(H5Z_FILTER_DEFLATE) <= 0)
        return err_at(e, ERR_IO, path, NOWHERE, NULL, "cannot be compressed: this HDF5 was built without zlib");
    return make_blank(c, path, e) || make_families(c, path, e) || make_annexes(c, path, e) ? -1 : 0;
}
