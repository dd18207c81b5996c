#include "base/field.h"
#include "base/log.h"
#include "cli/cli.h"
#include "num/blas.h"
#include "stamp.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct command *const cli_commands[] = { &command_plan,    &command_run,
                                               &command_measure, &command_status,
                                               &command_query,   &command_show,
                                               &command_export,  &command_compact,
                                               &command_merge,   &command_verify,
                                               &command_kinds,   &command_completion,
                                               &command_man,     NULL };

const struct cli_option cli_common[] = {
    { "help", NULL, "this text" },
    { "quiet", NULL, "errors and warnings only" },
    { "verbose", NULL, "a few lines for every job" },
    { .name = NULL },
};
enum { COMMANDS = ARRAY_LEN(cli_commands) - 1, COMMON = ARRAY_LEN(cli_common) - 1 };

const struct cli_exit cli_exits[] = {
    { "0", "all done" },
    { "1", "internal error" },
    { "2", "usage, or a fault in the sweep file" },
    { "3", "finished, but some jobs failed or are blocked by failed ones" },
    { "4", "the store is locked by another run" },
    { "5", "the store is damaged, or the disk is full" },
    { "75", "stopped early: the same command goes on" },
    { "130", "interrupted twice" },
    { NULL, NULL },
};

const char cli_about[] = "Tombola draws lottery tickets: it runs sweeps of grokking and lottery-ticket experiments\n"
                         "and keeps every curve, checkpoint and mask in one HDF5 file.\n";

static void print_exits(FILE *out)
{
    fputs("exit codes:\n", out);
    for (const struct cli_exit *x = cli_exits; x->code; x++) fprintf(out, "  %-3s %s\n", x->code, x->means);
}

static void print_usage(FILE *out)
{
    fprintf(out, "usage: tombola COMMAND ...\n\n%s\n", cli_about);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-10s %-31s %s\n", cli_commands[i]->name, cli_commands[i]->args, cli_commands[i]->summary);
    fputs("\n`tombola COMMAND --help` says more; `tombola --version` says what this is.\n\n", out);
    print_exits(out);
}

char cli_letter(const struct cli_option *o)
{
    return strcmp(o->name, "output") ? 0 : 'o';
}

static void print_option(const struct cli_option *o)
{
    char left[48], letter[8] = "";
    if (cli_letter(o)) snprintf(letter, sizeof letter, "-%c, ", cli_letter(o));
    snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    printf("  %-22s %s\n", left, o->help);
}

static void print_help(const struct command *c)
{
    printf("usage: tombola %s %s\n\n%s\n\n", c->name, c->args, c->summary);
    for (const struct cli_option *o = c->options; o && o->name; o++) print_option(o);
    for (const struct cli_option *o = cli_common; o->name; o++) print_option(o);
    printf("\n%s%s", c->help ? c->help : "", c->help ? "\n" : "");
    print_exits(stdout);
}

static void print_version(void)
{
    printf("tombola %s (git %s%s)\n%s, %s, %s, libyaml %s\n%s\nflags: %s\n", STAMP_VERSION, STAMP_GIT,
           STAMP_DIRTY ? ", changed" : "", STAMP_MPI, STAMP_HDF5, blas_version(), STAMP_YAML, STAMP_COMPILER,
           STAMP_CFLAGS);
}

static int usage_error(const char *format, const char *what, const struct command *c)
{
    char text[256];
    snprintf(text, sizeof text, format, what);
    log_error("%s; see `tombola %s%s--help`", text, c ? c->name : "", c ? " " : "");
    return 2;
}

/* getopt's table: the command's options first, so that an index below its count is a place in cli->value. */
static int parse(struct cli *cli, int argc, char **argv)
{
    struct option table[CLI_OPTIONS + COMMON + 1] = { 0 };
    const struct command *c = cli->command;
    char letters[2 * CLI_OPTIONS + 2] = ":";
    int count = 0, which = 0;
    for (; c->options && c->options[count].name; count++) {
        const struct cli_option *o = &c->options[count];
        table[count] = (struct option){ o->name, o->arg != NULL, NULL, 0 };
        if (cli_letter(o))
            snprintf(letters + strlen(letters), sizeof letters - strlen(letters), "%c%s", cli_letter(o),
                     o->arg ? ":" : "");
    }
    for (int i = 0; i < COMMON; i++) table[count + i] = (struct option){ cli_common[i].name, 0, NULL, 0 };
    opterr = 0;
    for (int got; (got = getopt_long(argc, argv, letters, table, &which)) != -1;) {
        if (got == ':') return usage_error("option '%s' needs an argument", argv[optind - 1], c);
        if (got == '?') return usage_error("unknown option '%s'", argv[optind - 1], c);
        for (int i = 0; i < count && got; i++)
            if (cli_letter(&c->options[i]) == got) which = i;
        if (which < count)
            cli->value[which] = optarg ? optarg : "";
        else if (!strcmp(table[which].name, "help")) {
            print_help(c);
            return 0;
        } else
            log_open(!strcmp(table[which].name, "quiet") ? LOG_QUIET : LOG_JOB);
    }
    int given = argc - optind;
    if (given < c->min_args) return usage_error("'%s' needs more arguments", c->name, c);
    if (given > c->max_args) return usage_error("unexpected argument '%s'", argv[optind + c->max_args], c);
    for (int i = 0; i < given; i++) cli->arg[i] = argv[optind + i];
    return -1;
}

static int unknown_command(const char *word)
{
    const char *names[COMMANDS + 1] = { 0 };
    for (int i = 0; i < COMMANDS; i++) names[i] = cli_commands[i]->name;
    const char *near = near_name(word, names);
    if (near)
        log_error("unknown command '%s'; did you mean '%s'?", word, near);
    else
        log_error("unknown command '%s'; see `tombola --help`", word);
    return 2;
}

const char *cli_value(const struct cli *c, const char *option)
{
    for (int i = 0; c->command->options[i].name; i++)
        if (!strcmp(c->command->options[i].name, option)) return c->value[i];
    BUG("'%s' has no option '%s'", c->command->name, option);
}

bool cli_not_needed(const char *why)
{
    return why && !strncmp(why, NOT_NEEDED, strlen(NOT_NEEDED));
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
    return list->count ? err_exit_code(&list->item[0]) : 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_usage(stdout);
        return 0;
    }
    if (!strcmp(argv[1], "--version")) {
        print_version();
        return 0;
    }
    struct cli cli = { 0 };
    blas_open();
    char line[512] = "";
    for (int i = 0; i < argc; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), "%s%s", i ? " " : "", argv[i]);
    cli.command_line = line; /* before getopt reorders the arguments */
    for (int i = 0; i < COMMANDS; i++)
        if (!strcmp(argv[1], cli_commands[i]->name)) cli.command = cli_commands[i];
    if (!cli.command) return unknown_command(argv[1]);
    int code = parse(&cli, argc - 1, argv + 1);
    if (code < 0) code = cli.command->run(&cli);
    return fflush(stdout) && !code ? 1 : code;
}
