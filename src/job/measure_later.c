#include "job/measures.h"

#include <string.h>

/* Those of the list that are still to be computed. */
static size_t choose(const struct job_run *run, const struct store_row *row, const struct watch *w,
                     const struct watch_measure *measure, size_t measures, struct watch_measure *out)
{
    size_t count = 0;
    for (size_t i = 0; i < measures; i++) {
        const char *path = measure_path(&measure[i], run->arena);
        if (!watch_measures(w, measure[i].name) && store_annex_about(run->store, (size_t)row->family, path) &&
            !store_annex_done(run->store, row, path))
            out[count++] = measure[i];
    }
    return count;
}

static int compute(struct measuring *m, const struct watch *w, struct err *e)
{
    for (size_t slot = 0; slot < watch_slots(w); slot++)
        if (measuring_checkpoint(m, slot, e)) return -1;
    return measuring_finish(m, e);
}

int job_measure(const struct job_run *run, const struct watch_measure *measure, size_t measures, struct err *e)
{
    struct store_row row;
    struct job_spec spec;
    struct job_data data;
    struct watch watch;
    struct measuring *m;
    if (store_read_row(run->store, run->row, &row, NULL, e) ||
        job_spec_read(&spec, run->store, run->row, row.id, e) ||
        watch_parse(&watch, store_family(run->store, (size_t)row.family), run->arena, e) ||
        watch_check(&watch, &spec, NULL, e))
        return -1;
    struct watch_measure *list = ARENA_NEW(run->arena, measures, struct watch_measure);
    const struct measuring_job job = { .store = run->store,
                                       .row = &row,
                                       .spec = &spec,
                                       .data = &data,
                                       .watch = &watch,
                                       .measure = list,
                                       .measures = choose(run, &row, &watch, measure, measures, list),
                                       .hooks = run->hooks,
                                       .arena = run->arena };
    if (job_data_build(&data, &spec, run->inputs, run->arena, e) || watch_check(&watch, &spec, &data.layout, e) ||
        measuring_open(&m, &job, e) || compute(m, &watch, e))
        return -1;
    for (size_t i = 0; i < job.measures; i++)
        if (store_annex_commit(run->store, &row, measure_path(&list[i], run->arena), e)) return -1;
    return 0;
}
