r"""Maps of an argument: the right formula of inputs that were read as something else.

    f(g(x), y)        one argument negated, inverted, squared, ignored, softmaxed, transposed, ...
    f(y, x)           two of like shape exchanged, or one in place of the other, or made of both

Each map is a function of numbers on the tape, or of arrays of them.

Source: the list is of what was found in implementations, and of what stands beside it.
"""

import inspect
import itertools
from functools import partial

import numpy as np

from ebm_ref.proof import tape


def sigmoid(x):
    return 1 / (1 + tape.exp(-x))


# name: what becomes of a number
ANY_NUMBER = {
    "{} negated": lambda x: -x,
    "1 - {} in place of {}": lambda x: 1 - x,
    "2 {} - 1 in place of {}": lambda x: 2 * x - 1,
    "({} + 1)/2 in place of {}": lambda x: (x + 1) / 2,
    "absolute value of {}": abs,
    "{} ignored: 0 throughout": lambda x: 0 * x,
    "{} ignored: 1 throughout": lambda x: 0 * x + 1,
}
REAL_NUMBER = {
    "1/{} in place of {}": lambda x: 1 / x,
    "{} squared": lambda x: x * x,
    "square root of {}": tape.sqrt,
    "logarithm of {}": tape.log,
    "twice the logarithm of {}": lambda x: 2 * tape.log(x),
    "exp({}) in place of {}": tape.exp,
    "exp(-{}) in place of {}": lambda x: tape.exp(-x),
    "exp({}/2) in place of {}": lambda x: tape.exp(x / 2),
    "sigmoid of {}": sigmoid,
    "tanh of {}": lambda x: 2 * sigmoid(2 * x) - 1,
    "log-sigmoid of {}": lambda x: tape.log(sigmoid(x)),
    "{} doubled": lambda x: 2 * x,
    "{} halved": lambda x: x / 2,
    "1/{} squared in place of {}": lambda x: 1 / (x * x),
    "1/root of {} in place of {}": lambda x: 1 / tape.sqrt(x),
    "{} in degrees, taken for radians": lambda x: x * 180 / tape.pi(),
    "{} in radians, taken for degrees": lambda x: x * tape.pi() / 180,
    "{} cut off at 0": lambda x: x if x > 0 else 0 * x,
}
WHOLE_NUMBER = {
    "{} one too low": lambda x: x - 1,
    "{} one too high": lambda x: x + 1,
    "({} + 1)/2 in place of {}": lambda x: (x + 1) // 2,
}


USUAL = 0.01, 0.05, 0.07, 0.1, 0.2, 0.25, 0.5, 2.0, 10.0  # what else parameters are fixed to


def each(function):
    """A function of numbers for arrays of them."""
    return lambda x: np.frompyfunc(function, 1, 1)(x)


def softmax(x, i):
    w = each(tape.exp)(x)
    return w / w.sum(i, keepdims=True)


# name: what becomes of an array along its axis i
ALONG = {
    "softmax over {axis} of {}": softmax,
    "log-softmax over {axis} of {}": lambda x, i: each(tape.log)(softmax(x, i)),
    "{} divided by its norm over {axis}": lambda x, i: x / each(tape.sqrt)((x * x).sum(i, keepdims=True)),
    "{} divided by its sum over {axis}": lambda x, i: x / x.sum(i, keepdims=True),
    "mean over {axis} subtracted from {}": lambda x, i: x - x.sum(i, keepdims=True) / x.shape[i],
    "sums so far along {axis} in place of {}": lambda x, i: np.cumsum(x, axis=i),
}
ALONG_ANY = {
    "{} reversed along {axis}": np.flip,
    "{} shifted back by one along {axis}": lambda x, i: np.roll(x, -1, i),
    "{} shifted on by one along {axis}": lambda x, i: np.roll(x, 1, i),
    "{} shifted on by one along {axis}, the first twice": lambda x, i: np.take(
        x, [0, *range(x.shape[i] - 1)], i
    ),
}


def halves(part):
    """One triangle of a matrix stands for both."""
    return lambda x: part(x) + np.swapaxes(part(x), -1, -2) - x * np.eye(x.shape[-1], dtype=int)


# name: what becomes of a matrix whose last two axes are alike
SQUARE = {
    "{} transposed": lambda x: np.swapaxes(x, -1, -2),
    "upper triangle of {} alone": np.triu,
    "lower triangle of {} alone": np.tril,
    "strict upper triangle of {} alone": partial(np.triu, k=1),
    "strict lower triangle of {} alone": partial(np.tril, k=-1),
    "upper triangle of {} for both": halves(np.triu),
    "lower triangle of {} for both": halves(np.tril),
    "strict upper triangle of {} for both": lambda x: np.triu(x, 1) + np.swapaxes(np.triu(x, 1), -1, -2),
    "strict lower triangle of {} for both": lambda x: np.tril(x, -1) + np.swapaxes(np.tril(x, -1), -1, -2),
    "{} plus its transpose": lambda x: x + np.swapaxes(x, -1, -2),
    "{} symmetrised": lambda x: (x + np.swapaxes(x, -1, -2)) / 2,
    "diagonal of {} left out": lambda x: x * (1 - np.eye(x.shape[-1], dtype=int)),
    "diagonal of {} alone": lambda x: x * np.eye(x.shape[-1], dtype=int),
    "inverse of {}": lambda x: inverse(x),
}


def inverse(x):
    """The inverse matrix, or those of a stack, by Gauss and Jordan."""
    if x.ndim > 2:
        return np.array([inverse(matrix) for matrix in x], object)
    n = len(x)
    a = np.concatenate([x, np.eye(n, dtype=int).astype(object)], axis=1)
    for i in range(n):
        a[i] = a[i] / a[i, i]
        for j in range(n):
            a[j] = a[j] - a[i] * a[j, i] if j != i else a[j]
    return a[:, n:]


def maps(formula, argument, sample):
    """Pairs (name, map) for one argument, of what it is in a sample."""
    axes, x = formula.shapes[argument], np.asarray(sample[argument])
    numbers = ANY_NUMBER | (REAL_NUMBER if x.dtype.kind == "f" else WHOLE_NUMBER)
    for name, number in numbers.items():
        yield name, each(number) if axes else number
    default = inspect.signature(formula.value).parameters[argument].default
    if isinstance(default, int | float) and default not in (0, 1) and not axes:
        yield f"{{}} ignored: {default:g} throughout, its default", lambda x: 0 * x + default
    if x.dtype.kind == "f" and not axes:
        for c in USUAL:  # a default is said to be one
            if c == default:
                continue
            yield f"{{}} ignored: {c:g} throughout", lambda x, c=c: 0 * x + c
    along = ALONG_ANY | (ALONG if x.dtype.kind == "f" else {})
    for (i, axis), (name, along_axis) in itertools.product(enumerate(axes), along.items()):
        yield name.replace("{axis}", axis), partial(lambda f, i, x: f(x, i), along_axis, i)
    if len(axes) >= 2:
        yield from SQUARE.items() if axes[-1] == axes[-2] else ()
        yield "{} turned by 180 degrees", lambda x: x[..., ::-1, ::-1]


def changes(formula, sample):
    """Pairs (name, change): a change maps the inputs by name to other inputs by name."""
    for argument in formula.shapes:
        for name, change in maps(formula, argument, sample):
            yield name.replace("{}", argument), partial(_changed, argument, change)
        yield from last_indices(formula, argument, sample)
        yield from by_sizes(formula, argument, sample)
    yield from cuts(formula)
    yield from together(formula, sample)
    for a, b in itertools.permutations(formula.shapes, 2):
        if len(formula.shapes[a]) == len(formula.shapes[b]):
            if a < b:
                yield f"{a} and {b} exchanged", lambda given, a=a, b=b: {a: given[b], b: given[a]}
            yield f"{b} in place of {a}", lambda given, a=a, b=b: {a: given[b]}
    numbers = [
        a for a, axes in formula.shapes.items() if not axes and np.asarray(sample[a]).dtype.kind == "f"
    ]
    for a, b in itertools.combinations(numbers, 2):
        yield f"{a} and {b} inverted", lambda given, a=a, b=b: {a: 1 / given[a], b: 1 / given[b]}
        yield f"{a} and {b} negated", lambda given, a=a, b=b: {a: -given[a], b: -given[b]}


# name: what becomes of one number with another
OF_TWO = {
    "{a} times {b} in place of {a}": lambda x, y: x * y,
    "{a} divided by {b} in place of {a}": lambda x, y: x / y,
    "{a} + {b} in place of {a}": lambda x, y: x + y,
    "{a} - {b} in place of {a}": lambda x, y: x - y,
    "{a} times exp({b}) in place of {a}": lambda x, y: x * tape.exp(y),
    "{a} divided by exp({b}) in place of {a}": lambda x, y: x / tape.exp(y),
}


def together(formula, sample):
    """Pairs (name, change): a real argument with another one; of two lists, as much as the shorter has."""
    for a, b in itertools.permutations(formula.shapes, 2):
        mine, other = formula.shapes[a], formula.shapes[b]
        if np.asarray(sample[a]).dtype.kind == "f" and not other:
            for name, make in OF_TWO.items():
                yield name.format(a=a, b=b), partial(_with, a, b, make)
        if a < b and len(mine) == len(other) == 1 and mine != other:
            yield f"{a} and {b} cut to the shorter of them", partial(_cut_to_the_shorter, a, b)


def _with(a, b, make, given):
    x, y = np.array(given[a], object), given[b]
    return {a: np.vectorize(lambda x: make(x, y), otypes=[object])(x).tolist()}


def _cut_to_the_shorter(a, b, given):
    n = min(len(given[a]), len(given[b]))
    return {a: given[a][:n], b: given[b][:n]}


def by_sizes(formula, argument, sample):
    """Pairs (name, change): one real argument times the size of an axis, or divided by it or by its root."""
    if np.asarray(sample[argument]).dtype.kind != "f":
        return
    for axis, size in sizes(formula):
        for what, c in (
            ("times the size", lambda n: n),
            ("divided by the size", lambda n: 1 / tape.number(float(n))),
            ("divided by the root of the size", lambda n: 1 / tape.sqrt(tape.number(float(n)))),
        ):
            scaled = lambda given, size=size, c=c: _times(given[argument], c(size(given)))
            yield f"{argument} {what} of axis {axis}", lambda given, scaled=scaled: {argument: scaled(given)}


def _times(x, c):
    return (np.array(x, object) * c).tolist() if isinstance(x, list) else x * c


def sizes(formula):
    """Pairs (axis, its size as a function of the inputs)."""
    found = {}
    for a, axes in formula.shapes.items():
        for i, axis in enumerate(axes):
            found.setdefault(axis, lambda given, a=a, i=i: np.shape(np.array(given[a], object))[i])
    return found.items()


def last_indices(formula, argument, sample):
    """Pairs (name, change) where an index is ignored, and the last one of an axis stands for it."""
    if formula.shapes[argument] or np.asarray(sample[argument]).dtype.kind not in "iu":
        return
    for axis, size in sizes(formula):
        last = lambda given, size=size: {argument: size(given) - 1}
        yield f"{argument} ignored: the last of axis {axis} throughout", last


def _changed(argument, change, given):
    x = given[argument]
    x = change(np.array(x, object)).tolist() if isinstance(x, list) else change(x)
    return {argument: x}


def cuts(formula):
    """The first or the last entry along an axis left out, of all arguments that have the axis."""
    for axis in dict.fromkeys(axis for axes in formula.shapes.values() for axis in axes):
        for which, place in (("first", 0), ("last", -1)):
            yield f"{which} entry of axis {axis} left out", partial(_cut, formula, axis, place)


def _cut(formula, axis, place, given):
    return {
        a: np.delete(np.array(given[a], object), place, axes.index(axis)).tolist()
        for a, axes in formula.shapes.items()
        if axis in axes
    }


def on_changed(function, change):
    """The function of changed inputs."""
    return lambda **given: function(**given | change(given))
