"""scenarios.py: what commands do to a store, each from a prepared folder, small enough for a fault at every one of its calls."""
import os
import shutil
import subprocess
from pathlib import Path

import fault
import digest
import seal
import tap
import h5py

HEAD = """
name: faults
tasks: {{add: {{kind: modular, expr: a + b, p: 5, train_fraction: 0.5}}, no: {{kind: nothing}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 4, d_hidden: {hidden}}}}}
training: {{full: {{lr: 1e-2, weight_decay: 1, epochs: {epochs}}}}}
record: {{eval_every: 20}}
checkpoint: {{every: 20}}
grids:
"""
TRAINED = "  - {name: trained, task: add, model: mlp, training: full, seed: 0, control: [dense, ticket], t: 20, k: 0.6}\n"
IDLE = "  - {{name: idle, task: no, model: mlp, training: full, seed: {{from: 1, to: {last}, step: 1}}}}\n"
ALONE = "  - {{name: alone, task: add, model: mlp, training: full, seed: {seed}}}\n"
LONG = 12
# A description that does not fit into a record.
DEEP = f"deep: {{kind: net, net: [embed 2, flatten, {', '.join(['tanh'] * 200)}, dense $classes]}}"
LISTED = "  - {name: listed, task: add, model: deep, training: full, seed: 0}\n"
SWEEPS = {
    "two": HEAD.format(hidden=4, epochs=20) + TRAINED,
    # With it the table of jobs, made for 64, has one row left.
    "filling": HEAD.format(hidden=4, epochs=20) + IDLE.format(last=61),
    # Three families that the store does not know, a long text, and more jobs than its table holds.
    "growing": (HEAD.format(hidden=5, epochs=20) + ALONE.format(seed=0) + IDLE.format(last=1) + LISTED).replace("models: {", f"models: {{{DEEP}, "),
    # One family, and more jobs than the table holds.
    "growing a little": HEAD.format(hidden=5, epochs=20) + IDLE.format(last=2),
    "long": HEAD.format(hidden=4, epochs=LONG) + ALONE.format(seed=0),
    "other": HEAD.format(hidden=4, epochs=20) + ALONE.format(seed=1),
    "both": HEAD.format(hidden=4, epochs=20) + TRAINED + ALONE.format(seed=1),
    "finer": HEAD.format(hidden=4, epochs=20).replace("eval_every: 20", "eval_every: 10") + TRAINED,
}


class Unprepared(Exception):
    """What had to be there before the command could not be made."""


class Scenario:
    """template: the folder as the command finds it; whole: as it leaves it undisturbed; out: the store in it that is compared;
    sources: files that it must not touch; damaged: verify finds something before the command has mended it."""

    out, sources, ranks, damaged = "x.h5", (), (0,), False

    def __init__(self, name, place):
        self.name, self.place = name, place
        self.template, self.whole, self.work = (place / part for part in ("template", "whole", "work"))
        for folder in (self.template, self.whole, self.work):
            folder.mkdir(parents=True)

    def command(self, folder):
        raise NotImplementedError

    def prepare(self, folder):
        """Fill the template."""

    def look(self, store):
        """What is wrong with the store after the faulted command, in a few words each."""
        return []

    def finish(self, folder):
        """The folder as it shall be in the end, if the command from the template is not to be trusted with that."""
        self.must(self.command(folder))

    # --- helpers ---
    def train(self, folder, sweep, store="x.h5"):
        return ["run", tap.SCRATCH / f"{sweep}.yaml", "--store", folder / store]

    def must(self, args):
        result = fault.run(args, self.work)
        if result.code != 0:
            raise Unprepared(f"undisturbed, `{' '.join(map(str, args))}` ends with {result}")

    def calls(self, args, folder, ranks=0, kind=None):
        """(result, calls) of a command that nothing disturbs; those that read if the kind of fault befalls them."""
        log = self.work / "log"
        log.write_text("")
        result = fault.run(args, self.work, ranks, under=folder, kind=kind, log=log)
        return result, fault.read_log(log)

    def stop(self, args, folder, at):
        """Kill a command at one of its calls, to have what it leaves."""
        result = fault.run(args, self.work, under=folder, kind="kill", at=at)
        if result.fired != 1:
            raise Unprepared(f"no call {at} to be killed at: {result}")

    def scratch_copy(self, folder):
        copy = self.work / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy_folder(folder, copy)
        return copy

    def make(self):
        """Fill template and whole."""
        self.prepare(self.template)
        self.whole.rmdir()
        copy_folder(self.template, self.whole)
        self.finish(self.whole)


def copy_folder(source, target):
    subprocess.run(["cp", "-a", "--sparse=always", source, target], check=True)


def states(store):
    """state -> how many jobs, as the store's own reader says."""
    return dict(tap.query(store, "SELECT state, count(*) FROM jobs GROUP BY state"))


class First(Scenario):
    """A run into a folder without a store."""

    ranks = (0, 2, 4)

    def command(self, folder):
        return self.train(folder, "two")


class Growth(Scenario):
    """A run that adds jobs, families and room for more jobs than the tables hold."""

    ranks = (0, 2, 4)

    def prepare(self, folder):
        self.must(self.train(folder, "two"))
        self.must(self.train(folder, "filling"))

    def command(self, folder):
        return self.train(folder, "growing")

    def window(self, calls):
        """The numbers of the calls between the beginning and the end of the growth: while its undo journal is there."""
        made = [c.number for c in calls if c.name.startswith("rename") and c.path.endswith(".undo")]
        gone = [c.number for c in calls if c.name.startswith("unlink") and c.path.endswith(".undo") and made and c.number > made[0]]
        if not gone:
            raise Unprepared("no undo journal was made and removed")
        return range(made[0] + 1, gone[0] + 1)


class Recovery(Growth):
    """The run after one that was killed in the middle of a growth."""

    ranks = (0,)

    def command(self, folder):
        return self.train(folder, "growing a little")

    def prepare(self, folder):
        super().prepare(folder)
        copy = self.scratch_copy(folder)
        window = self.window(self.calls(self.command(copy), copy)[1])
        self.stop(self.command(folder), folder, window[len(window) // 2])
        if not list(folder.glob("*.undo")):
            raise Unprepared("the growth that was killed left no undo journal")

    def finish(self, folder):
        shutil.rmtree(folder)
        folder.mkdir()
        super().prepare(folder)
        self.must(self.command(folder))


class Resume(Scenario):
    """A run that goes on with a job from its resume point."""

    ranks = (0, 2)

    def command(self, folder):
        return [*self.train(folder, "long"), "--resume-every", "0"]

    def prepare(self, folder):
        copy = self.scratch_copy(folder)
        last = self.calls(self.command(copy), copy)[0].calls
        for at in range(last // 2, last):
            shutil.rmtree(folder)
            folder.mkdir()
            self.stop(self.command(folder), folder, at)
            store = folder / "x.h5"
            if store.exists() and "done" not in states(store) and 0 < tap.epochs_done(store) < LONG:
                return
        raise Unprepared("at no call the run can be killed between a resume point and the end")

    def finish(self, folder):
        shutil.rmtree(folder)
        folder.mkdir()
        self.must(self.command(folder))


class Finish(Scenario):
    """A run that has only the end left to do: another was killed before the last of its jobs was committed."""

    def command(self, folder):
        return self.train(folder, "two")

    def prepare(self, folder):
        copy = self.scratch_copy(folder)
        last = self.calls(self.command(copy), copy)[0].calls
        for at in range(last, last // 2, -1):
            shutil.rmtree(folder)
            folder.mkdir()
            self.stop(self.command(folder), folder, at)
            if states(folder / "x.h5").get("done", 0) < 2:
                return
        raise Unprepared("the last job is never the last to be written")

    def finish(self, folder):
        shutil.rmtree(folder)
        folder.mkdir()
        self.must(self.command(folder))


class Measure(Scenario):
    """A measure that the jobs were trained without."""

    ranks = (0, 2)

    def prepare(self, folder):
        self.must(self.train(folder, "two"))

    def command(self, folder):
        return ["measure", folder / "x.h5", "norms"]


class Compact(Scenario):
    """An archive of a store."""

    out, sources = "out.h5", ("x.h5",)

    def prepare(self, folder):
        self.must(self.train(folder, "two"))

    def command(self, folder):
        return ["compact", folder / "x.h5", "-o", folder / self.out, "--force"]


class Part(Compact):
    """An archive of one grid."""

    def prepare(self, folder):
        self.must(self.train(folder, "both"))

    def command(self, folder):
        return [*super().command(folder), "--grid", "trained"]


class Merge(Compact):
    """One store of two, in place of another file."""

    sources = ("x.h5", "y.h5")

    def prepare(self, folder):
        self.must(self.train(folder, "two"))
        self.must(self.train(folder, "other", "y.h5"))
        self.must(self.train(folder, "two", self.out))

    def command(self, folder):
        return ["merge", folder / "x.h5", folder / "y.h5", "-o", folder / self.out, "--force"]


class Repair(Scenario):
    """Damage is found and trained again, beside the old results: all of them are readable throughout."""

    damaged = True

    def prepare(self, folder):
        self.must(self.train(folder, "two"))
        self.harm(folder / "x.h5")

    def harm(self, store):
        with h5py.File(store, "r") as f:
            row = next(row for row in f["jobs"][:2] if not row["parent"])
            family = next(g for g in f["families"].values() if g.attrs["index"] == row["family"])
            data = family["checkpoints"]
            at = data.id.get_offset() + int(row["family_row"]) * data.id.get_storage_size() // data.shape[0]
        tap.flip(store, at + 5)

    def command(self, folder):
        return [*self.train(folder, "two"), "--repair"]

    def look(self, store):
        """Each job is told as it was, or as it will be."""
        stores = (store, self.template / self.out, self.whole / self.out)
        told, why = fault.apart(lambda: [digest.jobs(path) for path in stores])
        if why:
            return [why]
        now, old, new = told
        return [f"job {job[:8]} is neither what it was nor what it will be" for job in old if now.get(job) not in (old[job], new[job])]


class Remade(Repair):
    """The same, and the ticket was made from other weights than its parent has in the end: it is trained again, too."""

    def harm(self, store):
        super().harm(store)
        with h5py.File(store, "r+") as f:
            rows = f["jobs"][:2]
            data, at = seal.move(f["jobs"], 2), rows.dtype.fields["parent_sum"][1]
            ticket = next(i for i, row in enumerate(rows) if row["parent"])
            data[ticket, at] ^= 1
            seal.move(f["jobs"], 2, data)
            seal.seal_row_sums(f)


class Retrain(Repair):
    """A finer recording is asked for: trained again beside the old results."""

    damaged = False

    def harm(self, store):
        pass

    def command(self, folder):
        return [*self.train(folder, "finer"), "--retrain"]


ALL = {"first": First, "growth": Growth, "resume": Resume, "finish": Finish, "measure": Measure, "compact": Compact, "merge": Merge,
       "repair": Repair, "remade": Remade, "recovery": Recovery, "part": Part, "retrain": Retrain}


def write_sweeps():
    for name, text in SWEEPS.items():
        tap.write(f"{name}.yaml", text)


def make(name, place):
    """A scenario, prepared below a folder of its own; write_sweeps has been called."""
    shutil.rmtree(place, ignore_errors=True)
    scenario = ALL[name](name, Path(os.path.realpath(place)))
    scenario.make()
    return scenario
