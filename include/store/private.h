/** store/private.h: what the files of this folder share.  Nobody else includes it. */
#ifndef TOMBOLA_STORE_PRIVATE_H
#define TOMBOLA_STORE_PRIVATE_H

#include "base/buf.h"
#include "store/file_private.h"

/* ---- tables.c: the datasets with a record a line ---- */

enum table_id {
    TABLE_OWNER, /* made first, so that its page is near the beginning of the file */
    TABLE_CONTROL,
    TABLE_JOBS,
    TABLE_CANONICAL,
    TABLE_INPUTS,
    TABLE_GRIDS,
    TABLE_SWEEPS,
    TABLE_TEXT,
    TABLE_LONG,
    TABLE_LONG_TEXT,
    TABLES
};

#define CONTROL_MAGIC UINT64_C(0x31414C4F424D4F54) /* "TOMBOLA1" on a little-endian machine */
struct control {                                   /* how much of each table is in use: one write commits all of it */
    uint64_t magic, rows, grids, sweeps, text, sequence, long_texts, sum;
};
enum { CONTROLS = PAGE / sizeof(struct control) }; /* in a new store: the first counts, the others keep its page */
struct input_record {
    char text[STORE_INPUTS];
    uint64_t sum; /* of text; 0 with an empty text */
    uint8_t pad[1016];
};
struct grid_record {
    char sweep[STORE_NAME], grid[STORE_NAME];
    uint64_t row;
    double threshold; /* how the grid judges the job, and what comes of that */
    int64_t spacing;
    char stop[32];
    int64_t end, t_mem, t_gen;
    double tau;
    uint8_t spare[32];
    uint64_t sum; /* of the bytes before it */
};
_Static_assert(PAGE % sizeof(struct grid_record) == 0, "no record crosses a page");
struct long_text_record {
    char digest[ID_CHARS]; /* XXH3-128 of the text */
    uint64_t offset, length, spare[9], sum;
};
_Static_assert(PAGE % sizeof(struct long_text_record) == 0, "no record crosses a page");
struct sweep_record {
    char name[64], time[32], command[512];
    uint64_t offset, length, text_sum, sum; /* of the text in /sweep_text; of the bytes before it */
};

struct table_kind {
    const char *path, *about;
    enum column_type type;        /* if there are no columns             */
    const struct column *columns; /* /jobs has its own, from the file    */
    size_t size;                  /* bytes of a record                   */
};
extern const struct table_kind table_kinds[TABLES];

struct table {
    struct raw_set raw;
    hid_t type;
    size_t size, capacity;
    const char *path;
    struct convert
        *older; /* its records have other columns than this program's: by name into these; NULL: the same */
};
/** Make an empty table at path (which may differ from the kind's); columns and size: of /jobs, else of the kind. */
int table_create(hid_t file, const char *path, enum table_id which, const struct column *columns, size_t size,
                 size_t capacity);
CHECKED int table_read(struct store *s, enum table_id which, size_t first, size_t count, void *records,
                       struct err *e);
CHECKED int table_write(struct store *s, enum table_id which, size_t first, size_t count, const void *records,
                        struct err *e);
CHECKED int table_open(struct store *s, struct table *t, const char *path, struct err *e);
/** Can its records be read as those of its kind?  They may lack columns, which are missing then, or have them
 *  elsewhere. */
CHECKED bool table_known(struct table *t, const struct table_kind *kind, struct arena *a);
/** Does the store lack the table, as one of an earlier version may? */
bool table_absent(const struct store *s, enum table_id which);
/** The same to a table that is not (yet) one of s's. */
CHECKED int table_write_to(struct store *s, const struct table *t, size_t first, size_t count, const void *records,
                           struct err *e);
/** Records of the table in use. */
size_t table_used(const struct store *s, enum table_id which);
/** The checksum over all of a record before its last word. */
uint64_t record_sum(const void *record, size_t size);
/** Seal and write s->control, the last step of every growth. */
CHECKED int control_write(struct store *s, struct err *e);

/* ---- scales.c ---- */

struct scales { /* of a group that is being made, a family or an annex: begins with the group and its arrays */
    hid_t group;
    const struct store_array *array;
    size_t arrays, skip; /* characters before an array's path in the group */
    struct buf scale;    /* struct scale *, see scales.c                   */
    struct arena arena;
};
/** Attach every axis of a dataset that has just been made to a scale of the group.  A constant that is an axis of the
 * arrays is its scale: constants come first.  False, with the reason noted for h5_error. */
CHECKED bool scales_name_constant(struct scales *s, hid_t set, const char *name, size_t count);
CHECKED bool scales_name_array(struct scales *s, hid_t set, const struct store_array *array);
CHECKED bool scales_name_sums(struct scales *s, hid_t set);
/** Write into the scales what is attached to them, if all went well so far, and release them in any case. */
CHECKED bool scales_end(struct scales *s, bool ok);

/* ---- family.c ---- */

struct stored_array {
    struct raw_set raw;
    size_t first; /* its first column in sums   */
    size_t bytes; /* of one part                */
};
struct sums { /* a dataset [capacity, stride], the columns first, first + 1, ... of a row of checksums */
    struct raw_set raw;
    size_t first, columns, stride; /* stride: whole pages, so that no two rows are written by one page */
    const char *path;              /* for messages */
};
struct annex {
    const char *path, *about;
    size_t first, parts; /* its columns in a row of checksums; behind them the word that vouches for them */
};
struct family {
    struct store_family is;
    const char *base; /* the name that the need knows: "x" for "x", "x.2", "x.3" */
    struct stored_array *array;
    hid_t group;
    struct sums *sums;      /* [1 + annexes]: its own, then theirs                       */
    size_t parts, capacity; /* columns and rows of the checksums, the annexes' behind its own */
    struct annex *annex;
    size_t annexes, own_arrays; /* the arrays of the annexes stand behind its own            */
};
CHECKED int families_open(struct store *s, struct err *e);
/** Make families/NAME with room for `rows`, as number `index`. */
CHECKED int family_create(hid_t file, const char *path, const struct store_family *f, const char *name, size_t index,
                          size_t rows, struct err *e);
/** The arrays of the group, with columns of checksums that their attribute `sum` says: how many, or SIZE_MAX. */
size_t arrays_create(struct scales *s, const char *sum, size_t rows);
/** Room for so many columns of checksums, which the caller closes; negative on failure. */
hid_t sums_create(struct scales *s, const char *path, size_t rows, size_t columns, const char *about);
/** Does the store's family have the arrays that the need's has? */
bool family_same(const struct family *have, const struct store_family *want);
/** Is the store's family of an earlier version, which had fewer arrays?  What is in it can be read as it is. */
bool family_older(const struct family *have, const struct store_family *want);
/** Can jobs of the need's family get rows in the store's? */
bool family_takes(const struct family *have, const struct store_family *want);
/** Write the constants again that do not agree with their checksums. */
CHECKED int family_mend(struct store *s, const struct family *have, const struct store_family *want, struct err *e);
/** ERR_STORE if one of its constants does not agree with its checksum. */
CHECKED int family_sound(struct store *s, const struct family *f, struct err *e);
/** A constant of a family, as the file has it. */
struct constant_image {
    const struct column *column; /* of a compound, else NULL */
    enum column_type type;       /* of a plain one           */
    size_t count, stride;
    char *row; /* [count * stride], which agree with their checksum */
};
/** Read one, and check it.  Everything in the arena.  False if there is none, or it is damaged. */
CHECKED bool constant_read(hid_t group, const char *name, struct constant_image *out, struct arena *a);
/** The family of a row, which is a row of it; NULL with *e filled. */
const struct family *family_of_row(const struct store *s, const struct store_row *r, struct err *e);
CHECKED int sums_read(struct store *s, const struct family *f, size_t row, size_t first, size_t count, uint64_t *sums,
                      struct err *e);
CHECKED int sums_write(struct store *s, const struct family *f, size_t row, size_t first, size_t count,
                       const uint64_t *sums, struct err *e);
#define ANNEX_SUMS "checksums" /* the dataset in an annex's group */
/** Which arrays of the family are the annex's: [first, end). */
void annex_arrays(const struct family *f, const struct annex *a, size_t *first, size_t *end);
struct annex_wish {
    const struct store_annex *annex;
    size_t count;
    enum use use;
};
/** Make the annexes, an annex_wish, that the store at path lacks. */
CHECKED int annex_make_all(const char *path, const void *wish, struct err *e);
/** Write the word that makes the row's part of an annex complete. */
CHECKED int annex_vouch(struct store *s, const struct store_row *r, const char *path, struct err *e);
/** Have that written when the row's data are on the disk; the annex's own path. */
CHECKED int commit_annex_soon(struct store *s, const struct store_row *r, const char *annex, struct err *e);
/** The checksum over an annex's part of a row of checksums. */
uint64_t annex_sum(const struct annex *a, const uint64_t *sums);
/** Words of a row of checksums in the file, where it has so many. */
size_t sums_stride(size_t columns);
/** Nothing points at the row's arrays any more: forget them, and give their space back. */
void row_release(struct store *s, const struct store_row *r);
/** The checksum over the sums of a row that a commit vouches for. */
uint64_t sums_sum(const struct family *f, const uint64_t *sums);

/* ---- open.c ---- */

struct attribute {
    const char *name, *text;
    struct attribute *next;
};
struct row_form { /* of a row of /jobs */
    struct column *column, *spec;
    size_t bytes, spec_from, spec_size;
    size_t sum_at, sequence_at;
    struct row_places {
        size_t id, parent, state, family, family_row;
        size_t next_state, next_family, next_row; /* SIZE_MAX: none */
        size_t *whole, wholes;                    /* numbers that are counted with */
        size_t *end, ends;                        /* last bytes of texts           */
        bool known[256], known_next[256];         /* states             */
    } at;                                         /* what row_fault looks at       */
    struct convert in, out;                       /* stored row <-> struct store_row */
    struct store_row blank;                       /* every column missing            */
};
#define NO_ROW SIZE_MAX
struct store {
    struct arena arena;
    const char *path;
    hid_t file;
    int fd;           /* of our own, for all raw data             */
    bool disk_failed; /* a read or write has failed, and not by the file's fault: what was concluded from it counts
                         for nothing                              */
    uint64_t run;     /* whose right to write is asked for before a commit; 0: nobody's */
    double asked;     /* clock_wall, when last                                         */
    struct waiting *waiting; /* commits that wait for the disk, until clock_wall is `due` */
    size_t waits, wait_capacity;
    double due, settle_every;
    hid_t *id; /* everything else that is open */
    size_t ids, id_capacity;
    bool archive;
    uint64_t format;
    double patience;             /* seconds that are left to wait for rows and parts that may be half written */
    struct attribute *attribute; /* of the root, as a list */
    struct control control;
    struct table table[TABLES];
    struct row_form form;
    struct family *family;
    size_t families;
    void *image;      /* one row of /jobs                                                       */
    size_t image_row; /* which one it is, as it stands in the file; NO_ROW: none                */
    size_t own_row;   /* the row of the job at work here, which nobody else writes; NO_ROW: none */
    void *own_image;  /* a row as it was last written by the job at work: own_image_row           */
    size_t own_image_row;
    bool own_again; /* that job is trained again: store_next */
};
/** Remember an open id until the store is closed; passes it through, negative or not. */
hid_t keep(struct store *s, hid_t id);
/** Serial. */
CHECKED int store_open_serial(struct store **out, const char *path, enum use use, struct err *e);
/** Serial; the rows may be written, the structure is only read. */
CHECKED int store_open_rows(struct store **out, const char *path, struct err *e);
/** Close what was written and flushed.  -1 with *e: not all of it has reached the file. */
CHECKED int store_close_written(struct store *s, struct err *e);
/** Where the record of /owner is in the store at path.  ERR_IO if it has none, as one of format 1, or is an archive.
 */
CHECKED int owner_place(const char *path, uint64_t *at, struct err *e);
/** Before anybody writes to the store at path: undo a growth that was interrupted; can it be opened?  ERR_IO if it is
 *  an archive. */
CHECKED int store_inspect(const char *path, struct err *e);
/** ERR_IO, with the way out, if the store is only read: an archive, or one of format 1. */
CHECKED int store_can_run(const struct store *s, struct err *e);

/** Make of the columns what reading and writing rows takes.  False if they lack one that every store has. */
CHECKED bool store_form(struct store *s);

/* ---- layout.c: where the rows of a store lie, for ranks that do not open it with HDF5 ---- */

void layout_write(struct store *s, struct buf *out);
/** Into a store that is new.  Everything in its arena.  False if the bytes are not all of it. */
CHECKED bool layout_read(struct store *s, const char *bytes, size_t size);

/* ---- row.c ---- */

/** Does the row agree with its checksum? */
CHECKED bool row_intact(const struct row_form *l, void *image);
void row_seal(const struct row_form *l, void *image);
/** What of a row that agrees with its checksum means nothing: state, place of its arrays, ids, texts, numbers.  NULL:
 *  all is well. */
const char *row_fault(const struct store *s, const void *image);
/** The store's own columns; what the file lacks is missing. */
void row_unpack(const struct row_form *f, const void *image, struct store_row *out);
/** There is no next training any more. */
void row_end_next(struct store_row *r);
/** Of a file's columns: the places that row_fault looks at.  False if the file lacks a column that the first release
 *  had, or has it otherwise. */
CHECKED bool row_find_places(struct row_form *f, struct arena *a);
/** Wait a little for somebody to write on, *nap seconds at first.  False: it has been long enough. */
CHECKED bool row_wait(struct store *s, double *nap);
/** One stored row, read until its checksum agrees or patience ends.  A row with a row_fault is not intact either. */
CHECKED int row_load(struct store *s, size_t row, void *image, bool *intact, struct err *e);
typedef void row_visit(void *ctx, uint32_t row, void *image, bool intact);
CHECKED int rows_each(struct store *s, row_visit *visit, void *ctx, struct err *e);

/* ---- map.c: id -> row ---- */

struct map_slot {
    struct id key;
    uint32_t value;
    bool used;
};
struct map {
    struct map_slot *slot;
    size_t count, capacity;
};
/** A zeroed map is empty. */
void map_release(struct map *m);
/** False if the key is there already. */
bool map_add(struct map *m, struct id key, uint32_t value);
CHECKED bool map_find(const struct map *m, struct id key, uint32_t *value);

/* ---- repair.c ---- */

/** Every sound row of /jobs with a fault in its data or texts is trained again: a finished one beside what is there,
 * any other from the beginning.  Rows that are damaged themselves are left to the intake. */
CHECKED int repair_rows(struct store *s, const struct store_need *need, struct err *e);
/** The same of rows that were written at `since` (Unix time) or later.  *count says how many. */
CHECKED int repair_recent(struct store *s, double since, size_t *count, struct err *e);
/** As a row is that was never started. */
void row_forget(struct store_row *r);
/** Is that the canonical text of the job? */
bool text_has_id(const char canonical[STORE_CANONICAL], struct id id);

/* ---- slots.c: which rows of each family are somebody's ---- */

struct slot_map {
    uint8_t *taken; /* [capacity / 8 + 1] */
    size_t capacity, used, next;
};
struct slots {
    struct slot_map *of; /* [families] */
    size_t families;
};
/** Room for all families of the store; what is taken of those that were there before stays so. */
void slots_open(struct slots *slots, const struct store *s, struct arena *a);
/** Of somebody from now on, if there is such a row. */
void slots_take(struct slots *slots, int64_t family, int64_t row);
size_t slots_free(const struct slots *slots, size_t family);
/** Take the first free row.  There must be one. */
size_t slots_next(struct slots *slots, size_t family);

/* ---- orphans.c ---- */

/** Forget what is in rows of families that are nobody's, and give their space back; not if a row of /jobs is damaged.
 */
CHECKED int orphans_release(struct store *s, struct err *e);

/* ---- intake.c, create.c, grow.c, add.c: the steps of prepare.c ---- */

struct intake { /* what a need adds to a store */
    struct arena arena;
    const struct store_need *need;
    uint32_t *row;   /* [jobs] the caller's                                         */
    uint32_t *fresh; /* [new_jobs] jobs that the store lacks, in the order of rows  */
    size_t new_jobs;
    uint32_t *rebuild; /* [rebuilds] jobs whose rows are damaged and are written anew             */
    size_t rebuilds;
    uint32_t *again; /* [agains] jobs that are done and get arrays for their next training      */
    size_t agains;
    uint32_t *move; /* [moves] jobs not done whose arrays are those of an older version         */
    size_t moves;
    uint32_t *confirm; /* [confirms] rows that are done and of a job that may be trained again    */
    size_t confirms;
    size_t *family_new; /* [need families] new rows of each                            */
    struct slots slots; /* rows of the store's families                                */
    struct new_use {
        size_t at; /* the record of /grids in whose place it goes; SIZE_MAX: behind them */
        uint32_t use;
    } * use;                     /* [uses] that the store lacks, or has otherwise */
    size_t uses, new_uses;       /* new_uses: of them, those behind         */
    uint32_t *sweep;             /* [new_sweeps] texts that the store lacks                       */
    size_t new_sweeps, new_text; /* new_text: bytes                                  */
};
/** Have the families of the store that need asks for the same arrays?  Constants of theirs that are damaged are
 * written again; damaged ones of others are an error. */
CHECKED int intake_families(struct store *s, const struct store_need *need, struct err *e);
/** Compare need with what the store holds; choose the rows of new jobs.  in->arena is the caller's to release. */
CHECKED int intake_take(struct intake *in, struct store *s, const struct store_need *need, uint32_t *row,
                        struct err *e);
/** Records of a table that there will be. */
size_t intake_used(const struct intake *in, const struct store *s, enum table_id which);
struct grid_record intake_use(const struct intake *in, size_t use);
/** Rows to reserve where `rows` are needed. */
size_t reserve(const struct store_need *need, size_t rows);

/** What an empty store is made of. */
struct blank {
    enum use use;                  /* WRITING or PACKING                                                       */
    const struct column *columns;  /* of /jobs                                                                 */
    size_t bytes;                  /* of a row                                                                 */
    size_t capacity[TABLES];       /* records to reserve                                                       */
    const char *const *provenance; /* as of a need; with ARCHIVE among the names everything will be compressed */
};
CHECKED int create_blank(const char *path, const struct blank *b, struct err *e);
/** An empty store at path, with capacity for what need asks. */
CHECKED int create_empty(const char *path, const struct store_need *need, struct err *e);
/** The row of /jobs: the fixed columns, then the need's and those of `old` (may be NULL), whichever holds more.
 *  *bytes is the row's size.  NULL if they do not fit in a page. */
struct column *create_columns(const struct column *spec, const struct column *old, size_t *bytes, struct arena *a);

/** Does the store lack columns or room for the intake? */
bool grow_needed(const struct store *s, const struct intake *in);
CHECKED int grow_build(const char *path, const void *intake, struct err *e);
/** Write the intake's rows, uses and sweep into the room that is there, then commit all of it at once. */
CHECKED int add_intake(struct store *s, struct intake *in, struct err *e);

/** A change of structure: all of it or, after a crash or an error, nothing of it. */
typedef int maker(const char *path, const void *what, struct err *e);
CHECKED int change_structure(const char *path, bool journaled, maker *make, const void *what, struct err *e);

/** Flush, then close.  -1 if anything did not reach the file: then s is left open, as HDF5 would stumble over it. */
CHECKED int close_written(struct store *s, struct err *e);

/* ---- journal.c: undo for changes of structure ---- */

/** Save everything outside the raw extents of the datasets to PATH.undo. */
CHECKED int journal_begin(const char *path, struct err *e);
CHECKED int journal_end(const char *path, struct err *e);
/** Undo an interrupted growth, if there was one. */
CHECKED int journal_replay(const char *path, struct err *e);
bool journal_exists(const char *path);
/** A new store comes to path: a journal there is of one that was there before, which may have been moved; it is kept
 * under another name. */
CHECKED int journal_set_aside(const char *path, struct err *e);

/* ---- sweeps.c ---- */

/** Does the record agree with its checksum, and lie in the text in use? */
bool sweep_sound(const struct store *s, const struct sweep_record *r);
/** Does the record's text lie behind those of the records before it, which end at *end?  No two share bytes, so that
 * all texts together are no longer than /sweep_text. */
CHECKED bool sweeps_next(const struct sweep_record *r, uint64_t *end);
/** A sweep's text in the arena, NUL-terminated; NULL if it does not agree with its checksum, or *e is filled. */
char *sweep_text(struct store *s, const struct sweep_record *r, struct arena *a, struct err *e);
bool grid_sound(const struct store *s, const struct grid_record *r);
/** A record of /sweeps with its text, which is in the arena.  ERR_STORE if either is damaged. */
CHECKED int sweep_read(struct store *s, size_t i, struct arena *a, struct store_sweep *out, struct err *e);
/** At most BLOCK records of /grids. */
CHECKED int uses_read(struct store *s, size_t first, size_t count, struct store_grid *out, struct err *e);

#endif
