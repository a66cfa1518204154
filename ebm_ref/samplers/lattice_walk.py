r"""A walk on a lattice: Metropolis small enough to be solved exactly.

    states {0..n}^d, r = 2d directions
    p_ij = (1/r) min(1, p(j)/p(i)),    p_ii = 1 - sum_j p_ij

    detailed balance   p(i) p_ij = (1/r) min(p(i), p(j)) = p(j) p_ji
    A_ji = p_ij        columns sum to 1, and A p = p: the balance equations
    v_t = (x_0 + ... + x_{t-1})/t, x_{t+1} = A x_t:    |A v_t - v_t|_1 <= 2/t

Pick a direction; go there if the neighbour is likelier, else with probability p(j)/p(i).  A direction
that leaves the lattice is a move not made: its 1/r stays with p_ii.  (Choosing among the neighbours that
exist instead would favour the inside, since q is then no longer symmetric.)

The last line holds for every start and every A, periodic ones too: A v_t - v_t = (x_t - x_0)/t.  So
running averages settle even where x_t does not, as on an even cycle that is walked at every step.

Source: Kun (2015), "Markov Chain Monte Carlo Without all the Bullshit"; the sum for v_t runs from 0.
"""

import itertools

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_index, whole
from ebm_ref.formula import Mistake


def uniform_numbers(argument, value, *axes):
    """Numbers 0 <= u < 1 as float64, with these axes: what a generator's `random` draws.

    >>> uniform_numbers("uniform", 5)
    Traceback (most recent call last):
        ...
    ValueError: uniform = 5: must be in [0, 1)
    """
    u = real(argument, value, *axes)
    require(np.all((u >= 0.0) & (u < 1.0)), argument, value, "must be in [0, 1)")
    return u


def index_below(size, argument, value):
    """The index as an int, if it is in 0..size-1.

    >>> index_below(2, "i", 2)
    Traceback (most recent call last):
        ...
    ValueError: i = 2: must be an integer in 0..1
    """
    i = whole(argument, value)
    require_index(argument, i, size)
    return i


def neighbour(shape, state, direction):
    """The state one step in a direction 0..2d-1 (down and up along each axis), or None off the lattice.

    >>> neighbour((3, 3), (0, 2), 0), neighbour((3, 3), (0, 2), 1)
    (None, (1, 2))
    """
    shape = tuple(whole("shape", shape, "d").tolist())
    state = _state(state, shape)
    direction = index_below(2 * len(shape), "direction", direction)
    return _neighbour(shape, state, direction)


def _state(state, shape):
    """The state as a tuple of ints, if it lies on the lattice."""
    state = tuple(whole("state", state, len(shape)).tolist())
    inside = all(0 <= i < n for i, n in zip(state, shape, strict=True))
    require(inside, "state", state, f"must be a site of a lattice of shape {shape}")
    return state


def _neighbour(shape, state, direction):
    axis, up = divmod(direction, 2)
    moved = list(state)
    moved[axis] += 1 if up else -1
    return tuple(moved) if 0 <= moved[axis] < shape[axis] else None


def check_density(density):
    """A table of p, up to a constant, as float64, if it is positive and finite."""
    p = as_real("density", density)
    legal = np.ndim(p) > 0 and np.size(p) > 0 and bool(np.all((p > 0.0) & (p < np.inf)))
    require(legal, "density", density, "must be a table of positive, finite numbers")
    return p


def lattice_step(density, state, direction, uniform):
    """The next state, for a direction 0..2d-1 and a number 0 <= u < 1.

    Of the density only the two entries are read that the step compares.

    >>> p = np.array([1.0, 4.0, 2.0])
    >>> lattice_step(p, (1,), 1, uniform=0.4), lattice_step(p, (1,), 1, uniform=0.6)
    ((2,), (1,))
    """
    p = as_real("density", density)
    require(np.ndim(p) > 0, "density", density, "must be a table of positive, finite numbers")
    state, u = _state(state, p.shape), uniform_numbers("uniform", uniform)
    direction = index_below(2 * p.ndim, "direction", direction)
    new = _neighbour(p.shape, state, direction)
    check_density(np.array([p[state], p[state if new is None else new]]))
    return new if new is not None and u < p[new] / p[state] else state


def transitions(density, state):
    """[(probability, next state)]: first of all that of staying.

    >>> transitions(np.array([1.0, 4.0, 2.0]), (1,))
    [(0.625, (1,)), (0.125, (0,)), (0.25, (2,))]
    """
    p = check_density(density)
    return _transitions(p, _state(state, p.shape))


def _transitions(density, state):
    directions = range(2 * density.ndim)
    found = [_neighbour(density.shape, state, k) for k in directions]
    ratios = [0.0 if new is None else min(1.0, float(density[new] / density[state])) for new in found]
    moves = [(a / len(directions), new) for a, new in zip(ratios, found, strict=True) if new is not None]
    return [(sum(1.0 - a for a in ratios) / len(directions), state), *moves]


def balance_matrix(density):
    """A with A_ji = p_ij, states in the order of `density.ravel()`: its columns sum to 1.

    >>> balance_matrix(np.array([1.0, 1.0])).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    p = check_density(density)
    require(p.size <= 2**14, "density", density, "must have at most 2^14 states: A has their square")
    states = list(itertools.product(*map(range, p.shape)))
    place = {state: i for i, state in enumerate(states)}
    A = np.zeros((len(states), len(states)))
    for i, state in enumerate(states):
        for probability, new in _transitions(p, state):
            A[place[new], i] += probability
    return A


def check_balance(A):
    """A (n, n) as float64, if its columns are probabilities that sum to 1."""
    A = real("A", A, "n", "n")
    require(A.shape[0] == A.shape[1] > 0, "A", A, "must be a square matrix")
    columns = np.all(A >= 0.0) and np.all(np.abs(np.sum(A, axis=0) - 1.0) <= 1e-12)
    require(columns, "A", A, "must have columns of probabilities >= 0 that sum to 1")
    return A


def stationary(A):
    """The distribution p with A p = p and sum 1: the balance equations, one of them replaced by the sum.

    >>> p = np.array([[1.0, 4.0], [2.0, 1.0]])
    >>> np.round(8.0 * stationary(balance_matrix(p)), 12).tolist()
    [1.0, 4.0, 2.0, 1.0]
    """
    A = check_balance(A)
    equations = A - np.eye(len(A))
    equations[-1] = 1.0
    try:
        return np.linalg.solve(equations, np.eye(len(A))[-1])
    except np.linalg.LinAlgError:
        raise ValueError(f"A = {A}: must have one stationary distribution, not several") from None


def running_average(A, start, t):
    """v_t, the mean of x_0, ..., x_{t-1} for a distribution x_0.

    >>> swap = np.array([[0.0, 1.0], [1.0, 0.0]])  # periodic: x_t never settles
    >>> running_average(swap, np.array([1.0, 0.0]), 4).tolist()
    [0.5, 0.5]
    """
    A = check_balance(A)
    x = real("start", start, len(A))
    require_count("t", t)
    t = whole("t", t)
    total = np.zeros(len(x))
    for _ in range(t):
        total, x = total + x, A @ x
    return total / t


def among_those_that_exist(density, state):
    """Wrong: a direction is chosen among the neighbours that exist, and q taken for symmetric."""
    found = [neighbour(density.shape, state, k) for k in range(2 * density.ndim)]
    found = [new for new in found if new is not None]
    moves = [(min(1.0, float(density[new] / density[state])) / len(found), new) for new in found]
    return [(1.0 - sum(a for a, _ in moves), state), *moves]


VARIANTS = (
    Mistake(
        among_those_that_exist,
        name="chosen among the neighbours that exist",
        symptom="a state counts in proportion to its number of neighbours: too little at the border",
    ),
)
