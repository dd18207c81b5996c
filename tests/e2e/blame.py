#!/usr/bin/env python3
"""After an unclean end: nobody is blamed for a death of all, a job that kills its process is failed and no other, a process that
crashes says so, and what was committed shortly before is verified.
beside: others
timeout: 300"""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402

HEAD = """
name: {name}
tasks:
  no: {{kind: nothing, seconds: {seconds}, die_on: {die_on}}}
  add: {{kind: modular, expr: a + b, p: 7, train_fraction: 0.5}}
models: {{mlp: {{kind: embed_mlp, d_embed: 8, d_hidden: 4}}}}
training: {{full: {{epochs: {epochs}}}}}
record: {{eval_every: 10}}
checkpoint: {{every: {every}}}
grids: [{{name: main, task: {task}, model: mlp, training: full, seed: {seeds}, control: {control}, t: {every}, k: 0.5}}]
"""


def sweep(name, task="no", seconds=0.2, die_on=-1, epochs=100, every=50, seeds="[0, 1, 2, 3, 4, 5, 6, 7]", control="dense"):
    return tap.write(f"{name}.yaml", HEAD.format(name=name, task=task, seconds=seconds, die_on=die_on, epochs=epochs, every=every,
                                                 seeds=seeds, control=control))


def count(store, state):
    result = tap.tombola("query", store, f"SELECT count(*) FROM jobs WHERE state = '{state}'", "--format", "csv")
    return int(result.stdout.split()[-1]) if result.returncode == 0 else 0


def kill_at_work(file, store, busy, ranks=0, number=signal.SIGKILL, ranks_only=False):
    """Start a run and end it when so many of its jobs are being trained."""
    before = tap.starts(store)
    run = tap.start("run", file, "--store", store, ranks=ranks)
    assert tap.wait_for(lambda: run.poll() is not None or tap.starts(store) >= before + busy, 60) and run.poll() is None, run.communicate()[1]
    tap.kill(run, number, ranks_only)
    said = run.communicate(timeout=60)[1]
    assert tap.wait_for(lambda: not tap.ranks_of(run), 30)
    return said


# ---- a death of all ---- (the jobs last until they are told to be short: the next run's file says how long)
store, alive = tap.SCRATCH / "alive.h5", sweep("alive", task="add", epochs=1000000, every=200000, seeds="[0, 1, 2]", control="[dense, ticket]")
for _ in range(3):
    kill_at_work(alive, store, 3, ranks=3)
last = tap.start("run", alive, "--store", store, "--time-left", "8", ranks=3)
said = last.communicate(timeout=120)[1]
tap.ok(last.returncode in (0, 75) and count(store, "failed") == 0 and count(store, "blocked") == 0, "three deaths of all ranks: no job is failed or blocked", said)
tap.ok("is trained alone until its next resume point" in said, "those that were at work each time are trained alone for a while", said)
rows = tap.query(store, "SELECT attempts, deaths FROM jobs WHERE epochs_done > 0 AND state != 'done'")
tap.ok(rows and all(attempts < 3 and deaths == 0 for attempts, deaths in rows), "until a resume point clears them", rows)

# ---- one that kills its process ----
store, deadly = tap.SCRATCH / "deadly.h5", sweep("deadly", die_on=5)
ends = []
while len(ends) < 9 and (not ends or ends[-1] not in (0, 3)):
    ends.append(tap.tombola("run", deadly, "--store", store, "--quiet", ranks=4).returncode)
tap.equal(ends[-1], 3, f"a job that kills its process: {ends}")
tap.equal(tap.query(store, "SELECT seed, error FROM jobs WHERE state = 'failed'"), [[5, "crashed 3 times"]], "exactly that one is failed")
tap.equal(count(store, "done"), 7, "and all others are done")
ends = [tap.tombola("run", deadly, "--store", store, "--quiet", "--retry-failed").returncode]
tap.equal(ends, [-signal.SIGKILL], "--retry-failed tries it again")

# ---- one that crashes with a word ----
store, crash = tap.SCRATCH / "crash.h5", sweep("crash", seconds=60, seeds="[1, 2]")
for number in (signal.SIGSEGV, signal.SIGFPE, signal.SIGBUS):
    kill_at_work(crash, store, 1, number=number, ranks_only=True)
rows = tap.query(store, "SELECT error, deaths FROM jobs WHERE state = 'running'")
tap.equal(rows, [["its process died of SIGBUS", 3]], "a process that crashes says so in its job's row")
kill_at_work(crash, store, 1)
rows = tap.query(store, "SELECT error FROM jobs WHERE state = 'failed'")
tap.equal(rows, [["crashed 3 times: its process died of SIGBUS"]], "the next run fails that job, and trains the other one")

# ---- what was committed shortly before ----
store, whole, short = tap.SCRATCH / "lost.h5", tap.SCRATCH / "whole.h5", sweep("short", task="add", control="[dense, ticket]", seeds="[1, 2, 3]")
for each in (store, whole):
    tap.equal(tap.tombola("run", short, "--store", each).returncode, 0, "a store")
kill_at_work(sweep("short", task="add", epochs=10**7, every=10**6, seeds="[9]"), store, 1)
short = sweep("short", task="add", control="[dense, ticket]", seeds="[1, 2, 3]")
with h5py.File(store, "r") as f:
    rows = f["jobs"][:f["control"]["rows"][0]]
    row = next(r for r in rows if r["control"] == b"dense" and r["epochs"] == 100)
    group = digest.family_of(f, row)
    lost = []
    for name in ("checkpoints", "series/test_loss"):
        array = group[name]
        size = array.dtype.itemsize * int(array[0].size)
        lost.append((array.id.get_offset() + int(row["family_row"]) * size, size))
with open(store, "r+b") as f:
    for at, size in lost:
        f.seek(at)
        f.write(bytes(size))
result = tap.tombola("run", short, "--store", store)
tap.ok(result.returncode == 0 and "1 finished jobs" in result.stderr and "had lost data" in result.stderr, "pages that never reached the disk: found, and trained again", result.stderr)
have, want = digest.jobs(store), digest.jobs(whole)
tap.equal({job: have.get(job) for job in want}, want, "with the same bits")
tap.ok(tap.tombola("verify", store).returncode == 0, "verify finds nothing")
tap.done()
