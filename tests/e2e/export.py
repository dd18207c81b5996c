#!/usr/bin/env python3
"""Exported files open in Python with the numbers of the store, and come back through `init: {file: ...}`.
beside: others"""
import io
import json
import os
import struct
import sys
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from store import Store  # noqa: E402

SWEEP = """
name: exported
tasks: {{add: {{kind: modular, expr: a + b, p: 11, train_fraction: 0.6}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 12, d_hidden: 6}}}}
training: {{adamw: {{epochs: 200, lr: 1e-2, precision: {precision}}}}}
record: {{eval_every: 5, measures: [norms], threshold: 0.5}}
checkpoint: {{every: 100}}
grids:
  - {{task: add, model: mlp, training: adamw, seed: [0, 1], control: [dense, ticket], t: 100, k: 0.5 {more}}}
"""
path = tap.SCRATCH / "exported.h5"
sweep = tap.write("exported.yaml", SWEEP.format(precision="float", more=""))
tap.equal(tap.tombola("run", sweep, "--store", path).returncode, 0, "a small sweep runs")


def export(job, what, name):
    file = tap.SCRATCH / name
    result = tap.tombola("export", path, job[:8], what, "--output", file)
    return file if tap.equal(result.returncode, 0, f"{what} to {name}") else print("#", result.stderr)


def safetensors(file):
    data = file.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    head = json.loads(data[8:8 + size])
    dtype = {"F32": "<f4", "F64": "<f8", "U8": "u1"}
    return {name: np.frombuffer(data[8 + size:][slice(*t["data_offsets"])], dtype[t["dtype"]]).reshape(t["shape"])
            for name, t in head.items()}, size


def same(have, want):
    return set(have) == set(want) and all(have[k].dtype == want[k].dtype and np.array_equal(have[k], want[k]) for k in want)


with Store(path) as store:
    jobs = store.jobs()
    dense, ticket = (jobs[(jobs.control == control) & (jobs.seed == 1)].iloc[0] for control in ("dense", "ticket"))
    want = store.tensors(dense, store.checkpoint(dense, 100))
    flat = store.checkpoint(dense, 100)
    tap.ok(same(dict(np.load(export(dense.id, "weights@100", "w.npz"))), want), "an .npz holds every tensor")
    have, size = safetensors(export(dense.id, "weights@100", "w.safetensors"))
    tap.ok(same(have, want) and size % 8 == 0, "a .safetensors too, aligned")
    tap.ok(np.array_equal(np.load(export(dense.id, "weights@100", "w.npy")), flat), "an .npy holds the flat vector")
    lines = pd.read_csv(export(dense.id, "weights@100", "w.csv"))
    part = lines[lines.name == "W_inproj"]
    tap.ok(np.array_equal(part.value.to_numpy(np.float32).reshape(6, 12), want["W_inproj"]), "a .csv all digits")
    mask = np.load(export(ticket.id, "mask", "m.npz"))
    tap.ok(np.array_equal(np.concatenate([mask[k].ravel() for k in mask]), store.mask(ticket)), "masks")
    curve = pd.read_csv(io.StringIO(tap.tombola("export", path, dense.id, "series").stdout), index_col="epoch", float_precision="round_trip")
    tap.ok(curve.equals(store.series(dense)[list(curve.columns)].astype(float)) and len(curve.columns) == 4, "curves to stdout", curve)
    loss = np.load(export(dense.id, "series/test_loss", "loss.npy"))
    tap.ok(np.array_equal(loss, store.series(dense).test_loss), "one curve as .npy")
    norm = np.load(export(dense.id, "measures/norms/l2", "norm.npz"))
    table = store.measure(dense, "norms/l2")
    rows = [list(norm["epoch"]).index(e) for e in (0, 100, 200)]
    tap.ok(np.array_equal(norm["l2"][rows], table.loc[[0, 100, 200]].to_numpy()), "measures with their epochs")
    learnt = jobs[jobs.t_mem.notna()]
    if tap.ok(len(learnt), "a job memorised"):
        mem = np.load(export(learnt.iloc[0].id, "weights@mem", "mem.npy"))
        tap.ok(np.array_equal(mem, store.checkpoint(learnt.iloc[0], "mem")), "weights at t_mem")

for what, name, says in (("mask", "x.npz", "without a mask"), ("weights@7", "x.npz", "100, 200 (final"), ("weights@often", "x.npz", "allowed: an epoch"),
                         ("series/los", "x.npz", "series/test_loss"), ("weights", "x.pth", "allowed: .npy"), ("series", "x.npy", "one array")):
    result = tap.tombola("export", path, dense.id, what, "--output", tap.SCRATCH / name)
    tap.ok(result.returncode == 2 and says in result.stderr and not (tap.SCRATCH / name).exists(), f"{what} to {name} is refused", result.stderr)
result = tap.tombola("export", path, dense.id, "weights", "--output", tap.SCRATCH / "nowhere" / "w.npz")
tap.ok(result.returncode != 0 and "No such file" in result.stderr, "a folder that is not there", result.stderr)

# Back in: whatever the file's format, the same initial weights give the same job.
weights = export(dense.id, "weights@100", "init.npz")
with np.load(weights) as arrays:
    np.savez_compressed(tap.SCRATCH / "packed.npz", **arrays)
    np.savez(tap.SCRATCH / "wide.npz", **{k: v.astype(float) for k, v in arrays.items()})
    np.savez(tap.SCRATCH / "short.npz", **{k: v for k, v in arrays.items() if k != "W_U"})
    np.savez(tap.SCRATCH / "fortran.npz", **{k: np.asfortranarray(v) for k, v in arrays.items()})
assert zipfile.ZipFile(tap.SCRATCH / "packed.npz").infolist()[0].compress_type == zipfile.ZIP_DEFLATED
(tap.SCRATCH / "cut.npz").write_bytes(weights.read_bytes()[:1000])
(tap.SCRATCH / "cut.safetensors").write_bytes((tap.SCRATCH / "w.safetensors").read_bytes()[:1000])


def start_from(name):
    text = SWEEP.format(precision="double", more=f", init: {{file: {tap.SCRATCH / name}}}")
    return tap.tombola("plan", tap.write("back.yaml", text), "--json")


back = tap.SCRATCH / "back.h5"
for name in ("init.npz", "w.safetensors", "packed.npz", "wide.npz", "fortran.npz"):
    tap.equal(start_from(name).returncode, 0, f"{name} comes back in")
    tap.equal(tap.tombola("run", tap.SCRATCH / "back.yaml", "--store", back).returncode, 0, "and is trained from")
with Store(back) as store:
    jobs = store.jobs()
    tap.equal(len(jobs), 4, "five files with the same weights are the same jobs")
    first = store.checkpoint(jobs[jobs.control == "dense"].iloc[0], 0)
    tap.ok(np.array_equal(first, flat.astype(float)), "training began at the exported weights")
for name, says in (("short.npz", "has no array 'W_U'; it has: W_E"), ("cut.npz", "cut off"),
                   ("cut.safetensors", "cut off")):
    result = start_from(name)
    tap.ok(result.returncode == 2 and says in result.stderr, f"{name} is refused", result.stderr)

# The split, too: the same pairs in the same order give the same numbers.
flat_split = np.load(export(dense.id, "split", "split.npz"))
pairs = np.concatenate([flat_split["train_pairs"], flat_split["test_pairs"]])
tap.equal(sorted(map(tuple, pairs)), [(a, b) for a in range(11) for b in range(a, 11)], "a split has each pair once")
tap.equal(len(flat_split["train_pairs"]), int(0.6 * len(pairs)), "so many to train on")
export(dense.id, "split", "split.safetensors")
np.savez(tap.SCRATCH / "split-fortran.npz", **{k: np.asfortranarray(flat_split[k]) for k in flat_split})
with Store(path) as store:
    own = store.jobs()
export(own[(own.control == "dense") & (own.seed == 0)].iloc[0].id, "split", "other.npz")
given = tap.SCRATCH / "given.h5"
files = ", ".join(str(tap.SCRATCH / name) for name in ("split.npz", "other.npz"))
text = SWEEP.format(precision="float", more=f", split.file: [{files}]").replace("[dense, ticket]", "dense").replace("seed: [0, 1]", "seed: 1")
tap.equal(tap.tombola("run", tap.write("given.yaml", text), "--store", given).returncode, 0, "split.file is an axis")
with Store(given) as store:
    rows = store.jobs()
    tap.equal(len(rows), 2, "two splits are two jobs")
    finals = [store.checkpoint(row, 200) for _, row in rows.iterrows()]
with Store(path) as store:
    original = store.checkpoint(dense, 200)
tap.equal([np.array_equal(final, original) for final in finals].count(True), 1, "the job's own split gives its own weights, another's does not")
plans = []
for name in ("split.npz", "split.safetensors", "split-fortran.npz"):
    text = SWEEP.format(precision="float", more=f", split: {{file: {tap.SCRATCH / name}}}").replace("[dense, ticket]", "dense").replace("seed: [0, 1]", "seed: 1")
    plans.append(tap.tombola("plan", tap.write("one.yaml", text), "--store", given, "--json"))
tap.ok(all(p.returncode == 0 and json.loads(p.stdout)["held"] == 1 for p in plans), "any file of the same split is the same job", plans[0].stdout)
result = tap.tombola("export", path, dense.id, "split", "--output", tap.SCRATCH / "s.npy")
tap.ok(result.returncode == 2 and "a split is two" in result.stderr, "a split in one array is refused", result.stderr)

# What a given split may not hold.  The sweep's place comes first, then the file and the row in it.
train, test = flat_split["train_pairs"], flat_split["test_pairs"]
outside, twice, both = train.copy(), train.copy(), test.copy()
outside[3], twice[7], both[2] = (5, 11), twice[2], train[4]
for name, halves, says in (("outside", (outside, test), "training pair 3 of the given split is (5, 11); allowed are 0 to 10"),
                           ("twice", (twice, test), f"row 2 of train_pairs is ({train[2][0]}, {train[2][1]}), and so is row 7 of train_pairs"),
                           ("both", (train, both), f"row 4 of train_pairs is ({train[4][0]}, {train[4][1]}), and so is row 2 of test_pairs"),
                           ("wide", (np.c_[train, train], np.c_[test, test]), "the split has 4 tokens an example, the task 2")):
    file = tap.SCRATCH / f"bad-{name}.npz"
    np.savez(file, train_pairs=halves[0], test_pairs=halves[1])
    sweep = tap.write("bad-split.yaml", SWEEP.format(precision="float", more=f", split: {{file: {file}}}"))
    line = next(i for i, line in enumerate(sweep.read_text().splitlines(), 1) if "split:" in line)
    result = tap.tombola("plan", sweep)
    tap.ok(result.returncode == 2 and f"{sweep}:{line}:" in result.stderr and f"'{file}': {says}" in result.stderr, f"{name}: the split is refused at plan", result.stderr)
tap.done()
