"""The one look of all figures, and the one command line: `SCRIPT.py STORE -o FIGURE`."""
import argparse
import sys
import textwrap

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

import files
from store import Store, told
from table import groups, labelled

# Okabe and Ito: told apart by everybody, in print too.
COLOURS = {"dense": "#0072B2", "ticket": "#D55E00", "l1": "#009E73", "l2": "#CC79A7", "random": "#E69F00"}
SPARE = ["#56B4E9", "#000000", "#999999", "#7E5BA6", "#8C564B", "#A6A600", "#17807E", "#B22222"]
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
    "axes.titlesize": 10,
    "image.cmap": "viridis",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "savefig.bbox": "tight",  # a caption hangs below the figure
}
LINE = 45  # characters of a panel's title
PANELS = 9  # as many settings fit into one figure,
GROUPS = 8  # and as many curves into one panel


class NoData(Exception):
    """The store does not hold what a figure shows."""


def literal(text):
    """A text of the store, which matplotlib must not take for TeX."""
    return text.replace("$", r"\$")


def title(key):
    """Of a panel: task, model and perhaps training, in one line or, if that is long, in two."""
    key = [literal(name) for name in key]
    line = " · ".join(key)
    return line if len(line) <= LINE else f"{key[0]}\n{' · '.join(key[1:])}"


def panels(jobs):
    """[(title, jobs)] of the first PANELS settings: jobs of one task, model and training."""
    parts = list(jobs.groupby(["task", "model", "training"], sort=False))
    trainings = jobs.groupby(["task", "model"]).training.nunique().max()
    named = [(title(key if trainings > 1 else key[:2]), part) for key, part in parts]
    if len(named) > PANELS:
        print(f"{len(named)} settings, the first {PANELS} are drawn", file=sys.stderr)
    return named[:PANELS]


def label(control, t, k, several):
    """The control's name; with t and k where the panel holds the same control more than once."""
    text = LABELS.get(control) or literal(control)
    rate = "" if pd.isna(k) else f"k = {k:g}"
    more = ", ".join(part for part in (t and f"t = {literal(t)}", rate) if part)
    return f"{text} ({more})" if several and more else text


def palette(controls):
    """A colour for each of them: its control's own for the first of a control, a spare one for the others."""
    spare, used = iter(SPARE * len(controls)), set()
    for control in controls:
        yield next(spare) if control not in COLOURS or control in used else COLOURS[control]
        used.add(control)


def selected(parts):
    """All of the groups if they are few, else one a control: at the k that most controls share and its last t."""
    if len(parts) <= GROUPS:
        return parts
    rates = pd.Series([k for *_, k in {(key[3], key[5]) for key, _ in parts if pd.notna(key[5])}], dtype=float)
    usual = rates.mode().iloc[-1] if len(rates) else None
    last = {}
    for key, same in parts:
        if key[3] not in last or key[5] == usual:
            last[key[3]] = key, same
    return list(last.values())[:GROUPS]


def coloured(jobs):
    """(label, colour, jobs of all seeds) of each group; those that fit into one panel."""
    parts = groups(jobs)
    controls = [key[3] for key, _ in parts]
    parts = selected(parts)
    for ((_, _, _, control, t, k), same), colour in zip(parts, palette([key[3] for key, _ in parts])):
        yield label(control, t, k, controls.count(control) > 1), colour, same


def band(axes, curves, colour, text=None, **style):
    """The median of several curves (Series by epoch) and the range from the least to the greatest of them."""
    together = pd.concat(curves, axis=1)
    line = axes.plot(together.index, together.median(axis=1), color=colour, label=text, **{"linewidth": 1.4, **style})
    if len(curves) > 1:
        low, high = (getattr(together, name)(axis=1).astype(float) for name in ("min", "max"))
        axes.fill_between(together.index, low, high, color=colour, alpha=0.18, linewidth=0)
    return line


def grid(count, width=5.2, height=4.0, columns=3, **more):
    """A figure of `count` panels, row by row; the axes as a flat list."""
    columns = max(1, min(count, columns))
    rows = -(-count // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows), squeeze=False, **more)
    for unused in axes.flat[count:]:
        unused.remove()
    return fig, list(axes.flat[:count])


def caption(figure, text):
    """Lay a finished figure out and write below it what it is to show: a paper's claim."""
    if figure.get_layout_engine() is None:
        figure.tight_layout()
    lines = textwrap.fill(" ".join(text.split()), int(12 * figure.get_figwidth()))
    figure.text(0.01, -0.02, lines, va="top", ha="left", fontsize=10)


def of_grid(store, name):
    """The finished jobs that a grid needs; NoData if the store has no such grid, or nothing of it is done."""
    try:
        jobs = store.jobs(grid=name)
    except KeyError as error:
        raise NoData(f"no grid '{name}'") from error
    done = jobs[jobs.state == "done"].sort_values("seed", kind="stable")
    if not len(done):
        raise NoData(f"no job of grid '{name}' is done")
    return done


def finished(store):
    """What is drawn: the jobs that are done, named by all that differs."""
    jobs = store.jobs()
    done = labelled(jobs[jobs.state == "done"]).sort_values("seed", kind="stable")
    if not len(done):
        raise NoData("no job is done")
    return done


def first_pair(jobs):
    """{control: job}: a finished ticket and the dense job that it was drawn from."""
    for _, ticket in jobs[jobs.control.str.startswith("ticket")].iterrows():
        dense = jobs[(jobs.id == ticket.parent) & (jobs.control == "dense")]
        if len(dense):
            return {"dense": dense.iloc[0], "ticket": ticket}
    raise NoData("no finished ticket with a finished dense parent")


def measured(store, job, kind, array):
    """A measure's array by its kind, whatever its entry is called; NoData if the job was not measured so."""
    for name in store.measures(job, kind):
        try:
            return store.measure(job, f"{name}/{array}")
        except KeyError:
            pass
    raise NoData(f"no measure of kind {kind}")


def main(doc, figure):
    """The command line of a module whose figure(store, jobs) draws the finished jobs."""
    script = doc.split()[0]
    parser = argparse.ArgumentParser(prog=script, description=doc.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("-o", "--output", required=True, help="its format follows from its name: .png, .pdf, .svg")
    arguments = parser.parse_args()
    try:
        with told(script), Store(arguments.store) as store, plt.rc_context(STYLE):
            files.draw(script, figure(store, finished(store)), arguments.output)
    except NoData as nothing:
        sys.exit(f"{script}: {arguments.store}: {nothing}")
    files.say(script, f"figure: {arguments.output}")
