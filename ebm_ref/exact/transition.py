r"""Transition matrix: what a sampler does, exactly, without drawing a single sample.

    P_ij = probability to be at j after one step from i

    pi P = pi                 stationarity: once there, always there
    pi_i P_ij = pi_j P_ji     detailed balance: a film of it runs backwards
    irreducible, period 1     and it gets there from anywhere
    d(t) = max_i 1/2 sum_j |(P^t)_ij - pi_j|      how fast: the mixing curve

A sampler over few states can be written as a function that *lists* what its step may do, instead of
drawing one: state -> [(probability, next state), ...].  From the lists follows P, and from P whether the
sampler is right, to the last digits.  A bias of 1e-6 that no run would ever show stands out.  A step that
is handed its noise can be listed as it is: let the noise take every value that it tells apart (`by_noise`,
`coin`).

Stationarity alone is not enough: the identity has pi P = pi for every pi.  Detailed balance is not
necessary: a sweep over the sites in a fixed order lacks it, and is right.  What must be certified is the
whole move that a run repeats, not a part of it: each update of a sweep may be balanced, and the sweep fall
into classes that no chain leaves (`samplers.heat_bath` has the case).

Take an even cycle on which the chain goes left or right with probability 1/2 each.  The uniform
distribution is stationary and balanced, yet the chain is on even sites at even times for ever: it has
period 2, and d(t) = 1/2 for all t.  Staying put now and then cures that.  The running average converges
anyway: if v_t = (1/t) sum_{s<t} p_0 P^s, then sum_j |(v_t P - v_t)_j| <= 2/t.

In floating point: a linear solver gives every pi_j an error of the size of the largest, and rare states
lose all digits.  `stationary_distribution` never subtracts, and keeps them.

Conventions: P has one row for each state to leave, and rows that sum to 1.  Texts that write x' = A x
mean A = P^T.

Source: Levin, Peres and Wilmer (2009), Chapters 1, 4, 12; Blum, Hopcroft and Kannan (2020), Section
4.1, for the running average; Grassmann, Taksar and Heyman (1985), for `stationary_distribution`.
"""

from dataclasses import dataclass

import numpy as np

from ebm_ref.checks import real, require, require_count, require_positive, whole
from ebm_ref.numerics import softmax

ROUNDING = 1e-12
MOST = 2**14  # states: a matrix of 2 GiB


@dataclass(frozen=True)
class Certificate:
    """What can be said of a transition matrix P and the distribution pi that it is meant to keep.

    Of a stack of m matrices each entry is an array (m,), and there is no mixing curve.
    """

    stationarity: float  # max_j |(pi P - pi)_j|
    detailed_balance: float  # max_ij |pi_i P_ij - pi_j P_ji|
    irreducible: bool  # every state is reached from every other one
    period: int  # 1 unless the chain goes round in classes; 0 if it is not irreducible
    spectral_gap: float  # 1 - the second largest |eigenvalue|; 0 if it never forgets
    mixing: tuple  # d(0), d(1), ..., d(steps)

    @property
    def correct(self):
        """Whether the sampler converges to pi from everywhere, to within rounding."""
        return (self.stationarity <= ROUNDING) & self.irreducible & (self.period == 1)


def transition_matrix(step, states):
    """P of a sampler that lists what its step may do.

    Parameters
    ----------
    step : callable
        state -> iterable of (probability, next state); a next state may be listed several times.
    states : sequence
        All states, hashable, each once; row and column i belong to states[i].

    Returns
    -------
    (n, n) float array
        P_ij = probability of states[j] after one step from states[i].

    Raises ValueError if a probability is negative or NaN, if those of a state do not sum to 1 (to 1e-12),
    if a next state is not among the states, or if there are more than 2^14 of them.

    >>> lazy_walk = lambda i: [(0.5, i), (0.25, (i + 1) % 3), (0.25, (i - 1) % 3)]
    >>> transition_matrix(lazy_walk, range(3)).tolist()
    [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]]
    """
    require(callable(step), "step", step, "must be a function of a state")
    rule = f"must be at most {MOST}: the matrix has as many entries as pairs of them"
    if hasattr(states, "__len__"):
        require(len(states) <= MOST, "number of states", len(states), rule)
    states = _listed(states)
    index = {state: i for i, state in enumerate(states)}
    require(len(index) == len(states), "states", f"{len(states)} states", "must differ from each other")
    require(len(index) <= MOST, "number of states", len(index), rule)
    P = np.zeros((len(index), len(index)))
    for state, i in index.items():
        for probability, to in step(state):
            what = f"probability of {state!r} -> {to!r}"
            probability = real(what, probability)
            require(probability >= 0.0, what, probability, "must be >= 0")
            require(to in index, "next state", to, f"must be one of the states; reached from {state!r}")
            P[i, index[to]] += probability
        total = float(np.sum(P[i]))
        require(abs(total - 1.0) <= ROUNDING, f"sum of probabilities from {state!r}", total, "must be 1")
    return P


def _listed(states):
    """The states as a list of what can be a key, at least one."""
    try:
        listed = list(states)
        hash(tuple(listed))
    except TypeError:
        require(False, "states", states, "must be a sequence of what can be a key of a mapping")
    require(len(listed) > 0, "states", states, "must not be empty")
    return listed


def by_noise(step, noise):
    """state -> [(probability, next state)] of a step that is handed its noise.

    Parameters
    ----------
    step : callable
        (state, noise) -> next state.
    noise : callable
        state -> iterable of (probability, noise): every value that the step may tell apart in this state.

    >>> step = lambda i, u: 1 - i if u < 0.25 else i
    >>> transition_matrix(by_noise(step, lambda i: coin(0.25)), range(2)).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    require(callable(step), "step", step, "must be a function of a state and its noise")
    require(callable(noise), "noise", noise, "must be a function of a state")
    return lambda state: [(probability, step(state, z)) for probability, z in noise(state)]


def coin(probability):
    """[(p, u), (1 - p, p)]: for a step that asks whether a uniform number is below p, two that stand for all.

    u is the largest number below p, so that a step that compares with anything else shows.  Where p is 0 or
    1, one number stands for all.

    >>> coin(0.75)
    [(0.75, 0.7499999999999999), (0.25, 0.75)]
    >>> coin(1.0), coin(0.0)
    ([(1.0, 0.9999999999999999)], [(1.0, 0.0)])
    """
    p = float(real("probability", probability))
    require(0.0 <= p <= 1.0, "probability", p, "must be in [0, 1]")
    sides = [(p, float(np.nextafter(p, 0.0))), (1.0 - p, p)]
    return [(share, u) for share, u in sides if share > 0.0]


def certificate(P, pi, steps=0):
    """The certificate of a transition matrix and the distribution that it is meant to sample.

    Parameters
    ----------
    P : (n, n) float
        Rows sum to 1.
    pi : (n,) float
        Probabilities; unnormalised weights are normalised.
    steps : int
        Length of the mixing curve.

    Returns
    -------
    Certificate

    Raises ValueError if P is not a square matrix of probabilities, or pi does not fit it.

    >>> walk = lambda i: [(0.5, (i + 1) % 4), (0.5, (i - 1) % 4)]
    >>> c = certificate(transition_matrix(walk, range(4)), np.ones(4), steps=3)
    >>> c.stationarity, c.detailed_balance, c.irreducible, c.period, c.mixing
    (0.0, 0.0, True, 2, (0.75, 0.5, 0.5, 0.5))
    """
    P = _check_matrix(P)
    pi = _check_weights(pi, len(P))
    require_count("steps", steps, 0)
    steps = whole("steps", steps)
    entries = {name: entry[0].item() for name, entry in _entries(P[None], pi[None]).items()}
    return Certificate(**entries, mixing=_mixing_curve(P, pi / np.sum(pi), steps))


def certificates(P, pi):
    """The certificates of many samplers of equally many states at once, without mixing curves.

    Parameters
    ----------
    P : (m, n, n) float
        Matrices whose rows sum to 1.
    pi : (m, n) float
        What each is meant to sample; unnormalised weights are normalised.

    Returns
    -------
    Certificate
        Of arrays (m,).

    Raises ValueError where `certificate` does.

    >>> c = certificates(np.array([np.eye(2), 1.0 - np.eye(2), np.full((2, 2), 0.5)]), np.ones((3, 2)))
    >>> c.irreducible.tolist(), c.period.tolist(), c.spectral_gap.round(9).tolist(), c.correct.tolist()
    ([False, True, True], [0, 2, 1], [0.0, 0.0, 1.0], [False, False, True])
    """
    P = _check_matrix(P, "m")
    return Certificate(**_entries(P, _check_weights(pi, P.shape[1], len(P))), mixing=())


def _entries(P, pi):
    """The entries of the certificates of a stack, for pi that may be unnormalised."""
    pi = pi / np.sum(pi, axis=1, keepdims=True)
    flow = pi[:, :, None] * P
    return {
        "stationarity": np.max(np.abs((pi[:, None] @ P)[:, 0] - pi), axis=1),
        "detailed_balance": np.max(np.abs(flow - np.swapaxes(flow, 1, 2)), axis=(1, 2)),
        "irreducible": _is_irreducible(P),
        "period": _period(P),
        "spectral_gap": _spectral_gap(P),
    }


def _check_matrix(P, *stack):
    """P (n, n), or a stack of such, as float64, if its rows are probabilities that sum to 1."""
    P = real("P", P, *stack, "n", "n")
    rule = "must be one or more square matrices" if stack else "must be a square matrix"
    require(P.shape[-1] == P.shape[-2] >= 1 <= len(P), "P", P, rule)
    rows = np.all(P >= 0.0) and np.all(np.abs(np.sum(P, axis=-1) - 1.0) <= ROUNDING)
    require(rows, "P", P, "must have rows of probabilities >= 0 that sum to 1")
    return P


def _check_weights(pi, n, *stack):
    """pi (n,), or a stack of such, as float64, if none is negative and some is positive."""
    pi = real("pi", pi, *("m" for _ in stack), "n")
    shape = (*stack, n)
    require(pi.shape == shape, "pi", pi, f"must have shape {shape}")
    sums = np.sum(pi, axis=-1)
    legal = np.all(pi >= 0.0) and np.all((0.0 < sums) & (sums < np.inf))
    require(legal, "pi", pi, "must be >= 0, with a positive and finite sum")
    return pi


def gibbs_distribution(energy, states, beta=1.0):
    """(n,) p(x) ~ e^{-beta E(x)} over listed states.

    >>> gibbs_distribution(lambda x: x * np.log(3.0), [0, 1]).round(12).tolist()
    [0.75, 0.25]
    """
    require(callable(energy), "energy", energy, "must be a function of a state")
    states, beta = _listed(states), real("beta", beta)
    require_positive("beta", beta)
    E = real("energy", [energy(x) for x in states], len(states))
    require(not np.any(E == -np.inf), "energy", E, "must be above -inf")
    require(not np.all(E == np.inf), "energy", E, "must not forbid every state")
    return softmax(-beta * E)


def _distances(P):
    """(m, n) length of the shortest way from state 0 to each along positive entries; -1 if there is none."""
    distance = np.full(P.shape[:2], -1)
    distance[:, 0] = t = 0
    reached = distance == 0
    while np.any(reached):
        t += 1
        k, i = np.nonzero(reached)
        ahead = np.zeros(distance.shape, bool)
        np.logical_or.at(ahead, k, P[k, i] > 0.0)
        reached = ahead & (distance < 0)
        distance[reached] = t
    return distance


def is_irreducible(P):
    """Whether every state is reached from every other one: from state 0, and state 0 from it.

    >>> is_irreducible(np.eye(2)), is_irreducible(np.array([[0.0, 1.0], [1.0, 0.0]]))
    (False, True)
    """
    return bool(_is_irreducible(_check_matrix(P)[None])[0])


def _is_irreducible(P):
    forth, back = _distances(P), _distances(np.swapaxes(P, 1, 2))
    return np.all((forth >= 0) & (back >= 0), axis=1)


def period(P):
    """Greatest common divisor of the lengths of all round trips; 0 if P is not irreducible.

    An arc from i to j closes round trips whose lengths differ by distance(i) + 1 - distance(j).

    >>> period(np.roll(np.eye(6), 1, axis=1))
    6
    """
    return int(_period(_check_matrix(P)[None])[0])


def _period(P):
    distance, found = _distances(P), np.zeros(len(P), int)
    k, i, j = np.nonzero(P)
    np.gcd.at(found, k, distance[k, i] + 1 - distance[k, j])
    return np.where(_is_irreducible(P), found, 0)


def spectral_gap(P):
    """1 - the second largest |eigenvalue| of P; 1 for independent draws, 0 if something is never forgotten.

    >>> round(spectral_gap(np.array([[0.75, 0.25], [0.25, 0.75]])), 12)
    0.5
    """
    return float(_spectral_gap(_check_matrix(P)[None])[0])


def _spectral_gap(P):
    if P.shape[1] == 1:
        return np.ones(len(P))
    sizes = np.sort(np.abs(np.linalg.eigvals(P)), axis=1)
    return np.maximum(0.0, 1.0 - sizes[:, -2])


def mixing_curve(P, pi, steps):
    """d(t) for t = 0..steps: the largest distance in total variation from pi, over all starts.

    >>> mixing_curve(np.array([[0.75, 0.25], [0.25, 0.75]]), np.array([0.5, 0.5]), 3)
    (0.5, 0.25, 0.125, 0.0625)
    """
    P = _check_matrix(P)
    pi = _check_weights(pi, len(P))
    require(abs(np.sum(pi) - 1.0) <= ROUNDING, "pi", pi, "must sum to 1")
    require_count("steps", steps, 0)
    steps = whole("steps", steps)
    return _mixing_curve(P, pi, steps)


def _mixing_curve(P, pi, steps):
    at, curve = np.eye(len(P)), []
    for _ in range(steps + 1):
        curve.append(float(np.max(np.sum(np.abs(at - pi), axis=1)) / 2.0))
        at = at @ P
    return tuple(curve)


def stationary_distribution_as_printed(P):
    """pi from pi (P - 1) = 0 and sum pi = 1, as a linear system: right to 1e-16 of the largest entry only.

    >>> P = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 1e-20], [0.0, 1.0, 0.0]])  # the third state is rare
    >>> for solve in (stationary_distribution_as_printed, stationary_distribution):
    ...     print(f"{solve(P)[2]:.6g}")
    0
    3.33333e-21
    """
    P = _check_matrix(P)
    require(is_irreducible(P), "P", P, "must be irreducible: from every state to every other one")
    equations = P.T - np.eye(len(P))
    equations[-1] = 1.0
    return np.linalg.solve(equations, np.eye(len(P))[-1])


def stationary_distribution(P):
    """(n,) pi with pi P = pi of an irreducible P: what a sampler really samples, right or wrong.

    States are eliminated one after the other, the ways through them added to the ways around them.
    Nothing is ever subtracted, so every probability, however small, is right to the last digits.

    Raises ValueError if P is not irreducible: then there are several.

    >>> stationary_distribution(np.array([[0.5, 0.5], [0.25, 0.75]])).round(15).tolist()
    [0.333333333333333, 0.666666666666667]
    """
    A = _check_matrix(P).copy()
    require(is_irreducible(A), "P", A, "must be irreducible: from every state to every other one")
    for n in range(len(A) - 1, 0, -1):
        A[:n, n] /= np.sum(A[n, :n])
        A[:n, :n] += np.outer(A[:n, n], A[n, :n])
    pi = np.ones(len(A))
    for n in range(1, len(A)):
        pi[n] = pi[:n] @ A[:n, n]
    return pi / np.sum(pi)
