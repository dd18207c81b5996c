#!/usr/bin/env python3
"""A sweep grows in stages, and its runs are killed with SIGKILL again and again: all of their processes, one rank, or only
mpirun, while they plan, grow the store, train, write resume points, or finish, on one to four ranks.  The same command goes
on each time.  After every kill h5py opens the file, and no job that was committed before has been written again (started,
attempts and sequence of its row are what they were: a job's row is written when it begins).  In the end the store holds the
bits of a run that nobody disturbed.

KILLS: how many, a dozen by default; `make torture` asks for more than a hundred.  SEED: other instants.
timeout: 1800"""
import collections
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402

KILLS = int(os.environ.get("KILLS", "12"))
SEED = int(os.environ.get("SEED", "1"))
STAGES, WORK = (3, 1) if KILLS < 50 else (10, 3)
DONE, PATIENCE = 3, 60
STORE, WHOLE, LOG = (tap.SCRATCH / name for name in ("killed.h5", "whole.h5", "log"))
UNDO, MADE = STORE.with_name("killed.h5.undo"), STORE.with_name("killed.h5.tmp")
# What a killed mpirun leaves behind stays in the scratch folder.
ENVIRONMENT = dict(os.environ, OMPI_MCA_btl_vader_backing_directory=str(tap.SCRATCH), OMPI_MCA_orte_tmpdir_base=str(tap.SCRATCH))
dice = random.Random(SEED)

HEAD = f"""
name: kills
tasks: {{add: {{kind: modular, expr: a + b, p: 23, train_fraction: 0.5}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 32, d_hidden: 16}}, tf: {{kind: transformer, d_model: 16, d_mlp: 16}}}}
training:
  full: {{lr: 3e-3, weight_decay: 1, betas: [0.9, 0.98], epochs: {1500 * WORK}}}
  batches: {{use: full, batch: 50, epochs: {300 * WORK}}}
  twice: {{use: full, precision: double, epochs: {1000 * WORK}}}
record: {{eval_every: 5, series_every: 10, measures: [norms]}}
checkpoint: {{every: 100}}
grids:
"""
GRID = "  - {{name: g{0}, task: add, model: {1}, model.{2}, training: {3}, seed: {4}, control: [dense, ticket, l1, random], t: 100, k: 0.6}}\n"
KINDS = [("mlp", "d_hidden: 16", "full"), ("mlp", "d_hidden: 16", "batches"), ("tf", "d_mlp: 16", "full"), ("mlp", "d_hidden: 16", "twice"),
         ("mlp", "d_hidden: 24", "batches"), ("mlp", "d_embed: 48", "full"), ("tf", "d_mlp: 24", "twice"), ("mlp", "d_hidden: 12", "full"),
         ("tf", "heads: 2", "full"), ("mlp", "layers: 2", "full")]


def sweep_of(stage):
    """Each stage adds a grid of networks, some of other shapes, and a seed to every grid that is there."""
    seeds = 3 if STAGES > 3 else 2
    return HEAD + "".join(GRID.format(i, *KINDS[i], list(range(seeds + (stage - i) // 3))) for i in range(stage + 1))


class Record:
    """What was done to the store, and what was found."""

    def __init__(self):
        self.victims, self.phases, self.ranks = (collections.Counter() for _ in range(3))
        self.kills = self.opened = self.undone = 0
        self.committed = {}  # id -> what must never change again
        self.trouble = []

    def look(self, when):
        """h5py opens the store, and what was committed once is still there as it was."""
        try:
            with h5py.File(STORE, "r") as f:
                held = {row["id"]: row for row in f["jobs"][: int(f["control"]["rows"][0])]}
        except OSError as error:
            self.trouble.append(f"{when}: {error}")
            return
        self.opened += 1
        for job, before in self.committed.items():
            if job not in held or held[job][["state", "sequence", "attempts", "started", "ended", "data_sum"]].tolist() != before:
                self.trouble.append(f"{when}: job {job.decode()} was committed and is not what it was")
        for job, row in held.items():
            if row["state"] == DONE:
                self.committed[job] = row[["state", "sequence", "attempts", "started", "ended", "data_sum"]].tolist()


def command(sweep, every="0.05"):
    return ["run", sweep, "--store", STORE, "--resume-every", every, "--retry-failed"]


def wait_until(condition, process, seconds=PATIENCE, step=0.001):
    """False if the process ends first."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        if process.poll() is not None:
            return False
        time.sleep(step)
    return process.poll() is None


def said(word):
    return lambda: word in LOG.read_text(errors="replace")


def grows():
    return UNDO.exists() or MADE.exists()


def wait_for(phase, process):
    """Wait until the run is in that phase and some time more; returns the phase that it is in then, None if it has ended."""
    begin, at_most, step = {
        "planning": (lambda: tap.ranks_of(process), 0.2, 0.005),
        "growth": (lambda: grows() or said("to train")(), 0.004, 0.0002),
        "training": (said("to train"), 0.5, 0.001),
        "checkpointing": (said("to train"), 0.3, 0.001),
        "finishing": (said("finished:"), 0.02, 0.001),
    }[phase]
    if not wait_until(begin, process, step=step):
        return None
    if phase == "growth" and not grows():
        return "training" if wait_until(lambda: False, process, dice.uniform(0, 0.3)) else None
    return phase if wait_until(lambda: False, process, dice.uniform(0, at_most), 0.0005) else None


def strike(victim, process):
    """SIGKILL; returns whether there was anybody to hit."""
    ranks = tap.ranks_of(process)
    pids = {"all": list(tap.processes(process)), "one rank": ranks and [dice.choice(ranks)], "mpirun": [process.pid]}[victim]
    hit = 0
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            hit += 1
        except ProcessLookupError:
            pass
    return hit > 0


def disturb(d, sweep, before, phase):
    """One run that is killed.  before: the sweep of the last stage, which the store holds for certain."""
    ranks, victim = dice.choice([1, 2, 3, 4]), dice.choice(["all", "one rank", "mpirun"])
    with open(LOG, "w", encoding="utf-8") as log:
        process = tap.start(*command(sweep, "0" if phase == "checkpointing" else "0.05"), ranks=ranks, stderr=log, env=ENVIRONMENT)
    seen = wait_for(phase, process)
    hit = seen and strike(victim, process)
    process.wait()
    if not tap.wait_for(lambda: not tap.processes(process), PATIENCE):
        d.trouble.append(f"kill {d.kills}: who survived a kill of {victim} is there after {PATIENCE} s: {tap.processes(process)}")
        tap.kill(process)
    if not hit:
        if process.returncode != 0:
            d.trouble.append(f"a run that nobody killed: exit code {process.returncode}: {LOG.read_text()}")
        return
    d.kills += 1
    d.victims[victim] += 1
    d.phases[seen] += 1
    d.ranks[ranks] += 1
    if UNDO.exists():  # inside a growth: the next run undoes it
        d.undone += 1
        undo = tap.tombola(*command(before), "--time-left", "0")
        if undo.returncode not in (0, 75) or UNDO.exists():
            d.trouble.append(f"kill {d.kills} inside a growth is not undone: {undo.returncode} {undo.stderr}")
    if STORE.exists():
        d.look(f"kill {d.kills}, of {victim} of {ranks}, while {seen}")


def torture(d):
    """Returns the sweep in its last stage."""
    before = None
    for stage in range(STAGES):
        sweep = tap.write(f"kills{stage}.yaml", sweep_of(stage))
        goal = KILLS * (stage + 1) // STAGES
        middle = ["planning", "growth", "training", "checkpointing", "training", "checkpointing", "training"]
        while d.kills < goal - 1:
            disturb(d, sweep, before or sweep, dice.choice(middle) if d.kills > KILLS * stage // STAGES else "growth")
        while d.kills < goal:
            disturb(d, sweep, before or sweep, "finishing")
        if UNDO.exists():
            d.trouble.append("an undo journal stays")
        before = sweep
    return sweep


print(f"# SEED={SEED} KILLS={KILLS}")
start = time.monotonic()
d = Record()
sweep = torture(d)
for name, counter in (("killed", d.victims), ("while", d.phases), ("ranks", d.ranks)):
    print(f"# {name}: " + ", ".join(f"{key} {count}" for key, count in sorted(counter.items())))
print(f"# {len(d.committed)} jobs committed by then, {d.undone} growths undone, {time.monotonic() - start:.0f} s")
final = tap.tombola(*command(sweep), ranks=2)
tap.equal(final.returncode, 0, f"the same command finishes after {d.kills} kills") or print(final.stderr)
d.look("at the end")
tap.ok(d.kills >= KILLS and d.opened > d.kills * 3 // 4, f"{d.kills} kills, and h5py opened the store {d.opened} times")
tap.ok(not d.trouble, f"no committed job was begun again ({len(d.committed)} jobs)", "\n".join(d.trouble))
tap.equal(tap.tombola("run", sweep, "--store", WHOLE, ranks=2).returncode, 0, "a run that nobody disturbs")
found = digest.differences(WHOLE, STORE)
tap.ok(not found, f"the same bits as undisturbed, in {len(digest.jobs(WHOLE))} jobs", "\n".join(found))
tap.equal(tap.tombola("verify", STORE).returncode, 0, "verify finds nothing wrong")
left = [path.name for path in tap.SCRATCH.glob("killed.h5.*")]
tap.equal(left, [], "nothing is left beside the store")
tap.done()
