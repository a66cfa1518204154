r"""Gradients of a restricted Boltzmann machine: six estimators, by rows of data.

    dL/dW = sum of weights times dF/dW,       dF/dW = -v sigma(t)',  dF/db = -v,  dF/dc = -sigma(t)

                                       the data   and against them
    maximum likelihood                     1      -1 for the machine's own law, by exact sums
    CD-k, persistent CD                    1      -1 for the mean of chains of k steps
    pseudolikelihood, ratio matching,   -sum_i g_i     g_i for each neighbour v^i
    probability flow

    D_i = F(v^i) - F(v),    g_i = dL/dD_i,    t = c + W'v,    F(v) = -b'v - sum_j log(1 + e^{t_j})

Whatever is learnt, the parameters feel it through the free energy alone.  So each estimator says which
visible states are to be pushed down and which up, and with what weights.  These add up to 0 over all states:
a constant in the energy counts for nothing.

The slopes g_i of the flips are those of the pages pseudolikelihood.py, ratio_matching.py and
minimum_probability_flow.py, functions of D alone.  D is cheap, since a flip moves t by a row of W.

A chain is handed its noise, and its end is handed back.  Who starts at the data again has CD, who goes on
from the end has persistent CD.  The hidden units are averaged out in both phases, as in expected_cd.py, which
is the mean of this gradient over the noise.

Source: Hinton (2002); Tieleman (2008); Marlin, Swersky, Chen and de Freitas (2010), "Inductive Principles for
Restricted Boltzmann Machine Learning", for the comparison.
"""

import numpy as np

from ebm_ref.checks import real, require
from ebm_ref.energies.rbm import check_bits
from ebm_ref.exact import rbm
from ebm_ref.learning.likelihood import check_machine, rbm_statistics
from ebm_ref.numerics import sigmoid, softplus
from ebm_ref.samplers.gibbs import check_rbm
from ebm_ref.samplers.lattice_walk import uniform_numbers


def exact_gradient(weights, visible_bias, hidden_bias, visible, data_weights):
    """`likelihood.rbm_likelihood_gradient` by the sums of exact/rbm.py, which are faster; the rest as there.

    >>> W, zero = np.array([[1.3]]), np.zeros(1)
    >>> [float(g.round(9).item()) for g in exact_gradient(W, zero, zero, [[1]], [1.0])]
    [-0.235657528, -0.299881697, -0.08571668]
    """
    W, b, c, X, p = check_machine(weights, visible_bias, hidden_bias, visible, data_weights)
    return _less(rbm.moments(W, b, c)[1:], rbm_statistics(W, c, X, p))


def mean_log_likelihood(weights, visible_bias, hidden_bias, visible, data_weights):
    """`likelihood.rbm_log_likelihood`, sum_n p_n log p(v_n), by the same sums; parameters as there.

    It is below minus the entropy of the data, sum_n p_n log p_n over distinct rows, whatever the machine.

    >>> float(mean_log_likelihood(np.zeros((2, 3)), [0, 0], np.zeros(3), [[0, 1]], [1.0]).round(12))  # -log 4
    -1.38629436112
    """
    W, b, c, X, p = check_machine(weights, visible_bias, hidden_bias, visible, data_weights)
    return p @ (X @ b + np.sum(softplus(c + X @ W), axis=1)) - rbm.log_partition(W, b, c)


def _less(model, data):
    return tuple(m - d for m, d in zip(model, data, strict=True))


def chain_gradient(weights, visible_bias, hidden_bias, visible, data_weights, chains, noise):
    """Gradient of CD-k or persistent CD, and where the chains end.

    Parameters
    ----------
    weights, visible_bias, hidden_bias, visible, data_weights
        As for `likelihood.rbm_log_likelihood`.
    chains : (m, v) float
        Where the chains start, rows of bits: drawn from the data for CD-k, the ends of the last call for
        persistent CD.
    noise : sequence of k >= 1 pairs
        Uniform numbers (m, h) and (m, v) for each step, which draws h, then v.

    Returns
    -------
    (dW, db, dc), ends
        Of the negative log-likelihood, estimated; ends (m, v).

    Raises ValueError if sizes do not fit, if states are no bits, or if there is no chain or no step.

    >>> W, zero = np.array([[1.3]]), np.zeros(1)
    >>> noise = [(np.array([[0.5]]), np.array([[0.9]]))]
    >>> (dW, db, dc), ends = chain_gradient(W, zero, zero, [[1]], [1.0], [[1]], noise)
    >>> ends.tolist(), db.tolist()
    ([[0.0]], [-1.0])
    """
    W, b, c, X, p = check_machine(weights, visible_bias, hidden_bias, visible, data_weights)
    ends = gibbs_steps(W, b, c, chains, noise)
    model = rbm_statistics(W, c, ends, np.full(len(ends), 1.0 / len(ends)))
    return _less(model, rbm_statistics(W, c, X, p)), ends


def gibbs_steps(weights, visible_bias, hidden_bias, chains, noise):
    """(m, v) ends of chains: `samplers.gibbs.rbm_step` of all of them, once for each pair of the noise.

    >>> W, zero = np.array([[9.0]]), np.array([-4.0])
    >>> half = np.array([[0.5], [0.5]])
    >>> gibbs_steps(W, zero, zero, [[1], [0]], [(half, half)]).tolist()
    [[1.0], [0.0]]
    """
    W, b, c = check_rbm(weights, visible_bias, hidden_bias)
    V = real("chains", chains, "m", len(b))
    check_bits("chains", V)
    require(len(V) >= 1, "chains", V, "must be one or more")
    require(len(noise) >= 1, "noise", noise, "must be of one step or more: CD-0 is zero")
    for u_h, u_v in noise:
        H = uniform_numbers("noise", u_h, len(V), len(c)) < sigmoid(c + V @ W)
        V = 1.0 * (uniform_numbers("noise", u_v, len(V), len(b)) < sigmoid(b + H @ W.T))
    return V


def flip_differences(weights, visible_bias, hidden_bias, visible):
    """(n, v) D_i = F(v^i) - F(v) of every row.

    >>> W, b, c = np.log([[3.0]]), np.zeros(1), np.zeros(1)  # F(0) = -log 2, F(1) = -log 4
    >>> np.exp(flip_differences(W, b, c, [[0], [1]])).round(12).tolist()
    [[0.5], [2.0]]
    """
    W, b, c = check_rbm(weights, visible_bias, hidden_bias)
    X = real("visible", visible, "n", len(b))
    check_bits("visible", X)
    return _differences(W, b, X, c + X @ W, _flipped(W, c, X))


def _flipped(W, c, X):
    """(n, v, h) t of every neighbour: a flip adds or takes off a row of W."""
    return (c + X @ W)[:, None, :] + (1.0 - 2.0 * X)[:, :, None] * W


def _differences(W, b, X, t, flipped):
    return np.sum(softplus(t), axis=1)[:, None] - np.sum(softplus(flipped), axis=2) - (1.0 - 2.0 * X) * b


def flip_gradient(weights, visible_bias, hidden_bias, visible, data_weights, slopes):
    """(dW (v, h), db (v,), dc (h,)) of a mean over the data of a loss of flip differences.

    Parameters
    ----------
    weights, visible_bias, hidden_bias, visible, data_weights
        As for `likelihood.rbm_log_likelihood`.
    slopes : callable
        D (n, v) -> dL/dD (n, v), elementwise the page's of the loss; 0 where a flip does not count.

    >>> W, zero = np.array([[1.3]]), np.zeros(1)  # of one unit, pseudolikelihood is likelihood
    >>> g = flip_gradient(W, zero, zero, [[1]], [1.0], lambda D: -sigmoid(-D))
    >>> [float(part.round(9).item()) for part in g]
    [-0.235657528, -0.299881697, -0.08571668]
    """
    W, b, c, X, p = check_machine(weights, visible_bias, hidden_bias, visible, data_weights)
    t, flipped = c + X @ W, _flipped(W, c, X)
    g = p[:, None] * real("slopes", slopes(_differences(W, b, X, t, flipped)), *X.shape)
    on, pushed, turned = sigmoid(t), sigmoid(flipped), 1.0 - 2.0 * X
    total = np.sum(g, axis=1)[:, None]
    by_t = total * on - np.einsum("ni,nij->nj", g, pushed)
    dW = X.T @ by_t - np.einsum("ni,nij->ij", g * turned, pushed)
    return dW, -np.sum(g * turned, axis=0), np.sum(by_t, axis=0)
