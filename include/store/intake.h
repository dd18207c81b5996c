/** store/intake.h: what a need adds to a store. */
#ifndef TOMBOLA_STORE_INTAKE_H
#define TOMBOLA_STORE_INTAKE_H

#include "store/longs.h"
#include "store/slots.h"
#include "store/tables.h"

#include <stddef.h>
#include <stdint.h>

struct err;
struct store;
struct store_need;

struct intake { /* what a need adds to a store */
    struct arena arena;
    const struct store_need *need;
    uint32_t *row;   /* [jobs] the caller's                                         */
    uint32_t *fresh; /* [new_jobs] jobs that the store lacks, in the order of rows  */
    size_t new_jobs;
    uint32_t *rebuild; /* [rebuilds] jobs whose rows are damaged and are written anew             */
    size_t rebuilds;
    uint32_t *again; /* [agains] jobs that are done and get arrays for their next training      */
    size_t agains;
    uint32_t *move; /* [moves] jobs not done whose arrays are those of an older version         */
    size_t moves;
    uint32_t *confirm; /* [confirms] rows that are done and of a job that may be trained again    */
    size_t confirms;
    size_t *family_new; /* [need families] new rows of each                            */
    struct slots slots; /* rows of the store's families                                */
    struct new_use {
        size_t at; /* the record of /grids in whose place it goes; SIZE_MAX: behind them */
        uint32_t use;
    } * use;                     /* [uses] that the store lacks, or has otherwise */
    size_t uses, new_uses;       /* new_uses: of them, those behind         */
    uint32_t *sweep;             /* [new_sweeps] texts that the store lacks                       */
    size_t new_sweeps, new_text; /* new_text: bytes                                  */
    struct longs_value *value;   /* [values] of long texts that the store lacks, or has damaged */
    size_t values, new_longs;    /* new_longs: of them, those behind the records that there are */
    uint64_t long_end, long_new; /* bytes of /texts/long_text: in use, and of `value` */
};
/** Have the families of the store that need asks for the same arrays?  Constants of theirs that are damaged are
 * written again; damaged ones of others are an error. */
CHECKED int intake_families(struct store *s, const struct store_need *need, struct err *e);
/** Compare need with what the store holds; choose the rows of new jobs.  in->arena is the caller's to release. */
CHECKED int intake_take(struct intake *in, struct store *s, const struct store_need *need, uint32_t *row,
                        struct err *e);
/** Records of a table that there will be. */
size_t intake_used(const struct intake *in, const struct store *s, enum table_id which);
struct grid_record intake_use(const struct intake *in, size_t use);
/** Rows to reserve where `rows` are needed. */
size_t intake_reserve(const struct store_need *need, size_t rows);

#endif
