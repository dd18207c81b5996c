#!/usr/bin/env python3
"""A store is opened by xarray, group by group, without inventing names for axes; what has been made once keeps its bytes when
the store grows, and stores from before axes had names are read and run on.
beside: others
timeout: 200"""
import os
import re
import struct
import sys

sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")  # this file has the name of what it imports
import digest  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import tap  # noqa: E402

# needs python3-h5netcdf, python3-xarray
try:
    import h5netcdf  # noqa: F401
    import xarray
except ImportError:
    xarray = None

SWEEP = """
name: named
tasks: {add: {kind: modular, expr: a + b, p: 7, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 8, d_hidden: 4}, one: {kind: embed_mlp, d_embed: 8, d_hidden: 6}}
training: {full: {epochs: 40}}
measures: {walk: {kind: llc, burn_in: 0, draws: 3, chains: 2, batch: 5}}
record: {eval_every: 5, measures: [norms, fourier, histogram, walk]}
checkpoint: {every: 20}
grids: [{task: add, model: %s, training: full, control: [dense, ticket, edge_popup], seed: [0, 1], t: 20, k: 0.5}]
"""
small, large = tap.write("small.yaml", SWEEP % "mlp"), tap.write("large.yaml", SWEEP % "[mlp, one]")
store, packed = tap.SCRATCH / "store.h5", tap.SCRATCH / "packed.h5"
AXES = {"checkpoints": "job slot weight", "checkpoint_epoch": "job slot", "series/test_loss": "job epoch", "sums": "job part",
        "resume": "job slot_2 byte", "tensors": "tensor", "epoch": "epoch", "measures/fourier/in_spectrum": "job slot neuron frequency",
        "measures/histogram/count": "job slot tensor_5 bin", "measures/walk/chain": "job slot chain_2 estimate",
        "measures/jaccard/distance": "job slot tensor"}
MERE = b"This is a netCDF dimension but not a netCDF variable."


def done(result, what):
    tap.ok(result.returncode == 0, what, result.stderr)


def groups(path):
    """Names of all groups below /families, and of their datasets with values."""
    found = {}
    with h5py.File(path, "r") as f:
        def see(name, item):
            if isinstance(item, h5py.Group):
                found["families/" + name] = {key for key, member in item.items()
                                             if isinstance(member, h5py.Dataset) and MERE not in member.attrs.get("NAME", b"")}
        f["families"].visititems(see)
    return found


def same(have, want):
    return have.dtype == want.dtype and have.shape == want.shape and have.tobytes() == want.tobytes()


def check(path, what):
    """Every variable of every group: is it there, are its axes named, has it h5py's values?"""
    lost, unnamed, other, axes, strange, detached = [], [], [], {}, [], []
    for group, names in groups(path).items():
        with xarray.open_dataset(path, engine="h5netcdf", group=group, mask_and_scale=False) as data, h5py.File(path, "r") as f:
            lost += [f"{group}/{name}" for name in names ^ set(data.variables)]
            for name, variable in data.variables.items():
                full, family = f"{group}/{name}", "/".join(group.split("/")[:2])
                axes["/".join(full.split("/")[2:])] = " ".join(variable.dims)
                if any(dim.startswith("phony") for dim in variable.dims) or len(set(variable.dims)) != f[full].ndim:
                    unnamed.append(f"{full} {variable.dims}")
                if not same(variable.values, f[full][()]):
                    other.append(full)
                scales = [scale.name for dim in f[full].dims for scale in dim.values()]
                if not h5py.h5ds.is_scale(f[full].id):
                    detached += [f"{full} {i}" for i, dim in enumerate(f[full].dims) if len(dim) != 1 or not dim.keys()[0]
                                 or not h5py.h5ds.is_attached(f[full].id, dim[0].id, i)]
                strange += [scale for scale in scales if not scale.startswith(f"/{family}/")]
    tap.equal(lost, [], f"{what}: xarray shows every dataset")
    tap.equal(unnamed, [], f"{what}: every axis has a name")
    tap.equal(detached, [], f"{what}: HDF5's own functions say that every scale is one, named, and attached")
    tap.equal(other, [], f"{what}: the values are those that h5py reads")
    tap.equal(strange, [], f"{what}: every family has scales of its own")
    return axes


def structure(path):
    """The file's bytes; where its raw data are; owner(offset): whose header lies there, or what else."""
    raw = []
    with h5py.File(path, "r") as f:
        heads = {h5py.h5o.get_info(f.id).addr: "/"}

        def see(name, item):
            heads[h5py.h5o.get_info(item.id).addr] = name
            if isinstance(item, h5py.Dataset) and item.id.get_offset() is not None:
                raw.append(slice(item.id.get_offset(), item.id.get_offset() + item.id.get_storage_size()))
        f.visititems(see)
    data = path.read_bytes()
    blocks = [m.start() for m in re.finditer(rb"OHDR|OCHK|GCOL|FRHP|FHDB|FHIB|BTHD|BTIN|BTLF|FSHD|FSSE", data)]

    def owner(offset):
        at = max((b for b in blocks if b <= offset), default=0)
        while data[at:at + 4] == b"OCHK":  # named by the block that it continues
            link = data.find(struct.pack("<Q", at))
            at = max((b for b in blocks if b <= link), default=0)
        return heads.get(at, data[at:at + 4].decode(errors="replace"))
    return np.frombuffer(data, np.uint8).copy(), raw, owner


def changed(before, path):
    """Whose bytes of the structure have changed since."""
    old, raw, owner = before
    new, more, _ = structure(path)
    differs = old != new[:len(old)]
    for extent in raw + more:
        differs[extent] = False
    return {owner(int(at)) for at in np.flatnonzero(differs)}


done(tap.tombola("run", small, "--store", store), "a sweep is run")
done(tap.tombola("measure", store, "jaccard"), "and measured once more")
old = {name for name in groups(store) if name.count("/") == 1}
before = structure(store)
done(tap.tombola("measure", store, "accuracy_change"), "and once more")
names = changed(before, store)
tap.ok({f"{name}/measures" for name in old} <= names, "which changes the groups that the measures are in", names)
tap.equal([name for name in names if name.endswith(("/job", "/slot", "/sums", "/checkpoints", "GCOL"))], [], "and no dataset beside them")
before, values = structure(store), digest.jobs(store)
done(tap.tombola("run", large, "--store", store), "it grows by other families")
names = changed(before, store)
tap.ok(names, "which changes its structure")
tap.equal([name for name in names if name.startswith("families/") or name == "GCOL"], [], "but not a byte of that of the older families")
after = digest.jobs(store)
tap.ok(all(after[job] == value for job, value in values.items()), "and no value")
done(tap.tombola("compact", store, "-o", packed), "it is packed into an archive")
for path in store, packed:
    done(tap.tombola("verify", path), f"{path.name}: verify")
with h5py.File(store, "r") as f:
    family = f["families"][sorted(old)[0].split("/")[1]]
    job, weight = family["job"], family["weight"]
    tap.equal((job.id.get_offset(), job.id.get_storage_size()), (None, 0), "a scale without values has no room in the file")
    tap.equal((job.shape[0], weight.shape[0]), (len(family["sums"]), family["checkpoints"].shape[-1]), "and the length of its axis")
    tap.equal(family["series/test_loss"].attrs["units"].decode(), "nat", "units are said as in netCDF")
    pages = [f[name].id.get_offset() % 4096 for name in ("control", "jobs")] + [family["resume"].id.get_offset() % 4096]
    tap.equal(pages + [family["resume"].shape[-1] % 4096], [0] * 4, "records and resume points begin on pages")

old_form = tap.SCRATCH / "old.h5"
tap.tombola("run", small, "--store", old_form, "--time-left", "0")
with h5py.File(old_form, "r+") as f:
    names = {f"families/{name}" for name in f["families"]}
    items = [item for name in names for group in (f[name], f[name]["series"], *f[name]["measures"].values()) for item in group.values()]
    for item in (item for item in items if isinstance(item, h5py.Dataset)):
        if MERE in item.attrs.get("NAME", b""):
            del f[item.name]
            continue
        for name in {"DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME"} & set(item.attrs):
            del item.attrs[name]
        if "units" in item.attrs and "first_sum" in item.attrs:
            item.attrs["unit"] = item.attrs["units"]
            del item.attrs["units"]
done(tap.tombola("run", large, "--store", old_form), "a store whose axes have no names is run on and grown")
done(tap.tombola("verify", old_form), "and verified")
for path in store, old_form:
    for measure in "jaccard", "accuracy_change":
        done(tap.tombola("measure", path, measure), f"{path.name}: all of it measured by {measure}")
tap.equal(digest.differences(store, old_form), [], "with the same results")

if not xarray:
    tap.skip("xarray opens a store", "needs python3-h5netcdf and python3-xarray")
    tap.done()
for path, what in (store, "a store"), (packed, "an archive"):
    axes = check(path, what)
    tap.equal({name: axes.get(name) for name in AXES}, AXES, f"{what}: what the axes are called")
with xarray.open_dataset(store, engine="h5netcdf", group=sorted(old)[0]) as data, h5py.File(store, "r") as f:
    tap.ok((data["epoch"].values == f[sorted(old)[0]]["epoch"][()]).all() and "epoch" in data.coords, "epochs are the coordinates of curves")

# The README's way to curves whose jobs and epochs have names.
text = open(os.path.join(os.path.dirname(__file__), "..", "..", "README.md")).read()
block = next(part for part in re.findall(r"```python\n(.*?)```", text, re.S) if "import xarray" in part)
sys.path.append(os.path.join(os.path.dirname(__file__), "..", "..", "analysis"))
from store import Store
scope = {"Store": Store}
exec(block.replace("results/quick.h5", str(store)), scope)
curves = scope["curves"]
want = {job: value for job, value in tap.query(store, "SELECT id, test_accuracy FROM jobs WHERE state = 'done'")}
have = {str(job): float(curves.test_accuracy.sel(job=job, epoch=40)) for job in curves.job.values}
tap.equal(have, {job: want[job] for job in have}, "README: curves by job and epoch, as SQL has them")
tap.done()
