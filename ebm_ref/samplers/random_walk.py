r"""Random walks: the chain that Metropolis' rule makes of a density.

    random walk    x' = x + s z                symmetric: q drops out
    scaling        x' = x e^{s z}, x > 0       log q(x|x')/q(x'|x) = log x'/x
    acceptance     (2/pi) arctan(2 s_p / s)    on N(0, s_p^2)

A rejected move is a draw, too: the chain stands still and the old state counts once more.  Averages over
accepted moves only leave out how long the chain stayed.  They are averages over another density, and a
posterior looks wider than it is.

A move out of the density's support is a rejected move as well.  Drawing again until one lies inside makes
q asymmetric near the border.  If Z(x) is the share of moves from x that stay inside, the chain then
samples p(x) Z(x), unless Z(x)/Z(x') is put into the ratio.

Source: Metropolis et al. (1953); the acceptance is an integral over two normal distributions.
"""

import warnings

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_positive, whole
from ebm_ref.formula import Mistake
from ebm_ref.samplers.metropolis import accepts, metropolis_hastings


def log_density_at(log_density, x):
    """log p(x) as a float, if it is a number below infinity."""
    log_p = float(real("log_density", log_density(x)))
    if not log_p < np.inf:  # the text of a rule costs more than a step
        require(False, "log_density", log_p, f"must be a number below infinity, at x = {x}")
    return log_p


def exponential_number(exponential):
    """The coin e ~ Exp(1) as float64, if it can be one."""
    e = real("exponential", exponential)
    require(e >= 0.0, "exponential", exponential, "must be >= 0")
    return e


def random_walk_step(log_density, x, log_p, step_size, normal, exponential):
    """One step of a random walk: (state, its log density, whether the move was accepted).

    `step_size` is one number, (d,) standard deviations, or a lower triangle L (d, d) of which L L' is the
    covariance of the moves.  The noise is `normal`, (d,) standard normal numbers, and `exponential`.

    >>> flat = lambda x: 0.0
    >>> random_walk_step(flat, np.array([1.0]), 0.0, 0.5, np.array([-1.0]), exponential=0.1)
    (array([0.5]), 0.0, True)
    """
    require(callable(log_density), "log_density", log_density, "must be a function of x")
    x, log_p, s = as_real("x", x), real("log_p", log_p), as_real("step_size", step_size)
    require(np.ndim(x) < 2, "x", x, "must be a number or a vector (d,)")
    z = real("normal", normal, *np.shape(x))
    fits = np.ndim(s) == 0 or (np.ndim(x) == 1 and np.shape(s) in ((len(x),), (len(x),) * 2))
    require(fits, "step_size", step_size, "must be one number, (d,) or (d, d)")
    require(np.all(np.isfinite(s)), "step_size", step_size, "must be finite")
    return _walked(log_density, x, float(log_p), s, z, exponential_number(exponential))


def _walked(log_density, x, log_p, step_size, normal, exponential):
    """The same of inputs that were checked."""
    if np.ndim(step_size) == 2:  # summed from left to right, as a compiled loop does it
        move = np.cumsum(step_size * normal, axis=1)[:, -1]
    else:
        move = step_size * normal
    new = x + move
    log_p_new = log_density_at(log_density, new)
    if accepts(metropolis_hastings(log_p, log_p_new), exponential):
        return new, log_p_new, True
    return x, log_p, False


def scaling_step(log_density, x, log_p, step_size, normal, exponential):
    """One step x' = x e^{s z} of a number x > 0: (state, its log density, accepted); q is not symmetric.

    >>> scaling_step(lambda x: -np.log(x), 2.0, -np.log(2.0), 0.5, normal=1.0, exponential=1e-9)[2]
    True
    """
    require(callable(log_density), "log_density", log_density, "must be a function of x")
    x, log_p, s, z = real("x", x), real("log_p", log_p), real("step_size", step_size), real("normal", normal)
    exponential, log_p = exponential_number(exponential), float(log_p)
    require_positive("x", x)
    require_positive("step_size", s)
    new = x * np.exp(s * z)
    require(0.0 < new < np.inf, "normal", z, "must leave the number positive and finite")
    log_p_new = log_density_at(log_density, new)
    if accepts(metropolis_hastings(log_p, log_p_new, -np.log(new), -np.log(x)), exponential):
        return new, log_p_new, True
    return x, log_p, False


def proposal_factor(step_size, d):
    """The step size as `random_walk_step` takes it: a covariance (d, d) becomes its Cholesky factor."""
    require_count("d", d)
    d = whole("d", d)
    step = np.asarray(as_real("step_size", step_size))
    require(step.ndim == 0 or step.shape in ((d,), (d, d)), "step_size", step, f"must be one, {d} or {d}x{d}")
    if step.ndim < 2:
        require(
            bool(np.all((step > 0.0) & (step < np.inf))), "step_size", step, "must be positive and finite"
        )
        return step
    symmetric = bool(np.all(np.isfinite(step))) and np.array_equal(step, step.T)
    variances = np.diag(step)
    definite = symmetric and bool(np.all(variances > 0.0))
    if definite:  # judged by the correlations: scales may differ by more than float64 has digits
        sd = np.sqrt(variances)
        definite = np.linalg.eigvalsh(step / sd / sd[:, None])[0] > 0.0
    require(definite, "step_size", step, "must be symmetric and positive definite, if it is a covariance")
    return np.linalg.cholesky(step)


def check_walk(start, log_p, steps):
    """Raise a ValueError unless a chain can begin at `start` and takes at least one step."""
    check_start(start)
    steps = whole("steps", steps)
    require(1 <= steps < 2**62, "steps", steps, "must be >= 1")
    require(np.isfinite(log_p), "start", start, f"must have a positive density; its logarithm is {log_p}")


def check_start(start):
    """Raise a ValueError unless `start` is a vector of at least one number."""
    require(np.ndim(start) == 1 and len(start) > 0, "start", start, "must be a vector (d,)")


def random_walk(log_density, start, step_size, steps, rng):
    """A whole chain: the state at every iteration, accepted or not.

    Parameters
    ----------
    log_density : callable
        x (d,) -> log p(x) up to a constant; -inf where the density is zero; never NaN or +inf.
    start : (d,) float
        Where the density is positive; not itself part of the chain.
    step_size : float, (d,) or (d, d) float
        Standard deviation of the moves, one for each coordinate, or their covariance.
    steps : int
        Iterations, >= 1.
    rng : numpy.random.Generator
        Draws d normal numbers and an exponential one for each iteration, in this order.

    Returns
    -------
    chain, accepted
        (steps, d), and how many moves were accepted.  Interrupted (Ctrl-C), what was drawn so far,
        with a warning.

    Raises ValueError if the density is not positive at the start, or no number later on: then the error's
    attribute `drawn` is the chain until there; if step_size is not positive (definite); if steps < 1.

    >>> chain, accepted = random_walk(lambda x: -x @ x / 2.0, [0.0], 2.4, 1000, np.random.default_rng(0))
    >>> chain.shape, 300 < accepted < 600
    ((1000, 1), True)
    """
    require(callable(log_density), "log_density", log_density, "must be a function of x")
    require(isinstance(rng, np.random.Generator), "rng", rng, "must be a numpy.random.Generator")
    x = as_real("start", start)
    check_start(x)
    log_p = float(real("log_density", log_density(x)))
    check_walk(x, log_p, steps)
    factor = proposal_factor(step_size, len(x))
    chain, accepted, t = np.empty((steps, len(x))), 0, 0
    try:
        for t in range(steps):
            normal, exponential = rng.standard_normal(len(x)), rng.standard_exponential()
            x, log_p, moved = _walked(log_density, x, log_p, factor, normal, exponential)
            chain[t], accepted = x, accepted + moved
    except KeyboardInterrupt:
        warnings.warn(f"interrupted after {t} of {steps} steps", RuntimeWarning, stacklevel=2)
        return chain[:t], accepted
    except Exception as problem:  # also what the density itself raised
        problem.drawn = chain[:t]
        raise
    return chain, accepted


def acceptance_rate(target_sd, step_size):
    """Mean acceptance of a random walk on a normal target, once it has settled: (2/pi) arctan(2 s / t).

    >>> round(acceptance_rate(1.0, 2.0), 12)
    0.5
    """
    target_sd, step_size = real("target_sd", target_sd), real("step_size", step_size)
    require_positive("target_sd", target_sd)
    require_positive("step_size", step_size)
    return float(2.0 / np.pi * np.arctan(2.0 * target_sd / step_size))


def redrawn_until_inside(log_density, lowest, highest, x, log_p, step_size, normals, exponential):
    """Wrong: moves are redrawn until one lies in the box, then judged as if q were still symmetric."""
    inside = [x + step_size * z for z in normals if lowest <= x + step_size * z <= highest]
    new = inside[0] if inside else x
    moves = accepts(metropolis_hastings(log_p, log_density(new)), exponential)
    return (new, log_density(new), True) if moves else (x, log_p, False)


def accepted_moves_only(start, chain):
    """Wrong: of a chain (steps, d) the states that differ from the one before."""
    return chain[np.any(np.diff(chain, axis=0, prepend=[start]) != 0.0, axis=1)]


VARIANTS = (
    Mistake(
        redrawn_until_inside,
        name="redrawn until inside",
        seen_in="github.com/lanl/PyBNF/issues/709",
        symptom="thins out along the walls: the law is p(x) Z(x)",
    ),
    Mistake(
        accepted_moves_only,
        name="accepted moves only",
        seen_in="github.com/Joseph94m/MCMC",
        symptom="deviation of a posterior .077 for .067",
    ),
)
