/** sweep/sweep.h: a sweep file, and those that it includes, checked against a schema and expanded into points.
 *
 *  This floor knows grids and keys, not networks: which sections, kinds and keys exist comes in as a schema.
 *
 *  A search is a range whose values are tried upwards until one misses the goal.  All of them are points; each says
 *  which comes before it.
 *
 *  `include: [other.yaml]` at the top level adds the grids of other sweep files behind this file's own.  Paths start
 *  at the folder of the file that includes; what a file says besides its grids holds for its own grids only.
 *
 *  A named block may build on another (`fast: {use: adamw, lr: 1}`) and may lack keys that have no default: what a
 *  grid makes of it must have them.  `exclude:` compares as the keys are typed (0.9 is 0.90) and sections by block
 *  name; every entry must match something.  An entry of a grid's `include:` is a grid of its own: the keys that it
 * names replace the grid's and leave their `zip:`, all others stay, excludes do not apply.  A range counts in exact
 *  decimals.
 *
 *      struct sweep *s = sweep_load("sweeps/quick.yaml", &schema, &arena, &errors);
 *      for (g = 0; g < sweep_grids(s); g++) sweep_expand(s, g, visit, ctx, &e);
 */
#ifndef TOMBOLA_SWEEP_SWEEP_H
#define TOMBOLA_SWEEP_SWEEP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/field.h"

/** A section of a job's description.  In a grid it is written `model: NAME`, `model: {use: NAME, key: value}`,
 *  `model: {kind: embed_mlp, ...}`, a list of these (an axis), and `model.key: value` or a list (an axis). */
struct sweep_section {
    const char *name;                /* "model"                                                                    */
    const char *library;             /* top-level map of named blocks: "models"; NULL: written in place only       */
    const char *kind_key;            /* "kind", "optimizer"; NULL: the section has no kinds                        */
    const struct kind *const *kinds; /* NULL-terminated; NULL with kind_key                                        */
    const char *standard_kind;       /* when kind_key is not written; NULL: it must be                             */
    const struct field *fields;      /* keys that every kind has; may be NULL                                      */
    bool required;                   /* every grid must give it                                                    */
    bool shared;                     /* may also be written at the top level of the file, for all grids to override
                                        key by key (record:, checkpoint:); such a section is never an axis and has
                                        no dotted axes, but dotted single values work                              */
    bool bare_kinds;                 /* `control: ticket` may name a kind instead of a block: its defaults         */
};

struct sweep_schema {
    const struct sweep_section *section;
    size_t sections;
    const struct field *keys; /* plain keys of a grid: seed, t, k, ... each may be an axis or {from,to,step};
                                 none is required here, whether it has a default or not                            */
    const char *nested;   /* a grid's {NESTED: {task: x}} is NESTED_task: x; NULL: none                          */
    const char *searched; /* the plain key that may be {search: [low, high], step: s, until: goal}; NULL: none  */
    const char *const *goals; /* NULL-terminated; the first where `until` is left out                              */
    const struct sweep_section *extra; /* libraries whose blocks are named by values, not by a section of a grid   */
    size_t extras;
};

struct node;

/** One key with a value, already parsed once against its field without error. */
struct sweep_value {
    const struct field *field;
    const char *text; /* canonical (as field_print writes it) */
    struct mark at;
    const char *path; /* where it is written: "grids[2].model.d_hidden", "models.mlp.d_hidden" */
    const char *goal; /* of a search: the next value is tried only if this one gets there; NULL: no search */
    const struct sweep_value *before; /* of a search: the value tried before; NULL: this is the first      */
    const struct node *node;          /* of a FIELD_TREE: as it stands in the file (sweep/tree.h) */
};

/** A section of one point: kind and given keys, overrides applied, sorted by key; keys not given are absent. */
struct sweep_part {
    const char *name;        /* of the named block; "" if written in place; NULL: the section is absent */
    const struct kind *kind; /* NULL for sections without kinds                                          */
    const struct sweep_value *value;
    size_t count;
    struct mark at;  /* where the grid names the section */
    uint64_t serial; /* two points of one grid with equal serials have equal parts: lets the caller cache */
};

/** The name of its block; that of its kind if it is written in place. */
const char *sweep_part_name(const struct sweep_part *part);

struct sweep_point {
    const struct sweep_part *part; /* [schema->sections]                      */
    const struct sweep_value *key; /* the plain keys given, sorted by key     */
    size_t keys;
    size_t grid;
};

/** What a file may say at its top level besides libraries and shared sections. */
extern const struct field sweep_file_keys[];

struct sweep;

struct sweep_file {
    const char *path, *text; /* text: verbatim                                        */
    const char *name;        /* `name:`, else the file's name without folder and .yaml */
};

/** Read and check a whole file and all that it includes: YAML, every key, kind, value and range, references to named
 *  blocks, empty axes, zips of unequal length, include and exclude.  All errors are appended, each with file, line,
 *  column, path, what is allowed, and a near name; NULL if there are any.  Named blocks that no grid uses are checked
 *  too.  Lives in the arena. */
struct sweep *sweep_load(const char *file, const struct sweep_schema *schema, struct arena *a,
                         struct err_list *errors);
/** The same, for who looks for further mistakes: what could be read, whatever is wrong with it; NULL if that is
 *  nothing.  Then only sound grids may be expanded. */
struct sweep *sweep_examine(const char *file, const struct sweep_schema *schema, struct arena *a,
                            struct err_list *errors);
/** Can the grid be expanded, with whatever has been reported left out or read as what it is near to? */
bool sweep_grid_sound(const struct sweep *s, size_t grid);

const char *sweep_name(const struct sweep *s); /* the first file's */
/** The file that was asked for comes first. */
size_t sweep_files(const struct sweep *s);
const struct sweep_file *sweep_file(const struct sweep *s, size_t file);
size_t sweep_grids(const struct sweep *s); /* of all files; no two have one name */
const struct sweep_file *sweep_grid_file(const struct sweep *s, size_t grid);
const char *sweep_grid_name(const struct sweep *s, size_t grid);
struct mark sweep_grid_mark(const struct sweep *s, size_t grid);
/** The block of that name of a library of the grid's file; false if there is none.  out->serial is 0. */
CHECKED bool sweep_block(const struct sweep *s, size_t grid, const char *library, const char *name,
                         struct sweep_part *out);
/** What varies in a grid: keys that move together, through so many values. */
struct sweep_axis {
    size_t keys, values;
};
/** The axes of a grid, in the order of the file, but for what its `include:` adds. */
size_t sweep_axes(const struct sweep *s, size_t grid);
struct sweep_axis sweep_axis(const struct sweep *s, size_t grid, size_t axis);
/** The name of key i of an axis. */
const char *sweep_axis_key(const struct sweep *s, size_t grid, size_t axis, size_t i);
/** Append value v of that key: as canonical text, or the name of a block, or of its kind if it is written in place.
 */
void sweep_axis_value(const struct sweep *s, size_t grid, size_t axis, size_t i, size_t v, struct buf *out);
/** Entries of the grid's `include:`. */
size_t sweep_grid_includes(const struct sweep *s, size_t grid);
/** Points of a grid, excludes and includes counted; saturates at UINT64_MAX.  Takes no time, however large. */
uint64_t sweep_grid_points(const struct sweep *s, size_t grid);

/** Call visit for every point of the grid, the last axis fastest, axes in the order of the file, then the points of
 *  each include.  What the point refers to is valid during the call; texts and paths live as long as the sweep (those
 *  of ranges are allocated from its arena here).  Stops when visit returns nonzero and returns that. */
typedef int sweep_visit(void *ctx, const struct sweep_point *p);
int sweep_expand(const struct sweep *s, size_t grid, sweep_visit *visit, void *ctx);

#endif
