#!/usr/bin/env python3
# timeout: 600
# luck: when a kill hits decides what is said
"""Four ranks rewrite every row of one store without pause; all of them are killed with SIGKILL at a random moment; the next
trial goes on with the same file.  After each kill: the bytes outside the datasets have not changed, h5py opens the file,
every row is sound, and every job that says it is done has the very data it was given.

TRIALS kills by default; TOMBOLA_TEST_ALL=1 asks for two hundred.  TEST_STORE: tests/mpi/test_store.c, built."""
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tap import MPIRUN, ROOT, SCRATCH, done, ok  # noqa: E402

TRIALS = 200 if os.environ.get("TOMBOLA_TEST_ALL") else 12
RANKS = 4
TEST_STORE = os.environ.get("TEST_STORE", str(ROOT / "build/release/tests/mpi/test_store"))
STORE = SCRATCH / "kill.h5"
ENVIRONMENT = dict(os.environ, OMPI_MCA_btl_vader_backing_directory=str(SCRATCH), OMPI_MCA_orte_tmpdir_base=str(SCRATCH))


def metadata_digest():
    """A digest of everything that is not raw data, and the size of the file."""
    raw = []
    with h5py.File(STORE, "r") as f:
        f.visititems(lambda _, o: raw.append((o.id.get_offset(), o.id.get_storage_size())) if isinstance(o, h5py.Dataset)
                     and o.id.get_offset() is not None else None)
    size, at, digest = STORE.stat().st_size, 0, hashlib.sha256()
    with open(STORE, "rb") as f:
        for start, length in sorted(raw) + [(size, 0)]:
            f.seek(at)
            digest.update(f.read(max(0, start - at)))
            at = start + length
    return size, digest.hexdigest()


def rewrite_and_kill(seconds):
    """Start the ranks, wait until all of them write, kill them and mpirun after so many seconds."""
    run = subprocess.Popen([*MPIRUN, "-n", str(RANKS), TEST_STORE, "rewrite", str(STORE)], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True, start_new_session=True, env=ENVIRONMENT)
    pids = []
    for line in run.stdout:
        if line.startswith("pid "):
            pids.append(int(line.split()[1]))
        if len(pids) == RANKS:
            break
    time.sleep(seconds)
    for pid in [*pids, run.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    run.wait()
    run.stdout.close()
    return len(pids) == RANKS


subprocess.run([TEST_STORE, "create", str(STORE)], check=True)
before = metadata_digest()
started = opened = same = sound = 0
finished, trouble = 0, ""
for trial in range(TRIALS):
    started += rewrite_and_kill(random.uniform(0.02, 0.3))
    check = subprocess.run([TEST_STORE, "check", str(STORE)], capture_output=True, text=True, check=False)
    sound += check.returncode == 0
    if check.returncode:
        trouble += f"after kill {trial}:\n{check.stdout}{check.stderr}"
    try:
        same += metadata_digest() == before
        with h5py.File(STORE, "r") as f:
            finished += int((f["jobs"]["state"][: f["control"]["rows"][0]] == 3).sum())
        opened += 1
    except OSError as e:
        trouble += f"after kill {trial}: {e}\n"
ok(started == TRIALS, f"{RANKS} ranks open the store after every kill", f"{started} of {TRIALS}")
ok(opened == TRIALS, "h5py opens it after every kill", trouble)
ok(same == TRIALS, "no byte outside the datasets has changed", f"{same} of {TRIALS}")
ok(sound == TRIALS, "every row is sound and no finished job's data is wrong", trouble)
ok(finished > TRIALS, f"there were finished jobs to look at ({finished})")
done()
