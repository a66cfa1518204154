r"""MALA: a Langevin step, refused as often as its bias demands.

    x' = x - (e^2/2) g + e z
    log q(x'|x) = -|x' - x + (e^2/2) g|^2 / (2 e^2) + const

    log r = E(x) - E(x') + C,      C = log q(x|x') - log q(x'|x)
    C     = 1/2 (x' - x).(g + g') + (e^2/8) (|g|^2 - |g'|^2)

The squares of C cancel in part, and what is left explains the method: 1/2 (x' - x).(g + g') is the
trapezoid rule for E(x') - E(x).  So log r is the error of that rule, of third order in the step, and
nearly all moves are accepted.  Leave C out, and moves are refused as if they had been made blindly.

q is not symmetric: the gradient at x' belongs into the way back.  A step of HMC with one leapfrog is
the same thing, e and all.  Where E grows faster than x^2 a chain that starts far out is practically
never let in: the step overshoots, and every proposal is refused.

Source: Besag (1994), in the discussion of Grenander and Miller; Roberts and Tweedie (1996).
"""

import autograd.numpy as np

from ebm_ref.checks import require_positive
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import misfit
from ebm_ref.samplers.langevin import langevin
from ebm_ref.samplers.metropolis import accepts


def mala_correction(gradient, proposal_gradient, move, step_size):
    """C = log q(x|x') - log q(x'|x), the Hastings correction of a Langevin proposal.

    Parameters
    ----------
    gradient, proposal_gradient : (d,) float
        g at x, and g' at x', the gradients of beta E.
    move : (d,) float
        x' - x.
    step_size : float
        e > 0.

    Returns
    -------
    float
        0 if g = g' = 0; minus itself if x and x' change places.

    Raises
    ------
    ValueError
        If the step size is not positive.

    >>> one = np.array([1.0])
    >>> float(mala_correction(one, 3.0 * one, 2.0 * one, step_size=1.0))  # 1/2 2 4 + (1 - 9)/8
    3.0
    """
    require_positive("step_size", step_size)
    both, change = gradient + proposal_gradient, gradient - proposal_gradient
    return 0.5 * np.sum(move * both) + 0.125 * step_size**2 * np.sum(change * both)


def mala_correction_gradient_gradient(gradient, proposal_gradient, move, step_size):
    """dC/dg, shape (d,): (x' - x)/2 + (e^2/4) g."""
    return 0.5 * move + 0.25 * step_size**2 * gradient + 0.0 * proposal_gradient


def mala_correction_proposal_gradient_gradient(gradient, proposal_gradient, move, step_size):
    """dC/dg', shape (d,): (x' - x)/2 - (e^2/4) g'."""
    return 0.5 * move - 0.25 * step_size**2 * proposal_gradient + 0.0 * gradient


def mala_correction_move_gradient(gradient, proposal_gradient, move, step_size):
    """dC/d(x' - x), shape (d,): (g + g')/2."""
    return 0.5 * (gradient + proposal_gradient) + 0.0 * move


def mala_correction_step_size_gradient(gradient, proposal_gradient, move, step_size):
    """dC/de: (e/4) (|g|^2 - |g'|^2)."""
    squares = np.sum((gradient - proposal_gradient) * (gradient + proposal_gradient))
    return 0.25 * step_size * squares + 0.0 * np.sum(move)


def antisymmetric(formula, inputs, rng):
    """C(x, x') = -C(x', x): the way back of the way back is the way forth."""
    g, g_new, move, e = inputs.values()
    turned = dict(zip(inputs, (g_new, g, -move, e), strict=True))
    return misfit(formula, inputs, turned, factor=-1.0)


def mala_step(energy, energy_gradient, position, step_size, normal, exponential):
    """The next state and whether the move was accepted; `energy` is beta E.

    >>> x = np.array([1.0])
    >>> mala_step(lambda x: x @ x / 2.0, lambda x: x, x, 0.5, np.array([0.0]), exponential=0.1)
    (array([0.875]), True)
    """
    gradient = energy_gradient(position)
    proposal = langevin(position, gradient, normal, step_size)
    correction = mala_correction(gradient, energy_gradient(proposal), proposal - position, step_size)
    moves = accepts(energy(position) - energy(proposal) + correction, exponential)
    return (proposal, True) if moves else (position, False)


def sample(rng):
    """Inputs in general position: a move that the proposal would make."""
    g, g_new, z = rng.normal(size=(3, 2))
    e = rng.uniform(0.2, 1.5)
    return {"gradient": g, "proposal_gradient": g_new, "move": e * z - 0.5 * e**2 * g, "step_size": e}


def case(name, g, g_new, move, step_size, value, exposes=""):
    """A worked case in one dimension."""
    inputs = {"gradient": np.array([g]), "proposal_gradient": np.array([g_new]), "move": np.array([move])}
    return Case(inputs | {"step_size": step_size}, value, exposes=exposes, name=name)


def by_densities(drift, width):
    """C from the two squares themselves, with drift and width as given."""

    def correction(g, g_new, move, e):
        back, forth = -move + drift * e**2 * g_new, move + drift * e**2 * g
        return (np.sum(forth**2) - np.sum(back**2)) / (width * e**2)

    return correction


FORMULA = Formula(
    value=mala_correction,
    signature="(d),(d),(d),()->()",
    source="roberts1996",
    gradients={
        "gradient": mala_correction_gradient_gradient,
        "proposal_gradient": mala_correction_proposal_gradient_gradient,
        "move": mala_correction_move_gradient,
        "step_size": mala_correction_step_size_gradient,
    },
    sample=sample,
    laws=(antisymmetric,),
    cases=(
        case("a flat place: symmetric", 0.0, 0.0, 5.0, 0.5, 0.0),
        case("a slope: the trapezoid", 1.0, 1.0, 3.0, 0.5, 3.0, exposes="forth and back swapped"),
        case("a standard normal law, 1 to 0", 1.0, 0.0, -1.0, 1.0, -0.375, exposes="full gradients, 4 e^2"),
        case("a standard normal law, 1 to 3", 1.0, 3.0, 2.0, 1.0, 3.0, exposes="gradient not renewed"),
        case("a step that is drift alone", 2.0, 1.0, -1.0, 1.0, -1.125),
        case("not a number", 1.0, np.nan, 0.0, 1.0, np.nan),
    ),
    variants={
        "forth and back swapped": Mistake(
            lambda g, g_new, move, e: -mala_correction(g, g_new, move, e),
            seen_in="github.com/blackjax-devs/blackjax/pull/653",
            symptom="detailed balance broken; the smaller the step, the harder to see",
        ),
        "full gradients, 4 e^2": Mistake(
            by_densities(1.0, 4.0),
            seen_in="github.com/bat/BAT.jl/issues/532",
            symptom="-.2039 for -.3059: two thirds on a standard normal law at e = 1",
        ),
        "gradient not renewed": Mistake(
            lambda g, g_new, move, e: mala_correction(g, g, move, e),
            symptom="the way back starts with the slope of where it leads",
        ),
    },
)
