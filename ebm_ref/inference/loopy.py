r"""Message passing: sum-product and min-sum, exact on trees, iterated where there are loops.

    m_{i->a}(y_i) <- sum_{b != a} m_{b->i}(y_i)
    m_{a->i}(y_i) <- softmin_{y_j} [E_a(y_a) + sum_{j != i} m_{j->a}(y_j)]

    sum-product:     softmin x = -(1/beta) log sum e^{-beta x}
    min-sum:         min x, its limit as beta -> infinity

The softmin runs over all values of the variables j != i of factor a.  A message is an energy: what the
part of the graph behind factor a costs, for each value of variable i.  On a tree no message comes back to
where it set out.  After as many sweeps as the tree is long all messages are final, and the exact marginal,
up to a constant factor, is

    b_i(y_i) ~ e^{-beta sum_a m_{a->i}(y_i)}

In min-sum the sum of the messages is the lowest energy given y_i, up to a constant.  With loops the same
iteration may settle on something useful, settle on something wrong, or go round for ever.  At a fixed
point of sum-product the Bethe free energy is stationary:

    F_B = sum_a sum_{y_a} b_a (E_a + log(b_a)/beta)
        - sum_i (d_i - 1) sum_{y_i} b_i log(b_i)/beta

b_a is the belief about all variables of factor a together, and d_i the number of factors that know i.  On
a tree F_B = F; elsewhere it is, unlike that of mean field, a bound on neither side.  Damping mixes old
messages into the new ones; it cures many oscillations and moves no fixed point.

In floating point: a message of 1e17 that another one cancels takes with it what it carried beside.  Where
energies are so large, messages are fractions, which hold every digit (exact/cancelling.py), and F_B at rest
is added up from energies counted from the lowest of each factor, with its messages, and of each variable.

Source: Kschischang, Frey and Loeliger (2001); Yedidia, Freeman and Weiss (2005), for F_B; LeCun et
al. (2006), Section 6, for min-sum on loopy graphs.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ebm_ref.checks import largest_finite, real, require, require_finite_sum, require_positive
from ebm_ref.exact.cancelling import LIMIT, felt, fractions_of, from_lows, in_fractions, is_close
from ebm_ref.exact.factors import as_factors, energy
from ebm_ref.inference.exhaustive import listed
from ebm_ref.inference.mean_field import check_settings
from ebm_ref.numerics import softmax, weighted


@dataclass(frozen=True)
class Beliefs:
    """What sum-product believes, and whether it came to rest."""

    nodes: dict  # {variable: (k,) b_i}
    tables: list  # b_a in the shape of each factor's table
    free_energy: float  # F_B
    residual: float  # the largest change of a message in the last sweep
    sweeps: int
    converged: bool


@dataclass(frozen=True)
class Minimum:
    """What min-sum found, and whether it came to rest."""

    energy: float  # of the configuration
    configuration: dict  # {variable: value}, each the lowest of its min-marginal
    min_marginals: dict  # {variable: (k,) lowest energy given the value, counted from the best}
    residual: float
    sweeps: int
    converged: bool


def sum_product(factors, cardinalities, beta=1.0, damping=0.0, sweeps=1000, tolerance=1e-12):
    """Marginals by message passing: exact if the factor graph is a tree, else an approximation.

    Parameters
    ----------
    factors, cardinalities
        See exact/factors.py; +inf forbids.
    beta : float
        Inverse temperature, > 0.
    damping : float
        Share of the old message in the new one, 0 <= damping < 1.
    sweeps : int
        The most sweeps, >= 0; in each, all messages are sent at once.
    tolerance : float
        Converged when no message changes by more, in units of 1/beta; >= 0.

    Returns
    -------
    Beliefs

    Raises ValueError if factors do not fit, if energies may add up to more than float64 holds, or if a
    factor or messages find that no configuration is possible.

    >>> tree = [((0, 1), [[0.0, 1.0], [2.0, 0.0]]), ((1, 2), [[0.0, 3.0], [0.5, 0.0]])]
    >>> found = sum_product(tree, {0: 2, 1: 2, 2: 2})
    >>> E = lambda a, b, c: tree[0][1][a][b] + tree[1][1][b][c]
    >>> Z = sum(np.exp(-E(a, b, c)) for a in (0, 1) for b in (0, 1) for c in (0, 1))
    >>> found.converged, round(float(found.free_energy + np.log(Z)), 12)
    (True, 0.0)
    """
    beta, tolerance = check_settings(beta, sweeps, tolerance)
    factors, cardinalities = _checked(factors, cardinalities, beta)
    exact = beta * felt(factors) > LIMIT
    low, used = (0.0, in_fractions(factors)) if exact else from_lows(factors)
    messages, residual, swept = _pass(used, cardinalities, beta, damping, sweeps, tolerance / beta)
    totals = [_sum_at(v, messages, k) for v, k in cardinalities.items()]
    nodes = {v: _weights(total, beta) for v, total in zip(cardinalities, totals, strict=True)}
    joint = [_incoming(a, factor, messages) for a, factor in enumerate(used)]
    tables = [_weights(total, beta) for total in joint]
    converged = bool(residual <= tolerance / beta)
    if converged and exact:
        F = _bethe_at_rest(factors, nodes, tables, totals, joint, beta)
    else:
        F = _bethe(factors if exact else used, nodes, tables, beta)
    return Beliefs(nodes, tables, low + F, residual, swept, converged)


def min_sum(factors, cardinalities, damping=0.0, sweeps=1000, tolerance=1e-12):
    """A configuration of low energy by message passing: on a tree without ties, the lowest.

    Each variable takes the lowest value of its own min-marginal.  Where several configurations are
    equally good these choices need not fit together: compare `energy` with exact/elimination.py.

    Parameters
    ----------
    factors, cardinalities, damping, sweeps, tolerance
        As for `sum_product`; the tolerance is in units of energy.

    Returns
    -------
    Minimum

    >>> found = min_sum([((0, 1), [[3.0, 1.0], [2.0, 4.0]]), ((1,), [0.0, 2.0])], {0: 2, 1: 2})
    >>> found.energy, found.configuration, found.min_marginals[0].tolist()
    (2.0, {0: 1, 1: 0}, [1.0, 0.0])
    """
    _, tolerance = check_settings(1.0, sweeps, tolerance)
    factors, cardinalities = _checked(factors, cardinalities)
    exact = is_close([table for _, table in factors])
    used = in_fractions(factors) if exact else from_lows(factors)[1]
    messages, residual, swept = _pass(used, cardinalities, np.inf, damping, sweeps, tolerance)
    lowest = {v: _from_lowest(_sum_at(v, messages, k)) for v, k in cardinalities.items()}
    configuration = {v: int(np.argmin(E)) for v, E in lowest.items()}
    lowest = {v: E.astype(float) for v, E in lowest.items()}
    value = energy(factors, configuration)
    return Minimum(value, configuration, lowest, residual, swept, bool(residual <= tolerance))


def _checked(factors, cardinalities, beta=1.0):
    """Factors and cardinalities, of which energies can be added up."""
    factors, cardinalities = as_factors(factors, cardinalities)
    sizes = [largest_finite(table) for _, table in factors]
    require_finite_sum("factors", f"{len(factors)} factors", sizes, beta)
    for _, table in factors:
        require(np.min(table) < np.inf, "table", table, "must leave a configuration possible")
    return factors, cardinalities


def _pass(factors, cardinalities, beta, damping, sweeps, tolerance):
    """Messages {variable: {factor: (k,)}}, their last change, and the number of sweeps."""
    damping = real("damping", damping)
    require(0.0 <= damping < 1.0, "damping", damping, "must be in 0 <= damping < 1")
    around = {v: [a for a, (scope, _) in enumerate(factors) if v in scope] for v in cardinalities}
    nothing = lambda v, a: np.zeros(cardinalities[v], factors[a][1].dtype)
    messages = {v: {a: nothing(v, a) for a in known} for v, known in around.items()}
    residual, swept = np.inf, 0
    while residual > tolerance and swept < sweeps:
        old, residual, swept = messages, 0.0, swept + 1
        messages = {v: {} for v in around}
        for v, a in ((v, a) for v, known in around.items() for a in known):
            new = _message(a, v, factors[a], old, beta)
            messages[v][a] = _mixed(damping, new, old[v][a])
            residual = max(residual, _change(messages[v][a], old[v][a]))
    return messages, residual, swept


def _mixed(damping, new, old):
    """The message damped; of fractions, only what changes is rounded."""
    if new.dtype != object:
        return weighted(1.0 - damping, new) + weighted(damping, old)
    back = np.where(np.isinf(new.astype(float)), 0, old - new)
    return new + fractions_of(damping * back.astype(float)) if damping else new


def _message(a, v, factor, messages, beta):
    """m_{a->v}, counted from its lowest entry."""
    total = _incoming(a, factor, messages, but=v)
    axis = factor[0].index(v)
    rows = np.moveaxis(total, axis, 0)
    rows = rows.reshape(len(rows), -1)
    lowest = np.min(rows, axis=1)
    if beta < np.inf:
        gaps = (rows - np.where(lowest == np.inf, 0, lowest)[:, None]).astype(float)
        with np.errstate(divide="ignore"):
            below = np.log(np.sum(np.exp(-beta * gaps), axis=1)) / beta
        lowest = lowest - (fractions_of(below) if lowest.dtype == object else below)
    return _from_lowest(lowest)


def _incoming(a, factor, messages, but=None):
    """E_a + sum of the messages to a from its variables, from all but one."""
    scope, total = factor
    for axis, v in enumerate(scope):
        if v != but:
            arriving = _sum_at(v, messages, np.shape(total)[axis], but=a)
            total = total + np.reshape(arriving, [-1 if i == axis else 1 for i in range(len(scope))])
    return total


def _sum_at(v, messages, k, but=None):
    """(k,) the sum of the messages that reach v, from all factors but one."""
    return sum((m for a, m in messages[v].items() if a != but), np.zeros(k, int))


def _from_lowest(message):
    """The message less its lowest entry, which must be possible."""
    low = np.min(message)
    require(low < np.inf, "factors", "messages", "must leave a configuration possible")
    return message - low


def _change(new, old):
    """The largest change; an infinite energy that stays is none."""
    moved = new != old
    return float(np.max(np.abs(new[moved] - old[moved]), initial=0.0))


def _weights(energies, beta):
    """The distribution e^{-beta E}, normalised, in the shape of the energies."""
    gaps = _from_lowest(np.ravel(energies)).astype(float)
    return softmax(-beta * gaps).reshape(np.shape(energies))


def bethe_free_energy(factors, nodes, tables, beta=1.0):
    """F_B of beliefs {variable: (k,) b_i} and a list of b_a; of the true marginals of a tree it is F."""
    nodes = {v: real(f"nodes[{v!r}]", b, "k") for v, b in nodes.items()}
    factors, _ = as_factors(factors, {v: len(b) for v, b in nodes.items()})
    tables, beta = listed("tables", tables), real("beta", beta)
    require(len(tables) == len(factors), "tables", tables, f"must be as many as the factors, {len(factors)}")
    tables = [real("tables", b, *np.shape(E)) for b, (_, E) in zip(tables, factors, strict=True)]
    require_positive("beta", beta)
    return _bethe(factors, nodes, tables, beta)


def _bethe(factors, nodes, tables, beta):
    """F_B of what was checked."""
    total = sum(
        np.sum(weighted(b, E)) + _information(b, beta) for (_, E), b in zip(factors, tables, strict=True)
    )
    for v, p in nodes.items():
        total -= (_degree(v, factors) - 1) * _information(p, beta)
    return float(total)


def _degree(v, factors):
    """d_i, how many factors know a variable."""
    return sum(v in scope for scope, _ in factors)


def _information(p, beta):
    return np.sum(p * np.log(np.where(p > 0.0, p, 1.0))) / beta


def _bethe_at_rest(factors, nodes, tables, totals, joint, beta):
    """F_B where b_i and b_a agree, of fractions: `totals` at the variables, `joint` at the factors.

    A message to a factor is the total of its variable less what the factor sent.  So the energies of `joint`,
    less d_i - 1 times each of `totals`, add up to E.
    """
    parts = [(1, b, E) for b, E in zip(tables, joint, strict=True)]
    parts += [(1 - _degree(v, factors), nodes[v], E) for v, E in zip(nodes, totals, strict=True)]
    lowest = sum((weight * np.min(E) for weight, _, E in parts), Fraction(0))
    gaps = [(weight, b, np.asarray(E - np.min(E), float)) for weight, b, E in parts]
    return float(lowest) + float(
        sum(weight * (np.sum(weighted(b, gap)) + _information(b, beta)) for weight, b, gap in gaps)
    )
