r"""Inference by gradient descent: walk downhill in the answer, and show where one has arrived.

    y <- y - s g,        g = dE/dy
    s <- s/2     until   E(y - s g) <= E(y) - s |g|^2 / 4
    s <- 2 s     after every step

It is the walk of learning in another space: there W moves and the data are fixed, here y moves and W is
fixed.  The step size s looks after itself.  Descent finds a local minimum, no more; several starts find
several.

A gradient of zero alone proves nothing, since a maximum has it, too.  So the result carries evidence:
the length |g| of the gradient, and the curvature c, which is the lowest eigenvalue of the Hessian.  The
Hessian is taken from central differences of g; how far c may be wrong is judged by what changes when the
step of the differences is doubled.

    c > 0 clearly     there is a minimum about |g| / c away
    c < 0 clearly     there is a way down
    else              the test is silent

The first verdict assumes that the curvature stays positive on the way, which is not tested: far out on
e^{-y}, which has no minimum, the distance is said to be 1.

In floating point the digits of E run out near the minimum, and no longer tell up from down; there a step
is good if it shortens the gradient.

Source: Armijo (1966), the rule for s; Nocedal and Wright (2006), "Numerical Optimization", Theorem 2.4.
"""

from dataclasses import dataclass

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_positive
from ebm_ref.inference.exhaustive import listed


@dataclass(frozen=True)
class Descent:
    """Where a walk ended, and the evidence of what is there."""

    point: np.ndarray  # (n,)
    energy: float
    gradient_norm: float
    curvature: float  # lowest eigenvalue of the Hessian
    curvature_error: float
    steps: int
    converged: bool  # gradient_norm <= tolerance

    @property
    def verdict(self):
        """What the certificate says."""
        if not self.converged:
            return "not converged"
        if not abs(self.curvature) > self.curvature_error:  # it may be NaN
            return "undecided"
        return "minimum" if self.curvature > 0.0 else "not a minimum"

    @property
    def distance(self):
        """To first order, how far the minimum may be; inf where there is no minimum."""
        return self.gradient_norm / self.curvature if self.verdict == "minimum" else np.inf


def descend(energy, gradient, start, step_size=1.0, tolerance=1e-9, max_steps=10_000):
    """Descend from one start.

    Parameters
    ----------
    energy : callable (n,) -> float
        Differentiable and bounded below.
    gradient : callable (n,) -> (n,) float
        dE/dy.
    start : (n,) float
        Where to begin; left as it is.
    step_size : float
        First step size to try, > 0.
    tolerance : float
        The walk ends where |dE/dy| is at most this, in units of energy per answer.
    max_steps : int
        It ends after so many steps at any rate.

    Returns
    -------
    Descent

    Raises ValueError if energy or gradient are not finite at the start, if E falls to -inf, so that it is
    not bounded below, or if the gradient has another shape than the answer.

    >>> found = descend(lambda y: (y[0] ** 2 - 1) ** 2, lambda y: 4 * y * (y**2 - 1), np.array([3.0]))
    >>> found.point.round(9).tolist(), round(found.curvature, 3), found.verdict
    ([1.0], 8.0, 'minimum')
    """
    step_size, tolerance = real("step_size", step_size), real("tolerance", tolerance)
    require_positive("step_size", step_size)
    require(tolerance >= 0.0, "tolerance", tolerance, "must be >= 0")
    require_count("max_steps", max_steps, 0)
    y = np.array(real("start", start, "n"))
    require(y.size >= 1 and np.all(np.isfinite(y)), "start", y, "must hold n >= 1 finite numbers")
    E, g = evaluated(energy, gradient, y)
    require(np.isfinite(E), "energy", E, f"must be finite at the start {y}")
    require(np.all(np.isfinite(g)), "gradient", g, f"must be finite at the start {y}")
    steps = 0
    while np.linalg.norm(g) > tolerance and steps < max_steps:
        step_size, moved = stepped(energy, gradient, y, E, g, step_size)
        if moved is None:
            break
        (y, E, g), steps = moved, steps + 1
    size = float(np.linalg.norm(g))
    return Descent(y, E, size, *lowest_curvature(gradient, y), steps, bool(size <= tolerance))


@np.errstate(over="ignore", invalid="ignore")
def stepped(energy, gradient, y, E, g, step_size):
    """The step size to try next, and (y, E, g) after a step that is short enough; None if none moves y."""
    while not np.array_equal(moved := y - step_size * g, y):
        E_new, g_new = evaluated(energy, gradient, moved)
        flat = abs(E_new - E) <= 2.0**-40 * max(abs(E), abs(E_new))
        shorter = np.linalg.norm(g_new) < np.linalg.norm(g)
        lower = E_new <= E - step_size * np.sum(g * g) / 4.0 and np.all(np.isfinite(g_new))
        if shorter if flat else lower:
            return step_size if flat else 2.0 * step_size, (moved, E_new, g_new)
        step_size = step_size / 2.0
    return step_size, None


def descend_from(energy, gradient, starts, **settings):
    """Descend from each start; the results, the lowest energy first; ties go to the earlier start.

    >>> E, g = (lambda y: (y[0] ** 2 - 1) ** 2 + y[0] / 4), (lambda y: 4 * y * (y**2 - 1) + 1 / 4)
    >>> [round(float(d.point[0]), 3) for d in descend_from(E, g, np.array([[2.0], [-2.0]]))]
    [-1.03, 0.967]
    """
    starts = listed("starts", starts)
    require(len(starts) >= 1, "starts", starts, "must hold at least one start")
    return sorted((descend(energy, gradient, y, **settings) for y in starts), key=lambda d: d.energy)


def lowest_curvature(gradient, y):
    """Lowest eigenvalue of the Hessian at y, and how far it may be wrong."""
    h = 2.0**-17 * np.maximum(1.0, np.abs(y))  # about the cube root of the unit roundoff
    near, far = hessian(gradient, y, h), hessian(gradient, y, 2.0 * h)
    if not np.all(np.isfinite(near)):
        return np.nan, np.inf
    return float(np.linalg.eigvalsh(near)[0]), float(np.linalg.norm(near - far))


def hessian(gradient, y, h):
    """(n, n) second derivatives by central differences of the gradient, made symmetric."""
    g = lambda y: real("gradient", gradient(y), len(h))
    columns = [(g(y + e) - g(y - e)) / (2.0 * e.max()) for e in np.diag(h)]
    return (np.array(columns) + np.transpose(columns)) / 2.0


def evaluated(energy, gradient, y):
    """Energy and gradient at y, which need not be finite: too long a step may have led there."""
    with np.errstate(all="ignore"):
        E, g = as_real("energy", energy(y)), as_real("gradient", gradient(y))
    require(np.ndim(E) == 0, "energy", E, f"must be one number, at answer {y}")
    require(np.shape(g) == y.shape, "gradient", g, f"must have shape {y.shape}, as the answer")
    require(E != -np.inf, "energy", E, f"must be bounded below, and is not at answer {y}")
    return float(E), g
