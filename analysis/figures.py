"""figures.py STORE -o FOLDER: every figure that the store has the data for, and why the others are not drawn."""
import argparse
import sys
from pathlib import Path

import curves
import images
import measures
import movement
import norms
import spectra
import style
import tk
from store import Store

FIGURES = {module.__doc__.split()[0].removesuffix(".py"): module
           for module in (curves, tk, norms, measures, movement, spectra, images)}


def drawn(store, jobs, without=()):
    """(name, figure or the reason why there is none), of each of FIGURES; a figure lives until the next one is asked for."""
    for name, module in ((name, FIGURES[name]) for name in FIGURES if name not in without):
        with style.plt.rc_context(style.STYLE):
            try:
                fig = module.figure(store, jobs)
            except style.NoData as nothing:
                yield name, str(nothing)
                continue
            yield name, fig
            style.plt.close(fig)


def main():
    parser = argparse.ArgumentParser(prog="figures.py", description=__doc__)
    parser.add_argument("store")
    parser.add_argument("-o", "--output", required=True, metavar="FOLDER")
    parser.add_argument("--format", default="png", choices=["png", "pdf", "svg"])
    arguments = parser.parse_args()
    folder = Path(arguments.output)
    try:
        with Store(arguments.store) as store:
            for name, figure in drawn(store, style.finished(store)):
                if isinstance(figure, str):
                    print(f"{name}: not drawn: {figure}")
                    continue
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / f"{name}.{arguments.format}"
                figure.savefig(path)
                print(f"{name}: {path}")
    except style.NoData as nothing:
        sys.exit(f"figures.py: {arguments.store}: {nothing}")
    except OSError as error:
        sys.exit(f"figures.py: {error}")


if __name__ == "__main__":
    main()
