/** cli/kinds.h: everything that a sweep file may say, from the tables that read it. */
#ifndef TOMBOLA_CLI_KINDS_H
#define TOMBOLA_CLI_KINDS_H

#include "base/buf.h"
#include "base/field.h"
#include "cli/topics.h"
#include "job/registry.h"

/** Every kind, every section of a sweep file, the sorts of kinds and the topics; ends with NULL. */
const char *const *kinds_names(void);

/** Keys that belong to no plug-in. */
struct kinds_section {
    const char *name, *summary;
    const struct field *fields;
    const struct field *(*find)(void); /* instead of fields */
};
extern const struct kinds_section kinds_sections[]; /* ends with name NULL */
extern const char *const kinds_sort[PLUGINS];
const struct field *kinds_fields(const struct kinds_section *s);

/** Append what a key may hold. */
void kinds_allowed(struct buf *b, const struct field *f);
/** Append a topic's text, its example and the number of its jobs, each line behind an indent. */
void kinds_topic(struct buf *b, const struct topic *t, const char *indent);
/** Append all of it as sweeps/README.md has it. */
void kinds_page(struct buf *b);

#endif
