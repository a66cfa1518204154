r"""Variational free energy: what any guess about the latent variable says of the free energy.

    V(q)    = sum_z q_z E_z + (1/beta) sum_z q_z log q_z  >=  F
    dV/dE_z = q_z
    dV/dq_z = E_z + (1 + log q_z) / beta

    V(q) - F = KL(q || p) / beta,      p_z = e^{-beta (E_z - F)}

V is the expected energy less temperature times entropy.  F needs a sum over all z; V needs only a
distribution q that can be averaged over, and bounds F from above, by Jensen's inequality.  Minimise V over
all q, and the result is F, at q = p; over a family of q, and it is as near to F as the family comes.

To lower V by the parameters of E is to lower a bound.  At q = p the bound is F itself, and has its gradient:
that is expectation maximisation.

Source: NYU DLSP20, week 14-2, with an erratum below; Neal and Hinton (1998), "A view of the EM algorithm
that justifies incremental, sparse, and other variants".
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_positive
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.inference.free_energy import free_energy, random_latent
from ebm_ref.laws import homogeneous, permutation_invariant
from ebm_ref.numerics import total, weighted, xlogy


def variational_free_energy(probabilities, energies, beta=1.0):
    """V(q), an upper bound of F for any distribution q over the latent variable.

    Parameters
    ----------
    probabilities : (k,) float
        q_z >= 0, which should sum to 1; the bound holds only then.
    energies : (k,) float
        E_z; what is impossible may have no q.
    beta : float
        Inverse temperature, > 0, in units of 1/energy.

    Returns
    -------
    float
        sum q E - H(q)/beta, with 0 log 0 = 0 inf = 0; +inf where q allows what E forbids.

    Raises ValueError if a probability is negative, or if beta is not positive and finite.

    >>> E = np.log(np.array([4.0, 4.0 / 3.0]))
    >>> [round(float(variational_free_energy(np.array(q), E)), 6) for q in ((0.25, 0.75), (1.0, 0.0))]
    [0.0, 1.386294]
    """
    return bound(*FORMULA.checked(probabilities, energies, beta))


def variational_free_energy_energies_gradient(probabilities, energies, beta=1.0):
    """dV/dE, shape (k,): q; NaN where V is."""
    q, E, beta = FORMULA.checked(probabilities, energies, beta)
    return np.where(np.isnan(bound(q, E, beta)), np.nan, q)


def variational_free_energy_probabilities_gradient(probabilities, energies, beta=1.0):
    """dV/dq, shape (k,): E + (1 + log q) / beta; -inf where q = 0 and E is finite; NaN where V is."""
    q, E, beta = FORMULA.checked(probabilities, energies, beta)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isnan(bound(q, E, beta)), np.nan, E + (1.0 + np.log(q)) / beta)


def bound(q, E, beta):
    """V of what was checked."""
    entropy = -total(np.array([xlogy(p, p) for p in q]))
    return total(weighted(q, E)) - entropy / beta


def rules(probabilities, energies, beta):
    """No negative probability, at a temperature; their sum is the caller's."""
    require(not np.any(probabilities < 0.0), "probabilities", probabilities, "must be >= 0")
    require_positive("beta", beta)


def random_guess(rng):
    """A latent variable, and a distribution over it that has nothing to do with its energies."""
    latent = random_latent(rng)
    return {"probabilities": rng.dirichlet(np.full(len(latent["energies"]), 2.0))} | latent


FORMULA = Formula(
    value=variational_free_energy,
    signature="(k),(k),()->()",
    source="NYU DLSP20, week 14-2",
    gradients={
        "energies": variational_free_energy_energies_gradient,
        "probabilities": variational_free_energy_probabilities_gradient,
    },
    sample=random_guess,
    laws=(permutation_invariant, homogeneous(1, energies=1, beta=-1)),
    cases={  # (q, E, beta), V, (dV/dE, dV/dq), the mistake that it exposes
        "an even guess between two": Case(
            ([0.5, 0.5], [1.0, 3.0], 2.0),
            2.0 - np.log(2.0) / 2.0,
            ([0.5, 0.5], np.array([1.0, 3.0]) + (1.0 - np.log(2.0)) / 2.0),
            "q forgotten in the entropy",
        ),
        "a sure guess has no entropy, 0 log 0 = 0": Case(([1.0, 0.0], [1.5, 4.0], 1.0), 1.5),
        "no energies but entropy": Case(
            ([0.25, 0.75], [0.0, 0.0], 4.0), -0.14058378615470209, {"energies": [0.25, 0.75]}, "entropy added"
        ),
        "a guess of something impossible": Case(([0.5, 0.5], [0.0, np.inf], 1.0), np.inf),
        "not a number": Case(([0.5, 0.5], [0.0, np.nan], 1.0), np.nan, ([np.nan, np.nan], [np.nan, np.nan])),
    },
    variants={
        "q forgotten in the entropy": Mistake(
            lambda q, E, beta=1.0: np.sum(q * E) + np.sum(np.log(q)) / beta,
            seen_in="NYU DLSP20 week 14-2, printed bound",
            symptom="drives q to the uniform distribution far too hard, and is no bound",
        ),
        "entropy added": Mistake(
            lambda q, E, beta=1.0: np.sum(q * E) - np.sum(q * np.log(q)) / beta,
            symptom="q collapses onto one value",
        ),
        "distance from the uniform distribution": Mistake(
            lambda q, E, beta=1.0: variational_free_energy(q, E, beta) + np.log(len(q)) / beta,
            symptom="log k / beta too high: a bound of the average free energy",
        ),
        "what q lacks to the best": Mistake(
            lambda q, E, beta=1.0: variational_free_energy(q, E, beta) - free_energy(E, beta),
            symptom="KL(q || p)/beta: no energy is left, so the model's parameters learn nothing from it",
        ),
    },
    rules=rules,
    refuses={  # (q, E, beta), the argument to blame
        "a negative probability": (([1.5, -0.5], [0.0, 1.0]), "probabilities"),
        "an infinite temperature": (([0.5, 0.5], [0.0, 1.0], 0.0), "beta"),
        "a temperature of 0": (([0.5, 0.5], [0.0, 1.0], np.inf), "beta"),
    },
)
