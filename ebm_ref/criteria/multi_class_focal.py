r"""Multi-class focal loss: cross-entropy that loses interest in what is easy.

    L(z, y) = -(1 - p_y)^gamma log p_y,       p_j = e^{z_j} / sum_i e^{z_i}
    dL/dz_j = (p_j - [j = y]) (q^gamma - gamma p_y q^{gamma-1} log p_y)
    q       = 1 - p_y

As focal is for two classes, this is for k: a sample that the model is sure of, and right about, hardly
counts.  gamma = 0 is cross_entropy.  The loss is not convex, and its probabilities are not calibrated:
under it a model is never as sure as it should be.

All that matters is by how much the true class leads all others together:

    m = z_y - log sum_{j != y} e^{z_j},       L = focal(m, 1, gamma)

So nothing new has to be computed.  A logit m has 1 - p_y as accurately as p_y, and the power of 0 that the
derivative seems to have where p_y rounds to 1 is not there.  The pull is shared among the wrong classes by
their own softmax.

Others have an alpha here.  As one number it is a learning rate; one for each class it is that of
class_weighted_cross_entropy, and must not enter p_y.

Source: Lin et al. (2017), "Focal Loss for Dense Object Detection", equation (4), with a softmax in place
of the sigmoid; Mukhoti et al. (2020), "Calibrating Deep Neural Networks using Focal Loss", Section 3.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require
from ebm_ref.criteria.cross_entropy import (
    NO_LOGITS,
    check_scores,
    cross_entropy,
    cross_entropy_gradient,
    misplaced,
    random_logits,
    surprise,
)
from ebm_ref.criteria.focal import focal, focal_gradient, miss, miss_slope
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import logsumexp, softmax


def multi_class_focal_as_printed(logits, label: int, gamma=2.0):
    """With p_y, word by word: near 1, p_y has no room for the digits of 1 - p_y.

    >>> z = np.array([30.0, 0.0])
    >>> f"{multi_class_focal_as_printed(z, 0):.4g} {multi_class_focal(z, 0):.4g}"
    '8.169e-40 8.194e-40'
    """
    z, y, gamma = FORMULA.checked(logits, label, gamma)
    p = np.exp(z - np.max(z)) / np.sum(np.exp(z - np.max(z)))
    return -((1.0 - p[y]) ** gamma) * np.log(p[y])


def multi_class_focal(logits, label: int, gamma=2.0):
    """Focal loss of one sample of several classes.

    Parameters
    ----------
    logits : (k,) float, k >= 1
        Score z_j of each class; higher is better; -inf marks an impossible one.  A NaN gives a NaN loss.
    label : int
        Index y of the true class.
    gamma : float
        Exponent >= 0 of the focal factor; 0 is cross-entropy.

    Returns
    -------
    float
        >= 0, in nats; at most the cross-entropy.

    Raises ValueError if k < 1, if a logit is +inf or all are -inf, if `label` is not in 0..k-1, or if
    gamma is negative or infinite.

    >>> float(multi_class_focal(np.zeros(4), 0, 2.0).round(6))  # (3/4)^2 log 4
    0.779791
    """
    z, y, gamma = FORMULA.checked(logits, label, gamma)
    return miss(lead(z, y), gamma)


def multi_class_focal_gradient(logits, label: int, gamma=2.0):
    """dL/dz, shape (k,): dL/dm at y, and its negative shared among the others by their softmax."""
    z, y, gamma = FORMULA.checked(logits, label, gamma)
    pull, others = miss_slope(lead(z, y), gamma), np.where(np.arange(len(z)) == y, -np.inf, z)
    shares = softmax(others) if np.max(others) != -np.inf else np.zeros(len(z))
    return np.where(np.arange(len(z)) == y, -pull, pull * shares) + 0.0


def lead(z, y):
    """m = z_y - log sum_{j != y} e^{z_j}; +inf where no other class is possible."""
    others = z[np.arange(len(z)) != y]
    if len(others) == 0 or np.max(others) == -np.inf:
        return z[y] + np.inf
    s = np.argmax(others)
    return (z[y] - others[s]) - logsumexp(others - others[s])


def rules(logits, label, gamma):
    """What cross-entropy asks for, and an exponent that turns down."""
    check_scores(logits, label)
    require(0.0 <= gamma < np.inf, "gamma", gamma, "must be >= 0 and finite")


def factor_times_cross_entropy(formula, inputs, rng):
    """L = (1 - p_y)^gamma times cross-entropy, with p_y from the latter."""
    z, y, gamma = inputs.values()
    plain = surprise(z, y)
    error = abs(formula.value(**inputs) - (-np.expm1(-plain)) ** gamma * plain)
    return error / (64 * laws.UNIT * laws.condition(formula, inputs) + laws.UNIT * plain)


def falls_with_gamma(formula, inputs, rng):
    """L falls as gamma grows, so it is never above cross-entropy."""
    more = inputs | {"gamma": inputs["gamma"] + rng.uniform(0.1, 2.0)}
    return 0.0 if formula.value(**more) <= formula.value(**inputs) else np.inf


FORMULA = Formula(
    value=multi_class_focal,
    signature="(k),(),()->()",
    source="lin2017, equation (4); mukhoti2020, Section 3",
    gradients={"logits": multi_class_focal_gradient},
    sample=lambda rng: random_logits(rng) | {"gamma": rng.uniform(0.3, 3.0)},
    laws=(
        laws.shift_invariant_in("logits"),
        laws.permutation_invariant,
        laws.non_negative,
        laws.gradient_sums_to("logits", 0.0),
        falls_with_gamma,
        factor_times_cross_entropy,
    ),
    cases={  # (logits, label, gamma), L, dL/dz, the mistake that it exposes
        "nothing known: nine sixteenths of log 4": Case(
            ([1.0, 1.0, 1.0, 1.0], 2, 2.0),
            0.5625 * np.log(4.0),
            np.array([1.0, 1.0, -3.0, 1.0]) * (0.5625 + 0.375 * np.log(4.0)) / 4.0,
            "each class on its own",
        ),
        "odds of 3 to 1": Case(
            ([np.log(3.0), 0.0], 0, 1.0),
            0.25 * np.log(4.0 / 3.0),
            np.array([-0.25, 0.25]) * (0.25 + 0.75 * np.log(4.0 / 3.0)),
            "focal factor missing in the value",
        ),
        "odds of 1 to 3": Case(
            ([0.0, np.log(3.0)], 0, 2.0),
            0.5625 * np.log(4.0),
            np.array([-0.75, 0.75]) * (0.5625 + 0.375 * np.log(4.0)),
            "focal factor held fixed",
        ),
        "gamma 0 is cross-entropy": Case(
            ([2.0, 0.5, 0.1], 0, 0.0),
            0.3167787140575284,
            [-0.27150805768314723, 0.16254852375600007, 0.10895953392714718],
        ),
        "easy, and turned down: a factor of p_y would not": Case(
            ([np.log(8.0), 0.0, 0.0], 0, 1.0), 0.2 * np.log(1.25), exposes="powers of the true class's share"
        ),
        "near certain: e^-120 is left": Case(
            ([40.0, 0.0], 0, 2.0), np.exp(-120.0), [-3.0 * np.exp(-120.0), 3.0 * np.exp(-120.0)]
        ),
        "very unlikely: no probability may be clipped": Case(
            ([0.0, 100.0, 0.0], 0, 2.0), 100.0, exposes="probability clipped at 1e-7"
        ),
        "saturated, gamma 1/2: no power of zero may enter": Case(
            ([1000.0, 0.0], 0, 0.5), 0.0, np.zeros(2), "zero to the power gamma - 1"
        ),
        "one class is always right": Case(([-3.0], 0, 2.0), 0.0, np.zeros(1)),
        "an impossible wrong class is not there": Case(
            ([1.0, -np.inf, 1.0], 0, 1.0),
            0.5 * np.log(2.0),
            np.array([-0.5, 0.0, 0.5]) * (0.5 + 0.5 * np.log(2.0)),
        ),
        "no other class is possible": Case(([1.0, -np.inf], 0, 2.0), 0.0, np.zeros(2)),
        "an impossible true class": Case(([1.0, -np.inf, 1.0], 1, 2.0), np.inf, [0.5, -1.0, 0.5]),
        "not a number": Case(([0.0, np.nan, 1.0], 0, 2.0), np.nan, np.full(3, np.nan)),
    },
    variants={
        "each class on its own": Convention(
            lambda z, y, gamma=2.0: np.sum([focal(z_j, 1.0 * (j == y), gamma) for j, z_j in enumerate(z)]),
            lambda z, y, gamma=2.0: np.array(
                [focal_gradient(z_j, 1.0 * (j == y), gamma) for j, z_j in enumerate(z)]
            ),
            seen_in="Lin et al. (2017), Section 4, who sum the binary loss over all classes; torchvision, "
            "documentation of sigmoid_focal_loss",
            symptom="classes do not compete: several, or none, may be probable",
        ),
        "focal factor missing in the value": Mistake(
            lambda z, y, gamma=2.0: cross_entropy(z, y),
            lambda z, y, gamma=2.0: cross_entropy_gradient(z, y),
            symptom="gamma changes nothing",
        ),
        "focal factor held fixed": Mistake(
            None,
            lambda z, y, gamma=2.0: (1.0 - softmax(z)[y]) ** gamma * misplaced(z, y),
            symptom="p_y taken from a detached softmax: the pull is too weak where the sample is easy",
        ),
        "powers of the true class's share": Mistake(
            lambda z, y, gamma=2.0: softmax(z)[y] ** gamma * surprise(z, y),
            symptom="the hard samples are turned down, not the easy ones",
        ),
        "probability clipped at 1e-7": Mistake(
            lambda z, y, gamma=2.0: _clipped(z, y, gamma)[0],
            lambda z, y, gamma=2.0: _clipped(z, y, gamma)[1],
            seen_in="Keras 3.15.1, categorical_focal_crossentropy(from_logits=True), found by this project",
            symptom="no loss exceeds 16.118, and a hopeless sample has no gradient",
        ),
        "zero to the power gamma - 1": Mistake(
            None,
            lambda z, y, gamma=2.0: _with_rounded_power(z, y, gamma),
            symptom="a NaN gradient where p_y rounds to 1, for gamma < 1",
        ),
        "one minus a power": Mistake(
            lambda z, y, gamma=2.0: (1.0 - softmax(z)[y] ** gamma) * surprise(z, y),
            symptom="1 - p^gamma for (1 - p)^gamma, a slip of precedence: easy samples count more",
        ),
        "sigmoid in the factor": Mistake(
            lambda z, y, gamma=2.0: (1.0 + np.exp(z[y])) ** -gamma * cross_entropy(z, y),
            symptom="what is easy is told by the score, whatever the others'",
        ),
    },
    as_printed=multi_class_focal_as_printed,
    rules=rules,
    refuses=NO_LOGITS
    | {
        "a negative gamma": (([1.0, 2.0, 3.0], 0, -1.0), "gamma"),
        "an infinite gamma": (([1.0, 2.0, 3.0], 0, np.inf), "gamma"),
        "a gamma that is no number": (([1.0, 2.0, 3.0], 0, np.nan), "gamma"),
    },
)


def _with_rounded_power(z, y, gamma):
    """The slope by the formula as it stands."""
    p = softmax(z)[y]
    q = 1.0 - p
    factor = np.power(q, gamma) - gamma * p * np.power(q, gamma - 1.0) * np.log(p)
    return factor * misplaced(z, y)


def _clipped(z, y, gamma):
    """Value and slope where p_y is clipped, in the power and in the logarithm."""
    p = softmax(z)[y]
    c = np.clip(p, 1e-7, 1.0 - 1e-7)
    factor = (1.0 - c) ** gamma - gamma * c * (1.0 - c) ** (gamma - 1.0) * np.log(c)
    return -((1.0 - c) ** gamma) * np.log(c), factor * (c == p) * misplaced(z, y)
