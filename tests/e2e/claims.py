#!/usr/bin/env python3
"""Claims: in a store where all is as the paper says each one holds, in one where it is the other way round none does, and
where jobs are missing, unfinished, or disagree between seeds nobody can tell.  Then the page of results, and `make papers`.

Nothing is trained for that: the jobs are those of sweeps/paper.yaml, with tiny networks, and their results are made up here.
beside: others
timeout: 240"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import seal  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
from store import Store  # noqa: E402

TABLE = {"continue": (0.53, 0.95, 1, 1), "frozen": (0.68, 0.80, 0.84, 0.92), "trained": (0.82, 0.96, 0.99, 1)}


def module(name, *args):
    command = [sys.executable, "-m", f"analysis.{name}", *map(str, args)]
    return tap.heard(command, cwd=tap.ROOT)


def verdicts(store, *more):
    result = module("claims", store, "--format", "json", "--paper", "minegishi", *more)
    tap.ok(result.returncode == 0 and not result.stderr, f"claims of {store.name}", result.stderr)
    return {claim["name"]: claim for claim in json.loads(result.stdout)["claims"]}


def count(found, word):
    return sorted(name for name, claim in found.items() if claim["verdict"] == word)


# --- made-up results ------------------------------------------------------------------------------------------------------
def generalises(job, true):
    """(t_mem, t_gen) of a job, in a world where the paper's claims are true, or all false.  None: never."""
    dense = 0.6 * job.epochs
    mem = job.epochs / 100
    early, late = 2 * mem, dense
    k = 0 if np.isnan(job.k) else job.k
    if job.control == "dense":
        gen = None if true and job.training_weight_decay == 0 and job.model == "mlp" else dense
    elif job.control == "ticket":
        before = job.t_asked.isdigit() and float(job.t_asked) < dense
        if job.training_weight_decay == 0 and job.model == "mlp":
            gen = dense if (0.8 <= k < 0.9) == true else None
        elif before:
            gen = None if true else early
        elif true:
            mem *= 1 + k
            gen = None if k > 0.8 else early + 4 * mem * abs(k - 0.7)
        else:
            gen = late * (0.9 + k / 9)
    elif job.control in ("l1", "l2"):
        gen = late  # nor is the ticket sooner where it is wrong
    elif job.control in ("random", "snip", "grasp", "synflow", "shuffle"):
        gen = late if true else early
    else:
        gen = early if true else late
    return mem, gen


def ramp(epoch, job, gen):
    """Rises from 0.1 to 1 in the tenth of all epochs that ends at t_gen."""
    end = 9 * job.epochs if gen is None else gen
    return np.clip((epoch - end) / (0.1 * job.epochs) + 1, 0, 1) * 0.9 + 0.1


def norm(epoch, job, p, true):
    curve = 10 - 5 * epoch / job.epochs
    if job.control == "ticket":
        return curve * (0.5 if p == 1 and true else 1 if true else 3)
    if job.control == f"l{p}" and not true:
        return curve + 100
    return curve * (0.5 if job.control == "l1" and p == 1 else 1)


def paint_measures(measures, row, epoch, job, gen, true):
    """epoch: of the checkpoints, one a slot."""
    def put(kind, array, values, column=None):
        for name in measures:
            if name.endswith(kind) and array in measures[name]:
                data = measures[name][array]
                data[(row, slice(0, len(values))) + ((slice(None),) if column is None else (column,))] = (
                    values if column is not None else np.repeat(values[:, None], data.shape[2], 1))

    rising = (epoch > gen - 0.05 * job.epochs) if gen else epoch < 0
    put("norms", "l1_masked", norm(epoch, job, 1, true))
    put("norms", "l2_masked", norm(epoch, job, 2, true))
    moved = 0.1 + 0 * epoch
    moved[np.argmax(rising) if true else -1] = 0.5
    put("jaccard", "distance", moved)
    waves = 1 - 0.5 * epoch / job.epochs
    if job.control == "ticket":
        waves = np.where((epoch > 0) & true, 0.4, 1.0)
    put("fourier", "fe", waves)
    up = np.where(rising, 3.0, 2.0)
    put("graph", "path_length", up if true else 5 - up)
    put("graph", "clustering", 5 - up if true else up)


def paint(path, copy, truth):
    """A copy of the store whose jobs are done; truth(seed): whether the paper is right in that seed."""
    shutil.copy(path, copy)
    with Store(path) as store:
        jobs = store.jobs()
    with h5py.File(copy, "r+") as f:
        table = f["jobs"][()]
        done = h5py.check_enum_dtype(table.dtype["state"])["done"]
        families = {int(group.attrs["index"]): group for group in f["families"].values()}
        for i, (_, job) in enumerate(jobs.iterrows()):
            true, row, group = truth(int(job.seed)), int(job.family_row), families[int(job.family)]
            mem, gen = generalises(job, true)
            points = group["epoch"][()]
            accuracy = ramp(points, job, gen)
            if job.control in TABLE:
                accuracy = np.interp(points, (600, 1000, 1400, 2000), TABLE[job.control] if true else (0.2,) * 4)
            regression = job.task_kind == "polynomial"
            group["series/test_accuracy"][row] = np.nan if regression else accuracy
            group["series/test_loss"][row] = np.exp(-5 * accuracy)
            slots = group["checkpoint_epoch"].shape[1]
            epoch = np.linspace(0, job.epochs, slots - 2).round()
            group["checkpoint_epoch"][row] = np.append(epoch, [-1, -1])
            paint_measures(group.get("measures", {}), row, epoch, job, gen, true)
            last = {"random": 0.3, "snip": 0.2 if true else 0.4}.get(job.control, 0.4)
            new = {"state": done, "attempts": 1, "seconds": 1, "started": 1e9 + i, "ended": 1e9 + i + 1, "epochs_done": job.epochs,
                   "t": float(job.t_asked) if job.t_asked.isdigit() else -1, "test_accuracy": np.nan if regression else last,
                   "t_mem": mem, "t_gen": gen or -1, "tau_grok": gen / mem if gen else np.nan}
            for name, value in new.items():
                table[name][i] = value
        f["jobs"][()] = table
    seal.seal(copy, every=True)
    return copy


# Networks of a few weights; one grid more, called as one of sweeps/mnist.yaml.
sweep = (tap.ROOT / "sweeps/paper.yaml").read_text()
sweep = re.sub(r"\b(d_embed|d_hidden|d_model|d_mlp|n_train|n_test): \d+", r"\1: 4", sweep)
sweep += "\n  - {<<: *addition, name: fig10-mnist, seed: [0, 1, 2]}\n"
path = tap.SCRATCH / "paper.h5"
sweep_path = tap.write("paper.yaml", sweep)
run = tap.tombola("run", sweep_path, "--store", path, "--time-left", "0")
tap.equal(run.returncode, 75, "the jobs of sweeps/paper.yaml are written down, and left untrained")

right = verdicts(paint(path, tap.SCRATCH / "right.h5", lambda seed: True))
tap.equal((len(right) > 40, sorted(set(right) - set(count(right, "holds")))), (True, []),
          "where the paper is right every claim holds")
wrong = verdicts(paint(path, tap.SCRATCH / "wrong.h5", lambda seed: False))
tap.equal(sorted(set(wrong) - set(count(wrong, "does not hold"))), [], "where it is wrong none does")
claim = right["ticket_2a_only"]
tap.equal((claim["values"].keys() == {"0", "1", "2", "3", "4"}, round(claim["mean"], 6), round(claim["sd"], 6)),
          (True, round(sum(claim["values"].values()) / 5, 6), 0), "ours are a mean, a standard deviation and every seed")

store = paint(path, tap.SCRATCH / "mixed.h5", lambda seed: seed != 1)
with h5py.File(store, "r+") as f:
    table = f["jobs"][()]
    some = next(i for i in range(len(table)) if table["control"][i] == b"ticket" and table["grid"][i] == b"fig2a-addition-mlp")
    table["state"][some] = h5py.check_enum_dtype(table.dtype["state"])["running"]
    f["jobs"][()] = table
seal.seal(store)
mixed = verdicts(store)
tap.ok({"when_after_fig4a-when", "shuffled_masks", "ticket_2c_multiply"} <= set(count(mixed, "cannot tell")),
       "where one seed of three disagrees nobody can tell", count(mixed, "cannot tell"))
tap.equal((mixed["ticket_2a_only"]["verdict"], mixed["ticket_2a_only"]["ours"]),
          ("cannot tell", "grid fig2a-addition-mlp: 4 of 5 jobs with control ticket are done"),
          "nor while a job runs, and it says so")

result = module("claims", sweep_path)
tap.ok(result.returncode == 1 and len(result.stderr.splitlines()) == 1, "what is no store is one clear error", result.stderr)

# --- the page of results --------------------------------------------------------------------------------------------------
plan = tap.SCRATCH / "plan.json"
plan.write_text(tap.tombola("plan", sweep_path, "--store", tap.SCRATCH / "none.h5", "--json").stdout)
runs = tap.write("runs", "start 1000000000 2\nstart 1000000100 2\nend 1000000110 75\nstart 1000000200 2\nend 1000003600 0\n")
page = tap.SCRATCH / "page/RESULTS.md"
result = module("results", tap.SCRATCH / "wrong.h5", "-o", page, "--plan", plan, "--runs", runs, "--figures", "images")
tap.equal((result.returncode, result.stderr), (0, ""), "a page of results")
text = page.read_text()
jobs = json.loads(plan.read_text())["jobs"]
wanted = (f"| {jobs} done | {jobs} jobs |", "times the estimate", "was killed", "was stopped", "to the end", "`fig4a-when`",
          "**does not hold**")
tap.equal([words for words in wanted if words not in text], [], "it has verdicts, costs and estimates")
rows = [line for line in text.splitlines() if "<sub>" in line]
tap.ok(len(rows) >= len(wrong) and all(len(re.findall(r"(?<!\\)\|", row)) == 6 for row in rows), "a row a claim", rows[:2])
tap.ok(f"| core-hours | {jobs / 3600:.2f} |" in text, "core-hours are the sum over the jobs", text[:3000])
pictures = re.findall(r"\]\((.*?\.png)\)", text)
sizes = [(page.parent / name).stat().st_size for name in pictures]
tap.ok(pictures and max(sizes) < 150_000, "its pictures are there and small", sizes)
here = rf"{re.escape(str(tap.SCRATCH))}|\b{re.escape(os.uname().nodename)}\b|/home|/tmp"
tap.equal(re.findall(here, text), [], "nothing in it is of this machine")

# --- make papers ----------------------------------------------------------------------------------------------------------
SMALL = """
name: small
tasks: {add: {kind: modular, expr: a + b, p: 13, train_fraction: 0.6}}
models: {mlp: {kind: embed_mlp, d_embed: 16, d_hidden: 8}}
training: {adamw: {epochs: 300}}
grids:
  - {name: fig2a-addition-mlp, task: add, model: mlp, training: adamw, seed: [0, 1], control: [dense, ticket], t: final, k: 0.6}
"""


def hear():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell without a terminal has what it starts in the background ignore it


def begin(sweep_file, store, python=sys.executable):
    environment = dict(os.environ, RUN_MPI=" ".join(tap.MPIRUN), RUN_PYTHON=python, RESULTS=str(store.with_suffix(".md")))
    command = [tap.ROOT / ".make/papers", tap.TOMBOLA, sweep_file, store]
    return tap.Background(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tap.ROOT, env=environment,
                          stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=hear)


def papers(*args, **more):
    process = begin(*args, **more)
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


folder = tap.SCRATCH / "papers"
folder.mkdir()
(folder / "small.yaml").write_text(SMALL)
store = folder / "results/small.h5"
first, second = papers(folder / "small.yaml", store), papers(folder / "small.yaml", store, python="true")
tap.equal((first.returncode, second.returncode), (0, 0), "make papers: runs, and runs again")
words = [line.split()[::2] for line in store.with_suffix(".runs").read_text().splitlines()]
tap.equal([word[0] for word in words], ["start", "end"] * 2, "each run is written down")
tap.equal((words[1][1], words[3][1]), ("0", "0"), "and how it ended")
estimate = json.loads(store.with_suffix(".plan.json").read_text())
tap.equal(estimate["to_train"], 4, "the estimate is for all jobs, though all are there")
tap.ok("| jobs | 4 done | 4 jobs |" in store.with_suffix(".md").read_text() and (store.with_suffix("") / "curves.png").exists(),
       "results and figures are there", first.stderr)
told = re.findall(r"^([A-Z ]+): .*\n    paper  .*\n    ours   (.*)", first.stdout, re.M)
tap.ok(len(told) >= len(right) and {word for word, _ in told} == {"CANNOT TELL"},
       "so are claims; of grids that are not there nothing can be told", first.stdout[-2000:])
tap.equal(told[0][1], "grid fig2a-addition-mlp: neither ticket nor dense ever generalises, in any seed", "nor of what never happens")
long = re.sub("epochs: 300", "epochs: 10000000", SMALL)
(folder / "long.yaml").write_text(long + "record: {eval_every: 1000}\ncheckpoint: {every: 0}\n")
stopped = begin(folder / "long.yaml", folder / "results/long.h5")
tap.ok(tap.wait_for(lambda: tap.starts(folder / "results/long.h5"), seconds=60), "a long run is at work")
os.killpg(stopped.pid, signal.SIGINT)
stopped.communicate()
told = (folder / "results/long.runs").read_text().split()
tap.equal((stopped.returncode, told[-3::2], (folder / "results/long.md").exists()), (75, ["end", "75"], False),
          "Ctrl-C: it is stopped where the same command goes on, and nothing is written about it")
(folder / "small.yaml").write_text(SMALL.replace("p: 13", "p: x"))
bad = papers(folder / "small.yaml", store)
tap.ok(bad.returncode == 2 and "small.yaml:" in bad.stderr, "a fault in a sweep file ends it", bad.stderr)
tap.done()
