#!/usr/bin/env python3
"""Every bad sweep file is refused with the message it names, exit code 2, and nothing written.
beside: others"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

store = tap.SCRATCH / "never.h5"
files = sorted((tap.ROOT / "tests/bad").glob("*.yaml"))
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

run = tap.tombola("run", files[0], "--store", store)
tap.equal(run.returncode, 2, "run refuses a bad file with exit code 2")
tap.ok(not list(tap.SCRATCH.glob("never*")), "nothing was written")

# What a store holds can be at odds with a file, too.
HELD = """
tasks: {add: {kind: modular, expr: a + b, p: 7}}
models: {mlp: {kind: embed_mlp, d_embed: 4, d_hidden: 4}}
training: {full: {epochs: 20}}
record: {threshold: %s}
grids: [{task: add, model: mlp, training: full, control: %s, t: %s, k: 0.5}]
"""
held = tap.SCRATCH / "held.h5"
tap.equal(tap.tombola("run", tap.write("dense.yaml", HELD % (0.95, "dense", 20)), "--store", held).returncode, 0, "a store of dense networks")
for command, control, t in (("plan", "ticket", "gen"), ("run", "ticket", "final"), ("run", "dense", 20)):
    result = tap.tombola(command, tap.write("ticket.yaml", HELD % (0.9, control, t)), "--store", held)
    tap.ok(result.returncode == 2 and "by eval_every 10 and threshold 0.95, but the sweep asks for 10 and 0.9" in result.stderr,
           f"{command}: {control}, t: {t} by another threshold than theirs is refused", result.stderr)
result = tap.tombola("plan", tap.write("ticket.yaml", "checkpoint: {at: [5]}" + HELD % (0.95, "ticket", 5)), "--store", held)
tap.ok(result.returncode == 2 and "without its weights at epoch 5" in result.stderr, "and an epoch that they did not keep", result.stderr)
tap.done()
