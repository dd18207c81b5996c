#!/usr/bin/env python3
"""A part of a sweep: what plan says that a file varies, the jobs that come of it, and --only and --where of plan and run.
timeout: 180
beside: others"""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402

SWEEP = """
name: parts
tasks: {add: {kind: modular, expr: a + b, p: 11, train_fraction: 0.6}}
models: {mlp: {kind: embed_mlp, d_embed: 8, d_hidden: 6}}
training: {adamw: {lr: 1e-2, epochs: 40}}
checkpoint: {every: 20}
grids:
  - {name: one, task: add, model: mlp, training: adamw, seed: [0, 1, 2], control: [dense, ticket], t: [20, gen], k: [0.5, 0.6]}
  - {name: two, task: add, model: mlp, training: adamw, seed: {from: 0, to: 9, step: 1}, training.lr: [1e-2, 2e-2]}
  - {name: three, task: add, model: mlp, training: adamw, zip: [seed, t], seed: [4, 5], t: [0, 20], control: ticket, k: 0.3,
     include: [{k: 0.4}]}
  - {name: probes, task: add, model: mlp, training: adamw, seed: 1, control: random, k: {search: [0.2, 0.8], step: 0.2, until: mem}}
"""
sweep = tap.write("parts.yaml", SWEEP)


def plan(*args, code=0):
    result = subprocess.run([tap.TOMBOLA, "plan", sweep, *map(str, args)], capture_output=True, check=False, cwd=tap.ROOT)
    tap.equal(result.returncode, code, f"plan {' '.join(map(str, args))} ends with {code}") or print(result.stderr)
    return (result.stdout if code == 0 else result.stderr).decode()


def jobs_of(text):
    """The list of jobs of --verbose: rows as dictionaries."""
    head, *lines = text[text.index("\nid "):].strip("\n").split("\n")
    keys = head.split()
    return [dict(zip(keys, line.replace("to train", "to_train").replace("if needed", "if_needed").split())) for line in lines]


# ---- the page ----
page = plan("--store", tap.SCRATCH / "page.h5")
block = page[page.index("  grid "):page.index("\nwhat is made")]
tap.equal(block, """  grid    points  what varies
  one         24  seed: 0, 1, 2; control: dense, ticket; t: 20, gen; k: 0.5, 0.6
  two         20  seed: 0, 1, 2, 3, 4, ..., 9 (10 values); training.lr: 0.01, 0.02
  three        4  (seed, t): (4, 0), (5, 20); and 1 from its include
  probes       4  k: 0.2, 0.4, 0.6, 0.8
""", "the axes of every grid")
whole = jobs_of(plan("--verbose", "--store", tap.SCRATCH / "page.h5"))
value = json.loads(plan("--json"))
tap.ok(len(whole) == value["jobs"] == value["all_jobs"] and len({job["id"] for job in whole}) == len(whole), "--verbose lists every job", whole)
tap.equal(set(whole[0]), {"id", "state", "grid", "control", "seed", "t_asked", "k", "training_lr"}, "with the keys in which they differ")
tap.equal([job["state"] for job in whole if job["grid"] == "probes"], ["to_train"] + 3 * ["if_needed"], "a search may need fewer")
shared = [job["grid"] for job in whole if job["seed"] == "1" and job["control"] == "dense" and job["training_lr"] == "0.01"]
tap.equal(shared, ["one,two"], "a job that two grids ask for is one job of both")
tap.equal({grid["grid"]: grid["axes"] for grid in value["axes"]}["three"], [{"seed": ["4", "5"], "t": ["0", "20"]}], "--json has the axes")

# ---- a part ----
parts = jobs_of(plan("--verbose", "--only", "three"))
tap.equal(sorted({job["control"] for job in parts}), ["dense", "ticket"], "--only: the grid, and what its jobs are made from")
tap.equal([sorted(job["id"] for job in parts if job["grid"] == "three")], [sorted(job["id"] for job in whole if job["grid"] == "three")],
          "with the ids that the whole has")
chosen = jobs_of(plan("--verbose", "--where", "control = 'ticket' AND seed < 1 AND t_asked = 'gen' AND k > 0.55"))
tap.equal(sorted((job["control"], job["seed"], job["t_asked"], job["k"]) for job in chosen),
          [("dense", "0", "-", "-"), ("ticket", "0", "gen", "0.6")], "--where: the jobs, and what they are made from")


def ids(*args):
    return sorted(job["id"] for job in jobs_of(plan("--verbose", *args)))


tap.equal(ids("--where", "t = 'gen' AND k = 0.6"), ids("--where", "t_asked = 'gen' AND k = 0.6"), "t is what the file says where it is no number yet")
tap.equal(ids("--where", "t = 20"), ids("--where", "t_asked = '20'"), "and the number where it is one")
tap.equal(ids("--where", "training.lr > 0.015 AND training.optimizer = 'adamw'"),
          sorted(job["id"] for job in whole if job["training_lr"] == "0.02"), "keys of the sweep file are known")
tap.equal(ids("--where", "grid = 'training.lr' OR seed = 4 AND training.lr = 0.01"), ids("--where", "seed = 4 AND training_lr = 0.01"),
          "a text is no key")
both = jobs_of(plan("--verbose", "--only", "one,three", "--where", "seed >= 2"))
tap.ok({job["seed"] for job in both} == {"2", "4", "5"} and not any(job["grid"] == "two" for job in both), "both together", both)
probes = jobs_of(plan("--verbose", "--only", "probes", "--where", "k = 0.6"))
tap.equal([job["k"] for job in probes], ["0.2", "0.4", "0.6"], "a probe needs those before it")
tap.ok(plan("--where", "seed < 1").startswith("sweep parts: 6 of its 40 jobs in 2 waves, from 52 grid points\n"),
       "the page says that it is a part")
commas = tap.tombola("plan", tap.write("commas.yaml", SWEEP.replace("name: two", "name: 'one,two'")), "--only", "one,two,three", "--json")
tap.equal([grid["grid"] for grid in json.loads(commas.stdout)["axes"]], ["one,two", "three"], "a grid's name may have a comma")
for args, words in ((("--only", "thre"), "--only: the sweep has no grid 'thre'; known: one, two, three, probes; did you mean 'three'?"),
                    (("--only", "one,,two"), "--only: the sweep has no grid ''"),
                    (("--where", "sed = 1"), "--where: SQL: no such column: sed; did you mean 'seed'?"),
                    (("--where", "lr = 1"), "did you mean 'training_lr'?"),
                    (("--where", "t_gen IS NULL"), "--where: 't_gen' is a result"),
                    (("--where", 'control = "dense"'), "no such column: dense; a text stands in single quotes"),
                    (("--where", "seed <"), "--where: SQL: incomplete input"),
                    (("--where", "1); SELECT (1"), "--where: SQL: "),
                    (("--where", "seed = 99"), "--where: the condition holds for none of the 40 jobs"),
                    (("--only", "one", "--where", "seed = 9"), "none of the 40 jobs of these grids")):
    said = plan(*args, code=2)
    tap.ok(words in said, f"refused: {' '.join(args)}", said)

# ---- run: one store, part by part, is that of the whole ----
store, alone = tap.SCRATCH / "parts.h5", tap.SCRATCH / "whole.h5"
tap.equal(tap.tombola("run", sweep, "--store", alone).returncode, 0, "the whole")
result = tap.tombola("run", sweep, "--store", store, "--only", "two", "--where", "seed < 3")
tap.ok(result.returncode == 0 and "sweep parts: 6 of its 40 jobs, 0 done before, 6 to train" in result.stderr, "run of a part", result.stderr)
tap.equal(tap.query(store, "SELECT grid, count(*) FROM grids GROUP BY grid"), [["two", 6]], "grids that were not chosen are not in the store")
result = tap.tombola("run", sweep, "--store", store, "--where", "control = 'ticket' and k = 0.6", ranks=2)
tap.ok(result.returncode == 0 and "3 done before" in result.stderr, "tickets later, with their parents from before", result.stderr)
result = tap.tombola("run", sweep, "--store", store)
tap.equal(result.returncode, 0, "the rest later") or print(result.stderr)
tap.equal(digest.differences(alone, store), [], "the store is that of the whole, bit for bit")
tap.equal(tap.query(store, "SELECT grid, count(*) FROM grids GROUP BY grid"), tap.query(alone, "SELECT grid, count(*) FROM grids GROUP BY grid"),
          "with all grids")

# ---- room ----
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/quota.h>
#include <sys/statvfs.h>
int quotactl(int cmd, const char *special, int id, caddr_t addr)
{
    (void)special, (void)id;
    if (!getenv("QUOTA") || cmd != (int)QCMD(Q_GETQUOTA, USRQUOTA)) return -1;
    struct dqblk q = { .dqb_bhardlimit = strtoull(getenv("QUOTA"), NULL, 10), .dqb_curspace = 1024 };
    memcpy(addr, &q, sizeof q);
    return 0;
}
int statvfs(const char *path, struct statvfs *out)
{
    int (*real)(const char *, struct statvfs *) = dlsym(RTLD_NEXT, "statvfs");
    const int rc = real(path, out);
    if (getenv("FREE")) out->f_bavail = strtoull(getenv("FREE"), NULL, 10) / out->f_frsize;
    return rc;
}
"""
shim = tap.SCRATCH / "room.so"
subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, "-x", "c", "-", "-x", "none", "-ldl"], input=SHIM.encode(), check=True)
need = json.loads(plan("--json", "--store", tap.SCRATCH / "new.h5"))["bytes_to_write"]
for name, env, left, words in (("the quota", {"QUOTA": "101"}, 100 << 10, "the quota is too small"),
                               ("the disk", {"FREE": str(200 << 10)}, 200 << 10, "the disk is too full")):
    env = {"LD_PRELOAD": tap.preloaded(shim), **env}
    said = tap.tombola("plan", sweep, "--store", tap.SCRATCH / "new.h5", env=env)
    tap.ok(said.returncode == 0 and f"{left / 1000:.1f} kB\n" in said.stdout and "warning: run would refuse this: " in said.stderr,
           f"plan says what is left to {name}", said.stdout + said.stderr)
    tap.equal(json.loads(tap.tombola("plan", sweep, "--json", env=env).stdout)["bytes_free"], left, "and in JSON")
    run = tap.tombola("run", sweep, "--store", tap.SCRATCH / "new.h5", env=env)
    tap.ok(run.returncode == 5 and f"{words}: the jobs that are left will write {need / 1e6:.1f} MB, and there are {left / 1e6:.1f} MB" in run.stderr
           and not (tap.SCRATCH / "new.h5").exists(), f"run does not start what {name} cannot take", run.stderr)
last = plan("--store", store).strip().split("\n")[-1]
tap.ok(re.search(r"which exists and will be continued; it takes [\d.]+ kB; what is left to do will write 0 B, and the disk has", last),
       "plan of a store that has all", last)
said = tap.tombola("plan", sweep, "--store", tap.SCRATCH / "nowhere" / "x.h5")
tap.ok("warning: run would refuse this:" in said.stderr and "there is no folder" in said.stderr, "plan says that there is no folder", said.stderr)

tiny, many = tap.SCRATCH / "tiny.h5", tap.write("tiny.yaml", """
tasks: {add: {kind: modular, expr: a + b, p: 5}}
models: {mlp: {kind: embed_mlp, d_embed: 2, d_hidden: 2}}
training: {short: {epochs: 2}}
grids: [{task: add, model: mlp, training: short, seed: {from: 0, to: 499, step: 1}, checkpoint.end_state: none}]
""")
said = json.loads(tap.tombola("plan", many, "--store", tiny, "--json").stdout)["bytes_to_write"]
tap.equal(tap.tombola("run", many, "--store", tiny).returncode, 0, "500 jobs of a few numbers each")
takes = os.stat(tiny).st_blocks * 512
tap.ok(0.9 * takes < said < 1.2 * takes, "take about as many bytes as was said", (said, takes))

# ---- jobs are named ----
FAILING = """
tasks: {no: {kind: nothing, fail_every: 2}}
models: {mlp: {kind: embed_mlp, d_embed: 4, d_hidden: 4}}
training: {adamw: {epochs: 10}}
grids: [{task: no, model: mlp, training: adamw, seed: [1, 2]}]
"""
failed = tap.SCRATCH / "failed.h5"
said = tap.tombola("run", tap.write("failing.yaml", FAILING), "--store", failed).stderr
name = tap.query(failed, "SELECT substr(id, 1, 8) FROM jobs WHERE state = 'failed'")[0][0]
tap.ok(f"warning: job {name} dense seed=2, no, mlp, adamw, failed: failed as asked" in said and "row" not in said, "a job that failed, by id and keys", said)
tap.done()
