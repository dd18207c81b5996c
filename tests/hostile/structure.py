"""structure.py: a store's datasets, groups, attributes and columns made otherwise: functions that change an open h5py.File, each under
the name of its change."""
import shutil
import struct
from pathlib import Path

import h5py
import numpy as np
import seal
import surgery
from h5py import h5a, h5p, h5s, h5t
from surgery import TYPES, create_list, split, take

SECRET = b"root:x:0:0:root:/root:/bin/sh\n" * 200  # what lies beside the store, and must neither be read nor written
WHOLE = [0, 1, 2, -1, -2, 255, 1 << 16, 1 << 31, 1 << 32, 1 << 40, -(1 << 40), 1 << 62, (1 << 63) - 1, -(1 << 63)]
REAL = [0.0, -1.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf")]
WORDS = {"full": b"A" * 5000, "empty": b"", "control": b"\x1b]0;owned\x07\x1b[2J\r\nok 1\x08\x9b31m", "latin": b"\xff\xfe\xc3(\xe2\x82",
         "percent": b"%s%n%p%999999d", "html": b"</pre><script>a()</script>&'\"", "quote": b"'; DROP TABLE jobs; --", "slash": b"../../x",
         "dollar": b"$\\frac{$"}


# ---- datasets ----

def reshape(path, dims, layout=None):
    def change(f):
        part = take(f, path)
        part.dims = tuple(dims(part.dims))
        part.layout = layout or part.layout
        part.put(f, path)
    return change


def put_at(dims, axis, value):
    return (*dims[:axis], value, *dims[axis + 1:])


def shapes(dims):
    """{change: dims -> dims}"""
    found = {"rank0": lambda d: (), "rank+1": lambda d: (*d, 1), "rank+1-front": lambda d: (1, *d), "rank+1-2": lambda d: (*d, 2),
             "rank20": lambda d: (*d, *(1,) * (20 - len(d))), "rank32": lambda d: (*d, *(1,) * (32 - len(d)))}
    if len(dims) > 1:
        found["rank-1"] = lambda d: (d[0] * d[1], *d[2:])
        found["turned"] = lambda d: d[::-1]
    for i, n in enumerate(dims):
        for word, value in (("0", 0), ("1", 1), ("more", n + 1), ("less", n - 1), ("twice", 2 * n)):
            if value not in (n, -1):
                found[f"axis{i}-{word}"] = lambda d, i=i, value=value: put_at(d, i, value)
    return found


def retype(path, make):
    def change(f):
        part = take(f, path)
        part.type = make()
        part.put(f, path)
    return change


def relayout(path, layout, chunk=None):
    def change(f):
        part = take(f, path)
        made = create_list(layout, dims=part.dims, chunk=chunk and chunk(part.dims))
        part.put(f, path, made, write=layout != "late")
    return change


def sparse(path, axis, value):
    """In chunks that are never written, an axis can be as long as one likes."""
    def change(f):
        part = take(f, path)
        part.dims = put_at(part.dims, axis, value)
        part.put(f, path, create_list("chunked", chunk=tuple(min(n, 4) for n in part.dims)), write=False)
    return change


def aside(f):
    """A copy of the store beside it, for links to point at."""
    name = Path(f.filename).with_name("aside.h5")
    if not name.exists():
        f.flush()
        shutil.copy(f.filename, name)
    return name


def external(path, where):
    def change(f):
        part = take(f, path)
        folder = Path(f.filename).parent
        size = int(np.prod(part.dims)) * part.type.get_size()
        if where == "raw":
            (folder / "aside.raw").write_bytes(part.bytes.tobytes())
        made = h5p.create(h5p.DATASET_CREATE)
        made.set_external({"raw": str(folder / "aside.raw"), "secret": str(folder / "secret"), "relative": "secret",
                           "nothing": str(folder / "nothing"), "device": "/dev/zero"}[where].encode(), 0, size)
        part.put(f, path, made, write=False)
    return change


def virtual(path, where):
    def change(f):
        target = "." if where == "itself" else str(aside(f))
        part = take(f, path)
        if where == "itself":
            part.put(f, f"{path}.real")
        made = h5p.create(h5p.DATASET_CREATE)
        space = h5s.create_simple(part.dims)
        made.set_virtual(space, target.encode(), (f"/{path}.real" if where == "itself" else f"/{path}").encode(), space)
        part.put(f, path, made, write=False)
    return change


def link(path, how):
    """What stands there is replaced by a link, a group, or something else's own."""
    def change(f):
        above, name = split(path)
        if how == "external-link":
            target = aside(f)
            del f[path]
            f[path] = h5py.ExternalLink(str(target), f"/{path}")
        elif how == "soft-link":
            f.move(path, "moved")
            f[path] = h5py.SoftLink("/moved")
        elif how == "soft-dangling":
            del f[path]
            f[path] = h5py.SoftLink("/nowhere")
        elif how == "soft-itself":
            del f[path]
            f[path] = h5py.SoftLink(f"/{path}")
        elif how == "missing":
            del f[path]
        elif how == "group":
            del f[path]
            f.create_group(path)
        elif how == "dataset":
            del f[path]
            f[path] = np.arange(10)
        elif how == "type":
            del f[path]
            f[path] = np.dtype("i8")
        elif how == "twin":
            f[f"{path}.twin"] = f[path]
        elif how == "copy":
            f.copy(path, f[above], name=f"{name}.copy")
        elif how == "jobs":
            other = f["jobs"]
            del f[path]
            f[path] = other
        elif how == "root":
            del f[path]
            f[path] = f["/"]
    return change


def dataset_changes(f, path):
    item = f[path]
    for name, dims in shapes(item.shape).items():
        yield name, reshape(path, dims), {}
    for name, make in TYPES.items():
        if not (isinstance(item.id.get_type(), (h5t.TypeIntegerID, h5t.TypeFloatID)) and make() == item.id.get_type()):
            yield f"type-{name}", retype(path, make), {}
    packed = item.chunks is not None
    for layout in ("chunked", "deflate", "fletcher", "scaleoffset", "compact", "late") + (("contiguous",) if packed else ()):
        if not (packed and layout == "deflate"):
            yield f"layout-{layout}", relayout(path, layout), {}
    if np.prod(item.shape):
        yield "layout-one-chunk", relayout(path, "deflate", chunk=lambda dims: dims), {}
    for axis in range(item.ndim):
        for value in (1 << 20, 1 << 40, (1 << 62), (1 << 64) - 2):
            yield f"sparse{axis}-{value}", sparse(path, axis, value), {}
        for value in (1 << 32, 1 << 61, (1 << 63) - 1, (1 << 64) - 1):
            yield f"forged{axis}-{value}", forge_dim(path, axis, value), {"closed": True, "header": True}
    for where in ("raw", "secret", "relative", "nothing", "device"):
        yield f"external-{where}", external(path, where), {}
    for where in ("itself", "file"):
        yield f"virtual-{where}", virtual(path, where), {}
    for how in ("missing", "group", "type", "soft-link", "soft-dangling", "soft-itself", "external-link", "twin", "copy", "jobs", "root"):
        yield how, link(path, how), {}


def forge_dim(path, axis, value):
    """In the bytes of the object header, which have no checksum."""
    def change(store):
        with h5py.File(store, "r") as f:
            at, dims = surgery.header(f[path]), f[path].shape
        data = bytearray(store.read_bytes())
        place = surgery.find_dims(data, at, dims)
        if place is None:
            raise NotImplementedError("no dataspace message")
        data[place + 8 * axis:place + 8 * axis + 8] = struct.pack("<Q", value)
        store.write_bytes(data)
        seal.seal(store)
    return change


# ---- groups ----

def group_changes(path):
    if path != "":
        for how in ("missing", "dataset", "type", "soft-link", "soft-dangling", "soft-itself", "external-link", "twin", "copy", "jobs", "root"):
            yield how, link(path, how), {}

    def child(name, of):
        def change(f):
            f[f"{path}/{name}"] = f[of or "/"]
        return change

    def crowd(f):
        for i in range(3000):
            f.create_group(f"{path}/crowd{i}")

    def deep(f):
        f.create_group(f"{path}/" + "/".join(["d"] * 2000))

    yield "child-itself", child("cycle", path), {}
    yield "child-parent", child("cycle", split(path)[0]), {}
    yield "child-root", child("cycle", "/"), {}
    yield "child-long-name", child("n" * 5000, path), {}
    yield "child-named", child("\x1b[31m%s<b>", path), {}
    yield "crowd", crowd, {}
    yield "deep", deep, {}


# ---- attributes ----

def put_attribute(path, name, kind, dims=None, value=None):
    def change(f):
        item = f[path or "/"].id
        if h5a.exists(item, name.encode()):
            h5a.delete(item, name.encode())
        if kind is None:
            return
        made = kind()
        space = h5s.create(h5s.SCALAR) if dims is None else h5s.create(h5s.NULL) if dims == "null" else h5s.create_simple(dims)
        a = h5a.create(item, name.encode(), made, space)
        count = 1 if dims is None else 0 if dims == "null" else int(np.prod(dims))
        if count and not surgery.points(made):
            data = np.zeros(count * made.get_size(), np.uint8)
            given = np.frombuffer(value or b"", np.uint8)[:data.size]
            data[:given.size] = given
            a.write(data, made)
        elif count and isinstance(made, h5t.TypeStringID):
            a.write(np.array([b"text"], dtype=h5py.string_dtype()).reshape(()))
    return change


def attribute_changes(f, path, name):
    a = h5a.open(f[path or "/"].id, name.encode())
    number = isinstance(a.get_type(), h5t.TypeIntegerID)
    yield "missing", put_attribute(path, name, None), {}
    for kind in ("i4", "u1", "f8", ">i8", "text1", "text8", "vlen-text", "vlen", "reference", "opaque8", "array", "compound", "enum", "u8"):
        if not (number and kind == "u8"):
            yield f"type-{kind}", put_attribute(path, name, TYPES[kind], value=b"1\0\0\0\0\0\0\0"), {}
    yield "null", put_attribute(path, name, TYPES["u8"], dims="null"), {}
    yield "list", put_attribute(path, name, TYPES["u8"], dims=(3,)), {}
    yield "list-of-one", put_attribute(path, name, TYPES["u8"] if number else TYPES["text8"], dims=(1,), value=b"1\0\0\0\0\0\0\0"), {}
    yield "text-60000", put_attribute(path, name, lambda: surgery.text(60000), value=b"x" * 60000), {}
    yield "texts", put_attribute(path, name, lambda: surgery.text(100), dims=(500,), value=b"x" * 50000), {}
    if number:
        now = int(f[path or "/"].attrs[name])
        for value in WHOLE:
            if value & (1 << 64) - 1 != now:
                yield f"is-{value}", put_attribute(path, name, TYPES["u8"], value=struct.pack("<Q", value & (1 << 64) - 1)), {}
    else:
        for word, value in WORDS.items():
            yield f"is-{word}", put_attribute(path, name, lambda n=max(len(value[:60]), 1): surgery.text(n), value=value[:60]), {}
        for word, value in {"commas": b"," * 5000, "lines": b"\n" * 5000, "equals": b"=\n" * 2500, "brackets": b"a [b]: c\n" * 900}.items():
            yield f"is-{word}", put_attribute(path, name, lambda n=len(value): surgery.text(n), value=value), {}


# ---- columns of compounds ----

def recolumn(path, edit, size=None):
    """edit(members) of the type; the bytes stay."""
    def change(f):
        part = take(f, path)
        kept = edit(surgery.members(part.type))
        part.type = surgery.compound(size or part.type.get_size(), *[tuple(m) for m in kept])
        part.put(f, path)
    return change


def column_changes(kind, path, i):
    name, offset, member = surgery.members(kind)[i]
    size, free = member.get_size(), kind.get_size()

    def replaced(**new):
        def edit(columns):
            columns[i] = [new.get("name", columns[i][0]), new.get("offset", columns[i][1]), new["type"]() if "type" in new else columns[i][2]]
            return columns
        return recolumn(path, edit)

    yield "missing", recolumn(path, lambda columns: columns[:i] + columns[i + 1:]), {}
    yield "renamed", replaced(name=b"x" + name[1:]), {}
    for word in ("control", "html", "latin"):
        yield f"renamed-{word}", replaced(name=WORDS[word][:30]), {}
    yield "renamed-long", replaced(name=name * 200), {}
    for other in ("i1", "i4", "i8", "u8", "f4", "f8", ">i8", "text1", "text8", "opaque8", "reference", "bits", "vlen", "vlen-text", "enum",
                  "enum-wide", "enum-1", "enum-256", "array", "compound-deep", "u1"):
        made = TYPES[other]()
        if made.get_size() <= max(size, 8 if isinstance(member, h5t.TypeEnumID) else size) and not made == member:
            yield f"type-{other}", replaced(type=TYPES[other]), {}
    if isinstance(member, h5t.TypeStringID):
        for n in {1, size - 1, max(size // 2, 1)} - {0, size}:
            yield f"text-{n}", replaced(type=lambda n=n: surgery.text(n)), {}
    if isinstance(member, h5t.TypeEnumID):
        names = [member.get_member_name(j) for j in range(member.get_nmembers())]
        yield "enum-more", replaced(type=lambda: surgery.enum([*names, b"more"])), {}
        yield "enum-fewer", replaced(type=lambda: surgery.enum(names[:-1] or [b"x"])), {}
        yield "enum-turned", replaced(type=lambda: surgery.enum(names[::-1])), {}
        yield "enum-html", replaced(type=lambda: surgery.enum([*names[:-1], b"<script>x</script>"])), {}
        yield "enum-control", replaced(type=lambda: surgery.enum([*names[:-1], b"\x1b[2J"])), {}
    yield "offset-twice", forge_column(path, i, "offset"), {"closed": True, "header": True}
    yield "offset-beyond", forge_column(path, i, "beyond"), {"closed": True, "header": True}
    yield "name-twice", forge_column(path, i, "name"), {"closed": True, "header": True}
    assert offset < free


def forge_column(path, i, what):
    """Two columns at one place, one beyond the row, two of one name: HDF5 makes none, so the bytes of the header are changed."""
    def change(store):
        with h5py.File(store, "r") as f:
            kind = f[path].id.get_type()
        columns, data = surgery.members(kind), bytearray(store.read_bytes())
        name, offset, _ = columns[i]
        other = next((c for j, c in enumerate(columns) if j != i and len(c[0]) // 8 == len(name) // 8 and c[2] == columns[i][2]), None)
        padded = name + b"\0" * (8 - len(name) % 8)
        place = data.find(padded + struct.pack("<I", offset))
        if place < 0 or (what == "name" and other is None):
            raise NotImplementedError("no such column in the header")
        if what == "name":
            data[place:place + len(padded)] = other[0] + b"\0" * (len(padded) - len(other[0]))
        else:
            new = kind.get_size() - 1 if what == "beyond" else columns[i - 1][1]
            data[place + len(padded):place + len(padded) + 4] = struct.pack("<I", new)
        store.write_bytes(data)
        seal.seal(store)
    return change
