"""circuits.py STORE -o FIGURE: circuits while they form, a row of pictures for each finished dense job.

Of a job with measure progress: the losses, with that of the key frequencies alone (restricted) and that without them
(excluded); how few frequencies the embedding and the answers use, and how many are key.  Of a job with measure subnetwork:
accuracies, with those of the neurons that are the subnetwork in the end; their norms and the others', and how many neurons
do as well as all.  sweeps/circuits.yaml has one of each.  The figure's format follows from its name: .png, .pdf, .svg.

FIGURES are those of Chen and of Merrill et al., from the grids of sweeps/chen.yaml and sweeps/merrill.yaml: medians and ranges
of the seeds.  figures.py draws them, with their docstrings, what the papers claim, below.
"""
import numpy as np
import pandas as pd

import style
import tk
from settings import late, median
from style import measured

GRIDS = ("chen-", "merrill-")
NETWORKS = {  # title: grids of dense networks, tickets from before and from after generalisation, random masks
    "p = 113": ("chen-dense", "chen-tickets-early", "chen-tickets-late", "chen-random"),
    "p = 43": ("chen-small-dense", "chen-small-tickets"),
}
BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"


def beside(axes, label, color="0.4"):
    """A second vertical axis, on the right."""
    other = axes.twinx()
    other.spines["right"].set_visible(True)
    other.set_ylabel(label, color=color)
    return other


def seeds(jobs):
    return f"{len(jobs)} seed{'s' if len(jobs) > 1 else ''}"


def each(jobs):
    return [job for _, job in jobs.iterrows()]


def draw_measure(axes, store, jobs, array, column, colour, label=None, **more):
    """One column of an array "kind/name", or its only one (None), of all jobs: median and range."""
    kind, name = array.split("/")
    frames = [measured(store, job, kind, name) for job in each(jobs)]
    return style.band(axes, [frame.iloc[:, 0] if column is None else frame[column] for frame in frames], colour, label, **more)


def draw_series(axes, store, jobs, name, colour, label, **more):
    style.band(axes, [store.series(job)[name] for job in each(jobs)], colour, label, **more)


def draw_losses(axes, store, jobs):
    draw_series(axes, store, jobs, "train_loss", "0.6", "train", linewidth=1)
    draw_series(axes, store, jobs, "test_loss", BLUE, "test")
    draw_measure(axes, store, jobs, "progress/restricted_loss", "test", ORANGE, "restricted, test")
    draw_measure(axes, store, jobs, "progress/excluded_keys_loss", "train", GREEN, "excluded, train")
    axes.set_yscale("log")
    axes.set_ylabel("cross-entropy [nat]")
    axes.legend(loc="lower left", frameon=True, framealpha=0.7, edgecolor="none")


def draw_frequencies(axes, store, jobs):
    for name, label, colour in (("embed", "embedding", BLUE), ("unembed", "answers", PINK)):
        draw_measure(axes, store, jobs, f"progress/{name}_gini", "frequencies", colour, label)
    axes.set_ylabel("Gini coefficient of the Fourier norms")
    axes.set_ylim(0, 1)
    axes.legend(loc="center", bbox_to_anchor=(0.8, 0.22))
    draw_measure(beside(axes, "key frequencies"), store, jobs, "progress/keys", None, "0.5", linewidth=1, drawstyle="steps-post")


def draw_llc(axes, store, jobs):
    draw_measure(axes, store, jobs, "llc/llc", "second_half", PINK)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(0, None)
    axes.set_ylabel("local learning coefficient", color=PINK)
    other = beside(axes, "sum of squared weights")
    draw_measure(other, store, jobs, "norms/sum_squares", "all", "0.5", linewidth=1)


def draw_accuracies(axes, store, jobs):
    draw_series(axes, store, jobs, "train_accuracy", "0.6", "train", linewidth=1)
    draw_series(axes, store, jobs, "test_accuracy", BLUE, "test")
    draw_measure(axes, store, jobs, "subnetwork/circuit_test_accuracy", "circuit", ORANGE, "test, last subnetwork alone")
    draw_measure(axes, store, jobs, "subnetwork/circuit_test_accuracy", "rest", GREEN, "test, without it")
    axes.set_ylabel("accuracy")
    axes.set_ylim(0.4, 1.03)
    axes.legend(loc="lower right")


def draw_norms(axes, store, jobs):
    draw_measure(axes, store, jobs, "subnetwork/circuit_norm", "circuit", ORANGE, "the last subnetwork")
    draw_measure(axes, store, jobs, "subnetwork/circuit_norm", "rest", GREEN, "the rest")
    axes.set_ylabel("mean norm of a neuron")
    axes.set_ylim(0, None)
    axes.legend(loc="center right")
    other = beside(axes, "neurons that do as well as all")
    draw_measure(other, store, jobs, "subnetwork/linear_size", None, "0.5", linestyle="none", marker=".", markersize=4)
    other.set_ylim(0, None)


def draw_sizes(axes, store, jobs):
    draw_measure(axes, store, jobs, "subnetwork/linear_size", None, ORANGE, "linear search")
    draw_measure(axes, store, jobs, "subnetwork/binary_size", None, "0.5", "binary search", linewidth=0.8, linestyle="--")
    axes.set_yscale("log")
    axes.set_ylabel("neurons that do as well as all")
    axes.legend(loc="lower left")


def draw_faithfulness(axes, store, jobs):
    for part, label, colour in (("subnetwork", "the subnetwork of each epoch", ORANGE), ("rest", "the rest", GREEN)):
        draw_measure(axes, store, jobs, "subnetwork/test_faithfulness", part, colour, label)
        draw_measure(axes, store, jobs, "subnetwork/test_accuracy", part, colour, None, linestyle=":", linewidth=1)
    axes.set_ylabel("faithfulness on test examples (dotted: accuracy)")
    axes.set_ylim(0.3, 1.03)
    axes.legend(loc="lower right")


def mark(axes, jobs):
    """The medians of t_mem (dashed) and t_gen (dotted)."""
    for name, dashes in (("t_mem", "--"), ("t_gen", ":")):
        if jobs[name].notna().all():
            axes.axvline(jobs[name].astype(float).median(), color="0.3", linewidth=0.8, linestyle=dashes)


DRAWN = {"progress": (draw_losses, draw_frequencies), "subnetwork": (draw_accuracies, draw_norms)}


def draw_row(line, store, jobs, pictures, title):
    for draw, ax in zip(pictures, line):
        draw(ax, store, jobs)
        ax.set_xlabel("epochs")
        mark(ax, jobs)
    line[0].set_title(f"{title}; dashed: $t_{{mem}}$, dotted: $t_{{gen}}$", fontsize=10)


def figure(store, jobs):
    dense = jobs[jobs.control == "dense"].sort_values("task", kind="stable")
    rows = [(job, DRAWN[kind]) for job in each(dense) for kind in DRAWN if store.measures(job, kind)]
    if not rows:
        raise style.NoData("no finished dense job with measure progress or subnetwork")
    fig, axes = style.grid(2 * len(rows), columns=2, width=5.5, height=3.6)
    for i, (job, pictures) in enumerate(rows):
        draw_row(axes[2 * i:2 * i + 2], store, pd.DataFrame([job]), pictures, style.described(job))
    fig.tight_layout()
    return fig


# --- Chen -------------------------------------------------------------------------------------------------------------------
def networks(store):
    """[(title, dense jobs, tickets at the rate of the paper, random masks)] of NETWORKS that the store has."""
    found = []
    for title, (dense, *sparse) in NETWORKS.items():
        try:
            jobs = [style.of_grid(store, grid) for grid in (dense, *sparse)]
        except style.NoData as nothing:
            why = nothing
            continue
        others = pd.concat(jobs[1:]).drop_duplicates("id")
        dense = jobs[0][jobs[0].control == "dense"]
        found.append((f"{title}, {seeds(dense)}", dense, *(others[others.control == control] for control in ("ticket", "random"))))
    if not found:
        raise why
    return found


def asked(tickets):
    """[(t as it is asked for, its median epoch, jobs)], from the earliest on."""
    parts = [(t, same.t.astype(float).median(), same) for t, same in tickets.groupby("t_asked")]
    return sorted(parts, key=lambda part: part[1])


def stage(t, epoch):
    return f"{t} ({epoch:g})" if not t.isdigit() else t


def progress(store):
    """Chen, after Nanda et al.: the loss of the key frequencies alone falls long before the test loss, that without them
    rises while the circuit forms; in clean-up few frequencies are left, and the local learning coefficient falls. Orange
    marks: where tickets are drawn."""
    found = networks(store)
    fig, axes = style.grid(3 * len(found), columns=3, height=3.6)
    for i, (title, dense, tickets, _) in enumerate(found):
        line = axes[3 * i:3 * i + 3]
        draw_row(line, store, dense, (draw_losses, draw_frequencies, draw_llc), title)
        epochs = [epoch for _, epoch, _ in asked(tickets)]
        line[0].plot(epochs, [1.0] * len(epochs), "v", color=ORANGE, clip_on=False, transform=line[0].get_xaxis_transform())
    return fig


def tickets(store):
    """Chen: tickets (k = 0.4) from circuit formation, before the network generalises, and from clean-up generalise almost at
    once, those from memorisation a little sooner than the dense network. Minegishi et al.: only tickets from after
    generalisation do. Bands: from the first to the last seed; right: a point a seed."""
    found = networks(store)
    fig, axes = style.grid(3 * len(found), columns=3, height=3.8)
    for i, (title, dense, drawn, random) in enumerate(found):
        parts = asked(drawn)
        shades = style.plt.cm.viridis([0.9 * j / max(1, len(parts) - 1) for j in range(len(parts))])
        lines = [(f"ticket from {stage(t, epoch)}", shade, same) for (t, epoch, same), shade in zip(parts, shades)]
        lines += [("dense", "black", dense), ("random mask", style.COLOURS["random"], random)]
        for ax, name in zip(axes[3 * i:], ("test_accuracy", "test_loss")):
            for text, colour, same in [line for line in lines if len(line[2])]:
                style.band(ax, [store.series(job)[name].iloc[1:] for job in each(same)], colour, text)
            ax.set_xscale("log")
            ax.set_xlabel("epochs")
            ax.set_ylabel(name.replace("_", " "))
        axes[3 * i + 1].set_yscale("log")
        axes[3 * i].set_title(title)
        axes[3 * i].legend(fontsize=7)
        tk.draw_panel(axes[3 * i + 2], pd.concat([dense, drawn]), "t", "t_gen")
        reached = median(late(dense, "t_gen"))
        if 0 <= reached < np.inf:
            axes[3 * i + 2].axvline(reached, color="0.3", linewidth=0.8, linestyle=":")
    return fig


def phases(store):
    """Chen: a ticket from memorisation goes through memorisation, circuit formation and clean-up like the dense network; in
    tickets from circuit formation and clean-up the restricted loss falls with the train loss, and nothing is left to wait
    for."""
    found = networks(store)
    most = max(len(asked(drawn)) for _, _, drawn, _ in found)
    fig, axes = style.grid(most * len(found), columns=most, width=3.6, height=3.4)
    for i, (title, _, drawn, _) in enumerate(found):
        line = axes[most * i:most * i + most]
        for ax, (t, epoch, same) in zip(line, asked(drawn)):
            draw_losses(ax, store, same)
            mark(ax, same)
            ax.set_title(f"{title}: ticket from {stage(t, epoch)}", fontsize=9)
            ax.set_xlabel("epochs")
            ax.xaxis.set_major_locator(style.plt.MaxNLocator(5))
        for unused in line[len(asked(drawn)):]:
            unused.remove()
    for ax in fig.axes[1:]:
        ax.get_legend().remove()
    return fig


# --- Merrill et al. -----------------------------------------------------------------------------------------------------------
def parity(store):
    """Merrill et al.: sparse parity is memorised by a dense subnetwork and generalised by a sparse one. At the transition the
    number of neurons that do as well as all falls to a few; these do the whole network's work and the rest does not; their
    norms grow fast while all others decay."""
    jobs = style.of_grid(store, "merrill-parity")
    fig, axes = style.grid(4, columns=2, width=5.5, height=3.6)
    draw_row(axes, store, jobs, (draw_accuracies, draw_sizes, draw_faithfulness, draw_norms), seeds(jobs))
    return fig


FIGURES = {"chen-progress": progress, "chen-tickets": tickets, "chen-phases": phases, "merrill-parity": parity}


if __name__ == "__main__":
    style.main(__doc__, figure)
