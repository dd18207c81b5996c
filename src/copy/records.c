#include "copy/records.h"
#include "base/buf.h"
#include "base/clock.h"
#include "copy/choose.h"
#include "copy/say.h"
#include "store/longs.h"
#include "store/row.h"
#include "store/sweeps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the attributes of the root ---- */

static bool is_own(const char *name)
{
    static const char *const own[] = { "format", "readme", "checksum", ARCHIVE, MERGED };
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (!strcmp(name, own[i])) return true;
    return false;
}

/* "2026-11-21T02:43:48Z from a.h5, b.h5; 3 jobs that had not finished are not in it". */
static const char *origin(struct copy *c)
{
    char now[32];
    struct buf b = { 0 };
    buf_print(&b, "%s from ", clock_iso(clock_unix(), now));
    for (size_t k = 0; k < c->sources; k++) buf_print(&b, "%s%s", k ? ", " : "", c->source[k].s->disk.path);
    if (c->wish->grids) buf_print(&b, "; --grid %s", c->wish->grids);
    if (c->wish->where) buf_print(&b, "; --where %s", c->wish->where);
    if (c->totals->left) buf_print(&b, "; %zu jobs that were not chosen are not in it", c->totals->left);
    if (c->totals->unfinished) buf_print(&b, "; %zu jobs that had not finished are not in it", c->totals->unfinished);
    const char *kept = arena_text(&c->arena, b.bytes, b.length);
    buf_release(&b);
    return kept;
}

/* The values that an attribute has in the stores, each once: "Xeon | EPYC". */
static const char *values_of(struct copy *c, const char *name)
{
    struct buf b = { 0 };
    for (size_t k = 0; k < c->sources; k++) {
        const char *value = store_attribute(c->source[k].s, name);
        bool known = !value[0];
        for (size_t j = 0; j < k && !known; j++) known = !strcmp(store_attribute(c->source[j].s, name), value);
        if (!known) buf_print(&b, "%s%s", b.length ? " | " : "", value);
    }
    const char *kept = arena_text(&c->arena, buf_chars(&b), b.length);
    buf_release(&b);
    return kept;
}

const char *const *copy_provenance(struct copy *c)
{
    size_t most = 2, count = 0;
    for (size_t k = 0; k < c->sources; k++)
        for (const struct attribute *a = c->source[k].s->attribute; a; a = a->next) most++;
    const char **list = ARENA_NEW(&c->arena, 2 * most, const char *);
    list[count++] = c->wish->archive ? ARCHIVE : MERGED;
    list[count++] = origin(c);
    for (size_t k = 0; k < c->sources; k++)
        for (const struct attribute *a = c->source[k].s->attribute; a; a = a->next) {
            bool known = is_own(a->name);
            for (size_t i = 0; i < count && !known; i += 2) known = !strcmp(list[i], a->name);
            if (known) continue;
            list[count++] = a->name;
            list[count++] = values_of(c, a->name);
        }
    return list;
}

/* ---- grids ---- */

static bool is_new(struct map *known, const struct grid_record *r)
{
    return map_add(known, id_of(r, offsetof(struct grid_record, threshold)), 0);
}

struct id copy_sweep_key(const char *name)
{
    return id_of(name, strnlen(name, STORE_NAME));
}

/* Counts the grids that there are, and of them those that are left. */
static bool keeps_use(struct copy *c, const struct source *from, const struct grid_record *r, struct map seen[2])
{
    const struct id grid = id_of(r, offsetof(struct grid_record, row));
    const bool kept = from->row[r->row] != COPY_NOWHERE && copy_wants_grid(c, r);
    c->totals->grids += map_add(&seen[0], grid, 0);
    c->totals->grids_kept += kept && map_add(&seen[1], grid, 0);
    map_add(&c->sweep_seen, copy_sweep_key(r->sweep), 0);
    if (kept) map_add(&c->sweep_left, copy_sweep_key(r->sweep), 0);
    return kept;
}

static int copy_grids(struct copy *c, const struct source *from, struct map *known, struct map seen[2], struct err *e)
{
    struct grid_record block[BLOCK];
    const size_t used = table_used(from->s, TABLE_GRIDS);
    for (size_t first = 0; first < used; first += BLOCK) {
        size_t count = used - first < BLOCK ? used - first : BLOCK, kept = 0;
        if (table_read(from->s, TABLE_GRIDS, first, count, block, e)) return -1;
        for (size_t i = 0; i < count; i++) {
            struct grid_record r = block[i];
            if (!sweeps_grid_sound(from->s, &r)) {
                copy_say(c, COPY_DAMAGED, from, "", "a record of /grids is damaged");
                continue;
            }
            if (!keeps_use(c, from, &r, seen)) continue;
            if (r.spacing == COLUMN_NO_INT) {
                r.threshold = from->judged[r.row].threshold;
                r.spacing = from->judged[r.row].spacing;
            }
            r.row = from->row[r.row];
            r.sum = table_record_sum(&r, sizeof r);
            if (is_new(known, &r)) block[kept++] = r;
        }
        if (kept && table_write(c->to, TABLE_GRIDS, c->to->control.grids, kept, block, e)) return -1;
        c->to->control.grids += kept;
    }
    return 0;
}

/* ---- the grid that a row names ---- */

static bool names_grid(const struct store_row *r, const struct store_grid *use)
{
    return !strncmp(r->sweep, use->sweep, sizeof r->sweep) && !strncmp(r->grid, use->name, sizeof r->grid);
}

/* Another grid is the first now, with its results. */
static int rename_grid(struct copy *c, const struct store_grid *use, struct err *e)
{
    bool intact;
    struct store_row r;
    if (row_load(c->to, use->row, c->image, &intact, e)) return -1;
    row_unpack(&c->to->form, c->image, &r);
    if (r.state == JOB_DONE && use->end < 0) return 0;                 /* nobody has judged it so */
    if (strncmp(r.length_unit, use->unit, sizeof use->unit)) return 0; /* it counts in another unit */
    memcpy(r.sweep, use->sweep, sizeof r.sweep);
    memcpy(r.grid, use->name, sizeof r.grid);
    r.threshold = use->threshold;
    r.eval_every = use->spacing;
    memcpy(r.stop, use->stop, sizeof r.stop);
    if (r.state == JOB_DONE) {
        memcpy(r.ended_by, use->ended_by, sizeof r.ended_by);
        r.end = use->end;
        r.t_mem = use->t_mem;
        r.t_gen = use->t_gen;
        r.tau_grok = use->tau_grok;
        if (!isnan(use->test_loss)) { /* else an earlier version has judged it */
            r.train_loss = use->train_loss;
            r.train_accuracy = use->train_accuracy;
            r.test_loss = use->test_loss;
            r.test_accuracy = use->test_accuracy;
        }
    }
    convert_run(&c->to->form.out, &r, c->image);
    row_seal(&c->to->form, c->image);
    return table_write(c->to, TABLE_JOBS, use->row, 1, c->image, e);
}

/* A job whose first grid was left out names the first of those that are here. */
static int rename_grids(struct copy *c, struct err *e)
{
    struct store *to = c->to;
    const size_t rows = store_rows(to);
    struct store_grid *use;
    size_t uses;
    struct store_row *row = ARENA_NEW(&c->arena, rows + 1, struct store_row);
    const struct store_grid **first = ARENA_NEW(&c->arena, rows + 1, const struct store_grid *);
    bool *here = ARENA_NEW(&c->arena, rows + 1, bool);
    if (store_read_rows(to, row, NULL, NULL, e) || store_read_uses(to, &c->arena, &use, &uses, e)) return -1;
    for (size_t i = uses; i-- > 0;) {
        here[use[i].row] = here[use[i].row] || names_grid(&row[use[i].row], &use[i]);
        first[use[i].row] = &use[i];
    }
    for (size_t i = 0; i < rows; i++)
        if (first[i] && !here[i] && rename_grid(c, first[i], e)) return -1;
    return 0;
}

/* ---- sweeps ---- */

struct sweep {
    struct sweep_record record;
    const char *text;
    size_t order;
};

static int by_time(const void *a, const void *b)
{
    const struct sweep *x = a, *y = b;
    const int order = memcmp(x->record.time, y->record.time, sizeof x->record.time);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* A file whose grids have no job in what was chosen goes with them; one without grids of its own stays. */
static bool keeps_sweep(const struct copy *c, const struct sweep_record *r)
{
    const struct id name = copy_sweep_key(r->name);
    uint32_t unused;
    return !copy_chooses(c) || !map_find(&c->sweep_seen, name, &unused) || map_find(&c->sweep_left, name, &unused);
}

/* Stores that come from one another have the same records. */
static bool is_known(struct map *known, const struct sweep_record *r)
{
    struct sweep_record key = *r;
    key.offset = key.sum = 0;
    memset(key.command, 0, sizeof key.command);
    return !map_add(known, id_of(&key, sizeof key), 0);
}

static int list_sweeps(struct copy *c, const struct source *from, struct sweep *sweep, size_t *count,
                       struct map *known, struct err *e)
{
    uint64_t end = 0;
    for (size_t i = 0; i < table_used(from->s, TABLE_SWEEPS); i++) {
        struct sweep *new = &sweep[*count];
        struct sweep_record *r = &new->record;
        if (table_read(from->s, TABLE_SWEEPS, i, 1, r, e)) return -1;
        new->text = sweeps_next(r, &end) ? sweep_text(from->s, r, &c->arena, e) : NULL;
        if (e->kind) return -1;
        new->order = *count;
        if (!new->text) {
            copy_say(c, COPY_DAMAGED, from, "", "a record of /sweeps or its text is damaged");
        } else if (!is_known(known, r)) {
            c->totals->sweeps++;
            *count += keeps_sweep(c, r);
        }
    }
    return 0;
}

static int put_sweep(struct store *to, struct sweep *sweep, struct err *e)
{
    struct control *now = &to->control;
    struct sweep_record *r = &sweep->record;
    r->offset = now->text;
    r->sum = table_record_sum(r, sizeof *r);
    if ((r->length && table_write(to, TABLE_TEXT, now->text, r->length, sweep->text, e)) ||
        table_write(to, TABLE_SWEEPS, now->sweeps, 1, r, e))
        return -1;
    now->text += r->length;
    now->sweeps++;
    return 0;
}

static int copy_sweeps(struct copy *c, struct err *e)
{
    size_t most = 0, count = 0;
    for (size_t k = 0; k < c->sources; k++) most += table_used(c->source[k].s, TABLE_SWEEPS);
    struct sweep *sweep = ARENA_NEW(&c->arena, most + 1, struct sweep);
    struct map known = { 0 };
    int rc = 0;
    for (size_t k = 0; k < c->sources && !rc; k++) rc = list_sweeps(c, &c->source[k], sweep, &count, &known, e);
    map_release(&known);
    if (rc) return -1;
    c->totals->sweeps_kept = count;
    qsort(sweep, count, sizeof *sweep, by_time);
    for (size_t i = 0; i < count; i++)
        if (put_sweep(c->to, &sweep[i], e)) return -1;
    return 0;
}

/* ---- what long texts share ---- */

int copy_longs_count(struct copy *c, size_t *records, size_t *bytes, struct err *e)
{
    for (size_t k = 0; k < c->sources; k++) {
        const struct longs *l;
        if (longs_open(c->source[k].s, &l, e)) return -1;
        for (size_t i = 0; i < l->count; i++) {
            *records += longs_sound(l, i);
            *bytes += longs_sound(l, i) ? l->record[i].length : 0;
        }
    }
    return 0;
}

/* What is damaged is said of the jobs that lack it, if no other source has it. */
static int copy_long(struct copy *c, const struct source *from, const struct long_text_record *r, struct map *known,
                     uint64_t *end, struct err *e)
{
    struct longs_value v = { .length = r->length, .at = c->to->control.long_texts };
    struct buf text = { 0 };
    bool sound;
    int rc = longs_text(from->s, r, &text, &sound, e);
    v.text = buf_chars(&text);
    v.digest = id_of(v.text, v.length);
    if (!rc && sound && map_add(known, v.digest, 0)) {
        rc = longs_write(c->to, &v, *end, e);
        *end += v.length;
        c->to->control.long_texts++;
    }
    buf_release(&text);
    return rc;
}

int copy_longs(struct copy *c, struct err *e)
{
    struct map known = { 0 };
    uint64_t end = 0;
    int rc = 0;
    for (size_t k = 0; k < c->sources && !rc; k++) {
        const struct longs *l;
        rc = longs_open(c->source[k].s, &l, e);
        for (size_t i = 0; !rc && i < l->count; i++)
            if (longs_sound(l, i)) rc = copy_long(c, &c->source[k], &l->record[i], &known, &end, e);
    }
    map_release(&known);
    return rc;
}

int copy_records(struct copy *c, struct err *e)
{
    struct map known = { 0 }, seen[2] = { { 0 }, { 0 } };
    int rc = 0;
    for (size_t k = 0; k < c->sources && !rc; k++) rc = copy_grids(c, &c->source[k], &known, seen, e);
    map_release(&known);
    map_release(&seen[0]);
    map_release(&seen[1]);
    return rc || (copy_chooses(c) && rename_grids(c, e)) || copy_sweeps(c, e) ? -1 : 0;
}
