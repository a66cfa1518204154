"""Bad input to the energies: a ValueError that names the argument, its value and the rule."""

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.energies.convnet import pool_back
from ebm_ref.energies.gaussian_mixture import em_step
from ebm_ref.energies.hopfield import hebb
from ebm_ref.energies.pca import principal_axes

V, NAN = np.array, np.nan
ONE, TWO, THREE = np.ones(1), np.ones(2), np.ones(3)
SQUARE, COLUMN, ROW = np.ones((2, 2)), np.ones((2, 1)), np.ones((1, 2))
IMAGE, KERNEL, BLOCK = np.ones((3, 3)), np.ones((1, 2, 2)), np.ones((2, 1, 1, 1))

ENERGIES = [n for n, f in FORMULAS.items() if f.value.__module__.startswith("ebm_ref.energies.")]


@pytest.mark.parametrize("name", ENERGIES)
def test_an_array_with_an_axis_more_or_less_is_named(name):
    """Not unpacked into a message of Python, nor stretched into an answer of another shape."""
    f = FORMULAS[name]
    legal = f.bind(**f.sample(np.random.default_rng(0)))
    for argument, axes in f.shapes.items():
        x = legal[argument]
        for wrong in (x[0], x[None], x[..., None]) if axes else ():
            for function in (f.value, *f.gradients.values()):
                with pytest.raises(ValueError, match=r"(?s)^\w+ = [^:]*: (has|must)"):
                    function(**legal | {argument: wrong})


@pytest.mark.parametrize("name", ENERGIES)
def test_plain_numbers_may_be_huge_or_tiny(name):
    """Python's own 1e200**2 raises an OverflowError, NumPy's does not."""
    f = FORMULAS[name]
    legal = f.bind(**f.sample(np.random.default_rng(0)))
    for argument, axes in f.shapes.items():
        for x in (1e100, 1e200, 1e-200, 5e-324) if axes == () and isinstance(legal[argument], float) else ():
            with np.errstate(all="ignore"):
                for function in (f.value, *f.gradients.values()):
                    function(**legal | {argument: x})


def test_a_double_well_far_out():
    """What is between overflow and underflow is not lost on the way there."""
    assert FORMULAS["double_well"].value(2.0**300, 0.0, 2.0**-1000) == 2.0**200
    assert FORMULAS["double_well"].value(2.0**-300, 0.0, 2.0**1000) == 2.0**-200


MIXTURE = COLUMN * V([[0.0], [1e6]]), np.ones((2, 1, 1)), TWO


@pytest.mark.parametrize(
    "use, inputs, says",
    [
        (hebb, (TWO,), r"patterns = .*must have \(p, n\)$"),
        (principal_axes, (TWO, 1), r"points = .*must have \(p, n\)$"),
        (principal_axes, (SQUARE, -1), r"m = -1: must be an integer >= 1$"),
        (principal_axes, (SQUARE, 3), r"m = 3: must be at most 2, the number of axes$"),
        (principal_axes, (NAN * SQUARE, 1), r"points = .*: must be finite$"),
        (em_step, (np.ones((0, 1)), *MIXTURE), r"points = .*: must hold p >= 1 points$"),
        (em_step, (COLUMN, *MIXTURE), r"means = .*: must each explain a point: no component without any$"),
        (pool_back, (SQUARE, SQUARE), r"force = .*has shape \(2, 2\), but must have \(1, 1\)$"),
    ],
)
def test_what_learns_and_what_lies_between(use, inputs, says):
    """The functions of the pages that are no formulas: steps of learning, and parts of the network."""
    with pytest.raises(ValueError, match=f"(?s)^{says}"):
        use(*inputs)
