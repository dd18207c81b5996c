#!/usr/bin/env python3
"""One run writes to a store, whatever name it has: symbolic and hard links, a bind mount, a rename under it, a store that is deleted,
replaced or cut, ranks that outlive their rank 0.  Every run waits for a file that this test makes, so that no clock decides.
beside: others
timeout: 300"""
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402

SWEEP = """
name: writers
tasks: {{add: {{kind: modular, expr: a + b, p: 23, train_fraction: 0.6}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 48, d_hidden: 24}}}}
training: {{full: {{lr: 1e-2, weight_decay: 1, epochs: {epochs}}}}}
record: {{eval_every: 100}}
checkpoint: {{every: {every}}}
grids: [{{name: main, task: add, model: mlp, training: full, seed: [0, 1, 2]}}]
"""
ROUNDS = int(os.environ.get("KILLS", 3))
short = tap.write("short.yaml", SWEEP.format(epochs=600, every=100))
long = tap.write("long.yaml", SWEEP.format(epochs=100_000_000, every=10_000_000))
whole = tap.SCRATCH / "whole.h5"
tap.equal(tap.tombola("run", short, "--store", whole).returncode, 0, "a store to compare with")


def busy(store):
    result = tap.tombola("query", store, "SELECT count(*) FROM jobs WHERE state = 'running'", "--format", "csv")
    return result.returncode == 0 and int(result.stdout.split()[-1]) > 0


def at_work(store, ranks=0):
    """A run that trains for ever, once it says so in a row."""
    run = tap.start("run", long, "--store", store, "--quiet", "--resume-every", "0.2", ranks=ranks)
    assert tap.wait_for(lambda: run.poll() is not None or busy(store), 60)
    assert run.poll() is None, run.communicate()[1]
    return run


def stop(run):
    """It leaves in good order, and with which code."""
    tap.kill(run, signal.SIGUSR1, ranks_only=True)
    said = run.communicate(timeout=60)[1]
    return run.returncode, said


def refused(store, name, words):
    result = tap.tombola("run", short, "--store", store)
    tap.ok(result.returncode == 4 and words in result.stderr, name, f"{result.returncode} {result.stderr}")


# ---- many names of one file ----
base = tap.SCRATCH / "base.h5"
shutil.copy(whole, base)
elsewhere = tap.SCRATCH / "elsewhere"
elsewhere.mkdir()
run = at_work(base)
(elsewhere / "soft.h5").symlink_to(base)
os.link(base, elsewhere / "hard.h5")
refused(base, "the same path: refused", "is in use by another run: pid")
refused(elsewhere / "soft.h5", "a symbolic link: refused", "is in use by another run: pid")
refused(elsewhere / "hard.h5", "a hard link: refused", "is in use by another run: pid")
result = tap.tombola("measure", elsewhere / "hard.h5", "norms")
tap.equal(result.returncode, 4, "measure is refused, too")
mount = tap.SCRATCH / "mount"
mount.mkdir()
if os.geteuid() == 0 and subprocess.run(["mount", "--bind", tap.SCRATCH, mount], capture_output=True).returncode == 0:
    try:
        refused(mount / "base.h5", "a bind mount: refused", "is in use by another run: pid")
    finally:
        subprocess.run(["umount", mount], check=True)
else:
    tap.skip("a bind mount: refused", "only root can mount")
code, said = stop(run)
tap.equal(code, 75, "the first run was not disturbed")
tap.ok(tap.tombola("verify", base).returncode == 0, "and its store is sound")
moved = tap.SCRATCH / "moved.h5"
run = at_work(base)
base.rename(moved)
refused(moved, "under the name that it was given during the run: refused", "is in use by another run: pid")
code = run.wait(60)
tap.ok(code == 5 and "deleted, replaced or renamed" in run.communicate()[1], "a store that is renamed ends the run with 5")
result = tap.tombola("run", short, "--store", moved)
tap.ok(result.returncode == 0 and tap.tombola("verify", moved).returncode == 0, "and is whole under its new name", result.stderr)

# ---- what happens to the file ----
for what, change in (("deleted", lambda p: p.unlink()), ("replaced", lambda p: (shutil.copy(whole, tap.SCRATCH / "other"), os.replace(tap.SCRATCH / "other", p))),
                     ("cut", lambda p: os.truncate(p, p.stat().st_size // 2))):
    store = tap.SCRATCH / f"{what}.h5"
    shutil.copy(whole, store)
    run = at_work(store)
    change(store)
    code = run.wait(60)
    said = run.communicate()[1]
    tap.ok(code == 5 and "finished" not in said, f"a store that is {what} during a run: 5", f"{code} {said}")

# ---- ranks that outlive rank 0 ----
writers = tap.SCRATCH / "killed.h5"
shutil.copy(whole, writers)
for i in range(ROUNDS):
    run = at_work(writers, ranks=3)
    first = min(tap.ranks_of(run))
    os.kill(first, signal.SIGKILL)
    result = tap.tombola("run", short, "--store", writers)
    ok = result.returncode == 0 or (result.returncode == 4 and "ranks of a dead run still write" in result.stderr)
    tap.ok(ok, f"rank 0 killed, the next run at once: {result.returncode}", result.stderr)
    run.communicate(timeout=60)
tap.ok(tap.tombola("verify", writers).returncode == 0, "never two writers: verify finds nothing")
have, want = digest.jobs(writers), digest.jobs(whole)
tap.equal({job: have.get(job) for job in want}, want, "and what was finished has the bits of an undisturbed run")
tap.done()
