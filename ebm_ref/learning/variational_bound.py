r"""Variational bound: a sampler in place of the partition function.

    L = 1/n sum_i E_d[i] - 1/m sum_j E_q[j] + H

    dL/dE_d = 1/n
    dL/dE_q = -1/m
    dL/dH   = 1

E_d are the energies of the data, E_q the energies of samples of a sampler q, H its entropy.  For any q,

    log Z = H(q) - E_q[E] + KL(q|p)

so the negative log-likelihood E_d + log Z is at least the mean of L, and what lies between them is KL(q|p).
Two players: the sampler raises L, which tightens the bound; the energy lowers it, which is learning.
Tight, the slopes are those of maximum likelihood.  A sampler that lags behind does harm: the energy then
minimises a *lower* bound of its loss, and a lower bound can fall while the loss rises.

Without the entropy this is the critic of an adversarial network, and q collapses to the lowest energy.

Source: Song and Kingma (2021), equations 31 and 32; Kim and Bengio (2016); Zhai et al. (2016).
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import UNIT, condition, gradient_sums_to
from ebm_ref.numerics import logsumexp


def variational_bound(data_energies, sampler_energies, entropy):
    """Lower bound of the mean negative log-likelihood of the data.

    Parameters
    ----------
    data_energies : (n,) float, n >= 1
        E_d, of the data.
    sampler_energies : (m,) float, m >= 1
        E_q, of samples of q; their number need not be n.
    entropy : float
        H of q, in nats.

    Returns
    -------
    float
        Below the negative log-likelihood by KL(q|p), in expectation; of either sign.

    Raises ValueError if there are no data or no samples.

    >>> float(variational_bound(np.array([1.0, 3.0]), np.array([2.0, 4.0, 6.0]), 0.5))
    -1.5
    """
    E_d, E_q, H = FORMULA.checked(data_energies, sampler_energies, entropy)
    return np.mean(E_d) - np.mean(E_q) + H


def bound_data_gradient(data_energies, sampler_energies, entropy):
    """dL/dE_d = 1/n, shape (n,)."""
    E_d, _, _ = FORMULA.checked(data_energies, sampler_energies, entropy)
    return 1.0 / len(E_d) + 0.0 * E_d


def bound_sampler_gradient(data_energies, sampler_energies, entropy):
    """dL/dE_q = -1/m, shape (m,)."""
    _, E_q, _ = FORMULA.checked(data_energies, sampler_energies, entropy)
    return -1.0 / len(E_q) + 0.0 * E_q


def bound_entropy_gradient(data_energies, sampler_energies, entropy):
    """dL/dH = 1."""
    _, _, H = FORMULA.checked(data_energies, sampler_energies, entropy)
    return 1.0 + 0.0 * H


def rules(data_energies, sampler_energies, entropy):
    """There are data and samples."""
    require(len(data_energies) > 0, "data_energies", data_energies, "must not be empty")
    require(len(sampler_energies) > 0, "sampler_energies", sampler_energies, "must not be empty")


def only_differences_matter(formula, inputs, rng):
    """f(E_d + c, E_q + c, H) = f(E_d, E_q, H): only differences of energies matter."""
    moved = inputs | {a: inputs[a] + 4.0 for a in ("data_energies", "sampler_energies")}
    error = abs(formula.value(**moved) - formula.value(**inputs))
    return error / (16 * UNIT * (condition(formula, moved) + condition(formula, inputs)))


def random_batches(rng):
    """Four data, three samples and an entropy."""
    return {
        "data_energies": rng.normal(scale=2.0, size=4),
        "sampler_energies": rng.normal(scale=2.0, size=3),
        "entropy": rng.normal(),
    }


FORMULA = Formula(
    value=variational_bound,
    signature="(n),(m),()->()",
    source="song2021, equations 31 and 32; kim2016; zhai2016",
    gradients={
        "data_energies": bound_data_gradient,
        "sampler_energies": bound_sampler_gradient,
        "entropy": bound_entropy_gradient,
    },
    sample=random_batches,
    laws=(
        only_differences_matter,
        gradient_sums_to("data_energies", 1.0),
        gradient_sums_to("sampler_energies", -1.0),
    ),
    cases={  # (data_energies, sampler_energies, entropy), L, (dL/dE_d, dL/dE_q, dL/dH), the mistake exposed
        "two data, three samples": Case(
            ([1.0, 3.0], [2.0, 4.0, 6.0], 0.5),
            -1.5,
            ([0.5, 0.5], [-1 / 3, -1 / 3, -1 / 3], 1.0),
            "sums of batches of different size",
        ),
        "one of each": Case(([0.0], [1.0], 2.0), 1.0, ([1.0], [-1.0], 1.0), "entropy subtracted"),
        "the sampler lies below the data": Case(
            ([4.0, 2.0, 6.0], [1.0, 0.0], -0.25),
            3.25,
            ([1 / 3, 1 / 3, 1 / 3], [-0.5, -0.5], 1.0),
            "data and samples exchanged",
        ),
        "no entropy: a critic": Case(([1.0, 2.0], [5.0, 7.0, 9.0, 11.0], 0.0), -6.5),
        "not a number": Case(([np.nan, 1.0], [0.0], 0.0), np.nan),
    },
    variants={
        "sums of batches of different size": Mistake(
            lambda E_d, E_q, H: np.sum(E_d) - np.sum(E_q) + H,
            {"data_energies": lambda E_d, E_q, H: 0.0 * E_d + 1.0},
            symptom="the larger batch wins: all energies rise or fall together, without end",
        ),
        "entropy subtracted": Mistake(
            lambda E_d, E_q, H: np.mean(E_d) - np.mean(E_q) - H,
            {"entropy": lambda E_d, E_q, H: -1.0},
            symptom="the sampler collapses to a point, and nothing bounds the loss",
        ),
        "data and samples exchanged": Mistake(
            lambda E_d, E_q, H: np.mean(E_q) - np.mean(E_d) + H,
            symptom="the energy of the data rises: scores taken for energies",
        ),
        "both divided by the number of data": Mistake(
            lambda E_d, E_q, H: np.mean(E_d) - np.sum(E_q) / len(E_d) + H,
            symptom="samples weigh as their number: right for batches of one size",
        ),
        "soft minimum of the samples": Mistake(
            lambda E_d, E_q, H: np.mean(E_d) + H - np.log(len(E_q)) + logsumexp(-E_q),
            symptom="log-mean-exp for the mean: one low sample decides, and the bound is lost",
        ),
    },
    rules=rules,
    refuses={
        "no data": (([], [1.0], 0.0), "data_energies"),
        "no samples": (([1.0, 2.0], [], 0.0), "sampler_energies"),
    },
)
