r"""Pseudolikelihood of states: predict each unit of k states from all others.

    L(E, s)     = -sum_i log p_i(s_i)
                = sum_i (E_{i,s_i} + log sum_a e^{-E_{i,a}})
    dL/dE_{i,a} = [a = s_i] - p_i(a)
    p_i(a)      = e^{-E_{i,a}} / sum_b e^{-E_{i,b}}

s is a datum of n units, each in one of k states, as in a Potts model; row i of E holds the energies of the
k data that differ from it in unit i at most.  So E_{i,s_i} is the energy of the datum itself, the same in all
rows; but what is added to a row does not matter, and a row may just as well hold what unit i contributes.
L is a sum of cross-entropies, one for each unit, and Z is never summed over more than k states.

With two states it is pseudolikelihood.py, where D_i is the other state's energy less this one's.

Proteins and their coevolution are studied in this way.  In many programs each unit then has couplings of its
own, so that J_ij is estimated twice, and the two are averaged afterwards: another estimator, and faster.

Conventions: the sum over units, of one datum.

Source: Besag (1975); Ekeberg et al. (2013), "Improved contact prediction in proteins: Using pseudolikelihoods
to infer Potts models".
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require, require_index
from ebm_ref.criteria.cross_entropy import misplaced, surprise
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import negated, total


def pseudolikelihood_of_states(energies, states: int):
    """Negative log-pseudolikelihood of one datum of units of k states.

    Parameters
    ----------
    energies : (n, k) float, n >= 1, k >= 1
        E_{i,a}, the energy when unit i is in state a and all others are as in the datum; +inf where it
        cannot be.
    states : (n,) int
        s, the datum: a state in 0..k-1 of each unit.

    Returns
    -------
    float
        >= 0, in nats; n log(k) where all energies are alike, +inf where the datum is impossible.  A NaN
        gives NaN.

    Raises ValueError if there is no unit or no state, if a state is not in 0..k-1, if an energy is -inf, or
    if a unit has no possible state.

    >>> E = -np.log([[1.0, 2.0, 5.0], [3.0, 1.0, 0.5]])
    >>> float(pseudolikelihood_of_states(E, [1, 0]).round(12))  # log 4 + log 1.5
    1.791759469228
    """
    E, s = FORMULA.checked(energies, states)
    return total(np.array([surprise(-row, a) for row, a in zip(E, s, strict=True)]))


def pseudolikelihood_of_states_gradient(energies, states: int):
    """dL/dE, shape (n, k): [a = s_i] - p_i(a)."""
    E, s = FORMULA.checked(energies, states)
    return negated(np.array([misplaced(-row, a) for row, a in zip(E, s, strict=True)]))


def rules(energies, states):
    """Units, states that there are, and a possible one for each unit."""
    require(energies.size > 0, "energies", energies, "must hold one or more units, of one or more states")
    for state in states:
        require_index("states", state, energies.shape[1])
    require(not np.any(energies == -np.inf), "energies", energies, "must be above -inf")
    dead = np.any(np.all(energies == np.inf, axis=1))
    require(not dead, "energies", energies, "must leave each unit a possible state")


def random_states(rng):
    """2 to 4 units of 3 or 5 states."""
    n, k = int(rng.integers(2, 5)), int(rng.choice([3, 5]))
    n = n + (n == k)
    return {"energies": rng.normal(scale=2.0, size=(n, k)), "states": rng.integers(k, size=n)}


def levels_do_not_matter(formula, inputs, rng):
    """Whatever is added to all states of one unit changes nothing."""
    E = inputs["energies"] + rng.normal(scale=8.0, size=(len(inputs["states"]), 1))
    return laws.misfit(formula, inputs, inputs | {"energies": E})


def states_renamed(formula, inputs, rng):
    """Renaming the states of all units changes nothing, nor does renaming units."""
    E, s = inputs["energies"], inputs["states"]
    order, units = rng.permutation(E.shape[1]), rng.permutation(len(s))
    renamed = {"energies": E[np.ix_(units, order)], "states": np.argsort(order)[s[units]]}
    return laws.misfit(formula, inputs, renamed)


LOG2, LOG3, LOG5 = np.log([2.0, 3.0, 5.0])

FORMULA = Formula(
    value=pseudolikelihood_of_states,
    signature="(n,k),(n)->()",
    source="besag1975; ekeberg2013",
    gradients={"energies": pseudolikelihood_of_states_gradient},
    sample=random_states,
    laws=(laws.non_negative, laws.convex_in("energies"), levels_do_not_matter, states_renamed),
    cases={  # (energies, states), L, dL/dE, the mistake that it exposes
        "odds of 1, 2 and 5, and of 3, 1 and 4": Case(
            ([[0.0, -LOG2, -LOG5], [-LOG3, 0.0, -2.0 * LOG2]], [1, 0]),
            2.0 * LOG2 + np.log(8.0 / 3.0),
            [[-0.125, 0.75, -0.625], [0.625, -0.125, -0.5]],
            "energies taken for scores",
        ),
        "two units of two states that copy each other: n log 4/3": Case(
            ([[-LOG3, 0.0], [-LOG3, 0.0]], [0, 0]),
            2.0 * np.log(4.0 / 3.0),
            [[0.25, -0.25]] * 2,
            "mean over the units",
        ),
        "a state of each unit is its own, not the first unit's": Case(
            ([[0.0, -LOG3, 0.0], [0.0, 0.0, -LOG3]], [1, 2]),
            2.0 * np.log(5.0 / 3.0),
            [[-0.2, 0.4, -0.2], [-0.2, -0.2, 0.4]],
            "one normaliser for all units",
        ),
        "certain, and hopeless": Case(
            ([[0.0, 40.0], [0.0, 800.0], [0.0, 0.0]], [0, 1, 1]),
            800.0 + LOG2,
            [[4.248354255291589e-18, -4.248354255291589e-18], [-1.0, 1.0], [-0.5, 0.5]],
            "normalised over the units",
        ),
        "an impossible state of a unit": Case(
            ([[0.0, np.inf, 0.0], [0.0, 0.0, 0.0]], [0, 2]),
            LOG2 + LOG3,
            [[0.5, 0.0, -0.5], [-1 / 3, -1 / 3, 2 / 3]],
        ),
        "an impossible datum": Case(([[0.0, np.inf], [0.0, 0.0]], [1, 0]), np.inf),
        "not a number": Case(([[0.0, np.nan], [0.0, 0.0]], [0, 1]), np.nan),
    },
    variants={
        "energies taken for scores": Mistake(
            lambda E, s: sum(surprise(row, a) for row, a in zip(E, s, strict=True)),
            {"energies": lambda E, s: np.array([misplaced(row, a) for row, a in zip(E, s, strict=True)])},
            symptom="every unit is taught to avoid its state",
        ),
        "one normaliser for all units": Mistake(
            lambda E, s: -np.sum(np.log(np.exp(-E)[np.arange(len(s)), s] / np.sum(np.exp(-E)))),
            symptom="a softmax over the whole table: L is too large by n log n and more, units compete",
        ),
        "normalised over the units": Mistake(
            lambda E, s: sum(surprise(-E[:, a], i) for i, a in enumerate(s)),
            symptom="a softmax along the wrong axis: the columns of the gradient sum to 0, and not its rows",
        ),
        "mean over the units": Convention(
            lambda E, s: np.mean([surprise(-row, a) for row, a in zip(E, s, strict=True)]),
            {"energies": lambda E, s: pseudolikelihood_of_states_gradient(E, s) / len(s)},
            seen_in="Sohl-Dickstein/Minimum-Probability-Flow-Learning, PL_RBM.m",
            symptom="the same minimum; comparable between data of different length",
        ),
        "own state left out of the sum": Mistake(
            lambda E, s: np.sum(
                [E[i, a] + np.log(np.sum(np.exp(-np.delete(E[i], a)))) for i, a in enumerate(s)]
            ),
            symptom="the logarithm of the odds: no lower bound",
        ),
        "own state against each other one": Mistake(
            lambda E, s: np.sum(
                [np.logaddexp(0.0, E[i, a] - np.delete(E[i], a)).sum() for i, a in enumerate(s)]
            ),
            symptom="right for two states",
        ),
    },
    rules=rules,
    refuses={  # (energies, states), the argument to blame
        "no unit": ((np.zeros((0, 2)), np.zeros(0, int)), "energies"),
        "no state": ((np.zeros((1, 0)), [0]), "energies"),
        "a state beyond the last": (([[0.0, 1.0], [1.0, 0.0]], [0, 2]), "states"),
        "a state counted from the end": (([[0.0, 1.0], [1.0, 0.0]], [0, -1]), "states"),
        "states that are no integers": (([[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0]), "states"),
        "an energy without bottom": (([[0.0, -np.inf], [1.0, 0.0]], [0, 1]), "energies"),
        "a unit without a possible state": (([[np.inf, np.inf], [1.0, 0.0]], [0, 1]), "energies"),
        "fewer states than units": (([[0.0, 1.0], [1.0, 0.0]], [0]), "states"),
    },
)
