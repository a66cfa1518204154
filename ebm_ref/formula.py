r"""The records: what a page states, so that everything else can be a loop over what pages state.

    Formula   a function of ONE sample, its explicit gradients, and how it can be put to the test
    Case      an evaluation worked by hand
    Variant   what others compute under the same name: a Convention, or a Mistake

One string, the gufunc signature, says five things at once.  "(k),(),()->()" documents the shapes,
checks what the function is given, lifts it from one sample to any stack of samples, gives the
gradient's shape (output axes first, then the argument's) and lays out the data of a compiled twin.

    formula.value(energies, 0, 1.0)            one sample, positionally
    formula(stack_of_energies, labels)         any stack of samples; defaults and keywords work
    formula.gradient("energies", stack, labels)

The first line of a page's function unpacks its sample, by way of the record below it:

    E, y, m = FORMULA.checked(energies, label, margin)

Behind that line E is float64 of shape (k,), y an int (as `label: int` says) and m a number; what does
not fit the signature or breaks the page's own rules has been refused, with the argument's name.

Source: the generalised ufunc signature is NumPy's, NEP 5.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from ebm_ref.checks import FLOAT, as_real, as_whole, require, with_axes


@dataclass(frozen=True, eq=False)
class Case:
    """An evaluation worked by hand; `gradients` where a convention is at stake (corner, tie).

    A list is an array.  A tuple holds one thing for each argument, in the order of the signature (inputs)
    or of the record's gradients; a mapping names them, where some are left out.
    """

    inputs: tuple | Mapping
    value: object
    gradients: object = field(default_factory=dict)
    exposes: str = ""  # name of the Variant that this case catches
    name: str = ""  # from the record's table


@dataclass(frozen=True, eq=False)
class Variant:
    """What others compute under the same name."""

    value: Callable = None
    gradients: object = field(default_factory=dict)
    seen_in: str = ""  # where it happened: project and thread
    symptom: str = ""  # what a user sees
    name: str = ""  # "minimum taken over y too", from the record's table
    kind: str = "mistake"


Mistake = Variant
Convention = partial(Variant, kind="convention")  # where the project's own documentation states it


@dataclass(frozen=True, eq=False)
class Formula:
    """A formula of one sample, with everything that lets a stranger check it.

    Called, it takes any stack of samples: leading axes broadcast, as in a NumPy gufunc.

    >>> one = {"one": Case((1.0,), 3.0)}
    >>> double = Formula(lambda x, y=1.0: 2.0 * x + y, "(),()->()", "arithmetic", None, one)
    >>> double([1.0, 2.0]), double([], y=3.0).shape
    (array([3., 5.]), (0,))
    """

    value: Callable  # one sample -> result; positional in signature order
    signature: str  # gufunc core shapes
    source: str  # "key, place": the bibliography is in the README
    sample: Callable  # rng -> inputs in general position (no kink, no tie)
    cases: Mapping  # {name: Case}; stored as a tuple of what knows its own name, like the variants
    gradients: Mapping = field(default_factory=dict)  # argument name -> explicit derivative
    laws: tuple = ()
    variants: Mapping = ()  # {name: Mistake | Convention}
    as_printed: Callable = None  # the paper's own lines, where the accurate code of `value` differs
    keeps: float = 4.0  # errors stay within so many (u C + eta); more only where the header says why
    rules: Callable = None  # what it refuses beyond shapes; called with a sample's arrays and numbers
    refuses: Mapping = field(default_factory=dict)  # {name: (inputs, the argument that the ValueError names)}

    def __post_init__(self):
        """Tables {name: row} become tuples of rows that know their names, and rows name what they hold."""
        for table, complete in (("cases", self._case), ("variants", self._variant)):
            rows = getattr(self, table)
            if isinstance(rows, Mapping):
                object.__setattr__(self, table, named({name: complete(row) for name, row in rows.items()}))
        refuses = {
            name: (self._inputs(row, name), argument) for name, (row, argument) in self.refuses.items()
        }
        object.__setattr__(self, "refuses", refuses)

    def _inputs(self, row, what="a case"):
        needed = [name for name, p in self._parameters.items() if p.default is p.empty]
        return _by_name(row, list(self._parameters), needed, what)

    def _case(self, case):
        gradients = _by_name(case.gradients, list(self.gradients))
        return replace(case, inputs=self._inputs(case.inputs), value=_array(case.value), gradients=gradients)

    def _variant(self, variant):
        return replace(variant, gradients=_by_name(variant.gradients, list(self.gradients)))

    @cached_property
    def _parameters(self):
        return inspect.signature(self.value).parameters

    @cached_property
    def shapes(self):
        """Core axes of each argument in order, e.g. {"energies": ("k",), "label": ()}."""
        return dict(zip(self._parameters, _axes(self.signature.partition("->")[0]), strict=True))

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

    def checked(self, *sample):
        """One sample as float64, or int where annotated so, if it fits the signature and the rules.

        Where the default is a number and the signature says an array, a number stands for all entries.
        """
        sizes, found = {}, []
        for (name, axes, kind, cast, alike), x in zip(self._plan, sample, strict=True):
            if not axes:
                if type(x) is float and kind is np.float64:
                    x = np.float64(x)
                elif type(x) is not kind:
                    x = with_axes(name, cast(name, x), axes)
            else:
                if type(x) is not np.ndarray or x.dtype is not FLOAT or kind is int:
                    x = cast(name, x)
                    if alike and np.ndim(x) == 0:
                        x = np.full([sizes[axis] for axis in axes], x)
                self._fit(name, x, axes, sizes)
            found.append(x)
        if self.rules is not None:
            self.rules(*found)
        return found

    @cached_property
    def _plan(self):
        """Of each argument: name, axes, kind of number, cast, whether a number may stand for all entries."""
        plan = []
        for name, parameter in self._parameters.items():
            integer = parameter.annotation is int
            alike = parameter.default is not parameter.empty and np.ndim(parameter.default) == 0
            kind, cast = (int, as_whole) if integer else (np.float64, as_real)
            plan.append((name, self.shapes[name], kind, cast, alike))
        return plan

    def _fit(self, name, x, axes, sizes):
        """Note the sizes of the axes; a ValueError where one is known to be another."""
        if len(np.shape(x)) != len(axes):
            with_axes(name, x, axes)
        for axis, size in zip(axes, x.shape):  # noqa: B905, the lengths are the same
            known = sizes.setdefault(axis, size)
            if size != known:
                owner = next(other for other, its in self.shapes.items() if axis in its)
                owner = "it" if owner == name else owner
                require(False, name, x, f"has {axis} = {size}, but {owner} has {axis} = {known}")

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
        casts = {name: cast for name, _, _, cast, _ in self._plan}
        stacks = {name: np.asarray(casts[name](name, x)) for name, x in given.items()}
        check_shapes(stacks, {name: self.shapes[name] for name in stacks})
        cores = ",".join(f"({','.join(self.shapes[name])})" for name in stacks)
        signature = f"{cores}->({','.join(output)})"
        one = lambda *sample: function(**dict(zip(stacks, sample, strict=True)))
        return np.vectorize(one, otypes=[kind], signature=signature)(*stacks.values())[()]


def named(table):
    """A table {name: Case | Variant} as a tuple of rows that know their names, for pages without a record."""
    return tuple(replace(row, name=name) for name, row in table.items())


def _array(x):
    return np.array(x) if isinstance(x, list) else x


def _by_name(values, names, needed=None, what="a row"):
    """{name: value} of a mapping, a tuple or one value alone; `needed` names must be there."""
    if not isinstance(values, Mapping):
        values = values if isinstance(values, tuple) else (values,)
        needed = names if needed is None else needed
        require(len(values) <= len(names), what, values, f"must hold {', '.join(names) or 'nothing'}")
        values = dict(zip(names, values, strict=False))
    fits = set(needed or ()) <= set(values) <= set(names)
    require(fits, what, values, f"must hold {', '.join(names) or 'nothing'}")
    return {name: _array(values[name]) for name in names if name in values}


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
