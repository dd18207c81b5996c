#include "base/clock.h"
#include "base/output.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/exports.h"
#include "cli/find.h"
#include "cli/lineage.h"
#include "job/recording.h"
#include "job/spec.h"
#include "store/lock.h"
#include "store/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct view {
    struct store *store;
    struct store_row *row; /* all rows */
    size_t rows, at;       /* the one asked for */
    bool at_work;          /* a run has the store */
    struct err damage;     /* the first that was found in what is finished */
    struct arena arena;
};

/* The first part of an array.  What is being written is passed over, what is damaged is said. */
static bool read_array(struct view *v, struct buf *b, const char *name, size_t array, void *out, size_t bytes)
{
    const struct store_row *r = &v->row[v->at];
    struct err e = { 0 };
    if (!store_has(v->store, r, array, 0)) return false;
    if (!store_get(v->store, r, array, 0, out, bytes, &e)) return true;
    if (r->state != JOB_DONE) return false;
    buf_print(b, "  %-15s is damaged\n", name);
    if (!v->damage.kind) v->damage = e;
    return false;
}

/* ---- lineage: ancestors, the job, its children, as a tree ---- */

enum { ANCESTORS = 128, CHILDREN = 20 };

static size_t find_row(const struct view *v, const char id[ID_CHARS])
{
    for (size_t i = 0; i < v->rows; i++)
        if (v->row[i].state != JOB_UNUSED && !memcmp(v->row[i].id, id, ID_CHARS)) return i;
    return SIZE_MAX;
}

/* "ticket k=0.6 of epoch 2000 (gen)": what it is, and the epoch of its parent's weights. */
static void print_job(struct buf *b, const struct store_row *r)
{
    char asked[sizeof r->t_asked + 1];
    MUST(text_copy(asked, sizeof asked, r->t_asked, sizeof r->t_asked));
    buf_print(b, "%.8s  %.*s", r->id, (int)sizeof r->control, r->control);
    if (!isnan(r->k)) buf_print(b, " k=%g", r->k);
    if (asked[0]) buf_print(b, " t=%s", asked);
    const struct moment t = moment_of((struct count){ r->t, store_in_steps(r->length_unit) });
    if (asked[0] && r->t >= 0 && strcmp(asked, t.text) != 0)
        buf_print(b, " (%s %" PRId64 ")", store_unit(r->length_unit), r->t);
    buf_print(b, " seed=%" PRId64 "  %s", r->seed, job_state_name[r->state]);
    if (r->error[0]) buf_print(b, ": %.*s", (int)sizeof r->error, r->error);
    buf_text(b, "\n");
}

static void print_line(struct buf *b, const struct store_row *r, const bool *open, size_t depth, bool this)
{
    buf_text(b, this ? "> " : "  ");
    lineage_branch(b, open, depth);
    print_job(b, r);
}

static void print_children(const struct view *v, struct buf *b, bool *open, size_t depth)
{
    const struct store_row *r = &v->row[v->at];
    size_t left = 0, shown = 0;
    for (size_t i = 0; i < v->rows; i++)
        left += v->row[i].state != JOB_UNUSED && !memcmp(v->row[i].parent, r->id, ID_CHARS);
    for (size_t i = 0; i < v->rows && shown < CHILDREN; i++) {
        if (v->row[i].state == JOB_UNUSED || memcmp(v->row[i].parent, r->id, ID_CHARS) != 0) continue;
        open[depth] = --left > 0;
        shown++;
        print_line(b, &v->row[i], open, depth, false);
    }
    if (left) buf_print(b, "  and %zu more made from it\n", left);
}

static void print_lineage(const struct view *v, struct buf *b)
{
    size_t line[ANCESTORS], count = 0;
    bool open[ANCESTORS + 2] = { false };
    buf_text(b, "\nlineage\n");
    for (size_t at = v->at; at != SIZE_MAX && count < ANCESTORS;) {
        line[count++] = at;
        at = v->row[at].parent[0] ? find_row(v, v->row[at].parent) : SIZE_MAX;
    }
    for (size_t depth = 0; depth < count; depth++)
        print_line(b, &v->row[line[count - 1 - depth]], open, depth, depth + 1 == count);
    print_children(v, b, open, count);
}

/* ---- how it was made ---- */

static void print_mask(struct view *v, struct buf *b)
{
    const struct store_row *r = &v->row[v->at];
    const size_t n = store_family(v->store, (size_t)r->family)->array[ARRAY_MASK].dim[0];
    uint8_t *mask = ARENA_NEW(&v->arena, n, uint8_t);
    size_t kept = 0;
    if (!read_array(v, b, "mask", ARRAY_MASK, mask, n)) return;
    for (size_t i = 0; i < n; i++) kept += mask[i];
    buf_print(b, "  mask: %zu of %zu weights are kept, %.4g %% removed\n", kept, n,
              100 * (double)(n - kept) / (double)n);
}

static void print_making(struct view *v, const struct job_spec *s, struct buf *b)
{
    const struct store_row *r = &v->row[v->at];
    buf_print(b, "\nhow it is made\n  %s: %s\n", s->control->name, s->control->summary);
    if (r->parent[0]) {
        buf_print(b, "  parent: %.8s, its weights ", r->parent);
        if (r->t >= 0)
            buf_print(b, "after %" PRId64 " %ss%s%s\n", r->t, store_unit(r->length_unit),
                      moment_is_rule(&s->t) ? ", t = " : "", moment_is_rule(&s->t) ? s->t.text : "");
        else
            buf_print(b, "at t = %s, an epoch not known yet\n", s->t.text);
    }
    if (s->rewind.epoch)
        buf_print(b, "  start: the dense ancestor's weights %s %s%s, not theta_0\n",
                  moment_is_rule(&s->rewind) ? "at" : "after", s->rewind.text,
                  moment_is_rule(&s->rewind) || moment_in_steps(&s->rewind) ? "" : " epochs");
    print_mask(v, b);
}

static void print_spec(struct view *v, struct buf *b, struct err *e)
{
    char inputs[STORE_INPUTS];
    struct buf canonical = { 0 };
    struct job_spec spec;
    if (store_read_texts(v->store, (uint32_t)v->at, &canonical, inputs, e) ||
        spec_parse(buf_chars(&canonical), &spec, e)) {
        buf_release(&canonical);
        return;
    }
    print_making(v, &spec, b);
    buf_text(b, "\nspecification (what the id stands for; defaults are left out)\n");
    for (const char *s = strchr(buf_chars(&canonical), '\n'); s && s[1]; s = strchr(s + 1, '\n'))
        buf_print(b, "  %.*s\n", (int)strcspn(s + 1, "\n"), s + 1);
    for (const char *s = inputs; *s; s += strcspn(s, "\n") + 1)
        buf_print(b, "  from file: %.*s\n", (int)strcspn(s, "\n"), s);
    buf_release(&canonical);
}

static void print_epoch(struct buf *b, const struct store_row *r, const char *name, int64_t epoch)
{
    if (epoch >= 0)
        buf_print(b, "  %-15s %" PRId64 "\n", name, epoch);
    else
        buf_print(b, "  %-15s not reached%s\n", name, r->ended_by[0] ? " before a stop rule ended the job" : "");
}

/* A regression has no accuracy. */
static void print_metrics(struct buf *b, const char *name, double loss, double accuracy)
{
    buf_print(b, "  %-15s loss %.4g", name, loss);
    if (!isnan(accuracy)) buf_print(b, ", accuracy %.4g", accuracy);
    buf_text(b, "\n");
}

static void print_results(const struct view *v, struct buf *b)
{
    const struct store_row *r = &v->row[v->at];
    char text[32];
    const bool early = r->state == JOB_DONE && r->ended_by[0];
    buf_print(b, "\nresults after %" PRId64 " of %" PRId64 " %ss", early ? r->end : r->epochs_done, r->epochs,
              store_unit(r->length_unit));
    if (early) buf_print(b, ": ended by stop rule '%.*s'", (int)sizeof r->ended_by, r->ended_by);
    if (early && r->epochs_done > r->end)
        buf_print(b, "; trained to %s %" PRId64 ", which others need", store_unit(r->length_unit), r->epochs_done);
    if (r->state == JOB_RUNNING && !isnan(r->updated))
        buf_print(b, ", as of %s ago", clock_span(fmax(0, clock_unix() - r->updated), text));
    buf_text(b, "\n");
    if (r->epochs_done > 0 || r->state == JOB_DONE) {
        print_epoch(b, r, "t_mem", r->t_mem);
        print_epoch(b, r, "t_gen", r->t_gen);
        if (!isnan(r->tau_grok)) buf_print(b, "  %-15s %.4g\n", "tau_grok", r->tau_grok);
        print_metrics(b, "train", r->train_loss, r->train_accuracy);
        print_metrics(b, "test", r->test_loss, r->test_accuracy);
    }
    if (isnan(r->started)) return;
    buf_print(b, "  %-15s %s on %.*s, rank %" PRId64 ", attempt %" PRId64 ", ", "started",
              clock_iso(r->started, text), (int)sizeof r->host, r->host, r->rank, r->attempts);
    buf_print(b, "%s of training\n", clock_span(r->seconds, text));
}

/* ---- curves ---- */

enum { WIDTH = 64 };

/* One character per column: the last measured value in it, between low and high. */
static void print_spark(struct buf *b, const char *name, const double *value, size_t points, double low, double high)
{
    static const char *const bar[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    buf_print(b, "  %-15s ", name);
    size_t width = points < WIDTH ? points : WIDTH;
    for (size_t c = 0; c < width; c++) {
        double last = (double)NAN;
        for (size_t i = c * points / width; i < (c + 1) * points / width; i++)
            if (!isnan(value[i])) last = value[i];
        double height = high > low ? (last - low) / (high - low) : 0;
        buf_text(b, isnan(last) ? " " : bar[(int)fmin(7, fmax(0, floor(height * 8)))]);
    }
    buf_print(b, "  %.4g to %.4g\n", low, high);
}

static void print_curve(struct view *v, struct buf *b, enum family_array array, const char *name)
{
    const struct store_row *r = &v->row[v->at];
    size_t points = store_family(v->store, (size_t)r->family)->array[array].dim[0];
    double *value = ARENA_NEW(&v->arena, points, double);
    if (!read_array(v, b, name, array, value, points * sizeof *value)) return;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < points; i++) {
        low = fmin(low, value[i]); /* fmin and fmax pass over NaN */
        high = fmax(high, value[i]);
    }
    bool accuracy = array == ARRAY_TRAIN_ACCURACY || array == ARRAY_TEST_ACCURACY;
    if (isfinite(low)) print_spark(b, name, value, points, accuracy ? 0 : low, accuracy ? 1 : high);
}

/* [points, parts] of them; NULL: there is no such curve, or it cannot be read. */
static const double *read_parts(struct view *v, struct buf *b, size_t curve, const struct store_array **array)
{
    const struct store_row *r = &v->row[v->at];
    const size_t at = store_array_find(v->store, (size_t)r->family, recording_part_curves[curve]);
    if (at == SIZE_MAX) return NULL;
    *array = &store_family(v->store, (size_t)r->family)->array[at];
    double *value = arena_alloc(&v->arena, store_part_bytes(*array));
    return (*array)->rank == 2 && read_array(v, b, "parts", at, value, store_part_bytes(*array)) ? value : NULL;
}

/* Parts of the data, such as corrupted labels: the last evaluation, and how accuracy came there. */
static void print_parts(struct view *v, struct buf *b)
{
    const struct store_array *array;
    const double *loss = read_parts(v, b, PART_LOSS, &array), *accuracy = read_parts(v, b, PART_ACCURACY, &array);
    if (!loss || !accuracy) return;
    const size_t points = array->dim[0], parts = array->dim[1];
    double *curve = ARENA_NEW(&v->arena, points, double);
    const char *name = array->labels ? array->labels : "";
    buf_text(b, "\nparts of the data\n");
    for (size_t part = 0; part < parts; part++) {
        size_t last = 0;
        char text[16];
        text_brief(text, sizeof text, "%.*s", (int)strcspn(name, ","), name);
        for (size_t i = 0; i < points; i++) {
            curve[i] = accuracy[i * parts + part];
            if (!isnan(loss[i * parts + part])) last = i;
        }
        print_metrics(b, text, loss[last * parts + part], curve[last]);
        print_spark(b, "", curve, points, 0, 1);
        name += strcspn(name, ",");
        name += *name == ',';
    }
}

static void print_curves(struct view *v, struct buf *b)
{
    const size_t before = b->length;
    buf_print(b, "\ncurves, %s 0 to %" PRId64 "\n", store_unit(v->row[v->at].length_unit), v->row[v->at].epochs);
    const size_t head = b->length;
    print_curve(v, b, ARRAY_TRAIN_ACCURACY, "train accuracy");
    print_curve(v, b, ARRAY_TEST_ACCURACY, "test accuracy");
    print_curve(v, b, ARRAY_TRAIN_LOSS, "train loss");
    print_curve(v, b, ARRAY_TEST_LOSS, "test loss");
    if (b->length == head)
        buf_cut(b, before);
    else
        print_parts(v, b);
}

/* ---- files ---- */

static void print_files(struct view *v, struct buf *b)
{
    const struct store_row *r = &v->row[v->at];
    struct buf text = { 0 };
    exports_epochs(v->store, r, &text);
    if (text.length) buf_print(b, "\ncheckpoints at %ss\n  %s\n", store_unit(r->length_unit), buf_chars(&text));
    buf_clear(&text);
    exports_list(v->store, r, false, &text);
    if (text.length)
        buf_print(b, "\nwhat can be exported: tombola export %s %.8s WHAT --output FILE\n", store_path(v->store),
                  r->id);
    for (const char *line = buf_chars(&text); *line; line += strcspn(line, "\n") + 1)
        buf_print(b, "  %.*s\n", (int)strcspn(line, "\n"), line);
    buf_release(&text);
}

/* Does it still wait for its parent?  The epoch of a t like "gen" is known only when it has been reached. */
static bool awaits_parent(const struct view *v, const struct store_row *r)
{
    const size_t at = r->parent[0] ? find_row(v, r->parent) : SIZE_MAX;
    return at != SIZE_MAX && v->row[at].state != JOB_DONE && (r->t < 0 || v->row[at].epochs_done < r->t);
}

static void print_pending(const struct view *v, struct buf *b)
{
    const struct store_row *r = &v->row[v->at];
    buf_text(b, "pending: ");
    if (store_attribute(v->store, "archive")[0]) {
        buf_text(b, "it had not finished when the archive was made\n");
        return;
    }
    if (r->epochs_done > 0)
        buf_print(b, "it was stopped after %" PRId64 " %ss; ", r->epochs_done, store_unit(r->length_unit));
    if (awaits_parent(v, r)) buf_text(b, "its parent's weights are not there yet; ");
    buf_text(b, v->at_work ? "it waits for a free rank\n" : "no run is at work, the next one goes on with it\n");
}

static void print_why(const struct view *v, struct buf *b)
{
    const struct store_row *r = &v->row[v->at];
    if (r->error[0])
        buf_print(b, "%s: %.*s\n", job_state_name[r->state], (int)sizeof r->error, r->error);
    else if (r->state == JOB_PENDING)
        print_pending(v, b);
    else if (r->state == JOB_RUNNING && !v->at_work)
        buf_text(b, "it was running when its run was killed; the next run goes on with it\n");
}

static int open_view(struct view *v, const char *path, const char *job, struct err *e)
{
    memset(v, 0, sizeof *v);
    if (store_open_read(&v->store, path, e)) return -1;
    struct lock_seen run;
    v->at_work = lock_look(&run, path);
    v->rows = store_rows(v->store);
    v->row = calloc(v->rows + 1, sizeof *v->row);
    if (!v->row) die("out of memory for %zu rows", v->rows);
    if (store_read_rows(v->store, v->row, NULL, NULL, e) || find_job(v->row, v->rows, job, &v->at, e)) return -1;
    return family_check(store_family(v->store, (size_t)v->row[v->at].family), e);
}

static void close_view(struct view *v)
{
    free(v->row);
    arena_release(&v->arena);
    if (v->store) store_close(v->store);
}

static void print_next(struct buf *b, const struct store_row *r)
{
    if (r->next_state == NEXT_CONFIRM)
        buf_text(b, "its ancestors are trained on or again: the next run sees whether it is still made from them\n");
    else if (r->next_state != NEXT_NONE)
        buf_print(b, "it is trained again, %" PRId64 " epochs so far; until that is done its results stay\n",
                  r->next_epochs);
}

/* False: a run has put another training in the place of what was read. */
static bool print_page(struct view *v, struct buf *b, struct err *e)
{
    const struct store_row *r = &v->row[v->at];
    buf_print(b, "job %.*s: %.*s, %s\n", ID_CHARS, r->id, (int)sizeof r->control, r->control,
              job_state_name[r->state]);
    buf_print(b, "task %.*s, model %.*s, training %.*s; first asked for by grid '%.*s' of sweep '%.*s'\n",
              (int)sizeof r->task, r->task, (int)sizeof r->model, r->model, (int)sizeof r->training, r->training,
              (int)sizeof r->grid, r->grid, (int)sizeof r->sweep, r->sweep);
    print_why(v, b);
    print_next(b, r);
    print_lineage(v, b);
    print_spec(v, b, e);
    print_results(v, b);
    print_curves(v, b);
    print_files(v, b);
    return store_stays(v->store, (uint32_t)v->at, r);
}

static int run_show(const struct cli *c)
{
    struct view v;
    struct err e;
    struct buf b = { 0 };
    struct err damage = { 0 };
    bool stays = false;
    for (int tries = 0; tries < CLI_TRIES && !stays; tries++) {
        e = (struct err){ 0 };
        buf_clear(&b);
        stays = open_view(&v, c->arg[0], c->arg[1], &e) || print_page(&v, &b, &e);
        damage = v.damage;
        close_view(&v);
    }
    if (!e.kind) output_text(b.bytes);
    buf_release(&b);
    if (!e.kind) e = damage;
    return e.kind ? cli_fail(&e) : 0;
}

static const struct cli_option options[] = { { .name = NULL } };

const struct command command_show = {
    .name = "show",
    .args = "STORE JOB",
    .summary = "one job: specification, lineage, results, curves, what to export",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .help = "JOB is an id or the beginning of one (`tombola query STORE \"SELECT id FROM jobs\"`).\n",
    .run = run_show,
};
