#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_ROW(constant, code, name, means) { code, name, means },
const struct exit_row exit_table[] = { EXIT_CODES(EXIT_ROW){ 0 } };

static const enum exit_code exit_of[] = {
    [ERR_NONE] = EXIT_DONE,       [ERR_SPEC] = EXIT_USAGE,        [ERR_IO] = EXIT_USAGE,
    [ERR_LOCKED] = EXIT_LOCKED,   [ERR_STORE] = EXIT_DAMAGE,      [ERR_FULL] = EXIT_DAMAGE,
    [ERR_DISK] = EXIT_DAMAGE,     [ERR_JOB] = EXIT_LACKING,       [ERR_DIVERGED] = EXIT_LACKING,
    [ERR_STOPPED] = EXIT_STOPPED, [ERR_INTERNAL] = EXIT_INTERNAL,
};
_Static_assert(ARRAY_LEN(exit_of) == ERR_KINDS, "give the new error kind an exit code");

static void fill(struct err *e, enum err_kind kind, const char *file, struct mark at, const char *path,
                 const char *format, va_list args)
{
    if (!e || e->kind != ERR_NONE) return;
    e->kind = kind;
    e->at = at;
    text_brief_path(e->file, sizeof e->file, file ? file : "");
    text_brief(e->path, sizeof e->path, "%s", path ? path : "");
    text_brief_args(e->text, sizeof e->text, format, args);
}

int err_set(struct err *e, enum err_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(e, kind, NULL, NOWHERE, NULL, format, args);
    va_end(args);
    return -1;
}

int err_at(struct err *e, enum err_kind kind, const char *file, struct mark at, const char *path, const char *format,
           ...)
{
    va_list args;
    va_start(args, format);
    fill(e, kind, file, at, path, format, args);
    va_end(args);
    return -1;
}

char *err_text(const struct err *e, char *out, size_t size)
{
    char place[48] = "";
    if (e->at.line > 0) text_brief(place, sizeof place, "%s%d:%d", e->file[0] ? ":" : "", e->at.line, e->at.col);
    bool placed = e->file[0] || place[0];
    text_brief(out, size, "%s%s%s%s%s%s", e->file, place, placed ? ": " : "", e->path, e->path[0] ? ": " : "",
               e->text);
    return out;
}

enum err_kind err_kind_of(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ERR_FULL;
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case EPERM:
    case EROFS:
    case EEXIST:
    case ELOOP:
    case EINVAL: /* no plain file */
    case ENXIO:
    case ENAMETOOLONG: return ERR_IO;
    default: return ERR_DISK;
    }
}

enum err_kind err_kind_or(int number, enum err_kind usual)
{
    const enum err_kind kind = err_kind_of(number);
    return kind == ERR_IO ? usual : kind;
}

int err_exit_code(const struct err *e)
{
    return (int)exit_of[e->kind];
}

void err_list_add(struct err_list *list, struct err *e)
{
    list->seen++;
    if (list->count < ERR_LIST_LIMIT) *VEC_MORE(list->item, list->count) = *e;
    memset(e, 0, sizeof *e);
}

void err_list_release(struct err_list *list)
{
    free(list->item);
    memset(list, 0, sizeof *list);
}
