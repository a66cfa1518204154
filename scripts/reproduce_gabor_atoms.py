#!/usr/bin/env python3
"""Sparse codes of photographs: learned atoms are localised, oriented, Gabor-like.

Claim   Atoms that are learned for sparse codes of pieces of photographs look
        like Gabor filters: waves under a small bell, all running one way.
        The best of tens of thousands of Gabor filters explains most of a
        learned atom, much less of a principal component, and no more of an
        atom learned from noise of the same covariance than of a random one: it
        is the photographs that make them. On pieces not seen, learned atoms
        have lower energies than components or random ones, and leave less
        unexplained.
Source  Olshausen and Field (1996); the energy as in NYU DLSP20, week 8-2;
        Mairal et al. (2009), "Online Dictionary Learning for Sparse Coding",
        for the running means.
Data    `camera`, `ascent` and `aero`, 512 x 512 grey levels, out of the
        installed pywavelets (extra `data`); the right quarter of each is kept
        to test with.
Time    20 s on one core, 12 x 12 pixels; 3 s with --quick, 8 x 8.

Pieces lose their mean and are whitened: rotated to their principal
components, the first three quarters kept and scaled to equal variance. Codes
are found by FISTA, many at once, and after each batch the dictionary makes a
step of descent on the mean energy of the batches lately seen, which two means
are enough to know:

    A = mean z z',   B = mean y z'        dE/dW = 2 (W A - B)

Then every column is scaled to length 1. An atom is looked at as a piece of
picture, rotated back to pixels but not unwhitened.

    Gabor filter    e^{-a^2/2s^2 - b^2/2t^2} (p cos ka + q sin ka)
    direction       |sum g^2| / sum |g|^2,     g = d/du + i d/dv of the atom

a and b are coordinates turned by an angle, about a centre; p and q are fitted.
The best of a grid is a lower bound of what the best Gabor filter explains. The
second is 1 if all slopes of an atom lie along one line, and needs no filter.
"""

from typing import NamedTuple

import numpy as np
from reproduction import conclude, figure, installed, options, within

from ebm_ref.energies.sparse_coding import sparse_coding_dictionary_gradient
from ebm_ref.inference import ista

PICTURES = ("camera", "ascent", "aero")
SEEN = 384  # columns of 512 that are learned from


class Plan(NamedTuple):
    """The size of pieces, and how much is learned from them."""

    side: int
    kept: int  # principal components
    atoms: int
    price: float  # lambda, where the mean of |y|^2 is 1
    batches: int
    batch: int
    memory: int = 10  # batches that the running means reach back
    steps: int = 30  # of FISTA


QUICK, FULL = Plan(8, 48, 96, 0.5, 110, 256), Plan(12, 100, 160, 0.4, 300, 400)


def pictures():
    """Three of (512, 512)."""
    folder = installed("pywt", "pywavelets") / "data"
    return [np.load(folder / f"{name}.npz")["data"].astype(float) for name in PICTURES]


def pieces(rng, parts, side, count):
    """(side^2, n) columns without their mean, as many of each part."""
    found = []
    for part in parts:
        windows = np.lib.stride_tricks.sliding_window_view(part, (side, side))
        i, j = rng.integers(0, windows.shape[0], count), rng.integers(0, windows.shape[1], count)
        found.append(windows[i, j].reshape(count, -1))
    P = np.concatenate(found)[rng.permutation(count * len(parts))]
    return (P - P.mean(axis=1, keepdims=True)).T


def whitening(P, kept):
    """(kept, n), which takes pieces to whitened components with a mean |y|^2 of 1, and the components."""
    variances, V = np.linalg.eigh(P @ P.T / P.shape[1])
    variances, V = variances[: -kept - 1 : -1], V[:, : -kept - 1 : -1]
    return (V / np.sqrt(kept * variances)).T, V


def codes(W, Y, price, steps):
    """(m, n) by FISTA from 0, as inference/ista.py has it for one column."""
    L, gram, drive = ista.smoothness(W), W.T @ W, W.T @ Y
    z, tau = np.zeros_like(drive), 1.0
    v = z
    for _ in range(steps):
        last, z = z, ista.shrunk(v - 2.0 / L * (gram @ v - drive), price / L)
        before, tau = tau, (1.0 + np.sqrt(1.0 + 4.0 * tau**2)) / 2.0
        v = z + (before - 1.0) / tau * (z - last)
    return z


def scaled(W):
    """Columns of length 1."""
    return W / np.linalg.norm(W, axis=0)


def learned(plan, rng, Y):
    """A dictionary for the columns of Y, from a random one."""
    W = scaled(rng.normal(size=(len(Y), plan.atoms)))
    A, B = np.zeros((plan.atoms, plan.atoms)), np.zeros_like(W)
    for t in range(plan.batches):
        y = Y[:, rng.integers(0, Y.shape[1], plan.batch)]
        z = codes(W, y, plan.price, plan.steps)
        new = 1.0 / (1 + min(t, plan.memory))
        A, B = A + new * (z @ z.T / plan.batch - A), B + new * (y @ z.T / plan.batch - B)
        W = scaled(W - (W @ A - B) / np.linalg.norm(A, 2))
    return W


def gabors(side, turn):
    """Pairs of filters (n, side^2), even and odd, at all places with all widths; a pair is orthonormal."""
    at, widths, waves = np.arange(side), (1.0, 1.6, 2.5), (0.5, 0.9, 1.3, 1.8, 2.4)
    axes = np.meshgrid(at, at, at, at, widths, widths, waves, indexing="ij", sparse=True)
    i, j, u, v, s, t, k = axes
    a = np.cos(turn) * (u - i) + np.sin(turn) * (v - j)
    b = np.cos(turn) * (v - j) - np.sin(turn) * (u - i)
    bell = np.exp(-(a**2) / (2.0 * s**2) - b**2 / (2.0 * t**2))
    rows = lambda f: np.moveaxis(f, (2, 3), (-2, -1)).reshape(-1, side**2)
    even, odd = centred(rows(bell * np.cos(k * a))), centred(rows(bell * np.sin(k * a)))
    return even, centred(odd - np.sum(odd * even, axis=1, keepdims=True) * even)


def centred(F):
    """Rows without their mean, of length 1."""
    F = F - F.mean(axis=1, keepdims=True)
    return F / np.linalg.norm(F, axis=1, keepdims=True)


def explained(side, atoms, turns=12):
    """(m,) share of each column that the best Gabor filter of the grid explains."""
    atoms, best = centred(atoms.T).T, np.zeros(atoms.shape[1])
    for turn in np.arange(turns) * np.pi / turns:
        even, odd = gabors(side, turn)
        best = np.maximum(best, np.max((even @ atoms) ** 2 + (odd @ atoms) ** 2, axis=0))
    return best


def direction(side, atoms):
    """(m,) 0: slopes point everywhere, 1: along one line."""
    squares = atoms.T.reshape(-1, side, side)
    down, across = np.diff(squares, axis=1), np.diff(squares, axis=2)
    g = (down[:, :, 1:] + down[:, :, :-1]) + 1j * (across[:, 1:] + across[:, :-1])
    return np.abs(np.sum(g**2, axis=(1, 2))) / np.sum(np.abs(g) ** 2, axis=(1, 2))


def spread(atoms):
    """(m,) share of the pixels that take part: 1/n for a single one, 1 for all alike."""
    return np.sum(atoms**2, axis=0) ** 2 / np.sum(atoms**4, axis=0) / len(atoms)


class Measured(NamedTuple):
    """What is said of a dictionary."""

    gabor: float  # medians over the atoms
    direction: float
    spread: float
    energy: float  # means over pieces not seen
    active: float
    left: float


def measured(plan, dictionaries, V, Y):
    """{name: Measured}."""
    seen = {name: V @ W for name, W in dictionaries.items()}
    ends = np.cumsum([W.shape[1] for W in dictionaries.values()])[:-1]
    shares = np.split(explained(plan.side, np.hstack(list(seen.values()))), ends)
    table = {}
    for (name, W), share in zip(dictionaries.items(), shares, strict=True):
        z = codes(W, Y, plan.price, 100)
        left = np.sum((Y - W @ z) ** 2) / Y.shape[1]
        energy = left + plan.price * np.sum(np.abs(z)) / Y.shape[1]
        shape = np.median(direction(plan.side, seen[name])), np.median(spread(seen[name]))
        table[name] = Measured(np.median(share), *shape, energy, np.mean(np.sum(z != 0.0, axis=0)), left)
    return table, seen


def two_routes(plan, W, Y):
    """How far codes and slope of a batch are from those of the pages, one piece at a time."""
    z = codes(W, Y, plan.price, plan.steps)
    one = np.column_stack([ista.fista(W, y, plan.price, plan.steps) for y in Y.T])
    g = np.mean([sparse_coding_dictionary_gradient(W, y, c) for y, c in zip(Y.T, z.T, strict=True)], axis=0)
    ours = 2.0 * (W @ (z @ z.T) - Y @ z.T) / Y.shape[1]
    return np.max(np.abs(z - one)), np.max(np.abs(g - ours))


def sheet(side, atoms, rows=8, columns=12):
    """The first atoms side by side, each scaled to its own range."""
    picture = np.ones((rows * (side + 1), columns * (side + 1)))
    for n, atom in enumerate((atoms / np.max(np.abs(atoms), axis=0)).T[: rows * columns]):
        i, j = divmod(n, columns)
        picture[i * (side + 1) :, j * (side + 1) :][:side, :side] = atom.reshape(side, side)
    return picture


def draw(file, side, seen, table):
    """The atoms of three dictionaries."""
    axes, save = figure(file, ncols=3, figsize=(15.0, 4.2))
    for axis, name in zip(axes, ("photographs", "noise", "components"), strict=True):
        axis.imshow(sheet(side, seen[name]), cmap="gray", vmin=-1.0, vmax=1.0)
        axis.set(title=f"{name}: {table[name].gabor:.2f} explained by a Gabor filter (median)")
        axis.set_axis_off()
    save()


def claims(table, two):
    """What is asserted."""
    ours, noise, pca = table["photographs"], table["noise"], table["components"]
    chance = table["random"]
    return (
        within("codes of a batch, from the page's: off by", two[0], high=1e-12),
        within("slope of a batch, from the page's: off by", two[1], high=1e-12),
        within("a Gabor filter explains of a learned atom (median)", ours.gabor, low=0.55),
        within("as often as much as of a principal component", ours.gabor / pca.gabor, low=1.3),
        within("of an atom learned from noise", noise.gabor, high=0.3),
        within("no more than of a random one: ratio", noise.gabor / chance.gabor, 0.9, 1.15),
        within("slopes of a learned atom along one line (median)", ours.direction, low=0.75),
        within("those of an atom learned from noise", noise.direction, high=0.3),
        within("pixels in a learned atom, of those in one from noise", ours.spread / noise.spread, high=0.85),
        within("energy of new pieces, of that with components", ours.energy / pca.energy, high=0.95),
        within("energy of new pieces, of that with random atoms", ours.energy / chance.energy, high=0.92),
        within("left unexplained, of what components leave", ours.left / pca.left, high=0.92),
        within("atoms in use, of those learned from noise", ours.active / noise.active, high=0.95),
    )


def main():
    chosen = options(__doc__)
    plan, rng, whole = QUICK if chosen.quick else FULL, np.random.default_rng(chosen.seed), pictures()
    P = pieces(rng, [picture[:, :SEEN] for picture in whole], plan.side, 20_000)
    white, V = whitening(P, plan.kept)
    Y, new = white @ P, white @ pieces(rng, [picture[:, SEEN:] for picture in whole], plan.side, 600)
    start = scaled(rng.normal(size=(plan.kept, plan.atoms)))
    dictionaries = {
        "photographs": learned(plan, rng, Y),
        "noise": learned(plan, rng, rng.normal(size=Y.shape) / np.sqrt(plan.kept)),
        "components": np.eye(plan.kept),
        "random": start,
    }
    table, seen = measured(plan, dictionaries, V, new)
    print("atoms from     Gabor  direction  spread   energy  active    left")
    for name, one in table.items():
        shape = f"{one.gabor:7.2f} {one.direction:10.2f} {one.spread:7.2f}"
        print(f"{name:12}{shape} {one.energy:8.3f} {one.active:7.1f} {one.left:7.3f}")
    if chosen.figure:
        draw(chosen.figure, plan.side, seen, table)
    conclude(*claims(table, two_routes(plan, start, Y[:, :5])))


if __name__ == "__main__":
    main()
