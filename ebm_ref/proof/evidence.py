r"""Evidence: the witnesses of every formula, each a function that yields (claim, holds, figure).

    hand         cases worked by hand                                       relative error <= 1e-15
    autograd     every explicit gradient against autograd                   relative error <= 1e-10
    slope        every explicit gradient against central differences        along random directions
    laws         what the page claims, at random points                     defect <= 1
    identities   what links it to other formulas, at random points          defect <= 1
    oracle       golden vectors, ordinary and hostile                       4 (u C + eta)
    enumeration  the sum over answers, in plain Python loops; quadrature    8 n u S
    mutants      every known mistake is exposed by the case that claims it  beyond 8 (u C + eta)

A witness that does not apply yields one claim, the reason, with holds = None.  The same functions
serve the tests and `ebm-ref verify`, which compares with the shipped vectors and needs no mpmath.

Source: the rules are stated in bounds.py and laws.py.
"""

import functools
import itertools
import math
import operator
import zlib

import autograd
import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.losses.conditions import condition_3, resting_gap
from ebm_ref.proof import golden
from ebm_ref.proof.bounds import measure
from ebm_ref.proof.identities.catalogue import IDENTITIES

SAMPLES = 20


def samples(name, count=SAMPLES):
    """Random inputs of a formula, the same in every run."""
    rng = np.random.default_rng(zlib.crc32(name.encode()) + 1)
    return [FORMULAS[name].bind(**FORMULAS[name].sample(rng)) for _ in range(count)], rng


def relative_error(result, truth):
    """Largest |result - truth| / |truth| over components; equal numbers, NaNs and infinities count as 0."""
    result, truth = np.broadcast_arrays(np.asarray(result, float), np.asarray(truth, float))
    same = (result == truth) | (np.isnan(result) & np.isnan(truth))
    with np.errstate(all="ignore"):
        error = np.where(same, 0.0, np.abs(result - truth) / np.abs(truth))
    return float(np.max(np.where(np.isnan(error), np.inf, error), initial=0.0))


def hand(name):
    """Cases worked by hand, each value and gradient to a relative error of 1e-15."""
    f = FORMULAS[name]
    for case in f.cases:
        truths = {"value": case.value, **case.gradients}
        for output, truth in truths.items():
            with np.errstate(all="ignore"):
                result = (f.value if output == "value" else f.gradients[output])(**case.inputs)
            error = relative_error(result, truth) if np.shape(result) == np.shape(truth) else np.inf
            yield f"{case.name}, {output}", error <= 1e-15, error


def by_autograd(name):
    """Explicit gradients against autograd, relative to their largest component."""
    f = FORMULAS[name]
    for argument, gradient in f.gradients.items():
        position = list(f.shapes).index(argument)
        for i, inputs in enumerate(samples(name)[0]):
            theirs = autograd.jacobian(f.value, position)(*inputs.values())
            error = np.max(np.abs(gradient(**inputs) - theirs)) / max(np.max(np.abs(theirs)), 1e-300)
            yield f"d/d{argument}, sample {i}", bool(error <= 1e-10), float(error)
    if not f.gradients:
        yield "the result is an index", None, None


def slope(name):
    """Explicit gradients against central differences along random directions."""
    f = FORMULAS[name]
    for argument, gradient in f.gradients.items():
        points, rng = samples(name)
        for i, inputs in enumerate(points):
            x, h = inputs[argument], 2.0**-17
            v = rng.normal(size=np.shape(x))
            rise = f.value(**inputs | {argument: x + h * v}) - f.value(**inputs | {argument: x - h * v})
            along = np.sum(gradient(**inputs) * v, axis=tuple(range(-np.ndim(x), 0)))
            # truncation h^2 f'''/6 and rounding u f/h are both about 1e-10 times the third derivative's scale
            error = float(
                np.max(np.abs(rise / (2 * h) - along)) / (1.0 + np.sum(np.abs(gradient(**inputs) * v)))
            )
            yield f"d/d{argument}, sample {i}", error <= 1e-7, error
    if not f.gradients:
        yield "the result is an index", None, None


def laws(name):
    """Every law that the page claims, the worst of random points."""
    f = FORMULAS[name]
    points, rng = samples(name)
    for law in f.laws:
        defect = float(np.max([law(f, inputs, rng) for inputs in points]))  # a NaN prevails
        yield law.__doc__.splitlines()[0], defect <= 1.0, defect
    if not f.laws:
        yield "the page claims none", None, None


def identities(name):
    """Every identity that links the formula to others, the worst of random points."""
    linked = [identity for identity, names in IDENTITIES.items() if name in names]
    for identity in linked:
        claim, holds, defect = _identity(identity)
        yield claim, holds, defect
    if not linked:
        yield "no identity of the catalogue involves it", None, None


@functools.cache
def _identity(identity):
    rng = np.random.default_rng(zlib.crc32(identity.__doc__.encode()))
    defect = float(np.max([identity(rng) for _ in range(SAMPLES)]))
    return identity.__doc__.splitlines()[0], defect <= 1.0, defect


def oracle(name):
    """The golden vectors; the page must match with half the bound that others are given."""
    f = FORMULAS[name]
    for vector in golden.load(name):
        for output in ("value", *vector["gradients"]):
            with np.errstate(all="ignore"):
                result = (f.value if output == "value" else f.gradients[output])(**vector["inputs"])
            error = 2.0 * measure(vector, output, result).fine
            yield f"{vector['id']}, {output}", error <= 1.0, error


def _nll(energies, label, beta):
    return math.log(math.fsum(math.exp(beta * (energies[label] - E)) for E in energies)) / beta


def _mee(energies, label, beta):
    weights = [math.exp(-beta * E) for E in energies]
    return math.fsum(w for j, w in enumerate(weights) if j != label) / math.fsum(weights)


def _violations(energies, label, costs):
    wrong = [j for j in range(len(energies)) if j != label]
    return [max(0.0, costs[j] + energies[label] - energies[j]) for j in wrong]


def _softmax(weights, features, label):
    logits = [math.fsum(w * x for w, x in zip(row, features, strict=True)) for row in weights]
    return math.log(math.fsum(math.exp(t - logits[label]) for t in logits))


def _surprise(scores, label, temperature=1.0):
    return math.log(math.fsum(math.exp((s - scores[label]) / temperature) for s in scores))


def _soft(logits, target):
    return math.fsum(t * _surprise(logits, j) for j, t in enumerate(target))


def _smoothed(logits, label, smoothing):
    even = math.fsum(_surprise(logits, j) for j in range(len(logits))) / len(logits)
    return (1.0 - smoothing) * _surprise(logits, label) + smoothing * even


def _divergence(log_q, p):
    return math.fsum(p_j * (math.log(p_j) - q_j) for q_j, p_j in zip(log_q, p, strict=True))


def _weighted_sum(losses, weights):
    return math.fsum(w * l for l, w in zip(losses, weights, strict=True))


def _per_label(losses, lengths):
    return math.fsum(l / max(u, 1) for l, u in zip(losses, lengths, strict=True)) / len(losses)


def _multi_margin(scores, label, p, margin):
    wrong = [x for i, x in enumerate(scores) if i != label]
    return math.fsum(max(0.0, margin - scores[label] + x) ** p for x in wrong) / len(scores)


def _multilabel_margin(scores, targets):
    right = targets[: targets.index(-1)]
    wrong = set(range(len(scores))) - set(right)
    return math.fsum(max(0.0, 1.0 - scores[j] + scores[i]) for j in right for i in wrong) / len(scores)


def _multilabel_soft_margin(scores, targets):
    terms = (math.log(1.0 + math.exp(-x if t else x)) for x, t in zip(scores, targets, strict=True))
    return math.fsum(terms) / len(scores)


def _spelled(path, blank):
    return [k for t, k in enumerate(path) if k != blank and path[:t][-1:] != (k,)]


def _all_paths(log_probabilities, target, blank):
    t, c = len(log_probabilities), len(log_probabilities[0])
    paths = [path for path in itertools.product(range(c), repeat=t) if _spelled(path, blank) == target]
    scores = (sum(row[k] for row, k in zip(log_probabilities, path, strict=True)) for path in paths)
    return -math.log(math.fsum(map(math.exp, scores)))


def _all_ways(lp, target, blank, i=0, j=0):
    if i == len(lp):
        return float(j == len(target))
    by_label = math.exp(lp[i][j][target[j]]) * _all_ways(lp, target, blank, i, j + 1) if target[j:] else 0.0
    return by_label + math.exp(lp[i][j][blank]) * _all_ways(lp, target, blank, i + 1, j)


def _squared_distance(x, y):
    return math.fsum((a - b) ** 2 for a, b in zip(x, y, strict=True))


def _mixture(point, centers, variances, weights):
    n, rows = len(point), zip(centers, variances, weights, strict=True)
    peaks = (
        w * math.exp(-_squared_distance(point, m) / (2 * v)) / (2 * math.pi * v) ** (n / 2)
        for m, v, w in rows
    )
    return -math.log(math.fsum(peaks))


def _rings(point, radii, variance):
    u = math.fsum(x * x for x in point)
    return -math.log(math.fsum(math.exp(-((u - r * r) ** 2) / (2 * variance)) for r in radii))


def _ellipse_at_origin(axes, beta):
    """By the trapezoidal rule over 64 angles."""
    places = ((axes[0] * math.cos(z), axes[1] * math.sin(z)) for z in (i * math.pi / 32 for i in range(64)))
    return -math.log(math.fsum(math.exp(-beta * (a * a + b * b)) for a, b in places) / 64) / beta


def _path_sums(d):
    """Sums along all monotone paths from the first pair to the last: diagonal steps chosen first."""
    n, m = len(d), len(d[0])
    if n == m == 1:
        return [d[0][0]]
    shorter = [(a, b) for a, b in ((n - 1, m - 1), (n - 1, m), (n, m - 1)) if a and b]
    return [s + d[-1][-1] for a, b in shorter for s in _path_sums([row[:b] for row in d[:a]])]


def _readings(energies, arcs):
    """{what is read: energies of the paths that spell it}, one path after the other."""
    last, found, open_paths = max(to for _, to, _ in arcs), {}, [(0, (), 0.0)]
    while open_paths:
        node, read, energy = open_paths.pop()
        if node == last:
            found.setdefault(read, []).append(energy)
        for e, (start, to, label) in zip(energies, arcs, strict=True):
            if start == node:
                open_paths.append((to, (*read, label), energy + e))
    return found


def _graph_nll(energies, arcs, answer, beta):
    weights = {a: math.fsum(math.exp(-beta * e) for e in E) for a, E in _readings(energies, arcs).items()}
    return math.log(math.fsum(weights.values()) / weights[tuple(answer)]) / beta


def _sequences(unary, pairwise):
    """{sequence: energy} of all label sequences of a chain."""
    moments, labels = range(len(unary)), range(len(unary[0]))
    steps = lambda y: math.fsum(pairwise[i][j] for i, j in itertools.pairwise(y))
    every = itertools.product(labels, repeat=len(unary))
    return {y: math.fsum(unary[t][y[t]] for t in moments) + steps(y) for y in every}


def _chain_nll(unary, pairwise, labels, beta):
    E = _sequences(unary, pairwise)
    return math.log(math.fsum(math.exp(beta * (E[tuple(labels)] - e)) for e in E.values())) / beta


def _chain_hinge(unary, pairwise, labels, margin):
    E = _sequences(unary, pairwise)
    return max(0.0, margin + E[tuple(labels)] - min(e for y, e in E.items() if y != tuple(labels)))


def _chain_margin_rescaled_hinge(unary, pairwise, labels, cost):
    E = _sequences(unary, pairwise)
    mistakes = lambda y: sum(i != j for i, j in zip(y, labels, strict=True))
    return max(cost * mistakes(y) + E[tuple(labels)] - e for y, e in E.items())


def _hidden(parabola, visible_bias, rows, hidden_bias, visible):
    """-log of the sum over all settings of hidden units, for visible units v with weights and biases."""
    own = math.fsum(
        (v - b) ** 2 / 2 if parabola else -b * v for b, v in zip(visible_bias, visible, strict=True)
    )
    drive = lambda j: hidden_bias[j] + math.fsum(v * row[j] for v, row in zip(visible, rows, strict=True))
    settings = itertools.product((0, 1), repeat=len(hidden_bias))
    fields = [drive(j) for j in range(len(hidden_bias))]
    return own - math.log(
        math.fsum(math.exp(math.fsum(f * x for f, x in zip(fields, h, strict=True))) for h in settings)
    )


# the sum or minimum over answers written as a loop, with nothing shared
ENUMERATIONS = {
    "softmax": _softmax,
    "marginal_energy": lambda weights, features: (
        -math.log(math.fsum(math.exp(math.fsum(map(operator.mul, w, features))) for w in weights))
    ),
    "latent_detector_free_energy": lambda weights, windows, threshold, face: (
        min(math.fsum(map(operator.mul, weights, x)) for x in windows) if face else threshold
    ),
    "k_means": lambda centers, point: min(_squared_distance(point, w) for w in centers),
    "mixture": _mixture,
    "rings": _rings,
    "ellipse_free_energy_at_origin": _ellipse_at_origin,
    "most_offending": lambda energies, label: min((E, j) for j, E in enumerate(energies) if j != label)[1],
    "perceptron": lambda energies, label: max(energies[label] - E for E in energies),
    "nll": _nll,
    "mee": _mee,
    "generalized_hinge": lambda energies, label, costs: math.fsum(_violations(energies, label, costs)),
    "margin_rescaled_hinge": lambda energies, label, costs: max(_violations(energies, label, costs)),
    "kl_divergence": _divergence,
    "reduction_mean": lambda losses: math.fsum(losses) / len(losses),
    "reduction_sum": lambda losses: math.fsum(losses),
    "reduction_batchmean": lambda losses: math.fsum(map(math.fsum, losses)) / len(losses),
    "reduction_class_weighted_mean": lambda losses, weights: (
        _weighted_sum(losses, weights) / math.fsum(weights)
    ),
    "reduction_element_weighted_mean": lambda losses, weights: _weighted_sum(losses, weights) / len(losses),
    "reduction_by_target_length": _per_label,
    "cross_entropy": lambda logits, label: _surprise(logits, label),
    "cross_entropy_of_probabilities": _soft,
    "label_smoothing": _smoothed,
    "info_nce": lambda similarities, positive, temperature: _surprise(similarities, positive, temperature),
    "multi_margin": _multi_margin,
    "multilabel_margin": _multilabel_margin,
    "multilabel_soft_margin": _multilabel_soft_margin,
    "ctc": _all_paths,
    "ctc_of_logits": lambda logits, target, blank: _all_paths(
        [[-_surprise(row, k) for k in range(len(row))] for row in logits], target, blank
    ),
    "rbm_free_energy": lambda weights, visible_bias, hidden_bias, visible: _hidden(
        False, visible_bias, weights, hidden_bias, visible
    ),
    "gaussian_rbm_free_energy": lambda weights, visible_bias, hidden_bias, visible: _hidden(
        True, visible_bias, weights, hidden_bias, visible
    ),
    "potts_rbm_free_energy": lambda weights, visible_bias, hidden_bias, labels: _hidden(
        False,
        [b[y] for b, y in zip(visible_bias, labels, strict=True)],
        [w[y] for w, y in zip(weights, labels, strict=True)],
        hidden_bias,
        [1.0] * len(labels),
    ),
    "alignment": lambda distances: min(_path_sums(distances)),
    "soft_alignment": lambda distances, beta: (
        -math.log(math.fsum(math.exp(-beta * s) for s in _path_sums(distances))) / beta
    ),
    "graph_transformer": lambda energies, arcs, answer: min(_readings(energies, arcs)[tuple(answer)]),
    "graph_perceptron": lambda energies, arcs, answer: (
        min(_readings(energies, arcs)[tuple(answer)]) - min(map(min, _readings(energies, arcs).values()))
    ),
    "graph_nll": _graph_nll,
    "chain_nll": _chain_nll,
    "chain_perceptron": lambda unary, pairwise, labels: _chain_margin_rescaled_hinge(
        unary, pairwise, labels, 0.0
    ),
    "chain_hinge": _chain_hinge,
    "chain_margin_rescaled_hinge": _chain_margin_rescaled_hinge,
    "transducer": lambda log_probabilities, target, blank: (
        -math.log(_all_ways(log_probabilities, target, blank))
    ),
}


def enumeration(name):
    """The sum over answers, in plain Python."""
    if name == "integral_table":
        identity = next(i for i in IDENTITIES if i.__name__ == "regression_nll_is_energy_plus_a_constant")
        yield _identity(identity)
    elif name in ENUMERATIONS:
        for i, inputs in enumerate(samples(name)[0]):
            plain = {a: np.asarray(x).tolist() for a, x in inputs.items()}
            truth = ENUMERATIONS[name](**plain)
            probe = {"inputs": inputs, "kinks": {}, "condition": 0.0}
            error = measure(probe, "value", FORMULAS[name].value(**inputs), truth=truth).coarse
            yield f"sample {i}", error <= 1.0, error
    else:
        yield "no sum over answers", None, None


def mutants(name):
    """Every mistake is exposed by the case that claims it: some output is off by more than the bound."""
    f = FORMULAS[name]
    vectors = {vector["id"]: vector for vector in golden.load(name)}
    for variant in f.variants:
        caught = [
            vectors[f"{name}/{golden.slug(case.name)}"] for case in f.cases if case.exposes == variant.name
        ]
        error = max((exposure(variant, vector) for vector in caught), default=0.0)
        if caught or variant.kind == "mistake":
            yield f"{variant.name} ({variant.kind})", error > 1.0, error
    if not f.variants:
        yield "no mistake on record", None, None


def exposure(variant, vector):
    """How far a variant is off on a vector, in units of the bound; 0 where it gives nothing."""
    outputs = {"value": variant.value, **variant.gradients}
    with np.errstate(all="ignore"):
        answers = {o: function(*vector["inputs"].values()) for o, function in outputs.items() if function}
    return max(
        (measure(vector, o, a).fine for o, a in answers.items() if o in {"value", *vector["gradients"]}),
        default=0.0,
    )


WITNESSES = {
    "hand": hand,
    "autograd": by_autograd,
    "slope": slope,
    "laws": laws,
    "identities": identities,
    "oracle": oracle,
    "enumeration": enumeration,
    "mutants": mutants,
}

# Which of these margins condition 3 holds for on the quadrant [0, 4]^2, and the gap E_I - E_C at rest: None
# where nothing acts on E_I, 4 where only the wall of the box stops the force (Table 1 says: > 0).
MARGINS = (0.0, 0.5, 1.0, 2.0)
EXPECTED = {
    "energy": ((), None),
    "perceptron": ((), 0.0),
    "hinge": ((0.0, 0.5), 1.0),
    "log": (MARGINS, 4.0),
    "mce": (MARGINS, 4.0),
    "lvq2": ((), 0.0),
    "lvq2_ratio": ((), 0.0),
    "square_square": ((0.0, 0.5), 1.0),
    "square_exponential": (MARGINS, 4.0),
    "nll": (MARGINS, 4.0),
    "mee": (MARGINS, 4.0),
    "generalized_hinge": ((0.0, 0.5), 1.0),
    "margin_rescaled_hinge": ((0.0, 0.5), 1.0),
}
# Where an LVQ2 loss is saturated it rests at any gap; the 0 of Table 1 is that of the slope between.
UNSATURATED = {"lvq2": {"cap": 8.0}, "lvq2_ratio": {"delta": 64.0}}


def conditions(name):
    """Condition 3 for several margins, and the gap at rest, of a loss; nothing for other formulas."""
    if name not in EXPECTED:
        return
    f, (passing, gap) = FORMULAS[name], EXPECTED[name]
    lowest = 1 / 16 if name == "lvq2_ratio" else 0.0  # a ratio of energies needs E_I > 0
    for margin in MARGINS:
        holds, inside, outside = condition_3(f.value, lambda E_C, E_I: E_I >= lowest, margin, points=33)
        yield (
            f"condition 3 for m = {margin:g}: {'holds' if holds else 'fails'}",
            holds == (margin in passing),
            inside - outside,
        )
    rest = resting_gap(functools.partial(f.gradients["energies"], **UNSATURATED.get(name, {})), lowest=lowest)
    yield f"gap at rest: {'none' if rest is None else f'{rest:g}'}", rest == gap, rest
