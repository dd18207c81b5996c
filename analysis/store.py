"""store: the one reader of Tombola's stores.  Everything in analysis/ reads through it.

    from store import Store

    with Store("results/quick.h5") as s:
        jobs = s.jobs()                                   # pandas, a row a job
        done = jobs[(jobs.state == "done") & (jobs.control == "ticket")]
        curve = s.series(done.iloc[0])                    # pandas, indexed by epoch
        weights = s.tensors(done.iloc[0], s.checkpoint(done.iloc[0], "gen"))

A store may be read while a run is writing it: what does not agree with its checksum is read again, and after 0.2 s it is Damaged.
Whatever the store says is checked before it is used (see checked.py), and texts come without control characters.
Wherever a job is wanted, a row of `jobs()`, an id, or the beginning of an id will do.
"""
import contextlib
import math
import os
import re
import sys

import h5py
import numpy as np
import pandas as pd

import checked
from checked import Damaged, checksum, plain_text, settled
from families import MISSING, Family

SERIES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
STATES = ("unused", "pending", "running", "done", "failed", "blocked", "skipped")  # format 1 has no skipped ones
TRIES = 8  # of reading a job, while others are put in its place
MAGIC = int.from_bytes(b"TOMBOLA1", "little")
BLOCK = 4096  # rows that are read at once
LOOK_BACK = ("progress", "subnetwork")  # kinds of measures that look back from the job's last epoch
CONTROL = dict.fromkeys(("magic", "rows", "grids", "sweeps", "text", "sum"), "<u8")
JOBS = {**dict.fromkeys(("id", "parent", "control", "task", "model", "training", "sweep", "grid", "t_asked", "host", "error"), "S"),
        **dict.fromkeys(("seed", "t", "epochs", "epochs_done", "t_mem", "t_gen", "rank", "family", "family_row", "attempts"), "<i8"),
        **dict.fromkeys(("k", "tau_grok", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds", "started", "ended",
                         "updated"), "<f8"),
        "row_sum": "<u8", "state": "enum"}
GRIDS = {"sweep": "S", "grid": "S", "row": "<u8", "sum": "<u8"}
SWEEPS = {"name": "S", "offset": "<u8", "length": "<u8", "text_sum": "<u8", "sum": "<u8"}
TENSORS = {"name": "S", **dict.fromkeys(("offset", "size", "rank", "dim0", "dim1", "dim2", "dim3"), "<i8")}


@contextlib.contextmanager
def told(script):
    """Around what a script does with a store: an error is one line.  Exit code 5 if the store is damaged, 1 if there is none."""
    try:
        yield
    except Damaged as error:
        print(f"{script}: {error}", file=sys.stderr)
        sys.exit(5)
    except OSError as error:
        sys.exit(f"{script}: {error}")


class Store:
    """A store opened for reading.  A context manager; raises OSError if the file is no store, Damaged wherever the store is."""

    def __init__(self, path):
        self.path = str(path)
        self.left_out = {}  # row of /jobs: why jobs() does not show it
        self._grown = None  # control.sequence when the file was opened
        self._row_of = {}  # id: row of /jobs
        try:
            self._begin()
        except (OSError, RuntimeError, Damaged) as error:
            if os.path.exists(os.path.realpath(self.path) + ".undo"):
                raise Damaged(self.path, "/", "is half grown, by which nothing is lost: the next `tombola run` or `measure` mends it") from error
            if isinstance(error, RuntimeError):
                raise Damaged(self.path, "/", f"cannot be read: {checked.printable(str(error))}") from error
            raise

    def _begin(self):
        self.file = checked.open_file(self.path)
        try:
            self._root = checked.Node(self.path, "", h5py.h5g.open(self.file.id, b"/"))
            if b"jobs" not in self.file.id or b"families" not in self.file.id:
                raise OSError(f"{self.path}: no Tombola store")
            self._open()
        except BaseException:
            self.file.close()
            raise

    def _open(self):
        self._table = {name: self._root.dataset(name).expect(rank=1, columns=columns)
                       for name, columns in (("control", CONTROL), ("jobs", JOBS), ("grids", GRIDS), ("sweeps", SWEEPS))}
        self._table["sweep_text"] = self._root.dataset("sweep_text").expect(rank=1, kind="u1")
        for table in self._table.values():
            if table.dtype.itemsize > checked.ROW:
                raise table.damaged("has rows that are too long")
        states = h5py.check_enum_dtype(self._table["jobs"].dtype["state"])
        if any(states.get(name) != i for i, name in enumerate(STATES[:len(states)])):
            raise self._table["jobs"].damaged("has other states than " + ", ".join(STATES[1:]))
        group = self._root.group("families")
        families = {}
        for name in group.names():
            family = Family(group.group(name))
            families[family.index] = family
        self._families = [families.get(i) for i in range(len(group.names()))]
        if None in self._families:
            raise group.damaged("has two families of one index, or lacks one")

    def close(self):
        self.file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def about(self):
        """The store's root attributes: format, versions, compiler, host, creation time."""
        return self._root.attributes()

    def _control(self):
        """How many records of each table are in use."""
        table = self._table["control"]

        def look():
            data = table.read((0,), (1,))
            record = data.view(table.dtype)[0]
            return record if record["magic"] == MAGIC and record["sum"] == checksum(data[:-8]) else None

        record = settled(look, self.path, table.name)
        if self._grown not in (None, record["sequence"]):  # tables may have been replaced, and families added
            self._grown = None
            self.close()
            self._begin()
            return self._control()
        self._grown = record["sequence"]
        for name, column in (("jobs", "rows"), ("grids", "grids"), ("sweeps", "sweeps"), ("sweep_text", "text")):
            if record[column] > self._table[name].shape[0]:
                raise table.damaged(f"counts more than /{name} holds")
        return record

    def jobs(self, grid=None):
        """All jobs, or those that a grid asks for (parents that it only implies are not among them), as a DataFrame whose
        index and column `id` are the ids.  Texts are str, enums their names, missing integers <NA>.  KeyError if no sweep has a grid of that name.
        threshold, eval_every, stop and the results by them (t_mem, t_gen, tau_grok, end, ended_by, the metrics at the end) are those
        of the grid that asked for the job first, or of the grid asked for.  With an ended_by a t_mem or t_gen that is missing is not
        known: a stop rule ended the job before.
        Damaged rows are left out, with a word on stderr; `left_out` says which."""
        if grid is not None:
            return self._of_grid(grid)
        return self._frame(self._rows(self._control()["rows"])[0])

    def _frame(self, table):
        frame = pd.DataFrame({name: _column(table[name], table.dtype[name]) for name in table.dtype.names})
        if "skipped" not in frame.state.cat.categories:
            _name_skipped(frame)
        if "end" not in frame:  # of an earlier version: jobs had their lengths
            frame = frame.assign(end=pd.array([pd.NA] * len(frame), dtype="Int64"), stop="", ended_by="")
        frame["end"] = frame.end.mask(frame.end.isna() & (frame.state == "done"), frame.epochs_done)
        return frame.set_index("id", drop=False).rename_axis(None)  # a named index would make "id" mean two things in a merge

    def _of_grid(self, grid):
        uses = self._grids()
        wanted = np.array([plain_text(name) == grid for name in uses["grid"]], bool)
        if not wanted.any():
            raise KeyError(f"{self.path}: no grid '{grid}'")
        table, rows = self._rows(self._control()["rows"])
        asked = np.isin(rows, uses["row"][wanted])
        found = judged(self._frame(table[asked]), rows[asked], uses[wanted])
        return found[found.use].drop_duplicates("id").drop(columns=["use"]).set_index("id", drop=False).rename_axis(None)

    def views(self):
        """jobs() as its grids judge them: a row for each job and each way of judging, by threshold, eval_every and stop, with the
        results by that.  The index is the id, or ID@THRESHOLD/EVAL_EVERY/STOP of a further way."""
        table, rows = self._rows(self._control()["rows"])
        return judged(self._frame(table), rows, self._grids()).drop(columns=["use"])

    def _rows(self, count):
        """The sound rows of /jobs among the first so many, and their numbers."""
        blocks, numbers, bad = [], [], {}
        for first in range(0, int(count), BLOCK):
            block, whole = self._block(first, min(BLOCK, int(count) - first))
            rows = np.arange(first, first + len(block))
            bad.update((row, "it does not agree with its checksum") for row in rows[~whole])
            blocks.append(block[whole])
            numbers.append(rows[whole])
        table = np.concatenate(blocks) if blocks else np.empty(0, self._table["jobs"].dtype)
        rows = np.concatenate(numbers) if numbers else np.empty(0, int)
        good = np.ones(len(table), bool)
        for i, why in self._senseless(table):
            bad[rows[i]], good[i] = why, False
        self._leave_out(bad)
        self._row_of.update(zip((plain_text(job) for job in table["id"][good]), rows[good].tolist()))
        return table[good], rows[good]

    def _block(self, first, count):
        """Rows of /jobs and whether they agree with their checksums; one that does not may be being written just now."""
        jobs = self._table["jobs"]
        size, at = jobs.dtype.itemsize, jobs.dtype.fields["row_sum"][1]
        kept, whole, wanted = np.empty((count, size), np.uint8), np.zeros(count, bool), np.arange(count)
        for nap in (0, *checked.NAPS):
            checked.time.sleep(nap)
            data = jobs.read((first + wanted[0],), (wanted[-1] + 1 - wanted[0],)).reshape(-1, size)[wanted - wanted[0]]
            kept[wanted] = data
            sums = data[:, at:at + 8].copy().view("<u8")[:, 0]
            data[:, at:at + 8] = 0
            whole[wanted] = [checksum(row) == have for row, have in zip(data, sums.tolist())]
            wanted = np.flatnonzero(~whole)
            if not len(wanted):
                break
        return kept.reshape(-1).view(jobs.dtype), whole

    def _senseless(self, table):
        """(place, why) of rows that agree with their checksums, but not with what can be."""
        seen = set()
        capacity = np.array([family.capacity for family in self._families] + [0])
        known = (table["family"] >= 0) & (table["family"] < len(self._families))
        room = capacity[np.where(known, table["family"], -1)]
        placed = (table["family_row"] >= 0) & (table["family_row"] < room)
        states = h5py.check_enum_dtype(table.dtype["state"]).values()
        stated = (table["state"] != 0) & np.isin(table["state"], list(states))
        for i, job in enumerate(table["id"]):
            if not re.fullmatch(b"[0-9a-f]{32}", job):
                yield i, "its id is none"
            elif job in seen:
                yield i, "another row has the same id"
            elif not stated[i]:
                yield i, f"its state {int(table['state'][i])} means nothing"
            elif not placed[i]:
                yield i, f"there is no row {int(table['family_row'][i])} of family {int(table['family'][i])}"
            seen.add(job)

    def _leave_out(self, bad):
        new = {int(row): why for row, why in sorted(bad.items()) if row not in self.left_out}
        self.left_out.update(new)
        for row, why in list(new.items())[:10]:
            print(f"{self.path}: row {row} of /jobs is damaged and left out: {why}", file=sys.stderr)
        if len(new) > 10:
            print(f"{self.path}: and {len(new) - 10} more rows", file=sys.stderr)

    def grids(self):
        """Names of the grids of all sweeps, in the order of the sweep files."""
        return list(dict.fromkeys(plain_text(name) for name in self._grids()["grid"]))

    def _grids(self):
        """The records in use of /grids: sweep, grid, row of /jobs."""
        control = self._control()
        records = self._records("grids", control["grids"])
        if (records["row"] >= control["rows"]).any():
            raise self._table["grids"].damaged("names rows that /jobs does not have")
        return records

    def _records(self, name, count):
        """The first records of a table, by their checksums."""
        table = self._table[name]

        def look():
            data = table.read((0,), (int(count),)).reshape(-1, table.dtype.itemsize)
            records = data.reshape(-1).view(table.dtype)
            whole = all(checksum(record[:-8]) == have for record, have in zip(data, records["sum"].tolist()))
            return records if whole else None

        return settled(look, self.path, table.name)

    def job(self, job):
        """One row of jobs(), found by the beginning of its id."""
        if isinstance(job, pd.Series):
            return job
        jobs = self.jobs()
        found = jobs[jobs.id.str.startswith(job)]
        if len(found) != 1:
            raise KeyError(f"{self.path}: {len(found)} jobs have an id that begins with '{job}'")
        return found.iloc[0]

    def _place(self, job):
        """Where the job's arrays are now: training it again puts others in their place."""
        if job.id not in self._row_of:
            self._rows(self._control()["rows"])
        self._control()
        rows, whole = self._block(self._row_of[job.id], 1)
        now = rows[0] if whole[0] and plain_text(rows[0]["id"]) == job.id else job
        return self._families[int(now["family"])], int(now["family_row"])

    def _follow(self, job, read):
        """What read(job, family, row) finds at the place that the job still has afterwards."""
        job = self.job(job)
        for _ in range(TRIES):
            place = self._place(job)
            try:
                found = read(job, *place)
            except (Damaged, KeyError):  # what is not there may have been given back
                if self._place(job) == place:
                    raise
                continue
            if self._place(job) == place:
                return found
        raise Damaged(self.path, "/jobs", f"never lets job {job.id} stay where it is")

    def family(self, job):
        """The HDF5 group with the job's arrays, and the job's row in them."""
        family, row = self._place(self.job(job))
        return self.file[family.group.name], row

    def array(self, job, path):
        """The job's row of families/F/PATH; what was not written is missing.  KeyError if there is no such array."""
        return self._follow(job, lambda _, family, row: family.sums_of(row) if path == "sums" else family.array(path).row(row)[0])

    def series(self, job):
        """The curves as far as they go: a DataFrame with the columns SERIES, indexed by completed epochs."""
        return self._follow(job, self._series)

    def _series(self, job, family, row):
        epoch = pd.Index(family.constant("epoch").expect(rank=1, kind="<i8").values, name="epoch")
        begun = job.state != "pending" and not pd.isna(job.epochs_done)
        curves = {}
        for name in SERIES:
            array = family.array(f"series/{name}")
            curves[name], written = array.row(row, wait=begun and job.state == "running")
            if curves[name].shape != epoch.shape:
                raise array.set.damaged(f"has {curves[name].shape} values for {len(epoch)} epochs")
            if job.state == "done" and not written.all():
                raise array.set.damaged(f"was not written for row {row}, and its job is done")
        frame = pd.DataFrame(curves, index=epoch)
        frame = frame[frame.index <= (-1 if not begun else last_epoch(job))]
        there = frame.notna().any(axis=1).to_numpy()
        if job.state == "running":  # the last evaluation may be on its way
            frame = frame.iloc[:there.nonzero()[0][-1] + 1 if there.any() else 0]
        return frame

    def parts(self, job):
        """Loss and accuracy of the parts of the job's data (clean and corrupted labels, ...) as far as they go: a DataFrame with columns
        (curve, part), indexed by completed epochs; without columns if the data have no parts."""
        return self._follow(job, self._parts)

    def _parts(self, job, family, row):
        epoch = self._series(job, family, row).index
        curves = {}
        for name in ("loss", "accuracy"):
            try:
                array = family.array(f"series/part_{name}")
            except KeyError:
                continue
            values, _ = array.row(row)
            for part, curve in zip(array.columns().levels[1], values.reshape(array.shape).T):
                curves[name, part] = curve[:len(epoch)]
        frame = pd.DataFrame(curves, index=epoch)
        frame.columns = pd.MultiIndex.from_tuples(curves, names=["curve", "part"])
        return frame

    def checkpoint_epochs(self, job):
        """Epoch of every checkpoint slot; -1: not reached.  The last slots are those at t_mem and t_gen of the grids that share the job."""
        return self._follow(job, self._epochs)

    def _epochs(self, _, family, row):
        array = family.array("checkpoint_epoch")
        epochs, _ = array.row(row)
        if epochs.ndim != 1 or epochs.dtype.kind != "i" or len(epochs) < 2:
            raise array.set.damaged("is no list of epochs")
        return epochs

    def regular_epochs(self, job):
        """The epochs of the checkpoints that were asked for, those at t_mem and t_gen apart, as far as they were reached."""
        return self._follow(job, lambda job, family, row: [int(e) for e in self._regular(job, family, row) if e != MISSING])

    def _regular(self, job, family, row):
        epochs = self._epochs(job, family, row)
        regular = epochs[:family.regular(len(epochs))]
        return regular[regular <= last_epoch(job)]

    def checkpoint(self, job, t):
        """The flat weights after `t` epochs, or at t = "mem", "gen" or "final".  KeyError if there are none."""
        return self._follow(job, lambda job, family, row: family.flat("checkpoints").part(row, self._slot(job, family, row, t)))

    def _slot(self, job, family, row, t):
        epochs = self._epochs(job, family, row)
        wanted = {"final": last_epoch(job) if job.state == "done" else job.epochs, "mem": job.t_mem, "gen": job.t_gen}.get(t, t)
        slot = next((i for i, epoch in enumerate(epochs) if not pd.isna(wanted) and epoch == wanted != MISSING), None)
        if slot is None:
            raise KeyError(f"job {job.id} has no checkpoint at {t}")
        return slot

    def mask(self, job, t="final"):
        """Which weights the job's network has, as bools: all of them if it has no mask.  Of a job that trains its mask
        (edge_popup), after `t` epochs as for checkpoint: its network is checkpoint(job, t) * mask(job, t)."""
        return self._follow(job, lambda job, family, row: self._mask(job, family, row, t))

    def _mask(self, job, family, row, t):
        masks = family.flat("masks")
        if masks.parts:
            return masks.part(row, self._slot(job, family, row, t)).astype(bool)
        mask, there = masks.row(row)
        return mask.astype(bool) if np.all(there) else np.ones(mask.shape, bool)

    def tensors(self, job, flat):
        """Views into a flat vector (weights, mask) by tensor name, in their shapes."""
        constant = self._place(self.job(job))[0].constant("tensors").expect(rank=1, columns=TENSORS)
        views = {}
        for tensor in constant.values:
            name, offset, size, rank = plain_text(tensor["name"]), *(int(tensor[word]) for word in ("offset", "size", "rank"))
            shape = [int(tensor[f"dim{d}"]) for d in range(min(max(rank, 0), 4))]
            good = (0 <= rank <= 4 and all(0 < n <= len(flat) for n in shape) and math.prod(shape) == size
                    and 0 <= offset <= len(flat) - size and name not in views)
            if not good:
                raise constant.damaged(f"says of tensor {name!r} what cannot be: offset {offset}, size {size}, rank {rank}, {shape}")
            views[name] = flat[offset:offset + size].reshape(shape)
        return views

    def measures(self, job, kind):
        """Names of the entries of one kind, with their options, in the job's family: {name: "jaccard k=0.6 scope=global"}."""
        made_by = self._place(self.job(job))[0].made_by()
        return {name: words for name, words in made_by.items() if words.split()[:1] == [kind]}

    def measure(self, job, name):
        """A measure such as "norms/l2" at the checkpoints reached: a DataFrame indexed by epoch; a column a value, by its
        label or place on the measure's axes.  KeyError if the job was not measured so."""
        return self._follow(job, lambda job, family, row: self._measure(job, family, row, name))

    def _measure(self, job, family, row, name):
        array = family.array(f"measures/{name}")
        if not array.complete(row):
            raise KeyError(f"measure '{name}' was not computed for this job")
        made_by = str(array.set.attribute("made_by") or "")
        if made_by.split(" ")[0] in LOOK_BACK and last_epoch(job) != job.epochs_done:
            raise KeyError(f"measure '{name}' looks back from epoch {job.epochs_done}, and the job ends at {last_epoch(job)} here")
        values, _ = array.row(row)
        epoch = pd.Index(self._epochs(job, family, row), name="epoch")
        if not array.parts or values.ndim < 2 or len(values) != len(epoch):
            raise array.set.damaged(f"is {values.shape} for {len(epoch)} checkpoints")
        frame = pd.DataFrame(values.reshape(len(values), -1), index=epoch, columns=array.columns()).iloc[:family.regular(len(epoch))]
        return frame[(frame.index != MISSING) & (frame.index <= last_epoch(job))].sort_index(kind="stable")

    def missing_measures(self):
        """{entry: jobs that are done, were to have that measure, and do not, for the program that trained them could not compute it}"""
        jobs, missing = self.jobs(), {}
        for job in jobs[jobs.state == "done"].itertuples():
            if not self._families[int(job.family)].absent():
                continue
            family, row = self._place(job)
            for name, *_ in family.absent():
                if not family.has_measure(name, row):
                    missing[name] = missing.get(name, 0) + 1
        return missing

    def sweeps(self):
        """The YAML texts that the store was made from, oldest first: (name, text)."""
        control, table = self._control(), self._table["sweep_text"]
        found = []
        for record in self._records("sweeps", control["sweeps"]):
            offset, length = int(record["offset"]), int(record["length"])
            if offset + length > control["text"]:
                raise self._table["sweeps"].damaged("says of a text that it lies beyond all texts")
            text = table.read((offset,), (length,))
            if checksum(text) != record["text_sum"]:
                raise table.damaged("does not agree with its checksum")
            if length:
                found.append((plain_text(record["name"]), text.tobytes().decode(errors="backslashreplace")))
        return found


def last_epoch(job):
    """Of a row of jobs(): where what is known of it ends, as the grid that it is of sees it."""
    return job.epochs_done if job.state != "done" or pd.isna(job.end) else job.end


def _below(*tables):
    """One below the other; an empty one has no say in the types of the columns, which pandas will change."""
    return pd.concat([table for table in tables if len(table)] or tables[-1:])


TIMES = ["end", "t_mem", "t_gen"]
RESULTS = [*TIMES, "tau_grok", "ended_by", *SERIES]
JUDGE = ["row", "threshold", "eval_every", "stop"]


def judged(jobs, rows, uses):
    """A row for each job and each way in which these records of /grids judge it; `use`: it is theirs, not only the job's own.
    A job that is done, but not yet judged so by the run that is at work, is running."""
    own = jobs[[*JUDGE[1:], *RESULTS]].assign(row=rows, known=True, use=False)
    table = pd.DataFrame({"row": uses["row"].astype(int)})
    if "spacing" in uses.dtype.names:
        table = table.assign(threshold=uses["threshold"], eval_every=_column(uses["spacing"], uses["spacing"].dtype), known=uses["end"] >= 0,
                             tau_grok=uses["tau_grok"], use=True, **{name: _column(uses[name], uses[name].dtype) for name in TIMES})
        later = "ended_by" in uses.dtype.names  # earlier versions ended no job, and left the metrics to it
        table = table.assign(**{name: _column(uses[name], uses.dtype[name]) if later else "" for name in ("stop", "ended_by")},
                             **{name: uses[name] if later else np.nan for name in SERIES})
    else:
        table["eval_every"] = pd.NA
    table = table[table.row.isin(rows)]
    unsaid = table.eval_every.isna()  # by an earlier version: they judge as the job does
    table = _below(table[~unsaid], own[own.row.isin(table.row[unsaid])].assign(use=True))
    alike = pd.MultiIndex.from_frame(own[JUDGE]).isin(pd.MultiIndex.from_frame(table[JUDGE])) | ~own.row.isin(table.row)
    every = _below(own[alike], table).reset_index(drop=True)
    every["order"] = every.index
    of = every.groupby(JUDGE, dropna=False, sort=False)
    every["order"], every["use"] = of.order.transform("min"), of.use.transform("any")
    every = every.sort_values("known", ascending=False, kind="stable").drop_duplicates(JUDGE).sort_values(["row", "order"])
    found = jobs.iloc[pd.Series(np.arange(len(jobs)), index=rows).loc[every.row]].copy()
    unmeasured = every.test_loss.isna().to_numpy()
    for name in (*JUDGE[1:], *RESULTS):
        values = every[name].astype("Int64").array if name in ("eval_every", *TIMES) else every[name].to_numpy()
        found[name] = np.where(unmeasured, found[name], values) if name in SERIES else values
    found["use"] = every.use.to_numpy(bool)
    found.loc[~every.known.to_numpy(bool) & (found.state == "done").to_numpy(), "state"] = "running"
    further = found.id.duplicated().to_numpy()
    names = [f"{job}@{threshold:g}/{every}" + f"/{stop}" * bool(stop) if more else job
             for job, threshold, every, stop, more in zip(found.id, found.threshold, found.eval_every, found.stop, further)]
    return found.set_axis(names)


def _name_skipped(frame):
    """In format 1 such a job is blocked, and its reason says why that is no failure."""
    prefix = "not needed: "
    skipped = (frame.state == "blocked") & (frame.error.str.startswith(prefix) | frame.error.str.contains(" never reached t = ", regex=False))
    frame["state"] = frame.state.cat.add_categories(["skipped"])
    frame.loc[skipped, "state"] = "skipped"
    frame["error"] = frame.error.str.removeprefix(prefix)


def _column(values, dtype):
    names = h5py.check_enum_dtype(dtype)
    if names:
        by_value = {value: checked.printable(name) for name, value in names.items()}
        return pd.Categorical([by_value.get(v, "") for v in values], categories=list(dict.fromkeys(by_value.values())))
    if dtype.kind == "S":
        return pd.Series([plain_text(v) for v in values], dtype=object)
    if dtype.kind == "i":
        return pd.Series(values, dtype="Int64").mask(values == MISSING)
    return values
