r"""Identities: equations and limits that link formulas, each measured at random points.

    identity(rng) -> defect,      the identity holds where defect <= 1

They are what a single page cannot test about itself: that nll tends to perceptron, that two answers
make nll and log the same, that a model and a loss joined by the chain rule give the gradient of the
whole.  A defect is an error in units of 16 u C, C the condition of all evaluations involved (laws.py).

Source: named with each; Section numbers are those of LeCun et al. (2006).
Before: catalogue.py.  Next: oracle.py.
"""

import autograd
import autograd.numpy as anp
import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.laws import UNIT, condition
from ebm_ref.learning import energy_table, sample_gradient
from ebm_ref.losses.table import integral_table, random_table
from ebm_ref.numerics import log_softmax, sigmoid


def value(name, inputs):
    """Value of a formula, other keys of `inputs` left out."""
    return FORMULAS[name].value(**_own(name, inputs))


def _own(name, inputs):
    return {a: x for a, x in inputs.items() if a in FORMULAS[name].shapes}


def allowance(*evaluations):
    """16 u times the sum of the conditions of (name, inputs) evaluations."""
    return 16 * UNIT * sum(condition(FORMULAS[name], _own(name, inputs)) for name, inputs in evaluations)


def equal(*evaluations):
    """Largest difference between evaluations (name, inputs), in units of their allowance."""
    values = [value(name, inputs) for name, inputs in evaluations]
    spread = max(values) - min(values)
    return 0.0 if spread == 0.0 else spread / allowance(*evaluations)


def between(low, x, high, allowed):
    """How far x lies outside [low, high], in units of `allowed`."""
    outside = max(low - x, x - high, 0.0)
    return outside / allowed if outside else 0.0


def two_answers(rng):
    return {"energies": rng.normal(scale=3.0, size=2), "label": int(rng.integers(2))}


def nll_tends_to_perceptron(rng):
    """0 <= nll - perceptron <= log(k)/beta, so nll tends to perceptron as beta grows."""
    table = random_table(rng) | {"beta": 10.0 ** rng.uniform(-1, 4)}
    excess = value("nll", table) - value("perceptron", table)
    bound = np.log(len(table["energies"])) / table["beta"]
    return between(0.0, excess, bound, allowance(("nll", table), ("perceptron", table)))


def nll_of_two_is_log(rng):
    """For two answers nll is the log loss, at every beta."""
    table = two_answers(rng) | {"beta": rng.uniform(0.2, 5.0)}
    return equal(("nll", table), ("log", table))


def mce_of_two_is_mee(rng):
    """For two answers mce is mee at beta = 1."""
    table = two_answers(rng) | {"beta": 1.0}
    return equal(("mce", table), ("mee", table))


def mee_is_the_exponential_of_nll(rng):
    """mee = 1 - e^{-beta nll}: the same probability."""
    table = random_table(rng) | {"beta": rng.uniform(0.2, 3.0)}
    error = abs(value("mee", table) + np.expm1(-table["beta"] * value("nll", table)))
    return error / (allowance(("mee", table)) + table["beta"] * allowance(("nll", table)))


def hinge_without_margin(rng):
    """hinge with m = 0 is the perceptron, and lvq2 without a cap."""
    table = random_table(rng) | {"margin": 0.0, "cap": np.inf}
    return equal(("hinge", table), ("perceptron", table), ("lvq2", table))


def log_tends_to_hinge(rng):
    """0 <= (log loss of E with E_y raised by m) - hinge <= log(2)/beta: log is the hinge made soft."""
    table = random_table(rng) | {"margin": rng.uniform(0.0, 2.0), "beta": 10.0 ** rng.uniform(-1, 4)}
    raised = table | {"energies": table["energies"] + 0.0}
    raised["energies"][table["label"]] += table["margin"]
    excess = value("log", raised) - value("hinge", table)
    return between(0.0, excess, np.log(2.0) / table["beta"], allowance(("log", raised), ("hinge", table)))


def equal_costs_are_a_margin(rng):
    """With all costs m, margin_rescaled_hinge is the hinge, and generalized_hinge is no less."""
    m = rng.uniform(0.2, 3.0)
    table = random_table(rng)
    table |= {"margin": m, "costs": np.full(len(table["energies"]), m)}
    same = equal(("hinge", table), ("margin_rescaled_hinge", table))
    return max(same, 0.0 if value("generalized_hinge", table) >= value("hinge", table) else np.inf)


def one_violator_is_a_sum(rng):
    """For two answers generalized_hinge, margin_rescaled_hinge and hinge coincide."""
    m = rng.uniform(0.2, 3.0)
    table = two_answers(rng) | {"margin": m, "costs": np.array([m, m])}
    return equal(("hinge", table), ("margin_rescaled_hinge", table), ("generalized_hinge", table))


def ratio_is_a_capped_difference(rng):
    """lvq2_ratio is lvq2 with cap delta E_o, in units of that cap."""
    inputs = FORMULAS["lvq2_ratio"].sample(rng)
    E_o = inputs["energies"][FORMULAS["most_offending"].value(inputs["energies"], inputs["label"])]
    capped = inputs | {"cap": inputs["delta"] * E_o}
    error = abs(value("lvq2_ratio", inputs) - value("lvq2", capped) / capped["cap"])
    allowed = allowance(("lvq2_ratio", inputs)) + allowance(("lvq2", capped)) / capped["cap"]
    return error / allowed if error else 0.0


def square_square_is_a_squared_hinge(rng):
    """square_square = E_y^2 + (hinge with E_y put to 0)^2."""
    inputs = FORMULAS["square_square"].sample(rng)
    grounded = inputs | {"energies": inputs["energies"] + 0.0}
    grounded["energies"][inputs["label"]] = 0.0
    square = value("energy", inputs) ** 2 + value("hinge", grounded) ** 2
    error = abs(value("square_square", inputs) - square)
    return error / allowance(("square_square", inputs)) if error else 0.0


def softmax_is_normalised(rng):
    """The energies of softmax have free energy 0: their energy loss is their nll at beta = 1."""
    W, x, y = FORMULAS["softmax"].sample(rng).values()
    table = {"energies": energy_table(FORMULAS["softmax"].value, len(W), W, x), "label": y, "beta": 1.0}
    return equal(("energy", table), ("nll", table))


def softmax_is_nll_of_logits(rng):
    """softmax(W, x, y) = nll of the table -W x: the normaliser in the energy or in the loss."""
    inputs = FORMULAS["softmax"].sample(rng)
    table = {"energies": -inputs["weights"] @ inputs["features"], "label": inputs["label"], "beta": 1.0}
    return equal(("softmax", inputs), ("nll", table))


def distinct_centers_cannot_both_be_near(rng):
    """sqrt(E_C) + sqrt(E_I) >= D and E_C + E_I >= D^2/2 for RBF centres at distance D (Section 5)."""
    U, x, _ = FORMULAS["rbf_output"].sample(rng).values()
    E = energy_table(FORMULAS["rbf_output"].value, 2, U, x)
    D = np.sqrt(np.sum((U[0] - U[1]) ** 2))
    return max(
        between(D, np.sqrt(E).sum(), np.inf, 16 * UNIT * D),
        between(D**2 / 2, E.sum(), np.inf, 16 * UNIT * D**2),
    )


def two_class_energy(rng):
    """E = -Y G, Y = -1 or 1: hinge is [m - 2YG]_+, nll is log(1 + e^{-2 beta YG})/beta (Section 3.2)."""
    G, m, beta = rng.normal(scale=2.0), rng.uniform(0.0, 3.0), rng.uniform(0.2, 3.0)
    y = int(rng.integers(2))
    Y = 2 * y - 1
    table = {"energies": np.array([G, -G]), "label": y, "margin": m, "beta": beta}
    hinge = abs(value("hinge", table) - max(0.0, m - 2 * Y * G)) / (16 * UNIT * (m + 2 * abs(G)))
    nll = abs(value("nll", table) - np.log1p(np.exp(-2 * beta * Y * G)) / beta) / allowance(("nll", table))
    return max(hinge, nll)


def regression_nll_is_energy_plus_a_constant(rng):
    """For E = |G - y|^2/2 in n dimensions, nll - energy = (n / 2 beta) log(2 pi / beta), by quadrature."""
    n, beta, h = int(rng.integers(1, 3)), rng.uniform(0.5, 2.0), 0.25
    line = np.arange(-48, 49) * h  # the trapezoidal rule errs by 1e-30 for a Gaussian this well resolved
    nodes = np.stack(np.meshgrid(*[line] * n), axis=-1).reshape(-1, n)
    energies = 0.5 * np.sum((nodes - rng.uniform(-1.0, 1.0, size=n)) ** 2, axis=1)
    rule = {"energies": energies, "weights": np.full(len(nodes), h**n), "beta": beta}
    mass = {"energies": value("integral_table", rule), "label": int(np.argmin(energies)), "beta": beta}
    density = value("nll", mass) + n * np.log(h) / beta
    constant = n / (2 * beta) * np.log(2 * np.pi / beta)
    return abs(density - value("energy", mass | {"energies": energies}) - constant) / (
        16 * UNIT * len(line) * n
    )


def rows_of(z):
    return np.array([log_softmax(row) for row in z])


def ctc_normalises_first(rng):
    """ctc(log_softmax(z)) = ctc_of_logits(z); -gamma taken through log_softmax is softmax - gamma."""
    inputs = FORMULAS["ctc_of_logits"].sample(rng)
    z, target, blank = inputs.values()
    lp = rows_of(z)
    g = FORMULAS["ctc"].gradients["log_probabilities"](lp, target, blank)
    through = g - np.exp(lp) * g.sum(axis=1, keepdims=True)
    error = np.max(np.abs(through - FORMULAS["ctc_of_logits"].gradients["logits"](z, target, blank)))
    same = equal(("ctc_of_logits", inputs), ("ctc", inputs | {"log_probabilities": lp}))
    return max(same, error / (16 * UNIT * (1.0 + np.abs(z).max())))


def ctc_of_one_moment(rng):
    """ctc of one moment and one label is nll_of_log_probabilities; ctc_of_logits is cross_entropy."""
    z, blank = rng.normal(scale=3.0, size=(1, 3)), int(rng.integers(3))
    label = (blank + int(rng.integers(1, 3))) % 3
    one = {"logits": z, "log_probabilities": rows_of(z), "target": np.array([label]), "blank": blank}
    row = {"logits": z[0], "log_probabilities": rows_of(z)[0], "label": label}
    return max(
        equal(("ctc_of_logits", one), ("cross_entropy", row)),
        equal(("ctc", one), ("nll_of_log_probabilities", row)),
    )


def ctc_without_slack(rng):
    """Where t = u + equal neighbours one path is left, and ctc_of_logits is the sum of its cross_entropy."""
    target = rng.integers(1, 3, size=3)
    path = np.concatenate([[0, k] if i and k == target[i - 1] else [k] for i, k in enumerate(target)])
    z = rng.normal(scale=3.0, size=(len(path), 3))
    whole = {"logits": z, "target": target, "blank": 0}
    rows = [("cross_entropy", {"logits": row, "label": int(k)}) for row, k in zip(z, path, strict=True)]
    error = abs(value("ctc_of_logits", whole) - sum(value(*row) for row in rows))
    return error / allowance(("ctc_of_logits", whole), *rows)


def transducer_of_no_label(rng):
    """With an empty target transducer and ctc are the same: blanks throughout."""
    lp = rows_of(rng.normal(scale=3.0, size=(3, 2)))
    empty = {"target": np.array([], int), "blank": int(rng.integers(2))}
    grid = empty | {"log_probabilities": lp[:, None]}
    return equal(("transducer", grid), ("ctc", empty | {"log_probabilities": lp}))


def transducer_of_one_moment(rng):
    """A transducer of one moment has one way: the sum of nll_of_log_probabilities, the blank last."""
    lp, target = rows_of(rng.normal(scale=3.0, size=(3, 3))), rng.integers(1, 3, size=2)
    whole = {"log_probabilities": lp[None], "target": target, "blank": 0}
    steps = zip(lp, [*map(int, target), 0], strict=True)
    rows = [("nll_of_log_probabilities", {"log_probabilities": row, "label": k}) for row, k in steps]
    error = abs(value("transducer", whole) - sum(value(*row) for row in rows))
    return error / allowance(("transducer", whole), *rows)


def chain_rule_gives_the_gradient_of_the_whole(loss, energy, weights):
    """Identity maker: explicit loss gradient times explicit energy gradient = autograd of the composition."""

    def identity(rng):
        f, E = FORMULAS[loss], FORMULAS[energy]
        W, x, _ = E.sample(rng).values()
        own = {a: v for a, v in f.sample(rng).items() if a not in ("energies", "label")}
        extra = {a: np.resize(v, len(W)) if np.ndim(v) else v for a, v in own.items()}
        label = int(rng.integers(len(W)))
        whole = lambda W: f.value(anp.array([E.value(W, x, y) for y in range(len(W))]), label, **extra)
        bound = lambda table, y: f.gradients["energies"](table, y, **extra)
        ours = sample_gradient(bound, E.value, E.gradients[weights], len(W), W, x, label)
        theirs = autograd.grad(whole)(W)
        return np.max(np.abs(ours - theirs)) / (1e-10 * max(1.0, np.max(np.abs(theirs))))

    identity.__doc__ = (
        f"Chain rule, {loss} of {energy}: explicit gradients multiply to autograd's of the whole, rtol 1e-10."
    )
    return identity


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


def _error(left, right, *evaluations):
    """|left - right| in units of the allowance of the evaluations that went into them."""
    error = abs(left - right)
    return error / allowance(*evaluations) if error else 0.0


def huber_is_delta_times_smooth_l1(rng):
    """huber = delta smooth_l1 with beta = delta."""
    inputs = FORMULAS["huber"].sample(rng)
    parts = ("huber", inputs), ("smooth_l1", inputs | {"beta": inputs["delta"]})
    return _error(value(*parts[0]) / inputs["delta"], value(*parts[1]), *parts)


def wide_huber_is_half_the_square(rng):
    """huber with delta above the error is half squared_error."""
    inputs = FORMULAS["squared_error"].sample(rng)
    inputs |= {"delta": abs(inputs["prediction"] - inputs["target"]) + rng.uniform()}
    return _error(value("huber", inputs), 0.5 * value("squared_error", inputs), ("huber", inputs))


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
    return _error(
        value("log_cosh", inputs) + np.log(2.0), mean, ("log_cosh", inputs), ("log", first), ("log", second)
    )


def gaussian_of_variance_one_half(rng):
    """gaussian_nll with v = 1/2 is squared_error + log(pi)/2."""
    inputs = FORMULAS["squared_error"].sample(rng)
    normal = {"mean": inputs["prediction"], "variance": 0.5, "target": inputs["target"]}
    shifted = value("squared_error", inputs) + 0.5 * np.log(np.pi)
    return _error(value("gaussian_nll", normal), shifted, ("gaussian_nll", normal), ("squared_error", inputs))


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
    return _error(value("kl_divergence", inputs), np.sum(p * excess), ("kl_divergence", inputs), *parts)


def cross_entropy_is_entropy_plus_divergence(rng):
    """cross_entropy_of_probabilities(log q, p) = kl_divergence(log q, p) + that of p itself, its entropy."""
    inputs = FORMULAS["kl_divergence"].sample(rng)
    cross = {"logits": inputs["log_q"], "target": inputs["p"] / np.sum(inputs["p"])}
    own = cross | {"logits": np.log(inputs["p"])}
    parts = [("cross_entropy_of_probabilities", table) for table in (cross, own)]
    total = value("kl_divergence", inputs) + value(*parts[1])
    return _error(value(*parts[0]), total, ("kl_divergence", inputs), *parts)


def reductions_of_equal_weights(rng):
    """With every weight and length 1 all five means are one, and n times it is the sum."""
    losses = FORMULAS["reduction_mean"].sample(rng)["losses"]
    n = len(losses)
    inputs = {"losses": losses, "weights": np.ones(n), "lengths": np.ones(n, int)}
    rows = {"losses": losses[:, None]}
    means = "mean", "class_weighted_mean", "element_weighted_mean", "by_target_length"
    same = equal(*((f"reduction_{name}", inputs) for name in means))
    batch = _error(
        value("reduction_batchmean", rows), value("reduction_mean", inputs), ("reduction_mean", inputs)
    )
    total = _error(
        value("reduction_sum", inputs), n * value("reduction_mean", inputs), ("reduction_sum", inputs)
    )
    return max(same, batch, total)


def batchmean_is_mean_times_classes(rng):
    """reduction_batchmean of (n, k) = k times reduction_mean of all elements: what KLDivLoss confuses."""
    rows = FORMULAS["reduction_batchmean"].sample(rng)
    mean = np.shape(rows["losses"])[1] * value("reduction_mean", {"losses": rows["losses"].ravel()})
    return _error(value("reduction_batchmean", rows), mean, ("reduction_batchmean", rows))


def two_weighted_means_differ_by_the_mean_weight(rng):
    """reduction_element_weighted_mean = reduction_class_weighted_mean times the mean of the weights."""
    inputs = FORMULAS["reduction_class_weighted_mean"].sample(rng)
    mean_weight = value("reduction_mean", {"losses": inputs["weights"]})
    product = mean_weight * value("reduction_class_weighted_mean", inputs)
    return _error(
        value("reduction_element_weighted_mean", inputs), product, ("reduction_element_weighted_mean", inputs)
    )


def pair_of(table):
    """E_C and E_I of a table of two answers."""
    return table["energies"][table["label"]], table["energies"][1 - table["label"]]


def ranking_two_energies_is_the_hinge(rng):
    """margin_ranking(E_C, E_I, -1, m) = hinge of the two energies with margin m."""
    table = two_answers(rng) | {"margin": rng.uniform(0.0, 4.0)}
    E_C, E_I = pair_of(table)
    return equal(("margin_ranking", table | {"x1": E_C, "x2": E_I, "sign": -1}), ("hinge", table))


def soft_margin_is_the_log_loss(rng):
    """soft_margin(E_I - E_C, 1) = log loss of the two energies = binary_cross_entropy_with_logits of 1."""
    table = two_answers(rng) | {"beta": 1.0}
    E_C, E_I = pair_of(table)
    score = {"score": E_I - E_C, "sign": 1, "logit": E_I - E_C, "target": 1.0}
    return equal(("soft_margin", score), ("log", table), ("binary_cross_entropy_with_logits", score))


def soft_margin_is_a_soft_ranking(rng):
    """0 <= soft_margin(s, y) - margin_ranking(s, 0, y, 0) <= log 2."""
    inputs = FORMULAS["soft_margin"].sample(rng)
    ranked = {"x1": inputs["score"], "x2": 0.0, "sign": inputs["sign"], "margin": 0.0}
    excess = value("soft_margin", inputs) - value("margin_ranking", ranked)
    return between(0.0, excess, np.log(2.0), allowance(("soft_margin", inputs), ("margin_ranking", ranked)))


def multi_margin_is_the_generalized_hinge(rng):
    """k multi_margin(-E, y) for p = 1 is generalized_hinge(E, y) with all costs m."""
    m, table = rng.uniform(0.2, 3.0), random_table(rng)
    k = len(table["energies"])
    table |= {"costs": np.full(k, m), "scores": -table["energies"], "p": 1, "margin": m}
    error = abs(k * value("multi_margin", table) - value("generalized_hinge", table))
    allowed = k * allowance(("multi_margin", table)) + allowance(("generalized_hinge", table))
    return error / allowed if error else 0.0


def one_right_class(rng):
    """multilabel_margin with a single target y is multi_margin(x, y) with p = 1 and m = 1."""
    inputs = FORMULAS["multi_margin"].sample(rng) | {"p": 1, "margin": 1.0}
    targets = np.full(len(inputs["scores"]), -1)
    targets[0] = inputs["label"]
    return equal(("multi_margin", inputs), ("multilabel_margin", inputs | {"targets": targets}))


def multilabel_soft_margin_is_a_mean(rng):
    """multilabel_soft_margin = mean over the classes of soft_margin(x_i, 2 t_i - 1)."""
    inputs = FORMULAS["multilabel_soft_margin"].sample(rng)
    singles = [
        ("soft_margin", {"score": x, "sign": int(2 * t - 1)})
        for x, t in zip(inputs["scores"], inputs["targets"], strict=True)
    ]
    mean = np.mean([value(*single) for single in singles])
    allowed = allowance(("multilabel_soft_margin", inputs)) + allowance(*singles) / len(singles)
    return abs(value("multilabel_soft_margin", inputs) - mean) / allowed


def contrastive_is_hinge_embedding_of_an_energy(rng):
    """contrastive(x1, x2, Y, m) = hinge_embedding(D^2, 2Y - 1, m), D^2 = rbf_output's energy, centre x2."""
    inputs = FORMULAS["contrastive"].sample(rng)
    centre = {"centers": inputs["x2"][None], "features": inputs["x1"], "label": 0}
    squared = {"distance": value("rbf_output", centre), "sign": 2 * inputs["same"] - 1}
    hinge = ("hinge_embedding", inputs | squared)
    error = abs(value("contrastive", inputs) - value(*hinge))
    allowed = allowance(("contrastive", inputs), hinge, ("rbf_output", centre))
    return error / allowed if error else 0.0


def distance_between(x, y):
    return np.sqrt(np.sum((x - y) ** 2))


def springs_are_square_square(rng):
    """2 contrastive_distance of a like pair plus that of an unlike pair = square_square of (d_1, d_2)."""
    like, unlike = (FORMULAS["contrastive_distance"].sample(rng) | {"same": Y} for Y in (1, 0))
    d = np.array([distance_between(pair["x1"], pair["x2"]) for pair in (like, unlike)])
    table = {"energies": d, "label": 0, "margin": unlike["margin"]}
    pairs = [("contrastive_distance", like), ("contrastive_distance", unlike)]
    error = abs(2.0 * sum(value(*pair) for pair in pairs) - value("square_square", table))
    return error / (2.0 * allowance(*pairs) + allowance(("square_square", table)))


def springs_are_half_a_squared_hinge_embedding(rng):
    """contrastive_distance(x1, x2, Y, m) = hinge_embedding(d, 2Y - 1, m)^2 / 2."""
    inputs = FORMULAS["contrastive_distance"].sample(rng)
    d = {"distance": distance_between(inputs["x1"], inputs["x2"]), "sign": 2 * inputs["same"] - 1}
    hinge = ("hinge_embedding", inputs | d)
    error = abs(value("contrastive_distance", inputs) - value(*hinge) ** 2 / 2)
    allowed = allowance(("contrastive_distance", inputs)) + abs(value(*hinge)) * allowance(hinge)
    return error / allowed if error else 0.0


def triplet_is_the_hinge_of_two_distances(rng):
    """triplet_margin for p = 2 is the hinge of the energies |a - p| and |a - n|, roots of rbf_output's."""
    inputs = FORMULAS["triplet_margin"].sample(rng) | {"p": 2.0}
    points = {"centers": np.stack([inputs["positive"], inputs["negative"]]), "features": inputs["anchor"]}
    roots = np.sqrt([value("rbf_output", points | {"label": y}) for y in (0, 1)])
    table = {"energies": roots, "label": 0, "margin": inputs["margin"]}
    return equal(("triplet_margin", inputs), ("hinge", table))


def cosine_is_a_distance_of_directions(rng):
    """cosine_embedding(x1, x2, 1) = contrastive_distance and contrastive/2 of the unit vectors, Y = 1."""
    inputs = FORMULAS["cosine_embedding"].sample(rng) | {"sign": 1}
    units = {a: inputs[a] / np.sqrt(np.sum(inputs[a] ** 2)) for a in ("x1", "x2")}
    units |= {"same": 1, "margin": 0.0}
    half = abs(value("contrastive", units) / 2 - value("cosine_embedding", inputs))
    return max(
        equal(("cosine_embedding", inputs), ("contrastive_distance", units)),
        half / allowance(("cosine_embedding", inputs), ("contrastive", units)),
    )


# claim holder: the formulas it links
IDENTITIES = (
    {
        nll_tends_to_perceptron: ("nll", "perceptron"),
        nll_of_two_is_log: ("nll", "log"),
        mce_of_two_is_mee: ("mce", "mee"),
        mee_is_the_exponential_of_nll: ("mee", "nll"),
        hinge_without_margin: ("hinge", "perceptron", "lvq2"),
        log_tends_to_hinge: ("log", "hinge"),
        equal_costs_are_a_margin: ("margin_rescaled_hinge", "generalized_hinge", "hinge"),
        one_violator_is_a_sum: ("generalized_hinge", "margin_rescaled_hinge", "hinge"),
        ratio_is_a_capped_difference: ("lvq2_ratio", "lvq2", "most_offending"),
        square_square_is_a_squared_hinge: ("square_square", "energy", "hinge"),
        softmax_is_normalised: ("softmax", "energy", "nll"),
        softmax_is_nll_of_logits: ("softmax", "nll"),
        distinct_centers_cannot_both_be_near: ("rbf_output",),
        two_class_energy: ("hinge", "nll"),
        regression_nll_is_energy_plus_a_constant: ("integral_table", "nll", "energy"),
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
        cross_entropy_is_nll: ("cross_entropy", "nll"),
        cross_entropy_normalises_first: ("cross_entropy", "nll_of_log_probabilities"),
        two_gradients_joined_by_log_softmax: ("cross_entropy", "nll_of_log_probabilities"),
        one_hot_is_a_label: ("cross_entropy", "cross_entropy_of_probabilities"),
        no_smoothing_is_cross_entropy: ("cross_entropy", "label_smoothing"),
        smoothing_mixes_in_every_class: ("cross_entropy", "label_smoothing"),
        logistic_loss_is_log_of_two_energies: (
            "binary_cross_entropy_with_logits",
            "cross_entropy",
            "log",
            "nll",
        ),
        sigmoid_before_or_inside: ("binary_cross_entropy", "binary_cross_entropy_with_logits"),
        two_classes_are_one_probability: ("binary_cross_entropy", "cross_entropy_of_probabilities"),
        focal_without_focus: ("focal", "binary_cross_entropy_with_logits"),
        info_nce_is_cross_entropy: ("info_nce", "cross_entropy", "nll"),
        ranking_two_energies_is_the_hinge: ("margin_ranking", "hinge"),
        soft_margin_is_the_log_loss: ("soft_margin", "log", "binary_cross_entropy_with_logits"),
        soft_margin_is_a_soft_ranking: ("soft_margin", "margin_ranking"),
        multi_margin_is_the_generalized_hinge: ("multi_margin", "generalized_hinge"),
        one_right_class: ("multilabel_margin", "multi_margin"),
        multilabel_soft_margin_is_a_mean: ("multilabel_soft_margin", "soft_margin"),
        contrastive_is_hinge_embedding_of_an_energy: ("contrastive", "hinge_embedding", "rbf_output"),
        springs_are_square_square: ("contrastive_distance", "square_square"),
        springs_are_half_a_squared_hinge_embedding: ("contrastive_distance", "hinge_embedding"),
        triplet_is_the_hinge_of_two_distances: ("triplet_margin", "hinge", "rbf_output"),
        ctc_normalises_first: ("ctc", "ctc_of_logits"),
        ctc_of_one_moment: ("ctc", "ctc_of_logits", "nll_of_log_probabilities", "cross_entropy"),
        ctc_without_slack: ("ctc_of_logits", "cross_entropy"),
        transducer_of_no_label: ("transducer", "ctc"),
        transducer_of_one_moment: ("transducer", "nll_of_log_probabilities"),
        cosine_is_a_distance_of_directions: ("cosine_embedding", "contrastive_distance", "contrastive"),
    }
    | {
        chain_rule_gives_the_gradient_of_the_whole(loss, energy, weights): (loss, energy)
        for loss, formula in FORMULAS.items()
        if tuple(formula.shapes)[:2] == ("energies", "label") and formula.gradients and loss != "lvq2_ratio"
        for energy, weights in (("softmax", "weights"), ("rbf_output", "centers"))
    }
    | {
        chain_rule_gives_the_gradient_of_the_whole("lvq2_ratio", "rbf_output", "centers"): (
            "lvq2_ratio",
            "rbf_output",
        )
    }
)
