"""What Chen claims of tickets of transformers (Grokking Tickets: An Analysis); the grids are those of sweeps/chen.yaml.

The published numbers are the marks of the figures in Chen's code: Nanda et al.'s dense network is through with clean-up at epoch
14000, its tickets (k = 0.4) from the ends of memorisation, circuit formation and clean-up at 12000, 2200 and 1800.  Minegishi
et al. hold that tickets drawn before the dense network generalises do not help.

Two networks are judged: the paper's own (p = 113, three seeds) and a small one (p = 43, five seeds).  Much sooner is less than
HALF of the time, no sooner more than SAME of it, as with Minegishi et al.  A ticket counts as drawn before generalisation
where its dense network's test accuracy was below HALF then.  A run that ends before it could have been too late says nothing.
The stages of seed 0 were looked at (of dense networks alone) before these rules were fixed; no ticket was.  After a first run
the small network got more epochs and an earlier ticket, for the reasons in sweeps/chen.yaml; no rule was changed.  Later one
was: circuit_formed looked at the ticket of t_gen, of a network that has generalised, which Chen's, of epoch 9000, has not; when
it was written again, the tickets that it looks at now were known from `disagreement`.
"""
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from . import Missing, by_seed, claim, every, late, measured, number, select, verdict

HALF = 0.5
SAME = 0.8
K = 0.4
CLEAN_UP = 14000  # epochs of the dense network, as published


@dataclass(frozen=True)
class Network:
    name: str  # what claims about it are called after
    what: str
    dense: str  # its grids: of dense networks,
    sparse: tuple  # of tickets and of random masks
    memorised: str  # the t of its tickets from the end of memorisation
    forming: str  # and from circuit formation
    order: tuple  # all t, from the earliest on; the last epoch is after clean-up

    def of(self, store, **wanted):
        """The jobs that are wanted, from whichever grid has them."""
        for grid in self.sparse:
            try:
                return select(store, grid, **wanted)
            except Missing as missing:
                why = missing
                if "has no jobs" not in str(missing):
                    raise
        raise why

    def ticket(self, store, t, k=K):
        return self.of(store, control="ticket", t_asked=t, k=k)

    def random_mask(self, store, k=K):
        return self.of(store, control="random", k=k)


LARGE = Network("large", "Nanda et al.'s transformer", "chen-dense", ("chen-tickets-early", "chen-tickets-late", "chen-random"),
                "1400", "5000", ("1400", "5000", "gen", "14000"))
SMALL = Network("small", "a small transformer", "chen-small-dense", ("chen-small-tickets", "chen-small-sparser"),
                "1000", "1500", ("0", "mem", "1000", "1500", "gen", "12000"))
BOTH = (LARGE, SMALL)


def chen(figure, statement, published, rule, name=None):
    return claim(paper="chen", figure=figure, statement=statement, published=published, rule=rule, name=name)


def on(networks, figure, statement, published, rule):
    """Decorator: the claim is judged on each of the networks, by judge(store, network)."""
    def decorate(judge):
        for network in networks:
            chen(figure, f"{network.what}: {statement}", published, rule, name=f"{judge.__name__}_{network.name}")(
                lambda store, network=network: judge(store, network))
        return judge
    return decorate


def dense_of(store, network):
    return select(store, network.dense, control="dense")


def span(job):
    """Between which epochs the network generalised: at one, or after the last."""
    return (float(job.end), math.inf) if pd.isna(job.t_gen) else (float(job.t_gen), float(job.t_gen))


def sooner(bound, jobs, *others):
    """{seed: t_gen / t_gen of the soonest other}; Missing if the runs are too short to tell if it is below the bound."""
    found = {}
    for seed in sorted(set(jobs.seed).intersection(*(other.seed for other in others))):
        mine, *theirs = (span(one_of_seed(which, seed)) for which in (jobs, *others))
        earliest, latest = (min(ends) for ends in zip(*theirs))
        if not (mine[1] < bound * earliest or mine[0] >= bound * latest):
            raise Missing(f"seed {seed}: {mine[0]:.0f} epochs without generalising do not tell if it is later than {bound} of {earliest:.0f}")
        found[int(seed)] = mine[1] / max(latest, 1)
    return found


def one_of_seed(jobs, seed):
    (_, job), = jobs[jobs.seed == seed].iterrows()
    return job


def before(store, network, jobs):
    """Missing unless every dense network's test accuracy was below HALF when its ticket was drawn."""
    dense = {int(job.seed): job for _, job in dense_of(store, network).iterrows()}
    for _, ticket in jobs.iterrows():
        accuracy = store.series(dense[int(ticket.seed)]).test_accuracy
        reached = accuracy[accuracy.index <= ticket.t]
        if not len(reached) or reached.iloc[-1] >= HALF:
            raise Missing(f"seed {ticket.seed}: at epoch {ticket.t} the dense network has generalised")
    return jobs


def medians(store, network, k=K):
    """"dense 8240, ticket from 1400 7000, ..., random never": medians over the seeds."""
    parts = [("dense", dense_of(store, network)), ("random", network.random_mask(store, k))]
    parts[1:1] = [(f"ticket from {t}", network.ticket(store, t, k)) for t in network.order]
    return ", ".join(f"{name} {number(float(np.median(late(jobs, "t_gen"))))}" for name, jobs in parts)


def relative(epoch):
    return f"{epoch} of {CLEAN_UP} epochs ({epoch / CLEAN_UP:.2f})"


# --- tickets ----------------------------------------------------------------------------------------------------------------
@on(BOTH, "tickets", "it groks: it generalises long after it has memorised", "train loss falls before epoch 1400, test loss after 9400",
    "holds if in every seed t_gen is more than ten times t_mem")
def groks(store, network):
    taus = by_seed(dense_of(store, network), "tau_grok")
    return verdict(ours="it generalises late", holds=every(taus, lambda tau: tau > 10), values=taus, what="tau_grok")


@on(BOTH, "tickets", "the ticket from after clean-up generalises at once", relative(1800),
    f"holds if in every seed its t_gen is below {HALF} of the dense network's")
def clean_up(store, network):
    ratios = sooner(HALF, network.ticket(store, network.order[-1]), dense_of(store, network))
    return verdict(ours=f"median t_gen: {medians(store, network)}", holds=every(ratios, lambda r: r < HALF), values=ratios,
                   what="t_gen, ticket / dense")


@on(BOTH, "tickets", "the ticket from circuit formation, before the network generalises, does so much sooner", relative(2200),
    f"holds if in every seed its t_gen is below {HALF} of the dense network's (cannot tell if that had a test accuracy of {HALF} or"
    " more when the ticket was drawn)")
def circuit_formed(store, network):
    tickets = before(store, network, network.ticket(store, network.forming))
    ratios = sooner(HALF, tickets, dense_of(store, network))
    return verdict(ours=f"tickets from epoch {network.forming}", holds=every(ratios, lambda r: r < HALF), values=ratios,
                   what="t_gen, ticket / dense")


@on(BOTH, "tickets", "a ticket from the end of memorisation is a little faster than the dense network", relative(12000),
    "holds if in every seed its t_gen is below the dense network's")
def memorised(store, network):
    tickets = before(store, network, network.ticket(store, network.memorised))
    ratios = sooner(1, tickets, dense_of(store, network))
    return verdict(ours=f"tickets from epoch {network.memorised}", holds=every(ratios, lambda r: r < 1), values=ratios,
                   what="t_gen, ticket / dense")


@on(BOTH, "tickets", "the later a ticket is drawn, the sooner it generalises", "12000, 2200 and 1800 epochs",
    f"holds if the median t_gen falls, or stays, from each t to the next, and in all below {HALF}")
def later_is_sooner(store, network):
    medians_ = [float(np.median(late(network.ticket(store, t), "t_gen"))) for t in network.order]
    falls = all(after <= first for first, after in zip(medians_, medians_[1:]))
    text = ", ".join(f"from {t}: {number(value)}" for t, value in zip(network.order, medians_))
    return verdict(ours=f"median t_gen {text}", holds=falls and medians_[-1] < HALF * medians_[0])


@on(BOTH, "tickets", "as sparse a random mask is no ticket", "(Minegishi et al., figure 5b)",
    f"holds if in every seed the t_gen of the ticket from after clean-up is below {HALF} of the random mask's")
def random_is_none(store, network):
    ratios = sooner(HALF, network.ticket(store, network.order[-1]), network.random_mask(store))
    return verdict(ours="ticket from after clean-up against a random mask", holds=every(ratios, lambda r: r < HALF), values=ratios,
                   what="t_gen, ticket / random")


# --- Chen against Minegishi et al.: tickets that are drawn before the network generalises ---------------------------------------
def helps(store, networks, when, k=K, bound=HALF):
    """{"large 0": t_gen of the ticket over that of the dense network or the random mask, whichever is sooner}."""
    found = {}
    for network in networks:
        tickets = before(store, network, network.ticket(store, when(network), k))
        ratios = sooner(bound, tickets, dense_of(store, network), network.random_mask(store, k))
        found |= {f"{network.name} {seed}": value for seed, value in ratios.items()}
    return found


AGAINST = "t_gen of the ticket over that of the dense network or of the random mask, whichever is sooner"


def disagreement(networks, k, name, whose):
    @chen("tickets", f"{whose}: tickets drawn in circuit formation, before the dense network generalises, speed grokking up"
          f" (k = {k:g}); Minegishi et al. say they do not",
          f"Chen: {relative(2200)} from the end of circuit formation; Minegishi et al.: no speed-up before generalisation",
          f"Chen is right (holds) if in every seed the ticket's t_gen is below {HALF} of both the dense network's and the random"
          " mask's; Minegishi et al. are (does not hold) if in at most half of them", name=name)
    def judge(store):
        found = helps(store, networks, lambda network: network.forming, k)
        return verdict(ours="tickets from epoch " + ", ".join(f"{n.forming} ({n.name})" for n in networks),
                       holds=every(found, lambda r: r < HALF), values=found, what=AGAINST)


disagreement(BOTH, K, "disagreement", "transformers")
disagreement((LARGE,), K, "disagreement_large", LARGE.what)
disagreement((SMALL,), K, "disagreement_small", SMALL.what)
disagreement((SMALL,), 0.6, "disagreement_sparser", f"{SMALL.what}, at the rate of Minegishi et al.")


@chen("tickets", "transformers: a ticket of the network that has memorised and no more does not speed grokking up (Minegishi et al.);"
      " Chen sees it a little faster", f"Minegishi et al.: no speed-up; Chen: {relative(12000)}",
      f"holds if in every seed of both networks the ticket's t_gen is above {SAME} of the dense network's or of the random mask's")
def memorised_does_not_help(store):
    found = helps(store, BOTH, lambda network: network.memorised, bound=SAME)
    return verdict(ours=f"tickets from epoch {LARGE.memorised} (large), {SMALL.memorised} (small)",
                   holds=every(found, lambda r: r > SAME), values=found, what=AGAINST)


@chen("tickets", "a small transformer: tickets of the initialisation and of t_mem do not speed grokking up",
      "Minegishi et al.: no speed-up from memorising networks",
      f"holds if in every seed both tickets' t_gen is above {SAME} of the dense network's")
def earlier_does_not_help(store):
    found = {}
    for t in ("0", "mem"):
        ratios = sooner(SAME, before(store, SMALL, SMALL.ticket(store, t)), dense_of(store, SMALL))
        found |= {f"t {t}, seed {seed}": value for seed, value in ratios.items()}
    return verdict(ours="tickets from epoch 0 and t_mem", holds=every(found, lambda r: r > SAME), values=found,
                   what="t_gen, ticket / dense")


# --- progress measures and llc, of the dense networks ---------------------------------------------------------------------------
def each(store, network, found):
    """{seed: found(job)} of the dense networks, which must have generalised."""
    jobs = dense_of(store, network)
    if np.isinf(late(jobs, "t_gen")).any():
        raise Missing(f"not every network of grid {network.dense} generalises")
    return {int(job.seed): float(found(job)) for _, job in jobs.iterrows()}


def first_below(curve, bound):
    """The first epoch from the curve's maximum on at which it is below the bound; infinite if none."""
    falling = curve[curve.index >= curve.idxmax()]
    low = falling[falling < bound]
    return float(low.index[0]) if len(low) else math.inf


@on(BOTH, "progress measures", "the loss of the key frequencies alone (restricted) falls before the test loss does",
    "restricted loss falls from epoch 1400 on, test loss from 9400 (Nanda et al., section 5)",
    f"holds if in every seed the restricted loss on test pairs is below a tenth of log p within {HALF} of the epochs that the"
    " test loss takes to fall below it")
def restricted_first(store, network):
    def share(job):
        bound = math.log(job.task_p) / 10
        restricted = first_below(measured(store, job, "progress", "restricted_loss").test, bound)
        return restricted / first_below(measured(store, job, "progress", "loss").test, bound)
    found = each(store, network, share)
    return verdict(ours="epochs until the loss is a tenth of a guess's", holds=every(found, lambda r: r < HALF), values=found,
                   what="restricted loss / test loss")


@on(BOTH, "progress measures", "the train loss without the key frequencies (excluded) rises while the circuit forms, before the"
    " network generalises", "excluded loss rises from epoch 1400 to 9400 (Nanda et al., section 5)",
    "holds if in every seed it rises from its minimum after t_mem to more than ten times that before t_gen")
def excluded_rises(store, network):
    def rise(job):
        curve = measured(store, job, "progress", "excluded_keys_loss").train
        curve = curve[(curve.index >= job.t_mem) & (curve.index <= job.t_gen)]
        if len(curve) < 3:
            raise Missing("fewer than three checkpoints between t_mem and t_gen")
        return curve[curve.index >= curve.idxmin()].max() / curve.min()
    found = each(store, network, rise)
    return verdict(ours="excluded loss between t_mem and t_gen", holds=every(found, lambda r: r > 10), values=found,
                   what="largest / least before it")


@on(BOTH, "progress measures", "the embedding comes to use few frequencies: the Gini coefficient of its Fourier norms rises",
    "rises, most in clean-up (Nanda et al., section 5)", "holds if in every seed it rises by more than 0.2 from t_mem to the end")
def gini_rises(store, network):
    def rise(job):
        gini = measured(store, job, "progress", "embed_gini").frequencies
        return gini.iloc[-1] - gini[gini.index >= job.t_mem].iloc[0]
    found = each(store, network, rise)
    return verdict(ours="Gini coefficient of the embedding, over frequencies", holds=every(found, lambda r: r > 0.2), values=found,
                   what="end - t_mem")


@on(BOTH, "progress measures", "the Gini coefficient of the embedding's Fourier norms rises most in clean-up", "sharpest rise after epoch 9400 (Nanda et al., section 5)",
    "holds if in every seed more than half of the rise from t_mem to the end comes after t_gen")
def gini_in_clean_up(store, network):
    def share(job):
        gini = measured(store, job, "progress", "embed_gini").frequencies
        first, then = (gini[gini.index >= epoch].iloc[0] for epoch in (job.t_mem, job.t_gen))
        return (gini.iloc[-1] - then) / (gini.iloc[-1] - first)
    found = each(store, network, share)
    return verdict(ours="share of the rise after t_gen", holds=every(found, lambda r: r > HALF), values=found, what="share")


@on(BOTH, "llc", "the local learning coefficient falls when the network generalises", "falls",
    f"holds if in every seed it is in the end below {HALF} of its median between twice t_mem and half of t_gen")
def llc_falls(store, network):
    def share(job):
        llc = measured(store, job, "llc", "llc").second_half
        memorised_then = llc[(llc.index >= 2 * job.t_mem) & (llc.index <= job.t_gen / 2)].median()
        return llc.iloc[-1] / memorised_then
    found = each(store, network, share)
    return verdict(ours="llc in the end, relative to memorisation", holds=every(found, lambda r: r < HALF), values=found,
                   what="end / memorised")
