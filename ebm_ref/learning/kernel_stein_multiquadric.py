r"""Kernel Stein discrepancy with the inverse multiquadric: a kernel that sees far points.

    r    = x_i - x_j,  e = s_i - s_j,  w = c^2 + |r|^2,  k = w^(-1/2)
    a_ij = s_i.s_j + (e.r + d)/w - 3 |r|^2/w^2
    U    = mean of k a_ij over i != j

    dU/dx_i = 2/(n(n-1)) sum_j k (e - b_ij r)/w
    b_ij    = a_ij + 2 (e.r + d + 3)/w - 12 |r|^2/w^2
    dU/ds_i = 2/(n(n-1)) sum_j k (s_j + r/w)
    dU/dc   = c/(n(n-1)) sum_ij k (12 |r|^2/w^2 - 2 (e.r + d)/w - a_ij)/w

The points x are the sample, s the scores of the model there, c the width.  The Gaussian kernel of
kernel_stein.py is blind beyond a few widths: to it a sample that spreads out to infinity looks right, in
three dimensions and more.  For 125 points on a lattice of spacing 6, beside a standard normal as model, U
is 7e-8 with the Gaussian kernel of width 1, and 2.5 with this one.  The multiquadric falls off like 1/|r|,
and with it a small discrepancy does mean that the sample comes close to the model.

In floating point the squares in w are beyond the range where r and c are not.  So each pair is counted in a
unit of its own, q, a power of two.  Of scores beyond 1e150 the products are infinite, and the sum over pairs
is infinite or no number.

As there, the mean is zero if and only if the scores agree; for a sample from a standard normal moved by mu
it is |mu|^2 E[k].  U may be negative.

Conventions: some give c^2 in place of c, or the kernel (1 + |r|^2/c^2)^(-1/2), which is c times this one.

Source: Gorham and Mackey (2017), "Measuring sample quality with kernels", Section 3, beta = -1/2.
"""

import autograd.numpy as np

from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous, shift_invariant_in
from ebm_ref.learning.kernel_stein import (
    NO_SAMPLES,
    kernel_stein,
    mean_of_pairs,
    order_of_points_does_not_matter,
    random_sample,
    rules,
)
from ebm_ref.numerics import dot, parts, product


def kernel_stein_multiquadric(points, scores, width):
    """The squared discrepancy of a sample from a model by the inverse multiquadric kernel, unbiased.

    Parameters
    ----------
    points : (n, d) float, n >= 2, d >= 1
        x_i, the sample.
    scores : (n, d) float
        s_i, the score of the model at x_i: minus the gradient of its energy.
    width : float
        c > 0 of the kernel (c^2 + |r|^2)^(-1/2), in units of x.

    Returns
    -------
    float
        Mean over the pairs i != j, in units of 1/x^3; of either sign.

    Raises ValueError if there are fewer than two points or no coordinate, or if the width is not positive.

    >>> at = np.array([[0.0], [3.0]]), np.array([[0.0], [-3.0]]), 4.0  # w = 25: (0 - 8/25 - 27/625)/5
    >>> round(float(kernel_stein_multiquadric(*at)), 12)
    -0.07264
    """
    x, s, c = FORMULA.checked(points, scores, width)
    _, _, w, a, q = pairs(x, s, c)
    return mean_of_pairs(a / np.sqrt(w) / q)


def pairs(x, s, c):
    """r and e of all pairs, (n, n, d), and w, a_ij and q, (n, n): r in units q, w in units q^2."""
    r, e = x[:, None] - x[None], s[:, None] - s[None]
    is_same = np.eye(len(x))
    c = np.where(is_same, 1.0, c * np.ones_like(is_same))  # what is not counted shall not be infinite
    q = 2.0 ** parts(np.maximum(c, np.max(np.abs(r), axis=2)))[1]
    r = r / q[:, :, None]
    square = np.sum(r * r, axis=2)
    w = (c / q) ** 2 + square
    return r, e, w, dot(s[:, None], s[None]) + (q * dot(e, r) + x.shape[1] - 3.0 * square / w) / w / q / q, q


def multiquadric_points_gradient(points, scores, width):
    """dU/dx, shape (n, d)."""
    x, s, c = FORMULA.checked(points, scores, width)
    r, e, w, a, q = pairs(x, s, c)
    b = a + (2.0 * (q * dot(e, r) + x.shape[1] + 3.0) - 12.0 * np.sum(r * r, axis=2) / w) / w / q / q
    return sum_over_others((e - (q * b)[:, :, None] * r) / w[:, :, None], w, q, 3)


def multiquadric_scores_gradient(points, scores, width):
    """dU/ds, shape (n, d)."""
    x, s, c = FORMULA.checked(points, scores, width)
    r, _, w, _, q = pairs(x, s, c)
    return sum_over_others(s[None] + r / w[:, :, None] / q[:, :, None], w, q)


def sum_over_others(slopes, w, q, power=1):
    """2/(n(n-1)) sum_{j != i} k slopes_ij, shape (n, d), of slopes in units of a power of q."""
    n = len(w)
    k = (1.0 - np.eye(n)) / np.sqrt(w)
    terms = product(k[:, :, None], slopes, *power * [1.0 / q[:, :, None]])
    return 2.0 / (n * (n - 1.0)) * np.sum(terms, axis=1)


def multiquadric_width_gradient(points, scores, width):
    """dU/dc."""
    x, s, c = FORMULA.checked(points, scores, width)
    r, e, w, a, q = pairs(x, s, c)
    slope = (12.0 * np.sum(r * r, axis=2) / w - 2.0 * (q * dot(e, r) + x.shape[1])) / w / q / q - a
    return mean_of_pairs(product(slope / w / np.sqrt(w), c, *3 * [1.0 / q]))


def _U(x, s, c):
    """U of what was checked elsewhere."""
    _, _, w, a, q = pairs(x, s, c)
    return mean_of_pairs(a / np.sqrt(w) / q)


def distances(x, s, c):
    """w^(1/2)."""
    _, _, w, _, q = pairs(x, s, c)
    return np.sqrt(w) * q


FAR = ([[0.0], [3.0]], [[0.0], [-3.0]], 4.0)  # |r|^2 = 9, w = 25, k = 1/5, e.r = -9
# r = (1, -2), e = (2, 0), w = 9, k = 1/3: a = 0 + (2 + 2)/9 - 15/81 = 7/27
TILTED = ([[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [-1.0, 1.0]], 2.0)

FORMULA = Formula(
    value=kernel_stein_multiquadric,
    signature="(n,d),(n,d),()->()",
    source="gorham2017, Section 3",
    gradients={
        "points": multiquadric_points_gradient,
        "scores": multiquadric_scores_gradient,
        "width": multiquadric_width_gradient,
    },
    sample=random_sample,
    laws=(
        shift_invariant_in("points"),
        homogeneous(-3, points=1, scores=-1, width=1),
        order_of_points_does_not_matter,
    ),
    cases={  # (points, scores, width), U, (dU/dx, dU/ds, dU/dc), the mistake that it exposes
        "far apart on the line": Case(
            FAR,
            -0.07264,
            {"scores": [[-0.624], [0.024]], "width": 0.037632},
            "cross terms turned: the gradient of the energy for the score",
        ),
        "in the plane": Case(
            TILTED,
            7 / 81,
            (
                [[25 / 729, 58 / 729], [-25 / 729, -58 / 729]],
                [[-8 / 27, 7 / 27], [8 / 27, 11 / 27]],
                -22 / 729,
            ),
            "the square of the width is given",
        ),
        "near on the line, and a wide kernel": Case(
            ([[0.0], [1.5]], [[1.0], [2.0]], 2.0), 0.89088, exposes="kernel scaled to 1 at the origin"
        ),
        "no scores, in space: (3/25 - 27/625)/5": Case(
            ([[1.0, 0.0, 2.0], [0.0, 2.0, 0.0]], np.zeros((2, 3)), 4.0), 0.01536, exposes="1/w for d/w"
        ),
        "not a number": Case(([[np.nan], [1.0]], [[0.0], [1.0]], 1.0), np.nan),
        "4e200 apart: the square is beyond the range, and k is 1/4e200": Case(
            ([[0.0, 0.0], [4e200, 0.0]], [[1.0, 2.0], [3.0, 1.0]], 3.0),
            1.25e-200,
            (np.zeros((2, 2)), [[7.5e-201, 2.5e-201], [2.5e-201, 5e-201]], 0.0),
        ),
    },
    variants={
        "cross terms turned: the gradient of the energy for the score": Mistake(
            lambda x, s, c: _U(x, -s, c),
            symptom="the discrepancy is not zero for the true model, and small for its reflection",
        ),
        "the square of the width is given": Convention(
            lambda x, s, c: _U(x, s, np.sqrt(c)),
            {
                "points": lambda x, s, c: multiquadric_points_gradient(x, s, np.sqrt(c)),
                "scores": lambda x, s, c: multiquadric_scores_gradient(x, s, np.sqrt(c)),
                "width": lambda x, s, c: multiquadric_width_gradient(x, s, np.sqrt(c)) / (2.0 * np.sqrt(c)),
            },
            seen_in="github.com/JuliaGaussianProcesses/KernelFunctions.jl/pull/396: (c + |r|^2)^(-alpha)",
            symptom="right at width 1 alone",
        ),
        "1/w for d/w": Mistake(
            lambda x, s, c: _U(x, s, c) - (x.shape[1] - 1.0) * mean_of_pairs(distances(x, s, c) ** -3.0)
        ),
        "kernel scaled to 1 at the origin": Convention(
            lambda x, s, c: c * _U(x, s, c),
            {
                "points": lambda x, s, c: c * multiquadric_points_gradient(x, s, c),
                "scores": lambda x, s, c: c * multiquadric_scores_gradient(x, s, c),
                "width": lambda x, s, c: _U(x, s, c) + c * multiquadric_width_gradient(x, s, c),
            },
            seen_in="1/sqrt(1 + (eps r)^2) of radial basis functions, as numerics.net documents it",
        ),
        "diagonal included": Mistake(
            lambda x, s, c: (
                (1.0 - 1.0 / len(x)) * _U(x, s, c)
                + np.mean(np.sum(s**2, axis=1) + x.shape[1] / c**2) / c / len(x)
            ),
            symptom="a mean over all pairs, and too high: never 0",
        ),
        "exponent 1": Mistake(
            lambda x, s, c: _of_exponent_one(x, s, c), symptom="1/w for its root: far points are seen less"
        ),
        "Gaussian kernel": Mistake(
            lambda x, s, c: kernel_stein(x, s, c), symptom="blind beyond a few widths"
        ),
    },
    rules=rules,
    refuses=NO_SAMPLES | {"one point has no pair": (([[1.0, 2.0]], [[0.0, 1.0]], 1.0), "points")},
)


def _of_exponent_one(x, s, c):
    """U of k = 1/w."""
    r, e, n = x[:, None] - x, s[:, None] - s, len(x)
    q = np.sum(r**2, axis=2)
    w = c**2 + q
    u = np.sum(s[:, None] * s, axis=2) + 2.0 * (np.sum(e * r, axis=2) + x.shape[1]) / w - 8.0 * q / w**2
    return np.sum(u / w * (1.0 - np.eye(n))) / (n * (n - 1.0))
