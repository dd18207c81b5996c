#!/usr/bin/env python3
"""A host that was lost has taken pages with it that were never on the disk: weights before a resume point, parents whose children
are done, measures that were added.  The next run ends up with the bits, and the states, of one that nobody disturbed.
beside: others
timeout: 240"""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import h5py  # noqa: E402
import tap  # noqa: E402

HEAD = """
name: {name}
tasks: {{add: {{kind: modular, expr: a + b, p: 7, train_fraction: 0.5}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 8, d_hidden: 8}}}}
training: {{full: {{lr: 1e-2, weight_decay: 1, epochs: {epochs}}}}}
record: {{eval_every: 10{record}}}
checkpoint: {{every: {every}}}
grids: [{{name: main, task: add, model: mlp, training: full, {grid}}}]
"""


def sweep(name, epochs, every, grid, record=""):
    return tap.write(f"{name}.yaml", HEAD.format(name=name, epochs=epochs, every=every, grid=grid, record=record))


def run(file, store, *options):
    return tap.tombola("run", file, "--store", store, *options)


def killed(*command, until):
    """Start a command and kill it with -9 once until() is true."""
    process = tap.start(*command)
    assert tap.wait_for(lambda: process.poll() is not None or until(), 60) and process.poll() is None, process.communicate()[1]
    tap.kill(process)
    process.communicate()


def rows_of(f):
    return f["jobs"][:int(f["control"]["rows"][0])]


def compare(store, whole, what):
    tap.equal(digest.differences(store, whole), [], f"{what}: the bits of an undisturbed run")
    result = tap.tombola("verify", store)
    tap.ok(result.returncode == 0, f"{what}: verify finds nothing", result.stdout)


# ---- weights that were stored before the resume point ----
grid = "seed: 1, control: [dense, ticket], t: 20000, k: 0.5"
long = sweep("long", 120000, 20000, grid)
store, whole = tap.SCRATCH / "resume.h5", tap.SCRATCH / "resume-whole.h5"
tap.equal(run(long, whole).returncode, 0, "an undisturbed run")
killed("run", long, "--store", store, "--resume-every", "0.1", until=lambda: tap.epochs_done(store) > 45000)
with h5py.File(store, "r+") as f:
    row = next(r for r in rows_of(f) if r["epochs_done"] > 0)
    weights = digest.family_of(f, row)["checkpoints"]
    tap.ok(weights[int(row["family_row"]), 1].any(), "weights before the resume point are there")
    weights[int(row["family_row"]), 1] = 0
result = run(long, store)
tap.ok(result.returncode == 0 and "has lost weights that it had stored before its resume point" in result.stderr, "their loss is seen", result.stderr)
compare(store, whole, "lost weights")

# ---- parents of a search, whose children are done ----
grid = "seed: [0, 1, 2, 3], control: ticket, t: final, k: {search: [0.1, 0.9], step: 0.2, until: mem}"
search = sweep("search", 2000, 500, grid)
store, whole = tap.SCRATCH / "search.h5", tap.SCRATCH / "search-whole.h5"
tap.equal(run(search, whole).returncode, 0, "an undisturbed search")
shutil.copy(whole, store)
never = tap.query(whole, "SELECT count(*) FROM jobs WHERE control = 'ticket' AND state = 'done' AND t_mem IS NULL")[0][0]
tap.ok(never > 0, f"{never} tickets have not memorised")
more = sweep("more", 10**7, 10**6, "seed: 9, control: dense")
killed("run", more, "--store", store, until=lambda: tap.starts(store) > tap.starts(whole))
with h5py.File(store, "r+") as f:
    lost = [r for r in rows_of(f) if r["control"] == b"dense" and r["epochs"] == 2000]
    for row in lost:
        digest.family_of(f, row)["checkpoints"][int(row["family_row"])] = 0
result = run(search, store)
tap.ok(result.returncode == 0 and f"{len(lost)} finished jobs" in result.stderr, "lost parents are trained again", result.stderr)
have, want = digest.jobs(store), digest.jobs(whole)
tap.equal({job: have.get(job) for job in want}, want, "and the search ends where it had ended")
tap.equal(tap.query(store, "SELECT state, count(*) FROM jobs WHERE seed < 9 GROUP BY 1"), tap.query(whole, "SELECT state, count(*) FROM jobs GROUP BY 1"), "in every state")

# ---- measures that were added ----
grid = "seed: [0, 1, 2, 3, 4, 5], control: dense"
plain = sweep("plain", 200, 20, grid)
slow = "{kind: llc, draws: 2000, chains: 8}"
measured = tap.write("measured.yaml", plain.read_text().replace("record: {", f"measures: {{walk: {slow}}}\nrecord: {{measures: [walk], "))
store, whole = tap.SCRATCH / "measure.h5", tap.SCRATCH / "measure-whole.h5"
for each in (store, whole):
    tap.equal(run(plain, each).returncode, 0, "a store to measure")


def done():
    try:
        with h5py.File(store, "r") as f:
            return sum(sum(digest.measured(g["measures/walk"])) for g in f["families"].values())
    except (OSError, KeyError):
        return 0


tap.equal(tap.tombola("measure", whole, measured).returncode, 0, "an undisturbed measure")
killed("measure", store, measured, until=lambda: done() >= 2)
with h5py.File(store, "r+") as f:
    group = next(iter(f["families"].values()))
    row = digest.measured(group["measures/walk"]).index(True)
    group["measures/walk/llc"][row] = 0
result = tap.tombola("measure", store, measured)
tap.ok(result.returncode == 0 and "had added to 1 jobs" in result.stderr, "a lost measure is seen, and computed again", result.stderr)
compare(store, whole, "measures")

# ---- three kills of a process that is alone ----
store, healthy = tap.SCRATCH / "healthy.h5", sweep("healthy", 3 * 10**6, 10**6, "seed: 0, control: dense")
for _ in range(3):
    before = tap.epochs_done(store)
    killed("run", healthy, "--store", store, until=lambda: tap.epochs_done(store) > before or tap.starts(store) == 1 and not before)
result = run(healthy, store, "--time-left", "2")
rows = tap.query(store, "SELECT state, deaths FROM jobs")
tap.ok(result.returncode in (0, 75) and rows[0][0] != "failed" and rows[0][1] == 0, "are no fault of its job, which had made progress", (rows, result.stderr))
tap.done()
