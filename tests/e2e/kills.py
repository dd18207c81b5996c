#!/usr/bin/env python3
"""A sweep grows in stages, and its runs are killed with SIGKILL again and again: all of their processes, one rank, or only
mpirun, while they plan, grow the store, train, write resume points, or finish, on one to four ranks.  The same command goes
on each time.  A preloaded library (tests/fault) stops a rank at the Nth of its calls on the store, and there the blow falls:
a twin that nobody disturbs has told which calls are whose, so that each phase is hit as often as was asked.  After every kill
h5py opens the file, and no job that was committed before is trained again (what its row says of its training and where its
data are is what it was, and no next one has begun: a row is written when it begins; it may be marked to be confirmed).  In the
end the store holds the bits of the twin.

KILLS: how many, a dozen by default; `make torture` asks for more than a hundred.  SEED: other instants.
timeout: 1800
luck: where a kill hits decides what is said
beside: others"""
import collections
import contextlib
import os
import random
import signal
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(__file__), part) for part in ("..", "../fault")]
import fault  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402

KILLS = int(os.environ.get("KILLS", "12"))
SEED = int(os.environ.get("SEED", "1"))
EARLY = 8  # kills that may come before the growth that they are meant for
STAGES, WORK = (3, 1) if KILLS < 50 else (10, 3)
DONE, PATIENCE = 3, 120
STORE, WHOLE = (tap.SCRATCH / folder / "x.h5" for folder in ("killed", "whole"))
UNDO = STORE.with_name("x.h5.undo")
STATE, LOG, CALLS = (tap.SCRATCH / name for name in ("state", "log", "calls"))
OPENING, MARGIN = 30, 4  # calls of a run that opens a store; what the lock of a dead run adds
dice = random.Random(SEED)

HEAD = f"""
name: kills
tasks: {{add: {{kind: modular, expr: a + b, p: 23, train_fraction: 0.5}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 32, d_hidden: 16}}, tf: {{kind: transformer, d_model: 16, d_mlp: 16}}}}
training:
  full: {{lr: 3e-3, weight_decay: 1, betas: [0.9, 0.98], epochs: {1500 * WORK}}}
  batches: {{use: full, batch: 50, epochs: {300 * WORK}}}
  twice: {{use: full, precision: double, epochs: {1000 * WORK}}}
record: {{eval_every: 5, measures: [norms]}}
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
        self.kills = self.opened = self.grown = self.undone = self.early = 0
        self.deck = []  # (ranks, victim): each pair comes before one comes again
        self.committed = {}  # id -> what must never change again
        self.trouble = []

    def draw(self):
        if not self.deck:
            self.deck = [(ranks, victim) for ranks in (1, 2, 3, 4) for victim in ("all", "one rank", "mpirun")]
            dice.shuffle(self.deck)
        return self.deck.pop()

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
            if job not in held or self.trained(held[job]) != before:
                self.trouble.append(f"{when}: job {job.decode()} was committed and is not what it was")
        for job, row in held.items():
            if row["state"] == DONE:
                self.committed[job] = self.trained(row)

    @staticmethod
    def trained(row):
        return row[["state", "attempts", "started", "ended", "data_sum", "family", "family_row"]].tolist(), int(row["next_state"]) > 1


def command(sweep, store, every="0.05"):
    return ["run", sweep, "--store", store, "--resume-every", every, "--retry-failed"]


class Stage:
    """A sweep, and what the twin's run of it has shown: the calls that plan, those that grow the store (in the first stage: that
    make it), and how many there are."""

    def __init__(self, number):
        self.number, self.sweep = number, tap.write(f"kills{number}.yaml", sweep_of(number))
        result = fault.run(command(self.sweep, WHOLE), tap.SCRATCH, 2, under=WHOLE.parent, log=CALLS, limit=600)
        calls = fault.read_log(CALLS)
        made = [c.number for c in calls if c.name.startswith(("rename", "link"))]
        gone = [c.number for c in calls if c.name.startswith("unlink") and c.path == str(WHOLE) + ".undo"]
        fresh = [c.number for c in calls if ".tmp." in c.path]
        window = (made[0], gone[-1]) if number and made and gone else (fresh[0], made[0]) if fresh and made else (0, 0)
        self.planned, self.grown, self.calls = *window, len(calls)
        self.sound = result.code == 0 and window[1] - window[0] > 3 * MARGIN
        tap.ok(self.sound, f"stage {number} of the twin: {len(calls)} calls, {window[1] - window[0]} grow it", result)

    def at(self, phase, share, opening):
        """The call of a new run at which it is in that phase.  share: of all that is to be trained."""
        if phase == "planning":
            return dice.randint(1, max(1, self.planned - 1))
        if phase == "growth":
            return dice.randint(self.planned + MARGIN, self.grown - MARGIN)
        return opening + int(share * dice.uniform(0.3, 1) * (self.calls - self.grown))


def strike(victim, process):
    """SIGKILL to all, to the rank that has been stopped, or to mpirun and then that rank."""
    stopped = tap.stopped(process)
    for pid in {"all": list(tap.processes(process)), "one rank": stopped, "mpirun": [process.pid]}[victim]:
        os.kill(pid, signal.SIGKILL)
    if victim == "mpirun":  # a rank that goes on does the next kill's work, and more, before it notices
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return bool(stopped)


def disturb(d, stage, phase, at):
    """One run that is killed at that call.  "early": it did not grow the store yet."""
    ranks, victim = d.draw()
    name = f"kill {d.kills}, of {victim} of {ranks}, at call {at}, while {phase}"
    with open(LOG, "w", encoding="utf-8") as log:
        process = tap.start(*command(stage.sweep, STORE, "0" if phase == "checkpointing" else "0.05"), ranks=ranks, stderr=log,
                            env=dict(os.environ, **fault.MPI, **fault.told(STORE.parent, STATE, "stop", at)))
    tap.wait_for(lambda: process.poll() is not None or fault.counts(STATE)[1], PATIENCE, 0.002)
    tap.wait_for(lambda: process.poll() is not None or tap.stopped(process), PATIENCE, 0.002)
    hit = process.poll() is None and strike(victim, process)
    if not tap.wait_for(lambda: process.poll() is not None and not tap.processes(process), PATIENCE):
        d.trouble.append(f"{name}: who survived it is there after {PATIENCE} s: {tap.processes(process)}")
        tap.kill(process)
    process.wait()
    if not hit:
        d.trouble.append(f"{name}: it ended before with {process.returncode}: {LOG.read_text()}")
        return
    if phase == "growth" and stage.number and not UNDO.exists():
        d.early += 1  # what the kill before has left was put right first, or there were signs of life: the growth comes later
        return "early"
    d.kills += 1
    d.victims[victim] += 1
    d.phases[phase] += 1
    d.ranks[ranks] += 1
    if phase == "growth" and stage.number:
        d.grown += 1
    elif UNDO.exists() and victim == "mpirun":
        pass  # the rank has gone on as far as the growth
    elif UNDO.exists():
        d.trouble.append(f"{name}: the undo journal of the kill before is still there")
    elif STORE.exists():
        d.look(name)


def finish(d, stage, kill):
    """Let the stage come to its end; then, if asked for, kill the same command where it ends."""
    result = fault.run(command(stage.sweep, STORE), tap.SCRATCH, 2, under=STORE.parent, limit=600)
    if result.code != 0:
        d.trouble.append(f"after {d.kills} kills the same command ends with {result}")
        return
    again = fault.run(command(stage.sweep, STORE), tap.SCRATCH, 2, under=STORE.parent)
    if kill:
        disturb(d, stage, "finishing", dice.randint(again.calls * 3 // 4, again.calls - 1))


def torture(d, stages):
    """Each stage is killed while it plans, then while it grows, then where it trains, then at its end."""
    for stage in stages:
        kills = KILLS * (stage.number + 1) // STAGES - KILLS * stage.number // STAGES
        first = ["planning"] * (stage.number % 2 == 0) + ["growth"] * (1 + (kills > 8))
        rest = [("training", "checkpointing")[i % 2] for i in range(max(0, kills - len(first) - 1))]
        opening = stage.grown + MARGIN
        for phase in first + rest:
            at = stage.at(phase, 1 / (len(rest) + 1), opening)
            while disturb(d, stage, phase, at) == "early" and d.early <= EARLY:
                at += (stage.grown - stage.planned) // 2
            opening = OPENING if phase in rest else opening
        finish(d, stage, kills > len(first + rest))
        if UNDO.exists():
            d.trouble.append(f"stage {stage.number}: an undo journal stays")
            return
        d.undone = d.grown


print(f"# SEED={SEED} KILLS={KILLS}")
start = time.monotonic()
for folder in (STORE.parent, WHOLE.parent):
    folder.mkdir()
stages = [Stage(number) for number in range(STAGES)]
d = Record()
if all(stage.sound for stage in stages):
    torture(d, stages)
for name, counter in (("killed", d.victims), ("while", d.phases), ("ranks", d.ranks)):
    print(f"# {name}: " + ", ".join(f"{key} {count}" for key, count in sorted(counter.items())))
print(f"# {len(d.committed)} jobs committed by then, {d.undone} of {d.grown} growths undone, {d.early} kills before them, {time.monotonic() - start:.0f} s")
tap.equal(d.kills, KILLS, f"every kill has hit, SEED={SEED}")
phases = ["checkpointing", "finishing", "growth", "planning", "training"]
tap.ok(sorted(d.phases) == phases and len(d.victims) == 3 and len(d.ranks) == 4, "in every phase, every victim, on 1 to 4 ranks")
tap.ok(d.undone == d.grown >= STAGES - 1, f"{d.grown} growths were killed, and undone", d.undone)
tap.ok(d.opened > d.kills // 2, f"h5py opened the store {d.opened} times")
tap.ok(not d.trouble, f"no committed job was begun again ({len(d.committed)} jobs)", "\n".join(d.trouble))
final = tap.tombola(*command(stages[-1].sweep, STORE), ranks=2)
tap.equal(final.returncode, 0, f"the same command finishes after {d.kills} kills") or print(final.stderr)
found = fault.differences(WHOLE, STORE)
tap.ok(not found, f"the same bits as undisturbed, in {len(d.committed)} jobs and more", "\n".join(found))
tap.equal(tap.tombola("verify", STORE).returncode, 0, "verify finds nothing wrong")
tap.equal(os.listdir(STORE.parent), [STORE.name], "nothing is left beside the store")
tap.done()
