"""specimens.py: small sound stores, made by the program, that generate.py makes hostile ones of."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

# Dense networks, tickets, a trained mask, a search, a failed job and the one that it blocks; a measure beside the curves.
BLOCKS = """
tasks: {add: {kind: modular, expr: a + b, p: 5, train_fraction: 0.6}, poly: {kind: polynomial, d: 4, degree: 2, n_train: 8, n_test: 8}}
models: {mlp: {kind: embed_mlp, d_embed: 4, d_hidden: 3}, kumar: {kind: dense_mlp, d_hidden: 3, biases: false, readout: mean, activation: quadratic}}
training: {short: {epochs: 20}, wild: {optimizer: sgd, lr: 1e6, loss: mse, epochs: 20}}
record: {eval_every: 5, series_every: 5, measures: [norms]}
checkpoint: {every: 10}
grids:
"""
RUN = "name: run" + BLOCKS + """
  - {name: main, task: add, model: mlp, training: short, seed: [0, 1], control: [dense, ticket, edge_popup], t: final, k: 0.6}
  - {name: search, task: add, model: mlp, training: short, control: ticket, t: final, k: {search: [0.6, 0.8], step: 0.1, until: gen}}
  - {name: wild, task: poly, model: kumar, training: wild, control: [dense, ticket], t: final, k: 0.5, record: {measures: []}}
"""
GROWN = "name: grown" + BLOCKS + "  - {name: main, task: add, model: mlp, training: short, seed: SEEDS}\n"
NAMES = ("run", "archive", "grown")
SWEEPS = {"run": "run.yaml", "archive": "run.yaml", "grown": "grown.yaml"}
MEASURE = "histogram"  # what `run` and `archive` have as an annex; `measure` is asked for another one


def make(folder, program=tap.TOMBOLA):
    """{name: path} of the specimens; their sweep files lie beside them."""
    def call(*args, codes=(0,)):
        result = subprocess.run([program, *map(str, args)], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
                                env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
        if result.returncode not in codes:
            raise RuntimeError(f"{args}: exit code {result.returncode}\n{result.stdout}{result.stderr}")

    folder.mkdir(parents=True, exist_ok=True)
    stores = {name: folder / f"{name}.h5" for name in NAMES}
    (folder / "run.yaml").write_text(RUN)
    (folder / "grown.yaml").write_text(GROWN.replace("SEEDS", "0"))
    call("run", folder / "run.yaml", "--store", stores["run"], codes=(3,))
    call("measure", stores["run"], MEASURE)
    call("compact", stores["run"], "-o", stores["archive"])
    call("run", folder / "grown.yaml", "--store", stores["grown"])
    (folder / "grown.yaml").write_text(GROWN.replace("SEEDS", "{from: 0, to: 19, step: 1}"))
    call("run", folder / "grown.yaml", "--store", stores["grown"])
    return stores
