r"""Hopfield network: memories as minima of an energy.

    E(s) = -s'J s/2 - h.s,        s_i = -1 or 1

    dE/dJ = -s s'/2
    dE/dh = -s

    E(s, but s_i turned over) - E(s)
        = s_i (sum_{j != i} (J_{ij} + J_{ji}) s_j + 2 h_i)

A symmetric J with zero diagonal holds memories.  Hebb's rule writes patterns x into it, each a state of
the n spins: J = (1/n) sum x x' without the diagonal.  If the patterns are few and unlike, each is then a
local minimum.  From a damaged pattern `recall` turns over one spin after the other while the energy falls,
and finds the way back to the whole.  It must end: there are finitely many states, and the energy never
rises.  -x is remembered along with x.

To write a pattern by Hebb's rule is to descend: -dE/dJ = s s'/2.  Nothing is pulled up anywhere, so
false memories appear between the true ones; a Boltzmann machine unlearns them.

The half makes every pair count once.  A diagonal adds -(sum_i J_{ii})/2 to every state alike: it does
not change which is lowest.  But a rule that sets s_i to the sign of (J s + h)_i feels it.

Source: Hopfield (1982), "Neural networks and physical systems with emergent collective computational
abilities".
"""

import autograd.numpy as np

from ebm_ref.checks import real, require, require_index
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, homogeneous, misfit


def hopfield(couplings, fields, spins):
    """Energy of one state.

    Parameters
    ----------
    couplings : (n, n) float
        J, symmetric with zero diagonal in a network; any square matrix is accepted.
    fields : (n,) float
        h, what draws each spin on its own.
    spins : (n,) int
        s, each -1 or 1.

    Returns
    -------
    float
        -s' J s/2 - h.s.

    Raises ValueError if a spin is not -1 or 1, or if a shape does not fit.

    >>> J = np.array([[0.0, 2.0], [2.0, 0.0]])
    >>> [float(hopfield(J, np.array([0.5, 0.0]), np.array(s))) for s in ([1, 1], [-1, -1], [1, -1])]
    [-2.5, -1.5, 1.5]
    """
    J, h, s = FORMULA.checked(couplings, fields, spins)
    return -0.5 * np.dot(s, np.dot(J, s)) - np.dot(h, s)


def hopfield_couplings_gradient(couplings, fields, spins):
    """dE/dJ, shape (n, n): -s s'/2, every entry of J for itself."""
    _, _, s = FORMULA.checked(couplings, fields, spins)
    return -0.5 * np.outer(s, s)


def hopfield_fields_gradient(couplings, fields, spins):
    """dE/dh, shape (n,): -s."""
    _, _, s = FORMULA.checked(couplings, fields, spins)
    return -s


def rules(couplings, fields, spins):
    """Spins, up or down."""
    require(np.all(np.abs(spins) == 1.0), "spins", spins, "must be -1 or 1 each")


def hebb(patterns):
    """J = (1/n) sum x x' of patterns (p, n), the diagonal left out.

    >>> hebb(np.array([[1, 1, -1]])).round(3).tolist()
    [[0.0, 0.333, -0.333], [0.333, 0.0, -0.333], [-0.333, -0.333, 0.0]]
    """
    x = real("patterns", patterns, "p", "n")
    n = x.shape[1]
    return np.dot(x.T, x) * (1.0 - np.eye(n)) / n


def energy_of_a_flip(couplings, fields, spins, site):
    """E(s with s_i turned over) - E(s), in n steps instead of n^2; the diagonal plays no part.

    >>> J = np.array([[0.0, 2.0], [2.0, 0.0]])
    >>> float(energy_of_a_flip(J, np.array([0.5, 0.0]), np.array([1, 1]), 1))  # 1.5 - (-2.5)
    4.0
    """
    J, h, s = FORMULA.checked(couplings, fields, spins)
    require_index("site", site, len(s))
    return flip(J, h, s, site)


def flip(J, h, s, i):
    """E(s with s_i turned over) - E(s), of what was checked."""
    others = np.where(np.arange(len(s)) == i, 0.0, s)
    return s[i] * (np.dot(J[i] + J[:, i], others) + 2.0 * h[i])


def recall(couplings, fields, spins):
    """Turn over one spin after the other, in order, while that lowers the energy; a local minimum.

    >>> pattern = np.array([1, 1, -1, -1, 1])
    >>> recall(hebb(pattern[None]), np.zeros(5), np.array([-1, 1, -1, -1, 1])).tolist()
    [1, 1, -1, -1, 1]
    """
    J, h, s = FORMULA.checked(couplings, fields, spins)
    s, moved = s.copy(), True
    while moved:
        moved = False
        for i in range(len(s)):
            if flip(J, h, s, i) < 0.0:
                s[i], moved = -s[i], True
    return s.astype(int)


def turned_over(formula, inputs, rng):
    """E(-s; J, -h) = E(s; J, h): without fields a state and its negative are alike."""
    return misfit(formula, inputs, inputs | {"spins": -inputs["spins"], "fields": -inputs["fields"]})


def gauged(formula, inputs, rng):
    """E(s g; g J g, g h) = E(s; J, h) for every g of -1 and 1: any pattern may be called all ones."""
    g = rng.choice([-1, 1], size=len(inputs["spins"]))
    others = {
        "couplings": np.outer(g, g) * inputs["couplings"],
        "fields": g * inputs["fields"],
        "spins": g * inputs["spins"],
    }
    return misfit(formula, inputs, inputs | others)


def a_flip_is_a_difference(formula, inputs, rng):
    """energy_of_a_flip is the difference of two energies, at every site."""
    worst = 0.0
    for i in range(len(inputs["spins"])):
        turned = inputs | {"spins": np.where(np.arange(len(inputs["spins"])) == i, -1, 1) * inputs["spins"]}
        difference = formula.value(**turned) - formula.value(**inputs)
        worst = max(worst, abs(energy_of_a_flip(**inputs, site=i) - difference))
    return worst / (32 * UNIT * condition(formula, inputs))


def random_network(rng):
    """Three spins, couplings that need not be symmetric, and fields."""
    return {
        "couplings": rng.normal(size=(3, 3)),
        "fields": rng.normal(size=3),
        "spins": rng.choice([-1, 1], size=3),
    }


PAIR = {"couplings": np.array([[0.0, 2.0], [2.0, 0.0]]), "fields": np.array([0.5, 0.0])}


def _reading(part):
    """The energy in which a pair counts what is read of the matrix, once."""
    return lambda J, h, s: -np.dot(s, np.dot(part(J), s)) - np.dot(h, s)


MISREAD = {  # as common among Boltzmann machines
    "half above the diagonal read": Mistake(
        _reading(lambda J: np.triu(J, 1)), symptom="right for symmetric couplings without a diagonal"
    ),
    "half below the diagonal read": Mistake(
        _reading(lambda J: np.tril(J, -1)), symptom="right for symmetric couplings without a diagonal"
    ),
    "half above the diagonal read, and the diagonal": Mistake(
        _reading(np.triu), symptom="a loop from j = i on: right for symmetric couplings without a diagonal"
    ),
    "neighbours in a row alone": Mistake(
        _reading(lambda J: np.diag(np.diag(J, 1), 1)),
        symptom="a chain of spins: all other pairs are not read",
    ),
    "neighbours in a ring alone": Mistake(
        _reading(lambda J: J * (np.arange(len(J)) == (np.arange(len(J))[:, None] + 1) % len(J))),
        symptom="a chain that is closed: all other pairs are not read; of two spins the pair twice",
    ),
}

FORMULA = Formula(
    value=hopfield,
    signature="(n,n),(n),(n)->()",
    source="hopfield1982",
    gradients={"couplings": hopfield_couplings_gradient, "fields": hopfield_fields_gradient},
    sample=random_network,
    laws=(turned_over, gauged, a_flip_is_a_difference, homogeneous(1, couplings=1, fields=1)),
    cases={  # (couplings, fields, spins), E, (dE/dJ, dE/dh), the mistake that it exposes
        "a pair that agrees, with the field": Case(
            PAIR | {"spins": np.array([1, 1])},
            -2.5,
            (np.full((2, 2), -0.5), [-1.0, -1.0]),
            "every pair counted twice",
        ),
        "a pair that agrees, against the field": Case(
            PAIR | {"spins": np.array([-1, -1])}, -1.5, exposes="sign of the field lost"
        ),
        "a pair that disagrees": Case(
            PAIR | {"spins": np.array([1, -1])},
            1.5,
            ([[-0.5, 0.5], [0.5, -0.5]], [-1.0, 1.0]),
            "sign of the couplings lost",
        ),
        "one direction alone coupled: half of it counts": Case(
            ([[0.0, 2.0], [0.0, 0.0]], np.zeros(2), [1, 1]), -1.0
        ),
        "a diagonal lowers every state alike": Case(
            (np.diag([2.0, 4.0]), np.zeros(2), [1, -1]), -3.0, exposes="diagonal left out"
        ),
        "not a number": Case((np.zeros((2, 2)), [np.nan, 0.0], [1, 1]), np.nan),
    },
    variants={
        "every pair counted twice": Mistake(
            lambda J, h, s: -np.dot(s, np.dot(J, s)) - np.dot(h, s),
            symptom="the half forgotten: couplings count double beside the fields, at any temperature",
        ),
        "sign of the couplings lost": Mistake(
            lambda J, h, s: 0.5 * np.dot(s, np.dot(J, s)) - np.dot(h, s), symptom="memories are maxima"
        ),
        "diagonal left out": Convention(
            lambda J, h, s: -0.5 * np.dot(s, np.dot(J - np.diag(np.diag(J)), s)) - np.dot(h, s),
            (lambda J, h, s: -0.5 * np.outer(s, s) * (1.0 - np.eye(len(s))), lambda J, h, s: -1.0 * s),
            seen_in="Hopfield (1982), where T_ii = 0",
            symptom="a constant apart",
        ),
        "sign of the field lost": Mistake(
            lambda J, h, s: -0.5 * np.dot(s, np.dot(J, s)) + np.dot(h, s),
            symptom="units turn away from their inputs: a threshold taken for a field",
        ),
        **MISREAD,
        "bits taken for spins": Mistake(
            lambda J, h, s: (lambda x: -0.5 * np.dot(x, np.dot(J, x)) - np.dot(h, x))(0.5 * (s + 1.0)),
            symptom="half of the couplings, and fields that nobody gave",
        ),
    },
    rules=rules,
    refuses={
        "a bit": (PAIR | {"spins": [1, 0]}, "spins"),
        "a spin that is no number": (PAIR | {"spins": [1.0, np.nan]}, "spins"),
        "a field for another number of spins": ((np.ones((2, 2)), [1.0], [1, -1]), "fields"),
        "couplings that are not square": ((np.ones((2, 1)), [1.0, 1.0], [1, -1]), "couplings"),
    },
)
