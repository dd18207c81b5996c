/** base/text_table.h: plain text tables with aligned columns. */
#ifndef TOMBOLA_BASE_TEXT_TABLE_H
#define TOMBOLA_BASE_TEXT_TABLE_H

#include "base/buf.h"

enum { TABLE_COLUMNS = 2000 };

/** Cells are added row by row; a zeroed table with `columns` set is ready for use. */
struct text_table {
    size_t columns, cells;
    struct buf text;          /* every cell, NUL-terminated, one after the other */
    bool left[TABLE_COLUMNS]; /* left-aligned; numbers are better right-aligned  */
};

void text_table_release(struct text_table *t);
void text_table_cell(struct text_table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** A cell with the shortest form of value with at most `digits` significant digits; "-" if it is NaN. */
void text_table_real(struct text_table *t, double value, int digits);
/** Leave out columns while the table is wider than so many places: those that say nothing (nothing, 0 or "-" in every
 *  row below the head), then those that say the same in every row, and only then, of the last `results` columns,
 * those that say nothing; each from the left. */
void text_table_fit(struct text_table *t, size_t places, size_t results);
/** The first row is the head.  Columns are as wide as their widest cell, two blanks apart; UTF-8 counts by character.
 */
void text_table_print(const struct text_table *t, struct buf *out);

#endif
