#!/usr/bin/env python3
"""100, then 300, then 1000 epochs have the bits of 100, 300 and 1000 at once, in every array: for every model, optimiser and control,
in one file and in three runs, on one to four ranks, across kills.  What asks for more than the shorter job has stored begins anew, and
so does what only looks alike: tickets of two parents' ends, rounds of pruning, a schedule that leads to the end of the job.
timeout: 900
beside: others"""
import json
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import seal  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import tap  # noqa: E402

LENGTHS = (100, 300, 1000)
HEAD = """
name: {name}
tasks:
  add: {{kind: modular, expr: a + b, p: 7, train_fraction: 0.6}}
  bits: {{kind: parity, n: 10, k: 2, n_train: 40, n_test: 20}}
models:
  mlp: {{kind: embed_mlp, d_embed: 6, d_hidden: 5}}
  tf: {{kind: transformer, d_model: 8, d_mlp: 8, heads: 2}}
  net: {{kind: dense_mlp, d_hidden: 6}}
  rec: {{kind: lstm, d_embed: 4, d_hidden: 4}}
training:
  full: {{lr: 1e-2, weight_decay: 1, epochs: 100}}
  batches: {{use: full, batch: 7, warmup: 20}}
  drawn: {{use: full, batch: 7, replace: true, precision: double, schedule: [cosine 150 epochs to 0.1, drop 0.5 at 200 epochs]}}
  adam: {{optimizer: adam, lr: 1e-2, epochs: 100}}
  sgd: {{optimizer: sgd, lr: 0.2, momentum: 0.9, epochs: 100}}
  hinge: {{use: full, loss: hinge}}
  hinge_sgd: {{use: sgd, loss: hinge, lr: 0.05}}
  to_end: {{use: full, schedule: [linear to 0.1]}}
record: {{eval_every: {every}, measures: [{measures}]}}
checkpoint: {{every: {kept}, end_state: {ends}}}
grids:
"""
GRID = "  - {{task: {task}, model: {model}, training: {training}, training.epochs: {lengths}, seed: {seeds}, {rest}}}\n"
CONTROLS = "t: [60, final], k: 0.5, control: [dense, ticket, l1, l2, random, shuffle, reinit, invert, snip, grasp, synflow, continue, edge_popup]"


def grid(rest="control: dense", task="add", model="mlp", training="full", seeds="0"):
    return dict(rest=rest, task=task, model=model, training=training, seeds=seeds)


def sweep(name, lengths, *grids, ends="none", every=10, kept=20, measures="norms"):
    text = HEAD.format(name=name, ends=ends, every=every, kept=kept, measures=measures)
    return tap.write(f"{name}.yaml", text + "".join(GRID.format(lengths=list(lengths), **one) for one in grids))


def run(file, store, *options, ranks=0, code=0):
    result = tap.tombola("run", file, "--store", store, "--verbose", *options, ranks=ranks)
    if result.returncode != code:
        tap.ok(False, f"run of {file.name} ends with {code}", f"{result.returncode}\n{result.stderr}")
    return result.stderr


def went_on(log):
    """How many jobs went on from shorter ones, as the ranks say."""
    return len(re.findall(r"goes on from the end of job", log))


def plan(file, store):
    result = tap.tombola("plan", file, "--store", store, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def runs(name, lengths, *grids, **more):
    """A fresh store of one run for each of the lengths: nobody shares anything."""
    out = {}
    for length in lengths:
        store = tap.SCRATCH / f"{name}-{length}-alone.h5"
        log = run(sweep(f"{name}_{length}", [length], *grids, **more), store)
        tap.equal(went_on(log), 0, f"{name}: {length} epochs alone share nothing")
        out.update(digest.jobs(store))
    return out


def same(store, whole, what):
    have = digest.jobs(store)
    found = [f"only in one: {job}" for job in set(have) ^ set(whole)]
    for job in set(have) & set(whole):
        found += [f"{job[:8]} {key}: {have[job].get(key)} / {whole[job].get(key)}" for key in sorted(set(have[job]) | set(whole[job]))
                  if have[job].get(key) != whole[job].get(key)]
    tap.ok(not found and have, f"{what}: the bits of {len(whole)} jobs trained at once", "\n".join(found))
    result = tap.tombola("verify", store)
    tap.ok(result.returncode == 0, f"{what}: verify finds nothing", result.stdout)


def ends(store):
    """How many jobs have left their end states."""
    with h5py.File(store, "r") as f:
        rows = f["jobs"][:int(f["control"]["rows"][0])]
        return sum(has_end(f, row) for row in rows)


def has_end(f, row):
    family = digest.family_of(f, row)
    first = int(family["resume"].attrs["first_sum"])
    return bool(family["sums"][int(row["family_row"])][first:first + 2].any())


# ---- every model, optimiser and control ----
ALL = [grid(CONTROLS), grid("control: [dense, ticket, edge_popup], t: 60, k: 0.5", training="[batches, drawn, adam, sgd]"),
       grid("control: [dense, ticket, grasp], t: 60, k: 0.5", model="tf"), grid("control: [dense, ticket], t: 60, k: 0.5", model="rec", seeds="[0, 1]"),
       grid("control: [dense, ticket], t: 60, k: 0.5", task="bits", model="net", training="[hinge, hinge_sgd]"),
       grid("control: ticket, t: final, k: 0.6, iterate: 3"), grid("control: ticket, t: gen, k: 0.4, record: {threshold: 0.3}"),
       grid("control: ticket, t: 'max(mem + 20, 60)', k: 0.4, rewind: 40, record: {threshold: 0.3}"), grid(training="to_end")]
kinds = json.loads(tap.tombola("kinds", "--json").stdout)["kinds"]
for sort in ("model", "optimizer", "control"):
    lacking = [kind["name"] for kind in kinds if kind["sort"] == sort and kind["name"] not in HEAD + CONTROLS + "adamw" + "masked"]
    tap.equal(lacking, [], f"every {sort} is here")
whole = runs("all", LENGTHS, *ALL)
together = sweep("together", LENGTHS, *ALL)
planned = plan(together, tap.SCRATCH / "together.h5")
for ranks in (0, 2, 3, 4):
    store = tap.SCRATCH / f"together{ranks}.h5"
    log = run(together, store, ranks=ranks)
    skipped = tap.query(store, "SELECT count(*) FROM jobs WHERE state = 'skipped' AND epochs > 100")[0][0]
    tap.equal((went_on(log) + skipped, went_on(log) > 60), (planned["continued"]["jobs"], True), f"on {ranks} ranks as many go on as plan has said")
    same(store, whole, f"in one file, on {ranks} ranks")
    tap.equal(ends(store), 0, "no end state is left")
epochs = sum(length * sum(row["epochs"] == str(length) for row in whole.values()) for length in LENGTHS)
tap.equal(planned["epochs"] + planned["continued"]["epochs"], epochs, "plan counts shared work once")
store = tap.SCRATCH / "one-by-one.h5"
for ranks, length in zip((0, 3, 2), LENGTHS):
    log = run(sweep(f"all_{length}", [length], *ALL, ends="all"), store, ranks=ranks)
    tap.ok(went_on(log) > (0 if length == 100 else 25) or length == 100, f"{length} epochs go on from what is there", log[-500:])
same(store, whole, "in three runs")
with h5py.File(store, "r") as f:
    rows = f["jobs"][:int(f["control"]["rows"][0])]
    tap.equal({has_end(f, row) for row in rows if row["state"] == 3}, {True}, "end_state: all keeps all")

# ---- kills ----
longer = [grid("control: [dense, ticket], t: 2000, k: 0.5", seeds="[0, 1]"), grid(training="batches")]
file = sweep("killed", (4000, 12000, 30000), *longer, kept=2000, every=50)
once = tap.SCRATCH / "killed-once.h5"
tap.ok(went_on(run(file, once)) == 10, "a longer sweep, undisturbed")
digest.survives(file, once, tap.SCRATCH / "killed.h5", [5, 12, 20, 30])
whole = runs("killed_alone", (30000,), *longer, kept=2000, every=50)
have = digest.jobs(once)
tap.equal([job for job in whole if have[job] != whole[job]], [], "and it has the bits of the longest at once")

# ---- what was recorded more coarsely ----
fine, coarse = dict(every=10, kept=20), dict(every=100, kept=100)
for what, shorter in (("evaluations", dict(every=100, kept=20)), ("checkpoints", dict(every=10, kept=100)), ("both", coarse)):
    store = tap.SCRATCH / f"coarse-{what}.h5"
    run(sweep("coarse", [300], grid(), ends="all", **shorter), store)
    file = sweep("fine", [1000], grid(), **fine)
    planned = plan(file, store)
    tap.equal((planned["continued"], went_on(run(file, store))), ({"jobs": 0, "epochs": 0}, 0), f"coarser {what}: it begins anew")
    whole = runs(f"fine_{what}", [1000], grid(), **fine)
    have = digest.jobs(store)
    tap.equal([job for job in whole if have[job] != whole[job]], [], f"coarser {what}: with the bits of one that was alone")
store = tap.SCRATCH / "finer.h5"
run(sweep("finer", [300], grid(), ends="all", every=5, kept=10), store)
file = sweep("less", [1000], grid(), **fine)
tap.equal((plan(file, store)["continued"]["epochs"], went_on(run(file, store))), (300, 1), "what was recorded more finely has all that is asked for")
whole = runs("less_alone", [1000], grid(), **fine)
have = digest.jobs(store)
tap.equal([job for job in whole if have[job] != whole[job]], [], "and gives its bits")

# ---- what looks alike ----
store = tap.SCRATCH / "alike.h5"
tickets = [grid("control: [ticket, l2], t: final, k: 0.5"), grid("control: ticket, t: final, k: 0.6, iterate: 3"), grid(training="to_end")]
log = run(sweep("alike", (300, 1000), *tickets), store)
tap.equal(went_on(log), 1, "of tickets at the parents' ends, rounds of pruning and schedules to the end only the parent is shared")
shared = tap.query(store, "SELECT count(*) FROM (SELECT trajectory FROM jobs GROUP BY trajectory HAVING count(*) > 1)")[0][0]
tap.equal(shared, 1, "and so say the trajectories")
odd = [grid("control: ticket, t: gen, k: 0.5, record: {threshold: 0.3}")]
run(sweep("odd", (305, 1000), *odd), tap.SCRATCH / "odd.h5")
found = tap.query(tap.SCRATCH / "odd.h5", "SELECT control, count(DISTINCT trajectory) FROM jobs GROUP BY control ORDER BY control")
tap.equal(found, [["dense", 1], ["ticket", 2]], "t: gen of a parent that is evaluated once more at its end is another moment")

# ---- two parents, one trajectory ----
store = tap.SCRATCH / "parents.h5"
text = HEAD.format(name="parents", ends="none", every=10, kept=20, measures="norms")
text += "  - {task: add, model: mlp, training: full, training.epochs: 200, parent_training: full, parent_training.epochs: [100, 300], seed: 0, control: ticket, t: 60, k: 0.5}\n"
log = run(tap.write("parents.yaml", text), store)
tap.equal(went_on(log), 2, "tickets of one epoch of two parents: one parent goes on from the other, one ticket is the other's copy")
rows = tap.query(store, "SELECT id, trajectory, test_loss FROM jobs WHERE control = 'ticket'")
tap.ok(len(rows) == 2 and rows[0][0] != rows[1][0] and rows[0][1:] == rows[1][1:], "with one trajectory and two ids", rows)

# ---- what belongs to a job and its length ----
store = tap.SCRATCH / "own.h5"
own = [grid("control: ticket, t: final, k: {search: [0.2, 0.8], step: 0.3, until: gen}, record: {threshold: 0.3}"), grid("record: {measures: [subnetwork, accuracy_change]}", task="bits", model="net", training="hinge_sgd")]
whole = runs("own", LENGTHS, *own, kept=50)
log = run(sweep("own_all", LENGTHS, *own, kept=50), store, ranks=2)
same(store, whole, "searches, and measures that look back")
looked = tap.query(store, "SELECT count(*) FROM jobs WHERE state = 'skipped'")[0][0]
tap.ok(went_on(log) >= 4, f"some of them go on, {looked} rates were not needed")

# ---- a job that diverges ----
def wild(name, lengths):
    """Weights that decay by more than themselves grow by 2 % an epoch."""
    text = HEAD.format(name=name, ends="all", every=10, kept=0, measures="")
    text = text.replace("\n  to_end:", "\n  wild: {optimizer: sgd, lr: 0.1, weight_decay: 20.2, loss: hinge, epochs: 100}\n  to_end:")
    return tap.write(f"{name}.yaml", text + GRID.format(lengths=[*lengths], **grid(task="bits", model="net", training="wild")))


probe = tap.SCRATCH / "probe.h5"
run(wild("probe", [20000]), probe, code=3)
error = tap.query(probe, "SELECT error FROM jobs")[0][0]
at = int(re.search(r"at epoch (\d+)", error).group(1))
tap.ok(at > 40, f"weights grow until epoch {at}", error)
store = tap.SCRATCH / "diverged.h5"
log = run(wild("diverged", [at // 2, at + 10, 3 * at]), store, code=3)
rows = tap.query(store, "SELECT epochs, state, error FROM jobs ORDER BY epochs")
tap.equal([row[1] for row in rows], ["done", "failed", "failed"], "the short one is done, the longer ones fail")
tap.equal({row[2] for row in rows[1:]}, {error}, "at the same epoch, with the same words")
tap.equal(went_on(log), 1, "the second went on from the first; what failed is nobody's beginning")

# ---- which end states stay ----
seeds = "[0, 1, 2, 3]"
some = [grid("control: dense, record: {threshold: 0.2}", seeds=seeds)]
for policy in ("none", "unreached", "all"):
    store = tap.SCRATCH / f"ends-{policy}.h5"
    file = sweep("ends", [300], *some, ends=policy)
    planned = plan(file, store)["end_states"]
    run(file, store)
    never = tap.query(store, "SELECT count(*) FROM jobs WHERE t_gen IS NULL")[0][0]
    tap.ok(0 < never < 4, f"{never} of 4 jobs never came to t_gen")
    want = {"none": 0, "unreached": never, "all": 4}[policy]
    tap.equal(ends(store), want, f"end_state: {policy} keeps {want}")
    tap.equal(planned["jobs"], 0 if policy == "none" else 4, "plan counts those that may stay")
    tap.equal(plan(sweep("ends2", [600], *some), store)["continued"], {"jobs": want, "epochs": 300 * want}, "from which twice the length goes on")

# ---- copies, and damage ----
store, archive, copy = (tap.SCRATCH / name for name in ("ends-all.h5", "archive.h5", "copy.h5"))
tap.equal((tap.tombola("compact", store, "-o", archive).returncode, tap.tombola("verify", archive).returncode), (0, 0), "compact")
tap.equal((tap.tombola("merge", archive, "-o", copy).returncode, tap.tombola("verify", copy).returncode), (0, 0), "and merge")
tap.equal((ends(archive), ends(copy)), (4, 4), "keep end states")
with h5py.File(copy, "r") as f:
    row = f["jobs"][0]
    family = digest.family_of(f, row)
    data, first = family["resume"], int(family["resume"].attrs["first_sum"])
    part = int(np.flatnonzero(family["sums"][int(row["family_row"])][first:first + 2])[0])
    at = data.id.get_offset() + (int(row["family_row"]) * 2 + part) * data.shape[-1]
tap.flip(copy, at + 300)
result = tap.tombola("verify", copy)
tap.ok(result.returncode == 5 and "resume" in result.stdout, "verify sees a damaged end state", result.stdout)
damaged, repaired = tap.SCRATCH / "damaged.h5", tap.SCRATCH / "repaired.h5"
for path in (damaged, repaired):
    shutil.copy(copy, path)
file = sweep("ends2", [600], *some)
log = run(file, damaged)
tap.ok(went_on(log) == 3 and "cannot go on from the end of job" in log, "a damaged one is said, and its longer job begins anew", log)
log = run(file, repaired, "--repair")
tap.ok(went_on(log) == 3 and "were damaged and are forgotten" in log, "--repair forgets it", log)
tap.equal((tap.tombola("verify", repaired).returncode, ends(repaired)), (0, 3), "and leaves the others")
whole = runs("ends_alone", [600], *some)
for path in (damaged, repaired):
    have = digest.jobs(path)
    tap.equal([job for job in whole if have[job] != whole[job]], [], f"{path.stem}: the bits are those of a run alone")

# ---- rows of an earlier version ----
store = tap.SCRATCH / "alike.h5"


def trajectories(path):
    return tap.query(path, "SELECT id, trajectory FROM jobs ORDER BY id")


before = trajectories(store)
with h5py.File(store, "r+") as f:
    data, at = seal.move(f["jobs"], len(before)), f["jobs"].dtype.fields["trajectory"][1]
    data[:, at:at + 32] = 0
    seal.move(f["jobs"], len(before), data)
    seal.seal_row_sums(f)
tap.equal({text for _, text in trajectories(store)}, {""}, "rows that do not say their trajectories")
run(sweep("later", [100], grid()), store)
after = dict(trajectories(store))
tap.equal([row for row in before if after[row[0]] != row[1]], [], "the next run says it of all of them, and of those that are not its own")
tap.equal(len(set(after.values())), len({text for _, text in before}), "its own job is of one of them")

# ---- the recipe of the README ----
recipe = re.search(r"## Not yet.*?```sh\n(.*?)```", (tap.ROOT / "README.md").read_text(), re.S).group(1)
quick = tap.shrunk("quick", [("p: 59", "p: 11"), ("d_embed: 200", "d_embed: 12"), ("epochs: 6000", "epochs: 300"), ("every: 1000", "every: 100")])
store = tap.SCRATCH / "recipe.h5"
run(quick, store)
with h5py.File(store, "r") as f:
    rows = f["jobs"][:int(f["control"]["rows"][0])]
    never = {row["trajectory"] for row in rows if row["t_gen"] < 0}
tap.ok(0 < len(never) < len(rows), f"{len(never)} of {len(rows)} never generalised")
for old, new in (("sweeps/quick.yaml", str(quick)), ("results/quick.h5", str(store)), ("12000", "600"), ("tombola query", f"{tap.TOMBOLA} query"),
                 ("tombola run", f"{tap.TOMBOLA} run --verbose")):
    tap.ok(old in recipe, f"the recipe says {old}")
    recipe = recipe.replace(old, new)
result = tap.heard(["bash", "-ec", recipe], timeout=120, cwd=tap.SCRATCH)
tap.ok(result.returncode == 0 and went_on(result.stderr) == len(never), "all of these, and no others, go on", result.stderr)
with h5py.File(store, "r") as f:
    rows = f["jobs"][:int(f["control"]["rows"][0])]
    later = [row for row in rows if row["epochs"] == 600]
tap.equal({row["trajectory"] for row in later}, never, "they have their trajectories")
tap.equal(result.stdout.split()[-2:], [str(len(never)), str(sum(row["t_gen"] >= 0 for row in later))], "and are counted")
tap.done()
