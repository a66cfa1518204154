r"""MALA: a Langevin step, refused as often as its bias demands.

    x'          = x - (e^2/2) g + e z
    log q(x'|x) = -|x' - x + (e^2/2) g|^2 / (2 e^2) + const

    log r       = E(x) - E(x') + C,      C = log q(x|x') - log q(x'|x)
    C           = 1/2 s.(g + g_{new}) + (e^2/8) (|g|^2 - |g_{new}|^2)
    dC/dg       = s/2 + (e^2/4) g
    dC/dg_{new} = s/2 - (e^2/4) g_{new}
    dC/ds       = (g + g_{new})/2
    dC/de       = (e/4) (|g|^2 - |g_{new}|^2)

Here e is the step size, s = x' - x the move, and g and g_{new} are the gradients of E (of beta E, at a
temperature) at x and at x'.  The squares in C cancel in part, and what is left explains the method:
1/2 s.(g + g_{new}) is the trapezoid rule for E(x') - E(x).  So log r is the error of that rule, of third
order in the step, and nearly all moves are accepted.  Leave C out, and moves are refused as if they had been
made blindly.

q is not symmetric: the gradient at x' belongs into the way back.  One leapfrog step of HMC is the same thing,
with the same e.  Where E grows faster than x^2, a chain that starts far out is practically never let in: the
step overshoots, and every proposal is refused.

Computed from the two densities as printed, C is a small difference of large squares over e^2: where a slope
is large or the step is small, its digits are lost.

Source: Besag (1994), in the discussion of Grenander and Miller; Roberts and Tweedie (1996).
"""

import autograd.numpy as np

from ebm_ref.checks import require_positive
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import misfit
from ebm_ref.numerics import half_square
from ebm_ref.samplers.langevin import langevin
from ebm_ref.samplers.metropolis import accepts


def mala_correction_as_printed(gradient, proposal_gradient, move, step_size):
    """The difference of the two log densities, whose squares cancel.

    >>> one = np.array([1.0])
    >>> float(mala_correction_as_printed(one, one, 1e20 * one, step_size=1.0))  # it is 1e20
    0.0
    """
    g, g_new, s, e = FORMULA.checked(gradient, proposal_gradient, move, step_size)
    forth = -np.sum((s + e**2 / 2 * g) ** 2) / (2 * e**2)
    back = -np.sum((-s + e**2 / 2 * g_new) ** 2) / (2 * e**2)
    return back - forth


def mala_correction(gradient, proposal_gradient, move, step_size):
    """C = log q(x|x') - log q(x'|x), the Hastings correction of a Langevin proposal.

    Parameters
    ----------
    gradient, proposal_gradient : (d,) float
        g at x, and g_{new} at x', the gradients of beta E.
    move : (d,) float
        s = x' - x.
    step_size : float
        e > 0.

    Returns
    -------
    float
        0 if both gradients are 0; minus itself if x and x' change places.

    Raises ValueError if the step size is not positive and finite.

    >>> one = np.array([1.0])
    >>> float(mala_correction(one, 3.0 * one, 2.0 * one, step_size=1.0))  # 1/2 2 4 + (1 - 9)/8
    3.0
    """
    g, g_new, s, e = FORMULA.checked(gradient, proposal_gradient, move, step_size)
    both, change = g + g_new, g - g_new
    return 0.5 * np.sum(s * both) + 0.25 * half_square(e) * np.sum(change * both)


def mala_correction_gradient_gradient(gradient, proposal_gradient, move, step_size):
    """dC/dg, shape (d,): s/2 + (e^2/4) g."""
    g, g_new, s, e = FORMULA.checked(gradient, proposal_gradient, move, step_size)
    return 0.5 * s + 0.5 * half_square(e) * g + 0.0 * g_new


def mala_correction_proposal_gradient_gradient(gradient, proposal_gradient, move, step_size):
    """dC/dg_{new}, shape (d,): s/2 - (e^2/4) g_{new}."""
    g, g_new, s, e = FORMULA.checked(gradient, proposal_gradient, move, step_size)
    return 0.5 * s - 0.5 * half_square(e) * g_new + 0.0 * g


def mala_correction_move_gradient(gradient, proposal_gradient, move, step_size):
    """dC/ds, shape (d,): (g + g_{new})/2."""
    g, g_new, s, _ = FORMULA.checked(gradient, proposal_gradient, move, step_size)
    return 0.5 * (g + g_new) + 0.0 * s


def mala_correction_step_size_gradient(gradient, proposal_gradient, move, step_size):
    """dC/de: (e/4) (|g|^2 - |g_{new}|^2)."""
    g, g_new, s, e = FORMULA.checked(gradient, proposal_gradient, move, step_size)
    return 0.25 * e * np.sum((g - g_new) * (g + g_new)) + 0.0 * np.sum(s)


def rules(gradient, proposal_gradient, move, step_size):
    """A step."""
    require_positive("step_size", step_size)


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
    cases={  # (g, g_{new}, s, e), C, the mistake that it exposes
        "a flat place: symmetric": Case(([0.0], [0.0], [5.0], 0.5), 0.0),
        "a slope: the trapezoid": Case(([1.0], [1.0], [3.0], 0.5), 3.0, exposes="forth and back swapped"),
        "a standard normal law, 1 to 0": Case(
            ([1.0], [0.0], [-1.0], 1.0), -0.375, exposes="full gradients, 4 e^2"
        ),
        "a standard normal law, 1 to 3": Case(
            ([1.0], [3.0], [2.0], 1.0), 3.0, exposes="gradient not renewed"
        ),
        "a step that is drift alone": Case(([2.0], [1.0], [-1.0], 1.0), -1.125),
        "not a number": Case(([1.0], [np.nan], [0.0], 1.0), np.nan),
    },
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
        "squares of the gradients left out": Mistake(
            lambda g, h, s, e: 0.5 * np.sum(s * (g + h)), symptom="right where both are of one length"
        ),
        "way back not turned": Mistake(
            lambda g, h, s, e: (
                (np.sum((s + 0.5 * e**2 * g) ** 2) - np.sum((s + 0.5 * e**2 * h) ** 2)) / (2.0 * e**2)
            ),
            symptom="the move forth in both densities: a difference of gradients for their sum",
        ),
    },
    as_printed=mala_correction_as_printed,
    rules=rules,
    refuses={
        "no step": (([1.0], [1.0], [3.0], 0.0), "step_size"),
        "a step backwards": (([1.0], [1.0], [3.0], -0.5), "step_size"),
        "a step that is no number": (([1.0], [1.0], [3.0], np.nan), "step_size"),
    },
)
