#!/usr/bin/env python3
"""Networks that are lists: logits and gradients of every operation against an interpreter of their own in numpy; a list with
every operation that trains is trained by every optimiser, pruned by every control, killed and resumed to the same bits.
timeout: 400
beside: others"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import numpy_net  # noqa: E402
import seal  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import yaml  # noqa: E402

LISTS = yaml.safe_load((tap.ROOT / "tests/net/small.yaml").read_text())
LAYOUTS = {2: "[a, b]", 3: "[a, op, b]", 4: "[a, op, b, eq]", 6: "[eos, a, op, b, eq, eos]"}
SPECIAL = {2: 0, 3: 1, 4: 2, 6: 3}
rng = np.random.default_rng(1)


IMAGES = {}  # of each list: what is in its file


def images(name, size):
    n, path = 40, tap.SCRATCH / f"{name}.npz"
    IMAGES[name] = rng.normal(size=(n, *size)), np.arange(n) % 10
    np.savez(path, x_train=IMAGES[name][0], y_train=IMAGES[name][1], x_test=rng.normal(size=(12, *size)), y_test=np.arange(12) % 10)
    return path


def task_of(name, x):
    """The task in YAML, and how many symbols there are."""
    word, *size = x.split()
    if word == "tokens":
        n = int(size[0])
        return f"{{kind: modular, expr: a + b, p: 7, pairs: ordered, train_fraction: 0.5, layout: {LAYOUTS[n]}}}", 7 + SPECIAL[n]
    if word == "numbers":
        return f"{{kind: parity, n: {size[0]}, k: 2, n_train: 20, n_test: 8}}", 0
    return f"{{kind: arrays, file: {images(name, tuple(map(int, size)))}, x: {x}, y: labels 10}}", 0


def sweep(names, more=""):
    text = ["name: nets", "checkpoint: {at: [3]}", "tasks:"]
    tasks = {n: task_of(n, LISTS[n]["x"]) for n in names}
    text += [f"  {n}: {tasks[n][0]}" for n in names] + ["models:"]
    text += [f"  {n}: {{kind: net, net: {yaml.dump(LISTS[n]['net'], default_flow_style=True, width=10 ** 6).strip()}}}" for n in names]
    text += ["training:", "  still: {optimizer: sgd, lr: 0.5, epochs: 3, precision: double}",
             "  sign: {use: still, loss: binary_cross_entropy}", "grids:"]
    for n in names:
        loss = "sign" if LISTS[n]["x"].startswith("numbers") else "still"
        text.append(f"  - {{name: {n}, task: {n}, model: {n}, training: {loss}, mirrors: accept{more}}}")
    return tap.write("nets.yaml", "\n".join(text) + "\n"), {n: tasks[n][1] for n in names}


def exported(store, job, what):
    out = tap.SCRATCH / "nets.npz"
    result = tap.tombola("export", store, job, what, "-o", out)
    assert result.returncode == 0, result.stderr
    return dict(np.load(out))


def slope_of(labels):
    def slope(f):
        n = len(labels)
        if f.shape[1] == 1:
            y = 2.0 * labels[:, None] - 1
            return -y / (1 + np.exp(f * y)) / n
        p = np.exp(f - f.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        p[np.arange(n), labels] -= 1
        return p / n
    return slope


# No task gives twenty symbols.
names = [n for n in LISTS if not LISTS[n]["x"].startswith("tokens 20")]
file, symbols = sweep(names)
store = tap.SCRATCH / "nets.h5"
run = tap.tombola("run", file, "--store", store)
tap.equal(run.returncode, 0, "every list is trained") or print(run.stderr)
rows = tap.tombola("query", store, "select id, model from jobs", "--format", "csv")
for line in rows.stdout.splitlines()[1:]:
    job, name = line.split(",")[:2]
    weights, gradients = exported(store, job, "weights@3"), exported(store, job, "gradients@3")
    have = exported(store, job, "logits@3")["train_logits"]
    if name in IMAGES:
        x, labels = IMAGES[name]
    else:
        split = exported(store, job, "split")
        x, labels = split["train_pairs"], split["train_labels"]
    want, slopes = numpy_net.run(LISTS[name]["net"], weights, x, slope_of(labels), symbols[name], classes=have.shape[1])
    if name in IMAGES:  # in whatever order they are trained on
        have, want = (a[np.lexsort(a.T.round(6))] for a in (have, want))
    far = np.abs(want - have).max() / np.abs(want).max()
    size = max(np.abs(g).max() for g in slopes.values())
    off = {n: np.abs(gradients[n] - slopes[n]).max() / size for n in slopes}
    tap.ok(far < 1e-9, f"{name}: logits", far)
    tap.ok(set(gradients) == set(slopes) and max(off.values()) < 1e-9, f"{name}: gradients of {len(off)} tensors", off)

# A step of training normalises by its own examples, and remembers their means.
batched = [n for n in names if "norm batch" in str(LISTS[n])]
file, symbols = sweep(batched)
store = tap.SCRATCH / "batched.h5"
file.write_text(file.read_text().replace("at: [3]", "at: [1, 2]"))
run = tap.tombola("run", file, "--store", store)
tap.equal(run.returncode, 0, "lists with norm batch are trained") or print(run.stderr)
for job, name in tap.query(store, "SELECT id, model FROM jobs"):
    if name in IMAGES:
        x, labels = IMAGES[name]
    else:
        split = exported(store, job, "split")
        x, labels = split["train_pairs"], split["train_labels"]
    rate = 0.5
    for epoch in (0, 1, 2):
        weights, after = exported(store, job, f"weights@{epoch}"), exported(store, job, f"weights@{epoch + 1}")
        kept = {}
        _, slopes = numpy_net.run(LISTS[name]["net"], weights, x, slope_of(labels), symbols[name], kept)
        want = {n: weights[n] - rate * slopes[n] for n in weights} | kept
        off = {n: np.abs(after[n] - want[n]).max() for n in weights}
        tap.ok(kept and max(off.values()) < 1e-12, f"{name}: step {epoch + 1}, of {len(off)} tensors, {len(kept)} remembered", off)

# Scores of initial weights are of the network that an evaluation sees, and no mask removes what is remembered.
file, symbols = sweep(["batch_rows"], ", control: [snip, grasp, synflow], k: 0.5")
store = tap.SCRATCH / "scored.h5"
run = tap.tombola("run", file, "--store", store)
tap.equal(run.returncode, 0, "snip, grasp and synflow of norm batch") or print(run.stderr)
for job, control in tap.query(store, "SELECT id, control FROM jobs"):
    mask = exported(store, job, "mask")
    tap.ok(all(v.all() for n, v in mask.items() if not n.endswith(".W")) and sum((~v.astype(bool)).sum() for v in mask.values()) > 100,
           f"{control} removes weights alone", {n: v.mean() for n, v in mask.items()})
    if control != "snip":
        continue
    split, after = exported(store, job, "split"), exported(store, job, "weights@3")
    tap.ok(all(np.abs(after[n] - (1 if n.endswith("variance") else 0)).max() > 1e-3 for n in after if n.endswith((".mean", ".variance"))), "which is trained on")
    dense = tap.SCRATCH / "batched.h5"
    initial = exported(dense, tap.query(dense, "SELECT id FROM jobs WHERE model = 'batch_rows'")[0][0], "weights@0")
    x, labels = split["train_pairs"], split["train_labels"]
    _, slopes = numpy_net.run(LISTS["batch_rows"]["net"], initial, x, slope_of(labels), 0)
    scores = {n: np.abs(initial[n] * slopes[n]) for n in initial if n.endswith(".W")}
    cut = np.median(np.concatenate([s.ravel() for s in scores.values()]))
    off = sum(((s > cut) != mask[n].astype(bool)).sum() for n, s in scores.items())
    tap.ok(off <= 2, "and are those of numpy in an evaluation", off)

# Who cannot tell (a, b) from (b, a), of data that have both.
MIRRORS = """
tasks:
  minus: {{kind: modular, expr: a - b, p: 11, pairs: {pairs}, layout: {layout}{more}}}
models: {{m: {{kind: net, net: {net}}}}}
training: {{t: {{epochs: 1}}}}
grids: [{{task: minus, model: m, training: t}}]
"""
BLIND = ["[embed 8, {sum: [[at 0], [at 1]]}, dense 12, relu, dense $classes]", "[embed 8, mean, dense 12, relu, dense $classes]",
         "[embed 8, {residual: [attention mask=none]}, mean, dense $classes]", "[embed 8, {product: [[at 0], [at 1]]}, dense $classes]",
         "[embed 8, norm batch, tanh, mean, dense $classes]", "[embed 8, positions, mean, relu, dense $classes]"]
SEES = ["[embed 8, positions, relu, mean, dense $classes]", "[embed 8, flatten, dense $classes]", "[embed 8, lstm 5, dense $classes]",
        "[embed 8, positions, {residual: [attention mask=none]}, mean, relu, dense $classes]", "[embed 8, {residual: [attention]}, at last, dense $classes]",
        "[embed 4, flatten, {repeat: 60, net: [dense 3, tanh]}, dense $classes]", "[embed 4, flatten, {repeat: 12, net: [dense 4, relu]}, dense $classes]",
        "[embed 4, flatten, dense 1, relu, dense $classes]", "[embed 4, flatten, {repeat: 40, net: [dense 5, sigmoid]}, dense $classes]",
        "[{sum: [[at 0, embed 6], [at 1, embed 6]]}, relu, dense $classes]", "[onehot, flatten, dense 9, relu, dense $classes]"]
for net, layout, pairs, more, refused in (
        [(n, "[a, b]", "ordered", "", True) for n in BLIND] + [(n, "[a, b]", "ordered", "", False) for n in SEES] +
        [(BLIND[0], "[a, b]", "unordered", "", False), (BLIND[1], "[a, op, b, eq]", "ordered", "", True), (BLIND[1], "[a, op, b, eq]", "ordered", ", apart: true", False),
         ("[embed 8, {residual: [attention]}, at last, relu, dense $classes]", "[a, op, b, eq]", "ordered", "", True),
         ("[embed 8, {repeat: 2, net: [{residual: [attention]}]}, at last, relu, dense $classes]", "[a, op, b, eq]", "ordered", "", False)]):
    plan = tap.tombola("plan", tap.write("mirrors.yaml", MIRRORS.format(net=net, layout=layout, pairs=pairs, more=more)))
    tap.ok(plan.returncode == (2 if refused else 0) and ("(a, b) is (b, a) to it" in plan.stderr) == refused,
           f"{net} on {pairs} {layout}{more}: {'refused' if refused else 'planned'}", plan.stderr)

# A tied tensor is another: the same job as the list that says so itself; patterns tie blocks.
TIED = """
tasks: {add: {kind: modular, expr: a + b, p: 7, pairs: ordered}}
models:
  list: {kind: net, net: [embed 8, positions, {repeat: 2, net: [{residual: [dense 8, tanh]}]}, at last, dense $classes, {tied: {dense1.W: embed1.E, repeat1.2.residual1.dense1.W: repeat1.1.residual1.dense1.W, repeat1.2.residual1.dense1.b: repeat1.1.residual1.dense1.b}}]}
  rules: {kind: net, net: [embed 8, positions, {repeat: 2, net: [{residual: [dense 8, tanh]}]}, at last, dense $classes], tensors: {"repeat1.2.*": {tied: "repeat1.1.*"}, dense1.W: {tied: embed1.E}}}
training: {t: {optimizer: sgd, lr: 0.5, epochs: 5, precision: double}}
checkpoint: {every: 5}
grids:
  - {name: one, task: add, training: t, model: list, control: [dense, ticket, reinit], t: final, k: 0.5}
  - {name: two, task: add, training: t, model: rules, control: [dense, ticket, reinit], t: final, k: 0.5}
"""
store = tap.SCRATCH / "tied.h5"
run = tap.tombola("run", tap.write("tied.yaml", TIED), "--store", store)
rows = tap.query(store, "SELECT id FROM jobs WHERE control = 'dense'")
tap.ok(run.returncode == 0 and len(rows) == 1, "two ways to tie are one job", run.stderr)
have = exported(store, rows[0][0], "weights@5")
tap.equal(sorted(have), ["dense1.b", "embed1.E", "positions1.P", "repeat1.1.residual1.dense1.W", "repeat1.1.residual1.dense1.b"], "a tied tensor is there once")

# The README's network, of other widths and for a short time.
example = next(b for b in re.findall(r"```yaml\n(.*?)```", (tap.ROOT / "README.md").read_text(), re.S) if b.startswith("name: decoder"))
plan = tap.tombola("plan", tap.write("decoder.yaml", example), "--json")
tap.ok(plan.returncode == 0 and json.loads(plan.stdout)["jobs"] == 4, "the README's example is planned", plan.stderr)
layers = tap.tombola("plan", tap.SCRATCH / "decoder.yaml", "--verbose").stdout
flop = re.search(r"products of an epoch: at most ([\d.]+) MFLOP, of ([\d.]+) if", layers)
tap.ok(flop and float(flop[1]) < 0.6 * float(flop[2]) and "repeat1.2.residual2.dense1" in layers,
       "--verbose counts its operations: what depends on one symbol is computed once for it", layers)
short = re.sub(r"epochs: \d+", "epochs: 2", re.sub(r"model.d: \[.*?\]", "model.d: [8, 12]", example))
store = tap.SCRATCH / "decoder.h5"
run = tap.tombola("run", tap.write("short.yaml", short), "--store", store)
tap.equal(run.returncode, 0, "and trained") or print(run.stderr)
rows = tap.query(store, "SELECT model_net, count(*) FROM jobs GROUP BY 1")
tap.ok(len(rows) == 2 and {r[1] for r in rows} == {2}, "each width is a network of its own, with a ticket", rows)

stepped = tap.tombola("plan", tap.write("stepped.yaml", re.sub(r"model.d: \[.*?\]", "model.d: {from: 8, to: 16, step: 4}", example)), "--verbose").stdout
tap.ok("model.d: 8, 12, 16" in stepped, "a key of the user's own is an axis as a range, too", stepped)
for what, said in (("{from: 8, to: 9, step: 0}", "'step' is 0; a range must move"), ("{from: a, to: 9, step: 1}", "'from' must be a number, not 'a'")):
    wrong = tap.tombola("plan", tap.write("stepped.yaml", re.sub(r"model.d: \[.*?\]", "model.d: " + what, example))).stderr
    tap.ok(said in wrong, "and held to what a range is", wrong)

# What was begun in another order of its sums begins anew, and says so.
LONG = re.sub(r"epochs: \d+", "epochs: 1000000", short).replace("control: [dense, ticket]", "control: dense")
store, file = tap.SCRATCH / "begun.h5", tap.write("begun.yaml", LONG)
tap.equal(tap.tombola("run", file, "--store", store, "--time-left", "3").returncode, 75, "a long run stops")
VERSION = int(re.search(r"NET_PLAN_VERSION\D+(\d+)", (tap.ROOT / "include/net/plan.h").read_text()).group(1))
begun = tap.query(store, "SELECT id, plan_version, plan_hash, epochs_done FROM jobs WHERE epochs_done > 0")
tap.ok(begun and all(r[1] == VERSION and r[2] for r in begun), "a row says by which plan", begun)
again = tap.tombola("run", file, "--store", store, "--time-left", "3").stderr
tap.ok("begins anew" not in again, "the same program goes on", again)
with h5py.File(store, "r+") as f:
    lines, at = seal.move(f["jobs"], len(f["jobs"])), f["jobs"].dtype.fields["plan_hash"][1]
    for line in lines:
        seal.words(line, at)[0] += 1
    seal.move(f["jobs"], len(lines), lines)
seal.seal(store)
again = tap.tombola("run", file, "--store", store, "--time-left", "3").stderr
tap.ok("was begun by another version of this program, which computed its network in another order: it begins anew" in again,
       "another plan does not", again)
tap.ok({r[0]: r[1] for r in tap.query(store, "SELECT id, plan_hash FROM jobs WHERE epochs_done > 0")}.items() <= {r[0]: r[2] for r in begun}.items(),
       "and the row has the plan of this one")

# A split of laid-out examples goes out and comes in; one that is laid out otherwise does not.
LAID = """
tasks: {{add: {{kind: modular, expr: a + b, p: 7, pairs: ordered, layout: [a, op, b, eq], apart: true}}}}
models: {{m: {{kind: net, net: [embed 4, flatten, dense $classes]}}}}
training: {{t: {{epochs: 1}}}}
grids: [{{task: add, model: m, training: t{}}}]
"""
store = tap.SCRATCH / "laid.h5"
tap.equal(tap.tombola("run", tap.write("laid.yaml", LAID.format("")), "--store", store).returncode, 0, "examples that are laid out")
split = exported(store, tap.query(store, "SELECT id FROM jobs")[0][0], "split")
x, y = split["train_pairs"], split["train_labels"]
tap.ok((x[:, 1] == 14).all() and (x[:, 3] == 15).all() and ((x[:, 0] + x[:, 2] - 7) % 7 == y).all() and x[:, 2].min() >= 7,
       "op and eq come behind the symbols, b has symbols of its own", x[:5])
np.savez(tap.SCRATCH / "good.npz", **split)
np.savez(tap.SCRATCH / "bad.npz", **{**split, "train_pairs": x[:, [0, 3, 2, 1]]})
good, bad = (tap.tombola("plan", tap.write("laid.yaml", LAID.format(f", split: {{file: {name}.npz}}"))) for name in ("good", "bad"))
tap.equal(good.returncode, 0, "a split with its layout is taken") or print(good.stderr)
tap.ok("training example 0 of the given split is not laid out as [a,op,b,eq]" in bad.stderr, "and no other", bad.stderr)

# Handwritten digits are pictures to a convolution, and numbers to a dense layer.
(tap.SCRATCH / "digits").mkdir(exist_ok=True)
digits = {f"x_{part}": rng.integers(0, 256, (n, 8, 8)).astype("u1") for part, n in (("train", 40), ("test", 12))}
np.savez(tap.SCRATCH / "digits/mnist.npz", **digits, y_train=np.arange(40, dtype="u1") % 10, y_test=np.arange(12, dtype="u1") % 10)
DIGITS = """
tasks: {digits: {kind: mnist, folder: digits, train: 40, test: 12}}
models: {seen: {kind: net, net: [conv 4, relu, maxpool 2, flatten, dense $classes]}, row: {kind: net, net: [dense 30, relu, dense $classes]}}
training: {t: {epochs: 3, batch: 8}}
grids: [{task: digits, model: [seen, row], training: t}]
"""
run = tap.tombola("run", tap.write("digits.yaml", DIGITS), "--store", tap.SCRATCH / "digits.h5")
tap.equal(run.returncode, 0, "pictures of the task mnist") or print(run.stderr)

# Two spellings are one job; a key that changes nothing else changes no id.
SPELT = """
tasks: {add: {kind: modular, expr: a + b, p: 7}}
models:
  one: {kind: net, d: 4, net: [embed $d, positions learned, {residual: [attention heads=1 mask=causal]}, at last, dense $classes]}
  two: {kind: net, wide: 8, net: [embed width=$wide/2, positions, {residual: [attention]}, at 1, dense 7]}
  same: {kind: net, h: 2, net: [embed 2*$h, positions, {residual: ["attention"]}, at last, dense units=7 bias=yes]}
training: {t: {epochs: 1}}
grids:
  - {name: a, task: add, training: t, model: [one, same]}
  - {name: b, task: add, training: t, model: two}
"""
plan = json.loads(tap.tombola("plan", tap.write("spelt.yaml", SPELT), "--json").stdout)
tap.equal(plan["jobs"], 2, "two spellings of a list are one job; `at 1` of two positions is not spelt `at last`")
tap.done()
