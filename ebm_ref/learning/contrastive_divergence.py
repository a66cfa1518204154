r"""Contrastive divergence: push the data down and pull up where a short chain from them has gone.

    L(E_d, E_c) = mean_i E(x_i) - mean_j E(x_j')
    dL/dE_d = 1/n                 n data x_i, with energies E_d
    dL/dE_c = -1/m                m states x_j' of chains, with energies E_c

The gradient of the negative log-likelihood is the mean of dE/dW over the data less that over the model.
The states of chains stand for the model: k steps from the data (CD-k), or from where the last update left
off (PCD).  They are constants, and nothing is differentiated through the chain.  So L is a loss in its
gradient alone.  Its value may have either sign, need not fall, and is 0 at the optimum, as it is for an
energy that is flat.

What CD-k finds is not the maximum of the likelihood: expected_cd.py computes the difference.  With one step
of Langevin dynamics of length e it is score matching, times e^2/2, as e goes to 0.

n and m may differ: both terms are means.  With sums the larger batch wins, and where chains are kept
from one minibatch to the next, the last, shorter minibatch of an epoch is then outvoted.

Source: Hinton (2002), "Training Products of Experts by Minimizing Contrastive Divergence"; Song and Kingma
(2021), Section 3, equations 3 and 4.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import total


def contrastive_divergence(data_energies, chain_energies):
    """Contrastive divergence of some data and some states of chains.

    Parameters
    ----------
    data_energies : (n,) float, n >= 1
        E_d, energies of data.  A NaN gives NaN.
    chain_energies : (m,) float, m >= 1
        E_c, energies of states that a sampler reached, held constant.

    Returns
    -------
    float
        Of either sign; 0 where both means are the same.

    Raises ValueError if there are no data or no states.

    >>> float(contrastive_divergence(np.array([1.0, 2.0, 6.0]), np.array([4.0])))
    -1.0
    """
    E_d, E_c = FORMULA.checked(data_energies, chain_energies)
    return total(E_d) / len(E_d) - total(E_c) / len(E_c)


def contrastive_divergence_data_energies_gradient(data_energies, chain_energies):
    """dL/dE_d, shape (n,): 1/n; NaN at a NaN."""
    E_d, _ = FORMULA.checked(data_energies, chain_energies)
    return np.where(np.isnan(E_d), np.nan, 1.0 / len(E_d))


def contrastive_divergence_chain_energies_gradient(data_energies, chain_energies):
    """dL/dE_c, shape (m,): -1/m; NaN at a NaN."""
    _, E_c = FORMULA.checked(data_energies, chain_energies)
    return np.where(np.isnan(E_c), np.nan, -1.0 / len(E_c))


def rules(data_energies, chain_energies):
    """Some data, and some states."""
    for argument, E in (("data_energies", data_energies), ("chain_energies", chain_energies)):
        require(len(E) >= 1, argument, E, "must hold one or more")


def random_energies(rng):
    """3 or 5 energies of data, 2 or 4 of chains."""
    return {
        "data_energies": rng.normal(scale=2.0, size=rng.choice([3, 5])),
        "chain_energies": rng.normal(scale=2.0, size=rng.choice([2, 4])),
    }


def level_does_not_matter(formula, inputs, rng):
    """A constant added to all energies changes nothing: both means move alike."""
    c = rng.normal(scale=8.0)
    return laws.misfit(formula, inputs, {a: x + c for a, x in inputs.items()})


def exchanged(formula, inputs, rng):
    """Data and chains exchanged: the sign turns."""
    turned = dict(zip(inputs, reversed(inputs.values()), strict=True))
    return laws.misfit(formula, inputs, turned, factor=-1.0)


def copies_do_not_count(formula, inputs, rng):
    """Only means enter: twice the same states, or three times the same data, changes nothing."""
    copied = {a: np.tile(inputs[a], times) for a, times in (("data_energies", 3), ("chain_energies", 2))}
    return laws.misfit(formula, inputs, copied)


def penalised(E_d, E_c, weight=1e-3):
    """The loss with a penalty on squared energies."""
    return np.mean(E_d) - np.mean(E_c) + weight * (np.mean(E_d**2) + np.mean(E_c**2))


def _even(E, count):
    return np.full(len(E), 1.0 / count)


FORMULA = Formula(
    value=contrastive_divergence,
    signature="(n),(m)->()",
    source="hinton2002; song2021, Section 3, equations 3 and 4",
    gradients={
        "data_energies": contrastive_divergence_data_energies_gradient,
        "chain_energies": contrastive_divergence_chain_energies_gradient,
    },
    sample=random_energies,
    laws=(
        level_does_not_matter,
        exchanged,
        copies_do_not_count,
        laws.homogeneous(1, data_energies=1, chain_energies=1),
        laws.gradient_sums_to("data_energies", 1.0),
        laws.gradient_sums_to("chain_energies", -1.0),
    ),
    cases={  # (data_energies, chain_energies), L, (by E_d, by E_c), the mistake that it exposes
        "three data, one chain": Case(
            ([1.0, 2.0, 6.0], [4.0]), -1.0, ([1 / 3] * 3, [-1.0]), "sums in place of means"
        ),
        "one datum, two chains": Case(
            ([1.0], [3.0, 5.0]), -3.0, ([1.0], [-0.5, -0.5]), "the two phases exchanged"
        ),
        "a flat energy: no loss, and yet a force": Case(
            ([2.0, 2.0], [2.0, 2.0, 2.0]), 0.0, ([0.5, 0.5], [-1 / 3] * 3), "energies penalised"
        ),
        "a level of 1e8 is not seen": Case(
            ([1e8, 1e8 + 2.0], [1e8]), 1.0, ([0.5, 0.5], [-1.0]), "one divisor n + m"
        ),
        "not a number": Case(
            ([1.0, np.nan], [0.0]), np.nan, ([0.5, np.nan], [-1.0]), "0.1 in place of what is no number"
        ),
    },
    variants={
        "the two phases exchanged": Mistake(
            lambda E_d, E_c: np.mean(E_c) - np.mean(E_d),
            (lambda E_d, E_c: -_even(E_d, len(E_d)), lambda E_d, E_c: _even(E_c, len(E_c))),
            seen_in="thrml, github.com/extropic-ai/thrml/pull/38, not merged: minimises E(neg) - E(pos)",
            symptom="descent pushes the data up: the loss falls without end, the samples leave the data",
        ),
        "sums in place of means": Mistake(
            lambda E_d, E_c: (np.sum(E_d) - np.sum(E_c)) / len(E_d),
            (lambda E_d, E_c: _even(E_d, len(E_d)), lambda E_d, E_c: -_even(E_c, len(E_d))),
            seen_in="scikit-learn, BernoulliRBM._fit: a last minibatch that is shorter than the kept chains",
            symptom="right as long as n = m; else a push of (m - n)/n times the level of the energy",
        ),
        "one divisor n + m": Mistake(
            lambda E_d, E_c: (np.sum(E_d) - np.sum(E_c)) / (len(E_d) + len(E_c)),
            (
                lambda E_d, E_c: _even(E_d, len(E_d) + len(E_c)),
                lambda E_d, E_c: -_even(E_c, len(E_d) + len(E_c)),
            ),
            symptom="a mean over data and states together: half the force where n = m",
        ),
        "energies penalised": Convention(
            penalised,
            {
                "data_energies": lambda E_d, E_c: (1.0 + 2e-3 * E_d) / len(E_d),
                "chain_energies": lambda E_d, E_c: (-1.0 + 2e-3 * E_c) / len(E_c),
            },
            seen_in="Du and Mordatch (2019), Section 3.3; torchebm 0.8.9, by default with weight 1e-3",
            symptom="energies stay near 0; the optimum is not that of the likelihood",
        ),
        "0.1 in place of what is no number": Mistake(
            lambda E_d, E_c: np.nan_to_num(contrastive_divergence(E_d, E_c), nan=0.1, posinf=0.1, neginf=0.1),
            seen_in="torchebm 0.8.9, ContrastiveDivergence.compute_loss: infinite losses, too",
            symptom="a diverged chain looks like a small loss",
        ),
        "a tenth of the squares added": Mistake(lambda E_d, E_c: penalised(E_d, E_c, 0.1)),
    },
    rules=rules,
    refuses={  # (data_energies, chain_energies), the argument to blame
        "no data": (([], [1.0]), "data_energies"),
        "no chain": (([1.0, 2.0], []), "chain_energies"),
    },
)
