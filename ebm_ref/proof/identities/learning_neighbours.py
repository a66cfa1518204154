r"""Identities of samples and neighbours: Stein and energy discrepancies, bounds, discrete states.

    E[f] = sum_i w_i f(x_i)

Expectations are sums without any chance, as in learning_scores.py.

Source: named with each identity; the closed forms for Gaussians are derived here.
"""

import itertools

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.laws import UNIT
from ebm_ref.proof.identities.learning_scores import expected, normal, off, precision, steps
from ebm_ref.proof.identities.measure import allowance, value

# --- Stein discrepancies ---


def stein_of_a_moved_normal(rng):
    """N(mu, v) seen by N(0, I): E[kernel_stein] = (|mu|^2 + 2 (1-v)^2/(l^2+2v))/(1 + 2v/l^2), 0 iff equal."""
    mu, v = rng.choice([0.0, 1.0]) * rng.normal(size=2), rng.choice([1.0, rng.uniform(0.3, 3.0)])
    l = rng.uniform(0.5, 3.0)
    tau = 1.0 / (1.0 / (2.0 * v) + 1.0 / l**2)  # the kernel times the law of x - x' is a normal again
    (nodes, w), left, allowed = normal(3, 2), 0.0, 0.0
    for (a, wa), (b, wb) in itertools.product(zip(nodes, w, strict=True), repeat=2):
        m, r = mu + np.sqrt(v / 2.0) * a, np.sqrt(tau) * b
        points = np.array([m + r / 2.0, m - r / 2.0])
        pair, k = {"points": points, "scores": -points, "width": l}, np.exp(-(r @ r) / (2.0 * l**2))
        left += wa * wb * value("kernel_stein", pair) / k
        allowed += wa * wb * allowance(("kernel_stein", pair)) / k
    return off(left, mu @ mu + 2.0 * (1.0 - v) ** 2 / (l**2 + 2.0 * v), 4.0 * allowed)


def stein_v_is_stein_u_and_the_diagonal(rng):
    """n^2 kernel_stein_v = n(n-1) kernel_stein + sum_i (|s_i|^2 + d/l^2)."""
    inputs = FORMULAS["kernel_stein"].sample(rng)
    n, d = inputs["points"].shape
    diagonal = np.sum(inputs["scores"] ** 2) + n * d / inputs["width"] ** 2
    right = (n * (n - 1.0) * value("kernel_stein", inputs) + diagonal) / n**2
    allowed = allowance(("kernel_stein", inputs), ("kernel_stein_v", inputs)) + 16 * UNIT * diagonal
    return off(value("kernel_stein_v", inputs), right, allowed)


def multiquadric_of_a_moved_normal(rng):
    """N(mu, 1) seen by N(0, 1): E[kernel_stein_multiquadric] = mu^2 E[k], 0 iff equal."""
    mu, c = rng.choice([0.0, rng.normal()]), rng.uniform(1.3, 2.0)
    (a, wa), (b, wb) = normal(3, 1), steps(9.0, 0.15)
    left, size = 0.0, 0.0
    for m, w in zip(mu + np.sqrt(0.5) * a[:, 0], wa, strict=True):
        for r, v in zip(
            np.sqrt(2.0) * b[b >= 0.0], np.where(b[b >= 0.0] > 0.0, 2.0, 1.0) * wb[b >= 0.0], strict=True
        ):
            points = np.array([[m + r / 2.0], [m - r / 2.0]])
            left += (
                w * v * value("kernel_stein_multiquadric", {"points": points, "scores": -points, "width": c})
            )
            size += w * v * (m**2 + r**2 + 4.0)
    right = mu**2 * np.sum(wb / np.sqrt(c**2 + 2.0 * b**2))
    return off(left, right, 64 * UNIT * size)


# --- energies of neighbours, samplers, discrete states ---


def mean_discrepancy(p, v, t):
    """E[L], its slope by p, and roundings of both: E = p x^2/2, data N(0, v), noise t, very many neighbours.

    The sum over neighbours is a quadrature: energies less log(M w_m) carry the weights w_m.
    """
    (nodes, weights), (omega, _) = normal(3, 2), steps(10.0, 0.5)
    L, slope, allowed, sizes = 0.0, 0.0, 0.0, 0.0
    f = FORMULAS["energy_discrepancy"]
    for (x, z), w in zip(nodes * np.sqrt([v, t]), weights, strict=True):
        y, wide = x + z, np.sqrt(1.0 + p * t)
        zeta = omega / wide - p * np.sqrt(t) * (y / wide**2)  # steps where the integrand is
        moved = y + np.sqrt(t) * zeta
        log_weights = -(zeta**2) / 2.0 + np.log(0.5 / np.sqrt(2.0 * np.pi) / wide)
        row = {
            "energy": p * x**2 / 2.0,
            "perturbed_energies": p * moved**2 / 2.0 - log_weights - np.log(len(omega)),
            "stabiliser": 0.0,
        }
        by, by_m = f.gradients["energy"](**row), f.gradients["perturbed_energies"](**row)
        terms = np.append(by * x**2 / 2.0, by_m * moved**2 / 2.0)
        L, slope = L + w * f.value(**row), slope + w * np.sum(terms)
        allowed += w * allowance(("energy_discrepancy", row))
        sizes += 16 * UNIT * w * np.sum(np.abs(terms)) * (8.0 + p * (x**2 + y**2))
    return L, slope, allowed, sizes


def exact_discrepancy(p, v, t):
    """E[E(x)] - E[E_t(y)] in closed form."""
    return p * v / 2.0 - p * (v + t) / (2.0 * (1.0 + p * t)) - np.log1p(p * t) / 2.0


def random_discrepancy(rng, low, high):
    return rng.uniform(0.5, 2.0), rng.uniform(0.5, 2.0), np.exp(rng.uniform(np.log(low), np.log(high)))


def discrepancy_of_a_gaussian(rng):
    """E[energy_discrepancy] = pv/2 - p(v+t)/(2(1+pt)) - log(1+pt)/2 for E = p x^2/2 and data N(0, v)."""
    p, v, t = random_discrepancy(rng, 0.01, 100.0)
    L, _, allowed, _ = mean_discrepancy(p, v, t)
    return off(L, exact_discrepancy(p, v, t), allowed + 64 * UNIT * (p * v + 1.0 + np.log1p(p * t)))


def discrepancy_fits_the_variance(rng):
    """The slope of E[energy_discrepancy] by p is (pv - 1)(2 + pt) t/(2(1+pt)^2): 0 at p = 1/v for every t."""
    p, v, t = random_discrepancy(rng, 0.01, 100.0)
    _, slope, _, sizes = mean_discrepancy(p, v, t)
    truth = (p * v - 1.0) * (2.0 + p * t) * t / (2.0 * (1.0 + p * t) ** 2)
    return off(slope, truth, sizes + 16 * UNIT * abs(truth))


def discrepancy_of_small_noise_is_score_matching(rng):
    """E[energy_discrepancy]/t = E[score_matching] + (3p^2/4 - p^3 v/2) t + O(t^2) as t -> 0."""
    p, v, t = random_discrepancy(rng, 1e-4, 1e-2)
    L, _, allowed, _ = mean_discrepancy(p, v, t)
    x, w = normal(3, 1)
    rows = [{"score": -p * np.sqrt(v) * y, "curvature": p} for y in x]
    matching, more = expected("score_matching", w, rows)
    right = t * matching + t**2 * (0.75 * p**2 - 0.5 * p**3 * v)
    return off(L, right, allowed + t * more + t**3 * (p**3 + p**4 * v))


def discrepancy_of_large_noise_is_likelihood(rng):
    """E[energy_discrepancy] + log(2 pi e t)/2 = E[gaussian_nll] + O(1/t) as t -> infinity."""
    p, v, t = random_discrepancy(rng, 1e4, 1e8)
    L, _, allowed, _ = mean_discrepancy(p, v, t)
    x, w = normal(3, 1)
    rows = [{"mean": 0.0, "variance": 1.0 / p, "target": np.sqrt(v) * y[0]} for y in x]
    likelihood, more = expected("gaussian_nll", w, rows)
    left = L + (np.log(2.0 * np.pi * t) + 1.0) / 2.0
    return off(left, likelihood, allowed + more + (1.0 + p * v) / (p * t))


def the_bound_lacks_the_divergence(rng):
    """mean nll - variational_bound = KL(q|p) for a sampler q of four states, with its exact entropy."""
    E, labels = 2.0 * rng.normal(size=4), rng.integers(4, size=5)
    drawn = np.append(np.arange(4), rng.integers(4, size=3))
    q = np.bincount(drawn, minlength=4) / len(drawn)
    bound = {"data_energies": E[labels], "sampler_energies": E[drawn], "entropy": -np.sum(q * np.log(q))}
    nll, allowed = expected(
        "nll", np.full(5, 0.2), [{"energies": E, "label": int(y), "beta": 1.0} for y in labels]
    )
    gap = {"log_q": -E - np.log(np.sum(np.exp(-E))), "p": q}
    allowed += allowance(("variational_bound", bound), ("kl_divergence", gap)) + 64 * UNIT * np.max(np.abs(E))
    return off(nll - value("variational_bound", bound), value("kl_divergence", gap), allowed)


def recovery_of_a_gaussian(rng):
    """recovery_energy of E = x'Ax/2 is the Gaussian of precision A + I/sigma^2, and a constant."""
    A, x, y, sigma = precision(rng, 2), rng.normal(size=2), rng.normal(size=2), rng.uniform(0.3, 3.0)
    P = A + np.eye(2) / sigma**2
    center = np.linalg.solve(P, y / sigma**2)
    prior = {"point": x, "center": np.zeros(2), "precision": A}
    given = {"energy": value("quadratic", prior), "point": x, "noisy": y, "sigma": sigma}
    posterior = {"point": x, "center": center, "precision": P}
    constant = y @ (y - center) / (2.0 * sigma**2)
    allowed = allowance(("quadratic", prior), ("recovery_energy", given), ("quadratic", posterior))
    allowed += 64 * UNIT * np.linalg.cond(P) * (y @ y + center @ center + 1.0) / sigma**2
    return off(value("recovery_energy", given), value("quadratic", posterior) + constant, allowed)


def score_entropy_is_poisson(rng):
    """score_entropy(r, t) = sum of poisson_nll(log r, t) - poisson_nll(log t, t)."""
    inputs = FORMULAS["score_entropy"].sample(rng)
    right, allowed = 0.0, allowance(("score_entropy", inputs))
    for r, t in zip(*inputs.values(), strict=True):
        pair = [{"log_rate": np.log(a), "target": t} for a in (r, t)]
        right += value("poisson_nll", pair[0]) - value("poisson_nll", pair[1])
        allowed += allowance(*(("poisson_nll", one) for one in pair))
    return off(value("score_entropy", inputs), right, allowed)


def score_entropy_learns_the_mean(rng):
    """E_t[score_entropy(r, t)] = score_entropy(r, E[t]) + constant: the best r is the mean of the targets."""
    targets, w, r = np.exp(rng.normal(size=(3, 2))), rng.dirichlet(np.ones(3)), np.exp(rng.normal(size=2))
    left, allowed = expected("score_entropy", w, [{"ratios": r, "target_ratios": t} for t in targets])
    mean = {"ratios": r, "target_ratios": w @ targets}
    constant = np.sum(w @ (targets * np.log(targets)) - (w @ targets) * np.log(w @ targets))
    allowed += allowance(("score_entropy", mean)) + 64 * UNIT * np.sum(
        w @ (targets * np.abs(np.log(targets)))
    )
    return off(left, value("score_entropy", mean) + constant, allowed)


# claim holder: the formulas it links
IDENTITIES = {
    stein_of_a_moved_normal: ("kernel_stein",),
    stein_v_is_stein_u_and_the_diagonal: ("kernel_stein", "kernel_stein_v"),
    multiquadric_of_a_moved_normal: ("kernel_stein_multiquadric",),
    discrepancy_of_a_gaussian: ("energy_discrepancy",),
    discrepancy_fits_the_variance: ("energy_discrepancy",),
    discrepancy_of_small_noise_is_score_matching: ("energy_discrepancy", "score_matching"),
    discrepancy_of_large_noise_is_likelihood: ("energy_discrepancy", "gaussian_nll"),
    the_bound_lacks_the_divergence: ("variational_bound", "nll", "kl_divergence"),
    recovery_of_a_gaussian: ("recovery_energy", "quadratic"),
    score_entropy_is_poisson: ("score_entropy", "poisson_nll"),
    score_entropy_learns_the_mean: ("score_entropy",),
}
