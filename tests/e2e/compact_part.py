#!/usr/bin/env python3
"""compact and merge of a part of a store: the jobs of some grids, or those for which a condition holds, with all that they are made
from, bit for bit, and nothing else; their records of /grids and texts of /sweeps; every command reads it, and a run makes the whole of it.
timeout: 180
beside: others"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
from store import Store  # noqa: E402

HEAD = """
name: {}
tasks: {{add: {{kind: modular, expr: a + b, p: 11, train_fraction: 0.6}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 24, d_hidden: 16}}}}
training: {{adamw: {{lr: 1e-2, epochs: 60}}}}
record: {{eval_every: 5}}
checkpoint: {{every: 30}}
grids:
"""
FIRST = HEAD.format("first") + """
  - {name: main, task: add, model: mlp, training: adamw, seed: [0, 1, 2], control: [dense, ticket], t: [30, final], k: 0.5}
  - {name: chain, task: add, model: mlp, training: adamw, seed: 0, control: ticket, t: final, k: 0.75, iterate: 3}
  - {name: alone, task: add, model: mlp, training: adamw, seed: [0, 1], control: random, k: 0.3}
"""
SECOND = HEAD.format("second") + """
  - {name: main, task: add, model: mlp, training: adamw, seed: 3, control: dense}
  - {name: shared, task: add, model: mlp, training: adamw, seed: [0, 1], control: dense}
"""
FAILING = """
name: failing
tasks: {no: {kind: nothing, fail_every: 3}}
models: {mlp: {kind: embed_mlp, d_embed: 4, d_hidden: 4}}
training: {adamw: {epochs: 10}}
grids: [{name: all, task: no, model: mlp, training: adamw, seed: [0, 1, 2, 3], control: [dense, ticket], t: final, k: 0.5}]
"""
first, second = tap.write("first.yaml", FIRST), tap.write("second.yaml", SECOND)
full = tap.SCRATCH / "full.h5"
for sweep in (first, second):
    tap.equal(tap.tombola("run", sweep, "--store", full).returncode, 0, f"{sweep.name} runs") or tap.done()


def text(value):
    return value.decode()


def rows(path):
    """id -> its row of /jobs."""
    with h5py.File(path, "r") as f:
        return {text(row["id"]): row for row in f["jobs"][:f["control"]["rows"][0]]}


def uses(path):
    """(sweep, grid, id) of every record of /grids."""
    with h5py.File(path, "r") as f:
        jobs = f["jobs"][:]
        found = [(text(r["sweep"]), text(r["grid"]), text(jobs[int(r["row"])]["id"])) for r in f["grids"][:f["control"]["grids"][0]]]
    assert len(set(found)) == len(found)
    return set(found)


def sweeps(path):
    return dict(tap.query(path, "SELECT name, text FROM sweeps"))


def made_from(jobs, ids):
    """With all that they are made from."""
    out = set()
    for job in ids:
        while job:
            out.add(job)
            job = text(jobs[job]["parent"])
    return out


def part(command, out, *args):
    return tap.tombola(command, full, "-o", tap.SCRATCH / out, "--force", *args), tap.SCRATCH / out


JOBS, USES, DIGEST = rows(full), uses(full), digest.jobs(full)
tap.equal((len(JOBS), len({use[:2] for use in USES}), sorted(sweeps(full))), (15, 5, ["first", "second"]), "the whole: 15 jobs, 5 grids, 2 sweeps")
rounds = [job for job in JOBS if len(made_from(JOBS, [job])) == 4]
tap.equal(len(rounds), 1, "one of them is made from three others, one after the other")
middle = sorted(float(r["train_loss"]) for r in JOBS.values())[7]


def of_grids(names):
    return made_from(JOBS, [job for _, grid, job in USES if grid in names.split(",")])


def of(holds):
    return {job for job, r in JOBS.items() if holds(r)}


CASES = [  # options, the jobs that they choose
    (("--grid", "alone"), of_grids("alone")),
    (("--grid", "main"), of_grids("main")),
    (("--grid", "chain"), of_grids("chain")),
    (("--grid", "shared,alone"), of_grids("shared,alone")),
    (("--where", "control = 'ticket' AND seed = 1"), of(lambda r: r["control"] == b"ticket" and r["seed"] == 1)),
    (("--where", f"state = 'done' AND train_loss < {middle!r}"), of(lambda r: r["train_loss"] < middle)),
    (("--where", "training.lr = 0.01 AND t = 30"), of(lambda r: r["t"] == 30)),
    (("--where", "id IN (SELECT c.id FROM jobs c WHERE c.t = 30)"), of(lambda r: r["t"] == 30)),
    (("--where", "id IN (SELECT id FROM grids WHERE grid = 'alone')"), of_grids("alone")),
    (("--where", "epoch_of(id, 'train_accuracy', -1) = 0 AND seed = 2"), of(lambda r: r["seed"] == 2)),
    (("--where", f"id = '{rounds[0]}'"), set(rounds)),
    (("--grid", "main", "--where", "control = 'dense' AND seed > 0"), of(lambda r: r["control"] == b"dense" and r["seed"] > 0)),
    (("--grid", "chain", "--where", "control = 'dense'"), of(lambda r: r["control"] == b"dense" and r["seed"] == 0)),
]
tap.ok(all(0 < len(chosen) < 15 for _, chosen in CASES), "each chooses some", [len(chosen) for _, chosen in CASES])
whole = part("compact", "whole.h5")[1]
for args, chosen in CASES:
    name, ids = " ".join(args), made_from(JOBS, chosen)
    named = args[1].split(",") if args[0] == "--grid" else [use[1] for use in USES]
    left = {use for use in USES if use[1] in named and use[2] in ids}
    files = {use[0] for use in left} | {text(JOBS[job]["sweep"]) for job in ids}
    for command in ("compact", "merge"):
        result, out = part(command, f"{command}.h5", *args)
        if not tap.equal(result.returncode, 0, f"{command} {name}"):
            print(result.stderr)
            continue
        there = rows(out)
        tap.equal(sorted(there), sorted(ids), f"{command} {name}: {len(chosen)} jobs and {len(ids - chosen)} that they are made from")
        tap.equal({job: DIGEST[job] for job in ids}, digest.jobs(out), "what they say, parents, and the bits of all arrays are the same")
        tap.ok(all(text(r["parent"]) in {"", *there} for r in there.values()), "every parent is there")
        tap.equal(uses(out), left, "of the records of /grids those of what remains")
        tap.equal(sweeps(out), {k: v for k, v in sweeps(full).items() if k in files}, "and of the texts of /sweeps")
        tap.equal(tap.tombola("verify", out).returncode, 0, "verify finds nothing wrong")
        lost = len(JOBS) - len(ids)
        words = (f"chosen: {len(chosen)} of 15 jobs; with them, since they are made from these: {len(ids - chosen)}\n",
                 f"left out: {lost} jobs ({lost} finished), {5 - len({use[:2] for use in left})} of 5 grids, {2 - len(files)} of 2 sweep files\n",
                 f"{out}: {len(ids)} jobs, {len(ids)} finished, ")
        tap.ok(all(word in result.stderr for word in words), "it says so, in numbers", f"{result.stderr}\nwanted {words}")
        with h5py.File(out, "r") as f:
            said = f.attrs["archive" if command == "compact" else "merged_from"].decode()
        tap.ok(args[1].replace("training.lr", "training_lr").split(" AND t ")[0] in said and f"{lost} jobs that were not chosen" in said, "and in the file", said)
        if command == "compact":
            tap.ok(out.stat().st_size < whole.stat().st_size, "it is smaller", (out.stat().st_size, whole.stat().st_size))

# ---- every command reads it ----
_, small = part("compact", "small.h5", "--grid", "chain")
shown = tap.tombola("show", small, rounds[0]).stdout
tap.ok(all(job[:8] in shown for job in made_from(JOBS, rounds)), "show: the lineage is there", shown)
tap.equal([tap.tombola("export", path, rounds[0], "weights", "-o", tap.SCRATCH / f"{path.stem}.npz").returncode for path in (full, small)], [0, 0], "export")
tap.ok((tap.SCRATCH / "full.npz").read_bytes() == (tap.SCRATCH / "small.npz").read_bytes(), "the same weights")
status = json.loads(tap.tombola("status", small, "--json").stdout)
tap.equal([(s["sweep"], s["grid"]) for s in status["grids"] if s["grid"] != "(parents)"] if "grids" in status else "no grids",
          [("first", "chain")], "status: the grid that is left")
for script in ("analysis/table.py", "analysis/report.py"):
    more = ["-o", tap.SCRATCH / "page.html"] if "report" in script else []
    result = tap.heard([sys.executable, str(tap.ROOT / script), str(small), *map(str, more)])
    tap.equal(result.returncode, 0, script) or print(result.stderr)
with Store(small) as a, Store(full) as b:
    tap.ok((a.mask(rounds[0]) == b.mask(rounds[0])).all() and a.series(rounds[0]).equals(b.series(rounds[0])), "the reader in Python")

# ---- a run makes the whole of it ----
thawed = tap.SCRATCH / "thawed.h5"
tap.equal(tap.tombola("merge", small, "-o", thawed).returncode, 0, "merge makes a store of the part")
result = tap.tombola("run", first, "--store", thawed)
tap.ok(result.returncode == 0 and "14 jobs, 4 done before, 10 to train" in result.stderr, "that runs on", result.stderr)
tap.equal(tap.tombola("run", second, "--store", thawed).returncode, 0, "with both files")
tap.equal((digest.differences(thawed, full), uses(thawed), sweeps(thawed)), ([], USES, sweeps(full)), "and is the whole, bit for bit")
halves = [part("compact", f"half{i}.h5", "--where", f"seed {how} 0")[1] for i, how in enumerate(("=", ">"))]
tap.equal(tap.tombola("merge", *halves, "-o", thawed, "--force").returncode, 0, "two halves are merged")
tap.equal((digest.differences(thawed, full), uses(thawed), sweeps(thawed)), ([], USES, sweeps(full)), "and are the whole")
_, store = part("merge", "measured.h5", "--grid", "chain")
tap.equal(tap.tombola("measure", store, "norms").returncode, 0, "a part can be measured")

# ---- what has failed, and what has not begun ----
failing, waiting = tap.SCRATCH / "failing.h5", tap.SCRATCH / "waiting.h5"
tap.equal(tap.tombola("run", tap.write("failing.yaml", FAILING), "--store", failing).returncode, 3, "some jobs fail")
states = {job: state for job, state in tap.query(failing, "SELECT id, state FROM jobs")}
blocked = {job for job, state in states.items() if state == "blocked"}
result = tap.tombola("compact", failing, "-o", tap.SCRATCH / "blocked.h5", "--where", "state = 'blocked'")
ids = made_from(rows(failing), blocked)
tap.equal({job: state for job, state in tap.query(tap.SCRATCH / "blocked.h5", "SELECT id, state FROM jobs")}, {job: states[job] for job in ids},
          f"{len(blocked)} blocked jobs, and the failed ones that they wait for")
tap.ok(0 < len(blocked) < len(ids) < len(states), "which are not all")
tap.equal(tap.tombola("run", first, "--store", waiting, "--time-left", "0").returncode, 75, "a store in which nothing has begun")
result = tap.tombola("merge", waiting, "-o", thawed, "--force", "--where", "control = 'ticket' AND t_asked = '30'")
tap.equal(sorted(rows(thawed)), sorted(made_from(JOBS, of(lambda r: r["t"] == 30))), "merge: jobs that wait, and their parents") or print(result.stderr)
tap.equal(tap.tombola("run", first, "--store", thawed).returncode, 0, "can be run")
result = tap.tombola("merge", waiting, full, "-o", thawed, "--force", "--where", "state = 'pending' AND control = 'random'")
tap.equal(sorted(tap.query(thawed, "SELECT id, state FROM jobs")), sorted([job, "done"] for job in of(lambda r: r["control"] == b"random")),
          "it is enough if the condition holds in one store; done is preferred") or print(result.stderr)

# ---- mistakes ----
none, there = tap.SCRATCH / "none.h5", whole.read_bytes()
for store, args, words in (
        (full, ("--grid", "mian"), "--grid: the store has no grid 'mian'; known: main, chain, alone, shared; did you mean 'main'?"),
        (full, ("--grid", "main,,alone"), "--grid: the store has no grid ''"),
        (full, ("--where", "sed = 1"), "--where: SQL: no such column: sed; did you mean 'seed'?"),
        (full, ("--where", "lr = 1"), "did you mean 'training_lr'?"),
        (full, ("--where", 'control = "dense"'), "no such column: dense; a text stands in single quotes"),
        (full, ("--where", "seed <"), "--where: SQL: incomplete input"),
        (full, ("--where", ""), "option '--where' is given nothing"),
        (full, ("--where", "1); SELECT (1"), "--where: SQL: one condition is wanted, as behind WHERE"),
        (full, ("--where", "input_of(id, 'init') = 1"), "--where: input_of: there is no 'init'; allowed: init.file, init.group"),
        (full, ("--where", "seed = 99"), "--where: the condition holds for none of the 15 jobs\n"),
        (full, ("--grid", "main", "--where", "seed = 99"), "none of the 15 jobs of these grids"),
        (waiting, ("--grid", "main"), "none of the 9 jobs that are chosen has finished, and an archive has no others")):
    for command in ("compact", "merge"):
        if command == "merge" and store == waiting:
            continue
        result = tap.tombola(command, store, "-o", none, *args)
        tap.ok(result.returncode == 2 and words in result.stderr and len(re.findall("error:", result.stderr)) == 1 and "chosen:" not in result.stderr,
               f"{command} refuses {' '.join(args)}", f"{result.returncode}\n{result.stderr}")
    result = tap.tombola("compact", store, "-o", whole, "--force", *args)
    tap.ok(result.returncode == 2 and whole.read_bytes() == there, "and with --force leaves what is there")
tap.equal([path.name for path in tap.SCRATCH.glob("none.h5*")], [], "nothing is written")
result = tap.tombola("merge", full, waiting, "-o", none, "--grid", "mian")
tap.ok(result.returncode == 2 and "--grid: the stores have no grid 'mian'" in result.stderr, "of several stores", result.stderr)
tap.done()
