#include "cli/pace.h"
#include "job/recording.h"

#include <math.h>

#define UNKNOWN 0.9 /* of the epochs left, what may be guessed */

static bool is_known(const struct pace_group *g)
{
    return g->epochs > 0 && g->seconds > 0;
}

static double seconds_an_epoch(const struct pace_group *own, const struct pace_group *all)
{
    const struct pace_group *g = is_known(own) ? own : all;
    return is_known(g) ? g->seconds / g->epochs : (double)NAN;
}

struct pace pace_of(const struct pace_group *group, size_t groups)
{
    struct pace_group all = { 0 };
    struct pace p = { 0 };
    double unknown = 0;
    for (size_t i = 0; i < groups; i++) {
        if (is_known(&group[i])) {
            all.epochs += group[i].epochs;
            all.seconds += group[i].seconds;
        } else {
            unknown += group[i].left;
        }
        all.left += group[i].left;
        all.running += group[i].running;
    }
    for (size_t i = 0; i < groups; i++) {
        const double cost = seconds_an_epoch(&group[i], &all);
        if (group[i].left > 0) p.core_seconds += group[i].left * cost;
        if (group[i].running > 0) p.rate += group[i].running / cost;
    }
    if (!(all.running > 0)) p.rate = (double)NAN;
    if (unknown > all.left * UNKNOWN) p.core_seconds = (double)NAN;
    p.seconds_left = !(all.left > 0) ? 0 : all.running > 0 ? p.core_seconds / all.running : (double)NAN;
    return p;
}

void pace_open(struct pace_group *group, const struct store *s)
{
    for (size_t i = 0; i < store_families(s); i++)
        group[i] = (struct pace_group){ .unit = clock_epoch(family_clock(store_family(s, i))) };
}

void pace_add(struct pace_group *group, const struct store_row *row)
{
    struct pace_group *g = &group[row->family];
    if (row->state == JOB_UNUSED) return;
    const double unit = g->unit ? (double)g->unit : 1;
    if (row->seconds > 0 && row->epochs_done > 0) {
        g->epochs += (double)row->epochs_done / unit;
        g->seconds += row->seconds;
    }
    if (row->next_state >= NEXT_PENDING) {
        g->left += (double)(row->epochs - row->next_epochs) / unit;
        g->running += row->next_state == NEXT_RUNNING;
    } else if (row->state == JOB_PENDING || row->state == JOB_RUNNING) {
        g->left += (double)(row->epochs - row->epochs_done) / unit;
        g->running += row->state == JOB_RUNNING;
    }
}
