#!/usr/bin/env python3
"""What is given from outside is what is measured and trained: weights that are measured as they are (epochs: 0), masks, and
labels of splits that must be the task's.  Logits and gradients of stored weights agree with the losses of the jobs.
beside: others"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from store import Store  # noqa: E402

SWEEP = """
name: given
tasks: {{add: {{kind: modular, expr: a + b, p: 11, train_fraction: 0.6}}, bits: {{kind: parity, n: 8, k: 2, n_train: 40, n_test: 20}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 12, d_hidden: 6}}, dense: {{kind: dense_mlp, d_hidden: 6, prune: [W_1]}}}}
training: {{adamw: {{epochs: 200, lr: 1e-2}}, none: {{epochs: 0}}}}
record: {{eval_every: 5, measures: [norms, accuracy_change], threshold: 0.5}}
checkpoint: {{every: 100}}
grids:
{}
"""
GRID = "  - {{name: {}, task: add, model: mlp, training: {}, seed: 1, {}}}\n"


def run(name, *grids, ranks=0):
    sweep, store = tap.write(f"{name}.yaml", SWEEP.format("".join(GRID.format(*g) for g in grids))), tap.SCRATCH / f"{name}.h5"
    result = tap.tombola("run", sweep, "--store", store, ranks=ranks)
    tap.equal(result.returncode, 0, f"{name}: runs") or print(result.stderr)
    return store


def plan(grid):
    sweep = tap.write("plan.yaml", SWEEP.format(GRID.format(*grid) if isinstance(grid, tuple) else grid))
    return sweep, tap.tombola("plan", sweep, "--store", tap.SCRATCH / "none.h5", "--json")


def export(store, job, what, name):
    result = tap.tombola("export", store, job, what, "--output", tap.SCRATCH / name)
    tap.equal(result.returncode, 0, f"{what} is exported") or print(result.stderr)
    return tap.SCRATCH / name


def only(rows, **settings):
    for key, value in settings.items():
        rows = rows[rows[key] == value]
    return rows.iloc[0] if tap.equal(len(rows), 1, f"one job {settings}") else sys.exit(1)


first = run("first", ("both", "adamw", "control: [dense, ticket, snip], t: [100, final], k: 0.5"))
with Store(first) as store:
    rows = store.jobs()
    dense, ticket = only(rows, control="dense"), only(rows, control="ticket", t_asked="100")
    weights, curves = store.checkpoint(dense, 100), store.series(dense)
for what, name in (("weights@100", "w.npz"), ("split", "split.npz")):
    export(first, dense.id, what, name)
export(first, ticket.id, "mask", "m.npz")

# --- epochs: 0 ---
WEIGHTS = "init: {file: w.npz}"
measured = run("measured", ("zero", "none", WEIGHTS), ("batches", "none", WEIGHTS + ", training.batch: 7"),
               ("tickets", "none", WEIGHTS + ", control: ticket, t: [0, mem, gen, final], k: 0.5"),
               ("parent", "adamw", WEIGHTS + ", parent_training: {epochs: 0}, control: ticket, t: final, k: 0.5"),
               ("child", "none", "parent_training: {epochs: 200, lr: 1e-2}, control: ticket, t: 100, k: 0.5"))
with Store(measured) as store:
    rows = store.jobs()
    zero, batches = only(rows, grid="zero"), only(rows, grid="batches")
    for row in (zero, batches):
        curve, at = store.series(row), curves.loc[100]
        tap.equal((list(curve.index), list(store.checkpoint_epochs(row)[:1])), ([0], [0]), f"{row.grid}: one evaluation, one checkpoint")
        tap.ok(np.array_equal(store.checkpoint(row, 0), weights) and np.array_equal(curve.loc[0], at), f"{row.grid}: of the given weights, as they were measured when they were trained", (curve.loc[0], at))
        tap.equal([row[key] for key in at.index], list(at), f"{row.grid}: which are the final values, too")
        tap.equal([0 if at[f"{part}_accuracy"] > 0.5 else None for part in ("train", "test")], [None if pd.isna(t) else t for t in (row.t_mem, row.t_gen)], f"{row.grid}: t_mem and t_gen are 0 if it passes")
        l2 = store.measure(row, "norms/l2")
        tap.ok(abs(l2.loc[0].to_numpy().ravel()[0] - np.sqrt((weights.astype(float) ** 2).sum())) < 1e-6, f"{row.grid}: and the measures are", l2)
    tap.ok(not pd.isna(zero.t_mem) and pd.isna(zero.t_gen) and pd.isna(zero.tau_grok), "these have memorised, and not generalised", zero)
    states = {row.t_asked: row.state for _, row in rows[rows.grid == "tickets"].iterrows()}
    tap.equal(states, {"0": "done", "mem": "done", "gen": "skipped"}, "tickets of what is not trained: t is 0, whatever it is called, and what never comes is skipped")
    keep = np.sort(np.abs(weights))[len(weights) // 2]
    begins = store.checkpoint(only(rows, grid="parent"), 0)
    tap.ok(np.array_equal(begins, np.where(np.abs(weights) >= keep, weights, 0)), "a ticket of given weights keeps their largest")
    child = only(rows, grid="child", control="ticket")
with Store(first) as store:
    tap.ok(child.test_loss == store.series(ticket).test_loss.loc[0] and child.epochs_done == 0, "tickets that are not trained have the losses at which training begins")
tap.equal(tap.tombola("run", tap.SCRATCH / "measured.yaml", "--store", measured).returncode, 0, "run again")
said = json.loads(tap.tombola("plan", tap.SCRATCH / "measured.yaml", "--store", measured, "--json").stdout)
tap.equal((said["to_train"], said["held"]), (0, len(rows) - 1), "nothing is left to do") or print("#", said)
for figure in ("curves.py", "norms.py"):
    drawn = subprocess.run([sys.executable, tap.ROOT / "analysis" / figure, measured, "-o", tap.SCRATCH / "zero.png"], capture_output=True, text=True, cwd=tap.ROOT, check=False)
    tap.equal(drawn.returncode, 0, f"{figure}: of what has no curve there is none, and the others are drawn") or print("#", drawn.stderr)
page = tap.tombola("status", measured)
tap.ok(page.returncode == 0 and "nan" not in page.stdout and "inf" not in page.stdout, "the status page has numbers", page.stdout)
rate = {line.split()[1]: line.split("  ")[-1].strip() for line in page.stdout.splitlines() if line.startswith("given ")}
tap.equal((rate["zero"], rate["parent"]), ("100 %", "100 %"), "and what is done is done")
sweep, said = plan(("a", "{lr: 1e-2}", "control: dense"))
tap.ok(said.returncode == 2 and "'epochs' is missing" in said.stderr, "epochs have no default", said.stderr)

# --- masks ---
def save(name, **changed):
    np.savez(tap.SCRATCH / name, **{**dict(np.load(tap.SCRATCH / "m.npz")), **changed})
    return name


mask = dict(np.load(tap.SCRATCH / "m.npz"))
flat = np.concatenate([mask[name].ravel() for name in mask])
save("bool.npz", **{name: m.astype(bool) for name, m in mask.items()})
save("wide.npz", **{name: np.asfortranarray(m.astype(float)) for name, m in mask.items()})
with h5py.File(tap.SCRATCH / "m.h5", "w") as f:
    for name, m in mask.items():
        f[f"mine/mask/{name}"] = m
np.savez(tap.SCRATCH / "other.npz", **{name: 1 - m for name, m in mask.items()})
masked = run("masked", ("one", "adamw", "mask: {file: m.npz}"), ("files", "adamw", "control: masked, mask.file: [bool.npz, wide.npz, other.npz]"),
             ("group", "adamw", "mask: {file: m.h5, group: mine}"), ("init", "adamw", WEIGHTS + ", mask: {file: m.npz}, split: {file: split.npz}"), ranks=2)
with Store(masked) as store, Store(first) as before:
    rows = store.jobs()
    tap.equal(sorted(rows.control), ["masked"] * 3, "files of one mask are one job, and no other is implied")
    tap.equal(rows["mask"].nunique(), 2, "which the column `mask` tells apart")
    one = only(rows, grid="one")
    same = [np.array_equal(before.checkpoint(ticket, t), store.checkpoint(one, t)) for t in (0, 100, 200)]
    tap.ok(all(same) and before.series(ticket).equals(store.series(one)), "a ticket's mask, given back with its seed, trains to the ticket's bits", same)
    tap.ok(np.array_equal(store.mask(one), flat), "the mask is stored")
    removed = {row.grid: row.k_removed for _, row in rows.iterrows()}
    tap.equal(removed, {"one": 1 - flat.mean(), "files": flat.mean(), "init": 1 - flat.mean()}, "k_removed is what it removes") or print(removed)
    tap.ok(rows.k.isna().all(), "no k was asked")
    tap.ok(np.array_equal(store.checkpoint(only(rows, grid="init"), 0), weights * flat), "given weights under a given mask")
    tap.equal(tap.query(masked, "SELECT count(*) FROM settings"), [[3]], "each is a setting of its own")
with h5py.File(masked, "r") as f:
    tap.ok(any("mask=" in str(text) and "m.npz" in str(text) for text in f["texts/inputs"][:]), "the store says which file it was")

none = run("none", ("none", "adamw", "mask: {file: %s}" % save("none.npz", **{name: 0 * m for name, m in mask.items()})))
with Store(none) as store:
    row = only(store.jobs(), grid="none")
    tap.equal((store.mask(row).any(), row.k_removed), (False, 1.0), "a mask that removes all is read as one that removes all")
with Store(first) as store:
    tap.ok(store.mask(dense).all(), "a network without a mask has all its weights")
bad, place = "  - {task: add, model: mlp, training: adamw, %s}\n", "grids[0]"
names = list(mask)
half, shape = mask[names[0]].astype(float), mask[names[1]]
half.ravel()[2] = 0.5
np.savez(tap.SCRATCH / "lacks.npz", **{name: mask[name] for name in names[1:]})
bits = tap.SCRATCH / "bits.h5"
tap.equal(tap.tombola("run", tap.write("bits.yaml", SWEEP.format("  - {task: bits, model: dense, training: none, training.loss: hinge}\n")), "--store", bits).returncode, 0, "another model")
arrays = np.load(export(bits, tap.query(bits, "SELECT id FROM jobs")[0][0], "weights", "bits.npz"))
np.savez(tap.SCRATCH / "never.npz", **{name: np.zeros(arrays[name].shape) for name in arrays})
weights_by_name = dict(np.load(tap.SCRATCH / "w.npz"))
one_name = list(weights_by_name)[0]
for number in ("nan", "inf"):
    weights_by_name[one_name].ravel()[4] = float(number)
    np.savez(tap.SCRATCH / f"{number}.npz", **weights_by_name)
for grid, says in (*((bad % ("init: {file: %s.npz}" % number), f"'{tap.SCRATCH}/{number}.npz': dataset 'init/{one_name}' holds {number}, its number 5 of {weights_by_name[one_name].size}; allowed: what is finite") for number in ("nan", "inf")),
                   (bad % ("mask: {file: %s}" % save("half.npz", **{names[0]: half})), f"'{tap.SCRATCH}/half.npz': dataset 'mask/{names[0]}' holds 0.5, its number 3 of {half.size}; allowed in a mask: 1 (kept) and 0 (removed)"),
                   (bad % ("mask: {file: %s}" % save("shape.npz", **{names[1]: shape.ravel()})), f"'{tap.SCRATCH}/shape.npz': dataset 'mask/{names[1]}' is [{shape.size}], the model's {names[1]} is [{shape.shape[0]}, {shape.shape[1]}]"),
                   (bad % "mask: {file: lacks.npz}", f"'{tap.SCRATCH}/lacks.npz' has no array '{names[0]}'; it has: "),
                   (bad % "mask: {file: m.npz}, control: ticket, t: final, k: 0.5", "control 'ticket' takes no mask from a file, and 'mask' gives one; allowed with it: masked, or no control"),
                   (bad % "mask: {file: m.npz}, control: [masked, dense]", "control 'dense' takes no mask from a file"),
                   (bad % "control: masked", "control 'masked' needs 'mask': {file: F}"),
                   (bad % "mask: {group: x}", "'file' is missing"),
                   ("  - {task: bits, model: dense, training: adamw, training.loss: hinge, mask: {file: never.npz}}\n", "which is never pruned in this model; allowed there: 1")):
    sweep, said = plan(grid)
    line = next(i for i, line in enumerate(sweep.read_text().splitlines(), 1) if line.startswith("  - "))
    tap.ok(said.returncode == 2 and says in said.stderr and f"{sweep}:{line}:" in said.stderr, f"refused: {says[-60:]}", said.stderr)
tap.ok(f"{tap.SCRATCH}/m.npz" in tap.tombola("show", masked, one.id).stdout, "show names the file")

# --- logits and gradients: losses are those of the curves, and slopes those of losses nearby ---
split = dict(np.load(tap.SCRATCH / "split.npz"))
logits = dict(np.load(export(first, dense.id, "logits@100", "logits.npz")))
for part in ("train", "test"):
    z, label = logits[f"{part}_logits"], split[f"{part}_labels"]
    tap.equal((z.shape, z.dtype), ((len(label), 11), np.dtype("f8")), f"{part}_logits: a row an example")
    loss = np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(len(label)), label])
    tap.ok(abs(loss / curves.loc[100, f"{part}_loss"] - 1) < 1e-5 and np.mean(z.argmax(1) == label) == curves.loc[100, f"{part}_accuracy"], f"{part}_logits are those of the curve at that epoch", (loss, curves.loc[100]))
gradient, w = (dict(np.load(export(first, dense.id, what, f"{what}.npz"))) for what in ("gradients@100", "weights@100"))
tap.equal({name: (g.shape, g.dtype) for name, g in gradient.items()}, {name: (x.shape, np.dtype("f8")) for name, x in w.items()}, "a gradient has the shapes of the weights")
for name in w:
    at = np.unravel_index(np.abs(gradient[name]).argmax(), w[name].shape)
    for sign in (-1, 1):
        moved = {key: x.astype(float) for key, x in w.items()}
        moved[name][at] += sign * 1e-5
        np.savez(tap.SCRATCH / f"{name}{sign}.npz", **moved)
nearby = run("nearby", *((name, "none", "training.precision: double, init.file: [%s]" % ", ".join(f"{tap.SCRATCH}/{name}{sign}.npz" for sign in (-1, 1))) for name in w))
with h5py.File(nearby, "r") as f:
    loss = {str(text[0] if text.dtype.names else text).split("init=")[1].split(".npz")[0].rsplit("/", 1)[1]: job["train_loss"] for text, job in zip(f["texts/inputs"][:], f["jobs"][:]) if job["state"]}
for name in w:
    slope, largest = (loss[f"{name}1"] - loss[f"{name}-1"]) / 2e-5, gradient[name].ravel()[np.abs(gradient[name]).argmax()]
    tap.ok(abs(slope - largest) < 1e-6 * max(1, abs(largest)), f"{name}: its largest gradient is the slope of the loss", (slope, largest))
under = dict(np.load(export(first, ticket.id, "logits@0", "under.npz")))["train_logits"]
tap.ok(abs(np.mean(np.log(np.exp(under).sum(1)) - under[np.arange(len(under)), split["train_labels"]]) - child.train_loss) < 1e-5, "of a ticket: of what its mask leaves")
for what, name, says in (("scores", "x.npz", "scores are not stored, nor are the weights that they were made of"), ("optimiser", "x.npz", "kept only for an unfinished job"),
                         ("logits@7", "x.npz", "the job has no weights at '7'"), ("gradients@often", "x.npz", "'@often'; allowed: an epoch"), ("logits", "x.npy", "logits are two; take .npz")):
    said = tap.tombola("export", first, dense.id, what, "--output", tap.SCRATCH / name)
    tap.ok(said.returncode == 2 and says in said.stderr and not (tap.SCRATCH / name).exists(), f"{what} to {name} is refused", said.stderr)
said = tap.tombola("export", first, ticket.id, "scores").stderr
tap.ok(f"export STORE {dense.id[:8]} weights@100" in said, "of a ticket: its parent's weights are its scores", said)
nothing = tap.SCRATCH / "nothing.h5"
tap.tombola("run", tap.write("nothing.yaml", SWEEP.format("  - {task: {kind: nothing}, model: mlp, training: none, record: {measures: []}}\n")), "--store", nothing)
said = tap.tombola("export", nothing, tap.query(nothing, "SELECT id FROM jobs WHERE state = 'done' AND epochs = 0")[0][0], "logits").stderr
tap.ok("task nothing has no network" in said, "who has no network has no logits", said)

# --- labels of a split ---
for part in ("train", "test"):
    tap.ok(np.array_equal(split[f"{part}_labels"], split[f"{part}_pairs"].sum(1) % 11), f"the exported {part}_labels are those of the task")


def given(name, **changed):
    np.savez(tap.SCRATCH / name, **{key: value for key, value in {**split, **changed}.items() if value is not None})
    return plan(("a", "adamw", f"split: {{file: {name}}}"))


wrong = split["test_labels"].copy()
wrong[4] = (wrong[4] + 3) % 11
a, b = split["test_pairs"][4]
for name, changed, says in (("right", {}, None), ("bare", {"train_labels": None, "test_labels": None}, None), ("half", {"train_labels": None}, None),
                            ("column", {"train_labels": split["train_labels"][:, None].astype(np.uint8)}, None),
                            ("wrong", {"test_labels": wrong}, f"row 4 of test_labels says {wrong[4]}, but a + b of ({a}, {b}) is {(a + b) % 11}"),
                            ("short", {"train_labels": split["train_labels"][1:]}, f"train_labels must hold one label for each of the {len(split['train_labels'])} rows of train_pairs"),
                            ("text", {"train_labels": split["train_labels"].astype("U3")}, "train_labels")):
    sweep, said = given(f"labels-{name}.npz", **changed)
    line = next(i for i, line in enumerate(sweep.read_text().splitlines(), 1) if "split:" in line)
    if says:
        tap.ok(said.returncode == 2 and says in said.stderr and f"{sweep}:{line}:" in said.stderr and f"labels-{name}.npz" in said.stderr, f"labels-{name}: refused", said.stderr)
    else:
        tap.equal(said.returncode, 0, f"labels-{name}: taken") or print(said.stderr)

# --- labels that a seed draws: those of the job's own seed, or as they were before `corrupt` ---

def drawn(name, task, seed, labels=None):
    """The training labels of a job of that seed, on the split of a file if that is given."""
    more = f", split: {{file: {labels}}}" if labels else ""
    sweep = tap.write(f"{name}.yaml", SWEEP.format(f"  - {{task: {{use: add, {task}}}, model: mlp, training: none, record: {{measures: []}}, seed: {seed}{more}}}\n"))
    store = tap.SCRATCH / f"{name}.h5"
    store.unlink(missing_ok=True)
    said = tap.tombola("run", sweep, "--store", store)
    if said.returncode:
        return None, said.stderr
    job = tap.query(store, "SELECT id FROM jobs")[0][0]
    tap.tombola("export", store, job, "split", "-o", tap.SCRATCH / f"{name}.npz")
    return np.load(tap.SCRATCH / f"{name}.npz")["train_labels"], said.stderr


clean = drawn("clean", "p: 11", 3)[0]
for what, task in ("random labels", "expr: random"), ("corrupted labels", "corrupt: 0.2"):
    first, second = drawn("first", task, 3)[0], drawn("second", task, 4)[0]
    tap.ok(np.array_equal(drawn("again", task, 3, "first.npz")[0], first), f"{what}: the split of a job is taken at its own seed")
    labels, said = drawn("other", task, 4, "first.npz")
    tap.ok(labels is None and "of train_labels says" in said and "first.npz" in said, f"{what}: at another seed they are other labels, which is an error", said)
labels, said = drawn("uncorrupted", "corrupt: 0.2", 3, "clean.npz")
tap.ok(labels is not None and np.array_equal(labels, drawn("first", "corrupt: 0.2", 3)[0]) and (labels != clean).any(), "labels as they were before are taken, and corrupted", said)
tap.ok("after `corrupt` of this seed" in drawn("other", "corrupt: 0.2", 4, "first.npz")[1], "what the labels should be is said")

with h5py.File(tap.SCRATCH / "labels.h5", "w") as f:
    for name, values in {**split, "test_labels": wrong}.items():
        f[f"data/{name}"] = values
sweep, said = plan(("a", "adamw", "split: {file: labels.h5}"))
tap.ok(said.returncode == 2 and "row 4 of test_labels says" in said.stderr, "HDF5, too: refused", said.stderr)
with h5py.File(tap.SCRATCH / "labels.h5", "a") as f:
    del f["data/test_labels"]
tap.equal(plan(("a", "adamw", "split: {file: labels.h5}"))[1].returncode, 0, "and without them: taken")
tap.done()
