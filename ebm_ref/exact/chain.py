r"""Exact inference on a chain: sums and minima over k^t sequences of labels in t k^2 steps.

    F      = -(1/beta) log sum_y e^{-beta E(y)},   p(y) = e^{-beta (E(y) - F)}
    V_t(i) = u[t, i] + min_j (P[i, j] + V_{t+1}(j))       energy to go: Viterbi
    a_t(j) = e^{-beta u[t, j]} sum_i a_{t-1}(i) e^{-beta P[i, j]}       forward
    p(y_t = j) = dF/du[t, j],   sum_t p(y_t = i, y_{t+1} = j) = dF/dP[i, j]

What a sequence costs from moment t on depends on what came before through its label at t alone.  So
the best ways to go on, one for each label, are all that a minimum over sequences needs; and sums of
ways all that a sum over sequences needs.  The two recursions differ in one word, min or sum.

All is counted from the best sequence: its labels' energies are taken off each moment's and its
transitions' off each pair's, so that it has energy 0 throughout.  Energies of 1e8 cancel before
they meet an exponential.  Sums are pairs (1 + r) e^c (numerics.scaled_sum), which neither overflow nor
lose what is small beside the best.  So F - E_min keeps its digits however large beta is, and at the
other end log-sums of all sequences alike are exact counts.

Every answer is checked against the same sum written out: chain_enumeration.py.

Source: Viterbi (1967); Baum et al. (1970); Rabiner (1989), Section III; LeCun et al. (2006), Section 6.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_finite_sum, require_positive
from ebm_ref.energies.chain import chain, check_chain
from ebm_ref.numerics import scaled_sum


def viterbi(unary, pairwise):
    """The sequence of lowest energy.

    Parameters
    ----------
    unary : (t, k) float
        Energy of each label at each moment; +inf forbids.
    pairwise : (k, k) float
        Energy of label j right after label i; +inf forbids.

    Returns
    -------
    float, (t,) int
        Energy and labels; of equals the first in the order of a dictionary, as far as sums in floating
        point show them equal.  +inf where every sequence is forbidden, NaN where an energy is: the
        labels say nothing then.

    Raises
    ------
    ValueError
        If a shape does not fit, or if an energy is -inf.

    >>> E, y = viterbi(np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 4.0]]), np.array([[0.0, 8.0], [16.0, 0.0]]))
    >>> float(E), y.tolist()
    (2.0, [0, 0, 0])
    """
    check_sums(unary, pairwise)
    labels = best_labels(unary, pairwise)
    bad = reads_nan(unary, pairwise)
    return (np.nan if bad else chain(unary, pairwise, labels)), labels


def free_energy(unary, pairwise, beta=1.0):
    """F = -(1/beta) log sum_y e^{-beta E(y)} over all sequences: below the lowest energy.

    Parameters are those of `viterbi`, and beta > 0, in units of 1/energy.  +inf where every sequence is
    forbidden; NaN where an energy is.

    >>> float(free_energy(np.zeros((10, 2)), np.zeros((2, 2)))) == float(-10 * np.log(2.0))
    True
    """
    require_positive("beta", beta)
    check_sums(unary, pairwise, beta)
    lowest, labels = viterbi(unary, pairwise)
    if not lowest < np.inf:
        return lowest
    return lowest - log_count(*counted_from(labels, unary, pairwise), beta) / beta


def marginals(unary, pairwise, beta=1.0):
    """Probability of each label at each moment, (t, k), and of each pair of neighbours, (t-1, k, k).

    Entry [t, i, j] of the second is p(y_t = i, y_{t+1} = j).  Small ones have all their digits.  NaN
    where an energy is, and where every sequence is forbidden: then there is no distribution.

    >>> nodes, edges = marginals(np.array([[0.0, np.log(3.0)], [0.0, 0.0]]), np.zeros((2, 2)))
    >>> nodes.round(12).tolist(), edges.round(12).tolist()
    ([[0.75, 0.25], [0.5, 0.5]], [[[0.375, 0.375], [0.125, 0.125]]])
    """
    require_positive("beta", beta)
    check_sums(unary, pairwise, beta)
    t, k = np.shape(unary)
    lowest, labels = viterbi(unary, pairwise)
    if not lowest < np.inf:
        return np.full((t, k), np.nan), np.full((t - 1, k, k), np.nan)
    u, P = counted_from(labels, unary, pairwise)
    before, after = forward(u, P, beta), backward(u, P, beta)
    nodes = [shares(*joined(a, z)) for a, z in zip(before, after, strict=True)]
    edges = np.zeros((t - 1, k, k))
    for s in range(t - 1):
        (c, r), (d, q) = before[s], after[s + 1]
        pairs = joined((c[:, None], r[:, None]), (d - beta * u[s + 1] - beta * P[s], q))
        edges[s] = shares(*(x.ravel() for x in pairs)).reshape(k, k)
    return np.array(nodes), edges


def entropy(unary, pairwise, beta=1.0):
    """-sum_y p(y) log p(y), in nats: log k^t where all are alike, 0 where one is certain; NaN as marginals.

    Added up from each label's given the one before, none of which is negative: beta <E> and log Z cancel.

    >>> float(entropy(np.zeros((3, 2)), np.array([[0.0, np.inf], [np.inf, 0.0]])).round(12))  # 000 or 111
    0.69314718056
    """
    nodes, _ = marginals(unary, pairwise, beta)
    if np.isnan(nodes[0, 0]):
        return np.nan
    u, P = counted_from(best_labels(unary, pairwise), unary, pairwise)
    after = from_each(u, P, beta)
    total = surprise(shares(*after[0]))
    for p, step, (c, r) in zip(nodes[:-1], P, after[1:], strict=True):
        total += sum(p[i] * surprise(shares(c - beta * step[i], r)) for i in np.flatnonzero(p))
    return total


def k_best(unary, pairwise, count):
    """The `count` sequences of lowest energy: energies (n,) in ascending order, labels (n, t).

    Of equals those come first that do in a dictionary, as far as `viterbi` tells equals.  n is less than
    `count` where fewer sequences are possible, 0 where none is.  A NaN makes one energy of it, NaN.

    >>> E, y = k_best(np.array([[0.0, 1.0], [0.0, 4.0]]), np.zeros((2, 2)), 3)
    >>> E.tolist(), y.tolist()
    ([0.0, 1.0, 4.0], [[0, 0], [1, 0], [0, 1]])
    """
    check_sums(unary, pairwise)
    require(1 <= count < np.inf and count == int(count), "count", count, "must be a whole number >= 1")
    count = int(count)
    t, k = np.shape(unary)
    if reads_nan(unary, pairwise):
        return np.array([np.nan]), np.zeros((1, t), int)
    ways, steps = 1.0 * unary[-1][:, None], []  # the best energies to go from each label, in ascending order
    for row in unary[-2::-1]:
        through = np.reshape(pairwise[:, :, None] + ways, (k, -1))
        order = np.argsort(through, axis=1, kind="stable")[:, :count]
        steps.append(np.stack(np.divmod(order, ways.shape[1])))
        ways = row[:, None] + through[np.arange(k)[:, None], order]
    flat = np.reshape(ways, -1)
    first = np.argsort(flat, kind="stable")[:count]
    first = first[flat[first] < np.inf]
    labels = [np.divmod(first, ways.shape[1])]
    for step in reversed(steps):
        labels.append(step[:, labels[-1][0], labels[-1][1]])
    return flat[first], np.reshape([y for y, _ in labels], (t, len(first))).T


def sample(unary, pairwise, rng, beta=1.0):
    """One sequence (t,) drawn from p(y) exactly: each label given the one before and all that may follow.

    One `rng.random()` for each moment.  Raises a ValueError where there is no distribution: every
    sequence is forbidden, or an energy is NaN.

    >>> sample(np.zeros((3, 2)), np.array([[np.inf, 0.0], [0.0, np.inf]]), np.random.default_rng(0)).tolist()
    [1, 0, 1]
    """
    require_positive("beta", beta)
    check_sums(unary, pairwise, beta)
    lowest, best = viterbi(unary, pairwise)
    require(lowest < np.inf, "unary", unary, "must leave a possible sequence, and no NaN")
    u, P = counted_from(best, unary, pairwise)
    after = from_each(u, P, beta)
    labels = [pick(shares(*after[0]), rng)]
    for (c, r), step in zip(after[1:], P, strict=True):
        labels.append(pick(shares(c - beta * step[labels[-1]], r), rng))
    return np.array(labels)


def check_sums(unary, pairwise, beta=1.0):
    """Raise a ValueError unless the two fit together, and no sum of their energies, times beta, overflows."""
    check_chain(unary, pairwise)
    for argument, energies in (("unary", unary), ("pairwise", pairwise)):
        sizes = np.where(np.isfinite(energies), np.abs(1.0 * energies), 0.0)
        require_finite_sum(argument, energies, [np.max(sizes)] * len(unary), beta)


def reads_nan(unary, pairwise):
    """Whether some sequence meets a NaN; the pairwise table of a single moment is not read."""
    return bool(np.any(np.isnan(unary)) or (len(unary) > 1 and np.any(np.isnan(pairwise))))


def best_labels(unary, pairwise):
    """Labels of the sequence of lowest energy, from the best ways to go on.  Levels are taken off first."""
    ground = lambda x: 1.0 * x - np.where(np.isfinite(x.min()), x.min(), 0.0)
    u, P = [ground(row) for row in unary], ground(pairwise) if len(unary) > 1 else pairwise
    to_go = [u[-1]]
    for row in u[-2::-1]:
        to_go.append(row + np.min(P + to_go[-1], axis=1))
    labels = [np.argmin(to_go[-1])]
    for V in to_go[-2::-1]:
        labels.append(np.argmin(P[labels[-1]] + V))
    return np.array(labels)


def counted_from(labels, unary, pairwise):
    """Unary (t, k) and pairwise (t-1, k, k) energies less those of one sequence, which has 0 everywhere."""
    unary, pairwise = 1.0 * unary, 1.0 * pairwise  # small integers would wrap around
    own = unary[np.arange(len(labels)), labels]
    steps = pairwise[labels[:-1], labels[1:]]
    return unary - own[:, None], pairwise - steps[:, None, None]


def forward(u, P, beta):
    """Sums over all beginnings up to each label at each moment, its own energy included: pairs (c, r)."""
    c, r = -beta * u[0], np.zeros(len(u[0]))
    rows = [(c, r)]
    for row, step in zip(u[1:], P, strict=True):
        c, r = scaled_sum(c[:, None] - beta * step, r[:, None])
        c = c - beta * row
        rows.append((c, r))
    return rows


def backward(u, P, beta):
    """Sums over all continuations after each label at each moment, its own energy left out: pairs (c, r)."""
    c, r = np.zeros(len(u[-1])), np.zeros(len(u[-1]))
    rows = [(c, r)]
    for row, step in zip(u[:0:-1], P[::-1], strict=True):
        c, r = scaled_sum((c - beta * row)[:, None] - beta * step.T, r[:, None])
        rows.append((c, r))
    return rows[::-1]


def from_each(u, P, beta):
    """Sums over all continuations from each label on, its own energy included, by moment: pairs (c, r)."""
    return [(c - beta * row, r) for (c, r), row in zip(backward(u, P, beta), u, strict=True)]


def log_count(u, P, beta):
    """log sum_y e^{-beta E(y)} of energies counted from the lowest: at least 0."""
    c, r = scaled_sum(*forward(u, P, beta)[-1])
    return c + np.log1p(r)


def joined(a, z):
    """The product of (1 + r) e^c and (1 + q) e^d as such a pair."""
    (c, r), (d, q) = a, z
    return c + d, r + q + r * q


def shares(c, r):
    """(1 + r_i) e^{c_i} as shares of their sum."""
    all_c, all_r = scaled_sum(c, r)
    return (1.0 + r) * np.exp(c - all_c) / (1.0 + all_r)


def surprise(p):
    """-sum p log p of probabilities; that of the largest from what it lacks to 1, which keeps its digits."""
    i = np.argmax(p)
    others = p[(np.arange(len(p)) != i) & (p > 0.0)]
    return -np.sum(others * np.log(others)) - p[i] * np.log1p(-np.sum(others))


def pick(p, rng):
    """An index drawn with probabilities p; never one of probability 0."""
    ends = np.cumsum(p)
    return int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))
