/* The keys and the tensors of model/dense_mlp.h. */
#include "model/dense_mlp_private.h"

#include "base/err.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const activations[] = { "relu", "gelu", "tanh", "quadratic", NULL };
static const char *const inits[] = { [INIT_NORMAL] = "normal", [INIT_UNIFORM] = "uniform", NULL };
static const char *const readouts[] = { [READOUT_TRAINED] = "trained", [READOUT_MEAN] = "mean", NULL };

/* Two groups, then the tensors. */
enum { WEIGHTS, BIASES };
static const char *const tensors[] = { "weights", "biases", "W_1",   "b_1",   "W_2",  "b_2",  "W_3",  "b_3",
                                       "W_4",     "b_4",    "W_5",   "b_5",   "W_6",  "b_6",  "W_7",  "b_7",
                                       "W_8",     "b_8",    "W_9",   "b_9",   "W_10", "b_10", "W_11", "b_11",
                                       "W_12",    "b_12",   "W_13",  "b_13",  "W_14", "b_14", "W_15", "b_15",
                                       "W_16",    "b_16",   "W_out", "b_out", NULL };

const struct field dense_mlp_fields[] = {
    FIELD_NUMBER(dense_mlp_config, d_hidden, INT, "1000", "[1, 65536]", "1", "neurons of each hidden layer"),
    FIELD_NUMBER(dense_mlp_config, layers, INT, "1", "[1, 16]", "1",
                 "hidden layers, with weights W_1, W_2, ... and biases b_1, b_2, ...; W_out and b_out follow"),
    FIELD_FLAG(dense_mlp_config, biases, "true", "of the hidden layers"),
    FIELD_FLAG(dense_mlp_config, output_bias, "true", "of the outputs (Merrill et al. have none)"),
    FIELD_CHOSEN(dense_mlp_config, activation, CHOICE, "relu", activations,
                 "nonlinearity of the hidden layers; quadratic: u + epsilon u^2 / 2"),
    FIELD_NUMBER(dense_mlp_config, epsilon, REAL, "1", "[0, 1000]", "1",
                 "of activation quadratic: the alignment of the initial network with a quadratic target"),
    FIELD_CHOSEN(dense_mlp_config, init, CHOICE, "uniform", inits,
                 "uniform: weights and biases in +-init_scale / sqrt(inputs of the layer), as PyTorch draws them; "
                 "normal: weights of standard deviation init_scale / sqrt(inputs), biases 0"),
    FIELD_NUMBER(dense_mlp_config, init_scale, REAL, "1", "(0, 1000]", "1",
                 "factor on every initial weight and bias (alpha of Omnigrok, Liu et al. 2210.01117)"),
    FIELD_NUMBER(dense_mlp_config, output_scale, REAL, "1", "(0, 1e6]", "1",
                 "factor on the outputs (alpha of Kumar et al. 2310.06110: large is lazy)"),
    FIELD_CHOSEN(dense_mlp_config, readout, CHOICE, "trained", readouts,
                 "mean: the one output is the mean of the last hidden layer, without weights and bias"),
    FIELD_CHOSEN(dense_mlp_config, prune, NAMES, "[weights, biases]", tensors,
                 "what a mask may remove: groups or single tensors; [] is nothing"),
    FIELD_CHOSEN(dense_mlp_config, decay, NAMES, "[weights, biases]", tensors, "what weight decay acts on"),
    FIELD_END,
};

static bool chosen(uint64_t set, const char *name)
{
    if (set >> (name[0] == 'W' ? WEIGHTS : BIASES) & 1) return true;
    for (size_t i = BIASES + 1; tensors[i]; i++)
        if (!strcmp(tensors[i], name)) return set >> i & 1;
    BUG("no tensor '%s'", name);
}

static void add(const struct dense_mlp_config *c, struct layout *l, const char *sort, const char *layer, int64_t rows,
                int64_t inputs)
{
    const bool weights = sort[0] == 'W';
    char name[LAYOUT_NAME];
    MUST(text_print(name, sizeof name, "%s_%s", sort, layer));
    double std = c->init_scale / sqrt((double)inputs);
    if (c->init == INIT_UNIFORM) std /= sqrt(3);
    if (c->init == INIT_NORMAL && !weights) std = 0;
    struct tensor *t = layout_add(l, name, std, (const int64_t[]){ rows, weights ? inputs : 0, 0 });
    t->draw = c->init == INIT_UNIFORM ? DRAW_UNIFORM : DRAW_NORMAL;
    t->prunable = chosen(c->prune, name);
    t->decay = chosen(c->decay, name) ? 1 : 0;
}

/* Names that were asked for one by one must be there. */
static int check_names(uint64_t set, const char *key, const struct layout *l, struct err *e)
{
    for (size_t i = BIASES + 1; tensors[i]; i++)
        if (set >> i & 1 && !layout_find(l, tensors[i]))
            return err_set(e, ERR_SPEC, "'%s' names %s, which this network does not have", key, tensors[i]);
    return 0;
}

int dense_mlp_layout(const void *config, const struct task_shape *shape, struct layout *out, struct err *e)
{
    const struct dense_mlp_config *c = config;
    int64_t inputs = (int64_t)shape->width * (shape->vocabulary ? shape->vocabulary : 1);
    if (c->readout == READOUT_MEAN && shape->classes != 1)
        return err_set(e, ERR_SPEC, "readout mean has one output, and this task has %lld classes",
                       (long long)shape->classes);
    for (int layer = 1; layer <= c->layers; layer++) {
        char number[12];
        MUST(text_print(number, sizeof number, "%d", layer));
        add(c, out, "W", number, c->d_hidden, inputs);
        if (c->biases) add(c, out, "b", number, c->d_hidden, inputs);
        inputs = c->d_hidden;
    }
    if (c->readout == READOUT_TRAINED) {
        add(c, out, "W", "out", shape->classes, inputs);
        if (c->output_bias) add(c, out, "b", "out", shape->classes, inputs);
    }
    return check_names(c->prune, "prune", out, e) || check_names(c->decay, "decay", out, e) ? -1 : 0;
}
