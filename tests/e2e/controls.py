#!/usr/bin/env python3
"""Lineage: tickets trained otherwise than their parents, rounds of iterative pruning, rewinding, searches for a prune rate.
beside: others
timeout: 240"""
import json
import os
import random
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402

HEAD = """
tasks: {first: {kind: modular, expr: a, p: 13, pairs: ordered, train_fraction: 0.7}}
models: {mlp: {kind: embed_mlp, d_embed: 16, d_hidden: 16}}
training:
  full: {lr: 1e-2, weight_decay: 0.3, betas: [0.9, 0.98], epochs: 400}
  plain: {use: full, weight_decay: 0, lr: 2e-2, epochs: 300}
record: {eval_every: 5, threshold: 0.23}
checkpoint: {every: 100}
controls:
  mean_norm: {kind: l2, norm_of: tensors}
grids:
"""


def sweep(name, *grids):
    grid = "  - {mirrors: accept, task: first, model: mlp, training: full, t: final, "
    return tap.write(name, HEAD + "".join(f"{grid}{g}}}\n" if "training:" not in g else
                                          f"  - {{mirrors: accept, task: first, model: mlp, {g}}}\n" for g in grids))


def run(file, store, ranks=0, want=0, name=""):
    result = tap.tombola("run", file, "--store", store, ranks=ranks)
    tap.equal(result.returncode, want, name or f"run {file.name}") or print(result.stderr)
    return result


def to_train(file, store):
    return json.loads(tap.tombola("plan", file, "--store", store, "--json").stdout)["to_train"]


class Rows:
    """What a store says of its jobs, and their arrays."""

    def __init__(self, path):
        with h5py.File(path, "r") as f:
            self.rows = {r["id"].decode(): r for r in f["jobs"][:] if r["state"]}
            groups = {int(g.attrs["index"]): g for g in f["families"].values()}
            self.array = {}
            for key, r in self.rows.items():
                g, at = groups[int(r["family"])], int(r["family_row"])
                self.array[key] = {"weights": g["checkpoints"][at], "epoch": g["checkpoint_epoch"][at], "mask": g["masks"][at]}

    def find(self, **wanted):
        return [key for key, r in self.rows.items()
                if all((r[k].decode() if isinstance(r[k], bytes) else r[k]) == v for k, v in wanted.items())]

    def one(self, **wanted):
        found = self.find(**wanted)
        assert len(found) == 1, (wanted, found)
        return found[0]

    def parent(self, key):
        return self.rows[key]["parent"].decode()

    def weights(self, key, epoch):
        return self.array[key]["weights"][list(self.array[key]["epoch"][:-2]).index(epoch)]


def magnitude_mask(weights, k):
    """The rule of the published code over all weights."""
    size = np.sort(np.abs(weights).astype(np.float64))
    pruned = int((1.0 - (1.0 - k)) * len(weights))
    return np.abs(weights).astype(np.float64) > size[pruned - 1]


# A ticket trained without weight decay, at another rate and budget than its parent.
file, store = sweep("apart.yaml", "training: plain, parent_training: full, t: final, control: [ticket, mean_norm], k: 0.6",
                    "training: plain, parent_training: full, t: 100, control: shuffle, k: 0.6",
                    "training: full, t: final, control: ticket, k: 0.6"), tap.SCRATCH / "apart.h5"
run(file, store)
s = Rows(store)
ticket, dense = s.one(control="ticket", training="plain"), s.one(control="dense")
columns = ["training_weight_decay", "training_lr", "epochs", "epochs_done", "t"]
tap.equal([[float(s.rows[key][c]) for c in columns] for key in (dense, ticket)],
          [[0.3, 1e-2, 400, 400, float(s.rows[dense]["t"])], [0, 2e-2, 300, 300, 400]],
          "parent_training trains the parent, training its ticket, drawn at the parent's last epoch")
tap.equal([s.parent(s.one(control=c, training="plain")) for c in ("ticket", "mean_norm", "shuffle")], [dense] * 3, "one parent for all")
tap.equal(s.parent(s.one(control="ticket", training="full")), dense, "which a ticket trained like it shares")
mask = magnitude_mask(s.weights(dense, 400), 0.6)
tap.ok((s.array[ticket]["mask"] == mask).all() and (s.weights(ticket, 0) == s.weights(dense, 0) * mask).all(),
       "the ticket is theta_0 under the mask of the parent's weights")
ratio = s.weights(s.one(control="mean_norm"), 0) / s.weights(dense, 0)
tap.ok(ratio.std() < 1e-6 and 0.5 < ratio.mean() < 1, "a named control with its own key", (ratio.mean(), ratio.std()))
tap.equal((s.rows[s.one(control="mean_norm")]["control_kind"].decode(), s.rows[s.one(control="mean_norm")]["control_norm_of"].decode()),
          ("l2", "tensors"), "its kind and its key are columns")
shuffled = s.array[s.one(control="shuffle")]["mask"]
tap.ok(shuffled.sum() == magnitude_mask(s.weights(dense, 100), 0.6).sum(), "a shuffled mask keeps as many")
plan = json.loads(tap.tombola("plan", file, "--store", store, "--json").stdout)
tap.ok(any(g["training"] == "plain" and plan["lineage"][g["parent"]]["training"] == "full" for g in plan["lineage"] if g["parent"] is not None),
       "plan says so", plan["lineage"])

# Rounds of iterative pruning.
grids = ["control: [ticket, shuffle, reinit, l1], k: 0.9, iterate: 3, rewind: [0, 100]"]
file, store = sweep("rounds.yaml", *grids), tap.SCRATCH / "rounds.h5"
run(file, store)
s = Rows(store)
for rewind in (0, 100):
    chain = [s.one(control="ticket", k=0.9, rewind=rewind)]
    while len(chain) < 9 and s.parent(chain[0]):
        chain.insert(0, s.parent(chain[0]))
    masks, start = [s.array[key]["mask"] for key in chain[1:]], s.weights(chain[0], rewind)
    tap.equal([(s.rows[key]["control"].decode(), int(s.rows[key]["round"])) for key in chain[1:]],
              [("ticket", 1), ("ticket", 2), ("ticket", 3)], f"three rounds, each the parent of the next, rewind {rewind}")
    tap.ok(all(abs(m.mean() - 0.1 ** (r / 3)) < 2e-3 for r, m in enumerate(masks, 1)), "each removes the same fraction of what is left")
    tap.ok(all((a >= b).all() for a, b in zip(masks, masks[1:])), "only surviving weights are chosen from")
    tap.ok(all((m == magnitude_mask(s.weights(p, 400), s.rows[key]["k"])).all() for m, p, key in zip(masks, chain, chain[1:])),
           "by their size at the end of the round before")
    tap.ok(all((s.weights(key, 0) == start * m).all() for key, m in zip(chain[1:], masks)),
           f"every round starts again from the dense weights at epoch {rewind}")
    l1 = s.weights(s.one(control="l1", rewind=rewind), 0)
    tap.ok(np.allclose(l1, start * (np.abs(start * masks[2]).sum() / np.abs(start).sum()), rtol=1e-5), "l1 has the last round's norm")
    tap.equal(s.parent(s.one(control="shuffle", rewind=rewind)), chain[2], "shuffle shares the rounds before the last")
tap.equal(len(s.find(control="reinit")), 2, "reinit starts from fresh weights whatever the rewinding, under either mask")
k2 = round(1 - 0.1 ** (2 / 3), 9)
more = sweep("rounds2.yaml", *grids, f"control: ticket, k: {k2}, iterate: 2", f"control: ticket, k: {round(1 - 0.1 ** (1 / 3), 9)}")
tap.equal(to_train(more, store), 0, "rounds are shared with other sweeps, down to a plain ticket")
for grid, text in [("control: ticket, k: 0.5, rewind: 30", "rewind is 30, which is no checkpoint"),
                   ("training: full, t: 100, control: ticket, k: 0.5, rewind: 200", "rewind is 200, which is later than t (100)"),
                   ("training: plain, parent_training: full, t: 400, control: ticket, k: 0.5, iterate: 2",
                    "t is 400, but the parent trains for 300 epochs")]:
    result = tap.tombola("plan", sweep("wrong.yaml", grid))
    tap.ok(result.returncode == 2 and text in result.stderr, text, result.stderr)
last = s.one(control="ticket", k=0.9, rewind=100)
show = tap.tombola("show", store, last).stdout
tap.ok(all(s.rows[key]["id"].decode()[:8] in show for key in chain) and "dense ancestor's weights after 100 epochs" in show and
       f"mask: {masks[2].sum()} of {len(start)} weights are kept" in show, "show tells all ancestors, the start and the mask", show)

status = tap.tombola("status", store).stdout
table = tap.heard([sys.executable, str(tap.ROOT / "analysis/table.py"), str(store)])
lines = [line.split() for line in status.partition("results")[2].splitlines()]
head = next(line for line in lines if line[:1] == ["control"])
told = [dict(zip(head, line)) for line in lines if len(line) == len(head)][1:]
tap.equal(sum(row["control"] == "ticket" and (row["k"], row["rewind"], row["round"]) == ("0.9", "100", "3") for row in told), 1,
          "status tells rounds apart") or print(status)
what = head[:head.index("done")]
tap.equal(len({tuple(row[key] for key in what) for row in told}), len(told), "and settings that differ in a parent between, by their ids")
tap.ok("rewind=100" in table.stdout and "round=3" in table.stdout, "as does the table", table.stdout + table.stderr)
kinds = tap.tombola("kinds", "reinit").stdout
tap.ok("iterate" in kinds and "rewind" not in kinds, "kinds says which control takes which key", kinds)

# The last round's weights at t: gen may never come, and then the rest is skipped.
file, store = sweep("never.yaml", "training: full, t: gen, control: ticket, k: 0.99, iterate: 2, record.threshold: 0.9"), tap.SCRATCH / "stuck.h5"
run(file, store, name="that a moment never came is an answer")
tap.equal(tap.query(store, "SELECT round, error FROM jobs WHERE state = 'skipped' ORDER BY round"),
          [[1, "its parent never reached t = gen"], [2, "its parent was skipped"]], "and each says why")
show = tap.tombola("show", store, tap.query(store, "SELECT id FROM jobs WHERE round = 2")[0][0]).stdout
tap.ok("its parent never reached t = gen" in show and "its parent was skipped" in show, "show gives the first cause as well", show)
plan = tap.tombola("plan", file, "--store", store).stdout
tap.ok("1 skipped (its parent never reached t = gen)" in plan, "and so does plan", plan)

# A search finds what trying every rate would find, and trains no more than it needs.
rates = "seed: [0, 1], control: [ticket, random], k: "
every = sweep("every.yaml", rates + "{from: 0.5, to: 0.98, step: 0.04}")
search = sweep("search.yaml", rates + "{search: [0.5, 0.98], step: 0.04, until: gen}",
               "seed: 2, control: shuffle, iterate: 2, k: {search: [0.6, 0.99], step: 0.03}")
run(every, tap.SCRATCH / "every.h5", ranks=2)
reference = {tuple(r[:3]): r[3] for r in tap.query(tap.SCRATCH / "every.h5", "SELECT control, seed, k, t_gen FROM jobs WHERE k > 0")}


def found(path):
    """control, seed -> the rates that were trained."""
    out = {}
    for control, seed, k in tap.query(path, "SELECT control, seed, k FROM jobs WHERE state = 'done' AND k > 0 AND seed < 2 ORDER BY k"):
        out.setdefault((control, seed), []).append(k)
    return out


def wanted():
    out = {}
    for control, seed, k in sorted(reference):
        rates = out.setdefault((control, seed), [])
        if not rates or reference[control, seed, rates[-1]] is not None:
            rates.append(k)
    return out


stores = {n: tap.SCRATCH / f"search{n}.h5" for n in (0, 3)}
tap.ok("at most" in tap.tombola("plan", search, "--store", stores[0]).stdout, "plan says that it may take less")
for ranks, store in stores.items():
    run(search, store, ranks=ranks, name=f"a search that ends is a success, on {ranks} ranks")
trained = {key: len(rates) for key, rates in wanted().items()}
tap.ok(any(n > 1 for n in trained.values()) and any(n < 13 for n in trained.values()), "a search with something to find", trained)
tap.equal(found(stores[0]), wanted(), "it trains rates upwards, to the first that does not generalise")
tap.equal(digest.differences(stores[0], stores[3]), [], "three ranks: the same bits")
rows = tap.query(stores[0], "SELECT DISTINCT state, substr(error, 1, 29) FROM jobs WHERE state != 'done'")
tap.equal(rows, [["skipped", "the search ended with k = 0." + r[1][28:]] for r in rows], "the others say why they are skipped")
tap.ok(tap.query(stores[0], "SELECT count(*) FROM jobs WHERE seed = 2 AND round = 1 AND state = 'skipped'")[0][0] > 0,
       "the earlier rounds of a probe wait with it")
status = tap.tombola("status", stores[0]).stdout
tap.ok("0 failed, 0 blocked" in status and "skipped, which is an answer" in status and "never reached gen" in status, "status tells what was found", status)
ended = json.loads(tap.tombola("status", stores[0], "--json").stdout)
tap.ok(ended["skipped"] > 0 and ended["blocked"] == 0 and not ended["failures"], "as does its JSON", ended)
again = run(search, stores[3], ranks=2, name="again")
tap.ok(" 0 to train" in again.stderr and to_train(search, stores[3]) == 0, "trains nothing", again.stderr)

# Killed again and again, the search finds the same.
store, dice, share = tap.SCRATCH / "killed.h5", random.Random(7), tap.writes(stores[0]) // 10
codes, _ = tap.disturbed(lambda: tap.start("run", search, "--store", store, "--resume-every", "0.01", ranks=dice.choice([0, 2, 3])), store,
                         [dice.randint(0, share) for _ in range(8)])
tap.equal(codes[:-1], [-signal.SIGKILL] * 8, "a search is killed eight times")
code = codes[-1]
if code == 3:  # a job that was killed three times
    code = tap.tombola("run", search, "--store", store, "--retry-failed").returncode
tap.equal((code, digest.differences(stores[0], store)), (0, []), "and finds the same")

# One more grid asks for a rate that the search had not needed: it is trained.
ask = sweep("ask.yaml", rates + "{search: [0.5, 0.98], step: 0.04}", rates.replace("[0, 1]", "1") + "0.98")
run(ask, stores[0])
tap.equal(tap.query(stores[0], "SELECT count(*) FROM jobs WHERE seed = 1 AND k = 0.98 AND state = 'done'"), [[2]],
          "who is asked for without a search is trained")

# What a search says is that of a fresh store, whatever later rates others had trained before.
why = "SELECT control, seed, k, error FROM jobs WHERE state = 'skipped' AND seed < 2 ORDER BY 1, 2, 3"
some, both = [0.62, 0.78, 0.94], sweep("both.yaml", rates + "{search: [0.5, 0.98], step: 0.04, until: gen}", rates + "[0.62, 0.78, 0.94]")
run(sweep("some.yaml", rates + str(some)), tap.SCRATCH / "before.h5")
for files, store in ([search], tap.SCRATCH / "before.h5"), ([both], tap.SCRATCH / "both.h5"), ([both, search], tap.SCRATCH / "both.h5"):
    for file in files:
        run(file, store, ranks=3)
    told = {tuple(row[:3]): row[3] for row in tap.query(stores[3], why)}
    tap.equal({tuple(row[:3]): row[3] for row in tap.query(store, why)}, {key: error for key, error in told.items() if key[2] not in some},
              f"the others say the same in {store.name} after {len(files)} runs")
    tap.equal(found(store), {key: sorted({*ks, *some}) for key, ks in wanted().items()}, "and no more was trained")
tap.equal(tap.tombola("verify", stores[0]).returncode, 0, "verify finds nothing wrong")
tap.done()
