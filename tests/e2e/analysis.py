#!/usr/bin/env python3
"""The Python side: the reader agrees with the program, table and figure are made, the README's example runs.
beside: others"""
import os
import re
import sys

sys.path[:0] = [os.path.join(os.path.dirname(__file__), place) for place in ("..", "../hostile")]
import tap  # noqa: E402
import generate  # noqa: E402
import graphs  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import style  # noqa: E402
from read import read  # noqa: E402
from settings import labelled  # noqa: E402
from store import SERIES, Damaged, Store  # noqa: E402
from table import lines  # noqa: E402

SWEEP = """
name: small
tasks: {add: {kind: modular, expr: a + b, p: 13, train_fraction: 0.6}}
models: {mlp: {kind: embed_mlp, d_embed: 16, d_hidden: 8}, wide: {kind: embed_mlp, d_embed: 16, d_hidden: 12}}
training: {adamw: {epochs: 300}}
record: {eval_every: 5, measures: [norms]}
checkpoint: {every: 100}
grids:
  - {name: main, task: add, model: [mlp, wide], training: adamw, seed: [0, 1], control: [dense, ticket, l2], t: 200, k: 0.6}
  - {name: random, task: add, model: mlp, training: adamw, seed: [0, 1, 2], control: random, k: 0.6}
"""


def script(name, *args):
    command = [sys.executable, tap.ROOT / "analysis" / name, *args]
    return tap.heard(command, cwd=tap.ROOT)


path = tap.SCRATCH / "small.h5"
run = tap.tombola("run", tap.write("small.yaml", SWEEP), "--store", path)
tap.equal(run.returncode, 0, "a small sweep runs")

with Store(path) as store:
    jobs = store.jobs()
    columns = ["id", "control", "seed", "epochs_done", "t_mem", "t_gen", "test_loss", "model_d_hidden", "state"]
    rows = jobs[columns].astype(object).where(jobs[columns].notna(), None).values.tolist()
    tap.equal(rows, tap.query(path, f"SELECT {', '.join(columns)} FROM jobs"), "the reader and the program see the same jobs")
    tap.equal(store.sweeps(), [("small", SWEEP)], "the sweep file is there, verbatim")

    merged = jobs.merge(jobs, left_on="parent", right_on="id", suffixes=("", "_parent"))
    pairs = merged.loc[merged.control == "ticket", ["id", "seed", "id_parent", "control_parent", "test_loss", "test_loss_parent"]]
    tap.equal(sorted(pairs.values.tolist()), sorted(tap.query(path, "SELECT c.id, c.seed, p.id, p.control, c.test_loss, p.test_loss FROM jobs c "
                                                                   "JOIN jobs p ON p.id = c.parent WHERE c.control = 'ticket'")),
              "a ticket is joined with its parent by their ids")
    tap.equal((len(pairs), jobs.index.tolist()), (4, jobs.id.tolist()), "ids are index and column")
    looked = 0
    for _, job in jobs.iterrows():
        for name, slot, moment in (("mem", -2, job.t_mem), ("gen", -1, job.t_gen)):
            try:
                weights = store.checkpoint(job, name)
                tap.ok(pd.notna(moment) and np.array_equal(weights, store.array(job, "checkpoints")[slot]), f"{job.id[:6]}: weights at t_{name}")
                looked += 1
            except KeyError:
                if pd.notna(moment):
                    tap.ok(False, f"{job.id[:6]}: weights at t_{name} are there", moment)
    tap.ok(looked > 0, "some have memorised")

    dense = jobs[(jobs.control == "dense") & (jobs.model == "wide") & (jobs.seed == 1)].iloc[0]
    ticket = jobs[jobs.parent == dense.id].query("control == 'ticket'").iloc[0]
    tap.equal(store.job(dense.id[:8]).id, dense.id, "a job is found by the beginning of its id")
    curve = store.series(dense)
    tap.equal((list(curve.index), list(curve.columns)), (list(range(0, 301, 5)), list(SERIES)), "curves have epochs and names")
    tap.equal(curve.test_loss.iloc[-1], dense.test_loss, "a curve ends with the job's final loss")

    flat = store.checkpoint(dense, 200)
    theta = store.tensors(dense, flat)
    tap.equal({name: w.shape for name, w in theta.items()},
              {"W_E": (16, 13), "W_inproj": (12, 16), "W_outproj": (16, 12), "W_U": (16, 13)}, "tensors have names and shapes")
    mask = store.mask(ticket)
    size = abs(store.checkpoint(dense, 200))
    tap.equal(np.count_nonzero(~mask), int(0.6 * mask.size), "a ticket's mask removes the fraction k")
    tap.ok(size[mask].min() >= size[~mask].max(), "and keeps the parent's largest weights at t")
    tap.ok(np.array_equal(store.checkpoint(ticket, 0), store.checkpoint(dense, 0) * mask), "the ticket starts at theta_0 * m")
    tap.ok(store.mask(dense).all(), "a dense network has no mask")
    norm = store.measure(dense, "norms/l2")
    tap.equal(list(norm.index), [0, 100, 200, 300], "measures are indexed by epoch")
    tap.ok(np.allclose(norm["W_E"][200], np.linalg.norm(theta["W_E"])), "the norm of a tensor is the norm of its view")
    try:
        store.checkpoint(dense, 150)
        tap.ok(False, "a checkpoint that is not there is a KeyError")
    except KeyError:
        tap.ok(True, "a checkpoint that is not there is a KeyError")

table = script("table.py", path)
tap.equal((table.returncode, len(table.stdout.splitlines())), (0, 2 + 7), "table.py: a line a control and model")
with Store(path) as store:
    random = labelled(store.jobs()).query("control == 'random'").assign(test_accuracy=[0.0, 0.1, 1.0])
tap.equal([line[-1] for line in lines(random)][1:], ["0.100"], "of accuracies, too, it says the median")
figure = tap.SCRATCH / "small.png"
curves = script("curves.py", path, "-o", figure)
tap.ok(curves.returncode == 0 and figure.read_bytes()[:4] == b"\x89PNG", "curves.py draws a PNG", curves.stderr)
for name, more in (("table.py", []), ("curves.py", ["-o", figure])):
    for wrong in (tap.SCRATCH / "small.yaml", tap.SCRATCH / "none.h5"):
        result = script(name, wrong, *more)
        tap.ok(result.returncode == 1 and len(result.stderr.splitlines()) == 1 and str(wrong) in result.stderr,
               f"{name}: {wrong.name} is one clear error", result.stderr)

# --- the gaps of a graph whose eigenvalues are known, on the masks that tickets have; a caption that hangs below its figure ---
rows, columns = np.arange(1.0, 7), np.arange(1.0, 5)
spectral, ramanujan = graphs.gaps(np.outer(rows, columns), np.ones((6, 4), bool))
tap.ok(np.isclose(spectral, np.linalg.norm(rows) * np.linalg.norm(columns)), "a matrix of rank 1: its one eigenvalue is the gap", spectral)
tap.ok(np.isclose(ramanujan, np.sqrt(2 * (2 * 6 * 4 / 10) - 1)), "the complete bipartite graph has no third eigenvalue", ramanujan)
with Store(path) as store:
    jobs = store.jobs(grid="main")
    dense = jobs[(jobs.control == "dense") & (jobs.model == "wide") & (jobs.seed == 1)].iloc[0]
    ticket = jobs[jobs.parent == dense.id].query("control == 'ticket'").iloc[0]
    weights, masks = (store.tensors(job, flat) for job, flat in ((dense, store.checkpoint(dense, 200)), (ticket, store.mask(ticket))))
    have = graphs.layers(store, dense).loc[200]
    tap.ok(all(np.allclose([have[gap, name] for gap in graphs.GAPS], graphs.gaps(weights[name], masks[name])) for name in masks),
           "the gaps of a checkpoint are those of the ticket that it gives", have)
    tap.equal(sorted(set(style.of_grid(store, "random").control)), ["random"], "the jobs of a grid")
    try:
        style.of_grid(store, "none")
        tap.ok(False, "a grid that is not there has no data")
    except style.NoData as nothing:
        tap.ok("no grid 'none'" in str(nothing), "a grid that is not there has no data", nothing)
fig, _ = style.grid(1)
style.caption(fig, "words " * 40)
fig.canvas.draw()
words = fig.texts[0].get_window_extent()
tap.ok(words.y1 <= 0 and words.x1 <= fig.bbox.x1, "a caption is below its figure, and no wider", words)

# --- a store from a stranger: nothing that it says is believed ---
with Store(path) as store:
    family = f"families/{store._families[store.job(dense.id).family].group.name.rpartition('/')[2]}"
    row = int(dense.family_row)
strange = generate.mutants(path)
REFUSED = (
    ("sweep_text", "external-secret", "elsewhere"), ("jobs", "external-link", "is a link"), ("grids", "virtual-file", "elsewhere"),
    ("families", "soft-link", "is a link"), (f"{family}/epoch", "external-raw", "elsewhere"), (f"{family}/sums", "soft-link", "is a link"),
    (f"{family}/checkpoints", "layout-late", "larger than the file"), (f"{family}/series/test_loss", "virtual-itself", "elsewhere"),
    (f"{family}/tensors", "0.offset:is--1099511627776", "cannot be"), (f"{family}/tensors", "1.rank:is-2147483648", "cannot be"),
    (f"{family}/tensors", "1.dim0:is--1", "cannot be"), (f"{family}/tensors", "size:type-f8", "no column size"),
    (f"{family}/tensors", "type-vlen", "type that stores do not have"), (f"{family}/checkpoint_epoch", "rank+1", "no list of epochs"),
    (f"{family}/checkpoint_epoch", "rank20", "has the shape"), (f"{family}/masks", "axis1-more", "one length"),
    (f"{family}/checkpoints", "axis2-less", "one length"), (f"{family}/series/test_loss", "axis1-twice", "values for"),
    (f"{family}/measures/norms/l2", "@labels:is-commas", "labels"), (f"{family}/measures/norms/l2", "axis2-more", "labels"),
    (f"{family}/sums", "axis1-less", "not written"), (f"{family}/epoch", "@checksum:missing", "checksum"), (family, "@index:is-255", "one index"),
    ("jobs", "state:enum-html", "other states"), ("jobs", "family:type-f8", "no column family"), ("jobs", "id:missing", "no column id"),
    ("jobs", "rows:beyond-rows", "counts more"), ("control", "0.magic:is-0", "checksum"), ("grids", "0.row:is-4611686018427387904", "rows that /jobs"),
    ("sweeps", "0.length:is-9223372036854775807", "beyond all texts"), ("", "@host:is-full", None),
)
wrong = []
for part, change, words in REFUSED:
    where = strange[f"small:{part or '/'}:{change}"].make(tap.SCRATCH / "strange")
    try:
        with Store(where) as store:
            read(store)
        said = None
    except Damaged as error:
        said = str(error)
    if (words is None) != (said is None) or (words and words not in said) or (said and f"{where}: " not in said):
        wrong.append(f"{part}: {change}: {said}")
tap.equal(wrong, [], f"{len(REFUSED)} strange stores are refused, and what is strange is said")
LEFT_OUT = ("rows:state-200", "0.family:is-255", "0.family_row:is--2", "0.family_row:is-65536", "rows:twin-id", "rows:odd-id")
counts = []
for change in LEFT_OUT:
    with Store(strange[f"small:jobs:{change}"].make(tap.SCRATCH / "strange")) as store:
        counts.append((len(store.jobs()), len(store.left_out)))
tap.equal(counts, [(14, 1)] * len(LEFT_OUT), "rows that mean nothing are left out")
stdout = "".join(script("table.py", strange[f"small:jobs:0.{name}:is-control"].make(tap.SCRATCH / "strange")).stdout for name in ("task", "control"))
tap.ok("\\x1b]0;owned" in stdout and not re.search("[\0-\x09\x0b-\x1f\x7f]", stdout), "a terminal gets no control characters", stdout)
result = script("table.py", strange["small:jobs:external-secret"].make(tap.SCRATCH / "strange"))
tap.ok(result.returncode == 5 and len(result.stderr.splitlines()) == 1 and "/jobs" in result.stderr, "a damaged store is one line, and exit code 5",
       result.stderr)
half = tap.SCRATCH / "half.h5"
half.write_bytes(path.read_bytes()[:5000])
(tap.SCRATCH / "half.h5.undo").write_bytes(b"")
result = script("table.py", half)
tap.ok(result.returncode == 5 and "the next `tombola run` or `measure` mends it" in result.stderr, "one that is half grown will be mended", result.stderr)
torn = strange["small:/:longer"].make(tap.SCRATCH / "strange")
with h5py.File(torn, "r") as f:
    data = f[f"{family}/checkpoints"]
    at = data.id.get_offset() + row * data.id.get_storage_size() // data.shape[0]
tap.flip(torn, at)
with Store(torn) as store:
    tap.ok(np.array_equal(store.checkpoint(dense.id, 200), flat), "a part beside a damaged one is as it was")
    try:
        store.checkpoint(dense.id, 0)
        tap.ok(False, "a part that does not agree with its checksum is not returned")
    except Damaged as error:
        tap.ok("does not agree with its checksum" in str(error), "a part that does not agree with its checksum is not returned", error)

example = next(block for block in re.findall(r"```python\n(.*?)```", (tap.ROOT / "README.md").read_text(), re.S) if "Store(" in block)
result = tap.heard([sys.executable, "-c", example.replace("results/quick.h5", str(path))], cwd=tap.ROOT)
tap.ok(result.returncode == 0 and "test_accuracy" in result.stdout, "the README's five lines run", result.stderr)
tap.done()
