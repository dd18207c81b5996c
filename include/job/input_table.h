/** job/input_table.h: where the numbers lie that a run's jobs take from files (`init:` and `split:`).
 *
 *  Rank 0 opens each file once and tells all ranks.  Of numbers that lie in the file as they are it tells the place,
 *  and ranks read them from there, with a descriptor of their own.  Of packed ones (compressed, in pieces, in another
 *  byte order, ...) it sends the numbers, which every rank keeps until the run ends: as float where that loses
 * nothing, each dataset once however many jobs use it, and no more than the table's limit; what is beyond that the
 * ranks read by themselves, job by job.  A dataset that cannot be read fails the jobs that need it, not the run.
 * Nobody trusts a place: what was read is compared with the digest that was planned.
 */
#ifndef TOMBOLA_JOB_INPUT_TABLE_H
#define TOMBOLA_JOB_INPUT_TABLE_H

#include "base/arena.h"
#include "disk/import.h"
#include "par/par.h"

struct input_table;

/** Local.  An empty table.  limit: bytes of packed numbers that are kept at most. */
struct input_table *input_table_new(size_t limit);
void input_table_free(struct input_table *t); /* may be NULL */

/** Rank 0, local.  Look for a dataset, unless that was done before; whatever goes wrong becomes part of the table.
 * The file stays open until the next one is asked for, or the table is shared. */
void input_table_add(struct input_table *t, const char *file, const char *dataset, archive_accept *accept,
                     const void *ctx);
/** Rank 0, local.  No more will be added, because the run is to stop: jobs that ask for more leave early. */
void input_table_stop(struct input_table *t);
/** Collective over comm: the tables of all ranks become that of rank 0. */
void input_table_share(struct input_table *t, MPI_Comm comm);

struct input_table_facts {
    size_t datasets, sent, unsent; /* unsent: packed, but beyond the limit */
    size_t bytes;                  /* kept, of packed numbers */
};
struct input_table_facts input_table_facts(const struct input_table *t);

/** The datasets of one file, one after another.  The file is opened when it is first needed, and at most once. */
struct input_reader {
    const char *file;
    const struct input_table *table;
    struct import_file *opened; /* NULL: not open   */
    int fd;                     /* the same file; -1: not open */
};
/** Local.  Who makes it closes it.  table: NULL reads the file itself, as rank 0 does while it plans. */
struct input_reader input_reader_of(const char *file, const struct input_table *table);
/** As import_read.  ERR_JOB if the table does not know the dataset; ERR_STOPPED if it would, had there been time. */
CHECKED int input_reader_get(struct input_reader *r, const char *dataset, archive_accept *accept, const void *ctx,
                             struct import_array *out, struct arena *a, struct err *e);
void input_reader_close(struct input_reader *r);

#endif
