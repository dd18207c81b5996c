/** base/table.h: plain text tables with aligned columns. */
#ifndef TOMBOLA_BASE_TABLE_H
#define TOMBOLA_BASE_TABLE_H

#include "base/buf.h"

enum { TABLE_COLUMNS = 256 };

/** Cells are added row by row; a zeroed table with `columns` set is ready for use. */
struct table {
    size_t columns, cells;
    struct buf text;          /* every cell, NUL-terminated, one after the other */
    bool left[TABLE_COLUMNS]; /* left-aligned; numbers are better right-aligned  */
};

void table_release(struct table *t);
void table_cell(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** A cell with the shortest form of value with at most `digits` significant digits; "-" if it is NaN. */
void table_real(struct table *t, double value, int digits);
/** The first row is the head.  Columns are as wide as their widest cell, two blanks apart; UTF-8 counts by character.
 */
void table_print(const struct table *t, struct buf *out);

#endif
