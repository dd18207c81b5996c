"""Made-up results for the claims of analysis/claims/minegishi_structure.py."""
import math

from .minegishi import of
from .world import frame, race


# --- 7, 15 ------------------------------------------------------------------------------------------------------------------
def moves(world, seed, grid, distance, curve, step, mem):
    """distance(epoch): between the checkpoints there and a step before; curve: (name of a series, its values)."""
    steps = range(0, 20 * step + 1, step)
    distances = {epoch: distance(epoch) if epoch else math.nan for epoch in steps}
    name, values = curve
    world.job(grid, seed, mem=mem, gen=11 * step, series={name: {epoch: values(epoch) for epoch in range(0, 20 * step + 1, step // 2)}},
              measures={"jaccard k=0.6 scope=global": {"distance": frame(distances)},
                        "jaccard k=0.9 scope=global": {"distance": frame({epoch: -value for epoch, value in distances.items()})}})


def peak(at):
    return lambda epoch: 0.5 if epoch == at else 0.1 + 1e-6 * epoch


def between(low, high, first, last):
    """From one value to another, from one epoch to another."""
    return lambda epoch: low + (high - low) * min(max((epoch - first) / (last - first), 0), 1)


for grid, step, mem in (("fig7-movement", 2000, 100), ("fig15b-movement-parity", 10, 5)):
    of(f"movement_{grid}", moves, {"grid": grid, "step": step, "mem": mem, "distance": peak(10 * step),
                                   "curve": ("test_accuracy", between(0.1, 1, 8 * step, 12 * step))},
       {"while it only remembers": {"distance": peak(5 * step)}, "when all is over": {"distance": peak(16 * step)},
        "never": {"distance": peak(0)}, "most at the start": {"distance": lambda epoch: 1 / (1 + epoch)}})
of("movement_fig15a-movement-polynomial", moves,
   {"grid": "fig15a-movement-polynomial", "step": 100, "mem": 50, "distance": peak(1000), "curve": ("test_loss", between(1, 0.01, 800, 1200))},
   {"before the loss falls": {"distance": peak(500)}, "when all is over": {"distance": peak(1600)},
    "less and less since the start": {"distance": lambda epoch: 65 / epoch, "curve": ("test_loss", lambda epoch: 10 / (20 + epoch))},
    "less and less, while the loss falls for long": {"distance": lambda epoch: 65 / epoch, "curve": ("test_loss", between(1, 0.01, 0, 1900))}})


# --- 8, 9 -------------------------------------------------------------------------------------------------------------------
def waves(world, seed, dense, ticket):
    for control, curve in (("dense", dense), ("ticket", ticket)):
        wrong = {epoch: 2 - value for epoch, value in curve.items()}
        both = frame({epoch: (curve[epoch], wrong[epoch]) for epoch in curve}, ("in_from1", "in_from0"))
        world.job("fig8-waves", seed, control, gen=10000, measures={"fourier": {"fe": both}})


def falls(half):
    """From 1 to 0.4; it is half-way there at an epoch of thousands."""
    return {1000 * n: 1 if 1000 * n < half else 0.4 for n in range(21)}


of("ticket_becomes_waves", waves, {"dense": falls(99000), "ticket": {0: 1, 20000: 0.79}},
   {"a little": {"ticket": {0: 1, 20000: 0.81}}, "rises": {"ticket": {0: 1, 20000: 1.5}}, "the dense one's does": {"dense": falls(1000), "ticket": falls(99000)}})
of("waves_come_earlier", waves, {"dense": falls(10000), "ticket": falls(4000)},
   {"a little": {"ticket": falls(6000)}, "later": {"ticket": falls(15000)}, "never": {"ticket": falls(99000)}},
   open={"the dense one's does not fall": {"dense": falls(99000)}})


def graph(world, seed, array, then, now):
    curve = frame({0: 3, 2000: then, 10000: now, 12000: 9, 20000: 0.1})
    world.job("fig9-graph", seed, mem=100, gen=9000, measures={"graph k=0.6": {array: curve}, "graph": {array: -curve}})


of("graph_path_length", graph, {"array": "path_length", "then": 2, "now": 2.021},
   {"by less than a hundredth": {"now": 2.019}, "not at all": {"now": 2}, "shorter": {"now": 1.5}})
of("graph_clustering", graph, {"array": "clustering", "then": 0.5, "now": 0.494},
   {"by less than a hundredth": {"now": 0.496}, "not at all": {"now": 0.5}, "greater": {"now": 0.7}})


# --- 17 ---------------------------------------------------------------------------------------------------------------------
DECAYS = {"training_weight_decay": 0.0}
RATES = (0.1, 0.3, 0.5, 0.7, 0.8, 0.81, 0.85, 0.89, 0.9)


def rates(world, seed, fine, decay=()):
    """Which rates generalise without weight decay, and with it."""
    for weight_decay, which in ((0.0, fine), (1.0, decay)):
        for k in RATES:
            world.job("fig17a-rate-no-decay", seed, "ticket", k=k, gen=1000 if k in which else None, training_weight_decay=weight_decay)


of("critical_rate", rates, {"fine": (0.85,)}, {"less": {"fine": (0.7,), "decay": RATES}, "more": {"fine": (0.9,)}, "none": {"fine": ()}})
of("below_the_critical_rate", rates, {"fine": (0.8, 0.9), "decay": RATES}, {"one does": {"fine": (0.7,), "decay": ()}, "all do": {"fine": RATES}})
of("too_sparse_without_decay", rates, {"fine": RATES[:-1], "decay": RATES}, {"it does": {"fine": (0.9,), "decay": ()}})


def dense_with(world, seed, without, decayed, ticket):
    for control, decay, gen in (("dense", 0.0, without), ("dense", 1.0, decayed), ("ticket", 0.0, ticket)):
        world.job("fig17b-no-decay", seed, control, gen=gen, training_weight_decay=decay)


of("dense_needs_decay", dense_with, {"without": None, "decayed": 9000, "ticket": 500},
   {"it does": {"without": 40000, "decayed": None, "ticket": None}})

# --- Table 1 ----------------------------------------------------------------------------------------------------------------
EPOCHS = (600, 1000, 1400, 2000)
PAPER = {"continue": (0.53, 0.95, 1, 1), "frozen": (0.68, 0.80, 0.84, 0.92), "trained": (0.82, 0.96, 0.99, 1)}


def table(world, seed, **accuracies):
    for control, row in accuracies.items():
        curve = {0: 0.1, **dict(zip(EPOCHS, row))}
        world.job("table1-edge-popup-found", seed, control, series={"test_accuracy": curve})


def off(row, by):
    return tuple(value - difference for value, difference in zip(row, by))


for control, row in PAPER.items():
    of(f"table1_{control}_found", table, {control: off(row, (0.09, -0.09, 0.09, 0.09))},
       {f"at epoch {epoch}": {control: off(row, (0.11 * (epoch == e) for e in EPOCHS))} for epoch in EPOCHS}
       | {"it knows more": {control: off(row, (-0.11, 0, 0, 0))}, "it knows nothing": {control: (0, 0, 0, 0)}})
of("structure_alone_found", table, {"frozen": (0, 0, 0, 0.81), "trained": (0, 0, 0, 0), "continue": (0, 0, 0, 0)},
   {"not so much": {"frozen": (1, 1, 1, 0.79), "trained": (1, 1, 1, 1)}, "nothing": {"frozen": (0, 0, 0, 0)}})
of("structure_helps_found", table, {"trained": (0.81, 0, 0, 0), "continue": (0.7, 1, 1, 1)},
   {"by less": {"trained": (0.79, 1, 1, 1)}, "weight decay is ahead": {"trained": (0.5, 1, 1, 1)}})


# --- beside the paper -------------------------------------------------------------------------------------------------------
SETTINGS = {"task_train_fraction": 0.4, "training_lr": 1e-3, "training_weight_decay": 1.0, "model_d_hidden": 48}
OTHER = {"other-fractions": ("task_train_fraction", 0.5), "other-steps": ("training_lr", 3e-3),
         "other-decays": ("training_weight_decay", 2.0), "other-widths": ("model_d_hidden", 64)}


def settings(world, seed, slow=(), gen=5100):
    for grid, (key, value) in OTHER.items():
        race(world, seed, grid, keys={**SETTINGS, key: value}, dense=10000, ticket=gen if grid in slow else 4900)


of("other_settings", settings, {}, {"half of them": {"slow": list(OTHER)[:2]}, "all": {"slow": list(OTHER)}, "never": {"slow": list(OTHER), "gen": None}},
   open={"one of them": {"slow": ["other-steps"]}})
of("shuffled_masks", race, {"grid": "other-masks", "dense": 10000, "ticket": 500, "shuffle": 8100, "reinit": 500},
   {"a little sooner": {"shuffle": 7900, "reinit": None}, "as soon as the ticket": {"shuffle": 500}})
of("masks_on_fresh_weights", race, {"grid": "other-masks", "dense": 10000, "ticket": 500, "shuffle": None, "reinit": 4900},
   {"a little sooner": {"reinit": 5100, "shuffle": 500}, "never": {"reinit": None}})
