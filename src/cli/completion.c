#include "base/output.h"
#include "cli/cli.h"
#include "cli/kinds.h"
#include "job/registry.h"
#include "query/query.h"

#include <string.h>

/* The scripts for the shells ask what may stand at the cursor; the answer is from the tables that the commands
 * themselves are read by: what may stand for a word follows from the word that the usage line has in that place. */

#define SCRIPT(name, path)                                                                                           \
    __asm__(".section .rodata\n" name ": .incbin \"" path "\"\n.byte 0\n.previous");                                 \
    extern const char
SCRIPT("completion_bash", "src/cli/completion.bash") completion_bash[];
SCRIPT("completion_zsh", "src/cli/completion.zsh") completion_zsh[];

static const char *const *measures(void)
{
    return registry_names(PLUGIN_MEASURE);
}
static const char *const *formats(void)
{
    return query_format_name;
}
static const char *const *shells(void)
{
    static const char *const names[] = { "bash", "zsh", NULL };
    return names;
}

/* ask: for the script to do. */
static const struct word {
    const char *word, *ask;
    const char *const *(*names)(void);
} words[] = {
    { "FILE", ":files", NULL },       { "SWEEP.yaml", ":files\t.yaml .yml", NULL },
    { "STORE", ":files\t.h5", NULL }, { "JOB", ":jobs", NULL },
    { "WHAT", ":exports", NULL },     { "NAME", NULL, kinds_names },
    { "FORMAT", NULL, formats },      { "MEASURE", ":files\t.yaml .yml", measures },
    { "SHELL", NULL, shells },
};

/* given: the positional words before it. */
static void print_meaning(const char *text, size_t length, const char *const *given)
{
    for (const struct word *w = words; w < words + ARRAY_LEN(words); w++) {
        if (strlen(w->word) != length || strncmp(w->word, text, length)) continue;
        for (const char *const *name = w->names ? w->names() : NULL; name && *name; name++)
            output_print("%s\n", *name);
        if (w->ask) output_print("%s", w->ask);
        for (; w->ask && !strchr(w->ask, '\t') && *given; given++) output_print("\t%s", *given);
        if (w->ask) output_print("\n");
    }
}

/* What the usage line has behind the command where `given` words stand already. */
static void print_place(const struct command *c, const char *const *given)
{
    const char *word = c->args;
    size_t places = 0, length = 0;
    for (size_t count = 0; given[count]; count++) places++;
    for (;; places--) {
        word += strspn(word, " [");
        length = strcspn(word, " ]");
        const char *next = word + length + strspn(word + length, "] ");
        if (!length || *word == '-' || *word == '"') return;
        if (!places || !strncmp(next, "...", 3)) break;
        word = next;
    }
    print_meaning(word, length, given);
}

static void print_options(const struct cli_option *o)
{
    for (; o && o->name; o++) output_print("--%s\t%s\n", o->name, o->help);
}

/* The option of that spelling, "--name", "--name=..." or "-n"; NULL: none, or it takes nothing. */
static const struct cli_option *option_of(const struct command *c, const char *word)
{
    const size_t length = strcspn(word, "=");
    for (const struct cli_option *o = c ? c->options : NULL; o && o->name; o++) {
        const bool is_long = length == strlen(o->name) + 2 && !strncmp(word + 2, o->name, length - 2);
        if (o->arg && (is_long || (length == 2 && word[1] != '-' && word[1] == cli_letter(o)))) return o;
    }
    return NULL;
}

static void print_words(const char *const *word)
{
    static const struct cli_option alone[] = { { "help", NULL, "all commands, and the exit codes" },
                                               { "version", NULL, "what this is, and what it was made with" },
                                               { "exit-codes", NULL, "the exit codes for scripts" },
                                               { .name = NULL } };
    const struct command *command = NULL;
    const struct cli_option *option = NULL;
    const char *given[CLI_ARGS + 1] = { NULL };
    size_t count = 0;
    for (; word[0] && word[1]; word++) {
        const bool is_value = option != NULL;
        option = is_value || **word != '-' || strchr(*word, '=') ? NULL : option_of(command, *word);
        if (is_value || **word == '-') continue;
        if (command) given[count++] = *word;
        for (size_t i = 0; !command && cli_commands[i]; i++)
            if (!strcmp(cli_commands[i]->name, *word)) command = cli_commands[i];
    }
    const char *cur = *word ? *word : "";
    if (!option && strchr(cur, '=') && *cur == '-') option = option_of(command, cur);
    if (option) {
        print_meaning(option->arg, strlen(option->arg), given + count);
    } else if (*cur == '-') {
        print_options(command ? command->options : alone);
        if (command) print_options(cli_common);
    } else if (command) {
        print_place(command, given);
    } else {
        for (size_t i = 0; cli_commands[i]; i++)
            output_print("%s\t%s\n", cli_commands[i]->name, cli_commands[i]->summary);
    }
}

static int run_completion(const struct cli *c)
{
    struct err e = { 0 };
    if (!strcmp(c->arg[0], "bash"))
        output_text(completion_bash);
    else if (!strcmp(c->arg[0], "zsh"))
        output_text(completion_zsh);
    else if (!strcmp(c->arg[0], "words"))
        print_words(c->arg + 1);
    else
        err_set(&e, ERR_SPEC, "no completion is known for '%s'; allowed: bash, zsh", c->arg[0]);
    return e.kind ? cli_fail(&e) : EXIT_DONE;
}

static const struct cli_option options[] = { { .name = NULL } };

const struct command command_completion = {
    .name = "completion",
    .args = "SHELL",
    .summary = "a script that teaches bash or zsh to complete all this",
    .min_args = 1,
    .max_args = CLI_ARGS - 1,
    .takes_empty = true,
    .options = options,
    .help = "`make install` puts both where the shells look for them.  By hand:\n"
            "    bash: eval \"$(tombola completion bash)\"\n"
            "    zsh:  tombola completion zsh >_tombola, in a folder of $fpath, before compinit\n"
            "Commands, options and their values, files, kinds, the jobs of a store and what can be exported of them: "
            "the\n"
            "scripts ask `tombola completion words -- WORD ...` for what may stand in the place of the last word.\n",
    .run = run_completion,
};
