/** job/keys.h: the keys of a job that belong to no section.
 *
 *  One row says how a key is written in a grid, which controls take it, how it stands in the canonical text, whether
 *  the store has a column for it, and what `tombola kinds` says of it.  A new key is a row here and a member of
 *  struct job_spec.
 */
#ifndef TOMBOLA_JOB_KEYS_H
#define TOMBOLA_JOB_KEYS_H

#include "job/spec.h"
#include "prune/control.h"
#include "sweep/sweep.h"

/** Where a key stands; several places are added. */
enum key_place {
    KEY_GRID = 1,   /* a sweep file gives it in a grid */
    KEY_TEXT = 2,   /* the canonical text */
    KEY_COLUMN = 4, /* a column of /jobs that comes from the specs: seed, t and k have fixed ones */
    KEY_INPUT = 8,  /* a file given in a section of this name: the field is the digest of its struct input */
    KEY_DATA = 16,  /* the canonical text, among the lines of sections: spec_print_sections */
};

/** Of a job, beside its control's enum control_uses: t or rewind is a rule, by a loss bound or by an accuracy. */
enum { USES_BOUND = 1 << 16, USES_THRESHOLD = 1 << 17 };

struct job_key {
    struct field field; /* offset: in struct job_spec */
    unsigned places;
    unsigned uses;       /* only jobs that use one of these have it; 0: every job      */
    const char *before;  /* left out of the text where it is this, which is what jobs did before the key existed, */
                         /* and the value for a job that does not use it; NULL: neither                           */
    const char *missing; /* what a control that needs it says where a grid lacks it */
    const char *takes;   /* its line on the page of a control; NULL: none           */
};

/** Ends with a row without a key. */
extern const struct job_key job_keys[];
enum { JOB_KEYS = 32 }; /* at most */

/** The fields of those that stand in a grid, for the schema of sweep files. */
const struct field *keys_of_grid(void);
/** A key that stands in one of these places; NULL: there is none of this name. */
const struct job_key *key_find(const char *name, unsigned places);
/** The file of a KEY_INPUT, in s: constant if that is. */
struct input *key_input(const struct job_key *key, const struct job_spec *s);

/** What the job has keys for: its control's enum control_uses, and USES_BOUND or USES_THRESHOLD. */
unsigned keys_used(const struct job_spec *s);
bool key_is_used(const struct job_key *key, unsigned used);
/** Has the job the value that is left out of the canonical text? */
bool key_is_as_before(const struct job_key *key, const struct job_spec *s);

/** The point's value of a key, NULL if it has none. */
const struct sweep_value *key_value(const struct sweep_point *point, const char *key);
/** Set every key that a grid may give as the point says it, or as its default is where the control takes it.
 *  ERR_SPEC if it lacks some that the control needs. */
CHECKED int keys_bind(struct job_spec *s, const struct sweep_point *point, struct err *e);

#endif
