#!/usr/bin/env python3
"""A horn of ellipses: a latent angle, a network, and a tip that warmth closes.

Claim   For each x the answers y lie on an ellipse, and a network that predicts
        y from x predicts the centre, where no answer is. Given a latent angle
        z it learns the semi-axes as functions of x: trained cold, it finds the
        whole horn. At inverse temperature beta a semi-axis shorter than
        1/sqrt(beta) closes: the tip of the horn is flat at beta = 0.1, too
        small at 1, and with every angle equally likely there is no horn. The
        network finds at each x what minimising F at that x alone finds.
Source  NYU DLSP20, week 15-1 and 15-2 (the horn, the network 1-8-8-2); the
        size at which a temperature closes an ellipse is derived here.
Data    Drawn from a Generator: x uniform on 0..1, z on a turn, y = (r1 cos z,
        r2 sin z), each coordinate with normal noise of deviation 1/20, where
        r1 = (2 - x/2) e^2x and r2 = (3/2 + x/2) e^2x.
Time    12 s on one core; 2 s with --quick (fewer points and steps).

    E(x, y, z) = (y1 - f1(x) cos z)^2 + (y2 - f2(x) sin z)^2
    F(x, y)    = -(1/beta) log mean_z e^{-beta E}        cold: min_z E
    dF/df      = -2 sum_z p(z) (d1 cos z, d2 sin z)      p(z) ~ e^{-beta E}

    f(x)       = C relu(B relu(a x + b) + c) + d

Why a short axis closes: for a small f, with every angle nearly as likely,

    mean_y F   = const + sum_j f_j^2 (1/2 - beta mean y_j^2) + O(f^4)

and mean y_j^2 is r_j^2/2 + 1/400. So f_j = 0 is a minimum as long as
beta (r_j^2 + 1/200) < 1: the warmer, the larger the ellipses that close.
"""

from typing import NamedTuple

import autograd
import autograd.numpy as anp
import numpy as np
from reproduction import conclude, figure, options, within

from ebm_ref.energies.ellipse import free_energy_on_a_grid
from ebm_ref.learning.descent import adam_step

SHAPES = ((8, 1), (8,), (8, 8), (8,), (2, 8), (2,))  # a, b, B, c, C, d
NOISE, COLD, HOT, PREDICT = 0.05, np.inf, 0.0, "no latent variable"
BETAS = (COLD, 1.0, 0.1, HOT)
Z = np.arange(48) * np.pi / 24.0
TURN = np.array([np.cos(Z), np.sin(Z)])  # (2, 48)
ALONG = np.linspace(0.0, 1.0, 51)
TIP, MOUTH = ALONG <= 0.2, ALONG >= 0.9


class Plan(NamedTuple):
    """How much is computed."""

    points: int
    steps: int


def semi_axes(x):
    """(n, 2) of the ellipses that are true."""
    return np.column_stack([2.0 - x / 2.0, 1.5 + x / 2.0]) * np.exp(2.0 * x)[:, None]


def points(rng, n):
    """x (n,) and y (n, 2), near the horn."""
    x, z = rng.uniform(size=n), rng.uniform(0.0, 2.0 * np.pi, n)
    circle = np.column_stack([np.cos(z), np.sin(z)])
    return x, semi_axes(x) * circle + rng.normal(scale=NOISE, size=(n, 2))


def parts(theta):
    """The six arrays that one vector holds."""
    ends = np.cumsum([int(np.prod(shape)) for shape in SHAPES])
    return [piece.reshape(shape) for piece, shape in zip(np.split(theta, ends[:-1]), SHAPES, strict=True)]


def begin(rng):
    """A network whose first layer bends in eight places of 0..1, upwards or downwards, and nothing large."""
    slopes = rng.choice([-1.0, 1.0], 8)
    bends = -slopes * rng.uniform(0.0, 1.0, 8)
    inner, last = rng.normal(size=(8, 8)) / 2.0, rng.normal(size=(2, 8)) / 2.0
    return np.concatenate([slopes, bends, inner.ravel(), np.zeros(8), last.ravel(), np.ones(2)])


def network(theta, x):
    """f (n, 2), and what its layers did on the way."""
    a, b, B, c, C, d = parts(theta)
    first = np.maximum(np.outer(x, a) + b, 0.0)
    second = np.maximum(first @ B.T + c, 0.0)
    return second @ C.T + d, (first, second)


def backwards(theta, x, layers, force):
    """Slope by theta of sum force * f."""
    _, _, B, _, C, _ = parts(theta)
    first, second = layers
    outer = (force @ C) * (second > 0.0)
    inner = (outer @ B) * (first > 0.0)
    slopes = inner.T @ x, inner.sum(0), outer.T @ first, outer.sum(0), force.T @ second, force.sum(0)
    return np.concatenate([slope.ravel() for slope in slopes])


def energies(f, y):
    """(n, 48) squared distances to the places on the ellipses."""
    return np.sum(y**2, axis=1, keepdims=True) - (2.0 * y * f) @ TURN + f**2 @ TURN**2


def shares(E, beta):
    """(n, 48) probability of each angle; one alone, when it is cold."""
    low = np.min(E, axis=1, keepdims=True)
    p = np.where(E > low, 0.0, 1.0) if beta == COLD else np.exp(-beta * (E - low))
    return p / np.sum(p, axis=1, keepdims=True)


def free_energies(f, y, beta):
    """(n,) F; the mean of E, when it is hot."""
    E = energies(f, y)
    if beta in (COLD, HOT):
        return np.min(E, axis=1) if beta == COLD else np.mean(E, axis=1)
    low = np.min(E, axis=1)
    return low - np.log(np.mean(np.exp(-beta * (E - low[:, None])), axis=1)) / beta


def pull(f, y, beta):
    """dF/df (n, 2)."""
    p = shares(energies(f, y), beta)
    return -2.0 * (y * (p @ TURN.T) - f * (p @ (TURN**2).T))


def slope(theta, x, y, beta):
    """Slope by theta of the mean F; of the squared error of f as an answer, where beta is PREDICT."""
    f, layers = network(theta, x)
    force = 2.0 * (f - y) if beta == PREDICT else pull(f, y, beta)
    return backwards(theta, x, layers, force / len(x))


def train(plan, theta, x, y, beta, step_size=0.02):
    """theta after descent by Adam, with steps that end at 0."""
    state = (0.0, 0.0, 0)
    for t in range(plan.steps):
        theta, state = adam_step(theta, state, slope(theta, x, y, beta), step_size * (1.0 - t / plan.steps))
    return theta


def alone(x, beta, rounds):
    """(n, 2) semi-axes that minimise the mean F over all y at x, each x on its own.

    By rounds of expectation and maximisation, which is descent: with p held, dF/df = 0 is solved for f.  Of
    the angle of y a quarter turn is enough; noise enters by four points with its mean and its covariance.
    """
    z = (np.arange(24) + 0.5) * np.pi / 48.0
    spread = np.sqrt(2.0) * NOISE * np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    r = semi_axes(x)
    y = r[:, None, None] * np.column_stack([np.cos(z), np.sin(z)])[None, :, None] + spread
    y, f = y.reshape(-1, 2), np.array(r)
    for _ in range(rounds):
        p = shares(energies(np.repeat(f, 96, axis=0), y), beta)
        above, below = y * (p @ TURN.T), p @ (TURN**2).T
        f = above.reshape(-1, 96, 2).sum(1) / below.reshape(-1, 96, 2).sum(1)
    return f


def learnt(plan, seed):
    """{beta: theta}, and that of the network that predicts; warm walks begin where the cold one ended."""
    rng = np.random.default_rng(seed)
    x, y = points(rng, plan.points)
    start = begin(rng)
    found = {PREDICT: train(plan, start, x, y, PREDICT), COLD: train(plan, start, x, y, COLD)}
    return found | {beta: train(plan, found[COLD], x, y, beta) for beta in BETAS[1:]}


def distance(f, x):
    """(n,) mean distance from the ellipses of semi-axes f to the true ones, and back."""
    turn = np.linspace(0.0, 2.0 * np.pi, 180, endpoint=False)
    circle, found = np.column_stack([np.cos(turn), np.sin(turn)]), []
    for one, true in zip(f, semi_axes(x), strict=True):
        apart = np.linalg.norm((one * circle)[:, None] - true * circle, axis=2)
        found.append((np.mean(np.min(apart, axis=0)) + np.mean(np.min(apart, axis=1))) / 2.0)
    return np.array(found)


def by_autograd(theta, x, y, beta):
    """The slope of the mean F, warm, by autograd of the formula as it is printed above."""

    def mean_free_energy(theta):
        a, b, B, c, C, d = parts(theta)
        relu = lambda t: anp.maximum(t, 0.0)
        f = anp.dot(relu(anp.dot(relu(anp.outer(x, a) + b), B.T) + c), C.T) + d
        E = anp.sum((y[:, :, None] - f[:, :, None] * TURN) ** 2, axis=1)
        return anp.mean(-anp.log(anp.mean(anp.exp(-beta * E), axis=1)) / beta)

    return autograd.grad(mean_free_energy)(theta)


def two_routes(rng):
    """Off by, relative: the slope from autograd's, and free energies from the page's."""
    theta, (x, y) = begin(rng), points(rng, 20)
    ours, theirs = slope(theta, x, y, 0.3), by_autograd(theta, x, y, 0.3)
    f = network(theta, x)[0]
    page = np.array([free_energy_on_a_grid(w, one, 0.3) for w, one in zip(f, y, strict=True)])
    off = np.max(np.abs(free_energies(f, y, 0.3) / page - 1.0))
    return np.max(np.abs(ours - theirs)) / np.max(np.abs(theirs)), off


def around_the_threshold(beta, rounds):
    """Longer semi-axis of least F: where beta (r^2 + 1/200) is 0.95, too short to open, and where 1.05."""
    x = np.linspace(0.0, 1.0, 100_001)
    r = np.max(semi_axes(x), axis=1) ** 2 + 2.0 * NOISE**2
    below, above = x[beta * r < 0.95][-1], x[beta * r > 1.05][0]
    return np.max(np.abs(alone(np.array([below, above]), beta, rounds)), axis=1)


def explained(theta, rng):
    """Share of the variance of new answers that a prediction explains."""
    x, y = points(rng, 20_000)
    return 1.0 - np.sum((y - network(theta, x)[0]) ** 2) / np.sum(y**2)


def name(beta):
    """As tables and figures have it."""
    return "cold" if beta == COLD else "hot" if beta == HOT else f"beta = {beta:g}"


def draw(file, seed, axes_of, ideal):
    """The ellipses at six x, and both semi-axes over x."""
    panels, save = figure(file, nrows=2, ncols=4, figsize=(15.0, 7.4))
    x, y = points(np.random.default_rng(seed), 1000)
    turn, at = np.linspace(0.0, 2.0 * np.pi, 200), range(0, 51, 10)
    styles = dict(zip(BETAS, (("C0", "-"), ("C1", "--"), ("C2", "-."), ("C3", ":")), strict=True))
    for axis, i in zip(panels[:, :3].flat, at, strict=True):
        near_by = np.abs(x - ALONG[i]) < 0.02
        axis.plot(*y[near_by].T, "o", ms=3, color="0.6", ls="none", label="points near x")
        for beta, f in axes_of.items():
            color, ls = styles[beta]
            axis.plot(*(f[i][:, None] * [np.cos(turn), np.sin(turn)]), color=color, ls=ls, label=name(beta))
        axis.plot(
            *(semi_axes(ALONG[[i]]).T * [np.cos(turn), np.sin(turn)]), color="black", lw=0.7, label="true"
        )
        axis.set(title=f"x = {ALONG[i]:.1f}", xlabel="$y_1$", ylabel="$y_2$", aspect="equal")
    panels[1, 2].legend(fontsize=8, loc="center")
    for axis, j in zip(panels[:, 3], (0, 1), strict=True):
        axis.plot(ALONG, semi_axes(ALONG)[:, j], color="black", lw=0.7, label="true")
        for beta, f in axes_of.items():
            color, ls = styles[beta]
            axis.plot(ALONG, np.abs(f[:, j]), color=color, ls=ls, label=name(beta))
        axis.plot(ALONG[::5], ideal[0.1][:, j], "o", ls="none", color="C2", label="beta = 0.1, each x alone")
        axis.axhline(np.sqrt(10.0), color="0.5", lw=0.7)
        axis.set(title=rf"semi-axis {j + 1}; line: $1/\sqrt{{0.1}}$", xlabel="x", ylabel=f"$f_{j + 1}$")
    panels[0, 3].legend(fontsize=7)
    save()


def report(axes_of, apart):
    """The semi-axes over x, and how far the ellipses are from the true ones."""
    print("   x         true" + "".join(f"{name(beta):>14}" for beta in axes_of))
    for i in range(0, 51, 10):
        pairs = [semi_axes(ALONG[[i]])[0], *(np.abs(f[i]) for f in axes_of.values())]
        print(f"{ALONG[i]:4.1f}" + "".join(f" {first:7.2f} {second:5.2f}" for first, second in pairs))
    print("\nmean distance to the true ellipses\n" + "".join(f"{name(beta):>26}"[-14:] for beta in axes_of))
    for where, which in (("tip, x <= 0.2", TIP), ("mouth, x >= 0.9", MOUTH)):
        print("".join(f"{np.mean(d[which]):14.3f}" for d in apart.values()) + f"   {where}")


def claims(found, axes_of, apart, ideal, rng):
    """What is asserted; shares are those of the true semi-axes."""
    true = semi_axes(ALONG)
    share = {beta: np.abs(f) / true for beta, f in axes_of.items()}
    off = {b: np.mean(np.abs(share[b][::5] - ideal[b] / true[::5])) for b in ideal}
    by_slope, by_page = two_routes(rng)
    closed, opened = around_the_threshold(0.1, 400)
    fit = np.mean(apart[COLD] / np.mean(true, axis=1))
    return (
        within("slope of the mean F, from autograd's: off by", by_slope, high=1e-12),
        within("F, from the page's: off by", by_page, high=1e-12),
        within("y predicted from x: variance explained", explained(found[PREDICT], rng), -0.1, 0.05),
        within("cold: mean distance to the true ellipses, of their size", fit, high=0.04),
        within("beta = 1: semi-axes at the tip, of the true", np.mean(share[1.0][TIP]), 0.85, 0.97),
        within("beta = 1: at the mouth", np.mean(share[1.0][MOUTH]), 0.95, 1.05),
        within("beta = 0.1: at the tip", np.mean(share[0.1][TIP]), high=0.1),
        within("beta = 0.1: at the mouth", np.mean(share[0.1][MOUTH]), 0.9, 1.0),
        within("hot: all along", np.mean(share[HOT]), high=0.03),
        within("beta (r^2 + 1/200) = 0.95: semi-axis of least F", closed, high=1e-6),
        within("beta (r^2 + 1/200) = 1.05: semi-axis of least F", opened, low=0.3),
        *(within(f"{name(b)}: network and each x alone, apart", off[b], high=0.08) for b in ideal),
    )


def main():
    chosen = options(__doc__)
    found = learnt(Plan(300, 1000) if chosen.quick else Plan(1000, 3000), chosen.seed)
    axes_of = {beta: network(found[beta], ALONG)[0] for beta in BETAS}
    ideal = {beta: alone(ALONG[::5], beta, 100 if chosen.quick else 800) for beta in (1.0, 0.1)}
    apart = {beta: distance(f, ALONG) for beta, f in axes_of.items()}
    report(axes_of, apart)
    if chosen.figure:
        draw(chosen.figure, chosen.seed, axes_of, ideal)
    conclude(*claims(found, axes_of, apart, ideal, np.random.default_rng(chosen.seed + 1)))


if __name__ == "__main__":
    main()
