#!/usr/bin/env python3
"""show: a job's checkpoints, what can be exported of it, and why it does not run.
beside: others"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

SWEEP = """
name: shown
tasks: {{add: {{kind: modular, expr: a + b, p: 31, train_fraction: 0.6}}, no: {{kind: nothing, fail_every: 1}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 16, d_hidden: 16}}}}
training: {{adamw: {{epochs: {epochs}}}}}
record: {{measures: [norms], threshold: 0.001}}
checkpoint: {{every: {every}}}
grids:
  - {{name: a, task: add, model: mlp, training: adamw, seed: 0, control: [dense, ticket], t: final, k: 0.5}}
  - {{name: b, task: no, model: mlp, training: adamw, seed: 0, control: [dense, ticket], t: final, k: 0.5}}
"""


def show(store, where):
    (job,), = tap.query(store, f"SELECT id FROM jobs WHERE {where}")
    result = tap.tombola("show", store, job[:10])
    assert result.returncode == 0, result.stderr
    return job, result.stdout


def section(text, head):
    return (re.search(rf"^{head}.*\n((?:  .*\n)*)", text, re.M) or [None, ""])[1]


store = tap.SCRATCH / "shown.h5"
tap.equal(tap.tombola("run", tap.write("shown.yaml", SWEEP.format(epochs=60, every=20)), "--store", store, "--quiet").returncode, 3, "a small sweep")
job, text = show(store, "task = 'add' AND control = 'ticket'")
epochs = {int(word) for word in re.findall(r"(\d+)(?: \(|,|\n)", section(text, "checkpoints at epochs"))}
tap.equal(epochs, {row[0] for row in tap.query(store, f"SELECT DISTINCT epoch FROM checkpoints WHERE job = '{job}'")}, "its checkpoints")
(mem, gen), = tap.query(store, f"SELECT t_mem, t_gen FROM jobs WHERE id = '{job}'")
tap.ok(re.search(r"\b60 \([^)]*final\)", text) and re.search(rf"\b{mem} \([^)]*mem\b", text), "and which are milestones", text)
listed = [line.split()[0] for line in section(text, "what can be exported").splitlines()]
tap.ok({"weights@EPOCH", "mask", "series", "series/test_loss", "measures/norms", "measures/norms/l2"} <= set(listed), "what can be exported", text)
arrays = {row[0] for row in tap.query(store, f"SELECT DISTINCT name FROM series WHERE job = '{job}'")}
tap.equal({name.partition("/")[2] for name in listed if name.startswith("series/")}, arrays, "every curve, and no other")
bad = [name for name in listed if tap.tombola("export", store, job, name.replace("EPOCH", "20")).returncode]
tap.equal(bad, [], "and all of it can be")
_, text = show(store, "task = 'add' AND control = 'dense'")
tap.ok("  mask " not in section(text, "what can be exported"), "a dense job has no mask to export", text)
tap.ok(len(text) < 5000 and all(f"{name} accuracy" in section(text, "curves") for name in ("train", "test")), "its curves")

_, text = show(store, "task = 'no' AND control = 'dense'")
tap.ok("\nfailed: failed as asked" in text, "why a job failed", text)
_, text = show(store, "task = 'no' AND control = 'ticket'")
tap.ok("\nblocked: its parent failed" in text and "can be exported" not in text, "why one is blocked, which has nothing to export", text)

# ---- at work, stopped, killed ----
store, sweep = tap.SCRATCH / "long.h5", tap.write("long.yaml", SWEEP.format(epochs=1000000, every=500000))
dense, ticket = "task = 'add' AND control = 'dense'", "task = 'add' AND control = 'ticket'"


def running():
    run = tap.start("run", sweep, "--store", store, "--resume-every", "0.2")
    tap.until(lambda: tap.epochs_done(store) > before, "further")
    return run


before = 10  # what the job of task nothing says it has done
run = running()
text = show(store, dense)[1]
tap.ok(re.search(r"results after \d+ of 1000000 epochs, as of [\d.]+ s ago", text), "how fresh results are", text)
tap.ok("pending: its parent's weights are not there yet; it waits for a free rank" in show(store, ticket)[1], "what a ticket waits for")
tap.kill(run, 15)
run.communicate()
text = show(store, dense)[1]
tap.ok(re.search(r"^pending: it was stopped after \d+ epochs; no run is at work", text, re.M), "a job that was stopped", text)
before = tap.epochs_done(store)
run = running()
tap.kill(run)
run.communicate()
tap.ok("it was running when its run was killed" in show(store, dense)[1], "and one that was killed")
tap.done()
