"""trial.py: one fault in one command, and all that must hold after it."""
import hashlib
import re
import shutil

import fault
from scenarios import copy_folder

TRIES, PAGE = 4, 4096
TORN = ("tear", "tear-any", "short")  # a row of /jobs may be half the old one
HANGS = 3  # commands of one kind that may hang before its others are not tried
READERS = [("verify",), ("status",), ("query",)]


class Trial:
    """scenario: as scenarios.make has made it; at: the call; ranks: 0 is without mpirun."""

    def __init__(self, scenario, kind, at, ranks):
        self.scenario, self.kind, self.at, self.ranks = scenario, kind, at, ranks
        self.trouble = []
        self.fired = self.grown = self.hung = False
        self.code = None

    def again(self):
        """The command that repeats it."""
        return f"SCENARIO={self.scenario.name} FAULT={self.kind} RANKS={self.ranks} AT={self.at} make run-check T=e2e/faults"

    def blame(self, what, detail=""):
        self.trouble.append(what + (f": {' | '.join(str(detail).strip().splitlines())[:600]}" if str(detail) else ""))

    def ended(self, result, which):
        """False if the command had to be ended."""
        if result.code is None:
            self.hung = True
            self.blame(f"the {which} command hangs", result)
        return result.code is not None


def sum_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def kept(old, new):
    """Is it the file that was there?  Who replaces it says so in the page of /owner."""
    have, want = bytearray(new.read_bytes()), old.read_bytes()
    at = next(at for at in range(0, len(want), PAGE) if want.startswith(b"TMBOWNER", at))
    have[at:at + PAGE] = want[at:at + PAGE]
    return have == want


def inject(t, place):
    """Run the command with its fault on a copy of the template.  One that makes fewer calls than the one that was counted, as
    commands may that depend on time, is run again with the fault at one of the last."""
    folder, at = place / "store", t.at
    for attempt in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        copy_folder(t.scenario.template, folder)
        result = fault.run(t.scenario.command(folder), place, t.ranks, under=folder, kind=t.kind, at=at)
        t.fired = result.fired > 0
        if t.fired or result.code is None:
            break
        fault.end_all()
        at = max(1, min(at, result.calls) - 2 * attempt)
    return folder, result


def look_at_end(t, result, out):
    """How the faulted command has ended."""
    if t.kind in fault.FATAL:
        if result.code != -9 and not (t.ranks and result.code):
            t.blame(f"killed, it ends with {result.code}", result)
    elif result.code == 0:
        found = fault.differences(t.scenario.whole / t.scenario.out, out)
        if found:
            t.blame("it says 0, and not all is there", "\n".join(found))
    elif result.code != 5:
        t.blame(f"a disk's fault is exit code {result.code}, not 5", result.err)
    elif not re.search("error:|warning:", result.err):
        t.blame("it ends with 5 and says nothing", result)


def read_between(t, path, place):
    """What others see before the next run: every reader works, or says with 5 that a run will mend it."""
    refused = False
    for words in READERS:
        more = ["SELECT count(*) FROM jobs"] if words[0] == "query" else []
        result = fault.run([*words, path, *more], place)
        said = result.out + result.err
        if not t.ended(result, words[0]):
            continue
        if t.scenario.damaged and result.code == 5 and words[0] == "verify":
            continue
        if result.code == 5 and re.search(r"\brun\b", said):
            refused |= words[0] != "verify"
        elif result.code != 0:
            t.blame(f"`{words[0]}` in between ends with {result.code}", said)
    why = fault.h5py_opens(path)
    if why and not refused:
        t.blame("h5py cannot read what status and query can", why)


def look_between(t, folder):
    """The folder after the faulted command."""
    s, out = t.scenario, folder / t.scenario.out
    t.grown = any(folder.glob("*.undo"))
    for name in s.sources:
        if sum_of(folder / name) != sum_of(s.template / name):
            t.blame(f"the source {name} has been changed")
    if not s.sources:
        if out.exists():
            read_between(t, out, folder.parent)
            for word in s.look(out) if t.kind not in TORN else ():
                t.blame("what must stay readable is not", word)
        return
    read_between(t, folder / s.sources[0], folder.parent)
    old = s.template / s.out
    if old.exists() and not out.exists():
        t.blame("the file that was there is gone")
    elif out.exists() and not (old.exists() and kept(old, out)):
        found = fault.differences(s.whole / s.out, out)
        if found:
            t.blame("what stands under the final name is not whole", "\n".join(found))


def go_on(t, folder):
    """The same command without a fault mends all."""
    s, out = t.scenario, folder / t.scenario.out
    result = fault.run(s.command(folder), folder.parent, t.ranks)
    if not t.ended(result, "next"):
        return
    if result.code != 0:
        t.blame(f"the same command ends with {result.code} afterwards", result.err)
        return
    found = fault.differences(s.whole / s.out, out)
    if found:
        t.blame("the bits are not those of an undisturbed run", "\n".join(found))
    verify = fault.run(["verify", out], folder.parent)
    if verify.code != 0:
        t.blame(f"verify ends with {verify.code}", verify.out + verify.err)
    found = fault.orphans(out)
    if found:
        t.blame("arrays that are nobody's have checksums", found)
    left = {path.name for path in folder.iterdir()} ^ {path.name for path in s.whole.iterdir()}
    if left:
        t.blame(f"files that should not be there, or should: {' '.join(sorted(left))}")


def perform(t, place):
    """All of it, in a folder that is gone afterwards if all is well."""
    hung = t.scenario.place / f"hung-{t.kind}-{t.ranks}"
    if len(list(hung.parent.glob(f"{hung.name}-*"))) >= HANGS:
        t.blame(f"not tried: {HANGS} others hang")
        return t
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        go_through(t, place)
    except Exception as error:  # pylint: disable=broad-except
        t.blame("the test itself went wrong", repr(error))
    fault.end_all()
    if t.hung:
        hung.with_name(f"{hung.name}-{t.at}").touch()
    if not t.trouble:
        shutil.rmtree(place)
    return t


def go_through(t, place):
    folder, result = inject(t, place)
    t.code = result.code
    if t.ended(result, "faulted"):
        if not t.fired:
            t.blame("the fault did not happen", f"{result.calls} calls. {result}")
        look_at_end(t, result, folder / t.scenario.out)
    look_between(t, folder)
    go_on(t, folder)
