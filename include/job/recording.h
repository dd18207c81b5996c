/** job/recording.h: what is kept of a run (`record:` and `checkpoint:`), and the arrays of the store that hold it.
 *
 *  Recording is no part of a job's identity.  Jobs with the same shapes and the same recording form a family; a
 *  family's `about` text says all that the worker needs to record one of its jobs.
 *
 *  What is an epoch here is a unit of the job's clock (job/clock.h): a step, if anything of its length or of its
 *  recording is said in steps.
 */
#ifndef TOMBOLA_JOB_RECORDING_H
#define TOMBOLA_JOB_RECORDING_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/field.h"
#include "job/spec.h"
#include "num/layout.h"
#include "store/store.h"

#define RECORDING_MEASURES "measures" /* the library that record.measures names entries of */

/** The sections `record:` and `checkpoint:` of a sweep file, bound by recording_fields and
 * recording_checkpoint_fields. */
struct recording {
    struct count eval_every;
    int64_t series_every;  /* of older files, without a meaning */
    double threshold;      /* P of t_mem and t_gen             */
    double loss_bound;     /* the same of a regression task    */
    char measures[512];    /* names: "[a,b]" */
    char stop[STORE_STOP]; /* rules: stop_check */
    struct count every;    /* 0: only the first and the last epoch, and `at` */
    char at[4000];         /* moments: moment_list_next */
    int end_state;         /* enum watch_state */
};
extern const struct field recording_checkpoint_fields[];
const struct field *recording_fields(void);

/** A measure under the name of its entry in `measures:`, or of its kind. */
struct watch_measure {
    const char *name;
    const struct kind *kind;
    const char *options; /* "key=value;key=value", canonical, keys at their defaults left out */
    bool optional;       /* a program that lacks its kind may do without                      */
};
/** Keys of every entry of `measures:`, of a struct watch_measure. */
extern const struct field recording_measure_fields[];

/** Of which finished jobs the store keeps what a longer one goes on with: those that did not come to t_gen by one of
 * their judges, or that a rule ended, or all.  No part of a family: who hands out a job says it. */
enum watch_state { WATCH_END_NONE, WATCH_END_UNREACHED, WATCH_END_ALL };

/** What the arrays of a family are made for. */
struct family_kind {
    size_t n; /* weights                                        */
    clock_steps clock;
    bool twice, scores;
    size_t parts;                  /* of the data that have curves of their own */
    size_t vectors, slots, points; /* of the trainer's state; checkpoints; points of the curves */
};

/** How a grid finds t_mem and t_gen of its jobs: of the epochs that have this spacing, and the last, the first with
 *  an accuracy above the threshold, or, of a regression task, a loss below it. */
struct judge {
    struct count eval_every; /* whole epochs are called so: clock_whole */
    double threshold;
};
enum { JUDGES = 4 }; /* of one job */

/** Weights that others are made from, beside the regular checkpoints and those at mem and gen. */
struct watch_moment {
    size_t judge; /* index: by whom mem and gen are meant */
    struct moment t;
};
enum { MOMENTS = 64 }; /* of one job */

/** What a job is trained to: until rules of job/stop.h have come, by a judge; "": to its length. */
struct watch_end {
    struct judge judge;
    const char *stop;
};

/** A recording made concrete for jobs of so many epochs. */
struct watch {
    clock_steps clock; /* 0: epochs are epochs; else steps, so many an epoch */
    int64_t epochs;
    struct judge judge[JUDGES]; /* of every grid that shares the job; the first is that of the job's row */
    size_t judges;
    int64_t series_every; /* spacing of the curves' points; 0: every evaluation, as in all but older families */
    bool by_loss;         /* thresholds are loss bounds */
    const struct watch_measure *measure; /* by name, without repeats */
    size_t measures;
    const struct watch_measure *absent; /* likewise: asked for, but this program lacks their kinds */
    size_t absents;
    const struct watch_moment *moment; /* by judge and text, without repeats */
    size_t moments;
    size_t checkpoints; /* regular ones, without the slots behind them: moments, and mem and gen of every judge */
    const int64_t *checkpoint;   /* ascending, from 0 to epochs                                  */
    int end_state;               /* enum watch_state; not known of one that was read from a store  */
    const struct watch_end *end; /* the same: all must have come; the first is that of the job's row */
    size_t ends;
    struct family_kind family; /* of one that was read from a store                            */
};
/** For a job of which the recording knows no more than this.  Nothing is measured yet.  The checkpoint epochs are
 *  placed in the arena.  ERR_SPEC for more checkpoints or points than can be kept. */
struct watch_job {
    struct count length;
    int64_t epoch_steps; /* of an epoch */
    bool in_steps;       /* it counts steps, whatever its recording says */
    bool regression;
};
CHECKED int watch_make(struct watch *out, const struct recording *r, const struct watch_job *job, struct arena *a,
                       struct err *e);
/** Its grid's rules, which were checked: what its own judge ends the job by.  ERR_SPEC as stop_resolve. */
CHECKED int watch_set_stop(struct watch *w, const char *stop, struct arena *a, struct err *e);
/** Train on until that has come, too. */
void watch_train_to(struct watch *w, const struct judge *judge, const char *stop, struct arena *a);
/** *into also sees what other sees: union of evaluations, checkpoints and measures (of two measures with one name its
 *  own stays).  Both are of the same length; it counts steps if one of them does.  ERR_SPEC for more than JUDGES
 * judges, checkpoints or points. */
CHECKED int watch_merge(struct watch *into, const struct watch *other, struct arena *a, struct err *e);
bool watch_equal(const struct watch *a, const struct watch *b);
/** A judge as the store says it, of jobs with such epochs. */
struct judge judge_read(int64_t spacing, bool steps, double threshold, int64_t epoch_steps);
/** A position on one clock, or COLUMN_NO_INT, on another. */
int64_t watch_carry(clock_steps to, clock_steps from, int64_t at);
/** Are they called alike, and are they the same?  Whether they are optional does not count. */
bool watch_measure_equal(const struct watch_measure *a, const struct watch_measure *b);
/** Has it all checkpoints that `want` asks for? */
bool watch_has_checkpoints(const struct watch *kept, const struct watch *want);
/** Is the judge one of its own?  Then its t_mem and t_gen have slots. */
bool watch_has_judge(const struct watch *w, const struct judge *judge);
/** Do the curves have a point at every epoch that the judge looks at? */
bool watch_sees(const struct watch *w, const struct judge *judge);
bool judge_equal(const struct judge *a, const struct judge *b);
/** Does the judge look at the epoch? */
bool watch_judges_at(const struct watch *w, const struct judge *judge, int64_t epoch);
/** Does what is found there pass the judge: of a job that is judged so the loss, else the accuracy? */
bool watch_passes(const struct watch *w, const struct judge *judge, double loss, double accuracy);
/** A number for the judge's moment, the same in every process and on every clock; epochs stay. */
int64_t judge_moment(const struct judge *judge, const struct moment *t);
/** The same for a regular checkpoint. */
int64_t watch_milestone(const struct watch *w, int64_t epoch);
/** When t comes in a job that is recorded so; COLUMN_NO_INT: not known yet, or never. */
int64_t watch_place(const struct watch *w, const struct judge *judge, const struct moment *t,
                    const struct moment_known *known);
/** Epochs of its length, of which the last may be no whole one. */
static inline int64_t watch_epochs(const struct watch *w)
{
    const int64_t unit = clock_epoch(w->clock);
    return (w->epochs + unit - 1) / unit;
}
/** The length, as files say it. */
struct count watch_length(const struct watch *w);
/** What a row says of it: length, clock, and how its first judge judges. */
void watch_describe(const struct watch *w, struct store_row *row);
/** Is a measure of this name recorded while the job trains? */
bool watch_measures(const struct watch *w, const char *name);

/** Keep the weights at t, a number or a rule by one of its judges.  ERR_SPEC for more than MOMENTS. */
CHECKED int watch_keep(struct watch *w, const struct moment *t, const struct judge *judge, struct arena *a,
                       struct err *e);

/** The slot of the checkpoint array for the weights at t, by the judge; SIZE_MAX if there is none.  Behind the
 *  regular ones are the moments, then mem and gen of each judge but the first; its two are the last. */
size_t watch_slot(const struct watch *w, const struct moment *t, const struct judge *judge);
/** The slot of the weights at the end of a job that ended at that epoch: its regular one, or, if there is none, the
 *  last, whose epoch it is then. */
size_t watch_end_slot(const struct watch *w, int64_t end);
/** The regular one of an epoch. */
size_t watch_epoch_slot(const struct watch *w, int64_t epoch);
/** The epoch of a slot; reached [judges]: when mem and gen came.  COLUMN_NO_INT: not known, or never. */
int64_t watch_slot_epoch(const struct watch *w, size_t slot, const struct moment_known *reached);
size_t watch_slots(const struct watch *w);
size_t watch_points(const struct watch *w);
/** The point of an epoch; SIZE_MAX if the series does not hold it. */
size_t watch_point(const struct watch *w, int64_t epoch);
/** The epochs of all points, into out [watch_points]. */
void watch_list_points(const struct watch *w, int64_t *out);

/** Read back from a family's about text.  Fails with ERR_STORE, also if the family has not the arrays that the text
 *  implies: who has parsed it may rely on those of enum family_array.  `resume` may be missing: families of format 1
 *  lose it when they are merged. */
CHECKED int watch_parse(struct watch *out, const struct store_family *family, struct arena *a, struct err *e);
/** The same, read once for all of a family's jobs: known [store_families] is NULL where that has not been done.  NULL
 *  with *e if it fails. */
const struct watch *watch_of(struct watch **known, const struct store *s, size_t family, struct arena *a,
                             struct err *e);
/** The tensors of a family, as its about text has them: names and shapes.  ERR_STORE. */
CHECKED int recording_layout(struct layout *out, const struct store_family *family, struct err *e);
/** Is that the family of jobs like spec, and, if layout is not NULL, of networks with that?  ERR_STORE if not. */
CHECKED int watch_check(const struct watch *w, const struct job_spec *spec, const struct layout *layout,
                        struct err *e);

/** The arrays every family has, in this order; measures follow, then ARRAY_RESUME is the last. */
enum family_array {
    ARRAY_TRAIN_LOSS,
    ARRAY_TRAIN_ACCURACY,
    ARRAY_TEST_LOSS,
    ARRAY_TEST_ACCURACY,
    ARRAY_CHECKPOINTS,
    ARRAY_CHECKPOINT_EPOCH,
    ARRAY_MASK,
    ARRAY_MEASURES
};

/** A resume point: this head, the vectors of the trainer's state, the four series, those of the parts. */
struct resume_head {
    int64_t epoch, step, t_mem, t_gen;
    double seconds, train_loss, train_accuracy, test_loss, test_accuracy;
    int64_t seen;
    struct moment_known more[JUDGES - 1]; /* by the judges behind the first */
};
/** Bytes of a resume point.  A part of `resume` has room for whole pages, so that its head lies in one and is not
 * torn; in an older store for just these. */
size_t recording_resume_bytes(size_t n, size_t vectors, size_t real_size, size_t points, size_t parts);
/** The curves of parts, [points, parts], where a family has such: behind the measures, before `resume`. */
enum { PART_LOSS, PART_ACCURACY, PART_CURVES };
extern const char *const recording_part_curves[PART_CURVES];
/** How many parts the family has curves of; 0: none. */
size_t recording_parts(const struct store_family *family);

/** Describe the family of jobs like spec: name, about, arrays, constants; everything in the arena. */
void family_describe(struct store_family *out, const struct job_spec *spec, const struct layout *layout,
                     const struct task_shape *shape, const struct watch *watch, struct arena *a);
/** What the jobs of a family count, without reading all of it. */
clock_steps family_clock(const struct store_family *family);
/** Has a family of a store the arrays that its about text implies?  ERR_STORE, naming the first that is missing or
 *  otherwise. */
CHECKED int family_check(const struct store_family *family, struct err *e);
/** The same of a store's, its table of tensors, and as many epochs as its curves have points.  ERR_STORE. */
CHECKED int family_verify(struct store *s, size_t family, struct err *e);
/** Bytes that one job's row takes in the store, when all of it is written. */
uint64_t family_row_bytes(const struct store_family *f);
/** Of them, those of the end state that one finished job leaves. */
uint64_t family_end_bytes(const struct store_family *f);

#endif
