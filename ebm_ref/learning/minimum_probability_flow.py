r"""Minimum probability flow: let as little probability as possible leave the data.

    L(D) = sum_j e^{-D_j / 2},            D_j = E(x_j) - E(x)
    dL/dD_j = -e^{-D_j / 2} / 2

x is a datum and x_1, ..., x_m are its neighbours that are not data themselves; D is the vector of their
energy differences.  Start a Markov process at the data that has the model as its stationary law, with the
rate e^{(E(x) - E(x_j))/2} of going from x to a neighbour x_j.  (Detailed balance: the rates back and forth
have the ratio p(x_j) / p(x).)  L is the rate at which x loses probability to states without data.  Averaged
over the data it is the growth of KL(data | process) at time 0, by which a model can be judged without ever
running the process.

Only neighbours without data count, since what flows between data is not lost.  `mean_flow` leaves them out.
With many units and few data no two of these are neighbours, and nobody notices.

For linear energies the loss is convex in the parameters, as pseudolikelihood is.  One datum with an energy
far above a neighbour outweighs all others: see flips.py.  Beyond D = -1419 the loss overflows to inf.

Conventions: the step epsilon of the process is 1, and the mean over the data is the caller's.  Song and
Kingma (2021) print the sum with E_j - E_i where j is the datum: the same, -D.

Source: Sohl-Dickstein, Battaglino and DeWeese (2011), "Minimum Probability Flow Learning".
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import real, require
from ebm_ref.energies.rbm import check_bits
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.learning.flips import (
    adds_up,
    always_downhill,
    bit_flips,
    check_differences,
    neighbours_renamed,
    random_differences,
    refusals,
)
from ebm_ref.numerics import total


def minimum_probability_flow(differences):
    """Probability flow from one datum to neighbours that are not data.

    Parameters
    ----------
    differences : (m,) float, m >= 1
        D_j = E(x_j) - E(x), neighbour less datum; +inf where a neighbour is impossible: nothing flows there.

    Returns
    -------
    float
        >= 0; m where all energies are alike.

    Raises ValueError if there is no neighbour, or if a difference is -inf or no number: an impossible datum.

    >>> float(minimum_probability_flow(np.log([4.0, 1.0 / 9.0])).round(12))  # 1/2 + 3
    3.5
    """
    (D,) = FORMULA.checked(differences)
    return total(np.exp(-0.5 * D))


def minimum_probability_flow_gradient(differences):
    """dL/dD, shape (m,): -e^{-D_j / 2} / 2."""
    (D,) = FORMULA.checked(differences)
    return -0.5 * np.exp(-0.5 * D)


def mean_flow(energy, data, between_data=False):
    """Mean over the data of the flow to states that differ in one bit and are not data.

    Parameters
    ----------
    energy : callable
        Function of n bits.
    data : (m, n) float
        Rows of bits, 0 or 1; rows may repeat.
    between_data : bool
        Count the flow to neighbours that are data, too: another loss, which is faster to compute.

    Returns
    -------
    float

    Raises ValueError if there are no data, if they are no bits, or if the energy of one is infinite.

    >>> flat, data = lambda x: 0.0, [[0, 0], [0, 1]]
    >>> mean_flow(flat, data), mean_flow(flat, data, between_data=True)
    (1.0, 2.0)
    """
    X = real("data", data, "m", "n")
    require(X.size > 0, "data", X, "must hold one or more rows of bits")
    check_bits("data", X)
    known = set() if between_data else set(map(tuple, X))
    return float(np.mean([_flow(bit_flips(energy, x), x, known) for x in X]))


def _flow(D, x, known):
    """The flow out of one datum, to neighbours that are not known."""
    turned = np.abs(x - np.eye(len(x)))
    leaves = np.array([tuple(row) not in known for row in turned])
    return np.sum(np.exp(-0.5 * D[leaves]))


def rules(differences):
    """Neighbours, and a datum that is possible."""
    check_differences("differences", differences)


LOG4, LOG9, LOG16 = np.log([4.0, 9.0, 16.0])

FORMULA = Formula(
    value=minimum_probability_flow,
    signature="(m)->()",
    source="sohldickstein2011",
    gradients={"differences": minimum_probability_flow_gradient},
    sample=random_differences("differences"),
    laws=(laws.non_negative, laws.convex_in("differences"), neighbours_renamed, always_downhill, adds_up),
    cases={  # D, L, dL/dD, the mistake that it exposes
        "ratios of 4 and of 1/9: 1/2 + 3": Case(
            ([LOG4, -LOG9],), 3.5, [-0.25, -1.5], "datum and neighbour exchanged"
        ),
        "as good, and sixteen times better: 1 + 1/4": Case(
            ([0.0, LOG16],), 1.25, [-0.5, -0.125], "half left out of the exponent"
        ),
        "three neighbours, one far above": Case(
            ([0.0, 80.0, LOG4],), 1.5 + np.exp(-40.0), [-0.5, -2.1241771276457944e-18, -0.25]
        ),
        "a neighbour that is impossible": Case(([np.inf, 0.0, 0.0],), 2.0, [-0.0, -0.5, -0.5]),
        "beyond what float64 holds": Case(([-2000.0, 0.0],), np.inf, [-np.inf, -0.5]),
    },
    variants={
        "datum and neighbour exchanged": Mistake(
            lambda D: np.sum(np.exp(0.5 * D)),
            {"differences": lambda D: 0.5 * np.exp(0.5 * D)},
            symptom="E_j - E_i read with j the neighbour: the data are pushed up",
        ),
        "half left out of the exponent": Mistake(
            lambda D: np.sum(np.exp(-D)),
            {"differences": lambda D: -np.exp(-D)},
            symptom="no process with these rates keeps the model; not consistent",
        ),
        "mean over the neighbours": Convention(
            lambda D: np.mean(np.exp(-0.5 * D)),
            {"differences": lambda D: -0.5 * np.exp(-0.5 * D) / len(D)},
            symptom="a process that is m times as slow",
        ),
        "Metropolis rates": Mistake(
            lambda D: np.sum(np.minimum(1.0, np.exp(-D))),
            {"differences": lambda D: np.where(D > 0.0, -np.exp(-D), 0.0)},
            symptom="min(1, e^{-D}): a neighbour that is lower costs 1, and is not pulled up",
        ),
    },
    rules=rules,
    refuses=refusals("differences"),
)
