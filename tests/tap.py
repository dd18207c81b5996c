"""tap.py: the few things every end-to-end test needs.  Each script prints TAP and exits 0 if all is well."""
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = Path(os.environ.get("SCRATCH", "/tmp"))
TOMBOLA = os.environ.get("TOMBOLA", str(ROOT / "build/release/tombola"))
MPIRUN = shlex.split(os.environ.get("MPIRUN", "mpirun --oversubscribe"))
sys.path.insert(0, str(ROOT / "analysis"))

_count = _failed = 0


def ok(condition, name, detail=""):
    global _count, _failed
    _count += 1
    _failed += not condition
    print(f"{'ok' if condition else 'not ok'} {_count} - {name}")
    if not condition and str(detail):
        for line in str(detail).splitlines()[:30]:
            print(f"#   {line}")
    sys.stdout.flush()
    return bool(condition)


def skip(name, reason):
    global _count
    _count += 1
    print(f"ok {_count} - {name} # SKIP {reason}")


def equal(have, want, name):
    return ok(have == want, name, f"have {have!r}\nwant {want!r}")


def tombola(*args, ranks=0, timeout=300, cwd=ROOT, env=None):
    """Run the program, under mpirun if ranks is given.  The result has returncode, stdout and stderr as text."""
    command = [TOMBOLA, *map(str, args)]
    if ranks:
        command = [*MPIRUN, "-n", str(ranks), *command]
    result = heard(command, timeout=timeout, cwd=cwd, env=dict(os.environ, **(env or {})))
    assert "\r" not in result.stdout, f"a carriage return comes out of {' '.join(command)}"  # of which splitlines() makes nothing
    return result


def heard(command, **more):
    """Run a command to its end.  What it says is decoded, and that is all: Python's text mode would drop carriage returns."""
    result = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False, **more)
    result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
    return result


def preloaded(library):
    """LD_PRELOAD with a library more."""
    return " ".join([str(library), *os.environ.get("LD_PRELOAD", "").split()])


class Background(subprocess.Popen):
    """A command in the background, whose pipes are decoded as those of heard() are."""

    def __init__(self, command, **more):
        super().__init__([*map(str, command)], text=True, **more)
        for pipe in (self.stdout, self.stderr):
            if pipe:
                pipe.reconfigure(newline="\n")

    def _translate_newlines(self, data, encoding, errors):  # of communicate()
        return data.decode(encoding, errors)


def start(*args, ranks=0, **more):
    """The same as tombola() in the background."""
    command = [TOMBOLA, *map(str, args)]
    if ranks:
        command = [*MPIRUN, "-n", str(ranks), *command]
    return Background(command, **{"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "cwd": ROOT, "stdin": subprocess.DEVNULL,
                                  "start_new_session": True, **more})


def processes(started):
    """pid -> command line of every process in the session of one that start() has started: itself, the ranks, and helpers."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[3]) == started.pid:
                found[int(stat.parent.name)] = (stat.parent / "cmdline").read_text().replace("\0", " ")
        except (OSError, ValueError):
            pass  # it has ended by itself
    return found


def ranks_of(started):
    """The pids of the program's own processes, without mpirun."""
    return [pid for pid, line in processes(started).items() if line.startswith(TOMBOLA)]


def state_of(pid):
    """R, S, T, ...: as /proc says it; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def stopped(started):
    """Which of its ranks stand still."""
    return [pid for pid in ranks_of(started) if state_of(pid) == "T"]


def kill(started, number=signal.SIGKILL, ranks_only=False):
    """Send a signal to all of a session, or to its ranks, by their ids."""
    for pid in ranks_of(started) if ranks_only else processes(started):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def flip(path, at, bits=4):
    """Turn round bits of the byte at that offset of a file."""
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ bits]))


def disturbed(starter, store, steps, number=signal.SIGKILL):
    """Start a command again and again: for each of the steps send it a signal when it has written so many more rows of the store,
    then let it come to its end.  (its exit codes, its last words)"""
    codes = []
    for step in [*steps, None]:
        before, process = writes(store), starter()
        if step is not None:
            wait_for(lambda: process.poll() is not None or writes(store) >= before + step, 60, 0.005)
            kill(process, number, ranks_only=number != signal.SIGKILL)
        try:
            log = process.communicate(timeout=120)[1]
        except subprocess.TimeoutExpired:
            kill(process)
            log = process.communicate()[1] + "\nit did not end"
        codes.append(process.returncode)
        wait_for(lambda: not processes(process))
    return codes, log


def wait_for(condition, seconds=60, step=0.05):
    """The first true value of condition(), or its last.  The time is a guard: nothing is slower because it is long."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(step)
    return value


def until(condition, what, seconds=60, step=0.05):
    """The same, where the script cannot go on without."""
    value = wait_for(condition, seconds, step)
    assert value, f"after {seconds} s: not {what}"
    return value


def finished(store):
    """How many of its jobs are done; 0 if it cannot be read yet."""
    import h5py
    try:
        with h5py.File(store, "r") as f:
            return int((f["jobs"]["state"][:f["control"]["rows"][0]] == 3).sum())
    except (OSError, KeyError):
        return 0


def column_sum(store, column):
    """The sum of a column of /jobs; 0 if it cannot be read yet."""
    import h5py
    try:
        with h5py.File(store, "r") as f:
            return int(f["jobs"][column][:f["control"]["rows"][0]].sum())
    except (OSError, KeyError):
        return 0


def starts(store):
    """How often the store's jobs have been started, stops and starts before a resume point apart."""
    return column_sum(store, "attempts")


def epochs_done(store):
    return column_sum(store, "epochs_done")


def writes(store):
    """How often rows of /jobs have been written."""
    return column_sum(store, "sequence")


def query(store, sql):
    """The rows of a SELECT as lists."""
    result = tombola("query", store, sql, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["rows"]


def write(name, text):
    path = SCRATCH / name
    path.write_text(text)
    return path


def shrunk(sweep, changes):
    """Write one of sweeps/ into the scratch folder, changed by (pattern, replacement)s, each of which must find something."""
    text = (ROOT / f"sweeps/{sweep}.yaml").read_text()
    for pattern, instead in changes:
        text, found = re.subn(pattern, instead, text)
        ok(found, f"{sweep}.yaml says {pattern}")
    return write(f"{sweep}.yaml", text)


def done():
    print(f"1..{_count}")
    sys.exit(1 if _failed or not _count else 0)
