"""curves.py STORE -o FIGURE: accuracy against epochs, a panel a task and model, a colour a control, a line a seed.

Solid: test accuracy; faint and thin: train accuracy.  Marks above: the medians of t_mem (open) and t_gen (filled).
The figure's format follows from its name: .png, .pdf, .svg.
"""
import argparse
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.lines import Line2D

from store import Store
from table import groups

# Okabe and Ito: told apart by everybody, in print too.
COLOURS = {"dense": "#0072B2", "ticket": "#D55E00", "l1": "#009E73", "l2": "#CC79A7", "random": "#E69F00"}
SPARE = ["#56B4E9", "#000000", "#F0E442", "#999999"]
LABELS = {
    "dense": "dense",
    "ticket": "grokking ticket",
    "l1": r"dense, $L_1$ norm of the ticket",
    "l2": r"dense, $L_2$ norm of the ticket",
    "random": "random mask",
}
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 200,
}


def label(control, t, k, several):
    """The control's name; with t and k where the panel holds the same control more than once."""
    text = LABELS.get(control, control)
    if not several:
        return text
    rate = "" if pd.isna(k) else f"k = {k:g}"
    return f"{text} ({', '.join(part for part in (t and f't = {t}', rate) if part)})"


def median_epoch(values):
    """The middle seed's epoch, infinite if most seeds never got there."""
    return values.astype(float).fillna(float("inf")).median()


def draw_group(axes, store, same, colour, text):
    first = 1
    for i, (_, job) in enumerate(same.iterrows()):
        curve = store.series(job)
        curve = curve[curve.index > 0]
        first = curve.index[0]
        axes.plot(curve.index, curve.train_accuracy, color=colour, alpha=0.3, linewidth=0.7)
        axes.plot(curve.index, curve.test_accuracy, color=colour, linewidth=1.4, label=text if i == 0 else None)
    for column, face, height in (("t_mem", "white", 1.05), ("t_gen", colour, 1.11)):
        epoch = median_epoch(same[column])
        if epoch < float("inf"):
            style = {"marker": "v", "markersize": 6, "color": colour, "markerfacecolor": face}
            axes.plot(max(epoch, first), height, linestyle="none", **style)


def draw_panel(axes, store, jobs, title):
    parts = groups(jobs)
    controls = [key[3] for key, _ in parts]
    spare = iter(SPARE * len(parts))
    used = set()
    for (_, _, _, control, t, k), same in parts:
        colour = COLOURS.get(control)
        if colour is None or colour in used:
            colour = next(spare)
        used.add(colour)
        draw_group(axes, store, same, colour, label(control, t, k, controls.count(control) > 1))
    axes.set_xscale("log")
    axes.set_ylim(0, 1.15)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_title(title, fontsize=10, pad=10)
    axes.set_xlabel("epochs")
    axes.grid(True, which="major", linewidth=0.3, alpha=0.6)


def key():
    """What the strokes and marks mean, in grey."""
    grey = {"color": "0.4"}
    mark = {"marker": "v", "markersize": 6, "linestyle": "none", "color": "0.4"}
    return [
        Line2D([], [], linewidth=1.4, label="test accuracy", **grey),
        Line2D([], [], linewidth=0.7, alpha=0.6, label="train accuracy", **grey),
        Line2D([], [], markerfacecolor="white", label=r"$t_{mem}$, median", **mark),
        Line2D([], [], label=r"$t_{gen}$, median", **mark),
    ]


def figure(store, jobs):
    panels = list(jobs.groupby(["task", "model", "training"], sort=False))
    fig, axes = plt.subplots(1, len(panels), figsize=(5.6 * len(panels), 4.6), squeeze=False, sharey=True)
    for ax, ((task, model, _), part) in zip(axes[0], panels):
        seeds = part.seed.nunique()
        draw_panel(ax, store, part, f"{task} · {model} · {seeds} seed{'s' if seeds > 1 else ''}")
        lines = ax.get_legend_handles_labels()[0] + key()
        ax.legend(handles=lines, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncol=2, fontsize=8)
    axes[0][0].set_ylabel("accuracy")
    fig.tight_layout()
    return fig


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("-o", "--output", required=True)
    arguments = parser.parse_args()
    try:
        with Store(arguments.store) as store:
            jobs = store.jobs()
            done = jobs[jobs.state == "done"].sort_values("seed")
            if not len(done):
                sys.exit(f"curves.py: {arguments.store}: no job is done")
            with plt.rc_context(STYLE):
                figure(store, done).savefig(arguments.output)
    except OSError as error:
        sys.exit(f"curves.py: {error}")
    print(f"figure: {arguments.output}")


if __name__ == "__main__":
    main()
