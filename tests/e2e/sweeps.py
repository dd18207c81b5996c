#!/usr/bin/env python3
"""One small sweep through its life: planned, run, run again, grown, read while it runs, on any number of ranks.
timeout: 300
beside: others"""
import json
import os
import re
import signal
import sys

sys.path[:0] = [os.path.join(os.path.dirname(__file__), part) for part in ("..", "../fault")]
import digest  # noqa: E402
import fault  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402

SWEEP = """
name: small
tasks: {{add: {{kind: modular, expr: a + b, p: 17, train_fraction: 0.5}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 32, d_hidden: 16}}}}
training:
  full: {{lr: 1e-2, weight_decay: 1, betas: [0.9, 0.98], epochs: {epochs}}}
  small: {{use: full, batch: 40, epochs: 60}}
  twice: {{use: full, precision: double, epochs: 60}}
record: {{eval_every: 5, measures: [norms]}}
checkpoint: {{every: 60}}
grids:
  - {{name: at, task: add, model: mlp, training: full, seed: {seeds}, control: [ticket, l1, l2, random], t: [0, 60, final], k: [0.5, 0.6]}}
  - {{name: mem, task: add, model: mlp, training: full, seed: {seeds}, control: ticket, t: mem, k: 0.6}}
  - {{name: again, task: add, model: mlp, training: full, seed: {seeds}, control: ticket, t: 60, k: 0.6}}
  - {{name: minibatch, task: add, model: mlp, training: [small, twice], seed: {seeds}, control: [dense, ticket], t: final, k: 0.6}}
"""


def sweep(name, seeds="[0, 1]", epochs=300):
    return tap.write(name, SWEEP.format(seeds=seeds, epochs=epochs))


def plan(file, store):
    return json.loads(tap.tombola("plan", file, "--store", store, "--json").stdout)


file = sweep("small.yaml")
stores = {n: tap.SCRATCH / f"on{n}.h5" for n in (0, 1, 2, 3, 4)}
planned = plan(file, stores[0])
tap.equal((planned["held"], planned["waves"]), (0, 2), "the plan: nothing held, two waves")
for ranks, store in stores.items():
    result = tap.tombola("run", file, "--store", store, ranks=ranks)
    tap.equal(result.returncode, 0, f"run {'without mpirun' if not ranks else f'on {ranks} ranks'}") or print(result.stderr)
states = dict(tap.query(stores[0], "SELECT state, count(*) FROM jobs GROUP BY state"))
tap.equal(states, {"done": planned["jobs"]}, "run did what plan said")
controls = dict(tap.query(stores[0], "SELECT control, count(*) FROM jobs GROUP BY control"))
tap.equal(controls, {c: v["jobs"] for c, v in planned["controls"].items()}, "control by control")
duplicates = tap.query(stores[0], "SELECT count(*) - count(DISTINCT id) FROM jobs")[0][0]
shared = tap.query(stores[0], "SELECT count(*) FROM (SELECT id FROM grids GROUP BY id HAVING count(*) > 1)")[0][0]
tap.ok(duplicates == 0 and shared == 2, "a job that two grids need is one job", (duplicates, shared))
for ranks in (1, 2, 3, 4):
    found = digest.differences(stores[0], stores[ranks])
    tap.ok(not found and digest.jobs(stores[ranks]), f"{ranks} ranks: the same bits as one", "\n".join(found))
tap.equal(tap.tombola("verify", stores[4]).returncode, 0, "verify finds nothing wrong")
MEASURED = "SELECT count(*), sum(value), min(value), max(value) FROM measures WHERE measure = 'jaccard' AND name = 'distance'"
LESS = r"finished jobs were recorded with less than the sweep file asks for \(0 lack evaluations, \d+ checkpoints, 0 weights"
more = SWEEP.format(seeds="[0, 1]", epochs=300).replace("every: 60", "every: 30")
known = tap.write("measured.yaml", SWEEP.format(seeds="[0, 1]", epochs=300).replace("[norms]", "[norms, jaccard]"))
for asked, said, measures, what in ((file, False, 0, "all that is asked for is there"), (known, False, planned["jobs"], "a measure is missing"),
                                    (tap.write("more.yaml", more), True, 0, "checkpoints are missing")):
    result = tap.tombola("plan", asked, "--store", stores[1])
    tap.equal(bool(re.search(LESS, result.stdout)), said, f"plan of jobs that are held: {what}") or print(result.stderr)
    tap.equal(bool(re.search(f"to measure: {measures} finished jobs", result.stdout)), measures > 0, "and it says what run makes up")
result = tap.tombola("run", known, "--store", stores[1], ranks=2)
tap.ok(result.returncode == 0 and "0 to train" in result.stderr and f"{planned['jobs']} of {planned['jobs']} jobs measured" in result.stderr,
       "which it does, and trains nothing", result.stderr)
fresh = tap.SCRATCH / "fresh.h5"
tap.tombola("run", known, "--store", fresh, ranks=2)
tap.equal(tap.query(stores[1], MEASURED), tap.query(fresh, MEASURED), "what is made up is what a fresh store has")
tap.ok(tap.query(fresh, MEASURED)[0][0] > 0, "and that is not nothing")
tap.equal(plan(known, stores[1])["to_measure"], 0, "a measure that was added later is there")

changing, state, done, codes = tap.SCRATCH / "changing/x.h5", tap.SCRATCH / "state", [0], []
changing.parent.mkdir()
for ranks in (1, 3, 2, 4):  # each is stopped when it has done two jobs more, while one rank stands still where it writes
    process = tap.start("run", file, "--store", changing, "--commit-every", "0.01", ranks=ranks,
                        env=dict(os.environ, **fault.told(changing.parent, state, "stop", fault.FAR)))
    tap.wait_for(lambda: process.poll() is not None or tap.finished(changing) >= done[-1] + 2, 60, 0.002)
    fault.stand(process, state)
    for number in (signal.SIGUSR1, signal.SIGCONT):
        tap.kill(process, number, ranks_only=True)
    process.communicate(timeout=120)
    codes.append(process.returncode)
    done.append(tap.finished(changing))
codes.append(tap.tombola("run", file, "--store", changing, ranks=2).returncode)
found = digest.differences(stores[0], changing)
tap.ok(codes == [75] * 4 + [0] and done == sorted(set(done)) and not found, "and when five runs on different ranks share the work",
       "\n".join([str(codes), str(done), *found]))

again = tap.tombola("run", file, "--store", stores[2], ranks=3)
tap.equal((again.returncode, "0 to train" in again.stderr), (0, True), "the same sweep again trains nothing")

bigger = sweep("bigger.yaml", seeds="[0, 1, 2]")
planned = plan(bigger, stores[2])
result = tap.tombola("run", bigger, "--store", stores[2], ranks=2)
tap.ok(result.returncode == 0 and f"{planned['to_train']} to train" in result.stderr and planned["held"] * 3 == planned["jobs"] * 2,
       "a seed more trains only the new jobs", result.stderr)
alone = tap.SCRATCH / "alone.h5"
tap.tombola("run", bigger, "--store", alone, ranks=2)
tap.equal(digest.differences(stores[2], alone), [], "a grown store holds what a new one would")
attempts = tap.query(stores[2], "SELECT max(attempts), min(attempts) FROM jobs")[0]
tap.equal(attempts, [1, 1], "no job was trained twice")

mixed = tap.query(stores[0], "SELECT count(*) FROM jobs WHERE control = 'ticket' AND t_asked = 'mem' AND t IS NOT NULL")
tap.equal(mixed[0][0], 2, "t: mem is stored as the epoch it was")

# Tasks of different sizes whose networks have the same shapes share a family of the store.
family = tap.write("family.yaml", """
tasks:
  mul: {kind: modular, expr: a^2 + a*b + b^2 + a, p: 11, pairs: ordered, train_fraction: 0.7}
  div: {kind: modular, expr: a / b, p: 11, pairs: ordered, train_fraction: 0.6}
  rnd: {kind: modular, expr: random, p: 11}
models: {deep: {kind: embed_mlp, d_embed: 10, d_hidden: 8, layers: 2, activation: gelu}}
training: {fast: {lr: 3e-3, epochs: 100}}
record: {eval_every: 10}
grids:
  - {name: zipped, mirrors: accept, task: mul, model: deep, training: fast, zip: [seed, t], seed: [3, 4], t: [0, 100], control: ticket,
     k: {from: 0.1, to: 0.9, step: 0.4}, exclude: [{k: 0.50}], include: [{seed: 7, t: mem, k: 0.25}]}
  - {name: all, mirrors: accept, task: [mul, div, rnd], model: deep, model.init_scale: [1, 2], training: fast,
     parent_training: {use: fast, epochs: 50}, seed: 1, control: [l1, ticket], t: final, k: 0.3}
""")
shared = tap.SCRATCH / "family.h5"
result = tap.tombola("run", family, "--store", shared, ranks=3)
counts = tap.query(shared, "SELECT control, count(*), count(DISTINCT family) FROM jobs GROUP BY control")
tap.equal((result.returncode, counts), (0, [["dense", 9, 2], ["l1", 6, 1], ["ticket", 11, 1]]), "tasks of different sizes in one store")
tap.equal(tap.query(shared, "SELECT state, error FROM jobs WHERE state != 'done'"), [["skipped", "its parent never reached t = mem"]],
          "a ticket of a network that never memorises is skipped, with the reason")

# A network that adds its inputs up, on data that have both (a, b) and (b, a).
for pairs, expr, says, sums in [(*case, sums) for sums in ("embed_mlp", "transformer, d_model: 8, d_mlp: 8, equals: true") for case in (
        ("ordered", "a - b", "with other labels for 55 of them"), ("ordered", "a + b", "the mirror images of test pairs"),
        ("unordered", "a - b", ""), ("unordered_distinct", "a - b", ""))]:
    plan = tap.tombola("plan", tap.write("mirrors.yaml", f"""
tasks: {{task: {{kind: modular, expr: "{expr}", p: 11, pairs: {pairs}}}}}
models: {{sum: {{kind: {sums}}}, order: {{kind: transformer, d_model: 8, heads: 1, d_mlp: 8}}, hot: {{kind: dense_mlp}},
  position: {{kind: transformer, d_model: 8, d_mlp: 8, equals: true, positional: true}}}}
training: {{fast: {{epochs: 100}}}}
grids: [{{task: task, model: [order, hot, position], training: fast}}, {{task: task, model: sum, training: fast, training.lr: [1e-3, 1e-2], seed: [0, 1]}}]
"""))
    tap.ok(plan.returncode == (2 if says else 0) and says in plan.stderr and plan.stderr.count("adds up") == bool(says) and (
        not says or ("mirrors.yaml:6:" in plan.stderr and "55 pairs" in plan.stderr and "mirrors: accept" in plan.stderr)),
           f"{sums} on {pairs} {expr}: {says or 'planned'}", plan.stderr)

# A run that takes a while: read it, lock it, stop it, kill it.
slow, store = sweep("slow.yaml", epochs=400000), tap.SCRATCH / "slow.h5"
running = tap.start("run", slow, "--store", store, "--resume-every", "0.2", ranks=2)
tap.ok(tap.wait_for(lambda: tap.epochs_done(store), 60), "a long run writes resume points")
with h5py.File(store, "r") as f:
    rows = f["jobs"][:]
    tap.ok((rows["state"] == 2).any(), "h5py reads a live store", rows["state"])
second = tap.tombola("run", slow, "--store", store)
tap.ok(second.returncode == 4 and "slow.h5" in second.stderr and second.stderr.count("error:") == 1,
       "a second run on the same store is refused with exit code 4", second.stderr)
tap.kill(running)
running.communicate()
tap.wait_for(lambda: not tap.processes(running))
with h5py.File(store, "r") as f:
    tap.ok(len(f["jobs"]) > 0, "h5py reads a killed store")
    killed = [(i, row["epochs_done"]) for i, row in enumerate(f["jobs"][:f["control"]["rows"][0]]) if row["state"] == 2]
stopped = tap.tombola("run", slow, "--store", store, "--time-left", "2s", ranks=2)
tap.ok(stopped.returncode == 75 and "goes on" in stopped.stderr, "--time-left stops with exit code 75", stopped.stderr)
with h5py.File(store, "r") as f:
    now = [(f["jobs"][i]["epochs_done"], epochs) for i, epochs in killed]
tap.ok(killed and any(done > epochs > 0 for done, epochs in now), "a killed job was gone on with", (killed, now))
tap.equal(tap.tombola("verify", store).returncode, 0, "a stopped store verifies")
tap.done()
