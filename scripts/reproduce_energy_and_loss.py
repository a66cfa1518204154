#!/usr/bin/env python3
"""What is the difference between an energy and a loss?

Claim   An energy E(W, Y, X) is minimised over the answer Y, with W fixed: that
        is inference. A loss L(W) is minimised over the parameters W, with the
        data fixed: that is learning. Four textbook models learn and answer so,
        each with the mean energy of the right answers for its loss. That this
        loss will do is a property of their energies: for -w_Y.X, a term less
        than the softmax classifier's, it falls for ever.
Source  LeCun et al. (2006), Sections 1 and 2.
Data    Drawn from a Generator.
Time    7 s on one core; 1 s with --quick.

    linear regression     E = (Y - w.X)^2 / 2                       Y a number
    logistic regression   E = -Y log s(w.X) - (1 - Y) log(1 - s)    Y in 0, 1
    softmax classifier    E = -log softmax(W X)_Y                   Y in 0..2
    siamese network       E = Y D^2 + (1 - Y) max(0, 1 - D^2)       Y in 0, 1

For the siamese network X is a pair, Y = 1 if both are the same.

In each a low energy of the right answer forces others up: the parabola only
moves, probabilities add up to 1, and D^2 cannot be small for one answer
without being far from the margin for the other.
"""

from dataclasses import dataclass

import numpy as np
from reproduction import conclude, figure, options, within

from ebm_ref.energies.linear_regression import (
    linear_regression,
    linear_regression_target_gradient,
    linear_regression_weights_gradient,
)
from ebm_ref.energies.logistic import logistic, logistic_weights_gradient
from ebm_ref.energies.siamese import siamese, siamese_weights_gradient
from ebm_ref.energies.softmax import softmax, softmax_weights_gradient
from ebm_ref.inference.descent import descend
from ebm_ref.inference.uses import density, predict
from ebm_ref.learning.descent import energy_table, gradient_descent, objective_gradient
from ebm_ref.losses.mee import mee
from ebm_ref.losses.nll import nll, nll_gradient


@dataclass(frozen=True)
class Model:
    """An energy (W, X, Y), its slope by W, the answers to choose from, and data drawn from a Generator."""

    energy: object
    weights_gradient: object
    answers: tuple  # empty: any number
    data: object  # (rng, n) -> X, Y
    shape: tuple  # of W
    step_size: float


def line(rng, n):
    """Y = 2 X + 1 and a little noise; X carries a 1 for the constant."""
    X = np.column_stack([rng.uniform(-1.0, 1.0, n), np.ones(n)])
    return X, X @ [[2.0], [1.0]] + 0.1 * rng.normal(size=(n, 1))


def clouds(rng, n, k):
    """Points of k clouds around a circle, and the number of the cloud."""
    Y = rng.integers(k, size=n)
    turn = 2.0 * np.pi * Y / k
    centers = 1.5 * np.column_stack([np.cos(turn), np.sin(turn)])
    return np.column_stack([centers + rng.normal(scale=0.7, size=(n, 2)), np.ones(n)]), Y


def twins(rng, n):
    """Pairs of points, the same if the signs of their first coordinates are; the second is mere noise."""
    signs = rng.choice([-1.0, 1.0], size=(n, 2))
    first = signs + 0.3 * rng.normal(size=(n, 2))
    return np.stack([first, 2.0 * rng.normal(size=(n, 2))], axis=2), (signs[:, 0] == signs[:, 1]).astype(int)


UNBIASED = np.zeros(2)
MODELS = {
    "linear regression": Model(
        linear_regression, linear_regression_weights_gradient, (), line, (2, 1), step_size=0.5
    ),
    "logistic regression": Model(
        lambda W, X, Y: logistic(W, 0.0, X, Y),
        lambda W, X, Y: logistic_weights_gradient(W, 0.0, X, Y),
        (0, 1),
        lambda rng, n: clouds(rng, n, 2),
        (3,),
        step_size=1.0,
    ),
    "softmax classifier": Model(
        softmax, softmax_weights_gradient, (0, 1, 2), lambda rng, n: clouds(rng, n, 3), (3, 3), step_size=1.0
    ),
    "siamese network": Model(
        lambda W, X, Y: siamese(W, UNBIASED, X[0], X[1], Y),
        lambda W, X, Y: siamese_weights_gradient(W, UNBIASED, X[0], X[1], Y),
        (1, 0),
        twins,
        (2, 2),
        step_size=0.2,
    ),
}


def infer(model, W, X):
    """argmin over Y of E(W, Y, X): by comparison where the answers can be listed, else downhill from 0."""
    if model.answers:
        return predict(lambda Y: model.energy(W, X, Y), model.answers)
    energy, slope = (lambda Y, f=f: f(W, X, Y) for f in (model.energy, linear_regression_target_gradient))
    return descend(energy, slope, np.zeros(1)).point


def loss(model, W, X, Y):
    """L(W): the mean energy of the right answers."""
    return np.mean([model.energy(W, x, y) for x, y in zip(X, Y, strict=True)])


def loss_gradient(model, W, X, Y):
    """dL/dW."""
    return np.mean([model.weights_gradient(W, x, y) for x, y in zip(X, Y, strict=True)], axis=0)


def learn(model, W, X, Y, steps):
    """argmin over W of L(W), downhill."""
    return gradient_descent(lambda W: loss_gradient(model, W, X, Y), W, model.step_size, steps)


def mistakes(model, W, X, Y):
    """Share of wrong answers; of numbers the root of the mean squared error."""
    answers = np.array([infer(model, W, x) for x in X])
    return np.mean(answers != Y) if model.answers else np.sqrt(np.mean((answers - Y) ** 2))


def runner_up(model, W, X, best):
    """Energy of the second-best answer; where answers are numbers, of the answer 1 away."""
    others = [Y for Y in model.answers if Y != best] or [best + 1.0]
    return min(model.energy(W, X, Y) for Y in others)


def measure(model, rng):
    """All that the table shows of one model, learnt from 40 samples and tried on 100."""
    (X, Y), (X_new, Y_new) = model.data(rng, 40), model.data(rng, 100)
    start = 0.3 * rng.normal(size=model.shape)
    W = learn(model, start, X, Y, 60)
    x, y = X_new[0], Y_new[0]
    best = infer(model, W, x)
    return {
        "loss": (loss(model, start, X, Y), loss(model, W, X, Y)),
        "answers": (y, best),
        "energies": (model.energy(W, x, best), runner_up(model, W, x, best)),
        "mistakes": (mistakes(model, start, X_new, Y_new), mistakes(model, W, X_new, Y_new)),
    }


def table(results):
    """The table of the README."""
    yield "                      learning: L(W)      inference: E(W, Y, X)       mistakes"
    yield "                      before   after     Y    Y*   E(Y*)    next   before  after"
    for name, r in results.items():
        y, best = (f"{np.ravel(Y)[0]:5.3g}" for Y in r["answers"])
        yield (
            f"{name:<20} {r['loss'][0]:7.3f} {r['loss'][1]:7.3f} {y} {best} {r['energies'][0]:7.3f}"
            f" {r['energies'][1]:7.3f} {r['mistakes'][0]:8.2f} {r['mistakes'][1]:6.2f}"
        )


def unnormalised(W, X, Y):
    """-w_Y.X: the softmax classifier's energy without its normaliser."""
    return -np.dot(W[Y], X)


def unnormalised_weights_gradient(W, X, Y):
    """dE/dW: -X in row Y."""
    return -np.outer(np.eye(len(W))[Y], X)


def without_the_normaliser(rng):
    """Two losses of -w_Y.X: mean energy after 0, 60, 120 steps, and how far NLL ends from softmax's W."""
    model = MODELS["softmax classifier"]
    bare = Model(unnormalised, unnormalised_weights_gradient, (0, 1, 2), None, (3, 3), model.step_size)
    X, Y = model.data(rng, 40)
    start = 0.3 * rng.normal(size=model.shape)
    mean_energies = [loss(bare, learn(bare, start, X, Y, steps), X, Y) for steps in (0, 60, 120)]
    slope = lambda W: objective_gradient(
        nll_gradient, unnormalised, unnormalised_weights_gradient, 3, W, X, Y
    )
    by_nll = gradient_descent(slope, start, model.step_size, 60)
    return mean_energies, np.max(np.abs(by_nll - learn(model, start, X, Y, 60)))


def without_the_logarithm(rng):
    """The mean of -softmax(W X)_Y, the mean MEE loss minus 1, and the cross-entropy, at random W."""
    X, Y = clouds(rng, 40, 3)
    W = rng.normal(size=(3, 3))
    tables = [energy_table(unnormalised, 3, W, x) for x in X]
    probabilities = np.mean([density(t)[y] for t, y in zip(tables, Y, strict=True)])
    means = [np.mean([f(t, y) for t, y in zip(tables, Y, strict=True)]) for f in (mee, nll)]
    return -probabilities, means[0] - 1.0, means[1]


def draw(file, seed):
    """The run of the table. Above, energies of the answers to one input, before and after; below, L(W)."""
    axes, save = figure(file, nrows=2, ncols=4, figsize=(11.0, 5.0))
    for (name, model), (above, below) in zip(MODELS.items(), axes.T, strict=True):
        rng = np.random.default_rng(seed)
        (X, Y), (X_new, _) = model.data(rng, 40), model.data(rng, 100)
        walk = [0.3 * rng.normal(size=model.shape)]
        for _ in range(60):
            walk.append(learn(model, walk[-1], X, Y, 1))
        answers = model.answers or tuple(np.linspace(-1.0, 3.0, 81).reshape(-1, 1))
        for W, color, label in ((walk[0], "0.6", "before"), (walk[-1], "C0", "after")):
            energies = [model.energy(W, X_new[0], answer) for answer in answers]
            above.plot(answers, energies, "o:" if model.answers else "-", color=color, label=label)
            best = infer(model, W, X_new[0])
            above.plot(best, model.energy(W, X_new[0], best), "*", ms=12, color=color)
        above.set(title=name, xlabel="Y", xticks=sorted(model.answers) or range(-1, 4))
        losses = [loss(model, W, X, Y) for W in walk]
        below.plot(losses, color="C1")
        below.set(xlabel="steps of W", ylim=(0.0, None), title=f"from {losses[0]:.2f} to {losses[-1]:.2f}")
    axes[0, 0].set_ylabel("E(W, Y, X), star: lowest")
    axes[0, 0].legend()
    axes[1, 0].set_ylabel("L(W)")
    axes[0, 0].figure.suptitle("Inference goes down E(W, Y, X) by Y, with W fixed; learning goes down L(W)")
    save()


def main():
    chosen = options(__doc__)
    seeds = range(chosen.seed, chosen.seed + (1 if chosen.quick else 10))
    runs = [{name: measure(model, np.random.default_rng(s)) for name, model in MODELS.items()} for s in seeds]
    print(*table(runs[0]), sep="\n")
    bare = [without_the_normaliser(np.random.default_rng(seed)) for seed in seeds]
    minus_p, mee_less_one, cross_entropy = without_the_logarithm(np.random.default_rng(chosen.seed))
    print()
    print("L of -w_Y.X after 0, 60 and 120 steps: {:.1f}, {:.1f}, {:.1f}".format(*bare[0][0]))
    print(f"mean of -softmax(W X)_Y: {minus_p:.3f}; cross-entropy: {cross_entropy:.3f}")
    if chosen.figure:
        draw(chosen.figure, chosen.seed)
    left = max(r["loss"][1] / r["loss"][0] for run in runs for r in run.values())
    few = max(r["mistakes"][1] for run in runs for r in run.values())
    steady = [np.diff(means) for means, _ in bare]
    conclude(
        within("learning: every loss falls to, of what it was", left, high=0.5),
        within("inference: mistakes on new data, at most", few, high=0.2),
        (
            "-w_Y.X: the mean energy falls for ever, by as much again each time",
            all(np.isclose(*falls, rtol=1e-9) and falls[0] < 0.0 for falls in steady),
        ),
        within("-w_Y.X: NLL's weights less the softmax classifier's", max(d for _, d in bare), high=1e-9),
        (
            "the mean of -softmax is no cross-entropy, but the MEE loss minus 1",
            abs(minus_p - mee_less_one) < 1e-12 < abs(minus_p - cross_entropy),
        ),
    )


if __name__ == "__main__":
    main()
