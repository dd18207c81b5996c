#include "base/text.h"
#include "sweep/private.h"

#include <errno.h>
#include <string.h>

/* Paths start at the folder of the file that includes. */
static const char *path_beside(struct arena *a, const char *file, const char *text)
{
    const char *slash = strrchr(file, '/');
    const size_t folder = slash && text[0] != '/' ? (size_t)(slash - file) + 1 : 0, length = strlen(text);
    char *path = ARENA_SMALL(a, folder + length + 1, char);
    memcpy(path, file, folder);
    memcpy(path + folder, text, length);
    return path;
}

/* A file is read once: what it says twice would be two grids of one name. */
static bool is_new(struct loader *l, const struct node *n, const char *path, const struct file_id *id)
{
    const struct sweep *s = l->sweep;
    const struct source *have = NULL;
    for (size_t i = 0; i < s->sources && !have; i++)
        if (s->source[i]->id.device == id->device && s->source[i]->id.number == id->number) have = s->source[i];
    if (!have) return true;
    for (const struct source *f = l->source; f; f = f->by)
        if (f == have) {
            report(&l->to, n->at, path,
                   f == l->source ? "'%s' is this file itself" : "'%s' includes this file already",
                   text_shown(n->text, 80));
            return false;
        }
    report(&l->to, n->at, path, "'%s' is included already, by '%s' (line %d)", text_shown(n->text, 80),
           text_shown(have->by->is.path, 80), have->at.line);
    return false;
}

static void read_one(struct loader *l, const struct node *n, const char *path)
{
    if (n->type != NODE_SCALAR || node_is_null(n)) {
        report(&l->to, n->at, path, "must be the path of a sweep file");
        return;
    }
    const char *file = path_beside(l->arena, l->source->is.path, n->text);
    struct file_id id;
    struct err e = { 0 };
    bool plain = true;
    if (!file_identify(file, &id, &plain)) {
        report(&l->to, n->at, path, "'%s': cannot be read: %s", text_shown(n->text, 80), strerror(errno));
    } else if (!plain) {
        report(&l->to, n->at, path, "'%s' is not a regular file", text_shown(n->text, 80));
    } else if (is_new(l, n, path, &id)) {
        struct source *f = source_open(l->sweep, file, l->spent, &e);
        if (!f) {
            report(&l->to, n->at, path, "'%s': %s", text_shown(n->text, 80), e.text);
            return;
        }
        f->by = l->source;
        f->at = n->at;
        f->path = path;
        source_read(l->sweep, f, l->spent, &l->to);
    }
}

void includes_read(struct loader *l, const struct node *list)
{
    if (list->type != NODE_LIST || list->count == 0) {
        report(&l->to, list->at, "include", "must be a list of sweep files");
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct node *n = list->entry[i].value;
        const char *path = path_index(l->arena, "include", i);
        if (l->sweep->sources == FILES_LIMIT) {
            report(&l->to, n->at, path, "more than %d files; at most so many make a sweep", FILES_LIMIT);
            return;
        }
        read_one(l, n, path);
    }
}
