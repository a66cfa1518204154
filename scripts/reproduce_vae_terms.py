#!/usr/bin/env python3
"""A VAE: the price of a cloud, the bound that it makes, and what beta is worth.

Claim   (v - log v - 1 + mu^2) / 2 is the divergence of N(mu, v) from N(0, 1):
        a well with its bottom at v = 1, mu = 0. With it the loss is, in the
        mean over the noise, an upper bound of -log p(x), and touches it where
        the cloud is the posterior. Without the price the best variance is 0.
        An energy learned at another temperature orders answers as well but
        does not say how sure it is; one number, fitted to held-out data,
        repairs that.
Source  NYU DLSP20, week 8-3 (the well); Kingma and Welling (2014), Section 2
        and Appendix B; Guo et al. (2017).
Data    Drawn from a Generator.
Time    3 s on one core; 2 s with --quick (fewer draws).
"""

import numpy as np
from reproduction import conclude, figure, near, options, within

from ebm_ref.energies.quadratic import quadratic
from ebm_ref.energies.vae import vae
from ebm_ref.energies.vae_divergence import vae_divergence, vae_divergence_log_variance_gradient
from ebm_ref.inference.calibration import calibrate, reliability
from ebm_ref.inference.uses import density

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)  # for means over N(0, 1)
WEIGHTS = WEIGHTS / np.sum(WEIGHTS)
VARIANCES = np.geomspace(0.02, 8.0, 201)


def divergence_by_quadrature(mu, v):
    """The mean of log N(z; mu, v) - log N(z; 0, 1) over z of N(mu, v)."""
    z = mu + np.sqrt(v) * NODES
    return WEIGHTS @ (0.5 * z**2 - 0.5 * NODES**2 - 0.5 * np.log(v))


def mean_loss(x, mu, v, W, beta=1.0):
    """The loss of one code of one entry, its mean over the noise."""
    losses = [vae(x, np.array([mu]), np.array([np.log(v)]), np.array([e]), W, beta) for e in NODES]
    return WEIGHTS @ np.array(losses)


def posterior(x, W):
    """Mean and variance of z given x, for x ~ N(W z, I) and z ~ N(0, 1)."""
    v = 1.0 / (1.0 + W[:, 0] @ W[:, 0])
    return v * W[:, 0] @ x, v


def surprise(x, W):
    """-log p(x) less log(2 pi)/2 an entry: x is normal with covariance W W' + I."""
    covariance = W @ W.T + np.eye(len(x))
    return 0.5 * x @ np.linalg.solve(covariance, x) + 0.5 * np.log(np.linalg.det(covariance))


def best_variance(x, mu, W, beta):
    """The variance of the lowest mean loss, of a list down to 1e-8."""
    tried = np.geomspace(1e-8, 1.0, 60)
    return tried[np.argmin([mean_loss(x, mu, v, W, beta) for v in tried])]


def answers(rng, count, scale):
    """Energies of 4 answers, `scale` times too flat, and answers drawn from those that are right."""
    right = 2.0 * rng.normal(size=(count, 4))
    labels = np.array([rng.choice(4, p=density(E)) for E in right])
    return right / scale, labels


def honesty(tables, labels, beta):
    """The reliability of the answers of lowest energy, at one inverse temperature."""
    p = np.array([density(E, beta=beta) for E in tables])
    return reliability(np.max(p, axis=1), np.argmax(p, axis=1) == labels, bins=10)


def draw(file, well, curve, diagrams):
    axes, save = figure(file, ncols=3, figsize=(13.0, 4.0))
    axes[0].plot(VARIANCES, well)
    axes[0].plot([1.0], [0.0], "o", color="black")
    axes[0].set(xscale="log", xlabel="variance v of the code", ylabel="price D, at mu = 0, in nats")
    axes[0].set_title("the price has its bottom at v = 1")
    v, losses, bound, best = curve
    axes[1].plot(v, losses, label="mean loss at the posterior mean")
    axes[1].axhline(bound, color="0.5", ls="--", label="-log p(x)")
    axes[1].plot([best], [bound], "o", color="black", ls="none", label="variance of the posterior")
    axes[1].set(xscale="log", xlabel="variance v of the code", ylabel="mean loss, in nats")
    axes[1].set_title("the loss is a bound, and touches")
    axes[1].legend()
    for (label, d), marker in zip(diagrams.items(), "os", strict=True):
        some = d.counts > 5
        axes[2].plot(d.confidence[some], d.accuracy[some], marker, ls="-", label=label)
    axes[2].axline((0.3, 0.3), slope=1.0, color="0.5", lw=0.8, ls="-")
    axes[2].set(xlabel="probability of the answer given", ylabel="share of such answers right")
    axes[2].set_title("one fitted number makes it honest")
    axes[2].legend()
    save()


def main():
    chosen = options(__doc__)
    rng = np.random.default_rng(chosen.seed)
    zero = np.zeros(1)
    well = np.array([vae_divergence(zero, np.array([np.log(v)])) for v in VARIANCES])
    clouds = [(rng.normal(), np.exp(rng.normal())) for _ in range(20)]
    off = max(
        abs(divergence_by_quadrature(mu, v) - vae_divergence(np.array([mu]), np.array([np.log(v)])))
        for mu, v in clouds
    )
    W, x = np.array([[1.5], [-0.5], [1.0]]), rng.normal(size=3)
    mu, v = posterior(x, W)
    bound = surprise(x, W)
    excess = np.array([mean_loss(x, mu + m, v * w, W) - bound for m, w in clouds])
    gap = max(abs(e - gap_of_posterior(m, v, w)) for e, (m, w) in zip(excess, clouds, strict=True))
    scale = 3.0
    held_out, labels = answers(rng, 1000 if chosen.quick else 5000, scale)
    found = calibrate(held_out, labels)
    new, fresh = answers(rng, 1000 if chosen.quick else 5000, scale)
    diagrams = {f"beta = {b:.2f}": honesty(new, fresh, b) for b in (1.0, found.beta)}
    raw, fitted = (d.expected_calibration_error for d in diagrams.values())
    free, priced = (best_variance(x, mu, W, beta) for beta in (0.0, 1.0))
    print(f"price of a cloud: {well.min():.2e} at v = {VARIANCES[np.argmin(well)]:.3f}")
    print(f"-log p(x) = {bound:.6f}; mean loss with the posterior {mean_loss(x, mu, v, W):.6f}")
    print(f"best variance {priced:.3f}, without the price {free:.0e}, the posterior's {v:.3f}")
    print(f"fitted beta {found.beta:.3f}; calibration error {raw:.3f}, then {fitted:.3f}")
    if chosen.figure:
        few = np.geomspace(0.02, 8.0, 60)
        draw(chosen.figure, well, (few, [mean_loss(x, mu, t, W) for t in few], bound, v), diagrams)
    conclude(
        within("price: as the divergence by quadrature, off by", off, high=1e-12),
        near("price at v = 1, mu = 0", vae_divergence(zero, zero), 0.0),
        near("its slope by log v there", vae_divergence_log_variance_gradient(zero, zero)[0], 0.0),
        within("and nowhere less", well.min(), low=0.0),
        within("mean loss above -log p(x), the least of 20 clouds", excess.min(), low=0.0),
        within("it touches at the posterior: off by", abs(mean_loss(x, mu, v, W) - bound), high=1e-12),
        within("elsewhere by the divergence from it: off by", gap, high=1e-11),
        near("best variance without the price", free, 1e-8, 1e-12),
        within("with it, that of the posterior, times", priced / v, 0.8, 1.25),
        within("fitted beta, energies 3 times too flat", found.beta, 0.85 * scale, 1.15 * scale),
        within("calibration error before", raw, low=0.1),
        within("after, of that before", fitted / raw, high=0.33),
    )


def gap_of_posterior(shift, v, ratio):
    """KL(N(mu + shift, ratio v) | N(mu, v)): half of ratio - log ratio - 1 + shift^2 / v."""
    center, precision = np.array([shift]), np.array([[1.0 / v]])
    return quadratic(zero_point(), center, precision) + vae_divergence(
        zero_point(), np.array([np.log(ratio)])
    )


def zero_point():
    """The origin of the line."""
    return np.zeros(1)


if __name__ == "__main__":
    main()
