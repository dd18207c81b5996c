#include "model/transformer.h"

#include "model/transformer_private.h"
#include "num/blas.h"
#include "num/real.h"
#include "num/transpose.h"

#include <math.h>
#include <string.h>

static const struct field fields[] = {
    FIELD_NUMBER(transformer_config, d_model, INT, "128", "[1, 65536]", "1",
                 "width of the embedding and of the residual stream"),
    FIELD_NUMBER(transformer_config, heads, INT, "1", "[1, 256]", "1", "attention heads"),
    FIELD_NUMBER(transformer_config, d_head, INT, "0", "[0, 65536]", "1", "width of a head; 0: d_model / heads"),
    FIELD_NUMBER(transformer_config, d_mlp, INT, "128", "[1, 65536]", "1", "neurons of the hidden layer"),
    FIELD_FLAG(transformer_config, equals, "false",
               "a symbol '=' stands behind the others, and its position is read; initial weights as Nanda et al. "
               "scale them"),
    FIELD_FLAG(transformer_config, positional, "false", "a learned vector is added at each position (W_pos)"),
    FIELD_FLAG(transformer_config, biases, "false",
               "b_in and b_out around the hidden layer; they start at 0 and are never pruned"),
    FIELD_FLAG(transformer_config, equals_logit, "false",
               "'=' has a logit too: one class more in the softmax, never the right one"),
    FIELD_CHOSEN(transformer_config, activation, CHOICE, "relu", activation_name, "nonlinearity of the hidden layer"),
    FIELD_NUMBER(transformer_config, init_scale, REAL, "1", "(0, 1000]", "1",
                 "factor on every initial weight (kappa of Kumar et al. 2310.06110)"),
    FIELD_END,
};

static int64_t outputs(const void *config, const struct task_shape *shape)
{
    const struct transformer_config *c = config;
    return shape->classes + c->equals_logit;
}

static int check(const struct transformer_config *c, const struct task_shape *shape, struct err *e)
{
    if (shape->vocabulary == 0)
        return err_set(e, ERR_SPEC, "model transformer needs a task on symbols; this task gives numbers");
    if (c->d_head == 0 && c->d_model % c->heads)
        return err_set(e, ERR_SPEC, "d_model %lld is no multiple of %lld heads; give d_head", (long long)c->d_model,
                       (long long)c->heads);
    if (c->equals_logit && !c->equals) return err_set(e, ERR_SPEC, "equals_logit needs equals: true");
    return 0;
}

static void add_bias(struct layout *l, const char *name, int64_t size)
{
    LAYOUT_ADD(l, name, 0, size)->prunable = false;
}

/* Both published codes divide by the root of one size at the ends of the network, but not of the same one. */
static int layout(const void *config, const struct task_shape *shape, struct layout *out, struct err *e)
{
    const struct transformer_config *c = config;
    if (check(c, shape, e)) return -1;
    int64_t d = c->d_model, head = transformer_head_width(c), symbols = shape->vocabulary + c->equals;
    int64_t positions = (int64_t)shape->width + c->equals, logits = outputs(config, shape);
    double std = c->init_scale / sqrt((double)d);
    LAYOUT_ADD(out, "W_E", c->equals ? std : c->init_scale / sqrt((double)symbols), d, symbols);
    if (c->positional) LAYOUT_ADD(out, "W_pos", std, positions, d);
    LAYOUT_ADD(out, "W_K", std, c->heads, head, d);
    LAYOUT_ADD(out, "W_Q", std, c->heads, head, d);
    LAYOUT_ADD(out, "W_V", std, c->heads, head, d);
    LAYOUT_ADD(out, "W_O", std, d, c->heads * head);
    LAYOUT_ADD(out, "W_in", std, c->d_mlp, d);
    if (c->biases) add_bias(out, "b_in", c->d_mlp);
    LAYOUT_ADD(out, "W_out", std, d, c->d_mlp);
    if (c->biases) add_bias(out, "b_out", d);
    LAYOUT_ADD(out, "W_U", c->equals ? c->init_scale / sqrt((double)logits) : std, d, logits);
    return 0;
}

static size_t padded(size_t n)
{
    return (n + PAD - 1) / PAD * PAD;
}

static void set_sizes(struct net *net, const struct transformer_config *c, const struct task_shape *shape)
{
    net->d = (size_t)c->d_model;
    net->heads = (size_t)c->heads;
    net->d_head = (size_t)transformer_head_width(c);
    net->h = (size_t)c->d_mlp;
    net->c = (size_t)outputs(c, shape);
    net->hp = padded(net->h);
    net->cp = padded(net->c);
    net->wide = net->hp + net->cp;
    net->p = (size_t)shape->vocabulary;
    net->width = shape->width;
    net->equals = c->equals;
    net->positional = c->positional;
    net->sources = net->width + net->equals;
    net->rows = (net->positional ? net->width : 1) * net->p + net->equals;
    net->queries = net->equals ? 1 : net->p;
    net->first_query = net->rows - net->queries;
    net->all_rows = net->heads * net->rows + net->queries;
    net->widen_first =
        net->wide * net->d_head * (net->d + net->rows) < net->rows * net->d * (net->d_head + net->wide);
    net->between_size = net->widen_first ? net->wide * net->d_head : net->rows * net->d;
}

static void find_tensors(struct net *net, const struct layout *l)
{
    const struct {
        const struct tensor **at;
        const char *name;
    } tensor[] = { { &net->W_E, "W_E" },     { &net->W_pos, "W_pos" }, { &net->W_K, "W_K" },   { &net->W_Q, "W_Q" },
                   { &net->W_V, "W_V" },     { &net->W_O, "W_O" },     { &net->W_in, "W_in" }, { &net->b_in, "b_in" },
                   { &net->W_out, "W_out" }, { &net->b_out, "b_out" }, { &net->W_U, "W_U" } };
    for (size_t i = 0; i < ARRAY_LEN(tensor); i++) *tensor[i].at = layout_find(l, tensor[i].name);
}

static void add_tables(struct net *net, struct arena *a)
{
    size_t heads = net->heads, d = net->d;
    const struct {
        real **table, **gradient;
        size_t size;
    } pair[] = { { &net->X, &net->dX, net->rows * d },
                 { &net->Q, &net->dQ, heads * net->queries * net->d_head },
                 { &net->B, &net->dB, heads * net->queries * d },
                 { &net->S, &net->dS, heads * net->queries * net->rows },
                 { &net->V, &net->dV, heads * net->rows * net->d_head },
                 { &net->O, &net->dO, heads * d * net->d_head },
                 { &net->Z, &net->dZ, net->queries * d },
                 { &net->F, &net->dF, net->wide * d },
                 { &net->T, &net->dT, net->all_rows * net->wide },
                 { &net->G, &net->dG, net->hp * net->cp } };
    for (size_t i = 0; i < ARRAY_LEN(pair); i++) {
        *pair[i].table = ARENA_NEW(a, pair[i].size, real);
        *pair[i].gradient = ARENA_NEW(a, pair[i].size, real);
    }
    net->between = ARENA_NEW(a, heads * net->between_size, real);
    net->dbetween = ARENA_NEW(a, net->between_size, real);
}

/* A round of examples should leave room for the rows that it sums in a second-level cache. */
enum { ROUND = 1 << 17, GRAIN = 16, GRAINS = 64 };

static size_t neighbourhoods(const struct net *net)
{
    return net->grains * net->grains * net->grain;
}

static void add_examples(struct net *net, size_t most, struct arena *a)
{
    size_t chunk = ROUND / net->hp / PAD * PAD;
    net->most = most;
    net->chunk = chunk < PAD ? PAD : chunk < most ? chunk : most;
    net->grain = net->p / GRAINS < GRAIN ? GRAIN : net->p / GRAINS + 1;
    net->grains = (net->p - 1) / net->grain + 1;
    net->start = ARENA_NEW(a, neighbourhoods(net) + 1, size_t);
    net->place = ARENA_NEW(a, most, uint32_t);
    net->row = ARENA_NEW(a, most * net->width, uint32_t);
    net->query = ARENA_NEW(a, most, uint32_t);
    net->A = ARENA_NEW(a, net->heads * net->sources * most, real);
    net->dA = ARENA_NEW(a, net->heads * net->sources * most, real);
    net->Y = ARENA_NEW(a, most * net->cp, real);
    net->U = ARENA_NEW(a, net->chunk * net->hp, real);
    net->dU = ARENA_NEW(a, net->chunk * net->hp, real);
    net->input = net->act->from_input ? ARENA_NEW(a, net->chunk * net->hp, real) : net->U;
    net->dots = ARENA_NEW(a, net->chunk * net->heads * net->width * LANES, real);
}

static struct net *open(const void *config, const struct layout *l, const struct task_shape *shape, size_t max_batch,
                        struct arena *a)
{
    const struct transformer_config *c = config;
    struct net *net = ARENA_NEW(a, 1, struct net);
    net->act = &activation_kinds[c->activation];
    set_sizes(net, c, shape);
    find_tensors(net, l);
    add_tables(net, a);
    add_examples(net, max_batch, a);
    return net;
}

/* Examples whose first tokens are near each other, and whose last are, go together, and among them those with the
 * same first token: the rows they name stay in the cache. */
static size_t neighbourhood(const struct net *net, const int32_t *token)
{
    size_t first = (size_t)token[0], last = (size_t)token[net->width - 1];
    return (first / net->grain * net->grains + last / net->grain) * net->grain + first % net->grain;
}

static void arrange(struct net *net, const struct dataset *d)
{
    size_t *start = net->start, kinds = neighbourhoods(net), shift = net->positional ? net->p : 0;
    memset(start, 0, (kinds + 1) * sizeof *start);
    for (size_t i = 0; i < d->n; i++) start[neighbourhood(net, d->token + i * d->width) + 1]++;
    for (size_t i = 0; i < kinds; i++) start[i + 1] += start[i];
    for (size_t i = 0; i < d->n; i++) {
        const int32_t *token = d->token + i * d->width;
        size_t at = start[neighbourhood(net, token)]++;
        net->place[i] = (uint32_t)at;
        net->query[at] = net->equals ? 0 : (uint32_t)token[d->width - 1];
        for (size_t s = 0; s < d->width; s++) net->row[at * d->width + s] = (uint32_t)(s * shift + (size_t)token[s]);
    }
}

static size_t count_from(const struct net *net, size_t first, size_t n)
{
    return n - first < net->chunk ? n - first : net->chunk;
}

/* The hidden layer of some examples, in U; what act->chain asks for, in input. */
static void hide(struct net *net, size_t first, size_t count)
{
    const struct part p = { first, count, 0, net->hp };
    transformer_mix(net, net->U, &p);
    if (net->input != net->U) memcpy(net->input, net->U, count * net->hp * sizeof(real));
    net->act->apply(net->U, count * net->hp);
}

static void forward(struct net *net, const struct dataset *d, real *logits)
{
    arrange(net, d);
    transformer_attend(net, d->n);
    for (size_t first = 0; first < d->n; first += net->chunk) {
        size_t count = count_from(net, first, d->n);
        real *Y = net->Y + first * net->cp;
        const struct part past = { first, count, net->hp, net->cp };
        hide(net, first, count);
        transformer_mix(net, Y, &past);
        blas_gemm_nn(Y, net->U, net->G, count, net->cp, net->hp, 1);
    }
    const struct transpose t = {
        .rows = d->n, .columns = net->c, .out_line = d->n, .in_line = net->cp, .in_place = net->place
    };
    transpose_lines(logits, net->Y, &t);
}

static void hidden(struct net *net, const struct dataset *d, real *out)
{
    arrange(net, d);
    transformer_attend(net, d->n);
    for (size_t first = 0; first < d->n; first += net->chunk) {
        size_t count = count_from(net, first, d->n);
        hide(net, first, count);
        for (size_t i = 0; i < d->n; i++) {
            if (net->place[i] < first || net->place[i] >= first + count) continue;
            const real *U = net->U + (net->place[i] - first) * net->hp;
            for (size_t j = 0; j < net->h; j++) out[j * d->n + i] = U[j];
        }
    }
}

/* The hidden layer is made again rather than kept: that costs less than to bring it back from memory. */
static void backward(struct net *net, const struct dataset *d, const real *dlogits, real *gradient)
{
    const struct transpose t = {
        .rows = net->c, .columns = d->n, .out_line = net->cp, .in_line = d->n, .out_place = net->place
    };
    transpose_lines(net->Y, dlogits, &t); /* its padding is 0 since forward */
    memset(net->dT, 0, net->all_rows * net->wide * sizeof(real));
    for (size_t first = 0; first < d->n; first += net->chunk) {
        size_t count = count_from(net, first, d->n);
        const real *dY = net->Y + first * net->cp;
        const struct part hidden = { first, count, 0, net->hp }, past = { first, count, net->hp, net->cp };
        hide(net, first, count);
        blas_gemm_tn(net->dG, net->U, dY, net->hp, net->cp, count, first > 0);
        blas_gemm_nt(net->dU, dY, net->G, count, net->hp, net->cp, 0);
        net->act->chain(net->dU, net->input, count * net->hp);
        transformer_mix_back(net, net->dU, &hidden);
        transformer_mix_back(net, dY, &past);
        transformer_mix_back_ends(net, first, count);
    }
    transformer_attend_back(net, d->n);
    transformer_unfold(net, gradient);
}

static const struct model_symbols symbols = { "W_E", "W_in", "W_out", "W_U" };

const struct model_kind REAL_NAME(model_transformer) = {
    .kind = { .name = "transformer",
              .summary = "one causal layer of attention and MLP, no layer norm, read at the last position",
              .source = "defaults: Minegishi et al. (arXiv 2310.19470), Transformer of the published code; equals, "
                        "positional, biases, equals_logit, heads: 4, d_mlp: 512: Nanda et al. (arXiv 2301.05217)",
              .fields = fields,
              .config_size = sizeof(struct transformer_config) },
    .outputs = outputs,
    .symbols = &symbols,
    .layout = layout,
    .open = open,
    .prepare = transformer_prepare,
    .forward = forward,
    .hidden = hidden,
    .backward = backward,
    .plain = transformer_plain,
    .dual = transformer_dual,
};
