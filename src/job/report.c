#include "base/text.h"
#include "job/planner.h"

#include <string.h>

/* Errors: each place and text once. */

/* A place in the sweep is none in a file that the sweep names. */
static void name_data_file(const struct planner *p, struct err *e)
{
    struct buf text = { 0 };
    if (!e->file[0] || !strcmp(e->file, p->file)) return;
    buf_print(&text, "'%s' %s", e->file, e->text);
    text_brief(e->text, sizeof e->text, "%s", buf_chars(&text));
    buf_release(&text);
}

int planner_report(struct planner *p, struct mark at, const char *path, struct err *e)
{
    name_data_file(p, e);
    text_brief_path(e->file, sizeof e->file, p->file);
    if (!e->at.line) e->at = at;
    if (!e->path[0] && path) text_brief(e->path, sizeof e->path, "%s", path);
    p->grid_errors++;
    for (size_t i = 0; i < p->errors->count; i++) {
        const struct err *seen = &p->errors->item[i];
        if (seen->at.line == e->at.line && seen->at.col == e->at.col && !strcmp(seen->text, e->text) &&
            !strcmp(seen->file, e->file)) {
            memset(e, 0, sizeof *e);
            return -1;
        }
    }
    err_list_add(p->errors, e);
    return -1;
}
