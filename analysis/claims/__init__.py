"""What the papers claim, each claim held against a store: `python3 -m analysis.claims STORE [--format text|markdown|json]`.

A module here is a paper (minegishi.py, chen.py, merrill.py) or a part of one (minegishi_structure.py), a claim a function in it:

    from . import by_seed, claim, every, ratio, select, verdict

    @claim(paper="minegishi", figure="2a", statement="what is claimed, in our words",
           published="the paper's number or direction",
           rule="holds if in every seed tau_grok of the ticket is less than half of the dense network's")
    def ticket_addition(store):
        dense, ticket = (by_seed(select(store, "fig2a-addition-mlp", control=name), "tau_grok") for name in ("dense", "ticket"))
        ratios = ratio(ticket, dense)
        return verdict(ours="the ticket generalises at once", what="tau_grok, ticket / dense", values=ratios,
                       holds=every(ratios, lambda r: r < 0.5))

Rules, numbers and all, are written before any result is looked at, and are not changed to agree with one: a claim that does
not hold is a finding.  What a claim needs and the store does not hold, or holds unfinished, makes it "cannot tell": select()
raises Missing then, which is all a function need do.  Claims read the store only, through analysis/store.py.

Three rules are shared.  An epoch that never came is infinite, hence later than any other.  A claim about single networks is
tried in every seed: it holds if all agree, it does not if at most half of them do, else we cannot tell (`every`).  And what is
not finished says nothing, lest the fast seeds speak for the slow ones.

What was known when the rules were written, from trials of the settings: t_mem and t_gen of dense networks of paper.yaml and of
seeds 0 to 2 of chen.yaml's small one, all of Table 1 `found` (its settings were searched for), the whole course of the dense
network of chen.yaml and of the first parity network, seed 0 each.  No ticket of chen.yaml had been trained.  The paper's text
could not be asked everywhere: `published` says where a number is our reading.
"""
import importlib
import math
import pkgutil
from dataclasses import dataclass, field

import pandas as pd

PAPERS = {
    "minegishi": "Minegishi et al., Bridging Lottery Ticket and Grokking (arXiv 2310.19470)",
    "chen": "Chen, Grokking Tickets: An Analysis",
    "merrill": "Merrill et al., A Tale of Two Circuits (arXiv 2303.11873)",
}
SEARCH_ENDED = "the search ended"  # how the reason of a job begins that a search has passed over
WORDS = {True: "holds", False: "does not hold", None: "cannot tell"}


class Missing(Exception):
    """What a claim needs is not in the store, or not finished: the reason is its text."""


@dataclass(frozen=True)
class Verdict:
    ours: str  # what was found, a sentence
    holds: bool | None  # None: cannot tell, `ours` says why
    values: dict = field(default_factory=dict)  # {seed, or name of a setting: number} of the quantity `what`
    what: str = ""

    @property
    def finite(self):
        return [float(value) for value in self.values.values() if math.isfinite(value)]

    @property
    def mean(self):
        """None if there is no number, or one of them is infinite."""
        return sum(self.finite) / len(self.values) if self.values and len(self.finite) == len(self.values) else None

    @property
    def sd(self):
        """The standard deviation over the seeds (n - 1); None with less than two."""
        if self.mean is None or len(self.finite) < 2:
            return None
        return math.sqrt(sum((value - self.mean) ** 2 for value in self.finite) / (len(self.finite) - 1))

    def summary(self):
        """"what: 0.31 ± 0.05 (seed 0: 0.28, 1: 0.34)": mean and standard deviation; empty without values."""
        if not self.values:
            return ""
        each = ", ".join(f"{key}: {number(value)}" for key, value in self.values.items())
        middle = "" if self.mean is None else number(self.mean) + ("" if self.sd is None else f" ± {number(self.sd)}") + " "
        seeds = "seed " if all(isinstance(key, int) for key in self.values) else ""
        return f"{self.what}{': ' if self.what else ''}{middle}({seeds}{each})"


@dataclass(frozen=True)
class Claim:
    paper: str
    figure: str  # "4a", "Table 1", "appendix"
    statement: str
    published: str
    rule: str
    function: object
    name: str

    def judge(self, store):
        try:
            return self.function(store)
        except Missing as missing:
            return verdict(ours=str(missing), holds=None)


_claims = []


def claim(name=None, **described):
    """Decorator: the function judges the claim that is described (paper, figure, statement, published, rule).  Where one
    function judges several claims, each has a name, else it is called after its function."""
    def decorate(function):
        made = Claim(function=function, name=name or function.__name__, **described)
        if made.paper not in PAPERS or any((made.paper, made.name) == (other.paper, other.name) for other in _claims):
            raise ValueError(f"claim '{made.name}' of paper '{made.paper}': no such paper, or there twice")
        _claims.append(made)
        return function
    return decorate


def claims():
    """Every claim of every module here: by paper, then as they are written down."""
    for module in pkgutil.iter_modules(__path__):
        if module.name.partition("_")[0] in PAPERS:
            importlib.import_module(f"{__name__}.{module.name}")
    return sorted(_claims, key=lambda made: list(PAPERS).index(made.paper))


def verdict(ours, holds, values=None, what=""):
    """What a claim's function returns.  holds: True, False, or None (cannot tell; `ours` says why)."""
    values = {seed: float(value) for seed, value in sorted((values or {}).items())}
    if any(math.isnan(value) for value in values.values()):
        raise Missing(f"{what or ours}: not a number in some seed")
    return Verdict(ours, None if holds is None else bool(holds), values, what)


def number(value):
    """Three digits, as people write them; "never" for what is infinite."""
    if math.isinf(value):
        return "never"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


# --- what claims are made of ----------------------------------------------------------------------------------------------

def select(store, grid, **wanted):
    """The jobs of a grid whose columns have the wanted values (a value or a list), sorted by seed.  Missing if the grid is
    not there, if none is such, or if one of them is not done: what is unfinished or failed is never left out silently.
    Only what a search did not need is."""
    try:
        jobs = store.jobs(grid=grid)
    except KeyError:
        raise Missing(f"grid {grid} is not in the store") from None
    for column, value in wanted.items():
        if column not in jobs:
            raise Missing(f"grid {grid}: jobs have no key {column}")
        jobs = jobs[jobs[column].isin(value if isinstance(value, (list, tuple, set, range)) else [value])]
    jobs = jobs[(jobs.state != "skipped") | ~jobs.error.str.startswith(SEARCH_ENDED)]
    asked = ", ".join(f"{column} {value}" for column, value in wanted.items())
    if not len(jobs):
        raise Missing(f"grid {grid} has no jobs with {asked}")
    done = jobs[jobs.state == "done"]
    if len(done) < len(jobs):
        why = next((error for error in jobs[jobs.state != "done"].error if error), "")
        raise Missing(f"grid {grid}: {len(done)} of {len(jobs)} jobs {f'with {asked} ' if asked else ''}are done"
                      + (f" ({why})" if why else ""))
    return done.sort_values("seed", kind="stable")


def late(jobs, column):
    """t_mem, t_gen or tau_grok of the jobs as floats: infinite where they never came.  Missing where a stop rule ended a job before:
    such a one has not come yet, which is not never."""
    missing = jobs.t_mem.isna() | jobs.t_gen.isna() if column == "tau_grok" else jobs[column].isna()
    for _, job in jobs[missing & (jobs.ended_by != "")].iterrows():
        raise Missing(f"seed {job.seed}: stop rule '{job.ended_by}' ended the {job.control} job at epoch {job.end}, before its {column}")
    return jobs[column].astype(float).fillna(math.inf)


def epoch(job, column):
    """t_mem or t_gen of one job, infinite if it never came; as late()."""
    return float(late(pd.DataFrame([job]), column).iloc[0])


def by_seed(jobs, column):
    """{seed: the column's value}, of jobs with one row a seed; epochs and tau_grok that never came are infinite."""
    if jobs.seed.duplicated().any():
        raise ValueError(f"by_seed: several jobs of one seed; columns that tell them apart: t {set(jobs.t)}, k {set(jobs.k)}")
    values = late(jobs, column) if column in ("t_mem", "t_gen", "tau_grok") else jobs[column].astype(float)
    return {int(seed): float(value) for seed, value in zip(jobs.seed, values)}


def ratio(mine, other):
    """{seed: mine / other} of the seeds that both have; never against never is 1.  Missing if no seed has both."""
    both = sorted(set(mine) & set(other))
    if not both:
        raise Missing("no seed has both of what is compared")
    return {seed: 1.0 if math.isinf(mine[seed]) and math.isinf(other[seed]) else mine[seed] / other[seed] for seed in both}


def every(values, test=bool):
    """All seeds pass: True; at most half of them: False; else None.  values: {seed: value}."""
    passed = sum(bool(test(value)) for value in values.values())
    if not values:
        raise Missing("no seed to judge by")
    return True if passed == len(values) else False if 2 * passed <= len(values) else None


def measured(store, job, kind, array, option=""):
    """A measure of a job by its kind, whatever its entry is called, made with an option ("k=0.6"): a DataFrame by epoch.
    Missing if it was not taken."""
    for name, made_by in store.measures(job, kind).items():
        if set(option.split()) <= set(made_by.split()):
            try:
                return store.measure(job, f"{name}/{array}")
            except KeyError:
                pass
    raise Missing(f"job {job.id[:8]} was not measured by {kind} {option}".rstrip())


def first_above(curve, bound):
    """The first epoch at which a Series by epoch exceeds the bound; infinite if none."""
    above = curve[curve > bound]
    return float(above.index[0]) if len(above) else math.inf

