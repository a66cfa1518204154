r"""ISTA, FISTA, LISTA: the code of least energy, by descent that knows about the corner.

    E(z) = |y - W z|^2 + lambda |z|_1
    shrink_c(t) = sign(t) max(|t| - c, 0)

    ISTA    z <- shrink_{lambda/L}(z - (2/L) W' (W z - y))

    FISTA   z_{t+1} = the step of ISTA from v_t,     v_0 = z_0,     tau_0 = 1
            tau_{t+1} = (1 + sqrt(1 + 4 tau_t^2)) / 2
            v_{t+1} = z_{t+1} + (tau_t - 1)/tau_{t+1} (z_{t+1} - z_t)

    LISTA   z <- shrink_theta(A y + S z),     A, S and theta learnt from
            A = (2/L) W',     S = I - (2/L) W' W,     theta = lambda/L

y is the observation, W the dictionary, z the code and lambda the sparsity: the price of a unit of |z|_1,
the sum of |z_j|.  L must be at least twice the largest eigenvalue of W' W.  Each step descends on the
square; then `shrink` moves every entry towards 0 by the price of a step, and stops it there.  Together
that is the exact minimum of an upper bound of E, which touches E where the step begins.  So ISTA never
raises E.  FISTA may, but its error falls like 1/t^2 instead of 1/t.  LISTA is some steps of ISTA unrolled
into a network, whose parameters are learnt so that few steps are enough.

How far is a code from the minimum?  `violation` is 0 there and only there; `duality_gap` is an upper bound
of E(z) - min E.

Some notes mix two conventions.  For an energy with |y - W z|^2 / 2 the step is W' (W z - y)/L, and L need
only be the largest eigenvalue itself.  That step on the E above minimises another energy, with lambda
doubled.  Some call plain ISTA by the name of FISTA, and some print -S z, which converges to no minimum.

Source: Daubechies, Defrise and De Mol (2004); Beck and Teboulle (2009), "A fast iterative
shrinkage-thresholding algorithm for linear inverse problems"; Gregor and LeCun (2010), "Learning fast
approximations of sparse coding".
"""

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_positive, with_axes
from ebm_ref.energies.sparse_coding import sparse_coding


def shrink(t, threshold):
    """sign(t) max(|t| - threshold, 0), elementwise; threshold >= 0, one number or one for each entry.

    >>> shrink(np.array([-3.0, 0.5, 2.0]), 1.0).tolist()
    [-2.0, 0.0, 1.0]
    """
    t = as_real("t", t)
    return shrunk(t, check_threshold(threshold, np.shape(t)))


def check_threshold(threshold, shape):
    """A number >= 0, or an array of them of this shape; a NaN passes."""
    threshold = as_real("threshold", threshold)
    with_axes("threshold", threshold, shape if np.ndim(threshold) else ())
    require(not np.any(threshold < 0.0), "threshold", threshold, "must be >= 0")
    return threshold


def shrunk(t, c):
    """shrink_c(t) of what was checked."""
    return np.sign(t) * np.maximum(np.abs(t) - c, 0.0)


def smoothness(dictionary):
    """L = 2 lambda_max(W'W), the least L that ISTA may use: the square's gradient changes no faster.

    >>> float(np.round(smoothness(np.array([[3.0, 0.0], [0.0, 1.0]])), 12))
    18.0
    """
    W = real("dictionary", dictionary, "n", "m")
    require(np.all(np.isfinite(W)) and np.any(W), "dictionary", W, "must be finite, and not all 0")
    return 2.0 * np.linalg.norm(W, 2) ** 2


def ista_step(dictionary, observation, code, sparsity, L):
    """One step: descend on the square by 1/L, then shrink by lambda/L.

    >>> one = np.eye(1)
    >>> ista_step(one, np.array([3.0]), np.zeros(1), sparsity=1.0, L=2.0).tolist()  # 3, less 1/2
    [2.5]
    """
    W, y, price = check_problem(dictionary, observation, sparsity)
    z, L = real("code", code, W.shape[1]), real("L", L)
    require_positive("L", L)
    return stepped(W, y, z, price, L)


def stepped(W, y, z, price, L):
    """z after one step of ISTA; `price` is lambda."""
    downhill = np.dot(2.0 * (y - np.dot(W, z)), W)
    return shrunk(z + downhill / L, price / L)


def check_problem(dictionary, observation, sparsity):
    """W, (n, m), y, (n,), and lambda >= 0; a NaN passes."""
    W = real("dictionary", dictionary, "n", "m")
    y, price = real("observation", observation, len(W)), real("sparsity", sparsity)
    require(not price < 0.0, "sparsity", price, "must be >= 0")
    return W, y, price


def check_walk(dictionary, observation, sparsity, steps, start):
    """W, y, lambda and L, and the first code: 0, or a copy of `start`."""
    W, y, price = check_problem(dictionary, observation, sparsity)
    require_count("steps", steps, 0)
    z = np.zeros(W.shape[1]) if start is None else np.array(real("start", start, W.shape[1]))
    return W, y, price, smoothness(W), z


def ista(dictionary, observation, sparsity, steps, start=None):
    """The code after `steps` steps of ISTA, from 0 or from `start`.

    >>> W = np.array([[1.0, 0.0, 0.75], [0.0, 1.0, 0.75]])
    >>> ista(W, np.array([1.0, 1.0]), sparsity=0.5, steps=400).round(6).tolist()
    [0.0, 0.0, 1.111111]
    """
    W, y, price, L, z = check_walk(dictionary, observation, sparsity, steps, start)
    for _ in range(steps):
        z = stepped(W, y, z, price, L)
    return z


def fista(dictionary, observation, sparsity, steps, start=None):
    """The code after `steps` steps of FISTA, from 0 or from `start`.

    >>> W = np.array([[1.0, 0.0, 0.75], [0.0, 1.0, 0.75]])
    >>> fista(W, np.array([1.0, 1.0]), sparsity=0.5, steps=100).round(6).tolist()
    [0.0, 0.0, 1.111111]
    """
    W, y, price, L, z = check_walk(dictionary, observation, sparsity, steps, start)
    v, tau = z, 1.0
    for _ in range(steps):
        last, z = z, stepped(W, y, v, price, L)
        before, tau = tau, (1.0 + np.sqrt(1.0 + 4.0 * tau**2)) / 2.0
        v = z + (before - 1.0) / tau * (z - last)
    return z


def lista(encoder, feedback, threshold, observation, steps):
    """The code after `steps` layers of LISTA, from 0: A (m, n), S (m, m), theta a number or (m,).

    >>> lista(np.eye(2), np.zeros((2, 2)), 1.0, np.array([3.0, -0.5]), steps=1).tolist()
    [2.0, -0.0]
    """
    A = real("encoder", encoder, "m", "n")
    m, n = A.shape
    S, theta = real("feedback", feedback, m, m), check_threshold(threshold, (m,))
    y = real("observation", observation, n)
    require_count("steps", steps, 0)
    drive, z = np.dot(A, y), np.zeros(m)
    for _ in range(steps):
        z = shrunk(drive + np.dot(S, z), theta)
    return z


def lista_start(dictionary, sparsity):
    """A, S and theta with which LISTA is ISTA: where its training begins.

    >>> A, S, theta = lista_start(np.array([[1.0]]), sparsity=0.5)
    >>> A.round(12).tolist(), abs(S).round(12).tolist(), float(np.round(theta, 12))
    ([[1.0]], [[0.0]], 0.25)
    """
    W, price = real("dictionary", dictionary, "n", "m"), real("sparsity", sparsity)
    require(price >= 0.0, "sparsity", price, "must be >= 0")
    L = smoothness(W)
    gram = np.dot(W.T, W)
    return 2.0 / L * W.T, np.eye(len(gram)) - 2.0 / L * gram, price / L


def violation(dictionary, observation, code, sparsity):
    """How far a code is from a minimum of E: the length of a vector that is 0 there and nowhere else.

    With g = 2 W' (W z - y) its entry j is the slope g_j + lambda sign(z_j) where z_j is not 0.  At z_j = 0,
    the corner, it is what |g_j| exceeds lambda by, and 0 if it does not.

    >>> float(violation(np.eye(2), np.array([3.0, 0.25]), np.array([2.5, 0.0]), sparsity=1.0))
    0.0
    """
    W, y, price = check_problem(dictionary, observation, sparsity)
    z = real("code", code, W.shape[1])
    g = 2.0 * np.dot(np.dot(W, z) - y, W)
    return np.linalg.norm(np.where(z != 0.0, g + price * np.sign(z), shrunk(g, price)))


def duality_gap(dictionary, observation, code, sparsity):
    """An upper bound of E(z) - min E for which the minimum need not be known; 0 at the minimum.

    Every u with |W_j.u| <= lambda, for each column W_j, gives u.y - |u|^2/4 <= min E.  The one taken is
    2 (y - W z), made shorter until it complies.

    >>> float(duality_gap(np.eye(1), np.array([3.0]), np.array([2.5]), sparsity=1.0))
    0.0
    """
    W, y, price = check_problem(dictionary, observation, sparsity)
    z = real("code", code, W.shape[1])
    u = 2.0 * (y - np.dot(W, z))
    steepest = np.max(np.abs(np.dot(u, W)), initial=0.0)
    u = u * min(1.0, price / steepest) if steepest > 0.0 else u
    bound = np.dot(u, y) - np.dot(u, u) / 4.0
    return sparse_coding(W, y, z, price) - bound
