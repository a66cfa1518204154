r"""The oracle: the naive textbook expression of every formula, in arithmetic that cannot go wrong.

    f(x)  ~  (naive expression at `DIGITS` digits)        df/dx_i ~ (f(x + h e_i) - f(x - h e_i)) / 2h

At enough digits no cleverness is needed: sums are summed and logarithms taken of them.  'Enough' is
more than it seems.  For log(1 + e^-745) to differ from 0, 1 + 5e-324 must differ from 1, so 324 digits
go before the first useful one; differences with h = 1e-200 lose 400 more.  With 800, every value and
every first and second derivative is right to far beyond 60 digits, or below the smallest double.

Derivatives are taken on one branch of the formula at a time (naive/words.py).  Nothing here or in
naive/ is shared with the pages, and nothing else imports mpmath.

Source: arithmetic by mpmath; the expressions as the cited papers print them, corrected.
"""

import functools

import numpy as np
from mpmath import isfinite, mp, mpf

from ebm_ref.proof.naive import criteria, energies, inference, latent, losses, samplers, structures
from ebm_ref.proof.naive.words import follow

DIGITS = 800
STEP = mpf(10) ** -200

FAMILIES = energies, latent, inference, structures, losses, criteria, samplers
ORACLES = {name: expression for family in FAMILIES for name, expression in family.NAIVE.items()}


class EdgeOfDomain(ValueError):
    """The expression ends here: on one side of the point it has no real, finite value."""


def evaluate(name, inputs, script=()):
    """Value of one formula (a number or nested lists of numbers) and the branches it took."""
    with mp.workdps(DIGITS):
        branches = follow(script)
        return ORACLES[name](**inputs), branches


def sides(name, inputs, reach, script=()):
    """Every script of outcomes that is possible when gaps up to `reach` are undecided."""
    _, branches = evaluate(name, inputs, script)
    yield branches.taken
    for i in range(len(script), len(branches.taken)):
        if branches.gaps[i] <= reach:
            yield from sides(name, inputs, reach, [*branches.taken[:i], not branches.taken[i]])


def exact(inputs):
    """The inputs as multiprecision numbers; integers stay integers."""
    convert = lambda v: (
        [convert(e) for e in v] if isinstance(v, list) else v if isinstance(v, int) else mpf(v)
    )
    return {name: convert(np.asarray(value).tolist()) for name, value in inputs.items()}


def derivatives(name, inputs, paths, curved, script):
    """Value, first and second derivatives on one branch, each a flat list over the components f_i.

    `paths` names the numbers to move, such as ("energies", 2); `curved` those of them that the gradient
    is taken by.  Returns f, first[p] = df/dp for p in paths, second[p][q] = d2f/dp dq for p in curved.
    """
    with mp.workdps(DIGITS):
        f = lambda *moves: np.array(_flat(evaluate(name, _moved(inputs, moves), script)[0]), object)
        h = STEP
        first = [(f((p, h)) - f((p, -h))) / (2 * h) for p in paths]
        corner = lambda p, q, a, b: a * b * f((p, a * h), (q, b * h))
        mixed = functools.cache(
            lambda p, q: sum(corner(p, q, a, b) for a in (1, -1) for b in (1, -1)) / (4 * h * h)
        )
        value, second = f(), [[mixed(min(p, q), max(p, q)) for q in paths] for p in curved]
    _require_real(value, *first, *(entry for row in second for entry in row))
    return value, first, second


def conditions(values, slopes, sizes):
    """|f_i| + sum_p |x_p df_i/dx_p| of each component, rounded once, so that every machine says the same."""
    with mp.workdps(60):
        moved = lambda i: sum(mpf(float(x)) * abs(slope[i]) for x, slope in zip(sizes, slopes, strict=True))
        return [float(abs(value) + moved(i)) for i, value in enumerate(values)]


def _require_real(*arrays):
    for number in (entry for array in arrays for entry in array):
        if not (isinstance(number, (int, mpf)) and isfinite(number)):
            raise EdgeOfDomain(f"{number}: no derivative is two-sided here")


def _flat(value):
    return [number for entry in value for number in _flat(entry)] if isinstance(value, list) else [value]


def _moved(inputs, moves):
    moved = dict(inputs)
    for (name, *index), step in moves:
        moved[name] = _add(moved[name], index, step)
    return moved


def _add(value, index, step):
    if not index:
        return value + step
    return [_add(entry, index[1:], step) if i == index[0] else entry for i, entry in enumerate(value)]
