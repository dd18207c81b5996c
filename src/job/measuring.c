#define TOMBOLA_REAL 64
#include "job/measures.h"

#include <string.h>

struct measure { /* of one job */
    struct measure_setup set;
    size_t array[MEASURE_COLUMNS]; /* in the family */
};

struct measuring {
    struct measuring_job job;
    struct measure *measure;
    size_t count;
    struct measure_probe probe;
    double *theta, *previous, *initial;
    uint8_t *mask;
    struct task_data set; /* the job's, in double */
    int64_t told;         /* the last epoch that the farm was told: it does not go back */
};

static const struct store_family *family_of(const struct measuring *m)
{
    return store_family(m->job.store, (size_t)m->job.row->family);
}

/* ---- weights, as they are stored ---- */

static int read_stored(struct measuring *m, size_t slot, double *theta, struct err *e)
{
    const struct store_array *array = &family_of(m)->array[ARRAY_CHECKPOINTS];
    const size_t n = m->job.data->layout.n;
    if (array->dim[0] != n) return err_set(e, ERR_JOB, "the job has another number of weights than its model");
    if (array->type == COLUMN_F64)
        return store_get(m->job.store, m->job.row, ARRAY_CHECKPOINTS, slot, theta, n * sizeof *theta, e);
    struct arena_mark mark = arena_mark(m->job.arena);
    float *stored = ARENA_NEW(m->job.arena, n, float);
    int rc = store_get(m->job.store, m->job.row, ARRAY_CHECKPOINTS, slot, stored, n * sizeof *stored, e);
    for (size_t i = 0; i < n && !rc; i++) theta[i] = (double)stored[i];
    arena_rewind(m->job.arena, mark);
    return rc;
}

/* The job's mask, or that of a checkpoint where the mask itself is trained; all ones if there is none. */
static int read_mask(struct measuring *m, size_t slot, struct err *e)
{
    const size_t part = family_of(m)->array[ARRAY_MASK].parts ? slot : 0;
    if (store_has(m->job.store, m->job.row, ARRAY_MASK, part))
        return store_get(m->job.store, m->job.row, ARRAY_MASK, part, m->mask, m->job.data->layout.n, e);
    memset(m->mask, 1, m->job.data->layout.n);
    return 0;
}

/* What the model computes with.  A mask that is not trained is in the weights already. */
static int read_weights(struct measuring *m, size_t slot, double *theta, struct err *e)
{
    if (read_stored(m, slot, theta, e) || read_mask(m, slot, e)) return -1;
    for (size_t i = 0; i < m->job.data->layout.n && family_of(m)->array[ARRAY_MASK].parts; i++)
        if (!m->mask[i]) theta[i] = 0;
    return 0;
}

/* The last regular checkpoint before an epoch; SIZE_MAX if there is none. */
static size_t slot_before(const struct watch *w, int64_t epoch)
{
    size_t slot = SIZE_MAX;
    for (size_t i = 0; i < w->checkpoints && w->checkpoint[i] < epoch; i++) slot = i;
    return slot;
}

/* A job that ended before its length has none of the regular ones behind that, but for its end. */
static bool is_behind_end(const struct measuring *m, size_t slot)
{
    const struct watch *w = m->job.watch;
    const int64_t end = m->job.row->epochs_done;
    return slot < w->checkpoints && w->checkpoint[slot] > end && slot != watch_end_slot(w, end);
}

/* Point the probe at a checkpoint.  *reached: a milestone may never come. */
static int look_at(struct measuring *m, size_t slot, bool *reached, struct err *e)
{
    struct measure_probe *p = &m->probe;
    *reached = !is_behind_end(m, slot);
    if (!*reached) return 0;
    if (store_get(m->job.store, m->job.row, ARRAY_CHECKPOINT_EPOCH, slot, &p->epoch, sizeof p->epoch, e)) return -1;
    *reached = p->epoch >= 0;
    if (!*reached) return 0;
    const size_t before = slot_before(m->job.watch, p->epoch);
    const size_t first = p->epoch ? 0 : slot; /* a job that begins at its milestone stores that one first */
    p->theta = m->theta;
    p->initial = m->initial;
    p->previous = before == SIZE_MAX ? NULL : m->previous;
    p->previous_epoch = before == SIZE_MAX ? COLUMN_NO_INT : m->job.watch->checkpoint[before];
    return (p->previous && read_weights(m, before, m->previous, e)) || read_weights(m, first, m->initial, e) ||
                   read_weights(m, slot, m->theta, e) /* the last, for m->mask is then its mask */
               ? -1
               : 0;
}

/* ---- one measure at one checkpoint ---- */

static bool is_stored(const struct measuring *m, const struct measure *one, size_t slot)
{
    bool all = true;
    for (size_t c = 0; one->set.kind->columns[c].name; c++)
        all = all && store_sound(m->job.store, m->job.row, one->array[c], slot);
    return all;
}

/* All columns at once. */
static int measure_at(struct measuring *m, const struct measure *one, size_t slot, struct err *e)
{
    struct arena_mark mark = arena_mark(m->job.arena);
    double *out[MEASURE_COLUMNS];
    measure_blank(&one->set, out, m->job.arena);
    m->probe.at = one->set.site;
    int rc = measure_tick(&m->probe, e) || one->set.kind->run(&m->probe, out, e) ? -1 : 0;
    struct store_part part[MEASURE_COLUMNS];
    size_t count = 0;
    for (const struct measure_column *c = one->set.kind->columns; c->name; c++, count++)
        part[count] = (struct store_part){ one->array[count], slot, out[count],
                                           measure_values(c, &one->set.site) * sizeof *out[count] };
    if (!rc) rc = store_put_all(m->job.store, m->job.row, part, count, e);
    arena_rewind(m->job.arena, mark);
    return rc;
}

int measuring_checkpoint(struct measuring *m, size_t slot, struct err *e)
{
    bool looked = false, reached = true;
    for (size_t i = 0; i < m->count; i++) {
        const struct measure *one = &m->measure[i];
        if (one->set.kind->look_back || is_stored(m, one, slot)) continue;
        if (!looked && look_at(m, slot, &reached, e)) return -1;
        looked = true;
        if (reached && measure_at(m, one, slot, e)) return -1;
    }
    return 0;
}

static int look_back(struct measuring *m, const struct measure *one, struct err *e)
{
    const size_t slots = watch_slots(m->job.watch);
    bool reached;
    if (look_at(m, watch_end_slot(m->job.watch, m->job.row->epochs_done), &reached, e)) return -1;
    m->probe.at = one->set.site;
    if (measure_tick(&m->probe, e) || one->set.kind->look_back(&m->probe, &m->probe.found, e)) return -1;
    for (size_t slot = 0; slot < slots; slot++) {
        if (is_stored(m, one, slot)) continue;
        if (look_at(m, slot, &reached, e) || (reached && measure_at(m, one, slot, e))) return -1;
    }
    return 0;
}

int measuring_finish(struct measuring *m, struct err *e)
{
    for (size_t i = 0; i < m->count; i++) {
        if (!m->measure[i].set.kind->look_back) continue;
        struct arena_mark mark = arena_mark(m->job.arena);
        int rc = look_back(m, &m->measure[i], e);
        m->probe.found = NULL;
        arena_rewind(m->job.arena, mark);
        if (rc) return -1;
    }
    return 0;
}

/* ---- opening ---- */

static bool leave(void *ctx)
{
    struct measuring *m = ctx;
    const int64_t epoch = m->probe.epoch / clock_epoch(m->job.watch->clock);
    if (epoch > m->told) m->told = epoch;
    return m->job.hooks->tick(m->job.hooks->ctx, m->told, watch_epochs(m->job.watch));
}

/* *found: the family has arrays for it, and it has a meaning here.  Jobs of one family may differ in their data sets,
 * and then a measure's shapes may. */
static int find_arrays(const struct measuring *m, struct measure *one, bool *found, struct err *e)
{
    struct err ignored = { 0 };
    const struct measure_kind *kind = one->set.kind;
    if (kind->missing && measure_recorded(m->job.store, (size_t)m->job.row->family, one->set.is))
        return err_set(
            e, ERR_JOB,
            "was begun by a program that has measure '%s', which this one lacks (%s); `run --retry-failed` "
            "with such a program goes on",
            one->set.is->name, kind->missing);
    *found = !measure_check(&one->set, &ignored);
    for (size_t c = 0; one->set.kind->columns[c].name && *found; c++) {
        const struct measure_column *column = &one->set.kind->columns[c];
        struct buf path = { 0 };
        buf_print(&path, "measures/%s/%s", one->set.is->name, column->name);
        one->array[c] = store_array_find(m->job.store, (size_t)m->job.row->family, buf_chars(&path));
        buf_release(&path);
        *found = one->array[c] != SIZE_MAX;
        if (*found && store_part_bytes(&family_of(m)->array[one->array[c]]) !=
                          measure_values(column, &one->set.site) * sizeof(double))
            return err_set(e, ERR_JOB, "measure '%s' has another shape for this job than in its family",
                           one->set.is->name);
    }
    return 0;
}

int measuring_open(struct measuring **out, const struct measuring_job *job, struct err *e)
{
    struct measuring *m = ARENA_NEW(job->arena, 1, struct measuring);
    const size_t n = job->data->layout.n;
    bool runs_net = false;
    *out = m;
    m->job = *job;
    m->measure = ARENA_NEW(job->arena, job->measures, struct measure);
    for (size_t i = 0; i < job->measures; i++) {
        struct measure *one = &m->measure[m->count];
        measure_set_up(&one->set, &job->measure[i], job->spec, &job->data->layout, &job->data->shape, job->arena);
        bool found;
        if (find_arrays(m, one, &found, e)) return -1;
        if (!found) continue;
        runs_net = runs_net || one->set.kind->runs_net;
        m->count++;
    }
    if (m->count == 0) return 0;
    m->theta = ARENA_NEW(job->arena, n, double);
    m->previous = ARENA_NEW(job->arena, n, double);
    m->initial = ARENA_NEW(job->arena, n, double);
    m->mask = ARENA_NEW(job->arena, n, uint8_t);
    m->set = job->data->set;
    m->probe = (struct measure_probe){
        .data = &m->set, .mask = m->mask, .seed = job->spec->seed, .scratch = job->arena, .leave = leave, .ctx = m
    };
    if (runs_net) measure_open_net(&m->probe, &m->measure[0].set.site, &m->set, job->arena);
    return 0;
}
