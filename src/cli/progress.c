#include "cli/progress.h"
#include "base/clock.h"
#include "base/log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EVERY_TERMINAL 0.5
#define EVERY_FILE     30.0
#define FIRST_FILE     2.0 /* whoever looks at what he has started sees soon that it works */

enum { COLUMNS_FILE = 160, COLUMNS_UNKNOWN = 80 };

void progress_open(struct progress *p, const char *(*label_text)(void *ctx, struct farm_label label, char out[64]),
                   void *ctx)
{
    const double now = clock_wall(), every = log_terminal() ? EVERY_TERMINAL : EVERY_FILE;
    *p = (struct progress){ .label_text = label_text, .ctx = ctx, .opened = now, .every = every };
    p->shown = log_terminal() ? now : now - EVERY_FILE + FIRST_FILE;
}

void progress_close(struct progress *p)
{
    log_progress(NULL);
    buf_release(&p->line);
}

/* --- the line --- */

/* Characters, not bytes: those that continue a character do not count. */
static size_t width(const char *text)
{
    size_t n = 0;
    for (; *text; text++) n += (*text & 0xC0) != 0x80;
    return n;
}

static void cut(struct buf *line, size_t columns)
{
    while (width(buf_chars(line)) > columns) line->bytes[--line->length] = '\0';
}

static void add_jobs(struct buf *line, const struct progress *p, const struct farm_progress *f)
{
    const struct {
        size_t count;
        const char *what;
    } part[] = { { f->failed, "failed" }, { f->blocked - p->skipped, "blocked" }, { p->skipped, "skipped" } };
    const char *before = " (";
    buf_print(line, "%s%zu/%zu jobs done", f->stopping ? "stopping: " : "", f->done, f->total);
    for (size_t i = 0; i < ARRAY_LEN(part); i++) {
        if (!part[i].count) continue;
        buf_print(line, "%s%zu %s", before, part[i].count, part[i].what);
        before = ", ";
    }
    if (before[0] == ',') buf_text(line, ")");
}

/* What the store says; before its rows say anything, and of work that they do not count, what the farm has done in
 * the time since the start, and as much cost is left as these epochs are of what was done. */
static struct pace find_pace(const struct progress *p, const struct farm_progress *f, double now)
{
    struct pace found;
    if (p->look && p->look(p->ctx, &found) && !isnan(found.rate)) return found;
    const double cores = f->running > 0 ? (double)f->running : 1;
    const struct pace_group group = {
        .epochs = f->epochs,
        .seconds = (now - p->opened) * cores,
        .left = f->cost_done > 0 ? (f->cost_total - f->cost_done) / f->cost_done * f->epochs : 0,
        .running = cores,
    };
    return pace_of(&group, 1);
}

static void add_pace(struct buf *line, const struct progress *p, const struct farm_progress *f, double now)
{
    char span[32];
    const struct pace pace = find_pace(p, f, now);
    if (pace.rate > 0) buf_print(line, pace.rate < 10 ? ", %.1f epochs/s" : ", %.0f epochs/s", pace.rate);
    if (!f->stopping && pace.seconds_left > 0) buf_print(line, ", %s left", clock_span(pace.seconds_left, span));
}

static void add_seat(struct buf *line, const struct progress *p, int rank, const struct farm_seat *seat)
{
    char label[64];
    buf_print(line, " | %d: %s", rank, p->label_text(p->ctx, seat->label, label));
    if (seat->epochs > 0) buf_print(line, " %.0f%%", 100 * (double)seat->epoch / (double)seat->epochs);
}

/* As many ranks as fit, and room for the number of those that do not. */
static void add_seats(struct buf *line, const struct progress *p, const struct farm_progress *f, size_t columns)
{
    size_t more = f->running;
    struct buf part = { 0 };
    for (int rank = 0; rank < f->ranks && more > 0; rank++) {
        if (!f->seat[rank].busy) continue;
        buf_clear(&part);
        add_seat(&part, p, rank, &f->seat[rank]);
        const size_t reserved = more > 1 ? strlen(" | +99999") : 0;
        if (width(buf_chars(line)) + width(buf_chars(&part)) + reserved > columns) break;
        buf_text(line, buf_chars(&part));
        more--;
    }
    if (more > 0 && more < f->running) buf_print(line, " | +%zu", more);
    buf_release(&part);
}

const char *progress_line(struct progress *p, const struct farm_progress *f, double now, size_t columns)
{
    buf_clear(&p->line);
    add_jobs(&p->line, p, f);
    if (now > p->opened) add_pace(&p->line, p, f, now);
    add_seats(&p->line, p, f, columns);
    cut(&p->line, columns);
    return buf_chars(&p->line);
}

/* --- showing it --- */

/* A line that fills the last column would no longer move. */
static size_t columns(void)
{
    struct winsize size;
    if (!log_terminal()) return COLUMNS_FILE;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return COLUMNS_UNKNOWN - 1;
    return size.ws_col - 1u;
}

void progress_show(struct progress *p, const struct farm_progress *f)
{
    const double now = clock_wall();
    if (now - p->shown < p->every) return;
    log_progress(progress_line(p, f, now, columns()));
    p->shown = now;
}
