#include <sqlite3.h>
#include <stdio.h>
int main(void)
{
    return puts(sqlite3_libversion()) < 0;
}
