#!/usr/bin/env python3
"""status: what it says of a store at rest, of one at work, of one whose run was killed, and on a terminal.
beside: others"""
import json
import os
import pty
import re
import select
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

NOTHING = """
name: {name}
tasks: {{no: {{kind: nothing, fail_every: 3}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 4, d_hidden: 4}}}}
training: {{adamw: {{epochs: 10}}}}
grids:
  - {{name: first, task: no, model: mlp, training: adamw, seed: {seeds}, control: [dense, ticket], t: final, k: 0.5}}
  - {{name: second, task: no, model: mlp, training: adamw, seed: {seeds}, control: l1, t: final, k: [0.5, 0.6]}}
"""
LIVE = """
name: live
tasks: {add: {kind: modular, expr: a + b, p: 31, train_fraction: 0.6}}
models: {mlp: {kind: embed_mlp, d_embed: 64, d_hidden: 32}}
training: {adamw: {epochs: 1000000}}
grids:
  - {name: long, task: add, model: mlp, training: adamw, seed: [7], control: ticket, t: final, k: 0.5}
"""


def status(store, *args):
    result = tap.tombola("status", store, *args)
    assert result.returncode == 0, result.stderr
    return result.stdout


def json_of(store):
    return json.loads(status(store, "--json"))


# ---- at rest ----
store = tap.SCRATCH / "rest.h5"
tap.equal(tap.tombola("run", tap.write("rest.yaml", NOTHING.format(name="rest", seeds="[0, 1, 2, 3, 4]")), "--store", store,
                      "--quiet").returncode, 3, "a sweep with failures ends")
page, value = status(store), json_of(store)
tap.ok(value["jobs"] == 20 and value["done"] == 12 and value["failed"] == 2 and value["blocked"] == 6, "--json counts jobs", value)
states = dict(tap.query(store, "SELECT state, count(*) FROM jobs GROUP BY state"))
tap.ok(all(value[state] == count for state, count in states.items()), "as query does", states)
rows = {(g["grid"], g["control"]): (g["jobs"], g["done"], g["failed"], g["blocked"]) for g in value["grids"]}
tap.equal(rows, {("first", "dense"): (5, 3, 2, 0), ("first", "ticket"): (5, 3, 0, 2), ("second", "l1"): (10, 6, 0, 4)},
          "progress by grid and control")
for grid, control, done in (("first", "dense", "3/5"), ("first", "ticket", "3/5"), ("second", "l1", "6/10")):
    tap.ok(re.search(rf"^rest +{grid} +{control} +{done} ", page, re.M), f"the page has {grid}, {control}", page)
tap.ok(len(value["failures"]) == 8 and all(f["why"] and f["state"] in ("failed", "blocked") for f in value["failures"]),
       "every failure has its reason")
failed = re.search(r"^failed:\n  \S+  dense seed 0 and 1 more  failed as asked", page, re.M)
blocked = re.search(r"^blocked:\n(?:  .*\n)*  \S+  ticket t 10 k 0.5 seed 0 and 1 more  its parent failed$", page, re.M)
tap.ok(failed and blocked, "jobs with the same reason share a line", page)
tap.ok(len(value["results"]) == 4 and sum(g["jobs"] for g in value["results"]) == 20, "results by setting", value["results"])
tap.ok(value["run"] is None and value["now"] == [] and value["seconds_left"] == 0, "nothing runs, nothing is left")
line = status(store, "--watch")
tap.ok(line.count("\n") == 1 and "12/20 jobs done" in line and "2 failed" in line, "--watch away from a terminal: one line", line)
again = tap.write("again.yaml", NOTHING.format(name="again", seeds="[4, 5]"))
tap.tombola("run", again, "--store", store, "--quiet")
grids = {(g["sweep"], g["grid"], g["control"]): g["jobs"] for g in json_of(store)["grids"]}
tap.ok(grids["again", "second", "l1"] == 4 and grids["rest", "second", "l1"] == 10, "a second sweep has lines of its own", grids)
tap.ok(tap.tombola("status", store, "--watch", "--every", "soon").returncode == 2, "a bad interval is refused")

# ---- at work, on a terminal, killed ----
store = tap.SCRATCH / "live.h5"
run = tap.start("run", tap.write("live.yaml", LIVE), "--store", store, "--resume-every", "0.2")
value = tap.until(lambda: (v := json_of(store))["now"] and v["now"][0]["epoch"] > 0 and v if store.exists() else None, "a job at work")
now = value["now"][0]
tap.ok(now["control"] == "dense" and now["seed"] == 7 and now["epochs"] == 1000000 and 0 <= now["train_accuracy"] <= 1
       and 0 <= now["test_accuracy"] <= 1 and now["rank"] == 0, "a running job: epoch and accuracies", now)
tap.ok(-1 < value["time"] - now["updated"] < 20 and now["updated"] > now["started"], "and how fresh they are", value["time"])
tap.ok(value["epochs_per_second"] > 0 and value["seconds_left"] > 1 and value["run"]["pid"] in map(str, tap.ranks_of(run)),
       "the rate, the time left, and who is at work", value)
parents = [g for g in value["grids"] if g["grid"] == "(parents)"]
tap.ok(len(parents) == 1 and parents[0]["running"] == 1, "a parent that no grid names has its line", value["grids"])
page = status(store)
tap.ok(re.search(r"dense seed 7  epoch \d+ of 1000000, accuracy \d.\d+ train, \d.\d+ test, [\d.]+ s ago", page), "the page says so", page)
watch = tap.Background([tap.TOMBOLA, "status", store, "--watch", "--every", "0.1"], stdout=subprocess.PIPE)
lines = [watch.stdout.readline() for _ in range(3)]
watch.kill()
watch.wait()
tap.ok(all(re.match(r"20\S+Z  0/2 jobs done, 1 running; .* left\n$", line) for line in lines), "--watch: a line an interval", lines)

leader, follower = pty.openpty()
os.environ.pop("NO_COLOR", None)
watch = subprocess.Popen([tap.TOMBOLA, "status", store, "--watch", "--every", "0.2"], stdout=follower, stderr=subprocess.STDOUT,
                         env=dict(os.environ, TERM="xterm"))
os.close(follower)
shown = b""
while shown.count(b"\033[J") < 4 and select.select([leader], [], [], 60)[0]:
    shown += os.read(leader, 4096)
watch.kill()
watch.wait()
os.close(leader)
frames = shown.decode().split("\033[J")[1:-1]
moves = [int(n) for n in re.findall(r"\033\[(\d+)A", shown.decode())]
tap.ok(len(frames) >= 2 and all(frame.count("\n") == move <= 23 for frame, move in zip(frames, moves)),
       "on a terminal a page takes the place of the one before it, and no more than the screen", shown)
tap.ok(all(len(line.rstrip("\r")) <= 80 for frame in frames for line in re.sub(r"\033\[\d+A\r", "", frame).split("\n")),
       "no line is wider than the screen", shown)

tap.kill(run)
run.communicate()
tap.until(lambda: json_of(store)["run"] is None, "over")
value, page = json_of(store), status(store)
tap.ok(value["run"] is None and value["epochs_per_second"] is None and value["seconds_left"] is None and value["running"] == 1,
       "after a kill there is no rate", value)
tap.ok("no run is at work" in page and "running when their run was killed" in page, "and the page says why", page)
tap.done()
