#!/usr/bin/env python3
"""What is said of a store that is damaged, or made up, in just one way: a table.  In the first, checksums are those of before; in
the second, all of them agree with what the store says.  That faults are found, and mended or left alone, is in repair.py.
beside: others
timeout: 300"""
import os
import re
import shutil
import sys

sys.path[:0] = [os.path.join(os.path.dirname(__file__), part) for part in ("..", "../hostile")]
import seal  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import xxhash  # noqa: E402
from generate import edit_jobs, put_bytes  # noqa: E402
from structure import link, put_attribute, recolumn, retype  # noqa: E402
from surgery import TYPES, take  # noqa: E402

SWEEP = """
tasks: {add: {kind: modular, expr: a + b, p: 5, train_fraction: 0.6}, bits: {kind: parity, n: 3, k: 2, n_train: 6, n_test: 2}}
models: {mlp: {kind: embed_mlp, d_embed: 4, d_hidden: 3}, dense: {kind: dense_mlp, d_hidden: 3}}
training: {short: {epochs: 20}}
record: {eval_every: 5, series_every: 5, measures: [norms]}
checkpoint: {every: 10}
grids:
  - {name: main, task: add, model: mlp, training: short, seed: [0, 1], control: [dense, ticket], t: final, k: 0.6}
  - {name: given, task: add, model: mlp, training: short, split: {file: two.npz}}
  - {name: bits, task: bits, model: dense, training: short, training.loss: hinge, split: {file: three.npz}}
"""


def split(name, train, test, label):
    np.savez(tap.SCRATCH / name, **{f"{part}_{what}": np.array(value, np.int64) for part, rows in (("train", train), ("test", test))
                                    for what, value in (("pairs", rows), ("labels", [label(row) for row in rows]))})


split("two.npz", [(0, 1), (1, 1), (2, 4)], [(0, 0), (3, 4)], lambda row: sum(row) % 5)
split("three.npz", [(1, 1, -1), (1, -1, 1)], [(-1, -1, 1)], lambda row: int(row[0] * row[1] > 0))
sweep, whole, store = tap.write("damage.yaml", SWEEP), tap.SCRATCH / "whole.h5", tap.SCRATCH / "x.h5"
tap.equal(tap.tombola("run", sweep, "--store", whole).returncode, 0, "a small store")
tap.equal(tap.tombola("measure", whole, "histogram").returncode, 0, "with an annex")
with h5py.File(whole, "r") as f:
    JOBS = f["jobs"][:int(f["control"]["rows"][0])]
    TEXTS = [bytes(text) for text in f["texts/canonical"][:len(JOBS)]]
    INPUTS = [bytes(row["text"]) for row in f["texts/inputs"][:len(JOBS)]]
    FAMILY = "families/" + next(name for name in f["families"] if name.startswith("embed_mlp"))
    ABOUT = bytes(f[FAMILY].attrs["about"])


def row_of(*words):
    return next(i for i, text in enumerate(TEXTS) if all(word in text for word in words))


DENSE, TICKET, GIVEN, BITS = row_of(b"control=dense"), row_of(b"control=ticket"), row_of(b"task=modular", b"split="), row_of(b"task=parity")
ID = [row["id"].decode() for row in JOBS]


# ---- damages: functions that change an open h5py.File ----


def flip(path, row, at=3):
    def change(f):
        data = seal.move(f[path], row + 1)
        data[row, at] ^= 4
        seal.move(f[path], row + 1, data)
    return change


def put(path, row, **values):
    def change(f):
        kind = f[path].dtype
        for name, value in values.items():
            member, at = kind.fields[name][:2]
            put_bytes(f, path, row, at, np.array(value, member).tobytes())
    return change


def text(row, new, inputs=None):
    """The job's canonical text, and its id with it."""
    def change(f):
        put_bytes(f, "texts/canonical", row, 0, new.ljust(1024, b"\0"))
        put("jobs", row, id=xxhash.xxh3_128_hexdigest(new).encode())(f)
        if inputs is not None:
            put("texts/inputs", row, text=inputs)(f)
    return change


def instead(old, new, row=DENSE):
    assert old in TEXTS[row]
    return text(row, TEXTS[row].replace(old, new, 1))


def number(path, name, value):
    return lambda f: seal.put_number(f[path], name, value)


def about(old, new):
    assert old in ABOUT
    return lambda f: f[FAMILY].attrs.__setitem__("about", np.bytes_(ABOUT.replace(old, new)))


def renamed(path, column):
    return recolumn(path, lambda columns: [[b"x" + c[0] if c[0] == column else c[0], *c[1:]] for c in columns])


def crossing(path):
    """Anew, at a place that is no multiple of a record."""
    def change(f):
        part = take(f, path)
        part.dims = (part.dims[0] + 1,)
        for i in range(9):
            f[f"{path}.before{i}"] = np.zeros(part.bytes.size + 40, np.uint8)  # more than what has become free
            part.put(f, path)
            if f[path].id.get_offset() % f[path].dtype.itemsize:
                return
            del f[path]
        raise RuntimeError(f"/{path} stays where a record fits")
    return change


def same_place(f):
    put("control", 0, sweeps=2)(f)
    put_bytes(f, "sweeps", 1, 0, seal.move(f["sweeps"], 1)[0].tobytes())


def circle(rows):
    rows["parent"][DENSE] = rows["id"][TICKET]


def alike(rows):
    for i in range(len(rows)):
        rows["id"][i] = b"abcd" + rows["id"][i][4:]


VERIFY, MERGE, MEASURE = ["verify", store], ["merge", store, "-o", tap.SCRATCH / "merged.h5"], ["measure", store, "jaccard"]
REPAIR = ["run", sweep, "--store", store, "--repair", "--verbose"]


def split_of(row_or_id):
    return ["export", store, row_or_id, "split", "-o", tap.SCRATCH / "s.npz"]


def query(sql):
    return ["query", store, sql]


ANNEX = f"{FAMILY}/measures/histogram"
DAMAGED = [
    ("1 rows of the store are damaged and left alone; `run --repair` trains their jobs again", flip("jobs", TICKET), MEASURE, 0),
    (f"damaged: row {TICKET}, job {ID[TICKET][:8]}, series/test_loss: ", flip(f"{FAMILY}/series/test_loss", int(JOBS["family_row"][TICKET])), REPAIR, 0),
    ("repair: `tombola measure` computes again what is damaged of 1 jobs' measures", flip(f"{ANNEX}/count", int(JOBS["family_row"][TICKET])), REPAIR, 0),
    ("measures/histogram: the checksums do not agree with theirs", flip(f"{ANNEX}/checksums", int(JOBS["family_row"][TICKET])), VERIFY, 5),
    ("the attributes do not agree with their checksum", lambda f: f.attrs.__setitem__("host", np.bytes_(b"other")), VERIFY, 5),
    ("record of /grids 0 is damaged", flip("grids", 0), query("SELECT * FROM grids"), 5),
    ("the checksums of its data are not those that its row vouches for", flip(f"{FAMILY}/sums", int(JOBS["family_row"][DENSE])), MERGE, 5),
    ("the hash of its canonical text is not its id", flip("texts/canonical", DENSE, 12), MERGE, 5),
    (f"the canonical text of job {ID[GIVEN][:8]}, row {GIVEN}, is not its own", flip("texts/canonical", GIVEN, 12), split_of(ID[GIVEN]), 5),
    ("the paths of its files do not agree with their checksum", flip("texts/inputs", GIVEN, 12), MERGE, 5),
    ("the paths of its files do not agree with their checksum", flip("texts/inputs", GIVEN, 12), query("SELECT input_of(id, 'split.file') FROM jobs"), 5),
]
MADE_UP = [
    ("has no readable /grids", link("grids", "missing"), VERIFY, 5),
    ("has no readable /families", link("families", "missing"), VERIFY, 5),
    ("/grids has other columns than this program knows", renamed("grids", b"sum"), VERIFY, 5),
    ("/jobs lacks columns that every store has", renamed("jobs", b"id"), VERIFY, 5),
    ("the records of /grids cross pages, as in no store", crossing("grids"), VERIFY, 5),
    (f"/{FAMILY}/sums holds no checksums", retype(f"{FAMILY}/sums", TYPES["i8"]), VERIFY, 5),
    (f"/{FAMILY}/masks is no array of a store", put_attribute(f"{FAMILY}/masks", "parts", None), VERIFY, 5),
    (f"the arrays of /{FAMILY} are not as they were made", number(f"{FAMILY}/masks", "first_sum", 0), VERIFY, 5),
    (f"/{FAMILY}/series/test_loss is no curve", retype(f"{FAMILY}/series/test_loss", TYPES["i8"]), query("SELECT * FROM series"), 5),
    (f"/{FAMILY}/masks holds no masks", retype(f"{FAMILY}/masks", TYPES["f4"]), query(f"SELECT jaccard(id, '{ID[TICKET]}') FROM jobs"), 5),
    (f"/{FAMILY}/masks is not the array that the family's jobs need", retype(f"{FAMILY}/masks", TYPES["f4"]), MEASURE, 5),
    ("another row has the same id", put("jobs", DENSE, id=ID[TICKET].encode()), VERIFY, 5),
    ("it is its own ancestor", edit_jobs(circle), VERIFY, 5),
    (f"{len(JOBS)} jobs begin with 'abcd'; give more characters", edit_jobs(alike), ["show", store, "abcd"], 2),
    ("the text of record 1 is not behind that of the one before it", same_place, VERIFY, 5),
    ("this program has no measure 'odd'", about(b"measure=norms norms", b"measure=norms odd"), MEASURE, 5),
    ("measure 'norms' has no key 'odd'", about(b"measure=norms norms ", b"measure=norms norms odd=1"), MEASURE, 5),
    ("a canonical text does not begin with 'tombola/1'", instead(b"tombola/1", b"tombola/2"), MEASURE, 5),
    ("a canonical text has a broken line: 'odd'", instead(b"training=adamw\n", b"training=adamw\nodd"), MEASURE, 5),
    ("a canonical text lacks task, model, training or control", instead(b"model=embed_mlp\n", b""), MEASURE, 5),
    ("a job has the task 'odd', which this version does not know", instead(b"task=modular", b"task=odd"), MEASURE, 5),
    ("a job has the key 'task.odd'", instead(b"task.p=", b"task.odd="), MEASURE, 5),
    ("a job has the key 'odd'", instead(b"seed=0", b"odd=0"), MEASURE, 5),
    ("'seed' must be a whole number, not 'odd'", instead(b"seed=0", b"seed=odd"), MEASURE, 5),
    ("' is no id", instead(b"split=", b"split=0123456789", GIVEN), split_of, 5),
    ("'odd' is no id", instead(b"parent=" + ID[DENSE].encode(), b"parent=odd", TICKET), MEASURE, 5),
    ("the path of a file that the job reads is too long: 'split=ooo", text(GIVEN, TEXTS[GIVEN], b"split=" + b"o" * 500 + b"\t\n"), split_of(ID[GIVEN]), 5),
    (f"the split in '{tap.SCRATCH / 'three.npz'}' has another number of tokens an example than the task",
     text(GIVEN, re.sub(rb"split=\w+", re.search(rb"split=\w+", TEXTS[BITS])[0], TEXTS[GIVEN]), INPUTS[BITS]), MEASURE, 3),
]


def said(words, damage, command, code, sealed):
    shutil.copy(whole, store)
    with h5py.File(store, "r+") as f:
        damage(f)
        if command is split_of:
            command = split_of(f["jobs"]["id"][GIVEN].decode())
    if sealed:
        seal.seal(store)
    found = tap.tombola(*command)
    (tap.SCRATCH / "merged.h5").unlink(missing_ok=True)
    tap.ok(found.returncode == code and words in found.stdout + found.stderr, f"{command[0]}: {words}", f"exit code {found.returncode}\n{found.stdout}{found.stderr}")


for row in DAMAGED:
    said(*row, False)
for row in MADE_UP:
    said(*row, True)
tap.done()
