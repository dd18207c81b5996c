#!/usr/bin/env python3
"""How fast a run is and how long it will take: its own line, status, its JSON, --watch and plan say the same of the same store.
beside: others"""
import atexit
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

SWEEP = """
name: paced
tasks: {add: {kind: modular, expr: a + b, p: 23}}
models: {small: {kind: embed_mlp, d_embed: 24, d_hidden: 16}, large: {kind: embed_mlp, d_embed: 96, d_hidden: 48}}
training: {full: {lr: 1e-3, epochs: 300000}}
record: {eval_every: 1000}
grids:
  - {name: g, task: add, model: [small, large], training: full, seed: [0, 1]}
"""
UNIT = {"s": 1, "min": 60, "h": 3600}


def seconds(text):
    """Of '1 min 20 s', '18.8 s', '2 h 05 min'."""
    return sum(float(n) * UNIT[unit] for n, unit in re.findall(r"([\d.]+) (s|min|h)\b", text))


def numbers(text):
    """(epochs a second, seconds left) of a line for people."""
    found = re.search(r"(\d+)(?: epochs/s| a second), (?:about )?(.*?) left", text)
    return (float(found[1]), seconds(found[2])) if found else None


def status():
    result = tap.tombola("status", store, "--json")
    return json.loads(result.stdout) if result.stdout else {"now": []}


sweep, store = tap.write("paced.yaml", SWEEP), tap.SCRATCH / "paced.h5"
leader, follower = pty.openpty()
os.environ.pop("NO_COLOR", None)
alone = subprocess.Popen([tap.TOMBOLA, "run", str(sweep), "--store", str(store)], stderr=follower, start_new_session=True,
                         env=dict(os.environ, TERM="xterm", COLUMNS="200"))
os.close(follower)
shown = b""


def own():
    """The last line that the run has shown."""
    global shown
    while select.select([leader], [], [], 0)[0]:
        shown += os.read(leader, 4096)
    return next((found for found in map(numbers, reversed(re.split(r"[\r\n]", shown.decode(errors="replace")))) if found), None)


value = tap.wait_for(lambda: (own(), status())[1].get("epochs_per_second") and status(), seconds=60)
tap.ok(value, "status has a rate")
# The rows are written every few seconds: two looks that agree have nothing between them.
agree = tap.wait_for(lambda: (before := status(), tap.time.sleep(1.2), mine := own(), status() or 0) and before["seconds_left"]
                     and before["seconds_left"] == status()["seconds_left"] and (mine, before), seconds=60)
mine, value = agree or ((0, 0), value)
tap.ok(agree and abs(mine[0] - value["epochs_per_second"]) <= 0.5, "the run's own line has the rate of status", (mine, value))
tap.ok(agree and abs(mine[1] / value["seconds_left"] - 1) < 0.02, "and its time left", (mine, value))
tap.kill(alone)
alone.wait()
os.close(leader)

run = tap.start("run", sweep, "--store", store, ranks=2, stderr=subprocess.DEVNULL)
tap.ok(tap.wait_for(lambda: (v := status())["now"] and len([job for job in v["now"] if job["epoch"] > 0]) == 2 and v["epochs_per_second"],
                    seconds=60), "two ranks at work")
atexit.register(lambda: run.poll() is None and tap.kill(run))  # a run that stands still would stay
stopped = tap.ranks_of(run)
for pid in stopped:
    os.kill(pid, signal.SIGSTOP)  # the store stands still, and its run is at work
value = json.loads(tap.tombola("status", store, "--json").stdout)
page = tap.tombola("status", store).stdout
watch = tap.Background([tap.TOMBOLA, "status", str(store), "--watch", "--every", "60"], stdout=subprocess.PIPE)
line = watch.stdout.readline()
watch.kill()
watch.wait()
plan = json.loads(tap.tombola("plan", sweep, "--store", store, "--json").stdout)
told = (value["epochs_per_second"], value["seconds_left"])
tap.equal(numbers(page), numbers(line), "status and status --watch say the same")
tap.ok(abs(numbers(page)[0] - told[0]) <= 0.5 and abs(numbers(page)[1] / told[1] - 1) < 0.01, "and its JSON", (page, told))
tap.ok(value["running"] == 2 and abs(plan["begun_core_seconds"] / (told[1] * 2) - 1) < 1e-9, "and plan, for one core", (plan, told))
written = tap.tombola("plan", sweep, "--store", store).stdout
own_times = re.search(r"by the store's own times its jobs take one core about (.*) more", written)
tap.ok(own_times and abs(seconds(own_times[1]) / plan["begun_core_seconds"] - 1) < 0.02, "which its page says too", written)
rows = tap.query(store, "SELECT family, sum(seconds) / sum(epochs_done), sum(epochs - epochs_done), sum(state = 'running') FROM jobs GROUP BY 1")
known = [row for row in rows if row[1]]
mean = tap.query(store, "SELECT sum(seconds) / sum(epochs_done) FROM jobs WHERE seconds > 0")[0][0]
tap.ok(abs(sum(row[3] / row[1] for row in known if row[3]) / told[0] - 1) < 1e-6, "the rate is that of the rows", (rows, told))
tap.ok(abs(sum(left * (cost or mean) for _, cost, left, _ in rows) / 2 / told[1] - 1) < 1e-6, "and so is the time left", (rows, told))
tap.kill(run)
run.wait()
value = json.loads(tap.tombola("status", store, "--json").stdout)
tap.ok(value["epochs_per_second"] is None and value["seconds_left"] is None, "no run, no rate", value)
tap.done()
