r"""Factor graph: an energy that is a sum of small tables, each of a few variables.

    E(y)       = sum_a E_a(y_a)
    dE/dE_a(z) = [z = y_a]

Here y_a are the values of the variables in the scope of factor a, and one entry of each table feels the
whole force.  The sum is what makes structure useful.  A factor that does
not know a variable need not be computed again when that variable moves, so the minimum and the sum over all
configurations can be taken one variable at a time (exact/elimination.py).  Four factors in a row over z1,
z2, y1 with two values each and y2 with three,

    E = E_a(z1) + E_b(z1, z2) + E_c(z2, y1) + E_d(y1, y2),

have 24 configurations, so brute force evaluates a factor 4 x 24 = 96 times; but their tables have
2 + 4 + 4 + 6 = 16 entries, and no factor need be evaluated more often than that.

This page is the pairwise case, in which every scope has two variables and all have k values; factors of
any scope are in exact/factors.py.  A factor of one variable i has the scope (i, i) and its table on the
diagonal; where a variable has fewer values, the rest of the table is +inf, which forbids.

Source: LeCun et al. (2006), Section 6 and Figure 19; Kschischang, Frey and Loeliger (2001).
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_index
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import homogeneous, misfit


def factor_graph(tables, scopes: int, configuration: int):
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

    Raises ValueError if a scope is not a pair of variables 0..n-1, or a value is not in 0..k-1.

    >>> tables = np.array([[[0.0, 1.0], [2.0, 3.0]], [[0.0, 10.0], [20.0, 30.0]]])
    >>> float(factor_graph(tables, np.array([[0, 1], [1, 2]]), np.array([1, 0, 1])))  # 2 + 10
    12.0
    """
    E, scopes, y = FORMULA.checked(tables, scopes, configuration)
    i, j = scopes.T
    return np.sum(E[np.arange(len(E)), y[i], y[j]])


def factor_graph_gradient(tables, scopes: int, configuration: int):
    """dE/dE_a, shape (f, k, k): 1 at the entry that is read, 0 elsewhere; NaN where E is."""
    E, scopes, y = FORMULA.checked(tables, scopes, configuration)
    i, j = scopes.T
    read = np.arange(len(E)), y[i], y[j]
    g = np.zeros(E.shape)
    g[read] = 1.0
    return g * np.nan if np.isnan(np.sum(E[read])) else g


def rules(tables, scopes, configuration):
    """Pairs of variables that are there, and values that the tables know."""
    require(scopes.shape[1] == 2, "scopes", scopes, f"must be ({len(tables)}, 2): pairs of variables")
    for i in scopes.ravel():
        require_index("scopes", i, len(configuration))
    for value in configuration:
        require_index("configuration", value, tables.shape[1])


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
    cases={  # (tables, scopes, configuration), E, dE/dE_a, the mistake that it exposes
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
        "scope sorted": Mistake(
            lambda T, scopes, y: factor_graph(T, np.sort(scopes, axis=1), y),
            symptom="a table of (2, 1) is read as one of (1, 2)",
        ),
    },
    rules=rules,
    refuses={  # (tables, scopes, configuration), the argument to blame
        "a variable that is not there": ((PAIR, [[0, 3]], [0, 0, 1]), "scopes"),
        "a variable counted from the end": ((PAIR, [[-1, 0]], [0, 0, 1]), "scopes"),
        "a scope of three variables": ((PAIR, [[0, 1, 2]], [0, 0, 1]), "scopes"),
        "a variable that is no integer": ((PAIR, [[0.0, 1.0]], [0, 0, 1]), "scopes"),
        "a value beyond k - 1": ((PAIR, [[0, 1]], [0, 2, 1]), "configuration"),
        "a value counted from the end": ((PAIR, [[0, 1]], [0, 1, -1]), "configuration"),
        "a value that is no integer": ((PAIR, [[0, 1]], [0.0, 1.0, 1.0]), "configuration"),
    },
)
