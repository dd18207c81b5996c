"""spectra.py STORE -o FIGURE: the Fourier spectra of the hidden neurons, of a ticket and its dense network.

A row a network, a column an epoch: the initialisation, the first checkpoint at or after t_gen, the last one.  A line of an
image is a neuron's spectrum at its input, divided by its sum, sorted by the strongest frequency in the end: a pure wave is
one bright point.  Needs the measure fourier.  The figure's format follows from its name: .png, .pdf, .svg.
"""
import numpy as np
import pandas as pd

import style
from store import unit


def spectra(store, job):
    """Epochs, and [epoch, neuron, frequency >= 1] shares of each neuron's spectrum."""
    frame = style.measured(store, job, "fourier", "in_spectrum")
    if not len(frame):
        raise style.NoData("no checkpoint with the measure fourier")
    values = frame.to_numpy().reshape(len(frame), *(len(level) for level in frame.columns.levels))[:, :, 1:]
    total = values.sum(axis=2, keepdims=True)
    return frame.index.to_numpy(), values / np.where(total > 0, total, 1)


def moments(epochs, job):
    """Places of the first epoch, of the one at or after t_gen, and of the last."""
    gen = [] if pd.isna(job.t_gen) else [int(np.searchsorted(epochs, job.t_gen))]
    return sorted({0, *(i for i in gen if i < len(epochs)), len(epochs) - 1})


def figure(store, jobs):
    pair = style.first_pair(store, jobs)
    networks = {control: (job, *spectra(store, job)) for control, job in pair.items()}
    wide = max(len(moments(epochs, job)) for job, epochs, _ in networks.values())
    fig, axes = style.plt.subplots(len(networks), wide, figsize=(3.6 * wide, 3.4 * len(networks)), squeeze=False,
                                   layout="constrained")
    bright = max(np.quantile(shares[-1], 0.99) for *_, shares in networks.values())
    for row, (control, (job, epochs, shares)) in zip(axes, networks.items()):
        order = np.argsort(shares[-1].argmax(axis=1), kind="stable")
        places = moments(epochs, job)
        for ax, place in zip(row, places):
            extent = (0.5, shares.shape[2] + 0.5, shares.shape[1] - 0.5, -0.5)
            image = ax.imshow(shares[place][order], vmin=0, vmax=bright, aspect="auto", interpolation="nearest", extent=extent)
            ax.set_title(f"{style.LABELS[control]}, {unit(job)} {epochs[place]}")
            ax.set_xlabel(r"frequency $\omega$")
        row[0].set_ylabel("neuron")
        for unused in row[len(places):]:
            unused.remove()
    fig.colorbar(image, ax=fig.axes, label="share of the neuron's spectrum", shrink=0.6)
    fig.suptitle(f"{style.described(pair['ticket'])}, and its dense network", fontsize=10)
    return fig


if __name__ == "__main__":
    style.main(__doc__, figure)
