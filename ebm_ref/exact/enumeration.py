r"""Enumeration: the table of all configurations, and everything that can be read off it.

    E[y_1, ..., y_n],   y_i in 0..k_i - 1      one axis for each variable
    Z = sum_y e^{-beta E_y},   p_y = e^{-beta E_y} / Z,   F = -(1/beta) log Z

    dL/dW = <dE/dW>_data - <dE/dW>_p           L = E_y - F

Nothing is approximate and nothing is clever: all other exact routes, and all samplers, are held to this
table.  It is also the shortest way to try an idea: write the energy of one configuration as a function,
tabulate it, and ask.

    energies = tabulate(lambda y: float(y[0] != y[1]), (2, 2))
    log_partition(energies), marginal(energies, [0]), k_best(energies, 2)

An energy of +inf forbids a configuration: it has probability 0, and no expectation looks at it.  -inf is
refused, since nothing else would have a probability.  Where everything is forbidden, log Z is -inf and
the free energy +inf, but there are no probabilities and no answers, and to ask for them is an error.  A
NaN makes every number NaN; to ask for an answer is an error then, too.  And finite energies are refused
if their differences, times beta, are more than float64 holds.

The gradient of the negative log-likelihood is the difference of two means, of dE over the data and of dE
over the model.

In floating point: energies are counted from the lowest, so that a high level costs no digits, and the
largest term is taken out of each sum of exponentials.

Source: LeCun et al. (2006), Section 1.3 and 2.2 (Gibbs distribution, negative log-likelihood).
"""

import math

import numpy as np

from ebm_ref.checks import (
    as_real,
    as_whole,
    largest_finite,
    real,
    require,
    require_finite_sum,
    require_index,
    require_positive,
    whole,
)
from ebm_ref.exact.spins import require_memory
from ebm_ref.numerics import log_softmax, logsumexp, softmax, weighted


def configurations(cardinalities):
    """(N, n) int, all configurations in the order of a table's entries: the last variable varies fastest.

    >>> configurations((2, 3)).tolist()
    [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    """
    shape = _shape(cardinalities)
    require_memory("cardinalities", cardinalities, 8 * (len(shape) + 1) * math.prod(shape))
    return np.indices(shape).reshape(len(shape), math.prod(shape)).T.copy()


def tabulate(energy, cardinalities):
    """The table of an energy: a function of one configuration, called once for each.

    Parameters
    ----------
    energy : callable
        energy(y) of an (n,) array of integers y_i in 0..k_i - 1; +inf forbids y.
    cardinalities : (n,) int
        k_i >= 1, the number of values of each variable.

    Returns
    -------
    (k_1, ..., k_n) float

    Raises ValueError if a cardinality is below 1, if an energy is -inf, or if the table does not fit into
    memory.

    >>> tabulate(lambda y: y[0] + 10.0 * y[1], (2, 3))
    array([[ 0., 10., 20.],
           [ 1., 11., 21.]])
    """
    shape = _shape(cardinalities)
    require(callable(energy), "energy", energy, "must be a function of a configuration")
    require_memory("cardinalities", cardinalities, 5 * 8 * math.prod(shape))
    energies = np.empty(shape)
    for y in np.ndindex(shape):
        energies[y] = real("energy", energy(np.array(y, int)))
    return check_table(energies)


def _shape(cardinalities):
    """The cardinalities as a tuple of ints: the shape of the table."""
    k = as_whole("cardinalities", cardinalities)
    rule = "must be integers >= 1, one for each of at most 63 variables"
    require(np.ndim(k) == 1 and np.size(k) < 64 and np.all(k >= 1), "cardinalities", cardinalities, rule)
    return tuple(map(int, k))


def check_table(energies):
    """The table as float64, refused where an energy is -inf or there is no configuration at all."""
    energies = np.asarray(as_real("energies", energies))
    require(energies.size > 0, "energies", energies, "must hold a configuration")
    require(
        not np.any(energies == -np.inf), "energies", energies, "must not be -inf: nothing else would count"
    )
    return energies


def _check_sums(energies, beta):
    """beta as float64, if it is positive and no difference of energies, times beta, overflows."""
    beta = real("beta", beta)
    require_positive("beta", beta)
    require_finite_sum("energies", energies, [largest_finite(energies)], beta)
    return beta


def log_partition_as_printed(energies, beta=1.0):
    """log sum_y e^{-beta E_y}, as the definition has it: at 800 every term underflows.

    >>> with np.errstate(divide="ignore"):
    ...     float(log_partition_as_printed([800.0, 801.0])), float(log_partition([800.0, 801.0]))
    (-inf, -799.6867383124818)
    """
    E = check_table(energies)
    beta = _check_sums(E, beta)
    return np.log(np.sum(np.exp(-beta * E)))


def log_partition(energies, beta=1.0):
    """log Z of a table of any shape; -inf where everything is forbidden.

    >>> float(log_partition(np.zeros((2, 2))).round(12)), float(log_partition([np.inf, np.inf]))
    (1.38629436112, -inf)
    """
    energies = check_table(energies)
    beta = _check_sums(energies, beta)
    return logsumexp(-beta * energies.ravel())


def free_energy(energies, beta=1.0):
    """F = -(1/beta) log Z, counted from the lowest energy, so that a high level costs no digits."""
    energies = check_table(energies)
    beta = _check_sums(energies, beta)
    lowest = np.min(energies)
    if not np.isfinite(lowest):
        return lowest
    return lowest - logsumexp(beta * (lowest - energies.ravel())) / beta


def probabilities(energies, beta=1.0):
    """p of every configuration, in the table's shape.

    >>> probabilities([[0.0, np.inf], [0.0, np.log(2.0)]]).round(12).tolist()
    [[0.4, 0.0], [0.4, 0.2]]
    """
    energies = _check_allowed(energies)
    beta = _check_sums(energies, beta)
    return softmax(beta * (np.min(energies) - energies))


def _check_allowed(energies):
    energies = check_table(energies)
    require(not np.all(energies == np.inf), "energies", energies, "must allow a configuration")
    return energies


def marginal(energies, variables, beta=1.0):
    """Joint probabilities of some variables, axes in the order in which they are named.

    >>> marginal([[0.0, np.inf], [0.0, np.log(2.0)]], [1]).round(12).tolist()
    [0.8, 0.2]
    """
    p = probabilities(energies, beta)
    named = whole("variables", variables, "m").astype(int).tolist()
    for i in named:
        require_index("variables", i, p.ndim)
    require(len(set(named)) == len(named), "variables", variables, "must name each variable once")
    left = np.sum(p, axis=tuple(i for i in range(p.ndim) if i not in named))
    return np.transpose(left, np.argsort(np.argsort(named)))


def expectation(energies, values, beta=1.0):
    """sum_y p_y f(y), f a table like that of the energies, or one of arrays with further axes behind.

    >>> float(expectation([0.0, np.log(3.0), np.inf], [4.0, 8.0, np.nan]))
    5.0
    """
    p, values = probabilities(energies, beta), as_real("values", values)
    require(values.shape[: p.ndim] == p.shape, "values", values, f"must begin with the axes {p.shape}")
    allowed = p.ravel() != 0.0
    return np.tensordot(p.ravel()[allowed], values.reshape(p.size, *values.shape[p.ndim :])[allowed], axes=1)


def entropy(energies, beta=1.0):
    """-sum_y p_y log p_y in nats; log N where all N configurations are alike.

    >>> float(entropy(np.zeros((2, 2))).round(12))
    1.38629436112
    """
    energies = _check_allowed(energies)
    beta = _check_sums(energies, beta)
    logs = log_softmax(beta * (np.min(energies) - energies.ravel()))
    return np.sum(weighted(np.exp(logs), -logs))


def nll(energies, answer, beta=1.0):
    """L = E_y - F of a configuration y: its negative log-likelihood over beta; inf where it is forbidden.

    >>> float(nll(np.zeros((2, 2)), (0, 1)).round(12))
    1.38629436112
    """
    energies = _check_allowed(energies)
    beta = _check_sums(energies, beta)
    y, lowest = _configuration(energies, answer), np.min(energies)
    return (energies[y] - lowest) + logsumexp(beta * (lowest - energies.ravel())) / beta


def nll_gradient(energies, gradients, answers, beta=1.0):
    """Mean over the data of dL/dW = dE/dW(y) - <dE/dW>, W any parameter.

    Parameters
    ----------
    energies : (k_1, ..., k_n) float
    gradients : (k_1, ..., k_n, *shape of W) float, or callable
        dE/dW of every configuration; a function of one configuration, as for `tabulate`, will do.
    answers : (m, n) int
        The data, m >= 1 configurations.
    beta : float

    Returns
    -------
    (*shape of W) float

    >>> E = np.array([0.0, np.log(3.0)])  # p = 3/4, 1/4
    >>> nll_gradient(E, np.eye(2), [[1], [1]])  # onehot(1) - p
    array([-0.75,  0.75])
    """
    energies = _check_allowed(energies)
    if callable(gradients):
        every = as_real("gradients", [gradients(np.array(y, int)) for y in np.ndindex(energies.shape)])
        gradients = every.reshape(energies.shape + every.shape[1:])
    gradients = as_real("gradients", gradients)
    fits = gradients.shape[: energies.ndim] == energies.shape
    require(fits, "gradients", gradients, f"must begin with the axes {energies.shape}")
    ys = as_whole("answers", answers)
    require(np.ndim(ys) > 0 and len(ys) > 0, "answers", answers, "must hold a configuration")
    data = [gradients[_configuration(energies, y, "answers")] for y in ys]
    return np.mean(data, axis=0) - expectation(energies, gradients, beta)


def _configuration(energies, answer, argument="answer"):
    """The answer as a tuple of ints, if it is a configuration of this table."""
    y = whole(argument, answer, "n").astype(int).tolist()
    rule = f"must have {energies.ndim} entries, one for each variable"
    require(len(y) == energies.ndim, argument, answer, rule)
    for i, k in zip(y, energies.shape, strict=True):
        require_index(argument, i, k)
    return tuple(y)


def k_best(energies, count):
    """The lowest energies (count,) and their configurations (count, n); ties go to the lowest index.

    >>> k_best([[0.0, 2.0], [1.0, 0.0]], 3)
    (array([0., 0., 1.]), array([[0, 0],
           [1, 1],
           [1, 0]]))
    """
    energies = _check_allowed(energies)
    require(not np.any(np.isnan(energies)), "energies", energies, "must not hold a NaN")
    allowed = int(np.sum(energies < np.inf))
    rule = f"must be an integer between 1 and {allowed}, the allowed configurations"
    is_whole = isinstance(count, (int, np.integer)) and not isinstance(count, bool)
    require(is_whole and 1 <= count <= allowed, "count", count, rule)
    count = int(count)
    order = np.argsort(energies, axis=None, kind="stable")[:count]
    where = np.unravel_index(order, energies.shape) if energies.ndim else ()
    return energies.ravel()[order], np.array(where, int).reshape(energies.ndim, count).T


def most_offending(energies, answer):
    """The configuration of lowest energy other than the answer, (n,) int; ties go to the first of the table.

    >>> most_offending([[0.0, 2.0], [1.0, 0.0]], (1, 1))
    array([0, 0])
    """
    others = check_table(energies).copy()
    others[_configuration(others, answer)] = np.inf
    return k_best(others, 1)[1][0]
