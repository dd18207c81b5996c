"""report.py STORE -o PAGE.html: a store as one page that can be sent to a colleague: tables, curves, figures, provenance.

The page is one file; it loads nothing and calls nobody.  Its curves are the store's, to DIGITS digits; of a large store it
holds as many as keep the page below some 5 MB, and says what it leaves out.  The store may be unfinished.
"""
import argparse
import base64
import html
import io
import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd

import figures
import files
import style
from settings import choose, groups, late, median, where_option
from store import SERIES, Store, told
from table import COLUMNS, cell, number

DIGITS = 5
ROWS = 2000  # of the table of results,
CURVES = 1000  # jobs with curves,
NUMBERS = 200_000  # numbers in all curves,
SEEDS = 30_000  # and seeds whose results are points against t and k
EACH = 12  # seeds that a cell names one by one
WORST = 50  # kinds of failure
KEEP = ["id", "parent", "control", "task", "model", "training", "t_asked", "k", "seed", "t", "epochs", "epochs_done", "t_mem", "t_gen",
        "end", "ended_by", "tau_grok", "test_accuracy", "test_loss", "setting", "of", "state", "error", "family", "family_row", "host", "seconds"]
PAGE = Path(__file__).parent / "page"


def plain(text):
    """A figure's label without its TeX."""
    return re.sub(r"\$(\w)_(\w)\$", r"\1\2", text).replace(r"\$", "$")


def rounded(value):
    """What JSON can hold: a number of DIGITS digits, or null."""
    return float(f"{value:.{DIGITS}g}") if pd.notna(value) and math.isfinite(value) else None


def told_late(value):
    """As page.js has it: null is never, "-" is no number, below 0 it is later than that, and not known."""
    return "-" if math.isnan(value) else rounded(value)


def spread(count, most):
    """At most `most` places of count: the first, the last, and more of the early ones, as a logarithmic axis wants it."""
    if count <= most:
        return np.arange(count)
    places = np.concatenate([np.geomspace(1, count, most // 2), np.linspace(1, count, most - most // 2)])
    return np.unique(places.astype(int)) - 1


def described(parts):
    """What the page knows of each group: its names, colour, and every seed's results."""
    panels = pd.Series([key[:3] for key, _ in parts])
    shown = {}
    for panel in panels.unique():
        mine = [part for part, where in zip(parts, panels) if where == panel]
        on = {str(key) for key, _ in style.selected(mine)}
        mine.sort(key=lambda part: str(part[0]) not in on)  # those that are shown at first have the first choice of colours
        controls = [key[3] for key, _ in mine]
        for (key, same), colour in zip(mine, style.palette(controls)):
            *setting, control, t, k = key
            done = same[same.state == "done"].head(max(3, SEEDS // len(parts)))
            shown[str(key)] = {
                "setting": " · ".join(setting), "control": control, "t": t, "k": rounded(k), "colour": colour, "on": str(key) in on,
                "label": plain(style.label(control, t, k, controls.count(control) > 1)),
                "at": rounded(median(done.t)), "id": same.setting.iloc[0], "jobs": int(same["of"].iloc[0]),
                **{name: [told_late(v) for v in late(done, name)] for name in COLUMNS},
                "test_accuracy": [rounded(v) for v in done.test_accuracy.astype(float)],
                "median": {name: told_late(median(late(same[same.state == "done"], name))) for name in COLUMNS},
            }
    return [shown[str(key)] for key, _ in parts]


def begun(jobs):
    """Those that have curves; a job that was stopped and waits shows none."""
    return jobs[(jobs.epochs_done.fillna(0) > 0) & (jobs.state != "pending")]


def sampled(parts):
    """(group, job) of those whose curves are shown: all of them, or as many of each group."""
    started = [(i, begun(same)) for i, (_, same) in enumerate(parts)]
    started = [(i, same) for i, same in started if len(same)][:CURVES]
    each = max(CURVES // max(len(started), 1), 1)
    fair = [(i, same.iloc[spread(len(same), each)]) for i, same in started]
    if sum(len(same) for _, same in started) <= CURVES:
        fair = started
    return [(i, job) for i, same in fair for _, job in same.iterrows()]


def curves(store, sample):
    """The curves of the sample, and the epochs that they share."""
    axes, shown, thinned = {}, [], False
    most = max(NUMBERS // (len(SERIES) * max(len(sample), 1)), 40)
    for group, job in sample:
        curve = store.series(job)
        thinned |= len(curve) > most
        curve = curve.iloc[spread(len(curve), most)]
        axis = axes.setdefault(tuple(curve.index), len(axes))
        shown.append({"group": group, "id": job.id[:12], "seed": int(job.seed), "state": str(job.state), "axis": axis,
                      **{name: [rounded(v) for v in curve[name]] for name in SERIES}})
    return {"axes": [[int(epoch) for epoch in axis] for axis in axes], "curves": shown, "thinned": thinned}


def table(head, rows):
    """An HTML table; a cell is a text, or a number to sort by and its text."""
    def one(value):
        by, text = value if isinstance(value, tuple) else (None, value)
        return f"<td{'' if by is None else f' data-by={by!r}'}>{html.escape(str(text))}</td>"

    lines = ["<tr>" + "".join(one(value) for value in row) + "</tr>" for row in rows]
    titles = "".join(f"<th>{html.escape(title)}</th>" for title in head)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>\n" + "\n".join(lines) + "\n</tbody></table>"


def sorting(value):
    """A number to sort by: what never came is last, and what is not known where it is known to be later."""
    return f"{abs(value):.6g}" if pd.notna(value) and math.isfinite(value) else "1e300"


def results(parts):
    rows = []
    for (task, model, training, control, t, k), same in parts[:ROWS]:
        done = same[same.state == "done"]
        row = [task, model, training, control, (sorting(k), "" if pd.isna(k) else f"{k:g}"),
               (t if t.isdigit() else sorting(None), t), f"{len(done)} of {same['of'].iloc[0]}"]
        for name, form in COLUMNS.items():
            values = late(done, name)
            row.append((sorting(median(values)), cell(values, form) if len(done) <= EACH else some(values, form)))
        for name in ("test_accuracy", "test_loss"):
            value = median(done[name])
            row.append((sorting(value), "" if pd.isna(value) else f"{value:.4g}"))
        rows.append(row)
    return table(["task", "model", "training", "control", "k", "t", "done", *COLUMNS, "test accuracy", "test loss"], rows)


def some(values, form):
    """The median of many seeds, and how many of them got there."""
    reached, unknown = (np.isfinite(values) & (values >= 0)).sum(), (values < 0).sum()
    more = f", {unknown} open" if unknown else ""
    return f"{number(median(values), form)} ({reached} of {len(values)}{more})" if len(values) else ""


def failures(jobs):
    """A line a reason, the commonest first."""
    bad = jobs[jobs.state.isin(["failed", "blocked"])]
    rows = [(len(same), [str(state), reason or "(no reason given)", len(same), ", ".join(sorted(same.control.unique())[:8]),
                         ", ".join(same.id.str[:8].head(6)) + (", …" if len(same) > 6 else "")])
            for (state, reason), same in bad.groupby(["state", "error"], observed=True)]
    rows = [row for _, row in sorted(rows, key=lambda row: -row[0])]
    return table(["state", "reason", "jobs", "controls", "ids"], rows[:WORST]) if rows else "<p>No job failed.</p>"


def provenance(store, jobs):
    about = [[name.replace("_", " "), text] for name, text in store.about.items() if name not in ("readme", "checksum")]
    ran = jobs[jobs.host != ""]
    hosts = [[host, len(same), f"{same.seconds.sum() / 3600:.3g}"] for host, same in ran.groupby("host")]
    texts = "".join(f"<details><summary>{html.escape(name)}.yaml</summary><pre>{html.escape(text)}</pre></details>"
                    for name, text in store.sweeps())
    return table(["what", "is"], about) + table(["host", "jobs", "core hours"], hosts) + texts


def pictures(store, jobs):
    """The figures that are not there as curves already, each with the words that explain it."""
    made, missing = [], []
    for name, figure in figures.drawn(store, jobs, without=("curves", "tk")):
        if isinstance(figure, str):
            missing.append(f"{name} ({figure})")
            continue
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=100, bbox_inches="tight")
        words = figures.FIGURES[name].__doc__.partition(": ")[2].partition("The figure's format")[0]
        words = words[0].upper() + words[1:]
        made.append(f'<figure><img alt="{name}" src="data:image/png;base64,{base64.b64encode(image.getvalue()).decode()}">'
                    f"<figcaption>{html.escape(words)}</figcaption></figure>")
    if missing:
        made.append(f"<p class=note>Not drawn: {html.escape('; '.join(missing))}.</p>")
    return "".join(made)


def notes(store, jobs, parts, shown, curve):
    """What the page leaves out, and what is not there yet."""
    if store.left_out:
        yield f"{len(store.left_out)} rows of the store are damaged and left out: `tombola verify` says more."
    states = jobs.state.value_counts()
    if states.get("pending", 0) + states.get("running", 0):
        yield "This store is not finished: the page shows it as it was when the page was made."
    for name, count in store.missing_measures().items():
        yield (f"Measure {html.escape(name)} of {count} jobs is missing, for the program that trained them cannot compute it: "
               "`tombola measure STORE SWEEP.yaml`, or run again, of a program that has it makes it up.")
    if len(parts) > ROWS:
        yield f"The table holds the first {ROWS} of {len(parts)} rows."
    started = len(begun(jobs))
    if len(curve["curves"]) < started:
        yield f"Curves of {len(curve['curves'])} jobs are shown, of {started} that have some: as many of each row, from the first on."
    if curve["thinned"]:
        yield "Of each curve some points are left out, more of the late ones."
    if len({key[:3] for key, _ in parts}) > style.PANELS:
        yield "The figures show the first settings only."
    if sum(len(group["t_gen"]) for group in shown) < states.get("done", 0):
        yield "Against t and k the first seeds of each row are shown."


def page(store, where=None):
    jobs = choose("report.py", store.views(), where)[KEEP].sort_values("seed", kind="stable")
    parts = groups(jobs)
    sample = sampled(parts)
    curve = curves(store, sample)
    shown = described(parts[:ROWS])
    done = jobs.loc[[job.name for _, job in sample if job.state == "done"]]
    states = jobs.state.value_counts()
    names = ", ".join(dict.fromkeys(name for name, _ in store.sweeps()))
    fill = {
        "TITLE": html.escape(names or Path(store.path).stem),
        "STATES": "".join(f'<span class="{html.escape(state)}">{count} {html.escape(state)}</span>' for state, count in states.items() if count),
        "STORE": html.escape(Path(store.path).name), "CREATED": html.escape(str(store.about.get("created", ""))[:10]),
        "JOBS": str(len(jobs)), "NOTES": "".join(f"<p class=note>{text}</p>" for text in notes(store, jobs, parts, shown, curve)),
        "RESULTS": results(parts), "FIGURES": pictures(store, done) if len(done) else "<p>No job is done yet.</p>",
        "FAILURES": failures(jobs), "PROVENANCE": provenance(store, jobs),
        "STYLE": (PAGE / "page.css").read_text(), "SCRIPT": (PAGE / "page.js").read_text(),
        "DATA": json.dumps({"colours": style.COLOURS, "spare": style.spares(40), "groups": shown, **curve},
                           separators=(",", ":")).replace("<", "\\u003c"),
    }
    return re.sub(r"@(\w+)@", lambda found: fill[found[1]], (PAGE / "page.html").read_text())


def main():
    parser = argparse.ArgumentParser(prog="report.py", description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("-o", "--output", required=True)
    where_option(parser)
    arguments = parser.parse_args()
    with told("report.py"):
        with Store(arguments.store) as store:
            text = page(store, arguments.where)
        files.write("report.py", arguments.output, text.encode())
    files.say("report.py", f"report: {arguments.output}, {len(text.encode()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
