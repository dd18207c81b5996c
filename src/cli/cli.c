#include "cli/cli.h"
#include "base/log.h"

#include <string.h>

/* What commands have in common. */

const struct command *const *cli_commands;

const struct cli_option cli_common[CLI_COMMON + 1] = {
    { "help", NULL, "this text" },
    { "quiet", NULL, "errors and warnings only" },
    { "verbose", NULL, "a few lines for every job" },
    { .name = NULL },
};

const char cli_about[] = "Tombola draws lottery tickets: it runs sweeps of grokking and lottery-ticket experiments\n"
                         "and keeps every curve, checkpoint and mask in one HDF5 file.\n";

char cli_letter(const struct cli_option *o)
{
    return strcmp(o->name, "output") ? 0 : 'o';
}

const char *cli_value(const struct cli *c, const char *option)
{
    for (int i = 0; c->command->options[i].name; i++)
        if (!strcmp(c->command->options[i].name, option)) return c->value[i];
    BUG("'%s' has no option '%s'", c->command->name, option);
}

int cli_fail(const struct err *e)
{
    char text[1024];
    log_error("%s", err_text(e, text, sizeof text));
    return err_exit_code(e);
}

int cli_fail_list(const struct err_list *list)
{
    char text[1024];
    for (size_t i = 0; i < list->count; i++) log_error("%s", err_text(&list->item[i], text, sizeof text));
    if (list->seen > list->count) log_error("and %zu more", list->seen - list->count);
    return list->count ? err_exit_code(&list->item[0]) : EXIT_DONE;
}
