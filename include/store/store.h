/** store/store.h: one HDF5 file that survives kills, can be read while it grows, and knows nothing about networks.
 *
 *  Frozen structure: store_prepare (rank 0, serial driver) creates every dataset; from then on all ranks write raw
 *  rows only, independently.  A row is data first, then the checksum of the data, then the job row that commits it.
 *
 *  What a store holds: a table /jobs with a row a job (struct store_row, then the spec columns), the canonical texts,
 *  and families: jobs with the same arrays.  An array has `parts`: each part of a row is written at once and has its
 *  own checksum in families/F/sums, 0 = not written.
 */
#ifndef TOMBOLA_STORE_STORE_H
#define TOMBOLA_STORE_STORE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/column.h"
#include "base/err.h"
#include "base/hash.h"

#include <mpi.h>
#include <stdint.h>

/** JOB_SKIPPED: there is nothing to train, and that is an answer: a search ended before it, or its parent never came
 * to the moment that it is drawn at.  JOB_BLOCKED: it waits for a job that failed. */
enum job_state { JOB_UNUSED, JOB_PENDING, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_BLOCKED, JOB_SKIPPED, JOB_STATES };
extern const char *const job_state_name[]; /* NULL-terminated */

/** Of a job that is done: is it to be trained again, into arrays of its own, while its results stay?  NEXT_CONFIRM:
 *  only if its ancestors have other weights now than those that it was made from. */
enum next_state { NEXT_NONE, NEXT_CONFIRM, NEXT_PENDING, NEXT_RUNNING, NEXT_STATES };

enum {
    STORE_CANONICAL = 1024, /* bytes of a record of /texts/canonical; longs.h holds what is longer */
    STORE_TEXT = 65536,     /* a canonical text is shorter */
    STORE_INPUTS = 1024,
    STORE_RANK = 3,
    STORE_FORMAT = 2, /* FORMAT.md describes it */
    STORE_NAME = 64,  /* bytes of a name in a row; it may fill all but the last */
    STORE_STOP = 128, /* of stop rules ...                                       */
    STORE_RULE = 64   /* ... and of one                                          */
};

/** What is counted where a length_unit, or the unit of a grid, is this text; earlier versions say nothing. */
static inline bool store_in_steps(const char unit[8])
{
    return unit[0] == 's';
}
static inline const char *store_unit(const char unit[8])
{
    return store_in_steps(unit) ? "step" : "epoch";
}

/** The first columns of /jobs, in the store's own words, described by store_columns.  Texts are NUL-padded UTF-8. */
struct store_row {
    char id[ID_CHARS], parent[ID_CHARS];
    char trajectory[ID_CHARS]; /* what jobs share that differ in nothing but their lengths; "": not said */
    char control[24];
    char task[STORE_NAME], model[STORE_NAME], training[STORE_NAME]; /* names as the sweep file gives them */
    char sweep[STORE_NAME], grid[STORE_NAME];                       /* the first that needed the job      */
    char t_asked[64];                                               /* "gen + 100", "2000"; "" without a parent */
    char host[32];
    char machine[STORE_NAME]; /* kernel level and BLAS core: the same words, the same bits */
    char error[120];
    char length_unit[8];       /* the job's clock, of all that counts: "epoch", "step" */
    char stop[STORE_STOP];     /* by which its first grid ends it before its length; "": it does not */
    char ended_by[STORE_RULE]; /* the rule of it that did; "": none, it has its length              */
    int64_t seed, t, epochs, epochs_done, steps_done, t_mem, t_gen, rank;
    int64_t end;        /* of that end: results are those up to it, and training may have gone on */
    int64_t eval_every; /* between two evaluations: t_mem and t_gen are such; below 0: so many a decade */
    int64_t plan_version;
    double k, k_removed; /* what was asked, and what the mask removes; NaN: not said */
    double threshold;    /* that t_mem and t_gen exceed; the loss bound of a regression task */
    double tau_grok, train_loss, train_accuracy, test_loss, test_accuracy, seconds, started, ended, updated;
    int64_t family, family_row, attempts;
    int64_t next_family, next_row; /* the arrays of the next training; COLUMN_NO_INT: none */
    int64_t next_attempts, next_epochs;
    uint64_t deaths;     /* known ones of its process, since it made progress  */
    uint64_t parent_sum; /* checksum of the parent's weights that it was made from; 0: it has none, or an older
                            version has trained it */
    uint64_t next_deaths;
    uint64_t plan_hash; /* of the plan that was compiled for its network; 0: none */
    uint64_t next_plan_hash;
    uint64_t sequence;  /* counts the writes of this row              */
    uint64_t data_sum;  /* checksum of the row of families/F/sums     */
    uint64_t row_sum;   /* checksum of the row without this word      */
    uint8_t state;      /* enum job_state                             */
    uint8_t next_state; /* enum next_state                            */
    uint8_t again;      /* in memory only: this is the job's next training, see store_next */
    uint8_t keeps;      /* in memory only: a commit leaves its scratch arrays as they are  */
    uint8_t pad[4];
};
extern const struct column store_columns[];

/** A per-row array of a family: dataset families/F/PATH [rows, parts, dim...] (no parts axis if parts is 0). */
struct store_array {
    const char *path; /* "series/train_loss", "checkpoints" */
    enum column_type type;
    size_t parts;                 /* 0: one part, no axis of its own      */
    size_t rank, dim[STORE_RANK]; /* of one part                          */
    bool scratch;                 /* not part of what a commit vouches for */
    const char *unit, *help;
    const char *labels;  /* comma-separated names along the last axis; NULL: none */
    const char *axes;    /* names of the axes of one part, "neuron, frequency"; NULL: nothing to say */
    const char *made_by; /* what computed it, with its options; NULL: nothing to say */
};

/** A dataset of a family that is the same for all rows: axes, the table of tensors. */
struct store_constant {
    const char *path;
    const struct column *columns; /* of a compound; NULL: plain `type` */
    enum column_type type;
    size_t row_size, count;
    const void *data;
    const char *help, *unit; /* unit: NULL if it has columns */
};

struct store_family {
    const char *name;  /* unique for its shapes: the same name always means the same arrays */
    const char *about; /* free text that the caller understands, kept as an attribute       */
    const struct store_array *array;
    size_t arrays;
    const struct store_constant *constant;
    size_t constants;
    size_t rows; /* of one in a store: rows reserved; a need's may be anything */
};

struct store_job {
    struct store_row row;  /* family is an index into the need; family_row is set by the store */
    const void *spec;      /* specs.size bytes laid out by the need's specs                    */
    const char *canonical; /* shorter than STORE_TEXT                                          */
    const char *inputs;    /* paths of external files, may change without changing the job     */
};

/** What store_prepare does with a job that is in the store.  STORE_REFIT: if its training has not ended, that begins
 *  anew, in arrays of the family that the need describes it with.  STORE_RETRAIN: the same if it has ended; then the
 *  old results stay until the new ones are committed. */
enum store_fate { STORE_AS_IS, STORE_REFIT, STORE_RETRAIN };

struct store_use { /* grid -> job, and how the grid judges it */
    uint32_t grid, job;
    double threshold; /* of its t_mem and t_gen; the loss bound of a regression task */
    int64_t spacing;  /* between two evaluations; below 0: so many a decade */
    const char *unit; /* of that, and of what comes of it: "epoch", "step" */
    const char *stop; /* what ends it before its length, shorter than STORE_STOP; "": nothing */
    uint32_t watch;   /* the caller's: how the grid wants the job to be recorded */
};

struct store_grid_name {
    const char *sweep, *name;
};
struct store_text { /* a sweep file, verbatim, and the name of the sweep in it */
    const char *name, *text;
};

/** The columns of /jobs that follow from what a job is, and how they do. */
struct store_specs {
    const struct column *column; /* offsets from 0; ends with COLUMN_END; NULL: none */
    size_t size;
    /** By the canonical text; false if that is not understood.  NULL: nobody knows. */
    bool (*fill)(const char *canonical, void *row);
};

/** What a sweep needs of a store. */
struct lock;
struct store_need {
    struct store_specs specs;
    struct store_family *family;
    size_t families;
    size_t jobs;
    const struct id *id; /* [jobs] */
    void *ctx;
    void (*job)(void *ctx, size_t i, struct store_job *out); /* describe job i; called up to twice a job */
    const uint8_t *fate;                                     /* [jobs] enum store_fate; NULL: all stay as they are */
    const struct store_grid_name *grid;
    size_t grids;
    const struct store_use *use;
    size_t uses;
    const struct store_text *sweep; /* one for each file, no two of one name and text */
    size_t sweeps;
    const char *command_line;
    const char *const *provenance; /* name, value, name, value, ..., NULL: root attributes of a new store */
    size_t capacity;               /* rows to reserve in a new store; 0: four times the jobs            */
    bool retry;                    /* failed jobs are to be trained again                                 */
    bool repair;                   /* damaged rows, and all that depends on them, become pending again   */
    struct lock *lock;             /* takes hold of a new store before it appears; NULL: nobody else knows it */
};

struct store;

/** Serial, one process.  Create the store at path or grow the one that is there until it holds what need asks for,
 *  and record the sweep's files (once for each different text).  A row of need->job that the store holds already (by
 * id) is left as it is, except that its `inputs` are brought up to date.  row[i] is the store row of job i.  New
 * columns of need->specs are added and filled for the rows that are there, and none is ever taken away. A damaged row
 * of /jobs is still held by its job, if its canonical text or what is left of its id says which that is; it stays
 * damaged, and only need->repair changes that: then everything is verified as store_verify does, and every row with a
 * fault is trained again.  Finished rows whose ancestors are trained on or again are marked NEXT_CONFIRM. Crash-safe:
 * either the old store or the new one. Fails with ERR_IO, ERR_STORE, ERR_FULL, ERR_LOCKED; ERR_SPEC for texts or
 * columns that do not fit. */
CHECKED int store_prepare(const char *path, const struct store_need *need, uint32_t *row, struct err *e);

/** Serial, one process, under the lock, before anything else is done with the store at path: put right what a run
 * that did not end cleanly has left.  A growth that was interrupted is undone, half-made files beside the store go,
 * and what was committed shortly before that end is verified: what is damaged becomes pending again.  No store:
 * nothing to do; ERR_LOCKED if one was made after the lock was taken. */
CHECKED int store_recover(const char *path, struct lock *lock, struct err *e);

/** Is there anything at path?  What it is, opening it will say. */
CHECKED int store_exists(const char *path, bool *exists, struct err *e);

/** Collective over comm: open for reading and writing rows by all ranks.  run: the lock's number, which is asked for
 *  before every commit; 0: nobody is asked. */
CHECKED int store_open(struct store **out, MPI_Comm comm, const char *path, uint64_t run, struct err *e);
/** Serial, read-only, without MPI; works while a run is writing. */
CHECKED int store_open_read(struct store **out, const char *path, struct err *e);
/** Local.  What is committed stays; s may be NULL. */
void store_close(struct store *s);

/** Local.  Has HDF5 a file open that it could not close? */
bool store_left_open(void);

/** What a store is that is only read, and merged: "an archive"; NULL: it can be run. */
const char *store_read_only(const struct store *s);
const char *store_path(const struct store *s);
size_t store_rows(const struct store *s); /* rows in use                           */
size_t store_spec_size(const struct store *s);
const struct column *store_spec_columns(const struct store *s);       /* read back from the file */
const char *store_attribute(const struct store *s, const char *name); /* root attribute as text, "" if absent */

/** Local.  Rows as committed; a torn row is read again until its checksum agrees, then ERR_STORE.
 *  spec may be NULL. */
CHECKED int store_read_row(struct store *s, uint32_t row, struct store_row *out, void *spec, struct err *e);
/** A whole-number spec column: where a row has a value it goes to out [store_rows], elsewhere out stays. */
struct store_pick {
    const char *name;
    int64_t *out;
};
/** Local.  All rows in use into out [store_rows], and columns that pick names (ends with name NULL; may be NULL).
 *  *bad (may be NULL) counts rows that are damaged: whose checksum is wrong, or which say what cannot be.  These have
 *  state JOB_UNUSED in out. */
CHECKED int store_read_rows(struct store *s, struct store_row *out, const struct store_pick *pick, size_t *bad,
                            struct err *e);
/** If the job is trained again (next_state NEXT_PENDING or later, and it has arrays for that), *r becomes the row of
 * that training: its arrays, state, attempts, deaths and epochs, and no results yet.  Such a row can be handed to
 * every function below: what is written goes into the columns next_*, until a commit as DONE or FAILED replaces the
 * old training as a whole and frees its arrays.  False, and *r stays, if it is not. */
bool store_next(struct store_row *r);
/** Local.  After reading what the row's arrays hold: does the row in the store still point at them?  If not, read the
 *  row again and start over.  True if that cannot be told. */
CHECKED bool store_stays(struct store *s, uint32_t row, const struct store_row *r);
/** Local.  Write the fixed columns of a row; the store sets sequence, updated and row_sum.  The spec columns stay. */
CHECKED int store_write_row(struct store *s, uint32_t row, struct store_row *r, struct err *e);

/** Local.  canonical gets the whole text; inputs, STORE_INPUTS bytes, a NUL-terminated one.  Each may be NULL.
 * Nothing is said of damage: a text whose hash is not the job's id is none. */
CHECKED int store_read_texts(struct store *s, uint32_t row, struct buf *canonical, char *inputs, struct err *e);

size_t store_families(const struct store *s);
const struct store_family *store_family(const struct store *s, size_t family); /* name, about, arrays */
/** Index of an array of a family by path; SIZE_MAX if there is none. */
size_t store_array_find(const struct store *s, size_t family, const char *path);
/** Read a constant of a family into data (its whole size); ERR_STORE if there is none of that size. */
CHECKED int store_read_constant(struct store *s, size_t family, const char *path, void *data, size_t bytes,
                                struct err *e);

/** Where each tensor of a family lies in its flat vectors, from the constant `tensors`; in the arena.  They lie one
 *  behind the other, each within the vectors and as large as its shape; anything else is ERR_STORE. */
struct store_tensor {
    char name[64];
    size_t offset, size, rank, dim[4];
};
CHECKED int store_read_tensors(struct store *s, size_t family, struct arena *a, struct store_tensor **out,
                               size_t *count, struct err *e);

/** Local.  Start an attempt: state RUNNING, attempts + 1, all checksums of the row's arrays 0 (unless resuming). */
CHECKED int store_begin(struct store *s, uint32_t row, struct store_row *r, bool resuming, struct err *e);
/** Local.  Write one part of an array of the row's family, `bytes` of data, then its checksum.  ERR_STORE if there is
 *  no such part in the file, or if it is of another size. */
CHECKED int store_put(struct store *s, const struct store_row *r, size_t array, size_t part, const void *data,
                      size_t bytes, struct err *e);
/** The same for several parts of the row at once, whose checksums are written together: first all that change are
 * cleared, then the data go to their places, then all of them count. */
struct store_part {
    size_t array, part;
    const void *data;
    size_t bytes;
};
CHECKED int store_put_all(struct store *s, const struct store_row *r, const struct store_part *part, size_t count,
                          struct err *e);
/** Local.  Read one part, of so many bytes, and check it; ERR_STORE, also, if the checksum is wrong or the part was
 *  not written. */
CHECKED int store_get(struct store *s, const struct store_row *r, size_t array, size_t part, void *data, size_t bytes,
                      struct err *e);
/** Was the part written?  False, too, if there is none. */
CHECKED bool store_has(struct store *s, const struct store_row *r, size_t array, size_t part);
/** Is it there, and agrees with its checksum? */
CHECKED bool store_sound(struct store *s, const struct store_row *r, size_t array, size_t part);
/** Local.  The checksum of a part as it was written; 0 if it was not, or cannot be read. */
uint64_t store_part_sum(struct store *s, const struct store_row *r, size_t array, size_t part);
/** Bytes of one part. */
size_t store_part_bytes(const struct store_array *array);
/** Bytes of a row's checksums. */
size_t store_sums_bytes(const struct store_family *f);
/** Are the two arrays written and read alike?  What is said of them may differ. */
bool store_array_same(const struct store_array *a, const struct store_array *b);
/** Parts of a row of an array: 1 where it is not divided. */
size_t store_parts(const struct store_array *array);
/** Local.  Write the row of the job at work: how far it is. */
CHECKED int store_progress(struct store *s, uint32_t row, struct store_row *r, struct err *e);
/** Local.  Commit: r->state (DONE, FAILED, BLOCKED, PENDING) and r's results, with the checksum over the sums, at
 * once, be its data on the disk or not: for what vouches for no results.  ERR_LOCKED: another run owns the store now.
 */
CHECKED int store_commit(struct store *s, uint32_t row, struct store_row *r, struct err *e);
/** Local.  The same for results: the row is committed, and then its scratch arrays are forgotten (unless r->keeps),
 * when its data have been brought to the disk together with those of other jobs, by this call or a later one of
 * store_settle.  Others may read the data meanwhile; until then the row says "pending". */
CHECKED int store_commit_soon(struct store *s, uint32_t row, struct store_row *r, struct err *e);
/** Local.  Bring to disk and commit what waits, if the first of it has waited as long as store_settle_every says
 * (which is 0 unless it was called), or if `now`.  Costs nothing if nothing waits. */
CHECKED int store_settle(struct store *s, bool now, struct err *e);
void store_settle_every(struct store *s, double seconds);
/** Local.  The last call before leaving: all that this rank has written is on the disk. */
CHECKED int store_finish(struct store *s, struct err *e);
/** Local.  Forget the row's scratch arrays, after a commit that needs them no more, and give their space back to the
 *  file system where it can take it. */
void store_discard(struct store *s, const struct store_row *r);
/** The same of one part of an array. */
void store_discard_part(struct store *s, const struct store_row *r, size_t array, size_t part);
/** Local.  Bytes that the row's arrays, scratch apart, will still take of the disk: space that it has is not counted.
 *  0 where the file system cannot tell. */
uint64_t store_row_missing(struct store *s, const struct store_row *r);

/** Arrays that come to a family later, for some of its rows, and that its jobs' commits do not vouch for: what is
 *  computed from finished jobs.  Their checksums stand beside them; starting a job anew forgets them. */
struct store_annex {
    size_t family;
    const char *path;                /* "measures/fourier": the group of the arrays, whose paths begin with it */
    const char *about;               /* free text that the caller understands                                  */
    const struct store_array *array; /* no scratch                                                             */
    size_t arrays;
};
/** Serial, one process, nobody else has the store open for writing.  Add annexes; those that are there are left as
 * they are.  Crash-safe as store_prepare, and with its errors. */
CHECKED int store_add_annexes(const char *path, const struct store_annex *annex, size_t count, struct err *e);
/** The about text of a family's annex; NULL if there is none at that path. */
const char *store_annex_about(const struct store *s, size_t family, const char *path);
/** Local.  Vouch for all that the row has in the annex, as store_commit_soon does: from then on it is complete. */
CHECKED int store_annex_commit(struct store *s, const struct store_row *r, const char *path, struct err *e);
CHECKED bool store_annex_done(struct store *s, const struct store_row *r, const char *path);

/** Sweeps and grids recorded in the store, oldest first. */
struct store_sweep {
    char name[64], time[32], command[512];
    const char *text;
};
struct store_grid {
    char sweep[64], name[64];
    uint32_t row; /* one entry per use */
    double threshold;
    int64_t spacing;
    char unit[8];          /* of that, and of end, t_mem and t_gen */
    char stop[STORE_STOP]; /* how the grid judges the job, as in store_use */
    int64_t end, t_mem, t_gen;
    double tau_grok;           /* by it, over the epochs up to end; end is COLUMN_NO_INT: not said */
    char ended_by[STORE_RULE]; /* the rule of stop that ended it; "": its length did */
    double train_loss, train_accuracy, test_loss, test_accuracy; /* at end */
};
CHECKED int store_read_sweeps(struct store *s, struct arena *a, struct store_sweep **out, size_t *count,
                              struct err *e);
CHECKED int store_read_uses(struct store *s, struct arena *a, struct store_grid **out, size_t *count, struct err *e);
/** Local, by one rank.  Write the results of entry `index` of those that store_read_uses lists. */
CHECKED int store_write_use(struct store *s, size_t index, const struct store_grid *use, struct err *e);

#endif
