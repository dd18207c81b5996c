#!/usr/bin/env python3
"""The papers' sweeps, with tiny networks and few epochs: every grid trains, and every figure finds in the store what it draws.
beside: others
timeout: 300"""
import importlib
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
from store import Store  # noqa: E402

# In the order of the list: what is written in the file, and what stands there instead.
TINY = {
    "paper": [(r"seed: \[0, 1, 2.*?\]", "seed: [0, 1]"), (r"p: 67", "p: 11"), (r"train_fraction: 0.4", "train_fraction: 0.7"),
              (r"d_embed: 500, d_hidden: 48", "d_embed: 24, d_hidden: 12"), (r"d_hidden: \d{3,}", "d_hidden: 24"),
              (r"d_model: 128, heads: 1, d_mlp: 128", "d_model: 16, heads: 1, d_mlp: 16"),
              (r"lr: 1e-3, weight_decay: 1,", "lr: 1e-2, weight_decay: 1,"), (r"n_train: \d+, n_test: \d+", "n_train: 50, n_test: 50"),
              (r"lr: 8000", "lr: 400"), (r"epochs: 40000", "epochs: 400"), (r"epochs: (20000|4000)", "epochs: 200"),
              (r"\[2000, 4000, .*26000\]", "[20, 100, 200]"), (r"\[500, 1000, .*16000\]", "[20, 100]"),
              (r"every: (2000|100)\b", "every: 20")],
}
MISSING = {"minegishi": {"minegishi-fig10"}}  # needs MNIST


def draws(sweep, module):
    store, folder = tap.SCRATCH / f"{sweep}.h5", tap.SCRATCH / module
    run = tap.tombola("run", tap.shrunk(sweep, TINY[sweep]), "--store", store, ranks=2)
    tap.equal(run.returncode, 0, f"{sweep}.yaml runs") or print(run.stderr)
    figures = importlib.import_module(module).FIGURES
    with Store(store) as s:
        tap.ok(len(s.grids()) == len(set(s.grids())) > 1, "its grids are in the store")
    result = tap.heard([sys.executable, "-m", "analysis.figures", store, "-o", folder, "--format", "svg"], cwd=tap.ROOT)
    tap.equal(result.returncode, 0, "figures.py") or print(result.stderr)
    drawn = {path.stem for path in folder.glob("*.svg")}
    tap.equal(drawn & set(figures), set(figures) - MISSING[module], f"every figure of {module} is drawn, but for those that need other data")
    why = re.findall(r"^(.*): not drawn: .", result.stdout, re.M)
    tap.equal(set(why) & set(figures), MISSING[module], "and for those it is said why")


draws("paper", "minegishi")
tap.done()
