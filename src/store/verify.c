#include "store/verify.h"

#include "base/text.h"
#include "store/private.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct check {
    struct store *s;
    verify_report *report;
    void *ctx;
    struct verify_totals *totals;
    struct arena arena;
    struct map ids;   /* id -> row of every intact row                    */
    uint32_t **owner; /* [families][capacity] row + 1 of each family row  */
    uint64_t *sums;   /* of a row of any family                           */
    void *part;       /* of any array                                     */
    uint32_t row;     /* being looked at                                  */
    double since;     /* rows that were written before are passed over    */
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
    char canonical[STORE_CANONICAL + 1] = "", have[ID_CHARS + 1];
    struct input_record in;
    if (readable(c, "texts/canonical", table_read(c->s, TABLE_CANONICAL, c->row, 1, canonical, &e), &e)) {
        size_t length = strlen(canonical);
        id_text(id_of(canonical, length), have);
        bool padded = true;
        for (size_t i = length; i < STORE_CANONICAL; i++) padded = padded && !canonical[i];
        if (memcmp(have, id, ID_CHARS) != 0 || !padded)
            fault(c, "texts/canonical", "its hash is %s, not the job's id", have);
    }
    if (readable(c, "texts/inputs", table_read(c->s, TABLE_INPUTS, c->row, 1, &in, &e), &e)) {
        uint64_t want = in.text[0] ? checksum(in.text, sizeof in.text) : 0;
        for (size_t i = 0; !in.text[0] && i < sizeof in.text; i++) want |= (uint64_t)in.text[i];
        for (size_t i = 0; i < sizeof in.pad; i++) want ^= in.pad[i];
        if (in.sum != want) fault(c, "texts/inputs", "does not agree with its checksum");
    }
}

static void check_parts(struct check *c, const struct store_row *r)
{
    const struct family *f = &c->s->family[r->family];
    for (size_t i = 0; i < f->is.arrays; i++) {
        const struct store_array *a = &f->is.array[i];
        for (size_t part = 0; part < store_parts(a) && !a->scratch; part++) {
            struct err e = { 0 };
            if (!c->sums[f->array[i].first + part]) continue;
            c->totals->parts++;
            c->totals->bytes += f->array[i].bytes;
            if (store_get(c->s, r, i, part, c->part, &e)) fault(c, a->path, "%s", e.text);
        }
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
    for (size_t i = 0; i < f->annexes; i++) {
        const struct annex *a = &f->annex[i];
        const uint64_t word = c->sums[a->first + a->parts];
        if (word && word != annex_sum(a, c->sums)) fault(c, a->path, "the checksums do not agree with theirs");
    }
    check_parts(c, r);
}

static void check_links(struct check *c, const struct store_row *r)
{
    struct id parent;
    uint32_t row;
    if (r->parent[0] && (!id_parse(r->parent, &parent) || !map_find(&c->ids, parent, &row)))
        fault(c, "jobs", "its parent %.*s is not in the store", ID_CHARS, r->parent);
    if (r->family < 0 || (size_t)r->family >= c->s->families || r->family_row < 0 ||
        (size_t)r->family_row >= c->s->family[r->family].capacity) {
        fault(c, "jobs", "there is no row %lld of family %lld", (long long)r->family_row, (long long)r->family);
        return;
    }
    uint32_t *owner = &c->owner[r->family][r->family_row];
    if (*owner)
        fault(c, "jobs", "row %lld of family %lld is that of job row %u already", (long long)r->family_row,
              (long long)r->family, *owner - 1);
    else
        *owner = c->row + 1;
    check_data(c, r);
}

static void note_row(void *ctx, uint32_t row, void *image, bool intact)
{
    struct check *c = ctx;
    struct store_row r;
    struct id id;
    convert_run(&c->s->form.in, image, &r);
    if (intact && id_parse(r.id, &id) && !map_add(&c->ids, id, row)) {
        c->row = row;
        MUST(text_copy(c->id, sizeof c->id, r.id, ID_CHARS));
        fault(c, "jobs", "another row has the same id");
    }
}

static void check_row(void *ctx, uint32_t row, void *image, bool intact)
{
    struct check *c = ctx;
    struct store_row r;
    columns_blank(store_columns, &r);
    convert_run(&c->s->form.in, image, &r);
    if (r.updated < c->since && intact) return;
    c->row = row;
    c->id[0] = '\0';
    c->totals->rows++;
    if (!intact) {
        fault(c, "jobs", "the row does not agree with its checksum");
        return;
    }
    MUST(text_copy(c->id, sizeof c->id, r.id, ID_CHARS));
    if (r.state == JOB_UNUSED || r.state >= JOB_STATES) fault(c, "jobs", "state %u means nothing", r.state);
    check_texts(c, r.id);
    check_links(c, &r);
}

static void check_records(struct check *c)
{
    struct err e = { 0 };
    const size_t grids = table_used(c->s, TABLE_GRIDS), sweeps = table_used(c->s, TABLE_SWEEPS);
    struct grid_record *grid = ARENA_NEW(&c->arena, grids, struct grid_record);
    struct sweep_record *sweep = ARENA_NEW(&c->arena, sweeps, struct sweep_record);
    if (readable(c, "grids", table_read(c->s, TABLE_GRIDS, 0, grids, grid, &e), &e))
        for (size_t i = 0; i < grids; i++)
            if (!grid_sound(c->s, &grid[i])) fault(c, "grids", "record %zu does not agree with its checksum", i);
    if (!readable(c, "sweeps", table_read(c->s, TABLE_SWEEPS, 0, sweeps, sweep, &e), &e)) return;
    for (size_t i = 0; i < sweeps; i++) {
        if (!sweep_sound(c->s, &sweep[i])) {
            fault(c, "sweeps", "record %zu does not agree with its checksum", i);
            continue;
        }
        char *text = arena_alloc(&c->arena, sweep[i].length);
        if (readable(c, "sweep_text", table_read(c->s, TABLE_TEXT, sweep[i].offset, sweep[i].length, text, &e), &e) &&
            checksum(text, sweep[i].length) != sweep[i].text_sum)
            fault(c, "sweep_text", "the text of sweep %zu does not agree with its checksum", i);
    }
}

/* What made the store: the attributes of the root. */
static void check_root(struct check *c)
{
    uint64_t have, want;
    if (H5Aexists(c->s->file, "checksum") == 0) return; /* an older store */
    if (!h5_get_number(c->s->file, "checksum", &want) || !h5_sum_attributes(c->s->file, &have) || have != want)
        fault(c, "/", "the attributes do not agree with their checksum");
}

/* Datasets of a family that are neither arrays nor sums. */
static herr_t check_constant(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    (void)info;
    struct check *c = ctx;
    if (H5Aexists_by_name(group, name, "checksum", H5P_DEFAULT) <= 0) return 0;
    if (!constant_intact(group, name, &c->arena)) fault(c, name, "does not agree with its checksum");
    return 0;
}

static void make_room(struct check *c)
{
    const struct store *s = c->s;
    size_t most = 1, bytes = 1;
    c->owner = ARENA_NEW(&c->arena, s->families, uint32_t *);
    for (size_t i = 0; i < s->families; i++) {
        const struct family *f = &s->family[i];
        c->owner[i] = ARENA_NEW(&c->arena, f->capacity, uint32_t);
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
    if (!rc) check_root(&c);
    for (size_t i = 0; i < s->families && !rc; i++)
        if (H5Lvisit(s->family[i].group, H5_INDEX_NAME, H5_ITER_INC, check_constant, &c) < 0)
            fault(&c, s->family[i].is.name, "cannot be read");
    close_check(&c);
    return rc;
}
