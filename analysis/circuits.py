"""circuits.py STORE -o FIGURE: circuits while they form, a row of pictures for each finished dense job.

Of a job with measure progress: the losses, with that of the key frequencies alone (restricted) and that without them
(excluded); how few frequencies the embedding and the answers use, and how many are key.  Of a job with measure subnetwork:
accuracies, with those of the neurons that are the subnetwork in the end; their norms and the others', and how many neurons
do as well as all.  sweeps/circuits.yaml has one of each.  The figure's format follows from its name: .png, .pdf, .svg.
"""
import argparse
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from style import STYLE
from store import Store

BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"


def beside(axes, label, color="0.4"):
    """A second vertical axis, on the right."""
    other = axes.twinx()
    other.spines["right"].set_visible(True)
    other.set_ylabel(label, color=color)
    return other


def draw_losses(axes, store, job):
    curve = store.series(job)
    axes.plot(curve.index, curve.train_loss, color="0.6", linewidth=1, label="train")
    axes.plot(curve.index, curve.test_loss, color=BLUE, linewidth=1.4, label="test")
    restricted, excluded = (store.measure(job, f"progress/{name}_loss") for name in ("restricted", "excluded_keys"))
    axes.plot(restricted.index, restricted.test, color=ORANGE, linewidth=1.4, label="restricted, test")
    axes.plot(excluded.index, excluded.train, color=GREEN, linewidth=1.4, label="excluded, train")
    axes.set_yscale("log")
    axes.set_ylabel("cross-entropy [nat]")
    axes.legend(loc="lower left", fontsize=8)


def draw_frequencies(axes, store, job):
    for name, label, color in (("embed", "embedding", BLUE), ("unembed", "answers", PINK)):
        gini = store.measure(job, f"progress/{name}_gini").frequencies
        axes.plot(gini.index, gini, color=color, linewidth=1.4, label=label)
    axes.set_ylabel("Gini coefficient of the Fourier norms")
    axes.set_ylim(0, 1)
    axes.legend(loc="center", bbox_to_anchor=(0.8, 0.22), fontsize=8)
    keys = store.measure(job, "progress/keys")
    beside(axes, "key frequencies").step(keys.index, keys.iloc[:, 0], where="post", color="0.5", linewidth=1)


def draw_accuracies(axes, store, job):
    curve = store.series(job)
    axes.plot(curve.index, curve.train_accuracy, color="0.6", linewidth=1, label="train")
    axes.plot(curve.index, curve.test_accuracy, color=BLUE, linewidth=1.4, label="test")
    circuit = store.measure(job, "subnetwork/circuit_test_accuracy")
    axes.plot(circuit.index, circuit.circuit, color=ORANGE, linewidth=1.4, label="test, last subnetwork alone")
    axes.plot(circuit.index, circuit.rest, color=GREEN, linewidth=1.4, label="test, without it")
    axes.set_ylabel("accuracy")
    axes.set_ylim(0.4, 1.03)
    axes.legend(loc="lower right", fontsize=8)


def draw_norms(axes, store, job):
    norm = store.measure(job, "subnetwork/circuit_norm")
    axes.plot(norm.index, norm.circuit, color=ORANGE, linewidth=1.4, label="the last subnetwork")
    axes.plot(norm.index, norm.rest, color=GREEN, linewidth=1.4, label="the rest")
    axes.set_ylabel("mean norm of a neuron")
    axes.set_ylim(0, None)
    axes.legend(loc="center right", fontsize=8)
    size = store.measure(job, "subnetwork/linear_size").iloc[:, 0]
    other = beside(axes, "neurons that do as well as all")
    other.plot(size.index, size, ".", color="0.5", markersize=4)
    other.set_ylim(0, None)


DRAWN = {"progress": (draw_losses, draw_frequencies), "subnetwork": (draw_accuracies, draw_norms)}


def rows(store):
    """(job, its two pictures) of each job that can be drawn."""
    jobs = store.jobs()
    found = []
    for _, job in jobs[(jobs.state == "done") & (jobs.control == "dense")].iterrows():
        group, _ = store.family(job)
        found += [(job, DRAWN[name]) for name in DRAWN if name in group.get("measures", {})]
    if not found:
        sys.exit("circuits.py: no finished dense job with measure progress or subnetwork")
    return sorted(found, key=lambda row: (row[0].task, row[0].id))


def figure(store):
    found = rows(store)
    fig, axes = plt.subplots(len(found), 2, figsize=(11, 3.6 * len(found)), squeeze=False)
    for (job, pictures), line in zip(found, axes):
        for draw, ax in zip(pictures, line):
            draw(ax, store, job)
            ax.set_xlabel("epochs")
            for at, style in ((job.t_mem, "--"), (job.t_gen, ":")):
                if pd.notna(at):
                    ax.axvline(at, color="0.3", linewidth=0.8, linestyle=style)
        line[0].set_title(f"{job.task}, {job.model}, seed {job.seed}; dashed: $t_{{mem}}$, dotted: $t_{{gen}}$", fontsize=10)
    fig.tight_layout()
    return fig


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("-o", "--output", required=True)
    arguments = parser.parse_args()
    try:
        with Store(arguments.store) as store, plt.rc_context(STYLE):
            figure(store).savefig(arguments.output)
    except (OSError, KeyError) as error:
        sys.exit(f"circuits.py: {error}")
    print(f"figure: {arguments.output}")


if __name__ == "__main__":
    main()
