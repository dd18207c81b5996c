/* What num/ asks of a compiler: vectors whose lanes change places, instructions of several levels in one program. */
#include "num/clones.h"
#include "num/lanes.h"

#include <stdio.h>

typedef real four __attribute__((vector_size(4 * sizeof(real))));
typedef LANES_INDEX lanes __attribute__((vector_size(4 * sizeof(real))));

CLONED_WITH_CALLER four turned(four x)
{
    const lanes back = { 3, 2, 1, 0 };
    return LANES_SHUFFLE(four, x, x, back);
}

CLONES void turn(four *x, int n);
CLONES void turn(four *x, int n)
{
    LANES_UNROLL for (int i = 0; i < n; i++) x[i] = turned(x[i]);
}

#ifdef X86_LEVELS
__attribute__((target(X86_V4))) static real first_v4(const four *x)
{
    return (*x)[0];
}

__attribute__((target(X86_V3))) static real first_v3(const four *x)
{
    return (*x)[0];
}
#endif

static real first(const four *x)
{
#ifdef X86_LEVELS
    if (x86_runs_v4()) return first_v4(x);
    if (x86_runs_v3()) return first_v3(x);
#endif
    return (*x)[0];
}

int main(void)
{
    four x[] = { { 1, 2, 3, 4 }, { 5, 6, 7, 8 } };
    turn(x, 2);
    if (first(x) != 4 || x[1][3] != 5) return 1;
    return puts("works") < 0;
}
