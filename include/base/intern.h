/** base/intern.h: texts that are kept once each until the process ends: who holds one holds a pointer, and equal
 * texts have equal pointers. */
#ifndef TOMBOLA_BASE_INTERN_H
#define TOMBOLA_BASE_INTERN_H

const char *intern(const char *text);

#endif
