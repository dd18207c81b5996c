#!/usr/bin/env python3
"""A summary is of one setting: status, its JSON, SQL, table.py, the report and the figures group jobs by all that differs but the
seed, and their medians are those that h5py and numpy give.
beside: others
timeout: 240"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import settings  # noqa: E402
import style  # noqa: E402
from store import Store  # noqa: E402

SWEEP = """
name: NAME
tasks: {add: {kind: modular, expr: a + b, p: 11, train_fraction: 0.6}}
models: {mlp: {kind: embed_mlp, d_embed: 12, d_hidden: 6}}
training: {NAMED: {epochs: 60, lr: 0.01, weight_decay: DECAY}, slow: {epochs: 60, lr: 0.001, weight_decay: 1}}
record: {eval_every: 5, threshold: 0.12, measures: [norms, fourier, jaccard, accuracy_change]}
checkpoint: {every: 20}
grids:
"""
MAIN = """
  - {name: main, task: add, model: mlp, training: adamw, training.weight_decay: [0, 1], model.d_hidden: [4, 6],
     task.train_fraction: [0.5, 0.7], seed: [0, 1, 2], control: [dense, ticket, continue], t: [gen, 40], k: [0.5, 0.9]}
  - {name: drawn, task: add, model: mlp, training: adamw, parent_training: slow, task.train_fraction: 0.5, seed: [0, 1, 2], control: ticket, t: 40, k: 0.5}
"""
EDITED = "  - {name: edited, task: add, model: mlp, training: adamw, seed: [0, 1, 2, 3], control: [dense, ticket], t: 40, k: 0.5}\n"
OTHER = "  - {name: other, task: add, model: mlp, training: called_otherwise, task.train_fraction: 0.5, seed: 3, control: dense}\n"
path = tap.SCRATCH / "settings.h5"


def sweep(name, named, decay, grids):
    text = SWEEP.replace("NAMED", named).replace("NAME", name).replace("DECAY", str(decay)) + grids
    return tap.tombola("run", tap.write(f"{name}.yaml", text), "--store", path).returncode


tap.equal([sweep("first", "adamw", 1, MAIN), sweep("edited", "adamw", 3, EDITED), sweep("named", "called_otherwise", 1, OTHER),
           sweep("same", "called_otherwise", 0, OTHER)], [0] * 4, "a grid of three axes, an edited block, and two that only are called otherwise")

# ---- what h5py and numpy say ----
with h5py.File(path, "r") as f:
    rows = f["jobs"][:int(f["control"]["rows"][0])]
states = {v: k for k, v in h5py.check_enum_dtype(rows.dtype["state"]).items()}
rows = [r for r in rows if states[int(r["state"])] != "unused"]
by_id = {r["id"]: r for r in rows}
AXES = ("training_weight_decay", "model_d_hidden", "task_train_fraction", "training_lr")


def name_of(r):
    """All that differs here."""
    def number(value):
        return None if np.isnan(value) else float(value)

    own = tuple(float(r[axis]) for axis in AXES)
    parent = by_id[r["parent"]]["training_lr"] if r["parent"] else r["training_lr"]
    return (r["control"].decode(), r["t_asked"].decode(), number(r["k"]), *own, float(parent))


parts = {}
for r in rows:
    parts.setdefault(name_of(r), []).append(r)


def late(r, name):
    if name == "tau_grok":
        return np.nan if r["t_mem"] == 0 else np.inf if r["t_gen"] < 0 else r["t_gen"] / r["t_mem"] if r["t_mem"] > 0 else np.nan
    return np.inf if r[name] < 0 else float(r[name])


def middle(values):
    values = sorted(v for v in values if not np.isnan(v))
    half = len(values) // 2
    if not values:
        return np.nan
    return values[half] if len(values) % 2 or values[half - 1] == values[half] else (values[half - 1] + values[half]) / 2


want = {}
for key, same in parts.items():
    done = [r for r in same if states[int(r["state"])] == "done"]
    values = {name: [late(r, name) for r in done] for name in ("t_mem", "t_gen", "tau_grok")}
    want[key] = {"setting": same[0]["id"].decode(), "jobs": len(same), "done": len(done), "memorised": sum(r["t_mem"] >= 0 for r in done),
                 "generalised": sum(r["t_gen"] >= 0 for r in done), "ratios": sum(not np.isnan(v) for v in values["tau_grok"]),
                 "values": values, **{name: middle(v) for name, v in values.items()},
                 "test_accuracy": middle([float(r["test_accuracy"]) for r in done])}
by_setting = {w["setting"]: (key, w) for key, w in want.items()}
tap.equal(len(by_setting), len(want), "settings have names of their own")
tap.equal(len(want), 8 * (1 + 4 + 2) + 2 + 2, "the sweep's settings")
medians = [w for w in want.values() if w["done"]]
tap.ok(any(np.isinf(w["t_gen"]) and 0 < w["generalised"] < w["done"] for w in medians), "a median is never, though some generalised")
tap.ok(any(np.isfinite(w["t_gen"]) and w["generalised"] < w["done"] for w in medians), "one is a number, though some did not")
tap.ok(any(w["done"] % 2 == 0 for w in medians), "one is of an even number of seeds")
tap.ok(any(w["ratios"] < w["done"] and np.isfinite(w["t_gen"]) for w in medians), "some have a t_mem of 0")
tap.ok(any(w["done"] < w["jobs"] for w in want.values()), "some are not done")
names = {}
for key, w in want.items():
    names.setdefault(key[:3], []).append((w["t_mem"], w["t_gen"], w["test_accuracy"]))
tap.ok(all(len(set(map(str, v))) > 1 for k, v in names.items() if k[0] != "continue" and k[1] != "gen"), "who groups by names and k finds other numbers", names)


def same_number(have, number):
    return have is None if np.isnan(number) else have == number


# ---- SQL ----
columns = ["setting", "control", "t_asked", "k", *AXES, "parent_training_lr", "jobs", "done", "memorised", "generalised", "ratios", "t_mem", "t_gen",
           "tau_grok", "test_accuracy"]
never = [f"iif({c} = 9e999, 'never', {c})" if c in ("t_mem", "t_gen", "tau_grok") else c for c in columns]
found = [dict(zip(columns, row)) for row in tap.query(path, f"SELECT {', '.join(never)} FROM settings")]
wrong = []
for row in found:
    key, w = by_setting.get(row["setting"], (None, None))
    have = (row["control"], row["t_asked"] or "", row["k"], *(row[a] for a in AXES), row["parent_training_lr"])
    good = key == have and all(row[c] == w[c] for c in ("jobs", "done", "memorised", "generalised", "ratios"))
    numbers = {c: np.inf if row[c] == "never" else row[c] for c in ("t_mem", "t_gen", "tau_grok", "test_accuracy")}
    if not good or not all(same_number(numbers[c], w[c]) for c in numbers):
        wrong.append((row, key, w))
tap.equal((len(found), wrong[:2]), (len(want), []), "SQL's settings are numpy's")
text = tap.tombola("query", path, "SELECT * FROM settings LIMIT 1", "--format", "csv").stdout.splitlines()[0].split(",")
shown = [c for c in text if c.startswith(("task_", "model_", "training_", "control_", "parent_"))]
tap.equal(shown, ["task_train_fraction", "model_d_hidden", "training_weight_decay", "training_lr", "parent_training_lr"]
          if "training_lr" in text else ["task_train_fraction", "model_d_hidden", "training_weight_decay", "parent_training_lr"],
          "SELECT * has the keys that differ, and no others")
tap.equal(tap.query(path, "SELECT DISTINCT task_p, model_d_embed FROM settings"), [[11, 12]], "others can be asked for")
groups = tap.query(path, "SELECT setting(id), count(*), sum(state = 'done'), count(t_gen) FROM jobs GROUP BY 1")
tap.equal(sorted(groups), sorted([w["setting"], w["jobs"], w["done"], w["generalised"]] for w in want.values()), "setting(id) is the same grouping")
tap.equal(tap.query(path, "SELECT setting('no id'), setting(NULL)"), [[None, None]], "of no job it is NULL")
tap.equal(tap.query(path, "SELECT count(*) FROM settings s JOIN settings p ON p.setting = s.parent WHERE p.control <> 'dense'"), [[0]],
          "parents of settings are settings")
schema = tap.tombola("query", path, "--schema").stdout
tap.ok("\nsettings: " in schema and "setting(id)" in schema and "later than all" in schema, "--schema says what they are", schema)

# ---- status ----
value = json.loads(tap.tombola("status", path, "--json").stdout)
wrong = []
for row in value["results"]:
    key, w = by_setting.get(row["setting"], (None, None))
    have = {"training_weight_decay": key[3], "model_d_hidden": key[4], "task_train_fraction": key[5], "parent_training_lr": key[7]}
    keys = {name: number for name, number in row["keys"].items() if name != "training_lr"}
    good = keys == have and (row["control"], row["t"], row["k"]) == key[:3] and all(row[c] == w[c] for c in ("jobs", "done", "memorised", "generalised", "ratios"))
    numbers = {c: np.inf if row[c] == "never" else row[c] for c in ("t_mem", "t_gen", "tau_grok", "test_accuracy")}
    if not good or not all(same_number(numbers[c], w[c]) for c in numbers):
        wrong.append((row, key, w))
tap.equal((len(value["results"]), wrong[:2]), (len(want), []), "so is status --json")

page = tap.tombola("status", path).stdout
lines = page[page.index("\nresults, "):].splitlines()[3:]
head = lines[0].split()


def cell(number, form, reached, done):
    text = "-" if np.isnan(number) else "never" if np.isinf(number) else form % number
    return text + (f" ({reached} of {done})" if 0 < reached < done else "")


def line_of(key, w):
    control, t, k, decay, width, fraction, lr, parent = key
    ratios = sum(np.isfinite(v) for v in w["values"]["tau_grok"])
    cells = {"control": control, "t": t or "-", "k": "-" if k is None else f"{k:g}", "train_fraction": f"{fraction:g}", "d_hidden": f"{width:g}",
             "weight_decay": f"{decay:g}", "lr": f"{lr:g}", "parent_lr": f"{parent:g}", "done": f"{w['done']}/{w['jobs']}",
             "t_mem": cell(w["t_mem"], "%.12g", w["memorised"], w["done"]), "t_gen": cell(w["t_gen"], "%.12g", w["generalised"], w["done"]),
             "tau_grok": cell(w["tau_grok"], "%.4g", ratios, w["done"])}
    training = "adamw" if (lr, parent) != (0.001, 0.001) else "slow"
    return [{"training": training}.get(name) or cells[name] for name in head]


have = sorted(re.split("  +", line.strip()) for line in lines[1:] if line and not line.startswith("every seed: "))
tap.equal(have, sorted(line_of(key, w) for key, w in want.items()), "so is the page")
tap.ok({"t", "k", "train_fraction", "d_hidden", "weight_decay", "parent_lr"} <= set(head) and not {"task", "model"} & set(head), "with short names", head)
skipped = page[page.index("\nskipped, "):page.index("\nresults, ")]
some = [(key, [int(r["seed"]) for r in parts[key] if states[int(r["state"])] == "skipped"]) for key in parts]
tap.ok(any(seeds for _, seeds in some) and all(
    re.search(rf"  {key[0]} t gen( k (0.5, )?{key[2]:g}(, 0.9)?)? .*train_fraction={key[5]:g} d_hidden={key[4]:g} weight_decay={key[3]:g} .*seeds? ([\d, ]*, )?{seed}\b", skipped)
    for key, seeds in some[:40] if key[2] is not None for seed in seeds) or skipped.count("\n") > 20, "what was skipped is named with its rate and setting", skipped)

# ---- Python ----
with Store(path) as store:
    jobs = store.jobs()
    labelled = settings.labelled(jobs)
tap.equal(dict(labelled.setting), {r["id"].decode(): want[name_of(r)]["setting"] for r in rows}, "the grouping of analysis/ is the same")
tap.equal(len({key for key, _ in settings.groups(labelled)}), len(want), "no two settings have one name there")


def script(name, *args):
    return tap.heard([sys.executable, tap.ROOT / "analysis" / name, *map(str, args)], cwd=tap.ROOT)


def cell_of(values, form):
    text = ["-" if np.isnan(v) else "never" if np.isinf(v) else form % v for v in values]
    number = middle(values)
    shown = "-" if np.isnan(number) else "never" if np.isinf(number) else form % number
    return f"{shown} ({', '.join(text)})" if len(set(text)) > 1 else text[0]


def words_of(key):
    control, t, k, decay, width, fraction, lr, parent = key
    training = "slow" if (lr, parent) == (0.001, 0.001) else f"adamw weight_decay={decay:g}"
    more = f" parent_lr={parent:g}" if key[:3] == ("ticket", "40", 0.5) and key[3:7] == (1, 6, 0.5, 0.01) else ""
    return [f"add train_fraction={fraction:g}", f"mlp d_hidden={width:g}", training, control, "" if k is None else f"{k:g}", t]


def table_line(key, w):
    seeds = sorted((int(r["seed"]), r) for r in parts[key] if states[int(r["state"])] == "done")
    values = {name: [late(r, name) for _, r in seeds] for name in w["values"]}
    of = f"{w['done']}" if w["done"] == w["jobs"] else f"{w['done']} of {w['jobs']}"
    return [*words_of(key), of, cell_of(values["t_mem"], "%.12g"), cell_of(values["t_gen"], "%.12g"), cell_of(values["tau_grok"], "%.1f"),
            f"{w['test_accuracy']:.3f}"]


def without_parent(row):
    return [re.sub(r" parent_lr=\S+", "", text) for text in row]


table = script("table.py", path).stdout.splitlines()
spans = [m.span() for m in re.finditer("-+", table[1])]
have = sorted(without_parent(line[a:b].strip() for a, b in spans) for line in table[2:] if not re.match(r"\d+ jobs", line))
tap.equal(have, sorted(table_line(key, w) for key, w in want.items() if w["done"]), "so is table.py")
tap.equal(sum("parent_lr=" in line for line in table), 2, "where only the parents differ, it says so")

page = tap.SCRATCH / "settings.html"
tap.equal(script("report.py", path, "-o", page).returncode, 0, "a report")
data = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), re.S)[1])
told = {None: np.inf, "-": np.nan}
wrong = [g for g in data["groups"] if g["id"] not in by_setting or g["jobs"] != by_setting[g["id"]][1]["jobs"] or any(
    not np.isclose(told.get(g["median"][c], g["median"][c]), by_setting[g["id"]][1][c], rtol=1e-4, equal_nan=True) or
    not np.allclose(sorted(told.get(v, v) for v in g[c]), sorted(by_setting[g["id"]][1]["values"][c]), rtol=1e-4, equal_nan=True)
    for c in ("t_mem", "t_gen", "tau_grok"))]
tap.equal((len(data["groups"]), wrong[:2]), (len(want), []), "so is the report's data")
colours = {}
for g in data["groups"]:
    colours.setdefault(g["setting"], []).append(g["colour"])
tap.ok(all(len(set(c)) == len(c) for c in colours.values()), "no two lines of a setting have one colour", colours)
tap.equal(len(set(style.palette(["ticket"] * 60 + ["l1"] * 9))), 69, "nor of many")

# ---- figures: what is left out is said, and can be chosen ----
for where, panels in ((None, None), ("training_weight_decay = 1 AND model_d_hidden = 6 AND task_train_fraction = 0.5 AND training_lr = 0.01", 1)):
    with Store(path) as store:
        drawn = style.finished(store, where)
        style.notes.clear()
        titles = [title for title, _ in style.panels(drawn)]
        if panels:
            tap.equal(len(titles), panels, "--where chooses a panel")
            tap.ok(not style.notes, "of which nothing is left out", style.notes)
result = script("images.py", path, "-o", tap.SCRATCH / "one.svg", "--where", "training_weight_decay = 0 AND seed = 2")
tap.ok(result.returncode == 0 and re.search(r"shown: add train_fraction=\S+ · mlp d_hidden=\S+ · adamw weight_decay=0 · ticket \(t = .*seed 2", result.stderr),
       "a figure of one network says which it is", result.stderr)
result = script("images.py", path, "-o", tap.SCRATCH / "one.svg", "--where", "no_column = 1")
tap.ok(result.returncode == 1 and result.stderr.startswith("images.py: --where: ") and result.stderr.count("\n") == 1, "a wrong choice is one clear error", result.stderr)
many = labelled[labelled.state == "done"].assign(task="t", model="m", training="a")
style.notes.clear()
lines = list(style.coloured(many))
tap.ok(len(lines) == style.GROUPS and len({c for _, c, _ in lines}) == len(lines) and "left out: " in style.notes[0]
       and str(len(medians) - style.GROUPS) in style.notes[0], "a panel of too many lines says what it leaves out", style.notes)
style.notes.clear()
tap.done()
