#include <hdf5.h>
#include <stdio.h>
#ifndef H5_HAVE_PARALLEL
#error "serial HDF5"
#endif

int main(void)
{
    unsigned major, minor, release;
    H5get_libversion(&major, &minor, &release);
    if (major != H5_VERS_MAJOR || minor != H5_VERS_MINOR) return 1;
    hid_t list = H5Pcreate(H5P_DATASET_XFER);
    if (H5Pset_dxpl_mpio(list, H5FD_MPIO_INDEPENDENT) < 0) return 1;
    return printf("%u.%u.%u\n", major, minor, release) < 0;
}
