/** sweep/private.h: what the files of this floor share while a sweep file is read.
 *
 *  A grid is one `body`, and each entry of its `include:` another.  A body is a list of `slot`s, one for each key
 *  that it gives: a plain key, a section, or a dotted key.  A slot has one or more alternatives; slots with more than
 *  one form the axes, alone or tied by `zip:`.  `exclude:` entries are rules over the axes of the grid's first body.
 */
#ifndef TOMBOLA_SWEEP_PRIVATE_H
#define TOMBOLA_SWEEP_PRIVATE_H

#include "base/buf.h"
#include "base/hash.h"
#include "sweep/report.h"
#include "sweep/sweep.h"
#include "sweep/tree.h"

enum { NAME_BYTES = 63, ENTRY_LIMIT = 10000, RANGE_LIMIT = 10000000, VALUE_LIMIT = 2000000 };
enum { FILES_LIMIT = 100, TEXT_LIMIT = 1 << 20 }; /* of all files that a sweep is made of */

/* ---- values: what one key may be ---- */

/** {from, to, step} in exact decimals: value i is (from + i * step) * 10^-decimals. */
struct steps {
    int64_t from, step;
    int decimals;
};

struct values {
    const struct field *field;
    const char *path;
    struct mark at;
    size_t count;
    const struct sweep_value *value; /* count of them; NULL: a range, whose texts are made when it is expanded */
    struct steps steps;
    const char *goal; /* of a search; NULL: none */
};

/* ---- blocks: a section written out ---- */

struct block {
    const char *name; /* "" if written in place; NULL: absent */
    const struct kind *kind;
    const struct sweep_value *value; /* sorted by key */
    size_t count;
    struct mark at;
    int depth; /* of blocks used by blocks used ... */
    bool bad;  /* reported; nothing about it can be relied on */
};

enum block_state { BLOCK_NEW, BLOCK_OPEN, BLOCK_DONE };
struct named_block {
    const struct node_entry *entry;
    struct block block;
    enum block_state state;
};

struct library {
    const char *name;
    const struct sweep_section *section; /* the first that draws from it */
    struct named_block *item;            /* sorted by name */
    size_t count;
    bool bad; /* not even a map; reported */
};

/* ---- grids ---- */

enum slot_type { SLOT_KEY, SLOT_PART, SLOT_DOTTED };

struct label {
    struct id id;
    size_t index;
};

struct slot {
    enum slot_type type;
    const char *key; /* as written */
    const struct node_entry *entry;
    const char *path;
    size_t section;         /* of SLOT_PART and SLOT_DOTTED                                    */
    const char *dotted_key; /* of SLOT_DOTTED: behind the dot                                  */
    size_t count;           /* alternatives                                                    */
    struct values *values;  /* of SLOT_KEY: one; of SLOT_DOTTED: one for each field that the   */
    size_t variants;        /*   kinds of the section's alternatives have under this name      */
    struct block *block;    /* of SLOT_PART                                                    */
    struct label *label;    /* sorted; NULL for a range or a single block, which have no equals */
    size_t group;           /* of zip, from 1; 0: none                                         */
    bool bad;
    const struct body *owner;
};

struct axis {
    struct slot **slot;
    size_t slots, count;
};

/** One entry of exclude: it drops a point if every condition holds.  Sorted by axis; no condition on a constant. */
struct condition {
    size_t axis;
    size_t *index; /* sorted: the positions on the axis that match */
    size_t count;
};
struct rule {
    struct condition *condition;
    size_t conditions;
};

struct body {
    struct slot **slot; /* in the order of the file; an include's own new keys last */
    size_t slots;
    struct axis *axis; /* slots with more than one alternative, or tied */
    size_t axes;
    struct rule *rule;
    size_t rules;
    uint64_t *serial; /* [sections]: the first serial of each part */
    uint64_t points;
    bool bad;
    bool unruly; /* rules have been reported and are not among these */
};

struct grid {
    const char *name;
    struct mark at;
    struct body *body; /* the grid, then its includes */
    size_t bodies;
    uint64_t points;
};

/* ---- files ---- */

struct file_id {
    uint64_t device, number;
};

struct source {
    struct sweep_file is;
    size_t length; /* of the text */
    struct file_id id;
    const struct source *by; /* the file that includes it, and where; NULL: the first */
    struct mark at;
    const char *path; /* "include[2]" */
    struct grid *grid;
    size_t grids;
    const struct library *library;
    size_t libraries;
};

struct sweep {
    const struct sweep_schema *schema;
    struct arena *arena;
    struct source *source[FILES_LIMIT]; /* a file, then those that it includes, each followed by its own */
    size_t sources, grids;
};

/** What one file is read with. */
struct loader {
    struct sink to;
    struct arena *arena;
    const struct sweep_schema *schema;
    struct sweep *sweep;
    struct source *source;
    struct library *library;
    size_t libraries;
    struct block *shared; /* [sections]: what the top level says */
    struct spent *spent;
    int open_blocks; /* being read, each using the next */
};

/** Of all files so far, against the limits. */
struct spent {
    size_t bytes, nodes, values;
};

/* file.c: no other file of this floor opens files, so that the fuzzer may have files of its own */

/** What file is it, and is it a plain one?  False with errno set if there is none. */
CHECKED bool file_identify(const char *path, struct file_id *id, bool *plain);
/** Append the file, at most a little more than limit bytes of it.  False with errno set if that fails. */
CHECKED bool file_read(const char *path, size_t limit, struct buf *out);

/* sweep.c, include.c */

/** Open a file of the sweep: its text, not read yet.  NULL with *e filled if that fails. */
struct source *source_open(struct sweep *s, const char *path, struct spent *spent, struct err *e);
void source_read(struct sweep *s, struct source *f, struct spent *spent, const struct sink *to);
/** The file that a grid is in; *grid becomes its place there. */
const struct source *source_of_grid(const struct sweep *s, size_t *grid);

/* value.c */

/** Append the canonical text of a value; -1 with *e filled if the field does not take it. */
CHECKED int canonical_value(const struct field *f, const char *text, struct buf *out, struct err *e);
/** Read what a key holds.  axis: a list is several values and {from, to, step} a range.  False: reported. */
CHECKED bool values_read(struct loader *l, const struct field *f, const struct node *n, const char *path, bool axis,
                         struct values *out);
/** Append the canonical text of value i. */
void values_text(const struct values *v, size_t i, struct buf *out);
/** Append the first values: "0, 1, 2, ...". */
void values_list(const struct values *v, struct buf *out);
struct mark values_mark(const struct values *v, size_t i);
const char *value_path_key(struct arena *a, const char *base, const char *key);
const char *value_path_index(struct arena *a, const char *base, size_t index);
bool node_is_null(const struct node *n);
/** "a list", "a map", "a single value". */
const char *node_type_name(const struct node *n);

/* steps.c */

/** Read {from, to, step} or {search: [from, to], step, until}.  False: reported. */
CHECKED bool steps_read(struct loader *l, const struct field *f, const struct node *n, const char *path,
                        struct values *out);
/** The decimal text of value i. */
void steps_text(const struct steps *s, size_t i, char out[48]);
/** The index of a value of that text, SIZE_MAX if it is none. */
size_t steps_find(const struct values *v, const char *canonical);

/* library.c */

const struct kind *library_kind(const struct sweep_section *s, const char *name);
/** The one of that name, which must be there. */
struct library *library_of(const struct loader *l, const char *name);
void library_sort(struct library *lib);
/** NULL: there is none.  Of one that is sorted. */
struct named_block *library_find(const struct library *lib, const char *name);
/** Is every word of a value the name of a block that its field knows, or of a kind of such blocks?  False: reported.
 */
CHECKED bool library_knows(struct loader *l, const struct field *f, const struct sweep_value *v);

/* block.c */

/** Read a section as a grid or the top level writes it, one alternative.  base: what it overrides; may be NULL. */
void block_read(struct loader *l, const struct sweep_section *s, const struct node *n, const char *path,
                const struct block *base, struct block *out);
void block_read_libraries(struct loader *l, const struct node *root);
const struct field *block_field(const struct sweep_section *s, const struct kind *kind, const char *key);
const struct sweep_value *block_find(const struct block *b, const char *key);

/* grid.c, slot.c */

/** Check a name that a user gives to something; what: "a name". */
CHECKED bool name_check(struct loader *l, const char *name, struct mark at, const char *path, const char *what);
void grids_read(struct loader *l, const struct node *list);
struct slot *slot_open(struct loader *l, const struct node_entry *e, const char *path);
void slot_read(struct loader *l, struct slot *s, const struct body *b, const struct body *parent);
struct slot *body_find(const struct body *b, const char *key);
struct slot *body_part(const struct body *b, size_t section);
/** Append the text by which a user would name alternative i. */
void slot_text(const struct slot *s, size_t i, struct buf *out);
struct mark slot_mark(const struct slot *s, size_t i);

/* axes.c */

void axes_read_zip(struct loader *l, struct body *b, const struct node *n, const char *path);
void axes_build(struct loader *l, struct body *b);
uint64_t axes_product(const struct body *b, size_t from);
uint64_t sweep_mul_capped(uint64_t a, uint64_t b);
uint64_t sweep_add_capped(uint64_t a, uint64_t b);

/* exclude.c */

void rules_read(struct loader *l, struct body *b, const struct node *n, const char *path);
/** Of the `count` active rules those that may still drop a point whose place on `axis` is `digit`, written to out.
 *  SIZE_MAX if one of them drops every point from here on. */
size_t rules_filter(const struct body *b, size_t axis, size_t digit, const size_t *active, size_t count, size_t *out);
/** Points that the rules leave.  False if they overlap in too many ways to count. */
CHECKED bool rules_count(const struct body *b, uint64_t *points);

#endif
