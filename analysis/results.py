"""results.py STORE -o PAGE.md: what a sweep of the papers found and took, as a page of Markdown with its figures.

The verdicts on the papers' claims (analysis/claims), what it cost beside what `tombola plan` had estimated, what each grid
cost, and the figures, small enough to be kept in a repository: in the folder PAGE, beside it.
"""
import argparse
import io
import json
import re
import sys
from datetime import datetime, timezone
from pathlib import Path

import pandas as pd
from PIL import Image

import figures
import files
import style
from claims.output import judged, literal, markdown
from store import Store, told

APPENDIX = re.compile("minegishi-fig(1[0-6].*|18|19|20)")  # figures that repeat others or show details
GOES_ON = -1  # in the place of an exit code
LARGEST = 150_000  # bytes of a figure
SIZES = ((100, 256), (100, 64), (80, 64), (60, 32), (45, 16), (30, 16))  # dots per inch, colours: the first that fits


def hours(seconds):
    return f"{seconds / 3600:.2f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.2g} s"


def size(count):
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def times(ours, estimate):
    return f"{ours / estimate:.2f} times the estimate" if estimate else "no estimate"


def code(text):
    return f"`{text.replace('`', chr(39))}`"


def table(head, rows):
    def line(cells):
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return [line(head), "|" + "---|" * len(head), *(line(row) for row in rows)]


def covered(spans):
    """Seconds that lie in at least one of the (begin, end)."""
    total, last = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(end - max(begin, last), 0)
        last = max(last, end)
    return total


def read_runs(path, jobs):
    """[(begin, end, ranks, exit code)] of a file with lines `start TIME RANKS` and `end TIME CODE`.  Of a run that was killed
    there is no end: the last job that it finished is taken for it, and its code is None."""
    runs = []
    for line in Path(path).read_text().splitlines():
        word, when, value = line.split()
        if word == "start":
            runs.append([float(when), None, int(value), None])
        elif runs and runs[-1][1] is None:
            runs[-1][1], runs[-1][3] = float(when), int(value)
    ends = [*(run[0] for run in runs[1:]), float("inf")]
    for run, limit in zip(runs, ends):
        if run[1] is None:
            run[1] = max([run[0], *(float(end) for end in jobs.ended.dropna() if run[0] <= end <= limit)])
    return runs


def wall(jobs, runs):
    """(what, value) lines on the time by the clock."""
    ran = jobs[(jobs.started > 0) & (jobs.ended >= jobs.started)]
    begin, end = ran.started.min(), ran.ended.max()
    if runs:
        yield "time by the clock, all runs together", hours(sum(run[1] - run[0] for run in runs))
        how = {0: "to the end", 3: "to the end", 75: "was stopped", 137: "was killed", None: "was killed", GOES_ON: "goes on"}
        if runs[-1][3] is None and (jobs.state == "running").any():
            runs[-1][3] = GOES_ON
        yield "runs", f"{len(runs)}: " + "; ".join(f"{hours(b - a)} on {n} ranks, {how.get(code, f'exit code {code}')}"
                                                  for a, b, n, code in runs)
    elif len(ran):
        span = hours(covered(zip(ran.started, ran.ended)))
        yield "time by the clock while a job ran", f"{span}, on {ran['rank'].nunique()} ranks"
    if len(ran):
        yield "from the first start to the last end, pauses included", hours(end - begin)


def took(store, jobs, plan, runs):
    """Rows of the table of costs: what, measured, estimated before."""
    seconds, epochs = float(jobs.seconds.sum()), int(jobs.epochs_done.fillna(0).sum())
    held = 512 * Path(store.path).stat().st_blocks  # what is reserved and not written takes no room
    states = ", ".join(f"{count} {state}" for state, count in jobs.state.value_counts().items() if count)
    whole = plan and plan["jobs"] == len(jobs) and not jobs.state.isin(["pending", "running"]).any()
    before = ["", "", "", ""] if plan is None else [
        f"{plan['jobs']} jobs",
        f"{'at least ' * plan['at_least']}{plan['core_seconds'] / 3600:.2f}; "
        f"{'it took' if whole else 'so far'} {times(seconds, plan['core_seconds'])}",
        f"{plan['epochs'] / 1e6:.2f} million", f"{size(plan['bytes'])}; it is {times(held, plan['bytes'])}"]
    rows = [("jobs", states, before[0]),
            *((what, value, "") for what, value in wall(jobs, runs)),
            ("core-hours", f"{seconds / 3600:.2f}", before[1]),
            ("epochs", f"{epochs / 1e6:.2f} million", before[2]),
            ("store", size(held), before[3]),
            ("jobs begun again after a kill", int((jobs.attempts.fillna(0) > 1).sum()), "")]
    return table(["what", "measured", "`tombola plan` before" if plan else ""], rows)


def by_grid(jobs):
    """What each grid cost; a job that several need counts for the first."""
    rows = []
    for grid, same in jobs.groupby("grid", sort=False):
        epochs, seconds = int(same.epochs_done.fillna(0).sum()), float(same.seconds.sum())
        rows.append((code(grid), literal(", ".join(sorted(set(same.model)))), len(same), f"{epochs:,}".replace(",", " "),
                     f"{seconds / 60:.1f}", f"{1000 * seconds / epochs:.3g}" if epochs else ""))
    return table(["grid", "networks", "jobs", "epochs", "core-minutes", "ms an epoch"], rows)


def failures(jobs):
    bad = jobs[jobs.state.isin(["failed", "blocked"])]
    lines = [f"- {len(same)} {state}: {literal(reason) or 'no reason given'}"
             for (state, reason), same in bad.groupby(["state", "error"], observed=True)]
    return ["", "Not trained:", "", *lines] if lines else []


def small_png(figure):
    """The figure as a PNG of at most LARGEST bytes, as fine as that allows."""
    for dpi, colours in SIZES:
        raw, png = io.BytesIO(), io.BytesIO()
        figure.savefig(raw, format="png", dpi=dpi, bbox_inches="tight")
        Image.open(raw).convert("RGB").quantize(colours).save(png, format="png", optimize=True)
        if png.tell() <= LARGEST:
            break
    return png.getvalue()


def main_figures(store, jobs, wanted):
    """(name, figure or why there is none): those wanted, else the papers' main ones, of other stores those of any store."""
    if wanted:
        yield from figures.drawn(store, jobs, without=set(figures.FIGURES) - set(wanted))
        yield from (pair for pair in figures.papers(store) if pair[0] in wanted)
        return
    papers = False
    for name, figure in figures.papers(store):
        papers = True
        if not APPENDIX.fullmatch(name):
            yield name, figure
    if not papers:
        yield from figures.drawn(store, jobs)


def pictures(store, jobs, page, wanted):
    """Draws the figures into the folder and yields the page's lines about them."""
    folder = page.with_name(page.stem.lower())
    skipped = []
    for name, figure in main_figures(store, jobs, wanted):
        if isinstance(figure, str):
            skipped.append(f"{name} ({figure})")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        files.write("results.py", folder / f"{name}.png", small_png(figure))
        yield from (f"### {name}", "", f"![{name}]({folder.name}/{name}.png)", "")
    if skipped:
        yield f"Not drawn: {'; '.join(skipped)}."


def date(jobs):
    last = jobs.ended.max()
    return datetime.fromtimestamp(last, timezone.utc).strftime("%Y-%m-%d") if pd.notna(last) and last > 0 else "not run yet"


def page(store, path, plan, runs, wanted, note):
    """The page's lines; its figures are written on the way."""
    jobs, about = store.jobs(), store.about
    names = ", ".join(dict.fromkeys(code(name) for name, _ in store.sweeps()))
    unfinished = int(jobs.state.isin(["pending", "running"]).sum())
    yield from ("# Results", "", f"What the sweep {names} found and took ({date(jobs)}; tombola {literal(str(about.get('tombola_version')))}, "
                f"git {literal(str(about.get('git')))}; {literal(str(about.get('cpu')))}). `make papers` trains it and writes this page.", "")
    if unfinished:
        yield from (f"**Not finished:** {unfinished} of {len(jobs)} jobs are still to be trained; claims that need them cannot "
                    "be told yet.", "")
    yield from ("## Verdicts", "", "Rules were fixed before the sweep was run, but for a few that could not fail and were written "
                "again (analysis/claims says which, and what was known by then); a claim that does not hold stays here. "
                "Ours: mean ± standard deviation over the seeds, and each seed.", "", *markdown(judged(store)), "")
    yield from ("## What it took", "", *([note, ""] if note else []), *took(store, jobs, plan, runs), *failures(jobs), "", *by_grid(jobs), "")
    done = jobs[jobs.state == "done"]
    if len(done):
        yield from ("## Figures", "", "Below each stands what the paper says that it shows; whether it does so here, the verdicts say.",
                    "", *pictures(store, style.finished(store), path, wanted))


def main():
    parser = argparse.ArgumentParser(prog="results.py", description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("-o", "--output", required=True, metavar="PAGE.md")
    parser.add_argument("--plan", metavar="JSON", help="what `tombola plan SWEEP --json` said before the run")
    parser.add_argument("--runs", metavar="FILE", help="when runs began and ended, as `make papers` writes it down")
    parser.add_argument("--note", metavar="TEXT", help="what else is to be known about the time it took")
    parser.add_argument("--figures", metavar="NAME,...", type=lambda text: text.split(","), help="only these")
    arguments = parser.parse_args()
    path = Path(arguments.output)
    try:
        with told("results.py"), Store(arguments.store) as store:
            plan = json.loads(Path(arguments.plan).read_text()) if arguments.plan else None
            runs = read_runs(arguments.runs, store.jobs()) if arguments.runs else []
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = page(store, path, plan, runs, arguments.figures, arguments.note)
            files.write("results.py", path, ("\n".join(lines).rstrip() + "\n").encode())
    except ValueError as error:
        sys.exit(f"results.py: {error}")
    files.say("results.py", f"results: {path}")


if __name__ == "__main__":
    main()
