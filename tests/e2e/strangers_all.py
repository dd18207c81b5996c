#!/usr/bin/env python3
"""Stores that mean harm, of every kind that tests/hostile/generate.py makes: wrong shapes, types, links, columns, values and rows,
with checksums that agree; journals, cut files, forged headers.  No command and no script crashes, hangs, takes memory without end,
or touches what lies beside the store; each ends with an exit code that the manual has; and what `verify` accepts is harmless.

HOSTILE: how many stores, drawn so that no kind is left out (60 by default, `make torture` asks for more); or `all`; or the name of
one, which is then tried with every command, and what they say is printed.  HOSTILE_COMMANDS: how many of the commands each, beside
verify (2; or `all`).  SEED: others.  The program is the one with the sanitizers, or HOSTILE_PROGRAM.
beside: others
timeout: 86400"""
import collections
import concurrent.futures
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [os.path.join(os.path.dirname(__file__), ".."), os.path.join(os.path.dirname(__file__), "../hostile")]
import tap  # noqa: E402
import generate  # noqa: E402
import specimens  # noqa: E402
from store import Store  # noqa: E402

WANTED, COMMANDS, SEED = os.environ.get("HOSTILE", "60"), os.environ.get("HOSTILE_COMMANDS", "2"), int(os.environ.get("SEED", "1"))
PROGRAM = Path(os.environ.get("HOSTILE_PROGRAM", tap.ROOT / "build/san/tombola"))
SECONDS, MEGABYTES = 60, 1024  # of one command, on a busy machine and under the sanitizers
CODES = {0, 2, 3, 4, 5, 75}  # 1 is an internal error
TABLES = ("jobs", "grids", "sweeps", "series", "checkpoints", "measures", "tensors")
WORKERS = min(2, len(os.sched_getaffinity(0)))
GUARD = {
    "ASAN_OPTIONS": f"detect_leaks=0:intercept_tls_get_addr=0:max_allocation_size_mb={MEGABYTES}:hard_rss_limit_mb={MEGABYTES}:handle_abort=1",
    "UBSAN_OPTIONS": "print_stacktrace=1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8",
}
SANITIZER = re.compile(r"ERROR: AddressSanitizer.*|\S*runtime error:.*|HARD RSS limit.*|MPI_ABORT.*|\*\*\* stack smashing.*")


def commands(sweep, job):
    """{name: arguments}; STORE stands for the store, OUT for a file that is not there yet."""
    found = {"verify": ["verify", "STORE"], "status": ["status", "STORE"], "schema": ["query", "STORE", "--schema"],
             "jaccard": ["query", "STORE", f"SELECT jaccard(id, '{job}') FROM jobs"],
             "show": ["show", "STORE", job], "exports": ["export", "STORE", job], "plan": ["plan", sweep, "--store", "STORE"],
             "run": ["run", sweep, "--store", "STORE"], "repair": ["run", sweep, "--store", "STORE", "--repair"],
             "measure": ["measure", "STORE", "jaccard"], "merge": ["merge", "STORE", "-o", "OUT"], "compact": ["compact", "STORE", "-o", "OUT"]}
    found |= {f"query {table}": ["query", "STORE", f"SELECT * FROM {table}", "--format", "json"] for table in TABLES}
    found |= {f"export {what}": ["export", "STORE", job, what, "-o", f"OUT{end}"]
              for what, end in (("weights", ".npz"), ("mask", ".npz"), ("series", ".csv"), ("measures/norms", ".npz"))}
    return found


SCRIPTS = {"read.py": ["tests/hostile/read.py", "STORE"], "table.py": ["analysis/table.py", "STORE"],
           "report.py": ["-m", "analysis.report", "STORE", "-o", "OUT.html"]}
WRITING = {"run", "repair", "measure"}
DEAR = {"report.py"}  # seconds each


def limit():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))


def call(arguments, script, folder):
    """(exit code, or None if it took too long, what it said)"""
    command = [sys.executable, *arguments] if script else [str(PROGRAM), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=tap.ROOT,
                               env=dict(os.environ, TMPDIR=str(folder), **GUARD), preexec_fn=limit, start_new_session=True)
    try:
        said, _ = process.communicate(timeout=2 * SECONDS)
        return process.returncode, said.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return None, process.communicate()[0].decode(errors="replace")


def where(said):
    """The first function of a sanitizer's stack that is not its own or libc's, and whether it is libhdf5's."""
    for line in said.splitlines():
        frame = re.match(r"\s*#\d+ 0x[0-9a-f]+ in (\S+) (.*)", line)
        if frame and not re.search(r"libasan|libubsan|libc\.so|sanitizer|sysdeps|libpthread|nptl|stdlib/abort|sysv/linux|raise\.c", frame[2]):
            return frame[1], "libhdf5" in frame[2]
    return "", False


class Trial:
    """One mutant with some commands."""

    def __init__(self, mutant, folder, chosen, known):
        self.mutant, self.folder, self.known = mutant, folder, known
        self.failures, self.ran, self.log, self.excused = [], 0, [], 0
        shutil.rmtree(folder, ignore_errors=True)
        try:
            self.path = mutant.make(folder)
        except Exception as error:  # HDF5 makes no such thing, or not out of this
            self.log.append(f"not made: {type(error).__name__}: {error}")
            self.path = None
            shutil.rmtree(folder, ignore_errors=True)
            return
        self.beside = {p: p.read_bytes() for p in folder.iterdir() if p.name in ("secret", "aside.h5", "aside.raw")}
        for name in chosen:
            self.ran += 1
            self.attempt(name)
        self.beside = None
        if WANTED != mutant.name:
            shutil.rmtree(folder, ignore_errors=True)

    def attempt(self, name):
        """The command, on a copy of the store if it writes."""
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        store = self.path
        if name in WRITING:
            for item in self.folder.glob("store.h5*"):
                if item.is_symlink() or item.is_file():
                    shutil.copy(item, work / item.name, follow_symlinks=False)
                elif item.is_fifo():
                    os.mkfifo(work / item.name)
                else:
                    (work / item.name).mkdir()
            store = work / "store.h5"
        script = name in SCRIPTS
        arguments = [{"STORE": str(store)}.get(a, str(work / a) if str(a).startswith("OUT") else str(a)) for a in {**self.known, **SCRIPTS}[name]]
        before = store.stat()
        code, said = call(arguments, script, work)
        self.log.append(f"--- {name}: exit code {code}\n{said[:3000]}")
        after = store.stat() if store.exists() else None
        changed = name not in WRITING and (after is None or (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size))
        self.judge(name, code, said, script, changed, work)
        for path, was in self.beside.items():
            if path.read_bytes() != was:
                self.fail(name, "it wrote into a file beside the store")
                path.write_bytes(was)

    def judge(self, name, code, said, script, changed, work):
        word = SANITIZER.search(said)
        function, in_library = where(said)
        if in_library and self.mutant.header:
            self.excused += 1
        elif word:
            self.fail(name, re.sub(r"0x[0-9a-f]+|==\d+==|\d{3,}", "N", word[0])[:90], function)
        elif code is None:
            self.fail(name, f"took longer than {2 * SECONDS} s", function)
        elif code < 0:
            self.fail(name, f"signal {-code}", function)
        elif script and "Traceback" in said:
            self.fail(name, "a traceback: " + re.sub(r"\d+", "N", said.strip().splitlines()[-1])[:90])
        elif code not in (CODES | {1} if script else CODES):
            self.fail(name, f"exit code {code}", re.sub(r"\S*/\S*|\d+", "", said.strip()[-80:]).replace("\n", " "))
        elif code and not said.strip():
            self.fail(name, f"exit code {code} without a word")
        elif name == "verify" and code == 0 and not self.mutant.harmless:
            self.fail(name, "found nothing")
        if changed:
            self.fail(name, "a reader has changed the store")
        if script and (re.search("[\0-\x08\x0b-\x1f\x7f]", said) or any(b"root:x:0" in p.read_bytes() for p in work.glob("OUT*"))):
            self.fail(name, "control characters, or a file's content, come out")

    def fail(self, name, what, function=""):
        self.failures.append((what, function, name))


# Columns that the program acts upon.
FOLLOWED = "(id|parent|family|family_row|state|attempts|seed|epochs|epochs_done|t|data_sum|row_sum|rows|grids|sweeps|text)"


def kind(name):
    """What a mutant's name has in common with others: the same change to a like part."""
    _, part, change = name.split(":", 2)
    part = re.sub(r"^families/[^/]+", "F", part)
    if part == "jobs" and not re.match(rf"rows:|(\d\.)?{FOLLOWED}:", change):
        change = re.sub(r"^(\d+\.)?\w+:", "COLUMN:", change)
    return part, re.sub(r"\d{2,}", "N", change)


def family(name):
    """How a mutant is made, roughly: shapes and rows are as many in a sample as attributes, of which there are most."""
    _, part, change = name.split(":", 2)
    for word, pattern in (("attribute", "@"), ("rows", "rows:"), ("journal", "undo:"), ("value", r"\d\.\w*:"), ("column", r"\w+:"),
                          ("shape", "rank|axis|turned"), ("sparse", "sparse"), ("forged", "forged"), ("type", "type-"), ("layout", "layout"),
                          ("elsewhere", "external|virtual"), ("cut", "cut|longer"), ("flip", "flip")):
        if re.match(pattern, change):
            followed = part.endswith("/tensors") or (part in ("jobs", "control") and re.match(rf"(\d\.)?{FOLLOWED}:", change))
            return f"{word} that is followed" if followed and word in ("value", "column") else word
    return "link"


# Always tried, with more of the commands: each of these has once broken the program.
FIRST = [r"run:families/embed.*" + end for end in (
    "/checkpoint_epoch:rank[+]1-2", "/series/test_loss:axis1-twice", "/series/test_loss:axis1-1", "/masks:axis1-more", "/masks:axis1-1", "/tensors:rank20",
    "/tensors:0.rank:is-255", "/tensors:0.offset:is--1099511627776", "/tensors:1.dim0:is--1", "/series/test_loss:sparse1-1099511627776")]
FIRST += ["run:jobs:rows:state-200", "run:jobs:0.family:is-255", "run:jobs:0.family_row:is-4294967296", "run:jobs:rows:circle",
          "run:sweep_text:external-secret", "run:jobs:external-link", "run:/:undo:size-18446744073709551615", "run:/:undo:pipe"]


def chosen_mutants(found):
    """As many as are wanted: of every family alike, and in it one of every kind before a second of any."""
    dice = random.Random(SEED)
    if WANTED in found:
        return [found[WANTED]]
    names = sorted(found)
    dice.shuffle(names)
    if WANTED == "all":
        return [found[name] for name in names]
    seen, drawn, order = collections.Counter(), collections.Counter(), []
    for name in names:
        order.append((seen[kind(name)], name))
        seen[kind(name)] += 1
    ranked = []
    for _, name in sorted(order, key=lambda pair: pair[0]):
        ranked.append((drawn[family(name)], name))
        drawn[family(name)] += 1
    first = [next(name for name in sorted(found) if re.fullmatch(pattern, name)) for pattern in FIRST]
    rest = [name for _, name in sorted(ranked, key=lambda pair: pair[0]) if name not in first]
    return [found[name] for name in (first + rest)[: int(WANTED)]]


def commands_for(mutant, names):
    dice = random.Random(f"{SEED} {mutant.name}")
    others = [name for name in (*names, *SCRIPTS) if name != "verify"]
    if WANTED == mutant.name or COMMANDS == "all":
        return ["verify", *others]
    cheap = [name for name in others if name not in DEAR or dice.random() < 0.2]
    first = any(re.fullmatch(pattern, mutant.name) for pattern in FIRST)
    return ["verify", *dice.sample(cheap, int(COMMANDS) * (3 if first else 1))]


if not PROGRAM.exists():
    tap.ok(False, f"the program with the sanitizers is there: `make san` makes {PROGRAM}")
    tap.done()
stores = specimens.make(tap.SCRATCH / "specimens", str(PROGRAM))
found, known = {}, {}
for name, path in stores.items():
    found |= generate.mutants(path, everything=WANTED not in ("all",) and not WANTED.isdigit())
    with Store(path) as store:
        jobs = store.jobs()
        job = jobs[(jobs.control == "ticket") & (jobs.state == "done")] if name != "grown" else jobs
    known[name] = commands(path.with_name(specimens.SWEEPS[name]), job.iloc[0].id)
todo = chosen_mutants(found)
tap.ok(todo, f"{len(found)} hostile stores can be made, {len(todo)} are tried", WANTED)
PROGRESS = len(todo) > 1000


def try_one(i):
    mutant = todo[i]
    base = mutant.base.stem
    trial = Trial(mutant, tap.SCRATCH / f"m{i}", commands_for(mutant, known[base]), known[base])
    trial.mutant = mutant.name  # what it does cannot be sent
    if PROGRESS and i % 100 == 0:
        print(f"# {i} of {len(todo)}", file=sys.stderr, flush=True)
    return trial


with concurrent.futures.ProcessPoolExecutor(WORKERS, multiprocessing.get_context("fork")) as pool:
    trials = list(pool.map(try_one, range(len(todo))))
made = [trial for trial in trials if trial.path]
groups = collections.defaultdict(list)
for trial in made:
    for what, function, name in trial.failures:
        groups[what, function].append(f"{name} of {trial.mutant}")
for (what, function), cases in sorted(groups.items(), key=lambda pair: -len(pair[1])):
    tap.ok(False, f"{what} {function} ({len(cases)})", "\n".join(cases[:8]))
if len(todo) == 1:
    print("\n".join("# " + line for line in "\n".join(trials[0].log).splitlines()))
tap.ok(not groups, f"{len(made)} stores x commands = {sum(t.ran for t in made)}, {len(todo) - len(made)} cannot be made, "
       f"{sum(t.excused for t in made)} crashes inside libhdf5 on forged headers; SEED={SEED}")
tap.done()
