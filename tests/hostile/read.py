#!/usr/bin/env python3
"""read.py STORE: all that analysis/store.py returns of a store, read once; one line at the end.  Exit code 5 if it is damaged."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../analysis"))
from store import Store, told  # noqa: E402
from settings import labelled  # noqa: E402
from table import lines, show  # noqa: E402


def read(store):
    jobs, numbers = store.jobs(), 0
    for grid in store.grids():
        numbers += len(store.jobs(grid=grid))
    for _, job in jobs.iterrows():
        numbers += store.series(job).size
        for epoch in store.checkpoint_epochs(job)[:-2]:
            if epoch >= 0:
                numbers += len(store.tensors(job, store.checkpoint(job, epoch) * store.mask(job, epoch)))
        for kind in ("norms", "histogram"):
            for name in store.measures(job, kind):
                for array in store.family(job)[0][f"measures/{name}"]:
                    try:
                        numbers += array != "checksums" and store.measure(job, f"{name}/{array}").size
                    except KeyError:
                        pass  # it was not measured
    words = [str(store.about), *(name for name, _ in store.sweeps())]
    return jobs, f"{len(jobs)} jobs, {numbers} numbers, {len(''.join(words))} letters"


def main():
    with told("read.py"), Store(sys.argv[1]) as store:
        jobs, words = read(store)
    jobs = labelled(jobs)
    done = jobs[jobs.state == "done"]
    if len(done):
        show(lines(done))
    print(words)


if __name__ == "__main__":
    main()
