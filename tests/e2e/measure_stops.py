#!/usr/bin/env python3
"""A long measure inside a job answers signals: the job is stopped where it measures, and goes on there with the same bits; so do
the measures that look back from the last checkpoint, stopped or killed, and a control that scores weights.
timeout: 200"""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402

SWEEP = """
tasks: {{add: {{kind: modular, expr: a + b, p: 41, train_fraction: 0.5}}}}
models:
  mlp: {{kind: embed_mlp, d_embed: 16, d_hidden: 8}}
  tf: {{kind: transformer, d_model: 16, d_mlp: 256}}
training: {{full: {{lr: 1e-3, epochs: 60}}}}
measures: {{walk: {{kind: llc, draws: 1000, chains: 5, epsilon: 1e-6}}}}
record: {{eval_every: 10, threshold: 0.999, measures: [norms, {measure}]}}
checkpoint: {{every: {every}}}
grids:
  - {{task: add, model: {model}, training: full}}
"""
walks = tap.write("walks.yaml", SWEEP.format(measure="walk", every=30, model="mlp"))
looks = tap.write("looks.yaml", SWEEP.format(measure="progress", every=2, model="tf"))
LAST = 60


def measured(store, column):
    """How many checkpoints have it; the loss of a network is never 0."""
    try:
        with h5py.File(store, "r") as f:
            return int((next(iter(f["families"].values()))[f"measures/{column}"][0] > 0).sum())
    except (OSError, KeyError, StopIteration):
        return 0


def interrupted(sweep, store, column, number):
    """Start, and send the signal once one more checkpoint is measured: (exit code, seconds it took to leave, how many are measured)."""
    before = measured(store, column)
    process = tap.start("run", sweep, "--store", store)
    tap.wait_for(lambda: measured(store, column) > before or process.poll() is not None, 60, 0.01)
    time.sleep(0.05)
    start = time.monotonic()
    tap.kill(process, number)
    log = process.communicate(timeout=60)[1]
    return process.returncode, time.monotonic() - start, measured(store, column), log


def whole(name, sweep):
    store = tap.SCRATCH / f"{name}.h5"
    tap.equal(tap.tombola("run", sweep, "--store", store).returncode, 0, f"{name}, undisturbed")
    return store


def finished(name, sweep, store, undisturbed):
    tap.equal(tap.tombola("run", sweep, "--store", store).returncode, 0, f"{name}: the same command goes on")
    found = digest.differences(undisturbed, store)
    tap.ok(not found, f"{name}: with the same bits", "\n".join(found))


# --- in the middle of a walk ---
walked, store = whole("walks", walks), tap.SCRATCH / "stopped.h5"
for reached, number in (0, signal.SIGTERM), (30, signal.SIGUSR1):
    code, seconds, count, log = interrupted(walks, store, "walk/initial_loss", number)
    tap.ok(code == 75 and seconds < 10, f"a signal in a walk ends the run ({seconds:.2f} s)", log)
    tap.equal((count, tap.epochs_done(store)), (reached // 30 + 1, reached + 30), "at the checkpoint that is measured, not after it")
finished("walks", walks, store, walked)

# --- in the middle of the look back, when all epochs are done ---
looked = whole("looks", looks)
for number, name in (signal.SIGTERM, "stopped"), (signal.SIGKILL, "killed"):
    store = tap.SCRATCH / f"looks-{name}.h5"
    code, seconds, count, log = interrupted(looks, store, "progress/loss", number)
    if number == signal.SIGTERM:
        tap.ok(code == 75 and seconds < 10 and tap.epochs_done(store) == LAST, f"a signal in a look back ({seconds:.2f} s)", log)
    tap.ok(0 < count < LAST, f"{name} in its middle", count)
    finished(f"looks, {name}", looks, store, looked)
tap.equal(tap.tombola("verify", store).returncode, 0, "verify finds nothing wrong")

# --- while a control scores weights, before the first epoch ---
scores = tap.write("scores.yaml", SWEEP.format(measure="norms", every=30, model="tf").replace("[norms, norms]", "[norms]").replace(
    "training: full}", "training: full, control: grasp, k: 0.5, model.d_mlp: 1024}"))
scored, store = whole("scores", scores), tap.SCRATCH / "scores-stopped.h5"
process = tap.start("run", scores, "--store", store)
tap.wait_for(lambda: tap.starts(store) or process.poll() is not None, 60, 0.005)
start = time.monotonic()
tap.kill(process, signal.SIGTERM)
log = process.communicate(timeout=60)[1]
seconds = time.monotonic() - start
tap.ok(process.returncode == 75 and seconds < 10 and tap.epochs_done(store) == 0, f"a signal while grasp scores ({seconds:.2f} s)", log)
finished("scores", scores, store, scored)
tap.done()
