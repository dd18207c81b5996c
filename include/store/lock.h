/** store/lock.h: one writer.  STORE.lock says who: host, pid, boot id, Slurm job, since, heartbeat. */
#ifndef TOMBOLA_STORE_LOCK_H
#define TOMBOLA_STORE_LOCK_H

#include "base/err.h"

#include <stdbool.h>

enum { LOCK_SILENCE = 900 /* seconds */, LOCK_WORD = 80 };

struct lock;

/** Rank 0.  Take the lock of the store at path.  A lock whose holder is provably dead (same host and the pid is gone,
 *  was reused, or belongs to another boot; or it was an earlier start of the Slurm job that we are; or Slurm says
 * that its job has ended; or it is on another host, where nobody can look, and its last sign of life is LOCK_SILENCE
 * ago) is broken with a word; otherwise ERR_LOCKED says who holds it and since when. */
int lock_take(struct lock **out, const char *store_path, struct err *e);
/** Rank 0, every now and then while running.  False if the lock is no longer ours: who was silent for too long (a
 *  suspended machine) must not write any more. */
bool lock_beat(struct lock *l);
/** Also guards the open store against writers that do not know the lock file (flock LOCK_SH on the store itself).
 *  ERR_LOCKED if there is one already. */
int lock_guard(struct lock *l, const char *store_path, struct err *e);
void lock_release(struct lock *l);

/** Who is at work on a store; texts as in the lock file, "" where it does not say. */
struct lock_seen {
    char host[LOCK_WORD], pid[LOCK_WORD], slurm[LOCK_WORD], since[LOCK_WORD];
    double silence; /* seconds since the last sign of life */
};
/** Anybody, at any time: disturbs no run and asks nobody.  False if no run has the store, or only one that is
 * provably dead by what this host knows. */
bool lock_look(struct lock_seen *out, const char *store_path);

#endif
