#!/usr/bin/env python3
"""What each loss does to one and the same network, on handwritten digits.

Claim   Under the energy loss the energies of all answers fall to one level: a
        collapse. Every other loss keeps them apart and learns; so does the
        energy loss itself once the architecture is safe. Losses with a margin
        reach it; those without (perceptron, LVQ2) stop as soon as the answers
        are right.
Source  LeCun et al. (2006), "A Tutorial on Energy-Based Learning", Sections
        2.2 and 5, Table 1.
Data    1797 digits of 8 x 8 pixels, UCI optdigits, out of the installed
        scikit-learn (extra `data`).
Time    40 s on one core; 2 s with --quick.

The network is that of energies/mlp.py, and its energies are those of
energies/rbf_output.py: the answer y has a centre U_y among the outputs G of
the network, and

    E(y, x) = |G(x) - U_y|^2 >= 0,        G(x) = V tanh(W x + b)

These energies are never negative, as square-square and square-exponential
demand, and a wrong one is 0 only if G hits its centre exactly, so that the
ratio of LVQ2 is defined. The centres learn with the rest: that is what makes a
collapse possible. Fixed and distinct they are the safe architecture, for no G
is near two.

LVQ2's ratio knows no unit, and lets G drift far from all centres, where every
ratio is near 1: a slow learner, but not a collapse, for the order of the
energies is learnt.
"""

import numpy as np
from reproduction import conclude, digits, figure, options, within

from ebm_ref import FORMULAS
from ebm_ref.energies.mlp import backward, network
from ebm_ref.energies.rbf_output import rbf_output, rbf_output_centers_gradient, rbf_output_features_gradient
from ebm_ref.learning.descent import adam_step, chain_rule, energy_table, minibatches

COSTS = np.abs(np.subtract.outer(np.arange(10.0), np.arange(10.0)))  # of reading y as j, on a cheque: |y - j|
COSTLY = ("generalized_hinge", "margin_rescaled_hinge")
SETTINGS = {"lvq2_ratio": (5.0,)}  # delta, so wide that no digit is given up at the start; else the defaults
LOSSES = (
    *("energy", "perceptron", "hinge", "log", "mce", "lvq2", "lvq2_ratio", "square_square"),
    *("square_exponential", "nll", "mee", *COSTLY),
)
SHAPES = ((32, 64), (32,), (10, 32), (10, 10))  # of W, b, V, U
MARGINS = ("hinge", "log", "mce", "square_exponential", "nll", "mee", *COSTLY)  # with one, on a difference
MARGIN = 1.0  # the default of hinge and square-square
SAFE = "energy, fixed centres"
TEST = 797


def start(rng):
    """W, b, V and U in one vector: small outputs, and one centre per axis, all as far from them."""
    W, V = rng.normal(size=SHAPES[0]) / 8.0, rng.normal(size=SHAPES[2]) / 48.0
    return packed(W, np.zeros(SHAPES[1]), V, 0.4 * np.eye(10))


def packed(*arrays):
    """One vector of all parameters, or of their gradients: what Adam moves."""
    return np.concatenate([array.ravel() for array in arrays])


def unpacked(vector):
    """W, b, V and U again."""
    ends = np.cumsum([np.prod(shape) for shape in SHAPES])
    return [part.reshape(shape) for part, shape in zip(np.split(vector, ends[:-1]), SHAPES, strict=True)]


def energies(vector, X):
    """(n, 10) energies of all answers to each of n inputs, with the layers on the way: (E, H, G)."""
    W, b, V, U = unpacked(vector)
    H = np.tanh(X @ W.T + b)
    G = H @ V.T
    return np.sum((G[:, None, :] - U) ** 2, axis=2), H, G


def parameter_gradient(vector, X, H, G, g):
    """The chain rule summed over a batch: from dL/dE = g, (n, 10), to the vector of all parameters."""
    _, _, V, U = unpacked(vector)
    dG = 2.0 * (np.sum(g, axis=1, keepdims=True) * G - g @ U)
    dU = 2.0 * (np.sum(g, axis=0)[:, None] * U - g.T @ G)
    dA = (dG @ V) * (1.0 - H**2)
    return packed(dA.T @ X, np.sum(dA, axis=0), dG.T @ H, dU)


def loss_gradient(name, E, labels):
    """dL/dE of each digit, by the page of the loss."""
    page = FORMULAS[name].gradients["energies"]
    parameters = lambda y: (COSTS[y],) if name in COSTLY else SETTINGS.get(name, ())
    return np.array([page(table, y, *parameters(y)) for table, y in zip(E, labels, strict=True)])


def disagreement_with_the_pages(vector, X, labels):
    """Largest difference between a batch's gradient and the sum of the pages' over its digits, relative."""
    W, b, V, U = unpacked(vector)
    E, H, G = energies(vector, X)
    g = loss_gradient("nll", E, labels)
    slowly = 0.0
    for x, E_x, g_x in zip(X, E, g, strict=True):
        outputs = network(W, b, V, x)
        assert np.allclose(E_x, energy_table(rbf_output, 10, U, outputs), rtol=1e-12)
        force = chain_rule(g_x, energy_table(rbf_output_features_gradient, 10, U, outputs))
        dU = chain_rule(g_x, energy_table(rbf_output_centers_gradient, 10, U, outputs))
        slowly += packed(*backward(W, b, V, x, force)[:3], dU)
    return np.max(np.abs(parameter_gradient(vector, X, H, G, g) - slowly)) / np.max(np.abs(slowly))


def train(name, rng, X, labels, epochs, batch, centers_learn=True, step_size=0.01):
    """Parameters before and after Adam on minibatches, its step size falling to 0."""
    vector = before = start(rng)
    order = [indices for _ in range(epochs) for indices in minibatches(rng, len(X), batch)]
    state = (0.0, 0.0, 0)
    for t, b in enumerate(order):
        E, H, G = energies(vector, X[b])
        gradient = parameter_gradient(vector, X[b], H, G, loss_gradient(name, E, labels[b]) / len(b))
        gradient[-np.prod(SHAPES[3]) :] *= centers_learn
        vector, state = adam_step(vector, state, gradient, step_size * (1.0 - t / len(order)))
    return before, vector


def right_and_offending(E, labels):
    """E_y and E_o of each digit."""
    wrong = np.where(np.arange(10) == labels[:, None], np.inf, E)
    return E[np.arange(len(E)), labels], np.min(wrong, axis=1)


def measure(vector, X, labels, X_test, labels_test):
    """What the table shows, of one network: medians over test digits, and training digits with a gap."""
    E = energies(vector, X_test)[0]
    right, offending = right_and_offending(E, labels_test)
    gaps = np.subtract(*right_and_offending(energies(vector, X)[0], labels)[::-1])
    return {
        "error": np.mean(np.argmin(E, axis=1) != labels_test),
        "right": np.median(right),
        "offending": np.median(offending),
        "spread": np.median(np.ptp(E, axis=1)),
        "reached": np.mean(gaps >= MARGIN),
        "positive": np.mean(gaps > 0.0),
        "plane": (right, offending),
    }


def run(seed, X, labels, count, epochs, batch):
    """Every loss from one start, on one split: {row of the table: what was measured}, "" being the start."""
    order = np.random.default_rng(seed).permutation(len(X))
    training, test = order[:count], order[-TEST:]
    judged = lambda vector: measure(vector, X[training], labels[training], X[test], labels[test])
    results = {}
    for row in (*LOSSES, SAFE):
        rng, name = np.random.default_rng(seed), row.split(",")[0]
        before, after = train(name, rng, X[training], labels[training], epochs, batch, row != SAFE)
        results[row] = judged(after)
    return results | {"": judged(before)}


def summary(runs, row, key):
    """Mean over the seeds, and standard deviation (0 for a single seed)."""
    values = [results[row][key] for results in runs]
    return np.mean(values), np.std(values, ddof=1) if len(values) > 1 else 0.0


def table(runs):
    """Print one line a loss."""
    columns = ("loss", "test error", "E_y", "E_o", "spread", "gap >= 1")
    print("{:<22} {:>15} {:>8} {:>8} {:>8} {:>9}".format(*columns))
    for row in ("", *LOSSES, SAFE):
        mean = {key: summary(runs, row, key)[0] for key in runs[0][row] if key != "plane"}
        print(
            f"{row or '(before training)':<22} {mean['error']:7.1%} +-{summary(runs, row, 'error')[1]:5.1%}"
            f" {mean['right']:8.2g} {mean['offending']:8.2g} {mean['spread']:8.2g} {mean['reached']:9.0%}"
        )


def draw(file, results):
    """One plane of (E_y, E_o) per loss, each test digit a point before training and one after."""
    axes, save = figure(file, nrows=3, ncols=5, figsize=(11.0, 7.2))
    for axis, row in zip(axes.flat, (*LOSSES, SAFE), strict=False):
        planes = {"before": results[""]["plane"], "after": results[row]["plane"]}
        for (when, (right, offending)), color in zip(planes.items(), ("0.6", "C0"), strict=True):
            size = 8.0 if np.ptp(offending) < 0.01 else 2.5  # a collapse is a single dot
            axis.plot(right, offending, ".", ms=size, color=color, label=when)
        top = 1.05 * np.quantile(np.concatenate([*planes["before"], *planes["after"]]), 0.995)
        axis.plot([0.0, top], [0.0, top], "k-", lw=0.8)
        limits = (-0.04 * top, top)
        axis.set(xlim=limits, ylim=limits, aspect="equal")
        axis.set_title(f"{row.replace('_', ' ')}\n{results[row]['error']:.0%} wrong", fontsize=10)
        axis.locator_params(nbins=4)
    empty = axes.flat[-1]
    empty.axis("off")
    empty.legend(*axes.flat[1].get_legend_handles_labels(), loc="center", markerscale=4, frameon=False)
    axes[1, 0].set_ylabel("energy of the most offending wrong answer, $E_o$")
    axes[2, 2].set_xlabel("energy of the right answer, $E_y$ (above the line: read correctly)")
    wrong = f"before training {results['']['error']:.0%} are wrong"
    empty.figure.suptitle(f"A loss works if it moves the test digits above the line: {wrong}")
    save()


def main():
    chosen = options(__doc__)
    X, labels = digits()
    count, epochs, batch, seeds = (100, 15, 5, 1) if chosen.quick else (1000, 25, 50, 4)
    runs = [run(chosen.seed + i, X, labels, count, epochs, batch) for i in range(seeds)]
    print(f"{count} digits to learn from, {TEST} to test, {epochs} epochs, {seeds} seed(s); medians\n")
    table(runs)
    if chosen.figure:
        draw(chosen.figure, runs[0])
    difference = disagreement_with_the_pages(start(np.random.default_rng(chosen.seed)), X[:5], labels[:5])
    each = lambda row, key: np.array([results[row][key] for results in runs])
    left = lambda row: each(row, "spread") / each("", "spread")
    others, no_margin = [row for row in (*LOSSES, SAFE) if row != "energy"], ("perceptron", "lvq2")
    collapsed = left("energy") / np.min([left(row) for row in others], axis=0)
    mistakes = [each(row, "error") / each("", "error") for row in others]
    reached = [np.min(each(row, "reached")) for row in MARGINS]
    lifted = each("square_square", "offending") / MARGIN
    conclude(
        within("a batch's gradient and the sum over the pages", difference, high=1e-12),
        within("energy loss: spread left, of any other's least", np.max(collapsed), high=1 / 4),
        within("no other loss, nor fixed centres: left", min(map(np.min, map(left, others))), low=3 / 4),
        within("all others learn: mistakes, of those before", max(map(np.max, mistakes)), high=3 / 4),
        (
            "the energy loss reads better with fixed centres than with learnt ones",
            np.mean(each(SAFE, "error")) < np.mean(each("energy", "error")),
        ),
        within("losses with a margin reach it, share of digits", min(reached), low=0.5),
        within("square-square lifts E_o to, of its level", np.min(lifted), low=0.75),
        (
            "perceptron and LVQ2 stop when > 98 % are right, < 1/3 with the margin",
            all(np.all((each(r, "positive") > 0.98) & (each(r, "reached") < 1 / 3)) for r in no_margin),
        ),
    )


if __name__ == "__main__":
    main()
