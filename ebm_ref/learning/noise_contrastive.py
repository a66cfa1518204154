r"""Noise-contrastive estimation: learn a density by telling data from noise.

    L(u, nu) = mean_i sp(log nu - u_i) + nu mean_j sp(u_j - log nu)

    u     = -E(x) - c - log p_n(x)     logit of x: u_d of data, u_n of noise
    sp(t) = log(1 + e^t),    sigma(t) = 1/(1 + e^-t)

    dL/du_d = -sigma(log nu - u_d) / n             n points of data
    dL/du_n = nu sigma(u_n - log nu) / m           m points of noise
    dL/dnu  = mean sigma(log nu - u_d) / nu + mean (sp - sigma)(u_n - log nu)

Mix the data with noise of a known density p_n, nu noise points for each point of the data, and ask of each
point where it comes from.  A model e^{-E-c} answers "data" with probability sigma(u - log nu), and L is the
negative log-likelihood of the right answers.  No Z is summed: c is a parameter like any other, and at
the optimum u = log(p_data / p_n), so that e^{-E-c} is the normalised density and c = log Z.

At that optimum each point is pushed down by the data as hard as it is pulled up by the noise.  Where the
noise never goes, nothing is learned: p_n must be positive wherever data can be.  A data point with p_n = 0
would have u = +inf and no loss at all, as if the model were perfect there, so it is refused.  What is lost
in digits of the estimate is said in noise_contrastive_variance.py.  As nu grows L becomes maximum
likelihood, with log Z by importance sampling.

m need not be nu n: nu is the weight that the noise has, and both terms are means.

In floating point: sp(t) - sigma(t) is e^{2t}/2 far to the left, where both terms are e^t.  With l = sp(t)
it is e^-l - 1 + l, and exp_excess(-l) keeps the digits.

Conventions: here nu is noise per data point, as in Gutmann and Hyvarinen (2012).  Song and Kingma (2021)
call nu = p(y=1)/p(y=0), data per noise, the reciprocal; with log nu in the place that either wants, both
losses are the same number.  Two pages compute the same for a pair: two cross-entropies
(binary_cross_entropy_with_logits).

Source: Gutmann and Hyvarinen (2012), Section 2; Song and Kingma (2021), Section 5, equations 18 to 21.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require, require_positive
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import exp_excess, softplus, total


def noise_contrastive_as_printed(data_logits, noise_logits, noise_per_data):
    """-mean log h - nu mean log(1 - h) with h = 1 / (1 + nu e^-u): a sure answer leaves nothing of its loss.

    >>> u_d, u_n = np.array([40.0, 41.0]), np.array([-40.0, -41.0, -42.0])
    >>> f"{noise_contrastive_as_printed(u_d, u_n, 1.0):.4g}", f"{noise_contrastive(u_d, u_n, 1.0):.4g}"
    ('-0', '5.034e-18')
    """
    u_d, u_n, nu = FORMULA.checked(data_logits, noise_logits, noise_per_data)
    h = lambda u: 1.0 / (1.0 + nu * np.exp(-u))
    return -np.mean(np.log(h(u_d))) - nu * np.mean(np.log(1.0 - h(u_n)))


def noise_contrastive(data_logits, noise_logits, noise_per_data):
    """Noise-contrastive loss of some points of the data and some of the noise.

    Parameters
    ----------
    data_logits : (n,) float, n >= 1
        u_d = -E - c - log p_n at points of the data, without log nu; -inf where the model forbids one.
    noise_logits : (m,) float, m >= 1
        u_n, the same at points drawn from the noise; -inf where the model forbids one, which costs nothing.
    noise_per_data : float
        nu > 0, the weight of the noise; usually m/n, but it need not be.

    Returns
    -------
    float
        >= 0, in nats; (1 + nu) log(1 + nu) - nu log nu where all logits are 0.  A NaN gives NaN.

    Raises ValueError if there is no data or no noise, if a logit is +inf (a point that the noise cannot
    draw), or if nu is not positive and finite.

    >>> float(noise_contrastive(np.zeros(2), np.zeros(3), 1.0).round(12))  # 2 log 2
    1.38629436112
    """
    u_d, u_n, nu = FORMULA.checked(data_logits, noise_logits, noise_per_data)
    return total(taken_for_noise(u_d, nu)) / len(u_d) + total(taken_for_data(u_n, nu)) / len(u_n)


def noise_contrastive_data_logits_gradient(data_logits, noise_logits, noise_per_data):
    """dL/du_d, shape (n,): -sigma(log nu - u_d) / n, minus the probability given to "noise"."""
    u_d, _, nu = FORMULA.checked(data_logits, noise_logits, noise_per_data)
    t, r = against(u_d, nu)
    return -np.where(t > 0.0, 1.0, r) / (1.0 + r) / len(u_d)


def noise_contrastive_noise_logits_gradient(data_logits, noise_logits, noise_per_data):
    """dL/du_n, shape (m,): nu sigma(u_n - log nu) / m."""
    _, u_n, nu = FORMULA.checked(data_logits, noise_logits, noise_per_data)
    t, r = against(u_n, nu)
    return np.where(t < 0.0, nu, odds_below(u_n, nu)) / (1.0 + r) / len(u_n)


def noise_contrastive_noise_per_data_gradient(data_logits, noise_logits, noise_per_data):
    """dL/dnu: mean sigma(log nu - u_d) / nu + mean (sp - sigma)(u_n - log nu), never negative."""
    u_d, u_n, nu = FORMULA.checked(data_logits, noise_logits, noise_per_data)
    t, r = against(u_d, nu)
    with np.errstate(over="ignore"):
        of_data = np.where(t > 0.0, 1.0 / nu, np.exp(-u_d)) / (1.0 + r)
    t, r = against(u_n, nu)
    of_noise = np.where(t < 0.0, (np.log1p(r) - t) - 1.0 / (1.0 + r), exp_excess(-np.log1p(r)))
    return total(of_data) / len(u_d) + total(of_noise) / len(u_n)


def against(u, nu):
    """t = log nu - u, the log-odds of "noise", and r = e^-|t| from nu itself, since log nu has been rounded.

    >>> t, r = against(np.array([0.0]), 1e-300)  # e^-690.8 computed as such has lost three digits
    >>> r.tolist(), np.exp(t).tolist() == [1e-300]
    ([1e-300], False)
    """
    t = np.log(nu) - u
    half = np.exp(np.where(t > 0.0, 0.5, -0.5) * u)
    with np.errstate(over="ignore"):
        return t, np.where(t > 0.0, half / nu, half * nu) * half


def taken_for_noise(u, nu):
    """sp(log nu - u), the price of a datum."""
    t, r = against(u, nu)
    return np.maximum(t, 0.0) + np.log1p(r)


def taken_for_data(u, nu):
    """nu sp(u - log nu), the price of a noise point: about e^u where nu is large."""
    t, r = against(u, nu)
    known = r > 0.0
    slope = np.where(known, np.log1p(r) / np.where(known, r, 1.0), 1.0)
    return np.where(t < 0.0, nu * (np.maximum(-t, 0.0) + np.log1p(r)), odds_below(u, nu) * slope)


def odds_below(u, nu):
    """e^u where it is below nu, else nu."""
    return np.exp(np.minimum(u, np.log(nu)))


def rules(data_logits, noise_logits, noise_per_data):
    """Some points of each kind, all of which the noise can draw, and a weight."""
    for argument, u in (("data_logits", data_logits), ("noise_logits", noise_logits)):
        require(len(u) >= 1, argument, u, "must hold one or more")
        rule = "must be below +inf: the noise must be able to draw every point"
        require(not np.any(u == np.inf), argument, u, rule)
    require_positive("noise_per_data", noise_per_data)


def random_points(rng):
    """3 or 5 logits of data, 2 or 4 of noise, and a weight."""
    return {
        "data_logits": rng.normal(scale=2.0, size=rng.choice([3, 5])),
        "noise_logits": rng.normal(scale=2.0, size=rng.choice([2, 4])),
        "noise_per_data": rng.uniform(0.3, 4.0),
    }


def nothing_known(formula, inputs, rng):
    """Where all logits are 0, L = (1 + nu) log(1 + nu) - nu log nu: 1 + nu guesses at the odds 1 : nu."""
    nu = inputs["noise_per_data"]
    blank = {a: 0.0 * x for a, x in inputs.items()} | {"noise_per_data": nu}
    error = abs(formula.value(**blank) - ((1.0 + nu) * np.log1p(nu) - nu * np.log(nu)))
    return error / (16 * laws.UNIT * (1.0 + nu) * (1.0 + abs(np.log(nu)) + np.log1p(nu)))


def copies_do_not_count(formula, inputs, rng):
    """Only means enter: twice the same noise, or three times the same data, changes nothing."""
    copied = {a: np.tile(inputs[a], times) for a, times in (("data_logits", 3), ("noise_logits", 2))}
    return laws.misfit(formula, inputs, inputs | copied)


def logits_read_as(u_d, u_n, nu, log_nu, weight):
    """The loss with some other number for log nu, and some other weight of the noise."""
    return np.mean(softplus(log_nu - u_d)) + weight * np.mean(softplus(u_n - log_nu))


def without_hits(u_d, u_n, nu):
    """The loss in which noise that equals a data point costs nothing."""
    costs = np.where(np.isin(u_n, u_d), 0.0, softplus(u_n - np.log(nu)))
    return np.mean(softplus(np.log(nu) - u_d)) + nu * np.mean(costs)


LOG2, LOG3, LOG4 = np.log(2.0), np.log(3.0), np.log(4.0)

FORMULA = Formula(
    value=noise_contrastive,
    signature="(n),(m),()->()",
    source="gutmann2012, Section 2; song2021, Section 5, equations 18 to 21",
    gradients={
        "data_logits": noise_contrastive_data_logits_gradient,
        "noise_logits": noise_contrastive_noise_logits_gradient,
        "noise_per_data": noise_contrastive_noise_per_data_gradient,
    },
    sample=random_points,
    laws=(
        laws.non_negative,
        laws.convex_in("data_logits"),
        laws.convex_in("noise_logits"),
        nothing_known,
        copies_do_not_count,
    ),
    cases={  # (data_logits, noise_logits, nu), L, (by u_d, by u_n, by nu), the mistake that it exposes
        "nothing known: two coins": Case(([0.0], [0.0], 1.0), 2.0 * LOG2, ([-0.5], [0.5], LOG2)),
        "two of data, one of noise that counts twice": Case(
            ([0.0, LOG4], [-LOG2], 2.0),
            0.5 * np.log(4.5) + 2.0 * np.log(1.25),
            ([-1 / 3, -1 / 6], [0.4], 0.05 + np.log(1.25)),
            "log nu forgotten",
        ),
        "a quarter of a noise point for each of data": Case(
            ([0.0, -LOG4], [0.0, -LOG4, -LOG4], 0.25),
            0.5 * np.log(2.5) + 0.25 * (np.log(5.0) + 2.0 * LOG2) / 3.0,
            (
                [-0.1, -0.25],
                [0.2 / 3.0, 0.125 / 3.0, 0.125 / 3.0],
                1.4 + (np.log(5.0) + 2.0 * LOG2 - 1.8) / 3.0,
            ),
            "log nu with the sign turned",
        ),
        "three times as much noise": Case(
            ([LOG3, LOG3], [LOG3, LOG3, LOG3], 3.0),
            4.0 * LOG2,
            ([-0.25, -0.25], [0.5, 0.5, 0.5], 1 / 6 + LOG2 - 0.5),
            "noise term not weighted",
        ),
        "the noise draws the datum: both terms stay": Case(
            ([LOG3], [LOG3, 0.0], 1.0),
            np.log(4.0 / 3.0) + 1.5 * LOG2,
            ([-0.25], [0.375, 0.25], 0.5 * (LOG2 + LOG2 * 2.0) - 0.375),
            "accidental hits removed",
        ),
        "sure and right: e^-40 and e^-41 are left": Case(
            ([40.0, 40.0], [-41.0], 1.0),
            4.248354255291589e-18 + 1.5628821893349888e-18,
            ([-2.1241771276457944e-18] * 2, [1.5628821893349888e-18], 4.248354255291589e-18),
        ),
        "so much noise that its odds are 0: e^u is left": Case(
            ([900.0], [-100.0], 1e300), 3.720075976020836e-44, {"noise_logits": [3.720075976020836e-44]}
        ),
        "noise that the model forbids costs nothing": Case(
            ([0.0, 0.0], [-np.inf, 0.0, -np.inf], 1.0), LOG2 + LOG2 / 3.0, {"noise_logits": [0.0, 1 / 6, 0.0]}
        ),
        "data that the model forbids": Case(
            ([-np.inf, 0.0], [0.0], 1.0), np.inf, {"data_logits": [-0.5, -0.25]}
        ),
        "not a number": Case(([np.nan, 0.0], [0.0], 1.0), np.nan, {"data_logits": [np.nan, -0.25]}),
    },
    variants={
        "log nu forgotten": Mistake(
            lambda u_d, u_n, nu: logits_read_as(u_d, u_n, nu, 0.0, nu),
            seen_in="whether it may be: github.com/Stonesjtu/Pytorch-NCE/issues/12",
            symptom="c ends at log Z + log nu; a model without c is fitted to p_data / nu",
        ),
        "log nu with the sign turned": Mistake(
            lambda u_d, u_n, nu: logits_read_as(u_d, u_n, nu, -np.log(nu), nu),
            symptom="the nu of one paper in the formula of the other: c ends at log Z + 2 log nu",
        ),
        "noise term not weighted": Mistake(
            lambda u_d, u_n, nu: logits_read_as(u_d, u_n, nu, np.log(nu), 1.0),
            symptom="c ends at log Z - log nu, and more noise makes nothing better",
        ),
        "accidental hits removed": Mistake(
            without_hits,
            seen_in="github.com/rwth-i6/returnn/pull/186: with NCE, remove_accidental_hits is another loss",
            symptom="sampled logistic loss: what the noise draws often gets too low an energy; c is no log Z",
        ),
        "nu as data per noise": Convention(
            lambda u_d, u_n, nu: noise_contrastive(u_d, u_n, 1.0 / nu),
            {
                "data_logits": lambda u_d, u_n, nu: noise_contrastive_data_logits_gradient(
                    u_d, u_n, 1.0 / nu
                ),
                "noise_logits": lambda u_d, u_n, nu: noise_contrastive_noise_logits_gradient(
                    u_d, u_n, 1.0 / nu
                ),
                "noise_per_data": lambda u_d, u_n, nu: (
                    -noise_contrastive_noise_per_data_gradient(u_d, u_n, 1.0 / nu) / nu**2
                ),
            },
            seen_in="Song and Kingma (2021), equation 18: nu = p(y=1)/p(y=0)",
            symptom="the same number where nu = 1",
        ),
        "noise added up, not averaged": Convention(
            lambda u_d, u_n, nu: (
                np.mean(softplus(np.log(nu) - u_d)) + np.sum(softplus(u_n - np.log(nu))) / len(u_d)
            ),
            seen_in="Element-Research/dpnn, NCECriterion.lua: sums over data and noise, divided by the data",
            symptom="the same number where there are nu times as many noise points as data",
        ),
        "one mean over data and noise": Mistake(
            lambda u_d, u_n, nu: noise_contrastive(u_d, u_n, nu) / (1.0 + nu),
            symptom="the loss of a classifier of the pooled points: 1 + nu times too small",
        ),
        "nu in place of its logarithm": Mistake(
            lambda u_d, u_n, nu: logits_read_as(u_d, u_n, nu, nu, nu), symptom="c ends at log Z + log nu - nu"
        ),
        "noise summed, not weighted": Mistake(
            lambda u_d, u_n, nu: np.mean(softplus(np.log(nu) - u_d)) + np.sum(softplus(u_n - np.log(nu))),
            symptom="the weight is the number of noise points, not nu: right where there is one datum",
        ),
        "log nu missing for the data": Mistake(
            lambda u_d, u_n, nu: np.mean(softplus(-u_d)) + nu * np.mean(softplus(u_n - np.log(nu))),
            symptom="two classifiers: right at nu = 1 alone, else biased",
        ),
        "log nu missing for the noise": Mistake(
            lambda u_d, u_n, nu: np.mean(softplus(np.log(nu) - u_d)) + nu * np.mean(softplus(u_n)),
            symptom="two classifiers: right at nu = 1 alone, else biased",
        ),
        "each datum against each noise point": Mistake(
            lambda u_d, u_n, nu: np.mean(softplus(u_n - u_d[:, None])),
            symptom="a ranking: c falls out, and nothing is normalised",
        ),
    },
    as_printed=noise_contrastive_as_printed,
    rules=rules,
    refuses={  # (data_logits, noise_logits, noise_per_data), the argument to blame
        "no data": (([], [0.0], 1.0), "data_logits"),
        "no noise": (([0.0], [], 1.0), "noise_logits"),
        "a data point that the noise cannot draw": (([np.inf, 0.0], [0.0], 1.0), "data_logits"),
        "noise where it has no density": (([0.0], [np.inf, 0.0], 1.0), "noise_logits"),
        "no weight": (([0.0], [0.0, 0.0], 0.0), "noise_per_data"),
        "a negative weight": (([0.0], [0.0, 0.0], -1.0), "noise_per_data"),
        "a weight without end": (([0.0], [0.0, 0.0], np.inf), "noise_per_data"),
        "a weight that is no number": (([0.0], [0.0, 0.0], np.nan), "noise_per_data"),
    },
)
