r"""What the naive expressions are made of: comparisons that are noted, and a few functions.

A formula with corners is smooth on each branch.  Each comparison that an expression makes goes
through `below`, which notes how close it was, or follows a script of outcomes.  So a derivative can be
taken on one branch, without straddling the corner, and near a corner the other branch can be
followed as well: its value and slope are right answers there, too.

Arguments are numbers of many digits, on a tape or off it, and nested lists of them.  Nothing here is
shared with the pages.

Source: arithmetic by tape.py.
"""

from ebm_ref.proof.tape import besseli, chosen, cos, exp, log, loggamma, pi, power, sigmoid, sin, sqrt, tanh

__all__ = ["besseli", "cos", "exp", "log", "loggamma", "pi", "power", "sigmoid", "sin", "sqrt", "tanh"]


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


def below(a, b):
    """Whether a < b, noted with its gap, or as the script says."""
    return _branches.below(a, b)


def larger(a, b):
    """The larger of two, the first of equals."""
    return chosen(b, a) if below(a, b) else chosen(a, b)


def smaller(a, b):
    """The smaller of two, the first of equals."""
    return chosen(b, a) if below(b, a) else chosen(a, b)


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


def proportions(z):
    """e^{z_j} / sum_i e^{z_i}"""
    total = sum(exp(z_j) for z_j in z)
    return [exp(z_j) / total for z_j in z]


def norm(d, q):
    """|d|_q; at d = 0 the norm is given no slope, by convention."""
    sizes = [absolute(t) if q == 1 else abs(t) for t in d]  # for q > 1 each power is smooth, and even
    total = sum(t * power(abs(t), q - 1) for t in sizes)
    return power(total, 1 / q) if total > 0 else 0


def difference(x, y):
    return [a - b for a, b in zip(x, y, strict=True)]


def product(numbers):
    result = 1
    for number in numbers:
        result *= number
    return result


def absolute(x):
    return larger(x, -x)
