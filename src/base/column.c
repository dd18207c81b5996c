#include "base/column.h"
#include "base/err.h"

size_t column_size(enum column_type type, size_t text_size)
{
    static const size_t size[] = {
        [COLUMN_I64] = 8, [COLUMN_F64] = 8, [COLUMN_F32] = 4, [COLUMN_U8] = 1, [COLUMN_U64] = 8, [COLUMN_ENUM] = 1,
    };
    _Static_assert(ARRAY_LEN(size) == COLUMN_TEXT, "give the new column type a size");
    return type == COLUMN_TEXT ? text_size : size[type];
}
