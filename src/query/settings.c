#include "query/settings.h"
#include "base/map.h"
#include "base/order.h"
#include "base/text.h"
#include "disk/types.h"
#include "store/row.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    T_MEM = SETTING_MEM,
    T_GEN = SETTING_GEN,
    TAU_GROK = SETTING_TAU,
    TRAIN_ACCURACY,
    TEST_ACCURACY,
    TRAIN_LOSS,
    TEST_LOSS,
    RESULTS
};

/* How a grid judges a job. */
struct view {
    double threshold;
    int64_t spacing;
    const char *stop; /* STORE_STOP bytes */
    const char *unit; /* of the spacing and the results */
};

/* A job as it is judged, kept until all have been seen.  Those of a row stand together: its own view first, if a grid
 * has that or none uses it, then those of its grids. */
struct seen {
    uint32_t row;
    struct view view;
    uint64_t own; /* checksum of all that its setting is, but for its parent */
    struct id parent;
    bool has_parent, open, done; /* open: its setting is being looked for; done: its results are known */
    double result[RESULTS];
    double least[SETTING_LATE]; /* of what is not known yet: where the job ended; else the result */
};

struct scan {
    struct store *s;
    struct settings *out;
    struct store_grid *use;
    uint32_t *used, *order; /* [rows + 1] where the uses of a row begin in order */
    struct seen *seen;
    size_t count;
    uint32_t *first; /* [rows + 1] where those of a row begin in seen */
    size_t *of;      /* [count] settings */
    struct map row_of;
    const struct column **from; /* [keys] where the file's rows have them */
    struct buf record;
};

/* ---- what a row says ---- */

/* Columns of the store itself that define what the results are. */
static const char *const defining[] = { "eval_every", "threshold", "stop", "length_unit" };

static const char *text_of(struct arena *a, const char *text)
{
    return text ? arena_text(a, text, strlen(text)) : NULL;
}

/* It is there when the store, whose column it is, has been closed. */
static struct column own_column(struct arena *a, const struct column *c)
{
    struct column own = *c;
    size_t names = 0;
    own.name = text_of(a, c->name);
    own.unit = text_of(a, c->unit);
    own.help = text_of(a, c->help);
    if (!c->names) return own;
    while (c->names[names]) names++;
    const char **copy = ARENA_NEW(a, names + 1, const char *);
    for (size_t i = 0; i < names; i++) copy[i] = text_of(a, c->names[i]);
    own.names = copy;
    return own;
}

static void list_keys(struct scan *scan)
{
    struct settings *out = scan->out;
    const struct row_form *form = &scan->s->form;
    const size_t spec = columns_count(form->spec), most = spec + ARRAY_LEN(defining);
    struct column *key = ARENA_NEW(&out->arena, most + 1, struct column);
    scan->from = ARENA_NEW(&out->arena, most + 1, const struct column *);
    for (size_t i = 0; i < most; i++) {
        const char *name = i < spec ? form->spec[i].name : defining[i - spec];
        const struct column *from = columns_find(form->column, name);
        if (!from) continue; /* of an earlier version */
        scan->from[out->keys] = from;
        key[out->keys] = own_column(&out->arena, from);
        key[out->keys++].offset = out->record_bytes;
        out->record_bytes += (column_size(from->type, from->size) + 7) / 8 * 8;
    }
    out->key = key;
}

/* What stands behind the end of a text is no part of it. */
static void take_record(const struct scan *scan, const char *image, const struct view *view, char *record)
{
    memset(record, 0, scan->out->record_bytes);
    for (size_t i = 0; i < scan->out->keys; i++) {
        const struct column *c = scan->from[i];
        const char *value = image + c->offset;
        const void *const own[] = { &view->spacing, &view->threshold, view->stop, view->unit };
        for (size_t d = 0; d < ARRAY_LEN(own); d++)
            if (!strcmp(c->name, defining[d])) value = own[d];
        const size_t bytes = c->type == COLUMN_TEXT ? strnlen(value, c->size) : column_size(c->type, c->size);
        memcpy(record + scan->out->key[i].offset, value, bytes);
    }
}

static void add_text(struct buf *b, const char *text, size_t size)
{
    buf_add(b, text, strnlen(text, size));
    buf_add(b, "", 1);
}

/* A name counts only where nothing says what it stands for. */
static void add_name(struct buf *b, const struct scan *scan, const char *kind, const char *name, size_t size)
{
    if (!columns_find(scan->s->form.spec, kind)) add_text(b, name, size);
}

static uint64_t own_sum(struct scan *scan, const char *image, const struct store_row *r, const struct view *view)
{
    struct buf *b = &scan->record;
    buf_clear(b);
    take_record(scan, image, view, buf_room(b, scan->out->record_bytes));
    add_text(b, r->t_asked, sizeof r->t_asked);
    buf_add(b, (const char *)&r->k, sizeof r->k);
    add_name(b, scan, "task_kind", r->task, sizeof r->task);
    add_name(b, scan, "model_kind", r->model, sizeof r->model);
    add_name(b, scan, "training_kind", r->training, sizeof r->training);
    add_name(b, scan, "control_kind", r->control, sizeof r->control);
    return hash_sum(b->bytes, b->length);
}

static double or_never(int64_t epoch)
{
    return epoch >= 0 ? (double)epoch : (double)INFINITY;
}

/* What came of a job, as it is judged. */
struct found {
    int64_t t_mem, t_gen, end;
    bool ended; /* by a rule, before its length: what did not come may still come */
    double tau_grok, train_loss, train_accuracy, test_loss, test_accuracy;
};

/* Where they did not come, they are later than the end, and the ratio is more than it would have been there. */
static void take_least(struct seen *seen, const struct found *f)
{
    memcpy(seen->least, seen->result, sizeof seen->least);
    if (!f->ended) return;
    if (f->t_mem < 0) seen->least[T_MEM] = (double)f->end;
    if (f->t_gen >= 0) return;
    seen->least[T_GEN] = (double)f->end;
    if (f->t_mem != 0) seen->least[TAU_GROK] = f->t_mem > 0 ? (double)f->end / (double)f->t_mem : 0;
}

/* Without a t_gen the ratio is never, too; to a t_mem of 0 there is none. */
static void take_results(struct seen *seen, const struct store_row *r, const struct found *f)
{
    double *result = seen->result;
    result[T_MEM] = or_never(f->t_mem);
    result[T_GEN] = or_never(f->t_gen);
    result[TAU_GROK] = f->t_mem == 0 ? (double)NAN : f->t_gen < 0 ? (double)INFINITY : f->tau_grok;
    result[TRAIN_ACCURACY] = f->train_accuracy;
    result[TEST_ACCURACY] = f->test_accuracy;
    result[TRAIN_LOSS] = f->train_loss;
    result[TEST_LOSS] = f->test_loss;
    take_least(seen, f);
    seen->done = r->state == JOB_DONE;
}

static void take_own(struct seen *seen, const struct store_row *r)
{
    const int64_t end = r->end >= 0 ? r->end : r->epochs_done;
    take_results(seen, r,
                 &(struct found){ r->t_mem, r->t_gen, end, r->ended_by[0] != '\0', r->tau_grok, r->train_loss,
                                  r->train_accuracy, r->test_loss, r->test_accuracy });
}

/* Earlier versions left the metrics to the job, which had its length. */
static void take_use(struct seen *seen, const struct store_row *r, const struct store_grid *use)
{
    const bool said = !isnan(use->test_loss);
    take_results(
        seen, r,
        &(struct found){ use->t_mem, use->t_gen, use->end, use->ended_by[0] != '\0', use->tau_grok,
                         said ? use->train_loss : r->train_loss, said ? use->train_accuracy : r->train_accuracy,
                         said ? use->test_loss : r->test_loss, said ? use->test_accuracy : r->test_accuracy });
}

static bool is_alike(const struct view *a, const struct view *b)
{
    return a->spacing == b->spacing && !memcmp(&a->threshold, &b->threshold, sizeof a->threshold) &&
           !strncmp(a->stop, b->stop, STORE_STOP) && !strcmp(a->unit, b->unit);
}

/* Of earlier versions' grids nothing is said: they judge as the job does. */
static struct view view_of(const struct store_grid *use, const struct view *own)
{
    if (use->spacing == COLUMN_NO_INT) return *own;
    return (struct view){ use->threshold, use->spacing, use->stop, store_unit(use->unit) };
}

/* Of a row of which some are listed already; a new one if none is that. */
static struct seen *seen_of(struct scan *scan, uint32_t row, struct view view)
{
    for (size_t i = scan->first[row]; i < scan->count; i++)
        if (is_alike(&scan->seen[i].view, &view)) return &scan->seen[i];
    scan->seen[scan->count] = (struct seen){ .row = row, .view = view };
    return &scan->seen[scan->count++];
}

static bool is_judged(const struct scan *scan, uint32_t row, const struct view *own)
{
    bool judged = scan->used[row] == scan->used[row + 1];
    for (size_t i = scan->used[row]; i < scan->used[row + 1] && !judged; i++) {
        const struct view view = view_of(&scan->use[scan->order[i]], own);
        judged = is_alike(&view, own);
    }
    return judged;
}

/* One that stays: most rows have none, or that of a grid. */
static const char *own_stop(struct scan *scan, uint32_t row, const struct store_row *r)
{
    for (size_t i = scan->used[row]; i < scan->used[row + 1]; i++) {
        const char *stop = scan->use[scan->order[i]].stop;
        if (!strncmp(stop, r->stop, sizeof r->stop)) return stop;
    }
    return r->stop[0] ? memcpy(arena_alloc(&scan->out->arena, STORE_STOP), r->stop, STORE_STOP) : "";
}

static void list_views(struct scan *scan, uint32_t row, const struct store_row *r)
{
    const struct view own = { r->threshold, r->eval_every, own_stop(scan, row, r), store_unit(r->length_unit) };
    if (is_judged(scan, row, &own)) take_own(seen_of(scan, row, own), r);
    for (size_t i = scan->used[row]; i < scan->used[row + 1]; i++) {
        const struct store_grid *use = &scan->use[scan->order[i]];
        struct seen *seen = seen_of(scan, row, view_of(use, &own));
        if (!seen->done && use->end >= 0) take_use(seen, r, use);
    }
}

static void see_row(void *ctx, uint32_t row, void *image, bool intact)
{
    struct scan *scan = ctx;
    struct store_row r;
    struct id id;
    scan->first[row] = scan->first[row + 1] = (uint32_t)scan->count;
    if (!intact) return;
    row_unpack(&scan->s->form, image, &r);
    if (r.state == JOB_UNUSED || !id_parse(r.id, &id)) return;
    (void)map_add(&scan->row_of, id, row);
    list_views(scan, row, &r);
    for (size_t i = scan->first[row]; i < scan->count; i++) {
        struct seen *seen = &scan->seen[i];
        seen->own = own_sum(scan, image, &r, &seen->view);
        seen->has_parent = id_parse(r.parent, &seen->parent);
    }
    scan->first[row + 1] = (uint32_t)scan->count;
}

/* The uses of each row, in their order. */
static int list_uses(struct scan *scan, struct err *e)
{
    struct arena *a = &scan->out->arena;
    const size_t rows = store_rows(scan->s);
    size_t uses;
    if (store_read_uses(scan->s, a, &scan->use, &uses, e)) return -1;
    scan->used = ARENA_NEW(a, rows + 2, uint32_t);
    scan->order = ARENA_NEW(a, uses + 1, uint32_t);
    for (size_t i = 0; i < uses; i++) scan->used[scan->use[i].row + 2]++;
    for (size_t i = 0; i <= rows; i++) scan->used[i + 1] += scan->used[i];
    for (size_t i = 0; i < uses; i++) scan->order[scan->used[scan->use[i].row + 1]++] = (uint32_t)i;
    scan->seen = ARENA_NEW(a, rows + uses + 1, struct seen);
    scan->first = ARENA_NEW(a, rows + 1, uint32_t);
    return 0;
}

/* ---- which setting each is of ---- */

struct key {
    uint64_t own, parent;
};

/* The setting with that key; a new one if there is none. */
static size_t number_of(struct scan *scan, struct map *number, struct key key)
{
    struct settings *out = scan->out;
    const struct id id = id_of(&key, sizeof key);
    const uint32_t found = map_number(number, id);
    if (found == out->settings) out->setting[out->settings++] = (struct setting){ .parent = (size_t)key.parent };
    return found;
}

/* The parent, judged alike if a grid does so; itself if it has none, or one that is not there or being looked at. */
static uint32_t parent_of(const struct scan *scan, uint32_t i)
{
    uint32_t row;
    const struct seen *seen = &scan->seen[i];
    if (!seen->has_parent || !map_find(&scan->row_of, seen->parent, &row)) return i;
    uint32_t parent = scan->first[row];
    for (uint32_t k = parent; k < scan->first[row + 1]; k++)
        if (is_alike(&scan->seen[k].view, &seen->view)) parent = k;
    return scan->seen[parent].open ? i : parent;
}

/* Ancestors first.  path: [count] room for the way to them. */
static void place(struct scan *scan, struct map *number, uint32_t i, uint32_t *path)
{
    size_t depth = 0, parent = SIZE_MAX;
    for (;;) {
        if (scan->of[i] != SIZE_MAX) {
            parent = scan->of[i];
            break;
        }
        scan->seen[i].open = true;
        path[depth++] = i;
        const uint32_t next = parent_of(scan, i);
        if (next == i) break;
        i = next;
    }
    while (depth-- > 0) {
        parent = number_of(scan, number, (struct key){ scan->seen[path[depth]].own, parent });
        scan->of[path[depth]] = parent;
        scan->seen[path[depth]].open = false;
    }
}

/* In the order of their first jobs, whatever ancestors were looked at before.  first: [settings] in seen. */
static void put_in_order(struct scan *scan, uint32_t *first)
{
    struct settings *out = scan->out;
    struct setting *was = ARENA_NEW(&out->arena, out->settings + 1, struct setting);
    size_t *now = ARENA_NEW(&out->arena, out->settings + 1, size_t), next = 0;
    memcpy(was, out->setting, out->settings * sizeof *was);
    for (size_t i = 0; i < out->settings; i++) now[i] = SIZE_MAX;
    for (size_t i = 0; i < scan->count; i++) {
        size_t *to = &now[scan->of[i]];
        if (*to == SIZE_MAX) {
            *to = next++;
            out->setting[*to] = was[scan->of[i]];
            out->setting[*to].row = scan->seen[i].row;
            first[*to] = (uint32_t)i;
        }
        scan->of[i] = *to;
    }
    for (size_t i = 0; i < out->settings; i++)
        if (out->setting[i].parent != SIZE_MAX) out->setting[i].parent = now[out->setting[i].parent];
}

static void divide(struct scan *scan, size_t rows, uint32_t **first)
{
    struct settings *out = scan->out;
    struct map number = { 0 };
    uint32_t *path = ARENA_NEW(&out->arena, scan->count + 1, uint32_t);
    scan->of = ARENA_NEW(&out->arena, scan->count + 1, size_t);
    out->setting = ARENA_NEW(&out->arena, scan->count + 1, struct setting);
    for (size_t i = 0; i < scan->count; i++) scan->of[i] = SIZE_MAX;
    for (size_t i = 0; i < scan->count; i++) place(scan, &number, (uint32_t)i, path);
    map_release(&number);
    *first = ARENA_NEW(&out->arena, out->settings + 1, uint32_t);
    put_in_order(scan, *first);
    out->of = ARENA_NEW(&out->arena, rows + 1, size_t);
    for (size_t row = 0; row < rows; row++)
        out->of[row] = scan->first[row] < scan->first[row + 1] ? scan->of[scan->first[row]] : SIZE_MAX;
}

/* ---- results ---- */

/* Of those that are numbers, never among them: between a number and never lies never. */
static double median(double *value, size_t count, size_t *numbers)
{
    *numbers = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(value[i])) value[(*numbers)++] = value[i];
    if (!*numbers) return (double)NAN;
    qsort(value, *numbers, sizeof *value, order_double);
    const double low = value[(*numbers - 1) / 2], high = value[*numbers / 2];
    return low == high ? low : (low + high) / 2;
}

/* If the median would be another one where all that is not known had come at once, it is not known. */
static double find_least(const struct setting *g, const struct scan *scan, const uint32_t *of, size_t k,
                         double *middle, double *value)
{
    size_t done = 0, numbers;
    if (!g->unknown[k]) return (double)NAN;
    for (size_t i = 0; i < g->jobs; i++)
        if (scan->seen[of[i]].done) value[done++] = scan->seen[of[i]].least[k];
    const double least = median(value, done, &numbers);
    if (!(least < *middle)) return (double)NAN;
    *middle = (double)NAN;
    return least;
}

/* value: room for as many as there are jobs. */
static void sum_up(struct setting *g, const struct scan *scan, const uint32_t *of, double *value)
{
    double *const middle[RESULTS] = { &g->t_mem,         &g->t_gen,      &g->tau_grok, &g->train_accuracy,
                                      &g->test_accuracy, &g->train_loss, &g->test_loss };
    size_t numbers[RESULTS];
    for (size_t i = 0; i < g->jobs; i++) {
        const struct seen *seen = &scan->seen[of[i]];
        g->done += seen->done;
        g->memorised += seen->done && isfinite(seen->result[T_MEM]);
        g->generalised += seen->done && isfinite(seen->result[T_GEN]);
        g->finite_ratios += seen->done && isfinite(seen->result[TAU_GROK]);
        for (size_t k = 0; k < SETTING_LATE; k++) g->unknown[k] += seen->done && seen->least[k] < seen->result[k];
    }
    for (size_t k = 0; k < RESULTS; k++) {
        size_t done = 0;
        for (size_t i = 0; i < g->jobs; i++)
            if (scan->seen[of[i]].done) value[done++] = scan->seen[of[i]].result[k];
        *middle[k] = median(value, done, &numbers[k]);
        if (k < SETTING_LATE) g->above[k] = find_least(g, scan, of, k, middle[k], value);
    }
    g->ratios = numbers[TAU_GROK];
}

static void sum_up_all(const struct scan *scan)
{
    struct settings *out = scan->out;
    uint32_t *of = ARENA_NEW(&out->arena, scan->count + 1, uint32_t);
    size_t *end = ARENA_NEW(&out->arena, out->settings + 1, size_t), at = 0;
    double *value = ARENA_NEW(&out->arena, scan->count + 1, double);
    for (size_t i = 0; i < scan->count; i++) out->setting[scan->of[i]].jobs++;
    for (size_t i = 0; i < out->settings; at += out->setting[i++].jobs) end[i] = at;
    for (size_t i = 0; i < scan->count; i++) of[end[scan->of[i]]++] = (uint32_t)i;
    for (size_t i = 0; i < out->settings; i++)
        sum_up(&out->setting[i], scan, of + end[i] - out->setting[i].jobs, value);
}

/* ---- all of it ---- */

/* By its first job, and how that is judged where it is not the first of its views. */
static void name_setting(struct setting *g, const struct view *further)
{
    const int n = ID_CHARS;
    if (further)
        MUST(text_print(g->name, sizeof g->name, "%.*s@%g/%" PRId64 "%s%s%.*s", n, g->first.id, further->threshold,
                        further->spacing, store_in_steps(further->unit) ? "s" : "", further->stop[0] ? "/" : "",
                        STORE_STOP, further->stop));
    else
        MUST(text_print(g->name, sizeof g->name, "%.*s", n, g->first.id));
}

/* A row that is damaged by now keeps its place. */
static int read_first(struct scan *scan, const uint32_t *first, struct err *e)
{
    struct settings *out = scan->out;
    char *image = arena_alloc(&out->arena, scan->s->form.bytes);
    out->record = arena_array(&out->arena, out->settings + 1, out->record_bytes + 1);
    for (size_t i = 0; i < out->settings; i++) {
        bool intact;
        struct setting *g = &out->setting[i];
        const struct view *view = &scan->seen[first[i]].view;
        if (row_load(scan->s, g->row, image, &intact, e)) return -1;
        row_unpack(&scan->s->form, image, &g->first);
        name_setting(g, first[i] == scan->first[g->row] ? NULL : view);
        take_record(scan, image, view, out->record + i * out->record_bytes);
    }
    return 0;
}

int store_settings(struct store *s, struct settings *out, struct err *e)
{
    *out = (struct settings){ .keys = 0 };
    struct scan scan = { .s = s, .out = out };
    uint32_t *first;
    list_keys(&scan);
    int rc = list_uses(&scan, e);
    if (!rc) rc = rows_each(s, see_row, &scan, e);
    if (!rc) {
        divide(&scan, store_rows(s), &first);
        sum_up_all(&scan);
        rc = read_first(&scan, first, e);
    }
    if (!rc) settings_compare(out);
    map_release(&scan.row_of);
    buf_release(&scan.record);
    return rc;
}

void settings_release(struct settings *s)
{
    arena_release(&s->arena);
}
