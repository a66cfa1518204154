r"""Checks: what an argument must be, said once, in the same words everywhere.

    real(argument, value, *axes)      the value as float64: a number, or an array with these axes
    whole(argument, value, *axes)     the value as an integer, or an array of them
    require(holds, ...)               the rule behind all others: require_index, require_positive, ...

Whatever NumPy would do in silence is refused or made right here.  int8 wraps around at 127, float32
rounds, complex numbers lose a part, True is taken for 1, and (1,) or (3, 1) is stretched to fit (3,).
So a number becomes a float64 first, and an array has exactly the axes that are asked for.

Every refusal is a ValueError that says `argument = value: rule`.

Source: elementary.
"""

import operator

import numpy as np
from autograd.extend import Box

FLOAT, INT = np.dtype(np.float64), np.dtype(np.int64)


def require(holds, argument, value, rule):
    """Raise a ValueError that names the argument, its value and the rule, unless the rule holds."""
    if not holds:
        raise ValueError(f"{argument} = {_shown(value)}: {rule}")


def _shown(value):
    """The value as text, at most a few lines of it."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, np.ndarray):
        return np.array2string(np.asarray(value), threshold=8)
    try:
        text = repr(value)
    except Exception:  # a whole number of more digits than Python prints, or what cannot be shown
        return f"<{type(value).__name__}>"
    return text if len(text) <= 400 else f"{text[:200]} ... {text[-40:]}"


def real(argument, value, *axes):
    """The value as float64 with exactly these axes; a number where there are none.

    An axis is a name, where any size will do, or a size.  What autograd follows stays as it is.

    >>> real("point", [1, 2], "n")
    array([1., 2.])
    >>> real("label", True)
    Traceback (most recent call last):
        ...
    ValueError: label = True: must be a real number
    """
    return with_axes(argument, as_real(argument, value), axes)


def whole(argument, value, *axes):
    """The value as an int, or as an array of int64 with exactly these axes; floats and bools are refused."""
    return with_axes(argument, as_whole(argument, value), axes)


def as_real(argument, value):
    """The value as float64, of any shape: a number is a np.float64, whose overflow is inf and no error."""
    if isinstance(value, Box):
        return value
    x = _as_array(argument, value)
    plural = "must hold real numbers" if x.ndim else "must be a real number"
    require(x.dtype.kind in "fiu", argument, value, plural)
    with np.errstate(over="ignore"):
        cast = x.astype(FLOAT, order="C", copy=False)  # laid out otherwise, exp would take another way
    if x.dtype.itemsize > 8:  # an extended float
        require(np.array_equal(np.isinf(cast), np.isinf(x)), argument, value, f"{plural} that float64 holds")
    return cast[()]


def as_whole(argument, value):
    """The value as an int or an array of int64, of any shape; an empty array may be of any kind."""
    require(not isinstance(value, Box), argument, value, "must be an integer")
    x = _as_array(argument, value)
    plural = "must hold integers" if x.ndim else "must be an integer"
    require(x.dtype.kind in "iu" or x.size == 0, argument, value, f"{plural}, not floats or bools")
    # only these: NumPy 2.0 crashes where a reversed array is compared with a number that its dtype has not
    large = x.dtype.kind == "u" and x.dtype.itemsize == 8
    require(not large or np.all(x < 2**63), argument, value, f"{plural} < 2^63")
    return x.astype(INT, copy=False) if x.ndim else int(x)


def _as_array(argument, value):
    """The value as NumPy sees it, where it loses nothing."""
    require(not np.ma.is_masked(value), argument, value, "must not have masked entries")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        try:
            return np.asarray(float(value))
        except OverflowError:
            require(False, argument, value, "must be a number that float64 holds")
    try:
        return np.asarray(value)
    except Exception as problem:  # ragged lists, tensors that want to stay where they are: in their own words
        raise ValueError(f"{argument} = {_shown(value)}: is no array: {problem}") from None


def with_axes(argument, x, axes):
    """x, or a ValueError if its axes are not these: NumPy would stretch (1,) to (n,) without a word."""
    shape = np.shape(x)
    if len(shape) != len(axes) or any(a != n for a, n in zip(axes, shape, strict=True) if type(a) is not str):
        named = f"({', '.join(map(str, axes))}{',' * (len(axes) == 1)})"
        rule = f"has shape {shape}, but must have {named}" if axes else "must be one number, not an array"
        require(False, argument, x, rule)
    return x


def require_index(argument, value, size):
    """Raise unless `value` is an integer in 0..size-1: NumPy would take -1 for the last, True for 1.

    >>> require_index("label", np.True_, 3)
    Traceback (most recent call last):
        ...
    ValueError: label = True: must be an integer in 0..2
    """
    rule = f"must be an integer in 0..{size - 1}"
    require(not isinstance(value, (bool, np.bool_)), argument, value, rule)
    try:
        index = operator.index(value)
    except TypeError:
        index = -1
    require(0 <= index < size, argument, value, rule)


def require_count(argument, value, least=1):
    """Raise unless `value` is an integer of at least `least`; 2.0 and True are none."""
    counts = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    require(counts and least <= value < 2**63, argument, value, f"must be an integer >= {least}")


def require_positive(argument, value):
    """Raise unless 0 < value < infinity, of one number (a NaN is not)."""
    require(np.ndim(value) == 0 and 0.0 < value < np.inf, argument, value, "must be positive and finite")


def require_one_of(argument, value, *allowed):
    """Raise unless `value` equals one of those allowed: a sign that is 1 or -1, a flag that is 0 or 1."""
    listed = ", ".join(map(str, allowed[:-1])) + f" or {allowed[-1]}"
    require(any(value == one for one in allowed), argument, value, f"must be {listed}")


def require_finite_sum(argument, value, sizes, beta=1.0):
    """Raise if energies of such sizes, added up, times beta and in differences, exceed what float64 holds.

    >>> require_finite_sum("unary", [1e308, 1e308], [1e308, 1e308])
    Traceback (most recent call last):
        ...
    ValueError: unary = [1e+308, 1e+308]: must not add up, times beta, to more than float64 holds
    """
    with np.errstate(over="ignore"):
        total = max(1.0, beta) * 4.0 * sum(sizes)
    require(total < np.inf, argument, value, "must not add up, times beta, to more than float64 holds")


def largest_finite(energies):
    """The largest |E| of a table but those that are infinite or NaN; 0 if there is no other.

    >>> float(largest_finite([1.0, -2.0, np.inf]))
    2.0
    """
    energies = np.abs(np.asarray(energies, float))
    return np.max(energies, where=energies < np.inf, initial=0.0)


def require_number(argument, value):
    """Raise if `value` is an array: a page takes one sample, and NumPy would broadcast (n,) with (n, 1)."""
    require(np.ndim(value) == 0, argument, value, "must be one number, not an array")


def require_shape(argument, value, shape):
    """Raise unless the array has this shape: NumPy would stretch (1,) to (n,) without a word."""
    found = np.shape(value)
    require(found == shape, argument, value, f"has shape {found}, but must have {shape}")


def shape_of(argument, value, *axes):
    """The shape of an array that has exactly these axes, a ValueError if it has more or fewer.

    >>> n, m = shape_of("weights", np.ones((3, 2)), "n", "m")
    """
    found = np.shape(value)
    named = ", ".join(axes)
    require(len(found) == len(axes), argument, value, f"has shape {found}, but must have the axes ({named})")
    return found
