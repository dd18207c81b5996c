"""checked: what is opened of a store's file, and its bytes.  A store may come from a stranger, and a checksum is no signature.

Only groups and datasets of the file itself are followed: no soft, external or user-defined links, no raw data in other files, no
virtual datasets.  Types, ranks and sizes are known before anything is read, and texts come without control characters.
"""
import contextlib
import math
import os
import re
import stat
import time

import h5py
import numpy as np

try:
    from xxhash import xxh3_64_intdigest
except ImportError as error:
    raise ImportError("stores are read with the Python module xxhash, which is missing: apt-get install python3-xxhash, "
                      "conda install -c conda-forge python-xxhash, or pip install xxhash") from error

AT_ONCE = 1 << 30  # bytes of one part, or of a constant: as many as the program writes at once
TEXT = 1 << 20  # bytes of an attribute
ROW = 4096  # bytes of a row of a table
CHUNK = 1 << 20  # bytes that are unpacked at once; archives have pieces of 64 KiB
NAPS = [1e-4 * 2**i for i in range(11)]  # a writer needs microseconds, unless it is stopped half-way: 0.2 s of patience
PLAIN = [np.dtype(name) for name in ("<i8", "<u8", "<f8", "<f4", "|u1")]
FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE)  # of an archive
UNSEEN = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class Damaged(Exception):
    """The store does not hold what it says, or something that no store holds: in which file, which part, and what it is."""

    def __init__(self, path, part, what):
        super().__init__(f"{path}: {part} {what}")
        self.path, self.part = path, part


@contextlib.contextmanager
def damage(path, part):
    """What HDF5 and numpy have to say of a part that cannot be read, as Damaged."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError, MemoryError, NotImplementedError) as error:
        words = str(error).splitlines() or [type(error).__name__]
        raise Damaged(path, part, f"cannot be read: {printable(words[0])}") from error


def printable(text):
    """The text without characters that steer a terminal, or turn or hide what stands beside them."""
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}" if found[0] > "\xff" else f"\\x{ord(found[0]):02x}", text)


def plain_text(value):
    """bytes up to the first NUL as printable text."""
    return printable(value.split(b"\0", 1)[0].decode(errors="backslashreplace"))


def checksum(data):
    """XXH3-64 as the program computes it: never 0."""
    return xxh3_64_intdigest(data) or 1


def settled(look, path, part, what="does not agree with its checksum"):
    """The first look() that is not None, while somebody may be writing just there; Damaged if none is in 0.2 s."""
    for nap in NAPS:
        found = look()
        if found is not None:
            return found
        time.sleep(nap)
    raise Damaged(path, part, what)


def open_file(path):
    """An h5py.File; OSError if there is none, or it is no HDF5 file."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(f"{path}: no file")
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_cache(0, 0, 0, 0)  # a cached chunk or sieve buffer would hide what the run writes
    access.set_sieve_buf_size(0)
    try:
        return h5py.File(h5py.h5f.open(path.encode(), h5py.h5f.ACC_RDONLY, access))
    except OSError as error:
        raise OSError(f"{path}: {printable(str(error).splitlines()[0])}") from error


class Node:
    """A group of the file, or a dataset (a Set)."""

    def __init__(self, path, name, ident):
        self.path, self.name, self.id = path, name, ident

    def damaged(self, what):
        return Damaged(self.path, self.name or "/", what)

    def member(self, name):
        """What the group holds under that name, groups between them included; KeyError if there is nothing."""
        node = self
        for step in name.split("/"):
            node = node._step(step.encode())
        return node

    def _step(self, name):
        full = f"{self.name}/{plain_text(name)}"
        if not isinstance(self.id, h5py.h5g.GroupID) or name not in self.id:
            raise KeyError(f"{self.path}: there is no {full}")
        with damage(self.path, full):
            link = self.id.links.get_info(name).type
            if link != h5py.h5l.TYPE_HARD:
                raise Damaged(self.path, full, "is a link, and stores have none")
            ident = h5py.h5o.open(self.id, name)
            if isinstance(ident, h5py.h5d.DatasetID):
                return Set(self.path, full, ident)
            if not isinstance(ident, h5py.h5g.GroupID):
                raise Damaged(self.path, full, "is neither a group nor a dataset")
        return Node(self.path, full, ident)

    def dataset(self, name):
        """The same, of what must be there and be a dataset."""
        found = self._must(name)
        if not isinstance(found, Set):
            raise found.damaged("is a group where a dataset should be")
        return found

    def group(self, name):
        found = self._must(name)
        if isinstance(found, Set):
            raise found.damaged("is a dataset where a group should be")
        return found

    def _must(self, name):
        try:
            return self.member(name)
        except KeyError:
            raise Damaged(self.path, f"{self.name}/{name}", "is missing") from None

    def names(self):
        """Of a group's members, but for dimensions that have no values."""
        with damage(self.path, self.name):
            return [name.decode() for name in self.id if not self._is_dimension(name)]

    def _is_dimension(self, name):
        return h5py.h5a.exists(self.id, b"CLASS", obj_name=name) and not h5py.h5a.exists(self.id, b"checksum", obj_name=name)

    def attribute(self, name):
        """A whole number, a text, or None if there is none."""
        value = self._value(name)
        return plain_text(value) if isinstance(value, bytes) else value

    def text(self, name):
        """A text of several lines; "" if there is none."""
        value = self._value(name)
        return "\n".join(map(plain_text, value.split(b"\n"))) if isinstance(value, bytes) else ""

    def _value(self, name):
        """The same, a text as bytes."""
        with damage(self.path, f"{self.name or '/'}, attribute {printable(name)}"):
            if not h5py.h5a.exists(self.id, name.encode()):
                return None
            found = h5py.h5a.open(self.id, name.encode())
            kind, size = found.get_type(), found.get_type().get_size()
            text = isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str() and size <= TEXT
            if found.get_space().get_simple_extent_npoints() != 1 or not (text or kind == h5py.h5t.NATIVE_UINT64):
                raise self.damaged(f"has an attribute {printable(name)} that is neither a text nor a whole number")
            value = np.empty(size, np.uint8)
            found.read(value, kind)
        return value.tobytes().split(b"\0", 1)[0] if text else int.from_bytes(value.tobytes(), "little")

    def number(self, name):
        value = self.attribute(name)
        if not isinstance(value, int):
            raise self.damaged(f"has no number in its attribute {name}")
        return value

    def attributes(self):
        """All of them by name, by their checksum where there is one."""
        with damage(self.path, self.name or "/"):
            names = sorted(h5py.h5a.open(self.id, index=i).name for i in range(h5py.h5a.get_num_attrs(self.id)))
            values = {name: self._value(name.decode()) for name in names}
        lines = [name + b"=" + (value if isinstance(value, bytes) else b"%d" % value) + b"\n" for name, value in values.items()
                 if name != b"checksum"]
        if values.get(b"checksum", checksum(b"".join(lines))) != checksum(b"".join(lines)):
            raise self.damaged("has attributes that do not agree with their checksum")
        return {plain_text(name): plain_text(value) if isinstance(value, bytes) else value for name, value in values.items()}


class Set(Node):
    """A dataset of numbers and texts whose bytes are in the file; dtype and shape are as in h5py."""

    def __init__(self, path, name, ident):
        super().__init__(path, name, ident)
        self.type = ident.get_type()
        self.dtype = self._dtype()
        space = ident.get_space()
        if space.get_simple_extent_type() != h5py.h5s.SIMPLE:
            raise self.damaged("has no shape")
        self.shape = tuple(int(n) for n in space.get_simple_extent_dims())
        self.size = math.prod(self.shape) * self.dtype.itemsize
        self._place(ident.get_create_plist())

    def _dtype(self):
        """Numbers, fixed texts, enums of a byte, and compounds of these: nothing that points elsewhere."""
        members = [self.type]
        if isinstance(self.type, h5py.h5t.TypeCompoundID):
            members = [self.type.get_member_type(i) for i in range(self.type.get_nmembers())]
            names = [self.type.get_member_name(i).decode() for i in range(len(members))]
            if not all(name.isidentifier() and name.isascii() for name in names):
                raise self.damaged("has columns whose names are none")
        known = (h5py.h5t.TypeIntegerID, h5py.h5t.TypeFloatID, h5py.h5t.TypeStringID, h5py.h5t.TypeEnumID)
        if any(not isinstance(m, known) or (isinstance(m, h5py.h5t.TypeStringID) and m.is_variable_str()) for m in members):
            raise self.damaged("is of a type that stores do not have")
        for kind in (member.dtype for member in members):
            byte = kind.itemsize == 1 and (h5py.check_enum_dtype(kind) or kind.kind == "b")
            if kind not in PLAIN and kind.kind != "S" and not byte:
                raise self.damaged(f"is of a type that stores do not have ({kind})")
        return self.type.dtype

    def _place(self, made):
        """As the program makes its datasets: in one piece, whole, in this file; those of archives in compressed chunks."""
        layout, where = made.get_layout(), self.id.get_offset()
        if layout == h5py.h5d.CHUNKED:
            if any(made.get_filter(i)[0] not in FILTERS for i in range(made.get_nfilters())):
                raise self.damaged("is packed by filters that stores do not have")
            if math.prod(made.get_chunk()) * self.dtype.itemsize > CHUNK:
                raise self.damaged("is packed in pieces that stores do not have")
        elif layout != h5py.h5d.CONTIGUOUS or made.get_external_count():
            raise self.damaged("has its data elsewhere, and stores do not")
        elif self.size and (where is None or self.id.get_storage_size() != self.size
                            or where + self.size > os.stat(self.path).st_size):
            raise self.damaged("is larger than the file")

    def expect(self, rank=None, kind=None, columns=()):
        """Damaged unless it has that rank, that dtype, or columns {name: dtype, or "S" for any text, or "enum"}; itself if so."""
        if rank is not None and len(self.shape) != rank:
            raise self.damaged(f"has {len(self.shape)} axes, not {rank}")
        if kind is not None and self.dtype != np.dtype(kind):
            raise self.damaged(f"is of type {self.dtype}, not {kind}")
        for name, wanted in dict(columns).items():
            have = (self.dtype.fields or {}).get(name, [None])[0]
            good = have is not None and (have.kind == "S" if wanted == "S" else bool(h5py.check_enum_dtype(have)) if wanted == "enum"
                                         else have == np.dtype(wanted))
            if not good:
                raise self.damaged(f"has no column {name} of the right type")
        return self

    def read(self, start=(), count=()):
        """The box as an array of bytes, exactly as they are in the file: what checksums are over."""
        count = tuple(count) + self.shape[len(count):]
        start = tuple(start) + (0,) * (len(count) - len(start))
        size = math.prod(count) * self.dtype.itemsize
        with damage(self.path, self.name):
            if any(a < 0 or a + n > have for a, n, have in zip(start, count, self.shape)):
                raise Damaged(self.path, self.name, f"has no place {start}")
            out = np.empty(size, np.uint8)
            if size:
                space = self.id.get_space()
                space.select_hyperslab(start, count)
                self.id.read(h5py.h5s.create_simple(count), space, out, self.type)
        return out

    def whole(self):
        """All of a constant, by its checksum."""
        if self.size > AT_ONCE:
            raise self.damaged("is too large")
        data = self.read()
        if self.number("checksum") != checksum(data):
            raise self.damaged("does not agree with its checksum")
        return data.view(self.dtype).reshape(self.shape)
