"""measures.py STORE -o FIGURE: what happens inside a dense network and its ticket while they learn to generalise.

Left: accuracies; middle: Fourier entropy of the hidden neurons, a pure wave has 0; right: how far the dense network's
magnitude mask moves between two checkpoints (Jaccard distance), and the change of its test accuracy between them.
Needs the measures fourier, jaccard and accuracy_change of a dense job and of its ticket (sweeps/measures.yaml; or
`tombola measure STORE SWEEP`).  The figure's format follows from its name: .png, .pdf, .svg.
"""
import matplotlib.pyplot as plt
import pandas as pd

import style
from style import COLOURS, LABELS, measured


def evenly(frame):
    """The checkpoints at one distance from the one before, that which covers most: only those can be compared."""
    gap = frame.index.to_series().diff()
    usual = gap.groupby(gap).sum().idxmax()
    return frame[gap == usual], int(usual)


def mark_gen(axes, jobs):
    for control, job in jobs.items():
        if pd.notna(job.t_gen):
            axes.axvline(job.t_gen, color=COLOURS[control], linewidth=0.8, linestyle=":")


def draw_accuracy(axes, store, jobs):
    for control, job in jobs.items():
        curve = store.series(job)
        curve = curve[curve.index > 0]
        axes.plot(curve.index, curve.train_accuracy, color=COLOURS[control], alpha=0.35, linewidth=0.8)
        axes.plot(curve.index, curve.test_accuracy, color=COLOURS[control], linewidth=1.4, label=LABELS[control])
    axes.set_ylabel("accuracy (faint: train)")
    axes.set_ylim(0, 1.05)
    axes.legend(loc="center", bbox_to_anchor=(0.68, 0.5), fontsize=8, handlelength=1.2)


def draw_entropy(axes, store, jobs):
    for control, job in jobs.items():
        entropy = measured(store, job, "fourier", "fe")
        entropy = entropy[entropy.index > 0]
        axes.plot(entropy.index, entropy.in_from1, color=COLOURS[control], linewidth=1.4, label=f"{control}, input side")
        axes.plot(entropy.index, entropy.out_from1, color=COLOURS[control], linewidth=1, linestyle="--",
                  label=f"{control}, output side")
    axes.set_ylabel(r"Fourier entropy [nat], $\omega \geq 1$")
    axes.set_ylim(0, None)
    axes.legend(loc="lower left", fontsize=8)


def draw_distance(axes, store, dense):
    distance, gap = evenly(measured(store, dense, "jaccard", "distance")["all"])
    change, _ = evenly(measured(store, dense, "accuracy_change", "test"))
    axes.plot(distance.index, distance, color=COLOURS["dense"], linewidth=1.4)
    axes.set_ylabel(f"Jaccard distance of masks {gap} epochs apart", color=COLOURS["dense"])
    axes.set_ylim(0, None)
    other = axes.twinx()
    other.spines["right"].set_visible(True)
    other.fill_between(change.index, change.iloc[:, 0], color="0.5", alpha=0.35, linewidth=0)
    other.set_ylabel("change of test accuracy", color="0.4")
    low, high = change.iloc[:, 0].min(), change.iloc[:, 0].max()
    other.set_ylim(min(low, 0), 1.6 * max(high, 1e-3))


def figure(store, jobs):
    jobs = style.first_pair(store, jobs)
    name = style.described(jobs["ticket"])
    fig, axes = plt.subplots(1, 3, figsize=(14, 4))
    draw_accuracy(axes[0], store, jobs)
    draw_entropy(axes[1], store, jobs)
    draw_distance(axes[2], store, jobs["dense"])
    for i, (ax, title) in enumerate(zip(axes, ("generalisation", "neurons become waves", "the dense network's structure moves"))):
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("epochs")
        ax.set_xscale("log" if i < 2 else "linear")
        mark_gen(ax, jobs if i < 2 else {"dense": jobs["dense"]})
    axes[0].text(0.5, 0.05, r"dotted: $t_{gen}$", transform=axes[0].transAxes, fontsize=8, color="0.4")
    fig.suptitle(f"{name}, and its dense network", fontsize=10)
    fig.tight_layout()
    return fig


if __name__ == "__main__":
    style.main(__doc__, figure)
