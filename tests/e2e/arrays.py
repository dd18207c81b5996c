#!/usr/bin/env python3
"""Anybody's arrays: one job from every format of the same numbers; what they mean; the same bits as the tasks that have the same
data; keys that every task takes; what is wrong with a file, in the place of the sweep that names it.
beside: others"""
import io
import json
import os
import pickle
import re
import struct
import subprocess
import sys
import time
import zipfile
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import tap  # noqa: E402

os.chdir(tap.SCRATCH)
rng = np.random.default_rng(3)
X = rng.normal(size=(90, 6)).astype("f4")
Y = (X[:, 0] * X[:, 1] > 0).astype("i8")

HEAD = """
models: {mlp: {kind: dense_mlp, layers: 1, d_hidden: 8}, embed: {kind: embed_mlp, d_embed: 6, d_hidden: 8}, deep: {kind: dense_mlp, layers: 2, d_hidden: 8}}
training: {ce: {epochs: 20}, mse: {epochs: 20, loss: mse}, sign: {epochs: 20, loss: hinge}, batches: {epochs: 6, batch: 7}}
record: {eval_every: 5, loss_bound: 0.1, measures: [norms]}
checkpoint: {every: 10}
"""


def sweep(name, grids, **tasks):
    body = "tasks:\n" + "".join(f"  {task}: {{kind: {text if text.startswith('modular') else 'arrays, ' + text}}}\n" for task, text in tasks.items())
    return tap.write(name, f"name: t\n{body}{HEAD}grids:\n" + "".join(f"  - {{{grid}}}\n" for grid in grids))


def planned(file, store="none.h5"):
    result = tap.tombola("plan", file, "--store", tap.SCRATCH / store, "--json", cwd=tap.SCRATCH)
    return json.loads(result.stdout) if result.returncode == 0 else result.stderr


def safetensors(**arrays):
    head, data = {}, b""
    for name, array in arrays.items():
        kind = {"f4": "F32", "i8": "I64"}[array.dtype.str[1:]]
        head[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data


# ---- formats ----

np.savez("a.npz", x=X, y=Y)
np.savez_compressed("packed.npz", x=X, y=Y)
np.savez("fortran.npz", x=np.asfortranarray(X), y=Y)
np.savez("unicode-ü.npz", **{"größe": X, "标签": Y})
np.save("x.npy", X)
np.save("y.npy", Y)
np.save("column.npy", Y[:, None])
open("a.safetensors", "wb").write(safetensors(x=X, y=Y))
with h5py.File("a.h5", "w") as f:
    f["x"], f["y"] = X, Y
    f.create_dataset("part/images", data=X, compression="gzip", shuffle=True)
    f["part/labels"] = Y
FORMATS = {"npz": "file: a.npz", "packed": "file: packed.npz", "fortran": "file: fortran.npz", "npy": "file: x.npy, y_file: y.npy", "column": "file: x.npy, y_file: column.npy",
           "safetensors": "file: a.safetensors", "h5": "file: a.h5", "gzip": "file: a.h5, names: [part/images, part/labels]",
           "mixed": "file: a.h5, y_file: a.npz", "unicode": "file: unicode-ü.npz, names: [größe, 标签]"}
plan = planned(sweep("formats.yaml", [f"task: [{', '.join(FORMATS)}], model: mlp, training: ce"], **FORMATS))
tap.ok(isinstance(plan, dict) and plan["jobs"] == 1, "one job from all formats of the same numbers", plan)
two = {"x_train": X[:60], "y_train": Y[:60], "x_test": X[60:], "y_test": Y[60:]}
np.savez("two.npz", **two)
np.savez("train.npz", x=two["x_train"], y=two["y_train"])
np.savez("test.npz", x=two["x_test"], y=two["y_test"])
np.savez("named.npz", a=two["x_train"], b=two["y_train"], c=two["x_test"], d=two["y_test"])
for part in two:
    np.save(f"{part}.npy", two[part])
TWO = {"two": "file: two.npz", "apart": "file: train.npz, test_file: test.npz", "named": "file: named.npz, names: [a, b, c, d]", "both": "file: train.npz, test_file: two.npz",
       "npy": "file: x_train.npy, y_file: y_train.npy, test_file: x_test.npy, test_y_file: y_test.npy"}
plan = planned(sweep("two.yaml", [f"task: [{', '.join(TWO)}], model: mlp, training: ce"], **TWO))
tap.ok(isinstance(plan, dict) and plan["jobs"] == 1, "and one from all ways to have test examples of their own", plan)
np.savetxt("t.csv", np.c_[X.astype("f8"), Y], delimiter=",", header="a,b,c,d,e,f,label", comments="", fmt="%.17g")
np.savetxt("bare.csv", np.c_[X.astype("f8"), Y], delimiter=", ", fmt="%.17g")
np.savez("wide.npz", x=X.astype("f8"), y=Y.astype("f8"))
np.savez("some.npz", x=X[:, [2, 0]].astype("f8"), y=Y.astype("f8"))
CSV = {"csv": "file: t.csv", "bare": "file: bare.csv", "wide": "file: wide.npz"}
plan = planned(sweep("csv.yaml", [f"task: [{', '.join(CSV)}], model: mlp, training: ce", "task: [columns, some], model: mlp, training: ce"],
                     columns="file: t.csv, names: [c, a, label]", some="file: some.npz", **CSV))
tap.ok(isinstance(plan, dict) and plan["jobs"] == 2, "text says the same, with its columns' names or without", plan)

# ---- the same data, the same bits ----

R = {"x_train": rng.integers(0, 256, (30, 5, 4), "u1"), "y_train": rng.integers(0, 10, 30, "u1"),
     "x_test": rng.integers(0, 256, (9, 5, 4), "u1"), "y_test": rng.integers(0, 10, 9, "u1")}
os.makedirs("digits", exist_ok=True)
np.savez("digits/mnist.npz", **R)
for name, drawn in ("first", "first"), ("drawn", "drawn"):
    texts = [f"tasks: {{t: {{{text}, train: 20, test: 8, choose: {drawn}}}}}\n{HEAD}grids: [{{task: t, model: deep, training: [ce, batches], training.precision: [float, double], seed: [0, 1], control: [dense, snip, ticket], t: final, k: 0.5}}]\n"
             for text in ("kind: mnist, folder: digits", "kind: arrays, file: digits/mnist.npz, y: labels 10, scale: unit")]
    stores = []
    for i, text in enumerate(texts):
        stores.append(tap.SCRATCH / f"{name}{i}.h5")
        result = tap.tombola("run", tap.write(f"{name}{i}.yaml", text), "--store", stores[-1], ranks=i + 1)
        tap.equal(result.returncode, 0, f"images, {name} ones, {('mnist', 'arrays')[i]}") or print(result.stderr)


    def weights(store):
        rows = {}
        with h5py.File(store, "r") as f:
            for row in f["jobs"][:f["control"]["rows"][0]]:
                key = tuple(row[k].decode() if isinstance(row[k], bytes) else row[k] for k in ("control", "seed", "training_batch", "training_precision"))
                rows[key] = digest.family_of(f, row)["checkpoints"][int(row["family_row"])].tobytes()
        return rows

    one, other = weights(stores[0]), weights(stores[1])
    tap.ok(len(one) == 24 and one == other, f"the bits of task mnist, of {len(one)} jobs, {name} images", set(one) ^ set(other))

add = sweep("add.yaml", ["task: add, model: embed, training: [ce, batches], seed: 5"], add="modular, expr: a + b, p: 11, train: 30")
tap.equal(tap.tombola("run", add, "--store", "add.h5", cwd=tap.SCRATCH).returncode, 0, "a task on pairs")
job = tap.query(tap.SCRATCH / "add.h5", "SELECT id FROM jobs LIMIT 1")[0][0]
tap.equal(tap.tombola("export", "add.h5", job, "split", "-o", "pairs.npz", cwd=tap.SCRATCH).returncode, 0, "its pairs and labels")
pairs = np.load("pairs.npz")
tap.equal(len(pairs["train_pairs"]), 30, "train: so many are trained on")
like = sweep("like.yaml", ["task: like, model: embed, training: [ce, batches], seed: 5"], like="file: pairs.npz, names: [train_pairs, train_labels, test_pairs, test_labels], x: symbols 11, y: labels 11")
result = tap.tombola("run", like, "--store", "like.h5", cwd=tap.SCRATCH)
tap.equal(result.returncode, 0, "the same from arrays") or print(result.stderr)
SAME = "SELECT training_batch, train_loss, test_loss, test_accuracy FROM jobs ORDER BY 1"
tap.equal(tap.query(tap.SCRATCH / "add.h5", SAME), tap.query(tap.SCRATCH / "like.h5", SAME), "symbols and labels: the same losses to the bit")

# ---- what every task takes ----

def exported(name, more):
    file = sweep(f"{name}.yaml", [f"task: add, model: embed, training: ce, seed: 5, control: [dense, ticket], t: final, k: 0.5, record.measures: [{'subsets' if more else 'norms'}]"], add=f"modular, expr: a + b, p: 11, train: 40{more}")
    result = tap.tombola("run", file, "--store", f"{name}.h5", cwd=tap.SCRATCH)
    tap.equal(result.returncode, 0, f"a task with {more or 'nothing more'}") or print(result.stderr)
    out = []
    for control in "dense", "ticket":
        job = tap.query(tap.SCRATCH / f"{name}.h5", f"SELECT id FROM jobs WHERE control = '{control}'")[0][0]
        tap.tombola("export", f"{name}.h5", job, "split", "-o", f"{name}-{control}.npz", cwd=tap.SCRATCH)
        out.append(dict(np.load(f"{name}-{control}.npz")))
    return out


clean, corrupted = exported("clean", ""), exported("corrupted", ", corrupt: 0.3")
changed = clean[0]["train_labels"] != corrupted[0]["train_labels"]
tap.ok(np.array_equal(clean[0]["train_pairs"], corrupted[0]["train_pairs"]) and changed.sum() == 12 and np.array_equal(clean[0]["test_labels"], corrupted[0]["test_labels"]),
       "corrupt: 12 of 40 training labels are others, no test label is", changed)
tap.ok(all(np.array_equal(corrupted[0][k], corrupted[1][k]) for k in corrupted[0]), "and the ticket is trained on the same")
job = tap.query(tap.SCRATCH / "corrupted.h5", "SELECT id FROM jobs WHERE control = 'dense'")[0][0]
for epoch in 0, 20:
    tap.equal(tap.tombola("export", "corrupted.h5", job, f"logits@{epoch}", "-o", "logits.npz", cwd=tap.SCRATCH).returncode, 0, f"what the network says after {epoch} epochs")
    says = np.load("logits.npz")["train_logits"].argmax(1)
    want = {("accuracy", "clean"): (says == corrupted[0]["train_labels"])[~changed].mean(), ("accuracy", "corrupted"): (says == corrupted[0]["train_labels"])[changed].mean(),
            ("restored", None): (says == clean[0]["train_labels"])[changed].mean()}
    have = {(name, label): value for name, label, value in
            tap.query(tap.SCRATCH / "corrupted.h5", f"SELECT name, label, value FROM measures WHERE job = '{job}' AND measure = 'subsets' AND name <> 'loss' AND epoch = {epoch}")}
    tap.ok(have.keys() == want.keys() and all(abs(have[k] - want[k]) < 1e-12 for k in want), "how right it is on the clean and the corrupted examples, as NumPy counts", (have, want))
base = sweep("base.yaml", ["task: add, model: embed, training: ce, seed: 5, task.corrupt: [0, 0.3], record.measures: [subsets]"], add="modular, expr: a + b, p: 11")
tap.equal(tap.tombola("run", base, "--store", "base.h5", cwd=tap.SCRATCH).returncode, 0, "subsets beside a base line without corrupted labels")
rows = tap.query(tap.SCRATCH / "base.h5", "SELECT label, value = train_accuracy, value IS NULL FROM jobs j JOIN measures m ON m.job = j.id AND m.epoch = j.epochs "
                                          "WHERE measure = 'subsets' AND name = 'accuracy' AND task_corrupt = 0 ORDER BY 1")
tap.equal([row for row in rows if not row[2]], [["clean", 1, 0]], "of which all examples are clean, and none is corrupted")
said = tap.tombola("plan", sweep("unfit.yaml", ["task: r, model: mlp, training: mse, record.measures: [subsets], record.loss_bound: 0.1"], r="file: a.npz, y: numbers"), cwd=tap.SCRATCH).stderr
tap.ok("measure 'subsets': needs a task with labels and a training set" in said, "targets have no such subsets", said)
ids = [tap.query(tap.SCRATCH / f"{name}.h5", "SELECT id FROM jobs ORDER BY 1") for name in ("clean", "corrupted")]
tap.ok(not {i for row in ids[0] for i in row} & {i for row in ids[1] for i in row}, "which makes other jobs")
scaled = (X.astype("f8") - X[:60].astype("f8").mean(0)) / X[:60].astype("f8").std(0)
np.savez("scaled.npz", x_train=scaled[:60], y_train=Y[:60], x_test=scaled[60:], y_test=Y[60:])
low, high = X[:60].astype("f8").min(), X[:60].astype("f8").max()
np.savez("unit.npz", x_train=(X[:60].astype("f8") - low) / (high - low), y_train=Y[:60], x_test=(X[60:].astype("f8") - low) / (high - low), y_test=Y[60:])
images = rng.integers(0, 256, (40, 3, 4, 5), "u1")
labels = rng.integers(0, 3, 40, "u1")
mean, spread = images[:30].astype("f8").mean((0, 2, 3), keepdims=True), images[:30].astype("f8").std((0, 2, 3), keepdims=True)
for name, x in ("images", images), ("channels", (images - mean) / spread):
    np.savez(f"{name}.npz", x_train=x[:30], y_train=labels[:30], x_test=x[30:], y_test=labels[30:])
file = sweep("scale.yaml", ["name: standard, task: [s, scaled], model: mlp, training: ce, training.precision: double", "name: unit, task: [u, unit], model: mlp, training: ce, training.precision: double",
                            "name: images, task: [i, channels], model: mlp, training: ce, training.precision: double"],
             s="file: two.npz, scale: standard", scaled="file: scaled.npz", u="file: two.npz, scale: unit", unit="file: unit.npz",
             i="file: images.npz, x: image 3 4 5, scale: standard", channels="file: channels.npz, x: image 3 4 5")
result = tap.tombola("run", file, "--store", "scale.h5", cwd=tap.SCRATCH)
tap.equal(result.returncode, 0, "scaled here and by NumPy") or print(result.stderr)
for grid in "standard", "unit", "images":
    a, b = (row[0] for row in tap.query(tap.SCRATCH / "scale.h5", f"SELECT test_loss FROM jobs WHERE grid = '{grid}'"))
    tap.ok(abs(a - b) < 1e-6 * a, f"scale, {grid}: as NumPy has it", (a, b))

# ---- answers ----

np.savez("targets.npz", x=X, y=np.c_[X[:, 0] * X[:, 1], X[:, 2]].astype("f4"))
np.savez("signs.npz", x=X, y=2 * Y - 1)
file = sweep("answers.yaml", ["name: r, task: r, model: mlp, training: mse", "name: s, task: [zero, minus], model: mlp, training: sign"],
             r="file: targets.npz, y: numbers", zero="file: a.npz, y: sign", minus="file: signs.npz, y: sign")
result = tap.tombola("run", file, "--store", "answers.h5", cwd=tap.SCRATCH)
tap.equal(result.returncode, 0, "targets, and signs as 0 and 1 or -1 and 1") or print(result.stderr)
rows = dict(tap.query(tap.SCRATCH / "answers.h5", "SELECT task, test_loss FROM jobs"))
tap.ok(rows["zero"] == rows["minus"] and tap.query(tap.SCRATCH / "answers.h5", "SELECT test_accuracy FROM jobs WHERE task = 'r'") == [[None]], "signs are signs; a regression has no accuracy", rows)

# ---- identity ----

moved = sweep("moved.yaml", ["task: t, model: mlp, training: ce"], t="file: a.npz")
tap.equal(tap.tombola("run", moved, "--store", "moved.h5", cwd=tap.SCRATCH).returncode, 0, "a job")
os.makedirs("elsewhere", exist_ok=True)
os.rename("a.npz", "elsewhere/b.npz")
sweep("moved.yaml", ["task: t, model: mlp, training: ce"], t="file: elsewhere/b.npz, names: [x, y]")
tap.equal(planned("moved.yaml", "moved.h5")["to_train"], 0, "where its file lies makes no other one")
changed = X.copy()
changed[7, 3] += 1
np.savez("elsewhere/b.npz", x=changed, y=Y)
tap.equal(planned("moved.yaml", "moved.h5")["to_train"], 1, "one other number does")
np.savez("elsewhere/b.npz", x=X.astype("f8"), y=Y)
tap.equal(planned("moved.yaml", "moved.h5")["to_train"], 1, "and so does another type")
np.savez("a.npz", x=X, y=Y)
tap.ok(tap.query(tap.SCRATCH / "moved.h5", "SELECT input_of(id, 'task.file') FROM jobs")[0][0].endswith("/a.npz"), "SQL says where the file was")

# ---- memory ----

big = rng.random((40000, 1000), "f4")
np.save("big.npy", big)
np.save("big-y.npy", rng.integers(0, 4, 40000, "u1"))
np.save("big-bytes.npy", (255 * big).astype("u1"))
np.save("small.npy", big[:50])
np.save("small-y.npy", rng.integers(0, 4, 50, "u1"))
for name, own in ("big", (0, 80)), ("big-bytes", (155, 260)):
    file = sweep("big.yaml", ["task: t, model: mlp, training: batches, training.epochs: 100000, record.eval_every: 100000, checkpoint.every: 100000"], t=f"file: {name}.npy, y_file: big-y.npy, test_file: small.npy, test_y_file: small-y.npy, y: labels 4")
    run, until = tap.start("run", file, "--store", tap.SCRATCH / f"{name}.h5", stderr=subprocess.DEVNULL), time.monotonic() + 60
    while run.poll() is None and time.monotonic() < until and not (tap.SCRATCH / f"{name}.h5").exists():
        time.sleep(0.1)
    time.sleep(3)  # it trains
    memory = {key: int(kb) / 1024 for key, kb in re.findall(r"^(Rss\w+):\s+(\d+) kB", open(f"/proc/{run.pid}/status").read(), re.M)}
    run.kill()
    run.wait()
    tap.ok(own[0] <= memory.get("RssAnon", -1) < own[1] and (name != "big" or memory["RssFile"] > 150), f"{name}: {'read where it lies' if name == 'big' else 'bytes become floats'}", memory)
for name in ("big", "big-bytes"):
    os.remove(f"{name}.npy")

# ---- what is wrong ----

NAN, INF, BIG = X.copy(), X.copy(), X.astype("f8")
NAN[4, 2], INF[0, 0], BIG[1, 1] = np.nan, -np.inf, 1e300
buffer = io.BytesIO()
np.save(buffer, X)
NPY = buffer.getvalue()


def put(name, **arrays):
    np.savez(name, **arrays)


def raw(name, data):
    with open(name, "wb") as f:
        f.write(data)


def member(data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as z:
        z.writestr("x.npy", data)
        z.writestr("y.npy", NPY_Y)
    return out.getvalue()


def pieces(rows):
    with h5py.File("w.h5", "w") as f:
        f.create_dataset("x", (rows, 6), "u1", chunks=(1 << 20, 1))
        f["y"] = Y


def packed(size):
    """So many bytes as it says of itself: the beginning of them, deflated."""
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size},), }}\n".encode()
    head = b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(head + bytes(1 << 16)) + packer.flush()
    extra = struct.pack("<HHQQ", 1, 16, len(head) + size, len(data))
    fields = struct.pack("<HHHHHIIIHH", 45, 0, 8, 0, 0x21, 0, 2 ** 32 - 1, 2 ** 32 - 1, 5, len(extra))
    local = b"PK\3\4" + fields + b"x.npy" + extra + data
    entry = b"PK\1\2" + struct.pack("<H", 45) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"x.npy" + extra
    return local + entry + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)


buffer = io.BytesIO()
np.save(buffer, Y)
NPY_Y = buffer.getvalue()
flipped = bytearray(member(NPY))
flipped[600] ^= 1
BAD = [  # name, how the file is made, keys, what is said
    ("a NaN", lambda: put("w.npz", x=NAN, y=Y), "file: w.npz", "array 'x' holds nan, its number 27 of 540; allowed: finite numbers"),
    ("an infinity", lambda: put("w.npz", x=INF, y=Y), "file: w.npz", "array 'x' holds -inf, its number 1 of 540"),
    ("more than a float", lambda: put("w.npz", x=BIG, y=Y), "file: w.npz", "array 'x' holds 1e+300, its number 8 of 540; allowed: finite numbers, up to 3.4e38"),
    ("a NaN in y", lambda: put("w.npz", x=X, y=NAN[:, 2]), "file: w.npz, y: numbers", "array 'y' holds nan, its number 5 of 90"),
    ("no examples", lambda: put("w.npz", x=X[:0], y=Y[:0]), "file: w.npz", "array 'x' is empty; wanted: [examples, ...], one at least"),
    ("no numbers", lambda: put("w.npz", x=X[:, :0], y=Y), "file: w.npz", "array 'x' is empty"),
    ("a scalar", lambda: put("w.npz", x=np.float32(3), y=Y), "file: w.npz", "array 'x' is a single number"),
    ("x and y of other lengths", lambda: put("w.npz", x=X, y=Y[:-1]), "file: w.npz", "array 'x' has 90 examples, and array 'y' has 89"),
    ("in two files", lambda: put("w.npz", x=X[1:]), "file: w.npz, y_file: a.npz", "array 'x' has 89 examples, and array 'y' of '"),
    ("test examples of another width", lambda: put("w.npz", **{**two, "x_test": X[60:, 1:]}), "file: w.npz", "array 'x_test' has 5 numbers an example, and 'x_train', which is trained on, 6"),
    ("objects", lambda: put("w.npz", x=np.array([{}] * 90, object), y=Y), "file: w.npz", "array 'x' has the type '|O', which is not read"),
    ("texts", lambda: put("w.npz", x=np.array(["a"] * 90), y=Y), "file: w.npz", "array 'x' has the type '<U1', which is not read"),
    ("complex numbers", lambda: put("w.npz", x=X.astype("c8"), y=Y), "file: w.npz", "array 'x' has the type '<c8', which is not read"),
    ("the other end first", lambda: put("w.npz", x=X.astype(">f4"), y=Y), "file: w.npz", "array 'x' has the type '>f4', which is not read"),
    ("records", lambda: put("w.npz", x=np.zeros(90, [("a", "f4")]), y=Y), "file: w.npz", "does not say type, order and shape"),
    ("five dimensions", lambda: put("w.npz", x=X.reshape(90, 1, 1, 2, 3), y=Y), "file: w.npz", "array 'x' has 5 dimensions, and at most 4 are read"),
    ("a pickle", lambda: raw("w.npz", pickle.dumps(X)), "file: w.npz", "cannot be read as an HDF5, .npz or .safetensors file"),
    ("half a file", lambda: raw("w.npz", member(NPY)[:1500]), "file: w.npz", "is cut off or damaged"),
    ("half an .npy", lambda: raw("w.npy", NPY[:-4]), "file: w.npy, y_file: y.npy", "has 2156 bytes for 540 numbers"),
    ("an .npy with more", lambda: raw("w.npy", NPY + b"more"), "file: w.npy, y_file: y.npy", "has 2164 bytes for 540 numbers"),
    ("a long header", lambda: raw("w.npy", b"\x93NUMPY\x02\0" + struct.pack("<I", 1 << 30) + NPY[10:]), "file: w.npy, y_file: y.npy", "header of array '' is said to have 1073741824 bytes"),
    ("another byte", lambda: raw("w.npz", bytes(flipped)), "file: w.npz", "is damaged: the bytes of array 'x' do not agree with their CRC-32"),
    ("more than the memory", lambda: raw("w.npy", NPY.replace(b"(90, 6), }", b"(9000000000000, 6), }")[:138]), "file: w.npy, y_file: y.npy", "for 54000000000000 numbers"),
    ("a terabyte in pieces", lambda: pieces(1 << 40), "file: w.h5", "array 'x' has 6597.1 GB at least, and the memory"),
    ("6 GB in pieces", lambda: pieces(1 << 30), "file: w.h5", "dataset 'x' is compressed or in pieces, and has 6.4 GB without; at most 4.3 GB are unpacked"),
    ("6 GB, packed", lambda: raw("w.npz", packed(6 << 30)), "file: w.npz", "array 'x' is compressed, and has 6.4 GB without; at most 4.3 GB are unpacked"),
    ("nothing there", lambda: None, "file: nowhere.npz", "cannot be opened: No such file"),
    ("no array of that name", lambda: put("w.npz", images=X, y=Y), "file: w.npz", "has no array 'x'; it has: images, y"),
    ("a name misspelt", lambda: put("w.npz", images=X, labels=Y), "file: w.npz, names: [image, labels]", "has no array 'image'; it has: images, labels; did you mean 'images'?"),
    ("labels below 0", lambda: put("w.npz", x=X, y=Y - 1), "file: w.npz", "array 'y' holds -1, its number"),
    ("labels too large", lambda: put("w.npz", x=X, y=Y + 2), "file: w.npz, y: labels 3", "allowed: whole numbers from 0 to 2"),
    ("test labels too large", lambda: put("w.npz", **{**two, "y_test": Y[60:] + 9}), "file: w.npz, y: labels 3", "array 'y_test' holds"),
    ("labels with fractions", lambda: put("w.npz", x=X, y=Y + 0.5), "file: w.npz", "allowed: whole numbers from 0 to 999999"),
    ("two labels an example", lambda: put("w.npz", x=X, y=np.c_[Y, Y]), "file: w.npz", "array 'y' has 2 numbers an example; a label is one"),
    ("one label", lambda: put("w.npz", x=X, y=0 * Y), "file: w.npz", "array 'y' has one label only, 0"),
    ("three signs", lambda: put("w.npz", x=X, y=Y - (X[:, 2] > 0)), "file: w.npz, y: sign", "allowed: 1 and 0, or 1 and -1"),
    ("symbols too large", lambda: put("w.npz", x=(X > 0) * 7, y=Y), "file: w.npz, x: symbols 7", "array 'x' holds 7, its number"),
    ("symbols that are none", lambda: put("w.npz", x=X, y=Y), "file: w.npz, x: symbols", "allowed: whole numbers from 0 to 999999"),
    ("channels last", lambda: put("w.npz", x=np.zeros((90, 4, 5, 3), "u1"), y=Y), "file: w.npz, x: image 3 4 5", "array 'x' has examples of [4, 5, 3]; an image of 3 channels is [3, 4, 5]"),
    ("an image of another size", lambda: None, "file: a.npz, x: image 1 2 4", "array 'x' has examples of [6]"),
    ("too many wanted", lambda: None, "file: a.npz, train: 90", "train is 90, and there are 90 examples; at least one must be left to test on"),
    ("too many of two", lambda: None, "file: two.npz, train: 61", "'train' is 61, and array 'x_train' has 60 examples"),
    ("too many tested", lambda: None, "file: a.npz, train: 80, test: 11", "test is 11, and 10 of 90 examples are not trained on"),
    ("too small a share", lambda: None, "file: a.npz, train_fraction: 0.01", "train_fraction 0.01 of 90 examples leaves no training examples"),
    ("a number and a share", lambda: None, "file: a.npz, train_fraction: 0.5, train: 3", "'train' and 'train_fraction' both say how many"),
    ("x of no form", lambda: None, "file: a.npz, x: pictures", "'pictures' is not what arrays can be; allowed: numbers, symbols, symbols N, image CHANNELS HEIGHT WIDTH"),
    ("y of no form", lambda: None, "file: a.npz, y: labels 3 4", "allowed: labels, labels N, sign, numbers"),
    ("one name", lambda: None, "file: a.npz, names: [x]", "'names' must be [x, y], [x, y, test x, test y]"),
    ("corrupted targets", lambda: None, "file: targets.npz, y: numbers, corrupt: 0.1", "'corrupt' is of tasks with labels; task arrays has targets"),
    ("none corrupted", lambda: None, "file: a.npz, corrupt: 0.01", "corrupt 0.01 of 45 training examples is none"),
    ("scaled symbols", lambda: put("w.npz", x=(X > 0) * 7, y=Y), "file: w.npz, x: symbols, scale: unit", "'scale' is of tasks on numbers; the inputs of task arrays are symbols"),
    ("a word in a table", lambda: raw("w.csv", b"a,b\n1,2\n3,x\n"), "file: w.csv", "has 'x' in line 3, column 2, which is no finite number"),
    ("a number in the first row that is too large", lambda: raw("w.csv", b"1,1e400,0\n2,3,1\n"), "file: w.csv", "has '1e400' in line 1, column 2, which is no finite number"),
    ("a number in the first row as no number is read", lambda: raw("w.csv", b"0x10,2,0\n2,3,1\n"), "file: w.csv", "has '0x10' in line 1, column 1, which is no finite number"),
    ("a word in the first row of numbers", lambda: raw("w.csv", b"5.1,3.5,setosa\n4.9,3,setosa\n"), "file: w.csv", "has 'setosa' in line 1, column 3, which is no finite number"),
    ("a missing number in the first row", lambda: raw("w.csv", b",NA,?\n2,3,1\n"), "file: w.csv", "has '' in line 1, column 1, which is no finite number"),
    ("a byte 0 in a table", lambda: raw("w.csv", b"a,b\n1,2\n3,4\x005\n"), "file: w.csv", "has a byte 0 in line 3, which no text has"),
    ("a hole in a table", lambda: raw("w.csv", b"a,b\n1,2\n3\n"), "file: w.csv", "has 1 cells in line 3, and 2 in the lines before"),
    ("a wide table", lambda: raw("w.csv", b"," * (1 << 20)), "file: w.csv", "has 1048577 columns; at most 1048576 are read"),
    ("an empty table", lambda: raw("w.csv", b"\n \n"), "file: w.csv", "is empty"),
    ("a table of names", lambda: raw("w.csv", b"a,b\n"), "file: w.csv", "has 0 rows of 2 columns"),
    ("a table of one column", lambda: raw("w.csv", b"1\n2\n"), "file: w.csv", "has 2 rows of 1 columns; wanted: one row and two columns at least"),
    ("a column misspelt", lambda: None, "file: t.csv, names: [a, lable]", "has no column 'lable'; it has: a, b, c, d, e, f, label; did you mean 'label'?"),
    ("columns without names", lambda: None, "file: bare.csv, names: [a, b]", "has no names in its first row, and names ask for 'a'"),
]
UNLIKE = ("too many wanted", "too many tested", "too small a share")  # at the task of the grid
for name, make, keys, says in BAD:
    make()
    file = sweep("bad.yaml", ["task: t, model: mlp, training: ce"], t=keys)
    result = tap.tombola("plan", file, "--store", tap.SCRATCH / "never.h5", cwd=tap.SCRATCH)
    tap.ok(result.returncode == 2 and says in result.stderr and result.stderr.count("error:") == 1 and re.search(rf"bad\.yaml:{3 if name not in UNLIKE else 10}:\d+: ", result.stderr),
           f"{name}: one error, at the line of the sweep", result.stderr)
file = sweep("bad.yaml", ["task: t, model: mlp, training: ce"], t="file: x.npy, y_file: nowhere.npy")
tap.ok(":3:42: tasks.t.y_file: '" in tap.tombola("plan", file, cwd=tap.SCRATCH).stderr, "of several paths, the one at fault", tap.tombola("plan", file, cwd=tap.SCRATCH).stderr)
file = sweep("split.yaml", ["task: t, model: mlp, training: ce, split: {file: pairs.npz}"], t="file: x.npy, y_file: y.npy")
said = tap.tombola("export", "answers.h5", tap.query(tap.SCRATCH / "answers.h5", "SELECT id FROM jobs WHERE task = 'zero'")[0][0], "split", "-o", "none.npz", cwd=tap.SCRATCH).stderr
tap.ok("task arrays takes no split" in said, "nor has it one to export", said)
np.savez("six.npz", train_pairs=np.arange(12).reshape(2, 6), test_pairs=np.arange(12).reshape(2, 6))
said = tap.tombola("plan", sweep("six.yaml", ["task: t, model: mlp, training: ce, split: {file: six.npz}"], t="file: x.npy, y_file: y.npy"), cwd=tap.SCRATCH).stderr
tap.ok("task arrays takes no split: its files have one" in said, "arrays take no split", said)
said = tap.tombola("plan", file, cwd=tap.SCRATCH).stderr
tap.ok("the split has 2 tokens an example, the task 6" in said, "a split that is none of arrays", said)
tap.ok(not os.path.exists("never.h5"), "nothing was written")
tap.done()
