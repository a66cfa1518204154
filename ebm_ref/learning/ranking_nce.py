r"""Ranking NCE: find the datum among samples of known noise.

    L(E, l) = E_0 + l_0 + log sum_j e^{-E_j - l_j},       l_j = log q(x_j)

    dL/dE_j = [j = 0] - p_j,       p_j = e^{-E_j - l_j} / sum_i e^{-E_i - l_i}
    dL/dl_j = [j = 0] - p_j

x_0 is the datum, x_1, ... are drawn from the noise, whose log-probabilities l stand in log_noise.  Which of
the k points is the datum?  If the model is e^-E / Z, then x_j has the odds p_data(x_j) / q(x_j) against
being noise, and L is the negative log-likelihood of the right answer.  Z cancels, so no c is learned,
unlike in noise_contrastive.py; the true E is the best one for every k >= 2.

It is cross-entropy with logits -E - l, and InfoNCE is the same without l: what InfoNCE learns is not E but
E + log q, the pointwise mutual information with its sign turned.  Sampled softmax is this loss over the
classes of a large vocabulary.  Its correction is minus log q: frequent noise must not make an answer look
wrong.

The datum is in the sum.  Without it L falls below 0 and has no lower bound.

Source: Jozefowicz et al. (2016), Section 3.1; Ma and Collins (2018), Section 3, the ranking objective.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require
from ebm_ref.criteria.cross_entropy import misplaced, surprise
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.numerics import logsumexp, negated, softmax, softplus


def ranking_nce(energies, log_noise):
    """Ranking loss of one datum and the noise that came with it.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        E_j, the datum first; +inf marks a point that the model forbids.  A NaN gives a NaN loss.
    log_noise : (k,) float
        l_j = log q(x_j), finite, of the datum too; a constant in all of them does not matter.

    Returns
    -------
    float
        >= 0, in nats; log(k) where all E + l are alike, +inf where the model forbids the datum.

    Raises ValueError if k < 2, if an energy is -inf or all are +inf, or if a log-probability is infinite.

    >>> float(ranking_nce(np.array([0.0, 0.0]), np.log([0.5, 1.0 / 6.0])).round(12))  # log 4
    1.38629436112
    """
    E, l = FORMULA.checked(energies, log_noise)
    return surprise(-E - l, 0)


def ranking_nce_energies_gradient(energies, log_noise):
    """dL/dE, shape (k,): [j = 0] - p_j; the datum's 1 - p_0 is added up from the others."""
    E, l = FORMULA.checked(energies, log_noise)
    return negated(misplaced(-E - l, 0))


def ranking_nce_log_noise_gradient(energies, log_noise):
    """dL/dl, shape (k,): the same."""
    E, l = FORMULA.checked(energies, log_noise)
    return negated(misplaced(-E - l, 0))


def rules(energies, log_noise):
    """A datum and noise, some of which is possible, and noise that can draw all of it."""
    require(len(energies) >= 2, "energies", energies, "must hold the datum and at least one of the noise")
    require(not np.any(energies == -np.inf), "energies", energies, "must be above -inf")
    require(not np.all(energies == np.inf), "energies", energies, "must leave at least one point possible")
    rule = "must be finite: the noise must be able to draw every point, the datum too"
    require(not np.any(np.abs(log_noise) == np.inf), "log_noise", log_noise, rule)


def noise_renamed(formula, inputs, rng):
    """The order of the noise does not matter."""
    order = np.append(0, 1 + rng.permutation(len(inputs["energies"]) - 1))
    return laws.misfit(formula, inputs, {a: x[order] for a, x in inputs.items()})


def only_the_sum_matters(formula, inputs, rng):
    """What is added to an energy may as well be added to its log q."""
    step = rng.normal(scale=4.0, size=len(inputs["energies"]))
    moved = {"energies": inputs["energies"] + step, "log_noise": inputs["log_noise"] - step}
    return laws.misfit(formula, inputs, moved)


def random_points(rng):
    """2 to 5 points and how probable the noise finds them."""
    k = int(rng.integers(2, 6))
    return {"energies": rng.normal(scale=2.0, size=k), "log_noise": -rng.exponential(scale=2.0, size=k)}


LOG2, LOG3, LOG5, LOG6 = np.log([2.0, 3.0, 5.0, 6.0])

FORMULA = Formula(
    value=ranking_nce,
    signature="(k),(k)->()",
    source="jozefowicz2016, Section 3.1; ma2018, Section 3",
    gradients={"energies": ranking_nce_energies_gradient, "log_noise": ranking_nce_log_noise_gradient},
    sample=random_points,
    laws=(
        laws.non_negative,
        laws.shift_invariant_in("energies"),
        laws.shift_invariant_in("log_noise"),
        laws.convex_in("energies"),
        laws.gradient_sums_to("energies", 0.0),
        noise_renamed,
        only_the_sum_matters,
    ),
    cases={  # (energies, log_noise), L, (dL/dE, dL/dl), the mistake that it exposes
        "uniform noise: odds of 1, 2 and 5": Case(
            ([0.0, -LOG2, -LOG5], [0.0, 0.0, 0.0]),
            np.log(8.0),
            ([0.875, -0.25, -0.625], [0.875, -0.25, -0.625]),
            "datum not in the sum",
        ),
        "rare noise counts for more": Case(
            ([0.0, 0.0], [-LOG2, -LOG6]),
            np.log(4.0),
            ([0.75, -0.75], [0.75, -0.75]),
            "log q with the sign turned",
        ),
        "the energies make up for the noise": Case(
            ([LOG2, 0.0, LOG6], [-LOG2, 0.0, -LOG6]), LOG3, ([2 / 3, -1 / 3, -1 / 3],) * 2, "log q forgotten"
        ),
        "a datum that the noise draws seldom": Case(
            ([0.0, 0.0], [-LOG3, 0.0]), np.log(4 / 3), ([0.25, -0.25],) * 2, "datum not corrected"
        ),
        "near certain: e^-40 is left": Case(
            ([0.0, 40.0], [0.0, 0.0]),
            4.248354255291589e-18,
            ([4.248354255291589e-18, -4.248354255291589e-18],) * 2,
        ),
        "hopeless": Case(([800.0, 0.0, 0.0], [0.0, 0.0, 0.0]), 800.0 + LOG2, ([1.0, -0.5, -0.5],) * 2),
        "noise that the model forbids is no rival": Case(
            ([0.0, np.inf, 0.0], [0.0, -1.0, 0.0]), LOG2, ([0.5, 0.0, -0.5],) * 2
        ),
        "a datum that the model forbids": Case(([np.inf, 0.0], [0.0, 0.0]), np.inf, ([1.0, -1.0],) * 2),
        "not a number": Case(([0.0, np.nan], [0.0, 0.0]), np.nan, (np.full(2, np.nan),) * 2),
    },
    variants={
        "log q with the sign turned": Mistake(
            lambda E, l: surprise(-E + l, 0),
            (lambda E, l: negated(misplaced(-E + l, 0)), lambda E, l: misplaced(-E + l, 0)),
            seen_in="TensorFlow Recommenders, github.com/tensorflow/recommenders/issues/219 and 278",
            symptom="what the noise draws often is counted twice: worse than no correction",
        ),
        "log q forgotten": Mistake(
            lambda E, l: surprise(-E, 0),
            {"energies": lambda E, l: negated(misplaced(-E, 0)), "log_noise": lambda E, l: 0.0 * l},
            seen_in="Merlin Models, github.com/NVIDIA-Merlin/models/issues/161, mended in pull 1051",
            symptom="learns E + log q: popular items are pushed away",
        ),
        "datum not corrected": Mistake(
            lambda E, l: surprise(-E - l, 0) - l[0],
            (lambda E, l: negated(misplaced(-E - l, 0)), lambda E, l: -softmax(-E - l)),
            symptom="l_0 in the sum alone: the energies are moved as they should, the noise is not",
        ),
        "datum not in the sum": Mistake(
            lambda E, l: E[0] + l[0] + logsumexp(-E[1:] - l[1:]),
            {a: lambda E, l: np.append(1.0, -softmax((-E - l)[1:])) for a in ("energies", "log_noise")},
            seen_in="flowjax ContrastiveLoss, github.com/danielward27/flowjax/pull/164",
            symptom="negative losses without a lower bound",
        ),
        "a binary loss for each": Mistake(
            lambda E, l: softplus(E[0] + l[0]) + np.sum(softplus(-(E + l)[1:]))
        ),
        "noise forgotten for the datum": Mistake(lambda E, l: surprise(-E - np.append(0.0, l[1:]), 0)),
    },
    rules=rules,
    refuses={  # (energies, log_noise), the argument to blame
        "no noise": (([1.0], [0.0]), "energies"),
        "nothing at all": (([], []), "energies"),
        "nothing is possible": (([np.inf, np.inf], [0.0, 0.0]), "energies"),
        "an energy without bottom": (([0.0, -np.inf], [0.0, 0.0]), "energies"),
        "a datum that the noise cannot draw": (([0.0, 0.0], [-np.inf, 0.0]), "log_noise"),
        "noise where it has no density": (([0.0, 0.0], [0.0, -np.inf]), "log_noise"),
        "noise of infinite density": (([0.0, 0.0], [0.0, np.inf]), "log_noise"),
        "fewer log-probabilities than energies": (([0.0, 0.0, 1.0], [0.0, 0.0]), "log_noise"),
    },
)
