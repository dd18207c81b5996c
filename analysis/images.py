"""images.py STORE -o FIGURE: weights and masks as images, a row a tensor, of a ticket and its dense network.

From left to right: the initialisation, the dense network in the end, the ticket's mask (black: kept), the ticket in the
end.  Red is positive, blue negative, of one scale in each row.  Needs the checkpoints of a ticket and its parent.
The figure's format follows from its name: .png, .pdf, .svg.
"""
import numpy as np

import style

ROWS = 6  # tensors
SIDE = 400  # of a larger one, every second, third, ... row and column


def columns(store, jobs):
    """What is shown, and [(title, {tensor: array})] side by side."""
    pair = style.first_pair(store, jobs)
    dense, ticket = pair["dense"], pair["ticket"]
    try:
        mask = store.mask(ticket)
        flats = [("initialisation", store.checkpoint(dense, 0)), ("dense, final", store.checkpoint(dense, "final")),
                 (f"mask, k = {ticket.k:g}", mask), ("ticket, final", store.checkpoint(ticket, "final") * mask)]
    except KeyError as error:
        raise style.NoData(error.args[0]) from error
    return style.described(ticket), [(title, store.tensors(ticket, flat)) for title, flat in flats]


def draw(axes, values, limit):
    values = np.atleast_2d(values.reshape(-1, values.shape[-1]))
    values = values[:: -(-values.shape[0] // SIDE), :: -(-values.shape[1] // SIDE)]
    if values.dtype == bool:
        axes.imshow(values, cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    else:
        axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    axes.tick_params(labelsize=6)


def figure(store, jobs):
    what, shown = columns(store, jobs)
    names = list(shown[0][1])[:ROWS]
    fig, axes = style.grid(len(names) * len(shown), columns=len(shown), width=3, height=2.4)
    for i, name in enumerate(names):
        limit = np.quantile(np.abs(shown[3][1][name]), 0.99) or 1
        for j, (title, tensors) in enumerate(shown):
            ax = axes[i * len(shown) + j]
            draw(ax, tensors[name], limit)
            ax.set_title(title if i == 0 else "")
            ax.set_ylabel("" if j else f"{name}  {'×'.join(map(str, tensors[name].shape))}")
    fig.suptitle(f"{what}, and its dense network", fontsize=10)
    fig.tight_layout()
    return fig


if __name__ == "__main__":
    style.main(__doc__, figure)
