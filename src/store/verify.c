#include "store/verify.h"
#include "base/map.h"
#include "base/text.h"
#include "disk/links.h"
#include "store/annex.h"
#include "store/family.h"
#include "store/holder.h"
#include "store/longs.h"
#include "store/row.h"
#include "store/sweeps.h"
#include "store/tables.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct check {
    struct store *s;
    hid_t group;  /* of the family that is looked at */
    bool tensors; /* it has some, which agree with their checksum */
    verify_report *report;
    void *ctx;
    struct verify_totals *totals;
    struct arena arena;
    struct longs_whole text; /* of the row */
    struct map ids;          /* id -> row of every intact row                    */
    struct map owner;        /* family, row of it -> row                         */
    struct id *parent;       /* [rows] of intact rows; zero: it has none */
    uint32_t *walk;          /* [rows] the row + 1 from which it was first reached */
    bool *circle;            /* [rows] it is its own ancestor */
    uint64_t *sums;          /* of a row of any family                           */
    void *part;              /* of any array                                     */
    uint32_t row;            /* being looked at                                  */
    double since;            /* of rows that were written before only annexes are checked */
    char id[ID_CHARS + 1];
};

static void fault(struct check *c, const char *dataset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void fault(struct check *c, const char *dataset, const char *format, ...)
{
    char what[300];
    va_list args;
    va_start(args, format);
    text_brief_args(what, sizeof what, format, args);
    va_end(args);
    c->totals->faults++;
    if (c->report) c->report(c->ctx, c->row, c->id, dataset, what);
}

/* A read that fails is a fault of the dataset, not the end of the verification. */
static bool readable(struct check *c, const char *dataset, int rc, struct err *e)
{
    if (!rc) return true;
    fault(c, dataset, "%s", e->text);
    memset(e, 0, sizeof *e);
    return false;
}

static void check_texts(struct check *c, const char *id)
{
    struct err e = { 0 };
    char have[ID_CHARS + 1];
    struct longs_whole *text = &c->text;
    struct input_record in;
    if (readable(c, "texts/canonical", longs_read(c->s, c->row, text, &e), &e)) {
        id_text(id_of(buf_chars(&text->text), text->text.length), have);
        if (text->lost)
            fault(c, "texts/long", "%zu lines of its canonical text are not there, or damaged", text->lost);
        else if (memcmp(have, id, ID_CHARS) != 0 || !text->padded)
            fault(c, "texts/canonical", "its hash is %s, not the job's id", have);
    }
    if (readable(c, "texts/inputs", table_read(c->s, TABLE_INPUTS, c->row, 1, &in, &e), &e)) {
        uint64_t want = in.text[0] ? hash_sum(in.text, sizeof in.text) : 0;
        for (size_t i = 0; !in.text[0] && i < sizeof in.text; i++) want |= (uint64_t)in.text[i];
        for (size_t i = 0; i < sizeof in.pad; i++) want ^= in.pad[i];
        if (in.sum != want) fault(c, "texts/inputs", "does not agree with its checksum");
    }
}

static void check_parts(struct check *c, const struct store_row *r, size_t first)
{
    const struct family *f = &c->s->family[r->family];
    for (size_t i = first; i < f->is.arrays; i++) {
        const struct store_array *a = &f->is.array[i];
        for (size_t part = 0; part < store_parts(a) && (!a->scratch || r->state == JOB_DONE); part++) {
            struct err e = { 0 };
            if (!c->sums[f->array[i].first + part]) continue;
            c->totals->parts++;
            c->totals->bytes += f->array[i].bytes;
            if (store_get(c->s, r, i, part, c->part, f->array[i].bytes, &e)) fault(c, a->path, "%s", e.text);
        }
    }
}

static void check_annexes(struct check *c, const struct family *f)
{
    for (size_t i = 0; i < f->annexes; i++) {
        const struct annex *a = &f->annex[i];
        const uint64_t word = c->sums[a->first + a->parts];
        if (word && word != annex_sum(a, c->sums)) fault(c, a->path, "the checksums do not agree with theirs");
    }
}

static void check_data(struct check *c, const struct store_row *r)
{
    struct err e = { 0 };
    const struct family *f = &c->s->family[r->family];
    if (r->data_sum == 0) {
        if (r->state == JOB_DONE) fault(c, "jobs", "the job is done, but nothing vouches for its data");
        return;
    }
    c->totals->committed++;
    if (!readable(c, "sums", sums_read(c->s, f, (size_t)r->family_row, 0, f->parts, c->sums, &e), &e)) return;
    if (sums_sum(f, c->sums) != r->data_sum)
        fault(c, "sums", "the checksums are not those that the job's row vouches for");
    check_annexes(c, f);
    check_parts(c, r, 0);
}

/* A row does not say when something was added to its annexes. */
static void check_added(struct check *c, const struct store_row *r)
{
    struct err e = { 0 };
    const struct family *f = &c->s->family[r->family];
    if (!f->annexes || !readable(c, "sums", sums_read(c->s, f, (size_t)r->family_row, 0, f->parts, c->sums, &e), &e))
        return;
    check_annexes(c, f);
    check_parts(c, r, f->own_arrays);
}

/* Is the row in a circle of parents?  Every row is passed once: those of this walk have its number. */
static bool in_circle(struct check *c)
{
    const struct id none = { 0, 0 };
    uint32_t at = c->row;
    if (c->walk[at]) return c->circle[at];
    for (c->walk[at] = c->row + 1; !id_equal(c->parent[at], none) && map_find(&c->ids, c->parent[at], &at);) {
        if (!c->walk[at]) {
            c->walk[at] = c->row + 1;
            continue;
        }
        if (c->walk[at] != c->row + 1) break;
        do c->circle[at] = true;
        while (map_find(&c->ids, c->parent[at], &at) && !c->circle[at]);
        break;
    }
    return c->circle[c->row];
}

/* Two jobs cannot have the same arrays. */
static void check_place(struct check *c, int64_t family, int64_t row)
{
    const struct id place = { (uint64_t)family, (uint64_t)row };
    uint32_t owner;
    if (map_add(&c->owner, place, c->row)) return;
    MUST(map_find(&c->owner, place, &owner));
    fault(c, "jobs", "row %lld of family %lld is that of job row %u already", (long long)row, (long long)family,
          owner);
}

static void check_links(struct check *c, const struct store_row *r)
{
    struct id parent;
    uint32_t row;
    if (r->parent[0] && (!id_parse(r->parent, &parent) || !map_find(&c->ids, parent, &row)))
        fault(c, VERIFY_PARENT, "its parent %.*s is not in the store", ID_CHARS, r->parent);
    else if (in_circle(c))
        fault(c, "jobs", "it is its own ancestor");
    check_place(c, r->family, r->family_row);
    if (r->next_family >= 0) check_place(c, r->next_family, r->next_row);
    check_data(c, r);
}

static void note_row(void *ctx, uint32_t row, void *image, bool intact)
{
    struct check *c = ctx;
    struct store_row r;
    struct id id;
    if (!intact) return;
    row_unpack(&c->s->form, image, &r);
    if (!id_parse(r.parent, &c->parent[row])) c->parent[row] = (struct id){ 0 };
    if (!id_parse(r.id, &id) || map_add(&c->ids, id, row)) return;
    c->row = row;
    MUST(text_copy(c->id, sizeof c->id, r.id, ID_CHARS));
    fault(c, "jobs", "another row has the same id");
}

/* It agrees with its checksum, or not even that. */
static void check_damaged(struct check *c, void *image, const struct store_row *r)
{
    struct id id;
    const bool sealed = row_intact(&c->s->form, image);
    if (sealed && id_parse(r->id, &id)) MUST(text_copy(c->id, sizeof c->id, r->id, ID_CHARS));
    if (!sealed)
        fault(c, "jobs", "the row does not agree with its checksum");
    else if (r->family < 0 || (size_t)r->family >= c->s->families || r->family_row < 0 ||
             (size_t)r->family_row >= c->s->family[r->family].capacity)
        fault(c, "jobs", "there is no row %lld of family %lld", (long long)r->family_row, (long long)r->family);
    else
        fault(c, "jobs", "the row says what cannot be: %s", row_fault(c->s, image));
}

static void check_row(void *ctx, uint32_t row, void *image, bool intact)
{
    struct check *c = ctx;
    struct store_row r;
    row_unpack(&c->s->form, image, &r);
    c->row = row;
    c->id[0] = '\0';
    c->totals->rows++;
    if (!intact) {
        check_damaged(c, image, &r);
        return;
    }
    MUST(text_copy(c->id, sizeof c->id, r.id, ID_CHARS));
    if (r.updated < c->since) {
        check_added(c, &r);
        return;
    }
    check_texts(c, r.id);
    check_links(c, &r);
}

static void check_longs(struct check *c)
{
    const struct longs *l;
    struct err e = { 0 };
    if (!readable(c, "texts/long", longs_open(c->s, &l, &e), &e)) return;
    for (size_t i = 0; i < l->count; i++) {
        bool sound = false;
        buf_clear(&c->text.text);
        if (!longs_sound(l, i))
            fault(c, "texts/long", "record %zu does not agree with its checksum", i);
        else if (readable(c, "texts/long_text", longs_text(c->s, &l->record[i], &c->text.text, &sound, &e), &e) &&
                 !sound)
            fault(c, "texts/long_text", "the text of record %zu does not agree with its digest", i);
    }
}

static void check_records(struct check *c)
{
    struct err e = { 0 };
    uint64_t end = 0;
    const size_t grids = table_used(c->s, TABLE_GRIDS), sweeps = table_used(c->s, TABLE_SWEEPS);
    struct grid_record *grid = ARENA_NEW(&c->arena, grids, struct grid_record);
    struct sweep_record *sweep = ARENA_NEW(&c->arena, sweeps, struct sweep_record);
    if (readable(c, "grids", table_read(c->s, TABLE_GRIDS, 0, grids, grid, &e), &e))
        for (size_t i = 0; i < grids; i++)
            if (!sweeps_grid_sound(c->s, &grid[i]))
                fault(c, "grids", "record %zu does not agree with its checksum", i);
    if (!readable(c, "sweeps", table_read(c->s, TABLE_SWEEPS, 0, sweeps, sweep, &e), &e)) return;
    for (size_t i = 0; i < sweeps; i++) {
        const bool sound = sweep_sound(c->s, &sweep[i]);
        if (!sound)
            fault(c, "sweeps", "record %zu does not agree with its checksum", i);
        else if (!sweeps_next(&sweep[i], &end))
            fault(c, "sweeps", "the text of record %zu is not behind that of the one before it", i);
        else if (!sweep_text(c->s, &sweep[i], &c->arena, &e) && readable(c, "sweep_text", e.kind ? -1 : 0, &e))
            fault(c, "sweep_text", "the text of sweep %zu does not agree with its checksum", i);
    }
}

/* Of nobody or of a run; an archive's and that of format 1 say nothing. */
static void check_owner(struct check *c)
{
    struct holder h;
    const struct table *owner = &c->s->table[TABLE_OWNER];
    if (c->s->disk.archive || !owner->capacity) return;
    if (!holder_read(&h, c->s->disk.fd, (off_t)owner->raw.at))
        fault(c, "owner", "cannot be read");
    else if (!holder_sound(&h))
        fault(c, "owner", "does not agree with its checksum; the next run takes it over");
}

/* What made the store: the attributes of the root. */
static void check_root(struct check *c)
{
    uint64_t have, want;
    if (H5Aexists(c->s->disk.file, "checksum") == 0) return; /* an older store */
    if (!h5_get_number(c->s->disk.file, "checksum", &want) || !h5_sum_attributes(c->s->disk.file, &have) ||
        have != want)
        fault(c, "/", "the attributes do not agree with their checksum");
}

/* Datasets of a family that are neither arrays nor sums. */
static int check_constant(void *ctx, const struct link_object *at, struct err *e)
{
    struct check *c = ctx;
    struct constant_image image;
    (void)e;
    if (!at->dataset || H5Aexists(at->object, "checksum") <= 0) return LINK_INTO;
    struct arena_mark m = arena_mark(&c->arena);
    if (!family_read_constant(c->group, at->path, &image, &c->arena))
        fault(c, at->path, "is no constant, or does not agree with its checksum");
    else if (!strcmp(at->path, "tensors"))
        c->tensors = true;
    arena_rewind(&c->arena, m);
    return LINK_INTO;
}

static void check_family(struct check *c, size_t family)
{
    struct err e = { 0 };
    struct store_tensor *tensor;
    size_t count;
    const struct family *f = &c->s->family[family];
    c->group = f->group;
    c->tensors = false;
    readable(c, f->is.name, links_walk(&c->s->disk, f->group, f->is.name, check_constant, c, &e), &e);
    struct arena_mark m = arena_mark(&c->arena);
    if (c->tensors) readable(c, "tensors", store_read_tensors(c->s, family, &c->arena, &tensor, &count, &e), &e);
    arena_rewind(&c->arena, m);
}

static void make_room(struct check *c)
{
    const struct store *s = c->s;
    size_t most = 1, bytes = 1;
    c->parent = ARENA_NEW(&c->arena, store_rows(s), struct id);
    c->walk = ARENA_NEW(&c->arena, store_rows(s), uint32_t);
    c->circle = ARENA_NEW(&c->arena, store_rows(s), bool);
    for (size_t i = 0; i < s->families; i++) {
        const struct family *f = &s->family[i];
        if (f->parts > most) most = f->parts;
        for (size_t j = 0; j < f->is.arrays; j++)
            if (f->array[j].bytes > bytes) bytes = f->array[j].bytes;
    }
    c->sums = ARENA_NEW(&c->arena, most, uint64_t);
    c->part = arena_alloc(&c->arena, bytes);
}

static void close_check(struct check *c)
{
    map_release(&c->ids);
    map_release(&c->owner);
    buf_release(&c->text.text);
    arena_release(&c->arena);
}

int store_verify_since(struct store *s, double since, verify_report *report, void *ctx, struct verify_totals *out,
                       struct err *e)
{
    memset(out, 0, sizeof *out);
    struct check c = { .s = s, .report = report, .ctx = ctx, .totals = out, .since = since };
    make_room(&c);
    const int rc = rows_each(s, note_row, &c, e) || rows_each(s, check_row, &c, e) ? -1 : 0;
    close_check(&c);
    return rc;
}

int store_verify(struct store *s, verify_report *report, void *ctx, struct verify_totals *out, struct err *e)
{
    memset(out, 0, sizeof *out);
    struct check c = { .s = s, .report = report, .ctx = ctx, .totals = out, .since = (double)-INFINITY };
    make_room(&c);
    int rc = rows_each(s, note_row, &c, e) || rows_each(s, check_row, &c, e) ? -1 : 0;
    c.row = VERIFY_NO_ROW;
    c.id[0] = '\0';
    if (!rc) check_records(&c);
    if (!rc) check_longs(&c);
    if (!rc) check_root(&c);
    if (!rc) check_owner(&c);
    for (size_t i = 0; i < s->families && !rc; i++) check_family(&c, i);
    close_check(&c);
    return rc;
}
