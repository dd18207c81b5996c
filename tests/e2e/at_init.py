#!/usr/bin/env python3
"""Pruning at initialisation through the command line: every model, losses of one output and of many, both precisions, with
rounds and schedules; on one rank and on two.
timeout: 180"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402

SWEEP = """
name: at_init
tasks:
  add: {kind: modular, expr: a + b, p: 11, train_fraction: 0.5}
  parity: {kind: parity, n: 12, k: 2, n_train: 60, n_test: 20}
models:
  mlp: {kind: embed_mlp, d_embed: 16, d_hidden: 8}
  transformer: {kind: transformer, d_model: 8, heads: 2, d_mlp: 12, equals: true, biases: true, activation: gelu}
  dense: {kind: dense_mlp, d_hidden: 20}
training:
  many: {lr: 1e-3, epochs: 20}
  one: {use: many, loss: hinge}
controls:
  flow: {kind: synflow, rounds: 4}
  soft: {kind: grasp, temperature: 2}
grids:
  - {name: one-shot, task: add, model: [mlp, transformer], training: many, training.precision: [float, double],
     seed: [0, 1], control: [snip, grasp, synflow], k: 0.6, scope: [global, tensor]}
  - {name: named, task: add, model: mlp, training: many, control: [flow, soft], k: 0.6}
  - {name: schedules, task: add, model: mlp, training: many, control: flow, control.schedule: [linear, exponential],
     control.rounds: [1, 4], k: 0.6}
  - {name: one-output, task: parity, model: dense, training: one, control: [snip, grasp, synflow], k: 0.6}
"""


def family(f, row):
    return next(g for g in f["families"].values() if int(g.attrs["index"]) == int(row["family"]))


def prunable(f, row):
    """Which elements of the flat vector may be pruned, tensor by tensor."""
    tensors = family(f, row)["tensors"][:]
    return [slice(t["offset"], t["offset"] + t["size"]) for t in tensors if not t["name"].startswith(b"b_")]


def text(row, name):
    return row[name].decode()


file = tap.write("at_init.yaml", SWEEP)
stores = [tap.SCRATCH / f"at_init{n}.h5" for n in (0, 2)]
for ranks, store in zip((0, 2), stores):
    run = tap.tombola("run", file, "--store", store, ranks=ranks)
    tap.equal(run.returncode, 0, f"the sweep runs on {ranks or 1} ranks") or print(run.stderr)
found = digest.differences(*stores)
tap.ok(not found, "two ranks: the same bits as one", "\n".join(found))

with h5py.File(stores[0], "r") as f:
    jobs = [row for row in f["jobs"][:] if row["state"] == 3]
    mask = {text(row, "id"): family(f, row)["masks"][int(row["family_row"])].ravel() for row in jobs}
    wrong, moved = [], []
    for row in jobs:
        m, parts = mask[text(row, "id")], prunable(f, row)
        free = np.concatenate([m[p] for p in parts])
        groups = [m[p] for p in parts] if text(row, "scope") == "tensor" else [free]
        if text(row, "model") != "dense":  # many of its scores are 0, and ties are pruned together; its biases may go
            wrong += [text(row, "id") for g in groups if g.sum() != g.size - int((1 - (1 - 0.6)) * g.size)]
            wrong += [text(row, "id")] if m.size - m.sum() != free.size - free.sum() else []
        moved += [text(row, "id")] if family(f, row)["checkpoints"][int(row["family_row"])][:, m == 0].any() else []
    tap.ok(not wrong, "each scope loses what k says, and biases nothing", wrong)
    tap.ok(not moved, "what is pruned stays 0", moved)

    def find(**want):
        return [mask[text(r, "id")] for r in jobs if all(text(r, k) == v if isinstance(v, str) else r[k] == v
                                                         for k, v in want.items())]

    same = [np.array_equal(*[find(control=c, model=m, training_precision=p, seed=s, scope=o)[0] for p in ("float", "double")])
            for c in ("snip", "grasp", "synflow") for m in ("mlp", "transformer") for s in (0, 1) for o in ("global", "tensor")]
    tap.ok(all(same), "float and double jobs have the same masks", same)
    differ = [not np.array_equal(find(control=a, model="mlp", seed=0, scope="global", training_precision="float")[0],
                                 find(control=b, model="mlp", seed=0, scope="global", training_precision="float")[0])
              for a, b in (("snip", "grasp"), ("snip", "synflow"), ("grasp", "synflow"), ("grasp", "soft"))]
    tap.ok(all(differ), "each method, and each temperature, has its own", differ)
    flow = [find(control="flow", control_rounds=4, control_schedule=s)[0] for s in ("linear", "exponential")]
    flow += find(control="synflow", model="mlp", seed=0, scope="global", training_precision="float")
    tap.ok(len({m.tobytes() for m in flow}) == 3, "rounds and their schedule make a difference")
    tap.ok(len(jobs) == 48 + 2 + 2 + 3, "a control whose keys are the defaults is the bare kind: the same job", len(jobs))
tap.done()
