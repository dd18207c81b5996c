#!/usr/bin/env python3
"""Files that are brought in mean harm: bombs, wraps, overlaps, links out of them, FIFOs and devices in their place, texts without
end.  Each is refused with a word, in little time and memory, and nothing waits.
timeout: 900
beside: others"""
import functools
import io
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import zipfile
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
from specimens import END, FILMS, GOOD, IMDB, MNIST, NUMBERS, TENSORS, ZIP64, central, entry, good_npz, mnist, npy, npz, patched  # noqa: E402
from specimens import safetensors, sweep, tensors  # noqa: E402

# This script stays small (h5py and numpy come late): a child's peak of memory is never less than what its parent had.
os.chdir(tap.SCRATCH)
SECONDS, MEGABYTES, MEGABYTE = 1.0, 50, 1 << 20
ZEROS = 1812 * MEGABYTE  # 1.9 GB
LIMIT = 60  # seconds, of whatever waits
def run(*args, env=None):
    """(exit code, seconds of a machine that has nothing else to do, megabytes at most, what it said)"""
    start = time.monotonic()
    with open("said", "wb") as out:
        process = subprocess.Popen(["timeout", "-k", "1", str(LIMIT), tap.TOMBOLA, *map(str, args)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=out, env=dict(os.environ, **(env or {})))
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = min(time.monotonic() - start, 5 * (used.ru_utime + used.ru_stime) + 0.1)
    with open("said", encoding="utf-8", errors="replace") as f:
        return process.returncode, seconds, used.ru_maxrss / 1024, f.read(3000)


def refused(name, says, *args, codes=(2,), seconds=SECONDS, megabytes=MEGABYTES):
    code, took, used, said = run(*args)
    tap.ok(code in codes and says in said and took < seconds and used < small + megabytes,
           f"{name}: refused in {took:.2f} s, {used - small:+.1f} MB", f"exit code {code}\n{said}")


code, _, small, said = run("plan", sweep())
tap.equal(code, 0, f"a good sweep takes {small:.1f} MB") or print(said)

# ---- .npz ----


@functools.cache
def bomb_packed():
    """(head of an array, it and ZEROS zeros deflated, their sum).  After a full flush a megabyte looks like the one before."""
    head, packer = npy((ZEROS // 4,), b""), zlib.compressobj(9, zlib.DEFLATED, -15)
    packed, zeros, crc = [packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)], bytes(MEGABYTE), zlib.crc32(head)
    packed += [packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)] * (ZEROS // MEGABYTE)
    for _ in range(ZEROS // MEGABYTE):
        crc = zlib.crc32(zeros, crc)
    return head, b"".join(packed) + packer.flush(), crc


def bomb(declared):
    """1.9 GB of zeros that say of themselves that they are `declared` bytes, or the truth if that is None."""
    head, packed, crc = bomb_packed()
    plain = len(head) + ZEROS if declared is None else declared
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x21, crc, len(packed), plain, 7, 0)
    local = b"PK\3\4" + fields + b"W_E.npy" + packed
    entry = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"W_E.npy"
    return local + entry + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)


def init(name, says, data, **more):
    with open("init.bin", "wb") as f:
        f.write(data)
    del data
    refused(name, says, "plan", sweep(more=", init: {file: init.bin}"), **more)


def accepted(name, data):
    with open("init.bin", "wb") as f:
        f.write(data)
    code, _, _, said = run("plan", sweep(more=", init: {file: init.bin}"))
    tap.equal(code, 0, name) or print(said)


D = central(GOOD)  # of W_E
accepted("deflated", GOOD)
accepted("stored", good_npz(zipfile.ZIP_STORED))
accepted("an .npy of version 2", good_npz(W_E=npy((2, 31), version=2)))
accepted("a comment behind", patched(GOOD + b"comment", (len(GOOD) - 2, "<H", 7)))
out = io.BytesIO()
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
    for name, shape in TENSORS.items():
        with z.open(name + ".npy", "w", force_zip64=True) as f:
            f.write(npy(shape))
accepted("zip64 in the local headers, as NumPy writes it", out.getvalue())


class Pipe(io.RawIOBase):  # what cannot seek gets its sizes behind the data
    def __init__(self):
        super().__init__()
        self.bytes = b""

    def writable(self):
        return True

    def write(self, data):
        self.bytes += bytes(data)
        return len(data)


out = Pipe()
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
    for name, shape in TENSORS.items():
        z.writestr(name + ".npy", npy(shape))
accepted("sizes behind the data", out.bytes)
accepted("zip64 at the end", ZIP64)
init("a zip64 locator that points into nothing", "zip64", patched(ZIP64, (len(ZIP64) - 22 - 12, "<Q", 2 ** 64 - 8)))
init("a zip64 directory that wraps", "directory", patched(ZIP64, (END + 48, "<Q", 2 ** 64 - 8)))
init("a zip64 end record that is none", "its zip64 end record is damaged", patched(ZIP64, (END, "<I", 0)))
init("a zip64 number, and nothing before the end", "its zip64 locator is missing", b"PK\3\4" + patched(GOOD[END:], (16, "<I", 0xFFFFFFFF)))
init("a bomb", "the model's W_E", bomb(None))
init("a bomb that says it is small", "has 2", bomb(300))
init("a bomb in the right shape", "damaged", patched(bomb(len(npy((2, 31)))), (0, "<I", 0x04034b50)))
init("a larger shape", "the model's W_E", good_npz(W_E=npy((31, 31))))
init("a shape of 10^18", "bytes for", good_npz(W_E=npy((10 ** 9, 10 ** 9), b"")))
init("a shape that wraps", "larger than any memory", good_npz(W_E=npy((2 ** 62, 4), b"")))
init("a dimension of 2^64", "does not say", good_npz(W_E=npy((2 ** 64,), b"")))
init("nine dimensions", "9 dimensions", good_npz(W_E=npy((1,) * 9)))
init("a negative dimension", "does not say", good_npz(W_E=npy((-2, -31), bytes(248))))
init("a type of text", "type '<U4'", good_npz(W_E=npy((2, 31), descr="<U4")))
init("big-endian", "type '>f4'", good_npz(W_E=npy((2, 31), descr=">f4")))
init("pickled objects", "type '|O'", good_npz(W_E=npy((2, 31), descr="|O")))
accepted("Fortran order", good_npz(W_E=npy((2, 31), order="True")))
init("two shapes", "does not say", good_npz(W_E=npy((2, 31), extra="'shape': (1,)")))
init("no .npy", "is no .npy", good_npz(W_E=bytes(300)))
init("a member of five bytes", "array 'W_E' is cut off", good_npz(W_E=bytes(5)))
init("what no deflate makes", "the compressed bytes of array 'W_E' are damaged", patched(GOOD, (30 + len("W_E.npy"), "<B", 0xFF)))
init("a name that goes on behind the file", "it ends before its byte", patched(GOOD, (struct.unpack_from("<I", GOOD, central(GOOD, 3) + 42)[0] + 26, "<H", 65535)))
init("an .npy header of 4 GB", "header", good_npz(W_E=b"\x93NUMPY\2\0\xff\xff\xff\xff" + bytes(400)))
init("too few numbers", "bytes for", good_npz(W_E=npy((2, 31), bytes(244))))
init("too many numbers", "bytes for", good_npz(W_E=npy((2, 31), bytes(252))))
init("a wrong CRC-32", "CRC-32", patched(GOOD, (14, "<I", 1), (D + 16, "<I", 1)))
init("two CRC-32s", "differ", patched(GOOD, (D + 16, "<I", 1)))
init("two sizes", "differ", patched(GOOD, (18, "<I", 1)))
init("two methods", "differ", patched(GOOD, (8, "<H", 0)))
init("two names", "differ", patched(GOOD, (30, "<B", 0x58)))
init("encrypted", "encrypted", patched(GOOD, (6, "<H", 1), (D + 8, "<H", 1)))
for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
    init(f"method {method}", "compressed in a way", good_npz(method))
init("a member that lies behind the file", "outside", patched(GOOD, (D + 42, "<I", 0xFFFFFF00)))
init("a member in the directory", "outside", patched(GOOD, (D + 42, "<I", D - 8)))
init("packed bytes that go on behind", "outside", patched(GOOD, (18, "<I", 2 ** 31), (D + 20, "<I", 2 ** 31)))
init("a stored member of another size", "another size", patched(good_npz(zipfile.ZIP_STORED), (22, "<I", 9), (central(good_npz(zipfile.ZIP_STORED)) + 24, "<I", 9)))
init("a zip64 number without its field", "damaged", patched(GOOD, (D + 20, "<I", 0xFFFFFFFF)))
init("a directory that lies behind", "directory", patched(GOOD, (END + 16, "<I", 0xFFFFFF00)))
init("a directory of 4 GB", "directory", patched(GOOD, (END + 12, "<I", 0xFFFFFF00)))
init("more entries than fit", "directory", patched(GOOD, (END + 8, "<H", 999), (END + 10, "<H", 999)))
init("one part of several", "several", patched(GOOD, (END + 4, "<H", 1)))
init("a name that goes on behind", "damaged", patched(GOOD, (D + 28, "<H", 65535)))
init("no directory", "no directory", GOOD[:END])
two = npz({"W_E": npy((2, 31)), "W_inproj": npy((3, 2)), "W_F": npy((2, 31)), "W_U": npy((2, 31))}).replace(b"W_F.npy", b"W_E.npy")
init("two of one name", "two arrays", two)

# ---- .safetensors ----


accepted("safetensors", safetensors(tensors(), NUMBERS))
accepted("with metadata and blanks", safetensors(tensors(more=',"__metadata__":{"a":"}{\\"","b":""}').replace(",", ", ") + "   ", NUMBERS))
for name, says, header in (
        ("offsets that wrap", "data_offsets", tensors(W_E=entry(offsets=f"[{2 ** 64 - 248},0]"))),
        ("offsets of 2^65", "no list of arrays", tensors(W_E=entry(offsets=f"[{2 ** 65},{2 ** 65 + 248}]"))),
        ("negative offsets", "no list of arrays", tensors(W_E=entry(offsets="[-248,0]"))),
        ("offsets that lie behind", "data_offsets", tensors(W_E=entry(offsets="[1000000,1000248]"))),
        ("offsets backwards", "data_offsets", tensors(W_E=entry(offsets="[248,0]"))),
        ("one offset", "no list of arrays", tensors(W_E=entry(offsets="[248]"))),
        ("arrays that overlap", "overlap", tensors(W_inproj=entry("W_inproj", shape="[3,2]", offsets="[240,264]"))),
        ("a shape that wraps", "larger than any memory", tensors(W_E=entry(shape=f"[{2 ** 62},4]"))),
        ("a larger shape", "bytes for", tensors(W_E=entry(shape="[31,31]"))),
        ("another shape", "the model's W_E", tensors(W_E=entry(shape="[31,2]"))),
        ("five dimensions", "5 dimensions", tensors(W_E=entry(shape="[1,1,1,2,31]"))),
        ("a shape that is no list", "no list of arrays", tensors(W_E=entry(shape='"[2,31]"'))),
        ("bfloat16", "type 'BF16'", tensors(W_E=entry(dtype="BF16", offsets="[0,124]"))),
        ("a key more", "no list of arrays", tensors(W_E=entry().replace("}", ',"x":1}'))),
        ("a key twice", "no list of arrays", tensors(W_E=entry().replace('"shape"', '"dtype":"F32","shape"'))),
        ("two of one name", "two arrays", tensors(more="," + entry(offsets="[248,248]", shape="[0,31]"))),
        ("no end of a text", "no list of arrays", tensors()[:-40]),
        ("an end behind the end", "behind the closing brace", tensors() + "{}"),
        ("a NUL", "no list of arrays", tensors().replace("F32", "F\0002")),
        ("nothing", "has no array", "{}"),
        ("a brace", "no list of arrays", "{"), ("a comma too few", "lacks a comma", tensors().replace("},", "}")),
        ("lists in lists", "no list of arrays", '{"a":' + "[" * MEGABYTE),
        ("maps in maps", "no list of arrays", '{"a":' * (MEGABYTE // 5)),
        ("10^5 arrays", "has no array", "{" + ",".join(f'"{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for i in range(100000)) + "}")):
    init(name, says, safetensors(header, NUMBERS))
for length in (2 ** 64 - 1, 2 ** 64 - 8, 2 ** 63, 2 ** 40, len(tensors()) + len(NUMBERS) + 1):
    init(f"a header of {length} bytes", "header", safetensors(tensors(), NUMBERS, length))
with open("init.bin", "wb") as f:  # 1 TB, and none of it is there
    f.write(safetensors(tensors(), length=2 ** 39))
    f.truncate(2 ** 40)
refused("a header of half a terabyte", "header", "plan", sweep(more=", init: {file: init.bin}"))

# ---- images ----

mnist()
code, _, _, said = run("plan", sweep(**MNIST))
tap.equal(code, 0, "images are planned") or print(said)
for name, says, data in (
        ("a gigabyte of images in 16 bytes", "has 16 bytes for", npy((1 << 20, 32, 32), bytes(16), "|u1")),
        ("a terabyte", "has 16 bytes for", npy((1 << 30, 32, 32), bytes(16), "|u1")),
        ("dimensions that wrap", "is larger than any memory", npy((2 ** 31, 2 ** 31, 4), b"", "|u1")),
        ("no images", "is empty", npy((0, 3, 3), b"", "|u1")),
        ("a byte too few", "has 107 bytes for 108 numbers", npy((12, 3, 3), bytes(107), "|u1")),
        ("a byte too many", "has 109 bytes for 108 numbers", npy((12, 3, 3), bytes(109), "|u1")),
        ("floats", "is of type f4; wanted: bytes, u1", npy((12, 3, 3)))):
    mnist(x_train=data)
    refused(f"images: {name}", says, "plan", sweep(**MNIST))
mnist(x_test=npy((5, 3, 4), bytes(60), "|u1"))
refused("test images of another size", "array 'x_test' has 12 numbers an example", "plan", sweep(**MNIST))
mnist()

# ---- splits, for tasks that take none, and weights that are given and scaled ----

with open("films.npz", "wb") as f:
    f.write(FILMS)
for kind, width, where in (("mnist: its files have one", 9, MNIST), ("imdb", 4, IMDB), ("nothing", 1, {"task": "no", "tasks": ", no: {kind: nothing}"}),
                           ("sentiment", 4, {"task": "words", "tasks": ", words: {kind: sentiment, shortest: 2, longest: 4, length: 4}", "model": "lstm", "more": ", training.loss: binary_cross_entropy"})):
    with open("split.bin", "wb") as f:
        f.write(npz({f"{part}_{what}": npy(shape, descr="<i4") for part in ("train", "test") for what, shape in (("pairs", (2, width)), ("labels", (2,)))}))
    refused(f"a split of {kind}", f"task {kind.partition(':')[0]} takes no split" + "".join(kind.partition(":")[1:]), "run",
            sweep(**{**where, "more": where.get("more", "") + ", split: {file: split.bin}"}), "--store", "never.h5")
os.remove("films.npz")
with open("init.bin", "wb") as f:
    f.write(GOOD)
refused("weights that are scaled", "'init_scale' has no meaning for weights from a file; leave one of the two out", "plan", sweep(more=", model.init_scale: 2, init: {file: init.bin}"))
os.remove("init.bin")

# ---- FIFOs, sockets, folders, devices ----

RESULTS = tap.write("good.yaml", sweep(more=", seed: [0, 1]").read_text())
code, _, _, said = run("run", RESULTS, "--store", "good.h5")
tap.equal(code, 0, "a good store") or print(said)
listener = socket.socket(socket.AF_UNIX)
KINDS = {"fifo": (os.mkfifo, "a FIFO"), "socket": (listener.bind, "a socket"), "folder": (os.mkdir, "a folder"),
         "device": (lambda p: os.symlink("/dev/zero", p), "a device")}


def put(kind, path):
    if os.path.lexists(path):
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
    else:
        KINDS[kind][0](path)


listener.close()
ID = tap.query(tap.SCRATCH / "good.h5", "SELECT id FROM jobs")[0][0]
COMMANDS = [("status", "X"), ("query", "X", "SELECT 1"), ("show", "X", ID), ("export", "X", ID), ("verify", "X"), ("measure", "X", "norms"),
            ("compact", "X", "-o", "made.h5"), ("merge", "good.h5", "X", "-o", "made.h5"), ("run", RESULTS, "--store", "X"),
            ("run", RESULTS, "--store", "X", "--repair"), ("plan", RESULTS, "--store", "X")]
OUTPUTS = [("compact", "good.h5", "-o", "X"), ("merge", "good.h5", "-o", "X"), ("compact", "good.h5", "--force", "-o", "X")]
for kind, (_, word) in KINDS.items():
    put(kind, "x.h5")
    kept = os.lstat("x.h5")
    for command in COMMANDS + OUTPUTS:
        code, _, _, said = run(*("x.h5" if c == "X" else c for c in command))
        tap.ok(code in (2, 5) and "not a regular file" in said and os.lstat("x.h5").st_ino == kept.st_ino and not os.path.exists("made.h5"),
               f"{kind}: {' '.join(map(str, command))[:40]}: refused", f"exit code {code}\n{said}")
    put(kind, "x.csv")
    code, _, _, said = run("export", "good.h5", ID, "weights", "-o", "x.csv")
    tap.ok(code in ((0,) if kind == "device" else (2, 5)) and (kind == "device" or os.lstat("x.csv").st_mode & 0o170000 != 0o100000),
           f"{kind}: export -o does not wait, and does not replace it", f"exit code {code}\n{said}")
    put(kind, "y.csv.part")
    code, _, _, said = run("export", "good.h5", ID, "weights", "-o", "y.csv")
    tap.ok(code in (2, 5) and not os.path.exists("y.csv"), f"{kind}: export beside it does not wait", f"exit code {code}\n{said}")
    left = f"z.h5.tmp.{os.uname().nodename}.1"  # what a killed process leaves has such a name
    put(kind, left)
    for command in (("run", RESULTS, "--store", "z.h5"), ("compact", "good.h5", "-o", "z.h5")):
        code, _, _, said = run(*command)
        tap.ok(code == 0 and os.path.exists("z.h5") and os.path.lexists(left), f"{kind}: {command[0]} beside {left}", f"exit code {code}\n{said}")
        if os.path.exists("z.h5"):
            os.remove("z.h5")
    put(kind, "init.bin")
    for section in ("init", "split"):
        refused(f"{kind}: {section}", "not a regular file", "plan", sweep(more=f", {section}: {{file: init.bin}}"))
    os.rmdir("init.bin") if kind == "folder" else os.remove("init.bin")
    for path, where in ("mnist/mnist.npz", MNIST), ("films.npz", IMDB):
        put(kind, path)
        refused(f"{kind}: {path}", "not a regular file", "plan", sweep(**where))
        os.rmdir(path) if kind == "folder" else os.remove(path)

# A sweep may come from a pipe, and is not read without end.
os.mkfifo("sweep.yaml")
for name, text, want in (("a sweep", RESULTS.read_bytes(), 0), ("a sweep without end", b"# y\n" * MEGABYTE, 2)):
    with subprocess.Popen([tap.TOMBOLA, "plan", "sweep.yaml"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        with open("sweep.yaml", "wb", buffering=0) as f:
            try:
                f.write(text)
            except BrokenPipeError:
                pass
        said = process.communicate(timeout=LIMIT)[1]
    tap.ok(process.returncode == want, f"from a pipe: {name}", said)

# ---- what sweeps say, in memory that grows with what is asked for ----

LONG = 400
for i in range(40):
    text = RESULTS.read_text().replace("seed: [0, 1]", f"seed: {i % 2}") + f"# {i} " + "x" * (LONG * 1000) + "\n"
    code, _, _, said = run("run", tap.write(f"t{i}.yaml", text), "--store", "good.h5", "--quiet")
    if code:
        tap.equal(code, 0, f"sweep {i}") or print(said)
_, _, none, _ = run("query", "good.h5", "SELECT 1")
for sql, most in (("SELECT count(*), sum(length(text)) FROM sweeps", 4), ("SELECT name FROM sweeps", 4), ("SELECT count(*) FROM grids, sweeps", 4),
                  ("SELECT count(*) FROM sweeps a, sweeps b WHERE a.text = b.text", 8), ("SELECT name, text, time FROM sweeps", 100)):
    code, seconds, used, said = run("query", "good.h5", sql)
    tap.ok(code == 0 and used < none + most, f"{sql}: {used - none:+.1f} MB of {LONG * 40 / 1000:.0f} MB of texts", said)

# ---- HDF5 ----

import h5py  # noqa: E402
import numpy as np  # noqa: E402

_, _, small, _ = run("plan", sweep())


def hdf5(name, says, W_E, **more):
    with h5py.File("init.h5", "w") as f:
        for tensor in ("W_inproj", "W_outproj", "W_U"):
            f[f"init/{tensor}"] = np.zeros(TENSORS[tensor], "f4")
        W_E(f.create_group("x") if more.pop("aside", False) else f["init"])
    if says:
        refused(f"HDF5: {name}", says, "plan", sweep(more=", init: {file: init.h5}"), **more)
    else:
        code, _, _, said = run("plan", sweep(more=", init: {file: init.h5}"))
        tap.equal(code, 0, f"HDF5: {name}") or print(said)


def external(g):
    with h5py.File("other.h5", "w") as f:
        f["W_E"] = np.zeros((2, 31), "f4")
    g["W_E"] = h5py.ExternalLink("other.h5", "W_E")


def by_a_soft_link(g):
    external(g)
    g.move("W_E", "beyond")
    g["W_E"] = h5py.SoftLink("/init/beyond")


def storage(g):
    g.create_dataset("W_E", (2, 31), "f4", external=[("/etc/passwd", 0, 248)])


def virtual(g):
    layout = h5py.VirtualLayout((2, 31), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "W_E", (2, 31))
    g.create_virtual_dataset("W_E", layout)


def deflate_twice(g):
    p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    p.set_chunk((2, 31))
    p.set_deflate(9)
    p.set_filter(h5py.h5z.FILTER_DEFLATE, 0, (9,))
    d = h5py.h5d.create(g.id, b"W_E", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((2, 31)), p)
    d.write_direct_chunk((0, 0), zlib.compress(zlib.compress(bytes(1 << 28), 9), 9))


def wide(g):
    t = h5py.h5t.STD_I32LE.copy()
    t.set_size(1 << 20)
    h5py.h5d.create(g.id, b"W_E", t, h5py.h5s.create_simple((2, 31)))


OUTSIDE = "lies in another file"
for name, says, make in (
        ("plain", None, lambda g: g.create_dataset("W_E", data=np.zeros((2, 31)))),
        ("gzip, shuffle, fletcher32", None, lambda g: g.create_dataset("W_E", data=np.zeros((2, 31)), compression="gzip", shuffle=True, fletcher32=True)),
        ("an external link", OUTSIDE, external), ("one behind a soft link", OUTSIDE, by_a_soft_link),
        ("external storage", OUTSIDE, storage), ("a virtual dataset", OUTSIDE, virtual),
        ("8 TB", "the model's W_E", lambda g: g.create_dataset("W_E", (10 ** 6, 10 ** 6), chunks=(1000, 1000))),
        ("a shape that wraps", "larger than any", lambda g: g.create_dataset("W_E", (2 ** 62, 2 ** 62), chunks=(1, 1))),
        ("a piece of 2 GB", "pieces", lambda g: g.create_dataset("W_E", (2, 31), "f4", chunks=(2 ** 24, 31), maxshape=(None, 31))),
        ("deflated twice", "packed otherwise", deflate_twice),
        ("lzf", "packed otherwise", lambda g: g.create_dataset("W_E", data=np.zeros((2, 31)), compression="lzf")),
        ("texts", "not numeric", lambda g: g.create_dataset("W_E", (2, 31), h5py.string_dtype())),
        ("numbers of 1 MB", "more than 16 bytes", wide)):
    hdf5(name, says, make)

# ---- splits, and files of another size than a moment ago ----

with h5py.File("split.h5", "w") as f:
    f.create_dataset("data/train_pairs", (10 ** 9, 2), "i1", chunks=(10 ** 6, 2))
    f["data/test_pairs"] = np.zeros((1, 2), "i1")
refused("a split of 2 * 10^9 tokens", "at most 16777216 tokens", "plan", sweep(more=", split: {file: split.h5}"))

tap.done()
