r"""Cross-entropy with a soft target: every class has its share of the truth.

    L(z, t) = -sum_j t_j log p_j,          p_j = e^{z_j} / sum_i e^{z_i}
    dL/dz_j = T p_j - t_j,                 T   = sum_j t_j
    dL/dt_j = -log p_j

The target may be the opinion of several annotators, or of a larger model, or a mixture of two samples.
With H(t) = -sum_j t_j log t_j its entropy, L = H(t) + KL(t || p) for a distribution t: never below
H(t), and equal to it exactly where the model reproduces the target.  One-hot targets have entropy 0.

The weights t_j need only be >= 0.  Where they do not sum to 1 the formula still holds, but p_j - t_j
is then not its gradient.  A class without weight does not count, even an impossible one: 0 log 0 = 0.
A class with weight that the model calls impossible costs +inf.

T p_j - t_j loses digits where both are near 1; p_j sum_{i != j} t_i - t_j sum_{i != j} p_i does not.

Source: Bridle (1990); standard.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require
from ebm_ref.criteria.cross_entropy import check_logits, random_logits
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import log_softmax, negated, softmax, softmax_and_complement, total, weighted


def cross_entropy_of_probabilities(logits, target):
    """Cross-entropy of one sample whose target is a distribution over the classes.

    Parameters
    ----------
    logits : (k,) float, k >= 1
        Score z_j of each class; higher is better; -inf marks an impossible one.  A NaN gives a NaN loss.
    target : (k,) float
        Weight t_j >= 0 of each class; they sum to 1 for a distribution.  A NaN gives a NaN loss.

    Returns
    -------
    float
        >= 0, in nats; +inf where an impossible class has a weight.

    Raises ValueError if k < 1, if a logit is +inf or all are -inf, or if a weight is negative.

    >>> float(cross_entropy_of_probabilities(np.array([0.0, -np.inf]), np.array([1.0, 0.0])))
    0.0
    """
    return expected_surprise(*FORMULA.checked(logits, target))


def cross_entropy_of_probabilities_logits_gradient(logits, target):
    """dL/dz, shape (k,): T p_j - t_j, from sums over the other classes; finite even where the loss is not."""
    z, t = FORMULA.checked(logits, target)
    p, others = softmax_and_complement(z)
    return p * sums_of_others(t) - t * others


def cross_entropy_of_probabilities_target_gradient(logits, target):
    """dL/dt, shape (k,): -log p_j, whatever the target; +inf at an impossible class."""
    z, t = FORMULA.checked(logits, target)
    return np.where(np.isnan(expected_surprise(z, t)), np.nan, negated(log_softmax(z)))


def expected_surprise(z, t):
    """-sum_j t_j log p_j of scores and weights that were checked."""
    return total(weighted(t, negated(log_softmax(z))))


def sums_of_others(t):
    """sum_{i != j} t_i for every j, shape (k,): added up, since a total minus t_j would lose digits."""
    return np.where(np.eye(len(t), dtype=bool), 0.0, t).sum(axis=1)


def rules(logits, target):
    """A highest score, and weights."""
    check_logits(logits)
    require(not (target < 0.0).any(), "target", target, "must be >= 0")


def lowest_at_the_target(formula, inputs, rng):
    """For a distribution t, L >= H(t), its entropy, and L = H(t) where p = t."""
    t = inputs["target"] / np.sum(inputs["target"])
    here = inputs | {"target": t}
    best = here | {"logits": np.log(t) + rng.normal(scale=3.0)}
    entropy = -np.sum(t * np.log(t))
    allowed = 16 * laws.UNIT * (entropy + laws.condition(formula, best) + laws.condition(formula, here))
    return max(abs(formula.value(**best) - entropy), entropy - formula.value(**here)) / allowed


def random_soft_target(rng):
    """Scores in general position and a distribution over the classes."""
    logits = random_logits(rng)["logits"]
    return {"logits": logits, "target": rng.dirichlet(np.ones(len(logits)))}


FORMULA = Formula(
    value=cross_entropy_of_probabilities,
    signature="(k),(k)->()",
    source="bridle1990; standard",
    gradients={
        "logits": cross_entropy_of_probabilities_logits_gradient,
        "target": cross_entropy_of_probabilities_target_gradient,
    },
    sample=random_soft_target,
    laws=(
        laws.shift_invariant_in("logits"),
        laws.permutation_invariant,
        laws.non_negative,
        lowest_at_the_target,
        laws.convex_in("logits"),
        laws.smooth("logits", 0.5),
        laws.gradient_sums_to("logits", 0.0),
        laws.homogeneous(1, target=1),
    ),
    cases={  # (logits, target), L, (dL/dz, dL/dt), the mistake that it exposes
        "a cat, p = 0.9: a good prediction costs little": Case(
            (np.log(np.array([9.0, 1.0])), [1.0, 0.0]), 0.10536051565782628, {"logits": [-0.1, 0.1]}
        ),
        "a cat, p = 0.3: a bad one costs more": Case(
            (np.log(np.array([3.0, 7.0])), [1.0, 0.0]), 1.2039728043259361, {"logits": [-0.7, 0.7]}
        ),
        "a dog, p = 0.6": Case(
            (np.log(np.array([2.0, 3.0])), [0.0, 1.0]), 0.5108256237659907, {"logits": [0.4, -0.4]}
        ),
        "two annotators disagree: p = 1/4 and 3/4": Case(
            ([0.0, np.log(3.0)], [0.5, 0.5]),
            np.log(4.0) - 0.5 * np.log(3.0),
            ([-0.25, 0.25], [np.log(4.0), np.log(4.0 / 3.0)]),
            "prediction and target exchanged",
        ),
        "the target reproduced: its entropy, log 2, cannot be undercut": Case(
            ([5.0, 5.0], [0.5, 0.5]), np.log(2.0), {"logits": np.zeros(2)}, "entropy of the target subtracted"
        ),
        "near certain: e^-40 is left": Case(
            ([40.0, 0.0], [1.0, 0.0]), 4.248354255291589e-18, {"logits": [-np.exp(-40.0), np.exp(-40.0)]}
        ),
        "not normalised: three annotators counted": Case(
            ([1.0, 1.0], [2.0, 1.0]),
            3.0 * np.log(2.0),
            ([-0.5, 0.5], [np.log(2.0), np.log(2.0)]),
            "gradient of a normalised target",
        ),
        "a target of zeros costs nothing": Case(([99.0, 0.0], [0.0, 0.0]), 0.0, {"logits": np.zeros(2)}),
        "an impossible class without weight does not count": Case(
            ([-np.inf, 0.0], [0.0, 1.0]), 0.0, (np.zeros(2), [np.inf, 0.0]), "zero times infinity"
        ),
        "an impossible class with weight": Case(
            ([-np.inf, 0.0, 0.0], [0.5, 0.25, 0.25]),
            np.inf,
            ([-0.5, 0.25, 0.25], [np.inf, np.log(2.0), np.log(2.0)]),
        ),
        "not a number": Case(([0.0, np.nan], [1.0, 0.0]), np.nan, (np.full(2, np.nan), np.full(2, np.nan))),
        "not a number in the target": Case(([0.0, 1.0], [1.0, np.nan]), np.nan, ([np.nan] * 2, [np.nan] * 2)),
    },
    variants={
        "gradient of a normalised target": Convention(
            cross_entropy_of_probabilities,
            {"logits": lambda z, t: softmax(z) - t, "target": cross_entropy_of_probabilities_target_gradient},
            seen_in="TensorFlow, documentation of tf.nn.softmax_cross_entropy_with_logits",
            symptom="a target of zeros, used as a mask, still pulls every logit down",
        ),
        "zero times infinity": Mistake(
            lambda z, t: -np.sum(t * log_softmax(z)),
            seen_in="optax.softmax_cross_entropy, github.com/google-deepmind/optax/issues/896",
            symptom="NaN as soon as a masked class has the logit -inf, although its weight is 0",
        ),
        "entropy of the target subtracted": Mistake(
            lambda z, t: np.sum(t * (np.log(t) - log_softmax(z))),
            {"logits": cross_entropy_of_probabilities_logits_gradient},
            symptom="the divergence KL(t || p): the gradient by the logits agrees, the value does not",
        ),
        "prediction and target exchanged": Mistake(
            lambda z, t: -np.sum(softmax(z) * np.log(t)), symptom="infinite for every one-hot target"
        ),
    },
    rules=rules,
    refuses={  # (logits, target), the argument to blame
        "no class": (([], []), "logits"),
        "no class is possible": (([-np.inf, -np.inf], [0.5, 0.5]), "logits"),
        "an infinite score": (([np.inf, 0.0], [0.5, 0.5]), "logits"),
        "a negative weight": (([1.0, 2.0, 3.0], [0.5, 0.75, -0.25]), "target"),
    },
)
