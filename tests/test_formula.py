"""The record and what it demands of arguments: messages to the letter, since a reader acts on them."""

import re

import numpy as np
import pytest

from ebm_ref.checks import (
    largest_finite,
    require,
    require_count,
    require_finite_sum,
    require_index,
    require_number,
    require_one_of,
    require_positive,
    require_shape,
    shape_of,
)
from ebm_ref.formula import Case, Formula, check_shapes


def outer(u, v, scale=2.0):
    """A formula whose arguments and results have axes of different names and numbers."""
    return scale * np.outer(u, v)


OUTER = Formula(
    value=outer,
    signature="(m),(n),()->(m,n)",
    source="",
    sample=None,
    cases=(Case("ones", {"u": np.ones(1), "v": np.ones(1)}, np.ones((1, 1))),),
    gradients={"u": lambda u, v, scale=2.0: scale * np.einsum("mk,n->mnk", np.eye(len(u)), v)},
)


TRACE = Formula(
    value=lambda table: np.trace(table),
    signature="(m,n)->()",
    source="",
    sample=None,
    cases=(Case("ones", {"table": np.ones((1, 1))}, 1.0),),
    gradients={"table": lambda table: np.eye(*table.shape)},
)


def test_a_formula_shows_how_it_is_called():
    """In a line, where the fields of the record would fill a page."""
    assert repr(OUTER) == "<formula outer(u, v, scale=2.0), shapes (m),(n),()->(m,n)>"


def test_shapes_of_a_record():
    assert OUTER.shapes == {"u": ("m",), "v": ("n",), "scale": ()} and OUTER.output == ("m", "n")


def test_inputs_by_name_and_by_place():
    u, v = np.ones(2), np.ones(3)
    assert OUTER.bind(u, v) == {"u": u, "v": v, "scale": 2.0}
    assert OUTER.bind(u, scale=3.0, v=v) == {"u": u, "v": v, "scale": 3.0}


def test_stacks_full_and_empty():
    u, v = np.arange(8.0).reshape(4, 2), np.arange(3.0)
    assert np.array_equal(OUTER(u, v), [outer(row, v) for row in u])
    assert np.array_equal(OUTER(u, v, [1.0, 2.0, 3.0, 4.0])[3], outer(u[3], v, 4.0))
    assert OUTER.gradient("u", u, v).shape == (4, 2, 3, 2) and OUTER.gradient("u", u, v).dtype == np.float64
    assert OUTER(u[:0], v).shape == (0, 2, 3) and OUTER.gradient("u", u[:0], v).shape == (0, 2, 3, 2)
    table = np.ones((5, 3, 2))
    assert TRACE(table).shape == (5,) and TRACE.gradient("table", table[:0]).shape == (0, 3, 2)


def test_axes_of_one_name_are_of_one_size():
    stacks = {"a": np.ones((2, 3)), "b": np.ones(3)}
    check_shapes(stacks, {"a": ("m", "n"), "b": ("n",)})
    with pytest.raises(ValueError, match=re.escape("b = [1. 1. 1.]: has m = 3, but a has m = 2")):
        check_shapes(stacks, {"a": ("m", "n"), "b": ("m",)})


def message(check, *args):
    with pytest.raises(ValueError) as problem:
        check(*args)
    return str(problem.value)


def test_values_are_shown_and_long_ones_cut():
    assert message(require, False, "x", np.float64(0.5), "is wrong") == "x = 0.5: is wrong"
    assert message(require, False, "x", "half", "is wrong") == "x = 'half': is wrong"
    assert message(require, False, "x", np.arange(8), "is wrong") == "x = [0 1 2 3 4 5 6 7]: is wrong"
    assert message(require, False, "x", np.arange(9), "is wrong") == "x = [0 1 2 ... 6 7 8]: is wrong"
    require(True, "x", None, "never said")


def test_indices():
    for legal in (0, 2, np.int8(1)):
        require_index("i", legal, 3)
    for illegal in (-1, 3, 1.0, True, np.True_, None, "1"):
        assert message(require_index, "i", illegal, 3).endswith(": must be an integer in 0..2")
    assert message(require_index, "i", 3, 3) == "i = 3: must be an integer in 0..2"


def test_counts():
    require_count("n", 1)
    require_count("n", np.int64(4), 4)
    for illegal in (0, -1, 2.0, True, "2", None):
        assert message(require_count, "n", illegal) == f"n = {illegal!r}: must be an integer >= 1"
    assert message(require_count, "n", 3, 4) == "n = 3: must be an integer >= 4"


def test_positive_numbers():
    require_positive("beta", 5e-324)
    require_positive("beta", np.array(2.0))
    for illegal in (0.0, -1.0, np.inf, np.nan):
        assert message(require_positive, "beta", illegal) == f"beta = {illegal}: must be positive and finite"
    assert message(require_positive, "beta", np.ones(1)) == "beta = [1.]: must be positive and finite"


def test_sums_that_float64_holds():
    """A quarter of its largest number, 1.797e308, at beta <= 1; no warning, from NumPy's floats either."""
    for sizes, beta in (([4.4e307], 1.0), ([2.2e307, 2.2e307], 1.0), ([2.2e307], 2.0), ([4.4e307], 0.5)):
        require_finite_sum("E", 0, sizes, beta)
        said = message(require_finite_sum, "E", 0, [1.05 * size for size in sizes], beta)
        assert said == "E = 0: must not add up, times beta, to more than float64 holds"
    require_finite_sum("E", 0, [4.4e307])
    message(require_finite_sum, "E", 0, [np.float64(1e308)] * 2)


def test_the_largest_finite_size():
    assert largest_finite([0.25, -0.5, np.inf, np.nan, -np.inf]) == 0.5
    assert largest_finite(np.array([-128], np.int8)) == 128.0  # whose absolute value int8 does not hold
    assert largest_finite([]) == largest_finite([np.inf]) == 0.0


def test_one_of_some():
    require_one_of("sign", 1, -1, 1)
    require_one_of("sign", -1.0, -1, 1)
    assert message(require_one_of, "sign", 2, -1, 1) == "sign = 2: must be -1 or 1"
    assert message(require_one_of, "of", 4, 1, 2, 3) == "of = 4: must be 1, 2 or 3"


def test_one_number():
    require_number("x", 1.0)
    require_number("x", np.array(1.0))
    assert message(require_number, "x", np.ones(1)) == "x = [1.]: must be one number, not an array"


def test_shapes():
    require_shape("x", np.ones((2, 3)), (2, 3))
    assert message(require_shape, "x", np.ones(1), (3,)) == "x = [1.]: has shape (1,), but must have (3,)"
    assert shape_of("x", np.ones((2, 3)), "n", "m") == (2, 3)
    assert (
        message(shape_of, "x", np.ones(2), "n", "m")
        == "x = [1. 1.]: has shape (2,), but must have the axes (n, m)"
    )
