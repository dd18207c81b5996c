#!/usr/bin/env python3
"""Sizes of batches: a share of the training set is the number that it stands for, so that both are one job; with replacement an
epoch has as many steps of other examples, and a killed run has the same bits.
beside: others
timeout: 240"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import numpy as np  # noqa: E402
from store import Store  # noqa: E402

SWEEP = """
tasks: {{add: {{kind: modular, expr: a + b, p: 7, train_fraction: 0.8}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 8, d_hidden: 8}}}}
training: {{sgd: {{optimizer: sgd, lr: 0.1, epochs: {epochs}}}}}
checkpoint: {{every: {epochs}}}
grids:
  - {{name: sizes, task: add, model: mlp, training: sgd, training.batch: {batch}, training.replace: {replace}}}
"""
TRAIN = int(0.8 * 28)


def sweep(name, batch, replace="false", epochs=20):
    return tap.write(name, SWEEP.format(batch=batch, replace=replace, epochs=epochs))


def batches(store):
    with Store(store) as s:
        return sorted(s.jobs().training_batch)


path = tap.SCRATCH / "sizes.h5"
tap.equal(tap.tombola("run", sweep("sizes.yaml", '[8, 11, 36 %, 50 %, "min(8, 50 %)", "min(100, 50%)"]'), "--store", path).returncode, 0,
          "numbers and shares run")
tap.equal(batches(path), [8, -(-TRAIN // 2)], f"of {TRAIN} examples 36 % and min(8, 50 %) are 8, 50 % is 11")
for batch, said in (("120 %", "must be a whole number, a share like 50 %"), ("half", "must be a whole number"),
                    ('"min(5, 6)"', "must be a whole number")):
    wrong = tap.tombola("plan", sweep("wrong.yaml", batch))
    tap.ok(wrong.returncode == 2 and said in wrong.stderr, f"a batch of {batch} is refused", wrong.stderr)
wrong = tap.tombola("plan", sweep("wrong.yaml", "0", "true"))
tap.ok(wrong.returncode == 2 and "'batch' must be given" in wrong.stderr, "replacement without batches is refused", wrong.stderr)

whole, store = tap.SCRATCH / "whole.h5", tap.SCRATCH / "killed.h5"
file = sweep("long.yaml", "[8, 50 %]", "[true, false]", epochs=3000)
tap.equal(tap.tombola("run", file, "--store", whole, ranks=2).returncode, 0, "with replacement and without")
with Store(whole) as s:
    jobs = s.jobs()
    ends = [s.checkpoint(job, "final") for _, job in jobs.iterrows()]
    tap.ok(len(ends) == 4 and all(not np.array_equal(a, b) for i, a in enumerate(ends) for b in ends[:i]), "four trainings, all different")
    tap.equal(sorted(jobs.steps_done), [3000 * 2, 3000 * 2, 3000 * 3, 3000 * 3], "of as many steps")
digest.survives(file, whole, store, [3] * 3)
tap.done()
