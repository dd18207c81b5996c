#!/usr/bin/env python3
"""Learning-rate schedules: the factor that each step really had is found from the weights before and after it and the gradient
that `export` computes, and compared with the formulas; one warm-up is one job however it is written; killed runs keep their bits.
beside: others
timeout: 240"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import numpy as np  # noqa: E402
from store import Store  # noqa: E402

LR, EPOCHS = 0.1, 24
SCHEDULES = {
    "[warmup 4]": lambda t: min(t / 4, 1),
    "[warmup 4, cosine 10 to 0.2]": lambda t: t / 4 if t < 4 else 0.2 + 0.4 * (1 + np.cos(np.pi * min((t - 4) / 10, 1))),
    "[constant 5, linear to 0]": lambda t: 1 if t < 5 else 1 - (t - 5) / (EPOCHS - 5),
    "[drop 0.5 at 6 epochs, drop 0.1 at 12]": lambda t: 1 if t < 6 else 0.5 if t < 12 else 0.05,
    "[drop 0.8 every 5]": lambda t: 0.8 ** (t // 5),
}
SWEEP = """
tasks: {{add: {{kind: modular, expr: a + b, p: 7, train_fraction: 0.6}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 8, d_hidden: 8}}}}
training:
  key: {{optimizer: sgd, lr: {lr}, precision: double, epochs: {epochs}, warmup: 4}}
  plain: {{optimizer: sgd, lr: {lr}, precision: double, epochs: {epochs}}}
  batches: {{optimizer: adamw, lr: 1e-2, batch: 5, epochs: {epochs}}}
checkpoint: {{every: {every}}}
grids:
  - {{name: key, task: add, model: mlp, training: key}}
  - {{name: full, task: add, model: mlp, training: plain, training.schedule: [{schedules}]}}
  - {{name: batches, task: add, model: mlp, training: batches, training.schedule: [[], [drop 0 at 3 epochs], [warmup 2 epochs, cosine to 0]]}}
"""


def sweep(name, epochs=EPOCHS, every=1):
    return tap.write(name, SWEEP.format(lr=LR, epochs=epochs, every=every, schedules=", ".join(SCHEDULES)))


def gradient(store, job, epoch):
    out = tap.SCRATCH / "g.npz"
    result = tap.tombola("export", store, job.id, f"gradients@{epoch}", "--output", out)
    assert result.returncode == 0, result.stderr
    with np.load(out) as arrays:
        return {name: arrays[name] for name in arrays.files}


file, path = sweep("schedules.yaml"), tap.SCRATCH / "schedules.h5"
tap.equal(tap.tombola("run", file, "--store", path, ranks=2).returncode, 0, "every schedule runs")
with Store(path) as s:
    jobs = s.jobs()
    tap.equal(len(jobs), len(SCHEDULES) + 3, "a warm-up is one job, given as a key or as a schedule")
    full = jobs[jobs.training_batch == 0]
    for text, factor in SCHEDULES.items():
        warmup, rest = (4, "[" + text[len("[warmup 4"):].lstrip(", ")) if "warmup" in text else (0, text)
        row = full[(full.training_warmup == warmup) & (full.training_schedule == rest.replace(", ", ","))]
        if not tap.equal(len(row), 1, f"{text} is in the store"):
            continue
        job, have = row.iloc[0], []
        for t in range(EPOCHS):
            before, after = (s.tensors(job, s.checkpoint(job, at)) for at in (t, t + 1))
            g = gradient(path, job, t)
            moved = np.concatenate([(before[n] - after[n]).ravel() for n in g])
            slope = np.concatenate([g[n].ravel() for n in g])
            have.append(moved @ slope / (slope @ slope) / LR)
        want = [factor(t) for t in range(EPOCHS)]
        tap.ok(np.allclose(have, want, rtol=1e-9, atol=1e-9), f"{text}: each step has the factor it should",
               "\n".join(f"{t}: {h} {w}" for t, (h, w) in enumerate(zip(have, want))))
    batches = jobs[jobs.training_batch == 5].set_index("training_schedule")
    plain, dropped = batches.loc["[]"], batches.loc["[drop 0 at 3 epochs]"]
    tap.ok(np.array_equal(s.checkpoint(plain, 3), s.checkpoint(dropped, 3)), "the same steps before the drop")
    tap.ok(np.array_equal(s.checkpoint(dropped, 3), s.checkpoint(dropped, EPOCHS)), "and none behind it, in epochs of many steps")

whole, store = tap.SCRATCH / "long.h5", tap.SCRATCH / "killed.h5"
file = sweep("long.yaml", epochs=4000, every=1000)
tap.equal(tap.tombola("run", file, "--store", whole, ranks=2).returncode, 0, "undisturbed")
digest.survives(file, whole, store, [4] * 3)
tap.done()
