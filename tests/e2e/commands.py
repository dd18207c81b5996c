#!/usr/bin/env python3
"""Help, version, and one clear error for each thing that a user can get wrong.
beside: others"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

COMMANDS = ["plan", "run", "measure", "status", "query", "show", "export", "compact", "merge", "verify", "kinds", "completion", "man"]
TINY = """
tasks: {add: {kind: modular, expr: a + b, p: 7, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 8, d_hidden: 4}}
training: {adamw: {epochs: 20}}
grids: [{name: one, task: add, model: mlp, training: adamw, seed: [0, 1]}]
"""


def refuses(name, code, text, *args, **more):
    """One error line that says `text`, the right exit code, nothing on stdout."""
    result = tap.tombola(*args, **more)
    lines = [line for line in result.stderr.splitlines() if "error:" in line]
    good = result.returncode == code and len(lines) == 1 and text in lines[0] and not result.stdout
    tap.ok(good, name, f"exit code {result.returncode}, wanted {code}; wanted '{text}' in\n{result.stderr}{result.stdout}")


for command in COMMANDS:
    result = tap.tombola(command, "--help")
    tap.ok(result.returncode == 0 and f"tombola {command}" in result.stdout and "exit codes" in result.stdout,
           f"{command} --help", result.stdout + result.stderr)
usage = tap.tombola("--help")
tap.ok(usage.returncode == 0 and all(command in usage.stdout for command in COMMANDS), "--help names every command")
version = tap.tombola("--version")
tap.ok(version.returncode == 0 and "HDF5" in version.stdout and "OpenBLAS" in version.stdout, "--version names libraries",
       version.stdout)
tap.equal(tap.tombola().returncode, 2, "no command is a usage error")
refuses("a near name for a command", 2, "did you mean 'status'", "statsu")
refuses("an unknown option", 2, "--nonsense", "plan", "x.yaml", "--nonsense")
refuses("a missing argument", 2, "needs more arguments", "plan")
refuses("one argument too many", 2, "unexpected argument", "verify", "a", "b")

good = tap.write("tiny.yaml", TINY)
store = tap.SCRATCH / "tiny.h5"
refuses("a missing sweep file", 2, "missing.yaml", "plan", tap.SCRATCH / "missing.yaml")
refuses("a missing store", 2, "missing.h5", "status", tap.SCRATCH / "missing.h5")
refuses("a missing folder for the store", 2, "nowhere", "run", good, "--store", tap.SCRATCH / "nowhere/x.h5")
other = tap.write("notes.txt", "these are not the droids\n")
for command in (("status", other), ("verify", other), ("show", other, "abcdef"), ("query", other, "SELECT 1")):
    refuses(f"{command[0]} of a file that is no store", 2, "notes.txt", *command)
refuses("run into a file that is no store", 2, "notes.txt", "run", good, "--store", other)
tap.equal(other.read_text(), "these are not the droids\n", "a file that is no store is left alone")
refuses("a bad time", 2, "--time-left", "run", good, "--store", store, "--time-left", "soon")
refuses("a bad number of failures", 2, "--max-failures", "run", good, "--store", store, "--max-failures", "many")
tap.ok(not store.exists(), "none of these wrote a store")

run = tap.tombola("run", good, "--store", store)
tap.equal(run.returncode, 0, "a tiny sweep runs")
refuses("bad SQL", 2, "SQL", "query", store, "SELEC id FROM jobs")
refuses("SQL that would write", 2, "", "query", store, "DELETE FROM jobs")
refuses("a bad format", 2, "--format", "query", store, "SELECT 1", "--format", "xml")
refuses("an id that is too short", 2, "too short", "show", store, "ab")
refuses("an id that is not there", 2, "0 jobs", "show", store, "zzzzzz")
refuses("a kind that is not there", 2, "did you mean 'embed_mlp'", "kinds", "embed_mpl")

for name, args in {"plan": ("plan", good, "--store", store), "status": ("status", store), "verify": ("verify", store),
                   "kinds": ("kinds",), "query": ("query", store, "SELECT id, seed FROM jobs")}.items():
    result = tap.tombola(*args, "--json")
    try:
        schema = json.loads(result.stdout)["schema"]
    except (ValueError, KeyError) as error:
        schema = f"{error}: {result.stdout[:200]}"
    tap.equal(schema, 1, f"{name} --json is one value with schema 1")

ids = tap.query(store, "SELECT id FROM jobs ORDER BY seed")
show = tap.tombola("show", store, ids[0][0][:8])
tap.ok(show.returncode == 0 and "lineage" in show.stdout and "train accuracy" in show.stdout, "show tells a job's story",
       show.stdout + show.stderr)


def written(*options):
    """The very bytes of an answer."""
    return subprocess.run([tap.TOMBOLA, "query", store, "SELECT control AS \"a,b\", seed, 'x\ty' AS t FROM jobs ORDER BY seed", *options],
                          capture_output=True, check=True).stdout


SAYS = [sys.executable, "-c", "import sys; sys.stdout.write('a\\r\\nb\\r')"]
tap.equal([tap.heard(SAYS).stdout, tap.Background(SAYS, stdout=subprocess.PIPE).communicate()[0]], 2 * ["a\r\nb\r"], "these tests see carriage returns")
tap.equal(written("--format", "csv"), b'"a,b",seed,t\ndense,0,x\ty\ndense,1,x\ty\n', "query writes CSV")
tap.equal(written("--format", "tsv"), b"a,b\tseed\tt\ndense\t0\tx\\ty\ndense\t1\tx\\ty\n", "TSV")
tap.equal(written("--format", "tsv", "--no-header"), b"dense\t0\tx\\ty\ndense\t1\tx\\ty\n", "rows alone")
tap.ok(written("--no-header").startswith(b"dense"), "a table, too")
tap.equal(written("--format", "raw"), b"dense\t0\tx\ty\ndense\t1\tx\ty\n", "what is there, as it is")
TEXT = "\ufeff" + TINY.replace("\n", "\r\n")  # as an editor of another system saves it
marked = tap.SCRATCH / "marked.yaml"
marked.write_bytes(TEXT.encode())
result = tap.tombola("run", marked, "--store", tap.SCRATCH / "marked.h5")
tap.equal(result.returncode, 0, "a sweep file with a byte order mark is read") or print(result.stderr)
raw = subprocess.run([tap.TOMBOLA, "query", tap.SCRATCH / "marked.h5", "SELECT text FROM sweeps", "--format", "raw"], capture_output=True, check=True)
tap.equal(raw.stdout, TEXT.encode(), "and comes out of the store as it went in, to the byte")
tap.equal(tap.query(tap.SCRATCH / "marked.h5", "SELECT id FROM jobs ORDER BY seed"), ids, "its jobs are those of the file without")
for what in ("series", "weights"):
    made = tap.SCRATCH / f"{what}.csv"
    tap.equal(tap.tombola("export", store, ids[0][0], what, "--output", made).returncode, 0, f"export of {what} as CSV")
    tap.ok(b"\r" not in made.read_bytes() and made.read_bytes().endswith(b"\n"), "whose lines end with LF", made.read_bytes()[:80])
for sql, hint in (('SELECT "task.train_fraction" FROM jobs', "did you mean 'task_train_fraction'"), ('SELECT "nonsense" FROM jobs', "no such column"),
                  ('SELECT id FROM jobs WHERE control = "tiket"', "no such column"), ("SELECT lr FROM jobs", "did you mean 'training_lr'")):
    result = tap.tombola("query", store, sql)
    tap.ok(result.returncode == 2 and hint in result.stderr, f"{sql}: {hint}", result.stderr)
result = tap.tombola("query", store, "SELECT 1", "--json", "--no-header")
tap.ok(result.returncode == 2 and "--no-header goes with" in result.stderr, "JSON has no such line", result.stderr)
for sweep in sorted((tap.ROOT / "sweeps").glob("*.yaml")):
    result = tap.tombola("plan", sweep, "--store", tap.SCRATCH / "none.h5")
    no_data = sweep.stem in ("imdb", "lenet", "mnist") and "there is no" in result.stderr
    tap.ok(result.returncode == (2 if no_data else 0), f"sweeps/{sweep.name} is a plan", result.stderr)
kinds = tap.tombola("kinds").stdout
for word in ("modular", "embed_mlp", "adamw", "ticket", "norms", "weight_decay", "train_fraction", "init/TENSOR", "source"):
    tap.ok(word in kinds, f"kinds knows {word}")
tap.done()
