#include "job/ancestors.h"
#include "job/judge.h"

#include <string.h>

/* The slot that keeps the row's weights at t. */
static int find_slot(const struct job_run *run, const struct judge *judge, const struct moment *t,
                     struct kept_weights *out, struct err *e)
{
    bool never;
    const struct store_family *family = store_family(run->store, (size_t)out->row.family);
    if (watch_parse(&out->watch, family, run->arena, e) ||
        judge_slot(run->store, &out->row, &out->watch, judge, t, &out->slot, &never, e))
        return -1;
    if (out->slot != SIZE_MAX) return 0;
    return err_set(e, ERR_JOB, "job %.8s keeps no weights at its epoch %s", out->row.id, t->text);
}

/* Of one that is trained again the weights to come count: who is drawn from them was told that they are there. */
static int read_ancestor(struct store *store, size_t at, struct store_row *row, struct err *e)
{
    if (store_read_row(store, (uint32_t)at, row, NULL, e)) return -1;
    store_next(row);
    return 0;
}

int ancestors_parent(const struct job_run *run, const struct job_spec *spec, struct kept_weights *out, struct err *e)
{
    const struct judge judge = { spec->eval_every, spec->threshold };
    if (read_ancestor(run->store, run->parent_row, &out->row, e)) return -1;
    return find_slot(run, &judge, &spec->t, out, e);
}

/* *row becomes the dense ancestor's.  A parent's row nearly always lies before its child's, and near. */
static int find_root(struct store *store, uint32_t from, struct store_row *row, struct err *e)
{
    size_t rows = store_rows(store), at = from;
    for (size_t generation = 0; row->parent[0]; generation++) {
        struct store_row next;
        size_t tried = 0;
        bool found = false;
        if (generation > rows) return err_set(e, ERR_STORE, "job %.8s is an ancestor of itself", row->id);
        while (!found) {
            struct err damaged = { 0 }; /* somebody else's row */
            if (tried++ == rows) return err_set(e, ERR_STORE, "the store has lost an ancestor of job %.8s", row->id);
            at = at ? at - 1 : rows - 1;
            found = !read_ancestor(store, at, &next, &damaged) && next.state != JOB_UNUSED &&
                    !memcmp(next.id, row->parent, ID_CHARS);
        }
        *row = next;
    }
    return 0;
}

int ancestors_root(const struct job_run *run, const struct job_spec *spec, const struct kept_weights *parent,
                   struct kept_weights *out, struct err *e)
{
    const struct judge judge = { spec->eval_every, spec->threshold };
    out->row = parent->row;
    return find_root(run->store, run->parent_row, &out->row, e) || find_slot(run, &judge, &spec->rewind, out, e) ? -1
                                                                                                                 : 0;
}

static uint64_t sum_of(const struct job_run *run, const struct kept_weights *kept)
{
    return store_part_sum(run->store, &kept->row, ARRAY_CHECKPOINTS, kept->slot);
}

int ancestors_sum(const struct job_run *run, const struct job_spec *spec, uint64_t *sum, struct err *e)
{
    struct kept_weights parent, root;
    *sum = 0;
    if (run->parent_row == JOB_NO_PARENT) return 0;
    if (ancestors_parent(run, spec, &parent, e)) return -1;
    *sum = sum_of(run, &parent);
    if (spec->rewind.epoch == 0) return 0;
    if (ancestors_root(run, spec, &parent, &root, e)) return -1;
    *sum = hash_sum((const uint64_t[]){ *sum, sum_of(run, &root) }, 2 * sizeof *sum);
    return 0;
}

/* A slot may be there, and say: never; be of an attempt that was lost; or, the last one, of an earlier end. */
static int64_t epoch_of(const struct job_run *run, const struct store_row *row, size_t slot)
{
    struct err damaged = { 0 };
    int64_t epoch;
    if (!store_has(run->store, row, ARRAY_CHECKPOINT_EPOCH, slot) ||
        store_get(run->store, row, ARRAY_CHECKPOINT_EPOCH, slot, &epoch, sizeof epoch, &damaged))
        return COLUMN_NO_INT;
    return epoch;
}

static bool has_come(const struct job_run *run, const struct store_row *row, size_t slot)
{
    return epoch_of(run, row, slot) >= 0;
}

void ancestors_mark(const struct job_run *run, const struct store_row *row, const struct watch *watch,
                    const struct moment_known *reached)
{
    static const struct moment *const named[] = { [MOMENT_MEM] = &moment_mem, [MOMENT_GEN] = &moment_gen };
    for (size_t i = 0; i < watch->checkpoints; i++)
        if (epoch_of(run, row, i) == watch->checkpoint[i]) run->hooks->mark(run->hooks->ctx, watch->checkpoint[i]);
    for (size_t j = 0; j < watch->judges; j++)
        for (size_t t = 0; t < ARRAY_LEN(named); t++) {
            const struct judge *judge = &watch->judge[j];
            if (reached ? reached[j].epoch[t] >= 0 : has_come(run, row, watch_slot(watch, named[t], judge)))
                run->hooks->mark(run->hooks->ctx, judge_moment(judge, named[t]));
        }
    for (size_t i = 0; i < watch->moments; i++) {
        const struct watch_moment *m = &watch->moment[i];
        const bool passed = !reached || moment_epoch(&m->t, &reached[m->judge]) <= row->epochs_done;
        if (passed && has_come(run, row, watch->checkpoints + i))
            run->hooks->mark(run->hooks->ctx, judge_moment(&watch->judge[m->judge], &m->t));
    }
}
