/** base/output.h: results go to standard output, and one that cannot be written is an error of the command.
 *
 *  All of the program writes there through these calls, so that the first failure is remembered with its reason.  A
 *  reader that has gone away (`tombola query ... | head`) ends the program by SIGPIPE, as it does other tools; where
 *  SIGPIPE is ignored, that is an error like any other.  What cannot be said on stderr changes nothing.
 */
#ifndef TOMBOLA_BASE_OUTPUT_H
#define TOMBOLA_BASE_OUTPUT_H

#include "base/err.h"

/** The first call of the program.  A standard stream that is closed gets /dev/null, so that no file that is opened
 * later is taken for it; what is written to such a standard output fails. */
void output_open(void);

/** Each is false from the first failure on; whoever has much to say stops then. */
bool output_bytes(const void *bytes, size_t length);
bool output_text(const char *text);
bool output_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** All that was written so far is now with the system. */
bool output_flush(void);

/** The last call: flushes and closes.  ERR_DISK if anything that was written did not arrive. */
CHECKED int output_close(struct err *e);

#endif
