#include "base/field.h"
#include "base/log.h"
#include "cli/cli.h"
#include "num/blas.h"
#include "stamp.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = { &command_plan,   &command_run,    &command_measure,
                                                  &command_status, &command_query,  &command_show,
                                                  &command_export, &command_verify, &command_kinds };

static const struct cli_option common[] = {
    { "help", NULL, "this text" },
    { "quiet", NULL, "errors and warnings only" },
    { "verbose", NULL, "a few lines for every job" },
};

static const char exit_codes[] = "exit codes:\n"
                                 "  0   all done\n"
                                 "  1   internal error\n"
                                 "  2   usage, or a fault in the sweep file\n"
                                 "  3   finished, but some jobs failed or are blocked by failed ones\n"
                                 "  4   the store is locked by another run\n"
                                 "  5   the store is damaged, or the disk is full\n"
                                 "  75  stopped early: the same command goes on\n"
                                 "  130 interrupted twice\n";

static void print_usage(FILE *out)
{
    fputs(
        "usage: tombola COMMAND ...\n\nTombola draws lottery tickets: it runs sweeps of grokking and lottery-ticket "
        "experiments\nand keeps every curve, checkpoint and mask in one HDF5 file.\n\n",
        out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-8s %-31s %s\n", commands[i]->name, commands[i]->args, commands[i]->summary);
    fprintf(out, "\n`tombola COMMAND --help` says more; `tombola --version` says what this is.\n\n%s", exit_codes);
}

static void print_option(const struct cli_option *o)
{
    char left[48];
    snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    printf("  %-22s %s\n", left, o->help);
}

static void print_help(const struct command *c)
{
    printf("usage: tombola %s %s\n\n%s\n\n", c->name, c->args, c->summary);
    for (const struct cli_option *o = c->options; o && o->name; o++) print_option(o);
    for (size_t i = 0; i < ARRAY_LEN(common); i++) print_option(&common[i]);
    printf("\n%s%s%s", c->help ? c->help : "", c->help ? "\n" : "", exit_codes);
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
    struct option table[CLI_OPTIONS + ARRAY_LEN(common) + 1] = { 0 };
    const struct command *c = cli->command;
    int count = 0, which = 0;
    for (; c->options && c->options[count].name; count++)
        table[count] = (struct option){ c->options[count].name, c->options[count].arg != NULL, NULL, 0 };
    for (size_t i = 0; i < ARRAY_LEN(common); i++)
        table[count + (int)i] = (struct option){ common[i].name, 0, NULL, 0 };
    opterr = 0;
    for (int got; (got = getopt_long(argc, argv, ":", table, &which)) != -1;) {
        if (got == ':') return usage_error("option '%s' needs an argument", argv[optind - 1], c);
        if (got == '?') return usage_error("unknown option '%s'", argv[optind - 1], c);
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
    const char *names[ARRAY_LEN(commands) + 1] = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) names[i] = commands[i]->name;
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
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (!strcmp(argv[1], commands[i]->name)) cli.command = commands[i];
    if (!cli.command) return unknown_command(argv[1]);
    int code = parse(&cli, argc - 1, argv + 1);
    if (code < 0) code = cli.command->run(&cli);
    return fflush(stdout) && !code ? 1 : code;
}
