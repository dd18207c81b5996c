"""claims STORE: what the papers claim and what the store says to it.

Per claim: the statement, what the paper says, what was found here (mean ± standard deviation, and every seed), the verdict,
and the rule that made it, which was fixed before.  Exit code 0 whatever the verdicts are; 1 if a claim's own program fails.
"""
import argparse
import sys

import files
from store import Store, told

from . import PAPERS
from .output import FAILED, FORMATS, judged


def main():
    parser = argparse.ArgumentParser(prog="claims", description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--paper", choices=PAPERS, help="only this paper's claims")
    arguments = parser.parse_args()
    with told("claims"), Store(arguments.store) as store:
        results = judged(store, arguments.paper)
    files.say("claims", "\n".join(FORMATS[arguments.format](results)))
    sys.exit(any(result.ours.startswith(FAILED) for _, result in results))


if __name__ == "__main__":
    main()
