#!/usr/bin/env python3
"""Random bytes of a finished store are changed, one at a time.  In committed data verify finds each one, says in which dataset
and job, and ends with exit code 5.  Anywhere else it may find nothing or refuse the file, but it never crashes or hangs.

Committed data are, by the offsets that h5py tells: /control; the rows in use of /jobs and of their texts; the records in use of
/grids and /sweeps and the text of the sweeps; in each family the constants (datasets with a checksum), every part that has been
written of the rows that jobs own, and those rows' checksums; resume points are not.  All else are HDF5's structures, resume
points, and room that nobody uses.  Half of the committed bytes are drawn dataset by dataset, so that small ones are hit too.

FLIPS: how many, 150 by default; `make torture` asks for 1000.  SEED: others.
timeout: 600
luck: which byte is changed decides what is said
beside: others"""
import collections
import concurrent.futures
import json
import os
import random
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import h5py  # noqa: E402

FLIPS, SEED = int(os.environ.get("FLIPS", "150")), int(os.environ.get("SEED", "1"))
COMMITTED = 0.7  # of the flips
SWEEP = """
tasks: {add: {kind: modular, expr: a + b, p: 11, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 16, d_hidden: 8}}
training: {full: {lr: 1e-2, weight_decay: 1, epochs: 60}, twice: {use: full, precision: double}}
record: {measures: [norms]}
checkpoint: {every: 20}
grids:
  - {task: add, model: mlp, training: [full, twice], seed: [0, 1], control: [dense, ticket], t: 40, k: 0.6}
"""


def family_places(group, rows):
    """The same for a family: rows are those of /jobs."""
    own = {int(row["family_row"]): r for r, row in enumerate(rows) if row["family"] == group.attrs["index"]}
    sums, found = group["sums"], []

    def visit(name, item):
        if not isinstance(item, h5py.Dataset) or item.id.get_offset() is None:
            return
        at = item.id.get_offset()
        if "first_sum" not in item.attrs:
            if "checksum" in item.attrs:
                found.append((name, None, at, item.id.get_storage_size()))
            return
        first, parts = int(item.attrs["first_sum"]), max(int(item.attrs["parts"]), 1)
        size = item.id.get_storage_size() // item.shape[0] // parts
        for line, r in own.items() if not item.attrs["scratch"] else ():
            found.extend((name, r, at + (line * parts + p) * size, size) for p in range(parts) if sums[line, first + p])
            found.append(("sums", r, sums.id.get_offset() + (line * sums.shape[1] + first) * 8, parts * 8))

    group.visititems(visit)
    return found


def places(path):
    """(dataset, row of /jobs or None, file offset, bytes) of all committed data."""
    with h5py.File(path, "r") as f:
        control = f["control"][0]
        rows = f["jobs"][: control["rows"]]
        assert all(row["state"] == 3 for row in rows)

        def start(name):
            return f[name].id.get_offset(), f[name].dtype.itemsize

        found = [(name, None, *start(name)) for name in ("control", "owner")]
        for name in ("jobs", "texts/canonical", "texts/inputs"):
            at, size = start(name)
            found += [(name, r, at + r * size, size) for r in range(len(rows))]
        for name, used in (("grids", "grids"), ("sweeps", "sweeps"), ("sweep_text", "text")):
            at, size = start(name)
            found.append((name, None, at, size * int(control[used])))
        for group in f["families"].values():
            found += family_places(group, rows)
    return found


def other_blocks(path, committed):
    """(first, end, whether it holds anything but zeros) of all other bytes, in blocks."""
    taken = bytearray(os.stat(path).st_size)
    for _, _, at, size in committed:
        taken[at:at + size] = b"x" * size
    with open(path, "rb") as f:
        text = f.read()
    out = []
    for at in range(0, len(taken), 64):
        end = min(at + 64, len(taken))
        if not any(taken[at:end]):
            out.append((at, end, any(text[at:end])))
    return out


def choose(dice, committed, rest):
    """A random byte: (dataset or None, row, offset)."""
    if dice.random() < COMMITTED:
        if dice.random() < 0.5:
            wanted = dice.choice(sorted({p[0] for p in committed}))
            name, row, at, size = dice.choice([p for p in committed if p[0] == wanted])
        else:
            name, row, at, size = dice.choices(committed, [p[3] for p in committed])[0]
        return name, row, at + dice.randrange(size)
    if dice.random() < 0.5:
        rest = [block for block in rest if block[2]]
    a, b, _ = dice.choices(rest, [b - a for a, b, _ in rest])[0]
    return None, None, dice.randrange(a, b)


def try_flip(flip):
    """What verify says with that byte changed: (flip, exit code, whether it is as it should be, what it said)."""
    name, row, at, mask, path = flip
    tap.flip(path, at, mask)
    try:
        result = tap.tombola("verify", path, "--json", timeout=30)
        code, said = result.returncode, result.stdout + result.stderr
        found = json.loads(result.stdout)["faults"] if result.stdout else []
    except Exception as error:  # also what took too long, and what is no JSON
        code, said, found = None, repr(error), []
    tap.flip(path, at, mask)
    named = name == "control" or any(f["dataset"] == name and (row is None or f["row"] == row) for f in found)
    good = code == 5 and named if name else code in (0, 2, 5)
    return flip, code, good, said


sweep, store = tap.write("flips.yaml", SWEEP), tap.SCRATCH / "flips.h5"
tap.equal(tap.tombola("run", sweep, "--store", store).returncode, 0, "trained")
committed = places(store)
rest = other_blocks(store, committed)
dice = random.Random(SEED)
workers = min(4, len(os.sched_getaffinity(0)))
copies = [shutil.copy(store, tap.SCRATCH / f"copy{i}.h5") for i in range(workers)]
flips = [(*choose(dice, committed, rest), dice.randrange(1, 256)) for _ in range(FLIPS)]
with concurrent.futures.ThreadPoolExecutor(workers) as pool:
    lots = [pool.submit(lambda i=i: [try_flip((*flip, copies[i])) for flip in flips[i::workers]]) for i in range(workers)]
    seen = [one for lot in lots for one in lot.result()]
inside = [one for one in seen if one[0][0]]
outside = [one for one in seen if not one[0][0]]
size, others = sum(p[3] for p in committed), sum(b - a for a, b, _ in rest)
print(f"# SEED={SEED}; {size} bytes of committed data in {len({p[0] for p in committed})} datasets, {others} other bytes; outside: exit codes "
      + ", ".join(f"{code}: {n} times" for code, n in sorted(collections.Counter(one[1] for one in outside).items(), key=str)))
for lot, what in ((inside, "bytes of committed data are found, in their dataset and job"), (outside, "other bytes do no harm to verify")):
    wrong = [f"{f[0]} row {f[1]} byte {f[2]} ^ {f[3]}: exit code {code}: {said[:300]}" for f, code, good, said in lot if not good]
    tap.ok(not wrong and lot, f"{len(lot)} flipped {what}", "\n".join(wrong))
same = [tap.tombola("verify", copy).returncode for copy in copies]
tap.equal(same, [0] * workers, "and nothing is wrong once they are back")
tap.done()
