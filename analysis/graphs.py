"""graphs.py STORE -o FIGURE: the kept weights of dense networks as graphs, while they learn.

From left to right: weighted spectral gap and Ramanujan gap (means over the tensors), mean path length, clustering; the
median over the seeds in the band of their range; grey: test accuracy.  The first two are of the largest weights of each
checkpoint, as many as the ticket keeps, tensor by tensor as bipartite graphs (Minegishi et al., arXiv 2310.19470, appendix
J): how far the two largest eigenvalues of the weights are apart; sqrt(2 d - 1) less the third-largest eigenvalue of the edges,
d the mean degree.  Weights have their signs: the paper does not say so, but |w| would give gaps ten times those of its Table 1.
The others are the measure graph, which is needed.  The figure's format follows from its name: .png, .pdf, .svg.
"""
import numpy as np
import pandas as pd

import style
from store import unit

GAPS = ["weighted spectral gap", "Ramanujan gap"]
K = 0.6  # of the masks: as the ticket's


def gaps(weights, mask):
    """Of one matrix.  The eigenvalues of a bipartite graph are + and - the singular values of its matrix: the two largest
    that differ are the first two of those, and the third-largest in size is the second of those."""
    edges = np.linalg.svd(mask.astype(float), compute_uv=False)
    strong = np.linalg.svd(weights * mask, compute_uv=False)
    degree = 2 * mask.sum() / sum(mask.shape)
    return strong[0] - strong[1], np.sqrt(max(2 * degree - 1, 0)) - edges[1]


def layers(store, job):
    """Both gaps at each checkpoint: a DataFrame indexed by epoch, columns (gap, tensor)."""
    rows = {}
    for epoch in store.regular_epochs(job):
        flat = store.checkpoint(job, epoch)
        size = np.abs(flat)
        kept = size > np.partition(size, int(K * size.size) - 1)[int(K * size.size) - 1]
        masks = store.tensors(job, kept)
        found = {name: gaps(weights, masks[name]) for name, weights in store.tensors(job, flat).items() if weights.ndim == 2}
        rows[epoch] = {(gap, name): values[i] for name, values in found.items() for i, gap in enumerate(GAPS)}
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = unit(job)
    return frame


def draw(axes, store, jobs, curves, label):
    """A band of curves in the foreground, test accuracy on the right behind it."""
    colour = style.COLOURS["dense"]
    other = axes.twinx()
    style.band(other, [store.series(job).test_accuracy for _, job in jobs.iterrows()], "0.6", linewidth=1)
    other.set_ylim(0, 1.02)
    other.set_ylabel("test accuracy", color="0.4")
    other.spines["right"].set_visible(True)
    axes.set_zorder(other.get_zorder() + 1)
    axes.patch.set_visible(False)
    style.band(axes, curves, colour)
    axes.set_xlabel(style.clock(jobs))
    axes.set_ylabel(label, color=colour)


def known(store, jobs):
    """The dense jobs with the measure graph at two checkpoints."""
    def has(job):
        try:
            return len(style.measured(store, job, "graph", "path_length")) > 1
        except style.NoData:
            return False

    found = jobs[(jobs.control == "dense") & np.array([has(job) for _, job in jobs.iterrows()], dtype=bool)]
    if not len(found):
        raise style.NoData("no dense job with the measure graph at two checkpoints")
    return found


def draw_row(axes, store, jobs):
    """The four panels."""
    by_layer = [layers(store, job) for _, job in jobs.iterrows()]
    for ax, gap in zip(axes, GAPS):
        draw(ax, store, jobs, [frame[gap].mean(axis=1) for frame in by_layer], f"{gap}, mean of the tensors")
    for ax, array, label in zip(axes[2:], ("path_length", "clustering"), ("mean path length [edges]", "clustering coefficient")):
        curves = [style.measured(store, job, "graph", array).iloc[:, 0] for _, job in jobs.iterrows()]
        draw(ax, store, jobs, curves, label)


def figure(store, jobs):
    parts = style.most(style.panels(known(store, jobs)), 3)
    fig, axes = style.grid(4 * len(parts), width=3.8, height=3.2, columns=4)
    for i, (title, part) in enumerate(parts):
        draw_row(axes[4 * i:], store, part)
        axes[4 * i].set_title(title)
    fig.tight_layout()
    return fig


if __name__ == "__main__":
    style.main(__doc__, figure)
