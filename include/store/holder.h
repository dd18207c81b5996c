/** store/holder.h: who holds the lock of a store, as STORE.lock says it: a "key value" line for each word. */
#ifndef TOMBOLA_STORE_HOLDER_H
#define TOMBOLA_STORE_HOLDER_H

#include "base/buf.h"
#include "store/lock.h"

#include <sys/types.h>

struct holder {
    char run[LOCK_WORD];                                    /* a number that no other run has, in hexadecimal */
    char host[LOCK_WORD], pid[LOCK_WORD], start[LOCK_WORD]; /* start: of the process, in clock ticks after boot */
    char boot[LOCK_WORD], space[LOCK_WORD];                 /* space: the pid namespace, containers have their own */
    char slurm[LOCK_WORD], restart[LOCK_WORD], launch[LOCK_WORD]; /* Slurm's job, how often Slurm has started it
                                                                     again, and which launch in it this is */
    char launcher[LOCK_WORD];                                     /* see holder_launcher_lives_on */
    char since[LOCK_WORD], heartbeat[LOCK_WORD];                  /* UTC */
    char verify[LOCK_WORD]; /* Unix time: what was committed later is not verified yet; "": all is well */
};

/** This process, now, as run `run`. */
void holder_self(struct holder *h, uint64_t run);
void holder_parse(struct holder *h, const char *text);
/** The lock file's text. */
void holder_print(struct buf *out, const struct holder *h);
/** Where in it the word of a key stands. */
off_t holder_find(const char *text, const char *key);
/** Read the lock file at path, which must be a plain one; false with errno set if that fails. */
bool holder_read(struct holder *h, const char *path);

/** Provably dead, or silent for longer than LOCK_SILENCE where nobody can look.  silence: seconds since the last sign
 *  of life; ask_slurm: may squeue be asked? */
bool holder_is_dead(const struct holder *h, double silence, bool ask_slurm);
/** Did what had started the dead holder outlive it?  An mpirun or slurmstepd tidies up its session folder when a rank
 *  dies, and leaves it when it is killed itself; without a launcher it is the parent process that must be there.
 *  False where that cannot be known. */
bool holder_launcher_lives_on(const struct holder *h);
/** Unix time of the last heartbeat; 0 if it says none. */
double holder_heartbeat(const struct holder *h);

#endif
