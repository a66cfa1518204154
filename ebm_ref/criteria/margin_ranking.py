r"""Margin ranking: of two numbers, a given one shall be the larger, by a margin.

    L      = max(0, m - y (x1 - x2))
    dL/dx1 = -y                           where L > 0, else 0
    dL/dx2 = y                            where L > 0, else 0

The sign y is 1 where x1 shall be larger, and -1 where x2 shall be.  It is no index on this page.

Beware of the word "ranking".  For scores larger is better, so y = 1 puts the right answer's score
first.  For energies lower is better: with x1 = E_y and x2 = E_o it is y = -1 that makes this the
hinge loss of the pair.  A text that says of y = 1 "pushes down on x1" has mixed up the two.

The loss is convex and piecewise linear.  Each number is pulled with force 1 or not at all, so one
absurd pair weighs no more than any other.  With m = 0, the default of the frameworks, two equal
numbers cost nothing: the order is asked for, but no gap, and a constant is a perfect answer.



Source: NYU DLSP20, week 11-2; Herbrich, Graepel and Obermayer (2000), "Large margin rank boundaries
for ordinal regression".
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_one_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in, gradient_bounded, homogeneous, moved_together, non_negative


def margin_ranking(x1, x2, sign, margin=0.0):
    """Margin ranking loss of one pair.

    Parameters
    ----------
    x1, x2 : float
        The two numbers, in the same unit.  A NaN gives a NaN loss.
    sign : int
        y = 1 if x1 shall be larger, -1 if x2.
    margin : float
        Required gap m >= 0, in the unit of x1 and x2.

    Returns
    -------
    float
        >= 0; zero exactly when the right one is larger by `margin` or more.

    Raises ValueError if `sign` is neither 1 nor -1, or if the margin is negative.

    >>> float(margin_ranking(1.0, 3.0, 1)), float(margin_ranking(1.0, 3.0, -1))
    (2.0, 0.0)
    """
    return missing_gap(*FORMULA.checked(x1, x2, sign, margin))


def margin_ranking_x1_gradient(x1, x2, sign, margin=0.0):
    """dL/dx1: -y while the loss is positive; 0 where it is 0, the corner included."""
    x1, x2, y, m = FORMULA.checked(x1, x2, sign, margin)
    return -y * np.sign(missing_gap(x1, x2, y, m))


def margin_ranking_x2_gradient(x1, x2, sign, margin=0.0):
    """dL/dx2: y while the loss is positive; 0 where it is 0, the corner included."""
    x1, x2, y, m = FORMULA.checked(x1, x2, sign, margin)
    return y * np.sign(missing_gap(x1, x2, y, m))


def missing_gap(x1, x2, y, m):
    """What the gap lacks of the margin."""
    return np.maximum(0.0, m - y * (x1 - x2))


def rules(x1, x2, sign, margin):
    """A sign, and a margin."""
    require_one_of("sign", sign, 1, -1)
    require(margin >= 0.0, "margin", margin, "must be >= 0")


FORMULA = Formula(
    value=margin_ranking,
    signature="(),(),(),()->()",
    source="NYU DLSP20, week 11-2",
    gradients={"x1": margin_ranking_x1_gradient, "x2": margin_ranking_x2_gradient},
    sample=lambda rng: {
        "x1": rng.normal(scale=2.0),
        "x2": rng.normal(scale=2.0),
        "sign": int(rng.choice([-1, 1])),
        "margin": rng.uniform(0.2, 2.0),
    },
    laws=(
        non_negative,
        moved_together("x1", "x2"),
        convex_in("x1"),
        convex_in("x2"),
        gradient_bounded("x1", 1.0),
        gradient_bounded("x2", 1.0),
        homogeneous(1, x1=1, x2=1, margin=1),
    ),
    cases={  # (x1, x2, sign, margin), L, (dL/dx1, dL/dx2), the mistake that it exposes
        "wrong order: x1 shall be larger and is smaller by 2": Case(
            (1.0, 3.0, 1, 0.0), 2.0, (-1.0, 1.0), "minus lost"
        ),
        "right order: nothing moves": Case((3.0, 1.0, 1, 1.0), 0.0, (0.0, 0.0), "margin outside the maximum"),
        "two energies: with y = -1 the lower one is right, and this is the hinge": Case(
            (1.0, 0.5, -1, 1.0), 1.5, (1.0, -1.0)
        ),
        "the other way round": Case((1.0, 3.0, -1, 4.0), 2.0, (1.0, -1.0), "labels 1 and 0"),
        "too close: right, but not by the margin": Case(
            (3.0, 2.5, 1, 1.0), 0.5, (-1.0, 1.0), "margin forgotten"
        ),
        "at the corner: a gap of exactly m is enough": Case(
            (3.0, 1.0, 1, 2.0), 0.0, (0.0, 0.0), "every sign taken for -1"
        ),
        "a tie without a margin costs nothing, and moves nothing": Case((1.0, 1.0, -1, 0.0), 0.0, (0.0, 0.0)),
        "infinitely better": Case((np.inf, 0.0, 1, 1.0), 0.0, {"x1": 0.0}),
        "infinitely worse": Case((-np.inf, 0.0, 1, 1.0), np.inf, {"x2": 1.0}),
        "not a number": Case((np.nan, 0.0, 1, 1.0), np.nan, (np.nan, np.nan)),
    },
    variants={
        "minus lost": Mistake(
            lambda x1, x2, y, m=0.0: np.maximum(0.0, m + y * (x1 - x2)),
            {
                "x1": lambda x1, x2, y, m=0.0: y * np.sign(np.maximum(0.0, m + y * (x1 - x2))),
                "x2": lambda x1, x2, y, m=0.0: -y * np.sign(np.maximum(0.0, m + y * (x1 - x2))),
            },
            seen_in="RankSRGAN, printed equation 4, github.com/XPixelGroup/RankSRGAN/issues/5; "
            "NYU DLSP20 week 11-2, prose: x1 pushed down",
            symptom="scores taken for energies: training ranks everything upside down",
        ),
        "labels 1 and 0": Mistake(
            lambda x1, x2, y, m=0.0: np.maximum(0.0, m - max(y, 0) * (x1 - x2)),
            {
                "x1": lambda x1, x2, y, m=0.0: (
                    -max(y, 0) * np.sign(np.maximum(0.0, m - max(y, 0) * (x1 - x2)))
                ),
                "x2": lambda x1, x2, y, m=0.0: (
                    max(y, 0) * np.sign(np.maximum(0.0, m - max(y, 0) * (x1 - x2)))
                ),
            },
            seen_in="RankPose, github.com/seathiefwang/RankPose/issues/4",
            symptom="half of the pairs cost exactly m, and teach nothing",
        ),
        "every sign taken for -1": Mistake(
            lambda x1, x2, y, m=0.0: np.maximum(0.0, m + (x1 - x2)),
            seen_in="scikit-learn 1.9.1, hinge_loss of samples that all have the label 1; "
            "found by this project",
            symptom="a batch of positive samples costs most where it is classified best",
        ),
        "margin forgotten": Mistake(
            lambda x1, x2, y, m=0.0: np.maximum(0.0, -y * (x1 - x2)),
            symptom="scores that only just differ count as ranked",
        ),
        "margin outside the maximum": Mistake(
            lambda x1, x2, y, m=0.0: m + np.maximum(0.0, -y * (x1 - x2)),
            symptom="the loss never falls below m, and asks for no gap",
        ),
        "margin multiplied by the sign": Mistake(
            lambda x1, x2, y, m=0.0: np.maximum(0.0, y * (m - (x1 - x2))),
            symptom="right for y = 1; for -1 the margin is granted, not asked for",
        ),
        "logistic for the hinge": Mistake(
            lambda x1, x2, y, m=0.0: np.logaddexp(0.0, m - y * (x1 - x2)),
            seen_in="Burges et al. (2005), RankNet, where it is meant",
            symptom="never 0",
        ),
        "absolute difference": Mistake(
            lambda x1, x2, y, m=0.0: np.maximum(0.0, m - y * np.abs(x1 - x2)),
            symptom="any order will do, and a wrong one is kept",
        ),
    },
    rules=rules,
    refuses={  # (x1, x2, sign, margin), the argument to blame
        "a sign of 0": ((1.0, 2.0, 0, 1.0), "sign"),
        "a sign that is no number": ((1.0, 2.0, np.nan, 1.0), "sign"),
        "a negative margin": ((1.0, 2.0, 1, -1.0), "margin"),
        "a margin that is no number": ((1.0, 2.0, 1, np.nan), "margin"),
    },
)
