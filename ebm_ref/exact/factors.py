r"""Factors: a factor graph with scopes of any size, and variables of any kind and any number of values.

    E(y)       = sum_a E_a(y_a)
    dE/dE_a(z) = [z = y_a]

energies/factor_graph.py is the same energy where all scopes are pairs.  Here a factor is a pair (scope,
table): a tuple of variables, and an array with one axis for each of them.  Variables are names of any kind,
or the numbers 0, 1, ...  A configuration y is anything that answers y[variable]: a dict, or an array where
the variables are numbers.  +inf in a table forbids.

Source: LeCun et al. (2006), Section 6; Kschischang, Frey and Loeliger (2001).
"""

import itertools
import math
from collections.abc import Mapping

import numpy as np

from ebm_ref.checks import as_real, require, require_count, require_index, whole


def check_factors(factors, cardinalities):
    """Raise unless every table has one axis for each variable of its scope, and is a table of energies.

    Parameters
    ----------
    factors : sequence of (scope, table)
        A scope is a tuple of different variables; () makes the table a constant.
    cardinalities : mapping
        {variable: number of values >= 1}; a variable may stand in no factor.

    >>> check_factors([(("rain", "wet"), np.zeros((2, 3)))], {"rain": 2})
    Traceback (most recent call last):
    ...
    ValueError: scope = ('rain', 'wet'): must name variables that have a cardinality; 'wet' has none
    """
    for v, k in cardinalities.items():
        require_count(f"cardinalities[{v!r}]", k)
    for scope, table in factors:
        unknown = [v for v in scope if v not in cardinalities]
        rule = f"must name variables that have a cardinality; {unknown[0]!r} has none" if unknown else ""
        require(not unknown, "scope", scope, rule)
        require(len(set(scope)) == len(scope), "scope", scope, "must name each variable once")
        energies, shape = as_real("table", table), tuple(cardinalities[v] for v in scope)
        require(np.shape(energies) == shape, "table", energies, f"must have shape {shape} for {scope}")
        require(np.all(energies > -np.inf), "table", energies, "must hold numbers above -inf; +inf forbids")


def as_factors(factors, cardinalities):
    """[(scope, table)] with scopes as tuples and tables as float64, and {variable: int}, if they fit.

    >>> as_factors([("a", [0, 1])], {"a": 2}), as_factors([], [2, 3])
    (([(('a',), array([0., 1.]))], {'a': 2}), ([], {0: 2, 1: 3}))
    """
    if not isinstance(cardinalities, Mapping):
        cardinalities = dict(enumerate(whole("cardinalities", cardinalities, "n").tolist()))
    for v, k in cardinalities.items():
        require_count(f"cardinalities[{v!r}]", k)
    cardinalities = {v: whole(f"cardinalities[{v!r}]", k) for v, k in cardinalities.items()}
    try:
        pairs = [(_as_scope(scope), np.asarray(as_real("table", table))) for scope, table in factors]
    except (TypeError, ValueError) as problem:
        told = str(problem).startswith(("table", "scope"))
        require(told, "factors", factors, "must be pairs (scope, table)")
        raise
    check_factors(pairs, cardinalities)
    return pairs, cardinalities


def _as_scope(scope):
    """The scope as a tuple of names; what is no list of names is one name."""
    names = tuple(scope) if isinstance(scope, (tuple, list, range, np.ndarray)) else (scope,)
    try:
        hash(names)
    except TypeError:
        require(False, "scope", scope, "must be a tuple of names that can be keys of a mapping")
    return names


def cardinalities_of(factors):
    """{variable: number of values} of the variables that stand in some factor, in order of appearance.

    >>> cardinalities_of([(("a",), [0.0, 1.0]), (("a", "b"), np.zeros((2, 3)))])
    {'a': 2, 'b': 3}
    """
    found = {}
    for scope, table in factors:
        for v, k in zip(scope, np.shape(table), strict=True):
            found.setdefault(v, k)
    return found


def energy(factors, configuration):
    """E(y) = sum_a E_a(y_a) of factors of any scope, rounded once; `configuration[v]` is variable v's value.

    >>> energy([(("a",), [0.0, 1.0]), (("a", "b"), [[0.0, 2.0, 4.0], [8.0, 16.0, 32.0]])], {"a": 1, "b": 2})
    33.0
    """
    parts = [float(as_real("table", table)[read_at(scope, table, configuration)]) for scope, table in factors]
    try:
        return math.fsum(parts)
    except OverflowError:  # more than float64 holds, on the way at least
        return sum(parts)


def energy_gradients(factors, configuration):
    """dE/dE_a, a list of arrays shaped like the tables: 1 at the entry that is read, 0 elsewhere.

    >>> energy_gradients([((0, 1), np.zeros((2, 2)))], [1, 0])[0].tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """
    gradients = [np.zeros(np.shape(table)) for _, table in factors]
    for (scope, table), g in zip(factors, gradients, strict=True):
        g[read_at(scope, table, configuration)] = 1.0
    return gradients


def read_at(scope, table, configuration):
    """The entry of a table that a configuration reads, as a tuple of indices."""
    for v, k in zip(scope, np.shape(table), strict=True):
        require_index(f"configuration[{v!r}]", configuration[v], k)
    return tuple(configuration[v] for v in scope)


def tabulated(scope, function, cardinalities):
    """The factor (scope, table) of a function of its variables, called once for each entry.

    >>> tabulated(("i", "j"), lambda i, j: 10 * i + j, {"i": 2, "j": 3})[1].tolist()
    [[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]]
    """
    sizes = [cardinalities[v] for v in scope]
    values = [float(function(*entry)) for entry in itertools.product(*map(range, sizes))]
    return tuple(scope), np.reshape(np.array(values), sizes)


def clamped(factors, observed):
    """The factors of what is left when some variables are held: {variable: value}; energies stay the same.

    Inference with an answer clamped is inference on another factor graph.

    >>> ((scope, table),) = clamped([(("a", "b"), [[1.0, 2.0], [3.0, 4.0]])], {"a": 1})
    >>> scope, table.tolist()
    (('b',), [3.0, 4.0])
    """
    for scope, table in factors:
        for v, k in zip(scope, np.shape(table), strict=True):
            if v in observed:
                require_index(f"observed[{v!r}]", observed[v], k)
    cut = lambda scope: tuple(observed.get(v, slice(None)) for v in scope)
    free = lambda scope: tuple(v for v in scope if v not in observed)
    return [(free(scope), as_real("table", table)[cut(scope)]) for scope, table in factors]
