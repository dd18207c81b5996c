#include "disk/h5.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/regular.h"
#include "base/text.h"
#include "disk/types.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    META_BLOCK = 1 << 18,
    LEVEL = 4,
    FULL_BELOW = 1 << 24,
    REASON = 1024,
    ATTRIBUTES = 32,
    LINKS = 96,
    CACHE_PLACES = 31
};

static char reason[REASON]; /* why HDF5 has failed first since somebody asked */

static herr_t keep_innermost(unsigned n, const H5E_error2_t *error, void *ctx)
{
    (void)ctx;
    if (n == 0) text_brief(reason, REASON, "%s", error->desc ? error->desc : "");
    return 0;
}

/* HDF5 wraps the system's message in addresses and sizes that help nobody. */
static void unwrap(void)
{
    static const char tag[] = "error message = '";
    char *message = strstr(reason, tag);
    if (!message) return;
    message += strlen(tag);
    size_t length = strcspn(message, "'");
    memmove(reason, message, length);
    reason[length] = '\0';
}

/* Called by HDF5 where it would print: later calls, such as closing what is open, forget the error. */
static herr_t note_reason(hid_t stack, void *ctx)
{
    (void)ctx;
    if (reason[0]) return 0;
    H5Ewalk2(stack, H5E_WALK_UPWARD, keep_innermost, NULL);
    unwrap();
    return 0;
}

void h5_reason(const char *text)
{
    text_brief(reason, REASON, "%s", text);
}

void h5_start(void)
{
    static bool started = false;
    reason[0] = '\0';
    if (started) return;
    started = true;
    H5dont_atexit();
    MUST(H5open() >= 0);
    MUST(H5Eset_auto2(H5E_DEFAULT, note_reason, NULL) >= 0);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit then fails the write instead of killing the rank */
}

static bool says_full(void)
{
    return strstr(reason, "No space left") || strstr(reason, "quota exceeded") || strstr(reason, "File too large");
}

static bool says_broken(void)
{
    return strstr(reason, "nput/output error") || strstr(reason, "I/O error") ||
           strstr(reason, "Stale file handle") || strstr(reason, "timed out");
}

/* A short write sets no errno, so the disk itself is asked. */
static bool disk_full(const char *file)
{
    struct statvfs fs;
    return !statvfs(file, &fs) && fs.f_bavail * fs.f_frsize < FULL_BELOW;
}

int h5_error(struct err *e, enum err_kind kind, const char *file, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    text_brief_args(text, sizeof text, format, args);
    va_end(args);
    char limit[64] = "";
    struct rlimit size;
    if (strstr(reason, "File too large") && !getrlimit(RLIMIT_FSIZE, &size) && size.rlim_cur != RLIM_INFINITY)
        text_brief(limit, sizeof limit, " for a limit of %llu bytes (ulimit -f)", (unsigned long long)size.rlim_cur);
    if (says_full())
        kind = ERR_FULL;
    else if (says_broken() || (kind == ERR_FULL && !disk_full(file)))
        kind = ERR_DISK;
    else if (kind == ERR_FULL)
        text_brief(reason, REASON, "No space left on device");
    err_at(e, kind, file, NOWHERE, NULL, "%s%s%s%s", text, reason[0] ? ": " : "", text_shown(reason, 160), limit);
    reason[0] = '\0';
    return -1;
}

/* What is made is not written, thrown away and read again. */
static void keep_in_memory(hid_t access)
{
    H5AC_cache_config_t cache = { .version = H5AC__CURR_CACHE_CONFIG_VERSION };
    MUST(H5Pget_mdc_config(access, &cache) >= 0);
    cache.set_initial_size = true;
    cache.initial_size = cache.max_size = 128 << 20;
    cache.incr_mode = H5C_incr__off;
    cache.flash_incr_mode = H5C_flash_incr__off;
    cache.decr_mode = H5C_decr__off;
    MUST(H5Pset_mdc_config(access, &cache) >= 0);
}

hid_t h5_access(enum use use)
{
    hid_t p = H5Pcreate(H5P_FILE_ACCESS);
    MUST(p >= 0);
    MUST(H5Pset_fclose_degree(p, H5F_CLOSE_STRONG) >= 0);
    MUST(H5Pset_sieve_buf_size(p, 0) >= 0);
    /* Of compressed pieces, which are written once: a dataset's part of the cache is that of whoever opens it first.
     */
    MUST(H5Pset_cache(p, 0, CACHE_PLACES, 2 * PIECE, 1) >= 0);
#if H5_VERSION_GE(1, 10, 7)
    MUST(H5Pset_file_locking(p, false, true) >= 0);
#else
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
#endif
    if (use != READING) MUST(H5Pset_libver_bounds(p, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0);
    if (use == WRITING) {
        MUST(H5Pset_alignment(p, PAGE, PAGE) >= 0);
        MUST(H5Pset_meta_block_size(p, META_BLOCK) >= 0);
        keep_in_memory(p);
    }
    return p;
}

/* 1: it has; 0: it has not; -1 with errno set: it cannot be read. */
static int has_signature(const char *path)
{
    static const char signature[8] = "\211HDF\r\n\032\n";
    char have[8] = { 0 };
    const int fd = regular_open(path, O_RDONLY, ERR_IO, NULL);
    if (fd < 0) return -1;
    const ssize_t got = pread(fd, have, sizeof have, 0);
    const int code = errno;
    close(fd);
    errno = code;
    return got < 0 ? -1 : got == (ssize_t)sizeof have && !memcmp(have, signature, sizeof have);
}

hid_t h5_open(const char *path, enum use use, struct err *e)
{
    const bool writing = use != READING;
    struct stat st;
    if (regular_or_none(path, ERR_IO, e)) return -1;
    if (stat(path, &st) || (!S_ISDIR(st.st_mode) && access(path, writing ? R_OK | W_OK : R_OK)))
        return err_at(e, err_kind_of(errno), path, NOWHERE, NULL, "cannot be opened%s: %s",
                      writing ? " for writing" : "", strerror(errno));
    const int ours = S_ISREG(st.st_mode) ? has_signature(path) : 0;
    if (ours < 0) return err_at(e, err_kind_of(errno), path, NOWHERE, NULL, "cannot be read: %s", strerror(errno));
    if (!ours) return err_at(e, ERR_IO, path, NOWHERE, NULL, "is not a Tombola store: it is no HDF5 file");
    hid_t access_list = h5_access(use);
    hid_t file = H5Fopen(path, writing ? H5F_ACC_RDWR : H5F_ACC_RDONLY, access_list);
    if (file < 0) h5_error(e, ERR_STORE, path, "is damaged");
    H5Pclose(access_list);
    return file;
}

/* Compressed pieces of PIECE bytes, with as many of the inner axes whole as fit. */
static void lay_out_packed(hid_t p, hid_t type, int rank, const hsize_t *dim)
{
    hsize_t piece[H5S_MAX_RANK], room = PIECE / H5Tget_size(type);
    for (int i = rank; i-- > 0;) {
        piece[i] = dim[i] < room ? dim[i] : room;
        if (piece[i] == 0) piece[i] = 1;
        room /= piece[i];
    }
    MUST(H5Pset_chunk(p, rank, piece) >= 0);
    MUST(H5Pset_shuffle(p) >= 0);
    MUST(H5Pset_deflate(p, LEVEL) >= 0);
}

/* ---- what datasets are made by ---- */

/* With missing groups on the path. */
static hid_t linking(void)
{
    static hid_t p = H5I_INVALID_HID; /* kept, as it takes longer to make than a dataset by it */
    if (p >= 0) return p;
    p = H5Pcreate(H5P_LINK_CREATE);
    MUST(H5Pset_create_intermediate_group(p, 1) >= 0);
    return p;
}

static hid_t plain(void)
{
    hid_t p = H5Pcreate(H5P_DATASET_CREATE);
    MUST(H5Pset_obj_track_times(p, false) >= 0);
    MUST(H5Pset_attr_phase_change(p, ATTRIBUTES, ATTRIBUTES) >= 0); /* all beside each other, in its header */
    return p;
}

static hid_t in_place(void)
{
    static hid_t p = H5I_INVALID_HID;
    if (p >= 0) return p;
    p = plain();
    MUST(H5Pset_layout(p, H5D_CONTIGUOUS) >= 0);
    MUST(H5Pset_alloc_time(p, H5D_ALLOC_TIME_EARLY) >= 0);
    MUST(H5Pset_fill_time(p, H5D_FILL_TIME_NEVER) >= 0);
    return p;
}

hid_t h5_dataset(hid_t at, const char *path, hid_t type, int rank, const hsize_t *dim)
{
    const bool packed = H5Aexists_by_name(at, "/", ARCHIVE, H5P_DEFAULT) > 0;
    hid_t made = packed ? plain() : in_place(), space = H5Screate_simple(rank, dim, NULL);
    if (packed) lay_out_packed(made, type, rank, dim);
    hid_t set = H5Dcreate2(at, path, type, space, linking(), made, H5P_DEFAULT);
    if (space >= 0) H5Sclose(space);
    if (packed) H5Pclose(made);
    return set;
}

hid_t h5_group(hid_t at, const char *path)
{
    hid_t p = H5Pcreate(H5P_GROUP_CREATE);
    MUST(H5Pset_obj_track_times(p, false) >= 0);
    MUST(H5Pset_link_phase_change(p, LINKS, LINKS) >= 0 && H5Pset_est_link_info(p, LINKS / 4, 12) >= 0);
    hid_t group = H5Gcreate2(at, path, linking(), p, H5P_DEFAULT);
    H5Pclose(p);
    return group;
}

static bool set_attribute(hid_t object, const char *name, hid_t type, const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = a >= 0 && H5Awrite(a, type, value) >= 0;
    if (a >= 0) H5Aclose(a);
    H5Sclose(space);
    return ok;
}

bool h5_set_text(hid_t object, const char *name, const char *text)
{
    hid_t type = type_plain(COLUMN_TEXT, strlen(text) + 1);
    bool ok = set_attribute(object, name, type, text);
    H5Tclose(type);
    return ok;
}

bool h5_set_number(hid_t object, const char *name, uint64_t value)
{
    return set_attribute(object, name, H5T_NATIVE_UINT64, &value);
}

static const char *text_of(hid_t a, hid_t type, struct arena *arena)
{
    if (H5Tis_variable_str(type) != 0) return "";
    size_t size = H5Tget_size(type);
    char *text = arena_alloc(arena, size + 1);
    return H5Aread(a, type, text) < 0 ? "" : text;
}

static const char *number_of(hid_t a, struct arena *arena)
{
    char text[24];
    uint64_t value;
    if (H5Aread(a, H5T_NATIVE_UINT64, &value) < 0) return "";
    MUST(text_print(text, sizeof text, "%llu", (unsigned long long)value));
    return arena_text(arena, text, strlen(text));
}

const char *h5_get_text(hid_t object, const char *name, struct arena *arena)
{
    if (H5Aexists(object, name) <= 0) return "";
    hid_t a = H5Aopen(object, name, H5P_DEFAULT);
    if (a < 0) return "";
    hid_t type = H5Aget_type(a), space = H5Aget_space(a);
    const char *text = "";
    if (H5Sget_simple_extent_npoints(space) == 1) {
        H5T_class_t class = H5Tget_class(type);
        text = class == H5T_STRING ? text_of(a, type, arena) : class == H5T_INTEGER ? number_of(a, arena) : "";
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(a);
    return text;
}

bool h5_get_number(hid_t object, const char *name, uint64_t *value)
{
    if (H5Aexists(object, name) <= 0) return false;
    hid_t a = H5Aopen(object, name, H5P_DEFAULT);
    if (a < 0) return false;
    hid_t type = H5Aget_type(a), space = H5Aget_space(a);
    bool ok = H5Tget_class(type) == H5T_INTEGER && H5Sget_simple_extent_npoints(space) == 1 &&
              H5Aread(a, H5T_NATIVE_UINT64, value) >= 0;
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(a);
    return ok;
}

struct summing {
    struct arena arena;
    struct buf text;
};

static herr_t sum_attribute(hid_t object, const char *name, const H5A_info_t *info, void *ctx)
{
    (void)info;
    struct summing *s = ctx;
    if (!strcmp(name, "checksum")) return 0;
    buf_print(&s->text, "%s=%s\n", name, h5_get_text(object, name, &s->arena));
    return 0;
}

bool h5_sum_attributes(hid_t object, uint64_t *sum)
{
    struct summing s = { .text = { 0 } };
    hsize_t at = 0;
    bool ok = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &at, sum_attribute, &s) >= 0;
    *sum = hash_sum(buf_chars(&s.text), s.text.length);
    buf_release(&s.text);
    arena_release(&s.arena);
    return ok;
}

bool h5_seal_attributes(hid_t object)
{
    uint64_t sum;
    if (H5Aexists(object, "checksum") > 0 && H5Adelete(object, "checksum") < 0) return false;
    return h5_sum_attributes(object, &sum) && h5_set_number(object, "checksum", sum);
}
