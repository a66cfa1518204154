r"""Expected contrastive divergence: what CD-k does on average, and where it comes to rest.

    g_k  = data' (P^k - 1) T                  of any chain over finitely many states
    g_ML = (pi - data)' T                     pi the law that the chain keeps
    g_k - g_ML = (data - pi)' P^k T           the bias of k steps

P is the transition matrix of the chain, data a distribution over its states, and T holds the statistics of
each: minus dE/dW, so that g is a gradient of the negative log-likelihood, statistics of the model less those
of the data.  No sample is drawn, and there is nothing to average over.

The bias is 0 if the data already have the law of the model, and dies out like the second eigenvalue of P to
the power k.  At the maximum of the likelihood g_ML is 0 and g_k in general is not, so that CD-k comes to rest
elsewhere.  It need not be the gradient of anything.

For an RBM one step draws h given v, then v given h.  The statistics have the hidden units averaged out in
both phases,

    dW = <v sigma(c + W'v)'>_k - <v sigma(c + W'v)'>_data,    db = <v>_k - <v>_data
    dc = <sigma(c + W'v)>_k - <sigma(c + W'v)>_data

The smallest machine can be worked by hand: one visible and one hidden unit, weight w, no biases, and data
that are always 1.  With s = sigma(w)

    lambda = (s - 1/2)^2                 the second eigenvalue of P
    pi     = (1 + e^w) / (3 + e^w)       P(v = 1) in the model
    bias   = s lambda^k (1 - pi)         of dW after k steps

Three units are enough for another fixed point: two visible ones that share their weight w with one hidden
unit, and data 11, 10, 00 with probabilities .5, .3, .2.  CD-1 comes to rest at w = 0.9240, CD-2 at 0.9154
and CD-3 at 0.9149, and the likelihood is largest at 0.9148: a step takes off nine tenths of the bias.

Source: Hinton (2002); Carreira-Perpinan and Hinton (2005), "On Contrastive Divergence Learning"; Sutskever
and Tieleman (2010), "On the Convergence Properties of Contrastive Divergence".
"""

import numpy as np

from ebm_ref.checks import real, require, require_count
from ebm_ref.exact.spins import require_memory
from ebm_ref.exact.transition import stationary_distribution
from ebm_ref.formula import Mistake
from ebm_ref.learning.likelihood import all_bits, check_machine, check_probabilities, rbm_statistics
from ebm_ref.numerics import sigmoid

ROUNDING = 1e-12


def expected_cd(P, data, statistics, k):
    """Expected CD-k gradient of the negative log-likelihood, for any chain over finitely many states.

    Parameters
    ----------
    P : (s, s) float
        P_ij = probability of state j after one step from state i.
    data : (s,) float
        Probabilities of the data.
    statistics : (s, p) float
        T, minus dE/dW of every state.
    k : int
        Steps, k >= 1: without a step the gradient is zero, whatever the data.

    Returns
    -------
    (p,) float
        data' P^k T - data' T: statistics after k steps less those of the data.

    Raises ValueError if P is no matrix of probabilities, if the data do not sum to 1, or if k < 1.

    >>> P = np.array([[0.75, 0.25], [0.25, 0.75]])
    >>> expected_cd(P, [1.0, 0.0], [[0.0], [1.0]], 1), expected_cd(P, [1.0, 0.0], [[0.0], [1.0]], 2)
    (array([0.25]), array([0.375]))
    """
    P, data, T, k = _checked(P, data, statistics, k)
    return (_after(P, data, k) - data) @ T


def expected_cd_bias(P, data, statistics, k):
    """(p,) what the expected CD-k gradient has beyond that of maximum likelihood: (data - pi)' P^k T.

    >>> P = np.array([[0.75, 0.25], [0.25, 0.75]])
    >>> [expected_cd_bias(P, [1.0, 0.0], [[0.0], [1.0]], k).item() for k in (1, 2, 3)]
    [-0.25, -0.125, -0.0625]
    """
    P, data, T, k = _checked(P, data, statistics, k)
    return _after(P, data - stationary_distribution(P), k) @ T


def _checked(P, data, statistics, k):
    """What both functions of a chain are given, if it fits."""
    P = check_matrix(P)
    data = check_probabilities("data", data, len(P))
    T = real("statistics", statistics, len(P), "p")
    check_steps(k)
    return P, data, T, k


def _after(P, row, k):
    """row P^k."""
    for _ in range(k):
        row = row @ P
    return row


def check_steps(k):
    """Raise unless there is a step."""
    rule = "must be at least 1: without a step the chain is at the data, and CD-0 is zero"
    require_count("k", k, 0)
    require(k >= 1, "k", k, rule)


def check_matrix(P):
    """P (s, s) as float64, if its rows are probabilities."""
    P = real("P", P, "s", "s")
    require(P.shape[0] == P.shape[1] >= 1, "P", P, "must be a square matrix")
    legal = np.all(P >= 0.0) and np.all(np.abs(np.sum(P, axis=1) - 1.0) <= ROUNDING)
    require(legal, "P", P, "must have rows of probabilities >= 0 that sum to 1")
    return P


def expected_cd_gradient(weights, visible_bias, hidden_bias, visible, data_weights, k):
    """Expected CD-k gradient of the negative log-likelihood of an RBM, exactly: no sample is drawn.

    Parameters
    ----------
    weights : (v, h) float
        W, visible units first.
    visible_bias : (v,) float
        b.
    hidden_bias : (h,) float
        c.
    visible : (n, v) float
        The data, a row of bits each; n >= 1.
    data_weights : (n,) float
        Probability of each row, >= 0 and 1 in sum.
    k : int
        Gibbs steps from the data, k >= 1; one step draws h, then v.

    Returns
    -------
    dW : (v, h) float
    db : (v,) float
    dc : (h,) float
        Statistics after k steps less those of the data, the hidden units averaged out.

    Raises ValueError if the sizes do not fit, if the data are no bits, if their weights do not sum to 1, if k
    < 1, or if 2^(v + h) probabilities do not fit the memory.

    >>> W, zero = np.array([[1.3]]), np.zeros(1)
    >>> [float(g.round(9).item()) for g in expected_cd_gradient(W, zero, zero, [[1]], [1.0], 1)]
    [-0.216403922, -0.275380871, -0.078713487]
    """
    W, b, c, X, p = check_machine(weights, visible_bias, hidden_bias, visible, data_weights)
    check_steps(k)
    require_memory("weights", W, 32.0 * 2.0 ** sum(W.shape))
    q = after_steps(W, b, c, X, p, k)
    after, data = rbm_statistics(W, c, all_bits(len(b)), q), rbm_statistics(W, c, X, p)
    return tuple(new - old for new, old in zip(after, data, strict=True))


def bit_probabilities(logits):
    """(n, 2^m) probabilities of all settings of m bits, P(1) = sigma(logit); the last bit varies fastest.

    >>> bit_probabilities(np.array([[np.log(3.0), 0.0]])).round(12).tolist()
    [[0.125, 0.125, 0.375, 0.375]]
    """
    t = real("logits", logits, "n", "m")
    require_memory("logits", t, 32.0 * len(t) * 2.0 ** t.shape[1])
    P = np.ones((len(t), 1))
    for column in t.T:
        on_off = np.stack([sigmoid(-column), sigmoid(column)], axis=1)
        P = (P[:, :, None] * on_off[:, None, :]).reshape(len(t), 2 * P.shape[1])
    return P


def after_steps(W, b, c, X, p, k):
    """(2^v,) probabilities of the visible units k steps after the rows of X, which have probabilities p."""
    up, down = bit_probabilities(c + X @ W), bit_probabilities(b + all_bits(len(c)) @ W.T)
    q = (p @ up) @ down
    up = bit_probabilities(c + all_bits(len(b)) @ W) if k > 1 else None
    for _ in range(k - 1):
        q = (q @ up) @ down
    return q


def fixed_point(gradient, low, high):
    """The number in [low, high] where a gradient turns from negative to positive, to the last digit.

    >>> fixed_point(lambda w: w - 0.3, 0.0, 1.0)
    0.3
    """
    require(callable(gradient), "gradient", gradient, "must be a function of a number")
    low, high = float(real("low", low)), float(real("high", high))
    slope = lambda w: float(real("gradient", gradient(w)))
    turns = low < high and slope(low) < 0.0 < slope(high)
    require(turns, "low, high", (low, high), "must enclose a place where the gradient turns from - to +")
    while low < (middle := low + (high - low) / 2.0) < high:
        low, high = (middle, high) if slope(middle) < 0.0 else (low, middle)
    return high


def product_of_means(weights, visible_bias, hidden_bias, visible, data_weights):
    """Wrong: v of the chain replaced by its probability, and h computed from that."""
    W, b, c, X, p = check_machine(weights, visible_bias, hidden_bias, visible, data_weights)
    hidden = all_bits(len(c))
    v = sigmoid(b + hidden @ W.T)
    after = rbm_statistics(W, c, v, p @ bit_probabilities(c + X @ W))
    return tuple(new - old for new, old in zip(after, rbm_statistics(W, c, X, p), strict=True))


def hidden_units_of_the_step_before(weights, visible_bias, hidden_bias, visible, data_weights):
    """Wrong: v after the step paired with P(h | v) of before the step."""
    W, b, c, X, p = check_machine(weights, visible_bias, hidden_bias, visible, data_weights)
    on, before = sigmoid(c + X @ W), bit_probabilities(c + X @ W)
    v = before @ sigmoid(b + all_bits(len(c)) @ W.T)
    after = v.T @ (p[:, None] * on), p @ v, p @ on
    return tuple(new - old for new, old in zip(after, rbm_statistics(W, c, X, p), strict=True))


VARIANTS = (
    Mistake(
        product_of_means,
        name="probabilities of the reconstruction in place of bits",
        seen_in="Deeplearning4j, github.com/deeplearning4j/deeplearning4j/issues/3057 and 3176",
        symptom="the product of means for the mean of products: weights that the data do not ask for",
    ),
    Mistake(
        hidden_units_of_the_step_before,
        name="hidden units of the step before",
        seen_in="rbms, github.com/DsysDML/rbms/issues/31",
        symptom="p(h|v) of the old v beside the new v: no gradient for hidden biases, and no convergence",
    ),
)
