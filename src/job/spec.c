#include "job/spec.h"
#include "base/text.h"
#include "job/registry.h"
#include "job/teacher.h"
#include "model/tensors.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const precision_names[] = { "float", "double", NULL };

const struct field modelling_fields[] = {
    FIELD_ROW(modelling, tensors, TABLE, "", .unit = "",
              .help = "what single tensors have of their own: {W_E: {init: normal 0.02, lr: 0.1}, \"*.b\": {init: "
                      "zeros, decay: 0}}; "
                      "`tombola kinds tensors`"),
    FIELD_END,
};

const struct field training_fields[] = {
    { "epochs", FIELD_INT, offsetof(struct training, epochs), .range = "[0, 1e9]", .unit = "epoch",
      .help = "passes over the training set; 0: nothing is trained, and what the job starts from is measured" },
    { "loss", FIELD_CHOICE, offsetof(struct training, loss.kind), .standard = "cross_entropy", .choices = loss_name,
      .unit = "", .help = "what is minimised; of labels, mse takes one-hot targets, and of one output the sign" },
    { "loss_precision", FIELD_CHOICE, offsetof(struct training, loss.precision), .standard = "double",
      .choices = loss_precision_name, .unit = "",
      .help = "of the exponentials in a loss; float32 shows softmax collapse (Prieto et al., arXiv 2501.04697)" },
    { "batch", FIELD_AMOUNT, offsetof(struct training, batch), .standard = "0", .range = "[0, 1e9]",
      .unit = "example",
      .help = "examples per step; 0: the whole training set; 50 %: of it, rounded up; min(512, 50 %): the smaller" },
    { "replace", FIELD_BOOL, offsetof(struct training, replace), .standard = "false", .unit = "",
      .help = "batches are drawn with replacement: an epoch has as many steps, but may show an example twice" },
    { "warmup", FIELD_INT, offsetof(struct training, warmup), .standard = "0", .range = "[0, 1e9]", .unit = "step",
      .help =
          "the learning rate of step t = 1, 2, ... is lr * min((t - 1) / warmup, 1); 0: lr from the start. The same "
          "as a schedule that begins with it" },
    { "schedule", FIELD_LINES, offsetof(struct training, schedule), .count = LR_SCHEDULE_TEXT, .standard = "[]",
      .unit = "", .check = lr_schedule_check,
      .help =
          "of the learning rate, a list: warmup N, constant N, linear [N] to R, cosine [N] to R follow one another; "
          "drop R at N and drop R every N go on top. N in steps, or as '80 epochs'; without N to the end of the job. "
          "R: a factor on lr" },
    { "precision", FIELD_CHOICE, offsetof(struct training, precision), .standard = "float",
      .choices = precision_names, .unit = "", .help = "of weights, gradients and checkpoints" },
    FIELD_END,
};

bool spec_has_parent(const struct job_spec *s)
{
    return spec_uses(s) & USES_PARENT;
}

unsigned spec_uses(const struct job_spec *s)
{
    return registry_control(s->control->name)->uses;
}

int spec_digest(struct job_spec *s, struct err *e)
{
    const struct task_kind *task = registry_task(s->task->name);
    struct id id;
    char text[ID_CHARS + 1];
    if (!task->digest) return 0;
    if (task->digest(s->task_config, &id, e)) return -1;
    id_text(id, text);
    if (s->data[0] && strcmp(s->data, text))
        return err_set(e, ERR_JOB, "the data of task %s are no longer those that were planned", s->task->name);
    memcpy(s->data, text, sizeof text);
    return 0;
}

bool spec_is_nothing(const struct job_spec *s)
{
    return s->task == &task_nothing.kind;
}

size_t spec_real_size(const struct job_spec *s)
{
    return s->training.precision == PRECISION_DOUBLE ? sizeof(double) : sizeof(float);
}

/* The examples and the outputs for the larger set. */
static int check_memory(const struct task_shape *s, struct err *e)
{
    const double most = (double)(s->n_train > s->n_test ? s->n_train : s->n_test);
    const double bytes = ((double)s->n_train + (double)s->n_test) * ((double)s->width + 1) * sizeof(int32_t) +
                         most * (double)s->classes * sizeof(double);
    const double have = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (bytes <= have) return 0;
    return err_set(e, ERR_SPEC, "the data set of a job needs %.1f GB of memory, and there are %.1f GB", bytes / 1e9,
                   have / 1e9);
}

int spec_shape(const struct job_spec *s, size_t n_train, size_t n_test, struct task_shape *out, struct err *e)
{
    if (task_measure(registry_task(s->task->name), s->task_config, &s->common, &teacher_nets, out, e)) return -1;
    if (n_train) out->n_train = n_train;
    if (n_test) out->n_test = n_test;
    return check_memory(out, e);
}

bool spec_is_regression(const struct job_spec *s)
{
    return task_is_regression(registry_task(s->task->name), s->task_config);
}

bool spec_judges_by_loss(const struct job_spec *s)
{
    return spec_is_regression(s) && !s->common.hit[0];
}

int spec_check_loss(const struct job_spec *s, const struct task_shape *shape, struct err *e)
{
    const size_t outputs = model_outputs(registry_model(s->model->name), s->model_config, shape);
    return loss_check(&s->training.loss, outputs, spec_is_regression(s), e);
}

int spec_layout(const struct job_spec *s, const struct task_shape *shape, struct layout *out, struct err *e)
{
    memset(out, 0, sizeof *out);
    return registry_model(s->model->name)->layout(s->model_config, shape, out, e) ||
                   tensors_apply(out, s->modelling.tensors, e)
               ? -1
               : 0;
}

void spec_label(const struct job_spec *s, char *out, size_t size)
{
    unsigned uses = spec_uses(s);
    char at[MOMENT_TEXT + 4] = "", k[32] = "";
    if (uses & USES_PARENT) text_brief(at, sizeof at, " t=%s", s->t.text);
    if (uses & USES_K) text_brief(k, sizeof k, " k=%g", s->k);
    text_brief(out, size, "%s%s%s seed=%llu", s->control->name, at, k, (unsigned long long)s->seed);
}
