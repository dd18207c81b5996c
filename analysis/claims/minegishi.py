"""What Minegishi et al. (arXiv 2310.19470, version 3) claim; the grids are those of sweeps/paper.yaml.  Here is what their
Figures 2 to 6, 10 and 13 say of how soon networks generalise; minegishi_structure.py has the rest.

How fast a network is: t_gen, and tau_grok = t_gen / t_mem where the paper plots that.  Much faster is less than HALF of the
time, no faster is more than SAME of it; what lies between is neither, so that a claim and its opposite may both fail to hold.

Three rules of these two files could not fail, or looked at something else than they said, and were written again after a first
run, with its numbers known: both of Figure 6 counted checkpoint 0, at which the matched network has the ticket's first norm by
construction; "worse than random" took the least of three, whichever it was, and any difference for one; Figure 15a took nearly
the whole run for the time in which the network comes to generalise, and the first step of a fall for a peak.
"""
import math

import numpy as np

from . import Missing, by_seed, claim, epoch, every, late, measured, number, ratio, select, verdict

HALF = 0.5
SAME = 0.8
K = 0.6  # the prune rate of all figures but 3, 4b and 17


def minegishi(figure, statement, published, rule, name=None):
    return claim(paper="minegishi", figure=figure, statement=statement, published=published, rule=rule, name=name)


def times(store, grid, column, **wanted):
    """{seed: t_gen or tau_grok} of the jobs that are wanted."""
    return by_seed(select(store, grid, **wanted), column)


def versus(store, grid, column, one, other, **wanted):
    """{seed: column of control `one` / of control `other`}, without seeds in which neither ever generalised."""
    mine, others = (times(store, grid, column, control=control, **wanted) for control in (one, other))
    seeds = [seed for seed in set(mine) & set(others) if math.isfinite(mine[seed]) or math.isfinite(others[seed])]
    if not seeds:
        raise Missing(f"grid {grid}: neither {one} nor {other} ever generalises, in any seed")
    return ratio({seed: mine[seed] for seed in seeds}, {seed: others[seed] for seed in seeds})


def medians(store, grid, column, controls, **wanted):
    """"dense 12345, ticket 500": medians over the seeds."""
    found = {control: times(store, grid, column, control=control, **wanted) for control in controls}
    return ", ".join(f"{control} {number(float(np.median(list(values.values()))))}" for control, values in found.items())


# --- 2: tickets of networks that have generalised ---------------------------------------------------------------------------
TASKS = [  # figure, grid, task (None: the only one), what it is
    ("2a", "fig2a-addition-mlp", None, "a + b modulo 67, MLP"),
    ("2b", "fig2b-addition-transformer", None, "a + b modulo 67, transformer"),
    ("2c", "fig2c-arithmetic-mlp", "multiply", "a * b modulo 67, MLP"),
    ("2c", "fig2c-arithmetic-mlp", "squares", "a² + b² modulo 67, MLP"),
    ("2c", "fig2c-arithmetic-mlp", "subtract", "a - b modulo 67 (a <= b), MLP"),
    ("2d", "fig2d-polynomial", None, "polynomial regression"),
    ("2e", "fig2e-parity", None, "sparse parity"),
    ("10", "fig10-mnist", None, "MNIST (sweeps/mnist.yaml), MLP of four layers"),
]


def ticket_is_fast(figure, grid, task, what):
    @minegishi(figure, f"{what}: the grokked ticket generalises with far less delay than the dense network",
               "tau_grok far lower, next to no delay left",
               f"holds if in every seed tau_grok of the ticket is below {HALF} of the dense network's (seeds in which neither "
               "generalises do not count)", name=f"ticket_{figure}_{task or 'only'}")
    def judge(store):
        wanted = {"task": task} if task else {}
        ratios = versus(store, grid, "tau_grok", "ticket", "dense", **wanted)
        ours = f"median tau_grok: {medians(store, grid, 'tau_grok', ('dense', 'ticket'), **wanted)}"
        return verdict(ours=ours, holds=every(ratios, lambda r: r < HALF), values=ratios, what="tau_grok, ticket / dense")


for row in TASKS:
    ticket_is_fast(*row)


# --- 3, 4b: how much is removed ---------------------------------------------------------------------------------------------
def by_rate(store, grid, column, **wanted):
    """{seed: {k: t_gen or tau_grok}} of the tickets of a grid."""
    jobs = select(store, grid, control="ticket", **wanted)
    found = {int(seed): {} for seed in jobs.seed}
    for k, same in jobs.groupby("k"):
        for seed, value in by_seed(same, column).items():
            found[seed][round(float(k), 6)] = value
    return found


@minegishi("3", "moderate prune rates give the fastest tickets", "tau_grok least at k = 0.7, slower on both sides",
           "holds if in every seed the least tau_grok of the rates 0.1 to 0.9 belongs to one from 0.5 to 0.8")
def moderate_rates(store):
    found = by_rate(store, "fig3-rate", "tau_grok")
    if any(min(rates) >= 0.5 or max(rates) <= 0.8 for rates in found.values()):
        raise Missing("grid fig3-rate: no rates on both sides of 0.5 to 0.8")
    best = {seed: min(rates, key=rates.get) for seed, rates in found.items() if math.isfinite(min(rates.values()))}
    if len(best) < len(found):
        return verdict(ours="in some seed no rate generalises", holds=False, values=best, what="the fastest k")
    return verdict(ours="", holds=every(best, lambda k: 0.5 <= k <= 0.8), values=best, what="the fastest k")


@minegishi("3", "the more is removed, the later a ticket memorises", "t_mem grows with k",
           "holds if in every seed t_mem at k = 0.1, 0.5 and 0.9 grows from one to the next")
def memory_comes_later(store):
    found = by_rate(store, "fig3-rate", "t_mem")
    if any(not {0.1, 0.5, 0.9} <= set(rates) for rates in found.values()):
        raise Missing("grid fig3-rate: no tickets at k = 0.1, 0.5 and 0.9")
    growth = {seed: rates[0.9] / rates[0.1] if math.isfinite(rates[0.1]) else 0 for seed, rates in found.items()}
    fine = {seed: rates[0.1] < rates[0.5] < rates[0.9] for seed, rates in found.items()}
    return verdict(ours="", holds=every(fine), values=growth, what="t_mem at k = 0.9 / at 0.1")


@minegishi("4b", "tickets that are too sparse do not generalise", "none at k = 0.9",
           "holds if in every seed the ticket with k = 0.9 never generalises, but that with k = 0.5 does")
def too_sparse(store):
    found = by_rate(store, "fig4b-rate", "t_gen")
    if any(not {0.5, 0.9} <= set(rates) for rates in found.values()):
        raise Missing("grid fig4b-rate: no tickets at k = 0.5 and 0.9")
    sparse = {seed: rates[0.9] for seed, rates in found.items()}
    fine = {seed: math.isinf(rates[0.9]) and math.isfinite(rates[0.5]) for seed, rates in found.items()}
    return verdict(ours=f"of {len(found)} seeds {sum(math.isinf(v) for v in sparse.values())} never generalise at k = 0.9",
                   holds=every(fine), values=sparse, what="t_gen at k = 0.9")


# --- 4a: when the ticket is drawn -------------------------------------------------------------------------------------------
def by_phase(store, grid, of=np.median):
    """{seed: {phase: of(t_gen of its tickets / t_gen of the dense network)}}.  Phases, by the dense network's epochs: memory
    (before the middle between t_mem and t_gen), transition (from there to t_gen), after (at t_gen and later)."""
    tickets = select(store, grid, control="ticket")
    dense = select(store, grid, control="dense").set_index("seed")
    found = {}
    for seed, same in tickets.groupby("seed"):
        mem, gen = (epoch(dense.loc[seed], name) if seed in dense.index else math.inf for name in ("t_mem", "t_gen"))
        if math.isinf(gen):
            raise Missing(f"grid {grid}, seed {seed}: no dense network that generalises")
        phase = np.where(same.t < (mem + gen) / 2, "memory", np.where(same.t < gen, "transition", "after"))
        found[int(seed)] = {name: of(part) for name, part in (late(same, "t_gen") / gen).groupby(phase)}
    return found


def in_phase(store, grid, phase, of=np.median):
    values = {seed: phases[phase] for seed, phases in by_phase(store, grid, of).items() if phase in phases}
    if not values:
        raise Missing(f"grid {grid}: no ticket was drawn in the phase '{phase}'")
    return values


def no_faster(figure, grid, what, phase, drawn):
    chen = "; Chen finds that they do" if "transformer" in what else ""

    @minegishi(figure, f"{what}: tickets drawn {drawn} do not speed up generalisation{chen}",
               "no speed-up from non-grokked tickets",
               f"holds if in every seed the median t_gen of such tickets is at least {SAME} of the dense network's",
               name=f"when_{phase}_{grid}")
    def judge(store):
        values = in_phase(store, grid, phase)
        return verdict(ours="", holds=every(values, lambda r: r >= SAME), values=values, what="median t_gen, tickets / dense")


def never(figure, grid, what):
    @minegishi(figure, f"{what}: tickets drawn while the network only remembers never generalise fully",
               "only as far as the network itself had", "holds if in every seed at least half of such tickets never "
               "generalise", name=f"when_never_{grid}")
    def judge(store):
        values = in_phase(store, grid, "memory", of=lambda part: float(np.isinf(part).mean()))
        return verdict(ours="", holds=every(values, lambda part: part >= 0.5), values=values,
                       what="part of them that never does")


def after_is_fast(figure, grid, what):
    @minegishi(figure, f"{what}: tickets drawn after generalisation generalise much earlier", "these are the grokked tickets",
               f"holds if in every seed the median t_gen of such tickets is below {HALF} of the dense network's",
               name=f"when_after_{grid}")
    def judge(store):
        values = in_phase(store, grid, "after")
        return verdict(ours="", holds=every(values, lambda r: r < HALF), values=values, what="median t_gen, tickets / dense")


for grid, what, figure in (("fig4a-when", "a + b, MLP", "4a"),
                           ("fig4a-when-transformer", "a + b, transformer", "4a, appendix")):
    no_faster(figure, grid, what, "memory", "while the network only remembers")
    no_faster(figure, grid, what, "transition", "on the way from memory to understanding")
    never(figure, grid, what)
    after_is_fast(figure, grid, what)


# --- 5a, 6, 13: is it the norm? ---------------------------------------------------------------------------------------------
def norm_is_not_it(figure, grid, what, control):
    @minegishi(figure, f"{what}: a dense network of the ticket's {control.upper()} norm still takes long",
               "much later than the ticket",
               f"holds if in every seed t_gen of the ticket is below {HALF} of the norm-matched network's",
               name=f"norm_{control}_{grid}")
    def judge(store):
        ratios = versus(store, grid, "t_gen", "ticket", control)
        ours = f"median t_gen: {medians(store, grid, 't_gen', ('dense', 'ticket', control))}"
        return verdict(ours=ours, holds=every(ratios, lambda r: r < HALF), values=ratios, what=f"t_gen, ticket / {control}")


for grid, what, figure in (("fig5a-norm", "a + b, MLP", "5a"), ("fig13-norm-transformer", "a + b, transformer", "13")):
    for control in ("l1", "l2"):
        norm_is_not_it(figure, grid, what, control)


def norm_at(store, job, array, first):
    """The norm of all weights at the first checkpoint from an epoch on."""
    norms = measured(store, job, "norms", array)["all"]
    later = norms[norms.index >= first]
    if not len(later):
        raise Missing(f"job {job.id[:8]}: no norms from epoch {number(first)} on")
    return float(later.iloc[0])


def norm_falls_first(figure, control, array):
    @minegishi(figure, f"a + b, MLP: a small {control.upper()} norm is not enough: the norm-matched dense network reaches the "
               f"norm at which the ticket generalised, and does not generalise yet", "similar norms, very different t_gen",
               "holds if in every seed the norm-matched network has, at some checkpoint from its t_mem on and before its t_gen, "
               "no greater norm than the ticket at its first checkpoint from t_gen on", name=f"norm_falls_first_{control}")
    def judge(store):
        tickets = select(store, "fig6-norms", control="ticket").set_index("seed", drop=False)
        matched = select(store, "fig6-norms", control=control).set_index("seed", drop=False)
        if np.isinf(late(tickets, "t_gen")).any():
            raise Missing("grid fig6-norms: in some seed the ticket never generalises")
        values = {}
        for seed in sorted(set(tickets.index) & set(matched.index)):
            dense, ticket = matched.loc[seed], tickets.loc[seed]
            norms = measured(store, dense, "norms", array)["all"]
            between = norms[(norms.index >= epoch(dense, "t_mem")) & (norms.index < epoch(dense, "t_gen"))]
            if not len(between):
                raise Missing(f"grid fig6-norms, seed {seed}: no checkpoint of the matched network between t_mem and t_gen")
            values[int(seed)] = float(between.min()) / norm_at(store, ticket, array, epoch(ticket, "t_gen"))
        return verdict(ours="", holds=every(values, lambda r: r <= 1), values=values,
                       what=f"least {control.upper()} norm of the matched network from t_mem to t_gen / the ticket's at t_gen")


norm_falls_first("6", "l1", "l1_masked")
norm_falls_first("6", "l2", "l2_masked")


@minegishi("6", "a + b, MLP: in the end the L2 norms of the ticket and of the dense network are alike, the L1 norms are not",
           "L2 alike, L1 of the ticket smaller",
           "holds if in every seed the ticket's last L2 norm is between 0.8 and 1.25 of the dense network's and its last L1 "
           "norm is not")
def norms_in_the_end(store):
    last = {}
    for control in ("dense", "ticket"):
        for _, job in select(store, "fig6-norms", control=control).iterrows():
            curves = (measured(store, job, "norms", f"{p}_masked")["all"] for p in ("l1", "l2"))
            last[control, int(job.seed)] = [float(curve.iloc[-1]) for curve in curves]
    ratios = {seed: np.divide(last["ticket", seed], norms) for (control, seed), norms in last.items()
              if control == "dense" and ("ticket", seed) in last}
    fine = {seed: 0.8 <= l2 <= 1.25 and not 0.8 <= l1 <= 1.25 for seed, (l1, l2) in ratios.items()}
    l1 = ", ".join(f"{seed}: {r[0]:.2f}" for seed, r in sorted(ratios.items()))
    return verdict(ours=f"L1 norm, ticket / dense: seed {l1}", holds=every(fine),
                   values={seed: r[1] for seed, r in ratios.items()},
                   what="L2 norm, ticket / dense")


# --- 5b: is it the sparsity? ------------------------------------------------------------------------------------------------
def sparsity_is_not_it(control):
    @minegishi("5b", f"a network made as sparse at initialisation by {control} is no better than the dense one",
               "no better than dense, or worse",
               f"holds if in every seed its t_gen is at least {SAME} of the dense network's", name=f"at_init_{control}")
    def judge(store):
        ratios = versus(store, "fig5b-at-init", "t_gen", control, "dense")
        ours = f"median t_gen: {medians(store, 'fig5b-at-init', 't_gen', ('dense', 'ticket', control))}"
        return verdict(ours=ours, holds=every(ratios, lambda r: r >= SAME), values=ratios, what=f"t_gen, {control} / dense")


AT_INIT = ("random", "snip", "grasp", "synflow")
for control in AT_INIT:
    sparsity_is_not_it(control)


@minegishi("5b", "the ticket generalises much earlier than every network made as sparse at initialisation",
           "ticket far ahead of all four",
           f"holds if in every seed the ticket's t_gen is below {HALF} of the best of random, snip, grasp and synflow")
def ticket_beats_at_init(store):
    ticket = times(store, "fig5b-at-init", "t_gen", control="ticket")
    others = [times(store, "fig5b-at-init", "t_gen", control=control) for control in AT_INIT]
    best = {seed: min(other.get(seed, math.inf) for other in others) for seed in ticket}
    ratios = ratio(ticket, best)
    return verdict(ours="", holds=every(ratios, lambda r: r < HALF), values=ratios, what="t_gen, ticket / best of the four")


CLEARLY = 0.02  # test accuracy


@minegishi("5b", "some way of choosing a mask at initialisation is worse than chance",
           "some of SNIP, GraSP, SynFlow below random",
           f"holds if there is one of snip, grasp and synflow whose test accuracy is in the end, in every seed, at least {CLEARLY} "
           "less than that of random; does not if each of them is so in at most half of the seeds")
def worse_than_random(store):
    last = {control: by_seed(select(store, "fig5b-at-init", control=control), "test_accuracy") for control in AT_INIT}
    ahead = {control: {seed: last[control][seed] - value for seed, value in last["random"].items() if seed in last[control]}
             for control in AT_INIT[1:]}
    found = {control: every(values, lambda d: d <= -CLEARLY) for control, values in ahead.items()}
    worst = min(found, key=lambda control: ({True: 0, None: 1, False: 2}[found[control]], np.median(list(ahead[control].values()))))
    return verdict(ours="", holds=found[worst], values=ahead[worst], what=f"test accuracy, {worst} - random")
