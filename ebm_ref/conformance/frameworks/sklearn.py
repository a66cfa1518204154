r"""scikit-learn: what sklearn.metrics and its Boltzmann machine can express; values alone.

Each adapter takes (sklearn.metrics, np, inputs in signature order).  The target comes first, and a
sample is a batch of one.  Nothing is differentiated.

BernoulliRBM gives the logarithm of the pseudolikelihood of one unit drawn at random, times the number of
units, which is right in the mean.  Here every unit is drawn once.  What its training computes is random,
and wrong where the last minibatch is short: scripts/findings/sklearn_rbm_last_minibatch.py.

Source: documentation of scikit-learn 1.9, sklearn.metrics and sklearn.neural_network; threads as cited.
"""

import numpy as np

from ebm_ref.conformance.adapting import FINDING, converted, only


def version():
    """Name and version of the framework, as imported."""
    import sklearn

    return f"scikit-learn {sklearn.__version__}"


def evaluate(adapter, inputs, differentiated, dtype):
    """Value of one sample, from inputs of the dtype; scikit-learn has no gradients."""
    from sklearn import metrics

    own = lambda x, real: np.asarray(x, dtype if real else None)
    return adapter(metrics, np, *converted(inputs, differentiated, own).values()), {}


@only(lambda x1, x2, y, m: m > 0.0, "its margin is 1, so of a margin in some unit")
def hinge_loss(M, np, x1, x2, y, m):
    return m * M.hinge_loss([y], [(x1 - x2) / m], labels=[-1, 1])


@only(lambda E, y, m: m > 0.0 and len(E) > 2, "its margin is 1, so of a margin in some unit; three classes")
def multiclass_hinge_loss(M, np, E, y, m):
    return m * M.hinge_loss([y], -E[None] / m, labels=np.arange(len(E)))


@only(lambda l, w: np.all(l >= 0.0), "losses of errors: none below 0")
def mean_absolute_error(M, np, l, w):
    return M.mean_absolute_error(0.0 * l, l, sample_weight=w)


@only(lambda x1, x2, y, m: y == 1, "pairs that are alike")
def cosine_distances(M, np, x1, x2, y, m):
    return M.pairwise.cosine_distances(x1[None], x2[None])[0, 0]


@only(lambda p, t: t in (0, 1), "labels, no shares")
def log_loss(M, np, p, t):
    return M.log_loss([int(t)], p[None], labels=[0, 1])


@only(lambda x, t: x >= 0.0 and t >= 0.0, "numbers that are not negative")
def mean_squared_log_error(M, np, x, t):
    return M.mean_squared_log_error([t], [x])


def machine(W, b, c):
    """A machine of these parameters, as if it had been fitted; one row for each hidden unit."""
    from sklearn.neural_network import BernoulliRBM

    fitted = BernoulliRBM(n_components=len(c))
    fitted.components_, fitted.intercept_visible_, fitted.intercept_hidden_ = W.T, b, c
    fitted.n_features_in_, fitted._n_features_out = len(b), len(c)
    return fitted


class EachInTurn(np.random.RandomState):
    """A generator whose integers are all of them, one after the other."""

    def randint(self, low, high, size):
        return np.arange(size) % high


def pseudolikelihood(M, np, D):
    """Of ones, and a machine without weights: to flip a unit costs its bias."""
    n = len(D)
    independent = machine(np.zeros((n, 1), D.dtype), D, np.zeros(1, D.dtype))
    independent.random_state = EachInTurn()
    return -np.mean(independent.score_samples(np.ones((n, n), D.dtype)))


ADAPTERS = {
    # energies
    "rbm_free_energy": {"BernoulliRBM": lambda M, np, W, b, c, v: machine(W, b, c)._free_energy(v[None])[0]},
    # losses of an energy table
    "hinge": {"hinge_loss": multiclass_hinge_loss},
    # criteria
    "squared_error": {
        "mean_squared_error": lambda M, np, x, y: M.mean_squared_error([y], [x]),
        "euclidean_distances": lambda M, np, x, y: M.pairwise.euclidean_distances([[x]], [[y]], squared=True)[
            0, 0
        ],
    },
    "squared_log_error": {"mean_squared_log_error": mean_squared_log_error},
    "absolute_error": {"mean_absolute_error": lambda M, np, x, y: M.mean_absolute_error([y], [x])},
    "reduction_class_weighted_mean": {"mean_absolute_error": mean_absolute_error},
    "binary_cross_entropy": {"log_loss": log_loss},
    "margin_ranking": {"hinge_loss": hinge_loss},
    "cosine_embedding": {"cosine_distances": cosine_distances},
    # learning
    "pseudolikelihood": {"BernoulliRBM.score_samples": pseudolikelihood},
}

KNOWN = {
    ("squared_error", "euclidean_distances", "square multiplied out"): (
        "github.com/scikit-learn/scikit-learn/issues/9354"
    ),
    ("margin_ranking", "hinge_loss", "every sign taken for -1"): FINDING,
    ("cosine_embedding", "cosine_distances", "short vectors not made longer"): FINDING,
}
