r"""ISTA, FISTA, LISTA: the code of least energy, by descent that knows about the corner.

    E(z) = |y - W z|^2 + lambda |z|_1,            L >= 2 lambda_max(W'W)
    shrink_c(t) = sign(t) max(|t| - c, 0)

    ISTA   z <- shrink_{lambda/L}(z - (2/L) W'(W z - y))
    FISTA  the same step from  v_t = z_t + (tau_{t-1} - 1)/tau_t (z_t - z_{t-1}),
           tau_t = (1 + sqrt(1 + 4 tau_{t-1}^2))/2,   tau_0 = 1,   v_0 = z_0
    LISTA  z <- shrink_theta(A y + S z),          A = (2/L) W',  S = I - (2/L) W'W,
                                                  theta = lambda/L  to begin with

Descent on the square, then `shrink`, which moves every entry towards 0 by the price of a step and stops
there: that is the exact minimum of the square's upper bound plus lambda |z|_1.  So ISTA never raises E.
FISTA may, but its error falls like 1/t^2 instead of 1/t.  LISTA is K steps of ISTA unrolled into a
network: A, S and theta become parameters, learnt so that few steps do.

How far from the minimum?  `violation` is 0 there and only there; `duality_gap` bounds E(z) - min E.

Some notes mix two conventions.  For E with |y - W z|^2/2 the step is W'(W z - y)/L with
L >= lambda_max: that step on this E minimises another energy, with lambda doubled.  Some call
plain ISTA by the name of FISTA, and some print - S z, which does not converge to any minimum.

Source: Daubechies, Defrise and De Mol (2004); Beck and Teboulle (2009), "A fast iterative
shrinkage-thresholding algorithm for linear inverse problems"; Gregor and LeCun (2010), "Learning fast
approximations of sparse coding".
"""

import numpy as np

from ebm_ref.checks import require, require_positive, require_shape, shape_of
from ebm_ref.energies.sparse_coding import sparse_coding


def shrink(t, threshold):
    """sign(t) max(|t| - threshold, 0), elementwise; threshold >= 0.

    >>> shrink(np.array([-3.0, 0.5, 2.0]), 1.0).tolist()
    [-2.0, 0.0, 1.0]
    """
    require(not np.any(threshold < 0.0), "threshold", threshold, "must be >= 0")
    return np.sign(t) * np.maximum(np.abs(t) - threshold, 0.0)


def smoothness(dictionary):
    """L = 2 lambda_max(W'W), the least L that ISTA may use: the square's gradient changes no faster.

    >>> float(np.round(smoothness(np.array([[3.0, 0.0], [0.0, 1.0]])), 12))
    18.0
    """
    shape_of("dictionary", dictionary, "n", "m")
    usable = np.all(np.isfinite(dictionary)) and np.any(dictionary)
    require(usable, "dictionary", dictionary, "must be finite, and not all 0")
    return 2.0 * np.linalg.norm(dictionary, 2) ** 2


def ista_step(dictionary, observation, code, sparsity, L):
    """One step: descend on the square by 1/L, then shrink by lambda/L.

    >>> one = np.eye(1)
    >>> ista_step(one, np.array([3.0]), np.zeros(1), sparsity=1.0, L=2.0).tolist()  # 3, less 1/2
    [2.5]
    """
    require_positive("L", L)
    check_problem(dictionary, observation, code)
    downhill = np.dot(2.0 * (observation - np.dot(dictionary, code)), dictionary)
    return shrink(code + downhill / L, sparsity / L)


def check_problem(dictionary, observation, code):
    """Raise unless W is (n, m), y is (n,) and z is (m,)."""
    n, m = shape_of("dictionary", dictionary, "n", "m")
    require_shape("observation", observation, (n,))
    require_shape("code", code, (m,))


def ista(dictionary, observation, sparsity, steps, start=None):
    """The code after `steps` steps of ISTA, from 0 or from `start`.

    >>> W = np.array([[1.0, 0.0, 0.75], [0.0, 1.0, 0.75]])
    >>> ista(W, np.array([1.0, 1.0]), sparsity=0.5, steps=400).round(6).tolist()
    [0.0, 0.0, 1.111111]
    """
    L = smoothness(dictionary)
    z = np.zeros(np.shape(dictionary)[1]) if start is None else start
    for _ in range(steps):
        z = ista_step(dictionary, observation, z, sparsity, L)
    return z


def fista(dictionary, observation, sparsity, steps, start=None):
    """The code after `steps` steps of FISTA, from 0 or from `start`.

    >>> W = np.array([[1.0, 0.0, 0.75], [0.0, 1.0, 0.75]])
    >>> fista(W, np.array([1.0, 1.0]), sparsity=0.5, steps=100).round(6).tolist()
    [0.0, 0.0, 1.111111]
    """
    L = smoothness(dictionary)
    z = v = np.zeros(np.shape(dictionary)[1]) if start is None else start
    tau = 1.0
    for _ in range(steps):
        last, z = z, ista_step(dictionary, observation, v, sparsity, L)
        before, tau = tau, (1.0 + np.sqrt(1.0 + 4.0 * tau**2)) / 2.0
        v = z + (before - 1.0) / tau * (z - last)
    return z


def lista(encoder, feedback, threshold, observation, steps):
    """The code after `steps` layers of LISTA, from 0: A (m, n), S (m, m), theta a number or (m,).

    >>> lista(np.eye(2), np.zeros((2, 2)), 1.0, np.array([3.0, -0.5]), steps=1).tolist()
    [2.0, -0.0]
    """
    m, n = shape_of("encoder", encoder, "m", "n")
    require_shape("feedback", feedback, (m, m))
    require_shape("observation", observation, (n,))
    drive = np.dot(encoder, observation)
    z = np.zeros(len(drive))
    for _ in range(steps):
        z = shrink(drive + np.dot(feedback, z), threshold)
    return z


def lista_start(dictionary, sparsity):
    """A, S and theta with which LISTA is ISTA: where its training begins.

    >>> A, S, theta = lista_start(np.array([[1.0]]), sparsity=0.5)
    >>> A.round(12).tolist(), abs(S).round(12).tolist(), float(np.round(theta, 12))
    ([[1.0]], [[0.0]], 0.25)
    """
    require(sparsity >= 0.0, "sparsity", sparsity, "must be >= 0")
    L = smoothness(dictionary)
    gram = np.dot(dictionary.T, dictionary)
    return 2.0 / L * dictionary.T, np.eye(len(gram)) - 2.0 / L * gram, sparsity / L


def violation(dictionary, observation, code, sparsity):
    """How far a code is from a minimum: the length of the smallest slope among all at the corner.

    With g = 2 W'(W z - y): g_j + lambda sign(z_j) where z_j is not 0, what |g_j| exceeds lambda by
    where it is.  0 at a minimum of E, which is convex, and nowhere else.

    >>> float(violation(np.eye(2), np.array([3.0, 0.25]), np.array([2.5, 0.0]), sparsity=1.0))
    0.0
    """
    check_problem(dictionary, observation, code)
    g = 2.0 * np.dot(np.dot(dictionary, code) - observation, dictionary)
    return np.linalg.norm(np.where(code != 0.0, g + sparsity * np.sign(code), shrink(g, sparsity)))


def duality_gap(dictionary, observation, code, sparsity):
    """An upper bound of E(z) - min E that needs no minimum: 0 at one.

    Every u with |W_j.u| <= lambda gives u.y - |u|^2/4 <= min E; 2 (y - W z), made shorter until it
    complies, is the one taken.

    >>> float(duality_gap(np.eye(1), np.array([3.0]), np.array([2.5]), sparsity=1.0))
    0.0
    """
    check_problem(dictionary, observation, code)
    u = 2.0 * (observation - np.dot(dictionary, code))
    steepest = np.max(np.abs(np.dot(u, dictionary)), initial=0.0)
    u = u * min(1.0, sparsity / steepest) if steepest > 0.0 else u
    bound = np.dot(u, observation) - np.dot(u, u) / 4.0
    return sparse_coding(dictionary, observation, code, sparsity) - bound
