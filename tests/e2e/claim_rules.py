#!/usr/bin/env python3
"""The rule of every claim: in made-up results in which the claim is true it holds, in those in which it is false it does not,
whichever way it is false.  tests/verdicts has them, a case a claim; a claim without one fails here.

A rule "in every seed" does not hold either where the claim is false in one seed of four.
beside: others
timeout: 120"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import claims  # noqa: E402
from verdicts import chen, merrill, minegishi, minegishi_structure  # noqa: E402, F401
from verdicts.world import CASES  # noqa: E402


def word(made, world):
    found = made.judge(world)
    return claims.WORDS[found.holds], found.ours


def wrong(made, case):
    """What a claim says to its case that is not so."""
    def ask(how, want, **changes):
        have, why = word(made, case.world(**changes))
        if have not in want:
            yield f"{made.paper} {made.name}, {how}: {have}, not {' or '.join(want)} ({why})"

    yield from ask("true", ["holds"])
    for how, change in case.false.items():
        yield from ask(how, ["does not hold"], change=change)
        if "in every seed" in made.rule and not callable(change):
            yield from ask(f"{how}, in one seed", ["cannot tell", "does not hold"], change=change, seeds=[1])
    for how, change in case.open.items():
        yield from ask(how, ["cannot tell"], change=change)
    for how, change in case.weak.items():  # mended: it belongs to those that are false
        yield from ask(how, ["holds"], change=change)


def lacking(table, made):
    """Claims without a case, or with one that lacks the true or the false, and cases of no claim."""
    known = {(one.paper, one.name) for one in made}
    return sorted({key for key in known if key not in table or not table[key].false} | (set(table) - known))


made = claims.claims()
tap.ok(len(made) > 80, "there are claims", len(made))
tap.equal(lacking(CASES, made), [], "each claim has made-up results in which it is true, and such in which it is false")
tap.equal(lacking({key: case for key, case in CASES.items() if key[1] != "critical_rate"}, made), [("minegishi", "critical_rate")],
          "a claim that had none would be told")
for one in made:
    if (one.paper, one.name) in CASES:
        said = list(wrong(one, CASES[one.paper, one.name]))
        tap.ok(not said, f"{one.paper}: {one.name}", "\n".join(said))
always = claims.Claim("minegishi", "0", "anything", "", "holds if in every seed", lambda store: claims.verdict(ours="", holds=True), "always")
tap.equal(len(list(wrong(always, CASES["minegishi", "critical_rate"]))), 6, "a rule that cannot fail is told, once for each way")
tap.equal([claims.every(dict.fromkeys(range(n), True) | {9 - i: False for i in range(bad)}) for n, bad in ((3, 0), (4, 1), (3, 2), (2, 2))],
          [True, None, None, False], "all seeds agree, or at most half do, or nobody can tell")
weak = [f"{paper} {name}: {how}" for (paper, name), case in CASES.items() for how in case.weak]
print(*(f"# holds, though it is false: {line}" for line in weak), sep="\n")
tap.done()
