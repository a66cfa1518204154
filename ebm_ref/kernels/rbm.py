r"""Restricted Boltzmann machines at the speed of the machine: updates by CD or PCD, and exact moments.

    contrastive_updates(machine, data, rows, rates, rng, k, chains)    many updates, random numbers inside
    moments(W, b, c)                                                   those of exact/rbm.py

An update is that of learning/rbm_gradients.py, state for state: the same Generator gives the same chains,
unless a probability is nearer to its uniform number than rounding.  Random numbers are drawn unit by unit,
for all chains of a unit in turn: in each step those of the hidden units, then those of the visible ones.

Chains stand side by side with their index innermost, so that four or eight are worked on at once.  Nothing is
allocated between updates, and no matrix product is so small that calling a library for it costs more than it.

For the moments each term of Z is needed without one of its factors, for every factor in turn.  Products from
the left and from the right give that without a division, and without the difference that the page takes: a
unit that is rarely on keeps its digits.

Source: Hinton (2002); Tieleman (2008).
"""

import numpy as np

from ebm_ref.checks import require, require_count
from ebm_ref.energies.rbm import check_bits
from ebm_ref.exact import rbm as page
from ebm_ref.kernels.batch import as_integers, as_numbers
from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.exponential import exponential


def contrastive_updates(machine, data, rows, rates, rng, k=1, chains=None):
    """Parameters after as many updates as there are rates, and where the chains end.

    Parameters
    ----------
    machine : ((v, h), (v,), (h,)) float
        W, b and c at the start; left alone.
    data : (n, v) float
        Rows of bits.
    rows : (t, m) int
        Which of them each update takes, in 0..n-1; m >= 1.
    rates : (t,) float
        Step size of each update, finite: W moves by -rate times the gradient of rbm_gradients.chain_gradient.
    rng : numpy.random.Generator
        Uniform numbers are drawn from it.
    k : int
        Steps of each chain in each update, >= 1.
    chains : (l, v) float, optional
        Where chains start that are kept from one update to the next (PCD); if left out, those of every
        update start at its data (CD-k).

    Returns
    -------
    (W, b, c), ends
        ends (l, v) or (m, v).

    Raises ValueError if sizes do not fit, a state is no bit, a number is not finite, or there is no step.

    >>> machine, data = (np.zeros((2, 1)), np.zeros(2), np.zeros(1)), np.array([[1.0, 1.0], [0.0, 0.0]])
    >>> rng = np.random.default_rng(0)
    >>> rows, rates = rng.integers(2, size=(2000, 10)), np.linspace(0.5, 0.0, 2000)
    >>> (W, b, c), ends = contrastive_updates(machine, data, rows, rates, rng, chains=data)
    >>> log_Z, vh, v, h = page.moments(W, b, c)
    >>> ends.shape, W.shape, bool(np.all(np.abs(v - 0.5) < 0.2))  # each unit is on in half of the data
    ((2, 2), (2, 1), True)
    """
    three = isinstance(machine, (tuple, list)) and len(machine) == 3
    require(three, "machine", machine, "must be (weights, visible_bias, hidden_bias)")
    machine = tuple(x.copy() for x in page.checked(*machine))
    batches = _batches(data, rows, rates, len(machine[1]))
    require(isinstance(rng, np.random.Generator), "rng", rng, "must be a numpy.random.Generator")
    require_count("k", k)
    ends = _starts(chains, len(machine[1]), batches[1].shape[1])
    _updates(machine, batches, int(k), ends, chains is not None, rng)
    return machine, ends.T.copy()


def _batches(data, rows, rates, v):
    """The data, which rows of them, and the rates, if they fit."""
    X = as_numbers("data", data, "n", v)
    check_bits("data", X)
    rows = as_integers("rows", rows, "t", "m")
    inside = rows.size == 0 or (rows.min() >= 0 and rows.max() < len(X))
    require(inside and rows.shape[1] >= 1, "rows", rows, f"must hold one or more of 0..{len(X) - 1} each")
    rates = as_numbers("rates", rates, len(rows))
    require(np.all(np.isfinite(rates)), "rates", rates, "must be finite")
    return X, rows, rates


def _starts(chains, v, m):
    """(v, l) where chains start, or room for those that will start at the data."""
    if chains is None:
        return np.empty((v, m))
    V = as_numbers("chains", chains, "l", v)
    check_bits("chains", V)
    require(len(V) >= 1, "chains", V, "must be one or more")
    return V.T.copy()


@njit(fastmath={"contract"}, error_model="numpy")
def _updates(machine, batches, k, V, kept, rng):
    """All updates in place: of the parameters, and of chains V (v, l)."""
    (W, b, c), (X, rows, rates) = machine, batches
    m, (v, h), l = rows.shape[1], W.shape, V.shape[1]
    batch, hidden = np.empty((v, m)), np.empty((h, m))
    on, seen = np.empty((h, l)), np.empty((v, l))
    for t in range(len(rows)):
        for r in range(m):
            for i in range(v):
                batch[i, r] = X[rows[t, r], i]
        _probabilities(W, c, batch, hidden)
        if kept:
            _probabilities(W, c, V, on)
        else:
            V[:], on[:] = batch, hidden
        for _ in range(k):
            _draw(on, rng)
            _probabilities(W.T, b, on, seen)
            _draw(seen, rng)
            V[:] = seen
            _probabilities(W, c, V, on)
        _add(W, b, c, batch, hidden, rates[t] / m)
        _add(W, b, c, V, on, -rates[t] / l)


@njit(fastmath={"contract"}, error_model="numpy")
def _probabilities(W, bias, states, p):
    """p (h, m) = sigma(bias + W'states)."""
    m = states.shape[1]
    for j in range(len(bias)):
        for r in range(m):
            p[j, r] = bias[j]
        for i in range(len(states)):
            w = W[i, j]
            for r in range(m):
                p[j, r] += w * states[i, r]
        for r in range(m):
            p[j, r] = 1.0 / (1.0 + exponential(-p[j, r]))


@njit(error_model="numpy")
def _draw(p, rng):
    """Bits in the place of their probabilities."""
    for j in range(p.shape[0]):
        for r in range(p.shape[1]):
            p[j, r] = 1.0 if rng.random() < p[j, r] else 0.0


@njit(fastmath={"contract", "reassoc"}, error_model="numpy")
def _add(W, b, c, states, on, step):
    """Parameters raised by a step times the sums of v sigma(t)', v and sigma(t) over columns."""
    m = states.shape[1]
    for i in range(len(b)):
        for j in range(len(c)):
            s = 0.0
            for r in range(m):
                s += states[i, r] * on[j, r]
            W[i, j] += step * s
    for bias, units in ((b, states), (c, on)):
        for i in range(len(bias)):
            s = 0.0
            for r in range(m):
                s += units[i, r]
            bias[i] += step * s


def moments(weights, visible_bias, hidden_bias):
    """(log Z, <v h'> (v, h), <v> (v,), <h> (h,)), as the page's; where products would overflow, by the page.

    >>> log_Z, vh, v, h = moments(np.log([[3.0]]), [0.0], [0.0])
    >>> float(np.exp(log_Z).round(12)), vh.round(12).tolist(), v.round(12).tolist()
    (6.0, [[0.5]], [0.666666666667])
    """
    W, b, c = page.checked(weights, visible_bias, hidden_bias)
    if W.shape[0] < W.shape[1]:
        log_Z, hv, h, v = moments(W.T, c, b)
        return log_Z, hv.T, v, h
    parts = page.halves(W, b, c)
    if not page.fits(parts):
        return page.moments(W, b, c)
    on_first, on_second, of_first, of_second = _sums(*map(np.exp, parts))
    cut, Z = len(c) // 2, np.sum(of_first)
    first, second = page.half_settings(cut), page.half_settings(len(c) - cut)
    vh = np.hstack([on_first @ first, on_second @ second]) / Z
    h = np.concatenate([of_first @ first, of_second @ second]) / Z
    return np.log(Z), vh, np.sum(on_first, axis=1) / Z, h


@njit(error_model="numpy")
def _sums(A, D, U, V):
    """Sums of the terms of Z with v_i on, over the second half (n, r) and over the first (n, s); of all."""
    (n, r), s = A.shape, len(V)
    on_first, on_second, of_first, of_second = np.empty((n, r)), np.zeros((n, s)), np.empty(r), np.zeros(s)
    left, right = np.empty((n + 1, s)), np.empty(s)
    for g in range(r):
        left[0, :] = U[g] * V
        for i in range(n):
            _from_the_left(A[i, g], D[i], left[i], left[i + 1])
        of_first[g] = _sum(left[n])
        of_second += left[n]
        right[:] = 1.0
        for i in range(n - 1, -1, -1):
            _from_the_right(A[i, g], D[i], left[i], right, on_second[i])
            on_first[i, g] = _sum(left[i])
    return on_first, on_second, of_first, of_second


@njit(fastmath={"contract"}, error_model="numpy")
def _from_the_left(a, d, product, longer):
    """The product of one factor more."""
    for k in range(len(d)):
        longer[k] = product[k] * (1.0 + a * d[k])


@njit(fastmath={"contract"}, error_model="numpy")
def _from_the_right(a, d, left, right, total):
    """The terms with this unit on, in the place of the product of the factors before it; added to a total."""
    for k in range(len(d)):
        x = a * d[k]
        left[k] *= right[k] * x
        total[k] += left[k]
        right[k] *= 1.0 + x


@njit(fastmath={"reassoc"}, error_model="numpy")
def _sum(x):
    """Sum of a vector, several at once."""
    s = 0.0
    for k in range(len(x)):
        s += x[k]
    return s
