#include "copy/copy.h"
#include "base/file.h"
#include "copy/plan.h"
#include "copy/records.h"
#include "copy/rows.h"
#include "store/family.h"
#include "store/fresh.h"
#include "store/open.h"
#include "store/structure.h"

static int open_sources(struct copy *c, struct err *e)
{
    c->source = ARENA_NEW(&c->arena, c->wish->stores, struct source);
    for (size_t i = 0; i < c->wish->stores; i++) {
        if (store_open_read(&c->source[i].s, c->wish->from[i], e)) return -1;
        c->sources++;
    }
    return 0;
}

static void make_room(struct copy *c)
{
    size_t most = 1, bytes = 1;
    for (size_t i = 0; i < c->to->families; i++)
        if (c->to->family[i].parts > most) most = c->to->family[i].parts;
    for (size_t k = 0; k < c->sources; k++)
        for (size_t i = 0; i < c->source[k].s->families; i++) {
            const struct family *f = &c->source[k].s->family[i];
            if (f->parts > most) most = f->parts;
            for (size_t j = 0; j < f->is.arrays; j++)
                if (f->array[j].bytes > bytes) bytes = f->array[j].bytes;
        }
    c->sums = ARENA_NEW(&c->arena, most, uint64_t);
    c->none = ARENA_NEW(&c->arena, most, uint64_t);
    c->part = arena_alloc(&c->arena, bytes);
    c->image = arena_alloc(&c->arena, c->to->form.bytes);
    for (size_t k = 0; k < c->sources; k++) {
        struct source *from = &c->source[k];
        convert_init(&from->columns, from->s->form.column, c->to->form.column, &c->arena);
        later_open(&from->later, &c->wish->specs, from->s->form.column, c->to->form.column, &c->arena);
    }
}

/* Nothing counts before the control word. */
static int fill(struct copy *c, const char *path, struct err *e)
{
    if (copy_create(c, path, e) || store_open_serial(&c->to, path, c->wish->archive ? PACKING : WRITING, e))
        return -1;
    make_room(c);
    int rc = copy_longs(c, e) || copy_rows(c, e) || copy_records(c, e) || control_write(c->to, e) ? -1 : 0;
    if (!rc)
        rc = structure_close(c->to, e) || file_sync(path, e) ? -1 : 0;
    else
        store_close(c->to);
    return rc;
}

/* What could not be read is no damage: another try may find it whole. */
static int check_sources(const struct copy *c, struct err *e)
{
    for (size_t i = 0; i < c->sources; i++)
        if (c->source[i].s->disk.failed)
            return err_at(e, ERR_DISK, c->source[i].s->disk.path, NOWHERE, NULL,
                          "could not be read everywhere: nothing was made of it");
    return 0;
}

int copy_store(const char *to, const struct copy_wish *wish, struct copy_totals *out, struct err *e)
{
    struct copy c = { .wish = wish, .totals = out };
    struct fresh made;
    *out = (struct copy_totals){ 0 };
    h5_start();
    int rc = open_sources(&c, e) || copy_plan(&c, e) ? -1 : 0;
    if (!rc) {
        rc = fresh_begin(&made, to, e) || fill(&c, buf_chars(&made.name), e) || check_sources(&c, e) ||
                     fresh_publish(&made, to, wish->replace, e)
                 ? -1
                 : 0;
        fresh_end(&made);
    }
    for (size_t i = 0; i < c.sources; i++) store_close(c.source[i].s);
    map_release(&c.index);
    map_release(&c.grid_place);
    map_release(&c.sweep_seen);
    map_release(&c.sweep_left);
    arena_release(&c.arena);
    return rc;
}
