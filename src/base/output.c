#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int failure;       /* errno of the first call that failed */
static bool pipe_ignored; /* whoever started us does not want a SIGPIPE */

/* A handler, not SIG_IGN: programs that we start get the default back. */
static void outlive(int signal)
{
    (void)signal;
}

/* What a closed stdout is replaced by cannot be written: EBADF, as if it were still closed. */
static void fill_gaps(void)
{
    static const int how[] = { O_WRONLY, O_RDONLY, O_WRONLY };
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", how[fd]) < 0) _exit(1);
}

void output_open(void)
{
    struct sigaction before, action = { .sa_handler = outlive, .sa_flags = SA_RESTART };
    fill_gaps();
    sigaction(SIGPIPE, NULL, &before);
    pipe_ignored = before.sa_handler == SIG_IGN;
    if (!pipe_ignored) sigaction(SIGPIPE, &action, NULL);
}

static bool note(bool ok)
{
    if (ok || failure) return !failure;
    failure = errno ? errno : EIO;
    if (failure == EPIPE && !pipe_ignored) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    return false;
}

bool output_bytes(const void *bytes, size_t length)
{
    return !failure && note(fwrite(bytes, 1, length, stdout) == length);
}

bool output_text(const char *text)
{
    return output_bytes(text, strlen(text));
}

bool output_print(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const bool ok = !failure && note(vprintf(format, args) >= 0);
    va_end(args);
    return ok;
}

bool output_flush(void)
{
    return !failure && note(!fflush(stdout));
}

int output_close(struct err *e)
{
    output_flush();
    const bool closed = !fclose(stdout);
    note(closed || failure);
    if (!failure) return 0;
    return err_set(e, ERR_DISK, "standard output cannot be written: %s", strerror(failure));
}
