#include "query/settings_table.h"
#include "query/function.h"
#include "query/records.h"

#include <string.h>

/* settings: a row a setting; setting(id): which one a job is of. */

/* A record of the keys follows, and one of the first ancestor's. */
struct setting_row {
    char setting[SETTING_NAME], parent[SETTING_NAME], control[24];
    char task[STORE_NAME], model[STORE_NAME], training[STORE_NAME], t_asked[64];
    int64_t jobs, done, memorised, generalised, ratios, mem_unknown, gen_unknown;
    double t_mem_above, t_gen_above, tau_grok_above;
    double k, t_mem, t_gen, tau_grok, train_accuracy, test_accuracy, train_loss, test_loss;
};

#define ROW(name, type, size, unit, help)                                                                            \
    {                                                                                                                \
#name, type, offsetof(struct setting_row, name), size, NULL, unit, help                                      \
    }
static const struct column setting_columns[] = {
    ROW(setting, COLUMN_TEXT, SETTING_NAME, "", "id of its first job; setting(id) says it of any job"),
    ROW(parent, COLUMN_TEXT, SETTING_NAME, "", "the setting of its jobs' parents"),
    ROW(task, COLUMN_TEXT, STORE_NAME, "", "name in the sweep file, of the first job; what it stands for counts"),
    ROW(model, COLUMN_TEXT, STORE_NAME, "", "the same"),
    ROW(training, COLUMN_TEXT, STORE_NAME, "", "the same"),
    ROW(control, COLUMN_TEXT, 24, "", "the same"),
    ROW(t_asked, COLUMN_TEXT, 64, "", "mem, gen, an epoch or a formula, as in jobs"),
    ROW(k, COLUMN_F64, 0, "1", "prune rate"),
    ROW(jobs, COLUMN_I64, 0, "1", "one for each seed"),
    ROW(done, COLUMN_I64, 0, "1", "of them; all that follows is of these"),
    ROW(memorised, COLUMN_I64, 0, "1", "those with a t_mem"),
    ROW(generalised, COLUMN_I64, 0, "1", "those with a t_gen"),
    ROW(mem_unknown, COLUMN_I64, 0, "1", "those that a stop rule ended before a t_mem: it is not known if they have one"),
    ROW(gen_unknown, COLUMN_I64, 0, "1", "the same of t_gen"),
    ROW(t_mem, COLUMN_F64, 0, "epoch",
        "median; who never got there counts as later than all: Infinity (printed as inf, in JSON null) is never; NULL: "
        "not known, see t_mem_above"),
    ROW(t_gen, COLUMN_F64, 0, "epoch", "the same; a median that falls between a number and never is never"),
    ROW(tau_grok, COLUMN_F64, 0, "1",
        "median of t_gen / t_mem, never if there is no t_gen; if t_mem is 0, there is none"),
    ROW(t_mem_above, COLUMN_F64, 0, "epoch", "what a median that is not known is greater than; NULL: it is known"),
    ROW(t_gen_above, COLUMN_F64, 0, "epoch", "the same"),
    ROW(tau_grok_above, COLUMN_F64, 0, "1", "the same"),
    ROW(ratios, COLUMN_I64, 0, "1", "how many it is the median of"),
    ROW(train_accuracy, COLUMN_F64, 0, "1", "median at the last evaluation"),
    ROW(test_accuracy, COLUMN_F64, 0, "1", "median at the last evaluation"),
    ROW(train_loss, COLUMN_F64, 0, "", "median at the last evaluation"),
    ROW(test_loss, COLUMN_F64, 0, "", "median at the last evaluation"),
    COLUMN_END,
};
enum { WHAT = 8 }; /* of these say what it is; then come its keys, then its results */

static int load(struct query *q)
{
    if (q->settings) return 0;
    q->settings = ARENA_NEW(&q->arena, 1, struct settings);
    return store_settings(q->s, q->settings, q->e);
}

static size_t add_keys(struct query *q, struct column *to, bool *hidden)
{
    const struct settings *s = q->settings;
    size_t n = 0;
    for (size_t i = 0; i < s->keys; i++) {
        to[n] = s->key[i];
        to[n].offset += sizeof(struct setting_row);
        hidden[n++] = !s->differs[i];
    }
    for (size_t i = 0; i < s->keys; i++) {
        struct buf name = { 0 };
        if (!s->ancestor_differs[i]) continue;
        buf_print(&name, "parent_%s", s->key[i].name);
        to[n] = s->key[i];
        to[n].name = arena_text(&q->arena, name.bytes, name.length);
        to[n++].offset += sizeof(struct setting_row) + s->record_bytes;
        buf_release(&name);
    }
    return n;
}

/* Keys that do not differ can be asked for, but SELECT * is without them. */
static int find_columns(struct query_table *t)
{
    struct query *q = t->query;
    if (load(q)) return -1;
    const size_t own = ARRAY_LEN(setting_columns), most = own + 2 * q->settings->keys;
    struct column *columns = ARENA_NEW(&q->arena, most, struct column);
    bool *hidden = ARENA_NEW(&q->arena, most, bool);
    memcpy(columns, setting_columns, WHAT * sizeof *columns);
    const size_t n = WHAT + add_keys(q, columns + WHAT, hidden + WHAT);
    memcpy(columns + n, setting_columns + WHAT, (own - WHAT) * sizeof *columns);
    t->columns = columns;
    t->hidden = hidden;
    t->stride = sizeof(struct setting_row) + 2 * q->settings->record_bytes;
    return 0;
}

static size_t all_settings(struct query_table *t)
{
    return t->query->settings->settings;
}

static void fill_row(const struct settings *s, size_t i, struct setting_row *out)
{
    const struct setting *g = &s->setting[i];
    *out = (struct setting_row){ .jobs = (int64_t)g->jobs,
                                 .done = (int64_t)g->done,
                                 .memorised = (int64_t)g->memorised,
                                 .generalised = (int64_t)g->generalised,
                                 .ratios = (int64_t)g->ratios,
                                 .mem_unknown = (int64_t)g->unknown[SETTING_MEM],
                                 .gen_unknown = (int64_t)g->unknown[SETTING_GEN],
                                 .t_mem_above = g->above[SETTING_MEM],
                                 .t_gen_above = g->above[SETTING_GEN],
                                 .tau_grok_above = g->above[SETTING_TAU],
                                 .k = g->first.k,
                                 .t_mem = g->t_mem,
                                 .t_gen = g->t_gen,
                                 .tau_grok = g->tau_grok,
                                 .train_accuracy = g->train_accuracy,
                                 .test_accuracy = g->test_accuracy,
                                 .train_loss = g->train_loss,
                                 .test_loss = g->test_loss };
    memcpy(out->setting, g->name, sizeof out->setting);
    if (g->parent != SIZE_MAX) memcpy(out->parent, s->setting[g->parent].name, sizeof out->parent);
    memcpy(out->control, g->first.control, sizeof out->control);
    memcpy(out->task, g->first.task, sizeof out->task);
    memcpy(out->model, g->first.model, sizeof out->model);
    memcpy(out->training, g->first.training, sizeof out->training);
    memcpy(out->t_asked, g->first.t_asked, sizeof out->t_asked);
}

static int step_settings(struct query_table *t, struct query_scan *scan)
{
    const struct settings *s = t->query->settings;
    const size_t i = scan->at++;
    struct setting_row row;
    fill_row(s, i, &row);
    buf_add(&scan->rows, &row, sizeof row);
    buf_add(&scan->rows, s->keys ? setting_value(s, i, 0) : "", s->record_bytes);
    buf_add(&scan->rows, s->keys ? setting_ancestor_value(s, i, 0) : "", s->record_bytes);
    return 0;
}

void query_settings(struct query *q, struct query_table *out)
{
    (void)q;
    *out = (struct query_table){
        .name = "settings",
        .help = "a row for all jobs that differ in their seeds alone, with medians over those that are done",
        .columns = setting_columns,
        .stride = sizeof(struct setting_row),
        .extent = all_settings,
        .step = step_settings,
        .prepare = find_columns,
    };
}

void query_settings_close(struct query *q)
{
    if (q->settings) settings_release(q->settings);
}

/* ---- setting(id) ---- */

/* 1: *out says it, 0: there is no such job, -1 with *q->e filled. */
static int find_setting(struct query *q, const char *id, const char **out)
{
    size_t row;
    if (load(q)) return -1;
    const int there = id ? query_find(q, id, &row) : 0;
    if (there <= 0) return there;
    if (q->settings->of[row] == SIZE_MAX) return 0;
    *out = q->settings->setting[q->settings->of[row]].name;
    return 1;
}

static int setting(struct query *q, sqlite3_context *out, int argc, sqlite3_value **argv)
{
    (void)argc;
    const char *id = NULL;
    const int there = find_setting(q, query_text(argv[0]), &id);
    if (there > 0) sqlite3_result_text(out, id, -1, SQLITE_TRANSIENT);
    return there;
}

const struct query_function query_setting = {
    "setting", 1, 1, setting,
    "    setting(id): id of the first job of the setting that job id is of, as in settings\n"
    "\nsettings has the keys of jobs, too: SELECT * those that differ between settings, any other by its name.\n"
    "Where nothing but the dense ancestors tells two settings apart, their keys are there as parent_NAME.  Names\n"
    "of blocks do not count, what they say does, as do threshold and eval_every, t as it was asked for, k, and\n"
    "the parents' setting.  A job that grids judge by different thresholds or evaluations is of a setting for\n"
    "each, with the results by that; setting(id) is the one by which jobs has its results.\n"
};
