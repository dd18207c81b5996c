"""fault.py: commands with a fault in them, by the preloaded library of shim.c, and what is looked at afterwards."""
import errno
import os
import pickle
import signal
import struct
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402

SHIM = Path(os.environ.get("FAULT_SHIM", Path(tap.TOMBOLA).parent / "tests/fault/shim.so"))
LIMIT = 90  # seconds that no command of these small sweeps comes near
# What a killed mpirun leaves behind stays in the scratch folder.
MPI = {"OMPI_MCA_btl_vader_backing_directory": str(tap.SCRATCH), "OMPI_MCA_orte_tmpdir_base": str(tap.SCRATCH)}


def _error(number, **more):
    return {"FAULT_KIND": "error", "FAULT_ERRNO": str(number), **more}


ATOMIC = 64  # bytes of the largest record that is written alone and counts on not being torn: it lies inside a page
# name -> (what the library is told, the trait of a call that it can befall; see shim.c)
KINDS = {
    "kill": ({"FAULT_KIND": "kill"}, ""),
    "tear": ({"FAULT_KIND": "tear", "FAULT_ATOMIC": str(ATOMIC)}, "B"),
    "eio": (_error(errno.EIO), ""),
    "eio-stays": (_error(errno.EIO, FAULT_STICKY="1"), ""),
    "enospc": (_error(errno.ENOSPC), "R"),
    "enospc-stays": (_error(errno.ENOSPC, FAULT_STICKY="1"), "R"),
    "short": ({"FAULT_KIND": "short"}, "B"),
    "read": (_error(errno.EIO, FAULT_READS="1"), ""),
    # by FAULT=NAME only
    "tear-any": ({"FAULT_KIND": "tear"}, "B"),
    "stop": ({"FAULT_KIND": "stop"}, ""),
    "edquot": (_error(errno.EDQUOT), "R"),
    "eintr": (_error(errno.EINTR), "W"),
}
FATAL = ("kill", "tear", "tear-any")  # the process dies of it


class Call:
    """A line of the library's log."""

    def __init__(self, line):
        number, _, self.name, traits, size, self.path = line.rstrip("\n").split(" ", 5)
        self.number, self.traits, self.size = int(number), traits[1:], int(size)


def befalls(kind, call):
    """Whether that kind of fault can befall the call."""
    told, trait = KINDS[kind]
    return trait in call.traits and call.size > int(told.get("FAULT_ATOMIC", "-1"))


class Result:
    """How a command ended: code is None if it did not; calls and fired are the library's counts."""

    def __init__(self, code, out, err, calls=0, fired=0):
        self.code, self.out, self.err, self.calls, self.fired = code, out, err, calls, fired

    def __str__(self):
        return f"exit code {self.code}: {self.out[-300:]} {self.err[-600:]}"


started = []


def end_all():
    """End what commands have left behind: until then a rank may outlive its mpirun, as it does for users."""
    while started:
        process = started.pop()
        tap.kill(process)
        process.wait()


def _wait(command, work, environment, limit):
    with open(work / "out", "wb") as out, open(work / "err", "wb") as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=tap.ROOT, start_new_session=True,
                                   env=dict(os.environ, **MPI, **environment))
        started.append(process)
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
            end_all()
    return code, *((work / name).read_text(errors="replace") for name in ("out", "err"))


def run(args, work, ranks=0, under=None, kind=None, at=0, log=None, limit=LIMIT):
    """Run the program, with a fault of that kind at call `at` below the folder `under`, or only counting.  work: a folder."""
    command = [tap.TOMBOLA, *map(str, args)]
    if ranks:
        command = [*tap.MPIRUN, "-n", str(ranks), *command]
    if not under:
        return Result(*_wait(command, work, {}, limit))
    state = work / "state"
    result = Result(*_wait(command, work, told(under, state, kind, at, log), limit))
    result.calls, result.fired = counts(state)
    return result


def told(under, state, kind=None, at=0, log=None):
    """The environment of a command that is to have a fault, with new counters."""
    state.write_bytes(bytes(64))
    out = {"LD_PRELOAD": tap.preloaded(SHIM), "FAULT_UNDER": os.path.realpath(under), "FAULT_STATE": str(state), "FAULT_AT": str(at)}
    out.update(KINDS[kind][0] if kind else {})
    if log:
        Path(log).unlink(missing_ok=True)
        out["FAULT_LOG"] = str(log)
    return out


def counts(state):
    """(calls so far, faults so far)"""
    return struct.unpack("@2L", state.read_bytes()[: struct.calcsize("@2L")])


FAR = 1 << 40  # no command makes so many calls


def arm(state, calls=1):
    """A command that was told of a fault at call FAR has it so many calls from now, as often as this is said."""
    with open(state, "r+b") as f:
        f.write(struct.pack("@2L", FAR - calls, 0))


def stand(process, state, calls=1):
    """It was told to stop at call FAR: wait until a rank does so after so many calls.  Those that stand still; none if it has ended."""
    stood = tap.stopped(process)
    arm(state, calls)
    for pid in stood:
        os.kill(pid, signal.SIGCONT)
    tap.wait_for(lambda: process.poll() is not None or (counts(state)[1] and tap.stopped(process)), LIMIT, 0.002)
    return tap.stopped(process)


def read_log(path):
    if not Path(path).exists():
        return []
    with open(path, encoding="utf-8", errors="replace") as f:
        return [Call(line) for line in f]


def apart(function, *args):
    """function(*args) in a process of its own: what a broken file does to libhdf5 stays there.  (its value, "") or (None, why)"""
    get, put = os.pipe()
    pid = os.fork()
    if not pid:
        signal.alarm(LIMIT)
        try:
            value = (function(*args), "")
        except Exception as error:  # pylint: disable=broad-except
            value = (None, f"{type(error).__name__}: {error}")
        with os.fdopen(put, "wb") as pipe:
            pickle.dump(value, pipe)
        os._exit(0)
    os.close(put)
    with os.fdopen(get, "rb") as pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return pickle.loads(said) if code == 0 else (None, f"the reader ended with {code}")


def _rows(path):
    with h5py.File(path, "r") as f:
        return len(f["jobs"][: int(f["control"]["rows"][0])])


def h5py_opens(path):
    """Why h5py cannot read /jobs; empty if it can."""
    return apart(_rows, path)[1]


def orphans(path):
    """(family, row) of arrays that have checksums and are no job's, or why nobody can tell."""
    found, why = apart(digest.orphans, path)
    return why or found


def differences(a, b):
    """The same as digest.differences, also of a file that is none."""
    found, why = apart(digest.differences, a, b)
    return [why] if why else found
