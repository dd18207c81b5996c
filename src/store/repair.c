#include "store/repair.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"
#include "store/family.h"
#include "store/longs.h"
#include "store/row.h"
#include "store/tables.h"
#include "store/verify.h"

#include <math.h>
#include <string.h>

enum { SOUND, END_FAULTY, ANNEX_FAULTY, FAULTY };

struct repair {
    struct store *s;
    struct arena arena;
    uint8_t *how;                           /* [rows]                                                 */
    bool *ended;                            /* [rows] whose end states are damaged */
    bool *cut;                              /* [rows] of whose long texts something is damaged */
    bool *lies;                             /* [rows] that agree with their checksum, but not with the others' */
    struct id *id;                          /* [rows] of sound rows                */
    struct map jobs;                        /* id -> job of the need               */
    size_t elsewhere;                       /* faults that belong to no row        */
    size_t faulty, foreign, measured, left; /* foreign: of the faulty, jobs that the need has not */
};

/* What is in an annex can be computed again without the job, and nobody needs its end state. */
static int how_bad(struct repair *r, uint32_t row, const char *dataset)
{
    struct store_row have;
    struct err ignored = { 0 };
    if (store_read_row(r->s, row, &have, NULL, &ignored)) return FAULTY;
    const struct family *f = &r->s->family[have.family];
    for (size_t i = 0; i < f->annexes; i++)
        if (!strncmp(dataset, f->annex[i].path, strlen(f->annex[i].path))) return ANNEX_FAULTY;
    const size_t array = store_array_find(r->s, (size_t)have.family, dataset);
    return array != SIZE_MAX && f->is.array[array].scratch ? END_FAULTY : FAULTY;
}

static bool is_long(const char *dataset)
{
    return !strcmp(dataset, table_kinds[TABLE_LONG].path) || !strcmp(dataset, table_kinds[TABLE_LONG_TEXT].path);
}

static void on_fault(void *ctx, uint32_t row, const char *id, const char *dataset, const char *what)
{
    struct repair *r = ctx;
    log_job("damaged: row %u, job %.8s, %s: %s", row, id[0] ? id : "?", dataset, what);
    if (!strcmp(dataset, VERIFY_PARENT)) return; /* a run that needs it makes it */
    if (row == VERIFY_NO_ROW)
        r->elsewhere += strcmp(dataset, "grids") != 0 && !is_long(dataset); /* a sweep writes its own again */
    else if (is_long(dataset))
        r->cut[row] = true;
    else {
        const int how = how_bad(r, row, dataset);
        r->lies[row] = r->lies[row] || !strcmp(dataset, "jobs");
        r->ended[row] = r->ended[row] || how == END_FAULTY;
        if (how > r->how[row]) r->how[row] = (uint8_t)how;
    }
}

static void note_ids(void *ctx, uint32_t row, void *image, bool intact)
{
    struct repair *r = ctx;
    struct store_row have;
    struct buf canonical = { 0 };
    struct err ignored = { 0 };
    row_unpack(&r->s->form, image, &have);
    if (intact && id_parse(have.id, &r->id[row])) return;
    if (!store_read_texts(r->s, row, &canonical, NULL, &ignored))
        r->id[row] = id_of(buf_chars(&canonical), canonical.length);
    buf_release(&canonical);
}

/* A row that lies is written anew, with arrays of its own, as any damaged one: from here on it is that.  One of
 * another sweep, whose job nobody can describe, is only reset. */
static int unseal(struct repair *r, uint32_t row, struct err *e)
{
    struct store *s = r->s;
    memset((char *)s->image + s->form.sum_at, 0, sizeof(uint64_t));
    return table_write(s, TABLE_JOBS, row, 1, s->image, e);
}

/* What is left of a finished job stays readable until it has been trained again, beside it.  Of one that is not
 * finished the row's own word goes first: from then on it vouches for nothing. */
static int reset(struct repair *r, uint32_t row, struct err *e)
{
    struct store *s = r->s;
    struct store_row have;
    if (r->lies[row] && map_find(&r->jobs, r->id[row], &(uint32_t){ 0 })) return unseal(r, row, e);
    if (store_read_row(s, row, &have, NULL, e)) return -1;
    if (have.state == JOB_DONE) {
        if (have.next_state >= NEXT_PENDING) return 0;
        have.next_state = NEXT_PENDING;
        return store_write_row(s, row, &have, e);
    }
    const struct family *f = &s->family[have.family];
    row_forget(&have);
    struct arena_mark m = arena_mark(&r->arena);
    uint64_t *none = ARENA_NEW(&r->arena, f->parts, uint64_t);
    int rc =
        store_write_row(s, row, &have, e) || sums_write(s, f, (size_t)have.family_row, 0, f->parts, none, e) ? -1 : 0;
    arena_rewind(&r->arena, m);
    return rc;
}

/* The row keeps its results and forgets what was computed from them. */
static int reset_annexes(struct repair *r, struct err *e)
{
    for (uint32_t row = 0; row < store_rows(r->s); row++) {
        struct store_row have;
        if (r->how[row] != ANNEX_FAULTY) continue;
        if (store_read_row(r->s, row, &have, NULL, e)) return -1;
        const struct family *f = &r->s->family[have.family];
        const size_t first = f->sums[0].columns;
        struct arena_mark m = arena_mark(&r->arena);
        const uint64_t *none = ARENA_NEW(&r->arena, f->parts, uint64_t);
        int rc = sums_write(r->s, f, (size_t)have.family_row, first, f->parts - first, none, e);
        arena_rewind(&r->arena, m);
        if (rc) return -1;
        r->measured++;
    }
    return 0;
}

/* A longer job begins at its beginning then. */
static int forget_ends(struct repair *r, struct err *e)
{
    size_t count = 0;
    for (uint32_t row = 0; row < store_rows(r->s); row++) {
        struct store_row have;
        if (!r->ended[row]) continue;
        if (store_read_row(r->s, row, &have, NULL, e)) return -1;
        store_discard(r->s, &have);
        count++;
    }
    if (count)
        log_warn("the end states of %zu finished jobs were damaged and are forgotten: longer jobs begin anew", count);
    return 0;
}

static int reset_all(struct repair *r, struct err *e)
{
    for (uint32_t row = 0; row < store_rows(r->s); row++) {
        bool intact;
        if (r->how[row] != FAULTY) continue;
        r->s->image_row = NO_ROW;
        if (row_load(r->s, row, r->s->image, &intact, e) || (intact && reset(r, row, e))) return -1;
        r->faulty += intact;
        r->foreign += intact && !map_find(&r->jobs, r->id[row], &(uint32_t){ 0 });
    }
    return 0;
}

static int restore_text(struct repair *r, const struct store_need *need, uint32_t row, uint32_t i, struct err *e)
{
    struct longs_packed packed;
    struct store_job job = { 0 };
    need->job(need->ctx, i, &job);
    return longs_pack(job.canonical, &packed, e) || table_write(r->s, TABLE_CANONICAL, row, 1, packed.record, e) ? -1
                                                                                                                 : 0;
}

/* Texts of sound rows, from the need; inputs, and what long texts share, are brought up to date for every job that it
 * has anyway. */
static int restore_texts(struct repair *r, const struct store_need *need, struct err *e)
{
    struct longs_whole text = { .lost = 0 };
    int rc = 0;
    for (uint32_t row = 0; row < store_rows(r->s) && !rc; row++) {
        uint32_t i;
        if (r->how[row] != FAULTY && !r->cut[row]) continue;
        rc = longs_read(r->s, row, &text, e);
        if (rc || longs_has_id(&text, r->id[row])) continue;
        if (map_find(&r->jobs, r->id[row], &i))
            rc = restore_text(r, need, row, i, e);
        else
            r->left++;
    }
    buf_release(&text.text);
    return rc;
}

static struct repair repair_of(struct store *s)
{
    const size_t rows = store_rows(s);
    struct repair r = { .s = s };
    r.how = ARENA_NEW(&r.arena, rows, uint8_t);
    r.id = ARENA_NEW(&r.arena, rows, struct id);
    r.lies = ARENA_NEW(&r.arena, rows, bool);
    r.ended = ARENA_NEW(&r.arena, rows, bool);
    r.cut = ARENA_NEW(&r.arena, rows, bool);
    return r;
}

/* What could not be read is no damage: another try may find it whole. */
static int all_read(const struct store *s, struct err *e)
{
    if (!s->disk.failed) return 0;
    return err_at(e, ERR_DISK, s->disk.path, NOWHERE, NULL, "could not be read everywhere: nothing was repaired");
}

/* Descendants keep their results: whether they are still those of their parents is seen when these are trained. */
int repair_recent(struct store *s, double since, size_t *count, struct err *e)
{
    struct verify_totals totals;
    struct repair r = repair_of(s);
    const int rc = store_verify_since(s, since, on_fault, &r, &totals, e) || all_read(s, e) || forget_ends(&r, e) ||
                           reset_annexes(&r, e) || reset_all(&r, e)
                       ? -1
                       : 0;
    *count = r.faulty;
    if (!rc && r.measured)
        log_warn(
            "what `tombola measure` had added to %zu jobs of '%s' was damaged: the same command computes it again",
            r.measured, s->disk.path);
    arena_release(&r.arena);
    return rc;
}

/* What training cannot bring back: who its jobs are, and the axes and tensors of their arrays. */
static size_t count_lost(const struct store *s, const struct store_need *need)
{
    size_t lost = 0;
    for (size_t i = 0; i < s->families; i++)
        for (size_t k = 0; k < need->families; k++) {
            const struct store_family *want = &need->family[k];
            const struct family *have = &s->family[i];
            if (!family_takes(have, want)) continue;
            lost += strcmp(have->is.about, want->about ? want->about : "") != 0;
            for (size_t c = 0; c < want->constants; c++)
                lost += H5Lexists(have->group, want->constant[c].path, H5P_DEFAULT) <= 0;
        }
    return lost;
}

int repair_rows(struct store *s, const struct store_need *need, struct err *e)
{
    struct verify_totals totals;
    struct repair r = repair_of(s);
    for (size_t i = 0; i < need->jobs; i++) map_add(&r.jobs, need->id[i], (uint32_t)i);
    int rc = store_verify(s, on_fault, &r, &totals, e) || all_read(s, e) || rows_each(s, note_ids, &r, e) ? -1 : 0;
    if (!rc)
        rc = forget_ends(&r, e) || reset_annexes(&r, e) || reset_all(&r, e) || restore_texts(&r, need, e) ? -1 : 0;
    r.elsewhere += count_lost(s, need);
    if (!rc)
        log_run("repair: %zu damaged jobs are trained again, and what is made from them if they come out otherwise",
                r.faulty - r.foreign);
    if (!rc && r.foreign)
        log_warn(
            "repair: %zu damaged jobs are of other sweeps, or of this one as it was before: a run of the file that "
            "has them trains them again (`tombola query %s \"SELECT name, text FROM sweeps\"`)",
            r.foreign, text_shell(s->disk.path));
    if (!rc && r.measured)
        log_run("repair: `tombola measure` computes again what is damaged of %zu jobs' measures", r.measured);
    if (!rc && r.left + r.elsewhere)
        rc = err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL,
                    "%zu faults cannot be repaired by training these jobs again: `tombola verify %s` lists them, and "
                    "`tombola merge %s -o NEW` makes a store of what is sound; the others are pending now",
                    r.left + r.elsewhere, text_shell(s->disk.path), text_shell(s->disk.path));
    map_release(&r.jobs);
    arena_release(&r.arena);
    return rc;
}
