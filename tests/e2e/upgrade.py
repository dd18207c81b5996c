#!/usr/bin/env python3
"""Later versions add fixed columns of /jobs, keys with columns of theirs, and fixed arrays of families.  A store of this program from which some were left out,
as one of an earlier version: every command reads it, and what runs on it adds what it lacks.  What has finished stays as it was,
in the families that it is in; what has not is trained in siblings that have the arrays.
beside: others
timeout: 300"""
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import seal  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
from store import Store  # noqa: E402

SWEEP = """
name: {name}
tasks: {{add: {{kind: modular, expr: a + b, p: 23, train_fraction: 0.6}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 24, d_hidden: 12}}}}
training: {{full: {{lr: 1e-2, weight_decay: 1, epochs: {epochs}}}}}
record: {{eval_every: 100}}
checkpoint: {{every: 1000}}
grids: [{{name: main, task: add, model: mlp, training: full, seed: {seeds}, control: [dense, ticket, random], t: 1000, k: {k}}}]
"""
EPOCHS = 6000
FIXED = ("machine", "next_epochs", "stop", "end")
KEYS = ("training_schedule", "training_batch", "scope")  # what a job is: rows that are older than the column say it, too
COLUMNS = FIXED + KEYS
NARROW = {"t_asked": 16, "ended_by": 24}  # texts of fewer bytes
GRIDS = {"sweep": ("S64", 0), "grid": ("S64", 64), "row": ("<u8", 128), "threshold": ("<f8", 136), "spacing": ("<i8", 144), "stop": ("S32", 152),
         "end": ("<i8", 184), "t_mem": ("<i8", 192), "t_gen": ("<i8", 200), "tau_grok": ("<f8", 208), "sum": ("<u8", 248)}  # of 256 bytes
PAGE = 4096
ROW = "SELECT id, control, state, epochs_done, t_mem, t_gen, train_loss, test_accuracy, started, ended, host, attempts, training_lr FROM jobs ORDER BY id"


def write(name, seeds, k):
    return tap.write(f"{name}.yaml", SWEEP.format(name=name, seeds=seeds, k=k, epochs=EPOCHS))


def run(path, sweep, *more, codes=(0,)):
    result = tap.tombola("run", sweep, "--store", path, *more)
    tap.ok(result.returncode in codes, f"run of {sweep.name} in {path.name}: {result.returncode}", result.stderr)
    return result.stderr


def verified(path):
    result = tap.tombola("verify", path)
    tap.ok(result.returncode == 0 and ": 0 faults" in result.stdout + result.stderr, f"verify finds nothing wrong in {path.name}",
           result.stdout + result.stderr)


# ---- as if an earlier version had made it ----


def without_columns(f):
    """The same rows, as a type without the columns; their bytes are 0."""
    old = f["jobs"]
    kind, count = old.id.get_type(), old.shape[0]
    less = h5py.h5t.create(h5py.h5t.COMPOUND, kind.get_size())
    data = seal.move(old, count).copy()
    for i in range(kind.get_nmembers()):
        name, at = kind.get_member_name(i).decode(), kind.get_member_offset(i)
        size = kind.get_member_type(i).get_size()
        if name in COLUMNS:
            data[:, at:at + size] = 0
        elif name in NARROW:
            assert size > NARROW[name] and not data[:, at + NARROW[name] - 1:at + size].any()
            less.insert(name.encode(), at, h5py.h5t.py_create(np.dtype(f"S{NARROW[name]}")))
        else:
            less.insert(name.encode(), at, kind.get_member_type(i))
    made, about = replaced(f, "jobs", less, count)
    for name, value in about.items():
        text = re.sub(rf"(?m)^({'|'.join(COLUMNS)})\b.*\n", "", value.decode() if isinstance(value, bytes) else str(value))
        made.attrs.create(name, np.bytes_(text.encode()))
    seal.move(made, count, data)
    return made.id.get_offset()


def replaced(f, name, kind, count):
    """The dataset anew, of another type, without values; it lies as a store has it."""
    about = {key: f[name].attrs[key] for key in f[name].attrs}
    f.move(name, "old")
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.CONTIGUOUS)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    made = h5py.Dataset(h5py.h5d.create(f.id, name.encode(), kind, h5py.h5s.create_simple((count,)), layout))
    del f["old"]
    return made, about


def older_grids(f):
    """/grids without ended_by and metrics, as the first versions of the format had it."""
    used, data = int(f["control"]["grids"][0]), f["grids"][()]
    kind = np.dtype({"names": list(GRIDS), "formats": [form for form, _ in GRIDS.values()], "offsets": [at for _, at in GRIDS.values()], "itemsize": 256})
    records = np.zeros(len(data), kind)
    for name in GRIDS:
        records[name] = data[name]
    made, about = replaced(f, "grids", h5py.h5t.py_create(kind, logical=False), len(data))
    for name, value in about.items():
        made.attrs.create(name, value)
    seal.move(made, len(records), records.view(np.uint8).reshape(len(records), -1))
    seal.seal_records(f, "grids", used)
    return made.id.get_offset()


def without_resume(group):
    """The last array is not there, nor are its checksums."""
    resume, sums = group["resume"], seal.move(group["sums"], group["sums"].shape[0])
    first, parts = int(resume.attrs["first_sum"]), resume.shape[1]
    later = [int(item.attrs["first_sum"]) for item in group.values() if "first_sum" in item.attrs]
    assert first == max(later)
    words = sums.view("<u8")
    words[:, first:first + parts] = 0
    seal.move(group["sums"], len(sums), sums)
    for axis in resume.dims:
        for scale in list(axis.values()):
            axis.detach_scale(scale)
    del group["resume"]


def earlier(path, made):
    """A copy of the store without the columns and the array."""
    shutil.copy(path, made)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_alignment(PAGE, PAGE)
    access.set_libver_bounds(h5py.h5f.LIBVER_V18, h5py.h5f.LIBVER_V18)
    with h5py.File(h5py.h5f.open(os.fsencode(made), h5py.h5f.ACC_RDWR, access)) as f:
        at = without_columns(f)
        assert at % PAGE == 0, at
        assert older_grids(f) % PAGE == 0
        for group in f["families"].values():
            without_resume(group)
    seal.seal(made)
    return made


def families(path):
    """name -> (index, has it room for resume points?)"""
    with h5py.File(path, "r") as f:
        return {name: (int(group.attrs["index"]), "resume" in group) for name, group in f["families"].items()}


def places(path):
    with h5py.File(path, "r") as f:
        return {row["id"].decode(): int(row["family"]) for row in f["jobs"][:f["control"]["rows"][0]]}


def columns(path):
    with h5py.File(path, "r") as f:
        return set(f["jobs"].dtype.names)


def widths(path):
    with h5py.File(path, "r") as f:
        return {name: f["jobs"].dtype[name].itemsize for name in NARROW}


def kept(path, jobs):
    """What the store says of these, but for columns that were left out, and for what was measured later."""
    return {job: {key: value for key, value in said.items() if key not in COLUMNS and not key.startswith("measures/")}
            for job, said in digest.jobs(path).items() if job in jobs}


def keys(path):
    return tap.query(path, f"SELECT id, {', '.join(KEYS)} FROM jobs ORDER BY id")


def new_of(path):
    return {job for (job,) in tap.query(path, "SELECT id FROM jobs WHERE state = 'done'")}


# ---- a store with some jobs done, some stopped with resume points, and tickets of both ----

small, half, larger = write("same", "[0, 1]", "0.5"), write("half", "[0]", "0.5"), write("larger", "[0, 1, 2]", "[0.5, 0.7]")
begun, part = tap.SCRATCH / "begun.h5", tap.SCRATCH / "part.h5"
run(begun, half)
for attempt in range(40):  # a job is stopped on its way, however fast the machine is
    shutil.copy(begun, part)
    tap.tombola("run", small, "--store", part, "--time-left", 0.02 * 1.3**attempt)
    stopped = tap.query(part, "SELECT id FROM jobs WHERE state = 'pending' AND epochs_done > 1000")
    if stopped:
        break
whole = tap.SCRATCH / "whole.h5"
run(whole, small)
run(whole, larger)
old = earlier(part, tap.SCRATCH / "old.h5")
done, base = new_of(old), families(old)
tap.ok(stopped and len(done) >= 3, f"a store with {len(done)} jobs done, {len(stopped)} stopped, after {attempt + 1} tries")
tap.ok(widths(old) == NARROW and not columns(old) & set(COLUMNS) and columns(part) - columns(old) == set(COLUMNS) and not any(room for _, room in base.values()),
       "of an earlier version: it lacks columns and an array, and has a narrower column", base)

# ---- is read by every command ----

verified(old)
tap.equal(tap.query(old, ROW), tap.query(part, ROW), "query")
tap.equal(tap.query(old, "SELECT DISTINCT machine, next_epochs FROM jobs"), [[None, None]], "columns that it lacks say nothing")
result = tap.tombola("query", old, "SELECT training_schedule FROM jobs")
tap.ok(result.returncode == 2 and "this store is older than the column 'training_schedule'; the next run adds it" in result.stderr,
       "but for what a job is, which is not to be guessed", result.stderr)
for table in ("series", "checkpoints", "tensors", "grids", "sweeps"):
    tap.equal(tap.query(old, f"SELECT * FROM {table}"), tap.query(part, f"SELECT * FROM {table}"), f"query of {table}")
one = sorted(done)[0]
for command in (("status",), ("status", "--json"), ("show", one), ("show", stopped[0][0]), ("export", one, "series"), ("plan",)):
    args = (small, "--store", old) if command == ("plan",) else (old, *command[1:])
    result = tap.tombola(command[0], *args)
    tap.equal((result.returncode, result.stderr), (0, ""), " ".join(map(str, command)))
with Store(old) as a, Store(part) as b:
    tap.ok(a.series(one).equals(b.series(one)) and (a.checkpoint(one, "final") == b.checkpoint(one, "final")).all() and len(a.jobs()) == len(b.jobs()),
           "analysis/store.py")
for command, name in (("compact", "packed.h5"), ("merge", "merged.h5")):
    made = tap.SCRATCH / name
    result = tap.tombola(command, old, "-o", made)
    tap.ok(result.returncode == 0 and "damaged" not in result.stderr, command, result.stderr)
    tap.equal(kept(made, done), kept(part, done), "keeps what is done")
    tap.ok(columns(made) >= set(FIXED), "and has all columns")
    verified(made)
both = tap.SCRATCH / "both.h5"
for stores in ((old, whole), (whole, old)):
    both.unlink(missing_ok=True)
    result = tap.tombola("merge", *stores, "-o", both)
    tap.ok(result.returncode == 0 and ", 0 of them with other bits, 0 recorded otherwise" in result.stderr, "merged with one of this version", result.stderr)
    tap.ok(len(families(both)) == len(families(whole)), "they share the families", families(both))
    tap.equal(kept(both, set(places(whole))), kept(whole, set(places(whole))), "which has all that is done")
    tap.equal(keys(both), keys(whole), "and what each of them is")
    verified(both)

# ---- is measured ----

measured = shutil.copy(old, tap.SCRATCH / "measured.h5")
result = tap.tombola("measure", measured, "norms")
tap.equal((result.returncode, families(measured)), (0, base), "measure adds to its families, and nothing else")
tap.equal({job for (job,) in tap.query(measured, "SELECT DISTINCT job FROM measures")}, done, "what is done is measured")
verified(measured)

# ---- and run on ----

for path, sweeps in ((old, (small, larger)), (tap.SCRATCH / "merged.h5", (small, larger)), (shutil.copy(measured, tap.SCRATCH / "at_once.h5"), (larger,))):
    ends = dict(tap.query(path, "SELECT id, ended FROM jobs WHERE state = 'done'"))
    was, there = kept(path, done), places(path)
    for sweep in sweeps:
        said = run(path, sweep)
        tap.ok(columns(path) >= set(COLUMNS) and widths(path) == widths(part) != NARROW, "/jobs has all columns, as wide as they are now", widths(path))
        tap.equal(kept(path, done), was, "what was done is as it was")
        tap.equal({job: end for job, end in tap.query(path, "SELECT id, ended FROM jobs") if job in done}, ends, "and was not trained again")
        now, room = places(path), dict(families(path).values())
        tap.equal({job: now[job] for job in done}, {job: there[job] for job in done}, "where it was")
        tap.ok(all(room[now[job]] for job in now if job not in done), "all others have room for resume points", (now, room))
        tap.ok(all(name.endswith(".2") or index in {i for i, _ in base.values()} for name, (index, _) in families(path).items()), "in siblings",
               families(path))
        verified(path)
        tap.ok(" 0 to train" in run(path, sweep), "once more: nothing to train")
        tap.ok(len(families(path)) <= 2 * len(base), "and nothing grows", families(path))
    jobs = set(places(path))
    tap.equal(kept(path, jobs), kept(whole, jobs), f"{len(jobs)} jobs, tickets of old parents among them, bit for bit as trained at once")
    tap.equal(keys(path), [row for row in keys(whole) if row[0] in jobs], "old rows and new ones say what they are")
    tap.equal(*(tap.query(store, "SELECT control, count(*) FROM settings GROUP BY control ORDER BY 1") for store in (path, whole)),
              "and seeds of old and new rows make one setting")
result = tap.tombola("measure", old, "norms")
tap.equal((result.returncode, tap.query(old, "SELECT count(DISTINCT job) FROM measures")), (0, [[len(places(old))]]), "old and new rows are measured")
verified(old)
result = tap.tombola("compact", old, "-o", tap.SCRATCH / "end.h5")
tap.equal((result.returncode, kept(tap.SCRATCH / "end.h5", done)), (0, kept(old, done)), "compact keeps them")
tap.done()
