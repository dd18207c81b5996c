#!/usr/bin/env python3
"""Drawn data: inputs, answers, teachers, new examples at every step, cropped images, hits and parts of the data, against numpy, which has
the random streams from tests/philox.py; killed runs, ranks and longer jobs keep their bits.
beside: others"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import tap  # noqa: E402
from philox import Stream  # noqa: E402
from store import Store  # noqa: E402

os.chdir(tap.SCRATCH)
SEED = 7
HEAD = """
models:
  mlp: {kind: dense_mlp, layers: 1, d_hidden: 8}
  symbols: {kind: net, net: [embed 4, flatten, dense 8, relu, dense $classes]}
  linear: {kind: net, net: [dense $classes bias=no]}
  images: {kind: net, net: [conv 2, relu, flatten, dense $classes]}
training:
  mse: {loss: mse, epochs: 20}
  exact: {loss: mse, epochs: 3, optimizer: sgd, lr: 0.05, precision: double}
  batches: {loss: mse, epochs: 3, optimizer: sgd, lr: 0.05, precision: double, batch: 30}
  ce: {epochs: 20}
  hinge: {loss: hinge, epochs: 20, precision: double}
  some: {epochs: 30, batch: 16}
record: {eval_every: 5, threshold: 0.6}
"""


def sweep(name, grids, tasks, head=HEAD):
    body = "tasks:\n" + "".join(f"  {task}: {{{text}}}\n" for task, text in tasks.items())
    return tap.write(name, f"name: t\n{body}{head}grids:\n" + "".join(f"  - {{seed: {SEED}, {grid}}}\n" for grid in grids))


def run(name, grids, tasks, ranks=0, **more):
    store = tap.SCRATCH / f"{name}.h5"
    result = tap.tombola("run", sweep(f"{name}.yaml", grids, tasks, **more), "--store", store, ranks=ranks)
    tap.equal(result.returncode, 0, f"{name} is trained") or print(result.stderr)
    return store


def exported(store, where, what):
    job = tap.query(store, f"SELECT id FROM jobs WHERE {where}")[0][0]
    result = tap.tombola("export", store, job, what, "-o", "out.npz", cwd=tap.SCRATCH)
    assert result.returncode == 0, result.stderr
    return dict(np.load("out.npz"))


def near(have, want, name, bound=1e-13):
    want = np.asarray(want)
    off = np.abs(have - want).max() if have.shape == want.shape else f"{have.shape} {want.shape}"
    return tap.ok(have.shape == want.shape and off <= bound, name, off)


# ---- inputs and answers ----

def drawn(form, n, width):
    return lambda name: {"normal": lambda s: s.normal(n, width), "uniform": lambda s: (2 * s.uniform(n, width) - 1) * 2,
                         "bits": lambda s: np.where(s.below(2, n, width), 1.0, -1.0), "zero": lambda s: s.below(2, n, width) * 1.0,
                         "symbols": lambda s: s.below(7, n, width)}[form](Stream(SEED, name))


def sphere(stream, n, width, radius):
    x = Stream(SEED, stream).normal(n, width)
    return x * radius / np.sqrt((x ** 2).sum(1, keepdims=True))


W = sphere("labels/w", 1, 4, 2)[0]
V = (2 * Stream(SEED, "labels/v").uniform(4) - 1)
ANSWERS = {  # task: keys, x of a stream for n examples, y of x, the model and its training
    "product": ('x: normal 5, y: "x[0]*x[1]*x[2]"', lambda n, s: drawn("normal", n, 5)(s), lambda x: x[:, 0] * x[:, 1] * x[:, 2], "mlp", "mse"),
    "vector": ('x: normal 3 0.5, y: "tanh(2*x) + x[0]^2"', lambda n, s: drawn("normal", n, 3)(s) * 0.5, lambda x: np.tanh(2 * x) + x[:, :1] ** 2, "mlp", "mse"),
    "linear": ('x: uniform 4 2, where: {w: sphere 4 2, v: uniform 4}, y: "dot(x, w) + 1 if sum(x*v) > 0 else norm(x)"', lambda n, s: drawn("uniform", n, 4)(s),
               lambda x: np.where((x * V).sum(1) > 0, x @ W + 1, np.sqrt((x ** 2).sum(1))), "mlp", "mse"),
    "sphere": ('x: sphere 3 2, y: "max(x) - min(x)"', lambda n, s: sphere(s, n, 3, 2), lambda x: x.max(1) - x.min(1), "mlp", "mse"),
    "zero_one": ('x: bits 9 0 1, y: "sum(x) > 4"', lambda n, s: drawn("zero", n, 9)(s), lambda x: x.sum(1) > 4, "mlp", "ce"),
    "largest": ('x: normal 5, y: argmax(x), classes: 5', lambda n, s: drawn("normal", n, 5)(s), lambda x: x.argmax(1), "mlp", "ce"),
    "sum": ('x: one of 7 times 3, y: "(x[0] + x[1]*x[2]) % 7", classes: 7', lambda n, s: drawn("symbols", n, 3)(s), lambda x: (x[:, 0] + x[:, 1] * x[:, 2]) % 7, "symbols", "ce"),
}
store = run("answers", [f"task: {task}, model: {model}, training: {training}" for task, (_, _, _, model, training) in ANSWERS.items()],
            {task: f"kind: draw, train: 90, test: 40, {keys}" for task, (keys, *_) in ANSWERS.items()})
for task, (keys, x_of, y_of, *_) in ANSWERS.items():
    formula = keys.split("y: ")[1].split(", classes")[0].strip('"')
    data = exported(store, f"replace(task_y, ' ', '') = '{formula.replace(' ', '')}'", "data")
    for part, n in ("train", 90), ("test", 40):
        x, y = data[f"x_{part}"], data[f"y_{part}"]
        near(x, x_of(n, f"split/{part}"), f"{task}: x of {part}")
        near(y.reshape(n, -1).astype(float), y_of(x).reshape(n, -1).astype(float), f"{task}: y of {part}")

# ---- parity is a name ----

store = run("parity", ["task: [line, name], model: mlp, training: [hinge], control: [dense, ticket], t: final, k: 0.5"],
            {"line": 'kind: draw, x: bits 20, y: "product(x[0:3]) > 0", classes: 1, train: 150, test: 60', "name": "kind: parity, n: 20, k: 3, n_train: 150, n_test: 60"})
rows = {}
with h5py.File(store, "r") as f:
    for row in f["jobs"][:f["control"]["rows"][0]]:
        rows[row["task_kind"], row["control"]] = digest.family_of(f, row)["checkpoints"][int(row["family_row"])].tobytes()
tap.ok(len(rows) == 4 and all(rows[b"draw", control] == rows[b"parity", control] for control in (b"dense", b"ticket")), "parity is the line that it says it is, to the bit", rows.keys())
split = exported(store, "task_kind = 'draw' AND control = 'dense'", "split")
np.savez("given.npz", **{k: v[::-1] for k, v in split.items()})
store = run("given", ["task: line, model: mlp, training: hinge, split: {file: given.npz}"], {"line": 'kind: draw, x: bits 20, y: "product(x[0:3]) > 0", classes: 1, train: 150, test: 60'})
data = exported(store, "1", "data")
tap.ok(np.array_equal(data["x_train"], split["train_pairs"][::-1]) and np.array_equal(data["y_train"], split["train_labels"][::-1]), "a split of bits from a file")

# ---- teachers ----

def teacher(widths):
    """Weights of [dense A, tanh, dense B], as model net draws them, in float."""
    out = []
    for i, (inputs, units) in enumerate(zip(widths, widths[1:]), 1):
        for name, shape in ("W", (units, inputs)), ("b", (units,)):
            out.append((((2 * Stream(SEED, f"labels/teacher/dense{i}.{name}").uniform(*shape) - 1) / np.sqrt(inputs)).astype("f4")).astype(float))
    return out


def answers(x, w):
    return np.tanh(x @ w[0].T + w[1]) @ w[2].T + w[3]


W1 = teacher((5, 10, 3))
TEACHERS = {"targets": "kind: draw, x: normal 5, teacher: [dense 10, tanh, dense 3], train: 1500, test: 40",
            "labels": "kind: draw, x: normal 5, teacher: [dense 10, tanh, dense $classes], classes: 3, train: 90, test: 40",
            "sign": "kind: draw, x: normal 5, teacher: [dense 10, tanh, dense 1], classes: 1, train: 90, test: 40"}
store = run("teachers", ["task: targets, model: mlp, training: mse", "task: labels, model: mlp, training: ce", "task: sign, model: mlp, training: hinge"], TEACHERS)
data = exported(store, "task_classes = 0", "data")
near(data["y_train"], answers(data["x_train"], W1), "a teacher's outputs, training", 1e-6)
near(data["y_test"], answers(data["x_test"], W1), "and test", 1e-6)
data = exported(store, "task_classes = 3", "data")
tap.ok(np.array_equal(data["y_train"], answers(data["x_train"], W1).argmax(1)), "the largest is the label")
data = exported(store, "task_classes = 1", "data")
tap.ok(np.array_equal(data["y_train"], answers(data["x_train"], teacher((5, 10, 1)))[:, 0] > 0), "or the sign of the only one")

# ---- hit ----

for hit, right in ("abs(y - target) < 0.3", lambda y, t: (np.abs(y - t) < 0.3).all(1)), ("max(abs(y - target)) < 0.4 or y[0] > 0", lambda y, t: (np.abs(y - t).max(1) < 0.4) | (y[:, 0] > 0)):
    store = run(f"hits{len(hit)}", ["task: t, model: mlp, training: mse, control: [dense, ticket], t: gen, k: 0.3, training.lr: 0.01, record: {measures: [accuracy_change]}"],
                {"t": f'kind: draw, x: normal 5, teacher: [dense 10, tanh, dense 3], train: 90, test: 40, hit: "{hit}"'})
    data, logits = exported(store, "control = 'dense'", "data"), exported(store, "control = 'dense'", "logits@final")
    row = tap.query(store, "SELECT train_accuracy, test_accuracy, t_gen, threshold FROM jobs WHERE control = 'dense'")[0]
    for part, have in zip(("train", "test"), row):
        near(np.asarray(have), right(logits[f"{part}_logits"], data[f"y_{part}"]).mean(), f"{hit}: accuracy of {part}", 1e-9)
    first = tap.query(store, "SELECT min(epoch) FROM series JOIN jobs ON job = id WHERE control = 'dense' AND name = 'test_accuracy' AND value > 0.6")[0][0]
    tap.equal((row[2], row[3]), (first, 0.6), "t_gen is by it, and by the threshold")
    tap.equal(tap.query(store, "SELECT count(value) > 0 FROM measures WHERE measure = 'accuracy_change'")[0][0], 1, "measures know it")

# ---- new examples at every step ----

def stepped(task, training, examples, lr=0.05):
    """The weights of a linear network after some steps on what examples(step) gives."""
    store = run(f"{task}-{training}", [f"task: t, model: linear, training: {training}"], {"t": FRESH[task]})
    first, last = (exported(store, "1", f"weights@{t}")["dense1.W"] for t in (0, "final"))
    w, step = first, 0
    for batch in examples:
        x, y = batch(step)
        w = w - lr * 2 * (x @ w.T - y).T @ x / y.size
        step += 1
    near(last, w, f"{task}, {training}: {step} steps on other examples each", 1e-12)
    return store, last


FRESH = {"formula": "kind: draw, x: normal 5, where: {w: normal 5}, y: 'dot(x, w)', train: 100, test: 50, fresh: true",
         "teacher": "kind: draw, x: normal 5, teacher: [dense 10, tanh, dense 3], train: 100, test: 50, fresh: true"}
TRUE = Stream(SEED, "labels/w").normal(5)
ANSWER = {"formula": lambda x: (x @ TRUE)[:, None], "teacher": lambda x: answers(x, W1)}
for task in FRESH:
    def some(n, task=task):
        def batch(step):
            x = Stream(SEED, f"fresh/{step}").normal(n, 5)
            return x, ANSWER[task](x)
        return batch
    store, last = stepped(task, "exact", [some(100)] * 3)
    data = exported(store, "1", "data")
    near(np.asarray(tap.query(store, "SELECT train_loss FROM jobs")[0][0]), ((data["x_train"] @ last.T - data["y_train"]) ** 2).mean(), "training loss is that of examples drawn once", 1e-6)
    stepped(task, "batches", [some(n) for n in (30, 30, 30, 10)] * 3)

# ---- images ----

rng = np.random.default_rng(3)
IMAGES = {"x_train": rng.integers(0, 256, (40, 2, 5, 4), "u1"), "y_train": rng.integers(0, 3, 40, "u1"), "x_test": rng.integers(0, 256, (9, 2, 5, 4), "u1"), "y_test": rng.integers(0, 3, 9, "u1")}
np.savez("images.npz", **IMAGES)
KEYS = "kind: arrays, file: images.npz, x: image 2 5 4"
X = IMAGES["x_train"].astype(float)
MEAN, DEVIATION = X.mean((0, 2, 3), keepdims=True), X.std((0, 2, 3), keepdims=True)
for keys, scaled, crop, flip in ("scale: unit, augment: [crop 2, flip]", X / 255, 2, True), ("scale: standard, augment: [crop 1]", (X - MEAN) / DEVIATION, 1, False), ("augment: [flip]", X, 0, True):
    store = run(f"augment{len(keys)}", ["task: t, model: linear, training: exact, training.lr: 1e-6"], {"t": f"{KEYS}, {keys}"})
    first, last = (exported(store, "1", f"weights@{t}")["dense1.W"] for t in (0, "final"))
    edge = (0 - MEAN) / DEVIATION if "standard" in keys else np.zeros((1, 2, 1, 1))
    w, moved = first, 0
    for step in range(3):
        draws = iter(Stream(SEED, f"augment/{step}").u64(200))
        x = np.empty_like(scaled)
        for i, image in enumerate(scaled):
            down, right = int(next(draws)) % (2 * crop + 1), int(next(draws)) % (2 * crop + 1)
            wide = np.broadcast_to(edge[0], (2, 5 + 2 * crop, 4 + 2 * crop)).copy()
            wide[:, crop:crop + 5, crop:crop + 4] = image
            x[i] = wide[:, down:down + 5, right:right + 4]
            if flip and int(next(draws)) % 2:
                x[i] = x[i][:, :, ::-1]
        moved += not np.array_equal(x, scaled)
        x, y = x.reshape(40, -1), np.eye(3)[IMAGES["y_train"]]
        w = w - 1e-6 * 2 * (x @ w.T - y).T @ x / y.size
    near(last, w, f"{keys}: three steps on moved images", 1e-12)
    tap.equal(moved, 3, "which were others each time")
    z = scaled.reshape(40, -1) @ last.T
    near(np.asarray(tap.query(store, "SELECT train_loss FROM jobs")[0][0]), ((z - np.eye(3)[IMAGES["y_train"]]) ** 2).mean(), "evaluations see them as they are", 1e-5)

# ---- parts of the data ----

PARTS = ["clean", "corrupted", "restored"]
TASKS = {"add": "kind: modular, expr: a + b, p: 11, train: 40, corrupt: 0.3", "bits": 'kind: draw, x: bits 9, y: "sum(x) > 0", train: 60, test: 30, corrupt: 0.2'}
MODELS = {"add": "model: symbols, training: [ce, some]", "bits": "model: mlp, training: [ce, some]"}
store = run("parts", [f"task: {task}, {MODELS[task]}, control: [dense, ticket], t: final, k: 0.5" for task in TASKS], TASKS, ranks=2)
clean = run("clean", [f"task: {task}, {MODELS[task]}" for task in TASKS], {task: text.split(", corrupt")[0] for task, text in TASKS.items()})
with h5py.File(store, "r") as f:
    for group in f["families"].values():
        for name in "part_loss", "part_accuracy":
            have = group[f"series/{name}"]
            tap.equal((have.attrs["labels"].decode() if isinstance(have.attrs["labels"], bytes) else have.attrs["labels"], have.shape[2]), (",".join(PARTS), 3), f"{name} of {group.name}")
for (task, batch), (job, own, train) in {("add", "0"): (None, 40, 12), ("add", "16"): (None, 40, 12), ("bits", "0"): (None, 60, 12), ("bits", "16"): (None, 60, 12)}.items():
    where = f"task_kind = '{'modular' if task == 'add' else 'draw'}' AND training_batch = {batch} AND control = 'dense'"
    labels, right = (exported(s, where, "data")["y_train"] for s in (store, clean))
    logits = exported(store, where, "logits@final")["train_logits"]
    replaced = labels != right
    tap.equal(int(replaced.sum()), train, f"{task}: so many labels are replaced")
    loss = np.log(np.exp(logits).sum(1))
    for part, rows, by in zip(PARTS, (~replaced, replaced, replaced), (labels, labels, right)):
        want = [(logits.argmax(1) == by)[rows].mean(), (loss - logits[np.arange(own), by])[rows].mean()]
        have = tap.query(store, f"SELECT name, value FROM series JOIN jobs ON job = id WHERE {where} AND part = '{part}' AND epoch = epochs ORDER BY name")
        tap.equal([name for name, _ in have], ["part_accuracy", "part_loss"], f"{task}, {batch}: curves of {part}")
        near(np.asarray([value for _, value in have]), want, f"{task}, {batch}: accuracy and loss of {part}", 1e-5)
    curves = tap.query(store, f"SELECT epoch, name, part, value FROM series JOIN jobs ON job = id WHERE {where} AND name LIKE '%a%_accuracy'")
    curve = {(epoch, part or name): value for epoch, name, part, value in curves}
    epochs = sorted({epoch for epoch, *_ in curves})
    share = train / own
    near(np.asarray([curve[e, "train_accuracy"] for e in epochs]), [(1 - share) * curve[e, "clean"] + share * curve[e, "corrupted"] for e in epochs],
         f"{task}, {batch}: clean and corrupted make the whole, at {len(epochs)} evaluations", 1e-9)
tap.equal(tap.query(clean, "SELECT count(*) FROM series WHERE part <> ''"), [[0]], "data that have no parts have no such curves")

job = tap.query(store, "SELECT id FROM jobs WHERE task_kind = 'modular' AND training_batch = 0 AND control = 'dense'")[0][0]
shown = tap.tombola("show", store, job).stdout.split("parts of the data")[1].splitlines()[1:7]
last = {(name, part): value for name, part, value in tap.query(store, f"SELECT name, part, value FROM series JOIN jobs ON job = id WHERE id = '{job}' AND epoch = epochs AND part <> ''")}
tap.equal([line.split() for line in shown[::2]], [[part, "loss", f"{last['part_loss', part]:.4g},", "accuracy", f"{last['part_accuracy', part]:.4g}"] for part in PARTS], "show has them")
with Store(store) as s, Store(clean) as other:
    frame, series = s.parts(s.job(job)), s.series(s.job(job))
    tap.ok({(name[5:], part): value for (name, part), value in last.items()} == frame.iloc[-1].to_dict() and frame.index.equals(series.index), "Store.parts has them")
    tap.equal([len(other.parts(row).columns) for _, row in other.jobs().iterrows()], [0] * 4, "or nothing, where there are none")
result = subprocess.run([sys.executable, tap.ROOT / "analysis/curves.py", store, "-o", "parts.svg"], capture_output=True, text=True, check=False, cwd=tap.SCRATCH, env=dict(os.environ, MPLCONFIGDIR=str(tap.SCRATCH)))
figure = open("parts.svg", encoding="utf-8").read() if result.returncode == 0 else result.stderr
tap.ok(all(f"<!-- {part} -->" in figure for part in PARTS), "and the figure names them", figure[-500:])

# ---- what goes out comes in ----

store = run("out", ["task: t, model: mlp, training: [mse, batches]"], {"t": "kind: draw, x: normal 5, teacher: [dense 10, tanh, dense 3], train: 90, test: 40"})
np.savez("own.npz", **exported(store, "training_batch = 0", "data"))
again = run("in", ["task: t, model: mlp, training: [mse, batches]"], {"t": "kind: arrays, file: own.npz, y: numbers"})
LOSSES = "SELECT train_loss, test_loss FROM jobs ORDER BY training_batch"
tap.equal(tap.query(again, LOSSES), tap.query(store, LOSSES), "task arrays takes what `export data` writes: the same losses to the bit")

# ---- what only some examples show ----

for key, y, says in ("classes: 4, ", "4 if sum(1 if x > 0.97 else 0) == 2 else 1", "'y' is 4 of example"), ("", "1/(1 if x[0] + x[1] < 1.95 else 0)", "'y' is inf of example"):
    file = sweep("late.yaml", ["task: t, model: mlp, training: " + ("ce" if key else "mse")], {"t": f'kind: draw, x: uniform 2, {key}y: "{y}", train: 30000, test: 5'})
    result = tap.tombola("run", file, "--store", tap.SCRATCH / f"late{len(key)}.h5")
    error = tap.query(tap.SCRATCH / f"late{len(key)}.h5", "SELECT error FROM jobs")[0][0]
    tap.ok(result.returncode == 3 and says in error, "a job fails where an answer is none", error)

# ---- kills, ranks, longer jobs ----

ALL = {"fresh": "kind: draw, x: normal 5, teacher: [dense 10, tanh, dense 3], train: 60, test: 50, fresh: true", "images": f"{KEYS}, scale: standard, augment: [crop 1, flip]",
       "corrupt": TASKS["bits"], "hit": 'kind: draw, x: normal 3, y: "x[0]*x[1]", train: 60, test: 50, hit: "abs(y - target) < 0.1"'}


def lasting(name, epochs, ranks=0, only=False, ends="all"):
    head = HEAD.replace("epochs: 30, batch: 16", f"epochs: {epochs}, batch: 16").replace("loss: mse, epochs: 20", f"loss: mse, epochs: {epochs}").replace("eval_every: 5", "eval_every: 50")
    grids = ["task: [images, corrupt], model: mlp, training: [some], control: [dense, ticket], t: 100, k: 0.5", "task: [fresh, hit], model: mlp, training: mse, control: [dense, ticket], t: 100, k: 0.5",
             "task: fresh, model: mlp, training: mse, training.batch: 25", "task: images, model: images, training: some"]
    file = sweep(f"{name}.yaml", grids, ALL, head=head + f"checkpoint: {{end_state: {ends}, every: 100}}\n")
    return file if only else run_file(file, name, ranks)


def run_file(file, name, ranks):
    store = tap.SCRATCH / f"{name}.h5"
    result = tap.tombola("run", file, "--store", store, ranks=ranks)
    tap.equal(result.returncode, 0, f"{file.name} is trained") or print(result.stderr)
    return store


whole = lasting("whole", 3000)
four = lasting("four", 3000, ranks=4)
found = digest.differences(whole, four)
tap.ok(not found, "the same bits on four ranks", "\n".join(found))
digest.survives(lasting("killed", 3000, only=True), whole, tap.SCRATCH / "killed.h5", [2, 4, 7])
short = lasting("longer", 400)
result = tap.tombola("run", lasting("longer2", 3000, only=True), "--store", short, "--verbose")
tap.ok(result.returncode == 0 and "goes on from the end of job" in result.stderr + result.stdout, "a longer run goes on from a shorter one", result.stderr)
a, b = digest.jobs(whole), digest.jobs(short)
found = [f"{job[:8]} {key}: {a[job][key]} / {b[job].get(key)}" for job in a for key in a[job] if a[job][key] != b.get(job, {}).get(key)]
tap.ok(a and not found, "with the bits of one at once", "\n".join(found))

tap.done()
