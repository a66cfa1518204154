"""The tape: its derivatives are those of differences at 800 digits, and its doubles are the nearest."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

mpmath = pytest.importorskip("mpmath", reason="the tape computes with mpmath")
pytest.importorskip("gmpy2", reason="the tape computes with MPFR")
mp, mpf = mpmath.mp, mpmath.mpf

from ebm_ref import FORMULAS  # noqa: E402
from ebm_ref.proof import evidence, golden, oracle, programs, tape  # noqa: E402
from ebm_ref.proof.naive import words  # noqa: E402

STEP = mpf(10) ** -200

FUNCTIONS = {  # of two numbers, at (0.75, 1.5)
    "x + y": lambda x, y: x + y + 2 + (3 + x),
    "x - y": lambda x, y: x - y - 2 - (3 - x),
    "x y": lambda x, y: x * y * 2 * (3 * x),
    "x/y": lambda x, y: x / y / 3 + 2 / x,
    "x^n": lambda x, y: x**3 + y**-2 + x**1 + y**0,
    "x^y": lambda x, y: words.power(x, y) + words.power(y, x) + words.power(x, 1.5),
    "-|-x|": lambda x, y: -abs(-x) * abs(y),
    "exp and log": lambda x, y: words.exp(x * y) * words.log(x + y) + words.exp(2) + words.log(3),
    "sqrt": lambda x, y: words.sqrt(x * y) + words.sqrt(2),
    "sin and cos": lambda x, y: words.sin(x) * words.cos(x * y) + words.sin(1) + words.cos(1) * words.pi(),
    "a result that goes in twice": lambda x, y: (lambda z: z * z * words.exp(z) / z)(x - y),
    "a constant": lambda x, y: 0 * x + 2 * (x - x),
}
SPECIAL = {  # which mpmath alone computes
    "loggamma": lambda x, y: words.loggamma(x * y),
    "besseli": lambda x, y: words.besseli(0, x * y) * words.besseli(1, x) * words.besseli(2, y),
}


def differences(function, point):
    """Value, first and second derivatives by central differences with 800 digits and h = 1e-200."""

    def at(*moves):
        x = list(point)
        for i, h in moves:
            x[i] += h
        return function(*x)

    with tape.digits(800, wide=True):
        h, n = STEP, range(len(point))
        point = [mpf(x) for x in point]
        first = [(at((i, h)) - at((i, -h))) / (2 * h) for i in n]
        corners = list(itertools.product((1, -1), repeat=2))
        second = [
            [sum(a * b * at((i, a * h), (j, b * h)) for a, b in corners) / (4 * h * h) for j in n] for i in n
        ]
        return at(), first, second


def on_tape(function, point, wide=False):
    with tape.digits(361, wide):
        x = [tape.number(v) for v in point]
        f = function(*x)
        first = tape.derivatives(f, x)
        second = [tape.plain_derivatives(slope, x) for slope in first]
        return tape.plain(f), [tape.plain(slope) for slope in first], second


def agree(theirs, ours, digits=150):
    """Whether numbers of MPFR or mpmath agree with those of differences."""
    with mp.workdps(400):
        ours = mpf(str(ours)) if not isinstance(ours, int) else mpf(ours)
        return abs(theirs - ours) <= mpf(10) ** -digits * max(1, abs(theirs))


@pytest.mark.parametrize("name", [*FUNCTIONS, *SPECIAL])
def test_derivatives_are_those_of_differences(name):
    function = (FUNCTIONS | SPECIAL)[name]
    f, first, second = differences(function, (0.75, 1.5))
    for wide in [True] if name in SPECIAL else [False, True]:
        value, slopes, curvature = on_tape(function, (0.75, 1.5), wide)
        assert agree(f, value)
        assert all(agree(a, b) for a, b in zip(first, slopes, strict=True))
        pairs = zip(itertools.chain(*second), itertools.chain(*curvature), strict=True)
        assert all(agree(a, b) for a, b in pairs)


def test_mpfr_hands_special_functions_to_mpmath():
    with pytest.raises(tape.Beyond):
        on_tape(SPECIAL["besseli"], (0.75, 1.5))


@pytest.mark.parametrize(
    "name", ["nll", "hinge", "triplet_margin", "gaussian_mixture", "poisson_nll", "mixture_score", "ctc"]
)
def test_truths_are_those_of_differences(name):
    """Value, gradients and conditions of a formula, with every number of the inputs moved by h."""
    f = FORMULAS[name]
    some = (golden.single(inputs) for inputs in evidence.samples(name)[0])
    inputs = next(inputs for inputs in some if inputs.get("p") != 1)  # a norm with corners is another formula
    truth = oracle.computed(lambda: oracle.truth(oracle.ORACLES[name], inputs, f.gradients), inputs)
    real = [a for a, x in inputs.items() if np.asarray(x).dtype.kind == "f" or a in f.gradients]
    point = [x for a in real for x in np.ravel(inputs[a]).tolist()]
    output = np.shape(truth["value"])
    _, branches, _ = oracle.evaluate(oracle.ORACLES[name], inputs)

    def component(i):
        def function(*numbers):
            rest, given = iter(numbers), {a: np.asarray(x).tolist() for a, x in inputs.items()}
            for a in real:
                shape = np.shape(inputs[a])
                moved = np.array([next(rest) for _ in range(math.prod(shape))], object).reshape(shape)
                given[a] = moved.tolist()
            words.follow(branches.taken)
            return np.ravel(np.array(oracle.ORACLES[name](**given), object))[i]

        return function

    sizes = [abs(mpf(x)) for x in point]
    for i, index in enumerate(np.ndindex(output)):
        value, first, second = differences(component(i), point)
        condition = lambda g, slopes: abs(g) + sum(abs(s) * x for s, x in zip(slopes, sizes, strict=True))
        assert float(value) == truth["value"][index]
        assert float(condition(value, first)) == pytest.approx(truth["condition"][index], rel=1e-15)
        start = 0
        for a in real:
            size = np.size(inputs[a])
            rows = range(start, start + size)
            start += size
            if a in f.gradients:
                at = lambda part, a=a, index=index: np.ravel(truth[part][a][index])
                assert np.array_equal([float(first[p]) for p in rows], at("gradients"))
                C = [float(condition(first[p], second[p])) for p in rows]
                np.testing.assert_allclose(C, at("gradient_conditions"), rtol=1e-15)
                total = float(sum(first[p] for p in rows))
                assert total == pytest.approx(truth["sums"][a][index], rel=1e-15)


def test_conventions_of_powers_at_zero():
    """x^2 by x and x, x by x, and x^q by q are what their limits are."""
    with tape.digits(50):
        x, q = tape.number(0.0), tape.number(2.0)
        f = words.power(x, 2)
        (slope,) = tape.derivatives(f, [x])
        assert tape.plain(f) == tape.plain(slope) == 0 and tape.plain_derivatives(slope, [x]) == [2]
        assert tape.plain_derivatives(words.power(x, 1), [x]) == [1]
        assert tape.plain_derivatives(words.power(x, 0), [x]) == [0]
        assert tape.plain_derivatives(words.power(x, q), [x, q]) == [0, 0]


def test_the_slope_of_a_power_depends_on_its_exponent_at_exponent_0_too():
    """d2 x^q / dq dx = 1/x at q = 0"""
    with tape.digits(50):
        x, q = tape.number(4.0), tape.number(0.0)
        slope, _ = tape.derivatives(words.power(x, q), [x, q])
        assert tape.plain(slope) == 0 and tape.plain_derivatives(slope, [q]) == [0.25]


def test_exponents_that_mpfr_lacks_are_computed_by_mpmath():
    inputs = {"energies": np.array([0.0, 1e200, 3e200]), "label": 1, "beta": 1.0}
    with pytest.raises(tape.Beyond), tape.digits(50):
        oracle.truth(oracle.ORACLES["nll"], inputs, ["energies"])
    truth = oracle.computed(lambda: oracle.truth(oracle.ORACLES["nll"], inputs, ["energies"]), inputs)
    assert truth["value"] == 1e200 and truth["gradients"]["energies"].tolist() == [-1.0, 1.0, 0.0]


@pytest.mark.parametrize("x", [0.0, -1.0])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("f", ["log", "loggamma"])
def test_a_domain_has_an_edge(f, x, wide):
    with tape.digits(50, wide), pytest.raises(tape.EdgeOfDomain):
        getattr(tape, f)(tape.number(x))


@pytest.mark.parametrize("wide", [False, True])
def test_a_root_of_0_has_a_value_and_no_slope(wide):
    with tape.digits(50, wide):
        x = tape.number(0.0)
        root = words.sqrt(x)
        assert tape.plain(root) == 0
        with pytest.raises(ZeroDivisionError):
            tape.derivatives(root, [x])
        with pytest.raises(tape.EdgeOfDomain):
            words.sqrt(tape.number(-1.0))


@pytest.mark.parametrize("wide", [False, True])
def test_doubles_are_the_nearest(wide):
    """Also of subnormals, where mpmath's float() rounds twice, and of ties that the last digits missed."""
    with tape.digits(400, wide):
        two = tape.plain(tape.number(2.0))
        eta = two**-1074
        assert tape.rounded(eta * 3 / 2 + eta * two**-200) == 2 * 5e-324
        assert tape.rounded(5 * eta / 2) == 2 * 5e-324
        above_half = (two**60 + 1) / two**61  # 53 bits say one half
        assert tape.rounded(eta * (10 + above_half)) == 11 * 5e-324
        assert math.copysign(1.0, tape.rounded(-eta / 4)) == math.copysign(1.0, tape.rounded(-0 * two)) == 1.0
        tie = 1 + two**-53
        assert tape.rounded(tie) == tape.rounded(tie + two**-1300) == tape.rounded(tie - two**-1300) == 1.0
        assert tape.rounded(tie + two**-1000) == 1.0 + 2.0**-52
        assert tape.rounded(two**5000) == math.inf


SIZES = {  # at x = 0.75, y = 1.5: what each intermediate result counts, times how far it moves the result
    "x + y": (lambda x, y: x + y, 0.75 + 1.5 + 2.25),
    "x - y": (lambda x, y: x - y, 0.75 + 1.5 + 0.75),
    "x y": (lambda x, y: x * y, 3 * 1.125),
    "x/y": (lambda x, y: x / y, 3 * 0.5),
    "digits lost": (lambda x, y: x + y - y, 0.75 + 1.5 + 2.25 + 1.5 + 0.75),
    "a constant is exact": (lambda x, y: 2 * x + 8, 1.5 + 1.5 + 9.5),
    "two ways": (lambda x, y: x * x - x, 0.75 * 2.5 + 0.5625 + 0.1875),
    "exp": (lambda x, y: words.exp(x), 1.75 * math.exp(0.75)),
    "log": (lambda x, y: words.log(y), 1.0 + math.log(1.5)),
    "sigmoid": (lambda x, y: words.sigmoid(words.log(y)), 0.6 + 0.24 * (1.0 + math.log(1.5))),
    "tanh": (lambda x, y: words.tanh(y), math.tanh(1.5) + 1.5 * (1.0 - math.tanh(1.5) ** 2)),
    "the loser counts": (lambda x, y: words.larger(x, y), 0.75 + 1.5 + 1.5),
    "where a constant wins": (lambda x, y: words.larger(0, x - y), 0.75 + 1.5 + 0.75),
    "where a constant loses": (lambda x, y: words.smaller(x - y, 0), 0.75 + 1.5 + 0.75),
    "nothing computed": (lambda x, y: -3, 3.0),
}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("wide", [False, True])
def test_a_size_adds_up_what_each_result_moves(name, wide):
    function, expected = SIZES[name]
    with tape.digits(361, wide):
        words.follow(())
        assert tape.size(function(*map(tape.number, (0.75, 1.5)))) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("word, size", [("sigmoid", 1.0), ("tanh", 3.0)])
def test_slopes_of_saturated_words_come_from_their_results(word, size):
    """y (1 - y) and 1 - y^2 where y is nearly 1: exact, but of absolute digits, as frameworks have them."""
    with tape.digits(361):
        x = tape.number(40.0)
        (slope,) = tape.derivatives(getattr(words, word)(x), [x])
        exact = {"sigmoid": math.exp(-40), "tanh": 4 * math.exp(-80)}[word]
        assert tape.rounded(slope) == pytest.approx(exact, rel=1e-15)
        assert tape.size(slope) == pytest.approx(size, rel=1e-14)


def test_the_loser_moves_no_derivative():
    with tape.digits(50):
        words.follow(())
        x, y = tape.number(0.75), tape.number(1.5)
        best = words.larger(x * x, y * y)
        assert tape.plain_derivatives(best, [x, y]) == [0, 3] and best == 2.25


@pytest.mark.parametrize("name", FORMULAS)
def test_step_by_step_in_double_precision_is_within_the_size(name):
    """The theorem behind the bound: each operation is off by u |z|, library functions by twice that."""
    literal = programs.naive(name).make()["value"]
    vectors = [v for v in golden.load(name) if "/random-" in v["id"] and not v["kinks"]]
    for vector in vectors[:4]:
        given = {a: np.asarray(x).tolist() for a, x in vector["inputs"].items()}
        with tape.digits(361, wide=True):
            value, *_ = oracle.evaluate(oracle.ORACLES[name], given, (), oracle.real(given))
            sizes = [tape.size(f) for f in oracle.flat(value)]
        errors = np.abs(np.ravel(np.array(literal(**given), float)) - np.ravel(vector["value"]))
        assert np.all(errors <= 2.5 * 2.0**-53 * np.array(sizes))


def test_digits_end_where_they_were_asked_for():
    third = lambda: tape.plain(1 / tape.number(3))
    with tape.digits(200):
        before = third()
        with tape.digits(30):
            assert third() != before
        with pytest.raises(tape.EdgeOfDomain), tape.digits(30):
            tape.log(-1)
        with pytest.raises(tape.Beyond), tape.digits(30):
            tape.exp(1e300)
        assert third() == before


def test_digits_grow_with_the_range_of_the_inputs():
    table = lambda *numbers: {"energies": np.array(numbers), "label": 0}
    assert oracle.enough(table(0.0, 1.0)) == 361
    assert oracle.enough(table(1e-100, 1.0)) == oracle.enough(table(1.0, -1e100)) == 561


@pytest.mark.parametrize("name", ["nll", "siamese", "triplet_margin", "gaussian_mixture", "rings_curvature"])
def test_more_digits_give_the_same_doubles(name, monkeypatch):
    enough = oracle.enough
    monkeypatch.setattr(oracle, "enough", lambda inputs: enough(inputs) + 200)
    shipped = (golden.VECTORS / f"{name}.jsonl").read_text(encoding="utf-8")
    assert golden.dump(golden.make(name, FORMULAS[name])) == shipped


WITHOUT_GMPY2 = """
import sys
sys.modules["gmpy2"] = None
from ebm_ref import FORMULAS
from ebm_ref.proof import golden, oracle, tape
assert tape.gmpy2 is None
with tape.digits(50):
    assert tape.is_wide()
for name in ("nll", "triplet_margin"):
    for vector in golden.load(name)[-3:]:
        inputs = vector["inputs"]
        given = lambda: oracle.truth(oracle.ORACLES[name], inputs, list(vector["gradients"]))
        truth = oracle.computed(given, inputs)
        assert truth["value"] == vector["value"]
        for a, g in vector["gradients"].items():
            assert truth["gradients"][a].tolist() == g.tolist()
print("alike")
"""


def test_without_gmpy2_mpmath_gives_the_same_doubles():
    done = subprocess.run([sys.executable, "-c", WITHOUT_GMPY2], capture_output=True, text=True)
    assert done.stdout == "alike\n", done.stderr
