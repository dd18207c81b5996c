#!/usr/bin/env python3
"""Who has a store is said by the store: two runs that make one at the same moment, runs and merges that are killed, records of other
hosts, damaged ones, copies of a store at work.  Nothing is ever removed by hand, and nothing is left.
beside: others
timeout: 300"""
import os
import random
import shutil
import signal
import struct
import sys
import time

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "fault"))
import digest  # noqa: E402
import fault  # noqa: E402
import seal  # noqa: E402
import tap  # noqa: E402

SWEEP = """
name: owner
tasks: {{add: {{kind: modular, expr: a + b, p: 23, train_fraction: 0.6}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 48, d_hidden: 24}}}}
training: {{full: {{lr: 1e-2, weight_decay: 1, epochs: {epochs}}}}}
record: {{eval_every: 100}}
checkpoint: {{every: {every}}}
grids: [{{name: main, task: add, model: mlp, training: full, seed: [0, 1, 2]}}]
"""
PAGE, ROUNDS, KILLS = 4096, 10, int(os.environ.get("KILLS", 12))
dice = random.Random(17)
short = tap.write("short.yaml", SWEEP.format(epochs=200, every=100))
long = tap.write("long.yaml", SWEEP.format(epochs=100_000_000, every=10_000_000))
whole = tap.SCRATCH / "whole.h5"
tap.equal(tap.tombola("run", short, "--store", whole).returncode, 0, "a store to compare with")
want = digest.jobs(whole)


def beside(store):
    return sorted(p.name for p in store.parent.glob(store.name + "*") if p != store)


def place(store):
    with h5py.File(store, "r") as f:
        return f["owner"].id.get_offset()


def put(store, at, data):
    with open(store, "r+b") as f:
        f.seek(at)
        f.write(data)


def owner(store):
    with h5py.File(store, "r") as f:
        return f["owner"][0]


def forge(store, silent, **words):
    """A record as a run writes it that began and lives, or did so many seconds ago."""
    at = place(store)
    with h5py.File(store, "r") as f:
        kind = f["owner"].dtype
    record = np.frombuffer(open(store, "rb").read()[at:at + PAGE], kind).copy()
    text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - silent))
    for name, value in dict({"run": 4711, "pid": "17", "since": text, "heartbeat": text}, **words).items():
        record[name] = value
    put(store, at, record.tobytes()[:-8] + struct.pack("<Q", seal.checksum(record.tobytes()[:-8])))


def at_work(store, ranks=0):
    run = tap.start("run", long, "--store", store, "--quiet", "--resume-every", "0.2", ranks=ranks)
    assert tap.wait_for(lambda: run.poll() is not None or (store.exists() and tap.starts(store) > 0), 60)
    assert run.poll() is None, run.communicate()[1]
    return run


# ---- two at the same moment ----
for i in range(ROUNDS):
    store = tap.SCRATCH / f"two{i}.h5"
    runs = [tap.start("run", short, "--store", store) for _ in range(2)]
    said = [run.communicate(timeout=60)[1] for run in runs]
    codes = sorted(run.returncode for run in runs)
    trained = sum("3 to train" in s and "finished: 3 of 3" in s for s in said)
    tap.ok(codes in ([0, 0], [0, 4]) and trained == 1 and all(r.returncode == 0 or "by another run" in s for r, s in zip(runs, said)),
           f"two runs at once make a store: one trains, {codes}", "\n".join(said))
    tap.ok(digest.jobs(store) == want and not beside(store), "and nothing is left beside it", str(beside(store)))

made = [tap.SCRATCH / "merged.h5"] * 4
runs = [tap.start("merge", whole, "-o", m) for m in made]
said = [run.communicate(timeout=60)[1] for run in runs]
codes = sorted(run.returncode for run in runs)
tap.ok(codes[0] == 0 and set(codes[1:]) <= {2, 4} and digest.jobs(made[0]) == want and not beside(made[0]),
       f"four merges into one output: one makes it, {codes}", "\n".join(said))
runs = [tap.start("merge", whole, "-o", made[0], "--force") for _ in range(4)]
said = [run.communicate(timeout=60)[1] for run in runs]
codes = sorted(run.returncode for run in runs)
tap.ok(codes[0] == 0 and set(codes) <= {0, 4} and digest.jobs(made[0]) == want and not beside(made[0]),
       f"four that replace it, {codes}", "\n".join(said))

# ---- at work ----
store = tap.SCRATCH / "work.h5"
run = at_work(store)
me = owner(store)
tap.ok(me["run"] != 0 and int(me["pid"]) == run.pid and me["host"].decode() == os.uname().nodename and me["heartbeat"], "h5py says who is at work", str(me))
tap.ok(f"pid {run.pid}" in tap.tombola("status", store).stdout, "and so does status")
result = tap.tombola("merge", whole, "-o", store, "--force")
tap.ok(result.returncode == 4 and "is in use by another run: pid" in result.stderr and run.poll() is None, "a store at work is not replaced", result.stderr)
copy = tap.SCRATCH / "copy.h5"
shutil.copy(store, copy)
tap.ok("pid" not in tap.tombola("status", copy).stdout, "a copy of it is at work nowhere")
result = tap.tombola("run", short, "--store", copy)
have = digest.jobs(copy)
tap.ok(result.returncode == 0 and {job: have.get(job) for job in want} == want, "and can be run on", result.stderr)
tap.kill(run, signal.SIGUSR1)
run.communicate(timeout=60)
tap.ok(run.returncode == 75 and owner(store)["run"] == 0 and not owner(store)["pid"], "a run that leaves says so")

# ---- killed at any call ----
def killed_everywhere(name, command, again=()):
    """Killed at calls of all kinds, among them those that give it its name: the same command needs no help, and nothing is left."""
    folder, work, log = tap.SCRATCH / name, tap.SCRATCH / f"{name}-work", tap.SCRATCH / f"{name}.calls"
    work.mkdir()
    folder.mkdir()
    store = folder / "x.h5"
    result = fault.run(command(store), work, under=folder, log=log)
    calls = fault.read_log(log)
    naming = [c.number for c in calls if c.name in ("link", "linkat", "renameat2", "rename")]
    places = sorted({*dice.sample(range(1, len(calls) + 1), KILLS), *(n + i for n in naming for i in (0, 1))})
    tap.ok(result.code == 0 and naming, f"{name}: undisturbed, {len(calls)} calls", result)
    bad = []
    for at in places:
        shutil.rmtree(folder)
        folder.mkdir()
        fault.run(command(store), work, under=folder, kind="kill", at=at)
        result = tap.tombola(*command(store), *(again if store.exists() else ()))
        if result.returncode != 0 or digest.jobs(store) != want or beside(store) or owner(store)["run"]:
            bad.append(f"call {at}: {result.returncode} {beside(store)} {result.stderr}")
    tap.ok(not bad, f"{name}: killed at {len(places)} calls: the next one needs no help, and nothing is left", "\n".join(bad))


killed_everywhere("run", lambda store: ("run", short, "--store", store))
killed_everywhere("merge", lambda store: ("merge", whole, "-o", store), ("--force",))

# ---- other hosts ----
store = tap.SCRATCH / "hosts.h5"
shutil.copy(whole, store)
forge(store, 30, host="some-other-host", slurm="4711")
before = store.read_bytes()
for command in (("run", short, "--store", store), ("measure", store, "norms"), ("merge", whole, "-o", store, "--force")):
    result = tap.tombola(*command)
    tap.ok(result.returncode == 4 and all(word in result.stderr for word in ("pid 17", "some-other-host", "Slurm job 4711", "sign of life 3", "15 minutes")),
           f"{command[0]}: another host is at work: 4, with its words", result.stderr)
tap.ok("some-other-host" in tap.tombola("status", store).stdout, "status says so")
tap.equal(store.read_bytes(), before, "and nothing was written")
forge(store, 1000, host="some-other-host")
tap.ok("some-other-host" not in tap.tombola("status", store).stdout, "silent for long: status says nothing")
result = tap.tombola("run", short, "--store", store)
tap.ok(result.returncode == 0 and "is dead: its lock is taken over" in result.stderr and owner(store)["run"] == 0, "and the next run takes over", result.stderr)

# ---- damaged ----
for what, at, length in (("all of it", 0, PAGE), ("its words", 16, PAGE - 24), ("its magic", 0, 8), ("its checksum", PAGE - 8, 8), ("a bit of nothing", 3000, 1)):
    store = tap.SCRATCH / "damaged.h5"
    shutil.copy(whole, store)
    forge(store, 30, host="some-other-host")
    put(store, place(store) + at, dice.randbytes(length))
    result = tap.tombola("verify", store)
    tap.ok(result.returncode == 5 and "owner" in result.stdout + result.stderr and "1 faults" in result.stdout + result.stderr, f"damaged, {what}: verify says so",
           result.stdout + result.stderr)
    tap.equal(tap.tombola("status", store).returncode, 0, "it is read")
    result = tap.tombola("run", short, "--store", store)
    tap.ok(result.returncode == 0 and "its /owner is damaged" in result.stderr and tap.tombola("verify", store).returncode == 0, "and the next run mends it",
           result.stderr)
store = tap.SCRATCH / "lost.h5"
run = at_work(store)
put(store, place(store) + 8, b"another!")
code = run.wait(60)
tap.ok(code == 4 and "taken over by another run, or its /owner was damaged" in run.communicate()[1], "a run whose record is damaged ends with 4", str(code))
tap.ok(tap.tombola("run", short, "--store", store).returncode == 0, "and the next one goes on")

# ---- elsewhere in the file ----
store = tap.SCRATCH / "moved.h5"
shutil.copy(whole, store)
at = place(store)
page = store.read_bytes()[at:at + PAGE]
with h5py.File(store, "r") as f:
    put(store, f["texts/canonical"].id.get_offset() + 40 * 1024, page[:8])
tap.ok(tap.tombola("verify", store).returncode == 0, "what follows it may look like it")
put(store, at - at % (1 << 17) + 4096 if at % (1 << 17) else at - PAGE, page[:8])
result = tap.tombola("status", store)
tap.ok(result.returncode == 5 and "/owner is not where" in result.stderr, "what comes before it may not", f"{result.returncode} {result.stderr}")
tap.done()
