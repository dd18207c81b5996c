#!/usr/bin/env python3
"""One rank runs 10 000 jobs that do nothing, and 200 short real ones: its memory stays where it was after the first ten.
timeout: 120
beside: others"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import h5py  # noqa: E402

NOTHING = """
tasks: {no: {kind: nothing}}
models: {mlp: {kind: embed_mlp, d_embed: 4, d_hidden: 4}}
training: {full: {epochs: 10}}
grids:
  - {task: no, model: mlp, training: full, seed: {from: 1, to: 10000, step: 1}}
"""
REAL = """
tasks: {add: {kind: modular, expr: a + b, p: 23, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 64, d_hidden: 32}}
training: {full: {lr: 1e-2, weight_decay: 1, epochs: 40}, batches: {use: full, batch: 50}, twice: {use: full, precision: double}}
record: {measures: [norms]}
checkpoint: {every: 20}
grids:
  - {task: add, model: mlp, training: [full, batches], seed: {from: 1, to: 20, step: 1}, control: [dense, ticket, l1, l2], t: 20, k: 0.5}
  - {task: add, model: mlp, training: twice, seed: {from: 1, to: 20, step: 1}, control: [dense, ticket], t: 20, k: 0.5}
"""


def resident(pid):
    """Megabytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def watch(name, text, jobs):
    """(jobs done, megabytes) from the tenth job on."""
    sweep, store = tap.write(f"{name}.yaml", text), tap.SCRATCH / f"{name}.h5"
    process = tap.start("run", sweep, "--store", store, "--quiet", "--resume-every", "0.005", "--commit-every", "0.02")
    tap.until(store.exists, "a store", step=0.001)
    seen = []
    with h5py.File(store, "r") as f:
        row = f["jobs"].id.get_offset()
        size = f["jobs"].dtype.itemsize
        at = f["jobs"].dtype.fields["state"][1]
    with open(store, "rb", buffering=0) as f:
        while process.poll() is None:
            f.seek(row)
            done = f.read(size * jobs)[at::size].count(3)
            try:
                if done >= 10:
                    seen.append((done, resident(process.pid)))
            except (OSError, StopIteration):
                break
            time.sleep(0.002)
    error = process.communicate()[1]
    tap.equal(process.returncode, 0, f"{name}: {jobs} jobs") or print(error)
    seen = [(done, megabytes) for done, megabytes in seen if done < jobs]  # later it is leaving
    first, last = seen[0], seen[-1]
    tap.ok(first[0] < jobs / 4 and last[0] > jobs * 3 / 4 and len(seen) >= 5, f"{name}: seen from job {first[0]} to {last[0]}", seen)
    most = max(megabytes for _, megabytes in seen)
    # A job takes and gives back about 2 MB; the first ten may not be the largest.  One that kept any of it would show here.
    tap.ok(most - first[1] < 3, f"{name}: {first[1]:.1f} MB after {first[0]} jobs, {last[1]:.1f} MB after {last[0]}, at most {most:.1f}")


watch("nothing", NOTHING, 10000)
watch("real", REAL, 200)
tap.done()
