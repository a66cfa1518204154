r"""The oracle: the naive textbook expression of every formula, in arithmetic that cannot go wrong.

    f, df/dx_p, d2f/(dx_p dx_q)  ~  the naive expression at hundreds of digits, on the tape (tape.py)

At enough digits no cleverness is needed: sums are summed and logarithms taken of them.  'Enough' is
more than it seems.  For log(1 + e^-745) to differ from 0, 1 + 5e-324 must differ from 1, so 324 digits
go before the first useful one.  Inputs of 1e100 beside inputs of 1e-100 ask for as many more digits as
lie between them, squared where they are squared: `enough` counts them.  Then every value and every
first and second derivative is right to 30 digits, or below the smallest double.

Derivatives are taken on one branch of the formula at a time (naive/words.py).  Nothing here or in
naive/ is shared with the pages; tape.py alone imports mpmath and gmpy2.

Source: the expressions as the cited papers print them, corrected.
"""

import math

import numpy as np

from ebm_ref.proof import tape
from ebm_ref.proof.naive import (
    criteria,
    energies,
    inference,
    latent,
    losses,
    noise_contrast,
    samplers,
    score_matching,
    structures,
)
from ebm_ref.proof.naive.words import follow
from ebm_ref.proof.recursions import RECURSIONS
from ebm_ref.proof.tape import Beyond, EdgeOfDomain

SIGNALS = score_matching, noise_contrast
FAMILIES = energies, latent, inference, structures, losses, criteria, samplers, *SIGNALS
ORACLES = {name: expression for family in FAMILIES for name, expression in family.NAIVE.items()}
STEPWISE = ORACLES | RECURSIONS  # for large inputs, where nobody can list every path


def enough(inputs):
    """Decimal digits: 361, and twice as many as lie between an input and 1."""
    numbers = np.abs(np.concatenate([np.ravel(np.asarray(x, float)) for x in inputs.values()]))
    return 361 + 2 * math.ceil(max((abs(math.log10(x)) for x in numbers if x), default=0.0))


def computed(function, inputs):
    """function() with enough digits for the inputs: of MPFR, or of mpmath where those do not suffice."""
    try:
        with tape.digits(enough(inputs)):
            return function()
    except Beyond:
        with tape.digits(enough(inputs), wide=True):
            return function()


def evaluate(expression, inputs, script=(), on_tape=()):
    """Value of an expression, the branches it took and the inputs as they went in, some on the tape."""
    given = {a: np.asarray(x).tolist() for a, x in inputs.items()}
    given = {a: tape.number(x) if a in on_tape else x for a, x in given.items()}
    branches = follow(script)
    return expression(**given), branches, given


def sides(expression, inputs, reach, script=()):
    """Every script of outcomes that is possible when gaps up to `reach` are undecided."""
    _, branches, _ = evaluate(expression, inputs, script, real(inputs))
    yield branches.taken
    for i in range(len(script), len(branches.taken)):
        if branches.gaps[i] <= reach:
            yield from sides(expression, inputs, reach, [*branches.taken[:i], not branches.taken[i]])


def truth(expression, inputs, gradients, script=(), every=1):
    """Value and gradients, the conditions and sizes of both, and the sums of each gradient's entries.

    Every number is that of one branch, and rounded once; what belongs to gradients is arrays by argument.
    A condition and a size cost a walk each: those of a gradient are asked of every so many components, NaN
    else.
    """
    moved = [*real(inputs), *(a for a in gradients if a not in real(inputs))]
    value, _, given = evaluate(expression, inputs, script, moved)
    numbers = [x for a in moved for x in flat(given[a])]
    sizes = [size for a in moved for size in sizes_of(inputs[a])]
    shape, components = np.shape(np.asarray(value, object)), flat(value)
    slopes = [dict(zip(numbers, tape.derivatives(f, numbers), strict=True)) for f in components]
    judged = [_judged(f, by.values(), sizes) for f, by in zip(components, slopes, strict=True)]
    result = {"value": _rounded(components, shape)}
    result |= {part: {} for part in ("gradients", "gradient_conditions", "gradient_sizes", "sums")}
    result["condition"], result["size"] = _columns(judged, shape)
    for a in gradients:
        rows = [[by[x] for x in flat(given[a])] for by in slopes]
        g, full = [g_i for row in rows for g_i in row], shape + np.shape(inputs[a])
        judged = [(math.nan, math.nan)] * len(g)
        for i in range(0, len(g), every):
            judged[i] = _judged(g[i], tape.plain_derivatives(g[i], numbers), sizes)
        result["gradients"][a] = _rounded(g, full)
        result["sums"][a] = _rounded([sum(row) for row in rows], shape)
        result["gradient_conditions"][a], result["gradient_sizes"][a] = _columns(judged, full)
    return result


def _judged(number, slopes, sizes):
    """The condition and the size of a number."""
    return condition(number, slopes, sizes), tape.size(number)


def _columns(pairs, shape):
    return [np.reshape(column, shape) for column in np.reshape(pairs, (-1, 2)).T]


def condition(value, slopes, sizes):
    """|f| + sum_p |x_p df/dx_p|, rounded once."""
    value, slopes = tape.plain(value), [tape.plain(slope) for slope in slopes]
    require_real(value, *slopes)
    moved = (abs(slope) * size for size, slope in zip(sizes, slopes, strict=True))
    return tape.rounded(sum(moved, abs(value)))


def real(inputs):
    """Names of the arguments that are not integers."""
    return [a for a, x in inputs.items() if np.asarray(x).dtype.kind == "f"]


def sizes_of(x):
    """|x|, and 0 for an integer, which carries no rounding."""
    sizes = np.abs(np.ravel(x) if np.asarray(x).dtype.kind == "f" else np.zeros(np.size(x)))
    return [tape.plain(tape.number(size)) for size in sizes.tolist()]


def _rounded(numbers, shape):
    return np.array([tape.rounded(number) for number in numbers]).reshape(shape)


def require_real(*numbers):
    """Refuse what is infinite or no number."""
    for number in numbers:
        if not abs(number) < math.inf:
            raise EdgeOfDomain(f"{number}: no derivative is two-sided here")


def flat(value):
    """Nested lists as one list."""
    return [number for entry in value for number in flat(entry)] if isinstance(value, list) else [value]
