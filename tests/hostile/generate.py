#!/usr/bin/env python3
"""generate.py: sound stores made hostile: what they say is wrong, and all checksums agree with it.

    generate.py list SPECIMENS              names, a line each
    generate.py make SPECIMENS NAME FOLDER  that mutant alone, as FOLDER/store.h5 (and store.h5.undo, and what it points at)

SPECIMENS is a folder: the stores of specimens.py are made there if it is empty.  A name is STORE:PART:CHANGE, and always means the
same change.  mutants(path) gives {name: Mutant}; Mutant.make(folder) writes it.
"""
import os
import random
import re
import resource
import shutil
import signal
import struct
import sys
from pathlib import Path

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "..")]
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import seal  # noqa: E402
import surgery  # noqa: E402
from h5py import h5a, h5t  # noqa: E402
from structure import REAL, SECRET, WHOLE, WORDS, attribute_changes, column_changes, dataset_changes, group_changes  # noqa: E402

SECONDS = 60  # to make one
# Parts that differ from another one in their names only: left out unless everything is asked for.
AGAIN = re.compile(r"series/(train_loss|train_accuracy|test_accuracy)|norms/(l1|l1_masked|l2_masked|sum_squares.*)$|histogram/outside|/dense_mlp.*")


class Mutant:
    """change(folder, path): of a copy of the store at path.  closed: it works on bytes, not on an h5py.File.  header: object headers
    are forged, and libhdf5 itself may crash.  harmless: why a store that is changed so may be used."""

    def __init__(self, base, name, change, closed=False, header=False, harmless=None):
        self.base, self.name, self.change, self.closed, self.header, self.harmless = base, name, change, closed, header, harmless

    def make(self, folder):
        """make_here() in a process of its own, for HDF5 may not survive what it is asked to make.  RuntimeError if it fails."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            said = b""
            try:
                signal.alarm(SECONDS)
                resource.setrlimit(resource.RLIMIT_FSIZE, (seal.MOST, seal.MOST))
                self.make_here(folder)
            except BaseException as error:
                said = f"{type(error).__name__}: {error}".encode(errors="replace")[:4000] or b"failed"
            finally:
                os.write(writer, said)
                os._exit(1 if said else 0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read().decode(errors="replace")
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            raise RuntimeError(said or f"signal {-status}")
        return folder / "store.h5"

    def make_here(self, folder):
        """folder/store.h5 and what lies beside it.  RuntimeError and the like if HDF5 makes no such thing."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "store.h5"
        shutil.copy(self.base, path)
        (folder / "secret").write_bytes(SECRET)
        if self.closed:
            self.change(path)
        else:
            with h5py.File(path, "r+") as f:
                self.change(f)
            seal.seal(path)


# ---- values ----

def put_bytes(f, path, row, at, value):
    """Raw bytes in a record of a dataset."""
    data = seal.move(f[path], row + 1)
    data[row, at:at + len(value)] = np.frombuffer(value, np.uint8)
    seal.move(f[path], row + 1, data)


def values_of(kind):
    """{change: bytes} for a number or text of that dtype."""
    if kind.kind in "iu":
        size = 8 * kind.itemsize
        return {f"is-{v}": (v & (1 << size) - 1).to_bytes(kind.itemsize, "little") for v in WHOLE if kind.itemsize == 8 or 0 <= v < 256}
    if kind.kind == "f":
        return {f"is-{v}": np.array(v, kind).tobytes() for v in REAL if not abs(np.float64(v)) > np.finfo(kind).max or np.isinf(v)}
    if kind.kind == "S":
        return {f"is-{word}": value[:kind.itemsize].ljust(kind.itemsize, b"\0") for word, value in WORDS.items()}
    return {}


def value_changes(f, path, row):
    """Of every column, or of the record itself."""
    kind = f[path].dtype
    for name in kind.names or [""]:
        member, at = kind.fields[name][:2] if name else (kind, 0)
        now = seal.move(f[path], row + 1)[row].tobytes()[at:at + member.itemsize]
        for word, value in values_of(member).items():
            if value == now:
                continue
            yield f"{row}.{name}:{word}", (lambda f, at=at, value=value: put_bytes(f, path, row, at, value)), {}


def element_changes(f, path, row):
    """Values of an array's row: the first, the last, all."""
    data = f[path]
    for word, value in values_of(data.dtype).items():
        for which in ("first", "last", "all"):
            def change(f, which=which, value=value):
                rows = seal.move(f[path], row + 1)
                size = len(value)
                place = {"first": slice(0, size), "last": slice(-size, None), "all": slice(None)}[which]
                rows[row, place] = np.frombuffer(value * (rows[row, place].size // size), np.uint8)
                seal.move(f[path], row + 1, rows)
            yield f"{row}.{which}:{word}", change, {}


# ---- rows that do not belong together ----

def edit_jobs(edit):
    """edit(rows) of the rows in use, as a structured array."""
    def change(f):
        used = int(f["control"]["rows"][0])
        data = seal.move(f["jobs"], used)
        edit(data.reshape(-1).view(f["jobs"].dtype))
        seal.move(f["jobs"], used, data)
    return change


def relations(f):
    jobs = f["jobs"][: int(f["control"]["rows"][0])]
    child = next((i for i, row in enumerate(jobs) if row["parent"]), 0)
    parent = next((i for i, row in enumerate(jobs) if row["id"] == jobs[child]["parent"]), 0)

    def put(row, **values):
        def edit(rows):
            for name, value in values.items():
                rows[name][row] = value(rows) if callable(value) else value
        return edit

    def circle(rows):
        for i in range(len(rows)):
            rows["parent"][i] = rows["id"][(i + 1) % len(rows)]

    def everything(**values):
        def edit(rows):
            for name, value in values.items():
                rows[name] = value
        return edit

    edits = {
        "self-parent": put(parent, parent=lambda rows: rows["id"][parent]), "two-circle": put(parent, parent=lambda rows: rows["id"][child]),
        "circle": circle, "lost-parent": put(child, parent=b"0" * 32), "odd-parent": put(child, parent=b"zz\x1b[2J"),
        "twin-id": put(1, id=lambda rows: rows["id"][0]), "odd-id": put(0, id=b"\x1b[2J<b>$%s"), "no-id": put(0, id=b""),
        "twin-place": put(1, family=lambda rows: rows["family"][0], family_row=lambda rows: rows["family_row"][0]),
        "other-family": put(0, family=lambda rows: (rows["family"][0] + 1) % len(f["families"])),
        "all-one-place": everything(family=0, family_row=0), "all-running": everything(state=2), "all-unused": everything(state=0),
        "all-pending": everything(state=1), "all-failed": everything(state=4), "all-blocked": everything(state=5),
        "unvouched": everything(data_sum=0), "many-attempts": everything(attempts=(1 << 62)), "running-again": everything(state=2, attempts=3),
    }
    for name, edit in edits.items():
        yield name, edit_jobs(edit), {}
    for state in (6, 7, 100, 200, 255):
        yield f"state-{state}", edit_jobs(put(0, state=state)), {}

    def swap(f):
        names = list(f["families"])
        for name in names:
            a = f["families"][name].id
            index = int(f["families"][name].attrs["index"])
            h5a.open(a, b"index").write(np.array(len(names) - 1 - index, np.uint64))
    yield "families-swapped", swap, {}

    def control(**values):
        def change(f):
            for name, value in values.items():
                put_bytes(f, "control", 0, f["control"].dtype.fields[name][1], struct.pack("<Q", value))
        return change
    full = {"rows": len(f["jobs"]), "grids": len(f["grids"]), "sweeps": len(f["sweeps"]), "text": len(f["sweep_text"])}
    for name, n in full.items():
        yield f"all-{name}", control(**{name: n}), {}
        yield f"beyond-{name}", control(**{name: n + 1}), {}
        yield f"no-{name}", control(**{name: 0}), {}


# ---- beside the store, and its bytes ----

def journal(store, **wrong):
    """STORE.undo as the program writes it, with what is wrong in it."""
    with h5py.File(store, "r") as f:
        raw = []
        f.visititems(lambda _, item: raw.append((item.id.get_offset(), item.id.get_storage_size()))
                     if isinstance(item, h5py.Dataset) and item.id.get_offset() is not None else None)
        control = f["control"].id.get_offset() or 0
    data, at, extents = store.read_bytes(), 0, []
    for start, size in sorted(raw):
        if size:
            if start > at:
                extents.append((at, start - at, data[at:start]))
            at = start + size
    if at < len(data):
        extents.append((at, len(data) - at, data[at:]))
    extents = wrong.get("extents", lambda e: e)(extents)
    head = struct.pack("<QQQQ", wrong.get("magic", int.from_bytes(b"TMBUNDO1", "little")), wrong.get("file_size", len(data)),
                       wrong.get("count", len(extents)), wrong.get("control_from", control)) + data[control:control + 64]
    body = head + b"".join(struct.pack("<QQ", a & (1 << 64) - 1, n & (1 << 64) - 1) + b for a, n, b in extents)
    body = body[:wrong.get("cut", len(body))] + wrong.get("tail", b"")
    return body + struct.pack("<Q", seal.checksum(body))


def journals():
    def put(make):
        def change(store):
            store.with_name("store.h5.undo").write_bytes(make(store))
        return change

    def first(change):
        return lambda extents: [change(*extents[0]), *extents[1:]]
    big = (1 << 64) - 1
    for value in (0, 1, 1 << 16, 1 << 32, 1 << 62, big):
        yield f"count-{value}", put(lambda s, v=value: journal(s, count=v)), {"closed": True}
        yield f"file-size-{value}", put(lambda s, v=value: journal(s, file_size=v)), {"closed": True}
        yield f"control-from-{value}", put(lambda s, v=value: journal(s, control_from=v)), {"closed": True}
        yield f"from-{value}", put(lambda s, v=value: journal(s, extents=first(lambda a, n, b: (v, n, b)))), {"closed": True}
        yield f"size-{value}", put(lambda s, v=value: journal(s, extents=first(lambda a, n, b: (a, v, b)))), {"closed": True}
    yield "sound", put(journal), {"closed": True, "harmless": "a journal of the store as it is"}
    yield "twice", put(lambda s: journal(s, extents=lambda e: e + e)), {"closed": True}
    yield "turned", put(lambda s: journal(s, extents=lambda e: e[::-1])), {"closed": True}
    yield "overlap", put(lambda s: journal(s, extents=lambda e: [(a // 2, n, b) for a, n, b in e])), {"closed": True}
    yield "over-data", put(lambda s: journal(s, extents=lambda e: [*e, (e[0][1], 4096, b"\xff" * 4096)])), {"closed": True}
    yield "tail", put(lambda s: journal(s, tail=b"x" * 100)), {"closed": True}
    for n in (0, 8, 32, 95, 96, 100, 111, 112, 113):
        yield f"cut-{n}", put(lambda s, n=n: journal(s, cut=n)), {"closed": True}
    yield "empty", put(lambda s: b""), {"closed": True}
    yield "seven", put(lambda s: b"TMBUNDO"), {"closed": True}
    yield "folder", lambda store: store.with_name("store.h5.undo").mkdir(), {"closed": True}
    yield "pipe", lambda store: os.mkfifo(store.with_name("store.h5.undo")), {"closed": True}
    yield "link", lambda store: store.with_name("store.h5.undo").symlink_to("secret"), {"closed": True}


def cuts(size):
    places = {0, 1, 7, 8, 9, 47, 48, 63, 64, 95, 96, 97, 511, 512, 1024, 2047, 2048, 4095, 4096, 4097, size - 4097, size - 4096, size - 1}
    for at in sorted(p for p in places | {size * i // 16 for i in range(1, 16)} if 0 <= p < size):
        yield f"cut-{at}", (lambda store, at=at: os.truncate(store, at)), {"closed": True}
    yield "longer", (lambda store: os.truncate(store, size + (1 << 20))), {"closed": True, "harmless": "nothing points at what is behind"}


def flips(f, count):
    """Bytes of object headers: seeded by the place, so that each is the same alone."""
    def change(at, mask):
        def flip(store):
            data = bytearray(store.read_bytes())
            data[at] ^= mask
            store.write_bytes(data)
        return flip
    places = []
    f.visititems(lambda name, item: places.append((name, surgery.header(item))))
    for name, at in [("", surgery.header(f["/"])), *places]:
        dice = random.Random(name)
        for _ in range(count):
            offset, mask = dice.randrange(256), dice.randrange(1, 256)
            yield name, f"flip-{offset}-{mask}", change(at + offset, mask), {"closed": True, "header": True}


# ---- all of them ----

def parts_of(f, everything):
    """(path, object) of the root and all below."""
    found = []
    f.visititems(lambda name, item: found.append((name, item)))
    return [("", f["/"])] + [(name, item) for name, item in found if everything or not AGAIN.search(name)]


def of_part(f, name, item):
    """(change, function, more) of one object: as a whole, its attributes, its columns, its values."""
    if isinstance(item, h5py.Dataset):
        yield from dataset_changes(f, name)
        kind = item.id.get_type()
        for i in range(kind.get_nmembers() if isinstance(kind, h5t.TypeCompoundID) else 0):
            for word, change, more in column_changes(kind, name, i):
                yield f"{kind.get_member_name(i).decode()}:{word}", change, more
        if kind_of_table(name):
            for row in (0, 1) if name in ("jobs", "grids") or name.endswith("tensors") else (0,):
                if row < item.shape[0]:
                    yield from value_changes(f, name, row)
        elif item.ndim and item.shape[0] and item.dtype.kind in "iuf" and name != "sweep_text":
            yield from element_changes(f, name, 0)
    else:
        yield from group_changes(name)
    for attribute in item.attrs:
        for word, change, more in attribute_changes(f, name, attribute):
            yield f"@{attribute}:{word}", change, more


def kind_of_table(name):
    return name in ("control", "owner", "jobs", "grids", "sweeps", "texts/inputs", "texts/canonical") or name.endswith("/tensors")


def axes_of(f):
    """Dimension scales without values: names for other programs."""
    found = set()
    f.visititems(lambda name, item: found.add(name) if "CLASS" in item.attrs and "checksum" not in item.attrs else None)
    return found


def mutants(path, everything=False):
    """{name: Mutant} of the store at path."""
    store, found = path.stem, {}

    def add(part, change, function, more):
        name = f"{store}:{part or '/'}:{change}"
        why = "an axis, which has no values" if part in axes else harmless(part, change)
        found[name] = Mutant(path, name, function, **{"harmless": why, **more})

    with h5py.File(path, "r") as f:
        axes = axes_of(f)
        for part, item in parts_of(f, everything):
            for change, function, more in of_part(f, part, item):
                add(part, change, function, more)
        for change, function, more in relations(f):
            add("jobs", f"rows:{change}", function, more)
        for part, change, function, more in flips(f, 8):
            add(part, change, function, more)
    for change, function, more in cuts(path.stat().st_size):
        add("", change, function, more)
    if store != "archive":
        for change, function, more in journals():
            add("", f"undo:{change}", function, more)
    return found


# Changes after which `verify` may find nothing, and why: (part, change, why).
SUMS = r"(@checksum|\d\.(row_sum|data_sum|sum|text_sum)):(?!missing|null|list|text|type).*"
NO_KEY = r"(?!(id|parent|family|family_row|state|row_sum|data_sum|sequence)\b)"
HARMLESS = [
    (".*", SUMS, "checksums are written anew, so that nothing has changed"),
    (".*/sums|.*/checksums", r"0\..*", "checksums are written anew, so that nothing has changed"),
    (".*", "@(about|unit|columns|axes|labels|made_by|base):.*", "words for people; a family whose words nobody knows is nobody's"),
    ("", "@(?!format).*", "who made the store, and with what: the maker's word"),
    (".*", "@(parts|scratch|first_sum|annex_sum|annex|index):.*", "another number, or kind of number, that agrees with all the others"),
    ("jobs", r"\d\." + NO_KEY + ".*", "a key or a result: shown, and not followed"),
    ("jobs", r"\d\.sequence:.*", "a count that nothing depends on"),
    ("jobs", NO_KEY + r"\w+:(?!name-twice|offset|vlen|type-vlen).*", "a key or a result that is missing, or is another one"),
    ("jobs", "rows:(unvouched|many-attempts|all-failed|all-blocked)", "states that jobs may have"),
    ("families/.*(checkpoints|checkpoint_epoch|masks|resume|epoch|/[^/]*/[^/]*)", r"0\.(first|last|all):.*", "other numbers"),
    ("texts/inputs|sweeps|grids", r"\d\.(text|sweep|grid|name|time|command):.*", "names and words"),
    ("sweeps", r"0\.(offset|length):.*", "another stretch of the texts, in bounds"), ("grids", r"\d\.row:.*", "another row, in bounds"),
    ("grids", r"(\d\.)?(threshold|spacing|stop|end|t_mem|t_gen|tau|spare):.*", "how a grid judges, and what comes of that: shown, and not followed"),
    ("families/.*/tensors", r"(\d\.)?dim[23]:.*", "an axis that the tensor does not have"),
    ("owner", r"0\.(?!run\b)\w+:.*", "who was the last to write: where run is 0, nobody looks at it"),
    ("control", r"0\.(long_texts|sequence|rows|grids|sweeps|text):.*", "numbers in bounds"), ("jobs", "rows:no-.*", "less in use than there is"),
    ("control|owner|grids|sweeps|texts/inputs|texts/canonical|sweep_text", r"(\w+:)?(missing|renamed.*|type.*|text-.*)", "records are read by place"),
    (".*", "layout-.*", "the same bytes, packed otherwise"), (".*", "soft-link", "the same, by another way"),
    ("(?!families(/[^/]*)?$).*", "twin|copy|child-(itself|long-name|named)|crowd|deep", "something more, which nobody asks for"),
    (".*", "@(CLASS|NAME|REFERENCE_LIST|DIMENSION_LIST|units):.*", "names of axes and units, for other programs"),
    ("families/.*/tensors", r"\d\.name:.*", "another name"),
    ("families/.*", "child-(itself|long-name|named)|crowd|deep", "something more, which nobody asks for"), ("|texts", "child-.*", "the same"),
    ("jobs|grids|sweeps|sweep_text|texts/.*", "axis0-(more|twice)|sparse0-.*", "more room than is in use"),
    ("families/.*/measures/.*", r"axis[1-9]-.*", "a measure of another shape: readers take the shape that the file says"),
    ("families/.*/measures/histogram", "missing", "a measure that was added is not there: nothing else speaks of it"),
    ("", "undo:.*", "verify writes nothing, and does not look at it"), (".*", "flip-.*", "a byte that means nothing"),
]


def harmless(part, change):
    return next((why for where, what, why in HARMLESS if re.fullmatch(where, part) and re.fullmatch(what, change)), None)


def main(argv):
    import specimens
    what, folder = argv[0], Path(argv[1])
    stores = specimens.make(folder) if not any(folder.glob("*.h5")) else {name: folder / f"{name}.h5" for name in specimens.NAMES}
    if what == "list":
        for path in stores.values():
            print("\n".join(mutants(path, everything=True)))
    else:
        mutant = mutants(stores[argv[2].partition(":")[0]], everything=True)[argv[2]]
        print(mutant.make(Path(argv[3])))


if __name__ == "__main__":
    main(sys.argv[1:])
