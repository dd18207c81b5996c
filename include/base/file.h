/** base/file.h: files that appear when they are whole, and are on disk. */
#ifndef TOMBOLA_BASE_FILE_H
#define TOMBOLA_BASE_FILE_H

#include "base/err.h"

#include <stdbool.h>

/** Write all of a file: as PATH.part first, then to disk, then under its name, so that nobody ever sees half of it,
 * and what was there stays if this fails.  A link is followed; what is no plain file (a device, a pipe) is written to
 * as it is.  ERR_IO if it cannot be made, ERR_FULL or ERR_DISK if it cannot be written. */
CHECKED int file_write(const char *path, const void *bytes, size_t length, struct err *e);

/** Bring a file to disk; the folder that names it.  What it is asked of a file system that cannot is done. */
CHECKED int file_sync(const char *path, struct err *e);
CHECKED int file_sync_folder(const char *path, struct err *e);

/** Is that the statfs magic of a network file system (NFS, CIFS), where hosts do not see each other's pages and flock
 * is a lock of bytes? */
bool file_magic_is_network(unsigned long magic);

#endif
