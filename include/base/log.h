/** base/log.h: talk goes to stderr, results to stdout; a level promises a volume.
 *
 *  Messages are lower-case, without a full stop, the subject in 'quotes'.
 */
#ifndef TOMBOLA_BASE_LOG_H
#define TOMBOLA_BASE_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_QUIET, /* errors only                   */
    LOG_RUN,   /* a few lines per run, rank 0   */
    LOG_JOB    /* a few lines per job, any rank */
};

void log_open(enum log_level level);
/** Local.  From now on each line is prefixed by the rank if there is more than one. */
void log_join(int rank, int ranks);
void log_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_job(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** "tombola: warning: ..."; shown on every rank even when quiet. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** "tombola: error: ..." */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** A line that replaces the one before it on a terminal, and is an ordinary line elsewhere.  NULL ends it. */
void log_progress(const char *text);
/** Is stderr (stdout) a terminal that may show colour and motion?  NO_COLOR and TERM=dumb say no. */
bool log_terminal(void);
bool log_colour_stdout(void);
/** Is anything said at this level?  What is costly to word need not be worded for nobody. */
bool log_shows(enum log_level level);

#endif
