#include "base/buf.h"
#include "base/field.h"
#include "base/log.h"
#include "base/output.h"
#include "base/text.h"
#include "cli/cli.h"
#include "num/blas.h"
#include "stamp.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = { &command_plan,    &command_run,
                                                  &command_measure, &command_status,
                                                  &command_query,   &command_show,
                                                  &command_export,  &command_compact,
                                                  &command_merge,   &command_verify,
                                                  &command_kinds,   &command_completion,
                                                  &command_man,     NULL };

enum { COMMANDS = ARRAY_LEN(commands) - 1 };

static void print_exits(struct buf *b)
{
    buf_text(b, "exit codes:\n");
    for (const struct exit_row *x = exit_table; x->name; x++) buf_print(b, "  %-3d %s\n", x->code, x->means);
}

static void print_usage(struct buf *b)
{
    buf_print(b, "usage: tombola COMMAND ...\n\n%s\n", cli_about);
    for (int i = 0; i < COMMANDS; i++)
        buf_print(b, "  %-10s %-31s %s\n", commands[i]->name, commands[i]->args, commands[i]->summary);
    buf_text(b, "\n`tombola COMMAND --help` says more; `tombola --version` says what this is.\n\n");
    print_exits(b);
}

static void print_option(struct buf *b, const struct cli_option *o)
{
    struct buf left = { 0 };
    if (cli_letter(o)) buf_print(&left, "-%c, ", cli_letter(o));
    buf_print(&left, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    buf_print(b, "  %-22s %s\n", buf_chars(&left), o->help);
    buf_release(&left);
}

static void print_help(const struct command *c)
{
    struct buf b = { 0 };
    buf_print(&b, "usage: tombola %s %s\n\n%s\n\n", c->name, c->args, c->summary);
    for (const struct cli_option *o = c->options; o && o->name; o++) print_option(&b, o);
    for (const struct cli_option *o = cli_common; o->name; o++) print_option(&b, o);
    buf_print(&b, "\n%s%s", c->help ? c->help : "", c->help ? "\n" : "");
    print_exits(&b);
    output_text(buf_chars(&b));
    buf_release(&b);
}

static void print_version(void)
{
    output_print("tombola %s (git %s%s)\n%s, %s, %s, libyaml %s\n%s\nflags: %s\n", STAMP_VERSION, STAMP_GIT,
                 STAMP_DIRTY ? ", changed" : "", STAMP_MPI, STAMP_HDF5, blas_version(), STAMP_YAML, STAMP_COMPILER,
                 STAMP_CFLAGS);
}

static int usage_error(const char *before, const char *what, const char *after, const struct command *c)
{
    log_error("%s%s%s; see `tombola %s%s--help`", before, text_shown(what, 200), after, c ? c->name : "",
              c ? " " : "");
    return EXIT_USAGE;
}

/* getopt's table: the command's options first, so that an index below its count is a place in cli->value. */
static int parse(struct cli *cli, int argc, char **argv)
{
    struct option table[CLI_OPTIONS + CLI_COMMON + 1] = { 0 };
    const struct command *c = cli->command;
    char letters[2 * CLI_OPTIONS + 2] = ":", *letter = letters + 1;
    int count = 0, which = 0;
    for (; c->options && c->options[count].name; count++) {
        const struct cli_option *o = &c->options[count];
        table[count] = (struct option){ o->name, o->arg != NULL, NULL, 0 };
        if (cli_letter(o)) *letter++ = cli_letter(o);
        if (cli_letter(o) && o->arg) *letter++ = ':';
    }
    for (int i = 0; i < CLI_COMMON; i++) table[count + i] = (struct option){ cli_common[i].name, 0, NULL, 0 };
    opterr = 0;
    for (int got; (got = getopt_long(argc, argv, letters, table, &which)) != -1;) {
        if (got == ':') return usage_error("option '", argv[optind - 1], "' needs an argument", c);
        if (got == '?') return usage_error("unknown option '", argv[optind - 1], "'", c);
        for (int i = 0; i < count && got; i++)
            if (cli_letter(&c->options[i]) == got) which = i;
        if (which < count) {
            if (optarg && !*optarg) return usage_error("option '--", table[which].name, "' is given nothing", c);
            cli->value[which] = optarg ? optarg : "";
        } else if (!strcmp(table[which].name, "help")) {
            print_help(c);
            return 0;
        } else
            log_open(!strcmp(table[which].name, "quiet") ? LOG_QUIET : LOG_JOB);
    }
    int given = argc - optind;
    if (given < c->min_args) return usage_error("'", c->name, "' needs more arguments", c);
    if (given > c->max_args) return usage_error("unexpected argument '", argv[optind + c->max_args], "'", c);
    for (int i = 0; i < given; i++) {
        cli->arg[i] = argv[optind + i];
        if (!*cli->arg[i] && !c->takes_empty) return usage_error("'", c->name, "' is given an empty argument", c);
    }
    return -1;
}

static int unknown_command(const char *word)
{
    const char *names[COMMANDS + 1] = { 0 };
    for (int i = 0; i < COMMANDS; i++) names[i] = commands[i]->name;
    const char *near = names_near(word, names), *shown = text_shown(word, 200);
    if (near)
        log_error("unknown command '%s'; did you mean '%s'?", shown, near);
    else
        log_error("unknown command '%s'; see `tombola --help`", shown);
    return EXIT_USAGE;
}

static int print_all_usage(bool asked_for)
{
    struct buf b = { 0 };
    print_usage(&b);
    if (asked_for)
        output_text(buf_chars(&b));
    else
        fputs(buf_chars(&b), stderr);
    buf_release(&b);
    return asked_for ? EXIT_DONE : EXIT_USAGE;
}

/* As it was typed, before getopt reorders the arguments. */
static void join(struct buf *line, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) buf_print(line, "%s%s", i ? " " : "", argv[i]);
}

static int perform(int argc, char **argv)
{
    if (argc < 2) return print_all_usage(false);
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
        return print_all_usage(true);
    if (!strcmp(argv[1], "--version")) {
        print_version();
        return EXIT_DONE;
    }
    if (!strcmp(argv[1], "--exit-codes")) {
        for (const struct exit_row *x = exit_table; x->name; x++)
            output_print("%d\t%s\t%s\n", x->code, x->name, x->means);
        return EXIT_DONE;
    }
    struct cli cli = { 0 };
    struct buf line = { 0 };
    blas_open();
    for (int i = 0; i < COMMANDS; i++)
        if (!strcmp(argv[1], commands[i]->name)) cli.command = commands[i];
    if (!cli.command) return unknown_command(argv[1]);
    join(&line, argc, argv);
    cli.command_line = buf_chars(&line);
    int code = parse(&cli, argc - 1, argv + 1);
    if (code < 0) code = cli.command->run(&cli);
    buf_release(&line);
    return code;
}

int main(int argc, char **argv)
{
    struct err e = { 0 };
    cli_commands = commands;
    output_open();
    const int code = perform(argc, argv);
    if (!output_close(&e)) return code;
    const int unwritten = cli_fail(&e);
    return code ? code : unwritten;
}
