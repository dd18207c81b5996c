"""All claims judged on a store, as text, Markdown or JSON."""
import functools
import json
import math
import re
import textwrap
import traceback

from store import Damaged

from . import PAPERS, WORDS, claims, verdict

FAILED = "the claim's own program failed: "


class Moment:
    """A store whose jobs are read once: all claims speak of one moment of it, though it may be growing."""

    def __init__(self, store):
        self.store = store
        self.jobs = functools.cache(store.jobs)

    def __getattr__(self, name):
        return getattr(self.store, name)


def judged(store, wanted=None):
    """[(claim, verdict)] of all claims, or of those of one paper.  One whose function fails is told, and cannot tell."""
    store, results = Moment(store), []
    for made in claims():
        if wanted in (None, made.paper):
            try:
                results.append((made, made.judge(store)))
            except Damaged:
                raise
            except Exception as error:  # a claim must not take the others with it
                traceback.print_exc()
                results.append((made, verdict(ours=f"{FAILED}{error!r}", holds=None)))
    return results


def counts(results):
    """"12 hold, 3 do not hold, 4 cannot be told"."""
    of = [found.holds for _, found in results]
    return f"{len(of)} claims: {of.count(True)} hold, {of.count(False)} do not hold, {of.count(None)} cannot be told"


def literal(text):
    """A text of the store as Markdown shows it: neither HTML, nor a link or picture."""
    return re.sub(r"([\\`\[<])", r"\\\1", text)


def found(result):
    """What was found, with the numbers."""
    return ". ".join(part for part in (result.ours.rstrip("."), result.summary()) if part)


def text(results):
    for made, result in results:
        yield f"{WORDS[result.holds].upper()}: {made.statement}  [{made.paper} {made.figure}, {made.name}]"
        for title, words in (("paper", made.published), ("ours", found(result)), ("rule", made.rule)):
            yield textwrap.fill(words, 126, initial_indent=f"    {title:7}", subsequent_indent=" " * 11)
        yield ""
    yield counts(results)


def markdown(results):
    """A table a paper; the rule stands under the statement."""
    def cell(words):
        return words.replace("|", "\\|").replace("\n", " ")

    yield counts(results) + "."
    for paper, title in PAPERS.items():
        rows = [(made, result) for made, result in results if made.paper == paper]
        if rows:
            yield from ("", f"### {title}", "", "| figure | claim, and the rule of the verdict | paper | ours | verdict |",
                        "|---|---|---|---|---|")
        for made, result in rows:
            yield (f"| {cell(made.figure)} | {cell(made.statement)}<br><sub>{cell(made.rule)}</sub> | {cell(made.published)} | "
                   f"{cell(literal(found(result)))} | **{WORDS[result.holds]}** |")


def as_json(results):
    def plain(value):
        return value if value is None or math.isfinite(value) else None

    yield json.dumps({"schema": 1, "claims": [
        {"paper": made.paper, "name": made.name, "figure": made.figure, "statement": made.statement, "published": made.published,
         "rule": made.rule, "verdict": WORDS[result.holds], "ours": result.ours, "what": result.what,
         "values": {str(seed): plain(value) for seed, value in result.values.items()}, "mean": result.mean, "sd": result.sd}
        for made, result in results]}, ensure_ascii=False, indent=1)


FORMATS = {"text": text, "markdown": markdown, "json": as_json}
