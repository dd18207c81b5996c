#include "task/idx.h"

#include "base/buf.h"
#include "base/regular.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { UNSIGNED_BYTE = 8, WORD = 4, DEFLATE_MOST = 1032 }; /* DEFLATE_MOST: bytes that one byte of gzip can become */

static int open_regular(const char *path, struct err *e)
{
    struct buf zipped = { 0 };
    struct err first = { 0 }, second = { 0 };
    int fd = regular_open(path, O_RDONLY, ERR_SPEC, &first);
    const bool none = fd < 0 && errno == ENOENT;
    buf_print(&zipped, "%s.gz", path);
    if (none) fd = regular_open(buf_chars(&zipped), O_RDONLY, ERR_SPEC, &second);
    if (fd < 0 && none && errno == ENOENT)
        err_set(e, ERR_SPEC, "cannot open '%s' or '%s.gz': %s", path, path, strerror(errno));
    else if (fd < 0)
        *e = none ? second : first;
    buf_release(&zipped);
    return fd;
}

/* zlib reads plain files as they are.  *room: the bytes that can be in it at most. */
static gzFile open_either(const char *path, uint64_t *room, struct err *e)
{
    char magic[2];
    struct stat st;
    const int fd = open_regular(path, e);
    if (fd < 0) return NULL;
    const bool packed = pread(fd, magic, 2, 0) == 2 && !memcmp(magic, "\x1f\x8b", 2);
    *room = fstat(fd, &st) ? 0 : (uint64_t)st.st_size * (packed ? DEFLATE_MOST : 1);
    gzFile f = gzdopen(fd, "rb");
    if (!f) die("out of memory: zlib");
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
    int code;
    *out = (struct idx){ .rank = rank, .size = 1 };
    if (!take(f, magic, sizeof magic) || magic[0] || magic[1] || magic[2] != UNSIGNED_BYTE || magic[3] != rank ||
        !take(f, dim, rank * WORD)) {
        const char *why = gzerror(f, &code);
        if (code != Z_OK && code != Z_BUF_ERROR) return err_set(e, ERR_SPEC, "'%s' is damaged: %s", path, why);
        return err_set(e, ERR_SPEC, "'%s' is no IDX file of bytes in %zu dimension%s", path, rank,
                       rank == 1 ? "" : "s");
    }
    for (size_t i = 0; i < rank; i++) {
        out->dim[i] = big_endian(dim[i]);
        if (out->dim[i] == 0 || out->dim[i] > IDX_MOST / out->size)
            return err_set(e, ERR_SPEC, "'%s' says that its dimension %zu is %zu; at most %d bytes are read", path, i,
                           out->dim[i], IDX_MOST);
        out->size *= out->dim[i];
    }
    return 0;
}

static int ends_early(const char *path, size_t size, struct err *e)
{
    return err_set(e, ERR_SPEC, "'%s' ends before the %zu bytes that its head promises", path, size);
}

/* A gzip file says at its end whether all was right. */
static int read_body(gzFile f, const char *path, const struct idx *x, uint8_t *byte, struct err *e)
{
    char more;
    int code;
    if (!take(f, byte, x->size)) return ends_early(path, x->size, e);
    const int rest = gzread(f, &more, 1);
    if (rest > 0)
        return err_set(e, ERR_SPEC, "'%s' has more than the %zu bytes that its head promises", path, x->size);
    return rest < 0 ? err_set(e, ERR_SPEC, "'%s' is damaged: %s", path, gzerror(f, &code)) : 0;
}

int idx_read(const char *path, size_t rank, struct arena *a, struct idx *out, struct err *e)
{
    MUST(rank > 0 && rank <= IDX_RANK);
    uint64_t room = 0;
    gzFile f = open_either(path, &room, e);
    if (!f) return -1;
    int rc = read_head(f, path, rank, out, e);
    if (!rc && out->size > room) rc = ends_early(path, out->size, e);
    if (!rc && a) {
        uint8_t *byte = ARENA_NEW(a, out->size, uint8_t);
        rc = read_body(f, path, out, byte, e);
        out->byte = byte;
    }
    gzclose(f);
    return rc;
}
