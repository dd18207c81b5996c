#!/usr/bin/env python3
"""A sweep of several files: the jobs that the files make one by one, in one run and in one store.
timeout: 60
beside: others"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402

BLOCKS = """
tasks: {{add: {{kind: modular, expr: a + b, p: {p}, train_fraction: 0.5}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 16, d_hidden: 8}}}}
training: {{full: {{lr: 1e-2, weight_decay: 1, epochs: 40}}}}
record: {{measures: [{measures}]}}
checkpoint: {{every: 20}}
grids:
"""
GRID = "  - {name: NAME, task: add, model: mlp, training: full, MORE}\n".replace
PARTS = {
    "first": BLOCKS.format(p=11, measures="norms") + GRID("NAME", "both").replace("MORE", "seed: [0, 1], control: [dense, ticket], t: 40, k: 0.5"),
    "second": BLOCKS.format(p=7, measures="sparse") + GRID("NAME", "other").replace("MORE", "seed: [0, 1, 2]")
    + GRID("NAME", "file").replace("MORE", "init: {file: w.npz}") + "measures: {sparse: {kind: jaccard, k: 0.9}}\n",
    # Other names, the same jobs as the first's, and one more.
    "third": BLOCKS.format(p=11, measures="norms").replace("add:", "sum:").replace("mlp:", "net:") +
             "  - {name: again, task: sum, model: net, training: full, seed: [0, 1], control: [ticket, l1], t: 40, k: 0.5}\n",
}

(tap.SCRATCH / "parts").mkdir()
file = {name: tap.write(f"parts/{name}.yaml", f"name: {name}\n{text}") for name, text in PARTS.items()}
whole = tap.write("whole.yaml", "name: whole\ninclude: [parts/first.yaml, parts/second.yaml, parts/third.yaml]\n")
apart, together = tap.SCRATCH / "apart.h5", tap.SCRATCH / "together.h5"


def run(sweep, store, **more):
    result = tap.tombola("run", sweep, "--store", store, **more)
    tap.equal(result.returncode, 0, f"run {sweep.name} into {store.name}") or print(result.stderr)
    return result.stderr


def plan(sweep, store):
    return json.loads(tap.tombola("plan", sweep, "--store", store, "--json").stdout)


# The initial weights that the second file names lie beside it.
weights = tap.SCRATCH / "weights.h5"
run(tap.write("weights.yaml", BLOCKS.format(p=7, measures="") + GRID("NAME", "one").replace("MORE", "seed: 5")), weights)
job = tap.query(weights, "SELECT id FROM jobs")[0][0]
exported = tap.tombola("export", weights, job, "weights@0", "--output", tap.SCRATCH / "parts/w.npz")
tap.equal(exported.returncode, 0, "weights for init") or print(exported.stderr)

for name in PARTS:
    run(file[name], apart)
planned = plan(whole, together)
tap.equal((planned["sweep"], planned["jobs"], planned["held"], planned["points"]), ("whole", 10, 0, 12), "the plan is of all files")
tap.equal(plan(whole, apart)["to_train"], 0, "it holds the jobs that the files make one by one")
said = run(whole, apart)
tap.ok("0 to train" in said, "so nothing is trained again", said)
tap.equal(tap.query(apart, "SELECT max(attempts), count(*) FROM jobs"), [[1, 10]], "no job was trained twice")

run(whole, together, ranks=2)
found = digest.differences(apart, together)
tap.ok(not found and len(digest.jobs(together)) == 10, "together or apart: the same bits", "\n".join(found))

USES = "SELECT sweep, grid, count(*) FROM grids GROUP BY sweep, grid ORDER BY grid"
want = [["third", "again", 4], ["first", "both", 4], ["second", "file", 1], ["second", "other", 3]]
tap.equal(tap.query(together, USES), want, "a grid belongs to its own file's sweep")
tap.equal(tap.query(apart, USES), want, "however it was run")
shares = {(g["sweep"], g["grid"]): g["done"] for g in json.loads(tap.tombola("status", together, "--json").stdout)["grids"] if g["control"] == "ticket"}
tap.equal(shares, {("first", "both"): 2, ("third", "again"): 2}, "so does its progress")
texts = {name: tap.query(store, "SELECT name, text FROM sweeps") for name, store in (("apart", apart), ("together", together))}
verbatim = [["whole", whole.read_text()], *([name, file[name].read_text()] for name in PARTS)]
tap.equal(texts["together"], verbatim, "the store keeps the text of every file")
tap.equal(texts["apart"], verbatim[1:] + verbatim[:1], "each once")
tap.equal(tap.tombola("verify", apart).returncode, 0, "verify finds nothing wrong")

# A mistake in one of the files; a measure for those that lack it.
later = tap.write("later.yaml", "include: [parts/more.yaml]\n")
more = tap.write("parts/more.yaml", PARTS["first"].replace("[norms]", "[norms, {kind: histogram}]"))
result = tap.tombola("measure", together, later)
tap.ok(result.returncode == 2 and "parts/more.yaml:" in result.stderr, "a mistake is said with the file that it is in", result.stderr)
more.write_text(PARTS["first"].replace("[norms]", "[norms, histogram]"))
result = tap.tombola("measure", together, later)
tap.ok(result.returncode == 0 and "4 of 4 jobs measured" in result.stderr, "measure takes what the files say", result.stderr)
more.write_text(PARTS["first"].replace("t: 40", "t: 30"))
result = tap.tombola("plan", later)
tap.ok(result.returncode == 2 and "parts/more.yaml:" in result.stderr, "so is what only the networks show", result.stderr)
tap.done()
