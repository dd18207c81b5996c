#!/usr/bin/env python3
"""A clock in steps: the bits of a job do not depend on the unit that its length, its evaluations and its checkpoints are said in; an
evaluation within an epoch is that of a job which ends there; log-spaced points are those of their definition; whole epochs are one job
however they are said; a shorter job that ends within an epoch is gone on from; kills and ranks change no bit; grids that count
differently share a job, each with its own numbers; everything that is said of a job says its unit.
timeout: 600
beside: others"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../analysis"))
import digest  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import tap  # noqa: E402
import curves  # noqa: E402
import style  # noqa: E402
from settings import settings  # noqa: E402
from store import Store  # noqa: E402

S = 4  # steps of an epoch: 17 examples in batches of 5
HEAD = """
name: {name}
tasks: {{add: {{kind: modular, expr: a + b, p: 7, train_fraction: 0.6}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 6, d_hidden: 5}}}}
training:
  batches: {{lr: 1e-2, weight_decay: 1, batch: 5, warmup: 5, {length}}}
  drawn: {{use: batches, replace: true, precision: double}}
  full: {{use: batches, batch: 0}}
record: {{{record}}}
checkpoint: {{{kept}}}
grids:
"""
GRID = "  - {{name: {name}, task: add, model: mlp, {rest}}}\n"


def sweep(name, *grids, length="epochs: 40", record="eval_every: 10", kept="every: 10"):
    grids = grids or ("training: [batches, drawn], seed: [0, 1]",)
    text = HEAD.format(name=name, length=length, record=record, kept=kept)
    return tap.write(f"{name}.yaml", text + "".join(GRID.format(name=f"g{i}", rest=rest) for i, rest in enumerate(grids)))


def run(file, store, *options, ranks=0, code=0):
    result = tap.tombola("run", file, "--store", store, "--verbose", *options, ranks=ranks)
    tap.ok(result.returncode == code, f"run of {file.name} ends with {code}", f"{result.returncode}\n{result.stderr}")
    return result.stderr


def stored(path):
    """{id: (row, unit, positions of the curves, curves, {position: weights})} of finished jobs."""
    out = {}
    with h5py.File(path, "r") as f:
        for row in f["jobs"][:int(f["control"]["rows"][0])]:
            if row["state"] != 3:
                continue
            family = digest.family_of(f, row)
            at, epoch = int(row["family_row"]), family["epoch"]
            slots = family["checkpoint_epoch"][at]
            out[row["id"].decode()] = (row, epoch.attrs["units"] if isinstance(epoch.attrs["units"], str) else epoch.attrs["units"].decode(), epoch[:],
                                       np.array([family[f"series/{name}"][at] for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy")]),
                                       {int(t): family["checkpoints"][at][i] for i, t in enumerate(slots) if t >= 0})
    return out


def run_new(name, *grids, **more):
    store = tap.SCRATCH / f"{name}.h5"
    log = run(sweep(name, *grids, **more), store)
    return store, stored(store), log


# ---- the same training, said in epochs and in steps ----
epochs, by_epochs, _ = run_new("epochs")
steps, by_steps, _ = run_new("in_steps", length=f"length: {40 * S} steps", record=f"eval_every: {10 * S} steps", kept=f"every: {10 * S} steps")
tap.equal(set(by_steps), set(by_epochs), "a length in steps that is a whole number of epochs is the same job")
tap.equal({unit for _, unit, *_ in by_epochs.values()} | {unit for _, unit, *_ in by_steps.values()}, {"epoch", "step"}, "its axis says what it counts")
for job, (row, _, axis, curve, weights) in by_steps.items():
    before = by_epochs[job]
    tap.ok((axis == S * before[2]).all() and np.array_equal(curve, before[3]), "curves of a job in steps are those of the same in epochs", str(axis))
    tap.ok(all((weights[S * t] == w).all() for t, w in before[4].items()), "and so are its weights")
    tap.equal((int(row["epochs"]), int(row["epochs_done"]), int(row["steps_done"]), row["length_unit"]), (40 * S, 40 * S, 40 * S, b"step"), "its row counts steps")
full, by_full, _ = run_new("full", "training: full", length="length: 30 steps", record="eval_every: 7 steps", kept="every: 10 steps")
_, by_full_epochs, _ = run_new("full_epochs", "training: full", length="epochs: 30", record="eval_every: 7", kept="every: 10")
tap.ok(digest.jobs(full).keys() == by_full_epochs.keys() and all(np.array_equal(by_full[j][3], by_full_epochs[j][3]) for j in by_full), "a full batch: a step is an epoch")

# ---- within an epoch ----
fine, by_fine, _ = run_new("fine", length="epochs: 5", record="eval_every: 1 step", kept="every: 1 step")
for end in (2 * S + 1, 2 * S + 3):
    _, by_short, _ = run_new(f"short_{end}", length=f"length: {end} steps", record="eval_every: 3 steps", kept="every: 3 steps")
    key = lambda row: (row["training"], row["seed"])  # noqa: E731
    long = {key(row): rest for row, *rest in by_fine.values()}
    for row, unit, axis, curve, weights in by_short.values():
        _, points, whole, kept = long[key(row)]
        tap.equal((int(row["epochs_done"]), axis[-1], unit), (end, end, "step"), f"a job of {end} steps ends within an epoch")
        tap.ok(np.array_equal(curve, whole[:, np.isin(points, axis)]) and all((kept[t] == w).all() for t, w in weights.items()),
               "what is evaluated within an epoch is what a job finds that ends there")
tap.equal({t for t in long[(b"batches", 0)][3]}, set(range(5 * S + 1)), "the weights of every step can be kept")


# ---- log-spaced ----
def log_spaced(decade, end):
    return sorted({0, end, *(n for i in range(20 * decade) if (n := int(np.floor(10 ** (i / decade) + 0.5))) < end)})


for unit, scale, end in (("epochs", 1, 300), ("steps", 1, 310)):
    _, found, _ = run_new(f"log_{unit}", "training: batches", length=f"length: {end} {unit}", record="eval_every: {log: 20}", kept="every: {log: 5}")
    (_, _, axis, _, weights), = found.values()
    tap.equal(axis.tolist(), log_spaced(20, end), f"20 evaluations a decade, in {unit}")
    tap.equal(sorted(weights), log_spaced(5, end), f"5 checkpoints a decade, in {unit}")
value = json.loads(tap.tombola("plan", sweep("log_plan", "training: batches", record="eval_every: {log: 20}"), "--json").stdout)
tap.equal([(g["eval_every"], g["unit"]) for g in value["axes"]], [(-20, "epoch")], "plan says the spacing and its unit")

# ---- moments ----
GROKS = "training: full, seed: [0, 1], training.lr: 0.05, training.weight_decay: 0"
store, found, _ = run_new("moments", f"{GROKS}, training.batch: 5, control: [dense, ticket], k: 0.4, t: [gen + 6 steps, mem, 10 steps, 12, 1 + 3 steps, final], rewind: 3 steps, "
                          "record: {eval_every: 5 steps, threshold: 0.6}, checkpoint: {at: [3 steps, 10 steps, 12, 7 steps, mem + 1 step]}", length="length: 203 steps")
with Store(store) as s:
    jobs = s.jobs()
    tap.ok((jobs.length_unit == "step").all(), "one moment in steps, and all that is asked for counts them")
    tickets = jobs[jobs.control == "ticket"]
    parent = jobs.loc[tickets.parent]
    for ticket, dense in zip(tickets.itertuples(), parent.itertuples()):
        want = {"gen + 6 steps": dense.t_gen + 6, "mem": dense.t_mem, "10 steps": 10, "12": 12 * S, "7 steps": 7, "203 steps": 203}[ticket.t_asked]
        if ticket.state == "done":
            tap.equal(ticket.t, want, f"t: {ticket.t_asked} is a step of the parent")
    done = tickets[tickets.state == "done"]
    tap.ok(set(done.t_asked) >= {"mem", "10 steps", "7 steps", "203 steps", "12"}, "they were drawn there", str(set(done.t_asked)))
    tap.ok(all((s.mask(job) * s.checkpoint(job.parent, 3) == s.checkpoint(job, 0)).all() for _, job in done.iterrows()), "rewound to a step within an epoch")
    tap.equal(set(tickets.rewind_rule) | set(tickets.training_epochs_rule), {"3 steps", "203 steps"}, "what is no whole number of epochs stands in the columns as text")
    tap.ok(tickets.rewind.isna().all() and tickets.training_epochs.isna().all(), "and not as a number of another unit")

# ---- going on from an end within an epoch ----
ALL = "training: [batches, drawn], seed: [0, 1], control: [dense, ticket], t: 4, k: 0.5"
AT = dict(record="eval_every: 3 steps", kept="every: 4, end_state: all")
once, whole, _ = run_new("once", ALL, length=f"length: {9 * S + 2} steps", **AT)
store = tap.SCRATCH / "longer.h5"
for end, ranks, length in ((5 * S + 1, 0, f"length: {5 * S + 1} steps"), (7 * S + 3, 2, f"length: {7 * S + 3} steps"), (9 * S + 2, 3, f"length: {9 * S + 2} steps")):
    log = run(sweep(f"longer_{end}", ALL, length=length, **AT), store, ranks=ranks)
    tap.equal(len(re.findall(r"goes on from the end of job \S+, step \d+", log)), 0 if end == 5 * S + 1 else 8, f"of {end} steps: who goes on")
have = digest.jobs(store)
tap.equal([job for job in digest.jobs(once) if have[job] != digest.jobs(once)[job]], [], "the bits are those of the longest at once")
log = run(sweep("longer_epochs", ALL, length="epochs: 12", record="eval_every: 3", kept="every: 4, end_state: all"), store)
tap.equal(log.count("goes on from the end"), 8, "whose evaluations and checkpoints are among those in steps goes on, too")
by_steps_then = stored(store)
short, _, _ = run_new("coarse", ALL, length=f"length: {6 * S + 1} steps", record="eval_every: 3", kept="every: 4, end_state: all")
log = run(sweep("to_epochs", ALL, length="epochs: 12", record="eval_every: 3", kept="every: 4, end_state: all"), short)
tap.equal(len(re.findall(r"goes on from the end of job \S+, step", log)), 8, "a job in epochs goes on from one that ended within an epoch")
_, at_once, _ = run_new("epochs_at_once", ALL, length="epochs: 12", record="eval_every: 3", kept="every: 4, end_state: all")
for what, have in (("epochs", stored(short)), ("steps", by_steps_then)):
    tap.ok(all(np.array_equal(have[j][3], at_once[j][3]) and all((have[j][4][t] == w).all() for t, w in at_once[j][4].items()) for j in at_once),
           f"with the bits of one at once, from one recorded in {what}")

# ---- kills and ranks ----
KILLED = dict(length="length: 60003 steps", record="eval_every: 501 steps", kept="every: {log: 4}")
file = sweep("killed", "training: [batches, drawn], seed: 0", "training: batches, seed: 1, control: ticket, t: 7 steps, k: 0.5, checkpoint: {at: [7 steps]}", **KILLED)
undisturbed = tap.SCRATCH / "undisturbed.h5"
run(file, undisturbed)
digest.survives(file, undisturbed, tap.SCRATCH / "killed.h5", [3, 9, 15])
for ranks in (2, 4):
    store = tap.SCRATCH / f"ranks{ranks}.h5"
    run(file, store, ranks=ranks)
    tap.equal(digest.jobs(store), digest.jobs(undisturbed), f"on {ranks} ranks: the same bits")

# ---- one job of two grids ----
SHARED = f"{GROKS}, training.batch: 5"
TWO = (SHARED + ", record: {eval_every: 2, threshold: 0.6}", SHARED + ", record: {eval_every: 3 steps, threshold: 0.6}")
store, _, _ = run_new("shared", *TWO, length="epochs: 50")
alone, _, _ = run_new("alone", TWO[0], length="epochs: 50")
COLUMNS = "id, spacing, unit, end, t_mem, t_gen"
found = {grid: tap.query(store, f"SELECT {COLUMNS} FROM grids WHERE grid = '{grid}' ORDER BY id") for grid in ("g0", "g1")}
tap.equal(found["g0"], tap.query(alone, f"SELECT {COLUMNS} FROM grids WHERE grid = 'g0' ORDER BY id"), "a grid that counts epochs has the results that it has alone")
tap.equal({(g[1], g[2], g[3]) for g in found["g1"]}, {(3, "step", 50 * S)}, "the other its steps")
tap.equal(tap.query(store, "SELECT DISTINCT length_unit, epochs FROM jobs"), [("step", 50 * S)] if isinstance(found["g0"][0], tuple) else [["step", 50 * S]], "the job counts steps")
later = tap.SCRATCH / "later.h5"
run(sweep("first", TWO[0], length="epochs: 50"), later)
second = sweep("second", TWO[1], length="epochs: 50")
run(second, later, code=3)
run(second, later, "--retrain")
tap.equal(tap.query(later, f"SELECT {COLUMNS} FROM grids WHERE sweep = 'second' ORDER BY id"), found["g1"], "a second file that counts steps has them after run --retrain")
tap.equal(tap.query(later, f"SELECT {COLUMNS} FROM grids WHERE sweep = 'first' ORDER BY id"), found["g0"], "and the first keeps its epochs")
tap.ok(tap.tombola("verify", later).returncode == 0, "the store is sound")

# ---- stop rules ----
stops, by_stops, _ = run_new("stops", SHARED + ", record: {eval_every: 3 steps, threshold: 0.6, stop: [gen + 7 steps, train_accuracy > 0.5 for 6 steps]}", length="epochs: 50")
for row, _, axis, curve, _ in by_stops.values():
    accurate = curve[1] > 0.5
    first = next(int(t) for i, t in enumerate(axis) if accurate[i] and all(accurate[axis.searchsorted(max(t - 6, 0)):i + 1]) and any(axis <= t - 6) and accurate[axis <= t - 6][-1])
    tap.ok(int(row["end"]) <= first and row["ended_by"] in (b"train_accuracy > 0.5 for 6 steps", b"gen + 7 steps"), "a rule in steps ends a job at a step", f"{row['end']} {first} {row['ended_by']}")
    if row["ended_by"].startswith(b"train"):
        tap.equal(int(row["end"]), first, "where the condition has held so many steps")

# ---- what people see ----
page = tap.tombola("status", steps).stdout
tap.ok("in steps" in page, "status says the unit of its medians", page)
job = next(iter(by_steps))
page = tap.tombola("show", steps, job).stdout
tap.ok(f"results after {40 * S} of {40 * S} steps" in page and "checkpoints at steps" in page and f"curves, step 0 to {40 * S}" in page, "and so does show", page)
tap.equal(tap.query(steps, f"SELECT DISTINCT unit FROM series WHERE job = '{job}'") + tap.query(steps, f"SELECT DISTINCT unit FROM checkpoints WHERE job = '{job}'")
          + tap.query(epochs, f"SELECT DISTINCT unit FROM series WHERE job = '{job}'"), [type(found["g0"][0])([u]) for u in ("step", "step", "epoch")], "SQL has it beside each epoch")
with Store(steps) as s, Store(store) as both:
    job = s.jobs().iloc[0]
    tap.equal((s.series(job).index.name, s.series(job).index[-1], s.series(job).index.name), ("step", 40 * S, "step"), "Store.series is indexed by steps")
    figure = curves.figure(s, style.finished(s))
    tap.equal({ax.get_xlabel() for ax in figure.axes if ax.get_visible()}, {"steps"}, "the figure's axis says so")
    views = both.views()
    tap.equal(sorted(views.groupby("length_unit").size().items()), [("epoch", 2), ("step", 2)], "a shared job is seen in both units")
    for _, view in views.iterrows():
        tap.equal((both.series(view).index.name, both.series(view).index[-1], view.epochs), ("epoch", 50, 50) if view.length_unit == "epoch" else ("step", 50 * S, 50 * S), "each with its own axis")
    tap.equal(len(set(settings(views))), len(tap.query(store, "SELECT setting FROM settings")), "and settings part by it, in Python as in SQL")
tap.done()
