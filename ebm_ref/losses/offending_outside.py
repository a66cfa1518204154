r"""The most offending answer of a continuum: the lowest outside a ball around the correct one.

    o = argmin_{|y_j - y| > epsilon} E(y_j)

When answers come from a continuum, everything near the correct one is nearly as good.  So a ball of
radius epsilon around it is not called wrong, and the lowest answer beyond it offends most.

Source: LeCun et al. (2006), Section 2.2, Definition 2.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake


def most_offending_outside(energies, answers, correct, radius):
    """Index of the most offending answer of a continuum: the lowest outside a ball.

    Parameters
    ----------
    energies : (k,) float
        Energy at each of k answers, a grid say.
    answers : (k, n) float
        The answers themselves.
    correct : (n,) float
        The correct answer y; it need not be on the grid.
    radius : float
        epsilon >= 0, in units of the answer; an answer at this distance exactly is not wrong yet.

    Returns
    -------
    int
        Index into `answers`; ties go to the lowest.

    Raises ValueError if the radius is negative, or if no answer lies outside the ball.

    >>> y = np.linspace(-2.0, 2.0, 5)[:, None]
    >>> int(most_offending_outside((y[:, 0] - 0.4) ** 2, y, np.array([0.4]), radius=1.0))
    1
    """
    E, answers, y, epsilon = FORMULA.checked(energies, answers, correct, radius)
    outside = np.flatnonzero(distances(answers, y) > epsilon)
    return outside[np.argmin(E[outside])]


def distances(answers, y):
    """|y_j - y| of each answer."""
    return np.sqrt(np.sum((answers - y) ** 2, axis=1))


def rules(energies, answers, correct, radius):
    """A ball, and an answer outside."""
    require(radius >= 0.0, "radius", radius, "must be >= 0")
    beyond = np.any(distances(answers, correct) > radius)
    require(beyond, "radius", radius, "must leave an answer outside the ball")


_lowest = lambda E, allowed: int(np.argmin(np.where(allowed, E, np.inf)))

FORMULA = Formula(
    value=most_offending_outside,
    signature="(k),(k,n),(n),()->()",
    source="lecun2006, Definition 2",
    sample=lambda rng: {
        "energies": rng.normal(size=6),
        "answers": rng.normal(scale=2.0, size=(6, 2)),
        "correct": rng.normal(scale=0.1, size=2),
        "radius": rng.uniform(0.05, 0.2),
    },
    cases={  # (energies, answers, correct, radius), o, the mistake that it exposes
        "the ball hides the two lowest nodes": Case(
            ([4.0, 1.0, 0.0, 0.5, 2.0], np.arange(-2.0, 3.0)[:, None], [0.5], 0.75), 1, exposes="ball ignored"
        ),
        "distance is Euclidean: (3, 4.5) lies outside a ball of radius 5": Case(
            ([0.0, 1.0, 2.0], [[3.0, 3.5], [3.0, 4.5], [0.0, 9.0]], [0.0, 0.0], 5.0),
            1,
            exposes="distance measured by its largest component",
        ),
        "the boundary belongs to the ball: (3, 4) is not wrong yet": Case(
            ([0.0, 1.0], [[3.0, 4.0], [0.0, 9.0]], [0.0, 0.0], 5.0), 1
        ),
        "exactly on the boundary, in one dimension": Case(
            ([0.0, 1.0, 2.0], [[1.5], [0.25], [-2.0]], [1.0], 0.5), 1, exposes="boundary counted as wrong"
        ),
        "exactly on the boundary, in two": Case(
            ([3.0, 1.0, 2.0], [[0.0, 9.0], [3.0, 4.0], [0.0, 7.0]], [0.0, 0.0], 5.0),
            2,
            exposes="boundary counted as wrong",
        ),
        "the correct answer far from the origin": Case(
            ([0.0, 1.0, 2.0], [[3.0], [9.5], [0.5]], [3.25], 1.0), 1, exposes="ball ignored"
        ),
        "a radius of zero leaves out the correct answer alone": Case(
            ([0.0, 2.0, 2.0], [[0.0], [1.0], [2.0]], [0.0], 0.0), 1
        ),
    },
    variants={
        "ball ignored": Mistake(lambda E, Y, y, r: int(np.argmin(E))),
        "distance measured by its largest component": Mistake(
            lambda E, Y, y, r: _lowest(E, np.max(np.abs(Y - y), axis=1) > r)
        ),
        "boundary counted as wrong": Convention(
            lambda E, Y, y, r: _lowest(E, distances(Y, y) >= r),
            seen_in="an open ball, |y_j - y| < epsilon, in place of the closed one",
            symptom="an answer at the radius exactly is pulled up",
        ),
        "square compared with the radius": Mistake(lambda E, Y, y, r: _lowest(E, distances(Y, y) ** 2 > r)),
        "inside the ball": Mistake(lambda E, Y, y, r: _lowest(E, distances(Y, y) <= r)),
    },
    rules=rules,
    refuses={  # (energies, answers, correct, radius), the argument to blame
        "a ball inside out": (([1.0, 2.0], [[0.0], [1.0]], [0.0], -1.0), "radius"),
        "all answers in the ball": (([1.0, 2.0], [[0.0], [1.0]], [0.0], 5.0), "radius"),
        "or on its surface": (([1.0, 2.0], [[0.0], [1.0]], [0.0], 1.0), "radius"),
        "an answer of another length": (([1.0, 2.0], [[0.0], [1.0]], [0.0, 0.0], 0.5), "correct"),
    },
)
