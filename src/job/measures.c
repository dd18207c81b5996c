#define TOMBOLA_REAL 64
#include "job/measures.h"

#include "job/registry.h"
#include "model/model.h"
#include "num/convert.h"

#include <math.h>
#include <string.h>

/* ---- options as text ---- */

const char *measure_options(const struct kind *kind, const void *config, struct arena *a)
{
    struct buf text = { 0 };
    for (const struct field *f = kind->fields; f && f->key; f++) {
        if (field_is_default(f, config)) continue;
        buf_print(&text, "%s%s=", text.length ? ";" : "", f->key);
        field_print(f, config, &text);
    }
    const char *kept = arena_text(a, buf_chars(&text), text.length);
    buf_release(&text);
    return kept;
}

const char *measure_path(const struct watch_measure *m, struct arena *a)
{
    struct buf path = { 0 };
    buf_print(&path, "measures/%s", m->name);
    const char *kept = arena_text(a, path.bytes, path.length);
    buf_release(&path);
    return kept;
}

void measure_print(const struct watch_measure *m, struct buf *out)
{
    buf_print(out, "measure=%s %s %s\n", m->name, m->kind->name, m->options);
}

void measure_print_absent(const struct watch_measure *m, struct buf *out)
{
    buf_print(out, "absent=%s %s %s\n", m->name, m->kind->name, m->options);
}

/* The next piece of *text up to one of the ends, which is skipped. */
static char *next_piece(const char **text, const char *ends, struct arena *a)
{
    const size_t length = strcspn(*text, ends);
    char *piece = arena_text(a, *text, length);
    *text += length + ((*text)[length] != '\0');
    return piece;
}

static int set_options(const struct kind *kind, const char *options, void *config, struct arena *a, struct err *e)
{
    while (*options) {
        const char *key = next_piece(&options, "=", a), *value = next_piece(&options, ";", a);
        const struct field *f = field_find(kind->fields, key);
        if (!f) return err_set(e, ERR_STORE, "measure '%s' has no key '%s'", kind->name, key);
        if (field_set(f, config, value, e)) return -1;
    }
    return 0;
}

static int parse_line(struct watch_measure *out, const char *line, struct arena *a, struct err *e)
{
    out->name = next_piece(&line, " ", a);
    const char *kind = next_piece(&line, " ", a);
    out->options = next_piece(&line, "\n", a);
    out->kind = registry_find(PLUGIN_MEASURE, kind);
    if (!out->kind) return err_set(e, ERR_STORE, "this program has no measure '%s'", kind);
    void *config = arena_alloc(a, out->kind->config_size);
    field_defaults(out->kind->fields, config);
    return set_options(out->kind, out->options, config, a, e);
}

int measure_parse(const char *text, const struct watch_measure **out, size_t *count, struct arena *a, struct err *e)
{
    static const char head[] = "measure=";
    size_t lines = 1;
    for (const char *s = text; *s; s++) lines += *s == '\n';
    struct watch_measure *list = ARENA_NEW(a, lines, struct watch_measure);
    *out = list;
    *count = 0;
    for (const char *s = text; s && *s; s = strchr(s, '\n')) {
        s += *s == '\n';
        if (strncmp(s, head, strlen(head)) != 0) continue;
        if (parse_line(&list[(*count)++], s + strlen(head), a, e)) return -1;
    }
    return 0;
}

/* ---- what it looks at, and what it stores ---- */

void measure_set_up(struct measure_setup *out, const struct watch_measure *m, const struct job_spec *spec,
                    const struct layout *layout, const struct task_shape *shape, struct arena *a)
{
    struct err e = { 0 };
    void *config = arena_alloc(a, m->kind->config_size);
    field_defaults(m->kind->fields, config);
    if (set_options(m->kind, m->options, config, a, &e)) BUG("options of measure '%s': %s", m->name, e.text);
    *out = (struct measure_setup){ .is = m,
                                   .kind = registry_measure(m->kind->name),
                                   .site = { .options = config,
                                             .model = registry_model(spec->model->name),
                                             .single = spec->training.precision == PRECISION_DOUBLE
                                                           ? NULL
                                                           : registry_model_f32(spec->model->name),
                                             .model_config = spec->model_config,
                                             .task = spec->task,
                                             .task_config = spec->task_config,
                                             .layout = layout,
                                             .shape = shape,
                                             .loss = spec->training.loss } };
    out->site.loss.hit = task_hit(&spec->common, shape, a);
}

int measure_check(const struct measure_setup *m, struct err *e)
{
    if (m->kind->missing)
        return err_set(e, ERR_SPEC, "measure '%s' is not possible here: %s", m->is->name, m->kind->missing);
    return measure_fits(m, e);
}

int measure_fits(const struct measure_setup *m, struct err *e)
{
    struct err why = { 0 };
    if (!m->kind->fits || !m->kind->fits(&m->site, &why)) return 0;
    return err_set(e, ERR_SPEC, "measure '%s': %s", m->is->name, why.text);
}

void measure_blank(const struct measure_setup *m, double *out[MEASURE_COLUMNS], struct arena *a)
{
    for (size_t c = 0; m->kind->columns[c].name; c++) {
        const size_t values = measure_values(&m->kind->columns[c], &m->site);
        out[c] = ARENA_NEW(a, values, double);
        for (size_t i = 0; i < values; i++) out[c][i] = (double)NAN;
    }
}

void measure_open_net(struct measure_probe *p, const struct measure_site *at, struct task_data *set, struct arena *a)
{
    const size_t most = set->train.n > set->test.n ? set->train.n : set->test.n;
    convert_data(set, a);
    p->net = at->model->open(at->model_config, at->layout, at->shape, most, a);
    p->logits = ARENA_NEW(a, most * model_outputs(at->model, at->model_config, at->shape), double);
}

static const char *keep(struct buf *text, struct arena *a)
{
    const char *kept = text->length ? arena_text(a, buf_chars(text), text->length) : NULL;
    buf_release(text);
    return kept;
}

/* The kind with all its options, defaults too: "jaccard k=0.6 scope=global". */
static const char *made_by(const struct measure_setup *m, struct arena *a)
{
    struct buf text = { 0 };
    buf_text(&text, m->kind->kind.name);
    for (const struct field *f = m->kind->kind.fields; f && f->key; f++) {
        buf_print(&text, " %s=", f->key);
        field_print(f, m->site.options, &text);
    }
    return keep(&text, a);
}

static void describe(const struct measure_setup *m, const struct measure_column *c, size_t slots,
                     struct store_array *out, struct arena *a)
{
    struct buf path = { 0 }, labels = { 0 };
    buf_print(&path, "measures/%s/%s", m->is->name, c->name);
    if (c->labels) c->labels(&m->site, &labels);
    *out = (struct store_array){ .path = keep(&path, a),
                                 .type = COLUMN_F64,
                                 .parts = slots,
                                 .rank = 1,
                                 .dim = { 1 },
                                 .unit = c->unit,
                                 .help = c->help,
                                 .axes = c->axes,
                                 .labels = keep(&labels, a),
                                 .made_by = made_by(m, a) };
    _Static_assert((int)MEASURE_RANK <= (int)STORE_RANK, "a column is an array of the store");
    if (c->shape) out->rank = c->shape(&m->site, out->dim);
}

size_t measure_arrays(const struct measure_setup *m, size_t slots, struct store_array *out, struct arena *a)
{
    size_t count = 0;
    for (const struct measure_column *c = m->kind->columns; c->name; c++, count++)
        if (out) describe(m, c, slots, &out[count], a);
    MUST(count <= MEASURE_COLUMNS);
    return count;
}

int measure_among(const struct watch_measure *list, size_t count, const struct watch_measure *want, bool *there,
                  struct err *e)
{
    *there = false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, want->name) != 0) continue;
        *there = true;
        if (!watch_measure_equal(&list[i], want))
            return err_set(e, ERR_SPEC,
                           "the store holds measure '%s' as %s with options '%s', and '%s' is asked for; give it "
                           "another name",
                           want->name, list[i].kind->name, list[i].options, want->options);
    }
    return 0;
}
