#include "job/mirrors.h"

#include "base/arena.h"
#include "base/text.h"
#include "job/data.h"
#include "job/registry.h"

#include <stdlib.h>
#include <string.h>

struct pair {
    int32_t low, high, label;
    bool turned;
};

static int by_pair(const void *x, const void *y)
{
    const struct pair *a = x, *b = y;
    if (a->low != b->low) return (a->low > b->low) - (a->low < b->low);
    if (a->high != b->high) return (a->high > b->high) - (a->high < b->high);
    return a->turned - b->turned;
}

static void list_pairs(const struct dataset *d, struct pair *out)
{
    for (size_t i = 0; i < d->n; i++) {
        const int32_t a = d->token[2 * i], b = d->token[2 * i + 1];
        out[i] = (struct pair){ a < b ? a : b, a < b ? b : a, d->label ? d->label[i] : 0, a > b };
    }
}

int mirrors_check(const struct job_spec *s, struct err *e)
{
    struct arena a = { 0 };
    struct job_data data;
    struct err ignored = { 0 };
    size_t both = 0, contradict = 0;
    bool (*adds_inputs)(const void *) = registry_model(s->model->name)->adds_inputs;
    if (!adds_inputs || !adds_inputs(s->model_config)) return 0;
    if (!job_data_build(&data, s, NULL, &a, &ignored) && data.shape.width == MIRRORS_WIDTH && data.set.train.token) {
        const size_t n_train = data.set.train.n, n = n_train + data.set.test.n;
        struct pair *pair = ARENA_NEW(&a, n + 1, struct pair);
        list_pairs(&data.set.train, pair);
        list_pairs(&data.set.test, pair + n_train);
        qsort(pair, n, sizeof *pair, by_pair);
        for (size_t i = 1; i < n; i++) {
            const struct pair *one = &pair[i - 1], *other = &pair[i];
            if (one->low != other->low || one->high != other->high || one->turned == other->turned) continue;
            both++;
            contradict += one->label != other->label;
        }
    }
    arena_release(&a);
    if (!both) return 0;
    char labels[64];
    if (contradict)
        text_brief(labels, sizeof labels, "with other labels for %zu of them", contradict);
    else
        text_brief(labels, sizeof labels, "so that training shows the mirror images of test pairs");
    return err_set(
        e, ERR_SPEC,
        "%s adds up what it is shown, so that (a, b) is (b, a) to it, and the data have both of %zu pairs, %s; "
        "pairs: unordered has each once, dense_mlp and transformer (with `equals`: `positional: true`, too) know the "
        "order, and the grid's key `mirrors: accept` trains it all the same",
        s->model->name, both, labels);
}
