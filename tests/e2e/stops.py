#!/usr/bin/env python3
"""Stop rules (record.stop).  A job that a rule ends is a prefix of the one that has its length, bit for bit, and the rule came where
numpy finds it on that one's curves, at the grid's own epochs.  Grids with other rules share a job; it is trained to the last end that
one of them, or a child of it, needs; an edited rule, a second file or no rule at all goes on from where it ended, with the bits and the
results of a fresh store.  Kills, one to four ranks and copies change nothing.  What had not come when a rule ended a job is nowhere
called "never", and SQL, status, table, report, figures and claims say the same of it.
beside: others
timeout: 900"""
import json
import math
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
sys.path.insert(0, str(tap.ROOT / "analysis"))
import claims  # noqa: E402
import matplotlib  # noqa: E402
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import report  # noqa: E402
import table  # noqa: E402
import tk  # noqa: E402
from settings import labelled, late, median  # noqa: E402
from store import SERIES, Store  # noqa: E402

LAST = 1500
SWEEP = """
name: stops
tasks: {{add: {{kind: modular, expr: a + b, p: 31, pairs: unordered, train_fraction: 0.85}}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 64, d_hidden: 24}}}}
training: {{full: {{lr: 1e-2, weight_decay: 1, epochs: {last}}}, noisy: {{lr: 3e-2, batch: 60, weight_decay: 1, epochs: 300}}}}
record: {{eval_every: 10, measures: [norms]{record}}}
checkpoint: {{every: 400{checkpoint}}}
grids:
"""
GRID = "  - {{name: {name}, task: add, model: mlp, training: {training}, seed: {seeds}, {rest}}}\n"
RUNS = 0


def grid(name="main", rest="control: dense", training="full", seeds="[0, 1]"):
    return dict(name=name, rest=rest, training=training, seeds=seeds)


def stop(*rules):
    return f", record.stop: {json.dumps(rules)}"


def sweep(*grids, record="", checkpoint="", last=LAST):
    global RUNS
    RUNS += 1
    text = SWEEP.format(record=record, checkpoint=checkpoint, last=last) + "".join(GRID.format(**one) for one in grids)
    return tap.write(f"stops{RUNS}.yaml", text)


def run(file, store, *options, ranks=0, code=0):
    result = tap.tombola("run", file, "--store", store, *options, ranks=ranks)
    if result.returncode != code:
        tap.ok(False, f"run of {file.name} in {store.name} ends with {code}", f"{result.returncode}\n{result.stderr}")
    return result.stderr


def fresh(name, *grids, **more):
    store = tap.SCRATCH / f"{name}.h5"
    store.unlink(missing_ok=True)
    run(sweep(*grids, **more), store)
    return store


def sound(store):
    result = tap.tombola("verify", store)
    tap.ok(result.returncode == 0, f"verify finds nothing wrong in {store.name}", result.stdout + result.stderr)


# ---- the rules, as numpy has them ----
class Curve:
    """A job's evaluations at the epochs that a grid looks at, and mem and gen by its threshold, as they are known at each."""

    def __init__(self, frame, every=10, threshold=0.95):
        frame = frame[(frame.index % every == 0) | (frame.index == frame.index[-1])]
        self.epoch = frame.index.to_numpy(float)
        self.of = {name: frame[name].to_numpy(float) for name in SERIES}
        self.mem, self.gen = (self.known(self.of[name] > threshold) for name in ("train_accuracy", "test_accuracy"))

    def known(self, passed):
        """At each evaluation the first epoch at which it was so, infinity before."""
        at = np.where(passed, self.epoch, np.inf)
        return np.minimum.accumulate(at)

    def held(self, truth, epochs):
        """At each evaluation: has it been so at all of them for so long?"""
        since, out = math.inf, []
        for epoch, good in zip(self.epoch, truth):
            since = min(since, epoch) if good else math.inf
            out.append(epoch - since >= epochs)
        return np.array(out)


RULES = {
    "gen + 205": lambda c: c.epoch >= c.gen + 205,
    "150": lambda c: c.epoch >= 150,
    "min(gen, 333)": lambda c: c.epoch >= np.minimum(c.gen, 333),
    "max(2*mem, 0.5*gen + 201, gen)": lambda c: (c.epoch >= np.maximum(np.maximum(2 * c.mem, 0.5 * c.gen + 201), c.gen)),
    "0.5*final": lambda c: c.epoch >= 0.5 * c.epoch[-1],
    "final": lambda c: c.epoch >= c.epoch[-1],
    "train_loss < 0.01": lambda c: c.of["train_loss"] < 0.01,
    "test_accuracy > 0.9 for 300 epochs": lambda c: c.held(c.of["test_accuracy"] > 0.9, 300),
    "test_loss < 0.5 and train_accuracy > 0.99": lambda c: (c.of["test_loss"] < 0.5) & (c.of["train_accuracy"] > 0.99),
    "train_loss < 1e-12": lambda c: np.zeros(len(c.epoch), bool),
}


def canonical(rule, last):
    """As the store says it: `final` is a number there."""
    if rule == "0.5*final":
        return f"{last / 2:g}"
    return rule.replace("final", str(last)).replace("1e-12", "1e-12")


def expected(curve, rules):
    """(end, the rule that ended it, or "") of a list of rules."""
    last = curve.epoch[-1]
    first = [(curve.epoch[RULES[rule](curve)][:1].tolist() or [last])[0] for rule in rules]
    end = min([last, *first])
    return int(end), "" if end == last else canonical(next(rule for rule, at in zip(rules, first) if at == end), int(last))


def same_metrics(view, curve):
    at = curve.epoch.searchsorted(view.end)
    return all(curve.of[name][at] == view[name] for name in SERIES)


def check_view(view, curve, rules, what):
    end, by = expected(curve, rules)
    before = {name: float(known[curve.epoch <= end][-1]) for name, known in (("t_mem", curve.mem), ("t_gen", curve.gen))}
    have = (int(view.end), view.ended_by, float(late_or(view, "t_mem")), float(late_or(view, "t_gen")), same_metrics(view, curve))
    tap.equal(have, (end, by, before["t_mem"], before["t_gen"], True), f"{what}: end, rule, t_mem, t_gen and metrics are those of the whole curve")


def late_or(view, name):
    value = view[name]
    return math.inf if pd.isna(value) else value


def check_prefix(part, whole, what):
    """Every array of a job that ended is the beginning of that of the whole one."""
    with Store(part) as a, Store(whole) as b:
        for job in a.jobs().itertuples():
            mine, other = a.job(job.id), b.job(job.id)
            curve = a.array(mine, "series/test_loss")
            ended = a.jobs().loc[job.id].epochs_done
            epochs = a._place(mine)[0].constant("epoch").values
            good = all(np.array_equal(a.array(mine, f"series/{name}")[epochs <= ended], b.array(other, f"series/{name}")[epochs <= ended])
                       for name in SERIES)
            rest = np.isnan(curve[epochs > ended]).all()
            kept = [e for e in a.regular_epochs(mine) if e in b.regular_epochs(other)]
            weights = all(np.array_equal(a.checkpoint(mine, e), b.checkpoint(other, e)) for e in kept)
            norms = a.measure(mine, "norms/l2"), b.measure(other, "norms/l2")
            measured = norms[0].loc[kept].equals(norms[1].loc[kept])
            tap.ok(good and rest and weights and measured and kept, f"{what}: job {job.id[:6]} to epoch {ended} is a beginning of the whole one",
                   (good, rest, weights, measured, kept))
            if job.epochs_done == job.end:
                tap.ok(len(a.checkpoint(mine, "final")) and job.end in a.checkpoint_epochs(mine), "and has its weights at the end")


CONTROL = "control: [dense, ticket, random], t: 100, k: 0.4, checkpoint.at: [100]"
whole = fresh("whole", grid(rest=CONTROL))
with Store(whole) as s:
    curves = {job.id: Curve(s.series(job)) for _, job in s.jobs().iterrows()}
    gens = [float(curve.gen[-1]) for curve in curves.values()]
tap.ok(sum(math.isfinite(g) for g in gens) >= 3 and min(gens) < LAST / 2, "networks generalise, some of them early", gens)

for rule in RULES:
    store = fresh("alone", grid(rest=CONTROL + stop(rule)))
    with Store(store) as s:
        for _, job in s.jobs(grid="main").iterrows():
            check_view(job, curves[job.id], [rule], f"'{rule}' alone, {job.control} {job.seed}")
    check_prefix(store, whole, f"'{rule}'")
sound(store)

# ---- lists, and all of them on one job ----
LISTS = [[rule] for rule in RULES] + [["train_loss < 0.01", "gen + 205"], ["gen + 205", "train_loss < 0.01", "min(gen, 333)"], []]
each = [grid(f"g{i}", CONTROL + stop(*rules)) for i, rules in enumerate(LISTS)]
shared = fresh("shared", *each)
with Store(shared) as s:
    for i, rules in enumerate(LISTS):
        for _, job in s.jobs(grid=f"g{i}").iterrows():
            check_view(job, curves[job.id], rules, f"{rules} beside others, {job.control} {job.seed}")
            frame = s.series(job)
            tap.ok(frame.index[-1] == job.end and s.regular_epochs(job)[-1] <= job.end, "its curve and its checkpoints end there")
two = fresh("two", grid("g0", CONTROL + stop("150")), grid("g1", CONTROL + stop("gen + 205")))
check_prefix(two, whole, "two grids")
with Store(two) as s:
    ends = {job.id: max(expected(curves[job.id], [rule])[0] for rule in ("150", "gen + 205")) for _, job in s.jobs().iterrows()}
    tap.equal({job.id: int(job.epochs_done) for _, job in s.jobs().iterrows()}, ends, "a shared job is trained to the later end, and no further")
for i, rules in enumerate((["150"], ["gen + 205"])):
    with Store(two) as s:
        for _, job in s.jobs(grid=f"g{i}").iterrows():
            check_view(job, curves[job.id], rules, f"{rules} of two, {job.control} {job.seed}")

# a grid looks at its own epochs alone
spaced = fresh("spaced", grid("fine", "control: dense" + stop("gen + 205")), grid("coarse", "control: dense, record: {eval_every: 70, threshold: 0.5, stop: gen + 205}"))
with Store(spaced) as s:
    for _, job in s.jobs(grid="coarse").iterrows():
        check_view(job, Curve(s.array(job, "series/test_loss") is not None and Store(whole).series(job.id), 70, 0.5), ["gen + 205"], f"spacing 70, {job.seed}")

# ---- `for N epochs` on a curve that dips ----
noisy = fresh("noisy", grid(training="noisy", seeds="[0, 1, 2, 3]"))
with Store(noisy) as s:
    found = None
    for _, job in s.jobs().iterrows():
        curve = Curve(s.series(job))
        for bound in sorted(set(curve.of["test_accuracy"]))[::-1]:
            above = curve.of["test_accuracy"] > bound
            held = curve.epoch[curve.held(above, 40)]
            if above.any() and len(held) and curve.epoch[above][0] + 40 < held[0] < curve.epoch[-1]:
                found = (job.id, round(float(bound), 6), curve)
                break
        if found:
            break
tap.ok(found, "a curve dips below a bound after it was above it")
job, bound, curve = found
RULES[f"test_accuracy > {bound:g} for 40 epochs"] = lambda c: c.held(c.of["test_accuracy"] > float(f"{bound:g}"), 40)
rule = f"test_accuracy > {bound:g} for 40 epochs"
dips = fresh("dips", grid(rest="control: dense" + stop(rule), training="noisy", seeds="[0, 1, 2, 3]"))
with Store(dips) as s:
    check_view(s.job(job), curve, [rule], f"'{rule}' on a curve that dips")

# ---- an edited rule is a fresh store ----
def results(path):
    """All that the store says of the grids' results: SQL, status, table, the report."""
    sql = [tap.query(path, "SELECT * FROM settings ORDER BY setting"),
           tap.query(path, "SELECT * FROM grids ORDER BY sweep, grid, id"),
           tap.query(path, "SELECT id, state, t_mem, t_gen, tau_grok, end, ended_by, stop, train_loss, test_loss, test_accuracy FROM jobs ORDER BY id")]
    status = json.loads(tap.tombola("status", path, "--json").stdout)["results"]
    shown = tap.heard([sys.executable, str(tap.ROOT / "analysis/table.py"), str(path)]).stdout
    with Store(path) as s:
        views = s.views()
        text = views[["threshold", "stop", "end", "ended_by", "t_mem", "t_gen", *SERIES]].to_csv()
    return [*sql, status, shown, text]


EDITS = [["150"], ["gen + 205"], ["test_accuracy > 0.9 for 300 epochs"], ["150", "gen + 205"], [], ["gen + 205"]]
edited = tap.SCRATCH / "edited.h5"
done = 0
for rules in EDITS:
    file = sweep(grid(rest=CONTROL + stop(*rules)))
    log = run(file, edited, "--verbose")
    alone = tap.SCRATCH / "edit-alone.h5"
    alone.unlink(missing_ok=True)
    run(file, alone)
    tap.equal(results(edited), results(alone), f"edited to {rules}: what is said is what a fresh store says")
    now = tap.epochs_done(edited)
    tap.ok(now >= done, "nothing was trained again from the beginning", log)
    if now > done > 0:
        tap.ok("goes on from the end of job" in log, "it went on where it had ended", log)
    done = now
    sound(edited)
have, want = digest.jobs(edited), digest.jobs(whole)
DIFFERENT = {"end", "ended_by", "stop", "train_loss", "test_loss", "train_accuracy", "test_accuracy", "t_mem", "t_gen", "tau_grok", "k_removed"}
wrong = [(job[:6], key) for job in want for key in want[job] if key not in DIFFERENT and have[job].get(key) != want[job][key]]
tap.equal(wrong, [], "in the end every array has the bits of jobs that were trained at once")
later = tap.tombola("run", sweep(grid(rest=CONTROL + stop("150"))), "--store", edited)
tap.ok(later.returncode == 0 and " 6 done before, 0 to train" in later.stderr, "less than what is there costs nothing", later.stderr)

# without an end state it begins anew, with the same bits
for policy in ("none", "all", "unreached"):
    store = tap.SCRATCH / f"state-{policy}.h5"
    run(sweep(grid(rest=CONTROL + stop("150")), checkpoint=f", end_state: {policy}"), store)
    planned = json.loads(tap.tombola("plan", sweep(grid(rest=CONTROL)), "--store", store, "--json").stdout)
    tap.equal((planned["to_train"], planned["continued"]["jobs"]), (6, 0 if policy == "none" else 6), f"end_state: {policy}: plan says who goes on")
    log = run(sweep(grid(rest=CONTROL)), store, "--verbose")
    tap.equal(len(re.findall("goes on from the end", log)), 0 if policy == "none" else 6, "and they do")
    have = digest.jobs(store)
    wrong = [(job[:6], key) for job in want for key in want[job] if have[job].get(key) != want[job][key]]
    tap.equal(wrong, [], "with the bits of a fresh store")

# ---- what children need ----
def trained(store, control="dense"):
    return dict(tap.query(store, f"SELECT seed, epochs_done FROM jobs WHERE control = '{control}'"))


ids = dict(tap.query(whole, "SELECT id, seed FROM jobs WHERE control = 'dense'"))
gen = {ids[job]: float(curve.gen[-1]) for job, curve in curves.items() if job in ids}
seeds = [seed for seed in gen if math.isfinite(gen[seed]) and gen[seed] + 250 < LAST]
tap.ok(len(seeds) == 2, "both dense networks generalise in time", gen)
store = fresh("later", grid(rest="control: ticket, k: 0.4, t: gen + 195" + stop("gen")))
tap.equal(trained(store), {seed: gen[seed] + 200 for seed in seeds}, "a parent is trained to t of its child, whatever its rule says")
tap.equal({row[0] for row in tap.query(store, "SELECT state FROM jobs")}, {"done"}, "and the child is made")
store = fresh("final", grid(rest="control: ticket, k: 0.4, t: final" + stop("gen")))
tap.equal(trained(store), {seed: LAST for seed in seeds}, "t: final is the stated length")
store = fresh("number", grid(rest="control: ticket, k: 0.4, t: 800" + stop("100")))
tap.equal(trained(store), {seed: 800 for seed in seeds}, "and a number is a number")
store = fresh("searched", grid(rest="control: ticket, t: 0, k: {search: [0.2, 0.4], step: 0.1, until: gen}" + stop("60")))
states = tap.query(store, "SELECT k, seed, state, t_gen, epochs_done, error FROM jobs WHERE control = 'ticket' ORDER BY seed, k")
tap.ok(all(row[4] > 60 or not any(other[1] == row[1] and other[0] > row[0] for other in states) for row in states if row[2] == "done"),
       "a search goes on until its probe has generalised, or has its length", states)
# a second file needs more of a finished parent
store = fresh("more", grid(rest="control: dense" + stop("gen")))
file = sweep(grid("children", "control: ticket, k: 0.4, t: gen + 195" + stop("gen")))
log = run(file, store, "--verbose")
tap.ok(trained(store) == {seed: gen[seed] + 200 for seed in seeds} and "goes on from the end" in log, "a parent that ended is trained on for the children of another file", log)
tap.equal(tap.query(store, "SELECT DISTINCT state FROM jobs"), [["done"]], "which are made")
with Store(store) as s:
    for _, job in s.jobs(grid="main").iterrows():
        tap.equal(int(job.end), int(gen[job.seed]), "the first file's results are still those of its end")

# ---- kills, and ranks ----
file = sweep(grid("a", CONTROL + stop("gen + 205")), grid("b", "control: [dense, ticket], k: 0.4, t: gen + 100" + stop("gen")), last=LAST)
plain = tap.SCRATCH / "plain.h5"
run(file, plain)
after = sweep(grid("a", CONTROL), grid("b", "control: [dense, ticket], k: 0.4, t: gen + 100" + stop("gen + 50")))
plain_after = tap.SCRATCH / "plain-after.h5"
shutil.copy(plain, plain_after)
run(after, plain_after)
for ranks in (1, 2, 3, 4):
    store = tap.SCRATCH / f"killed-{ranks}.h5"
    codes, log = tap.disturbed(lambda: tap.start("run", file, "--store", store, "--resume-every", "0.02", ranks=ranks), store, [3, 20])
    tap.equal((codes[-1], digest.jobs(store) == digest.jobs(plain)), (0, True), f"{ranks} ranks, killed {codes.count(-9) + codes.count(137)} times: the bits of an undisturbed run")
    codes, log = tap.disturbed(lambda: tap.start("run", after, "--store", store, "--resume-every", "0.02", ranks=ranks), store, [2, 9])
    tap.equal(codes[-1], 0, "killed while it goes on from there")
    have, want_after = digest.jobs(store), digest.jobs(plain_after)
    tap.equal([job for job in want_after if have[job] != want_after[job]], [], "the same bits again")
    tap.equal(results(store), results(plain_after), "and the same results")
    sound(store)

# ---- copies ----
archive, copy = tap.SCRATCH / "archive.h5", tap.SCRATCH / "copy.h5"
tap.equal([tap.tombola("compact", plain, "-o", archive).returncode, tap.tombola("merge", archive, "-o", copy).returncode], [0, 0], "compact and merge")
for path in (archive, copy):
    sound(path)
    tap.equal(results(path), results(plain), f"{path.stem}: ends, rules and results are carried")
run(after, copy)
tap.equal(results(copy), results(plain_after), "and a copy goes on as the store does")
part = tap.SCRATCH / "part.h5"
tap.equal(tap.tombola("compact", two, "-o", part, "--grid", "g1").returncode, 0, "a part of a store")
with Store(part) as s, Store(two) as t:
    columns = ["stop", "end", "ended_by", "t_gen", "test_loss"]
    tap.equal(s.jobs()[columns].to_csv(), t.jobs(grid="g1").loc[s.jobs().index, columns].to_csv(), "has the results of the grid that is left")

# ---- not known is not never ----
OPEN = "control: [dense, ticket, random], t: 50, k: [0.3, 0.6], checkpoint.at: [50]" + stop("100")
early = fresh("early", grid("early", OPEN, seeds="[0, 1, 2]"))
rows = tap.query(early, "SELECT t_mem, t_gen, t_gen_above, gen_unknown, done, memorised, mem_unknown, generalised FROM settings")
tap.ok(all(row[1] is None and row[2] == 100 and row[3] == row[4] == 3 and row[5] + row[6] == 3 and row[7] == 0 for row in rows), "SQL: of no setting is t_gen known", rows)
said = {"status": tap.tombola("status", early).stdout, "show": "".join(tap.tombola("show", early, job).stdout for job, in tap.query(early, "SELECT id FROM jobs")),
        "table": tap.heard([sys.executable, str(tap.ROOT / "analysis/table.py"), str(early)]).stdout}
page = tap.SCRATCH / "early.html"
tap.heard([sys.executable, "-m", "analysis.report", str(early), "-o", str(page)], cwd=tap.ROOT)
data = json.loads(re.search(r'<script[^>]*application/json[^>]*>(.*?)</script>', page.read_text(), re.S).group(1))
said["report"] = re.search(r"<table>.*?</table>", page.read_text(), re.S).group(0)
said["status"] = said["status"].replace("never is later than every number", "")
for name, text in said.items():
    tap.ok(text and not re.search(r"\bnever\b", text), f"{name} does not say never", text)
tap.ok(all(">100" in said[name].replace("&gt;", ">") for name in ("status", "table", "report")), "but later than 100", said)
tap.equal({(tuple(group["t_gen"]), group["median"]["t_gen"]) for group in data["groups"]}, {((-100.0,) * 3, -100.0)}, "the report's numbers say the same")
recipes = (tap.ROOT / "README.md").read_text()
for sql in re.findall(r"^SELECT .*t_gen IS NULL.*$", recipes, re.M):
    tap.equal(tap.query(early, sql), [], f"the README's jobs that never did are none of them: {sql}")
with Store(early) as s:
    views = labelled(s.views())
    tap.equal(set(late(views, "t_gen")), {-100.0}, "late() has them below 0")
    fig, axes = plt.subplots()
    tk.draw_panel(axes, views, "k", "t_gen")
    open_marks = [line for line in axes.get_lines() if line.get_marker() == "^"]
    on_top = [line for line in axes.get_lines() if line.get_marker() == "o" and len(line.get_xdata())]
    tap.ok(open_marks and not on_top and {y for line in open_marks for y in line.get_ydata()} == {100}, "the figure has open marks at the end, and none on the line of never")
    plt.close(fig)
    for column in ("t_gen", "tau_grok"):
        try:
            found = claims.by_seed(claims.select(s, "early", control="dense"), column)
            tap.ok(False, f"claims cannot tell {column}", found)
        except claims.Missing as missing:
            tap.ok("stop rule '100' ended the dense job at epoch 100" in str(missing), f"claims cannot tell {column}", missing)
    # a median is known if what is not known cannot change it
    tap.equal([median(values) for values in ([1, 2, -5], [1, -5, -7], [1, np.inf, -5], [-3, np.inf, np.inf], [np.nan, -2], [1, -9])], [2, -5, -5, np.inf, -2, -5],
              "medians of what is partly known")
mixed = fresh("mixed", grid("early", "control: dense" + stop(f"{int(min(gen.values())) + 50}"), seeds="[0, 1]"))
(row,) = tap.query(mixed, "SELECT generalised, gen_unknown, t_gen, t_gen_above FROM settings")
tap.ok(row[:2] == [1, 1] and row[2] is None and row[3] == (min(gen.values()) + min(gen.values()) + 50) / 2, "one has come, one is open: the median is later than between them", row)
shown = tap.tombola("status", mixed).stdout
tap.ok("(1 of 2, 1 open)" in shown, "status counts who is open", shown)
for path in (shared, edited, early, mixed, plain_after):
    with Store(path) as s:
        views = labelled(s.views())
        done = views[views.state == "done"]
        mine = {}
        for name, same in done.groupby("setting"):
            value = median(late(same, "t_gen"))
            mine[name] = [len(same), None if np.isnan(value) or value < 0 else value, -value if value < 0 else None]
    sql = {row[0]: [row[1], float("inf") if row[2] == "inf" else row[2], row[3]] for row in
           (line.split("\t") for line in tap.tombola("query", path, "SELECT setting, done, t_gen, t_gen_above FROM settings", "--format", "raw").stdout.splitlines())}
    sql = {name: [int(value[0]), *(float(v) if v not in ("", None) else None for v in value[1:])] for name, value in sql.items()}
    tap.equal(sql, mine, f"{path.stem}: SQL and Python have the same settings and medians")

# whoever reads a t_gen that is missing asks late()
reads = subprocess.run(["grep", "-rnE", r"(t_gen|t_mem|tau_grok)[^=]*\.(isna|fillna|isnull)\(", str(tap.ROOT / "analysis"), "--include=*.py"], capture_output=True, text=True).stdout
places = {os.path.relpath(line.split(":")[0], tap.ROOT) for line in reads.splitlines()}
ALLOWED = {"analysis/settings.py", "analysis/claims/__init__.py", "analysis/claims/chen.py"}  # late(); span(), whose bound is the job's end
tap.equal(sorted(places - ALLOWED), [], "nobody else in analysis/ takes a missing t_gen for never")

# ---- what plan expects ----
file = sweep(grid(rest=CONTROL + stop("gen + 205"), seeds="[0, 1, 2, 3]"))
nobody = json.loads(tap.tombola("plan", file, "--store", tap.SCRATCH / "none.h5", "--json").stdout)["stops"]
tap.equal((nobody["jobs"], nobody["known"]), (12, 0), "plan: 12 jobs may end before, and no finished one says when")
for path, name in ((whole, "whole ones"), (two, "those that ended")):
    stops = json.loads(tap.tombola("plan", file, "--store", path, "--json").stdout)["stops"]
    ends = {}
    for job, curve in curves.items():
        control = tap.query(whole, f"SELECT control FROM jobs WHERE id = '{job}'")[0][0]
        need = [expected(curve, ["gen + 205"])[0], 100 if control == "dense" else 0]
        ends.setdefault(control, []).append(max(need))
    want = sum(2 * math.ceil(sum(found) / len(found)) for found in ends.values())
    tap.equal((stops["jobs"], stops["known"], stops["epochs"], stops["epochs_most"]), (6, 6, want, 6 * LAST), f"by {name} it expects the means of their ends")
text = tap.tombola("plan", file, "--store", two).stdout
tap.ok(re.search(r"stop rules may end 6 of them before: by finished jobs of their kinds 6 take about \d+ epochs, not 9000, which saves ", text), "and says so", text)

# ---- measures that look back ----
store = tap.SCRATCH / "back.h5"
HEADED = """
name: back
tasks: {{add: {{kind: modular, expr: a + b, p: 13, layout: [a, b, eq], train_fraction: 0.6}}}}
models: {{tf: {{kind: transformer, d_model: 8, d_mlp: 8, heads: 2}}}}
training: {{full: {{lr: 1e-2, weight_decay: 1, epochs: 60}}}}
record: {{eval_every: 10, measures: [{measures}]}}
checkpoint: {{every: 20}}
grids:
"""
LINE = "  - {{name: {}, task: add, model: tf, training: full, seed: [0, 1]{}}}\n"


def back(*stops, measures="progress"):
    return tap.write("back.yaml", HEADED.format(measures=measures) + "".join(LINE.format(f"g{i}", rule) for i, rule in enumerate(stops)))


run(back(stop("30")), store)
with Store(store) as s:
    job = s.jobs().iloc[0]
    first = s.measure(job, "progress/restricted_loss") if "progress" in s.measures(job, "progress") else None
    tap.equal(first is not None and [int(e) for e in first.index], [0, 20, 30], "a measure that looks back begins at the end")
log = run(back(stop("30"), stop()), store, code=3)
tap.ok("measures that look back are missing of 2 jobs for a grid that ends them earlier" in log, "of a job that others need longer it is of the later end, and that is said", log)
with Store(store) as s:
    try:
        s.measure(s.jobs(grid="g0").iloc[0], "progress/restricted_loss")
        tap.ok(False, "the earlier grid does not get it")
    except KeyError as error:
        tap.ok("looks back from epoch 60, and the job ends at 30 here" in str(error), "the earlier grid does not get it", error)
    one = s.measure(s.jobs(grid="g1").iloc[0], "progress/restricted_loss")
alone = tap.SCRATCH / "back-alone.h5"
run(back(stop()), alone)
with Store(alone) as s:
    tap.ok(one.equals(s.measure(s.jobs().iloc[0], "progress/restricted_loss")), "the other's is that of a job trained at once")
sources = {path.stem for path in (tap.ROOT / "src/measure").glob("*.c") if ".look_back =" in path.read_text()}
import store as reader  # noqa: E402
tap.equal(set(reader.LOOK_BACK), sources, "analysis/store.py knows which measures look back")
tap.done()
