/** job/moment.h: the epochs that t and the like name: numbers, mem, gen, final, and formulas of them.
 *
 *  mem and gen come while a job trains, so a moment is known from some evaluation on.  Until then they count as
 *  infinity where the formula rises with both: `min(gen, 5000)` is 5000 unless gen comes before.  A fraction means
 *  the next whole epoch.
 */
#ifndef TOMBOLA_JOB_MOMENT_H
#define TOMBOLA_JOB_MOMENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/field.h"

#include <stdbool.h>
#include <stdint.h>

enum { MOMENT_TEXT = 64 };

struct moment {
    int64_t epoch;          /* -1: a formula of names, or no moment at all       */
    char text[MOMENT_TEXT]; /* canonical: "2000", "mem", "gen + 4000"; "": none */
};

/** The names in a formula.  mem and gen are known late, and final is none any more once its job is known. */
enum moment_name { MOMENT_MEM, MOMENT_GEN, MOMENT_FINAL, MOMENT_NAMES };
/** Epochs of mem and gen by some judge; below 0: not yet, or never. */
struct moment_known {
    int64_t epoch[MOMENT_FINAL];
};

extern const char *const moment_names[]; /* NULL-terminated */
extern const struct moment moment_none, moment_mem, moment_gen;

/** As the members set and print of a FIELD_CODE: MOMENT_FIELD declares one. */
CHECKED int moment_set(const struct field *f, void *place, const char *text, struct err *e);
void moment_print(const void *place, struct buf *out);
#define MOMENT_FIELD                                                                                                 \
    .type = FIELD_CODE, .count = sizeof(struct moment), .set = moment_set, .print = moment_print,                    \
    .range = "0, 1, 2, ... | mem | gen | final | a formula of them, such as gen + 4000", .unit = "epoch"

struct moment moment_at(int64_t epoch);
/** Is it known late? */
bool moment_is_rule(const struct moment *m);
bool moment_uses(const struct moment *m, enum moment_name name);
/** The name that it is alone; MOMENT_NAMES: it is more than a name. */
enum moment_name moment_alone(const struct moment *m);

/** A list of them, as the check of a FIELD_LINES: "[0,100,gen + 500]", numbers first, without repeats. */
CHECKED int moment_list_check(const char *text, char *canonical, size_t size, struct err *e);
/** The next one of a list that was checked; *text moves on.  False at the end. */
CHECKED bool moment_list_next(const char **text, struct moment *out);

/** The next text of such a list, up to a comma outside parentheses, blanks and brackets aside; one that is longer comes
 *  out as "?".  *text moves on.  False at the end. */
CHECKED bool moment_list_item(const char **text, char *item, size_t size);

/** In a job of so many epochs: `final` becomes a number.  ERR_SPEC, in words about `key`, if the job may have passed
 *  when mem or gen show where it is. */
CHECKED int moment_resolve(struct moment *m, const char *key, int64_t final, struct err *e);
/** Of one that is resolved: is it later than the end, whatever mem and gen are? */
bool moment_is_beyond(const struct moment *m, int64_t final);
/** Its epoch; COLUMN_NO_INT if it is not known yet, or never comes. */
int64_t moment_epoch(const struct moment *m, const struct moment_known *known);

#endif
