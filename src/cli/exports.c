#include "cli/exports.h"
#include "base/order.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct store_family *family_of(const struct store *s, const struct store_row *r)
{
    return store_family(s, (size_t)r->family);
}

size_t exports_slots(const struct store *s, const struct store_row *r)
{
    const size_t array = store_array_find(s, (size_t)r->family, "checkpoint_epoch");
    return array == SIZE_MAX ? 0 : family_of(s, r)->array[array].parts;
}

int64_t exports_epoch(struct store *s, const struct store_row *r, size_t slot)
{
    const size_t array = store_array_find(s, (size_t)r->family, "checkpoint_epoch");
    int64_t epoch = -1;
    struct err e = { 0 };
    if (array == SIZE_MAX || !store_has(s, r, array, slot) || store_get(s, r, array, slot, &epoch, sizeof epoch, &e))
        return -1;
    return epoch;
}

/* ---- epochs, or steps: what the job counts ---- */

/* Of an array with a slot a checkpoint: each epoch once, ascending. */
static size_t list_epochs(struct store *s, const struct store_row *r, size_t array, int64_t *epoch)
{
    size_t count = 0;
    for (size_t slot = 0; slot < exports_slots(s, r); slot++) {
        const int64_t t = exports_epoch(s, r, slot);
        if (t >= 0 && store_has(s, r, array, slot)) epoch[count++] = t;
    }
    return order_unique(epoch, count);
}

int64_t exports_final(const struct store_row *r)
{
    return r->state == JOB_DONE && r->end >= 0 ? r->end : r->epochs;
}

static struct milestone {
    const char *name;
    int64_t epoch;
} milestone_of(const struct store_row *r, size_t i)
{
    const struct milestone known[] = { { "mem", r->t_mem }, { "gen", r->t_gen }, { "final", exports_final(r) } };
    return i < ARRAY_LEN(known) ? known[i] : (struct milestone){ NULL, -1 };
}

static int64_t *room_for_epochs(const struct store *s, const struct store_row *r)
{
    int64_t *epoch = calloc(exports_slots(s, r) + 1, sizeof *epoch);
    if (!epoch) die("out of memory for %zu epochs", exports_slots(s, r));
    return epoch;
}

void exports_epochs(struct store *s, const struct store_row *r, struct buf *out)
{
    const size_t array = store_array_find(s, (size_t)r->family, "checkpoints");
    int64_t *epoch = room_for_epochs(s, r);
    const size_t count = array == SIZE_MAX ? 0 : list_epochs(s, r, array, epoch);
    for (size_t i = 0; i < count; i++) {
        const char *open = " (";
        buf_print(out, "%s%" PRId64, i ? ", " : "", epoch[i]);
        for (size_t m = 0; milestone_of(r, m).name; m++) {
            if (milestone_of(r, m).epoch != epoch[i]) continue;
            buf_print(out, "%s%s", open, milestone_of(r, m).name);
            open = ", ";
        }
        if (open[0] == ',') buf_text(out, ")");
    }
    free(epoch);
}

/* ---- the list ---- */

static void put_line(struct buf *out, const char *what, const char *is)
{
    buf_print(out, "%-34s  %s\n", what, is);
}

/* "weights@0", ..., "weights@gen" of an array with a slot a checkpoint. */
static void list_slots(struct store *s, const struct store_row *r, size_t array, const char *name, bool each,
                       struct buf *out)
{
    char what[48], is[96];
    int64_t *epoch = room_for_epochs(s, r);
    const size_t count = list_epochs(s, r, array, epoch);
    MUST(text_print(what, sizeof what, "%s@EPOCH", name));
    MUST(text_print(is, sizeof is, "at each of %zu %ss; also @mem, @gen, @final where these are stored", count,
                    store_unit(r->length_unit)));
    if (!each && count) put_line(out, what, is);
    for (size_t i = 0; each && i < count; i++) {
        MUST(text_print(what, sizeof what, "%s@%" PRId64, name, epoch[i]));
        put_line(out, what, store_in_steps(r->length_unit) ? "after so many steps" : "after so many epochs");
    }
    for (size_t m = 0; each && milestone_of(r, m).name; m++) {
        const struct milestone mark = milestone_of(r, m);
        if (!bsearch(&mark.epoch, epoch, count, sizeof *epoch, order_int64)) continue;
        MUST(text_print(what, sizeof what, "%s@%s", name, mark.name));
        MUST(text_print(is, sizeof is, "after %" PRId64 " %ss", mark.epoch, store_unit(r->length_unit)));
        put_line(out, what, is);
    }
    free(epoch);
}

static bool has_any(struct store *s, const struct store_row *r, size_t array, const struct store_array *a)
{
    for (size_t part = 0; part < (a->parts ? a->parts : 1); part++)
        if (store_has(s, r, array, part)) return true;
    return false;
}

static void list_mask(struct store *s, const struct store_row *r, bool each, struct buf *out)
{
    const size_t array = store_array_find(s, (size_t)r->family, "masks");
    if (array == SIZE_MAX) return;
    const struct store_array *a = &family_of(s, r)->array[array];
    if (a->parts)
        list_slots(s, r, array, "mask", each, out);
    else if (store_has(s, r, array, 0))
        put_line(out, "mask", "1 = kept");
}

static void list_array(const struct store_array *a, struct buf *out)
{
    struct buf is = { 0 };
    buf_text(&is, "[");
    if (a->parts) buf_print(&is, "%zu slots", a->parts);
    for (size_t d = 0; d < a->rank; d++) buf_print(&is, "%s%zu", d || a->parts ? ", " : "", a->dim[d]);
    buf_print(&is, "]%s%s", a->help && a->help[0] ? " " : "", a->help ? a->help : "");
    put_line(out, a->path, buf_chars(&is));
    buf_release(&is);
}

/* Arrays in groups: the group's name stands for all of them. */
static void list_arrays(struct store *s, const struct store_row *r, struct buf *out)
{
    const struct store_family *f = family_of(s, r);
    const char *group = "";
    size_t length = 0;
    for (size_t i = 0; i < f->arrays; i++) {
        const struct store_array *a = &f->array[i];
        const char *slash = strrchr(a->path, '/');
        if (!slash || a->scratch || !has_any(s, r, i, a)) continue;
        if ((size_t)(slash - a->path) != length || strncmp(group, a->path, length) != 0) {
            group = a->path;
            length = (size_t)(slash - a->path);
            buf_print(out, "%-34.*s  all of the following, with their epochs\n", (int)length, group);
        }
        list_array(a, out);
    }
}

void exports_list(struct store *s, const struct store_row *r, bool each_epoch, struct buf *out)
{
    const size_t weights = store_array_find(s, (size_t)r->family, "checkpoints");
    if (weights != SIZE_MAX) {
        list_slots(s, r, weights, "weights", each_epoch, out);
        if (has_any(s, r, weights, &family_of(s, r)->array[weights])) {
            list_slots(s, r, weights, "logits", each_epoch, out);
            list_slots(s, r, weights, "gradients", each_epoch, out);
        }
    }
    list_mask(s, r, each_epoch, out);
    list_arrays(s, r, out);
}
