#!/usr/bin/env python3
"""The picture on the first screen of README.md: what was computed under four names, and the judge's verdict.

    scripts/first_figure.py       draw it anew (as `scripts/make_docs.py figure` does)

Four mistakes of the records, each beside the formula whose name it bore.  What stands below each panel is
what the judge says when it is handed the wrong function.  The file keeps a digest of what it was drawn from,
so that a test can tell, without drawing, whether it is fresh.
"""

import hashlib
import re
import textwrap
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ebm_ref import FORMULAS
from ebm_ref.conformance.testing import assert_conforms

ROOT = Path(__file__).parents[1]
FILE = ROOT / "ebm_ref" / "book" / "first.png"
STYLE = ROOT / "ebm_ref" / "book" / "style.mplstyle"
RIGHT, WRONG = "#0072B2", "#D55E00"


class Exhibit(NamedTuple):
    """A mistake of a record, where it was found, in short, and the panel that shows it."""

    formula: str
    mistake: str
    where: str
    panel: object


def variant(exhibit):
    """The record's mistake; LookupError if the record holds none of that name, or not found there."""
    record = FORMULAS[exhibit.formula]
    found = next(
        (v for v in record.variants if v.name == exhibit.mistake and exhibit.where in v.seen_in), None
    )
    if found is None:
        raise LookupError(f"{exhibit.formula}: no mistake {exhibit.mistake!r} seen in {exhibit.where}")
    return found


def verdict(exhibit):
    """(name of the mistake, vectors that differ, vectors in all) as the judge reports them."""
    try:
        assert_conforms(variant(exhibit).value, exhibit.formula)
    except AssertionError as told:
        text = " ".join(str(told).split())
        named = re.search(r"it computes: (.+?) seen in:", text)[1]
        return named, *map(int, re.search(r"differs on (\d+) of (\d+) vectors", text).groups())
    raise ValueError(f"{exhibit.formula}: the judge finds nothing wrong with {exhibit.mistake!r}")


# panels: each on the axes that it is given


def slope(loss, E, h=1e-6):
    """dL/dE of two energies, by central differences: the mistake has no gradient of its own."""
    ends = [[loss(E + side * h * e, 0, 1.0) for side in (1.0, -1.0)] for e in np.eye(2)]
    return np.array([(up - down) / (2.0 * h) for up, down in ends])


def forces(axes, right, wrong):
    """Where a step moves E_y and E_o: the gradient of a loss of two energies, and that of the mistake."""
    line = np.linspace(0.2, 1.76, 5)
    points = np.array([(c, i) for c in line for i in line])
    both = [np.array([-slope(f, point) for point in points]) for f in (right, wrong)]
    apart = ~np.all(np.isclose(*both, atol=1e-6), axis=1)
    style = {"angles": "xy", "scale_units": "xy", "scale": 10.0, "width": 0.015}
    axes.quiver(*points.T, *both[0].T, color=RIGHT, **style)
    axes.quiver(*points[apart].T, *both[1][apart].T, color=WRONG, **style)
    axes.plot([0.0, 2.0], [0.0, 2.0], color="0.6", linestyle="--", linewidth=0.8)
    axes.text(0.03, 0.99, "arrows: $-dL/dE$, a tenth as long", transform=axes.transAxes, va="top", fontsize=8)
    axes.set(xlim=(-0.15, 2.0), ylim=(-0.15, 2.0))
    axes.set(xlabel="energy $E_y$ of the right answer", ylabel="energy $E_o$ of the wrong one")


def lines(axes, x, right, wrong):
    """Both functions, and what lies between."""
    values = [[float(f(one)) for one in x] for f in (right, wrong)]
    axes.fill_between(x, *values, color=WRONG, alpha=0.15, linewidth=0.0)
    axes.plot(x, values[0], color=RIGHT, linestyle="-", linewidth=2.2)
    axes.plot(x, values[1], color=WRONG, linestyle="--", linewidth=1.8)


def knee(axes, right, wrong):
    """Smooth L1 with a corner at beta = 2."""
    x = np.sort([*np.linspace(-4.0, 4.0, 65), -1.9999, 1.9999])
    lines(axes, x, *(lambda d, f=f: f(d, 0.0, 2.0) for f in (right, wrong)))
    axes.set(xlabel="prediction less target, at beta = 2", ylabel="loss", ylim=(-0.1, 4.0))


def clipped(axes, right, wrong):
    """The focal loss of samples that are ever more wrong."""
    x = np.linspace(0.0, 30.0, 61)
    lines(axes, x, *(lambda z, f=f: f(z, 0.0, 2.0) for f in (right, wrong)))
    axes.set(xlabel="score of a negative sample", ylabel="loss", ylim=(0.0, 31.0))


def noisy(axes, right, wrong):
    """Student's t as it becomes normal: the loss at one scale from its location."""
    x = np.logspace(2.0, 15.0, 105)
    values, low, high = [[float(f(0.0, 1.0, nu, 1.0)) for nu in x] for f in (right, wrong)], 1.402, 1.436
    held = np.clip(values[1], low, high)
    for marker, which in (("o", (low < held) & (held < high)), ("v", held == low), ("^", held == high)):
        axes.plot(x[which], held[which], marker, color=WRONG, markersize=3.2 if marker == "o" else 5.0)
    axes.plot(x, values[0], color=RIGHT, linestyle="-", linewidth=1.8)
    axes.text(0.03, 0.88, "triangles: outside", transform=axes.transAxes, fontsize=8, color="0.25")
    axes.set(xscale="log", xlabel="degrees of freedom", ylabel="loss", ylim=(1.4, 1.438))


EXHIBITS = (
    Exhibit("square_square", "minus between the terms", "LeCun et al. (2006), Table 1", forces),
    Exhibit("smooth_l1", "beta in the condition alone", "KerasCV", knee),
    Exhibit("focal", "probability clipped at 1e-7", "Keras 3.15.1", clipped),
    Exhibit("student_t_nll", "two log Gamma subtracted", "SciPy before 1.11", noisy),
)


def digest():
    """What the picture is drawn from: this file, the style, and what the records say of the mistakes."""
    said = [str((v.name, v.seen_in, v.symptom)) for v in map(variant, EXHIBITS)]
    texts = [Path(__file__).read_text(encoding="utf-8"), STYLE.read_text(encoding="utf-8"), *said]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def drawn_from(file=FILE):
    """The digest that a picture keeps; "" if it keeps none."""
    found = re.search(rb"drawn from ([0-9a-f]{16})", file.read_bytes())
    return found[1].decode() if found else ""


def panel(axes, exhibit):
    """One exhibit: where it was found, both functions, and the verdict."""
    named, differs, asked = verdict(exhibit)
    if named != exhibit.mistake:
        raise ValueError(f"{exhibit.formula}: the judge says {named!r}, not {exhibit.mistake!r}")
    exhibit.panel(axes, FORMULAS[exhibit.formula].value, variant(exhibit).value)
    axes.set_title(exhibit.formula, fontsize=12, fontweight="bold", loc="left", pad=20)
    axes.text(0.0, 1.03, f"in {exhibit.where}", transform=axes.transAxes, fontsize=9, color="0.25")
    axes.set_box_aspect(0.85)
    text = f"mismatch on {differs} of {asked} vectors:\n" + textwrap.fill(f"“{named}”", 34)
    place = {"xy": (0.0, -0.3), "xycoords": "axes fraction", "va": "top"}
    axes.annotate(text, **place, fontsize=9, color=WRONG, fontweight="bold")


def draw(file=FILE):
    """Write the picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.style.context(["ebm_ref.book.style", {"axes.labelsize": 9, "savefig.bbox": "tight"}]):
        figure, row = plt.subplots(1, 4, figsize=(12.0, 3.75))
        for axes, exhibit in zip(row, EXHIBITS, strict=True):
            panel(axes, exhibit)
        head = {"x": 0.01, "ha": "left", "fontsize": 13}
        figure.suptitle(
            "One name, two functions: the formula (blue), what was computed (orange), the verdict", **head
        )
        figure.savefig(file, dpi=150)
        plt.close(figure)
    shrink(file)


def shrink(file):
    """A palette of 64 colours, a third of the bytes; and the digest, kept with it."""
    from PIL import Image, PngImagePlugin  # matplotlib brings it

    kept = PngImagePlugin.PngInfo()
    kept.add_text("Description", f"drawn from {digest()}")
    Image.open(file).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(
        file, optimize=True, pnginfo=kept
    )


if __name__ == "__main__":
    draw()
    print(f"{FILE.relative_to(ROOT)}: {FILE.stat().st_size:,} bytes")
