"""table.py STORE: when each control memorises and generalises.

A line a task, model and control: the median over the seeds, then every seed's value.  t_mem and t_gen are the first
evaluated epochs at which train and test accuracy exceed the threshold (0.95), tau_grok = t_gen / t_mem.
"""
import argparse
import re

import pandas as pd

import files
from store import Store, told

ORDER = ["dense", "ticket", "l1", "l2", "random", "shuffle", "reinit", "invert"]  # others follow by name
COLUMNS = {"t_mem": 0, "t_gen": 0, "tau_grok": 1}  # digits behind the point
GROUP = ["task", "model", "training", "control", "t_asked", "k"]


def rank(control):
    name = re.split("[ ,]", control)[0]
    return (ORDER.index(name) if name in ORDER else len(ORDER), control)


def text(value):
    return f"{value:g}" if isinstance(value, float) else str(value)


def labelled(jobs):
    """jobs whose names say all that differs: axes like model.d_hidden, and what iterative pruning adds to a control."""
    named = jobs.copy()
    for name, more in (("task", ["data", "split"]), ("model", ["init"]), ("training", []), ("control", ["scope"])):
        for column in [c for c in jobs.columns if c.startswith(f"{name}_")] + [c for c in more if c in jobs]:
            if jobs[column].nunique(dropna=False) < 2:
                continue
            several = jobs[column].astype(str).groupby(jobs[name]).transform("nunique") > 1
            if several.any():
                says = jobs[column].map(lambda value, key=column.removeprefix(f"{name}_"): f" {key}={text(value)}")
                named[name] += says.where(several, "")
    for column, usual in (("round", 1), ("rewind", 0)):
        if column in jobs:
            later = (jobs[column] > usual).fillna(False).astype(bool)
            named["control"] += jobs[column].map(lambda value, key=column: f", {key} {value}").where(later, "")
    return named


def order(key):
    """Dense first, then by t and k as numbers; mem and gen after them."""
    *setting, control, t, k = key
    return (setting, rank(control), not t.isdigit(), t.rjust(16), -1 if pd.isna(k) else k)


def groups(jobs):
    """(key, jobs of all seeds) of everything that differs in more than its seed; jobs as labelled() names them."""
    return sorted(jobs.groupby(GROUP, dropna=False, sort=False), key=lambda group: order(group[0]))


def number(value, digits):
    return "never" if pd.isna(value) or value == float("inf") else f"{value:.{digits}f}"


def cell(values, digits):
    """Median and all values; one that never came counts as infinitely late."""
    late = values.astype(float).fillna(float("inf"))
    if len(set(late)) == 1:
        return number(late.iloc[0], digits)
    return f"{number(late.median(), digits)} ({', '.join(number(v, digits) for v in late)})"


def lines(jobs):
    several = jobs.training.nunique() > 1
    yield ["task", "model", *["training"] * several, "control", "k", "t", "seeds", *COLUMNS, "test accuracy"]
    for (task, model, training, control, t, k), same in groups(jobs):
        head = [task, model, *[training] * several, control, "" if pd.isna(k) else f"{k:g}", t, str(len(same))]
        accuracy = same.test_accuracy.astype(float).median()
        epochs = [cell(same[name], digits) for name, digits in COLUMNS.items()]
        yield head + epochs + ["" if pd.isna(accuracy) else f"{accuracy:.3f}"]  # a regression has none


def show(rows):
    rows = [list(row) for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for i, row in enumerate(rows):
        files.say("table.py", "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
        if i == 0:
            files.say("table.py", "  ".join("-" * width for width in widths))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    arguments = parser.parse_args()
    with told("table.py"), Store(arguments.store) as store:
        jobs = store.jobs()
    done = labelled(jobs[jobs.state == "done"]).sort_values("seed")
    if len(done):
        show(lines(done))
    if len(done) < len(jobs):
        counts = jobs.state.value_counts()
        files.say("table.py", f"{len(jobs)} jobs: " + ", ".join(f"{n} {state}" for state, n in counts.items() if n))


if __name__ == "__main__":
    main()
