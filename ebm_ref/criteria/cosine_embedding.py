r"""Cosine embedding: vectors of a like pair in one direction, of an unlike pair at a wide angle.

    L        = 1 - cos                       where y = 1:  alike
    L        = max(0, cos - m)               where y = -1: unlike
    cos      = x1.x2 / (|x1| |x2|)

    dL/dx1   = -dcos/dx1                     where y = 1
    dL/dx1   = dcos/dx1                      where y = -1 and cos > m, else 0
    dL/dx2                                   likewise
    dcos/dx1 = (b - cos a) / |x1|            a = x1 / |x1|
    dcos/dx2 = (a - cos b) / |x2|            b = x2 / |x2|

The sign y says whether the pair is alike; it is no index on this page.  Only directions count: to make
a vector longer changes nothing, so no network can win by making them long.

In floating point 1 - cos loses everything at an angle of 1e-8, where the loss is 5e-17.  Half the
squared distance of the unit vectors is the same number, and keeps its digits:

    1 - cos = |a - b|^2 / 2

The gradient cancels likewise, since b - cos a is the small difference of two unit vectors.  It is also
the product of an antisymmetric matrix with a:

    b - cos a = (b a' - a b') a

Each entry of the matrix is an area between the two vectors, so it is small from the start.  Such a
matrix can only turn, so the gradient is at right angles to x1.

A zero vector has no direction, and no value would make the loss continuous there: ValueError.  The
frameworks put an eps into the norms, which makes short vectors look perpendicular to everything.

Source: NYU DLSP20, week 11-2; the cancellation is Kahan's (2006), "How futile are mindless assessments
of roundoff in floating-point computation?", on angles.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_one_of
from ebm_ref.criteria.distance import check_components, random_points
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, homogeneous, non_negative, symmetric
from ebm_ref.numerics import dot, total


def cosine_embedding_as_printed(x1, x2, sign, margin=0.0):
    """The formula as it stands: at a small angle 1 - cos is 0, and squares of lengths overflow or vanish.

    >>> east, x = np.array([1.0, 0.0]), np.array([1.0, 2.0**-30])
    >>> float(cosine_embedding_as_printed(east, x, 1)), float(cosine_embedding(east, x, 1))
    (0.0, 4.336808689942018e-19)
    """
    y, m = sign, margin
    cos = np.sum(x1 * x2) / (np.sqrt(np.sum(x1**2)) * np.sqrt(np.sum(x2**2)))
    return 1.0 - cos if y == 1 else np.maximum(0.0, cos - m)


def cosine_embedding(x1, x2, sign, margin=0.0):
    """Cosine embedding loss of one pair.

    Parameters
    ----------
    x1, x2 : (n,) float, n >= 1
        The two vectors, neither of them zero.  A NaN or an infinite component gives a NaN loss.
    sign : int
        y = 1 if the pair is alike, -1 if not.
    margin : float
        Cosine m in [-1, 1] that unlike pairs may have.

    Returns
    -------
    float
        0 to 2 if alike, 0 to 1 - m if not, to within rounding.

    Raises ValueError if a vector is zero, if `sign` is neither 1 nor -1, or if the margin is not in [-1,
    1].

    Lengths whose squares overflow or vanish are lengths like others:

    >>> round(float(cosine_embedding(np.array([3e200, 4e200]), np.array([0.0, 2e-200]), -1)), 15)
    0.8
    """
    x1, x2, y, m = FORMULA.checked(x1, x2, sign, margin)
    a, b = direction(x1), direction(x2)
    return 0.5 * ((a - b) ** 2).sum() if y == 1 else np.maximum(0.0, (a * b).sum() - m)


def cosine_embedding_x1_gradient(x1, x2, sign, margin=0.0):
    """dL/dx1, shape (n,): -dcos/dx1 if alike, dcos/dx1 if not and cos > m, else 0, the corner included."""
    x1, x2, y, m = FORMULA.checked(x1, x2, sign, margin)
    return slope(x1, x2, y, m)


def cosine_embedding_x2_gradient(x1, x2, sign, margin=0.0):
    """dL/dx2, shape (n,): the same with the two exchanged."""
    x1, x2, y, m = FORMULA.checked(x1, x2, sign, margin)
    return slope(x2, x1, y, m)


def slope(x, other, y, m):
    """dL/dx of a pair that was checked: the other direction, turned to a right angle with x."""
    a, b = direction(x), direction(other)
    turn, s = np.outer(b, a) - np.outer(a, b), abs(x).max()
    dcos = dot(turn, a) / np.sqrt(total((x / s) ** 2)) / s
    L = 1.0 if y == 1 else np.maximum(0.0, (a * b).sum() - m)
    return -np.sign(y) * np.sign(L) * dcos if L != 0.0 else np.zeros(len(x))


def direction(x):
    """x / |x| of a vector that is not zero, whatever its length."""
    s = abs(x).max()
    return (x / s) / np.sqrt(total((x / s) ** 2))


def rules(x1, x2, sign, margin):
    """A sign, a cosine, and two vectors that have a direction."""
    check_components("x1", x1)
    require_one_of("sign", sign, 1, -1)
    require(-1.0 <= margin <= 1.0, "margin", margin, "must be in [-1, 1]")
    for argument, x in {"x1": x1, "x2": x2}.items():
        require(not np.all(x == 0.0), argument, x, "must not be zero: it has no direction")


def turns_only(formula, inputs, rng):
    """x1 . df/dx1 = 0: the gradient never makes a vector longer or shorter."""
    g = formula.gradients["x1"](**inputs)
    return abs(np.sum(inputs["x1"] * g)) / (16 * UNIT * np.sum(np.abs(inputs["x1"] * g)) + 1e-300)


EAST, NORTH, NORTH_EAST = np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([1.0, 1.0])

FORMULA = Formula(
    value=cosine_embedding,
    as_printed=cosine_embedding_as_printed,
    signature="(n),(n),(),()->()",
    source="NYU DLSP20, week 11-2",
    gradients={"x1": cosine_embedding_x1_gradient, "x2": cosine_embedding_x2_gradient},
    sample=lambda rng: (
        random_points(rng, "x1", "x2") | {"sign": int(rng.choice([-1, 1])), "margin": rng.uniform(-0.9, 0.5)}
    ),
    laws=(non_negative, symmetric("x1", "x2"), homogeneous(0, x1=1), homogeneous(0, x2=1), turns_only),
    cases={  # (x1, x2, sign, margin), L, (dL/dx1, dL/dx2), the mistake that it exposes
        "alike at 45 degrees: 1 - 1/sqrt(2)": Case(
            (EAST, NORTH_EAST, 1, 0.0),
            0.29289321881345248,
            ([0.0, -0.70710678118654752], [-0.35355339059327376, 0.35355339059327376]),
            "cosine itself",
        ),
        "unlike at 45 degrees": Case(
            (EAST, NORTH_EAST, -1, 0.0),
            0.70710678118654752,
            ([0.0, 0.70710678118654752], [0.35355339059327376, -0.35355339059327376]),
            "labels 1 and 0",
        ),
        "unlike within the margin: nothing turns": Case(
            ([3.0, 4.0], [4.0, -2.0], -1, 0.5), 0.0, (np.zeros(2), np.zeros(2)), "gradient within the margin"
        ),
        "alike and parallel: the length does not matter": Case(
            ([3.0, 4.0], [6.0, 8.0], 1, 0.0), 0.0, (np.zeros(2), np.zeros(2)), exposes="not normalised"
        ),
        "alike and opposite: the loss is largest, and there is no way to turn": Case(
            (EAST, -2.0 * EAST, 1, 0.0), 2.0, (np.zeros(2), np.zeros(2))
        ),
        "alike and perpendicular": Case((2.0 * EAST, NORTH, 1, 0.0), 1.0, ([0.0, -0.5], [-1.0, 0.0])),
        "at the corner: unlike and perpendicular is far enough for m = 0": Case(
            (EAST, NORTH, -1, 0.0), 0.0, (np.zeros(2), np.zeros(2))
        ),
        "nearly parallel: an angle of 2^-30, a loss of 2^-61": Case(
            (EAST, [1.0, 2.0**-30], 1, 0.0),
            4.336808689942018e-19,
            ([0.0, -9.313225746154785e-10], [-8.673617379884035e-19, 9.313225746154785e-10]),
            "cosine subtracted from one",
        ),
        "very short and parallel: the length does not matter, however small": Case(
            (2.0**-20 * EAST, 2.0**-20 * EAST, 1, 0.0),
            0.0,
            (np.zeros(2), np.zeros(2)),
            "eps in the squared norms",
        ),
        "far too short to be seen beside 1, and at 45 degrees": Case(
            (2.0**-60 * EAST, 2.0**-60 * NORTH_EAST, 1, 0.0),
            0.29289321881345248,
            exposes="short vectors not made longer",
        ),
        "one dimension: only the sign is left": Case(
            ([-3.0], [0.5], 1, 0.0), 2.0, (np.zeros(1), np.zeros(1))
        ),
        "not a number": Case(
            ([np.nan, 1.0], EAST, -1, 0.0), np.nan, (np.full(2, np.nan), np.full(2, np.nan))
        ),
        "unlike at 45 degrees, a margin of 1/4 allowed": Case(
            (EAST, NORTH_EAST, -1, 0.25),
            0.45710678118654752,
            ([0.0, 0.70710678118654752], [0.35355339059327376, -0.35355339059327376]),
            "margin added",
        ),
        "unlike and perpendicular, with a margin to spare": Case(
            (EAST, NORTH, -1, 0.25), 0.0, (np.zeros(2), np.zeros(2)), "cosine subtracted from the margin"
        ),
    },
    variants={
        "eps in the squared norms": Mistake(
            lambda a, b, y, m=0.0: _of_cosine(_with_eps(a, b)[0], y, m),
            {
                "x1": lambda a, b, y, m=0.0: _with_eps(a, b)[1] * _active(_with_eps(a, b)[0], y, m),
                "x2": lambda a, b, y, m=0.0: _with_eps(b, a)[1] * _active(_with_eps(a, b)[0], y, m),
            },
            seen_in="PyTorch CosineEmbeddingLoss, 1e-12, github.com/pytorch/pytorch/pull/5447",
            symptom="vectors much shorter than 1e-6 are perpendicular to themselves",
        ),
        "cosine subtracted from one": Mistake(
            cosine_embedding_as_printed,
            {
                "x1": lambda a, b, y, m=0.0: _chained(a, b) * _active(_cosine(a, b), y, m),
                "x2": lambda a, b, y, m=0.0: _chained(b, a) * _active(_cosine(a, b), y, m),
            },
            seen_in="PyTorch CosineEmbeddingLoss, github.com/pytorch/pytorch/issues/14173; "
            "Keras CosineSimilarity below -1, github.com/keras-team/keras/issues/17138; "
            "optax.cosine_distance, whose squares also underflow: found by this project",
            symptom="4e-7 or a negative loss of a vector with itself in float32; NaN below a length of 1e-23",
        ),
        "short vectors not made longer": Mistake(
            lambda a, b, y, m=0.0: _of_cosine(np.sum(_unless_short(a) * _unless_short(b)), y, m),
            seen_in="scikit-learn 1.9.1, cosine_distances of dense rows, preprocessing.normalize; "
            "found by this project",
            symptom="a length below 2.2e-15, in float32 below 1.2e-6, is taken for 0 and left as it is: "
            "perpendicular to itself",
        ),
        "gradient within the margin": Mistake(
            gradients={
                "x1": lambda a, b, y, m=0.0: cosine_embedding_x1_gradient(a, b, y, -1.0),
                "x2": lambda a, b, y, m=0.0: cosine_embedding_x2_gradient(a, b, y, -1.0),
            },
            seen_in="Torch7 CosineEmbeddingCriterion, github.com/torch/nn/pull/169",
            symptom="unlike vectors go on turning away after the loss has reached 0",
        ),
        "labels 1 and 0": Mistake(
            lambda a, b, y, m=0.0: cosine_embedding(a, b, y, m) if y == 1 else 0.0,
            {
                "x1": lambda a, b, y, m=0.0: max(y, 0) * cosine_embedding_x1_gradient(a, b, y, m),
                "x2": lambda a, b, y, m=0.0: max(y, 0) * cosine_embedding_x2_gradient(a, b, y, m),
            },
            seen_in="PyTorch takes any target in silence, github.com/pytorch/pytorch/issues/49917",
            symptom="unlike pairs cost nothing, and everything collapses to one direction",
        ),
        "cosine itself": Convention(
            lambda a, b, y, m=0.0: -_cosine(a, b) if y == 1 else cosine_embedding(a, b, y, m),
            {"x1": cosine_embedding_x1_gradient, "x2": cosine_embedding_x2_gradient},
            seen_in="Keras, documentation of CosineSimilarity: -1 for like pairs",
            symptom="the loss of a perfect pair is -1",
        ),
        "cosine itself, of vectors at least 1e-7 long": Convention(
            lambda a, b, y, m=0.0: _of_lengthened(a, b, y, m)[0],
            {
                "x1": lambda a, b, y, m=0.0: _of_lengthened(a, b, y, m)[1],
                "x2": lambda a, b, y, m=0.0: _of_lengthened(b, a, y, m)[1],
            },
            seen_in="Keras, documentation of cosine_similarity, keras.ops.normalize: x / max(|x|, 1e-7)",
            symptom="shorter vectors are perpendicular to all; in float32 below 1e-23 the gradient is NaN",
        ),
        "margin added": Mistake(
            lambda a, b, y, m=0.0: (
                cosine_embedding(a, b, y, m) if y == 1 else np.maximum(0.0, _cosine(a, b) + m)
            ),
            symptom="unlike vectors must turn beyond a right angle: -m where m is meant",
        ),
        "cosine subtracted from the margin": Mistake(
            lambda a, b, y, m=0.0: (
                cosine_embedding(a, b, y, m) if y == 1 else np.maximum(0.0, m - _cosine(a, b))
            ),
            symptom="the hinge of a distance: unlike vectors are turned towards each other",
        ),
        "not normalised": Mistake(
            lambda a, b, y, m=0.0: _of_cosine(np.sum(a * b), y, m),
            symptom="right for unit vectors; else the loss of like vectors falls without end as they grow",
        ),
        "cut off before the margin": Mistake(
            lambda a, b, y, m=0.0: (
                cosine_embedding(a, b, y, m) if y == 1 else np.maximum(0.0, _cosine(a, b)) - m
            ),
            symptom="a loss of -margin for unlike pairs",
        ),
        "margin for the alike": Mistake(
            lambda a, b, y, m=0.0: np.maximum(0.0, cosine_embedding(a, b, y, 0.0) - m * (y == 1)),
            symptom="pairs that are alike may differ by m, those unlike by nothing",
        ),
        "the angle, not its cosine": Mistake(
            lambda a, b, y, m=0.0: (
                np.arccos(1.0 - cosine_embedding(a, b, 1)) if y == 1 else cosine_embedding(a, b, y, m)
            ),
            symptom="an unbounded slope where the vectors agree",
        ),
        "absolute cosine for the unlike": Mistake(
            lambda a, b, y, m=0.0: (
                cosine_embedding(a, b, 1)
                if y == 1
                else np.maximum(0.0, np.abs(1.0 - cosine_embedding(a, b, 1)) - m)
            ),
            symptom="opposite vectors are as bad as alike ones",
        ),
        "squared cosine for the unlike": Mistake(
            lambda a, b, y, m=0.0: (
                cosine_embedding(a, b, 1)
                if y == 1
                else np.maximum(0.0, (1.0 - cosine_embedding(a, b, 1)) ** 2 - m)
            ),
            symptom="a pull to a right angle from either side",
        ),
    },
    rules=rules,
    refuses={  # (x1, x2, sign, margin), the argument to blame
        "vectors of no component": (([], [], 1), "x1"),
        "a sign of 0, as if labels were 1 and 0": ((EAST, NORTH, 0, 0.0), "sign"),
        "a margin that no cosine reaches": ((EAST, NORTH, 1, 2.0), "margin"),
        "a margin that is no number": ((EAST, NORTH, -1, np.nan), "margin"),
        "a first vector without direction": ((0.0 * EAST, NORTH, 1, 0.0), "x1"),
        "a second vector without direction": ((EAST, 0.0 * NORTH, 1, 0.0), "x2"),
    },
)


def _cosine(a, b):
    """The cosine as the formula has it."""
    return np.sum(a * b) / (np.sqrt(np.sum(a**2)) * np.sqrt(np.sum(b**2)))


def _of_cosine(cos, y, m):
    """The loss of a cosine."""
    return 1.0 - cos if y == 1 else np.maximum(0.0, cos - m)


def _active(cos, y, m):
    """The slope of the loss by the cosine."""
    return -1.0 if y == 1 else np.sign(np.maximum(0.0, cos - m))


def _with_eps(a, b):
    """The cosine with 1e-12, in single precision, added to each squared norm, and its gradient by a."""
    eps = float(np.float32(1e-12))
    A, B = np.sum(a**2) + eps, np.sum(b**2) + eps
    cos = np.sum(a * b) / np.sqrt(A * B)
    return cos, b / np.sqrt(A * B) - cos * a / A


def _chained(a, b):
    """The slope of the cosine by a as the chain rule gives it, by way of the norm: inf - inf below 1e-154."""
    A, unit = np.sqrt(np.sum(a**2)), b / np.sqrt(np.sum(b**2))
    return unit / A - a * (np.sum(unit * a / A / A) / A)


def _of_lengthened(a, b, y, m):
    """Loss and slope by a where 1 / |x| is 1e7 at most."""
    A, B = np.sum(a**2), np.sum(b**2)
    by_a, by_b = np.minimum(1.0 / np.sqrt(A), 1e7), np.minimum(1.0 / np.sqrt(B), 1e7)
    cos, unit = np.sum(a * by_a * (b * by_b)), b * by_b
    slope = unit * by_a - a * (np.sum(unit * a) * ((by_a < 1e7) * A**-1.5))
    return (-cos, -slope) if y == 1 else (np.maximum(0.0, cos - m), np.sign(np.maximum(0.0, cos - m)) * slope)


def _unless_short(x):
    """x / |x|, but x itself where |x| is below ten units of resolution."""
    length = np.sqrt(np.sum(x**2))
    return x / (length if length >= 10.0 * np.finfo(np.asarray(x).dtype).eps else 1.0)
