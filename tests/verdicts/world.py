"""Made-up results for the claims of analysis/claims, in memory: a World is read as a Store is.  CASES has for each claim what is
so where it is true, and for each way in which it may be false what is so then."""
import math
from dataclasses import dataclass

import pandas as pd

SEEDS = range(4)
CASES = {}  # (paper, name of a claim): Case


class World:
    """What claims read of a store."""

    def __init__(self):
        self.rows, self.curves, self.arrays = [], {}, {}

    def job(self, grid, seed, control="dense", mem=100, gen=None, epochs=40000, t="", k=math.nan, series=None, measures=None, **keys):
        """A finished job; gen None: it never generalises.  series: {name: {epoch: value}}; measures: {kind: {array: DataFrame}}."""
        number = f"{len(self.rows):032x}"
        drawn = {"mem": mem, "gen": gen}.get(t, int(t) if t.isdigit() else None)
        self.rows.append({"id": number, "grid": grid, "seed": seed, "control": control, "t_mem": mem, "t_gen": gen, "epochs": epochs, "end": epochs, "ended_by": "",
                          "tau_grok": gen / mem if gen is not None else math.nan, "t_asked": t, "t": drawn, "k": k, "state": "done",
                          "error": "", "test_accuracy": math.nan, **keys})
        self.curves[number], self.arrays[number] = series or {}, measures or {}

    def jobs(self, grid=None):
        rows = [row for row in self.rows if grid in (None, row["grid"])]
        if not rows:
            raise KeyError(grid)
        frame = pd.DataFrame(rows).astype(dict.fromkeys(("seed", "t_mem", "t_gen", "t", "epochs"), "Int64"))
        return frame.set_index("id", drop=False).rename_axis(None)

    def series(self, job):
        names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
        curves = {name: pd.Series(curve, dtype=float) for name, curve in self.curves[job.id].items()}
        epochs = sorted(set().union(*(curve.index for curve in curves.values())))
        return pd.DataFrame({name: curves.get(name) for name in names}, index=pd.Index(epochs, name="epoch"), dtype=float)

    def measures(self, job, kind):
        return {made_by: made_by for made_by in self.arrays[job.id] if made_by.split()[0] == kind}

    def measure(self, job, name):
        made_by, _, array = name.rpartition("/")
        return self.arrays[job.id][made_by][array]


def frame(curve, columns=("all",)):
    """{epoch: value, or a tuple of them} as a measure comes."""
    rows = [value if isinstance(value, tuple) else (value,) for value in curve.values()]
    return pd.DataFrame(rows, index=pd.Index(curve, name="epoch"), columns=list(columns), dtype=float)


@dataclass
class Case:
    make: object  # make(world, seed, **what is so)
    true: dict
    false: dict  # {how it is false: what is other then, or a function of the seed that says it}
    open: dict  # the same where nobody can tell
    weak: dict  # where it is false and the rule yet says that it holds: to be mended

    def world(self, change=None, seeds=SEEDS):
        """All is as where the claim is true, but for what is changed in some seeds."""
        world = World()
        for seed in SEEDS:
            other = (change(seed) if callable(change) else change or {}) if seed in seeds else {}
            self.make(world, seed, **{**self.true, **other})
        return world


def case(paper, name, make, true, false, open=None, weak=None):
    CASES[paper, name] = Case(make, true, false, open or {}, weak or {})


def race(world, seed, grid, mem=100, keys=None, **gens):
    """A job of each control, which generalises at an epoch, or never (None)."""
    for control, gen in gens.items():
        world.job(grid, seed, control, mem=mem, gen=gen, **(keys or {}))
