#include "base/buf.h"
#include "base/output.h"
#include "cli/cli.h"
#include "stamp.h"

#include <stdio.h>
#include <string.h>

/* The manual page, in the macros of man(7), from the tables that the commands themselves are read by. */

/* A word of one font may hold what roff would take for its own. */
static void put(struct buf *b, const char *text)
{
    for (bool first = true; *text; text++) {
        if (first && (*text == '.' || *text == '\'')) buf_text(b, "\\&");
        first = *text == '\n';
        if (*text == '-')
            buf_text(b, "\\-");
        else if (*text == '\\')
            buf_text(b, "\\e");
        else if (*text == '`')
            buf_text(b, "\\(ga");
        else if (*text == '\'')
            buf_text(b, "\\(aq");
        else if (*text == '^')
            buf_text(b, "\\(ha");
        else if (*text == '~')
            buf_text(b, "\\(ti");
        else
            buf_add(b, text, 1);
    }
}

static void put_option(struct buf *b, const struct cli_option *o)
{
    buf_text(b, ".TP\n\\fB");
    if (cli_letter(o)) buf_print(b, "\\-%c\\fR, \\fB", cli_letter(o));
    buf_text(b, "\\-\\-");
    put(b, o->name);
    buf_text(b, "\\fR");
    if (o->arg) buf_print(b, " \\fI%s\\fR", o->arg);
    buf_text(b, "\n");
    put(b, o->help);
    buf_text(b, "\n");
}

/* Its help is laid out already. */
static void put_command(struct buf *b, const struct command *c)
{
    buf_text(b, ".SS tombola ");
    put(b, c->name);
    buf_text(b, " ");
    for (const char *s = c->args; *s; s++) { /* in a macro's arguments a quote begins a word */
        const char one[2] = { *s, '\0' };
        if (*s == '"')
            buf_text(b, "\\(dq");
        else
            put(b, one);
    }
    buf_text(b, "\n");
    put(b, c->summary);
    buf_text(b, "\n");
    for (const struct cli_option *o = c->options; o && o->name; o++) put_option(b, o);
    if (!c->help) return;
    buf_text(b, ".PP\n.nf\n");
    put(b, c->help);
    buf_text(b, ".fi\n");
}

static void put_rest(struct buf *b)
{
    buf_text(b, ".SH EXIT STATUS\n");
    for (const struct exit_row *x = exit_table; x->name; x++) {
        buf_print(b, ".TP\n.B %d\n", x->code);
        put(b, x->means);
        buf_text(b, "\n");
    }
    buf_text(
        b,
        ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colour and no moving lines, as if there were no terminal\n"
        ".SH FILES\n.TP\n.I results/NAME.h5\nthe store of the sweep called NAME, unless \\fB\\-\\-store\\fR says "
        "another\n.TP\n.I STORE.tmp.HOST.PID\na store that is being made\n.TP\n.I STORE.undo\nwhat undoes a growth "
        "that was cut off\n"
        ".SH SEE ALSO\n.BR mpirun (1),\n.BR sbatch (1),\n.BR h5dump (1)\n");
}

static int run_man(const struct cli *c)
{
    struct buf b = { 0 };
    (void)c;
    buf_text(&b, ".\\\" Made by `tombola man`.\n");
    buf_print(&b, ".TH TOMBOLA 1 \"\" \"tombola %s\" \"User Commands\"\n", STAMP_VERSION);
    buf_text(&b, ".SH NAME\ntombola \\- sweeps of grokking and lottery\\-ticket experiments\n"
                 ".SH SYNOPSIS\n.B tombola\n.I COMMAND\n[\\fIARGUMENT\\fR ...] [\\fB\\-\\-help\\fR]\n"
                 ".br\n.B mpirun \\-n\n.I RANKS\n.B tombola run\n.I SWEEP.yaml\n"
                 ".SH DESCRIPTION\n");
    put(&b, cli_about);
    buf_text(&b, "Results go to stdout, talk to stderr.\n.SH COMMANDS\n");
    for (size_t i = 0; cli_commands[i]; i++) put_command(&b, cli_commands[i]);
    buf_text(&b, ".SH COMMON OPTIONS\n");
    for (const struct cli_option *o = cli_common; o->name; o++) put_option(&b, o);
    put_rest(&b);
    output_text(buf_chars(&b));
    buf_release(&b);
    return 0;
}

static const struct cli_option options[] = { { .name = NULL } };

const struct command command_man = {
    .name = "man",
    .args = "",
    .summary = "the manual page: tombola man | man -l -",
    .options = options,
    .run = run_man,
};
