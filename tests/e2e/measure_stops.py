#!/usr/bin/env python3
"""A long measure inside a job answers signals: the job is stopped where it measures, and goes on there with the same bits; so do
the measures that look back from the last checkpoint, stopped or killed, and a control that scores weights.
timeout: 200
beside: others"""
import os
import signal
import sys

sys.path[:0] = [os.path.join(os.path.dirname(__file__), part) for part in ("..", "../fault")]
import digest  # noqa: E402
import fault  # noqa: E402
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


def reached(store):
    """The epochs of the checkpoints that are there."""
    try:
        with h5py.File(store, "r") as f:
            return set(next(iter(f["families"].values()))["checkpoint_epoch"][0])
    except (OSError, KeyError, StopIteration):
        return set()


def begin(sweep, store, until, **more):
    """Start it, and return when it is as far."""
    process = tap.start("run", sweep, "--store", store, **more)
    tap.wait_for(lambda: until() or process.poll() is not None, 60, 0.005)
    return process


def stopped(process, number):
    """Its exit code after a signal, and what it said; it has a minute."""
    tap.kill(process, number)
    log = process.communicate(timeout=60)[1]
    return process.returncode, log


def whole(name, sweep):
    store = tap.SCRATCH / f"{name}.h5"
    tap.equal(tap.tombola("run", sweep, "--store", store).returncode, 0, f"{name}, undisturbed")
    return store


def finished(name, sweep, store, undisturbed):
    tap.equal(tap.tombola("run", sweep, "--store", store).returncode, 0, f"{name}: the same command goes on")
    found = digest.differences(undisturbed, store)
    tap.ok(not found, f"{name}: with the same bits", "\n".join(found))


# --- in the middle of a walk: a checkpoint is stored before it is measured ---
walked, store = whole("walks", walks), tap.SCRATCH / "stopped.h5"
for epoch, number in (30, signal.SIGTERM), (60, signal.SIGUSR1):
    code, log = stopped(begin(walks, store, lambda: epoch in reached(store)), number)
    tap.equal(code, 75, "a signal in a walk ends the run") or print(log)
    tap.equal((measured(store, "walk/initial_loss"), tap.epochs_done(store)), (epoch // 30, epoch), "at the checkpoint that is measured, not after it")
finished("walks", walks, store, walked)

# --- in the middle of the look back, when all epochs are done ---
looked = whole("looks", looks)
for name in ("stopped", "killed"):
    store, state = tap.SCRATCH / name / "looks.h5", tap.SCRATCH / f"{name}.state"
    store.parent.mkdir()
    process = begin(looks, store, lambda: LAST in reached(store), env=dict(os.environ, **fault.told(store.parent, state, "stop", fault.FAR)))
    for _ in range(100):  # call by call, to the third that is measured
        still = fault.stand(process, state)
        if measured(store, "progress/loss") > 2:
            break
    tap.ok(still, f"{name} while it looks back", process.poll())
    if name == "stopped":
        for pid in still:
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGCONT)
        log = process.communicate(timeout=60)[1]
        tap.ok(process.returncode == 75 and tap.epochs_done(store) == LAST, "a signal in a look back", log)
    else:
        tap.kill(process)
        process.communicate()
    count = measured(store, "progress/loss")
    tap.ok(2 < count < LAST // 2 + 1, f"{name} in its middle", count)
    finished(f"looks, {name}", looks, store, looked)
tap.equal(tap.tombola("verify", store).returncode, 0, "verify finds nothing wrong")

# --- while a control scores weights, before the first epoch ---
scores = tap.write("scores.yaml", SWEEP.format(measure="norms", every=30, model="tf").replace("[norms, norms]", "[norms]").replace(
    "training: full}", "training: full, control: grasp, k: 0.5, model.d_mlp: 1024}"))
scored, store = whole("scores", scores), tap.SCRATCH / "scores-stopped.h5"
code, log = stopped(begin(scores, store, lambda: tap.starts(store)), signal.SIGTERM)
tap.ok(code == 75 and tap.epochs_done(store) == 0, "a signal while grasp scores", log)
finished("scores", scores, store, scored)
tap.done()
