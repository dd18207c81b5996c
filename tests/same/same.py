#!/usr/bin/env python3
"""Small sweeps come out as they did at commit BASE: every id, state and exit code, what is said of bad files, what plan, status,
show and kinds tell, and the bits of every array.  A difference is on the list in `differences`, with its reason, or a fault.

What depends on nothing but the program is kept in kept/words.json; what depends on the kernels of the machine, by their
names, in kept/KERNELS.json.  For kernels that nobody has kept, BASE is built from the history and makes them in build/same.

    tests/same/same.py               compare, print TAP
    tests/same/same.py keep PROGRAM  keep what PROGRAM makes (then write its commit into BASE)
beside: others
timeout: 900
"""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from digest import arrays as row_arrays, family_of  # noqa: E402
BASE = (HERE / "BASE").read_text().split()[0]
SCRATCH = Path(os.environ.get("SCRATCH", ROOT / "build/same"))
PLACE = re.compile(r"host|rank|seconds|started|ended|updated|attempts|deaths|sequence|row_sum|family|family_row|sweep|grid|"
                   r"data_sum|parent_sum|machine|pad")  # when, where and how often: no results
TIMES = {"time", "store", "core_seconds", "begun_core_seconds", "measure_seconds", "at_least", "bytes", "epochs_per_second", "seconds_left", "run", "shapes_timed"}


def digest(chunks):
    total = hashlib.sha256()
    for chunk in chunks:
        total.update(chunk)
    return total.hexdigest()[:16]


SAID_SINCE = {"axes", "all_jobs", "bytes_to_write", "bytes_free", "missing_measures", "to_retrain", "shapes", "bytes_a_rank", "forecast", "continued", "end_states", "stops"}  # by plan, of the same sweep and of this machine's disk
COUNTS = {"not_needed", "skipped", "again", "to_measure"}  # of jobs that are nearly always none


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES | SAID_SINCE and not (key in COUNTS and item == 0)}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def thinned(f, row, data, every):
    """A curve at the points that BASE has stored."""
    epoch = family_of(f, row)["epoch"][:]
    return np.frombuffer(data, "<f8")[(epoch % every == 0) | (epoch == epoch[-1])].tobytes()


class Made:
    """What one program makes of all sweeps; `words` and `bits` are maps of place -> fact."""

    def __init__(self, program, folder, sweeps=HERE / "sweeps"):
        self.program, self.folder, self.sweeps = str(program), folder, sweeps
        self.words, self.bits = {}, {}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self.sweep, sorted(sweeps.glob("*.yaml"))))
            list(pool.map(self.bad, sorted((ROOT / "tests/bad").glob("*.yaml"))))
        for name, text in json.loads(self.call("kinds", "--json").stdout).items():
            self.words[f"kinds: {name}"] = text

    def call(self, *args):
        run = subprocess.run([self.program, *map(str, args)], cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL)
        run.stdout, run.stderr = run.stdout.decode(), run.stderr.decode().replace(str(self.folder), "FOLDER")
        return run

    def bad(self, file):
        run = self.call("plan", file.relative_to(ROOT), "--store", self.folder / "none.h5")
        self.words[f"bad/{file.stem}: exit code"], self.words[f"bad/{file.stem}: said"] = run.returncode, run.stderr.rstrip("\n").split("\n")

    def sweep(self, file):
        name, store = file.stem, self.folder / f"{file.stem}.h5"
        for command in ("plan", "run", "status"):
            args = [store] if command == "status" else [os.path.relpath(file, ROOT), "--store", store]
            run = self.call(command, *args, *(["--json"] if command != "run" else []))
            self.words[f"{name}: exit code of {command}"] = run.returncode
            self.words[f"{name}: warnings of {command}"] = sorted(re.findall(r"^tombola: (?:warning|error): .*", run.stderr, re.M))
            if command == "plan":
                self.words[f"{name}: plan"] = without_times(json.loads(run.stdout))
            if command == "status":
                self.bits[f"{name}: status"] = without_times(json.loads(run.stdout))
        every = max(map(int, re.findall(r"series_every: (\d+)", file.read_text())), default=50)
        self.store(name, store, every)

    def store(self, name, path, every):
        with h5py.File(path, "r") as f:
            jobs = sorted((row for row in f["jobs"][:] if row["state"]), key=lambda row: row["id"])
            states = h5py.check_enum_dtype(f["jobs"].dtype["state"]) or {}
            state = {value: word for word, value in states.items()}
            self.words[f"{name}: jobs"] = [f"{row['id'].decode()} {state.get(row['state'], row['state'])} {row['control'].decode()}" for row in jobs]
            for column in f["jobs"].dtype.names:
                if not PLACE.fullmatch(column):
                    self.bits[f"{name}: column {column}"] = digest(bytes(row[column].tobytes()).rstrip(b"\0") + b";" for row in jobs)
            arrays = {}
            for row in jobs:
                for array, data in row_arrays(f, row).items():
                    arrays.setdefault(array, []).append(thinned(f, row, data, every) if array.startswith("series/") else data)
        for array, rows in arrays.items():
            self.bits[f"{name}: {array}"] = digest(rows)
        shown = {job.split()[1]: job.split()[0] for job in self.words[f"{name}: jobs"]}
        for job in shown.values():
            text = self.call("show", path, job).stdout.replace(str(path), "STORE")
            text = text.replace(os.path.relpath(self.sweeps.parent, ROOT), "tests/same").replace(str(ROOT), "ROOT")
            self.bits[f"{name}: show {job}"] = re.sub(r"(?m)^  started  .*\n", "", text).splitlines()


def kernels(program):
    """Whose bits these are: the BLAS, its core, and the level of our own loops."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"OpenBLAS .*? own loops for [\w-]+", said).group()


def build_base():
    """The program of BASE, built in build/same; None without that commit."""
    tree = ROOT / "build/same/base"
    program = tree / "build/release/tombola"
    if subprocess.run(["git", "cat-file", "-e", f"{BASE}^{{commit}}"], cwd=ROOT, capture_output=True).returncode:
        return None
    if not program.exists():
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", BASE], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "xf", "-"], cwd=tree, input=archive, check=True)
        env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "COMPILE", "VARIANT", "CFLAGS")}
        with (tree / "log").open("w") as log:
            subprocess.run(["make", f"-j{os.cpu_count()}", "release"], cwd=tree, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=True)
    return program


def older_sweeps():
    """The sweeps without the keys that BASE does not know, whose only way they name."""
    older = SCRATCH / "older" / "sweeps"
    shutil.rmtree(older.parent, ignore_errors=True)
    shutil.copytree(HERE / "data", older.parent / "data")
    older.mkdir()
    for file in (HERE / "sweeps").iterdir():
        (older / file.name).write_text(file.read_text().replace("ties: prune, ", "").replace("mirrors: accept, ", ""))
    return older


def kept(place):
    return HERE / "kept" / (re.sub(r"[^\w.]+", "_", place) + ".json")


def read(path):
    return json.loads(path.read_text())


def keep(program):
    made = Made(program, ROOT / "build/same/keep")
    (HERE / "kept").mkdir(exist_ok=True)
    for place, facts in (("words", made.words), (kernels(program), made.bits)):
        kept(place).write_text(json.dumps(facts, indent=0, sort_keys=True, ensure_ascii=False) + "\n")
        print(f"{kept(place).relative_to(ROOT)}: {len(facts)} facts")


def expected():
    """(pattern of places, reason) of every difference that is meant."""
    lines = [line for line in (HERE / "differences").read_text().splitlines() if line and not line.startswith("#")]
    return [(re.compile(pattern), reason) for pattern, _, reason in (line.partition("  ") for line in lines)]


def main():
    import tap
    program = os.environ["TOMBOLA"]
    made = Made(program, SCRATCH / "now")
    words, bits = read(kept("words")), None
    source = kept(kernels(program))
    if source.exists():
        bits = read(source)
    elif base := build_base():
        bits = Made(base, SCRATCH / "base", older_sweeps()).bits
    meant, used = expected(), set()
    places = {}
    for was, now in ((words, made.words), (bits or {}, made.bits if bits is not None else {})):
        for place in sorted(set(was) | set(now)):
            if without_times(was.get(place)) == without_times(now.get(place)):
                fault = None
            else:
                reasons = [i for i, (pattern, _) in enumerate(meant) if pattern.search(place)]
                used.update(reasons)
                fault = None if reasons else f"{place}\n  was {json.dumps(was.get(place))[:600]}\n  is  {json.dumps(now.get(place))[:600]}"
            places.setdefault(place.partition(": ")[0].partition("/")[0], []).append(fault)
    for group, faults in places.items():
        bad = [fault for fault in faults if fault]
        tap.ok(not bad, f"{group}: {len(faults)} facts are those of {BASE[:12]}" if not bad else f"{group}: {len(bad)} of {len(faults)} facts differ", "\n".join(bad))
    for i, (pattern, reason) in enumerate(meant):
        # Facts that were kept are of the sweeps as they were; a BASE that is built gets those of today.
        tap.ok(i in used or not source.exists(), f"meant: {pattern.pattern}: {reason}", "nothing differs there: take the line away")
    compared = len(words) + len(bits or {})
    missing = 0 if bits is not None else len(made.bits)
    print(f"# {compared} facts were compared, {missing} were not" + (f": {BASE[:12]} is not in the history, and nothing is kept for {kernels(program)}" if missing else ""))
    tap.ok(compared > 1000, f"{compared} facts were compared, {missing} were not")
    tap.done()


if __name__ == "__main__":
    sys.exit(keep(*sys.argv[2:]) if sys.argv[1:2] == ["keep"] else main())
