#!/usr/bin/env python3
"""Mutants of good files that are brought in: each is read or refused, and nothing else, under the sanitizers where they have been
built.  MUTANTS=420 of each kind are 2520.
timeout: 900
beside: others"""
import os
import random
import struct
import subprocess
import sys
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
from specimens import FILMS, GOOD, IMDB, MNIST, NUMBERS, ZIP64, good_npz, mnist, npy, safetensors, sweep, tensors  # noqa: E402

os.chdir(tap.SCRATCH)
LIMIT = 60  # seconds, of whatever waits
SEED, MUTANTS = int(os.environ.get("SEED", "1")), int(os.environ.get("MUTANTS", "60"))
SAN = tap.ROOT / "build/san/tombola"
random.seed(SEED)


def mutant(data):
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        at, how = random.randrange(len(data)), random.randrange(7)
        if how == 0:
            data[at] ^= 1 << random.randrange(8)
        elif how == 1:
            data[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif how == 2:
            data[at:at + 8] = random.choice((b"\xff" * 8, bytes(8), struct.pack("<Q", random.getrandbits(64)), struct.pack("<I", random.getrandbits(32))))
        elif how == 3:
            del data[at:at + random.randrange(1, 40)]
        elif how == 4:
            data[at:at] = data[at:at + random.randrange(1, 40)]
        elif how == 5:
            del data[max(at, 1):]
        else:
            other = random.randrange(len(data))
            data[at:at + 16] = data[other:other + 16]
        if not data:
            data = bytearray(b"0")
    return bytes(data)


NPY = npy((8, 3), bytes(96))
TABLE = b"a, b,label\n1,2.5,0\n-3,4e3,1\n0.1,7,1\n2,2,0\n"


def arrays(more):
    """Of a file of anybody's: four examples at least, in o.npy or a table."""
    return dict(task="own", tasks=f", own: {{kind: arrays, {more}, y: numbers}}", model="dense", more=", training.loss: mse, record.loss_bound: 1")


CASES = {"npz": (GOOD, "init.bin", sweep, dict(more=", init: {file: init.bin}")),
         "stored npz": (good_npz(zipfile.ZIP_STORED), "init.bin", sweep, dict(more=", init: {file: init.bin}")),
         "zip64": (ZIP64, "init.bin", sweep, dict(more=", init: {file: init.bin}")),
         "safetensors": (safetensors(tensors(), NUMBERS), "init.bin", sweep, dict(more=", init: {file: init.bin}")),
         "images": (mnist(), "mnist/mnist.npz", sweep, MNIST),
         "texts": (FILMS, "films.npz", sweep, IMDB),
         "npy": (NPY, "o.npy", sweep, arrays("file: o.npy, y_file: o.npy")),
         "a table": (TABLE, "o.csv", sweep, arrays("file: o.csv"))}
program, words = (SAN, True) if SAN.exists() else (tap.TOMBOLA, False)
mnist()
for name, (data, path, make, config) in CASES.items():
    plan, codes, said_bad = make(**config), {}, []
    for i in range(MUTANTS + 1):
        with open(path, "wb") as f:
            f.write(mutant(data) if i else data)
        result = subprocess.run([program, "plan", plan], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=LIMIT,
                                env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0:allocator_may_return_null=0"))
        if i == 0:
            tap.equal(result.returncode, 0, f"{name}: as it is") or print(result.stderr.decode(errors="replace"))
        codes[result.returncode] = codes.get(result.returncode, 0) + 1
        if result.returncode not in (0, 2, 3, 5) or b"Sanitizer" in result.stderr or b"runtime error" in result.stderr:
            said_bad.append(f"mutant {i} of seed {SEED}: exit code {result.returncode}\n{result.stderr[:1500].decode(errors='replace')}")
    tap.ok(not said_bad and codes.get(2, 0) > MUTANTS / 10, f"{name}: {MUTANTS} mutants{' under the sanitizers' if words else ''}, exit codes {codes}",
           "\n".join(said_bad[:3]))
tap.done()
