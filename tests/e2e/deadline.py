#!/usr/bin/env python3
"""Runs leave in time and at once: --time-left, the end of the Slurm job, signals; a second INT ends everything.
timeout: 240
beside: others"""
import os
import signal
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(__file__), part) for part in ("..", "../fault")]
import digest  # noqa: E402
import fault  # noqa: E402
import tap  # noqa: E402

slow = tap.write("slow.yaml", """
tasks: {no: {kind: nothing, seconds: 10000}}
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
store, STATE = tap.SCRATCH / "slow/x.h5", tap.SCRATCH / "state"  # never finished, so that each test below goes on with it
store.parent.mkdir()


def begin(sweep=slow, place=store, **more):
    """Start it, and return when its jobs run.  They take hours: whatever ends within a minute has been stopped."""
    before = tap.starts(place)
    process = tap.start("run", sweep, "--store", place, **more)
    assert tap.wait_for(lambda: tap.starts(place) > before, 60, 0.005), process.poll()
    return process


def run(*args, **more):
    return tap.tombola("run", *args, timeout=60, **more)


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
    process.communicate(timeout=60)
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
    tap.ok(process.communicate(timeout=60) and process.returncode == 75, "and it can be stopped", process.returncode)

result = run(slow, "--store", store, "--time-left", "1s", ranks=2)
tap.equal(result.returncode, 75, "--time-left ends sleeping jobs") or print(result.stderr)

fake = tap.SCRATCH / "bin"
fake.mkdir()
(fake / "squeue").write_text("#!/bin/sh\necho called >>$CALLS\necho $ANSWER\n")
(fake / "squeue").chmod(0o755)
calls = tap.SCRATCH / "calls"
slurm = {"SLURM_JOB_ID": "17", "PATH": f"{fake}:{os.environ['PATH']}", "CALLS": str(calls)}
start = time.monotonic()
result = run(slow, "--store", store, "--margin", "58", ranks=3, env=dict(slurm, ANSWER="1:00"))
seconds = time.monotonic() - start
tap.ok(result.returncode == 75 and seconds > 1, f"squeue's minute less a margin ({seconds:.1f} s)", result.stderr)
tap.equal(calls.read_text(), "called\n", "squeue was asked once by three ranks")
result = run(slow, "--store", store, env=dict(slurm, SLURM_JOB_END_TIME=str(int(time.time()) + 62), ANSWER="INVALID"))
tap.ok(result.returncode == 75 and calls.read_text() == "called\n", "SLURM_JOB_END_TIME", result.stderr)
result = run(slow, "--store", store, "--margin", "2m", env=dict(slurm, ANSWER="1:00"))
tap.ok(result.returncode == 75 and "nothing is trained" in result.stderr, "too late already", result.stderr)
result = run(slow, "--store", store, "--time-left", "1", env=dict(slurm, ANSWER="INVALID"))
tap.ok(result.returncode == 75 and "Slurm" not in result.stderr, "--time-left needs no answer", result.stderr)
before = tap.starts(store)
process = tap.start("run", slow, "--store", store, env=dict(os.environ, **slurm, ANSWER="INVALID"))
tap.ok(tap.wait_for(lambda: calls.read_text().count("called") == 3, 60), "squeue is asked")
tap.ok(tap.wait_for(lambda: tap.starts(store) > before, 60), "and waited for no longer")
tap.kill(process, signal.SIGUSR1, ranks_only=True)
error = process.communicate(timeout=60)[1]
tap.ok(process.returncode == 75 and "does not say" in error, "no answer: a warning, and it runs", error)
for text in ("--margin=x", "--time-left=-1"):
    tap.equal(tap.tombola("run", slow, "--store", store, text).returncode, 2, f"{text} is refused")

# Signals to the ranks, as srun and a batch script send them.
for number in STOPS:
    process = begin(ranks=2)
    tap.kill(process, number, ranks_only=True)
    process.communicate(timeout=60)
    tap.equal(process.returncode, 75, f"{number.name} to every rank: 75")
# The first INT is heard: it has made the run write.  There it stands still, and the second one comes.
process = begin(env=dict(os.environ, **fault.told(store.parent, STATE, "stop", fault.FAR)))
fault.arm(STATE)
process.send_signal(signal.SIGINT)
still = tap.wait_for(lambda: process.poll() is not None or tap.stopped(process), 60, 0.002)
process.send_signal(signal.SIGINT)
process.send_signal(signal.SIGCONT)
process.communicate(timeout=60)
tap.equal((still, process.returncode), ([process.pid], 130), "a second INT ends it at once")
for _ in range(2):  # as a user's two come, who may be too late
    process = begin()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    tap.ok(process.returncode in (75, 130), "two INTs end it", process.returncode)
process = begin(ranks=2)
process.send_signal(signal.SIGINT)
process.send_signal(signal.SIGINT)
process.communicate(timeout=60)
tap.ok(tap.wait_for(lambda: not tap.ranks_of(process), 60), "under mpirun too")
tap.equal(tap.tombola("verify", store).returncode, 0, "and leaves a sound store")

# In the middle of an epoch, and of the next one...
def processor_time(pid):
    """Seconds, also of a process that has ended and was not waited for."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return sum(map(int, f.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")


whole, cut = tap.SCRATCH / "whole.h5", tap.SCRATCH / "cut.h5"
before = sum(os.times()[2:4])
tap.equal(tap.tombola("run", epochs, "--store", whole).returncode, 0, "an epoch of many steps")
piece = (sum(os.times()[2:4]) - before) / 4 * 0.4
codes, reached = [], []
for _ in range(40):
    process = begin(epochs, cut)
    begun = processor_time(process.pid)
    tap.wait_for(lambda: tap.state_of(process.pid) == "Z" or processor_time(process.pid) - begun > piece, 60, 0.005)
    process.terminate()
    process.communicate(timeout=60)
    codes.append(process.returncode)
    reached.append(tap.epochs_done(cut))
    if codes[-1] != 75:
        break
tap.ok(codes[-1] == 0 and len(codes) > 2 and reached[0] == 0, f"is stopped {len(codes) - 1} times within an epoch and gone on with", (codes, reached))
tap.equal(digest.differences(whole, cut), [], "with the same bits")
tap.done()
