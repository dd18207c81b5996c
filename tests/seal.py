"""seal.py: the checksums of a store, written anew after a test has changed what they are over.

Everything is XXH3-64 (never 0) over bytes as they are in the file: each part of an array, in `sums`; the sums of a row's parts,
in jobs.data_sum; what `tombola measure` has added, in the word of its row of `checksums` that follows those of its parts; a row of /jobs with row_sum as 0; a
record of /grids, /sweeps and /control before its last word; each sweep's text; the text of /texts/inputs; a constant, in its
attribute; and the lines NAME=VALUE of the root's attributes.
"""
import contextlib
import math

import h5py
import numpy as np
import xxhash

MOST = 1 << 28  # bytes of a dataset that a test's store may have


def checksum(data):
    return xxhash.xxh3_64_intdigest(data) or 1


def move(data, count, values=None):
    """The first lines of a dataset as rows of bytes; or write them.  Never converted, so that padding stays as it is."""
    shape = (count, *data.shape[1:])
    space, kind = data.id.get_space(), data.id.get_type()
    if math.prod(shape) * kind.get_size() > MOST:
        raise ValueError(f"{data.name} is too large")
    out = np.empty(math.prod(shape) * kind.get_size(), np.uint8) if values is None else np.ascontiguousarray(values).reshape(-1)
    if out.size:
        space.select_hyperslab((0,) * len(shape), shape)
        memory = h5py.h5s.create_simple(shape)
        (data.id.read if values is None else data.id.write)(memory, space, out, kind)
    return out.reshape(count, -1) if count else out.reshape(0, 0)


def words(row, first, count=1):
    """8-byte words of a row of bytes."""
    return row[first:first + 8 * count].view("<u8")


class Family:
    """The arrays of a group and where the checksums of their parts stand."""

    def __init__(self, group):
        self.group, self.arrays, self.annexes = group, [], []
        group.visititems(self._visit)

    def _visit(self, _, item):
        if isinstance(item, h5py.Dataset) and "first_sum" in item.attrs:
            self.arrays.append((int(item.attrs["first_sum"]), max(int(item.attrs["parts"]), 1), bool(item.attrs["scratch"]), item))
        elif isinstance(item, h5py.Group) and "annex" in item.attrs:
            members = [(int(m.attrs["annex_sum"]), max(int(m.attrs["parts"]), 1), False, m) for m in item.values() if "annex_sum" in m.attrs]
            self.annexes.append((item["checksums"], members))

    def seal(self, rows, every):
        """The sums of the rows' parts, of those that have one or of every part; {row: data_sum}."""
        sums = move(self.group["sums"], self.group["sums"].shape[0]).view("<u8")
        for array in self.arrays:
            self._seal_array(array, sums, rows, every)
        move(self.group["sums"], len(sums), sums.view(np.uint8))
        for where, members in self.annexes:
            annex = move(where, where.shape[0]).view("<u8")
            for array in members:
                self._seal_array(array, annex, rows, every)
            last = sum(parts for _, parts, _, _ in members)  # behind it the row is padded
            for row in rows:
                annex[row, last] = checksum(annex[row, :last].tobytes()) if annex[row, last] or every else 0
            move(where, len(annex), annex.view(np.uint8))
        kept = [np.arange(first, first + parts) for first, parts, scratch, _ in sorted(self.arrays, key=lambda a: a[0]) if not scratch]
        return {row: checksum(sums[row, np.concatenate(kept)].tobytes()) for row in rows} if kept else {}

    @staticmethod
    def _seal_array(array, sums, rows, every):
        first, parts, scratch, data = array
        if scratch or not rows:
            return
        values = move(data, max(rows) + 1)
        for row in rows:
            for part, one in enumerate(values[row].reshape(parts, -1)):
                if every or sums[row, first + part]:
                    sums[row, first + part] = checksum(one)


def seal_rows(f, every, families):
    jobs, used = f["jobs"], int(f["control"]["rows"][0])
    rows, at = move(jobs, used), {name: jobs.dtype.fields[name][1] for name in ("family", "family_row", "data_sum", "row_sum")}
    place = [(int(row["family"]), int(row["family_row"])) for row in rows.reshape(-1).view(jobs.dtype)]
    for index, family in families.items():
        capacity = family.group["sums"].shape[0]
        here = sorted({line for which, line in place if which == index and 0 <= line < capacity})
        data_sum = family.seal(here, every)
        for row, (which, line) in zip(rows, place):
            if which == index and line in data_sum and (every or words(row, at["data_sum"])[0]):
                words(row, at["data_sum"])[0] = data_sum[line]
    move(jobs, used, rows)


def seal_row_sums(f):
    jobs, used = f["jobs"], int(f["control"]["rows"][0])
    rows, at = move(jobs, used), jobs.dtype.fields["row_sum"][1]
    for row in rows:
        words(row, at)[0] = 0
        words(row, at)[0] = checksum(row)
    move(jobs, used, rows)


def seal_records(f, name, count):
    data = move(f[name], count)
    for row in data:
        words(row, len(row) - 8)[0] = checksum(row[:-8])
    move(f[name], count, data)


def seal_texts(f):
    texts = f["sweep_text"][()].tobytes()
    sweeps = f["sweeps"]
    at, data = sweeps.dtype.fields["text_sum"][1], move(sweeps, int(f["control"]["sweeps"][0]))
    for row, record in zip(data, data.reshape(-1).view(sweeps.dtype)):
        offset, length = int(record["offset"]), int(record["length"])
        if length and offset + length <= len(texts):
            words(row, at)[0] = checksum(texts[offset:offset + length])
    move(sweeps, len(data), data)


def seal_inputs(f):
    inputs, used = f["texts/inputs"], int(f["control"]["rows"][0])
    size, at = inputs.dtype.fields["text"][0].itemsize, inputs.dtype.fields["sum"][1]
    data = move(inputs, used)
    for row in data:
        words(row, at)[0] = checksum(row[:size]) if row[0] else 0
    move(inputs, used, data)


def seal_constants(group):
    def visit(_, item):
        if isinstance(item, h5py.Dataset) and "checksum" in item.attrs:
            put_number(item, "checksum", checksum(move(item, item.shape[0])))
    group.visititems(visit)


def put_number(item, name, value):
    h5py.h5a.open(item.id, name.encode()).write(np.array(value, np.uint64))


def seal_root(f):
    lines = []
    for name in sorted(f.attrs, key=str.encode):
        if name != "checksum":
            value = f.attrs[name]
            lines.append(f"{name}=".encode() + (bytes(value).split(b"\0")[0] if isinstance(value, bytes) else str(value).encode()) + b"\n")
    put_number(f["/"], "checksum", checksum(b"".join(lines)))


def seal(path, every=False):
    """All checksums of the store.  every: also of parts and rows that have none, as if all jobs were done.  What is not as a store
    has it is passed over: what else there is is sealed."""
    with h5py.File(path, "r+") as f:
        families = {}
        for group in f.get("families", {}).values():
            with passing():
                families[int(group.attrs["index"])] = Family(group)
                seal_constants(group)
        for step in (lambda: seal_rows(f, every, families), lambda: seal_row_sums(f), lambda: seal_texts(f), lambda: seal_inputs(f),
                     lambda: seal_records(f, "grids", int(f["control"]["grids"][0])),
                     lambda: seal_records(f, "sweeps", int(f["control"]["sweeps"][0])),
                     lambda: seal_records(f, "control", 1), lambda: seal_root(f)):
            with passing():
                step()


def passing():
    return contextlib.suppress(OSError, RuntimeError, KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, MemoryError)
