r"""Identities of weights: a weight of 1 is none; likelihoods beyond Gauss and Poisson, overlaps, bands.

    L_w = L       where w = 1
    L_gamma = L    where gamma = 0
    L_nu -> L_gaussian    as nu -> infinity

Source: elementary; the papers that the pages cite.
"""

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.gamma import log_factorial
from ebm_ref.laws import UNIT
from ebm_ref.losses.table import random_table
from ebm_ref.proof.identities.measure import allowance, between, defect, equal, two_answers, value


def weight_one_is_no_weight(rng):
    """weighted_binary_cross_entropy with w = 1 is binary_cross_entropy_with_logits."""
    inputs = FORMULAS["binary_cross_entropy_with_logits"].sample(rng) | {"positive_weight": 1.0}
    return equal(("binary_cross_entropy_with_logits", inputs), ("weighted_binary_cross_entropy", inputs))


def a_positive_weight_is_that_of_a_class(rng):
    """weighted_binary_cross_entropy(z, y, w) = class_weighted_cross_entropy((0, z), y, (1, w))."""
    z, y, w = rng.normal(scale=3.0), int(rng.integers(2)), rng.uniform(0.2, 5.0)
    one = {"logit": z, "target": float(y), "positive_weight": w}
    two = {"logits": np.array([0.0, z]), "label": y, "weights": np.array([1.0, w])}
    return equal(("weighted_binary_cross_entropy", one), ("class_weighted_cross_entropy", two))


def equal_weights_are_a_factor(rng):
    """class_weighted_cross_entropy with all weights w is w cross_entropy."""
    inputs, w = FORMULAS["cross_entropy"].sample(rng), rng.uniform(0.2, 5.0)
    weighted = inputs | {"weights": np.full(len(inputs["logits"]), w)}
    return defect(
        value("class_weighted_cross_entropy", weighted),
        w * value("cross_entropy", inputs),
        ("class_weighted_cross_entropy", weighted),
    )


def balanced_focal_of_one_half(rng):
    """balanced_focal with alpha = 1/2 is half of focal; with gamma = 0, of binary cross-entropy."""
    inputs = FORMULAS["focal"].sample(rng) | {"alpha": 0.5}
    flat = inputs | {"gamma": 0.0}
    focal = defect(value("balanced_focal", inputs), 0.5 * value("focal", inputs), ("balanced_focal", inputs))
    binary = 0.5 * value("binary_cross_entropy_with_logits", flat)
    return max(focal, defect(value("balanced_focal", flat), binary, ("balanced_focal", flat)))


def unfocused_balance_is_a_weight(rng):
    """balanced_focal with gamma = 0 is (1 - alpha) weighted_binary_cross_entropy at w = alpha/(1 - alpha)."""
    inputs = FORMULAS["balanced_focal"].sample(rng) | {"gamma": 0.0}
    alpha = inputs["alpha"]
    weighted = inputs | {"positive_weight": alpha / (1.0 - alpha)}
    return defect(
        value("balanced_focal", inputs),
        (1.0 - alpha) * value("weighted_binary_cross_entropy", weighted),
        ("balanced_focal", inputs),
        ("weighted_binary_cross_entropy", weighted),
    )


def unfocused_classes_are_cross_entropy(rng):
    """multi_class_focal with gamma = 0, and poly_1 with eps = 0, are cross_entropy."""
    inputs = FORMULAS["cross_entropy"].sample(rng) | {"gamma": 0.0, "epsilon": 0.0}
    return equal(("cross_entropy", inputs), ("multi_class_focal", inputs), ("poly_1", inputs))


def focal_of_two_classes(rng):
    """multi_class_focal of two classes is focal of z_1 - z_0."""
    z, y, gamma = rng.normal(scale=2.0, size=2), int(rng.integers(2)), rng.uniform(0.3, 3.0)
    two = {"logits": z, "label": y, "gamma": gamma}
    one = {"logit": z[1] - z[0], "target": float(y), "gamma": gamma}
    return equal(("multi_class_focal", two), ("focal", one))


def focal_of_gamma_one_from_two_pages(rng):
    """multi_class_focal with gamma = 1 is (1 - p_y) cross_entropy, where poly_1 says what 1 - p_y is."""
    inputs = FORMULAS["cross_entropy"].sample(rng) | {"gamma": 1.0, "epsilon": 1.0}
    plain = value("cross_entropy", inputs)
    q = value("poly_1", inputs) - plain
    allowed = allowance(("multi_class_focal", inputs)) + plain * allowance(("poly_1", inputs))
    return abs(value("multi_class_focal", inputs) - q * plain) / allowed


def many_degrees_are_gaussian(rng):
    """student_t_nll - gaussian_nll(s^2) = (1 + 2x^2 - x^4)/(4 nu), but for 1/nu^2."""
    mu, x, s, nu = rng.normal(), rng.uniform(-2.0, 2.0), rng.uniform(0.3, 3.0), 10.0 ** rng.uniform(3.0, 14.0)
    t = {"location": mu, "scale": s, "degrees": nu, "target": mu + s * x}
    normal = {"mean": mu, "variance": s * s, "target": mu + s * x}
    excess = value("student_t_nll", t) - value("gaussian_nll", normal)
    step = (1.0 + 2.0 * x**2 - x**4) / (4.0 * nu)
    beyond = (1.0 + x**2) ** 3 / nu**2
    return between(
        step - beyond, excess, step + beyond, allowance(("student_t_nll", t), ("gaussian_nll", normal))
    )


def one_degree_is_cauchy(rng):
    """student_t_nll with nu = 1 is log(pi s (1 + x^2))."""
    inputs = FORMULAS["student_t_nll"].sample(rng) | {"degrees": 1.0}
    x = (inputs["target"] - inputs["location"]) / inputs["scale"]
    cauchy = np.log(np.pi * inputs["scale"] * (1.0 + x**2))
    return defect(value("student_t_nll", inputs), cauchy, ("student_t_nll", inputs))


def laplace_of_scale_one_half(rng):
    """laplace_nll with b = 1/2 is twice absolute_error: log(2b) is 0."""
    inputs = FORMULAS["absolute_error"].sample(rng)
    laplace = {"location": inputs["prediction"], "scale": 0.5, "target": inputs["target"]}
    return defect(
        value("laplace_nll", laplace), 2.0 * value("absolute_error", inputs), ("laplace_nll", laplace)
    )


def no_dispersion_is_poisson(rng):
    """negative_binomial_nll - poisson_nll = a (t - (t - mu)^2)/2 + O(a^2): the limit, and its first step."""
    inputs = FORMULAS["poisson_nll"].sample(rng) | {"dispersion": 10.0 ** rng.uniform(-14.0, -4.0)}
    z, t, a = inputs["log_rate"], inputs["target"], inputs["dispersion"]
    counts = inputs | {"log_mean": z}
    excess = value("negative_binomial_nll", counts) - value("poisson_nll", inputs)
    step, beyond = (
        0.5 * a * (t - (t - np.exp(z)) ** 2),
        (a * (1.0 + t + np.exp(z))) ** 2 * (1.0 + t + np.exp(z)),
    )
    allowed = allowance(("negative_binomial_nll", counts), ("poisson_nll", inputs))
    return between(step - beyond, excess, step + beyond, allowed)


def a_gamma_mixture_of_poisson(rng):
    """negative_binomial_nll is poisson_nll with a rate of Gamma's law, by quadrature over its logarithm."""
    inputs = FORMULAS["negative_binomial_nll"].sample(rng)
    z, a, t = inputs.values()
    r, h = 1.0 / a, 0.0625  # the trapezoidal rule is exact to 1e-17 in u = log(rate/mean)
    u = np.arange(-40.0 * a - 1.0, 5.0, h)
    log_gamma = log_factorial(r) - np.log(r)
    log_density = r * np.log(r) - log_gamma + r * u - r * np.exp(u)  # of u, not of the rate
    losses = [value("poisson_nll", {"log_rate": z + x, "target": t}) for x in u]
    p = h * np.sum(np.exp(log_density - losses))
    size = 1.0 + np.abs(r * np.log(r)) + np.abs(log_gamma)
    return abs(value("negative_binomial_nll", inputs) + np.log(p)) / (16 * UNIT * (len(u) + size))


def one_partner_is_info_nce(rng):
    """sup_con with one partner is info_nce."""
    inputs = FORMULAS["info_nce"].sample(rng)
    mask = 1 * (np.arange(len(inputs["similarities"])) == inputs["positive"])
    return equal(("info_nce", inputs), ("sup_con", inputs | {"positives": mask}))


def partners_are_a_soft_target(rng):
    """sup_con is cross_entropy_of_probabilities of s/tau, with the target 1/n at each partner."""
    inputs = FORMULAS["sup_con"].sample(rng)
    s, positives, tau = inputs.values()
    soft = {"logits": s / tau, "target": positives / np.sum(positives)}
    return equal(("sup_con", inputs), ("cross_entropy_of_probabilities", soft))


def square_of_the_hinge(rng):
    """squared_hinge = hinge^2; of two answers it is twice multi_margin(-E, y) with p = 2."""
    table = random_table(rng) | {"margin": rng.uniform(0.2, 2.0)}
    squares = defect(value("squared_hinge", table), value("hinge", table) ** 2, ("squared_hinge", table))
    two = two_answers(rng) | {"margin": rng.uniform(0.2, 2.0), "p": 2.0}
    scores = two | {"scores": -two["energies"]}
    twice = 2.0 * value("multi_margin", scores)
    return max(squares, defect(value("squared_hinge", two), twice, ("squared_hinge", two)))


def dice_counts_absolute_errors(rng):
    """dice of a mask of zeros and ones is the sum of absolute_error over the pixels, divided by D."""
    p, t = rng.uniform(size=4), rng.permutation([1.0, 0.0, 0.0, 1.0])
    inputs = {"probabilities": p, "targets": t, "smooth": rng.uniform(0.0, 2.0)}
    errors = sum(value("absolute_error", {"prediction": x, "target": y}) for x, y in zip(p, t, strict=True))
    D = np.sum(p) + np.sum(t) + inputs["smooth"]
    return defect(value("dice", inputs), errors / D, ("dice", inputs))


def squared_log_error_of_logarithms(rng):
    """squared_log_error(x, t) = squared_error(log(1 + x), log(1 + t))."""
    inputs = FORMULAS["squared_log_error"].sample(rng)
    logs = {name: np.log1p(x) for name, x in inputs.items()}
    return equal(("squared_log_error", inputs), ("squared_error", logs))


def a_wide_band_is_none(rng):
    """banded_alignment and banded_soft_alignment as wide as the table are alignment and soft_alignment."""
    inputs = FORMULAS["soft_alignment"].sample(rng)
    wide = inputs | {"width": max(inputs["distances"].shape) - 1}
    hard = equal(("alignment", inputs), ("banded_alignment", wide))
    return max(hard, equal(("soft_alignment", inputs), ("banded_soft_alignment", wide)))


def a_narrow_band_is_a_sum(rng):
    """Of a square table and width 0 both are the sum along the diagonal; a band between costs no less."""
    d, beta = rng.uniform(0.0, 3.0, size=(3, 3)), rng.uniform(0.3, 3.0)
    inputs = {"distances": d, "width": 0, "beta": beta}
    parts = ("banded_alignment", inputs), ("banded_soft_alignment", inputs)
    same = max(defect(value(*part), np.trace(d), part) for part in parts)
    one = inputs | {"width": 1}
    hard, soft = value("banded_alignment", one), value("banded_soft_alignment", one)
    allowed = allowance(("banded_soft_alignment", one))
    return max(same, between(hard - np.log(11.0) / beta, soft, min(hard, np.trace(d)), allowed))


IDENTITIES = {
    weight_one_is_no_weight: ("weighted_binary_cross_entropy", "binary_cross_entropy_with_logits"),
    a_positive_weight_is_that_of_a_class: ("weighted_binary_cross_entropy", "class_weighted_cross_entropy"),
    equal_weights_are_a_factor: ("class_weighted_cross_entropy", "cross_entropy"),
    balanced_focal_of_one_half: ("balanced_focal", "focal", "binary_cross_entropy_with_logits"),
    unfocused_balance_is_a_weight: ("balanced_focal", "weighted_binary_cross_entropy"),
    unfocused_classes_are_cross_entropy: ("multi_class_focal", "poly_1", "cross_entropy"),
    focal_of_two_classes: ("multi_class_focal", "focal"),
    focal_of_gamma_one_from_two_pages: ("multi_class_focal", "poly_1", "cross_entropy"),
    many_degrees_are_gaussian: ("student_t_nll", "gaussian_nll"),
    one_degree_is_cauchy: ("student_t_nll",),
    laplace_of_scale_one_half: ("laplace_nll", "absolute_error"),
    no_dispersion_is_poisson: ("negative_binomial_nll", "poisson_nll"),
    a_gamma_mixture_of_poisson: ("negative_binomial_nll", "poisson_nll"),
    one_partner_is_info_nce: ("sup_con", "info_nce"),
    partners_are_a_soft_target: ("sup_con", "cross_entropy_of_probabilities"),
    square_of_the_hinge: ("squared_hinge", "hinge", "multi_margin"),
    dice_counts_absolute_errors: ("dice", "absolute_error"),
    squared_log_error_of_logarithms: ("squared_log_error", "squared_error"),
    a_wide_band_is_none: ("banded_alignment", "banded_soft_alignment", "alignment", "soft_alignment"),
    a_narrow_band_is_a_sum: ("banded_alignment", "banded_soft_alignment"),
}
