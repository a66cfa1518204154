r"""Linear chain: a sequence of labels, each with an energy of its own and one with its neighbour.

    E(u, P, y)  = sum_t u[t, y_t] + sum_t P[y_t, y_{t+1}]
    dE/du[t, j] = [y_t = j]
    dE/dP[i, j] = sum_t [y_t = i, y_{t+1} = j]      how often j follows i

Words and their parts of speech, frames and sounds: the unary energy u[t, j] says how badly label j
suits moment t, and the pairwise energy P[i, j] how badly j follows i.  Both may come from any network.
+inf forbids.  There are k^t answers, but only neighbours meet, so all that must be known of an answer up
to moment t is its last label.  Minima and sums over all answers therefore cost t k^2 steps
(exact/chain.py).

P is read from row to column: *from* i *to* j.  Several tutorials have it the other way round, and
say so or not; nothing but an asymmetric example tells.

A whole problem: scripts/recipe_crf_end_to_end.py.

Source: LeCun et al. (2006), Section 7 (sequence labeling); Lafferty, McCallum and
Pereira (2001), Section 3.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require, require_index, whole
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, misfit
from ebm_ref.numerics import exact_sum


def chain(unary, pairwise, labels: int):
    """Energy of one sequence of labels.

    Parameters
    ----------
    unary : (t, k) float
        u[t, j], the energy of label j at moment t; +inf forbids it.
    pairwise : (k, k) float
        P[i, j], the energy of label j right after label i, at any moment; +inf forbids it.
    labels : (t,) int
        The answer y.

    Returns
    -------
    float
        Lower is better; +inf for a forbidden sequence.

    Raises ValueError if a label is not in 0..k-1, if there is no moment or no label, or if an energy is
    -inf.

    >>> u, P = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 4.0]]), np.array([[0.0, 8.0], [16.0, 0.0]])
    >>> float(chain(u, P, np.array([0, 1, 1])))  # 0 + 0 + 4, and 8 + 0
    12.0
    """
    u, P, y = FORMULA.checked(unary, pairwise, labels)
    return energy_of(u, P, y)


def chain_unary_gradient(unary, pairwise, labels: int):
    """dE/du, shape (t, k): 1 at the label of each moment."""
    u, _, y = FORMULA.checked(unary, pairwise, labels)
    return one_hot(y, u.shape[1])


def chain_pairwise_gradient(unary, pairwise, labels: int):
    """dE/dP, shape (k, k): how often each label follows each."""
    u, _, y = FORMULA.checked(unary, pairwise, labels)
    return count_pairs(y, u.shape[1])


def energy_of(u, P, y):
    """E of a sequence that was checked."""
    return exact_sum(terms_of(u, P, y))


def terms_of(u, P, y):
    """What a sequence that was checked pays: at each moment, and from each to the next."""
    return np.concatenate([u[np.arange(len(y)), y], P[y[:-1], y[1:]]])


def one_hot(y, k):
    """[y_t = j], shape (t, k)."""
    return 1.0 * (y[:, None] == np.arange(k))


def count_pairs(y, k):
    """How often j follows i in y, shape (k, k)."""
    first = one_hot(y, k)
    return first[:-1].T @ first[1:]


def rules(unary, pairwise, labels):
    """Energies of a chain, and one of its labels for each moment."""
    check_chain(unary, pairwise)
    check_labels(labels, unary)


def check_chain(unary, pairwise):
    """Raise unless unary is (t, k) and pairwise (k, k), t and k at least 1, and no energy is -inf."""
    u = real("unary", unary, "t", "k")
    require(u.size > 0, "unary", unary, "must be (t, k): moments, labels; none empty")
    P = real("pairwise", pairwise, u.shape[1], u.shape[1])
    for argument, energies in (("unary", u), ("pairwise", P)):
        require(not np.any(energies == -np.inf), argument, energies, "must not be -inf; +inf forbids")


def check_labels(labels, unary):
    """Raise unless there is one label for each moment, an integer in 0..k-1."""
    for label in whole("labels", labels, len(unary)):
        require_index("labels", label, np.shape(unary)[1])


def random_chain(rng):
    """Two or three moments of two labels, or one of three; energies of either sign."""
    t, k = [(1, 3), (2, 2), (2, 2), (2, 2), (3, 2), (3, 2)][rng.integers(6)]
    return {
        "unary": rng.normal(scale=1.5, size=(t, k)),
        "pairwise": rng.normal(scale=1.5, size=(k, k)),
        "labels": rng.integers(k, size=t),
    }


def backwards_and_transposed(formula, inputs, rng):
    """Read backwards, with P transposed, the result is the same."""
    backwards = {"unary": inputs["unary"][::-1], "pairwise": inputs["pairwise"].T}
    return misfit(formula, inputs, inputs | backwards | {"labels": inputs["labels"][::-1]})


def labels_renamed(formula, inputs, rng):
    """Renaming the labels, in all tables alike, changes nothing."""
    order = rng.permutation(len(inputs["pairwise"]))
    renamed = {"unary": inputs["unary"][:, order], "pairwise": inputs["pairwise"][order][:, order]}
    return misfit(formula, inputs, inputs | renamed | {"labels": np.argsort(order)[inputs["labels"]]})


def levels_add_up(formula, inputs, rng):
    """E(u + a, P + c) = E(u, P) + sum_t a_t + (t - 1) c: a number for each moment, and one for each pair."""
    t = len(inputs["labels"])
    a, c = rng.normal(scale=4.0, size=t), rng.normal(scale=4.0)
    moved = inputs | {"unary": inputs["unary"] + a[:, None], "pairwise": inputs["pairwise"] + c}
    error = abs(formula.value(**moved) - (formula.value(**inputs) + a.sum() + (t - 1) * c))
    sizes = condition(formula, inputs) + condition(formula, moved) + np.abs(a).sum() + t * abs(c)
    return error / (16 * UNIT * sizes)


def transposed(function):
    """The same with pairwise read from column to row, and its gradient laid out likewise."""
    return lambda u, P, y: function(u, P.T, y)


THREE = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 4.0]])
ASYMMETRIC = np.array([[0.0, 8.0], [16.0, 32.0]])

NO_CHAINS = {  # (unary, pairwise, labels), the argument to blame; parameters keep their defaults
    "a label beyond k - 1": ((THREE, ASYMMETRIC, [0, 1, 2]), "labels"),
    "a label counted from the end": ((THREE, ASYMMETRIC, [0, -1, 1]), "labels"),
    "labels that are no integers": ((THREE, ASYMMETRIC, [0.0, 1.0, 1.0]), "labels"),
    "labels that are bools": ((THREE, ASYMMETRIC, [True, False, True]), "labels"),
    "no label": ((np.zeros((2, 0)), np.zeros((0, 0)), [0, 0]), "unary"),
    "no moment": ((np.zeros((0, 2)), np.zeros((2, 2)), []), "unary"),
    "a unary energy of -inf": (([[0.0, -np.inf]], ASYMMETRIC, [0]), "unary"),
    "a pairwise energy of -inf": ((THREE, [[0.0, -np.inf], [0.0, 0.0]], [0, 1, 1]), "pairwise"),
}

FORMULA = Formula(
    value=chain,
    signature="(t,k),(k,k),(t)->()",
    source="lecun2006, Section 7; lafferty2001, Section 3",
    gradients={"unary": chain_unary_gradient, "pairwise": chain_pairwise_gradient},
    sample=random_chain,
    laws=(backwards_and_transposed, labels_renamed, levels_add_up),
    cases={  # (unary, pairwise, labels), E, (dE/du, dE/dP), the mistake that it exposes
        "from row to column: 0 0 1 passes P[0, 0] and P[0, 1]": Case(
            (THREE, ASYMMETRIC, [0, 0, 1]),
            0.0 + 2.0 + 4.0 + 0.0 + 8.0,
            ([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [0.0, 0.0]]),
            "transitions read from column to row",
        ),
        "there and back: both asymmetric transitions once": Case(
            (THREE, ASYMMETRIC, [1, 0, 1]),
            1.0 + 2.0 + 4.0 + 16.0 + 8.0,
            {"pairwise": [[0.0, 1.0], [1.0, 0.0]]},
            "last moment forgotten",
        ),
        "stay: one transition twice": Case(
            (THREE, ASYMMETRIC, [1, 1, 1]), 5.0 + 64.0, {"pairwise": [[0.0, 0.0], [0.0, 2.0]]}
        ),
        "one moment: the pairwise table is not read": Case(
            ([[3.0, 5.0]], np.full((2, 2), np.nan), [1]), 5.0, ([[0.0, 1.0]], np.zeros((2, 2)))
        ),
        "a forbidden transition": Case((np.zeros((2, 2)), [[0.0, np.inf], [0.0, 0.0]], [0, 1]), np.inf),
        "not a number": Case(([[np.nan, 0.0]], np.zeros((2, 2)), [0]), np.nan),
    },
    variants={
        "transitions read from column to row": Convention(
            transposed(chain),
            {
                "unary": transposed(chain_unary_gradient),
                "pairwise": lambda u, P, y: chain_pairwise_gradient(u, P.T, y).T,
            },
            seen_in="'transitioning to i from j': BiLSTM-CRF of the PyTorch tutorials, "
            "github.com/rguthrie3/BiLSTM-CRF/issues/3; which way is asked in "
            "github.com/tensorflow/tensorflow/issues/10378",
            symptom="right for symmetric tables; forbidden transitions forbid their reverse",
        ),
        "last moment forgotten": Mistake(
            lambda u, P, y: sum(u[t, y[t]] + P[y[t], y[t + 1]] for t in range(len(y) - 1)),
            symptom="a loop over pairs drops the unary energy of the last moment",
        ),
        "closed to a ring": Mistake(
            lambda u, P, y: chain(u, P, y) + P[y[-1], y[0]],
            symptom="np.roll pairs the last label with the first",
        ),
        "repeated transitions counted once": Mistake(
            gradients={"pairwise": lambda u, P, y: np.minimum(chain_pairwise_gradient(u, P, y), 1.0)},
            symptom="g[y[:-1], y[1:]] += 1 with an index that repeats adds once",
        ),
        "begins after label 0": Mistake(
            lambda u, P, y: chain(u, P, y) + P[0, y[0]],
            symptom="label 0 is taken for a start tag that stands before every sequence",
        ),
        "first moment forgotten": Mistake(
            lambda u, P, y: energy_of(u[1:], P, y[1:]),
            symptom="the first label is never learned; 0 for one moment",
        ),
        "last transition left out": Mistake(
            lambda u, P, y: energy_of(u, P, y) - (P[y[-2], y[-1]] if len(y) > 1 else 0.0),
            symptom="a loop that ends one step early",
        ),
        "ends before label 0": Mistake(
            lambda u, P, y: energy_of(u, P, y) + P[y[-1], 0], symptom="padding taken for a moment more"
        ),
    },
    rules=rules,
    refuses=NO_CHAINS,
)
