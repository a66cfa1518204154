#!/usr/bin/env python3
"""Mutants of every page and of every naive expression, as candidates that the golden vectors judge.

    scripts/mutate_candidates.py [NAME...] [--jobs 2] [--survivors]

Three routes to each formula are changed in one place at a time (ebm_ref/proof/mutants.py): the page with its
gradients, the naive expression in float64, and the recursion in its place.  Others change what a right
route is given: its inputs, as somebody gives them who ignores an argument, exchanges two or reads the
first few only.  A mutant is

    convicted    on some finite vector it is a mismatch, or raises, or does not end
    imprecise    it is nowhere wrong by more than digits, but somewhere by those
    apart        only vectors with NaN or infinity tell it apart, which are judged on a line of their own
    alike        no vector tells it apart

A line of mutants_alike.txt says why one that is alike computes the same; without one the exit status is 1.
Digits are what a page's text is about, so that a change of it may well be imprecise; nothing else may be.
Only vectors count on which the route itself is right: a literal expression overflows on some.
"""

import argparse
import contextlib
import fnmatch
import functools
import re
import signal
import sys
import zlib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from ebm_ref import FORMULAS
from ebm_ref.proof import golden, large, programs
from ebm_ref.proof.bounds import is_finite, measure

VERDICTS = "alike", "apart", "imprecise", "convicted"
SECONDS = 0.3  # of computing, for one vector; right routes take a tenth of it
REASONS = Path(__file__).with_name("mutants_alike.txt")


# ---- judging ----


@functools.cache
def vectors(name):
    """The vectors of a formula, those that convict most first: ordinary and large ones."""
    rank = lambda v: (not re.search("/(random-[0-3]|long-)", v["id"]), not re.search("/random-", v["id"]))
    return sorted(golden.load(name), key=rank)


class Slow(Exception):
    """It computes too long."""


@contextlib.contextmanager
def at_most(seconds):
    """Raise Slow in what computes longer."""

    def stop(*_):
        raise Slow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)


GRADES = {"match": 0, "imprecise": 1, "mismatch": 2, "error": 2}


def grade(functions, vector, prepared):
    """0, 1 or 2: the worst of match, imprecise and wrong over what the functions answer."""
    worst = 0
    for output, function in functions.items():
        try:
            answer = np.asarray(function(*prepared))
            numeric = answer.dtype.kind in "biuf"
            verdict = measure(vector, output, answer).verdict if numeric else "error"
        except Slow:
            raise
        except Exception:
            return 2
        worst = max(worst, GRADES[verdict])
        if worst == 2:
            break
    return worst


def given(vector, plain):
    """The inputs in order: arrays that nobody else holds, or lists for a naive expression."""
    values = vector["inputs"].values()
    return [np.asarray(x).tolist() if plain else np.copy(x)[()] for x in values]


def quiet(function):
    """Without warnings, which mutants have many of."""

    def silent(*args, **kwargs):
        with np.errstate(all="ignore"), contextlib.redirect_stdout(None):
            return function(*args, **kwargs)

    return silent


def grades(functions, vectors, plain, until=3):
    """Yield (vector, grade) until one is so bad; what is slow is wrong."""
    for vector in vectors:
        try:
            with at_most(SECONDS):
                found = grade(functions, vector, given(vector, plain))
        except Slow:
            found = 2
        yield vector, found
        if found >= until and is_finite(vector):
            return


@quiet
def verdict(functions, known, plain):
    """What the vectors say of a mutant; `known`: pairs of a vector and the grade of what was mutated."""
    before = {vector["id"]: g for vector, g in known}
    worse = {True: 0, False: 0}
    for vector, g in grades(functions, [vector for vector, _ in known], plain, until=2):
        finite = is_finite(vector)
        worse[finite] = max(worse[finite], g if g > before[vector["id"]] else 0)
    return ("apart" if worse[False] else "alike", "imprecise", "convicted")[worse[True]]


# ---- the routes ----


class Route:
    """A way to compute a formula: a program, the vectors on which it is right, and whether it takes lists."""

    def __init__(self, name, kind, program, asked):
        self.name, self.kind, self.program, self.plain = name, kind, program, kind != "page"
        self.known = quiet(lambda: [p for p in grades(program.make(), asked, self.plain) if p[1] < 2])()

    def mutants(self):
        """Pairs of a key and a function that makes the mutant's functions."""
        for module, edit in self.program.edits():
            short = module.rpartition(".")[2]
            key = f"{self.name} {self.kind} {short}.{edit.function}: {edit.text}"
            yield key, lambda module=module, edit=edit: self.program.make(edit, module)
        for what, make in given_otherwise(FORMULAS[self.name], self.program.make(), self.known):
            yield f"{self.name} {self.kind} inputs: {what}", make

    def verdict(self, make):
        try:
            functions = make()
        except Exception:
            return "convicted"
        return verdict(functions, self.known, self.plain)


@functools.cache
def routes(name):
    """Page, naive expression, recursion; every path of a large table cannot be listed."""
    every, stepwise = vectors(name), programs.has_recursion(name)
    small = [v for v in every if not (golden.is_large(v["id"]) and is_listed(name))]
    found = [Route(name, "page", programs.page(FORMULAS[name]), every)]
    found.append(Route(name, "naive", programs.naive(name), small))
    if stepwise:
        found.append(Route(name, "stepwise", programs.naive(name, stepwise=True), every))
    return found


def is_listed(name):
    """Whether the naive expression lists all paths or configurations."""
    return programs.has_recursion(name)


# ---- inputs given otherwise ----


def given_otherwise(formula, functions, known):
    """Yield (what, make): the same functions of changed inputs."""
    for what, change, places in changes(formula, known):
        if any(is_changed(change, vector) for vector, _ in known):
            yield what, lambda change=change, places=places: changed(formula, functions, change, places)


@quiet
def is_changed(change, vector):
    """Whether a vector's inputs become others, or are refused."""
    inputs = {a: np.asarray(x) for a, x in vector["inputs"].items()}
    try:
        other = change(inputs)
    except (IndexError, ValueError):
        return True
    return any(not np.array_equal(inputs[a], other[a], equal_nan=True) for a in inputs)


def changed(formula, functions, change, places):
    """The functions of changed inputs; `places` puts the answers where the caller's inputs are."""
    names = list(formula.shapes)

    def of_other(output, function):
        def answer(*inputs):
            plain = [np.asarray(x) for x in inputs]
            other = change(dict(zip(names, plain, strict=True)))
            lists = any(isinstance(x, list) for x in inputs)
            values = [np.asarray(other[a]).tolist() if lists else np.asarray(other[a])[()] for a in names]
            return places(output, function(*values), dict(zip(names, plain, strict=True)))

        return answer

    moved = {output: functions[output] for output in functions if places(output, None, None) is not None}
    return {output: of_other(output, function) for output, function in moved.items()}


def as_they_are(output, answer, inputs):
    return True if inputs is None else answer


def value_alone(output, answer, inputs):
    return (True if inputs is None else answer) if output == "value" else None


def changes(formula, known):
    """Yield (what, change of the inputs, places): held constants, exchanges, maps, cuts and bands."""
    first = known[0][0]["inputs"] if known else {}
    for a, axes in formula.shapes.items():
        parameter = formula._parameters[a]
        constants = {"0": 0, "1": 1}
        if parameter.default is not parameter.empty:
            constants["its default"] = parameter.default
        if a in first and not axes:
            constants["the first sample's"] = first[a]
        for what, constant in constants.items():
            yield f"{a} held at {what}", held(a, constant), all_but(a)
        for what, change in maps(axes, first.get(a)):
            yield f"{a} {what}", mapped(a, change), value_alone
    yield from exchanges(formula, first)
    for axis in dict.fromkeys(axis for axes in formula.shapes.values() for axis in axes):
        longest = max((large.length(formula, axis, v["inputs"]) for v, _ in known), default=0)
        for n in (n for n in large.CUTS if n < longest):
            yield f"first {n} of axis {axis}", cut(formula, axis, n), filled
            name = name_of(formula)
            if large.named(name, first, axis) and (name, axis) not in large.ONE_PLACE:
                yield f"first {n} of axis {axis} and what is named", cut_but(formula, axis, n), value_alone
    for a, axes in formula.shapes.items():
        if len(axes) >= 2 and formula.value.__name__ in BANDED:
            for width in (5, 7):
                yield (
                    f"{a} in a band of {width}",
                    mapped(a, functools.partial(band, width=width)),
                    as_they_are,
                )


BANDED = {"alignment", "soft_alignment", "banded_alignment", "banded_soft_alignment", "transducer"}


def band(x, width):
    """What lies outside a band beside the diagonal costs too much: a distance, or minus a logarithm."""
    i, j = np.indices(x.shape[:2])
    far = np.abs(i - j) > width + abs(x.shape[0] - x.shape[1])
    sign = -1.0 if x.ndim == 3 else 1.0
    return np.where(far.reshape(far.shape + (1,) * (x.ndim - 2)), 1e4 * sign, x)


def held(a, constant):
    return lambda inputs: inputs | {a: np.full(inputs[a].shape, constant, inputs[a].dtype)}


def mapped(a, change):
    return lambda inputs: inputs | {a: change(inputs[a])}


def all_but(a):
    """No gradient by what is ignored."""
    return lambda output, answer, inputs: None if output == a else (True if inputs is None else answer)


def maps(axes, x):
    """Yield (what, change) of one argument."""
    if x is None:
        return
    if np.asarray(x).dtype.kind == "f":
        yield "negated", lambda x: -x
        yield "squared", lambda x: x * x
        if np.any(x < 0):
            yield "absolute", np.abs
        yield "rounded", np.round
    else:
        yield "one more", lambda x: x + 1
        yield "one less", lambda x: x - 1
    for place, axis in enumerate(axes):
        yield f"reversed along {axis}", lambda x, place=place: np.flip(x, place)
    if len(axes) == 2 and axes[0] == axes[1]:
        yield "transposed", np.transpose
        yield "upper triangle twice", lambda x: np.triu(x) + np.triu(x, 1).T
        yield "lower triangle twice", lambda x: np.tril(x) + np.tril(x, -1).T
        yield "without its diagonal", lambda x: x - np.diag(np.diag(x))


def exchanges(formula, first):
    """Two arguments of the same shape and kind given in each other's place."""
    names = list(first)
    kind = lambda a: (formula.shapes[a], np.asarray(first[a]).dtype.kind)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            if kind(a) == kind(b):
                swap = lambda inputs, a=a, b=b: inputs | {a: inputs[b], b: inputs[a]}
                yield f"{a} and {b} exchanged", swap, value_alone


def cut(formula, axis, n):
    """The first n places along an axis alone."""

    def change(inputs):
        first = lambda x, axes: x[tuple(slice(n if own == axis else None) for own in axes)]
        return {a: first(x, formula.shapes[a]) for a, x in inputs.items()}

    return change


def cut_but(formula, axis, n):
    """The first n places along an axis, and those that an argument names."""
    change = lambda inputs: large.beginning(name_of(formula), formula, axis, inputs, n)
    return lambda inputs: change(inputs) or inputs


def name_of(formula):
    return next(name for name, other in FORMULAS.items() if other is formula)


def filled(output, answer, inputs):
    """A gradient with zeros where nothing was read."""
    if inputs is None or output == "value":
        return True if inputs is None else answer
    shape = np.shape(inputs[output])
    if len(shape) != np.ndim(answer):
        return answer
    whole = np.zeros(shape)
    whole[tuple(slice(k) for k in np.shape(answer))] = answer
    return whole


# ---- the reasons ----


@functools.cache
def reasons():
    """{pattern: reason} of the file: below each reason, indented, regular expressions of the keys."""
    found, reason = {}, ""
    for line in REASONS.read_text().splitlines() if REASONS.exists() else ():
        if line.startswith(" "):
            found[line.strip()] = reason
        elif line.strip() and not line.startswith("#"):
            reason = line.strip()
    return found


@functools.cache
def explained(key):
    """The pattern of the line that explains a survivor, or None."""
    return next((pattern for pattern in reasons() if re.fullmatch(pattern, key)), None)


# ---- the run ----


def run(name):
    """[(key, verdict)] of every mutant of a formula."""
    return [(key, route.verdict(make)) for route in routes(name) for key, make in route.mutants()]


def sample(count, seed):
    """That many mutants of all, drawn by their keys: [(route, key, make)]."""
    every = [
        (route, key, make) for name in FORMULAS for route in routes(name) for key, make in route.mutants()
    ]
    every.sort(key=lambda one: zlib.crc32(f"{seed} {one[1]}".encode()))
    return every[:count]


def only_digits(key):
    """Whether the text of a page is changed, which may lose digits: to call it imprecise is right."""
    return key.split()[1] == "page" and not key.split()[2].startswith("inputs")


def survives(key, verdict):
    """Whether a line must say why no vector is a mismatch."""
    return verdict == "alike" or (verdict == "imprecise" and not only_digits(key))


def family(name):
    return FORMULAS[name].value.__module__.split(".")[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", metavar="NAME", nargs="*", help="a formula; all without")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--survivors", action="store_true", help="list those that a line explains, too")
    asked = parser.parse_args()
    names = [n for n in FORMULAS if not asked.names or any(fnmatch.fnmatch(n, p) for p in asked.names)]
    with ProcessPoolExecutor(asked.jobs) as pool:
        found = dict(zip(names, pool.map(run, names), strict=True))
    return report(found, asked.survivors)


def report(found, all_survivors):
    """Totals per family and route, then the survivors; how many have no reason."""
    totals, missing = {}, 0
    for name, rows in found.items():
        for key, what in rows:
            place = totals.setdefault((family(name), key.split()[1]), Counter())
            line = explained(key) if survives(key, what) else None
            place[what] += 1
            missing += survives(key, what) and line is None
            place["without a line"] += survives(key, what) and line is None
            if survives(key, what) and (all_survivors or line is None):
                print(f"{what:10}{key}" + (f"\n          {reasons()[line]}" if line else ""))
    heads = (*VERDICTS[::-1], "without a line")
    print(f"{'family':12}{'route':10}" + "".join(f"{head:>15}" for head in ("mutants", *heads)))
    for place in (*totals, ("all", "")):
        row = totals.get(place) or sum(totals.values(), Counter())
        numbers = (sum(row[v] for v in VERDICTS), *(row[head] for head in heads))
        print(f"{place[0]:12}{place[1]:10}" + "".join(f"{n:15}" for n in numbers))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
