/** base/column.h: result columns are declared once.
 *
 *  The same row creates the HDF5 member or dataset, heads the printed table, names the SQL column, and documents it.
 */
#ifndef TOMBOLA_BASE_COLUMN_H
#define TOMBOLA_BASE_COLUMN_H

#include <stddef.h>
#include <stdint.h>

enum column_type {
    COLUMN_I64, /* int64_t; COLUMN_NO_INT = missing              */
    COLUMN_F64, /* double; NaN = missing                         */
    COLUMN_F32,
    COLUMN_U8,
    COLUMN_U64,
    COLUMN_ENUM, /* uint8_t: index into names                     */
    COLUMN_TEXT, /* char[size], UTF-8, NUL-padded; "" = missing   */
    COLUMN_TYPES
};
#define COLUMN_NO_INT ((int64_t)-1)

struct column {
    const char *name;
    enum column_type type;
    size_t offset;            /* in the row                                        */
    size_t size;              /* bytes of a COLUMN_TEXT; otherwise 0               */
    const char *const *names; /* of a COLUMN_ENUM, NULL-terminated                 */
    const char *unit, *help;  /* unit "1": a pure number; "": not a quantity       */
};
#define COLUMN_END                                                                                                   \
    {                                                                                                                \
        .name = NULL                                                                                                 \
    }

/** Bytes of one value. */
size_t column_size(enum column_type type, size_t text_size);
/** Every column of the row to its missing value. */
void columns_blank(const struct column *columns, void *row);

#endif
