"""table.py STORE: when each control memorises and generalises.

A line a setting, that is all that differs but the seed: the median over the seeds, then every seed's value.  t_mem and t_gen
are the first evaluated epochs at which train and test accuracy exceed the threshold (0.95), tau_grok = t_gen / t_mem.  "never"
is later than every number, and so is a median that falls between a number and it; ">N" is not known, for a stop rule ended
the job before: it is later than N; "-" is no number (t_gen / 0).
"""
import argparse

import numpy as np
import pandas as pd

import files
from settings import choose, groups, late, median, where_option
from store import Store, told

COLUMNS = {"t_mem": "{:.12g}", "t_gen": "{:.12g}", "tau_grok": "{:.1f}"}


def number(value, form):
    return "-" if np.isnan(value) else "never" if np.isinf(value) else f">{form.format(-value)}" if value < 0 else form.format(value)


def cell(values, form):
    """Median and all values."""
    shown = [number(value, form) for value in values]
    return f"{number(median(values), form)} ({', '.join(shown)})" if len(set(shown)) > 1 else "".join(shown[:1])


def lines(jobs):
    """The finished jobs, as labelled() names them."""
    several = jobs.training.nunique() > 1
    yield ["task", "model", *["training"] * several, "control", "k", "t", "seeds", *COLUMNS, "test accuracy"]
    for (task, model, training, control, t, k), same in groups(jobs):
        seeds = f"{len(same)}" if len(same) == same["of"].iloc[0] else f"{len(same)} of {same['of'].iloc[0]}"
        head = [task, model, *[training] * several, control, "" if pd.isna(k) else f"{k:g}", t, seeds]
        accuracy = same.test_accuracy.astype(float).median()
        epochs = [cell(late(same, name), form) for name, form in COLUMNS.items()]
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
    where_option(parser)
    arguments = parser.parse_args()
    with told("table.py"), Store(arguments.store) as store:
        jobs = choose("table.py", store.views(), arguments.where)
    done = jobs[jobs.state == "done"].sort_values("seed", kind="stable")
    if len(done):
        show(lines(done))
    if len(done) < len(jobs):
        each = jobs.drop_duplicates("id")
        counts = each.state.value_counts()
        files.say("table.py", f"{len(each)} jobs: " + ", ".join(f"{n} {state}" for state, n in counts.items() if n))


if __name__ == "__main__":
    main()
