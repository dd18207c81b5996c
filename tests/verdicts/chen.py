"""Made-up results for the claims of analysis/claims/chen.py."""
import math

from .world import case, frame

# name: grids of dense networks, of tickets by t, of random masks, of what is sparser; t of tickets, the memorising and the forming one
NETWORKS = {
    "large": ("chen-dense", {"1400": "chen-tickets-early", "5000": "chen-tickets-early", "gen": "chen-tickets-late",
                             "14000": "chen-tickets-late"}, "chen-random", "1400", "5000"),
    "small": ("chen-small-dense", dict.fromkeys(("0", "mem", "1000", "1500", "gen", "12000"), "chen-small-tickets"),
              "chen-small-tickets", "1000", "1500"),
}
SPARSER = "chen-small-sparser"


def of(name, make, true, false, **more):
    case("chen", name, make, true, false, **more)


# --- tickets ----------------------------------------------------------------------------------------------------------------
def network(world, seed, name, dense=10000, mem=100, random=None, k=0.4, knows=10000, others=900, **gens):
    """Tickets are named t1400; those of which nothing is said generalise at `others`.  The dense network knows half of the test
    examples from epoch `knows` on."""
    grid, tickets, random_grid, *_ = NETWORKS[name]
    known = {epoch: 0.6 if epoch >= knows else 0.4 for epoch in range(0, 14001, 100)}
    world.job(grid, seed, "dense", mem=mem, gen=dense, series={"test_accuracy": known}, k=math.nan)
    for t, where in tickets.items():
        for rate, at in ((0.4, where), *([(0.6, SPARSER)] if name == "small" else [])):
            gen = gens.get(f"t{t}", others) if rate == k else others
            world.job(at, seed, "ticket", t=t, k=rate, gen=gen)
            world.rows[-1]["t"] = {"mem": 100, "gen": dense}.get(t, world.rows[-1]["t"])
    for rate, at in ((0.4, random_grid), (0.6, SPARSER)):
        world.job(at, seed, "random", k=rate, gen=random if rate == k else 1)


def both(world, seed, large, small):
    network(world, seed, "large", **large)
    network(world, seed, "small", **small)


for name, (_, tickets, _, memorised, forming) in NETWORKS.items():
    first, last = list(tickets)[0], list(tickets)[-1]
    late, soon = {"others": 9000}, {"others": 100}
    of(f"groks_{name}", network, {"name": name, "dense": 1100}, {"too soon": {"dense": 900}, "at once": {"dense": 100}})
    of(f"clean_up_{name}", network, {"name": name, f"t{last}": 4900, **late}, {"a little": {f"t{last}": 5100, **soon}, "never": {f"t{last}": None}})
    of(f"circuit_formed_{name}", network, {"name": name, f"t{forming}": 4900, **late},
       {"a little": {f"t{forming}": 5100, **soon}, "never": {f"t{forming}": None, **soon}, "only that of t_gen": {f"t{forming}": 9900, "tgen": 100}},
       open={"it has generalised by then": {"knows": int(forming)}})
    of(f"memorised_{name}", network, {"name": name, f"t{memorised}": 9900, "others": 20000},
       {"a little slower": {f"t{memorised}": 10100, **soon}, "never": {f"t{memorised}": None}},
       open={"it has generalised by then": {"knows": int(memorised)}})
    of(f"later_is_sooner_{name}", network, {"name": name, "others": 3000, f"t{first}": 10000, f"t{last}": 2000},
       {"not by half": {"others": 8000, f"t{last}": 5100}, "the last is slower": {f"t{last}": 4000}, "the first is fastest": {f"t{first}": 1000},
        "all alike": {"others": 3000, f"t{first}": 3000, f"t{last}": 3000}})
    of(f"random_is_none_{name}", network, {"name": name, f"t{last}": 4900, "random": 10000, **late},
       {"nearly one": {f"t{last}": 5100, **soon}, "as good": {"random": 4900}, "better": {"random": 100}})

HELP = {"random is as fast": {"random": 9000}, "a little": {"random": None, "gen": 5100}, "never": {"random": None, "gen": None}}


def disagreement(world, seed, names, k, random=10100, gen=4900, others=9000):
    for name in names:
        network(world, seed, name, k=k, random=random, others=others, **{f"t{NETWORKS[name][4]}": gen})


for name, names, k in (("disagreement", ("large", "small"), 0.4), ("disagreement_large", ("large",), 0.4),
                       ("disagreement_small", ("small",), 0.4), ("disagreement_sparser", ("small",), 0.6)):
    of(name, disagreement, {"names": names, "k": k}, {why: {**what, "others": 100} for why, what in HELP.items()})

LATE = {"others": 100, "random": None}
of("memorised_does_not_help", both, {"large": {"t1400": 8100, **LATE}, "small": {"t1000": 8100, **LATE}},
   {"both help a little": {"large": {"t1400": 7900, "others": 9000}, "small": {"t1000": 7900, "others": 9000}},
    "the small one's does": {"small": {"t1000": 1000}}})
of("earlier_does_not_help", network, {"name": "small", "t0": 8100, "tmem": 8100, **LATE},
   {"both help": {"t0": 7900, "tmem": 7900, "others": 9000}, "the first helps": {"t0": 7900}, "the second helps": {"tmem": 7900}})


# --- progress measures and llc ----------------------------------------------------------------------------------------------
def measured(world, seed, name, mem=100, gen=10000, progress=None, llc=None):
    measures = {"progress": {array: frame(curve, columns) for array, (curve, columns) in (progress or {}).items()}}
    if llc:
        measures["llc epsilon=0.0001"] = {"llc": frame({epoch: (9, value) for epoch, value in llc.items()}, ("first_half", "second_half"))}
    world.job(NETWORKS[name][0], seed, "dense", mem=mem, gen=gen, task_p=113, measures=measures)


def loss(world, seed, name, restricted, test):
    """The epochs from which each is a tenth of a guess's, log(113) / 10 = 0.473; that of the training examples always is."""
    def curve(until):
        return {epoch: (9 - epoch / 1e5 if epoch < until else 0.47, 9 if epoch else 10) for epoch in range(0, 14001, 100)}, ("test", "train")
    measured(world, seed, name, progress={"restricted_loss": curve(restricted), "loss": curve(test)})


def excluded(world, seed, name, curve):
    measured(world, seed, name, progress={"excluded_keys_loss": ({epoch: (value, 1) for epoch, value in curve.items()}, ("train", "test"))})


def gini(world, seed, name, curve):
    columns = {epoch: (value, 1 - value) for epoch, value in curve.items()}
    measured(world, seed, name, progress={"embed_gini": (columns, ("frequencies", "neurons"))})


def llcs(world, seed, name, then, end):
    curve = {0: 900, 100: 900, 200: then, 1000: then, 5000: then, 7000: 900, 14000: end}
    measured(world, seed, name, llc=curve)


for name in NETWORKS:
    of(f"restricted_first_{name}", loss, {"name": name, "restricted": 3900, "test": 8000},
       {"a little earlier": {"restricted": 4100}, "later": {"restricted": 9000}, "never": {"restricted": 99000}})
    of(f"excluded_rises_{name}", excluded, {"name": name, "curve": {0: 1e-9, 200: 0.5, 1000: 0.1, 9000: 1.01, 11000: 99}},
       {"by less": {"curve": {0: 1e-9, 200: 9, 1000: 0.1, 9000: 0.99, 11000: 99}}, "it falls": {"curve": {0: 10, 200: 9, 1000: 1, 9000: 0.1}},
        "only afterwards": {"curve": {0: 1e-9, 200: 1, 1000: 1, 9000: 1, 11000: 99}}})
    of(f"gini_rises_{name}", gini, {"name": name, "curve": {0: 0.9, 200: 0.3, 9000: 0.9, 14000: 0.51}},
       {"by less": {"curve": {0: 0.1, 200: 0.3, 9000: 0.9, 14000: 0.49}}, "it falls": {"curve": {0: 0.1, 200: 0.5, 14000: 0.2}}})
    of(f"gini_in_clean_up_{name}", gini, {"name": name, "curve": {0: 0.9, 200: 0.1, 10000: 0.49, 14000: 0.9}},
       {"before it": {"curve": {0: 0.1, 200: 0.1, 10000: 0.51, 14000: 0.9}}, "it falls then": {"curve": {0: 0.1, 200: 0.1, 10000: 0.9, 14000: 0.5}}},
       weak={"it falls, most in clean-up": {"curve": {0: 0.9, 200: 0.9, 10000: 0.8, 14000: 0.1}}})
    of(f"llc_falls_{name}", llcs, {"name": name, "then": 100, "end": 49}, {"a little": {"end": 51}, "it rises": {"end": 500}})
