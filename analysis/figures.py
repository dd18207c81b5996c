"""figures.py STORE -o FOLDER: every figure that the store has the data for, and why the others are not drawn.

First those of any store, then those of the papers that the store has grids of, with the paper's claim below."""
import argparse
import sys
from itertools import chain
from pathlib import Path

import circuits
import curves
import files
import graphs
import images
import measures
import minegishi
import movement
import norms
import spectra
import style
import tk
from settings import where_option
from store import Store, told

FIGURES = {module.__doc__.split()[0].removesuffix(".py"): module
           for module in (curves, tk, norms, measures, movement, spectra, graphs, circuits, images)}
PAPERS = (minegishi, circuits)  # modules with GRIDS, how their grids' names begin, and FIGURES: {name: figure(store)}


def attempt(name, draw, tell):
    """(name, figure or the reason why there is none); the figure lives until the next one is asked for."""
    with style.plt.rc_context(style.STYLE):
        try:
            style.notes.clear()
            fig = draw()
        except style.NoData as nothing:
            yield name, str(nothing)
            return
        style.annotate(fig, tell and name)
        yield name, fig
        style.plt.close(fig)


def drawn(store, jobs, without=(), tell=False):
    """attempt() of each of FIGURES.  tell: what one leaves out goes to stderr, too."""
    for name, module in FIGURES.items():
        if name not in without:
            yield from attempt(name, lambda module=module: module.figure(store, jobs), tell)


def captioned(draw, store):
    fig = draw(store)
    style.notes.clear()  # the caption says what is shown
    style.caption(fig, draw.__doc__)
    return fig


def papers(store):
    """attempt() of each figure of the papers that the store has grids of."""
    for paper in PAPERS:
        if any(grid.startswith(paper.GRIDS) for grid in store.grids()):
            for name, draw in paper.FIGURES.items():
                yield from attempt(name, lambda draw=draw: captioned(draw, store), False)


def main():
    parser = argparse.ArgumentParser(prog="figures.py", description=__doc__)
    parser.add_argument("store")
    parser.add_argument("-o", "--output", required=True, metavar="FOLDER")
    parser.add_argument("--format", default="png", choices=["png", "pdf", "svg"])
    where_option(parser)
    arguments = parser.parse_args()
    folder = Path(arguments.output)
    try:
        with told("figures.py"), Store(arguments.store) as store:
            for name, figure in chain(drawn(store, style.finished(store, arguments.where), tell=True), papers(store)):
                if isinstance(figure, str):
                    files.say("figures.py", f"{name}: not drawn: {figure}")
                    continue
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / f"{name}.{arguments.format}"
                files.draw("figures.py", figure, path)
                files.say("figures.py", f"{name}: {path}")
    except style.NoData as nothing:
        sys.exit(f"figures.py: {arguments.store}: {nothing}")


if __name__ == "__main__":
    main()
