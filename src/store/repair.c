#include "base/log.h"
#include "store/private.h"
#include "store/verify.h"

#include <math.h>
#include <string.h>

enum { SOUND, ANNEX_FAULTY, DESCENDANT, FAULTY };

struct repair {
    struct store *s;
    struct arena arena;
    uint8_t *how;           /* [rows]                                                 */
    bool *lies;             /* [rows] that agree with their checksum, but not with the others' */
    struct id *id, *parent; /* [rows] of sound rows; a zero parent: it has none       */
    struct map jobs;        /* id -> job of the need                                  */
    struct map bad;         /* ids of rows that are faulty, and of their descendants  */
    size_t elsewhere;       /* faults that belong to no row                           */
    size_t faulty, descendants, measured, left;
};

/* What is in an annex can be computed again without the job. */
static bool in_annex(struct repair *r, uint32_t row, const char *dataset)
{
    struct store_row have;
    struct err ignored = { 0 };
    bool found = false;
    if (store_read_row(r->s, row, &have, NULL, &ignored)) return false;
    const struct family *f = &r->s->family[have.family];
    for (size_t i = 0; i < f->annexes; i++)
        found = found || !strncmp(dataset, f->annex[i].path, strlen(f->annex[i].path));
    return found;
}

static void on_fault(void *ctx, uint32_t row, const char *id, const char *dataset, const char *what)
{
    struct repair *r = ctx;
    log_job("damaged: row %u, job %.8s, %s: %s", row, id[0] ? id : "?", dataset, what);
    if (row == VERIFY_NO_ROW)
        r->elsewhere += strcmp(dataset, "grids") != 0; /* a sweep writes the records of its grids again */
    else if (!in_annex(r, row, dataset)) {
        r->how[row] = FAULTY;
        r->lies[row] = r->lies[row] || !strcmp(dataset, "jobs");
    } else if (r->how[row] == SOUND)
        r->how[row] = ANNEX_FAULTY;
}

static void note_ids(void *ctx, uint32_t row, void *image, bool intact)
{
    struct repair *r = ctx;
    struct store_row have;
    char canonical[STORE_CANONICAL];
    struct err ignored = { 0 };
    row_unpack(&r->s->form, image, &have);
    if (intact && id_parse(have.id, &r->id[row]))
        id_parse(have.parent, &r->parent[row]);
    else if (!store_read_texts(r->s, row, canonical, NULL, &ignored))
        r->id[row] = id_of(canonical, strlen(canonical));
    if (r->how[row] == FAULTY) map_add(&r->bad, r->id[row], row);
}

/* Children may stand before their parents, so this is repeated until nothing is found any more. */
static void find_descendants(struct repair *r)
{
    const struct id none = { 0, 0 };
    for (bool more = true; more;) {
        more = false;
        for (uint32_t row = 0; row < store_rows(r->s); row++) {
            uint32_t parent;
            if (r->how[row] > ANNEX_FAULTY || id_equal(r->parent[row], none)) continue;
            if (!map_find(&r->bad, r->parent[row], &parent)) continue;
            r->how[row] = DESCENDANT;
            more = map_add(&r->bad, r->id[row], row) || more;
        }
    }
}

void row_forget(struct store_row *r)
{
    r->state = JOB_PENDING;
    r->epochs_done = r->attempts = 0;
    r->deaths = r->parent_sum = 0;
    r->t_mem = r->t_gen = r->rank = COLUMN_NO_INT;
    r->tau_grok = r->train_loss = r->train_accuracy = r->test_loss = r->test_accuracy = (double)NAN;
    r->started = r->ended = (double)NAN;
    r->seconds = 0;
    r->data_sum = 0;
    memset(r->host, 0, sizeof r->host);
    memset(r->error, 0, sizeof r->error);
}

/* A row that lies is written anew, with arrays of its own, as any damaged one: from here on it is that.  One of
 * another sweep, whose job nobody can describe, is only reset. */
static int unseal(struct repair *r, uint32_t row, struct err *e)
{
    struct store *s = r->s;
    memset((char *)s->image + s->form.sum_at, 0, sizeof(uint64_t));
    return table_write(s, TABLE_JOBS, row, 1, s->image, e);
}

/* The row's own word first: from then on it vouches for nothing. */
static int reset(struct repair *r, uint32_t row, struct err *e)
{
    struct store *s = r->s;
    struct store_row have;
    if (r->lies[row] && map_find(&r->jobs, r->id[row], &(uint32_t){ 0 })) return unseal(r, row, e);
    if (store_read_row(s, row, &have, NULL, e)) return -1;
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

/* Descendants first: a repair that is interrupted must find the fault that they descend from again. */
static int reset_all(struct repair *r, struct err *e)
{
    for (uint8_t how = DESCENDANT; how <= FAULTY; how++)
        for (uint32_t row = 0; row < store_rows(r->s); row++) {
            bool intact;
            if (r->how[row] != how) continue;
            r->s->image_row = NO_ROW;
            if (row_load(r->s, row, r->s->image, &intact, e) || (intact && reset(r, row, e))) return -1;
            if (intact) ++*(how == FAULTY ? &r->faulty : &r->descendants);
        }
    return 0;
}

bool text_has_id(const char canonical[STORE_CANONICAL], struct id id)
{
    const size_t length = strnlen(canonical, STORE_CANONICAL);
    bool padded = true;
    for (size_t i = length; i < STORE_CANONICAL; i++) padded = padded && !canonical[i];
    return padded && id_equal(id_of(canonical, length), id);
}

/* Texts of sound rows, from the need; inputs are brought up to date for every job that it has anyway. */
static int restore_texts(struct repair *r, const struct store_need *need, struct err *e)
{
    int rc = 0;
    for (uint32_t row = 0; row < store_rows(r->s) && !rc; row++) {
        char canonical[STORE_CANONICAL];
        uint32_t i;
        if (r->how[row] != FAULTY) continue;
        rc = table_read(r->s, TABLE_CANONICAL, row, 1, canonical, e);
        if (rc || text_has_id(canonical, r->id[row])) continue;
        if (!map_find(&r->jobs, r->id[row], &i)) {
            r->left++;
            continue;
        }
        struct store_job job = { 0 };
        need->job(need->ctx, i, &job);
        memset(canonical, 0, sizeof canonical);
        memcpy(canonical, job.canonical, strlen(job.canonical));
        rc = table_write(r->s, TABLE_CANONICAL, row, 1, canonical, e);
    }
    return rc;
}

static struct repair repair_of(struct store *s)
{
    const size_t rows = store_rows(s);
    struct repair r = { .s = s };
    r.how = ARENA_NEW(&r.arena, rows, uint8_t);
    r.id = ARENA_NEW(&r.arena, rows, struct id);
    r.parent = ARENA_NEW(&r.arena, rows, struct id);
    r.lies = ARENA_NEW(&r.arena, rows, bool);
    return r;
}

/* What could not be read is no damage: another try may find it whole. */
static int all_read(const struct store *s, struct err *e)
{
    if (!s->disk_failed) return 0;
    return err_at(e, ERR_DISK, s->path, NOWHERE, NULL, "could not be read everywhere: nothing was repaired");
}

/* Descendants keep their results: whether they are still those of their parents is seen when these are trained. */
int repair_recent(struct store *s, double since, size_t *count, struct err *e)
{
    struct verify_totals totals;
    struct repair r = repair_of(s);
    const int rc = store_verify_since(s, since, on_fault, &r, &totals, e) || all_read(s, e) || reset_annexes(&r, e) ||
                           reset_all(&r, e)
                       ? -1
                       : 0;
    *count = r.faulty;
    if (!rc && r.measured)
        log_warn(
            "what `tombola measure` had added to %zu jobs of '%s' was damaged: the same command computes it again",
            r.measured, s->path);
    arena_release(&r.arena);
    return rc;
}

int repair_rows(struct store *s, const struct store_need *need, struct err *e)
{
    struct verify_totals totals;
    struct repair r = repair_of(s);
    for (size_t i = 0; i < need->jobs; i++) map_add(&r.jobs, need->id[i], (uint32_t)i);
    int rc = store_verify(s, on_fault, &r, &totals, e) || all_read(s, e) || rows_each(s, note_ids, &r, e) ? -1 : 0;
    if (!rc) find_descendants(&r);
    if (!rc) rc = reset_annexes(&r, e) || reset_all(&r, e) || restore_texts(&r, need, e) ? -1 : 0;
    if (!rc)
        log_run("repair: %zu damaged rows, and %zu jobs that depend on them, are trained again", r.faulty,
                r.descendants);
    if (!rc && r.measured)
        log_run("repair: `tombola measure` computes again what is damaged of %zu jobs' measures", r.measured);
    if (!rc && r.left + r.elsewhere)
        rc = err_at(e, ERR_STORE, s->path, NOWHERE, NULL,
                    "%zu faults cannot be repaired by training these jobs again: `tombola verify %s` lists them, and "
                    "`tombola merge %s -o NEW` makes a store of what is sound; the others are pending now",
                    r.left + r.elsewhere, s->path, s->path);
    map_release(&r.jobs);
    map_release(&r.bad);
    arena_release(&r.arena);
    return rc;
}
