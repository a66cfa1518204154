#!/usr/bin/env python3
"""Fit a small Ising model by maximum likelihood, with the exact gradient.

Claim   With value and gradient summed over all configurations, L-BFGS finds
        the maximum: all moments agree, the parameters that made the data are
        within 4.5 standard errors, and the likelihood is above theirs, by as
        much as theory says. A fixed step of 1, right for independent spins,
        jumps about for ever, and one that is safe at the minimum is too short.
Source  Ackley, Hinton and Sejnowski (1985), "A Learning Algorithm for
        Boltzmann Machines", for the gradient; Fisher (1922) for the errors;
        Liu and Nocedal (1989) for L-BFGS, which is SciPy's (extra `data`).
Pages   ebm_ref/exact/blocks.py, ebm_ref/energies/boltzmann.py
Time    7 s on one core for 20 spins; 1 s with --quick for 12.

    E(s) = -1/2 s'J s - h's,      s_i in {-1, +1}

    L = (1/n) sum_i E(s^i) + log Z           to be minimised, and convex
    dL/dh_i  = <s_i> - data's mean of s_i
    dL/dJ_ij = <s_i s_j> - data's mean of s_i s_j,     i < j

To do it with data of your own, replace `draw_spins`. A spin that never turns,
or two that always turn together, have no maximum: their parameters run off to
infinity. Leave one out, or add decay |theta|^2 / 2 to L.

The curvature of L is the covariance of all s_i and s_i s_j. Its inverse over n
is the covariance of the estimates. Products of spins are spins of products,
s_i s_j s_j s_k = s_i s_k, so that it is made of the means of products of up to
four spins. A Walsh transform of the 2^n probabilities finds all of those.
"""

import numpy as np
from reproduction import conclude, figure, needed, options

from ebm_ref.energies.boltzmann import ising
from ebm_ref.exact.blocks import log_partition, moments

MOST = 4.5  # standard errors: one of 210 parameters is beyond in one data set of 700


def model_of(theta, n):
    """Couplings (n, n) and fields (n,), from (n + n (n - 1) / 2,) parameters."""
    J = np.zeros((n, n))
    J[np.triu_indices(n, 1)] = theta[n:]
    return J + J.T, theta[:n]


def packed(means, correlations):
    """Fields, or means, and the upper triangle of couplings, or correlations, as one vector."""
    return np.concatenate([means, correlations[np.triu_indices(len(means), 1)]])


def data_moments(spins):
    """Means of all s_i and s_i s_j, i < j, of (count, n) spins."""
    return packed(np.mean(spins, axis=0), spins.T @ spins / len(spins))


def loss(theta, data, n):
    """Mean negative log-likelihood, and its gradient; `data` are the moments of the data."""
    J, h = model_of(theta, n)
    return log_partition(J, h) - theta @ data, packed(*moments(J, h)) - data


def fit(data, n):
    """L-BFGS from independent spins: the parameters, and the losses of all evaluations."""
    from scipy.optimize import minimize

    losses = []

    def followed(theta):
        value, slope = loss(theta, data, n)
        losses.append(value)
        return value, slope

    settings = {"maxiter": 1000, "maxfun": 2000, "ftol": 1e-15, "gtol": 1e-8, "maxcor": 30}
    found = minimize(followed, np.zeros(len(data)), jac=True, method="L-BFGS-B", options=settings)
    return found.x, np.array(losses)


def descend(data, n, step, count):
    """The losses of `count` evaluations of gradient descent by a fixed step, from the same start."""
    theta, losses = np.zeros(len(data)), []
    for _ in range(count):
        value, slope = loss(theta, data, n)
        losses.append(value)
        theta = theta - step * slope
    return np.array(losses)


def probabilities(theta, n):
    """(2^n,) of all configurations: spin i is up where bit i of the index is 1."""
    J, h = model_of(theta, n)
    exponents = np.zeros(1)
    for i in range(n):
        field = h[i : i + 1]
        for j in range(i):
            field = np.concatenate([field - J[i, j], field + J[i, j]])
        exponents = np.concatenate([exponents - field, exponents + field])
    weights = np.exp(exponents - np.max(exponents))
    return weights / np.sum(weights)


def means_of_products(p):
    """(2^n,) means of the products of spins, of those whose bit of the index is 1: a Walsh transform."""
    n = len(p).bit_length() - 1
    for i in range(n):
        down, up = np.moveaxis(p.reshape(-1, 2, 2**i), 1, 0)
        p = np.stack([up + down, up - down], axis=1)
    return p.ravel()


def information(theta, n):
    """Fisher's: the covariance of all s_i and s_i s_j, and their means, by another route than `moments`."""
    i, j = np.triu_indices(n, 1)
    masks = np.concatenate([2 ** np.arange(n), 2**i + 2**j])
    products = means_of_products(probabilities(theta, n))
    means = products[masks]
    return products[masks[:, None] ^ masks] - np.outer(means, means), means


def truth(rng, n):
    """Fields, and couplings of both signs, on the whole attractive: every spin feels all others."""
    return np.concatenate([rng.normal(0.0, 0.2, n), rng.normal(0.5 / n, 0.5 / np.sqrt(n), n * (n - 1) // 2)])


def draw_spins(rng, theta, n, count):
    """(count, n) independent exact draws."""
    drawn = rng.choice(2**n, size=count, p=probabilities(theta, n))
    return 2.0 * (drawn[:, None] >> np.arange(n) & 1) - 1.0


def draw(file, n, known, found, errors, curves):
    """How far each method is above the minimum; and what was found against what was known."""
    axes, save = figure(file, ncols=2, figsize=(9.5, 4.0))
    lowest = curves["L-BFGS"].min()
    for name, losses in curves.items():
        axes[0].semilogy(np.maximum(losses - lowest, 1e-15), label=name)
    axes[0].set(
        xlabel="evaluations of loss and gradient", ylabel="loss above the minimum", ylim=(1e-13, None)
    )
    axes[0].legend(fontsize=8)
    for name, part, colour in (("couplings", slice(n, None), "C0"), ("fields", slice(n), "C3")):
        style = {"fmt": ".", "color": colour, "elinewidth": 0.7, "label": name}
        axes[1].errorbar(known[part], found[part], errors[part], **style)
    axes[1].axline((0.0, 0.0), slope=1.0, color="0.5", lw=0.8)
    axes[1].set(xlabel="parameter that made the data", ylabel="estimate, and its standard error")
    axes[1].legend()
    save()


def main():
    chosen = options(__doc__)
    needed("scipy", "SciPy")
    rng = np.random.default_rng(chosen.seed)
    n, count = (12, 5_000) if chosen.quick else (20, 20_000)
    known = truth(rng, n)
    spins = draw_spins(rng, known, n, count)
    data = data_moments(spins)

    found, losses = fit(data, n)
    curvature, means = information(found, n)
    stiffness = np.linalg.eigvalsh(curvature)
    errors = np.sqrt(np.diag(np.linalg.inv(curvature)) / count)
    curves = {
        "step 1": descend(data, n, 1.0, len(losses)),
        f"step 1/{stiffness[-1]:.1f}": descend(data, n, 1.0 / stiffness[-1], len(losses)),
        "L-BFGS": losses,
    }
    print(f"{n} spins, {len(known)} parameters, {count} configurations")
    print(f"curvature 1 at the start, {stiffness[0]:.2f} to {stiffness[-1]:.2f} at the minimum\n")
    print(f"{len(losses)} evaluations each    loss at first     at last   above the minimum")
    for name, curve in curves.items():
        print(f"{name:20} {curve[0]:16.6f} {curve[-1]:11.6f} {curve[-1] - losses.min():19.1e}")

    slope = np.max(np.abs(means - data))
    off = (found - known) / errors
    rise = 2.0 * count * (loss(known, data, n)[0] - loss(found, data, n)[0])
    spread = np.sqrt(2.0 * len(known))
    J, h = model_of(found, n)
    by_hand = np.mean([ising(J, h, s) for s in spins[:500]]) + log_partition(J, h)
    by_moments = log_partition(J, h) - found @ data_moments(spins[:500])
    print(f"\nestimates are off by {np.sqrt(np.mean(off**2)):.2f} standard errors (r.m.s.),", end=" ")
    print(f"by {np.max(np.abs(off)):.2f} at most")
    if chosen.figure:
        draw(chosen.figure, n, known, found, errors, curves)
    fixed, safe, _ = curves.values()
    late = fixed[len(fixed) // 2 :] - losses.min()
    conclude(
        (f"all moments agree with the data's, to {slope:.0e}, by the Walsh transform", slope < 1e-6),
        (
            "the loss by moments is the mean energy of the page, plus log Z",
            abs(by_hand - by_moments) < 1e-11 * (1.0 + abs(by_hand)),
        ),
        (f"all parameters are within {MOST} standard errors", np.max(np.abs(off)) < MOST),
        (
            f"2 n (rise of log likelihood above the truth's) = {rise:.0f} for {len(known)} parameters",
            rise > 0.0 and abs(rise - len(known)) < MOST * spread,
        ),
        (
            f"a step of 1, above 2/{stiffness[-1]:.1f}, stays 10 times as high as the safe one",
            stiffness[-1] > 2.0 and np.min(late) > 10.0 * (safe[-1] - losses.min()),
        ),
        (
            "the safe step goes down all the way, and is not there yet",
            np.all(np.diff(safe) < 0.0) and safe[-1] > losses.min() + 1e-6,
        ),
    )


if __name__ == "__main__":
    main()
