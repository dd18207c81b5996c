#!/usr/bin/env python3
"""Descriptions of jobs that are longer than a record of /texts/canonical: a network of many operations, a table of tensors.  What
is long in them is stored once for all jobs; every command reads them; growth, merge and compact carry them; verify finds what is
damaged, and --repair puts it right without training again; a store of before there were any gets them.
timeout: 300
beside: others"""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import xxhash  # noqa: E402


def net(n, width=3):
    """A list of so many operations."""
    return "[embed 4, flatten, " + ", ".join(f"dense {width} as=layer_number_{i}, tanh" for i in range(n)) + ", dense $classes]"


def tensors(n):
    return "{" + ", ".join(f"layer_number_{i}.W: {{init: normal 0.{i + 1}, lr: 0.5}}" for i in range(n)) + "}"


def sweep(name, models, seeds="[0, 1]"):
    lines = [f"name: {name}", "tasks: {add: {kind: modular, expr: a + b, p: 5, pairs: ordered, train_fraction: 0.6}}", "models:"]
    lines += [f"  {key}: {{kind: net, net: {list_}{f', tensors: {table}' if table else ''}}}" for key, (list_, table) in models.items()]
    lines += ["training: {full: {lr: 1e-2, epochs: 20}}", "checkpoint: {every: 20}", "grids:"]
    lines += [f"  - {{name: {name}_{key}, task: add, model: {key}, training: full, seed: {seeds}, control: [dense, ticket], t: 20, k: 0.5}}" for key in models]
    return tap.write(f"{name}.yaml", "\n".join(lines) + "\n")


def run(store, file, *more, code=0):
    result = tap.tombola("run", file, "--store", store, *more)
    tap.ok(result.returncode == code, f"run of {file.name} in {store.name} {' '.join(more)}: {code}", result.stderr)
    return result


def verified(store, faults=0):
    result = tap.tombola("verify", store)
    tap.ok(result.returncode == (5 if faults else 0), f"verify of {store.name}: {'faults' if faults else 'none'}", result.stdout + result.stderr)
    return result.stdout + result.stderr


def longs(f):
    """The digest, the first byte and the length of each text that jobs share."""
    used = int(f["control"]["long_texts"][0])
    return [(r["digest"].decode(), int(r["offset"]), int(r["length"])) for r in f["texts/long"][:used]]


def whole_texts(path):
    """id -> the text that the bytes of the file give, by the format's own words."""
    found = {}
    with h5py.File(path, "r") as f:
        texts = {d: f["texts/long_text"][at:at + n].tobytes() for d, at, n in longs(f)}
        for row, text in zip(f["jobs"][:int(f["control"]["rows"][0])], f["texts/canonical"]):
            lines = text.split(b"\n")
            for i, line in enumerate(lines):
                if b"=" not in line and b"@" in line:
                    key, digest_ = line.split(b"@")
                    lines[i] = key + b"=" + texts[digest_.decode()]
            found[row["id"].decode()] = b"\n".join(lines)
    return found


def readable(store, jobs):
    texts = whole_texts(store)
    tap.ok(len(texts) == jobs and all(xxhash.xxh3_128_hexdigest(t) == i for i, t in texts.items()),
           f"{store.name}: every text of {jobs} jobs has its id", [i for i, t in texts.items() if xxhash.xxh3_128_hexdigest(t) != i])
    return texts


store = tap.SCRATCH / "long.h5"
first = sweep("first", {"long": (net(40), ""), "table": (net(12), tensors(12))})
run(store, first)
texts = readable(store, 8)
tap.ok(max(map(len, texts.values())) > 1500 and min(map(len, texts.values())) > 1023, "they are longer than a record", sorted(map(len, texts.values())))
with h5py.File(store, "r") as f:
    before = longs(f)
tap.equal(len(before), 2, "two texts are stored for eight jobs: of each only its longest part")
verified(store)
trained = digest.jobs(store)

one = tap.query(store, "SELECT id FROM jobs WHERE control = 'ticket' AND model = 'long' AND seed = 1")[0][0]
shown = tap.tombola("show", store, one).stdout
tap.ok("layer_number_39" in shown and "model.net=" in shown, "show prints the whole description", shown[-3000:])
tap.ok(tap.tombola("export", store, one, "weights@20", "-o", tap.SCRATCH / "w.npz").returncode == 0, "and its weights are exported")
tap.equal(len(tap.query(store, "SELECT model_net FROM jobs GROUP BY 1")), 2, "SQL tells the networks apart")
again = run(store, first)
tap.equal(digest.jobs(store), trained, "the same file again trains nothing")

# More texts than the tables were made for.
second = sweep("second", {f"wide{i}": (net(110, 2 + i), "") for i in range(66)}, "[0]")
grown = tap.SCRATCH / "grown.h5"
shutil.copy(store, grown)
run(grown, second, "--where", "control = 'dense'")
readable(grown, 8 + 66)
with h5py.File(grown, "r") as f:
    tap.ok(len(longs(f)) == 68 and f["texts/long"].shape[0] > 64 and f["texts/long_text"].shape[0] > 1 << 16, "both tables have grown", longs(f)[-1])
verified(grown)
tap.ok(digest.jobs(grown).items() >= trained.items(), "what was there has stayed")

# Copies.
part, both, archive = (tap.SCRATCH / f"{name}.h5" for name in ("part", "both", "archive"))
other = sweep("other", {"long": (net(40), ""), "else": (net(41), "")}, "[1, 2]")
run(part, other)
tap.equal(tap.tombola("merge", store, part, "-o", both).returncode, 0, "two stores that share a text are merged")
readable(both, 8 + 6)
with h5py.File(both, "r") as f:
    tap.equal(len(longs(f)), 3, "which is in the copy once")
verified(both)
result = run(both, other)
tap.ok(": 0 to train" in result.stderr or digest.jobs(both).items() >= digest.jobs(part).items(), "nothing is left to train there", result.stderr)
tap.equal(tap.tombola("compact", both, "-o", archive).returncode, 0, "an archive is made of it")
readable(archive, 14)
verified(archive)
tap.equal(digest.jobs(archive), digest.jobs(both), "with the same bits")

# Damage: the text, its record, the digest in a job's own record.
with h5py.File(store, "r") as f:
    text_at = f["texts/long_text"].id.get_offset() + before[0][1] + 100
    record_at = f["texts/long"].id.get_offset() + 40
    mine = f["texts/canonical"][3].index(b"@") + 5 + f["texts/canonical"].id.get_offset() + 3 * 1024
for name, at, said in (("text", text_at, "agree with its digest"), ("record", record_at, "agree with its checksum"), ("own", mine, "are not there, or damaged")):
    hurt = tap.SCRATCH / f"hurt_{name}.h5"
    shutil.copy(store, hurt)
    tap.flip(hurt, at)
    words = verified(hurt, faults=1)
    tap.ok(said in words, f"it says what is damaged: {said}", words)
    attempts = tap.starts(hurt)
    run(hurt, first, "--repair")
    verified(hurt)
    readable(hurt, 8)
    tap.ok(tap.starts(hurt) == attempts and digest.jobs(hurt) == trained, f"{name}: repaired, and nothing trained again")
    hurt.unlink()

hurt = tap.SCRATCH / "foreign.h5"
shutil.copy(both, hurt)
with h5py.File(hurt, "r") as f:
    digest_, at, _ = next(t for t in longs(f) if t[2] == max(n for _, _, n in longs(f)))
    at += f["texts/long_text"].id.get_offset()
tap.flip(hurt, at + 7)
table = sweep("table", {"table": (net(12), tensors(12))})
result = tap.tombola("run", table, "--store", hurt, "--repair")
tap.ok(result.returncode == 5 and "cannot be repaired" in result.stderr, "what another file's jobs share is not repaired by this one", result.stderr)
saved = tap.SCRATCH / "saved.h5"
result = tap.tombola("merge", hurt, store, "-o", saved)
tap.ok(result.returncode == 5 and "the hash of its canonical text is not its id" in result.stderr, "merge leaves out those jobs, and says so", result.stderr)
verified(saved)

# Before there were any.
old = tap.SCRATCH / "old.h5"
short = sweep("short", {"short": (net(2), "")})
run(old, short)
with h5py.File(old, "r+") as f:
    del f["texts/long"], f["texts/long_text"]
verified(old)
run(old, first)
readable(old, 12)
verified(old)

# The bound.
many = sweep("many", {"many": ("[embed 4, flatten, " + ", ".join(["tanh"] * 900) + ", dense $classes]", "")}, "[0]")
plan = tap.tombola("plan", many, "--json")
tap.ok(plan.returncode == 0 and json.loads(plan.stdout)["jobs"] == 2, "900 operations are planned", plan.stderr)
named = ", ".join(f"tanh as=n{i:059}" for i in range(1000))
plan = tap.tombola("plan", sweep("named", {"named": (f"[embed 4, flatten, {named}, dense $classes]", "")}, "[0]"))
tap.ok(plan.returncode == 2 and "the description of a job is longer than 65535 characters: " in plan.stderr, "more than 64 KiB are refused", plan.stderr)
tap.done()
