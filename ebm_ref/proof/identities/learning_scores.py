r"""Identities of score-based learning: each estimator beside the exact thing that it estimates.

    E[f] = sum_i w_i f(x_i)

Expectations are sums without any chance: over all sign vectors, over the corners of an icosahedron, over the
nodes of Gauss and Hermite, which are exact for the polynomials that Gaussians lead to, and over equal steps,
which converge geometrically where a smooth function dies out on both sides.

Source: named with each identity; song2021 is Song and Kingma (2021), some of whose signs are corrected here.
"""

import itertools

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.laws import UNIT, condition
from ebm_ref.proof.identities.measure import allowance, equal, own, value

GOLDEN = (1.0 + np.sqrt(5.0)) / 2.0


def normal(count, d):
    """Nodes (m, d) and weights (m,) of a standard normal: exact for polynomials of degree 2 count - 1."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    points = np.array(list(itertools.product(nodes, repeat=d)))
    products = np.array(list(itertools.product(weights / np.sum(weights), repeat=d)))
    return points, np.prod(products, axis=1)


def signs(d):
    """All sign vectors, equally weighted."""
    points = np.array(list(itertools.product([-1.0, 1.0], repeat=d)))
    return points, np.full(len(points), 1.0 / len(points))


def sphere():
    """The corners of an icosahedron of radius sqrt 3: exact for polynomials of degree 5 on that sphere."""
    corners = np.array([(0.0, a, b * GOLDEN) for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
    points = np.concatenate([np.roll(corners, i, axis=1) for i in range(3)])
    points *= np.sqrt(3.0) / np.sqrt(np.sum(points[0] ** 2))
    return points, np.full(12, 1.0 / 12.0)


def steps(reach, step):
    """Equal steps and the weights of a standard normal there."""
    z = step * np.arange(-round(reach / step), round(reach / step) + 1)
    return z, step * np.exp(-(z**2) / 2.0) / np.sqrt(2.0 * np.pi)


def expected(name, weights, rows):
    """E[f] over rows of inputs, and what rounding may do to it."""
    rows = [own(name, row) for row in rows]
    mean = sum(w * FORMULAS[name].value(**row) for w, row in zip(weights, rows, strict=True))
    sizes = [condition(FORMULAS[name], row) for row in rows]
    return mean, 16 * UNIT * float(np.dot(weights, sizes))


def variance(name, weights, rows):
    """Var f over rows of inputs, and what rounding may do to it."""
    rows = [own(name, row) for row in rows]
    f = np.array([FORMULAS[name].value(**row) for row in rows])
    sizes = np.array([condition(FORMULAS[name], row) for row in rows])
    mean = np.dot(weights, f)
    return np.dot(weights, (f - mean) ** 2), 64 * UNIT * float(np.dot(weights, (abs(f) + abs(mean)) * sizes))


def off(left, right, allowed):
    """|left - right| in units of what is allowed."""
    return 0.0 if left == right else abs(left - right) / allowed


def precision(rng, d):
    """A positive definite matrix, well conditioned."""
    root = rng.normal(size=(d, d))
    return root @ root.T / d + np.eye(d)


# --- score matching ---


def gaussian_rows(points, P):
    """Score and curvature of the Gaussian of precision P at points."""
    at = lambda x: {"point": x, "center": np.zeros(len(P)), "precision": P}
    return [
        {"score": value("quadratic_score", at(x)), "curvature": value("quadratic_curvature", at(x))}
        for x in points
    ]


def score_matching_of_a_gaussian(rng):
    """E[score_matching] = tr(P S P)/2 - tr P for a Gaussian of precision P on data of second moments S."""
    points, P = rng.normal(size=(5, 3)), precision(rng, 3)
    S = points.T @ points / 5.0
    left, allowed = expected("score_matching", np.full(5, 0.2), gaussian_rows(points, P))
    return off(left, np.trace(P @ S @ P) / 2.0 - np.trace(P), allowed + 64 * UNIT * np.trace(P @ S @ P))


def score_matching_fits_the_covariance(rng):
    """The slope of E[score_matching] by P is P S - I: 0 at P = S^-1, as in maximum likelihood."""
    points, P, f = 2.0 * rng.normal(size=(6, 2)), precision(rng, 2), FORMULAS["score_matching"].gradients
    rows = gaussian_rows(points, P)
    by_score = [np.outer(f["score"](**row), -x) for row, x in zip(rows, points, strict=True)]
    slope = np.mean(by_score, axis=0) + np.mean([f["curvature"](**row) for row in rows]) * np.eye(2)
    truth = P @ (points.T @ points) / 6.0 - np.eye(2)
    return np.max(np.abs(slope - truth)) / (64 * UNIT * (1.0 + np.max(np.abs(by_score))))


def two_humps(rng):
    """A mixture of two normals on the line, with little between them that is steep."""
    return {
        "centers": np.array([[rng.uniform(-0.8, 0.0)], [rng.uniform(0.0, 0.8)]]),
        "variances": rng.uniform(1.0, 1.5, size=2),
        "weights": rng.dirichlet([4.0, 4.0]),
    }


def curve(name, model, x):
    """A formula of the mixture at many points of the line."""
    return np.array([value(name, model | {"point": x[i : i + 1]}) for i in range(len(x))])


def integration_by_parts(rng):
    """E_p[score_matching of q] = E_p|s_p - s_q|^2/2 - E_p|s_p|^2/2 for two mixtures: by parts, Hyvarinen."""
    p, q = two_humps(rng), two_humps(rng)
    x = 0.25 * np.arange(-48, 49)
    w = 0.25 * np.exp(-curve("mixture", p, x))
    s_p, s_q = curve("mixture_score", p, x), curve("mixture_score", q, x)
    C = curve("mixture_curvature", q, x)
    rows = [{"score": s, "curvature": c} for s, c in zip(s_q, C, strict=True)]
    left, allowed = expected("score_matching", w, rows)
    right = w @ np.sum((s_p - s_q) ** 2 - s_p**2, axis=1) / 2.0
    return off(left, right, allowed + 256 * UNIT * (w @ np.sum(s_p**2 + s_q**2, axis=1) + w @ np.abs(C)))


def de_bruijn(rng):
    """d KL(N(0, a+t) | N(0, b+t))/dt = -D at t = 0, D = E|s_b - s_a|^2/2; song2021 prints -D/2."""
    a, b = rng.uniform(0.5, 3.0, size=2)
    x, w = normal(3, 1)
    x = np.sqrt(a) * x
    (of_b, one), (of_a, two) = (
        expected("score_matching", w, [{"score": -y / v, "curvature": 1.0 / v} for y in x]) for v in (b, a)
    )
    slope = (b - a) / (2.0 * b**2) - (1.0 / a - 1.0 / b) / 2.0
    return off(of_b - of_a, -slope, one + two + 64 * UNIT * (1.0 / a + 1.0 / b + a / b**2))


def one_langevin_step_is_score_matching(rng):
    """CD-1 by a Langevin step climbs E[dE/dp(x') - dE/dp(x)] = -(e^2/2) dD/dp + O(e^4); song2021 prints +."""
    p, v, e = rng.uniform(0.5, 2.0), rng.uniform(0.5, 2.0), rng.uniform(0.1, 1.0)
    (nodes, w), f = normal(3, 2), FORMULAS["score_matching"].gradients
    climb, slope = 0.0, 0.0
    for (x, z), weight in zip(nodes * [np.sqrt(v), 1.0], w, strict=True):
        at = {"position": [x], "gradient": [p * x], "noise": [z], "step_size": e}
        climb += weight * (value("langevin", {a: np.array(y) for a, y in at.items()})[0] ** 2 - x**2) / 2.0
        row = {"score": np.array([-p * x]), "curvature": p}
        slope += weight * (f["score"](**row)[0] * -x + f["curvature"](**row))
    return off(climb, -(e**2) / 2.0 * slope + e**4 * p**2 * v / 8.0, 64 * UNIT * (1.0 + v) * (1.0 + p) ** 2)


# --- denoising ---


def noisy_rows(atoms, sigma, nodes, score):
    """Rows of the denoising loss over all data and all noise, the noisy points with them."""
    pairs = [(x + sigma * z, z) for x in atoms for z in nodes]
    return [{"score": score(y), "noise": z, "sigma": sigma, "noisy": y} for y, z in pairs]


def denoising_is_score_matching_of_smoothed_data(rng):
    """E[denoising] = E[score matching on the noisy points] + d/(2 sigma^2), in the plane."""
    atoms, P, sigma = rng.normal(size=(3, 2)), precision(rng, 2), rng.uniform(0.3, 2.0)
    nodes, w = normal(3, 2)
    at = lambda y: {"point": y, "center": np.array([0.5, -1.0]), "precision": P}
    rows = noisy_rows(atoms, sigma, nodes, lambda y: value("quadratic_score", at(y)))
    clean = [row | {"curvature": value("quadratic_curvature", at(row["noisy"]))} for row in rows]
    left, one = expected("denoising_score_matching", np.tile(w / 3.0, 3), rows)
    right, two = expected("score_matching", np.tile(w / 3.0, 3), clean)
    return off(left, right + 1.0 / sigma**2, one + two)


def denoising_is_explicit_score_matching(rng):
    """E[denoising] = E|s - s_sigma|^2/2 + const, s_sigma the score of the data smoothed by sigma."""
    atoms, sigma, model = rng.uniform(-0.6, 0.6, size=(2, 1)), rng.uniform(0.8, 1.2), two_humps(rng)
    smoothed = {"centers": atoms, "variances": np.full(2, sigma**2), "weights": np.full(2, 0.5)}
    z, w = steps(9.0, 0.25)
    w = np.tile(w / 2.0, 2)
    score = lambda which, y: value("mixture_score", which | {"point": y})
    rows = noisy_rows(atoms, sigma, z[:, None], lambda y: score(model, y))
    left, allowed = expected("denoising_score_matching", w, rows)
    s = np.array([row["score"][0] for row in rows])
    s_sigma = np.array([score(smoothed, row["noisy"])[0] for row in rows])
    right = w @ (s - s_sigma) ** 2 / 2.0 + 0.5 / sigma**2 - w @ s_sigma**2 / 2.0
    return off(left, right, allowed + 256 * UNIT * w @ (s**2 + s_sigma**2))


def denoising_fits_the_smoothed_covariance(rng):
    """The slope of E[denoising] by P is P (S + sigma^2 I) - I: the covariance comes out sigma^2 too large."""
    atoms, P, sigma = rng.normal(size=(4, 2)), precision(rng, 2), rng.uniform(0.5, 2.0)
    nodes, w = normal(3, 2)
    at = lambda y: {"point": y, "center": np.zeros(2), "precision": P}
    rows = noisy_rows(atoms, sigma, nodes, lambda y: value("quadratic_score", at(y)))
    by_score = FORMULAS["denoising_score_matching"].gradients["score"]
    terms = [np.outer(by_score(**own("denoising_score_matching", row)), -row["noisy"]) for row in rows]
    slope = np.tensordot(np.tile(w / 4.0, 4), terms, axes=1)
    truth = P @ (atoms.T @ atoms / 4.0 + sigma**2 * np.eye(2)) - np.eye(2)
    return np.max(np.abs(slope - truth)) / (256 * UNIT * (1.0 + np.max(np.abs(terms))))


def several_scales_are_a_mean(rng):
    """multiscale_denoising = mean over the scales of sigma^2 denoising_score_matching."""
    inputs = FORMULAS["multiscale_denoising"].sample(rng)
    rows = [
        dict(zip(("score", "noise", "sigma"), row, strict=True)) for row in zip(*inputs.values(), strict=True)
    ]
    weights = inputs["sigmas"] ** 2 / len(rows)
    mean, allowed = expected("denoising_score_matching", weights, rows)
    return off(
        value("multiscale_denoising", inputs), mean, allowed + allowance(("multiscale_denoising", inputs))
    )


def the_control_has_no_mean(rng):
    """E[denoising_control] = 0 over the noise, whatever the score at the clean point."""
    nodes, w = normal(3, 3)
    s, sigma = 3.0 * rng.normal(size=3), rng.uniform(0.2, 3.0)
    mean, allowed = expected(
        "denoising_control", w, [{"clean_score": s, "noise": z, "sigma": sigma} for z in nodes]
    )
    return abs(mean) / allowed


def the_control_changes_the_variance(rng):
    """Data and model N(0, 1): Var (1/sigma^2 - 1 + sigma^2)^2/2, controlled (5 - 2 sigma^2 + sigma^4)/2."""
    sigma = np.exp(rng.uniform(np.log(0.1), np.log(4.0)))
    nodes, w = normal(5, 2)
    loss, control, sizes = [], [], []
    for x, z in nodes:
        noisy = {"score": np.array([-(x + sigma * z)]), "noise": np.array([z]), "sigma": sigma}
        clean = {"clean_score": np.array([-x]), "noise": np.array([z]), "sigma": sigma}
        loss.append(value("denoising_score_matching", noisy))
        control.append(value("denoising_control", clean))
        sizes.append(allowance(("denoising_score_matching", noisy), ("denoising_control", clean)))
    spread = lambda f: w @ (f - w @ f) ** 2
    plain, reduced = np.array(loss), np.array(loss) - np.array(control) / 2.0
    s2 = sigma**2
    allowed = 4.0 * w @ (np.array(sizes) * (np.abs(plain) + np.abs(control) + w @ np.abs(plain)))
    first = off(spread(plain), (1.0 / s2 - 1.0 + s2) ** 2 / 2.0, allowed)
    return max(first, off(spread(reduced), (5.0 - 2.0 * s2 + s2**2) / 2.0, allowed))


# --- slices ---


def random_hessian(rng):
    """A score and a symmetric Hessian in three dimensions."""
    H = rng.normal(size=(3, 3))
    return rng.normal(size=3), (H + H.T) / 2.0


def slices(s, H, directions):
    return [{"score": s, "direction": v, "curvature_along": v @ H @ v} for v in directions]


DIRECTIONS = {"signs": signs(3), "normal": normal(3, 3), "sphere": sphere()}


def sliced_in_the_mean(name):
    """Identity maker: the mean over directions is score matching, for all three laws of directions."""

    def identity(rng):
        s, H = random_hessian(rng)
        whole = {"score": s, "curvature": np.trace(H)}
        worst = 0.0
        for directions, w in DIRECTIONS.values():
            mean, allowed = expected(name, w, slices(s, H, directions))
            allowed += allowance(("score_matching", whole)) + 64 * UNIT * np.sum(np.abs(H))
            worst = max(worst, off(mean, value("score_matching", whole), allowed))
        return worst

    identity.__doc__ = f"E_v[{name}] = score_matching, for signs, normal numbers and the sphere."
    return identity


def variances_over_directions(A):
    """Var v'Av for the three laws of directions, in the order of DIRECTIONS."""
    square, d = np.sum(A**2), len(A)
    yield 2.0 * (square - np.sum(np.diag(A) ** 2))
    yield 2.0 * square
    yield 2.0 * d / (d + 2.0) * (square - np.trace(A) ** 2 / d)


def sliced_variance(name, form, claim):
    """Identity maker: the variance over directions is that of the quadratic form v' form(s, H) v."""

    def identity(rng):
        s, H = random_hessian(rng)
        worst = 0.0
        laws = zip(DIRECTIONS.values(), variances_over_directions(form(s, H)), strict=True)
        for (directions, w), truth in laws:
            found, allowed = variance(name, w, slices(s, H, directions))
            worst = max(worst, off(found, truth, allowed + 64 * UNIT * np.sum(form(s, H) ** 2)))
        return worst

    identity.__doc__ = claim
    return identity


def reduced_is_score_matching_with_another_curvature(rng):
    """sliced_score_matching_reduced(s, h) = score_matching(s, h): only the curvature is left to chance."""
    inputs = FORMULAS["sliced_score_matching_reduced"].sample(rng)
    inputs |= {"curvature": inputs["curvature_along"]}
    return equal(("sliced_score_matching_reduced", inputs), ("score_matching", inputs))


# claim holder: the formulas it links
IDENTITIES = {
    score_matching_of_a_gaussian: ("score_matching", "quadratic_score", "quadratic_curvature"),
    score_matching_fits_the_covariance: ("score_matching", "quadratic_score"),
    integration_by_parts: ("score_matching", "mixture", "mixture_score", "mixture_curvature"),
    de_bruijn: ("score_matching",),
    one_langevin_step_is_score_matching: ("score_matching", "langevin"),
    denoising_is_score_matching_of_smoothed_data: (
        "denoising_score_matching",
        "score_matching",
        "quadratic_curvature",
    ),
    denoising_is_explicit_score_matching: ("denoising_score_matching", "mixture_score"),
    denoising_fits_the_smoothed_covariance: ("denoising_score_matching", "quadratic_score"),
    several_scales_are_a_mean: ("multiscale_denoising", "denoising_score_matching"),
    the_control_has_no_mean: ("denoising_control",),
    the_control_changes_the_variance: ("denoising_control", "denoising_score_matching"),
    sliced_in_the_mean("sliced_score_matching"): ("sliced_score_matching", "score_matching"),
    sliced_in_the_mean("sliced_score_matching_reduced"): ("sliced_score_matching_reduced", "score_matching"),
    reduced_is_score_matching_with_another_curvature: ("sliced_score_matching_reduced", "score_matching"),
    sliced_variance(
        "sliced_score_matching",
        lambda s, H: np.outer(s, s) / 2.0 - H,
        "Var_v[sliced_score_matching] for signs, normal numbers and the sphere is that of v' (s s'/2 - H) v.",
    ): ("sliced_score_matching",),
    sliced_variance(
        "sliced_score_matching_reduced",
        lambda s, H: H,
        "Var_v[sliced_score_matching_reduced] for signs, normal numbers and the sphere is that of v' H v.",
    ): ("sliced_score_matching_reduced",),
}
