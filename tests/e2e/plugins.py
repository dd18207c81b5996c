#!/usr/bin/env python3
"""A new task, model, optimiser, control or measure is one .c file and one line: each of tests/plugins/*.patch is that, and with all
of them applied to a copy of the tree the program has them, as the command line shows.
timeout: 900
beside: others"""
import os
import re
import subprocess
import sys

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

KINDS = {"task": "majority", "model": "linear", "optimizer": "signs", "control": "halve", "measure": "largest"}
SWEEP = """
tasks: {bits: {kind: majority}}
models: {line: {kind: linear}}
training:
  walk: {optimizer: signs, lr: 0.01, epochs: 50}
  back: {use: walk, precision: double}
controls: {popup: {kind: edge_popup, score_optimizer: signs}}
measures: {top: {kind: largest}}
record: {measures: [largest, top]}
checkpoint: {every: 10}
grids:
  - {task: bits, model: line, training: [walk, back], control: [dense, halve, snip, grasp, popup], t: final, k: 0.5}
"""

patches = {path.stem: path for path in (tap.ROOT / "tests/plugins").glob("*.patch")}
tap.equal(sorted(patches), sorted(KINDS), "a patch of each sort")
copy = tap.SCRATCH / "tree"
copy.mkdir()
for name in ("Makefile", "src", "include", ".make"):
    subprocess.run(["cp", "-a", tap.ROOT / name, copy], check=True)
(copy / "build/release").mkdir(parents=True)
for name in ("config.mk", "release/src", "release/flags", "release/stamp.h"):  # what is not touched is not built anew
    subprocess.run(["cp", "-a", tap.ROOT / "build" / name, copy / "build" / name], check=True)

for sort, path in sorted(patches.items()):
    parts = re.split(r"^diff --git .*\n", path.read_text(), flags=re.M)[1:]
    new = [part for part in parts if "\n--- /dev/null\n" in "\n" + part]
    old = [line for part in parts if part not in new for line in part.splitlines()]
    lines = [line for line in old if re.match(r"[-+](?![-+])", line)]
    tap.ok(len(parts) == 2 and len(new) == 1 and re.search(rf"^\+\+\+ b/src/\w+/{KINDS[sort]}\.c$", new[0], re.M)
           and len(lines) == 1 and lines[0].startswith("+"), f"{sort} {KINDS[sort]} is one file and one line", "\n".join(lines))
    result = tap.heard(["patch", "-p1", "-i", path], cwd=copy)
    tap.equal(result.returncode, 0, "which can be put in") or print(result.stdout)

result = tap.heard(["make", "--no-print-directory", "-j2", "release"], cwd=copy)
built = tap.ok(result.returncode == 0 and "warning" not in result.stderr, "it builds, without a warning", result.stdout[-2000:] + result.stderr)
if not built:
    tap.done()
tap.TOMBOLA = str(copy / "build/release/tombola")

for sort, name in KINDS.items():
    page = tap.tombola("kinds", name)
    tap.ok(page.returncode == 0 and f"{sort} {name}:" in page.stdout, f"kinds {name}", page.stdout + page.stderr)
store = tap.SCRATCH / "store.h5"
result = tap.tombola("run", tap.write("sweep.yaml", SWEEP), "--store", store, ranks=2)
tap.equal(result.returncode, 0, "a sweep of them all is trained") or print(result.stderr)
tap.equal(tap.query(store, "SELECT DISTINCT task_kind, model_kind, training_kind FROM jobs"), [["majority", "linear", "signs"]], "is of them")
tap.equal(tap.query(store, "SELECT count(*) FROM jobs WHERE state = 'done' AND train_accuracy > 0.8"), [[10]], "and learns")
tap.equal(tap.query(store, "SELECT DISTINCT control_score_optimizer FROM jobs WHERE control_kind = 'edge_popup'"), [["signs"]],
          "a control takes the new optimiser too")
with h5py.File(store, "r") as f:
    right, first = [], []
    for family in f["families"].values():
        epoch, theta = family["checkpoint_epoch"][:], family["checkpoints"][:]
        used = epoch >= 0
        used[epoch[:, 1] != 10] = False  # rows of no job
        first += list(theta[used[:, 0], 0])
        right += [np.array_equal(family[f"measures/{name}/weight"][..., 0][used].astype(theta.dtype), np.abs(theta).max(axis=2)[used])
                  for name in ("largest", "top")]
    tap.ok(len(right) >= 4 and all(right), "the measure's values are what it says", right)
    tap.ok(any(np.array_equal(one, two / 2) for one in first for two in first if two.any()), "the control starts from half of theta_0")
tap.done()
