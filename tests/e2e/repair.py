#!/usr/bin/env python3
"""Bytes of a finished store are flipped: verify names the job and the dataset; a plain run leaves damaged rows alone and says
so; run --repair trains them again, with all that was made from them, and the store has the bits it had.
timeout: 120
beside: others"""
import json
import os
import random
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402

SWEEP = """
tasks: {add: {kind: modular, expr: a + b, p: 17, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 32, d_hidden: 16}}
training: {full: {lr: 1e-2, weight_decay: 1, epochs: 200}}
record: {measures: [norms]}
checkpoint: {every: 50}
grids:
  - {task: add, model: mlp, training: full, seed: [0, 1, 2], control: [dense, ticket, l1, random], t: [100, final], k: 0.6}
"""
sweep = tap.write("repair.yaml", SWEEP)
whole, store = tap.SCRATCH / "whole.h5", tap.SCRATCH / "x.h5"
tap.equal(tap.tombola("run", sweep, "--store", whole).returncode, 0, "trained")
jobs = digest.jobs(whole)


def places(path):
    """(dataset, row of its own, file offset, bytes) of everything that a committed job's row vouches for."""
    out = []
    with h5py.File(path, "r") as f:
        used = f["control"]["rows"][0]
        rows = f["jobs"][:used]
        for name in ("jobs", "texts/canonical"):
            size = f[name].dtype.itemsize
            out += [(name, r, f[name].id.get_offset() + r * size, size) for r in range(used)]
        out += [(name, None, f[name].id.get_offset(), f[name].dtype.itemsize * f["control"][name][0]) for name in ("grids", "sweeps")]
        for group in f["families"].values():
            def visit(name, item, group=group):
                if not isinstance(item, h5py.Dataset) or item.id.get_offset() is None or "first_sum" not in item.attrs:
                    return
                if item.attrs["scratch"]:
                    return
                first, parts = int(item.attrs["first_sum"]), max(int(item.attrs["parts"]), 1)
                for r, row in enumerate(rows):
                    if row["family"] != group.attrs["index"]:
                        continue
                    size = item.id.get_storage_size() // item.shape[0] // parts
                    at = item.id.get_offset() + int(row["family_row"]) * parts * size
                    out.extend((name, r, at + p * size, size) for p in range(parts) if group["sums"][row["family_row"], first + p])
            group.visititems(visit)
    return out


def faults(path):
    result = tap.tombola("verify", path, "--json")
    return result.returncode, json.loads(result.stdout)["faults"]


dice = random.Random(int(os.environ.get("SEED", "1")))
every, missed = places(whole), []
for dataset in sorted({p[0] for p in every}):
    name, row, at, size = dice.choice([p for p in every if p[0] == dataset])
    at += dice.randrange(int(size))
    tap.flip(whole, at)
    code, found = faults(whole)
    if code != 5 or not any(f["dataset"] == name and (row is None or f["row"] == row) for f in found):
        missed.append((name, row, at, code, found))
    tap.flip(whole, at)
tap.equal(missed, [], f"verify finds a flipped bit in each of {len({p[0] for p in every})} datasets, and says where")
tap.equal(faults(whole), (0, []), "and nothing once they are back")

# A parent's checkpoint, a ticket's curve, a row of /jobs, and a row together with its text.
shutil.copy(whole, store)
with h5py.File(whole, "r") as f:
    ids = [i.decode() for i in f["jobs"]["id"][:f["control"]["rows"][0]]]
    parents = [i.decode() for i in f["jobs"]["parent"][:len(ids)]]
parent = next(r for r, p in enumerate(parents) if not p and ids[r] in parents)
others = [r for r in range(len(ids)) if r != parent and parents[r] != ids[parent] and parents[r]]
ticket, broken, lost = others[0], others[2], others[4]
first = {(d, r): at for d, r, at, _ in reversed(every)}
tap.flip(store, first["checkpoints", parent] + 7)
tap.flip(store, first["series/test_loss", ticket] + 9)
tap.flip(store, first["jobs", broken] + 3)
tap.flip(store, first["jobs", lost] + 500)
tap.flip(store, first["texts/canonical", lost] + 20)
size = os.stat(store).st_size
for dataset, word in {"series/test_loss": "test loss", "series/train_accuracy": "train accuracy", "masks": "mask"}.items():
    tap.flip(whole, first[dataset, ticket] + 1)
    show = tap.tombola("show", whole, ids[ticket])
    tap.flip(whole, first[dataset, ticket] + 1)
    tap.ok(show.returncode == 5 and any(line.split("is damaged")[0].strip() == word for line in show.stdout.splitlines()),
           f"show of a job with a damaged {word} says so, and ends with 5", show.stdout + show.stderr)
tap.equal(tap.tombola("show", whole, ids[ticket]).returncode, 0, "show of a sound job")
fewer = tap.write("fewer.yaml", SWEEP.replace("seed: [0, 1, 2]", "seed: 3"))
shutil.copy(whole, tap.SCRATCH / "fewer.h5")
tap.flip(tap.SCRATCH / "fewer.h5", first["series/test_loss", ticket] + 9)
result = tap.tombola("run", fewer, "--store", tap.SCRATCH / "fewer.h5", "--repair")
tap.ok(result.returncode == 0 and "repair: 0 damaged jobs are trained" in result.stderr and "1 damaged jobs are of other sweeps" in result.stderr,
       "of a damaged job of another sweep --repair says that it stays", result.stderr)
tap.equal(tap.tombola("run", sweep, "--store", tap.SCRATCH / "fewer.h5").returncode, 0, "its own sweep")
tap.equal(faults(tap.SCRATCH / "fewer.h5"), (0, []), "trains it again, without being told once more")
result = tap.tombola("run", sweep, "--store", store)
tap.ok(result.returncode == 5 and "2 rows" in result.stderr and "--repair" in result.stderr and "0 to train" in result.stderr,
       "a plain run leaves them alone and says so", result.stderr)
result = tap.tombola("run", sweep, "--store", store, "--repair", ranks=2)
tap.ok(result.returncode == 0 and "4 to train" in result.stderr, "--repair trains them again; the parent's weights come out as they were, and its children stay",
       result.stderr)
tap.equal(digest.differences(whole, store), [], "every number is what it was")
tap.equal(faults(store), (0, []), "verify finds nothing any more")
tap.ok(os.stat(store).st_size == size and len(digest.jobs(store)) == len(jobs), "the store has not grown")
result = tap.tombola("run", sweep, "--store", store, "--repair")
tap.ok(result.returncode == 0 and " 0 to train" in result.stderr, "a sound store needs no repair", result.stderr)

# ---- what belongs to no job, but can be told again ----
def damage(store, how):
    with h5py.File(store, "r+") as f:
        family = next(iter(f["families"].values()))
        table = {"tensors": family, "epoch": family, "grids": f}[how][how]
        record = table[...]
        if how == "epoch":
            record[1] = 7
        else:
            record["offset" if how == "tensors" else "row"][2] += 1
        table[...] = record


other = tap.write("other.yaml", SWEEP.replace("d_embed: 32", "d_embed: 8"))
for how in ("tensors", "epoch", "grids"):
    shutil.copy(whole, store)
    damage(store, how)
    tap.equal(tap.tombola("verify", store).returncode, 5, f"a damaged record of {how} is found")
    if how != "grids":
        result = tap.tombola("run", other, "--store", store)
        tap.ok(result.returncode == 5 and f"{how} is damaged" in result.stderr, "no other sweep goes on with it", result.stderr)
        result = tap.tombola("merge", store, "--output", tap.SCRATCH / "merged.h5")
        tap.ok(result.returncode == 5 and f"{how} of a family is damaged" in result.stderr, "nor is it merged", result.stderr)
    options = ["--repair"] if how == "epoch" else []
    tap.equal(tap.tombola("run", sweep, "--store", store, *options).returncode, 0, "its own sweep writes it again")
    tap.equal(digest.differences(store, whole), [], "with the same bits")
    result = tap.tombola("verify", store)
    tap.ok(result.returncode == 0, "and verify finds nothing", result.stdout)
    tap.equal(tap.query(store, "SELECT count(*), count(DISTINCT id) FROM grids"), tap.query(whole, "SELECT count(*), count(DISTINCT id) FROM grids"), "nothing is there twice")

# ---- what no training brings back ----
def without_epochs(f, family):
    del family["epoch"]


def without_about(f, family):
    family.attrs["about"] = np.bytes_(b"nothing")


for lose in without_epochs, without_about:
    shutil.copy(whole, store)
    with h5py.File(store, "r+") as f:
        lose(f, next(iter(f["families"].values())))
    code = tap.tombola("verify", store).returncode, tap.tombola("run", sweep, "--store", store, "--repair").returncode
    merged = tap.SCRATCH / "merged.h5"
    code += tap.tombola("merge", store, "--output", merged).returncode, tap.tombola("compact", store, "--output", merged).returncode, merged.exists()
    tap.equal(code, (5, 5, 5, 5, False), f"a family {lose.__name__.replace('_', ' ')}: what verify finds --repair does not call mended, and nobody copies")
with h5py.File(store, "r+") as f:
    f.move("families/" + next(iter(f["families"])), "families/a\n\x1b[31mb")
for command in (["verify", store], ["run", sweep, "--store", store], ["query", store, "SELECT count(*) FROM jobs"]):
    said = tap.tombola(*command)
    tap.ok(said.returncode == 5 and "\x1b" not in said.stdout + said.stderr, f"{command[0]} shows a hostile name without what moves a terminal", repr(said.stderr))
tap.done()
