r"""The records: what a page states, so that everything else can be a loop over what pages state.

    Formula   a function of ONE sample, its explicit gradients, and how it can be put to the test
    Case      an evaluation worked by hand
    Variant   what others compute under the same name: a convention, or a mistake

One string, the gufunc signature, says four things at once.  "(k),(),()->()" documents the shapes,
lifts the function of one sample to any stack of samples, gives the gradient's shape (output axes
first, then the argument's) and lays out the data of a compiled twin.

    formula.value(energies, 0, 1.0)            one sample, positionally
    formula(stack_of_energies, labels)         any stack of samples; defaults and keywords work
    formula.gradient("energies", stack, labels)

Source: the generalised ufunc signature is NumPy's, NEP 5.
"""

import inspect
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Case:
    """An evaluation worked by hand; `gradients` where a convention is at stake (corner, tie)."""

    name: str
    inputs: Mapping
    value: object
    gradients: Mapping = field(default_factory=dict)
    exposes: str = ""  # name of the Variant that this case catches


@dataclass(frozen=True, eq=False)
class Variant:
    """What others compute under the same name."""

    name: str  # "minimum taken over y too"
    kind: str  # "convention" if the project's own documentation states it, else "mistake"
    value: Callable = None
    gradients: Mapping = field(default_factory=dict)
    seen_in: str = ""  # where it happened: project and thread
    symptom: str = ""  # what a user sees


@dataclass(frozen=True, eq=False)
class Formula:
    """A formula of one sample, with everything that lets a stranger check it.

    Called, it takes any stack of samples: leading axes broadcast, as in a NumPy gufunc.

    >>> one = Case("one", {"x": 1.0}, 3.0)
    >>> double = Formula(lambda x, y=1.0: 2.0 * x + y, "(),()->()", "arithmetic", None, (one,))
    >>> double([1.0, 2.0]), double([], y=3.0).shape
    (array([3., 5.]), (0,))
    """

    value: Callable  # one sample -> result; positional in signature order
    signature: str  # gufunc core shapes
    source: str  # "key, place": the bibliography is in the README
    sample: Callable  # rng -> inputs in general position (no kink, no tie)
    cases: tuple
    gradients: Mapping = field(default_factory=dict)  # argument name -> explicit derivative
    laws: tuple = ()
    variants: tuple = ()

    @cached_property
    def shapes(self):
        """Core axes of each argument in order, e.g. {"energies": ("k",), "label": ()}."""
        left = self.signature.partition("->")[0]
        return dict(zip(inspect.signature(self.value).parameters, _axes(left), strict=True))

    @cached_property
    def output(self):
        """Core axes of the result."""
        return _axes(self.signature.partition("->")[2])[0]

    def __repr__(self):
        return f"<formula {self.value.__name__}{inspect.signature(self.value)}, shapes {self.signature}>"

    def bind(self, *args, **kwargs):
        """The inputs by name, defaults filled in."""
        bound = inspect.signature(self.value).bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def __call__(self, *args, **kwargs):
        """The value of every sample of a stack; an empty stack gives an empty result."""
        kind = np.asarray(self.cases[0].value).dtype
        return self._lift(self.value, self.output, kind, args, kwargs)

    def gradient(self, argument, *args, **kwargs):
        """The derivative with respect to `argument` for every sample of a stack: output axes first."""
        known = ", ".join(self.gradients) or "none"
        require(argument in self.gradients, "argument", argument, f"must have a gradient; known: {known}")
        axes = self.output + self.shapes[argument]
        return self._lift(self.gradients[argument], axes, np.dtype(float), args, kwargs)

    def _lift(self, function, output, kind, args, kwargs):
        """Apply a function of one sample over leading axes; an omitted default stays the function's own."""
        given = inspect.signature(self.value).bind(*args, **kwargs).arguments
        stacks = {name: np.asarray(value) for name, value in given.items()}
        check_shapes(stacks, {name: self.shapes[name] for name in stacks})
        cores = ",".join(f"({','.join(self.shapes[name])})" for name in stacks)
        signature = f"{cores}->({','.join(output)})"
        one = lambda *sample: function(**dict(zip(stacks, sample, strict=True)))
        return np.vectorize(one, otypes=[kind], signature=signature)(*stacks.values())[()]


def _axes(signature):
    return [tuple(re.findall(r"\w+", core)) for core in re.findall(r"\(([^()]*)\)", signature)]


def check_shapes(stacks, cores):
    """Raise a ValueError that names the argument whose shape does not fit its core axes."""
    sizes, batches = {}, {}
    for name, axes in cores.items():
        shape = stacks[name].shape
        core = shape[len(shape) - len(axes) :]
        text = f"({', '.join(axes)})"
        require(
            len(shape) >= len(axes), name, stacks[name], f"has shape {shape}, but must end in the axes {text}"
        )
        for axis, size in zip(axes, core, strict=True):
            owner, known = sizes.setdefault(axis, (name, size))
            require(
                size == known, name, stacks[name], f"has {axis} = {size}, but {owner} has {axis} = {known}"
            )
        batches[name] = shape[: len(shape) - len(axes)]
    try:
        np.broadcast_shapes(*batches.values())
    except ValueError:
        listed = ", ".join(f"{name} {batch}" for name, batch in batches.items())
        raise ValueError(f"the stacks of samples do not broadcast: {listed}") from None


def require(holds, argument, value, rule):
    """Raise a ValueError that names the argument, its value and the rule, unless the rule holds."""
    if not holds:
        value = value.item() if isinstance(value, np.generic) else value
        text = np.array2string(value, threshold=8) if isinstance(value, np.ndarray) else repr(value)
        raise ValueError(f"{argument} = {text}: {rule}")


def require_index(argument, value, size):
    """Raise unless `value` is an integer in 0..size-1: NumPy would take -1 for the last, True for 1."""
    try:
        index = operator.index(value)
    except TypeError:
        index = -1
    whole = not isinstance(value, (bool, np.bool_)) and 0 <= index < size
    require(whole, argument, value, f"must be an integer in 0..{size - 1}")


def require_count(argument, value, least=1):
    """Raise unless `value` is an integer of at least `least`; 2.0 and True are none."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    require(whole and value >= least, argument, value, f"must be an integer >= {least}")


def require_positive(argument, value):
    """Raise unless 0 < value < infinity, of one number (a NaN is not)."""
    require(np.ndim(value) == 0 and 0.0 < value < np.inf, argument, value, "must be positive and finite")


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


def require_one_of(argument, value, *allowed):
    """Raise unless `value` equals one of those allowed: a sign that is 1 or -1, a flag that is 0 or 1."""
    listed = ", ".join(map(str, allowed[:-1])) + f" or {allowed[-1]}"
    require(any(value == one for one in allowed), argument, value, f"must be {listed}")


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
