/** query/settings.h: the jobs of a store by what they are, their seeds apart.
 *
 *  Two jobs are of one setting if nothing tells them apart but the seed: every key of their description, the moment t
 *  as it was asked for, k, the threshold, the spacing of the evaluations and the stop rules that their results stand
 *  for, and the setting of their parents.  Names of blocks and grids do not count, what the blocks say does.  A job that grids
 *  judge differently is of a setting for each way of judging, with the results by that.  It is the one grouping of
 *  results: SQL's table `settings`, `status`, and (in Python, tested to be the same) everything in analysis/.
 */
#ifndef TOMBOLA_QUERY_SETTINGS_H
#define TOMBOLA_QUERY_SETTINGS_H

#include "base/buf.h"
#include "store/store.h"

enum { SETTING_NAME = ID_CHARS + 40 + STORE_STOP };

/** Medians are over the jobs that are done.  INFINITY: never, which is later than every number, and so is a median
 *  that falls between a number and it; NaN: there is none, or it is not known: of a job that a rule ended before, only
 *  that it is later than that.  Then `above` says what the median is greater than, and is NaN otherwise. */
enum setting_late { SETTING_MEM, SETTING_GEN, SETTING_TAU, SETTING_LATE };
struct setting {
    uint32_t row;            /* the first of its jobs; names of blocks are those of this job */
    char name[SETTING_NAME]; /* that job's id, or ID@THRESHOLD/SPACING/STOP by a further way of judging it */
    struct store_row first;
    size_t parent; /* the setting of its jobs' parents; SIZE_MAX: they have none */
    size_t jobs, done, memorised, generalised;
    size_t ratios,
        finite_ratios; /* of the done: those whose t_gen / t_mem is a number or never (none if t_mem is 0) */
    size_t unknown[SETTING_LATE]; /* of the done: those that ended before */
    double above[SETTING_LATE];
    double t_mem, t_gen, tau_grok, train_accuracy, test_accuracy, train_loss, test_loss;
};

struct settings {
    struct arena arena;
    struct setting *setting; /* in the order of their first jobs */
    size_t settings;
    size_t *of; /* [store_rows] the setting of a job as its row judges it; SIZE_MAX: the row is damaged */
    const struct column *key; /* what jobs may differ in, k and t apart: offsets in a record; ends with COLUMN_END */
    size_t keys, record_bytes;
    char *record; /* [settings] */
    /* [keys] Does it differ between settings that their names do not tell apart?  Between the first ancestors of
     * settings that are otherwise alike? */
    bool *differs, *ancestor_differs;
};

/** Serial.  What stands in the store now.  settings_release in any case. */
CHECKED int store_settings(struct store *s, struct settings *out, struct err *e);
void settings_release(struct settings *s);

/** The value of a key, and that of the setting's first ancestor (itself, if it has no parent). */
const void *setting_value(const struct settings *s, size_t setting, size_t key);
const void *setting_ancestor_value(const struct settings *s, size_t setting, size_t key);
/** Of settings.c alone: find out what differs. */
void settings_compare(struct settings *s);
/** The columns with names of blocks. */
enum { SETTING_NAMES = 4 };
extern const struct setting_name {
    const char *name;
    size_t offset, size; /* in a store_row */
} setting_name[SETTING_NAMES];
/** Which of them begins a key's name, and says so what the key is of: task_p is of `task`; SETTING_NAMES: none. */
size_t setting_owner(const char *key);
/** Append a value as text; nothing if it is missing. */
void setting_print(struct buf *out, const struct column *key, const void *value);

#endif
