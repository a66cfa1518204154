r"""Identities of losses of an energy table: limits, special cases, bounds.

    0 <= L_nll - L_perceptron <= log(k)/beta
    0 <= L_log - L_hinge <= log(2)/beta    with E_y raised by m
    L_mee = 1 - e^{-beta L_nll}

Source: named with each; Section numbers are those of LeCun et al. (2006).
"""

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.laws import UNIT
from ebm_ref.losses.table import random_table
from ebm_ref.proof.identities.measure import allowance, between, equal, two_answers, value


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
    """mee = 1 - e^{-beta L}, L the nll: the same probability."""
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


# claim holder: the formulas it links
IDENTITIES = {
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
    regression_nll_is_energy_plus_a_constant: ("integral_table", "nll", "energy"),
}
