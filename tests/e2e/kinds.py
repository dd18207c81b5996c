#!/usr/bin/env python3
"""Every task, model, optimiser and control that needs no files, killed again and again, ends up with the bits of an undisturbed run;
what regression and losses of one output say of themselves.
timeout: 240
beside: others"""
import os
import random
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402

TRAINED_ELSEWHERE = {"arrays", "masked", "imdb", "mnist", "nothing"}
SWEEP = """
tasks:
  modular: {kind: modular, expr: a/b if b odd else a - b, p: 23, pairs: ordered}
  permutation: {kind: permutation, n: 3}
  parity: {kind: parity, n: 20, n_train: 200}
  polynomial: {kind: polynomial, d: 20, n_train: 100, n_test: 50}
  draw: {kind: draw, x: bits 12, y: "product(x[0:2]) > 0", classes: 1, train: 200, test: 50}
  sentiment: {kind: sentiment, n_train: 100, n_test: 100}
models:
  embed_mlp: {kind: embed_mlp, d_embed: 24, d_hidden: 16}
  transformer: {kind: transformer, d_model: 16, d_mlp: 24}
  symbols: {kind: dense_mlp, d_hidden: 24, layers: 2}
  dense_mlp: {kind: dense_mlp, d_hidden: 40, prune: [weights], decay: [W_1]}
  mean: {kind: dense_mlp, d_hidden: 50, readout: mean, biases: false, activation: quadratic, init: normal, init_scale: 4}
  lstm: {kind: lstm, d_embed: 6, d_hidden: 8}
  list: {kind: net, d: 12, net: [embed $d, positions, {residual: [attention heads=2 bias=yes]}, norm layer, {residual: [dense 2*$d, gelu, dense $d]}, at last, dropout 0.2, dense $classes]}
  batch: {kind: net, net: [embed 12, norm batch, flatten, dense 20 bias=no, norm batch, relu, dense $classes]}
  cells: {kind: net, net: [embed 6, lstm 8, dense $classes]}
training:
  adamw: {lr: 3e-3, warmup: 10, epochs: 3000}
  adam: {optimizer: adam, weight_decay: 1e-4, loss_precision: float32, batch: 70, epochs: 2000}
  hinge: {optimizer: sgd, lr: 0.1, weight_decay: 0.01, momentum: 0.5, loss: hinge, batch: 32, epochs: 1000}
  logistic: {use: adamw, loss: binary_cross_entropy, precision: double, epochs: 2000}
  squares: {optimizer: sgd, lr: 0.1, loss: mse, epochs: 4000}
record: {eval_every: 10, loss_bound: 0.05}
grids:
  - {name: symbols, mirrors: accept, task: [modular, permutation], model: [embed_mlp, transformer, symbols], training: [adamw, adam]}
  - {name: controls, mirrors: accept, task: modular, model: embed_mlp, training: adamw, t: final, k: 0.3,
     control: [dense, ticket, l1, l2, random, shuffle, reinit, invert, snip, grasp, synflow, continue, edge_popup]}
  - {name: lists, task: [modular, permutation], model: [list, batch], training: [adamw, adam], training.epochs: 100}
  - {name: lists-controls, task: modular, model: [list, batch], training: adamw, training.epochs: 200, t: final, k: 0.3,
     control: [dense, ticket, l1, l2, random, shuffle, reinit, invert, snip, grasp, synflow, continue, edge_popup]}
  - {name: bits, task: [parity, draw], model: dense_mlp, training: [hinge, logistic], control: [dense, ticket], t: final, k: 0.3}
  - {name: texts, task: sentiment, model: [embed_mlp, symbols], training: [hinge, logistic]}
  - {name: sequences, task: sentiment, model: [lstm, cells], training: [hinge, logistic], training.epochs: 300}
  - {name: numbers, task: polynomial, zip: [model, training.lr], model: [dense_mlp, mean], training: squares, training.lr: [0.1, 10],
     control: [dense, ticket], t: mem, k: 0.1}
"""

kinds = re.findall(r"^(?:task|model|optimizer|control) (\w+):", tap.tombola("kinds").stdout, re.M)
named = set(re.findall(r"(?:kind|optimizer): (\w+)", SWEEP)) | {"adamw"}
named |= {word for names in re.findall(r"control: \[([^\]]*)\]", SWEEP) for word in names.split(", ")}
tap.equal(sorted(set(kinds) - named - TRAINED_ELSEWHERE), [], "every task, model, optimiser and control is tried here or needs files")

sweep = tap.write("kinds.yaml", SWEEP)
whole, store = tap.SCRATCH / "whole.h5", tap.SCRATCH / "killed.h5"
result = tap.tombola("run", sweep, "--store", whole, ranks=2)
tap.equal(result.returncode, 0, "undisturbed") or print(result.stderr)

dice = random.Random(int(os.environ.get("SEED", "1")))
share = tap.writes(whole) // 10
codes, log = tap.disturbed(lambda: tap.start("run", sweep, "--store", store, "--resume-every", "0.02", ranks=2), store,
                           [dice.randint(1, share) for _ in range(8)])
tap.equal(codes[:-1], [-signal.SIGKILL] * 8, "it was killed eight times")
code = codes[-1]
if code == 3:  # a job has died three times, and waits for --retry-failed
    code = tap.tombola("run", sweep, "--store", store, "--retry-failed", ranks=2).returncode
tap.equal(code, 0, "the same command finishes") or print(log)
found = digest.differences(whole, store)
tap.ok(not found, "the same bits as undisturbed", "\n".join(found))

rows = tap.query(whole, "SELECT id, control, t_mem, train_loss, train_accuracy, test_accuracy FROM jobs WHERE task_kind = 'polynomial'")
tap.ok(len(rows) == 4 and all(r[2] is not None and r[2] > 0 and r[3] < 0.05 for r in rows), "t_mem of a regression is by its loss", rows)
tap.ok(all(r[4] is None and r[5] is None for r in rows), "which has no accuracy", rows)
shown = tap.tombola("show", whole, rows[0][0]).stdout + tap.tombola("status", whole).stdout
shown = re.sub(r"^ *series/.*\n", "", shown, flags=re.M)  # what can be exported
tap.ok("accuracy" not in shown and "nan" not in shown, "and show and status do not speak of one", shown)


def ids(text):
    other = tap.SCRATCH / "other.h5"
    other.unlink(missing_ok=True)
    code = tap.tombola("run", tap.write("other.yaml", text), "--store", other, "--time-left", "0").returncode
    tap.equal(code, 75, "only made")
    return dict(map(reversed, tap.query(other, "SELECT id, task || ' ' || control || ' ' || training || ' ' || model FROM jobs")))


ONE = SWEEP.split("grids:")[0] + """
grids:
  - {task: parity, model: dense_mlp, training: hinge, control: ticket, t: mem, k: 0.5}
  - {task: polynomial, model: mean, training: squares, control: ticket, t: mem, k: 0.5}
"""
ONE = re.sub(r"  (modular|permutation|sentiment|embed_mlp|transformer|symbols|adamw|adam|logistic): .*\n", "", ONE)
before, bound, threshold = ids(ONE), ids(ONE.replace("loss_bound: 0.05", "loss_bound: 0.06")), ids(ONE.replace("loss_bound", "threshold: 0.9, loss_bound"))
tap.equal(sorted(k for k in before if before[k] != bound[k]), ["polynomial ticket squares mean"],
          "the bound is part of what a regression's ticket is, and of nothing else")
tap.equal(sorted(k for k in before if before[k] != threshold[k]), ["parity ticket hinge dense_mlp"], "the threshold likewise of a classifier's")

WRONG = {
    "loss: hinge": ("loss: cross_entropy", "loss cross_entropy needs two outputs or more"),
    "loss: mse": ("loss: hinge", "loss hinge needs labels, and this task has numbers to predict; allowed: mse"),
    "prune: [weights]": ("prune: [W_7]", "'prune' names W_7, which this network does not have"),
    "n: 20": ("n: 2", "k is 3, more than the 2 bits"),
    "d: 20": ("d: 20, degree: 0", "'degree' is 0, outside [1, 10]"),
}
for right, (wrong, says) in WRONG.items():
    result = tap.tombola("plan", tap.write("wrong.yaml", ONE.replace(right, wrong)))
    tap.ok(result.returncode == 2 and says in result.stderr, f"{wrong} is refused", result.stderr)
tap.done()
