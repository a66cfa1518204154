r"""Log loss: the hinge with its corner rounded off.

    L(E, y) = (1/beta) log(1 + e^{beta d}),      d = E_y - E_o
    o       = argmin_{j != y} E_j
    dL/dE_j = ([j = y] - [j = o]) / (1 + e^{-beta d})

The force fades as the gap grows, but at no gap does it stop: the margin is infinite, so to speak.
As beta grows the loss approaches max(0, d), the perceptron.  With two answers it is exactly the
negative log-likelihood; with more, it is what remains of that when all but one wrong answer are
neglected.

In floating point the formula as printed fails at both ends: e^{beta d} overflows at beta d = 710
(at 89 in float32), and log(1 + x) loses every digit once x < 1e-16.

Source: LeCun et al. (2006), Section 2.2 and Table 1 (margin: > 0); beta added.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.losses.offending import offender
from ebm_ref.losses.table import NO_TABLES, NO_TEMPERATURES, check_tempered, random_table
from ebm_ref.numerics import logsumexp, sigmoid, softmax, softplus


def log_as_printed(energies, label: int, beta=1.0):
    """The formula as it is printed: a small loss is lost beside the 1, and a large one overflows.

    >>> energies = np.array([0.0, 40.0])
    >>> float(log_as_printed(energies, label=0)), float(log(energies, label=0))
    (0.0, 4.248354255291589e-18)
    """
    E, y, beta = FORMULA.checked(energies, label, beta)
    d = E[y] - E[offender(E, y)]
    return np.log(1.0 + np.exp(beta * d)) / beta


def log(energies, label: int, beta=1.0):
    """Log loss of one sample.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        Energy E_j of each answer; lower is better.  A NaN gives a NaN loss.
    label : int
        Index y of the correct answer.
    beta : float
        Inverse temperature, > 0, in units of 1/energy: the sharpness of the corner.

    Returns
    -------
    float
        >= 0, in units of energy; log(2)/beta at a tie, about d far on the wrong side.

    Raises ValueError if k < 2, if `label` is not in 0..k-1, or if beta is not positive and finite.

    >>> float(log(np.array([0.0, 40.0]), label=0))
    4.248354255291589e-18
    """
    E, y, beta = FORMULA.checked(energies, label, beta)
    d = E[y] - E[offender(E, y)]
    return softplus(beta * d) / beta


def log_gradient(energies, label: int, beta=1.0):
    """dL/dE, shape (k,): sigmoid(beta d) at y, minus that at o, zero elsewhere."""
    E, y, beta = FORMULA.checked(energies, label, beta)
    o = offender(E, y)
    force = sigmoid(beta * (E[y] - E[o]))
    g = np.full(len(E), np.nan if np.isnan(force) else 0.0)
    g[y], g[o] = force, -force
    return g


FORMULA = Formula(
    value=log,
    signature="(k),(),()->()",
    source="lecun2006, Section 2.2 and Table 1",
    gradients={"energies": log_gradient},
    sample=lambda rng: random_table(rng) | {"beta": rng.uniform(0.3, 3.0)},
    laws=(
        laws.shift_invariant,
        laws.permutation_invariant,
        laws.non_negative,
        laws.convex_in_energies,
        laws.bounds_the_error,
        laws.gradient_sums_to_zero,
        laws.pushes_down_pulls_up,
        laws.homogeneous(1, energies=1, beta=-1),
    ),
    cases={  # (energies, label, beta), L, dL/dE, the mistake that it exposes
        "at a tie each side is pulled with half the force": Case(
            ([1.0, 1.0], 0, 1.0), np.log(2.0), [0.5, -0.5]
        ),
        "wrong: d = 1/2": Case(
            ([1.0, 0.5, 2.0, 3.0], 0, 1.0),
            0.9740769841801067,
            [0.6224593312018546, -0.6224593312018546, 0.0, 0.0],
            "energies taken for scores",
        ),
        "sharper: d = 1, log(1 + e^2) / 2": Case(
            ([1.0, 0.0], 0, 2.0), 1.0634640055214861, exposes="not divided by beta"
        ),
        "far on the right side a little is left": Case(
            ([0.0, 40.0], 0, 1.0), 4.248354255291589e-18, [4.248354255291589e-18, -4.248354255291589e-18]
        ),
        "far on the wrong side the loss is d": Case(
            ([800.0, 0.0], 0, 1.0), 800.0, [1.0, -1.0], "the exponential overflows"
        ),
        "beyond 20 the logarithm still counts: e^-21 is 8e-10": Case(
            ([21.0, 0.0], 0, 1.0), 21.000000000758256, exposes="linear beyond a threshold of 20"
        ),
        "of two rivals the lower one alone counts": Case(
            ([0.0, 0.0, np.log(2.0)], 0, 1.0), np.log(2.0), [0.5, -0.5, 0.0], "all wrong answers, softly"
        ),
        "an impossible correct answer": Case(([np.inf, 0.0], 0, 1.0), np.inf),
        "not a number": Case(([0.0, np.nan], 0, 1.0), np.nan, np.full(2, np.nan)),
    },
    variants={
        "linear beyond a threshold of 20": Convention(
            lambda E, y, beta=1.0: _linear_beyond_threshold(E[y] - np.min(np.delete(E, y)), beta),
            {"energies": lambda E, y, beta=1.0: _linear_beyond_threshold_gradient(E, y, beta)},
            seen_in="PyTorch, documentation of torch.nn.Softplus",
            symptom="six digits in float64: the loss jumps by 2e-9 at beta d = 20",
        ),
        "the exponential overflows": Mistake(
            lambda E, y, beta=1.0: np.log1p(np.exp(beta * (E[y] - np.min(np.delete(E, y))))) / beta,
            {"energies": lambda E, y, beta=1.0: _overflowing_gradient(E, y, beta)},
            seen_in="PyTorch SoftMarginLoss, github.com/pytorch/pytorch/issues/77529",
            symptom="an infinite loss and a NaN gradient beyond d = 710 (float32: 89)",
        ),
        "not divided by beta": Mistake(
            lambda E, y, beta=1.0: softplus(beta * (E[y] - np.min(np.delete(E, y)))),
            symptom="the loss grows with beta instead of approaching the perceptron",
        ),
        "all wrong answers, softly": Mistake(
            lambda E, y, beta=1.0: logsumexp(beta * (E[y] - E)) / beta,
            {"energies": lambda E, y, beta=1.0: np.eye(len(E))[y] - softmax(-beta * E)},
            symptom="log(1 + sum_{j != y} e^{beta (E_y - E_j)}): the negative log-likelihood",
        ),
        "energies taken for scores": Mistake(
            lambda E, y, beta=1.0: softplus(beta * (np.max(np.delete(E, y)) - E[y])) / beta,
            symptom="training drives the correct answer to the highest energy",
        ),
        "summed over all wrong answers": Mistake(
            lambda E, y, beta=1.0: np.sum(softplus(beta * (E[y] - np.delete(E, y)))) / beta,
            symptom="log 2 for each answer at a tie: one against each other, not against the nearest",
        ),
        "the corner left in": Mistake(
            lambda E, y, beta=1.0: np.maximum(0.0, E[y] - np.min(np.delete(E, y))),
            symptom="the limit of a large beta: the perceptron loss",
        ),
        "mean of the wrong energies": Mistake(
            lambda E, y, beta=1.0: softplus(beta * (E[y] - np.mean(np.delete(E, y)))) / beta,
            symptom="one near rival is outvoted by many far ones",
        ),
    },
    as_printed=log_as_printed,
    rules=check_tempered,
    refuses=NO_TABLES | NO_TEMPERATURES,
)


def _overflowing_gradient(E, y, beta):
    z = np.exp(beta * (E[y] - np.min(np.delete(E, y))))
    direction = np.sign(log_gradient(E, y, beta))
    return np.where(direction == 0.0, 0.0, direction * (z / (z + 1.0)))


def _linear_beyond_threshold(d, beta):
    return d if beta * d > 20.0 else np.log1p(np.exp(beta * d)) / beta


def _linear_beyond_threshold_gradient(E, y, beta):
    g = log_gradient(E, y, beta)
    return np.sign(g) if beta * (E[y] - np.min(np.delete(E, y))) > 20.0 else g
