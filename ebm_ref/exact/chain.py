r"""Exact inference on a chain: sums and minima over k^t sequences of labels in t k^2 steps.

    F      = -(1/beta) log sum_y e^{-beta E(y)},   p(y) = e^{-beta (E(y) - F)}
    V_t(i) = u[t, i] + min_j (P[i, j] + V_{t+1}(j))       energy to go: Viterbi
    a_t(j) = e^{-beta u[t, j]} sum_i a_{t-1}(i) e^{-beta P[i, j]}       forward
    c_t(i, j) = P[i, j] + V_{t+1}(j) - min_j' (P[i, j'] + V_{t+1}(j')) >= 0
    E(y)   = min E + (V_0(y_0) - min V_0) + sum_t c_t(y_t, y_{t+1})

    dF/du[t, j] = p(y_t = j)
    dF/dP[i, j] = sum_t p(y_t = i, y_{t+1} = j)

What a sequence costs from moment t on depends on what came before through its label at t alone.  So a
minimum over sequences needs only the best way to go on from each label, and a sum over sequences needs
only the sum of all ways to go on from each label.  The two recursions differ in one word, min or sum.

In floating point: the forward recursion as printed underflows after some hundred moments, and where it
does not, it loses what is small beside the best sequence.  So the sums take c in place of u and P: what
a step costs above the best way on.  Energies of 1e8, or of 1e17, cancel before they meet an exponential,
and what is left is never negative, so that nothing cancels afterwards.  Sums are kept as pairs (1 + r) e^c
(numerics.scaled_sum), which neither overflow nor lose what is small beside the best.  So F - E_min keeps its
digits however large beta is, and where all sequences are alike, the log-sums are exact counts.

The search for V and c runs in float64, and tells how much its sums may have rounded.  Where beta c could be
off by more than 2^-44, and by more than 2^-44 of itself, it runs again in integers of any length (levels.py),
and c is right to its last bit.  So does the search for the best labels wherever rounding could have chosen.

Every answer is checked against the same sum written out: chain_enumeration.py.

Batches, with the lengths of their samples: kernels/chain_answers.py.  A whole problem:
scripts/recipe_crf_end_to_end.py.

Source: Viterbi (1967); Baum et al. (1970); Rabiner (1989), Section III; LeCun et al. (2006), Section 6.
"""

import autograd.numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_finite_sum, require_positive, whole
from ebm_ref.energies.chain import energy_of
from ebm_ref.exact.levels import is_safe, largest, less_lowest, told_apart, units_of
from ebm_ref.numerics import scaled_sum, value_of, with_slope


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
        Energy, rounded once, and labels.  Ties go to the sequence that comes first in a dictionary; no
        rounding makes or breaks one.  The energy is +inf where every sequence is forbidden, and NaN where
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
    y, _ = searched(u, P)
    return np.nan if reads_nan(u, P) else energy_of(u, P, y), y


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
    lowest, _, above = counted(u, P, beta)
    return lowest - log_count(*above, beta) / beta if lowest < np.inf else lowest


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
    u, P, beta = check_sums(unary, pairwise, beta)
    t, k = np.shape(u)
    lowest, _, above = counted(u, P, beta)
    return probabilities(*above, beta) if lowest < np.inf else nothing(t, k)


def nothing(t, k):
    """The marginals where there is no distribution."""
    return np.full((t, k), np.nan), np.full((t - 1, k, k), np.nan)


def probabilities(u, P, beta):
    """The marginals of energies counted from the lowest."""
    t, k = np.shape(u)
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
    lowest, _, above = counted(u, P, beta)
    if not lowest < np.inf:
        return np.nan
    u, P = above
    nodes, after = probabilities(u, P, beta)[0], from_each(u, P, beta)
    total = surprise(shares(*after[0]))
    for p, step, (c, r) in zip(nodes[:-1], P, after[1:], strict=True):
        total += sum(p[i] * surprise(shares(c - beta * step[i], r)) for i in np.flatnonzero(p))
    return total


def k_best(unary, pairwise, count):
    """The `count` sequences of lowest energy: energies (n,) in ascending order, labels (n, t).

    Energies are rounded once, and ties are in the order of a dictionary.  n is less than `count` where fewer
    sequences are possible, and 0 where none is.  If an energy is NaN, there is one answer, of energy NaN.

    >>> E, y = k_best(np.array([[0.0, 1.0], [0.0, 4.0]]), np.zeros((2, 2)), 3)
    >>> E.tolist(), y.tolist()
    ([0.0, 1.0, 4.0], [[0, 0], [1, 0], [0, 1]])
    """
    u, P, _ = check_sums(unary, pairwise)
    require_count("count", count)
    count = whole("count", count)
    if reads_nan(u, P):
        return np.array([np.nan]), np.zeros((1, len(u)), int)
    labels = best_sequences(value_of(u), value_of(P), count)
    return np.array([energy_of(u, P, y) for y in labels]), labels


def best_sequences(u, P, count):
    """Labels (n, t) of the possible sequences of lowest energy."""
    E, labels, sure = ranked(u, P, count)
    whole_u, whole_P, units = (None, None, None) if sure else exactly(u, P)
    if sure or units.fit_float64:
        return labels[E < np.inf]
    E, labels, _ = ranked(whole_u, whole_P, count)
    return labels[units.real(E) < np.inf]


def ranked(u, P, count):
    """Energies and labels of the `count` best sequences, and whether no rounding can have changed them."""
    k, size, gaps = len(P), len(u) * (largest(u) + largest(P)), []
    ways, steps, rows = u[-1][:, None], [], np.arange(k)[:, None]  # the lowest energies to go, ascending
    for row in u[-2::-1]:
        through = np.reshape(P[:, :, None] + ways, (k, -1))
        order = np.argsort(through, axis=1, kind="stable")[:, : count + 1]
        ascending = through[rows, order]
        gaps.append(told_apart(ascending, size, len(u)))
        steps.append(np.stack(np.divmod(order[:, :count], ways.shape[1])))
        ways = row[:, None] + ascending[:, :count]
    flat = np.reshape(ways, -1)
    order = np.argsort(flat, kind="stable")
    gaps.append(told_apart(flat[order[: count + 1]], size, len(u)))
    labels = [np.divmod(order[:count], ways.shape[1])]
    for step in reversed(steps):
        labels.append(step[:, labels[-1][0], labels[-1][1]])
    return flat[order[:count]], np.stack([y for y, _ in labels], axis=1), all(gaps)


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
    lowest, _, above = counted(u, P, beta)
    require(lowest < np.inf, "unary", unary, "must leave a possible sequence, and no NaN")
    u, P = above
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


def exactly(u, P, less=0.0):
    """The tables as integers (levels.py), u less a table, and their units."""
    less, P = less + np.zeros(u.shape), P if len(u) > 1 else np.zeros(P.shape)  # P is not read
    units = units_of(u, P, less, count=3 * len(u))
    return units.whole(u) - units.whole(less), units.whole(P), units


def ways_on(u, P):
    """From the start (k,), and from each label to each (t-1, k, k): the lowest energy of all that follows.

    Each is right but for a level, a number for each moment, which makes no difference to what follows best.
    """
    u, P = less_lowest(u), np.reshape(less_lowest(np.ravel(P)), P.shape)
    V, steps = u[-1], []
    for row in u[-2::-1]:
        steps.append(P + V)
        V = row + less_lowest(steps[-1].min(axis=1))
    return V, np.reshape(steps[::-1], (len(u) - 1, *P.shape))


def follow(start, steps):
    """Labels, each the best way on from the one before."""
    labels = [np.argmin(start)]
    for step in steps:
        labels.append(np.argmin(step[labels[-1]]))
    return np.array(labels)


def best_labels(u, P, less=0.0):
    """Labels of the sequence of lowest energy, u less a table, the first of those that tie."""
    return searched(u, P, less)[0]


def searched(u, P, less=0.0):
    """Those labels, and the ways on as float64 found them."""
    u, P = value_of(u), value_of(P)
    start, steps = ways_on(u - less, P)
    labels = follow(start, steps)
    passed = np.sort(np.vstack([start[None], steps[np.arange(len(steps)), labels[:-1]]]), axis=1)[:, :2]
    size = max(largest(start), largest(steps), largest(u) if np.any(less) else 0.0)
    if not reads_nan(u, P) and not told_apart(passed, size, len(u)):
        u, P, units = exactly(u, P, less)
        labels = labels if units.fit_float64 else follow(*ways_on(u, P))
    return labels, (start, steps)


def counted(u, P, beta):
    """Energy and labels of the best sequence, and unary and pairwise energies above it, if it is possible."""
    labels, ways = searched(u, P)
    lowest = np.nan if reads_nan(u, P) else energy_of(u, P, labels)
    if not lowest < np.inf:
        return lowest, labels, None
    above = above_best(value_of(u), value_of(P), ways, beta)
    return lowest, labels, followed(*above, u, P, lowest)


def above_best(u, P, ways, beta):
    """Unary (t, k) and pairwise (t-1, k, k) energies of the same differences, none negative: 0 is the best.

    The first row of the one is V_0 - min V_0 and the rest 0; the other is c.
    """
    first, costs = (less_lowest(x) for x in ways)
    if not (is_safe(first, ways[0], beta) and is_safe(costs, 2.0 * ways[1], beta)):
        u, P, units = exactly(u, P)
        first, costs = (units.real(less_lowest(x)) for x in ways_on(u, P))
    return np.vstack([first[None], np.zeros((len(u) - 1, len(P)))]), costs


def followed(rows, costs, u, P, lowest):
    """The same, but to autograd with a slope: that of E(y) - min E, as all levels cancel."""
    if value_of(u) is u and value_of(P) is P:
        return rows, costs
    level = lowest * (np.arange(len(u)) == 0)
    return with_slope(rows, u - level[:, None]), with_slope(costs, P + np.zeros((len(u) - 1, 1, 1)))


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
