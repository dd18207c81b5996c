"""digest.py: everything a finished store says about its jobs' trained numbers, in one comparable dictionary."""
import hashlib
import signal

import h5py

import tap

# Where and when a job ran, how often it was tried, and where its row lies are no results.
PLACE = {"host", "rank", "seconds", "started", "ended", "updated", "attempts", "sequence", "row_sum", "family", "family_row",
         "sweep", "grid", "data_sum", "machine", "next_state", "next_family", "next_row", "next_attempts", "next_deaths", "next_epochs", "next_plan_hash"}


def _text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def family_of(f, row):
    """The group that holds the arrays of a row of /jobs."""
    return next(g for g in f["families"].values() if g.attrs["index"] == row["family"])


def arrays(f, row):
    """path -> bytes of the row in every array of its family that a job's training fills."""
    out, at = {}, int(row["family_row"])

    def visit(name, item):
        if not {"first_sum", "annex_sum"}.isdisjoint(item.attrs) and name != "resume":
            out[name] = item[at].tobytes()

    family_of(f, row).visititems(visit)
    return out


def measured(annex):
    """For each row of the annex's family, whether all that `measure` adds there is there: the word behind those of its parts says so."""
    last = sum(max(int(item.attrs["parts"]), 1) for item in annex.values() if "annex_sum" in item.attrs)
    return [bool(row[last]) for row in annex["checksums"]]


def jobs(path):
    """id -> {column or dataset: value or hash of its bytes}, for every row in use."""
    out = {}
    with h5py.File(path, "r") as f:
        rows = f["jobs"][:]
        for row in rows:
            if row["state"] == 0:
                continue
            spec = {name: repr(_text(row[name])) for name in rows.dtype.names if name not in PLACE and name != "pad"}
            spec.update((name, hashlib.sha256(data).hexdigest()) for name, data in arrays(f, row).items())
            out[_text(row["id"])] = spec
    return out


def orphans(path):
    """(family, row) of arrays that have checksums, and are no job's."""
    out = []
    with h5py.File(path, "r") as f:
        rows = f["jobs"][:int(f["control"]["rows"][0])]
        owned = {(int(r[f"{word}family"]), int(r[column])) for r in rows for word, column in (("", "family_row"), ("next_", "next_row"))}
        for group in f["families"].values():
            index = int(group.attrs["index"])
            out += [(index, i) for i, sums in enumerate(group["sums"][:]) if sums.any() and (index, i) not in owned]
    return out


def differences(a, b):
    """A few words for each difference; empty if the stores hold the same jobs with the same bits."""
    a, b = jobs(a), jobs(b)
    out = [f"only in one store: {job}" for job in set(a) ^ set(b)]
    for job in set(a) & set(b):
        out += [f"{job[:8]} {key}: {a[job].get(key)} / {b[job].get(key)}" for key in sorted(set(a[job]) | set(b[job]))
                if a[job].get(key) != b[job].get(key)]
    return out


def survives(sweep, whole, store, steps):
    """A run that is killed when it has written so many more rows, once for each of the steps, has the bits of an undisturbed one."""
    codes, _ = tap.disturbed(lambda: tap.start("run", sweep, "--store", store, "--resume-every", "0.05", ranks=2), store, steps)
    tap.equal(codes[:-1], [-signal.SIGKILL] * len(steps), f"killed {len(steps)} times")
    last = tap.tombola("run", sweep, "--store", store, "--retry-failed")
    tap.equal(last.returncode, 0, "the same command finishes") or print(last.stderr)
    found = differences(whole, store)
    tap.ok(not found, "the same bits as undisturbed", "\n".join(found))
