#!/usr/bin/env python3
"""Every rank is killed at random instants, again and again; the same command goes on, and the store ends up with the bits of
a run that nobody disturbed.
timeout: 240"""
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402

KILLS = int(os.environ.get("KILLS", "12"))
SWEEP = """
tasks: {add: {kind: modular, expr: a + b, p: 31, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 64, d_hidden: 32}}
training:
  full: {lr: 3e-3, weight_decay: 1, betas: [0.9, 0.98], epochs: 25000}
  batches: {use: full, batch: 100, epochs: 4000}
  twice: {use: full, precision: double, epochs: 10000}
record: {eval_every: 5, series_every: 10, measures: [norms]}
checkpoint: {every: 400}
grids:
  - {task: add, model: mlp, training: [full, batches, twice], seed: [0, 1], control: [dense, ticket, l1, l2, random], t: 400, k: 0.6}
"""
sweep = tap.write("kills.yaml", SWEEP)
whole, store = tap.SCRATCH / "whole.h5", tap.SCRATCH / "killed.h5"
tap.equal(tap.tombola("run", sweep, "--store", whole, ranks=2).returncode, 0, "undisturbed")

dice = random.Random(int(os.environ.get("SEED", "1")))
opened = kills = 0
code, log = None, ""
while code not in (0, 3):  # 3: a job has died three times, and waits for --retry-failed
    process = tap.start("run", sweep, "--store", store, "--resume-every", "0.05", ranks=dice.choice([1, 2, 3]))
    try:
        process.wait(dice.uniform(0.3, 1.5) if kills < KILLS else 120)
    except subprocess.TimeoutExpired:
        pass
    if process.poll() is None:
        tap.kill(process)
        kills += 1
    log = process.communicate()[1]
    code = process.returncode
    time.sleep(0.2)
    if store.exists():
        with h5py.File(store, "r") as f:
            opened += len(f["jobs"]) > 0
failed = tap.query(store, "SELECT id, error FROM jobs WHERE state != 'done'")
if code == 3:
    code = tap.tombola("run", sweep, "--store", store, "--retry-failed", ranks=2).returncode
tap.equal(code, 0, f"the same command finishes after {kills} kills") or print(log)
tap.ok(kills >= 5, f"it was killed {kills} times, and h5py opened the file {opened} times")
found = digest.differences(whole, store)
tap.ok(not found, "the same bits as undisturbed", "\n".join(found))
verify = tap.tombola("verify", store)
tap.equal(verify.returncode, 0, "verify finds nothing wrong") or print(verify.stdout)
tap.ok(not list(tap.SCRATCH.glob("killed.h5.*")), "nothing is left beside the store", list(tap.SCRATCH.glob("killed*")))
print(f"# jobs that had died three times: {len(failed)}")
tap.done()
