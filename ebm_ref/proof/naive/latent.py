r"""Naive energies with latent variables: minima and sums over them; densities of points.

    E(y) = min_z E(y, z)
    F(y) = -log sum_z e^{-E(y, z)}

Source: the papers that the pages cite.
"""

from ebm_ref.proof.naive.words import (
    absolute,
    besseli,
    cos,
    difference,
    dot,
    exp,
    log,
    lowest,
    pi,
    power,
    sin,
    sqrt,
    tanh,
)


def square(d):
    return sum(x * x for x in d)


def columns(matrix):
    return [list(column) for column in zip(*matrix, strict=True)]


def latent_detector(weights, windows, threshold, position, face):
    return face * dot(weights, windows[position]) + (1 - face) * threshold


def latent_detector_free_energy(weights, windows, threshold, face):
    energies = [latent_detector(weights, windows, threshold, z, face) for z in range(len(windows))]
    return energies[lowest(energies)]


def k_means(centers, point):
    energies = [square(difference(point, w)) for w in centers]
    return energies[lowest(energies)]


def pca(basis, point):
    z = [dot(column, point) for column in columns(basis)]
    return square(difference(point, [dot(row, z) for row in basis]))


def sparse_coding(dictionary, observation, code, sparsity):
    error = difference(observation, [dot(row, code) for row in dictionary])
    return square(error) + sparsity * sum(absolute(z) for z in code)


def regularised_latent(predictor, decoder, features, answer, code, sparsity):
    left = difference(answer, [dot(row, features) for row in predictor])
    return sparse_coding(decoder, left, code, sparsity)


def vae_divergence(mean, log_variance, beta):
    return beta * sum(exp(t) - t - 1 + m**2 for m, t in zip(mean, log_variance, strict=True)) / 2


def vae(observation, mean, log_variance, noise, decoder, beta):
    z = [m + e * exp(t / 2) for m, t, e in zip(mean, log_variance, noise, strict=True)]
    error = difference(observation, [dot(row, z) for row in decoder])
    return square(error) / 2 + vae_divergence(mean, log_variance, beta)


def ellipse(axes, point, angle):
    return (point[0] - axes[0] * cos(angle)) ** 2 + (point[1] - axes[1] * sin(angle)) ** 2


def ellipse_free_energy_at_origin(axes, beta):
    a, b = axes[0] ** 2, axes[1] ** 2
    return (a + b) / 2 - log(besseli(0, beta * (a - b) / 2)) / beta


def determinant(matrix):
    if not matrix:
        return 1
    minors = ([row[:j] + row[j + 1 :] for row in matrix[1:]] for j in range(len(matrix)))
    return sum((-1) ** j * x * determinant(m) for j, (x, m) in enumerate(zip(matrix[0], minors, strict=True)))


def joint_density(point, means, covariances, weights, component):
    d, S = difference(point, means[component]), covariances[component]
    bordered = [[*row, x] for row, x in zip(S, d, strict=True)] + [[*d, 0]]
    quadratic = -determinant(bordered) / determinant(S)
    return weights[component] * exp(-quadratic / 2) / sqrt((2 * pi()) ** len(d) * determinant(S))


def gaussian_mixture_energy(point, means, covariances, weights, component):
    return -log(joint_density(point, means, covariances, weights, component))


def gaussian_mixture(point, means, covariances, weights):
    return -log(sum(joint_density(point, means, covariances, weights, k) for k in range(len(means))))


def layer(matrix, bias, x):
    return [tanh(dot(row, x) + b) for row, b in zip(matrix, bias, strict=True)]


def denoising_autoencoder(corrupted, target, encoder, encoder_bias, decoder, decoder_bias):
    hidden = layer(encoder, encoder_bias, corrupted)
    return square(difference(target, layer(decoder, decoder_bias, hidden))) / 2


def autoencoder(point, encoder, encoder_bias, decoder, decoder_bias):
    return denoising_autoencoder(point, point, encoder, encoder_bias, decoder, decoder_bias)


def contraction(point, encoder, encoder_bias):
    slopes = [1 - h**2 for h in layer(encoder, encoder_bias, point)]
    return sum((s * w) ** 2 for s, row in zip(slopes, encoder, strict=True) for w in row)


def contractive_autoencoder(point, encoder, encoder_bias, decoder, decoder_bias, strength):
    energy = autoencoder(point, encoder, encoder_bias, decoder, decoder_bias)
    return energy + strength * contraction(point, encoder, encoder_bias)


def quadratic(point, center, precision):
    d = difference(point, center)
    return (
        sum(a * x * y for row, x in zip(precision, d, strict=True) for a, y in zip(row, d, strict=True)) / 2
    )


def quadratic_score(point, center, precision):
    d = difference(point, center)
    pairs = zip(precision, columns(precision), strict=True)
    return [-(dot(row, d) + dot(column, d)) / 2 for row, column in pairs]


def double_well(point, position, height):
    return height * (point**2 - position**2) ** 2


def banana(point, bend, variance):
    x, y = point
    return x**2 / (2 * variance) + (y - bend * (x**2 - variance)) ** 2 / 2


def banana_score(point, bend, variance):
    x, y = point
    t = y - bend * (x**2 - variance)
    return [-x / variance + 2 * bend * x * t, -t]


def banana_curvature(point, bend, variance):
    x, y = point
    return 1 / variance - 2 * bend * (y - bend * (x**2 - variance)) + (2 * bend * x) ** 2 + 1


def round_gaussians(point, centers, variances, weights):
    rows = zip(centers, variances, weights, strict=True)
    volume = lambda v: power(2 * pi() * v, len(point) / 2)
    return [w * exp(-square(difference(point, m)) / (2 * v)) / volume(v) for m, v, w in rows]


def mixture(point, centers, variances, weights):
    return -log(sum(round_gaussians(point, centers, variances, weights)))


def mixture_score(point, centers, variances, weights):
    p = round_gaussians(point, centers, variances, weights)
    pulls = zip(p, variances, centers, strict=True)
    slopes = [[p_k / v * d for d in difference(m, point)] for p_k, v, m in pulls]
    return [sum(column) / sum(p) for column in columns(slopes)]


def mixture_curvature(point, centers, variances, weights):
    """|score|^2 - (sum of the second derivatives of the density)/density"""
    p = round_gaussians(point, centers, variances, weights)
    squares = [square(difference(point, m)) for m in centers]
    terms = zip(p, variances, squares, strict=True)
    second = sum(p_k * (q / v - len(point)) / v for p_k, v, q in terms)
    return square(mixture_score(point, centers, variances, weights)) - second / sum(p)


def ring_densities(point, radii, variance):
    return [exp(-((square(point) - r**2) ** 2) / (2 * variance)) for r in radii]


def rings(point, radii, variance):
    return -log(sum(ring_densities(point, radii, variance)))


def rings_score(point, radii, variance):
    p = ring_densities(point, radii, variance)
    slope = sum(p_k * (square(point) - r**2) for p_k, r in zip(p, radii, strict=True)) / sum(p)
    return [-2 * x * slope / variance for x in point]


def rings_curvature(point, radii, variance):
    p, u = ring_densities(point, radii, variance), square(point)
    first = [2 * (u - r**2) / variance for r in radii]
    pairs = list(zip(p, first, strict=True))
    second = sum(p_k * (len(point) * f + 4 * u / variance - u * f**2) for p_k, f in pairs)
    mean = sum(p_k * f for p_k, f in pairs) / sum(p)
    return second / sum(p) + u * mean**2


def hopfield(couplings, fields, spins):
    pairs = sum(
        J * s * t for row, s in zip(couplings, spins, strict=True) for J, t in zip(row, spins, strict=True)
    )
    return -pairs / 2 - dot(fields, spins)


NAIVE = {
    "hopfield": hopfield,
    "mixture": mixture,
    "mixture_score": mixture_score,
    "mixture_curvature": mixture_curvature,
    "rings": rings,
    "rings_score": rings_score,
    "rings_curvature": rings_curvature,
    "quadratic": quadratic,
    "quadratic_score": quadratic_score,
    "quadratic_curvature": lambda point, center, precision: sum(precision[i][i] for i in range(len(point))),
    "double_well": double_well,
    "double_well_score": lambda point, position, height: -4 * height * (point**3 - position**2 * point),
    "double_well_curvature": lambda point, position, height: height * (12 * point**2 - 4 * position**2),
    "banana": banana,
    "banana_score": banana_score,
    "banana_curvature": banana_curvature,
    "vae_divergence": vae_divergence,
    "vae": vae,
    "ellipse": ellipse,
    "ellipse_free_energy_at_origin": ellipse_free_energy_at_origin,
    "gaussian_mixture_energy": gaussian_mixture_energy,
    "gaussian_mixture": gaussian_mixture,
    "autoencoder": autoencoder,
    "denoising_autoencoder": denoising_autoencoder,
    "contraction": contraction,
    "contractive_autoencoder": contractive_autoencoder,
    "latent_detector": latent_detector,
    "latent_detector_free_energy": latent_detector_free_energy,
    "k_means": k_means,
    "pca": pca,
    "sparse_coding": sparse_coding,
    "regularised_latent": regularised_latent,
}
