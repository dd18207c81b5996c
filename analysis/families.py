"""families: the groups of a store that hold the arrays of jobs of one shape; for store.py alone.

What a group's datasets hold is checked before it is used (see checked.py); what does not agree with its checksum is read again."""
import math
import re

import numpy as np
import pandas as pd

import checked
from checked import Damaged, checksum, settled

MISSING = -1  # an integer that is not there; a missing float is NaN, a missing text is ""
RANK = 3  # of a part, at most


class Family:
    """A group of /families: what its datasets hold is checked before it is used, once, for a family never changes."""

    def __init__(self, group):
        self.group, self.index = group, group.number("index")
        self.sums = group.dataset("sums").expect(rank=2, kind="<u8")
        self.capacity = self.sums.shape[0]
        self._arrays, self._constants, self._made_by, self._absent = {}, {}, None, None

    def array(self, path):
        if path not in self._arrays:
            self._arrays[path] = Array(self, path)
        return self._arrays[path]

    def flat(self, path):
        """An array of flat vectors: weights and masks are of one length."""
        if len({self.array(name).shape for name in ("checkpoints", "masks")}) > 1 or len(self.array(path).shape) != 1:
            raise self.array(path).set.damaged("holds no flat vectors, or masks and checkpoints are not of one length")
        return self.array(path)

    def constant(self, name):
        if name not in self._constants:
            self._constants[name] = Constant(self.group.dataset(name))
        return self._constants[name]

    def regular(self, slots):
        """How many of so many checkpoint slots stand for epochs of their own; those at t_mem and t_gen are behind them."""
        found = re.search(r"checkpoints=([\d,]+)", str(self.group.attribute("about")))
        return min(found[1].count(",") + 1 if found else slots - 2, slots - 2)

    @property
    def epoch_steps(self):
        """Steps of an epoch, where the family's jobs count steps; 0 where they count epochs."""
        found = re.search(r"epoch_steps=(\d+)", str(self.group.attribute("about")))
        return int(found[1]) if found else 0

    def sums_of(self, row):
        """The row of checksums, as two looks in a row see it."""
        last = None

        def look():
            nonlocal last
            before, last = last, self.sums.read((row,), (1,)).view("<u8")
            return last if before is not None and np.array_equal(before, last) else None

        return settled(look, self.group.path, self.sums.name, f"changes all the time in row {row}")

    def made_by(self):
        """{entry of measures/: its kind and options}"""
        if self._made_by is None:
            self._made_by = {}
            try:
                entries = self.group.member("measures")
            except KeyError:
                return self._made_by
            for name in entries.names() if not isinstance(entries, checked.Set) else ():
                self._made_by[name] = self._kind(entries.group(name)) or name
        return self._made_by

    def absent(self):
        """(entry, its kind and options that differ from their defaults) of measures that the family's jobs could not record"""
        if self._absent is None:
            about = self.group.text("about").split("\n")
            self._absent = [tuple(line.removeprefix("absent=").split(" ", 1)) for line in about if line.startswith("absent=")]
        return self._absent

    def has_measure(self, entry, row):
        """Was it computed for that row?"""
        try:
            group = self.group.member(f"measures/{entry}")
        except KeyError:
            return False
        name = next(name for name in group.names() if group.member(name).attribute("made_by"))
        return self.array(f"measures/{entry}/{name}").complete(row)

    @staticmethod
    def _kind(entry):
        for name in entry.names():
            words = entry.member(name).attribute("made_by")
            if words:
                return str(words)
        return None


class Constant:
    """A dataset that is the same for all rows, by its checksum."""

    def __init__(self, data):
        self.set, self.values = data, data.whole()
        self.damaged = data.damaged

    def expect(self, **wanted):
        self.set.expect(**wanted)
        return self


class Array:
    """An array of a family [rows, parts, ...], without the second axis if it has no parts, and the checksums of its parts."""

    def __init__(self, family, path):
        self.set = family.group.member(path)
        if not isinstance(self.set, checked.Set):
            raise self.set.damaged("is a group where a dataset should be")
        first = self.set.attribute("first_sum")
        self.sums, self.vouched = family.sums, None
        if first is None:  # of what `tombola measure` has added the checksums stand beside it; the last one vouches for the others
            above = family.group.group(path.rpartition("/")[0]) if "/" in path else family.group
            first = self.set.number("annex_sum")
            self.sums = above.dataset("checksums").expect(rank=2, kind="<u8")
            self.vouched = sum(max(above.member(name).number("parts"), 1) for name in above.names()
                               if above.member(name).attribute("annex_sum") is not None)
        self.parts = self.set.number("parts")
        self.first, self.count = first, max(self.parts, 1)
        shape = self.set.shape
        self.shape = shape[2 if self.parts else 1:]
        known = self.sums.shape[1] if self.vouched is None else self.vouched
        if (not shape or self.sums.shape[0] != family.capacity or shape[0] != family.capacity or first + self.count > known
                or (self.parts and shape[1:2] != (self.parts,)) or len(self.shape) > RANK or self.set.dtype not in checked.PLAIN):
            raise self.set.damaged(f"has the shape {shape}, which does not belong to its {self.count} parts")
        self.bytes = math.prod(self.shape) * self.set.dtype.itemsize
        if self.bytes > checked.AT_ONCE:
            raise self.set.damaged("has parts that are too large")

    def row(self, row, wait=False):
        """(values, which parts were written); what was not written is missing.  wait: it may be being written just now."""
        values, written = self._read(row, 0, self.count, wait)
        return values.reshape(((self.parts,) if self.parts else ()) + self.shape), written

    def part(self, row, part):
        """One part; Damaged if it was not written."""
        if not 0 <= part < self.count:
            raise self.set.damaged(f"has no part {part}")
        values, written = self._read(row, part, 1, True)
        if not written.all():
            raise self.set.damaged(f"[{row}], part {part}: was not written")
        return values.reshape(self.shape)

    def _read(self, row, part, count, wait):
        last = None

        def look():
            nonlocal last
            sums = self.sums.read((row, self.first + part), (1, count)).view("<u8").tolist()
            data = self.set.read((row, part) if self.parts else (row,), (1, count) if self.parts else (1,)).reshape(count, -1)
            if any(have and checksum(one) != have for one, have in zip(data, sums)):
                return None
            last = data, np.array(sums, np.uint64) != 0
            return None if wait and not last[1].all() else last

        try:
            data, written = settled(look, self.set.path, f"{self.set.name}[{row}]")
        except Damaged:
            if last is None:
                raise
            data, written = last
        values = data.reshape(-1).view(self.set.dtype).reshape(count, -1)
        values[~written] = {"f": np.nan, "i": MISSING}.get(values.dtype.kind, 0)
        return values, written

    def complete(self, row):
        """Has all of a row been written?  Only of what `tombola measure` has added this is known."""
        if self.vouched is None:
            return True

        def look():
            sums = self.sums.read((row,), (1,)).view("<u8").reshape(-1)
            word = int(sums[self.vouched])
            return word if word in (0, checksum(sums[:self.vouched])) else None

        return settled(look, self.sums.path, f"{self.sums.name}[{row}]") != 0

    def columns(self):
        """The labels of the values of a part, or their places on its axes."""
        axes, labels = (str(self.set.attribute(name) or "") for name in ("axes", "labels"))
        levels = [range(n) for n in self.shape[:-1]] + [labels.split(",") if labels else range(self.shape[-1])]
        names = axes.split(", ") if axes else []
        if len(levels[-1]) != self.shape[-1] or len(names) not in (0, len(levels)):
            raise self.set.damaged("has other labels or axes than values")
        if len(levels) == 1:
            return pd.Index(levels[0], name=axes or None)
        return pd.MultiIndex.from_product(levels, names=names or None)
