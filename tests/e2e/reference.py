#!/usr/bin/env python3
"""sweeps/README.md is what the program prints from its tables, has every word that a sweep file may say, and its examples plan as
it says; `kinds WORD` answers with the same.  An entry of a grid's include is a grid of its own.
beside: others"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import numpy as np  # noqa: E402
import tap  # noqa: E402

page = (tap.ROOT / "sweeps/README.md").read_text()
printed = tap.tombola("kinds", "--markdown").stdout
tap.ok(page == printed, "the page is up to date: build/release/tombola kinds --markdown >sweeps/README.md",
       "\n".join(f"{a!r} | {b!r}" for a, b in zip(page.split("\n"), printed.split("\n")) if a != b))
tap.ok("(sweeps/README.md)" in (tap.ROOT / "README.md").read_text(), "and the README links to it")

# --- every word of the schema ---
words = page.partition("## Kinds")[0]
heads = set(re.findall(r"^### (\w+)$", words, re.M))
keys = {kind["name"]: [key["key"] for key in kind["keys"]] for kind in json.loads(tap.tombola("kinds", "--json").stdout)["kinds"]}
shown = {name: set(re.findall(r"^\| `(\w+)` \|", text, re.M)) for name, text in re.findall(r"^### `?(\w+)`?\n(.*?)(?=^##|\Z)", page, re.M | re.S)}
for name in keys:
    tap.ok(name in shown and set(keys[name]) - ({*shown} if name == "grid" else set()) <= shown[name], f"all keys of {name}",
           (keys[name], shown.get(name)))
tap.ok(set(keys["grid"]) <= heads, "each plain key of a grid has words and an example of its own", set(keys["grid"]) - heads)
GRID = "  - {task: {kind: nothing}, model: {kind: dense_mlp}, training: {epochs: 1}"
asked = tap.tombola("plan", tap.write("unknown.yaml", f"grids:\n{GRID}, what_is_this: 1}}\n")).stderr
allowed = re.search(r"unknown key 'what_is_this'; allowed: (.*)", asked)[1].split(", ")
UNDER = {"name": "named", "task": "blocks", "model": "blocks"}
tap.ok(len(allowed) > 15 and {UNDER.get(word, word) for word in allowed} <= heads, "and so has all else that a grid may give",
       {UNDER.get(word, word) for word in allowed} - heads)
asked = tap.tombola("plan", tap.write("top.yaml", f"what_is_this: 1\ngrids:\n{GRID}}}\n")).stderr
allowed = set(re.search(r"unknown key 'what_is_this'; allowed: (.*)", asked)[1].split(", "))
mentioned = heads | set(re.findall(r"\w+", page[page.index("### blocks"):page.index("### dotted")])) | shown["file"] | {"x-..."}
tap.ok(len(allowed) > 8 and allowed <= mentioned, "and the top level of a file", allowed - mentioned)

# --- every example ---
examples = re.findall(r"^### (\w+)$.*?^```yaml\n(.*?)^```\n\n(\d+) jobs?\.$", words, re.M | re.S)
tap.equal({name for name, *_ in examples}, heads, "every word has an example")
for name, text, _ in examples:
    tap.write(f"{name}.yaml", text)
shapes = {"W_E": (13, 8), "W_in": (8, 8), "W_out": (8, 8), "W_U": (8, 13)}
tensors = re.findall(r"init/(\w+) \[([\d, ]+)\]", tap.tombola("kinds", "embed_mlp").stdout)
sizes = {"67": 13, "200": 8, "500": 8, "48": 8}
np.savez(tap.SCRATCH / "start.npz", **{name: np.ones([sizes.get(n, 8) for n in dims.split(", ")]) for name, dims in tensors})
np.savez(tap.SCRATCH / "mask.npz", **np.load(tap.SCRATCH / "start.npz"))
pairs = np.array([(a, b) for a in range(13) for b in range(a, 13)])
draw = np.random.default_rng(0)
x = draw.normal(size=(40, 3))
np.savez(tap.SCRATCH / "own.npz", x=x, y=x[:, 0] > x[:, 1])
np.savetxt(tap.SCRATCH / "own.csv", np.c_[x.round(3), x[:, 2] > 0], delimiter=",", header="height,weight,age,label", comments="", fmt="%g")
np.savez(tap.SCRATCH / "pictures.npz", **{f"{what}_{half}": draw.integers(0, high, (n, *dims), "u1") for half, n in (("train", 30), ("test", 10))
                                          for what, high, dims in (("x", 256, (3, 8, 8)), ("y", 10, ()))})
np.savez(tap.SCRATCH / "split.npz", train_pairs=pairs[::2], test_pairs=pairs[1::2])
for name, text, jobs in examples:
    result = tap.tombola("plan", tap.SCRATCH / f"{name}.yaml", "--store", tap.SCRATCH / "none.h5", "--json")
    tap.ok(result.returncode == 0 and json.loads(result.stdout)["jobs"] == int(jobs), f"{name}: {jobs} jobs", result.stderr or result.stdout)
    answer = tap.tombola("kinds", name)
    indented = "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())
    tap.ok(answer.returncode == 0 and indented in answer.stdout and f"    {jobs} job" in answer.stdout, f"kinds {name}", answer.stdout)
tap.ok("did you mean 'zip'" in tap.tombola("kinds", "zipp").stderr, "a word that is misspelt")

# --- a grid's include: not that of a CI matrix, which would make 6 combinations of this ---
sweep = tap.write("include_as_ci_matrix.yaml", """
tasks: {n: {kind: nothing}}
models: {mlp: {kind: embed_mlp, d_embed: 4, d_hidden: 4}}
training: {tr: {epochs: 5}}
grids:
  - name: g
    task: n
    model: mlp
    training: tr
    seed: [0, 1]
    model.d_hidden: [4, 8]
    include:
      - {training.lr: 0.5}
      - {training.lr: 0.25, model.d_hidden: 4}
      - {seed: 0, training.epochs: 7}
      - {seed: 9}
      - {seed: 9, model.d_hidden: 4}
""")
store = tap.SCRATCH / "included.h5"
tap.equal(tap.tombola("run", sweep, "--store", store).returncode, 0, "a grid with five entries")
# The last one is a job of the one before.
want = ([[s, d, "0.001", 5] for s in (0, 1) for d in (4, 8)] + [[s, d, "0.5", 5] for s in (0, 1) for d in (4, 8)]
        + [[s, 4, "0.25", 5] for s in (0, 1)] + [[0, d, "0.001", 7] for d in (4, 8)] + [[9, d, "0.001", 5] for d in (4, 8)])
have = [[s, d, f"{lr:g}", epochs] for s, d, lr, epochs in tap.query(store, "SELECT seed, model_d_hidden, training_lr, epochs FROM jobs")]
tap.equal(sorted(have), sorted(want), "each entry is the grid with its own keys in the place of the grid's")
tap.ok(all("works as in a CI" not in text and "as in a CI matrix" not in text for text in (page, (tap.ROOT / "README.md").read_text())),
       "nobody says that it is as in a CI matrix")
tap.done()
