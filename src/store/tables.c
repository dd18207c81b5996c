#include "store/tables.h"
#include "base/buf.h"
#include "disk/shape.h"
#include "disk/types.h"
#include "store/holder.h"

#include <string.h>

#define AT(type, member)   offsetof(struct type, member)
#define SIZE(type, member) sizeof(((struct type *)0)->member)

static const struct column control_columns[] = {
    { "magic", COLUMN_U64, AT(control, magic), 0, NULL, "", "the letters TOMBOLA1" },
    { "rows", COLUMN_U64, AT(control, rows), 0, NULL, "1", "records in use of /jobs and /texts" },
    { "grids", COLUMN_U64, AT(control, grids), 0, NULL, "1", "records in use of /grids" },
    { "sweeps", COLUMN_U64, AT(control, sweeps), 0, NULL, "1", "records in use of /sweeps" },
    { "text", COLUMN_U64, AT(control, text), 0, NULL, "byte", "bytes in use of /sweep_text" },
    { "sequence", COLUMN_U64, AT(control, sequence), 0, NULL, "1", "another number after every growth" },
    { "long_texts", COLUMN_U64, AT(control, long_texts), 0, NULL, "1", "records in use of /texts/long" },
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
    { "threshold", COLUMN_F64, AT(grid_record, threshold), 0, NULL, "", "by which the grid judges the job" },
    { "spacing", COLUMN_I64, AT(grid_record, spacing), 0, NULL, "epoch", "of the evaluations that it looks at" },
    { "stop", COLUMN_TEXT, AT(grid_record, stop), STORE_STOP, NULL, "",
      "rules that end the job for it before its length; the first that comes" },
    { "end", COLUMN_I64, AT(grid_record, end), 0, NULL, "epoch", "where it ends for it; -1: not said" },
    { "t_mem", COLUMN_I64, AT(grid_record, t_mem), 0, NULL, "epoch", "by its threshold; -1: not said" },
    { "t_gen", COLUMN_I64, AT(grid_record, t_gen), 0, NULL, "epoch", "by its threshold; -1: not said" },
    { "tau_grok", COLUMN_F64, AT(grid_record, tau), 0, NULL, "1", "t_gen / t_mem; NaN: not said" },
    { "ended_by", COLUMN_TEXT, AT(grid_record, ended_by), STORE_RULE, NULL, "",
      "the rule that did; empty: its length" },
    { "train_loss", COLUMN_F64, AT(grid_record, train_loss), 0, NULL, "", "at end; NaN: not said" },
    { "train_accuracy", COLUMN_F64, AT(grid_record, train_accuracy), 0, NULL, "1", "at end; NaN: not said" },
    { "test_loss", COLUMN_F64, AT(grid_record, test_loss), 0, NULL, "", "at end; NaN: not said" },
    { "test_accuracy", COLUMN_F64, AT(grid_record, test_accuracy), 0, NULL, "1", "at end; NaN: not said" },
    { "sum", COLUMN_U64, AT(grid_record, sum), 0, NULL, "", "checksum of the bytes before it" },
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
static const struct column long_text_columns[] = {
    { "digest", COLUMN_TEXT, AT(long_text_record, digest), ID_CHARS, NULL, "", "XXH3-128 of the text" },
    { "offset", COLUMN_U64, AT(long_text_record, offset), 0, NULL, "byte", "where it begins in /texts/long_text" },
    { "length", COLUMN_U64, AT(long_text_record, length), 0, NULL, "byte", "of the text" },
    { "sum", COLUMN_U64, AT(long_text_record, sum), 0, NULL, "", "checksum of the bytes before it" },
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
    [TABLE_LONG] = { "texts/long", "texts that several jobs share, each once", COLUMN_U8, long_text_columns,
                     sizeof(struct long_text_record) },
    [TABLE_LONG_TEXT] = { "texts/long_text", "their bytes", COLUMN_U8, NULL, 1 },
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
    if (!shape_open(&s->disk, s->disk.file, path, 1, &shape, &t->raw))
        return h5_error(e, ERR_STORE, s->disk.path, "has no readable /%s", path);
    t->type = disk_keep(&s->disk, H5Dget_type(t->raw.set));
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

/* Every column that is there has our type, and the checksum is the record's last word, as it is in ours. */
static bool older_columns(const struct table *t, const struct column *have, const struct column *want)
{
    const struct column *sum = columns_find(have, "sum");
    if (!sum || sum->type != COLUMN_U64 || sum->offset + sizeof(uint64_t) != t->size || t->size > PAGE) return false;
    bool known = true;
    for (; want->name && known; want++) {
        const struct column *c = columns_find(have, want->name);
        known = !c || c->type == want->type;
    }
    return known;
}

bool table_known(struct table *t, const struct table_kind *kind, struct arena *a)
{
    enum column_type type;
    if (!kind->size) /* /jobs: no row straddles a page */
        return t->size <= PAGE && (t->size & (t->size - 1)) == 0;
    if (!kind->columns) return t->size == kind->size && type_read(t->type, &type) && type == kind->type;
    const struct column *have = type_columns(t->type, "", a);
    if (t->size == kind->size && same_columns(have, kind->columns)) return true;
    if (!have || !older_columns(t, have, kind->columns)) return false;
    t->older = ARENA_NEW(a, 1, struct convert);
    convert_init(t->older, have, kind->columns, a);
    return true;
}

bool table_absent(const struct store *s, enum table_id which)
{
    if (which != TABLE_LONG && which != TABLE_LONG_TEXT && (which != TABLE_OWNER || s->format >= 2)) return false;
    return H5Lexists(s->disk.file, table_kinds[which].path, H5P_DEFAULT) == 0;
}

int table_write_to(struct store *s, const struct table *t, size_t first, size_t count, const void *records,
                   struct err *e)
{
    MUST(first <= t->capacity && count <= t->capacity - first);
    if (raw_write(&s->disk, &t->raw, first * t->size, records, count * t->size)) return 0;
    return h5_error(e, ERR_FULL, s->disk.path, "cannot write /%s", t->path);
}

/* Whole in the file, whole here: each has the checksum of what it has become. */
static void convert_record(const struct table *t, const struct table_kind *kind, const char *from, char *to)
{
    uint64_t have;
    memcpy(&have, from + t->size - sizeof have, sizeof have);
    memset(to, 0, kind->size);
    columns_blank(kind->columns, to);
    convert_run(t->older, from, to);
    uint64_t sum = table_record_sum(to, kind->size);
    if (have != table_record_sum(from, t->size)) sum = ~sum;
    memcpy(to + kind->size - sizeof sum, &sum, sizeof sum);
}

static bool read_records(struct store *s, const struct table *t, size_t first, size_t count, void *records)
{
    return raw_read(&s->disk, &t->raw, first * t->size, records, count * t->size);
}

static bool read_older(struct store *s, const struct table *t, const struct table_kind *kind, size_t first,
                       size_t count, char *records)
{
    struct arena a = { 0 };
    char *from = arena_array(&a, count, t->size);
    const bool ok = read_records(s, t, first, count, from);
    for (size_t i = 0; i < count && ok; i++) convert_record(t, kind, from + i * t->size, records + i * kind->size);
    arena_release(&a);
    return ok;
}

int table_read(struct store *s, enum table_id which, size_t first, size_t count, void *records, struct err *e)
{
    const struct table *t = &s->table[which];
    MUST(first <= t->capacity && count <= t->capacity - first);
    if (t->older ? read_older(s, t, &table_kinds[which], first, count, records)
                 : read_records(s, t, first, count, records))
        return 0;
    return h5_error(e, ERR_STORE, s->disk.path, "cannot read /%s", t->path);
}

int table_write(struct store *s, enum table_id which, size_t first, size_t count, const void *records, struct err *e)
{
    MUST(!s->table[which].older);
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
        [TABLE_LONG] = c->long_texts,
    };
    return (size_t)used[which];
}

uint64_t table_record_sum(const void *record, size_t size)
{
    return hash_sum(record, size - sizeof(uint64_t));
}

int control_write(struct store *s, struct err *e)
{
    s->control.sequence++;
    s->control.sum = table_record_sum(&s->control, sizeof s->control);
    return table_write(s, TABLE_CONTROL, 0, 1, &s->control, e);
}
