"""curves.py STORE -o FIGURE: accuracy against epochs, a panel a task and model, a colour a setting.

Solid: test accuracy, the median over the seeds, in the band from the worst to the best of them; faint and thin: train
accuracy.  Dashes: parts of the data, such as those with corrupted labels.  Marks above: the medians of t_mem (open) and t_gen
(filled); to the right: later, for a stop rule ended the jobs before.  Of a regression: losses, which know no accuracy.
Of more than 12 settings in a panel some are left out, which are named below; --where chooses.
The figure's format follows from its name: .png, .pdf, .svg.
"""
import itertools

import pandas as pd
from matplotlib.lines import Line2D

import style
from settings import late, median


def draw_group(axes, store, same, colour, text, metric):
    curves = [store.series(job) for _, job in same.iterrows()]
    curves = [curve[curve.index > 0] for curve in curves if curve.index.max() > 0]
    if not curves:  # epochs: 0 has no curve
        return
    train = style.band(axes, [curve[f"train_{metric}"] for curve in curves], colour, alpha=0.35, linewidth=0.7)
    style.band(axes, [curve[f"test_{metric}"] for curve in curves], colour, text)
    draw_parts(axes, store, same, colour, metric)
    first = train[0].get_xdata()[0]
    for column, face, height in (("t_mem", "white", 1.03), ("t_gen", colour, 1.07)):
        epoch = median(late(same, column))
        if epoch < float("inf"):  # below 0: later than that
            mark = {"marker": "v" if epoch >= 0 else ">", "markersize": 6, "color": colour, "markerfacecolor": face, "clip_on": False}
            axes.plot(max(abs(epoch), first), height, linestyle="none", transform=axes.get_xaxis_transform(), **mark)


DASHES = ((4, 1.5), (1, 1), (6, 1, 1, 1), (8, 2), (3, 3))


def parts_of(store, jobs):
    """The names of the parts that data of these jobs have, in their order."""
    return list(dict.fromkeys(part for _, job in jobs.iterrows() for _, part in store.parts(job).columns))


def draw_parts(axes, store, same, colour, metric):
    """Parts of the data, such as those with corrupted labels: the median over the seeds, a dash each."""
    for part, dashes in zip(parts_of(store, same), itertools.cycle(DASHES)):
        curves = [frame[metric, part] for frame in (store.parts(job) for _, job in same.iterrows()) if (metric, part) in frame]
        middle = pd.concat(curves, axis=1).median(axis=1)
        axes.plot(middle.index[1:], middle.iloc[1:], color=colour, dashes=dashes, linewidth=1)


def draw_panel(axes, store, jobs, title, metric=None):
    """metric: accuracy or loss; if it is not said, accuracy where there is one."""
    metric = metric or ("loss" if jobs.test_accuracy.isna().all() else "accuracy")
    for text, colour, same in style.coloured(jobs):
        draw_group(axes, store, same, colour, text, metric)
    axes.set_xscale("log")
    if metric == "accuracy":
        axes.set_ylim(0, 1.02)
    else:
        axes.set_yscale("log")
    seeds = jobs.seed.nunique()
    axes.set_title(f"{title} · {seeds} seed{'s' if seeds > 1 else ''}", pad=24)
    axes.set_xlabel("epochs")
    axes.set_ylabel(metric)
    axes.grid(True, which="major", linewidth=0.3, alpha=0.6)


def key(parts=()):
    """What the strokes and marks mean, in grey."""
    grey = {"color": "0.4"}
    mark = {"marker": "v", "markersize": 6, "linestyle": "none", "color": "0.4"}
    return [
        Line2D([], [], linewidth=1.4, label="test, median and range", **grey),
        Line2D([], [], linewidth=0.7, alpha=0.6, label="train", **grey),
        *(Line2D([], [], linewidth=1, dashes=dashes, label=part, **grey) for part, dashes in zip(parts, itertools.cycle(DASHES))),
        Line2D([], [], markerfacecolor="white", label=r"$t_{mem}$, median", **mark),
        Line2D([], [], label=r"$t_{gen}$, median", **mark),
    ]


def draw_legend(axes, parts=()):
    lines = axes.get_legend_handles_labels()[0] + key(parts)
    axes.legend(handles=lines, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncol=2)


def figure(store, jobs):
    parts = style.panels(jobs)
    fig, axes = style.grid(len(parts), width=5.6, height=4.8)
    for ax, (title, part) in zip(axes, parts):
        draw_panel(ax, store, part, title)
        draw_legend(ax, parts_of(store, part))
    fig.tight_layout()
    return fig


if __name__ == "__main__":
    style.main(__doc__, figure)
