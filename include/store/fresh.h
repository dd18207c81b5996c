/** store/fresh.h: a store that is being made, under a name of its own beside its place, until it is whole.
 *
 *  STORE.tmp.HOST.PID; its byte (store/lock.h) is held all the while, so that what a killed process has left is told
 *  from what is being made.
 */
#ifndef TOMBOLA_STORE_FRESH_H
#define TOMBOLA_STORE_FRESH_H

#include "base/buf.h"

struct fresh {
    int fd;          /* with the byte */
    struct buf name; /* its path      */
};

/** Make the empty file for a store at path.  ERR_IO, ERR_FULL, ERR_DISK: it cannot be made. */
CHECKED int fresh_begin(struct fresh *f, const char *path, struct err *e);
/** Give it its name.  replace: of the file that is there, which the caller has locked.  Else ERR_LOCKED if one has
 *  appeared meanwhile, which stays.  It is on the disk then; what the journal of an earlier store at path says is
 *  forgotten. */
CHECKED int fresh_publish(struct fresh *f, const char *path, bool replace, struct err *e);
/** Let go of it.  What has not been published is removed. */
void fresh_end(struct fresh *f);
/** Remove what killed processes have left of stores for path: of this host at once, of others, whose locks may not be
 *  seen here, after HOLDER_SILENCE. */
void fresh_sweep(const char *path);

#endif
