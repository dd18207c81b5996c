#include "base/field.h"
#include "base/text.h"
#include "disk/archive_private.h"
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int archive_find(struct archive_array *out, int fd, const char *what, const struct archive_wish *wish,
                 struct arena *a, struct err *e)
{
    struct archive_source s = { fd, 0, what, wish, a, e };
    struct stat st;
    char head[9];
    *out = (struct archive_array){ .type = COLUMN_F64 };
    if (fstat(fd, &st))
        return err_at(e, err_kind_or(errno, ERR_SPEC), what, NOWHERE, NULL, "cannot be read: %s", strerror(errno));
    s.size = (uint64_t)st.st_size;
    if (archive_bytes(&s, 0, head, sizeof head)) return -1;
    if (!archive_is(head, sizeof head)) return ARCHIVE_UNSOUND(&s, "begins like neither");
    if (!memcmp(head, archive_npy_magic, 6)) return archive_npy_find(&s, out);
    return (head[0] == 'P' ? archive_npz_find : archive_safetensors_find)(&s, out);
}
