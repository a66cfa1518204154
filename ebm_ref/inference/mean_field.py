r"""Mean field: the best product of independent distributions, and the bound on the free energy it gives.

    q(y) = prod_i q_i(y_i)
    F_q  = E_q[E] + (1/beta) E_q[log q]  =  F + (1/beta) KL(q || p)  >=  F

    q_i(y_i) <- e^{-beta E_q[E | y_i]} / sum_v e^{-beta E_q[E | y_i = v]}

E_q[E | y_i] is the expected energy if the value of variable i is known and the others follow q.  The
update makes F_q as low as q_i alone can, so F_q falls at every step and never goes below F.  No other
approximate method here tells on which side of the truth it is.  But q is blind to what two variables do
together.  Where p has two modes q takes one of them, and which one depends on the start; a symmetric
start between them is a resting point too, though not a minimum.  For spins of mean m_i the update reads

    m_i <- tanh(beta (sum_j J_{ij} m_j + h_i))

This is the equation of Weiss.  It magnetises a lattice below a critical temperature that is too high: on
the square lattice at beta J = 1/4 instead of 0.44.

In floating point: large energies that cancel take with them what is small beside.  Where energies are so
large, expectations are fractions, which hold every digit (exact/cancelling.py).

Source: LeCun et al. (2006), Section 2.2 (variational methods); Jordan et al. (1999); Weiss (1907).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ebm_ref.checks import (
    as_real,
    largest_finite,
    real,
    require,
    require_count,
    require_finite_sum,
    require_positive,
)
from ebm_ref.exact.cancelling import LIMIT, felt, fractions_of, from_lows, in_fractions
from ebm_ref.exact.factors import as_factors
from ebm_ref.inference.exhaustive import listed
from ebm_ref.numerics import softmax


@dataclass(frozen=True)
class MeanField:
    """A product distribution, and the way to it."""

    nodes: dict  # {variable: (k,) q_i}
    free_energies: tuple  # F_q at the start and after every sweep: it never rises
    converged: bool

    @property
    def free_energy(self):
        """F_q at the end: an upper bound on the free energy, and -beta F_q a lower one on log Z."""
        return self.free_energies[-1]


def mean_field(factors, cardinalities, beta=1.0, start=None, sweeps=1000, tolerance=1e-12):
    """Minimise the variational free energy over products of distributions, one variable at a time.

    Parameters
    ----------
    factors, cardinalities
        See exact/factors.py; every energy finite: a product cannot avoid what is forbidden.
    beta : float
        Inverse temperature, > 0.
    start : mapping, optional
        {variable: (k,) probabilities} for some or all variables; the others start uniform.
    sweeps : int
        The most sweeps over all variables, >= 0.
    tolerance : float
        Converged when no probability moved by more in a sweep, >= 0.

    Returns
    -------
    MeanField

    Raises ValueError if factors do not fit, an energy is not finite, energies may add up to more than
    float64 holds, or a start is not a distribution.

    >>> one = mean_field([(("a",), [0.0, np.log(3.0)])], {"a": 2})
    >>> one.nodes["a"].round(12).tolist(), round(float(one.free_energy + np.log(4.0 / 3.0)), 12)
    ([0.75, 0.25], 0.0)
    """
    factors, cardinalities = as_factors(factors, cardinalities)
    beta, tolerance = check_settings(beta, sweeps, tolerance)
    for _, table in factors:
        require(np.all(np.isfinite(table)), "table", table, "must be finite: mean field cannot avoid +inf")
    sizes = [largest_finite(table) for _, table in factors]
    require_finite_sum("factors", f"{len(factors)} factors", sizes, beta)
    q = _started({} if start is None else start, cardinalities)
    exact = beta * felt(factors) > LIMIT
    low, used = (0.0, in_fractions(factors)) if exact else from_lows(factors)
    weights = {v: _as_fractions(p) if exact else p for v, p in q.items()}
    around = {v: [factor for factor in used if v in factor[0]] for v in cardinalities}
    values, moved = [low + _bound(used, weights, q, beta)], np.inf
    while moved > tolerance and len(values) <= sweeps:
        moved = 0.0
        for v in cardinalities:
            new = _updated(v, around[v], weights, beta)
            moved, q[v] = max(moved, float(np.max(np.abs(new - q[v])))), new
            weights[v] = _as_fractions(new) if exact else new
        values.append(low + _bound(used, weights, q, beta))
    return MeanField(q, tuple(values), bool(moved <= tolerance))


def _updated(v, around, weights, beta):
    """q_v ~ e^{-beta E_q[E | y_v]}."""
    E = sum((_expected(scope, table, weights, v) for scope, table in around), np.zeros(len(weights[v]), int))
    return softmax(-beta * (E - np.min(E)).astype(float))


def _as_fractions(p):
    """A distribution that adds up to 1 exactly: what rounding left over would count times any energy."""
    p = fractions_of(p)
    return p / np.sum(p)


def check_settings(beta, sweeps, tolerance):
    """The inverse temperature and the tolerance, as float64."""
    beta, tolerance = real("beta", beta), real("tolerance", tolerance)
    require_positive("beta", beta)
    require_count("sweeps", sweeps, 0)
    require(tolerance >= 0.0, "tolerance", tolerance, "must be >= 0")
    return beta, tolerance


def _started(start, cardinalities):
    """{variable: (k,) q_i} to begin with."""
    start = start if isinstance(start, Mapping) else dict(enumerate(listed("start", start)))
    q = {v: np.full(k, 1.0 / k) for v, k in cardinalities.items()}
    for v, given in start.items():
        require(v in q, "start", v, "must name variables that have a cardinality")
        p = np.array(as_real(f"start[{v!r}]", given))
        legal = p.shape == q[v].shape and np.all(p >= 0.0) and abs(np.sum(p) - 1.0) <= 1e-12
        require(legal, f"start[{v!r}]", p, f"must be a distribution over {len(q[v])} values")
        q[v] = p
    return q


def _expected(scope, table, q, v=None):
    """E_q of one factor's energy, given each value of v: (k_v,); a number if v is None.

    >>> _expected(("a", "b"), np.array([[0.0, 4.0], [8.0, 2.0]]), {"a": [0.5, 0.5], "b": [0.25, 0.75]}, "a")
    array([3. , 3.5])
    """
    for axis in reversed(range(len(scope))):
        if scope[axis] != v:
            table = np.tensordot(table, q[scope[axis]], axes=(axis, 0))
    return table


def variational_free_energy(factors, q, beta=1.0):
    """F_q = E_q[E] + (1/beta) sum_i sum_y q_i log q_i of any product distribution, 0 log 0 = 0.

    >>> round(float(variational_free_energy([], {"a": np.full(8, 1 / 8)}) / np.log(8.0)), 12)
    -1.0
    """
    q = {v: real(f"q[{v!r}]", p, "k") for v, p in q.items()}
    factors, _ = as_factors(factors, {v: len(p) for v, p in q.items()})
    beta = real("beta", beta)
    require_positive("beta", beta)
    low, factors = from_lows(factors)
    return low + _bound(factors, q, q, beta)


def _bound(factors, weights, q, beta):
    """F_q of what was checked; the weights are q, or q in fractions."""
    energy = sum(_expected(scope, table, weights) for scope, table in factors)
    negative_entropy = sum(float(np.sum(p * np.log(np.where(p > 0.0, p, 1.0)))) for p in q.values())
    return float(energy) + negative_entropy / beta
