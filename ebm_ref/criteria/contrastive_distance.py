r"""Contrastive loss of a pair, on the distance: springs that pull like together and push unlike apart.

    L      = Y d^2 / 2 + (1 - Y) max(0, m - d)^2 / 2     d = |x1 - x2|
    dL/dx1 = x1 - x2                                     where Y = 1
    dL/dx1 = -(m - d) (x1 - x2) / d                      where Y = 0, d < m
    dL/dx1 = 0                                          else, and where d = 0
    dL/dx2 = -dL/dx1

Like pairs are tied by a spring of rest length 0, unlike pairs by one of rest length m that can only
push: the nearer, the harder.  The form of contrastive.py lacks that: its force fades where the pair is
worst.  Of a like pair at d_1 and an unlike pair at d_2 the sum is half the square-square loss of two
energies d_1 and d_2.  On this page d is the distance of the two points.

Here Y = 1 says "same", as in contrastive.py and in most code; the paper writes Y = 0 for similar
pairs.  Whoever mixes up the two trains a network to bring strangers together.

Where unlike points coincide the loss is m^2/2 and the direction of escape is undefined; by convention
there is no force.  The square root has infinite slope there, so automatic differentiation returns NaN.

Source: Hadsell, Chopra and LeCun (2006), "Dimensionality reduction by learning an invariant mapping",
equation 4, with Y exchanged for 1 - Y.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_one_of
from ebm_ref.criteria.distance import check_components, length, length_slope, random_points
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous, moved_together, non_negative, symmetric


def contrastive_distance(x1, x2, same, margin=1.0):
    """Contrastive loss of one pair, on the distance.

    Parameters
    ----------
    x1, x2 : (n,) float, n >= 1
        The two embeddings.  A NaN gives a NaN loss.
    same : int
        Y = 1 if they belong together, 0 if not.
    margin : float
        Distance m >= 0 that unlike pairs must reach.

    Returns
    -------
    float
        >= 0, in units of x squared.

    Raises ValueError if there is no component, if `same` is neither 1 nor 0, or if the margin is
    negative.

    >>> a, b = np.array([0.0, 0.0]), np.array([0.3, 0.4])
    >>> float(contrastive_distance(a, b, 1)), float(contrastive_distance(a, b, 0))
    (0.125, 0.125)
    """
    x1, x2, Y, m = FORMULA.checked(x1, x2, same, margin)
    if Y == 1:
        return 0.5 * np.sum((x1 - x2) ** 2)
    return 0.5 * np.maximum(0.0, m - length(x1 - x2)) ** 2


def contrastive_distance_x1_gradient(x1, x2, same, margin=1.0):
    """dL/dx1, shape (n,): x1 - x2 if same; if not, away from x2 with force m - d, none at d = 0 or d >= m."""
    return slope(*FORMULA.checked(x1, x2, same, margin))


def contrastive_distance_x2_gradient(x1, x2, same, margin=1.0):
    """dL/dx2, shape (n,): what x1 gains, x2 loses."""
    return -slope(*FORMULA.checked(x1, x2, same, margin))


def slope(x1, x2, Y, m):
    """dL/dx1 of a pair that was checked."""
    if Y == 1:
        return x1 - x2
    missing = np.maximum(0.0, m - length(x1 - x2))
    return -missing * length_slope(x1 - x2) if missing != 0.0 else np.zeros(len(x1))


def rules(x1, x2, same, margin):
    """A distance, a flag, and a margin."""
    check_components("x1", x1)
    require_one_of("same", same, 1, 0)
    require(margin >= 0.0, "margin", margin, "must be >= 0")


NEAR, FAR, ORIGIN = np.array([0.375, 0.5]), np.array([3.0, 4.0]), np.array([0.0, 0.0])

FORMULA = Formula(
    value=contrastive_distance,
    signature="(n),(n),(),()->()",
    source="hadsell2006, Equation 4, Y exchanged for 1 - Y",
    gradients={"x1": contrastive_distance_x1_gradient, "x2": contrastive_distance_x2_gradient},
    sample=lambda rng: (
        random_points(rng, "x1", "x2") | {"same": int(rng.integers(2)), "margin": rng.uniform(0.5, 4.0)}
    ),
    laws=(
        non_negative,
        symmetric("x1", "x2"),
        moved_together("x1", "x2"),
        homogeneous(2, x1=1, x2=1, margin=1),
    ),
    cases={  # (x1, x2, same, margin), L, (dL/dx1, dL/dx2), the mistake that it exposes
        "same: 5^2 / 2": Case((FAR, ORIGIN, 1, 1.0), 12.5, ([3.0, 4.0], [-3.0, -4.0]), "hinges not squared"),
        "different and too near: d = 5/8 of a margin of 1": Case(
            (NEAR, ORIGIN, 0, 1.0), 0.0703125, ([-0.225, -0.3], [0.225, 0.3]), "squared inside the hinge"
        ),
        "different and far: left in peace": Case(
            (FAR, ORIGIN, 0, 4.0), 0.0, (np.zeros(2), np.zeros(2)), "no hinge"
        ),
        "at the margin nothing pushes, without a corner": Case(
            (FAR, ORIGIN, 0, 5.0), 0.0, (np.zeros(2), np.zeros(2))
        ),
        "same place, called different: m^2 / 2, and no direction to escape": Case(
            (FAR, FAR, 0, 2.0), 2.0, (np.zeros(2), np.zeros(2)), "NaN gradient where the points coincide"
        ),
        "same place, called the same": Case((FAR, FAR, 1, 1.0), 0.0, (np.zeros(2), np.zeros(2))),
        "too short to square: a distance of 5e-170 still has a direction": Case(
            ([3e-170, 4e-170], ORIGIN, 0, 1.0), 0.5, ([-0.6, -0.8], [0.6, 0.8])
        ),
        "infinitely far, and different": Case(
            ([np.inf, 0.0], ORIGIN, 0, 1.0), 0.0, (np.zeros(2), np.zeros(2))
        ),
        "not a number": Case(
            ([np.nan, 1.0], [0.0, 0.0], 0, 1.0), np.nan, (np.full(2, np.nan), np.full(2, np.nan))
        ),
    },
    variants={
        "squared inside the hinge": Mistake(
            lambda a, b, Y, m=1.0: (
                0.5 * (np.sum((a - b) ** 2) if Y == 1 else np.maximum(0.0, m - np.sum((a - b) ** 2)))
            ),
            {
                "x1": lambda a, b, Y, m=1.0: _inside(a, b, Y, m),
                "x2": lambda a, b, Y, m=1.0: -_inside(a, b, Y, m),
            },
            seen_in="Caffe ContrastiveLoss, github.com/BVLC/caffe/issues/2308: kept as legacy_version",
            symptom="the loss of contrastive.py, halved: no force on unlike pairs that nearly coincide",
        ),
        "hinges not squared": Convention(
            lambda a, b, Y, m=1.0: length(a - b) if Y == 1 else np.maximum(0.0, m - length(a - b)),
            {
                "x1": lambda a, b, Y, m=1.0: _unsquared(a, b, Y, m),
                "x2": lambda a, b, Y, m=1.0: -_unsquared(a, b, Y, m),
            },
            seen_in="pytorch-metric-learning, documentation of ContrastiveLoss; "
            "github.com/Kadenze/siamese_net/issues/7",
            symptom="the hinge embedding of d: constant forces instead of springs",
        ),
        "no half in front": Convention(
            lambda a, b, Y, m=1.0: 2.0 * contrastive_distance(a, b, Y, m),
            {
                "x1": lambda a, b, Y, m=1.0: 2.0 * contrastive_distance_x1_gradient(a, b, Y, m),
                "x2": lambda a, b, Y, m=1.0: 2.0 * contrastive_distance_x2_gradient(a, b, Y, m),
            },
            seen_in="Keras, code example siamese_contrastive",
        ),
        "Y = 1 for different pairs": Convention(
            lambda a, b, Y, m=1.0: contrastive_distance(a, b, 1 - Y, m),
            {
                "x1": lambda a, b, Y, m=1.0: contrastive_distance_x1_gradient(a, b, 1 - Y, m),
                "x2": lambda a, b, Y, m=1.0: contrastive_distance_x2_gradient(a, b, 1 - Y, m),
            },
            seen_in="Hadsell et al. (2006), equation 4; github.com/keras-team/keras/issues/7119",
            symptom="unlike embeddings come together",
        ),
        "NaN gradient where the points coincide": Mistake(
            gradients={
                "x1": lambda a, b, Y, m=1.0: _through_the_root(a, b, Y, m),
                "x2": lambda a, b, Y, m=1.0: -_through_the_root(a, b, Y, m),
            },
            seen_in="github.com/adambielski/siamese-triplet/issues/18; "
            "Keras, github.com/keras-team/keras/issues/9097",
            symptom="all weights become NaN at the first pair of identical inputs",
        ),
        "no hinge": Mistake(
            lambda a, b, Y, m=1.0: 0.5 * (length(a - b) if Y == 1 else m - length(a - b)) ** 2,
            symptom="unlike pairs beyond the margin are pulled back to it",
        ),
        "difference of squares in the hinge": Mistake(
            lambda a, b, Y, m=1.0: (
                0.5 * (Y * np.sum((a - b) ** 2) + (1 - Y) * np.maximum(0.0, m**2 - np.sum((a - b) ** 2)))
            ),
            symptom="m^2 - d^2 for (m - d)^2: the push does not fade at the margin",
        ),
        "margin for the alike, too": Mistake(
            lambda a, b, Y, m=1.0: (
                0.5 * np.maximum(0.0, (2.0 * Y - 1.0) * (np.sqrt(np.sum((a - b) ** 2)) - m)) ** 2
            ),
            symptom="pairs that are alike rest within the margin",
        ),
    },
    rules=rules,
    refuses={  # (x1, x2, same, margin), the argument to blame
        "points of no component": (([], [], 1), "x1"),
        "neither the same nor not": (([1.0, 1.0], [1.0, 2.0], 2), "same"),
        "a sign for a flag": (([1.0, 1.0], [1.0, 2.0], -1), "same"),
        "a negative margin": (([1.0, 1.0], [1.0, 2.0], 1, -1.0), "margin"),
        "a margin that is no number": (([1.0, 1.0], [1.0, 2.0], 0, np.nan), "margin"),
    },
)


def _inside(a, b, Y, m):
    """The gradient by a where d is squared inside the hinge."""
    return (a - b) * (1.0 if Y == 1 else -np.sign(np.maximum(0.0, m - np.sum((a - b) ** 2))))


def _unsquared(a, b, Y, m):
    """The gradient by a of the hinges themselves."""
    return length_slope(a - b) * (1.0 if Y == 1 else -np.sign(np.maximum(0.0, m - length(a - b))))


def _through_the_root(a, b, Y, m):
    """The gradient by a as the chain rule gives it, by way of the root."""
    d = np.sqrt(np.sum((a - b) ** 2))
    return (d if Y == 1 else -np.maximum(0.0, m - d)) * (a - b) / d
