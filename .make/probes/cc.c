#include <stdio.h>
int main(void)
{
    return puts("works") < 0;
}
