"""tap.py: the few things every end-to-end test needs.  Each script prints TAP and exits 0 if all is well."""
import json
import os
import shlex
import subprocess
import sys
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


def equal(have, want, name):
    return ok(have == want, name, f"have {have!r}\nwant {want!r}")


def tombola(*args, ranks=0, timeout=300, cwd=ROOT, env=None):
    """Run the program, under mpirun if ranks is given.  The result has returncode, stdout and stderr as text."""
    command = [TOMBOLA, *map(str, args)]
    if ranks:
        command = [*MPIRUN, "-n", str(ranks), *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=cwd, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, **(env or {})))


def start(*args, ranks=0, **more):
    """The same in the background."""
    command = [TOMBOLA, *map(str, args)]
    if ranks:
        command = [*MPIRUN, "-n", str(ranks), *command]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT,
                            stdin=subprocess.DEVNULL, start_new_session=True, **more)


def query(store, sql):
    """The rows of a SELECT as lists."""
    result = tombola("query", store, sql, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["rows"]


def write(name, text):
    path = SCRATCH / name
    path.write_text(text)
    return path


def done():
    print(f"1..{_count}")
    sys.exit(1 if _failed or not _count else 0)
