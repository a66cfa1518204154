r"""Energy loss: push down on the correct answer, and do nothing else.

    L(E, y) = E_y
    dL/dE_j = [j = y]

The simplest loss of all, and the only one under which 'train' and 'minimise the energy' mean the
same.  It works when the architecture itself keeps wrong answers up: in regression, where E is a
parabola of fixed shape that can only move, or on RBF outputs with distinct fixed centres.  A more
flexible model can make E flat and low everywhere, and this loss will not stop it: it collapses.

Source: LeCun et al. (2006), Section 2.2 and Table 1 (margin: none).
"""

import autograd.numpy as np

from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in_energies, homogeneous, permutation_invariant
from ebm_ref.losses.table import NO_TABLES, check_table, random_table


def energy(energies, label: int):
    """Energy loss of one sample.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        Energy E_j of each answer; lower is better.  Only E_y is read, so a NaN elsewhere is harmless.
    label : int
        Index y of the correct answer.

    Returns
    -------
    float
        E_y, of either sign.

    Raises ValueError if k < 2, or if `label` is not in 0..k-1.

    >>> float(energy(np.array([1.0, 0.5, 2.0, 3.0]), label=0))
    1.0
    """
    E, y = FORMULA.checked(energies, label)
    return E[y]


def energy_gradient(energies, label: int):
    """dL/dE, shape (k,): 1 at y, zero elsewhere.  Nothing is ever pulled up."""
    E, y = FORMULA.checked(energies, label)
    g = np.zeros(len(E))
    g[y] = 1.0
    return g


FORMULA = Formula(
    value=energy,
    signature="(k),()->()",
    source="lecun2006, Section 2.2 and Table 1",
    gradients={"energies": energy_gradient},
    sample=random_table,
    laws=(convex_in_energies, permutation_invariant, homogeneous(1, energies=1)),
    cases={  # (energies, label), L, dL/dE, the mistake that it exposes
        "four answers": Case(
            ([1.0, 0.5, 2.0, 3.0], 0), 1.0, [1.0, 0.0, 0.0, 0.0], "energy of the whole system"
        ),
        "the model errs, the loss does not see it": Case(
            ([-7.0, -2.0], 1), -2.0, exposes="energy of the answer given"
        ),
        "an impossible correct answer": Case(([0.0, np.inf], 1), np.inf),
        "a NaN at y": Case(([np.nan, 0.0], 0), np.nan),
        "a NaN elsewhere is not read": Case(([np.nan, 4.0], 1), 4.0),
    },
    variants={
        "energy of the whole system": Mistake(
            lambda E, y: np.mean(E),
            {"energies": lambda E, y: np.full(len(E), 1.0 / len(E))},
            seen_in="'Deep Learning 11: Energy-Based Learning (1)': 'minimize the whole energy'",
            symptom="wrong answers are pushed down as hard as the right one",
        ),
        "energy of the answer given": Mistake(
            lambda E, y: np.min(E),
            {"energies": lambda E, y: np.eye(len(E))[np.argmin(E)]},
            symptom="the model is rewarded for whatever it says",
        ),
        "energy less the mean of all": Mistake(
            lambda E, y: E[y] - np.mean(E), symptom="every answer is pulled up alike: no lower bound"
        ),
    },
    rules=check_table,
    refuses=NO_TABLES,
)
