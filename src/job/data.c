#include "job/data.h"
#include "base/text.h"
#include "job/inputs.h"
#include "job/registry.h"
#include "job/teacher.h"

#include <string.h>

/* What this program would write of the spec is the text, or the text is none of a job. */
static bool is_canonical(const struct job_spec *spec, const char *text)
{
    struct buf again = { 0 };
    spec_print(spec, &again);
    const bool same = !strcmp(buf_chars(&again), text);
    buf_release(&again);
    return same;
}

static int read_text(struct job_spec *out, struct store *store, uint32_t row, const char *text, const char *id,
                     struct err *e)
{
    char have[ID_CHARS + 1];
    struct err why = { 0 };
    if (memcmp(id_text(id_of(text, strlen(text)), have), id, ID_CHARS) != 0)
        return err_at(e, ERR_STORE, store_path(store), NOWHERE, NULL,
                      "the canonical text of job %.8s, row %u, is not its own", id, (unsigned)row);
    if (spec_parse(text, out, &why) || !is_canonical(out, text))
        return err_at(e, ERR_STORE, store_path(store), NOWHERE, NULL, "job %.8s, row %u, cannot be read%s%s", id,
                      (unsigned)row, why.kind ? ": " : ": its canonical text is none", text_shown(why.text, 200));
    return 0;
}

int job_spec_read(struct job_spec *out, struct store *store, uint32_t row, const char id[ID_CHARS], struct err *e)
{
    char inputs[STORE_INPUTS];
    struct buf canonical = { 0 };
    int rc = store_read_texts(store, row, &canonical, inputs, e);
    if (!rc) rc = read_text(out, store, row, buf_chars(&canonical), id, e);
    buf_release(&canonical);
    return rc ? -1 : spec_parse_inputs(inputs, out, e);
}

int job_data_shape(struct job_data *out, const struct job_spec *spec, const struct input_table *inputs,
                   struct task_split *split, struct arena *a, struct err *e)
{
    struct input in = spec->split;
    *split = (struct task_split){ .train = NULL };
    if (in.digest[0] && input_split(&in, split, inputs, a, e)) return -1;
    if (strcmp(in.digest, spec->split.digest) != 0)
        return err_set(e, ERR_JOB, "the split in '%s' is no longer the one that was planned", in.file);
    if (spec_shape(spec, split->n_train, split->n_test, &out->shape, e) ||
        spec_layout(spec, &out->shape, &out->layout, e))
        return -1;
    out->shape.batch = (size_t)spec->training.batch.number;
    if (split->n_train && split->width != out->shape.width)
        return err_set(e, ERR_JOB, "the split in '%s' has another number of tokens an example than the task",
                       in.file);
    return spec_check_loss(spec, &out->shape, e);
}

int job_data_build(struct job_data *out, const struct job_spec *spec, const struct input_table *inputs,
                   struct arena *a, struct err *e)
{
    struct task_split split;
    struct job_spec same = *spec; /* a task's files must still be those that were planned */
    if (spec_digest(&same, e) || job_data_shape(out, spec, inputs, &split, a, e)) return -1;
    return task_build(registry_task(spec->task->name), spec->task_config, &spec->common, &teacher_nets, spec->seed,
                      split.train ? &split : NULL, a, &out->set, e);
}

int job_data_draw(struct job_data *out, const struct job_spec *spec, struct arena *a, struct err *e)
{
    struct job_spec own = *spec;
    own.split = (struct input){ 0 };
    return job_data_build(out, &own, NULL, a, e);
}
