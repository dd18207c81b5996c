/** cli/room.h: is there a place, a disk and a memory for what a sweep will write? */
#ifndef TOMBOLA_CLI_ROOM_H
#define TOMBOLA_CLI_ROOM_H

#include "cli/sheet.h"

/** Rank 0, before anything is written.  ERR_IO if the store or its folder is not there or cannot be written. */
CHECKED int room_for_files(const char *store, struct err *e);
/** What the jobs that are left will write, and what there is for it: the least of what the file system has and what
 *  the user's quota and that of the group leave. */
struct room {
    uint64_t need, have; /* bytes; have: UINT64_MAX if nobody says */
    bool quota;          /* a quota is the narrowest */
};
struct room room_of_disk(const struct sheet *s, int ranks);
/** ERR_FULL with figures if the file system has less room than the jobs that are left will write, or the largest file
 *  that this process may write is too small for the store. */
CHECKED int room_on_disk(const struct sheet *s, int ranks, struct err *e);
/** Bytes that a rank of this host may spend on numbers that it was sent from input files: its part of a quarter of
 * what is available. */
size_t room_for_inputs(int ranks_here);
/** Bytes of memory that a rank surely needs to train job i. */
uint64_t room_of_job(const struct plan *p, size_t i);
/** The most of them that a job which is left needs. */
uint64_t room_of_rank(const struct sheet *s);
/** ERR_SPEC with figures if this host's memory is too small for what its ranks surely need.  It is a lower bound:
 *  what a network needs between its layers is not counted. */
CHECKED int room_in_memory(const struct sheet *s, int ranks_here, struct err *e);

#endif
