/** cli/cli.h: commands are rows; a row says what it needs, and its help is printed from it. */
#ifndef TOMBOLA_CLI_CLI_H
#define TOMBOLA_CLI_CLI_H

#include "base/err.h"

#include <stdbool.h>

enum { CLI_ARGS = 64, CLI_OPTIONS = 12 };

struct cli_option {
    const char *name; /* without the dashes                        */
    const char *arg;  /* name of its argument in the help; NULL: a flag */
    const char *help;
};

/** The letter that says the same behind one dash, as -o does for --output; 0: there is none. */
char cli_letter(const struct cli_option *o);

enum { CLI_TRIES = 8 }; /* of reading a job, while others are put in its place */

struct cli {
    const char *arg[CLI_ARGS]; /* positional, NULL where not given */
    const char *command_line;
    const struct command *command;
    const char *value[CLI_OPTIONS]; /* by the command's table of options */
};

struct command {
    const char *name;
    const char *args; /* for the usage line: the words before the first that has dashes are the positional
                         ones; the one before "..." may be repeated */
    const char *summary;
    int min_args, max_args;
    bool takes_empty;                 /* an argument may be "" */
    const struct cli_option *options; /* ends with name NULL; may be NULL */
    const char *help;                 /* what --help adds; may be NULL   */
    int (*run)(const struct cli *c);  /* returns the exit code           */
};

/** The argument of an option, "" for a flag that was given, NULL if it was not. */
const char *cli_value(const struct cli *c, const char *option);

/** Print *e to stderr and return the exit code of its kind. */
int cli_fail(const struct err *e);
/** The same for a list; counts what was left out. */
int cli_fail_list(const struct err_list *list);

/** What every command knows besides its own, ends with name NULL. */
enum { CLI_COMMON = 3 };
extern const struct cli_option cli_common[CLI_COMMON + 1];
/** All commands, as people see them listed; ends with NULL.  main sets it. */
extern const struct command *const *cli_commands;
extern const char cli_about[];

extern const struct command command_plan, command_run, command_measure, command_status, command_query, command_show,
    command_export, command_compact, command_merge, command_verify, command_kinds, command_completion, command_man;

#endif
