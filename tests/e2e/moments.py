#!/usr/bin/env python3
"""t and rewind as formulas of mem, gen and final: each child starts from its parent's weights at the epoch that the formula gives by the
curves, which numpy reads here, and these are the weights of a parent that was told the epoch beforehand; kills and stops in
between change no bit; what never comes within the parent's length is skipped, and what a finished parent did not keep is named
and made with --retrain.
beside: others
timeout: 900"""
import math
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
from store import Store  # noqa: E402

HEAD = """
name: moments
tasks: {add: {kind: modular, expr: a + b, p: 23, train_fraction: 0.7}}
models: {mlp: {kind: embed_mlp, d_embed: 24, d_hidden: 12}}
training: {full: {lr: 1e-2, weight_decay: 1, epochs: 3000}, batches: {use: full, batch: 100, epochs: 600}}
record: {eval_every: 20, threshold: 0.3}
grids:
"""
FORMULAS = {"gen + 51": lambda m, g, f: g + 51, "max(mem, 1001)": lambda m, g, f: max(m, 1001), "min(gen, 130.5)": lambda m, g, f: min(g, 130.5),
            "(gen + final)/2": lambda m, g, f: (g + f) / 2, "2*mem": lambda m, g, f: 2 * m, "mem + gen": lambda m, g, f: m + g,
            "max(gen + 0.5*(gen - mem), mem, gen)": lambda m, g, f: max(g + 0.5 * (g - m), m, g), "0.3*final": lambda m, g, f: 0.3 * f,
            "gen": lambda m, g, f: g, "gen + 2900": lambda m, g, f: g + 2900}
GRID = ("  - {{name: {0}, task: add, model: mlp, training: {1}, seed: [0, 1], control: [continue, ticket], k: 0.5, t: [{2}]{3}}}\n")


def grid(name, training, formulas, more=""):
    return GRID.format(name, training, ", ".join(f'"{f}"' for f in formulas), more)


SWEEP = tap.write("moments.yaml", HEAD + grid("main", "full", FORMULAS) + grid("higher", "full", list(FORMULAS)[:3], ", record: {threshold: 0.6, eval_every: 50}")
                  + grid("batches", "batches", [f for f in list(FORMULAS)[:8] if "1001" not in f]))
WHOLE, KILLED, STOPPED, TWIN = (tap.SCRATCH / f"{name}.h5" for name in ("whole", "killed", "stopped", "twin"))


def run(store, sweep, *more, ranks=0):
    return tap.tombola("run", sweep, "--store", store, *more, ranks=ranks)


def first(epoch, curve, every, threshold, last):
    """The first epoch at which the judge looks and the curve is above its threshold; infinity without one."""
    passed = epoch[((epoch % every == 0) | (epoch == last)) & (curve > threshold)]
    return float(passed[0]) if len(passed) else math.inf


def expected(path):
    """(id of a child, its t_asked, state and t, id of its parent, the epoch by the parent's curves) of all children."""
    out = []
    with h5py.File(path, "r") as f:
        rows, uses = f["jobs"][:int(f["control"]["rows"][0])], f["grids"][:int(f["control"]["grids"][0])]
        row_of = {row["id"]: row for row in rows}
        for use in uses:
            child = rows[use["row"]]
            parent = row_of.get(child["parent"])
            if parent is None:
                continue
            family = next(g for g in f["families"].values() if g.attrs["index"] == parent["family"])
            epoch, last, at = family["epoch"][:], int(parent["epochs"]), int(parent["family_row"])
            mem, gen = (first(epoch, family[f"series/{part}_accuracy"][at], use["spacing"], use["threshold"], last) for part in ("train", "test"))
            text = child["t_asked"].decode()
            value = next((f for name, f in FORMULAS.items() if name.replace("final", str(last)) == text), lambda m, g, f: float(text))(mem, gen, last)
            out.append((child["id"].decode(), text, int(child["state"]), int(child["t"]), parent["id"].decode(),
                        math.ceil(value) if value <= last else None))
    return out


# ---- values ----

result = run(WHOLE, SWEEP, ranks=3)
tap.equal(result.returncode, 0, "a run ends with 0, whatever was skipped") or print(result.stderr)
children = expected(WHOLE)
done = [c for c in children if c[5] is not None]
tap.equal([(c[2], c[3]) for c in done], [(3, c[5]) for c in done], "each is drawn at the epoch that its formula gives by the parent's curves")
never = [c for c in children if c[5] is None]
tap.ok({c[1] for c in never} >= {"gen + 2900"} and all(c[2] == 6 and c[3] == -1 for c in never), "those whose moment never comes are skipped, and no others", never)
tap.ok(len({c[5] for c in done}) > 12 and {c[1] for c in done} >= {"gen + 51", "min(gen, 130.5)", "2*mem", "mem + gen", "900", "180"}, "at many epochs", done)
tap.ok(any(c[1] == "min(gen, 130.5)" and c[5] == 131 for c in done), "a fraction means the next epoch")
said = tap.query(WHOLE, "SELECT DISTINCT error FROM jobs WHERE state = 'skipped' AND t_asked = 'gen + 2900'")
tap.equal(said, [["its parent never reached t = gen + 2900"]], "the reason of a skipped one")

with Store(WHOLE) as store:
    jobs = store.jobs()
    wrong = [c[:4] for c in done if jobs.loc[c[0]].control == "continue"
             and not np.array_equal(store.checkpoint(c[0], 0), store.checkpoint(c[4], c[5]))]
    tap.ok(not wrong, "a child starts from the weights that its parent kept at the moment", wrong)
    epochs = sorted({c[5] for c in done})
    twin = tap.write("twin.yaml", HEAD + "".join(f"  - {{name: {t}, task: add, model: mlp, training: {t}, seed: [0, 1], checkpoint: {{at: {[e for e in epochs if e <= last]}}}}}\n"
                                                 for t, last in (("full", 3000), ("batches", 600))))
    tap.equal(run(TWIN, twin).returncode, 0, "dense networks that were told the epochs beforehand")
    with Store(TWIN) as told:
        wrong = [c[:4] for c in done if not np.array_equal(store.checkpoint(c[4], c[5]), told.checkpoint(c[4], c[5]))]
        tap.ok(not wrong, "keep the same weights there", wrong)
    regular = {len(store.regular_epochs(c[4])) for c in done}
    tap.ok(regular == {3}, "moments are no regular checkpoints; what is known beforehand, 0.3 * final, is one", regular)

# ---- rewinding ----

REWINDS = {"mem": lambda m, g, f, t: min(m, t), "0.1*final": lambda m, g, f, t: 0.1 * f, "gen + 7": lambda m, g, f, t: min(g + 7, t)}
rewound, sweep = tap.SCRATCH / "rewound.h5", tap.write("rewound.yaml", HEAD + "".join(
    f"  - {{name: rounds{rounds}, task: add, model: mlp, training: full, seed: [0, 1], control: ticket, k: 0.5, t: [gen, 2000, gen + 51], "
    f"rewind: [{', '.join(REWINDS)}], iterate: {rounds}, checkpoint: {{at: [2000]}}}}\n" for rounds in (1, 2)))
result = run(rewound, sweep, ranks=2)
tap.equal(result.returncode, 0, "a run with rewinding") or print(result.stderr)
rules = {"min(mem, gen)": "mem", "min(mem, 2000)": "mem", "min(mem, gen + 51)": "mem", "min(gen + 7, gen)": "gen + 7",
         "min(gen + 7, 2000)": "gen + 7", "min(gen + 7, gen + 51)": "gen + 7"}
told = {job: (number, rule) for job, number, rule in tap.query(rewound, "SELECT id, rewind, rewind_rule FROM jobs WHERE control = 'ticket'")}
tap.equal({rule for _, rule in told.values()} - {None}, set(rules), "a moment later than t means t")
with Store(rewound) as store, h5py.File(rewound, "r") as f:
    jobs = store.jobs()
    seen, wrong = {}, []
    for child in jobs[(jobs.state == "done") & (jobs.control == "ticket")].itertuples():
        first_round = child if jobs.loc[child.parent].control == "dense" else jobs.loc[child.parent]
        dense = jobs.loc[first_round.parent]
        curves = store.series(dense.id)
        mem, gen = (first(curves.index.to_numpy(), curves[f"{part}_accuracy"].to_numpy(), 20, 0.3, dense.epochs) for part in ("train", "test"))
        number, rule = told[child.id]
        at = math.ceil(REWINDS[rules.get(rule, "0.1*final")](mem, gen, dense.epochs, first_round.t))
        start = store.checkpoint(child.id, 0)
        if (number is None) == (rule is None) or not np.array_equal(start, store.checkpoint(dense.id, at) * store.mask(child.id)):
            wrong.append((child.id, number, rule, at))
        seen.setdefault((rule or number, child.id == first_round.id), []).append(at)
    tap.ok(len(seen) >= 12 and not wrong, "every round starts from the dense weights at the moment", (seen, wrong))
tap.equal(jobs[jobs.control == "ticket"].state.isin(["done", "skipped"]).all(), True, "or waits for a parent that never came to t")
again = tap.SCRATCH / "again.h5"
digest.survives(sweep, rewound, again, [8, 12])

# ---- kills and stops ----

digest.survives(SWEEP, WHOLE, KILLED, [6, 9, 14, 20])
stops = 0
for attempt in range(60):
    result = run(STOPPED, SWEEP, "--time-left", 0.15 * 1.2**attempt)
    if result.returncode != 75:
        break
    stops += 1
found = digest.differences(WHOLE, STOPPED)
tap.ok(result.returncode == 0 and stops >= 3 and not found, f"stopped {stops} times: the same bits", "\n".join([result.stderr, *found]))
result = tap.tombola("verify", KILLED)
tap.ok(result.returncode == 0, "verify finds nothing wrong", result.stdout + result.stderr)

# ---- what a formula is ----


def plan(formulas, **changes):
    text = HEAD + grid("main", "full", formulas, "".join(f", {key}: {value}" for key, value in changes.items()))
    return tap.tombola("plan", tap.write("plan.yaml", text), "--verbose")


def ids(formulas, **changes):
    return set(re.findall(r"(?m)^([0-9a-f]{8})  ", plan(formulas, **changes).stdout))


written, meant = (ids(formulas, checkpoint="{at: [1500]}") for formulas in (["gen+ 51", "1 - 1", "(0.50 * final)"], ["gen + 51", "0", "1500"]))
tap.ok(len(meant) == 2 + 4 * 3 and written == meant, "blanks make no other job, and what is known beforehand is the number", (written, meant))
tap.equal(len(ids(["gen + 51"]) - ids(["gen"])), 4, "another moment is another job")
page = plan(["gen + 51"]).stdout
tap.ok("t = gen + 51" in page, "plan shows the moment", page)

# ---- a parent that did not keep them ----

plain = tap.write("plain.yaml", HEAD + "  - {name: main, task: add, model: mlp, training: full, seed: [0, 1]}\n")
later = tap.write("later.yaml", HEAD + grid("main", "full", ["gen + 51", "gen + 2900"]))
grown = tap.SCRATCH / "grown.h5"
tap.equal(run(grown, plain).returncode, 0, "dense networks, without moments")
words = tap.tombola("plan", later, "--store", grown).stdout
result = run(grown, later)
asked = "SELECT id, state FROM jobs WHERE t_asked IN ('gen + 51', 'gen + 2900') ORDER BY id"
want = dict(tap.query(WHOLE, asked))
parents = {c[4] for c in done if c[1] == "gen + 51" and want.get(c[0]) == "done"} & set(digest.jobs(grown))
tap.ok(result.returncode == 3 and parents and f"{len(parents)} weights that others are made from" in words,
       "plan says that they kept no weights there, and run ends with 3", words + result.stderr)
states = dict(tap.query(grown, asked))
tap.equal(states, {job: "blocked" if want[job] == "done" else "skipped" for job in states}, "what never came is skipped all the same")
result = run(grown, later, "--retrain")
tap.equal(result.returncode, 0, "--retrain makes them") or print(result.stderr)
whole, grown = digest.jobs(WHOLE), digest.jobs(grown)
same = [job for job in grown if job in whole and whole[job]["t_asked"] == "'gen + 51'"]
tap.ok(len(same) == 4 and all(grown[job]["series/test_loss"] == whole[job]["series/test_loss"] for job in same), "with the same curves", len(same))

tap.done()
