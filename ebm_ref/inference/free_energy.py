r"""Free energy: the energy of many explanations together.

    F        = -(1/beta) log sum_z e^{-beta E_z}
    dF/dE_z  = p_z = e^{-beta (E_z - F)}
    dF/dbeta = H(p) / beta^2,    H(p) = -sum_z p_z log p_z

An answer that can be explained in several ways z has an energy for each of them; z is a latent variable.
F is lower than the lowest of these energies, the more so the more of them lie low.  e^{-beta F} is their
total weight, so p(y) ~ e^{-beta F(y)} whatever z.  The weights p_z are the softargmin of E, the posterior
p(z | y), and H is their entropy.  For k values of z,

    min E - log(k)/beta <= F <= min E.

As beta grows F tends to the minimum; only there are the two equal.  As beta -> 0, F ~ -log(k)/beta has
no limit; average_free_energy.py has one.

log Z = -beta F needs a sum over all z, or draws from elsewhere.  Draws z_i of the model itself do not give
it: the mean of e^{-beta E(z_i)} tends to Z(2 beta) / Z(beta), and the gradient of that belongs to twice the
beta.  They do give the gradient of F, as the mean of dE(z_i).

e^{-beta E} over- and underflows, and beside a weight of 1 one of 1e-17 is lost.  So energies are counted from
the lowest, and log1p adds what the others contribute.

Source: LeCun et al. (2006), Section 2.2.4; NYU DLSP20, weeks 7, 14 and 15, with errata below.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_positive
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import gradient_sums_to, homogeneous, permutation_invariant
from ebm_ref.numerics import logsumexp, softmax, total, weighted


def free_energy_as_printed(energies, beta=1.0):
    """The formula as it stands, which loses what is e^-40 of the sum, and is infinite where beta E is 746.

    >>> float(free_energy_as_printed(np.array([0.0, 40.0])))  # it is -e^-40
    -0.0
    """
    E, beta = FORMULA.checked(energies, beta)
    return -np.log(np.sum(np.exp(-beta * E))) / beta


def free_energy(energies, beta=1.0):
    """F: the energy of many explanations together.

    Parameters
    ----------
    energies : (k,) float, k >= 1
        E_z of each value of the latent variable; +inf marks an impossible one.  A NaN gives NaN.
    beta : float
        Inverse temperature, > 0, in units of 1/energy.

    Returns
    -------
    float
        At most min E, in units of energy; +inf where nothing is possible.

    Raises ValueError if k < 1, if an energy is -inf, or if beta is not positive and finite.

    Three ways to read a word, at 2.0, 0.8 and 1.4:

    >>> round(float(free_energy(np.array([2.0, 0.8, 1.4]))), 8)
    0.1848112
    """
    E, beta = FORMULA.checked(energies, beta)
    s = np.argmin(E)
    if not np.isfinite(E[s]):
        return E[s]
    return E[s] - logsumexp(beta * (E[s] - E)) / beta


def free_energy_energies_gradient(energies, beta=1.0):
    """dF/dE, shape (k,): the softargmin, p = e^{-beta E} / sum e^{-beta E}; 0 where nothing is possible."""
    E, beta = FORMULA.checked(energies, beta)
    return softargmin(E, beta)


def free_energy_beta_gradient(energies, beta=1.0):
    """dF/dbeta = H / beta^2 >= 0, as sum p_z (E_z - E_s) / beta + log(Z e^{beta E_s}) / beta^2, s lowest."""
    E, beta = FORMULA.checked(energies, beta)
    s = np.argmin(E)
    if not np.isfinite(E[s]):
        return 0.0 if E[s] == np.inf else np.nan
    rise = E - E[s]
    root = np.exp(-0.5 * beta * rise)  # a subnormal weight has few digits, its root has all
    mean = total(root * weighted(root, rise)) / total(root**2)
    return (mean + logsumexp(-beta * rise) / beta) / beta


def softargmin(E, beta):
    """p_z = e^{-beta E_z} / sum e^{-beta E}; 0 where nothing is possible."""
    s = np.argmin(E)
    return np.zeros(len(E)) if E[s] == np.inf else softmax(beta * (E[s] - E))


def rules(energies, beta):
    """Something to be explained, by no energy of -inf, at a temperature."""
    require(len(energies) >= 1, "energies", energies, "must hold k >= 1 numbers")
    require(not np.any(energies == -np.inf), "energies", energies, "must be above -inf")
    require_positive("beta", beta)


def shifts_with_the_energies(formula, inputs, rng):
    """f(E + c) = f(E) + c."""
    c = rng.normal(scale=8.0)
    raised = inputs | {"energies": inputs["energies"] + c}
    error = abs(formula.value(**raised) - formula.value(**inputs) - c)
    size = np.max(np.abs(raised["energies"])) + np.max(np.abs(inputs["energies"])) + abs(c)
    size = size + 2.0 * abs(formula.value(**inputs)) + 2.0 * np.log(len(inputs["energies"])) / inputs["beta"]
    return error / (16 * 2.0**-53 * size)


def random_latent(rng):
    """2 to 5 distinct energies of either sign, at a moderate temperature."""
    return {"energies": rng.normal(scale=2.0, size=rng.integers(2, 6)), "beta": rng.uniform(0.3, 3.0)}


TINY = 4.248354255291589e-18  # e^-40

NO_ENERGIES = {  # (energies, beta), the argument to blame
    "no explanation": ([], "energies"),
    "an energy of -inf": ([0.0, -np.inf], "energies"),
    "an infinite temperature": (([0.0, 1.0], 0.0), "beta"),
    "a negative temperature": (([0.0, 1.0], -1.0), "beta"),
    "a temperature of 0": (([0.0, 1.0], np.inf), "beta"),
    "a temperature that is no number": (([0.0, 1.0], np.nan), "beta"),
}

FORMULA = Formula(
    value=free_energy,
    signature="(k),()->()",
    source="lecun2006, Section 2.2.4",
    gradients={"energies": free_energy_energies_gradient, "beta": free_energy_beta_gradient},
    sample=random_latent,
    laws=(
        shifts_with_the_energies,
        permutation_invariant,
        gradient_sums_to("energies", 1.0),
        homogeneous(1, energies=1, beta=-1),
    ),
    cases={  # (energies, beta), F, (dF/dE, dF/dbeta), the mistake that it exposes
        "cut, cap, cat: three readings of a word": Case(
            ([2.0, 0.8, 1.4], 1.0), 0.18481119983031491, exposes="logarithm forgotten"
        ),
        "two alike: lower than either by log(2)/beta": Case(
            ([1.0, 1.0], 2.0), 1.0 - np.log(2.0) / 2.0, ([0.5, 0.5], np.log(2.0) / 4.0), "1/beta forgotten"
        ),
        "a single explanation: its energy, at every temperature": Case(
            ([3.0], 0.5), 3.0, ([1.0], 0.0), "sign of the exponent lost"
        ),
        "what is impossible does not count": Case(
            ([2.0, np.inf], 1.0), 2.0, ([1.0, 0.0], 0.0), "argmin taken for the minimum"
        ),
        "nothing is possible": Case(
            ([np.inf, np.inf], 1.0), np.inf, ([0.0, 0.0], 0.0), exposes="slope of infinity less infinity"
        ),
        "near certain: what the other explanation adds is e^-40": Case(
            ([0.0, 40.0], 1.0), -TINY, ([1.0, TINY], 41.0 * TINY), "minimum, whatever beta"
        ),
        "far up: e^-800 is 0 in double precision, the free energy is not infinite": Case(
            ([800.0, 800.0], 1.0),
            800.0 - np.log(2.0),
            ([0.5, 0.5], np.log(2.0)),
            "logarithm of a sum of exponentials",
        ),
        "two levels: Z(2 beta) / Z(beta) is not Z(beta)": Case(
            ([0.0, np.log(3.0)], 1.0),
            -np.log(4.0 / 3.0),
            {"energies": [0.75, 0.25]},
            "averaged over samples of its own distribution",
        ),
        "not a number": Case(([0.0, np.nan], 1.0), np.nan, ([np.nan, np.nan], np.nan)),
        "the only explanation is impossible": Case(
            ([np.inf], 1.0), np.inf, ([0.0], 0.0), "infinity less infinity"
        ),
    },
    variants={
        "logarithm forgotten": Mistake(
            lambda E, beta=1.0: -np.sum(np.exp(-beta * E)) / beta,
            seen_in="NYU DLSP20 weeks 7-2 and 14-2, printed losses",
            symptom="what lies low dominates without bound; constants no longer drop out",
        ),
        "sign of the exponent lost": Mistake(
            lambda E, beta=1.0: -logsumexp(beta * E) / beta,
            seen_in="NYU DLSP20 week 7-1: exp(energy)",
            symptom="the worst explanation counts most",
        ),
        "1/beta forgotten": Mistake(
            lambda E, beta=1.0: -logsumexp(-beta * E),
            seen_in="NYU DLSP20 week 14-2, printed recursion",
            symptom="right at beta = 1 alone",
        ),
        "argmin taken for the minimum": Mistake(
            lambda E, beta=1.0: float(np.argmin(E)),
            seen_in="NYU DLSP20 week 7-1, F_inf",
            symptom="an index, or a z, in units of energy",
        ),
        "minimum, whatever beta": Mistake(
            lambda E, beta=1.0: np.min(E),
            seen_in="NYU DLSP20 week 7-1, which sets F_inf = F_beta",
            symptom="no gradient but to the best explanation",
        ),
        "logarithm of a sum of exponentials": Mistake(
            free_energy_as_printed, symptom="infinite where beta E exceeds 745, and no digits near certainty"
        ),
        "averaged over samples of its own distribution": Mistake(
            lambda E, beta=1.0: -np.log(np.sum(softmax(-beta * E) * np.exp(-beta * E))) / beta,
            seen_in="slides that take Metropolis samples of the model for log Z in its likelihood",
            symptom="E_p[e^{-beta E}] = Z(2 beta) / Z(beta): the gradient is that at 2 beta",
        ),
        "slope of infinity less infinity": Mistake(
            gradients={"energies": lambda E, beta=1.0: np.exp(beta * (free_energy(E, beta) - E))},
            seen_in="JAX, logsumexp of nothing but -inf, github.com/jax-ml/jax/issues/6811",
            symptom="NaN where nothing is possible, which a recursion over impossible beginnings passes on",
        ),
        "infinity less infinity": Mistake(
            lambda E, beta=1.0: np.min(E) - np.log(np.sum(np.exp(-beta * (E - np.min(E))))) / beta,
            seen_in="sselogsumexp, github.com/rmcgibbo/logsumexp/issues/2",
            symptom="NaN for infinity where nothing is possible: the lowest energy is subtracted unseen",
        ),
        "mean energy for the free energy": Mistake(
            lambda E, beta=1.0: np.dot(softmax(-beta * E), E),
            symptom="the entropy left out: higher by H/beta",
        ),
        "lowest energy added back in other units": Mistake(
            lambda E, beta=1.0: free_energy(E - np.min(E), beta) + beta * np.min(E),
            symptom="beta times the minimum, not the minimum: right at beta = 1 alone",
        ),
        "lowest energy not added back": Mistake(
            lambda E, beta=1.0: free_energy(E - np.min(E), beta),
            symptom="the shift of a stable log-sum-exp forgotten: the level of the energies is lost",
        ),
        "to second order in beta": Mistake(
            lambda E, beta=1.0: np.mean(E) - 0.5 * beta * np.var(E) - np.log(len(E)) / beta,
            symptom="two terms of the series: right for hot models, far too low for cold ones",
        ),
    },
    as_printed=free_energy_as_printed,
    rules=rules,
    refuses=NO_ENERGIES,
)
