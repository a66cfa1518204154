r"""Supervised contrastive loss: find all the partners among strangers.

    L(s, P)  = -(1/n) sum_{j in P} log p_j
    p_j      = e^{s_j/tau} / sum_i e^{s_i/tau}
    dL/ds_j  = (p_j - [j in P]/n) / tau
    dL/dtau  = (sum_{j in P} s_j/n - sum_j p_j s_j) (1/tau^2)

s_j says how similar a sample is to each of k candidates, of which the n in P are partners: other views of
the same image, or other images of its class.  It is InfoNCE with several positives, and with one it is
info_nce.  The sample itself is no candidate; -inf masks it in a row of a similarity matrix.

Each partner's logarithm has all candidates below it, the other partners included.  So the partners
compete, and the loss cannot fall below log n, where they share all probability equally.

In floating point p_j - 1/n cancels where partners share evenly.  n times it is the sum of p_j - p_i over
all other partners i, less the p_i of the strangers; and e^a - e^b is e^b (e^{a-b} - 1).

Khosla et al. compare two ways to put the mean: outside of the logarithm, as here (their L_out), or inside,
-log((1/n) sum_{j in P} p_j) (L_in).  The second is smaller, by Jensen's inequality, and is content as
soon as one partner has been found.  They found the first much better.

A sample without a partner has no loss, and this page refuses it.  Elsewhere 0/0 has made it NaN
(github.com/HobbitLong/SupContrast/issues/141).

Source: Khosla et al. (2020), "Supervised Contrastive Learning", equation (2).
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require, require_positive
from ebm_ref.criteria.cross_entropy import check_logits
from ebm_ref.criteria.cross_entropy_of_probabilities import expected_surprise
from ebm_ref.criteria.info_nce import scaled
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import logsumexp, softmax


def sup_con(similarities, positives: int, temperature=0.1):
    """Supervised contrastive loss of one sample.

    Parameters
    ----------
    similarities : (k,) float, k >= 1
        Similarity s_j to each candidate; higher is closer; -inf masks one.  A NaN gives a NaN loss.
    positives : (k,) int
        1 for each partner, 0 for each stranger.
    temperature : float
        tau > 0, in units of similarity.

    Returns
    -------
    float
        >= log(n) for n partners, in nats; +inf where a partner is masked.

    Raises ValueError if k < 1, if a similarity is +inf or all are -inf, if `positives` holds anything but
    0 and 1 or no 1, or if tau is not positive and finite.

    >>> float(sup_con(np.zeros(4), np.array([1, 1, 0, 0])).round(6))  # log 4
    1.386294
    """
    s, positives, tau = FORMULA.checked(similarities, positives, temperature)
    return expected_surprise(scaled(s, tau), positives / np.sum(positives))


def sup_con_similarities_gradient(similarities, positives: int, temperature=0.1):
    """dL/ds, shape (k,): (p_j - [j in P]/n) / tau; a partner closer than the others may be pushed away."""
    s, positives, tau = FORMULA.checked(similarities, positives, temperature)
    return misplaced(scaled(s, tau), positives) / tau


def sup_con_temperature_gradient(similarities, positives: int, temperature=0.1):
    """dL/dtau: (mean similarity of the partners - expected similarity) / tau^2; -inf for a masked one."""
    s, positives, tau = FORMULA.checked(similarities, positives, temperature)
    z = scaled(s, tau)
    if np.any(positives[z == -np.inf]):
        return -np.inf
    return -np.sum(misplaced(z, positives) * np.where(z == -np.inf, 0.0, z)) / tau + 0.0


def misplaced(z, positives):
    """p_j - [j in P]/n, where that of a partner is added up from differences to the other candidates."""
    e, is_partner = np.exp(z), positives == 1
    least = np.maximum(z, -800.0)  # of -inf no difference can be taken, and e^-800 is 0, too
    ahead = least[:, None] - least
    differences = np.sign(ahead) * np.maximum(e[:, None], e) * -np.expm1(-np.abs(ahead))
    beside = np.sum(np.where(is_partner, differences, 0.0), axis=1) - np.sum(np.where(is_partner, 0.0, e))
    return np.where(is_partner, beside / np.sum(positives), e) / np.sum(e)


def rules(similarities, positives, temperature):
    """A most similar candidate, a partner, and a temperature."""
    check_logits(similarities, "similarities")
    require(np.all((positives == 0) | (positives == 1)), "positives", positives, "must hold 0 and 1 alone")
    require(np.any(positives == 1), "positives", positives, "must hold at least one 1")
    require_positive("temperature", temperature)


def at_least_log_n(formula, inputs, rng):
    """L >= log n: n partners cannot all have probability 1."""
    least = np.log(np.sum(inputs["positives"]))
    short = least - formula.value(**inputs)
    return max(0.0, short) / (16 * laws.UNIT * (least + laws.condition(formula, inputs)))


def mean_over_partners(formula, inputs, rng):
    """L is the mean of what each partner alone would cost."""
    alone = [inputs | {"positives": 1 * (np.arange(len(inputs["positives"])) == j)} for j in partners(inputs)]
    total = np.mean([formula.value(**one) for one in alone])
    allowed = laws.condition(formula, inputs) + np.mean([laws.condition(formula, one) for one in alone])
    return abs(formula.value(**inputs) - total) / (16 * laws.UNIT * allowed)


def partners(inputs):
    return np.flatnonzero(inputs["positives"])


def random_candidates(rng):
    """Similarities of 2 to 5 candidates in general position, some of them partners, or all."""
    k = int(rng.integers(2, 6))
    return {
        "similarities": rng.uniform(-1.0, 1.0, size=k),
        "positives": rng.permutation(np.arange(k) < rng.integers(1, k + 1)) * 1,
        "temperature": rng.uniform(0.2, 1.0),
    }


GRADIENTS = {"similarities": sup_con_similarities_gradient, "temperature": sup_con_temperature_gradient}

FORMULA = Formula(
    value=sup_con,
    signature="(k),(k),()->()",
    source="khosla2020, equation (2)",
    gradients=GRADIENTS,
    sample=random_candidates,
    laws=(
        laws.shift_invariant_in("similarities"),
        laws.permutation_invariant,
        laws.non_negative,
        laws.convex_in("similarities"),
        laws.gradient_sums_to("similarities", 0.0),
        laws.homogeneous(0, similarities=1, temperature=1),
        at_least_log_n,
        mean_over_partners,
    ),
    cases={  # (similarities, positives, temperature), L, (dL/ds, dL/dtau), the mistake that it exposes
        "nothing learned: log 4, with two partners as with one": Case(
            ([0.5, 0.5, 0.5, 0.5], [1, 1, 0, 0], 0.5),
            np.log(4.0),
            ([-0.5, -0.5, 0.5, 0.5], 0.0),
            "summed over the partners",
        ),
        "one partner: InfoNCE": Case(
            ([1.0, 0.0], [1, 0], 0.5),
            0.1269280110429725,
            ([-0.23840584404423512, 0.23840584404423512], 0.47681168808847024),
            "multiplied by the temperature",
        ),
        "one partner found, one not: log 4 - (log 3)/2": Case(
            ([np.log(3.0), 0.0], [1, 1], 1.0),
            np.log(4.0) - 0.5 * np.log(3.0),
            ([0.25, -0.25], -0.25 * np.log(3.0)),
            "mean inside the logarithm",
        ),
        "two partners and a stranger": Case(
            ([np.log(2.0), 0.0, 0.0], [1, 1, 0], 1.0),
            np.log(4.0) - 0.5 * np.log(2.0),
            exposes="other partners left out of the sum",
        ),
        "two partners, six times as probable as the stranger": Case(
            ([np.log(6.0), np.log(6.0), 0.0], [1, 1, 0], 1.0),
            np.log(13.0 / 6.0),
            exposes="strangers alone in the sum",
        ),
        "partners who have found each other: log 2, and no force": Case(
            ([50.0, 50.0, -950.0], [1, 1, 0], 1.0), np.log(2.0), (np.zeros(3), 0.0)
        ),
        "hopeless: a stranger is closer by 2048 temperatures": Case(
            ([-1.0, 1.0], [1, 0], 2.0**-10),
            2048.0,
            ([-1024.0, 1024.0], -(2.0**21)),
            "exponentials before the logarithm",
        ),
        "no strangers, one partner": Case(([0.3], [1], 0.1), 0.0, (np.zeros(1), 0.0)),
        "a masked candidate, such as the sample itself": Case(
            ([-np.inf, 0.5, 0.5], [0, 1, 0], 0.5), np.log(2.0), ([0.0, -1.0, 1.0], 0.0)
        ),
        "a masked partner": Case(([-np.inf, 0.5], [1, 0], 0.5), np.inf, ([-2.0, 2.0], -np.inf)),
        "not a number": Case(([0.5, np.nan], [1, 0], 0.5), np.nan, (np.full(2, np.nan), np.nan)),
    },
    variants={
        "mean inside the logarithm": Convention(
            lambda s, P, tau=0.1: (
                logsumexp(scaled(s, tau)) - logsumexp(scaled(s, tau)[P == 1]) + np.log(np.sum(P))
            ),
            {"similarities": lambda s, P, tau=0.1: _inside_gradient(s, P, tau)},
            seen_in="Khosla et al. (2020), equation (3), L_in; SuNCEt, without the 1/n, "
            "github.com/facebookresearch/suncet/issues/18",
            symptom="content as soon as one partner is close",
        ),
        "multiplied by tau over 0.07": Convention(
            lambda s, P, tau=0.1: tau / 0.07 * sup_con(s, P, tau),
            {
                "similarities": lambda s, P, tau=0.1: tau / 0.07 * sup_con_similarities_gradient(s, P, tau),
                "temperature": lambda s, P, tau=0.1: (
                    (sup_con(s, P, tau) + tau * sup_con_temperature_gradient(s, P, tau)) / 0.07
                ),
            },
            seen_in="SupContrast, losses.py: temperature / base_temperature in front",
            symptom="the force does not grow as the temperature falls",
        ),
        "summed over the partners": Mistake(
            lambda s, P, tau=0.1: np.sum(P) * sup_con(s, P, tau),
            {
                "similarities": lambda s, P, tau=0.1: np.sum(P) * sup_con_similarities_gradient(s, P, tau),
                "temperature": lambda s, P, tau=0.1: np.sum(P) * sup_con_temperature_gradient(s, P, tau),
            },
            symptom="samples of large classes outweigh all others",
        ),
        "other partners left out of the sum": Mistake(
            lambda s, P, tau=0.1: _against_strangers(s, P, tau),
            seen_in="FCS, github.com/zhoujiahuan1991/CVPR2024-FCS/issues/3",
            symptom="each partner against the strangers alone: smaller, and with a minimum of 0",
        ),
        "strangers alone in the sum": Mistake(
            lambda s, P, tau=0.1: (
                (logsumexp(s[P == 0] / tau) if np.any(P == 0) else -np.inf) - np.mean(s[P == 1]) / tau
            ),
            symptom="negative losses without a lower bound",
        ),
        "multiplied by the temperature": Mistake(
            lambda s, P, tau=0.1: sup_con(s * tau * tau, P, tau),
            symptom="the scale of a model that learns 1/tau: nothing gets beyond log k",
        ),
        "temperature of the partners alone": Mistake(
            lambda s, P, tau=0.1: logsumexp(s) - np.mean(s[P == 1]) / tau,
            symptom="the sum over the candidates at temperature 1: negative without a lower bound",
        ),
        "exponentials before the logarithm": Mistake(
            lambda s, P, tau=0.1: np.log(np.sum(np.exp(s / tau))) - np.mean(s[P == 1]) / tau,
            symptom="an infinite or NaN loss for a similarity above 709 temperatures",
        ),
        "first partner alone": Mistake(
            lambda s, P, tau=0.1: logsumexp(scaled(s, tau)) - scaled(s, tau)[P == 1][0],
            symptom="InfoNCE of the first that is found: the others are pushed away",
        ),
    },
    rules=rules,
    refuses={  # (similarities, positives, temperature), the argument to blame
        "no candidate": (([], []), "similarities"),
        "all candidates masked": (([-np.inf, -np.inf], [1, 0]), "similarities"),
        "an infinite similarity": (([np.inf, 0.0], [1, 0]), "similarities"),
        "no partner": (([1.0, 2.0, 3.0], [0, 0, 0]), "positives"),
        "indices in place of a mask": (([1.0, 2.0, 3.0], [0, 1, 2]), "positives"),
        "a temperature of zero": (([1.0, 2.0, 3.0], [1, 0, 0], 0.0), "temperature"),
        "an infinite temperature": (([1.0, 2.0, 3.0], [1, 0, 0], np.inf), "temperature"),
        "a temperature that is no number": (([1.0, 2.0, 3.0], [1, 0, 0], np.nan), "temperature"),
    },
)


def _inside_gradient(s, P, tau):
    """The gradient of L_in: partners are pulled in proportion to how close they are already."""
    z = scaled(s, tau)
    among = softmax(np.where(P == 1, z, -np.inf))
    return (softmax(z) - among) / tau


def _against_strangers(s, P, tau):
    """The mean over partners of their surprise among strangers."""
    z = scaled(s, tau)
    rows = [np.append(z[P == 0], z_j) for z_j in z[P == 1]]
    return np.mean([logsumexp(row - row[-1]) for row in rows])
