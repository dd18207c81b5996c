/** disk/file.h: a file of records and arrays, as it is open here. */
#ifndef TOMBOLA_DISK_FILE_H
#define TOMBOLA_DISK_FILE_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

struct disk {
    const char *path;
    hid_t file;
    int fd;      /* of our own, for all raw data */
    bool failed; /* a read or write has failed, and not by the file's fault: what was concluded from it counts for
                    nothing */
    bool archive;
    hid_t *id; /* everything else that is open */
    size_t ids;
};
/** Remember an open id until the file is closed; passes it through, negative or not. */
hid_t disk_keep(struct disk *d, hid_t id);
/** Close all that is remembered. */
void disk_let_go(struct disk *d);

#endif
