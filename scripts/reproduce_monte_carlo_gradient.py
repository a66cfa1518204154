#!/usr/bin/env python3
"""The gradient of the NLL by sampling: a right way, and that of the slides.

Claim   dL/dW = dE(Y)/dW - mean of dE(y_k)/dW over answers y_k drawn by
        Metropolis-Hastings from P(y|X); the error falls as 1/sqrt(n). The
        slides put the sample into log Z instead, L = E(Y) + (1/beta) log sum_k
        e^(-beta E(y_k)).
Source  "The introduction of energy-based model", slides, last formula; LeCun
        et al. (2006), Section 2.2.
Time    4 s on one core; 2 s with --quick (fewer and shorter chains).

With 50 answers everything can also be summed, so each estimate is held against
the truth.

The slides' formula weighs the sample twice. y_k ~ P already has the weights
e^(-beta E); summing e^(-beta E) over them gives n Z(2 beta)/Z(beta), which is
no estimate of Z(beta), and its gradient, the samples held fixed, is the
average of dE/dW at inverse temperature 2 beta. More samples make it no better.

How large the error is can be told beforehand: the variance of a mean over n
draws of a chain with matrix P is 1/n times the sum over |t| < n of
(1 - |t|/n) <f, P^|t| f>, weighed by the law; in the eigenvectors of P these
are geometric sums.
"""

import numpy as np
from reproduction import conclude, figure, near, options, within

ANSWERS, FEATURES, BETA = 50, 3, 1.0


def problem(rng):
    """E(y) = -w.phi_y for 50 answers: (50, 3) features, w, and the correct answer."""
    phi = rng.normal(size=(ANSWERS, FEATURES))
    return phi, 0.8 * rng.normal(size=FEATURES), int(rng.integers(ANSWERS))


def gibbs(energies, beta):
    """P(y) = e^(-beta E_y) / Z."""
    weights = np.exp(-beta * (energies - energies.min()))
    return weights / weights.sum()


def chains(energies, beta, many, steps, rng):
    """(steps, many) answers: independent chains, proposing any answer, started from exact draws."""
    y = rng.choice(ANSWERS, size=many, p=gibbs(energies, beta))
    visited = np.empty((steps, many), np.int8)
    for t in range(steps):
        new = rng.integers(ANSWERS, size=many)
        accepted = rng.standard_exponential(many) > beta * (energies[new] - energies[y])
        y = np.where(accepted, new, y)
        visited[t] = y
    return visited


def predicted_rms(energies, beta, f, sizes):
    """sqrt(n) times the root mean square error of a mean over one chain, for each n, all columns together."""
    p = gibbs(energies, beta)
    P = np.minimum(1.0, np.exp(-beta * (energies[None, :] - energies[:, None]))) / ANSWERS
    P[np.diag_indices(ANSWERS)] += 1.0 - P.sum(1)
    root = np.sqrt(p)
    L, V = np.linalg.eigh(root[:, None] * P / root)  # symmetric, since P is reversible
    shares = np.sum((V.T @ (root[:, None] * (f - p @ f))) ** 2, axis=1)[:-1]  # the last is the law itself
    n, L = np.array(sizes)[:, None], L[:-1]
    return np.sqrt(((1 + L) / (1 - L) - 2 * L * (1 - L**n) / (n * (1 - L) ** 2)) @ shares)


def doubled(visited, energies, beta, slopes):
    """The gradient of (1/beta) log sum_k e^(-beta E(y_k)), samples held fixed, with the sign of L's."""
    E = energies[visited]
    weights = np.exp(-beta * (E - E.min()))
    return np.einsum("tm,tmf->mf", weights / weights.sum(0), slopes[visited])


def errors(visited, sizes, estimate, truth):
    """Root mean square error over the chains, for the first n draws of each."""
    return [float(np.sqrt(np.mean(np.sum((estimate(visited[:n]) - truth) ** 2, axis=1)))) for n in sizes]


def draw(file, sizes, right, wrong, predicted, limit):
    """Errors against n, with what they are predicted to be."""
    axes, save = figure(file, figsize=(6.2, 4.2))
    axes.loglog(sizes, right, "o", label="mean of dE/dW over the sample")
    axes.loglog(sizes, predicted / np.sqrt(sizes), "k-", lw=1.0, label="predicted, 1/sqrt(n)")
    axes.loglog(sizes, wrong, "s", color="C1", label="the slides' log of a sum")
    axes.axhline(limit, color="C1", lw=1.0, ls="--", label="gradient at 2 beta, less the truth")
    axes.set(xlabel="draws n", ylabel="root mean square error of dL/dW")
    axes.set_title("the mean becomes right as 1/sqrt(n), the slides' formula never")
    axes.legend(fontsize=8)
    save()


def main():
    chosen = options(__doc__)
    rng = np.random.default_rng(chosen.seed)
    phi, w, correct = problem(rng)
    energies, slopes = -phi @ w, -phi
    truth = slopes[correct] - gibbs(energies, BETA) @ slopes
    at_double = slopes[correct] - gibbs(energies, 2.0 * BETA) @ slopes
    many, sizes = (400, [100, 300, 1000]) if chosen.quick else (600, [100, 300, 1000, 3000, 10_000])
    visited = chains(energies, BETA, many, sizes[-1], rng)
    right = errors(visited, sizes, lambda v: slopes[correct] - slopes[v].mean(axis=0), truth)
    wrong = errors(visited, sizes, lambda v: slopes[correct] - doubled(v, energies, BETA, slopes), truth)
    predicted, limit = predicted_rms(energies, BETA, slopes, sizes), float(np.linalg.norm(at_double - truth))

    print(f"exact gradient      {np.round(truth, 4)}")
    print(f"gradient at 2 beta  {np.round(at_double, 4)}, off by {limit:.4f}\n")
    print("draws n          rms error   times sqrt(n)   the slides' formula")
    for n, a, b in zip(sizes, right, wrong, strict=True):
        print(f"{n:7d} {a:18.5f} {a * np.sqrt(n):15.4f} {b:21.5f}")
    print(f"predicted, last {predicted[-1]:26.4f} {limit:21.5f}")

    weights = np.exp(-BETA * energies)
    ratio = np.sum(weights**2) / np.sum(weights)  # Z(2 beta) / Z(beta)
    sampled = weights[visited].mean()
    print(f"\nmean of e^(-beta E(y_k)): {sampled:.4f}; Z(2 beta)/Z(beta) = {ratio:.4f},")
    print(f"Z(beta)/50 = {weights.mean():.4f}, which it would have to be")
    if chosen.figure:
        draw(chosen.figure, np.array(sizes), right, wrong, predicted, limit)
    products = np.array(right) * np.sqrt(sizes)
    spread = 4.0 / np.sqrt(2.0 * many)  # four standard errors of a root mean square
    off_theory = np.max(np.abs(products / predicted - 1.0))
    conclude(
        within("rms error times sqrt(n), largest over least", products.max() / products.min(), high=1.2),
        within("and less the chain's matrix's, of it", off_theory, high=spread),
        within("the slides' gradient stays wrong by, of the limit", wrong[-1] / limit, low=0.7),
        near("which is the gradient at 2 beta's", wrong[-1] / limit, 1.0, 0.15),
        near("its sum, of Z(2 beta)/Z(beta)", sampled / ratio, 1.0, 0.02),
    )


if __name__ == "__main__":
    main()
