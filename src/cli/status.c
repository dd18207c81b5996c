#include "cli/status.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/output.h"
#include "cli/cli.h"
#include "cli/limits.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EVERY_TERMINAL 2.0
#define EVERY_FILE     30.0

enum look { LOOK_PAGE, LOOK_LINE, LOOK_SCREEN, LOOK_JSON };

/* ---- a page in the place of the one before it ---- */

/* The length of the longest beginning of a line that takes at most `columns` places. */
static size_t fitting(const char *line, size_t length, size_t columns)
{
    size_t i = 0, places = 0;
    for (; i < length; i++) {
        places += (line[i] & 0xC0) != 0x80;
        if (places > columns) break;
    }
    return i;
}

/* As much of a page as the terminal has room for; *height is the number of lines that the last one took. */
static void redraw(const char *page, bool whole, int *height)
{
    struct winsize size = { 0 };
    struct buf b = { 0 };
    int lines = 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
        size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
    if (*height > 0) buf_print(&b, "\033[%dA", *height);
    buf_text(&b, "\r\033[J");
    for (const char *line = page; *line && (whole || lines + 1 < size.ws_row); lines++) {
        const size_t length = strcspn(line, "\n");
        buf_add(&b, line, whole ? length : fitting(line, length, size.ws_col));
        buf_text(&b, "\n");
        line += length + (line[length] == '\n');
    }
    output_text(buf_chars(&b));
    *height = lines;
    buf_release(&b);
}

/* ---- the command ---- */

/* False: nobody can read it. */
static bool show(const struct status *s, enum look look, bool over, int *height)
{
    struct buf b = { 0 };
    (look == LOOK_JSON ? status_json : look == LOOK_LINE ? status_line : status_page)(s, &b);
    if (look == LOOK_LINE) buf_text(&b, "\n");
    if (look == LOOK_SCREEN)
        redraw(buf_chars(&b), over, height);
    else
        output_text(buf_chars(&b));
    buf_release(&b);
    return output_flush();
}

static int run_status(const struct cli *c)
{
    const bool watch = cli_value(c, "watch") != NULL;
    const enum look look = cli_value(c, "json")  ? LOOK_JSON
                           : !watch              ? LOOK_PAGE
                           : log_colour_stdout() ? LOOK_SCREEN
                                                 : LOOK_LINE;
    struct err e = { 0 };
    const double every = limits_span(c, "every", look == LOOK_SCREEN ? EVERY_TERMINAL : EVERY_FILE, &e);
    int height = 0;
    for (bool over = false; !over && !e.kind;) {
        struct status s;
        if (!status_open(&s, c->arg[0], &e)) {
            over = !watch || s.archive[0] || s.all.state[JOB_PENDING] + s.all.state[JOB_RUNNING] + s.all.again == 0;
            over = !show(&s, look, over, &height) || over;
        }
        status_close(&s);
        if (!over && !e.kind) clock_sleep(fmax(every, 0.1));
    }
    return e.kind ? cli_fail(&e) : 0;
}

static const struct cli_option options[] = {
    { "watch", NULL,
      "again and again until nothing is left to do: a page in place on a terminal, else a line a time" },
    { "every", "D", "how often (default: 2 on a terminal, else 30 seconds)" },
    { "json", NULL, "one JSON value (with --watch: a line each time)" },
    { .name = NULL },
};

const struct command command_status = {
    .name = "status",
    .args = "STORE",
    .summary = "progress, rate, time left, what runs, failures, results",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .help =
        "Works at any time, also while a run is writing.  The epoch and accuracies of a running job are\n"
        "those of its last resume point (`run --resume-every`, a minute), and how long ago that was stands\n"
        "beside them.  Results are medians, a line a setting: all that jobs are but for their seeds.  \"7 of 8\" "
        "says\n"
        "how many got there, and never is later than every number; in JSON such a median is \"never\", and null is\n"
        "none (nothing is done, or t_gen / 0).\n",
    .run = run_status,
};
