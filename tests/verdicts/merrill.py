"""Made-up results for the claims of analysis/claims/merrill.py: they differ from these in what is said."""
from .world import case, frame

MEM, RISES, GEN, END = 20, 100, 160, 300  # epochs
PAIRS = {"test_accuracy": ("subnetwork", "rest"), "test_faithfulness": ("subnetwork", "rest"), "circuit_norm": ("circuit", "rest"),
         "circuit_train_accuracy": ("circuit", "rest")}


def stages(before, dense, after, end=None):
    """The same until t_mem, in the dense phase, from then on, and in the end."""
    return lambda epoch: (before if epoch < MEM else dense if epoch < RISES else after if epoch < END or end is None else end)


def parity(world, seed, gen=GEN, **curves):
    """curves: of arrays of measure subnetwork, by epoch."""
    arrays = {name: frame({epoch: curve(epoch) for epoch in range(0, END + 1, 2)}, PAIRS.get(name, ("all",))) for name, curve in curves.items()}
    accuracy = {epoch: 0.5 if epoch < RISES else 0.7 if epoch < GEN else 1 for epoch in range(END + 1)}
    world.job("merrill-parity", seed, "dense", mem=MEM, gen=gen, epochs=END, series={"test_accuracy": accuracy}, measures={"subnetwork": arrays})


def of(name, true, false, **more):
    case("merrill", name, parity, true, false, **more)


of("groks", {"gen": 42}, {"too soon": {"gen": 38}, "at once": {"gen": 20}})
GOOD = stages((0, 1), (0, 1), (0, 1), (0.96, 0))
of("sparse_in_the_end", {"linear_size": stages(999, 999, 999, 50), "test_accuracy": GOOD, "test_faithfulness": GOOD},
   {"it is large": {"linear_size": stages(1, 1, 1, 51)}, "it is wrong": {"test_accuracy": stages((1, 0), (1, 0), (1, 0), (0.94, 1))},
    "it predicts something else": {"test_faithfulness": stages((1, 0), (1, 0), (1, 0), (0.94, 1))}})
of("rest_is_blind", {"test_accuracy": stages((0, 1), (0, 1), (0, 1), (1, 0.74))},
   {"not quite": {"test_accuracy": stages((0, 0), (0, 0), (0, 0), (0, 0.76))}, "it sees": {"test_accuracy": stages((1, 1), (1, 1), (1, 1), (1, 1))}})
of("dense_before", {"linear_size": stages(1, 102, 1, 10)},
   {"by less": {"linear_size": stages(999, 98, 999, 10)}, "it was as sparse": {"linear_size": stages(999, 10, 999, 10)}})
of("norms_part", {"circuit_norm": stages((9, 9), (1, 1), (9, 9), (2.1, 0.49))},
   {"it grows less": {"circuit_norm": stages((1, 1), (1, 1), (9, 0), (1.9, 0.1))}, "the others decay less": {"circuit_norm": stages((1, 1), (1, 1), (9, 0), (9, 0.51))},
    "the other way round": {"circuit_norm": stages((1, 1), (1, 1), (1, 1), (0.4, 3))}})


def grows(at, by=1):
    """By so much a checkpoint, for ten checkpoints around an epoch."""
    return lambda epoch: (5 + by * min(max((epoch - at + 10) / 2, 0), 10), -epoch)


of("grows_then", {"circuit_norm": grows(100)}, {"before": {"circuit_norm": grows(60)}, "after": {"circuit_norm": grows(260)}},
   weak={"it falls, least fast at the transition": {"circuit_norm": lambda epoch: (-epoch if not 90 <= epoch <= 200 else -90 - (epoch - 90) / 2, 0)}})
LEAD, LOSE = (0.4, 0.6), (0.6, 0.4)
of("circuits_compete", {"circuit_train_accuracy": lambda epoch: LEAD if 56 <= epoch < RISES else LOSE},
   {"only for a while": {"circuit_train_accuracy": lambda epoch: LEAD if 64 <= epoch < END else LOSE},
    "and in the end": {"circuit_train_accuracy": lambda epoch: LEAD}, "never": {"circuit_train_accuracy": lambda epoch: LOSE}})
FAITHFUL = (0.96, 0.74)
of("faithful_after", {"test_faithfulness": lambda epoch: FAITHFUL if epoch >= 240 else (0, 1)},
   {"not always": {"test_faithfulness": lambda epoch: FAITHFUL if epoch != 280 else (0.94, 0.74)},
    "the rest is too": {"test_faithfulness": lambda epoch: FAITHFUL if epoch < 280 else (1, 0.76)}})
