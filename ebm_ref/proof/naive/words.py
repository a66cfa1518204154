r"""What the naive expressions are made of: comparisons that are noted, and a few functions.

A formula with corners is smooth on each branch.  Each comparison that an expression makes goes
through `below`, which notes how close it was, or follows a script of outcomes.  So a derivative can be
taken on one branch, without straddling the corner, and near a corner the other branch can be
followed as well: its value and slope are right answers there, too.

Arguments are mpmath numbers and nested lists of them.  Nothing here is shared with the pages.

Source: arithmetic by mpmath.
"""

import functools

from mpmath import mp, mpf


class Branches:
    """The comparisons of one evaluation: outcomes taken, gaps seen, and a script to follow first."""

    def __init__(self, script=()):
        self.script, self.taken, self.gaps = list(script), [], []

    def below(self, a, b):
        i = len(self.taken)
        self.taken.append(self.script[i] if i < len(self.script) else a < b)
        self.gaps.append(abs(a - b))
        return self.taken[-1]


_branches = Branches()


def follow(script):
    """Begin a new evaluation that takes the outcomes of `script` first; return its notes."""
    global _branches
    _branches = Branches(script)
    return _branches


@functools.lru_cache(maxsize=50_000)
def _remembered(function, precision, *numbers):
    """Differences move but two numbers at a time and ask for all other exponentials again."""
    return function(*numbers)


def exp(x):
    return _remembered(mp.exp, mp.prec, x)


def log(x):
    return _remembered(mp.log, mp.prec, x)


def power(x, q):
    return _remembered(mp.power, mp.prec, x, q)


def below(a, b):
    """Whether a < b, noted with its gap, or as the script says."""
    return _branches.below(a, b)


def larger(a, b):
    """The larger of two, the first of equals."""
    return b if below(a, b) else a


def smaller(a, b):
    """The smaller of two, the first of equals."""
    return b if below(b, a) else a


def lowest(values):
    """Index of the smallest, the first of equals."""
    best = 0
    for i in range(1, len(values)):
        best = i if below(values[i], values[best]) else best
    return best


def others(k, y):
    return [j for j in range(k) if j != y]


def dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))


def sigmoid(t):
    return 1 / (1 + exp(-t))


def tanh(t):
    square = exp(2 * t)
    return (square - 1) / (square + 1)


def proportions(z):
    """e^{z_j} / sum_i e^{z_i}"""
    total = sum(exp(z_j) for z_j in z)
    return [exp(z_j) / total for z_j in z]


def norm(d, q):
    """|d|_q, and 0 within reach of a step from d = 0: there the norm is given no slope, by convention."""
    kinked = abs(q - 1) < mpf(10) ** -100  # for q > 1 the power of each component is smooth, and even
    sizes = [larger(t, -t) if kinked else abs(t) for t in d]
    total = sum(t * power(abs(t), q - 1) if t else 0 for t in sizes)
    size = total * power(abs(total), 1 / q - 1) if total else mpf(0)
    return size if size > mpf(10) ** -190 else mpf(0)


def difference(x, y):
    return [a - b for a, b in zip(x, y, strict=True)]


def product(numbers):
    result = mpf(1)
    for number in numbers:
        result *= number
    return result


def absolute(x):
    return larger(x, -x)
