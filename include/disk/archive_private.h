/** disk/archive_private.h: what archive_read.c, archive_npz.c and archive_safetensors.c share.  Nobody else includes
 * it.
 *
 *  A file that is read was made by somebody else.  Every number in it is checked before it is used, and nothing but
 * the array that is wanted gets room by a number that the file says.
 */
#ifndef TOMBOLA_DISK_ARCHIVE_PRIVATE_H
#define TOMBOLA_DISK_ARCHIVE_PRIVATE_H

#include "disk/archive.h"

#include <zlib.h>

enum {
    ARCHIVE_HEAD = 8 << 20
}; /* bytes of a .safetensors header or of a zip file's directory that are read at most */

/** A file and what is wanted of it. */
struct archive_source {
    int fd;
    uint64_t size;
    const char *what; /* the file in errors */
    const struct archive_wish *wish;
    struct arena *arena;
    struct err *e;
};

/** -1 with the error that the file is not what it should be: a format, and what it prints. */
#define ARCHIVE_UNSOUND(s, ...)                                                                                      \
    err_at((s)->e, ERR_SPEC, (s)->what, NOWHERE, NULL,                                                               \
           "is cut off or damaged, or is no .npz, .npy or .safetensors file: " __VA_ARGS__)
/** The file's bytes [at, at + bytes).  0, or -1 with an error if it has not got them (any more). */
CHECKED int archive_bytes(const struct archive_source *s, uint64_t at, void *out, size_t bytes);

/** Names of arrays, of which the wanted one is not. */
struct archive_names {
    const char **name; /* in the source's arena, NULL-terminated; NULL: none */
    size_t count;
};
void archive_note(const struct archive_source *s, struct archive_names *n, const char *name, size_t length);
int archive_no_array(const struct archive_source *s, const struct archive_names *n);

/* ---- one array: out->rank and out->dim have been read ---- */

/** Room for the array's numbers, as soon as the wish has accepted it and `bytes` are what numbers of this type take.
 *  Puts their place into out->data, or NULL if they are not to be read: of those that are not packed, the wish then
 *  knows that they lie from byte `at` of the file on. */
CHECKED int archive_room(const struct archive_source *s, struct archive_array *out, const struct archive_place *at,
                         uint64_t bytes);
int archive_no_type(const struct archive_source *s, const char *type, size_t length);

/* ---- texts that say what there is ---- */

struct archive_cursor {
    const char *at, *end;
};
/** Move over c, and white space before it, if c is what stands there. */
bool archive_skip(struct archive_cursor *at, char c);
/** A text in these quotes, without them; its escapes stay as they are. */
CHECKED bool archive_text(struct archive_cursor *at, char quote, const char **text, size_t *length);
/** [1, 2, 3] or (1, 2, 3,): the first ARCHIVE_RANK of them. */
CHECKED bool archive_list(struct archive_cursor *at, char open, char close, uint64_t number[ARCHIVE_RANK],
                          size_t *count);
/** The dimensions, if there are not too many. */
CHECKED int archive_shape(const struct archive_source *s, const uint64_t *dim, size_t rank,
                          struct archive_array *out);

extern const char archive_npy_magic[]; /* the 6 bytes that an .npy file begins with */
CHECKED int archive_npy_find(const struct archive_source *s, struct archive_array *out);
CHECKED int archive_npz_find(const struct archive_source *s, struct archive_array *out);
CHECKED int archive_safetensors_find(const struct archive_source *s, struct archive_array *out);

#endif
