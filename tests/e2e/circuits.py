#!/usr/bin/env python3
"""sweeps/chen.yaml and sweeps/merrill.yaml with tiny networks: every grid trains, every figure of analysis/circuits.py finds
what it draws, every claim what it judges; and where the papers are right each claim holds, where they are wrong none does.
beside: others
timeout: 300"""
import shutil
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0])
import seal  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import circuits  # noqa: E402
import figures  # noqa: E402
from claims import WORDS  # noqa: E402
from claims.output import FAILED, judged  # noqa: E402
from store import Store  # noqa: E402

# In the order of the lists: what is written in the file, and what stands there instead.
TINY = {
    "chen": [(r"seed: \[0, 1, 2.*?\]", "seed: [0, 1]"), (r"p: (113|43)", "p: 7"), (r"train_fraction: 0.[35]", "train_fraction: 0.8"),
             (r"d_model: \d+, heads: 4, d_mlp: \d+", "d_model: 8, heads: 2, d_mlp: 8"), (r"d_model: \d\d+, d_mlp: \d+", "d_model: 8, d_mlp: 12"),
             (r"lr: 1e-3", "lr: 1e-2"), (r"draws: 100", "draws: 4"), (r"eval_every: \d+", "eval_every: 10, threshold: 0.1")],
    "merrill": [(r"seed: \[.*?\]", "seed: [0, 1]"), (r"n: 40", "n: 10"), (r"n_train: 1000, n_test: 1000", "n_train: 64, n_test: 64"),
                (r"d_hidden: 1000", "d_hidden: 40"), (r"every: 2\b", "every: 10"), (r"eval_every: 1\b", "eval_every: 1, threshold: 0.1")],
}


def verdicts(path):
    found = {}
    with Store(path) as store:
        for paper in ("chen", "merrill"):
            found |= {f"{paper} {claim.name}": verdict for claim, verdict in judged(store, paper)}
    return found


def unlike(found, word):
    return {name: (verdict.holds, verdict.ours) for name, verdict in found.items() if WORDS[verdict.holds] != word}


# --- what the sweeps leave in a store ---------------------------------------------------------------------------------------
path = tap.SCRATCH / "circuits.h5"
for sweep in TINY:
    run = tap.tombola("run", tap.shrunk(sweep, TINY[sweep]), "--store", path, ranks=2)
    tap.ok(run.returncode == 0, f"{sweep}.yaml runs", run.stderr)
with Store(path) as store:
    drawn = []
    for name, figure in figures.papers(store):
        drawn.append(name)
        there = tap.ok(not isinstance(figure, str), f"{name} is drawn", figure)
        if there:
            tap.ok(all(axes.has_data() for axes in figure.axes), "and none of its panels is empty")
    tap.equal(drawn, list(circuits.FIGURES), "they are those of circuits.py")
told = verdicts(path)
tap.equal([v.ours for v in told.values() if v.ours.startswith(FAILED)], [], "no claim's own program fails")
tap.ok(unlike(told, "cannot tell"), "what such networks do is judged")


# --- made-up results ----------------------------------------------------------------------------------------------------------
MEMORISED = {"right": 0.95, "wrong": 1.2, "fast": 0.3}  # t_gen of tickets from the end of memorisation, dense network 1


def generalises(job, world):
    """(t_mem, t_gen) where Chen is right of circuit formation and clean-up, or not."""
    length = 12000 if "small" in job.model else 14000
    dense, early, true = 0.6 * length, 0.05 * length, world != "wrong"
    if job.control == "dense":
        return 0.02 * length if true else 0.12 * length, dense
    if job.control == "random":
        return 0.01 * length, None if true else early
    if job.t_asked in ("0", "mem"):
        return 0.01 * length, dense if true else 0.6 * dense
    if job.t_asked in ("1000", "1400"):
        return 0.01 * length, MEMORISED[world] * dense
    drawn = {"1500": 1, "5000": 1, "gen": 2, "12000": 3, "14000": 3}[job.t_asked]
    return 0.01 * length, (2.2 - 0.4 * drawn) * early if true else (0.5 + 0.2 * drawn) * dense


def step(epoch, at, before, after):
    return np.where(epoch < at, before, after)


def paint_progress(measures, row, epoch, job, gen, true):
    loss = step(epoch, gen, 20.0, 1e-6)
    restricted = step(epoch, gen / 3 if true else 2 * gen, 4.0, 1e-6)
    excluded = step(epoch, gen / 2, 0.1, 5.0 if true else 0.2)
    gini = step(epoch, 1.1 * gen if true else gen / 2, 0.1, 0.7 if true else 0.2)
    llc = step(epoch, gen, 100.0, 1.0 if true else 80.0)
    for name, values in (("progress/loss", loss), ("progress/restricted_loss", restricted), ("progress/excluded_keys_loss", excluded),
                         ("progress/embed_gini", gini), ("llc/llc", llc)):
        if name.split("/")[0] in measures:
            measures[name][row, : len(epoch)] = values[:, None]


def paint_parity(measures, row, epoch, gen, true):
    def put(name, *columns):
        data = measures[f"subnetwork/{name}"]
        data[row, : len(epoch)] = np.stack(columns, 1).reshape((len(epoch),) + data.shape[2:])
    part = step(epoch, gen, 0.5, 1.0)
    poor = 0.55 + 0 * epoch
    def parts(name, subnetwork, rest):  # the last two columns; the network's own, if it is there, is the first
        data = measures[f"subnetwork/{name}"]
        put(name, *[subnetwork] * (data.shape[2] - 1), rest)
    put("linear_size", step(epoch, gen, 600.0, 6.0 if true else 500.0))
    for name in ("test_accuracy", "test_faithfulness"):
        parts(name, part if true else poor, poor if true else part)
    parts("circuit_norm", step(epoch, gen, 0.2, 0.8) if true else step(epoch, 2 * gen, 0.2, 0.3), step(epoch, gen, 0.2, 0.05 if true else 0.3))
    parts("circuit_train_accuracy", step(epoch, gen, 0.5, 1.0), step(epoch, gen, 0.9, 0.6) if true else 0.4 + 0 * epoch)


def paint(world):
    """A copy of the store whose jobs have done what a world would have them do."""
    copy, true = tap.SCRATCH / f"{world}.h5", world != "wrong"
    shutil.copy(path, copy)
    with Store(path) as store:
        jobs = store.jobs()
    with h5py.File(copy, "r+") as f:
        table = f["jobs"][()]
        table["state"][: len(jobs)] = h5py.check_enum_dtype(table.dtype["state"])["done"]
        families = {int(group.attrs["index"]): group for group in f["families"].values()}
        for i, (_, job) in enumerate(jobs.iterrows()):
            row, group, parity = int(job.family_row), families[int(job.family)], job.task == "parity"
            mem, gen = ((20, 160) if true else (100, 160)) if parity else generalises(job, world)
            points, epoch = group["epoch"][()], group["checkpoint_epoch"][row][:-2]
            group["series/test_accuracy"][row] = step(points, gen or 9e9, 0.1, 1.0)
            if parity:
                paint_parity(group["measures"], row, epoch, gen, true)
            elif job.control == "dense":
                paint_progress(group["measures"], row, epoch, job, gen, true)
            new = {"t_mem": mem, "t_gen": gen or -1, "tau_grok": gen / mem if gen else np.nan}
            for name, value in {**new, **({"t": 100} if job.t_asked in ("mem", "gen") else {})}.items():
                table[name][i] = value
        f["jobs"][()] = table
    seal.seal(copy, every=True)
    return copy


found = verdicts(paint("right"))
tap.equal((len(found) > 25, unlike(found, "holds")), (True, {}), "where the papers are right every claim holds")
found = unlike(verdicts(paint("wrong")), "does not hold")
tap.equal(set(found), {"chen memorised_does_not_help"}, "where they are wrong none does, but that one is the opposite of another") or print(found)
found = unlike(verdicts(paint("fast")), "holds")
tap.equal(set(found), {"chen memorised_does_not_help"}, "nor does it where tickets from memorisation are fast") or print(found)

# A ticket that ran for 4000 epochs is no slower than a half of 8400, as far as anyone knows.
with h5py.File(tap.SCRATCH / "fast.h5", "r+") as f:
    table = f["jobs"][()]
    some = next(i for i in range(len(table)) if table["t_asked"][i] == b"14000" and table["epochs"][i] == 4000)
    table["t_gen"][some] = -1
    f["jobs"][()] = table
seal.seal(tap.SCRATCH / "fast.h5")
claim = verdicts(tap.SCRATCH / "fast.h5")["chen clean_up_large"]
tap.equal((claim.holds, "4000 epochs" in claim.ours), (None, True), "a run that is too short says nothing")
tap.done()
