#!/usr/bin/env python3
"""A job that is done is trained again beside its results: a repair is stopped and killed, and at every moment every reader tells
the old results; then the same command ends with the bits of a sound store, the old arrays are nobody's and are used again.
Children are confirmed, or trained again if their parent has become another.  Readers that hold the file open see it all.
beside: others
timeout: 300"""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import seal  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
from store import Store  # noqa: E402

HEAD = """
name: {name}
tasks: {{add: {{kind: modular, expr: a + b, p: 11, train_fraction: 0.5}}, no: {{kind: nothing}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 16, d_hidden: {hidden}}}}}
training: {{full: {{lr: 1e-2, weight_decay: 1, epochs: {epochs}}}}}
record: {{eval_every: 10}}
checkpoint: {{every: {every}}}
grids: [{{name: main, task: {task}, model: mlp, training: full, {grid}}}]
"""
FAMILY = "seed: [0, 1], control: [dense, ticket], t: EVERY, k: 0.5"
RESULTS = ("state", "family", "family_row", "t_mem", "t_gen", "epochs_done", "train_loss", "test_loss", "test_accuracy", "attempts", "started",
           "ended", "data_sum")


def sweep(name, epochs, every, grid=FAMILY, hidden=8, task="add"):
    return tap.write(f"{name}.yaml", HEAD.format(name=name, epochs=epochs, every=every, hidden=hidden, task=task, grid=grid.replace("EVERY", str(every))))


def run(file, store, *options, ranks=0):
    return tap.tombola("run", file, "--store", store, *options, ranks=ranks)


def rows_of(store):
    """Sound rows of /jobs; h5py reads them all at once, and a writer may be in the middle of one."""
    def look():
        with h5py.File(store, "r") as f:
            rows = f["jobs"][:int(f["control"]["rows"][0])]
            data = seal.move(f["jobs"], len(rows))
        at = rows.dtype.fields["row_sum"][1]
        have = [int(seal.words(line, at)[0]) for line in data]
        data[:, at:at + 8] = 0
        return list(rows) if have == [seal.checksum(line) for line in data] else None
    return tap.wait_for(look, 10)


def row_of(store, job):
    return next(row for row in rows_of(store) if row["id"] == job)


def jobs_by(store, control):
    return [row["id"] for row in rows_of(store) if row["control"] == control]


def damage(store, job, name="checkpoints"):
    """Turn round a bit in the first part of an array of the job."""
    with h5py.File(store, "r") as f:
        row = next(row for row in f["jobs"][:] if row["id"] == job)
        data = digest.family_of(f, row)[name]
        at = data.id.get_offset() + int(row["family_row"]) * data.id.get_storage_size() // data.shape[0]
    tap.flip(store, at + 3)


def told(store, job):
    """What every door says of a finished job: its row, its curves, and, by its pointer, every array."""
    name = job.decode()
    row = row_of(store, job)
    with h5py.File(store, "r") as f:
        arrays = {path: hashlib.sha256(data).hexdigest() for path, data in digest.arrays(f, row).items()}
    with Store(store) as s:
        frame = s.series(name)
        kept = s.checkpoint(name, "final")
    lines = tap.tombola("export", store, name, "series")
    return {"row": {word: repr(row[word]) for word in RESULTS}, "arrays": arrays, "export": (lines.returncode, lines.stdout),
            "query": tap.query(store, f"SELECT name, epoch, value FROM series WHERE job = '{name}'"),
            "jobs": tap.query(store, f"SELECT state, test_loss, t_mem, epochs_done FROM jobs WHERE id = '{name}'"),
            "store.py": frame.to_csv(), "final": kept.tobytes()}


def apart(have, want):
    return [door for door in want if have[door] != want[door]]


def is_mended(store, whole, what, trained):
    """The bits of the sound store, and exactly these jobs were trained after it was copied."""
    tap.equal(digest.differences(store, whole), [], f"{what}: the bits of a sound store")
    result = tap.tombola("verify", store)
    tap.ok(result.returncode == 0, f"{what}: verify finds nothing", result.stdout)
    before = {row["id"]: row["started"] for row in rows_of(whole)}
    after = rows_of(store)
    tap.equal({row["id"] for row in after if before[row["id"]] != row["started"]}, set(trained), f"{what}: exactly these jobs were trained")
    tap.ok(all(row["next_state"] == 0 and row["next_family"] == row["next_row"] == -1 for row in after), f"{what}: and none is still to be")
    tap.equal(digest.orphans(store), [], f"{what}: arrays that are nobody's are forgotten")


def status(store):
    value = json.loads(tap.tombola("status", store, "--json").stdout)
    return value["done"], value["again"], "to be trained again" in tap.tombola("status", store).stdout


def progress(store):
    return sum(int(row["next_epochs"]) for row in rows_of(store))


def stop(command, signals, until):
    """Start a command, send its processes a signal once until() is true; its exit code."""
    process = tap.start(*command)
    assert tap.wait_for(lambda: process.poll() is not None or until(), 60, 0.01) and process.poll() is None, process.communicate()[1]
    tap.kill(process, signals)
    process.communicate(timeout=60)
    return process.returncode


# ---- stopped and killed ----
long, whole, store = sweep("long", 60000, 20000), tap.SCRATCH / "whole.h5", tap.SCRATCH / "x.h5"
tap.equal(run(long, whole).returncode, 0, "a sound store")
parent, child = (jobs_by(whole, control)[0] for control in (b"dense", b"ticket"))
assert row_of(whole, child)["parent"] == parent
shutil.copy(whole, store)
damage(store, parent)
old, blocks = {job: told(store, job) for job in (parent, child)}, os.stat(store).st_blocks
place = row_of(store, parent)["family_row"]
repair = ["run", long, "--store", store, "--repair", "--resume-every", "0.05"]
codes, wrong = [], []


def look(when):
    for job, want in old.items():
        wrong.extend(f"{when}: {job[:8]}, {door}" for door in apart(told(store, job), want))
    if status(store) != (4, 1, True):
        wrong.append(f"{when}: status says {status(store)}")


for turn, number in enumerate((signal.SIGTERM, signal.SIGKILL) * 3):
    before, writes = progress(store), tap.writes(store)
    far = (lambda: progress(store) > before) if turn % 3 else (lambda: tap.writes(store) > writes)
    process = tap.start(*repair)
    tap.ok(tap.wait_for(lambda: process.poll() is not None or far(), 60, 0.01) and process.poll() is None, f"repair {turn} is at work")
    if turn == 2:
        tap.kill(process, signal.SIGSTOP)
        look("at work")
        tap.kill(process, signal.SIGCONT)
    tap.kill(process, number)
    said = process.communicate(timeout=60)[1]
    codes.append(process.returncode)
    look(f"after signal {number}")
tap.equal(codes, [75, -signal.SIGKILL] * 3, "TERM is answered with 75")
tap.equal(wrong, [], "at work, stopped and killed: every door tells the old results, and status that they are trained again")
result = tap.tombola(*repair)
tap.equal(result.returncode, 0, "the same command goes on")
is_mended(store, whole, "stopped and killed", [parent])
tap.ok(os.stat(store).st_size == os.stat(whole).st_size and os.stat(store).st_blocks <= blocks + 64, "the space of the old arrays is given back",
       (os.stat(store).st_blocks, blocks))
tap.ok(row_of(store, parent)["family_row"] != place and apart(told(store, child), old[child]) == [], "the row points at other arrays, the child at its own")

# ---- again and again ----
short, whole, store = sweep("short", 200, 100), tap.SCRATCH / "short-whole.h5", tap.SCRATCH / "short.h5"
tap.equal(run(short, whole).returncode, 0, "a small store")
shutil.copy(whole, store)
parents, children = jobs_by(whole, b"dense"), jobs_by(whole, b"ticket")
seen = []
for turn in range(8):
    for job in (parents[turn % 2], children[turn % 2]):
        damage(store, job, ("checkpoints", "series/test_loss")[turn % 2])
    code = run(short, store, "--repair").returncode
    with h5py.File(store, "r") as f:
        used = max(int(row["family_row"]) for row in f["jobs"][:int(f["control"]["rows"][0])])
        seen.append((code, os.stat(store).st_size, len(f["families"]), used < 8))
tap.equal(set(seen), {(0, os.stat(whole).st_size, 1, True)}, "damaged and repaired 8 times, the store is as large as it was, and the same rows are used")
is_mended(store, whole, "8 times", parents + children)

# ---- a child of a parent that has become another ----
alone = sweep("short-parents", 200, 100, "seed: [0, 1], control: dense")


def estrange(store, job):
    """The child says that it was made from other weights."""
    with h5py.File(store, "r+") as f:
        rows = f["jobs"][:]
        at = next(i for i, row in enumerate(rows) if row["id"] == job)
        line = seal.move(f["jobs"], len(rows))
        seal.words(line[at], rows.dtype.fields["parent_sum"][1])[0] += 1
        seal.move(f["jobs"], len(rows), line)
    seal.seal(store)


def states(store):
    return dict(tap.query(store, "SELECT id, next_state FROM jobs"))


for strange in (False, True):
    what = "another parent" if strange else "the same parent"
    shutil.copy(whole, store)
    if strange:
        estrange(store, children[0])
    before = told(store, children[0])
    damage(store, parents[0])
    tap.equal(run(alone, store, "--repair").returncode, 0, f"{what}: a run of the parents alone repairs it")
    tap.equal({job: state for job, state in states(store).items() if state != "none"}, {children[0].decode(): "confirm"}, f"{what}: its child is to be confirmed")
    tap.equal(apart(told(store, children[0]), before), [], f"{what}: and has its results")
    result = run(short, store)
    tap.ok(result.returncode == 0 and f"4 done before" in result.stderr, f"{what}: a plain run does that", result.stderr)
    is_mended(store, whole, what, [parents[0], children[0]] if strange else [parents[0]])

# ---- stopped while the child is trained again ----
whole, store = tap.SCRATCH / "whole.h5", tap.SCRATCH / "x.h5"
shutil.copy(whole, store)
estrange(store, child)
damage(store, parent)
before = told(store, child)
repair = ["run", long, "--store", store, "--repair", "--resume-every", "0.05"]
for number in (signal.SIGTERM, signal.SIGKILL):
    epochs = int(row_of(store, child)["next_epochs"])
    stop(repair, number, lambda: row_of(store, child)["next_epochs"] > epochs)
    tap.equal(apart(told(store, child), before), [], f"a child that is trained again, signal {number}: its old results are told")
tap.equal(tap.tombola("run", long, "--store", store).returncode, 0, "a plain run goes on")
is_mended(store, whole, "a child trained again", [parent, child])

# ---- a training that kills its process ----
shutil.copy(whole, store)
damage(store, parent)
before = told(store, child)
for turn in range(3):
    begun = tap.column_sum(store, "next_attempts")
    stop(["run", long, "--store", store, "--repair"], signal.SIGSEGV, lambda: tap.column_sum(store, "next_attempts") > begun)
row = row_of(store, parent)
tap.ok(row["state"] == 3 and row["next_deaths"] == 3, "three crashes of the next training are counted beside the old results", row)
result = run(long, store)
tap.ok(result.returncode == 3 and "1 failed" in result.stderr, "the next run fails the job", result.stderr)
tap.equal(apart(told(store, child), before), [], "its child keeps its results")
again = run(long, store)
tap.ok(again.returncode == 3 and " 0 to train" in again.stderr, "and so it does after another run", again.stderr)
tap.equal(apart(told(store, child), before), [], "with the same results")
tap.equal(digest.orphans(store), [], "what the failed job has left is forgotten")
result = run(long, store, "--retry-failed")
tap.equal(result.returncode, 0, "--retry-failed trains it")
is_mended(store, whole, "crashed and retried", [parent])

# ---- readers that hold the file open ----
HOLD = """
import h5py, sys
sys.path[:0] = sys.argv[2:]
import seal
with h5py.File(sys.argv[1], "r") as f:
    count = int(f["control"]["rows"][0])
    jobs = f["jobs"]
    first = seal.move(jobs, count)
    kept = jobs[:count]
    print("open", flush=True)
    for line in sys.stdin:
        jobs.id.refresh() if line.strip() == "refresh" else None
        data, rows = seal.move(jobs, count), jobs[:count]
        at = rows.dtype.fields["row_sum"][1]
        sums = [int(seal.words(one, at)[0]) for one in data]
        data[:, at:at + 8] = 0
        good = sums == [seal.checksum(one) for one in data]
        print("rows" if good and (rows["id"] == kept["id"]).all() and (rows["state"] == 3).all() else "foreign bytes", flush=True)
"""
FOLLOW = """
import hashlib, sys
sys.path[:0] = sys.argv[2:]
from store import Store
with Store(sys.argv[1]) as s:
    old = {}
    print(len(s.jobs()), flush=True)
    for line in sys.stdin:
        name = line.strip()
        jobs = s.jobs()
        job = old.setdefault(name, jobs.loc[name])  # later on a row that was read long before
        said = hashlib.sha256(s.series(job).to_csv().encode() + s.checkpoint(job, "final").tobytes()).hexdigest()
        print(len(jobs), "/".join(sorted(set(jobs.state))), said, flush=True)
"""
store = tap.SCRATCH / "held.h5"
SEEDS = "seed: {from: 0, to: LAST, step: 1}, control: [dense, ticket], t: 100, k: 0.5"
grown = [sweep(f"grown{last}", 200, 100, SEEDS.replace("LAST", str(last))) for last in (1, 40, 200)]
tap.equal(run(grown[0], store).returncode, 0, "a store with 4 jobs")


def reader(script):
    """A process that has the store open, and answers lines."""
    process = tap.Background([sys.executable, "-c", script, store, tap.ROOT / "tests", tap.ROOT / "analysis"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def ask(process, word="look"):
    process.stdin.write(f"{word}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def room():
    """Rows that /jobs has room for, families."""
    with h5py.File(store, "r") as f:
        return f["jobs"].shape[0], len(f["families"])


def answer(job):
    value = told(store, job)
    return f"{len(rows_of(store))} done {hashlib.sha256(value['store.py'].encode() + value['final']).hexdigest()}"


held, follower = reader(HOLD), reader(FOLLOW)
first = jobs_by(store, b"dense")[0]
want, had = answer(first), room()
tap.equal((ask(held), ask(follower, first.decode())), ("rows", want), "h5py and analysis/store.py have a store open")
for turn, file in enumerate(grown[1:], 1):
    tap.equal(run(file, store, ranks=2).returncode, 0, f"growth {turn}")
    tap.ok(room()[0] > had[0] and room()[1] > had[1], f"growth {turn}: a larger table, another family", (had, room()))
    had, last = room(), rows_of(store)[-1]["id"]
    tap.equal(ask(held), "rows", f"growth {turn}: h5py sees the rows of its jobs")
    tap.equal([ask(follower, job.decode()) for job in (first, last)], [answer(job) for job in (first, last)],
              f"growth {turn}: analysis/store.py sees the new jobs and the old curves")
place = row_of(store, first)["family_row"]
damage(store, first)
tap.equal(run(grown[2], store, "--repair", ranks=2).returncode, 0, "a job is trained again")
tap.ok(row_of(store, first)["family_row"] != place, "into other arrays")
tap.equal(answer(first).split()[2], want.split()[2], "with the bits that it had")
tap.equal((ask(held), ask(follower, first.decode())), ("rows", answer(first)), "h5py sees rows of its jobs still; analysis/store.py follows, from an old row, too")
for process in (held, follower):
    process.communicate()

# ---- status --watch ----
store = tap.SCRATCH / "watched.h5"
shutil.copy(tap.SCRATCH / "whole.h5", store)
damage(store, parent)
process = tap.start("run", long, "--store", store, "--repair", "--resume-every", "0.05")
tap.until(lambda: status(store)[1] == 1, "a job at work")
watch = tap.Background([tap.TOMBOLA, "status", store, "--watch", "--every", "0.1"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
first = watch.stdout.readline()
tap.kill(process, signal.SIGTERM)
process.communicate(timeout=60)
many = sweep("many", 200, 100, "seed: {from: 0, to: 40, step: 1}, control: [dense, ticket], t: 100, k: 0.5")
more = sweep("more", 200, 100, "seed: {from: 0, to: 400, step: 1}, control: dense")
for file in (many, more):
    tap.equal(run(file, store, "--quiet").returncode, 0, "the store grows under status --watch")
tap.equal(run(long, store, "--quiet").returncode, 0, "and the repair comes to its end")
try:
    lines = [first, *watch.communicate(timeout=60)[0].splitlines()]
except subprocess.TimeoutExpired:
    watch.kill()
    lines = [first, "no end", *watch.communicate()[0].splitlines()]
total = len(rows_of(store))
tap.ok(len(lines) > 3 and all("jobs done" in line for line in lines) and "4/4 jobs done" in first and f"{total}/{total} jobs done" in lines[-1] and watch.returncode == 0,
       "status --watch counts what is there, until nothing is left to do", "\n".join([*lines[:5], *lines[-3:]]))
tap.done()
