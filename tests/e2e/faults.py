#!/usr/bin/env python3
"""A process is killed, or its disk fails or is full, at the Nth of all calls that change a file or bring it to the disk: in a
first run, a growth, a resumed run, its end, measure, compact, merge, a repair, and in the recovery of a growth that was killed.
After each fault: a disk's fault ends with 5, or with 0 if all is there; what reads the store works, or says that a run will mend
it; the same command ends with 0 and the bits of an undisturbed run; verify finds nothing; and nothing is left beside the store.
One read that fails once fails no job either.

A sample by default, of every command and every fault, chosen by SEED; TOMBOLA_TEST_ALL=1, as `make torture` has it: every call.
SCENARIO=growth FAULT=kill: those alone, at every call (lists with commas); FAULTS=10: at so many of each; RANKS=2: under mpirun;
AT=17: at that call.
luck: where a fault hits decides what is said
beside: others
timeout: 21600"""
import collections
import concurrent.futures
import os
import random
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(__file__), part) for part in ("..", "../fault")]
import fault  # noqa: E402
import scenarios  # noqa: E402
import shim_check  # noqa: E402
import tap  # noqa: E402
import trial  # noqa: E402


def chosen(variable, usual):
    return os.environ[variable].split(",") if os.environ.get(variable) else usual


SEED = int(os.environ.get("SEED", "1"))
AT = int(os.environ.get("AT", "0"))
FEW = int(os.environ.get("FAULTS", "0"))
EVERY = not FEW and bool(os.environ.get("TOMBOLA_TEST_ALL") or (os.environ.get("SCENARIO") and os.environ.get("FAULT")))
NAMES = chosen("SCENARIO", list(scenarios.ALL))
USUAL = ["kill", "tear", "eio", "eio-stays", "enospc", "enospc-stays", "short", "read"]
KINDS = chosen("FAULT", USUAL)
PAIRS = [("eio", "eio-stays"), ("enospc", "enospc-stays")]  # once, or from then on: a sample takes one of them for each command
CALLS = 150  # that a command makes at most, so that all can be tried; of reads so many are chosen
UNDER_MPI = 12  # faults of each kind, where every call is tried without


def dice(*of):
    return random.Random(" ".join(map(str, (SEED, *of))))


def ranks_of(scenario):
    return [int(n) for n in chosen("RANKS", scenario.ranks)]


def prepare(name):
    """(scenario, {(reads?, ranks): its calls}, what is wrong with it undisturbed)"""
    wrong = []
    try:
        s = scenarios.make(name, tap.SCRATCH / name)
        counted = {}
        for ranks in ranks_of(s):
            for kind in dict.fromkeys((["kill"] if set(KINDS) - {"read"} else []) + (["read"] if "read" in KINDS else [])):
                copy = s.scratch_copy(s.template)
                result, calls = s.calls(s.command(copy), copy, ranks, kind)
                counted[kind == "read", ranks] = calls
                if result.code != 0:
                    wrong.append(f"undisturbed, on {ranks} ranks: {result}")
                elif found := fault.differences(s.whole / s.out, copy / s.out):
                    wrong.append(f"undisturbed, on {ranks} ranks, other bits: {found[:3]}")
        if s.template.joinpath(s.out).exists() and not fault.differences(s.whole / s.out, s.template / s.out):
            wrong.append("the command has nothing to do")
    except scenarios.Unprepared as error:
        return None, {}, [str(error)]
    finally:
        fault.end_all()
    return s, counted, wrong


def how_many(s, kind, ranks):
    """Faults of a kind in a command, where not every call is tried."""
    if not ranks:
        return CALLS if EVERY else FEW or 1 + (s.name == "growth")
    return UNDER_MPI if EVERY else FEW or kind in ("kill", dice(s.name, ranks).choice(kinds_of(s.name)))


def pick(s, kind, ranks, calls):
    """The calls at which a command gets its fault."""
    at = [c.number for c in calls if fault.befalls(kind, c)]
    if AT:
        return [AT]
    if EVERY and not ranks and kind != "read":
        return at
    few, inside = how_many(s, kind, ranks), []
    if s.name == "growth" and kind in fault.FATAL and few:  # one is certain to be inside
        inside = dice(s.name, kind, ranks).sample([n for n in s.window(calls) if n in at], 1)
    return inside + dice(s.name, kind, ranks, "more").sample(at, min(len(at), max(0, few - len(inside))))


def kinds_of(name):
    """The faults that a command gets."""
    left_out = set() if EVERY or FEW or AT or KINDS is not USUAL else {pair[(list(scenarios.ALL).index(name) + SEED) % 2] for pair in PAIRS}
    return [kind for kind in KINDS if kind not in left_out]


def plan(prepared):
    trials = []
    for s, counted, _ in prepared:
        for ranks in ranks_of(s):
            for kind in kinds_of(s.name):
                trials += [trial.Trial(s, kind, at, ranks) for at in pick(s, kind, ranks, counted[kind == "read", ranks])]
    return trials


def tell(groups):
    """A test for each command, fault and number of ranks."""
    for (name, kind, ranks), trials in groups.items():
        bad = [t for t in trials if t.trouble]
        codes = collections.Counter(t.code for t in trials)
        what = f"{name}, {kind}{f', {ranks} ranks' if ranks else ''}: {len(trials)} faults, each mended by the same command"
        lines = [f"{len(bad)} of {len(trials)} fail, at {' '.join(str(t.at) for t in bad)}; exit codes {dict(codes)}"]
        seen = collections.Counter()
        for t in bad:
            kinds = tuple(word.split(":")[0] for word in t.trouble)
            seen[kinds] += 1
            if seen[kinds] == 1:
                lines += [t.again(), *(f"  {word}" for word in t.trouble)]
        lines += [f"{count} times: {'; '.join(kinds)}" for kinds, count in seen.items()]
        tap.ok(not bad, what, "\n".join(lines))


def tell_counts(trials, names):
    """That the faults were there, and where."""
    hit = collections.Counter((t.scenario.name, t.kind) for t in trials if t.fired)
    print(f"# faults: {', '.join(f'{name} {sum(n for (of, _), n in hit.items() if of == name)}' for name in names)}")
    if AT:
        return
    missing = [f"{name} {kind}" for name in names for kind in kinds_of(name) if not hit[name, kind]]
    missing += set(KINDS) - {kind for _, kind in hit} if len(names) > 1 else ()
    tap.ok(not missing, f"{sum(hit.values())} faults, SEED={SEED}: every command had every kind that is not left out for it", "\n".join(missing))
    tap.ok(all(t.fired for t in trials), "every fault has happened", "\n".join(t.again() for t in trials if not t.fired))
    killed = [t for t in trials if t.scenario.name == "growth" and t.kind in fault.FATAL]
    if killed:
        inside = [t for t in killed if t.grown]
        tap.ok(inside, f"of {len(killed)} kills of a run that grows, {len(inside)} were inside the growth")


print(f"# SEED={SEED}{' every call' if EVERY else ', a sample'}")
begin = time.monotonic()
if not (os.environ.get("SCENARIO") or AT):
    shim_check.check()
scenarios.write_sweeps()
with concurrent.futures.ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
    prepared = []
    for name, (s, counted, wrong) in zip(NAMES, pool.map(prepare, NAMES)):
        most = max((len(calls) for (reads, ranks), calls in counted.items() if not reads and not ranks), default=0)
        tap.ok(not wrong, f"{name}: undisturbed, {most} calls", "\n".join(wrong))
        tap.ok(most <= CALLS, f"{name}: at most {CALLS} calls", most)
        if s:
            prepared.append((s, counted, wrong))
    print(f"# prepared in {time.monotonic() - begin:.0f} s")
    trials = plan(prepared)
    places = [tap.SCRATCH / f"trial{i}" for i in range(len(trials))]
    trials = list(pool.map(trial.perform, trials, places))
groups = collections.defaultdict(list)
for t in trials:
    groups[t.scenario.name, t.kind, t.ranks].append(t)
tell(groups)
tell_counts(trials, [s.name for s, _, _ in prepared])
print(f"# {len(trials)} faults in {time.monotonic() - begin:.0f} s")
tap.done()
