#include <hdf5.h>
#include <stdio.h>

int main(void)
{
    unsigned major, minor, release;
    H5get_libversion(&major, &minor, &release);
    if (major != H5_VERS_MAJOR || minor != H5_VERS_MINOR) return 1;
    return H5open() < 0 || printf("%u.%u.%u\n", major, minor, release) < 0;
}
