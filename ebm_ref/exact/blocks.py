r"""Blocks: sums over 2^n configurations of dense spins as matrix products.

    E(s) = -1/2 s'J s - h's,   Z = sum_s e^{-beta E(s)} = sum_H Z(H)
    Z(H) = sum_c x_c sum_ab (U_ca u_a) (V_cb v_b) W_ab

    W_ab = e^{beta s_a' J_AB s_b},  U_ca = e^{beta s_c' J_CA s_a},  V_cb = e^{beta s_c' J_CB s_b}
    u_a  = e^{beta (s_a' J_AA s_a / 2 + (h_A + J_AH s_H)' s_a)},    v_b likewise;
    x_c  likewise, times what the spins of H have among themselves

Split the spins into A, B, C and the rest H.  For one configuration of H the weights of A, of B and of C
are three vectors u, v and x.  Between A, B and C stand three matrices that do not depend on H: W of A
with B, U of C with A, V of C with B.  The inner sum is the product V W', multiplied by U entry by entry
and summed along rows.  Every multiplication and addition of it sums one configuration, as fast as the
machine multiplies matrices.

The correlations <s_i s_j> come from sums of the same weights over all spins but two groups.  V W' times U
holds what C and A have together; U W times V what C and B have; and U'V times W what A and B have.

In floating point, exponents: each factor is scaled by its largest entry.  That alone is silently wrong.
Where the factors disagree about who is largest, the configuration that matters is a product of numbers
that have all underflowed.  So the spreads (largest minus smallest) of the exponents of U, V, W, u and v
are added up, row by row of C.  If they add up to at most 600, no product that counts is below e^-600, and
float64 reaches e^-708.  Beyond, the row is done in logarithms.  The leader, the
largest u_a + v_b + w_ab of the exponents, is found first: that is a matrix product in (max, +).  Then
only rows of W that come within e^-60 of it are exponentiated and added.  Such a row takes some fifty
times as long as one product.

In floating point, gaps: a probability is as wrong as its exponent, so exponents may not round while they
are large.  Beside a coupling of 1e17 a field of 1/2 decides which of two states is the likelier.  So
each exponent is stored as several exact parts, the levels of exact/spins.py.  Those of a reference
configuration are subtracted level by level, and only then are the levels added up and exponentiated.

The configurations of H are cut into ranges that depend on n alone.  Each range is summed by itself, and
the sums are added in their order.  So the result is the same to the last bit whoever does the work: this
process, threads, processes, or any `concurrent.futures.Executor`, such as those of Dask and MPI.  All
must have the same NumPy and the same kind of processor, since the order within a matrix product is the
library's.  Memory does not grow with n; time doubles with each spin.

Potts models go the same way.  Write each unit of q colours as q numbers of which one is 1 and the others
are 0.  Then the energy is the same quadratic form, with the coupling of two units times the identity.

Source: elementary; Horowitz and Sahni (1974) split a sum over subsets in this way.
"""

import hashlib
import itertools
import math
import time
from collections.abc import Callable
from functools import partial, reduce
from typing import NamedTuple

import numpy as np

from ebm_ref.checks import real, require
from ebm_ref.exact.checkpoint import recall, remember
from ebm_ref.exact.spins import check_colours, check_spins, colour_table, levels, require_memory, spin_table

SIDE = 10  # log2 of the configurations of A and of B: matrix products are fastest for tables of 2^10
ROWS = 2**9  # configurations of C, at most: they are multiplied at once
RANGE = 2**4  # configurations of H that are one piece of work, about 0.3 s
BATCH = 2**14  # ranges that are handed over at once: an executor remembers each
SAFE = 600.0  # sum of the ranges of exponents up to which scaling is right
SLOW = 50  # matrix products that a row in logarithms takes as long as
FAINT = 60.0  # e^-60 of the leader, 2^30 times over, is less than half a unit of the last place
CLOSE = 2.0**-30  # logs that differ by less are equal: more than they round by, and 2^27 times is little
MOST = 60  # log2 of all configurations; 2^60 take a core a year and a half


def log_partition_as_printed(couplings, fields, beta=1.0):
    """log sum_s e^{-beta E(s)}, term by term: slow, and inf or nan where a single term is out of range.

    >>> J = np.array([[0.0, 800.0], [800.0, 0.0]])
    >>> with np.errstate(over="ignore"):
    ...     float(log_partition_as_printed(J, np.zeros(2))), log_partition(J, np.zeros(2))
    (inf, 800.6931471805599)
    """
    J, h = check_spins(couplings, fields, beta)
    S = spin_table(len(h))
    E = -0.5 * np.sum((S @ J) * S, axis=1) - S @ h
    return np.log(np.sum(np.exp(-float(beta) * E)))


def log_partition(couplings, fields, beta=1.0, executor=None, progress=None, checkpoint=None):
    """log Z, the logarithm of the sum of e^{-beta E} over all 2^n configurations.

    Parameters
    ----------
    couplings : (n, n) float
        J, symmetric with zero diagonal; n <= 60, and time doubles with each spin.
    fields : (n,) float
        h.
    beta : float
        Inverse temperature, > 0.
    executor : concurrent.futures.Executor
        Who does the work; this process unless given.  The result does not depend on it.  A problem is
        refused for lack of memory where one worker would need more than this machine has.
    progress : callable
        Called as progress(done, total, seconds): ranges done, ranges in all, and an estimate of the
        seconds that are left.  The first call comes before any work.
    checkpoint : path
        A file that remembers what is finished.  A run that was killed goes on from there.

    Returns
    -------
    float
        At least n log 2, since the mean of E is 0.  Right to a few units of the last place.

    Raises ValueError if the couplings are not symmetric or have a diagonal; if anything is not finite; if
    beta is not positive; if n is above 60; or if the checkpoint is that of another problem, damaged,
    or in a folder that is not there or cannot be written to.

    >>> J = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> float(np.round(log_partition(J, np.zeros(2)), 12))  # log(2 e + 2 / e)
    1.820075191603
    """
    J, h = check_spins(couplings, fields, beta)
    leader, total = _all_ranges(_partition_of_range, J, h, beta, executor, progress, checkpoint)
    return math.fsum([*leader, np.log(total)])


def moments(couplings, fields, beta=1.0, executor=None, progress=None, checkpoint=None):
    """Means <s_i> and correlations <s_i s_j> of all spins; parameters as in `log_partition`.

    Returns
    -------
    means : (n,) float
    correlations : (n, n) float
        Not centred, so that C_ii = 1; subtract the outer product of the means for covariances.

    Right to 1e-13 whatever the size of the couplings, also where some of them dwarf others.

    >>> J = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> means, C = moments(J, np.zeros(2))
    >>> means.round(12).tolist(), C.round(6).tolist()  # tanh(1)
    ([0.0, 0.0], [[1.0, 0.761594], [0.761594, 1.0]])
    """
    J, h = check_spins(couplings, fields, beta)
    _, total = _all_ranges(_moments_of_range, J, h, beta, executor, progress, checkpoint)
    C = total[1:, 1:] / total[0, 0]
    np.fill_diagonal(C, 1.0)
    return total[0, 1:] / total[0, 0], C


def potts_log_partition(couplings, fields, beta=1.0, executor=None, progress=None, checkpoint=None):
    """log Z of a Potts model, E(y) = -sum_{i<j} J_ij [y_i = y_j] - sum_i h_i(y_i).

    As `log_partition`, but the fields h are (n, q), a column for each colour, and q^n <= 2^60.  log Z may
    be near 0; then it is right to 1e-13, not to its last place.

    >>> J = np.array([[0.0, np.log(2.0)], [np.log(2.0), 0.0]])
    >>> round(float(np.exp(potts_log_partition(J, np.zeros((2, 3))))), 9)  # 3 pairs alike, 6 not
    12.0
    """
    J, h = check_colours(couplings, fields, beta)
    leader, total = _all_ranges(_partition_of_range, J, h, beta, executor, progress, checkpoint)
    return math.fsum([*leader, np.log(total)])


def potts_moments(couplings, fields, beta=1.0, executor=None, progress=None, checkpoint=None):
    """Marginals p(y_i = a), (n, q), and joint probabilities p(y_i = a, y_j = b), (n, q, n, q).

    >>> J = np.array([[0.0, np.log(2.0)], [np.log(2.0), 0.0]])
    >>> one, two = potts_moments(J, np.zeros((2, 3)))
    >>> one[0].round(9).tolist(), float(two[0, 0, 1, 0].round(9)), float(two[0, 0, 1, 1].round(9))
    ([0.333333333, 0.333333333, 0.333333333], 0.166666667, 0.083333333)
    """
    J, h = check_colours(couplings, fields, beta)
    _, total = _all_ranges(_moments_of_range, J, h, beta, executor, progress, checkpoint)
    p = total / total[0, 0]
    return p[0, 1:].reshape(h.shape), p[1:, 1:].reshape(h.shape * 2)


def estimate_seconds(n, products=1):
    """Seconds for n spins on one core: the time of a small matrix product here and now, times 2^(n - 28).

    `products` is 1 for log_partition and 3 for moments; it is 50 for both where couplings are so large
    that all is done in logarithms.  For units of q colours, n is the log2 of all their configurations.

    >>> estimate_seconds(40) > estimate_seconds(30) > 0.0
    True
    """
    n, products = real("n", n), real("products", products)
    require(0.0 <= n <= 1000.0, "n", n, "must be in 0..1000")
    require(0.0 < products < np.inf, "products", products, "must be positive and finite")
    side = np.ones((2**10, 2**10)), np.ones((256, 2**10))
    times = []
    for _ in range(4):
        started = time.perf_counter()
        side[1] @ side[0]
        times.append(time.perf_counter() - started)
    return float(1.2 * products * min(times) * 2.0 ** (n - 28))


# ranges, and who works on them


def _all_ranges(work, J, h, beta, executor, progress, checkpoint):
    """Sum of all ranges in their order: the levels of a leader, and the total in units of e^leader."""
    require(executor is None or hasattr(executor, "map"), "executor", executor, "must have a method map")
    require(progress is None or callable(progress), "progress", progress, "must be a function")
    bits = len(h) * math.log2(_colours(h))
    if not bits <= MOST:
        years = estimate_seconds(min(bits, 900)) / 3.15e7
        most = int(MOST / math.log2(_colours(h)))
        rule = f"must be at most {most}; these would take a core {years:.2g} years or more"
        require(False, "len(fields)", len(h), rule)
    rest, _, a, b = _sizes(h)
    model = levels(J, h, beta)
    tables = (6 + 5 * len(model[0])) * _colours(h) ** (a + b) + 8 * ROWS * _colours(h) ** max(a, b)
    matrices = 4 * (len(model[0]) + 2) * h.size**2  # large where there are many colours: couplings, moments
    require_memory("len(fields)", len(h), 8 * (tables + matrices))
    starts = range(0, _colours(h) ** rest, RANGE)
    problem = _problem(work, J, h, beta)
    total = () if work is _partition_of_range else (1 + h.size, 1 + h.size)
    done, *so_far = recall(checkpoint, problem, len(starts), (model[0].shape[:1], total))
    tell = _teller(progress, len(starts), bits, work, model)
    tell(done, before := done)
    for part in _parts(partial(work, *model), starts, done, executor):
        so_far = _add(*so_far, *part) if done else part
        done += 1
        remember(checkpoint, problem, done, *so_far)
        tell(done, before)
    return so_far


def _parts(work, starts, done, executor):
    """Sums of the ranges from number `done` on, in their order, a batch at a time."""
    mapped = map if executor is None else executor.map
    for first in range(done, len(starts), BATCH):
        batch = starts[first : first + BATCH]
        yield from mapped(work, batch, [min(start + RANGE, starts.stop) for start in batch])


def _weights(exponents, logs):
    """Levels of a leader among exponents (l, c), and the weights e^(exponent - leader) of all, (c,).

    Of what e^exponent is multiplied by, `logs` is the logarithm: a row's sum, a whole range's, or 1.
    The leader is that of the largest exponent + log, but for CLOSE: where a gap is so large that it
    rounds, the first guess may be wrong by as much, but then the next is better.
    """
    best = int(np.argmax(exponents[0] + logs))
    while True:
        gaps = _summed(level - level[best] for level in exponents)
        ahead = gaps + (logs - logs[best])
        other = int(np.argmax(ahead))
        if not ahead[other] > CLOSE:
            return exponents[:, best], np.exp(gaps)
        best = other


def _add(leader, total, other, more):
    """total e^leader + more e^other as such a pair."""
    logs = np.log([np.ravel(total)[0], np.ravel(more)[0]])
    leader, (a, b) = _weights(np.stack([leader, other], axis=1), logs)
    return leader, a * total + b * more


def _teller(progress, ranges, bits, work, model):
    """A function that tells how far we are: the estimate at first, then what the finished ranges took."""
    if progress is None:
        return lambda done, before: None
    estimate, began = estimate_seconds(bits, _products(work, *model)) / ranges, time.monotonic()

    def tell(done, before):
        each = (time.monotonic() - began) / (done - before) if done > before else estimate
        progress(done, ranges, each * (ranges - done))

    return tell


def _products(work, J, h):
    """Matrix products that all takes as long as, judged by one configuration of H."""
    *_, hard = _factors(_shared(J, h), 0)
    easy = 3 if work is _moments_of_range else 1
    return float(easy + np.mean(hard) * (SLOW - easy))


def _problem(work, J, h, beta):
    """What a checkpoint must agree with."""
    text = f"levels {work.__name__} {h.shape} {SIDE} {ROWS} {RANGE} {SAFE} {FAINT} {float(beta)!r}"
    return hashlib.sha256(text.encode() + J.tobytes() + h.tobytes()).hexdigest()


# one range


def _colours(h):
    """How many states a unit has: 2 for spins, whose fields are (n,), else the columns of the fields."""
    return 2 if h.ndim == 1 else h.shape[1]


def _sizes(h):
    """How many units are in H, C, A and B."""
    n, q = len(h), _colours(h)
    side = next(m for m in range(SIDE, 0, -1) if m == 1 or q**m <= 2**SIDE)
    b = min(side, n // 2) if n < 2 * side else side
    a = min(n - b, side)
    c = next(m for m in range(min(SIDE, n - a - b), -1, -1) if q**m <= ROWS)
    return n - a - b - c, c, a, b


class _Shared(NamedTuple):
    """What does not depend on the configuration of H; -beta E = 1/2 x'Kx + k'x."""

    K: np.ndarray  # (l, m, m), level by level
    k: np.ndarray  # (l, m)
    parts: list  # of x: H, H with C, A, B
    states: Callable  # of H and C, those from start to stop
    count: int  # how many states C has
    S: np.ndarray  # states of A
    T: np.ndarray  # states of B
    own_A: np.ndarray  # (l, a): their exponents
    own_B: np.ndarray  # (l, b)
    w: np.ndarray  # (l, a, b): exponents between A and B
    U: np.ndarray  # (c, a): factors, each row's largest is 1
    V: np.ndarray  # (c, b): likewise
    W: np.ndarray  # (a, b): its largest is 1
    top: np.ndarray  # (l, c): exponent that all factors were divided by
    spread: np.ndarray  # (c,): sum of the ranges of their exponents


def _shared(J, h):
    """That of the levels J and h."""
    sizes, q = _sizes(h[0]), _colours(h[0])
    if h.ndim == 2:
        K, k, states, width = J, h, spin_table, 1
    else:
        K, k, states, width = np.kron(J, np.eye(q)[None]), h.reshape(len(h), -1), partial(colour_table, q), q
    H, C, A, B = [slice(*pair) for pair in itertools.pairwise(np.cumsum([0, *sizes]) * width)]
    X, S, T = (states(size) for size in sizes[1:])
    top_U, spread_U, U = _scaled(X @ K[:, C, A], S, np.zeros((len(K), len(S))))
    top_V, spread_V, V = _scaled(X @ K[:, C, B], T, np.zeros((len(K), len(T))))
    w = S @ K[:, A, B] @ T.T
    gaps = _summed(level - level[0, 0] for level in w)
    top = np.unravel_index(np.argmax(gaps), gaps.shape)
    gaps -= gaps[top]
    top, spread = top_U + top_V + w[:, *top][:, None], spread_U + spread_V - np.min(gaps)
    own_A, own_B = _own(S, K[:, A, A], k[:, A]), _own(T, K[:, B, B], k[:, B])
    parts, states = [H, slice(0, C.stop), A, B], partial(states, sizes[0] + sizes[1])
    return _Shared(K, k, parts, states, len(X), S, T, own_A, own_B, w, U, V, np.exp(gaps), top, spread)


def _own(X, K, k):
    """1/2 x'Kx + k'x for each row of X, level by level."""
    return 0.5 * np.sum((X @ K) * X, axis=2) + k @ X.T


def _summed(levels):
    """Their sum, the largest first, so that it rounds to 2^-53 of itself."""
    return reduce(lambda total, level: np.add(total, level, out=total), levels)


def _scaled(fields, S, own):
    """own + each field times all states S: of each sum the largest (l, c), the range (c,), e^(. - largest).

    Counted from the first state: what all states have in common cannot round.
    """
    gaps = (field @ (S - S[0]).T + (level - level[0]) for field, level in zip(fields, own, strict=True))
    exponents = _summed(gaps)
    top = np.argmax(exponents, axis=1)
    exponents -= np.take_along_axis(exponents, top[:, None], axis=1)
    spread = -np.min(exponents, axis=1)
    return np.sum(fields * S[top], axis=2) + own[:, top], spread, np.exp(exponents, out=exponents)


def _factors(shared, setting):
    """One configuration of H with all of C: X, a leader for each (l, c), factors of A and B, who is hard.

    e^{-beta E} is e^leader times the factors of A (c, a) and of B (c, b) times W, unless its row is hard.
    """
    K, k, (H, HC, A, B) = shared.K, shared.k, shared.parts
    X = shared.states(setting * shared.count, (setting + 1) * shared.count)
    top_u, spread_u, u = _scaled(X[:1, H] @ K[:, H, A], shared.S, shared.own_A)
    top_v, spread_v, v = _scaled(X[:1, H] @ K[:, H, B], shared.T, shared.own_B)
    leaders = _own(X, K[:, HC, HC], k[:, HC]) + shared.top + top_u + top_v
    hard = ~(shared.spread + spread_u + spread_v <= SAFE)
    return X, leaders, shared.U * u, shared.V * v, hard


def _in_logarithms(shared, x):
    """A configuration x of H and C: its leader (l,), the a that come near, e^(exponent - leader) of those."""
    K, k, (_, HC, A, B), w = shared.K, shared.k, shared.parts, shared.w
    u, v = x @ K[:, HC, A] @ shared.S.T + shared.own_A, x @ K[:, HC, B] @ shared.T.T + shared.own_B
    below = np.sum(np.abs(K[1:])) / 2.0 + np.sum(np.abs(k[1:]))  # the levels below the first add no more
    pieces = np.array_split(w[0], 16)  # each of them, and its sums, stays in the second cache
    best = u[0] + np.concatenate([np.max(piece + v[0], axis=1) for piece in pieces])
    near = np.flatnonzero(best >= np.max(best) - FAINT - 2.0 * below)
    exponents = u[:, near, None] + (w[:, near] + v[:, None])
    leader, p = _weights(exponents.reshape(len(w), -1), np.zeros(exponents[0].size))
    return _own(x[None], K[:, HC, HC], k[:, HC])[:, 0] + leader, near, p.reshape(len(near), -1)


def _partition_of_range(J, h, start, stop):
    """Sum of e^{-beta E} over the configurations start..stop-1 of H, scaled by a leader."""
    shared, leaders, sums = _shared(J, h), [], []
    for setting in range(start, stop):
        X, leader, U, V, hard = _factors(shared, setting)
        z = np.einsum("ca,ca->c", V @ shared.W.T, U)
        for row in np.flatnonzero(hard):
            leader[:, row], _, p = _in_logarithms(shared, X[row])
            z[row] = np.sum(p)
        leaders.append(leader)
        sums.append(z)
    z = np.concatenate(sums)
    leader, weights = _weights(np.concatenate(leaders, axis=1), np.log(z))
    return leader, np.sum(weights * z)


def _moments_of_range(J, h, start, stop):
    """(1 + n, 1 + n) sum of e^{-beta E} times the outer product of (1, x) with itself, scaled by a leader."""
    shared = _shared(J, h)
    parts = (part for setting in range(start, stop) for part in _moments_of_setting(shared, setting))
    return reduce(lambda so_far, part: _add(*so_far, *part), parts)


def _moments_of_setting(shared, setting):
    """The same for one configuration of H: for all that are products, then for each done in logarithms."""
    X, leaders, U, V, hard = _factors(shared, setting)
    easy = ~hard
    if np.any(easy):
        U, V = U[easy], V[easy]
        of_A = V @ shared.W.T
        of_A *= U
        leader, weights = _weights(leaders[:, easy], np.log(np.sum(of_A, axis=1)))
        of_A *= weights[:, None]
        U *= weights[:, None]
        of_B = U @ shared.W
        of_B *= V
        pairs = U.T @ V
        pairs *= shared.W
        yield leader, _joined(X[easy], shared.S, shared.T, of_A, of_B, pairs)
    for x in X[hard]:
        leader, near, p = _in_logarithms(shared, x)
        of_A, of_B = np.sum(p, axis=1)[None], np.sum(p, axis=0)[None]
        yield leader, _joined(x[None], shared.S[near], shared.T, of_A, of_B, p)


def _joined(X, S, T, of_A, of_B, pairs):
    """The sums of (1, x)(1, x)' from weights of x and A (c, a), of x and B (c, b), and of A and B (a, b)."""
    x, s, t = X.shape[1], S.shape[1], T.shape[1]
    M = np.empty((1 + x + s + t, 1 + x + s + t))
    H, A, B = slice(1, 1 + x), slice(1 + x, 1 + x + s), slice(1 + x + s, None)
    rows, a, b = np.sum(of_A, axis=1), np.sum(pairs, axis=1), np.sum(pairs, axis=0)
    M[0, 0], M[0, H], M[0, A], M[0, B] = np.sum(rows), rows @ X, a @ S, b @ T
    M[H, H], M[A, A], M[B, B] = (X.T * rows) @ X, (S.T * a) @ S, (T.T * b) @ T
    M[H, A], M[H, B], M[A, B] = X.T @ (of_A @ S), X.T @ (of_B @ T), S.T @ pairs @ T
    lower = np.tril_indices(len(M), -1)
    M[lower] = M.T[lower]
    return M
