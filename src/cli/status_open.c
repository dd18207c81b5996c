#include "base/clock.h"
#include "base/map.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/pace.h"
#include "cli/status.h"
#include "job/recording.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_open(const struct store_row *r)
{
    return r->state == JOB_PENDING || r->state == JOB_RUNNING;
}

static void tally_add(const struct status *s, struct tally *t, const struct store_row *r)
{
    const double unit = s->unit[r->family];
    t->jobs++;
    t->state[r->state]++;
    t->again += r->next_state >= NEXT_PENDING;
    t->epochs_done += (double)r->epochs_done / unit;
    if (is_open(r)) t->epochs_left += (double)(r->epochs - r->epochs_done) / unit;
    if (r->next_state >= NEXT_PENDING) t->epochs_left += (double)(r->epochs - r->next_epochs) / unit;
}

/* ---- progress by grid and control ---- */

struct share_key {
    char sweep[64], grid[64], control[24];
};

static void share_row(struct status *s, struct map *n, const struct share_key *key, const struct store_row *r)
{
    struct status_share *share = &s->share[map_number(n, id_of(key, sizeof *key))];
    if (share == &s->share[s->shares]) {
        share->sweep = arena_text(&s->arena, key->sweep, strnlen(key->sweep, sizeof key->sweep));
        share->grid = arena_text(&s->arena, key->grid, strnlen(key->grid, sizeof key->grid));
        share->first = r;
        s->shares++;
    }
    tally_add(s, &share->tally, r);
}

static void set_control(struct share_key *key, const struct store_row *r)
{
    memcpy(key->control, r->control, sizeof key->control);
}

/* Parents that are only implied come last. */
static int share_out(struct status *s, struct store *store, struct err *e)
{
    struct store_grid *use;
    size_t uses;
    struct map n = { 0 };
    if (store_read_uses(store, &s->arena, &use, &uses, e)) return -1;
    bool *used = calloc(s->rows + 1, sizeof *used);
    s->share = calloc(uses + s->rows + 1, sizeof *s->share);
    if (!used || !s->share) die("out of memory for %zu rows", s->rows);
    for (size_t i = 0; i < uses; i++) {
        const uint32_t row = use[i].row;
        struct share_key key = { .grid = "" };
        if (row >= s->rows || s->row[row].state == JOB_UNUSED) continue;
        memcpy(key.sweep, use[i].sweep, strnlen(use[i].sweep, sizeof key.sweep));
        memcpy(key.grid, use[i].name, strnlen(use[i].name, sizeof key.grid));
        set_control(&key, &s->row[row]);
        share_row(s, &n, &key, &s->row[row]);
        used[row] = true;
    }
    for (size_t i = 0; i < s->rows; i++) {
        const struct store_row *r = &s->row[i];
        struct share_key key = { .grid = "" };
        if (used[i] || r->state == JOB_UNUSED) continue;
        memcpy(key.sweep, r->sweep, strnlen(r->sweep, sizeof r->sweep));
        MUST(text_print(key.grid, sizeof key.grid, "(parents)"));
        set_control(&key, r);
        share_row(s, &n, &key, r);
    }
    map_release(&n);
    free(used);
    return 0;
}

/* ---- how fast ---- */

/* Nothing goes on unless a run is at work. */
static void estimate(struct status *s, const struct store *store)
{
    const size_t families = store_families(store);
    struct pace_group *group = ARENA_NEW(&s->arena, families + 1, struct pace_group);
    pace_open(group, store);
    for (size_t i = 0; i < s->rows; i++) pace_add(group, &s->row[i]);
    const struct pace p = pace_of(group, families);
    s->rate = s->at_work ? p.rate : (double)NAN;
    s->seconds_left = s->at_work || p.seconds_left == 0 ? p.seconds_left : (double)NAN;
}

/* ---- all of it ---- */

static int read_rows(struct status *s, struct store *store, struct err *e)
{
    s->unit = ARENA_NEW(&s->arena, store_families(store) + 1, double);
    for (size_t i = 0; i < store_families(store); i++)
        s->unit[i] = (double)clock_epoch(family_clock(store_family(store, i)));
    s->row = calloc(s->rows + 1, sizeof *s->row);
    if (!s->row) die("out of memory for %zu rows", s->rows);
    if (store_read_rows(store, s->row, NULL, &s->bad, e)) return -1;
    for (size_t i = 0; i < s->rows; i++) {
        struct store_row *r = &s->row[i];
        if (r->state != JOB_UNUSED && (r->family < 0 || (size_t)r->family >= store_families(store))) {
            r->state = JOB_UNUSED; /* written by something else */
            s->bad++;
        }
        if (r->state != JOB_UNUSED) tally_add(s, &s->all, r);
    }
    return 0;
}

int status_open(struct status *s, const char *path, struct err *e)
{
    struct store *store;
    *s = (struct status){ .path = path, .now = clock_unix() };
    if (store_open_read(&store, path, e)) return -1;
    const char *archive = store_attribute(store, "archive");
    s->archive = arena_text(&s->arena, archive, strlen(archive));
    s->rows = store_rows(store);
    s->at_work = lock_look(&s->run, path);
    const int rc = read_rows(s, store, e) || share_out(s, store, e) || store_settings(store, &s->results, e) ? -1 : 0;
    if (!rc) estimate(s, store);
    if (!rc) status_find_missing(s, store);
    store_close(store);
    return rc;
}

void status_close(struct status *s)
{
    free(s->row);
    free(s->share);
    settings_release(&s->results);
    arena_release(&s->arena);
}
