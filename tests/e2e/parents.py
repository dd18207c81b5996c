#!/usr/bin/env python3
"""Jobs that start from those of another task, network or training: which weights are whose, read from the store.
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
tasks:
  add: {kind: modular, expr: a + b, p: 13, train_fraction: 0.8}
  few: {use: add, train_fraction: 0.4}
  times: {use: add, expr: a * b}
models:
  small: {kind: embed_mlp, d_embed: 16, d_hidden: 8}
  big: {use: small, d_hidden: 12}
training: {adamw: {lr: 1e-2, epochs: 40}, sgd: {optimizer: sgd, lr: 0.1, epochs: 20}}
record: {eval_every: 10, threshold: 0.3}
grids:
  - {name: tuned, task: add, model: small, training: adamw, control: continue, t: final, parent: {task: times, training: sgd}}
  - {name: ungrokked, task: few, model: small, training: adamw, control: continue, t: mem, parent_task: add}
  - {name: carried, task: few, model: small, training: adamw, control: ticket, t: final, k: 0.5, parent: {task: [times, add]}}
  - {name: part, task: add, model: small, training: adamw, seed: [0, 1], control: continue, t: final, parent: {model: big, tensors: {W_U: W_U, W_E: W_E}}}
  - {name: crossed, task: add, model: big, training: adamw, control: {kind: edge_popup}, k: 0.5, t: final, parent: {model: small, tensors: {W_U: W_E}}}
  - {name: dense, task: add, model: [small, big], training: adamw, seed: [0, 1]}
"""
OTHERWISE = (("parent: {task: times, training: sgd}", "parent_task: times, parent_training: sgd"), ("parent_task: add", "parent: {task: add}"),
             ("tensors: {W_U: W_U, W_E: W_E}", "tensors: {W_E: W_E, W_U: W_U}"),
             ("parent: {task: [times, add]}", "parent_task: [times, add], parent_model: small"))

file, path = tap.write("parents.yaml", SWEEP), tap.SCRATCH / "parents.h5"
run = tap.tombola("run", file, "--store", path, ranks=3)
tap.ok(run.returncode == 0, "every grid runs", run.stderr)
with Store(path) as store:
    jobs = store.jobs()
    at = {}
    for job in jobs.itertuples():
        at[job.id] = {int(epoch): store.tensors(job.id, store.checkpoint(job.id, epoch)) for epoch in store.regular_epochs(job.id)}
    row = {job.id: job for job in jobs.itertuples()}

    def of(grid):
        rows = [job for job in store.jobs(grid=grid).itertuples() if job.parent or grid == "dense"]
        return sorted(rows, key=lambda job: (job.seed, job.model, row[job.parent].task if job.parent else ""))

    def same(a, b):
        return sorted(name for name in a if name in b and np.array_equal(a[name], b[name]))

    everything = ["W_E", "W_U", "W_inproj", "W_outproj"]
    (tuned,) = of("tuned")
    parent = row[tuned.parent]
    tap.equal((parent.task, parent.training, parent.epochs_done, tuned.task, tuned.training), ("times", "sgd", 20, "add", "adamw"), "the parent is of its own task and training")
    tap.equal(same(at[tuned.id][0], at[parent.id][20]), everything, "what continues starts from its last weights")
    (less,) = of("ungrokked")
    mem = row[less.parent].t_mem
    tap.equal((row[less.parent].task_train_fraction, less.task_train_fraction, less.t), (0.8, 0.4, mem), "trained on with fewer examples, from t_mem")
    tap.equal(same(at[less.id][0], store.tensors(less.parent, store.checkpoint(less.parent, "mem"))), everything, "from the weights there")
    tap.equal([row[job.parent].task for job in of("carried")], ["add", "times"], "the parent's task is an axis")
    for job in of("carried"):
        mask, last = store.mask(job.id), np.abs(np.concatenate([t.ravel() for t in at[job.parent][40].values()]))
        tap.ok(mask.sum() == round(0.5 * mask.size) and last[mask > 0].min() >= last[mask == 0].max(), "a ticket is of the parent's weights")
        own = {job.seed: job for job in of("dense") if job.model == "small"}[job.seed]
        tap.ok(np.array_equal(store.checkpoint(job.id, 0), store.checkpoint(own.id, 0) * mask), "on the job's own initialisation")
    for job in of("part"):
        start, last = at[job.id][0], at[job.parent][40]
        own = {(other.seed, other.model): at[other.id][0] for other in of("dense")}[job.seed, "small"]
        tap.equal((same(start, last), same(start, own)), (["W_E", "W_U"], ["W_inproj", "W_outproj"]), f"seed {job.seed}: some tensors are the parent's, others its own")
    (crossed,) = of("crossed")
    tap.ok(np.array_equal(at[crossed.id][0]["W_U"], at[crossed.parent][40]["W_E"]), "a tensor may come from one of another name")
    shown = set(jobs[jobs.parent_tensors != ""].parent_tensors.str[8:])
    tap.equal(shown, {" {W_E: W_E, W_U: W_U}", " {W_U: W_E}"}, "SQL has what was taken")

text = SWEEP
for old, new in OTHERWISE:
    tap.ok(old in text, f"said otherwise: {new}")
    text = text.replace(old, new)
alone = tap.SCRATCH / "alone.h5"
tap.equal(tap.tombola("run", tap.write("otherwise.yaml", text), "--store", alone).returncode, 0, "it runs on one rank")
tap.equal(digest.differences(path, alone), [], "and gives the same jobs and bits")
whole = SWEEP.replace("parent: {model: big, tensors: {W_U: W_U, W_E: W_E}}", "parent: {tensors: {W_E: W_E, W_U: W_U, W_inproj: W_inproj, W_outproj: W_outproj}}")
plain = SWEEP.replace("parent: {model: big, tensors: {W_U: W_U, W_E: W_E}}", "parent_model: small")
ids = [tap.tombola("plan", tap.write(name, sweep), "--verbose", "--only", "part", "--store", tap.SCRATCH / "none.h5").stdout.partition("\nid ")[2]
       for name, sweep in (("whole.yaml", whole), ("plain.yaml", plain))]
tap.ok(ids[0] == ids[1] and ids[0].count("\n") >= 4, "all tensors by name are all tensors", ids)
tap.done()
