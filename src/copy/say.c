#include "copy/say.h"
#include "base/buf.h"

void copy_say(struct copy *c, enum copy_event event, const struct source *from, const char *id, const char *what)
{
    struct buf text = { 0 };
    buf_print(&text, "%s: %s%.8s%s%s", from->s->disk.path, id[0] ? "job " : "", id, id[0] ? ": " : "", what);
    c->totals->event[event]++;
    c->wish->say(c->wish->ctx, event, buf_chars(&text));
    buf_release(&text);
}
