#include "base/log.h"
#include "base/buf.h"
#include "base/output.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    enum log_level level;
    int rank, ranks;
    bool moving; /* a progress line stands on the terminal */
} state = { .level = LOG_RUN, .ranks = 1 };

void log_open(enum log_level level)
{
    state.level = level;
}

void log_join(int rank, int ranks)
{
    state.rank = rank;
    state.ranks = ranks;
}

/* One write per line, so that lines of different ranks do not mix. */
static void say(const char *kind, const char *format, va_list args)
{
    struct buf line = { 0 };
    if (state.moving) buf_text(&line, "\r\033[K");
    buf_text(&line, "tombola: ");
    if (state.ranks > 1 && (state.rank > 0 || kind[0])) buf_print(&line, "[rank %d] ", state.rank);
    buf_text(&line, kind);
    const size_t message = line.length; /* what files and stores say is in it */
    buf_print_args(&line, format, args);
    text_plain(line.bytes + message);
    buf_text(&line, "\n");
    state.moving = false;
    output_flush();
    fwrite(line.bytes, 1, line.length, stderr);
    buf_release(&line);
}

void log_run(const char *format, ...)
{
    if (state.level < LOG_RUN || state.rank > 0) return;
    va_list args;
    va_start(args, format);
    say("", format, args);
    va_end(args);
}

void log_job(const char *format, ...)
{
    if (state.level < LOG_JOB) return;
    va_list args;
    va_start(args, format);
    say("", format, args);
    va_end(args);
}

void log_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("warning: ", format, args);
    va_end(args);
}

void log_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("error: ", format, args);
    va_end(args);
}

static bool shows_colour(int fd)
{
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
    return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

bool log_terminal(void)
{
    return shows_colour(STDERR_FILENO);
}

bool log_colour_stdout(void)
{
    return shows_colour(STDOUT_FILENO);
}

bool log_shows(enum log_level level)
{
    return state.level >= level;
}

void log_progress(const char *text)
{
    if (state.level < LOG_RUN || state.rank > 0) return;
    if (!log_terminal()) {
        if (text) fprintf(stderr, "%s\n", text);
    } else if (text) {
        fprintf(stderr, "\r\033[K%s", text);
        state.moving = true;
    } else if (state.moving) {
        fputs("\r\033[K", stderr);
        state.moving = false;
    }
    fflush(stderr);
}
