#include "sweep/private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

bool file_identify(const char *path, struct file_id *id, bool *plain)
{
    struct stat is;
    if (stat(path, &is)) return false;
    *id = (struct file_id){ is.st_dev, is.st_ino };
    *plain = S_ISREG(is.st_mode);
    return true;
}

bool file_read(const char *path, size_t limit, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    char chunk[1 << 14];
    size_t got = 0;
    while (f && out->length <= limit && (got = fread(chunk, 1, sizeof chunk, f)) > 0) buf_add(out, chunk, got);
    const bool ok = f && !ferror(f);
    const int why = errno;
    if (f) fclose(f);
    errno = why;
    return ok;
}
