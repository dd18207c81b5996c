#include "copy/rows.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "copy/choose.h"
#include "copy/records.h"
#include "copy/say.h"
#include "disk/types.h"
#include "store/annex.h"
#include "store/family.h"
#include "store/longs.h"
#include "store/row.h"

#include <stdio.h>
#include <string.h>

/* What came of an attempt, or -1 with *e filled: the copy cannot be written. */
enum { COPIED, NOT_COPIED };
/* Which source is preferred: done, failed, blocked, the rest. */
enum { UNFINISHED = 3 };

struct row_copy {
    struct copy *c;
    const struct item *item;
    const struct spot *spot; /* [sources]                              */
    size_t source;           /* that `from` is of                      */
    struct store_row from, to;
    struct longs_whole canonical;
    struct input_record inputs;
    struct err fault; /* what is wrong with the source's row */
    bool said;
};

static const struct source *source_of(const struct row_copy *w)
{
    return &w->c->source[w->source];
}

static const struct family *family_of(const struct row_copy *w)
{
    return &source_of(w)->s->family[w->from.family];
}

static void say(struct row_copy *w, enum copy_event event, const char *what)
{
    char id[ID_CHARS + 1];
    copy_say(w->c, event, source_of(w), id_text(w->item->id, id), what);
    w->said = true;
}

/* ---- what belongs to a row ---- */

static bool read_row(struct row_copy *w)
{
    w->fault = (struct err){ 0 };
    return !store_read_row(source_of(w)->s, w->spot[w->source].row, &w->from, NULL, &w->fault);
}

static bool read_texts(struct row_copy *w)
{
    struct store *s = source_of(w)->s;
    const uint32_t row = w->spot[w->source].row;
    struct input_record *in = &w->inputs;
    if (longs_read(s, row, &w->canonical, &w->fault) || table_read(s, TABLE_INPUTS, row, 1, in, &w->fault))
        return false;
    if (!longs_has_id(&w->canonical, w->item->id))
        return !err_set(&w->fault, ERR_STORE, "the hash of its canonical text is not its id");
    if (in->sum != (in->text[0] ? hash_sum(in->text, sizeof in->text) : 0))
        return !err_set(&w->fault, ERR_STORE, "the paths of its files do not agree with their checksum");
    return true;
}

static bool read_sums(struct row_copy *w)
{
    const struct family *f = family_of(w);
    if (sums_read(source_of(w)->s, f, (size_t)w->from.family_row, 0, f->parts, w->c->sums, &w->fault)) return false;
    if (sums_sum(f, w->c->sums) == w->from.data_sum) return true;
    return !err_set(&w->fault, ERR_STORE, "the checksums of its data are not those that its row vouches for");
}

/* A row of the copy's family; a second attempt at the same job takes the one that the first has left. */
static int take_slot(struct row_copy *w, struct err *e)
{
    struct copy *c = w->c;
    const uint32_t family = w->spot[w->source].family;
    struct copied_family *f = &c->family[family];
    size_t *slot = &c->slot[w->source];
    for (size_t k = 0; k < c->sources; k++)
        if (w->spot[k].row != COPY_NOWHERE && w->spot[k].family == family && c->slot[k] != SIZE_MAX)
            *slot = c->slot[k];
    const bool fresh = *slot == SIZE_MAX;
    if (fresh) *slot = f->used++;
    MUST(*slot < f->rows);
    w->to = w->from;
    row_end_next(&w->to);
    w->to.next_state =
        w->from.next_state == NEXT_NONE || w->from.next_state == NEXT_CONFIRM ? w->from.next_state : NEXT_PENDING;
    w->to.family = (int64_t)f->index;
    w->to.family_row = (int64_t)*slot;
    const struct family *to = &c->to->family[f->index];
    return fresh ? 0 : sums_write(c->to, to, *slot, 0, to->parts, c->none, e);
}

/* Array i of the source's family has its twin at the same path. */
static size_t twin_of(const struct row_copy *w, size_t i)
{
    return store_array_find(w->c->to, (size_t)w->to.family, family_of(w)->is.array[i].path);
}

static int copy_part(struct row_copy *w, size_t i, size_t twin, size_t part, struct err *e)
{
    struct copy *c = w->c;
    const size_t bytes = family_of(w)->array[i].bytes;
    if (store_get(source_of(w)->s, &w->from, i, part, c->part, bytes, &w->fault)) return NOT_COPIED;
    return store_put(c->to, &w->to, twin, part, c->part, bytes, e) ? -1 : COPIED;
}

/* Those of arrays [first, end) that c->sums vouch for. */
static int copy_parts(struct row_copy *w, size_t first, size_t end, struct err *e)
{
    const struct family *f = family_of(w);
    for (size_t i = first; i < end; i++) {
        const struct store_array *a = &f->is.array[i];
        const size_t twin = twin_of(w, i);
        for (size_t part = 0; part < store_parts(a) && !a->scratch; part++) {
            if (!w->c->sums[f->array[i].first + part]) continue;
            const int rc = copy_part(w, i, twin, part, e);
            if (rc != COPIED) return rc;
        }
    }
    return COPIED;
}

/* ---- what was measured later: a fault in it is said, and costs the job nothing else ---- */

static bool has_same_annex(const struct family *f, const struct annex *a)
{
    for (size_t i = 0; i < f->annexes; i++)
        if (!strcmp(f->annex[i].path, a->path))
            return !strcmp(f->annex[i].about, a->about) && f->annex[i].parts == a->parts;
    return false;
}

static int copy_annex(struct row_copy *w, const struct annex *a, struct err *e)
{
    struct copy *c = w->c;
    const uint64_t word = c->sums[a->first + a->parts];
    size_t first, end;
    if (!word || store_annex_done(c->to, &w->to, a->path)) return COPIED;
    if (!has_same_annex(&c->to->family[w->to.family], a)) {
        say(w, COPY_MEASURED, a->path);
        return COPIED;
    }
    annex_arrays(family_of(w), a, &first, &end);
    int rc = word == annex_sum(a, c->sums) ? copy_parts(w, first, end, e) : NOT_COPIED;
    if (rc == COPIED) return store_annex_commit(c->to, &w->to, a->path, e);
    if (rc == NOT_COPIED) say(w, COPY_DAMAGED, a->path);
    return rc < 0 ? -1 : COPIED;
}

static int copy_annexes(struct row_copy *w, struct err *e)
{
    const struct family *f = family_of(w);
    for (size_t i = 0; i < f->annexes; i++)
        if (copy_annex(w, &f->annex[i], e)) return -1;
    return COPIED;
}

/* What is there, of the scratch arrays or of the others.  A run may be writing it: of two resume points one is
 * enough, and what is not there just now the resumed job writes again. */
static int copy_present(struct row_copy *w, bool scratch, struct err *e)
{
    struct store *from = source_of(w)->s;
    const struct family *f = family_of(w);
    for (size_t i = 0; i < f->own_arrays; i++) {
        const struct store_array *a = &f->is.array[i];
        const size_t twin = twin_of(w, i);
        if (twin == SIZE_MAX) continue; /* families of format 1 have lost it */
        for (size_t part = 0; part < store_parts(a) && a->scratch == scratch; part++) {
            if (!store_has(from, &w->from, i, part)) continue;
            const int rc = copy_part(w, i, twin, part, e);
            if (rc == NOT_COPIED && (scratch || !store_has(from, &w->from, i, part))) continue;
            if (rc != COPIED) return rc;
        }
    }
    return COPIED;
}

/* What a longer job goes on with. */
static int copy_end(struct row_copy *w, struct err *e)
{
    return w->from.state == JOB_DONE && copy_present(w, true, e) < 0 ? -1 : 0;
}

/* ---- rows ---- */

/* Rows of format 1 do not say it, their families do. */
static void judge(struct row_copy *w)
{
    struct store_row *r = &w->to;
    struct judged found = { r->threshold, r->eval_every };
    if (found.spacing == COLUMN_NO_INT) w->c->wish->judge(&family_of(w)->is, &found.threshold, &found.spacing);
    r->threshold = found.threshold;
    r->eval_every = found.spacing;
    for (size_t k = 0; k < w->c->sources; k++)
        if (w->spot[k].row != COPY_NOWHERE) w->c->source[k].judged[w->spot[k].row] = found;
}

static int put_row(struct row_copy *w, struct err *e)
{
    struct copy *c = w->c;
    struct store *to = c->to;
    const size_t row = store_rows(to);
    judge(w);
    columns_blank(to->form.column, memset(c->image, 0, to->form.bytes));
    convert_run(&source_of(w)->columns, source_of(w)->s->image, c->image);
    later_fill(&source_of(w)->later, buf_chars(&w->canonical.text), c->image);
    convert_run(&to->form.out, &w->to, c->image);
    row_seal(&to->form, c->image);
    if (table_write(to, TABLE_JOBS, row, 1, c->image, e) ||
        table_write(to, TABLE_CANONICAL, row, 1, w->canonical.record, e) ||
        (w->inputs.text[0] && table_write(to, TABLE_INPUTS, row, 1, &w->inputs, e)))
        return -1;
    to->control.rows++;
    map_add(&c->sweep_left, copy_sweep_key(w->to.sweep), 0);
    for (size_t k = 0; k < c->sources; k++)
        if (w->spot[k].row != COPY_NOWHERE) c->source[k].row[w->spot[k].row] = (uint32_t)row;
    return 0;
}

static int rank_of(const struct store_row *r)
{
    return r->state == JOB_DONE                                 ? 0
           : r->state == JOB_FAILED                             ? 1
           : r->state == JOB_BLOCKED || r->state == JOB_SKIPPED ? 2
                                                                : UNFINISHED;
}

static int copy_finished(struct row_copy *w, struct err *e)
{
    if (!read_texts(w) || !read_sums(w)) return NOT_COPIED;
    if (take_slot(w, e)) return -1;
    const int rc = copy_parts(w, 0, family_of(w)->own_arrays, e);
    return rc == COPIED && (copy_end(w, e) || copy_annexes(w, e) || put_row(w, e)) ? -1 : rc;
}

/* What does not agree may have been written just now. */
static int try_source(struct row_copy *w, int rank, struct err *e)
{
    uint64_t seen;
    do {
        if (!read_row(w)) break;
        if (rank_of(&w->from) != rank) return NOT_COPIED;
        seen = w->from.sequence;
        const int rc = copy_finished(w, e);
        if (rc != NOT_COPIED) return rc;
        const struct err fault = w->fault;
        if (read_row(w) && w->from.sequence == seen) {
            w->fault = fault;
            break;
        }
    } while (true);
    say(w, COPY_DAMAGED, w->fault.text);
    return NOT_COPIED;
}

/* The other stores that have done the same: the same bits, and more measures perhaps. */
static int look_at_others(struct row_copy *w, struct err *e)
{
    struct copy *c = w->c;
    const struct store_row kept = w->from;
    const size_t first = w->source;
    size_t others = 0;
    char text[600];
    for (size_t k = 0; k < c->sources && kept.state == JOB_DONE; k++) {
        if (k == first || w->spot[k].row == COPY_NOWHERE) continue;
        w->source = k;
        if (!read_row(w) || w->from.state != JOB_DONE) continue;
        others++;
        if (w->from.epochs_done < kept.epochs_done) continue; /* a rule ended it there: a part of what is kept */
        const bool same_family = w->spot[k].family == w->spot[first].family;
        text_brief(text, sizeof text, "%s than in %s, which is kept",
                   same_family ? "done with other bits" : "recorded otherwise",
                   text_shown(c->source[first].s->disk.path, 400));
        if (!same_family || w->from.data_sum != kept.data_sum)
            say(w, same_family ? COPY_DIFFERENT : COPY_RECORDED, text);
        else if (read_sums(w) && copy_annexes(w, e))
            return -1;
    }
    c->totals->shared += others > 0;
    return 0;
}

/* ---- what has not finished ---- */

/* The store that has trained it longest; w->from is then its row. */
static bool find_furthest(struct row_copy *w)
{
    size_t best = SIZE_MAX;
    int64_t epochs = 0;
    for (w->source = 0; w->source < w->c->sources; w->source++) {
        if (w->spot[w->source].row == COPY_NOWHERE || source_of(w)->s->format < 2 || !read_row(w)) continue;
        if (rank_of(&w->from) != UNFINISHED || w->from.epochs_done <= epochs) continue;
        epochs = w->from.epochs_done;
        best = w->source;
    }
    w->source = best;
    return best != SIZE_MAX && read_row(w);
}

/* It goes on where that store has left it.  Resume points come first: what a job has stored up to one of them is
 * there when that is. */
static int put_stopped(struct row_copy *w, struct err *e)
{
    if (!find_furthest(w) || !read_texts(w)) return NOT_COPIED;
    if (take_slot(w, e)) return -1;
    int rc = copy_present(w, true, e);
    if (rc == COPIED) rc = copy_present(w, false, e);
    if (rc == NOT_COPIED) say(w, COPY_DAMAGED, w->fault.text);
    w->to.state = JOB_PENDING;
    return rc == COPIED && put_row(w, e) ? -1 : rc;
}

/* Nobody has begun it, or not in a way that can be read: it begins anew. */
static int put_pending(struct row_copy *w, struct err *e)
{
    struct copy *c = w->c;
    for (w->source = 0; w->source < c->sources; w->source++) {
        if (w->spot[w->source].row == COPY_NOWHERE) continue;
        if (read_row(w) && read_texts(w)) {
            if (take_slot(w, e)) return -1;
            row_forget(&w->to);
            return put_row(w, e);
        }
        if (!w->said) say(w, COPY_DAMAGED, w->fault.text);
    }
    return 0;
}

/* Stores that have trained a job further come first: what a stop rule ended earlier is the beginning of it. */
static void put_in_order(struct row_copy *w)
{
    struct copy *c = w->c;
    for (size_t k = 0; k < c->sources; k++) {
        size_t at = k;
        w->source = k;
        const bool done =
            w->spot[k].row != COPY_NOWHERE && c->sources > 1 && read_row(w) && w->from.state == JOB_DONE;
        c->epochs[k] = done ? w->from.epochs_done : -1;
        for (; at > 0 && c->epochs[c->order[at - 1]] < c->epochs[k]; at--) c->order[at] = c->order[at - 1];
        c->order[at] = k;
    }
    w->fault = (struct err){ 0 };
}

static int put_item(struct row_copy *w, struct err *e)
{
    struct copy *c = w->c;
    for (size_t k = 0; k < c->sources; k++) c->slot[k] = SIZE_MAX;
    put_in_order(w);
    for (int rank = 0; rank < UNFINISHED; rank++)
        for (size_t k = 0; k < c->sources; k++) {
            w->source = c->order[k];
            if (w->spot[w->source].row == COPY_NOWHERE) continue;
            const int rc = try_source(w, rank, e);
            if (rc == NOT_COPIED) continue;
            c->totals->finished++;
            return rc || look_at_others(w, e) ? -1 : 0;
        }
    if (c->wish->archive) return w->item->needed ? put_pending(w, e) : 0;
    const int rc = put_stopped(w, e);
    return rc == NOT_COPIED ? put_pending(w, e) : rc;
}

static int copy_item(struct copy *c, size_t i, struct err *e)
{
    struct row_copy w = { .c = c, .item = &c->item[i], .spot = &c->spot[i * c->sources] };
    const int rc = put_item(&w, e);
    buf_release(&w.canonical.text);
    return rc;
}

static void show(struct copy *c, size_t i)
{
    char text[64];
    if (!log_terminal() || clock_wall() < c->shown + 0.5) return;
    MUST(text_print(text, sizeof text, "%zu of %zu jobs", i, c->items));
    log_progress(text);
    c->shown = clock_wall();
}

int copy_rows(struct copy *c, struct err *e)
{
    int rc = 0;
    c->slot = ARENA_NEW(&c->arena, c->sources, size_t);
    c->order = ARENA_NEW(&c->arena, c->sources, size_t);
    c->epochs = ARENA_NEW(&c->arena, c->sources, int64_t);
    for (size_t i = 0; i < c->items && !rc; i++) {
        if (copy_wants(c, &c->item[i])) rc = copy_item(c, i, e);
        show(c, i);
    }
    if (c->shown > 0) log_progress(NULL);
    c->totals->jobs = store_rows(c->to);
    return rc;
}
