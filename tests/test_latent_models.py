"""Latent variables and toy densities: what their algorithms and derivatives must do, by other routes."""

import functools
import itertools

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.energies import gaussian_mixture as gaussian_mixture_page
from ebm_ref.energies import k_means as k_means_page
from ebm_ref.energies.ellipse import ellipse_free_energy_at_origin, free_energy_on_a_grid
from ebm_ref.energies.gaussian_mixture import em_step, mean_free_energy, responsibilities
from ebm_ref.energies.hopfield import energy_of_a_flip, hebb, hopfield, recall
from ebm_ref.energies.k_means import lloyd_step, nearest, sgd_step, total_energy
from ebm_ref.energies.latent_detector import detect_face
from ebm_ref.energies.pca import orthonormal_basis, pca, principal_axes
from ebm_ref.energies.sparse_coding import sparse_coding
from ebm_ref.inference.ista import (
    duality_gap,
    fista,
    ista,
    ista_step,
    lista,
    lista_start,
    shrink,
    smoothness,
    violation,
)
from ebm_ref.proof.evidence import samples

SEEDS = range(4)


# --- sparse coding


def problem(seed, n=4, m=6):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(n, m))
    return W / np.linalg.norm(W, axis=0), rng.normal(scale=2.0, size=n), rng.uniform(0.3, 1.0)


def best_code(W, y, sparsity):
    """The minimum by brute force: on every pattern of signs E is a parabola, and one of them holds it."""
    best = np.zeros(W.shape[1])
    for signs in itertools.product((-1.0, 0.0, 1.0), repeat=W.shape[1]):
        s, used = np.array(signs), np.array(signs) != 0.0
        A = W[:, used]
        if used.sum() > len(y) or (used.any() and np.linalg.matrix_rank(A) < used.sum()):
            continue
        z = np.zeros(len(s))
        z[used] = np.linalg.solve(A.T @ A, A.T @ y - 0.5 * sparsity * s[used])
        if np.all(z[used] * s[used] > 0.0) and sparse_coding(W, y, z, sparsity) < sparse_coding(
            W, y, best, sparsity
        ):
            best = z
    return best


@pytest.mark.parametrize("seed", SEEDS)
def test_ista_descends_to_the_minimum(seed):
    W, y, sparsity = problem(seed)
    truth, codes = best_code(W, y, sparsity), [np.zeros(6)]
    for _ in range(60):
        codes.append(ista_step(W, y, codes[-1], sparsity, smoothness(W)))
    energies = np.array([sparse_coding(W, y, z, sparsity) for z in codes])
    assert np.all(np.diff(energies) <= 1e-14 * energies[:-1])
    E_min = sparse_coding(W, y, truth, sparsity)
    above = energies - E_min
    gaps = np.array([duality_gap(W, y, z, sparsity) for z in codes])
    assert np.all(gaps >= above - 1e-12) and np.all(gaps > 0.0)
    bound = smoothness(W) * truth @ truth / (2.0 * np.arange(1, 61))
    assert np.all(above[1:] <= bound)  # Beck and Teboulle, Theorem 3.1
    assert np.allclose(ista(W, y, sparsity, 3000), truth, atol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_fista_is_faster_and_not_monotone(seed):
    W, y, sparsity = problem(seed)
    truth, L = best_code(W, y, sparsity), smoothness(W)
    E_min = sparse_coding(W, y, truth, sparsity)
    above = lambda z: sparse_coding(W, y, z, sparsity) - E_min
    for t in (1, 2, 5, 20, 80):
        assert above(fista(W, y, sparsity, t)) <= 2.0 * L * truth @ truth / (t + 1) ** 2  # Theorem 4.4
    assert np.array_equal(fista(W, y, sparsity, 2), ista(W, y, sparsity, 2))  # v_1 = z_1
    assert not np.allclose(fista(W, y, sparsity, 3), ista(W, y, sparsity, 3), rtol=1e-3)
    assert above(fista(W, y, sparsity, 12)) < above(ista(W, y, sparsity, 12))


def test_fista_may_rise():
    W, y, sparsity = problem(2)
    energies = [sparse_coding(W, y, fista(W, y, sparsity, t), sparsity) for t in range(150)]
    assert np.max(np.diff(energies)) > 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_the_certificates_are_zero_at_the_minimum_alone(seed):
    W, y, sparsity = problem(seed)
    truth = best_code(W, y, sparsity)
    assert violation(W, y, truth, sparsity) < 1e-13 and abs(duality_gap(W, y, truth, sparsity)) < 1e-13
    for j in range(6):
        other = truth + 0.01 * (np.arange(6) == j)
        assert violation(W, y, other, sparsity) > 1e-3 and duality_gap(W, y, other, sparsity) > 1e-6


def test_orthonormal_dictionary_has_a_closed_form():
    rng = np.random.default_rng(0)
    W, y = orthonormal_basis(rng, 5, 5), rng.normal(scale=2.0, size=5)
    closed = shrink(W.T @ y, 0.4)  # lambda/2
    assert np.allclose(ista(W, y, 0.8, 1), closed, atol=1e-14)
    assert violation(W, y, closed, 0.8) < 1e-13


def test_shrink_minimises_the_square_and_the_price():
    grid = np.linspace(-4.0, 4.0, 8001)
    for t, c in [(2.5, 1.0), (-2.5, 1.0), (0.6, 1.0), (-1.0, 1.0), (3.0, 0.0)]:
        best = grid[np.argmin(0.5 * (grid - t) ** 2 + c * np.abs(grid))]
        assert shrink(t, c) == pytest.approx(best, abs=1.1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_lista_starts_as_ista(seed):
    W, y, sparsity = problem(seed)
    for layers in (1, 2, 7, 40):
        unrolled = lista(*lista_start(W, sparsity), y, layers)
        assert np.allclose(unrolled, ista(W, y, sparsity, layers), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_some_notes_print_does_not_minimise(seed):
    """The step of the half-square convention doubles the price; LISTA with - S z ends elsewhere."""
    W, y, sparsity = problem(seed)
    L = np.linalg.norm(W, 2) ** 2
    z = np.zeros(6)
    for _ in range(4000):
        z = shrink(z + W.T @ (y - W @ z) / L, sparsity / L)
    assert violation(W, y, z, sparsity) > 0.1
    assert violation(W, y, z, 2.0 * sparsity) < 1e-8
    A, S, theta = lista_start(W, sparsity)
    assert violation(W, y, lista(A, -S, theta, y, 4000), sparsity) > 0.1


def test_ista_refuses():
    W, y, _ = problem(0)
    with pytest.raises(ValueError, match=r"threshold = -1.0: must be >= 0"):
        shrink(y, -1.0)
    with pytest.raises(ValueError, match=r"L = 0.0: must be positive and finite"):
        ista_step(W, y, np.zeros(6), 0.5, 0.0)


@pytest.mark.parametrize(
    "use, says",
    [
        (lambda W, y: ista(W, y[:1], 0.5, 1), r"observation = .*has shape \(1,\), but must have \(2,\)$"),
        (lambda W, y: fista(W, y, 0.5, 1, y), r"start = .*has shape \(2,\), but must have \(3,\)$"),
        (lambda W, y: ista(0.0 * W, y, 0.5, 1), r"dictionary = .*: must be finite, and not all 0$"),
        (lambda W, y: fista(np.nan * W, y, 0.5, 1), r"dictionary = .*: must be finite, and not all 0$"),
        (lambda W, y: lista(W.T, np.eye(2), 0.5, y, 1), r"feedback = .*but must have \(3, 3\)$"),
        (lambda W, y: lista(W.T, np.eye(3), 0.5, y[:1], 1), r"observation = .*but must have \(2,\)$"),
        (lambda W, y: lista_start(W, -0.5), r"sparsity = -0.5: must be >= 0$"),
        (lambda W, y: violation(W, y, y, 0.5), r"code = .*has shape \(2,\), but must have \(3,\)$"),
        (lambda W, y: duality_gap(W, y[:1], np.zeros(3), 0.5), r"observation = .*but must have \(2,\)$"),
    ],
)
def test_ista_names_what_does_not_fit(use, says):
    """An observation of one number would be stretched to any length."""
    with pytest.raises(ValueError, match=f"(?s)^{says}"):
        use(np.array([[1.0, 0.0, 0.75], [0.0, 1.0, 0.75]]), np.ones(2))


def test_shrink_passes_on_what_is_no_number():
    assert np.isnan(shrink(np.array([1.0, np.nan]), np.array([np.nan, 0.5]))).all()
    assert shrink(np.array([np.inf, 1.0]), 2.0).tolist() == [np.inf, 0.0]


def test_steps_leave_their_start_alone():
    W, y, sparsity = problem(0)
    start = np.ones(6)
    ista(W, y, sparsity, 3, start), fista(W, y, sparsity, 3, start)
    assert np.array_equal(start, np.ones(6))
    assert np.array_equal(ista(W, y, sparsity, 0, start), start)


# --- clusters


def clouds(seed, size=10):
    rng = np.random.default_rng(seed)
    return np.concatenate([c + rng.normal(scale=0.6, size=(size, 2)) for c in ([0, 0], [4, 0], [0, 4])])


@pytest.mark.parametrize("seed", SEEDS)
def test_lloyd_ends_in_a_local_minimum(seed):
    points = clouds(seed)
    w, energies = points[[0, 1, 2]], []
    for _ in range(30):
        energies.append(total_energy(w, points))
        w = lloyd_step(w, points)
    assert np.all(np.diff(energies) <= 1e-12) and energies[0] > energies[-1]
    assert np.array_equal(w, lloyd_step(w, points))
    slope = sum(FORMULAS["k_means"].gradients["centers"](w, y) for y in points)
    assert np.max(np.abs(slope)) < 1e-12


def test_lloyd_against_every_assignment():
    """Eight points, two prototypes: no assignment of the 2^8 does better than the best of all starts."""
    points = np.random.default_rng(5).normal(size=(8, 2))

    def energy_of(labels):
        groups = [points[np.array(labels) == z] for z in (0, 1)]
        return sum(np.sum((g - g.mean(axis=0)) ** 2) for g in groups if len(g))

    lowest = min(energy_of(labels) for labels in itertools.product((0, 1), repeat=8))
    found = []
    for i, j in itertools.combinations(range(8), 2):
        w = points[[i, j]]
        for _ in range(10):
            w = lloyd_step(w, points)
        found.append(total_energy(w, points))
    assert min(found) == pytest.approx(lowest, rel=1e-12)


def test_the_winner_alone_learns():
    w, y = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([2.0, 4.0])
    moved = sgd_step(w, y, 0.1)
    assert np.array_equal(moved[0], w[0]) and np.allclose(moved[1], [2.8, 4.0])
    assert np.allclose(sgd_step(w, y, 0.5)[1], y) and nearest(w, y) == 1


@pytest.mark.parametrize("seed", [0, 1])
def test_em_descends_to_where_its_gradient_vanishes(seed):
    points = clouds(seed)
    model = points[[0, 12, 25]], np.tile(np.eye(2), (3, 1, 1)), np.full(3, 1.0 / 3.0)
    energies = []
    for _ in range(40):
        energies.append(mean_free_energy(points, *model))
        model = em_step(points, *model)
    assert np.all(np.diff(energies) <= 1e-13) and energies[0] - energies[-1] > 0.1
    assert model[2].sum() == pytest.approx(1.0, rel=1e-14)
    f = FORMULAS["gaussian_mixture"]
    for a in ("means", "covariances"):
        assert np.max(np.abs(sum(f.gradients[a](y, *model) for y in points))) < 1e-4
    pulls = sum(f.gradients["weights"](y, *model) for y in points)  # equal: only their sum is fixed
    assert np.allclose(pulls, -len(points), rtol=1e-5)


def test_em_of_one_component_is_mean_and_covariance():
    points = clouds(0)
    means, covariances, weights = em_step(points, np.zeros((1, 2)), np.eye(2)[None], np.ones(1))
    assert np.allclose(means[0], points.mean(axis=0)) and weights.tolist() == [1.0]
    assert np.allclose(covariances[0], np.cov(points.T, bias=True))


def test_cold_em_is_lloyd():
    points, w = clouds(1), clouds(1)[[0, 12, 25]]
    cold = np.tile(1e-4 * np.eye(2), (3, 1, 1))
    assert np.allclose(em_step(points, w, cold, np.full(3, 1.0 / 3.0))[0], lloyd_step(w, points), atol=1e-9)
    r = responsibilities(points[3], w, cold, np.full(3, 1.0 / 3.0))
    assert np.argmax(r) == nearest(w, points[3]) and r.max() > 1.0 - 1e-9


def test_responsibilities_are_slopes_of_the_free_energy():
    inputs = FORMULAS["gaussian_mixture"].sample(np.random.default_rng(1))
    while len(inputs["weights"]) < 2:
        inputs = FORMULAS["gaussian_mixture"].sample(np.random.default_rng(2))
    E = FORMULAS["gaussian_mixture_energy"].value
    table = np.array([E(**inputs, component=k) for k in range(2)])
    h = 1e-5 * np.eye(2)
    F = lambda table: -np.log(np.sum(np.exp(-table)))
    slopes = [(F(table + step) - F(table - step)) / 2e-5 for step in h]
    assert np.allclose(responsibilities(**inputs), slopes, rtol=1e-8)


# --- planes and curves


@pytest.mark.parametrize("seed", SEEDS)
def test_principal_axes_leave_the_least(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(20, 3)) @ np.diag([3.0, 1.0, 0.3])
    W = principal_axes(points, 2)
    left = sum(pca(W, y) for y in points)
    assert left == pytest.approx(np.linalg.svd(points, compute_uv=False)[2] ** 2, rel=1e-12)
    for _ in range(20):
        assert left <= sum(pca(orthonormal_basis(rng, 3, 2), y) for y in points)
    slope = sum(FORMULAS["pca"].gradients["basis"](W, y) for y in points)
    assert np.max(np.abs(slope)) < 1e-10


def test_contraction_is_the_squared_jacobian():
    rng = np.random.default_rng(3)
    W, b, x = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=2)
    J = autograd.jacobian(lambda x: anp.tanh(anp.dot(W, x) + b))(x)
    assert FORMULAS["contraction"].value(x, W, b) == pytest.approx(np.sum(J**2), rel=1e-13)


def test_the_best_denoiser_points_along_the_score():
    """r(x) - x = sigma^2 score of the smoothed density: E[t | x] by quadrature, for data from a mixture."""
    centers, variances, weights = np.array([[-1.0], [2.0]]), np.array([0.3, 0.5]), np.array([0.4, 0.6])
    sigma = 0.7
    clean = np.linspace(-8.0, 9.0, 2001)
    density = np.exp(-FORMULAS["mixture"](clean[:, None], centers, variances, weights))
    for noisy in (-2.0, 0.1, 0.9, 3.0):
        posterior = density * np.exp(-((noisy - clean) ** 2) / (2.0 * sigma**2))
        best = posterior @ clean / posterior.sum()
        score = FORMULAS["mixture_score"].value(np.array([noisy]), centers, variances + sigma**2, weights)
        assert best - noisy == pytest.approx(sigma**2 * score[0], rel=1e-10, abs=1e-12)


def test_vae_is_a_bound_and_tight_at_the_posterior():
    """E over eps of vae + n log(2 pi)/2 >= -log N(x; 0, I + W W'), and equal for the exact posterior."""
    nodes, masses = np.polynomial.hermite_e.hermegauss(20)
    masses = masses / masses.sum()
    W, x = np.array([[1.5], [-0.5]]), np.array([1.0, 2.0])
    S = np.eye(2) + W @ W.T
    surprise = 0.5 * x @ np.linalg.solve(S, x) + 0.5 * np.linalg.slogdet(2.0 * np.pi * S)[1]

    def bound(mean, variance):
        m, t = np.array([mean]), np.array([np.log(variance)])
        draws = [FORMULAS["vae"].value(x, m, t, np.array([e]), W, 1.0) for e in nodes]
        return masses @ draws + np.log(2.0 * np.pi)

    variance = 1.0 / (1.0 + np.sum(W**2))
    mean = variance * (W.T @ x)[0]
    assert bound(mean, variance) == pytest.approx(surprise, rel=1e-12)
    for other in [(mean + 0.3, variance), (mean, 2.0 * variance), (0.0, 1.0)]:
        assert bound(*other) > surprise + 0.05
    steps = [
        FORMULAS["vae"].gradients["mean"](x, np.array([mean]), np.log([variance]), np.array([e]), W, 1.0)
        for e in nodes
    ]
    assert abs(masses @ np.array(steps)[:, 0]) < 1e-12
    steps = [
        FORMULAS["vae"].gradients["log_variance"](
            x, np.array([mean]), np.log([variance]), np.array([e]), W, 1.0
        )
        for e in nodes
    ]
    assert abs(masses @ np.array(steps)[:, 0]) < 1e-12


W_ELLIPSE = np.array([2.0, 1.5])


def test_ellipse_between_hot_and_cold():
    F = lambda beta: ellipse_free_energy_at_origin(W_ELLIPSE, beta)
    assert F(1e-8) == pytest.approx(3.125, abs=1e-7) and F(1e8) == pytest.approx(2.25, abs=1e-6)
    assert np.all(np.diff([F(b) for b in np.geomspace(1e-3, 1e5, 60)]) < 0.0)


def test_the_end_point_counted_twice_spoils_the_rule():
    for beta in (0.1, 0.3, 1.0, 3.2, 10.0):
        truth = ellipse_free_energy_at_origin(W_ELLIPSE, beta)
        assert free_energy_on_a_grid(W_ELLIPSE, np.zeros(2), beta) == pytest.approx(truth, abs=3e-12)
        angles = np.linspace(0.0, 2.0 * np.pi, 49)
        weights = np.exp(-beta * FORMULAS["ellipse"](W_ELLIPSE, np.zeros(2), angles))
        assert 1e-3 < abs(-np.log(np.mean(weights)) / beta - truth) < 3e-2


def test_a_hot_ellipse_is_a_bowl_and_a_cold_one_a_ring():
    height = lambda beta, y2: free_energy_on_a_grid(W_ELLIPSE, np.array([0.0, y2]), beta, steps=400)
    assert height(100.0, 0.0) > height(100.0, 1.0) > height(100.0, 1.5) < height(100.0, 2.0)
    assert height(0.1, 0.0) < height(0.1, 1.0) < height(0.1, 1.5) < height(0.1, 2.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_face_is_found_where_it_is(seed):
    rng = np.random.default_rng(seed)
    template = rng.normal(size=5)
    windows = rng.normal(scale=0.1, size=(7, 5))
    assert detect_face(-template, windows, threshold=-2.0)[0] == 0
    windows[4] = template * 3.0 / np.linalg.norm(template)
    assert detect_face(-template, windows, threshold=-2.0) == (1, 4)


# --- densities: expectations by the trapezoidal rule, exact to rounding for what falls off this fast


def grid(*sides):
    """Points (p, n) of a grid and the volume of its cell; a side is (low, high, number)."""
    lines = [np.linspace(*side) for side in sides]
    points = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, len(sides))
    return points, np.prod([line[1] - line[0] for line in lines])


# name: parameters, sides of the grid, log Z
SHELLS = np.linspace(0.0, 25.0, 20001)  # of u = |x|^2: in the plane the area is pi du
DENSITIES = {
    "quadratic": (
        (np.array([0.5, -0.25]), np.array([[2.0, 0.5], [0.5, 1.0]])),
        [(-7.0, 8.0, 51), (-9.0, 9.0, 61)],
        np.log(2.0 * np.pi / np.sqrt(1.75)),
    ),
    "double_well": ((1.0, 1.0), [(-4.0, 4.0, 401)], np.log(1.97373215008982)),  # by Bessel functions
    "banana": ((0.25, 1.0), [(-7.0, 7.0, 51), (-7.0, 18.0, 86)], np.log(2.0 * np.pi)),
    "rings": (
        (np.array([1.0, 2.0]), 1.5),
        [(-4.0, 4.0, 81)] * 2,
        np.log(np.pi * np.trapezoid(sum(np.exp(-((SHELLS - q) ** 2) / 3.0) for q in (1.0, 4.0)), SHELLS)),
    ),
    "mixture": (
        (np.array([[-1.0, 0.0], [1.5, 0.5]]), np.array([0.5, 1.0]), np.array([0.3, 0.7])),
        [(-6.0, 8.0, 71), (-6.0, 7.6, 69)],
        0.0,
    ),
}


@functools.cache
def parts(name):
    """Points where there is mass, their probabilities p, log Z, and the score at each (points, n)."""
    parameters, sides, _ = DENSITIES[name]
    points, cell = grid(*sides)
    points = points[:, 0] if len(sides) == 1 else points
    p = np.exp(-FORMULAS[name](points, *parameters))
    log_Z, p = np.log(p.sum() * cell), p / p.sum()
    points, p = points[p > 1e-13], p[p > 1e-13]
    return points, p, log_Z, FORMULAS[f"{name}_score"](points, *parameters).reshape(len(points), -1)


@pytest.mark.parametrize("name", DENSITIES)
def test_normaliser(name):
    assert parts(name)[2] == pytest.approx(DENSITIES[name][2], abs=1e-7)


@pytest.mark.parametrize("name", DENSITIES)
def test_score_and_curvature_belong_together(name):
    """E[score] = 0 and E[|score|^2] = E[curvature]: integration by parts."""
    points, p, _, s = parts(name)
    curvature = p @ FORMULAS[f"{name}_curvature"](points, *DENSITIES[name][0])
    assert np.max(np.abs(p @ s)) < 1e-8
    assert curvature == pytest.approx(p @ np.sum(s**2, axis=1), rel=1e-7) and curvature > 0.1


@pytest.mark.parametrize("name", DENSITIES)
def test_score_matching_rests_at_the_truth(name):
    """d/dW E[|score|^2/2 - curvature] = 0 where the density is the model's, for every parameter W."""
    parameters = DENSITIES[name][0]
    points, p, _, s = parts(name)
    score, curvature = FORMULAS[f"{name}_score"], FORMULAS[f"{name}_curvature"]
    for a in list(score.gradients)[1:]:
        by_score = score.gradient(a, points, *parameters).reshape(*s.shape, -1)
        by_curvature = curvature.gradient(a, points, *parameters).reshape(len(points), -1)
        first = np.einsum("p,pi,pij->j", p, s, by_score)
        assert np.max(np.abs(first - p @ by_curvature)) < 1e-7 * (1.0 + np.max(np.abs(first))), a


# --- memories

PATTERNS = np.array([[1, 1, 1, 1, -1, -1, -1, -1, 1, -1, 1, -1], [1, -1, 1, -1, 1, -1, 1, -1, 1, 1, -1, -1]])
NO_FIELD = np.zeros(12)


def test_memories_are_minima_and_so_are_their_negatives():
    J = hebb(PATTERNS)
    for pattern in (*PATTERNS, *-PATTERNS):
        assert min(energy_of_a_flip(J, NO_FIELD, pattern, i) for i in range(12)) > 0.0
        assert np.array_equal(recall(J, NO_FIELD, pattern), pattern)


def test_a_damaged_memory_is_repaired():
    J = hebb(PATTERNS)
    for pattern in PATTERNS:
        for i, j in itertools.combinations(range(12), 2):
            damaged = np.where(np.isin(np.arange(12), [i, j]), -pattern, pattern)
            found = recall(J, NO_FIELD, damaged)
            assert hopfield(J, NO_FIELD, found) <= hopfield(J, NO_FIELD, damaged)
            assert np.array_equal(found, pattern)


@pytest.mark.parametrize("seed", SEEDS)
def test_recall_ends_where_no_flip_helps(seed):
    rng = np.random.default_rng(seed)
    J, h, s = rng.normal(size=(8, 8)), rng.normal(size=8), rng.choice([-1, 1], size=8)
    start = s.copy()
    found = recall(J, h, s)
    assert np.array_equal(s, start) and min(energy_of_a_flip(J, h, found, i) for i in range(8)) >= 0.0
    assert hopfield(J, h, found) <= hopfield(J, h, s)


def test_hebbs_rule_is_descent():
    """J grows along -dE/dJ of the patterns, but for the diagonal and a factor."""
    slope = sum(FORMULAS["hopfield"].gradients["couplings"](hebb(PATTERNS), NO_FIELD, x) for x in PATTERNS)
    assert np.allclose(hebb(PATTERNS), -2.0 / 12.0 * slope * (1.0 - np.eye(12)))


def test_a_flip_names_a_bad_site():
    with pytest.raises(ValueError, match=r"site = 12: must be an integer in 0..11"):
        energy_of_a_flip(hebb(PATTERNS), NO_FIELD, PATTERNS[0], 12)


# --- laws that follow an algorithm

DESCENTS = ("lloyd_never_raises_the_energy", "em_never_raises_the_free_energy")


@pytest.mark.parametrize("page, step", [(k_means_page, "lloyd_step"), (gaussian_mixture_page, "em_step")])
def test_a_descent_that_climbs_is_seen(page, step, monkeypatch):
    law = next(law for law in page.FORMULA.laws if law.__name__ in DESCENTS)
    honest = getattr(page, step)

    def astray(*args):
        moved = honest(*args)
        return moved + 3.0 if isinstance(moved, np.ndarray) else (moved[0] + 3.0, *moved[1:])

    monkeypatch.setattr(page, step, astray)
    name = page.__name__.rpartition(".")[2]
    points, rng = samples(name, 5)
    assert max(law(FORMULAS[name], inputs, rng) for inputs in points) > 1.0


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_curvature_of_rings_too_steep_for_float64_is_infinite():
    """n = 2: dC/dv v^2 = -4 d - 4 |x|^2 = -2.8, and 1/v^2 overflows; two infinities would leave no number."""
    slope = FORMULAS["rings_curvature"].gradients["variance"]
    at = np.array([0.9, 0.2]), np.array([1.0, 2.0])
    assert slope(*at, 1e-105) == pytest.approx(-2.8e210, rel=1e-14) and slope(*at, 1e-200) == -np.inf
