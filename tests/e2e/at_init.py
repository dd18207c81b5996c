#!/usr/bin/env python3
"""Pruning at initialisation through the command line: every model, losses of one output and of many, both precisions, with
rounds and schedules; on one rank and on two.
timeout: 180
beside: others"""
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

# Images with empty borders: the weights of what is always 0 have scores of 0 at initialisation.
rng, folder = np.random.default_rng(4), tap.SCRATCH / "images"
folder.mkdir(exist_ok=True)
images = {}
for name, count in ("train", 40), ("test", 20):
    pixels = np.zeros((count, 8, 8), np.uint8)
    pixels[:, 2:6, 2:6] = rng.integers(0, 255, (count, 4, 4))
    images |= {f"x_{name}": pixels, f"y_{name}": rng.integers(0, 10, count).astype(np.uint8)}
np.savez(folder / "mnist.npz", **images)
TIES = """
tasks: {{images: {{kind: mnist, folder: images, train: 40, test: 20}}}}
models: {{net: {{kind: dense_mlp, d_hidden: 12, layers: 2}}}}
training: {{full: {{batch: 10, epochs: 2}}}}
record: {{eval_every: 1}}
grids: [{{task: images, model: net, training: full, seed: [0, 1, 2, 3], control: [snip, grasp, synflow, random, ticket], t: final, k: 0.3, scope: [global, tensor]{}}}]
"""
SQL = "SELECT control, ties, scope, seed, k_removed FROM jobs WHERE k > 0 ORDER BY 1, 2, 3, 4"
removed = {}
for ties in "", "prune", "keep", "draw":
    store = tap.SCRATCH / f"ties-{ties}.h5"
    run = tap.tombola("run", tap.write("ties.yaml", TIES.format(f", ties: {ties}" if ties else "")), "--store", store)
    tap.equal(run.returncode, 0, f"ties: {ties or 'not said'}") or print(run.stderr)
    warned = run.stderr.count("weights with equal scores")
    removed[ties] = {tuple(row[:4]): row[4] for row in tap.query(store, SQL)}
    wrong = []
    with h5py.File(store, "r") as f:
        for row in (r for r in f["jobs"][:] if r["state"] and r["k"] > 0):
            m = family(f, row)["masks"][row["family_row"]]
            parts = [slice(t["offset"], t["offset"] + t["size"]) for t in family(f, row)["tensors"][:]]  # this network's biases, too
            have = 1 - sum(m[p].sum() for p in parts) / sum(m[p].size for p in parts)
            if abs(row["k_removed"] - have) > 1e-12:
                wrong.append((text(row, "control"), row["k_removed"], have))
            if text(row, "ties") == "draw" or text(row, "control") == "random":
                groups = [np.concatenate([m[p] for p in parts])] if text(row, "scope") == "global" else [m[p] for p in parts]
                wrong += [(text(row, "control"), int(g.size * 0.3), int((1 - g).sum())) for g in groups if int(g.size * 0.3) != int(g.size - g.sum())]
    tap.equal(wrong, [], "k_removed is what the mask removes, and that is k where ties are drawn")
    tap.equal(warned, 3 if ties in ("prune", "keep") else 0, "what removes more or less than k is warned of, three times at most") or print(run.stderr)
tap.equal(removed[""], removed["draw"], "what says nothing draws")
worst = max(value for key, value in removed["prune"].items() if key[0] in ("snip", "synflow"))
tap.ok(worst > 0.5, "the published rule removes far more of such networks than k", worst)
ids = {ties: set(sum(tap.query(tap.SCRATCH / f"ties-{ties}.h5", "SELECT id FROM jobs WHERE control IN ('snip', 'ticket')"), [])) for ties in ("", "prune", "keep")}
tap.ok(not ids[""] & ids["prune"] and not ids["keep"] & ids["prune"], "jobs that differ in it are different jobs")
texts = tap.query(tap.SCRATCH / "ties-prune.h5", "SELECT control, ties FROM jobs WHERE control IN ('random', 'dense') GROUP BY 1, 2")
tap.equal([t[1] for t in texts], [None, None], "what has no ties has no such key")
tap.done()
