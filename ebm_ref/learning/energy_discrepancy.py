r"""Energy discrepancy: the datum must lie lower than its neighbours do on average.

    t_m = E - E_m,           E_m the energy of x_m = x + sqrt(t) (z + z_m)
    L   = log(w/M + 1/M sum_m e^{t_m})
    p_m = e^{t_m}/(w + sum_j e^{t_j})

    dL/dE   = sum_m p_m
    dL/dE_m = -p_m
    dL/dw   = 1/(w + sum_j e^{t_j})

E is the energy of a datum x.  Noise of variance t moves it to y = x + sqrt(t) z, the same z for all m, and
fresh noise moves y to M points x_m of perturbed energies E_m.  No score and no chain is needed.  As M
grows, and for w = 0, the mean of L over the data tends to

    ED = E[E(x)] - E[E_t(y)],      E_t(y) = -log E[e^{-E(y + z' sqrt(t))}]

E_t is the free energy of the model smoothed by noise.  ED is the likelihood that such noise takes away, so
it is smallest for the true model, whatever t.  For small t, ED/t is score matching; for large t, ED is
maximum likelihood but for a constant that depends on t alone.  So t says how far the loss can see: between
well separated modes score matching cannot (energies/mixture.py).

With finite M the mean inside the logarithm is noisy, and a model can gain by making all E_m very high.
The stabiliser w >= 0 bounds the gain: L >= log(w/M).

Conventions: the authors' notebooks leave out the constant -log M.  In one of them the noise is t z, not
sqrt(t) z.

Source: Schroeder et al. (2023), "Energy discrepancies: a score-independent loss for energy-based models";
asked for in github.com/soran-ghaderi/torchebm/issues/222.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, convex_in


def energy_discrepancy(energy, perturbed_energies, stabiliser):
    """Energy discrepancy of one datum.

    Parameters
    ----------
    energy : float
        E of the datum.
    perturbed_energies : (m,) float, m >= 1
        E_m of M = m points around it; +inf counts as absent.
    stabiliser : float
        w >= 0, finite; 1 is usual.

    Returns
    -------
    float
        At least log(w/M), of either sign.

    Raises ValueError if there is no perturbed energy, or if the stabiliser is negative or not finite.

    >>> float(energy_discrepancy(0.0, np.array([0.0, np.log(2.0)]), 1.0))  # log(1/2 + 3/4)
    0.22314355131420976
    """
    E, E_m, w = FORMULA.checked(energy, perturbed_energies, stabiliser)
    c, rest, logs = parts(E, E_m, w)
    excess = (rest + np.sum(np.expm1(logs))) / len(E_m)  # near 0 where nothing is to be learnt
    if excess < -0.5:
        return c + np.log((rest + np.sum(np.exp(logs))) / len(E_m))
    return c + np.log1p(excess)


def parts(E, E_m, w):
    """c, w e^-c and t_m - c: the largest of all terms, and the others beside it.

    Differences among the E_m are taken directly, as E may be so large that E - E_m loses them.
    """
    low = np.min(E_m)
    top = E - low
    c = np.maximum(top, 0.0) if w > 0.0 else top
    lowest = E_m == low  # and of all, if all are infinite
    apart = np.where(lowest, 0.0, low - np.where(lowest, 0.0, E_m))
    return c, (w * np.exp(-c) if w > 0.0 else 0.0), apart + (top - c)


def discrepancy_energy_gradient(energy, perturbed_energies, stabiliser):
    """dL/dE = sum_m p_m, at most 1."""
    E, E_m, w = FORMULA.checked(energy, perturbed_energies, stabiliser)
    _, rest, logs = parts(E, E_m, w)
    total = np.sum(np.exp(logs))
    return total / (rest + total)  # shares added up could exceed 1


def discrepancy_perturbed_gradient(energy, perturbed_energies, stabiliser):
    """dL/dE_m = -p_m, shape (m,)."""
    E, E_m, w = FORMULA.checked(energy, perturbed_energies, stabiliser)
    return 0.0 - shares(E, E_m, w)


def shares(E, E_m, w):
    """p_m = e^{t_m}/(w + sum_j e^{t_j}), shape (m,)."""
    _, rest, logs = parts(E, E_m, w)
    return np.exp(logs) / (rest + np.sum(np.exp(logs)))


def discrepancy_stabiliser_gradient(energy, perturbed_energies, stabiliser):
    """dL/dw = 1/(w + sum_j e^{t_j})."""
    E, E_m, w = FORMULA.checked(energy, perturbed_energies, stabiliser)
    c, rest, logs = parts(E, E_m, w)
    return np.exp(-c) / (rest + np.sum(np.exp(logs)))


def rules(energy, perturbed_energies, stabiliser):
    """There are neighbours, and the stabiliser is no negative share."""
    require(len(perturbed_energies) > 0, "perturbed_energies", perturbed_energies, "must not be empty")
    require(0.0 <= stabiliser < np.inf, "stabiliser", stabiliser, "must be >= 0 and finite")


def only_differences_matter(formula, inputs, rng):
    """f(E + c, E_m + c, w) = f(E, E_m, w): only differences of energies matter."""
    c = 8.0 * rng.normal()
    moved = {"energy": inputs["energy"] + c, "perturbed_energies": inputs["perturbed_energies"] + c}
    error = abs(formula.value(**inputs | moved) - formula.value(**inputs))
    return error / (16 * UNIT * (condition(formula, inputs | moved) + condition(formula, inputs)))


def random_neighbours(rng):
    """A datum and five neighbours, somewhat higher."""
    return {
        "energy": rng.normal(),
        "perturbed_energies": 1.0 + rng.normal(scale=2.0, size=5),
        "stabiliser": rng.uniform(0.1, 2.0),
    }


FORMULA = Formula(
    value=energy_discrepancy,
    signature="(),(m),()->()",
    source="schroeder2023",
    gradients={
        "energy": discrepancy_energy_gradient,
        "perturbed_energies": discrepancy_perturbed_gradient,
        "stabiliser": discrepancy_stabiliser_gradient,
    },
    sample=random_neighbours,
    laws=(only_differences_matter, convex_in("energy"), convex_in("perturbed_energies")),
    cases={  # (energy, perturbed_energies, stabiliser), L, (dL/dE, dL/dE_m, dL/dw), the mistake exposed
        "a neighbour as low, and one higher": Case(
            (0.0, [0.0, np.log(2.0)], 1.0), np.log(1.25), (0.6, [-0.4, -0.2], 0.4), "energies turned"
        ),
        "two neighbours lower than the datum": Case(
            (np.log(2.0), [0.0, 0.0, np.log(4.0)], 0.5),
            np.log(5 / 3),
            (0.9, [-0.4, -0.4, -0.1], 0.2),
            "stabiliser not divided by the number of neighbours",
        ),
        "three neighbours, all higher": Case(
            (0.0, [np.log(2.0), np.log(4.0), np.log(4.0)], 1.0),
            np.log(2 / 3),
            (0.5, [-0.25, -0.125, -0.125], 0.5),
            "constant -log M left out",
        ),
        "a neighbour as low, and one lower": Case(
            (0.0, [0.0, -np.log(3.0)], 1.0), np.log(2.5), (0.8, [-0.2, -0.6], 0.2), "mean of the logarithms"
        ),
        "not stabilised, and all alike: nothing is lost": Case(
            (1.0, [1.0, 1.0], 0.0), 0.0, (1.0, [-0.5, -0.5], 0.5)
        ),
        "an impossible neighbour costs nothing": Case(
            (0.0, [0.0, np.inf], 1.0), 0.0, (0.5, [-0.5, 0.0], 0.5)
        ),
        "not stabilised, and 800 below all neighbours": Case(
            (0.0, [800.0, 800.0], 0.0), -800.0, {"energy": 1.0, "perturbed_energies": [-0.5, -0.5]}
        ),
        "not a number": Case((np.nan, [0.0, 1.0], 1.0), np.nan),
    },
    variants={
        "energies turned": Mistake(
            lambda E, E_m, w: np.log(w / len(E_m) + np.mean(np.exp(E_m - E))),
            symptom="the datum is lifted above its neighbours: energies taken for log-densities",
        ),
        "stabiliser not divided by the number of neighbours": Mistake(
            lambda E, E_m, w: np.log(w + np.mean(np.exp(E - E_m))),
            symptom="the stabiliser does not fade as neighbours are added, so the bias stays",
        ),
        "mean of the logarithms": Mistake(
            lambda E, E_m, w: np.mean(np.log(w + np.exp(E - E_m))),
            symptom="each neighbour is compared with the datum by itself: conditional_nce, where w = 1",
        ),
        "constant -log M left out": Convention(
            lambda E, E_m, w: np.log(w + np.sum(np.exp(E - E_m))),
            {
                "energy": discrepancy_energy_gradient,
                "perturbed_energies": discrepancy_perturbed_gradient,
                "stabiliser": discrepancy_stabiliser_gradient,
            },
            seen_in="github.com/J-zin/energy-discrepancy, notebooks/density_estimation.ipynb and "
            "w_stabilisation.ipynb",
            symptom="log M too large; the gradients are the same",
        ),
        "stabiliser counted as neighbours": Mistake(
            lambda E, E_m, w: np.log((w + np.sum(np.exp(E - E_m))) / (w + len(E_m))),
            symptom="an average over M + w: 0 where all energies are alike",
        ),
        "mean of the logarithms, w divided": Mistake(
            lambda E, E_m, w: np.mean(np.log(w / len(E_m) + np.exp(E - E_m))),
            symptom="each neighbour is compared with the datum by itself",
        ),
        "mean of the neighbours' energies": Mistake(
            lambda E, E_m, w: np.log(w / len(E_m) + np.exp(E - np.mean(E_m))),
            symptom="the mean taken before the exponential: too low",
        ),
        "mean of the softplus": Mistake(
            lambda E, E_m, w: np.mean(np.logaddexp(0.0, E - E_m)),
            symptom="a classifier of datum and neighbour: the stabiliser is not read",
        ),
    },
    rules=rules,
    refuses={
        "no neighbours": ((1.0, [], 1.0), "perturbed_energies"),
        "a negative stabiliser": ((1.0, [2.0], -1.0), "stabiliser"),
        "an infinite stabiliser": ((1.0, [2.0], np.inf), "stabiliser"),
        "a stabiliser that is no number": ((1.0, [2.0], np.nan), "stabiliser"),
    },
)
