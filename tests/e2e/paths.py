#!/usr/bin/env python3
"""Paths as long as the system allows, and names as long as a sweep may give: each is the one that was asked for, whole, or refused
with a word; what is shortened for people ends with dots.
timeout: 240
beside: others"""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

SWEEP = tap.write("paths.yaml", """
tasks: {add: {kind: modular, expr: a + b, p: 7, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 8, d_hidden: 4}}
training: {adamw: {epochs: 20}}
grids: [{name: one, task: add, model: mlp, training: adamw, seed: [0, 1]}]
""")
LENGTHS = (24, 25, 63, 64, 79, 80, 128, 240, 244, 245, 255, 256, 300, 511, 512, 513, 700, 1023, 1024, 1500, 4000)
WRITTEN = int(os.environ.get("PATHS_WRITTEN", 244))  # up to here a store is run into


def place(length, root):
    """A path below root of so many characters: folders of up to 200 that are made, and a file in the last."""
    folder, left = root, length - len(root) - len("/s.h5")
    while left > 0:
        step = min(left, 201)
        step -= 1 if left - step == 1 else 0  # a folder has one character at least
        folder += "/" + "d" * (step - 1)
        left -= step
    os.makedirs(os.path.join(tap.SCRATCH, folder), exist_ok=True)
    return f"{folder}/s.h5"


def call(*args):
    return tap.tombola(*args, cwd=tap.SCRATCH)


def files():
    """Every file in the scratch folder: a path that was cut would make another one."""
    return {os.path.join(folder, name) for folder, _, names in os.walk(tap.SCRATCH) for name in names}


whole = tap.SCRATCH / "whole.h5"
tap.equal(tap.tombola("run", SWEEP, "--store", whole).returncode, 0, "a store to copy")
ID = tap.query(whole, "SELECT id FROM jobs")[0][0]
for length in LENGTHS:
    path = place(length, "r") if length < 240 else place(length, str(tap.SCRATCH))
    full = os.path.join(tap.SCRATCH, path)
    tap.equal(len(path), length, f"a path of {length}")
    made = files()
    plan = call("plan", SWEEP, "--store", path)
    tap.ok(plan.returncode == 0 and "to train: 2 jobs" in plan.stdout, "plan: nothing is there", plan.stdout + plan.stderr)
    if length <= WRITTEN:
        run = call("run", SWEEP, "--store", path)
        again = call("run", SWEEP, "--store", path)
        tap.ok(run.returncode == 0 and again.returncode == 0 and "2 done before" in again.stderr, "run, and again", run.stderr + again.stderr)
        tap.equal(files() - made, {full}, "one file was made, under its whole name")
    else:
        shutil.copy(whole, full)
    made = files()
    said = {args[0]: call(*args) for args in (
        ("status", path), ("query", path, "SELECT count(*) FROM jobs", "--format", "csv"), ("show", path, ID), ("verify", path),
        ("plan", SWEEP, "--store", path), ("export", path, ID, "series", "-o", f"{path}.csv"), ("compact", path, "-o", f"{path}.c"),
        ("merge", f"{path}.c", "-o", f"{path}.m"))}
    tap.equal({name: result.returncode for name, result in said.items() if result.returncode}, {}, "every command reads it") or print(
        *(result.stderr for result in said.values()))
    tap.ok(said["query"].stdout.split() == ["count(*)", "2"] and "to train: 0 jobs" in said["plan"].stdout, "and finds what is in it",
           said["query"].stdout + said["plan"].stdout)
    tap.equal(files() - made, {full + end for end in (".csv", ".c", ".m")}, "export, compact and merge write where they were told")
    if length <= WRITTEN:
        measured = call("measure", path, "norms")
        tap.ok(measured.returncode == 0 and "2 of 2 jobs" in measured.stderr, "measure writes into it", measured.stderr)
    for end in (".csv", ".c", ".m"):
        os.unlink(full + end)

too_long = "x" * 4200 + ".h5"
for args in (("plan", SWEEP, "--store", too_long), ("run", SWEEP, "--store", too_long), ("measure", too_long, "norms"), ("status", too_long),
             ("export", whole, ID, "series", "-o", too_long), ("plan", too_long), ("compact", whole, "-o", too_long)):
    made = files()
    result = call(*args)
    errors = [line for line in result.stderr.splitlines() if "error:" in line]
    tap.ok(result.returncode == 2 and len(errors) == 1 and len(errors[0]) < 5000 and files() == made,
           f"{args[0]}: a path that no system has is refused", f"exit code {result.returncode}\n{result.stderr[-500:]}")

# ---- what is kept beside it ----
command = tap.query(tap.SCRATCH / place(240, str(tap.SCRATCH)), "SELECT command FROM sweeps")[0][0]
tap.ok(command.endswith("s.h5") and str(SWEEP) in command, "a command line is kept", command)
long = tap.SCRATCH / "long.h5"
tap.equal(call("run", "./" * 300 + SWEEP.name, "--store", long).returncode, 0, "a command line of more than 511 characters")
command = tap.query(long, "SELECT command FROM sweeps")[0][0]
tap.ok(len(command) == 511 and command.endswith("..."), "is shortened, and says so", command)

deep = os.path.dirname(os.path.join(tap.SCRATCH, place(600, str(tap.SCRATCH))))
for key, block in (("init", "init: {file: w.npz}"), ("split", "split: {file: w.npz}")):
    sweep = os.path.join(deep, "deep.yaml")
    with open(sweep, "w", encoding="utf-8") as f:
        f.write(SWEEP.read_text().replace("seed:", f"{block}, seed:"))
    result = call("plan", sweep)
    tap.ok(result.returncode == 2 and "more than 399 characters" in result.stderr and result.stderr.count("error:") == 1 and
           "..." in result.stderr, f"{key}: a file whose path is too long to be kept", result.stderr)

# ---- names ----
name = "n" * 63
sweep = tap.write("names.yaml", SWEEP.read_text().replace("name: one", f"name: {name}") + f"name: {name}\nrecord: {{measures: [{name}]}}\n"
                  f"measures: {{{name}: {{kind: norms}}}}\n")
store = tap.SCRATCH / "names.h5"
result = call("run", sweep, "--store", store)
tap.equal(result.returncode, 0, "names of 63 characters") or print(result.stderr)
tap.equal(tap.query(store, "SELECT DISTINCT sweep, grid FROM grids"), [[name, name]], "sweep and grid have them whole")
tap.equal(tap.query(store, "SELECT DISTINCT measure FROM measures"), [[name]], "a measure, too")
tap.equal(tap.query(store, "SELECT name FROM sweeps"), [[name]], "and the sweep's text")
for what, text in (("sweep", SWEEP.read_text() + f"name: {name}n\n"), ("grid", SWEEP.read_text().replace("name: one", f"name: {name}n")),
                   ("measure", SWEEP.read_text() + f"record: {{measures: [{name}n]}}\nmeasures: {{{name}n: {{kind: norms}}}}\n")):
    result = call("plan", tap.write("longer.yaml", text))
    tap.ok(result.returncode == 2 and "63" in result.stderr, f"{what}: one character more is refused", result.stderr)
result = call("plan", tap.write("f" * 64 + ".yaml", SWEEP.read_text()))
tap.ok(result.returncode == 2 and "give 'name'" in result.stderr, "a file's name that is too long for a sweep's", result.stderr)
result = call("plan", tap.write("f" * 64 + ".yaml", SWEEP.read_text() + "name: short\n"))
tap.equal(result.returncode, 0, "unless the file gives one")
unknown = "u" * 300
result = call("plan", tap.write("unknown.yaml", SWEEP.read_text() + f"{unknown}: 1\n"))
tap.ok(result.returncode == 2 and "u" * 80 + "...'" in result.stderr and "u" * 81 not in result.stderr,
       "a text that is shown in part ends with dots", result.stderr)
for args in ((unknown,), ("plan", SWEEP, f"--{unknown}"), ("verify", whole, unknown)):
    result = call(*args)
    tap.ok(result.returncode == 2 and "u..." in result.stderr and len(result.stderr) < 400, f"{args[0][:10]}: a long word is shown in part",
           result.stderr)
tap.done()
