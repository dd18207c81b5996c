#!/usr/bin/env python3
"""Every bad sweep file is refused with the message it names, exit code 2, and nothing written.  Those in tests/bad/plan are
right to the reader of sweeps: their faults are seen when jobs are made of them.
beside: others"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

store = tap.SCRATCH / "never.h5"
files = sorted([*(tap.ROOT / "tests/bad").glob("*.yaml"), *(tap.ROOT / "tests/bad/plan").glob("*.yaml")])
tap.ok(len(files) >= 30, "there is a table of bad files", len(files))
for file in files:
    expected = [line.split("expect:", 1)[1].strip() for line in file.read_text(errors="replace").splitlines()
                if line.startswith("# expect:")]
    result = tap.tombola("plan", file.relative_to(tap.ROOT), "--store", store)
    place, wrong = 0, []
    for text in expected:
        found = result.stderr.find(text, place)
        if found < 0:
            wrong.append(f"missing: {text}")
        place = max(place, found)
    good = result.returncode == 2 and expected and not wrong and not result.stdout
    tap.ok(good, file.name, "\n".join([*wrong, f"exit code {result.returncode}", result.stderr]))

# What is misspelt hides nothing, be it of this block or of another one: all mistakes of the file at once, in its order.
MANY = """tasks:
  add: {kind: modula, expr: a + b, p: 13, train_fracton: 2}
models:
  mlp: {kind: embed_mlp, d_embed: 8, d_hidden: 8}
training:
  adamw: {optimizer: adamwq, weight_deca: -1, epochs: -2}
  other: {optimizer: nothing_like_it, lrr: 3, batch: -3}
record: {eval_every: 10, series_every: 25, measures: [norm, jacard], treshold: 0.95}
grids:
  - {name: one, task: add, model: mlp, training: adamw, kk: 0.5, seed: -1}
  - {name: two, task: {kind: modular, expr: a + b, p: 13}, model: mlp, training: {epochs: 100}, control: ticket, t: 33, k: 0.5}
"""
PLACES = ["2:15: tasks.add: unknown kind 'modula'", "2:43: tasks.add: unknown key 'train_fracton' for modular", "2:58: tasks.add.train_fracton: 'train_fraction' is 2",
          "6:22: training.adamw: unknown optimizer 'adamwq'", "6:30: training.adamw: unknown key 'weight_deca' for adamw",
          "6:43: training.adamw.weight_deca: 'weight_decay' is -1", "6:55: training.adamw.epochs: 'epochs' is -2",
          "7:22: training.other: unknown optimizer 'nothing_like_it'", "7:39: training.other: unknown key 'lrr', whatever optimizer is meant",
          "7:54: training.other.batch: 'batch' is -3",
          "8:55: record.measures: unknown measure 'norm'", "8:61: record.measures: unknown measure 'jacard'", "8:70: record: unknown key 'treshold'",
          "10:57: grids[0]: unknown key 'kk'", "10:72: grids[0].seed: 'seed' is -1"]
many = tap.write("many.yaml", MANY)
said = [line.removeprefix(f"tombola: error: {many}:") for line in tap.tombola("plan", many).stderr.splitlines()]
tap.ok(len(said) == len(PLACES) and all(line.startswith(place) for line, place in zip(said, PLACES)), "all mistakes of a file at once", "\n".join(said))
right = tap.write("right.yaml", MANY.replace("modula,", "modular,").replace("train_fracton: 2", "train_fraction: 0.5").replace("adamwq, weight_deca: -1, epochs: -2",
                  "adamw, weight_decay: 1, epochs: 100").replace("nothing_like_it, lrr: 3, batch: -3", "sgd, lr: 3, batch: 3, epochs: 1").replace("[norm, jacard]", "[norms, jaccard]").replace("tresh", "thresh").replace("kk", "k").replace("seed: -1", "seed: 1"))
said = tap.tombola("plan", right).stderr
tap.ok(re.fullmatch(r"tombola: error: \S+:11:\d+: grids\[1\].t: t is 33, which is no checkpoint; .*\n", said), "and then the one that is left", said)

run = tap.tombola("run", files[0], "--store", store)
tap.equal(run.returncode, 2, "run refuses a bad file with exit code 2")
tap.ok(not list(tap.SCRATCH.glob("never*")), "nothing was written")

tap.done()
