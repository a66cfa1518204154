r"""Shortcuts on a chain: what is taken for the best sequence, or for the sum of all, and is neither.

    each moment for itself     z_t = argmin_j u[t, j]
    the cheapest each time     z_t = argmin_j (u[t, j] + P[z_{t-1}, j])
    wrong at every moment      z_t != y_t for all t,  not z != y
    wrong at one moment        z_t != y_t for one t

    the marginals of two       p(z_t = i) p(z_{t+1} = j),  not p(z_t = i, z_{t+1} = j)
    the past alone             p(z_t = j | u_1 .. u_t),    not p(z_t = j | u)

Each costs less than the search or sum that it stands for, and agrees with it where the pairwise energies are
0.  A loss that compares the right sequence with one that is not the best may be negative; a gradient from
marginals that are not those of the chain does not vanish where the model is right.

The tables below hold these, and other slips, for the pages that follow (chain_nll.py, chain_margin.py).

Source: LeCun et al. (2006), Section 7, for what the right search is; Rabiner (1989), Section III, for the
difference between filtered and smoothed probabilities.
"""

import numpy as np

from ebm_ref.energies.chain import energy_of, one_hot
from ebm_ref.exact.chain import best_labels, free_energy, lowest_energy, marginals
from ebm_ref.formula import Mistake
from ebm_ref.numerics import log_softmax, logsumexp, softmax


def one_by_one(u, P, y, beta=1.0):
    """Each label's own -log p given the one before: a normaliser for each moment, none for the sequence."""
    levels = [u[0], *(row + P[before] for row, before in zip(u[1:], y[:-1], strict=True))]
    return -sum(log_softmax(-beta * E)[label] for E, label in zip(levels, y, strict=True)) / beta


def cheapest_each_time(u, P):
    """The sequence whose every label is the best one after the label before.

    >>> cheapest_each_time(np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[8.0, 9.0], [0.0, 1.0]])).tolist()
    [0, 0]
    """
    z = [np.argmin(u[0])]
    for row in u[1:]:
        z.append(np.argmin(row + P[z[-1]]))
    return np.array(z)


def wrong_everywhere(u, P, y):
    """The best of the sequences that are wrong at every moment.

    >>> wrong_everywhere(np.zeros((2, 2)), np.zeros((2, 2)), np.array([0, 1])).tolist()
    [1, 0]
    """
    return best_labels(np.where(one_hot(y, len(P)) == 1.0, np.inf, u), P)


def wrong_once(u, P, y):
    """The best of the sequences that are wrong at one moment.

    >>> wrong_once(np.array([[0.0, 2.0], [0.0, 1.0]]), np.zeros((2, 2)), np.array([0, 0])).tolist()
    [0, 1]
    """
    y = np.array(y)
    others = [
        np.where(np.arange(len(y)) == t, j, y) for t in range(len(y)) for j in range(len(P)) if j != y[t]
    ]
    return min(others, key=lambda z: energy_of(u, P, z))


def filtered(u, P, beta):
    """(t, k) probability of each label at each moment, given the moments up to it.

    >>> filtered(np.zeros((2, 2)), np.array([[0.0, np.inf], [0.0, 0.0]]), 1.0).tolist()
    [[0.5, 0.5], [0.6666666666666666, 0.3333333333333333]]
    """
    rows = [-beta * u[0]]
    for row in u[1:]:
        rows.append(np.array([logsumexp(rows[-1] - beta * into) for into in P.T]) - beta * row)
    return np.array([softmax(row) for row in rows])


def of_two_marginals(u, P, y, beta):
    """(k, k) transitions of y, less those of two labels drawn each for itself."""
    p = marginals(u, P, beta)[0]
    q = one_hot(y, len(P))
    return np.dot(q[:-1].T, q[1:]) - np.dot(p[:-1].T, p[1:])


def without(u, t):
    """The unary energies, 0 at one moment."""
    u = np.array(u)
    u[t] = 0.0
    return u


def against(search):
    """E(y) less the energy of the sequence that a search finds."""
    return lambda u, P, y: energy_of(u, P, y) - energy_of(u, P, search(u, P, y))


def with_margin(search):
    """The hinge of that difference."""
    return lambda u, P, y, m=1.0: max(0.0, m + against(search)(u, P, y))


def hinge_of_each(u, P, y, m=1.0):
    """The hinge of each moment's unary energies, added up."""
    wrong = [np.min(np.delete(row, label)) for row, label in zip(u, y, strict=True)]
    return np.sum(np.maximum(0.0, m + u[np.arange(len(y)), y] - np.array(wrong)))


def one_less(u, P, y, beta):
    """The nll of what is left of a chain."""
    return energy_of(u, P, y) - free_energy(u, P, beta)


def pseudolikelihood(u, P, y, beta=1.0):
    """The nll of each label, given the labels before and after it, added up."""
    before = [np.zeros(len(P)), *P[y[:-1]]]
    after = [*P.T[y[1:]], np.zeros(len(P))]
    logits = -beta * (u + np.array(before) + np.array(after))
    return -sum(log_softmax(row)[label] for row, label in zip(logits, y, strict=True)) / beta


OF_SUMS = {
    "first moment left out of the normaliser": Mistake(
        lambda u, P, y, beta=1.0: energy_of(u, P, y) - free_energy(without(u, 0), P, beta),
        symptom="the recursion starts from zeros, the energy of y does not: a loss that may be negative",
    ),
    "last moment left out of the normaliser": Mistake(
        lambda u, P, y, beta=1.0: energy_of(u, P, y) - free_energy(without(u, -1), P, beta),
        symptom="a loop that ends one moment early: a loss that may be negative",
    ),
    "right sequence closed to a ring": Mistake(
        lambda u, P, y, beta=1.0: energy_of(u, P, y) + P[y[-1], y[0]] - free_energy(u, P, beta),
        symptom="np.roll pairs the last label with the first, in E(y) alone",
    ),
    "each label given its neighbours": Mistake(
        pseudolikelihood, symptom="the pseudolikelihood: no sum over sequences, and no probability of one"
    ),
    "last moment left out throughout": Mistake(
        lambda u, P, y, beta=1.0: one_less(u[:-1], P, y[:-1], beta) if len(y) > 1 else 0.0,
        symptom="a loop that ends one moment early, in both terms",
    ),
    "marginals of two moments multiplied": Mistake(
        gradients={"pairwise": lambda u, P, y, beta=1.0: of_two_marginals(u, P, y, beta)},
        symptom="labels taken to be independent: no rest where the model is right",
    ),
    "filtered, not smoothed": Mistake(
        gradients={"unary": lambda u, P, y, beta=1.0: one_hot(y, len(P)) - filtered(u, P, beta)},
        symptom="the forward pass alone: what follows does not tell what went before",
    ),
}

OF_SEARCHES = {
    "each moment for itself": Mistake(
        against(lambda u, P, y: np.argmin(u, axis=1)),
        symptom="a negative loss: argmin of the unary energies is not the answer of a chain",
    ),
    "cheapest label each time": Mistake(
        against(lambda u, P, y: cheapest_each_time(u, P)),
        symptom="greedy for Viterbi: a loss that may be negative",
    ),
    "transitions turned in the search": Mistake(
        lambda u, P, y: energy_of(u, P, y) - lowest_energy(u, P.T)[0],
        symptom="right for symmetric tables; else y is compared with a sequence of another chain",
    ),
    "all sequences, softly": Mistake(
        lambda u, P, y: energy_of(u, P, y) - free_energy(u, P),
        symptom="the forward algorithm for Viterbi: a likelihood at beta = 1",
    ),
}

OF_OFFENDERS = {
    "wrong at every moment": Mistake(
        with_margin(wrong_everywhere),
        symptom="the right label forbidden at each moment: a sequence with one wrong label offends nobody",
    ),
    "wrong at one moment": Mistake(
        with_margin(wrong_once), symptom="the neighbours of y alone: two wrong labels that agree are not seen"
    ),
    "a hinge for each moment": Mistake(
        hinge_of_each, symptom="k-class hinges of the unary energies, added up: transitions are never learned"
    ),
}

OF_COSTS = {
    "all sequences, softly": Mistake(
        lambda u, P, y, cost=1.0: energy_of(u, P, y) - free_energy(u - cost * (one_hot(y, len(P)) == 0), P),
        symptom="the softmax margin: log sum for max, so never 0",
    )
}
