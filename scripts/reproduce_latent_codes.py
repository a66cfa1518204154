#!/usr/bin/env python3
"""What a latent code buys: k-means, sparse coding and a denoising autoencoder.

Claim   Twenty prototypes lie along a spiral, though nobody said that it is a
        curve: k-means never raises its energy, and ends a tenth of the
        spiral's size from it. A sparse code is found by ISTA, the faster by
        FISTA, whose error falls as 1/t^2, and LISTA begins as ISTA; a
        dictionary learned with such codes comes near the one that drew them. A
        denoising autoencoder moves a point far from the curve towards it, by
        half its distance, and one on the curve by half of the noise at most:
        nearly where it was.
Source  LeCun (2020), NYU DLSP20, weeks 7-2, 8-1, 8-2 and 8-3 (the pictures of
        the spiral and of the moved points); Beck and Teboulle (2009); Gregor
        and LeCun (2010). That dictionaries of photographs look like Gabor
        filters is tried in reproduce_gabor_atoms.py.
Data    Drawn from a Generator.
Time    16 s on one core; 3 s with --quick (fewer points and steps).
"""

import numpy as np
from reproduction import conclude, figure, options, within

from ebm_ref.energies.autoencoder import backpropagate, reconstruction
from ebm_ref.energies.k_means import lloyd_step, total_energy
from ebm_ref.energies.sparse_coding import dictionary_step, sparse_coding
from ebm_ref.inference.ista import duality_gap, fista, ista, lista, lista_start, smoothness

TURNS = 1.5


def spiral(t):
    """Points (n, 2) of a spiral of size 0.9, t in 0 .. 1."""
    angle = 2.0 * np.pi * TURNS * t
    return (0.15 + 0.75 * t)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


CURVE = spiral(np.linspace(0.0, 1.0, 2000))


def distance(points):
    """(n,) from each point to the spiral."""
    return np.array([np.min(np.linalg.norm(CURVE - p, axis=1)) for p in points])


def prototypes(rng, count):
    """Prototypes after each of 20 rounds of k-means, K = 20, from points chosen of the data."""
    Y = spiral(rng.uniform(size=count))
    w = [Y[rng.choice(count, 20, replace=False)]]
    for _ in range(20):
        w.append(lloyd_step(w[-1], Y))
    return w, [total_energy(one, Y) / count for one in w]


def codes(rng, steps):
    """Energy above the minimum after each step, by ISTA and by FISTA; how far LISTA
    is from ISTA, a bound of what the minimum lacks, and the largest share of FISTA's bound."""
    W = rng.normal(size=(16, 48))
    W /= np.linalg.norm(W, axis=0)
    y, price = W @ (rng.normal(size=48) * (rng.random(48) < 0.15)), 0.02
    best = fista(W, y, price, 20_000)
    floor = sparse_coding(W, y, best, price)
    above = {
        f.__name__: np.array([sparse_coding(W, y, f(W, y, price, t), price) - floor for t in steps])
        for f in (ista, fista)
    }
    apart = np.max(np.abs(lista(*lista_start(W, price), y, 20) - ista(W, y, price, 20)))
    bound = 2.0 * smoothness(W) * np.sum(best**2) / (steps + 1.0) ** 2
    return above, apart, duality_gap(W, y, best, price), np.max(above["fista"] / bound)


def dictionary(rng, samples, first_step=0.2):
    """How well each column of the true dictionary is found, |cosine|, before and after learning."""
    n = 10
    true = rng.normal(size=(n, n))
    true /= np.linalg.norm(true, axis=0)
    W = true + 0.8 * rng.normal(size=(n, n)) / np.sqrt(n)
    W /= np.linalg.norm(W, axis=0)
    found = lambda W: np.max(np.abs(true.T @ W), axis=1)
    before = found(W)
    for i in range(samples):
        code = rng.normal(size=n) * (rng.random(n) < 0.2)
        y = true @ code
        W = dictionary_step(W, y, fista(W, y, 0.05, 30), first_step / (1.0 + 3.0 * i / samples))
    return before, found(W)


def denoiser(rng, count, passes, hidden=40, step_size=0.1, noise=0.15):
    """Parameters W, b, V, c of an autoencoder that was shown noisy points and asked for the clean ones."""
    parts = [3.0 * rng.normal(size=(hidden, 2)), rng.normal(size=hidden)]
    parts += [0.1 * rng.normal(size=(2, hidden)), np.zeros(2)]
    Y = spiral(rng.uniform(size=count))
    for t in range(passes * count):
        y = Y[rng.integers(count)]
        x = y + noise * rng.normal(size=2)
        h, delta, outer = backpropagate(x, y, *parts)
        step = step_size * (1.0 - t / (passes * count))
        slopes = np.outer(delta, x), delta, np.outer(outer, h), outer
        parts = [p - step * s for p, s in zip(parts, slopes, strict=True)]
    return parts


def moved(parts, points):
    """Where the autoencoder puts each point."""
    return np.array([reconstruction(p, *parts) for p in points])


def draw(file, w, steps, above, parts):
    axes, save = figure(file, ncols=3, figsize=(13.0, 4.2))
    for axis in (axes[0], axes[2]):
        axis.plot(*CURVE.T, color="0.7", lw=3.0, label="the spiral")
        axis.set(xlabel="$y_1$", ylabel="$y_2$", aspect="equal")
    axes[0].plot(*w[0].T, "x", ls="none", label="prototypes at first")
    axes[0].plot(*w[-1].T, "o", ls="none", label="after 20 rounds")
    axes[0].set_title("k-means: 20 prototypes lie along the curve")
    axes[0].legend(fontsize=8, loc="lower left")
    for name, values in above.items():
        axes[1].plot(steps, np.maximum(values, 1e-16), label=name.upper())
    axes[1].set(xscale="log", yscale="log", xlabel="steps", ylabel="energy above the minimum")
    axes[1].set_title("sparse codes: FISTA is the faster")
    axes[1].legend()
    grid = np.array([(a, b) for a in np.linspace(-0.9, 0.9, 13) for b in np.linspace(-0.9, 0.9, 13)])
    to = moved(parts, grid)
    axes[2].quiver(
        *grid.T, *(to - grid).T, angles="xy", scale_units="xy", scale=1.0, color="#0072B2", width=0.004
    )
    axes[2].set_title("denoising: off the curve points move to it")
    save()


def main():
    chosen = options(__doc__)
    rng = np.random.default_rng(chosen.seed)
    w, energies = prototypes(rng, 200 if chosen.quick else 1000)
    steps = np.unique(np.geomspace(1, 300, 12).astype(int)) if chosen.quick else np.arange(1, 301)
    above, apart, gap, share = codes(rng, steps)
    before, after = dictionary(rng, 1500 if chosen.quick else 3000)
    parts = denoiser(rng, 200, 200 if chosen.quick else 1000)
    on, off = spiral(np.linspace(0.05, 0.95, 40)), rng.uniform(-0.8, 0.8, size=(300, 2))
    off = off[(distance(off) > 0.12)]
    left, stay = distance(moved(parts, off)) / distance(off), np.linalg.norm(moved(parts, on) - on, axis=1)
    print(f"k-means: mean energy {energies[0]:.5f}, after 20 rounds {energies[-1]:.5f}")
    ends = above["ista"][-1], above["fista"][-1]
    print("sparse code, {} steps: ISTA {:.1e}, FISTA {:.1e} above".format(steps[-1], *ends))
    print(f"dictionary: |cosine| with the true columns {np.mean(before):.3f}, learned {np.mean(after):.3f}")
    print(
        f"autoencoder: {np.median(left):.2f} of the distance is left; on the curve {np.mean(stay):.3f} moved"
    )
    if chosen.figure:
        draw(chosen.figure, w, steps, above, parts)
    conclude(
        ("k-means never raises its energy", np.all(np.diff(energies) <= 1e-12 * energies[0])),
        within("prototypes: farthest from the spiral", np.max(distance(w[-1])), high=0.09),
        within("ISTA / FISTA, energy above the minimum", ends[0] / max(ends[1], 1e-15), low=5.0),
        within("FISTA: its error, of the bound 2 L |z*|^2 / (t + 1)^2", share, high=1.0),
        within("the minimum is certified: duality gap", gap, high=1e-7),
        within("LISTA begins as ISTA: apart by", apart, high=1e-12),
        within("dictionary: gain of mean |cosine| with the true", np.mean(after) - np.mean(before), low=0.05),
        within("denoising: distance left, off the curve (median)", np.median(left), high=0.6),
        within("on the curve points move by", np.mean(stay), high=0.08),
    )


if __name__ == "__main__":
    main()
