#!/usr/bin/env python3
"""Runs leave in time and at once: --time-left, the end of the Slurm job, signals; a second INT ends everything.
timeout: 240"""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402

slow = tap.write("slow.yaml", """
tasks: {no: {kind: nothing, seconds: 100}}
models: {mlp: {kind: embed_mlp, d_embed: 4, d_hidden: 4}}
training: {full: {epochs: 10}}
grids:
  - {task: no, model: mlp, training: full, seed: [0, 1, 2, 3]}
""")
# One epoch of these takes seconds, with many steps in it.
epochs = tap.write("epochs.yaml", """
tasks: {add: {kind: modular, expr: a + b, p: 67, train_fraction: 0.9}}
models: {mlp: {kind: embed_mlp, d_embed: 256, d_hidden: 128}}
training: {full: {lr: 1e-3, weight_decay: 1, batch: 2, epochs: 2}}
checkpoint: {every: 1}
grids:
  - {task: add, model: mlp, training: full, seed: 0, control: [dense, ticket], t: 1, k: 0.5}
""")
quick = tap.write("quick.yaml", """
tasks: {add: {kind: modular, expr: a + b, p: 31, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 32, d_hidden: 32}}
training: {full: {epochs: 20}}
grids:
  - {task: add, model: mlp, training: full, seed: {from: 1, to: 8, step: 1}}
""")
STOPS = (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
store = tap.SCRATCH / "slow.h5"  # never finished, so that each test below goes on with it


def begin(**more):
    """Start it, and return when its jobs run."""
    before = tap.starts(store)
    process = tap.start("run", slow, "--store", store, **more)
    tap.wait_for(lambda: tap.starts(store) > before, step=0.005)
    return process


def timed(*args, **more):
    start = time.monotonic()
    result = tap.tombola("run", *args, **more)
    return result, time.monotonic() - start


def status_of(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        return dict(line.split(":", 1) for line in f)


def is_among(status, field, number):
    """Is a signal among those that the process catches (SigCgt) or ignores (SigIgn)?"""
    return int(status.get(field, "0"), 16) >> number - 1 & 1


def stop_early(command, number):
    """A signal as soon as it would not kill: (exit code, threads at that moment).  MPI makes threads of its own."""
    process = tap.start(*command)
    status, end = {}, time.monotonic() + 60
    while not is_among(status, "SigCgt", number) and process.poll() is None and time.monotonic() < end:
        status = status_of(process)
    process.send_signal(number)
    process.communicate(timeout=20)
    return process.returncode, int(status["Threads"])


# Finished, and not measured: each measuring that is stopped at its start leaves it so.
ready = tap.SCRATCH / "ready.h5"
tap.equal(tap.tombola("run", quick, "--store", ready).returncode, 0, "a store to measure")
for command in ("run", slow, "--store", store), ("measure", ready, "norms"):
    for number in STOPS:
        early = [stop_early(command, number) for _ in range(2)]
        tap.equal({code for code, _ in early}, {75}, f"{command[0]}: {number.name} at the very start is a stop")
        tap.equal(min(threads for _, threads in early), 1, "also before MPI is there")

# nohup ignores HUP before it starts a command: it stays ignored.
for name, number, ignored in ("under nohup, HUP", signal.SIGHUP, 1), ("TERM", signal.SIGTERM, 0):
    process = begin(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    status = status_of(process)
    tap.equal((is_among(status, "SigIgn", number), is_among(status, "SigCgt", number)), (ignored, not ignored),
              f"{name} is {'ignored' if ignored else 'heard'}")
    process.send_signal(signal.SIGHUP)
    process.terminate()
    tap.ok(process.communicate(timeout=20) and process.returncode == 75, "and it can be stopped", process.returncode)

result, seconds = timed(slow, "--store", store, "--time-left", "1s", ranks=2)
tap.ok(result.returncode == 75 and seconds < 8, f"--time-left ends sleeping jobs ({seconds:.1f} s)", result.stderr)

fake = tap.SCRATCH / "bin"
fake.mkdir()
(fake / "squeue").write_text("#!/bin/sh\necho called >>$CALLS\necho $ANSWER\n")
(fake / "squeue").chmod(0o755)
calls = tap.SCRATCH / "calls"
slurm = {"SLURM_JOB_ID": "17", "PATH": f"{fake}:{os.environ['PATH']}", "CALLS": str(calls)}
result, seconds = timed(slow, "--store", store, "--margin", "58", ranks=3, env=dict(slurm, ANSWER="1:00"))
tap.ok(result.returncode == 75 and 1 < seconds < 10, f"squeue's minute less a margin ({seconds:.1f} s)", result.stderr)
tap.equal(calls.read_text(), "called\n", "squeue was asked once by three ranks")
result, seconds = timed(slow, "--store", store, env=dict(slurm, SLURM_JOB_END_TIME=str(int(time.time()) + 62), ANSWER="INVALID"))
tap.ok(result.returncode == 75 and seconds < 8 and calls.read_text() == "called\n", f"SLURM_JOB_END_TIME ({seconds:.1f} s)", result.stderr)
result, seconds = timed(slow, "--store", store, "--margin", "2m", env=dict(slurm, ANSWER="1:00"))
tap.ok(result.returncode == 75 and seconds < 8 and "nothing is trained" in result.stderr, "too late already", result.stderr)
result, seconds = timed(slow, "--store", store, "--time-left", "1", env=dict(slurm, ANSWER="INVALID"))
tap.ok(result.returncode == 75 and "Slurm" not in result.stderr, "--time-left needs no answer", result.stderr)
before = tap.starts(store)
process = tap.start("run", slow, "--store", store, env=dict(os.environ, **slurm, ANSWER="INVALID"))
tap.ok(tap.wait_for(lambda: calls.read_text().count("called") == 3), "squeue is asked")
tap.ok(tap.wait_for(lambda: tap.starts(store) > before), "and waited for no longer")
tap.kill(process, signal.SIGUSR1, ranks_only=True)
error = process.communicate(timeout=10)[1]
tap.ok(process.returncode == 75 and "does not say" in error, "no answer: a warning, and it runs", error)
for text in ("--margin=x", "--time-left=-1"):
    tap.equal(tap.tombola("run", slow, "--store", store, text).returncode, 2, f"{text} is refused")

# Signals to the ranks, as srun and a batch script send them.
for number in STOPS:
    process = begin(ranks=2)
    start = time.monotonic()
    tap.kill(process, number, ranks_only=True)
    process.communicate(timeout=20)
    tap.ok(process.returncode == 75 and time.monotonic() - start < 3, f"{number.name} to every rank: 75", process.returncode)
codes, slowest = [], 0
for pause in (0, 0.001, 0.003, 0.01):
    process = begin()
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(pause)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    codes.append(process.returncode)
    slowest = max(slowest, time.monotonic() - start)
tap.ok(set(codes) <= {75, 130} and 130 in codes and slowest < 1, f"a second INT ends it at once ({slowest:.2f} s)", codes)
process = begin(ranks=2)
start = time.monotonic()
process.send_signal(signal.SIGINT)
process.send_signal(signal.SIGINT)
process.communicate(timeout=20)
tap.ok(tap.wait_for(lambda: not tap.ranks_of(process)) and time.monotonic() - start < 3, "under mpirun too")
tap.equal(tap.tombola("verify", store).returncode, 0, "and leaves a sound store")

# In the middle of an epoch.
whole, cut = tap.SCRATCH / "whole.h5", tap.SCRATCH / "cut.h5"
start = time.monotonic()
tap.equal(tap.tombola("run", epochs, "--store", whole).returncode, 0, "an epoch of many steps")
took = (time.monotonic() - start) / 4
codes, slowest = [], 0
while not codes or (codes[-1] == 75 and len(codes) < 60):
    result, seconds = timed(epochs, "--store", cut, "--time-left", f"{took / 2:.2f}")
    codes.append(result.returncode)
    slowest = max(slowest, seconds)
tap.ok(codes[-1] == 0 and len(codes) > 3, f"is stopped {len(codes) - 1} times and gone on with", codes)
tap.ok(slowest < took / 2 + 1.5, f"quickly ({slowest:.1f} s where an epoch takes {took:.1f} s)")
tap.equal(digest.differences(whole, cut), [], "with the same bits")
tap.done()
