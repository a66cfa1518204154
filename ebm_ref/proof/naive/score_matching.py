r"""Naive learning signals: scores, Stein kernels and energies of neighbours, the definitions as printed.

    |s + z/sigma|^2/2             the noise behind a disturbed datum
    k(x, y) = e^{-|x - y|^2/2l^2}    the kernel of a discrepancy

Source: the papers that the pages cite.
"""

from ebm_ref.proof.naive.words import difference, dot, exp, log, power, sqrt


def square(v):
    return dot(v, v)


def denoising(score, noise, sigma):
    """Half the squared distance to -z/sigma, the score of the noise around the datum."""
    return sum((s - (-z / sigma)) ** 2 for s, z in zip(score, noise, strict=True)) / 2


def multiscale(scores, noise, sigmas):
    rows = zip(scores, noise, sigmas, strict=True)
    return sum(sigma**2 * denoising(s, z, sigma) for s, z, sigma in rows) / len(sigmas)


def control(clean_score, noise, sigma):
    return 2 / sigma * dot(noise, clean_score) + square(noise) / sigma**2 - len(noise) / sigma**2


def gaussian_terms(x, y, width):
    """k, dk/dx, dk/dy and sum_i d2k/dx_i dy_i of exp(-|x - y|^2/(2 l^2))."""
    r = difference(x, y)
    k = exp(-square(r) / (2 * width**2))
    by_x = [-k * t / width**2 for t in r]
    return k, by_x, [-t for t in by_x], sum(k / width**2 - k * t * t / power(width, 4) for t in r)


def multiquadric_terms(x, y, width):
    """The same of 1/sqrt(c^2 + |x - y|^2)."""
    r = difference(x, y)
    w = width**2 + square(r)
    k = 1 / sqrt(w)
    by_x = [-k / w * t for t in r]
    return k, by_x, [-t for t in by_x], sum(k / w - 3 * k / w**2 * t * t for t in r)


def stein(terms, points, scores, width, i, j):
    k, by_x, by_y, mixed = terms(points[i], points[j], width)
    return k * dot(scores[i], scores[j]) + dot(scores[i], by_y) + dot(scores[j], by_x) + mixed


def off_diagonal(terms, points, scores, width):
    n = len(points)
    return sum(stein(terms, points, scores, width, i, j) for i in range(n) for j in range(n) if i != j) / (
        n * (n - 1)
    )


def whole(points, scores, width):
    n = len(points)
    return sum(stein(gaussian_terms, points, scores, width, i, j) for i in range(n) for j in range(n)) / n**2


def energy_discrepancy(energy, perturbed_energies, stabiliser):
    M = len(perturbed_energies)
    return log(stabiliser / M + sum(exp(energy - E_m) for E_m in perturbed_energies) / M)


def mean(numbers):
    return sum(numbers) / len(numbers)


NAIVE = {
    "score_matching": lambda score, curvature: square(score) / 2 - curvature,
    "denoising_score_matching": denoising,
    "multiscale_denoising": multiscale,
    "denoising_control": control,
    "sliced_score_matching": lambda score, direction, curvature_along: (
        dot(direction, score) ** 2 / 2 - curvature_along
    ),
    "sliced_score_matching_reduced": lambda score, curvature_along: square(score) / 2 - curvature_along,
    "kernel_stein": lambda points, scores, width: off_diagonal(gaussian_terms, points, scores, width),
    "kernel_stein_v": whole,
    "kernel_stein_multiquadric": lambda points, scores, width: off_diagonal(
        multiquadric_terms, points, scores, width
    ),
    "energy_discrepancy": energy_discrepancy,
    "variational_bound": lambda data_energies, sampler_energies, entropy: (
        mean(data_energies) - mean(sampler_energies) + entropy
    ),
    "recovery_energy": lambda energy, point, noisy, sigma: (
        energy + square(difference(point, noisy)) / (2 * sigma**2)
    ),
    "score_entropy": lambda ratios, target_ratios: sum(
        r - t * log(r) + t * (log(t) - 1) for r, t in zip(ratios, target_ratios, strict=True)
    ),
}
