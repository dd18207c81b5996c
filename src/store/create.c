#include "store/create.h"
#include "base/clock.h"
#include "base/regular.h"
#include "disk/types.h"
#include "store/holder.h"
#include "store/intake.h"
#include "store/row.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char readme[] =
    "A Tombola store: one row of /jobs a job (its columns are explained by the attribute `columns`; enum members "
    "carry names). Only the first control.rows rows are in use. Curves, checkpoints and masks of a job are in the "
    "group of /families whose attribute `index` is jobs.family, in row jobs.family_row of each dataset; a part "
    "counts as written if its checksum (XXH3-64) in `sums` is not 0. A job that is trained again writes to another "
    "row, and its row of /jobs points there once that is done: read that row again after the data. /grids tells "
    "which rows each grid of each "
    "sweep uses, /sweeps and /sweep_text keep the sweep files, /texts/canonical the description whose hash is the "
    "job's id. Open it read-only, at any time: import h5py, pandas; f = h5py.File('x.h5', 'r'); n = "
    "f['control']['rows'][0]; pandas.DataFrame(f['jobs'][:n]). Never open it for writing while a run is going on.";

static const char *const *merge_names(const char *const *old, const char *const *now, struct arena *a)
{
    size_t count = 0, more = 0;
    while (old[count]) count++;
    while (now[more]) more++;
    const char **names = ARENA_NEW(a, count + more + 1, const char *);
    memcpy(names, old, count * sizeof *names);
    for (size_t i = 0; now[i]; i++) {
        size_t j = 0;
        while (j < count && strcmp(names[j], now[i]) != 0) j++;
        if (j == count) names[count++] = now[i];
    }
    return names;
}

/* What is wide enough for both. */
static struct column merge(const struct column *old, const struct column *now, struct arena *a)
{
    struct column c = *now;
    if (!old || old->type != now->type) return c;
    if (old->size > c.size) c.size = old->size;
    if (c.type == COLUMN_ENUM) c.names = merge_names(old->names, now->names, a);
    return c;
}

static void append(struct column *columns, size_t *count, size_t *at, struct column c)
{
    c.offset = *at;
    columns[(*count)++] = c;
    *at += (column_size(c.type, c.size) + 7) / 8 * 8;
}

/* An enum of one byte cannot tell them apart. */
static bool has_many_names(const struct column *c)
{
    size_t names = 0;
    while (c->names[names]) names++;
    return names > 256;
}

struct column *create_columns(const struct column *spec, const struct column *old, size_t *bytes, struct arena *a)
{
    size_t fixed = columns_count(store_columns), count = fixed, at = FIXED;
    struct column *columns = ARENA_NEW(a, fixed + columns_count(spec) + columns_count(old) + 1, struct column);
    memcpy(columns, store_columns, fixed * sizeof *columns);
    for (const struct column *c = spec; c && c->name; c++) {
        if (columns_find(store_columns, c->name)) BUG("the store has a column '%s' of its own", c->name);
        append(columns, &count, &at, merge(columns_find(old, c->name), c, a));
    }
    for (const struct column *c = old; c && c->name; c++)
        if (!columns_find(columns, c->name)) append(columns, &count, &at, *c);
    *bytes = SIZE_MAX;
    for (const struct column *c = columns; c->name; c++)
        if (c->type == COLUMN_ENUM && has_many_names(c)) return NULL;
    *bytes = ROW_MIN;
    while (*bytes < at) *bytes *= 2;
    return *bytes <= PAGE ? columns : NULL;
}

static bool stamp(hid_t file, const struct blank *b)
{
    char now[32];
    bool ok = h5_set_number(file, "format", STORE_FORMAT) && h5_set_text(file, "readme", readme);
    for (size_t i = 0; b->provenance && b->provenance[i] && ok; i += 2)
        ok = h5_set_text(file, b->provenance[i], b->provenance[i + 1]);
    if (ok && H5Aexists(file, "created") <= 0) ok = h5_set_text(file, "created", clock_iso(clock_unix(), now));
    return ok && h5_seal_attributes(file);
}

static size_t at_least(size_t low, size_t value)
{
    return value > low ? value : low;
}

static bool create_tables(hid_t file, const struct blank *b)
{
    for (enum table_id i = 0; i < TABLES; i++) {
        bool own = i == TABLE_JOBS;
        if (table_create(file, table_kinds[i].path, i, own ? b->columns : NULL, own ? b->bytes : table_kinds[i].size,
                         b->capacity[i]))
            return false;
    }
    return true;
}

static bool write_first(hid_t file, enum table_id which, const void *record)
{
    hid_t set = H5Dopen2(file, table_kinds[which].path, H5P_DEFAULT);
    if (set < 0) return false;
    hid_t type = H5Dget_type(set);
    bool ok = H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, record) >= 0;
    H5Tclose(type);
    H5Dclose(set);
    return ok;
}

static bool write_heads(hid_t file)
{
    struct control c[CONTROLS] = { { .magic = CONTROL_MAGIC, .sequence = hash_draw() } };
    struct holder nobody;
    c->sum = table_record_sum(c, sizeof *c);
    holder_blank(&nobody);
    return write_first(file, TABLE_CONTROL, c) && write_first(file, TABLE_OWNER, &nobody);
}

static bool fill_blank(hid_t file, const struct blank *b)
{
    hid_t families = h5_group(file, "families");
    if (families < 0) return false;
    H5Gclose(families);
    return stamp(file, b) && create_tables(file, b) && write_heads(file) && H5Fflush(file, H5F_SCOPE_LOCAL) >= 0;
}

int create_blank(const char *path, const struct blank *b, struct err *e)
{
    const int fd = regular_open(path, O_WRONLY | O_CREAT | O_NOFOLLOW, ERR_IO, e);
    if (fd < 0) return -1;
    close(fd);
    hid_t access_list = h5_access(b->use);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access_list);
    H5Pclose(access_list);
    int rc = 0;
    if (file < 0 || !fill_blank(file, b)) rc = h5_error(e, ERR_FULL, path, "cannot be created");
    if (file >= 0 && H5Fclose(file) < 0 && !rc) rc = h5_error(e, ERR_FULL, path, "cannot be created");
    return rc;
}

int create_empty(const char *path, const struct store_need *need, struct err *e)
{
    struct arena a = { 0 };
    const size_t jobs = at_least(64, need->capacity > need->jobs ? need->capacity : intake_reserve(need, need->jobs));
    size_t text = 0;
    for (size_t i = 0; i < need->sweeps; i++) text += strlen(need->sweep[i].text);
    struct blank b = {
        .use = WRITING,
        .provenance = need->provenance,
        .capacity = { [TABLE_OWNER] = 1,
                      [TABLE_CONTROL] = CONTROLS,
                      [TABLE_JOBS] = jobs,
                      [TABLE_CANONICAL] = jobs,
                      [TABLE_INPUTS] = jobs,
                      [TABLE_GRIDS] = at_least(256, intake_reserve(need, need->uses)),
                      [TABLE_SWEEPS] = at_least(64, need->sweeps),
                      [TABLE_TEXT] = at_least(4 << 20, 4 * text),
                      [TABLE_LONG] = 64,
                      [TABLE_LONG_TEXT] = 1 << 16 },
    };
    b.columns = create_columns(need->specs.column, NULL, &b.bytes, &a);
    int rc = b.columns
                 ? create_blank(path, &b, e)
                 : err_set(e, ERR_SPEC, "the columns of a job take %zu bytes, and at most %d fit", b.bytes, PAGE);
    arena_release(&a);
    return rc;
}
