#!/usr/bin/env python3
"""Measures with options, recorded while jobs train, or computed afterwards with the same bits, killed in the middle or not.
beside: others
timeout: 300"""
import os
import random
import subprocess
import sys

sys.path[:0] = [os.path.join(os.path.dirname(__file__), part) for part in ("..", "../fault")]
import digest  # noqa: E402
import fault  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402

SWEEP = """
tasks:
  add: {{kind: modular, expr: a + b, p: 31, train_fraction: 0.5}}
  few: {{kind: modular, expr: a + b, p: 13, train_fraction: 0.5}}
  bits: {{kind: parity, n: 10, k: 2, n_train: 100, n_test: 50}}
models:
  mlp: {{kind: embed_mlp, d_embed: 64, d_hidden: 32}}
  tf: {{kind: transformer, d_model: 32, d_mlp: 32}}
  one: {{kind: dense_mlp, d_hidden: 40}}
training:
  full: {{lr: 3e-3, weight_decay: 1, betas: [0.9, 0.98], epochs: {epochs}}}
  twice: {{use: full, precision: double}}
  hinge: {{use: full, loss: hinge}}
measures:
  sparse: {{kind: jaccard, k: 0.9, scope: tensor}}
  dense: {{kind: jaccard, k: 0.2}}
  walk: {{kind: llc, burn_in: 0, draws: 3, chains: 2, batch: 100}}
  ball: {{kind: llc, epsilon: 1e-5, gamma: 500, burn_in: 1, draws: 2, chains: 2}}
  wide: {{kind: histogram, bins: 7, range: [-2, 2]}}
  strict: {{kind: progress, threshold: 0.85}}
record: {{eval_every: 5, measures: {measures}}}
checkpoint: {{every: 12}}
grids:
  - {{task: add, model: mlp, training: [full, twice], seed: [0, 1], control: [dense, ticket, continue, edge_popup], t: final, k: 0.6,
     record: {{measures: {layered}}}}}
  - {{task: add, model: tf, training: full}}
  - {{task: few, model: tf, training: full, record: {{measures: {waves}}}}}
  - {{task: bits, model: one, training: hinge, record: {{measures: {neurons}}}}}
"""
EVERY = "[norms, jaccard, sparse, dense, wide, accuracy_change, fourier, pca, walk, ball]"
HAS_GRAPH = "not in this program" not in tap.tombola("kinds", "graph").stdout


def filled(measures, epochs, layered, waves="[]", neurons="[]"):
    return SWEEP.format(measures=measures, epochs=epochs, layered=layered, waves=waves, neurons=neurons)


def sweep(name, measures, epochs=600):
    more = ("[]", "[]") if measures == "[]" else ("[norms, fourier, progress, strict]", "[norms, subnetwork]")
    layered = measures.replace("]", ", graph]") if HAS_GRAPH and measures == EVERY else measures
    return tap.write(name, filled(measures, epochs, layered, *more))


def refused(text, expected):
    path = tap.write("refused.yaml", text)
    result = tap.tombola("plan", path)
    tap.ok(result.returncode == 2 and expected in result.stderr, f"refused: {expected}", result.stderr)


# --- mistakes ---
base = filled("[norms]", 10, "[norms]")
refused(base.replace("measures: [norms]", "measures: [norm, wide]"),
        "record.measures: unknown measure 'norm'; known: ball, dense, sparse, strict, walk, wide, norms, jaccard,")
refused(base.replace("measures: [norms]", "measures: [wid]"), "did you mean 'wide'?")
refused(base.replace("bins: 7", "bns: 7"), "measures.wide: unknown key 'bns' for histogram; allowed: use, kind, optional, bins, range; did you mean 'bins'?")
refused(base.replace("k: 0.9, scope", "k: 1.9, scope"), "measures.sparse.k: 'k' is 1.9, outside (0, 1)")
refused(base.replace("range: [-2, 2]", "range: [2, -2]").replace("measures: [norms]", "measures: [wide]"),
        "record.measures: measure 'wide': range is [2, -2]")
refused(filled("[norms]", 10, "[norms]", "[subnetwork]"), "measure 'subnetwork': needs model dense_mlp")
refused(filled("[norms]", 10, "[norms]", "[]", "[progress]"), "measure 'progress': model dense_mlp has no hidden neurons between embedded")
refused(base.replace("dense: {kind", "fourier: {kind").replace("measures: [norms]", "measures: [fourier]"),
        "measure 'fourier' is of kind jaccard, but its name is that of another kind")

if HAS_GRAPH:
    refused(base.replace("measures: [norms]", "measures: [graph]"), "measure 'graph': units of model transformer do not stand in layers")
else:
    refused(base.replace("measures: [norms]", "measures: [graph]"), "measure 'graph' is not possible here: built without igraph")

# --- recorded while training: two entries of one kind side by side, options as attributes ---
recorded, later, killed = (tap.SCRATCH / name / "x.h5" for name in ("recorded", "later", "killed"))
for path in (recorded, later, killed):
    path.parent.mkdir()
everything, nothing = sweep("everything.yaml", EVERY), sweep("nothing.yaml", "[]")
tap.equal(tap.tombola("run", everything, "--store", recorded, ranks=2).returncode, 0, "run with measures")
tap.equal(tap.tombola("run", nothing, "--store", later, ranks=2).returncode, 0, "run without measures")
with h5py.File(recorded, "r") as f:
    group = next(g for g in f["families"].values() if "sparse" in g.get("measures", {}))["measures"]
    tap.equal(sorted(set(group) - {"graph"}), sorted(EVERY.strip("[]").split(", ")), "a group for each entry")
    tap.equal(group["sparse/distance"].attrs["made_by"].decode(), "jaccard k=0.9 scope=tensor", "options as attributes")
    tap.equal(group["dense/distance"].attrs["made_by"].decode(), "jaccard k=0.2 scope=global", "of the other entry, too")
    tap.equal(group["fourier/in_spectrum"].attrs["axes"].decode(), "neuron, frequency", "axes are named")
distances = tap.query(recorded, "SELECT measure, count(DISTINCT epoch) FROM measures WHERE name = 'distance' AND label = 'all' "
                                "AND job IN (SELECT id FROM jobs WHERE seed = 0 AND control = 'dense') GROUP BY 1 ORDER BY 1")
tap.equal([row[0] for row in distances], ["dense", "jaccard", "sparse"], "measures are an SQL table")
tap.ok(not tap.query(recorded, "SELECT * FROM measures WHERE name = 'distance' AND epoch = 0"),
       "at epoch 0 there is nothing to compare with")

# --- followed back: the neurons that are the subnetwork in the end, at every checkpoint before ---
norm, member = ({row[0]: row[1:] for row in tap.query(recorded, text)} for text in (
    "SELECT epoch, value FROM measures WHERE measure = 'subnetwork' AND name = 'circuit_norm' AND label = 'circuit'",
    "SELECT epoch, sum(value) FROM measures WHERE measure = 'subnetwork' AND name = 'member' GROUP BY epoch"))
with h5py.File(recorded, "r") as f:
    group = next(g for g in f["families"].values() if "subnetwork" in g.get("measures", {}))["measures/subnetwork"]
    last = group["member"][0][50] == 1  # slots 0, 12, ..., 600, then those at t_mem and t_gen
    same = abs(group["norm"][0][:51][:, last].mean(axis=1) - group["circuit_norm"][0][:51, 0]).max() < 1e-12
tap.ok(0 < last.sum() < 40 and same and len(norm) >= 51, "the last subnetwork is followed back", f"{last.sum()} {len(norm)}")

# --- a mask against another job's ---
masked = tap.query(recorded, "SELECT id FROM jobs WHERE control = 'ticket' AND training = 'full' ORDER BY seed")
pair = tap.query(recorded, f"SELECT jaccard('{masked[0][0]}', '{masked[1][0]}'), jaccard('{masked[0][0]}', '{masked[0][0]}'), "
                           f"jaccard('{masked[0][0]}', '{masked[1][0]}', 'W_E')")[0]
with h5py.File(recorded, "r") as f:
    jobs = {row["id"].decode(): row for row in f["jobs"][:]}
    groups = {int(g.attrs["index"]): g for g in f["families"].values()}
    a, b = (groups[int(jobs[i[0]]["family"])]["masks"][int(jobs[i[0]]["family_row"])] > 0 for i in masked)
tap.ok(abs(pair[0] - (1 - (a & b).sum() / (a | b).sum())) < 1e-12 and pair[1] == 0, "jaccard() of two masks", pair)
n = 64 * 31
tap.ok(abs(pair[2] - (1 - (a & b)[:n].sum() / (a | b)[:n].sum())) < 1e-12, "and of one tensor", pair)
dense = tap.query(recorded, "SELECT id FROM jobs WHERE control = 'dense' LIMIT 1")[0][0]
tap.equal(tap.query(recorded, f"SELECT jaccard('{dense}', '{masked[0][0]}')")[0][0], None, "NULL: a dense job has no mask")

# --- afterwards: one kind for the whole store, then what a sweep file says ---
result = tap.tombola("measure", later, "norms")
tap.ok(result.returncode == 0 and "19 of 19 jobs measured" in result.stderr, "a kind, for every job", result.stderr)
result = fault.run(["measure", later, everything], tap.SCRATCH, 2, under=later.parent)
calls = result.calls
tap.ok(result.code == 0 and "19 of 19 jobs measured" in result.err, f"what a sweep file says, in {calls} calls", result)
result = tap.tombola("measure", later, everything)
tap.ok(result.returncode == 0 and "0 jobs to measure, 19 have all of it" in result.stderr, "nothing twice", result.stderr)
found = digest.differences(recorded, later)
tap.ok(not found, "the bits of training", "\n".join(found))
result = tap.tombola("measure", recorded, "fourier")
tap.ok(result.returncode == 0 and "0 jobs to measure" in result.stderr, "what training recorded is there already", result.stderr)
other = tap.write("other.yaml", everything.read_text().replace("k: 0.9", "k: 0.8"))
result = tap.tombola("measure", later, other)
tap.ok(result.returncode == 2 and "give it another name" in result.stderr, "other options under a name in use", result.stderr)
for what, code, text in (("fourir", 2, "did you mean 'fourier'?"), ("missing.yaml", 2, "cannot be read")):
    result = tap.tombola("measure", later, what)
    tap.ok(result.returncode == code and text in result.stderr, f"MEASURE is {what}", result.stderr)
result = tap.tombola("measure", tap.SCRATCH / "nowhere.h5", "norms")
tap.ok(result.returncode == 2 and "there is no store" in result.stderr, "no store", result.stderr)
tap.equal(tap.tombola("verify", later).returncode, 0, "verify finds nothing wrong")

# --- killed in the middle ---
tap.equal(tap.tombola("run", nothing, "--store", killed, ranks=2).returncode, 0, "another store without measures")
dice, codes = random.Random(3), []
for _ in range(6):
    result = fault.run(["measure", killed, everything], tap.SCRATCH, dice.choice([0, 2]), under=killed.parent, kind="kill", at=dice.randint(1, calls // 6))
    codes.append((result.code != 0, result.fired))
    fault.end_all()
tap.equal(codes, [(True, 1)] * 6, "it is killed six times")
result = tap.tombola("measure", killed, everything, ranks=2)
tap.equal(result.returncode, 0, "the same command finishes") or print(result.stderr)
found = digest.differences(recorded, killed)
tap.ok(not found, "the bits of training, all the same", "\n".join(found))
tap.equal(tap.tombola("verify", killed).returncode, 0, "verify finds nothing wrong")

# --- damage costs the measure, not the job ---
with h5py.File(later, "r") as f:
    measured = (g["measures/fourier"] for g in f["families"].values() if "measures/fourier" in g)
    place = next(group for group in measured if "annex" in group.attrs)["fe"].id.get_offset()
with open(later, "r+b") as f:
    f.seek(place + 8)
    f.write(b"\xff\x3f")
result = tap.tombola("verify", later)
tap.ok(result.returncode == 5 and "measures/fourier/fe" in result.stdout, "verify finds damage in a measure", result.stdout)
result = tap.tombola("run", nothing, "--store", later, "--repair")
tap.ok(result.returncode == 0 and "19 done before, 0 to train" in result.stderr, "repair trains nothing again", result.stderr)
tap.equal(tap.tombola("measure", later, everything).returncode, 0, "measure computes it again")
found = digest.differences(recorded, later)
tap.ok(not found and tap.tombola("verify", later).returncode == 0, "and all is as it was", "\n".join(found))

# --- a sweep goes on in a store that has been measured; its new jobs have no measures yet ---
more = tap.write("more.yaml", nothing.read_text().replace("seed: [0, 1]", "seed: [0, 1, 2]"))
tap.equal(tap.tombola("run", more, "--store", later).returncode, 0, "more jobs into families with measures")
result = tap.tombola("measure", later, "fourier")
tap.ok("8 of 8 jobs measured" in result.stderr, "only they are measured", result.stderr)
tap.equal(tap.tombola("verify", later).returncode, 0, "verify finds nothing wrong")

# --- the figure ---
if subprocess.run(["/usr/bin/env", sys.executable, "-c", "import matplotlib, pandas"], capture_output=True).returncode:
    tap.skip("analysis/measures.py", "no matplotlib or pandas")
else:
    figure = tap.SCRATCH / "measures.png"
    drawn = tap.heard([sys.executable, tap.ROOT / "analysis/measures.py", recorded, "-o", figure])
    tap.ok(drawn.returncode == 0 and figure.stat().st_size > 10000, "analysis/measures.py draws", drawn.stderr)
    circuits = tap.SCRATCH / "circuits.png"
    drawn = tap.heard([sys.executable, tap.ROOT / "analysis/circuits.py", recorded, "-o", circuits])
    tap.ok(drawn.returncode == 0 and circuits.stat().st_size > 10000, "analysis/circuits.py draws", drawn.stderr)
    from store import Store
    with Store(later) as s:
        jobs = s.jobs()
        spectrum = s.measure(jobs[jobs.model == "mlp"].iloc[0], "fourier/in_spectrum")
    tap.ok(spectrum.columns.names == ["neuron", "frequency"] and spectrum.shape[1] == 32 * 16, "two axes in analysis/store.py",
           spectrum.columns)
tap.done()
