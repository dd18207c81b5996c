#!/usr/bin/env python3
"""How the program ends stands in one table (base/err.h): what --exit-codes prints of it, the help, the manual page, the READMEs and
the scripts agree, and nobody writes such a number himself.
beside: others"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402


def text(name):
    return (tap.ROOT / name).read_text()


result = tap.tombola("--exit-codes")
rows = [line.split("\t") for line in result.stdout.splitlines()]
table = {int(code): (name, means) for code, name, means in rows}
tap.ok(result.returncode == 0 and len(rows) == len(table) == len({name for name, _ in table.values()}) > 2, "codes with names", result.stdout)
plain = {code: means for code, (_, means) in table.items()}
for args in (("--help",), ("run", "--help")):
    shown = tap.tombola(*args).stdout.split("exit codes:\n")[1]
    tap.equal({int(c): m for c, m in re.findall(r"^  (\d+) +(.*)$", shown, re.M)}, plain, f"{' '.join(args)} has them")
man = tap.tombola("man").stdout.split(".SH EXIT STATUS\n")[1].split(".SH")[0].replace("\\-", "-").replace("\\(ga", "`")
tap.equal({int(c): m for c, m in re.findall(r"\.B (\d+)\n(.*)", man)}, plain, "the manual page has them")
page = text("README.md").split("| exit code | means |\n|---|---|\n")[1].split("\n\n")[0]
tap.equal({int(c): m for c, m in re.findall(r"^\| (\d+) \| (.*) \|$", page, re.M)}, plain, "README.md has them")

commands = re.findall(r"^  (\w+) ", tap.tombola("--help").stdout.split("exit codes")[0], re.M)
said = " ".join(tap.tombola(command, "--help").stdout.split("exit codes:")[0] for command in commands)
numbers = {int(code) for code in re.findall(r"\bexit (?:code )?(?:is )?(\d+)", said)}
tap.ok(len(commands) > 10 and len(numbers) >= 4 and numbers <= set(table), "what the help of a command speaks of", numbers)

mine = {name.upper(): code for code, (name, _) in table.items()}
for script in ("slurm/full_sweep.sh", "slurm/smoke.sh", ".make/papers"):
    lines = [line for line in text(script).splitlines() if line.endswith("# as tombola --exit-codes")]
    names = {name: int(code) for line in lines for name, code in re.findall(r"(\w+)=(\d+)", line)}
    tap.ok(names and names.items() <= mine.items(), f"{script} gives them the same names", names)
    code = "\n".join(re.sub(r"(^|\s)#.*", "", line) for line in text(script).splitlines() if line not in lines)
    literal = re.findall(r".*(?:\b(?:exit|ends|code=|return) ?[2-9]|\b(?:75|130)\b|^ *(?:[023-57]+ \| )*[2-5]\)).*", code, re.M)
    tap.equal(literal, [], "and uses these")

endings = re.findall(r"^\| (?!tombola|-)([^|]*) \|", text("slurm/README.md").split("| tombola ends with")[1].split("\n\n")[0], re.M)
numbers = {int(n) for ending in endings if not ending.startswith("anything") for n in re.findall(r"\b\d+\b", ending)}
tap.equal(sorted((set(table) | {126, 127}) - numbers), [1], "slurm/README.md tells what follows each, but for an internal error")
tap.ok(numbers <= set(table) | {126, 127}, "and of no other", numbers)

literal = []
for path in (tap.ROOT / "src").glob("*/*.c"):
    code = re.sub(r'"(?:\\.|[^"\\])*"|/\*.*?\*/', "", path.read_text(), flags=re.S)
    literal += [f"{path.name}: {line}" for line in code.splitlines()
                if re.search(r"\b(?:code|end) ?[!=]?= ?[2-9]|\bexit\([2-9]|\b(?:75|130)\b(?!\.)", line) or
                path.parent.name == "cli" and re.search(r"\breturn [2-9]\d*;|\b(?:return|code)\b.*[?:] [2-5] ?[:;]", line)]
tap.equal(literal, [], "no .c file has a number for an end")
tap.done()
