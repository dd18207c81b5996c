#!/usr/bin/env python3
"""Stores of overlapping sweeps become the store of the union; what is done beats what is not, and a run goes on with the rest.
The same job with other bits (as of another processor), recorded otherwise, measured, damaged; archives; what a user can get wrong.
beside: others
timeout: 300"""
import ctypes
import ctypes.util
import os
import shutil
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402

SWEEP = """
name: {name}
tasks: {{add: {{kind: modular, expr: a + b, p: 23, train_fraction: 0.6}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 48, d_hidden: 24}}}}
training: {{full: {{lr: 1e-2, weight_decay: 1, epochs: {epochs}}}, twice: {{use: full, precision: double, epochs: 60}}}}
record: {{eval_every: 5, measures: [norms]}}
checkpoint: {{every: {every}}}
grids:
  - {{name: main, task: add, model: mlp, training: full, seed: {seeds}, control: [dense, ticket], t: 60, k: {k}}}
  - {{name: {other}, task: add, model: mlp, training: {training}, seed: {seeds}, control: random, k: 0.5}}
"""


def write(file, name="both", epochs=120, every=60, seeds="[0, 1]", k="[0.5, 0.6]", other="plain", training="full"):
    return tap.write(file, SWEEP.format(name=name, epochs=epochs, every=every, seeds=seeds, k=k, other=other, training=training))


def store_of(name, sweep, *more, **how):
    path = tap.SCRATCH / name
    result = tap.tombola("run", sweep, "--store", path, "--quiet", *more, **how)
    assert result.returncode in (0, 75), result.stderr
    return path


def merge(out, *stores):
    return tap.tombola("merge", *stores, "-o", tap.SCRATCH / out), tap.SCRATCH / out


def verified(path):
    return tap.tombola("verify", path).returncode == 0


def resume_points(path, job):
    """The checksums and the bytes of those that a job has: at least one."""
    with h5py.File(path, "r") as f:
        row = next(r for r in f["jobs"] if r["id"].decode() == job)
        group = digest.family_of(f, row)
        points, first, own = group["resume"], int(group["resume"].attrs["first_sum"]), int(row["family_row"])
        sums = group["sums"][own][first:first + points.shape[1]]
        assert sums.any(), job
        return [(int(s), points[own, slot].tobytes()) for slot, s in enumerate(sums) if s]


def other_bits(path, xxhash):
    """Change a number of the first job, with all checksums above it."""
    def checksum(data):
        return struct.pack("=Q", xxhash.XXH3_64bits(bytes(data), len(data)))
    xxhash.XXH3_64bits.restype, xxhash.XXH3_64bits.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
    with h5py.File(path, "r") as f:
        row, fields, jobs = f["jobs"][0], f["jobs"].dtype.fields, f["jobs"].id.get_offset()
        group = digest.family_of(f, row)
        arrays = []
        group.visititems(lambda _, item: arrays.append(item) if "first_sum" in item.attrs and not item.attrs["scratch"] else None)
        own, loss = int(row["family_row"]), group["series/test_loss"]
        sums = [[int(a.attrs["first_sum"]) + p for p in range(max(int(a.attrs["parts"]), 1))] for a in arrays]
        data = loss[own] + 1
        places = {loss.id.get_offset() + own * data.nbytes: data.tobytes()}
        all_sums = group["sums"][own]
        at = int(loss.attrs["first_sum"])
        all_sums[at] = struct.unpack("=Q", checksum(data.tobytes()))[0]
        places[group["sums"].id.get_offset() + (own * len(all_sums) + at) * 8] = checksum(data.tobytes())
        vouched = checksum(b"".join(all_sums[i].tobytes() for i in sorted(sum(sums, []))))
        size = f["jobs"].dtype.itemsize
    with open(path, "r+b") as f:
        f.seek(jobs)
        image = bytearray(f.read(size))
        for name, word in (("data_sum", vouched), ("row_sum", bytes(8))):
            image[fields[name][1]:fields[name][1] + 8] = word
        image[fields["row_sum"][1]:fields["row_sum"][1] + 8] = checksum(image)
        places[jobs] = image
        for place, data in places.items():
            f.seek(place)
            f.write(data)


# ---- two sweeps that share jobs ----
one, two = write("one.yaml"), write("two.yaml", seeds="[1, 2]", k="[0.6, 0.7]", other="double", training="[full, twice]")
a, b = store_of("a.h5", one), store_of("b.h5", two)
union = store_of("union.h5", one)
store_of("union.h5", two)
result, merged = merge("merged.h5", a, b)
tap.ok(result.returncode == 0 and "3 jobs were done in more than one store, 0 of them with other bits" in result.stderr, "merge", result.stderr)
tap.equal(digest.differences(merged, union), [], f"the store of both sweeps, bit for bit: {len(digest.jobs(union))} jobs")
uses = "SELECT sweep, grid, id FROM grids ORDER BY 1, 2, 3"
tap.equal(tap.query(merged, uses), tap.query(union, uses), "and its grids")
names = "SELECT name, text FROM sweeps ORDER BY time"
tap.equal(tap.query(merged, names), tap.query(union, names), "two sweeps of the same name")
tap.ok(verified(merged), "verify finds nothing wrong")
for sweep in (one, two):
    result = tap.tombola("run", sweep, "--store", merged)
    tap.ok(result.returncode == 0 and " 0 to train" in result.stderr, f"nothing is left to do of {sweep.name}", result.stderr)
third = write("third.yaml", seeds="[0, 3]")
again = merge("again.h5", b, a)[1]
tap.equal(digest.differences(again, union), [], "the order does not matter")
store_of("merged.h5", third)
store_of("union.h5", third)
tap.equal(digest.differences(merged, union), [], "it grows as any store")
with h5py.File(merged, "r") as f:
    tap.ok("a.h5, " in f.attrs["merged_from"].decode() and f.attrs["tombola_version"], "it says what it was made from")

# ---- archives ----
archive = tap.SCRATCH / "archive.h5"
tap.tombola("compact", b, "-o", archive)
thawed = merge("thawed.h5", archive)[1]
tap.equal(digest.differences(thawed, b), [], "an archive becomes a store again")
tap.equal(digest.differences(merge("cold.h5", a, archive)[1], again), [], "or is merged")
result = tap.tombola("run", two, "--store", thawed)
tap.ok(result.returncode == 0 and " 0 to train" in result.stderr, "that can be run on", result.stderr)

# ---- unfinished ones ----
long = write("long.yaml", epochs=6000, every=2000, seeds="[0, 1]", k="0.5").read_text().replace("t: 60", "t: 2000")
long = tap.write("long.yaml", long)
whole = store_of("whole.h5", long, ranks=2)
part, less, stopped = tap.SCRATCH / "part.h5", tap.SCRATCH / "less.h5", []
ahead = "SELECT id, epochs_done FROM jobs WHERE state = 'pending' AND epochs_done > 500 ORDER BY 1"
half_way = tap.write("half_way.yaml", long.read_text().replace("seed: [0, 1]", "seed: [0]"))
done = tap.query(store_of("done.h5", half_way), "SELECT count(*) FROM jobs WHERE state = 'done'")[0][0]
for attempt in range(40):  # a job of 6000 epochs is stopped between 500 and 6000 of them, however fast the machine is
    seconds = 0.02 * 1.3**attempt
    shutil.copy(tap.SCRATCH / "done.h5", part)
    store_of(part.name, long, "--time-left", seconds)
    stopped = tap.query(part, ahead)
    if stopped:
        break
tap.ok(stopped and done, f"a store with {done} jobs done and {len(stopped)} stopped on the way, after {attempt + 1} tries")
tap.equal(digest.differences(merge("filled.h5", part, whole)[1], whole), [], f"done beats unfinished ({done} are done in the first store)")
half = merge("half.h5", part, a)[1]
tap.ok(verified(half) and len(digest.jobs(half)) == len(digest.jobs(whole)) + len(digest.jobs(a)), "unfinished jobs stay, as pending")
store_of(less.name, long, "--time-left", seconds / 8)
for name, stores in (("half.h5", (part, a)), ("most.h5", (less, part)), ("more.h5", (part, less))):
    merged = merge(name, *stores)[1]
    tap.equal(tap.query(merged, ahead), stopped, f"{name}: a stopped job has the epochs of the store that has most")
    tap.equal([resume_points(merged, job) for job, _ in stopped], [resume_points(part, job) for job, _ in stopped], "and its resume points")
    tap.ok(verified(merged), "verify finds nothing wrong")
store_of("half.h5", long, ranks=2)
tap.equal(digest.differences(half, merge("wa.h5", whole, a)[1]), [], "and a run ends them")

# ---- the same jobs, but not the same data ----
library = ctypes.util.find_library("xxhash")
if library:
    elsewhere = shutil.copy(a, tap.SCRATCH / "elsewhere.h5")
    other_bits(elsewhere, ctypes.CDLL(library))
    first = tap.query(a, "SELECT id FROM jobs LIMIT 1")[0][0]
    result, kept = merge("kept.h5", a, elsewhere)
    tap.ok(verified(elsewhere) and result.returncode == 0 and " 1 of them with other bits" in result.stderr and f"job {first[:8]}" in result.stderr,
           "other bits: it says how many and which", result.stderr)
    tap.equal(digest.differences(kept, a), [], "and keeps those of the first store")
else:
    tap.skip("other bits", "no libxxhash to seal them with")
finer = store_of("finer.h5", write("finer.yaml", every=30))
result, kept = merge("recorded.h5", finer, a)
tap.ok(f"{len(digest.jobs(a))} recorded otherwise" in result.stderr and digest.differences(kept, finer) == [],
       "recorded otherwise: it says so, and keeps what the first has", result.stderr)
measured = shutil.copy(b, tap.SCRATCH / "measured.h5")
tap.equal(tap.tombola("measure", measured, "fourier").returncode, 0, "one is measured later")
result, kept = merge("fourier.h5", b, measured)
count = "SELECT count(*), sum(value) FROM measures WHERE measure = 'fourier' AND name = 'fe'"
tap.ok(tap.query(kept, count) == tap.query(measured, count) != [[0, None]] and verified(kept), "what was measured in either is kept", result.stderr)

# ---- damage ----
damaged = tap.SCRATCH / "damaged.h5"
shutil.copy(a, damaged)
with h5py.File(a, "r") as f:
    rows = f["jobs"][:f["control"]["rows"][0]]
    shared = next(r for r in rows if r["control"] == b"ticket" and r["seed"] == 1 and abs(r["k"] - 0.6) < 1e-9)
    own = next(r for r in rows if r["control"] == b"ticket" and r["seed"] == 0)
    for row in (shared, own):
        data = digest.family_of(f, row)["series/test_loss"]
        tap.flip(damaged, data.id.get_offset() + int(row["family_row"]) * data.id.get_storage_size() // data.shape[0] + 11)
result, healed = merge("healed.h5", damaged, b)
named = all(r["id"].decode()[:8] in result.stderr for r in (shared, own))
tap.ok(result.returncode == 5 and named and verified(healed), "damage is named", result.stderr)
states = dict(tap.query(healed, "SELECT id, state FROM jobs WHERE state != 'done'"))
tap.equal(states, {own["id"].decode(): "pending"}, "what another store has is taken from there, the rest is pending")
store_of("healed.h5", one)
tap.equal(digest.differences(healed, merge("ab.h5", a, b)[1]), [], "and is trained again")

# ---- mistakes ----
for name, args, text in (("a store twice", (a, b, a, "-o", "x.h5"), "given twice"), ("into one of them", (a, b, "-o", a, "--force"), "to itself"),
                         ("a file that is there", (a, "-o", b), "--force"), ("no store", (a, one, "-o", "x.h5"), "one.yaml"), ("no name", (a, b), "--output")):
    result = tap.tombola("merge", *args, cwd=tap.SCRATCH)
    tap.ok(result.returncode == 2 and text in result.stderr and result.stderr.count("error:") == 1, f"refused: {name}", result.stderr)
tap.ok(not list(tap.SCRATCH.glob("x.h5*")) and not list(tap.SCRATCH.glob("*.tmp")), "and nothing is left")
tap.done()
