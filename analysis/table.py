"""table.py STORE: when each control memorises and generalises.

A line a task, model and control: the median over the seeds, then every seed's value.  t_mem and t_gen are the first
evaluated epochs at which train and test accuracy exceed the threshold (0.95), tau_grok = t_gen / t_mem.
"""
import argparse
import sys

import pandas as pd

from store import Store

ORDER = ["dense", "ticket", "l1", "l2", "random", "shuffle", "reinit", "invert"]  # others follow by name
COLUMNS = {"t_mem": 0, "t_gen": 0, "tau_grok": 1}  # digits behind the point
GROUP = ["task", "model", "training", "control", "t_asked", "k"]


def rank(control):
    name = control.split(",")[0]
    return (ORDER.index(name) if name in ORDER else len(ORDER), control)


def named(job):
    """The control, and what iterative pruning adds to it."""
    later = f", round {job['round']}" if job.get("round", 1) is not pd.NA and job.get("round", 1) > 1 else ""
    early = f", rewind {job['rewind']}" if job.get("rewind", 0) is not pd.NA and job.get("rewind", 0) > 0 else ""
    return job["control"] + later + early


def groups(jobs):
    """(key, jobs of all seeds) of everything that differs in more than its seed, dense first."""
    keyed = jobs.assign(control=[named(job) for _, job in jobs.iterrows()]).groupby(GROUP, dropna=False, sort=False)
    return sorted(keyed, key=lambda g: (g[0][:3], rank(g[0][3]), g[0][4], -1 if pd.isna(g[0][5]) else g[0][5]))


def number(value, digits):
    return "never" if pd.isna(value) or value == float("inf") else f"{value:.{digits}f}"


def cell(values, digits):
    """Median and all values; one that never came counts as infinitely late."""
    late = values.astype(float).fillna(float("inf"))
    if len(set(late)) == 1:
        return number(late.iloc[0], digits)
    return f"{number(late.median(), digits)} ({', '.join(number(v, digits) for v in late)})"


def lines(jobs):
    yield ["task", "model", "control", "k", "t", "seeds", *COLUMNS, "test accuracy"]
    for (task, model, _, control, t, k), same in groups(jobs):
        head = [task, model, control, "" if pd.isna(k) else f"{k:g}", t, str(len(same))]
        accuracy = same.test_accuracy.astype(float).mean()
        epochs = [cell(same[name], digits) for name, digits in COLUMNS.items()]
        yield head + epochs + ["" if pd.isna(accuracy) else f"{accuracy:.3f}"]  # a regression has none


def show(rows):
    rows = [list(row) for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for i, row in enumerate(rows):
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
        if i == 0:
            print("  ".join("-" * width for width in widths))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    arguments = parser.parse_args()
    try:
        with Store(arguments.store) as store:
            jobs = store.jobs()
    except OSError as error:
        sys.exit(f"table.py: {error}")
    done = jobs[jobs.state == "done"].sort_values("seed")
    if len(done):
        show(lines(done))
    if len(done) < len(jobs):
        counts = jobs.state.value_counts()
        print(f"{len(jobs)} jobs: " + ", ".join(f"{n} {state}" for state, n in counts.items() if n))


if __name__ == "__main__":
    main()
