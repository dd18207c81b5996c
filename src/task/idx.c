#include "task/idx.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { UNSIGNED_BYTE = 8, WORD = 4, MOST = 1 << 30 }; /* MOST: bytes of a file that is believed */

/* zlib reads plain files as they are. */
static gzFile open_either(const char *path, struct err *e)
{
    struct buf zipped = { 0 };
    buf_print(&zipped, "%s.gz", path);
    gzFile f = gzopen(path, "rb");
    if (!f && errno == ENOENT) f = gzopen(buf_chars(&zipped), "rb");
    if (!f) err_set(e, ERR_SPEC, "cannot open '%s' or '%s.gz': %s", path, path, strerror(errno));
    buf_release(&zipped);
    return f;
}

static bool take(gzFile f, void *out, size_t bytes)
{
    return gzread(f, out, (unsigned)bytes) == (int)bytes;
}

static size_t big_endian(const uint8_t *b)
{
    return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

/* Two zeros, the type, the rank; then the dimensions, 32 bits each. */
static int read_head(gzFile f, const char *path, size_t rank, struct idx *out, struct err *e)
{
    uint8_t magic[WORD], dim[IDX_RANK][WORD];
    *out = (struct idx){ .rank = rank, .size = 1 };
    if (!take(f, magic, sizeof magic) || magic[0] || magic[1] || magic[2] != UNSIGNED_BYTE || magic[3] != rank ||
        !take(f, dim, rank * WORD))
        return err_set(e, ERR_SPEC, "'%s' is no IDX file of bytes in %zu dimension%s", path, rank,
                       rank == 1 ? "" : "s");
    for (size_t i = 0; i < rank; i++) {
        out->dim[i] = big_endian(dim[i]);
        if (out->dim[i] == 0 || out->dim[i] > MOST / out->size)
            return err_set(e, ERR_SPEC, "'%s' says that its dimension %zu is %zu", path, i, out->dim[i]);
        out->size *= out->dim[i];
    }
    return 0;
}

int idx_read(const char *path, size_t rank, struct arena *a, struct idx *out, struct err *e)
{
    MUST(rank > 0 && rank <= IDX_RANK);
    gzFile f = open_either(path, e);
    if (!f) return -1;
    int rc = read_head(f, path, rank, out, e);
    if (!rc && a) {
        uint8_t *byte = ARENA_NEW(a, out->size, uint8_t);
        if (!take(f, byte, out->size))
            rc = err_set(e, ERR_SPEC, "'%s' ends before the %zu bytes that its head promises", path, out->size);
        out->byte = byte;
    }
    gzclose(f);
    return rc;
}
