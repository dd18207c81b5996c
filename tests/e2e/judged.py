#!/usr/bin/env python3
"""A job that grids judge differently counts by each of them: settings, status, the table, the report and jobs(grid=...) agree with
/grids, which h5py and numpy read here, and nothing is left out or taken from another grid.
beside: others
timeout: 240"""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
from settings import groups, labelled, late  # noqa: E402
from store import Store  # noqa: E402

SWEEP = """
name: judged
tasks: {add: {kind: modular, expr: a + b, p: 11, train_fraction: 0.6}}
models: {mlp: {kind: embed_mlp, d_embed: 12, d_hidden: 6}}
training: {adamw: {epochs: 80, lr: 0.01, weight_decay: 1}}
record: {eval_every: 5, threshold: 0.2, measures: [norms]}
checkpoint: {every: 20}
grids:
  - &g {name: low, task: add, model: mlp, training: adamw, seed: [0, 1, 2], control: [dense, ticket, random], t: 40, k: 0.5}
  - {<<: *g, name: high, seed: [1, 2, 3], record: {threshold: 0.6}}
  - {<<: *g, name: coarse, seed: [1], record: {threshold: 0.6, eval_every: 20}}
"""
OTHER = SWEEP.replace("name: judged", "name: other").split("  - {<<")[0].replace("threshold: 0.2", "threshold: 0.4")
path = tap.SCRATCH / "judged.h5"


def script(name, *args):
    return subprocess.run([sys.executable, tap.ROOT / "analysis" / name, *map(str, args)], capture_output=True, text=True, cwd=tap.ROOT)


def median(values):
    low, high = sorted(values)[(len(values) - 1) // 2], sorted(values)[len(values) // 2]
    return low if low == high else (low + high) / 2


def wanted(path):
    """{(control, threshold, spacing): {seed: (t_mem, t_gen)}} by the curves themselves."""
    with h5py.File(path, "r") as f:
        rows, uses = f["jobs"][:int(f["control"]["rows"][0])], f["grids"][:int(f["control"]["grids"][0])]
        found = {}
        for use in uses:
            job = rows[use["row"]]
            family = next(g for g in f["families"].values() if g.attrs["index"] == job["family"])
            epoch = family["epoch"][:]
            at = (epoch % use["spacing"] == 0) & (epoch <= 80)

            def first(part):
                curve = family[f"series/{part}_accuracy"][job["family_row"]]
                passed = epoch[at & (curve > use["threshold"])]
                return float(passed[0]) if len(passed) else np.inf

            found.setdefault((job["control"].decode(), float(use["threshold"]), int(use["spacing"])), {})[int(job["seed"])] = (first("train"), first("test"))
    return found


def check(path, what):
    want = wanted(path)
    sql = {(c, h, s): (jobs, done, mem, gen) for c, h, s, jobs, done, mem, gen in tap.query(
        path, "SELECT control, threshold, eval_every, jobs, done, iif(t_mem = 9e999, -1, t_mem), iif(t_gen = 9e999, -1, t_gen) FROM settings")}
    mine = {key: (len(seeds), len(seeds), *(-1 if m == np.inf else m for m in (median([v[i] for v in seeds.values()]) for i in (0, 1))))
            for key, seeds in want.items()}
    tap.equal(sql, mine, f"{what}: SQL's settings are those of the grids, each with all its seeds")
    value = json.loads(tap.tombola("status", path, "--json").stdout)
    said = {(r["control"], r["keys"].get("threshold", next(iter(want))[1]), r["keys"].get("eval_every", next(iter(want))[2])):
            (r["jobs"], r["done"], *(-1 if r[t] == "never" else r[t] for t in ("t_mem", "t_gen"))) for r in value["results"]}
    tap.equal(said, mine, f"{what}: so are status's")
    names = tap.query(path, "SELECT setting, parent FROM settings")
    tap.equal((len({name for name, _ in names}), {p for _, p in names if p} <= {name for name, _ in names}), (len(names), True), f"{what}: with names of their own, and parents among them")
    with Store(path) as store:
        views = labelled(store.views())
        parts = {(key[3].split()[0], float(same.threshold.iloc[0]), int(same.eval_every.iloc[0])):
                 dict(zip(same.seed, zip(late(same, "t_mem"), late(same, "t_gen")))) for key, same in groups(views)}
        tap.equal(parts, want, f"{what}: so are analysis/'s")
        tap.equal(set(views.setting), {name for name, _ in names}, f"{what}: which calls them the same")
        tap.ok(all(list(store.regular_epochs(job)) == list(store.measure(job, "norms/l2").index) == [0, 20, 40, 60, 80] for _, job in views.iterrows()),
               f"{what}: curves of measures are of the regular checkpoints, whatever moments are kept beside them")
        grids = {name: {(str(job.control), float(job.threshold), int(job.eval_every)) for _, job in store.jobs(grid=name).iterrows()} for name in store.grids()}
    table = [re.split("  +", line) for line in script("table.py", path).stdout.splitlines()[2:]]
    tap.equal(len(table), len(want), f"{what}: the table has a line each")
    return want, grids


tap.equal(tap.tombola("run", tap.write("judged.yaml", SWEEP), "--store", path).returncode, 0, "three grids share jobs, and judge them differently")
want, grids = check(path, "three grids")
tap.equal({key: sorted(seeds) for key, seeds in want.items() if key[0] == "dense"},
          {("dense", 0.2, 5): [0, 1, 2], ("dense", 0.6, 5): [1, 2, 3], ("dense", 0.6, 20): [1]}, "no seed is left out")
tap.equal(len({seeds[1][0] for key, seeds in want.items() if key[0] == "dense"}), 3, "and it matters by which they are judged")
tap.equal(grids, {name: {(control, *how) for control in ("dense", "ticket", "random")} for name, how in
                  {"low": (0.2, 5), "high": (0.6, 5), "coarse": (0.6, 20)}.items()}, "jobs(grid=...) has each grid's own results")
page = tap.SCRATCH / "judged.html"
tap.equal(script("report.py", path, "-o", page).returncode, 0, "a report")
data = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), re.S)[1])
tap.equal(sorted(sorted(-1 if v is None else v for v in g["t_mem"]) for g in data["groups"]),
          sorted(sorted(-1 if v[0] == np.inf else v[0] for v in seeds.values()) for seeds in want.values()), "has them all")
parents = tap.query(path, "SELECT s.threshold, s.eval_every, p.threshold, p.eval_every FROM settings s JOIN settings p ON p.setting = s.parent WHERE s.control = 'ticket'")
tap.equal(sorted(parents), [[0.2, 5, 0.2, 5], [0.6, 5, 0.6, 5], [0.6, 20, 0.6, 20]], "a setting's parents are judged as it is")

tap.equal(tap.tombola("run", tap.write("other.yaml", OTHER), "--store", path).returncode, 0, "another file asks for its jobs by another threshold")
tap.equal(sum(key[1] == 0.4 for key in check(path, "another file")[0]), 3, "and is answered")

plan = tap.tombola("plan", tap.SCRATCH / "judged.yaml", "--store", path).stdout
tap.ok(all(re.search(rf"^ +{name} .*evaluated every {every} epochs, threshold {bound}$", plan, re.M) for name, every, bound in
           (("low", 5, "0.2"), ("high", 5, "0.6"), ("coarse", 20, "0.6"))), "plan tells the grids apart", plan)

small = tap.SCRATCH / "high.h5"
tap.equal(tap.tombola("compact", path, "-o", small, "--grid", "high").returncode, 0, "an archive of one grid")
check(small, "an archive of one grid")
tap.equal(tap.query(small, "SELECT DISTINCT grid, threshold FROM jobs"), [["high", 0.6]], "its jobs are that grid's, with the results by its threshold")
tap.equal(tap.query(small, "SELECT count(*) FROM jobs j JOIN grids g USING (id) WHERE j.t_gen IS NOT g.t_gen OR j.t_mem IS NOT g.t_mem"), [[0]], "all of them")

# ---- names in --where are those of the file, whatever the page calls a setting ----
for name, where, lines in (("table.py", "control = 'dense'", 4), ("table.py", "control IN ('dense', 'ticket') AND task = 'add'", 8),
                           ("table.py", "threshold = 0.6 AND eval_every = 5", 3), ("table.py", "setting = (SELECT min(setting) FROM jobs)", 1)):
    found = script(name, path, "--where", where)
    tap.equal((found.returncode, len(found.stdout.splitlines()) - 2), (0, lines), f"{where}: {lines} settings") or print("#", found.stderr)
found = script("table.py", path, "--where", "training.lr > 0")
tap.ok(found.returncode == 1 and "training_lr" in found.stderr, "a column written as in a sweep file gets a hint", found.stderr)
for name in ("curves.py", "tk.py", "norms.py"):
    found = script(name, path, "-o", tap.SCRATCH / "one.png", "--where", "control IN ('dense', 'ticket')")
    tap.ok(found.returncode == 0 or name == "tk.py" and "several t or k" in found.stderr, f"{name} draws them", found.stderr)
tap.done()
