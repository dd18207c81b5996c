#!/usr/bin/env python3
"""What `plan` says of the time that a sweep takes is what it takes, measures included, in processor time.
timeout: 200"""
import json
import math
import os
import resource
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

SWEEP = """
tasks: {{add: {{kind: modular, expr: a + b, p: {p}, train_fraction: 0.5}}}}
models:
  mlp: {{kind: embed_mlp, d_embed: 200, d_hidden: 48}}
  tf: {{kind: transformer, d_model: 64, d_mlp: 128}}
  wide: {{kind: dense_mlp, d_hidden: 4000}}
training: {{full: {{weight_decay: 1, epochs: {epochs}}}}}
measures: {{walk: {{kind: llc, draws: 10, burn_in: 5, chains: {chains}}}}}
record: {{eval_every: {every}, measures: {measures}}}
checkpoint: {{every: {checkpoint}}}
grids: [{{task: add, model: {model}, training: full, seed: [0, 1]}}]
"""


def sweep(**keys):
    usual = {"p": 67, "epochs": 1500, "chains": 4, "every": 10, "measures": "[]", "checkpoint": 500, "model": "mlp"}
    return tap.write("estimate.yaml", SWEEP.format(**{**usual, **keys}))


def plan(path):
    return json.loads(tap.tombola("plan", path, "--store", tap.SCRATCH / "none.h5", "--json").stdout)


def taken(path):
    """Processor seconds of a run; none of one that fails."""
    (tap.SCRATCH / "taken.h5").unlink(missing_ok=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = tap.tombola("run", path, "--store", tap.SCRATCH / "taken.h5")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return math.nan if run.returncode else seconds


def near(what, path, key, start):
    """Planned and taken one after the other; if they do not agree, the median of three, because a machine's speed changes."""
    tries = []
    while len(tries) < 3:
        tries.append((plan(path)[key], taken(path) - start))
        estimate, seconds = sorted(tries, key=lambda pair: pair[0] / pair[1])[len(tries) // 2]
        near_enough = 0.5 < estimate / seconds < 1.7
        if len(tries) == 1 and near_enough:
            break
    tap.ok(near_enough, f"{what}: planned {estimate:.2f} s, taken {seconds:.2f} s", tries)


start = statistics.median(taken(sweep(epochs=1, checkpoint=1)) for _ in range(3))
for keys in ({}, {"every": 1}, {"model": "tf", "epochs": 500, "every": 2, "checkpoint": 250}):
    near(f"training {keys}", sweep(**keys), "core_seconds", start)
tap.equal(plan(sweep())["measure_seconds"], 0, "no measures, no time")

few = {"p": 59, "model": "tf", "epochs": 40, "checkpoint": 4}
bare = statistics.median(taken(sweep(**few)) for _ in range(3))
for measures in ("[walk]", "[progress]"):
    near(f"measures {measures}", sweep(measures=measures, **few), "measure_seconds", bare)

# Walks that last longer than anybody waits are told from some of their steps.
short, long = (plan(sweep(measures="[walk]", chains=chains))["measure_seconds"] for chains in (2, 1000))
tap.ok(0.5 < long / short / 500 < 2, f"500 times the walks take {long / short:.0f} times as long")

if "not in this program" in tap.tombola("kinds", "graph").stdout:
    tap.skip("a measure that takes long", "this program was built without igraph")
    tap.done()
path = sweep(measures="[graph]", model="wide", p=97)
began = time.monotonic()
result = plan(path)
waited = time.monotonic() - began
tap.ok(result["at_least"] and result["measure_seconds"] > 2 and waited < 30, f"what is given up is a bound, after {waited:.1f} s", result)
tap.ok("more than" in tap.tombola("plan", path).stdout, "and is called one")
tap.done()
