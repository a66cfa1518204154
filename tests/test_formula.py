"""The record and what it demands of arguments: messages to the letter, since a reader acts on them."""

import re

import autograd
import numpy as np
import pytest

from ebm_ref.checks import (
    as_real,
    as_whole,
    largest_finite,
    real,
    require,
    require_count,
    require_finite_sum,
    require_index,
    require_number,
    require_one_of,
    require_positive,
    require_shape,
    shape_of,
    whole,
)
from ebm_ref.formula import Case, Convention, Formula, Mistake, check_shapes, named


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
    longest, longer = 398 * "a", 399 * "a"  # and two quotes
    assert message(require, False, "x", longest, "is wrong") == f"x = '{longest}': is wrong"
    shortened = f"x = '{199 * 'a'} ... {39 * 'a'}': is wrong"
    assert message(require, False, "x", longer, "is wrong") == shortened
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
    assert message(require_count, "n", 2**63) == f"n = {2**63}: must be an integer >= 1"


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


def test_real_numbers():
    """A float64 whatever came in: what NumPy would wrap, round, drop or stretch is cast first, or refused."""
    for given in (2, 2.0, np.float32(2.0), np.int8(2), np.uint8(2), np.array(2)):
        x = as_real("x", given)
        assert type(x) is np.float64 and x == 2.0
    assert as_real("x", 2**70) == 2.0**70 and as_real("x", -(2**63)) == -(2.0**63)
    table = np.ones(3)
    assert as_real("x", table) is table or np.shares_memory(as_real("x", table), table)
    assert as_real("x", np.ones(3, np.float32)).dtype == as_real("x", [1, 2]).dtype == np.float64
    assert message(as_real, "x", True) == "x = True: must be a real number"
    assert message(as_real, "x", [True]) == "x = [True]: must hold real numbers"
    assert message(as_real, "x", 1j) == "x = 1j: must be a real number"
    assert message(as_real, "x", "1") == "x = '1': must be a real number"
    assert message(as_real, "x", None) == "x = None: must be a real number"
    assert message(as_real, "x", -(10**400)).endswith(": must be a number that float64 holds")
    assert message(as_real, "x", [[1.0], []]).startswith("x = [[1.0], []]: is no array: ")
    masked = np.ma.masked_array([1.0, 2.0], mask=[True, False])
    assert message(as_real, "x", masked).endswith(": must not have masked entries")
    if np.finfo(np.longdouble).maxexp > 1024:
        large = np.longdouble(2.0) ** 1024
        assert message(as_real, "x", large).endswith(": must be a real number that float64 holds")
        assert message(as_real, "x", large).startswith("x = ") and "None" not in message(as_real, "x", large)
        assert message(as_real, "x", np.array([large])).endswith(
            ": must hold real numbers that float64 holds"
        )
        assert as_real("x", np.longdouble(np.inf)) == np.inf and as_real("x", np.longdouble(0.5)) == 0.5


def test_whole_numbers():
    for given in (2, np.int8(2), np.uint64(2), np.array(2)):
        assert type(as_whole("x", given)) is int and as_whole("x", given) == 2
    table = np.arange(3)
    assert np.shares_memory(as_whole("x", table), table)
    small = as_whole("x", np.array([200, 3], np.uint8))
    assert small.dtype == np.int64 and small.tolist() == [200, 3]
    assert (
        as_whole("x", []).dtype == np.int64
        and as_whole("x", np.array([2**63 - 1], np.uint64))[0] == 2**63 - 1
    )
    assert message(as_whole, "x", 2.0) == "x = 2.0: must be an integer, not floats or bools"
    assert message(as_whole, "x", [2.0]) == "x = [2.0]: must hold integers, not floats or bools"
    assert message(as_whole, "x", [True]) == "x = [True]: must hold integers, not floats or bools"
    assert message(as_whole, "x", np.uint64(2**63)) == f"x = {2**63}: must be an integer < 2^63"
    rule = "must hold integers < 2^63"
    assert message(as_whole, "x", np.array([2**63], np.uint64)) == f"x = [{2**63}]: {rule}"
    with pytest.raises(ValueError, match=r"^x = .*Box.*: must be an integer$"):
        autograd.grad(lambda x: 1.0 * as_whole("x", x))(2.0)


def test_whole_numbers_read_backwards():
    """NumPy 2.0 crashes where such an array of two axes is compared with a number that its dtype has not."""
    for dtype in ("i1", "u1", "u4", "i8", "u8", ">i8", ">u8"):
        backwards = np.arange(6).reshape(3, 2).astype(dtype)[:, ::-1]
        assert as_whole("x", backwards).tolist() == [[1, 0], [3, 2], [5, 4]]
    for dtype in ("u8", ">u8"):
        assert "must hold integers < 2^63" in message(as_whole, "x", np.full((3, 2), 2**63, dtype)[:, ::-1])


def test_axes_are_those_that_are_asked_for():
    assert real("x", [1, 2], "n").tolist() == [1.0, 2.0] and real("x", [[1, 2]], "m", 2).shape == (1, 2)
    assert whole("x", [1, 2], 2).tolist() == [1, 2] and whole("x", 3) == 3
    assert message(real, "x", "1") == "x = '1': must be a real number"
    assert message(real, "x", [1.0], 2) == "x = [1.]: has shape (1,), but must have (2,)"
    assert message(real, "x", [1.0], "m", 1) == "x = [1.]: has shape (1,), but must have (m, 1)"
    assert message(real, "x", [1.0]) == "x = [1.]: must be one number, not an array"
    assert message(real, "x", 1.0, "n") == "x = 1.0: has shape (), but must have (n,)"
    assert message(whole, "x", 1.0) == "x = 1.0: must be an integer, not floats or bools"
    assert message(whole, "x", [1], 2) == "x = [1]: has shape (1,), but must have (2,)"


def test_what_cannot_be_shown_is_named_by_its_type():
    class Shy:
        def __repr__(self):
            raise RuntimeError

    assert message(require, False, "x", Shy(), "is wrong") == "x = <Shy>: is wrong"
    assert message(require, False, "x", 10**5000, "is wrong") == "x = <int>: is wrong"
    text = "".join(map(str, range(200)))
    assert message(require, False, "x", text[:398], "is wrong") == f"x = {text[:398]!r}: is wrong"
    shown = repr(text)
    assert message(require, False, "x", text, "is wrong") == f"x = {shown[:200]} ... {shown[-40:]}: is wrong"


def record(**fields):
    given = {"cases": {"ones": Case((1.0, [1.0]), 1.0, (2.0,))}} | fields
    slope = lambda x, t, scale=1.0: scale * np.sum(t)
    value = lambda x, t, scale=1.0: scale * x * np.sum(t)
    return Formula(value, "(),(n),()->()", "", None, gradients={"x": slope}, **given)


def test_rows_of_a_record_know_their_names_and_name_what_they_hold():
    """By place, by name, or alone where there is one; a list is an array; only defaults may be left out."""
    cases = {
        "by place": Case((1.0, [1.0, 2.0]), 3.0, (3.0,), "sum forgotten"),
        "by name": Case({"t": [1.0], "x": 2.0}, [2.0], {"x": 1.0}),
        "alone": Case((1.0, [1.0], 4.0), 4.0, 4.0),
        "none": Case((1.0, [1.0]), 1.0),
    }
    place, name, alone, none = record(cases=cases).cases
    assert [case.name for case in record(cases=cases).cases] == list(cases)
    assert list(place.inputs) == list(name.inputs) == ["x", "t"] and list(alone.inputs) == ["x", "t", "scale"]
    assert place.inputs["t"].tolist() == [1.0, 2.0] and isinstance(name.value, np.ndarray)
    assert place.gradients == {"x": 3.0} and name.gradients == {"x": 1.0} and alone.gradients == {"x": 4.0}
    assert none.gradients == {} and place.exposes == "sum forgotten" and place.value == 3.0

    slope, other = (lambda x, t: 0.0), (lambda x, t: 1.0)
    variants = {
        "flat": Mistake(other, (slope,), "a thread"),
        "other": Convention(other),
        "one": Mistake(other, slope),
    }
    flat, convention, one = record(variants=variants).variants
    assert (flat.name, flat.kind, flat.value, flat.seen_in) == ("flat", "mistake", other, "a thread")
    assert flat.gradients == one.gradients == {"x": slope}
    assert (convention.kind, convention.gradients) == ("convention", {})

    refused = record(refuses={"too few": ((1.0, []), "t"), "by name": ({"x": 1.0, "t": [1.0]}, "x")}).refuses
    assert list(refused) == ["too few", "by name"] and refused["too few"][1] == "t"
    assert list(refused["by name"][0]) == ["x", "t"] and refused["too few"][0]["t"].shape == (0,)


def test_a_row_that_does_not_fit_is_an_error():
    holds = "must hold x, t, scale"
    assert message(lambda: record(cases={"a": Case((1.0,), 1.0)})) == f"a case = {{'x': 1.0}}: {holds}"
    long = (1.0, [1.0], 1.0, 5.0)
    assert message(lambda: record(cases={"a": Case(long, 1.0)})) == f"a case = {long}: {holds}"
    wrong = {"x": 1.0, "y": 2.0}
    assert message(lambda: record(cases={"a": Case(wrong, 1.0)})) == f"a case = {wrong}: {holds}"
    legal = (1.0, [1.0])
    assert (
        message(lambda: record(cases={"a": Case(legal, 1.0, (1.0, 2.0))}))
        == "a row = (1.0, 2.0): must hold x"
    )
    assert (
        message(lambda: record(cases={"a": Case(legal, 1.0, {"t": 1.0})}))
        == "a row = {'t': 1.0}: must hold x"
    )
    assert message(lambda: record(refuses={"few": ((1.0,), "x")})) == f"few = {{'x': 1.0}}: {holds}"
    bare = {"value": lambda x: x, "signature": "()->()", "source": "", "sample": None}
    rows = {"a": Case((1.0,), 1.0, (1.0,))}
    assert message(lambda: Formula(cases=rows, **bare)) == "a row = (1.0,): must hold nothing"
    rows = {"a": Case((1.0,), 1.0, {"x": 1.0})}
    assert message(lambda: Formula(cases=rows, **bare)) == "a row = {'x': 1.0}: must hold nothing"
    assert message(lambda: record(cases={"a": Case(legal, 1.0, ())})) == "a row = {}: must hold x"


def test_rows_without_a_record():
    first, second = named({"first": Mistake(None), "second": Convention(None)})
    assert (first.name, first.kind, second.name, second.kind) == ("first", "mistake", "second", "convention")


def test_answers_do_not_depend_on_where_numbers_stand_in_memory():
    """NumPy's exp may differ by a unit of the last place where neighbours are not side by side."""
    x = np.random.default_rng(0).normal(size=64)
    laid_out = np.empty(128)[::2], np.empty(64)[::-1]
    for other in laid_out:
        other[:] = x
        assert as_real("x", other).flags.c_contiguous and np.array_equal(as_real("x", other), x)
    square = np.arange(4.0).reshape(2, 2)
    assert TRACE.checked(square.T)[0].flags.c_contiguous and TRACE.checked(square)[0] is square
