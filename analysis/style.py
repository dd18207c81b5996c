"""The one look of all figures, and the one command line: `SCRIPT.py STORE -o FIGURE`."""
import argparse
import colorsys
import sys
import textwrap

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import files
from settings import DEFINING, choose, groups, settings, where_option
from store import Store, told

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
GROUPS = 12  # and as many curves into one panel

notes = []  # of the figure that is being drawn: what it leaves out, and what it shows where that is no matter of course


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
    return most(named, PANELS)


def most(parts, count):
    """The first [(title, ...)] that fit into one figure; the others are named in `notes`."""
    if len(parts) > count:
        others = "; ".join(dict.fromkeys(part[0].replace("\n", " · ") for part in parts[count:]))
        leave_out(f"{len(parts) - count} of {len(parts)} panels ({others})")
    return parts[:count]


def leave_out(what):
    note = f"left out: {what}"
    if note not in notes:
        notes.append(note)


def label(control, t, k, several):
    """The control's name; with t and k where the panel holds the same control more than once."""
    text = LABELS.get(control) or literal(control)
    rate = "" if pd.isna(k) else f"k = {k:g}"
    more = ", ".join(part for part in (t and f"t = {literal(t)}", rate) if part)
    return f"{text} ({more})" if several and more else text


def palette(controls):
    """A colour for each of them, no two the same: its control's own for the first of a control, spare ones for the others."""
    spare, used = iter(spares(len(controls))), set()
    for control in controls:
        yield next(spare) if control not in COLOURS or control in used else COLOURS[control]
        used.add(control)


def spares(count):
    """At least so many colours that no control has."""
    hues = [colorsys.hsv_to_rgb(0.618 * i % 1, (0.9, 0.5)[i % 2], (0.6, 0.8, 0.45)[i % 3]) for i in range(count)]
    made = [matplotlib.colors.to_hex(hue).upper() for hue in hues]
    return [*SPARE, *(colour for colour in made if colour not in SPARE and colour not in COLOURS.values())]


def selected(parts):
    """All of the groups if they are few, else one a control, at the k that most controls share, and as many more as fit."""
    if len(parts) <= GROUPS:
        return parts
    rates = pd.Series([k for *_, k in {(key[3], key[5]) for key, _ in parts if pd.notna(key[5])}], dtype=float)
    usual = rates.mode().iloc[-1] if len(rates) else None
    first = {}
    for i, (key, _) in enumerate(parts):
        if key[3] not in first or (key[5] == usual and parts[first[key[3]]][0][5] != usual):
            first[key[3]] = i
    places = [*first.values(), *(i for i in range(len(parts)) if i not in first.values())][:GROUPS]
    return [parts[i] for i in sorted(places)]


def coloured(jobs):
    """(label, colour, jobs of all seeds) of each setting; those that fit into one panel, the others are named in `notes`."""
    parts = groups(jobs)
    controls = [key[3] for key, _ in parts]
    labels = {id(same): label(*key[3:], controls.count(key[3]) > 1) for key, same in parts}
    shown = selected(parts)
    if len(shown) < len(parts):
        drawn = {id(same) for _, same in shown}
        others = [labels[id(same)] for _, same in parts if id(same) not in drawn]
        more = f" and {len(others) - 6} more" if len(others) > 6 else ""
        leave_out(f"{len(others)} of {len(parts)} lines of {' · '.join(parts[0][0][:3])} ({', '.join(others[:6])}{more})")
    for (_, same), colour in zip(shown, palette([key[3] for key, _ in shown])):
        yield labels[id(same)], colour, same


def band(axes, curves, colour, text=None, **style):
    """The median of several curves (Series by epoch) and the range from the least to the greatest of them."""
    together = pd.concat(curves, axis=1)
    line = axes.plot(together.index, together.median(axis=1), color=colour, label=text, **{"linewidth": 1.4, **style})
    if len(curves) > 1:
        low, high = (getattr(together, name)(axis=1).astype(float) for name in ("min", "max"))
        axes.fill_between(together.index, low, high, color=colour, alpha=0.18, linewidth=0)
    return line


def points(axes, x, values, colour, top, size=3, alpha=0.5):
    """A point each, as settings.late() has the values: never on the line `top`; where it is not known an open triangle at the job's end."""
    x, values = np.asarray(x, float), np.asarray(values, float)
    known, later = values >= 0, values < 0
    axes.plot(x[known], np.where(np.isinf(values), top, values)[known], "o", markersize=size, color=colour, alpha=alpha, markeredgewidth=0)
    if later.any():
        axes.plot(x[later], -values[later], "^", markersize=size + 2, color=colour, markerfacecolor="none")


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
    """The finished jobs that a grid needs, with their settings; NoData if the store has no such grid, or nothing of it is done."""
    try:
        jobs = store.jobs(grid=name)
        every = store.views()
        view = ["id", *DEFINING]
        of = dict(zip(every[view].itertuples(index=False, name=None), settings(every)))
        jobs = jobs.assign(setting=[of[key] for key in jobs[view].itertuples(index=False, name=None)])
    except KeyError as error:
        raise NoData(f"no grid '{name}'") from error
    done = jobs[jobs.state == "done"].sort_values("seed", kind="stable")
    if not len(done):
        raise NoData(f"no job of grid '{name}' is done")
    return done


def finished(store, where=None, script="figures.py"):
    """What is drawn: the jobs that are done, and are wanted, named by all that differs."""
    jobs = choose(script, store.views(), where)
    done = jobs[jobs.state == "done"].sort_values("seed", kind="stable")
    if not len(done):
        raise NoData("no job is done" if not where else "no job that is wanted is done")
    return done


def described(job):
    """A job in words: its blocks, and what it is drawn at."""
    at = ", ".join(part for part in (job.t_asked and f"t = {job.t_asked}", "" if pd.isna(job.k) else f"k = {job.k:g}") if part)
    return literal(f"{job.task} · {job.model} · {job.training} · {job.control}{f' ({at})' if at else ''} · seed {job.seed}")


def first_pair(store, jobs):
    """{control: job}: the first finished ticket and the dense job that it was drawn from; `notes` say which."""
    every = store.jobs()
    pairs = []
    for _, ticket in jobs[jobs.control.str.startswith("ticket")].iterrows():
        dense = every[(every.id == ticket.parent) & (every.control == "dense") & (every.state == "done")]
        if len(dense):
            pairs.append({"dense": dense.iloc[0], "ticket": ticket})
    if not pairs:
        raise NoData("no finished ticket with a finished dense parent")
    one = described(pairs[0]["ticket"])
    notes.append(f"shown: {one}" + (f", one of {len(pairs)} tickets" if len(pairs) > 1 else ""))
    return pairs[0]


def annotate(figure, script):
    """Write below a figure what it leaves out, and to stderr, if a script says it."""
    if notes and figure is not None:
        hint = "; --where chooses" if any(note.startswith("left out") or "one of" in note for note in notes) else ""
        text = ". ".join(notes) + hint
        lines = textwrap.fill(text, max(int(13 * figure.get_figwidth()), 40))
        if figure.get_layout_engine() is None:
            figure.tight_layout()
        figure.text(0.01, -0.01, lines, va="top", ha="left", fontsize=8, color="0.3")
        if script:
            print(f"{script}: {text.replace(chr(92) + '$', '$')}", file=sys.stderr)
    notes.clear()


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
    where_option(parser)
    arguments = parser.parse_args()
    try:
        with told(script), Store(arguments.store) as store, plt.rc_context(STYLE):
            drawn = figure(store, finished(store, arguments.where, script))
            annotate(drawn, script)
            files.draw(script, drawn, arguments.output)
    except NoData as nothing:
        sys.exit(f"{script}: {arguments.store}: {nothing}")
    files.say(script, f"figure: {arguments.output}")
