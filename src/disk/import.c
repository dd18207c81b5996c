#include "disk/import.h"
#include "base/names.h"
#include "base/regular.h"
#include "base/text.h"
#include "base/vec.h"
#include "disk/h5.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- links ---- */

static herr_t no_other_file(const char *parent, const char *link, const char *file, const char *object,
                            unsigned *flags, hid_t access_list, void *met)
{
    (void)parent, (void)link, (void)file, (void)object, (void)flags, (void)access_list;
    *(bool *)met = true;
    return -1;
}

/* The dataset of that name, if it is one, and no link on the way leads into another file. */
static hid_t open_dataset(hid_t h5, const char *name, bool *outside)
{
    hid_t links = H5Pcreate(H5P_LINK_ACCESS);
    *outside = false;
    MUST(links >= 0 && H5Pset_elink_cb(links, no_other_file, outside) >= 0);
    hid_t object = H5Oopen(h5, name, links);
    H5Pclose(links);
    if (object >= 0 && H5Iget_type(object) == H5I_DATASET) return object;
    if (object >= 0) H5Oclose(object);
    return H5I_INVALID_HID;
}

/* ---- names ---- */

struct names { /* of the datasets of a file */
    struct arena arena;
    const char **name;
    size_t count;
};

static herr_t note_dataset(hid_t root, const char *name, const H5L_info_t *info, void *ctx)
{
    (void)info;
    struct names *n = ctx;
    bool outside;
    const hid_t set = open_dataset(root, name, &outside);
    if (set < 0) return 0; /* a group, or a link to nothing that is here */
    H5Dclose(set);
    *VEC_MORE_IN(&n->arena, n->name, n->count) = arena_text(&n->arena, name, strlen(name));
    return 0;
}

static int no_dataset(hid_t h5, const char *file, const char *dataset, struct err *e)
{
    struct names names = { 0 };
    H5Lvisit(h5, H5_INDEX_NAME, H5_ITER_INC, note_dataset, &names);
    *VEC_MORE_IN(&names.arena, names.name, names.count) = NULL;
    names_unknown(e, file, dataset, names.name, "has no dataset '%s'; it has", dataset);
    arena_release(&names.arena);
    return -1;
}

/* ---- is it what it seems to be? ---- */

enum { NUMBER_BYTES = 16, PIECE_BYTES = 1 << 24, SPARE = 1 << 16 };

static int refuse(const char *file, const char *dataset, const char *why, struct err *e)
{
    return err_at(e, ERR_SPEC, file, NOWHERE, NULL, "dataset '%s' %s", dataset, why);
}

/* Each of these once: two of them can make a terabyte of a megabyte, and others ask for memory by what the file says.
 */
static bool known_filters(hid_t made)
{
    static const H5Z_filter_t known[] = { H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32 };
    const int count = H5Pget_nfilters(made);
    unsigned seen = 0;
    for (int i = 0; i < count; i++) {
        unsigned flags, config, bit = 0;
        size_t values = 0;
        const H5Z_filter_t have = H5Pget_filter2(made, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
        for (size_t k = 0; k < ARRAY_LEN(known); k++) bit |= have == known[k] ? 1U << k : 0;
        if (!bit || seen & bit) return false;
        seen |= bit;
    }
    return count >= 0;
}

/* HDF5 makes room for a whole piece, and for what is compressed in it. */
static int check_pieces(hid_t set, hid_t made, size_t count, size_t bytes, const char *file, const char *dataset,
                        struct err *e)
{
    hsize_t dim[H5S_MAX_RANK];
    uint64_t piece = bytes;
    const uint64_t most = count * bytes > PIECE_BYTES ? count * bytes : PIECE_BYTES;
    const int rank = H5Pget_layout(made) == H5D_CHUNKED ? H5Pget_chunk(made, H5S_MAX_RANK, dim) : 0;
    for (int i = 0; i < rank; i++) {
        if (dim[i] > most / piece)
            return refuse(file, dataset, "is stored in pieces that are larger than itself and than 16 MB", e);
        piece *= dim[i];
    }
    if (rank && !known_filters(made))
        return refuse(file, dataset, "is packed otherwise than by gzip, shuffle, fletcher32", e);
    if (rank && H5Dget_storage_size(set) > 2 * most + SPARE)
        return refuse(file, dataset, "takes more room in the file than its numbers do", e);
    return 0;
}

static int check_type(hid_t type, const char *file, const char *dataset, struct err *e)
{
    const H5T_class_t class = H5Tget_class(type);
    if (class != H5T_INTEGER && class != H5T_FLOAT && class != H5T_ENUM)
        return refuse(file, dataset, "is not numeric", e);
    return H5Tget_size(type) > NUMBER_BYTES ? refuse(file, dataset, "has numbers of more than 16 bytes", e) : 0;
}

/* Before anybody asks for the shape of a virtual dataset: HDF5 opens its parts for that. */
static int check_place(hid_t made, const char *file, const char *dataset, struct err *e)
{
    if (H5Pget_layout(made) == H5D_VIRTUAL || H5Pget_external_count(made) != 0)
        return refuse(file, dataset, "lies in another file, which is not read: copy it", e);
    return 0;
}

static int read_shape(struct import_array *out, hid_t set, size_t *count, const char *file, const char *dataset,
                      struct err *e)
{
    hid_t space = H5Dget_space(set);
    hsize_t dim[H5S_MAX_RANK] = { 0 };
    const int rank = H5Sget_simple_extent_ndims(space);
    const bool none = H5Sget_simple_extent_type(space) == H5S_NULL;
    if (!none && rank >= 0) H5Sget_simple_extent_dims(space, dim, NULL);
    H5Sclose(space);
    if (none || rank < 0 || rank > ARCHIVE_RANK)
        return err_at(e, ERR_SPEC, file, NOWHERE, NULL, "dataset '%s' has %d dimensions, and at most %d are read",
                      dataset, rank, ARCHIVE_RANK);
    out->rank = (size_t)rank;
    *count = 1;
    for (int i = 0; i < rank; i++) {
        if (dim[i] && *count > (size_t)PTRDIFF_MAX / NUMBER_BYTES / dim[i])
            return refuse(file, dataset, "is larger than any memory", e);
        *count *= out->dim[i] = (size_t)dim[i];
    }
    return 0;
}

/* What is asked of a dataset, step by step, before anything of it is read. */
static int check(struct import_array *out, hid_t set, size_t *count, const char *file, const char *dataset,
                 archive_accept *accept, const void *ctx, struct err *e)
{
    hid_t made = H5Dget_create_plist(set), type = H5Dget_type(set);
    int rc = made < 0 || type < 0 ? h5_error(e, ERR_SPEC, file, "dataset '%s' cannot be read", dataset) : 0;
    if (!rc) rc = check_place(made, file, dataset, e);
    if (!rc) rc = check_type(type, file, dataset, e);
    if (!rc) rc = read_shape(out, set, count, file, dataset, e);
    if (!rc) rc = accept ? accept(ctx, out->rank, out->dim, e) : 0;
    if (!rc) rc = check_pieces(set, made, *count, H5Tget_size(type), file, dataset, e);
    if (type >= 0) H5Tclose(type);
    if (made >= 0) H5Pclose(made);
    return rc;
}

/* ---- HDF5 ---- */

/* Numbers of this type stand in the file as this machine has them in memory. */
static bool plain_type(hid_t type, enum stored_type *out)
{
    const struct {
        hid_t file;
        enum stored_type number;
    } plain[] = { { H5T_IEEE_F64LE, STORED_F64 }, { H5T_IEEE_F32LE, STORED_F32 }, { H5T_STD_I64LE, STORED_I64 },
                  { H5T_STD_I32LE, STORED_I32 },  { H5T_STD_I16LE, STORED_I16 },  { H5T_STD_I8LE, STORED_I8 },
                  { H5T_STD_U64LE, STORED_U64 },  { H5T_STD_U32LE, STORED_U32 },  { H5T_STD_U16LE, STORED_U16 },
                  { H5T_STD_U8LE, STORED_U8 } };
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (H5Tequal(type, plain[i].file) > 0) {
            *out = plain[i].number;
            return true;
        }
    return false;
}

/* A dataset that nobody has written has no place: its numbers are all its fill value. */
static struct archive_place place_of(hid_t set, size_t count)
{
    struct archive_place place = { .known = false };
    hid_t made = H5Dget_create_plist(set), type = H5Dget_type(set);
    const haddr_t at = H5Pget_layout(made) == H5D_CONTIGUOUS ? H5Dget_offset(set) : HADDR_UNDEF;
    if (at != HADDR_UNDEF && plain_type(type, &place.type) &&
        H5Dget_storage_size(set) == count * stored_bytes(place.type)) {
        place.known = true;
        place.at = at;
    }
    H5Tclose(type);
    H5Pclose(made);
    return place;
}

/* The numbers as they are, or as doubles if this machine has no such. */
static int read_native(struct import_array *out, hid_t set, size_t count, const char *file,
                       const struct archive_wish *wish, struct arena *a, struct err *e)
{
    hid_t type = H5Dget_type(set);
    const bool plain = plain_type(type, &wish->place->type);
    if (!plain) wish->place->type = STORED_F64;
    const size_t bytes = count * stored_bytes(wish->place->type);
    int rc = 0;
    if (wish->most && bytes > wish->most)
        rc = err_at(e, ERR_SPEC, file, NOWHERE, NULL,
                    "dataset '%s' is compressed or in pieces, and has %.1f GB without; at most %.1f GB are unpacked: "
                    "store it as it is",
                    wish->name, (double)bytes / 1e9, (double)wish->most / 1e9);
    void *value = rc ? NULL : arena_alloc(a, bytes);
    if (value && count && H5Dread(set, plain ? type : H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0)
        rc = h5_error(e, ERR_SPEC, file, "dataset '%s' cannot be read", wish->name);
    out->stored = value;
    H5Tclose(type);
    return rc;
}

static int read_dataset(struct import_array *out, hid_t h5, const char *file, const struct archive_wish *wish,
                        struct arena *a, struct err *e)
{
    size_t count = 0;
    bool outside;
    const hid_t set = open_dataset(h5, wish->name, &outside);
    if (set < 0 && outside) return refuse(file, wish->name, "lies in another file, which is not read: copy it", e);
    if (set < 0 && wish->optional) return 0;
    if (set < 0) return no_dataset(h5, file, wish->name, e);
    int rc = check(out, set, &count, file, wish->name, wish->accept, wish->ctx, e);
    if (!rc && wish->place) *wish->place = place_of(set, count);
    const bool wanted = !rc && !(wish->place && (wish->place->known || wish->leave_packed));
    if (wanted && wish->native)
        rc = read_native(out, set, count, file, wish, a, e);
    else if (wanted)
        out->value = ARENA_NEW(a, count, double);
    if (!rc && out->value && count && H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out->value) < 0)
        rc = h5_error(e, ERR_SPEC, file, "dataset '%s' cannot be read", wish->name);
    H5Dclose(set);
    return rc;
}

static int open_hdf5(hid_t *out, const char *file, struct err *e)
{
    h5_start();
    hid_t access_list = h5_access(READING);
    *out = H5Fopen(file, H5F_ACC_RDONLY, access_list);
    H5Pclose(access_list);
    if (*out >= 0) return 0;
    return h5_error(e, ERR_SPEC, file, "cannot be read as an HDF5, .npz or .safetensors file");
}

/* ---- either ---- */

struct import_file {
    const char *name; /* behind it */
    int fd;
    hid_t h5; /* H5I_INVALID_HID: an .npz or .safetensors file */
};

int import_open(struct import_file **out, const char *file, struct err *e)
{
    char head[16];
    const size_t length = strlen(file) + 1;
    const int fd = regular_open(file, O_RDONLY, ERR_SPEC, e);
    if (fd < 0) return -1;
    struct import_file *f = malloc(sizeof *f + length);
    if (!f) die("out of memory");
    *f = (struct import_file){ memcpy(f + 1, file, length), fd, H5I_INVALID_HID };
    const ssize_t got = pread(fd, head, sizeof head, 0);
    if (!(got > 0 && archive_is(head, (size_t)got)) && open_hdf5(&f->h5, file, e)) {
        import_close(f);
        return -1;
    }
    *out = f;
    return 0;
}

void import_close(struct import_file *f)
{
    if (!f) return;
    if (f->h5 >= 0) H5Fclose(f->h5);
    close(f->fd);
    free(f);
}

static int read_archive(struct import_array *out, const struct import_file *f, struct archive_wish *wish,
                        struct arena *a, struct err *e)
{
    struct archive_array found;
    const char *slash = strrchr(wish->name, '/');
    if (slash) wish->name = slash + 1;
    if (archive_find(&found, f->fd, f->name, wish, a, e)) return -1;
    out->rank = found.rank;
    memcpy(out->dim, found.dim, sizeof out->dim);
    if (wish->native)
        out->stored = found.data;
    else
        out->value = (double *)(uintptr_t)found.data;
    return 0;
}

static int look_up(struct import_array *out, const struct import_file *f, struct archive_wish wish, struct arena *a,
                   struct err *e)
{
    memset(out, 0, sizeof *out);
    return f->h5 < 0 ? read_archive(out, f, &wish, a, e) : read_dataset(out, f->h5, f->name, &wish, a, e);
}

int import_read(struct import_array *out, struct import_file *f, const char *dataset, archive_accept *accept,
                const void *ctx, struct arena *a, struct err *e)
{
    return look_up(out, f, (struct archive_wish){ .name = dataset, .accept = accept, .ctx = ctx }, a, e);
}

int import_try(struct import_array *out, struct import_file *f, const char *dataset, archive_accept *accept,
               const void *ctx, struct arena *a, struct err *e)
{
    return look_up(out, f, (struct archive_wish){ .name = dataset, .accept = accept, .ctx = ctx, .optional = true },
                   a, e);
}

int import_find(struct import_array *out, struct import_file *f, const char *dataset, archive_accept *accept,
                const void *ctx, bool leave_packed, struct arena *a, struct err *e)
{
    const struct archive_wish wish = {
        .name = dataset, .accept = accept, .ctx = ctx, .place = &out->place, .leave_packed = leave_packed
    };
    return look_up(out, f, wish, a, e);
}

int import_native(struct import_array *out, struct import_file *f, const char *dataset, archive_accept *accept,
                  const void *ctx, bool optional, uint64_t most, struct arena *a, struct err *e)
{
    const struct archive_wish wish = { .name = dataset,
                                       .accept = accept,
                                       .ctx = ctx,
                                       .place = &out->place,
                                       .optional = optional,
                                       .native = true,
                                       .most = most };
    return look_up(out, f, wish, a, e);
}

int import_handle(const struct import_file *f)
{
    return f->fd;
}
