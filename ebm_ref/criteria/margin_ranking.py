r"""Margin ranking: of two numbers, a given one shall be the larger, by a margin.

    L = max(0, m - y (x1 - x2)),      y = 1: x1 shall be larger;  y = -1: x2

Beware of the word.  For scores larger is better, so y = 1 puts the right answer's score first.  For
energies lower is better: with x1 = E_y and x2 = E_o it is y = -1 that makes this the hinge loss of
the pair.  A text that says of y = 1 "pushes down on x1" has mixed up the two.

Convex and piecewise linear; each number is pulled with force 1 or not at all, so one absurd pair
weighs no more than any other.  With m = 0, the default of the frameworks, two equal numbers cost
nothing: the order is asked for, but no gap, and a constant is a perfect answer.

Source: NYU DLSP20, week 11-2; Herbrich, Graepel and Obermayer (2000), "Large margin rank boundaries
for ordinal regression".
"""

import autograd.numpy as np

from ebm_ref.formula import Case, Formula, Variant, require, require_one_of
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

    Raises
    ------
    ValueError
        If `sign` is neither 1 nor -1, or if the margin is negative.

    >>> float(margin_ranking(1.0, 3.0, 1)), float(margin_ranking(1.0, 3.0, -1))
    (2.0, 0.0)
    """
    require_one_of("sign", sign, 1, -1)
    require(margin >= 0.0, "margin", margin, "must be >= 0")
    return np.maximum(0.0, margin - sign * (x1 - x2))


def margin_ranking_x1_gradient(x1, x2, sign, margin=0.0):
    """dL/dx1: -y while the loss is positive; 0 where it is 0, the corner included."""
    return -sign * np.sign(margin_ranking(x1, x2, sign, margin))


def margin_ranking_x2_gradient(x1, x2, sign, margin=0.0):
    """dL/dx2: y while the loss is positive; 0 where it is 0, the corner included."""
    return sign * np.sign(margin_ranking(x1, x2, sign, margin))


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
    cases=(
        Case(
            "wrong order: x1 shall be larger and is smaller by 2",
            {"x1": 1.0, "x2": 3.0, "sign": 1, "margin": 0.0},
            2.0,
            {"x1": -1.0, "x2": 1.0},
            exposes="minus lost",
        ),
        Case(
            "right order: nothing moves",
            {"x1": 3.0, "x2": 1.0, "sign": 1, "margin": 1.0},
            0.0,
            {"x1": 0.0, "x2": 0.0},
            exposes="margin outside the maximum",
        ),
        Case(
            "two energies: with y = -1 the lower one is right, and this is the hinge",
            {"x1": 1.0, "x2": 0.5, "sign": -1, "margin": 1.0},
            1.5,
            {"x1": 1.0, "x2": -1.0},
        ),
        Case(
            "the other way round",
            {"x1": 1.0, "x2": 3.0, "sign": -1, "margin": 4.0},
            2.0,
            {"x1": 1.0, "x2": -1.0},
            exposes="labels 1 and 0",
        ),
        Case(
            "too close: right, but not by the margin",
            {"x1": 3.0, "x2": 2.5, "sign": 1, "margin": 1.0},
            0.5,
            {"x1": -1.0, "x2": 1.0},
            exposes="margin forgotten",
        ),
        Case(
            "at the corner: a gap of exactly m is enough",
            {"x1": 3.0, "x2": 1.0, "sign": 1, "margin": 2.0},
            0.0,
            {"x1": 0.0, "x2": 0.0},
            exposes="every sign taken for -1",
        ),
        Case(
            "a tie without a margin costs nothing, and moves nothing",
            {"x1": 1.0, "x2": 1.0, "sign": -1, "margin": 0.0},
            0.0,
            {"x1": 0.0, "x2": 0.0},
        ),
        Case("infinitely better", {"x1": np.inf, "x2": 0.0, "sign": 1, "margin": 1.0}, 0.0, {"x1": 0.0}),
        Case("infinitely worse", {"x1": -np.inf, "x2": 0.0, "sign": 1, "margin": 1.0}, np.inf, {"x2": 1.0}),
        Case(
            "not a number",
            {"x1": np.nan, "x2": 0.0, "sign": 1, "margin": 1.0},
            np.nan,
            {"x1": np.nan, "x2": np.nan},
        ),
    ),
    variants=(
        Variant(
            "minus lost",
            "mistake",
            lambda x1, x2, y, m=0.0: np.maximum(0.0, m + y * (x1 - x2)),
            {
                "x1": lambda x1, x2, y, m=0.0: y * np.sign(np.maximum(0.0, m + y * (x1 - x2))),
                "x2": lambda x1, x2, y, m=0.0: -y * np.sign(np.maximum(0.0, m + y * (x1 - x2))),
            },
            seen_in="RankSRGAN, printed equation 4, github.com/XPixelGroup/RankSRGAN/issues/5; "
            "NYU DLSP20 week 11-2, prose: x1 pushed down",
            symptom="scores taken for energies: training ranks everything upside down",
        ),
        Variant(
            "labels 1 and 0",
            "mistake",
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
        Variant(
            "every sign taken for -1",
            "mistake",
            lambda x1, x2, y, m=0.0: np.maximum(0.0, m + (x1 - x2)),
            seen_in="scikit-learn 1.9.1, hinge_loss of samples that all have the label 1; "
            "found by this project",
            symptom="a batch of positive samples costs most where it is classified best",
        ),
        Variant(
            "margin forgotten",
            "mistake",
            lambda x1, x2, y, m=0.0: np.maximum(0.0, -y * (x1 - x2)),
            symptom="scores that only just differ count as ranked",
        ),
        Variant(
            "margin outside the maximum",
            "mistake",
            lambda x1, x2, y, m=0.0: m + np.maximum(0.0, -y * (x1 - x2)),
            symptom="the loss never falls below m, and asks for no gap",
        ),
    ),
)
