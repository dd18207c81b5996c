#include "job/recording.h"

/* Where the curves of a job have points: the union of its judges' spacings, and the end. */

/* Of the curves' points: several together. */
static size_t spacings(const struct watch *w, struct spacing out[JUDGES])
{
    if (w->series_every) {
        out[0] = (struct spacing){ w->series_every, 1 };
        return 1;
    }
    for (size_t j = 0; j < w->judges; j++) out[j] = clock_spacing(w->clock, w->judge[j].eval_every);
    return w->judges;
}

/* The union of some multiples holds all multiples of a number only if one of them divides it. */
static bool holds_all(struct spacing many, struct spacing few)
{
    if (many.every > 0) return (few.every > 0 ? few.every * few.unit : few.unit) % (many.every * many.unit) == 0;
    return few.every < 0 && many.unit == few.unit && many.every % few.every == 0;
}

bool watch_sees(const struct watch *w, const struct judge *judge)
{
    struct spacing own[JUDGES];
    const struct spacing wanted = clock_spacing(w->clock, judge->eval_every);
    if (wanted.every == 0) return false;
    bool sees = wanted.every > 0 && wanted.every * wanted.unit > w->epochs; /* the first epoch and the last */
    const size_t count = spacings(w, own);
    for (size_t i = 0; i < count; i++) sees = sees || holds_all(own[i], wanted);
    return sees;
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Common multiples, from 1 to end, of the numbers that a set of bits chooses. */
static int64_t count_common(const int64_t *every, size_t numbers, unsigned chosen, int64_t end)
{
    int64_t multiple = 1;
    for (size_t i = 0; i < numbers && multiple <= end; i++)
        if (chosen >> i & 1) multiple *= every[i] / gcd(multiple, every[i]);
    return end / multiple;
}

static bool is_among(const struct spacing *spacing, size_t count, int64_t epoch)
{
    bool is = false;
    for (size_t i = 0; i < count; i++) is = is || spacing_holds(spacing[i], epoch);
    return is;
}

/* Points up to an epoch; the epoch 0 is one.  Multiples by inclusion and exclusion; the few that are log-spaced one
 * by one. */
static size_t points_until(const struct watch *w, int64_t epoch)
{
    struct spacing all[JUDGES], known[JUDGES];
    int64_t every[JUDGES], count = 1;
    size_t numbers = 0;
    const size_t spaced = spacings(w, all);
    for (size_t i = 0; i < spaced; i++) {
        if (all[i].every < 0) continue;
        every[numbers] = all[i].every * all[i].unit;
        known[numbers++] = all[i];
    }
    for (unsigned chosen = 1; chosen < 1U << numbers; chosen++)
        count += (__builtin_popcount(chosen) % 2 ? 1 : -1) * count_common(every, numbers, chosen, epoch);
    for (size_t i = 0; i < spaced; i++) {
        if (all[i].every > 0) continue;
        for (int64_t at = spacing_next(all[i], 0); at <= epoch; at = spacing_next(all[i], at))
            count += !is_among(known, numbers, at);
        known[numbers++] = all[i];
    }
    return (size_t)count;
}

size_t watch_points(const struct watch *w)
{
    return w->epochs ? points_until(w, w->epochs - 1) + 1 : 1;
}

size_t watch_point(const struct watch *w, int64_t epoch)
{
    struct spacing own[JUDGES];
    if (epoch == w->epochs) return watch_points(w) - 1;
    return is_among(own, spacings(w, own), epoch) ? points_until(w, epoch) - 1 : SIZE_MAX;
}

void watch_list_points(const struct watch *w, int64_t *out)
{
    struct spacing own[JUDGES];
    const size_t count = spacings(w, own);
    int64_t epoch = 0;
    for (;;) {
        *out++ = epoch;
        if (epoch == w->epochs) return;
        int64_t next = w->epochs;
        for (size_t i = 0; i < count; i++) {
            const int64_t after = spacing_next(own[i], epoch);
            if (after < next) next = after;
        }
        epoch = next;
    }
}
