#!/usr/bin/env python3
"""Weights, masks and splits from files of every kind on one rank and on four: the same bits, and only rank 0 looks into the files; the
others read the numbers from their places, or were sent them.  Files that change, shrink or go while a run is under way fail the
jobs that need them, with a word.
timeout: 240
beside: others"""
import collections
import io
import os
import shutil
import signal
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../fault"))
import digest  # noqa: E402
import fault  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
from specimens import TENSORS  # noqa: E402

FOLDER = tap.SCRATCH / "brought"
FOLDER.mkdir()
PAIRS = np.array([(a, b) for a in range(31) for b in range(31)])
SWEEP = """
tasks: {{add: {{kind: modular, expr: a + b, p: 31, train_fraction: 0.5}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 2, d_hidden: 3}}, large: {{kind: embed_mlp, d_embed: 50, d_hidden: 48}}}}
training: {{short: {{epochs: 3}}, long: {{epochs: {epochs}}}}}
checkpoint: {{at: [0]}}
grids:
"""
GRID = "  - {{name: {name}, mirrors: accept, task: add, model: mlp, training: short, training.precision: [float, double]{inputs}}}\n"


def numbers(seed, dtype):
    """init/NAME and data/NAME of one file: no two files have the same weights, or the same split."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(PAIRS))
    out = {f"init/{name}": (random.normal(size=shape) * 3).astype(dtype) for name, shape in TENSORS.items()}
    tokens = dtype if np.issubdtype(dtype, np.integer) else "i8"
    out["data/train_pairs"], out["data/test_pairs"] = (PAIRS[part].astype(tokens) for part in (order[:400], order[400:]))
    return out


def hdf5(name, arrays, userblock=0, compact=False, **how):
    with h5py.File(FOLDER / name, "w", userblock_size=userblock) as f:
        for path, array in arrays.items():
            if compact:
                p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                p.set_layout(h5py.h5d.COMPACT)
                h5py.h5d.create(f.require_group(os.path.dirname(path)).id, os.path.basename(path).encode(), h5py.h5t.py_create(array.dtype),
                                h5py.h5s.create_simple(array.shape), p).write(h5py.h5s.ALL, h5py.h5s.ALL, array)
            else:
                f.create_dataset(path, data=array, **how)


def npz(name, arrays, save):
    save(FOLDER / name, **{os.path.basename(path): array for path, array in arrays.items()})


def safetensors(name, arrays):
    types, header, data = {"f4": "F32", "i8": "I64", "f8": "F64"}, [], io.BytesIO()
    for path, array in arrays.items():
        at = data.tell()
        data.write(array.tobytes())
        header.append(f'"{os.path.basename(path)}":{{"dtype":"{types[array.dtype.str[1:]]}","shape":{list(array.shape)},"data_offsets":[{at},{data.tell()}]}}')
    text = ("{" + ",".join(header) + "}").encode()
    (FOLDER / name).write_bytes(struct.pack("<Q", len(text)) + text + data.getvalue())


# file -> (what makes it, type of its numbers, whether its numbers lie in it as they are)
FILES = {
    "plain.h5": (hdf5, "f8", True),
    "behind.h5": (lambda n, a: hdf5(n, a, userblock=512), "f4", True),
    "whole.h5": (hdf5, "i2", True),
    "stored.npz": (lambda n, a: npz(n, a, np.savez), "f4", True),
    "half.npz": (lambda n, a: npz(n, a, np.savez), "f2", True),
    "x.safetensors": (safetensors, "f4", True),
    "gzip.h5": (lambda n, a: hdf5(n, a, compression="gzip", shuffle=True), "f8", False),
    "pieces.h5": (lambda n, a: hdf5(n, a, chunks=True), "f4", False),
    "big.h5": (hdf5, ">f8", False),
    "half.h5": (hdf5, "f2", False),
    "compact.h5": (lambda n, a: hdf5(n, a, compact=True), "f8", False),
    "deflated.npz": (lambda n, a: npz(n, a, np.savez_compressed), "f8", False),
}
ARRAYS = {}
for seed, (file, (make, dtype, _)) in enumerate(FILES.items()):
    ARRAYS[file] = numbers(seed, np.dtype(dtype))
    if not FILES[file][2] and file.endswith(".h5"):  # of a split, too, nothing lies as it is
        ARRAYS[file].update((k, v.astype(">i4")) for k, v in ARRAYS[file].items() if k.startswith("data/") and file != "gzip.h5")
    make(file, ARRAYS[file])


def section(file):
    return f", init: {{file: {FOLDER / file}}}, split: {{file: {FOLDER / file}}}"


def reads(log):
    """file -> {process: how many calls read it}"""
    out = {}
    for line in open(log, encoding="utf-8"):
        _, pid, name, _, _, path = line.rstrip("\n").split(" ", 5)
        if name.startswith("p") or name.startswith("__p"):
            out.setdefault(os.path.basename(path), collections.Counter())[pid] += 1
    return out


def looked(*args, ranks=0):
    """Run a command: its exit code, its words, and who has read how often from which file."""
    log = tap.SCRATCH / "reads.log"
    environment = dict(fault.told(FOLDER, tap.SCRATCH / "state", log=log), FAULT_READS="1")
    result = tap.tombola(*args, ranks=ranks, env=environment)
    return result.returncode, result.stderr, reads(log) if log.exists() else {}


def grid_jobs(store, elsewhere):
    """grid -> number of its jobs, or only of those that were not trained by rank 0."""
    with h5py.File(store, "r") as f:
        jobs = f["jobs"][:]
    return collections.Counter(j["grid"].decode() for j in jobs if j["state"] == 3 and not (elsewhere and j["rank"] == 0))


# ---- the same bits, whoever reads ----

sweep = tap.write("inputs.yaml", SWEEP.format(epochs=1) + "".join(GRID.format(name=f"'{file}'", inputs=section(file)) for file in FILES))
stores = {ranks: tap.SCRATCH / f"inputs{ranks}.h5" for ranks in (0, 4)}
seen = {}
for ranks, store in stores.items():
    code, said, seen[ranks] = looked("run", sweep, "--store", store, ranks=ranks)
    tap.equal(code, 0, f"{ranks or 1} ranks: all files are read") or print(said)
tap.equal(len(digest.jobs(stores[0])), 2 * len(FILES), "two jobs a file")
found = digest.differences(*stores.values())
tap.ok(not found, "four ranks: the same bits as one", "\n".join(found))
with h5py.File(stores[4], "r") as f:
    for row in (r for r in f["jobs"][:] if r["state"]):
        group, file = digest.family_of(f, row), row["grid"].decode()
        have = group["checkpoints"][int(row["family_row"]), list(group["checkpoint_epoch"][int(row["family_row"])]).index(0)]
        want = np.concatenate([ARRAYS[file][f"init/{t['name'].decode()}"].astype("f8").ravel() for t in group["tensors"][:]]).astype(have.dtype)
        tap.ok(np.array_equal(have, want), f"{file}, {row['training_precision'].decode()}: starts with the file's numbers")

# ---- SQL and show say which file it was ----

ASKED = "SELECT grid, input_of(id, 'init.file'), input_of(id, 'init.group'), input_of(id, 'split.file'), input_of(id, 'split.group') FROM jobs"
tap.equal(sorted(tap.query(stores[0], ASKED)), sorted([file, str(FOLDER / file), None, str(FOLDER / file), None] for file in FILES for _ in range(2)),
          "SQL says which file weights and split came from")
PARTS = {f"{part}/{path}": array for seed, part in enumerate(("one", "two")) for path, array in numbers(50 + seed, np.dtype("f4")).items()}
hdf5("parts.h5", PARTS)
shutil.copy(tap.ROOT / "tests/same/data/reviews.csv.npz", FOLDER / "reviews.csv.npz")
GIVEN = {  # grid: what it is given
    "both": f", init: {{file: {FOLDER}/parts.h5, group: one}}, split: {{file: {FOLDER}/parts.h5, group: two}}",
    "weights": f", init: {{file: {FOLDER}/parts.h5, group: two}}",
    "split": f", split: {{file: {FOLDER}/plain.h5}}",
    "neither": "",
}
sweep = tap.write("given.yaml", SWEEP.format(epochs=1).replace("tasks: {", f"tasks: {{films: {{kind: imdb, data: {FOLDER}/reviews.csv, vocabulary: 12, length: 4}}, ")
                  + "".join(GRID.format(name=name, inputs=more).replace("[float, double]", "float") for name, more in GIVEN.items())
                  + "  - {name: films, task: films, model: mlp, training: short, training.loss: binary_cross_entropy, control: ticket, t: final, k: 0.5}\n")
given = tap.SCRATCH / "given.h5"
tap.equal(tap.tombola("run", sweep, "--store", given).returncode, 0, "a file of two groups, and a task's own") or print(tap.tombola("plan", sweep).stderr)
says = {grid: rest for grid, *rest in tap.query(given, ASKED.replace("FROM", ", input_of(id, 'task.data'), input_of(id, 'task.other') FROM"))}
parts, nothing = str(FOLDER / "parts.h5"), [None] * 6
tap.equal(says, {"both": [parts, "one", parts, "two", None, None], "weights": [parts, "two", *nothing[2:]],
                 "split": [None, None, str(FOLDER / "plain.h5"), None, None, None], "neither": nothing,
                 "films": [*nothing[:4], str(FOLDER / "reviews.csv"), None]}, "and which group of it, and a task's file")
with h5py.File(given, "r") as f:
    for row in f["jobs"][:f["control"]["rows"][0]]:
        group, part = digest.family_of(f, row), says[row["grid"].decode()][1]
        if part:
            have = group["checkpoints"][int(row["family_row"]), list(group["checkpoint_epoch"][int(row["family_row"])]).index(0)]
            want = np.concatenate([PARTS[f"{part}/init/{t['name'].decode()}"].ravel() for t in group["tensors"][:]])
            tap.ok(np.array_equal(have, want), f"{row['grid'].decode()}: starts with the numbers of the group that SQL names")
both = tap.query(given, "SELECT id FROM jobs WHERE grid = 'both'")[0][0]
shown = tap.tombola("show", given, both).stdout
tap.ok(f"from file: init={parts}\tone\n" in shown and f"from file: split={parts}\ttwo\n" in shown, "show says it, too", shown)
tap.equal(tap.query(given, f"SELECT input_of('{both[:31]}x', 'init.file'), input_of(NULL, 'init.file'), input_of('{both}', NULL)"), [[None] * 3],
          "of no job, and of no key, it is NULL")
for key in "init", "init.fil", "ini.file", "split.files", "file", "":
    said = tap.tombola("query", given, f"SELECT input_of(id, '{key}') FROM jobs")
    tap.ok(said.returncode == 2 and f"input_of: there is no '{key}'; allowed: init.file" in said.stderr, f"'{key}' is a mistake", said.stderr)
tap.ok("input_of(id, key): the file" in tap.tombola("query", given, "--schema").stdout, "--schema says what there is")
small = tap.SCRATCH / "two.h5"
tap.equal(tap.tombola("compact", given, "-o", small, "--where", "input_of(id, 'init.group') = 'two'").returncode, 0, "an archive of what came from one file")
tap.equal(tap.query(small, ASKED), [["weights", parts, "two", None, None]], "in which SQL says the same")

# Six datasets a job, each read by one call from its place.  Whoever opens a file reads more than that.
elsewhere, pids = grid_jobs(stores[4], True), {pid for counts in seen[4].values() for pid in counts}
first = max(pids, key=lambda pid: sum(pid in counts for counts in seen[4].values()))
tap.ok(len(elsewhere) > 0, "ranks other than 0 have trained", elsewhere)
for file, (_, _, lies) in FILES.items():
    others = sum(count for pid, count in seen[4][file].items() if pid != first)
    tap.equal(others, 6 * elsewhere[file] if lies else 0, f"{file}: ranks other than 0 read {'the places of its numbers, and nothing else' if lies else 'nothing'}")
    tap.equal(len(seen[0][file]), 1, f"{file}: one rank reads it alone")

# ---- measure ----

copies = {ranks: tap.SCRATCH / f"measured{ranks}.h5" for ranks in (0, 4)}
for ranks, store in copies.items():
    shutil.copy(stores[0], store)
    code, said, seen[ranks] = looked("measure", store, "norms", ranks=ranks)
    tap.equal(code, 0, f"{ranks or 1} ranks: jobs with splits from files are measured") or print(said)
found = digest.differences(*copies.values())
tap.ok(not found, "measured by four ranks: the same bits as by one", "\n".join(found))
pids = {pid for counts in seen[4].values() for pid in counts}
first = max(pids, key=lambda pid: sum(pid in counts for counts in seen[4].values()))
for file, (_, _, lies) in FILES.items():
    others = [count for pid, count in seen[4][file].items() if pid != first]
    tap.ok(sum(others) <= 4 and not sum(others) % 2 if lies else not others, f"{file}: measured without looking into it", others)

# ---- files that change under a run ----

CHANGES = {
    "changed.h5": "the weights in '{}' are no longer those that were planned",
    "split.h5": "the split in '{}' is no longer the one that was planned",
    "gone.h5": "No such file",
    "gone.safetensors": "No such file",
    "cut.h5": "became shorter",
    "cut.npz": "became shorter",
    "cut.safetensors": "became shorter",
    "pipe.h5": "not a regular file",
    "mask.h5": "the mask in '{}' is no longer the one that was planned",
    "lost.h5": None,  # its numbers were sent
    "headless.h5": None,  # they lie where they lay
}
for seed, file in enumerate(CHANGES):
    arrays = numbers(100 + seed, np.dtype("f4"))
    if file == "mask.h5":
        hdf5(file, {f"mask/{name}": np.ones(shape, "u1") for name, shape in TENSORS.items()})
    elif file.endswith("npz"):
        npz(file, arrays, np.savez)
    elif file.endswith("safetensors"):
        safetensors(file, arrays)
    else:
        hdf5(file, arrays, **({"compression": "gzip"} if file == "lost.h5" else {}))


def overwrite(file, at, data):
    with open(FOLDER / file, "r+b") as f:
        f.seek(at)
        f.write(data)


def place(file, dataset):
    with h5py.File(FOLDER / file, "r") as f:
        return f[dataset].id.get_offset()


def change_all():
    overwrite("changed.h5", place("changed.h5", "init/W_U"), b"\1\2\3\4")
    overwrite("split.h5", place("split.h5", "data/train_pairs"), struct.pack("<q", 7) * 2)
    overwrite("mask.h5", place("mask.h5", "mask/W_U"), b"\0")
    overwrite("headless.h5", 0, bytes(64))
    for file in ("gone.h5", "gone.safetensors", "lost.h5", "pipe.h5"):
        (FOLDER / file).unlink()
    os.mkfifo(FOLDER / "pipe.h5")
    for file in ("cut.h5", "cut.npz", "cut.safetensors"):
        os.truncate(FOLDER / file, 100)


# The first job, which takes the longest, has nothing to do with files; what the others need changes while it is trained.
sweep = tap.write("changes.yaml", SWEEP.format(epochs=4000) + "  - {name: first, mirrors: accept, task: add, model: large, training: long}\n"
                  + "".join(GRID.format(name=f"'{file}'", inputs=section(file) if file != "mask.h5" else f", mask: {{file: {FOLDER / file}}}").replace("[float, double]", "float") for file in CHANGES))
store = tap.SCRATCH / "changes.h5"
with tap.start("run", sweep, "--store", store) as run:
    tap.until(lambda: tap.starts(store), "a job at work")
    tap.kill(run, signal.SIGSTOP)
    tap.equal(tap.starts(store), 1, "one job is being trained, and no other yet, while files change")
    change_all()
    tap.kill(run, signal.SIGCONT)
    said = run.communicate(timeout=120)[1]
tap.equal(run.returncode, 3, "the run goes on, and says that jobs failed") or print(said)
told = {grid: (state, error) for grid, state, error in tap.query(store, "SELECT grid, state, error FROM jobs")}
tap.equal(told.pop("first")[0], "done", "the job without files is done")
for file, says in CHANGES.items():
    state, error = told[file]
    if says:
        tap.ok(state == "failed" and says.format(FOLDER / file) in error and file in error, f"{file}: fails its job: {says}", told[file])
    else:
        tap.equal(state, "done", f"{file}: was told before, its job is done") or print(error)
tap.done()
