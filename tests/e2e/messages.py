#!/usr/bin/env python3
"""What a command says to what it cannot do, and its exit code: a table, for messages that belong to no other test.
beside: others
timeout: 120"""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import numpy as np  # noqa: E402

SMALL = """
tasks: {add: {kind: modular, expr: a + b, p: 7}}
models: {mlp: {kind: embed_mlp, d_embed: 4, d_hidden: 4}}
training: {full: {epochs: 20}}
grids: [{name: small, task: add, model: mlp, training: full, control: [dense, ticket], t: 20, k: 0.5, seed: [0, 1, 2]}]
"""
# Sweeps whose first grid asks for what cannot be; weights.npz and split.npz lie beside them.
OTHER = """
tasks: {add: {kind: modular, expr: a + b, p: 7}, polynomial: {kind: polynomial, d: 4, degree: 2, n_train: 10, n_test: 10}}
models: {mlp: {kind: dense_mlp, d_hidden: 4}, embed: {kind: embed_mlp, d_hidden: 4}}
training: {full: {epochs: 20}}
grids: [{training: full, %s}]
"""


def pairs(columns, other=None):
    return {"train_pairs": np.zeros((3, columns), np.int64), "train_labels": np.zeros(3, np.int64),
            "test_pairs": np.ones((3, other or columns), np.int64), "test_labels": np.zeros(3, np.int64)}


np.savez(tap.SCRATCH / "weights.npz", theta=np.zeros(4))
for columns, word in ((3, "three"), (4, "four")):
    np.savez(tap.SCRATCH / f"{word}.npz", **pairs(columns))
np.savez(tap.SCRATCH / "uneven.npz", **pairs(2, 3))
np.savez(tap.SCRATCH / "flat.npz", **{**pairs(2), "train_pairs": np.zeros(6, np.int64)})
np.savez(tap.SCRATCH / "half.npz", **{**pairs(2), "train_pairs": np.full((3, 2), 0.5)})
(tap.SCRATCH / "neither.npz").write_bytes(b"no archive, of no kind that is known here")
(tap.SCRATCH / "short.npz").write_bytes(b"PK\3\4" + bytes(10))
whole = (tap.SCRATCH / "weights.npz").read_bytes()
(tap.SCRATCH / "cut.npz").write_bytes(whole[:60])
sweep, store = tap.write("small.yaml", SMALL), tap.SCRATCH / "small.h5"
tap.equal(tap.tombola("run", sweep, "--store", store).returncode, 0, "a small store")
dense = tap.query(store, "SELECT id FROM jobs WHERE control = 'dense'")[0][0]
new = tap.SCRATCH / "new.h5"
COMMANDS = [
    (["completion", "fish"], "no completion is known for 'fish'; allowed: bash, zsh"),
    (["no_such"], "unknown command 'no_such'; see `tombola --help`"),
    (["statu", store], "unknown command 'statu'; did you mean 'status'?"),
    (["status", store, "x"], "unexpected argument 'x'; see `tombola status --help`"),
    (["kinds", "dropout"], "nothing is called 'dropout'; did you mean 'net/dropout'; `tombola kinds` lists all there is"),
    (["kinds", "nothing_like"], "nothing is called 'nothing_like'; `tombola kinds` lists all there is"),
    (["export", store, dense, "weights@7", "-o", tap.SCRATCH / "x.npy"], "the job has no weights at '7'; it has those at epoch 0, 20"),
    (["export", store, dense, "weights@seven", "-o", tap.SCRATCH / "x.npy"], "'@seven'; allowed: an epoch, mem, gen, final"),
    (["export", store, dense, "mask", "-o", tap.SCRATCH / "x.npy"], "the job trains without a mask"),
    (["export", store, dense, "nothing", "-o", tap.SCRATCH / "x.npy"], "the job has no 'nothing'; it has weights"),
    (["export", store, dense, "weights", "-o", tap.SCRATCH / "x.txt"], f"'{tap.SCRATCH / 'x.txt'}': the ending says the format; allowed: .npy, .npz, .safetensors, .csv"),
    (["show", store, "ab"], "'ab' is too short: at least 4 characters of a job's id"),
    (["query", store, "SELECT 1", "--format", "xml"], "--format is 'xml'; allowed: table, csv"),
    (["query", store], "query needs SQL, or --schema to see what can be asked for"),
    (["query", store, "SELECT 1", "--no-header", "--json"], "--no-header goes with --format table, csv or tsv"),
    (["measure", store, "nothing_like"], "'nothing_like' is neither a measure nor a sweep file; measures: norms"),
    (["measure", tap.SCRATCH / "none.h5", "norms"], "there is no store"),
    (["run", sweep, "--store", ""], "option '--store' is given nothing; see `tombola run --help`"),
    (["plan", sweep, "--where="], "option '--where' is given nothing; see `tombola plan --help`"),
    (["compact", store, "-o", ""], "option '--output' is given nothing; see `tombola compact --help`"),
    (["query", store, ""], "'query' is given an empty argument; see `tombola query --help`"),
    (["run", sweep, "--store", "d/" * 2500 + "x.h5"], "a path may have at most 4095 characters, not 5004"),
    (["run", sweep, "--store", new, "--max-failures", "x"], "--max-failures is 'x'; allowed: a number of jobs, or a percentage like 5%"),
    (["run", sweep, "--store", new, "--time-left", "x"], "--time-left is 'x'; allowed: seconds, or a number with s, m, h or d"),
    (["run", sweep, "--store", "/proc/new.h5"], "cannot be created"),
    (["plan", sweep, "--only", "x"], "--only: the sweep has no grid 'x'; known: small"),
    (["plan", sweep, "--where", "t_gen > 3"], "--where: 't_gen' is a result: jobs are chosen by what they are"),
    (["plan", sweep, "--where", "seed < 3; SELECT 1"], "--where: SQL: one condition is wanted, as behind WHERE"),
    (["plan", sweep, "--where", "seed = 1) OR (seed = 2"], "--where: SQL: one condition is wanted, as behind WHERE"),
    (["plan", sweep, "--where", "seed = 1 LIMIT 1"], "--where: SQL: one condition is wanted, as behind WHERE"),
    (["plan", sweep, "--where", "seed <"], "--where: SQL: incomplete input"),
    (["plan", sweep, "--where", "seed = 99"], "--where: the condition holds for none of the 6 jobs"),
    (["merge", store, "-o", store], "cannot be copied to itself"),
    (["merge", store, store, "-o", new], "is given twice"),
    (["compact", store], "compact needs --output FILE"),
]
GRIDS = [
    ("task: add, model: embed, split: {file: three.npz}", "the split has 3 tokens an example, the task 2"),
    ("task: add, model: embed, split: {file: uneven.npz}", "train_pairs and test_pairs differ in width"),
    ("task: add, model: embed, split: {file: flat.npz}", "dataset 'data/train_pairs' must be [examples, width], with one example at least"),
    ("task: add, model: embed, split: {file: half.npz}", "dataset 'data/train_pairs' holds 0.5, which is no token"),
    ("task: add, model: embed, init: {file: neither.npz}", "cannot be read as an HDF5, .npz or .safetensors file"),
    ("task: add, model: embed, init: {file: short.npz}", "is cut off or damaged"),
    ("task: add, model: embed, init: {file: cut.npz}", "is cut off or damaged"),
    (f"task: add, model: embed, init: {{file: {'d/' * 190}x.npz}}", "the path '"),
]


def refuses(args, words, name):
    found = tap.tombola(*args)
    tap.ok(found.returncode == 2 and words in found.stderr and len(re.findall("^tombola: error: ", found.stderr, re.M)) == 1,
           f"{name}: {words}", f"exit code {found.returncode}\n{found.stderr}")


for args, words in COMMANDS:
    refuses(args, words, args[0])
for i, (grid, words) in enumerate(GRIDS):
    refuses(["plan", tap.write(f"grid{i}.yaml", OTHER % grid)], words, grid[:70])
tap.ok(not new.exists(), "nothing of that made a store")
result = tap.tombola("run", tap.write("given.yaml", OTHER % "task: polynomial, model: mlp, training.loss: mse, split: {file: four.npz}"),
                     "--store", tap.SCRATCH / "given.h5")
tap.ok(result.returncode == 2 and "task polynomial takes no split" in result.stderr, "a split of a task without pairs", result.stderr)
drawn = tap.SCRATCH / "drawn.h5"
tap.tombola("run", tap.write("drawn.yaml", OTHER % "task: polynomial, model: mlp, training.loss: mse"), "--store", drawn)
refuses(["export", drawn, tap.query(drawn, "SELECT id FROM jobs")[0][0], "split", "-o", tap.SCRATCH / "s.npz"], "task polynomial takes no split", "export")
result = tap.tombola("plan", tap.write("x" * 70 + ".yaml", SMALL))
tap.ok(result.returncode == 2 and "the file's name gives the sweep one of more than 63 characters; give 'name'" in result.stderr,
       "a file of a long name", result.stderr)

# --- warnings -------------------------------------------------------------------------------------------------------------
result = tap.tombola("run", sweep, "--store", new, env={"SLURM_JOB_ID": "1", "SLURM_JOB_END_TIME": str(int(time.time()) + 20)})
tap.ok(result.returncode == 75 and re.search(r"warning: the Slurm job ends in \d+ s, and a margin of 60 s is kept: nothing is trained", result.stderr),
       "a Slurm job that is nearly over", result.stderr)
tap.done()
