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

import functools
import itertools

import numpy as np
from mpmath import isfinite, loggamma, mp, mpf, pi, sqrt

DIGITS = 800
STEP = mpf(10) ** -200


class EdgeOfDomain(ValueError):
    """The expression ends here: on one side of the point it has no real, finite value."""


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
        corner = lambda p, q, a, b: a * b * f((p, a * h), (q, b * h))
        mixed = functools.cache(
            lambda p, q: sum(corner(p, q, a, b) for a in (1, -1) for b in (1, -1)) / (4 * h * h)
        )
        value, second = f(), [[mixed(min(p, q), max(p, q)) for q in paths] for p in curved]
    _require_real(value, *first, *(entry for row in second for entry in row))
    return value, first, second


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


# What the naive expressions are made of.


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


def sigmoid(t):
    return 1 / (1 + exp(-t))


def proportions(z):
    """e^{z_j} / sum_i e^{z_i}"""
    total = sum(exp(z_j) for z_j in z)
    return [exp(z_j) / total for z_j in z]


def label_smoothing(logits, label, smoothing):
    k, p = len(logits), proportions(logits)
    target = [smoothing / k + (1 - smoothing if j == label else 0) for j in range(k)]
    return -sum(t * log(p_j) for t, p_j in zip(target, p, strict=True))


# Losses of pairs and of several classes.


def norm(d, q):
    """|d|_q, and 0 within reach of a step from d = 0: there the norm is given no slope, by convention."""
    kinked = abs(q - 1) < mpf(10) ** -100  # for q > 1 the power of each component is smooth, and even
    sizes = [larger(t, -t) if kinked else abs(t) for t in d]
    total = sum(t * power(abs(t), q - 1) if t else 0 for t in sizes)
    size = total * power(abs(total), 1 / q - 1) if total else mpf(0)
    return size if size > mpf(10) ** -190 else mpf(0)


def difference(x, y):
    return [a - b for a, b in zip(x, y, strict=True)]


def multi_margin(scores, label, p, margin):
    wrong = others(len(scores), label)
    return sum((larger(0, margin - scores[label] + scores[i]) ** p for i in wrong), mpf(0)) / len(scores)


def multilabel_margin(scores, targets):
    right = targets[: targets.index(-1)] if -1 in targets else targets
    wrong = [i for i in range(len(scores)) if i not in right]
    return sum((larger(0, 1 - (scores[j] - scores[i])) for j in right for i in wrong), mpf(0)) / len(scores)


def multilabel_soft_margin(scores, targets):
    probabilities = [1 / (1 + exp(-x if t == 1 else x)) for x, t in zip(scores, targets, strict=True)]
    return -sum(log(p) for p in probabilities) / len(scores)


def contrastive(x1, x2, same, margin):
    square = sum(t**2 for t in difference(x1, x2))
    return square if same else larger(0, margin - square)


def contrastive_distance(x1, x2, same, margin):
    if same:
        return sum(t**2 for t in difference(x1, x2)) / 2
    return larger(0, margin - norm(difference(x1, x2), 2)) ** 2 / mpf(2)


def triplet_margin(anchor, positive, negative, margin, p):
    near, far = norm(difference(anchor, positive), p), norm(difference(anchor, negative), p)
    return larger(0, near - far + margin)


def cosine_embedding(x1, x2, sign, margin):
    cosine = dot(x1, x2) / (sqrt(dot(x1, x1)) * sqrt(dot(x2, x2)))
    return 1 - cosine if sign == 1 else larger(0, cosine - margin)


def collapsed(path, blank):
    return [k for t, k in enumerate(path) if k != blank and (t == 0 or k != path[t - 1])]


def product(numbers):
    result = mpf(1)
    for number in numbers:
        result *= number
    return result


def ctc(p, target, blank):
    paths = itertools.product(range(len(p[0])), repeat=len(p))
    spelling = [path for path in paths if collapsed(path, blank) == target]
    return -log(sum(product(p[t][k] for t, k in enumerate(path)) for path in spelling))


def absolute(x):
    return larger(x, -x)


def huber(prediction, target, delta):
    d = absolute(prediction - target)
    return d**2 / 2 if below(d, delta) else delta * (d - delta / 2)


def smooth_l1(prediction, target, beta):
    d = absolute(prediction - target)
    return d**2 / (2 * beta) if beta and below(d, beta) else d - beta / 2


def transducer(log_probabilities, target, blank):
    t, u = len(log_probabilities), len(target)
    ways = []
    for labels in itertools.combinations(range(t + u - 1), u):  # which steps give a label
        before = [sum(label < n for label in labels) for n in range(t + u)]
        cells = [(n - j, j, target[j] if n in labels else blank) for n, j in enumerate(before)]
        ways.append(product(exp(log_probabilities[i][j][k]) for i, j, k in cells))
    return -log(sum(ways))


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
    # criteria: cross-entropies
    "cross_entropy": lambda logits, label: -log(proportions(logits)[label]),
    "nll_of_log_probabilities": lambda log_probabilities, label: -log_probabilities[label],
    "cross_entropy_of_probabilities": lambda logits, target: (
        -sum(t * log(p) for t, p in zip(target, proportions(logits), strict=True))
    ),
    "label_smoothing": label_smoothing,
    "binary_cross_entropy": lambda probability, target: (
        -(target * log(probability) + (1 - target) * log(1 - probability))
    ),
    "binary_cross_entropy_with_logits": lambda logit, target: (
        -(target * log(sigmoid(logit)) + (1 - target) * log(sigmoid(-logit)))
    ),
    "focal": lambda logit, target, gamma: (
        -target * power(sigmoid(-logit), gamma) * log(sigmoid(logit))
        - (1 - target) * power(sigmoid(logit), gamma) * log(sigmoid(-logit))
    ),
    "info_nce": lambda similarities, positive, temperature: (
        -log(proportions([s / temperature for s in similarities])[positive])
    ),
    # pairs and several classes
    "margin_ranking": lambda x1, x2, sign, margin: larger(0, -sign * (x1 - x2) + margin),
    "soft_margin": lambda score, sign: log(1 + exp(-sign * score)),
    "hinge_embedding": lambda distance, sign, margin: distance if sign == 1 else larger(0, margin - distance),
    "multi_margin": multi_margin,
    "multilabel_margin": multilabel_margin,
    "multilabel_soft_margin": multilabel_soft_margin,
    "contrastive": contrastive,
    "contrastive_distance": contrastive_distance,
    "triplet_margin": triplet_margin,
    "cosine_embedding": cosine_embedding,
    # alignments: every path, as it is
    "ctc": lambda log_probabilities, target, blank: ctc(
        [[exp(lp) for lp in row] for row in log_probabilities], target, blank
    ),
    "ctc_of_logits": lambda logits, target, blank: ctc([proportions(row) for row in logits], target, blank),
    "transducer": transducer,
    # criteria: regression, divergence, reductions
    "squared_error": lambda prediction, target: (prediction - target) ** 2,
    "absolute_error": lambda prediction, target: absolute(prediction - target),
    "huber": huber,
    "smooth_l1": smooth_l1,
    "log_cosh": lambda prediction, target: log((exp(prediction - target) + exp(target - prediction)) / 2),
    "gaussian_nll": lambda mean, variance, target: (
        -log(exp(-((target - mean) ** 2) / (2 * variance)) / sqrt(2 * pi * variance))
    ),
    "poisson_nll": lambda log_rate, target: exp(log_rate) - target * log_rate + loggamma(target + 1),
    "kl_divergence": lambda log_q, p: sum(
        p_j * (log(p_j) - log_q_j) for p_j, log_q_j in zip(p, log_q, strict=True)
    ),
    "reduction_mean": lambda losses: sum(losses) / len(losses),
    "reduction_sum": lambda losses: sum(losses, mpf(0)),
    "reduction_batchmean": lambda losses: sum(sum(row) for row in losses) / len(losses),
    "reduction_class_weighted_mean": lambda losses, weights: dot(losses, weights) / sum(weights),
    "reduction_element_weighted_mean": lambda losses, weights: dot(losses, weights) / len(losses),
    "reduction_by_target_length": lambda losses, lengths: (
        sum(l / (u or 1) for l, u in zip(losses, lengths, strict=True)) / len(losses)
    ),
}
