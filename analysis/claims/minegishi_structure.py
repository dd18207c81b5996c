"""What Minegishi et al. claim of the structure of networks: how it moves (Figures 7 and 15), its waves (8) and its graph (9),
whether it needs weight decay (17) and whether it is enough (Table 1); and what we asked beside the paper.  What HALF and SAME
are, and which rules were written again: minegishi.py.
"""
import math

import numpy as np

from . import Missing, by_seed, epoch, every, first_above, measured, number, ratio, select, verdict
from .minegishi import HALF, SAME, K, by_rate, minegishi, times, versus


# --- 7, 15: the structure moves while test accuracy rises -------------------------------------------------------------------
def rise(store, job):
    """(begin, end): epochs after t_mem at which the test curve has gone 0.1 and 0.9 of its way from its value at t_mem to
    its best.  The curve is the test accuracy, of a regression the test loss, downwards."""
    series = store.series(job)
    curve = series.test_accuracy if series.test_accuracy.notna().any() else -series.test_loss
    mem = epoch(job, "t_mem")
    if math.isinf(mem):
        raise Missing(f"job {job.id[:8]} never memorised")
    curve = curve[curve.index >= mem].dropna()
    low, high = float(curve.iloc[0]), float(curve.max())
    return tuple(first_above(curve, low + part * (high - low)) for part in (0.1, 0.9))


def movement(store, job):
    """Jaccard distances between masks of checkpoints that lie evenly: Series by the later epoch, and the gap."""
    distance = measured(store, job, "jaccard", "distance", f"k={K}")["all"]
    gaps = distance.index.to_series().diff()
    usual = gaps.groupby(gaps).sum().idxmax()
    return distance[gaps == usual].dropna(), float(usual)


def moves_while_rising(figure, grid, what, peaked=False):
    more = ", and the step before it has a smaller one: a peak, not what is left of a fall since the start" if peaked else ""

    @minegishi(figure, f"{what}: the structure (magnitude mask, k = {K}) changes fastest while the network comes to generalise",
               "Jaccard distance peaks as test accuracy rises",
               "holds if in every seed the greatest Jaccard distance between checkpoints at even steps after t_mem is at a "
               f"step that overlaps the rise of the test curve (from 0.1 to 0.9 of its way from t_mem to its best){more}",
               name=f"movement_{grid}")
    def judge(store):
        fine, peaks, ends = {}, {}, []
        for _, job in select(store, grid, control="dense").iterrows():
            begin, end = rise(store, job)
            distance, gap = movement(store, job)
            since = distance[distance.index - gap >= epoch(job, "t_mem")]
            if len(since) < 3:
                raise Missing(f"grid {grid}: fewer than three steps after t_mem")
            peak = float(since.idxmax())
            peaks[int(job.seed)] = peak
            peaks_there = not peaked or distance.get(peak - gap, math.inf) < distance[peak]
            fine[int(job.seed)] = begin <= peak and peak - gap <= end and peaks_there
            ends.append(f"seed {job.seed}: {number(begin)} to {number(end)}")
        return verdict(ours=f"rise of the test curve: {'; '.join(ends)}; steps of {number(gap)}", holds=every(fine),
                       values=peaks,
                       what="epoch of the greatest distance")


moves_while_rising("7", "fig7-movement", "a + b, MLP")
moves_while_rising("15a", "fig15a-movement-polynomial", "polynomial regression", peaked=True)
moves_while_rising("15b", "fig15b-movement-parity", "sparse parity")


# --- 8: neurons become waves ------------------------------------------------------------------------------------------------
def entropies(store, grid, control):
    """{seed: Fourier entropy of the neurons' input side, without the constant, by epoch}."""
    jobs = select(store, grid, control=control)
    return {int(job.seed): measured(store, job, "fourier", "fe")["in_from1"] for _, job in jobs.iterrows()}


@minegishi("8", "a + b, MLP: the neurons of the grokked ticket end as waves: their Fourier entropy falls",
           "periodic weights, low entropy",
           "holds if in every seed the ticket's last Fourier entropy (input side, frequencies from 1 on) is at most 0.8 of its "
           "first")
def ticket_becomes_waves(store):
    falls = {seed: float(curve.iloc[-1] / curve.iloc[0]) for seed, curve in entropies(store, "fig8-waves", "ticket").items()}
    return verdict(ours="", holds=every(falls, lambda f: f <= 0.8), values=falls, what="Fourier entropy, last / first")


@minegishi("8", "a + b, MLP: the Fourier entropy of the ticket falls much earlier than that of the dense network",
           "ticket first",
           f"holds if in every seed the ticket's entropy is half-way between the dense network's first and last one before "
           f"{HALF} of the dense network's epochs to there (cannot tell if the dense network's does not fall)")
def waves_come_earlier(store):
    dense, ticket = (entropies(store, "fig8-waves", control) for control in ("dense", "ticket"))
    reached = {"dense": {}, "ticket": {}}
    for seed, curve in dense.items():
        if curve.iloc[-1] >= curve.iloc[0]:
            raise Missing(f"seed {seed}: the dense network's Fourier entropy does not fall")
        half = float(curve.iloc[0] + curve.iloc[-1]) / 2
        for name, other in (("dense", curve), ("ticket", ticket.get(seed))):
            if other is not None:
                reached[name][seed] = first_above(-other, -half)
    ratios = ratio(reached["ticket"], reached["dense"])
    steps = ", ".join(f"seed {seed}: {number(reached['ticket'][seed])} and {number(reached['dense'][seed])}"
                      for seed in sorted(ratios))
    return verdict(ours=f"epochs to half-way, ticket and dense: {steps}", holds=every(ratios, lambda r: r < HALF),
                   values=ratios,
                   what="epochs to half-way, ticket / dense")


# --- 9: the graph of the kept weights ---------------------------------------------------------------------------------------
def graph_changes(array, words, rises):
    @minegishi("9", f"a + b, MLP: while the network comes to generalise, the {words} of its kept weights (k = {K}) "
               f"{'rises' if rises else 'falls'}", "path length up, clustering down",
               f"holds if in every seed the {words} is {'greater' if rises else 'less'} at the first checkpoint from t_gen on "
               f"than at the first from t_mem on, by 1 % at least", name=f"graph_{array}")
    def judge(store):
        values = {}
        for _, job in select(store, "fig9-graph", control="dense").iterrows():
            curve = measured(store, job, "graph", array, f"k={K}").iloc[:, 0].dropna()
            then = [curve[curve.index >= epoch(job, name)] for name in ("t_mem", "t_gen")]
            if not len(then[1]) or then[0].index[0] == then[1].index[0]:
                raise Missing(f"grid fig9-graph, seed {job.seed}: no checkpoints both before and after it generalised")
            values[int(job.seed)] = float(then[1].iloc[0] / then[0].iloc[0])
        return verdict(ours="", holds=every(values, lambda r: r >= 1.01 if rises else r <= 0.99), values=values,
                       what=f"{words}, at t_gen / at t_mem")


graph_changes("path_length", "mean path length", True)
graph_changes("clustering", "clustering coefficient", False)


# --- 17: without weight decay -----------------------------------------------------------------------------------------------
@minegishi("17a", "at a critical prune rate between 0.8 and 0.9 a ticket generalises without weight decay", "0.81",
           "holds if in every seed some rate from 0.8 on and below 0.9 generalises with weight decay 0")
def critical_rate(store):
    found = by_rate(store, "fig17a-rate-no-decay", "t_gen", training_weight_decay=0)
    least = {seed: min([k for k, t in rates.items() if 0.8 <= k < 0.9 and math.isfinite(t)], default=math.inf)
             for seed, rates in found.items()}
    enough = "; ".join(f"seed {seed}: {', '.join(f'{k:g}' for k in sorted(rates) if math.isfinite(rates[k])) or 'none'}"
                       for seed, rates in sorted(found.items()))
    return verdict(ours=f"rates that generalise: {enough}", holds=every(least, math.isfinite), values=least,
                   what="the least such rate from 0.8 on")


@minegishi("17a", "tickets with less removed do not generalise without weight decay",
           "only near the critical rate (our reading)",
           "holds if in every seed no rate of 0.7 or less generalises with weight decay 0")
def below_the_critical_rate(store):
    found = by_rate(store, "fig17a-rate-no-decay", "t_gen", training_weight_decay=0)
    best = {seed: min([t for k, t in rates.items() if k <= 0.7], default=math.nan) for seed, rates in found.items()}
    return verdict(ours="", holds=every(best, math.isinf), values=best, what="least t_gen of rates up to 0.7")


@minegishi("17a", "without weight decay, too, a ticket can be too sparse", "none at k = 0.9",
           "holds if in every seed the ticket with k = 0.9 never generalises with weight decay 0")
def too_sparse_without_decay(store):
    sparse = by_seed(select(store, "fig17a-rate-no-decay", control="ticket", k=0.9, training_weight_decay=0), "t_gen")
    return verdict(ours="", holds=every(sparse, math.isinf), values=sparse, what="t_gen at k = 0.9")


@minegishi("17b", "the dense network does not generalise without weight decay", "never",
           "holds if in every seed the dense network never generalises with weight decay 0")
def dense_needs_decay(store):
    dense = times(store, "fig17b-no-decay", "t_gen", control="dense", training_weight_decay=0)
    return verdict(ours="", holds=every(dense, math.isinf), values=dense, what="t_gen without weight decay")


# --- Table 1: structure alone -----------------------------------------------------------------------------------------------
# sweeps/paper.yaml says which settings of this table were searched for, and with what outcome: that was known when these rules
# were written, and what was searched for on the seeds of the sweep is fitted, not predicted.
EPOCHS = (600, 1000, 1400, 2000)  # after t_mem
TABLE = {  # mean and standard deviation of the paper
    "continue": ("weight decay alone", (0.53, 0.95, 1.00, 1.00), (0.31, 0.03, 0.00, 0.00)),
    "frozen": ("edge-popup on frozen weights", (0.68, 0.80, 0.84, 0.92), (0.19, 0.17, 0.16, 0.06)),
    "trained": ("edge-popup and weight decay", (0.82, 0.96, 0.99, 1.00), (0.04, 0.01, 0.00, 0.00)),
}
NEAR = 0.1


def accuracies(store, grid, control):
    """{seed: [test accuracy at each of EPOCHS]}."""
    found = {}
    for _, job in select(store, grid, control=control).iterrows():
        curve = store.series(job).test_accuracy
        if not set(EPOCHS) <= set(curve.index):
            raise Missing(f"grid {grid}: curves without points at all of the epochs {EPOCHS}")
        found[int(job.seed)] = [float(curve[e]) for e in EPOCHS]
    return found


def row_of_table_1(grid, setting, control):
    what, published, spread = TABLE[control]

    @minegishi("Table 1", f"{what}, from the network that has just memorised ({setting}): test accuracy at epochs {EPOCHS}",
               ", ".join(f"{m:.2f} ± {s:.2f}" for m, s in zip(published, spread)),
               f"holds if the mean over the seeds is within {NEAR} of the paper's at each of the four epochs",
               name=f"table1_{control}_{setting}")
    def judge(store):
        found = accuracies(store, grid, control)
        mean, sd = np.mean(list(found.values()), axis=0), np.std(list(found.values()), axis=0, ddof=1 if len(found) > 1 else 0)
        off = {seed: float(np.abs(np.subtract(row, published)).max()) for seed, row in found.items()}
        return verdict(ours=", ".join(f"{m:.2f} ± {s:.2f}" for m, s in zip(mean, sd)),
                       holds=np.all(np.abs(mean - published) <= NEAR),
                       values=off, what="greatest difference from the paper's")


def structure_alone(grid, setting):
    @minegishi("Table 1", f"search for a subnetwork alone, without touching a weight, makes a memorising network generalise "
               f"({setting})",
               "0.92 after 2000 epochs", "holds if in every seed edge-popup on frozen weights has a test accuracy of at least "
               "0.8 after 2000 epochs", name=f"structure_alone_{setting}")
    def judge(store):
        last = {seed: row[-1] for seed, row in accuracies(store, grid, "frozen").items()}
        return verdict(ours="", holds=every(last, lambda a: a >= 0.8), values=last, what="test accuracy after 2000 epochs")


def structure_helps(grid, setting):
    @minegishi("Table 1", f"weight decay makes a memorising network generalise sooner when it also searches for structure "
               f"({setting})",
               "0.82 against 0.53 at epoch 600",
               "holds if in every seed edge-popup and weight decay are ahead of weight decay alone by at "
               "least 0.1 of test accuracy at epoch 600", name=f"structure_helps_{setting}")
    def judge(store):
        both, alone = (accuracies(store, grid, control) for control in ("trained", "continue"))
        ahead = {seed: both[seed][0] - alone[seed][0] for seed in set(both) & set(alone)}
        return verdict(ours="", holds=every(ahead, lambda a: a >= 0.1), values=ahead, what="test accuracy ahead at epoch 600")


FOUND = ("table1-edge-popup-found", "found")
for control in TABLE:
    row_of_table_1(*FOUND, control)
structure_alone(*FOUND)
structure_helps(*FOUND)


# --- beside the paper -------------------------------------------------------------------------------------------------------
SETTING = {"task_train_fraction": "fraction", "training_lr": "lr", "training_weight_decay": "decay", "model_d_hidden": "width"}
OTHERS = ("other-fractions", "other-steps", "other-decays", "other-widths")


@minegishi("beside", "that tickets are fast does not depend on the setting: part of the table, step, weight decay, width",
           "(not claimed in so many words)",
           f"holds if in each setting every seed's tau_grok of the ticket is below {HALF} of the dense network's; does not if "
           f"that is so in at most half of the settings")
def other_settings(store):
    fine, values = {}, {}
    for grid in OTHERS:
        for key, _ in select(store, grid, control="ticket").groupby(list(SETTING)):
            setting = " ".join(f"{name} {value:g}" for name, value in zip(SETTING.values(), key))
            ratios = versus(store, grid, "tau_grok", "ticket", "dense", **dict(zip(SETTING, key)))
            values[setting] = float(np.median(list(ratios.values())))
            fine[setting] = every(ratios, lambda r: r < HALF) is True
    return verdict(ours="", holds=every(fine), values=values, what="median tau_grok, ticket / dense")


@minegishi("beside", "a + b, MLP: the ticket's mask permuted inside each tensor is worth nothing: which weights are kept is "
           "what counts",
           "structure, not sparsity by tensor (our reading)",
           f"holds if in every seed its t_gen is at least {SAME} of the dense network's")
def shuffled_masks(store):
    ratios = versus(store, "other-masks", "t_gen", "shuffle", "dense")
    return verdict(ours="", holds=every(ratios, lambda r: r >= SAME), values=ratios, what="t_gen, shuffle / dense")


@minegishi("beside", "a + b, MLP: the ticket's mask on fresh weights generalises much earlier than the dense network: "
           "structure without the initialisation that it was found with", "not said (Frankle and Carbin: such tickets lose)",
           f"holds if in every seed its t_gen is below {HALF} of the dense network's")
def masks_on_fresh_weights(store):
    ratios = versus(store, "other-masks", "t_gen", "reinit", "dense")
    return verdict(ours="", holds=every(ratios, lambda r: r < HALF), values=ratios, what="t_gen, reinit / dense")
