r"""Score entropy: denoising for states that cannot be differentiated.

    L = sum_y (r_y - t_y log r_y + t_y (log t_y - 1))

    dL/dr_y = 1 - t_y/r_y
    dL/dt_y = log(t_y/r_y)

What the score is for a continuous x, the ratios p(y)/p(x) of a state x and its neighbours y are for a
discrete one; Z cancels in both.  The ratios r > 0 are those of the model, t >= 0 the target ratios: of the
data, or of the noise that made x from a clean state.  The last term depends on the target alone and makes L
>= 0, zero only at r = t.

L is a Bregman divergence, so the best r is the mean of the targets: denoising with the ratios
q(y|x_0)/q(x|x_0) of the noise learns the ratios of the smoothed data, as denoising score matching does.  It
is the loss of Poisson counts with the rate r.  A squared error would let r fall to 0 and below at a finite
cost.

In floating point: near r = t the terms cancel, so L is summed as t (e^a - 1 - a), a = log(r/t).

Conventions: some leave out the last term; SEDD's network gives log r.

Source: Lou, Meng and Ermon (2024), "Discrete diffusion modeling by estimating the ratios of the data
distribution", Definition 3.1, all weights 1.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous, non_negative
from ebm_ref.numerics import exp_excess


def score_entropy_as_printed(ratios, target_ratios):
    """L as printed: near r = t the three terms cancel.

    >>> at = np.array([3.0 + 3e-8]), np.array([3.0])
    >>> float(score_entropy_as_printed(*at)), float(np.round(score_entropy(*at), 22))
    (6.661338147750939e-16, 1.5e-16)
    """
    r, t = FORMULA.checked(ratios, target_ratios)
    constant = np.where(t > 0.0, t * (np.log(np.where(t > 0.0, t, 1.0)) - 1.0), 0.0)
    return np.sum(r - t * np.log(r) + constant)


def score_entropy(ratios, target_ratios):
    """Score entropy of one state.

    Parameters
    ----------
    ratios : (m,) float, m >= 1
        r, the model's p(y)/p(x) of each neighbour y of the state x, > 0 and finite.
    target_ratios : (m,) float
        t, the ratios to be learnt, >= 0 and finite.

    Returns
    -------
    float
        >= 0, zero exactly where the ratios agree.

    Raises ValueError if there is no neighbour, if a ratio is not positive and finite or a target is negative.

    >>> float(score_entropy(np.array([2.0, 0.5]), np.array([1.0, 0.5])))  # 1 - log 2
    0.30685281944005466
    """
    r, t = FORMULA.checked(ratios, target_ratios)
    there = np.where(t > 0.0, t, r)  # without a target there is r alone
    a = log_ratio(r, there)
    near, far = there * exp_excess(np.minimum(a, 1.0)), (r - there) - there * a
    return np.sum(np.where(t > 0.0, np.where(a < 1.0, near, far), r))


def log_ratio(r, t):
    """log(r/t) of positive numbers, with all digits near r = t and without overflow."""
    gap = np.log(r) - np.log(t)
    far = np.abs(gap) > 690.0  # the quotient would leave the range
    divisor = np.where(far, 1.0, t)
    excess = (r - t) / divisor
    near = (np.abs(excess) < 0.5) & ~far
    return np.where(far, gap, np.where(near, np.log1p(np.where(near, excess, 0.0)), np.log(r / divisor)))


def score_entropy_ratios_gradient(ratios, target_ratios):
    """dL/dr = 1 - t/r, shape (m,)."""
    r, t = FORMULA.checked(ratios, target_ratios)
    return (r - t) / r


def score_entropy_target_gradient(ratios, target_ratios):
    """dL/dt = log(t/r), shape (m,); -inf where the target is 0."""
    r, t = FORMULA.checked(ratios, target_ratios)
    there = np.where(t > 0.0, t, 1.0)
    return np.where(t > 0.0, 0.0 - log_ratio(r, there), -np.inf)


def rules(ratios, target_ratios):
    """Ratios of probabilities."""
    require(len(ratios) > 0, "ratios", ratios, "must have at least one entry")
    require(np.all((ratios > 0.0) & (ratios < np.inf)), "ratios", ratios, "must be positive and finite")
    legal = np.all((target_ratios >= 0.0) & (target_ratios < np.inf))
    require(legal, "target_ratios", target_ratios, "must be >= 0 and finite")


def random_ratios(rng):
    """Four neighbours, on either side of the state."""
    return {"ratios": np.exp(rng.normal(size=4)), "target_ratios": np.exp(rng.normal(size=4))}


FORMULA = Formula(
    value=score_entropy,
    as_printed=score_entropy_as_printed,
    signature="(m),(m)->()",
    source="lou2024, Definition 3.1",
    gradients={"ratios": score_entropy_ratios_gradient, "target_ratios": score_entropy_target_gradient},
    sample=random_ratios,
    laws=(non_negative, homogeneous(1, ratios=1, target_ratios=1)),
    cases={  # (ratios, target_ratios), L, (dL/dr, dL/dt), the mistake that it exposes
        "twice too large, and right": Case(
            ([2.0, 0.5], [1.0, 0.5]),
            1.0 - np.log(2.0),
            ([0.5, 0.0], [-np.log(2.0), 0.0]),
            "ratios taken upside down",
        ),
        "too small, and too large": Case(
            ([1.0, 4.0], [np.e, 2.0]),
            3.0 - 2.0 * np.log(2.0),
            ([1.0 - np.e, 0.5], [1.0, -np.log(2.0)]),
            "constant of the target left out",
        ),
        "the ratios are right": Case(([3.0, 0.25, 1.0], [3.0, 0.25, 1.0]), 0.0, (np.zeros(3), np.zeros(3))),
        "a neighbour that does not occur": Case(([0.5, 2.0], [0.0, 2.0]), 0.5, {"ratios": [1.0, 0.0]}),
        "a quotient beyond the range: log(t/r) is -1024 log 2": Case(
            ([2.0**512], [2.0**-512]), 2.0**512, ([1.0], [-1024.0 * np.log(2.0)])
        ),
        "a quotient that is 0: log(t/r) is 1100 log 2": Case(
            ([2.0**-600], [2.0**500]),
            2.0**500 * (1100.0 * np.log(2.0) - 1.0),
            {"target_ratios": [1100.0 * np.log(2.0)]},
        ),
        "logarithms given": Case(([1.0, 2.0], [1.0, 2.0]), 0.0, exposes="ratios given as logarithms"),
    },
    variants={
        "ratios taken upside down": Mistake(
            lambda r, t: np.sum(1.0 / r + t * np.log(r) + t * (np.log(t) - 1.0)),
            seen_in="asked in github.com/louaaron/Score-Entropy-Discrete-Diffusion/issues/16: p(x)/p(y) of "
            "the state and its neighbour",
            symptom="the reverse process jumps to improbable states",
        ),
        "constant of the target left out": Convention(
            lambda r, t: np.sum(r - t * np.log(r)),
            {"ratios": lambda r, t: 1.0 - t / r, "target_ratios": lambda r, t: -np.log(r)},
            seen_in="Lou, Meng and Ermon (2024), the denoising form; their code keeps the constant",
            symptom="the same gradient by the ratios; the loss may be negative",
        ),
        "ratios given as logarithms": Convention(
            lambda r, t: np.sum(np.exp(r) - t * r + t * (np.log(t) - 1.0)),
            {"ratios": lambda r, t: np.exp(r) - t, "target_ratios": lambda r, t: np.log(t) - r},
            seen_in="SEDD, graph_lib.py, score_entropy: score.exp()",
            symptom="the network's output is log r, positive ratios for any output",
        ),
        "squared differences": Mistake(
            lambda r, t: np.sum((r - t) ** 2),
            {"ratios": lambda r, t: 2.0 * (r - t), "target_ratios": lambda r, t: 2.0 * (t - r)},
            seen_in="Meng et al. (2022), concrete score matching, where it is meant",
            symptom="the same minimum, but ratios below 0 are not forbidden",
        ),
        "weighted by the model's ratios": Mistake(
            lambda r, t: np.sum(r * np.log(r / t) - r + t), symptom="the divergence the other way round"
        ),
        "weighted by 1/t": Mistake(
            lambda r, t: np.sum(r / t - np.log(r / t) - 1.0),
            symptom="Itakura and Saito's divergence: small ratios count as large ones",
        ),
    },
    rules=rules,
    refuses={
        "a ratio of zero": (([0.0, 1.0], [1.0, 1.0]), "ratios"),
        "a negative ratio": (([-1.0], [1.0]), "ratios"),
        "a ratio that is no number": (([np.nan], [1.0]), "ratios"),
        "a negative target": (([1.0], [-1.0]), "target_ratios"),
        "an infinite target": (([1.0], [np.inf]), "target_ratios"),
        "no neighbours": (([], []), "ratios"),
        "a target too few": (([1.0, 2.0], [1.0]), "target_ratios"),
    },
)
