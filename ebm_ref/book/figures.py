r"""Figures: losses, criteria and energies, drawn from their records.

    losses       the surface over (E_C, E_I), with arrows downhill: which energies a step would move
    criteria     the loss of a prediction, and its slope
    energies     contours of an energy of points, with arrows of the score

A figure's file is named by a hash of what it is drawn from, so that it is drawn anew only when that changed.

Source: LeCun et al. (2006), Figures 6-9, for the surfaces.
"""

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.pages import page_of, source

HIGHEST = 3.0  # the largest energy of a surface
FIXED = {
    "costs": [0.0, 1.0],
    "variance": 1.0,
    "dispersion": 0.5,
    "positive_weight": 3.0,
    "scale": 1.0,
    "degrees": 3.0,
}
FIXED |= {"temperature": 0.5, "label": 0, "positive": 0, "x2": 0.0, "weights": [3.0, 1.0, 1.0]}
RANGES = {"probability": (0.02, 0.98), "log_probabilities": (-4.0, 0.0)}
TWO = {"sign": (1, -1), "target": (0.0, 1.0)}  # arguments of which both values are drawn
POINTS = {  # the parameters of the energies that are drawn
    "quadratic": {"center": [0.0, 0.0], "precision": [[1.5, 0.8], [0.8, 1.0]]},
    "banana": {"bend": 0.5, "variance": 2.0},
    "rings": {"radii": [1.0, 2.2], "variance": 0.5},
    "mixture": {"centers": [[-1.3, -0.8], [1.4, 0.9]], "variances": [0.5, 0.8], "weights": [0.4, 0.6]},
}
LINES = {"double_well": {"position": 1.0, "height": 1.0}}


# which formulas have a figure


@cache
def surfaces():
    """Losses of an energy table with a gradient by it."""
    return [
        n
        for n, f in FORMULAS.items()
        if tuple(f.shapes)[:2] == ("energies", "label") and "energies" in f.gradients
    ]


@cache
def curves():
    """Criteria of a number, or of the scores of answers of which one is right."""
    return [n for n, f in FORMULAS.items() if source_folder(f) == "criteria" and is_curve(f)]


def is_curve(f):
    """Whether a formula is the loss of one number, all else given."""
    (first, axes), *rest = f.shapes.items()
    plain = first in f.gradients and f.output == () and all(not a for n, a in rest if n not in ("weights",))
    return (
        plain
        and (axes == () or (axes == ("k",) and rest and rest[0][0] in ("label", "positive")))
        and bool(rest)
    )


def source_folder(f):
    return page_of(f).__name__.split(".")[1]


def drawn():
    """{name: how it is drawn}."""
    found = dict.fromkeys(surfaces(), surface) | dict.fromkeys(curves(), curve)
    return found | dict.fromkeys(POINTS, contours) | dict.fromkeys(LINES, well)


# drawings: each on the axes that it is given


def surface(axes, name):
    """A loss over the energies of the correct and of the incorrect answer, and where a step would lead."""
    record = FORMULAS[name]
    given = {a: FIXED[a] for a in record.shapes if a == "costs"}
    grid = np.linspace(0.02, HIGHEST, 61)
    right, wrong = np.meshgrid(grid, grid)
    loss = record(np.stack([right, wrong], -1), 0, **given)
    axes.contourf(right, wrong, loss, levels=14)
    few = np.linspace(0.25, HIGHEST - 0.25, 9)
    right, wrong = np.meshgrid(few, few)
    slope = record.gradient("energies", np.stack([right, wrong], -1), 0, **given)
    step = -slope / max(np.abs(slope).max(), 1e-300)
    axes.quiver(
        right,
        wrong,
        step[..., 0],
        step[..., 1],
        color="white",
        edgecolor="black",
        linewidth=0.4,
        scale=11,
        width=0.012,
    )
    axes.plot([0, HIGHEST], [0, HIGHEST], color="white", linestyle="--", linewidth=1.0)
    axes.set(
        xlim=(0, HIGHEST),
        ylim=(0, HIGHEST),
        aspect="equal",
        xlabel="$E_C$, correct",
        ylabel="$E_I$, incorrect",
    )


def curve(axes, name):
    """The loss of a prediction and, thin, its slope; of scores, by that of the right answer, the others 0."""
    record = FORMULAS[name]
    (first, core), *_ = record.shapes.items()
    x = np.linspace(*RANGES.get(first, (-4.0, 4.0)), 161)
    two = next((a for a in record.shapes if a in TWO), "")
    for number, other in enumerate(TWO.get(two, (None,))):
        given = {a: FIXED[a] for a in record.shapes if a in FIXED} | ({two: other} if two else {})
        inputs = [record.bind(**{first: np.array([v, 0.0, 0.0]) if core else v} | given).values() for v in x]
        style = {"color": f"C{number}", "linestyle": ("-", "--")[number]}
        axes.plot(x, [taken(record.value, one) for one in inputs], label=f"{two} {other}", **style)
        axes.plot(x, [taken(record.gradients[first], one) for one in inputs], linewidth=0.8, **style)
    axes.set(ylim=(-2.6, 4.4), xlabel=first.replace("_", " ") + (" of the right answer" if core else ""))
    axes.set_ylabel("loss (thin: slope)")
    if two:
        axes.legend(loc="upper center")


def taken(function, inputs):
    """The value, or the first slope, there; NaN where the page refuses."""
    try:
        return np.ravel(function(*inputs))[0]
    except ValueError:
        return np.nan


def contours(axes, name):
    """An energy of points of the plane, with its score: arrows that point downhill."""
    given, grid = POINTS[name], np.linspace(-3.0, 3.0, 81)
    x, y = np.meshgrid(grid, grid)
    energy = FORMULAS[name](np.stack([x, y], -1), **given)
    axes.contourf(x, y, np.minimum(energy - energy.min(), 6.0), levels=np.linspace(0.0, 6.0, 13))
    few = np.linspace(-2.7, 2.7, 11)
    x, y = np.meshgrid(few, few)
    score = FORMULAS[f"{name}_score"](np.stack([x, y], -1), **given)
    length = np.linalg.norm(score, axis=-1, keepdims=True)
    score = score / np.maximum(length, 1e-12) * np.minimum(length, 3.0) / 3.0
    axes.quiver(
        x,
        y,
        score[..., 0],
        score[..., 1],
        color="white",
        edgecolor="black",
        linewidth=0.4,
        scale=13,
        width=0.012,
    )
    axes.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")


def well(axes, name):
    """An energy of points of the line, and its score."""
    given, x = LINES[name], np.linspace(-1.8, 1.8, 241)
    axes.plot(x, FORMULAS[name](x, **given), label="energy")
    axes.plot(x, FORMULAS[f"{name}_score"](x, **given), label="score")
    axes.set(ylim=(-4.0, 5.0), xlabel="$x$", ylabel="energy, score")
    axes.legend(loc="upper center")


# files


def key(names):
    """A hash of all that a figure is drawn from."""
    import matplotlib

    texts = [source(page_of(FORMULAS[n]).__name__.removeprefix("ebm_ref.")) for n in names]
    own = [Path(__file__).read_text(encoding="utf-8"), Path(__file__).with_name("style.mplstyle").read_text()]
    return hashlib.sha256("".join([*texts, *own, matplotlib.__version__]).encode()).hexdigest()[:12]


def file_of(name):
    """The file of a formula's figure, or of a chapter's gallery."""
    names = galleries().get(name, [name])
    return f"{name}-{key(names)}.svg"


def galleries():
    """{chapter: the formulas of its small multiples}."""
    return {"losses": surfaces(), "criteria": curves(), "energies": [*LINES, *POINTS]}


def draw_all(folder, names):
    """Draw what chapters and pages of these names show and is not there yet; delete what is drawn no more."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = [name for name in drawn() if page_of(FORMULAS[name]).__name__.removeprefix("ebm_ref.") in names]
    wanted = {file_of(name): name for name in [*shown, *(c for c in galleries() if c in names)]}
    for old in folder.glob("*.svg"):
        if old.name not in wanted:
            old.unlink()
    for file, name in wanted.items():
        if not (folder / file).exists():
            draw(name, folder / file)


def draw(name, file):
    """One figure, or a gallery of small multiples."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = galleries().get(name)
    with plt.style.context("ebm_ref.book.style"):
        if names:
            figure = gallery(plt, names)
        else:
            figure, axes = plt.subplots(figsize=(4.6, 3.8))
            drawn()[name](axes, name)
            axes.set_title(name)
        figure.savefig(file, metadata={"Date": None})
        plt.close(figure)


def gallery(plt, names):
    """Small multiples: four in a row, axes named at the margin alone."""
    rows = -(-len(names) // 4)
    figure, all_axes = plt.subplots(rows, 4, figsize=(9.6, 2.5 * rows), squeeze=False)
    for axes in all_axes.flat[len(names) :]:
        axes.axis("off")
    for k, (axes, name) in enumerate(zip(all_axes.flat, names, strict=False)):
        drawn()[name](axes, name)
        axes.set_title(name, fontsize=9)
        if k % 4 or drawn()[name] is curve:
            axes.set_ylabel("")
        if drawn()[name] is surface and k + 4 < len(names):
            axes.set_xlabel("")
        if legend := axes.get_legend():
            legend.remove()
    return figure


# on the page

TOLD = {
    surface: "The loss over the energies of the correct answer and of the only incorrect one.  Arrows show "
    "where a step downhill moves the two, dots where nothing moves; below the dashed line the model errs.",
    curve: "The loss, and thin its slope, the explicit gradient.  Solid for a target of 0 or a sign of 1, "
    "dashed for a target of 1 or a sign of -1.",
    contours: "The energy, and its score: arrows that point downhill.",
    well: "The energy and its score, which is zero at the bottom of each well and on the ridge between.",
}


def figure_of(name, records):
    """The figures of a page or a chapter as HTML; "" where none is drawn."""
    names = [name] if name in galleries() and not records else [n for n in records if n in drawn()]
    return "".join(shown(n, TOLD[drawn()[galleries().get(n, [n])[-1]]]) for n in names)


def shown(name, told):
    return (
        f'<figure><img class="drawing" src="figures/{file_of(name)}" alt="{name}: {told}" loading="lazy">'
        f"<figcaption>{told}</figcaption></figure>"
    )
