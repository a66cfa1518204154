r"""Deep network: energies of points of a space, with their slopes and their curvature along a direction.

    E(x)      = V'h_L + |x|^2/(2 s^2),      h_l = tanh(a_l),   a_l = W_l h_{l-1} + b_l,   h_0 = x

    along v, with a_l = a_l(x + t v) and dots for d/dt at t = 0:
    h_l'      = phi' a_l'                    phi   = tanh(a_l),           phi'   = 1 - phi^2
    h_l''     = phi'' a_l'^2 + phi' a_l''    phi'' = -2 phi phi',         phi''' = 2 phi' (3 phi^2 - 1)
    E'        = v'dE/dx
    E''       = v'H v,                       H = d2E/dx2

    backwards, from the forces g_k = dL/dh_l^(k), k = 0, 1, 2, on one layer:
    dL/da_l   = g_0 phi' + g_1 phi'' a_l' + g_2 (phi''' a_l'^2 + phi'' a_l'')
    dL/da_l'  = g_1 phi' + 2 g_2 phi'' a_l'
    dL/da_l'' = g_2 phi'
    dL/dW_l   = sum_k dL/da_l^(k) h_{l-1}^(k)',     dL/db_l = dL/da_l,    dL/dh_{l-1}^(k) = W_l' dL/da_l^(k)

A jet is what a function is at x and along one direction: its value, its slope and its curvature there.  A
network carries jets from layer to layer as it carries values, three numbers in place of one.  What a loss
wants of the jet of E goes backwards the same way, and so one pass forth and one back give the slope by all
parameters of any loss of E, v'dE/dx and v'H v:

    noise contrast, contrastive divergence    L(E)              order 0
    denoising score matching                  |s + z/sigma|^2/2 order 1, along v = s + z/sigma held fixed
    sliced score matching                     (v's)^2/2 - v'H v order 2, along the random v

since s = -dE/dx, so that v's = -E'.  No matrix of second derivatives is formed.

The term |x|^2/(2 s^2) has no parameter.  tanh is bounded, and the network alone would be the energy of a
density without an integral: far out it is flat.  With the term, p is at most e^{2|V|_1} times as large as a
normal density of width s, for all parameters, and any walk comes home.

Points are rows, n at a time, since this is what training does; `theta` is one vector, W_1, b_1, W_2, b_2,
..., V, since this is what an optimiser wants.

Source: Rumelhart, Hinton and Williams (1986) for the backward pass; Griewank and Walther (2008), "Evaluating
Derivatives", chapter 13, for jets; Song et al. (2019) for their use in sliced score matching.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ebm_ref.checks import real, require, require_count, require_positive


@dataclass(frozen=True)
class DeepNetwork:
    """The shape of an energy: how many units there are, and how wide the density is without them.

    Parameters
    ----------
    sizes : tuple of int
        Number of coordinates, then the number of units of each hidden layer: at least one layer.
    width : float
        s > 0.

    >>> model = DeepNetwork((1, 1), width=1.0)
    >>> theta = np.array([1.0, 0.0, -2.0])  # W, b, V: E = x^2/2 - 2 tanh(x)
    >>> model.energies(theta, [[0.0], [50.0]]).tolist()
    [0.0, 1248.0]
    >>> model.slopes(theta, [[0.0]]).tolist(), model.jet(theta, [[0.0]], [[3.0]]).ravel().tolist()
    ([[-2.0]], [0.0, -6.0, 9.0])
    """

    sizes: tuple
    width: float = 2.0

    def __post_init__(self):
        require(len(self.sizes) >= 2, "sizes", self.sizes, "must hold the coordinates and a hidden layer")
        for size in self.sizes:
            require_count("sizes", size)
        require_positive("width", self.width)

    @property
    def count(self):
        """Number of parameters."""
        return sum(m * n + m for n, m in pairwise(self.sizes)) + self.sizes[-1]

    def start(self, rng):
        """A theta to begin with: W and V normal, of variance 1/(number of inputs), and b = 0.

        But the first layer is 3 times as steep, and its b as wide as W: the units then bend in places all
        over a region of size 1.  Networks that begin smooth take ten times as long to learn an edge.
        """
        layers = [(rng.normal(size=(m, n)) / np.sqrt(n), np.zeros(m)) for n, m in pairwise(self.sizes)]
        W, b = layers[0]
        layers[0] = 3.0 * W, 3.0 / np.sqrt(W.shape[1]) * rng.normal(size=b.shape)
        V = rng.normal(size=self.sizes[-1]) / np.sqrt(self.sizes[-1])
        return packed(layers, V)

    def unpacked(self, theta):
        """[(W_1, b_1), ...] and V, as views of theta (count,)."""
        theta, layers = real("theta", theta, self.count), []
        for n, m in pairwise(self.sizes):
            W, b, theta = theta[: m * n].reshape(m, n), theta[m * n : m * n + m], theta[m * n + m :]
            layers.append((W, b))
        return layers, theta

    def energies(self, theta, points):
        """E, shape (n,), of points (n, d)."""
        return self._forth(theta, self._jets(points))[0][0]

    def slopes(self, theta, points):
        """dE/dx, shape (n, d): the scores are minus these."""
        return self.energies_and_slopes(theta, points)[1]

    def energies_and_slopes(self, theta, points):
        """E (n,) and dE/dx (n, d) from one pass, as a sampler wants them."""
        jets = self._jets(points)
        E, passed = self._forth(theta, jets)
        return E[0], self._back(theta, passed, np.ones_like(E))[1][0] + jets[0] / self.width**2

    def jet(self, theta, points, directions):
        """E, v'dE/dx and v'H v, shape (3, n), of points and directions (n, d)."""
        return self._forth(theta, self._jets(points, directions))[0]

    def jet_gradient(self, theta, points, forces, directions=None):
        """dL/dtheta, shape (count,), from the forces (k, n): dL/dE, dL/dE', dL/dE'', or the first of them.

        With one row no direction is needed.  The points and directions are held fixed.
        """
        order = len(np.atleast_2d(forces))
        require(1 <= order <= 3, "forces", forces, "must have one, two or three rows")
        require(order == 1 or directions is not None, "directions", directions, "must be given with slopes")
        jets = self._jets(points, directions)[:order]
        forces = real("forces", np.atleast_2d(forces), order, jets.shape[1])
        return self._back(theta, self._forth(theta, jets)[1], forces)[0]

    def _jets(self, points, directions=None):
        """x, v and 0 as rows: (3, n, d), or (1, n, d) without a direction."""
        x = real("points", points, "n", self.sizes[0])
        if directions is None:
            return x[None]
        v = real("directions", directions, len(x), self.sizes[0])
        return np.stack([x, v, np.zeros_like(x)])

    def _forth(self, theta, jets):
        """The jet of E, (k, n), and (h_{l-1}, a_l) of every layer, with h_L at the end."""
        layers, V = self.unpacked(theta)
        h, passed = jets, []
        for W, b in layers:
            a = h @ W.T
            a[0] += b
            passed.append((h, a))
            h = squashed(a)
        return h @ V + self._home(jets), [*passed, h]

    def _home(self, jets):
        """The jet of |x|^2/(2 s^2)."""
        x, v = jets[0], jets[min(1, len(jets) - 1)]
        terms = 0.5 * np.sum(x * x, 1), np.sum(x * v, 1), np.sum(v * v, 1)
        return np.stack(terms[: len(jets)]) / self.width**2

    def _back(self, theta, passed, forces):
        """dL/dtheta, and dL/d(x, v, 0) without the part of |x|^2/(2 s^2)."""
        (layers, V), slopes = self.unpacked(theta), []
        *passed, last = passed
        g = forces[..., None] * V
        for (W, _), (h, a) in zip(layers[::-1], passed[::-1], strict=True):
            da = squashed_back(a, g)
            slopes.append((np.tensordot(da, h, axes=([0, 1], [0, 1])), da[0].sum(0)))
            g = da @ W
        return packed(slopes[::-1], np.tensordot(forces, last, axes=([0, 1], [0, 1]))), g


def packed(layers, V):
    """One vector of all parameters."""
    return np.concatenate([np.ravel(one) for layer in layers for one in layer] + [V])


def squashed(a):
    """The jet of tanh(a) from the jet of a, (k, n, m) with k = 1, 2 or 3.

    >>> squashed(np.array([[[0.0]], [[2.0]], [[1.0]]])).ravel().tolist()
    [0.0, 2.0, 1.0]
    """
    h = np.tanh(a[0])
    if len(a) == 1:
        return h[None]
    d = 1.0 - h * h
    if len(a) == 2:
        return np.stack([h, d * a[1]])
    return np.stack([h, d * a[1], d * (a[2] - 2.0 * h * a[1] ** 2)])


def squashed_back(a, g):
    """dL/da of a jet from g = dL/dh of its image, both (k, n, m)."""
    h = np.tanh(a[0])
    d = 1.0 - h * h
    back = g * d
    if len(a) > 1:
        back[0] -= 2.0 * g[1] * h * d * a[1]
    if len(a) > 2:
        back[0] += 2.0 * g[2] * d * ((3.0 * h * h - 1.0) * a[1] ** 2 - h * a[2])
        back[1] -= 4.0 * g[2] * h * d * a[1]
    return back
