#include "num/transpose.h"

#include "num/real.h"
#include "num/tile.h"

void transpose_lines(real *restrict out, const real *restrict in, const struct transpose *t)
{
    tile_best()->transpose(out, in, t);
}
