r"""Factor graph: an energy that is a sum of small tables, each of a few variables.

    E(y)       = sum_a E_a(y_a),   y_a = variables in the scope of factor a
    dE/dE_a(z) = [z = y_a]         one entry of each table feels all of it

The sum is what makes structure useful.  A factor that does not know a variable need not be computed
again when that variable moves, so the minimum and the sum over all configurations can be taken one
variable at a time (exact/elimination.py).  Four factors in a row over z1, z2, y1 with two values each
and y2 with three,

    E = E_a(z1) + E_b(z1, z2) + E_c(z2, y1) + E_d(y1, y2),

have 24 configurations, so 4 x 24 = 96 evaluations of a factor by brute force; but their tables have
2 + 4 + 4 + 6 = 16 entries, and no factor need be evaluated more often than that.

A factor is a pair (scope, table): a tuple of variables and an array with one axis for each of them.
Variables are names of any kind, or the numbers 0, 1, ...  A configuration is anything that answers
y[variable]: a dict, or an array where variables are numbers.  +inf in a table forbids.

The record is the pairwise case, in which every scope has two variables and all have k values.
A factor of one variable i has the scope (i, i) and its table on the diagonal; where a variable has
fewer values, the rest of the table is +inf.

Source: LeCun et al. (2006), Section 6 and Figure 19; Kschischang, Frey and Loeliger (2001).
"""

import itertools

import autograd.numpy as np

from ebm_ref.checks import require, require_index, require_shape, shape_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import homogeneous, misfit


def factor_graph(tables, scopes, configuration):
    """Energy of one configuration of a pairwise factor graph.

    Parameters
    ----------
    tables : (f, k, k) float
        E_a(y_i, y_j), the first axis for the first variable of the scope; +inf forbids.  A NaN that the
        configuration does not read does not count.
    scopes : (f, p) int, p = 2
        The variables (i, j) of each factor; i = j reads the diagonal.
    configuration : (n,) int
        The value y_i of each variable, in 0..k-1.

    Returns
    -------
    float
        sum_a E_a(y_i, y_j); 0 without factors.

    Raises
    ------
    ValueError
        If a scope is not a pair of variables 0..n-1, or a value is not in 0..k-1.

    >>> tables = np.array([[[0.0, 1.0], [2.0, 3.0]], [[0.0, 10.0], [20.0, 30.0]]])
    >>> float(factor_graph(tables, np.array([[0, 1], [1, 2]]), np.array([1, 0, 1])))  # 2 + 10
    12.0
    """
    first, second = _entries(tables, scopes, configuration)
    return np.sum(tables[np.arange(len(tables)), first, second])


def factor_graph_gradient(tables, scopes, configuration):
    """dE/dE_a, shape (f, k, k): 1 at the entry that is read, 0 elsewhere; NaN where E is."""
    first, second = _entries(tables, scopes, configuration)
    g = np.zeros(np.shape(tables))
    g[np.arange(len(tables)), first, second] = 1.0
    return g * np.nan if np.isnan(factor_graph(tables, scopes, configuration)) else g


def _entries(tables, scopes, configuration):
    """The two indices at which each table is read."""
    f, _, k = shape_of("tables", tables, "f", "k", "k")
    require_shape("scopes", scopes, (f, 2))
    shape_of("configuration", configuration, "n")
    scopes, configuration = np.asarray(scopes), np.asarray(configuration)
    for i in scopes.ravel():
        require_index("scopes", i, len(configuration))
    for value in configuration:
        require_index("configuration", value, k)
    pairs = configuration[scopes.astype(int)].astype(int)
    return pairs[:, 0], pairs[:, 1]


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
        whole = isinstance(k, (int, np.integer)) and not isinstance(k, bool) and k >= 1
        require(whole, f"cardinalities[{v!r}]", k, "must be an integer >= 1")
    for scope, table in factors:
        unknown = [v for v in scope if v not in cardinalities]
        rule = f"must name variables that have a cardinality; {unknown[0]!r} has none" if unknown else ""
        require(not unknown, "scope", scope, rule)
        require(len(set(scope)) == len(scope), "scope", scope, "must name each variable once")
        shape = tuple(cardinalities[v] for v in scope)
        require(np.shape(table) == shape, "table", np.asarray(table), f"must have shape {shape} for {scope}")
        above = np.all(np.asarray(table, float) > -np.inf)
        require(above, "table", np.asarray(table), "must hold numbers above -inf; +inf forbids")


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
    """E(y) = sum_a E_a(y_a) of factors of any scope; `configuration[v]` is the value of variable v.

    >>> energy([(("a",), [0.0, 1.0]), (("a", "b"), [[0.0, 2.0, 4.0], [8.0, 16.0, 32.0]])], {"a": 1, "b": 2})
    33.0
    """
    return float(sum(np.asarray(table)[_read(scope, configuration)] for scope, table in factors))


def energy_gradients(factors, configuration):
    """dE/dE_a, a list of arrays shaped like the tables: 1 at the entry that is read, 0 elsewhere.

    >>> energy_gradients([((0, 1), np.zeros((2, 2)))], [1, 0])[0].tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """
    gradients = [np.zeros(np.shape(table)) for _, table in factors]
    for (scope, _), g in zip(factors, gradients, strict=True):
        g[_read(scope, configuration)] = 1.0
    return gradients


def _read(scope, configuration):
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
    return [(free(scope), np.asarray(table, float)[cut(scope)]) for scope, table in factors]


def random_sample(rng):
    """Three factors of two values a variable, on scopes of any kind."""
    return {
        "tables": rng.normal(scale=2.0, size=(3, 2, 2)),
        "scopes": rng.integers(3, size=(3, 2)),
        "configuration": rng.integers(2, size=3),
    }


def scopes_turned_with_their_tables(formula, inputs, rng):
    """A scope may be read the other way round, if its table is; the gradient is then turned, too."""
    turn = lambda tables: np.swapaxes(tables, 1, 2)
    turned = inputs | {"tables": turn(inputs["tables"]), "scopes": inputs["scopes"][:, ::-1]}
    slopes = formula.gradients["tables"](**inputs), turn(formula.gradients["tables"](**turned))
    return max(misfit(formula, inputs, turned), 0.0 if np.array_equal(*slopes) else np.inf)


def factors_in_any_order(formula, inputs, rng):
    """The order of the factors does not matter."""
    order = rng.permutation(len(inputs["tables"]))
    shuffled = {name: inputs[name][order] for name in ("tables", "scopes")}
    return misfit(formula, inputs, inputs | shuffled)


# z1, z2, y1, y2 of Figure 19, all tables written for three values: what does not exist is forbidden
FIGURE_19 = np.full((4, 3, 3), np.inf)
FIGURE_19[0, [0, 1], [0, 1]] = 0.5, 2.0
FIGURE_19[1, :2, :2] = [[1.0, 4.0], [0.25, 3.0]]
FIGURE_19[2, :2, :2] = [[2.0, 0.125], [8.0, 1.0]]
FIGURE_19[3, :2, :] = [[1.0, 2.0, 3.0], [16.0, 0.0625, 6.0]]
ROW = np.array([[0, 0], [0, 1], [1, 2], [2, 3]])
PAIR = np.array([[[1.0, 2.0], [4.0, 8.0]]])


def _read_at(*entries):
    g = np.zeros((len(entries), 3, 3))
    for a, (i, j) in enumerate(entries):
        g[a, i, j] = 1.0
    return g


FORMULA = Formula(
    value=factor_graph,
    signature="(f,k,k),(f,p),(n)->()",
    source="lecun2006, Section 6 and Figure 19",
    gradients={"tables": factor_graph_gradient},
    sample=random_sample,
    laws=(homogeneous(1, tables=1), scopes_turned_with_their_tables, factors_in_any_order),
    cases={  # Case((tables, scopes, configuration), value, by tables, exposes)
        "the lowest path of Figure 19": Case(
            (FIGURE_19, ROW, [0, 0, 1, 1]),
            0.5 + 1.0 + 0.125 + 0.0625,
            _read_at((0, 0), (0, 0), (0, 1), (1, 1)),
        ),
        "another path of Figure 19": Case(
            (FIGURE_19, ROW, [1, 0, 0, 2]), 2.0 + 0.25 + 2.0 + 3.0, _read_at((1, 1), (1, 0), (0, 0), (0, 2))
        ),
        "a value that does not exist is forbidden": Case((FIGURE_19, ROW, [0, 2, 0, 0]), np.inf),
        "the first axis belongs to the first variable of the scope": Case(
            (PAIR, [[1, 0]], [0, 1]), 4.0, [[[0.0, 0.0], [1.0, 0.0]]], "table read the other way round"
        ),
        "a pair is one factor, not two": Case(
            (PAIR, [[0, 1]], [1, 1]), 8.0, [[[0.0, 0.0], [0.0, 1.0]]], "every pair counted twice"
        ),
        "not a number: read": Case(
            ([[[1.0, np.nan], [4.0, 8.0]]], [[0, 1]], [0, 1]), np.nan, np.full((1, 2, 2), np.nan)
        ),
        "not a number, but not read": Case(
            ([[[1.0, np.nan], [4.0, 8.0]]], [[0, 1]], [1, 0]), 4.0, [[[0.0, 0.0], [1.0, 0.0]]]
        ),
    },
    variants={
        "table read the other way round": Mistake(
            lambda T, scopes, y: factor_graph(np.swapaxes(T, 1, 2), scopes, y),
            {
                "tables": lambda T, scopes, y: np.swapaxes(
                    factor_graph_gradient(np.swapaxes(T, 1, 2), scopes, y), 1, 2
                )
            },
            symptom="right for symmetric tables; a transition from i to j costs what j to i should",
        ),
        "every pair counted twice": Mistake(
            lambda T, scopes, y: (
                factor_graph(T, scopes, y)
                + factor_graph(np.swapaxes(T, 1, 2), np.asarray(scopes)[:, ::-1], y)
            ),
            symptom="both (i, j) and (j, i) are listed: the temperature seems half of what it is",
        ),
    },
)
