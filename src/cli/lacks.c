#include "cli/lacks.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/vec.h"
#include "job/measures.h"
#include "job/registry.h"

#include <string.h>

static void add(struct lacks *l, const struct watch_measure *m, struct arena *a)
{
    size_t i = 0;
    while (i < l->count && !watch_measure_equal(&l->lack[i].is, m)) i++;
    if (i == l->count) VEC_MORE_IN(a, l->lack, l->count)->is = *m;
    l->lack[i].is.optional = l->lack[i].is.optional && m->optional;
    l->lack[i].jobs++;
}

void lacks_add(struct lacks *l, const struct watch *w, struct store *s, const struct store_row *row, struct arena *a)
{
    for (size_t i = 0; i < w->absents; i++) {
        const bool over = row && row->state != JOB_DONE && row->state != JOB_PENDING && row->state != JOB_RUNNING;
        if (!over && (!row || row->state != JOB_DONE || !measure_held(s, row, &w->absent[i])))
            add(l, &w->absent[i], a);
    }
}

static bool has(const struct lacks *l, bool optional)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->lack[i].is.optional == optional) return true;
    return false;
}

bool lacks_required(const struct lacks *l)
{
    return has(l, false);
}

/* "measure 'graph' of 12 jobs, measure 'small' of 1 job; this program was built without igraph (...)". */
static void print_names(const struct lacks *l, bool optional, struct buf *out)
{
    const char *comma = "", *why = "";
    for (size_t i = 0; i < l->count; i++) {
        const struct lack *one = &l->lack[i];
        if (one->is.optional != optional) continue;
        buf_print(out, "%smeasure '%s' of %zu job%s", comma, one->is.name, one->jobs, one->jobs == 1 ? "" : "s");
        comma = ", ";
        why = registry_measure(one->is.kind->name)->missing;
    }
    buf_print(out, "; this program was %s", why);
}

static void print_remedy(struct buf *out, const char *store, const char *sweep)
{
    buf_print(out, "`tombola measure %s", text_shell(store));
    buf_print(out, " %s`, or run again, of a program that has what they need", text_shell(sweep));
}

void lacks_warn(const struct lacks *l, const char *store, const char *sweep)
{
    for (int optional = 1; optional >= 0; optional--) {
        struct buf text = { 0 };
        if (!has(l, optional)) continue;
        print_names(l, optional, &text);
        buf_text(&text, ": ");
        print_remedy(&text, store, sweep);
        if (optional)
            log_warn("left out, as they are optional: %s makes them up from the checkpoints", buf_chars(&text));
        else
            log_warn("cannot be computed: %s makes them up from the checkpoints; until then a run trains everything, "
                     "and ends with 3",
                     buf_chars(&text));
        buf_release(&text);
    }
}

void lacks_fail(const struct lacks *l, const char *store, const char *sweep)
{
    struct buf text = { 0 };
    if (!lacks_required(l)) return;
    print_names(l, false, &text);
    buf_text(&text, ": ");
    print_remedy(&text, store, sweep);
    log_error("missing: %s makes them up from the checkpoints, and `optional: true` in their entries does without",
              buf_chars(&text));
    buf_release(&text);
}

void lacks_print(const struct lacks *l, struct buf *out)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct lack *one = &l->lack[i];
        buf_print(out, "missing: measure '%s' of %zu job%s%s: %s\n", one->is.name, one->jobs,
                  one->jobs == 1 ? "" : "s", one->is.optional ? " (optional)" : "",
                  registry_measure(one->is.kind->name)->missing);
    }
}

void lacks_json(const struct lacks *l, struct buf *out)
{
    json_open(out, "missing_measures", '[');
    for (size_t i = 0; i < l->count; i++) {
        const struct lack *one = &l->lack[i];
        json_open(out, NULL, '{');
        JSON_TEXTS(out, "measure", one->is.name, "kind", one->is.kind->name);
        json_raw(out, "optional", one->is.optional ? "true" : "false");
        json_count(out, "jobs", one->jobs);
        json_text(out, "why", registry_measure(one->is.kind->name)->missing);
        json_close(out, '}');
    }
    json_close(out, ']');
}
