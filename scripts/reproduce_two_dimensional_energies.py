#!/usr/bin/env python3
"""A landscape of energy, learnt in four ways that never sum over the plane.

Claim   Denoising score matching (DSM), sliced score matching (SSM), noise
        contrast (NCE) and persistent chains (PCD) teach one network rings, a
        checkerboard and two spirals. How well is measured by what none of them
        sees: the exact KL divergence, summed over a grid. After 2000 steps 2
        to 7 % of it is left by NCE, 10 to 37 % by the others. DSM and SSM
        learn the data with their noise, and how much lies on a ring they
        hardly know, since a score does not say. NCE learns log Z, too.
Source  Vincent (2011); Song et al. (2019); Gutmann and Hyvarinen (2012);
        Tieleman (2008); Song and Kingma (2021).
Data    Drawn from a Generator, from densities that are known.
Time    2 minutes on one core; 3 s with --quick.

    E(x) = V'tanh(W_2 tanh(W_1 x + b_1) + b_2) + |x|^2/4.5

Every slope is written out (energies/deep_network.py). Adam takes as many steps
with each: NCE and PCD cost twice as much as DSM, and NCE knows its noise. In
two dimensions noise is everywhere; in a hundred it would miss the data. Chains
of PCD stay on the ring they came to, and there are only 256 of them; between
the squares of the board they still leave a bridge, as the figure shows.

Samples are drawn from each learnt density exactly, by the grid, and then walk
with MALA: if walk and grid agree, their mean energy stays where it was.
"""

from dataclasses import dataclass
from time import process_time

import numpy as np
from reproduction import conclude, figure, options, within

from ebm_ref.energies.deep_network import DeepNetwork
from ebm_ref.learning.contrastive_divergence import contrastive_divergence
from ebm_ref.learning.descent import adam_step
from ebm_ref.learning.noise_contrastive import (
    noise_contrastive,
    noise_contrastive_data_logits_gradient,
    noise_contrastive_noise_logits_gradient,
)
from ebm_ref.learning.persistent_chains import PersistentChains
from ebm_ref.numerics import logsumexp

EDGE, CELL = 6.0, 0.05  # the grid covers [-EDGE, EDGE]^2; edges of the board are edges of cells
SIGMA = 0.1  # of the noise of DSM and SSM
NOISE_WIDTH, NOISE_PER_DATA = 1.7, 4  # of NCE: normal noise, and how much of it
WALK_STEP, WALK_LENGTH = 0.1, 5  # of PCD: MALA steps of each update
SLICES = 2  # points of SSM for each point of the others: curvature along a random line is a noisy number


@dataclass(frozen=True)
class Plan:
    """What is trained, and for how long."""

    model: DeepNetwork
    batch: int
    updates: int
    landscapes: tuple

    @property
    def shape(self):
        """Of a batch of points."""
        return self.batch, 2


FULL = Plan(DeepNetwork((2, 64, 64), width=1.5), 256, 2000, ("rings", "checkerboard", "two spirals"))
QUICK = Plan(DeepNetwork((2, 32, 32), width=1.5), 64, 400, ("rings",))


@dataclass(frozen=True)
class Landscape:
    """Data of a known density: how to draw it, and log p at points (n, 2)."""

    draw: object  # (rng, n) -> (n, 2)
    log_density: object


def log_normal(squares, width, d):
    """log N of a squared distance, in d dimensions."""
    return -0.5 * squares / width**2 - d * np.log(width * np.sqrt(2.0 * np.pi))


RADII, THICKNESS = np.array([1.0, 2.2]), 0.12


def drawn_from_rings(rng, n):
    """The radius is normal around one of two, the angle uniform."""
    r = rng.choice(RADII, n) + THICKNESS * rng.normal(size=n)
    angle = rng.uniform(0.0, 2.0 * np.pi, n)
    return r[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def rings_log_density(x):
    """Of the radius, spread over a circle; 8 widths from the first ring nothing is left to be negative."""
    r = np.sqrt(np.sum(x * x, 1))
    each = log_normal((r[:, None] - RADII) ** 2, THICKNESS, 1)
    return np.logaddexp(*each.T) - np.log(2.0) - np.log(2.0 * np.pi * r)


def drawn_from_board(rng, n):
    """Uniform on the eight dark squares of a board of four by four."""
    column = rng.integers(4, size=n)
    row = 2 * rng.integers(2, size=n) + column % 2
    return np.column_stack([column, row]) - 2.0 + rng.uniform(size=(n, 2))


def board_log_density(x):
    """-log 8 on a dark square, -inf elsewhere."""
    dark = (np.floor(x).sum(1) % 2 == 0) & np.all(np.abs(x) < 2.0, 1)
    return np.where(dark, -np.log(8.0), -np.inf)


ARM = np.linspace(0.0, 1.0, 60)
WIDTH = 0.12


def arms():
    """Centers (120, 2) along two spirals of one and a half turns."""
    turn, r = 3.0 * np.pi * np.sqrt(ARM) + 0.5 * np.pi, 0.4 + 2.0 * np.sqrt(ARM)
    one = r[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    return np.concatenate([one, -one])


def drawn_from_spirals(rng, n):
    """A center of either arm and normal noise."""
    return rng.choice(arms(), n) + WIDTH * rng.normal(size=(n, 2))


def spirals_log_density(x):
    """A mixture of normal densities of equal weight (energies/mixture.py)."""
    squares = np.sum((x[:, None] - arms()) ** 2, 2)
    return np.logaddexp.reduce(log_normal(squares, WIDTH, 2), axis=1) - np.log(2 * len(ARM))


LANDSCAPES = {
    "rings": Landscape(drawn_from_rings, rings_log_density),
    "checkerboard": Landscape(drawn_from_board, board_log_density),
    "two spirals": Landscape(drawn_from_spirals, spirals_log_density),
}


def denoising(model, theta, x, noise, sigma):
    """Mean of |s + z/sigma|^2/2 at x + sigma z, and its slope: one jet along s + z/sigma, held fixed."""
    y = x + sigma * noise
    v = noise / sigma - model.slopes(theta, y)
    forces = np.stack([np.zeros(len(x)), np.full(len(x), -1.0 / len(x))])
    return 0.5 * np.mean(np.sum(v * v, 1)), model.jet_gradient(theta, y, forces, v)


def sliced(model, theta, x, directions):
    """Mean of (v's)^2/2 - v'H v, and its slope: one jet along v."""
    _, along, curvature = model.jet(theta, x, directions)
    forces = np.stack([np.zeros(len(x)), along, -np.ones(len(x))]) / len(x)
    return np.mean(0.5 * along**2 - curvature), model.jet_gradient(theta, x, forces, directions)


def contrast(model, theta, c, data, noise, log_noise):
    """Noise-contrastive loss and its slopes by theta and c; the logits are -E - c - log p_n."""
    logits = [-model.energies(theta, x) - c - log_noise(x) for x in (data, noise)]
    arguments = *logits, len(noise) / len(data)
    by_logits = np.concatenate(
        [
            noise_contrastive_data_logits_gradient(*arguments),
            noise_contrastive_noise_logits_gradient(*arguments),
        ]
    )
    slope = model.jet_gradient(theta, np.concatenate([data, noise]), -by_logits)
    return noise_contrastive(*arguments), slope, -np.sum(by_logits)


def divergence(model, theta, data, chain):
    """Contrastive divergence and its slope; the ends of the chains count as constants."""
    value = contrastive_divergence(*(model.energies(theta, x) for x in (data, chain)))
    forces = np.repeat([1.0 / len(data), -1.0 / len(chain)], [len(data), len(chain)])
    return value, model.jet_gradient(theta, np.concatenate([data, chain]), forces)


def mala(model, theta, x, normal, exponential):
    """One step of many chains (n, 2) at once, and which of them moved (samplers/mala.py)."""
    E, g = model.energies_and_slopes(theta, x)
    y = x - 0.5 * WALK_STEP**2 * g + WALK_STEP * normal
    E_new, g_new = model.energies_and_slopes(theta, y)
    both, change = g + g_new, g - g_new
    correction = 0.5 * np.sum((y - x) * both, 1) + 0.125 * WALK_STEP**2 * np.sum(change * both, 1)
    moves = E_new - E <= exponential + correction
    return np.where(moves[:, None], y, x), moves


def walk_noise(rng, n, steps):
    """Normal and exponential numbers for n chains."""
    return [(rng.normal(size=(n, 2)), rng.exponential(size=n)) for _ in range(steps)]


def by_denoising(plan, rng, draw):
    """The slope of DSM at each update."""
    return lambda theta: denoising(
        plan.model, theta, draw(rng, plan.batch), rng.normal(size=plan.shape), SIGMA
    )[1]


def by_slices(plan, rng, draw):
    """The slope of SSM at each update, along random signs, of data with the noise of DSM.

    The edge of a density has no score: without noise, score matching is wrong there.
    """
    shape = SLICES * plan.batch, 2
    noisy = lambda: draw(rng, shape[0]) + SIGMA * rng.normal(size=shape)
    return lambda theta: sliced(plan.model, theta, noisy(), rng.choice([-1.0, 1.0], size=shape))[1]


def by_contrast(plan, rng, draw):
    """The slope of NCE at each update; c is the last parameter."""
    log_noise = lambda x: log_normal(np.sum(x * x, 1), NOISE_WIDTH, 2)

    def slope(theta):
        points = draw(rng, plan.batch), NOISE_WIDTH * rng.normal(size=(NOISE_PER_DATA * plan.batch, 2))
        _, by_theta, by_c = contrast(plan.model, theta[:-1], theta[-1], *points, log_noise)
        return np.append(by_theta, by_c)

    return slope


def by_chains(plan, rng, draw):
    """The slope of PCD at each update; the chains begin as wide as the model does, and go on."""
    chains = PersistentChains(plan.model.width * rng.normal(size=plan.shape))

    def slope(theta):
        step = lambda x, noise: mala(plan.model, theta, x, *noise)[0]
        ends = chains.advance(step, walk_noise(rng, plan.batch, WALK_LENGTH))
        return divergence(plan.model, theta, draw(rng, plan.batch), ends)[1]

    return slope


ESTIMATORS = {"DSM": by_denoising, "SSM": by_slices, "NCE": by_contrast, "PCD": by_chains}


def train(plan, name, rng, draw, step_size=0.02):
    """theta after Adam with a step size that falls linearly to 0, c of NCE, and the seconds it took."""
    began, slope = process_time(), ESTIMATORS[name](plan, rng, draw)
    theta, state = plan.model.start(rng), (0.0, 0.0, 0)
    theta = np.append(theta, 0.0) if name == "NCE" else theta
    for t in range(plan.updates):
        theta, state = adam_step(theta, state, slope(theta), step_size * (1.0 - t / plan.updates))
    c = theta[-1] if name == "NCE" else np.nan
    return theta[: plan.model.count], c, process_time() - began


def side(cell):
    """Centers of the cells along one axis."""
    return np.arange(-EDGE + cell / 2.0, EDGE, cell)


def grid(cell=CELL):
    """Centers (n, 2) of the cells of the square."""
    return np.stack(np.meshgrid(side(cell), side(cell), indexing="ij"), -1).reshape(-1, 2)


def smoothed(p):
    """A density on the grid with normal noise of width SIGMA, as probabilities of the cells (n,)."""
    blur = np.exp(log_normal((side(CELL)[:, None] - side(CELL)) ** 2, SIGMA, 1)) * CELL
    n = len(blur)
    return (blur @ p.reshape(n, n) @ blur).ravel()


def kl(p, q_energies, log_Z):
    """KL(p|q) of probabilities of cells and a density e^-E/Z; cells without p do not count."""
    there = p > 0.0
    return np.sum(p[there] * (np.log(p[there] / CELL**2) + q_energies[there] + log_Z))


@dataclass(frozen=True)
class Learnt:
    """A network that has been trained, and what summing over the grid says of it."""

    theta: np.ndarray
    c: float  # of NCE
    seconds: float
    log_Z: float
    q: np.ndarray  # probabilities of the cells
    energy: tuple  # mean under q, and its standard deviation
    kl: float  # from the density of the data
    kl_smoothed: float  # from that of the data with the noise of DSM


def learnt(plan, name, rng, landscape):
    """Train, then sum."""
    theta, c, seconds = train(plan, name, rng, landscape.draw)
    E, p = plan.model.energies(theta, grid()), np.exp(landscape.log_density(grid())) * CELL**2
    log_Z = logsumexp(-E) + 2.0 * np.log(CELL)
    q = np.exp(-E - log_Z) * CELL**2
    mean = np.sum(q * E)
    spread = np.sqrt(np.sum(q * (E - mean) ** 2))
    return Learnt(theta, c, seconds, log_Z, q, (mean, spread), kl(p, E, log_Z), kl(smoothed(p), E, log_Z))


def sampled(plan, one, rng, n=1000, steps=100):
    """n points after so many MALA steps from exact draws of the learnt density, and the share that moved."""
    x = grid()[rng.choice(len(one.q), n, p=one.q / one.q.sum())] + CELL * (rng.uniform(size=(n, 2)) - 0.5)
    moved = []
    for noise in walk_noise(rng, n, steps):
        x, moves = mala(plan.model, one.theta, x, *noise)
        moved.append(np.mean(moves))
    return x, np.mean(moved)


def off_by(plan, one, x):
    """Standard errors between the mean energy of the samples and that under the density they are to have."""
    mean, spread = one.energy
    return abs(np.mean(plan.model.energies(one.theta, x)) - mean) / (spread / np.sqrt(len(x)))


def rim(q):
    """Mass in the outermost cells: what may lie beyond the grid."""
    square = q.reshape(len(side(CELL)), -1)
    return 1.0 - np.sum(square[1:-1, 1:-1]) / np.sum(square)


def log_Z_at(plan, one, cell):
    """log Z from another grid."""
    return logsumexp(-plan.model.energies(one.theta, grid(cell))) + 2.0 * np.log(cell)


def start_kl(plan, landscape):
    """KL from the data to |x|^2/(2 s^2) alone."""
    p, E = (
        np.exp(landscape.log_density(grid())) * CELL**2,
        plan.model.energies(np.zeros(plan.model.count), grid()),
    )
    return kl(p, E, logsumexp(-E) + 2.0 * np.log(CELL))


def inner(one):
    """Share of the inner ring."""
    return np.sum(one.q[np.sum(grid() ** 2, 1) < np.mean(RADII) ** 2])


def draw(file, plan, results, points):
    """One row a landscape: the density of the data, then those that were learnt, with samples."""
    axes, save = figure(
        file, nrows=len(plan.landscapes), ncols=5, figsize=(11.0, 2.4 * len(plan.landscapes)), squeeze=False
    )
    for row, name in zip(axes, plan.landscapes, strict=True):
        density = np.exp(LANDSCAPES[name].log_density(grid()))
        for ax, title in zip(row, (f"data: {name}", *ESTIMATORS), strict=True):
            one = results.get((name, title))
            shown = density if one is None else one.q / CELL**2
            ax.pcolormesh(
                side(CELL), side(CELL), shown.reshape(len(side(CELL)), -1).T, cmap="Blues", vmax=density.max()
            )
            if one is not None:
                ax.plot(*points[name, title][:300].T, ".", ms=1.5, color="#D55E00", alpha=0.6)
                title = f"{title}: KL {one.kl:.2f}"
            ax.set(title=title, xlim=(-3.0, 3.0), ylim=(-3.0, 3.0), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
            ax.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
            ax.label_outer()
    axes[0, 0].figure.suptitle(
        "Densities learnt without a sum over the plane; exact KL from the data, in nats"
    )
    save()


def row(key, one, moved):
    """One line of the table."""
    c = f"{one.c:8.3f}" if np.isfinite(one.c) else 8 * " "
    return (
        f"{key[0]:<13} {key[1]:<4} {one.kl:8.3f} {one.kl_smoothed:11.3f}"
        f" {one.log_Z:8.3f} {c} {moved:7.2f} {one.seconds:8.1f}"
    )


def measured(plan, seed):
    """{(landscape, estimator): Learnt}, samples of each, and the KL to begin with; printed on the way."""
    results, points, begun = {}, {}, {}
    print("landscape     by    KL(p|q)  KL(noisy|q)    log Z        c   moved  seconds")
    for name in plan.landscapes:
        begun[name] = start_kl(plan, LANDSCAPES[name])
        print(f"{name:<13} {'-':<4} {begun[name]:8.3f}")
        for estimator in ESTIMATORS:
            key, rng = (name, estimator), np.random.default_rng(seed)
            results[key] = learnt(plan, estimator, rng, LANDSCAPES[name])
            points[key], moved = sampled(plan, results[key], rng)
            print(row(key, results[key], moved), flush=True)
    return results, points, begun


def claims(plan, results, points, begun, left):
    """What the table must show; of the KL to begin with, at most the share `left` is left."""
    by = lambda *names: [one for (_, estimator), one in results.items() if estimator in names]
    most = max(one.kl / begun[name] for (name, _), one in results.items())
    beyond = max(rim(one.q) for one in results.values())
    grids = max(abs(log_Z_at(plan, one, 0.04) - one.log_Z) for one in results.values())
    yield within("the grid loses nothing: mass at its rim", beyond, high=1e-4)
    yield within("another grid's log Z is off by", grids, high=0.01)
    yield within("of the divergence is left, at most", most, high=left)
    misses = max(abs(one.c - one.log_Z) for one in by("NCE"))
    yield within("NCE misses log Z by", misses, high=0.1)
    seconds = max(one.seconds for one in results.values())
    yield within("CPU seconds of a training, at most", seconds, high=60.0)
    worst = max(off_by(plan, one, points[key]) for key, one in results.items())
    yield within("samples' mean energy, standard errors off", worst, high=4.5)
    nearer = all(one.kl_smoothed < one.kl for one in by("DSM", "SSM"))
    yield "DSM and SSM are nearer to the data with noise, which they saw", nearer


def sharper(plan, results):
    """Claims that a short training does not bear out yet."""
    kls = lambda name: {estimator: results[name, estimator].kl for estimator in ESTIMATORS}
    best = all(min(kls(name), key=kls(name).get) == "NCE" for name in plan.landscapes)
    yield "NCE, which sees the noise everywhere, is the nearest to the data", best
    shares = {estimator: inner(results["rings", estimator]) for estimator in ESTIMATORS}
    off = {estimator: abs(share - 0.5) for estimator, share in shares.items()}
    told = ", ".join(f"{estimator} {share:.2f}" for estimator, share in shares.items())
    yield f"inner ring, one half: {told}", off["NCE"] < min(0.02, off["DSM"], off["SSM"])


def main():
    chosen = options(__doc__)
    plan = QUICK if chosen.quick else FULL
    results, points, begun = measured(plan, chosen.seed)
    if chosen.figure:
        draw(chosen.figure, plan, results, points)
    if chosen.quick:
        conclude(*claims(plan, results, points, begun, left=1.0))
    conclude(*claims(plan, results, points, begun, left=0.5), *sharper(plan, results))


if __name__ == "__main__":
    main()
