#ifndef TESTS_UNIT_SANITIZED_H
#define TESTS_UNIT_SANITIZED_H

/* Under the sanitizers, which look at addresses, the first steps of a long comparison tell as much as all of them;
 * the same test without them goes to the end. */
#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

#endif
