r"""Negative log-likelihood of log-probabilities: read off the entry of the true class.

    L(l, y) = -l_y,            l_j = log p_j
    dL/dl_j = -[j = y]         by the log-probabilities
    dL/dz_j = p_j - [j = y]    by the logits, where l = log_softmax(z)

Nothing could be simpler, and yet the two derivatives are confused again and again.  They answer
different questions.  As a function of l the loss knows one entry only: its row sums to -1, and the
probabilities of the wrong classes do not matter.  The pull on the wrong classes, p_j, enters by the
chain rule through log_softmax, and that row sums to 0.  Some return the second for the first.  They are
right only if the backward pass of a log_softmax follows, because it leaves the second alone:

    J^T (p - e_y) = p - e_y,    J = I - 1 p^T,  the Jacobian of log_softmax

Everywhere else their gradient is silently wrong.  PyTorch's ctc_loss, whose argument is called
log_probs, returns the gradient by the logits.

The formula does not check that sum_j e^{l_j} = 1, and does not need it: it reads l_y alone.

Source: elementary; the name is that of torch.nn.NLLLoss.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require_index
from ebm_ref.criteria.cross_entropy import random_logits
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.numerics import log_softmax, logsumexp, negated, softmax


def nll_of_log_probabilities(log_probabilities, label: int):
    """Negative log-likelihood of one sample.

    Parameters
    ----------
    log_probabilities : (k,) float, k >= 1
        Logarithm l_j of the probability of each class, <= 0; -inf marks an impossible one.  Only l_y is
        read, so a NaN elsewhere is harmless.
    label : int
        Index y of the true class.

    Returns
    -------
    float
        -l_y >= 0, in nats; +inf where the true class is impossible.

    Raises ValueError if `label` is not in 0..k-1.

    >>> float(nll_of_log_probabilities(np.log(np.array([0.9, 0.1])), label=0).round(5))
    0.10536
    """
    l, y = FORMULA.checked(log_probabilities, label)
    return negated(l[y])


def nll_of_log_probabilities_gradient(log_probabilities, label: int):
    """dL/dl, shape (k,): -1 at y, zero elsewhere; NaN at y where the loss is."""
    l, y = FORMULA.checked(log_probabilities, label)
    g = np.zeros(len(l))
    g[y] = np.nan if np.isnan(l[y]) else -1.0
    return g


def rules(log_probabilities, label):
    """A class; only its entry is read."""
    require_index("label", label, len(log_probabilities))


def random_log_probabilities(rng):
    """Normalised log-probabilities of 2 to 5 classes, any of them the true one."""
    table = random_logits(rng)
    return {"log_probabilities": log_softmax(table["logits"]), "label": table["label"]}


FORMULA = Formula(
    value=nll_of_log_probabilities,
    signature="(k),()->()",
    source="elementary; PyTorch, documentation of torch.nn.NLLLoss",
    gradients={"log_probabilities": nll_of_log_probabilities_gradient},
    sample=random_log_probabilities,
    laws=(
        laws.permutation_invariant,
        laws.non_negative,
        laws.likelihood_over("label"),
        laws.convex_in("log_probabilities"),
        laws.gradient_sums_to("log_probabilities", -1.0),
        laws.homogeneous(1, log_probabilities=1),
    ),
    cases={  # (log_probabilities, label), L, dL/dl, the mistake that it exposes
        "a cat, p = 0.9: a good prediction costs little": Case(
            (np.log(np.array([0.9, 0.1])), 0),
            0.10536051565782628,
            [-1.0, 0.0],
            "gradient by logits returned instead",
        ),
        "a cat, p = 0.3: a bad one costs more": Case(
            (np.log(np.array([0.3, 0.7])), 0),
            1.2039728043259361,
            [-1.0, 0.0],
            "probability without the logarithm",
        ),
        "a dog, p = 0.6": Case((np.log(np.array([0.4, 0.6])), 1), 0.5108256237659907, [0.0, -1.0]),
        "not normalised: 1/2 and 1/4, and only the first is read": Case(
            (np.log(np.array([0.5, 0.25])), 0), np.log(2.0), [-1.0, 0.0], "normalised again"
        ),
        "certain: no loss, and still a gradient": Case(([0.0, -np.inf], 0), 0.0, [-1.0, 0.0]),
        "an impossible true class": Case(([0.0, -np.inf], 1), np.inf, [0.0, -1.0]),
        "not a number, read": Case(([np.nan, -1.0], 0), np.nan, [np.nan, 0.0]),
        "not a number, not read": Case(([np.nan, -1.0], 1), 1.0, [0.0, -1.0]),
    },
    variants={
        "gradient by logits returned instead": Mistake(
            nll_of_log_probabilities,
            lambda l, y: np.exp(l) - np.eye(len(l))[y],
            seen_in="PyTorch ctc_loss, github.com/pytorch/pytorch/issues/52241",
            symptom="gradient rows sum to 0 instead of -1, and reach classes that the loss does not read",
        ),
        "normalised again": Mistake(
            lambda l, y: logsumexp(l) - l[y],
            lambda l, y: softmax(l) - np.eye(len(l))[y],
            seen_in="Keras sparse_categorical_crossentropy, github.com/keras-team/keras/issues/11801",
            symptom="right for normalised input, the cross-entropy of l otherwise",
        ),
        "probability without the logarithm": Mistake(
            lambda l, y: -np.exp(l[y]),
            lambda l, y: -np.exp(l[y]) * np.eye(len(l))[y],
            seen_in="PyTorch nll_loss given probabilities, github.com/pytorch/pytorch/issues/10033",
            symptom="losses between -1 and 0",
        ),
        "complements of the others, too": Mistake(
            lambda l, y: -l[y] - np.sum(np.log1p(-np.exp(l[np.arange(len(l)) != y]))),
            symptom="a binary loss for each class: twice the loss for two",
        ),
    },
    rules=rules,
    refuses={  # (log_probabilities, label), the argument to blame
        "a label beyond the classes": (([-1.0, -0.5, -2.0], 3), "label"),
        "a label counted from the end": (([-1.0, -0.5, -2.0], -1), "label"),
        "a label that is no integer": (([-1.0, -0.5, -2.0], 1.0), "label"),
        "no class": (([], 0), "label"),
    },
)
