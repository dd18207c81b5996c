#!/usr/bin/env python3
"""An archive of a finished store says all that the store says, in less room; one of a store with failed and unfinished jobs, or
beside a run, has what is committed; nothing can be run into it.  What a user can get wrong, a kill, a full disk and damage.
beside: others
timeout: 300"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys

sys.path[:0] = [os.path.join(os.path.dirname(__file__), part) for part in ("..", "../fault")]
import digest  # noqa: E402
import fault  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
from store import Store  # noqa: E402

SWEEP = """
name: kept
tasks: {add: {kind: modular, expr: a + b, p: 23, train_fraction: 0.6}}
models: {mlp: {kind: embed_mlp, d_embed: 64, d_hidden: 32}}
training: {adamw: {lr: 1e-2, weight_decay: 1, epochs: 200}, twice: {use: adamw, precision: double, epochs: 100}}
record: {eval_every: 5, measures: [norms]}
checkpoint: {every: 50}
grids:
  - {name: main, task: add, model: mlp, training: adamw, seed: [0, 1, 2], control: [dense, ticket], t: [100, final], k: 0.5}
  - {name: other, task: add, model: mlp, training: twice, seed: [0, 1], control: random, k: [0.3, 0.6]}
"""
LIVE = """
name: live
tasks: {add: {kind: modular, expr: a + b, p: 23, train_fraction: 0.6}}
models: {mlp: {kind: embed_mlp, d_embed: 64, d_hidden: 32}}
training: {short: {epochs: 100}, endless: {epochs: 5000000}}
record: {eval_every: 100}
checkpoint: {every: 100000}
grids:
  - {name: early, task: add, model: mlp, training: short, parent_training: {use: endless}, seed: 0, control: ticket, t: 0, k: [0.5, 0.6]}
  - {name: late, task: add, model: mlp, training: short, parent_training: {use: endless}, seed: 0, control: l1, t: final, k: 0.5}
"""
FAILING = """
name: failing
tasks: {no: {kind: nothing, fail_every: 3}}
models: {mlp: {kind: embed_mlp, d_embed: 4, d_hidden: 4}}
training: {adamw: {epochs: 10}}
grids: [{name: all, task: no, model: mlp, training: adamw, seed: [0, 1, 2, 3], control: [dense, ticket], t: final, k: 0.5}]
"""
QUERIES = ["SELECT * FROM jobs ORDER BY id", "SELECT * FROM grids", "SELECT * FROM sweeps", "SELECT * FROM series", "SELECT * FROM checkpoints",
           "SELECT * FROM measures", "SELECT * FROM tensors",
           "SELECT jaccard(a.id, b.id) FROM jobs a JOIN jobs b ON a.seed = b.seed WHERE a.control = 'ticket' AND b.control = 'random'"]


def compact(store, out, *more, **how):
    return tap.tombola("compact", store, "-o", out, *more, **how)


def answers(path):
    return [tap.query(path, sql) for sql in QUERIES]


def datasets(path):
    """name -> bytes of every dataset, the rows in use alone."""
    found = {}
    with h5py.File(path, "r") as f:
        used = {"jobs": "rows", "texts/canonical": "rows", "texts/inputs": "rows", "grids": "grids", "sweeps": "sweeps", "sweep_text": "text", "texts/long": "long_texts"}
        rows = f["jobs"][:f["control"]["rows"][0]]

        def visit(name, item):
            if not isinstance(item, h5py.Dataset) or name in ("control", "owner", "texts/long_text") or item.attrs.get("scratch"):
                return
            if name in used:
                found[name] = item[:f["control"][used[name]][0]]
            elif "checksum" in item.attrs:
                found[name] = item[()]
            elif b"DIMENSION_SCALE" not in item.attrs.get("CLASS", b""):
                index = f["families"][name.split("/")[1]].attrs["index"]
                found[name] = item[sorted(rows[rows["family"] == index]["family_row"])]
        f.visititems(visit)
    return found


def disk(path):
    return os.stat(path).st_blocks * 512


def nothing_left(out):
    return not list(out.parent.glob(f"{out.name}*"))


# ---- a finished store ----
sweep, store, out = tap.write("kept.yaml", SWEEP), tap.SCRATCH / "kept.h5", tap.SCRATCH / "archive.h5"
tap.equal(tap.tombola("run", sweep, "--store", store).returncode, 0, "a small sweep runs")
tap.equal(tap.tombola("measure", store, "fourier").returncode, 0, "and is measured later")
result = compact(store, out)
tap.ok(result.returncode == 0 and "13 jobs, 13 finished" in result.stderr, "compact", result.stderr)
tap.equal(answers(out), answers(store), "every table of query says the same, bit for bit")
before, after = datasets(store), datasets(out)
sums = {name for name in before if name.endswith("sums")}  # of resume points, too
tap.ok(set(before) == set(after), "the same datasets", set(before) ^ set(after))
tap.equal([n for n in before if n not in sums and before[n].tobytes() != after[n].tobytes()], [], f"all {len(before) - len(sums)} arrays are equal by h5py")
with h5py.File(out, "r") as f:
    packed = [item.compression for item in (f["jobs"], *(g["checkpoints"] for g in f["families"].values()))]
    tap.ok(set(packed) == {"gzip"} and "kept.h5" in f.attrs["archive"].decode(), "compressed, and it says what it is", packed)
tap.ok(os.stat(out).st_size < 0.8 * disk(store), "it takes less room", f"{os.stat(out).st_size} bytes, {disk(store)} before")
tap.equal(tap.tombola("verify", out).returncode, 0, "verify finds nothing wrong")
status, archived = (json.loads(tap.tombola("status", s, "--json").stdout) for s in (store, out))
same = [key for key in status if status[key] != archived[key]]
tap.equal(sorted(same), ["archive", "store", "time"], "status says the same")
tap.ok("an archive, made" in tap.tombola("status", out).stdout, "and that it is an archive")
job = tap.query(store, "SELECT id FROM jobs WHERE control = 'ticket'")[0][0]
shown = [tap.tombola("show", s, job).stdout.replace(str(s), "STORE") for s in (store, out)]
tap.ok(shown[0] == shown[1] and "done" in shown[0], "show says the same", shown[1])
files = [tap.SCRATCH / name for name in ("a.npz", "b.npz")]
for path, file in zip((store, out), files):
    tap.equal(tap.tombola("export", path, job, "weights", "-o", file).returncode, 0, f"export from {path.name}")
tap.ok(files[0].read_bytes() == files[1].read_bytes(), "the same weights")
with Store(store) as a, Store(out) as b:
    tap.ok(a.jobs().equals(b.jobs()) and a.series(job).equals(b.series(job)) and (a.mask(job) == b.mask(job)).all()
           and a.measure(job, "fourier/fe").equals(b.measure(job, "fourier/fe")) and a.sweeps() == b.sweeps(), "the reader in Python")
again = tap.SCRATCH / "again.h5"
tap.ok(compact(out, again).returncode == 0 and answers(again) == answers(store), "an archive of an archive")
for command in (("run", sweep, "--store", out), ("measure", out, "pca")):
    result = tap.tombola(*command)
    tap.ok(result.returncode == 2 and result.stderr.count("error:") == 1 and "tombola merge" in result.stderr, f"{command[0]} refuses it", result.stderr)

# ---- what has failed, and what has not finished ----
failing = tap.SCRATCH / "failing.h5"
tap.tombola("run", tap.write("failing.yaml", FAILING), "--store", failing)
tap.equal(compact(failing, tap.SCRATCH / "failed.h5").returncode, 0, "a store with failures")
tap.equal(tap.query(tap.SCRATCH / "failed.h5", "SELECT id, state, error FROM jobs"), tap.query(failing, "SELECT id, state, error FROM jobs"),
          "failed and blocked jobs stay, with their reasons")

live, beside = tap.SCRATCH / "live.h5", tap.SCRATCH / "beside.h5"
run = tap.start("run", tap.write("live.yaml", LIVE), "--store", live, "--resume-every", "0.1", ranks=2)
tap.until(lambda: tap.finished(live) == 2, "two jobs done")
result, locked = compact(live, beside), compact(store, live, "--force")
tap.kill(run)
run.communicate()
states = tap.query(beside, "SELECT control, state FROM jobs ORDER BY 1, 2")
tap.equal(states, [["dense", "pending"], ["ticket", "done"], ["ticket", "done"]], "beside a run: what is done, and whose parent is not")
tap.ok(locked.returncode == 4 and live.exists(), "a store that a run has is not replaced", locked.stderr)
tap.ok(result.returncode == 0 and "1 jobs that had not finished" in result.stderr, "and it says how many are missing", result.stderr)
tap.ok("1 jobs that had not finished" in tap.tombola("status", beside).stdout, "as status does")
tap.equal(tap.query(beside, "SELECT grid, count(*) FROM grids GROUP BY 1"), [["early", 2]], "grids have the jobs that are there")
tap.equal(tap.tombola("verify", beside).returncode, 0, "verify finds nothing wrong there")
with h5py.File(beside, "r") as f:
    left = [row for row in f["jobs"][:int(f["control"]["rows"][0])] if row["control"] == b"dense"]
    kept = [digest.family_of(f, row)["resume"][int(row["family_row"])].any() for row in left]
    tap.equal(kept, [False], "resume points are not kept")

# ---- mistakes ----
for name, args, code, text in (
        ("to itself", (store, store), 2, "to itself"), ("a file that is there", (store, out), 2, "--force"),
        ("no store", (sweep, tap.SCRATCH / "x.h5"), 2, "kept.yaml"), ("a missing one", (tap.SCRATCH / "y.h5", tap.SCRATCH / "x.h5"), 2, "y.h5"),
        ("a missing folder", (store, tap.SCRATCH / "nowhere" / "x.h5"), 2, "nowhere"), ("a folder", (store, tap.SCRATCH, "--force"), 2, "regular file")):
    result = compact(*args)
    tap.ok(result.returncode == code and text in result.stderr and result.stderr.count("error:") == 1, f"refused: {name}", result.stderr)
tap.ok(tap.tombola("compact", store).returncode == 2, "refused: no name for the copy")
tap.equal(compact(store, store, "--force").returncode, 2, "even with --force")
tap.ok(compact(failing, out, "--force").returncode == 0 and len(digest.jobs(out)) == 8, "--force replaces it")
tap.ok(nothing_left(tap.SCRATCH / "x.h5") and digest.differences(store, again) == [], "none of these left anything, or changed the store")

# ---- kills ----
folder, dice = tap.SCRATCH / "killed", random.Random(int(os.environ.get("SEED", "1")))
folder.mkdir()
target = folder / "x.h5"
calls = fault.run(["compact", store, "-o", target], tap.SCRATCH, under=folder).calls
ends, bad = [], 0
for at in [*dice.sample(range(1, calls), 11), calls]:
    target.unlink(missing_ok=True)
    result = fault.run(["compact", store, "-o", target], tap.SCRATCH, under=folder, kind="kill", at=at)
    ends.append((result.code, target.exists()))
    bad += target.exists() and (tap.tombola("verify", target).returncode or len(digest.jobs(target)) != 13)
tap.equal({code for code, _ in ends}, {-signal.SIGKILL}, f"{len(ends)} kills at calls of {calls}")
early = sum(not there for _, there in ends)
tap.ok(early > 2 and not bad, f"{early} of them before the copy is there, and none left a part of one", ends)
target.unlink(missing_ok=True)
tap.ok(compact(store, target).returncode == 0 and list(folder.iterdir()) == [target], "the same command again cleans up")

# ---- damage ----
with h5py.File(store, "r") as f:
    rows = f["jobs"][:f["control"]["rows"][0]]
    ticket, parent = rows[rows["control"] == b"ticket"][0], None
    parent = rows[rows["id"] == ticket["parent"]][0]
    other = rows[(rows["control"] == b"ticket") & (rows["parent"] != ticket["parent"])][0]
    data = digest.family_of(f, ticket)["checkpoints"]
    size = data.id.get_storage_size() // data.shape[0]
    places = [data.id.get_offset() + int(r["family_row"]) * size + 9 for r in (ticket, parent)]
    places.append(f["jobs"].id.get_offset() + int((rows["id"] == other["id"]).argmax()) * f["jobs"].dtype.itemsize + 30)
damaged, rest = tap.SCRATCH / "damaged.h5", tap.SCRATCH / "rest.h5"
shutil.copy(store, damaged)
for at in places:
    tap.flip(damaged, at)
result = compact(damaged, rest)
named = all(r["id"].decode()[:8] in result.stderr for r in (ticket, parent)) and "row " in result.stderr
tap.ok(result.returncode == 5 and named, "damaged rows are named", result.stderr)
left = {i: s for i, s in tap.query(rest, "SELECT id, state FROM jobs")}
tap.ok(len(left) == 11 and left[parent["id"].decode()] == "pending" and not {ticket["id"].decode(), other["id"].decode()} & set(left),
       "they are left out; one whose children are kept is pending", left)
tap.equal(tap.tombola("verify", rest).returncode, 0, "what is left is sound")
codes = set()
for i in range(40):
    shutil.copy(again, damaged)
    tap.flip(damaged, dice.randrange(os.stat(again).st_size))
    codes.add(tap.tombola("verify", damaged, timeout=30).returncode)
    codes.add(tap.tombola("query", damaged, "SELECT count(value) FROM series", timeout=30).returncode)
tap.ok(codes <= {0, 2, 5}, "an archive with a flipped bit is read or refused", codes)

# ---- no room ----
small = tap.SCRATCH / "small"
small.mkdir()
room = os.stat(again).st_size * 2 // 3
if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "none", small], capture_output=True, check=False).returncode:
    tap.skip("a disk that is too small", "needs root to mount a tmpfs")
    tap.done()
try:
    result = compact(store, small / "x.h5")
    tap.ok(result.returncode == 5 and "No space left" in result.stderr and result.stderr.count("error:") == 1, "a disk that is too small", result.stderr)
    tap.equal(os.listdir(small), [], "and nothing is left on it")
finally:
    subprocess.run(["umount", "-l", small], check=False)
tap.done()
