#include "store/open.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/regular.h"
#include "base/text.h"
#include "disk/links.h"
#include "disk/types.h"
#include "par/par.h"
#include "store/family.h"
#include "store/holder.h"
#include "store/journal.h"
#include "store/longs.h"
#include "store/row.h"
#include "store/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE = 2 }; /* seconds, for all that is damaged together */

static herr_t read_attribute(hid_t root, const char *name, const H5A_info_t *info, void *ctx)
{
    (void)info;
    struct store *s = ctx;
    struct attribute *a = ARENA_NEW(&s->arena, 1, struct attribute);
    *a = (struct attribute){ arena_text(&s->arena, name, strlen(name)), h5_get_text(root, name, &s->arena),
                             s->attribute };
    s->attribute = a;
    return 0;
}

/* family_open_all looks into /families. */
static int look_at_root(void *ctx, const struct link_object *at, struct err *e)
{
    (void)ctx, (void)e;
    return at->depth == 0 && !strcmp(at->path, "families") ? LINK_PAST : LINK_INTO;
}

static int read_root(struct store *s, struct err *e)
{
    hid_t root = disk_keep(&s->disk, H5Gopen2(s->disk.file, "/", H5P_DEFAULT));
    uint64_t format;
    if (root < 0) return h5_error(e, ERR_STORE, s->disk.path, "has no readable root");
    const htri_t control = H5Lexists(root, "control", H5P_DEFAULT);
    const bool formatted = h5_get_number(root, "format", &format);
    if (control == 0 && !formatted)
        return err_at(e, ERR_IO, s->disk.path, NOWHERE, NULL, "is not a Tombola store: it is some other HDF5 file");
    if (control <= 0 || !formatted) return h5_error(e, ERR_STORE, s->disk.path, "is damaged: its root is not whole");
    if (format > STORE_FORMAT)
        return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL,
                      "is a store of format %llu, but this program knows formats up to %d: use a newer tombola",
                      (unsigned long long)format, STORE_FORMAT);
    s->format = format;
    hsize_t at = 0;
    H5Aiterate2(root, H5_INDEX_NAME, H5_ITER_INC, &at, read_attribute, s);
    s->disk.archive = store_attribute(s, ARCHIVE)[0] != '\0';
    return links_walk(&s->disk, root, "/", look_at_root, NULL, e);
}

/* One write must be all of a record, whenever the process is killed.  Their sizes divide a page. */
static bool can_be_torn(const struct store *s, enum table_id which)
{
    const struct table *t = &s->table[which];
    if (which != TABLE_OWNER && which != TABLE_CONTROL && which != TABLE_JOBS && which != TABLE_GRIDS) return false;
    return s->format >= 2 && !t->raw.packed && t->raw.at % t->size != 0;
}

/* It is found without the library, too, and there is no other.  Where it has lost its magic, its place alone counts.
 */
static int check_owner(const struct store *s, struct err *e)
{
    const uint64_t at = s->table[TABLE_OWNER].raw.at;
    off_t found;
    if (s->disk.archive || !s->table[TABLE_OWNER].capacity) return 0;
    if (s->table[TABLE_OWNER].capacity == 1 && at > 0 && at % PAGE == 0 && at <= HOLDER_WITHIN - PAGE &&
        (!holder_find(s->disk.fd, &found) || (uint64_t)found == at))
        return 0;
    return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "its /owner is not where every store has it");
}

static int open_tables(struct store *s, struct err *e)
{
    for (enum table_id i = 0; i < TABLES; i++) {
        s->table[i].path = table_kinds[i].path;
        const struct table_kind *kind = &table_kinds[i];
        if (table_absent(s, i)) continue;
        if (table_open(s, &s->table[i], kind->path, e)) return -1;
        if (!table_known(&s->table[i], kind, &s->arena))
            return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "/%s has other columns than this program knows",
                          kind->path);
        if (can_be_torn(s, i))
            return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "the records of /%s cross pages, as in no store",
                          kind->path);
    }
    return check_owner(s, e);
}

static int read_control(struct store *s, struct err *e)
{
    struct control *c = &s->control;
    bool sound = s->table[TABLE_CONTROL].capacity > 0;
    if (sound && table_read(s, TABLE_CONTROL, 0, 1, c, e)) return -1;
    sound = sound && c->magic == CONTROL_MAGIC && c->sum == table_record_sum(c, sizeof *c) && c->rows < UINT32_MAX;
    for (enum table_id i = 0; i < TABLES && sound; i++) sound = table_used(s, i) <= s->table[i].capacity;
    return sound ? 0 : err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "/control is damaged");
}

/* Columns that the store itself does not know are the caller's. */
static void split_columns(struct row_form *f, struct arena *a)
{
    size_t end = 0, spec = 0;
    f->spec = ARENA_NEW(a, columns_count(f->column) + 1, struct column);
    f->spec_from = f->bytes;
    for (const struct column *c = f->column; c->name; c++) {
        if (columns_find(store_columns, c->name)) continue;
        size_t after = c->offset + column_size(c->type, c->size);
        if (c->offset < f->spec_from) f->spec_from = c->offset;
        if (after > end) end = after;
        f->spec[spec++] = *c;
    }
    if (end > f->spec_from) f->spec_size = (end - f->spec_from + 7) / 8 * 8;
    if (f->spec_from + f->spec_size > f->bytes) f->spec_size = f->bytes - f->spec_from;
    for (size_t i = 0; i < spec; i++) f->spec[i].offset -= f->spec_from;
}

bool store_form(struct store *s)
{
    struct row_form *f = &s->form;
    if (!f->column || !row_find_places(f, &s->arena)) return false;
    split_columns(f, &s->arena);
    columns_blank(store_columns, &f->blank);
    convert_init(&f->in, f->column, store_columns, &s->arena);
    convert_init(&f->out, store_columns, f->column, &s->arena);
    s->image = arena_alloc(&s->arena, f->bytes);
    s->own_image = arena_alloc(&s->arena, f->bytes);
    s->image_row = s->own_row = s->own_image_row = NO_ROW;
    return true;
}

static int read_form(struct store *s, struct err *e)
{
    const struct table *t = &s->table[TABLE_JOBS];
    s->form.bytes = t->size;
    s->form.column = type_columns(t->type, h5_get_text(t->raw.set, "columns", &s->arena), &s->arena);
    if (store_form(s)) return 0;
    return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "/jobs lacks columns that every store has");
}

static int attach(struct store *s, struct err *e)
{
    return read_root(s, e) || open_tables(s, e) || read_control(s, e) || read_form(s, e) || family_open_all(s, e) ? -1
                                                                                                                  : 0;
}

struct store *store_new(const char *path)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s) die("out of memory for a store");
    s->disk.path = arena_text(&s->arena, path, strlen(path));
    s->disk.file = H5I_INVALID_HID;
    s->disk.fd = -1;
    s->patience = PATIENCE;
    return s;
}

static void release(struct store *s)
{
    free(s->disk.id);
    free(s->waiting);
    longs_forget(s);
    arena_release(&s->arena);
    free(s);
}

int store_close_written(struct store *s, struct err *e)
{
    while (s->disk.ids) H5Idec_ref(s->disk.id[--s->disk.ids]);
    if (H5Fclose(s->disk.file) < 0) return h5_error(e, ERR_FULL, s->disk.path, "cannot be written");
    const int rc = close(s->disk.fd);
    if (rc) err_at(e, err_kind_of(errno), s->disk.path, NOWHERE, NULL, "cannot be written: %s", strerror(errno));
    release(s);
    return rc;
}

bool store_left_open(void)
{
    return H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_FILE) > 0;
}

void store_close(struct store *s)
{
    if (!s) return;
    while (s->disk.ids) H5Idec_ref(s->disk.id[--s->disk.ids]);
    if (s->disk.file >= 0) H5Fclose(s->disk.file);
    if (s->disk.fd >= 0) close(s->disk.fd);
    release(s);
}

static int open_with(struct store **out, const char *path, enum use use, int flags, struct err *e)
{
    h5_start();
    *out = NULL;
    struct store *s = store_new(path);
    s->disk.file = h5_open(path, use, e);
    if (s->disk.file >= 0) s->disk.fd = regular_open(path, flags, ERR_IO, e);
    if (s->disk.fd >= 0 && !attach(s, e)) {
        *out = s;
        return 0;
    }
    store_close(s);
    return -1;
}

int store_open_serial(struct store **out, const char *path, enum use use, struct err *e)
{
    return open_with(out, path, use, use == READING ? O_RDONLY : O_RDWR, e);
}

int store_open_rows(struct store **out, const char *path, struct err *e)
{
    return open_with(out, path, READING, O_RDWR, e);
}

const char *store_read_only(const struct store *s)
{
    return s->disk.archive ? "an archive" : s->format < 2 ? "a store of format 1" : NULL;
}

int store_can_run(const struct store *s, struct err *e)
{
    const char *kind = store_read_only(s);
    if (!kind) return 0;
    return err_at(e, ERR_IO, s->disk.path, NOWHERE, NULL,
                  "is %s, which is only read: `tombola merge %s -o NEW.h5` makes one of it that can be run", kind,
                  text_shell(s->disk.path));
}

int store_owner_place(const char *path, uint64_t *at, struct err *e)
{
    struct store *s;
    if (store_open_serial(&s, path, READING, e)) return -1;
    const int rc = store_can_run(s, e);
    *at = s->table[TABLE_OWNER].raw.at;
    store_close(s);
    return rc;
}

int store_inspect(const char *path, struct err *e)
{
    struct store *s;
    if (journal_replay(path, e) || store_open_serial(&s, path, READING, e)) return -1;
    const int rc = store_can_run(s, e);
    store_close(s);
    return rc;
}

int store_exists(const char *path, bool *exists, struct err *e)
{
    struct stat st;
    *exists = !stat(path, &st);
    if (*exists || errno == ENOENT) return 0;
    return err_at(e, err_kind_of(errno), path, NOWHERE, NULL, "cannot be looked at: %s", strerror(errno));
}
