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
#define EVERY_WAITING  0.5

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

static struct winsize screen(void)
{
    struct winsize size = { 0 };
    if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col) return size;
    return (struct winsize){ .ws_row = 24, .ws_col = 80 };
}

static size_t count_lines(const char *page)
{
    size_t lines = 0;
    for (; *page; page++) lines += *page == '\n';
    return lines;
}

/* As much of a page as the terminal has room for, so that nothing is scrolled away, and how much more there is;
 * *height is the number of lines that the last one took. */
static void redraw(const char *page, int *height)
{
    const struct winsize size = screen();
    const size_t all = count_lines(page), room = size.ws_row > 2 ? size.ws_row - 1u : 1;
    const size_t shown = all <= room ? all : room - 1;
    struct buf b = { 0 };
    if (*height > 0) buf_print(&b, "\033[%dA", *height);
    buf_text(&b, "\r\033[J");
    for (size_t i = 0; i < shown; i++) {
        const size_t length = strcspn(page, "\n");
        buf_add(&b, page, fitting(page, length, size.ws_col));
        buf_text(&b, "\n");
        page += length + 1;
    }
    if (shown < all) buf_print(&b, "... %zu more lines: `tombola status`, without --watch\n", all - shown);
    output_text(buf_chars(&b));
    *height = (int)(shown + (shown < all));
    buf_release(&b);
}

/* ---- the command ---- */

/* False: nobody can read it. */
static bool show(const struct status *s, enum look look, int *height)
{
    struct buf b = { 0 };
    (look == LOOK_JSON ? status_json : look == LOOK_LINE ? status_line : status_page)(s, &b);
    if (look == LOOK_LINE) buf_text(&b, "\n");
    if (look == LOOK_SCREEN)
        redraw(buf_chars(&b), height);
    else
        output_text(buf_chars(&b));
    buf_release(&b);
    return output_flush();
}

/* Whoever watches may have begun before the run did.  0 once the store is there, or -1 with *e filled. */
static int wait_for_store(const char *path, enum look look, int *height, struct err *e)
{
    bool there = false;
    struct buf b = { 0 };
    char now[32];
    if (store_exists(path, &there, e) || there) return e->kind ? -1 : 0;
    if (look != LOOK_SCREEN) buf_print(&b, "%s  ", clock_iso(clock_unix(), now));
    buf_print(&b, "waiting for %s, which does not exist yet\n", path);
    if (look == LOOK_SCREEN)
        redraw(buf_chars(&b), height);
    else if (look != LOOK_JSON)
        output_text(buf_chars(&b));
    buf_release(&b);
    while (output_flush() && !there && !store_exists(path, &there, e)) clock_sleep(EVERY_WAITING);
    return there ? 0 : err_set(e, ERR_IO, "nobody reads what is said");
}

/* Is there nothing to wait for? */
static bool is_over(const struct status *s)
{
    return s->archive[0] ||
           (!s->at_work && s->all.state[JOB_PENDING] + s->all.state[JOB_RUNNING] + s->all.again == 0);
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
    if (watch && !e.kind) wait_for_store(c->arg[0], look, &height, &e);
    for (bool over = false; !over && !e.kind;) {
        struct status s;
        if (!status_open(&s, c->arg[0], &e)) {
            s.columns = look == LOOK_SCREEN ? screen().ws_col : 0;
            over = !watch || is_over(&s);
            over = !show(&s, look, &height) || over;
        }
        status_close(&s);
        if (!over && !e.kind) clock_sleep(fmax(every, 0.1));
    }
    return e.kind ? cli_fail(&e) : 0;
}

static const struct cli_option options[] = {
    { "watch", NULL,
      "again and again while a run is at work or something is left to do: a page in place on a terminal, else a "
      "line" },
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
        "Works at any time, also while a run is writing.  The epoch and accuracies of a running job are a few\n"
        "seconds old; how many stands beside them.  --watch waits for a store that does not exist yet, and fits\n"
        "its page to the terminal: it leaves out columns that say nothing, and lines that have no room.\n"
        "Results are medians, a line a setting: all that jobs are but for their seeds.  \"7 of 8\" says how many\n"
        "got there, \"1 open\" how many a stop rule ended before; never is later than every number, and >N is a\n"
        "median that is not known, but that it is later than N.  In JSON such medians are \"never\" and null, with\n"
        "t_gen_above beside it; null without that is none (nothing is done, or t_gen / 0).\n",
    .run = run_status,
};
