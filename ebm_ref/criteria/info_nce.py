r"""InfoNCE: find the partner among strangers.

    L(s, y) = -log p_y,           p_j = e^{s_j/tau} / sum_i e^{s_i/tau}
    dL/ds_j = (p_j - [j = y]) / tau
    dL/dtau = sum_j p_j (s_y - s_j) / tau^2

s_j says how similar a sample is to each of k candidates, among which y is its true partner: another view
of the same image, the caption of the picture, the next frame.  It is cross_entropy of the similarities
divided by a temperature: the candidates take the part of the classes, their energies are -s_j, and
tau = 1/beta.

The sum runs over all candidates, the partner included.  That makes p a distribution and L >= 0.
Averaged over the samples, log k - L is a lower bound of the mutual information of the two views.  It can
certify no more than log k, so many strangers are needed.  Without the partner in the sum L may become
negative and has no lower bound.

The temperature is a scale of the force: cosines lie in [-1, 1], and at tau = 1 the best possible p_y
among k = 1000 is below one hundredth.  Some models learn it, hence its derivative.

Source: van den Oord et al. (2018), "Representation Learning with Contrastive Predictive Coding", (4).
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require_index, require_positive
from ebm_ref.criteria.cross_entropy import (
    check_logits,
    cross_entropy,
    cross_entropy_gradient,
    misplaced,
    surprise,
)
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import logsumexp, softmax


def info_nce(similarities, positive: int, temperature=0.1):
    """InfoNCE loss of one sample.

    Parameters
    ----------
    similarities : (k,) float, k >= 1
        Similarity s_j to each candidate; higher is closer; -inf masks one.  A NaN gives a NaN loss.
    positive : int
        Index y of the true partner.
    temperature : float
        tau > 0, in units of similarity.

    Returns
    -------
    float
        >= 0, in nats; log(k) where all candidates are equally similar.

    Raises ValueError if k < 1, if a similarity is +inf or all are -inf, if `positive` is not in 0..k-1,
    or if tau is not positive and finite.

    >>> float(info_nce(np.array([1.0, 0.0]), positive=0, temperature=0.5).round(6))  # log(1 + e^-2)
    0.126928
    """
    s, y, tau = FORMULA.checked(similarities, positive, temperature)
    return surprise(scaled(s, tau), y)


def info_nce_similarities_gradient(similarities, positive: int, temperature=0.1):
    """dL/ds, shape (k,): (p_j - [j = y]) / tau: the partner is pulled closer, strangers pushed away."""
    s, y, tau = FORMULA.checked(similarities, positive, temperature)
    return misplaced(scaled(s, tau), y) / tau


def info_nce_temperature_gradient(similarities, positive: int, temperature=0.1):
    """dL/dtau: sum_j p_j (s_y - s_j) / tau^2, a masked stranger left out; -inf for a masked partner."""
    s, y, tau = FORMULA.checked(similarities, positive, temperature)
    p = softmax(scaled(s, tau))
    others = (np.arange(len(s)) != y) & (s != -np.inf)
    return np.sum(p[others] * (s[y] - s[others])) / tau / tau


def scaled(s, tau):
    """s/tau, counted from the most similar candidate, so that large similarities lose nothing."""
    return (s - s[np.argmax(s)]) / tau


def rules(similarities, positive, temperature):
    """A most similar candidate, a partner, and a temperature."""
    check_logits(similarities, "similarities")
    require_index("positive", positive, len(similarities))
    require_positive("temperature", temperature)


def random_candidates(rng):
    """Similarities of 2 to 5 candidates in general position, any of them the partner."""
    k = int(rng.integers(2, 6))
    return {
        "similarities": rng.uniform(-1.0, 1.0, size=k),
        "positive": int(rng.integers(k)),
        "temperature": rng.uniform(0.2, 1.0),
    }


FORMULA = Formula(
    value=info_nce,
    signature="(k),(),()->()",
    source="oord2018, equation (4)",
    gradients={"similarities": info_nce_similarities_gradient, "temperature": info_nce_temperature_gradient},
    sample=random_candidates,
    laws=(
        laws.shift_invariant_in("similarities"),
        laws.permutation_invariant,
        laws.non_negative,
        laws.likelihood_over("positive"),
        laws.convex_in("similarities"),
        laws.gradient_sums_to("similarities", 0.0),
        laws.homogeneous(0, similarities=1, temperature=1),
    ),
    cases={  # (similarities, positive, temperature), L, (dL/ds, dL/dtau), the mistake that it exposes
        "nothing learned: log k, at every temperature": Case(
            ([0.5, 0.5, 0.5, 0.5], 2, 0.5),
            np.log(4.0),
            ([0.5, 0.5, -1.5, 0.5], 0.0),
            "gradient not divided by the temperature",
        ),
        "one stranger: the log loss of s/tau": Case(
            ([1.0, 0.0], 0, 0.5),
            0.1269280110429725,
            ([-0.23840584404423512, 0.23840584404423512], 0.47681168808847024),
            "multiplied by the temperature",
        ),
        "a cold comparison of cosines": Case(
            ([1.0, 0.0], 0, 0.0625),
            1.1253516838717681e-07,
            ([-1.80056259288152e-06, 1.80056259288152e-06], 2.880900148610432e-05),
            "temperature missing for the partner",
        ),
        "opposite directions: a loss of 0.13, not -2": Case(
            ([1.0, -1.0], 0, 1.0),
            0.1269280110429725,
            {"similarities": [-0.11920292202211756, 0.11920292202211756]},
            "partner left out of the sum",
        ),
        "hopeless: a stranger is closer by 2048 temperatures": Case(
            ([-1.0, 1.0], 0, 2.0**-10),
            2048.0,
            ([-1024.0, 1024.0], -(2.0**21)),
            "exponentials before the logarithm",
        ),
        "no strangers, no loss": Case(([0.3], 0, 0.1), 0.0, (np.zeros(1), 0.0)),
        "a masked stranger, such as the sample itself": Case(
            ([-np.inf, 0.5, 0.5], 1, 0.5), np.log(2.0), ([0.0, -1.0, 1.0], 0.0)
        ),
        "a masked partner": Case(([-np.inf, 0.5], 0, 0.5), np.inf, ([-2.0, 2.0], -np.inf)),
        "not a number": Case(([0.5, np.nan], 0, 0.5), np.nan, (np.full(2, np.nan), np.nan)),
    },
    variants={
        "multiplied by 2 tau": Convention(
            lambda s, y, tau=0.1: 2.0 * tau * info_nce(s, y, tau),
            {
                "similarities": lambda s, y, tau=0.1: 2.0 * tau * info_nce_similarities_gradient(s, y, tau),
                "temperature": lambda s, y, tau=0.1: (
                    2.0 * info_nce(s, y, tau) + 2.0 * tau * info_nce_temperature_gradient(s, y, tau)
                ),
            },
            seen_in="MoCo v3, Algorithm 1; github.com/facebookresearch/moco-v3/issues/31",
            symptom="the force does not grow as the temperature falls",
        ),
        "partner left out of the sum": Mistake(
            lambda s, y, tau=0.1: logsumexp(np.delete(s, y) / tau) - s[y] / tau,
            seen_in="CoMIR, github.com/MIDA-group/CoMIR/issues/51",
            symptom="negative losses without a lower bound",
        ),
        "temperature missing for the partner": Mistake(
            lambda s, y, tau=0.1: cross_entropy(np.where(np.arange(len(s)) == y, s, s / tau), y),
            seen_in="info-nce-pytorch, github.com/RElbers/info-nce-pytorch/pull/17",
            symptom="right at tau = 1 alone",
        ),
        "multiplied by the temperature": Mistake(
            lambda s, y, tau=0.1: cross_entropy(s * tau, y),
            {
                "similarities": lambda s, y, tau=0.1: tau * cross_entropy_gradient(s * tau, y),
                "temperature": lambda s, y, tau=0.1: np.dot(cross_entropy_gradient(s * tau, y), s),
            },
            symptom="the scale of a model that learns 1/tau: nothing gets beyond log k",
        ),
        "gradient not divided by the temperature": Mistake(
            info_nce,
            {"similarities": lambda s, y, tau=0.1: tau * info_nce_similarities_gradient(s, y, tau)},
            symptom="the force is bounded by 1, and learning slow at low temperatures",
        ),
        "exponentials before the logarithm": Mistake(
            lambda s, y, tau=0.1: np.log(np.sum(np.exp(s / tau))) - s[y] / tau,
            symptom="an infinite or NaN loss for a similarity above 709 temperatures",
        ),
        "a binary loss for each": Mistake(
            lambda s, y, tau=0.1: np.sum(np.logaddexp(0.0, s / tau)) - s[y] / tau,
            symptom="sigmoids for the softmax: strangers do not compete with the partner",
        ),
        "mean of the strangers' weights": Mistake(
            lambda s, y, tau=0.1: np.logaddexp(
                0.0, np.log(np.mean(np.exp(s[np.arange(len(s)) != y] / tau))) - s[y] / tau
            ),
            symptom="one average stranger: log 2 where nothing is learned, however many there are",
        ),
    },
    rules=rules,
    refuses={  # (similarities, positive, temperature), the argument to blame
        "no candidate": (([], 0), "similarities"),
        "all candidates masked": (([-np.inf, -np.inf], 0), "similarities"),
        "an infinite similarity": (([np.inf, 0.0], 0), "similarities"),
        "a partner beyond the candidates": (([1.0, 2.0, 3.0], 3), "positive"),
        "a partner counted from the end": (([1.0, 2.0, 3.0], -1), "positive"),
        "a temperature of zero": (([1.0, 2.0, 3.0], 0, 0.0), "temperature"),
        "an infinite temperature": (([1.0, 2.0, 3.0], 0, np.inf), "temperature"),
        "a temperature that is no number": (([1.0, 2.0, 3.0], 0, np.nan), "temperature"),
    },
)
