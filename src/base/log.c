#include "base/log.h"

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
    char text[1200], line[1300], rank[24] = "";
    vsnprintf(text, sizeof text, format, args);
    if (state.ranks > 1 && (state.rank > 0 || kind[0])) snprintf(rank, sizeof rank, "[rank %d] ", state.rank);
    int n = snprintf(line, sizeof line, "%stombola: %s%s%s\n", state.moving ? "\r\033[K" : "", rank, kind, text);
    state.moving = false;
    fflush(stdout);
    fwrite(line, 1, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1, stderr);
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
