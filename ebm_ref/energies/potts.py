r"""Potts model: units of q colours, coupled where colours agree.

    E(y) = -sum_{i<j} J_{ij} [y_i = y_j] - sum_i h_i(y_i),   y_i in 0..q-1

    dE/dJ_{ij} = -1/2 [y_i = y_j]      where i != j, else 0
    dE/dh_i(a) = -[y_i = a]

The code sums over all i != j with a factor 1/2, so that J_{ij} and J_{ji} are one coupling in two halves,
each with its own derivative (boltzmann.py).  The diagonal is not read: a unit always agrees with itself.

For q = 2 this is the Ising model with half the coupling, since [y_i = y_j] = (1 + s_i s_j)/2:
J_Potts = 2 J_Ising, and the energies differ by the constant 1/2 sum_{i<j} J_Potts.  Forgetting that
factor 2 puts every transition at the wrong temperature: on the square lattice beta_c J = log(1 + sqrt 2)
for two colours of Potts, and half of that for Ising.

Source: Potts (1952), "Some Generalized Order-Disorder Transformations"; Wu (1982),
"The Potts model", Section I.
"""

import autograd.numpy as np

from ebm_ref.checks import require_index
from ebm_ref.energies.boltzmann import random_couplings
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import misfit
from ebm_ref.numerics import negated


def potts(couplings, fields, labels: int):
    """Energy of one configuration of colours.

    Parameters
    ----------
    couplings : (n, n) float
        J; J_ij > 0 favours equal colours.  Both halves, J_ij and J_ji; the diagonal is not read.
    fields : (n, q) float
        h_i(a) favours colour a of unit i.
    labels : (n,) int
        y, colours 0..q-1.

    Returns
    -------
    float
        -sum_{i<j} J_ij [y_i = y_j] - sum_i h_i(y_i), with (J_ij + J_ji)/2 for J_ij.

    Raises ValueError if a label is not in 0..q-1, or if a shape does not fit.

    >>> J = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> float(potts(J, np.array([[0.0, 0.0, 0.5], [0.0, 0.0, 0.25]]), np.array([2, 2])))
    -1.75
    """
    J, h, y = FORMULA.checked(couplings, fields, labels)
    return -0.5 * np.sum(np.where(agree(y), J, 0.0)) - np.sum(h[np.arange(len(y)), y])


def agree(y):
    """(n, n) bool, which two units have the same colour; no unit with itself."""
    return (y[:, None] == y) & ~np.eye(len(y), dtype=bool)


def potts_couplings_gradient(couplings, fields, labels: int):
    """dE/dJ, shape (n, n): -1/2 where two units agree, 0 on the diagonal."""
    _, _, y = FORMULA.checked(couplings, fields, labels)
    return negated(0.5 * agree(y))


def potts_fields_gradient(couplings, fields, labels: int):
    """dE/dh, shape (n, q): -1 at the colour of each unit."""
    _, h, y = FORMULA.checked(couplings, fields, labels)
    return negated(y[:, None] == np.arange(h.shape[1]))


def rules(couplings, fields, labels):
    """Colours that there are."""
    for y in labels:
        require_index("labels", y, fields.shape[1])


def random_sample(rng):
    """Three units of two colours."""
    J, h = random_couplings(rng, 3), rng.normal(scale=2.0, size=(3, 2))
    return {"couplings": J, "fields": h, "labels": rng.integers(2, size=3)}


def colours_renamed(formula, inputs, rng):
    """Renaming the colours, fields with them, changes nothing."""
    J, h, y = inputs.values()
    order = rng.permutation(h.shape[1])
    return misfit(formula, inputs, {"couplings": J, "fields": h[:, order], "labels": np.argsort(order)[y]})


def units_renamed(formula, inputs, rng):
    """Renaming the units changes nothing."""
    J, h, y = inputs.values()
    order = rng.permutation(len(y))
    return misfit(
        formula, inputs, {"couplings": J[np.ix_(order, order)], "fields": h[order], "labels": y[order]}
    )


def diagonal_not_read(formula, inputs, rng):
    """The diagonal of J is not read."""
    J = inputs["couplings"] + np.diag(rng.normal(scale=100.0, size=len(inputs["labels"])))
    return 0.0 if formula.value(**inputs | {"couplings": J}) == formula.value(**inputs) else np.inf


def with_pairs(J, h, y, agree, differ):
    """The energy in which a pair counts `agree` or `differ` times -(J_ij + J_ji)/2."""
    y, J = np.array(y), 0.5 * (J + J.T)
    pairs = np.triu(np.where(y[:, None] == y, agree * J, differ * J), 1)
    return -np.sum(pairs) - np.sum(h[np.arange(len(y)), y])


J3 = np.array([[0.0, 1.0, -2.0], [1.0, 0.0, 4.0], [-2.0, 4.0, 0.0]])
H3 = np.array([[0.5, 0.0], [0.0, 0.25], [8.0, -1.0]])

FORMULA = Formula(
    value=potts,
    signature="(n,n),(n,q),(n)->()",
    source="potts1952; wu1982, Section I",
    gradients={"couplings": potts_couplings_gradient, "fields": potts_fields_gradient},
    sample=random_sample,
    laws=(colours_renamed, units_renamed, diagonal_not_read),
    cases={  # (couplings, fields, labels), E, (dE/dJ, dE/dh), the mistake that it exposes
        "all of one colour: -(1 - 2 + 4)": Case(
            (J3, np.zeros((3, 2)), [1, 1, 1]),
            -3.0,
            (0.5 * np.eye(3) - 0.5, np.array([[0.0, -1.0]] * 3)),
            "each pair counted twice",
        ),
        "two agree: -4, and the fields of what they are": Case(
            (J3, H3, [0, 1, 1]),
            -4.0 - 0.5 - 0.25 + 1.0,
            ([[0.0, 0.0, 0.0], [0.0, 0.0, -0.5], [0.0, -0.5, 0.0]], [[-1.0, 0.0], [0.0, -1.0], [0.0, -1.0]]),
            "product of spins",
        ),
        "three colours, none alike: the couplings are silent": Case(
            (J3, np.zeros((3, 3)), [2, 0, 1]),
            0.0,
            (np.zeros((3, 3)), -np.eye(3)[[2, 0, 1]]),
            "cost of disagreement",
        ),
        "a triangle counts half": Case(
            (np.triu(J3), np.zeros((3, 2)), [0, 0, 0]), -1.5, exposes="one triangle read"
        ),
        "the diagonal is not read": Case(
            (np.full((2, 2), 3.0), np.zeros((2, 2)), [1, 1]),
            -3.0,
            {"couplings": [[0.0, -0.5], [-0.5, 0.0]]},
            "each unit agrees with itself",
        ),
        "one colour: always the same energy": Case(
            (J3, np.ones((3, 1)), [0, 0, 0]), -6.0, exposes="triangle in place of both halves"
        ),
        "a pair that differs": Case(
            (J3[:2, :2], np.zeros((2, 2)), [0, 1]),
            0.0,
            (np.zeros((2, 2)), -np.eye(2)),
            "disagreement counted",
        ),
        "not a number": Case((np.full((2, 2), np.nan), np.zeros((2, 2)), [1, 1]), np.nan),
    },
    variants={
        "each pair counted twice": Mistake(
            lambda J, h, y: with_pairs(J, h, y, 2.0, 0.0), symptom="couplings act as if twice as strong"
        ),
        "each unit agrees with itself": Mistake(
            lambda J, h, y: with_pairs(J, h, y, 1.0, 0.0) - 0.5 * np.trace(J),
            symptom="right where the diagonal is 0; else a constant",
        ),
        "product of spins": Mistake(
            lambda J, h, y: with_pairs(J, h, y, 1.0, -1.0),
            symptom="Ising's s_i s_j in place of [y_i = y_j]: for two colours twice the coupling",
        ),
        "cost of disagreement": Convention(
            lambda J, h, y: with_pairs(J, h, y, 0.0, -1.0),
            (lambda J, h, y: 0.5 * (np.array(y)[:, None] != np.array(y)), potts_fields_gradient),
            seen_in="Boykov, Veksler and Zabih (2001), the Potts interaction energy of graph cuts",
            symptom="higher by the constant sum_{i<j} J_ij",
        ),
        "disagreement counted": Mistake(
            lambda J, h, y: with_pairs(J, h, y, 0.0, 1.0),
            (lambda J, h, y: -0.5 * (np.array(y)[:, None] != np.array(y)), potts_fields_gradient),
            symptom="J > 0 drives colours apart",
        ),
        "one triangle read": Mistake(
            lambda J, h, y: with_pairs(2.0 * np.triu(J), h, y, 1.0, 0.0),
            symptom="right for symmetric couplings; what stands below the diagonal alone is lost",
        ),
        "triangle in place of both halves": Mistake(
            lambda J, h, y: with_pairs(np.triu(J), h, y, 1.0, 0.0),
            symptom="couplings act as if half as strong",
        ),
        "neighbours in a row alone": Mistake(
            lambda J, h, y: with_pairs(2.0 * np.diag(np.diag(J, 1), 1), h, y, 1.0, 0.0),
            symptom="a chain of units: all other pairs are not read",
        ),
        "colours on a circle": Mistake(
            lambda J, h, y: (
                -0.5
                * np.sum(J * (1.0 - np.eye(len(y))) * np.cos(2.0 * np.pi * (y[:, None] - y) / h.shape[1]))
                - np.sum(h[np.arange(len(y)), y])
            ),
            seen_in="the clock model, where it is meant",
            symptom="neighbouring colours agree in part: Ising's couplings for two, 3/2 of Potts's for three",
        ),
    },
    rules=rules,
    refuses={
        "a colour too many": ((J3, H3, [0, 1, 2]), "labels"),
        "a colour counted from the end": ((J3, H3, [0, 1, -1]), "labels"),
        "a colour that is no integer": ((J3, H3, [0.0, 1.0, 1.0]), "labels"),
        "a unit without fields": ((J3, H3[:2], [0, 1, 1]), "fields"),
    },
)
