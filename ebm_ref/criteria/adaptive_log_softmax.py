r"""Adaptive softmax: cross-entropy over very many classes, most of them rare.

    L(x, y) = -log softmax(a)_y                                 y < c
    L(x, y) = -log softmax(a)_{c+i} - log softmax(b_i)_j        y = o_i + j
    a       = V x,    b_i = U_i (P_i x)

    dL/dx   = V^T g_a + P_i^T U_i^T g_b       g_a = dL/da,    g_b = dL/db_i
    dL/dV   = g_a x^T
    dL/dU_i = g_b (P_i x)^T                   for the cluster i of y, else 0
    dL/dP_i = U_i^T g_b x^T                   for the cluster i of y, else 0

The head V scores the c frequent classes and then, with one row each, K clusters of rare ones.  Tail i
scores the classes j inside cluster i, from fewer features, P_i x.  The slopes g_a and g_b are those of
cross_entropy: the shares, less 1 at the entry that is looked up.

Classes are numbered by falling frequency; cluster i = 0..K-1 begins at class o_i, o_0 = c.  A rare class
is first looked up as a cluster, then inside it: P(y) = P(cluster) P(y | cluster).  So the model is a
distribution over all classes, sum_y e^{-L} = 1, yet a sample computes, and its gradient moves, the head
and one tail at most.  With words most samples need the head alone.  It is another model than one large
softmax, not an approximation of it.

Both terms are cross-entropies, >= 0, so nothing cancels.  What goes wrong in practice is the joint of
the two: one language model counted the cluster twice and normalised the tail twice
(github.com/salesforce/awd-lstm-lm/issues/82).

The tails are ragged, so this page stands outside the catalogue.  PyTorch's AdaptiveLogSoftmaxWithLoss
is this with d_i = floor(n / div_value^{i+1}) features for tail i; its `output` is -L.

Source: Grave et al. (2017), "Efficient softmax approximation for GPUs".
"""

import autograd.numpy as np

from ebm_ref.checks import real, require, require_index
from ebm_ref.criteria.cross_entropy import check_logits, misplaced, surprise
from ebm_ref.numerics import log_softmax


def adaptive_log_softmax(features, label: int, head, tails):
    """Adaptive softmax loss of one sample.

    Parameters
    ----------
    features : (n,) float
        What the network says about the input, x.  A NaN gives a NaN loss.
    label : int
        Index y of the true class, counted through the head and then the tails.
    head : (c + K, n) float
        V: one row for each frequent class, then one for each cluster.
    tails : sequence of K pairs of arrays, (d_i, n) and (n_i, d_i) float
        P_i and U_i of each cluster; U_i has a row for each of its n_i >= 1 classes.

    Returns
    -------
    float
        -log P(y | x) >= 0, in nats.

    Raises ValueError if shapes do not fit, if `label` is not a class, or if a score overflows.

    >>> head, tail = np.zeros((3, 2)), (np.zeros((1, 2)), np.zeros((4, 1)))  # 2 classes, a cluster of 4
    >>> x = np.array([1.0, -1.0])
    >>> float(np.exp(adaptive_log_softmax(x, 1, head, [tail])).round(9))  # one of 3 in the head
    3.0
    >>> float(np.exp(adaptive_log_softmax(x, 5, head, [tail])).round(9))  # and one of 4 in the cluster
    12.0
    """
    x, V, tails = checked(features, head, tails)
    entry, i, j = place(label, V, tails)
    loss = surprise(scores("head", V, x), entry)
    if i is None:
        return loss
    P, U = tails[i]
    return loss + surprise(scores(f"tails[{i}]", U, np.dot(P, x)), j)


def adaptive_log_softmax_gradient(features, label: int, head, tails):
    """(dL/dx, dL/dV, [(dL/dP_i, dL/dU_i) for each tail]), shapes as the arguments; other tails get 0.

    >>> head, tail = np.zeros((2, 1)), (np.ones((1, 1)), np.array([[0.0], [0.0]]))  # 1 class, a cluster of 2
    >>> by_x, by_V, [(by_P, by_U)] = adaptive_log_softmax_gradient(np.array([2.0]), 2, head, [tail])
    >>> by_V.tolist(), by_U.tolist()
    ([[1.0], [-1.0]], [[1.0], [-1.0]])
    """
    x, V, tails = checked(features, head, tails)
    entry, i, j = place(label, V, tails)
    g_a = misplaced(scores("head", V, x), entry)
    by_x, by_V = np.dot(g_a, V), np.outer(g_a, x)
    by_tails = [(np.zeros(np.shape(P)), np.zeros(np.shape(U))) for P, U in tails]
    if i is not None:
        P, U = tails[i]
        inner = np.dot(P, x)
        g_b = misplaced(scores(f"tails[{i}]", U, inner), j)
        back = np.dot(g_b, U)
        by_x = by_x + np.dot(back, P)
        by_tails[i] = (np.outer(back, x), np.outer(g_b, inner))
    return by_x, by_V, by_tails


def log_probabilities(features, head, tails):
    """log P(y | x) of every class in order, shape (c + sum_i n_i,): all tails computed.

    >>> head, tail = np.zeros((3, 2)), (np.zeros((1, 2)), np.zeros((4, 1)))
    >>> np.exp(log_probabilities(np.array([1.0, -1.0]), head, [tail])).round(4).tolist()
    [0.3333, 0.3333, 0.0833, 0.0833, 0.0833, 0.0833]
    """
    x, V, tails = checked(features, head, tails)
    top, c = log_softmax(scores("head", V, x)), len(V) - len(tails)
    inside = [log_softmax(scores(f"tails[{i}]", U, np.dot(P, x))) for i, (P, U) in enumerate(tails)]
    return np.concatenate([top[:c], *(top[c + i] + log_p for i, log_p in enumerate(inside))])


def place(label, V, tails):
    """(entry of the head, cluster i or None, index j within it or None) of a class."""
    c, sizes = len(V) - len(tails), [len(U) for _, U in tails]
    require_index("label", label, c + sum(sizes))
    if label < c:
        return label, None, None
    starts = c + np.cumsum([0, *sizes])
    i = int(np.searchsorted(starts, label, side="right")) - 1
    return c + i, i, int(label - starts[i])


def scores(argument, weights, x):
    """weights x, as logits: one must be possible, and none +inf."""
    z = np.dot(weights, x)
    check_logits(z, f"scores of {argument}")
    return z


def checked(features, head, tails):
    """x, V and the pairs (P_i, U_i) as float64, if they fit together."""
    x = real("features", features, "n")
    V = real("head", head, "c + K", len(x))
    tails = [_checked_tail(f"tails[{i}]", tail, len(x)) for i, tail in enumerate(tails)]
    require(len(V) >= len(tails), "head", head, f"must have a row for each of {len(tails)} clusters")
    require(len(V) >= 1, "head", head, "must have a row")
    return x, V, tails


def _checked_tail(argument, tail, n):
    """P and U of one tail."""
    require(len(tail) == 2, argument, tail, "must be a pair, P and U")
    P = real(f"{argument}[0]", tail[0], "d", n)
    U = real(f"{argument}[1]", tail[1], "m", len(P))
    require(len(U) >= 1, f"{argument}[1]", tail[1], "must have a row for each class of the cluster")
    return P, U
