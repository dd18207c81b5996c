#include "store/settings.h"

#include "store/private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { T_MEM, T_GEN, TAU_GROK, TRAIN_ACCURACY, TEST_ACCURACY, TRAIN_LOSS, TEST_LOSS, RESULTS };

/* What is kept of a row until all have been seen. */
struct seen {
    uint64_t own; /* checksum of all that its setting is, but for its parent; 0: the row is damaged */
    struct id parent;
    bool has_parent, open, done; /* open: its setting is being looked for */
    double result[RESULTS];      /* of a job that is done */
};

struct scan {
    struct store *s;
    struct settings *out;
    struct seen *seen;
    struct map row_of;
    const struct column **from; /* [keys] where the file's rows have them */
    struct buf record;
};

/* ---- what a row says ---- */

/* Two columns of the store itself define what t_mem and t_gen are. */
static const char *const defining[] = { "eval_every", "threshold" };

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
static void take_record(const struct scan *scan, const char *image, char *record)
{
    memset(record, 0, scan->out->record_bytes);
    for (size_t i = 0; i < scan->out->keys; i++) {
        const struct column *c = scan->from[i];
        const char *value = image + c->offset;
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

static uint64_t own_sum(struct scan *scan, const char *image, const struct store_row *r)
{
    struct buf *b = &scan->record;
    buf_clear(b);
    take_record(scan, image, buf_room(b, scan->out->record_bytes));
    add_text(b, r->t_asked, sizeof r->t_asked);
    buf_add(b, (const char *)&r->k, sizeof r->k);
    add_name(b, scan, "task_kind", r->task, sizeof r->task);
    add_name(b, scan, "model_kind", r->model, sizeof r->model);
    add_name(b, scan, "training_kind", r->training, sizeof r->training);
    add_name(b, scan, "control_kind", r->control, sizeof r->control);
    return checksum(b->bytes, b->length);
}

static double or_never(int64_t epoch)
{
    return epoch >= 0 ? (double)epoch : (double)INFINITY;
}

/* Without a t_gen the ratio is never, too; to a t_mem of 0 there is none. */
static void take_results(const struct store_row *r, double result[RESULTS])
{
    result[T_MEM] = or_never(r->t_mem);
    result[T_GEN] = or_never(r->t_gen);
    result[TAU_GROK] = r->t_mem == 0 ? (double)NAN : r->t_gen < 0 ? (double)INFINITY : r->tau_grok;
    result[TRAIN_ACCURACY] = r->train_accuracy;
    result[TEST_ACCURACY] = r->test_accuracy;
    result[TRAIN_LOSS] = r->train_loss;
    result[TEST_LOSS] = r->test_loss;
}

static void see_row(void *ctx, uint32_t row, void *image, bool intact)
{
    struct scan *scan = ctx;
    struct seen *seen = &scan->seen[row];
    struct store_row r;
    struct id id;
    if (!intact) return;
    row_unpack(&scan->s->form, image, &r);
    if (r.state == JOB_UNUSED || !id_parse(r.id, &id)) return;
    (void)map_add(&scan->row_of, id, row);
    seen->own = own_sum(scan, image, &r);
    seen->has_parent = id_parse(r.parent, &seen->parent);
    seen->done = r.state == JOB_DONE;
    take_results(&r, seen->result);
}

/* ---- which setting each row is of ---- */

struct key {
    uint64_t own, parent;
};

/* The setting with that key; a new one if there is none. */
static size_t number_of(struct scan *scan, struct map *number, struct key key, uint32_t row)
{
    struct settings *out = scan->out;
    const struct id id = id_of(&key, sizeof key);
    uint32_t found;
    if (map_find(number, id, &found)) return found;
    (void)map_add(number, id, (uint32_t)out->settings);
    out->setting[out->settings] = (struct setting){ .row = row, .parent = (size_t)key.parent };
    return out->settings++;
}

/* The row of the parent; its own row if it has none, or one that is not there or being looked at. */
static uint32_t parent_of(const struct scan *scan, uint32_t row)
{
    uint32_t parent;
    const struct seen *seen = &scan->seen[row];
    if (!seen->has_parent || !map_find(&scan->row_of, seen->parent, &parent)) return row;
    return scan->seen[parent].open ? row : parent;
}

/* Ancestors first.  path: [rows] room for the way to them. */
static void place(struct scan *scan, struct map *number, uint32_t row, uint32_t *path)
{
    size_t depth = 0, parent = SIZE_MAX;
    for (;;) {
        if (scan->out->of[row] != SIZE_MAX) {
            parent = scan->out->of[row];
            break;
        }
        scan->seen[row].open = true;
        path[depth++] = row;
        const uint32_t next = parent_of(scan, row);
        if (next == row) break;
        row = next;
    }
    while (depth-- > 0) {
        const struct key key = { scan->seen[path[depth]].own, parent };
        parent = number_of(scan, number, key, path[depth]);
        scan->out->of[path[depth]] = parent;
        scan->seen[path[depth]].open = false;
    }
}

struct place {
    uint32_t row;
    size_t was;
};

static int by_row(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

/* In the order of their first jobs, whatever ancestors were looked at before. */
static void put_in_order(struct settings *out, size_t rows)
{
    struct place *order = ARENA_NEW(&out->arena, out->settings + 1, struct place);
    struct setting *was = ARENA_NEW(&out->arena, out->settings + 1, struct setting);
    size_t *now = ARENA_NEW(&out->arena, out->settings + 1, size_t);
    for (size_t row = rows; row-- > 0;)
        if (out->of[row] != SIZE_MAX) out->setting[out->of[row]].row = (uint32_t)row;
    for (size_t i = 0; i < out->settings; i++) order[i] = (struct place){ out->setting[i].row, i };
    qsort(order, out->settings, sizeof *order, by_row);
    memcpy(was, out->setting, out->settings * sizeof *was);
    for (size_t i = 0; i < out->settings; i++) {
        out->setting[i] = was[order[i].was];
        now[order[i].was] = i;
    }
    for (size_t i = 0; i < out->settings; i++)
        if (out->setting[i].parent != SIZE_MAX) out->setting[i].parent = now[out->setting[i].parent];
    for (size_t row = 0; row < rows; row++)
        if (out->of[row] != SIZE_MAX) out->of[row] = now[out->of[row]];
}

static void divide(struct scan *scan, size_t rows)
{
    struct settings *out = scan->out;
    struct map number = { 0 };
    uint32_t *path = ARENA_NEW(&out->arena, rows + 1, uint32_t);
    out->of = ARENA_NEW(&out->arena, rows + 1, size_t);
    out->setting = ARENA_NEW(&out->arena, rows + 1, struct setting);
    for (size_t row = 0; row < rows; row++) out->of[row] = SIZE_MAX;
    for (size_t row = 0; row < rows; row++)
        if (scan->seen[row].own) place(scan, &number, (uint32_t)row, path);
    map_release(&number);
    put_in_order(out, rows);
}

/* ---- results ---- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of those that are numbers, never among them: between a number and never lies never. */
static double median(double *value, size_t count, size_t *numbers)
{
    *numbers = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(value[i])) value[(*numbers)++] = value[i];
    if (!*numbers) return (double)NAN;
    qsort(value, *numbers, sizeof *value, by_size);
    const double low = value[(*numbers - 1) / 2], high = value[*numbers / 2];
    return low == high ? low : (low + high) / 2;
}

/* value: room for as many as there are jobs. */
static void sum_up(struct setting *g, const struct scan *scan, const uint32_t *row, double *value)
{
    double *const middle[RESULTS] = { &g->t_mem,         &g->t_gen,      &g->tau_grok, &g->train_accuracy,
                                      &g->test_accuracy, &g->train_loss, &g->test_loss };
    size_t numbers[RESULTS];
    for (size_t i = 0; i < g->jobs; i++) {
        const struct seen *seen = &scan->seen[row[i]];
        g->done += seen->done;
        g->memorised += seen->done && isfinite(seen->result[T_MEM]);
        g->generalised += seen->done && isfinite(seen->result[T_GEN]);
        g->finite_ratios += seen->done && isfinite(seen->result[TAU_GROK]);
    }
    for (size_t k = 0; k < RESULTS; k++) {
        size_t done = 0;
        for (size_t i = 0; i < g->jobs; i++)
            if (scan->seen[row[i]].done) value[done++] = scan->seen[row[i]].result[k];
        *middle[k] = median(value, done, &numbers[k]);
    }
    g->ratios = numbers[TAU_GROK];
}

static void sum_up_all(const struct scan *scan, size_t rows)
{
    struct settings *out = scan->out;
    uint32_t *row = ARENA_NEW(&out->arena, rows + 1, uint32_t);
    size_t *end = ARENA_NEW(&out->arena, out->settings + 1, size_t), at = 0;
    double *value = ARENA_NEW(&out->arena, rows + 1, double);
    for (size_t i = 0; i < rows; i++)
        if (out->of[i] != SIZE_MAX) out->setting[out->of[i]].jobs++;
    for (size_t i = 0; i < out->settings; at += out->setting[i++].jobs) end[i] = at;
    for (size_t i = 0; i < rows; i++)
        if (out->of[i] != SIZE_MAX) row[end[out->of[i]]++] = (uint32_t)i;
    for (size_t i = 0; i < out->settings; i++)
        sum_up(&out->setting[i], scan, row + end[i] - out->setting[i].jobs, value);
}

/* ---- all of it ---- */

/* A row that is damaged by now keeps its place. */
static int read_first(struct scan *scan, struct err *e)
{
    struct settings *out = scan->out;
    char *image = arena_alloc(&out->arena, scan->s->form.bytes);
    out->record = arena_array(&out->arena, out->settings + 1, out->record_bytes + 1);
    for (size_t i = 0; i < out->settings; i++) {
        bool intact;
        if (row_load(scan->s, out->setting[i].row, image, &intact, e)) return -1;
        row_unpack(&scan->s->form, image, &out->setting[i].first);
        take_record(scan, image, out->record + i * out->record_bytes);
    }
    return 0;
}

int store_settings(struct store *s, struct settings *out, struct err *e)
{
    const size_t rows = store_rows(s);
    *out = (struct settings){ .keys = 0 };
    struct scan scan = { .s = s, .out = out };
    scan.seen = ARENA_NEW(&out->arena, rows + 1, struct seen);
    list_keys(&scan);
    int rc = rows_each(s, see_row, &scan, e);
    if (!rc) {
        divide(&scan, rows);
        sum_up_all(&scan, rows);
        rc = read_first(&scan, e);
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
