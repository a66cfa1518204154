r"""Identities of latent variables: minima and sums over what is not seen; densities of points.

    E(y) = min_z E(y, z)           where the answer is searched
    F(y) = -log sum_z e^{-E(y, z)}    where it is summed
    -log p(z | y) = E(y, z) - F(y)

Source: named with each.
"""

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.laws import UNIT
from ebm_ref.learning.descent import energy_table
from ebm_ref.proof.identities.measure import allowance, between, defect, equal, value

DENSITIES = ("quadratic", "double_well", "banana", "rings", "mixture")


def score_is_minus_the_slope(name):
    """Identity maker: the score of a density is minus the gradient of its energy by the point."""

    def identity(rng):
        energy, score = FORMULAS[name], FORMULAS[f"{name}_score"]
        inputs = energy.sample(rng)
        s = score.value(**inputs)
        moved = sum(
            np.sum(np.abs(g(**inputs) * inputs[a]), axis=tuple(range(np.ndim(s), np.ndim(g(**inputs)))))
            for a, g in score.gradients.items()
        )
        error = np.abs(s + energy.gradients["point"](**inputs))
        return float(np.max(error / (16 * UNIT * (np.abs(s) + moved))))

    identity.__doc__ = f"{name}_score = -d {name}/dx."
    return identity


def curvature_is_minus_the_trace(name):
    """Identity maker: the curvature is minus the trace of the Jacobian of the score."""

    def identity(rng):
        inputs = FORMULAS[name].sample(rng)
        jacobian = np.atleast_2d(FORMULAS[f"{name}_score"].gradients["point"](**inputs))
        error = abs(value(f"{name}_curvature", inputs) + np.trace(jacobian))
        terms = 16 * UNIT * np.sum(np.abs(np.diag(jacobian)))
        return error / (allowance((f"{name}_curvature", inputs)) + terms) if error else 0.0

    identity.__doc__ = f"{name}_curvature = -tr d {name}_score/dx."
    return identity


def detection_is_a_minimum_over_positions(rng):
    """latent_detector_free_energy = min over Z of latent_detector, exactly (Section 4.1)."""
    image = FORMULAS["latent_detector_free_energy"].sample(rng)
    at = lambda z: value("latent_detector", image | {"position": z})
    lowest = min(at(z) for z in range(len(image["windows"])))
    return 0.0 if lowest == value("latent_detector_free_energy", image) else np.inf


def nearest_prototype_is_the_best_answer(rng):
    """k_means = min over z of rbf_output(w, y, z), exactly."""
    w, y = FORMULAS["k_means"].sample(rng).values()
    lowest = np.min(energy_table(FORMULAS["rbf_output"].value, len(w), w, y))
    return 0.0 if lowest == value("k_means", {"centers": w, "point": y}) else np.inf


def cold_mixture_is_k_means(rng):
    """0 <= 2v (F - n/2 log(2 pi v)) - k_means <= 2v log c: a mixture with S = v I and v to 0 is k-means."""
    w, y = FORMULAS["k_means"].sample(rng).values()
    (c, n), v = np.shape(w), 10.0 ** rng.uniform(-3.0, 1.0)
    inputs = {
        "point": y,
        "means": w,
        "covariances": np.tile(v * np.eye(n), (c, 1, 1)),
        "weights": np.full(c, 1.0 / c),
    }
    F = 2.0 * v * (value("gaussian_mixture", inputs) - 0.5 * n * np.log(2.0 * np.pi * v))
    k_means = {"centers": w, "point": y}
    allowed = 2.0 * v * allowance(("gaussian_mixture", inputs)) + allowance(("k_means", k_means))
    return between(0.0, F - value("k_means", k_means), 2.0 * v * np.log(c), allowed)


def surprise_at_the_component(rng):
    """gaussian_mixture_energy of k - gaussian_mixture = nll of the table of all, at beta = 1: -log r_k."""
    inputs = FORMULAS["gaussian_mixture_energy"].sample(rng)
    energies = [
        value("gaussian_mixture_energy", inputs | {"component": k}) for k in range(len(inputs["means"]))
    ]
    k = inputs["component"]
    if len(energies) < 2:
        return equal(("gaussian_mixture", inputs), ("gaussian_mixture_energy", inputs))
    table = {"energies": np.array(energies), "label": k, "beta": 1.0}
    above = energies[k] - value("gaussian_mixture", inputs)
    return defect(
        value("nll", table),
        above,
        ("gaussian_mixture", inputs),
        ("gaussian_mixture_energy", inputs),
        ("nll", table),
    )


def responsibilities_add_up(rng):
    """sum_k w_k dF/dw_k = -1 for gaussian_mixture and mixture: the responsibilities sum to 1."""
    worst = 0.0
    for name in ("gaussian_mixture", "mixture"):
        inputs = FORMULAS[name].sample(rng)
        total = np.dot(inputs["weights"], FORMULAS[name].gradients["weights"](**inputs))
        worst = max(worst, abs(total + 1.0) / (16 * UNIT))
    return worst


def round_components(rng):
    """mixture = gaussian_mixture with S_k = v_k I."""
    inputs = FORMULAS["mixture"].sample(rng)
    n = len(inputs["point"])
    full = {
        "point": inputs["point"],
        "means": inputs["centers"],
        "covariances": inputs["variances"][:, None, None] * np.eye(n),
        "weights": inputs["weights"],
    }
    return equal(("mixture", inputs), ("gaussian_mixture", full))


def one_gaussian(rng):
    """On the line, one component of weight 1 is gaussian_nll; its energy is quadratic + log(2 pi v)/2."""
    inputs = FORMULAS["gaussian_nll"].sample(rng)
    m, v, y = (np.array([x]) for x in inputs.values())
    one = {"point": y, "centers": m[None], "variances": v, "weights": np.ones(1)}
    energy = {"point": y, "center": m, "precision": 1.0 / v[None]}
    error = abs(value("quadratic", energy) + 0.5 * np.log(2.0 * np.pi * v[0]) - value("mixture", one))
    quadratic = error / (allowance(("mixture", one), ("quadratic", energy)) + 16 * UNIT * abs(np.log(v[0])))
    return max(quadratic, equal(("mixture", one), ("gaussian_nll", inputs)))


def best_code_without_a_price(rng):
    """pca(W, y) = sparse_coding(W, y, z, 0) at z = W'y: the linear code, and nothing to pay for it."""
    W, y = FORMULAS["pca"].sample(rng).values()
    z = {"dictionary": W, "observation": y, "code": np.dot(y, W), "sparsity": 0.0}
    return equal(("pca", {"basis": W, "point": y}), ("sparse_coding", z))


def code_beside_a_prediction(rng):
    """regularised_latent is sparse_coding of y - A x, and without a code twice linear_regression."""
    inputs = FORMULAS["regularised_latent"].sample(rng)
    left = inputs["answer"] - np.dot(inputs["predictor"], inputs["features"])
    coding = inputs | {"dictionary": inputs["decoder"], "observation": left}
    silent = inputs | {"code": 0.0 * inputs["code"]}
    regression = {
        "weights": inputs["predictor"].T,
        "features": inputs["features"],
        "target": inputs["answer"],
    }
    twice = 2.0 * value("linear_regression", regression)
    return max(
        equal(("regularised_latent", inputs), ("sparse_coding", coding)),
        defect(value("regularised_latent", silent), twice, ("regularised_latent", silent)),
    )


def no_noise_no_denoising(rng):
    """denoising_autoencoder(x, x) = autoencoder(x), and its two slopes by x add up to that one's."""
    inputs = FORMULAS["autoencoder"].sample(rng)
    noisy = inputs | {"corrupted": inputs["point"], "target": inputs["point"]}
    noisy.pop("point")
    by = FORMULAS["denoising_autoencoder"].gradients
    slope = by["corrupted"](**noisy) + by["target"](**noisy)
    error = np.max(np.abs(slope - FORMULAS["autoencoder"].gradients["point"](**inputs)))
    same = equal(("autoencoder", inputs), ("denoising_autoencoder", noisy))
    return max(same, error / (64 * UNIT * (1.0 + np.max(np.abs(slope)))))


def contraction_is_an_extra(rng):
    """contractive_autoencoder = autoencoder + lambda contraction."""
    inputs = FORMULAS["contractive_autoencoder"].sample(rng)
    parts = value("autoencoder", inputs) + inputs["strength"] * value("contraction", inputs)
    return defect(value("contractive_autoencoder", inputs), parts, ("contractive_autoencoder", inputs))


def divergence_is_an_expected_excess(rng):
    """vae_divergence = E[gaussian_nll(0, 1, z) - gaussian_nll(mu, v, z)], z ~ N(mu, v): by quadrature.

    The excess is a parabola in z, for which three Gauss-Hermite nodes are exact.
    """
    m, t = rng.normal(), rng.normal()
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    z = m + nodes * np.exp(t / 2.0)
    excess = FORMULAS["gaussian_nll"](0.0, 1.0, z) - FORMULAS["gaussian_nll"](m, np.exp(t), z)
    integral = np.dot(weights, excess) / np.sum(weights)
    D = value("vae_divergence", {"mean": np.array([m]), "log_variance": np.array([t]), "beta": 1.0})
    return abs(D - integral) / (64 * UNIT * (1.0 + np.max(np.abs(excess))))


def price_and_reconstruction(rng):
    """vae = vae_divergence + |x - W z|^2/2, z = mu + eps sqrt(v): rbf_output's distance, halved."""
    inputs = FORMULAS["vae"].sample(rng)
    z = inputs["mean"] + inputs["noise"] * np.exp(inputs["log_variance"] / 2.0)
    distance = {"centers": np.dot(inputs["decoder"], z)[None], "features": inputs["observation"], "label": 0}
    parts = value("vae_divergence", inputs) + value("rbf_output", distance) / 2.0
    return defect(value("vae", inputs), parts, ("vae", inputs))


def centre_of_the_ellipse(rng):
    """ellipse_free_energy_at_origin = average_free_energy of ellipse over 64 angles, 2 pi left out."""
    inputs = FORMULAS["ellipse_free_energy_at_origin"].sample(rng)
    angles = np.arange(64) * 2.0 * np.pi / 64
    energies = FORMULAS["ellipse"](inputs["axes"], np.zeros(2), angles)
    grid = {"energies": energies, "beta": inputs["beta"]}
    return equal(("ellipse_free_energy_at_origin", inputs), ("average_free_energy", grid))


def ring_on_the_line(rng):
    """rings(x, r, v) with one radius, on the line, is the double_well of height 1/(2v)."""
    inputs = FORMULAS["double_well"].sample(rng)
    ring = {
        "point": np.array([inputs["point"]]),
        "radii": np.array([inputs["position"]]),
        "variance": 0.5 / inputs["height"],
    }
    return equal(("double_well", inputs), ("rings", ring))


def straight_banana(rng):
    """A banana without a bend is quadratic, with precisions 1/v and 1."""
    inputs = FORMULAS["banana"].sample(rng) | {"bend": 0.0}
    straight = {
        "point": inputs["point"],
        "center": np.zeros(2),
        "precision": np.diag([1.0 / inputs["variance"], 1.0]),
    }
    return equal(("banana", inputs), ("quadratic", straight))


def one_spin_is_two_classes(rng):
    """hopfield of one spin in the field G = w.x + b is two_class: E = -Y G."""
    inputs = FORMULAS["two_class"].sample(rng)
    G = np.dot(inputs["weights"], inputs["features"]) + inputs["bias"]
    spin = {"couplings": np.zeros((1, 1)), "fields": np.array([G]), "spins": np.array([inputs["answer"]])}
    return equal(("two_class", inputs), ("hopfield", spin))


# claim holder: the formulas it links
IDENTITIES = {
    **{score_is_minus_the_slope(name): (name, f"{name}_score") for name in DENSITIES},
    **{curvature_is_minus_the_trace(name): (f"{name}_score", f"{name}_curvature") for name in DENSITIES},
    detection_is_a_minimum_over_positions: ("latent_detector", "latent_detector_free_energy"),
    nearest_prototype_is_the_best_answer: ("k_means", "rbf_output"),
    cold_mixture_is_k_means: ("gaussian_mixture", "k_means"),
    surprise_at_the_component: ("gaussian_mixture", "gaussian_mixture_energy", "nll"),
    responsibilities_add_up: ("gaussian_mixture", "mixture"),
    round_components: ("mixture", "gaussian_mixture"),
    one_gaussian: ("mixture", "gaussian_nll", "quadratic"),
    best_code_without_a_price: ("pca", "sparse_coding"),
    code_beside_a_prediction: ("regularised_latent", "sparse_coding", "linear_regression"),
    no_noise_no_denoising: ("denoising_autoencoder", "autoencoder"),
    contraction_is_an_extra: ("contractive_autoencoder", "autoencoder", "contraction"),
    divergence_is_an_expected_excess: ("vae_divergence", "gaussian_nll"),
    price_and_reconstruction: ("vae", "vae_divergence", "rbf_output"),
    centre_of_the_ellipse: ("ellipse_free_energy_at_origin", "ellipse", "average_free_energy"),
    ring_on_the_line: ("rings", "double_well"),
    straight_banana: ("banana", "quadratic"),
    one_spin_is_two_classes: ("hopfield", "two_class"),
}
