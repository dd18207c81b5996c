#include "store/intake.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"
#include "base/vec.h"
#include "store/family.h"
#include "store/row.h"
#include "store/sweeps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 4, ROWS_MIN = 16 };

size_t intake_reserve(const struct store_need *need, size_t rows)
{
    size_t room = ROOM;
    if (need->capacity && need->jobs) room = (need->capacity + need->jobs - 1) / need->jobs;
    return rows * room > ROWS_MIN ? rows * room : ROWS_MIN;
}

struct broken { /* a damaged row, and what is left of its id */
    uint32_t row;
    struct id id;
};
struct seen { /* a row of the store */
    struct id parent;
    int64_t family;
    uint8_t state, next_state; /* state JOB_UNUSED: damaged */
    bool has_next;
    uint8_t verdict; /* enum verdict */
};
struct scan {
    const struct store *s;
    struct intake *in;
    struct seen *row;         /* [rows] */
    struct map known, wanted; /* id -> row; id -> job of the need, filled if there are broken rows */
    struct broken *broken;
    size_t count;
    struct buf canonical; /* of one of them */
};

static void note_broken(struct scan *scan, uint32_t row, const struct store_row *r)
{
    struct broken *b = VEC_MORE(scan->broken, scan->count);
    *b = (struct broken){ .row = row };
    UNLOOKED(id_parse(r->id, &b->id)); /* what is damaged may have none: then no job is asked for by it */
}

/* The arrays of a damaged row are not given to another job either. */
static void see_row(void *ctx, uint32_t row, void *image, bool intact)
{
    struct scan *scan = ctx;
    struct seen *seen = &scan->row[row];
    struct store_row r;
    struct id id;
    row_unpack(&scan->s->form, image, &r);
    slots_take(&scan->in->slots, r.family, r.family_row);
    slots_take(&scan->in->slots, r.next_family, r.next_row);
    if (!intact) {
        note_broken(scan, row, &r);
        return;
    }
    if (id_parse(r.id, &id)) map_add(&scan->known, id, row);
    *seen = (struct seen){ .family = r.family, .state = r.state, .next_state = r.next_state };
    seen->has_next = r.next_family >= 0;
    if (!id_parse(r.parent, &seen->parent)) seen->parent = (struct id){ 0 };
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
        const struct broken b = scan->broken[i];
        if (store_read_texts(s, b.row, &scan->canonical, NULL, e)) return -1;
        const struct id id = id_of(buf_chars(&scan->canonical), scan->canonical.length);
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

/* ---- what is trained again ---- */

enum verdict { UNKNOWN, WALKING, SETTLED, OF_LOOSE };

/* May a row's weights still become others than those that its children were made from? */
static bool is_loose(const struct scan *scan, const struct seen *row)
{
    if (row->state == JOB_UNUSED) return scan->in->need->repair; /* else it is left alone */
    return row->state != JOB_DONE || row->next_state >= NEXT_PENDING;
}

/* Is one of its ancestors loose?  Each row is passed once. */
static bool is_of_loose(struct scan *scan, uint32_t at, uint32_t *trail)
{
    enum verdict verdict = UNKNOWN;
    size_t count = 0;
    while (verdict == UNKNOWN) {
        struct seen *row = &scan->row[at];
        verdict = row->verdict == WALKING ? SETTLED : row->verdict; /* a circle leads nowhere */
        if (verdict != UNKNOWN) break;
        row->verdict = WALKING;
        trail[count++] = at;
        if (!map_find(&scan->known, row->parent, &at))
            verdict = SETTLED;
        else if (is_loose(scan, &scan->row[at]))
            verdict = OF_LOOSE;
    }
    while (count > 0) scan->row[trail[--count]].verdict = (uint8_t)verdict;
    return verdict == OF_LOOSE;
}

/* Finished rows whose ancestors are trained on, or again: whether they are still what these make of them is seen when
 * that is done, even if this run ends before. */
static void find_doubtful(struct scan *scan)
{
    struct intake *in = scan->in;
    const size_t rows = store_rows(scan->s);
    uint32_t *trail = ARENA_NEW(&in->arena, rows, uint32_t);
    in->confirm = ARENA_NEW(&in->arena, rows, uint32_t);
    for (uint32_t row = 0; row < rows; row++) {
        struct seen *seen = &scan->row[row];
        if (seen->state != JOB_DONE || seen->next_state != NEXT_NONE || !is_of_loose(scan, row, trail)) continue;
        seen->next_state = NEXT_CONFIRM;
        in->confirm[in->confirms++] = row;
    }
}

static enum store_fate fate_of(const struct store_need *need, size_t i)
{
    return need->fate ? (enum store_fate)need->fate[i] : STORE_AS_IS;
}

/* From here on they are as any row that is trained again: what is made of them is doubtful. */
static void find_again(struct scan *scan)
{
    const struct store_need *need = scan->in->need;
    for (size_t i = 0; i < need->jobs && need->fate; i++) {
        uint32_t row;
        if (fate_of(need, i) != STORE_RETRAIN || !map_find(&scan->known, need->id[i], &row)) continue;
        if (scan->row[row].state == JOB_DONE) scan->row[row].next_state = NEXT_PENDING;
    }
}

/* A job that the store has: does it get other arrays? */
static void look_at_job(struct intake *in, const struct scan *scan, const struct store *s, size_t i)
{
    const struct seen *row = &scan->row[in->row[i]];
    const enum store_fate fate = fate_of(in->need, i);
    struct store_job job = { 0 };
    if (row->state == JOB_DONE) {
        if (row->next_state == NEXT_NONE || (row->has_next && fate == STORE_AS_IS)) return;
        in->again[in->agains++] = (uint32_t)i;
        want_arrays(in, i);
        return;
    }
    if (row->state == JOB_UNUSED || (row->state == JOB_FAILED && !in->need->retry)) return;
    in->need->job(in->need->ctx, i, &job);
    const struct store_family *want = &in->need->family[job.row.family];
    const bool older =
        !strcmp(s->family[row->family].base, want->name) && family_older(&s->family[row->family], want);
    if (!older && fate == STORE_AS_IS) return;
    in->move[in->moves++] = (uint32_t)i;
    in->family_new[job.row.family]++;
}

static int take_jobs(struct intake *in, struct scan *scan, struct store *s, struct err *e)
{
    const struct store_need *need = in->need;
    in->fresh = ARENA_NEW(&in->arena, need->jobs, uint32_t);
    in->rebuild = ARENA_NEW(&in->arena, need->jobs, uint32_t);
    in->again = ARENA_NEW(&in->arena, need->jobs, uint32_t);
    in->move = ARENA_NEW(&in->arena, need->jobs, uint32_t);
    in->family_new = ARENA_NEW(&in->arena, need->families, size_t);
    for (size_t i = 0; i < need->jobs; i++) {
        bool broken = false;
        if (map_find(&scan->known, need->id[i], &in->row[i])) {
            if (in->row[i] < store_rows(s)) look_at_job(in, scan, s, i);
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
    struct grid_record r = { .row = in->row[need->use[use].job],
                             .threshold = need->use[use].threshold,
                             .spacing = need->use[use].spacing,
                             .end = COLUMN_NO_INT,
                             .t_mem = COLUMN_NO_INT,
                             .t_gen = COLUMN_NO_INT,
                             .tau = (double)NAN,
                             .train_loss = (double)NAN,
                             .train_accuracy = (double)NAN,
                             .test_loss = (double)NAN,
                             .test_accuracy = (double)NAN };
    MUST(text_copy(r.unit, sizeof r.unit, need->use[use].unit, sizeof r.unit));
    if (need->use[use].stop) MUST(text_copy(r.stop, sizeof r.stop, need->use[use].stop, sizeof r.stop));
    MUST(text_copy(r.sweep, sizeof r.sweep, need->grid[need->use[use].grid].sweep, sizeof r.sweep));
    MUST(text_copy(r.grid, sizeof r.grid, need->grid[need->use[use].grid].name, sizeof r.grid));
    r.sum = table_record_sum(&r, sizeof r);
    return r;
}

static struct id use_key(const struct grid_record *r)
{
    return id_of(r, offsetof(struct grid_record, threshold));
}

static bool judged_alike(const struct grid_record *a, const struct grid_record *b)
{
    const bool steps[] = { store_in_steps(a->unit), store_in_steps(b->unit) };
    return !memcmp(&a->threshold, &b->threshold, sizeof a->threshold) && a->spacing == b->spacing &&
           steps[0] == steps[1] && !strncmp(a->stop, b->stop, sizeof a->stop);
}

/* What the store has of them: by key, and as they are. */
struct uses {
    struct map known; /* key -> its record */
    struct grid_record *record;
    size_t *torn; /* records that are damaged */
    size_t torns;
};

static int read_uses(struct uses *u, struct store *s, struct arena *a, struct err *e)
{
    const size_t count = table_used(s, TABLE_GRIDS);
    u->record = ARENA_NEW(a, count, struct grid_record);
    if (table_read(s, TABLE_GRIDS, 0, count, u->record, e)) return -1;
    for (size_t i = 0; i < count; i++)
        if (sweeps_grid_sound(s, &u->record[i]))
            map_add(&u->known, use_key(&u->record[i]), (uint32_t)i);
        else
            *VEC_MORE_IN(a, u->torn, u->torns) = i;
    return 0;
}

/* Damaged records make room for the first of those that are missing; others of the damaged are of another sweep. */
static void choose_uses(struct intake *in, struct uses *u)
{
    size_t filled = 0;
    in->use = ARENA_NEW(&in->arena, in->need->uses, struct new_use);
    for (size_t i = 0; i < in->need->uses; i++) {
        const struct grid_record r = intake_use(in, i);
        uint32_t at;
        if (!map_find(&u->known, use_key(&r), &at)) {
            map_add(&u->known, use_key(&r), UINT32_MAX);
            const bool behind = filled == u->torns;
            in->use[in->uses++] = (struct new_use){ behind ? SIZE_MAX : u->torn[filled++], (uint32_t)i };
            in->new_uses += behind;
        } else if (at != UINT32_MAX && !judged_alike(&u->record[at], &r))
            in->use[in->uses++] = (struct new_use){ at, (uint32_t)i };
    }
}

static int take_uses(struct intake *in, struct store *s, struct err *e)
{
    struct uses u = { .record = NULL };
    struct arena a = { 0 };
    const int rc = read_uses(&u, s, &a, e);
    if (!rc) choose_uses(in, &u);
    map_release(&u.known);
    arena_release(&a);
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

/* Is it there as it should be? */
static int has_value(struct store *s, const struct longs *have, struct id digest, bool *sound, struct err *e)
{
    struct buf text = { 0 };
    uint32_t at;
    *sound = false;
    const int rc = map_find(&have->place, digest, &at) ? longs_text(s, &have->record[at], &text, sound, e) : 0;
    buf_release(&text);
    return rc;
}

static int take_values(struct intake *in, struct store *s, const struct longs *have,
                       const struct longs_packed *packed, struct map *seen, struct err *e)
{
    for (size_t i = 0; i < packed->values; i++) {
        const struct longs_value *v = &packed->value[i];
        bool sound;
        if (!map_add(seen, v->digest, 0)) continue;
        if (has_value(s, have, v->digest, &sound, e)) return -1;
        if (sound) continue;
        struct longs_value *new = VEC_MORE_IN(&in->arena, in->value, in->values);
        *new = (struct longs_value){ v->digest, arena_text(&in->arena, v->text, v->length), v->length, 0 };
        in->long_new += v->length;
    }
    return 0;
}

/* A damaged record makes room for the value of that digest, or for the first that is missing; so does one whose text
 * is damaged. */
static void place_values(struct intake *in, const struct longs *have)
{
    size_t torn = 0;
    for (size_t i = 0; i < in->values; i++) {
        uint32_t at;
        while (torn < have->count && longs_sound(have, torn)) torn++;
        if (map_find(&have->place, in->value[i].digest, &at))
            in->value[i].at = at;
        else
            in->value[i].at = torn < have->count ? torn++ : have->count + in->new_longs++;
    }
}

static int take_longs(struct intake *in, struct store *s, struct err *e)
{
    const struct store_need *need = in->need;
    const struct longs *have;
    struct longs_packed packed;
    struct map seen = { 0 };
    int rc = longs_open(s, &have, e);
    for (size_t i = 0; i < need->jobs && !rc; i++) {
        struct store_job job = { 0 };
        need->job(need->ctx, i, &job);
        rc = longs_pack(job.canonical, &packed, e) || take_values(in, s, have, &packed, &seen, e) ? -1 : 0;
    }
    map_release(&seen);
    if (rc) return -1;
    place_values(in, have);
    in->long_end = have->end;
    return 0;
}

static int check_family(struct store *s, const struct family *have, const struct store_family *want, struct err *e)
{
    if (!family_same(have, want) && !family_older(have, want))
        return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL,
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
    slots_open(&in->slots, s, &in->arena);
    scan.row = ARENA_NEW(&in->arena, store_rows(s), struct seen);
    int rc = rows_each(s, see_row, &scan, e) || claim_broken(&scan, s, e) ? -1 : 0;
    if (!rc) find_again(&scan);
    if (!rc) find_doubtful(&scan);
    if (!rc) rc = take_jobs(in, &scan, s, e);
    map_release(&scan.known);
    map_release(&scan.wanted);
    free(scan.broken);
    buf_release(&scan.canonical);
    return rc || take_uses(in, s, e) || take_sweeps(in, s, e) || take_longs(in, s, e) ? -1 : 0;
}

size_t intake_used(const struct intake *in, const struct store *s, enum table_id which)
{
    const size_t more[TABLES] = {
        [TABLE_JOBS] = in->new_jobs,     [TABLE_CANONICAL] = in->new_jobs,
        [TABLE_INPUTS] = in->new_jobs,   [TABLE_GRIDS] = in->new_uses,
        [TABLE_SWEEPS] = in->new_sweeps, [TABLE_TEXT] = in->new_text,
        [TABLE_LONG] = in->new_longs,    [TABLE_LONG_TEXT] = in->long_end + in->long_new,
    };
    return table_used(s, which) + more[which];
}
