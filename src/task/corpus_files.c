/* The two layouts of a corpus on disk. */
#include "base/text.h"
#include "task/corpus_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char wanted[] = "wanted: a folder with train/pos, train/neg, test/pos and test/neg (aclImdb), or a CSV "
                             "file with the columns review,sentiment";

/* ---- the folder ---- */

static bool is_text_file(const char *name)
{
    const size_t length = strlen(name);
    return length > 4 && !strcmp(name + length - 4, ".txt");
}

static int gather_file(struct gathering *g, const char *folder, const char *name, int32_t label, struct buf *text,
                       struct err *e)
{
    struct buf path = { 0 };
    buf_print(&path, "%s/%s", folder, name);
    buf_clear(text);
    int rc = 0;
    if (buf_read_file(text, buf_chars(&path)))
        gather_text(g, buf_chars(text), text->length, label);
    else
        rc = err_set(e, ERR_SPEC, "'%s' cannot be read: %s", text_shown(buf_chars(&path), 300), strerror(errno));
    buf_release(&path);
    return rc;
}

static int gather_part(struct gathering *g, const char *folder, int32_t label, struct err *e)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return err_set(e, ERR_SPEC, "'%s' cannot be read: %s; %s", text_shown(folder, 200), strerror(errno), wanted);
    struct buf text = { 0 };
    size_t found = 0;
    int rc = 0;
    for (const struct dirent *file; !rc && (file = readdir(dir));)
        if (is_text_file(file->d_name)) {
            rc = gather_file(g, folder, file->d_name, label, &text, e);
            found++;
        }
    closedir(dir);
    buf_release(&text);
    return rc || found ? rc : err_set(e, ERR_SPEC, "'%s' holds no *.txt", text_shown(folder, 200));
}

static int gather_folder(struct gathering *g, const char *path, struct err *e)
{
    static const struct {
        const char *name;
        int32_t label;
    } part[] = { { "train/pos", 1 }, { "train/neg", 0 }, { "test/pos", 1 }, { "test/neg", 0 } };
    for (size_t i = 0; i < ARRAY_LEN(part); i++) {
        struct buf folder = { 0 };
        buf_print(&folder, "%s/%s", path, part[i].name);
        const int rc = gather_part(g, buf_chars(&folder), part[i].label, e);
        buf_release(&folder);
        if (rc) return -1;
    }
    return 0;
}

/* ---- the CSV file ---- */

struct csv {
    const char *path, *at, *end;
    size_t line; /* that at is in, from 1 */
};

static int csv_error(const struct csv *c, size_t line, const char *what, struct err *e)
{
    return err_set(e, ERR_SPEC, "'%s', line %zu: %s", text_shown(c->path, 200), line, what);
}

/* What stands between quotes, with "" for a quote. */
static int quoted(struct csv *c, struct buf *out, struct err *e)
{
    const size_t line = c->line;
    for (c->at++; c->at < c->end; c->at++) {
        if (*c->at == '"' && !(c->at + 1 < c->end && c->at[1] == '"')) {
            c->at++;
            return 0;
        }
        c->at += *c->at == '"';
        c->line += *c->at == '\n';
        buf_add(out, c->at, 1);
    }
    return csv_error(c, line, "the quote that begins here is never closed", e);
}

/* The next field; *last: it ends its row.  Moves on behind it. */
static int next_field(struct csv *c, struct buf *out, bool *last, struct err *e)
{
    buf_clear(out);
    if (c->at < c->end && *c->at == '"') {
        if (quoted(c, out, e)) return -1;
    } else {
        const char *from = c->at;
        while (c->at < c->end && *c->at != ',' && *c->at != '\r' && *c->at != '\n') c->at++;
        buf_add(out, from, (size_t)(c->at - from));
    }
    if (c->at < c->end && *c->at == ',') {
        c->at++;
        *last = false;
        return 0;
    }
    c->at += c->at < c->end && *c->at == '\r';
    if (c->at < c->end && *c->at != '\n') return csv_error(c, c->line, "text behind a closing quote", e);
    c->line += c->at < c->end;
    c->at += c->at < c->end;
    *last = true;
    return 0;
}

static int next_row(struct csv *c, struct buf field[2], struct err *e)
{
    const size_t line = c->line;
    bool last;
    if (next_field(c, &field[0], &last, e)) return -1;
    if (!last && next_field(c, &field[1], &last, e)) return -1;
    if (!last || !buf_chars(&field[1])[0])
        return csv_error(c, line, "a row must have two fields, review,sentiment", e);
    return 0;
}

static int gather_rows(struct gathering *g, struct csv *c, struct buf field[2], struct err *e)
{
    if (next_row(c, field, e)) return -1;
    if (strcmp(buf_chars(&field[0]), "review") || strcmp(buf_chars(&field[1]), "sentiment"))
        return csv_error(c, 1, "the first line must be review,sentiment", e);
    while (c->at < c->end) {
        const size_t line = c->line;
        buf_clear(&field[1]);
        if (next_row(c, field, e)) return -1;
        const bool positive = !strcmp(buf_chars(&field[1]), "positive");
        if (!positive && strcmp(buf_chars(&field[1]), "negative"))
            return csv_error(c, line, "the sentiment must be positive or negative", e);
        gather_text(g, buf_chars(&field[0]), field[0].length, positive);
    }
    return 0;
}

static int gather_csv(struct gathering *g, const char *path, struct err *e)
{
    struct buf bytes = { 0 }, field[2] = { { 0 } };
    int rc;
    if (buf_read_file(&bytes, path)) {
        const char *text = buf_chars(&bytes);
        rc = gather_rows(g, &(struct csv){ path, text, text + bytes.length, 1 }, field, e);
    } else
        rc = err_set(e, ERR_SPEC, "'%s' cannot be read: %s", text_shown(path, 300), strerror(errno));
    buf_release(&bytes);
    buf_release(&field[0]);
    buf_release(&field[1]);
    return rc;
}

int gather_files(struct gathering *g, const char *path, struct err *e)
{
    struct stat at;
    if (stat(path, &at))
        return err_set(e, ERR_SPEC, "'%s' cannot be read: %s; %s", text_shown(path, 200), strerror(errno), wanted);
    if (S_ISDIR(at.st_mode) ? gather_folder(g, path, e) : gather_csv(g, path, e)) return -1;
    return g->starts.length ? 0 : err_set(e, ERR_SPEC, "'%s' holds no reviews", text_shown(path, 300));
}
