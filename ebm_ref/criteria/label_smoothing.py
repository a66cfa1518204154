r"""Label smoothing: cross-entropy with a target that is never quite sure.

    L(z, y) = -sum_j t_j log p_j,           p_j = e^{z_j} / sum_i e^{z_i}
    t_j     = (1 - s) [j = y] + s/k
    dL/dz_j = p_j - t_j

Cross-entropy with a hard label is never satisfied: it drives the score of the true class to infinity.
A share s of the target, spread evenly over all k classes, ends that.  The loss is now lowest where
p = t, at the finite gap

    z_y - z_j = log(1 + k (1 - s)/s)        for every wrong j

and there it is the entropy of t, not 0.  The price: an impossible class costs +inf, as every class now
has a weight.

The even share includes the true class, as in the paper that introduced it; its target is 1 - s + s/k.
Others divide s among the k - 1 wrong classes alone.  Both sum to 1, but there the same s means more
smoothing, by the factor k/(k - 1): twice as much for two classes, hardly any more for a thousand.

At the true class p_j - t_j loses digits, where both are near 1.  This page takes p_y - 1 from the other
classes, as cross_entropy does, and weighs two pulls:

    dL/dz_j = (1 - s) (p_j - [j = y]) + s (p_j - 1/k)

Source: Szegedy et al. (2016), "Rethinking the Inception Architecture for Computer Vision", Section 7.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require
from ebm_ref.criteria.cross_entropy import NO_LOGITS, check_scores, random_logits
from ebm_ref.criteria.cross_entropy_of_probabilities import expected_surprise
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import log_softmax, softmax, softmax_and_complement


def label_smoothing(logits, label: int, smoothing=0.1):
    """Cross-entropy of one sample with a smoothed label.

    Parameters
    ----------
    logits : (k,) float, k >= 1
        Score z_j of each class; higher is better; -inf marks an impossible one.  A NaN gives a NaN loss.
    label : int
        Index y of the true class.
    smoothing : float
        Share s in [0, 1] of the target that is spread evenly over all classes.

    Returns
    -------
    float
        >= 0, in nats; +inf where a class is impossible, unless s = 0 and it is a wrong one.

    Raises ValueError if k < 1, if a logit is +inf or all are -inf, if `label` is not in 0..k-1, or if s
    is not in [0, 1].

    >>> float(label_smoothing(np.array([2.0, 0.5, 0.1]), label=0, smoothing=0.1).round(8))
    0.43011205
    """
    z, y, s = FORMULA.checked(logits, label, smoothing)
    return expected_surprise(z, smoothed(y, s, len(z)))


def label_smoothing_gradient(logits, label: int, smoothing=0.1):
    """dL/dz, shape (k,): p_j - t_j; zero at the finite gap where p = t."""
    z, y, s = FORMULA.checked(logits, label, smoothing)
    p, others = softmax_and_complement(z)
    return (1.0 - s) * np.where(np.arange(len(z)) == y, -others, p) + s * (p - 1.0 / len(z))


def smoothed(y, s, k):
    """The target t, shape (k,): s/k everywhere, and 1 - s more at the true class."""
    return np.where(np.arange(k) == y, (1.0 - s) + s / k, s / k)


def rules(logits, label, smoothing):
    """What cross-entropy asks for, and a share."""
    check_scores(logits, label)
    require(not (smoothing < 0.0 or smoothing > 1.0), "smoothing", smoothing, "must be in [0, 1]")


def lowest_at_a_finite_gap(formula, inputs, rng):
    """L >= the entropy of t, reached where z_y leads by log(1 + k(1-s)/s)."""
    k, y, s = len(inputs["logits"]), inputs["label"], inputs["smoothing"]
    t = smoothed(y, s, k)
    entropy = -np.sum(t * np.log(t))
    best = inputs | {"logits": np.where(np.arange(k) == y, np.log1p(k * (1 - s) / s), 0.0)}
    allowed = 16 * laws.UNIT * (entropy + laws.condition(formula, best) + laws.condition(formula, inputs))
    return max(abs(formula.value(**best) - entropy), entropy - formula.value(**inputs)) / allowed


FORMULA = Formula(
    value=label_smoothing,
    signature="(k),(),()->()",
    source="szegedy2016, Section 7",
    gradients={"logits": label_smoothing_gradient},
    sample=lambda rng: random_logits(rng) | {"smoothing": rng.uniform(0.05, 0.5)},
    laws=(
        laws.shift_invariant_in("logits"),
        laws.permutation_invariant,
        laws.non_negative,
        lowest_at_a_finite_gap,
        laws.convex_in("logits"),
        laws.smooth("logits", 0.5),
        laws.gradient_bounded("logits", 1.0),
        laws.gradient_sums_to("logits", 0.0),
    ),
    cases={  # (logits, label, smoothing), L, dL/dz, the mistake that it exposes
        "equal scores cost log k, however smooth the label": Case(
            ([1.0, 1.0, 1.0, 1.0], 2, 0.5),
            np.log(4.0),
            [0.125, 0.125, -0.375, 0.125],
            "even share added up, not averaged",
        ),
        "three classes": Case(
            ([2.0, 0.5, 0.1], 0, 0.25), 0.6001120473908618, exposes="share of the true class forgotten"
        ),
        "no smoothing is cross-entropy": Case(
            ([2.0, 0.5, 0.1], 0, 0.0),
            0.3167787140575284,
            [-0.27150805768314723, 0.16254852375600007, 0.10895953392714718],
            exposes="share of 1 - s in place of s",
        ),
        "all smoothing: the label does not matter": Case(
            ([0.0, np.log(3.0)], 0, 1.0),
            np.log(4.0) - 0.5 * np.log(3.0),
            [-0.25, 0.25],
            exposes="even share left out",
        ),
        "too sure: p = 1 and a share of 1/4 elsewhere pulls back": Case(
            ([800.0, 0.0], 0, 0.5), 200.0, [0.25, -0.25], "shared among the wrong classes alone"
        ),
        "an impossible wrong class has a share": Case(
            ([0.0, -np.inf, 0.0, 0.0], 0, 0.25), np.inf, [-23 / 48, -1 / 16, 13 / 48, 13 / 48]
        ),
        "without smoothing it has none": Case(
            ([0.0, -np.inf], 0, 0.0), 0.0, np.zeros(2), "zero times infinity"
        ),
        "one class is always right": Case(([3.0], 0, 0.5), 0.0, np.zeros(1)),
        "not a number": Case(([0.0, np.nan], 0, 0.25), np.nan, np.full(2, np.nan)),
        "two equal scores cost log 2, however smooth the label": Case(
            ([1.0, 1.0], 0, 0.5), np.log(2.0), [-0.25, 0.25], "label not reduced by 1 - s"
        ),
    },
    variants={
        "shared among the wrong classes alone": Convention(
            lambda z, y, s=0.1: _with_shares(z, y, 1.0 - s, s / (len(z) - 1)),
            lambda z, y, s=0.1: _with_shares_gradient(z, y, 1.0 - s, s / (len(z) - 1)),
            seen_in="fairseq, label_smoothed_nll_loss: eps_i = epsilon / (lprobs.size(-1) - 1)",
            symptom="for ten classes as if s were a ninth larger",
        ),
        "share of the true class forgotten": Mistake(
            lambda z, y, s=0.1: _with_shares(z, y, 1.0 - s, s / len(z)),
            lambda z, y, s=0.1: _with_shares_gradient(z, y, 1.0 - s, s / len(z)),
            symptom="the target sums to 1 - s/k",
        ),
        "even share added up, not averaged": Mistake(
            lambda z, y, s=0.1: _with_shares(z, y, 1.0, s),
            lambda z, y, s=0.1: _with_shares_gradient(z, y, 1.0, s),
            symptom="(1 - s) L_y + s sum_j L_j: the target sums to 1 + (k-1) s, and the label drowns",
        ),
        "zero times infinity": Mistake(
            lambda z, y, s=0.1: -np.sum(smoothed(y, s, len(z)) * log_softmax(z)),
            seen_in="optax.softmax_cross_entropy, github.com/google-deepmind/optax/issues/896",
            symptom="NaN at s = 0 for a masked class",
        ),
        "label not reduced by 1 - s": Mistake(
            lambda z, y, s=0.1: _with_shares(z, y, 1.0 + s / len(z), s / len(z)),
            lambda z, y, s=0.1: _with_shares_gradient(z, y, 1.0 + s / len(z), s / len(z)),
            symptom="the target sums to 1 + s",
        ),
        "even share left out": Mistake(
            lambda z, y, s=0.1: _with_shares(z, y, 1.0 - s, 0.0),
            lambda z, y, s=0.1: _with_shares_gradient(z, y, 1.0 - s, 0.0),
            symptom="cross-entropy times 1 - s: nothing is smoothed, only learned more slowly",
        ),
        "share of 1 - s in place of s": Mistake(
            lambda z, y, s=0.1: _with_shares(z, y, (1.0 - s) * (1.0 + 1.0 / len(z)), (1.0 - s) / len(z)),
            lambda z, y, s=0.1: _with_shares_gradient(
                z, y, (1.0 - s) * (1.0 + 1.0 / len(z)), (1.0 - s) / len(z)
            ),
            symptom="(1 - s)/k for s/k: right at s = 1/2 alone, smoothest at s = 0",
        ),
        "entropy in place of the even share": Mistake(
            lambda z, y, s=0.1: -log_softmax(z)[y] + s * np.sum(softmax(z) * log_softmax(z)),
            seen_in="Pereyra et al. (2017), the confidence penalty, where it is meant",
            symptom="no target is reached; the loss may fall below 0",
        ),
        "probabilities smoothed, not the target": Mistake(
            lambda z, y, s=0.1: -np.log((1.0 - s) * softmax(z)[y] + s / len(z)),
            symptom="a floor under the probability: no loss exceeds log k/s",
        ),
        "half of s for each class": Mistake(
            lambda z, y, s=0.1: _with_shares(z, y, 1.0 - 0.5 * s, 0.5 * s),
            symptom="the formula of two classes: shares that sum to more than 1 for others",
        ),
    },
    rules=rules,
    refuses=NO_LOGITS
    | {
        "a negative share": (([1.0, 2.0, 3.0], 0, -0.1), "smoothing"),
        "a share beyond the whole": (([1.0, 2.0, 3.0], 0, 1.5), "smoothing"),
    },
)


def _with_shares(z, y, own, other):
    return -np.sum(np.where(np.arange(len(z)) == y, own, other) * log_softmax(z))


def _with_shares_gradient(z, y, own, other):
    t = np.where(np.arange(len(z)) == y, own, other)
    return np.sum(t) * softmax(z) - t
