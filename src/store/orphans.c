#include "store/orphans.h"
#include "store/row.h"
#include "store/slots.h"

/* A run that ends between the commit of a job's next training and the release of the arrays that it had before leaves
 * these to nobody.  So does a row of /jobs that is written anew. */

struct owners {
    struct store *s;
    struct slots slots;
    bool damaged; /* what a row that cannot be read had is not known */
};

static void note_owned(void *ctx, uint32_t row, void *image, bool intact)
{
    struct owners *o = ctx;
    struct store_row r;
    (void)row;
    row_unpack(&o->s->form, image, &r);
    slots_take(&o->slots, r.family, r.family_row);
    slots_take(&o->slots, r.next_family, r.next_row);
    o->damaged = o->damaged || !intact;
}

int orphans_release(struct store *s, struct err *e)
{
    struct arena a = { 0 };
    struct owners o = { .s = s };
    slots_open(&o.slots, s, &a);
    const int rc = rows_each(s, note_owned, &o, e);
    for (size_t i = 0; i < s->families && !rc && !o.damaged; i++)
        while (slots_free(&o.slots, i)) {
            const struct store_row nobody = { .family = (int64_t)i, .family_row = (int64_t)slots_next(&o.slots, i) };
            orphans_release_row(s, &nobody);
        }
    arena_release(&a);
    return rc;
}
