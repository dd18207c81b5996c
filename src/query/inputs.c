#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "query/function.h"
#include "query/records.h"
#include "query/state.h"
#include "store/store.h"
#include "store/tables.h"

#include <string.h>

/* input_of(id, key): which file a job takes its initial weights, its mask, its split or its data from.  /texts/inputs
 * has a line a file: "init=FILE<tab>GROUP" and the like, and "task.KEY=PATH". */

static const char task[] = "task.";
static const char *const given[] = { "init", "mask", "split", NULL }; /* each a file and a group in it */

struct place { /* of a text in the lines */
    const char *name;
    size_t length;
    bool group; /* what stands behind the tab */
};

static bool find_place(const char *key, struct place *out)
{
    if (!strncmp(key, task, strlen(task))) {
        *out = (struct place){ key, strlen(key), false };
        return true;
    }
    const size_t length = strcspn(key, ".");
    const bool group = !strcmp(key + length, ".group");
    *out = (struct place){ key, length, group };
    for (size_t i = 0; given[i]; i++)
        if (strlen(given[i]) == length && !strncmp(given[i], key, length))
            return group || !strcmp(key + length, ".file");
    return false;
}

static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return line + (*line == '\n');
}

/* The text, and how long it is; NULL: the job has none. */
static const char *find_text(const char *line, const struct place *p, size_t *length)
{
    while (*line && (strncmp(line, p->name, p->length) || line[p->length] != '=')) line = next_line(line);
    if (!*line) return NULL;
    line += p->length + 1;
    const char *tab = line + strcspn(line, "\t\n"), *text = p->group ? tab + (*tab == '\t') : line;
    *length = p->group ? strcspn(text, "\n") : (size_t)(tab - line);
    return *length ? text : NULL;
}

/* They may be written just now. */
static int read_inputs(struct query *q, size_t row, char text[STORE_INPUTS + 1])
{
    struct input_record in;
    for (int i = 0; i < QUERY_TRIES; i++) {
        if (table_read(q->s, TABLE_INPUTS, row, 1, &in, q->e)) return -1;
        memcpy(text, in.text, sizeof in.text);
        if (in.sum == (in.text[0] ? checksum(in.text, sizeof in.text) : 0)) return 0;
    }
    return err_at(q->e, ERR_STORE, store_path(q->s), NOWHERE, NULL,
                  "the paths of its files do not agree with their checksum");
}

/* 1: *out says it, 0: there is no such job, or it takes nothing from such a file, -1 with *q->e filled. */
static int find_input(struct query *q, const char *id, const char *key, char inputs[STORE_INPUTS + 1],
                      const char **out, size_t *length)
{
    size_t row;
    struct place place;
    if (!id || !key) return 0;
    if (!find_place(key, &place))
        return err_set(
            q->e, ERR_SPEC,
            "input_of: there is no '%s'; allowed: init.file, init.group, mask.file, mask.group, split.file, "
            "split.group, and task.KEY of a key that is a path",
            key);
    const int there = query_find(q, id, &row);
    if (there <= 0) return there;
    if (read_inputs(q, row, inputs)) return -1;
    *out = find_text(inputs, &place, length);
    return *out != NULL;
}

static int input_of(struct query *q, sqlite3_context *out, int argc, sqlite3_value **argv)
{
    (void)argc;
    char inputs[STORE_INPUTS + 1] = "";
    const char *text = NULL;
    size_t length = 0;
    const int there = find_input(q, query_text(argv[0]), query_text(argv[1]), inputs, &text, &length);
    if (there > 0) sqlite3_result_text64(out, text, length, SQLITE_TRANSIENT, SQLITE_UTF8);
    return there;
}

const struct query_function query_input_of = {
    "input_of", 2, 2, input_of,
    "    input_of(id, key): the file that job id took its initial weights, its mask, its split or its data from, "
    "where\n"
    "                   it was found last: key is 'init.file', 'mask.file' or 'split.file' ('init.group' and so on:\n"
    "                   the group in it), or 'task.KEY' of a key that is a path, as 'task.folder'; NULL: from none\n"
};
