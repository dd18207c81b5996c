/** base/regular.h: a regular file, or a clear error.
 *
 *  A FIFO, a socket, a device or a folder under the name of a file would stop the program, feed it without end, or do
 *  what a device does when somebody opens it.  So whatever a user names, and whatever is expected beside a store, is
 *  opened here.  Only a sweep file may be a pipe: at most a megabyte of it is read.
 */
#ifndef TOMBOLA_BASE_REGULAR_H
#define TOMBOLA_BASE_REGULAR_H

#include "base/err.h"

/** A close-on-exec descriptor of the regular file at path, the caller's to close; never waits.  flags: those of open,
 *  fcntl.h (a new file gets the mode 0666; O_TRUNC happens only once the file has proved to be a regular one).  -1
 *  with *e, which may be NULL, of that kind (ERR_FULL if a new file does not fit) for "is not a regular file but a
 * FIFO" and for what open says; errno is then open's, EISDIR for a folder or EINVAL for anything else that is no
 * regular file. */
CHECKED int regular_open(const char *path, int flags, enum err_kind kind, struct err *e);

/** May a regular file be opened or made at path?  The same errors, but for a path where there is nothing. */
CHECKED int regular_or_none(const char *path, enum err_kind kind, struct err *e);

#endif
