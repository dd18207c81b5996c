/** store/holder.h: who holds a store, as the store itself says it: the only record of its dataset /owner.
 *
 *  The record is a page of the file, so that one write changes all of it, and is found without HDF5: an interrupted
 *  growth may make the file unreadable for that until it has been undone, and the lock comes before.
 */
#ifndef TOMBOLA_STORE_HOLDER_H
#define TOMBOLA_STORE_HOLDER_H

#include "base/checked.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    HOLDER_SILENCE = 900
}; /* seconds without a sign of life after which a holder that nobody can look at is dead */

#define HOLDER_MAGIC UINT64_C(0x52454E574F424D54) /* "TMBOWNER" on a little-endian machine */
enum {
    HOLDER_BYTES = 4096,
    HOLDER_WITHIN = 4 << 20, /* bytes at the beginning of a store, among whose pages it is */
};

struct holder {          /* texts end with NUL; "" where there is nothing to say */
    uint64_t magic, run; /* run: a number that no other run has; 0: nobody       */
    char host[256];
    char pid[32], start[32];                 /* start: of the process, in clock ticks after boot      */
    char boot[64], space[64];                /* space: the pid namespace, containers have their own   */
    char slurm[64], restart[32], launch[32]; /* Slurm's job, how often Slurm has started it again, and which launch
                                                in it this is */
    char launcher[2048];                     /* see holder_launcher_lives_on */
    char since[32], heartbeat[32];           /* UTC */
    char verify[32]; /* Unix time: what was committed later is not verified yet; "": all is well */
    char reserved[1352];
    uint64_t sum; /* of the bytes before it */
};

/** Nobody. */
void holder_blank(struct holder *h);
/** This process, now, as run `run`. */
void holder_self(struct holder *h, uint64_t run);
/** It lives: its heartbeat is now. */
void holder_beat(struct holder *h);

/** Where the record is in the open file.  False if there is none, damaged ones without their magic included. */
CHECKED bool holder_find(int fd, off_t *at);
/** Read the record at `at`, again for a moment if somebody is just writing it; texts end.  False with errno set if it
 *  cannot be read; errno is 0 if the file ends before. */
CHECKED bool holder_read(struct holder *h, int fd, off_t at);
/** Does it agree with its checksum? */
bool holder_sound(const struct holder *h);
void holder_seal(struct holder *h);
/** Seal and write it, with one write.  False with errno set. */
CHECKED bool holder_write(struct holder *h, int fd, off_t at);

/** Seconds since its last sign of life, by the clocks of two hosts. */
double holder_silence(const struct holder *h);
/** Provably dead, or silent for longer than HOLDER_SILENCE where nobody can look.  free: no process that shares locks
 *  with this one has the byte that whoever holds the file has locked; ask_slurm: may squeue be asked? */
bool holder_is_dead(const struct holder *h, bool free, bool ask_slurm);
/** Did what had started the dead holder outlive it?  An mpirun or slurmstepd tidies up its session folder when a rank
 *  dies, and leaves it when it is killed itself; without a launcher it is the parent process that must be there.
 *  False where that cannot be known. */
bool holder_launcher_lives_on(const struct holder *h);
/** Unix time of the last heartbeat; 0 if it says none. */
double holder_heartbeat(const struct holder *h);

#endif
