#include "net/tape.h"

#include "base/err.h"
#include "num/scalar.h"

#include <string.h>

/* ---- functions of one number ---- */

static scalar sigmoid(scalar x)
{
    const scalar small = scalar_exp(scalar_real(x) < 0 ? x : -x);
    return (scalar_real(x) < 0 ? small : 1) / (1 + small);
}

static scalar phi(scalar x)
{
    return 0.5 * (1 + scalar_erf(x / sqrt(2)));
}

static scalar power(scalar x, int n)
{
    scalar out = 1;
    for (int i = 0; i < n; i++) out *= x;
    return out;
}

static scalar rsqrt(scalar x)
{
    const double value = 1 / sqrt(scalar_real(x));
    return scalar_chain(x, value, -0.5 * value / scalar_real(x));
}

static scalar function(const struct tape_entry *e, scalar x)
{
    const double r = scalar_real(x);
    switch (e->function) {
    case TAPE_RELU: return r > 0 ? x : 0;
    case TAPE_GELU: return x * phi(x);
    case TAPE_SILU: return x * sigmoid(x);
    case TAPE_TANH: return scalar_tanh(x);
    case TAPE_SIGMOID: return sigmoid(x);
    case TAPE_SOFTPLUS: return scalar_chain(x, (r > 0 ? r : 0) + log1p(exp(-fabs(r))), scalar_real(sigmoid(x)));
    case TAPE_SIN: return scalar_chain(x, sin(r), cos(r));
    case TAPE_POWER: return power(x, (int)e->number);
    case TAPE_EXP: return scalar_exp(x);
    case TAPE_RECIPROCAL: return 1 / x;
    case TAPE_RSQRT: return rsqrt(x + e->number);
    }
    BUG("no function %d", (int)e->function);
}

/* At x, where the function is y. */
static scalar slope(const struct tape_entry *e, scalar x, scalar y)
{
    const double r = scalar_real(x);
    switch (e->function) {
    case TAPE_RELU: return r > 0;
    case TAPE_GELU: return phi(x) + x * scalar_exp(-x * x / 2) / sqrt(2 * acos(-1));
    case TAPE_SILU: return sigmoid(x) * (1 + x * (1 - sigmoid(x)));
    case TAPE_TANH: return 1 - y * y;
    case TAPE_SIGMOID: return y * (1 - y);
    case TAPE_SOFTPLUS: return sigmoid(x);
    case TAPE_SIN: return scalar_chain(x, cos(r), -sin(r));
    case TAPE_POWER: return e->number * power(x, (int)e->number - 1);
    case TAPE_EXP: return y;
    case TAPE_RECIPROCAL: return -y * y;
    case TAPE_RSQRT: return -0.5 * y * y * y;
    }
    BUG("no function %d", (int)e->function);
}

/* ---- forwards ---- */

static void product(const struct tape_entry *e, scalar *out, const scalar *a, const scalar *b)
{
    for (size_t i = 0; i < e->m; i++)
        for (size_t j = 0; j < e->n; j++) {
            scalar sum = 0;
            for (size_t l = 0; l < e->k; l++) sum += a[i * e->k + l] * b[j * e->k + l];
            out[i * e->n + j] = sum;
        }
}

/* The first of the largest. */
static size_t largest(const scalar *a, size_t k)
{
    size_t best = 0;
    for (size_t i = 1; i < k; i++)
        if (scalar_real(a[i]) > scalar_real(a[best])) best = i;
    return best;
}

static void forward(const struct tape_entry *e, const struct dataset *d, size_t example, scalar *out,
                    scalar *const *value)
{
    const scalar *a = value[e->a], *b = value[e->b];
    const int32_t *token = d->token ? d->token + example * d->width + e->first : NULL;
    switch (e->what) {
    case TAPE_WEIGHTS: return; /* where they are */
    case TAPE_PRODUCT: product(e, out, a, b); return;
    case TAPE_ONEHOT:
        for (size_t i = 0; i < e->size; i++) out[i] = (size_t)token[i / e->k] == i % e->k;
        return;
    default: break;
    }
    for (size_t i = 0; i < e->size; i++) switch (e->what) {
        case TAPE_CONSTANT: out[i] = e->value[i]; break;
        case TAPE_NUMBERS: out[i] = d->x[example * d->width + i]; break;
        case TAPE_ROWS: out[i] = a[(size_t)token[i / e->k] * e->k + i % e->k]; break;
        case TAPE_GATHER: out[i] = e->index[i] < 0 ? 0 : a[e->index[i]]; break;
        case TAPE_ADD: out[i] = a[i] + b[i]; break;
        case TAPE_MULTIPLY: out[i] = a[i] * b[i]; break;
        case TAPE_SCALE: out[i] = e->number * a[i]; break;
        case TAPE_SUM:
            out[i] = 0;
            for (size_t j = 0; j < e->k; j++) out[i] += a[i * e->k + j];
            break;
        case TAPE_MAX: out[i] = a[i * e->k + largest(a + i * e->k, e->k)]; break;
        case TAPE_UNARY: out[i] = function(e, a[i]); break;
        default: BUG("no primitive %d", (int)e->what);
        }
}

/* ---- backwards: what it was made of gets its part of the gradient ---- */

static void product_back(const struct tape_entry *e, const scalar *d, const scalar *a, const scalar *b, scalar *da,
                         scalar *db)
{
    for (size_t i = 0; i < e->m; i++)
        for (size_t j = 0; j < e->n; j++) {
            const scalar by = d[i * e->n + j];
            for (size_t l = 0; l < e->k; l++) {
                da[i * e->k + l] += by * b[j * e->k + l];
                db[j * e->k + l] += by * a[i * e->k + l];
            }
        }
}

static void backward(const struct tape_entry *e, const struct dataset *data, size_t example, scalar *const *value,
                     scalar *const *dvalue, int at)
{
    const scalar *a = value[e->a], *b = value[e->b], *out = value[at], *d = dvalue[at];
    scalar *da = dvalue[e->a], *db = dvalue[e->b];
    const int32_t *token = data->token ? data->token + example * data->width + e->first : NULL;
    if (e->what == TAPE_PRODUCT) product_back(e, d, a, b, da, db);
    for (size_t i = 0; i < e->size; i++) switch (e->what) {
        case TAPE_ROWS: da[(size_t)token[i / e->k] * e->k + i % e->k] += d[i]; break;
        case TAPE_GATHER:
            if (e->index[i] >= 0) da[e->index[i]] += d[i];
            break;
        case TAPE_ADD:
            da[i] += d[i];
            db[i] += d[i];
            break;
        case TAPE_MULTIPLY: {
            const scalar to_a = d[i] * b[i], to_b = d[i] * a[i]; /* which may be one */
            da[i] += to_a;
            db[i] += to_b;
            break;
        }
        case TAPE_SCALE: da[i] += e->number * d[i]; break;
        case TAPE_SUM:
            for (size_t j = 0; j < e->k; j++) da[i * e->k + j] += d[i];
            break;
        case TAPE_MAX: da[i * e->k + largest(a + i * e->k, e->k)] += d[i]; break;
        case TAPE_UNARY: da[i] += d[i] * slope(e, a[i], out[i]); break;
        default: return; /* a product, or it is made of nothing */
        }
}

void tape_run(const struct tape *t, const struct dataset *d, size_t i, scalar *const *value, scalar *const *dvalue,
              const scalar *dlast)
{
    const int last = tape_last(t);
    for (int j = 0; j <= last; j++) forward(&t->entry[j], d, i, value[j], value);
    if (!dlast) return;
    for (int j = 0; j <= last; j++)
        if (t->entry[j].what != TAPE_WEIGHTS) memset(dvalue[j], 0, t->entry[j].size * sizeof(scalar));
    memcpy(dvalue[last], dlast, t->entry[last].size * sizeof(scalar));
    for (int j = last; j >= 0; j--) backward(&t->entry[j], d, i, value, dvalue, j);
}
