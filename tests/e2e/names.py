#!/usr/bin/env python3
"""Weights under the names of another program: what PyTorch calls and lays out otherwise comes in, is trained on, and goes out again,
as .npz and .safetensors; a file of names that is wrong is refused.
beside: others
timeout: 120"""
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import numpy as np  # noqa: E402

SWEEP = """
tasks: {{add: {{kind: modular, expr: a + b, p: 7, pairs: ordered}}}}
models:
  list: {{kind: net, net: [embed 6, positions, {{residual: [attention heads=2]}}, norm batch, at last, dense $classes]}}
  kind: {{kind: transformer, d_model: 8, heads: 1, d_mlp: 12}}
training: {{t: {{optimizer: sgd, lr: 0.1, epochs: {epochs}, precision: double}}}}
checkpoint: {{every: 2}}
grids: [{{task: add, model: {model}, training: t{more}}}]
"""
NAMES = {
    "list": """
tok.weight: embed1.E
pos.weight: positions1.P
attn.in_proj_weight: [residual1.attention1.Q, residual1.attention1.K, residual1.attention1.V]
attn.out_proj.weight: residual1.attention1.O
bn.weight: norm1.gain
bn.bias: norm1.shift
bn.running_mean: norm1.mean
bn.running_var: norm1.variance
head.weight: dense1.W
head.bias: dense1.b
""",
    "kind": "{tok.weight: T(W_E), head.weight: T(W_U)}\n",
}
rng = np.random.default_rng(3)


def sweep(name, model, epochs=2, more=""):
    return tap.write(f"{name}.yaml", SWEEP.format(model=model, epochs=epochs, more=more))


def run(name, *args):
    store = tap.SCRATCH / f"{name}.h5"
    result = tap.tombola("run", sweep(name, *args), "--store", store)
    tap.equal(result.returncode, 0, f"{name} is trained") or print(result.stderr)
    return store, tap.query(store, "SELECT id FROM jobs")[0][0]


def read_safetensors(path):
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    head = json.loads(data[8:8 + size])
    return {k: np.frombuffer(data[8 + size + v["data_offsets"][0]:8 + size + v["data_offsets"][1]], "<f8").reshape(v["shape"])
            for k, v in head.items() if k != "__metadata__"}


def write_safetensors(path, arrays):
    head, at = {}, 0
    for name, a in arrays.items():
        head[name] = {"dtype": "F64", "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(np.ascontiguousarray(a).tobytes() for a in arrays.values()))


def export(store, job, what, out, *more):
    result = tap.tombola("export", store, job, what, "-o", out, *more)
    assert result.returncode == 0, result.stderr
    return dict(np.load(out)) if out.suffix == ".npz" else read_safetensors(out)


for model, text in NAMES.items():
    names = tap.write(f"{model}.names", text)
    store, job = run(f"made_{model}", model)
    own = export(store, job, "weights@2", tap.SCRATCH / "own.npz")
    theirs = export(store, job, "weights@2", tap.SCRATCH / "theirs.npz", "--names", names)
    if model == "list":
        tap.ok(set(theirs) == {line.split(":")[0] for line in text.split("\n") if line}, "every array has its other name", sorted(theirs))
        tap.ok(theirs["attn.in_proj_weight"].shape == (18, 6) and
               np.array_equal(theirs["attn.in_proj_weight"], np.concatenate([own[f"residual1.attention1.{k}"] for k in "QKV"])), "one above the other")
    else:
        tap.ok(np.array_equal(theirs["tok.weight"], own["W_E"].T) and np.array_equal(theirs["head.weight"], own["W_U"].T), "transposed")
        tap.ok("W_E" not in theirs and np.array_equal(theirs["W_Q"], own["W_Q"]), "the others have their own names", sorted(theirs))
    # A state dict from elsewhere: other values, another order, arrays that nobody asks for.
    made = {k: rng.normal(size=theirs[k].shape) ** (2 if k == "bn.running_var" else 1) for k in reversed(sorted(theirs))}
    np.savez(tap.SCRATCH / "state.npz", **made, **{"bn.num_batches_tracked": np.int64(7)})
    write_safetensors(tap.SCRATCH / "state.safetensors", made)
    for ending in ("npz", "safetensors"):
        store, job = run(f"{model}_{ending}", model, 2, f", init: {{file: state.{ending}, names: {model}.names}}")
        back = export(store, job, "weights@0", tap.SCRATCH / f"back.{ending}", "--names", names)
        tap.ok(set(back) == set(made) and all(np.array_equal(back[k], made[k]) for k in made), f"{model}, .{ending}: what came in goes out", sorted(back))
        mine = export(store, job, "weights@0", tap.SCRATCH / "mine.npz")
        where = ("head.weight", "dense1.W", False) if model == "list" else ("head.weight", "W_U", True)
        tap.ok(np.array_equal(made[where[0]].T if where[2] else made[where[0]], mine[where[1]]), "and is what it is called")
    ids = [tap.query(tap.SCRATCH / f"{model}_{ending}.h5", "SELECT id FROM jobs") for ending in ("npz", "safetensors")]
    tap.equal(ids[0], ids[1], "the same weights are the same job, whatever they come from")

WRONG = {
    "{tok.weight: embed2.E}": "the network has no tensor 'embed2.E'; it has",
    "{tok.weight: embed1.E, other: embed1.E}": "two arrays hold 'embed1.E'",
    "{tok.weight: {a: b}}": "'tok.weight' must be a tensor, T(TENSOR) or a list of tensors",
    "[embed1.E]": "must be a map from names of arrays to tensors",
    "{tok.weight: embed1.E": "list.wrong', line 2, column 1: not valid YAML",
    "{" + 100 * "n" + ": embed1.E}": "a name of more than 95 characters",
    "#" * (1 << 20): "is 1048577 bytes long; at most 1048576 are read",
    "{head.weight: embed1.E}": "dataset 'init/head.weight' is [7, 8], the model's embed1.E is [7, 6]",
}
for text, says in WRONG.items():
    tap.write("list.wrong", text + "\n")
    plan = tap.tombola("plan", sweep("wrong", "list", 2, ", init: {file: state.npz, names: list.wrong}"))
    tap.ok(plan.returncode == 2 and says in plan.stderr, f"{text[:60]} is refused", plan.stderr)
tap.write("list.wrong", "{all: [embed1.E, dense1.b]}\n")
store = tap.SCRATCH / "made_list.h5"
result = tap.tombola("export", store, tap.query(store, "SELECT id FROM jobs")[0][0], "weights@2", "--names", tap.SCRATCH / "list.wrong", "-o", tap.SCRATCH / "no.npz")
tap.ok(result.returncode == 2 and "do not stand one above the other: their rows differ" in result.stderr, "rows that differ are not stacked", result.stderr)
tap.done()
