#!/usr/bin/env python3
"""A store of format 1 and its archive (tests/fixtures/make_format1.py says how they were made): every command and
analysis/store.py read both; `run` and `measure` name the line that makes a store of format 2 of one, and that store has all of
it, and can be run on.  The files stay as they are, byte for byte.
beside: others
timeout: 300"""
import hashlib
import json
import lzma
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
from store import Store  # noqa: E402

FIXTURES = tap.ROOT / "tests/fixtures"
STATES = {"pending": 2, "done": 17, "failed": 3, "blocked": 2, "skipped": 10}
ANSWERS = ("done", "failed", "blocked", "skipped")
ORDER = ("never", "rewind", "search_mem", "iterate", "blocked", "failed", "stopped")
CODES = {"failed": 3, "blocked": 3}  # of a run; 0 else
TABLES = ("jobs", "grids", "sweeps", "series", "checkpoints", "measures", "tensors")
# Of format 2 alone, or said otherwise there.
NEW = {"error", "state"}


def unpack(name):
    folder = tap.SCRATCH / "of old times"  # a path that a shell would take for three
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(lzma.decompress((FIXTURES / f"{name}.xz").read_bytes()))
    return path


def bytes_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def call(code, *args):
    result = tap.tombola(*args)
    tap.ok(result.returncode == code, f"tombola {' '.join(arg.name if hasattr(arg, 'name') else str(arg) for arg in args)}: {code}",
           f"{result.returncode}: {result.stderr}")
    return result


def states(path):
    return dict(tap.query(path, "SELECT state, count(*) FROM jobs GROUP BY 1"))


def rows(path):
    """id -> (state, its values by column, its arrays)"""
    out = {}
    with h5py.File(path, "r") as f:
        names = {value: word for word, value in h5py.check_enum_dtype(f["jobs"].dtype["state"]).items()}
        for row in f["jobs"][:f["control"]["rows"][0]]:
            values = {name: row[name].tobytes().rstrip(b"\0") for name in row.dtype.names if name not in digest.PLACE | NEW}
            out[row["id"].decode()] = names[row["state"]], values, digest.arrays(f, row)
    return out


def lost(old, new):
    """What is said of the answered jobs in the old store, and is not in the new one."""
    old, new, out = rows(old), rows(new), []
    for job, (state, values, arrays) in old.items():
        if state not in ANSWERS:
            continue
        if job not in new:
            out.append(f"{job[:8]} is not there")
            continue
        has_state, has_values, has_arrays = new[job]
        out += [f"{job[:8]} {state}: {name}" for name in values if has_values.get(name) != values[name]]
        if (state != has_state and not (state == "blocked" and has_state == "skipped")):
            out.append(f"{job[:8]} was {state}, is {has_state}")
        if state == "done":
            out += [f"{job[:8]} {path}" for path in arrays if "checksums" not in path and has_arrays.get(path) != arrays[path]]
    return out


def run_all(path, *more):
    """Run every sweep of the store; how many jobs they had to train."""
    trained = 0
    for name in ORDER:
        result = call(CODES.get(name, 0), "run", tap.SCRATCH / f"{name}.yaml", "--store", path, *more)
        trained += int(re.search(r" (\d+) to train", result.stderr).group(1))
    return trained


def ends(path):
    return dict(tap.query(path, "SELECT id, ended FROM jobs WHERE state IN ('done', 'failed')"))


def verified(path):
    result = tap.tombola("verify", path)
    tap.ok(result.returncode == 0 and ": 0 faults" in result.stdout + result.stderr, f"verify finds nothing wrong in {path.name}",
           result.stdout + result.stderr)


def families(path):
    with h5py.File(path, "r") as f:
        return sorted(f["families"])


# ---- every command reads them ----

store, archive = unpack("format1.h5"), unpack("format1_archive.h5")
before = bytes_of(store), bytes_of(archive)
for name, text in tap.query(store, "SELECT name, text FROM sweeps"):
    tap.write(f"{name}.yaml", text.replace("{task: ", "{ties: prune, task: "))  # as the release did that knew nothing else
for path, counts in ((store, STATES), (archive, {**STATES, "pending": 0})):
    tap.equal(states(path), {state: count for state, count in counts.items() if count}, f"{path.name}: states by query")
    text, said = call(0, "status", path).stdout, json.loads(call(0, "status", path, "--json").stdout)
    tap.equal({state: said[state] for state in counts}, counts, "states by status")
    tap.ok("not needed" not in text and "skipped, which is an answer" in text, "status says what was skipped", text)
    errors = tap.query(path, "SELECT error FROM jobs WHERE state = 'skipped'")
    tap.ok(all(re.match(r"the search ended with |its parent never reached t = ", error) for (error,) in errors), "and why, by query", errors)
    columns = tap.query(path, "SELECT threshold, eval_every, machine, next_state, training_lr FROM jobs WHERE state = 'done'")
    tap.ok(all(row[:4] == [None, None, None, "none"] and row[4] for row in columns), "columns that it lacks say nothing", columns)
    for table in TABLES:
        tap.ok(tap.query(path, f"SELECT * FROM {table} LIMIT 3"), f"query of {table}")
    for state in counts if path == store else ANSWERS:
        job = tap.query(path, f"SELECT id FROM jobs WHERE state = '{state}' LIMIT 1")[0][0]
        shown = call(0, "show", path, job).stdout
        tap.ok(re.search(rf"^job {job}: \w+, {state}", shown) and "not needed" not in shown, f"show of one that is {state}", shown)
    verified(path)
    ticket = tap.query(path, "SELECT id FROM jobs WHERE state = 'done' AND control = 'ticket' AND t = 160 LIMIT 1")[0][0]
    for i, what in enumerate(("weights", "weights@80", "mask", "series", "measures/norms")):
        out = tap.SCRATCH / f"{path.stem}{i}.npz"
        call(0, "export", path, ticket, what, "-o", out)
        with np.load(out) as arrays:
            tap.ok(all(array.size and np.isfinite(array).any() for array in arrays.values()), f"{what} has values")
    said = call(0, "plan", tap.SCRATCH / "iterate.yaml", "--store", path).stdout
    tap.ok(re.search(r"to train: 0 jobs", said) and "merge" in said, "plan knows what is done, and what to do with the store", said)
    with Store(path) as s:
        jobs = s.jobs()
        tap.equal({state: count for state, count in jobs.state.value_counts().items() if count},
                  {state: count for state, count in counts.items() if count}, "states by analysis/store.py")
        tap.ok(not jobs.error.str.contains("not needed").any() and not s.left_out, "with their reasons, and no row left out")
        job = jobs.loc[ticket]
        weights, mask, series = s.checkpoint(job, "final"), s.mask(job), s.series(job)
        pruned = 1 - mask.mean()
        tap.ok(abs(pruned - job.k) < 0.2 and not weights[~mask].any() and series.index[-1] == job.epochs and np.isfinite(series.test_loss).all(),
               "checkpoint, mask and series", f"{pruned} {job.k} {series}")
        tap.ok({name for name in s.tensors(job, weights)} >= {"W_E", "W_U"} and len(s.measure(job, "norms/l2")), "tensors and a measure")
        tap.equal([name for name, _ in s.sweeps()], [name for name in ORDER], "sweeps")
packed = tap.SCRATCH / "packed.h5"
call(0, "compact", store, "-o", packed)
tap.equal(lost(store, packed), [], "compact: an archive of today has all that was answered")
verified(packed)

# ---- what cannot be done says what can ----

(tap.SCRATCH / "bin").mkdir()
os.symlink(os.path.abspath(tap.TOMBOLA), tap.SCRATCH / "bin/tombola")
merged = tap.SCRATCH / "NEW.h5"
for path, line_of in ((archive, ("run", tap.SCRATCH / "never.yaml", "--store", archive)), (store, ("measure", store, "norms")),
                      (store, ("run", tap.SCRATCH / "never.yaml", "--store", store))):
    said = call(2, *line_of).stderr
    line = re.search(r"`(tombola merge .*?)` makes one of it that can be run", said)
    tap.ok(line and ("an archive" if path == archive else "a store of format 1") in said, f"{line_of[0]} names the way out", said)
    merged.unlink(missing_ok=True)
    result = tap.heard(line.group(1), shell=True, cwd=tap.SCRATCH,
                       env=dict(os.environ, PATH=f"{tap.SCRATCH / 'bin'}:{os.environ['PATH']}"))
    tap.ok(result.returncode == 0 and merged.exists(), line.group(1).replace(str(tap.SCRATCH), "..."), result.stderr)
    tap.equal(lost(path, merged), [], "it has all that was answered")
    verified(merged)

# ---- what it makes ----

with h5py.File(merged, "r") as f:
    tap.equal(int(f.attrs["format"]), 2, "a store of format 2")
    jobs, grids = f["jobs"][:f["control"]["rows"][0]], f["grids"][:f["control"]["grids"][0]]
    number = h5py.check_enum_dtype(jobs.dtype["state"])
    tap.equal({word: int((jobs["state"] == number[word]).sum()) for word in STATES}, STATES, "with the states in /jobs")
    skipped = jobs[jobs["state"] == number["skipped"]]
    tap.ok(not any(b"not needed" in error for error in skipped["error"]), "and their reasons", skipped["error"])
    thresholds = {"never": 0.999}
    wanted = [(thresholds.get(row["sweep"].decode(), 0.95), 2000 if row["sweep"] == b"stopped" else 10) for row in jobs]
    tap.equal([(row["threshold"], row["eval_every"]) for row in jobs], wanted, "threshold and spacing of each job")
    tap.equal([(row["threshold"], row["spacing"]) for row in grids], [wanted[row["row"]] for row in grids], "and of each grid's")
    pending = jobs[jobs["state"] == number["pending"]]
    tap.ok(not pending["epochs_done"].any() and not pending["attempts"].any() and
           not any(digest.family_of(f, row)["sums"][row["family_row"]].any() for row in pending), "what was unfinished begins anew")
uses = "SELECT sweep, grid, id FROM grids ORDER BY 1, 2, 3"  # the rest is what format 1 does not say
tap.equal(tap.query(merged, uses), tap.query(store, uses), "grids")
tap.equal(tap.query(merged, "SELECT * FROM sweeps"), tap.query(store, "SELECT * FROM sweeps"), "sweeps")
norms = "SELECT job, epoch, name, label, value FROM measures ORDER BY 1, 2, 3, 4"
tap.equal(tap.query(merged, norms), tap.query(store, norms), "measures")

# ---- and is run on ----

fresh, old_ends = shutil.copy(merged, tap.SCRATCH / "fresh.h5"), ends(merged)
tap.equal(run_all(merged), STATES["pending"], "runs of its sweeps train what was unfinished, and that alone")
tap.equal({**STATES, "pending": 0, "done": STATES["done"] + STATES["pending"]}, {"pending": 0, **states(merged)}, "now it is done")
tap.equal({job: end for job, end in ends(merged).items() if job in old_ends}, old_ends, "nothing else was touched")
tap.equal(lost(store, merged), [], "and it has all that it had")
verified(merged)
now = ends(merged)
tap.equal((run_all(merged), ends(merged)), (0, now), "once more: nothing to train")
call(0, "measure", merged, "norms")
measured = "SELECT count(DISTINCT job) FROM measures"
tap.equal(tap.query(merged, measured)[0][0], tap.query(store, measured)[0][0] + STATES["pending"], "measure adds to what was measured before")
call(3, "run", tap.SCRATCH / "failed.yaml", "--store", merged, "--retry-failed")
failed = {job for (job,) in tap.query(merged, "SELECT id FROM jobs WHERE state = 'failed'")}
tap.equal({job for job, end in ends(merged).items() if now[job] != end}, failed, "--retry-failed trains the failed ones")
call(3, "run", tap.SCRATCH / "blocked.yaml", "--store", merged, "--retry-failed")
tap.equal(states(merged), {state: count for state, count in {**STATES, "pending": 0, "done": 19}.items() if count}, "which fail again")
verified(merged)

# ---- old and new together ----

native = tap.SCRATCH / "native.h5"
for name in ("never", "rewind", "blocked"):
    call(CODES.get(name, 0), "run", tap.SCRATCH / f"{name}.yaml", "--store", native)
call(0, "measure", native, "norms")
for name, stores in (("old_new.h5", (store, native)), ("new_old.h5", (native, archive)), ("all.h5", (merged, store, archive, packed, native))):
    result = call(0, "merge", *stores, "-o", tap.SCRATCH / name)
    tap.ok(", 0 of them with other bits, " in result.stderr and "measured with other options" not in result.stderr and "damaged" not in result.stderr,
           f"{name}: what both have are the same bits", result.stderr)
    both = tap.SCRATCH / name
    tap.equal(lost(stores[0], both), [], "the first store's answers are there")
    tap.ok(not any("." in family for family in families(both) if name != "all.h5"), "jobs of both formats share their families", families(both))
    verified(both)
run_all(both)
tap.equal(run_all(both), 0, "which can be run on")
verified(both)
tap.equal((bytes_of(store), bytes_of(archive)), before, "the files of format 1 are what they were, byte for byte")
tap.done()
