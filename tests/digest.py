"""digest.py: everything a finished store says about its jobs' trained numbers, in one comparable dictionary."""
import hashlib

import h5py

# Where and when a job ran, how often it was tried, and where its row lies are no results.
PLACE = {"host", "rank", "seconds", "started", "ended", "updated", "attempts", "sequence", "row_sum", "family", "family_row",
         "sweep", "grid", "data_sum"}


def _text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def jobs(path):
    """id -> {column or dataset: value or hash of its bytes}, for every row in use."""
    out = {}
    with h5py.File(path, "r") as f:
        rows = f["jobs"][:]
        families = list(f["families"].values())
        by_index = {int(g.attrs["index"]): g for g in families} if all("index" in g.attrs for g in families) else None
        for row in rows:
            if row["state"] == 0:
                continue
            spec = {name: repr(_text(row[name])) for name in rows.dtype.names if name not in PLACE and name != "pad"}
            if by_index is not None:
                group, r = by_index[int(row["family"])], int(row["family_row"])
                def visit(name, item):
                    if isinstance(item, h5py.Dataset) and len(item.shape) > 0 and name not in ("epoch", "tensors", "sums", "resume") and not name.endswith("/checksums"):
                        spec[name] = hashlib.sha256(item[r].tobytes()).hexdigest()
                group.visititems(visit)
            out[_text(row["id"])] = spec
    return out


def differences(a, b):
    """A few words for each difference; empty if the stores hold the same jobs with the same bits."""
    a, b = jobs(a), jobs(b)
    out = [f"only in one store: {job}" for job in set(a) ^ set(b)]
    for job in set(a) & set(b):
        out += [f"{job[:8]} {key}: {a[job].get(key)} / {b[job].get(key)}" for key in sorted(set(a[job]) | set(b[job]))
                if a[job].get(key) != b[job].get(key)]
    return out
