r"""Triplet margin: the anchor must be nearer to the positive than to the negative, by a margin.

    L     = max(0, m + |a - p|_q - |a - n|_q)
    dL/da = u(a - p) - u(a - n)                   where L > 0, else 0
    dL/dp = -u(a - p)                             where L > 0, else 0
    dL/dn = u(a - n)                              where L > 0, else 0

    |d|_q = (sum_i |d_i|^q)^{1/q}
    u(d)  = sign(d_i) (|d_i| / |d|_q)^{q-1}       of each component;  u(0) = 0

On this page a is the anchor, p the positive, n the negative, and q >= 1 the degree of the norm (the
argument `p`).  No distance is asked to be small or large, only their order counts: it is the hinge
loss of the two energies |a - p| and |a - n|.  No component of a gradient exceeds 1, or 2 for the
anchor; for q = 2 neither does its length.

The norm is exact, without an eps.  PyTorch adds 1e-6 to every component of the difference, so that in
three dimensions a point lies 1.7e-6 from itself, and d(a, p) is not d(p, a).  optax adds 1e-6 under
the root, so a point lies 1e-3 from itself (for q = 2).  Both avoid the slope of the norm at 0.  By the
chain rule it is 0/0, a NaN, and NaN times the 0 of a triplet that costs nothing is still NaN; here it
is 0, by convention.

Where the anchor is far from both, the two distances cancel; criteria/distance.py says how not to lose
the digits.

Source: Balntas et al. (2016), "Learning local feature descriptors with triplets and shallow
convolutional neural networks"; Schroff et al. (2015), FaceNet, with squared distances.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.criteria.distance import (
    check_components,
    check_degree,
    gap,
    gap_slope,
    length,
    length_slope,
    random_points,
)
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import gradient_bounded, homogeneous, moved_together, non_negative


def triplet_margin_as_printed(anchor, positive, negative, margin=1.0, p=2.0):
    """The formula as it stands: the difference of two long distances keeps few digits, here one.

    >>> far, b, c = np.array([1e8, 0.0]), np.array([0.0, 3.0]), np.array([0.0, 4.0])
    >>> float(triplet_margin_as_printed(far, b, c, 2.0**-20)), float(triplet_margin(far, b, c, 2.0**-20))
    (9.238719940185547e-07, 9.1867431640625e-07)
    """
    a, p, n, m, q = FORMULA.checked(anchor, positive, negative, margin, p)
    to_p = np.sum(np.abs(a - p) ** q) ** (1.0 / q)
    to_n = np.sum(np.abs(a - n) ** q) ** (1.0 / q)
    return np.maximum(0.0, m + to_p - to_n)


def triplet_margin(anchor, positive, negative, margin=1.0, p=2.0):
    """Triplet margin loss of one triplet.

    Parameters
    ----------
    anchor, positive, negative : (n,) float, n >= 1
        The point a, one that belongs with it, and one that does not.  A NaN gives a NaN loss.
    margin : float
        m >= 0: how much nearer the positive must be, in the unit of the points.
    p : float
        Degree q >= 1 of the norm: 1 for the sum of the components, 2 for Euclid's.

    Returns
    -------
    float
        >= 0; zero exactly when the negative is at least `margin` farther than the positive.

    Raises ValueError if the points have no component, if the margin is negative, or if p < 1 or infinite.

    >>> a = np.array([0.0, 0.0])
    >>> float(triplet_margin(a, np.array([1.0, -1.0]), np.array([3.0, 3.0]), p=1.0))  # 1 + 2 - 6 < 0
    0.0
    """
    return violation(*FORMULA.checked(anchor, positive, negative, margin, p))


def triplet_margin_anchor_gradient(anchor, positive, negative, margin=1.0, p=2.0):
    """dL/da, shape (n,): a step downhill moves a toward p and away from n; zero where L = 0."""
    a, p, n, m, q = FORMULA.checked(anchor, positive, negative, margin, p)
    return if_violated(violation(a, p, n, m, q), gap_slope(a, p, n, q))


def triplet_margin_positive_gradient(anchor, positive, negative, margin=1.0, p=2.0):
    """dL/dp, shape (n,): a step downhill moves p toward a; zero where p = a, and where the loss is 0."""
    a, p, n, m, q = FORMULA.checked(anchor, positive, negative, margin, p)
    return if_violated(violation(a, p, n, m, q), length_slope(p - a, q))


def triplet_margin_negative_gradient(anchor, positive, negative, margin=1.0, p=2.0):
    """dL/dn, shape (n,): a step downhill moves n away from a; zero where n = a, and where the loss is 0."""
    a, p, n, m, q = FORMULA.checked(anchor, positive, negative, margin, p)
    return if_violated(violation(a, p, n, m, q), -length_slope(n - a, q))


def violation(a, p, n, m, q):
    """L of a triplet that was checked."""
    return np.maximum(0.0, m + gap(a, p, n, q))


def if_violated(L, slope):
    """The slope where L > 0, NaN where L is, else 0, whatever the slope is there."""
    return np.sign(L) * slope if L != 0.0 else np.zeros(len(slope))


def rules(anchor, positive, negative, margin, p):
    """A distance, a margin, and a norm."""
    check_components("anchor", anchor)
    require(margin >= 0.0, "margin", margin, "must be >= 0")
    check_degree(p)


def random_triplet(rng):
    """A triplet in general position, the degree one of those in use."""
    points = random_points(rng, "anchor", "positive", "negative")
    return points | {"margin": rng.uniform(0.5, 3.0), "p": rng.choice([1.0, 1.5, 2.0, 2.0, 3.0])}


ORIGIN, NEAR, FAR = np.zeros(2), np.ones(2), np.array([1.0, 3.0])
ZERO, NO_NUMBER = 3 * (np.zeros(2),), 3 * (np.full(2, np.nan),)  # by anchor, positive and negative

FORMULA = Formula(
    value=triplet_margin,
    as_printed=triplet_margin_as_printed,
    signature="(n),(n),(n),(),()->()",
    source="balntas2016, Section 2",
    gradients={
        "anchor": triplet_margin_anchor_gradient,
        "positive": triplet_margin_positive_gradient,
        "negative": triplet_margin_negative_gradient,
    },
    sample=random_triplet,
    laws=(
        non_negative,
        moved_together("anchor", "positive", "negative"),
        gradient_bounded("anchor", 2.0),
        gradient_bounded("positive", 1.0),
        gradient_bounded("negative", 1.0),
        homogeneous(1, anchor=1, positive=1, negative=1, margin=1),
    ),
    cases={  # (anchor, positive, negative, margin, p), L, (dL/da, dL/dp, dL/dn), the mistake that it exposes
        "3, 4, 5: the positive at 5, the negative at 2": Case(
            (ORIGIN, [3.0, 4.0], [0.0, 2.0], 1.0, 2.0),
            4.0,
            ([-0.6, 0.2], [0.6, 0.8], [0.0, -1.0]),
            "positive and negative swapped",
        ),
        "city blocks: the positive at 2, the negative at 6, far enough": Case(
            (ORIGIN, [1.0, -1.0], [3.0, 3.0], 1.0, 1.0),
            0.0,
            ZERO,
            "signed differences under the power, eps under the root",
        ),
        "city blocks, too near: 1 + 7 - 4": Case(
            (ORIGIN, [3.0, -4.0], [2.0, 2.0], 1.0, 1.0),
            4.0,
            ([0.0, 2.0], [1.0, -1.0], [-1.0, -1.0]),
            "degree ignored",
        ),
        "at the corner: farther by exactly m": Case((ORIGIN, [0.0, 4.0], [3.0, 4.0], 1.0, 2.0), 0.0, ZERO),
        "anchor and positive coincide: the slope of a norm at 0 is taken to be 0": Case(
            (ORIGIN, ORIGIN, [0.375, 0.5], 1.0, 2.0),
            0.375,
            ([0.6, 0.8], np.zeros(2), [-0.6, -0.8]),
            "eps added to the difference",
        ),
        "anchor and positive coincide, and the triplet costs nothing": Case(
            (ORIGIN, ORIGIN, [3.0, 4.0], 1.0, 2.0), 0.0, ZERO, "NaN gradient where points coincide"
        ),
        "a short triplet: an eps of 1e-6 would turn it, shorten one distance and lengthen the other": Case(
            (ORIGIN, [2.0**-10, 0.0], [0.0, -(2.0**-9)], 1.0, 2.0),
            0.9990234375,
            ([-1.0, -1.0], [1.0, 0.0], [0.0, 1.0]),
            "eps added to the difference",
        ),
        "all three coincide: the margin, and no direction": Case(
            (ORIGIN, ORIGIN, ORIGIN, 0.5, 2.0), 0.5, ZERO
        ),
        "a far anchor: two distances of 1e8 that differ by 1": Case(
            ([1e8, 0.0], [0.0, 0.0], [1.0, 0.0], 1.0, 2.0),
            2.0,
            (np.zeros(2), [-1.0, 0.0], [1.0, 0.0]),
            exposes="distance from positive to negative",
        ),
        "a far anchor, to the side: sqrt(1e16 + 9) - sqrt(1e16 + 16) + 2^-20": Case(
            ([1e8, 0.0], [0.0, 3.0], [0.0, 4.0], 2.0**-20, 2.0), 9.1867431640625e-07
        ),
        "no swap: only the anchor is compared, though the negative is nearer to the positive": Case(
            (ORIGIN, [3.0, 0.0], [3.0, 4.0], 3.0, 2.0),
            1.0,
            ([-0.4, 0.8], [1.0, 0.0], [-0.6, -0.8]),
            "negative compared with the nearer of anchor and positive",
        ),
        "an infinitely far negative": Case((ORIGIN, [3.0, 4.0], [np.inf, 0.0], 1.0, 2.0), 0.0, ZERO),
        "not a number": Case((ORIGIN, [np.nan, 4.0], [3.0, 0.0], 1.0, 2.0), np.nan, NO_NUMBER),
    },
    variants={
        "eps added to the difference": Convention(
            lambda a, p, n, m=1.0, q=2.0: np.maximum(
                0.0, m + _norm(a - p + 1e-6, q) - _norm(a - n + 1e-6, q)
            ),
            {
                "anchor": lambda a, p, n, m=1.0, q=2.0: _with_eps(a, p, n, m, q)[0],
                "positive": lambda a, p, n, m=1.0, q=2.0: _with_eps(a, p, n, m, q)[1],
                "negative": lambda a, p, n, m=1.0, q=2.0: _with_eps(a, p, n, m, q)[2],
            },
            seen_in="PyTorch, documentation of torch.nn.PairwiseDistance",
            symptom="a point lies 1.4e-6 from itself in two dimensions, and d(a, p) is not d(p, a)",
        ),
        "negative compared with the nearer of anchor and positive": Convention(
            lambda a, p, n, m=1.0, q=2.0: np.maximum(
                0.0, m + length(a - p, q) - min(length(a - n, q), length(p - n, q))
            ),
            {
                "anchor": lambda a, p, n, m=1.0, q=2.0: _swapped(a, p, n, m, q)[0],
                "positive": lambda a, p, n, m=1.0, q=2.0: _swapped(a, p, n, m, q)[1],
                "negative": lambda a, p, n, m=1.0, q=2.0: _swapped(a, p, n, m, q)[2],
            },
            seen_in="PyTorch, documentation of torch.nn.TripletMarginLoss: swap=True",
        ),
        "squared distances": Convention(
            lambda a, p, n, m=1.0, q=2.0: np.maximum(0.0, _squares(a, p, n, m)),
            {
                "anchor": lambda a, p, n, m=1.0, q=2.0: 2.0 * (n - p) * (_squares(a, p, n, m) > 0.0),
                "positive": lambda a, p, n, m=1.0, q=2.0: 2.0 * (p - a) * (_squares(a, p, n, m) > 0.0),
                "negative": lambda a, p, n, m=1.0, q=2.0: 2.0 * (a - n) * (_squares(a, p, n, m) > 0.0),
            },
            seen_in="Schroff et al. (2015); github.com/davidsandberg/facenet/issues/547",
            symptom="the margin is in units of distance squared: far triplets pull harder",
        ),
        "signed differences under the power, eps under the root": Mistake(
            lambda a, p, n, m=1.0, q=2.0: np.maximum(0.0, m + _signed(a - p, q) - _signed(a - n, q)),
            {
                "anchor": lambda a, p, n, m=1.0, q=2.0: _of_signed(a, p, n, m, q)[0],
                "positive": lambda a, p, n, m=1.0, q=2.0: _of_signed(a, p, n, m, q)[1],
                "negative": lambda a, p, n, m=1.0, q=2.0: _of_signed(a, p, n, m, q)[2],
            },
            seen_in="optax.losses.triplet_margin_loss, optax/losses/_self_supervised.py",
            symptom="for p = 1 components cancel, for p = 3 the loss is NaN; a point lies 1e-3 from itself",
        ),
        "NaN gradient where points coincide": Mistake(
            gradients={
                "anchor": lambda a, p, n, m=1.0, q=2.0: _plain(a, p, n, m, q)[0],
                "positive": lambda a, p, n, m=1.0, q=2.0: _plain(a, p, n, m, q)[1],
                "negative": lambda a, p, n, m=1.0, q=2.0: _plain(a, p, n, m, q)[2],
            },
            seen_in="sentence-transformers, github.com/huggingface/sentence-transformers/pull/4033; "
            "github.com/tensorflow/tensorflow/issues/30199",
            symptom="0 times infinity: a NaN gradient even of a triplet that costs nothing",
        ),
        "degree ignored": Mistake(
            lambda a, p, n, m=1.0, q=2.0: triplet_margin(a, p, n, m),
            symptom="every p gives the numbers of p = 2",
        ),
        "positive and negative swapped": Mistake(
            lambda a, p, n, m=1.0, q=2.0: triplet_margin(a, n, p, m, q),
            {
                "anchor": lambda a, p, n, m=1.0, q=2.0: triplet_margin_anchor_gradient(a, n, p, m, q),
                "positive": lambda a, p, n, m=1.0, q=2.0: triplet_margin_negative_gradient(a, n, p, m, q),
                "negative": lambda a, p, n, m=1.0, q=2.0: triplet_margin_positive_gradient(a, n, p, m, q),
            },
            symptom="strangers come together",
        ),
        "distance from positive to negative": Mistake(
            lambda a, p, n, m=1.0, q=2.0: np.maximum(0.0, m + _norm(a - p, q) - _norm(p - n, q)),
            symptom="the anchor feels the positive alone, and may come as near to the negative as it likes",
        ),
        "soft, without a margin": Mistake(
            lambda a, p, n, m=1.0, q=2.0: np.logaddexp(
                0.0, np.sum(np.abs(a - p) ** q) ** (1.0 / q) - np.sum(np.abs(a - n) ** q) ** (1.0 / q)
            ),
            seen_in="Hermans, Beyer and Leibe (2017), the soft-margin form, where it is meant",
            symptom="never 0",
        ),
        "cosine for the distance": Mistake(
            lambda a, p, n, m=1.0, q=2.0: np.maximum(0.0, m + _cosine(a, n) - _cosine(a, p)),
            symptom="lengths do not count; no loss exceeds m + 2",
        ),
        "each coordinate by itself": Mistake(
            lambda a, p, n, m=1.0, q=2.0: np.sum(np.maximum(0.0, m + np.abs(a - p) - np.abs(a - n))),
            symptom="a hinge for each coordinate, where the distance was not summed yet",
        ),
    },
    rules=rules,
    refuses={  # (anchor, positive, negative, margin, p), the argument to blame
        "points of no component": (([], [], []), "anchor"),
        "a negative margin": ((NEAR, NEAR, FAR, -1.0, 2.0), "margin"),
        "a margin that is no number": ((NEAR, NEAR, FAR, np.nan, 2.0), "margin"),
        "a degree below 1": ((NEAR, NEAR, FAR, 1.0, 0.5), "p"),
        "the largest component alone": ((NEAR, NEAR, FAR, 1.0, np.inf), "p"),
        "a degree that is no number": ((NEAR, NEAR, FAR, 1.0, np.nan), "p"),
    },
)


def _cosine(a, b):
    return np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b))


def _norm(d, q):
    """|d|_q as the formula has it."""
    return np.sum(np.abs(d) ** q) ** (1.0 / q)


def _slope(d, q):
    """u(d) as the chain rule gives it: 0 / 0 at 0."""
    return np.sign(d) * (np.abs(d) ** (q - 1.0) / _norm(d, q) ** (q - 1.0))


def _plain(a, p, n, m, q, eps=0.0):
    """Gradients as the chain rule gives them, factor by factor."""
    active = np.sign(np.maximum(0.0, m + _norm(a - p + eps, q) - _norm(a - n + eps, q)))
    to_p, to_n = _slope(a - p + eps, q), _slope(a - n + eps, q)
    return active * (to_p - to_n), -active * to_p, active * to_n


def _with_eps(a, p, n, m, q):
    """Gradients where 1e-6 is added to every component."""
    return _plain(a, p, n, m, q, eps=1e-6)


def _swapped(a, p, n, m, q):
    """Gradients where the negative's distance is min(|a - n|, |p - n|), a tie shared by halves."""
    from_a, from_p = length(a - n, q), length(p - n, q)
    active = np.sign(np.maximum(0.0, m + length(a - p, q) - np.minimum(from_a, from_p)))
    share = 0.5 * (1.0 + np.sign(from_p - from_a))
    to_p = length_slope(a - p, q)
    to_n, p_to_n = share * length_slope(a - n, q), (1.0 - share) * length_slope(p - n, q)
    return active * (to_p - to_n), -active * (to_p + p_to_n), active * (to_n + p_to_n)


def _squares(a, p, n, m):
    """m + |a - p|^2 - |a - n|^2."""
    return m + np.sum((a - p) ** 2) - np.sum((a - n) ** 2)


def _signed(d, q):
    """The norm without absolute values, and with an eps."""
    return (np.sum(d**q) + 1e-6) ** (1.0 / q)


def _of_signed(a, p, n, m, q):
    """Gradients as the chain rule gives them: a sum of powers below 0 has no root, so NaN."""
    active = 1.0 if m + _signed(a - p, q) - _signed(a - n, q) > 0.0 else 0.0
    slope = lambda d: (np.sum(d**q) + 1e-6) ** (1.0 / q - 1.0) * d ** (q - 1.0)
    to_p, to_n = active * slope(a - p), active * slope(a - n)
    return to_p - to_n, -to_p, to_n
