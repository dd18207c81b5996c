"""Made-up results for the claims of analysis/claims/minegishi.py.  Numbers stand beside the bounds of the rules."""
from .world import case, frame, race


def of(name, make, true, false, **more):
    case("minegishi", name, make, true, false, **more)


# --- 2 ----------------------------------------------------------------------------------------------------------------------
def two_memories(world, seed, grid, keys, dense, ticket, mem):
    world.job(grid, seed, "dense", gen=dense, **keys)
    world.job(grid, seed, "ticket", gen=ticket, mem=mem, **keys)


for name, grid, task in (("2a_only", "fig2a-addition-mlp", None), ("2b_only", "fig2b-addition-transformer", None),
                         ("2c_multiply", "fig2c-arithmetic-mlp", "multiply"), ("2c_squares", "fig2c-arithmetic-mlp", "squares"),
                         ("2c_subtract", "fig2c-arithmetic-mlp", "subtract"), ("2d_only", "fig2d-polynomial", None),
                         ("2e_only", "fig2e-parity", None), ("10_only", "fig10-mnist", None)):
    of(f"ticket_{name}", two_memories, {"grid": grid, "keys": {"task": task} if task else {}, "dense": 10000, "ticket": 4900, "mem": 100},
       {"only a little sooner": {"ticket": 5100}, "never": {"ticket": None},
        "sooner only because it memorises sooner": {"ticket": 490, "mem": 5}},
       open={"both never": {"dense": None, "ticket": None}})


# --- 3, 4b ------------------------------------------------------------------------------------------------------------------
RATES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def best_rate(world, seed, best):
    for k in RATES:
        gen = None if best is None else round(1000 + 10000 * abs(k - best))
        world.job("fig3-rate", seed, "ticket", k=k, gen=gen)


def memory_by_rate(world, seed, mems):
    for k, mem in zip((0.1, 0.5, 0.9), mems):
        world.job("fig3-rate", seed, "ticket", k=k, mem=mem, gen=9000)


def two_rates(world, seed, half, most):
    world.job("fig4b-rate", seed, "ticket", k=0.5, gen=half)
    world.job("fig4b-rate", seed, "ticket", k=0.9, gen=most)


of("moderate_rates", best_rate, {"best": 0.7}, {"the least is fastest": {"best": 0.1}, "a small one is fastest": {"best": 0.4},
                                                "the greatest is fastest": {"best": 0.9}, "none generalises": {"best": None}})
of("memory_comes_later", memory_by_rate, {"mems": (100, 101, 102)},
   {"always alike": {"mems": (100, 100, 100)}, "sooner in the end": {"mems": (100, 120, 110)}, "sooner": {"mems": (102, 101, 100)}})
of("too_sparse", two_rates, {"half": 9000, "most": None},
   {"both generalise": {"most": 20000}, "neither does": {"half": None}, "the other way round": {"half": None, "most": 9000}})


# --- 4a ---------------------------------------------------------------------------------------------------------------------
def phases(world, seed, grid, memory, transition, after):
    """The middle between memory and generalisation is 5050."""
    world.job(grid, seed, "dense", mem=100, gen=10000)
    for ts, gens in (((2000, 4000, 5000), memory), ((5100, 7000, 9900), transition), ((10000, 12000, 20000), after)):
        for t, gen in zip(ts, gens):
            world.job(grid, seed, "ticket", t=str(t), k=0.6, gen=gen)


FAST, SLOW, NEVER = (500, 600, 700), (9000, 9100, 9200), (None, None, None)
for grid in ("fig4a-when", "fig4a-when-transformer"):
    of(f"when_memory_{grid}", phases, {"grid": grid, "memory": (100, 8100, None), "transition": FAST, "after": FAST},
       {"a little sooner": {"memory": (7900, 7900, None), "transition": SLOW, "after": SLOW}, "at once": {"memory": FAST}})
    of(f"when_transition_{grid}", phases, {"grid": grid, "memory": FAST, "transition": (100, 8100, None), "after": FAST},
       {"a little sooner": {"transition": (7900, 7900, None), "memory": SLOW, "after": SLOW}, "at once": {"transition": FAST}})
    of(f"when_never_{grid}", phases, {"grid": grid, "memory": (500, None, None), "transition": FAST, "after": FAST},
       {"most do": {"memory": (500, 9000, None), "transition": NEVER, "after": NEVER}, "late, but they do": {"memory": SLOW}})
    of(f"when_after_{grid}", phases, {"grid": grid, "memory": SLOW, "transition": SLOW, "after": (100, 4900, None)},
       {"not twice as fast": {"after": (100, 5100, None), "memory": FAST, "transition": FAST}, "never": {"after": NEVER}})


# --- 5a, 6, 13 --------------------------------------------------------------------------------------------------------------
for grid in ("fig5a-norm", "fig13-norm-transformer"):
    for control, other in (("l1", "l2"), ("l2", "l1")):
        of(f"norm_{control}_{grid}", race, {"grid": grid, "dense": 10000, "ticket": 4900, control: 10000, other: 4900},
           {"half of the time": {"ticket": 5100, other: 20000}, "the norm is it": {control: 4900, other: 20000},
            "the ticket never does": {"ticket": None}})


def norms(world, seed, control, matched, ticket, other, gen=8000):
    """Of one norm the course that is said; the other is the same everywhere, and says that the claim is as false or true as `other`."""
    for who, gens, curve in ((control, gen, matched), ("ticket", 590, ticket)):
        constant = frame(dict.fromkeys(curve, other if who == control else 1))
        arrays = {f"{p}_masked": frame(curve) if p == control else constant for p in ("l1", "l2")}
        world.job("fig6-norms", seed, who, mem=150, gen=gens, measures={"norms": arrays})


TICKET = {0: 90, 2000: 10, 4000: 9}
for control in ("l1", "l2"):
    of(f"norm_falls_first_{control}", norms,
       {"control": control, "ticket": TICKET, "matched": {0: 90, 2000: 30, 4000: 9.9, 6000: 30, 8000: 5}, "other": 2},
       {"only at the start": {"matched": {0: 5, 100: 5, 2000: 40, 4000: 30, 6000: 10.1, 8000: 8, 10000: 8}, "other": 0.5},
        "only once it has generalised": {"matched": {0: 90, 2000: 40, 4000: 30, 6000: 20, 8000: 5, 10000: 4}, "other": 0.5},
        "it never is so small": {"matched": {0: 90, 2000: 90, 4000: 90}, "gen": None},
        "only the ticket's norm of later is as great": {"ticket": {0: 90, 2000: 9.8, 4000: 30}}},
       open={"no checkpoint while it only remembers": {"matched": {0: 5, 8000: 5}}})


def last_norms(world, seed, l1, l2):
    for control, factors in (("dense", (1, 1)), ("ticket", (l1, l2))):
        arrays = {f"{p}_masked": frame({0: 50, 40000: 10 * factor}) for p, factor in zip(("l1", "l2"), factors)}
        world.job("fig6-norms", seed, control, gen=1000, measures={"norms": arrays})


of("norms_in_the_end", last_norms, {"l1": 0.75, "l2": 1.2},
   {"both alike": {"l1": 0.9}, "L2 greater": {"l2": 1.3}, "L2 less": {"l2": 0.75}, "the other way round": {"l1": 1, "l2": 0.5}})

# --- 5b ---------------------------------------------------------------------------------------------------------------------
AT_INIT = ("random", "snip", "grasp", "synflow")
for control in AT_INIT:
    others = [other for other in AT_INIT if other != control]
    of(f"at_init_{control}", race,
       {"grid": "fig5b-at-init", "dense": 10000, "ticket": 500, control: 8100, **dict.fromkeys(others, 500)},
       {"a little sooner": {control: 7900, **dict.fromkeys(others)}, "much sooner": {control: 500, **dict.fromkeys(others)}})
of("ticket_beats_at_init", race, {"grid": "fig5b-at-init", "ticket": 490, "random": 1000, "snip": None, "grasp": 2000, "synflow": None},
   {"one is nearly as fast": {"random": None, "snip": 970}, "all are as fast": dict.fromkeys(AT_INIT, 490), "it never does": {"ticket": None}})


def last_accuracies(world, seed, **accuracy):
    for control, value in accuracy.items():
        world.job("fig5b-at-init", seed, control, test_accuracy=value)


of("worse_than_random", last_accuracies, {"random": 0.3, "snip": 0.5, "grasp": 0.279, "synflow": 0.5},
   {"by next to nothing": {"grasp": 0.281}, "all are better": {"grasp": 0.4}, "all are as good": {"snip": 0.3, "grasp": 0.3, "synflow": 0.3},
    "in each seed another one, as luck has it": lambda seed: {"snip": 0.5, "grasp": 0.5, "synflow": 0.5,
                                                            ("snip", "grasp", "synflow")[seed % 3]: 0.2}})
