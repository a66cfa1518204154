r"""Double well: two minima, a barrier, and no closed form for Z.

    E = h (x^2 - a^2)^2
    s = -dE/dx = -4 h x (x^2 - a^2)               the score
    C = d2E/dx2 = 4 h (3 x^2 - a^2)               the curvature

    dE/dx = 4 h x (x^2 - a^2)
    dE/da = -4 h a (x^2 - a^2)
    dE/dh = (x^2 - a^2)^2
    ds/dx = -4 h (3 x^2 - a^2)
    ds/da = 8 h a x
    ds/dh = -4 x (x^2 - a^2)
    dC/dx = 24 h x
    dC/da = -8 h a
    dC/dh = 4 (3 x^2 - a^2)

A quartic: minima at -a and a, and a barrier of height h a^4 between them; at a = 0 there is one flat well,
h x^4.  h is a height here, not the field of a spin.  E grows as x^4: Langevin steps of fixed size that
start far out overshoot, and diverge.  On the barrier the curvature is negative; there E is not convex, and
descent chooses a side.

For h = a = 1, by quadrature: Z = 1.973732, E[x^2] = 0.832745, E[x^4] = 1.082745.  That the two differ by
exactly 1/4 is no accident: E[x dE/dx] = 1 for every density, and here it is 4 (E[x^4] - E[x^2]).

In floating point: x^2 - a^2 is taken as (x - a)(x + a), which keeps its digits in the wells.

Source: the quartic of Landau's theory; a standard test for samplers.
"""

import autograd.numpy as np

from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import homogeneous, misfit
from ebm_ref.numerics import negated, product, unit_of, value_of


def double_well(point, position=1.0, height=1.0):
    """Energy of one point of the line.

    Parameters
    ----------
    point : float
        x.
    position : float
        a, where the wells are: at a and -a.
    height : float
        h > 0 for a density; the barrier is h a^4.

    Returns
    -------
    float
        h (x^2 - a^2)^2, 0 in the wells.

    Raises ValueError if an argument is an array.

    >>> x = np.arange(-2048, 2049) / 512  # the trapezoidal rule is exact for what falls off this fast
    >>> p = np.array([np.exp(-double_well(t)) for t in x])
    >>> Z = p.sum() / 512
    >>> [float(np.round(m, 6)) for m in (Z, (p @ x**2) / 512 / Z, (p @ x**4) / 512 / Z)]
    [1.973732, 0.832745, 1.082745]
    """
    x, a, h = FORMULA.checked(point, position, height)
    return product(h, x - a, x + a, x - a, x + a)


def double_well_point_gradient(point, position=1.0, height=1.0):
    """dE/dx = 4 h x (x^2 - a^2)."""
    x, a, h = FORMULA.checked(point, position, height)
    return product(4.0 * h, x, x - a, x + a)


def double_well_position_gradient(point, position=1.0, height=1.0):
    """dE/da = -4 h a (x^2 - a^2)."""
    x, a, h = FORMULA.checked(point, position, height)
    return product(-4.0 * h, a, x - a, x + a)


def double_well_height_gradient(point, position=1.0, height=1.0):
    """dE/dh = (x^2 - a^2)^2."""
    x, a, _ = FORMULA.checked(point, position, height)
    apart = (x - a) * (x + a)
    return apart * apart


def double_well_score(point, position=1.0, height=1.0):
    """Score of one point.

    Parameters
    ----------
    point, position, height : as for `double_well`
        x, a and h.

    Returns
    -------
    float
        -4 h x (x^2 - a^2), pointing to the well on the side of x.

    Raises ValueError if an argument is an array.

    >>> [float(double_well_score(x)) for x in (-2.0, -1.0, 0.5)]
    [24.0, 0.0, 1.5]
    """
    x, a, h = SCORE.checked(point, position, height)
    return negated(product(4.0 * h, x, x - a, x + a))


def double_well_score_point_gradient(point, position=1.0, height=1.0):
    """ds/dx = -4 h (3 x^2 - a^2)."""
    x, a, h = SCORE.checked(point, position, height)
    return -bend(x, a, h)


def double_well_score_position_gradient(point, position=1.0, height=1.0):
    """ds/da = 8 h a x."""
    x, a, h = SCORE.checked(point, position, height)
    return product(8.0 * h, a, x)


def double_well_score_height_gradient(point, position=1.0, height=1.0):
    """ds/dh = -4 x (x^2 - a^2)."""
    x, a, _ = SCORE.checked(point, position, height)
    return -4.0 * x * ((x - a) * (x + a))


def double_well_curvature(point, position=1.0, height=1.0):
    """Second derivative of the energy.

    Parameters
    ----------
    point, position, height : as for `double_well`
        x, a and h.

    Returns
    -------
    float
        4 h (3 x^2 - a^2): 8 h a^2 in the wells, -4 h a^2 on the barrier.

    Raises ValueError if an argument is an array.

    >>> [float(double_well_curvature(x)) for x in (0.0, 1.0)]
    [-4.0, 8.0]
    """
    x, a, h = CURVATURE.checked(point, position, height)
    return bend(x, a, h)


def double_well_curvature_point_gradient(point, position=1.0, height=1.0):
    """dC/dx = 24 h x."""
    x, _, h = CURVATURE.checked(point, position, height)
    return 24.0 * h * x


def double_well_curvature_position_gradient(point, position=1.0, height=1.0):
    """dC/da = -8 h a."""
    x, a, h = CURVATURE.checked(point, position, height)
    return -8.0 * h * a + 0.0 * x  # the 0 hands on a NaN


def double_well_curvature_height_gradient(point, position=1.0, height=1.0):
    """dC/dh = 4 (3 x^2 - a^2)."""
    x, a, _ = CURVATURE.checked(point, position, height)
    return bend(x, a, 1.0)


def bend(x, a, h):
    """4 h (3 x^2 - a^2), of lengths in units of the larger: a square is in the range where the result is."""
    unit = unit_of(np.array([value_of(x), value_of(a)]))
    return product(4.0 * h, 3.0 * (x / unit) ** 2 - (a / unit) ** 2, unit, unit)


def even(formula, inputs, rng):
    """E(-x) = E(x): the wells are alike."""
    return misfit(formula, inputs, inputs | {"point": -inputs["point"]})


def odd(formula, inputs, rng):
    """s(-x) = -s(x)."""
    return misfit(formula, inputs, inputs | {"point": -inputs["point"]}, factor=-1.0)


def random_well(rng):
    """A point, a position and a height."""
    return {
        "point": rng.normal(scale=1.5),
        "position": rng.uniform(0.5, 1.5),
        "height": rng.uniform(0.3, 2.0),
    }


TWO = {"point": 2.0, "position": 1.0, "height": 0.5}
WELL = {"point": -1.5, "position": 1.5, "height": 2.0}
BARRIER = {"point": 0.0, "position": 2.0, "height": 1.0}
_NAN = {"point": np.nan, "position": 1.0, "height": 1.0}

FORMULA = Formula(
    value=double_well,
    signature="(),(),()->()",
    source="standard",
    gradients={
        "point": double_well_point_gradient,
        "position": double_well_position_gradient,
        "height": double_well_height_gradient,
    },
    sample=random_well,
    laws=(even, homogeneous(4, point=1, position=1), homogeneous(1, height=1)),
    cases={  # (point, position, height), E, (dE/dx, dE/da, dE/dh), the mistake that it exposes
        "on the slope": Case(TWO, 4.5, (12.0, -6.0, 9.0), "(x - a)^2 for (x^2 - a^2)^2"),
        "in a well": Case(WELL, 0.0, (0.0, 0.0, 0.0)),
        "on the barrier: h a^4": Case(BARRIER, 16.0, (0.0, 32.0, 16.0)),
        "not a number": Case(_NAN, np.nan, {"point": np.nan}),
    },
    variants={
        "(x - a)^2 for (x^2 - a^2)^2": Mistake(lambda x, a=1.0, h=1.0: h * (x - a) ** 2, symptom="one well"),
        "distance of |x| from a": Mistake(
            lambda x, a=1.0, h=1.0: h * (abs(x) - a) ** 2,
            symptom="two parabolas with a corner between: the barrier is h a^2",
        ),
        "constant left out": Mistake(
            lambda x, a=1.0, h=1.0: h * (x**4 - 2.0 * a**2 * x**2),
            symptom="the same slopes, h a^4 lower: minima are not at 0",
        ),
        "(x - a)^4 for (x^2 - a^2)^2": Mistake(lambda x, a=1.0, h=1.0: h * (x - a) ** 4, symptom="one well"),
    },
)

SCORE = Formula(
    value=double_well_score,
    signature="(),(),()->()",
    source="standard",
    gradients={
        "point": double_well_score_point_gradient,
        "position": double_well_score_position_gradient,
        "height": double_well_score_height_gradient,
    },
    sample=random_well,
    laws=(odd, homogeneous(3, point=1, position=1), homogeneous(1, height=1)),
    cases={  # (point, position, height), s, (ds/dx, ds/da, ds/dh), the mistake that it exposes
        "on the slope: downhill is left": Case(
            TWO, -12.0, (-22.0, 8.0, -24.0), "gradient of the energy given for the score"
        ),
        "in a well": Case(WELL, 0.0, (-36.0, -36.0, 0.0)),
        "on the barrier: undecided": Case(BARRIER, 0.0, (16.0, 0.0, 0.0)),
        "not a number": Case(_NAN, np.nan, {"point": np.nan}),
    },
    variants={
        "gradient of the energy given for the score": Mistake(
            double_well_point_gradient,
            seen_in="torchebm, github.com/soran-ghaderi/torchebm/issues/318",
            symptom="samplers climb",
        )
    },
)

CURVATURE = Formula(
    value=double_well_curvature,
    signature="(),(),()->()",
    source="standard",
    gradients={
        "point": double_well_curvature_point_gradient,
        "position": double_well_curvature_position_gradient,
        "height": double_well_curvature_height_gradient,
    },
    sample=random_well,
    laws=(even, homogeneous(2, point=1, position=1), homogeneous(1, height=1)),
    cases={  # (point, position, height), C, (dC/dx, dC/da, dC/dh), the mistake that it exposes
        "on the slope": Case(TWO, 22.0, (24.0, -4.0, 44.0)),
        "in a well": Case(WELL, 36.0, (-72.0, -24.0, 18.0)),
        "on the barrier: not convex": Case(BARRIER, -16.0, (0.0, -16.0, -16.0), "sign of the score's slope"),
        "not a number": Case(_NAN, np.nan, {"point": np.nan}),
    },
    variants={
        "sign of the score's slope": Mistake(
            lambda x, a=1.0, h=1.0: -double_well_curvature(x, a, h),
            seen_in="Song and Kingma (2021), arXiv 2101.03288v2, equations (8), (15), (17): + before the "
            "second derivatives of E",
            symptom="implicit score matching is off by a term that depends on the parameters",
        )
    },
)
