#!/usr/bin/env python3
"""Digits drawn from a network's energy, and how likely it finds unseen ones.

Claim   A network of energy learns 8 x 8 digits with noise from persistent
        chains at temperature 1, without log Z. That is bounded from both sides
        afterwards: the bounds are less than 0.005 nats a pixel apart, and on a
        network of the same size whose log Z is known both find it. By the
        worse of the two, digits never seen are likelier than under a Gaussian,
        by 0.09 nats a pixel, and than under a mixture of forty, by 0.03; and
        the samples are digits of all ten kinds.
Source  Tieleman (2008); Du and Mordatch (2019), Algorithm 1; Neal (2001);
        Grosse, Ancha and Roy (2016); Miyasawa (1961) for the picture without
        noise.
Data    1797 digits of 8 x 8 pixels, UCI optdigits, out of the installed
        scikit-learn (extra `data`), from -1 to 1, normal noise of 0.3 added.
Time    50 s on one core; 3 s with --quick, whose claims are weaker.

    x = m + L z,    E(z) = V'tanh(W_2 tanh(W_1 z + b_1) + b_2) + |z|^2/2

m and L L' are mean and covariance of the noisy training digits: with V = 0
this is the Gaussian of the same moments, whose log Z is known. The network
learns what that leaves. Without noise there would be no density to speak of:
grey levels are 17 numbers, and pixels in the corners are always white.

Chains are steps of MALA: Langevin steps of temperature 1, noise and force in
their true proportion, refused as often as their bias demands. They start from
a buffer of earlier ends, one in fifty from the Gaussian.

    forward   annealed from exact draws of the Gaussian: log Z, or less
    reverse   annealed from the ends of chains: log Z, or more, if the chains
              have the law of the model, which nobody can prove

So the reverse is a bound on trust. What can be tested is whether ends of
chains and weighted ends of forward walks, which never saw a digit, have the
same mean energy. Where exact draws exist the bound is one without an if: let
the first layer see two coordinates alone, and the plane can be summed over.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from reproduction import conclude, digits, figure, near, options, within

from ebm_ref.energies.deep_network import DeepNetwork, packed
from ebm_ref.energies.gaussian_mixture import gaussian_mixture
from ebm_ref.learning.descent import adam_step
from ebm_ref.learning.persistent_chains import ReplayBuffer
from ebm_ref.numerics import logsumexp, softmax
from ebm_ref.samplers.annealed_importance import forward, log_ratio, log_ratio_reverse, path_bounds

PIXELS, TRAIN, NOISE = 64, 1300, 0.3
LOG_Z_OF_NORMAL = 0.5 * PIXELS * np.log(2.0 * np.pi)
FRESH, WALK_LENGTH = 0.005, 10  # of chains in training: the share from the Gaussian, and steps of an update
COMPONENTS, EM_STEPS = 40, 30  # of the mixture that is the other yardstick


@dataclass(frozen=True)
class Plan:
    """How large all is."""

    model: DeepNetwork
    batch: int
    updates: int
    rate: float  # of learning, at first
    walks: int
    stages: int  # of annealing
    steps: int  # of the chains between training and annealing
    cell: float  # of the grid in the plane

    @property
    def schedule(self):
        """b of each stage."""
        return np.linspace(0.0, 1.0, self.stages + 1)


FULL = Plan(DeepNetwork((PIXELS, 96, 96), width=1.0), 200, 2000, 0.006, 200, 1500, 1000, 0.1)
QUICK = Plan(DeepNetwork((PIXELS, 48, 48), width=1.0), 50, 250, 0.01, 50, 150, 100, 0.1)


class Digits(NamedTuple):
    """Clean pictures (n, 64) and labels to train and to test, and the Gaussian of those with noise."""

    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray
    mean: np.ndarray
    L: np.ndarray

    def noisy(self, rng, clean):
        """z (n, 64) of pictures with noise."""
        x = clean + NOISE * rng.normal(size=clean.shape)
        return np.linalg.solve(self.L, (x - self.mean).T).T

    def pictures(self, z):
        """x of z."""
        return self.mean + z @ self.L.T

    @property
    def log_volume(self):
        """log |L|: the density of x is that of z divided by |L|."""
        return np.sum(np.log(np.diag(self.L)))


def prepared(rng):
    """Digits in an order of chance, the first TRAIN of them to learn from."""
    X, labels = digits()
    order = rng.permutation(len(X))
    X, labels = 2.0 * X[order] - 1.0, labels[order]
    covariance = np.cov(X[:TRAIN].T, bias=True) + NOISE**2 * np.eye(PIXELS)
    L = np.linalg.cholesky(covariance)
    return Digits(X[:TRAIN], X[TRAIN:], labels[:TRAIN], X[:TRAIN].mean(axis=0), L)


class Seen(NamedTuple):
    """Points (n, 64), what the network alone says of them, V'h (n,), and its slope (n, 64)."""

    z: np.ndarray
    net: np.ndarray
    slope: np.ndarray


def seen(plan, theta, z):
    """The points, looked at."""
    E, g = plan.model.energies_and_slopes(theta, z)
    return Seen(z, E - 0.5 * np.sum(z * z, axis=1), g - z)


def mala(plan, theta, at, step, normal, exponential, b=1.0):
    """A step of every chain, of the law e^{-|z|^2/2 - b V'h}, and which of them moved (samplers/mala.py)."""
    force = lambda at: at.z + b * at.slope
    g = force(at)
    to = seen(plan, theta, at.z - 0.5 * step**2 * g + step * normal)
    move, both, change = to.z - at.z, g + force(to), g - force(to)
    correction = 0.5 * np.sum(move * both, 1) + 0.125 * step**2 * np.sum(change * both, 1)
    rise = 0.5 * np.sum(move * (to.z + at.z), 1) + b * (to.net - at.net)
    moves = rise <= exponential + correction
    pick = lambda new, old: np.where(moves.reshape(-1, *[1] * (new.ndim - 1)), new, old)
    return Seen(*map(pick, to, at)), moves


def walk_noise(rng, n, steps):
    """Normal and exponential numbers for n chains, one step after the other."""
    for _ in range(steps):
        yield rng.normal(size=(n, PIXELS)), rng.exponential(size=n)


def walked(plan, theta, z, step, noise):
    """Where chains are after a step for each entry of the noise, and the share that moved."""
    at, share = seen(plan, theta, z), []
    for entry in noise:
        at, moves = mala(plan, theta, at, step, *entry)
        share.append(np.mean(moves))
    return at.z, np.mean(share)


def begun(plan, rng, data):
    """theta to begin with: filters of the first layer are random pictures, W_1 = P L.

    Random directions of z are noise, most of them, and from there the network learns nothing for long.
    """
    layers, V = plan.model.unpacked(plan.model.start(rng))
    filters = 0.2 * rng.normal(size=layers[0][0].shape)
    return packed([(filters @ data.L, np.zeros(len(filters))), *layers[1:]], V)


class Learnt(NamedTuple):
    """Parameters, the buffer of chains, and the step size that they came to."""

    theta: np.ndarray
    chains: np.ndarray
    step: float


def train(plan, rng, data):
    """Persistent chains, Adam with a rate that falls to 0, and steps of which three in five are taken."""
    theta, state, step = begun(plan, rng, data), (0.0, 0.0, 0), 0.3
    buffer = ReplayBuffer(rng.normal(size=(2 * plan.batch, PIXELS)), fresh_share=FRESH)
    shape = plan.batch, PIXELS
    for t in range(plan.updates):
        noise, share = walk_noise(rng, plan.batch, WALK_LENGTH), []

        def steps(z, entries, theta=theta, step=step, share=share):
            z, moved = walked(plan, theta, z, step, entries)
            share.append(moved)
            return z

        rows = rng.choice(len(buffer.ends), plan.batch, replace=False)
        ends = buffer.advance(steps, [noise], rows, rng.normal(size=shape), rng.random(plan.batch))
        batch = data.noisy(rng, data.train[rng.integers(TRAIN, size=plan.batch)])
        forces = np.repeat([1.0, -1.0], plan.batch) / plan.batch
        slope = plan.model.jet_gradient(theta, np.concatenate([batch, ends]), forces)
        theta, state = adam_step(theta, state, slope, plan.rate * (1.0 - t / plan.updates))
        step *= np.exp(0.1 * (share[0] - 0.6))
    return Learnt(theta, buffer.ends, step)


class Annealed(NamedTuple):
    """Log weights of walks (n,), where they ended, and the mean of E_0 - E_1 at each stage (K,)."""

    log_weights: np.ndarray
    ends: np.ndarray
    means: np.ndarray

    @property
    def effective(self):
        """How many walks the weights leave: (sum w)^2 / sum w^2, of weights as a share of the largest."""
        w = np.exp(self.log_weights - np.max(self.log_weights))
        return np.sum(w) ** 2 / np.sum(w**2)


def step_at(b, step):
    """From a step for the Gaussian to that for the model, as b goes from 0 to 1."""
    return 0.7 ** (1.0 - b) * step**b


def annealed(plan, learnt, start, noise, back=False):
    """Walks from e^-E_0 to e^-E_1, or back; all at once what annealed_importance.py does one by one."""
    b, at, noise = plan.schedule, seen(plan, learnt.theta, start), iter(noise)
    log_w, means, K = np.zeros(len(start)), np.zeros(len(b) - 1), len(b) - 1
    step = lambda k: mala(plan, learnt.theta, at, step_at(b[k], learnt.step), *next(noise), b=b[k])[0]
    for k in range(K, 0, -1) if back else range(1, K + 1):
        at = step(k) if back else at
        log_w, means[k - 1] = log_w - (b[k] - b[k - 1]) * at.net, -np.mean(at.net)
        at = at if back else step(k)
    return Annealed(log_w, at.z, means)


def one_by_one(plan, learnt, rng):
    """log w of a walk by annealed_importance.forward, less that of `annealed`."""
    short, start = replace(plan, stages=20), rng.normal(size=PIXELS)
    noise = list(walk_noise(rng, 1, short.stages))
    E = lambda z: plan.model.energies(learnt.theta, z[None])[0]
    look = lambda z: seen(plan, learnt.theta, z[None])
    move = lambda b, z, entry: mala(plan, learnt.theta, look(z), step_at(b, learnt.step), *entry, b=b)[0].z[0]
    _, log_w = forward(lambda z: 0.5 * np.sum(z * z), E, short.schedule, start, move, noise)
    return log_w - annealed(short, learnt, start[None], noise).log_weights[0]


class Bounds(NamedTuple):
    """log Z from walks both ways, and between the two sums along the path."""

    there: Annealed
    back: Annealed
    schedule: np.ndarray

    @property
    def low(self):
        return LOG_Z_OF_NORMAL + log_ratio(self.there.log_weights)

    @property
    def high(self):
        return LOG_Z_OF_NORMAL + log_ratio_reverse(self.back.log_weights)

    @property
    def path(self):
        """Sums of the means that walks both ways have at each stage, or one way at the ends."""
        there, back = self.there.means, self.back.means
        means = [there[:1], 0.5 * (there[1:] + back[:-1]), back[-1:]]
        return LOG_Z_OF_NORMAL + np.array(path_bounds(self.schedule, np.concatenate(means)))

    def row(self, name):
        left, right = self.path
        return (
            f"{name:14s} {self.low:8.3f} {self.high:8.3f} {left:9.3f} {right:8.3f}"
            f" {self.there.effective:6.0f} of {len(self.there.ends)}"
        )


def bounded(plan, learnt, ends, rng):
    """Forward walks from the Gaussian, reverse ones from `ends`."""
    noise = lambda: walk_noise(rng, plan.walks, plan.stages)
    there = annealed(plan, learnt, rng.normal(size=(plan.walks, PIXELS)), noise())
    return Bounds(there, annealed(plan, learnt, ends, noise(), back=True), plan.schedule)


def flattened(plan, learnt):
    """The network whose first layer sees a plane alone, and an orthonormal basis (2, 64) of that."""
    layers, V = plan.model.unpacked(learnt.theta)
    W, b = layers[0]
    R = np.linalg.svd(W)[2][:2]
    return learnt._replace(theta=packed([(W @ R.T @ R, b), *layers[1:]], V)), R


def summed(plan, flat, R, rng, cell):
    """log Z of it, by a sum over the plane, and exact draws, one for each walk."""
    side = np.arange(-8.0, 8.0, cell)
    u = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    E = plan.model.energies(flat.theta, u @ R)
    log_Z = logsumexp(-E) + 2.0 * np.log(cell) + LOG_Z_OF_NORMAL - np.log(2.0 * np.pi)
    cells = rng.choice(len(u), plan.walks, p=softmax(-E))
    z = rng.normal(size=(plan.walks, PIXELS))
    drawn = u[cells] + cell * (rng.random((plan.walks, 2)) - 0.5)
    return log_Z, z + (drawn - z @ R.T) @ R


def mixture(rng, z):
    """Means, common covariance and weights of COMPONENTS Gaussians, by EM."""
    means, S, w = z[rng.choice(len(z), COMPONENTS, replace=False)], np.eye(PIXELS), np.ones(COMPONENTS)
    for _ in range(EM_STEPS):
        terms = mixture_terms(z, means, S, w / np.sum(w))
        r = np.exp(terms - np.logaddexp.reduce(terms, axis=1)[:, None])
        w = np.sum(r, axis=0)
        means = (r.T @ z) / w[:, None]
        S = (z.T @ z - means.T @ (w[:, None] * means)) / len(z)
    return means, S, w / np.sum(w)


def mixture_terms(z, means, S, w):
    """(n, c) logarithms of w_k N(z; mu_k, S)."""
    L = np.linalg.cholesky(S)
    a, m = np.linalg.solve(L, z.T).T, np.linalg.solve(L, means.T).T
    squares = np.sum(a * a, 1)[:, None] - 2.0 * a @ m.T + np.sum(m * m, 1)
    return np.log(w) - 0.5 * squares - np.sum(np.log(np.diag(L))) - LOG_Z_OF_NORMAL


def without_noise(plan, learnt, data, z):
    """The mean picture given the noisy one, x + NOISE^2 (score of x), for the model's own law."""
    at = seen(plan, learnt.theta, z)
    return data.pictures(z) - NOISE**2 * np.linalg.solve(data.L.T, (z + at.slope).T).T


def nearest(pictures, data):
    """Labels of the nearest training digits, and the distances to them."""
    squares = np.sum(pictures**2, 1)[:, None] - 2.0 * pictures @ data.train.T + np.sum(data.train**2, 1)
    return data.train_labels[np.argmin(squares, 1)], np.sqrt(np.min(squares, 1))


class Scores(NamedTuple):
    """Mean negative log-likelihood of noisy digits, nats a pixel: of those learnt from, and of the others."""

    train: float
    test: float


def scored(energy, sets, data):
    """Scores by minus the log density of z."""
    return Scores(*((np.mean(energy(z)) + data.log_volume) / PIXELS for z in sets))


def yardsticks(plan, learnt, bounds, data, rng):
    """{name: Scores}; of the network by either bound of log Z."""
    sets = [data.noisy(rng, clean) for clean in (data.train, data.test)]
    parts = mixture(rng, data.noisy(rng, np.tile(data.train, (3, 1))))
    network = lambda log_Z: scored(lambda z: plan.model.energies(learnt.theta, z) + log_Z, sets, data)
    return {
        "Gaussian": scored(lambda z: 0.5 * np.sum(z * z, 1) + LOG_Z_OF_NORMAL, sets, data),
        "mixture": scored(lambda z: -np.logaddexp.reduce(mixture_terms(z, *parts), axis=1), sets, data),
        "network, low": network(bounds.low),
        "network, high": network(bounds.high),
    }, parts


def mixture_by_the_page(rng, parts):
    """The mixture's log density at a point, less that of the page."""
    means, S, w = parts
    z = rng.normal(size=PIXELS)
    page = gaussian_mixture(z, means, np.broadcast_to(S, (len(w), *S.shape)), w)
    return np.logaddexp.reduce(mixture_terms(z[None], *parts)[0]) + page


def off_by(plan, learnt, ends, there):
    """Standard errors between the mean energies of chains' ends and of weighted ends of forward walks."""
    net = lambda z: seen(plan, learnt.theta, z).net
    w = softmax(there.log_weights)
    walks, chains = net(there.ends), net(ends)
    mean = w @ walks
    error = np.sqrt(np.sum((w * (walks - mean)) ** 2) + np.var(chains) / len(chains))
    return (np.mean(chains) - mean) / error


def draw(file, plan, learnt, data, rng, ends):
    """Digits with their noise, digits drawn from the energy, and the latter without noise."""
    axes, save = figure(file, ncols=3, figsize=(10.5, 3.0))
    noisy = data.pictures(data.noisy(rng, data.test[:48]))
    shown = {
        "digits not learnt from, with noise": noisy,
        "drawn from the energy": data.pictures(ends[:48]),
        "the same, noise taken off by the score": without_noise(plan, learnt, data, ends[:48]),
    }
    for ax, (title, pictures) in zip(axes, shown.items(), strict=True):
        wall = np.pad(pictures.reshape(6, 8, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-1.0)
        ax.imshow(wall.transpose(0, 2, 1, 3).reshape(60, 80), cmap="gray", vmin=-1.0, vmax=1.0)
        ax.set(title=title, xticks=(), yticks=())
        ax.grid(False)
    save()


class Found(NamedTuple):
    """The network, ends of its chains, its log Z, and that of a flat one, which two grids know as well."""

    learnt: Learnt
    ends: np.ndarray
    bounds: Bounds
    known: Bounds
    log_Z: float
    finer: float


def measured(plan, data, rng):
    """Train, walk, anneal; printed on the way."""
    learnt = train(plan, rng, data)
    start = learnt.chains[rng.choice(len(learnt.chains), plan.walks, replace=False)]
    ends, moved = walked(plan, learnt.theta, start, learnt.step, walk_noise(rng, plan.walks, plan.steps))
    print(f"steps of {learnt.step:.2f}, of which chains take {moved:.2f}")
    bounds, (flat, R) = bounded(plan, learnt, ends, rng), flattened(plan, learnt)
    log_Z, exact = summed(plan, flat, R, rng, plan.cell)
    known = bounded(plan, flat, exact, rng)
    print("log Z           forward  reverse  path from       to   effective walks")
    print(bounds.row("network"), known.row("seen in a plane"), f"  exactly {log_Z:.3f}", sep="\n")
    return Found(learnt, ends, bounds, known, log_Z, summed(plan, flat, R, rng, plan.cell / 2.0)[0])


def main():
    chosen = options(__doc__)
    plan, rng = QUICK if chosen.quick else FULL, np.random.default_rng(chosen.seed)
    data = prepared(rng)
    found = measured(plan, data, rng)
    scores, parts = yardsticks(plan, found.learnt, found.bounds, data, rng)
    print("\nnats a pixel      train     test")
    for name, one in scores.items():
        print(f"{name:14s} {one.train:8.4f} {one.test:8.4f}")
    if chosen.figure:
        draw(chosen.figure, plan, found.learnt, data, rng, found.ends)
    conclude(
        near("a walk, less the page's", one_by_one(plan, found.learnt, rng), 0.0, 1e-9),
        near("a mixture, less the page's", mixture_by_the_page(rng, parts), 0.0, 1e-9),
        *claims_of_the_known(found.known, found.log_Z, found.finer),
        *claims(plan, found, scores, chosen.quick),
        *(() if chosen.quick else claims_of_the_whole(plan, found, scores, data)),
    )


def claims_of_the_known(known, log_Z, finer):
    """The bounds where log Z is known, to 4 standard errors of the mean weight."""
    yield near("log Z by a finer grid", finer, log_Z, 1e-3)
    error = lambda log_w: 4.0 * np.std(np.exp(log_w - np.mean(log_w))) / np.sqrt(len(log_w))
    yield near("in a plane, forward", known.low, log_Z, error(known.there.log_weights))
    yield near("in a plane, reverse", known.high, log_Z, error(-known.back.log_weights))
    (left, right), slack = known.path, error(known.there.log_weights)
    yield within("in a plane, log Z above the lower sum by", log_Z - left, low=-slack)
    yield within("and below the upper by", right - log_Z, low=-slack)


def claims(plan, found, scores, quick):
    """What the network has learnt, by the worse of its bounds."""
    low, high = found.bounds.low, found.bounds.high
    yield within("bounds apart, nats a pixel", (high - low) / PIXELS, -0.005, 0.005)
    yield within("forward walks that count", found.bounds.there.effective, low=0.2 * plan.walks)
    errors = off_by(plan, found.learnt, found.ends, found.bounds.there)
    yield within("chains' energy less walks', in errors", errors, -4.0, 4.0)
    gain = scores["Gaussian"].test - worse(scores)
    yield within("unseen: below the Gaussian, nats a pixel", gain, low=0.02 if quick else 0.07)


def worse(scores):
    """Of the network on digits it has not seen, whichever bound is the higher by chance."""
    return max(scores["network, low"].test, scores["network, high"].test)


def claims_of_the_whole(plan, found, scores, data):
    """What takes many updates; samples against training digits, noise taken off."""
    yield within("and below the mixture", scores["mixture"].test - worse(scores), low=0.01)
    labels, distances = nearest(without_noise(plan, found.learnt, data, found.ends), data)
    rarest = np.min(np.bincount(labels, minlength=10)) / len(labels)
    yield within("share of the rarest kind of digit drawn", rarest, low=0.01)
    ratio = np.median(distances) / np.median(nearest(data.test, data)[1])
    yield within("how far from digits learnt, over unseen ones", ratio, 0.7, 1.3)


if __name__ == "__main__":
    main()
