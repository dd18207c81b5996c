/* The two layouts of a corpus on disk. */
#include "base/regular.h"
#include "base/text.h"
#include "task/corpus_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char wanted[] = "wanted: a folder with train/pos, train/neg, test/pos and test/neg (aclImdb), or a CSV "
                             "file with the columns review,sentiment";

/* NULL, or what the corpus has too much of now. */
static const char *gather_checked(struct gathering *g, const struct buf *text, int32_t label)
{
    const size_t mark = text_byte_order_mark(buf_chars(text), text->length);
    corpus_gather_text(g, buf_chars(text) + mark, text->length - mark, label);
    if (g->texts > CORPUS_TEXTS) return "more than 1048576 reviews; at most so many are read";
    if (g->all > CORPUS_WORDS) return "the reviews have more than 67108864 words together; at most so many are read";
    return g->letters.length > CORPUS_LETTERS ? "the different words of the reviews have more than 64 MiB of letters"
                                              : NULL;
}

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
    const char *too_much = NULL;
    buf_print(&path, "%s/%s", folder, name);
    buf_clear(text);
    int rc = buf_read_given(text, buf_chars(&path), CORPUS_TEXT, ERR_SPEC, e);
    if (!rc) too_much = gather_checked(g, text, label);
    if (too_much) rc = err_at(e, ERR_SPEC, buf_chars(&path), NOWHERE, NULL, "%s", too_much);
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
    const char *path;
    FILE *file;
    uint64_t left; /* bytes that it had when it was opened and that have not been read */
    size_t line;   /* that the next byte is in, from 1                                 */
    int next;      /* that byte, EOF behind the last                                   */
};

static void move(struct csv *c)
{
    c->line += c->next == '\n';
    c->next = c->left ? getc_unlocked(c->file) : EOF;
    c->left -= c->left && c->next != EOF;
}

static int csv_error(const struct csv *c, size_t line, const char *what, struct err *e)
{
    return err_set(e, ERR_SPEC, "'%s', line %zu: %s", text_shown(c->path, 200), line, what);
}

static int add(struct csv *c, struct buf *out, size_t line, struct err *e)
{
    const char byte = (char)c->next;
    if (!byte) return csv_error(c, c->line, "a NUL byte, which no text has", e);
    if (out->length == CORPUS_TEXT)
        return csv_error(c, line, "a field of more than 1048576 bytes begins here; at most so many are read", e);
    buf_add(out, &byte, 1);
    move(c);
    return 0;
}

/* What stands between quotes, with "" for a quote. */
static int quoted(struct csv *c, struct buf *out, struct err *e)
{
    const size_t line = c->line;
    for (move(c); c->next != EOF;) {
        if (c->next == '"') {
            move(c);
            if (c->next != '"') return 0;
        }
        if (add(c, out, line, e)) return -1;
    }
    return csv_error(c, line, "the quote that begins here is never closed", e);
}

static int plain(struct csv *c, struct buf *out, struct err *e)
{
    while (c->next != EOF && c->next != ',' && c->next != '\r' && c->next != '\n')
        if (add(c, out, c->line, e)) return -1;
    return 0;
}

/* The next field; *last: it ends its row.  Moves on behind it. */
static int next_field(struct csv *c, struct buf *out, bool *last, struct err *e)
{
    buf_clear(out);
    if (c->next == '"' ? quoted(c, out, e) : plain(c, out, e)) return -1;
    *last = c->next != ',';
    if (*last && c->next == '\r') move(c);
    if (*last && c->next != EOF && c->next != '\n') return csv_error(c, c->line, "text behind a closing quote", e);
    if (c->next != EOF) move(c);
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
    const size_t mark = text_byte_order_mark(buf_chars(&field[0]), field[0].length);
    if (strcmp(buf_chars(&field[0]) + mark, "review") || strcmp(buf_chars(&field[1]), "sentiment"))
        return csv_error(c, 1, "the first line must be review,sentiment", e);
    while (c->next != EOF) {
        const size_t line = c->line;
        buf_clear(&field[1]);
        if (next_row(c, field, e)) return -1;
        const bool positive = !strcmp(buf_chars(&field[1]), "positive");
        if (!positive && strcmp(buf_chars(&field[1]), "negative"))
            return csv_error(c, line, "the sentiment must be positive or negative", e);
        const char *too_much = gather_checked(g, &field[0], positive);
        if (too_much) return csv_error(c, line, too_much, e);
    }
    return 0;
}

/* No row may seem to be the last, or the last to be whole, that is not. */
static int check_whole(struct csv *c, struct err *e)
{
    if (ferror(c->file)) return csv_error(c, c->line, "cannot be read", e);
    return c->left || getc(c->file) != EOF ? csv_error(c, c->line, "the file changed while it was read", e) : 0;
}

static int gather_csv(struct gathering *g, const char *path, struct err *e)
{
    struct buf field[2] = { { 0 } };
    struct stat st = { .st_size = 0 };
    const int fd = regular_open(path, O_RDONLY, ERR_SPEC, e);
    if (fd < 0) return -1;
    struct csv c = { .path = path, .file = fdopen(fd, "rb"), .line = 1 };
    if (!c.file) die("out of memory for '%s'", path);
    int rc = fstat(fd, &st) ? err_set(e, err_kind_or(errno, ERR_SPEC), "'%s' cannot be read: %s",
                                      text_shown(path, 300), strerror(errno))
                            : 0;
    c.left = (uint64_t)st.st_size;
    if (!rc && c.left > CORPUS_FILE)
        rc = err_set(e, ERR_SPEC, "'%s' is %llu bytes long; at most %d are read", text_shown(path, 300),
                     (unsigned long long)c.left, CORPUS_FILE);
    if (!rc) {
        struct err said = { 0 };
        move(&c);
        rc = gather_rows(g, &c, field, &said);
        if (c.next == EOF && check_whole(&c, e))
            rc = -1;
        else if (rc)
            *e = said;
    }
    fclose(c.file);
    buf_release(&field[0]);
    buf_release(&field[1]);
    return rc;
}

int corpus_gather_files(struct gathering *g, const char *path, struct err *e)
{
    struct stat at;
    if (stat(path, &at))
        return err_set(e, ERR_SPEC, "'%s' cannot be read: %s; %s", text_shown(path, 200), strerror(errno), wanted);
    if (S_ISDIR(at.st_mode) ? gather_folder(g, path, e) : gather_csv(g, path, e)) return -1;
    return g->texts ? 0 : err_set(e, ERR_SPEC, "'%s' holds no reviews", text_shown(path, 300));
}
