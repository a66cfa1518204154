#!/usr/bin/env python3
"""Perceptron, linear SVM, logistic regression: one energy and three losses.

Claim   With E(Y, x) = -Y (w.x + b) the perceptron loss is Rosenblatt's rule,
        the hinge loss with weight decay is the linear SVM, and the NLL is
        logistic regression. Where a line separates the data by a distance g,
        and all lie within R, the perceptron makes at most (R/g)^2 corrections.
        The SVM's line keeps the widest distance: no line of 100 000 tried
        keeps more. Logistic regression has no best weights there, for they
        grow for ever, and has them where the data overlap; so has softmax with
        k answers. If G is max(0, w.x + b), the perceptron loss can die: all
        outputs 0, no slope.
Source  LeCun et al. (2006), Section 3.2; Novikoff (1962); Cortes and Vapnik
        (1995).
Data    Drawn from a Generator.
Time    20 s on one core; 3 s with --quick (fewer steps and lines).
"""

import autograd.numpy as anp
import numpy as np
from autograd import grad
from reproduction import conclude, figure, near, options, within

from ebm_ref.energies.joint_energy import joint_energy, joint_energy_weights_gradient
from ebm_ref.energies.two_class import two_class, two_class_bias_gradient, two_class_weights_gradient
from ebm_ref.learning.descent import gradient_descent, objective_gradient, sample_gradient
from ebm_ref.losses.hinge import hinge, hinge_gradient
from ebm_ref.losses.nll import nll, nll_gradient
from ebm_ref.losses.perceptron import perceptron, perceptron_gradient

ANSWERS = (-1, 1)
LOSSES = {
    "perceptron": (perceptron, perceptron_gradient),
    "SVM": (lambda E, y: hinge(E, y, 2.0), lambda E, y: hinge_gradient(E, y, 2.0)),
    "logistic": (nll, nll_gradient),
}


def energy(W, x, answer):
    """Energy of answer 0 or 1, which are Y = -1 and 1; the last of W is the bias."""
    return two_class(W[:2], W[2], x, ANSWERS[answer])


def slope(W, x, answer):
    """dE/dW, bias last."""
    Y = ANSWERS[answer]
    by_weights, by_bias = (
        f(W[:2], W[2], x, Y) for f in (two_class_weights_gradient, two_class_bias_gradient)
    )
    return np.append(by_weights, by_bias)


def clouds(rng, count, apart, width=0.5):
    """Points of two clouds, and which."""
    labels = np.arange(count) % 2
    return (2.0 * labels - 1.0)[:, None] * apart * np.array([0.8, 0.6]) + width * rng.normal(
        size=(count, 2)
    ), labels


def margin(W, X, labels):
    """Distance of the nearest point from the line, negative where one is on the wrong side."""
    signs = 2.0 * labels - 1.0
    return np.min(signs * (X @ W[:2] + W[2])) / np.linalg.norm(W[:2])


def rosenblatt(X, labels, start):
    """Weights, and corrections, of the perceptron loss with step 1/2, until all are right."""
    W, corrections = start, 0
    while True:
        wrong = 0
        for x, y in zip(X, labels, strict=True):
            g = sample_gradient(perceptron_gradient, energy, slope, 2, W, x, y)
            if np.any(g):
                W, wrong = W - 0.5 * g, wrong + 1
        corrections += wrong
        if not wrong:
            return W, corrections


def learn(name, X, labels, steps, decay=0.0, step_size=0.5):
    """W by descent on the mean loss and decay |w|^2 / 2, the bias undecayed; steps that fall."""
    W, g = np.zeros(3), LOSSES[name][1]
    for t in range(steps):
        down = objective_gradient(g, energy, slope, 2, W, X, labels) + decay * np.append(W[:2], 0.0)
        W = W - step_size / (1.0 + (20.0 * t / steps if decay else 0.0)) * down
    return W


def widest(rng, X, labels, tries):
    """The widest distance that any of many lines keeps, its offset the best for its direction."""
    angle = rng.uniform(0.0, 2.0 * np.pi, tries)
    heights = np.column_stack([np.cos(angle), np.sin(angle)]) @ X.T
    return np.max(np.min(heights[:, labels == 1], axis=1) - np.max(heights[:, labels == 0], axis=1)) / 2.0


def textbook(name, W, X, labels):
    """The slope of the loss as its own textbook prints it, by autograd."""
    Y = 2.0 * labels - 1.0
    printed = {
        "perceptron": lambda G: anp.maximum(0.0, -2.0 * Y * G),
        "SVM": lambda G: 2.0 * anp.maximum(0.0, 1.0 - Y * G),
        "logistic": lambda G: anp.log(1.0 + anp.exp(-2.0 * Y * G)),
    }[name]
    return grad(lambda W: anp.mean(printed(anp.dot(X, W[:2]) + W[2])))(W)


def dead(rng, steps=2000):
    """Largest output of G = max(0, w.x + b) before and after descent of the perceptron loss.

    The points of Y = 1 lie within a ring of the others, so that no w.x + b > 0 holds for some of them alone.
    The energies are -G and G: a point of Y = 1 costs nothing, one of Y = -1 costs 2 G.
    """
    turn = np.arange(16) * np.pi / 8.0
    ring = 2.0 * np.column_stack([np.cos(turn), np.sin(turn)])
    within_ring = 0.4 * rng.normal(size=(16, 2))
    W = np.append(rng.normal(size=2), 0.5)
    output = lambda X: np.maximum(0.0, X @ W[:2] + W[2])
    before = np.max(output(within_ring))
    for _ in range(steps):
        on = output(ring) > 0.0
        W = W - 0.05 * np.append(2.0 * on @ ring, 2.0 * np.sum(on)) / len(ring)
    return before, max(np.max(output(within_ring)), np.max(output(ring)))


def softmax_fit(rng, steps):
    """Slope left of the NLL of three overlapping clouds, of the first slope; and the share of right."""
    labels = np.arange(30) % 3
    turn = 2.0 * np.pi * labels / 3.0
    X = np.column_stack([np.cos(turn), np.sin(turn), np.ones(30)]) + 0.9 * rng.normal(size=(30, 3)) * [
        1,
        1,
        0,
    ]
    down = lambda W: objective_gradient(
        nll_gradient, joint_energy, joint_energy_weights_gradient, 3, W, X, labels
    )
    W = gradient_descent(down, np.zeros((3, 3)), 1.0, steps)
    right = np.mean(
        [np.argmin([joint_energy(W, x, j) for j in range(3)]) == y for x, y in zip(X, labels, strict=True)]
    )
    return np.max(np.abs(down(W))) / np.max(np.abs(down(np.zeros((3, 3))))), right


def draw(file, X, labels, lines):
    """The data, the three lines, and the width that the SVM keeps."""
    axes, save = figure(file, figsize=(7.4, 5.0))
    for y, marker in ((0, "o"), (1, "s")):
        axes.plot(
            *X[labels == y].T,
            marker,
            ls="none",
            color="0.35",
            mfc="none" if y else "0.35",
            label=f"Y = {ANSWERS[y]}",
        )
    t = np.linspace(-3.5, 3.5, 2)
    for i, (name, W) in enumerate(lines.items()):
        axes.plot(
            t,
            -(W[0] * t + W[2]) / W[1],
            color=f"C{i}",
            ls=("-", "--", "-.")[i],
            label=f"{name}: {margin(W, X, labels):.2f}",
        )
    axes.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    axes.set_title("the SVM's line keeps the widest distance")
    axes.legend(title="loss: distance kept", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    save()


def main():
    chosen = options(__doc__)
    rng = np.random.default_rng(chosen.seed)
    steps = 150 if chosen.quick else 1000
    X, labels = clouds(rng, 20, 1.5, 0.4)
    while widest(rng, X, labels, 2000) < 0.1:
        X, labels = clouds(rng, 20, 1.5, 0.4)
    best = widest(rng, X, labels, 10_000 if chosen.quick else 100_000)
    first, corrections = rosenblatt(X, labels, 1e-6 * rng.normal(size=3))
    lines = {"perceptron": first}
    lines["SVM"] = learn("SVM", X, labels, 3 * steps, decay=0.05)
    lines["logistic"] = learn("logistic", X, labels, steps // 2)
    longer = learn("logistic", X, labels, steps)
    # with the bias as a third coordinate that is 1 everywhere
    three = np.column_stack([X, np.ones(len(X))])
    W = np.append(lines["SVM"][:2], lines["SVM"][2])
    g = np.min((2.0 * labels - 1.0) * (three @ W)) / np.linalg.norm(W)
    bound = np.max(np.sum(three**2, axis=1)) / g**2
    there = rng.normal(size=3)
    off = {
        name: np.max(
            np.abs(
                objective_gradient(f[1], energy, slope, 2, there, X, labels)
                - textbook(name, there, X, labels)
            )
        )
        for name, f in LOSSES.items()
    }
    print("loss         distance kept   |w|")
    for name, W in lines.items():
        print(f"{name:<12} {margin(W, X, labels):13.3f} {np.linalg.norm(W[:2]):7.2f}")
    print(f"the widest of all lines tried: {best:.3f}; corrections of the perceptron: {corrections}")
    mixed = clouds(rng, 30, 0.3, 0.8)
    bounded = [np.linalg.norm(learn("logistic", *mixed, steps=n)) for n in (steps // 2, steps)]
    alive, outputs = dead(rng)
    left, right = softmax_fit(rng, steps)
    if chosen.figure:
        draw(chosen.figure, X, labels, lines)
    conclude(
        *(
            within(f"{name}: slope as its textbook's, off by", value, high=1e-12)
            for name, value in off.items()
        ),
        within("corrections of the perceptron, of Novikoff's bound", corrections / bound, high=1.0),
        within("SVM: distance kept, of the widest", margin(lines["SVM"], X, labels) / best, 0.98, 1.001),
        within(
            "separable: |W| of logistic grows, times",
            np.linalg.norm(longer) / np.linalg.norm(lines["logistic"]),
            low=1.05,
        ),
        within("overlapping: it does not", bounded[1] / bounded[0], 0.98, 1.02),
        within("softmax, 3 answers: slope left, of the first", left, high=0.03),
        within("and its share of right answers", right, low=0.6),
        within("G = max(0, w.x + b): largest output, at first", alive, low=1e-3),
        near("after training by the perceptron loss", outputs, 0.0),
    )


if __name__ == "__main__":
    main()
