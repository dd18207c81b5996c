#include <hdf5.h>
#include <hdf5_hl.h>
#include <stdio.h>

int main(void)
{
    unsigned major, minor, release;
    herr_t (*volatile attach)(hid_t, hid_t, unsigned) = H5DSattach_scale;
    H5get_libversion(&major, &minor, &release);
    if (major != H5_VERS_MAJOR || minor != H5_VERS_MINOR) return 1;
    return !attach || H5open() < 0 || printf("%u.%u.%u\n", major, minor, release) < 0;
}
