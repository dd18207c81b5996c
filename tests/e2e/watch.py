#!/usr/bin/env python3
"""Looking on: status --watch waits for a store, stays while somebody is at work on it, and fits its page to the screen; a run says
soon that it works, and what a running job has done so far can be read long before its first resume point.
timeout: 120
beside: others"""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
from store import Store  # noqa: E402

SMALL = """
name: a_sweep_with_a_long_name
tasks: {a_task_with_a_long_name: {kind: modular, expr: a + b, p: 7, train_fraction: 0.5}}
models: {a_model_with_a_long_name: {kind: embed_mlp, d_embed: 4, d_hidden: 4}}
training: {a_long_training: {epochs: 10}}
record: {threshold: 0.001}
grids:
  - {name: a_grid_with_a_long_name, task: a_task_with_a_long_name, model: a_model_with_a_long_name, training: a_long_training,
     seed: [0, 1, 2], control: [dense, ticket], t: final, k: {from: 0.1, to: 0.8, step: 0.05}}
"""
LIVE = """
name: live
tasks: {add: {kind: modular, expr: a + b, p: 31, train_fraction: 0.6}}
models: {mlp: {kind: embed_mlp, d_embed: 64, d_hidden: 32}}
training: {adamw: {epochs: %d}}
measures: {long: {kind: llc, draws: 1000000}}
%s
grids:
  - {name: long, task: add, model: mlp, training: adamw, seed: [7, 8]}
"""


def ended(process, seconds):
    """Its exit code within so many seconds, else None."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def stop(process):
    tap.kill(process)
    process.wait()


def on_terminal(rows, columns, *args):
    """What `status` shows on a terminal of that size until it ends, and its exit code."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    env = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    watch = subprocess.Popen([tap.TOMBOLA, "status", *map(str, args)], stdout=follower, stderr=subprocess.STDOUT, env=dict(env, TERM="xterm"))
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 4096):
            shown += chunk
    except OSError:
        pass  # its end
    os.close(leader)
    return shown.decode(), watch.wait()


# ---- before there is a store ----
store = tap.SCRATCH / "soon.h5"
watch = tap.start("status", store, "--watch", "--every", "0.2", stdout=subprocess.PIPE)
line = watch.stdout.readline()
tap.ok(line.endswith(f"waiting for {store}, which does not exist yet\n"), "--watch waits for a store", line + (watch.stderr.read() if not line else ""))
tap.equal(tap.tombola("status", store).returncode, 2, "without it, there must be one")
tap.equal(tap.tombola("run", tap.write("small.yaml", SMALL), "--store", store).returncode, 0, "a run makes it")
tap.equal(ended(watch, 20), 0, "and --watch sees it to its end")
tap.ok(re.search(r"48/48 jobs done, 0 running; epochs: 480 done, 0 to go\n$", watch.stdout.read()), "to the last job")

# ---- the page of a terminal ----
for rows, columns in ((24, 80), (60, 80), (60, 100)):
    shown, code = on_terminal(rows, columns, store, "--watch")
    lines = shown.split("\033[J")[-1].replace("\r", "").split("\n")[:-1]
    tap.ok(code == 0 and len(lines) < rows and max(map(len, lines)) <= columns, f"{columns} x {rows}: it fits", shown)
    more = re.match(r"\.\.\. (\d+) more lines", lines[-1])
    tap.equal(bool(more), rows == 24, "what has no room is counted") or print(lines[-1])
    tap.ok(any(line.startswith("a_sweep") or "control" in line for line in lines), "from the top", shown)
    if rows > 24:
        heads = [line for line in lines if "tau_grok" in line]
        tap.ok(heads and "t_gen" in heads[0] and "control" in heads[0] and heads[0].rstrip().endswith("tau_grok"), "results are there, whatever else is not", shown)
page = tap.tombola("status", store).stdout
tap.ok("a_task_with_a_long_name" in page and max(map(len, page.split("\n"))) > 100, "away from a terminal everything is", page)

# ---- a run that is at work ----
live = tap.SCRATCH / "live.h5"
began = time.monotonic()
run = tap.start("run", tap.write("live.yaml", LIVE % (10000000, "")), "--store", live, "--resume-every", "3600", ranks=2)
lines = []
while len(lines) < 20 and not (lines and "jobs done" in lines[-1]):
    lines.append(run.stderr.readline())
said = time.monotonic() - began
COUNT = "SELECT count(*) FROM (SELECT job FROM series WHERE name = 'test_accuracy' AND value IS NOT NULL AND epoch > 0 GROUP BY job)"
both = tap.wait_for(lambda: tap.query(live, COUNT) == [[2]], 60, 0.2)
took = time.monotonic() - began
# Resume points and lines of progress come once a minute, or less often.
tap.ok("jobs done" in lines[-1] and said < 30, f"under mpirun the first line of progress comes within seconds ({said:.1f} s)", "".join(lines))
tap.ok(both and took < 30, f"the curves of running jobs can be read soon after their start ({took:.1f} s)")
with Store(live) as s:
    jobs = s.jobs()
    curves = [s.series(job) for _, job in jobs.iterrows()]
tap.ok(all(len(c) > 1 and c.test_accuracy.notna().all() for c in curves), "by analysis/store.py, too", [c.tail() for c in curves])
rows = tap.query(live, "SELECT state, epochs_done > 0, train_accuracy IS NOT NULL FROM jobs")
tap.equal(rows, 2 * [["running", 1, 1]], "and how far they are")
stop(run)

# ---- somebody at work with all jobs done ----
done = tap.SCRATCH / "done.h5"
sweep = tap.write("done.yaml", LIVE % (20, ""))
tap.equal(tap.tombola("run", sweep, "--store", done).returncode, 0, "a sweep of two short jobs")
watch = tap.start("status", done, "--watch", "--every", "0.2", stdout=subprocess.PIPE)
tap.equal(ended(watch, 10), 0, "nothing is left and nobody is at work: --watch ends")
measure = tap.start("measure", done, tap.write("long.yaml", LIVE % (20, "record: {measures: [long]}")))
tap.until(lambda: '"run":null' not in tap.tombola("status", done, "--json").stdout, "somebody at work")
watch = tap.start("status", done, "--watch", "--every", "0.2", stdout=subprocess.PIPE)
tap.equal((ended(watch, 2), measure.poll()), (None, None), "while somebody has the store, it stays")
stop(measure)
tap.equal(ended(watch, 20), 0, "and ends when he has left")
tap.done()
