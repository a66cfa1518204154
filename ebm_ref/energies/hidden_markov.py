r"""Hidden Markov model: a chain of states that nobody sees, each of which emits one symbol.

    E(a, A, B, o, y) = -a[y_1] - sum_t A[y_t, y_{t+1}] - sum_t B[y_t, o_t]
                     = -log p(y, o)
    dE/da[j]         = -[y_1 = j]
    dE/dA[i, j]      = -sum_t [y_t = i, y_{t+1} = j]
    dE/dB[j, v]      = -sum_t [y_t = j, o_t = v]

a, A and B are the logarithms of start, transitions and emissions: of the probability that the first state
is j, that j follows i, and that state j emits symbol v.  o is the sequence of observations.  Given o, this
is a chain (chain.py) with

    u[t, j] = -B[j, o_t] - [t = 1] a[j]          P[i, j] = -A[i, j]

A probability of 0 is an energy of +inf.  Since the model is normalised by construction, Z of this chain is a
probability itself, that of the observations: F = -log p(o).  What is the best sequence, how probable is a
state, how probable are the observations: all three questions are answered by exact/hidden_markov.py.

A conditional random field (CRF) has the energy of an HMM with free weights, and pays for their freedom
with a sum over all sequences in each step of learning.  Here the gradients are minus counts, so that the
weights of highest likelihood are shares of counts, seen or, if y is hidden, expected (Baum and Welch).

Conventions: emissions belong to states, and the first state emits the first symbol.  Elsewhere the first
transition comes before the first symbol, or the emission belongs to the transition.  The page takes a, A
and B as they stand, and does not ask whether they are normalised; `hidden_markov_tables` takes
probabilities, and does ask.

Source: Baum and Petrie (1966); Rabiner (1989), Section II; LeCun et al. (2006), Section 7.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require, require_index, whole
from ebm_ref.energies.chain import count_pairs, one_hot
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, misfit
from ebm_ref.numerics import log_softmax, total

ROUNDING = 1e-9  # what a sum of probabilities may lack to 1


def hidden_markov(log_start, log_transitions, log_emissions, observations: int, labels: int):
    """Energy of one sequence of states and the symbols that it emitted: -log p(y, o).

    Parameters
    ----------
    log_start : (k,) float
        a[j], logarithm of the probability that the first state is j; -inf forbids.
    log_transitions : (k, k) float
        A[i, j], logarithm of the probability that state j follows state i.
    log_emissions : (k, n) float
        B[j, v], logarithm of the probability that state j emits symbol v.
    observations : (t,) int
        The symbols o, in 0..n-1.
    labels : (t,) int
        The states y, in 0..k-1.

    Returns
    -------
    float
        >= 0; +inf for what cannot happen.  Rounded once.

    Raises ValueError if there is no moment, if a symbol or a state is out of range, or if a logarithm is
    positive: then it is none of a probability.

    >>> A, B = np.log([[0.5, 0.5], [0.25, 0.75]]), np.log([[0.5, 0.5], [0.125, 0.875]])
    >>> E = hidden_markov(np.log([0.5, 0.5]), A, B, [0, 1], [0, 1])
    >>> float(np.exp(-E).round(12))  # 1/2 1/2, 1/2 7/8
    0.109375
    """
    a, A, B, o, y = FORMULA.checked(log_start, log_transitions, log_emissions, observations, labels)
    return 0.0 - total(np.concatenate([a[y[:1]], A[y[:-1], y[1:]], B[y, o]]))


def hidden_markov_start_gradient(log_start, log_transitions, log_emissions, observations: int, labels: int):
    """dE/da, shape (k,): -1 at the first state."""
    a, _, _, _, y = FORMULA.checked(log_start, log_transitions, log_emissions, observations, labels)
    return 0.0 - one_hot(y[:1], len(a))[0]


def hidden_markov_transitions_gradient(
    log_start, log_transitions, log_emissions, observations: int, labels: int
):
    """dE/dA, shape (k, k): minus how often each state follows each."""
    a, _, _, _, y = FORMULA.checked(log_start, log_transitions, log_emissions, observations, labels)
    return 0.0 - count_pairs(y, len(a))


def hidden_markov_emissions_gradient(
    log_start, log_transitions, log_emissions, observations: int, labels: int
):
    """dE/dB, shape (k, n): minus how often each state emits each symbol."""
    _, _, B, o, y = FORMULA.checked(log_start, log_transitions, log_emissions, observations, labels)
    return 0.0 - one_hot(y, len(B)).T @ one_hot(o, B.shape[1])


def hidden_markov_tables(start, transitions, emissions, observations):
    """The energies u (t, k) and P (k, k) of the chain that is left when symbols have been observed.

    Parameters
    ----------
    start : (k,) float
        Probability of each state at the first moment.
    transitions : (k, k) float
        Probability of state j right after state i, in row i.
    emissions : (k, n) float
        Probability that state j emits symbol v, in row j.
    observations : (t,) int
        The symbols, in 0..n-1.

    Raises ValueError if a probability is negative or NaN, if a row does not sum to 1 (to 1e-9), if there is
    no moment, or if a symbol is out of range.

    >>> u, P = hidden_markov_tables([1.0, 0.0], [[0.5, 0.5], [0.0, 1.0]], [[0.25, 0.75], [1.0, 0.0]], [1, 0])
    >>> np.exp(-u).tolist(), np.exp(-P).tolist()
    ([[0.75, 0.0], [0.25, 1.0]], [[0.5, 0.5], [0.0, 1.0]])
    """
    start, transitions, emissions = check_model(start, transitions, emissions)
    o = check_observations(observations, emissions.shape[1])
    u = energies_of(emissions)[:, o].T
    u[0] += energies_of(start)
    return u, energies_of(transitions)


def energies_of(probabilities):
    """-log p of each probability: 0 where certain, +inf where impossible."""
    with np.errstate(divide="ignore"):
        return 0.0 - np.log(probabilities)


def check_model(start, transitions, emissions):
    """start (k,), transitions (k, k) and emissions (k, n) as float64, if their rows are distributions."""
    start = check_rows("start", start, "k")
    k = len(start)
    return start, check_rows("transitions", transitions, k, k), check_rows("emissions", emissions, k, "n")


def check_rows(argument, p, *axes):
    """p as float64 with these axes, if no probability is negative and those of each row sum to 1."""
    p = real(argument, p, *axes)
    require(p.size > 0, argument, p, "must not be empty")
    require(np.all(p >= 0.0), argument, p, "must hold probabilities >= 0, not logarithms of them")
    sums = np.all(np.abs(np.sum(p, axis=-1) - 1.0) <= ROUNDING)
    across = np.ndim(p) == 2 and np.all(np.abs(np.sum(p, axis=0) - 1.0) <= ROUNDING)
    hint = "; its columns do: transpose it" if across else ""
    require(sums, argument, p, f"must have probabilities that sum to 1 in each row{hint}")
    return p


def check_observations(observations, symbols):
    """The observations (t,) as integers in 0..symbols-1, at least one."""
    o = whole("observations", observations, "t")
    require(len(o) > 0, "observations", observations, "must hold at least one symbol")
    for symbol in o:
        require_index("observations", symbol, symbols)
    return o


def rules(log_start, log_transitions, log_emissions, observations, labels):
    """Logarithms of probabilities, and a state and a symbol at each moment."""
    require(len(log_start) > 0, "log_start", log_start, "must have k >= 1 states")
    for argument, x in (
        ("log_start", log_start),
        ("log_transitions", log_transitions),
        ("log_emissions", log_emissions),
    ):
        require(not np.any(x > 0.0), argument, x, "must hold logarithms of probabilities, which are <= 0")
    check_observations(observations, log_emissions.shape[1])
    for label in labels:
        require_index("labels", label, len(log_start))


def random_model(rng):
    """Two states and three symbols, or three states and two; one to three moments."""
    k, n, t = [(2, 3, 1), (2, 3, 2), (2, 3, 3), (3, 2, 2)][rng.integers(4)]
    rows = lambda *shape: np.array([log_softmax(row) for row in rng.normal(scale=1.5, size=shape)])
    return {
        "log_start": rows(1, k)[0],
        "log_transitions": rows(k, k),
        "log_emissions": rows(k, n),
        "observations": rng.integers(n, size=t),
        "labels": rng.integers(k, size=t),
    }


def likelihood_over_all(formula, inputs, rng):
    """sum e^{-E} over all states and symbols is 1, for tables that are normalised."""
    k, n = np.shape(inputs["log_emissions"])
    t = len(inputs["labels"])
    points = [
        inputs | {"labels": np.array(y), "observations": np.array(o)}
        for y in np.ndindex(*[k] * t)
        for o in np.ndindex(*[n] * t)
    ]
    return abs(sum(np.exp(-formula.value(**point)) for point in points) - 1.0) / (64 * UNIT * t)


def states_renamed(formula, inputs, rng):
    """Renaming the states, in all tables alike, changes nothing."""
    order = rng.permutation(len(inputs["log_start"]))
    renamed = {
        "log_start": inputs["log_start"][order],
        "log_transitions": inputs["log_transitions"][order][:, order],
        "log_emissions": inputs["log_emissions"][order],
    }
    return misfit(formula, inputs, inputs | renamed | {"labels": np.argsort(order)[inputs["labels"]]})


def one_moment_more(formula, inputs, rng):
    """A moment put at the end adds its transition and its emission, and nothing else."""
    y, o = inputs["labels"], inputs["observations"]
    longer = inputs | {"labels": np.append(y, y[0]), "observations": np.append(o, o[0])}
    step = inputs["log_transitions"][y[-1], y[0]] + inputs["log_emissions"][y[0], o[0]]
    error = abs(formula.value(**longer) - (formula.value(**inputs) - step))
    return error / (16 * UNIT * condition(formula, longer))


def _turned(function):
    return lambda a, A, B, o, y: function(a, A.T, B, o, y)


def _negated(function):
    return lambda a, A, B, o, y: -function(a, A, B, o, y)


def _from_first_state(a, A, B, o, y):
    return hidden_markov(a, A, B, o, y) + a[y[0]] - A[0, y[0]]


def _from_first_state_by_transitions(a, A, B, o, y):
    g = hidden_markov_transitions_gradient(a, A, B, o, y)
    g[0, y[0]] -= 1.0
    return g


def _late(a, A, B, o, y):
    return hidden_markov(a, A, B, o, y) + np.sum(B[y[1:], o[1:]] - B[y[1:], o[:-1]])


L = np.log
A, B = L(np.array([[0.5, 0.5], [0.25, 0.75]])), L(np.array([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]]))
EVEN, SURE = L(np.array([0.5, 0.5])), np.array([0.0, -np.inf])
CLINIC = (  # healthy, fever: normal, cold, dizzy
    L(np.array([0.6, 0.4])),
    L(np.array([[0.7, 0.3], [0.4, 0.6]])),
    L(np.array([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]])),
)

FORMULA = Formula(
    value=hidden_markov,
    signature="(k),(k,k),(k,n),(t),(t)->()",
    source="baum1966; rabiner1989, Section II",
    gradients={
        "log_start": hidden_markov_start_gradient,
        "log_transitions": hidden_markov_transitions_gradient,
        "log_emissions": hidden_markov_emissions_gradient,
    },
    sample=random_model,
    laws=(likelihood_over_all, states_renamed, one_moment_more),
    cases={  # (a, A, B, o, y), E, (dE/da, dE/dA, dE/dB), the mistake that it exposes
        "from row to column: 1/2 1/4, 1/2 3/4": Case(
            (EVEN, A, B, [1, 2], [0, 1]),
            L(64.0 / 3.0),
            ([-1.0, 0.0], [[0.0, -1.0], [0.0, 0.0]], [[0.0, -1.0, 0.0], [0.0, 0.0, -1.0]]),
            "transitions read from column to row",
        ),
        "the first symbol counts: 1/2 1/8, 3/4 3/4": Case(
            (EVEN, A, B, [0, 2], [1, 1]), L(256.0 / 9.0), exposes="first emission left out"
        ),
        "an uneven start: 3/4 1/2, 1/2 1/2": Case(
            (L(np.array([0.75, 0.25])), A, B, [0, 0], [0, 0]), L(32.0 / 3.0), exposes="start left out"
        ),
        "healthy, healthy, fever: normal, cold, dizzy has 0.01512": Case(
            (*CLINIC, [0, 1, 2], [0, 0, 1]), -L(0.01512), exposes="emission one symbol late"
        ),
        "the first state is that of the first symbol: 1/2 3/4": Case(
            (EVEN, A, B, [2], [1]),
            L(8.0 / 3.0),
            ([0.0, -1.0], np.zeros((2, 2)), [[0.0, 0.0, 0.0], [0.0, 0.0, -1.0]]),
            "starts in state 0, one transition before the first symbol",
        ),
        "there and back: counts of two": Case(
            (EVEN, A, B, [0, 1, 0, 1, 0], [0, 1, 0, 1, 0]),
            16.0 * L(2.0),
            ([-1.0, 0.0], [[0.0, -2.0], [-2.0, 0.0]], [[-3.0, 0.0, 0.0], [0.0, -2.0, 0.0]]),
            "log-probability, to be maximised",
        ),
        "a start that cannot be": Case((SURE, A, B, [0], [1]), np.inf),
        "a certain start": Case(
            (SURE, A, B, [0], [0]), L(2.0), {"log_start": [-1.0, 0.0], "log_transitions": np.zeros((2, 2))}
        ),
        "not a number": Case((np.array([np.nan, -1.0]), A, B, [0], [0]), np.nan),
        "a NaN that is not read": Case((EVEN, np.full((2, 2), np.nan), B, [0], [0]), L(4.0)),
    },
    variants={
        "transitions read from column to row": Convention(
            _turned(hidden_markov),
            {
                "log_start": _turned(hidden_markov_start_gradient),
                "log_transitions": lambda *x: _turned(hidden_markov_transitions_gradient)(*x).T,
                "log_emissions": _turned(hidden_markov_emissions_gradient),
            },
            seen_in="BiLSTM-CRF of the PyTorch tutorials, github.com/rguthrie3/BiLSTM-CRF/issues/3",
            symptom="right for symmetric tables; rows that sum to 1 in the other direction",
        ),
        "first emission left out": Mistake(
            lambda a, A, B, o, y: hidden_markov(a, A, B, o, y) + B[y[0], o[0]],
            symptom="a recursion that begins with the start alone: the first symbol is never weighed",
        ),
        "start left out": Mistake(
            lambda a, A, B, o, y: hidden_markov(a, A, B, o, y) + a[y[0]],
            symptom="right up to a constant where the start is even",
        ),
        "emission one symbol late": Mistake(
            _late,
            seen_in="github.com/stephens999/fiveMinuteStats/issues/46: the step to t + 1 weighs symbol t",
            symptom="the last symbol is never read, and the first one twice",
        ),
        "starts in state 0, one transition before the first symbol": Convention(
            _from_first_state,
            {
                "log_start": lambda a, A, B, o, y: np.zeros(len(a)),
                "log_transitions": _from_first_state_by_transitions,
                "log_emissions": hidden_markov_emissions_gradient,
            },
            seen_in="MATLAB, documentation of hmmgenerate and hmmviterbi: state 1 at step 0",
            symptom="no start is asked for; row 0 of the transitions takes its place",
        ),
        "log-probability, to be maximised": Convention(
            _negated(hidden_markov),
            {
                "log_start": _negated(hidden_markov_start_gradient),
                "log_transitions": _negated(hidden_markov_transitions_gradient),
                "log_emissions": _negated(hidden_markov_emissions_gradient),
            },
            seen_in="hmmlearn, documentation of decode and score: log-probabilities",
            symptom="the sign",
        ),
        "emission one state late": Mistake(
            lambda a, A, B, o, y: (
                -a[y[0]] - sum(A[y[t], y[t + 1]] + B[y[t + 1], o[t]] for t in range(len(y) - 1))
            ),
            symptom="the first state emits nothing, and the last symbol is not read",
        ),
        "last transition left out": Mistake(
            lambda a, A, B, o, y: hidden_markov(a, A, B, o, y) + (A[y[-2], y[-1]] if len(y) > 1 else 0.0),
            symptom="a loop that ends one step early",
        ),
        "last emission left out": Mistake(
            lambda a, A, B, o, y: hidden_markov(a, A, B, o, y) + B[y[-1], o[-1]],
            symptom="the last symbol is not read",
        ),
        "states given their symbols": Mistake(
            lambda a, A, B, o, y: (
                hidden_markov(a, A, B, o, y) + np.sum(np.log(np.sum(np.exp(B[:, o]), axis=0)))
            ),
            symptom="emissions normalised over the states: the sum over states is no p(o)",
        ),
        "start at every moment": Mistake(
            lambda a, A, B, o, y: -np.sum(a[y]) - np.sum(B[y, o]),
            symptom="a mixture: no state remembers the one before",
        ),
    },
    rules=rules,
    refuses={  # (a, A, B, o, y), the argument to blame
        "probabilities for their logarithms": (([0.5, 0.5], A, B, [0], [0]), "log_start"),
        "transitions that are no logarithms": ((EVEN, np.exp(A), B, [0], [0]), "log_transitions"),
        "emissions of +inf": ((EVEN, A, [[np.inf], [0.0]], [0], [0]), "log_emissions"),
        "a symbol that is not emitted": ((EVEN, A, B, [3], [0]), "observations"),
        "a symbol counted from the end": ((EVEN, A, B, [-1], [0]), "observations"),
        "a state beyond k - 1": ((EVEN, A, B, [0], [2]), "labels"),
        "a state for no symbol": ((EVEN, A, B, [0], [0, 1]), "labels"),
        "no moment": ((EVEN, A, B, np.zeros(0, int), np.zeros(0, int)), "observations"),
    },
)
