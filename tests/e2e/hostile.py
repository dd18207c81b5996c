#!/usr/bin/env python3
"""Sweep files that mean harm are refused within a second, in the memory that any other file takes.  Networks that no machine
can hold are planned, and not begun.
beside: others"""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

# This script stays small: a child's peak of memory is never less than what its parent had when it was made.
SECONDS, MEGABYTES = 3.0, 20  # far more than a good file takes; of the file, at most one megabyte is read, and becomes a tree
BLOCKS = """tasks: {add: {kind: modular, expr: a + b, p: 31}}
models: {mlp: {kind: embed_mlp, d_embed: 64}}
training: {full: {epochs: 100}}
"""
GRID = BLOCKS + "grids:\n- {task: add, model: mlp, training: full, "
THOUSANDTHS = "{from: 0.0001, to: 1, step: 0.0001}"
SEEDS = "seed: {from: 1, to: 10000, step: 1}"
MILLION, MEGABYTE = 1000000, 1 << 20

# name: what the error must say, then pieces of text, each with how often it is repeated
HOSTILE = {
    "a grid of 10^12 jobs": ("more than 10000000 points", (f"{GRID}{SEEDS}, training.lr: {THOUSANDTHS}, training.weight_decay: {THOUSANDTHS}}}\n", 1)),
    "10^12 jobs with holes": ("more than 10000000 points", (f"{GRID}{SEEDS}, training.lr: {THOUSANDTHS}, training.weight_decay: {THOUSANDTHS}, exclude: [{{seed: 5}}, {{training.lr: 0.5}}]}}\n", 1)),
    "10^12 in one range": ("at most 10000000", (f"{GRID}seed: {{from: 1, to: 1000000000000, step: 1}}}}\n", 1)),
    "grids that make 10^8 together": ("more than 10000000 points", (BLOCKS + "grids:\n", 1), (f"- {{task: add, model: mlp, training: full, {SEEDS}}}\n", 9999)),
    "lists in lists": ("nested more than 64 deep", ("a: ", 1), ("[", MILLION)),
    "maps in maps": ("nested more than 64 deep", ("a: ", 1), ("{a: ", 250000)),
    "dashes behind dashes": ("nested more than 64 deep", ("- ", MILLION // 2)),
    "keys of keys": ("nested more than 64 deep", ("? ", MILLION // 2)),
    "ever deeper lines": ("nested more than 64 deep", *((" " * i + "-\n", 1) for i in range(1, 1400))),
    "aliases of aliases": ("more than 1000000 values", ("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n", 1),
                           *((f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n", 1) for i in range(1, 13))),
    "merges of merges": ("more than 1000000 values", ("a0: &a0 {x: 1}\n", 1),
                         *((f"a{i}: &a{i} {{<<: [{','.join([f'*a{i - 1}'] * 10)}], y{i}: 1}}\n", 1) for i in range(1, 60))),
    "blocks of blocks": ("blocks use one another", ("models:\n", 1), *((f"  m{i}: {{use: m{i + 1}}}\n", 1) for i in range(10000))),
    "10 MB of one key": ("longer than 1024 KiB", ("a", 10 * MILLION), (": 1\n", 1)),
    "10 MB of one quoted key": ("longer than 1024 KiB", ('? "', 1), ("a", 10 * MILLION), ('"\n: 1\n', 1)),
    "1 MB of one key": ("not valid YAML", ("a", MEGABYTE - 9), (": 1\n", 1)),
    "1 MB of one quoted key": ("unknown key 'aaaa", ('? "', 1), ("a", MEGABYTE - 99), ('"\n: 1\n', 1)),
    "1 MB of one value": ("at most 63 bytes", ("name: ", 1), ("a", MEGABYTE - 99), ("\n", 1)),
    "1 MB of the same key": ("duplicate key 'x'", ("x: 1\n", 200000)),
    "1 MB of unknown keys": ("unknown key", *((f"k{i}: 1\n", 1) for i in range(90000))),
    "a number of 1 MB": ("longer than 4095 characters", (GRID + "seed: ", 1), ("9", MILLION), ("}\n", 1)),
    "10^8 checkpoints": ("at most 6000", (BLOCKS.replace("100", "100000000"), 1), ("checkpoint: {every: 1}\n", 1), ("grids: [{task: add, model: mlp, training: full}]\n", 1)),
    "curves of 10^8 points": ("at most 1000000", (BLOCKS.replace("100", "100000000"), 1), ("record: {eval_every: 1}\n", 1), ("grids: [{task: add, model: mlp, training: full}]\n", 1)),
    "texts without end": ("is not a regular file", (BLOCKS.replace("modular, expr: a + b, p: 31", "arrays, file: /dev/zero"), 1), ("grids: [{task: add, model: mlp, training: full}]\n", 1)),
    "a sweep without end": ("longer than 1024 KiB",),
    "an included sweep without end": ("not a regular file", ("include: [/dev/zero]\n", 1)),
    "an included folder": ("not a regular file", ("include: [.]\n", 1)),
    "an included pipe": ("not a regular file", ("include: [pipe]\n", 1)),
    "10^4 includes of nothing": ("cannot be read", ("include:\n", 1), ("- nothing.yaml\n", 10000)),
    "10^4 includes of itself": ("this file itself", ("include:\n", 1), ("- hostile.yaml\n", 10000)),
    "10^4 includes": ("more than 100 files", ("include:\n", 1), *((f"- many/{i}.yaml\n", 1) for i in range(10000))),
}


def write(name, pieces):
    path = tap.SCRATCH / name
    with open(path, "w", encoding="utf-8") as f:
        for text, count in pieces:
            at_once = max(1, 10000 // len(text))
            for done in range(0, count, at_once):
                f.write(text * min(at_once, count - done))
    return path


def plan(path):
    """(exit code, seconds, megabytes at most, what it said)"""
    start = time.monotonic()
    process = tap.Background([tap.TOMBOLA, "plan", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read(20000)
    process.stderr.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = min(time.monotonic() - start, 1.2 * (used.ru_utime + used.ru_stime))  # a busy machine is not its fault
    return process.returncode, seconds, used.ru_maxrss / 1024, said


os.mkfifo(tap.SCRATCH / "pipe")
(tap.SCRATCH / "many").mkdir()
for i in range(10000):
    write(f"many/{i}.yaml", [("{}", 1)])
code, _, small, said = plan(write("good.yaml", [(GRID + "seed: [0, 1]}\n", 1)]))
tap.equal(code, 0, f"a good file takes {small:.1f} MB") or print(said)
for name, (expected, *pieces) in HOSTILE.items():
    path = write("hostile.yaml", pieces) if pieces else "/dev/zero"
    code, seconds, megabytes, said = plan(path)
    tap.ok(code == 2 and expected in said and seconds < SECONDS and megabytes < small + MEGABYTES,
           f"{name}: refused in {seconds:.2f} s, {megabytes - small:+.1f} MB", f"exit code {code}, {said[:500]}")


def memory_available():
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("MemAvailable"))


def network(name, d_embed, d_hidden, layers):
    return tap.write(f"{name}.yaml", f"""
tasks: {{add: {{kind: modular, expr: a + b, p: 3}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: {d_embed}, d_hidden: {d_hidden}, layers: {layers}}}}}
training: {{full: {{epochs: 10}}}}
grids: [{{task: add, model: mlp, training: full}}]
""")


huge, store = network("huge", 65536, 65536, 16), tap.SCRATCH / "huge.h5"
code, seconds, megabytes, said = plan(huge)
tap.ok(code == 0 and seconds < SECONDS and megabytes < small + MEGABYTES, f"a network of 3 TB is planned ({seconds:.2f} s)", said)
result = tap.tombola("run", huge, "--store", store)
tap.ok(result.returncode == 2 and "not enough memory" in result.stderr and not store.exists(), "and is not begun", result.stderr)

# Memory for one rank, but not for two.  What is not refused goes on to the lock, which somebody holds.
idle = tap.write("idle.yaml", """
tasks: {no: {kind: nothing, seconds: 100}}
models: {mlp: {kind: embed_mlp, d_embed: 4, d_hidden: 4}}
training: {full: {epochs: 10}}
grids: [{task: no, model: mlp, training: full}]
""")
holder = tap.start("run", idle, "--store", store)
tap.until(lambda: tap.starts(store) > 0, "at work")
bytes_a_weight = 17 + 2 * 12  # weights, gradient, two moments, mask; two resume points
large = network("large", 65536, max(1, int(0.7 * memory_available() / bytes_a_weight / 2 / 65536)), 1)
for ranks, expected, word in ((1, 4, "is in use"), (2, 2, "2 ranks run here")):
    place = store if expected == 4 else tap.SCRATCH / "nobody's.h5"  # the lock is asked for first
    result = tap.tombola("run", large, "--store", place, ranks=ranks)
    tap.ok(result.returncode == expected and word in result.stderr, f"70 % of the memory a rank, {ranks} of them: exit code {expected}",
           f"{result.returncode}: {result.stderr}")
tap.kill(holder, signal.SIGTERM)
tap.equal(holder.wait(20), 75, "the lock's holder leaves")
holder.stderr.close()
tap.done()
