#!/usr/bin/env python3
"""Rules for single tensors: what they start from, how they are trained and whether they are pruned, read from the store; the same
said otherwise is the same job.
beside: others
timeout: 240"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import numpy as np  # noqa: E402
from store import Store  # noqa: E402

LR, DECAY = 0.1, 0.5
SWEEP = """
tasks: {{add: {{kind: modular, expr: a + b, p: 13, train_fraction: 0.8}}}}
models:
  plain: {{kind: embed_mlp, d_embed: 40, d_hidden: 30}}
{models}
training: {{sgd: {{optimizer: sgd, lr: {lr}, weight_decay: {decay}, precision: double, epochs: 3}}}}
checkpoint: {{every: 1}}
grids:
  - {{name: dense, task: add, model: [plain, {names}], training: sgd}}
  - {{name: ticket, task: add, model: [plain, {names}], training: sgd, control: ticket, t: final, k: 0.5, scope: [global, tensor]}}
"""
FAN_IN = {"W_E": 13, "W_inproj": 40, "W_outproj": 30, "W_U": 13}  # (d, p), (h, d), (d, h), (d, p)
RULES = {
    "normal": "{W_E: {init: normal 0.3}}",
    "uniform": "{W_inproj: {init: uniform 1/sqrt(fan_in)}}",
    "signed": "{W_E: {init: signed 0.25}}",
    "constant": "{W_U: {init: constant -0.125}}",
    "tall": "{W_E: {init: orthogonal 1.5}}",
    "wide": "{W_inproj: {init: orthogonal}}",
    "times": "{'*': {init: times 8}}",
    "times-last": "{'*': {init: zeros}, W_E: {init: times 2}}",
    "kaiming": "{'W_*proj': {init: kaiming normal}}",
    "glorot": "{W_E: {init: glorot uniform}}",
    "glorot-said": "{W_E: {init: 'uniform sqrt( 6/(fan_in + fan_out))'}}",
    "frozen": "{W_E: {frozen: true}}",
    "frozen-said": "{W_E: {frozen: true, lr: 3}}",
    "freed": "{'*': {frozen: true, lr: 0.5}, W_U: {frozen: false}}",
    "factor": "{W_E: {lr: 0.25}, W_U: {decay: 0}, W_outproj: {decay: 3}}",
    "kept": "{'W_[EU]': {prune: false}}",
    "later": "{'*': {lr: 0.5, decay: 0}, W_E: {lr: 1, decay: 1}}",
    "nothing": "{W_E: {lr: 1, decay: 1, prune: true}, W_U: {init: times 1}}",
}


def sweep(name, rules):
    models = "\n".join(f"  {key}: {{use: plain, tensors: {text}}}" for key, text in rules.items())
    return tap.write(name, SWEEP.format(models=models, names=", ".join(rules), lr=LR, decay=DECAY))


file, path = sweep("tensors.yaml", RULES), tap.SCRATCH / "tensors.h5"
run = tap.tombola("run", file, "--store", path, ranks=2)
tap.ok(run.returncode == 0, "every rule trains", run.stderr)


def gradient(job, epoch):
    out = tap.SCRATCH / "g.npz"
    assert tap.tombola("export", path, job.id, f"gradients@{epoch}", "--output", out).returncode == 0
    with np.load(out) as arrays:
        return {name: arrays[name] for name in arrays.files}


with Store(path) as store:
    jobs = store.jobs()
    dense = {job.model: job for job in jobs[jobs.control == "dense"].itertuples()}
    start = {name: store.tensors(job.id, store.checkpoint(job.id, 0)) for name, job in dense.items()}
    end = {name: store.tensors(job.id, store.checkpoint(job.id, 3)) for name, job in dense.items()}
    first = start["plain"]
    tap.equal(sorted(dense), sorted({"plain", *RULES} - {"nothing", "glorot-said", "frozen-said"}), "what says nothing new, or the same otherwise, is the same job")
    untouched = [(name, tensor) for name, text in RULES.items() if name in start and "times" not in name for tensor in first
                 if tensor not in text and not ("proj" in tensor and "proj" in text) and not np.array_equal(start[name][tensor], first[tensor])]
    tap.equal(untouched, [], "other tensors start as they did")
    flat = lambda name, tensor: start[name][tensor].ravel()  # noqa: E731
    tap.ok(abs(flat("normal", "W_E").std() / 0.3 - 1) < 0.15 and abs(flat("normal", "W_E").mean()) < 0.05, "normal", flat("normal", "W_E").std())
    bound = 1 / np.sqrt(FAN_IN["W_inproj"])
    drawn = np.abs(flat("uniform", "W_inproj"))
    tap.ok(drawn.max() <= bound * (1 + 1e-6) and drawn.max() > 0.98 * bound and abs(drawn.mean() / bound - 0.5) < 0.05, "uniform within 1/sqrt(fan_in)")
    tap.ok(set(flat("signed", "W_E")) == {0.25, -0.25} and abs(flat("signed", "W_E").mean()) < 0.05, "signed constants")
    tap.ok(set(flat("constant", "W_U")) == {-0.125}, "constants")
    tall, wide = start["tall"]["W_E"], start["wide"]["W_inproj"]
    tap.ok(np.allclose(tall.T @ tall, 2.25 * np.eye(tall.shape[1]), atol=1e-5), f"the columns of a tall matrix {tall.shape} are orthogonal, of length 1.5")
    tap.ok(np.allclose(wide @ wide.T, np.eye(len(wide)), atol=1e-5), f"and the rows of a wide one {wide.shape}")
    tap.ok(all(np.allclose(start["times"][t], 8 * first[t], rtol=1e-6) for t in first), "times 8 is the network's own, times 8")
    tap.ok(np.allclose(start["times-last"]["W_E"], 2 * first["W_E"], rtol=1e-6) and not any(start["times-last"][t].any() for t in first if t != "W_E"),
           "times 2 is the network's own, times 2, whatever an earlier rule has made of it")
    tap.ok(abs(flat("kaiming", "W_outproj").std() / np.sqrt(2 / FAN_IN["W_outproj"]) - 1) < 0.15, "kaiming normal")
    limit = np.sqrt(6 / sum(first["W_E"].shape))
    tap.ok(0.98 * limit < np.abs(flat("glorot", "W_E")).max() <= limit * (1 + 1e-6), "glorot uniform")
    tap.ok(np.array_equal(end["frozen"]["W_E"], first["W_E"]) and not np.array_equal(end["frozen"]["W_U"], first["W_U"]), "frozen: the one and no other")
    tap.equal([t for t in first if not np.array_equal(end["freed"][t], first[t])], ["W_U"], "frozen: all but the one that a later rule sets free")
    for name, lr, decay in (("freed", {"W_U": 0.5, "W_E": 0, "W_inproj": 0, "W_outproj": 0}, {}),
                            ("factor", {"W_E": 0.25}, {"W_U": 0, "W_outproj": 3}),
                            ("later", {"W_inproj": 0.5, "W_outproj": 0.5, "W_U": 0.5}, {"W_inproj": 0, "W_outproj": 0, "W_U": 0})):
        g, before, after = gradient(dense[name], 0), start[name], store.tensors(dense[name].id, store.checkpoint(dense[name].id, 1))
        wrong = [t for t in first if not np.allclose(
            after[t], before[t] - LR * lr.get(t, 1) * (g[t] + DECAY * decay.get(t, 1) * before[t]), rtol=1e-9, atol=1e-12)]
        tap.equal(wrong, [], f"{name}: a step with the factors of each tensor")
    for job in jobs[(jobs.control == "ticket") & (jobs.model == "kept")].itertuples():
        mask = store.tensors(job.id, store.mask(job.id))
        pruned = {t for t in mask if not mask[t].all()}
        share = 1 - np.concatenate([mask[t].ravel() for t in pruned]).mean()
        tap.ok(pruned == {"W_inproj", "W_outproj"} and abs(share - 0.5) < 0.01, f"scope {job.scope}: k is of what is pruned", (pruned, share))
again = tap.SCRATCH / "again.h5"
tap.equal(tap.tombola("run", sweep("again.yaml", {**RULES, "normal": "{'?_E': {init: normal 3e-1}}"}), "--store", again).returncode, 0, "in other words")
tap.equal(digest.differences(path, again), [], "they are the same jobs, with the same bits on one rank and on two")
shown = tap.tombola("query", path, "SELECT DISTINCT model_tensors FROM jobs WHERE model = 'factor'", "--no-header").stdout.strip()
tap.ok(shown[8:].startswith(" {W_E: {lr: 0.25}, W_outproj: {decay: 3},"), "SQL shows what they are", shown)
tap.done()
