"""store: the one reader of Tombola's stores.  Everything in analysis/ reads through it.

    from store import Store

    with Store("results/quick.h5") as s:
        jobs = s.jobs()                                   # pandas, a row a job
        done = jobs[(jobs.state == "done") & (jobs.control == "ticket")]
        curve = s.series(done.iloc[0])                    # pandas, indexed by epoch
        weights = s.tensors(done.iloc[0], s.checkpoint(done.iloc[0], "gen"))

A store may be read while a run is writing it: nothing is cached, and what is read twice alike is taken as written.
Wherever a job is wanted, a row of `jobs()`, an id, or the beginning of an id will do.
"""
import h5py
import numpy as np
import pandas as pd

MISSING = -1  # an integer that is not there; a missing float is NaN, a missing text is ""
SERIES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


class Store:
    """A store opened for reading.  A context manager; raises OSError if the file is no store."""

    def __init__(self, path):
        access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
        access.set_cache(0, 0, 0, 0)  # a cached chunk or sieve buffer would hide what the run writes
        access.set_sieve_buf_size(0)
        self.path = str(path)
        try:
            self.file = h5py.File(h5py.h5f.open(self.path.encode(), h5py.h5f.ACC_RDONLY, access))
        except OSError as error:
            raise OSError(f"{self.path}: {str(error).splitlines()[0]}") from error
        if "jobs" not in self.file or "families" not in self.file:
            raise OSError(f"{self.path}: no Tombola store")
        families = self.file["families"].values()
        self._families = sorted(families, key=lambda group: int(group.attrs["index"]))

    def close(self):
        self.file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def about(self):
        """The store's root attributes: format, versions, compiler, host, creation time."""
        return {name: _plain(value) for name, value in self.file.attrs.items()}

    def jobs(self, grid=None):
        """All jobs, or those that a grid asks for (parents that it only implies are not among them), as a DataFrame indexed
        by id.  Texts are str, enums their names, missing integers <NA>.  KeyError if no sweep has a grid of that name."""
        table = _settled(self.file["jobs"])
        states = h5py.check_enum_dtype(table.dtype["state"])
        used = table["state"] != states["unused"]
        if grid is not None:
            grids = self._grids()
            rows = grids["row"][grids["grid"] == grid.encode()]
            if not len(rows):
                raise KeyError(f"{self.path}: no grid '{grid}'")
            used &= np.isin(np.arange(len(table)), rows)
        table = table[used]
        frame = pd.DataFrame({name: _column(table[name], table.dtype[name]) for name in table.dtype.names})
        return frame.set_index("id", drop=False)

    def grids(self):
        """Names of the grids of all sweeps, in the order of the sweep files."""
        return list(dict.fromkeys(_plain(name) for name in self._grids()["grid"]))

    def _grids(self):
        """The records in use of /grids: sweep, grid, row of /jobs."""
        return _settled(self.file["grids"])[: int(_settled(self.file["control"])["grids"][0])]

    def job(self, job):
        """One row of jobs(), found by the beginning of its id."""
        if isinstance(job, pd.Series):
            return job
        jobs = self.jobs()
        found = jobs[jobs.id.str.startswith(job)]
        if len(found) != 1:
            raise KeyError(f"{self.path}: {len(found)} jobs have an id that begins with '{job}'")
        return found.iloc[0]

    def family(self, job):
        """The HDF5 group with the job's arrays, and the job's row in them."""
        job = self.job(job)
        return self._families[job.family], int(job.family_row)

    def array(self, job, path):
        """The job's row of families/F/PATH."""
        group, row = self.family(job)
        return _settled(group[path], row)

    def series(self, job):
        """The curves as far as they go: a DataFrame with the columns SERIES, indexed by completed epochs."""
        job = self.job(job)
        group, _ = self.family(job)
        epoch = pd.Index(group["epoch"][()], name="epoch")
        frame = pd.DataFrame({name: self.array(job, f"series/{name}") for name in SERIES}, index=epoch)
        done = 0 if pd.isna(job.epochs_done) else job.epochs_done
        return frame[frame.index <= done] if job.state != "pending" else frame[:0]

    def checkpoint_epochs(self, job):
        """Epoch of every checkpoint slot; -1: not reached.  The last two slots are those at t_mem and t_gen."""
        return self.array(job, "checkpoint_epoch")

    def checkpoint(self, job, t):
        """The flat weights after `t` epochs, or at t = "mem", "gen" or "final".  KeyError if there are none."""
        group, row = self.family(job)
        return group["checkpoints"][row, self._slot(job, t)]

    def _slot(self, job, t):
        job = self.job(job)
        epochs = self.checkpoint_epochs(job)
        if t in ("mem", "gen"):
            slot = len(epochs) - (2 if t == "mem" else 1)
        else:
            wanted = int(job.epochs) if t == "final" else t
            slot = next((i for i, epoch in enumerate(epochs[:-2]) if epoch == wanted), None)
        if slot is None or epochs[slot] == MISSING:
            raise KeyError(f"job {job.id} has no checkpoint at {t}")
        return slot

    def mask(self, job, t="final"):
        """Which weights the job's network has, as bools: all of them if it has no mask.  Of a job that trains its mask
        (edge_popup), after `t` epochs as for checkpoint: its network is checkpoint(job, t) * mask(job, t)."""
        mask = self.array(job, "masks").astype(bool)
        if mask.ndim == 2:
            return mask[self._slot(job, t)]
        return mask if mask.any() else ~mask

    def tensors(self, job, flat):
        """Views into a flat vector (weights, mask) by tensor name, in their shapes."""
        group, _ = self.family(job)
        views = {}
        for tensor in group["tensors"][()]:
            shape = [tensor[f"dim{d}"] for d in range(tensor["rank"])]
            views[_plain(tensor["name"])] = flat[tensor["offset"] : tensor["offset"] + tensor["size"]].reshape(shape)
        return views

    def measures(self, job, kind):
        """Names of the entries of one kind, with their options, in the job's family: {name: "jaccard k=0.6 scope=global"}."""
        found = {}
        for name, arrays in self.family(job)[0].get("measures", {}).items():
            made_by = next((_plain(data.attrs["made_by"]) for data in arrays.values() if "made_by" in data.attrs), name)
            if made_by.split()[0] == kind:
                found[name] = made_by
        return found

    def measure(self, job, name):
        """A measure such as "norms/l2" at the checkpoints reached: a DataFrame indexed by epoch; a column a value, by its
        label or place on the measure's axes.  KeyError if the job was not measured so."""
        group, row = self.family(job)
        data = group[f"measures/{name}"]
        sums = data.parent.get("checksums")  # of what `tombola measure` has added; the last word is set when it is complete
        if sums is not None and sums[row, -1] == 0:
            raise KeyError(f"measure '{name}' was not computed for this job")
        values = self.array(job, f"measures/{name}")
        axes, labels = (_plain(data.attrs.get(text, "")) for text in ("axes", "labels"))
        levels = [range(n) for n in values.shape[1:-1]] + [labels.split(",") if labels else range(values.shape[-1])]
        if len(levels) == 1:
            columns = pd.Index(levels[0], name=axes or None)
        else:
            columns = pd.MultiIndex.from_product(levels, names=axes.split(", "))
        values = values.reshape(len(values), -1)
        epoch = pd.Index(self.checkpoint_epochs(job), name="epoch")
        frame = pd.DataFrame(values, index=epoch, columns=columns)[:-2]
        return frame[frame.index != MISSING]

    def sweeps(self):
        """The YAML texts that the store was made from, oldest first: (name, text)."""
        text = self.file["sweep_text"][()].tobytes()
        rows = [row for row in self.file["sweeps"][()] if row["length"]]
        return [(_plain(r["name"]), text[r["offset"] : r["offset"] + r["length"]].decode()) for r in rows]


def _plain(value):
    """bytes -> str, numpy scalar -> Python's."""
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value


def _column(values, dtype):
    names = h5py.check_enum_dtype(dtype)
    if names:
        by_value = {value: name for name, value in names.items()}
        return pd.Categorical([by_value.get(v, "") for v in values], categories=list(names))
    if dtype.kind == "S":
        return pd.Series([v.decode() for v in values], dtype=object)
    if dtype.kind == "i":
        return pd.Series(values, dtype="Int64").mask(values == MISSING)
    return values


def _settled(dataset, *where):
    """Read until two reads agree: a run may be writing just there."""
    value = dataset[where]
    for _ in range(20):
        again = dataset[where]
        if value.tobytes() == again.tobytes():
            break
        value = again
    return value
