#include "store/holder.h"
#include "store/private.h"

#include <string.h>

#define AT(type, member)   offsetof(struct type, member)
#define SIZE(type, member) sizeof(((struct type *)0)->member)

static const struct column control_columns[] = {
    { "magic", COLUMN_U64, AT(control, magic), 0, NULL, "", "the letters TOMBOLA1" },
    { "rows", COLUMN_U64, AT(control, rows), 0, NULL, "1", "records in use of /jobs and /texts" },
    { "grids", COLUMN_U64, AT(control, grids), 0, NULL, "1", "records in use of /grids" },
    { "sweeps", COLUMN_U64, AT(control, sweeps), 0, NULL, "1", "records in use of /sweeps" },
    { "text", COLUMN_U64, AT(control, text), 0, NULL, "byte", "bytes in use of /sweep_text" },
    { "sequence", COLUMN_U64, AT(control, sequence), 0, NULL, "1", "counts the growths" },
    { "spare", COLUMN_U64, AT(control, spare), 0, NULL, "", "0" },
    { "sum", COLUMN_U64, AT(control, sum), 0, NULL, "", "checksum of the words before it" },
    COLUMN_END,
};
static const struct column owner_columns[] = {
    { "magic", COLUMN_U64, AT(holder, magic), 0, NULL, "", "the letters TMBOWNER" },
    { "run", COLUMN_U64, AT(holder, run), 0, NULL, "", "number of the run at work; 0: nobody" },
    { "host", COLUMN_TEXT, AT(holder, host), SIZE(holder, host), NULL, "", "of its rank 0" },
    { "pid", COLUMN_TEXT, AT(holder, pid), SIZE(holder, pid), NULL, "", "of its rank 0" },
    { "start", COLUMN_TEXT, AT(holder, start), SIZE(holder, start), NULL, "tick", "of that process, after boot" },
    { "boot", COLUMN_TEXT, AT(holder, boot), SIZE(holder, boot), NULL, "", "id of the host's boot" },
    { "space", COLUMN_TEXT, AT(holder, space), SIZE(holder, space), NULL, "", "namespace of the pid" },
    { "slurm", COLUMN_TEXT, AT(holder, slurm), SIZE(holder, slurm), NULL, "", "Slurm job" },
    { "restart", COLUMN_TEXT, AT(holder, restart), SIZE(holder, restart), NULL, "1", "of the Slurm job" },
    { "launch", COLUMN_TEXT, AT(holder, launch), SIZE(holder, launch), NULL, "1", "in the Slurm job" },
    { "launcher", COLUMN_TEXT, AT(holder, launcher), SIZE(holder, launcher), NULL, "", "what has started it" },
    { "since", COLUMN_TEXT, AT(holder, since), SIZE(holder, since), NULL, "UTC", "when it began" },
    { "heartbeat", COLUMN_TEXT, AT(holder, heartbeat), SIZE(holder, heartbeat), NULL, "UTC", "last sign of life" },
    { "verify", COLUMN_TEXT, AT(holder, verify), SIZE(holder, verify), NULL, "Unix s",
      "what was committed later is not verified yet; empty: all is well" },
    { "sum", COLUMN_U64, AT(holder, sum), 0, NULL, "", "checksum of the bytes before it" },
    COLUMN_END,
};
static const struct column input_columns[] = {
    { "text", COLUMN_TEXT, AT(input_record, text), STORE_INPUTS, NULL, "", "external files that the job reads" },
    { "sum", COLUMN_U64, AT(input_record, sum), 0, NULL, "", "checksum of text; 0 with an empty one" },
    COLUMN_END,
};
static const struct column grid_columns[] = {
    { "sweep", COLUMN_TEXT, AT(grid_record, sweep), 64, NULL, "", "name of the sweep" },
    { "grid", COLUMN_TEXT, AT(grid_record, grid), 64, NULL, "", "name of the grid in it" },
    { "row", COLUMN_U64, AT(grid_record, row), 0, NULL, "", "row of /jobs" },
    { "sum", COLUMN_U64, AT(grid_record, sum), 0, NULL, "", "checksum of the members before it" },
    COLUMN_END,
};
static const struct column sweep_columns[] = {
    { "name", COLUMN_TEXT, AT(sweep_record, name), 64, NULL, "", "name of the sweep" },
    { "time", COLUMN_TEXT, AT(sweep_record, time), 32, NULL, "UTC", "when it was first run" },
    { "command", COLUMN_TEXT, AT(sweep_record, command), 512, NULL, "", "with which command line" },
    { "offset", COLUMN_U64, AT(sweep_record, offset), 0, NULL, "byte", "where its YAML begins in /sweep_text" },
    { "length", COLUMN_U64, AT(sweep_record, length), 0, NULL, "byte", "of its YAML" },
    { "text_sum", COLUMN_U64, AT(sweep_record, text_sum), 0, NULL, "", "checksum of its YAML" },
    { "sum", COLUMN_U64, AT(sweep_record, sum), 0, NULL, "", "checksum of the members before it" },
    COLUMN_END,
};

const struct table_kind table_kinds[TABLES] = {
    [TABLE_OWNER] = { "owner", "the run that writes to this store", COLUMN_U8, owner_columns, sizeof(struct holder) },
    [TABLE_CONTROL] = { "control", "how many records of each table are in use", COLUMN_U8, control_columns,
                        sizeof(struct control) },
    [TABLE_JOBS] = { "jobs", "one row a job; rows from control.rows on are not in use", COLUMN_U8, NULL, 0 },
    [TABLE_CANONICAL] = { "texts/canonical", "the job's description; its XXH3-128 is the job's id", COLUMN_TEXT, NULL,
                          STORE_CANONICAL },
    [TABLE_INPUTS] = { "texts/inputs", "where the job's external files were found", COLUMN_U8, input_columns,
                       sizeof(struct input_record) },
    [TABLE_GRIDS] = { "grids", "which rows of /jobs each grid of each sweep uses", COLUMN_U8, grid_columns,
                      sizeof(struct grid_record) },
    [TABLE_SWEEPS] = { "sweeps", "the sweeps that this store has seen, oldest first", COLUMN_U8, sweep_columns,
                       sizeof(struct sweep_record) },
    [TABLE_TEXT] = { "sweep_text", "the YAML of the sweeps, verbatim", COLUMN_U8, NULL, 1 },
};

int table_create(hid_t file, const char *path, enum table_id which, const struct column *columns, size_t size,
                 size_t capacity)
{
    const struct table_kind *kind = &table_kinds[which];
    if (!columns) columns = kind->columns;
    hid_t type = columns ? type_compound(columns, size) : type_plain(kind->type, size);
    hid_t set = h5_dataset(file, path, type, 1, &(hsize_t){ capacity });
    struct buf about = { 0 };
    if (columns) columns_about(columns, &about);
    bool ok = set >= 0 && h5_set_text(set, "about", kind->about) &&
              (!columns || h5_set_text(set, "columns", buf_chars(&about)));
    buf_release(&about);
    if (set >= 0) H5Dclose(set);
    H5Tclose(type);
    return ok ? 0 : -1;
}

int table_open(struct store *s, struct table *t, const char *path, struct err *e)
{
    struct shape shape;
    t->path = path;
    if (!shape_open(s, s->file, path, 1, &shape, &t->raw))
        return h5_error(e, ERR_STORE, s->path, "has no readable /%s", path);
    t->type = keep(s, H5Dget_type(t->raw.set));
    t->size = shape.element;
    t->capacity = shape.count;
    return 0;
}

/* Records are read into the structs that the columns describe. */
static bool same_columns(const struct column *have, const struct column *want)
{
    bool same = have && columns_count(have) == columns_count(want);
    for (; same && want->name; want++) {
        const struct column *c = columns_find(have, want->name);
        same = c && c->offset == want->offset && c->type == want->type && c->size == want->size;
    }
    return same;
}

bool table_known(const struct table *t, const struct table_kind *kind, struct arena *a)
{
    enum column_type type;
    if (!kind->size) /* /jobs: no row straddles a page */
        return t->size <= PAGE && (t->size & (t->size - 1)) == 0;
    if (t->size != kind->size) return false;
    if (kind->columns) return same_columns(type_columns(t->type, "", a), kind->columns);
    return type_read(t->type, &type) && type == kind->type;
}

int table_write_to(struct store *s, const struct table *t, size_t first, size_t count, const void *records,
                   struct err *e)
{
    MUST(first <= t->capacity && count <= t->capacity - first);
    if (raw_write(s, &t->raw, first * t->size, records, count * t->size)) return 0;
    return h5_error(e, ERR_FULL, s->path, "cannot write /%s", t->path);
}

int table_read(struct store *s, enum table_id which, size_t first, size_t count, void *records, struct err *e)
{
    const struct table *t = &s->table[which];
    MUST(first <= t->capacity && count <= t->capacity - first);
    if (raw_read(s, &t->raw, first * t->size, records, count * t->size)) return 0;
    return h5_error(e, ERR_STORE, s->path, "cannot read /%s", t->path);
}

int table_write(struct store *s, enum table_id which, size_t first, size_t count, const void *records, struct err *e)
{
    return table_write_to(s, &s->table[which], first, count, records, e);
}

size_t table_used(const struct store *s, enum table_id which)
{
    const struct control *c = &s->control;
    const uint64_t used[TABLES] = {
        [TABLE_OWNER] = s->table[TABLE_OWNER].capacity > 0, /* a store of format 1 has none */
        [TABLE_CONTROL] = 1,
        [TABLE_JOBS] = c->rows,
        [TABLE_CANONICAL] = c->rows,
        [TABLE_INPUTS] = c->rows,
        [TABLE_GRIDS] = c->grids,
        [TABLE_SWEEPS] = c->sweeps,
        [TABLE_TEXT] = c->text,
    };
    return (size_t)used[which];
}

uint64_t record_sum(const void *record, size_t size)
{
    return checksum(record, size - sizeof(uint64_t));
}

int control_write(struct store *s, struct err *e)
{
    s->control.sequence++;
    s->control.sum = record_sum(&s->control, sizeof s->control);
    return table_write(s, TABLE_CONTROL, 0, 1, &s->control, e);
}
