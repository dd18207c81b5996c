/** job/measures.h: the measures that a job records: what they store, and how they are computed at its checkpoints. */
#ifndef TOMBOLA_JOB_MEASURES_H
#define TOMBOLA_JOB_MEASURES_H

#include "job/data.h"
#include "job/recording.h"
#include "job/run.h"
#include "job/spec.h"
#include "measure/measure.h"
#include "store/store.h"

/** A measure, and what it looks at. */
struct measure_setup {
    const struct watch_measure *is;
    const struct measure_kind *kind;
    struct measure_site site;
};

/** Everything in the arena; the site keeps the pointers that it is given. */
void measure_set_up(struct measure_setup *out, const struct watch_measure *m, const struct job_spec *spec,
                    const struct layout *layout, const struct task_shape *shape, struct arena *a);
/** ERR_SPEC, with the reason, if this program or the measure itself cannot do it. */
CHECKED int measure_check(const struct measure_setup *m, struct err *e);
/** The same, whether or not this program can do it. */
CHECKED int measure_fits(const struct measure_setup *m, struct err *e);
/** Describe the arrays of its columns, for so many checkpoints; returns their number.  out may be NULL. */
size_t measure_arrays(const struct measure_setup *m, size_t slots, struct store_array *out, struct arena *a);

/** Room for the results of one checkpoint, all NaN, as kind->run takes them. */
void measure_blank(const struct measure_setup *m, double *out[MEASURE_COLUMNS], struct arena *a);
/** p->net and p->logits, for measures that evaluate the network on *set, which gets its copy in double. */
void measure_open_net(struct measure_probe *p, const struct measure_site *at, struct task_data *set, struct arena *a);

/** Append "measure=NAME KIND KEY=VALUE;...\n", keys at their defaults left out. */
void measure_print(const struct watch_measure *m, struct buf *out);
/** Append "absent=NAME KIND KEY=VALUE;...\n": asked for, but not recorded by the jobs of a family. */
void measure_print_absent(const struct watch_measure *m, struct buf *out);
/** Every such line of a text, in its order, into *out.  Fails with ERR_STORE. */
CHECKED int measure_parse(const char *text, const struct watch_measure **out, size_t *count, struct arena *a,
                          struct err *e);
/** *there: one of the list has the name of `want`.  ERR_SPEC if that is another measure: a name has one meaning. */
CHECKED int measure_among(const struct watch_measure *list, size_t count, const struct watch_measure *want,
                          bool *there, struct err *e);
/** The options of m as measure_print writes them, from the config of its kind's fields. */
const char *measure_options(const struct kind *kind, const void *config, struct arena *a);

/** "measures/NAME": where its arrays stand in a family. */
const char *measure_path(const struct watch_measure *m, struct arena *a);

/** Do the jobs of a family record this measure, with these options, while they train? */
bool measure_recorded(const struct store *s, size_t family, const struct watch_measure *m);
/** Has a job that is done the measure: recorded, or computed later? */
CHECKED bool measure_held(struct store *s, const struct store_row *r, const struct watch_measure *m);

/** Compute measures of a job that is done, and store them in its family's annexes, which must be there.  Those that
 *  the job has recorded itself, that are complete already, or that have no meaning for it are left out.  A job that
 * was stopped or killed here goes on at the checkpoint that it was at.  ERR_STOPPED, ERR_JOB, or what the store says.
 */
CHECKED int job_measure(const struct job_run *run, const struct watch_measure *measure, size_t measures,
                        struct err *e);

struct measuring;

/** What a job's measures need of it.  The pointers are kept. */
struct measuring_job {
    struct store *store;
    const struct store_row *row;
    const struct job_spec *spec;
    const struct job_data *data;
    const struct watch *watch; /* of its family: the checkpoints */
    const struct watch_measure *measure;
    size_t measures;
    const struct job_hooks *hooks;
    struct arena *arena;
};

/** Local.  Those whose arrays the family lacks, and those that have no meaning for the job, are left out. */
CHECKED int measuring_open(struct measuring **out, const struct measuring_job *job, struct err *e);
/** Local.  Read the weights of a checkpoint that is stored, compute every measure that is not stored yet, and store
 *  it.  Checkpoints are given in the order of their epochs.  ERR_STOPPED if the job was told to leave. */
CHECKED int measuring_checkpoint(struct measuring *m, size_t slot, struct err *e);
/** Local.  Once all checkpoints are stored: the measures that look back from the last one. */
CHECKED int measuring_finish(struct measuring *m, struct err *e);

#endif
