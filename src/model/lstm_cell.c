/* One step of a layer, element by element. */
#include "model/lstm_private.h"
#include "num/clones.h"
#include "num/real.h"
#include "num/sigmoid.h"

/* gate: i f g o, h of each; earlier: c of the parent. */
CLONED_WITH_CALLER void cell(real *restrict gate, real *restrict state, real *restrict out,
                             const real *restrict earlier, size_t h)
{
    for (size_t j = 0; j < h; j++) {
        const real i = sigmoid_of(gate[j]), f = sigmoid_of(gate[h + j]);
        const real g = tanh_of(gate[2 * h + j]), o = sigmoid_of(gate[3 * h + j]);
        const real c = f * earlier[j] + i * g;
        gate[j] = i;
        gate[h + j] = f;
        gate[2 * h + j] = g;
        gate[3 * h + j] = o;
        state[j] = c;
        out[j] = o * tanh_of(c);
    }
}

CLONES void lstm_cells(const struct net *net, const struct lstm_layer *l, size_t first, size_t end)
{
    const size_t h = net->h;
    for (size_t r = first; r < end; r++)
        cell(l->gates + r * 4 * h, l->state + r * h, l->out + r * h, l->state + net->parent[r] * h, h);
}

/* tanh(c) is made again rather than kept: that costs less than to bring it back from memory. */
CLONED_WITH_CALLER void cell_back(real *restrict gate, const real *restrict state, const real *restrict earlier,
                                  const real *restrict dout, real *restrict dstate, size_t h)
{
    for (size_t j = 0; j < h; j++) {
        const real i = gate[j], f = gate[h + j], g = gate[2 * h + j], o = gate[3 * h + j];
        const real t = tanh_of(state[j]);
        const real dc = dstate[j] + dout[j] * o * (1 - t * t);
        gate[j] = dc * g * i * (1 - i);
        gate[h + j] = dc * earlier[j] * f * (1 - f);
        gate[2 * h + j] = dc * i * (1 - g * g);
        gate[3 * h + j] = dout[j] * t * o * (1 - o);
        dstate[j] = dc * f;
    }
}

CLONES void lstm_cells_back(const struct net *net, const struct lstm_layer *l, size_t first, size_t end)
{
    const size_t h = net->h;
    for (size_t r = first; r < end; r++)
        cell_back(l->gates + r * 4 * h, l->state + r * h, l->state + net->parent[r] * h, net->dout + r * h,
                  net->dstate + (r - first) * h, h);
}
