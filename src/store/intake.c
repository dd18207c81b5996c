#include "base/log.h"
#include "base/text.h"
#include "store/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 4, ROWS_MIN = 16 };

size_t reserve(const struct store_need *need, size_t rows)
{
    size_t room = ROOM;
    if (need->capacity && need->jobs) room = (need->capacity + need->jobs - 1) / need->jobs;
    return rows * room > ROWS_MIN ? rows * room : ROWS_MIN;
}

struct broken { /* a damaged row, and what is left of its id */
    uint32_t row;
    struct id id;
};
struct scan {
    const struct store *s;
    struct intake *in;
    struct map known, wanted; /* id -> row; id -> job of the need, filled if there are broken rows */
    struct broken *broken;
    size_t count, capacity;
};

static void note_broken(struct scan *scan, uint32_t row, const struct store_row *r)
{
    if (scan->count == scan->capacity) {
        scan->capacity = scan->capacity ? 2 * scan->capacity : 16;
        scan->broken = realloc(scan->broken, scan->capacity * sizeof *scan->broken);
        if (!scan->broken) die("out of memory for %zu damaged rows", scan->capacity);
    }
    scan->broken[scan->count] = (struct broken){ .row = row };
    id_parse(r->id, &scan->broken[scan->count++].id);
}

/* The arrays of a damaged row are not given to another job either. */
static void see_row(void *ctx, uint32_t row, void *image, bool intact)
{
    struct scan *scan = ctx;
    struct store_row r;
    struct id id;
    row_unpack(&scan->s->form, image, &r);
    if (r.family >= 0 && (size_t)r.family < scan->s->families) {
        size_t *slot = &scan->in->slot[r.family];
        size_t after = (size_t)r.family_row + 1;
        if (r.family_row >= 0 && after <= scan->s->family[r.family].capacity && after > *slot) *slot = after;
    }
    if (!intact)
        note_broken(scan, row, &r);
    else if (id_parse(r.id, &id))
        map_add(&scan->known, id, row);
}

static bool is_missing(const struct scan *scan, struct id id)
{
    uint32_t at;
    return map_find(&scan->wanted, id, &at) && !map_find(&scan->known, id, &at);
}

/* Whose a damaged row was: its canonical text says so, or else its id.  Where neither is readable, but as many jobs
 * are missing as there are such rows, these are they. */
static int claim_broken(struct scan *scan, struct store *s, struct err *e)
{
    const struct store_need *need = scan->in->need;
    size_t lost = 0, missing = 0;
    for (size_t i = 0; i < need->jobs && scan->count; i++) map_add(&scan->wanted, need->id[i], (uint32_t)i);
    for (size_t i = 0; i < scan->count; i++) {
        char canonical[STORE_CANONICAL];
        const struct broken b = scan->broken[i];
        if (store_read_texts(s, b.row, canonical, NULL, e)) return -1;
        const struct id id = id_of(canonical, strlen(canonical));
        if (is_missing(scan, id))
            map_add(&scan->known, id, b.row);
        else if (is_missing(scan, b.id))
            map_add(&scan->known, b.id, b.row);
        else
            scan->broken[lost++] = b;
    }
    for (size_t i = 0; i < need->jobs && lost; i++) missing += is_missing(scan, need->id[i]);
    for (size_t i = 0, next = 0; i < need->jobs && missing == lost && next < lost; i++)
        if (is_missing(scan, need->id[i])) map_add(&scan->known, need->id[i], scan->broken[next++].row);
    return 0;
}

static int is_broken(struct store *s, uint32_t row, bool *broken, struct err *e)
{
    bool intact;
    s->image_row = NO_ROW;
    if (row_load(s, row, s->image, &intact, e)) return -1;
    *broken = !intact;
    return 0;
}

/* Room in the need's families for a job that gets new arrays. */
static void want_arrays(struct intake *in, size_t i)
{
    struct store_job job = { 0 };
    in->need->job(in->need->ctx, i, &job);
    MUST(job.row.family >= 0 && (size_t)job.row.family < in->need->families);
    in->family_new[job.row.family]++;
}

static int take_jobs(struct intake *in, struct scan *scan, struct store *s, struct err *e)
{
    const struct store_need *need = in->need;
    in->fresh = ARENA_NEW(&in->arena, need->jobs, uint32_t);
    in->rebuild = ARENA_NEW(&in->arena, need->jobs, uint32_t);
    in->family_new = ARENA_NEW(&in->arena, need->families, size_t);
    for (size_t i = 0; i < need->jobs; i++) {
        bool broken = false;
        if (map_find(&scan->known, need->id[i], &in->row[i])) {
            if (!scan->count || !need->repair) continue;
            if (in->row[i] < store_rows(s) && is_broken(s, in->row[i], &broken, e)) return -1;
            if (broken) {
                in->rebuild[in->rebuilds++] = (uint32_t)i;
                want_arrays(in, i);
            }
            continue;
        }
        size_t row = store_rows(s) + in->new_jobs;
        if (row >= UINT32_MAX) die("more than %u jobs in one store", UINT32_MAX);
        in->row[i] = (uint32_t)row;
        map_add(&scan->known, need->id[i], in->row[i]);
        in->fresh[in->new_jobs++] = (uint32_t)i;
        want_arrays(in, i);
    }
    if (need->repair && scan->count)
        log_run("repair: %zu of %zu unreadable rows of /jobs are written anew", in->rebuilds, scan->count);
    return 0;
}

struct grid_record intake_use(const struct intake *in, size_t use)
{
    const struct store_need *need = in->need;
    struct grid_record r = { .row = in->row[need->use[use].job] };
    MUST(text_copy(r.sweep, sizeof r.sweep, need->grid[need->use[use].grid].sweep, sizeof r.sweep));
    MUST(text_copy(r.grid, sizeof r.grid, need->grid[need->use[use].grid].name, sizeof r.grid));
    r.sum = record_sum(&r, sizeof r);
    return r;
}

static struct id use_key(const struct grid_record *r)
{
    return id_of(r, sizeof *r - sizeof r->sum);
}

static int take_uses(struct intake *in, struct store *s, struct err *e)
{
    struct map known = { 0 };
    struct buf torn = { 0 };
    struct grid_record block[BLOCK];
    int rc = 0;
    for (size_t first = 0; first < s->control.grids && !rc; first += BLOCK) {
        size_t count = s->control.grids - first < BLOCK ? s->control.grids - first : BLOCK;
        rc = table_read(s, TABLE_GRIDS, first, count, block, e);
        for (size_t i = 0; i < count && !rc; i++)
            if (grid_sound(s, &block[i]))
                map_add(&known, use_key(&block[i]), 0);
            else
                buf_add(&torn, &(size_t){ first + i }, sizeof(size_t));
    }
    in->torn_uses = torn.length / sizeof(size_t);
    in->torn_use = ARENA_NEW(&in->arena, in->torn_uses, size_t);
    if (in->torn_uses) memcpy(in->torn_use, torn.bytes, torn.length);
    buf_release(&torn);
    in->use = ARENA_NEW(&in->arena, in->need->uses, uint32_t);
    for (size_t i = 0; i < in->need->uses && !rc; i++) {
        struct grid_record r = intake_use(in, i);
        if (map_add(&known, use_key(&r), 0)) in->use[in->new_uses++] = (uint32_t)i;
    }
    if (in->torn_uses > in->new_uses) in->torn_uses = in->new_uses; /* the others are of another sweep */
    map_release(&known);
    return rc;
}

/* Running the same text again is no news. */
static int take_sweeps(struct intake *in, struct store *s, struct err *e)
{
    const struct store_need *need = in->need;
    struct store_sweep *sweep;
    size_t count;
    struct arena a = { 0 };
    int rc = store_read_sweeps(s, &a, &sweep, &count, e);
    in->sweep = ARENA_NEW(&in->arena, need->sweeps, uint32_t);
    for (size_t i = 0; i < need->sweeps && !rc; i++) {
        const struct store_text *want = &need->sweep[i];
        bool there = false;
        for (size_t j = 0; j < count && !there; j++)
            there = !strcmp(sweep[j].text, want->text) && !strcmp(sweep[j].name, want->name);
        if (there) continue;
        in->sweep[in->new_sweeps++] = (uint32_t)i;
        in->new_text += strlen(want->text);
    }
    arena_release(&a);
    return rc;
}

static int check_family(struct store *s, const struct family *have, const struct store_family *want, struct err *e)
{
    if (!family_serves(have, want))
        return err_at(e, ERR_STORE, s->path, NOWHERE, NULL,
                      "family '%s' has other arrays there than this program would make; use another store",
                      have->is.name);
    return family_mend(s, have, want, e);
}

int intake_families(struct store *s, const struct store_need *need, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < need->families; i++)
        for (size_t j = 0; j < s->families && !rc; j++)
            if (!strcmp(s->family[j].base, need->family[i].name))
                rc = check_family(s, &s->family[j], &need->family[i], e);
    for (size_t j = 0; j < s->families && !rc; j++) rc = family_sound(s, &s->family[j], e);
    return rc;
}

int intake_take(struct intake *in, struct store *s, const struct store_need *need, uint32_t *row, struct err *e)
{
    struct scan scan = { .s = s, .in = in };
    in->need = need;
    in->row = row;
    in->slots = s->families;
    in->slot = ARENA_NEW(&in->arena, in->slots, size_t);
    int rc = rows_each(s, see_row, &scan, e) || claim_broken(&scan, s, e) || take_jobs(in, &scan, s, e) ? -1 : 0;
    map_release(&scan.known);
    map_release(&scan.wanted);
    free(scan.broken);
    return rc || take_uses(in, s, e) || take_sweeps(in, s, e) ? -1 : 0;
}

size_t intake_used(const struct intake *in, const struct store *s, enum table_id which)
{
    const size_t more[TABLES] = {
        [TABLE_JOBS] = in->new_jobs,     [TABLE_CANONICAL] = in->new_jobs,
        [TABLE_INPUTS] = in->new_jobs,   [TABLE_GRIDS] = in->new_uses - in->torn_uses,
        [TABLE_SWEEPS] = in->new_sweeps, [TABLE_TEXT] = in->new_text,
    };
    return table_used(s, which) + more[which];
}
