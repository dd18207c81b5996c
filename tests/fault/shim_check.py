"""shim_check.py: the library sees every call that it is there for, and each fault does what its name says."""
import os
import shutil
import signal
import subprocess
import sys

import fault
import tap

# Every call on files of the folder, in Python's and libc's names; prints which of them raised what.
CALLS = '''
import ctypes, os, sys
folder = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)
libc.fopen.restype = ctypes.c_void_p
a, b, c = (os.path.join(folder, name) for name in "abc")
f = None
def stdio(name, *args):
    result = getattr(libc, name)(*args)
    if result is None or (name != "fopen" and result < 0):
        raise OSError(ctypes.get_errno(), name)
    return result
def stream(name, *args):
    return stdio(name, *args, ctypes.c_void_p(f))
def make():
    global f
    f = stdio("fopen", c.encode(), b"w")
def do(name, call):
    try:
        result = call()
        if name in ("write", "pwrite", "writev") and result != 8:
            print(name, "short", result)
        return result
    except OSError as error:
        print(name, error.errno)
fd = os.open(a, os.O_RDWR | os.O_CREAT)
for name, call in [
    ("write", lambda: os.write(fd, b"8 bytes!")),
    ("pwrite", lambda: os.pwrite(fd, b"8 bytes!", 8)),
    ("writev", lambda: os.writev(fd, [b"8 by", b"tes!"])),
    ("pwritev", lambda: os.pwritev(fd, [b"8 by", b"tes!"], 16)),
    ("fsync", lambda: os.fsync(fd)),
    ("fdatasync", lambda: os.fdatasync(fd)),
    ("ftruncate", lambda: os.ftruncate(fd, 64)),
    ("posix_fallocate", lambda: os.posix_fallocate(fd, 0, 64)),
    ("truncate", lambda: os.truncate(a, 32)),
    ("copy_file_range", lambda: os.copy_file_range(fd, fd, 8, 0, 8)),
    ("sendfile", lambda: os.sendfile(fd, fd, 0, 8)),
    ("rename", lambda: os.rename(a, b)),
    ("link", lambda: os.link(b, a)),
    ("symlink", lambda: os.symlink(b, a + "s")),
    ("open", lambda: os.close(os.open(a + "s", os.O_RDONLY | os.O_CREAT))),
    ("unlink", lambda: os.unlink(a)),
    ("mkdir", lambda: os.mkdir(a)),
    ("rmdir", lambda: os.rmdir(a)),
    ("chmod", lambda: os.chmod(b, 0o600)),
    ("utimensat", lambda: os.utime(b)),
    ("dprintf", lambda: stdio("dprintf", fd, b"%d", 8)),
    ("fopen", make),
    ("fputs", lambda: f and stream("fputs", b"8 bytes!")),
    ("fflush", lambda: f and stream("fflush")),
    ("fclose", lambda: f and stream("fclose")),
    ("close", lambda: os.close(fd)),
]:
    do(name, call)
'''
# What libc or Python call them, besides the same and the same with 64 behind it.
OTHER = {"dprintf": "vdprintf", "pwritev": "pwritev2"}


# The same twice, in processes that another has started.
TWICE = "import subprocess, sys\nfor _ in range(2): subprocess.run([sys.executable, '-c', *sys.argv[1:]], check=False)"


def call(folder, kind=None, at=0, log=None, more=None, by=()):
    """(exit code, what it said, faults)"""
    shutil.rmtree(folder)
    folder.mkdir()
    state = folder.parent / "state"
    environment = {**os.environ, **fault.told(folder, state, kind, at, log), **(more or {})}
    done = tap.heard([sys.executable, "-c", *by, CALLS, folder], timeout=fault.LIMIT, env=environment)
    return done.returncode, done.stdout + done.stderr[-300:], fault.counts(state)[1]


def is_called(seen, name):
    return seen.removesuffix("64") in (name, OTHER.get(name), f"{name}at") or seen.startswith(f"{name}64")


def check():
    folder = tap.SCRATCH / "shim" / "files"
    folder.mkdir(parents=True)
    log = folder.parent / "log"
    code, said, _ = call(folder, log=log)
    calls = fault.read_log(log)
    names = [line.split('"')[1] for line in CALLS.splitlines() if line.startswith('    ("')]
    unseen = [name for name in names if not any(is_called(c.name, name) for c in calls)]
    tap.ok(code == 0 and not said and not unseen, f"the library sees {len(calls)} calls, of {len(names)} kinds", f"{said} unseen: {unseen}")
    wrong = []
    for c in calls[1:]:  # the first makes the file that the others need
        code, said, fired = call(folder, "eio", c.number)
        first = (said.split() + ["", ""])[:2]  # what follows may fail because of it
        if code != 0 or fired != 1 or not is_called(c.name, first[0]) or first[1] != "5":
            wrong.append(f"{c.number} {c.name}: {code} {said}")
        code, said, fired = call(folder, "kill", c.number)
        if code != -signal.SIGKILL or fired != 1:
            wrong.append(f"kill at {c.number} {c.name}: {code} {said}")
    tap.ok(not wrong, "each of them fails, or dies, when it is told to", "\n".join(wrong))
    first = next(c.number for c in calls if c.name == "write")
    code, said, fired = call(folder, "short", first)
    tap.ok(code == 0 and fired == 1 and said == "write short 4\n", "a short write", said)
    code, said, fired = call(folder, "tear-any", first)
    tap.ok(code == -signal.SIGKILL and (folder / "a").read_bytes() == b"8 by", "a write that is torn", (code, said))
    tap.equal(call(folder, "tear", first)[2], 0, "a record inside a page is not torn")
    code, said, fired = call(folder, "enospc-stays", first)
    tap.ok(code == 0 and fired > 10 and "rmdir 28" not in said and "fsync 28" in said, "a disk that stays full", said)
    tap.equal(call(folder, "eio", first, more={"FAULT_UNDER": "/nowhere"})[2], 0, "other folders are let through")
    once = call(folder, "eio", first, by=[TWICE])
    each = call(folder, "eio", first, by=[TWICE], more={"FAULT_OWN": "1"})
    tap.ok(once[2] == 1 and each[2] == 2, "counted over all processes, or by each of them", (once, each))
