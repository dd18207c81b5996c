#!/usr/bin/env python3
"""What a command says, and the files that it makes, arrive or end it with 5: stdout full, closed, or without a reader, for every
command that `tombola --help` lists; stderr changes nothing; files appear whole or not at all.
timeout: 240
beside: others"""
import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

SWEEP = tap.write("words.yaml", """
tasks: {add: {kind: modular, expr: a + b, p: 7, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 8, d_hidden: 4}}
training: {adamw: {epochs: 20}}
grids: [{name: one, task: add, model: mlp, training: adamw, seed: [0, 1]}]
""")
STORE, LATER, OUT = (tap.SCRATCH / name for name in ("words.h5", "later.h5", "out"))
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
LISTS = "SELECT job, epoch, value FROM series"
tap.equal(tap.tombola("run", SWEEP, "--store", STORE).returncode, 0, "a sweep to talk about")
tap.equal(tap.tombola("run", SWEEP, "--store", LATER, "--time-left", "0").returncode, 75, "and one that has not begun")
ID = tap.query(STORE, "SELECT id FROM jobs")[0][0]

listed = re.findall(r"^  ([a-z]+) +\S", tap.tombola("--help").stdout.partition("`tombola COMMAND")[0], re.M)
formats = re.search(r"--format FORMAT +(.*)", tap.tombola("query", "--help").stdout).group(1)
formats = re.findall(r"[a-z]+", formats.replace("(default)", "").replace(" or ", " "))
tap.equal(len(formats), 7, "the formats of query are known")
# How each command says something.
SAYS = {
    "plan": [("plan", SWEEP, "--store", STORE), ("plan", SWEEP, "--store", STORE, "--json")],
    "status": [("status", STORE), ("status", STORE, "--json"), ("status", LATER, "--watch"), ("status", LATER, "--watch", "--json")],
    "query": [("query", STORE, LISTS, "--format", form) for form in formats] + [("query", STORE, "--schema"),
              ("query", STORE, LISTS, "--json")],
    "show": [("show", STORE, ID)],
    "export": [("export", STORE, ID), ("export", STORE, ID, "weights"), ("export", STORE, ID, "series")],
    "verify": [("verify", STORE), ("verify", STORE, "--json")],
    "kinds": [("kinds",), ("kinds", "modular"), ("kinds", "--json")],
    "completion": [("completion", "bash"), ("completion", "zsh")],
    "man": [("man",)],
}
# These talk on stderr, so that nothing is lost when stdout is.
SILENT = {
    "run": lambda: ("run", SWEEP, "--store", tap.SCRATCH / "again.h5"),
    "measure": lambda: ("measure", STORE, "norms"),
    "compact": lambda: ("compact", STORE, "--output", OUT, "--force"),
    "merge": lambda: ("merge", STORE, "--output", OUT, "--force"),
}
tap.equal(sorted(listed), sorted([*SAYS, *SILENT]), "every command is tried")
SAYING = [call for calls in SAYS.values() for call in calls] + [(command, "--help") for command in listed] + [
    ("--help",), ("-h",), ("help",), ("--version",), ("--exit-codes",)]
for args in (args for args in SAYING if "--json" in args and "--watch" not in args):
    said = tap.tombola(*args).stdout
    try:
        tap.ok(json.loads(said), f"what {args[0]} says as JSON is JSON")
    except ValueError as error:
        tap.ok(False, f"what {args[0]} says as JSON is JSON", f"{error}: {said[:300]}")


def call(args, stdout=None, closed=(), program=(tap.TOMBOLA,), **more):
    """Run it with that stdout and those descriptors closed: (exit code, stderr)."""
    def close():
        for fd in closed:
            os.close(fd)
    with tap.Background([*map(str, (*program, *args))], stdin=subprocess.DEVNULL, stdout=stdout, cwd=tap.ROOT,
                        preexec_fn=close, **{"stderr": subprocess.PIPE, **more}) as process:
        try:
            error = process.communicate(timeout=30)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            error = "still at work after 30 s"
            process.wait()
    return process.returncode, error


def broken_pipe():
    """One end of a pipe that nobody reads."""
    reads, writes = os.pipe()
    os.close(reads)
    return writes


def in_words(args):
    return " ".join(os.path.basename(str(word)) for word in args)


def lost(name, args, words, **how):
    code, error = call(args, **how)
    said = [line for line in error.splitlines() if "error:" in line or "program" in how]
    tap.ok(code == 5 and len(said) == 1 and "standard output" in said[0] and words in said[0], f"{in_words(args)}: stdout {name}",
           f"exit code {code}\n{error}")


full = open("/dev/full", "wb", buffering=0)
for args in SAYING:
    lost("is full", args, "No space left", stdout=full)
    lost("is closed", args, "Bad file descriptor", closed=[1])
    pipe = broken_pipe()
    lost("has no reader, SIGPIPE ignored", args, "Broken pipe", stdout=pipe, restore_signals=False)
    code, error = call(args, stdout=pipe)
    tap.ok(code == -signal.SIGPIPE and not error, f"{in_words(args)}: stdout has no reader", f"exit code {code}\n{error}")
    os.close(pipe)
for form in formats[1:]:
    lost("is full", ("query", STORE, ENDLESS, "--format", form), "No space left", stdout=full)
reads, writes = os.pipe()
with subprocess.Popen([tap.TOMBOLA, "query", str(STORE), ENDLESS, "--format", "csv"], stdout=writes) as process:
    os.close(writes)
    first = os.read(reads, 4)
    os.close(reads)
    tap.equal((first, process.wait(20)), (b"x\n1\n", -signal.SIGPIPE), "query | head, of an endless answer")

for script, *args in (("table.py",), ("report.py", "-o", OUT.with_suffix(".html")), ("curves.py", "-o", OUT.with_suffix(".png"))):
    python = (sys.executable, tap.ROOT / "analysis" / script)
    lost("is full", (STORE, *args), "No space left", program=python, stdout=full)
    lost("is closed", (STORE, *args), "Bad file descriptor", program=python, closed=[1])
lost("is full", (STORE,), "No space left", program=(sys.executable, "-m", "analysis.claims"), stdout=full)

for name, command in SILENT.items():
    for how, more in ("stdout is full", {"stdout": full}), ("stdout is closed", {"closed": [1]}):
        code, error = call(command(), **more)
        tap.ok(code == 0, f"{name} goes on where {how}", f"exit code {code}\n{error}")

# ---- stderr, stdin ----
wrong = ("plan", tap.SCRATCH / "none.yaml")
for how, more in (("stderr is full", {"stderr": full}), ("stderr is closed", {"closed": [2]}), ("all are closed", {"closed": [0, 1, 2]}),
                  ("stdin is closed", {"closed": [0]}), ("nobody reads stderr", {"stderr": broken_pipe()})):
    new = tap.SCRATCH / "new.h5"
    new.unlink(missing_ok=True)
    code, _ = call(("run", SWEEP, "--store", new, "--verbose"), stdout=subprocess.DEVNULL, **more)
    good = tap.tombola("verify", new)
    tap.ok(code == 0 and good.returncode == 0, f"run, {how}: 0, and no word got into the store", f"{code}\n{good.stdout}{good.stderr}")
    tap.equal(call(wrong, stdout=subprocess.DEVNULL, **more)[0], 2, f"an error, {how}: 2")
    tap.equal(call(("verify", STORE), stdout=subprocess.DEVNULL, **{**more, "closed": [fd for fd in more.get("closed", []) if fd != 1]})[0],
              0, f"verify, {how}: 0")


# ---- files ----
def on_full_disk(disk):
    kinds = disk / "kinds"
    with open(kinds, "wb", buffering=0) as some:
        lost("fills a disk half-way", ("kinds", "--json"), "No space left", stdout=some)
    tap.ok(kinds.stat().st_size > 0, "of which a part was written")
    kinds.write_bytes(b"")
    ballast = disk / "ballast"
    before = b"what was there before"
    tools = {
        "export": [tap.TOMBOLA, "export", STORE, ID, "weights", "-o", "w.npz"],
        "compact": [tap.TOMBOLA, "compact", STORE, "--force", "-o", "w.h5"],
        "merge": [tap.TOMBOLA, "merge", STORE, "--force", "-o", "w.h5"],
        "report": [sys.executable, tap.ROOT / "analysis/report.py", STORE, "-o", "w.html"],
    }
    for name, command in tools.items():
        there = disk / command[-1]
        there.write_bytes(before)
        with open(ballast, "wb", buffering=0) as f:
            try:
                while f.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        result = tap.heard([str(word) for word in command], cwd=disk, timeout=60)
        ballast.unlink()
        left = sorted(path.name for path in disk.iterdir())
        tap.ok(result.returncode == 5 and "No space left" in result.stderr and "Traceback" not in result.stderr and
               there.read_bytes() == before and left == sorted(["kinds", there.name]), f"{name} -o on a full disk: 5, and nothing half-written",
               f"exit code {result.returncode}, left {left}\n{result.stderr}")
        there.unlink()


disk = tap.SCRATCH / "disk"
disk.mkdir()
if os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", disk], capture_output=True,
                                        check=False).returncode == 0:
    try:
        on_full_disk(disk)
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
else:
    tap.skip("files on a full disk", "needs root to mount a tmpfs")
target, link = tap.SCRATCH / "target.csv", tap.SCRATCH / "link.csv"
target.write_text("old")
link.symlink_to(target)
code, error = call(("export", STORE, ID, "series", "-o", link))
tap.ok(code == 0 and link.is_symlink() and target.read_text().startswith("epoch,"), "export follows a link", error)
device = tap.SCRATCH / "device.csv"
device.symlink_to("/dev/full")
code, error = call(("export", STORE, ID, "series", "-o", device))
tap.ok(code == 5 and "No space left" in error and os.path.realpath("/dev/full") == "/dev/full" and not os.path.exists("/dev/full.part"),
       "a device is written to, not replaced", error)
code, error = call(("export", STORE, ID, "series", "-o", tap.SCRATCH / "nowhere/x.csv"))
tap.ok(code == 2 and "No such file" in error, "a folder that is not there is a mistake of the command line", error)
tap.done()
