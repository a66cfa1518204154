r"""Maximum likelihood: the gradient that every other estimator is measured against.

    L(W)  = <E>_data + log Z                  negative log-likelihood of one datum
    dL/dW = <dE/dW>_data - <dE/dW>_model

At the optimum the model has the moments of the data.  The first mean is a sum over the data; the second is a
sum over all states, which is why this is impossible for most models and why there are the other pages here.
Where it is possible, it says what they ought to find: by enumeration of any table of energies, by exact
blocks for some thirty spins or their like in colours, by quadrature on the line and in the plane, and for an
RBM by a sum over the smaller kind of its units.

    Ising    dL/dJ = (<s s'>_model - <s s'>_data)/2,    dL/dh = <s>_model - <s>_data
    RBM      dL/dW = <v sigma(c + W'v)'>_model - the same of the data, ...

J_ij and J_ji are one coupling in two halves, each with its own derivative, as on the page of the energy.

Where none of this is possible a chain stands for the model.  `sampled_gradient` is that estimate with the
error bar that its draws deserve, which are not independent.

Source: Ackley, Hinton and Sejnowski (1985); Song and Kingma (2021), Section 3,
equations 3 and 4.
"""

import numpy as np

from ebm_ref.checks import real, require, whole
from ebm_ref.energies.rbm import check_bits
from ebm_ref.exact import blocks, enumeration, quadrature
from ebm_ref.exact.spins import check_colours, check_spins, require_memory
from ebm_ref.numerics import logsumexp, sigmoid, softmax, softplus
from ebm_ref.samplers.diagnostics import mcse_mean
from ebm_ref.samplers.gibbs import check_rbm

ROUNDING = 1e-12


def check_probabilities(argument, p, size):
    """p (size,) as float64, if it holds probabilities that sum to 1."""
    p = real(argument, p, size)
    legal = np.all(p >= 0.0) and abs(np.sum(p) - 1.0) <= ROUNDING
    require(legal, argument, p, "must be >= 0 and sum to 1")
    return p


def log_likelihood(energies, data):
    """Mean log-likelihood, -<E>_data - log Z, of data given as a distribution over all states.

    Parameters
    ----------
    energies : (s,) float
        Energy of every state; +inf where one is impossible, and then no datum may be there.
    data : (s,) float
        Probabilities of the data.

    Returns
    -------
    float
        <= 0; -inf where a datum is impossible.

    Raises ValueError if the data do not sum to 1, or if there is no possible state.

    >>> float(log_likelihood([0.0, np.log(3.0)], [0.5, 0.5]).round(12))  # log(3/4)/2 + log(1/4)/2
    -0.836988216786
    """
    E, p = _table(energies, data)
    lowest = np.min(E)
    seen = p > 0.0
    return -np.sum(p[seen] * (E[seen] - lowest)) - logsumexp(lowest - E)


def likelihood_gradient(energies, data, statistics):
    """(p,) gradient of minus log_likelihood: <T>_model - <T>_data, T (s, p) being minus dE/dW of every state.

    >>> likelihood_gradient([0.0, np.log(3.0)], [0.5, 0.5], [[0.0], [1.0]]).round(12)  # 1/4 - 1/2
    array([-0.25])
    """
    E, p = _table(energies, data)
    T = real("statistics", statistics, len(E), "p")
    return (softmax(np.min(E) - E) - p) @ T


def _table(energies, data):
    """E and p of all states, if some state is possible."""
    E = real("energies", energies, "s")
    possible = len(E) > 0 and np.any(E < np.inf) and np.all(E > -np.inf)
    require(possible, "energies", E, "must be numbers above -inf, some of them finite")
    return E, check_probabilities("data", data, len(E))


def ising_log_likelihood(couplings, fields, spins, data_weights):
    """Mean log-likelihood of spins, by exact blocks: time doubles with each, and thirty take a minute or so.

    Parameters
    ----------
    couplings : (n, n) float
        J, symmetric, with a zero diagonal.
    fields : (n,) float
        h.
    spins : (m, n) float
        The data, rows of -1 and 1.
    data_weights : (m,) float
        Probability of each row, >= 0 and 1 in sum.

    >>> one = np.zeros((1, 1))
    >>> L = ising_log_likelihood(one, [0.5], [[1], [-1]], [0.75, 0.25])  # 0.25 - log(2 cosh 0.5)
    >>> float(np.round(L, 12))
    -0.563261687518
    """
    J, h, S, p = _spins(couplings, fields, spins, data_weights)
    E = -0.5 * np.sum((S @ J) * S, axis=1) - S @ h
    return -(p @ E) - blocks.log_partition(J, h)


def ising_likelihood_gradient(couplings, fields, spins, data_weights):
    """(dJ (n, n), dh (n,)) of minus ising_log_likelihood; parameters as there.

    >>> dJ, dh = ising_likelihood_gradient(np.zeros((2, 2)), [0.0, 0.0], [[1, 1], [1, -1]], [0.75, 0.25])
    >>> dJ.tolist(), dh.tolist()
    ([[0.0, -0.25], [-0.25, 0.0]], [-1.0, -0.5])
    """
    J, h, S, p = _spins(couplings, fields, spins, data_weights)
    means, C = blocks.moments(J, h)
    dJ = (C - S.T @ (p[:, None] * S)) / 2.0
    np.fill_diagonal(dJ, 0.0)
    return dJ, means - p @ S


def _spins(couplings, fields, spins, data_weights):
    """The model and the data, if they fit."""
    J, h = check_spins(couplings, fields)
    S = real("spins", spins, "m", len(h))
    require(len(S) >= 1 and np.all(np.abs(S) == 1.0), "spins", S, "must hold rows of -1 and 1")
    return J, h, S, check_probabilities("data_weights", data_weights, len(S))


def potts_likelihood_gradient(couplings, fields, labels, data_weights):
    """(dJ (n, n), dh (n, q)) of the negative log-likelihood of colours, by exact blocks.

    Parameters
    ----------
    couplings : (n, n) float
        J, symmetric, with a zero diagonal; J_ij favours equal colours.
    fields : (n, q) float
        h.
    labels : (m, n) int
        The data, rows of colours 0..q-1.
    data_weights : (m,) float
        Probability of each row, >= 0 and 1 in sum.

    >>> dJ, dh = potts_likelihood_gradient(np.zeros((2, 2)), np.zeros((2, 4)), [[3, 3]], [1.0])
    >>> dJ.tolist(), dh[0].tolist()  # 1/2 (1/4 - 1), and 1/4 - [a = 3]
    ([[0.0, -0.375], [-0.375, 0.0]], [0.25, 0.25, 0.25, -0.75])
    """
    J, h = check_colours(couplings, fields)
    Y = whole("labels", labels, "m", len(h))
    legal = len(Y) >= 1 and np.all((Y >= 0) & (Y < h.shape[1]))
    require(legal, "labels", Y, f"must hold rows of colours in 0..{h.shape[1] - 1}")
    p = check_probabilities("data_weights", data_weights, len(Y))
    one, two = blocks.potts_moments(J, h)
    agree = np.einsum("m,mij->ij", p, 1.0 * (Y[:, :, None] == Y[:, None, :]))
    dJ = (np.einsum("iaja->ij", two) - agree) / 2.0
    np.fill_diagonal(dJ, 0.0)
    return dJ, one - np.einsum("m,mia->ia", p, 1.0 * (Y[:, :, None] == np.arange(h.shape[1])))


def density_log_likelihood(energy, points, intervals=quadrature.LINE, centre=0.0, scale=1.0):
    """Mean log-likelihood of points of the line or the plane, by quadrature, and a bound on its error.

    Parameters
    ----------
    energy : callable
        E of one point: a number in one dimension, an array (2,) in two.
    points : (n,) or (n, 2) float
        The data.
    intervals, centre, scale
        As for `exact.quadrature.log_partition`.

    Returns
    -------
    (float, float)

    >>> value, error = density_log_likelihood(lambda x: x**2 / 2.0, [1.0, -1.0])
    >>> bool(abs(value + 0.5 + np.log(2.0 * np.pi) / 2.0) <= error + 1e-15)
    True
    """
    log_Z, error = quadrature.log_partition(energy, 1.0, intervals, centre, scale)
    return -_mean(energy, "energy", points, intervals) - log_Z, error


def density_likelihood_gradient(energy, statistic, points, intervals=quadrature.LINE, centre=0.0, scale=1.0):
    """<T>_model - <T>_data and a bound on its error: `statistic` is T = -dE/dW, a number, of one point.

    >>> square = lambda x: -(x**2) / 2.0  # by the precision, which is 1 here and 1/2 for the data
    >>> g, error = density_likelihood_gradient(lambda x: x**2 / 2.0, square, [2.0, 0.0])
    >>> round(g, 12)
    0.5
    """
    mean, error = quadrature.expectation(statistic, energy, 1.0, intervals, centre, scale)
    return mean - _mean(statistic, "statistic", points, intervals), error


def _mean(function, argument, points, intervals):
    """The mean of a function over the data."""
    X = real("points", points, "n", *([2] if len(intervals) == 2 else []))
    require(len(X) >= 1, "points", X, "must hold one or more")
    return float(np.mean(real(argument, [function(x) for x in X], "n")))


def check_machine(weights, visible_bias, hidden_bias, visible, data_weights):
    """W, b, c, the rows of data X (n, v) and their probabilities p (n,), if all fit."""
    W, b, c = check_rbm(weights, visible_bias, hidden_bias)
    for argument, x in (("weights", W), ("visible_bias", b), ("hidden_bias", c)):
        require(np.all(np.isfinite(x)), argument, x, "must be finite")
    X = real("visible", visible, "n", len(b))
    require(len(X) >= 1, "visible", X, "must hold one or more rows")
    check_bits("visible", X)
    return W, b, c, X, check_probabilities("data_weights", data_weights, len(X))


def all_bits(n):
    """(2^n, n) all settings of n bits, if they fit the memory.

    >>> all_bits(2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    require_memory("number of bits", n, 32 * (n + 1) * 2.0**n)
    return enumeration.configurations((2,) * n).astype(float)


def log_weights(W, b, c, states):
    """(s,) -F of visible states: minus the free energy, the hidden units summed out."""
    return states @ b + np.sum(softplus(c + states @ W), axis=1)


def rbm_log_likelihood(weights, visible_bias, hidden_bias, visible, data_weights):
    """Mean log-likelihood of an RBM, exactly: a sum over all settings of the smaller kind of units.

    Parameters
    ----------
    weights : (v, h) float
        W.
    visible_bias, hidden_bias : (v,), (h,) float
        b and c.
    visible : (n, v) float
        The data, rows of bits.
    data_weights : (n,) float
        Probability of each row, >= 0 and 1 in sum.

    >>> L = rbm_log_likelihood(np.zeros((2, 3)), [0.0, 0.0], np.zeros(3), [[0, 1]], [1.0])  # -log 4
    >>> float(L.round(12))
    -1.38629436112
    """
    W, b, c, X, p = check_machine(weights, visible_bias, hidden_bias, visible, data_weights)
    smaller = (W, b, c) if len(b) <= len(c) else (W.T, c, b)
    return p @ log_weights(W, b, c, X) - logsumexp(log_weights(*smaller, all_bits(min(W.shape))))


def rbm_likelihood_gradient(weights, visible_bias, hidden_bias, visible, data_weights):
    """(dW (v, h), db (v,), dc (h,)) of minus rbm_log_likelihood; parameters as there.

    >>> W, zero = np.array([[1.3]]), np.zeros(1)
    >>> [float(g.round(9).item()) for g in rbm_likelihood_gradient(W, zero, zero, [[1]], [1.0])]
    [-0.235657528, -0.299881697, -0.08571668]
    """
    W, b, c, X, p = check_machine(weights, visible_bias, hidden_bias, visible, data_weights)
    data, model = rbm_statistics(W, c, X, p), _model_statistics(W, b, c)
    return tuple(m - d for m, d in zip(model, data, strict=True))


def rbm_statistics(W, c, states, p):
    """<v sigma(t)'>, <v> and <sigma(t)> over visible states with probabilities p: t = c + W'v."""
    on = sigmoid(c + states @ W)
    return states.T @ (p[:, None] * on), p @ states, p @ on


def _model_statistics(W, b, c):
    """The same over the machine's own law, by the smaller kind of units."""
    turned = len(b) > len(c)
    if turned:
        W, b, c = W.T, c, b
    states = all_bits(len(b))
    vh, v, h = rbm_statistics(W, c, states, softmax(log_weights(W, b, c, states)))
    return (vh.T, h, v) if turned else (vh, v, h)


def sampled_gradient(data_statistics, sample_statistics):
    """Likelihood gradient with a chain in the place of the model, and its error bar.

    Parameters
    ----------
    data_statistics : (n, p) float
        T, minus dE/dW, of each datum; n >= 1.
    sample_statistics : (m, l, p) float
        T of the l >= 4 draws of each of m chains, which have forgotten where they started.

    Returns
    -------
    gradient : (p,) float
        mean over the draws less mean over the data: of the negative log-likelihood.
    error : (p,) float
        Standard error of the first mean, the draws' correlations included; that of the data is not in it.

    Raises ValueError if there are no data, or fewer than 4 draws.

    >>> T = np.tile([1.0, -1.0, -1.0, 1.0], 25)[None, :, None]
    >>> gradient, error = sampled_gradient([[0.5], [1.0]], T)
    >>> gradient.tolist(), bool(error[0] < 0.1)
    ([-0.75], True)
    """
    T = real("data_statistics", data_statistics, "n", "p")
    require(len(T) >= 1, "data_statistics", T, "must hold one or more")
    draws = real("sample_statistics", sample_statistics, "m", "l", T.shape[1])
    enough = draws.shape[0] >= 1 and draws.shape[1] >= 4
    require(enough, "sample_statistics", draws, "must hold one or more chains of 4 draws or more")
    error = np.array([mcse_mean(column) for column in np.moveaxis(draws, 2, 0)])
    return np.mean(draws, axis=(0, 1)) - np.mean(T, axis=0), error
