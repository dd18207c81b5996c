#include "store/grow.h"
#include "base/buf.h"
#include "disk/types.h"
#include "store/create.h"
#include "store/family.h"
#include "store/intake.h"
#include "store/later.h"
#include "store/open.h"
#include "store/row.h"
#include "store/structure.h"

#include <string.h>

/* What was replaced stays, so that nobody's bytes are ever put where a reader still expects old ones. */
static const char superseded[] = "superseded";

/* The need's columns, and those of its own that a later version has added. */
static bool lacks_columns(const struct store *s, const struct intake *in)
{
    const struct column *const wanted[] = { store_columns, in->need->specs.column };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        for (const struct column *c = wanted[i]; c && c->name; c++) {
            const struct column *have = columns_find(s->form.column, c->name);
            if (!have || !column_holds(have, c)) return true;
        }
    return false;
}

/* Or has records of an earlier version, which cannot be written. */
static bool lacks_records(const struct store *s, const struct intake *in, enum table_id which)
{
    return s->table[which].older || intake_used(in, s, which) > s->table[which].capacity;
}

/* Rows that the family and its siblings cannot take. */
static size_t lacks_rows(const struct store *s, const struct intake *in, size_t family, size_t *siblings,
                         size_t *largest)
{
    const struct store_family *want = &in->need->family[family];
    size_t room = 0;
    *siblings = *largest = 0;
    for (size_t i = 0; i < s->families; i++) {
        const struct family *f = &s->family[i];
        if (strcmp(f->base, want->name) != 0) continue;
        if (family_takes(f, want)) room += slots_free(&in->slots, i);
        if (f->capacity > *largest) *largest = f->capacity;
        ++*siblings;
    }
    return in->family_new[family] > room ? in->family_new[family] - room : 0;
}

bool grow_needed(const struct store *s, const struct intake *in)
{
    size_t siblings, largest;
    bool needed = lacks_columns(s, in);
    for (enum table_id i = 0; i < TABLES && !needed; i++) needed = lacks_records(s, in, i);
    for (size_t i = 0; i < in->need->families && !needed; i++) needed = lacks_rows(s, in, i, &siblings, &largest) > 0;
    return needed;
}

struct carrying {
    struct store *s;
    const struct row_form *form;
    struct convert columns; /* of the old form      */
    struct later later;     /* that it has not      */
    struct buf canonical;
};

/* A damaged row stays damaged: its words move, but nothing may vouch for them again. */
static int convert_row(struct carrying *c, size_t row, void *from, void *to, struct err *e)
{
    const bool intact = row_intact(&c->s->form, from);
    columns_blank(c->form->column, memset(to, 0, c->form->bytes));
    convert_run(&c->columns, from, to);
    if (!intact) {
        memset((char *)to + c->form->sum_at, 0, sizeof(uint64_t));
        return 0;
    }
    if (c->later.row && store_read_texts(c->s, (uint32_t)row, &c->canonical, NULL, e)) return -1;
    later_fill(&c->later, buf_chars(&c->canonical), to);
    row_seal(c->form, to);
    return 0;
}

static int carry_rows(struct store *s, const struct table *to, const struct row_form *form,
                      const struct store_specs *specs, struct err *e)
{
    struct arena a = { 0 };
    struct carrying c = { .s = s, .form = form };
    convert_init(&c.columns, s->form.column, form->column, &a);
    later_open(&c.later, specs, s->form.column, form->column, &a);
    char *from = arena_array(&a, BLOCK, s->form.bytes), *block = arena_array(&a, BLOCK, form->bytes);
    int rc = 0;
    for (size_t first = 0, rows = store_rows(s); first < rows && !rc; first += BLOCK) {
        size_t count = rows - first < BLOCK ? rows - first : BLOCK;
        rc = table_read(s, TABLE_JOBS, first, count, from, e);
        for (size_t i = 0; i < count && !rc; i++)
            rc = convert_row(&c, first + i, from + i * s->form.bytes, block + i * form->bytes, e);
        if (!rc) rc = table_write_to(s, to, first, count, block, e);
    }
    buf_release(&c.canonical);
    arena_release(&a);
    return rc;
}

static int carry_records(struct store *s, enum table_id which, const struct table *to, size_t used, struct err *e)
{
    if (!used) return 0;
    struct arena a = { 0 };
    size_t size = to->size, step = BLOCK * (size_t)ROW_MIN / size + 1;
    char *block = arena_array(&a, step, size);
    int rc = 0;
    for (size_t first = 0; first < used && !rc; first += step) {
        size_t count = used - first < step ? used - first : step;
        rc = table_read(s, which, first, count, block, e) || table_write_to(s, to, first, count, block, e) ? -1 : 0;
    }
    arena_release(&a);
    return rc;
}

/* Group by group: HDF5 asks for nothing below one that is not there. */
static bool is_there(const struct store *s, size_t generation, const char *path)
{
    struct buf name = { 0 };
    bool there = true;
    buf_print(&name, "%s/%zu/%s/", superseded, generation, path);
    for (char *slash = name.bytes; there && (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        there = H5Lexists(s->disk.file, name.bytes, H5P_DEFAULT) > 0;
    }
    buf_release(&name);
    return there;
}

static int swap_links(struct store *s, enum table_id which, const char *fresh, struct err *e)
{
    const char *path = table_kinds[which].path;
    struct buf aside = { 0 };
    hid_t link = H5Pcreate(H5P_LINK_CREATE);
    MUST(H5Pset_create_intermediate_group(link, 1) >= 0);
    size_t generation = 1;
    do {
        buf_clear(&aside);
        buf_print(&aside, "%s/%zu/%s", superseded, generation, path);
    } while (is_there(s, generation++, path));
    int rc = 0;
    const bool absent = !s->table[which].capacity;
    if ((!absent && H5Lmove(s->disk.file, path, s->disk.file, buf_chars(&aside), link, H5P_DEFAULT) < 0) ||
        H5Lmove(s->disk.file, fresh, s->disk.file, path, link, H5P_DEFAULT) < 0)
        rc = h5_error(e, ERR_FULL, s->disk.path, "cannot replace /%s", path);
    H5Pclose(link);
    buf_release(&aside);
    return rc;
}

enum { TABLE_LEAST = 64 }; /* records of a table that an earlier version has not made */

/* A larger (or wider) table with the old one's records. */
static int replace(struct store *s, const struct intake *in, enum table_id which, struct err *e)
{
    const char *path = table_kinds[which].path;
    const bool jobs = which == TABLE_JOBS;
    struct buf fresh = { 0 };
    struct table table;
    struct row_form form = s->form;
    const size_t used = intake_used(in, s, which), old = s->table[which].capacity;
    size_t size = jobs ? s->table[which].size : table_kinds[which].size, capacity = old ? old : TABLE_LEAST;
    while (capacity < used) capacity *= 2;
    if (jobs && lacks_columns(s, in)) {
        form.column = create_columns(in->need->specs.column, s->form.column, &form.bytes, &s->arena);
        size = form.bytes;
    }
    if (!form.column)
        return err_at(e, ERR_SPEC, s->disk.path, NOWHERE, NULL,
                      "old and new columns take %zu bytes, and at most %d fit", size, PAGE);
    form.sum_at = columns_find(form.column, "row_sum")->offset;
    buf_print(&fresh, "%s.new", path);
    int rc = 0;
    if (table_create(s->disk.file, buf_chars(&fresh), which, jobs ? form.column : NULL, size, capacity))
        rc = h5_error(e, ERR_FULL, s->disk.path, "cannot make a larger /%s", path);
    if (!rc) rc = table_open(s, &table, buf_chars(&fresh), e);
    const size_t kept = which == TABLE_LONG_TEXT ? in->long_end : table_used(s, which);
    if (!rc) rc = jobs ? carry_rows(s, &table, &form, &in->need->specs, e) : carry_records(s, which, &table, kept, e);
    if (!rc) rc = swap_links(s, which, buf_chars(&fresh), e);
    buf_release(&fresh);
    return rc;
}

static int add_family(struct store *s, const struct intake *in, size_t family, size_t *index, struct err *e)
{
    const struct store_family *f = &in->need->family[family];
    size_t siblings, largest, rows = lacks_rows(s, in, family, &siblings, &largest);
    if (rows == 0) return 0;
    struct buf name = { 0 };
    buf_text(&name, f->name);
    if (siblings) buf_print(&name, ".%zu", siblings + 1);
    rows = intake_reserve(in->need, rows);
    if (rows < 2 * largest) rows = 2 * largest;
    const int rc = family_create(s->disk.file, s->disk.path, f, buf_chars(&name), (*index)++, rows, e);
    buf_release(&name);
    return rc;
}

int grow_build(const char *path, const void *intake, struct err *e)
{
    const struct intake *in = intake;
    struct store *s;
    if (store_open_serial(&s, path, WRITING, e)) return -1;
    int rc = 0;
    for (enum table_id i = 0; i < TABLES && !rc; i++)
        if (lacks_records(s, in, i) || (i == TABLE_JOBS && lacks_columns(s, in))) rc = replace(s, in, i, e);
    size_t index = s->families;
    for (size_t i = 0; i < in->need->families && !rc; i++) rc = add_family(s, in, i, &index, e);
    if (!rc) return structure_close(s, e);
    store_close(s);
    return -1;
}
