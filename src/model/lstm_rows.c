/* Which examples share which states. */
#include "model/lstm_private.h"
#include "num/real.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Any order will do in which all that begin alike are neighbours; that of the bytes is quickest. */
static int compare(const void *a, const void *b, void *ctx)
{
    const struct dataset *d = ctx;
    const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const int32_t *left = d->token + i * d->width, *right = d->token + j * d->width;
    const int by_tokens = memcmp(left, right, d->width * sizeof *left);
    return by_tokens ? by_tokens : (i > j) - (i < j);
}

void lstm_arrange(struct net *net, const struct dataset *d)
{
    for (size_t i = 0; i < d->n; i++) net->order[i] = (uint32_t)i;
    qsort_r(net->order, d->n, sizeof *net->order, compare, (void *)d);
    net->shared[0] = 0;
    for (size_t i = 1; i < d->n; i++) {
        const int32_t *last = d->token + net->order[i - 1] * d->width, *token = d->token + net->order[i] * d->width;
        uint32_t alike = 0;
        while (alike < d->width && last[alike] == token[alike]) alike++;
        net->shared[i] = alike;
    }
}

static size_t count_that_fit(const struct net *net, const struct dataset *d, size_t first)
{
    size_t count = 1, rows = 1 + d->width; /* with the state of zeros */
    for (; first + count < d->n && count < net->most; count++) {
        rows += d->width - net->shared[first + count];
        if (rows > net->capacity) break;
    }
    return count;
}

void lstm_take(struct net *net, const struct dataset *d, size_t first)
{
    uint32_t rows = 1, *const row = net->row; /* row[i]: of example i at the step before, then at this one */
    net->first = first;
    net->count = count_that_fit(net, d, first);
    memset(row, 0, net->count * sizeof *row);
    for (size_t t = 0; t < d->width; t++) {
        net->start[t] = rows;
        for (size_t i = 0; i < net->count; i++) {
            if (i == 0 || net->shared[first + i] <= t) {
                net->parent[rows] = row[i];
                net->symbol[rows] = (uint32_t)d->token[net->order[first + i] * d->width + t];
                rows++;
            }
            row[i] = rows - 1;
        }
    }
    net->start[d->width] = rows;
    assert(rows <= net->capacity);
}
