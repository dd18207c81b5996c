#!/usr/bin/env python3
"""The program built with the other HDF5, serial or parallel: a store is run on four ranks, killed, run on, grown, measured and
repaired while h5py holds it open, and ends up with the bits of the program that everybody else here tests.
beside: others
timeout: 300"""
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import h5py  # noqa: E402
import tap  # noqa: E402

BUILDS = ("hdf5-serial", "hdf5-openmpi")


def flags(build, what):
    return tap.heard(["pkg-config", what, build]).stdout.replace("-I", "-isystem ").split()


def linked(program):
    """Which libhdf5 it loads."""
    said = tap.heard(["ldd", program]).stdout
    places = {os.path.realpath(place) for place in re.findall(r"libhdf5[\w-]*\.so[.\d]* => (\S+)", said)}
    kinds = {"openmpi" in place for place in places}
    tap.ok(len(kinds) == 1, f"{program} loads one HDF5", places)
    return sorted(places)[0]


def build_with(build):
    """The same objects, but the store's, which alone know HDF5."""
    setting = dict(re.findall(r"^(\w+) := (.*)$", (tap.ROOT / "build/config.mk").read_text(), re.M))
    sources = sorted(path for folder in ("disk", "store", "copy", "query") for path in (tap.ROOT / "src" / folder).glob("*.c"))
    compiler, *rest = os.environ["COMPILE"].split()

    def compiled(source):
        out = tap.SCRATCH / f"{source.parent.name}-{source.stem}.o"
        subprocess.run([compiler, *flags(build, "--cflags"), *rest, "-c", "-o", out, source], check=True, cwd=tap.ROOT)
        return out

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compiled, sources))
    program = tap.SCRATCH / "tombola"
    release = tap.ROOT / "build/release"
    subprocess.run([compiler, "-o", program, release / "src/cli/main.o", *objects, release / "tests/tombola.a", *flags(build, "--libs"),
                    *setting["DEP_LIBS"].split(), "-lm"], check=True, cwd=tap.ROOT)
    return program


if not all(flags(build, "--libs") for build in BUILDS):
    tap.skip("the program built with the other HDF5", "needs libhdf5-dev and libhdf5-openmpi-dev, as pkg-config finds them")
    tap.done()
usual = linked(tap.TOMBOLA)
others = [build for build in BUILDS if not any(word.startswith("-L") and usual.startswith(os.path.realpath(word[2:])) for word in flags(build, "--libs"))
          and build.partition("-")[2] not in usual]
program = build_with(others[0])
tap.ok(linked(program) != usual, f"it is built with {others[0]}", f"{usual}\n{linked(program)}")

SWEEP = """
name: other
tasks: {add: {kind: modular, expr: a + b, p: 7, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 8, d_hidden: 4}%s}
training: {full: {epochs: 20000}}
checkpoint: {every: 5000}
grids: [{task: add, model: %s, training: full, control: [dense, ticket], seed: [0, 1, 2], t: 5000, k: 0.5}]
"""
small = tap.write("small.yaml", SWEEP % ("", "mlp"))
large = tap.write("large.yaml", SWEEP % (", tf: {kind: transformer, d_model: 8, d_mlp: 8}", "[mlp, tf]"))
store, same = tap.SCRATCH / "store.h5", tap.SCRATCH / "same.h5"
READER = """
import h5py, sys
with h5py.File(sys.argv[1], "r") as f:
    series = next(iter(f["families"].values()))["series/test_accuracy"]
    before = series[1]
    print("open", flush=True)
    sys.stdin.readline()
    print("still there" if (series[1] == before).all() else "gone")
"""


def life(store, ranks):
    """What becomes of a store: (what was done, its exit code, what was said)."""
    yield "run", tap.tombola("run", small, "--store", store, ranks=ranks)
    reader = tap.Background([sys.executable, "-c", READER, store], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    reader.stdout.readline()
    yield "growth to another family", tap.tombola("run", large, "--store", store, ranks=ranks)
    yield "measure", tap.tombola("measure", store, "norms", ranks=ranks)
    with h5py.File(store, "r") as f:
        row = f["jobs"][0]
        group = digest.family_of(f, row)
        place = group["checkpoints"].id.get_offset() + int(row["family_row"]) * group["checkpoints"][0].nbytes
    tap.flip(store, place)
    yield "damage is found", tap.tombola("verify", store)
    yield "repair", tap.tombola("run", large, "--store", store, "--repair", ranks=ranks)
    yield "measure again", tap.tombola("measure", store, "norms", ranks=ranks)
    yield "verify", tap.tombola("verify", store)
    tap.ok("still there" in reader.communicate("\n")[0], "what a reader has held open all the time is still there")


for what, result in life(same, 0):
    tap.equal(result.returncode, 5 if what == "damage is found" else 0, f"the usual one: {what}")
tap.TOMBOLA = str(program)
killed = tap.start("run", small, "--store", store, ranks=4)
tap.ok(tap.wait_for(lambda: killed.poll() is not None or tap.starts(store) > 1), "it runs on four ranks")
tap.kill(killed)
killed.communicate()
for what, result in life(store, 4):
    tap.ok(result.returncode == (5 if what == "damage is found" else 0), f"{others[0]}: {what}", result.stderr)
tap.equal(digest.differences(store, same), [], "both stores hold the same bits")
tap.done()
