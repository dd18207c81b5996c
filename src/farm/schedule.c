#include "farm/schedule.h"

#include <stdlib.h>
#include <string.h>

/* A wait is a number: twice the job's, and one more if it is for the end of the job before it. */
enum { FOR_PARENT, FOR_END, WAITS };

static uint32_t waits_on(const struct schedule *s, uint32_t wait)
{
    const struct farm_job *job = &s->job[wait / WAITS];
    return wait % WAITS == FOR_END ? job->after : job->parent;
}

struct schedule_wait schedule_wait(const struct schedule *s, uint32_t wait)
{
    const bool end = wait % WAITS == FOR_END;
    return (struct schedule_wait){ wait / WAITS, waits_on(s, wait), end ? FARM_ENDED : s->job[wait / WAITS].need };
}

static bool is_open(const struct schedule *s, uint32_t wait)
{
    return s->open[wait / WAITS] >> wait % WAITS & 1;
}

static void set_state(struct schedule *s, uint32_t j, enum schedule_state state)
{
    s->tally[s->state[j]]--;
    s->tally[state]++;
    s->state[j] = (uint8_t)state;
}

/* --- the heap of ready jobs --- */

static bool goes_before(const struct schedule *s, uint32_t a, uint32_t b)
{
    if (s->chain[a] != s->chain[b]) return s->chain[a] > s->chain[b];
    return a < b;
}

static void make_ready(struct schedule *s, uint32_t j)
{
    if (s->job[j].alone) {
        s->apart[s->tally[SCHEDULE_APART]] = j;
        set_state(s, j, SCHEDULE_APART);
        return;
    }
    size_t hole = s->tally[SCHEDULE_READY];
    set_state(s, j, SCHEDULE_READY);
    for (; hole > 0 && goes_before(s, j, s->heap[(hole - 1) / 2]); hole = (hole - 1) / 2)
        s->heap[hole] = s->heap[(hole - 1) / 2];
    s->heap[hole] = j;
}

uint32_t schedule_take(struct schedule *s)
{
    if (s->tally[SCHEDULE_READY] == 0) return SCHEDULE_NONE;
    const uint32_t top = s->heap[0];
    set_state(s, top, SCHEDULE_RUNNING);
    const size_t ready = s->tally[SCHEDULE_READY];
    const uint32_t last = s->heap[ready];
    size_t hole = 0;
    for (size_t below = 1; below < ready; below = 2 * hole + 1) {
        if (below + 1 < ready && goes_before(s, s->heap[below + 1], s->heap[below])) below++;
        if (!goes_before(s, s->heap[below], last)) break;
        s->heap[hole] = s->heap[below];
        hole = below;
    }
    s->heap[hole] = last;
    return top;
}

uint32_t schedule_take_apart(struct schedule *s)
{
    if (s->tally[SCHEDULE_APART] == 0) return SCHEDULE_NONE;
    const uint32_t top = s->apart[s->tally[SCHEDULE_APART] - 1];
    set_state(s, top, SCHEDULE_RUNNING);
    return top;
}

/* --- opening --- */

static int by_need(const void *a, const void *b, void *schedule)
{
    const uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    const int64_t x = schedule_wait(schedule, one).need, y = schedule_wait(schedule, other).need;
    return x != y ? (x > y) - (x < y) : (one > other) - (one < other);
}

/* A counting sort by who is waited for; the heap, still empty, lends its space. */
static void list_waits(struct schedule *s)
{
    uint32_t *const next = s->heap;
    const uint32_t waits = (uint32_t)s->count * WAITS;
    for (uint32_t w = 0; w < waits; w++) {
        const uint32_t on = waits_on(s, w);
        if (on == FARM_NO_PARENT) continue;
        MUST(on < s->count);
        s->first[on + 1]++;
    }
    for (size_t j = 0; j < s->count; j++) s->first[j + 1] += s->first[j];
    if (s->count) memcpy(next, s->first, s->count * sizeof *next);
    for (uint32_t w = 0; w < waits; w++)
        if (waits_on(s, w) != FARM_NO_PARENT) s->wait[next[waits_on(s, w)]++] = w;
    for (size_t j = 0; j < s->count; j++)
        qsort_r(s->wait + s->first[j], s->first[j + 1] - s->first[j], sizeof *s->wait, by_need, s);
}

static void open_waits(struct schedule *s)
{
    for (uint32_t w = 0; w < (uint32_t)s->count * WAITS; w++)
        if (waits_on(s, w) != FARM_NO_PARENT) s->open[w / WAITS] |= (uint8_t)(1U << w % WAITS);
}

/* False: it still waits for something else. */
static bool close_wait(struct schedule *s, uint32_t wait)
{
    s->open[wait / WAITS] &= (uint8_t) ~(1U << wait % WAITS);
    return !s->open[wait / WAITS];
}

static void find_order(struct schedule *s)
{
    size_t n = 0;
    open_waits(s);
    for (uint32_t j = 0; j < s->count; j++)
        if (!s->open[j]) s->order[n++] = j;
    for (size_t i = 0; i < n; i++)
        for (uint32_t w = s->first[s->order[i]]; w < s->first[s->order[i] + 1]; w++)
            if (close_wait(s, s->wait[w])) s->order[n++] = s->wait[w] / WAITS;
    if (n != s->count) BUG("%zu jobs are their own ancestors", s->count - n);
    open_waits(s);
}

/* Costs are summed from the last of the order to the first. */
static void measure_chains(struct schedule *s)
{
    for (size_t n = s->count; n-- > 0;) {
        const uint32_t j = s->order[n];
        const uint32_t before[WAITS] = { s->job[j].parent, s->job[j].after };
        MUST(s->job[j].cost >= 0);
        s->chain[j] += s->job[j].cost;
        for (size_t i = 0; i < WAITS; i++)
            if (before[i] != FARM_NO_PARENT && s->chain[before[i]] < s->chain[j]) s->chain[before[i]] = s->chain[j];
    }
}

void schedule_open(struct schedule *s, const struct farm_job *job, size_t count)
{
    MUST(count < FARM_NO_PARENT / WAITS);
    *s = (struct schedule){ .job = job, .count = count };
    s->chain = ARENA_NEW(&s->arena, count, double);
    s->first = ARENA_NEW(&s->arena, count + 1, uint32_t);
    s->wait = ARENA_NEW(&s->arena, WAITS * count, uint32_t);
    s->order = ARENA_NEW(&s->arena, count, uint32_t);
    s->heap = ARENA_NEW(&s->arena, count, uint32_t);
    s->apart = ARENA_NEW(&s->arena, count, uint32_t);
    s->state = ARENA_NEW(&s->arena, count, uint8_t);
    s->open = ARENA_NEW(&s->arena, count, uint8_t);
    s->tally[SCHEDULE_WAITING] = count;
    list_waits(s);
    find_order(s);
    measure_chains(s);
    for (uint32_t j = 0; j < count; j++)
        if (!s->open[j]) make_ready(s, j);
}

void schedule_close(struct schedule *s)
{
    arena_release(&s->arena);
    *s = (struct schedule){ 0 };
}

/* --- events --- */

static void release(struct schedule *s, uint32_t wait)
{
    if (close_wait(s, wait) && s->state[wait / WAITS] == SCHEDULE_WAITING) make_ready(s, wait / WAITS);
}

static void release_all(struct schedule *s, uint32_t on, int64_t need)
{
    uint32_t low = s->first[on];
    const uint32_t end = s->first[on + 1];
    for (uint32_t high = end; low < high;) {
        const uint32_t middle = low + (high - low) / 2;
        if (schedule_wait(s, s->wait[middle]).need < need)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < end && schedule_wait(s, s->wait[low]).need == need; low++) release(s, s->wait[low]);
}

/* All that still waits for a milestone below parent; who comes after one of these is free.  The stack has room: no
 * job is both ready and blocked. */
static void block_descendants(struct schedule *s, uint32_t parent, void (*blocked)(void *, size_t), void *ctx)
{
    uint32_t *const bottom = s->heap + s->count, *top = bottom;
    for (;;) {
        for (uint32_t i = s->first[parent]; i < s->first[parent + 1]; i++) {
            const uint32_t wait = s->wait[i], job = wait / WAITS;
            if (wait % WAITS == FOR_END || !is_open(s, wait) || s->state[job] != SCHEDULE_WAITING) continue;
            set_state(s, job, SCHEDULE_BLOCKED);
            blocked(ctx, job);
            *--top = job;
        }
        release_all(s, parent, FARM_ENDED);
        if (top == bottom) return;
        parent = *top++;
    }
}

void schedule_mark(struct schedule *s, uint32_t job, int64_t milestone)
{
    MUST(job < s->count && s->state[job] == SCHEDULE_RUNNING);
    MUST(milestone != FARM_ALWAYS && milestone != FARM_ENDED);
    release_all(s, job, milestone);
}

void schedule_end(struct schedule *s, uint32_t job, enum farm_verdict verdict, void (*blocked)(void *ctx, size_t job),
                  void *ctx)
{
    static const enum schedule_state after[] = {
        [FARM_DONE] = SCHEDULE_DONE, [FARM_FAILED] = SCHEDULE_FAILED, [FARM_STOPPED] = SCHEDULE_STOPPED
    };
    MUST(job < s->count && s->state[job] == SCHEDULE_RUNNING);
    MUST((size_t)verdict < ARRAY_LEN(after));
    set_state(s, job, after[verdict]);
    if (verdict == FARM_STOPPED) return;
    if (verdict == FARM_DONE) release_all(s, job, FARM_ALWAYS);
    block_descendants(s, job, blocked, ctx);
}
