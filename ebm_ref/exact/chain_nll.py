r"""Chain negative log-likelihood: the loss of a conditional random field.

    L(u, P, y)  = E(y) - F,      F = -(1/beta) log sum_z e^{-beta E(z)}
    E(y)        = sum_t u[t, y_t] + sum_t P[y_t, y_{t+1}]
    dL/du[t, j] = [y_t = j] - p(z_t = j)
    dL/dP[i, j] = sum_t ([y_t = i, y_{t+1} = j] - p(z_t = i, z_{t+1} = j))

Here y is the right sequence, and z any other, of probability p(z) = e^{-beta E(z)} over their sum. This is
the loss nll of the table of all sequences z, found in k^2 steps for each moment.  Nothing is normalised
moment by moment: whole sequences compete with whole sequences.  beta L = -log p(y) is never negative.  A
negative loss shows that numerator and normaliser saw different chains, as they do where a mask is applied
to only one of them.

Frameworks have scores where energies stand here, and return log p(y) = -beta L, which is to be maximised.
They also know a start and an end transition: these are unary energies of the first and of the last moment.
Padding is no part of a chain: a chain of the sample's own length has the loss of the padded one.

Both terms may be 1e8 and L 1e-9.  So all energies are counted from the best sequence, and 1 - p is summed
from the probabilities of what is not y.  Where the sum over t in dL/dP cancels, it is computed instead as
sum_n (n(y) - n) p(n), with p(n) the probability that a sequence has the transition exactly n times
(chain_counts.py), which takes longer by the number of moments.  One limit remains: a recursion rounds once a
moment, and where all energies are equal, always the same way.  After 300 such moments a slope has been seen
off by 44 units of its last place.  So this page keeps 64 (u C + eta), not 4; up to 17 moments it keeps 8.

Batches, with the lengths of their samples: kernels/chain.py.  A whole problem:
scripts/recipe_crf_end_to_end.py.

Source: Lafferty, McCallum and Pereira (2001), Section 3; LeCun et al. (2006), Section 7.
"""

import autograd.numpy as np

from ebm_ref.checks import require_positive
from ebm_ref.energies.chain import (
    NO_CHAINS,
    backwards_and_transposed,
    check_labels,
    energy_of,
    labels_renamed,
    random_chain,
    terms_of,
)
from ebm_ref.exact.chain import check_sums, counted, log_count, marginals
from ebm_ref.exact.chain_counts import count_risk, less_than_one
from ebm_ref.exact.chain_enumeration import enumerate_labels
from ebm_ref.exact.chain_shortcuts import OF_SUMS, one_by_one
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, convex_in, homogeneous, misfit, non_negative
from ebm_ref.numerics import exact_sum, logsumexp


def chain_nll_as_printed(unary, pairwise, labels: int, beta=1.0):
    """The forward algorithm, which sums the weights of all beginnings by their last label.

    What is e^-40 of the sum is lost in it, and weights below e^-745 are 0:

    >>> float(chain_nll_as_printed([[0.0, 40.0]], np.zeros((2, 2)), [0]))  # it is e^-40
    0.0
    """
    u, P, y, beta = FORMULA.checked(unary, pairwise, labels, beta)
    weights = np.exp(-beta * u[0])
    for row in u[1:]:
        weights = (weights @ np.exp(-beta * P)) * np.exp(-beta * row)
    F = -np.log(np.sum(weights)) / beta
    return energy_of(u, P, y) - F


def chain_nll(unary, pairwise, labels: int, beta=1.0):
    """Negative log-likelihood of one sequence, divided by beta.

    Parameters
    ----------
    unary : (t, k) float
        Energy of each label at each moment; lower is better; +inf forbids.  A NaN gives a NaN loss.
    pairwise : (k, k) float
        Energy of label j right after label i; +inf forbids.
    labels : (t,) int
        The correct sequence y.
    beta : float
        Inverse temperature, > 0, in units of 1/energy.

    Returns
    -------
    float
        >= 0, in units of energy; +inf where y is forbidden and others are not, NaN where all are.

    Raises ValueError if a label is not in 0..k-1, if there is no moment or no label, if an energy is -inf
    or a sum of energies overflows, or if beta is not positive and finite.

    >>> u = -np.log(np.array([[0.5, 0.5], [0.25, 0.75]]))
    >>> float(chain_nll(u, np.zeros((2, 2)), np.array([0, 1])).round(12))  # -log(1/2 3/4)
    0.980829253012
    """
    u, P, y, beta = FORMULA.checked(unary, pairwise, labels, beta)
    lowest, best, above = counted(u, P, beta)
    return energy_gap(u, P, y, best) + log_count(*above, beta) / beta if lowest < np.inf else np.nan


def chain_nll_unary_gradient(unary, pairwise, labels: int, beta=1.0):
    """dL/du, shape (t, k): [y_t = j] - p(y_t = j), with 1 - p summed from the others; rows sum to 0."""
    u, P, y, beta = FORMULA.checked(unary, pairwise, labels, beta)
    nodes, _ = marginals(u, P, beta)
    return np.array([less_than_one(p, label) for p, label in zip(nodes, y, strict=True)])


def chain_nll_pairwise_gradient(unary, pairwise, labels: int, beta=1.0):
    """dL/dP, shape (k, k): how often j follows i in y, less how often it is expected to."""
    u, P, y, beta = FORMULA.checked(unary, pairwise, labels, beta)
    _, edges = marginals(u, P, beta)
    k = len(P)
    pairs = y[:-1] * k + y[1:]
    each = np.zeros((len(pairs), k * k))
    for s, (p, pair) in enumerate(zip(edges, pairs, strict=True)):
        each[s] = less_than_one(np.ravel(p), pair)
    g, sizes = (np.array([exact_sum(x) for x in table.T]) for table in (each, np.abs(each)))
    for pair in np.flatnonzero(np.abs(g) < sizes / 16):
        g[pair] = count_risk(u, P, y, beta, *divmod(pair, k))
    return g.reshape(k, k)


def energy_gap(u, P, y, z):
    """E(y) - E(z), of which z is possible, rounded once."""
    return exact_sum(np.concatenate([terms_of(u, P, y), -terms_of(u, P, z)]))


def rules(unary, pairwise, labels, beta):
    """A chain whose energies may be added, its labels, and a temperature."""
    check_sums(unary, pairwise)
    check_labels(labels, unary)
    require_positive("beta", beta)


def likelihood_over_sequences(formula, inputs, rng):
    """sum_y e^{-beta L(y)} over all sequences is 1: L is minus the logarithm of a probability, over beta."""
    beta = inputs["beta"]
    points = [inputs | {"labels": y} for y in enumerate_labels(*inputs["unary"].shape)]
    total = sum(np.exp(-beta * formula.value(**point)) for point in points)
    sizes = np.sum(np.abs(inputs["unary"])) + len(inputs["labels"]) * np.max(np.abs(inputs["pairwise"]))
    return abs(total - 1.0) / (16 * UNIT * (1.0 + beta * sizes))


def levels_do_not_matter(formula, inputs, rng):
    """L(u + a, P + c) = L(u, P) for a number a_t added at each moment and a number c added to all of P."""
    a, c = rng.normal(scale=4.0, size=(len(inputs["unary"]), 1)), rng.normal(scale=4.0)
    moved = {"unary": inputs["unary"] + a, "pairwise": inputs["pairwise"] + c}
    return misfit(formula, inputs, inputs | moved)


def gradients_balance(formula, inputs, rng):
    """Each row of dL/du sums to 0, and so does all of dL/dP: what is pulled up is pushed down elsewhere."""
    rows = [*formula.gradients["unary"](**inputs), np.ravel(formula.gradients["pairwise"](**inputs))]
    return max(abs(g.sum()) / (32 * UNIT) for g in rows)


def after_a_masked_moment(u, P, y, beta=1.0):
    """A moment of label 0 put in after the first and masked: the normaliser leaves it out, E(y) does not."""
    return chain_nll(u, P, y, beta) + (P[0, y[1]] - P[y[0], y[1]] if len(y) > 1 else 0.0)


def after_a_masked_moment_pairwise_gradient(u, P, y, beta=1.0):
    g = chain_nll_pairwise_gradient(u, P, y, beta)
    if len(y) > 1:
        g[0, y[1]] += 1.0
        g[y[0], y[1]] -= 1.0
    return g


def scaled(factor):
    """Value and gradients times factor(t, beta)."""
    times = lambda f: lambda u, P, y, beta=1.0: factor(len(u), beta) * f(u, P, y, beta)
    gradients = {"unary": chain_nll_unary_gradient, "pairwise": chain_nll_pairwise_gradient}
    return times(chain_nll), {a: times(g) for a, g in gradients.items()}


def turned(function):
    """The same with pairwise read from column to row."""
    return lambda u, P, y, beta=1.0: function(u, P.T, y, beta)


Q = 4.248354255291589e-18  # e^-40
ALL_NAN = np.full((2, 2), np.nan), np.full((2, 2), np.nan)
NO_SUMS = NO_CHAINS | {
    "energies whose sum overflows": ((np.full((2, 2), 1e308), np.zeros((2, 2)), [0, 1]), "unary"),
    "transitions whose sum overflows": ((np.zeros((2, 2)), np.full((2, 2), 1e308), [0, 1]), "pairwise"),
}

FORMULA = Formula(
    value=chain_nll,
    keeps=64.0,
    signature="(t,k),(k,k),(t),()->()",
    source="lafferty2001, Section 3; lecun2006, Section 7",
    gradients={"unary": chain_nll_unary_gradient, "pairwise": chain_nll_pairwise_gradient},
    sample=lambda rng: random_chain(rng) | {"beta": rng.uniform(0.3, 3.0)},
    laws=(
        non_negative,
        likelihood_over_sequences,
        levels_do_not_matter,
        gradients_balance,
        backwards_and_transposed,
        labels_renamed,
        convex_in("unary"),
        convex_in("pairwise"),
        homogeneous(1, unary=1, pairwise=1, beta=-1),
    ),
    cases={  # (unary, pairwise, labels, beta), L, (dL/du, dL/dP), the mistake that it exposes
        "nothing known: log of the number of sequences": Case(
            (np.zeros((3, 2)), np.zeros((2, 2)), [0, 1, 1], 1.0),
            3.0 * np.log(2.0),
            ([[0.5, -0.5], [-0.5, 0.5], [-0.5, 0.5]], [[-0.5, 0.5], [-0.5, 0.5]]),
            "log-likelihood, to be maximised",
        ),
        "colder": Case(
            (np.zeros((3, 2)), np.ones((2, 2)), [0, 1, 1], 2.0),
            1.5 * np.log(2.0),
            exposes="not divided by beta",
        ),
        "no transitions: as many classifiers as moments": Case(
            ([[0.0, np.log(3.0)], [0.0, 0.0]], np.full((2, 2), 8.0), [1, 0], 1.0),
            np.log(8.0),
            {"unary": [[-0.75, 0.75], [0.5, -0.5]]},
            "first moment left out",
        ),
        "three labels: the fixture of TensorFlow Addons, scores with their sign changed": Case(
            (
                -np.array([[4.0, 5.0, -3.0], [3.0, -1.0, 3.0], [-1.0, 2.0, 1.0]]),
                -np.array([[-3.0, 5.0, -2.0], [3.0, 4.0, 1.0], [1.0, 2.0, 1.0]]),
                [1, 2, 1],
                1.0,
            ),
            5.0461218376900654,
            exposes="transition read from a masked moment",
        ),
        "label bias: after 0 all ways are bad, and a normaliser of its own would forgive it": Case(
            (np.zeros((2, 2)), [[np.log(3.0), np.log(3.0)], [0.0, 0.0]], [0, 0], 1.0),
            np.log(8.0),
            ([[0.75, -0.75], [0.5, -0.5]], np.array([[7.0, -1.0], [-3.0, -3.0]]) / 8.0),
            "normalised moment by moment",
        ),
        "from row to column: 0 0, 0 1 and 1 1 are as good, 1 0 is not": Case(
            (np.zeros((2, 2)), [[0.0, 0.0], [np.log(2.0), 0.0]], [1, 0], 1.0),
            np.log(7.0),
            (np.array([[-4.0, 4.0], [4.0, -4.0]]) / 7.0, np.array([[-2.0, -2.0], [6.0, -2.0]]) / 7.0),
            "transitions read from column to row",
        ),
        "near certain: 2 e^-40 is left, and nothing of it may cancel": Case(
            ([[0.0, 40.0], [0.0, 40.0]], np.zeros((2, 2)), [0, 0], 1.0),
            2.0 * Q,
            ([[Q, -Q], [Q, -Q]], [[2.0 * Q, -Q], [-Q, -Q * Q]]),
        ),
        "one transition at one moment or another: e^-20 cancels, and e^-160 is left": Case(
            ([[0.0, 100.0], [0.0, 20.0], [100.0, 0.0]], [[0.0, -60.0], [0.0, 0.0]], [0, 0, 1], 1.0),
            2.0611536203143807e-09,
            {
                "pairwise": [
                    [2.0611536181902036e-09, 3.2574885322075213e-70],
                    [-3.720075976020836e-44, -2.0611536181902036e-09],
                ]
            },
        ),
        "hopeless: p = e^-1600 is 0 in double precision, its logarithm is not": Case(
            ([[0.0, 800.0], [0.0, 800.0]], np.zeros((2, 2)), [1, 1], 1.0),
            1600.0,
            ([[-1.0, 1.0], [-1.0, 1.0]], [[-1.0, 0.0], [0.0, 1.0]]),
            "energies taken for scores",
        ),
        "one moment: cross-entropy, and the pairwise table is not read": Case(
            ([[0.0, np.log(3.0)]], np.full((2, 2), np.nan), [1], 1.0),
            np.log(4.0),
            ([[-0.75, 0.75]], np.zeros((2, 2))),
        ),
        "one label: one sequence, certain": Case(
            ([[3.0], [5.0]], np.ones((1, 1)), [0, 0], 1.0),
            0.0,
            (np.zeros((2, 1)), np.zeros((1, 1))),
            "what the padding holds is read",
        ),
        "forbidden is more than expensive: 0 1 would cost nothing else": Case(
            ([[0.0, 50000.0], [50000.0, 0.0]], [[0.0, np.inf], [0.0, 0.0]], [0, 0], 1.0),
            np.log(2.0),
            ([[0.5, -0.5], [0.5, -0.5]], [[0.5, 0.0], [0.0, -0.5]]),
            "forbidden at a price of 10000",
        ),
        "a forbidden answer": Case((np.zeros((2, 2)), [[0.0, np.inf], [0.0, 0.0]], [0, 1], 1.0), np.inf),
        "nothing is possible: there is no distribution": Case(
            (np.zeros((2, 2)), np.full((2, 2), np.inf), [0, 1], 1.0), np.nan, ALL_NAN
        ),
        "not a number": Case(([[0.0, np.nan], [0.0, 1.0]], np.zeros((2, 2)), [0, 0], 1.0), np.nan, ALL_NAN),
        "four sequences alike: the best is no dearer than the right one": Case(
            (np.zeros((2, 2)), np.zeros((2, 2)), [0, 0], 1.0),
            np.log(4.0),
            ([[0.5, -0.5], [0.5, -0.5]], [[0.75, -0.25], [-0.25, -0.25]]),
            "best sequence for the sum",
        ),
        "a row of transitions that are all dear: weights of 1/3, 1/3, 1 and 1": Case(
            (np.zeros((2, 2)), [[np.log(3.0), np.log(3.0)], [0.0, 0.0]], [1, 0], 1.0),
            np.log(8.0 / 3.0),
            ([[-0.25, 0.25], [0.5, -0.5]], [[-0.125, -0.125], [0.625, -0.375]]),
            "rows of transitions normalised",
        ),
        "from 1 to 0 at half the weight, on the way of the dear beginning": Case(
            ([[0.0, np.log(2.0)], [0.0, 0.0]], [[0.0, 0.0], [np.log(2.0), 0.0]], [0, 1], 1.0),
            np.log(11.0 / 4.0),
            (np.array([[3.0, -3.0], [-5.0, 5.0]]) / 11.0, np.array([[-4.0, 7.0], [-1.0, -2.0]]) / 11.0),
            "transitions turned in the normaliser alone",
        ),
    },
    variants={
        "log-likelihood, to be maximised": Mistake(
            *scaled(lambda t, beta: -1.0),
            seen_in="minimised by users of pytorch-crf, whose forward returns it: "
            "github.com/kmkurn/pytorch-crf/issues/81 and 27",
            symptom="a loss that falls without end, below 0, while decoding gets worse",
        ),
        "energies taken for scores": Mistake(
            lambda u, P, y, beta=1.0: chain_nll(-u, -P, y, beta),
            {
                "unary": lambda u, P, y, beta=1.0: -chain_nll_unary_gradient(-u, -P, y, beta),
                "pairwise": lambda u, P, y, beta=1.0: -chain_nll_pairwise_gradient(-u, -P, y, beta),
            },
            symptom="emissions and transitions of a library handed over as they are: the worst path wins",
        ),
        "not divided by beta": Convention(
            *scaled(lambda t, beta: beta), seen_in="the probabilistic literature: -log p(y), without a unit"
        ),
        "divided by the number of moments": Convention(
            *scaled(lambda t, beta: 1.0 / t),
            seen_in="pytorch-crf, documentation of forward, reduction='token_mean'",
            symptom="long sequences count for less",
        ),
        "transitions read from column to row": Convention(
            turned(chain_nll),
            {
                "unary": turned(chain_nll_unary_gradient),
                "pairwise": lambda u, P, y, beta=1.0: chain_nll_pairwise_gradient(u, P.T, y, beta).T,
            },
            seen_in="torch-struct, documentation of LinearChainCRF; 'transitioning to i from j' in the "
            "BiLSTM-CRF of the PyTorch tutorials, github.com/rguthrie3/BiLSTM-CRF/issues/3",
            symptom="right for symmetric tables; forbidden transitions forbid their reverse",
        ),
        "normalised moment by moment": Mistake(
            one_by_one,
            seen_in="maximum-entropy Markov models; Lafferty et al. (2001), Section 2, on label bias",
            symptom="a label with few ways on is never regretted, whatever comes after",
        ),
        "forbidden at a price of 10000": Mistake(
            lambda u, P, y, beta=1.0: chain_nll(np.minimum(u, 1e4), np.minimum(P, 1e4), y, beta),
            seen_in="BiLSTM-CRF of the PyTorch tutorials, -10000 for minus infinity: "
            "github.com/rguthrie3/DeepLearningForNLPInPytorch/issues/8 decodes the start tag",
            symptom="forbidden transitions win where scores are large",
        ),
        "transition read from a masked moment": Mistake(
            after_a_masked_moment,
            {"unary": chain_nll_unary_gradient, "pairwise": after_a_masked_moment_pairwise_gradient},
            seen_in="pytorch-crf, with a gap in the mask: github.com/kmkurn/pytorch-crf/issues/53 and 122",
            symptom="a negative loss: the sequence that is scored is not among those that are summed",
        ),
        "what the padding holds is read": Mistake(
            lambda u, P, y, beta=1.0: np.nan,
            {
                a: lambda u, P, y, beta=1.0, a=a: np.full(np.shape(u if a == "unary" else P), np.nan)
                for a in ("unary", "pairwise")
            },
            seen_in="pytorch-crf: emission * mask is NaN where the padding is; found by this project",
            symptom="a NaN after the end of one sequence, and the loss of its batch is NaN",
        ),
        "best sequence for the sum": Mistake(
            lambda u, P, y, beta=1.0: energy_gap(u, P, y, counted(u, P, beta)[1]),
            symptom="Viterbi for forward: the perceptron's loss, 0 as soon as the right sequence is the best",
        ),
        "first moment left out": Mistake(
            lambda u, P, y, beta=1.0: chain_nll(np.concatenate([0.0 * u[:1], u[1:]]), P, y, beta),
            symptom="the recursion starts from zeros: what the first moment sees is never learned",
        ),
        "rows of transitions normalised": Mistake(
            lambda u, P, y, beta=1.0: chain_nll(u, _rows_normalised(P, beta), y, beta),
            symptom="a softmax over each row, as in a Markov chain: no row can be dearer than another",
        ),
        "transitions turned in the normaliser alone": Mistake(
            lambda u, P, y, beta=1.0: chain_nll(u, P.T, y, beta) + energy_of(u, P, y) - energy_of(u, P.T, y),
            symptom="right for symmetric tables; else a sequence is compared with others of another chain",
        ),
        **OF_SUMS,
    },
    as_printed=chain_nll_as_printed,
    rules=rules,
    refuses=NO_SUMS
    | {  # (unary, pairwise, labels, beta), the argument to blame
        "a negative temperature": ((np.zeros((2, 2)), np.zeros((2, 2)), [0, 1], -1.0), "beta"),
        "no temperature": ((np.zeros((2, 2)), np.zeros((2, 2)), [0, 1], 0.0), "beta"),
    },
)


def _rows_normalised(P, beta):
    """P with a level added to each row, so that sum_j e^{-beta P_ij} is 1."""
    return np.array([row + logsumexp(-beta * row) / beta for row in P])
