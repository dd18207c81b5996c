/** cli/kinds.h: the names that `tombola kinds` knows. */
#ifndef TOMBOLA_CLI_KINDS_H
#define TOMBOLA_CLI_KINDS_H

/** Every kind, every section of a sweep file, and the sorts of kinds; ends with NULL. */
const char *const *kinds_names(void);

#endif
