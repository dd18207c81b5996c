#include "base/column.h"
#include "base/err.h"

#include <math.h>
#include <string.h>

size_t column_size(enum column_type type, size_t text_size)
{
    static const size_t size[] = {
        [COLUMN_I64] = 8, [COLUMN_F64] = 8, [COLUMN_F32] = 4, [COLUMN_U8] = 1, [COLUMN_U64] = 8, [COLUMN_ENUM] = 1,
    };
    _Static_assert(ARRAY_LEN(size) == COLUMN_TEXT, "give the new column type a size");
    return type == COLUMN_TEXT ? text_size : size[type];
}

void columns_blank(const struct column *columns, void *row)
{
    for (const struct column *c = columns; c->name; c++) {
        char *place = (char *)row + c->offset;
        if (c->type == COLUMN_I64)
            memcpy(place, &(int64_t){ COLUMN_NO_INT }, sizeof(int64_t));
        else if (c->type == COLUMN_F64)
            memcpy(place, &(double){ (double)NAN }, sizeof(double));
        else if (c->type == COLUMN_F32)
            memcpy(place, &(float){ NAN }, sizeof(float));
        else
            memset(place, 0, column_size(c->type, c->size));
    }
}
