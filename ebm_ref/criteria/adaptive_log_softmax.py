r"""Adaptive softmax: cross-entropy over very many classes, most of them rare.

    L(x, y) = -log softmax(a)_y                             y < c
    L(x, y) = -log softmax(a)_{c+i} - log softmax(b_i)_j    y = o_i + j
    a       = V x,    b_i = U_i (P_i x)

The head V scores the c frequent classes and then, with one row each, K clusters of rare ones.  Tail i
scores the classes j inside cluster i, from fewer features, P_i x.

Classes are numbered by falling frequency; cluster i = 0..K-1 begins at class o_i, o_0 = c.  A rare class
is first looked up as a cluster, then inside it: P(y) = P(cluster) P(y | cluster).  So the model is a
distribution over all classes, sum_y e^{-L} = 1, yet a sample computes, and its gradient moves, the head
and one tail at most.  With words most samples need the head alone.  It is another model than one large
softmax, not an approximation of it.

Both terms are cross-entropies, >= 0, so nothing cancels.  What goes wrong in practice is the joint of
the two: one language model counted the cluster twice and normalised the tail twice
(github.com/salesforce/awd-lstm-lm/issues/82).

The tails are ragged, so this page stands outside the catalogue.  PyTorch's AdaptiveLogSoftmaxWithLoss
is this with d_i = floor(n / div_value^(i+1)) features for tail i; its `output` is -L.

Source: Grave et al. (2017), "Efficient softmax approximation for GPUs".
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_index
from ebm_ref.criteria.cross_entropy import cross_entropy, cross_entropy_gradient
from ebm_ref.numerics import log_softmax


def adaptive_log_softmax(features, label, head, tails):
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

    Raises
    ------
    ValueError
        If shapes do not fit, or if `label` is not a class.

    >>> head, tail = np.zeros((3, 2)), (np.zeros((1, 2)), np.zeros((4, 1)))  # 2 classes, a cluster of 4
    >>> x = np.array([1.0, -1.0])
    >>> float(np.exp(adaptive_log_softmax(x, 1, head, [tail])).round(9))  # one of 3 in the head
    3.0
    >>> float(np.exp(adaptive_log_softmax(x, 5, head, [tail])).round(9))  # and one of 4 in the cluster
    12.0
    """
    entry, cluster, within = place(features, label, head, tails)
    loss = cross_entropy(np.dot(head, features), entry)
    if cluster is None:
        return loss
    P, U = tails[cluster]
    return loss + cross_entropy(np.dot(U, np.dot(P, features)), within)


def adaptive_log_softmax_gradient(features, label, head, tails):
    """(dL/dx, dL/dV, [(dL/dP_i, dL/dU_i) for each tail]), shapes as the arguments; other tails get 0.

    >>> head, tail = np.zeros((2, 1)), (np.ones((1, 1)), np.array([[0.0], [0.0]]))  # 1 class, a cluster of 2
    >>> by_x, by_V, [(by_P, by_U)] = adaptive_log_softmax_gradient(np.array([2.0]), 2, head, [tail])
    >>> by_V.tolist(), by_U.tolist()
    ([[1.0], [-1.0]], [[1.0], [-1.0]])
    """
    entry, cluster, within = place(features, label, head, tails)
    pull = cross_entropy_gradient(np.dot(head, features), entry)
    by_features, by_head = np.dot(pull, head), np.outer(pull, features)
    by_tails = [(np.zeros(np.shape(P)), np.zeros(np.shape(U))) for P, U in tails]
    if cluster is not None:
        P, U = tails[cluster]
        inner = np.dot(P, features)
        pull = cross_entropy_gradient(np.dot(U, inner), within)
        back = np.dot(pull, U)
        by_features = by_features + np.dot(back, P)
        by_tails[cluster] = (np.outer(back, features), np.outer(pull, inner))
    return by_features, by_head, by_tails


def log_probabilities(features, head, tails):
    """log P(y | x) of every class in order, shape (c + sum_i n_i,): all tails computed.

    >>> head, tail = np.zeros((3, 2)), (np.zeros((1, 2)), np.zeros((4, 1)))
    >>> np.exp(log_probabilities(np.array([1.0, -1.0]), head, [tail])).round(4).tolist()
    [0.3333, 0.3333, 0.0833, 0.0833, 0.0833, 0.0833]
    """
    place(features, 0, head, tails)
    top, c = log_softmax(np.dot(head, features)), len(head) - len(tails)
    inside = [log_softmax(np.dot(U, np.dot(P, features))) for P, U in tails]
    return np.concatenate([top[:c], *(top[c + i] + log_p for i, log_p in enumerate(inside))])


def place(features, label, head, tails):
    """(entry of the head, cluster or None, index within the cluster or None) of a class."""
    check_shapes(features, head, tails)
    c, sizes = len(head) - len(tails), [len(U) for _, U in tails]
    require_index("label", label, c + sum(sizes))
    if label < c:
        return label, None, None
    starts = c + np.cumsum([0, *sizes])
    cluster = int(np.searchsorted(starts, label, side="right")) - 1
    return c + cluster, cluster, int(label - starts[cluster])


def check_shapes(features, head, tails):
    """Raise unless the head reads the features, has a row for each cluster, and each tail fits."""
    n, shape = len(features), np.shape(head)
    require(shape[1:] == (n,), "head of shape", shape, f"must have rows of {n} entries, as features has")
    require(
        len(head) >= len(tails), "head of shape", shape, f"must have a row for each of {len(tails)} clusters"
    )
    for i, (P, U) in enumerate(tails):
        shapes, rule = (np.shape(P), np.shape(U)), f"must be (d, {n}) and (m, d) with m >= 1"
        fits = shapes[0][1:] == (n,) and shapes[1][1:] == (len(P),) and len(U) >= 1
        require(fits, f"tails[{i}] of shapes", shapes, rule)
