r"""Kullback-Leibler divergence: how many nats a prediction wastes on targets that are distributions.

    KL(p || q) = sum_j p_j (log p_j - l_j),    l_j = log q_j,    0 log 0 = 0
    dKL/dl_j   = -p_j
    dKL/dp_j   = log p_j + 1 - l_j

p is the target distribution, q the prediction, given by its logarithm l.  If answers are drawn from p
and coded with the code that is best for q, an answer costs H(p) + KL nats on average: cross-entropy is
entropy plus divergence.  For a fixed p both have the same gradient by l, so distillation may use
either.  KL >= 0, and 0 only for q = p.  It is not symmetric: it is infinite where q rules out what p
allows, and does not care where p rules out what q allows.

The page takes the formula as it stands, entry by entry.  So p and q need not be normalised, and then
the result may be negative.  An entry with p_j = 0 costs nothing, even where l_j = -inf.  Its slope by
p_j is that of p log p, -inf; but where l_j = -inf it is +inf, since the first bit of mass there costs
everything.

Three things go wrong in practice.  PyTorch's 'mean' divides the sum by the number of classes too (in
one detector by 17).  Probabilities are given where logarithms are due.  And 0 inf makes NaN, in
the value or, after a guard with `where`, in the gradient.

Source: Kullback and Leibler (1951), "On information and sufficiency"; NYU DLSP20, week 11-2, whose
text takes the input for a probability.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, gradient_sums_to, misfit
from ebm_ref.numerics import log_softmax, negated, weighted


def kl_divergence(log_q, p):
    """Kullback-Leibler divergence KL(p || q) of one sample, a sum over classes.

    Parameters
    ----------
    log_q : (k,) float
        Logarithm l_j of the predicted probability of each class; -inf rules one out.  A NaN gives a NaN loss.
    p : (k,) float
        Target probability of each class, >= 0.  A NaN gives a NaN loss.

    Returns
    -------
    float
        In nats; >= 0 where p and q both sum to 1; +inf where q rules out what p allows.

    Raises ValueError if `log_q` and `p` are not vectors of one length, or if an entry of p is negative.

    >>> float(kl_divergence(np.array([-np.inf, np.log(0.5), np.log(0.5)]), np.array([0.0, 0.0, 1.0])))
    0.6931471805599453
    """
    l, p = FORMULA.checked(log_q, p)
    return waste(l, p)


def waste(l, p):
    """KL(p || q) of vectors that were checked."""
    log_p = np.log(np.where(p == 0.0, 1.0, p))
    return np.sum(weighted(p, log_p - l))


def kl_divergence_log_q_gradient(log_q, p):
    """dKL/dl, shape (k,): -p, whatever q is."""
    l, p = FORMULA.checked(log_q, p)
    return np.where(np.isnan(l + p).any(), np.nan, negated(p))


def kl_divergence_p_gradient(log_q, p):
    """dKL/dp, shape (k,): log p + 1 - l; where p = 0 that is -inf, or +inf if l = -inf."""
    l, p = FORMULA.checked(log_q, p)
    with np.errstate(divide="ignore", invalid="ignore"):
        g = np.where(l == -np.inf, np.inf, 1.0 + (np.log(p) - l))
    return np.where(np.isnan(waste(l, p)), np.nan, g)


def rules(log_q, p):
    """A distribution is nowhere negative; its sum is not looked at."""
    require(not (p < 0.0).any(), "p", p, "must be >= 0")


def random_distributions(rng):
    """Two distributions over the same classes, no probability near 0: their logarithms, and themselves."""
    k = int(rng.integers(2, 6))
    p = rng.uniform(0.2, 1.0, size=k)
    return {"log_q": log_softmax(rng.normal(scale=1.5, size=k)), "p": p / np.sum(p)}


def at_least_pinskers_bound(formula, inputs, rng):
    """KL >= |p - q|^2 / 2 with |.| the sum of absolute values (Pinsker): so >= 0, and 0 only for q = p."""
    bound = 0.5 * np.sum(np.abs(inputs["p"] - np.exp(inputs["log_q"]))) ** 2
    excess = bound - formula.value(**inputs)
    return max(0.0, excess) / (16 * UNIT * condition(formula, inputs))


def merging_classes_loses(formula, inputs, rng):
    """To merge two classes never raises KL: what is not told apart cannot be coded badly."""
    l, p = inputs.values()
    merged = {"log_q": np.append(l[2:], np.logaddexp(l[0], l[1])), "p": np.append(p[2:], p[0] + p[1])}
    excess = formula.value(**merged) - formula.value(**inputs)
    return max(0.0, excess) / (16 * UNIT * (condition(formula, inputs) + condition(formula, merged)))


def any_order(formula, inputs, rng):
    """Renaming the classes changes nothing."""
    order = rng.permutation(len(inputs["p"]))
    return misfit(formula, inputs, {a: x[order] for a, x in inputs.items()})


def convex_in_the_target(formula, inputs, rng):
    """KL(tp + (1-t)p' || q) <= t KL(p || q) + (1-t) KL(p' || q)."""
    t, other = rng.uniform(), random_distributions(rng)["p"]
    other = np.resize(other, np.shape(inputs["p"]))
    ends = [inputs, inputs | {"p": other}]
    middle = inputs | {"p": t * inputs["p"] + (1 - t) * other}
    chord = t * formula.value(**ends[0]) + (1 - t) * formula.value(**ends[1])
    allowed = 16 * UNIT * sum(condition(formula, point) for point in [*ends, middle])
    return max(0.0, formula.value(**middle) - chord) / allowed


def _by_classes(function):
    return lambda l, p: function(l, p) / len(p)


def _generalised(l, p):
    return kl_divergence(l, p) + np.sum(np.exp(l) - p)


def _clipped(l, p):
    p, q = np.clip(p, 1e-7, 1.0), np.clip(np.exp(l), 1e-7, 1.0)
    return np.sum(p * np.log(p / q))


def _passed(x):
    """The slope of clipping to 1e-7..1: 1 inside, 0 outside, and one half at either end, as in JAX."""
    return np.where((x > 1e-7) & (x < 1.0), 1.0, 0.5 * ((x == 1e-7) | (x == 1.0)))


FORMULA = Formula(
    value=kl_divergence,
    signature="(k),(k)->()",
    source="kullback1951; NYU DLSP20, week 11-2",
    gradients={"log_q": kl_divergence_log_q_gradient, "p": kl_divergence_p_gradient},
    sample=random_distributions,
    laws=(
        at_least_pinskers_bound,
        merging_classes_loses,
        any_order,
        convex_in_the_target,
        gradient_sums_to("log_q", -1.0),
    ),
    cases={  # (log_q, p), KL, (dKL/dl, dKL/dp), the mistake that it exposes
        "two classes, first row: log_q as a network gives it, not normalised": Case(
            ([-1.0, -0.5], [0.4, 0.6]),
            0.026988332990743567,
            ([-0.4, -0.6], [1.083709268125845, 0.9891743762340093]),
            "probabilities where logarithms are due",
        ),
        "two classes, second row": Case(
            ([-2.0, -0.2], [0.1, 0.9]),
            0.0549170266085518,
            ([-0.1, -0.9], [0.6974149070059543, 1.0946394843421738]),
            "divided by the number of classes",
        ),
        "three classes, first row: far from normalised, and negative": Case(
            ([0.5, -0.5, 0.1], [0.7, 0.2, 0.1]), -1.0618185525433372
        ),
        "three classes, second row": Case(
            ([0.1, -0.2, 0.3], [0.1, 0.5, 0.4]), -0.9733483923290392, exposes="entropy of p left out"
        ),
        "an even target": Case(
            ([-1.0, -0.5], [0.5, 0.5]),
            0.05685281944005469,
            ([-0.5, -0.5], [1.3068528194400546, 0.8068528194400547]),
            "arguments swapped",
        ),
        "nearly ruled out: e^-800 is 0, its logarithm is not": Case(
            ([-800.0, 0.0], [0.5, 0.5]),
            399.30685281944005,
            ([-0.5, -0.5], [800.3068528194401, 0.3068528194400547]),
            "clipped at 1e-7",
        ),
        "a certain target: minus its log-probability": Case(
            ([-1.0, -2.0, -0.5], [0.0, 1.0, 0.0]),
            2.0,
            ([0.0, -1.0, 0.0], [-np.inf, 3.0, -np.inf]),
            "0 log 0 is not a number",
        ),
        "an empty class has infinite slope": Case(
            ([-1.0, -2.0], [1.0, 0.0]), 1.0, ([-1.0, 0.0], [2.0, -np.inf]), "slope 0 where p = 0"
        ),
        "ruled out by both: costs nothing, but the first bit of mass would cost everything": Case(
            ([-np.inf, 0.0], [0.0, 1.0]),
            0.0,
            ([0.0, -1.0], [np.inf, 1.0]),
            "0 times an infinite log-probability",
        ),
        "ruled out by q, allowed by p": Case(
            ([-np.inf, 0.0], [0.25, 0.75]), np.inf, ([-0.25, -0.75], [np.inf, 0.7123179275482191])
        ),
        "log_q not a number": Case(
            ([-1.0, np.nan], [1.0, 0.0]), np.nan, (np.full(2, np.nan), np.full(2, np.nan))
        ),
        "p not a number": Case(
            ([-1.0, -0.5], [0.5, np.nan]), np.nan, (np.full(2, np.nan), np.full(2, np.nan))
        ),
    },
    variants={
        "divided by the number of classes": Convention(
            _by_classes(kl_divergence),
            {"log_q": _by_classes(kl_divergence_log_q_gradient), "p": _by_classes(kl_divergence_p_gradient)},
            seen_in="PyTorch, documentation of torch.nn.KLDivLoss, reduction='mean', "
            "github.com/pytorch/pytorch/issues/2259; unawares in DeiT, "
            "github.com/facebookresearch/deit/issues/61, and LD, github.com/HikariTJU/LD/issues/74",
            symptom="a distillation term that fades as classes are added",
        ),
        "generalised: sum q - sum p added": Convention(
            _generalised,
            {"log_q": lambda l, p: np.exp(l) - p, "p": lambda l, p: kl_divergence_p_gradient(l, p) - 1.0},
            seen_in="SciPy, documentation of scipy.special.kl_div; optax.generalized_kl_divergence",
            symptom="never negative; the same where both sum to 1",
        ),
        "probabilities where logarithms are due": Mistake(
            lambda l, p: kl_divergence(np.exp(l), p),
            {"log_q": lambda l, p: -p * np.exp(l)},
            seen_in="ProDA, github.com/microsoft/ProDA/issues/20",
            symptom="negative losses",
        ),
        "arguments swapped": Mistake(
            lambda l, p: np.sum(np.exp(l) * (l - np.log(p))),
            seen_in="PyTorch, documentation of torch.nn.KLDivLoss, which warns of the order (log q, p)",
            symptom="the prediction seeks one mode of the target instead of covering all",
        ),
        "entropy of p left out": Mistake(
            lambda l, p: -np.sum(p * l),
            {"log_q": kl_divergence_log_q_gradient},
            seen_in="DistiLLM, github.com/jongwooko/distillm/issues/7",
            symptom="not 0 where q = p; the gradient by log_q is right",
        ),
        "clipped at 1e-7": Mistake(
            _clipped,
            {
                "log_q": lambda l, p: -np.clip(p, 1e-7, 1.0) * _passed(np.exp(l)),
                "p": lambda l, p: (
                    (1.0 + np.log(np.clip(p, 1e-7, 1.0) / np.clip(np.exp(l), 1e-7, 1.0))) * _passed(p)
                ),
            },
            seen_in="Keras KLDivergence, github.com/keras-team/keras/issues/19520",
            symptom="16.118 where the loss is infinite",
        ),
        "0 log 0 is not a number": Mistake(
            lambda l, p: np.sum(p * (np.log(p) - l)),
            seen_in="TorchMetrics, github.com/Lightning-AI/torchmetrics/issues/1029; "
            "Distributions.jl, github.com/JuliaStats/Distributions.jl/issues/793",
            symptom="NaN for every one-hot target",
        ),
        "0 times an infinite log-probability": Mistake(
            lambda l, p: np.sum(p * (np.log(np.where(p == 0.0, 1.0, p)) - l)),
            {"log_q": kl_divergence_log_q_gradient},
            seen_in="optax.kl_divergence, github.com/google-deepmind/optax/pull/1786",
            symptom="NaN where a masked class has a log-probability of -inf",
        ),
        "slope 0 where p = 0": Mistake(
            gradients={"p": lambda l, p: np.where(p == 0.0, 0.0, kl_divergence_p_gradient(l, p))},
            seen_in="PyTorch 1.12 kl_div, github.com/pytorch/pytorch/issues/89558 (NaN since)",
            symptom="an empty class of a learnt target stays empty",
        ),
        "half of it both ways": Mistake(
            lambda l, p: 0.5 * np.sum((p - np.exp(l)) * (np.log(p) - l)),
            symptom="Jeffreys' divergence, halved: symmetric, and infinite where either is 0 alone",
        ),
        "both compared with their mean": Mistake(
            lambda l, p: 0.5 * (_of_mean(l, p) + _of_mean(np.log(p), np.exp(l))),
            symptom="the Jensen-Shannon divergence: symmetric, and never above log 2",
        ),
        "squared differences of the probabilities": Mistake(
            lambda l, p: np.sum((p - np.exp(l)) ** 2),
            symptom="an impossible answer that comes true costs 2 at most",
        ),
        "squared differences of the roots": Mistake(
            lambda l, p: 0.5 * np.sum((np.sqrt(p) - np.exp(0.5 * l)) ** 2),
            symptom="Hellinger's distance, squared: never above 1",
        ),
    },
    rules=rules,
    refuses={"a negative probability": (([-1.0, -0.5, -2.0], [0.5, 0.75, -0.25]), "p")},
)


def _of_mean(l, p):
    """Divergence of p from the mean of p and e^l."""
    return np.sum(p * np.log(2.0 * p / (p + np.exp(l))))
