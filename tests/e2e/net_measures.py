#!/usr/bin/env python3
"""Measures of networks that are lists: every measure of the registry is tried on one; those that look at embeddings and hidden
neurons are told where these are, and say of a list what they say of embed_mlp with the same weights.
timeout: 200
beside: others"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import numpy as np  # noqa: E402

P, D, H = 13, 10, 8
SWEEP = """
tasks: {{add: {{kind: modular, expr: a + b, p: 13, train_fraction: 0.6}}}}
models:
  list: {{kind: net, net: [embed {d}, {{sum: [[at 0], [at 1]]}}, dense {h} bias=no, relu, dense {d} bias=no, dense $classes bias=no]}}
  short: {{kind: net, net: [embed {d}, flatten, dense {h}, norm batch, relu, dense $classes]}}
  kind: {{kind: embed_mlp, d_embed: {d}, d_hidden: {h}}}
training: {{t: {{lr: 1e-2, epochs: {epochs}, precision: double}}}}
checkpoint: {{every: 10}}
measures: {{{measures}}}
record: {{measures: [{names}]}}
grids: [{{task: add, model: {model}, training: t{more}}}]
"""


def sweep(name, model, measures, epochs=20, more=""):
    text = ", ".join(f"{key}: {value}" for key, value in measures.items())
    return tap.write(f"{name}.yaml", SWEEP.format(d=D, h=H, epochs=epochs, measures=text, names=", ".join(measures), model=model, more=more))


def values(store):
    rows = tap.query(store, "SELECT measure, name, epoch, label, item, value FROM measures ORDER BY 1, 2, 3, 5")
    found = {}
    for measure, name, epoch, _, _, value in rows:
        found.setdefault((measure, name, epoch), []).append(np.nan if value is None else value)
    return {key: np.array(v) for key, v in found.items()}


def run(name, *args, **more):
    store = tap.SCRATCH / f"{name}.h5"
    result = tap.tombola("run", sweep(name, *args, **more), "--store", store)
    tap.equal(result.returncode, 0, f"{name} is trained and measured") or print(result.stderr)
    return store, values(store)


# All that there are, on a list: what needs no place, what is given one, and what refuses.
kinds = re.findall(r"^measure (\w+):", tap.tombola("kinds").stdout, re.M)
PLACES = {"pca": "symbols: embed1", "fourier": "symbols: embed1, hidden: dense1, answers: dense2"}
REFUSED = {"graph": "do not stand in layers", "progress": "hidden neurons", "subnetwork": "dense_mlp"}
asked = {f"m_{k}": f"{{kind: {k}{', ' + PLACES[k] if k in PLACES else ''}{', draws: 20, chains: 2' if k == 'llc' else ''}}}"
         for k in kinds if k not in REFUSED and k != "subsets"}  # whose numbers are of labels that are wrong
store, found = run("all", "short", asked)
have = {measure for measure, _, _ in found}
tap.ok(have == set(asked), f"{len(have)} measures of a list", sorted(set(asked) - have))
tap.ok(all(np.isfinite(v).any() for v in found.values()), "and each has numbers", [k for k, v in found.items() if not np.isfinite(v).any()])
job = tap.query(store, "SELECT id FROM jobs")[0][0]
for kind, says in REFUSED.items():
    plan = tap.tombola("plan", sweep("refused", "short", {"m": f"{{kind: {kind}}}"}))
    tap.ok(plan.returncode == 2 and says in plan.stderr, f"{kind} is refused, and says why", plan.stderr)

# Units of a list that has layers.
LAYERS = """
tasks: {bits: {kind: parity, n: 8, k: 2, n_train: 100, n_test: 50}}
models: {list: {kind: net, net: [dense 6, relu, dense 1]}}
training: {t: {loss: hinge, epochs: 10}}
checkpoint: {every: 10}
measures: {g: {kind: graph, optional: true}, h: {kind: histogram}, j: {kind: jaccard}}
record: {measures: [g, h, j]}
grids: [{task: bits, model: list, training: t, control: [dense, ticket], t: 10, k: 0.5}]
"""
store_of_layers = tap.SCRATCH / "layers.h5"
result = tap.tombola("run", tap.write("layers.yaml", LAYERS), "--store", store_of_layers)
built_with = "was built without" not in result.stderr
tap.equal(result.returncode, 0, "a list that has layers") or print(result.stderr)
tap.ok({m for m, _, _ in values(store_of_layers)} == {"g", "h", "j"} - (set() if built_with else {"g"}), "has a graph, where igraph is there")

# What a network remembers is no weight.
out = tap.SCRATCH / "w.npz"
assert tap.tombola("export", store, job, "weights@20", "-o", out).returncode == 0
w = dict(np.load(out))
whole = sum(np.abs(v).sum() for n, v in w.items() if n not in ("norm1.mean", "norm1.variance"))
tap.ok(abs(found["m_norms", "l1", 20][0] - whole) < 1e-9 and "norm1.mean" in w, "the norm of all weights is without it", whole)
tap.equal(found["m_histogram", "count", 20].reshape(-1, 100)[0].sum() + found["m_histogram", "outside", 20].reshape(-1, 2)[0].sum(),
          sum(v.size for v in w.values()) - 2 * H, "a histogram of all weights, too")

# A list and embed_mlp with its weights.
measures = {"n": "{kind: norms}", "j": "{kind: jaccard}", "p": "{kind: pca, symbols: embed1}", "f": "{kind: fourier, symbols: embed1, hidden: dense1, out: dense2, answers: dense3}"}
store, of_list = run("list", "list", measures, epochs=0)
assert tap.tombola("export", store, tap.query(store, "SELECT id FROM jobs")[0][0], "weights@0", "-o", out).returncode == 0
w = dict(np.load(out))
np.savez(tap.SCRATCH / "same.npz", W_E=w["embed1.E"].T, W_inproj=w["dense1.W"], W_outproj=w["dense2.W"], W_U=w["dense3.W"].T)
_, of_kind = run("kind", "kind", {k: re.sub(r", .*}", "}", v) for k, v in measures.items()}, epochs=0, more=", init: {file: same.npz}")
tap.equal(sorted(of_list), sorted(of_kind), "a list and embed_mlp have the same measures")
far = {key: np.nanmax(np.abs(of_list[key] - of_kind[key])) for key in of_list if of_list[key].size and key[0] in "pf"}
tap.ok(len(far) > 10 and max(far.values()) < 1e-9, f"{len(far)} results are the same", far)

# What does not fit.
WRONG = {
    "{kind: pca, symbols: embed2}": "'symbols' of the measure is 'embed2', which is none of the network's",
    "{kind: pca}": "embeds no symbols; of net, 'symbols' of the measure says where",
    "{kind: fourier}": "'symbols' of the measure and its other keys say where they are",
    "{kind: fourier, symbols: embed1, hidden: dense7, answers: dense2}": "'hidden' of the measure is 'dense7'",
    "{kind: fourier, symbols: embed1, hidden: dense1}": "'answers' of the measure is ''",
    "{kind: fourier, symbols: embed1, hidden: dense1, out: dense4, answers: dense2}": "'out' of the measure is 'dense4'",
    "{kind: fourier, symbols: embed1, hidden: dense1, answers: dense2, position: 2}": f"'hidden' takes {2 * D} numbers, and a symbol has {D}: there is no position 2",
    "{kind: fourier, symbols: embed1, hidden: dense1, answers: dense1}": f"'hidden' gives {H} numbers, and 'answers' takes {2 * D}",
    "{kind: fourier, symbols: dense1, hidden: embed1, answers: dense2}": "'hidden' takes",
}
for measure, says in WRONG.items():
    plan = tap.tombola("plan", sweep("wrong", "short", {"m": measure}))
    tap.ok(plan.returncode == 2 and says in plan.stderr, f"{measure} is refused", plan.stderr)
OTHERS = {
    "{few: {kind: fourier, symbols: embed1, hidden: dense1, answers: dense2}}": ("net: [embed 10, flatten, dense 8, relu, dense 8, dense $classes]", "add",
                                                                            "'symbols' or 'answers' has fewer rows than there are symbols"),
    "{few: {kind: fourier, symbols: dense1, hidden: dense1, answers: dense2}}": ("net: [dense 6, relu, dense 1]", "bits", "needs symbols whose answers are symbols"),
}
for measure, (net, task, says) in OTHERS.items():
    text = LAYERS.split("tasks:")[0] + f"""
tasks: {{bits: {{kind: parity, n: 8, k: 2, n_train: 100, n_test: 50}}, add: {{kind: modular, expr: a + b, p: 13}}}}
models: {{m: {{kind: net, {net}}}}}
training: {{bits: {{loss: hinge, epochs: 1}}, add: {{epochs: 1}}}}
measures: {measure}
record: {{measures: [few]}}
grids: [{{task: {task}, model: m, training: {task}}}]
"""
    plan = tap.tombola("plan", tap.write("others.yaml", text))
    tap.ok(plan.returncode == 2 and says in plan.stderr, says, plan.stderr)
tap.done()
