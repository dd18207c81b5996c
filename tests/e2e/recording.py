#!/usr/bin/env python3
"""Exit code 0 means that the store holds what the file asks for: whichever key of `record` or `checkpoint` is edited, the store of
the edited file says what a fresh store of it says, or run ends with 3, says why as plan does, and --retrain makes it so.
beside: others
timeout: 300"""
import json
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
from store import Store  # noqa: E402

TOP = """
name: recording
tasks: {add: {kind: modular, expr: a + b, p: 17, train_fraction: 0.8}, poly: {kind: polynomial, d: 4, degree: 2, n_train: 40, n_test: 40}}
models: {mlp: {kind: embed_mlp, d_embed: 24, d_hidden: 16}, wide: {kind: embed_mlp, d_embed: 32, d_hidden: 24}, kumar: {kind: dense_mlp, d_hidden: 16}}
training: {adamw: {epochs: EPOCHS, lr: 0.01, weight_decay: 1, betas: [0.9, 0.98]}, gd: {optimizer: sgd, loss: mse, epochs: 500, lr: 0.01}}
"""
RESULTS = ("t_mem", "t_gen", "tau_grok", "threshold", "eval_every")


def sweep(record, grids, checkpoint="{every: 200}", epochs=600, name="recording"):
    text = TOP.replace("EPOCHS", str(epochs)).replace("recording", name, 1)
    return tap.write("recording.yaml", f"{text}record: {record}\ncheckpoint: {checkpoint}\ngrids:\n{grids}")


def run(file, store, *options, ranks=0):
    return tap.tombola("run", file, "--store", tap.SCRATCH / store, *options, ranks=ranks)


def plan(file, store):
    return json.loads(tap.tombola("plan", file, "--store", tap.SCRATCH / store, "--json").stdout)


def jobs(store):
    """id -> results of the finished jobs, by h5py."""
    with h5py.File(tap.SCRATCH / store, "r") as f:
        rows = f["jobs"][:int(f["control"]["rows"][0])]
        done = h5py.check_enum_dtype(rows.dtype["state"])["done"]
    return {r["id"].decode(): tuple(np.nan_to_num(r[c], nan=-1).item() for c in RESULTS) for r in rows if r["state"] == done}


def grids(store):
    """(grid, id) -> what stands in /grids."""
    with h5py.File(tap.SCRATCH / store, "r") as f:
        ids = f["jobs"]["id"]
        found = {}
        for g in f["grids"][:int(f["control"]["grids"][0])]:
            found[g["grid"].decode(), ids[int(g["row"])].decode()] = tuple(
                np.nan_to_num(g[c], nan=-1).item() for c in ("t_mem", "t_gen", "tau_grok", "threshold", "spacing", "end"))
    return found


def curve(store, id, name):
    with Store(tap.SCRATCH / store) as s:
        points = s.series(id)
    return points.index.to_numpy(), points[name].to_numpy()


def passed(epoch, value, bound, every, loss=False):
    """The first epoch by the rule in words: every so many, and the last."""
    looks = (epoch % every == 0) | (epoch == epoch[-1])
    hits = epoch[looks & ((value < bound) if loss else (value > bound))]
    return int(hits[0]) if len(hits) else -1


DENSE = "  - {name: g, task: add, model: mlp, training: adamw, seed: [0, 1]}\n"
POLY = "  - {name: g, task: poly, model: kumar, training: gd, seed: [0, 1]}\n"
BASE = "{eval_every: 10, threshold: 0.95}"

# ---- every key of `record` that defines results ----
tap.equal(run(sweep(BASE, DENSE), "base.h5").returncode, 0, "a store to begin with")
tap.ok(all(len(curve("base.h5", i, "test_accuracy")[0]) == 61 for i in jobs("base.h5")), "the curve has every evaluation")
EDITS = [("a lower threshold", "{eval_every: 10, threshold: 0.5}", DENSE), ("a higher threshold", "{eval_every: 10, threshold: 0.999}", DENSE),
         ("half as many evaluations", "{eval_every: 20, threshold: 0.95}", DENSE), ("few evaluations", "{eval_every: 70, threshold: 0.5}", DENSE),
         ("fewer than one", "{eval_every: 5000, threshold: 0.5}", DENSE), ("a series_every of older files", "{eval_every: 10, series_every: 50}", DENSE)]
for i, (what, record, grid) in enumerate(EDITS):
    file = sweep(record, grid)
    said = run(file, "base.h5")
    run(file, f"fresh{i}.h5")
    tap.ok(said.returncode == 0 and ", 0 to train" in said.stderr and jobs("base.h5") == jobs(f"fresh{i}.h5") and grids("base.h5") == grids(f"fresh{i}.h5"),
           f"{what}: the edited file says what a fresh store says, and trains nothing", f"{said.stderr}\n{jobs('base.h5')}\n{jobs(f'fresh{i}.h5')}")
fresh = {tuple(sorted(jobs(f"fresh{i}.h5").items())) for i in range(len(EDITS))}
tap.ok(len(fresh) == len(EDITS), "and each says something else", fresh)
run(sweep("{eval_every: 10, loss_bound: 0.5}", POLY), "poly.h5")
before = jobs("poly.h5")
low = float(np.median([curve("poly.h5", i, "train_loss")[1][20] for i in before]))
file = sweep(f"{{eval_every: 20, loss_bound: {low}}}", POLY)
said = run(file, "poly.h5")
run(file, "poly_fresh.h5")
tap.ok(said.returncode == 0 and jobs("poly.h5") == jobs("poly_fresh.h5") != before, "the loss bound of a regression", f"{before} {jobs('poly.h5')}")
for id, found in jobs("poly.h5").items():
    tap.equal(found[:2], tuple(passed(*curve("poly.h5", id, c), low, 20, True) for c in ("train_loss", "test_loss")), "by numpy, too")

nothing = "name: nothing\ntasks: {n: {kind: nothing, seconds: 0}}\nmodels: {mlp: {kind: embed_mlp, d_embed: 4, d_hidden: 4}}\ntraining: {t: {epochs: 20}}\n" \
    "record: {threshold: %s}\ngrids: [{task: n, model: mlp, training: t, seed: [0, 1], control: [dense, ticket], t: gen, k: 0.5}]\n"
said = [run(tap.write("nothing.yaml", nothing % p), "nothing.h5") for p in (0.9, 0.5)]
tap.ok([s.returncode for s in said] == [0, 0] and {found[3] for found in jobs("nothing.h5").values()} == {0.5}, "jobs without curves have never passed", said[1].stderr)

# ---- what cannot be had without training ----
EDIT = {"evaluations": ("{eval_every: 4, threshold: 0.95}", DENSE, "{every: 200}"), "checkpoints": (BASE, DENSE, "{every: 200, at: [50, 250]}"),
        "weights": ("{eval_every: 10, threshold: 0.6}", DENSE.replace("}\n", ", control: [dense, ticket], t: mem, k: 0.5}\n"), "{every: 200}")}
for what, (record, grid, checkpoint) in EDIT.items():
    run(sweep(BASE, DENSE), f"{what}.h5")
    before = jobs(f"{what}.h5")
    file = sweep(record, grid, checkpoint)
    asked = plan(file, f"{what}.h5")["to_retrain"]
    tap.ok(asked["jobs"] == asked[what] == 2 and asked["core_seconds"] > 0, f"{what}: plan says what it costs", asked)
    said = run(file, f"{what}.h5")
    sentence = next((line for line in tap.tombola("plan", file, "--store", tap.SCRATCH / f"{what}.h5").stdout.splitlines() if "`tombola run --retrain`" in line), "?")
    tap.ok(said.returncode == 3 and sentence in said.stderr, "run does all else, ends with 3 and says the same", said.stderr + sentence)
    tap.ok(all(jobs(f"{what}.h5")[i][:3] == before[i][:3] for i in before) or what == "weights", "the old results stay")
    said = run(file, f"{what}.h5", "--retrain", ranks=2)
    run(file, f"{what}_fresh.h5")
    tap.ok(said.returncode == 0 and jobs(f"{what}.h5") == jobs(f"{what}_fresh.h5") and grids(f"{what}.h5") == grids(f"{what}_fresh.h5"),
           "--retrain makes it what a fresh store is", f"{said.stderr}\n{jobs(f'{what}.h5')}\n{jobs(f'{what}_fresh.h5')}")
    again = run(file, f"{what}.h5", "--retrain")
    tap.ok(again.returncode == 0 and ", 0 to train" in again.stderr and plan(file, f"{what}.h5")["to_retrain"]["jobs"] == 0, "once", again.stderr)
    tap.equal(run(sweep(BASE, DENSE), f"{what}.h5").returncode, 0, "and the first file has lost nothing by it")
    tap.equal(tap.tombola("verify", tap.SCRATCH / f"{what}.h5").returncode, 0, "the store is sound")

# ---- measures come from checkpoints ----
tap.equal(run(sweep(BASE, DENSE), "measures.h5").returncode, 0, "without measures")
file = sweep("{eval_every: 10, threshold: 0.95, measures: [norms, fourier]}", DENSE)
tap.equal(plan(file, "measures.h5")["to_measure"], 2, "plan says that measures will be made")
said = run(file, "measures.h5", ranks=2)
run(file, "measures_fresh.h5")
VALUES = "SELECT job, measure, name, item, slot, epoch, value FROM measures ORDER BY job, measure, name, item, slot"
have, want = (tap.tombola("query", tap.SCRATCH / s, VALUES, "--format", "csv").stdout for s in ("measures.h5", "measures_fresh.h5"))
tap.ok(said.returncode == 0 and have == want and have.count("\n") > 20, "and run makes them, to the bit", said.stderr)
tap.equal(plan(file, "measures.h5")["to_measure"], 0, "once")
named = "measures: {mine: {kind: KIND}}\ngrids:"
other = sweep("{eval_every: 10, threshold: 0.95, measures: [mine]}", DENSE).read_text()
tap.equal(run(tap.write("mine.yaml", other.replace("grids:", named.replace("KIND", "norms"))), "measures.h5").returncode, 0, "a measure of a name of its own")
other = other.replace("grids:", named.replace("KIND", "fourier"))
said = run(tap.write("other.yaml", other), "measures.h5")
tap.ok(said.returncode == 2 and "give it another name" in said.stderr, "one name for two measures is an error before anything runs", said.stderr)

# ---- one job, several judges ----
BOTH = ("  - {name: fine, task: add, model: wide, training: adamw, seed: [0, 1], control: [dense, ticket], t: gen, k: 0.5, record: {eval_every: 10, threshold: 0.9}}\n"
        "  - {name: coarse, task: add, model: wide, training: adamw, seed: [0, 1], control: [dense, ticket], t: [mem, gen], k: 0.5, record: {eval_every: 15, threshold: 0.6}}\n")
file = sweep(BASE, BOTH, epochs=800)
tap.equal(run(file, "both.h5", ranks=2).returncode, 0, "grids that share a job may judge it differently")
lines = BOTH.splitlines(keepends=True)
alone = {}
for name, line in (("fine", lines[0]), ("coarse", lines[1])):
    run(sweep(BASE, line, epochs=800), f"{name}.h5")
    alone.update({(name, i): found[:5] for i, found in jobs(f"{name}.h5").items()})
have = {key: found[:5] for key, found in grids("both.h5").items() if found[5] >= 0}
tap.ok(have == {key: alone[key] for key in have} and len(have) == 10 and 0 < len({found[1] for found in have.values()} - {-1}), "each grid's results are those of a store of its own", f"{have}\n{alone}")
with h5py.File(tap.SCRATCH / "both.h5") as f:
    dense = [r["id"].decode() for r in f["jobs"][:int(f["control"]["rows"][0])] if r["control"] == b"dense"]
epochs = sorted({e for n in (10, 15) for e in range(0, 801, n)} | {800})
tap.ok(all(curve("both.h5", i, "test_accuracy")[0].tolist() == epochs for i in dense), "a job is evaluated at the epochs of all of them, and at no other")
FINAL = "SELECT id, train_loss, test_loss FROM jobs ORDER BY id"
final = [dict(line.split(",", 1) for line in tap.tombola("query", tap.SCRATCH / f"{s}.h5", FINAL, "--format", "csv").stdout.splitlines()) for s in ("both", "fine", "coarse")]
tap.ok(final[0] == {**final[1], **final[2]}, "the tickets of each are those that it draws alone, to the last bit", final)
again = run(file, "both.h5")
tap.ok(again.returncode == 0 and ", 0 to train" in again.stderr, "and a second run finds all of it", again.stderr)
five = "".join(f"  - {{name: g{i}, task: add, model: mlp, training: adamw, record.threshold: {0.5 + i / 10}}}\n" for i in range(5))
said = run(sweep(BASE, five), "five.h5")
tap.ok(said.returncode == 2 and "epoch_of" in said.stderr and not (tap.SCRATCH / "five.h5").exists(), "more judges than four are refused with a way out", said.stderr)

# ---- epoch_of ----
for id in dense:
    for name, bound, every in (("test_accuracy", 0.3, 1), ("train_accuracy", 0.9, 15), ("test_loss", 2.0, 1), ("test_accuracy", 2, 1)):
        call = f"epoch_of('{id}', '{name}', {bound}" + (f", {every})" if every > 1 else ")")
        said = tap.tombola("query", tap.SCRATCH / "both.h5", f"SELECT ifnull({call}, -1)", "--format", "csv", "--no-header").stdout.strip()
        tap.equal(int(said), passed(*curve("both.h5", id, name), bound, every, "loss" in name), call)
for wrong, words in (("epoch_of(id, 'accuracy', 0.9)", "there is no curve 'accuracy'"), ("epoch_of(id, 'test_loss', 0.9, 0)", "is 1 or more")):
    said = tap.tombola("query", tap.SCRATCH / "both.h5", f"SELECT {wrong} FROM jobs")
    tap.ok(said.returncode == 2 and words in said.stderr, f"{wrong} is an error", said.stderr)
tap.equal(tap.tombola("query", tap.SCRATCH / "both.h5", "SELECT epoch_of('nobody', 'test_loss', 1) IS NULL", "--format", "csv", "--no-header").stdout.strip(), "1", "of no job: NULL")

# ---- what was begun before the file was edited ----
LONG = DENSE.replace("seed: [0, 1]", "seed: 0")
file = sweep(BASE, LONG, epochs=200000)
process = tap.start("run", file, "--store", tap.SCRATCH / "begun.h5", "--resume-every", "0.2")
EPOCHS = "SELECT max(epochs_done) FROM jobs"
tap.ok(tap.wait_for(lambda: (tap.SCRATCH / "begun.h5").exists() and re.search(r"^[1-9]\d*$", tap.tombola("query", tap.SCRATCH / "begun.h5", EPOCHS, "--format", "csv", "--no-header").stdout.strip())),
       "a job is under way")
process.send_signal(signal.SIGUSR1)
tap.equal((process.wait(60), process.stderr.close())[0], 75, "it is stopped")
text = file.read_text()
with h5py.File(tap.SCRATCH / "begun.h5") as f:
    first = len(f["families"])
finer = tap.write("finer.yaml", text.replace("eval_every: 10", "eval_every: 4"))
said = tap.tombola("run", finer, "--store", tap.SCRATCH / "begun.h5", "--time-left", "2")
with h5py.File(tap.SCRATCH / "begun.h5") as f:
    row = f["jobs"][0]
    axis = f["families"][sorted(f["families"], key=lambda n: f["families"][n].attrs["index"])[int(row["family"])]]["epoch"][:3].tolist()
tap.ok(said.returncode == 75 and axis == [0, 4, 8], "one that had begun begins anew where its curve would lack what is asked for", f"{said.stderr} {axis}")
same = tap.tombola("run", tap.write("same.yaml", text.replace("threshold: 0.95", "threshold: 0.5").replace("eval_every: 10", "eval_every: 8")), "--store", tap.SCRATCH / "begun.h5", "--time-left", "1")
with h5py.File(tap.SCRATCH / "begun.h5") as f:
    after = f["jobs"][0]
tap.ok(same.returncode == 75 and after["family"] == row["family"] and after["epochs_done"] > row["epochs_done"] > 0,
       "and goes on where it does not", f"{row['epochs_done']} {after['epochs_done']}")

# ---- a stop while it is trained again ----
run(sweep(BASE, LONG, epochs=60000), "stopped.h5")
before = jobs("stopped.h5")
file = sweep("{eval_every: 4, threshold: 0.95}", LONG, epochs=60000)
said = run(file, "stopped.h5", "--retrain", "--time-left", "0.5")
tap.ok(said.returncode == 75 and jobs("stopped.h5") == before, "while a job is trained again its old results stay", said.stderr)
said = run(file, "stopped.h5")
(id, found), = jobs("stopped.h5").items()
tap.ok(said.returncode == 0 and found[4] == 4 and curve("stopped.h5", id, "test_loss")[0][1] == 4, "the same command, with --retrain or without, goes on", said.stderr)

tap.done()
