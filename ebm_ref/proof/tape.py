r"""The tape: numbers of many digits that remember how they were computed, and so give derivatives.

    z = g(a, b)        is noted as    z: (a, dg/da), (b, dg/db)
    df/df = 1,         df/da = sum over the z that a went into of df/dz dz/da

An expression of `Number`s leaves behind the graph of its intermediate results.  Walked backwards once,
from the result to the inputs, it gives the derivatives with respect to all inputs, whatever their
number: reverse mode.  The slopes dg/da are Numbers themselves.  So are the derivatives, then, and a
second walk from one of them gives its derivatives, a row of the Hessian.

Nothing is differenced, so no digits are lost beyond those that the expression itself loses.  The digits
are GMP's and MPFR's (gmpy2), whose exponents end at 2^(4.6e18).  Where e^(1e300) is asked for, it says
`Beyond`, and the same expression runs again on mpmath's numbers, whose exponents have no end.  Where
gmpy2 is not installed, mpmath computes everything: the same numbers, some ten times more slowly.

Source: Griewank and Walther (2008), "Evaluating Derivatives", 2nd ed., Chapters 3 and 5; arithmetic by
MPFR (gmpy2) and mpmath.
"""

import contextlib
import itertools
import math
import operator

from mpmath import mp

try:
    import gmpy2
except ImportError:
    gmpy2 = None


class EdgeOfDomain(ValueError):
    """The expression ends here: on one side of the point it has no real, finite value."""


class Beyond(ArithmeticError):
    """MPFR has no such number or function: mpmath must compute it."""


class _Fast:
    """MPFR, where it is installed: its functions have the names of mpmath's."""

    if gmpy2:
        number, exp, log, sqrt, sin, cos = gmpy2.mpfr, gmpy2.exp, gmpy2.log, gmpy2.sqrt, gmpy2.sin, gmpy2.cos
        tanh = gmpy2.tanh
        pi = staticmethod(gmpy2.const_pi)

    def power(x, q):
        return gmpy2.mpfr(x) ** q

    def missing(*_):
        raise Beyond("a special function")

    besseli = polygamma = loggamma = missing


class _Wide:
    """mpmath: slower, without an end to its exponents, with every special function."""

    number, exp, log, sqrt, sin, cos = mp.mpf, mp.exp, mp.log, mp.sqrt, mp.sin, mp.cos
    tanh = mp.tanh
    power, besseli, polygamma, loggamma = mp.power, mp.besseli, mp.polygamma, mp.loggamma

    def pi():
        return +mp.pi


class _Floats:
    """Python's floats: some 16 digits, fast, and an exception where they end."""

    number, exp, log, sqrt, sin, cos, tanh = (
        float,
        math.exp,
        math.log,
        math.sqrt,
        math.sin,
        math.cos,
        math.tanh,
    )
    power, loggamma = math.pow, math.lgamma
    besseli = polygamma = _Fast.missing

    def pi():
        return math.pi


_arithmetic = _Wide
_ENDS = {"emax": gmpy2.get_emax_max(), "emin": gmpy2.get_emin_min()} if gmpy2 else {}
_TRAPS = {f"trap_{what}": True for what in ("overflow", "underflow", "divzero", "invalid")}
SIZE_DIGITS = 60  # of a size, of which three are kept


@contextlib.contextmanager
def digits(count, wide=False):
    """Compute with so many decimal digits: `wide` by mpmath, else by MPFR, which may raise Beyond."""
    global _arithmetic
    before, _arithmetic = _arithmetic, _Fast if gmpy2 and not wide else _Wide
    try:
        with mp.workdps(count), _mpfr(mp.prec) if gmpy2 else contextlib.nullcontext():
            yield
    finally:
        _arithmetic = before


@contextlib.contextmanager
def _mpfr(precision):
    """MPFR's context: all exponents that it has, and an exception where it has no such number."""
    before = gmpy2.get_context()
    gmpy2.set_context(gmpy2.context(precision=precision, **_ENDS, **_TRAPS))
    try:
        yield
    except (gmpy2.OverflowResultError, gmpy2.UnderflowResultError, gmpy2.InvalidOperationError) as e:
        raise Beyond(str(e)) from e
    finally:  # not `with`, after which gmpy2 2.1 goes on with the digits inside
        gmpy2.set_context(before)


@contextlib.contextmanager
def floats():
    """Compute with Python's floats, which may come as they are, without a tape: estimates, and quickly."""
    global _arithmetic
    before, _arithmetic = _arithmetic, _Floats
    try:
        yield
    finally:
        _arithmetic = before


_remembered = None


@contextlib.contextmanager
def keeping(values):
    """`still` notes in `values` what it gives; or gives what is noted there, where there is any."""
    global _remembered
    before, _remembered = _remembered, iter(values) if values else values
    try:
        yield
    finally:
        _remembered = before


_age = itertools.count()


def made():
    """How many Numbers were made so far: what a computation costs, on every machine the same."""
    return next(_age)


class Number:
    """A value, and pairs of each Number that it came from and the slope by it.  Compares like its value.

    A slope is a Number, a plain number or a function that will give one when it is needed.
    """

    __slots__ = ("age", "beside", "came_from", "value")

    def __init__(self, value, *came_from, beside=None):
        self.value, self.came_from, self.beside, self.age = value, list(came_from), beside, next(_age)

    def slopes(self):
        """Pairs of a parent and its slope, computed when first asked for: a tuple, then."""
        if type(self.came_from) is list:
            self.came_from = tuple((parent, s() if callable(s) else s) for parent, s in self.came_from)
        return self.came_from

    def __add__(self, b):
        if isinstance(b, Number):
            return Number(self.value + b.value, (self, 1), (b, 1))
        return self if b == 0 else Number(self.value + b, (self, 1))

    def __sub__(self, b):
        if isinstance(b, Number):
            return Number(self.value - b.value, (self, 1), (b, -1))
        return self if b == 0 else Number(self.value - b, (self, 1))

    def __rsub__(self, b):
        return Number(b - self.value, (self, -1))

    def __mul__(self, b):
        if isinstance(b, Number):
            return Number(self.value * b.value, (self, b), (b, self))
        return self if type(b) is int and b == 1 else Number(self.value * b, (self, b))

    def __truediv__(self, b):
        if isinstance(b, Number):
            ratio = Number(self.value / b.value, (self, lambda: 1 / b), (b, lambda: -ratio / b))
            return ratio
        return Number(self.value / b, (self, _arithmetic.number(1) / b))

    def __rtruediv__(self, b):
        ratio = Number(b / self.value, (self, lambda: -ratio / self))
        return ratio

    def __neg__(self):
        return Number(-self.value, (self, -1))

    def __pow__(self, q):
        return power(self, q)

    def __abs__(self):
        return self if self.value >= 0 else -self

    def __bool__(self):
        return bool(self.value != 0)

    def __lt__(self, b):
        return self.value < plain(b)

    def __le__(self, b):
        return self.value <= plain(b)

    def __gt__(self, b):
        return self.value > plain(b)

    def __ge__(self, b):
        return self.value >= plain(b)

    def __eq__(self, b):
        return self.value == plain(b)

    __radd__, __rmul__, __hash__ = __add__, __mul__, object.__hash__


def is_wide():
    """Whether mpmath computes, not MPFR."""
    return _arithmetic is _Wide


def plain(x):
    """The value of a Number; anything else as it is."""
    return x.value if isinstance(x, Number) else x


def still(x):
    """The value of a Number, which does not move with it.

    In floats, where derivatives are differences of several runs, it is in each what it was in the first.
    """
    if _remembered is None:
        return plain(x)
    if not isinstance(_remembered, list):
        return next(_remembered)
    _remembered.append(plain(x))
    return _remembered[-1]


def rounded(x):
    """The nearest double; what is too small for one is 0.0, whatever its sign.

    The last 40 digits are rounded away before.  A tie of two doubles that they missed is a tie again, so
    that every machine and every number of digits gives the same double.
    """
    with digits(mp.dps - 40, wide=is_wide()):
        x = plain(x) * _arithmetic.number(1)
    if isinstance(x, mp.mpf) and abs(x) < 2.0**-1022:  # mpmath would round to 53 bits first
        return math.ldexp(int(mp.nint(mp.ldexp(x, 1074))), -1074)
    return float(x) or 0.0


def number(x):
    """A number or nested lists of them as the start of an expression."""
    return [number(e) for e in x] if isinstance(x, list) else Number(_arithmetic.number(x))


def pi():
    return _arithmetic.pi()


def _function(name, slope, is_defined=lambda v: True):
    """A function of one argument from the function of that name and its slope, given argument and result."""
    argument = lambda x: _arithmetic.number(plain(x))

    def function(x):
        v = argument(x)
        if not is_defined(v):
            raise EdgeOfDomain(f"{name} of {v}")
        result = getattr(_arithmetic, name)(v)
        if not isinstance(x, Number):
            return result
        node = Number(result)
        node.came_from.append((x, lambda: slope(x, node)))
        return node

    return function


exp = _function("exp", lambda x, y: y)
log = _function("log", lambda x, y: 1 / x, lambda v: v > 0)
sqrt = _function("sqrt", lambda x, y: 1 / (2 * y), lambda v: v >= 0)
sin = _function("sin", lambda x, y: cos(x))
cos = _function("cos", lambda x, y: -sin(x))
tanh = _function("tanh", lambda x, y: 1 - y * y)
loggamma = _function("loggamma", lambda x, y: polygamma(0, x), lambda v: v > 0)


def sigmoid(x):
    """1/(1 + e^-x), whose slope is y (1 - y)."""
    y = 1 / (1 + exp(-plain(x)))
    if not isinstance(x, Number):
        return y
    node = Number(y)
    node.came_from.append((x, lambda: node * (1 - node)))
    return node


def chosen(one, other):
    """The one of two numbers; the other had to be computed to choose, and counts in a size."""
    if not isinstance(other, Number):
        return one
    came_from = [(one, 1)] if isinstance(one, Number) else []
    return Number(_arithmetic.number(plain(one)), *came_from, beside=other)


def polygamma(n, x):
    """The n-th derivative of the digamma function."""
    return Number(_arithmetic.polygamma(n, plain(x)), (x, lambda: polygamma(n + 1, x)))


def besseli(n, x):
    """The modified Bessel function I_n, whose slope is (I_{n-1} + I_{n+1})/2."""
    value = _arithmetic.besseli(n, plain(x))
    slope = lambda: (besseli(abs(n - 1), x) + besseli(n + 1, x)) / 2
    return Number(value, (x, slope)) if isinstance(x, Number) else value


def power(x, q):
    """x^q; at x = 0 the slope by q is 0, like x^q log x for q > 0."""
    base, exponent = plain(x), plain(q)
    came_from = []
    if isinstance(x, Number):
        is_flat = exponent == 0 and (base == 0 or not isinstance(q, Number))
        came_from.append((x, 0 if is_flat else lambda: q * power(x, q - 1)))
    if isinstance(q, Number):
        came_from.append((q, lambda: result * log(x) if base != 0 else 0))
    result = _arithmetic.power(base, exponent)
    result = Number(result, *came_from) if came_from else result
    return result


def derivatives(result, inputs):
    """The derivatives of a result by each of the inputs, as Numbers that can be differentiated again."""
    return _walk(result, inputs, as_plain=False)


def plain_derivatives(result, inputs, join=operator.add):
    """The same as plain numbers, where nothing more is to be differentiated: faster.

    Another `join` makes of what two uses of an input bring, the later one first, something else than a sum.
    """
    return _walk(result, inputs, as_plain=True, join=join)


def _walk(result, inputs, as_plain, join=operator.add):
    if not isinstance(result, Number):
        return [0 for _ in inputs]
    by, leaves = {result.age: 1}, {x.age for x in inputs}
    for node in _latest_first(result):
        downhill = by.get(node.age)
        if downhill is None:  # a loser, and what it alone came from
            continue
        for parent, slope in node.slopes():
            step = downhill * (slope.value if as_plain and type(slope) is Number else slope)
            before = by.get(parent.age)
            if before is not None:
                step = join(before, step) if parent.age in leaves else before + step
            by[parent.age] = step
    return [by.get(x.age, 0) for x in inputs]


def size(result):
    """S = sum over all z that a result was computed from, itself included, of |z| A(z): a float.

    A is the sum over all ways from z to the result of the absolute product of slopes: how far the result
    moves, at most, when z alone is off by 1.  So u S bounds, to first order, what rounding every z does.
    """
    if not isinstance(result, Number):
        return float(abs(result))
    nodes = _latest_first(result)
    each = [node.slopes() for node in nodes]  # with all digits, for others need them
    with digits(SIZE_DIGITS, wide=is_wide()):
        total, A = 0, {result.age: 1}
        for node, slopes in zip(nodes, each, strict=True):
            a = A[node.age]
            total += a * abs(node.value)
            for parent, slope in slopes:
                step = a * abs(slope.value) if type(slope) is Number else a * abs(slope)
                before = A.get(parent.age)
                A[parent.age] = step if before is None else before + step
            if node.beside is not None:
                A[node.beside.age] = A.get(node.beside.age, 0) + a
        return float(total)


def _latest_first(result):
    """Everything that a result was computed from, losers too, each number before those that it came from."""
    found, waiting = {result.age: result}, [result]
    while waiting:
        node = waiting.pop()
        for parent, _ in node.came_from:
            if parent.age not in found:
                found[parent.age] = parent
                waiting.append(parent)
        if node.beside is not None and node.beside.age not in found:
            found[node.beside.age] = node.beside
            waiting.append(node.beside)
    return [found[age] for age in sorted(found, reverse=True)]
