r"""Maps of the result: the right number, and something done to it.

    c f               c a constant, a size, a parameter, one over it
    f + c             the same, and logarithms of them
    g(f)              one minus it, its logarithm, its exponential, ...
    f + b df/db       the mean energy, of a free energy

Constants that are none of these are fitted on one vector, and must hold on all others (fitting.py).
Gradients alone may go wrong as well: transposed, by another variable than the argument.

Source: the list is of what was found in implementations, and of what stands beside it.
"""

import itertools
import math
from dataclasses import replace
from functools import partial

import numpy as np

from ebm_ref.conformance.hypotheses import arguments
from ebm_ref.conformance.hypotheses.hypothesis import Hypothesis
from ebm_ref.numerics import softmax
from ebm_ref.proof import tape
from ebm_ref.proof.bounds import of
from ebm_ref.proof.oracle import flat

FACTORS = {  # name: c
    "sign lost": -1,
    "twice the truth": 2,
    "half the truth": 0.5,
    "four times the truth": 4,
    "a quarter of the truth": 0.25,
    "minus twice the truth": -2,
    "minus half the truth": -0.5,
    "logarithm to base 2": 1 / math.log(2.0),
    "logarithm to base 10": 1 / math.log(10.0),
    "times log 2": math.log(2.0),
}
ADDENDS = {  # what is added: c
    "1": 1.0,
    "1/2": 0.5,
    "log 2": math.log(2.0),
    "log 2 pi": math.log(2.0 * math.pi),
    "half of log 2 pi": math.log(2.0 * math.pi) / 2.0,
    "half of log pi": math.log(math.pi) / 2.0,
    "log pi": math.log(math.pi),
}
RESULTS = {  # name: what becomes of the value
    "1 - it": lambda f: 1 - f,
    "its inverse": lambda f: 1 / f,
    "its square root": tape.sqrt,
    "its square": lambda f: f * f,
    "its exponential": tape.exp,
    "exponential of minus it": lambda f: tape.exp(-f),
    "1 - exponential of minus it": lambda f: 1 - tape.exp(-f),
    "its logarithm": tape.log,
    "minus its logarithm": lambda f: -tape.log(f),
    "log(1 + it)": lambda f: tape.log(1 + f),
    "log(1 + exp(it))": lambda f: tape.log(1 + tape.exp(f)),
    "sigmoid of it": lambda f: 1 / (1 + tape.exp(-f)),
    "cut off at 0": lambda f: f if f > 0 else 0 * f,
    "cut off at 1": lambda f: f if f < 1 else 0 * f + 1,
    "its absolute value": abs,
}


def factors(formula, sample):
    """Pairs (name, c) with c a function of the inputs."""
    for name, c in FACTORS.items():
        yield name, lambda given, c=c: c
    for name, size in sizes(formula):
        yield f"times {name}", size
        yield f"divided by {name}", lambda given, size=size: tape.Number(1.0) / (size(given) or 1)
    for name, x in parameters(formula, sample):
        yield f"times {name}", x
        yield f"divided by {name}", lambda given, x=x: 1 / x(given)
        yield f"times the square of {name}", lambda given, x=x: x(given) * x(given)
        yield f"divided by the square of {name}", lambda given, x=x: 1 / (x(given) * x(given))


def sizes(formula):
    """Pairs (name, size): of axes, one less, of two together, and of whole arguments."""
    axes = dict(arguments.sizes(formula))
    for axis, size in axes.items():
        yield f"the size of axis {axis}", size
        yield f"the size of axis {axis}, less one", lambda given, size=size: size(given) - 1
    for (a, one), (b, other) in itertools.combinations(axes.items(), 2):
        yield f"the sizes of axes {a} and {b}, added up", lambda given, m=one, n=other: m(given) + n(given)
    for a, names in formula.shapes.items():
        if len(names) > 1:
            yield f"the number of entries of {a}", lambda given, a=a: len(flat(given[a]))


def parameters(formula, sample):
    """Pairs (name, number): real numbers among the arguments, and sums of arrays."""
    for a, axes in formula.shapes.items():
        if not axes and np.asarray(sample[a]).dtype.kind == "f":
            yield a, lambda given, a=a: given[a]
        elif axes:
            yield f"the sum of {a}", lambda given, a=a: sum(flat(given[a]))


def addends(formula, sample):
    """Pairs (name, c): what is added to or subtracted from the value."""
    some = [(name, lambda given, c=c: c) for name, c in ADDENDS.items()]
    some += [(f"log of {name}", lambda given, x=x: _log(x(given))) for name, x in sizes(formula)]
    some += [
        (f"{name} times half of log 2 pi", lambda given, x=x: x(given) * ADDENDS["half of log 2 pi"])
        for name, x in sizes(formula)
    ]
    some += parameters(formula, sample)
    some += [(f"log of {name}", lambda given, x=x: _log(x(given))) for name, x in parameters(formula, sample)]
    for name, c in some:
        yield f"{name} added", c
        yield f"{name} missing", lambda given, c=c: -c(given)


def _log(x):
    return tape.log(x if isinstance(x, tape.Number) else tape.number(float(x)))


def scalings(formula, sample):
    """Pairs (name, change): a change maps the value and the inputs to another value."""
    for name, c in factors(formula, sample):
        yield name, lambda f, given, c=c: f * c(given)


def other_changes(formula, sample):
    """The same for what is no factor, so that the value must be wrong."""
    for name, c in addends(formula, sample):
        yield name, lambda f, given, c=c: f + c(given)
    for name, g in RESULTS.items():
        yield name, lambda f, given, g=g: g(f)


def on_result(function, change):
    """The function, and the change of what it gives."""
    return lambda **given: _each(partial(_swapped, change, given), function(**given))


def _swapped(change, given, f):
    return change(f, given)


def _each(function, value):
    return [_each(function, v) for v in value] if isinstance(value, list) else function(value)


def on_square(g, change):
    """What becomes of square matrices and their transposes; None where there are none."""
    is_square = g.ndim > 1 and g.shape[-1] == g.shape[-2]
    return change(g, np.swapaxes(g, -1, -2)) if is_square else None


# name: what becomes of a gradient g by x, where the value is f
GRADIENTS = {
    "gradient transposed": lambda g, x, f: on_square(g, lambda g, t: t) if g.ndim != 2 else g.T,
    "gradient of a symmetric argument: g + g' off the diagonal": lambda g, x, f: on_square(
        g, lambda g, t: g + t - g * np.eye(len(g.T))
    ),
    "gradient plus its transpose": lambda g, x, f: on_square(g, lambda g, t: g + t),
    "gradient symmetrised": lambda g, x, f: on_square(g, lambda g, t: (g + t) / 2.0),
    "upper triangle of the gradient alone": lambda g, x, f: on_square(g, lambda g, t: np.triu(g)),
    "lower triangle of the gradient alone": lambda g, x, f: on_square(g, lambda g, t: np.tril(g)),
    "upper triangle of the gradient, with both halves added": lambda g, x, f: on_square(
        g, lambda g, t: np.triu(g + t, 1)
    ),
    "diagonal of the gradient left out": lambda g, x, f: on_square(
        g, lambda g, t: g * (1.0 - np.eye(len(g.T)))
    ),
    "gradient missing: 0": lambda g, x, f: 0.0 * g,
    "gradient by logits instead of by log-probabilities": lambda g, x, f: (
        g - softmax(x) * np.sum(g) if g.ndim == 1 and np.ndim(f) == 0 else None
    ),
    "gradient without its mean": lambda g, x, f: g - np.mean(g) if g.ndim else None,
    "gradient reversed": lambda g, x, f: np.flip(g) if g.ndim else None,
    "absolute value of the gradient": lambda g, x, f: np.abs(g),
    "sign of the gradient alone": lambda g, x, f: np.sign(g),
    "gradient divided by the value": lambda g, x, f: g / f if np.ndim(f) == 0 else None,
    "gradient times the value": lambda g, x, f: g * f if np.ndim(f) == 0 else None,
    "gradient by the logarithm of the argument": lambda g, x, f: g * x,
    "gradient by the exponential of the argument": lambda g, x, f: g * np.exp(-x),
    "gradient by the argument whose logarithm it is": lambda g, x, f: g / x,
    "gradient by the square of the argument": lambda g, x, f: g / (2.0 * x),
    "gradient by the root of the argument": lambda g, x, f: g * 2.0 * np.sqrt(x),
    "gradient by one over the argument": lambda g, x, f: -g * x * x,
    "gradient by the logit of the argument": lambda g, x, f: g * x * (1.0 - x),
    "gradient by the argument's sigmoid": lambda g, x, f: g * (2.0 + np.exp(x) + np.exp(-x)),
}


# name: what becomes of the value f by its derivative g by a number a
DERIVATIVES = {
    "derivative by {} in place of the value": lambda f, g, a: g,
    "mean energy in place of the free energy: f + {0} df/d{0}": lambda f, g, a: f + a * g,
    "entropy in place of the free energy: {0}^2 df/d{0}": lambda f, g, a: a * a * g,
}


def derivatives(formula, sample):
    """Pairs (name, change of the function) of the value and its derivative by a number."""
    for a, axes in formula.shapes.items():
        if not axes and np.asarray(sample[a]).dtype.kind == "f" and not formula.output:
            for name, change in DERIVATIVES.items():
                yield name.format(a), partial(_with_derivative, a, change)


def _with_derivative(a, change, make, **given):
    """What becomes of the value; it has no slope of its own, and floats have none."""
    if not isinstance(given[a], tape.Number):
        raise TypeError(f"{a} is not on the tape")
    f = make(**given)
    (g,) = tape.plain_derivatives(f, [given[a]])
    return change(tape.plain(f), g, tape.plain(given[a]))


def of_value(hypothesis):
    """The same of the value, where nothing is said of gradients."""
    said = lambda vector, output, dtype: (
        hypothesis.answer(vector, output, dtype) if output == "value" else None
    )
    return replace(hypothesis, answer=said)


def gradient_maps(formula):
    """Hypotheses of gradients alone: something done to the true one, or that of another argument."""
    for name, change in GRADIENTS.items():
        yield Hypothesis(name, "slip", partial(_on_gradient, change), rank=1)
    for a in formula.gradients:
        yield Hypothesis(f"gradient by {a} in its place", "slip", partial(_of_another, a), rank=1)


def _on_gradient(change, vector, output, dtype):
    if output == "value":
        return None
    with np.errstate(all="ignore"):
        x = np.asarray(vector["inputs"][output], float)
        return change(np.asarray(of(vector, output), float), x, vector["value"])


def _of_another(argument, vector, output, dtype):
    other = output not in ("value", argument)
    return np.asarray(vector["gradients"][argument], float) if other else None
