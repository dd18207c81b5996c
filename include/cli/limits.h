/** cli/limits.h: how long a command may take, from its options. */
#ifndef TOMBOLA_CLI_LIMITS_H
#define TOMBOLA_CLI_LIMITS_H

#include "cli/cli.h"

/** The seconds that an option gives, or the default where it was not given.  ERR_SPEC if it is no span. */
double limits_span(const struct cli *c, const char *option, double standard, struct err *e);
/** Seconds that are left for a command with the options time-left and margin, INFINITY without an end. */
double limits_left(const struct cli *c, struct err *e);

#endif
