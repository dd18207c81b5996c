"""surgery.py: parts of an HDF5 file taken out, changed, and put back: dataset, attribute, compound, link."""
import struct

import h5py
import numpy as np
from h5py import h5a, h5d, h5o, h5p, h5s, h5t

KEPT = 1 << 26  # bytes of a dataset that are taken along


def split(path):
    above, _, name = path.rpartition("/")
    return above or "/", name


def create_list(layout="contiguous", chunk=None, dims=()):
    """How a dataset is laid out; as the program does it, if nothing is said."""
    p = h5p.create(h5p.DATASET_CREATE)
    p.set_obj_track_times(False)
    if layout in ("contiguous", "late"):
        p.set_layout(h5d.CONTIGUOUS)
        p.set_alloc_time(h5d.ALLOC_TIME_EARLY if layout == "contiguous" else h5d.ALLOC_TIME_LATE)
        p.set_fill_time(h5d.FILL_TIME_NEVER)
    elif layout == "compact":
        p.set_layout(h5d.COMPACT)
    else:
        p.set_chunk(chunk or tuple(min(max(n, 1), 64) for n in dims))
        if layout == "deflate":
            p.set_shuffle()
            p.set_deflate(4)
        elif layout == "fletcher":
            p.set_fletcher32()
        elif layout == "scaleoffset":
            p.set_scaleoffset(h5py.h5z.SO_INT, 2)
    return p


class Attribute:
    def __init__(self, item, index):
        a = h5a.open(item, index=index)
        self.name, self.type, self.space = a.name, a.get_type(), a.get_space()
        self.value = np.empty(self.type.get_size() * self.space.get_simple_extent_npoints(), np.uint8)
        a.read(self.value, self.type)

    def put(self, item):
        h5a.create(item, self.name, self.type, self.space).write(self.value, self.type)


def attributes(item):
    return [Attribute(item, i) for i in range(h5a.get_num_attrs(item))]


class Part:
    """A dataset with its type, shape, bytes and attributes, outside of any file."""

    def __init__(self, item):
        self.type, self.dims, self.attributes = item.id.get_type(), item.shape, attributes(item.id)
        self.layout = {h5d.CHUNKED: "deflate"}.get(item.id.get_create_plist().get_layout(), "contiguous")
        size = int(np.prod(self.dims)) * self.type.get_size()
        self.bytes = np.empty(size if size <= KEPT else 0, np.uint8)
        if self.bytes.size:
            item.id.read(h5s.ALL, h5s.ALL, self.bytes, self.type)

    def put(self, f, path, made=None, write=True):
        """Create it anew there; as many of its bytes as fit are written, if the type holds bytes."""
        above, name = split(path)
        space = h5s.create(h5s.SCALAR) if self.dims is None else h5s.create_simple(self.dims) if self.dims else h5s.create(h5s.SCALAR)
        made = made or create_list(self.layout, dims=self.dims or ())
        if points(self.type):
            made.set_fill_time(h5d.FILL_TIME_ALLOC)
        data = h5d.create(f[above].id, name.encode(), self.type, space, made)
        size = int(np.prod(self.dims or (1,), dtype=object)) * self.type.get_size()
        if write and 0 < size <= KEPT and not points(self.type):
            value = np.zeros(size, np.uint8)
            value[:min(size, self.bytes.size)] = self.bytes[:size]
            data.write(h5s.ALL, h5s.ALL, value, self.type)
        for a in self.attributes:
            a.put(data)


def points(kind):
    """Does the type hold addresses in memory?"""
    if isinstance(kind, h5t.TypeCompoundID):
        return any(points(kind.get_member_type(i)) for i in range(kind.get_nmembers()))
    return (isinstance(kind, (h5t.TypeVlenID, h5t.TypeReferenceID, h5t.TypeArrayID))
            or (isinstance(kind, h5t.TypeStringID) and bool(kind.is_variable_str())))


def take(f, path):
    part = Part(f[path])
    del f[path]
    return part


def enum(names, base=h5t.NATIVE_UINT8):
    kind = h5t.enum_create(base)
    for i, name in enumerate(names):
        kind.enum_insert(name if isinstance(name, bytes) else name.encode(), i)
    return kind


def text(size):
    kind = h5t.C_S1.copy()
    kind.set_size(size)
    kind.set_strpad(h5t.STR_NULLPAD)
    kind.set_cset(h5t.CSET_UTF8)
    return kind


def compound(size, *members):
    kind = h5t.create(h5t.COMPOUND, size)
    for name, offset, member in members:
        kind.insert(name, offset, member)
    return kind


def members(kind):
    """[name, offset, type] of each."""
    return [[kind.get_member_name(i), kind.get_member_offset(i), kind.get_member_type(i)] for i in range(kind.get_nmembers())]


def opaque(size):
    return h5py.h5t.py_create(np.dtype(f"V{size}"))


TYPES = {  # every kind of type that HDF5 has
    **{name: (lambda name=name: h5t.py_create(np.dtype(name))) for name in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", ">i8",
                                                                           ">f8", "f2")},
    "text1": lambda: text(1), "text8": lambda: text(8), "text1024": lambda: text(1024), "text70000": lambda: text(70000),
    "long": lambda: h5t.NATIVE_LDOUBLE.copy(),
    "vlen-text": lambda: h5t.py_create(h5py.string_dtype(), logical=True), "vlen": lambda: h5t.vlen_create(h5t.NATIVE_INT64),
    "reference": lambda: h5t.STD_REF_OBJ.copy(), "region": lambda: h5t.STD_REF_DSETREG.copy(), "opaque8": lambda: opaque(8),
    "array": lambda: h5t.array_create(h5t.NATIVE_INT64, (2,)), "array-huge": lambda: h5t.array_create(h5t.NATIVE_UINT8, (1 << 28,)),
    "bits": lambda: h5t.NATIVE_B8.copy(), "enum": lambda: enum(["a", "b"]), "enum-wide": lambda: enum(["a", "b"], h5t.NATIVE_INT64),
    "enum-1": lambda: enum(["a"]), "enum-256": lambda: enum([f"n{i}" for i in range(256)]),
    "compound": lambda: compound(16, (b"a", 0, h5t.NATIVE_INT64), (b"b", 8, h5t.NATIVE_DOUBLE)),
    "compound-deep": lambda: compound(8, (b"a", 0, compound(8, (b"b", 0, h5t.NATIVE_INT64)))),
    "compound-4096": lambda: compound(4096, (b"a", 0, h5t.NATIVE_INT64)), "compound-1G": lambda: compound(1 << 30, (b"a", 0, h5t.NATIVE_INT64)),
    "time": lambda: h5t.UNIX_D32LE.copy(),
}


def header(item):
    """Where its object header begins in the file."""
    return h5o.get_info(item.id).addr


def find_dims(data, at, dims):
    """Where the dims of the dataspace message of the object header at `at` stand; None if it is not found."""
    wanted = struct.pack(f"<{len(dims)}Q", *dims)
    place = data.find(bytes([1, len(dims)]), at, at + 4096)
    while place >= 0:
        if data[place + 8:place + 8 + len(wanted)] == wanted:
            return place + 8
        place = data.find(bytes([1, len(dims)]), place + 1, at + 4096)
    return None
