#include "job/trajectory.h"
#include "base/map.h"
#include "base/text.h"
#include "job/judge.h"
#include "train/lr_schedule.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- the id ---- */

struct line { /* of a canonical text */
    const char *start, *value;
    size_t length, value_length;
};

static bool next_line(const char **text, struct line *out)
{
    if (!**text) return false;
    const char *end = strchr(*text, '\n');
    out->start = *text;
    out->length = end ? (size_t)(end - *text) + 1 : strlen(*text);
    const char *equals = memchr(*text, '=', out->length);
    out->value = equals ? equals + 1 : *text + out->length;
    out->value_length = out->length - (size_t)(out->value - *text) - (end != NULL);
    *text += out->length;
    return true;
}

static bool has_key(const struct line *l, const char *key)
{
    const size_t length = strlen(key);
    return l->length > length && !strncmp(l->start, key, length) && l->start[length] == '=';
}

static struct count count_of(const struct line *l)
{
    static const struct field f = { .key = "" };
    char text[32];
    struct count c;
    struct err e = { 0 };
    if (!text_copy(text, sizeof text, l->value, l->value_length) || clock_set_spacing_or_none(&f, &c, text, &e))
        return (struct count){ COLUMN_NO_INT, false };
    return c;
}

/* Is an end evaluated in any case?  Of two units nobody knows it here. */
static bool is_met(struct count end, struct count every)
{
    return every.number > 0 && end.steps == every.steps && end.number % every.number == 0;
}

static bool leads_to_end(const struct line *l)
{
    char text[LR_SCHEDULE_TEXT];
    struct lr_schedule s;
    struct err e = { 0 };
    return text_copy(text, sizeof text, l->value, l->value_length) &&
           (lr_schedule_parse(&s, text, &e) || lr_schedule_needs_end(&s));
}

void trajectory_of(const char *canonical, const struct trajectory *parent, struct trajectory *out)
{
    struct buf text = { 0 };
    struct line l, own = { .start = "" }, made_from = own;
    struct count every = { 0 }; /* between the ancestors' evaluations, where t or rewind is a rule */
    bool needs_end = false;
    out->length = (struct count){ COLUMN_NO_INT, false };
    while (next_line(&canonical, &l)) {
        if (has_key(&l, "training.epochs")) {
            own = l;
            out->length = count_of(&l);
        } else if (has_key(&l, "parent")) {
            made_from = l;
        } else {
            needs_end |= has_key(&l, "training.schedule") && leads_to_end(&l);
            if (has_key(&l, "t.eval_every")) every = count_of(&l);
            buf_add(&text, l.start, l.length);
        }
    }
    out->root = parent ? parent->root : out->length;
    const bool by_parent =
        parent && (every.number == 0 || (is_met(parent->length, every) && is_met(parent->root, every)));
    char id[ID_CHARS + 1];
    if (needs_end) buf_add(&text, own.start, own.length);
    if (by_parent)
        buf_print(&text, "trajectory=%s\n", id_text(parent->id, id));
    else
        buf_add(&text, made_from.start, made_from.length);
    out->id = id_of(buf_chars(&text), text.length);
    buf_release(&text);
}

/* ---- rows of earlier versions ---- */

enum { UNKNOWN, ASKED, KNOWN, LOST };

struct fill {
    struct store *s;
    const struct store_row *row;
    struct map rows; /* id -> row */
    struct trajectory *of;
    uint8_t *state; /* [rows] */
    struct buf canonical;
};

static void find(struct fill *f, uint32_t at)
{
    const struct store_row *r = &f->row[at];
    struct err ignored = { 0 };
    struct id id;
    uint32_t parent = UINT32_MAX;
    f->state[at] = ASKED; /* who is its own ancestor stays so */
    const bool has_parent = id_parse(r->parent, &id);
    if (has_parent && map_find(&f->rows, id, &parent) && f->state[parent] == UNKNOWN) find(f, parent);
    const bool whole = !has_parent || (parent != UINT32_MAX && f->state[parent] == KNOWN);
    f->state[at] = LOST;
    if (!whole || store_read_texts(f->s, at, &f->canonical, NULL, &ignored)) return;
    trajectory_of(buf_chars(&f->canonical), has_parent ? &f->of[parent] : NULL, &f->of[at]);
    f->state[at] = KNOWN;
}

static bool lacks(const struct store_row *r)
{
    return r->state != JOB_UNUSED && !r->again && !r->trajectory[0];
}

static int fill_row(struct fill *f, uint32_t at, struct store_row *row, struct err *e)
{
    struct store_row r;
    char id[ID_CHARS + 1];
    if (store_read_row(f->s, at, &r, NULL, e)) return -1;
    memcpy(r.trajectory, id_text(f->of[at].id, id), ID_CHARS);
    memcpy(row->trajectory, r.trajectory, ID_CHARS);
    return store_write_row(f->s, at, &r, e);
}

int trajectory_fill(struct store *s, struct store_row *rows, struct err *e)
{
    struct arena a = { 0 };
    const size_t count = store_rows(s);
    struct fill f = { .s = s, .row = rows };
    struct id id;
    bool any = false;
    int rc = 0;
    for (size_t i = 0; i < count && !any; i++) any = lacks(&rows[i]);
    if (!any) return 0;
    f.of = ARENA_NEW(&a, count, struct trajectory);
    f.state = ARENA_NEW(&a, count, uint8_t);
    for (uint32_t i = 0; i < count; i++)
        if (rows[i].state != JOB_UNUSED && id_parse(rows[i].id, &id)) map_add(&f.rows, id, i);
    for (uint32_t i = 0; i < count && !rc; i++) {
        if (!lacks(&rows[i])) continue;
        if (f.state[i] == UNKNOWN) find(&f, i);
        if (f.state[i] == KNOWN) rc = fill_row(&f, i, &rows[i], e);
    }
    map_release(&f.rows);
    buf_release(&f.canonical);
    arena_release(&a);
    return rc;
}

/* ---- what a longer job finds ---- */

bool trajectory_has_end(struct store *s, const struct store_row *r)
{
    const size_t resume = store_array_find(s, (size_t)r->family, "resume");
    return resume != SIZE_MAX && (store_has(s, r, resume, 0) || store_has(s, r, resume, 1));
}

/* The first epoch of the longer one that the shorter one, trained so far, does not have: it may have ended within
 * one.
 */
static int64_t end_of(const struct watch *longer, const struct watch *shorter, int64_t trained)
{
    const int64_t end = watch_carry(longer->clock, shorter->clock, trained);
    return end < 0 ? trained / clock_epoch(shorter->clock) + 1 : end;
}

/* Where the longer one's points, as far as they lie before the end, stand in the curves of the shorter one. SIZE_MAX:
 * one of them is missing. */
static size_t find_points(const struct watch *longer, const struct watch *shorter, int64_t end, int64_t *epoch,
                          size_t *place)
{
    size_t count = 0;
    if (longer->series_every) return SIZE_MAX; /* curves of earlier versions lack evaluations */
    watch_list_points(longer, epoch);
    for (; count < watch_points(longer) && epoch[count] < end; count++) {
        const int64_t at = watch_carry(shorter->clock, longer->clock, epoch[count]);
        place[count] = at < 0 ? SIZE_MAX : watch_point(shorter, at);
        if (place[count] == SIZE_MAX) return SIZE_MAX;
    }
    return count;
}

bool trajectory_extends(const struct watch *longer, const struct watch *shorter)
{
    struct arena a = { 0 };
    int64_t *epoch = ARENA_NEW(&a, watch_points(longer), int64_t);
    size_t *place = ARENA_NEW(&a, watch_points(longer), size_t);
    const int64_t end = end_of(longer, shorter, shorter->epochs);
    bool extends = longer->epochs >= end && longer->by_loss == shorter->by_loss &&
                   find_points(longer, shorter, end, epoch, place) != SIZE_MAX;
    for (size_t j = 0; j < longer->judges && extends; j++) extends = watch_has_judge(shorter, &longer->judge[j]);
    for (size_t i = 0; i < longer->checkpoints && extends; i++)
        extends =
            longer->checkpoint[i] >= end ||
            watch_epoch_slot(shorter, watch_carry(shorter->clock, longer->clock, longer->checkpoint[i])) != SIZE_MAX;
    for (size_t i = 0; i < longer->moments && extends; i++)
        extends = watch_slot(shorter, &longer->moment[i].t, &longer->judge[longer->moment[i].judge]) != SIZE_MAX;
    arena_release(&a);
    return extends;
}

/* The first evaluation before the end at which a judge has passed. */
static int64_t first_pass(const struct trajectory_past *p, const struct watch *w, const struct judge *judge,
                          const int64_t *epoch, size_t loss, size_t accuracy)
{
    for (size_t i = 0; i < p->points; i++)
        if (watch_judges_at(w, judge, epoch[i]) && watch_passes(w, judge, p->series[loss][i], p->series[accuracy][i]))
            return epoch[i];
    return COLUMN_NO_INT;
}

static int read_curves(struct store *s, const struct store_row *r, const struct watch *shorter,
                       const struct watch *longer, const size_t *place, struct trajectory_past *out, struct arena *a,
                       struct err *e)
{
    const size_t have = watch_points(shorter), points = watch_points(longer);
    double *curve = ARENA_NEW(a, have, double);
    for (size_t i = 0; i < ARRAY_LEN(out->series); i++) {
        if (store_get(s, r, ARRAY_TRAIN_LOSS + i, 0, curve, have * sizeof *curve, e)) return -1;
        out->series[i] = ARENA_NEW(a, points, double);
        for (size_t p = 0; p < points; p++) out->series[i][p] = p < out->points ? curve[place[p]] : (double)NAN;
    }
    return 0;
}

int trajectory_look(struct store *s, const struct store_row *r, const struct watch *shorter,
                    const struct watch *longer, struct trajectory_past *out, bool *whole, struct arena *a,
                    struct err *e)
{
    int64_t *epoch = ARENA_NEW(a, watch_points(longer), int64_t);
    size_t *place = ARENA_NEW(a, watch_points(longer), size_t);
    const int64_t end = end_of(longer, shorter, r->epochs_done);
    *out = (struct trajectory_past){ .epoch = end,
                                     .points = find_points(longer, shorter, end, epoch, place),
                                     .place = place };
    *whole = end <= longer->epochs && shorter->by_loss == longer->by_loss && out->points != SIZE_MAX;
    if (!*whole) return 0;
    if (read_curves(s, r, shorter, longer, place, out, a, e)) return -1;
    for (size_t j = 0; j < longer->judges; j++) {
        const struct judge *judge = &longer->judge[j];
        out->reached[j].epoch[MOMENT_MEM] =
            first_pass(out, longer, judge, epoch, ARRAY_TRAIN_LOSS, ARRAY_TRAIN_ACCURACY);
        out->reached[j].epoch[MOMENT_GEN] =
            first_pass(out, longer, judge, epoch, ARRAY_TEST_LOSS, ARRAY_TEST_ACCURACY);
    }
    out->slot = ARENA_NEW(a, watch_slots(longer), size_t);
    for (size_t i = 0; i < watch_slots(longer) && *whole; i++) {
        const int64_t epoch_of = watch_slot_epoch(longer, i, out->reached);
        const struct moment at = moment_of(clock_count(longer->clock, epoch_of));
        bool never;
        out->slot[i] = SIZE_MAX;
        if (epoch_of < 0 || epoch_of >= out->epoch) continue;
        if (judge_slot(s, r, shorter, NULL, &at, &out->slot[i], &never, e)) return -1;
        *whole = out->slot[i] != SIZE_MAX;
    }
    return 0;
}
