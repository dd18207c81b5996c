#define TOMBOLA_REAL 64
#include "measure/symbols.h"

#include "base/names.h"
#include "base/text.h"
#include "model/model.h"

#include <string.h>

/* Of dense W, of embed E, or the tensor itself. */
static const struct tensor *find(const struct measure_site *at, const char *operation)
{
    static const char *const letter[] = { ".W", ".E", "" };
    const struct tensor *t = NULL;
    for (size_t i = 0; i < ARRAY_LEN(letter) && !t && operation[0]; i++) {
        char name[LAYOUT_NAME + 2];
        if (text_print(name, sizeof name, "%s%s", operation, letter[i])) t = layout_find(at->layout, name);
    }
    return t && t->rank == 2 ? t : NULL;
}

struct symbols_table symbols_find(const struct measure_site *at, const char *own, const char *given)
{
    const bool rows = !at->model->symbols;
    const struct tensor *t = rows ? find(at, given) : layout_find(at->layout, own);
    if (!t) return (struct symbols_table){ .tensor = NULL };
    return (struct symbols_table){ t, rows, (size_t)t->dim[rows], (size_t)t->dim[!rows] };
}

const struct tensor *symbols_map(const struct measure_site *at, const char *own, const char *given)
{
    return at->model->symbols ? layout_find(at->layout, own) : find(at, given);
}

int symbols_missing(const struct measure_site *at, const char *key, const char *given, struct err *e)
{
    char name[LAYOUT_TENSORS][LAYOUT_NAME];
    const char *names[LAYOUT_TENSORS + 1] = { 0 };
    size_t count = 0;
    for (int i = 0; i < at->layout->count; i++) {
        const struct tensor *t = &at->layout->tensor[i];
        const char *dot = strrchr(t->name, '.');
        if (t->rank != 2 || !dot || (strcmp(dot, ".W") != 0 && strcmp(dot, ".E") != 0)) continue;
        MUST(text_copy(name[count], LAYOUT_NAME, t->name, (size_t)(dot - t->name)));
        names[count] = name[count];
        count++;
    }
    return names_unknown(e, NULL, given, names, "'%s' of the measure is '%s', which is none of the network's", key,
                         given);
}

double *symbols_copy(const struct measure_probe *p, const struct symbols_table *t, size_t count)
{
    const double *from = p->theta + t->tensor->offset;
    double *out = ARENA_NEW(p->scratch, t->width * count, double);
    for (size_t j = 0; j < t->width; j++)
        for (size_t s = 0; s < count; s++)
            out[j * count + s] = t->rows ? from[s * t->width + j] : from[j * t->count + s];
    return out;
}
