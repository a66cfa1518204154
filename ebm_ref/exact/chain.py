r"""Exact inference on a chain: sums and minima over k^t sequences of labels in t k^2 steps.

    F      = -(1/beta) log sum_y e^{-beta E(y)},   p(y) = e^{-beta (E(y) - F)}
    V_t(i) = u[t, i] + min_j (P[i, j] + V_{t+1}(j))       energy to go: Viterbi
    a_t(j) = e^{-beta u[t, j]} sum_i a_{t-1}(i) e^{-beta P[i, j]}       forward

    dF/du[t, j] = p(y_t = j)
    dF/dP[i, j] = sum_t p(y_t = i, y_{t+1} = j)

What a sequence costs from moment t on depends on what came before through its label at t alone.  So a
minimum over sequences needs only the best way to go on from each label, and a sum over sequences needs
only the sum of all ways to go on from each label.  The two recursions differ in one word, min or sum.

In floating point: the forward recursion as printed underflows after some hundred moments, and where it
does not, it loses what is small beside the best sequence.  So subtract from u[t, j] and from P[i, j] what
the best sequence y* pays there; then y* has energy 0.  Energies of 1e8 cancel before they meet an
exponential.  Sums are kept as pairs (1 + r) e^c (numerics.scaled_sum), which neither overflow nor lose
what is small beside the best.  So F - E_min keeps its digits however large beta is, and where all
sequences are alike, the log-sums are exact counts.

Every answer is checked against the same sum written out: chain_enumeration.py.

Source: Viterbi (1967); Baum et al. (1970); Rabiner (1989), Section III; LeCun et al. (2006), Section 6.
"""

import autograd.numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_finite_sum, require_positive, whole
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
        Energy and labels.  Ties go to the sequence that comes first in a dictionary, as far as sums in
        floating point show a tie.  The energy is +inf where every sequence is forbidden, and NaN where
        an energy is NaN; the labels say nothing then.

    Raises ValueError if a shape does not fit, or if an energy is -inf.

    >>> E, y = viterbi(np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 4.0]]), np.array([[0.0, 8.0], [16.0, 0.0]]))
    >>> float(E), y.tolist()
    (2.0, [0, 0, 0])
    """
    u, P, _ = check_sums(unary, pairwise)
    return lowest_energy(u, P)


def lowest_energy(u, P):
    """Energy and labels of the best sequence, of tables that were checked."""
    y = best_labels(u, P)
    if reads_nan(u, P):
        return np.nan, y
    return np.sum(u[np.arange(len(y)), y]) + np.sum(P[y[:-1], y[1:]]), y


def free_energy_as_printed(unary, pairwise, beta=1.0):
    """F by the forward recursion as printed: 800 moments of an energy of 1 each are too much for it.

    >>> u, P = np.ones((800, 2)), np.zeros((2, 2))
    >>> with np.errstate(divide="ignore"):
    ...     float(free_energy_as_printed(u, P, beta=2.0)), round(float(free_energy(u, P, beta=2.0)), 9)
    (inf, 522.741127776)
    """
    u, P, beta = check_sums(unary, pairwise, beta)
    a = np.exp(-beta * u[0])
    for row in u[1:]:
        a = np.exp(-beta * row) * (a @ np.exp(-beta * P))
    return -np.log(np.sum(a)) / beta


def free_energy(unary, pairwise, beta=1.0):
    """F = -(1/beta) log sum_y e^{-beta E(y)} over all sequences: below the lowest energy.

    Parameters are those of `viterbi`, and beta > 0, in units of 1/energy.  F is +inf where every sequence
    is forbidden, and NaN where an energy is NaN.

    >>> float(free_energy(np.zeros((10, 2)), np.zeros((2, 2)))) == float(-10 * np.log(2.0))
    True
    """
    u, P, beta = check_sums(unary, pairwise, beta)
    lowest, labels = lowest_energy(u, P)
    if not lowest < np.inf:
        return lowest
    return lowest - log_count(*counted_from(labels, u, P), beta) / beta


def marginals_as_printed(unary, pairwise, beta=1.0):
    """p(y_t = j) as forward times backward over Z: exact for a few moments of moderate energies, no further.

    >>> u, P = np.ones((800, 2)), np.zeros((2, 2))
    >>> with np.errstate(invalid="ignore"):
    ...     marginals_as_printed(u, P, beta=2.0)[0].tolist(), marginals(u, P, beta=2.0)[0][0].tolist()
    ([nan, nan], [0.5, 0.5])
    """
    u, P, beta = check_sums(unary, pairwise, beta)
    phi, psi = np.exp(-beta * u), np.exp(-beta * P)
    a, b = [phi[0]], [np.ones(len(P))]
    for t in range(1, len(u)):
        a.append(phi[t] * (a[-1] @ psi))
    for t in range(len(u) - 1, 0, -1):
        b.insert(0, psi @ (phi[t] * b[0]))
    return np.array(a) * np.array(b) / np.sum(a[-1])


def marginals(unary, pairwise, beta=1.0):
    """Probability of each label at each moment, (t, k), and of each pair of neighbours, (t-1, k, k).

    Entry [t, i, j] of the second is p(y_t = i, y_{t+1} = j).  Small probabilities have all their digits.
    All are NaN where an energy is NaN, and where every sequence is forbidden: then there is no distribution.

    >>> nodes, edges = marginals(np.array([[0.0, np.log(3.0)], [0.0, 0.0]]), np.zeros((2, 2)))
    >>> nodes.round(12).tolist(), edges.round(12).tolist()
    ([[0.75, 0.25], [0.5, 0.5]], [[[0.375, 0.375], [0.125, 0.125]]])
    """
    return probabilities(*check_sums(unary, pairwise, beta))


def probabilities(u, P, beta):
    """The marginals of tables that were checked."""
    t, k = np.shape(u)
    lowest, labels = lowest_energy(u, P)
    if not lowest < np.inf:
        return np.full((t, k), np.nan), np.full((t - 1, k, k), np.nan)
    u, P = counted_from(labels, u, P)
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

    It is the sum of the entropies of each label given the one before, none of which is negative.  The
    formula beta <E> + log Z would subtract two numbers that nearly cancel.

    >>> float(entropy(np.zeros((3, 2)), np.array([[0.0, np.inf], [np.inf, 0.0]])).round(12))  # 000 or 111
    0.69314718056
    """
    u, P, beta = check_sums(unary, pairwise, beta)
    nodes, _ = probabilities(u, P, beta)
    if np.isnan(nodes[0, 0]):
        return np.nan
    u, P = counted_from(best_labels(u, P), u, P)
    after = from_each(u, P, beta)
    total = surprise(shares(*after[0]))
    for p, step, (c, r) in zip(nodes[:-1], P, after[1:], strict=True):
        total += sum(p[i] * surprise(shares(c - beta * step[i], r)) for i in np.flatnonzero(p))
    return total


def k_best(unary, pairwise, count):
    """The `count` sequences of lowest energy: energies (n,) in ascending order, labels (n, t).

    Ties are in the order of a dictionary, as far as `viterbi` sees them.  n is less than `count` where
    fewer sequences are possible, and 0 where none is.  If an energy is NaN, there is one answer, of
    energy NaN.

    >>> E, y = k_best(np.array([[0.0, 1.0], [0.0, 4.0]]), np.zeros((2, 2)), 3)
    >>> E.tolist(), y.tolist()
    ([0.0, 1.0, 4.0], [[0, 0], [1, 0], [0, 1]])
    """
    u, P, _ = check_sums(unary, pairwise)
    require_count("count", count)
    count = whole("count", count)
    t, k = np.shape(u)
    if reads_nan(u, P):
        return np.array([np.nan]), np.zeros((1, t), int)
    ways, steps = 1.0 * u[-1][:, None], []  # the best energies to go from each label, in ascending order
    for row in u[-2::-1]:
        through = np.reshape(P[:, :, None] + ways, (k, -1))
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
    u, P, beta = check_sums(unary, pairwise, beta)
    drawn = callable(getattr(rng, "random", None))
    require(drawn, "rng", rng, "must be a numpy.random.Generator")
    lowest, best = lowest_energy(u, P)
    require(lowest < np.inf, "unary", unary, "must leave a possible sequence, and no NaN")
    u, P = counted_from(best, u, P)
    after = from_each(u, P, beta)
    labels = [pick(shares(*after[0]), rng)]
    for (c, r), step in zip(after[1:], P, strict=True):
        labels.append(pick(shares(c - beta * step[labels[-1]], r), rng))
    return np.array(labels)


def check_sums(unary, pairwise, beta=1.0):
    """unary (t, k), pairwise (k, k) and beta as float64, if they fit and no sum of energies overflows."""
    u, P, beta = as_real("unary", unary), as_real("pairwise", pairwise), real("beta", beta)
    fits = u.ndim == 2 and min(u.shape) > 0
    require(fits, "unary", unary, "must be (t, k): moments, labels; none empty")
    k = u.shape[1]
    require(P.shape == (k, k), "pairwise", pairwise, f"must be ({k}, {k}) for {k} labels")
    require_positive("beta", beta)
    for argument, energies in (("unary", u), ("pairwise", P)):
        require(not np.any(energies == -np.inf), argument, energies, "must not be -inf; +inf forbids")
        sizes = np.where(np.isfinite(energies), np.abs(energies), 0.0)
        require_finite_sum(argument, energies, [np.max(sizes)] * len(u), beta)
    return u, P, beta


# what follows is for tables that were checked: float64, (t, k) and (k, k)


def reads_nan(unary, pairwise):
    """Whether some sequence meets a NaN; the pairwise table of a single moment is not read."""
    return bool(np.any(np.isnan(unary)) or (len(unary) > 1 and np.any(np.isnan(pairwise))))


def best_labels(unary, pairwise):
    """Labels of the sequence of lowest energy, from the best ways to go on; levels are subtracted first."""
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
