#!/usr/bin/env python3
"""The disk is too small, and then becomes full while all ranks write: a clear message, exit code 5, nothing lost, and the same
command finishes when there is room.  Also places that cannot be written.
timeout: 120
beside: others"""
import contextlib
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402

SWEEP = """
tasks: {add: {kind: modular, expr: a + b, p: 31, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 128, d_hidden: 128}}
training: {full: {lr: 1e-2, weight_decay: 1, epochs: 600}}
checkpoint: {every: 10}
grids:
  - {task: add, model: mlp, training: full, seed: {from: 1, to: 8, step: 1}, control: [dense, ticket], t: 300, k: 0.6}
"""
MB = 1 << 20
sweep = tap.write("full.yaml", SWEEP)
whole = tap.SCRATCH / "whole.h5"


def run(store, ranks=2):
    return tap.tombola("run", sweep, "--store", store, "--resume-every", "0.1", ranks=ranks, timeout=60)


def errors(result):
    return [line for line in result.stderr.splitlines() if "error:" in line]


tap.equal(run(whole).returncode, 0, "undisturbed")
size = os.stat(whole).st_blocks * 512


def fill(path):
    """Take the last room of a disk that others are writing to as well."""
    with open(path, "wb", buffering=0) as f:
        try:
            while f.write(b"x" * MB) == MB:
                pass
        except OSError:
            pass


# Places that are no good.
result = run(tap.SCRATCH / "missing" / "x.h5", 0)
tap.ok(result.returncode == 2 and "there is no folder" in result.stderr, "a missing folder", result.stderr)
newer = tap.SCRATCH / "newer.h5"
subprocess.run([sys.executable, "-c", "import h5py, sys\nwith h5py.File(sys.argv[1], 'w') as f:\n f.attrs['format'] = 99\n"
                "f.close()\nwith h5py.File(sys.argv[1], 'a') as f: f['control'] = [0]", str(newer)], check=True)
before = newer.read_bytes()
result = run(newer, 0)
tap.ok(result.returncode == 5 and "format 99" in result.stderr and newer.read_bytes() == before, "a store of a newer format",
       result.stderr)
code = (f"import resource, subprocess, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20,) * 2)\n"
        f"sys.exit(subprocess.run(['{tap.TOMBOLA}', 'run', '{sweep}', '--store', sys.argv[1]]).returncode)")
for name, store in (("a new store", tap.SCRATCH / "limited.h5"), ("one that is there", whole)):
    result = tap.heard([sys.executable, "-c", code, str(store)])
    tap.ok(result.returncode == 5 and "ulimit -f" in result.stderr, f"a limit on file sizes, for {name}", result.stderr)
tap.ok(not (tap.SCRATCH / "limited.h5").exists(), "nothing is left of it")



@contextlib.contextmanager
def unwritable(path):
    """By its mode, or, for root, as a mount of its own that is only read: yields the reason that the program will hear, or None."""
    mode, root = os.stat(path).st_mode, os.geteuid() == 0
    mounts = (["mount", "--bind", path, path], ["mount", "-o", "remount,ro,bind", path]) if root else ()
    os.chmod(path, mode & ~0o222)
    done = [subprocess.run(mount, capture_output=True, check=False).returncode for mount in mounts]
    try:
        yield None if any(done) else "Read-only file system" if root else "Permission denied"
    finally:
        if root:
            subprocess.run(["umount", "-l", path], capture_output=True, check=False)
        os.chmod(path, mode)


closed = tap.SCRATCH / "closed"
closed.mkdir()
for path, store, words in ((whole, whole, f"{whole}: cannot be written: "), (closed, closed / "x.h5", f"the folder '{closed}' cannot be written: ")):
    with unwritable(path) as reason:
        if not reason:
            tap.skip(words, "root needs to mount it")
            continue
        before = os.stat(whole).st_mtime_ns
        for command, code, says in (("run", 2, "error: "), ("plan", 0, "warning: run would refuse this: ")):
            result = tap.tombola(command, sweep, "--store", store)
            tap.ok(result.returncode == code and says in result.stderr and words + reason + "\n" in result.stderr, f"{command}: {words}{reason}", result.stderr)
        tap.ok(os.stat(whole).st_mtime_ns == before and not os.listdir(closed), "and nothing is written")
tap.equal(run(whole).returncode, 0, "what can be written again is run again")

disk = tap.SCRATCH / "disk"
disk.mkdir()
mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size // 2}", "none", disk],
                                               capture_output=True, check=False).returncode == 0
if not mounted:
    tap.skip("a disk that becomes full", "needs root to mount a tmpfs")
    tap.done()
try:
    store, ballast = disk / "x.h5", disk / "ballast"
    result = run(store)
    tap.ok(result.returncode == 5 and len(errors(result)) == 1 and "will write" in result.stderr, "half the room is refused",
           result.stderr)
    tap.equal(os.listdir(disk), [], "and nothing was written")

    subprocess.run(["mount", "-o", f"remount,size={size + 24 * MB}", disk], check=True)
    for time, room in (("first", 0.3), ("second", 0.6)):
        process = tap.start("run", sweep, "--store", store, "--resume-every", "0.1", ranks=2)
        tap.until(lambda: store.exists() and os.stat(store).st_blocks * 512 > (room - 0.2) * size, "a store that fills", step=0.002)
        fill(ballast)
        error = process.communicate(timeout=60)[1]
        said = [line for line in error.splitlines() if "the disk is full" in line]
        tap.ok(process.returncode == 5 and len(said) == 1 and "No space left" in error, f"a {time} disk full ends with 5", error)
        verify = tap.tombola("verify", store)
        tap.equal(verify.returncode, 0, f"the store is intact after the {time}") or print(verify.stdout)
        again = run(store)
        tap.ok(again.returncode == 5, "the same command on a full disk fails at once", again.stderr)
        ballast.unlink()
    result = run(store)
    tap.equal(result.returncode, 0, "the same command finishes after room was made") or print(result.stderr)
    tap.equal(digest.differences(whole, store), [], "with the bits of an undisturbed run")
    used = os.stat(store).st_blocks * 512
    tap.ok(used <= size + MB, "what resume points took was given back", f"{used} bytes, {size} undisturbed")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    result = run(store)
    tap.ok(result.returncode == 2 and "Read-only file system" in result.stderr, "a read-only disk", result.stderr)
finally:
    subprocess.run(["umount", "-l", disk], check=False)
tap.done()
