#!/usr/bin/env python3
"""What becomes of jobs that die, fail, are stopped, or wait for one that did.
timeout: 120
beside: others"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402


def nothing(name, seconds, seeds, more=""):
    return tap.write(f"{name}.yaml", f"""
tasks: {{no: {{kind: nothing, seconds: {seconds}{more}}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 4, d_hidden: 4}}}}
training: {{full: {{epochs: 10}}}}
grids:
  - {{task: no, model: mlp, training: full, seed: {seeds}}}
""")


def states(store):
    return dict(tap.query(store, "SELECT state, count(*) FROM jobs GROUP BY state"))


def kill_while_running(*args, ranks=0, ranks_only=False):
    """Start it, and kill all of it, or all but mpirun, when a job has begun."""
    store = args[args.index("--store") + 1]
    before = tap.starts(store)
    process = tap.start("run", *args, ranks=ranks)
    seen = tap.wait_for(lambda: tap.starts(store) > before, step=0.002)
    tap.kill(process, ranks_only=ranks_only)
    process.communicate()
    return seen


# A job that kills its rank.
sweep, store = nothing("dies", 0, [0, 1, 2, 3], ", die_on: 2"), tap.SCRATCH / "dies.h5"
for attempt in range(2):
    option = ["--retry-failed"] if attempt else []
    codes = [tap.tombola("run", sweep, "--store", store, *(option if i == 0 else [])).returncode for i in range(4)]
    tap.ok(codes[:3] == [-9, -9, -9] and codes[3] == 3, f"it dies three times, {'again' if attempt else 'then is failed'}", codes)
    failed = tap.query(store, "SELECT seed, error, attempts FROM jobs WHERE state = 'failed'")
    tap.equal((failed, states(store)), ([[2, "crashed 3 times", 3]], {"done": 3, "failed": 1}), "with the reason; others are done")
tap.equal(tap.query(store, "SELECT max(attempts) FROM jobs WHERE state = 'done'")[0][0], 1, "and trained once")

# A job that is stopped again and again does not count as dying.
sweep, store = nothing("long", 60, [0]), tap.SCRATCH / "long.h5"
codes = [tap.tombola("run", sweep, "--store", store, "--time-left", "0.2").returncode for _ in range(4)]
tap.equal((codes, tap.query(store, "SELECT state, attempts FROM jobs")), ([75] * 4, [["pending", 0]]), "stops are no crashes")

# What a dead run has left "running" is pending as soon as any run has the lock.
tap.ok(kill_while_running(sweep, "--store", store) and states(store) == {"running": 1}, "killed while running", states(store))
tap.equal(tap.tombola("run", nothing("other", 0, [7]), "--store", store).returncode, 0, "another sweep in the same store")
tap.equal(states(store), {"pending": 1, "done": 1}, "and nothing is left running")

# A parent whose process dies three times, and mpirun does not, and its ticket.
sweep, store = tap.write("parent.yaml", """
tasks: {add: {kind: modular, expr: a + b, p: 17, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 32, d_hidden: 16}}
training: {full: {lr: 1e-3, weight_decay: 1, epochs: 150000}, short: {use: full, epochs: 50}}
record: {eval_every: 50}
checkpoint: {every: 0, at: [150000]}
grids:
  - {task: add, model: mlp, training: short, parent_training: full, seed: 0, control: ticket, t: final, k: 0.5}
"""), tap.SCRATCH / "parent.h5"
kills = [kill_while_running(sweep, "--store", store, ranks=2, ranks_only=True) for _ in range(3)]
result = tap.tombola("run", sweep, "--store", store, ranks=2)
tap.ok(all(kills) and result.returncode == 3, "a parent is killed three times", result.stderr)
tap.equal(tap.query(store, "SELECT control, state, error FROM jobs ORDER BY control"),
          [["dense", "failed", "crashed 3 times"], ["ticket", "blocked", "its parent failed"]], "its ticket is blocked, not failed")
result = tap.tombola("run", sweep, "--store", store, ranks=2)
tap.equal((result.returncode, states(store)), (3, {"failed": 1, "blocked": 1}), "and so it stays")
stopped = tap.tombola("run", sweep, "--store", store, "--retry-failed", "--time-left", "0.1", ranks=2)
tap.equal((stopped.returncode, states(store)), (75, {"pending": 2}), "while the parent is tried again, both are pending")
tap.equal(tap.tombola("run", sweep, "--store", store, ranks=2).returncode, 0, "and then both are trained")
tap.equal(tap.query(store, "SELECT control, state, error FROM jobs ORDER BY control"),
          [["dense", "done", None], ["ticket", "done", None]], "without a trace of the trouble")

# A job that gets further each time has not crashed three times.
sweep, store = tap.write("further.yaml", """
tasks: {add: {kind: modular, expr: a + b, p: 17, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 32, d_hidden: 16}}
training: {full: {lr: 1e-3, epochs: 10000000}}
record: {eval_every: 5000}
grids:
  - {task: add, model: mlp, training: full, seed: 0}
"""), tap.SCRATCH / "further.h5"
reached = [0]
for _ in range(4):
    process = tap.start("run", sweep, "--store", store, "--resume-every", "0.02")
    tap.until(lambda: tap.epochs_done(store) > reached[-1], "further", step=0.002)
    tap.kill(process)
    process.communicate()
    reached.append(tap.epochs_done(store))
process = tap.start("run", sweep, "--store", store, "--resume-every", "0.02")
tap.until(lambda: tap.epochs_done(store) > reached[-1], "further", step=0.002)
process.terminate()
process.communicate(timeout=60)
tap.equal((reached, process.returncode), (sorted(set(reached)), 75), "killed four times, but further each time, it goes on")
tap.equal(tap.query(store, "SELECT state, attempts FROM jobs"), [["pending", 0]], "and none of its starts counts")

# A parent that did nothing, in an earlier run than its ticket.
NOTHING = """
tasks: {no: {kind: nothing}}
models: {mlp: {kind: embed_mlp, d_embed: 4, d_hidden: 4}}
training: {full: {epochs: 10}}
grids:
  - {task: no, model: mlp, training: full, seed: 0, control: CONTROL}
"""
store = tap.SCRATCH / "parent_first.h5"
for control in ("dense", "ticket, t: final, k: 0.5"):
    result = tap.tombola("run", tap.write("first.yaml", NOTHING.replace("CONTROL", control)), "--store", store)
    tap.equal(result.returncode, 0, f"a job that does nothing: {control}") or print(result.stderr)
tap.equal((states(store), tap.tombola("verify", store).returncode), ({"done": 2}, 0), "parent and ticket are done, and verify")

# A parent that never gets there.
sweep, store = tap.write("never.yaml", """
tasks: {add: {kind: modular, expr: a + b, p: 17, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 8, d_hidden: 8}}
training: {full: {lr: 1e-3, epochs: 20}}
grids:
  - {task: add, model: mlp, training: full, seed: 0, control: [ticket, l1], t: gen, k: 0.5}
"""), tap.SCRATCH / "never.h5"
for again in ("", ", and again"):
    code = tap.tombola("run", sweep, "--store", store).returncode
    rows = tap.query(store, "SELECT DISTINCT state, error FROM jobs WHERE control != 'dense'")
    tap.equal((code, rows), (0, [["skipped", "its parent never reached t = gen"]]), "tickets at t: gen are skipped" + again)
tap.done()
