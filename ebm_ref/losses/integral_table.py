r"""An integral is a table: the quadrature rule's weights turned into energies.

    int exp(-beta E(y)) dy = sum_j w_j exp(-beta E(y_j)) = sum_j exp(-beta T_j)

    T_j = E_j - log(w_j) / beta
    dT_i/dE_j = [i = j]
    dT_i/dw_j = -[i = j] / (beta w_j)

A quadrature rule with nodes y_j and weights w_j turns an integral over a continuous answer into a sum.
Whatever is right for tables (table.py) is then right for integrals.  Mind the measure: nll(T, y) is the
cost of the probability *mass* w_y p(y_y) of a node; add log(w_y)/beta for that of the density.

Source: LeCun et al. (2006), Section 2.1 (the energy slice); the quadrature form is elementary.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_positive
from ebm_ref.formula import Case, Formula, Mistake


def integral_table(energies, weights, beta=1.0):
    """The table whose sum over answers is a quadrature rule's integral.

    Parameters
    ----------
    energies : (k,) float
        Energy E_j at each node.
    weights : (k,) float
        Quadrature weight w_j > 0 of each node: a measure, in units of the answer.
    beta : float
        Inverse temperature, > 0, in units of 1/energy.

    Returns
    -------
    (k,) float
        T_j = E_j - log(w_j) / beta.

    Raises ValueError if a weight is not positive (rules with negative weights have no energy), or beta <=
    0.

    >>> integral_table(np.array([0.0, 3.0]), np.array([1.0, 2.0])).round(3)
    array([0.   , 2.307])
    """
    E, w, beta = FORMULA.checked(energies, weights, beta)
    return E - np.log(w) / beta


def integral_table_energies_gradient(energies, weights, beta=1.0):
    """dT/dE, shape (k, k): the identity."""
    E, _, _ = FORMULA.checked(energies, weights, beta)
    return np.eye(len(E))


def integral_table_weights_gradient(energies, weights, beta=1.0):
    """dT/dw, shape (k, k): -1 / (beta w_j) on the diagonal."""
    _, w, beta = FORMULA.checked(energies, weights, beta)
    return np.diag(-1.0 / (beta * w))


def rules(energies, weights, beta):
    """A quadrature rule with negative weights has no energies."""
    require(np.all(weights > 0.0), "weights", weights, "must be positive")
    require_positive("beta", beta)


FORMULA = Formula(
    value=integral_table,
    signature="(k),(k),()->(k)",
    source="lecun2006, Section 2.1; quadrature is elementary",
    gradients={"energies": integral_table_energies_gradient, "weights": integral_table_weights_gradient},
    sample=lambda rng: {
        "energies": rng.normal(scale=2.0, size=3),
        "weights": rng.uniform(0.2, 3.0, size=3),
        "beta": rng.uniform(0.3, 3.0),
    },
    cases={  # (energies, weights, beta), T, (dT/dE, dT/dw), the mistake that it exposes
        "a unit weight changes nothing; a light node lies higher": Case(
            ([1.0, 1.0], [1.0, 0.5], 1.0),
            [1.0, 1.0 + np.log(2.0)],
            (np.eye(2), np.diag([-1.0, -2.0])),
            "weight added instead of subtracted",
        ),
        "a colder system cares less for the measure": Case(
            ([1.0, 1.0], [1.0, 0.5], 2.0), [1.0, 1.0 + np.log(2.0) / 2.0], exposes="temperature forgotten"
        ),
        "not a number": Case(([np.nan, 0.0], [1.0, 1.0], 1.0), [np.nan, 0.0]),
    },
    variants={
        "weight added instead of subtracted": Mistake(
            lambda E, w, beta=1.0: E + np.log(w) / beta,
            symptom="fine nodes weigh more than coarse ones: refining the grid changes the answer",
        ),
        "temperature forgotten": Mistake(
            lambda E, w, beta=1.0: E - np.log(w), symptom="right at beta = 1 alone"
        ),
        "energies weighted": Mistake(
            lambda E, w, beta=1.0: w * E, symptom="a quadrature of E, not of e^{-beta E}"
        ),
        "weights made to sum to 1": Mistake(
            lambda E, w, beta=1.0: E - np.log(w / np.sum(w)) / beta,
            symptom="a mean for the integral: the size of the space is lost",
        ),
    },
    rules=rules,
    refuses={
        "a weight of 0": (([1.0, 2.0], [1.0, 0.0]), "weights"),
        "no temperature": (([1.0, 2.0], [1.0, 1.0], 0.0), "beta"),
    },
)
