#!/usr/bin/env python3
"""Readers in a loop beside a run, `tombola query`, `status` and `show` in one process and h5py in another: none of them ever
fails, and whatever they were told of a finished job is what the finished store says, bit for bit.  How much do they slow the
run down?  It has one core, they have another, and they are stopped and continued in turns: the epochs a second of the run alone,
beside the readers, and beside a process that reads nothing but computes (neighbouring cores share caches, clock and memory).

SECONDS: how long, 15 by default, and the slow-down is only told; `make readers` takes ten minutes, and then it may be 1 % at most.
timeout: 7200
beside: others"""
import atexit
import hashlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import h5py  # noqa: E402
from store import Store  # noqa: E402

SECONDS = float(os.environ.get("SECONDS", "15"))
WINDOW = min(3, SECONDS / 12)
JOBS = int(40 + 10 * SECONDS)  # more than are trained in that time
CORES = sorted(os.sched_getaffinity(0))
STORE = tap.SCRATCH / "read.h5"
SWEEP = f"""
name: read
tasks: {{add: {{kind: modular, expr: a + b, p: 41, train_fraction: 0.5}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 96, d_hidden: 48}}}}
training: {{adamw: {{weight_decay: 1, epochs: 1500}}}}
record: {{eval_every: 1, measures: [norms]}}
checkpoint: {{every: 300}}
grids:
  - {{name: all, task: add, model: mlp, training: adamw, seed: {{from: 1, to: {JOBS}, step: 1}}}}
"""
DONE_ROWS = "SELECT id, seed, t_mem, t_gen, train_loss, test_loss, seconds, started, ended, attempts FROM jobs WHERE state = 'done'"
CURVE = "SELECT name, epoch, value FROM series WHERE job = '{}'"
ARRAYS = ("series/train_loss", "series/test_accuracy", "checkpoints", "checkpoint_epoch", "measures/norms/l2", "sums")


def digest(data):
    return hashlib.sha256(data).hexdigest()


# ---- what a reader does, until it is told to end; a line of JSON says what it was told of finished jobs ----


class Reader:
    def __init__(self):
        self.seen, self.errors, self.reads, self.ending = {}, [], 0, False
        self.dice = random.Random(1)

    def note(self, key, value):
        """The same is told each time."""
        if self.seen.setdefault(key, value) != value:
            self.errors.append(f"{key} was {self.seen[key]}, and then {value}")

    def by_query(self):
        result = tap.tombola("query", STORE, DONE_ROWS, "--json")
        done = json.loads(result.stdout)["rows"]
        for row in done:
            self.note(f"row {row[0]}", row)
        for args in (("status", STORE, "--json"), ("query", STORE, "SELECT state, count(*), mean(test_loss), max(epochs_done) FROM jobs GROUP BY 1")):
            self.command(*args)
        for row in self.dice.sample(done, min(3, len(done))):
            self.note(f"curve {row[0]}", digest(self.command("query", STORE, CURVE.format(row[0]), "--json").encode()))
            self.command("show", STORE, row[0])

    def command(self, *args):
        result = tap.tombola(*args)
        if result.returncode:
            self.errors.append(f"{args}: {result.returncode} {result.stderr}")
        return result.stdout

    def by_h5py(self):
        with Store(STORE) as store:
            jobs = store.jobs()
            rows = store.file["jobs"]
            done = jobs[jobs.state == "done"]
            for job in self.dice.sample(list(done.id), min(10, len(done))):
                self.note(f"record {job}", digest(rows[jobs.index.get_loc(job)].tobytes()))
                for path in ARRAYS:
                    self.note(f"array {path} {job}", digest(store.array(done.loc[job], path).tobytes()))

    def loop(self, way):
        def end(*_):
            self.ending = True
        signal.signal(signal.SIGTERM, end)
        print("ready", flush=True)
        while not self.ending:
            try:
                getattr(self, way)()
                self.reads += 1
            except Exception as error:  # whatever it is, it should not be
                self.errors.append(f"{type(error).__name__}: {error}")
        print(json.dumps({"seen": self.seen, "errors": self.errors[:20], "reads": self.reads}))


def compute():
    """The same load without a store: a Python loop."""
    print("ready", flush=True)
    while True:
        sum(x * x for x in range(100000))


if len(sys.argv) > 1:
    if sys.argv[1] == "compute":
        compute()
    Reader().loop(sys.argv[1])
    sys.exit(0)

# ---- the run, and who stands beside it ----


def pinned(core, apart=False):
    """apart: with what it starts, a group that is stopped and ended as one."""
    def prepare():
        os.sched_setaffinity(0, {core})
        if apart:
            os.setpgid(0, 0)
    return prepare


def worker(way):
    """Ready, and stopped."""
    process = tap.Background([sys.executable, __file__, way], stdout=subprocess.PIPE, preexec_fn=pinned(CORES[-1], apart=True))
    atexit.register(lambda: process.poll() is None and os.killpg(process.pid, signal.SIGKILL))
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGSTOP)
    return process


def turn(workers, number):
    for w in workers:
        os.killpg(w.pid, number)


def processor_time(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(run, sides, seconds):
    """[{side: (from, to, processor seconds)}]: cycles in which each side has a window, to and fro."""
    cycles, order, end = [], list(sides), time.monotonic() + seconds
    while (time.monotonic() < end or len(cycles) < 2) and run.poll() is None:
        cycle = {}
        for side in order:
            turn(sides[side], signal.SIGCONT)
            time.sleep(WINDOW / 10)
            begin = time.time(), processor_time(run.pid)
            time.sleep(WINDOW)
            stop = time.time(), processor_time(run.pid)
            turn(sides[side], signal.SIGSTOP)
            cycle[side] = begin[0], stop[0], stop[1] - begin[1]
        cycles.append(cycle)
        order.reverse()
    return cycles


def epochs_at(rows, moment):
    """Epochs trained by then; jobs come one after the other."""
    return sum(1500 * min(1, max(0, (moment - started) / (ended - started))) for started, ended in rows)


def slower(cycles, rows, a, b, by_processor):
    """How many times longer an epoch takes beside b than beside a, cycle by cycle."""
    def cost(window):
        begin, stop, processor = window
        return (processor if by_processor else stop - begin) / (epochs_at(rows, stop) - epochs_at(rows, begin))
    return [cost(c[b]) / cost(c[a]) for c in cycles]


def spread(values):
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return f"{100 * (middle - 1):+.2f} % [{100 * (low - 1):+.2f} to {100 * (high - 1):+.2f}]"


sweep = tap.write("read.yaml", SWEEP)
with open(tap.SCRATCH / "run.log", "w+", encoding="utf-8") as log:
    run = tap.start("run", sweep, "--store", STORE, "--resume-every", "1", preexec_fn=pinned(CORES[0]), stderr=log)
atexit.register(run.kill)
tap.until(lambda: tap.finished(STORE) > 2, "three jobs done")
sides = {"alone": [], "readers": [worker("by_query"), worker("by_h5py")], "computing": [worker("compute")]}
cycles = measure(run, sides, SECONDS)
run.send_signal(signal.SIGTERM)
tap.ok(run.wait(60) in (0, 75), "the run ends as it was told to", (tap.SCRATCH / "run.log").read_text())
sides["computing"][0].kill()
told = []
for reader in sides["readers"]:
    reader.send_signal(signal.SIGTERM)
    os.killpg(reader.pid, signal.SIGCONT)
    told.append(json.loads(reader.communicate(timeout=60)[0]))

# ---- was it true? ----

for name, reader in zip(("query, status and show", "h5py"), told):
    tap.ok(reader["reads"] > 0 and not reader["errors"], f"{name}: {reader['reads']} rounds beside the run, and no error", "\n".join(reader["errors"]))
seen = {key: value for reader in told for key, value in reader["seen"].items()}
truth = Reader()
final = {row[0]: row for row in tap.query(STORE, DONE_ROWS)}
wrong = []
with Store(STORE) as store:
    jobs = store.jobs()
    for key, value in seen.items():
        kind, *path, job = key.split(" ")
        if kind == "row":
            now = final.get(job)
        elif kind == "curve":
            now = digest(truth.command("query", STORE, CURVE.format(job), "--json").encode())
        elif kind == "record":
            now = digest(store.file["jobs"][jobs.index.get_loc(job)].tobytes())
        else:
            now = digest(store.array(jobs.loc[job], path[0]).tobytes())
        if now != value:
            wrong.append(f"{key}: {value}, and in the end {now}")
tap.ok(len(seen) > 20 and not wrong, f"{len(seen)} things that were told of finished jobs are true in the end", "\n".join(wrong))
tap.equal(tap.tombola("verify", STORE).returncode, 0, "verify finds nothing wrong")

rows = tap.query(STORE, "SELECT started, ended FROM jobs WHERE state = 'done' ORDER BY started")
cycles = [c for c in cycles if max(stop for _, stop, _ in c.values()) < rows[-1][1]]
if len(CORES) < 2 or not cycles:
    tap.skip("how much slower the run is", "this takes two cores, and more than a moment")
    tap.done()
found = {other: slower(cycles, rows, other, "readers", False) for other in ("alone", "computing")}
told = (f"an epoch beside readers takes {spread(found['alone'])} longer than alone, {spread(found['computing'])} than beside a process "
        f"that computes ({len(cycles)} cycles)")
if SECONDS >= 300:
    tap.ok(min(map(statistics.median, found.values())) <= 1.01, f"{told}: at most 1 %")
else:
    print(f"# {told}")
print(f"# its processor time: {spread(slower(cycles, rows, 'alone', 'readers', True))}, {spread(slower(cycles, rows, 'computing', 'readers', True))}")
tap.done()
