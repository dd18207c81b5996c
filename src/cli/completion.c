#include "base/buf.h"
#include "base/output.h"
#include "cli/cli.h"
#include "cli/kinds.h"
#include "job/registry.h"
#include "query/query.h"

#include <stdio.h>
#include <string.h>

/* Scripts for the shells, from the tables that the commands themselves are read by: which word may stand where
 * follows from the word that the usage line has in that place. */

/* ---- what may stand for a word of a usage line ---- */

enum meaning { ANYTHING, FILES, SWEEPS, STORES, JOBS, EXPORTS, NAMES, NAMES_OR_SWEEPS };

static const char *const shells[] = { "bash", "zsh", NULL };

static const char *const *measures(void)
{
    return registry_names(PLUGIN_MEASURE);
}
static const char *const *formats(void)
{
    return query_format_name;
}
static const char *const *shell_names(void)
{
    return shells;
}

static const struct word {
    const char *word;
    enum meaning meaning;
    const char *const *(*names)(void);
} words[] = {
    { "FILE", FILES, NULL },         { "SWEEP.yaml", SWEEPS, NULL },
    { "STORE", STORES, NULL },       { "JOB", JOBS, NULL },
    { "WHAT", EXPORTS, NULL },       { "NAME", NAMES, kinds_names },
    { "FORMAT", NAMES, formats },    { "MEASURE", NAMES_OR_SWEEPS, measures },
    { "SHELL", NAMES, shell_names },
};

static struct word meaning_of(const char *text, size_t length)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i].word) == length && !strncmp(words[i].word, text, length)) return words[i];
    return (struct word){ .meaning = ANYTHING };
}

/* The next positional word of a usage line, without brackets; false at its end. */
static bool next_place(const char **args, const char **word, size_t *length)
{
    *args += strspn(*args, " [");
    *word = *args;
    *length = strcspn(*args, " ]");
    *args += *length;
    *args += strspn(*args, "]");
    return *length > 0 && **word != '-' && **word != '"';
}

/* Is the word just read followed by "..."? */
static bool repeats(const char *args)
{
    return !strncmp(args + strspn(args, " "), "...", 3);
}

/* ---- bash ---- */

static const char bash_head[] = "# bash completion of tombola, made by `tombola completion bash`.\n"
                                "_tombola_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
                                "\n"
                                "# Folders, and files with one of the endings.\n"
                                "_tombola_files() {\n"
                                "    compopt -o filenames 2>/dev/null\n"
                                "    mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"; for ending in \"$@\"; do "
                                "compgen -f -X \"!*$ending\" -- \"$cur\"; done)\n"
                                "}\n"
                                "\n"
                                "_tombola_jobs() {\n"
                                "    [[ $cur == *[!0-9a-f]* ]] && return\n"
                                "    _tombola_words \"$(\"${words[0]}\" query \"$1\" \"SELECT id FROM jobs WHERE id "
                                "LIKE '$cur%' LIMIT 200\" --format tsv --no-header "
                                "2>/dev/null)\"\n"
                                "}\n"
                                "\n"
                                "_tombola_exports() { _tombola_words \"$(\"${words[0]}\" export \"$1\" \"$2\" "
                                "2>/dev/null | cut -d ' ' -f 1)\"; }\n"
                                "\n";

static const char bash_tail[] =
    "_tombola() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} cur command='' option='' word\n"
    "    local -a words given=()\n"
    "    COMPREPLY=()\n"
    "    read -ra words <<<\"$line\"\n"
    "    [[ $line == *[[:space:]] ]] && words+=('')\n"
    "    cur=${words[${#words[@]} - 1]}\n"
    "    for word in \"${words[@]:1:${#words[@]}-2}\"; do\n"
    "        if [[ $option ]]; then\n"
    "            option=''\n"
    "        elif [[ $word == -* ]]; then\n"
    "            [[ $word != *=* ]] && _tombola_takes \"$command $word\" && option=$word\n"
    "        elif [[ ! $command ]]; then\n"
    "            command=$word\n"
    "        else\n"
    "            given+=(\"${word/#\\~\\//$HOME/}\")\n"
    "        fi\n"
    "    done\n"
    "    if [[ ! $option && $cur == --*=* ]]; then\n"
    "        option=${cur%%=*} cur=${cur#*=}\n"
    "    fi\n"
    "    if [[ $option ]]; then\n"
    "        _tombola_value \"$command $option\"\n"
    "    elif [[ $cur == -* ]]; then\n"
    "        _tombola_words \"$(_tombola_options \"$command\")\"\n"
    "    elif [[ ! $command ]]; then\n"
    "        _tombola_words \"$_tombola_commands\"\n"
    "    else\n"
    "        _tombola_place \"$command ${#given[@]}\"\n"
    "    fi\n"
    "    # The shell breaks words at these, and replaces only what stands behind the last of them.\n"
    "    local kept=${cur%\"${cur##*[@:=]}\"}\n"
    "    [[ $kept && $COMP_WORDBREAKS == *[@:=]* ]] && COMPREPLY=(\"${COMPREPLY[@]#\"$kept\"}\")\n"
    "    return 0\n"
    "}\n"
    "complete -F _tombola tombola\n";

static void print_names(struct buf *b, const char *const *names)
{
    for (size_t i = 0; names[i]; i++) buf_print(b, "%s%s", i ? " " : "", names[i]);
}

/* What completes a word, as a command of bash. */
static void bash_action(struct buf *b, const struct word *w)
{
    static const char *const action[] = {
        [FILES] = "_tombola_files ''",
        [SWEEPS] = "_tombola_files .yaml .yml",
        [STORES] = "_tombola_files .h5",
        [JOBS] = "_tombola_jobs \"${given[0]}\"",
        [EXPORTS] = "_tombola_exports \"${given[0]}\" \"${given[1]}\"",
    };
    if (!w->names) {
        buf_text(b, action[w->meaning]);
        return;
    }
    buf_text(b, "_tombola_words '");
    print_names(b, w->names());
    buf_text(b, "'");
    if (w->meaning == NAMES_OR_SWEEPS)
        buf_text(b, "; local names=(\"${COMPREPLY[@]}\"); _tombola_files .yaml .yml; COMPREPLY+=(\"${names[@]}\")");
}

static void bash_values(struct buf *b)
{
    buf_text(b, "# What an option takes.\n_tombola_value() {\n    case $1 in\n");
    for (size_t i = 0; cli_commands[i]; i++)
        for (const struct cli_option *o = cli_commands[i]->options; o && o->name; o++) {
            const struct word w = meaning_of(o->arg ? o->arg : "", strlen(o->arg ? o->arg : ""));
            if (w.meaning == ANYTHING) continue;
            buf_print(b, "    '%s --%s'", cli_commands[i]->name, o->name);
            if (cli_letter(o)) buf_print(b, " | '%s -%c'", cli_commands[i]->name, cli_letter(o));
            buf_text(b, ") ");
            bash_action(b, &w);
            buf_text(b, " ;;\n");
        }
    buf_text(b, "    esac\n}\n\n# What stands in a place behind the command.\n_tombola_place() {\n    case $1 in\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        const char *args = cli_commands[i]->args, *word;
        size_t length;
        for (int place = 0; next_place(&args, &word, &length); place++) {
            const struct word w = meaning_of(word, length);
            if (w.meaning == ANYTHING) continue;
            if (repeats(args))
                buf_print(b, "    '%s '*) ", cli_commands[i]->name);
            else
                buf_print(b, "    '%s %d') ", cli_commands[i]->name, place);
            bash_action(b, &w);
            buf_text(b, " ;;\n");
        }
    }
    buf_text(b, "    esac\n}\n\n");
}

static void bash_options(struct buf *b)
{
    buf_text(b, "_tombola_options() {\n    case $1 in\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        buf_print(b, "    %s) echo '", cli_commands[i]->name);
        for (const struct cli_option *o = cli_commands[i]->options; o && o->name; o++) buf_print(b, "--%s ", o->name);
        for (const struct cli_option *o = cli_common; o->name; o++)
            buf_print(b, "--%s%s", o->name, o[1].name ? " " : "");
        buf_text(b, "' ;;\n");
    }
    buf_text(
        b, "    *) echo '--help --version --exit-codes' ;;\n    esac\n}\n\n# Does the option want a word after it?\n"
           "_tombola_takes() {\n    case $1 in\n    ''");
    for (size_t i = 0; cli_commands[i]; i++)
        for (const struct cli_option *o = cli_commands[i]->options; o && o->name; o++)
            if (o->arg) {
                buf_print(b, " | '%s --%s'", cli_commands[i]->name, o->name);
                if (cli_letter(o)) buf_print(b, " | '%s -%c'", cli_commands[i]->name, cli_letter(o));
            }
    buf_text(b, ") return 0 ;;\n    *) return 1 ;;\n    esac\n}\n\n");
}

static void print_bash(struct buf *b)
{
    buf_text(b, bash_head);
    buf_text(b, "_tombola_commands='");
    for (size_t i = 0; cli_commands[i]; i++) buf_print(b, "%s%s", i ? " " : "", cli_commands[i]->name);
    buf_text(b, "'\n\n");
    bash_options(b);
    bash_values(b);
    buf_text(b, bash_tail);
}

/* ---- zsh ---- */

/* Inside '...', with a backslash before each of `special`. */
static void zsh_text(struct buf *b, const char *text, const char *special)
{
    for (; *text; text++) {
        if (*text == '\'')
            buf_text(b, "'\\''");
        else
            buf_print(b, "%s%c", strchr(special, *text) ? "\\" : "", *text);
    }
}

static void zsh_action(struct buf *b, const struct word *w)
{
    static const char *const action[] = {
        [ANYTHING] = " ",
        [FILES] = "_files",
        [SWEEPS] = "_files -g \"*.(yaml|yml)\"",
        [STORES] = "_files -g \"*.h5\"",
        [JOBS] = "_tombola_jobs",
        [EXPORTS] = "_tombola_exports",
    };
    if (!w->names) {
        buf_text(b, action[w->meaning]);
        return;
    }
    buf_text(b, w->meaning == NAMES_OR_SWEEPS ? "_tombola_names_or_sweeps " : "(");
    print_names(b, w->names());
    if (w->meaning != NAMES_OR_SWEEPS) buf_text(b, ")");
}

static void zsh_option(struct buf *b, const struct cli_option *o)
{
    if (cli_letter(o))
        buf_print(b, " \\\n            '(-%c --%s)'{-%c,--%s%s}'[", cli_letter(o), o->name, cli_letter(o), o->name,
                  o->arg ? "=" : "");
    else
        buf_print(b, " \\\n            '--%s%s[", o->name, o->arg ? "=" : "");
    zsh_text(b, o->help, "[]\\");
    buf_text(b, "]");
    if (o->arg) {
        const struct word w = meaning_of(o->arg, strlen(o->arg));
        buf_print(b, ":%s:", o->arg);
        zsh_action(b, &w);
    }
    buf_text(b, "'");
}

static void zsh_command(struct buf *b, const struct command *c)
{
    const char *args = c->args, *word;
    size_t length;
    buf_print(b, "    %s)\n        _arguments -S", c->name);
    for (const struct cli_option *o = c->options; o && o->name; o++) zsh_option(b, o);
    for (const struct cli_option *o = cli_common; o->name; o++) zsh_option(b, o);
    for (int place = 1; next_place(&args, &word, &length); place++) {
        const struct word w = meaning_of(word, length);
        if (repeats(args))
            buf_text(b, " \\\n            '*");
        else
            buf_print(b, " \\\n            '%d%s", place, place > c->min_args ? ":" : "");
        buf_print(b, ":%.*s:", (int)length, word);
        zsh_action(b, &w);
        buf_text(b, "'");
        if (repeats(args)) break;
    }
    buf_text(b, "\n        ;;\n");
}

static void print_zsh(struct buf *b)
{
    buf_text(
        b,
        "#compdef tombola\n"
        "# zsh completion of tombola, made by `tombola completion zsh`.\n\n"
        "_tombola_jobs() {\n"
        "    local -a ids\n"
        "    ids=(${(f)\"$($tombola query ${(Q)words[2]} 'SELECT id FROM jobs LIMIT 1000' --format tsv --no-header "
        "2>/dev/null)\"})\n"
        "    compadd \"$@\" -a ids\n"
        "}\n\n"
        "_tombola_exports() {\n"
        "    local -a whats\n"
        "    whats=(${${(f)\"$($tombola export ${(Q)words[2]} ${(Q)words[3]} 2>/dev/null)\"}%% *})\n"
        "    compadd \"$@\" -a whats\n"
        "}\n\n"
        "_tombola_names_or_sweeps() {\n"
        "    compadd \"$@\"\n"
        "    _files -g '*.(yaml|yml)'\n"
        "}\n\n"
        "_tombola() {\n"
        "    local tombola=$words[1]\n"
        "    local -a commands\n"
        "    commands=(\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        buf_print(b, "        '%s:", cli_commands[i]->name);
        zsh_text(b, cli_commands[i]->summary, ":\\");
        buf_text(b, "'\n");
    }
    buf_text(b, "    )\n"
                "    if (( CURRENT == 2 )); then\n"
                "        _describe command commands\n"
                "        return\n"
                "    fi\n"
                "    shift words\n"
                "    (( CURRENT-- ))\n"
                "    case $words[1] in\n");
    for (size_t i = 0; cli_commands[i]; i++) zsh_command(b, cli_commands[i]);
    buf_text(b, "    esac\n}\n\n_tombola \"$@\"\n");
}

/* ---- the command ---- */

static int run_completion(const struct cli *c)
{
    struct buf b = { 0 };
    struct err e = { 0 };
    if (!strcmp(c->arg[0], "bash"))
        print_bash(&b);
    else if (!strcmp(c->arg[0], "zsh"))
        print_zsh(&b);
    else
        err_set(&e, ERR_SPEC, "no completion is known for '%s'; allowed: bash, zsh", c->arg[0]);
    output_text(buf_chars(&b));
    buf_release(&b);
    return e.kind ? cli_fail(&e) : 0;
}

static const struct cli_option options[] = { { .name = NULL } };

const struct command command_completion = {
    .name = "completion",
    .args = "SHELL",
    .summary = "a script that teaches bash or zsh to complete all this",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .help =
        "`make install` puts both where the shells look for them.  By hand:\n"
        "    bash: eval \"$(tombola completion bash)\"\n"
        "    zsh:  tombola completion zsh >_tombola, in a folder of $fpath, before compinit\n"
        "Commands, options and their values, files, kinds, the jobs of a store and what can be exported of them.\n",
    .run = run_completion,
};
