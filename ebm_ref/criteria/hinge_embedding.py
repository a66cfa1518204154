r"""Hinge embedding: like things near each other, unlike things at least a margin apart.

    L     = d                          where y = 1:  alike
    L     = max(0, m - d)              where y = -1: unlike
    dL/dd = 1                          where y = 1
    dL/dd = -1                         where y = -1 and d < m, else 0

On this page d is a distance that somebody else computed, from a pair of embeddings say, and y the
sign that tells whether the pair is alike.  As an energy, d is that of "these two belong together":
it is pushed down where they do, and pulled up to the margin where they do not, with the same force 1
at every distance.  Beyond m the unlike are left in peace.  Without that limit, training would drive
everything to infinity, where all is far from all.

Nothing forbids a negative d here, but do not use it so: y = 1 would reward it without end.

Source: NYU DLSP20, week 11-2; the contrast of near and far is that of Hadsell, Chopra and LeCun
(2006), who square both sides.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_one_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in, gradient_bounded, homogeneous, non_negative


def hinge_embedding(distance, sign, margin=1.0):
    """Hinge embedding loss of one pair.

    Parameters
    ----------
    distance : float
        d of the pair; meant to be >= 0, any sign accepted.  A NaN gives a NaN loss.
    sign : int
        y = 1 if the pair is alike, -1 if not.
    margin : float
        Distance m >= 0 that unlike pairs must reach, in the unit of d.

    Returns
    -------
    float
        The distance if alike, the part of the margin that is missing if not.

    Raises ValueError if `sign` is neither 1 nor -1, or if the margin is negative.

    >>> float(hinge_embedding(0.25, 1)), float(hinge_embedding(0.25, -1))
    (0.25, 0.75)
    """
    d, y, m = FORMULA.checked(distance, sign, margin)
    return d if y == 1 else np.maximum(0.0, m - d)


def hinge_embedding_gradient(distance, sign, margin=1.0):
    """dL/dd: 1 if alike; if not, -1 below the margin and 0 from there on, the corner included."""
    d, y, m = FORMULA.checked(distance, sign, margin)
    if y == 1:
        return np.nan if np.isnan(d) else 1.0
    return -np.sign(np.maximum(0.0, m - d))


def rules(distance, sign, margin):
    """A sign, and a margin."""
    require_one_of("sign", sign, 1, -1)
    require(margin >= 0.0, "margin", margin, "must be >= 0")


FORMULA = Formula(
    value=hinge_embedding,
    signature="(),(),()->()",
    source="NYU DLSP20, week 11-2",
    gradients={"distance": hinge_embedding_gradient},
    sample=lambda rng: {
        "distance": rng.uniform(0.05, 3.0),
        "sign": int(rng.choice([-1, 1])),
        "margin": rng.uniform(0.5, 2.5),
    },
    laws=(
        non_negative,
        convex_in("distance"),
        gradient_bounded("distance", 1.0),
        homogeneous(1, distance=1, margin=1),
    ),
    cases={  # (distance, sign, margin), L, dL/dd, the mistake that it exposes
        "alike: the distance itself": Case((0.25, 1, 1.0), 0.25, 1.0, "like and unlike swapped"),
        "alike and far: the force does not end at the margin": Case((3.0, 1, 1.0), 3.0, 1.0),
        "unlike and near: pulled apart": Case((0.25, -1, 1.0), 0.75, -1.0, "labels 1 and 0"),
        "unlike, near for a margin of 2": Case((1.5, -1, 2.0), 0.5, -1.0, "margin ignored"),
        "unlike and far: left in peace": Case((3.0, -1, 1.0), 0.0, 0.0, "no hinge"),
        "at the corner: a distance of exactly m is enough": Case((1.0, -1, 1.0), 0.0, 0.0),
        "alike and together": Case((0.0, 1, 1.0), 0.0, 1.0),
        "infinitely far": Case((np.inf, -1, 1.0), 0.0, 0.0),
        "not a number, alike": Case((np.nan, 1, 1.0), np.nan, np.nan),
        "not a number, unlike": Case((np.nan, -1, 1.0), np.nan, np.nan),
    },
    variants={
        "margin ignored": Mistake(
            lambda d, y, m=1.0: 1.0 * d if y == 1 else np.maximum(0.0, 1.0 - d),
            {"distance": lambda d, y, m=1.0: 1.0 if y == 1 else -np.sign(np.maximum(0.0, 1.0 - d))},
            seen_in="PyTorch HingeEmbeddingLoss, github.com/pytorch/pytorch/pull/1378",
            symptom="unlike pairs stop at a distance of 1, whatever margin is asked for",
        ),
        "labels 1 and 0": Mistake(
            lambda d, y, m=1.0: 1.0 * d + (0.0 if y == 1 else np.maximum(0.0, m - d)),
            {"distance": lambda d, y, m=1.0: 1.0 if y == 1 else 1.0 - np.sign(np.maximum(0.0, m - d))},
            seen_in="PyTorch, aten/src/ATen/native/Loss.cpp: a target neither 1 nor -1 gets both terms",
            symptom="unlike pairs cost m at every distance below m, and are pulled together beyond it",
        ),
        "like and unlike swapped": Mistake(
            lambda d, y, m=1.0: 1.0 * d if y == -1 else np.maximum(0.0, m - d),
            {"distance": lambda d, y, m=1.0: 1.0 if y == -1 else -np.sign(np.maximum(0.0, m - d))},
            symptom="fed with a similarity where a distance is meant, or with y = 1 for unlike",
        ),
        "no hinge": Mistake(
            lambda d, y, m=1.0: 1.0 * d if y == 1 else m - d,
            {"distance": lambda d, y, m=1.0: 1.0 * y},
            symptom="unlike pairs are driven to infinity",
        ),
        "margin for the alike, too": Mistake(
            lambda x, y, m=1.0: np.maximum(0.0, y * (x - m)), symptom="like pairs rest within the margin"
        ),
    },
    rules=rules,
    refuses={  # (distance, sign, margin), the argument to blame
        "a sign of 0, as if labels were 1 and 0": ((1.0, 0, 1.0), "sign"),
        "a negative margin": ((1.0, 1, -1.0), "margin"),
        "a margin that is no number": ((1.0, -1, np.nan), "margin"),
    },
)
