r"""Contrastive loss of a pair, on the squared distance: bring like together, keep unlike apart.

    E      = Y D^2 + (1 - Y) max(0, m - D^2)     D = |x1 - x2|
    dE/dx1 = 2 (x1 - x2)                         where Y = 1
    dE/dx1 = -2 (x1 - x2)                        where Y = 0, D^2 < m
    dE/dx1 = 0                                   elsewhere
    dE/dx2 = -dE/dx1

Y = 1 says that the two are the same, Y = 0 that they differ; x1 and x2 are what one network made of
two inputs.  As an energy of Y, E is a classifier of its own: "same" has the lower energy exactly
where D^2 < m/2.  At the true Y, E is a loss, the hinge embedding of D^2; and D^2 is the energy of an
RBF centre at x2.

The margin is in units of D^2: unlike pairs are left alone beyond D = sqrt(m).  Squaring the distance
inside the hinge has a price: the force on an unlike pair, 2 D, is weakest where the pair is worst, and
none where the two coincide.  The loss of Hadsell et al., contrastive_distance.py, squares outside the
hinge instead.

Source: after Chopra, Hadsell and LeCun (2005); in this form Caffe's ContrastiveLoss, legacy_version.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_one_of
from ebm_ref.criteria.distance import random_points
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous, moved_together, non_negative, symmetric


def contrastive(x1, x2, same, margin=1.0):
    """Contrastive loss of one pair, on the squared distance.

    Parameters
    ----------
    x1, x2 : (n,) float
        The two embeddings.  A NaN gives a NaN loss.
    same : int
        Y = 1 if they belong together, 0 if not.
    margin : float
        Squared distance m >= 0 that unlike pairs must reach.

    Returns
    -------
    float
        >= 0, in units of x squared.

    Raises ValueError if `same` is neither 1 nor 0, or if the margin is negative.

    >>> a, b = np.array([0.0, 0.0]), np.array([0.5, 0.5])
    >>> float(contrastive(a, b, 1, 2.0)), float(contrastive(a, b, 0, 2.0))
    (0.5, 1.5)
    """
    x1, x2, Y, m = FORMULA.checked(x1, x2, same, margin)
    D2 = np.sum((x1 - x2) ** 2)
    return D2 if Y == 1 else np.maximum(0.0, m - D2)


def contrastive_x1_gradient(x1, x2, same, margin=1.0):
    """dE/dx1, shape (n,): 2 (x1 - x2) if same; if not, the opposite below the margin, 0 from there on."""
    return slope(*FORMULA.checked(x1, x2, same, margin))


def contrastive_x2_gradient(x1, x2, same, margin=1.0):
    """dE/dx2, shape (n,): what x1 gains, x2 loses."""
    return -slope(*FORMULA.checked(x1, x2, same, margin))


def slope(x1, x2, Y, m):
    """dE/dx1 of a pair that was checked."""
    if Y == 1:
        return 2.0 * (x1 - x2)
    missing = np.maximum(0.0, m - np.sum((x1 - x2) ** 2))
    return -2.0 * np.sign(missing) * (x1 - x2) if missing != 0.0 else np.zeros(len(x1))


def rules(x1, x2, same, margin):
    """A flag, and a margin."""
    require_one_of("same", same, 1, 0)
    require(margin >= 0.0, "margin", margin, "must be >= 0")


def same_below_half_the_margin(formula, inputs, rng):
    """E(same) < E(different) exactly where D^2 < m/2."""
    x1, x2, m = inputs["x1"], inputs["x2"], inputs["margin"]
    decided = formula.value(x1, x2, 1, m) < formula.value(x1, x2, 0, m)
    return 0.0 if decided == (np.sum((x1 - x2) ** 2) < m / 2) else np.inf


ORIGIN, DIAGONAL = np.array([0.0, 0.0]), np.array([0.5, 0.5])

FORMULA = Formula(
    value=contrastive,
    signature="(n),(n),(),()->()",
    source="chopra2005; Caffe, ContrastiveLoss, legacy_version",
    gradients={"x1": contrastive_x1_gradient, "x2": contrastive_x2_gradient},
    sample=lambda rng: (
        random_points(rng, "x1", "x2") | {"same": int(rng.integers(2)), "margin": rng.uniform(0.5, 16.0)}
    ),
    laws=(
        non_negative,
        symmetric("x1", "x2"),
        moved_together("x1", "x2"),
        homogeneous(2, x1=1, x2=1, margin=2),
        same_below_half_the_margin,
    ),
    cases={  # (x1, x2, same, margin), E, (dE/dx1, dE/dx2), the mistake that it exposes
        "same: the squared distance": Case(
            ([3.0, 0.0], [0.0, 4.0], 1, 1.0), 25.0, ([6.0, -8.0], [-6.0, 8.0]), "distance not squared"
        ),
        "different and too near: what is missing of the margin": Case(
            (ORIGIN, DIAGONAL, 0, 2.0), 1.5, ([1.0, 1.0], [-1.0, -1.0])
        ),
        "decided: the same pair called the same costs less, 1/2 < 2/2": Case(
            (ORIGIN, DIAGONAL, 1, 2.0), 0.5, ([-1.0, -1.0], [1.0, 1.0])
        ),
        "different and far: left in peace": Case(
            ([3.0, 0.0], [0.0, 4.0], 0, 1.0), 0.0, (np.zeros(2), np.zeros(2)), "no hinge"
        ),
        "at the corner: D^2 = m is far enough": Case(
            ([1.0, 1.0], ORIGIN, 0, 2.0), 0.0, (np.zeros(2), np.zeros(2))
        ),
        "same place, called different: the worst pair of all feels no force": Case(
            (DIAGONAL, DIAGONAL, 0, 1.0), 1.0, (np.zeros(2), np.zeros(2))
        ),
        "same place, called the same": Case((DIAGONAL, DIAGONAL, 1, 1.0), 0.0, (np.zeros(2), np.zeros(2))),
        "infinitely far, and different": Case(
            ([np.inf, 0.0], ORIGIN, 0, 1.0), 0.0, (np.zeros(2), np.zeros(2))
        ),
        "not a number": Case(([np.nan], [0.0], 0, 1.0), np.nan, ([np.nan], [np.nan])),
    },
    variants={
        "squared outside the hinge": Convention(
            lambda a, b, Y, m=1.0: np.sum((a - b) ** 2) if Y == 1 else np.maximum(0.0, m - _norm(a - b)) ** 2,
            {
                "x1": lambda a, b, Y, m=1.0: _outside(a, b, Y, m),
                "x2": lambda a, b, Y, m=1.0: -_outside(a, b, Y, m),
            },
            seen_in="Hadsell et al. (2006); Caffe, documentation of ContrastiveLoss; "
            "github.com/BVLC/caffe/issues/2308",
            symptom="unlike pairs stop at D = m, not at sqrt(m)",
        ),
        "Y = 1 for different pairs": Convention(
            lambda a, b, Y, m=1.0: contrastive(a, b, 1 - Y, m),
            {
                "x1": lambda a, b, Y, m=1.0: contrastive_x1_gradient(a, b, 1 - Y, m),
                "x2": lambda a, b, Y, m=1.0: contrastive_x2_gradient(a, b, 1 - Y, m),
            },
            seen_in="Hadsell et al. (2006), equation 4: Y = 0 for similar pairs",
            symptom="unlike embeddings come together",
        ),
        "distance not squared": Mistake(
            lambda a, b, Y, m=1.0: _norm(a - b) if Y == 1 else np.maximum(0.0, m - _norm(a - b)),
            seen_in="github.com/Kadenze/siamese_net/issues/7",
            symptom="the hinge embedding of D: like pairs pull with force 1 at every distance",
        ),
        "no hinge": Mistake(
            lambda a, b, Y, m=1.0: np.sum((a - b) ** 2) if Y == 1 else m - np.sum((a - b) ** 2),
            {
                "x1": lambda a, b, Y, m=1.0: (4.0 * Y - 2.0) * (a - b),
                "x2": lambda a, b, Y, m=1.0: (2.0 - 4.0 * Y) * (a - b),
            },
            symptom="unlike pairs are driven to infinity",
        ),
    },
    rules=rules,
    refuses={  # (x1, x2, same, margin), the argument to blame
        "neither the same nor not": (([1.0, 1.0], [1.0, 2.0], 2), "same"),
        "a sign for a flag": (([1.0, 1.0], [1.0, 2.0], -1), "same"),
        "a negative margin": (([1.0, 1.0], [1.0, 2.0], 1, -1.0), "margin"),
        "a margin that is no number": (([1.0, 1.0], [1.0, 2.0], 0, np.nan), "margin"),
    },
)


def _norm(d):
    """Euclid's norm."""
    return np.sqrt(np.sum(d**2))


def _outside(a, b, Y, m):
    """The gradient by a where the hinge of D is squared."""
    pull = 1.0 if Y == 1 else -np.maximum(0.0, m - _norm(a - b)) / _norm(a - b)
    return 2.0 * pull * (a - b)
