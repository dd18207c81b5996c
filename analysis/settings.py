"""settings: the jobs of a store by what they are, their seeds apart.  Tables, figures and the report group by nothing else.

The rule is that of `tombola status` and of SQL's table `settings` (include/store/settings.h): jobs are of one setting if
every key of their description, t as it was asked for, k, threshold and spacing of the evaluations, the stop rules, and the setting of
their parents are the same.  Names of blocks do not count, what they say does.  A job that grids judge differently is of a setting for
each way of judging: all that follows is of a table as Store.views() has it.  tests/e2e/settings.py holds the two together.
"""
import re
import sqlite3
import sys

import numpy as np
import pandas as pd

ORDER = ["dense", "ticket", "l1", "l2", "random", "shuffle", "reinit", "invert"]  # others follow by name
NAMES = ["task", "model", "training", "control"]
GROUP = [*NAMES, "t_asked", "k"]
DEFINING = ["eval_every", "threshold", "stop"]  # of what t_mem, t_gen and the end are
# Columns of /jobs that the store itself knows, and those that labelled() adds; all others are keys of a job's description.
OWN = {"id", "parent", *NAMES, "sweep", "grid", "t_asked", "host", "error", "seed", "t", "epochs", "epochs_done", "t_mem", "t_gen", "rank",
       "k", "tau_grok", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds", "started", "ended", "updated", "family",
       "family_row", "attempts", "sequence", "data_sum", "row_sum", "state", "deaths", "parent_sum", "trajectory", "machine", "length_unit",
       "ended_by", "end", "steps_done", "k_removed", "plan_version", "plan_hash", "next_state", "next_family", "next_row", "next_attempts",
       "next_deaths", "next_epochs", "next_plan_hash", *DEFINING, "setting", "of"}
SHOWN_WITH = {"data": "task", "split": "task", "init": "model"}  # others without a name's prefix are shown with the control


def keys(jobs):
    return [name for name in jobs.columns if name not in OWN] + [name for name in DEFINING if name in jobs]


def distinct(columns):
    """Numbers for the different rows of a table of numbers."""
    return np.unique(columns, axis=0, return_inverse=True)[1].reshape(-1)


def numbered(jobs, columns):
    """A number for each different row of these columns; what is missing is equal to what is missing."""
    codes = [pd.factorize(jobs[name])[0] for name in columns]
    return distinct(np.column_stack([code for code in codes if (code != code[:1]).any()] or [np.zeros(len(jobs), int)]))


def parents(jobs):
    """For each the place of its parent in the table, judged alike if a grid does so; -1: it has none there."""
    place = pd.Series(np.arange(len(jobs)), index=jobs.id)
    first = place[~place.index.duplicated()]
    judge = [name for name in DEFINING if name in jobs]

    def keyed(ids):
        columns = (jobs[name] if name == "stop" else jobs[name].astype(float).fillna(-1.0) for name in judge)
        return pd.MultiIndex.from_arrays([ids, *columns])

    alike = pd.Series(np.arange(len(jobs)), index=keyed(jobs.id)).reindex(keyed(jobs.parent)).to_numpy(float)
    return np.where(np.isnan(alike), first.reindex(jobs.parent).to_numpy(float), alike)


def settings(jobs):
    """For each of all views of a store the first one, by its index, of its setting."""
    names = [name for name in NAMES if f"{name}_kind" not in jobs]
    own = numbered(jobs, [*keys(jobs), "t_asked", "k", *names])
    parent = np.nan_to_num(parents(jobs), nan=-1).astype(int)
    code, count = own, 0
    while len(set(code)) > count:  # each round parts what differs in one more ancestor
        count = len(set(code))
        code = distinct(np.column_stack([own, np.where(parent >= 0, code[parent], -1)]))
    first = pd.Series(jobs.index.to_numpy()).groupby(code).transform("first")
    return pd.Series(first.to_numpy(), index=jobs.index, dtype=object)


def owner(key):
    return next((name for name in NAMES if key.startswith(f"{name}_")), None)


def differing(first):
    """The keys in which settings differ that their names do not tell apart.  first: a row a setting."""
    return [key for key in keys(first) if (first.groupby([owner(key)] if owner(key) else NAMES)[key].nunique(dropna=False) > 1).any()]


def ancestors(jobs):
    """The first ancestor of each job, as far as the store has them."""
    up = parents(jobs)
    now = np.arange(len(jobs))
    for _ in range(len(jobs)):
        above = up[now]
        if np.isnan(above).all():
            break
        now = np.where(np.isnan(above), now, above).astype(int)
    return jobs.iloc[now]


def text(value):
    return f"{value:g}" if isinstance(value, float) else str(value)


def brief(key, shown):
    """lr for training_lr, where that says which."""
    short = {name: name.removeprefix(f"{owner(name)}_") for name in shown}
    name = short[key]
    return key if name in ("kind", "k", "t", "seed") or list(short.values()).count(name) > 1 else name


def _says(values, name):
    return [f" {name}={text(value)}" if pd.notna(value) and value != "" else "" for value in values]


def labelled(jobs):
    """All views of a store with the column `setting`, `of`, how many jobs it has, and with names that say all that differs."""
    named = jobs.assign(setting=settings(jobs))
    named["of"] = named.groupby("setting").setting.transform("size")
    first = named.set_index("setting").groupby(level=0, sort=False).head(1)
    root = ancestors(jobs).set_axis(jobs.index)
    shown = differing(first)
    labels = first[NAMES].astype(object).copy()
    for key in shown:
        name = owner(key) or SHOWN_WITH.get(key, "control")
        several = first.groupby([owner(key)] if owner(key) else NAMES)[key].transform("nunique", dropna=False) > 1
        labels[name] += pd.Series(_says(first[key], brief(key, shown)), index=first.index).where(several, "")
    alike = numbered(first, [*keys(first), *NAMES, "t_asked", "k"])
    root = root.loc[first.index]
    for key in keys(root):
        several = root.groupby(alike)[key].transform("nunique", dropna=False) > 1
        if several.any():
            labels["control"] += pd.Series(_says(root[key], "parent_" + brief(key, [*shown, key])), index=first.index).where(several, "")
    same = labels.assign(t=first.t_asked, k=first.k).duplicated(keep=False)
    labels["control"] += pd.Series([f" setting={name[:8]}" for name in first.index], index=first.index).where(same, "")
    for name in NAMES:
        named[name] = named.setting.map(labels[name])
    return named


def rank(control):
    name = re.split("[ ,]", control)[0]
    return (ORDER.index(name) if name in ORDER else len(ORDER), control)


def order(key):
    """Dense first, then by t and k as numbers; mem and gen after them."""
    *setting, control, t, k = key
    return (setting, rank(control), not t.isdigit(), t.rjust(16), -1 if pd.isna(k) else k)


def groups(jobs):
    """[(key, jobs of all seeds)] of each setting; jobs as labelled() has them."""
    parts = [(tuple(same[GROUP].iloc[0]), same) for _, same in jobs.groupby("setting", sort=False)]
    return sorted(parts, key=lambda part: order(part[0]))


TINY = 1e-300


def late(jobs, name):
    """t_mem, t_gen or tau_grok of each job: never is infinite, later than all others; NaN: t_gen / 0 is no number.  A number below 0 is
    not known: a stop rule ended the job before, so that the value is greater than -number."""
    values = jobs[name].astype(float)
    mem = jobs.t_mem.astype(float)
    never = jobs.t_gen.isna() & (mem != 0) if name == "tau_grok" else values.isna()
    bound = jobs.end.astype(float) / mem if name == "tau_grok" else jobs.end.astype(float)
    return values.mask(never, np.inf).mask(never & (jobs.ended_by != ""), -bound.fillna(0).clip(lower=TINY))


def bounds(values):
    """The least and the greatest that each can be, as late() has them."""
    values = pd.Series(values).astype(float)
    return values.abs(), values.mask(values < 0, np.inf)


def median(values):
    """Of those that are numbers, never among them; what falls between a number and never is never.  Below 0 as late() has it: what is
    not known may change it."""
    least, most = (float(np.median(part.dropna())) if part.notna().any() else np.nan for part in bounds(values))
    return -least if least < most else most


def chosen(jobs, where):
    """Those for which an expression of SQL over the columns is true; sqlite3.Error if it is none."""
    if not where:
        return jobs
    with sqlite3.connect(":memory:") as db:
        table = jobs.astype(object).where(jobs.notna(), None).replace("", None)
        names = ", ".join('"' + name.replace('"', '""') + '"' for name in table.columns)
        db.execute(f"CREATE TABLE jobs ({names})")
        rows = [[int(v) - 2**64 if isinstance(v, int) and v >= 2**63 else v.item() if hasattr(v, "item") else v for v in row]
                for row in table.to_numpy().tolist()]
        db.executemany(f"INSERT INTO jobs VALUES ({', '.join('?' * len(table.columns))})", rows)
        found = [bool(value) for value, in db.execute(f"SELECT ({where}) FROM jobs ORDER BY rowid")]
    return jobs[found]


def where_option(parser):
    parser.add_argument("--where", metavar="SQL", help="only the jobs for which this is true, as \"training_weight_decay = 1 AND k < 0.8\"; "
                        "columns are those of /jobs, and `setting`")


def choose(script, jobs, where):
    """labelled(), and of them those for which `where` is true, for a command line.  It sees the names that the sweep files give."""
    named = labelled(jobs)
    try:
        return named.loc[chosen(jobs.assign(setting=named.setting), where).index]
    except sqlite3.Error as error:
        hint = "; columns are written as training_lr" if re.search(r"no such column: \w+\.\w", str(error)) else ""
        sys.exit(f"{script}: --where: {error}{hint}")
