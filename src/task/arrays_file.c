#include "task/arrays.h"

#include "base/buf.h"
#include "base/names.h"
#include "base/text.h"
#include "disk/csv.h"
#include "disk/import.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert((int)ARRAYS_RANK == (int)ARCHIVE_RANK, "an array has as many dimensions as files have");

enum { HELD = 4, AT_ONCE = 4096, NAME = 64 };
#define UNPACKED (UINT64_C(4) << 30) /* bytes of a packed array at most */

/* ---- what this process has open ---- */

struct span {
    void *at;
    size_t bytes;
};

static struct held {
    struct arrays arrays;
    struct arena arena; /* names, and numbers that were packed */
    struct id key;      /* of the places, and of what stat says of the files */
    struct span map[ARRAYS_ROLES];
    size_t maps;
    uint64_t used; /* 0: free; else when it was wanted last */
} held[HELD];

static void release(struct held *h)
{
    for (size_t i = 0; i < h->maps; i++) munmap(h->map[i].at, h->map[i].bytes);
    arena_release(&h->arena);
    *h = (struct held){ 0 };
}

static const char *file_of(const struct arrays_place *p, size_t role)
{
    if (role == ARRAYS_TEST_Y && !p->file[role][0]) role = ARRAYS_TEST_X;
    return p->file[role][0] ? p->file[role] : p->file[ARRAYS_X];
}

/* A file that is not there has a key, too: who opens it says what is wrong. */
static struct id key_of(const struct arrays_place *p)
{
    struct buf key = { 0 };
    buf_text(&key, p->names);
    for (size_t i = 0; i < ARRAYS_ROLES; i++) {
        struct stat st = { 0 };
        const bool there = !stat(file_of(p, i), &st);
        buf_print(&key, "\n%s\t%s", p->file[i], file_of(p, i));
        if (!there) continue;
        const uint64_t facts[] = { (uint64_t)st.st_dev, (uint64_t)st.st_ino, (uint64_t)st.st_size,
                                   (uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec };
        buf_add(&key, facts, sizeof facts);
    }
    const struct id id = id_of(key.bytes, key.length);
    buf_release(&key);
    return id;
}

/* ---- one array ---- */

static double memory(void)
{
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

/* Before any number is read.  A number is a byte at least. */
static int accept_array(const void *ctx, size_t rank, const size_t *dim, struct err *e)
{
    const struct arrays_array *x = ctx;
    double count = 1;
    for (size_t i = 0; i < rank; i++) count *= (double)dim[i];
    if (rank == 0 || count == 0)
        return err_at(e, ERR_SPEC, x->file, NOWHERE, NULL, "array '%s' is %s; wanted: [examples, ...], one at least",
                      x->name, rank ? "empty" : "a single number");
    if (count > memory())
        return err_at(e, ERR_SPEC, x->file, NOWHERE, NULL, "array '%s' has %.1f GB at least, and the memory %.1f GB",
                      x->name, count / 1e9, memory() / 1e9);
    return 0;
}

static int map_file(struct held *h, struct arrays_array *x, const struct import_file *f,
                    const struct archive_place *place, struct err *e)
{
    const size_t bytes = x->n * x->width * stored_bytes(place->type), all = (size_t)place->at + bytes;
    struct stat st;
    const bool there = !fstat(import_handle(f), &st) && (uint64_t)st.st_size >= all;
    void *at = there ? mmap(NULL, all, PROT_READ, MAP_SHARED, import_handle(f), 0) : MAP_FAILED;
    if (at == MAP_FAILED)
        return err_at(e, ERR_SPEC, x->file, NOWHERE, NULL, "array '%s' of %.1f GB cannot be mapped", x->name,
                      (double)bytes / 1e9);
    h->map[h->maps++] = (struct span){ at, all };
    x->at = (const char *)at + place->at;
    if (archive_sum_agrees(place, x->at, bytes)) return 0;
    return err_at(e, ERR_SPEC, x->file, NOWHERE, NULL,
                  "is damaged: the bytes of array '%s' do not agree with their CRC-32", x->name);
}

/* x->n stays 0 if it is optional and is not there. */
static int read_array(struct held *h, struct arrays_array *x, struct import_file *f, const char *name, bool optional,
                      struct err *e)
{
    struct import_array found;
    x->name = arena_text(&h->arena, name, strlen(name));
    if (import_native(&found, f, name, accept_array, x, optional, UNPACKED, &h->arena, e)) return -1;
    if (!found.stored && !found.place.known) return 0;
    x->rank = found.rank;
    x->n = found.dim[0];
    x->width = 1;
    for (size_t i = 0; i < found.rank; i++) x->dim[i] = found.dim[i];
    for (size_t i = 1; i < found.rank; i++) x->width *= found.dim[i];
    x->type = found.place.type;
    x->at = found.stored;
    return found.place.known ? map_file(h, x, f, &found.place, e) : 0;
}

/* ---- what is in it ---- */

static bool is_not_finite(double v, const void *ctx)
{
    (void)ctx;
    return !(fabs(v) <= (double)FLT_MAX);
}

int arrays_refuse(const struct arrays_array *x, bool (*wrong)(double number, const void *ctx), const void *ctx,
                  const char *allowed, struct err *e)
{
    double v = 0;
    size_t i = 0;
    const size_t all = x->n * x->width, bytes = stored_bytes(x->type);
    for (; i < all; i++) {
        stored_convert(x->type, (const char *)x->at + i * bytes, 1, &v);
        if (wrong(v, ctx)) break;
    }
    MUST(i < all);
    return err_at(e, ERR_SPEC, x->file, NOWHERE, NULL, "array '%s' holds %g, its number %zu of %zu; allowed: %s",
                  x->name, v, i + 1, all, allowed);
}

/* The least and the largest number, and whether all are whole. */
static int look_through(struct arrays_array *x, struct err *e)
{
    double v[AT_ONCE];
    const size_t all = x->n * x->width, bytes = stored_bytes(x->type);
    bool finite = true;
    x->whole = true;
    x->low = DBL_MAX;
    x->high = -DBL_MAX;
    for (size_t i = 0, some; i < all && finite; i += some) {
        double low = DBL_MAX, high = -DBL_MAX, parts = 0;
        some = all - i < AT_ONCE ? all - i : AT_ONCE;
        stored_convert(x->type, (const char *)x->at + i * bytes, some, v);
        for (size_t k = 0; k < some; k++) {
            low = v[k] < low ? v[k] : low;
            high = v[k] > high ? v[k] : high;
            parts += v[k] != floor(v[k]);
            finite = finite && fabs(v[k]) <= (double)FLT_MAX;
        }
        x->low = fmin(x->low, low);
        x->high = fmax(x->high, high);
        x->whole = x->whole && parts == 0;
    }
    if (!finite) return arrays_refuse(x, is_not_finite, NULL, "finite numbers, up to 3.4e38", e);
    x->id = id_of(x->at, all * bytes);
    return 0;
}

/* ---- names ---- */

/* The i-th name of "[a,b]"; false behind the last. */
static bool listed_name(const char *names, size_t i, char out[NAME])
{
    const char *at = names + 1;
    while (i && *at && *at != ']') {
        at += strcspn(at, ",]");
        at += *at == ',';
        i--;
    }
    const size_t length = strcspn(at, ",]");
    return !i && length && text_copy(out, NAME, at, length);
}

static size_t count_names(const char *names)
{
    char ignored[NAME];
    size_t count = 0;
    while (listed_name(names, count, ignored)) count++;
    return count;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

/* The array of this role in a file that may have several.  Of those with usual names the first that is there. */
static int find_array(struct held *h, const struct arrays_place *p, size_t role, struct import_file *f, struct err *e)
{
    static const char *const usual[ARRAYS_ROLES][2] = { [ARRAYS_X] = { "x_train", "x" },
                                                        [ARRAYS_Y] = { "y_train", "y" },
                                                        [ARRAYS_TEST_X] = { "x_test", "x" },
                                                        [ARRAYS_TEST_Y] = { "y_test", "y" } };
    struct arrays_array *x = &h->arrays.array[role];
    const bool of_test = role >= ARRAYS_TEST_X, apart = p->file[ARRAYS_TEST_X][0];
    const size_t count = count_names(p->names);
    char name[NAME];
    if (ends_with(x->file, ".npy")) return of_test && !apart ? 0 : read_array(h, x, f, "", false, e);
    if (count && !listed_name(p->names, count == 2 ? role % 2 : role, name)) return 0;
    if (count) return of_test && !apart && count == 2 ? 0 : read_array(h, x, f, name, false, e);
    if (of_test && !apart && strcmp(h->arrays.array[ARRAYS_X].name, usual[ARRAYS_X][0]) != 0) return 0;
    if (read_array(h, x, f, usual[role][0], !(of_test && !apart), e)) return -1;
    return x->n ? 0 : read_array(h, x, f, usual[role][1], false, e);
}

/* ---- a CSV file ---- */

static int find_column(const struct csv_table *t, const char *file, const char *name, size_t *out, struct err *e)
{
    if (!t->name)
        return err_at(e, ERR_SPEC, file, NOWHERE, NULL, "has no names in its first row, and names ask for '%s'",
                      name);
    for (*out = 0; t->name[*out]; ++*out)
        if (!strcmp(t->name[*out], name)) return 0;
    return names_unknown(e, file, name, t->name, "has no column '%s'; it has", name);
}

/* Some columns of the table side by side; without names the first `width`, from column `first` on. */
static void take_columns(struct held *h, struct arrays_array *x, const struct csv_table *t, const size_t *column,
                         size_t width)
{
    double *value = ARENA_NEW(&h->arena, t->rows * width, double);
    for (size_t i = 0; i < t->rows; i++)
        for (size_t j = 0; j < width; j++) value[i * width + j] = t->value[i * t->columns + column[j]];
    x->rank = 2;
    x->dim[0] = x->n = t->rows;
    x->dim[1] = x->width = width;
    x->type = STORED_F64;
    x->at = value;
}

static int read_csv(struct held *h, const struct arrays_place *p, size_t role, struct err *e)
{
    struct arrays_array *x = &h->arrays.array[role], *y = x + 1;
    struct arena scratch = { 0 };
    struct csv_table t;
    const size_t names = count_names(p->names);
    char name[NAME];
    int rc = csv_read(&t, x->file, &scratch, e);
    const size_t used = names ? names : rc ? 0 : t.columns;
    size_t *column = ARENA_NEW(&scratch, used, size_t);
    for (size_t i = 0; i < used && !rc; i++) {
        column[i] = i;
        if (names && listed_name(p->names, i, name)) rc = find_column(&t, x->file, name, &column[i], e);
    }
    if (!rc && (used < 2 || !t.rows))
        rc = err_at(e, ERR_SPEC, x->file, NOWHERE, NULL,
                    "has %zu rows of %zu columns; wanted: one row and two columns at least", t.rows, t.columns);
    if (!rc) {
        x->name = "its columns but the last";
        y->name = "its last column";
        y->file = x->file;
        take_columns(h, x, &t, column, used - 1);
        take_columns(h, y, &t, column + used - 1, 1);
    }
    arena_release(&scratch);
    return rc;
}

/* ---- all of them ---- */

/* Training or test examples: x and y. */
static int read_half(struct held *h, const struct arrays_place *p, size_t first, struct err *e)
{
    struct arrays_array *x = &h->arrays.array[first];
    for (size_t i = first; i < first + 2; i++)
        h->arrays.array[i].file = arena_text(&h->arena, file_of(p, i), strlen(file_of(p, i)));
    if (ends_with(x->file, ".csv")) return first == ARRAYS_X || p->file[first][0] ? read_csv(h, p, first, e) : 0;
    for (size_t i = first; i < first + 2; i++) {
        struct import_file *f;
        if (i > first && !x->n) break;
        if (import_open(&f, h->arrays.array[i].file, e)) return -1;
        const int rc = find_array(h, p, i, f, e);
        import_close(f);
        if (rc) return -1;
    }
    return 0;
}

static int check_half(struct arrays_array *x, struct arrays_array *y, struct err *e)
{
    if (!x->n) return 0;
    if (x->n != y->n)
        return err_at(e, ERR_SPEC, x->file, NOWHERE, NULL,
                      "array '%s' has %zu examples, and array '%s'%s%s%s has %zu", x->name, x->n, y->name,
                      strcmp(x->file, y->file) ? " of '" : "", strcmp(x->file, y->file) ? y->file : "",
                      strcmp(x->file, y->file) ? "'" : "", y->n);
    return look_through(x, e) || look_through(y, e) ? -1 : 0;
}

static int check_halves(const struct arrays *a, struct err *e)
{
    for (size_t i = ARRAYS_X; i <= ARRAYS_Y; i++) {
        const struct arrays_array *train = &a->array[i], *test = &a->array[i + 2];
        if (test->n && train->width != test->width)
            return err_at(e, ERR_SPEC, test->file, NOWHERE, NULL,
                          "array '%s' has %zu numbers an example, and '%s', which is trained on, %zu", test->name,
                          test->width, train->name, train->width);
    }
    return 0;
}

static struct held *least_wanted(void)
{
    struct held *h = held;
    for (size_t i = 1; i < HELD; i++)
        if (held[i].used < h->used) h = &held[i];
    return h;
}

int arrays_open(const struct arrays_place *place, const struct arrays **out, struct err *e)
{
    static uint64_t now;
    const struct id key = key_of(place);
    for (size_t i = 0; i < HELD; i++)
        if (held[i].used && id_equal(held[i].key, key)) {
            held[i].used = ++now;
            *out = &held[i].arrays;
            return 0;
        }
    struct held *h = least_wanted();
    release(h);
    h->key = key;
    struct arrays_array *x = h->arrays.array;
    if (read_half(h, place, ARRAYS_X, e) || read_half(h, place, ARRAYS_TEST_X, e) || check_half(x, x + 1, e) ||
        check_half(x + ARRAYS_TEST_X, x + ARRAYS_TEST_Y, e) || check_halves(&h->arrays, e)) {
        release(h);
        return -1;
    }
    h->used = ++now;
    *out = &h->arrays;
    return 0;
}

struct id arrays_digest(const struct arrays *a)
{
    struct {
        struct id id;
        uint64_t type, width;
    } part[ARRAYS_ROLES];
    for (size_t i = 0; i < ARRAYS_ROLES; i++) {
        part[i].id = a->array[i].id;
        part[i].type = a->array[i].type;
        part[i].width = a->array[i].width;
    }
    return id_of(part, sizeof part);
}
