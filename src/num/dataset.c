#include "num/dataset.h"

double dataset_number(const struct dataset *d, size_t example, size_t place)
{
    const struct dataset_stored *s = &d->stored;
    double v;
    if (d->x) return d->x[example * d->width + place];
    const size_t at = (s->row ? s->row[example] : example) * d->width + place;
    stored_convert(s->type, (const char *)s->at + at * stored_bytes(s->type), 1, &v);
    return s->unit ? (v - s->shift[place]) / s->unit[place] : v;
}
