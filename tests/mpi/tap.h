/* TAP from all ranks of a test at once. */
#ifndef TOMBOLA_TESTS_MPI_TAP_H
#define TOMBOLA_TESTS_MPI_TAP_H

#include "par/par.h"

#include <stdio.h>

static int rank, ranks, tests, failed_tests;

/* Collective.  One line: fine if fine on every rank. */
static void check(bool fine, const char *what)
{
    int mine = fine, all;
    MPI_MUST(MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD));
    if (!all) failed_tests++;
    if (!fine && ranks > 1) printf("# not so on rank %d: %s\n", rank, what);
    tests++;
    if (rank == 0) printf("%s %d - %s\n", all ? "ok" : "not ok", tests, what);
    fflush(stdout);
}

#endif
