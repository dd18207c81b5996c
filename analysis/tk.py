"""tk.py STORE -o FIGURE: when networks generalise, against the epoch t of their ticket and against their prune rate k.

Upper row: t_gen; lower row: tau_grok = t_gen / t_mem.  A point a seed, a line through the medians; a seed that never
generalised lies on the dashed line above, and so does a median that falls between a number and it.  An open triangle: a stop rule
ended the job there, before; no line goes through a median that is not known.  Level: the dense network's median.
The figure's format follows from its name: .png, .pdf, .svg.
"""
import numpy as np
import pandas as pd
from matplotlib import ticker

import style
from settings import late, median, rank

DENSE = rank("dense")[0]
ROWS = {"t_gen": r"$t_{gen}$ [epochs]", "tau_grok": r"$\tau_{grok} = t_{gen}\, /\, t_{mem}$"}


def lines(jobs, x):
    """(control, what is held, jobs) of every control that was asked for at several values of x, which is t or k."""
    held = "k" if x == "t" else "t_asked"
    for (control, other), same in sorted(jobs.groupby(["control", held], dropna=False), key=lambda part: rank(part[0][0])):
        if same[x].nunique() > 1 and (x == "k" or same.t_asked.nunique() > 1):
            what = "" if pd.isna(other) or other == "" else f"{held[0]} = {other if x == 'k' else format(other, 'g')}"
            yield control, what, same


def draw_line(axes, same, x, y, colour, text, top):
    place = same.t.astype(float).groupby(same.t_asked).transform("median") if x == "t" else same[x]
    value = late(same, y)
    style.points(axes, place, value, colour, top)
    middle = value.groupby(place).apply(median)
    axes.plot(middle.index, middle.where(middle >= 0).replace(np.inf, top), color=colour, linewidth=1.4, label=text)


def draw_panel(axes, jobs, x, y):
    parts = list(lines(jobs, x))
    dense = {control: late(same, y) for control, same in jobs[jobs.control.map(rank).map(lambda r: r[0]) == DENSE].groupby("control")}
    shown = pd.concat([*(late(part, y) for *_, part in parts), *dense.values()]).abs().replace(np.inf, np.nan)
    shown = shown[shown > 0]  # the axis is logarithmic
    top = 1.6 * (shown.max() if shown.notna().any() else 1)
    several = {control for control, *_ in parts if [c for c, *_ in parts].count(control) > 1}
    colours = list(style.palette([*(control for control, *_ in parts), *dense]))
    for (control, what, part), colour in zip(parts, colours):
        text = style.LABELS.get(control, control) + (f" ({what})" if control in several and what else "")
        draw_line(axes, part, x, y, colour, text, top)
    for (control, values), colour in zip(dense.items(), colours[len(parts):]):
        if 0 <= median(values) < np.inf:
            axes.axhline(median(values), color=colour, linewidth=0.9, label=control)
    axes.axhline(top, color="0.6", linewidth=0.8, linestyle="--")
    axes.annotate("never", (1, top), xycoords=("axes fraction", "data"), xytext=(2, 0), textcoords="offset points",
                  va="center", fontsize=8, color="0.4")
    axes.set_yscale("log")
    axes.set_ylim(0.7 * (shown.min() if shown.notna().any() else top / 10), 1.25 * top)
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)) if shown.notna().any() else ticker.NullLocator())
    axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_locator(ticker.NullLocator())
    axes.set_xlabel("t: epoch of the dense network [epochs]" if x == "t" else "k: part of the weights removed")
    axes.set_ylabel(ROWS[y])
    axes.legend(frameon=True, framealpha=0.85, edgecolor="none")  # the dashed line may run behind it


def figure(store, jobs):
    parts = style.most([(title, part, x) for title, part in style.panels(jobs) for x in ("t", "k") if any(lines(part, x))], 6)
    if not parts:
        raise style.NoData("no control was asked for at several t or k")
    fig, axes = style.grid(2 * len(parts), columns=len(parts), height=3.4)
    for i, y in enumerate(ROWS):
        for ax, (title, part, x) in zip(axes[i * len(parts):], parts):
            draw_panel(ax, part, x, y)
            ax.set_title("" if i else title)
    fig.tight_layout()
    return fig


if __name__ == "__main__":
    style.main(__doc__, figure)
