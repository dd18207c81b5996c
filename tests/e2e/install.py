#!/usr/bin/env python3
"""make install into a scratch place: the program runs from there, its manual page and completions are what the commands are.
timeout: 400"""
import json
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

SWEEP = """
name: tiny
tasks: {add: {kind: modular, expr: a + b, p: 7, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 8, d_hidden: 4}}
training: {adamw: {epochs: 20}}
record: {measures: [norms]}
checkpoint: {every: 10}
grids: [{name: one, task: add, model: mlp, training: adamw, seed: [0, 1], control: [dense, ticket], t: 10, k: 0.5}]
"""


def make(*args):
    """With the places that the build has been configured for, whatever the tests have been told: nothing is built anew."""
    plain = {name: value for name, value in os.environ.items() if name not in ("MPIRUN", "PYTHON")}
    return tap.heard(["make", "--no-print-directory", *args], cwd=tap.ROOT, env=plain)


stage = tap.SCRATCH / "stage"
result = make("install", f"DESTDIR={stage}", "PREFIX=/opt/t")
prefix = stage / "opt/t"
tap.ok(result.returncode == 0 and "  CC " not in result.stdout, "make install", result.stderr + result.stdout)
places = {"bin/tombola", "share/man/man1/tombola.1", "share/bash-completion/completions/tombola", "share/zsh/site-functions/_tombola",
          "share/tombola/analysis/store.py", "share/tombola/sweeps/quick.yaml"}
have = {str(p.relative_to(prefix)) for p in prefix.rglob("*") if p.is_file()}
tap.ok(places <= have and not any("__pycache__" in p for p in have), "program, page, completions, scripts and sweeps", have)
tap.ok(all((prefix / p).stat().st_mode & 0o444 == 0o444 for p in have), "everybody may read them")

# ---- it runs from there ----
away = tap.SCRATCH / "away"
away.mkdir()
program = str(prefix / "bin/tombola")
env = dict(os.environ, PATH=f"{prefix}/bin:{os.environ['PATH']}")
(away / "tiny.yaml").write_text(SWEEP)
run = tap.heard(["tombola", "run", "tiny.yaml"], cwd=away, env=env)
store = away / "results/tiny.h5"
tap.ok(run.returncode == 0 and store.exists(), "the installed program trains", run.stderr)
plan = tap.heard(["tombola", "plan", prefix / "share/tombola/sweeps/quick.yaml"], cwd=away, env=env)
tap.ok(plan.returncode == 0, "and finds the installed sweeps", plan.stderr)
table = tap.heard([os.environ.get("PYTHON", sys.executable), prefix / "share/tombola/analysis/table.py", store], cwd=away)
tap.ok(table.returncode == 0 and "ticket" in table.stdout, "the installed scripts read its store", table.stderr)

# ---- the manual page ----
commands = re.findall(r"^  ([a-z]+) ", tap.tombola("--help").stdout.partition("exit codes")[0], re.M)
page = prefix / "share/man/man1/tombola.1"
text = page.read_text()
tap.ok(len(commands) >= 11 and all(f".SS tombola {command}" in text for command in commands), "the page has every command", commands)
options = {command: re.findall(r"^  (?:-[a-z], )?--([a-z-]+)(?: ([A-Z]+))?  ", tap.tombola(command, "--help").stdout, re.M) for command in commands}
missing = [o for command in commands for o, _ in options[command] if "\\fB" + f"--{o}".replace("-", "\\-") + "\\fR" not in text]
tap.ok(sum(map(len, options.values())) > 40 and not missing, "and every option", missing)
tap.ok(all(f".B {code}\n" in text for code in (0, 1, 2, 3, 4, 5, 75, 130)), "and every exit code")
for checker in (["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-ww", "-man", "-Tutf8", "-z"]):
    if not shutil.which(checker[0]):
        continue
    result = tap.heard([*checker, page])
    tap.ok(not result.stderr and not (checker[0] == "mandoc" and result.stdout), f"{checker[0]} finds nothing wrong with it",
           result.stderr + result.stdout)

# ---- completion in bash ----
DRIVER = """
source "$1"; shift
for COMP_LINE in "$@"; do
    COMP_POINT=${#COMP_LINE} COMPREPLY=() COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:@'
    _tombola
    printf '%s\\n' "${COMPREPLY[@]}"
    echo ---
done
"""


def complete(*lines):
    script = prefix / "share/bash-completion/completions/tombola"
    result = tap.heard(["bash", "--norc", "-c", DRIVER, "bash", script, *lines], cwd=away, env=env)
    if result.stderr:
        print("#", result.stderr)
    answers = [part.split() for part in result.stdout.split("---\n")[:-1]]
    return answers[0] if len(lines) == 1 else answers


tap.ok("complete -F _tombola tombola" in (prefix / "share/bash-completion/completions/tombola").read_text(), "bash is told of it")
tap.equal(sorted(complete("tombola ")), sorted(commands), "every command")
tap.equal(complete("tombola sta"), ["status"], "a beginning of one")
for command, answer in zip(commands, complete(*[f"tombola {command} --" for command in commands])):
    tap.equal(sorted(answer), sorted(f"--{o}" for o, _ in options[command]), f"every option of {command}")
tap.equal(complete("tombola query results/tiny.h5 --format "), ["table", "csv", "tsv", "json", "jsonl", "markdown", "raw"], "the values of an option")
tap.equal(complete("tombola query --format=j"), ["json", "jsonl"], "also behind =")
tap.equal(complete("tombola run "), ["results", "tiny.yaml"], "folders and sweep files")
tap.equal(complete("tombola run --store results/x.h5 ti"), ["tiny.yaml"], "behind an option and its value")
tap.equal(complete("tombola merge -o results/y.h5 results/x.h5 results/ti"), ["results/tiny.h5"], "behind -o, any of many stores")
tap.equal(complete("tombola run --time-left "), [], "nothing where anything may stand")
tap.equal(complete("tombola status results/"), ["results/tiny.h5"], "stores")
tap.equal(complete("tombola completion "), ["bash", "zsh"], "shells")
kinds = {k["name"] for k in json.loads(tap.tombola("kinds", "--json").stdout)["kinds"]}
answer = set(complete("tombola kinds "))
tap.ok(kinds <= answer and {"task", "control"} <= answer, "kinds, sections and sorts", kinds - answer)
tap.ok(all(tap.tombola("kinds", name).returncode == 0 for name in answer - kinds), "and each of them is known")
tap.ok({"norms", "tiny.yaml"} <= set(complete("tombola measure results/tiny.h5 ")), "measures and sweep files")
ids = [row[0] for row in tap.query(store, "SELECT id FROM jobs ORDER BY control DESC")]
tap.equal(sorted(complete("tombola show results/tiny.h5 ")), sorted(ids), "the jobs of a store")
tap.equal(complete(f"tombola export results/tiny.h5 {ids[0][:6]}"), [ids[0]], "those that begin so")
whats = complete(f"tombola export results/tiny.h5 {ids[0]} ")
tap.ok({"weights@10", "weights@final", "mask", "series", "series/test_loss", "measures/norms/l2"} <= set(whats), "what can be exported", whats)
tap.equal(complete(f"tombola export results/tiny.h5 {ids[0]} weights@1"), ["10"], "what follows an @ alone, as the shell wants it")
tap.equal(complete("tombola show missing.h5 "), [], "no store, no jobs, no complaint")
for what in whats:
    out = tap.tombola("export", store, ids[0], what)
    tap.ok(out.returncode == 0 and out.stdout, f"{what} can be exported indeed", out.stderr)

# ---- completion in zsh ----
script = prefix / "share/zsh/site-functions/_tombola"
text = script.read_text()
tap.ok(text.startswith("#compdef tombola\n") and "$tombola completion words -- " in text, "zsh asks the same")
if shutil.which("zsh"):
    result = tap.heard(["zsh", "-f", "-n", script])
    tap.ok(result.returncode == 0 and not result.stderr, "zsh can read it", result.stderr)
tap.equal(tap.tombola("completion", "fish").returncode, 2, "another shell is an error")

result = make("uninstall", f"DESTDIR={stage}", "PREFIX=/opt/t")
left = [p for p in prefix.rglob("*") if p.is_file()]
tap.ok(result.returncode == 0 and not left, "make uninstall leaves nothing", left)
tap.done()
