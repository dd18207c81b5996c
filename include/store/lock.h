/** store/lock.h: one writer.
 *
 *  On one host the store's file itself is locked, whatever name it is reached by: rank 0 holds one byte past any
 *  possible end of it exclusively, every rank that may write shares a second one (open file description locks, which
 *  hinder no reader).  Across hosts a page of the file, the record of /owner (store/holder.h), says who: host, pid,
 *  boot id, Slurm job, since, heartbeat, and the number of the run, which every rank reads before it commits.  A
 * shared flock on the store keeps out h5py's modes "a" and "r+"; where flock is a lock of bytes (NFS, CIFS) it is not
 * taken.
 */
#ifndef TOMBOLA_STORE_LOCK_H
#define TOMBOLA_STORE_LOCK_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    LOCK_PATIENCE = 30, /* seconds that the ranks of a dead run are waited for                                */
    LOCK_DOUBT = 600    /* seconds before a dead run's last sign of life from which on nothing is trusted      */
};

struct lock;

/** Rank 0.  Take the lock of the store at path; of one that is not there yet there is nothing to lock before it is
 * made (lock_adopt).  A record whose holder is provably dead (of this host, where nobody has the byte, or the pid is
 * gone or was reused; or of another boot of it; or it was an earlier start of the Slurm job that we are, or an
 * earlier launch in it by TOMBOLA_LAUNCH; or Slurm says that its job has ended; or it is on another host, where
 * nobody can look, and its last sign of life is HOLDER_SILENCE ago) is taken over with a word, and so is a damaged
 * one, whose holder finds its number gone before its next commit.  Ranks of a dead run that still live are waited
 * for. ERR_LOCKED says who holds it and since when; ERR_IO: it is no store that can be run, as one of format 1 or an
 * archive; ERR_IO, ERR_STORE, ERR_DISK, ERR_FULL: it cannot be locked. */
CHECKED int lock_take(struct lock **out, const char *path, struct err *e);
/** The same for any file, which is to be replaced and need not be a store. */
CHECKED int lock_take_any(struct lock **out, const char *path, struct err *e);
/** Is there a file that it has locked? */
bool lock_has_file(const struct lock *l);
/** There is a store: ERR_LOCKED if it is not locked, since it was not there when the lock was taken. */
CHECKED int lock_check_present(const struct lock *l, struct err *e);
/** The file that is locked: path, with its last part followed where it is a symbolic link. */
const char *lock_path(const struct lock *l);
/** The number of this run, never 0. */
uint64_t lock_run(const struct lock *l);
/** Rank 0.  The open file, whose byte has been claimed, will be the store: one that has just been made under another
 *  name.  fd stays the caller's. */
CHECKED int lock_adopt(struct lock *l, int fd, struct err *e);
enum lock_verdict { LOCK_GOT, LOCK_TAKEN, LOCK_UNKNOWN }; /* UNKNOWN: this file system has no such locks */
/** Lock the byte of the open file that whoever holds it has, until fd and its copies are closed. */
enum lock_verdict lock_claim(int fd);
/** Rank 0, every now and then while running, and at its end.  ERR_LOCKED: the lock is no longer ours, as after a
 *  suspend longer than HOLDER_SILENCE; ERR_STORE: the store was deleted, replaced, renamed or cut.  Stop writing at
 * once. */
CHECKED int lock_beat(struct lock *l, struct err *e);
void lock_release(struct lock *l);
/** From a signal handler: the process is about to end in a way that says nothing about its jobs. */
void lock_disown(const struct lock *l);

/** What the run that had the store before has left, if it did not end cleanly. */
struct lock_past {
    bool unclean;
    double since;        /* Unix time: what was committed from then on is to be verified */
    bool launcher_lives; /* what had started it is known to have outlived it              */
};
const struct lock_past *lock_past(const struct lock *l);
/** That has been done.  Until then it is left to the next run, however this one ends. */
void lock_verified(struct lock *l);

/** Every rank.  Share the right to write to the store that is open as fd, until fd is closed. */
CHECKED int lock_share(int fd, const char *path, struct err *e);
/** Every rank, before a commit.  Is the run with that number still the one that may write to the store at path?  It
 * is open as fd, and its record of /owner begins at byte `at`. */
CHECKED int lock_check(int fd, uint64_t at, const char *path, uint64_t run, struct err *e);

/** Who is at work on a store; texts as in the record, "" where it does not say. */
struct lock_seen {
    char host[256], pid[32], slurm[64], since[32];
    double silence; /* seconds since the last sign of life */
};
/** Anybody, at any time: disturbs no run and asks nobody.  False if no run has the store, or only one that is
 * provably dead by what this host knows. */
CHECKED bool lock_look(struct lock_seen *out, const char *store_path);

#endif
