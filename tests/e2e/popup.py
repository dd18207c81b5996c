#!/usr/bin/env python3
"""Edge-popup through a sweep file: its keys, its masks at every checkpoint, and the same bits when it is killed.
beside: others
timeout: 240"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import numpy as np  # noqa: E402
from store import Store  # noqa: E402

K, P = 0.6, 17
PAIRS = P * (P + 1) // 2
TRAIN = int(0.7 * PAIRS)
SWEEP = """
tasks: {{add: {{kind: modular, expr: a + b, p: 17, train_fraction: 0.7}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 32, d_hidden: 16}}}}
training:
  short: {{lr: 1e-2, weight_decay: 1, betas: [0.9, 0.98], epochs: 200}}
  long: {{use: short, epochs: {epochs}}}
  batches: {{use: long, batch: 30, precision: double, warmup: 5}}
controls:
  frozen: {{kind: edge_popup, score_momentum: 0.9}}
  trained: {{kind: edge_popup, weights: trained, gradient: plain, score_optimizer: adamw, score_lr: 1e-3{extra}}}
record: {{eval_every: 5, measures: [norms]}}
checkpoint: {{every: 100}}
grids:
  - {{name: alone, task: add, model: mlp, training: long, parent_training: short, t: mem, seed: [0, 1], control: continue}}
  - {{name: popup, task: add, model: mlp, training: long, parent_training: short, t: mem, seed: [0, 1], k: 0.6,
     control: [frozen, trained], control.scores: [magnitude, kaiming, random]}}
  - {{name: batches, task: add, model: mlp, training: batches, parent_training: short, t: 100, k: 0.6, control: [frozen, trained]}}
"""


def sweep(name, epochs=300, extra=""):
    return tap.write(name, SWEEP.format(epochs=epochs, extra=extra))


def accuracy(weights):
    """Of the network on all pairs, computed anew."""
    a, b = np.array([(a, b) for a in range(P) for b in range(a, P)]).T
    table = weights["W_inproj"] @ weights["W_E"]
    logits = weights["W_U"].T @ (weights["W_outproj"] @ np.maximum(table[:, a] + table[:, b], 0))
    return np.mean(logits.argmax(0) == (a + b) % P)


file, whole = sweep("popup.yaml"), tap.SCRATCH / "whole.h5"
tap.equal(tap.tombola("run", file, "--store", whole).returncode, 0, "every variant runs")
with Store(whole) as s:
    jobs = s.jobs()
    popups = jobs[jobs.control.isin(["frozen", "trained"])]
    tap.equal((len(popups), len(jobs[jobs.control == "continue"])), (14, 2), "as many as the sweep asks for")
    shapes, kept, network, start, norms, moved = [], [], [], [], [], {}
    for _, job in popups.iterrows():
        group, row = s.family(job)
        masks, epochs = group["masks"][row], list(s.checkpoint_epochs(job))
        shapes.append(masks.shape == group["checkpoints"].shape[1:] and epochs[:4] == [0, 100, 200, 300])
        weights = {t: s.checkpoint(job, t) for t in epochs[:4]}
        kept += [m.sum() == m.size - int(K * m.size) for t in weights for m in s.tensors(job, s.mask(job, t)).values()]
        net = s.tensors(job, weights[300] * s.mask(job))
        right = job.train_accuracy * TRAIN + job.test_accuracy * (PAIRS - TRAIN)
        network.append(abs(accuracy(net) * PAIRS - right) < 1e-6)
        parent = s.checkpoint(job.parent, "mem" if job.t_asked == "mem" else 100)
        start.append(np.array_equal(weights[0], parent))
        moved.setdefault(job.control, []).append(not np.array_equal(weights[300], parent))
        norms.append(np.isclose(s.measure(job, "norms/l2").loc[300, "all"], np.linalg.norm(weights[300] * s.mask(job)), rtol=1e-5))
        if job.control_scores == "magnitude":
            order = np.abs(parent)
            first = s.tensors(job, s.mask(job, 0))
            kept += [order[m].min() > order[~m].max() for order, m in zip(s.tensors(job, order).values(), first.values())]
    tap.ok(all(shapes), "a mask at each checkpoint", shapes)
    tap.ok(all(kept), "of each tensor the fraction 1 - k is kept, first the largest weights if the scores say so", kept)
    tap.ok(all(network), "the accuracy is that of checkpoint * mask", network)
    tap.ok(all(norms), "and so are the measures", norms)
    tap.ok(all(start), "from the parent's weights at t", start)
    tap.equal({c: set(m) for c, m in moved.items()}, {"frozen": {False}, "trained": {True}}, "frozen weights stay, trained ones do not")
    changed = [not np.array_equal(s.mask(j, 0), s.mask(j, 300)) for _, j in popups.iterrows()]
    tap.ok(all(changed), "the scores move the mask", changed)
    for _, job in jobs[jobs.control == "continue"].iterrows():
        tap.ok(np.array_equal(s.checkpoint(job, 0), s.checkpoint(job.parent, "mem")) and s.mask(job).all(),
               "continue: the parent's weights, no mask")

    job = popups[popups.t_mem >= 0].iloc[0]
    out = tap.SCRATCH / "mask.npy"
    for t in ("mem", 0, 200):
        export = tap.tombola("export", whole, job.id, f"mask@{t}", "--output", out)
        tap.ok(out.exists() and np.array_equal(np.load(out).astype(bool), s.mask(job, t)), f"export mask@{t}", export.stderr)

store = tap.SCRATCH / "killed.h5"
file, whole = sweep("long.yaml", epochs=4000), tap.SCRATCH / "long.h5"
tap.equal(tap.tombola("run", file, "--store", whole, ranks=2).returncode, 0, "undisturbed")
digest.survives(file, whole, store, [5] * 4)

wrong = tap.tombola("plan", sweep("wrong.yaml", extra=", score_momentum: 0.5"))
tap.ok(wrong.returncode == 2 and "'score_momentum' has no meaning with score_optimizer 'adamw'" in wrong.stderr,
       "a key that the scores' optimiser has not is an error", wrong.stderr)
tap.done()
