r"""Drawings of records: a loss, a criterion or an energy, from nothing but its record.

    losses       the surface over (E_C, E_I), with arrows downhill: which energies a step would move
    criteria     the loss of a prediction, and its slope
    energies     contours of an energy of points, with arrows of the score

The title says what the gradient does, as found on the grid that is drawn: where it stops, whether it gives
up on far errors, how many valleys there are.

Source: LeCun et al. (2006), Figures 6-9, for the surfaces.
"""

import re
from functools import cache

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.pages import page_of

HIGHEST = 3.0  # the largest energy of a surface
TINY = 1e-9  # of a slope: none
FIXED = {
    "costs": [0.0, 1.0],
    "variance": 1.0,
    "dispersion": 0.5,
    "positive_weight": 3.0,
    "scale": 1.0,
    "degrees": 3.0,
}
FIXED |= {"temperature": 0.5, "label": 0, "positive": 0, "x2": 0.0, "weights": [3.0, 1.0, 1.0]}
RANGES = {"probability": (0.02, 0.98), "log_probabilities": (-4.0, 0.0), "distance": (0.0, 4.0)}
TWO = {"sign": (1, -1), "target": (0.0, 1.0)}  # arguments of which both values are drawn
POINTS = {  # the parameters of the energies that are drawn
    "quadratic": {"center": [0.0, 0.0], "precision": [[1.5, 0.8], [0.8, 1.0]]},
    "banana": {"bend": 0.5, "variance": 2.0},
    "rings": {"radii": [1.0, 2.2], "variance": 0.5},
    "mixture": {"centers": [[-1.3, -0.8], [1.4, 0.9]], "variances": [0.5, 0.8], "weights": [0.4, 0.6]},
}
LINES = {"double_well": {"position": 1.0, "height": 1.0}}
ARROWS = {"color": "white", "edgecolor": "black", "linewidth": 0.4, "width": 0.012}


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
    return [n for n, f in FORMULAS.items() if folder_of(f) == "criteria" and is_curve(f)]


def is_curve(f):
    """Whether a formula is the loss of one number, all else given."""
    (first, axes), *rest = f.shapes.items()
    plain = first in f.gradients and f.output == () and all(not a for n, a in rest if n not in ("weights",))
    return (
        plain
        and (axes == () or (axes == ("k",) and rest and rest[0][0] in ("label", "positive")))
        and bool(rest)
    )


def folder_of(f):
    """The package in which a formula stands."""
    return page_of(f).__name__.split(".")[1]


def drawn():
    """{name: how it is drawn}."""
    found = dict.fromkeys(surfaces(), surface) | dict.fromkeys(curves(), curve)
    return found | dict.fromkeys(POINTS, contours) | dict.fromkeys(LINES, well)


# drawings: each on the axes that it is given; it returns what the title claims


def surface(axes, name):
    """A loss over the energies of the correct and of the incorrect answer, and where a step would lead."""
    right, wrong, loss, _ = on_grid(name, np.linspace(0.02, HIGHEST, 61))
    axes.set_rasterization_zorder(0)  # what lies below is a picture; contours alone cannot be one before 3.11
    axes.contourf(right, wrong, loss, levels=14, zorder=-1)
    right, wrong, _, slope = on_grid(name, np.linspace(0.25, HIGHEST - 0.25, 9))
    step = -slope / max(np.abs(slope).max(), 1e-300)
    axes.quiver(right, wrong, step[..., 0], step[..., 1], scale=11, **ARROWS)
    axes.plot([0, HIGHEST], [0, HIGHEST], color="white", linestyle="--", linewidth=1.0)
    limits = {"xlim": (0, HIGHEST), "ylim": (0, HIGHEST), "aspect": "equal"}
    axes.set(xlabel="$E_C$, correct", ylabel="$E_I$, incorrect", **limits)
    return claim_of_surface(name)


def on_grid(name, line, above=0.0):
    """E_C, E_I, the loss and its gradient on a grid; E_I is so much higher."""
    record = FORMULAS[name]
    given = {a: FIXED[a] for a in record.shapes if a == "costs"}
    right, wrong = np.meshgrid(line, line + above)
    energies = np.stack([right, wrong], -1)
    return right, wrong, record(energies, 0, **given), record.gradient("energies", energies, 0, **given)


def claim_of_surface(name):
    """Where the arrows stop, or what they never do; of gaps halfway between tenths."""
    right, wrong, _, slope = on_grid(name, np.linspace(0.1, HIGHEST, 30), above=0.05)
    gap, size = wrong - right, np.abs(slope).max(axis=-1)
    if not np.any(np.abs(slope[..., 1]) > TINY):
        return "nothing is pulled up"
    if np.all(np.abs(right * slope[..., 0] + wrong * slope[..., 1]) < TINY * (1.0 + size)):
        return "only the ratio counts"
    if np.any(np.abs(slope.sum(axis=-1)) > TINY * (1.0 + size)):
        pulled = wrong[np.abs(slope[..., 1]) > TINY].max() + 0.05
        return "pins $E_C$ to 0, $E_I$ " + (f"to {pulled:.1f}" if pulled < HIGHEST else "ever higher")
    return claim_of_gaps(gap, size)


def claim_of_gaps(gap, size):
    """The same of a loss of differences: at which gaps it has a slope."""
    last, gives_up = gap[size > TINY].max() + 0.05, size[gap == gap.min()].max() < 0.5 * size.max()
    if last < TINY:  # the line
        return "no margin" + (", gives up on far errors" if gives_up else "")
    if last > HIGHEST - 0.5:
        return "gives up on far errors" if gives_up else "fades as the gap grows"
    return f"stops at a gap of {last:.1f}"


def curve(axes, name):
    """The loss of a prediction and, thin, its slope; of scores, by that of the right answer, the others 0."""
    record = FORMULAS[name]
    (first, core), *_ = record.shapes.items()
    x, steepest = np.linspace(*RANGES.get(first, (-4.0, 4.0)), 161), 0.0
    two = next((a for a in record.shapes if a in TWO), "")
    for number, other in enumerate(TWO.get(two, (None,))):
        inputs = [bound(record, v, {two: other} if two else {}) for v in x]
        slopes = [taken(record.gradients[first], one) for one in inputs]
        style = {"color": f"C{number}", "linestyle": ("-", "--")[number]}
        axes.plot(x, [taken(record.value, one) for one in inputs], label=f"{two} {other}", **style)
        axes.plot(x, slopes, linewidth=0.8, **style)
        steepest = max(steepest, np.nanmax(np.abs(slopes)))
    axes.set(ylim=(-2.6, 4.4), xlabel=f"{one_of(first)} of the right answer" if core else one_of(first))
    axes.set_ylabel("loss (thin: slope)")
    if two:
        axes.legend(loc="upper center")
    return claim_of_curve(record, first, two, steepest)


def one_of(argument):
    """The name of one of several numbers.

    >>> one_of("log_probabilities"), one_of("logits"), one_of("log_rate")
    ('log probability', 'logit', 'log rate')
    """
    return re.sub("s$", "", re.sub("ies$", "y", argument)).replace("_", " ")


def bound(record, v, other):
    """The inputs at which a curve is drawn."""
    (first, core), *_ = record.shapes.items()
    given = {a: FIXED[a] for a in record.shapes if a in FIXED} | other
    return record.bind(**{first: np.array([v, 0.0, 0.0]) if core else v} | given).values()


def claim_of_curve(record, first, two, steepest):
    """How hard what is far away pulls."""
    if first in RANGES:
        return f"slope up to {steepest:.2g} here"
    others = [{two: other} for other in TWO[two]] if two else [{}]
    pull = {far: pull_of(record, first, far, others) for far in (1e2, 1e4)}
    if pull[1e4] > 1.01 * pull[1e2]:
        return "the farther, the harder the pull"
    return (
        "what is far hardly pulls"
        if pull[1e4] < 0.1 * steepest
        else f"slope at most {max(*pull.values(), steepest):.2g}"
    )


def pull_of(record, first, far, others):
    """The largest slope at -far and far."""
    inputs = [bound(record, v, other) for v in (-far, far) for other in others]
    with np.errstate(over="ignore"):
        return np.nanmax(np.abs([taken(record.gradients[first], one) for one in inputs]))


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
    above = energy - energy.min()
    axes.set_rasterization_zorder(0)  # as in `surface`
    axes.contourf(x, y, np.minimum(above, 6.0), levels=np.linspace(0.0, 6.0, 13), zorder=-1)
    few = np.linspace(-2.7, 2.7, 11)
    x, y = np.meshgrid(few, few)
    score = FORMULAS[f"{name}_score"](np.stack([x, y], -1), **given)
    length = np.linalg.norm(score, axis=-1, keepdims=True)
    score = score / np.maximum(length, 1e-12) * np.minimum(length, 3.0) / 3.0
    axes.quiver(x, y, score[..., 0], score[..., 1], scale=13, **ARROWS)
    axes.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    number = valleys(above < 0.5)
    return f"{number} valley{'s' * (number > 1)}"


def valleys(low):
    """How many connected pieces a mask (n, m) has."""
    label = np.where(low, np.arange(low.size).reshape(low.shape), -1)
    while True:
        padded = np.pad(label, 1, constant_values=-1)
        around = [padded[1:-1, :-2], padded[1:-1, 2:], padded[:-2, 1:-1], padded[2:, 1:-1]]
        new = np.where(low, np.maximum.reduce([label, *around]), -1)
        if np.array_equal(new, label):
            return len(np.unique(label[low]))
        label = new


def well(axes, name):
    """An energy of points of the line, and its score."""
    given, x = LINES[name], np.linspace(-1.8, 1.8, 241)
    score = FORMULAS[f"{name}_score"](x, **given)
    axes.plot(x, FORMULAS[name](x, **given), label="energy")
    axes.plot(x, score, label="score")
    axes.set(ylim=(-4.0, 5.0), xlabel="$x$", ylabel="energy, score")
    axes.legend(loc="upper center")
    falls = np.flatnonzero((score[:-1] > 0.0) & (score[1:] <= 0.0))
    return "wells at " + ", ".join(f"{x[i + 1]:.1f}" for i in falls)


def single(name):
    """The figure of one formula."""

    def draw(plt):
        figure, axes = plt.subplots(figsize=(4.6, 3.8))
        claim = drawn()[name](axes, name)
        axes.set_title(f"{name}\n{claim}")
        if heat(name):
            figure.colorbar(axes.collections[0], label=SCALES[drawn()[name]], format="%g")
        return figure

    return draw


def gallery(names):
    """Small multiples: four in a row, axes named at the margin alone; each has colours of its own."""

    def draw(plt):
        rows = -(-len(names) // 4)
        figure, all_axes = plt.subplots(rows, 4, figsize=(9.6, 2.7 * rows), squeeze=False)
        for axes in all_axes.flat[len(names) :]:
            axes.axis("off")
        for k, (axes, name) in enumerate(zip(all_axes.flat, names, strict=False)):
            small(axes, name, first=k % 4 == 0, last=k + 4 >= len(names))
        return figure

    return draw


def small(axes, name, first, last):
    """One of many: without a legend, its axes named at the margin."""
    how = drawn()[name]
    axes.set_title(f"{name}\n{how(axes, name)}", fontsize=8.5)
    if not first or how is curve:
        axes.set_ylabel("")
    if how is surface and not last:
        axes.set_xlabel("")
    if legend := axes.get_legend():
        legend.remove()


GALLERIES = {"losses": surfaces, "criteria": curves, "energies": lambda: [*LINES, *POINTS]}
COLOURED = (surface, contours)  # by numbers: dark is low
SCALES = {surface: "loss", contours: "energy above the lowest"}
TOLD = {
    surface: "The loss over two energies: E_C, that of the correct answer (E_y in the formulas), and "
    "E_I, that of the only incorrect one (E_o); dark is low.  Arrows show where a step downhill moves the "
    "two, dots where nothing moves; below the dashed line the model errs.",
    curve: "The loss, and thin its slope, the explicit gradient.  Solid for a target of 0 or a sign of 1, "
    "dashed for a target of 1 or a sign of -1.",
    contours: "The energy, dark where it is low, and its score: arrows that point downhill.",
    well: "The energy and its score, which is zero at the bottom of each well and on the ridge between.",
}
SCORES = "The loss by the score of the right answer, all others being 0, and thin its slope."


def told(name):
    """What stands below the figure of a formula."""
    how = drawn()[name]
    return SCORES if how is curve and not set(TWO) & set(FORMULAS[name].shapes) else TOLD[how]


def heat(name):
    """Whether its colours stand for numbers."""
    return drawn()[name] in COLOURED
