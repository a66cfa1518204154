r"""Identities of criteria: one loss under several names, and the losses of energies that they are.

    L(-E, y) = L_nll(E, y)      at beta = 1: a logit is an energy with the sign turned
    H(p, q) = H(p) + KL(p || q)

Source: named with each; Section numbers are those of LeCun et al. (2006).
"""

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.laws import UNIT
from ebm_ref.losses.integral_table import integral_table
from ebm_ref.losses.table import random_table
from ebm_ref.numerics import log_softmax, sigmoid
from ebm_ref.proof.identities.measure import allowance, between, defect, equal, value


def cross_entropy_is_nll(rng):
    """cross_entropy(-E) = nll(E) at beta = 1: a logit is an energy with the sign turned."""
    table = random_table(rng) | {"beta": 1.0}
    return equal(("cross_entropy", {"logits": -table["energies"], "label": table["label"]}), ("nll", table))


def cross_entropy_normalises_first(rng):
    """nll_of_log_probabilities(log_softmax(z)) = cross_entropy(z)."""
    inputs = FORMULAS["cross_entropy"].sample(rng)
    l = {"log_probabilities": log_softmax(inputs["logits"]), "label": inputs["label"]}
    return equal(("cross_entropy", inputs), ("nll_of_log_probabilities", l))


def two_gradients_joined_by_log_softmax(rng):
    """The gradient by log-probabilities, taken through log_softmax, is the one by logits; they differ."""
    z, y = FORMULAS["cross_entropy"].sample(rng).values()
    by_logits = FORMULAS["cross_entropy"].gradients["logits"](z, y)
    g = FORMULAS["nll_of_log_probabilities"].gradients["log_probabilities"](log_softmax(z), y)
    through = g - np.exp(log_softmax(z)) * g.sum()
    return np.max(np.abs(through - by_logits)) / (16 * UNIT) if np.any(g != by_logits) else np.inf


def one_hot_is_a_label(rng):
    """cross_entropy_of_probabilities with a one-hot target is cross_entropy."""
    inputs = FORMULAS["cross_entropy"].sample(rng)
    hot = inputs | {"target": np.eye(len(inputs["logits"]))[inputs["label"]]}
    return equal(("cross_entropy", inputs), ("cross_entropy_of_probabilities", hot))


def no_smoothing_is_cross_entropy(rng):
    """label_smoothing with s = 0 is cross_entropy."""
    inputs = FORMULAS["cross_entropy"].sample(rng) | {"smoothing": 0.0}
    return equal(("cross_entropy", inputs), ("label_smoothing", inputs))


def smoothing_mixes_in_every_class(rng):
    """label_smoothing = (1 - s) cross_entropy of y + s times its mean over all labels."""
    inputs = FORMULAS["label_smoothing"].sample(rng)
    s, labels = inputs["smoothing"], range(len(inputs["logits"]))
    mean = np.mean([value("cross_entropy", inputs | {"label": j}) for j in labels])
    mixed = (1 - s) * value("cross_entropy", inputs) + s * mean
    parts = [("cross_entropy", inputs | {"label": j}) for j in labels]
    return abs(value("label_smoothing", inputs) - mixed) / allowance(("label_smoothing", inputs), *parts)


def logistic_loss_is_log_of_two_energies(rng):
    """binary_cross_entropy_with_logits(z, t) = log loss, and nll, of energies (0, -z): 'no' and 'yes'."""
    z, t = rng.normal(scale=4.0), int(rng.integers(2))
    table = {"energies": np.array([0.0, -z]), "label": t, "beta": 1.0}
    logits = {"logit": z, "target": float(t), "logits": np.array([0.0, z]), "label": t}
    return equal(
        ("binary_cross_entropy_with_logits", logits),
        ("cross_entropy", logits),
        ("log", table),
        ("nll", table),
    )


def sigmoid_before_or_inside(rng):
    """binary_cross_entropy(sigmoid(z), t) = binary_cross_entropy_with_logits(z, t)."""
    inputs = FORMULAS["binary_cross_entropy_with_logits"].sample(rng)
    stated = inputs | {"probability": sigmoid(inputs["logit"])}
    return equal(("binary_cross_entropy_with_logits", inputs), ("binary_cross_entropy", stated))


def two_classes_are_one_probability(rng):
    """binary_cross_entropy(p, t) = cross_entropy_of_probabilities(log(1-p, p), (1-t, t))."""
    inputs = FORMULAS["binary_cross_entropy"].sample(rng)
    p, t = inputs["probability"], inputs["target"]
    both = {"logits": np.array([np.log1p(-p), np.log(p)]), "target": np.array([1.0 - t, t])}
    return equal(("binary_cross_entropy", inputs), ("cross_entropy_of_probabilities", both))


def focal_without_focus(rng):
    """focal with gamma = 0 is binary_cross_entropy_with_logits."""
    inputs = FORMULAS["binary_cross_entropy_with_logits"].sample(rng) | {"gamma": 0.0}
    return equal(("binary_cross_entropy_with_logits", inputs), ("focal", inputs))


def info_nce_is_cross_entropy(rng):
    """info_nce(s, y, tau) = cross_entropy(s/tau, y) = nll of energies -s at beta = 1/tau."""
    inputs = FORMULAS["info_nce"].sample(rng)
    s, y, tau = inputs.values()
    table = {"energies": -s, "label": y, "beta": 1.0 / tau}
    pair = equal(("info_nce", inputs), ("cross_entropy", {"logits": s / tau, "label": y}))
    error = abs(value("info_nce", inputs) - value("nll", table) / tau) if len(s) > 1 else 0.0
    return max(pair, error / (allowance(("info_nce", inputs)) + allowance(("nll", table)) / tau))


def huber_is_delta_times_smooth_l1(rng):
    """huber = delta smooth_l1 with beta = delta."""
    inputs = FORMULAS["huber"].sample(rng)
    parts = ("huber", inputs), ("smooth_l1", inputs | {"beta": inputs["delta"]})
    return defect(value(*parts[0]) / inputs["delta"], value(*parts[1]), *parts)


def wide_huber_is_half_the_square(rng):
    """huber with delta above the error is half squared_error."""
    inputs = FORMULAS["squared_error"].sample(rng)
    inputs |= {"delta": abs(inputs["prediction"] - inputs["target"]) + rng.uniform()}
    return defect(value("huber", inputs), 0.5 * value("squared_error", inputs), ("huber", inputs))


def narrow_huber_is_absolute(rng):
    """0 <= delta absolute_error - huber <= delta^2 / 2: over delta, huber tends to the absolute error."""
    inputs = FORMULAS["huber"].sample(rng) | {"delta": 10.0 ** rng.uniform(-6, 1)}
    lines = inputs["delta"] * value("absolute_error", inputs)
    allowed = 16 * UNIT * lines + allowance(("huber", inputs))
    return between(0.0, lines - value("huber", inputs), 0.5 * inputs["delta"] ** 2, allowed)


def smooth_l1_without_rounding_is_absolute(rng):
    """smooth_l1 with beta = 0 is absolute_error."""
    inputs = FORMULAS["absolute_error"].sample(rng) | {"beta": 0.0}
    return equal(("smooth_l1", inputs), ("absolute_error", inputs))


def log_cosh_is_two_log_losses(rng):
    """log_cosh(d) + log 2 = mean of the log losses of energies (2d, 0), once for each label."""
    inputs = FORMULAS["log_cosh"].sample(rng)
    d = inputs["prediction"] - inputs["target"]
    first, second = ({"energies": np.array([2.0 * d, 0.0]), "label": y, "beta": 1.0} for y in (0, 1))
    mean = 0.5 * (value("log", first) + value("log", second))
    return defect(
        value("log_cosh", inputs) + np.log(2.0), mean, ("log_cosh", inputs), ("log", first), ("log", second)
    )


def gaussian_of_variance_one_half(rng):
    """gaussian_nll with v = 1/2 is squared_error + log(pi)/2."""
    inputs = FORMULAS["squared_error"].sample(rng)
    normal = {"mean": inputs["prediction"], "variance": 0.5, "target": inputs["target"]}
    shifted = value("squared_error", inputs) + 0.5 * np.log(np.pi)
    return defect(value("gaussian_nll", normal), shifted, ("gaussian_nll", normal), ("squared_error", inputs))


def gaussian_nll_is_nll_of_a_parabola(rng):
    """gaussian_nll(m, 1/beta, y) = beta nll of the energies |m - y|^2 / 2, by quadrature over y."""
    m, beta, h = rng.uniform(-1.0, 1.0), rng.uniform(0.5, 2.0), 0.125
    nodes = np.arange(-96, 97) * h  # the trapezoidal rule is exact to 1e-30 for a Gaussian this well resolved
    table = integral_table(0.5 * (nodes - m) ** 2, np.full(len(nodes), h), beta)
    y = int(rng.integers(64, 129))
    density = beta * value("nll", {"energies": table, "label": y, "beta": beta}) + np.log(h)
    normal = {"mean": m, "variance": 1.0 / beta, "target": nodes[y]}
    return abs(value("gaussian_nll", normal) - density) / (16 * UNIT * len(nodes))


def expected_counts_are_nearly_gaussian(rng):
    """1/(12y+1) < poisson_nll(log y, y) - gaussian_nll(y, y, y) < 1/(12y): Robbins's bounds on Stirling."""
    y = float(rng.integers(1, 1000))
    counts, normal = {"log_rate": np.log(y), "target": y}, {"mean": y, "variance": y, "target": y}
    excess = value("poisson_nll", counts) - value("gaussian_nll", normal)
    allowed = allowance(("poisson_nll", counts), ("gaussian_nll", normal))
    return between(1.0 / (12.0 * y + 1.0), excess, 1.0 / (12.0 * y), allowed)


def divergence_is_expected_excess_of_nll(rng):
    """kl_divergence(log q, p) = sum_j p_j (nll(E, j) - nll(F, j)), E and F the energies of q and p."""
    k = int(rng.integers(2, 6))
    E, F = ({"energies": e, "beta": 1.0} for e in rng.normal(scale=1.5, size=(2, k)))
    p = np.exp(log_softmax(-F["energies"]))
    excess = [value("nll", E | {"label": j}) - value("nll", F | {"label": j}) for j in range(k)]
    inputs = {"log_q": log_softmax(-E["energies"]), "p": p}
    parts = [("nll", table | {"label": j}) for table in (E, F) for j in range(k)]
    return defect(value("kl_divergence", inputs), np.sum(p * excess), ("kl_divergence", inputs), *parts)


def cross_entropy_is_entropy_plus_divergence(rng):
    """cross_entropy_of_probabilities(log q, p) = kl_divergence(log q, p) + that of p itself, its entropy."""
    inputs = FORMULAS["kl_divergence"].sample(rng)
    cross = {"logits": inputs["log_q"], "target": inputs["p"] / np.sum(inputs["p"])}
    own = cross | {"logits": np.log(inputs["p"])}
    parts = [("cross_entropy_of_probabilities", table) for table in (cross, own)]
    total = value("kl_divergence", inputs) + value(*parts[1])
    return defect(value(*parts[0]), total, ("kl_divergence", inputs), *parts)


def reductions_of_equal_weights(rng):
    """With every weight and length 1 all five means are one, and n times it is the sum."""
    losses = FORMULAS["reduction_mean"].sample(rng)["losses"]
    n = len(losses)
    inputs = {"losses": losses, "weights": np.ones(n), "lengths": np.ones(n, int)}
    rows = {"losses": losses[:, None]}
    means = "mean", "class_weighted_mean", "element_weighted_mean", "by_target_length"
    same = equal(*((f"reduction_{name}", inputs) for name in means))
    batch = defect(
        value("reduction_batchmean", rows), value("reduction_mean", inputs), ("reduction_mean", inputs)
    )
    total = defect(
        value("reduction_sum", inputs), n * value("reduction_mean", inputs), ("reduction_sum", inputs)
    )
    return max(same, batch, total)


def batchmean_is_mean_times_classes(rng):
    """reduction_batchmean of (n, k) = k times reduction_mean of all elements: what KLDivLoss confuses."""
    rows = FORMULAS["reduction_batchmean"].sample(rng)
    mean = np.shape(rows["losses"])[1] * value("reduction_mean", {"losses": rows["losses"].ravel()})
    return defect(value("reduction_batchmean", rows), mean, ("reduction_batchmean", rows))


def two_weighted_means_differ_by_the_mean_weight(rng):
    """reduction_element_weighted_mean = reduction_class_weighted_mean times the mean of the weights."""
    inputs = FORMULAS["reduction_class_weighted_mean"].sample(rng)
    mean_weight = value("reduction_mean", {"losses": inputs["weights"]})
    product = mean_weight * value("reduction_class_weighted_mean", inputs)
    return defect(
        value("reduction_element_weighted_mean", inputs), product, ("reduction_element_weighted_mean", inputs)
    )


IDENTITIES = {
    cross_entropy_is_nll: ("cross_entropy", "nll"),
    cross_entropy_normalises_first: ("cross_entropy", "nll_of_log_probabilities"),
    two_gradients_joined_by_log_softmax: ("cross_entropy", "nll_of_log_probabilities"),
    one_hot_is_a_label: ("cross_entropy", "cross_entropy_of_probabilities"),
    no_smoothing_is_cross_entropy: ("cross_entropy", "label_smoothing"),
    smoothing_mixes_in_every_class: ("cross_entropy", "label_smoothing"),
    logistic_loss_is_log_of_two_energies: ("binary_cross_entropy_with_logits", "cross_entropy", "log", "nll"),
    sigmoid_before_or_inside: ("binary_cross_entropy", "binary_cross_entropy_with_logits"),
    two_classes_are_one_probability: ("binary_cross_entropy", "cross_entropy_of_probabilities"),
    focal_without_focus: ("focal", "binary_cross_entropy_with_logits"),
    info_nce_is_cross_entropy: ("info_nce", "cross_entropy", "nll"),
    huber_is_delta_times_smooth_l1: ("huber", "smooth_l1"),
    wide_huber_is_half_the_square: ("huber", "squared_error"),
    narrow_huber_is_absolute: ("huber", "absolute_error"),
    smooth_l1_without_rounding_is_absolute: ("smooth_l1", "absolute_error"),
    log_cosh_is_two_log_losses: ("log_cosh", "log"),
    gaussian_of_variance_one_half: ("gaussian_nll", "squared_error"),
    gaussian_nll_is_nll_of_a_parabola: ("gaussian_nll", "nll"),
    expected_counts_are_nearly_gaussian: ("poisson_nll", "gaussian_nll"),
    divergence_is_expected_excess_of_nll: ("kl_divergence", "nll"),
    cross_entropy_is_entropy_plus_divergence: ("kl_divergence", "cross_entropy_of_probabilities"),
    reductions_of_equal_weights: (
        "reduction_mean",
        "reduction_sum",
        "reduction_batchmean",
        "reduction_class_weighted_mean",
        "reduction_element_weighted_mean",
        "reduction_by_target_length",
    ),
    batchmean_is_mean_times_classes: ("reduction_batchmean", "reduction_mean"),
    two_weighted_means_differ_by_the_mean_weight: (
        "reduction_element_weighted_mean",
        "reduction_class_weighted_mean",
        "reduction_mean",
    ),
}
