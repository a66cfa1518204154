"""What the scripts `reproduce_*.py` have in common: their options, where data lies, and the verdict.

Each script states one claim, prints the numbers that bear it out, and ends with `conclude`: exit status 0 if
all holds, 1 with the sentence that does not, 2 where the data is not installed.
"""

import argparse
import gzip
import importlib.util
import sys
from pathlib import Path

import numpy as np


def options(text, **own):
    """The options common to all scripts, and a script's own; `text` is the script's docstring."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--seed", type=int, default=0, help="first seed of the random numbers")
    parser.add_argument("--figure", metavar="FILE", help="also draw a figure: .png, .pdf or .svg")
    parser.add_argument("--quick", action="store_true", help="the same on a smaller instance, in seconds")
    for name, settings in own.items():
        parser.add_argument(f"--{name}", **settings)
    return parser.parse_args()


def installed(package, distribution):
    """Folder of an installed package, without importing it; the end, with status 2, where it is missing."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        print(
            f"the data is that of {distribution}, which is not installed: pip install 'ebm_ref[data]'",
            file=sys.stderr,
        )
        raise SystemExit(2)
    return Path(spec.submodule_search_locations[0])


def digits():
    """(1797, 64) grey levels in 0..1 of 8 x 8 pixels, and (1797,) labels, out of scikit-learn."""
    file = installed("sklearn", "scikit-learn") / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(file, "rt") as lines:
        table = np.loadtxt(lines, delimiter=",")
    return table[:, :64] / 16.0, table[:, 64].astype(int)


def figure(file, **settings):
    """A figure, its axes, and a function that writes it to the file; drawn without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams |= {
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    drawing, axes = plt.subplots(layout="constrained", **settings)
    return axes, lambda: (drawing.savefig(file, dpi=150), print(f"figure: {file}"))


def conclude(*claims):
    """Print each claim, a pair (sentence, whether it holds), and end with status 1 unless all hold."""
    print()
    for sentence, holds in claims:
        print(("holds: " if holds else "FAILS: ") + sentence)
    sys.exit(0 if all(holds for _, holds in claims) else 1)
