/** base/path.h: what a path leads to. */
#ifndef TOMBOLA_BASE_PATH_H
#define TOMBOLA_BASE_PATH_H

#include "base/buf.h"

/** Append the path of the file that `path` names: its last part followed as far as it is a symbolic link, also to a
 *  file that is not there yet.  A link that leads nowhere (a circle) is left as it is. */
void path_follow(struct buf *out, const char *path);
/** Is the open file the one that the path names now? */
bool path_is_of(int fd, const char *path);

#endif
