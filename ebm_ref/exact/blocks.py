r"""Blocks: sums over 2^n configurations of dense spins as matrix products.

    E(s) = -1/2 s'Js - h's,   Z = sum_s e^{-beta E(s)},   C_ij = <s_i s_j>

Split the spins into A, B and the rest H.  For one configuration of H the weights of A and of B are two
vectors u and v, the couplings between them a matrix W that does not depend on H, and

    Z(H) = u' W v,      W_ab = e^{beta s_a' J_AB s_b}

For many configurations of H at once, one a row of U and V, that is the matrix product V W', in which
every multiplication and addition sums one configuration: as fast as the machine multiplies matrices.
The moments come from the same and two more: V W' knows A and H together, U W knows B and H, and U' V,
times W, knows A and B.

Exponents.  Each factor is scaled by its largest entry.  That alone is silently wrong: where the three
exponents disagree about who is largest, the configuration that matters is a product of three numbers
that have all underflowed (20741.04 for 20892.59 at |J| about 1e3).  So the ranges of the three
exponents are added up, row by row of H.  Up to 600 nothing that counts can underflow.  Beyond, the row
is done in logarithms: the leader is found first, max_ab (u_a + v_b + w_ab), a matrix product in (max, +);
then only rows of W that come within e^-80 of it are exponentiated and added.  That takes some twenty
times as long.

The configurations of H are cut into ranges that depend on n alone, each range is summed by itself, and
the sums are added in their order.  So the result is the same to the last bit whoever does the work:
this process, threads, processes, or any other `concurrent.futures.Executor`, such as those of Dask
(`Client.get_executor()`) and MPI (`mpi4py.futures`), as long as all have the same NumPy and the same kind
of processor: the order within a matrix product is the library's.  Memory does not grow with n, time
doubles.

Potts models go the same way.  Write each unit of q colours as q numbers of which one is 1 and the others
0, and the energy is the same quadratic form, with the coupling of two units times the identity.

Source: elementary; Horowitz and Sahni (1974) split a sum over subsets in this way.
Before: enumeration.py.  Next: chain.py.
"""

import hashlib
import itertools
import math
import os
import time
from functools import partial

import numpy as np

from ebm_ref.exact.spins import check_colours, check_spins, colour_table, require_memory, spin_table
from ebm_ref.formula import require

SIDE = 10  # log2 of the configurations of A and of B: matrix products are fastest for tables of 2^10
ROWS = 2**9  # configurations of H that are multiplied at once
RANGE = 2**11  # configurations of H that are one piece of work, about 0.1 s
SAFE = 600.0  # sum of three ranges of exponents up to which scaling is right
SLOW = 20  # matrix products that a row in logarithms takes as long as
FAINT = 80.0  # e^-80 of the leader, 2^50 times over, is less than half a unit of the last place
MOST = 60  # log2 of all configurations; 2^60 take a core a year and a half


def log_partition(J, h, beta=1.0, executor=None, progress=None, checkpoint=None):
    """log Z, the logarithm of the sum of e^{-beta E} over all 2^n configurations.

    Parameters
    ----------
    J : (n, n) float
        Couplings, symmetric with zero diagonal; n <= 60, and time doubles with each spin.
    h : (n,) float
        Fields.
    beta : float
        Inverse temperature, > 0.
    executor : concurrent.futures.Executor
        Who does the work; this process unless given.  The result does not depend on it.
    progress : callable
        Called as progress(done, total, seconds): ranges done, ranges in all, and an estimate of the
        seconds that are left.  The first call comes before any work.
    checkpoint : path
        A file that remembers what is finished.  A run that was killed goes on from there.

    Returns
    -------
    float
        At least n log 2, since the mean of E is 0.  Right to a few units of the last place.

    Raises
    ------
    ValueError
        If J is not symmetric, has a diagonal, or anything is not finite; if beta is not positive; if n
        is above 60; or if the checkpoint is that of another problem, or in a folder that is not there.

    >>> J = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> float(np.round(log_partition(J, np.zeros(2)), 12))  # log(2 e + 2 / e)
    1.820075191603
    """
    J, h = check_spins(J, h, beta)
    leader, total = _all_ranges(_partition_of_range, J, h, beta, executor, progress, checkpoint)
    return float(leader + np.log(total))


def moments(J, h, beta=1.0, executor=None, progress=None, checkpoint=None):
    """Means <s_i> and correlations <s_i s_j> of all spins; parameters as in `log_partition`.

    Returns
    -------
    means : (n,) float
    correlations : (n, n) float
        Not centred, so that C_ii = 1; subtract the outer product of the means for covariances.

    Exponents are rounded, and what they lose the moments lose: at most 2^-50 (1 + beta b), where b is the
    sum of all |J_ij|, i < j, and all |h_i|.  Beside a coupling of 1e17 a field of 1/2 is not seen at all.

    >>> J = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> means, C = moments(J, np.zeros(2))
    >>> means.round(12).tolist(), C.round(6).tolist()  # tanh(1)
    ([0.0, 0.0], [[1.0, 0.761594], [0.761594, 1.0]])
    """
    J, h = check_spins(J, h, beta)
    _, total = _all_ranges(_moments_of_range, J, h, beta, executor, progress, checkpoint)
    C = total[1:, 1:] / total[0, 0]
    np.fill_diagonal(C, 1.0)
    return total[0, 1:] / total[0, 0], C


def potts_log_partition(J, h, beta=1.0, executor=None, progress=None, checkpoint=None):
    """log Z of a Potts model, E(y) = -sum_{i<j} J_ij [y_i = y_j] - sum_i h_i(y_i).

    As `log_partition`, but h is (n, q), a column for each colour; q^n <= 2^60.

    >>> J = np.array([[0.0, np.log(2.0)], [np.log(2.0), 0.0]])
    >>> round(float(np.exp(potts_log_partition(J, np.zeros((2, 3))))), 9)  # 3 pairs alike, 6 not
    12.0
    """
    J, h = check_colours(J, h, beta)
    leader, total = _all_ranges(_partition_of_range, J, h, beta, executor, progress, checkpoint)
    return float(leader + np.log(total))


def potts_moments(J, h, beta=1.0, executor=None, progress=None, checkpoint=None):
    """Marginals p(y_i = a), (n, q), and joint probabilities p(y_i = a, y_j = b), (n, q, n, q).

    >>> J = np.array([[0.0, np.log(2.0)], [np.log(2.0), 0.0]])
    >>> one, two = potts_moments(J, np.zeros((2, 3)))
    >>> one[0].round(9).tolist(), float(two[0, 0, 1, 0].round(9)), float(two[0, 0, 1, 1].round(9))
    ([0.333333333, 0.333333333, 0.333333333], 0.166666667, 0.083333333)
    """
    J, h = check_colours(J, h, beta)
    _, total = _all_ranges(_moments_of_range, J, h, beta, executor, progress, checkpoint)
    p = total / total[0, 0]
    return p[0, 1:].reshape(h.shape), p[1:, 1:].reshape(h.shape * 2)


def estimate_seconds(n, products=1):
    """Seconds for n spins on one core: that of a small matrix product here and now, times 2^(n - 28).

    `products` is 1 for log_partition and 3 for moments, 20 for both where couplings are so large that all
    is done in logarithms; n is log2 q^n for units of q colours.

    >>> estimate_seconds(40) > estimate_seconds(30) > 0.0
    True
    """
    side = np.ones((2**10, 2**10)), np.ones((256, 2**10))
    times = []
    for _ in range(4):
        started = time.perf_counter()
        side[1] @ side[0]
        times.append(time.perf_counter() - started)
    return 1.2 * products * min(times) * 2.0 ** (n - 28)


# ranges, and who works on them


def _all_ranges(work, J, h, beta, executor, progress, checkpoint):
    """Sum of all ranges in their order, as a pair (leader, total) that stands for total e^leader."""
    bits = len(h) * math.log2(_colours(h))
    if not bits <= MOST:
        years = estimate_seconds(min(bits, 900)) / 3.15e7
        most = int(MOST / math.log2(_colours(h)))
        rule = f"must be at most {most}; these would take a core {years:.2g} years or more"
        require(False, "len(h)", len(h), rule)
    rest, a, b = _sizes(h)
    tables = 10 * _colours(h) ** (a + b) + 6 * ROWS * _colours(h) ** max(a, b)
    require_memory("len(h)", len(h), 8 * (tables + 2 * h.size**2))
    rows = _colours(h) ** rest
    starts = range(0, rows, RANGE)
    stops = [min(start + RANGE, rows) for start in starts]
    done, leader, total = _finished(checkpoint, work, J, h, beta)
    tell = _teller(progress, len(starts), bits, work, J, h, beta)
    tell(done, done)
    mapped = map if executor is None else executor.map
    before = done
    for part in mapped(partial(work, J, h, beta), starts[done:], stops[done:]):
        leader, total = _add(leader, total, *part)
        done += 1
        _remember(checkpoint, work, J, h, beta, done, leader, total)
        tell(done, before)
    return leader, total


def _add(leader, total, other, more):
    """total e^leader + more e^other as such a pair."""
    top = max(leader, other)
    return top, np.exp(leader - top) * total + np.exp(other - top) * more


def _teller(progress, ranges, bits, work, J, h, beta):
    """A function that tells how far we are: the estimate at first, then what the finished ranges took."""
    if progress is None:
        return lambda done, before: None
    estimate, began = estimate_seconds(bits, _products(work, J, h, beta)) / ranges, time.monotonic()

    def tell(done, before):
        each = (time.monotonic() - began) / (done - before) if done > before else estimate
        progress(done, ranges, each * (ranges - done))

    return tell


def _products(work, J, h, beta):
    """Matrix products that a row of H takes as long as, judged by the first rows."""
    tables = _tables(J, h, beta)
    _, _, u, v = _rows(J, h, beta, tables, 0, min(ROWS, _colours(h) ** _sizes(h)[0]))
    spread = np.ptp(u, axis=1) + np.ptp(v, axis=1) + np.ptp(tables[-1])
    easy, hard = 3 if work is _moments_of_range else 1, np.mean(spread > SAFE)
    return float(easy + hard * (SLOW - easy))


def _problem(work, J, h, beta):
    """What a checkpoint must agree with."""
    text = f"{work.__name__} {h.shape} {SIDE} {ROWS} {RANGE} {SAFE} {FAINT} {float(beta)!r}"
    return hashlib.sha256(text.encode() + J.tobytes() + h.tobytes()).hexdigest()


def _remember(checkpoint, work, J, h, beta, done, leader, total):
    """Write what is finished beside the file, then put it in its place in one step."""
    if checkpoint is None:
        return
    path = os.fspath(checkpoint)
    with open(path + ".new", "wb") as stream:
        np.savez(stream, problem=_problem(work, J, h, beta), done=done, leader=leader, total=total)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(path + ".new", path)


def _finished(checkpoint, work, J, h, beta):
    """Number of finished ranges and their sum; nothing where there is no file."""
    if checkpoint is None:
        return 0, -np.inf, 0.0
    folder = os.path.dirname(os.path.abspath(checkpoint))
    text = f"must lie in a folder that exists and can be written to, not in {folder}"
    require(os.access(folder, os.W_OK), "checkpoint", os.fspath(checkpoint), text)  # before the first hour
    if not os.path.exists(checkpoint):
        return 0, -np.inf, 0.0
    try:
        with np.load(checkpoint, allow_pickle=False) as kept:
            problem, done, leader, total = (kept[key] for key in ("problem", "done", "leader", "total"))
    except Exception as problem:
        raise ValueError(
            f"checkpoint = {os.fspath(checkpoint)!r}: is not a checkpoint of this module"
        ) from problem
    same = str(problem) == _problem(work, J, h, beta)
    require(
        same, "checkpoint", os.fspath(checkpoint), "belongs to another problem; delete it or name another"
    )
    return int(done), float(leader), total[()]


# one range


def _colours(h):
    """How many states a unit has: 2 for spins, whose fields are (n,), else the columns of the fields."""
    return 2 if h.ndim == 1 else h.shape[1]


def _sizes(h):
    """How many units are in H, in A and in B."""
    n, most = len(h), SIDE
    while most > 1 and _colours(h) ** most > 2**SIDE:
        most -= 1
    b = min(most, n // 2) if n < 2 * most else most
    a = min(n - b, most)
    return n - a - b, a, b


def _model(J, h):
    """The quadratic form 1/2 x'Kx + k'x behind -E, what x is of some units, and the parts H, A, B of x."""
    sizes, q = _sizes(h), _colours(h)
    if h.ndim == 1:
        K, k, states, width = J, h, spin_table, 1
    else:
        K, k, states, width = np.kron(J, np.eye(q)), h.ravel(), partial(colour_table, q), q
    ends = np.cumsum([0, *sizes]) * width
    return K, k, states, sizes, [slice(*pair) for pair in itertools.pairwise(ends)]


def _tables(J, h, beta):
    """What all rows share: states of A and of B, their own exponents, and the exponent w between them."""
    K, k, states, sizes, (_, A, B) = _model(J, h)
    S, T = states(sizes[1]), states(sizes[2])
    own = lambda S, side: beta * (0.5 * np.sum(S @ K[side, side] * S, axis=1) + S @ k[side])
    return S, T, own(S, A), own(T, B), beta * (S @ K[A, B] @ T.T)


def _rows(J, h, beta, tables, start, stop):
    """Exponents of rows of H: their states, their own exponent, those of A (c, q^a) and of B (c, q^b)."""
    K, k, states, sizes, (H, A, B) = _model(J, h)
    S, T, own_A, own_B, _ = tables
    X = states(sizes[0], start, stop)
    own = beta * (0.5 * np.sum(X @ K[H, H] * X, axis=1) + X @ k[H])
    u = beta * (X @ K[H, A]) @ S.T
    v = beta * (X @ K[H, B]) @ T.T
    u += own_A
    v += own_B
    return X, own, u, v


def _scaled(exponents):
    """Each row's largest entry, its range, and e^(row - largest)."""
    top = np.max(exponents, axis=1)
    spread = top - np.min(exponents, axis=1)
    exponents -= top[:, None]
    return top, spread, np.exp(exponents, out=exponents)


def _in_logarithms(u, v, w):
    """One row of H: its leader, the a that come near it, and e^(u + v + w - leader) of those."""
    best = u + np.max(w + v, axis=1)
    leader = np.max(best)
    near = np.flatnonzero(best >= leader - FAINT)
    # added up in the same order, so that the leader itself is 0 however large the numbers are
    return leader, near, np.exp((u[near, None] + (w[near] + v)) - leader)


def _chunks(start, stop):
    """Ends of the parts of a range that are multiplied at once."""
    return ((begin, min(begin + ROWS, stop)) for begin in range(start, stop, ROWS))


def _partition_of_range(J, h, beta, start, stop):
    """Sum of e^{-beta E} over the configurations start..stop-1 of H."""
    tables = _tables(J, h, beta)
    w = tables[-1]
    top_w, low_w = np.max(w), np.min(w)
    W = w - top_w
    np.exp(W, out=W)
    logs = []
    for begin, end in _chunks(start, stop):
        _, own, u, v = _rows(J, h, beta, tables, begin, end)
        top_u, spread_u, U = _scaled(u)
        top_v, spread_v, V = _scaled(v)
        z = np.einsum("ra,ra->r", V @ W.T, U)
        with np.errstate(divide="ignore"):
            log_z = own + top_u + top_v + top_w + np.log(z)
        hard = np.flatnonzero(~(spread_u + spread_v + (top_w - low_w) <= SAFE))
        log_z[hard] = _hard_rows(J, h, beta, tables, begin + hard)
        logs.append(log_z)
    logs = np.concatenate(logs)
    leader = np.max(logs)
    return leader, np.sum(np.exp(logs - leader))


def _hard_rows(J, h, beta, tables, rows):
    """Logarithms of the sums of single rows of H whose exponents reach too far."""
    logs = np.empty(len(rows))
    for i, row in enumerate(rows):
        _, own, u, v = _rows(J, h, beta, tables, row, row + 1)
        leader, _, near = _in_logarithms(u[0], v[0], tables[-1])
        logs[i] = own[0] + leader + np.log(np.sum(near))
    return logs


def _moments_of_range(J, h, beta, start, stop):
    """(1 + n, 1 + n) sum of e^{-beta E} times the outer product of (1, x) with itself, scaled by a leader."""
    tables = _tables(J, h, beta)
    w = tables[-1]
    top_w, low_w = np.max(w), np.min(w)
    W = np.exp(w - top_w)
    leader, total = -np.inf, 0.0
    for begin, end in _chunks(start, stop):
        X, own, u, v = _rows(J, h, beta, tables, begin, end)
        top_u, spread_u, U = _scaled(u)
        top_v, spread_v, V = _scaled(v)
        scale = own + top_u + top_v + top_w
        easy = spread_u + spread_v + (top_w - low_w) <= SAFE
        if np.any(easy):
            of_A = V[easy] @ W.T
            of_A *= U[easy]
            logs = scale[easy] + np.log(np.sum(of_A, axis=1))
            top = np.max(logs)
            weight = np.exp(scale[easy] - top)[:, None]
            of_A *= weight
            U = U[easy] * weight
            of_B = (U @ W) * V[easy]
            pairs = (U.T @ V[easy]) * W
            leader, total = _add(leader, total, top, _joined(tables, X[easy], of_A, of_B, pairs))
        for i in np.flatnonzero(~easy):
            leader, total = _add(leader, total, *_moments_of_row(J, h, beta, tables, begin + int(i)))
    return leader, total


def _moments_of_row(J, h, beta, tables, row):
    """The same for a single row of H, in logarithms."""
    X, own, u, v = _rows(J, h, beta, tables, row, row + 1)
    leader, near, p = _in_logarithms(u[0], v[0], tables[-1])
    part = (tables[0][near], *tables[1:])
    return own[0] + leader, _joined(part, X, np.sum(p, axis=1)[None], np.sum(p, axis=0)[None], p)


def _joined(tables, X, of_A, of_B, pairs):
    """The sums of (1, x)(1, x)' from weights of H and A (c, a), of H and B (c, b), and of A and B (a, b)."""
    S, T = tables[:2]
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
