#!/usr/bin/env python3
"""SQL over a store: every table says what h5py and the reader see, the aggregates are numpy's, every recipe of the help works.
beside: others"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
from store import Store  # noqa: E402

SWEEP = """
name: asked
tasks: {add: {kind: modular, expr: a + b, p: 11, train_fraction: 0.6}}
models: {mlp: {kind: embed_mlp, d_embed: 12, d_hidden: 6}}
training: {adamw: {epochs: 200}}
record: {eval_every: 5, threshold: 0.05, measures: [norms]}
checkpoint: {every: 100}
grids:
  - {name: main, task: add, model: mlp, training: adamw, seed: [0, 1, 2], control: [dense, ticket, l1], t: [100, gen], k: [0.5, 0.9]}
  - {name: other, task: add, model: mlp, training: adamw, seed: [0, 1, 2], control: random, k: [0.3, 0.6]}
"""
path = tap.SCRATCH / "asked.h5"
tap.equal(tap.tombola("run", tap.write("asked.yaml", SWEEP), "--store", path).returncode, 0, "a small sweep runs")


def ask(sql):
    return tap.query(path, sql)


with Store(path) as store:
    jobs = store.jobs()
    pairs = jobs.merge(jobs, left_on="parent", right_on="id", suffixes=("", "_of_parent"))
    tap.ok(len(pairs) == (jobs.parent != "").sum() and (pairs.parent == pairs.id_of_parent).all(), "jobs merge with their parents")
    ticket = jobs[jobs.control == "ticket"].iloc[1]
    curve = store.series(ticket)
    rows = ask(f"SELECT epoch, value FROM series WHERE job = '{ticket.id}' AND name = 'test_loss' ORDER BY epoch")
    tap.equal(rows, [[int(e), float(v)] for e, v in curve.test_loss.items()], "series is the curve of the file, bit for bit")
    rows = ask(f"SELECT name, count(*) FROM series WHERE job = '{ticket.id}' GROUP BY name ORDER BY name")
    tap.equal(rows, [[name, len(curve)] for name in sorted(curve.columns)], "all curves of a job")
    tap.equal(ask("SELECT count(*), count(DISTINCT job) FROM series"), [[len(jobs) * curve.size, len(jobs)]], "and of all jobs")
    norm = store.measure(ticket, "norms/l2")
    rows = ask(f"SELECT epoch, label, value FROM measures WHERE job = '{ticket.id}' AND measure = 'norms' AND name = 'l2' AND epoch IN (0, 200)")
    tap.ok(rows and all(value == norm[label][epoch] for epoch, label, value in rows), "measures are those of the file", rows)
    tap.equal(ask(f"SELECT epoch FROM checkpoints WHERE job = '{ticket.id}' AND slot < 3"), [[0], [100], [200]], "checkpoints")
    shapes = {name: "x".join(map(str, w.shape)) for name, w in store.tensors(ticket, store.checkpoint(ticket, 0)).items()}
    rows = ask(f"SELECT name, shape, size FROM tensors WHERE job = '{ticket.id}'")
    tap.ok(dict((n, s) for n, s, _ in rows) == shapes and all(eval(s.replace("x", "*")) == z for _, s, z in rows), "tensors", rows)
    tap.equal(ask("SELECT name, text FROM sweeps"), [["asked", SWEEP]], "sweeps hold the files, verbatim")
    tap.equal(ask("SELECT grid, count(*) FROM grids GROUP BY grid ORDER BY grid"), [["main", len(jobs) - 6], ["other", 6]], "grids")

    seconds = jobs.seconds.to_numpy()
    have = ask("SELECT mean(seconds), median(seconds), stddev(seconds), quantile(seconds, 0.1), quantile(seconds, 1) FROM jobs")[0]
    want = [seconds.mean(), np.median(seconds), seconds.std(ddof=1), np.quantile(seconds, 0.1), seconds.max()]
    tap.ok(np.allclose(have, want, rtol=1e-12), "the aggregates are numpy's", f"{have}\n{want}")
    tap.equal(ask("SELECT median(x) = 9e999, quantile(x, 0.25), quantile(x, 0.5) = 9e999, max(x) = 9e999 FROM "
                  "(SELECT 1 AS x UNION ALL SELECT 2 UNION ALL SELECT 9e999 UNION ALL SELECT 9e999)"), [[1, 1.75, 1, 1]],
              "what falls between a number and never is never")
    tap.equal(ask("SELECT mean(k), median(NULL), stddev(seed), quantile(seed, 2) FROM jobs WHERE control = 'dense' AND seed = 1"),
              [[None, None, None, None]], "of nothing, of one and of an impossible fraction they are NULL")
    rows = ask("SELECT c.id, p.id FROM jobs c JOIN jobs p ON p.id = c.parent WHERE c.control = 'ticket' ORDER BY c.id")
    tap.equal(rows, [[r.id, r.parent] for r in jobs[jobs.control == "ticket"].sort_values("id").itertuples()], "a join over ids")
    rows = ask("SELECT control, epoch, mean(value) FROM jobs JOIN series ON job = id WHERE name = 'test_loss' GROUP BY 1, 2")
    mean = np.mean([store.series(i).test_loss[100] for i in jobs[jobs.control == "ticket"].id])
    tap.ok(any(r[:2] == ["ticket", 100] and np.isclose(r[2], mean, rtol=1e-12) for r in rows), "mean curves", rows[:3])

text = tap.tombola("query", path, "SELECT seed, k FROM jobs WHERE control = 'random' ORDER BY 1, 2", "--format", "jsonl").stdout
tap.equal([json.loads(line) for line in text.splitlines()][:2], [{"seed": 0, "k": 0.3}, {"seed": 0, "k": 0.6}], "JSON lines")
text = tap.tombola("query", path, "SELECT 'a|b' AS x, NULL AS y", "--format", "markdown").stdout
tap.equal(text, "| x | y |\n| --- | --- |\n| a\\|b |  |\n", "Markdown")

schema = tap.tombola("query", path, "--schema").stdout
with h5py.File(path, "r") as f:
    members = f["jobs"].dtype.names
tap.ok(all(re.search(rf"^    {name} ", schema, re.M) for name in members), "--schema names every column of /jobs", schema)
for table in ("jobs", "grids", "sweeps", "series", "checkpoints", "measures", "tensors", "settings"):
    columns = re.findall(r"^    (\w+) ", re.search(rf"^{table}: .*\n((?:    .*\n)*)", schema, re.M)[1], re.M)
    tap.equal(tap.tombola("query", path, f"SELECT {', '.join(columns)} FROM {table}").returncode, 0, f"--schema is right about {table}")
tap.equal(tap.tombola("query", path).returncode, 2, "without SQL it says what to do")

recipes = re.findall(r"^    (SELECT .*(?:\n      .*)*)", tap.tombola("query", "--help").stdout, re.M)
tap.ok(len(recipes) >= 12, "a dozen recipes", recipes)
readme = " ".join((tap.ROOT / "README.md").read_text().split())
tap.equal([sql for sql in recipes if " ".join(sql.split()) not in readme], [], "the README has them all")


def median(values):
    """None: never, which JSON has no number for."""
    middle = float(np.median([np.inf if v is None else v for v in values]))
    return None if np.isinf(middle) else middle


def seen(rows, key, value):
    """The value of each group of rows, groups in the order of their keys; SQL puts NULL first."""
    groups = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return [[*k, *value(groups[k])] for k in sorted(groups, key=lambda k: [(v is not None, v) for v in k])]


def spread(values):
    values = [v for v in values if v is not None]
    return [float(np.mean(values)) if values else None, float(np.std(values, ddof=1)) if len(values) > 1 else None]


with Store(path) as store:
    table = store.jobs().astype(object)
    table = table.where(table.notna(), None)
    all_jobs = [r for r in table.itertuples()]
    done = [r for r in all_jobs if r.state == "done"]
    tickets = [r for r in done if r.control == "ticket"]
    by_id = {r.id: r for r in all_jobs}
    asked = {r.id: r.t_asked or None for r in all_jobs}

    first = {}  # job of each setting: t, k and the control are all that differs here

    def setting(r):
        return first[r.control, asked[r.id], r.k], r.control, asked[r.id], r.k

    for r in all_jobs:
        first.setdefault((r.control, asked[r.id], r.k), r.id)

    curves = [(r, e, v) for r in all_jobs for e, v in store.series(r.id).test_accuracy.items()]
    curve = store.series(ticket).test_accuracy
    want = {
        "the settings in": sorted(seen(tickets, lambda r: (setting(r)[0], *setting(r)[2:]),
                                       lambda g: [median([r.t_gen for r in g]), sum(r.t_gen is not None for r in g), len(g)]),
                                  key=lambda row: (np.inf if row[3] is None else row[3], row[0])),
        "mean and spread": seen(done, setting, lambda g: [*spread([r.tau_grok for r in g]), sum(r.tau_grok is not None for r in g), len(g)]),
        "jobs that never": [[r.id, r.control, r.seed, r.test_accuracy] for r in done if r.t_gen is None],
        "what failed": seen([r for r in all_jobs if r.state in ("failed", "blocked")], lambda r: (r.error,), lambda g: [len(g)]),
        "how much of each": [["asked", "main", *(sum(r.control != "random" and r.state == state for r in all_jobs) for state in ("done", "skipped")),
                              sum(r.control != "random" for r in all_jobs)], ["asked", "other", 6, 0, 6]],
        "which host": seen(done, lambda r: (r.family, r.host), lambda g: [float(np.median([r.seconds / r.epochs_done for r in g])), len(g)]),
        "finished tickets": [[r.seed, asked[r.id], r.k, by_id[r.parent].t_gen, r.t_gen] for r in tickets],
        "one curve": [[int(e), float(v)] for e, v in curve.items()],
        "the mean curve": seen(curves, lambda c: (*setting(c[0]), int(c[1])), lambda g: [*spread([float(v) for _, _, v in g]), len(g)]),
        "the norm of": [[r.id, r.control, float(np.linalg.norm(store.checkpoint(r.id, "gen").astype(float)))] for r in done if r.t_gen is not None],
        "epochs whose": sorted({int(e) for e in store.checkpoint_epochs(ticket.id) if e >= 0}),
        "the files that": [[None, None, None, len(all_jobs)]],
        "which sweep": [["asked", SWEEP]],
        "the text of one": [[SWEEP]],
    }
tap.ok(any(r.t_gen is None for r in tickets) and any(r.t_gen is not None for r in tickets), "some tickets generalise, others do not",
       [r.t_gen for r in tickets])


def close(have, wanted):
    if isinstance(wanted, float) and isinstance(have, (int, float)):
        return bool(np.isclose(have, wanted, rtol=1e-9))
    return have == wanted


help_text = tap.tombola("query", "--help").stdout
for sql in recipes:
    title = help_text[:help_text.index(sql)].splitlines()[-2].strip()
    result = tap.tombola("query", path, sql.replace("'ID'", f"'{ticket.id}'").replace("'quick'", "'asked'"), "--json")
    rows = json.loads(result.stdout)["rows"] if result.returncode == 0 else result.stderr
    key = next((k for k in want if title.startswith(k)), None)
    if key == "epochs whose":
        tap.equal(sorted(e for e, in rows if e is not None), want[key], title)
        continue
    if key == "which sweep":
        tap.equal([[row[0]] for row in rows], [["asked"]], title)
        continue
    wanted = want.get(key)
    if wanted is not None and not re.search("ORDER|GROUP", sql):
        rows, wanted = sorted(rows, key=str), sorted(wanted, key=str)
    good = wanted is not None and len(rows) == len(wanted) and all(close(a, b) for r, w in zip(rows, wanted) for a, b in zip(r, w))
    tap.ok(good, title, f"have {rows[:6]}\nwant {wanted and wanted[:6]}")
tap.done()
