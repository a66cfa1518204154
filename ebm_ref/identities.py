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
from ebm_ref.losses.table import random_table


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
