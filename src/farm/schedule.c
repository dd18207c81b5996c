#include "farm/schedule.h"

#include <stdlib.h>
#include <string.h>

static bool has_parent(const struct schedule *s, uint32_t j)
{
    return s->job[j].parent != FARM_NO_PARENT;
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

static int by_need(const void *a, const void *b, void *jobs)
{
    const struct farm_job *job = jobs;
    const int64_t x = job[*(const uint32_t *)a].need, y = job[*(const uint32_t *)b].need;
    return (x > y) - (x < y);
}

/* A counting sort by parent; the heap, still empty, lends its space. */
static void list_children(struct schedule *s)
{
    uint32_t *const next = s->heap;
    for (size_t j = 0; j < s->count; j++) {
        if (!has_parent(s, (uint32_t)j)) continue;
        MUST(s->job[j].parent < s->count);
        s->first[s->job[j].parent + 1]++;
    }
    for (size_t j = 0; j < s->count; j++) s->first[j + 1] += s->first[j];
    if (s->count) memcpy(next, s->first, s->count * sizeof *next);
    for (size_t j = 0; j < s->count; j++)
        if (has_parent(s, (uint32_t)j)) s->child[next[s->job[j].parent]++] = (uint32_t)j;
    for (size_t j = 0; j < s->count; j++)
        qsort_r(s->child + s->first[j], s->first[j + 1] - s->first[j], sizeof *s->child, by_need, (void *)s->job);
}

/* Parents before children, generation by generation, then costs summed on the way back. */
static void measure_chains(struct schedule *s)
{
    uint32_t *const order = s->heap;
    size_t n = 0;
    for (size_t j = 0; j < s->count; j++)
        if (!has_parent(s, (uint32_t)j)) order[n++] = (uint32_t)j;
    for (size_t i = 0; i < n; i++)
        for (uint32_t c = s->first[order[i]]; c < s->first[order[i] + 1]; c++) order[n++] = s->child[c];
    if (n != s->count) BUG("%zu jobs are their own ancestors", s->count - n);
    while (n-- > 0) {
        const struct farm_job *job = &s->job[order[n]];
        double *own = &s->chain[order[n]];
        MUST(job->cost >= 0);
        *own += job->cost;
        if (job->parent != FARM_NO_PARENT && s->chain[job->parent] < *own) s->chain[job->parent] = *own;
    }
}

void schedule_open(struct schedule *s, const struct farm_job *job, size_t count)
{
    MUST(count < FARM_NO_PARENT);
    *s = (struct schedule){ .job = job, .count = count };
    s->chain = ARENA_NEW(&s->arena, count, double);
    s->first = ARENA_NEW(&s->arena, count + 1, uint32_t);
    s->child = ARENA_NEW(&s->arena, count, uint32_t);
    s->heap = ARENA_NEW(&s->arena, count, uint32_t);
    s->apart = ARENA_NEW(&s->arena, count, uint32_t);
    s->state = ARENA_NEW(&s->arena, count, uint8_t);
    s->tally[SCHEDULE_WAITING] = count;
    list_children(s);
    measure_chains(s);
    for (size_t j = 0; j < count; j++)
        if (!has_parent(s, (uint32_t)j)) make_ready(s, (uint32_t)j);
}

void schedule_close(struct schedule *s)
{
    arena_release(&s->arena);
    *s = (struct schedule){ 0 };
}

/* --- events --- */

static void release_children(struct schedule *s, uint32_t parent, int64_t need)
{
    uint32_t low = s->first[parent];
    const uint32_t end = s->first[parent + 1];
    for (uint32_t high = end; low < high;) {
        const uint32_t middle = low + (high - low) / 2;
        if (s->job[s->child[middle]].need < need)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < end && s->job[s->child[low]].need == need; low++)
        if (s->state[s->child[low]] == SCHEDULE_WAITING) make_ready(s, s->child[low]);
}

/* All that still waits below parent.  The stack has room: no job is both ready and blocked. */
static void block_descendants(struct schedule *s, uint32_t parent, void (*blocked)(void *, size_t), void *ctx)
{
    uint32_t *const bottom = s->heap + s->count, *top = bottom;
    for (;;) {
        for (uint32_t c = s->first[parent]; c < s->first[parent + 1]; c++) {
            if (s->state[s->child[c]] != SCHEDULE_WAITING) continue;
            set_state(s, s->child[c], SCHEDULE_BLOCKED);
            blocked(ctx, s->child[c]);
            *--top = s->child[c];
        }
        if (top == bottom) return;
        parent = *top++;
    }
}

void schedule_mark(struct schedule *s, uint32_t job, int64_t milestone)
{
    MUST(job < s->count && s->state[job] == SCHEDULE_RUNNING);
    MUST(milestone != FARM_ALWAYS);
    release_children(s, job, milestone);
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
    if (verdict == FARM_DONE) release_children(s, job, FARM_ALWAYS);
    block_descendants(s, job, blocked, ctx);
}
