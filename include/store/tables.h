/** store/tables.h: the datasets with a record a line. */
#ifndef TOMBOLA_STORE_TABLES_H
#define TOMBOLA_STORE_TABLES_H

#include "disk/h5.h"
#include "store/state.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct convert;
struct err;
struct store;

enum { BLOCK = 256 }; /* records moved at once */

#define CONTROL_MAGIC UINT64_C(0x31414C4F424D4F54) /* "TOMBOLA1" on a little-endian machine */
enum { CONTROLS = PAGE / sizeof(struct control) }; /* in a new store: the first counts, the others keep its page */
struct input_record {
    char text[STORE_INPUTS];
    uint64_t sum; /* of text; 0 with an empty text */
    uint8_t pad[1016];
};
struct grid_record {
    char sweep[STORE_NAME], grid[STORE_NAME];
    uint64_t row;
    double threshold; /* how the grid judges the job, and what comes of that */
    int64_t spacing;
    char stop[STORE_STOP];
    int64_t end, t_mem, t_gen;
    double tau, train_loss, train_accuracy, test_loss, test_accuracy;
    char ended_by[STORE_RULE];
    uint8_t spare[96];
    uint64_t sum; /* of the bytes before it */
};
_Static_assert(PAGE % sizeof(struct grid_record) == 0, "no record crosses a page");
struct long_text_record {
    char digest[ID_CHARS]; /* XXH3-128 of the text */
    uint64_t offset, length, spare[9], sum;
};
_Static_assert(PAGE % sizeof(struct long_text_record) == 0, "no record crosses a page");
struct sweep_record {
    char name[64], time[32], command[512];
    uint64_t offset, length, text_sum, sum; /* of the text in /sweep_text; of the bytes before it */
};

struct table_kind {
    const char *path, *about;
    enum column_type type;        /* if there are no columns             */
    const struct column *columns; /* /jobs has its own, from the file    */
    size_t size;                  /* bytes of a record                   */
};
extern const struct table_kind table_kinds[TABLES];

/** Make an empty table at path (which may differ from the kind's); columns and size: of /jobs, else of the kind. */
int table_create(hid_t file, const char *path, enum table_id which, const struct column *columns, size_t size,
                 size_t capacity);
CHECKED int table_read(struct store *s, enum table_id which, size_t first, size_t count, void *records,
                       struct err *e);
CHECKED int table_write(struct store *s, enum table_id which, size_t first, size_t count, const void *records,
                        struct err *e);
CHECKED int table_open(struct store *s, struct table *t, const char *path, struct err *e);
/** Can its records be read as those of its kind?  They may lack columns, which are missing then, or have them
 *  elsewhere. */
CHECKED bool table_known(struct table *t, const struct table_kind *kind, struct arena *a);
/** Does the store lack the table, as one of an earlier version may? */
bool table_absent(const struct store *s, enum table_id which);
/** The same to a table that is not (yet) one of s's. */
CHECKED int table_write_to(struct store *s, const struct table *t, size_t first, size_t count, const void *records,
                           struct err *e);
/** Records of the table in use. */
size_t table_used(const struct store *s, enum table_id which);
/** The checksum over all of a record before its last word. */
uint64_t table_record_sum(const void *record, size_t size);
/** Seal and write s->control, the last step of every growth. */
CHECKED int control_write(struct store *s, struct err *e);

#endif
