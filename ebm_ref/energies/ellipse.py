r"""Ellipse: points near a curve, whose place on the curve nobody knows.

    E(y, z) = d_1^2 + d_2^2,      d = (y_1 - w_1 cos z, y_2 - w_2 sin z)
    F(y)    = -(1/beta) log (1/(2 pi)) int_0^{2 pi} e^{-beta E(y, z)} dz

    dE/dw = -2 (d_1 cos z, d_2 sin z)
    dE/dy = 2 d
    dE/dz = 2 (d_1 w_1 sin z - d_2 w_2 cos z)

    F(0)     = (w_1^2 + w_2^2)/2 - (1/beta) log I_0(kappa)
    kappa    = beta (w_1^2 - w_2^2)/2,      A = I_1(kappa)/I_0(kappa)
    dF(0)/dw = (w_1 (1 - A), w_2 (1 + A))

w are the semi-axes, z the angle: a latent variable that makes a set of answers out of one.  Cold, with
beta to infinity, F(y) is min_z E(y, z), the squared distance to the ellipse.  Hot, with beta to 0, it is
the mean of E over all angles: every angle explains y a little, the valley on the ellipse fills up, and F
is a bowl around the origin.  Training a hot model averages; training the cold one fits the points.

At the origin E = w_1^2 cos^2 z + w_2^2 sin^2 z, and the integral is a Bessel function: F(0) lies between
min(w_1^2, w_2^2), seen from the near side alone, and the mean (w_1^2 + w_2^2)/2.

In floating point: I_0 overflows where kappa exceeds 713.  What stays finite is |kappa| - log I_0(kappa),
and it is counted from min(w_1^2, w_2^2).

F is the distance *squared*; notes that call it the Euclidean distance mean that.

Source: NYU DLSP20 week 15-1 and 15-2; Abramowitz and Stegun (1964), 9.6.16 and 9.7.1.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require, require_count, require_positive
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous, non_negative
from ebm_ref.numerics import dot, product


def ellipse(axes, point, angle):
    """Energy of one point with one place on the ellipse.

    Parameters
    ----------
    axes : (2,) float
        w, the semi-axes.
    point : (2,) float
        y.
    angle : float
        z, in radians.

    Returns
    -------
    float
        The squared distance from y to (w_1 cos z, w_2 sin z).

    Raises ValueError if there are not two axes, or if y is not of the plane.

    >>> float(ellipse(np.array([2.0, 1.5]), np.array([3.0, 0.0]), 0.0))
    1.0
    """
    w, y, z = FORMULA.checked(axes, point, angle)
    return np.sum(from_curve(w, y, z) ** 2)


def from_curve(w, y, z):
    """d, the arrow from the curve to y."""
    return y - w * np.array([np.cos(z), np.sin(z)])


def ellipse_axes_gradient(axes, point, angle):
    """dE/dw, shape (2,): -2 d_1 cos z and -2 d_2 sin z."""
    w, y, z = FORMULA.checked(axes, point, angle)
    return -2.0 * from_curve(w, y, z) * np.array([np.cos(z), np.sin(z)])


def ellipse_point_gradient(axes, point, angle):
    """dE/dy, shape (2,): 2 d, twice the arrow from the curve to y."""
    w, y, z = FORMULA.checked(axes, point, angle)
    return 2.0 * from_curve(w, y, z)


def ellipse_angle_gradient(axes, point, angle):
    """dE/dz = 2 (d_1 w_1 sin z - d_2 w_2 cos z)."""
    w, y, z = FORMULA.checked(axes, point, angle)
    return 2.0 * dot(from_curve(w, y, z), w * np.array([np.sin(z), -np.cos(z)]))


def rules(axes, point, angle):
    """An ellipse of the plane."""
    require(len(axes) == 2, "axes", axes, "must hold the two semi-axes")


def ellipse_free_energy_at_origin_as_printed(axes, beta=1.0):
    """F(0) as printed: cold, I_0 overflows.

    >>> with np.errstate(over="ignore"):
    ...     print(ellipse_free_energy_at_origin_as_printed(np.array([2.0, 1.5]), beta=1000.0))
    -inf
    >>> float(np.round(ellipse_free_energy_at_origin(np.array([2.0, 1.5]), beta=1000.0), 6))
    2.254306
    """
    w, beta = FREE_ENERGY.checked(axes, beta)
    kappa = beta * (w[0] ** 2 - w[1] ** 2) / 2.0
    return (w[0] ** 2 + w[1] ** 2) / 2.0 - np.log(np.i0(kappa)) / beta


def ellipse_free_energy_at_origin(axes, beta=1.0):
    """Free energy of the centre of the ellipse, every angle equally likely beforehand.

    Parameters
    ----------
    axes : (2,) float
        w, the semi-axes.
    beta : float
        Inverse temperature, > 0.

    Returns
    -------
    float
        F(0), between min(w_1^2, w_2^2) and (w_1^2 + w_2^2)/2.

    Raises ValueError if there are not two axes, or if beta is not positive and finite.

    >>> F = [ellipse_free_energy_at_origin(np.array([2.0, 1.5]), b) for b in (0.1, 0.3, 1.0, 3.2, 10.0)]
    >>> np.round(F, 6).tolist()
    [3.105869, 3.067824, 2.942043, 2.67973, 2.448824]
    """
    w, beta = FREE_ENERGY.checked(axes, beta)
    kappa = np.abs(concentration(w, beta))
    if kappa < 2.0**-60:  # log I_0 is kappa^2/4, of which nothing counts
        return 0.5 * (w[0] ** 2 + w[1] ** 2)
    return np.minimum(w[0] ** 2, w[1] ** 2) + bessel_excess(kappa) / beta


def ellipse_free_energy_at_origin_axes_gradient(axes, beta=1.0):
    """dF(0)/dw, shape (2,): w_1 (1 - A), w_2 (1 + A)."""
    w, beta = FREE_ENERGY.checked(axes, beta)
    kappa = concentration(w, beta)
    less = one_minus_ratio(np.abs(kappa))
    near = np.array([kappa < 0.0, not kappa < 0.0])  # the shorter axis counts nearly twice, the longer hardly
    return w * np.where(near, 2.0 - less, less)


def concentration(w, beta):
    """kappa = beta (w_1^2 - w_2^2)/2, as a product of which no part leaves the range."""
    return product(0.5, beta, w[0] - w[1], w[0] + w[1])


def rules_at_origin(axes, beta):
    """An ellipse of the plane, and a temperature."""
    require(len(axes) == 2, "axes", axes, "must hold the two semi-axes")
    require_positive("beta", beta)


# 2 sin^2(theta/2) = 1 - cos(theta) at 64 midpoints of (0, pi): for kappa <= 30 the rule is exact to 1e-20
_DIP = 2.0 * np.sin((np.arange(64) + 0.5) * np.pi / 128) ** 2
_TERMS = 28  # of the series in 1/kappa, which for kappa >= 30 errs by 1e-22


def bessel_excess(kappa):
    """kappa - log I_0(kappa) of a number >= 0: kappa near 0, log(2 pi kappa)/2 far out; nothing cancels.

    >>> [float(f"{bessel_excess(kappa):.12g}") for kappa in (1.0, 1e-20)]
    [0.764085641493, 1e-20]
    """
    if not kappa > 30.0:
        return -np.log1p(np.mean(np.expm1(-kappa * _DIP)))
    return 0.5 * np.log(2.0 * np.pi * kappa) - np.log1p(_tail(kappa, 0) / (8.0 * kappa))


def one_minus_ratio(kappa):
    """1 - I_1(kappa)/I_0(kappa) of a number >= 0, the slope of bessel_excess: 1 at 0, 1/(2 kappa) far out.

    >>> [float(f"{one_minus_ratio(kappa):.12g}") for kappa in (0.0, 1e6)]
    [1.0, 5.00000125e-07]
    """
    if not kappa > 30.0:
        weights = np.exp(-kappa * _DIP)
        return np.sum(weights * _DIP) / np.sum(weights)
    first, second = _tail(kappa, 0) / (8.0 * kappa), 3.0 * _tail(kappa, 1) / (8.0 * kappa)
    return (first + second) / (1.0 + first)


def _tail(kappa, order):
    """T of the asymptotic series I_o(kappa) = e^kappa (1 - (4 o^2 - 1)/(8 kappa) T)/sqrt(2 pi kappa).

    T = 1 - (4 o^2 - 9)/(16 kappa) (1 - (4 o^2 - 25)/(24 kappa) (1 - ...)), summed from within.
    """
    T = 1.0
    for n in range(_TERMS, 1, -1):
        T = 1.0 - (4.0 * order**2 - (2.0 * n - 1.0) ** 2) / (8.0 * n * kappa) * T
    return T


def free_energy_on_a_grid(axes, point, beta, steps=48):
    """F(y) by the trapezoidal rule over z: 48 angles, the end point 2 pi left out, are exact here.

    >>> float(np.round(free_energy_on_a_grid(np.array([2.0, 1.5]), np.zeros(2), beta=1.0), 6))
    2.942043
    """
    w, y = real("axes", axes, 2), real("point", point, 2)
    require_positive("beta", beta)
    require_count("steps", steps)
    angles = np.arange(steps) * 2.0 * np.pi / steps
    energies = np.array([np.sum(from_curve(w, y, z) ** 2) for z in angles])
    low = np.min(energies)
    return low - np.log(np.mean(np.exp(-beta * (energies - low)))) / beta


def between_cold_and_hot(formula, inputs, rng):
    """min(w_1^2, w_2^2) <= F(0) <= (w_1^2 + w_2^2)/2."""
    squares = inputs["axes"] ** 2
    slack = 1e-15 * np.sum(squares)
    holds = np.min(squares) - slack <= formula.value(**inputs) <= np.mean(squares) + slack
    return 0.0 if holds else np.inf


def a_grid_agrees(formula, inputs, rng):
    """F(0) is the trapezoidal sum over 48 angles, the end point left out."""
    w, beta = inputs["axes"], inputs["beta"]
    return abs(formula.value(w, beta) - free_energy_on_a_grid(w, np.zeros(2), beta)) / (1e-14 * np.sum(w**2))


W = np.array([2.0, 1.5])
OVER_PI_HALF = 6.123233995736766e-17  # the cosine of the double next to pi/2

FORMULA = Formula(
    value=ellipse,
    signature="(a),(a),()->()",
    source="NYU DLSP20 week 15-1",
    gradients={
        "axes": ellipse_axes_gradient,
        "point": ellipse_point_gradient,
        "angle": ellipse_angle_gradient,
    },
    sample=lambda rng: {
        "axes": rng.uniform(0.5, 3.0, size=2),
        "point": rng.normal(scale=2.0, size=2),
        "angle": rng.uniform(0.0, 2.0 * np.pi),
    },
    laws=(non_negative, homogeneous(2, axes=1, point=1)),
    cases={  # (axes, point, angle), E, (dE/dw, dE/dy, dE/dz), the mistake that it exposes
        "one beyond the end of the long axis": Case(
            (W, [3.0, 0.0], 0.0), 1.0, ([-2.0, 0.0], [2.0, 0.0], 0.0), "semi-axes exchanged"
        ),
        "on the ellipse: no energy, no force": Case(
            ([4.0, 0.5], [4.0, 0.0], 0.0), 0.0, (np.zeros(2), np.zeros(2), 0.0)
        ),
        "from the centre, not the nearest place": Case(
            (W, np.zeros(2), 0.0), 4.0, ([4.0, 0.0], [-4.0, 0.0], 0.0), "distance not squared"
        ),
        "beside the end of the long axis: the angle should grow": Case(
            (W, [2.0, 1.0], 0.0), 1.0, (np.zeros(2), [0.0, 2.0], -3.0)
        ),
        "not a number": Case((W, [np.nan, 0.0], 0.0), np.nan),
        "a quarter turn: one beyond the end of the short axis": Case(
            (W, [0.0, 2.5], np.pi / 2.0),
            1.0,
            ([4.0 * OVER_PI_HALF**2, -2.0], [-4.0 * OVER_PI_HALF, 2.0], -11.0 * OVER_PI_HALF),
            "angle in degrees",
        ),
    },
    variants={
        "distance not squared": Mistake(
            lambda w, y, z: np.sqrt(ellipse(w, y, z)),
            seen_in="NYU DLSP20 week 15-1, where the free energy is called the Euclidean distance",
            symptom="a corner instead of a valley floor on the ellipse",
        ),
        "semi-axes exchanged": Mistake(lambda w, y, z: ellipse(w[::-1], y, z), symptom="right for a circle"),
        "angle in degrees": Mistake(
            lambda w, y, z: ellipse(w, y, np.pi / 180.0 * z),
            symptom="a search over a full turn in radians sees a ninth of a right angle",
        ),
        "sine and cosine exchanged": Mistake(
            lambda w, y, z: ellipse(w, y, 0.5 * np.pi - z),
            symptom="the same curve, run through from the other axis: F is right, and every angle wrong",
        ),
        "implicit equation": Mistake(
            lambda w, y, z: np.sum((y / w) ** 2) - 1.0,
            symptom="0 on the ellipse and blind to the angle: negative inside, and no distance",
        ),
        "angle in turns": Mistake(
            lambda w, y, z: ellipse(w, y, 2.0 * np.pi * z),
            symptom="a search over 0..2 pi goes round six times",
        ),
    },
    rules=rules,
    refuses={
        "three semi-axes": ((np.ones(3), np.ones(3), 0.0), "axes"),
        "a point of the line": ((W, [1.0], 0.0), "point"),
    },
)


FREE_ENERGY = Formula(
    value=ellipse_free_energy_at_origin,
    signature="(a),()->()",
    source="NYU DLSP20 week 15-2; abramowitz1964, 9.6.16",
    gradients={"axes": ellipse_free_energy_at_origin_axes_gradient},
    sample=lambda rng: {"axes": rng.uniform(0.3, 1.2, size=2), "beta": rng.uniform(0.2, 3.0)},
    laws=(between_cold_and_hot, a_grid_agrees, homogeneous(2, axes=1, beta=-2)),
    cases={  # (axes, beta), F(0), dF(0)/dw, the mistake that it exposes
        "a circle: the centre is equally far from all of it, at every temperature": Case(
            ([1.5, 1.5], 3.0), 2.25, [1.5, 1.5], "integral not divided by 2 pi"
        ),
        "hot": Case((W, 0.1), 3.105868526304231),
        "warm": Case((W, 0.3), 3.0678235436834576),
        "beta of one": Case((W, 1.0), 2.942043248357634),
        "cool": Case((W, 3.2), 2.6797296022833637),
        "cold": Case((W, 10.0), 2.448824277643334, exposes="not divided by beta"),
        "frozen: the distance along the short axis, squared, but for a logarithm": Case(
            (W, 1048576.0), 2.2500074230618536
        ),
        "axes exchanged": Case((W[::-1], 1.0), 2.942043248357634),
        "not a number": Case(([np.nan, 1.0], 1.0), np.nan),
    },
    variants={
        "integral not divided by 2 pi": Convention(
            lambda w, beta=1.0: ellipse_free_energy_at_origin(w, beta) - np.log(2.0 * np.pi) / beta,
            {"axes": ellipse_free_energy_at_origin_axes_gradient},
            seen_in="statistical physics, where the integral itself is the partition function",
            symptom="tends to minus infinity, not to the mean energy, as beta tends to 0",
        ),
        "not divided by beta": Mistake(
            lambda w, beta=1.0: beta * ellipse_free_energy_at_origin(w, beta),
            symptom="grows with beta where it should fall",
        ),
        "scaled Bessel function not scaled back": Mistake(
            lambda w, beta=1.0: ellipse_free_energy_at_origin(w, beta) + 0.5 * abs(w[0] ** 2 - w[1] ** 2),
            symptom="i0e is e^-|kappa| I_0: its logarithm lacks |kappa|",
        ),
        "nearest point alone": Mistake(
            lambda w, beta=1.0: np.min(w**2),
            symptom="the limit beta -> infinity: the energy from the near side",
        ),
    },
    as_printed=ellipse_free_energy_at_origin_as_printed,
    rules=rules_at_origin,
    refuses={
        "one semi-axis": (([1.0], 1.0), "axes"),
        "no temperature": ((W, 0.0), "beta"),
        "a beta that is no number": ((W, np.nan), "beta"),
    },
)
