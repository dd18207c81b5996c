#!/usr/bin/env python3
# timeout: 600
# beside: others
# luck: when a kill hits decides what is said
"""Four ranks rewrite every row of one store without pause; one stands still at a call on it that chance has chosen (SEED), and
all of them are killed with SIGKILL; the next trial goes on with the same file.  After each kill: the bytes outside the datasets have not changed, h5py opens the file,
every row is sound, and every job that says it is done has the very data it was given.

TRIALS kills by default; TOMBOLA_TEST_ALL=1 asks for two hundred.  TEST_STORE: tests/mpi/test_store.c, built."""
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import h5py

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / part) for part in (".", "fault")]
import fault  # noqa: E402
import tap  # noqa: E402
from tap import MPIRUN, ROOT, SCRATCH, done, equal, ok  # noqa: E402

TRIALS = 200 if os.environ.get("TOMBOLA_TEST_ALL") else 12
RANKS = 4
TEST_STORE = os.environ.get("TEST_STORE", str(ROOT / "build/release/tests/mpi/test_store"))
STORE, STATE = SCRATCH / "store/kill.h5", SCRATCH / "state"
SEED = int(os.environ.get("SEED", "1"))
dice = random.Random(SEED)


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


def rewrite_and_kill(calls):
    """Start the ranks; when all of them write, kill them and mpirun after so many calls more: (how many wrote, how many stood still)."""
    run = tap.Background([*MPIRUN, "-n", RANKS, TEST_STORE, "rewrite", STORE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         start_new_session=True, env=dict(os.environ, **fault.MPI, **fault.told(STORE.parent, STATE, "stop", fault.FAR)))
    guard = threading.Timer(60, tap.kill, (run,))  # a rank that never writes
    guard.start()
    pids = []
    for line in run.stdout:
        pids += [int(line.split()[1])] * line.startswith("pid ")
        if len(pids) == RANKS:
            break
    fault.arm(STATE, calls)
    tap.wait_for(lambda: run.poll() is not None or any(tap.state_of(pid) == "T" for pid in pids), 60, 0.001)
    still = sum(tap.state_of(pid) == "T" for pid in pids)
    guard.cancel()
    for pid in [*pids, run.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    run.wait()
    run.stdout.close()
    return len(pids), still


STORE.parent.mkdir()
subprocess.run([TEST_STORE, "create", str(STORE)], check=True)
before = metadata_digest()
opened = same = sound = finished = 0
trouble, struck = "", []
for trial in range(TRIALS):
    struck.append(rewrite_and_kill(dice.randint(1, 4000)))
    check = tap.heard([TEST_STORE, "check", str(STORE)])
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
equal(struck, [(RANKS, 1)] * TRIALS, f"{RANKS} ranks open the store after every kill, and are killed where one of them writes, SEED={SEED}")
ok(opened == TRIALS, "h5py opens it after every kill", trouble)
ok(same == TRIALS, "no byte outside the datasets has changed", f"{same} of {TRIALS}")
ok(sound == TRIALS, "every row is sound and no finished job's data is wrong", trouble)
ok(finished > TRIALS, f"there were finished jobs to look at ({finished})")
done()
