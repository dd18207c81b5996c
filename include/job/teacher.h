/** job/teacher.h: networks, written as lists, that give a task's answers. */
#ifndef TOMBOLA_JOB_TEACHER_H
#define TOMBOLA_JOB_TEACHER_H

#include "base/buf.h"
#include "task/task.h"

struct node; /* sweep/tree.h */

extern const struct task_teacher teacher_nets;

/** The canonical text of a list that stands in a file, for examples of that shape, whose classes may be 0: as many as
 *  it gives.  ERR_SPEC with the place. */
CHECKED int teacher_expand(const struct node *list, const char *file, const struct task_shape *shape, struct buf *out,
                           struct err *e);

#endif
