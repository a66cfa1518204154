r"""The oracle: the naive textbook expression of every formula, in arithmetic that cannot go wrong.

    f(x)  ~  (naive expression at `DIGITS` digits)        df/dx_i ~ (f(x + h e_i) - f(x - h e_i)) / 2h

At enough digits no cleverness is needed: sums are summed and logarithms taken of them.  'Enough' is
more than it seems.  For log(1 + e^-745) to differ from 0, 1 + 5e-324 must differ from 1, so 324 digits
go before the first useful one; differences with h = 1e-200 lose 400 more.  With 800, every value and
every first and second derivative is right to far beyond 60 digits, or below the smallest double.

A formula with corners is smooth on each branch.  Each comparison that an expression makes goes
through `below`, which notes how close it was, or follows a script of outcomes.  So a derivative is
taken on one branch, without straddling the corner, and near a corner the other branch can be
followed as well: its value and slope are right answers there, too.

Nothing here is shared with the pages.  mpmath is imported here alone.

Source: arithmetic by mpmath; the expressions as the cited papers print them, corrected.
Before: identities.py.  Next: golden.py.
"""

import numpy as np
from mpmath import exp, log, mp, mpf, sqrt

DIGITS = 800
STEP = mpf(10) ** -200


class Branches:
    """The comparisons of one evaluation: outcomes taken, gaps seen, and a script to follow first."""

    def __init__(self, script=()):
        self.script, self.taken, self.gaps = list(script), [], []

    def below(self, a, b):
        i = len(self.taken)
        self.taken.append(self.script[i] if i < len(self.script) else a < b)
        self.gaps.append(abs(a - b))
        return self.taken[-1]


def evaluate(name, inputs, script=()):
    """Value of one formula (a number or nested lists of numbers) and the branches it took."""
    global _branches
    with mp.workdps(DIGITS):
        _branches = Branches(script)
        return ORACLES[name](**inputs), _branches


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
        mixed = lambda p, q: (
            sum(a * b * f((p, a * h), (q, b * h)) for a in (1, -1) for b in (1, -1)) / (4 * h * h)
        )
        return f(), first, [[mixed(p, q) for q in paths] for p in curved]


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


# What the naive expressions are made of.


def below(a, b):
    return _branches.below(a, b)


def larger(a, b):
    return b if below(a, b) else a


def smaller(a, b):
    return b if below(b, a) else a


def lowest(values):
    """Index of the smallest, the first of equals."""
    best = 0
    for i in range(1, len(values)):
        best = i if below(values[i], values[best]) else best
    return best


def others(k, y):
    return [j for j in range(k) if j != y]


def offender(E, y):
    wrong = others(len(E), y)
    return wrong[lowest([E[j] for j in wrong])]


def gap(E, y):
    return E[y] - E[offender(E, y)]


def gibbs(E, beta):
    weights = [exp(-beta * E_j) for E_j in E]
    return [w / sum(weights) for w in weights]


def dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))


def most_offending_outside(energies, answers, correct, radius):
    distance = [sqrt(dot(d, d)) for d in ([a - c for a, c in zip(y, correct, strict=True)] for y in answers)]
    outside = [j for j, r in enumerate(distance) if below(radius, r)]
    return outside[lowest([energies[j] for j in outside])]


def softmax(weights, features, label):
    return -log(exp(dot(weights[label], features)) / sum(exp(dot(w, features)) for w in weights))


def square_square(energies, label, margin):
    return energies[label] ** 2 + larger(0, margin - energies[offender(energies, label)]) ** 2


def lvq2_ratio(energies, label, delta):
    o = offender(energies, label)
    return smaller(1, larger(0, (energies[label] - energies[o]) / (delta * energies[o])))


def violations(E, y, C):
    return [larger(0, C[j] + E[y] - E[j]) for j in others(len(E), y)]


def margin_rescaled_hinge(energies, label, costs):
    wrong = [costs[j] + energies[label] - energies[j] for j in others(len(energies), label)]
    return larger(0, wrong[lowest([-v for v in wrong])])


ORACLES = {
    "softmax": softmax,
    "rbf_output": lambda centers, features, label: sum(
        (x - u) ** 2 for x, u in zip(features, centers[label], strict=True)
    ),
    "integral_table": lambda energies, weights, beta: [
        E_j - log(w_j) / beta for E_j, w_j in zip(energies, weights, strict=True)
    ],
    "most_offending": lambda energies, label: offender(energies, label),
    "most_offending_outside": most_offending_outside,
    "energy": lambda energies, label: energies[label],
    "perceptron": lambda energies, label: energies[label] - energies[lowest(energies)],
    "hinge": lambda energies, label, margin: larger(0, margin + gap(energies, label)),
    "log": lambda energies, label, beta: log(1 + exp(beta * gap(energies, label))) / beta,
    "mce": lambda energies, label: 1 / (1 + exp(-gap(energies, label))),
    "lvq2": lambda energies, label, cap: smaller(cap, larger(0, gap(energies, label))),
    "lvq2_ratio": lvq2_ratio,
    "square_square": square_square,
    "square_exponential": lambda energies, label, gamma: (
        energies[label] ** 2 + gamma * exp(-energies[offender(energies, label)])
    ),
    "nll": lambda energies, label, beta: -log(gibbs(energies, beta)[label]) / beta,
    "mee": lambda energies, label, beta: 1 - gibbs(energies, beta)[label],
    "generalized_hinge": lambda energies, label, costs: sum(violations(energies, label, costs)),
    "margin_rescaled_hinge": margin_rescaled_hinge,
}
