r"""Kernel Stein discrepancy: is this sample from that model?  Its score and the points are enough.

    r    = x_i - x_j,  e = s_i - s_j,  k = exp(-|r|^2/(2 l^2))
    a_ij = s_i.s_j + e.r/l^2 + d/l^2 - |r|^2/l^4
    u_ij = k a_ij
    U    = mean of u_ij over i != j
    V    = mean of u_ij over all i, j

    dU/dx_i = 2/(n(n-1)) sum_j k (e/l^2 - (a_ij + 2/l^2) r/l^2)
    dU/ds_i = 2/(n(n-1)) sum_j k (s_j + r/l^2)
    dU/dl   = 1/(n(n-1)) sum_ij k ((a_ij + 4/l^2) |r|^2 - 2 (e.r + d))/l^3
    dV/dx_i, dV/ds_i, dV/dl: the same with n^2 for n(n-1), and with j = i

The n points x are the sample, s the scores of the model at them, l the width of the kernel.  Stein's
identity says that E[s f + df/dx] = 0 under the model for every smooth f.  The worst f of the kernel's space
has a closed form, and the square of what it finds is E[u(x, x')].  This is E[(s - s_p)' k (s - s_p)'] over
two independent points, so it is zero if and only if the model's score is that of the sample's density p.

For a sample from a normal of mean mu and variance v, and the standard normal as model,

    E[u] = (1 + 2v/l^2)^(-d/2) (|mu|^2 + d (1 - v)^2/(l^2 + 2v))

U is unbiased, and so it can be negative.  V never is: on the diagonal stands |s_i|^2 + d/l^2, which
adds about 1/n of its mean even if the model is right.

In floating point l is divided by, twice, where its square would be beyond the range.  Of scores beyond 1e150
the products are infinite, and the sum over pairs is infinite or no number.

Conventions: the test of Chwialkowski et al. is n V; Gorham and Mackey take the root of V.  Others give the
square of l, or leave the 2 out.

Source: Liu, Lee and Jordan (2016), Theorem 3.6; Chwialkowski, Strathmann and Gretton (2016).
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_positive
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous, misfit, non_negative, shift_invariant_in
from ebm_ref.numerics import dot, weighted


def kernel_stein(points, scores, width):
    """The squared discrepancy of a sample from a model, unbiased.

    Parameters
    ----------
    points : (n, d) float, n >= 2, d >= 1
        x_i, the sample.
    scores : (n, d) float
        s_i, the score of the model at x_i: minus the gradient of its energy.
    width : float
        l > 0 of the kernel exp(-|r|^2/(2 l^2)), in units of x.

    Returns
    -------
    float
        Mean of u_ij over the pairs i != j, in units of 1/x^2; of either sign.

    Raises ValueError if there are fewer than two points or no coordinate, or if the width is not positive.

    >>> float(kernel_stein(np.array([[0.0], [1.0]]), np.array([[0.0], [-1.0]]), 1.0))  # -exp(-1/2)
    -0.6065306597126334
    """
    x, s, l = FORMULA.checked(points, scores, width)
    return mean_of_pairs(stein_kernel(x, s, l))


def mean_of_pairs(u):
    """Mean of an (n, n) array without its diagonal."""
    n = len(u)
    return np.sum(weighted(1.0 - np.eye(n), u)) / (n * (n - 1.0))


def pairs(x, s, l, more=0.0):
    """t = r/l and e of all pairs, (n, n, d), and k and a_ij + more/l^2, (n, n)."""
    t, e = (x[:, None] - x[None]) / l, s[:, None] - s[None]
    t = np.clip(t, -100.0, 100.0)  # 100 widths apart k is 0 already
    square = np.sum(t * t, axis=2)
    a = dot(s[:, None], s[None]) + (dot(e, t) + (more + x.shape[1] - square) / l) / l
    return t, e, np.exp(-0.5 * square), a


def stein_kernel(x, s, l):
    """u_ij, shape (n, n)."""
    _, _, k, a = pairs(x, s, l)
    return weighted(k, a)  # far apart k is 0, and a may be infinite


def stein_points_gradient(points, scores, width):
    """dU/dx, shape (n, d)."""
    x, s, l = FORMULA.checked(points, scores, width)
    return by_points(x, s, l, len(x) * (len(x) - 1.0))


def by_points(x, s, l, count):
    """2/count sum_j k (e/l^2 - (a_ij + 2/l^2) r/l^2)."""
    t, e, k, a = pairs(x, s, l, more=2.0)
    k, a = k[:, :, None], a[:, :, None]
    return 2.0 / count * np.sum(weighted(k, e / l) - weighted(k * t, a), axis=1) / l


def stein_scores_gradient(points, scores, width):
    """dU/ds, shape (n, d)."""
    x, s, l = FORMULA.checked(points, scores, width)
    n = len(x)
    return by_scores(x, s, l, 1.0 - np.eye(n), n * (n - 1.0))


def by_scores(x, s, l, counted, count):
    """2/count sum_j k (s_j + r/l^2) over the pairs that are counted."""
    t, _, k, _ = pairs(x, s, l)
    return 2.0 / count * np.sum(weighted((counted * k)[:, :, None], s[None] + t / l), axis=1)


def stein_width_gradient(points, scores, width):
    """dU/dl."""
    x, s, l = FORMULA.checked(points, scores, width)
    return mean_of_pairs(by_width(x, s, l))


def by_width(x, s, l):
    """du_ij/dl, shape (n, n)."""
    t, e, k, a = pairs(x, s, l, more=4.0)
    slopes = weighted(np.sum(t * t, axis=2), a) - 2.0 * (dot(e, t) + x.shape[1] / l) / l
    return weighted(k, slopes) / l


def kernel_stein_v(points, scores, width):
    """The squared discrepancy of a sample from a model, diagonal included.

    Parameters
    ----------
    points : (n, d) float, n >= 1, d >= 1
        x_i, the sample.
    scores : (n, d) float
        s_i, the score of the model at x_i.
    width : float
        l > 0 of the kernel exp(-|r|^2/(2 l^2)).

    Returns
    -------
    float
        Mean of u_ij over all n^2 pairs, >= 0; too large by about (E|s|^2 + d/l^2)/n.

    Raises ValueError if there are no points or no coordinate, or if the width is not positive.

    >>> float(kernel_stein_v(np.array([[0.0], [1.0]]), np.array([[0.0], [-1.0]]), 1.0))  # 3/4 - 1/(2 sqrt e)
    0.4467346701436833
    """
    x, s, l = V_STATISTIC.checked(points, scores, width)
    return np.mean(stein_kernel(x, s, l))


def stein_v_points_gradient(points, scores, width):
    """dV/dx, shape (n, d)."""
    x, s, l = V_STATISTIC.checked(points, scores, width)
    return by_points(x, s, l, len(x) ** 2.0)


def stein_v_scores_gradient(points, scores, width):
    """dV/ds, shape (n, d)."""
    x, s, l = V_STATISTIC.checked(points, scores, width)
    return by_scores(x, s, l, 1.0, len(x) ** 2.0)


def stein_v_width_gradient(points, scores, width):
    """dV/dl."""
    x, s, l = V_STATISTIC.checked(points, scores, width)
    return np.mean(by_width(x, s, l))


def rules(points, scores, width):
    """At least two points, a coordinate, and a width."""
    require(len(points) >= 2, "points", points, "must have at least two rows: U is a mean over pairs")
    rules_v(points, scores, width)


def rules_v(points, scores, width):
    """A point, a coordinate, and a width."""
    require(np.size(points) > 0, "points", points, "must have at least one row and one column")
    require_positive("width", width)


def order_of_points_does_not_matter(formula, inputs, rng):
    """The order of the points does not matter."""
    order = rng.permutation(len(inputs["points"]))
    return misfit(
        formula, inputs, inputs | {"points": inputs["points"][order], "scores": inputs["scores"][order]}
    )


def random_sample(rng):
    """Four points in the plane with the score of some model."""
    return {
        "points": rng.normal(size=(4, 2)),
        "scores": rng.normal(size=(4, 2)),
        "width": np.exp(rng.normal(scale=0.3)),
    }


TWO = ([[0.0], [1.0]], [[0.0], [-1.0]], 1.0)
GRID = np.array([[0.0, 0.0], [1.0, -0.5], [2.0, 1.0], [-1.0, 0.5]])
FOUR = (GRID, -GRID, 1.0)
# r = (1, -2), e = (2, 0), |r|^2/(2 l^2) = 5/8, a = 0 + 1/2 + 1/2 - 5/16
TILTED = ([[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [-1.0, 1.0]], 2.0)
ROOT_E = 0.6065306597126334  # exp(-1/2)
E58 = 0.5352614285189903  # exp(-5/8)
STEIN_VARIANTS = {
    "cross terms turned: the gradient of the energy for the score": Mistake(
        lambda x, s, l: U_of(x, -s, l),
        seen_in="asked of the repulsive force in github.com/activatedgeek/svgd/issues/1",
        symptom="the discrepancy is not zero for the true model, and small for its reflection",
    ),
    "the square of the width is given": Convention(
        lambda x, s, l: U_of(x, s, np.sqrt(l)),
        {
            "points": lambda x, s, l: stein_points_gradient(x, s, np.sqrt(l)),
            "scores": lambda x, s, l: stein_scores_gradient(x, s, np.sqrt(l)),
            "width": lambda x, s, l: stein_width_gradient(x, s, np.sqrt(l)) / (2.0 * np.sqrt(l)),
        },
        seen_in="kgof, kernel.py, KGauss(sigma2)",
        symptom="right at width 1 alone",
    ),
    "no 2 in the exponent": Convention(
        lambda x, s, l: U_of(x, s, l / np.sqrt(2.0)),
        {
            "points": lambda x, s, l: stein_points_gradient(x, s, l / np.sqrt(2.0)),
            "scores": lambda x, s, l: stein_scores_gradient(x, s, l / np.sqrt(2.0)),
            "width": lambda x, s, l: stein_width_gradient(x, s, l / np.sqrt(2.0)) / np.sqrt(2.0),
        },
        seen_in="Pyro, SVGDRBFKernel: exp(-|r|^2/h); GPyTorch before "
        "github.com/cornellius-gp/gpytorch/pull/115; github.com/pyro-ppl/numpyro/pull/1435 mends brackets",
        symptom="the kernel is sqrt 2 times narrower",
    ),
    "diagonal included, times n": Convention(
        lambda x, s, l: np.sum(stein_kernel(x, s, l)) / len(x),
        {
            "points": lambda x, s, l: by_points(x, s, l, len(x)),
            "scores": lambda x, s, l: by_scores(x, s, l, 1.0, len(x)),
            "width": lambda x, s, l: np.sum(by_width(x, s, l)) / len(x),
        },
        seen_in="kgof, goftest.py, KernelSteinTest: 'The test statistic is n*V_n'",
        symptom="grows with the sample where the model is wrong, and has a limit where it is right",
    ),
    "diagonal included": Convention(
        lambda x, s, l: np.mean(stein_kernel(x, s, l)),
        {
            "points": lambda x, s, l: by_points(x, s, l, len(x) ** 2.0),
            "scores": lambda x, s, l: by_scores(x, s, l, 1.0, len(x) ** 2.0),
            "width": lambda x, s, l: np.mean(by_width(x, s, l)),
        },
        seen_in="Chwialkowski, Strathmann and Gretton (2016), the V-statistic",
        symptom="never negative, and too large by about (E|s|^2 + d/l^2)/n",
    ),
    "1 for the dimension": Mistake(
        lambda x, s, l: U_of(x, s, l) - (x.shape[1] - 1.0) / l**2 * mean_of_pairs(pairs(x, s, l)[2]),
        symptom="right on the line alone",
    ),
    "a precision for the width": Convention(
        lambda x, s, l: U_of(x, s, np.sqrt(0.5 / l)),
        seen_in="scikit-learn, documentation of rbf_kernel: exp(-gamma |r|^2)",
    ),
}


def U_of(x, s, l):
    """The U-statistic of what was checked elsewhere."""
    u = stein_kernel(x, s, l)
    return (np.sum(u) - np.trace(u)) / (len(x) * (len(x) - 1.0))


def _V_of(x, s, l):
    return np.mean(stein_kernel(x, s, l))


def _twice_the_root(x, s, l):
    return 2.0 * np.sqrt(_V_of(x, s, l))


NO_SAMPLES = {
    "a width of zero": ((*TWO[:2], 0.0), "width"),
    "a negative width": ((*TWO[:2], -1.0), "width"),
    "a width that is no number": ((*TWO[:2], np.nan), "width"),
    "no points": ((np.zeros((0, 2)), np.zeros((0, 2)), 1.0), "points"),
    "no coordinates": ((np.zeros((3, 0)), np.zeros((3, 0)), 1.0), "points"),
    "a score too few": (([[0.0], [1.0], [2.0]], [[0.0], [1.0]], 1.0), "scores"),
}

FORMULA = Formula(
    value=kernel_stein,
    signature="(n,d),(n,d),()->()",
    source="liu2016, Theorem 3.6",
    gradients={
        "points": stein_points_gradient,
        "scores": stein_scores_gradient,
        "width": stein_width_gradient,
    },
    sample=random_sample,
    laws=(
        shift_invariant_in("points"),
        homogeneous(-2, points=1, scores=-1, width=1),
        order_of_points_does_not_matter,
    ),
    cases={  # (points, scores, width), U, (dU/dx, dU/ds, dU/dl), the mistake that it exposes
        "two points of a standard normal": Case(
            TWO,
            -ROOT_E,
            {"scores": [[-2.0 * ROOT_E], [ROOT_E]], "width": 3.0 * ROOT_E},
            "cross terms turned: the gradient of the energy for the score",
        ),
        "four points in the plane, true model": Case(
            FOUR, -0.45307141183976984, exposes="diagonal included, times n"
        ),
        "a wide kernel in the plane": Case(
            TILTED,
            0.6875 * E58,
            (
                [[0.203125 * E58, 0.59375 * E58], [-0.203125 * E58, -0.59375 * E58]],
                [[-0.75 * E58, 0.5 * E58], [0.75 * E58, 1.5 * E58]],
                0.0546875 * E58,
            ),
            "the square of the width is given",
        ),
        "a wide kernel on the line": Case(
            ([[0.0], [2.0]], [[1.0], [-1.0]], 2.0), -2.0 * ROOT_E, exposes="no 2 in the exponent"
        ),
        "one of two scores is zero": Case(
            ([[0.0, 0.0], [2.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]], 2.0),
            -0.25 * ROOT_E,
            exposes="diagonal included",
        ),
        "not a number": Case(([[np.nan], [1.0]], [[0.0], [1.0]], 1.0), np.nan),
    },
    variants=STEIN_VARIANTS,
    rules=rules,
    refuses=NO_SAMPLES | {"one point has no pair": (([[1.0, 2.0]], [[0.0, 1.0]], 1.0), "points")},
)

V_STATISTIC = Formula(
    value=kernel_stein_v,
    signature="(n,d),(n,d),()->()",
    source="chwialkowski2016; liu2016, Theorem 3.6",
    gradients={
        "points": stein_v_points_gradient,
        "scores": stein_v_scores_gradient,
        "width": stein_v_width_gradient,
    },
    sample=random_sample,
    laws=(
        non_negative,
        shift_invariant_in("points"),
        homogeneous(-2, points=1, scores=-1, width=1),
        order_of_points_does_not_matter,
    ),
    cases={  # (points, scores, width), V, (dV/dx, dV/ds, dV/dl), the mistake that it exposes
        "two points of a standard normal": Case(TWO, 0.75 - 0.5 * ROOT_E, exposes="root taken"),
        "one point: its own term": Case(
            ([[5.0, -3.0]], [[1.0, -2.0]], 2.0), 5.5, (np.zeros((1, 2)), [[2.0, -4.0]], -0.5)
        ),
        "a wide kernel in the plane": Case(TILTED, 1.25 + 0.34375 * E58, exposes="times n"),
        "three equal points": Case((np.ones((3, 2)), np.ones((3, 2)), 1.0), 4.0, exposes="diagonal left out"),
    },
    variants={
        "root taken": Convention(
            lambda x, s, l: np.sqrt(_V_of(x, s, l)),
            {
                "points": lambda x, s, l: stein_v_points_gradient(x, s, l) / _twice_the_root(x, s, l),
                "scores": lambda x, s, l: stein_v_scores_gradient(x, s, l) / _twice_the_root(x, s, l),
                "width": lambda x, s, l: stein_v_width_gradient(x, s, l) / _twice_the_root(x, s, l),
            },
            seen_in="Gorham and Mackey (2017), where the discrepancy is the root of the double mean",
            symptom="of the unit of a score",
        ),
        "times n": Convention(
            lambda x, s, l: np.sum(stein_kernel(x, s, l)) / len(x),
            {
                "points": lambda x, s, l: by_points(x, s, l, len(x)),
                "scores": lambda x, s, l: by_scores(x, s, l, 1.0, len(x)),
                "width": lambda x, s, l: np.sum(by_width(x, s, l)) / len(x),
            },
            seen_in="kgof, goftest.py, KernelSteinTest: 'The test statistic is n*V_n'",
            symptom="grows with the sample where the model is wrong",
        ),
        "diagonal left out": Mistake(
            lambda x, s, l: (np.sum(stein_kernel(x, s, l)) - np.trace(stein_kernel(x, s, l))) / len(x) ** 2,
            symptom="neither U nor V: too small by (n - 1)/n, and of either sign",
        ),
        "1 for the dimension": Mistake(
            lambda x, s, l: _V_of(x, s, l) - (x.shape[1] - 1.0) / l**2 * np.mean(pairs(x, s, l)[2])
        ),
        "a precision for the width": Mistake(lambda x, s, l: _V_of(x, s, np.sqrt(0.5 / l))),
        "diagonal left out, mean over the pairs": Convention(U_of, seen_in="Liu, Lee and Jordan (2016), U"),
    },
    rules=rules_v,
    refuses=NO_SAMPLES,
)
