#include "job/clock.h"
#include "base/number.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- text ---- */

/* "100", "100 epochs", "100 steps": a number, a blank and a word. */
static bool read_count(const char *text, struct count *out)
{
    static const char *const units[] = { "step", "steps", "epoch", "epochs" };
    char number[32];
    const size_t length = strcspn(text, " ");
    const char *unit = text + length + strspn(text + length, " ");
    bool known = !*unit;
    *out = (struct count){ 0 };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(unit, units[i]) != 0) continue;
        known = true;
        out->steps = i < 2;
    }
    return known && text_copy(number, sizeof number, text, length) && number_int(number, &out->number);
}

/* "{log: 20}", with a unit, as it is printed, "{log: 20 steps}": of a clock that counts these. */
static bool read_log(const char *text, struct count *out)
{
    static const char head[] = "{log: ";
    char inside[32];
    const size_t length = strlen(text);
    if (strncmp(text, head, strlen(head)) != 0 || text[length - 1] != '}' ||
        !text_copy(inside, sizeof inside, text + strlen(head), length - strlen(head) - 1) ||
        !read_count(inside, out) || out->number < 2 || out->number > CLOCK_LOG)
        return false;
    out->number = -out->number;
    return true;
}

static int set(const struct field *f, void *place, const char *text, int64_t least, bool spacing, struct err *e)
{
    struct count c;
    const bool read = read_count(text, &c);
    if (read && !c.steps && (c.number < least || c.number > CLOCK_MOST))
        return err_set(e, ERR_SPEC, "'%s' is %s, outside [%" PRId64 ", 1e9]", f->key, text_shown(text, 80), least);
    if (!(read && c.number >= least && c.number <= CLOCK_MOST) && !(spacing && read_log(text, &c)))
        return err_set(e, ERR_SPEC, "'%s' is '%s'; allowed: a number of epochs from %" PRId64 " to 1e9, or N steps%s",
                       f->key, text_shown(text, 80), least,
                       spacing ? ", or {log: N}, N points a decade, from 2 to 100" : "");
    memcpy(place, &c, sizeof c);
    return 0;
}

int clock_set_length(const struct field *f, void *place, const char *text, struct err *e)
{
    return set(f, place, text, 0, false, e);
}

int clock_set_spacing(const struct field *f, void *place, const char *text, struct err *e)
{
    return set(f, place, text, 1, true, e);
}

int clock_set_spacing_or_none(const struct field *f, void *place, const char *text, struct err *e)
{
    return set(f, place, text, 0, true, e);
}

void clock_print(const void *place, struct buf *out)
{
    const struct count *c = place;
    const char *unit = !c->steps ? "" : c->number == 1 ? " step" : " steps";
    if (c->number < 0)
        buf_print(out, "{log: %" PRId64 "%s}", -c->number, unit);
    else
        buf_print(out, "%" PRId64 "%s", c->number, unit);
}

void clock_write(struct count every, struct buf *out)
{
    buf_print(out, "%" PRId64 "%s", every.number, every.steps ? "s" : "");
}

bool clock_read(const char **text, struct count *out)
{
    char *end;
    out->number = strtoll(*text, &end, 10);
    out->steps = *end == 's';
    *text = end + out->steps;
    if (out->number < 0) return out->number >= -CLOCK_LOG && out->number <= -2;
    return out->number > 0 && out->number <= CLOCK_MOST;
}

/* ---- numbers ---- */

const char *clock_unit(clock_steps clock)
{
    return clock ? "step" : "epoch";
}

int64_t clock_epoch(clock_steps clock)
{
    return clock ? clock : 1;
}

struct count clock_whole(struct count c, int64_t epoch_steps)
{
    if (c.steps && (c.number < 0 ? epoch_steps == 1 : c.number % epoch_steps == 0))
        return (struct count){ c.number < 0 ? c.number : c.number / epoch_steps, false };
    return c;
}

int64_t clock_at(clock_steps clock, struct count c)
{
    if (c.steps) return clock ? c.number : -1;
    return c.number * clock_epoch(clock);
}

struct count clock_count(clock_steps clock, int64_t at)
{
    return clock ? clock_whole((struct count){ at, true }, clock) : (struct count){ at, false };
}

struct spacing clock_spacing(clock_steps clock, struct count every)
{
    if (every.steps && !clock) return (struct spacing){ 0, 1 };
    return (struct spacing){ every.number, every.steps ? 1 : clock_epoch(clock) };
}

int64_t clock_spacing_number(clock_steps clock, struct count every)
{
    const struct spacing s = clock_spacing(clock, every);
    if (s.every > 0) return s.every * s.unit;
    return s.every < 0 && s.unit == 1 ? s.every : -1;
}
